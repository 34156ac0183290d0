//! One line about one request: for the log, for counters, for whoever watches. Nothing is copied: names are in the snapshot.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use time::OffsetDateTime;
use uuid::Uuid;

use super::exchange::{Access, Attempt, Exchange};
use super::failure::{CALLER_GONE, LastError};
use super::front::Peer;
use super::settle::{Ending, Settle, Usage, UsageNeed};
use super::snapshot::{Api, Backend, Operation, Product, Snapshot, Subscription};
use super::state::State;

/// A request that is over.
#[derive(Debug)]
pub struct RequestRecord {
    snapshot: Arc<Snapshot>,
    api: Option<super::snapshot::ApiIndex>,
    operation: Option<super::snapshot::OperationIndex>,
    access: Access,
    /// When it came.
    pub timestamp: OffsetDateTime,
    /// `context.RequestId`, if anybody asked for it.
    pub id: Option<Uuid>,
    /// As the caller sent it.
    pub method: Method,
    /// As the caller sent it; keys may stand in its query, so [`RequestRecord::path`] is what is shown.
    target: http::uri::PathAndQuery,
    /// What the caller got; 0 if it went away before.
    pub status: u16,
    /// From its arrival to the head of the answer.
    pub head_after: Duration,
    /// From its arrival to the last byte.
    pub elapsed: Duration,
    /// Bytes of the answer's body.
    pub bytes: u64,
    /// Whether all of it went to the caller.
    pub complete: bool,
    /// Every time it was sent to a backend.
    pub attempts: Vec<Attempt>,
    /// Tokens, if a policy asked for them.
    pub usage: Option<Usage>,
    /// What went wrong, if something did.
    pub error: Option<LastError>,
    /// Its trace, if one was made.
    pub trace: Option<Box<super::trace::Trace>>,
    /// `context.Variables` at the end, if a trace was made; secret named values are masked as in the trace.
    pub variables: Vec<(String, serde_json::Value)>,
    /// Who asked.
    pub peer: Arc<Peer>,
}

impl RequestRecord {
    /// As the caller sent it, encoded, without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.path()
    }

    /// The API.
    #[must_use]
    pub fn api(&self) -> Option<&Api> {
        self.snapshot.api(self.api?)
    }

    /// The operation.
    #[must_use]
    pub fn operation(&self) -> Option<&Operation> {
        self.snapshot.operation(self.operation?)
    }

    /// The subscription.
    #[must_use]
    pub fn subscription(&self) -> Option<&Subscription> {
        self.snapshot.subscription(self.access.subscription?)
    }

    /// The product.
    #[must_use]
    pub fn product(&self) -> Option<&Product> {
        self.snapshot.product(self.access.product?)
    }

    /// The backend of an attempt.
    #[must_use]
    pub fn backend(&self, attempt: &Attempt) -> Option<&Backend> {
        self.snapshot.backend(attempt.backend?)
    }
}

/// Is told of every request when it is over, on the thread that served it: be quick.
pub trait Observer: Send + Sync + std::fmt::Debug {
    /// A request is over.
    fn request(&self, record: &RequestRecord);
}

/// Makes the record when the last byte has gone.
#[derive(Debug)]
pub(super) struct Recorder {
    record: RequestRecord,
    received: tokio::time::Instant,
    state: Arc<State>,
    observers: Arc<[Arc<dyn Observer>]>,
}

impl Recorder {
    /// Of an exchange whose head is made.
    pub(super) fn new(exchange: &mut Exchange, observers: Arc<[Arc<dyn Observer>]>) -> Self {
        let id = exchange.trace.is_some().then(|| exchange.id());
        let variables = if exchange.trace.is_some() { exchange.shown_variables() } else { Vec::new() };
        let record = RequestRecord {
            snapshot: exchange.snapshot.clone(),
            api: exchange.api,
            operation: exchange.operation,
            access: exchange.access,
            timestamp: exchange.timestamp(),
            id,
            method: std::mem::take(&mut exchange.original.method),
            target: exchange.original.target.clone(),
            status: 0,
            head_after: exchange.elapsed(),
            elapsed: Duration::ZERO,
            bytes: 0,
            complete: false,
            attempts: std::mem::take(&mut exchange.attempts),
            usage: None,
            error: exchange.last_error.take(),
            trace: exchange.trace.take(),
            variables,
            peer: exchange.peer.clone(),
        };
        Self { record, received: exchange.received, state: exchange.worker.state.clone(), observers }
    }
}

/// Tells of a request whose caller went away before the head of an answer was made.
pub(super) fn abandoned(exchange: &mut Exchange) {
    let observers = exchange.worker.observers.clone();
    if observers.is_empty() {
        return;
    }
    let mut recorder = Recorder::new(exchange, observers);
    recorder.record.error.get_or_insert_with(|| LastError {
        source: Cow::Borrowed("client"),
        reason: Cow::Borrowed(CALLER_GONE),
        message: "The operation was canceled.".to_owned(),
        scope: None,
        section: None,
        path: String::new(),
        policy_id: String::new(),
    });
    // Nothing was answered, so there is no status: the service's own log shows 0 (assumed).
    Box::new(recorder).end(&Ending { status: 0, usage: None, complete: false, bytes: 0 });
}

impl Settle for Recorder {
    fn usage_need(&self) -> UsageNeed {
        UsageNeed::Never
    }

    fn end(mut self: Box<Self>, ending: &Ending) {
        self.record.status = ending.status;
        self.record.bytes = ending.bytes;
        self.record.complete = ending.complete;
        self.record.usage = ending.usage;
        self.record.elapsed = self.state.clock.now().saturating_duration_since(self.received);
        for observer in self.observers.iter() {
            observer.request(&self.record);
        }
    }
}
