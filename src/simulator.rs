//! Simulated Azure OpenAI accounts: answers, streams, quotas and faults as the real ones show them.
//!
//! The core speaks no transport: [`Simulator::handle`] takes a request for an account and gives a response whose body makes its
//! frames when they are due, by an injected clock. [`serve_connection`] puts HTTP/1.1 and HTTP/2 around it over any stream, in memory or
//! TCP. What happens before a connection is there (refused, name not found, TLS fails) is asked of [`Simulator::connect`].
//!
//! Sources: `docs` of Azure OpenAI and recordings of live answers, named where they are used; what is assumed says so.

mod access;
mod account;
mod admin;
mod answer;
pub mod behavior;
mod body;
mod error;
mod headers;
mod journal;
mod limits;
mod route;
mod server;

use std::fmt;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Body;

pub use self::account::{Account, Accounts, Deployment, Directory, Principals, Throughput};
use self::answer::Answer;
use self::behavior::{Action, Connection, CutAt, Engine, Occasion};
pub use self::behavior::{Behavior, Latency};
pub use self::body::{Cut, SimBody};
use self::error::WireError;
use self::headers::Stamp;
use self::journal::Journal;
pub use self::journal::{Outcome, Received};
use self::limits::Limits;
use self::route::Route;
pub use self::server::{dial, serve_connection, serve_listener};
use crate::identity::Issuer;
use crate::support::clock::SharedClock;
use crate::support::random::SharedRandom;

/// Largest request body. Azure OpenAI's own limit for images in a request is 20 MB each.
const LARGEST_BODY: usize = 64 * 1024 * 1024;

/// What a simulator is made of.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which accounts there are, and who may use them.
    pub directory: Arc<dyn Directory>,
    /// Time.
    pub clock: SharedClock,
    /// Ids of answers and requests.
    pub random: SharedRandom,
    /// Which tokens are taken.
    pub tokens: TokenCheck,
    /// What goes wrong, and when.
    pub behavior: Behavior,
    /// How many received requests are remembered.
    pub remembered: usize,
    /// Whether `/_simulator/…` answers.
    pub admin: bool,
    /// Over how long requests per minute are evened out (Microsoft's page on quota: "1 or 10 seconds").
    pub request_window: Duration,
}

impl Options {
    /// Defaults: nothing goes wrong, no latency, 1,000 requests remembered, no admin calls.
    #[must_use]
    pub fn new(directory: Arc<dyn Directory>, clock: SharedClock, random: SharedRandom) -> Self {
        Self {
            directory,
            clock,
            random,
            tokens: TokenCheck::None,
            behavior: Behavior::default(),
            remembered: 1_000,
            admin: false,
            request_window: Duration::from_secs(10),
        }
    }
}

/// Which tokens are taken.
#[derive(Debug, Clone, Default)]
pub enum TokenCheck {
    /// None: accounts take keys only.
    #[default]
    None,
    /// Those of this issuer, for the right audience.
    Issuer(Arc<Issuer>),
    /// Any, for simulators that stand alone and know no issuer. Of a JSON Web Token the audience is looked at all the same.
    Unchecked,
}

/// What a client meets before there is a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connect {
    /// A connection.
    Established,
    /// Nobody listens.
    Refused,
    /// It is accepted and closed at once.
    Reset,
    /// The name is not found.
    NameNotFound,
    /// The TLS handshake fails.
    TlsFailed,
    /// Nothing answers, ever.
    NeverAnswers,
}

/// The simulated accounts. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Simulator(Arc<Inner>);

struct Inner {
    directory: Arc<dyn Directory>,
    clock: SharedClock,
    random: SharedRandom,
    tokens: TokenCheck,
    engine: RwLock<Arc<Engine>>,
    limits: Limits,
    journal: Journal,
    stored: answer::Stored,
    admin: bool,
}

