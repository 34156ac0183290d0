//! What two bodies mean, apart from how they are written.
//!
//! The service rewrites what it is sent: it fills defaults in, writes ids in full, regions by their display names, re-indents
//! policies, re-orders arrays and adds properties of its own. All of that is undone here by what the catalogue says of each
//! property, and by nothing that the embedded ARM knows: the two share no code, or "plan after apply is empty" would prove
//! nothing.
//!
//! In all types: `null`, `""`, `[]`, `{}` and what is not there are the same; numbers are compared by value (`100` is `100.0`);
//! texts that are ids are compared without case; line ends are LF; the root's `location` is a region.

use serde_json::Value;

use crate::arm::catalogue;

mod canonical;
mod rules;

pub(in crate::deploy) use canonical::{canonical, is_empty, is_off, lookup};
pub(in crate::deploy) use rules::{At, Rules};

/// The body of a resource of type `kind` in comparable form: without what the service sets, without defaults and empty
/// values, unordered arrays sorted, ids, regions and policies in one spelling. Two bodies that mean the same are equal in it.
#[must_use]
pub fn normalized(kind: &str, body: &Value) -> Value {
    let rules = Rules::new(catalogue::find(kind), None);
    let mut value = canonical::canonical(&rules, &mut Vec::new(), body);
    if let Value::Object(fields) = &mut value {
        for key in ["id", "name", "type", "etag", "systemData"] {
            fields.remove(key);
        }
    }
    value
}

#[cfg(test)]
mod tests;
