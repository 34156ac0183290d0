//! The values of a template.

use std::cmp::Ordering;
use std::sync::Arc;

use indexmap::IndexMap;

use super::super::xml;
use super::Comparison;
use crate::expression::{date_text, is_json_date};

/// The member that holds an element's own text, where it has attributes too.
const TEXT: &str = "#text";

/// One value.
#[derive(Debug, Clone)]
pub(in crate::gateway::execute) enum Value {
    Nil,
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Text(Arc<str>),
    /// A date, as it was written.
    Date(Arc<str>),
    List(Arc<Vec<Value>>),
    Map(Arc<IndexMap<String, Value>>),
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Arc::from(text))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Arc::from(text))
    }
}

impl Value {
    pub(in crate::gateway::execute) fn list(items: Vec<Self>) -> Self {
        Self::List(Arc::new(items))
    }

    pub(in crate::gateway::execute) fn map(members: IndexMap<String, Self>) -> Self {
        Self::Map(Arc::new(members))
    }

    pub(super) const fn is_true(&self) -> bool {
        !matches!(self, Self::Nil | Self::Boolean(false))
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Nil => true,
            Self::Text(text) => text.is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Map(members) => members.is_empty(),
            Self::Boolean(_) | Self::Integer(_) | Self::Number(_) | Self::Date(_) => false,
        }
    }

    pub(super) fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            #[expect(clippy::cast_possible_truncation, reason = "a whole number is wanted; `as` keeps to the range")]
            Self::Number(number) => Some(*number as i64),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    pub(super) fn number(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "as .NET converts")]
            Self::Integer(number) => Some(*number as f64),
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
            _ => None,
        }
    }

    /// As it is written into the result. Stops at `limit` bytes.
    pub(super) fn write(&self, out: &mut String, limit: usize) {
        if out.len() > limit {
            return;
        }
        match self {
            Self::Nil => {}
            Self::Boolean(truth) => out.push_str(if *truth { "true" } else { "false" }),
            Self::Integer(number) => out.push_str(&number.to_string()),
            Self::Number(number) => out.push_str(&number.to_string()),
            Self::Text(text) => out.push_str(text),
            // `DateTime.ToString()`: "mm/dd/yyyy hh:mm:ss" (set-body page, parse-date).
            Self::Date(text) => match date_text(text, "MM/dd/yyyy HH:mm:ss") {
                Some(date) => out.push_str(&date),
                None => out.push_str(text),
            },
            Self::List(items) => items.iter().for_each(|item| item.write(out, limit)),
            Self::Map(members) => match members.get(TEXT) {
                Some(text) => text.write(out, limit),
                // A .NET dictionary is a sequence of pairs.
                None => {
                    for (name, value) in members.iter() {
                        out.push('[');
                        out.push_str(name);
                        out.push_str(", ");
                        value.write(out, limit);
                        out.push(']');
                    }
                }
            },
        }
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, usize::MAX);
        text
    }

    /// `value.name`: a member, or what is known of every list, text and map. Members are found without regard to case if none is spelt
    /// so: templates that the portal generates write `body.envelope.body` for SOAP's `Envelope` and `Body`.
    pub(super) fn member(&self, name: &str) -> Self {
        if let Self::Map(members) = self {
            let found =
                members.get(name).or_else(|| members.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value));
            if let Some(found) = found {
                return found.clone();
            }
        }
        match (self, name) {
            (Self::List(items), "first" | "First") => items.first().cloned().unwrap_or(Self::Nil),
            (Self::List(items), "last" | "Last") => items.last().cloned().unwrap_or(Self::Nil),
            (_, "size" | "Size") => self.size(),
            _ => Self::Nil,
        }
    }

    pub(super) fn size(&self) -> Self {
        let size = match self {
            Self::List(items) => items.len(),
            Self::Map(members) => members.len(),
            Self::Text(text) => text.encode_utf16().count(),
            _ => return Self::Nil,
        };
        Self::Integer(i64::try_from(size).unwrap_or(i64::MAX))
    }

    /// `value[index]`.
    pub(super) fn index(&self, index: &Self) -> Self {
        match (self, index) {
            (Self::List(items), index) => {
                let Some(number) = index.integer() else { return Self::Nil };
                let place = if number < 0 { number.saturating_add(i64::try_from(items.len()).unwrap_or(i64::MAX)) } else { number };
                usize::try_from(place).ok().and_then(|place| items.get(place)).cloned().unwrap_or(Self::Nil)
            }
            (_, Self::Text(name)) => self.member(name),
            _ => Self::Nil,
        }
    }

    /// What a loop goes over. A map gives pairs, a single value itself.
    pub(super) fn items(&self) -> Vec<Self> {
        match self {
            Self::Nil => Vec::new(),
            Self::List(items) => items.to_vec(),
            Self::Map(members) => members.iter().map(|(name, value)| Self::list(vec![Self::from(name.as_str()), value.clone()])).collect(),
            other => vec![other.clone()],
        }
    }

    pub(super) fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Nil, Self::Nil) => true,
            (Self::Nil, _) | (_, Self::Nil) => false,
            (Self::Boolean(left), Self::Boolean(right)) => left == right,
            (Self::Integer(left), Self::Integer(right)) => left == right,
            (Self::Integer(_) | Self::Number(_), Self::Integer(_) | Self::Number(_)) => self.number() == other.number(),
            (Self::List(left), Self::List(right)) => left.len() == right.len() && left.iter().zip(right.iter()).all(|(a, b)| a.equals(b)),
            (Self::Map(_), Self::Map(_)) => false,
            _ => self.text() == other.text(),
        }
    }

    pub(super) fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Nil, _) | (_, Self::Nil) => None,
            (Self::Integer(left), Self::Integer(right)) => Some(left.cmp(right)),
            (Self::Integer(_) | Self::Number(_), _) | (_, Self::Integer(_) | Self::Number(_)) => {
                self.number()?.partial_cmp(&other.number()?)
            }
            (Self::Date(left), Self::Date(right)) => {
                let sortable = |text: &str| date_text(text, "yyyy-MM-dd HH:mm:ss.fffffff");
                Some(sortable(left)?.cmp(&sortable(right)?))
            }
            _ => Some(self.text().cmp(&other.text())),
        }
    }

    pub(super) fn compare(&self, comparison: Comparison, other: &Self) -> bool {
        match comparison {
            Comparison::Equal => self.equals(other),
            Comparison::NotEqual => !self.equals(other),
            Comparison::Less => self.order(other) == Some(Ordering::Less),
            Comparison::LessOrEqual => matches!(self.order(other), Some(Ordering::Less | Ordering::Equal)),
            Comparison::Greater => self.order(other) == Some(Ordering::Greater),
            Comparison::GreaterOrEqual => matches!(self.order(other), Some(Ordering::Greater | Ordering::Equal)),
            Comparison::Contains => match self {
                Self::List(items) => items.iter().any(|item| item.equals(other)),
                Self::Map(members) => members.contains_key(&other.text()),
                Self::Nil => false,
                text => !matches!(other, Self::Nil) && text.text().contains(&other.text()),
            },
            Comparison::StartsWith => match self {
                Self::List(items) => items.first().is_some_and(|item| item.equals(other)),
                text => text.text().starts_with(&other.text()),
            },
            Comparison::EndsWith => match self {
                Self::List(items) => items.last().is_some_and(|item| item.equals(other)),
                text => text.text().ends_with(&other.text()),
            },
            Comparison::HasKey => matches!(self, Self::Map(members) if members.contains_key(&other.text())),
            Comparison::HasValue => matches!(self, Self::Map(members) if members.values().any(|value| value.equals(other))),
        }
    }
}

