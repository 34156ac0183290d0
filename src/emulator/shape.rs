//! Shapes of bodies, as data: which properties a type has, what they may hold, what the service fills in.
//!
//! Names, lengths, patterns, closed enums and defaults are those of the published contract (Bicep types and the
//! reconstructed Swagger of 2024-05-01). The words of the messages about lengths and missing values are assumed;
//! their envelope (`ValidationError`, one detail a field) was recorded. Unknown properties are dropped without a word,
//! as a .NET deserialiser does (assumed).

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use regex::Regex;
use serde_json::{Map, Value};

use super::answer::Problems;
use super::request::ApiVersion;
use crate::support::duration::parse_iso8601;

/// What a value may be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Type {
    /// Kept as sent.
    Any,
    /// Text of a length.
    Text(usize, usize),
    /// Text of a length that matches a pattern.
    Pattern(&'static str, usize, usize),
    /// One of these words; case is mended.
    Word(&'static [&'static str]),
    Boolean,
    /// A whole number within bounds.
    Integer(i64, i64),
    /// A number within bounds; comes back with a fraction (`100.0`).
    Number(f64, f64),
    /// ISO 8601.
    Duration,
    Object(&'static [Field]),
    Map(&'static Type),
    /// Item and how many.
    List(&'static Type, usize, usize),
}

/// Any text.
pub(crate) const TEXT: Type = Type::Text(0, usize::MAX);
/// A list of texts.
pub(crate) const TEXTS: Type = Type::List(&TEXT, 0, usize::MAX);

/// One property.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Type,
    required: bool,
    /// JSON text of what the service fills in.
    default: Option<&'static str>,
    /// First api-version that knows it.
    since: Option<&'static str>,
    undocumented: bool,
}

impl Field {
    pub(crate) const fn new(name: &'static str, kind: Type) -> Self {
        Self { name, kind, required: false, default: None, since: None, undocumented: false }
    }

    pub(crate) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// What is filled in when the property is absent, as JSON.
    pub(crate) const fn or(mut self, json: &'static str) -> Self {
        self.default = Some(json);
        self
    }

    /// Older api-versions drop it.
    pub(crate) const fn since(mut self, date: &'static str) -> Self {
        self.since = Some(date);
        self
    }

    /// In no published contract.
    pub(crate) const fn undocumented(mut self) -> Self {
        self.undocumented = true;
        self
    }

    fn is_known(&self, lens: &Lens<'_>) -> bool {
        self.since.is_none_or(|date| lens.version.is_since(date))
            && (!self.undocumented || !lens.undocumented_need_preview || lens.version.is_preview())
    }
}

/// Through which contract a body is seen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lens<'a> {
    pub(crate) version: &'a ApiVersion,
    pub(crate) undocumented_need_preview: bool,
}

/// Finds a member without regard to case, as the service's deserialiser does.
pub(crate) fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object
        .get(name)
        .or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
        .filter(|value| !value.is_null())
}

/// Brings an object into shape: checks, mends case, drops what is unknown, fills in defaults.
pub(crate) fn shape(fields: &[Field], sent: &Value, lens: Lens<'_>, problems: &mut Problems) -> Map<String, Value> {
    let empty = Map::new();
    let sent = sent.as_object().unwrap_or(&empty);
    let mut shaped = Map::new();
    for field in fields.iter().filter(|field| field.is_known(&lens)) {
        match member(sent, field.name) {
            Some(value) => {
                if let Some(value) = conform(field.name, field.kind, value, lens, problems) {
                    shaped.insert(field.name.to_owned(), value);
                }
            }
            None => {
                if field.required {
                    problems.add(field.name, format!("{} is required.", capitalised(field.name)));
                } else if let Some(default) = field.default.and_then(|text| serde_json::from_str(text).ok()) {
                    shaped.insert(field.name.to_owned(), default);
                }
            }
        }
    }
    shaped
}

