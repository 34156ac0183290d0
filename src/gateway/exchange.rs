//! One request being served: everything that policies read and change.

mod body;
mod context;
mod variables;

use std::cell::OnceCell;
use std::sync::Arc;
use std::time::Duration;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue};
use time::OffsetDateTime;
use tokio::time::Instant;
use uuid::Uuid;

pub(crate) use self::context::header_text;
pub use self::variables::Variables;
use super::backend::forward::Forwarding;
use super::failure::LastError;
use super::front::Peer;
use super::message::{MessageBody, RequestMessage, ResponseMessage};
use super::program::Arguments;
use super::settle::Settle;
use super::snapshot::{ApiIndex, BackendIndex, BaseUrl, OperationIndex, ProductIndex, Snapshot, SubscriptionIndex};
use super::trace::Trace;
use super::worker::Worker;
use crate::expression::Heap;
use crate::policy::{Scope, Section};

/// Where the request will be sent.
#[derive(Debug, Clone)]
pub enum Destination {
    /// The API's `serviceUrl`.
    Service,
    /// A base URL set by a policy.
    Url(Arc<BaseUrl>),
    /// A backend entity.
    Backend(BackendIndex),
}

/// Who calls, as the key says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Access {
    /// The subscription of the key.
    pub subscription: Option<SubscriptionIndex>,
    /// Whether the secondary key was used.
    pub secondary: bool,
    /// The product whose context the request is in.
    pub product: Option<ProductIndex>,
}

/// The request line as it came.
#[derive(Debug, Clone)]
pub struct Original {
    /// Method.
    pub method: http::Method,
    /// Whether it came over TLS.
    pub https: bool,
    /// `Host`, if there was one.
    pub host: Option<HeaderValue>,
    /// Path without dot segments, and query; shares the bytes of the request's head.
    pub target: PathAndQuery,
}

impl Original {
    /// Path, encoded.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.path()
    }

    /// Query without `?`.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.target.query()
    }

    /// Host and port as the caller named them.
    #[must_use]
    pub fn authority(&self) -> Option<(&str, Option<u16>)> {
        let text = self.host.as_ref()?.to_str().ok().map(str::trim).filter(|text| !text.is_empty())?;
        // `[::1]:80` has colons inside.
        match text.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => Some((host, port.parse().ok())),
            _ => Some((text, None)),
        }
    }
}

/// One request.
#[derive(Debug)]
pub struct Exchange {
    /// The worker that serves it.
    pub worker: Arc<Worker>,
    /// What it is served from, first to last byte.
    pub snapshot: Arc<Snapshot>,
    /// When it came.
    pub received: Instant,
    /// Who is at the other end.
    pub peer: Arc<Peer>,
    /// As it came.
    pub original: Original,
    /// As it will be forwarded.
    pub request: RequestMessage,
    /// As it will be answered; null for policies until there is one.
    pub response: Option<ResponseMessage>,
    /// The API.
    pub api: Option<ApiIndex>,
    /// The operation.
    pub operation: Option<OperationIndex>,
    /// Template parameters of the operation, in the order of the template.
    pub matched: Vec<(Arc<str>, String)>,
    /// Who calls.
    pub access: Access,
    /// Where it goes.
    pub destination: Destination,
    /// The backend entity that was used last (`context.Backend`).
    pub backend: Option<BackendIndex>,
    /// What policies said about forwarding.
    pub forwarding: Forwarding,
    /// `context.Variables`.
    pub variables: Variables,
    /// `context.LastError`.
    pub last_error: Option<LastError>,
    /// The section that runs.
    pub section: Section,
    /// Scope of the document that runs.
    pub scope: Scope,
    /// Objects of expressions.
    pub heap: Heap,
    /// What `send-request` stored; [`crate::expression::Host`] ids of responses point here.
    pub stored_responses: Vec<ResponseMessage>,
    /// Whether a `cors` policy has marked the answer; only the first one does.
    pub cors: bool,
    /// What wants to know how it ends.
    pub settle: Vec<Box<dyn Settle>>,
    /// Who watches, if anybody.
    pub trace: Option<Box<Trace>>,
    /// What the caller is told of its wish for a trace, besides the trace's id.
    pub trace_answer: Option<(http::HeaderName, http::HeaderValue)>,
    /// Every time the request was sent to a backend.
    pub attempts: Vec<Attempt>,
    /// The request's body, kept by who forwarded it when tokens have to be estimated from it.
    pub prompt: Option<bytes::Bytes>,
    /// The tokens of the backend's answer, if they were read before outbound, which may change that answer.
    pub usage: Option<super::settle::Usage>,
    /// What `cache-lookup` missed, for `cache-store`, with its downstream-caching-type.
    pub cache_key: Option<(super::execute::cache_response::CacheKey, Option<String>)>,
    /// What `llm-content-safety` asks about the completion, once it is there.
    pub screens: Vec<super::execute::content_safety::Screen>,
    /// What the semantic cache missed, for its store.
    pub semantic_miss: Option<super::execute::semantic_cache::Missed>,
    /// An answer has been made of it; else its caller went away.
    pub answered: bool,
    /// Room for the arguments of policies; empty between sections.
    pub(super) arguments: Arguments,
    marks: Vec<(Arc<str>, u64)>,
    id: OnceCell<Uuid>,
    timestamp: OnceCell<OffsetDateTime>,
}

/// One time that a request was sent to a backend.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The entity, if it was one (a pool's member, never the pool).
    pub backend: Option<BackendIndex>,
    /// The status that came back, or the reason of the failure.
    pub outcome: Result<u16, &'static str>,
    /// From the request's arrival to the start of the attempt.
    pub after: Duration,
    /// From the start of the attempt to the response's head.
    pub elapsed: Duration,
    /// For how long the backend's breaker tripped with it, if it did.
    pub tripped: Option<Duration>,
}

