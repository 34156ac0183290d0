//! Workspace, Application Insights, loggers and diagnostic settings.

use serde_json::{Value, json};

use super::{Compiler, hole, names, with_properties};
use crate::arm::ResourceId;
use crate::deploy::bodies;
use crate::deploy::resource::{DesiredId, Management, Template};
use crate::spec::model::{ApplicationInsights, LogAnalytics, LoggerAuthentication};

/// Name of the logger and the diagnostic for Azure Monitor; the service knows no other.
pub(super) const AZURE_MONITOR: &str = "azuremonitor";
/// Name of the diagnostic for Application Insights; the service knows no other.
pub(super) const APPLICATION_INSIGHTS: &str = "applicationinsights";

impl<'a> Compiler<'a> {
    fn log_analytics_spec(&self) -> Option<&'a LogAnalytics> {
        self.spec.monitoring.as_ref()?.log_analytics.as_ref()
    }

    pub(super) fn application_insights_spec(&self) -> Option<&'a ApplicationInsights> {
        self.spec.monitoring.as_ref()?.application_insights.as_ref()
    }

    pub(super) fn workspace_id(&self) -> Option<ResourceId> {
        let workspace = self.log_analytics_spec()?;
        Some(self.group_of(workspace.resource_group.as_deref()).provider("Microsoft.OperationalInsights/workspaces", &workspace.name))
    }

    pub(super) fn component_id(&self) -> Option<ResourceId> {
        let component = self.application_insights_spec()?;
        Some(self.group_of(component.resource_group.as_deref()).provider("Microsoft.Insights/components", &component.name))
    }

    pub(super) fn log_analytics(&mut self) {
        let (Some(spec), Some(id)) = (self.log_analytics_spec(), self.workspace_id()) else { return };
        let mut value = json!({
            "location": self.location(spec.location.as_deref()),
            "tags": self.tags(&spec.tags),
            "properties": { "sku": { "name": spec.sku.as_deref().unwrap_or("PerGB2018") } },
        });
        if let Some(days) = spec.retention_in_days {
            bodies::merge(&mut value, json!({ "properties": { "retentionInDays": days } }));
        }
        let body = with_properties(Template::plain(value), &spec.properties);
        let management = if spec.existing { Management::ReadOnly } else { Management::PatchIfForeign };
        self.add_as("/monitoring/logAnalytics", DesiredId::Known(id), body, management, Vec::new());
    }

    pub(super) fn application_insights(&mut self) {
        let (Some(spec), Some(id)) = (self.application_insights_spec(), self.component_id()) else { return };
        let workspace = self.workspace_id();
        let mut value = json!({
            "location": self.location(spec.location.as_deref()),
            "kind": "web",
            "tags": self.tags(&spec.tags),
            "properties": { "Application_Type": "web" },
        });
        if let Some(workspace) = &workspace {
            bodies::merge(
                &mut value,
                json!({ "properties": { "IngestionMode": "LogAnalytics", "WorkspaceResourceId": workspace.as_str() } }),
            );
        }
        if spec.custom_metrics_with_dimensions.unwrap_or(true) {
            bodies::merge(&mut value, json!({ "properties": { "CustomMetricsOptedInType": "WithDimensions" } }));
        }
        let body = with_properties(Template::plain(value), &spec.properties);
        let management = if spec.existing { Management::ReadOnly } else { Management::PatchIfForeign };
        self.add_as("/monitoring/applicationInsights", DesiredId::Known(id), body, management, workspace.into_iter().collect());
    }

    /// The loggers: that of Application Insights with its connection string, Azure Monitor's, and those of the specification.
    pub(super) fn loggers(&mut self) {
        if let (Some(spec), Some(component)) = (self.application_insights_spec(), self.component_id()) {
            self.application_insights_logger(spec, &component);
        }
        let declared = self.spec.loggers.iter().any(|(name, _)| name.eq_ignore_ascii_case(AZURE_MONITOR));
        if !declared && self.needs_azure_monitor_logger() {
            let body = bodies::logger("azureMonitor", None, None, true, None);
            self.add("/monitoring/azureMonitor", self.child("loggers", AZURE_MONITOR), Template::plain(body), Vec::new());
        }
        for (name, spec) in &self.spec.loggers {
            let pointer = names::pointer("loggers", name);
            let credentials = spec.credentials.as_ref().map(|map| {
                let exposed = map.iter().map(|(key, value)| (key.clone(), Value::from(value.expose().as_str())));
                Value::Object(exposed.collect())
            });
            let value = bodies::logger(
                &spec.logger_type,
                spec.description.as_deref(),
                spec.resource_id.as_deref(),
                spec.is_buffered.unwrap_or(true),
                credentials,
            );
            let secrets = names::text_pointers(&value, "/properties/credentials");
            let used = self.used_named_values(&value);
            let body = with_properties(Template { value, holes: Vec::new(), secrets }, &spec.properties);
            self.add(&pointer, self.child("loggers", name), body, used);
        }
    }

    fn needs_azure_monitor_logger(&self) -> bool {
        let named = |map: &crate::spec::model::Map<crate::spec::model::Diagnostic>| {
            map.iter().any(|(name, diagnostic)| name.eq_ignore_ascii_case(AZURE_MONITOR) && diagnostic.logger.is_none())
        };
        let monitored = self.spec.monitoring.as_ref().is_some_and(|monitoring| monitoring.azure_monitor.is_some());
        monitored || named(&self.spec.diagnostics) || self.spec.apis.values().any(|api| named(&api.diagnostics))
    }

    /// The service would keep a connection string in a named value of its own making, under a random name; with a named value
    /// of ours the credentials come back as they were sent.
    fn application_insights_logger(&mut self, spec: &ApplicationInsights, component: &ResourceId) {
        let pointer = "/monitoring/applicationInsights";
        let name = connection_string_name(&spec.name);
        let named_value = self.child("namedValues", &name);
        let body = Template {
            value: bodies::named_value(&name, None, true, &[], None),
            holes: vec![hole("/properties/value", component, "/properties/ConnectionString")],
            secrets: vec!["/properties/value".to_owned()],
        };
        self.display_names.insert(name.clone(), named_value.clone());
        self.add(pointer, named_value.clone(), body, Vec::new());

        let mut credentials = json!({ "connectionString": format!("{{{{{name}}}}}") });
        let mut holes = Vec::new();
        if spec.authentication == Some(LoggerAuthentication::ManagedIdentity)
            && let Some(identity) = self.identity()
        {
            match identity.client_id(&self.service) {
                None => bodies::merge(&mut credentials, json!({ "identityClientId": "SystemAssigned" })),
                Some(source) => holes.push(hole("/properties/credentials/identityClientId", &source.id, &source.pointer)),
            }
        }
        let value = bodies::logger("applicationInsights", None, Some(component.as_str()), true, Some(credentials));
        let body = Template { value, holes, secrets: Vec::new() };
        self.add(pointer, self.child("loggers", &spec.name), body, vec![component.clone(), named_value]);
    }

    pub(super) fn diagnostic_settings(&mut self) {
        let Some(monitoring) = &self.spec.monitoring else { return };
        let Some(spec) = &monitoring.diagnostic_settings else { return };
        let language_model = monitoring.azure_monitor.as_ref().and_then(|monitor| monitor.large_language_model.as_ref());
        let default: &[&str] = match language_model {
            Some(model) if model.logs.eq_ignore_ascii_case("enabled") => &["GatewayLogs", "GatewayLlmLogs"],
            _ => &["GatewayLogs"],
        };
        let categories: Vec<&str> = match &spec.logs {
            Some(logs) => logs.iter().map(String::as_str).collect(),
            None => default.to_vec(),
        };
        let logs: Vec<Value> = categories
            .iter()
            .map(|category| {
                let key = if ["allLogs", "audit"].contains(category) { "categoryGroup" } else { "category" };
                json!({ key: category, "enabled": true })
            })
            .collect();
        let mut value = json!({ "properties": { "logs": logs } });
        if spec.metrics.unwrap_or(true) {
            bodies::merge(&mut value, json!({ "properties": { "metrics": [{ "category": "AllMetrics", "enabled": true }] } }));
        }
        // `AzureDiagnostics` is what the service does when nothing is said.
        let destination = spec.log_analytics_destination_type.as_deref().unwrap_or("Dedicated");
        if destination != "AzureDiagnostics" {
            bodies::merge(&mut value, json!({ "properties": { "logAnalyticsDestinationType": destination } }));
        }
        let workspace = self.workspace_id();
        if let Some(workspace) = &workspace {
            bodies::merge(&mut value, json!({ "properties": { "workspaceId": workspace.as_str() } }));
        }
        let name = spec.name.as_deref().unwrap_or("apimctl");
        let id = self.service.provider("Microsoft.Insights/diagnosticSettings", name);
        let body = with_properties(Template::plain(value), &spec.properties);
        self.add("/monitoring/diagnosticSettings", id, body, workspace.into_iter().collect());
    }
}

/// The named value that keeps a component's connection string.
fn connection_string_name(component: &str) -> String {
    let clean = |character: char| if character.is_ascii_alphanumeric() || "-._".contains(character) { character } else { '-' };
    let mut name: String = component.chars().map(clean).take(230).collect();
    name.push_str("-connection-string");
    name
}
