//! What checks came to.

use std::time::Duration;

use serde_json::{Value, json};

/// Which part of the tutorial a check belongs to, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The Azure OpenAI accounts and their deployments.
    Accounts,
    /// The API Management service.
    Service,
    /// Backends and the pool over them.
    Backends,
    /// The managed identity and its roles.
    Identity,
    /// The API and its policy.
    Api,
    /// Subscriptions and their keys.
    Keys,
    /// Calling the API.
    Clients,
    /// How the load is shared.
    Balance,
    /// What happens when a member fails.
    Failover,
    /// Logs and metrics.
    Monitoring,
}

impl Step {
    /// The tutorial's heading.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Accounts => "Azure OpenAI accounts",
            Self::Service => "API Management service",
            Self::Backends => "Backends and load balancer",
            Self::Identity => "Managed identity and roles",
            Self::Api => "API and policies",
            Self::Keys => "Subscriptions and keys",
            Self::Clients => "Test the API",
            Self::Balance => "Load balancing",
            Self::Failover => "Circuit breaker and failover",
            Self::Monitoring => "Monitoring",
        }
    }
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It is as it should be.
    Pass,
    /// It is not.
    Fail,
    /// It could not be asked, or there is nothing to ask; the detail says why.
    Skip,
}

impl Status {
    /// As in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Skip => "skip",
        }
    }
}

/// What is likely behind a failure, and what mends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// One sentence without a full stop.
    pub text: String,
    /// A command, or what to change; may hold several lines.
    pub cure: Option<String>,
}

impl Cause {
    /// A cause with its cure.
    #[must_use]
    pub fn new(text: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { text: text.into(), cure: Some(cure.into()) }
    }
}

/// One check.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// Stable name: `pool/OpenAI-LB`, `client/azure-openai-service-api/bearer`.
    pub name: String,
    /// Part of the tutorial.
    pub step: Step,
    /// How it ended.
    pub status: Status,
    /// What was found, or why nothing was asked.
    pub detail: String,
    /// For a failure: what is likely behind it, the likeliest first. With a check that passed: what to know all the same.
    pub causes: Vec<Cause>,
    /// How long it took.
    pub elapsed: Duration,
}

impl Check {
    /// As the contract of `verify --format json` has it, with what people need beside.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let causes: Vec<Value> = self.causes.iter().map(|cause| json!({ "cause": cause.text, "cure": cause.cure })).collect();
        json!({
            "name": self.name,
            "status": self.status.name(),
            "detail": self.detail,
            "step": self.step.title(),
            "causes": causes,
            "elapsedSeconds": seconds(self.elapsed),
        })
    }
}

/// What one check found; its name and step are the caller's.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    pub(super) status: Status,
    pub(super) detail: String,
    pub(super) causes: Vec<Cause>,
}

impl Finding {
    pub(super) fn warn(detail: impl Into<String>, causes: Vec<Cause>) -> Self {
        Self { status: Status::Pass, detail: detail.into(), causes }
    }

    pub(super) fn pass(detail: impl Into<String>) -> Self {
        Self { status: Status::Pass, detail: detail.into(), causes: Vec::new() }
    }

    pub(super) fn skip(why: impl Into<String>) -> Self {
        Self { status: Status::Skip, detail: why.into(), causes: Vec::new() }
    }

    pub(super) fn fail(detail: impl Into<String>, causes: Vec<Cause>) -> Self {
        Self { status: Status::Fail, detail: detail.into(), causes }
    }
}

/// How requests were shared among the members of a pool.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    /// Pool.
    pub pool: String,
    /// Requests that were answered.
    pub requests: u64,
    /// One for each member (or group of members that answers cannot tell apart).
    pub shares: Vec<Share>,
}

/// One member's share.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    /// Member.
    pub member: String,
    /// Requests that it answered.
    pub requests: u64,
    /// What is expected of so many requests.
    pub expected: f64,
    /// How far from that still counts as right: three standard errors.
    pub tolerance: f64,
}

/// What happened to the requests of a failover drill, one after the other.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timeline {
    /// Phases in order.
    pub phases: Vec<Phase>,
    /// Requests in order.
    pub requests: Vec<TimelineRequest>,
}

/// A part of a drill.
#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    /// What is done in it.
    pub name: String,
    /// Since the drill began.
    pub from: Duration,
    /// Since the drill began.
    pub to: Duration,
}

/// A request of a drill.
#[derive(Debug, Clone, PartialEq)]
pub struct TimelineRequest {
    /// Since the drill began.
    pub at: Duration,
    /// How long the answer took.
    pub elapsed: Duration,
    /// Who answered, if that could be told.
    pub member: Option<String>,
    /// Status; 0 when there was no answer.
    pub status: u16,
}

/// Everything that was found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Verification {
    /// Specification.
    pub name: String,
    /// Gateway's address.
    pub gateway: String,
    /// Checks in order.
    pub checks: Vec<Check>,
    /// How load was shared.
    pub distributions: Vec<Distribution>,
    /// What the drills did, by pool.
    pub timelines: Vec<(String, Timeline)>,
    /// Whether the user stopped it before its end.
    pub stopped: bool,
    /// How long it all took.
    pub elapsed: Duration,
}

impl Verification {
    /// Whether it came to its end, and nothing failed.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        !self.stopped && self.checks.iter().all(|check| check.status != Status::Fail)
    }

    /// How many checks ended so.
    #[must_use]
    pub fn count(&self, status: Status) -> usize {
        self.checks.iter().filter(|check| check.status == status).count()
    }

    /// The body of `verify --format json`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "ok": self.is_ok(),
            "name": self.name,
            "gateway": self.gateway,
            "stopped": self.stopped,
            "checks": self.checks.iter().map(Check::to_json).collect::<Vec<_>>(),
            "summary": { "pass": self.count(Status::Pass), "fail": self.count(Status::Fail), "skip": self.count(Status::Skip) },
            "distributions": self.distributions.iter().map(distribution).collect::<Vec<_>>(),
            "timelines": self.timelines.iter().map(|(pool, timeline)| self::timeline(pool, timeline)).collect::<Vec<_>>(),
            "elapsedSeconds": seconds(self.elapsed),
        })
    }
}

fn distribution(distribution: &Distribution) -> Value {
    let shares = distribution.shares.iter().map(
        |share| json!({ "member": share.member, "requests": share.requests, "expected": share.expected, "tolerance": share.tolerance }),
    );
    json!({ "pool": distribution.pool, "requests": distribution.requests, "shares": shares.collect::<Vec<_>>() })
}

fn timeline(pool: &str, timeline: &Timeline) -> Value {
    let phases = timeline
        .phases
        .iter()
        .map(|phase| json!({ "name": phase.name, "fromSeconds": seconds(phase.from), "toSeconds": seconds(phase.to) }));
    let requests = timeline.requests.iter().map(|request| {
        json!({
            "atSeconds": seconds(request.at), "elapsedSeconds": seconds(request.elapsed),
            "member": request.member, "status": request.status,
        })
    });
    json!({ "pool": pool, "phases": phases.collect::<Vec<_>>(), "requests": requests.collect::<Vec<_>>() })
}

/// Seconds with three decimals.
fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000.0).round() / 1_000.0
}
