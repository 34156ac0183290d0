//! Requests to the gateway as clients send them, over the network, local or live: one code path.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use azure_core::http::headers::{HeaderName, HeaderValue};
use azure_core::http::{HttpClient, Method, Request, Url, new_http_client};
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use serde_json::Value;

use crate::support::clock::SharedClock;
use crate::support::secret::Secret;

/// Longer than a model takes for the few tokens that checks ask for, and no longer than API Management holds a connection.
const TIMEOUT: Duration = Duration::from_secs(120);
/// More than any answer to a check: a stream that never ends must.
const LARGEST: usize = 4 << 20;

/// Where a client puts its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// Nowhere.
    None,
    /// In a header of its own.
    Header(String, Secret<String>),
    /// In the query.
    Query(String, Secret<String>),
    /// `Authorization: Bearer`.
    Bearer(Secret<String>),
}

/// One request.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Method.
    pub method: Method,
    /// Path below the gateway's address.
    pub path: String,
    /// Query, without the key.
    pub query: Vec<(String, String)>,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// Key.
    pub credential: Credential,
    /// Body.
    pub body: Option<Value>,
}

impl Ask {
    /// The same with another key.
    #[must_use]
    pub fn with(&self, credential: Credential) -> Self {
        Self { credential, ..self.clone() }
    }
}

/// A part of a body as it arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Since the request was sent.
    pub at: Duration,
    /// Bytes.
    pub bytes: usize,
}

/// One answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Headers; names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Bytes,
    /// When its parts came.
    pub arrivals: Vec<Arrival>,
    /// From the request to the last byte.
    pub elapsed: Duration,
    /// Whether the body came to its end.
    pub complete: bool,
}

impl Answer {
    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; `Null` if it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// Whether it is a success.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    /// The region that the answering account says it stands in, without blanks and in lower case.
    #[must_use]
    pub fn region(&self) -> Option<String> {
        self.header("x-ms-region").map(plain_region)
    }

    /// `data:` frames of an event stream.
    pub fn frames(&self) -> impl Iterator<Item = &str> {
        std::str::from_utf8(&self.body).unwrap_or_default().lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim)
    }

    /// The error's text, for people: the service's `message` or the model's `error.message`.
    #[must_use]
    pub fn message(&self) -> String {
        let body = self.json();
        let text = ["/message", "/error/message"].iter().find_map(|pointer| body.pointer(pointer)?.as_str());
        match text {
            Some(text) => shortened(text),
            None if self.body.is_empty() => "no body".to_owned(),
            None => shortened(&String::from_utf8_lossy(&self.body)),
        }
    }

    /// `error.code` of an answer that comes from a model's account.
    #[must_use]
    pub fn model_error(&self) -> Option<String> {
        self.json().pointer("/error/code").and_then(Value::as_str).map(str::to_owned)
    }

    /// Whether the gateway itself made this error: its bodies carry `statusCode`, those of accounts `error`.
    #[must_use]
    pub fn is_of_gateway(&self) -> bool {
        self.json().get("statusCode").is_some()
    }
}

/// A region's name as `location` has it.
#[must_use]
pub fn plain_region(text: &str) -> String {
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

    /// Whether this address is on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self.base.host() {
            Some(url::Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }

    /// Sends one request and reads the answer to its end.
    ///
    /// # Errors
    /// There was no answer, or not within two minutes.
    pub async fn ask(&self, ask: &Ask) -> Result<Answer, Unanswered> {
        let exchange = self.exchange(ask);
        tokio::select! {
            answer = exchange => answer,
            () = self.clock.sleep(TIMEOUT) => Err(self.unanswered(format!("it took longer than {} s", TIMEOUT.as_secs()))),
        }
    }

    fn unanswered(&self, reason: String) -> Unanswered {
        Unanswered { host: self.base.host_str().unwrap_or_default().to_owned(), reason }
    }

    fn url(&self, ask: &Ask) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{}", self.base.path().trim_end_matches('/'), ask.path.trim_start_matches('/')));
        url.set_query(None);
        let key = match &ask.credential {
            Credential::Query(name, key) => Some((name.as_str(), key.expose().as_str())),
            _ => None,
        };
        let pairs: Vec<(&str, &str)> = ask.query.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(key).collect();
        if !pairs.is_empty() {
            url.query_pairs_mut().extend_pairs(pairs);
        }
        url
    }

    fn request(&self, ask: &Ask) -> Request {
        let mut request = Request::new(self.url(ask), ask.method);
        let mut header =
            |name: &str, value: &str| request.insert_header(HeaderName::from(name.to_ascii_lowercase()), HeaderValue::from(value.to_owned()));
        match &ask.credential {
            Credential::None | Credential::Query(..) => {}
            Credential::Header(name, key) => header(name, key.expose()),
            Credential::Bearer(key) => header("authorization", &format!("Bearer {}", key.expose())),
        }
        for (name, value) in &ask.headers {
            header(name, value);
        }
        if let Some(body) = &ask.body {
            header("content-type", "application/json");
            request.set_body(Bytes::from(body.to_string()));
        } else if matches!(ask.method, Method::Post | Method::Put | Method::Patch) {
            request.set_body(Bytes::new());
        }
        request
    }

    async fn exchange(&self, ask: &Ask) -> Result<Answer, Unanswered> {
        let request = self.request(ask);
        let started = self.clock.now();
        let since = || self.clock.now().saturating_duration_since(started);
        let response = self.http.execute_request(&request).await.map_err(|error| self.unanswered(chain(&error)))?;
        let (status, headers, mut stream) = response.deconstruct();
        let headers = headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_str().to_owned())).collect();
        let (mut body, mut arrivals, mut complete) = (BytesMut::new(), Vec::new(), true);
        while let Some(part) = stream.next().await {
            match part {
                Ok(part) => {
                    arrivals.push(Arrival { at: since(), bytes: part.len() });
                    body.extend_from_slice(&part);
                    if body.len() > LARGEST {
                        complete = false;
                        break;
                    }
                }
                // What has come tells more than the fact that the rest did not.
                Err(_) => {
                    complete = false;
                    break;
                }
            }
        }
        Ok(Answer { status: u16::from(status), headers, body: body.freeze(), arrivals, elapsed: since(), complete })
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
