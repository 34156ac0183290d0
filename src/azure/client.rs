//! Requests to ARM.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use azure_core::credentials::TokenCredential;
use azure_core::http::policies::auth::BearerTokenAuthorizationPolicy;
use azure_core::http::{HttpClient, Method, Pipeline, RetryOptions, Transport, Url, UserAgentOptions};
use bytes::Bytes;
use serde_json::Value;
use tokio::time::Instant;

use super::cloud::Cloud;
use super::error::{AzureError, codes};
use super::exchange::{Answer, Call};
use super::observer::{Observer, Unobserved};
use super::pace::Pace;
use super::retry::Cause;
use super::transport::Network;
use crate::arm::async_operation::AsyncOperation;
use crate::arm::{CloudError, ResourceId};
use crate::support::clock::{Clock, SharedClock};
use crate::support::random::{SharedRandom, SystemRandom};

/// One answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Entity tag with its quotes.
    pub etag: Option<String>,
    /// Body; `Null` when it was empty.
    pub body: Value,
}

impl Reply {
    pub(super) fn of(answer: &Answer) -> Self {
        Self { status: answer.status, etag: answer.etag(), body: answer.body.clone() }
    }
}

/// Which state of the resource a write is meant for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// No header.
    None,
    /// `If-Match: *`.
    Any,
    /// `If-Match: {etag}`; 412 when it has changed since.
    Match(String),
    /// `If-None-Match: *`: only create.
    Absent,
}

/// What a write came to.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// It is done.
    Done(Reply),
    /// ARM goes on working; the first answer may already carry the body (a service's `identity.principalId`).
    Running(AsyncOperation, Reply),
}

/// What a client is made of.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// Endpoints.
    pub cloud: Cloud,
    /// Who asks.
    pub credential: Arc<dyn TokenCredential>,
    /// `None`: the real network.
    pub transport: Option<Arc<dyn HttpClient>>,
    /// Time.
    pub clock: SharedClock,
    /// Jitter and the correlation id.
    pub random: SharedRandom,
    /// Told of each request, repetition and throttling.
    pub observer: Arc<dyn Observer>,
}

impl ClientOptions {
    /// The real network, the system's randomness, nobody watching.
    #[must_use]
    pub fn new(cloud: Cloud, credential: Arc<dyn TokenCredential>, clock: SharedClock) -> Self {
        Self { cloud, credential, transport: None, clock, random: Arc::new(SystemRandom), observer: Arc::new(Unobserved) }
    }
}

pub(super) struct Inner {
    cloud: Cloud,
    clock: SharedClock,
    pub(super) random: SharedRandom,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) pipeline: Pipeline,
    pub(super) correlation_id: String,
    /// Whether anything has answered yet.
    pub(super) contacted: Arc<AtomicBool>,
    pub(super) pace: Pace,
    /// When a resource was last written by this client, for reads that come too early.
    written: Mutex<HashMap<ResourceId, Instant>>,
}

/// A client for one cloud and login. Cheap to clone; clones share tokens, allowances and the correlation id.
#[derive(Clone)]
pub struct ArmClient {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for ArmClient {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ArmClient").field("resource_manager", &self.inner.cloud.resource_manager.as_str()).finish_non_exhaustive()
    }
}

/// Pages of one list. ARM's pages hold at least tens of items: this is a service that never ends.
const MOST_PAGES: usize = 10_000;
/// How long `post` waits for an action that ARM only accepts.
const ACTION_DEADLINE: Duration = Duration::from_secs(600);

