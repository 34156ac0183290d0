//! Requests and responses as policies see and change them.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

use super::body::Body;
use super::snapshot::BaseUrl;

/// A body that passes through, or was read.
#[derive(Debug)]
pub enum MessageBody {
    /// There is none.
    Empty,
    /// Not read yet.
    Stream(Body),
    /// Read, or set by a policy.
    Buffered(Bytes),
    /// Read by an expression without `preserveContent`, or sent: nothing is left (documented: later readers fail, nothing is forwarded).
    Consumed,
}

/// The request on its way to the backend.
#[derive(Debug)]
pub struct RequestMessage {
    /// Method.
    pub method: Method,
    /// `context.Request.Url`.
    pub url: RequestUrl,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: MessageBody,
    /// Whether the caller sent a body: `context.Request.Body` is null otherwise.
    pub had_body: bool,
}

/// Where a request goes: what stands in front, and what policies rewrite.
#[derive(Debug, Clone)]
pub struct RequestUrl {
    /// `serviceUrl` of the API, the url of the chosen backend, or the base URL that a policy set.
    pub base: Arc<BaseUrl>,
    /// Path behind the base, with a slash in front.
    pub path: String,
    /// Query without `?`, encoded.
    pub query: Option<String>,
}

/// A response: of the backend, of a policy, or of `send-request`.
#[derive(Debug)]
pub struct ResponseMessage {
    /// Status.
    pub status: StatusCode,
    /// Reason phrase, if it is not the status's own.
    pub reason: Option<String>,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: MessageBody,
}

impl ResponseMessage {
    /// A response without headers and body.
    #[must_use]
    pub fn new(status: StatusCode) -> Self {
        Self { status, reason: None, headers: HeaderMap::new(), body: MessageBody::Empty }
    }

    /// `context.Response.StatusReason`.
    #[must_use]
    pub fn reason(&self) -> &str {
        self.reason.as_deref().unwrap_or_else(|| self.status.canonical_reason().unwrap_or_default())
    }
}

impl RequestUrl {
    /// `https://host:port/base/path?query`.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = self.base.to_string();
        text.push_str(&self.path);
        if let Some(query) = &self.query {
            text.push('?');
            text.push_str(query);
        }
        text
    }
}

/// The parameters of a query, decoded, in order.
pub fn query_pairs(query: &str) -> impl Iterator<Item = (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)> {
    url::form_urlencoded::parse(query.as_bytes())
}
