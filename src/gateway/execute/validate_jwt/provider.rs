//! Issuers by their discovery documents. "Configuration including the JSON Web Key Set is pulled from the endpoint every 1 hour and cached.
//! If the token being validated references a validation key that is missing in cached configuration, or if retrieval fails, API Management
//! pulls from the endpoint at most once per 5 min." (validate-jwt page)

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use http::header::{ACCEPT, HeaderValue};
use http::{Request, StatusCode};
use serde_json::Value;
use tokio::time::Instant;

use super::keys::{self, Named};
use crate::gateway::backend::target::Security;
use crate::gateway::body::Body;
use crate::gateway::snapshot::BaseUrl;
use crate::gateway::upstream::SendOptions;
use crate::gateway::worker::Worker;

/// How long a configuration is taken as it is.
const FRESH: Duration = Duration::from_secs(60 * 60);
/// The shortest time between two pulls.
const PAUSE: Duration = Duration::from_secs(5 * 60);
/// For the head of each of the two answers (assumed).
const TIMEOUT: Duration = Duration::from_secs(30);
/// A discovery document or key set is not longer (assumed).
const LARGEST: usize = 1024 * 1024;

/// What an issuer publishes.
#[derive(Debug)]
pub struct Configuration {
    /// `issuer`.
    pub(in crate::gateway::execute) issuer: String,
    pub(in crate::gateway::execute) keys: Vec<Named>,
    pulled: Instant,
}

/// One issuer, shared by all policies that name its discovery document.
#[derive(Debug, Default)]
pub struct Provider {
    url: String,
    configuration: ArcSwapOption<Configuration>,
    pulling: tokio::sync::Mutex<()>,
    tried: Mutex<Option<Instant>>,
}

impl Provider {
    /// The issuer whose discovery document is at `url`. Nothing is pulled yet.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self { url: url.to_owned(), ..Self::default() }
    }

    /// What it publishes, pulled if it has to be. `key` is the `kid` that is looked for.
    ///
    /// # Errors
    /// There is no configuration, and the last pull failed; says why or that it is not tried again yet.
    pub(in crate::gateway::execute) async fn configuration(
        &self,
        worker: &Worker,
        key: Option<&str>,
    ) -> Result<Arc<Configuration>, String> {
        let clock = &worker.state.clock;
        let good = |configuration: &Configuration| {
            let known = key.is_none_or(|id| configuration.keys.iter().any(|named| named.id.as_deref() == Some(id)));
            known && clock.now().duration_since(configuration.pulled) < FRESH
        };
        if let Some(configuration) = self.configuration.load_full().filter(|configuration| good(configuration)) {
            return Ok(configuration);
        }
        let _pulling = self.pulling.lock().await;
        let current = self.configuration.load_full();
        if let Some(configuration) = current.as_ref().filter(|configuration| good(configuration)) {
            return Ok(configuration.clone());
        }
        let tried = *self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = if tried.is_some_and(|tried| clock.now().duration_since(tried) < PAUSE) {
            "it is pulled at most once in five minutes".to_owned()
        } else {
            *self.tried.lock().unwrap_or_else(PoisonError::into_inner) = Some(clock.now());
            match self.pull(worker).await {
                Ok(configuration) => {
                    let configuration = Arc::new(configuration);
                    self.configuration.store(Some(configuration.clone()));
                    return Ok(configuration);
                }
                Err(error) => error,
            }
        };
        // What is old is better than nothing.
        current.ok_or_else(|| format!("Unable to obtain configuration from: '{}': {failed}", self.url))
    }

    async fn pull(&self, worker: &Worker) -> Result<Configuration, String> {
        let (configuration, set) = match worker.state.keys_from.published(&self.url) {
            Some(published) => (published.configuration, published.keys),
            None => {
                let configuration = get(worker, &self.url).await?;
                let address = configuration.get("jwks_uri").and_then(Value::as_str).ok_or("it names no `jwks_uri`")?.to_owned();
                let set = get(worker, &address).await?;
                (configuration, set)
            }
        };
        let issuer = configuration.get("issuer").and_then(Value::as_str).ok_or("it names no `issuer`")?.to_owned();
        Ok(Configuration { issuer, keys: keys::of_set(&set), pulled: worker.state.clock.now() })
    }
}

async fn get(worker: &Worker, url: &str) -> Result<Value, String> {
    let parsed = url::Url::parse(url.trim()).map_err(|_| format!("`{url}` is no URL"))?;
    let base = BaseUrl::parse(url).ok_or_else(|| format!("`{url}` is no http or https URL"))?;
    let target = worker.state.targets.get(&base, &Security::default(), &worker.state.tls).map_err(|error| error.to_string())?;
    let mut request = Request::new(Body::empty());
    let path = &parsed[url::Position::BeforePath..url::Position::AfterQuery];
    *request.uri_mut() = path.parse().map_err(|_| format!("`{url}` is no URL"))?;
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
    let options = SendOptions { response_head: TIMEOUT, ..SendOptions::default() };
    let response = worker.upstream.send(&target, request, &options).await.map_err(|error| error.to_string())?;
    if response.status() != StatusCode::OK {
        return Err(format!("`{url}` answered {}", response.status().as_u16()));
    }
    let body = response.into_body().collect(LARGEST).await.map_err(|error| error.to_string())?;
    serde_json::from_slice(&body).map_err(|error| format!("`{url}` answered no JSON: {error}"))
}
