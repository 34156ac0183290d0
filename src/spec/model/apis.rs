//! APIs and operations.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Diagnostic, Map, PolicySource, Properties, shapes};

/// An API.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Api {
    /// Name for people; default: the key (or the imported document's title).
    #[schemars(length(min = 1, max = 300))]
    pub display_name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Path below the gateway's root; may be empty.
    #[schemars(length(max = 400))]
    pub path: String,
    /// `https` (default), `http`, `ws`, `wss`.
    #[schemars(with = "Option<Vec<shapes::Protocol>>")]
    pub protocols: Option<Vec<String>>,
    /// Address of the backend, if no policy sets one.
    #[schemars(length(max = 2000))]
    pub service_url: Option<String>,
    /// Whether a key is needed (default true).
    pub subscription_required: Option<bool>,
    /// Where the key is looked for.
    pub subscription_key_parameter_names: Option<SubscriptionKeyParameterNames>,
    /// Kinds of clients that must work with one key. Compiles to a product, this API and, for `azure-openai-sdk`, its twin at path `openai`.
    pub clients: Option<Vec<ClientKind>>,
    /// How `bearer` clients are served: `native` (default; the service's own `bearer: enabled`) or `loopback` (where the service refuses it).
    pub bearer: Option<BearerMode>,
    /// `http` (default), `websocket`, …
    #[serde(rename = "type")]
    #[schemars(extend("enum" = ["http", "soap", "websocket", "graphql", "odata", "grpc", null]))]
    pub kind: Option<String>,
    /// Version name, with `apiVersionSet`.
    #[schemars(length(max = 100))]
    pub api_version: Option<String>,
    /// Name under `apiVersionSets:`.
    pub api_version_set: Option<String>,
    /// Revision number.
    pub api_revision: Option<String>,
    /// An OpenAPI document to import operations from.
    pub import: Option<Import>,
    /// Authentication settings, as in ARM.
    pub authentication_settings: Option<Value>,
    /// Operations.
    #[serde(default)]
    pub operations: Map<Operation>,
    /// Policy of this API.
    pub policy: Option<PolicySource>,
    /// Diagnostics of this API (`applicationinsights`, `azuremonitor`).
    #[serde(default)]
    pub diagnostics: Map<Diagnostic>,
    /// Merged last into ARM's `properties`.
    #[serde(default)]
    pub properties: Properties,
}

/// A kind of client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClientKind {
    /// `Ocp-Apim-Subscription-Key` header or `subscription-key` query parameter.
    SubscriptionKey,
    /// `Authorization: Bearer {key}`, as OpenAI's own SDKs send it.
    Bearer,
    /// `api-key` header at `/openai/…`, as the Azure OpenAI SDKs send it.
    #[serde(rename = "azure-openai-sdk")]
    AzureOpenAiSdk,
}

/// How `bearer` clients are served.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum BearerMode {
    /// `subscriptionKeyParameterNames.bearer: enabled`.
    #[default]
    Native,
    /// An open front API turns the bearer value into the key header and calls the gateway again.
    Loopback,
}

/// Where the key is looked for.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SubscriptionKeyParameterNames {
    /// Header name.
    pub header: Option<String>,
    /// Query parameter name.
    pub query: Option<String>,
    /// `enabled`: also `Authorization: Bearer {key}` (in no published contract).
    #[schemars(extend("enum" = ["enabled", "disabled", null]))]
    pub bearer: Option<String>,
}

/// A document to import.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Import {
    /// `openapi` (YAML, default for .yaml files), `openapi+json`, `openapi-link`, `openapi+json-link`, `swagger-json`, `swagger-link-json`.
    #[schemars(extend("enum" = ["openapi", "openapi+json", "openapi-link", "openapi+json-link", "swagger-json", "swagger-link-json", null]))]
    pub format: Option<String>,
    /// Path relative to the file that names it.
    pub file: Option<String>,
    /// Address of the document, for the `-link` formats.
    pub url: Option<String>,
}

/// An operation of an API.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Operation {
    /// Name for people; default: the key.
    #[schemars(length(min = 1, max = 300))]
    pub display_name: Option<String>,
    /// What it is for.
    #[schemars(length(max = 1000))]
    pub description: Option<String>,
    /// HTTP method.
    #[schemars(length(min = 1), regex(pattern = r"^[A-Za-z*-]+$"), extend("patternErrorMessage" = "an HTTP method, for instance `POST`"))]
    pub method: String,
    /// Path template below that of the API; every `{x}` needs an entry in `templateParameters` (added when missing).
    #[schemars(length(min = 1, max = 1000))]
    pub url_template: String,
    /// Parameters of the template, as in ARM.
    #[schemars(with = "Option<Vec<shapes::Parameter>>")]
    pub template_parameters: Option<Vec<Value>>,
    /// `{ description, queryParameters, headers, representations }`, as in ARM.
    #[schemars(with = "Option<shapes::Request>")]
    pub request: Option<Value>,
    /// `[ { statusCode, description, representations, headers } ]`, as in ARM.
    #[schemars(with = "Option<Vec<shapes::Response>>")]
    pub responses: Option<Vec<Value>>,
    /// Policy of this operation.
    pub policy: Option<PolicySource>,
    /// Merged last into ARM's `properties`.
    #[serde(default)]
    pub properties: Properties,
}

/// A version set.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VersionSet {
    /// Name for people; default: the key.
    #[schemars(length(min = 1, max = 100))]
    pub display_name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// `Segment`, `Query` or `Header`.
    #[schemars(extend("enum" = ["Segment", "Query", "Header"]))]
    pub versioning_scheme: String,
    /// With `Query`.
    #[schemars(length(min = 1, max = 100))]
    pub version_query_name: Option<String>,
    /// With `Header`.
    #[schemars(length(min = 1, max = 100))]
    pub version_header_name: Option<String>,
    /// Merged last into ARM's `properties`.
    #[serde(default)]
    pub properties: Properties,
}