impl ArmClient {
    /// A client. Nothing is sent before the first request.
    #[must_use]
    pub fn new(options: ClientOptions) -> Self {
        let contacted = Arc::new(AtomicBool::new(false));
        let transport = options.transport.unwrap_or_else(|| Arc::new(Network::new(options.clock.clone(), contacted.clone())));
        let authorization = BearerTokenAuthorizationPolicy::new(options.credential, [options.cloud.scope()]);
        // The stock retry policy knows neither our clock nor ARM's 409s: `exchange` repeats instead.
        let pipeline_options = azure_core::http::ClientOptions {
            retry: RetryOptions::none(),
            transport: Some(Transport::new(transport)),
            user_agent: UserAgentOptions { application_id: Some("apimctl".to_owned()) },
            ..azure_core::http::ClientOptions::default()
        };
        let (name, version) = (option_env!("CARGO_PKG_NAME"), option_env!("CARGO_PKG_VERSION"));
        let pipeline = Pipeline::new(name, version, pipeline_options, Vec::new(), vec![Arc::new(authorization)], None);
        Self {
            inner: Arc::new(Inner {
                correlation_id: options.random.uuid().to_string(),
                cloud: options.cloud,
                clock: options.clock,
                random: options.random,
                observer: options.observer,
                pipeline,
                contacted,
                pace: Pace::default(),
                written: Mutex::default(),
            }),
        }
    }

    pub(super) fn inner(&self) -> &Inner {
        &self.inner
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        self.inner.clock.as_ref()
    }

    /// The cloud that this client talks to.
    #[must_use]
    pub fn cloud(&self) -> &Cloud {
        &self.inner.cloud
    }

    /// The `x-ms-correlation-request-id` that goes with every request of this client.
    #[must_use]
    pub fn correlation_id(&self) -> &str {
        &self.inner.correlation_id
    }

    /// GET; `None` on 404. `path` is a resource id, or an absolute URL of this cloud's ARM.
    ///
    /// # Errors
    /// Any other failure; also a 404 that is not about the resource (`SubscriptionNotFound`, a type that is not there,
    /// a page of something that is not ARM).
    pub async fn get(&self, path: &str, api_version: &str, query: &[(&str, &str)]) -> Result<Option<Reply>, AzureError> {
        self.read(Method::Get, path, api_version, query).await
    }

    /// GET with `format`, as policies want it (`rawxml`).
    ///
    /// # Errors
    /// As [`ArmClient::get`].
    pub async fn get_with_format(&self, path: &str, api_version: &str, format: &str) -> Result<Option<Reply>, AzureError> {
        self.get(path, api_version, &[("format", format)]).await
    }

    /// HEAD: the status and entity tag without the body; `None` on 404.
    ///
    /// # Errors
    /// As [`ArmClient::get`].
    pub async fn head(&self, path: &str, api_version: &str) -> Result<Option<Reply>, AzureError> {
        self.read(Method::Head, path, api_version, &[]).await
    }

    async fn read(&self, method: Method, path: &str, api_version: &str, query: &[(&str, &str)]) -> Result<Option<Reply>, AzureError> {
        let url = self.url(path, api_version, query)?;
        let call = Call { method, ..Call::get(url, ResourceId::parse(path).ok()) };
        let answer = self.exchange(&call).await?;
        match answer.status {
            404 if is_about_the_resource(&answer) => Ok(None),
            _ if answer.is_success() => Ok(Some(Reply::of(&answer))),
            _ => Err(self.refused(&call, &answer)),
        }
    }

    /// GET of a collection, all pages. An absent parent (404) is an error.
    ///
    /// # Errors
    /// Any failure, a page of another host included: the token must not go there.
    pub async fn list(&self, path: &str, api_version: &str, query: &[(&str, &str)]) -> Result<Vec<Value>, AzureError> {
        let parent = path.rsplit_once('/').and_then(|(parent, _)| ResourceId::parse(parent).ok());
        let mut call = Call::get(self.url(path, api_version, query)?, parent);
        let mut items = Vec::new();
        let mut seen = HashSet::new();
        loop {
            let mut page = self.succeed(&call).await?.body;
            let unexpected =
                |message: String| Err(self.own_error(&Method::Get, call.url.path(), CloudError::new(codes::UNEXPECTED_ANSWER, message)));
            match page.get_mut("value").map(Value::take) {
                Some(Value::Array(mut values)) => items.append(&mut values),
                _ => return unexpected("the page of a list has no `value` array".to_owned()),
            }
            let Some(next) = page.get("nextLink").and_then(Value::as_str).filter(|next| !next.is_empty()) else { return Ok(items) };
            let Some(url) = self.own_url(next) else {
                return unexpected(format!("the next page is at another host than ARM's, and is not followed: {}", host_of(next)));
            };
            if !seen.insert(next.to_owned()) || seen.len() > MOST_PAGES {
                return unexpected("the pages of a list never end".to_owned());
            }
            call = Call::get(url, call.target);
        }
    }

