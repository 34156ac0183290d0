//! What is expected of every answer.

use std::time::Duration;

use http::header::HeaderName;
use serde_json::Value;

use super::Missed;
use super::amount::Amount;
use super::json::{self, Json};
use super::text::{Text, Time, shown};
use crate::scenario::answer::{Answer, Attempt, Inside, TraceEntry};

/// What is expected of an answer.
#[derive(Debug, Clone)]
pub enum Each {
    /// One of these statuses.
    Status(Vec<u16>),
    /// A reason phrase.
    Reason(Text),
    /// A header; several values count as one, with commas.
    Header(HeaderName, Text),
    /// No such header.
    NoHeader(HeaderName),
    /// The body as text.
    Body(Text),
    /// The body as JSON.
    Json(Json),
    /// A stream of server-sent events.
    Stream(StreamExpected),
    /// Whether all of the body came.
    Complete(bool),
    /// How long the head took.
    HeadAfter(Time),
    /// How long everything took.
    Elapsed(Time),
    /// Which backend's answer it is; `None`: no backend was asked. Inside.
    Backend(Option<String>),
    /// The attempts, in order. Inside.
    Attempts(Vec<AttemptExpected>),
    /// How many attempts there were. Inside.
    AttemptCount(Amount),
    /// How long the gateway waited between one attempt's end and the next one's start. Inside.
    Waits(Vec<Time>),
    /// A variable of `context.Variables` at the end. Inside.
    Variable(String, Json),
    /// What the trace holds. Inside.
    Trace(TraceExpected),
    /// Prompt and completion tokens that a policy counted. Inside.
    Usage(Option<Json>),
    /// `context.LastError`: source, reason, message; `None`: nothing went wrong. Inside.
    Error(Option<Box<[Option<Text>; 3]>>),
    /// Ids of API, operation, product and subscription that it was for; `Some(None)`: of none. Inside.
    Named(&'static str, Option<String>),
}

/// What a stream must be.
#[derive(Debug, Clone, Default)]
pub struct StreamExpected {
    /// How many events, without `[DONE]`.
    pub events: Option<Amount>,
    /// Whether `[DONE]` ends it.
    pub done: Option<bool>,
    /// The texts of its deltas (chat completions and completions), one after the other.
    pub text: Option<Text>,
    /// Its `usage`.
    pub usage: Option<Json>,
    /// When the first event came.
    pub first_after: Option<Time>,
    /// Whether events came at different times: nobody held the stream back to send it in one piece.
    pub spread: Option<bool>,
}

/// What an attempt must be. What is not given may be anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttemptExpected {
    /// At this backend.
    pub backend: Option<String>,
    /// With this result.
    pub outcome: Option<Outcome>,
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// This status.
    Status(u16),
    /// No answer, whatever the reason.
    Failed,
    /// No answer, for this reason (`context.LastError.Reason`).
    FailedWith(String),
}

/// What a trace must hold.
#[derive(Debug, Clone, Default)]
pub struct TraceExpected {
    /// In this section.
    pub section: Option<String>,
    /// By this policy or step.
    pub source: Option<String>,
    /// Its data as text.
    pub text: Text,
    /// Such an entry must not be there.
    pub absent: bool,
}

impl Each {
    /// Whether it can be seen from outside.
    #[must_use]
    pub const fn is_outside(&self) -> bool {
        match self {
            Self::Status(_)
            | Self::Reason(_)
            | Self::Header(..)
            | Self::NoHeader(_)
            | Self::Body(_)
            | Self::Json(_)
            | Self::Stream(_)
            | Self::Complete(_)
            | Self::HeadAfter(_)
            | Self::Elapsed(_) => true,
            Self::Backend(_)
            | Self::Attempts(_)
            | Self::AttemptCount(_)
            | Self::Waits(_)
            | Self::Variable(..)
            | Self::Trace(_)
            | Self::Usage(_)
            | Self::Error(_)
            | Self::Named(..) => false,
        }
    }

    /// Whether it is about what only a traced request tells.
    #[must_use]
    pub const fn needs_trace(&self) -> bool {
        matches!(self, Self::Trace(_) | Self::Variable(..))
    }

