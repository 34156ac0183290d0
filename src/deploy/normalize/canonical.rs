//! One spelling for each meaning.

use serde_json::{Map, Value};

use super::rules::{At, Rules};
use crate::policy::{self, Format};
use crate::support::duration::parse_iso8601;
use crate::support::source::{SourceText, Sources};

/// Whether a value says nothing.
pub(in crate::deploy) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.iter().all(Value::is_null),
        Value::Object(fields) => fields.values().all(is_empty),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The field of that name, in any case when it is not there as it is written.
pub(in crate::deploy) fn lookup<'a>(fields: &'a Map<String, Value>, key: &str) -> Option<(&'a String, &'a Value)> {
    fields.get_key_value(key).or_else(|| fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)))
}

/// A number in one spelling.
pub(in crate::deploy) fn number(value: &Value) -> Value {
    match value.as_f64() {
        #[expect(clippy::cast_possible_truncation, reason = "whole and far inside the range, as the guard says")]
        Some(float) if float.fract() == 0.0 && float.abs() < 9e15 => Value::from(float as i64),
        _ => value.clone(),
    }
}

impl Rules {
    /// A text, number or boolean in one spelling.
    pub(in crate::deploy) fn scalar(&self, at: &At, value: &Value) -> Value {
        let Value::String(text) = value else { return number(value) };
        let text = text.replace("\r\n", "\n");
        Value::String(if at.id {
            self.id(&text)
        } else if at.location {
            text.split_whitespace().collect::<String>().to_lowercase()
        } else if at.duration {
            parse_iso8601(&text.to_ascii_uppercase()).map_or(text, |duration| format!("{}s", duration.as_secs_f64()))
        } else if at.policy {
            meaning(&text, Format::RawXml)
        } else {
            let text = if at.slashes { text.trim_matches('/') } else { &text };
            let is_id = text.get(.."/subscriptions/".len()).is_some_and(|start| start.eq_ignore_ascii_case("/subscriptions/"));
            if is_id {
                text.trim_end_matches('/').to_ascii_lowercase()
            } else if at.ignore_case {
                text.to_lowercase()
            } else {
                text.to_owned()
            }
        })
    }
}

/// A policy's meaning as a text; the text itself, with its white space evened out, when it cannot be read.
fn meaning(text: &str, format: Format) -> String {
    let source = SourceText::whole(Sources::default().add("", text), text.into());
    match policy::Document::parse(&source, format) {
        Ok(document) => format!("{:?}", policy::canonical(&document)),
        Err(_) => text.split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

/// A body, or the part of it at `path`, in one spelling.
pub(in crate::deploy) fn canonical(rules: &Rules, path: &mut Vec<String>, value: &Value) -> Value {
    let at = rules.at(path);
    match value {
        Value::Object(fields) => {
            let mut sorted: Vec<(&String, &Value)> = fields.iter().filter(|(_, value)| !is_empty(value)).collect();
            sorted.sort_by_key(|(key, _)| *key);
            let mut out = Map::new();
            for (key, value) in sorted {
                path.push(key.clone());
                let own = rules.at(path);
                if !own.read_only && !own.write_only {
                    let value = canonical(rules, path, value);
                    let is_default = own.default.as_ref().is_some_and(|default| canonical(rules, path, default) == value);
                    if !is_default && !is_empty(&value) {
                        out.insert(key.clone(), value);
                    }
                }
                path.pop();
            }
            Value::Object(out)
        }
        Value::Array(items) => {
            path.push("*".to_owned());
            let mut out: Vec<Value> = items
                .iter()
                .filter(|item| !item.is_null() && (!at.switches || !is_off(item)))
                .map(|item| canonical(rules, path, item))
                .collect();
            path.pop();
            if at.unordered.is_some() || !rules.known() {
                out.sort_by_cached_key(Value::to_string);
            }
            Value::Array(out)
        }
        scalar => rules.scalar(&at, scalar),
    }
}

/// Whether an element of an array of switches is off.
pub(in crate::deploy) fn is_off(item: &Value) -> bool {
    item.get("enabled") == Some(&Value::Bool(false))
}
