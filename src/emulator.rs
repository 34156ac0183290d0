//! The embedded ARM: the resource types that `apply` writes, kept as the service keeps them, answering as the service answers.
//!
//! A request goes this way: [`Faults`], who asks, token buckets, then one transaction under one lock (so that an entity
//! tag is compared and replaced in one step): `router` finds the type in the table of `providers`, `crud` does what all
//! types have in common, the type's own functions do the rest. What changed is on disk before the answer is given.

mod access;
mod answer;
mod crud;
mod etag;
mod faults;
mod fixture;
mod hostile;
mod operations;
mod paging;
mod persistence;
mod policy_text;
mod providers;
mod request;
mod router;
mod seed;
mod shape;
mod throttle;
mod transaction;

pub mod entra;
pub mod https;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value};

pub use access::{Authenticator, Caller, DEFAULT_CALLER, DEFAULT_SUBSCRIPTION, DEFAULT_TENANT, Permission, Unauthorized};
pub use faults::{DroppedAnswer, Fault, FaultAction, Faults, LoggedRequest};
pub use fixture::{Fixture, FixtureCaller, FixtureResource, FixtureSoftDeleted, FixtureSubscription};

use crate::arm::CloudError;
use crate::arm::store::{Store, Stored};
use crate::support::clock::{SharedClock, SystemClock};
use crate::support::random::{SharedRandom, SystemRandom};
use answer::{Answer, Refusal};
use faults::Log;
use persistence::Persistence;
use request::Request;
use throttle::{Allowance, Throttle};
use transaction::{Changes, Ledger, Transaction};

/// Where resources are kept.
#[derive(Debug, Clone, Default)]
pub enum State {
    /// In memory, for as long as the emulator lives.
    #[default]
    Memory,
    /// In a database file of this directory; every acknowledged write is on disk.
    Directory(PathBuf),
}

/// How the emulator behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where resources are kept.
    pub state: State,
    /// The base URL that clients use, for links in answers (`https://127.0.0.1:8443`, `https://management.azure.com`).
    pub endpoint: String,
    /// Time.
    pub clock: SharedClock,
    /// Randomness.
    pub random: SharedRandom,
    /// How long a service create takes (other long-running operations take a tenth of it, at most 2 s).
    pub activation: Duration,
    /// Added to each answer.
    pub latency: Duration,
    /// Token buckets as ARM has them.
    pub throttling: bool,
    /// Re-ordered arrays, other case, unknown fields, nulls: for the test that nobody depends on them.
    pub hostile: bool,
    /// How long a new role assignment or principal stays unknown to its readers.
    pub propagation: Duration,
    /// Looks at the bearer token; `None` accepts everybody as the fixture's caller.
    pub authenticator: Option<Authenticator>,
    /// Whether properties of no published contract (`subscriptionKeyParameterNames.bearer`, `credentials.managedIdentity`) are kept
    /// only at preview api-versions. Assumed: samples send them only so.
    pub undocumented_need_preview: bool,
    /// Most items of one page.
    pub page_size: usize,
}

impl Options {
    /// In memory, a service create of 2 s, no latency, no throttling.
    #[must_use]
    pub fn new(clock: SharedClock, random: SharedRandom) -> Self {
        Self {
            state: State::Memory,
            endpoint: "https://management.azure.com".to_owned(),
            clock,
            random,
            activation: Duration::from_secs(2),
            latency: Duration::ZERO,
            throttling: false,
            hostile: false,
            propagation: Duration::ZERO,
            authenticator: None,
            undocumented_need_preview: true,
            page_size: 100,
        }
    }
}

impl Default for Options {
    /// With the machine's own clock and randomness.
    fn default() -> Self {
        Self::new(Arc::new(SystemClock), Arc::new(SystemRandom))
    }
}

/// The emulator. Shared by all connections.
#[derive(Debug)]
pub struct Emulator {
    store: Store,
    options: Options,
    /// Held from the first read of a request to its commit.
    ledger: Mutex<Ledger>,
    persistence: Option<Persistence>,
    throttle: Throttle,
    faults: Faults,
    log: Log,
}

/// The state could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct OpenError(String);

/// The state could not be written, or a fixture does not fit.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SeedError(String);