/// A JSON body. `dates`: texts that look like dates become dates.
pub(in crate::gateway::execute) fn from_json(json: serde_json::Value, dates: bool) -> Value {
    match json {
        serde_json::Value::Null => Value::Nil,
        serde_json::Value::Bool(truth) => Value::Boolean(truth),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(number) => Value::Integer(number),
            None => number.as_f64().map_or(Value::Nil, Value::Number),
        },
        serde_json::Value::String(text) if dates && is_json_date(&text) => Value::Date(Arc::from(text)),
        serde_json::Value::String(text) => Value::from(text),
        serde_json::Value::Array(items) => Value::list(items.into_iter().map(|item| from_json(item, dates)).collect()),
        serde_json::Value::Object(members) => {
            Value::map(members.into_iter().map(|(name, value)| (name, from_json(value, dates))).collect())
        }
    }
}

/// An XML body: a map that holds its root. Prefixes and namespace declarations are left out, elements of one name become a list
/// (assumed, but for the first, which samples show). `nil_is_null`: what `xsi:nil="true"` marks is null instead of empty text.
pub(in crate::gateway::execute) fn from_xml(root: &xml::Element, nil_is_null: bool) -> Value {
    Value::map([(xml::local(&root.name).to_owned(), element(root, nil_is_null))].into_iter().collect())
}

fn element(element: &xml::Element, nil_is_null: bool) -> Value {
    if element.is_nil() {
        return if nil_is_null { Value::Nil } else { Value::from("") };
    }
    let mut members: IndexMap<String, Value> = IndexMap::new();
    for (name, value) in &element.attributes {
        if name != "xmlns" && !name.starts_with("xmlns:") && !name.starts_with("xsi:") {
            members.insert(format!("@{}", xml::local(name)), Value::from(value.as_str()));
        }
    }
    let attributes = members.len();
    for child in element.elements() {
        let value = self::element(child, nil_is_null);
        match members.entry(xml::local(&child.name).to_owned()) {
            indexmap::map::Entry::Vacant(place) => {
                place.insert(value);
            }
            indexmap::map::Entry::Occupied(mut place) => match place.get_mut() {
                Value::List(items) => Arc::make_mut(items).push(value),
                single => {
                    let first = std::mem::replace(single, Value::Nil);
                    *single = Value::list(vec![first, value]);
                }
            },
        }
    }
    if members.is_empty() {
        return Value::from(element.text());
    }
    if members.len() == attributes {
        members.insert(TEXT.to_owned(), Value::from(element.text()));
    }
    Value::map(members)
}
