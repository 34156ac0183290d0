//! Requests to the gateway as clients send them, over the network, local or live: one code path.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use azure_core::http::headers::{HeaderName, HeaderValue};
use azure_core::http::{HttpClient, Method, Request as CoreRequest, Url, new_http_client};
use futures::StreamExt as _;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::scenario::answer::Piece;
use crate::scenario::{Answer, Request};
use crate::support::clock::SharedClock;
use crate::support::secret::Secret;

/// Longer than a model takes for the few tokens that checks ask for.
const TIMEOUT: Duration = Duration::from_secs(120);
/// More than any answer to a check: a stream that never ends must.
const LARGEST: usize = 4 << 20;

/// No answer came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no answer from `{host}`: {reason}")]
pub struct Unanswered {
    /// The gateway's host.
    pub host: String,
    /// Why, with all causes.
    pub reason: String,
}

/// The gateway's address and a client for it. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Gateway {
    http: Arc<dyn HttpClient>,
    base: Url,
    clock: SharedClock,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Gateway").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

impl Gateway {
    /// The gateway at `base`, over the network: honours `SSL_CERT_FILE`, `HTTPS_PROXY` and `NO_PROXY` as the ARM client does.
    #[must_use]
    pub fn new(base: Url, clock: SharedClock) -> Self {
        Self { http: new_http_client(None), base, clock }
    }

    /// Its address without a slash at the end.
    #[must_use]
    pub fn address(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Time.
    #[must_use]
    pub fn clock(&self) -> &SharedClock {
        &self.clock
    }

    /// Sends one request and reads the answer to its end. `key`: of the subscription that the request names, if it names one.
    ///
    /// # Errors
    /// There was no answer, or not within two minutes.
    pub async fn ask(&self, request: &Request, key: Option<&Secret<String>>) -> Result<Answer, Unanswered> {
        tokio::select! {
            answer = self.exchange(request, key) => answer,
            () = self.clock.sleep(TIMEOUT) => Err(self.unanswered(format!("it took longer than {} s", TIMEOUT.as_secs()))),
        }
    }

    fn unanswered(&self, reason: String) -> Unanswered {
        Unanswered { host: self.base.host_str().unwrap_or_default().to_owned(), reason }
    }

    fn request(&self, request: &Request, key: Option<&Secret<String>>) -> Result<CoreRequest, Unanswered> {
        let impossible = |what: &dyn fmt::Display| self.unanswered(format!("the request cannot be made: {what}"));
        let request = request.to_http(self.address(), key).map_err(|error| impossible(&error))?;
        let (parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string()).map_err(|error| impossible(&error))?;
        let method = match parts.method.as_str() {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "PATCH" => Method::Patch,
            "DELETE" => Method::Delete,
            other => return Err(impossible(&format!("the method {other} is not among those that are sent here"))),
        };
        let mut sent = CoreRequest::new(url, method);
        for (name, value) in &parts.headers {
            let value = value.to_str().map_err(|error| impossible(&error))?;
            sent.insert_header(HeaderName::from(name.as_str().to_owned()), HeaderValue::from(value.to_owned()));
        }
        sent.set_body(body);
        Ok(sent)
    }

    async fn exchange(&self, request: &Request, key: Option<&Secret<String>>) -> Result<Answer, Unanswered> {
        let request = self.request(request, key)?;
        let started = self.clock.now();
        let since = || self.clock.now().saturating_duration_since(started);
        let response = self.http.execute_request(&request).await.map_err(|error| self.unanswered(chain(&error)))?;
        let head_after = since();
        let (status, sent_headers, mut stream) = response.deconstruct();
        let mut headers = HeaderMap::new();
        for (name, value) in sent_headers.iter() {
            if let (Ok(name), Ok(value)) = (http::HeaderName::try_from(name.as_str()), http::HeaderValue::try_from(value.as_str())) {
                headers.append(name, value);
            }
        }
        let (mut pieces, mut cut, mut length) = (Vec::new(), None, 0);
        while let Some(part) = stream.next().await {
            match part {
                Ok(bytes) => {
                    length += bytes.len();
                    pieces.push(Piece { after: since(), bytes });
                    if length > LARGEST {
                        cut = Some("it is longer than any answer to a check should be".to_owned());
                        break;
                    }
                }
                // What has come tells more than the fact that the rest did not.
                Err(error) => {
                    cut = Some(chain(&error));
                    break;
                }
            }
        }
        let status = StatusCode::from_u16(u16::from(status)).map_err(|error| self.unanswered(error.to_string()))?;
        Ok(Answer { status, reason: None, headers, pieces, cut, head_after, elapsed: since(), inside: None })
    }
}

/// An error with all its causes on one line. The request's URL, which may hold a key, is not among them.
fn chain(error: &azure_core::Error) -> String {
    let mut levels: Vec<String> = Vec::new();
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(level) = next {
        let text = level.to_string();
        // `reqwest` writes `error sending request for url (…)`.
        let text = text.split(" for url (").next().unwrap_or_default().trim().to_owned();
        if !text.is_empty() && !levels.iter().any(|outer| outer.contains(&text)) {
            levels.push(text);
        }
        next = level.source();
    }
    levels.join(": ")
}

/// What checks read out of an answer.
pub(super) trait Told {
    /// A header's value.
    fn header(&self, name: &str) -> Option<&str>;
    /// The body as JSON; `Null` if it is none.
    fn json(&self) -> Value;
    /// The region that the answering account says it stands in, without blanks and in lower case.
    fn region(&self) -> Option<String>;
    /// The error's text, for people.
    fn message(&self) -> String;
    /// `error.code` of an answer that comes from a model's account.
    fn model_error(&self) -> Option<String>;
    /// Whether the gateway itself made this error: its bodies carry `statusCode`, those of accounts `error`.
    fn is_of_gateway(&self) -> bool;
    /// Status as a number.
    fn code(&self) -> u16;
}

impl Told for Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body()).unwrap_or(Value::Null)
    }

    fn region(&self) -> Option<String> {
        self.header("x-ms-region").map(plain_region)
    }

    fn message(&self) -> String {
        let body = self.json();
        let text = ["/message", "/error/message"].iter().find_map(|pointer| body.pointer(pointer)?.as_str());
        match text {
            Some(text) => shortened(text),
            None => match self.text() {
                text if text.trim().is_empty() => "an empty body".to_owned(),
                text => shortened(&text),
            },
        }
    }

    fn model_error(&self) -> Option<String> {
        let body = self.json();
        let code = body.pointer("/error/code")?;
        Some(code.as_str().map_or_else(|| code.to_string(), str::to_owned))
    }

    fn is_of_gateway(&self) -> bool {
        self.json().get("statusCode").is_some()
    }

    fn code(&self) -> u16 {
        self.status.as_u16()
    }
}

/// A region's name as `location` has it.
pub(super) fn plain_region(text: &str) -> String {
    text.chars().filter(|character| !character.is_whitespace()).collect::<String>().to_ascii_lowercase()
}

fn shortened(text: &str) -> String {
    const LONGEST: usize = 240;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}
