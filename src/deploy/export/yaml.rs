//! A specification's text. Small things stand on one line, as people write them.

use serde_json::{Map, Value};

/// Longest line that a list or mapping is put on.
const LONGEST: usize = 110;
/// A string value that begins with this is a variable's name, and no text.
const VARIABLE: char = '\u{1}';

/// The value that is written as `${name}`.
pub(super) fn variable(name: &str) -> Value {
    Value::String(format!("{VARIABLE}{name}"))
}

/// The document: a blank line between sections that take several lines.
pub(super) fn write(document: &Map<String, Value>) -> String {
    let mut out = String::new();
    for (key, value) in document {
        let mut section = String::new();
        entry(key, value, 0, &mut section);
        if section.lines().count() > 1 || key == "resourceGroup" || key == "service" {
            out.push('\n');
        }
        out.push_str(&section);
    }
    out
}

fn entry(key: &str, value: &Value, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    let key = scalar(&Value::String(key.to_owned()));
    // Sections and the things in them are opened; what lies deeper stands on one line if it fits.
    let room = LONGEST.saturating_sub(indent.len() + key.len() + 2);
    if (depth > 0 || !matches!(value, Value::Object(_)) || is_flat(value))
        && let Some(text) = inline(value).map(|text| block_scalar(value).unwrap_or(text)).filter(|text| text.chars().count() <= room)
    {
        out.push_str(&format!("{indent}{key}: {text}\n"));
        return;
    }
    match value {
        Value::Object(fields) => {
            out.push_str(&format!("{indent}{key}:\n"));
            for (key, value) in fields {
                entry(key, value, depth + 1, out);
            }
        }
        Value::Array(items) => {
            out.push_str(&format!("{indent}{key}:\n"));
            for one in items {
                item(one, depth + 1, out);
            }
        }
        Value::String(text) if is_block(text) => {
            let chomp = if text.ends_with('\n') { "" } else { "-" };
            out.push_str(&format!("{indent}{key}: |{chomp}\n"));
            for line in escape(text).lines() {
                out.push_str(if line.is_empty() { "" } else { &indent });
                out.push_str(if line.is_empty() { "" } else { "  " });
                out.push_str(line);
                out.push('\n');
            }
        }
        other => out.push_str(&format!("{indent}{key}: {}\n", scalar(other))),
    }
}

fn item(value: &Value, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    let room = LONGEST.saturating_sub(indent.len() + 2);
    match (inline(value).filter(|text| text.chars().count() <= room), value) {
        (None, Value::Object(fields)) if !fields.is_empty() => {
            let mut block = String::new();
            for (key, value) in fields {
                entry(key, value, depth + 1, &mut block);
            }
            // The first key stands behind the dash.
            out.push_str(&format!("{indent}- {}", block.trim_start()));
        }
        (text, other) => {
            let text = text.or_else(|| always_inline(other)).unwrap_or_else(|| scalar(other));
            out.push_str(&format!("{indent}- {text}\n"));
        }
    }
}

/// On one line, if nothing in it needs several.
fn inline(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if is_block(text) => None,
        other => always_inline(other),
    }
}

