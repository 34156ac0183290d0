//! YAML to JSON, for OpenAPI documents: scalars by the core schema, aliases within a budget.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::{Map, Number, Value};

/// Most values that a document may come to; aliases count each time.
const BUDGET: usize = 500_000;
const DEEPEST: usize = 100;

enum Open {
    Sequence(Vec<Value>, usize),
    Mapping(Map<String, Value>, Option<String>, usize),
}

pub(super) fn read(text: &str) -> Result<Value, String> {
    let mut open: Vec<Open> = Vec::new();
    let mut anchors: HashMap<usize, (Value, usize)> = HashMap::new();
    let (mut root, mut made) = (None, 0_usize);
    for event in Parser::new_from_str(text) {
        let (event, _) = event.map_err(|error| error.to_string())?;
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => (scalar(&text, style, tag.as_deref()), anchor),
            Event::SequenceStart(anchor, _) => {
                open.push(Open::Sequence(Vec::new(), anchor));
                check_depth(&open)?;
                continue;
            }
            Event::MappingStart(anchor, _) => {
                open.push(Open::Mapping(Map::new(), None, anchor));
                check_depth(&open)?;
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::Sequence(items, anchor)) => (Value::Array(items), anchor),
                Some(Open::Mapping(members, _, anchor)) => (Value::Object(members), anchor),
                None => return Err("unexpected end of a collection".to_owned()),
            },
            Event::Alias(anchor) => match anchors.get(&anchor) {
                Some((value, size)) => {
                    made = made.saturating_add(*size);
                    (value.clone(), 0)
                }
                None => return Err("an alias names no anchor".to_owned()),
            },
            Event::DocumentEnd => break,
            _ => continue,
        };
        made = made.saturating_add(1);
        if made > BUDGET {
            return Err("the document is too large".to_owned());
        }
        if anchor > 0 {
            let size = size_of(&value);
            anchors.insert(anchor, (value.clone(), size));
        }
        match open.last_mut() {
            None => root = Some(value),
            Some(Open::Sequence(items, _)) => items.push(value),
            Some(Open::Mapping(members, key, _)) => match key.take() {
                Some(key) => {
                    members.insert(key, value);
                }
                None => *key = Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned)),
            },
        }
    }
    root.ok_or_else(|| "the document is empty".to_owned())
}

fn check_depth(open: &[Open]) -> Result<(), String> {
    if open.len() > DEEPEST { Err("the document is nested too deeply".to_owned()) } else { Ok(()) }
}

fn size_of(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(size_of).sum::<usize>() + 1,
        Value::Object(members) => members.values().map(size_of).sum::<usize>() + 1,
        _ => 1,
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    if style != ScalarStyle::Plain || tag.is_some_and(|tag| tag.suffix == "str") {
        return Value::String(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => {
            let numeric = text.starts_with(|letter: char| letter.is_ascii_digit() || matches!(letter, '-' | '+' | '.'));
            let number = if numeric {
                text.parse::<i64>().ok().map(Number::from).or_else(|| text.parse::<f64>().ok().and_then(Number::from_f64))
            } else {
                None
            };
            number.map_or_else(|| Value::String(text.to_owned()), Value::Number)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scalars_and_collections_are_read() {
        let text = "a: 1\nb: [x, 'true', 2.5]\nc: {d: ~, e: yes}\nf: &g {h: i}\nj: *g\n200: ok\n";
        assert_eq!(
            read(text).unwrap(),
            json!({ "a": 1, "b": ["x", "true", 2.5], "c": { "d": null, "e": "yes" }, "f": { "h": "i" }, "j": { "h": "i" }, "200": "ok" })
        );
    }

    #[test]
    fn an_alias_bomb_is_refused() {
        let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for level in 1..12 {
            let inner = vec![format!("*a{}", level - 1); 10].join(",");
            text.push_str(&format!("a{level}: &a{level} [{inner}]\n"));
        }
        assert!(read(&text).unwrap_err().contains("too large"));
    }
}
