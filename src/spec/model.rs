//! The specification as people write it: ARM's own property names and shapes, shorthand only where ARM is tedious.
//!
//! These types are the single truth for the JSON Schema, the structural check and the typed form. A field's doc comment
//! is its description in the schema and in editors.

mod ai;
mod apis;
mod backends;
mod consumers;
mod monitoring;
mod service;
pub mod shapes;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

pub use ai::{Account, Deployment, DeploymentModel, DeploymentSku, DetailedDeployment};
pub use apis::{Api, BearerMode, ClientKind, Import, Operation, SubscriptionKeyParameterNames, VersionSet};
pub use backends::{
    Authorization, Backend, BackendCredentials, BackendTls, CircuitBreaker, CircuitBreakerRule, CircuitBreakerRules, FailureCondition,
    ManagedIdentityCredential, Pool, PoolMember, Proxy, StatusCodeRange,
};
pub use consumers::{Group, Product, Subscription, User};
pub use monitoring::{
    ActionGroup, ApplicationInsights, AzureMonitor, Diagnostic, DiagnosticSettings, LargeLanguageModel, LogAlert, LogAnalytics, Logger,
    LoggerAuthentication, MetricAlert, Monitoring,
};
pub use service::{
    AdditionalLocation, DetailedIdentity, DetailedSku, Identity, KeyVaultReference, NamedValue, ResourceGroup, Service, Sku,
};

/// Names to things, in the order of the file.
pub type Map<T> = IndexMap<String, T>;
/// Properties that go to ARM as they are, merged last.
pub type Properties = serde_json::Map<String, Value>;
/// Resource tags.
pub type Tags = IndexMap<String, String>;

/// One Azure OpenAI gateway on API Management.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Spec {
    /// Version of this format: `apimctl/v1`.
    pub api_version: SpecVersion,
    /// Name of this specification. Two specifications that share a service must have different names: it marks what each one owns.
    #[schemars(length(min = 1, max = 60), regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9-]*$"), extend("patternErrorMessage" = "letters, digits and hyphens, beginning with a letter or a digit"))]
    pub name: String,
    /// Entra tenant; default: the login's own.
    pub tenant_id: Option<String>,
    /// Azure subscription; default: the login's own.
    pub subscription_id: Option<String>,
    /// Files to read in as parts of this specification; globs relative to this file. Maps are joined; a name that stands twice is an error.
    #[serde(default)]
    pub include: Vec<String>,
    /// Values for `${name}` in this file; `--var` and the environment's own `variables` win over these.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, shapes::VariableValue>")]
    pub variables: IndexMap<String, Value>,
    /// Overlays by environment name, merged over the specification by `--env NAME`: maps are merged, anything else is replaced, `null` removes.
    #[serde(default)]
    pub environments: IndexMap<String, Value>,
    /// Tags on every resource that has tags.
    #[serde(default)]
    pub tags: Tags,
    /// The resource group.
    pub resource_group: ResourceGroup,
    /// The API Management service.
    pub service: Service,
    /// Logs and metrics.
    pub monitoring: Option<Monitoring>,
    /// Existing Azure OpenAI or AI Foundry accounts: read and checked, never written.
    #[serde(default, rename = "openAI")]
    pub open_ai: Map<Account>,
    /// Who makes the role assignments that this specification needs: `manage` (default), `verify` (check that they are there) or `skip`.
    #[serde(default)]
    pub role_assignments: RoleAssignmentMode,
    /// Named values, used in policies as `{{name}}`.
    #[serde(default)]
    pub named_values: Map<NamedValue>,
    /// Backends and pools.
    #[serde(default)]
    pub backends: Map<Backend>,
    /// Policy fragments.
    #[serde(default)]
    pub policy_fragments: Map<PolicyFragment>,
    /// API version sets.
    #[serde(default)]
    pub api_version_sets: Map<VersionSet>,
    /// APIs.
    #[serde(default)]
    pub apis: Map<Api>,
    /// Products.
    #[serde(default)]
    pub products: Map<Product>,
    /// Groups of users. The built-in groups `administrators`, `developers` and `guests` need no entry.
    #[serde(default)]
    pub groups: Map<Group>,
    /// Users, for instance as owners of subscriptions.
    #[serde(default)]
    pub users: Map<User>,
    /// Loggers beside the ones that `monitoring` makes.
    #[serde(default)]
    pub loggers: Map<Logger>,
    /// Service-wide diagnostics beside the ones that `monitoring` makes (`applicationinsights`, `azuremonitor`, `local`).
    #[serde(default)]
    pub diagnostics: Map<Diagnostic>,
    /// Subscriptions, which carry the keys of API clients.
    #[serde(default)]
    pub subscriptions: Map<Subscription>,
    /// Action groups for alerts.
    #[serde(default)]
    pub action_groups: Map<ActionGroup>,
    /// Metric alerts (`Microsoft.Insights/metricAlerts`).
    #[serde(default)]
    pub metric_alerts: Map<MetricAlert>,
    /// Log alerts (`Microsoft.Insights/scheduledQueryRules`).
    #[serde(default)]
    pub log_alerts: Map<LogAlert>,
    /// Any other ARM resource.
    #[serde(default)]
    pub resources: Vec<RawResource>,
}

