//! Logs, metrics and alerts.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Properties, Tags, shapes};
use crate::support::secret::Secret;

/// Logs and metrics.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Monitoring {
    /// The Log Analytics workspace.
    pub log_analytics: Option<LogAnalytics>,
    /// Application Insights on that workspace, with a logger and a diagnostic of the service.
    pub application_insights: Option<ApplicationInsights>,
    /// The service's `azuremonitor` diagnostic, for resource logs.
    pub azure_monitor: Option<AzureMonitor>,
    /// Diagnostic settings: resource logs and metrics of the service into the workspace.
    pub diagnostic_settings: Option<DiagnosticSettings>,
}

/// A Log Analytics workspace.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogAnalytics {
    /// Name of the workspace, unique in its resource group.
    #[schemars(length(min = 4, max = 63), regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9-]+[A-Za-z0-9]$"), extend("patternErrorMessage" = "letters, digits and hyphens, and no hyphen at either end"))]
    pub name: String,
    /// Read only.
    #[serde(default)]
    pub existing: bool,
    /// Its resource group, when it is an existing one elsewhere.
    pub resource_group: Option<String>,
    /// Region; default: that of the resource group.
    pub location: Option<String>,
    /// Pricing tier; default `PerGB2018`.
    #[schemars(extend("enum" = ["PerGB2018", "CapacityReservation", "Free", "Standalone", "PerNode", "Standard", "Premium", "LACluster", null]))]
    pub sku: Option<String>,
    /// Days, 30 to 730.
    #[schemars(range(min = 30, max = 730))]
    pub retention_in_days: Option<u32>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
    /// Merged last into ARM's `properties`.
    #[serde(default)]
    pub properties: Properties,
}

/// Application Insights, with the service's logger and diagnostic `applicationinsights`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApplicationInsights {
    /// Name of the component, unique in its resource group; also that of the logger.
    #[schemars(length(min = 1, max = 260))]
    pub name: String,
    /// Read only.
    #[serde(default)]
    pub existing: bool,
    /// Its resource group, when it is an existing one elsewhere.
    pub resource_group: Option<String>,
    /// Region; default: that of the resource group.
    pub location: Option<String>,
    /// How the logger logs in: `connectionString` (default) or `managedIdentity`, which needs and gets the role Monitoring Metrics Publisher.
    pub authentication: Option<LoggerAuthentication>,
    /// Share of requests that are logged, 0 to 100 (default 100).
    #[schemars(range(min = 0.0, max = 100.0))]
    pub sampling_percentage: Option<f64>,
    /// `allErrors`: log errors whatever the sampling.
    #[schemars(extend("enum" = ["allErrors", null]))]
    pub always_log: Option<String>,
    /// Whether `emit-metric` and the token metrics arrive (default true).
    pub metrics: Option<bool>,
    /// Whether custom metrics keep their dimensions (default true): `CustomMetricsOptedInType: WithDimensions`.
    pub custom_metrics_with_dimensions: Option<bool>,
    /// `verbose`, `information` (default) or `error`.
    #[schemars(extend("enum" = ["verbose", "information", "error", null]))]
    pub verbosity: Option<String>,
    /// `None`, `Legacy` or `W3C` (default).
    #[schemars(extend("enum" = ["None", "Legacy", "W3C", null]))]
    pub http_correlation_protocol: Option<String>,
    /// Whether the client's address is logged.
    pub log_client_ip: Option<bool>,
    /// `Name` or `Url`.
    #[schemars(extend("enum" = ["Name", "Url", null]))]
    pub operation_name_format: Option<String>,
    /// What is logged of requests and responses towards clients, as in ARM.
    #[schemars(with = "Option<shapes::Pipeline>")]
    pub frontend: Option<Value>,
    /// What is logged of requests and responses towards backends, as in ARM.
    #[schemars(with = "Option<shapes::Pipeline>")]
    pub backend: Option<Value>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
    /// Merged last into the component's `properties`.
    #[serde(default)]
    pub properties: Properties,
}

/// How a logger logs in to Application Insights.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum LoggerAuthentication {
    /// By the component's connection string, kept in a secret named value.
    #[default]
    ConnectionString,
    /// By the service's managed identity.
    ManagedIdentity,
}

