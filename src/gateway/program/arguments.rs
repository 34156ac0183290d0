//! The values that expressions leave for the statement behind them.

use std::borrow::Cow;

use crate::expression::Evaluated;

/// Something that a policy takes: a literal, parsed when the document was compiled, or the value of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument<T> {
    /// As written.
    Literal(T),
    /// Place among the statement's [`Arguments`].
    Computed(u32),
}

/// One value.
#[derive(Debug, Clone)]
pub enum ArgumentValue {
    /// `null`.
    Null,
    /// Text.
    Text(String),
    /// Truth.
    Boolean(bool),
    /// Whole number.
    Integer(i64),
    /// Number.
    Number(f64),
    /// Anything, on the exchange's heap.
    Object(Evaluated),
}

/// The values of one statement.
#[derive(Debug, Default)]
pub struct Arguments(Vec<ArgumentValue>);

impl Arguments {
    /// Adds one.
    pub fn push(&mut self, value: ArgumentValue) {
        self.0.push(value);
    }

    /// Takes the last one.
    pub fn pop(&mut self) -> Option<ArgumentValue> {
        self.0.pop()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The value of a computed argument.
    #[must_use]
    pub fn get(&self, place: u32) -> &ArgumentValue {
        self.0.get(place as usize).unwrap_or(&ArgumentValue::Null)
    }

    /// Takes a computed value, to own it.
    pub fn take(&mut self, place: u32) -> ArgumentValue {
        self.0.get_mut(place as usize).map_or(ArgumentValue::Null, |value| std::mem::replace(value, ArgumentValue::Null))
    }

    /// Text; `None` for `null`.
    #[must_use]
    pub fn maybe_text<'a, T: AsRef<str>>(&'a self, argument: &'a Argument<T>) -> Option<&'a str> {
        match argument {
            Argument::Literal(text) => Some(text.as_ref()),
            Argument::Computed(place) => match self.get(*place) {
                ArgumentValue::Text(text) => Some(text),
                _ => None,
            },
        }
    }

    /// Text; empty for `null`.
    #[must_use]
    pub fn text<'a, T: AsRef<str>>(&'a self, argument: &'a Argument<T>) -> &'a str {
        self.maybe_text(argument).unwrap_or_default()
    }

    /// Text that may be kept: borrowed from a literal, taken from a computed value.
    pub fn take_text<'a, T: AsRef<str>>(&mut self, argument: &'a Argument<T>) -> Option<Cow<'a, str>> {
        match argument {
            Argument::Literal(text) => Some(Cow::Borrowed(text.as_ref())),
            Argument::Computed(place) => match self.take(*place) {
                ArgumentValue::Text(text) => Some(Cow::Owned(text)),
                _ => None,
            },
        }
    }

    /// Truth; false for `null`.
    #[must_use]
    pub fn boolean(&self, argument: &Argument<bool>) -> bool {
        match argument {
            Argument::Literal(value) => *value,
            Argument::Computed(place) => matches!(self.get(*place), ArgumentValue::Boolean(true)),
        }
    }

    /// Whole number; 0 for `null`.
    #[must_use]
    pub fn integer(&self, argument: &Argument<i64>) -> i64 {
        match argument {
            Argument::Literal(value) => *value,
            Argument::Computed(place) => match self.get(*place) {
                ArgumentValue::Integer(value) => *value,
                ArgumentValue::Number(value) => *value as i64,
                _ => 0,
            },
        }
    }

    /// Number; 0 for `null`.
    #[must_use]
    pub fn number(&self, argument: &Argument<f64>) -> f64 {
        match argument {
            Argument::Literal(value) => *value,
            Argument::Computed(place) => match self.get(*place) {
                ArgumentValue::Number(value) => *value,
                #[expect(clippy::cast_precision_loss, reason = "seconds and counts are far below 2^53")]
                ArgumentValue::Integer(value) => *value as f64,
                _ => 0.0,
            },
        }
    }
}