/// The version of the format.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum SpecVersion {
    /// The only one so far.
    #[default]
    #[serde(rename = "apimctl/v1")]
    V1,
}

/// Who makes role assignments.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RoleAssignmentMode {
    /// This tool.
    #[default]
    Manage,
    /// Somebody else; this tool checks that they are there and prints the command for each that is missing.
    Verify,
    /// Somebody else; nothing is checked.
    Skip,
}

/// A policy document: a path relative to the file that names it, or the XML itself (anything that starts with `<`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum PolicySource {
    /// Path, or XML in the `rawxml` format (expressions as they are, not entity-encoded).
    Text(String),
    /// With a format.
    Detailed(DetailedPolicySource),
}

/// A policy document with its format.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DetailedPolicySource {
    /// Path relative to the file that names it.
    pub file: Option<String>,
    /// The XML itself.
    pub value: Option<String>,
    /// `rawxml` (default): expressions as they are; `xml`: well-formed XML, expressions entity-encoded.
    #[serde(default)]
    pub format: PolicyFormat,
}

/// How expressions are written in a policy document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PolicyFormat {
    /// As they are.
    #[default]
    RawXml,
    /// Entity-encoded.
    Xml,
}

/// A reusable part of policies, included with `<include-fragment fragment-id="name" />`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyFragment {
    /// What it is for.
    #[schemars(length(max = 1000))]
    pub description: Option<String>,
    /// The document; its root element is `<fragment>`.
    pub policy: PolicySource,
    /// Merged last into ARM's `properties`.
    #[serde(default)]
    pub properties: Properties,
}

/// Any ARM resource, sent as it stands.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RawResource {
    /// Full type, for instance `Microsoft.ApiManagement/service/caches`. A child type of the service or a type of the resource group.
    #[serde(rename = "type")]
    pub kind: String,
    /// Name; one segment for each type segment, for instance `my-cache` (children of this specification's service need the last one only).
    pub name: String,
    /// The api-version to send.
    pub api_version: String,
    /// Scope of an extension resource (a full id); default: the resource group, or the service for its child types.
    pub scope: Option<String>,
    /// Region, for types that have one.
    pub location: Option<String>,
    /// Kind, for types that have one.
    #[serde(rename = "kind")]
    pub kind_property: Option<String>,
    /// SKU, for types that have one.
    pub sku: Option<Value>,
    /// Identity, for types that have one.
    pub identity: Option<Value>,
    /// Zones, for types that have them.
    pub zones: Option<Vec<String>>,
    /// Tags, for types that have them.
    #[serde(default)]
    pub tags: Tags,
    /// ARM's `properties`.
    #[serde(default)]
    pub properties: Properties,
    /// Names of things in this specification that must be there first (`backends/x`, `apis/y`).
    #[serde(default)]
    pub depends_on: Vec<String>,
}
