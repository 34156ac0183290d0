//! A gateway with simulated accounts on a paused clock, and clients of it: what one scenario, or one replay of a load, runs against.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::HeaderValue;
use time::OffsetDateTime;
use tokio::time::Instant;

use super::answer::{Answer, Attempt, Inside, Metric, Names, Received, TraceEntry};
use super::client::{Client, Front, NoAnswer};
use super::file::Given;
use super::hosts::{Hosts, MASK};
use super::request::{KeyOf, Request};
use super::subject::Applied;
use crate::gateway::Gateway;
use crate::gateway::coverage::Coverage;
use crate::gateway::record::{Observer, RequestRecord};
use crate::gateway::settings::Settings;
use crate::gateway::worker::{Limits, Tracing};
use crate::simulator::{Received as AtAccount, Simulator};
use crate::support::clock::{SharedClock, VirtualClock};
use crate::support::jwt::SigningKey;
use crate::support::random::{SeededRandom, SharedRandom};
use crate::support::secret::Secret;
use crate::world::{LocalArm, LocalWorld, WorldOptions};

/// Requests that simulated accounts remember of one step.
const REMEMBERED: usize = 1_000_000;
/// Steps after which an expression counts as running away: a tenth of what the gateway allows, which nothing that is no endless loop needs,
/// so that a test of one that is ends soon.
const EXPRESSION_STEPS: u64 = 10_000_000;
/// Largest body that is read into memory, in bytes: more than any test sends, little enough that an endless one ends soon.
const BUFFERED_BODY: usize = 64 * 1024 * 1024;
/// Turns that are left to the gateway to settle what a request left behind.
const TURNS: usize = 200;
/// How long is waited for the record of a request at most, in virtual time; one that the front refuses has none.
const PATIENCE: Duration = Duration::from_millis(1);

/// How a session is set up.
#[derive(Debug, Clone)]
pub struct SessionOptions {
    /// Disputed behaviours.
    pub settings: Settings,
    /// When it begins.
    pub epoch: OffsetDateTime,
    /// Seed of everything random.
    pub seed: u64,
    /// Whether each request is traced.
    pub traced: bool,
    /// The local issuer's key in PEM; a new one if `None`.
    pub signing_key: Option<Secret<String>>,
    /// Who else is told of every request.
    pub observers: Vec<Arc<dyn Observer>>,
    /// Counts which policies ran.
    pub coverage: Option<Arc<Coverage>>,
}

/// A gateway at work. Make it, and use it, inside one runtime whose time is paused.
pub struct Session {
    world: LocalWorld,
    simulator: Simulator,
    front: Front,
    hosts: Hosts,
    records: Arc<Records>,
    idle: Mutex<Vec<Client>>,
    next_port: AtomicU16,
    clock: SharedClock,
    began: Instant,
    /// Account or host → backends that lead there.
    leading: HashMap<String, Vec<String>>,
    /// What custom metrics had come to when the last step ended.
    counted: Mutex<HashMap<MetricName, (u64, f64)>>,
}

/// Namespace, name and dimensions.
type MetricName = (String, String, BTreeMap<String, String>);

/// What a client's request came to.
#[derive(Debug)]
pub struct Sent {
    /// When it was sent, since the session began.
    pub at: Duration,
    /// The answer, or why there is none.
    pub answer: Result<Answer, Unanswered>,
}

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// The gateway gave none, or the request cannot be sent.
    #[error("{0}")]
    Failed(String),
    /// It does not end.
    #[error("{0}")]
    NeverEnds(String),
}

