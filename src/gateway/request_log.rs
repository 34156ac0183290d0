//! What is told of every request once its last byte has gone.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::exchange::{Attempt, Exchange};
use super::program::Arguments;
use super::settle::{Ending, Settle};
use super::trace::Trace;
use crate::support::clock::SharedClock;

/// A request that is over.
#[derive(Debug)]
pub struct Record {
    /// `context.RequestId`.
    pub id: Uuid,
    /// Method as the caller sent it.
    pub method: String,
    /// Path as the caller sent it; the query may hold keys and is left out.
    pub path: String,
    /// Name of the API, if one was found.
    pub api: Option<String>,
    /// Name of the operation, if one was found.
    pub operation: Option<String>,
    /// Name of the subscription, if a key named one.
    pub subscription: Option<String>,
    /// Every time the request was sent, with the name of the backend entity if it was one.
    pub attempts: Vec<(Option<String>, Attempt)>,
    /// `LastError.Source` and `LastError.Reason`, if something failed.
    pub error: Option<(String, String)>,
    /// Status that the caller got.
    pub status: u16,
    /// Bytes of the body that the caller got.
    pub bytes: u64,
    /// Whether the caller got everything.
    pub complete: bool,
    /// Until the head went.
    pub head_after: Duration,
    /// Until the last byte went.
    pub elapsed: Duration,
    /// What every policy did, if somebody watched.
    pub trace: Option<Box<Trace>>,
}

/// Is told of every request.
pub trait RequestLog: Send + Sync + fmt::Debug {
    /// One is over. Called on the worker that served it: what takes long belongs elsewhere.
    fn finished(&self, record: Record);

    /// Whether every request is to be traced.
    fn traces(&self) -> bool {
        false
    }
}

/// Gathers the record of one request.
pub(super) struct Entry {
    log: Arc<dyn RequestLog>,
    clock: SharedClock,
    received: Instant,
    record: Option<Record>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Entry").finish_non_exhaustive()
    }
}

impl Entry {
    pub(super) fn new(log: Arc<dyn RequestLog>, exchange: &Exchange) -> Self {
        let clock = exchange.worker.state.clock.clone();
        Self { log, clock, received: exchange.received, record: None }
    }
}

impl Settle for Entry {
    fn head(&mut self, exchange: &mut Exchange, _arguments: &mut Arguments) {
        let snapshot = &exchange.snapshot;
        let named = |attempt: &Attempt| attempt.backend.and_then(|index| snapshot.backend(index)).map(|backend| backend.name.clone());
        self.record = Some(Record {
            id: exchange.id(),
            // Policies may have changed the method; there is no other copy of what came.
            method: exchange.request.method.to_string(),
            path: exchange.original.path.clone(),
            api: exchange.api.and_then(|index| snapshot.api(index)).map(|api| api.name.clone()),
            operation: exchange.operation.and_then(|index| snapshot.operation(index)).map(|operation| operation.name.clone()),
            subscription: exchange.access.subscription.and_then(|index| snapshot.subscription(index)).map(|own| own.name.clone()),
            attempts: exchange.attempts.iter().map(|attempt| (named(attempt), attempt.clone())).collect(),
            error: exchange.last_error.as_ref().map(|error| (error.source.to_string(), error.reason.to_string())),
            status: 0,
            bytes: 0,
            complete: false,
            head_after: exchange.elapsed(),
            elapsed: Duration::ZERO,
            trace: exchange.trace.take(),
        });
    }

    fn end(mut self: Box<Self>, ending: &Ending) {
        if let Some(record) = self.record.take() {
            let elapsed = self.clock.now().duration_since(self.received);
            let Ending { status, bytes, complete, .. } = *ending;
            self.log.finished(Record { status, bytes, complete, elapsed, ..record });
        }
    }
}
