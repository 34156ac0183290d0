//! Requests to ARM.

use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::TokenCredential;
use azure_core::http::HttpClient;
use serde_json::Value;

use super::cloud::Cloud;
use crate::arm::async_operation::AsyncOperation;
use crate::arm::{CloudError, ResourceId};
use crate::support::clock::SharedClock;

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

/// A request that failed for good (after the retries that its kind allows).
#[derive(Debug, Clone, thiserror::Error)]
#[error("{method} {path}: {error_text}", error_text = self.text())]
pub struct AzureError {
    /// Method.
    pub method: &'static str,
    /// Path without query.
    pub path: String,
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// ARM's own error, or one made of the transport's or credential's failure.
    pub error: CloudError,
    /// `x-ms-request-id` and `x-ms-correlation-request-id`.
    pub request_id: Option<String>,
    /// See `request_id`.
    pub correlation_id: Option<String>,
    /// What the user can do, when that is known (`az login --tenant …`).
    pub hint: Option<String>,
}

impl AzureError {
    fn text(&self) -> String {
        format!("{}: {}", self.error.code, self.error.message)
    }

    /// Whether ARM's error code is `code`.
    #[must_use]
    pub fn is(&self, code: &str) -> bool {
        self.error.code.eq_ignore_ascii_case(code)
    }
}

/// What a client is made of.
pub struct ClientOptions {
    /// Endpoints.
    pub cloud: Cloud,
    /// Who asks.
    pub credential: Arc<dyn TokenCredential>,
    /// `None`: the real network.
    pub transport: Option<Arc<dyn HttpClient>>,
    /// Time.
    pub clock: SharedClock,
}

/// A client for one cloud and login. Cheap to clone.
#[derive(Clone)]
pub struct ArmClient {
    _inner: Arc<ClientOptions>,
}

impl ArmClient {
    /// A client.
    #[must_use]
    pub fn new(options: ClientOptions) -> Self {
        Self { _inner: Arc::new(options) }
    }

    /// GET; `None` on 404.
    ///
    /// # Errors
    /// Any other failure.
    pub async fn get(&self, path: &str, api_version: &str, query: &[(&str, &str)]) -> Result<Option<Reply>, AzureError> {
        let _ = (path, api_version, query);
        unimplemented!()
    }

    /// GET of a collection, all pages. An absent parent (404) is an error.
    ///
    /// # Errors
    /// Any failure, a page of another host included.
    pub async fn list(&self, path: &str, api_version: &str, query: &[(&str, &str)]) -> Result<Vec<Value>, AzureError> {
        let _ = (path, api_version, query);
        unimplemented!()
    }

    /// PUT. Does not wait for a long-running operation: see [`ArmClient::wait`].
    ///
    /// # Errors
    /// ARM refused, or could not be reached.
    pub async fn put(&self, id: &ResourceId, api_version: &str, body: &Value, precondition: Precondition) -> Result<Outcome, AzureError> {
        let _ = (id, api_version, body, precondition);
        unimplemented!()
    }

    /// PATCH (merge patch).
    ///
    /// # Errors
    /// ARM refused, or could not be reached.
    pub async fn patch(&self, id: &ResourceId, api_version: &str, body: &Value, precondition: Precondition) -> Result<Outcome, AzureError> {
        let _ = (id, api_version, body, precondition);
        unimplemented!()
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
        let _ = (id, api_version, query, precondition);
        unimplemented!()
    }

    /// POST of an action (`…/listSecrets`).
    ///
    /// # Errors
    /// ARM refused, or could not be reached.
    pub async fn post(&self, path: &str, api_version: &str, body: Option<&Value>) -> Result<Reply, AzureError> {
        let _ = (path, api_version, body);
        unimplemented!()
    }

    /// Waits until an operation has ended, and answers the resource as it is then (`Null` body after a DELETE).
    /// `progress` is told each state that is seen (`Activating`).
    ///
    /// # Errors
    /// The operation failed or was cancelled, or `deadline` passed (the operation goes on at the service).
    pub async fn wait(
        &self,
        operation: &AsyncOperation,
        deadline: Duration,
        progress: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<Reply, AzureError> {
        let _ = (operation, deadline, progress);
        unimplemented!()
    }
}
