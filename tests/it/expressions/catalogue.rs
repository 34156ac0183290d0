//! The catalogue of members as a generator of programs needs it: read from the same tables as the binder reads, by other code.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

/// A type as C# writes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ty {
    Named(String, Vec<Ty>),
    Array(Box<Ty>),
    /// A generic parameter, of the type or of the method.
    Open(String),
}

impl Ty {
    pub fn named(name: &str) -> Self {
        Self::Named(name.to_owned(), Vec::new())
    }

    pub fn of(name: &str, arguments: &[Ty]) -> Self {
        Self::Named(name.to_owned(), arguments.to_vec())
    }

    pub fn array(element: Ty) -> Self {
        Self::Array(Box::new(element))
    }

    pub fn name(&self) -> &str {
        match self {
            Self::Named(name, _) | Self::Open(name) => name,
            Self::Array(_) => "[]",
        }
    }

    pub fn arguments(&self) -> &[Ty] {
        match self {
            Self::Named(_, arguments) => arguments,
            Self::Array(element) => std::slice::from_ref(element),
            Self::Open(_) => &[],
        }
    }

    pub fn is_open(&self) -> bool {
        matches!(self, Self::Open(_)) || self.arguments().iter().any(Ty::is_open)
    }

    pub fn substitute(&self, with: &BTreeMap<String, Ty>) -> Ty {
        match self {
            Self::Open(name) => with.get(name).cloned().unwrap_or_else(|| self.clone()),
            Self::Array(element) => Self::array(element.substitute(with)),
            Self::Named(name, arguments) => Self::Named(name.clone(), arguments.iter().map(|one| one.substitute(with)).collect()),
        }
    }

    /// Binds the open parameters of `self` so that it is `wanted`.
    pub fn unify(&self, wanted: &Ty, bound: &mut BTreeMap<String, Ty>) -> bool {
        match (self, wanted) {
            (Self::Open(name), _) => match bound.get(name) {
                Some(found) => found == wanted,
                None => bound.insert(name.clone(), wanted.clone()).is_none(),
            },
            (Self::Array(one), Self::Array(two)) => one.unify(two, bound),
            (Self::Named(one, left), Self::Named(two, right)) => {
                one == two && left.len() == right.len() && left.iter().zip(right).all(|(left, right)| left.unify(right, bound))
            }
            _ => false,
        }
    }

    fn parse(text: &str, open: &[String]) -> Self {
        let text = text.trim();
        if let Some(inner) = text.strip_suffix("[]") {
            return Self::array(Self::parse(inner, open));
        }
        if let Some(inner) = text.strip_suffix('?') {
            return Self::of("Nullable", &[Self::parse(inner, open)]);
        }
        if open.iter().any(|name| name == text) {
            return Self::Open(text.to_owned());
        }
        if let Some((name, arguments)) = text.split_once('<') {
            let arguments = split(arguments.strip_suffix('>').unwrap()).into_iter().map(|one| Self::parse(one, open)).collect();
            return Self::Named(name.to_owned(), arguments);
        }
        Self::named(text)
    }
}

