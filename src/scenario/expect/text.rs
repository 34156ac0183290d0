//! Expectations of texts, numbers in texts, and durations.

use std::time::Duration;

use regex::Regex;

/// What a text must be. Everything that is given must hold; nothing given: any text.
#[derive(Debug, Clone, Default)]
pub struct Text {
    /// This.
    pub exactly: Option<String>,
    /// With all of these in it.
    pub contains: Vec<String>,
    /// With none of these in it.
    pub lacks: Vec<String>,
    /// Some part of it looks like this.
    pub matches: Option<Regex>,
    /// A number not below this.
    pub at_least: Option<f64>,
    /// A number not above this.
    pub at_most: Option<f64>,
}

impl Text {
    /// Exactly this.
    #[must_use]
    pub fn exactly(text: impl Into<String>) -> Self {
        Self { exactly: Some(text.into()), ..Self::default() }
    }

    /// With this in it.
    #[must_use]
    pub fn containing(text: impl Into<String>) -> Self {
        Self { contains: vec![text.into()], ..Self::default() }
    }

    /// Whether any text will do.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.exactly.is_none()
            && self.contains.is_empty()
            && self.lacks.is_empty()
            && self.matches.is_none()
            && self.at_least.is_none()
            && self.at_most.is_none()
    }

    /// Whether `text` is as expected.
    #[must_use]
    pub fn holds(&self, text: &str) -> bool {
        self.missed(text).is_none()
    }

    /// What of it `text` misses, in words.
    #[must_use]
    pub fn missed(&self, text: &str) -> Option<String> {
        if let Some(exactly) = self.exactly.as_ref().filter(|exactly| *exactly != text) {
            return Some(quoted(exactly));
        }
        if let Some(part) = self.contains.iter().find(|part| !text.contains(part.as_str())) {
            return Some(format!("a text with {} in it", quoted(part)));
        }
        if let Some(part) = self.lacks.iter().find(|part| text.contains(part.as_str())) {
            return Some(format!("a text without {} in it", quoted(part)));
        }
        if let Some(pattern) = self.matches.as_ref().filter(|pattern| !pattern.is_match(text)) {
            return Some(format!("a text that matches `{pattern}`"));
        }
        if self.at_least.is_some() || self.at_most.is_some() {
            let number = text.trim().parse::<f64>().ok();
            let holds = number.is_some_and(|number| within(number, self.at_least, self.at_most));
            if !holds {
                return Some(bounds(self.at_least, self.at_most));
            }
        }
        None
    }

    /// In words.
    #[must_use]
    pub fn words(&self) -> String {
        let mut parts = Vec::new();
        parts.extend(self.exactly.as_deref().map(quoted));
        parts.extend(self.contains.iter().map(|part| format!("with {} in it", quoted(part))));
        parts.extend(self.lacks.iter().map(|part| format!("without {} in it", quoted(part))));
        parts.extend(self.matches.as_ref().map(|pattern| format!("matching `{pattern}`")));
        if self.at_least.is_some() || self.at_most.is_some() {
            parts.push(bounds(self.at_least, self.at_most));
        }
        if parts.is_empty() { "any text".to_owned() } else { parts.join(", ") }
    }
}

pub(super) fn within(number: f64, least: Option<f64>, most: Option<f64>) -> bool {
    least.is_none_or(|least| number >= least) && most.is_none_or(|most| number <= most)
}

pub(super) fn bounds(least: Option<f64>, most: Option<f64>) -> String {
    match (least, most) {
        (Some(least), Some(most)) if least == most => format!("{least}"),
        (Some(least), Some(most)) => format!("a number from {least} to {most}"),
        (Some(least), None) => format!("a number of at least {least}"),
        (None, Some(most)) => format!("a number of at most {most}"),
        (None, None) => "a number".to_owned(),
    }
}

/// A text as it is shown in a mismatch.
pub(super) fn quoted(text: &str) -> String {
    format!("`{text}`")
}

/// What a duration must be: not less than the first, not more than the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Time {
    /// Not less.
    pub at_least: Option<Duration>,
    /// Not more.
    pub at_most: Option<Duration>,
}

impl Time {
    /// Exactly so long, to the millisecond: less is nothing that anybody waits for.
    #[must_use]
    pub const fn exactly(duration: Duration) -> Self {
        Self { at_least: Some(duration), at_most: Some(duration) }
    }

    /// Whether `duration` is as expected; parts of a millisecond do not count.
    #[must_use]
    pub fn holds(self, duration: Duration) -> bool {
        let milliseconds = |duration: Duration| duration.as_millis();
        self.at_least.is_none_or(|least| milliseconds(duration) >= milliseconds(least))
            && self.at_most.is_none_or(|most| milliseconds(duration) <= milliseconds(most))
    }

    /// In words.
    #[must_use]
    pub fn words(self) -> String {
        match (self.at_least, self.at_most) {
            (Some(least), Some(most)) if least == most => shown(least),
            (Some(least), Some(most)) => format!("from {} to {}", shown(least), shown(most)),
            (Some(least), None) => format!("at least {}", shown(least)),
            (None, Some(most)) => format!("at most {}", shown(most)),
            (None, None) => "any time".to_owned(),
        }
    }
}

/// A duration for people: `1.5 s`.
pub(in crate::scenario) fn shown(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        return format!("{} ms", duration.as_millis());
    }
    let text = format!("{:.3}", duration.as_secs_f64());
    format!("{} s", text.trim_end_matches('0').trim_end_matches('.'))
}
