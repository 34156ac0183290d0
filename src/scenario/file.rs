//! A file of scenarios, read and checked.

use std::path::PathBuf;
use std::time::Duration;

use time::OffsetDateTime;

use crate::gateway::settings::Settings;
use crate::scenario::expect::Expect;
use crate::scenario::request::Request;
use crate::simulator::Behavior;
use crate::support::source::Span;

/// A file of scenarios.
#[derive(Debug)]
pub struct File {
    /// The file.
    pub path: PathBuf,
    /// The specification that it is about.
    pub spec: PathBuf,
    /// Its scenarios, in order.
    pub scenarios: Vec<Scenario>,
}

/// One scenario.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Its name; unique in the file.
    pub name: String,
    /// Where it stands.
    pub at: Span,
    /// Whether it is also meant for a gateway that really runs: it expects only what can be seen from outside.
    pub live: bool,
    /// Why it is not run, if so.
    pub skip: Option<String>,
    /// Disputed behaviours of the gateway.
    pub settings: Settings,
    /// How backends behave at the beginning.
    pub given: Given,
    /// What happens, in order.
    pub steps: Vec<Step>,
    /// How much virtual time it may take.
    pub time_limit: Duration,
    /// What the calendar says when it begins.
    pub begins: OffsetDateTime,
    /// Seed of everything random in it.
    pub seed: u64,
}

impl Scenario {
    /// How many requests it sends.
    #[must_use]
    pub fn requests(&self) -> u64 {
        let count = |step: &Step| if let Action::Send(send) = &step.action { send.count } else { 0 };
        self.steps.iter().map(count).fold(0, u64::saturating_add)
    }

    /// Whether it can only be checked with traces.
    #[must_use]
    pub fn needs_traces(&self) -> bool {
        let needs =
            |step: &Step| matches!(&step.action, Action::Send(send) if send.expect.each.iter().any(|check| check.what.needs_trace()));
        self.steps.iter().any(needs)
    }
}

/// How backends behave from now on.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// What goes wrong at the simulated accounts, and how slow they are.
    pub behavior: Behavior,
    /// Hosts that are no accounts, and what they answer. Any other host is not found.
    pub hosts: Vec<(String, Vec<HostAnswer>)>,
}

/// What a host that is no account answers to one request; the last answer of a host is repeated.
#[derive(Debug, Clone, Default)]
pub struct HostAnswer {
    /// Status; 200 if `None`.
    pub status: Option<http::StatusCode>,
    /// Headers.
    pub headers: http::HeaderMap,
    /// Body.
    pub body: bytes::Bytes,
    /// How long the head takes.
    pub after: Duration,
    /// What is met instead of an answer.
    pub fault: Option<HostFault>,
}

/// What is met instead of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostFault {
    /// Nobody listens.
    Refused,
    /// The name is not found.
    DnsFailure,
    /// The handshake fails.
    TlsFailure,
    /// The connection is closed before the first byte.
    Cut,
    /// Nothing comes, ever.
    NeverAnswers,
}

/// One step of a scenario.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Where it stands.
    pub at: Span,
    /// What happens.
    pub action: Action,
}

/// What happens in a step.
#[derive(Debug, Clone)]
pub enum Action {
    /// Time passes.
    Advance(Duration),
    /// Backends behave differently from now on.
    Given(Box<Given>),
    /// Requests are sent.
    Send(Box<Send>),
}

/// Requests that are sent in a step.
#[derive(Debug, Clone)]
pub struct Send {
    /// The request; several are sent in turn.
    pub requests: Vec<Request>,
    /// How many altogether.
    pub count: u64,
    /// How many clients send at one time.
    pub clients: usize,
    /// Time between the starts of two requests; `None`: each client sends its next one when it has its answer.
    pub every: Option<Duration>,
    /// What is expected.
    pub expect: Expect,
}
