//! The shapes of values that go to ARM as they are. They exist for the schema and the structural check; the values stay JSON.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde_json::Value;

/// A parameter of a URL template, a query, a header or a form.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub struct Parameter {
    /// Name.
    pub name: String,
    /// Type, for instance `string`.
    #[schemars(rename = "type")]
    pub kind: String,
    /// What it is for.
    pub description: Option<String>,
    /// Value when it is not sent.
    pub default_value: Option<String>,
    /// Whether it must be sent.
    pub required: Option<bool>,
    /// Values that may be sent.
    pub values: Option<Vec<String>>,
    /// Id of a schema of the API.
    pub schema_id: Option<String>,
    /// Name of a type in that schema.
    pub type_name: Option<String>,
    /// Examples by name.
    pub examples: Option<IndexMap<String, Value>>,
}

/// A form of a request's or a response's body.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub struct Representation {
    /// Media type, for instance `application/json`.
    pub content_type: String,
    /// Id of a schema of the API.
    pub schema_id: Option<String>,
    /// Name of a type in that schema.
    pub type_name: Option<String>,
    /// Fields of a form.
    pub form_parameters: Option<Vec<Parameter>>,
    /// Examples by name.
    pub examples: Option<IndexMap<String, Value>>,
}

/// What an operation is sent.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// What it is.
    pub description: Option<String>,
    /// Query parameters.
    pub query_parameters: Option<Vec<Parameter>>,
    /// Headers.
    pub headers: Option<Vec<Parameter>>,
    /// Bodies.
    pub representations: Option<Vec<Representation>>,
}

/// What an operation answers.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub struct Response {
    /// HTTP status code.
    #[schemars(range(min = 100, max = 599))]
    pub status_code: u16,
    /// What it means.
    pub description: Option<String>,
    /// Headers.
    pub headers: Option<Vec<Parameter>>,
    /// Bodies.
    pub representations: Option<Vec<Representation>>,
}

/// What is logged of the two directions of one side of the gateway.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pipeline {
    /// Of requests.
    pub request: Option<Message>,
    /// Of responses.
    pub response: Option<Message>,
}

/// What is logged of a message.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub struct Message {
    /// Names of headers.
    pub headers: Option<Vec<String>>,
    /// How much of the body.
    pub body: Option<MessageBody>,
    /// What is hidden.
    pub data_masking: Option<DataMasking>,
}

/// How much of a body is logged.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct MessageBody {
    /// Bytes, at most 8192.
    #[schemars(range(max = 8192))]
    pub bytes: u32,
}

/// What is hidden in logs.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub struct DataMasking {
    /// Query parameters.
    pub query_params: Option<Vec<Mask>>,
    /// Headers.
    pub headers: Option<Vec<Mask>>,
}

/// One thing that is hidden in logs.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Mask {
    /// Its name.
    pub value: String,
    /// `Mask` or `Hide`.
    #[schemars(extend("enum" = ["Mask", "Hide"]))]
    pub mode: String,
}

/// How much of prompts or completions is logged.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub struct LanguageModelMessages {
    /// `all`.
    #[schemars(extend("enum" = ["all"]))]
    pub messages: String,
    /// Bytes of each message, at most 262144 (default 32768).
    #[schemars(range(min = 1, max = 262_144))]
    pub max_size_in_bytes: Option<u32>,
}

/// Keeps a client on one member of a pool.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub struct SessionAffinity {
    /// What tells one client from another.
    pub session_id: SessionId,
}

/// What tells one client from another.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct SessionId {
    /// `cookie`.
    #[schemars(extend("enum" = ["cookie", "Cookie"]))]
    pub source: String,
    /// Name of the cookie.
    pub name: String,
}

/// Somebody who gets mail.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub struct EmailReceiver {
    /// Name.
    pub name: String,
    /// Address.
    pub email_address: String,
    /// Whether the common alert schema is used.
    pub use_common_alert_schema: Option<bool>,
}

/// An address that is called.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub struct WebhookReceiver {
    /// Name.
    pub name: String,
    /// Address.
    pub service_uri: String,
    /// Whether the common alert schema is used.
    pub use_common_alert_schema: Option<bool>,
    /// Whether the call carries an Entra token.
    pub use_aad_auth: Option<bool>,
    /// Object id of the application that the token is for.
    pub object_id: Option<String>,
    /// Identifier of that application.
    pub identifier_uri: Option<String>,
    /// Its tenant.
    pub tenant_id: Option<String>,
}

/// One dimension that an alert looks at.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Dimension {
    /// Name.
    pub name: String,
    /// `Include` or `Exclude`.
    #[schemars(extend("enum" = ["Include", "Exclude"]))]
    pub operator: String,
    /// Values; `*` is any.
    #[schemars(length(min = 1))]
    pub values: Vec<String>,
}

/// The subnet of a gateway.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub struct VirtualNetworkConfiguration {
    /// Full id of the subnet.
    pub subnet_resource_id: String,
}

/// What clients of the management API must use at least.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApiVersionConstraint {
    /// Oldest api-version.
    pub min_api_version: String,
}

/// A value of a variable.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub enum VariableValue {
    /// A text.
    Text(String),
    /// A number.
    Number(f64),
    /// `true` or `false`.
    Boolean(bool),
}

/// A protocol that an API is offered on.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum Protocol {
    /// Encrypted.
    Https,
    /// Not encrypted.
    Http,
    /// `WebSocket`.
    Ws,
    /// `WebSocket`, encrypted.
    Wss,
}

/// Tier.
#[derive(Debug, JsonSchema)]
pub enum Tier {
    /// Paid by the call; no circuit breaker, no cache, no virtual network.
    Consumption,
    /// For trying out; one unit, no guarantee.
    Developer,
    /// Up to two units.
    Basic,
    /// Up to four units.
    Standard,
    /// Zones, regions, virtual networks.
    Premium,
    /// Minutes to create; up to ten units.
    BasicV2,
    /// Minutes to create; up to ten units; virtual network integration.
    StandardV2,
    /// Minutes to create; up to thirty units; virtual network injection.
    PremiumV2,
    /// Isolated compute.
    Isolated,
}

/// Managed identity.
#[derive(Debug, JsonSchema)]
pub enum IdentityKind {
    /// The service's own.
    SystemAssigned,
    /// Made elsewhere.
    UserAssigned,
    /// Both.
    #[schemars(rename = "SystemAssigned, UserAssigned")]
    Both,
    /// None.
    None,
}

/// The built-in circuit breaker.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub enum CircuitBreakerPreset {
    /// One failure (429, 500–599 or a server error) within a minute; left out for a minute, or as long as `Retry-After` says.
    Default,
}