    pub(super) fn check(&self, answer: &Answer) -> Vec<Missed> {
        let mut missed = Vec::new();
        self.outside(answer, &mut missed);
        if !self.is_outside() {
            match &answer.inside {
                Some(inside) => self.inside(inside, &mut missed),
                None => missed.push(Missed::new("inside", "a gateway that tells what it did", "an answer over a network")),
            }
        }
        missed
    }

    fn outside(&self, answer: &Answer, missed: &mut Vec<Missed>) {
        match self {
            Self::Status(statuses) => {
                let status = answer.status.as_u16();
                if !statuses.contains(&status) {
                    let expected = statuses_in_words(statuses);
                    let body = json::shortened(answer.text().trim());
                    let got = if body.is_empty() { status.to_string() } else { format!("{status}, with the body {body}") };
                    missed.push(Missed::new("status", expected, got));
                }
            }
            Self::Reason(text) => {
                let reason = answer.reason.as_deref().or_else(|| answer.status.canonical_reason()).unwrap_or_default();
                text_of("reason", text, Some(reason), missed);
            }
            Self::Header(name, text) => text_of(&format!("headers.{name}"), text, header(answer, name).as_deref(), missed),
            Self::NoHeader(name) => {
                if let Some(value) = header(answer, name) {
                    missed.push(Missed::new(format!("headers.{name}"), "no such header", format!("`{value}`")));
                }
            }
            Self::Body(text) => text_of("body", text, Some(&answer.text()), missed),
            Self::Json(expected) => match serde_json::from_slice::<Value>(&answer.body()) {
                Ok(value) => expected.check("json", Some(&value), missed),
                Err(_) => missed.push(Missed::new("json", "a body of JSON", json::shortened(&answer.text()))),
            },
            Self::Stream(stream) => stream.check(answer, missed),
            Self::Complete(complete) => match (&answer.cut, complete) {
                (Some(reason), true) => missed.push(Missed::new("complete", "the whole body", format!("a body that broke off: {reason}"))),
                (None, false) => missed.push(Missed::new("complete", "a body that breaks off", "the whole body")),
                _ => {}
            },
            Self::HeadAfter(time) => time_of("headAfter", *time, answer.head_after, missed),
            Self::Elapsed(time) => time_of("elapsed", *time, answer.elapsed, missed),
            _ => {}
        }
    }

