//! From what differs to the request that mends it.

use serde_json::{Map, Value};

use super::PropertyChange;
use super::path::Place;
use crate::arm::catalogue::UpdateVerb;
use crate::deploy::bodies::merge;
use crate::deploy::desired::OWNER_TAG;
use crate::deploy::normalize::{Rules, canonical, is_empty, lookup};
use crate::deploy::resource::{DesiredResource, Filled, Management};

/// How to bring a live resource to its desired state.
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// PUT or PATCH.
    pub verb: Verb,
    /// The request body. It holds secrets in clear.
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

/// The request that makes `changes` (of [`super::compare`]) to a live resource.
///
/// Tags that other people have set stay, whatever the verb. What is patched is patched by whole properties, never by a part
/// of one, with what the live side has beside ours kept in it.
#[must_use]
pub fn update(resource: &DesiredResource, filled: &Filled, live: &Value, changes: &[PropertyChange]) -> Update {
    let verb = resource.entry().map_or(UpdateVerb::Put, |entry| entry.update);
    match (resource.management, verb) {
        (_, UpdateVerb::PutMerged) => {
            let mut body = stripped(&rules(resource), &mut Vec::new(), live);
            merge(&mut body, patch_body(resource, filled, live, changes));
            Update { verb: Verb::Put, body }
        }
        (Management::PatchIfForeign, _) => Update { verb: Verb::Patch, body: patch_body(resource, filled, live, changes) },
        (_, UpdateVerb::Patch) => Update { verb: Verb::Patch, body: whole_patch(resource, filled, changes) },
        (_, UpdateVerb::Put | UpdateVerb::Never) => {
            let mut body = filled.value.clone();
            if let Some(tags) = merged_tags(&filled.value, live, true) {
                merge(&mut body, serde_json::json!({ "tags": tags }));
            }
            Update { verb: Verb::Put, body }
        }
    }
}

fn rules(resource: &DesiredResource) -> Rules {
    Rules::new(resource.entry(), resource.id.known())
}

/// The smallest merge patch that makes `changes` and takes nothing away that is not ours: for services, groups, workspaces.
#[must_use]
pub fn patch_body(resource: &DesiredResource, filled: &Filled, live: &Value, changes: &[PropertyChange]) -> Value {
    let rules = rules(resource);
    let mut patch = Map::new();
    let mut properties = Map::new();
    for change in changes {
        let place = Place::of(&change.pointer);
        let segments: Vec<&str> = place.segments.iter().map(String::as_str).collect();
        match segments.as_slice() {
            ["tags", ..] => {
                if let Some(tags) = merged_tags(&filled.value, live, false) {
                    patch.insert("tags".to_owned(), tags);
                }
            }
            ["identity", ..] => {
                if let Some(desired) = filled.value.get("identity") {
                    patch.insert("identity".to_owned(), merged_identity(desired, live.get("identity").unwrap_or(&Value::Null)));
                }
            }
            ["properties", key, ..] => {
                if let Some(desired) = filled.value.pointer("/properties").and_then(|own| own.get(key)) {
                    let there = live.get("properties").and_then(Value::as_object).and_then(|own| lookup(own, key)).map(|(_, value)| value);
                    let mut path = vec!["properties".to_owned(), (*key).to_owned()];
                    properties.insert((*key).to_owned(), kept(&rules, &mut path, desired, there));
                }
            }
            [key, ..] => {
                if let Some(desired) = filled.value.get(*key) {
                    patch.insert((*key).to_owned(), kept(&rules, &mut vec![(*key).to_owned()], desired, live.get(*key)));
                }
            }
            [] => {}
        }
    }
    if !properties.is_empty() {
        patch.insert("properties".to_owned(), Value::Object(properties));
    }
    Value::Object(patch)
}