    /// PUT; a `Null` body is sent as no body (product and group links). Does not wait for a long-running operation: see
    /// [`ArmClient::wait`].
    ///
    /// # Errors
    /// ARM refused, or could not be reached; the resource was left in state `Failed`.
    pub async fn put(&self, id: &ResourceId, api_version: &str, body: &Value, precondition: Precondition) -> Result<Outcome, AzureError> {
        self.write(Method::Put, id, api_version, body, precondition).await
    }

    /// PATCH (merge patch).
    ///
    /// # Errors
    /// As [`ArmClient::put`].
    pub async fn patch(&self, id: &ResourceId, api_version: &str, body: &Value, precondition: Precondition) -> Result<Outcome, AzureError> {
        self.write(Method::Patch, id, api_version, body, precondition).await
    }

    async fn write(
        &self,
        method: Method,
        id: &ResourceId,
        api_version: &str,
        body: &Value,
        precondition: Precondition,
    ) -> Result<Outcome, AzureError> {
        let url = self.url(id.as_str(), api_version, &[])?;
        let body = self.body(&method, id.as_str(), Some(body))?;
        let call = Call { method, url, body, precondition, target: Some(id.clone()) };
        let answer = self.succeed(&call).await?;
        self.note_write(id);
        self.outcome(&call, id, api_version, &answer)
    }

    /// DELETE; an absent resource is `Done` with status 204 or 404.
    ///
    /// # Errors
    /// ARM refused, or could not be reached.
    pub async fn delete(
        &self,
        id: &ResourceId,
        api_version: &str,
        query: &[(&str, &str)],
        precondition: Precondition,
    ) -> Result<Outcome, AzureError> {
        let url = self.url(id.as_str(), api_version, query)?;
        let call = Call { method: Method::Delete, url, body: None, precondition, target: Some(id.clone()) };
        let answer = self.exchange(&call).await?;
        if answer.status == 404 && is_about_the_resource(&answer) {
            self.forget(id);
            return Ok(Outcome::Done(Reply::of(&answer)));
        }
        if !answer.is_success() {
            return Err(self.refused(&call, &answer));
        }
        self.forget(id);
        self.outcome(&call, id, api_version, &answer)
    }

    /// POST of an action (`…/listSecrets`). Waits when ARM only accepts it (`refreshSecret`), at most ten minutes.
    ///
    /// # Errors
    /// ARM refused, or could not be reached.
    pub async fn post(&self, path: &str, api_version: &str, body: Option<&Value>) -> Result<Reply, AzureError> {
        let url = self.url(path, api_version, &[])?;
        let resource = path.rsplit_once('/').and_then(|(parent, _)| ResourceId::parse(parent).ok());
        let body = self.body(&Method::Post, path, body)?;
        let call = Call { method: Method::Post, url, body, precondition: Precondition::None, target: resource.clone() };
        let answer = self.succeed(&call).await?;
        let Some(resource) = resource else { return Ok(Reply::of(&answer)) };
        match self.outcome(&call, &resource, api_version, &answer)? {
            Outcome::Done(reply) => Ok(reply),
            Outcome::Running(operation, _) => Box::pin(self.wait(&operation, ACTION_DEADLINE, &|_| {})).await,
        }
    }