/// The `azuremonitor` diagnostic.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AzureMonitor {
    /// Share of requests that are logged, 0 to 100 (default 100).
    #[schemars(range(min = 0.0, max = 100.0))]
    pub sampling_percentage: Option<f64>,
    /// `allErrors`: log errors whatever the sampling.
    #[schemars(extend("enum" = ["allErrors", null]))]
    pub always_log: Option<String>,
    /// `verbose`, `information` or `error`.
    #[schemars(extend("enum" = ["verbose", "information", "error", null]))]
    pub verbosity: Option<String>,
    /// Whether the client's address is logged.
    pub log_client_ip: Option<bool>,
    /// Logging of prompts and completions.
    pub large_language_model: Option<LargeLanguageModel>,
    /// Merged last into ARM's `properties`.
    #[serde(default)]
    pub properties: Properties,
}

/// Logging of language model requests and responses (preview api-version).
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LargeLanguageModel {
    /// `enabled` or `disabled`.
    #[schemars(extend("enum" = ["enabled", "disabled"]))]
    pub logs: String,
    /// `{ messages: all, maxSizeInBytes }`.
    #[schemars(with = "Option<shapes::LanguageModelMessages>")]
    pub requests: Option<Value>,
    /// `{ messages: all, maxSizeInBytes }`.
    #[schemars(with = "Option<shapes::LanguageModelMessages>")]
    pub responses: Option<Value>,
}

impl LargeLanguageModel {
    /// Whether anything is logged.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.logs == "enabled"
    }
}

/// Diagnostic settings of the service.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DiagnosticSettings {
    /// Name of the setting; default `apimctl`.
    #[schemars(length(min = 1, max = 260))]
    pub name: Option<String>,
    /// Log categories: `GatewayLogs` (default), `GatewayLlmLogs`, `WebSocketConnectionLogs`, `DeveloperPortalAuditLogs`, or `allLogs`.
    pub logs: Option<Vec<String>>,
    /// Whether `AllMetrics` are sent (default true).
    pub metrics: Option<bool>,
    /// `Dedicated` (default; tables such as ApiManagementGatewayLogs) or `AzureDiagnostics`.
    #[schemars(extend("enum" = ["Dedicated", "AzureDiagnostics", null]))]
    pub log_analytics_destination_type: Option<String>,
    /// Merged last into ARM's `properties`.
    #[serde(default)]
    pub properties: Properties,
}

/// A logger.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Logger {
    /// `applicationInsights`, `azureEventHub` or `azureMonitor`.
    #[schemars(extend("enum" = ["applicationInsights", "azureEventHub", "azureMonitor"]))]
    pub logger_type: String,
    /// What it is for.
    #[schemars(length(max = 256))]
    pub description: Option<String>,
    /// Full id of the Azure resource behind it.
    pub resource_id: Option<String>,
    /// Whether records are buffered (default true).
    pub is_buffered: Option<bool>,
    /// Credentials, as in ARM; values should be `{{named-value}}`.
    #[schemars(with = "Option<IndexMap<String, String>>")]
    pub credentials: Option<IndexMap<String, Secret<String>>>,
    /// Merged last into ARM's `properties`.
    #[serde(default)]
    pub properties: Properties,
}

/// A diagnostic of the service or of an API.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Diagnostic {
    /// Name of a logger of this specification, or a full id; default: the one that `monitoring` makes for the diagnostic's name.
    pub logger: Option<String>,
    /// Share of requests that are logged, 0 to 100 (default 100).
    #[schemars(range(min = 0.0, max = 100.0))]
    pub sampling_percentage: Option<f64>,
    /// `allErrors`: log errors whatever the sampling.
    #[schemars(extend("enum" = ["allErrors", null]))]
    pub always_log: Option<String>,
    /// Whether `emit-metric` and the token metrics arrive.
    pub metrics: Option<bool>,
    /// `verbose`, `information` or `error`.
    #[schemars(extend("enum" = ["verbose", "information", "error", null]))]
    pub verbosity: Option<String>,
    /// `None`, `Legacy` or `W3C`.
    #[schemars(extend("enum" = ["None", "Legacy", "W3C", null]))]
    pub http_correlation_protocol: Option<String>,
    /// Whether the client's address is logged.
    pub log_client_ip: Option<bool>,
    /// `Name` or `Url`.
    #[schemars(extend("enum" = ["Name", "Url", null]))]
    pub operation_name_format: Option<String>,
    /// What is logged towards clients, as in ARM.
    #[schemars(with = "Option<shapes::Pipeline>")]
    pub frontend: Option<Value>,
    /// What is logged towards backends, as in ARM.
    #[schemars(with = "Option<shapes::Pipeline>")]
    pub backend: Option<Value>,
    /// Logging of prompts and completions.
    pub large_language_model: Option<LargeLanguageModel>,
    /// Merged last into ARM's `properties`.
    #[serde(default)]
    pub properties: Properties,
}

