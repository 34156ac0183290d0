//! What goes wrong, and when: rules on a timeline or for single requests.
//!
//! The first rule that fits a request is followed, and no other. A rule's counters count the requests that reach it and fit everything
//! else in it. The timeline starts when the behavior is set.

pub mod codes;
mod engine;
mod read;
mod script;

use std::time::Duration;

use http::{HeaderMap, StatusCode};

pub(super) use self::engine::{Engine, Occasion};
pub(crate) use self::read::from_node;
pub use self::read::{BehaviorFile, MAXIMUM_BYTES, from_json, from_yaml};
pub(super) use self::script::{edit, end, scripted, shape};
pub use super::route::Operation;

/// What goes wrong, and how slow everything is.
#[derive(Debug, Clone, Default)]
pub struct Behavior {
    /// Seed of rules with a probability.
    pub seed: u64,
    /// How slow answers are that no rule is about.
    pub latency: Latency,
    /// Rules; the first that fits is followed.
    pub rules: Vec<Rule>,
    /// As it was given, for `GET /_simulator/behavior`; null if it was made by hand.
    pub(super) document: serde_json::Value,
}

impl Behavior {
    /// These rules, no latency.
    #[must_use]
    pub fn of(rules: Vec<Rule>) -> Self {
        Self { rules, ..Self::default() }
    }
}

/// How long answers take. The default takes no time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Latency {
    /// Until the headers.
    pub headers: Duration,
    /// From the headers to the first token; an answer in one piece waits for it before its headers.
    pub first_token: Duration,
    /// Between tokens.
    pub per_token: Duration,
}

/// A latency of which only parts are given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PartialLatency {
    /// [`Latency::first_token`].
    pub first_token: Option<Duration>,
    /// [`Latency::per_token`].
    pub per_token: Option<Duration>,
}

impl PartialLatency {
    pub(super) fn or(self, other: Latency) -> Latency {
        Latency {
            headers: other.headers,
            first_token: self.first_token.unwrap_or(other.first_token),
            per_token: self.per_token.unwrap_or(other.per_token),
        }
    }
}

/// When a rule applies, and what happens then.
#[derive(Debug, Clone, Default)]
pub struct Rule {
    /// For reports.
    pub name: Option<String>,
    /// Accounts it is about; empty: all. `*` stands for any text.
    pub accounts: Vec<String>,
    /// Deployments it is about; empty: all. `*` stands for any text.
    pub deployments: Vec<String>,
    /// Operations it is about; empty: all.
    pub operations: Vec<Operation>,
    /// From when on, on the timeline.
    pub from: Duration,
    /// For how long; `None`: for good.
    pub lasting: Option<Duration>,
    /// Which of the requests that fit.
    pub which: Which,
    /// What a request must look like.
    pub matching: Matching,
    /// What happens.
    pub action: Action,
}

/// Which of the requests that fit a rule.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Which {
    /// All.
    #[default]
    All,
    /// The nth, counted from 1.
    Nth(u64),
    /// The first so many.
    First(u64),
    /// Each so manieth.
    Every(u64),
    /// Each with this probability.
    Probability(f64),
}

/// What a request must look like. Everything that is given must fit.
#[derive(Debug, Clone, Default)]
pub struct Matching {
    /// Method.
    pub method: Option<http::Method>,
    /// Text that path and query hold.
    pub path: Option<String>,
    /// Headers: name, and text that one of its values holds.
    pub headers: Vec<(http::HeaderName, String)>,
    /// Text that the body holds.
    pub body: Option<String>,
    /// Whether a stream is asked for.
    pub stream: Option<bool>,
}

impl Matching {
    /// Whether everything fits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.method.is_none() && self.path.is_none() && self.headers.is_empty() && self.body.is_none() && self.stream.is_none()
    }
}

/// What happens to a request. Parts combine: slow headers and a status, a slow stream that is cut.
#[derive(Debug, Clone, Default)]
pub struct Action {
    /// No connection comes about; connections that are open already are closed.
    pub connection: Option<Connection>,
    /// Headers come later.
    pub delay_headers: Option<Duration>,
    /// Tokens come slower.
    pub latency: PartialLatency,
    /// This status instead of the answer.
    pub status: Option<StatusCode>,
    /// Headers that replace those of the answer; an empty map changes nothing.
    pub headers: HeaderMap,
    /// Headers that the answer loses.
    pub without_headers: Vec<http::HeaderName>,
    /// This body instead of the answer's.
    pub body: Option<bytes::Bytes>,
    /// 429 as the service's own, to be retried after this time.
    pub throttle: Option<Duration>,
    /// The connection is closed early.
    pub cut: Option<CutAt>,
    /// The body is JSON that breaks off.
    pub malformed: bool,
    /// The stream never ends.
    pub endless: bool,
    /// Headers never come.
    pub never_answers: bool,
    /// The model says this.
    pub text: Option<String>,
    /// The model says so many tokens.
    pub tokens: Option<u32>,
    /// The content filter steps in.
    pub filter: Option<Filter>,
}

/// What a client meets instead of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// Nobody listens.
    Refused,
    /// Accepted and closed at once.
    Reset,
    /// The name is not found.
    DnsFailure,
    /// The handshake fails.
    TlsFailure,
    /// Nothing answers.
    NeverAnswers,
}

/// Where the connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CutAt {
    /// Before the first byte of the answer.
    BeforeFirstByte,
    /// After so many frames (server-sent events) of the body.
    AfterFrames(usize),
    /// After so many bytes of the body.
    AfterBytes(u64),
}

/// What the content filter finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// The prompt is refused: 400.
    Prompt,
    /// The answer breaks off with `finish_reason` `content_filter`.
    Completion,
}