impl Session {
    /// Starts a gateway over a copy of what was applied.
    ///
    /// # Errors
    /// Why it cannot be started, in words.
    pub fn start(applied: &Applied, given: &Given, options: &SessionOptions) -> Result<Self, String> {
        let clock: SharedClock = Arc::new(VirtualClock::starting_at(options.epoch));
        let random: SharedRandom = Arc::new(SeededRandom::new(options.seed));
        let arm = LocalArm::holding(&applied.stored, clock.clone(), random).map_err(|error| error.to_string())?;
        let hosts = Hosts::new(clock.clone());
        hosts.set(&given.hosts);
        let records = Arc::new(Records::default());
        let mut observers: Vec<Arc<dyn Observer>> = vec![records.clone()];
        observers.extend(options.observers.iter().cloned());
        let signing_key = match &options.signing_key {
            Some(pem) => Some(SigningKey::from_pem(pem.expose()).map_err(|error| error.to_string())?),
            None => None,
        };
        let world = LocalWorld::new(
            arm,
            WorldOptions {
                service: Some(applied.service.clone()),
                settings: options.settings.clone(),
                simulate: Some(given.behavior.clone()),
                connector: Some(Arc::new(hosts.clone())),
                observers,
                coverage: options.coverage.clone(),
                tracing: if options.traced { Tracing::Quietly } else { Tracing::Asked },
                limits: Limits { expression_steps: EXPRESSION_STEPS, buffered_body: BUFFERED_BODY },
                remembered: Some(REMEMBERED),
                signing_key,
                ..WorldOptions::default()
            },
        )
        .map_err(|error| error.to_string())?;
        let Some(simulator) = world.simulator().cloned() else { return Err("nothing is simulated".to_owned()) };
        let gateway = world.gateway().clone();
        let host = &gateway.snapshot().service.gateway_url.host;
        let host = HeaderValue::from_str(host).map_err(|_| format!("`{host}` is no host"))?;
        let front = Front::new(gateway.endpoint(), clock.clone(), host);
        let leading = leading(&gateway, &simulator);
        let began = clock.now();
        let (idle, next_port, counted) = (Mutex::default(), AtomicU16::new(1_024), Mutex::default());
        Ok(Self { world, simulator, front, hosts, records, idle, next_port, clock, began, leading, counted })
    }

    /// The gateway with everything behind it.
    #[must_use]
    pub const fn world(&self) -> &LocalWorld {
        &self.world
    }

    /// Virtual time.
    #[must_use]
    pub const fn clock(&self) -> &SharedClock {
        &self.clock
    }

    /// Virtual time since it began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.clock.now().saturating_duration_since(self.began)
    }

    /// Changes how backends behave from now on; their timeline begins anew.
    pub fn behave(&self, given: &Given) {
        self.simulator.set_behavior(given.behavior.clone());
        self.hosts.set(&given.hosts);
    }

    /// The key of a request, if it names a subscription that is there.
    fn key(&self, request: &Request) -> Option<Secret<String>> {
        let KeyOf::Subscription { name, secondary } = &request.key.as_ref()?.of else { return None };
        let snapshot = self.world.gateway().snapshot();
        let own = snapshot.subscriptions.iter().find(|own| own.name.eq_ignore_ascii_case(name) || (own.master && name == "master"))?;
        Some(if *secondary { own.secondary_key.clone() } else { own.primary_key.clone() })
    }

    /// Overwrites in a text whatever is secret here: keys of subscriptions, values of secret named values.
    #[must_use]
    pub fn masked(&self, mut text: String) -> String {
        let snapshot = self.world.gateway().snapshot();
        let keys = snapshot.subscriptions.iter().flat_map(|own| [&own.primary_key, &own.secondary_key]);
        for secret in keys.chain(&snapshot.secrets).map(|secret| secret.expose()).filter(|secret| !secret.is_empty()) {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), MASK);
            }
        }
        text
    }

    /// Sends a request as one client. Clients that have their answers are used again, with the connections that they have.
    pub async fn send(&self, request: &Request) -> Sent {
        let at = self.elapsed();
        let http = match request.to_http("", self.key(request).as_ref()) {
            Ok(http) => http,
            Err(error) => return Sent { at, answer: Err(Unanswered::Failed(format!("the request cannot be sent: {error}"))) },
        };
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut client = idle.unwrap_or_else(|| Client::new(self.next_port.fetch_add(1, Ordering::Relaxed)));
        let answer = match client.send(&self.front, http).await {
            Ok(mut answer) => {
                answer.inside = self.record(client.port).await;
                Ok(answer)
            }
            Err(NoAnswer::Failed(reason)) => Err(Unanswered::Failed(reason)),
            Err(NoAnswer::NeverEnds(reason)) => Err(Unanswered::NeverEnds(reason)),
        };
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(client);
        Sent { at, answer }
    }

    /// What the gateway tells of the request that just ended on a client's connection. The last byte comes before that.
    async fn record(&self, port: u16) -> Option<Box<Inside>> {
        for _ in 0..TURNS {
            if let Some(inside) = self.records.take(port) {
                return Some(inside);
            }
            tokio::task::yield_now().await;
        }
        self.clock.sleep(PATIENCE).await;
        self.records.take(port)
    }

    /// What backends received since the last call, in order. What a policy sent without waiting for it has had its turn.
    pub async fn received(&self) -> Vec<Received> {
        for _ in 0..TURNS {
            tokio::task::yield_now().await;
        }
        let mut all: Vec<(OffsetDateTime, Received)> =
            self.simulator.received().iter().map(|received| (received.at, self.at_account(received))).collect();
        self.simulator.forget_received();
        all.extend(self.hosts.take_received().into_iter().map(|(at, received)| {
            let backends = self.backends_of(&received.from);
            (at, Received { backends, ..received })
        }));
        // Stable: those of one instant stay as they came.
        all.sort_by_key(|(at, _)| *at);
        all.into_iter().map(|(_, received)| received).collect()
    }

    fn backends_of(&self, from: &str) -> Vec<String> {
        self.leading.get(&from.to_ascii_lowercase()).cloned().unwrap_or_default()
    }

    fn at_account(&self, received: &AtAccount) -> Received {
        Received {
            from: received.account.clone(),
            backends: self.backends_of(&received.account),
            method: received.method.clone(),
            target: received.target.clone(),
            headers: received.headers.clone(),
            body: received.body.clone(),
        }
    }

    /// What has come to custom metrics since the last call.
    #[must_use]
    pub fn metrics(&self) -> Vec<Metric> {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let mut new = Vec::new();
        for shown in self.world.gateway().state().metrics.all() {
            let dimensions: BTreeMap<String, String> =
                shown.name.dimensions.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
            let name: MetricName = (shown.name.namespace.to_string(), shown.name.metric.to_string(), dimensions);
            let before = counted.insert(name.clone(), (shown.total.count, shown.total.sum)).unwrap_or_default();
            let (count, sum) = (shown.total.count - before.0, shown.total.sum - before.1);
            if count > 0 {
                let (namespace, metric, dimensions) = name;
                new.push(Metric { namespace, name: metric, dimensions, count, sum });
            }
        }
        new
    }
}

