//! Pointers and texts.

use serde_json::Value;

use crate::arm::catalogue::{ResourceType, Rule};

/// `/{section}/{key}`, escaped.
pub(super) fn pointer(section: &str, key: &str) -> String {
    below(&format!("/{section}"), key)
}

/// `{pointer}/{key}`, escaped.
pub(super) fn below(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", escape(key))
}

/// A key as a segment of a JSON pointer.
pub(super) fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Calls `visit` with each text in `value`.
pub(super) fn texts(value: &Value, visit: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => visit(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, visit)),
        Value::Object(fields) => fields.values().for_each(|field| texts(field, visit)),
        _ => {}
    }
}

/// The JSON pointers of each text below `pointer` in `value`.
pub(super) fn text_pointers(value: &Value, pointer: &str) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(place) = value.pointer(pointer) {
        collect(place, pointer.to_owned(), &mut found);
    }
    found
}

fn collect(value: &Value, pointer: String, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(pointer),
        Value::Array(items) => items.iter().enumerate().for_each(|(index, item)| collect(item, format!("{pointer}/{index}"), found)),
        Value::Object(fields) => fields.iter().for_each(|(key, field)| collect(field, below(&pointer, key), found)),
        _ => {}
    }
}

/// `number` without a needless fraction.
pub(super) fn number(number: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "whole and far inside the range")]
    if number.fract() == 0.0 && number.abs() < 9e15 { Value::from(number as i64) } else { Value::from(number) }
}

/// Where the catalogue says that a body of this type holds secrets.
pub(super) fn secret_pointers(entry: Option<&ResourceType>, value: &Value) -> Vec<String> {
    let Some(entry) = entry else { return Vec::new() };
    let mut all = text_pointers(value, "/properties");
    all.retain(|pointer| {
        let path: Vec<String> = pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
        entry.properties.iter().filter(|line| line.matches(&path)).any(|line| match line.rule {
            Rule::Secret => true,
            Rule::SecretIf(flag) => value.pointer(flag) == Some(&Value::Bool(true)),
            _ => false,
        })
    });
    all
}
