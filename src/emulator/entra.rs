//! Entra's and ARM's unauthenticated endpoints, as far as clients need them to log in: discovery documents, keys, tokens
//! by client credentials, and the list of endpoints.
//!
//! Which documents az and the SDKs read was seen with Azure CLI 2.91 and the Python and JavaScript SDKs; the shapes of
//! `/metadata/endpoints` are those of public Azure (an object of its own for 2015-01-01, a list of clouds until 2021, one
//! cloud since 2022-01-01).

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use serde_json::{Value, json};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::identity::{Clients, EntraError, Issuer, Proof, Version};
use crate::support::random::SharedRandom;

/// Entra over one issuer.
#[derive(Debug, Clone)]
pub struct Entra {
    issuer: Arc<Issuer>,
    clients: Clients,
    random: SharedRandom,
    /// ARM's base URL, without a trailing slash.
    resource_manager: String,
}

/// What a token request asks for.
struct TokenRequest {
    tenant: String,
    version: Version,
    form: HashMap<String, String>,
    basic: Option<(String, String)>,
}

impl Entra {
    /// Entra whose metadata point at the ARM of `resource_manager`.
    #[must_use]
    pub fn new(issuer: Arc<Issuer>, clients: Clients, random: SharedRandom, resource_manager: &str) -> Self {
        Self { issuer, clients, random, resource_manager: resource_manager.trim_end_matches('/').to_owned() }
    }

    /// The answer, if the path is one of Entra's or the metadata's; everything else is ARM's.
    #[must_use]
    pub fn answer(&self, request: &Request<Bytes>) -> Option<Response<Bytes>> {
        let path = request.uri().path().trim_matches('/').to_ascii_lowercase();
        let segments: Vec<&str> = path.split('/').collect();
        match segments.as_slice() {
            ["metadata", "endpoints"] => Some(json_answer(StatusCode::OK, &self.metadata(&parameter(request, "api-version")))),
            [tenant, "v2.0", ".well-known", "openid-configuration"] => {
                Some(self.document(&self.issuer.configuration(self.tenant(tenant), Version::V2)))
            }
            [tenant, ".well-known", "openid-configuration"] => {
                Some(self.document(&self.issuer.configuration(self.tenant(tenant), Version::V1)))
            }
            [_, "discovery", "v2.0", "keys"] | [_, "discovery", "keys"] => Some(self.document(&self.issuer.jwks())),
            [_, "discovery", "instance"] => Some(self.document(&self.instance(&parameter(request, "authorization_endpoint")))),
            [tenant, "oauth2", "v2.0", "token"] => Some(self.token(request, tenant, Version::V2)),
            [tenant, "oauth2", "token"] => Some(self.token(request, tenant, Version::V1)),
            [_, "oauth2", "v2.0", "authorize" | "devicecode" | "logout"] | [_, "oauth2", "authorize" | "devicecode" | "logout"] => {
                let error = EntraError {
                    error: "unsupported_response_type",
                    code: 700_054,
                    text:
                        "The emulator gives out tokens by client credentials only: nobody can sign in to it by a browser or a device code."
                            .to_owned(),
                    status: 400,
                };
                Some(self.refuse(&error))
            }
            _ => None,
        }
    }

    /// `common` and its like stand for the emulator's own tenant.
    fn tenant<'a>(&'a self, segment: &'a str) -> &'a str {
        if ["common", "organizations", "consumers", "adfs"].contains(&segment) { self.issuer.tenant_id() } else { segment }
    }

    fn document(&self, document: &Value) -> Response<Bytes> {
        json_answer(StatusCode::OK, document)
    }

    fn token(&self, request: &Request<Bytes>, tenant: &str, version: Version) -> Response<Bytes> {
        if request.method() != Method::POST {
            let text = format!("The endpoint only accepts POST, OPTIONS requests. Received a {} request.", request.method());
            return self.refuse(&EntraError { error: "invalid_request", code: 900_561, text, status: 400 });
        }
        let form = url::form_urlencoded::parse(request.body()).map(|(key, value)| (key.into_owned(), value.into_owned())).collect();
        let token_request = TokenRequest { tenant: self.tenant(tenant).to_owned(), version, form, basic: basic(request) };
        match self.issue(token_request) {
            Ok(body) => {
                let mut response = json_answer(StatusCode::OK, &body);
                response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store, no-cache"));
                response
            }
            Err(error) => self.refuse(&error),
        }
    }

