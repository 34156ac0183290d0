//! Where a drill takes place: one pool whose members come and go, and a client that never stops asking.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::prepare::{services, with_services, without};
use super::{Prepared, propagation};
use crate::azure::{ArmClient, AzureError, Outcome, Precondition};
use crate::scenario::Answer;
use crate::verify::diagnose::{self, Style};
use crate::verify::gateway::{Gateway, Told as _, Unanswered};
use crate::verify::outcome::{Cause, Finding, Phase, Timeline, TimelineRequest};
use crate::verify::pools::{Pool, UNKNOWN};
use crate::verify::routes::Api;
use crate::verify::subject::Subject;

/// Requests that are judged in each act.
pub(super) const SHOTS: usize = 12;
/// A pool's write is done at once; a named value or a revision takes seconds.
const DEADLINE: Duration = Duration::from_secs(300);
/// Between requests while a change is waited for.
const PAUSE: Duration = Duration::from_millis(500);
const LOCAL_PAUSE: Duration = Duration::from_millis(10);

/// Why a drill could not go on.
#[derive(Debug)]
pub(super) enum Trouble {
    /// ARM refused, or could not be reached.
    Arm(Box<AzureError>),
    /// A change did not show.
    NotShown(String),
    /// The way to the pool does not answer.
    Closed(Box<Answer>),
    /// Nothing answers.
    Unanswered(Unanswered),
    /// The user asked to stop.
    Stopped,
}

impl From<AzureError> for Trouble {
    fn from(error: AzureError) -> Self {
        Self::Arm(Box::new(error))
    }
}

impl Trouble {
    pub(super) fn finding(self, subject: &Subject<'_>, api: &Api) -> Finding {
        match self {
            Self::Arm(error) if error.has_status(412) => Finding::fail(
                "somebody else changed the pool in the middle of the drill, which ended there".to_owned(),
                vec![Cause::new("an apply, or somebody in the portal, at the same time", subject.commands.of("verify --failover"))],
            ),
            Self::Arm(error) => Finding::fail(
                format!("the drill ended: {error}"),
                vec![Cause::new(
                    "ARM did not take a change",
                    error
                        .hint
                        .clone()
                        .unwrap_or_else(|| "the login needs the role API Management Service Contributor on the service".to_owned()),
                )],
            ),
            Self::NotShown(what) => Finding::fail(
                format!("{what} within {} s", propagation(subject).as_secs()),
                vec![Cause::new(
                    "the gateway does not follow this ARM, or changes take longer than usual to reach it",
                    "with a gateway of your own, run `apimctl serve SPEC --from azure`; else wait and raise `--wait`",
                )],
            ),
            Self::Closed(answer) => Finding::fail(
                format!("the drill's way to the pool does not answer: {}", diagnose::short(&answer)),
                diagnose::causes(subject, api, Style::KeyHeader, &answer),
            ),
            Self::Unanswered(error) => Finding::fail(error.to_string(), diagnose::unanswered(subject, &error)),
            Self::Stopped => Finding::skip("stopped on request; what was done is put back"),
        }
    }
}

/// Where a drill takes place.
pub(super) struct Stage<'a> {
    subject: &'a Subject<'a>,
    gateway: &'a Gateway,
    pool: &'a Pool,
    prepared: &'a Prepared,
    timeline: Timeline,
    started: Instant,
    /// Of the pool as it was last written or read.
    etag: Option<String>,
}

impl<'a> Stage<'a> {
    pub(super) fn new(subject: &'a Subject<'a>, gateway: &'a Gateway, pool: &'a Pool, prepared: &'a Prepared) -> Self {
        let started = subject.settings.clock.now();
        Self { subject, gateway, pool, prepared, timeline: Timeline::default(), started, etag: None }
    }