impl Emulator {
    /// Opens the state, empty or as it was left. Operations that were under way go on.
    ///
    /// # Errors
    /// The directory cannot be made or read, is in use by another process, or holds a state of another version.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let store = Store::default();
        let (persistence, mut ledger) = match &options.state {
            State::Memory => (None, Ledger { revision: 0x00ba_0480, ..Ledger::default() }),
            State::Directory(directory) => {
                let (persistence, mut loaded) = Persistence::open(directory)?;
                loaded.ledger.revision = loaded.ledger.revision.max(0x00ba_0480);
                store.commit(loaded.resources, []);
                (Some(persistence), loaded.ledger)
            }
        };
        ledger.debugging = store.debugging().clone();
        Ok(Self {
            store,
            options,
            ledger: Mutex::new(ledger),
            persistence,
            throttle: Throttle::default(),
            faults: Faults::default(),
            log: Log::default(),
        })
    }

    /// What the service keeps: the gateway reads it.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Rules that make requests fail, for tests.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// What was asked, oldest first, since the start or the last [`Emulator::clear_requests`].
    #[must_use]
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.log.entries()
    }

    /// Forgets what was asked.
    pub fn clear_requests(&self) {
        self.log.clear();
    }

    /// The principal that requests come from when there is no [`Authenticator`], and the tenant.
    #[must_use]
    pub fn caller(&self) -> Caller {
        let ledger = self.lock();
        Caller { object_id: ledger.directory.caller.clone(), tenant_id: ledger.directory.tenant_id.clone() }
    }

    /// Ends the operations whose time has come. Requests do it too; this is for whoever only reads the store.
    pub fn tick(&self) {
        let mut ledger = self.lock();
        // A state file that cannot be written now is told to the next request.
        let _ = self.advance(&mut ledger);
    }

    /// Puts what a fixture says there. What is there already stays as it is, save kinds that nobody can write here
    /// (accounts and their deployments), which are brought up to the fixture.
    ///
    /// # Errors
    /// A resource of the fixture does not fit its type, or the state cannot be written.
    pub fn seed(&self, fixture: &Fixture) -> Result<(), SeedError> {
        let mut ledger = self.lock();
        let caller = Caller { object_id: ledger.directory.caller.clone(), tenant_id: ledger.directory.tenant_id.clone() };
        let changes = {
            let mut tx = Transaction::new(self.store.snapshot(), &ledger, &self.options, caller);
            seed::seed(&mut tx, fixture).map_err(SeedError)?;
            tx.into_changes()
        };
        self.commit(&mut ledger, changes).map_err(|refusal| SeedError(refusal.error().message.clone()))
    }

    /// Whether a principal may use a data action (`Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action`) at
    /// a scope: the answer of Azure OpenAI to a principal without a role, or whose assignment has not spread yet.
    ///
    /// # Errors
    /// 401 `PermissionDenied`, with its body.
    pub fn check_data_action(&self, principal: &str, scope: &crate::arm::ResourceId, data_action: &str) -> Result<(), (u16, CloudError)> {
        providers::data_action(&self.store.snapshot(), principal, scope, data_action, self.options.clock.utc(), self.options.propagation)
    }

    /// Answers one ARM request. The caller has checked nothing: the bearer token is looked at here.
    ///
    /// An answer with [`DroppedAnswer`] among its extensions must not reach the client.
    pub async fn handle(&self, request: http::Request<Bytes>) -> http::Response<Bytes> {
        let parsed = Request::read(&request);
        let query = request.uri().query().unwrap_or_default().to_owned();
        let fault = self.faults.meet(&parsed.method, &parsed.path);
        let mut wait = self.options.latency;
        if let Some(FaultAction::Delay(delay)) = &fault {
            wait += *delay;
        }
        if !wait.is_zero() {
            self.options.clock.sleep(wait).await;
        }
        let mut dropped = false;
        let answer = match fault {
            Some(FaultAction::Refuse { status, code, message, retry_after }) => faults::refusal(status, &code, message, retry_after),
            Some(FaultAction::DropRequest) => {
                dropped = true;
                Answer::empty(504)
            }
            Some(FaultAction::DropAnswer) => {
                dropped = true;
                self.answer(&parsed)
            }
            Some(FaultAction::Delay(_)) | None => self.answer(&parsed),
        };
        self.log.add(LoggedRequest { method: parsed.method.clone(), path: parsed.path.clone(), query, status: answer.status });
        let mut response = self.write(&parsed, answer);
        if dropped {
            response.extensions_mut().insert(DroppedAnswer);
        }
        response
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, request: &Request) -> Answer {
        let mut ledger = self.lock();
        let caller = match &self.options.authenticator {
            Some(authenticator) => match authenticator.check(request.header("authorization")) {
                Ok(caller) => caller,
                Err(refusal) => return refusal.into_answer(),
            },
            None => Caller { object_id: ledger.directory.caller.clone(), tenant_id: ledger.directory.tenant_id.clone() },
        };
        let subscription = request.segments.get(1).map_or("", String::as_str);
        let allowance = if self.options.throttling {
            match self.throttle.take(self.options.clock.now(), subscription, &caller.object_id, &request.method) {
                Ok(allowance) => allowance,
                Err(refusal) => return refusal.into_answer(),
            }
        } else {
            Allowance::full(&request.method)
        };
        let answer = self.advance(&mut ledger).and_then(|()| {
            let (answer, changes) = {
                let mut tx = Transaction::new(self.store.snapshot(), &ledger, &self.options, caller);
                let answer = router::answer(&mut tx, request)?;
                (answer, tx.into_changes())
            };
            self.commit(&mut ledger, changes)?;
            Ok(answer)
        });
        let mut answer = allowance.write(answer.unwrap_or_else(Refusal::into_answer));
        if self.options.hostile
            && answer.status < 300
            && let Some(body) = &mut answer.body
        {
            hostile::disguise(body);
        }
        answer
    }

    fn advance(&self, ledger: &mut Ledger) -> Result<(), Refusal> {
        let caller = Caller { object_id: String::new(), tenant_id: ledger.directory.tenant_id.clone() };
        let changes = {
            let mut tx = Transaction::new(self.store.snapshot(), ledger, &self.options, caller);
            operations::advance(&mut tx);
            tx.into_changes()
        };
        self.commit(ledger, changes)
    }

    /// Disk first, then what readers see.
    fn commit(&self, ledger: &mut Ledger, changes: Changes) -> Result<(), Refusal> {
        if changes.is_empty() {
            return Ok(());
        }
        if let Some(persistence) = &self.persistence {
            persistence.commit(&changes).map_err(|error| Refusal::plain(500, "InternalServerError", format!("The emulator's {error}")))?;
        }
        let Changes { resources, attic, operations, directory, revision } = changes;
        for (id, change) in attic {
            match change {
                Some(stored) => ledger.attic.insert(id, stored),
                None => ledger.attic.remove(&id),
            };
        }
        for (id, change) in operations {
            match change {
                Some(operation) => ledger.operations.insert(id, operation),
                None => ledger.operations.remove(&id),
            };
        }
        if let Some(directory) = directory {
            ledger.directory = directory;
        }
        if let Some(revision) = revision {
            ledger.revision = revision;
        }
        if !resources.is_empty() {
            let removed: Vec<_> = resources.iter().filter(|(_, change)| change.is_none()).map(|(id, _)| id.clone()).collect();
            let put = resources.into_values().flatten().map(|stored| Stored::clone(&stored));
            self.store.commit(put, removed);
        }
        Ok(())
    }

    /// Adds the headers that every answer has (recorded).
    fn write(&self, request: &Request, answer: Answer) -> http::Response<Bytes> {
        let id = self.options.random.uuid().to_string();
        let correlation = request.header("x-ms-correlation-request-id").unwrap_or(&id).to_owned();
        let mut builder = http::Response::builder()
            .status(answer.status)
            .header("cache-control", "no-cache")
            .header("pragma", "no-cache")
            .header("expires", "-1")
            .header("strict-transport-security", "max-age=31536000; includeSubDomains")
            .header("x-content-type-options", "nosniff")
            .header("x-ms-request-id", &id)
            .header("x-ms-correlation-request-id", &correlation)
            .header("x-ms-routing-request-id", format!("LOCAL:{id}"));
        if let Some(client) = request.header("x-ms-client-request-id") {
            builder = builder.header("x-ms-client-request-id", client);
        }
        for (name, value) in &answer.headers {
            builder = builder.header(*name, value);
        }
        let body = match &answer.body {
            Some(body) if request.method != http::Method::HEAD => {
                if !answer.headers.iter().any(|(name, _)| *name == "content-type") {
                    builder = builder.header("content-type", "application/json; charset=utf-8");
                }
                Bytes::from(body.to_string())
            }
            _ => Bytes::new(),
        };
        builder = builder.header("content-length", body.len());
        builder.body(body).unwrap_or_else(|_| {
            // A header value that cannot be sent; nothing that the emulator makes can come here.
            let mut response = http::Response::new(Bytes::new());
            *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
            response
        })
    }
}