    fn issue(&self, request: TokenRequest) -> Result<Value, EntraError> {
        let TokenRequest { tenant, version, form, basic } = request;
        let field = |name: &str| form.get(name).map(String::as_str).filter(|value| !value.is_empty());
        let required = |name: &'static str| field(name).ok_or_else(|| EntraError::missing_parameter(name));
        match required("grant_type")? {
            "client_credentials" => {}
            other => return Err(EntraError::unsupported_grant(other)),
        }
        if matches!(self.clients, Clients::Registered(_)) && tenant != self.issuer.tenant_id() {
            return Err(EntraError::unknown_tenant(&tenant));
        }
        let (basic_id, basic_secret) = basic.unzip();
        let client_id = basic_id.as_deref().map_or_else(|| required("client_id"), Ok)?;
        let proof = match (field("client_secret").map(str::to_owned).or(basic_secret), field("client_assertion")) {
            (Some(secret), _) => Proof::Secret(secret.into()),
            (None, Some(assertion)) => Proof::Assertion(assertion.to_owned().into()),
            (None, None) => Proof::Absent,
        };
        let audience = match version {
            Version::V1 => required("resource")?.to_owned(),
            Version::V2 => audience_of_scope(required("scope")?)?,
        };
        // Resources of Microsoft's own, ARM among them, ask for v1 tokens from either endpoint.
        let format = if version == Version::V2 && audience.starts_with("api://") { Version::V2 } else { Version::V1 };
        let issued = self.clients.token(&self.issuer, &tenant, client_id, &proof, &audience, format)?;
        let seconds = issued.expires_in.as_secs();
        let token = issued.token.expose();
        let now = self.issuer.clock().utc().unix_timestamp();
        let expires_on = now.saturating_add(i64::try_from(seconds).unwrap_or_default());
        Ok(match version {
            Version::V2 => json!({ "token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token }),
            // The old endpoint writes its numbers as text.
            Version::V1 => json!({
                "token_type": "Bearer", "expires_in": seconds.to_string(), "ext_expires_in": seconds.to_string(),
                "expires_on": expires_on.to_string(), "not_before": now.to_string(), "resource": audience, "access_token": token,
            }),
        })
    }

    /// Entra's error body.
    fn refuse(&self, error: &EntraError) -> Response<Bytes> {
        const STAMP: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z");
        let (trace, correlation) = (self.random.uuid(), self.random.uuid());
        let timestamp = self.issuer.clock().utc().format(STAMP).unwrap_or_default();
        let body = json!({
            "error": error.error,
            "error_description": format!("{error} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}"),
            "error_codes": [error.code],
            "timestamp": timestamp,
            "trace_id": trace.to_string(),
            "correlation_id": correlation.to_string(),
            "error_uri": format!("{}/error?code={}", self.issuer.authority(), error.code),
        });
        json_answer(StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST), &body)
    }

    /// What MSAL asks to learn whether an authority is one of Microsoft's.
    fn instance(&self, endpoint: &str) -> Value {
        let authority = self.issuer.authority();
        let host = authority.split("://").nth(1).unwrap_or_default();
        let tenant = url::Url::parse(endpoint).ok().and_then(|url| url.path_segments()?.next().map(str::to_owned));
        let tenant = tenant.filter(|tenant| !tenant.is_empty()).unwrap_or_else(|| "common".to_owned());
        json!({
            "tenant_discovery_endpoint": format!("{authority}/{tenant}/v2.0/.well-known/openid-configuration"),
            "api-version": "1.1",
            "metadata": [{ "preferred_network": host, "preferred_cache": host, "aliases": [host] }],
        })
    }

    fn metadata(&self, api_version: &str) -> Value {
        let (arm, authority) = (&self.resource_manager, self.issuer.authority());
        let authentication = json!({
            "loginEndpoint": authority,
            "audiences": [arm, "https://management.core.windows.net/", "https://management.azure.com/"],
            "tenant": "common",
            "identityProvider": "AAD",
        });
        if api_version == "2015-01-01" {
            return json!({ "galleryEndpoint": arm, "graphEndpoint": arm, "portalEndpoint": arm, "authentication": authentication });
        }
        let cloud = json!({
            "portal": arm, "authentication": authentication, "media": arm, "graphAudience": arm, "graph": arm, "name": "apimctl",
            "suffixes": {
                "azureDataLakeStoreFileSystem": "azuredatalakestore.net", "acrLoginServer": "azurecr.io",
                "sqlServerHostname": "database.windows.net", "azureDataLakeAnalyticsCatalogAndJob": "azuredatalakeanalytics.net",
                "keyVaultDns": "vault.azure.net", "storage": "core.windows.net", "storageSyncEndpointSuffix": "afs.azure.net",
                "mhsmDns": "managedhsm.azure.net", "mysqlServerEndpoint": "mysql.database.azure.com",
                "postgresqlServerEndpoint": "postgres.database.azure.com", "mariadbServerEndpoint": "mariadb.database.azure.com",
                "synapseAnalytics": "dev.azuresynapse.net", "attestationEndpoint": "attest.azure.net",
            },
            "batch": arm, "resourceManager": format!("{arm}/"), "vmImageAliasDoc": arm, "activeDirectoryDataLake": arm,
            "sqlManagement": arm, "microsoftGraphResourceId": arm, "appInsightsResourceId": "https://api.applicationinsights.io",
            "appInsightsTelemetryChannelResourceId": "https://dc.applicationinsights.azure.com/v2/track",
            "attestationResourceId": "https://attest.azure.net", "synapseAnalyticsResourceId": "https://dev.azuresynapse.net",
            "logAnalyticsResourceId": "https://api.loganalytics.io", "ossrDbmsResourceId": "https://ossrdbms-aad.database.windows.net",
            "gallery": arm,
        });
        // Dates in this form sort as text.
        if api_version < "2022-01-01" { json!([cloud]) } else { cloud }
    }
}

/// The audience of `{resource}/.default`, among other words.
fn audience_of_scope(scope: &str) -> Result<String, EntraError> {
    let mut resources = scope.split_whitespace().filter_map(|word| word.strip_suffix("/.default"));
    let resource = resources.next().filter(|resource| !resource.is_empty());
    resource.map(str::to_owned).ok_or_else(|| EntraError::invalid_scope(scope))
}

/// Client id and secret of an `Authorization: Basic` header (RFC 6749 2.3.1: both form-encoded).
fn basic(request: &Request<Bytes>) -> Option<(String, String)> {
    let text = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("basic").then_some(())?;
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    let plain = |text: &str| percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    Some((plain(id), plain(secret)))
}

fn parameter(request: &Request<Bytes>, name: &str) -> String {
    let query = request.uri().query().unwrap_or_default();
    let found = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// A JSON answer.
pub(super) fn json_answer(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests;