    pub(super) const fn api(&self) -> &'a Api {
        &self.prepared.api
    }

    pub(super) fn into_timeline(self) -> Timeline {
        self.timeline
    }

    fn elapsed(&self) -> Duration {
        self.subject.settings.clock.now().saturating_duration_since(self.started)
    }

    fn pause(&self) -> Duration {
        if self.subject.is_local() { LOCAL_PAUSE } else { PAUSE.max(self.pace()) }
    }

    /// One member may have to serve alone.
    fn pace(&self) -> Duration {
        self.pool.members.iter().map(|member| self.pool.pace(std::iter::once(member))).max().unwrap_or_default()
    }

    /// Whether answers tell this member from all others.
    pub(super) fn told_apart(&self, label: &str) -> bool {
        label != UNKNOWN && self.pool.members.iter().filter(|member| self.pool.label(member) == label).count() == 1
    }

    /// The entries of the pool with all its members.
    pub(super) fn all_services(&self) -> Vec<Value> {
        services(&self.prepared.body)
    }

    pub(super) fn services_without(&self, backend: &str) -> Vec<Value> {
        without(&self.all_services(), backend)
    }

    /// The broken members' entries.
    pub(super) fn broken(&self, place: usize) -> Option<Value> {
        let (id, _) = self.prepared.broken.get(place)?;
        let mut entry = serde_json::Map::new();
        entry.insert("id".to_owned(), json!(id.as_str()));
        if self.pool.first_priority() > 0 {
            entry.insert("priority".to_owned(), json!(self.pool.first_priority()));
        }
        if let Some(weight) = self.pool.in_use().map(|member| member.weight).max().filter(|weight| *weight > 1) {
            entry.insert("weight".to_owned(), json!(weight));
        }
        Some(Value::Object(entry))
    }

    /// Makes what is to be made, and waits until the way is open.
    pub(super) async fn open(&mut self) -> Result<(), Trouble> {
        for (id, version, body) in &self.prepared.made {
            self.stop_if_asked()?;
            // Backends that revisions and pools name must be there first; the list is in that order.
            settled(self.subject.client, self.subject.client.put(id, version, body, Precondition::None).await?).await?;
        }
        let found = self.subject.client.get(self.prepared.pool.as_str(), &self.prepared.api_version, &[]).await?;
        self.etag = found.and_then(|found| found.etag);
        let deadline = self.subject.settings.clock.now() + propagation(self.subject);
        loop {
            self.stop_if_asked()?;
            let answer = self.gateway.ask(&self.prepared.request, None).await.map_err(Trouble::Unanswered)?;
            let early = matches!(answer.code(), 401 | 404 | 500..) && answer.is_of_gateway();
            if !early {
                return if answer.status.is_success() { Ok(()) } else { Err(Trouble::Closed(Box::new(answer))) };
            }
            if self.subject.settings.clock.now() >= deadline {
                return Err(Trouble::Closed(Box::new(answer)));
            }
            self.subject.settings.clock.sleep(self.pause()).await;
        }
    }

    fn stop_if_asked(&self) -> Result<(), Trouble> {
        if self.subject.cancellation.is_cancelled() { Err(Trouble::Stopped) } else { Ok(()) }
    }

    /// Gives the pool these members; only if nobody else has written it meanwhile.
    pub(super) async fn write_services(&mut self, services: &[Value]) -> Result<(), Trouble> {
        self.stop_if_asked()?;
        let precondition = self.etag.clone().map_or(Precondition::Any, Precondition::Match);
        let body = with_services(&self.prepared.body, services);
        let (id, version) = (&self.prepared.pool, &self.prepared.api_version);
        let outcome = self.subject.client.put(id, version, &body, precondition).await?;
        settled(self.subject.client, outcome).await?;
        // Not every answer to a PUT carries the tag.
        self.etag = self.subject.client.get(id.as_str(), version, &[]).await?.and_then(|found| found.etag);
        Ok(())
    }

    /// Asks until the change shows, then so many times more; everything is entered in the timeline.
    pub(super) async fn act(&mut self, name: &str, shown: Shown<'_>) -> Result<Act, Trouble> {
        let from = self.elapsed();
        let mut act = Act { name: name.to_owned(), waited: Duration::ZERO, answers: Vec::new(), failed: None };
        let deadline = self.subject.settings.clock.now() + propagation(self.subject);
        let mut state = Watch::default();
        let outcome = loop {
            if let Err(trouble) = self.stop_if_asked() {
                break Err(trouble);
            }
            let (member, status) = self.shoot(&mut act).await;
            if state.has_shown(shown, &member, status, self.pool) {
                break Ok(());
            }
            if self.subject.settings.clock.now() >= deadline {
                break Err(Trouble::NotShown(shown.words(name)));
            }
            self.subject.settings.clock.sleep(self.pause()).await;
        };
        act.waited = self.elapsed().saturating_sub(from);
        // What was met on the way to an outage that is wanted is no failure.
        if matches!(shown, Shown::Failure | Shown::Success) {
            act.answers.clear();
            act.failed = None;
        }
        if outcome.is_ok() && !matches!(shown, Shown::Failure) {
            for _ in 0..SHOTS {
                if self.stop_if_asked().is_err() {
                    break;
                }
                let pace = self.pace();
                if !pace.is_zero() {
                    self.subject.settings.clock.sleep(pace).await;
                }
                self.shoot(&mut act).await;
            }
        }
        self.timeline.phases.push(Phase { name: name.to_owned(), from, to: self.elapsed() });
        outcome.map(|()| act)
    }

    /// One request; who answered, and how.
    async fn shoot(&mut self, act: &mut Act) -> (String, u16) {
        let at = self.elapsed();
        let result = self.gateway.ask(&self.prepared.request, None).await;
        let (member, status) = match &result {
            Ok(answer) => (self.pool.who(answer), answer.code()),
            Err(_) => (UNKNOWN.to_owned(), 0),
        };
        self.timeline.requests.push(TimelineRequest {
            at,
            elapsed: self.elapsed().saturating_sub(at),
            member: (member != UNKNOWN).then(|| member.clone()),
            status,
        });
        act.answers.push((member.clone(), status));
        if act.failed.is_none() && !(200..300).contains(&status) {
            act.failed = Some(result);
        }
        (member, status)
    }
}

