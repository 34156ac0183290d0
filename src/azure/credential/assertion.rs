//! Client assertions: how an application proves itself without a secret.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use azure_core::Bytes;
use azure_core::error::ErrorKind;
use azure_core::http::headers::HeaderName;
use azure_core::http::{ClientMethodOptions, ClientOptions, Context, Method, Pipeline, Request, Url};
use azure_identity::ClientAssertion;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Map, Value, json};

use crate::support::clock::SharedClock;
use crate::support::jwt::{Algorithm, SigningKey, sha256_base64url};
use crate::support::random::SharedRandom;
use crate::support::secret::Secret;

/// Entra accepts ten minutes and recommends five to ten.
const LIFETIME_SECONDS: i64 = 600;

fn failed(message: impl Into<String>) -> azure_core::Error {
    azure_core::Error::with_message(ErrorKind::Credential, message.into())
}

/// An application's certificate with its private key.
pub(super) struct Certificate {
    key: SigningKey,
    chain: Vec<CertificateDer<'static>>,
    send_chain: bool,
}

impl Certificate {
    /// Reads a PEM file that holds key and certificate (the leaf first).
    ///
    /// # Errors
    /// In words: what is not supported is named.
    pub(super) fn read(path: &str, password: Option<&str>, send_chain: bool) -> Result<Self, String> {
        let bytes = std::fs::read(path).map_err(|error| format!("`{path}`: {error}"))?;
        let Ok(text) = String::from_utf8(bytes) else {
            return Err(format!(
                "`{path}` is not PEM; PKCS#12 is not supported, convert it: openssl pkcs12 -in {path} -nodes -out certificate.pem"
            ));
        };
        if password.is_some() || text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
            return Err(format!(
                "the key of `{path}` is encrypted, which is not supported; decrypt it: openssl pkey -in {path} -out key.pem"
            ));
        }
        let key = SigningKey::from_pem(&text).map_err(|error| format!("`{path}`: {error}"))?;
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
        let chain = chain.map_err(|error| format!("`{path}`: {error}"))?;
        if chain.is_empty() {
            return Err(format!("`{path}` holds no certificate"));
        }
        Ok(Self { key, chain, send_chain })
    }
}

/// Where an assertion comes from.
pub(super) enum Origin {
    /// A file that is replaced from time to time (workload identity).
    File(String),
    /// Signed here.
    Certificate(Box<Certificate>),
    /// GitHub Actions: GET with the request token; `value` is the assertion.
    GitHub { url: Url, token: Secret<String> },
    /// Azure Pipelines: POST with the job's token; `oidcToken` is the assertion.
    Pipelines { url: Url, token: Secret<String> },
}

/// Makes an assertion each time that a token is needed.
pub(super) struct Assertion {
    pub(super) origin: Origin,
    /// The token endpoint: audience of a signed assertion.
    pub(super) endpoint: String,
    pub(super) client_id: String,
    pub(super) clock: SharedClock,
    pub(super) random: SharedRandom,
    pub(super) http: ClientOptions,
}

impl fmt::Debug for Assertion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Assertion").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

#[async_trait]
impl ClientAssertion for Assertion {
    async fn secret(&self, _options: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        match &self.origin {
            Origin::File(path) => {
                let text = tokio::fs::read_to_string(path).await.map_err(|error| failed(format!("`{path}`: {error}")))?;
                Ok(text.trim().to_owned())
            }
            Origin::Certificate(certificate) => self.sign(certificate).map_err(failed),
            Origin::GitHub { url, token } => self.fetch(Method::Get, url, token, "value").await,
            Origin::Pipelines { url, token } => self.fetch(Method::Post, url, token, "oidcToken").await,
        }
    }
}

impl Assertion {
    /// As Microsoft's "certificate credentials" page asks: PS256, `x5t#S256`, and the chain when the application is
    /// registered by subject name and issuer.
    fn sign(&self, certificate: &Certificate) -> Result<String, String> {
        let now = self.clock.utc().unix_timestamp();
        let claims = json!({
            "aud": self.endpoint, "iss": self.client_id, "sub": self.client_id,
            "jti": self.random.uuid().to_string(),
            "nbf": now, "iat": now, "exp": now + LIFETIME_SECONDS,
        });
        let mut header = Map::new();
        if let Some(leaf) = certificate.chain.first() {
            header.insert("x5t#S256".to_owned(), json!(sha256_base64url(leaf)));
        }
        if certificate.send_chain {
            let chain: Vec<String> = certificate.chain.iter().map(|der| STANDARD.encode(der)).collect();
            header.insert("x5c".to_owned(), json!(chain));
        }
        certificate.key.sign(Algorithm::Ps256, header, &claims).map_err(|error| error.to_string())
    }

    async fn fetch(&self, method: Method, url: &Url, token: &Secret<String>, field: &str) -> azure_core::Result<String> {
        let mut request = Request::new(url.clone(), method);
        request.insert_header(HeaderName::from_static("authorization"), format!("Bearer {}", token.expose()));
        request.insert_header(HeaderName::from_static("accept"), "application/json");
        if method == Method::Post {
            // Azure DevOps answers an expired token with a redirect to a sign-in page unless told not to.
            request.insert_header(HeaderName::from_static("x-tfs-fedauthredirect"), "Suppress");
            request.insert_header(HeaderName::from_static("content-type"), "application/json");
            request.set_body(Bytes::new());
        }
        let pipeline =
            Pipeline::new(option_env!("CARGO_PKG_NAME"), option_env!("CARGO_PKG_VERSION"), self.http.clone(), Vec::new(), Vec::new(), None);
        let response = Box::pin(pipeline.send(&Context::new(), &mut request, None)).await?;
        let body: Value = serde_json::from_slice(response.into_body().as_ref())?;
        let host = url.host_str().unwrap_or_default();
        body.get(field).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| failed(format!("`{host}` answered without `{field}`")))
    }
}

/// A credential around it.
pub(super) fn credential(
    tenant: &str,
    assertion: Assertion,
) -> azure_core::Result<Arc<azure_identity::ClientAssertionCredential<Assertion>>> {
    let options = azure_identity::ClientAssertionCredentialOptions { client_options: assertion.http.clone() };
    let client_id = assertion.client_id.clone();
    azure_identity::ClientAssertionCredential::new(tenant.to_owned(), client_id, assertion, Some(options))
}
