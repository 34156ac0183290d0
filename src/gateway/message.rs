//! Requests and responses as policies see and change them.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

use bytes::Bytes;
use http::uri::PathAndQuery;
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
    pub path: UrlText,
    /// Query without `?`, encoded.
    pub query: Option<UrlText>,
}

/// A path or a query: a part of the request line as it came, as long as nobody changes it, and then shared with it.
#[derive(Clone)]
pub struct UrlText(Text);

#[derive(Clone)]
enum Text {
    Of(PathAndQuery, Range<usize>),
    Own(String),
}

impl UrlText {
    /// Path and query of a request's target.
    #[must_use]
    pub fn of(target: &PathAndQuery) -> (Self, Option<Self>) {
        let path = target.path().len();
        let query = target.query().map(|query| Self(Text::Of(target.clone(), path + 1..path + 1 + query.len())));
        (Self(Text::Of(target.clone(), 0..path)), query)
    }

    /// The part of it from `start` on.
    #[must_use]
    pub fn from(&self, start: usize) -> Self {
        match &self.0 {
            Text::Of(target, range) => Self(Text::Of(target.clone(), (range.start + start).min(range.end)..range.end)),
            Text::Own(text) => text.get(start..).unwrap_or_default().to_owned().into(),
        }
    }
}

impl Deref for UrlText {
    type Target = str;

    fn deref(&self) -> &str {
        match &self.0 {
            Text::Of(target, range) => target.as_str().get(range.clone()).unwrap_or_default(),
            Text::Own(text) => text,
        }
    }
}

impl From<String> for UrlText {
    fn from(text: String) -> Self {
        Self(Text::Own(text))
    }
}

impl Default for UrlText {
    fn default() -> Self {
        String::new().into()
    }
}

impl fmt::Debug for UrlText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, formatter)
    }
}

impl fmt::Display for UrlText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self)
    }
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