async fn settled(client: &ArmClient, outcome: Outcome) -> Result<(), AzureError> {
    if let Outcome::Running(operation, _) = outcome {
        client.wait(&operation, DEADLINE, &|_| {}).await?;
    }
    Ok(())
}

/// How one sees that a change has reached the gateway.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shown<'a> {
    /// Each member that is in use has answered, as far as they can be told apart.
    All,
    /// This member has not answered for a while.
    Gone(&'a str),
    /// Requests fail.
    Failure,
    /// Requests are answered.
    Success,
}

impl Shown<'_> {
    fn words(self, name: &str) -> String {
        match self {
            Self::All => format!("{name}: not every member answered"),
            Self::Gone(label) => format!("{name}: `{label}` went on answering"),
            Self::Failure => format!("{name}: the change did not show"),
            Self::Success => format!("{name}: nobody answered"),
        }
    }
}

/// What has been seen since the change.
#[derive(Default)]
struct Watch {
    seen: BTreeSet<String>,
    quiet: usize,
}

impl Watch {
    fn has_shown(&mut self, shown: Shown<'_>, member: &str, status: u16, pool: &Pool) -> bool {
        let good = (200..300).contains(&status);
        match shown {
            Shown::All => {
                if good {
                    self.seen.insert(member.to_owned());
                }
                pool.in_use().map(|member| pool.label(member)).all(|label| label == UNKNOWN || self.seen.contains(&label))
            }
            Shown::Gone(label) => {
                self.quiet = if member == label { 0 } else { self.quiet + 1 };
                // Twice round: with weights, a small member's turn is rare.
                self.quiet >= pool.members.len() * 2
            }
            Shown::Failure => !good,
            Shown::Success => good,
        }
    }
}

/// What happened in one act.
#[derive(Debug)]
pub(super) struct Act {
    name: String,
    waited: Duration,
    answers: Vec<(String, u16)>,
    failed: Option<Result<Answer, Unanswered>>,
}

impl Act {
    fn counts(&self) -> String {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for (member, status) in &self.answers {
            if (200..300).contains(status) {
                *counts.entry(member).or_insert(0) += 1;
            }
        }
        counts.into_iter().map(|(member, count)| format!("{member} {count}")).collect::<Vec<_>>().join(", ")
    }

    fn good(&self) -> usize {
        self.answers.iter().filter(|(_, status)| (200..300).contains(status)).count()
    }

    fn bad(&self) -> usize {
        self.answers.len() - self.good()
    }

    fn shape(&self) -> String {
        format!(
            "{} of {} requests answered ({}); the change showed after {} ms",
            self.good(),
            self.answers.len(),
            self.counts(),
            self.waited.as_millis()
        )
    }

    fn causes(&self, subject: &Subject<'_>, api: &Api) -> Vec<Cause> {
        match &self.failed {
            Some(Ok(answer)) => diagnose::causes(subject, api, Style::KeyHeader, answer),
            Some(Err(error)) => diagnose::unanswered(subject, error),
            None => Vec::new(),
        }
    }

    fn first_failure(&self) -> String {
        match &self.failed {
            Some(Ok(answer)) => diagnose::short(answer),
            Some(Err(error)) => error.to_string(),
            None => String::new(),
        }
    }

    /// A member is out: the others must serve.
    pub(super) fn finding(&self, subject: &Subject<'_>, api: &Api, told: bool) -> Finding {
        if self.bad() > 0 {
            return Finding::fail(format!("{}: {} failed: {}", self.shape(), self.bad(), self.first_failure()), self.causes(subject, api));
        }
        let note = if told { "" } else { "; which member answered cannot be told from others of its region" };
        Finding::pass(format!("{}{note}", self.shape()))
    }

    /// All members are back: all must serve.
    pub(super) fn recovery(&self, subject: &Subject<'_>, api: &Api) -> Finding {
        self.finding(subject, api, true)
    }

    /// A member never answers: no client may notice.
    pub(super) fn broken(&self, subject: &Subject<'_>, api: &Api) -> Finding {
        if self.bad() == 0 {
            return Finding::pass(format!("a member that cannot be reached was noticed by none of {} requests", self.answers.len()));
        }
        let mut causes = Vec::new();
        if matches!(&self.failed, Some(Ok(answer)) if answer.code() >= 500) {
            causes.push(Cause::new(
                "nothing tries again after a transport failure: the condition of `<retry>` does not allow for `context.Response` being null, or there is no `<retry>`",
                format!(
                    "write condition=\"@(context.Response == null || context.Response.StatusCode == 429 || context.Response.StatusCode &gt;= 500)\" and `buffer-request-body=\"true\"` at `forward-request`, then: {}",
                    subject.commands.of("apply")
                ),
            ));
            causes.push(Cause::new(
                "without a circuit breaker the member is chosen again and again",
                format!("write `circuitBreaker: default` at the members and run: {}", subject.commands.of("apply")),
            ));
        } else {
            causes = self.causes(subject, api);
        }
        Finding::fail(
            format!(
                "{}: {} of {} requests failed while one member could not be reached: {}",
                self.name,
                self.bad(),
                self.answers.len(),
                self.first_failure()
            ),
            causes,
        )
    }
}
