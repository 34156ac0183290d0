//! What of the published list a policy may use here, and what it may not yet: the figures that a fidelity report shows.

use super::{Definition, Kind, Member, MemberKind, all};
use crate::expression::types::{Shape, Type};

/// One type of the published list, with what of it is emulated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeCoverage {
    /// Full .NET name, without generic parameters.
    pub type_name: String,
    /// Members that the type declares, a policy may use, and an expression can call: one that needs an argument of a type which cannot be named
    /// counts as well if `null` may stand there.
    pub allowed: usize,
    /// How many of them are emulated.
    pub emulated: usize,
    /// The rest, as `Type.Name(parameter types)`. They type-check, and are refused by name.
    pub missing: Vec<String>,
}

/// Every type that a policy can hold a value of and that declares a member which it may use.
#[must_use]
pub fn coverage() -> Vec<TypeCoverage> {
    let mut list: Vec<TypeCoverage> = all().filter_map(of).collect();
    list.sort_by(|one, two| one.type_name.cmp(&two.type_name));
    list
}

/// The keys of all emulated members, each once: what recorded cases have to reach.
#[must_use]
pub fn emulated_members() -> Vec<String> {
    let mut list: Vec<String> = all()
        .flat_map(|definition| definition.members().iter().filter(|member| counts(definition, member) && is_emulated(definition, member)))
        .map(|member| member.key.clone())
        .collect();
    list.sort();
    list.dedup();
    list
}

fn of(definition: &'static Definition) -> Option<TypeCoverage> {
    let members: Vec<&Member> = definition.members().iter().filter(|member| counts(definition, member)).collect();
    if members.is_empty() {
        return None;
    }
    let missing: Vec<String> = members.iter().filter(|member| !is_emulated(definition, member)).map(|member| member.key.clone()).collect();
    Some(TypeCoverage { type_name: definition.full.to_owned(), allowed: members.len(), emulated: members.len() - missing.len(), missing })
}

fn counts(definition: &Definition, member: &Member) -> bool {
    member.allowed && definition.kind != Kind::Delegate && !member.parameters.iter().any(|parameter| unreachable(parameter.ty))
}

/// A value type without an entry: neither a value nor `null` can stand there.
fn unreachable(ty: Type) -> bool {
    matches!(ty.shape(), Shape::Unknown(name) if matches!(name.as_str(), "ReadOnlySpan" | "Span" | "CancellationToken" | "DateTimeStyles" | "NumberStyles"))
}

/// Values are constants, and operators of the predefined types are the language's own.
fn is_emulated(definition: &Definition, member: &Member) -> bool {
    let built_in = member.kind == MemberKind::Operator && (definition.primitive.is_some() || definition.name == "Nullable");
    member.kind == MemberKind::Value || built_in || member.native.is_some()
}
