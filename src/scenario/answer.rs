//! What a client got, and what only the gateway knows about it.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

/// An answer to one request.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Reason phrase, if the protocol has one and it is not the status's own.
    pub reason: Option<String>,
    /// Headers.
    pub headers: HeaderMap,
    /// The body as pieces, as far as it came.
    pub pieces: Vec<Piece>,
    /// Why the body ended before its end, if it did.
    pub cut: Option<String>,
    /// From the request to the answer's head.
    pub head_after: Duration,
    /// From the request to the last byte.
    pub elapsed: Duration,
    /// What only the gateway knows; `None` for an answer over a network.
    pub inside: Option<Box<Inside>>,
}

/// A piece of a body.
#[derive(Debug, Clone)]
pub struct Piece {
    /// Since the request.
    pub after: Duration,
    /// The bytes.
    pub bytes: Bytes,
}

impl Answer {
    /// The whole body.
    #[must_use]
    pub fn body(&self) -> Bytes {
        match self.pieces.as_slice() {
            [] => Bytes::new(),
            [one] => one.bytes.clone(),
            several => several.iter().map(|piece| piece.bytes.as_ref()).collect::<Vec<_>>().concat().into(),
        }
    }

    /// The body as text; what is no UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body()).into_owned()
    }

    /// Whether the body is a stream of server-sent events.
    #[must_use]
    pub fn is_stream(&self) -> bool {
        let kind = self.headers.get(http::header::CONTENT_TYPE).map(http::HeaderValue::as_bytes).unwrap_or_default();
        kind.to_ascii_lowercase().starts_with(b"text/event-stream")
    }

    /// The `data:` of each server-sent event, in order.
    #[must_use]
    pub fn events(&self) -> Vec<String> {
        events(&self.text())
    }
}

/// The `data:` of each server-sent event; an event without an empty line behind it broke off and is left out.
fn events(text: &str) -> Vec<String> {
    let text = text.replace("\r\n", "\n");
    let mut events = Vec::new();
    let mut parts = text.split("\n\n").peekable();
    while let Some(part) = parts.next() {
        // Nothing came behind the last empty line, or the part broke off.
        if parts.peek().is_none() {
            break;
        }
        let data: Vec<&str> =
            part.lines().filter_map(|line| line.strip_prefix("data:")).map(|data| data.strip_prefix(' ').unwrap_or(data)).collect();
        if !data.is_empty() {
            events.push(data.join("\n"));
        }
    }
    events
}

/// What only the gateway knows about a request.
#[derive(Debug, Clone, Default)]
pub struct Inside {
    /// Every time it was sent to a backend, in order.
    pub attempts: Vec<Attempt>,
    /// The API, operation, product and subscription that it was for.
    pub names: Names,
    /// `context.Variables` at the end.
    pub variables: BTreeMap<String, Value>,
    /// Prompt and completion tokens, if a policy counted them.
    pub usage: Option<(u64, u64)>,
    /// `context.LastError`, if something went wrong: source, reason, message.
    pub error: Option<(String, String, String)>,
    /// Its trace: entries in order.
    pub trace: Vec<TraceEntry>,
    /// Its trace for people.
    pub trace_text: String,
}

impl Inside {
    /// The backend whose answer it was: that of the last attempt, if there was an answer.
    #[must_use]
    pub fn served(&self) -> Option<&str> {
        self.attempts.last().filter(|attempt| attempt.outcome.is_ok()).map(|attempt| attempt.backend.as_str())
    }
}

/// What a request was for, by ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// API.
    pub api: Option<String>,
    /// Operation.
    pub operation: Option<String>,
    /// Product.
    pub product: Option<String>,
    /// Subscription.
    pub subscription: Option<String>,
}

/// One time that a request was sent to a backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The backend's name; empty if it was a URL.
    pub backend: String,
    /// The status that came back, or the reason of the failure.
    pub outcome: Result<u16, String>,
    /// From the request's arrival to the start of the attempt.
    pub after: Duration,
    /// From the start of the attempt to the head of its answer.
    pub elapsed: Duration,
    /// For how long the backend's breaker tripped by it, if it did.
    pub tripped: Option<Duration>,
}

/// An entry of a trace.
#[derive(Debug, Clone)]
pub struct TraceEntry {
    /// `inbound`, `backend`, `outbound`, `on-error`.
    pub section: &'static str,
    /// The policy, or a built-in step.
    pub source: String,
    /// What it says.
    pub data: Value,
}

/// What a backend received.
#[derive(Debug, Clone)]
pub struct Received {
    /// The account, or the host of a backend that is none.
    pub from: String,
    /// Names of the backends that lead there.
    pub backends: Vec<String>,
    /// Method.
    pub method: Method,
    /// Path and query; keys are masked.
    pub target: String,
    /// Headers; keys and tokens are masked.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

/// A series of custom metrics, and what came to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Namespace.
    pub namespace: String,
    /// Name: `Total Tokens`.
    pub name: String,
    /// Dimensions.
    pub dimensions: BTreeMap<String, String>,
    /// How many values.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_broke_off_is_none() {
        assert_eq!(events("data: {\"a\":1}\n\ndata:b\ndata: c\r\n\r\n: comment\n\ndata: [DO"), ["{\"a\":1}", "b\nc"]);
        assert!(events("").is_empty());
    }
}