    fn body(&self, method: &Method, path: &str, body: Option<&Value>) -> Result<Option<Bytes>, AzureError> {
        let Some(body) = body.filter(|body| !body.is_null()) else { return Ok(None) };
        let bytes = serde_json::to_vec(body);
        bytes.map(|bytes| Some(bytes.into())).map_err(|error| {
            self.own_error(method, path, CloudError::new(codes::INVALID_REQUEST, format!("the body cannot be written as JSON: {error}")))
        })
    }

    /// The URL of a path below ARM, or the absolute URL itself when it is ARM's.
    pub(super) fn url(&self, path: &str, api_version: &str, query: &[(&str, &str)]) -> Result<Url, AzureError> {
        let refuse = |message: &str| Err(self.own_error(&Method::Get, path, CloudError::new(codes::INVALID_REQUEST, message)));
        if path.starts_with("https://") || path.starts_with("http://") {
            let Some(url) = self.own_url(path) else { return refuse("the URL is not of this cloud's ARM, so the token is not sent there") };
            return Ok(url);
        }
        // The URL parser would resolve them, and a name must never lead to another resource.
        if path.split('/').any(|segment| matches!(segment.to_ascii_lowercase().as_str(), "." | ".." | "%2e" | "%2e%2e" | ".%2e" | "%2e.")) {
            return refuse("the path has a `.` or `..` segment");
        }
        let mut url = self.inner.cloud.resource_manager.clone();
        let path = format!("{}/{}", url.path().trim_end_matches('/'), path.trim_start_matches('/'));
        url.set_path(&path);
        {
            let mut pairs = url.query_pairs_mut();
            pairs.clear().append_pair("api-version", api_version);
            for (name, value) in query {
                pairs.append_pair(name, value);
            }
        }
        Ok(url)
    }

    /// Parses an absolute URL; `None` unless it is of ARM's own origin. The bearer token goes nowhere else.
    pub(super) fn own_url(&self, text: &str) -> Option<Url> {
        let url = Url::parse(text).ok()?;
        (url.origin() == self.inner.cloud.resource_manager.origin() && url.username().is_empty() && url.password().is_none()).then_some(url)
    }

    pub(super) fn note_write(&self, id: &ResourceId) {
        const PRUNE_EVERY: usize = 256;
        let now = self.clock().now();
        let mut written = self.inner.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.len() % PRUNE_EVERY == PRUNE_EVERY - 1 {
            written.retain(|_, at| is_recent(now, *at));
        }
        written.insert(id.clone(), now);
    }

    pub(super) fn forget(&self, id: &ResourceId) {
        let mut written = self.inner.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.retain(|other, _| other != id && !other.is_below(id));
    }

    /// Whether a 404 to `call` may come too early. A read is excused by a write of the very resource, a write also by a
    /// write of what it lies in.
    pub(super) fn written_lately(&self, call: &Call) -> bool {
        let Some(target) = &call.target else { return false };
        let now = self.clock().now();
        let written = self.inner.written.lock().unwrap_or_else(PoisonError::into_inner);
        let lately = |id: &ResourceId| written.get(id).is_some_and(|at| is_recent(now, *at));
        let is_write = matches!(call.method, Method::Put | Method::Patch);
        lately(target) || (is_write && std::iter::successors(target.parent(), ResourceId::parent).any(|ancestor| lately(&ancestor)))
    }
}

fn is_recent(now: Instant, at: Instant) -> bool {
    now.saturating_duration_since(at) < Cause::NotYetVisible.rule().budget
}

/// Whether a 404 says that the resource (or its group) is not there, and not that the question makes no sense.
fn is_about_the_resource(answer: &Answer) -> bool {
    const OTHER: [&str; 5] =
        ["SubscriptionNotFound", "InvalidResourceType", "InvalidResourceNamespace", "TenantNotFound", codes::UNEXPECTED_ANSWER];
    let code = answer.error().code;
    // A HEAD has no body to say why.
    answer.is_empty() || !OTHER.iter().any(|other| code.eq_ignore_ascii_case(other))
}

fn host_of(url: &str) -> String {
    Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_else(|| "no valid URL".to_owned())
}

#[cfg(test)]
mod tests;