fn conform(name: &str, kind: Type, value: &Value, lens: Lens<'_>, problems: &mut Problems) -> Option<Value> {
    let wrong = |problems: &mut Problems, expected: &str| {
        problems.add(name, format!("{} has a value of the wrong type: {expected} is expected.", capitalised(name)));
        None
    };
    match kind {
        Type::Any => Some(value.clone()),
        Type::Text(..) | Type::Pattern(..) | Type::Word(_) | Type::Duration => match value.as_str() {
            Some(text) => Some(Value::String(conform_text(name, kind, text, problems))),
            None => wrong(problems, "a string"),
        },
        Type::Boolean => match value {
            Value::Bool(_) => Some(value.clone()),
            // Newtonsoft reads "true" into a boolean.
            Value::String(text) if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") => {
                Some(Value::Bool(text.eq_ignore_ascii_case("true")))
            }
            _ => wrong(problems, "a boolean"),
        },
        Type::Integer(least, most) => match whole(value) {
            Some(number) => {
                if !(least..=most).contains(&number) {
                    problems.add(name, format!("{} must be between {least} and {most}.", capitalised(name)));
                }
                Some(number.into())
            }
            None => wrong(problems, "a whole number"),
        },
        Type::Number(least, most) => match value.as_f64() {
            Some(number) => {
                if !(least..=most).contains(&number) {
                    problems.add(name, format!("{} must be between {least} and {most}.", capitalised(name)));
                }
                Some(number.into())
            }
            None => wrong(problems, "a number"),
        },
        Type::Object(fields) => {
            if value.is_object() {
                Some(Value::Object(shape(fields, value, lens, problems)))
            } else {
                wrong(problems, "an object")
            }
        }
        Type::Map(item) => match value.as_object() {
            Some(object) => Some(Value::Object(
                object
                    .iter()
                    .filter(|(_, value)| !value.is_null())
                    .filter_map(|(key, value)| Some((key.clone(), conform(name, *item, value, lens, problems)?)))
                    .collect(),
            )),
            None => wrong(problems, "an object"),
        },
        Type::List(item, least, most) => match value.as_array() {
            Some(items) => {
                if !(least..=most).contains(&items.len()) {
                    problems.add(name, format!("{} must have between {least} and {most} items.", capitalised(name)));
                }
                Some(Value::Array(items.iter().filter_map(|value| conform(name, *item, value, lens, problems)).collect()))
            }
            None => wrong(problems, "an array"),
        },
    }
}

fn conform_text(name: &str, kind: Type, text: &str, problems: &mut Problems) -> String {
    let mut length = |least: usize, most: usize| {
        if !(least..=most).contains(&text.chars().count()) {
            problems.add(name, format!("{} must be between {least} and {most} characters long.", capitalised(name)));
        }
    };
    match kind {
        Type::Text(least, most) => length(least, most),
        Type::Pattern(pattern, least, most) => {
            length(least, most);
            if !matches(pattern, text) {
                problems.add(name, format!("{} does not match the pattern '{pattern}'.", capitalised(name)));
            }
        }
        Type::Word(words) => match words.iter().find(|word| word.eq_ignore_ascii_case(text)) {
            Some(word) => return (*word).to_owned(),
            None => problems.add(name, format!("{} is not supported", capitalised(name))),
        },
        Type::Duration if parse_iso8601(text).is_none() => {
            problems.add(name, format!("{} must be an ISO 8601 duration.", capitalised(name)));
        }
        _ => {}
    }
    text.to_owned()
}

fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let number = value.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < 9.0e15)?;
        #[expect(clippy::cast_possible_truncation, reason = "checked: whole and far inside the range")]
        Some(number as i64)
    })
}

/// Whether `text` matches an anchored pattern of the contract.
pub(crate) fn matches(pattern: &'static str, text: &str) -> bool {
    // The contract has a few dozen patterns; compiling one costs more than the rest of a request.
    static COMPILED: LazyLock<Mutex<HashMap<&str, Option<Regex>>>> = LazyLock::new(Mutex::default);
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    compiled.entry(pattern).or_insert_with(|| Regex::new(pattern).ok()).as_ref().is_some_and(|pattern| pattern.is_match(text))
}

/// `displayName` as the service's messages write it: `DisplayName`.
pub(crate) fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Takes away what the api-version of a reader does not know.
pub(crate) fn narrow(fields: &[Field], value: &mut Value, lens: Lens<'_>) {
    let Some(object) = value.as_object_mut() else { return };
    for field in fields {
        if !field.is_known(&lens) {
            object.shift_remove(field.name);
        } else if let Some(inner) = object.get_mut(field.name) {
            narrow_value(field.kind, inner, lens);
        }
    }
}

fn narrow_value(kind: Type, value: &mut Value, lens: Lens<'_>) {
    match kind {
        Type::Object(fields) => narrow(fields, value, lens),
        Type::List(item, ..) => value.as_array_mut().into_iter().flatten().for_each(|inner| narrow_value(*item, inner, lens)),
        Type::Map(item) => value.as_object_mut().into_iter().flat_map(Map::values_mut).for_each(|inner| narrow_value(*item, inner, lens)),
        _ => {}
    }
}