/// Whom an alert tells.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ActionGroup {
    /// Short name, at most 12 characters.
    #[schemars(length(min = 1, max = 12))]
    pub group_short_name: String,
    /// Default true.
    pub enabled: Option<bool>,
    /// `[ { name, emailAddress } ]`, as in ARM.
    #[schemars(with = "Option<Vec<shapes::EmailReceiver>>")]
    pub email_receivers: Option<Vec<Value>>,
    /// `[ { name, serviceUri } ]`, as in ARM.
    #[schemars(with = "Option<Vec<shapes::WebhookReceiver>>")]
    pub webhook_receivers: Option<Vec<Value>>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
    /// Merged last into ARM's `properties`.
    #[serde(default)]
    pub properties: Properties,
}

/// An alert on a metric of the service.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetricAlert {
    /// What it means.
    pub description: Option<String>,
    /// 0 (critical) to 4 (verbose); default 3.
    #[schemars(range(max = 4))]
    pub severity: Option<u32>,
    /// Default true.
    pub enabled: Option<bool>,
    /// Metric, for instance `Requests`, `Capacity` or `Duration`.
    pub metric_name: String,
    /// `Average`, `Minimum`, `Maximum`, `Total` or `Count`.
    #[schemars(extend("enum" = ["Average", "Minimum", "Maximum", "Total", "Count"]))]
    pub time_aggregation: String,
    /// `GreaterThan`, `GreaterThanOrEqual`, `LessThan`, `LessThanOrEqual` or `Equals`.
    #[schemars(extend("enum" = ["GreaterThan", "GreaterThanOrEqual", "LessThan", "LessThanOrEqual", "Equals"]))]
    pub operator: String,
    /// Limit.
    pub threshold: f64,
    /// `[ { name, operator, values } ]`, as in ARM.
    #[schemars(with = "Option<Vec<shapes::Dimension>>")]
    pub dimensions: Option<Vec<Value>>,
    /// ISO 8601 duration; default `PT5M`.
    pub window_size: Option<String>,
    /// ISO 8601 duration; default `PT1M`.
    pub evaluation_frequency: Option<String>,
    /// Names under `actionGroups:`, or full ids.
    #[serde(default)]
    pub action_groups: Vec<String>,
    /// Full id of what is watched; default: the service.
    pub scope: Option<String>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
    /// Merged last into ARM's `properties`.
    #[serde(default)]
    pub properties: Properties,
}

/// An alert on a log query.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogAlert {
    /// Name for people; default: the key.
    pub display_name: Option<String>,
    /// What it means.
    pub description: Option<String>,
    /// 0 (critical) to 4 (verbose); default 3.
    #[schemars(range(max = 4))]
    pub severity: Option<u32>,
    /// Default true.
    pub enabled: Option<bool>,
    /// Query in KQL.
    pub query: String,
    /// `Count` (default), `Average`, `Minimum`, `Maximum` or `Total`.
    #[schemars(extend("enum" = ["Count", "Average", "Minimum", "Maximum", "Total", null]))]
    pub time_aggregation: Option<String>,
    /// Column that is aggregated, unless `Count`.
    pub metric_measure_column: Option<String>,
    /// `GreaterThan`, `GreaterThanOrEqual`, `LessThan`, `LessThanOrEqual` or `Equal`.
    #[schemars(extend("enum" = ["GreaterThan", "GreaterThanOrEqual", "LessThan", "LessThanOrEqual", "Equal"]))]
    pub operator: String,
    /// Limit.
    pub threshold: f64,
    /// `[ { name, operator, values } ]`, as in ARM.
    #[schemars(with = "Option<Vec<shapes::Dimension>>")]
    pub dimensions: Option<Vec<Value>>,
    /// ISO 8601 duration; default `PT5M`.
    pub window_size: Option<String>,
    /// ISO 8601 duration; default `PT5M`.
    pub evaluation_frequency: Option<String>,
    /// Names under `actionGroups:`, or full ids.
    #[serde(default)]
    pub action_groups: Vec<String>,
    /// Full id of what is queried; default: the workspace.
    pub scope: Option<String>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
    /// Merged last into ARM's `properties`.
    #[serde(default)]
    pub properties: Properties,
}