impl fmt::Debug for Simulator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Simulator").field("directory", &self.0.directory).finish_non_exhaustive()
    }
}

impl Simulator {
    /// Sets the accounts up. The behavior's timeline starts now.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let engine = Engine::new(options.behavior, options.clock.now());
        Self(Arc::new(Inner {
            directory: options.directory,
            clock: options.clock,
            random: options.random,
            tokens: options.tokens,
            engine: RwLock::new(Arc::new(engine)),
            limits: Limits::new(options.request_window),
            journal: Journal::new(options.remembered),
            stored: answer::Stored::default(),
            admin: options.admin,
        }))
    }

    /// The accounts.
    #[must_use]
    pub fn directory(&self) -> &Arc<dyn Directory> {
        &self.0.directory
    }

    /// What goes wrong, as it is set.
    #[must_use]
    pub fn behavior(&self) -> Behavior {
        self.engine().behavior().clone()
    }

    /// Sets what goes wrong from now on: its timeline and its counters start anew.
    pub fn set_behavior(&self, behavior: Behavior) {
        let engine = Arc::new(Engine::new(behavior, self.0.clock.now()));
        match self.0.engine.write() {
            Ok(mut current) => *current = engine,
            Err(poisoned) => *poisoned.into_inner() = engine,
        }
    }

    /// The requests that were received, oldest first, as far as they are remembered. Keys and tokens are masked.
    #[must_use]
    pub fn received(&self) -> Vec<Arc<Received>> {
        self.0.journal.all()
    }

    /// Forgets the received requests.
    pub fn forget_received(&self) {
        self.0.journal.clear();
    }

    /// What a client meets that connects to `account` now. Counts as a connection for rules that count.
    #[must_use]
    pub fn connect(&self, account: &str) -> Connect {
        match self.engine().connect(account, self.0.clock.now()) {
            None => Connect::Established,
            Some(Connection::Refused) => Connect::Refused,
            Some(Connection::Reset) => Connect::Reset,
            Some(Connection::DnsFailure) => Connect::NameNotFound,
            Some(Connection::TlsFailure) => Connect::TlsFailed,
            Some(Connection::NeverAnswers) => Connect::NeverAnswers,
        }
    }

    fn engine(&self) -> Arc<Engine> {
        match self.0.engine.read() {
            Ok(engine) => engine.clone(),
            Err(poisoned) => poisoned.into_inner().clone(),
        }
    }

    /// Answers a request to `account` (its name).
    ///
    /// # Errors
    /// The connection is to be closed without an answer: a rule says so, or the request's body broke off.
    pub async fn handle<B>(&self, account: &str, request: Request<B>) -> Result<Response<SimBody>, Cut>
    where
        B: Body<Data = Bytes> + Send,
        B::Error: fmt::Display,
    {
        let (parts, body) = request.into_parts();
        let body = match read(body).await? {
            Some(body) => body,
            None => return Ok(self.unhandled(&WireError::too_large())),
        };
        if self.0.admin && parts.uri.path().starts_with(admin::PREFIX) {
            return Ok(admin::answer(self, &parts, &body));
        }
        let Some(account) = self.0.directory.account(account) else {
            return Ok(self.unhandled(&WireError::no_resource()));
        };
        let route = Route::of(&parts, &body);
        let now = self.0.clock.now();
        let engine = self.engine();
        let occasion = Occasion { account: &account.name, route: route.as_ref().ok(), parts: &parts, body: &body };
        let action = engine.decide(&occasion, now);
        let received = self.0.journal.is_on().then(|| {
            let mut received = Received::new(&account, route.as_ref().ok(), &parts, &body, self.0.clock.utc());
            received.rule = action.map(|(rule, _)| engine.name(rule));
            self.0.journal.add(received)
        });
        let mut outcome = Outcome::default();
        let action = action.map(|(_, action)| action);
        let response = self.perform(&account, route, &parts, &body, action, engine.latency(), &mut outcome).await;
        if let Some(received) = received {
            outcome.status = response.as_ref().ok().map(|response| response.status().as_u16());
            let _ = received.outcome.set(outcome);
        }
        response
    }

    /// What a rule says, or what the service does.
    #[expect(clippy::too_many_arguments, reason = "one caller; a struct of borrowed parts would only rename them")]
    async fn perform(
        &self,
        account: &Arc<Account>,
        route: Result<Route, WireError>,
        parts: &http::request::Parts,
        body: &Bytes,
        action: Option<&Action>,
        latency: Latency,
        outcome: &mut Outcome,
    ) -> Result<Response<SimBody>, Cut> {
        let stamp = Stamp::new(account, route.as_ref().ok(), &parts.headers, &self.0.clock, &*self.0.random);
        if let Some(delay) = action.and_then(|action| action.delay_headers) {
            self.0.clock.sleep(delay).await;
        }
        if action.is_some_and(|action| action.connection.is_some() || action.cut == Some(CutAt::BeforeFirstByte)) {
            return Err(Cut);
        }
        if action.is_some_and(|action| action.never_answers) {
            return std::future::pending().await;
        }
        if let Some((action, response)) =
            action.and_then(|action| Some((action, behavior::scripted(action, &stamp, route.as_ref().ok(), account)?)))
        {
            return Ok(response.map(|body| behavior::shape(body, action, &self.0.clock, Latency::default())));
        }
        let answer = match self.serve(account, route, parts, body, action, outcome) {
            Ok(answer) => answer,
            Err(error) => Answer::error(error),
        };
        let latency = action.map_or(latency, |action| action.latency.or(latency));
        outcome.tokens = answer.usage.map(|usage| (usage.prompt, usage.completion));
        if answer.frames.is_none() && answer.status.is_success() {
            let delay = latency.headers + latency.first_token + latency.per_token * answer.usage.map_or(0, |usage| usage.completion);
            if !delay.is_zero() {
                self.0.clock.sleep(delay).await;
            }
        } else if !latency.headers.is_zero() {
            self.0.clock.sleep(latency.headers).await;
        }
        Ok(answer.respond(&stamp, action, &self.0.clock, latency))
    }

    /// What the service does with a request when nothing goes wrong.
    fn serve(
        &self,
        account: &Arc<Account>,
        route: Result<Route, WireError>,
        parts: &http::request::Parts,
        body: &Bytes,
        action: Option<&Action>,
        outcome: &mut Outcome,
    ) -> Result<Answer, WireError> {
        let route = route?;
        route.check_version()?;
        outcome.principal = access::check(&*self.0.directory, &self.0.tokens, account, &route, parts)?;
        answer::make(self, account, &route, body, action)
    }

    /// An answer to what is no request to an account.
    fn unhandled(&self, error: &WireError) -> Response<SimBody> {
        Answer::error(error.clone()).respond(&Stamp::anonymous(&self.0.clock, &*self.0.random), None, &self.0.clock, Latency::default())
    }
}

/// The whole body; `None` if it is too large.
async fn read<B>(body: B) -> Result<Option<Bytes>, Cut>
where
    B: Body<Data = Bytes> + Send,
    B::Error: fmt::Display,
{
    let mut body = std::pin::pin!(body);
    if body.size_hint().lower() > LARGEST_BODY as u64 {
        return Ok(None);
    }
    // Most bodies are one frame: nothing is copied then.
    let mut first = Bytes::new();
    let mut rest = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Cut)?.into_data() else { continue };
        if first.is_empty() && rest.is_empty() {
            first = data;
            continue;
        }
        if rest.is_empty() {
            rest.extend_from_slice(&first);
        }
        if rest.len() + data.len() > LARGEST_BODY {
            return Ok(None);
        }
        rest.extend_from_slice(&data);
    }
    Ok(Some(if rest.is_empty() { first } else { rest.into() }))
}