/// The desired value with what the live one has beside it.
fn kept(rules: &Rules, path: &mut Vec<String>, desired: &Value, live: Option<&Value>) -> Value {
    let Some(live) = live.filter(|value| !is_empty(value)) else { return desired.clone() };
    match (desired, live) {
        (Value::Object(_), Value::Object(_)) => {
            let mut value = stripped(rules, path, live);
            merge(&mut value, desired.clone());
            value
        }
        (Value::Array(wanted), Value::Array(there)) if rules.at(path).partial => {
            let keys = rules.at(path).unordered.unwrap_or_default();
            path.push("*".to_owned());
            let key = |item: &Value| -> Vec<String> {
                let mut path = path.clone();
                if keys.is_empty() {
                    return vec![canonical(rules, &mut path, item).to_string()];
                }
                let text = |key: &str| {
                    item.get(key).filter(|value| !is_empty(value)).map_or_else(String::new, |value| value.to_string().to_lowercase())
                };
                keys.split(',').map(text).collect()
            };
            let own: Vec<Vec<String>> = wanted.iter().map(&key).collect();
            let others: Vec<&Value> = there.iter().filter(|item| !own.contains(&key(item))).collect();
            let all = wanted.iter().cloned().chain(others.into_iter().map(|item| stripped(rules, &mut path.clone(), item))).collect();
            path.pop();
            Value::Array(all)
        }
        _ => desired.clone(),
    }
}

/// Ours over theirs. The owner's tag is set when a resource is made, and never on one that somebody else made.
fn merged_tags(desired: &Value, live: &Value, own: bool) -> Option<Value> {
    let wanted = desired.get("tags")?.as_object()?;
    let mut tags = live.get("tags").and_then(Value::as_object).cloned().unwrap_or_default();
    let owned = own || lookup(&tags, OWNER_TAG).is_some();
    for (key, value) in wanted {
        if key != OWNER_TAG || owned {
            let name = lookup(&tags, key).map_or_else(|| key.clone(), |(name, _)| name.clone());
            tags.insert(name, value.clone());
        }
    }
    Some(Value::Object(tags))
}

/// Both sides' identities; only `None` takes away.
fn merged_identity(desired: &Value, live: &Value) -> Value {
    let kinds = |value: &Value| -> Vec<String> {
        let text = value.get("type").and_then(Value::as_str).unwrap_or_default();
        text.split(',').map(str::trim).filter(|kind| !kind.is_empty() && !kind.eq_ignore_ascii_case("none")).map(str::to_owned).collect()
    };
    let mut all = kinds(desired);
    if all.is_empty() {
        return desired.clone();
    }
    for kind in kinds(live) {
        if !all.iter().any(|own| own.eq_ignore_ascii_case(&kind)) {
            all.push(kind);
        }
    }
    // The contract knows the pair in this order only.
    all.sort_unstable();
    let mut assigned = Map::new();
    for side in [desired, live] {
        for (id, _) in side.get("userAssignedIdentities").and_then(Value::as_object).into_iter().flatten() {
            if lookup(&assigned, id).is_none() {
                assigned.insert(id.clone(), Value::Object(Map::new()));
            }
        }
    }
    let mut identity = serde_json::json!({ "type": all.join(", ") });
    if !assigned.is_empty() {
        merge(&mut identity, serde_json::json!({ "userAssignedIdentities": {} }));
        if let Some(place) = identity.get_mut("userAssignedIdentities") {
            *place = Value::Object(assigned);
        }
    }
    identity
}

/// The whole desired body as a merge patch; what is to go is said by its default, else by null.
fn whole_patch(resource: &DesiredResource, filled: &Filled, changes: &[PropertyChange]) -> Value {
    let rules = rules(resource);
    let mut body = filled.value.clone();
    for change in changes {
        let place = Place::of(&change.pointer);
        if filled.value.pointer(&change.pointer).is_none() {
            let default = rules.at(&place.segments).default.unwrap_or(Value::Null);
            crate::deploy::resource::put(&mut body, &change.pointer, default);
        }
    }
    body
}

/// What can be sent of what was answered.
fn stripped(rules: &Rules, path: &mut Vec<String>, value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut out = Map::new();
            for (key, value) in fields {
                let envelope = path.is_empty() && ["id", "name", "type", "etag", "systemData"].contains(&key.as_str());
                path.push(key.clone());
                let at = rules.at(path);
                if !at.read_only && !envelope && !value.is_null() {
                    out.insert(key.clone(), stripped(rules, path, value));
                }
                path.pop();
            }
            Value::Object(out)
        }
        Value::Array(items) => {
            path.push("*".to_owned());
            let out = items.iter().map(|item| stripped(rules, path, item)).collect();
            path.pop();
            Value::Array(out)
        }
        other => other.clone(),
    }
}
