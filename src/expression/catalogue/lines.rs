//! The lines of the table of types, taken apart as text. It depends on nothing, and the tests read the table through this file too.

/// How a parameter is passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Value,
    Out,
    Ref,
    Params,
}

/// A parameter as it is written.
#[derive(Debug)]
pub(crate) struct Written<'t> {
    pub(crate) mode: Mode,
    pub(crate) ty: &'t str,
    pub(crate) name: &'t str,
    pub(crate) default: Option<&'t str>,
}

/// A member's line.
#[derive(Debug)]
pub(crate) struct Line<'t> {
    /// `+` allowed, `=` allowed and younger than .NET Framework, `-` refused.
    pub(crate) mark: char,
    /// `c v f p i m o`.
    pub(crate) kind: char,
    pub(crate) is_static: bool,
    pub(crate) extension: bool,
    pub(crate) name: &'t str,
    pub(crate) generics: Vec<&'t str>,
    pub(crate) parameters: Vec<Written<'t>>,
    /// The type of its value; of an enum's value the number.
    pub(crate) result: &'t str,
    pub(crate) writable: bool,
}

impl<'t> Line<'t> {
    /// Reads a line; nothing for one that is none.
    pub(crate) fn read(line: &'t str) -> Option<Self> {
        let (flags, rest) = line.split_once(' ')?;
        let mut marks = flags.chars();
        let (mark, kind) = (marks.next()?, marks.next()?);
        let more = marks.as_str();
        let mut read = Self {
            mark,
            kind,
            is_static: more.contains('s') || kind == 'v',
            extension: more.contains('x'),
            name: "",
            generics: Vec::new(),
            parameters: Vec::new(),
            result: "void",
            writable: false,
        };
        match kind {
            'v' => (read.name, read.result) = rest.split_once('=')?,
            'f' | 'p' => {
                let (name, rest) = rest.split_once(':')?;
                let (ty, access) = rest.rsplit_once(' ').unwrap_or((rest, "g"));
                (read.name, read.result, read.writable) = (name, ty, access.contains('s'));
            }
            'c' | 'i' | 'm' | 'o' => {
                let open = rest.find(if kind == 'i' { '[' } else { '(' })?;
                let close = closing(rest, open)?;
                let (head, tail) = (rest.get(..open)?, rest.get(close + 1..)?.strip_prefix(':')?);
                let (name, generics) = head.split_once('<').map_or((head, ""), |(name, generics)| (name, generics.trim_end_matches('>')));
                let (result, access) = if kind == 'i' { tail.rsplit_once(' ').unwrap_or((tail, "g")) } else { (tail, "") };
                (read.name, read.result, read.writable) = (name, result, access.contains('s'));
                read.generics = generics.split(',').filter(|name| !name.is_empty()).collect();
                read.parameters = split(rest.get(open + 1..close)?).into_iter().map(parameter).collect::<Option<_>>()?;
            }
            _ => return None,
        }
        Some(read)
    }

    /// `Type.Name(parameter types)`, which names the member everywhere.
    pub(crate) fn key(&self, holder: &str) -> String {
        if matches!(self.kind, 'v' | 'f' | 'p') {
            return format!("{holder}.{}", self.name);
        }
        let called = if self.kind == 'c' { "new" } else { self.name };
        // Without parameters only the generic ones tell `Children()` from `Children<T>()`.
        let generic =
            if self.parameters.is_empty() && !self.generics.is_empty() { format!("<{}>", self.generics.join(",")) } else { String::new() };
        let types: Vec<&str> = self.parameters.iter().map(|parameter| parameter.ty).collect();
        let key = format!("{holder}.{called}{generic}({})", types.join(","));
        if self.name.starts_with("op_Ex") || self.name.starts_with("op_Im") { format!("{key}:{}", self.result) } else { key }
    }
}

