//! A variant's changes: properties of resources, laid over what the specification says.

use serde_json::Value;

use super::codes;
use crate::deploy::resource::Desired;
use crate::support::finding::{Finding, Kind};
use crate::support::source::Span;
use crate::support::suggest::nearest;

/// Lays `change` over the properties of the resources that `name` stands for: `backends/aoai-primary-backend`, or `backends/aoai-*`.
/// Members of mappings are laid over each other, `null` takes one away; lists of mappings are laid over each other item by item, any other
/// list takes the place of the old one.
pub(crate) fn change(desired: &mut Desired, name: &str, change: &Value, at: Span) -> Result<(), Finding> {
    let service = desired.service.clone();
    let relative = |id: &crate::arm::ResourceId| {
        let relative = service.as_ref().and_then(|service| id.relative_to(service)).unwrap_or(id.as_str());
        relative.trim_start_matches('/').to_owned()
    };
    let mut changed = false;
    let mut known = Vec::new();
    for resource in &mut desired.resources {
        let Some(id) = resource.id.known().map(relative) else { continue };
        if is_like(name, &id)
            && let Some(properties) = resource.body.value.get_mut("properties")
        {
            overlay(properties, change);
            changed = true;
        }
        known.push(id);
    }
    if changed {
        return Ok(());
    }
    let finding = Finding::error(codes::UNKNOWN_RESOURCE, Kind::Place, format!("the specification makes no resource `{name}`")).at(at);
    Err(match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => finding.help(format!("did you mean `{near}`?")),
        None => finding.help("name it as ARM does, below the service: `backends/NAME`"),
    })
}

/// `*` stands for any text without a slash; case is ignored.
fn is_like(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<&str>, Vec<&str>) = (pattern.split('/').collect(), name.split('/').collect());
    pattern.len() == name.len() && pattern.iter().zip(&name).all(|(pattern, name)| segment_is_like(pattern, name))
}

fn segment_is_like(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_ascii_lowercase(), name.to_ascii_lowercase());
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, tail)) => name.len() >= head.len() + tail.len() && name.starts_with(head) && name.ends_with(tail),
    }
}

fn overlay(target: &mut Value, change: &Value) {
    match (target, change) {
        (Value::Object(target), Value::Object(change)) => {
            for (key, value) in change {
                if value.is_null() {
                    target.remove(key);
                } else {
                    overlay(target.entry(key.clone()).or_insert(Value::Null), value);
                }
            }
        }
        (Value::Array(target), Value::Array(change))
            if target.len() == change.len() && change.iter().chain(target.iter()).all(Value::is_object) =>
        {
            for (target, change) in target.iter_mut().zip(change) {
                overlay(target, change);
            }
        }
        // What is new is merged too, so that a null in it sets nothing (RFC 7396).
        (target, Value::Object(_)) => {
            *target = Value::Object(serde_json::Map::new());
            overlay(target, change);
        }
        (target, change) => *target = change.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn changes_are_laid_over() {
        let mut target = json!({ "a": { "rules": [ { "x": 1, "y": { "z": 2 } } ], "b": [1, 2] }, "c": 3 });
        overlay(&mut target, &json!({ "a": { "rules": [ { "y": { "z": 5 } } ], "b": [9] }, "c": null, "d": { "e": null, "f": 1 } }));
        assert_eq!(target, json!({ "a": { "rules": [ { "x": 1, "y": { "z": 5 } } ], "b": [9] }, "d": { "f": 1 } }));
        assert!(is_like("backends/aoai-*", "Backends/AOAI-primary"));
        assert!(!is_like("backends/*", "apis/x") && !is_like("apis/*", "apis/x/policies/policy") && !is_like("a*a", "a"));
    }
}
