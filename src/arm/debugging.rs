//! Request tracing between ARM and the gateway: who may be traced, and the traces that ARM hands out.
//!
//! On Azure both sides lie in one service. Here they meet at the [`Store`](super::store::Store), as resources do: the embedded ARM gives
//! out debug credentials (`listDebugCredentials`) and reads traces (`listTrace`), the gateway checks the one and leaves the other. Nothing
//! of it is written to disk.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use time::OffsetDateTime;

use super::ResourceId;
use crate::support::secret::Secret;

/// Credentials that are kept; the oldest goes first.
const CREDENTIALS: usize = 1_000;
/// Traces that are kept; the oldest goes first.
const TRACES: usize = 1_000;

/// Leave to trace the requests of one API for a while.
#[derive(Debug, Clone)]
pub struct DebugCredential {
    /// What `Apim-Debug-Authorization` carries.
    pub token: Secret<String>,
    /// The service.
    pub service: ResourceId,
    /// The API's name, without a revision.
    pub api: String,
    /// When it ends.
    pub expires: OffsetDateTime,
}

/// Debug credentials and traces of all services of a store.
#[derive(Debug, Default)]
pub struct Debugging {
    credentials: Mutex<VecDeque<DebugCredential>>,
    traces: Mutex<VecDeque<(ResourceId, String, Value)>>,
}

impl Debugging {
    /// A new credential for `api`. The token begins as the page shows it, `aid=<api>&p=tracing&ex=<seconds since 1970>`; `secret` is what
    /// makes it hard to guess. What else a real token holds is not documented.
    pub fn issue(&self, service: ResourceId, api: &str, expires: OffsetDateTime, secret: &str) -> DebugCredential {
        let mut token = String::from("aid=");
        token.extend(url::form_urlencoded::byte_serialize(api.as_bytes()));
        // Writing to a string cannot fail.
        let _ = write!(token, "&p=tracing&ex={}&sn={secret}", expires.unix_timestamp());
        let credential = DebugCredential { token: Secret::new(token), service, api: api.to_owned(), expires };
        let mut credentials = lock(&self.credentials);
        if credentials.len() >= CREDENTIALS {
            credentials.pop_front();
        }
        credentials.push_back(credential.clone());
        credential
    }

    /// The credential with this token, expired or not.
    #[must_use]
    pub fn credential(&self, token: &str) -> Option<DebugCredential> {
        lock(&self.credentials).iter().rev().find(|own| own.token.expose() == token).cloned()
    }

    /// Keeps the trace of a request.
    pub fn keep(&self, service: ResourceId, id: String, trace: Value) {
        let mut traces = lock(&self.traces);
        if traces.len() >= TRACES {
            traces.pop_front();
        }
        traces.push_back((service, id, trace));
    }

    /// The trace with this id.
    #[must_use]
    pub fn trace(&self, service: &ResourceId, id: &str) -> Option<Value> {
        lock(&self.traces)
            .iter()
            .rev()
            .find(|(owner, own, _)| owner == service && own.eq_ignore_ascii_case(id))
            .map(|(_, _, trace)| trace.clone())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