fn parameter(text: &str) -> Option<Written<'_>> {
    let text = text.trim();
    let (text, default) = text.split_once('=').map_or((text, None), |(text, default)| (text, Some(default)));
    let (mode, text) = [("out ", Mode::Out), ("ref ", Mode::Ref), ("params ", Mode::Params)]
        .into_iter()
        .find_map(|(word, mode)| Some((mode, text.strip_prefix(word)?)))
        .unwrap_or((Mode::Value, text));
    let (ty, name) = text.rsplit_once(' ')?;
    Some(Written { mode, ty, name, default })
}

/// What a type's text is made of.
#[derive(Debug)]
pub(crate) enum TypeText<'t> {
    /// `T[]`.
    Array(&'t str),
    /// `T?`.
    Nullable(&'t str),
    /// `Name<A,B>`.
    Generic(&'t str, Vec<&'t str>),
    Name(&'t str),
}

/// Takes a type's text apart by one step.
pub(crate) fn type_text(text: &str) -> TypeText<'_> {
    let text = text.trim();
    if let Some(inner) = text.strip_suffix("[]") {
        return TypeText::Array(inner);
    }
    if let Some(inner) = text.strip_suffix('?') {
        return TypeText::Nullable(inner);
    }
    match text.split_once('<') {
        Some((name, arguments)) => TypeText::Generic(name, split(arguments.strip_suffix('>').unwrap_or(arguments))),
        None => TypeText::Name(text),
    }
}

/// A type's own line, without its `T`.
#[derive(Debug)]
pub(crate) struct Head<'t> {
    pub(crate) kind: &'t str,
    pub(crate) full: &'t str,
    /// The short name, by which it is known everywhere.
    pub(crate) name: &'t str,
    /// Generic parameters, each behind its variance: `in T`, `out T`.
    pub(crate) parameters: Vec<&'t str>,
    pub(crate) base: &'t str,
    pub(crate) interfaces: Vec<&'t str>,
    pub(crate) listed: bool,
    pub(crate) keyword: &'t str,
}

impl<'t> Head<'t> {
    pub(crate) fn read(head: &'t str) -> Option<Self> {
        let mut fields = head.split('\t');
        let mut next = || fields.next();
        let (kind, full, parameters, base, interfaces, rule) = (next()?, next()?, next()?, next()?, next()?, next()?);
        // Two classes of that name would be one.
        let name = if full == "System.Xml.Linq.Extensions" { "XmlExtensions" } else { full.rsplit('.').next()? };
        let list = |text: &'t str, at: char| text.split(at).filter(|part| !part.is_empty()).collect();
        Some(Self {
            kind,
            full,
            name,
            parameters: list(parameters, ','),
            base,
            interfaces: list(interfaces, ';'),
            listed: rule != "unlisted",
            keyword: fields.next().unwrap_or_default(),
        })
    }
}

/// The type's name behind a keyword.
pub(crate) fn keyword(name: &str) -> Option<&'static str> {
    Some(match name {
        "bool" => "Boolean",
        "byte" => "Byte",
        "sbyte" => "SByte",
        "short" => "Int16",
        "ushort" => "UInt16",
        "int" => "Int32",
        "uint" => "UInt32",
        "long" => "Int64",
        "ulong" => "UInt64",
        "char" => "Char",
        "float" => "Single",
        "double" => "Double",
        "decimal" => "Decimal",
        "string" => "String",
        "object" => "Object",
        _ => return None,
    })
}

/// The place of the bracket that closes the one at `open`.
fn closing(text: &str, open: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (index, byte) in text.bytes().enumerate().skip(open) {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return Some(index);
                }
            }
            _ => {}
        }
    }
    None
}

/// Splits at commas outside of angle brackets.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0usize, 0);
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'<' => depth += 1,
            b'>' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                parts.extend(text.get(start..index));
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.extend(text.get(start..).filter(|rest| !rest.trim().is_empty()));
    parts
}
