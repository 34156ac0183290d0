//! Who names whom: the service refuses to delete what is in use, and policies that name what is not there.

use crate::arm::ResourceId;
use crate::arm::store::Stored;
use crate::emulator::answer::Refusal;
use crate::emulator::json_text;
use crate::emulator::policy_text::{Document, Format, is_expression};
use crate::emulator::transaction::Transaction;

/// Types whose body is policy text.
fn is_policy(stored: &Stored) -> bool {
    let kind = stored.id.resource_type();
    kind.to_ascii_lowercase().ends_with("/policies") || kind.eq_ignore_ascii_case("Microsoft.ApiManagement/service/policyFragments")
}

/// Ids below the service, with a leading slash, of policies and fragments that hold `holds`.
fn users(tx: &Transaction<'_>, service: &ResourceId, holds: impl Fn(&str) -> bool) -> Vec<String> {
    tx.below(service)
        .iter()
        .filter(|stored| is_policy(stored) && json_text(&stored.body, "/properties/value").is_some_and(&holds))
        .filter_map(|stored| stored.id.relative_to(service).map(str::to_owned))
        .collect()
}

/// 400 when a policy holds it; words and line ends as in the recorded answer for fragments.
pub(super) fn refuse(tx: &Transaction<'_>, service: &ResourceId, holds: impl Fn(&str) -> bool, message: &str) -> Result<(), Refusal> {
    let mut users = users(tx, service, holds);
    if users.is_empty() {
        return Ok(());
    }
    users.insert(0, message.to_owned());
    Err(Refusal::service(400, "ValidationError", users.join("\r\n") + "\r\n"))
}

/// Ids of policies and fragments that include a fragment.
pub(super) fn users_of_fragment(tx: &Transaction<'_>, service: &ResourceId, fragment: &str) -> Vec<ResourceId> {
    tx.below(service)
        .iter()
        .filter(|stored| is_policy(stored) && json_text(&stored.body, "/properties/value").is_some_and(|text| includes(text, fragment)))
        .map(|stored| stored.id.clone())
        .collect()
}

fn attribute_is(text: &str, element: &str, attribute: &str, wanted: &str) -> bool {
    Document::parse(text, Format::Xml).is_ok_and(|document| {
        document
            .elements()
            .iter()
            .any(|found| found.name == element && found.attribute(attribute).is_some_and(|value| value.eq_ignore_ascii_case(wanted)))
    })
}

/// Whether a policy's text includes a fragment.
pub(super) fn includes(text: &str, fragment: &str) -> bool {
    attribute_is(text, "include-fragment", "fragment-id", fragment)
}

/// Whether a policy's text sends to a backend.
pub(super) fn sends_to(text: &str, backend: &str) -> bool {
    attribute_is(text, "set-backend-service", "backend-id", backend)
}

/// Whether a text holds `{{name}}`.
pub(super) fn names_value(text: &str, name: &str) -> bool {
    named_values(text).any(|found| found.eq_ignore_ascii_case(name))
}

/// The names in `{{…}}`.
pub(super) fn named_values(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let start = rest.find("{{")?;
            let inner = rest.get(start + 2..)?;
            let length =
                inner.find(|letter: char| !(letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | '_'))).unwrap_or(inner.len());
            let (name, after) = inner.split_at_checked(length)?;
            if !name.is_empty() && after.starts_with("}}") {
                rest = after.get(2..).unwrap_or_default();
                return Some(name);
            }
            rest = inner;
        }
    })
}

/// Whether the service has a named value with this display name.
pub(super) fn value_exists(tx: &Transaction<'_>, service: &ResourceId, name: &str) -> bool {
    tx.children(service, "namedValues")
        .iter()
        .any(|stored| json_text(&stored.body, "/properties/displayName").is_some_and(|found| found.eq_ignore_ascii_case(name)))
}

/// A literal that names an entity: not an expression, and without a named value in it.
pub(super) fn is_literal(value: &str) -> bool {
    !is_expression(value) && !value.contains("{{")
}
