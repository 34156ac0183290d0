//! One resource as it should be against the same resource as it is.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::resource::{DesiredResource, Filled, Management};
use crate::support::secret::Secret;

mod compare;
mod consequence;
mod patch;
mod path;

use compare::Comparison;
pub use patch::{Update, Verb, patch_body, update};

/// Secret values of a live resource by JSON pointer into its body (`/properties/value`, `/properties/primaryKey`), as the
/// type's secrets action answered them.
pub type Secrets = BTreeMap<String, Secret<String>>;

/// One property that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PropertyChange {
    /// As people write it: `properties.circuitBreaker.rules[0].tripDuration`.
    pub path: String,
    /// JSON pointer into the desired body (into the live one for what only that has).
    #[serde(skip)]
    pub pointer: String,
    /// Live.
    pub before: Shown,
    /// Desired.
    pub after: Shown,
    /// Why the resource must be deleted and made anew; `None` when it can be changed where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replace: Option<&'static str>,
    /// What the change takes away for good although the resource stays: it needs the same consent as a replacement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caution: Option<&'static str>,
}

impl PropertyChange {
    /// A change of what the service never answers.
    pub(super) fn unanswered(pointer: &str) -> Self {
        let place = path::Place::of(pointer);
        Self {
            path: place.shown(),
            pointer: pointer.to_owned(),
            before: Shown::Unanswered,
            after: Shown::Unanswered,
            replace: None,
            caution: None,
        }
    }
}

/// A value as a plan may show it.
#[derive(Debug, Clone, PartialEq)]
pub enum Shown {
    /// Not there.
    Absent,
    /// As it is.
    Value(Value),
    /// Something that must not be seen.
    Secret,
    /// Comes from a resource that is not there yet.
    KnownAfterApply,
    /// Something that is sent and cannot be read back; it is not what was sent last.
    Unanswered,
    /// A policy document's text.
    Policy(String),
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Absent => serializer.serialize_none(),
            Self::Value(value) => value.serialize(serializer),
            Self::Secret => serializer.serialize_str("(secret)"),
            Self::KnownAfterApply => serializer.serialize_str("(known after apply)"),
            Self::Unanswered => serializer.serialize_str("(not answered)"),
            Self::Policy(text) => serializer.serialize_str(text),
        }
    }
}

/// What differs. Empty: nothing to do.
///
/// For a type that is written by PUT, what the desired body leaves out and the catalogue knows as ours
/// ([`crate::arm::catalogue::Rule::Kept`], `Default`) counts: a PUT without it takes it away, so a description that leaves the
/// specification is a change. What only the live body has and the catalogue does not know is the service's own business. For
/// what is only ever patched (services, groups, workspaces, components), and for the parts that the catalogue calls partial,
/// only what the desired body says is compared, so that other people's networks, domains and tags stay as they are.
#[must_use]
pub fn compare(resource: &DesiredResource, filled: &Filled, live: &Value, secrets: &Secrets) -> Vec<PropertyChange> {
    match resource.management {
        Management::Link | Management::ReadOnly => Vec::new(),
        Management::Full | Management::PatchIfForeign => Comparison::run(resource, filled, live, secrets).changes,
    }
}

/// JSON pointers of desired secrets that cannot be compared, because the service does not tell them.
#[must_use]
pub fn unreadable(resource: &DesiredResource, filled: &Filled, live: &Value, secrets: &Secrets) -> Vec<String> {
    match resource.management {
        Management::Link | Management::ReadOnly => Vec::new(),
        Management::Full | Management::PatchIfForeign => Comparison::run(resource, filled, live, secrets).unreadable,
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