/// Which backends lead to an account or host, by its name in lower case.
fn leading(gateway: &Gateway, simulator: &Simulator) -> HashMap<String, Vec<String>> {
    let mut leading: HashMap<String, Vec<String>> = HashMap::new();
    for backend in &gateway.snapshot().backends {
        let Some(base) = backend.kind.base() else { continue };
        let account = simulator.directory().account_by_host(&base.host);
        let to = account.map_or_else(|| base.host.clone(), |account| account.name.clone());
        leading.entry(to.to_ascii_lowercase()).or_default().push(backend.name.clone());
    }
    leading
}

/// What the gateway told of the last request on each client's connection.
#[derive(Debug, Default)]
struct Records(Mutex<HashMap<u16, Box<Inside>>>);

impl Records {
    fn take(&self, port: u16) -> Option<Box<Inside>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&port)
    }
}

impl Observer for Records {
    fn request(&self, record: &RequestRecord) {
        let attempts = record.attempts.iter().map(|attempt| Attempt {
            backend: record.backend(attempt).map(|backend| backend.name.clone()).unwrap_or_default(),
            outcome: attempt.outcome.map_err(str::to_owned),
            after: attempt.after,
            elapsed: attempt.elapsed,
            tripped: attempt.tripped,
        });
        let names = Names {
            api: record.api().map(|api| api.name.clone()),
            operation: record.operation().map(|operation| operation.name.clone()),
            product: record.product().map(|product| product.name.clone()),
            subscription: record.subscription().map(|subscription| subscription.name.clone()),
        };
        let trace = record.trace.as_ref();
        let entries = trace.map(|trace| trace.entries()).unwrap_or_default().iter().map(|entry| TraceEntry {
            section: entry.section.name(),
            source: entry.source.clone(),
            data: entry.data.clone(),
        });
        let inside = Inside {
            attempts: attempts.collect(),
            names,
            variables: record.variables.iter().cloned().collect(),
            usage: record.usage.map(|usage| (usage.prompt, usage.completion)),
            error: record.error.as_ref().map(|error| (error.source.to_string(), error.reason.to_string(), error.message.clone())),
            trace: entries.collect(),
            trace_text: trace.map(|trace| trace.text()).unwrap_or_default(),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(record.peer.address.port(), Box::new(inside));
    }
}
