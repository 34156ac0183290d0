//! What every account received, for assertions.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::account::Account;
use super::route::Route;

/// Headers whose values are keys or tokens.
const SECRET_HEADERS: &[&str] = &["authorization", "api-key", "ocp-apim-subscription-key", "cookie"];
/// Query parameters whose values are.
const SECRET_PARAMETERS: &[&str] = &["api-key", "subscription-key", "code", "sig"];
/// Longer bodies are not kept.
const LARGEST_KEPT: usize = 256 * 1024;
const MASK: &str = "[secret]";

/// Tokens of one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Usage {
    pub(super) prompt: u32,
    pub(super) completion: u32,
    /// The part of `completion` that nobody sees.
    pub(super) reasoning: u32,
}

/// A request that an account received.
#[derive(Debug, Clone)]
pub struct Received {
    /// Counts from 1 over all accounts.
    pub sequence: u64,
    /// When.
    pub at: OffsetDateTime,
    /// Which account.
    pub account: String,
    /// Which deployment, if it asked for one.
    pub deployment: Option<String>,
    /// What it asked for, as behavior files name it; `None`: nothing that exists.
    pub operation: Option<&'static str>,
    /// Method.
    pub method: Method,
    /// Path and query, keys masked.
    pub target: String,
    /// Headers, keys and tokens masked.
    pub headers: HeaderMap,
    /// The body; empty if it was larger than 256 KiB.
    pub body: Bytes,
    /// Its true length in bytes.
    pub body_length: usize,
    /// The rule that was followed.
    pub rule: Option<String>,
    pub(super) outcome: OnceLock<Outcome>,
}

/// How a request was answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The status; `None`: the connection was closed without an answer.
    pub status: Option<u16>,
    /// The principal whose token it carried.
    pub principal: Option<String>,
    /// Prompt and completion tokens, if a model answered.
    pub tokens: Option<(u32, u32)>,
}

impl Received {
    pub(super) fn new(account: &Account, route: Option<&Route>, parts: &Parts, body: &Bytes, at: OffsetDateTime) -> Self {
        Self {
            sequence: 0,
            at,
            account: account.name.clone(),
            deployment: route.and_then(|route| route.deployment.clone()),
            operation: route.map(|route| route.operation.name()),
            method: parts.method.clone(),
            target: target(parts),
            headers: masked(&parts.headers),
            body: if body.len() <= LARGEST_KEPT { body.clone() } else { Bytes::new() },
            body_length: body.len(),
            rule: None,
            outcome: OnceLock::new(),
        }
    }

    /// How it was answered; `None`: not yet, or the client did not wait.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.get()
    }

    /// As `GET /_simulator/requests` writes it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let outcome = self.outcome.get();
        let headers = self.headers.iter().map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]));
        let body = serde_json::from_slice(&self.body).unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&self.body)));
        json!({
            "sequence": self.sequence,
            "at": self.at.format(&Rfc3339).unwrap_or_default(),
            "account": self.account,
            "deployment": self.deployment,
            "operation": self.operation,
            "method": self.method.as_str(),
            "target": self.target,
            "headers": headers.collect::<Vec<_>>(),
            "body": body,
            "bodyLength": self.body_length,
            "rule": self.rule,
            "answered": self.outcome.get().is_some(),
            "status": outcome.and_then(|outcome| outcome.status),
            "principal": outcome.and_then(|outcome| outcome.principal.as_deref()),
            "usage": outcome.and_then(|outcome| outcome.tokens).map(|(prompt, completion)| {
                json!({ "promptTokens": prompt, "completionTokens": completion })
            }),
        })
    }
}

fn masked(headers: &HeaderMap) -> HeaderMap {
    let mut masked = headers.clone();
    for name in SECRET_HEADERS {
        for value in masked.get_all_mut(name) {
            *value = HeaderValue::from_static(MASK);
        }
    }
    masked
}

trait GetAllMut {
    fn get_all_mut(&mut self, name: &str) -> impl Iterator<Item = &mut HeaderValue>;
}

impl GetAllMut for HeaderMap {
    fn get_all_mut(&mut self, name: &str) -> impl Iterator<Item = &mut HeaderValue> {
        self.iter_mut().filter(move |(found, _)| found.as_str() == name).map(|(_, value)| value)
    }
}

fn target(parts: &Parts) -> String {
    let path = parts.uri.path();
    let Some(query) = parts.uri.query() else { return path.to_owned() };
    let secret = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default();
        SECRET_PARAMETERS.iter().any(|secret| secret.eq_ignore_ascii_case(name))
    };
    if !query.split('&').any(|pair| secret(&pair)) {
        return format!("{path}?{query}");
    }
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if secret(&pair) => format!("{name}={MASK}"),
        _ => pair.to_owned(),
    });
    format!("{path}?{}", pairs.collect::<Vec<_>>().join("&"))
}

/// The last requests.
pub(super) struct Journal {
    capacity: usize,
    entries: Mutex<(u64, VecDeque<Arc<Received>>)>,
}

impl Journal {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, entries: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, (u64, VecDeque<Arc<Received>>)> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether anything is remembered at all.
    pub(super) const fn is_on(&self) -> bool {
        self.capacity > 0
    }

    /// Takes a request in; its outcome follows.
    pub(super) fn add(&self, mut received: Received) -> Arc<Received> {
        let mut entries = self.lock();
        entries.0 += 1;
        received.sequence = entries.0;
        if entries.1.len() == self.capacity {
            entries.1.pop_front();
        }
        let received = Arc::new(received);
        entries.1.push_back(received.clone());
        received
    }

    pub(super) fn all(&self) -> Vec<Arc<Received>> {
        self.lock().1.iter().cloned().collect()
    }

    pub(super) fn clear(&self) {
        self.lock().1.clear();
    }
}
