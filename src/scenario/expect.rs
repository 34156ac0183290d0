//! What is expected of answers, and how an answer misses it.
//!
//! [`Each`] is about every single answer, [`All`] about all answers of a step together. Both tell what can be seen from outside from what
//! only the gateway knows ([`Expect::is_outside`]), so that the same expectations check a gateway over a network.

mod amount;
mod each;
mod json;
mod many;
mod text;

pub use self::amount::{Amount, Tolerance};
pub use self::each::{AttemptExpected, Each, Outcome, StreamExpected, TraceExpected};
pub use self::json::Json;
pub use self::many::{All, MetricExpected, ReceivedExpected, Sample};
pub(in crate::scenario) use self::text::shown;
pub use self::text::{Text, Time};
use crate::scenario::answer::Answer;
use crate::support::source::Span;

/// What is expected of the answers of one step.
#[derive(Debug, Clone, Default)]
pub struct Expect {
    /// Of every answer.
    pub each: Vec<Check<Each>>,
    /// Of all answers together.
    pub all: Vec<Check<All>>,
}

/// One expectation, and where it stands.
#[derive(Debug, Clone)]
pub struct Check<T> {
    /// Where the user wrote it; `None` if nobody did.
    pub at: Option<Span>,
    /// What is expected.
    pub what: T,
}

impl<T> Check<T> {
    /// Of no file.
    #[must_use]
    pub const fn new(what: T) -> Self {
        Self { at: None, what }
    }
}

/// How an answer misses what is expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// Where the user wrote what is expected.
    pub at: Option<Span>,
    /// What it is about: `status`, `headers.retry-after`, `json.usage.total_tokens`.
    pub about: String,
    /// What was expected, in words or as a value.
    pub expected: String,
    /// What there was.
    pub got: String,
    /// Which of several answers, counted from 1.
    pub answer: Option<usize>,
}

/// A mismatch without its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missed {
    pub(crate) about: String,
    pub(crate) expected: String,
    pub(crate) got: String,
}

impl Missed {
    pub(crate) fn new(about: impl Into<String>, expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self { about: about.into(), expected: expected.into(), got: got.into() }
    }

    fn at(self, at: Option<Span>, answer: Option<usize>) -> Mismatch {
        Mismatch { at, about: self.about, expected: self.expected, got: self.got, answer }
    }
}

impl Expect {
    /// Of every answer, from no file.
    #[must_use]
    pub fn of(each: impl IntoIterator<Item = Each>) -> Self {
        Self { each: each.into_iter().map(Check::new).collect(), all: Vec::new() }
    }

    /// Whether nothing is expected.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.each.is_empty() && self.all.is_empty()
    }

    /// Whether all of it can be seen from outside.
    #[must_use]
    pub fn is_outside(&self) -> bool {
        self.each.iter().all(|check| check.what.is_outside()) && self.all.iter().all(|check| check.what.is_outside())
    }

    /// How one answer misses what is expected of every one. What only the gateway knows is missed by an answer that comes over a network.
    #[must_use]
    pub fn check(&self, answer: &Answer) -> Vec<Mismatch> {
        let missed = |check: &Check<Each>| check.what.check(answer).into_iter().map(|missed| missed.at(check.at, None)).collect::<Vec<_>>();
        self.each.iter().flat_map(missed).collect()
    }

    /// How the answers of a step miss what is expected of them, one by one and together. Of answers that miss the same thing the first is
    /// named.
    #[must_use]
    pub fn check_all(&self, sample: &Sample) -> Vec<Mismatch> {
        let several = sample.answers.len() > 1;
        let mut mismatches = Vec::new();
        for check in &self.each {
            let first = sample.answers.iter().enumerate().find_map(|(index, answer)| {
                let missed = match answer {
                    Ok(answer) => check.what.check(answer),
                    Err(reason) => vec![Missed::new("answer", "an answer", reason.clone())],
                };
                (!missed.is_empty()).then_some((index, missed))
            });
            if let Some((index, missed)) = first {
                mismatches.extend(missed.into_iter().map(|missed| missed.at(check.at, several.then_some(index + 1))));
            }
        }
        for check in &self.all {
            mismatches.extend(check.what.check(sample).into_iter().map(|missed| missed.at(check.at, None)));
        }
        // One answer that is not there would be told once for each expectation.
        let mut unanswered = false;
        mismatches.retain(|mismatch| mismatch.about != "answer" || !std::mem::replace(&mut unanswered, true));
        mismatches
    }
}

#[cfg(test)]
mod tests;
