//! Names and members: what stands left and right of a dot.

use super::{Binder, Bound, ProblemKind, problem, refuse};
use crate::expression::bound::{Expr, ExprKind, absent, setter};
use crate::expression::catalogue::{self, Kind, Member, MemberKind};
use crate::expression::syntax::{Node, NodeKind, TypeSyntax};
use crate::expression::types::{self, Shape, Type, known};

/// What a name or member means.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// A value, and for a local also where it can be assigned.
    Value(Expr),
    Element(Expr, Expr),
    Property {
        member: &'static Member,
        receiver: Option<Expr>,
        arguments: Vec<Expr>,
        types: Vec<Type>,
        ty: Type,
    },
    Type(Type),
}

impl Place {
    pub(super) fn ty(&self, at: usize) -> Bound<Type> {
        match self {
            Self::Value(value) => Ok(value.ty),
            Self::Element(array, _) => array.ty.element().map_or_else(|| refuse(at, "no array"), Ok),
            Self::Property { ty, .. } => Ok(*ty),
            Self::Type(ty) => refuse(at, format!("`{ty}' is a `type' but a `variable' was expected")),
        }
    }
}

/// Whether the list allows a member; the message if not.
pub(super) fn allowed(at: usize, member: &Member) -> Bound<()> {
    if member.allowed {
        Ok(())
    } else {
        Err(problem(at, ProblemKind::NotAllowed, format!("`{}` is not on the list of members that a policy may use", member.key)))
    }
}

impl Binder {
    /// Resolves a name, member or indexer.
    pub(super) fn place(&mut self, node: &Node) -> Bound<Place> {
        let at = node.at;
        match &node.kind {
            NodeKind::Name(name, arguments) => {
                if arguments.is_empty()
                    && let Some(value) = self.name(at, name)
                {
                    return Ok(Place::Value(value));
                }
                match self.type_named(at, name, arguments)? {
                    Some(ty) => Ok(Place::Type(ty)),
                    None => refuse(at, format!("The name `{name}' does not exist in the current context")),
                }
            }
            NodeKind::Keyword(word) => Ok(Place::Type(types::named(catalogue::keyword(word).unwrap_or(word)))),
            NodeKind::Member(target, name, arguments) => {
                if let Some(full) = dotted(node)
                    && self.root_is_free(target)
                    && let Some(ty) = self.type_named(at, &full, arguments)?
                {
                    return Ok(Place::Type(ty));
                }
                let target = if let NodeKind::Name(..) | NodeKind::Member(..) | NodeKind::Keyword(_) = target.kind {
                    match self.place(target) {
                        Err(found) if self.root_is_free(target) && is_unknown_name(&found) => {
                            let full = dotted(node).unwrap_or_else(|| name.clone());
                            let message = format!("`{full}` does not exist, or is not on the list of types that a policy may use");
                            return Err(problem(at, ProblemKind::NotAllowed, message));
                        }
                        other => other?,
                    }
                } else {
                    Place::Value(self.expression(target)?)
                };
                self.member(at, target, name)
            }
            NodeKind::Index(target, arguments) => {
                let target = self.expression(target)?;
                self.index(at, target, arguments)
            }
            _ => Ok(Place::Value(self.expression(node)?)),
        }
    }

    /// Whether the first word of a dotted name is no variable.
    fn root_is_free(&self, node: &Node) -> bool {
        match &node.kind {
            NodeKind::Name(name, _) => self.lookup(name).is_none() && name != "context",
            NodeKind::Member(target, ..) => self.root_is_free(target),
            _ => false,
        }
    }

    /// The type of that name; an unlisted one is refused, an unknown one is nothing.
    fn type_named(&mut self, at: usize, name: &str, arguments: &[TypeSyntax]) -> Bound<Option<Type>> {
        if catalogue::resolve(name, arguments.len()).is_none() {
            return Ok(None);
        }
        let syntax = TypeSyntax { at, kind: crate::expression::syntax::TypeSyntaxKind::Name(name.to_owned(), arguments.to_vec()) };
        self.resolve_type(&syntax).map(Some)
    }

    /// `target.name`, which is no call.
    pub(super) fn member(&mut self, at: usize, target: Place, name: &str) -> Bound<Place> {
        match target {
            Place::Type(ty) => self.static_member(at, ty, name),
            target => {
                let value = self.read(at, target)?;
                self.instance_member(at, value, name)
            }
        }
    }

