//! Expectations of JSON: a subset of it, exact parts, and parts that only have to look like something.

use serde_json::Value;

use super::Missed;
use super::text::{Text, bounds, within};

/// What a JSON value must be.
#[derive(Debug, Clone)]
pub enum Json {
    /// Anything, null too.
    Any,
    /// Not there.
    Absent,
    /// This value, and nothing beside what it holds.
    Exactly(Value),
    /// A text like this; a number or boolean counts as its own text.
    Text(Text),
    /// A number within bounds.
    Number(Option<f64>, Option<f64>),
    /// An object with these members, and maybe others.
    Object(Vec<(String, Json)>),
    /// A list of just these items.
    List(Vec<Json>),
    /// A list with items like all of these in it, in any order.
    Holding(Vec<Json>),
    /// A list of so many items.
    Length(usize),
}

/// Longest value that a mismatch shows in full.
const LONGEST: usize = 400;

impl Json {
    /// How `value` (`None`: there is none) misses it; `about` is the path so far.
    pub(crate) fn check(&self, about: &str, value: Option<&Value>, missed: &mut Vec<Missed>) {
        let miss = |missed: &mut Vec<Missed>| missed.push(Missed::new(about, self.words(), value.map_or("nothing".to_owned(), short)));
        match (self, value) {
            (Self::Absent, None) | (Self::Any, Some(_)) => {}
            (Self::Exactly(expected), Some(value)) if same(expected, value) => {}
            (Self::Text(text), Some(value)) if plain(value).is_some_and(|own| text.holds(&own)) => {}
            (Self::Number(least, most), Some(Value::Number(number)))
                if number.as_f64().is_some_and(|number| within(number, *least, *most)) => {}
            (Self::Object(members), Some(Value::Object(fields))) => {
                for (name, expected) in members {
                    expected.check(&format!("{about}.{name}"), fields.get(name), missed);
                }
            }
            (Self::List(items), Some(Value::Array(values))) => {
                if items.len() == values.len() {
                    for (index, (item, value)) in items.iter().zip(values).enumerate() {
                        item.check(&format!("{about}[{index}]"), Some(value), missed);
                    }
                } else {
                    let got = format!("{} items: {}", values.len(), short(&Value::Array(values.clone())));
                    missed.push(Missed::new(about, format!("{} items", items.len()), got));
                }
            }
            (Self::Holding(items), Some(Value::Array(values))) => {
                let lacking = items.iter().find(|item| !values.iter().any(|value| item.holds(value)));
                if let Some(item) = lacking {
                    missed.push(Missed::new(about, format!("an item like {}", item.words()), short(&Value::Array(values.clone()))));
                }
            }
            (Self::Length(length), Some(Value::Array(values))) if values.len() == *length => {}
            _ => miss(missed),
        }
    }

    /// Whether `value` is as expected.
    #[must_use]
    pub fn holds(&self, value: &Value) -> bool {
        let mut missed = Vec::new();
        self.check("", Some(value), &mut missed);
        missed.is_empty()
    }

    /// In words.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Any => "anything".to_owned(),
            Self::Absent => "nothing".to_owned(),
            Self::Exactly(value) => short(value),
            Self::Text(text) => text.words(),
            Self::Number(least, most) => bounds(*least, *most),
            Self::Object(members) => {
                let members: Vec<String> = members.iter().map(|(name, value)| format!("{name}: {}", value.words())).collect();
                format!("an object with {{ {} }}", members.join(", "))
            }
            Self::List(items) => format!("[{}]", items.iter().map(Self::words).collect::<Vec<_>>().join(", ")),
            Self::Holding(items) => format!("a list with {} in it", items.iter().map(Self::words).collect::<Vec<_>>().join(", ")),
            Self::Length(length) => format!("a list of {length} items"),
        }
    }
}

/// Numbers are equal by value: `1` is `1.0`.
fn same(expected: &Value, value: &Value) -> bool {
    match (expected, value) {
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other)),
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len() && one.iter().all(|(name, value)| other.get(name).is_some_and(|other| same(value, other)))
        }
        _ => expected == value,
    }
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A value on one line, cut where it gets long.
pub(super) fn short(value: &Value) -> String {
    shortened(&value.to_string())
}

/// A text that is not longer than anybody reads.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}… ({} bytes)", text.get(..end).unwrap_or_default(), text.len()),
        None => text.to_owned(),
    }
}
