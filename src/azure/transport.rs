//! What carries requests: the network, or a handler in this process.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use azure_core::error::ErrorKind;
use azure_core::http::headers::{HeaderName, HeaderValue, Headers};
use azure_core::http::{AsyncRawResponse, Body, HttpClient, Request, StatusCode, new_http_client};
use bytes::Bytes;
use futures::future::{BoxFuture, Either, select};

use super::exchange::method_name;
use crate::support::clock::SharedClock;

/// Until something has answered, no longer than this is waited for an answer's headers: an address that swallows
/// packets is to be told within seconds.
const FIRST_ANSWER: Duration = Duration::from_secs(10);

/// The network by `azure_core`'s own client (reqwest, rustls): honours `HTTPS_PROXY`, `NO_PROXY` and `SSL_CERT_FILE`,
/// unpacks gzip and deflate, follows no redirect.
#[derive(Debug)]
pub struct Network {
    client: Arc<dyn HttpClient>,
    clock: SharedClock,
    contacted: Arc<AtomicBool>,
}

impl Network {
    /// `contacted` turns true with the first answer.
    #[must_use]
    pub fn new(clock: SharedClock, contacted: Arc<AtomicBool>) -> Self {
        Self { client: new_http_client(None), clock, contacted }
    }
}

#[async_trait]
impl HttpClient for Network {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        if self.contacted.load(Ordering::Relaxed) {
            return self.client.execute_request(request).await;
        }
        match select(self.client.execute_request(request), self.clock.sleep(FIRST_ANSWER)).await {
            Either::Left((result, _)) => result,
            Either::Right(((), _)) => {
                let host = request.url().host_str().unwrap_or_default();
                Err(azure_core::Error::with_message(ErrorKind::Io, format!("`{host}` did not answer within {} s", FIRST_ANSWER.as_secs())))
            }
        }
    }
}

/// Among an answer's extensions: it never reached the client, which sees a broken connection.
#[derive(Debug, Clone, Copy)]
pub struct Lost;

/// Answers one request.
pub type Handler = dyn Fn(http::Request<Bytes>) -> BoxFuture<'static, http::Response<Bytes>> + Send + Sync;

/// A handler in this process instead of the network: no socket, and true to paused time.
#[derive(Clone)]
pub struct InProcess(Arc<Handler>);

impl InProcess {
    /// Sends every request to `handler`.
    pub fn new<F>(handler: impl Fn(http::Request<Bytes>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = http::Response<Bytes>> + Send + 'static,
    {
        Self(Arc::new(move |request| Box::pin(handler(request))))
    }
}

impl fmt::Debug for InProcess {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("InProcess")
    }
}

#[async_trait]
impl HttpClient for InProcess {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let response = (self.0)(into_http(request)?).await;
        let (parts, body) = response.into_parts();
        if parts.extensions.get::<Lost>().is_some() {
            return Err(azure_core::Error::with_message(ErrorKind::Io, "the connection was closed before an answer came"));
        }
        let mut headers = Headers::new();
        for (name, value) in &parts.headers {
            if let Ok(value) = value.to_str() {
                headers.insert(HeaderName::from(name.as_str().to_owned()), HeaderValue::from(value.to_owned()));
            }
        }
        Ok(AsyncRawResponse::from_bytes(StatusCode::from(parts.status.as_u16()), headers, body))
    }
}

fn into_http(request: &Request) -> azure_core::Result<http::Request<Bytes>> {
    let invalid = |error: http::Error| azure_core::Error::with_error(ErrorKind::DataConversion, error, "the request is no HTTP request");
    let body = match request.body() {
        Body::Bytes(bytes) => bytes.clone(),
        Body::SeekableStream(_) => {
            return Err(azure_core::Error::with_message(ErrorKind::Other, "a streamed body is not supported in this process"));
        }
    };
    let mut builder = http::Request::builder().method(method_name(&request.method())).uri(request.url().as_str());
    for (name, value) in request.headers().iter() {
        builder = builder.header(name.as_str(), value.as_str());
    }
    builder.body(body).map_err(invalid)
}