    fn static_member(&mut self, at: usize, ty: Type, name: &str) -> Bound<Place> {
        for base in ty.bases().iter().copied() {
            let Some(definition) = base.definition() else { continue };
            let found = definition.members().iter().find(|member| {
                member.name == name
                    && member.is_static
                    && matches!(member.kind, MemberKind::Value | MemberKind::Field | MemberKind::Property)
            });
            if let Some(member) = found {
                allowed(at, member)?;
                let result = member.result.substitute(base.arguments(), &[]);
                if member.kind == MemberKind::Value {
                    self.values.push(&member.key);
                    let value = crate::expression::value::Value::Enum(ty, member.value);
                    return Ok(Place::Value(Expr::constant(at, ty, value)));
                }
                if member.kind == MemberKind::Field
                    && let Some(value) = super::constants::of(base, member)
                {
                    self.values.push(&member.key);
                    return Ok(Place::Value(Expr::constant(at, result, value)));
                }
                return Ok(Place::Property { member, receiver: None, arguments: Vec::new(), types: base.arguments().to_vec(), ty: result });
            }
            if definition.members().iter().any(|member| member.name == name && !member.is_static && member.kind == MemberKind::Property) {
                return refuse(at, format!("An object reference is required to access non-static member `{}.{name}'", ty));
            }
        }
        super::unknown_member(at, ty, name, format!("`{ty}' does not contain a definition for `{name}'"))
    }

    pub(super) fn instance_member(&mut self, at: usize, value: Expr, name: &str) -> Bound<Place> {
        if value.ty == known().void {
            return refuse(at, "The `.' operator can not be applied to operands of type `void'");
        }
        if let Shape::Anonymous(fields) = value.ty.shape()
            && let Some(index) = fields.iter().position(|(field, _)| field == name)
        {
            let kind = ExprKind::Field(Box::new(value), u32::try_from(index).unwrap_or(0));
            return Ok(Place::Value(Expr { at, ty: fields[index].1, kind }));
        }
        if let Shape::Tuple(fields) = value.ty.shape() {
            let item = name.strip_prefix("Item").and_then(|digits| digits.parse::<usize>().ok()).map(|index| index.wrapping_sub(1));
            let index = fields.iter().position(|(field, _)| field.as_deref() == Some(name)).or(item);
            if let Some((index, field)) = index.and_then(|index| Some((index, fields.get(index)?))) {
                let kind = ExprKind::Field(Box::new(value), u32::try_from(index).unwrap_or(0));
                return Ok(Place::Value(Expr { at, ty: field.1, kind }));
            }
        }
        let found = lookup(value.ty, name, |member| !member.is_static && matches!(member.kind, MemberKind::Property | MemberKind::Field));
        if let Some((holder, member)) = found {
            allowed(at, member)?;
            let ty = member.result.substitute(holder.arguments(), &[]);
            return Ok(Place::Property { member, receiver: Some(value), arguments: Vec::new(), types: holder.arguments().to_vec(), ty });
        }
        if lookup(value.ty, name, |member| member.kind == MemberKind::Method).is_some() || !catalogue::extensions(name).is_empty() {
            return refuse(at, format!("The method group `{name}' is not a value here (are you missing parentheses?)"));
        }
        if lookup(value.ty, name, |member| member.is_static).is_some() {
            return refuse(
                at,
                format!(
                    "Static member `{}.{name}' cannot be accessed with an instance reference, qualify it with a type name instead",
                    value.ty
                ),
            );
        }
        super::unknown_member(at, value.ty, name, format!("Type `{}' does not contain a definition for `{name}'", value.ty))
    }

