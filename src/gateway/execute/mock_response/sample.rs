//! A sample of a JSON schema. Which values the service chooses is not documented; assumed: the schema's own example or default, else the
//! smallest value of its type.

use serde_json::{Map, Value};

/// Schemas may refer to themselves.
const DEPTH: usize = 12;

/// A sample of `schema`. `document` is where `$ref`s point into (`#/components/schemas/X`, `#/definitions/X`).
pub(super) fn sample(schema: &Value, document: &Value) -> Value {
    make(schema, document, 0)
}

fn make(schema: &Value, document: &Value, depth: usize) -> Value {
    if depth > DEPTH {
        return Value::Null;
    }
    let own = |name: &str| schema.get(name).filter(|value| !value.is_null());
    if let Some(found) = own("example").or_else(|| own("default")).or_else(|| own("const")) {
        return found.clone();
    }
    if let Some(first) = own("enum").and_then(|values| values.get(0)) {
        return first.clone();
    }
    if let Some(reference) = own("$ref").and_then(Value::as_str) {
        let target = reference.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
        return target.map_or(Value::Null, |target| make(target, document, depth + 1));
    }
    if let Some(all) = own("allOf").and_then(Value::as_array) {
        let mut whole = Map::new();
        for part in all {
            if let Value::Object(members) = make(part, document, depth + 1) {
                whole.extend(members);
            }
        }
        whole.extend(properties(schema, document, depth));
        return Value::Object(whole);
    }
    if let Some(first) = own("oneOf").or_else(|| own("anyOf")).and_then(|choices| choices.get(0)) {
        return make(first, document, depth + 1);
    }
    let kind = match own("type") {
        Some(Value::String(kind)) => kind.as_str(),
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or("null"),
        _ if own("properties").is_some() => "object",
        _ if own("items").is_some() => "array",
        _ => "null",
    };
    match kind {
        "object" => Value::Object(properties(schema, document, depth)),
        "array" => {
            let item = own("items").map(|items| make(items, document, depth + 1)).filter(|item| !item.is_null());
            Value::Array(item.into_iter().collect())
        }
        "string" => Value::from(match own("format").and_then(Value::as_str) {
            Some("date-time") => "2000-01-23T04:56:07.000Z",
            Some("date") => "2000-01-23",
            Some("uuid") => "00000000-0000-0000-0000-000000000000",
            _ => "string",
        }),
        "integer" => own("minimum").filter(|least| least.is_i64()).cloned().unwrap_or_else(|| Value::from(0)),
        "number" => own("minimum").cloned().unwrap_or_else(|| Value::from(0)),
        "boolean" => Value::from(true),
        _ => Value::Null,
    }
}

fn properties(schema: &Value, document: &Value, depth: usize) -> Map<String, Value> {
    let members = schema.get("properties").and_then(Value::as_object);
    members.into_iter().flatten().map(|(name, property)| (name.clone(), make(property, document, depth + 1))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_and_types_are_followed_and_cycles_end() {
        let document = json!({ "components": { "schemas": { "Pet": {
            "type": "object",
            "properties": {
                "id": { "type": "integer" }, "name": { "type": "string", "example": "doggie" }, "tags": { "type": "array", "items": { "type": "string" } },
                "parent": { "$ref": "#/components/schemas/Pet" }, "kind": { "enum": ["dog", "cat"] },
            },
        } } } });
        let made = sample(&json!({ "$ref": "#/components/schemas/Pet" }), &document);
        assert_eq!(made["id"], 0);
        assert_eq!(made["name"], "doggie");
        assert_eq!(made["tags"], json!(["string"]));
        assert_eq!(made["kind"], "dog");
        assert_eq!(made["parent"]["parent"]["name"], "doggie");
    }
}
