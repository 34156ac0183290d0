//! Members and types from the lines of the table.

use super::lines::{Line, Mode, TypeText, type_text};
use super::{Definition, Kind, Member, MemberKind, Parameter, Passing, lines};
use crate::expression::types::{self, Shape, Type};

/// A member line; `None` for a line that is none.
pub(super) fn member(owner: &'static Definition, line: &'static str) -> Option<Member> {
    let line = Line::read(line)?;
    let kind = match line.kind {
        'c' => MemberKind::Constructor,
        'v' => MemberKind::Value,
        'f' => MemberKind::Field,
        'p' => MemberKind::Property,
        'i' => MemberKind::Indexer,
        'm' => MemberKind::Method,
        _ => MemberKind::Operator,
    };
    let parameters = line.parameters.iter().map(|written| Parameter {
        name: written.name,
        ty: parse_type(written.ty, owner, &line.generics),
        passing: match written.mode {
            Mode::Value => Passing::Value,
            Mode::Out => Passing::Out,
            Mode::Ref => Passing::Ref,
            Mode::Params => Passing::Params,
        },
        default: written.default,
    });
    Some(Member {
        name: line.name,
        kind,
        allowed: line.mark != '-',
        is_static: line.is_static,
        extension: line.extension,
        parameters: parameters.collect(),
        result: if kind == MemberKind::Value {
            types::intern(Shape::Named(owner, Box::default()))
        } else {
            parse_type(line.result, owner, &line.generics)
        },
        writable: line.writable,
        value: if kind == MemberKind::Value { line.result.parse().unwrap_or(0) } else { 0 },
        key: if owner.kind == Kind::Delegate { "delegate".to_owned() } else { line.key(owner.name) },
        native: None,
        setter: None,
        of_class: !matches!(owner.kind, Kind::Struct | Kind::Enum),
        generics: line.generics,
    })
}

/// A type as the table writes it.
pub(super) fn parse_type(text: &'static str, owner: &'static Definition, generics: &[&str]) -> Type {
    let index = |index: usize| u8::try_from(index).unwrap_or(0);
    match type_text(text) {
        TypeText::Array(inner) => types::array(parse_type(inner, owner, generics)),
        TypeText::Nullable(inner) => types::nullable(parse_type(inner, owner, generics)),
        TypeText::Generic(name, arguments) => {
            let arguments: Vec<Type> = arguments.into_iter().map(|argument| parse_type(argument, owner, generics)).collect();
            types::generic(name, &arguments)
        }
        TypeText::Name("void") => types::known_void(),
        TypeText::Name(name) => {
            if let Some(found) = generics.iter().position(|own| *own == name) {
                return types::intern(Shape::MethodParameter(index(found)));
            }
            if let Some(found) = owner.parameters.iter().position(|parameter| parameter.name == name) {
                return types::intern(Shape::TypeParameter(index(found)));
            }
            types::named(lines::keyword(name).unwrap_or(name))
        }
    }
}