/// The text at a JSON pointer.
fn json_text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

/// Sets the value at a JSON pointer, making objects on the way.
fn set(target: &mut Value, pointer: &str, value: Value) {
    let mut current = target;
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        current = match current {
            Value::Array(items) => match token.parse::<usize>().ok().and_then(|index| items.get_mut(index)) {
                Some(item) => item,
                None => return,
            },
            other => {
                if !other.is_object() {
                    *other = Value::Object(Map::new());
                }
                match other.as_object_mut() {
                    Some(object) => object.entry(token).or_insert(Value::Null),
                    None => return,
                }
            }
        };
    }
    *current = value;
}

/// Takes the member at a JSON pointer out.
fn take(target: &mut Value, pointer: &str) -> Option<Value> {
    let (parent, name) = pointer.rsplit_once('/')?;
    let name = name.replace("~1", "/").replace("~0", "~");
    target.pointer_mut(parent)?.as_object_mut()?.shift_remove(&name)
}

/// A token of a JSON pointer.
fn pointer_token(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Percent-encodes a path as URLs need it.
fn encode_path(path: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet =
        &percent_encoding::CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`').add(b'#').add(b'?').add(b'{').add(b'}').add(b'%');
    percent_encoding::utf8_percent_encode(path, KEPT).to_string()
}

/// A time as ARM writes it, to the tenth of a microsecond.
fn timestamp(time: time::OffsetDateTime) -> String {
    use time::format_description::well_known::Iso8601;
    use time::format_description::well_known::iso8601::{Config, EncodedConfig, TimePrecision};
    const FORMAT: EncodedConfig =
        Config::DEFAULT.set_time_precision(TimePrecision::Second { decimal_digits: std::num::NonZero::new(7) }).encode();
    time.to_offset(time::UtcOffset::UTC).format(&Iso8601::<FORMAT>).unwrap_or_default()
}