/// What an exchange begins with.
#[derive(Debug)]
pub struct Arrival {
    /// The worker.
    pub worker: Arc<Worker>,
    /// What it is served from.
    pub snapshot: Arc<Snapshot>,
    /// Who sent it.
    pub peer: Arc<Peer>,
    /// As it came.
    pub original: Original,
    /// To be forwarded.
    pub request: RequestMessage,
}

impl Exchange {
    /// A request that has just come.
    #[must_use]
    pub fn new(arrival: Arrival) -> Self {
        let received = arrival.worker.state.clock.now();
        let mismatch = arrival.worker.settings.variables_mismatch;
        Self {
            worker: arrival.worker,
            snapshot: arrival.snapshot,
            received,
            peer: arrival.peer,
            original: arrival.original,
            request: arrival.request,
            response: None,
            api: None,
            operation: None,
            matched: Vec::new(),
            access: Access::default(),
            destination: Destination::Service,
            backend: None,
            forwarding: Forwarding::default(),
            variables: Variables::default(),
            last_error: None,
            section: Section::Inbound,
            scope: Scope::Global,
            heap: Heap::new().with_variable_mismatch(mismatch),
            stored_responses: Vec::new(),
            cors: false,
            settle: Vec::new(),
            trace: None,
            trace_answer: None,
            attempts: Vec::new(),
            prompt: None,
            cache_key: None,
            screens: Vec::new(),
            semantic_miss: None,
            usage: None,
            answered: false,
            arguments: Arguments::default(),
            marks: Vec::new(),
            id: OnceCell::new(),
            timestamp: OnceCell::new(),
        }
    }

    /// The header in which the API takes its key, if an API has matched.
    #[must_use]
    pub fn key_header(&self) -> Option<&http::HeaderName> {
        Some(&self.snapshot.api(self.api?)?.key_names.header)
    }

    /// `context.RequestId`, made when it is first read.
    #[must_use]
    pub fn id(&self) -> Uuid {
        *self.id.get_or_init(|| self.worker.state.random.uuid())
    }

    /// Host and port as the caller named them; the gateway's own where he named none.
    #[must_use]
    pub fn authority(&self) -> (&str, Option<u16>) {
        let own = &self.snapshot.service.gateway_url;
        self.original.authority().unwrap_or((&own.host, own.port))
    }

    /// `context.Elapsed`.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.worker.state.clock.now().duration_since(self.received)
    }

    /// `context.Timestamp`, worked out when it is first read.
    #[must_use]
    pub fn timestamp(&self) -> OffsetDateTime {
        *self.timestamp.get_or_init(|| self.worker.state.clock.utc() - self.elapsed())
    }

    /// What [`Exchange::mark`] noted in this request. The names are ours, no policy can write them.
    #[must_use]
    pub fn amount(&self, name: &str) -> Option<u64> {
        self.marks.iter().find(|(own, _)| **own == *name).map(|(_, amount)| *amount)
    }

    /// Notes that something was done in this request, and how much of it.
    pub fn mark(&mut self, name: Arc<str>, amount: u64) {
        self.marks.push((name, amount));
    }

    /// The headers that a policy of the running section changes: the request's in inbound and backend, the response's in outbound and
    /// on-error (set-header page).
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        match self.section {
            Section::Inbound | Section::Backend => &mut self.request.headers,
            Section::Outbound | Section::OnError => &mut self.response_mut().headers,
        }
    }

    /// The body that a policy of the running section reads and changes: the request's in inbound and backend, the response's in outbound
    /// and on-error. There may be no response.
    pub fn section_body(&mut self) -> Option<&mut MessageBody> {
        match self.section {
            Section::Inbound | Section::Backend => Some(&mut self.request.body),
            Section::Outbound | Section::OnError => self.response.as_mut().map(|response| &mut response.body),
        }
    }

    /// The response; an empty 200 is made if there is none.
    pub fn response_mut(&mut self) -> &mut ResponseMessage {
        self.response.get_or_insert_with(|| ResponseMessage::new(http::StatusCode::OK))
    }

    /// Writes a trace entry if somebody watches; `data` is only made then.
    pub fn note(&mut self, source: &str, data: impl FnOnce(&Self) -> serde_json::Value) {
        if self.trace.is_some() {
            let (mut data, elapsed, section) = (data(self), self.elapsed(), self.section);
            super::trace::mask(&mut data, &self.snapshot.secrets);
            let timestamp = self.timestamp() + elapsed;
            if let Some(trace) = &mut self.trace {
                trace.add(section, source, timestamp, elapsed, data);
            }
        }
    }
}

impl Drop for Exchange {
    /// The front drops a request whose caller goes away; whoever watches is told all the same.
    fn drop(&mut self) {
        if !self.answered {
            super::record::abandoned(self);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_port_are_told_apart() {
        let read = |text: &'static str| {
            let target = PathAndQuery::from_static("/");
            let original = Original { method: http::Method::GET, https: true, host: Some(HeaderValue::from_static(text)), target };
            original.authority().map(|(host, port)| (host.to_owned(), port))
        };
        assert_eq!(read("a.example"), Some(("a.example".to_owned(), None)));
        assert_eq!(read("a.example:8080"), Some(("a.example".to_owned(), Some(8080))));
        assert_eq!(read("[::1]:80"), Some(("[::1]".to_owned(), Some(80))));
        assert_eq!(read("[::1]"), Some(("[::1]".to_owned(), None)));
        assert_eq!(read(""), None);
    }
}