fn always_inline(value: &Value) -> Option<String> {
    match value {
        Value::Object(fields) => {
            let parts: Option<Vec<String>> =
                fields.iter().map(|(key, value)| Some(format!("{}: {}", scalar(&Value::String(key.clone())), inline(value)?))).collect();
            let parts = parts?;
            Some(if parts.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", parts.join(", ")) })
        }
        Value::Array(items) => Some(format!("[{}]", items.iter().map(inline).collect::<Option<Vec<_>>>()?.join(", "))),
        other => Some(scalar(other)),
    }
}

/// Whether an object holds only a few plain values.
fn is_flat(value: &Value) -> bool {
    value.as_object().is_some_and(|fields| fields.len() <= 3 && fields.values().all(|value| !value.is_object() && !value.is_array()))
}

/// Whether a text has several lines that a block keeps as they are.
fn is_block(text: &str) -> bool {
    let printable = |letter: char| letter == '\n' || !letter.is_control();
    text.trim_end_matches('\n').contains('\n')
        && !text.ends_with("\n\n")
        && !text.starts_with([' ', '\n'])
        && text.chars().all(printable)
        && !text.starts_with(VARIABLE)
}

/// `${` begins a variable in a specification.
fn escape(text: &str) -> String {
    text.replace("${", "$${")
}

fn scalar(value: &Value) -> String {
    let Value::String(text) = value else { return number(value) };
    if let Some(name) = text.strip_prefix(VARIABLE) {
        // In quotes, because a brace inside a flow mapping would end it.
        return format!("\"${{{name}}}\"");
    }
    let text = escape(text);
    if is_plain(&text) { text } else { Value::String(text).to_string() }
}

/// A number without a needless fraction: the service may answer `429.0`.
#[expect(clippy::cast_possible_truncation, reason = "whole and far inside the range, as the guard says")]
fn number(value: &Value) -> String {
    match value.as_f64() {
        Some(number) if value.is_f64() && number.fract() == 0.0 && number.abs() < 9e15 => (number as i64).to_string(),
        _ => value.to_string(),
    }
}

/// As the value of a key on its own line, where braces and commas need no quotes.
fn block_scalar(value: &Value) -> Option<String> {
    let text = escape(value.as_str()?);
    let bare = text.replace(['{', '}', '[', ']', ',', '?', '*', '&', '\'', '#', '|', '%', '!', '<', '>'], "x");
    (is_plain(&bare) && text.starts_with(|letter: char| letter.is_alphabetic() || letter == '/') && !text.contains(" #")).then_some(text)
}

/// Whether a text reads as itself without quotes, also inside brackets.
fn is_plain(text: &str) -> bool {
    const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let starts = text.starts_with(|letter: char| letter.is_alphabetic() || letter == '/');
    let inside = |letter: char| letter.is_alphanumeric() || " -_./()=+@;:$".contains(letter);
    starts
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains('$')
        && text.chars().all(inside)
        && !WORDS.contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read_back(text: &str) -> Value {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.yaml");
        std::fs::write(&path, text).unwrap();
        let plain = crate::spec::read_plain(&path).unwrap();
        assert!(plain.findings.is_empty(), "{text}\n{:?}", plain.findings);
        plain.value
    }

    #[test]
    fn small_things_stand_on_one_line() {
        let document = json!({
            "name": "x",
            "resourceGroup": { "name": "rg", "location": "westeurope" },
            "backends": { "a": { "url": "https://a.example.com" }, "b": { "query": "one\ntwo\n", "key": variable("KEY"), "text": "cost ${x} {{y}}" } },
            "resources": [{ "type": "a/b", "properties": { "text": "x".repeat(120) } }],
        });
        let text = write(document.as_object().unwrap());
        for line in [
            "resourceGroup: { name: rg, location: westeurope }",
            "  a: { url: https://a.example.com }",
            "    query: |",
            "      two",
            "    key: \"${KEY}\"",
            "  - type: a/b",
        ] {
            assert!(text.lines().any(|own| own == line), "`{line}` is not in:\n{text}");
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[ -~\n]{0,40}".prop_map(Value::from),
            "\\PC{0,20}".prop_map(Value::from),
            prop::sample::select(vec![
                "true",
                "~",
                "1.5",
                "- a",
                "a: b",
                "#",
                "${A}",
                "$",
                "",
                " ",
                "\n",
                "a\n\nb\n",
                "null",
                "@x",
                "{{a}}",
                "2024-05-01"
            ])
            .prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::btree_map("[a-zA-Z0-9 .:-]{1,12}", inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// What is written is read back as it was, but for the escapes of variables, which `read_plain` does not know.
        #[test]
        fn what_is_written_is_read_back(value in values()) {
            let mut document = Map::new();
            document.insert("key".to_owned(), value.clone());
            fn escaped(value: &Value) -> Value {
                match value {
                    Value::String(text) => Value::String(escape(text)),
                    Value::Array(items) => Value::Array(items.iter().map(escaped).collect()),
                    Value::Object(fields) => Value::Object(fields.iter().map(|(key, value)| (escape(key), escaped(value))).collect()),
                    other => other.clone(),
                }
            }
            let text = write(&document);
            prop_assert_eq!(&read_back(&text)["key"], &escaped(&value), "{}", text);
        }
    }
}
