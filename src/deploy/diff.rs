//! One resource as it should be against the same resource as it is.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::resource::{DesiredResource, Filled};
use crate::support::secret::Secret;

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
            Self::Policy(text) => serializer.serialize_str(text),
        }
    }
}

/// How to bring a live resource to its desired state.
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// PUT or PATCH.
    pub verb: Verb,
    /// The request body.
    pub body: Value,
}

/// The verb of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Whole body.
    Put,
    /// Merge patch.
    Patch,
}

/// What differs. Empty: nothing to do.
#[must_use]
pub fn compare(resource: &DesiredResource, filled: &Filled, live: &Value, secrets: &Secrets) -> Vec<PropertyChange> {
    let _ = (resource, filled, live, secrets);
    Vec::new()
}

/// JSON pointers of desired secrets that cannot be compared, because the service does not tell them.
#[must_use]
pub fn unreadable(resource: &DesiredResource, filled: &Filled, live: &Value, secrets: &Secrets) -> Vec<String> {
    let _ = (resource, filled, live, secrets);
    Vec::new()
}

/// The request that makes `changes` (of [`compare`]) to a live resource.
#[must_use]
pub fn update(resource: &DesiredResource, filled: &Filled, live: &Value, changes: &[PropertyChange]) -> Update {
    let _ = (resource, live, changes);
    Update { verb: Verb::Put, body: filled.value.clone() }
}
