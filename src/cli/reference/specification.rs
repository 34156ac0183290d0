//! The keys of a specification, from its JSON Schema.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Map, Value};

/// The reference of the specification.
pub(in crate::cli) fn markdown() -> String {
    let schema = crate::spec::schema();
    let empty = Map::new();
    let definitions = schema.get("$defs").and_then(Value::as_object).unwrap_or(&empty);
    let mut out = String::from(
        "# The specification\n\n<!-- Generated: `apimctl schema --markdown > docs/reference/specification.md` -->\n\n\
         YAML with ARM's own property names and shapes, and shorthand where ARM is tedious. Unknown keys are errors. `${NAME}` takes a\n\
         variable's value, `${NAME:-default}` has a default, `$${` stands for `${`. Keys in **bold** are required.\n\n## Top level\n\n",
    );
    table(schema, &mut out);
    // In the order in which they are met, beginning at the top.
    let mut order: Vec<String> = Vec::new();
    let mut seen = BTreeSet::new();
    follow(schema, definitions, &mut seen, &mut order);
    for name in order {
        let Some(definition) = definitions.get(&name) else { continue };
        if !is_table(definition) {
            continue;
        }
        let _ = write!(out, "\n## {name}\n\n{}\n\n", text(definition));
        table(definition, &mut out);
    }
    out
}

/// Whether a definition has keys of its own; others are told where they are used.
fn is_table(definition: &Value) -> bool {
    definition.get("properties").and_then(Value::as_object).is_some_and(|properties| !properties.is_empty())
}

fn follow(value: &Value, definitions: &Map<String, Value>, seen: &mut BTreeSet<String>, order: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(name) = fields.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next())
                && seen.insert(name.to_owned())
            {
                order.push(name.to_owned());
                if let Some(definition) = definitions.get(name) {
                    follow(definition, definitions, seen, order);
                }
            }
            for (key, value) in fields {
                if key != "$defs" {
                    follow(value, definitions, seen, order);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| follow(item, definitions, seen, order)),
        _ => {}
    }
}

fn table(definition: &Value, out: &mut String) {
    let required: Vec<&str> =
        definition.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    out.push_str("| key | value | meaning |\n|---|---|---|\n");
    for (key, value) in definition.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let key = if required.contains(&key.as_str()) { format!("**`{key}`**") } else { format!("`{key}`") };
        let _ = writeln!(out, "| {key} | {} | {} |", kind(value), text(value));
    }
}

/// What a value may be.
fn kind(value: &Value) -> String {
    if let Some(name) = value.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next()) {
        return named(name);
    }
    if let Some(choices) = value.get("anyOf").or_else(|| value.get("oneOf")).and_then(Value::as_array) {
        let mut kinds: Vec<String> =
            choices.iter().filter(|choice| choice.get("type").and_then(Value::as_str) != Some("null")).map(kind).collect();
        kinds.dedup();
        return kinds.join(" or ");
    }
    if let Some(words) = value.get("enum").and_then(Value::as_array) {
        let words: Vec<String> = words.iter().filter_map(Value::as_str).map(|word| format!("`{word}`")).collect();
        return words.join(", ");
    }
    if let Some(word) = value.get("const").and_then(Value::as_str) {
        return format!("`{word}`");
    }
    let types: Vec<&str> = match value.get("type") {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).filter(|own| *own != "null").collect(),
        _ => Vec::new(),
    };
    let kinds: Vec<String> = types
        .iter()
        .map(|own| match *own {
            "array" => format!("list of {}", value.get("items").map_or_else(|| "anything".to_owned(), kind)),
            "object" => match value.get("additionalProperties") {
                Some(Value::Object(inner)) if !inner.is_empty() => format!("mapping of names to {}", kind(&Value::Object(inner.clone()))),
                _ => "mapping".to_owned(),
            },
            "string" => "text".to_owned(),
            "boolean" => "`true`, `false`".to_owned(),
            "integer" => format!("whole number{}", range(value)),
            "number" => format!("number{}", range(value)),
            other => other.to_owned(),
        })
        .collect();
    if kinds.is_empty() { "anything".to_owned() } else { kinds.join(" or ") }
}

/// A definition: a link where it has keys of its own, else what it is.
fn named(name: &str) -> String {
    let definition = crate::spec::schema().pointer(&format!("/$defs/{name}"));
    match definition {
        Some(definition) if is_table(definition) => format!("[{name}](#{})", name.to_ascii_lowercase()),
        Some(definition) => kind(definition),
        None => name.to_owned(),
    }
}

fn range(value: &Value) -> String {
    let number = |key: &str| value.get(key).and_then(Value::as_f64);
    match (number("minimum"), number("maximum")) {
        (Some(least), Some(most)) => format!(" from {least} to {most}"),
        (Some(least), None) if least > 0.0 => format!(" from {least} on"),
        (None, Some(most)) => format!(" up to {most}"),
        _ => String::new(),
    }
}

/// A description inside a table.
fn text(value: &Value) -> String {
    let text = value.get("description").and_then(Value::as_str).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