    fn inside(&self, inside: &Inside, missed: &mut Vec<Missed>) {
        match self {
            Self::Backend(expected) if inside.served() != expected.as_deref() => {
                let words = |backend: Option<&str>| backend.map_or("no backend".to_owned(), |name| format!("`{name}`"));
                let got = format!("{} (attempts: {})", words(inside.served()), attempts(&inside.attempts));
                missed.push(Missed::new("backend", words(expected.as_deref()), got));
            }
            Self::Attempts(expected) => {
                let same = expected.len() == inside.attempts.len() && expected.iter().zip(&inside.attempts).all(|(one, own)| one.fits(own));
                if !same {
                    let expected = expected.iter().map(AttemptExpected::words).collect::<Vec<_>>().join(", ");
                    let expected = if expected.is_empty() { "none".to_owned() } else { expected };
                    missed.push(Missed::new("attempts", expected, attempts(&inside.attempts)));
                }
            }
            Self::AttemptCount(amount) => {
                let count = inside.attempts.len() as u64;
                if !amount.holds(count, count) {
                    let got = format!("{count}: {}", attempts(&inside.attempts));
                    missed.push(Missed::new("attempts", amount.words(count), got));
                }
            }
            Self::Waits(expected) => {
                let ends = inside.attempts.iter().map(|attempt| attempt.after + attempt.elapsed);
                let waits: Vec<Duration> =
                    ends.zip(inside.attempts.iter().skip(1)).map(|(end, next)| next.after.saturating_sub(end)).collect();
                if expected.len() != waits.len() || expected.iter().zip(&waits).any(|(time, wait)| !time.holds(*wait)) {
                    let expected = expected.iter().map(|time| time.words()).collect::<Vec<_>>().join(", ");
                    let got = waits.iter().map(|wait| shown(*wait)).collect::<Vec<_>>().join(", ");
                    missed.push(Missed::new("waits", or_none(expected), or_none(got)));
                }
            }
            Self::Variable(name, expected) => expected.check(&format!("variables.{name}"), inside.variables.get(name), missed),
            Self::Trace(expected) => expected.check(&inside.trace, missed),
            Self::Usage(expected) => {
                let usage = inside.usage.map(|(prompt, completion)| {
                    serde_json::json!({ "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion })
                });
                expected.as_ref().unwrap_or(&Json::Absent).check("usage", usage.as_ref(), missed);
            }
            Self::Error(expected) => match (expected, &inside.error) {
                (None, None) => {}
                (None, Some((source, reason, message))) => {
                    missed.push(Missed::new("error", "no error", format!("{source}: {reason}: {message}")));
                }
                (Some(_), None) => missed.push(Missed::new("error", "an error", "none")),
                (Some(expected), Some((source, reason, message))) => {
                    for ((name, expected), own) in
                        ["source", "reason", "message"].iter().zip(expected.iter()).zip([source, reason, message])
                    {
                        if let Some(expected) = expected {
                            text_of(&format!("error.{name}"), expected, Some(own), missed);
                        }
                    }
                }
            },
            Self::Named(what, expected) => {
                let own = match *what {
                    "api" => &inside.names.api,
                    "operation" => &inside.names.operation,
                    "product" => &inside.names.product,
                    _ => &inside.names.subscription,
                };
                if own != expected {
                    let words = |name: &Option<String>| name.as_ref().map_or("none".to_owned(), |name| format!("`{name}`"));
                    missed.push(Missed::new(*what, words(expected), words(own)));
                }
            }
            _ => {}
        }
    }
}

/// `200 or 204`; a whole class as `2xx`.
fn statuses_in_words(statuses: &[u16]) -> String {
    let mut words: Vec<String> = Vec::new();
    for status in statuses {
        let class = status / 100;
        let whole = statuses.iter().filter(|own| **own / 100 == class).count() == 100;
        let word = if whole { format!("{class}xx") } else { status.to_string() };
        if words.last() != Some(&word) {
            words.push(word);
        }
    }
    words.join(" or ")
}

impl AttemptExpected {
    fn fits(&self, attempt: &Attempt) -> bool {
        self.backend.as_ref().is_none_or(|backend| backend.eq_ignore_ascii_case(&attempt.backend))
            && match (&self.outcome, &attempt.outcome) {
                (None, _) | (Some(Outcome::Failed), Err(_)) => true,
                (Some(Outcome::Status(expected)), Ok(status)) => expected == status,
                (Some(Outcome::FailedWith(expected)), Err(reason)) => expected == reason,
                _ => false,
            }
    }

    fn words(&self) -> String {
        let backend = self.backend.as_deref().unwrap_or("any backend");
        match &self.outcome {
            None => backend.to_owned(),
            Some(Outcome::Status(status)) => format!("{backend} → {status}"),
            Some(Outcome::Failed) => format!("{backend} → failed"),
            Some(Outcome::FailedWith(reason)) => format!("{backend} → {reason}"),
        }
    }
}

impl StreamExpected {
    fn check(&self, answer: &Answer, missed: &mut Vec<Missed>) {
        if !answer.is_stream() {
            let kind = header(answer, &http::header::CONTENT_TYPE).unwrap_or_default();
            let got = format!("{} with content type `{kind}`", answer.status.as_u16());
            missed.push(Missed::new("stream", "a stream of server-sent events", got));
            return;
        }
        let mut events = answer.events();
        let done = events.last().is_some_and(|last| last == "[DONE]");
        if done {
            events.pop();
        }
        if let Some(expected) = self.done.filter(|expected| *expected != done) {
            let words = |done: bool| if done { "`data: [DONE]` at the end" } else { "no `data: [DONE]` at the end" };
            missed.push(Missed::new("stream.done", words(expected), words(done)));
        }
        let count = events.len() as u64;
        if let Some(amount) = self.events.filter(|amount| !amount.holds(count, count)) {
            missed.push(Missed::new("stream.events", amount.words(count), count.to_string()));
        }
        let read: Vec<Value> = events.iter().filter_map(|event| serde_json::from_str(event).ok()).collect();
        if let Some(text) = &self.text {
            let deltas: String = read.iter().filter_map(delta).collect();
            text_of("stream.text", text, Some(&deltas), missed);
        }
        if let Some(usage) = &self.usage {
            let own = read.iter().filter_map(|event| event.get("usage")).rfind(|usage| !usage.is_null());
            usage.check("stream.usage", own, missed);
        }
        if let Some(time) = self.first_after {
            let first = answer.pieces.first().map_or(answer.elapsed, |piece| piece.after);
            time_of("stream.firstAfter", time, first, missed);
        }
        if let Some(expected) = self.spread {
            let mut times: Vec<Duration> = answer.pieces.iter().map(|piece| piece.after).collect();
            times.dedup();
            if (times.len() > 1) != expected {
                let words = |spread: bool| if spread { "pieces at different times" } else { "everything at once" };
                missed.push(Missed::new("stream.spread", words(expected), words(!expected)));
            }
        }
    }
}

/// The text of a chunk of a chat completion or a completion.
fn delta(event: &Value) -> Option<&str> {
    let choice = event.get("choices")?.get(0)?;
    choice.pointer("/delta/content").or_else(|| choice.get("text"))?.as_str()
}

impl TraceExpected {
    fn check(&self, entries: &[TraceEntry], missed: &mut Vec<Missed>) {
        let fits = |entry: &&TraceEntry| {
            self.section.as_ref().is_none_or(|section| section == entry.section)
                && self.source.as_ref().is_none_or(|source| *source == entry.source)
                && self.text.holds(&plain(&entry.data))
        };
        let found = entries.iter().find(fits);
        let mut expected: Vec<String> = Vec::new();
        expected.extend(self.source.as_ref().map(|source| format!("by `{source}`")));
        expected.extend(self.section.as_ref().map(|section| format!("in {section}")));
        if !self.text.is_any() {
            expected.push(self.text.words());
        }
        match (found, self.absent) {
            (None, false) => {
                let near: Vec<String> = entries
                    .iter()
                    .filter(|entry| self.source.as_ref().is_none_or(|source| *source == entry.source))
                    .map(|entry| format!("{} {}", entry.source, plain(&entry.data)))
                    .collect();
                let got = if near.is_empty() { "none such".to_owned() } else { json::shortened(&near.join("; ")) };
                missed.push(Missed::new("trace", format!("an entry {}", expected.join(", ")), got));
            }
            (Some(entry), true) => {
                let got = format!("{} {}", entry.source, plain(&entry.data));
                missed.push(Missed::new("trace", format!("no entry {}", expected.join(", ")), json::shortened(&got)));
            }
            _ => {}
        }
    }
}

fn plain(data: &Value) -> String {
    match data {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// `[primary → 429, secondary → 200]` without brackets.
pub(super) fn attempts(attempts: &[Attempt]) -> String {
    let one = |attempt: &Attempt| {
        let backend = if attempt.backend.is_empty() { "a URL" } else { attempt.backend.as_str() };
        match &attempt.outcome {
            Ok(status) => format!("{backend} → {status}"),
            Err(reason) => format!("{backend} → {reason}"),
        }
    };
    or_none(attempts.iter().map(one).collect::<Vec<_>>().join(", "))
}

fn or_none(text: String) -> String {
    if text.is_empty() { "none".to_owned() } else { text }
}

pub(super) fn header(answer: &Answer, name: &HeaderName) -> Option<String> {
    joined(&answer.headers, name)
}

/// All values of a header with commas between them.
pub(super) fn joined(headers: &http::HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Vec<_> = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    (!values.is_empty()).then(|| values.join(", "))
}

pub(super) fn text_of(about: &str, expected: &Text, own: Option<&str>, missed: &mut Vec<Missed>) {
    match own {
        None => missed.push(Missed::new(about, expected.words(), "nothing")),
        Some(own) => {
            if let Some(words) = expected.missed(own) {
                missed.push(Missed::new(about, words, format!("`{}`", json::shortened(own))));
            }
        }
    }
}

fn time_of(about: &str, expected: Time, own: Duration, missed: &mut Vec<Missed>) {
    if !expected.holds(own) {
        missed.push(Missed::new(about, expected.words(), shown(own)));
    }
}