impl fmt::Display for Ty {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Array(element) => write!(formatter, "{element}[]"),
            Self::Named(name, arguments) if name == "Nullable" && arguments.len() == 1 => write!(formatter, "{}?", arguments[0]),
            Self::Named(name, arguments) if !arguments.is_empty() => {
                let list: Vec<String> = arguments.iter().map(Ty::to_string).collect();
                write!(formatter, "{name}<{}>", list.join(", "))
            }
            Self::Named(name, _) | Self::Open(name) => formatter.write_str(name),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passing {
    Value,
    Out,
    Ref,
    Params,
}

#[derive(Debug, Clone)]
pub struct Parameter {
    pub name: String,
    pub ty: Ty,
    pub passing: Passing,
    pub optional: bool,
}

#[derive(Debug, Clone)]
pub struct Member {
    /// Index of the type that declares it.
    pub owner: usize,
    pub name: String,
    /// As the table writes it: `c v f p i m o`.
    pub kind: char,
    pub is_static: bool,
    pub extension: bool,
    pub generics: Vec<String>,
    pub parameters: Vec<Parameter>,
    pub result: Ty,
    pub writable: bool,
    /// Younger than the .NET Framework, so that Mono has it not.
    pub younger: bool,
    pub allowed: bool,
    pub key: String,
}

#[derive(Debug, Clone)]
pub struct Definition {
    /// The keyword if there is one, else the short name.
    pub name: String,
    pub kind: String,
    pub parameters: Vec<String>,
    pub base: Option<Ty>,
    pub interfaces: Vec<Ty>,
    pub listed: bool,
}

impl Definition {
    /// The type with its own parameters as arguments.
    pub fn ty(&self) -> Ty {
        Ty::Named(self.name.clone(), self.parameters.iter().cloned().map(Ty::Open).collect())
    }
}

#[derive(Debug)]
pub struct Table {
    pub types: Vec<Definition>,
    pub members: Vec<Member>,
    by_name: BTreeMap<(String, usize), usize>,
}

impl Table {
    pub fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/expression/catalogue");
        let mut table = Self { types: Vec::new(), members: Vec::new(), by_name: BTreeMap::new() };
        for file in ["types.txt", "context.txt"] {
            for line in std::fs::read_to_string(root.join(file)).unwrap().lines() {
                match line.strip_prefix("T\t") {
                    Some(head) => table.definition(head),
                    None => table.member(line),
                }
            }
        }
        assert!(table.members.len() > 3_000, "the table was not read: {}", table.members.len());
        table
    }

    fn definition(&mut self, head: &str) {
        let fields: Vec<&str> = head.split('\t').collect();
        let short = if fields[1] == "System.Xml.Linq.Extensions" { "XmlExtensions" } else { fields[1].rsplit('.').next().unwrap() };
        let keyword = fields.get(6).copied().unwrap_or_default();
        let name = if keyword.is_empty() { short } else { keyword };
        let parameters: Vec<String> =
            fields[2].split(',').filter(|name| !name.is_empty()).map(|name| name.rsplit(' ').next().unwrap().to_owned()).collect();
        let base = (!fields[3].is_empty()).then(|| Ty::parse(fields[3], &parameters));
        let interfaces = fields[4].split(';').filter(|name| !name.is_empty()).map(|name| Ty::parse(name, &parameters)).collect();
        self.by_name.insert((name.to_owned(), parameters.len()), self.types.len());
        self.types.push(Definition {
            name: name.to_owned(),
            kind: fields[0].to_owned(),
            parameters,
            base,
            interfaces,
            listed: fields[5] != "unlisted",
        });
    }

