//! Backends, circuit breakers and pools.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Properties, shapes};
use crate::support::secret::Secret;

/// A backend: one address (`url` or `openAI`), or a pool of backends.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Backend {
    /// Title.
    #[schemars(length(max = 300))]
    pub title: Option<String>,
    /// What it is for.
    #[schemars(length(max = 2000))]
    pub description: Option<String>,
    /// Address; a request's path after that of the API is appended.
    #[schemars(length(min = 1, max = 2000))]
    pub url: Option<String>,
    /// Name of an account under `openAI:`. Address, managed-identity credentials and role assignment follow from it.
    #[serde(rename = "openAI")]
    pub open_ai: Option<String>,
    /// `http` (default, also for HTTPS addresses) or `soap`.
    #[schemars(extend("enum" = ["http", "soap", null]))]
    pub protocol: Option<String>,
    /// Full id of the Azure resource behind it.
    #[schemars(length(min = 1, max = 2000))]
    pub resource_id: Option<String>,
    /// What the gateway adds to requests.
    pub credentials: Option<BackendCredentials>,
    /// Certificate checks.
    pub tls: Option<BackendTls>,
    /// A proxy between the gateway and this backend.
    pub proxy: Option<Proxy>,
    /// `default`, or `{ rules }`. `default` is one failure (429, 500–599 or a server error) within a minute, tripped for a minute or the backend's `Retry-After`.
    pub circuit_breaker: Option<CircuitBreaker>,
    /// Members, for a pool.
    pub pool: Option<Pool>,
    /// Merged last into ARM's `properties`.
    #[serde(default)]
    pub properties: Properties,
}

/// What the gateway adds to requests. Values may be `{{named-value}}`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BackendCredentials {
    /// Headers.
    #[schemars(with = "Option<IndexMap<String, Vec<String>>>")]
    pub header: Option<IndexMap<String, Vec<Secret<String>>>>,
    /// Query parameters.
    #[schemars(with = "Option<IndexMap<String, Vec<String>>>")]
    pub query: Option<IndexMap<String, Vec<Secret<String>>>>,
    /// `Authorization` header.
    pub authorization: Option<Authorization>,
    /// A token of the service's managed identity.
    pub managed_identity: Option<ManagedIdentityCredential>,
    /// Ids of client certificates of the service.
    pub certificate_ids: Option<Vec<String>>,
    /// Thumbprints of client certificates.
    pub certificate: Option<Vec<String>>,
}

/// `Authorization: {scheme} {parameter}`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Authorization {
    /// Scheme.
    #[schemars(length(min = 1, max = 100))]
    pub scheme: String,
    /// Parameter.
    #[schemars(with = "String", length(min = 1, max = 300))]
    pub parameter: Secret<String>,
}

/// A token of the service's managed identity.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ManagedIdentityCredential {
    /// Audience, for instance `https://cognitiveservices.azure.com`.
    pub resource: String,
    /// Client id of a user-assigned identity; default: the system-assigned one.
    pub client_id: Option<String>,
}

/// A proxy between the gateway and a backend.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Proxy {
    /// Its address.
    #[schemars(length(min = 1, max = 2000))]
    pub url: String,
    /// User name.
    pub username: Option<String>,
    /// Password; may be `{{named-value}}`.
    #[schemars(with = "Option<String>")]
    pub password: Option<Secret<String>>,
}

/// Certificate checks towards the backend.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BackendTls {
    /// Default true.
    pub validate_certificate_chain: Option<bool>,
    /// Default true.
    pub validate_certificate_name: Option<bool>,
}

/// When a backend is left out for a while.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum CircuitBreaker {
    /// `default`.
    Preset(#[schemars(with = "shapes::CircuitBreakerPreset")] String),
    /// Rules; the service accepts one.
    Rules(CircuitBreakerRules),
}

impl CircuitBreaker {
    /// The rules as written; `None` for `default`.
    #[must_use]
    pub fn rules(&self) -> Option<&[CircuitBreakerRule]> {
        match self {
            Self::Preset(_) => None,
            Self::Rules(rules) => Some(&rules.rules),
        }
    }
}

/// Rules of a circuit breaker.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CircuitBreakerRules {
    /// The rules; the service accepts one.
    #[schemars(length(min = 1))]
    pub rules: Vec<CircuitBreakerRule>,
}

/// One rule.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CircuitBreakerRule {
    /// Name; default `default`.
    pub name: Option<String>,
    /// What counts as failing.
    pub failure_condition: FailureCondition,
    /// How long the backend is left out, as an ISO 8601 duration (`PT1M`).
    pub trip_duration: String,
    /// Whether a `Retry-After` of the backend replaces `tripDuration`.
    pub accept_retry_after: Option<bool>,
    /// The answer while the breaker is open, as in ARM (preview).
    pub failure_response: Option<Value>,
}

/// What counts as failing: `count` or `percentage` within `interval`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FailureCondition {
    /// Number of failures.
    #[schemars(range(min = 1))]
    pub count: Option<u32>,
    /// Percentage of failures.
    #[schemars(range(min = 1, max = 100))]
    pub percentage: Option<u32>,
    /// Length of the window, as an ISO 8601 duration.
    pub interval: Option<String>,
    /// Status codes that are failures.
    #[schemars(length(max = 10))]
    pub status_code_ranges: Option<Vec<StatusCodeRange>>,
    /// Errors that are failures, for instance `Server errors`.
    #[schemars(length(max = 10))]
    pub error_reasons: Option<Vec<String>>,
}

/// Status codes from `min` to `max`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusCodeRange {
    /// First code.
    #[schemars(range(min = 200, max = 599))]
    pub min: u16,
    /// Last code.
    #[schemars(range(min = 200, max = 599))]
    pub max: u16,
}

/// A load-balanced pool.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pool {
    /// Members, at most 30.
    #[schemars(length(min = 1, max = 30))]
    pub services: Vec<PoolMember>,
    /// Keeps a client on one member, as in ARM (preview): `{ sessionId: { source: Cookie, name } }`.
    #[schemars(with = "Option<shapes::SessionAffinity>")]
    pub session_affinity: Option<Value>,
    /// The answer when no member is left, as in ARM (preview).
    pub failure_response: Option<Value>,
}

/// A member of a pool.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PoolMember {
    /// Name of a backend of this specification, `/backends/{name}`, or a full id.
    pub id: String,
    /// Share of the requests among members of equal priority, 0 to 100.
    #[schemars(range(max = 100))]
    pub weight: Option<u32>,
    /// Members with the lowest number that are not tripped get all requests, 0 to 100.
    #[schemars(range(max = 100))]
    pub priority: Option<u32>,
}
