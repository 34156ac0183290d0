//! Reads one line of the table.

use super::{Definition, Kind, Member, MemberKind, Parameter, Passing};
use crate::expression::types::{self, Shape, Type};

/// A member line; `None` for a line that is none.
pub(super) fn member(owner: &'static Definition, line: &'static str) -> Option<Member> {
    let (flags, rest) = line.split_once(' ')?;
    let mut flags = flags.chars();
    let allowed = flags.next()? != '-';
    let kind = match flags.next()? {
        'c' => MemberKind::Constructor,
        'v' => MemberKind::Value,
        'f' => MemberKind::Field,
        'p' => MemberKind::Property,
        'i' => MemberKind::Indexer,
        'm' => MemberKind::Method,
        'o' => MemberKind::Operator,
        _ => return None,
    };
    let rest_flags: &str = flags.as_str();
    let is_static = rest_flags.contains('s') || kind == MemberKind::Value;
    let extension = rest_flags.contains('x');
    let void = types::known_void();
    let mut member = Member {
        name: "",
        kind,
        allowed,
        is_static,
        extension,
        generics: Vec::new(),
        parameters: Vec::new(),
        result: void,
        writable: false,
        value: 0,
        key: String::new(),
        native: None,
        setter: None,
        of_class: !matches!(owner.kind, Kind::Struct | Kind::Enum),
    };
    match kind {
        MemberKind::Value => {
            let (name, value) = rest.split_once('=')?;
            member.name = name;
            member.value = value.parse().unwrap_or(0);
            member.key = format!("{}.{name}", owner.name);
            member.result = types::intern(Shape::Named(owner, Box::default()));
        }
        MemberKind::Field | MemberKind::Property => {
            let (name, rest) = rest.split_once(':')?;
            let (ty, access) = rest.rsplit_once(' ').unwrap_or((rest, "g"));
            member.name = name;
            member.result = parse_type(ty, owner, &[]);
            member.writable = access.contains('s');
            member.key = format!("{}.{name}", owner.name);
        }
        MemberKind::Indexer | MemberKind::Constructor | MemberKind::Method | MemberKind::Operator => {
            let open = rest.find(if kind == MemberKind::Indexer { '[' } else { '(' })?;
            let close = closing(rest, open)?;
            let head = &rest[..open];
            let (name, generics) = head.split_once('<').map_or((head, ""), |(name, generics)| (name, generics.trim_end_matches('>')));
            member.name = name;
            member.generics = generics.split(',').filter(|name| !name.is_empty()).collect();
            for part in split(&rest[open + 1..close]) {
                member.parameters.push(parameter(part.trim(), owner, &member.generics)?);
            }
            let result = rest[close + 1..].strip_prefix(':')?;
            let (result, access) = match kind {
                MemberKind::Indexer => result.rsplit_once(' ').unwrap_or((result, "g")),
                _ => (result, ""),
            };
            member.writable = access.contains('s');
            member.result = parse_type(result, owner, &member.generics);
            let types: Vec<String> = split(&rest[open + 1..close]).iter().filter_map(|part| short(part.trim())).collect();
            let shown = if kind == MemberKind::Constructor { "new" } else { name };
            // Without parameters only the generic ones tell `Children()` from `Children<T>()`.
            let generic =
                if types.is_empty() && !member.generics.is_empty() { format!("<{}>", member.generics.join(",")) } else { String::new() };
            member.key = format!("{}.{shown}{generic}({})", owner.name, types.join(","));
            if kind == MemberKind::Operator && name.starts_with("op_Ex") || name.starts_with("op_Im") {
                member.key = format!("{}:{result}", member.key);
            }
            if owner.kind == Kind::Delegate {
                member.key = "delegate".to_owned();
            }
        }
    }
    Some(member)
}

/// The type part of a parameter's text.
fn short(text: &str) -> Option<String> {
    let text = ["out ", "ref ", "params "].iter().fold(text, |text, mode| text.strip_prefix(mode).unwrap_or(text));
    let text = text.split('=').next()?;
    Some(text.rsplit_once(' ').map_or(text, |(ty, _)| ty).to_owned())
}

fn parameter(text: &'static str, owner: &'static Definition, generics: &[&'static str]) -> Option<Parameter> {
    let (text, default) = text.split_once('=').map_or((text, None), |(text, default)| (text, Some(default)));
    let (passing, text) = if let Some(text) = text.strip_prefix("out ") {
        (Passing::Out, text)
    } else if let Some(text) = text.strip_prefix("ref ") {
        (Passing::Ref, text)
    } else if let Some(text) = text.strip_prefix("params ") {
        (Passing::Params, text)
    } else {
        (Passing::Value, text)
    };
    let (ty, name) = text.rsplit_once(' ')?;
    Some(Parameter { name, ty: parse_type(ty, owner, generics), passing, default })
}

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
fn split(text: &'static str) -> Vec<&'static str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0usize, 0);
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'<' => depth += 1,
            b'>' => depth = depth.saturating_sub(1),
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

/// A type as the table writes it.
pub(super) fn parse_type(text: &'static str, owner: &'static Definition, generics: &[&str]) -> Type {
    let text = text.trim();
    if let Some(inner) = text.strip_suffix("[]") {
        return types::array(parse_type(inner, owner, generics));
    }
    if let Some(inner) = text.strip_suffix('?') {
        return types::nullable(parse_type(inner, owner, generics));
    }
    let index = |index: usize| u8::try_from(index).unwrap_or(0);
    if let Some(found) = generics.iter().position(|name| *name == text) {
        return types::intern(Shape::MethodParameter(index(found)));
    }
    if let Some(found) = owner.parameters.iter().position(|parameter| parameter.name == text) {
        return types::intern(Shape::TypeParameter(index(found)));
    }
    if text == "void" {
        return types::known_void();
    }
    if let Some((name, arguments)) = text.split_once('<') {
        let arguments: Vec<Type> = split(arguments.strip_suffix('>').unwrap_or(arguments))
            .into_iter()
            .map(|argument| parse_type(argument, owner, generics))
            .collect();
        return types::generic(name, &arguments);
    }
    types::named(super::keyword(text).unwrap_or(text))
}
