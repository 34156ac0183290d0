//! The hostile mode: the same answers in another dress, so that nobody comes to depend on what the service does not
//! promise. Deterministic: the same request gets the same answer.
//!
//! What is done, and nothing else: members of objects and arrays whose order means nothing are turned round; ids are
//! written in another case; unknown members are added; whole numbers get a fraction; absent optional members of
//! `properties` come as null; times lose or gain precision.

use serde_json::{Map, Number, Value, json};

use super::providers::{self, Kind};

/// Arrays in which order means nothing.
const UNORDERED: &[&str] = &[
    "value",
    "services",
    "protocols",
    "tags",
    "errorReasons",
    "statusCodeRanges",
    "headers",
    "logs",
    "metrics",
    "zones",
    "hostnameConfigurations",
    "additionalLocations",
    "groups",
    "deployments",
    "actions",
    "notActions",
];

/// Members whose content is the user's own text or map, and is left alone.
const OPAQUE: &[&str] = &["tags", "customProperties", "value", "query", "header", "criteria", "description"];

/// Dresses up the body of an answer to a GET, PUT or PATCH.
pub(crate) fn disguise(body: &mut Value) {
    if body.get("error").is_some() {
        return;
    }
    walk(body, 0);
    if let Some(items) = body.get_mut("value").and_then(Value::as_array_mut) {
        items.iter_mut().for_each(decorate);
    } else {
        decorate(body);
    }
}

fn decorate(resource: &mut Value) {
    let Some(kind) = resource.get("type").and_then(Value::as_str).and_then(providers::find) else { return };
    let Some(object) = resource.as_object_mut() else { return };
    object.insert("x-unknownMember".to_owned(), json!({ "nested": [1, null, "text"] }));
    if let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut) {
        fill_with_nulls(kind, properties);
        properties.insert("unknownProperty".to_owned(), json!("unknown"));
        properties.insert("unknownObject".to_owned(), json!({}));
    }
    // Members in another order.
    let turned: Map<String, Value> = std::mem::take(object).into_iter().rev().collect();
    *object = turned;
}

fn fill_with_nulls(kind: &Kind, properties: &mut Map<String, Value>) {
    for field in kind.properties {
        // A secret value is promised to be absent.
        if !properties.contains_key(field.name) && !kind.write_only.contains(&field.name) {
            properties.insert(field.name.to_owned(), Value::Null);
        }
    }
}

fn walk(value: &mut Value, depth: usize) {
    match value {
        Value::Object(object) => {
            for (key, inner) in object.iter_mut() {
                if let Value::Array(items) = inner {
                    if UNORDERED.contains(&key.as_str()) && !(key == "value" && depth > 0) {
                        items.reverse();
                    }
                    if key == "count" {
                        continue;
                    }
                }
                if depth > 0 && OPAQUE.contains(&key.as_str()) {
                    continue;
                }
                match inner {
                    Value::String(text) => {
                        if let Some(changed) = recased(key, text) {
                            *text = changed;
                        }
                    }
                    Value::Number(number) if key != "count" => {
                        if let Some(float) = number.as_i64().and_then(as_float) {
                            *number = float;
                        }
                    }
                    _ => walk(inner, depth + 1),
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                match item {
                    Value::String(text) => {
                        if let Some(changed) = recased("id", text).filter(|_| text.starts_with("/subscriptions/")) {
                            *text = changed;
                        }
                    }
                    other => walk(other, depth + 1),
                }
            }
        }
        _ => {}
    }
}

fn as_float(number: i64) -> Option<Number> {
    #[expect(clippy::cast_precision_loss, reason = "the numbers of bodies are small")]
    Number::from_f64(number as f64)
}

/// Ids with `resourcegroups` and `microsoft.apimanagement`; the rest of an id keeps its case, as names do.
fn recased(key: &str, text: &str) -> Option<String> {
    if matches!(key, "nextLink" | "value") || !text.starts_with("/subscriptions/") {
        return None;
    }
    let mut segments: Vec<String> = text.split('/').map(str::to_owned).collect();
    let mut index = 0;
    while index < segments.len() {
        let lower = segments.get(index).map(|segment| segment.to_ascii_lowercase()).unwrap_or_default();
        if (lower == "resourcegroups" && index == 3) || lower == "providers" {
            if let Some(segment) = segments.get_mut(index) {
                *segment = lower.clone();
            }
            if lower == "providers"
                && let Some(namespace) = segments.get_mut(index + 1)
            {
                *namespace = namespace.to_ascii_lowercase();
            }
        }
        index += 1;
    }
    Some(segments.join("/"))
}