    fn member(&mut self, line: &str) {
        let Some((flags, rest)) = line.split_once(' ') else { return };
        let owner = self.types.len() - 1;
        let definition = &self.types[owner];
        let short = |name: &str| if name == definition.name { keyword_type(name).to_owned() } else { name.to_owned() };
        let holder = short(&definition.name);
        let kind = flags.chars().nth(1).unwrap();
        let mut member = Member {
            owner,
            name: String::new(),
            kind,
            is_static: flags[2..].contains('s') || kind == 'v',
            extension: flags[2..].contains('x'),
            generics: Vec::new(),
            parameters: Vec::new(),
            result: Ty::named("void"),
            writable: false,
            younger: flags.starts_with('='),
            allowed: !flags.starts_with('-'),
            key: String::new(),
        };
        match kind {
            'v' => {
                member.name = rest.split_once('=').unwrap().0.to_owned();
                member.key = format!("{holder}.{}", member.name);
                member.result = definition.ty();
            }
            'f' | 'p' => {
                let (name, rest) = rest.split_once(':').unwrap();
                let (ty, access) = rest.rsplit_once(' ').unwrap_or((rest, "g"));
                member.name = name.to_owned();
                member.key = format!("{holder}.{name}");
                member.result = Ty::parse(ty, &definition.parameters);
                member.writable = access.contains('s');
            }
            _ => {
                let open = rest.find(if kind == 'i' { '[' } else { '(' }).unwrap();
                let close = closing(rest, open);
                let (name, generics) = rest[..open].split_once('<').unwrap_or((&rest[..open], ""));
                member.name = name.to_owned();
                member.generics = generics.trim_end_matches('>').split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
                let mut names = definition.parameters.clone();
                names.extend(member.generics.iter().cloned());
                let mut shown = Vec::new();
                for part in split(&rest[open + 1..close]) {
                    let (text, optional) = part.trim().split_once('=').map_or((part.trim(), false), |(text, _)| (text, true));
                    let (passing, text) = [("out ", Passing::Out), ("ref ", Passing::Ref), ("params ", Passing::Params)]
                        .into_iter()
                        .find_map(|(word, passing)| Some((passing, text.strip_prefix(word)?)))
                        .unwrap_or((Passing::Value, text));
                    let (ty, name) = text.rsplit_once(' ').unwrap();
                    shown.push(ty.to_owned());
                    member.parameters.push(Parameter { name: name.to_owned(), ty: Ty::parse(ty, &names), passing, optional });
                }
                let result = &rest[close + 2..];
                let (result, access) = if kind == 'i' { result.rsplit_once(' ').unwrap_or((result, "g")) } else { (result, "") };
                member.writable = access.contains('s');
                member.result = if kind == 'c' { definition.ty() } else { Ty::parse(result, &names) };
                let called = if kind == 'c' { "new" } else { name };
                let generic = if shown.is_empty() && !member.generics.is_empty() {
                    format!("<{}>", member.generics.join(","))
                } else {
                    String::new()
                };
                member.key = format!("{holder}.{called}{generic}({})", shown.join(","));
                if name.starts_with("op_Ex") || name.starts_with("op_Im") {
                    member.key = format!("{}:{result}", member.key);
                }
            }
        }
        self.members.push(member);
    }

    pub fn definition_of(&self, ty: &Ty) -> Option<&Definition> {
        Some(&self.types[*self.by_name.get(&(ty.name().to_owned(), ty.arguments().len()))?])
    }

    /// The keys of members that this program emulates and a generator can call.
    pub fn emulated() -> BTreeSet<String> {
        apimctl::expression::emulated_members().into_iter().collect()
    }

    /// Itself and everything that it converts to by reference, without variance.
    pub fn supers(&self, ty: &Ty) -> Vec<Ty> {
        let mut list = vec![ty.clone()];
        let mut at = 0;
        while at < list.len() {
            let one = list[at].clone();
            at += 1;
            if let Ty::Array(element) = &one {
                list.push(Ty::of("IEnumerable", &[(**element).clone()]));
                continue;
            }
            let Some(definition) = self.definition_of(&one) else { continue };
            let with: BTreeMap<String, Ty> = definition.parameters.iter().cloned().zip(one.arguments().iter().cloned()).collect();
            for next in definition.base.iter().chain(&definition.interfaces) {
                let next = next.substitute(&with);
                if !list.contains(&next) {
                    list.push(next);
                }
            }
        }
        list
    }

    pub fn is_value_type(&self, ty: &Ty) -> bool {
        self.definition_of(ty).is_some_and(|definition| matches!(definition.kind.as_str(), "struct" | "enum"))
    }
}

/// `Int32` for `int`: the keys have the type's own name.
fn keyword_type(name: &str) -> &str {
    match name {
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
        other => other,
    }
}

fn closing(text: &str, open: usize) -> usize {
    let mut depth = 0;
    for (index, byte) in text.bytes().enumerate().skip(open) {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return index;
                }
            }
            _ => {}
        }
    }
    panic!("no end: {text}")
}

/// At commas outside of angle brackets.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'<' => depth += 1,
            b'>' => depth -= 1,
            b',' if depth == 0 => {
                parts.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    if !text[start..].trim().is_empty() {
        parts.push(&text[start..]);
    }
    parts
}