    fn index(&mut self, at: usize, target: Expr, arguments: &[crate::expression::syntax::Argument]) -> Bound<Place> {
        if target.ty.element().is_some() {
            let [argument] = arguments else { return refuse(at, "Wrong number of indexes inside `[]'") };
            let index = self.expression(&argument.value)?;
            let int32 = known().int32;
            let index = if Self::implicit(index.ty, index.value(), int32).is_some() {
                self.convert(index, int32)?
            } else {
                self.convert(index, known().int64)?
            };
            return Ok(Place::Element(target, index));
        }
        let mut candidates = Vec::new();
        for holder in holders(target.ty) {
            let Some(definition) = holder.definition() else { continue };
            for member in definition.members().iter().filter(|member| member.kind == MemberKind::Indexer) {
                candidates.push((holder, member));
            }
            if !candidates.is_empty() {
                let actuals = self.actuals(arguments)?;
                if let Some(chosen) = self.overload(at, &candidates, &actuals, &[])? {
                    allowed(at, chosen.member)?;
                    let ty = chosen.result;
                    let bound = self.pass(at, &chosen, actuals)?;
                    let types = chosen.holder.arguments().to_vec();
                    return Ok(Place::Property { member: chosen.member, receiver: Some(target), arguments: bound, types, ty });
                }
                if definition.kind != Kind::Interface && holder.base().is_none_or(|base| base == known().object) {
                    break;
                }
            }
        }
        if candidates.is_empty() {
            return refuse(at, format!("Cannot apply indexing with [] to an expression of type `{}'", target.ty));
        }
        let actuals = self.actuals(arguments)?;
        self.no_overload(at, "this", &candidates, &actuals)
    }

    /// Reads a place.
    pub(super) fn read(&mut self, at: usize, place: Place) -> Bound<Expr> {
        match place {
            Place::Value(value) => Ok(value),
            Place::Element(array, index) => {
                let ty = array.ty.element().unwrap_or(known().object);
                Ok(Expr { at, ty, kind: ExprKind::Element(Box::new(array), Box::new(index)) })
            }
            Place::Property { member, receiver, mut arguments, types, ty } => {
                let callee = self.callee_of(at, member);
                if let Some(receiver) = receiver {
                    arguments.insert(0, receiver);
                }
                Ok(Expr { at, ty, kind: ExprKind::Call(callee, types, arguments) })
            }
            Place::Type(ty) => refuse(at, format!("`{ty}' is a `type' but a `variable' was expected")),
        }
    }

    /// Writes a place; the value is the result.
    pub(super) fn write(&mut self, at: usize, place: Place, value: Expr) -> Bound<Expr> {
        let ty = value.ty;
        match place {
            Place::Value(Expr { kind: ExprKind::Local(local), .. }) => Ok(Expr { at, ty, kind: ExprKind::Assign(local, Box::new(value)) }),
            Place::Value(_) | Place::Type(_) => {
                refuse(at, "The left-hand side of an assignment must be a variable, a property or an indexer")
            }
            Place::Element(array, index) => {
                Ok(Expr { at, ty, kind: ExprKind::SetElement(Box::new(array), Box::new(index), Box::new(value)) })
            }
            Place::Property { member, receiver, mut arguments, types, .. } => {
                if !member.writable {
                    return refuse(at, format!("Property or indexer `{}' cannot be assigned to (it is read-only)", member.key));
                }
                let callee = setter(member).unwrap_or_else(|| {
                    self.note_missing(at, format!("setting `{}`", member.key));
                    absent(member)
                });
                if let Some(receiver) = receiver {
                    arguments.insert(0, receiver);
                }
                arguments.push(value);
                Ok(Expr { at, ty, kind: ExprKind::Set(callee, types, arguments) })
            }
        }
    }
}

/// Where members of a type are looked for, nearest first.
pub(super) fn holders(ty: Type) -> Vec<Type> {
    let mut list = ty.bases().to_vec();
    if ty.is_interface() {
        list.extend(ty.interfaces());
        list.push(known().object);
    }
    list
}

/// The nearest member of that name that `accept` takes.
pub(super) fn lookup(ty: Type, name: &str, accept: impl Fn(&Member) -> bool) -> Option<(Type, &'static Member)> {
    for holder in holders(ty) {
        let Some(definition) = holder.definition() else { continue };
        if let Some(member) = definition.members().iter().find(|member| member.name == name && accept(member)) {
            return Some((holder, member));
        }
    }
    None
}

/// Whether the reason is that a name means nothing: then the whole dotted name says more.
fn is_unknown_name(found: &super::Problem) -> bool {
    match found.kind {
        ProblemKind::Type => found.message.ends_with("in the current context"),
        ProblemKind::NotAllowed => found.message.starts_with('`') && found.message.contains("does not exist, or"),
        ProblemKind::NotEmulated => false,
    }
}

/// `A.B.C` of names alone.
fn dotted(node: &Node) -> Option<String> {
    match &node.kind {
        NodeKind::Name(name, arguments) if arguments.is_empty() => Some(name.clone()),
        NodeKind::Member(target, name, _) => Some(format!("{}.{name}", dotted(target)?)),
        _ => None,
    }
}
