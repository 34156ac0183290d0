//! Workspace, Application Insights, loggers, diagnostics and diagnostic settings.

use serde_json::{Map, Value, json};

use super::compose::{Composer, is_reference, last, text, whole};
use crate::arm::ResourceId;

const DIAGNOSTIC: [&str; 9] = [
    "alwaysLog",
    "metrics",
    "verbosity",
    "httpCorrelationProtocol",
    "logClientIp",
    "operationNameFormat",
    "frontend",
    "backend",
    "largeLanguageModel",
];

impl<'a> Composer<'a> {
    /// `monitoring:`, as far as what is there is what that section makes; the rest stands under `loggers` and `diagnostics`.
    pub(super) fn monitoring(&mut self) {
        let mut section = Map::new();
        let component = self.component();
        let setting = self.setting();
        let workspace = component
            .as_ref()
            .and_then(|(_, id)| text(self.live.get(id)?, "/properties/WorkspaceResourceId"))
            .or_else(|| text(setting.as_ref()?.1, "/properties/workspaceId"))
            .and_then(|id| ResourceId::parse(id).ok());
        if let Some(workspace) = &workspace
            && let Some(fields) = self.workspace(workspace)
        {
            section.insert("logAnalytics".to_owned(), Value::Object(fields));
        }
        if let Some((logger, component)) = component
            && let Some(fields) = self.application_insights(&logger, &component)
        {
            section.insert("applicationInsights".to_owned(), Value::Object(fields));
        }
        let monitor = self.service.child("diagnostics", "azuremonitor");
        let logger = self.service.child("loggers", "azuremonitor");
        if let Some(body) = self.live.get(&monitor).filter(|_| self.wanted(&monitor))
            && text(body, "/properties/loggerId").is_some_and(|id| last(id).eq_ignore_ascii_case("azuremonitor"))
        {
            let mut fields = self.diagnostic(&monitor, body);
            let known = ["samplingPercentage", "alwaysLog", "verbosity", "logClientIp", "largeLanguageModel", "properties"];
            if fields.keys().all(|key| known.contains(&key.as_str())) {
                fields.shift_remove("logger");
                self.take(&monitor);
                self.take(&logger);
                section.insert("azureMonitor".to_owned(), Value::Object(fields));
            }
        }
        if let Some((id, body)) = setting
            && workspace.is_some()
        {
            let fields = setting_fields(&id, body);
            self.take(&id);
            section.insert("diagnosticSettings".to_owned(), Value::Object(fields));
        }
        self.section("monitoring", section);
    }

    /// The logger that `monitoring.applicationInsights` would make, and its component.
    fn component(&self) -> Option<(ResourceId, ResourceId)> {
        self.of("loggers").into_iter().find_map(|(id, body)| {
            let component = ResourceId::parse(text(body, "/properties/resourceId")?).ok()?;
            let reference = text(body, "/properties/credentials/connectionString")?;
            let value = self.service.child("namedValues", reference.trim_start_matches("{{").trim_end_matches("}}"));
            let usual = text(body, "/properties/loggerType")?.eq_ignore_ascii_case("applicationInsights")
                && component.is_type("Microsoft.Insights/components")
                && component.name().eq_ignore_ascii_case(id.name())
                && value.name().eq_ignore_ascii_case(&format!("{}-connection-string", component.name()))
                && self.live.get(&value).is_some()
                && self.live.get(&component).is_some();
            usual.then(|| (id.clone(), component))
        })
    }

    /// The diagnostic setting that sends the service's logs to a workspace.
    fn setting(&self) -> Option<(ResourceId, &'a Value)> {
        let live: &'a super::read::Live = self.live;
        let settings = live.bodies.iter().filter(|(id, body)| {
            id.is_type("Microsoft.Insights/diagnosticSettings") && self.wanted(id) && text(body, "/properties/workspaceId").is_some()
        });
        settings.map(|(id, body)| (id.clone(), body)).next()
    }

    /// Name, group and region of something beside the service; `existing` unless this specification made it.
    fn beside(&self, id: &ResourceId, body: &Value) -> Map<String, Value> {
        let mut fields = Map::new();
        fields.insert("name".to_owned(), json!(id.name()));
        let ours = self.is_ours(body);
        if !ours {
            fields.insert("existing".to_owned(), json!(true));
        }
        if id.group_name().zip(self.service.group_name()).is_some_and(|(one, other)| !one.eq_ignore_ascii_case(other)) {
            fields.insert("resourceGroup".to_owned(), json!(id.group_name()));
        }
        if ours {
            let place = |text: &str| text.replace(' ', "").to_ascii_lowercase();
            let group = self.service.parent().and_then(|group| text(self.live.get(&group)?, "/location"));
            if let Some(location) = text(body, "/location").filter(|location| group.is_none_or(|group| place(group) != place(location))) {
                fields.insert("location".to_owned(), json!(location));
            }
            if let Some(tags) = self.tags(body) {
                fields.insert("tags".to_owned(), tags);
            }
        }
        fields
    }

    fn workspace(&mut self, id: &ResourceId) -> Option<Map<String, Value>> {
        let body = self.live.get(id)?;
        let mut fields = self.beside(id, body);
        if self.is_ours(body) {
            if let Some(days) = whole(body, "/properties/retentionInDays") {
                fields.insert("retentionInDays".to_owned(), json!(days));
            }
            // ARM answers the tier in another spelling than it takes.
            if let Some(sku) = text(body, "/properties/sku/name").filter(|sku| !sku.eq_ignore_ascii_case("PerGB2018")) {
                fields.insert("sku".to_owned(), json!(sku));
            }
        }
        self.take(id);
        Some(fields)
    }

    fn application_insights(&mut self, logger: &ResourceId, component: &ResourceId) -> Option<Map<String, Value>> {
        let body = self.live.get(component)?;
        let mut fields = self.beside(component, body);
        let logger_body = self.live.get(logger)?;
        if logger_body.pointer("/properties/credentials/identityClientId").is_some_and(|id| !id.is_null()) {
            fields.insert("authentication".to_owned(), json!("managedIdentity"));
        }
        let opted_in = text(body, "/properties/CustomMetricsOptedInType").is_some_and(|kind| kind.eq_ignore_ascii_case("WithDimensions"));
        if !opted_in {
            fields.insert("customMetricsWithDimensions".to_owned(), json!(false));
        }
        let id = self.service.child("diagnostics", "applicationinsights");
        let diagnostic = self.live.get(&id).filter(|body| {
            self.wanted(&id)
                && text(body, "/properties/loggerId").is_some_and(|own| last(own).eq_ignore_ascii_case(logger.name()))
                && text(body, "/properties/verbosity").is_some()
        })?;
        // What the section would say of itself has to be said where it is otherwise.
        let mut own = self.diagnostic(&id, diagnostic);
        own.shift_remove("logger");
        let usual = [("metrics", json!(true)), ("verbosity", json!("information")), ("httpCorrelationProtocol", json!("W3C"))];
        let defaults = [("metrics", json!(false)), ("verbosity", json!("information")), ("httpCorrelationProtocol", json!("Legacy"))];
        for ((key, usual), (_, default)) in usual.into_iter().zip(defaults) {
            match own.get(key) {
                Some(value) if *value == usual => drop(own.shift_remove(key)),
                Some(_) => {}
                None if default == usual => {}
                None => drop(own.insert(key.to_owned(), default)),
            }
        }
        if own.contains_key("largeLanguageModel") || own.contains_key("properties") {
            return None;
        }
        self.take(&id);
        self.take(logger);
        self.take(component);
        self.take(&self.service.child("namedValues", &format!("{}-connection-string", component.name())));
        fields.extend(own);
        Some(fields)
    }

    /// A diagnostic's fields, as `diagnostics:` has them.
    fn diagnostic(&self, id: &ResourceId, body: &Value) -> Map<String, Value> {
        let mut fields = Map::new();
        if let Some(percentage) = body.pointer("/properties/sampling/percentage").and_then(Value::as_f64).filter(|own| *own < 100.0) {
            fields.insert("samplingPercentage".to_owned(), json!(percentage));
        }
        fields.extend(self.fields(id, body, &DIAGNOSTIC, &["loggerId", "sampling"]));
        fields
    }

    /// The diagnostics of an API or of the service that no other section describes.
    pub(super) fn diagnostics_of(&mut self, scope: &ResourceId, kind: &str) -> Map<String, Value> {
        let mut entries = Map::new();
        for (id, body) in self.of(kind) {
            if id.parent().as_ref() != Some(scope) {
                continue;
            }
            let mut fields = self.diagnostic(id, body);
            if let Some(logger) = text(body, "/properties/loggerId") {
                fields.insert("logger".to_owned(), json!(last(logger)));
            }
            self.take(id);
            entries.insert(id.name().to_owned(), Value::Object(fields));
        }
        entries
    }

    pub(super) fn loggers_and_diagnostics(&mut self) {
        let mut entries = Map::new();
        for (id, body) in self.of("loggers") {
            let mut fields = self.fields(id, body, &["loggerType", "description", "resourceId", "isBuffered", "credentials"], &[]);
            if let Some(credentials) = fields.get_mut("credentials").and_then(Value::as_object_mut) {
                for (key, value) in credentials {
                    let Some(own) = value.as_str().map(str::to_owned) else { continue };
                    let generated = own.contains("{{Logger-Credentials-");
                    let plain = ["name", "endpointAddress", "identityClientId"].contains(&key.as_str());
                    if plain || is_reference(&own) && !generated {
                        continue;
                    }
                    let named = self.generated_value(&own);
                    *value = self.secret(&format!("{}_{key}", id.name()), &format!("`{key}` of the logger `{}`", id.name()), named, None);
                }
            }
            self.take(id);
            entries.insert(id.name().to_owned(), Value::Object(fields));
        }
        self.section("loggers", entries);
        let service = self.service.clone();
        let diagnostics = self.diagnostics_of(&service, "diagnostics");
        self.section("diagnostics", diagnostics);
    }

    /// The named value in which the service keeps a logger's credential.
    fn generated_value(&self, reference: &str) -> Option<ResourceId> {
        let name = reference.trim_start_matches("{{").trim_end_matches("}}");
        let found = self.live.of("namedValues").find(|(_, body)| text(body, "/properties/displayName") == Some(name));
        found.map(|(id, _)| id.clone())
    }
}

fn setting_fields(id: &ResourceId, body: &Value) -> Map<String, Value> {
    let mut fields = Map::new();
    if id.name() != "apimctl" {
        fields.insert("name".to_owned(), json!(id.name()));
    }
    let on = |list: &str| -> Vec<&Value> {
        let items = body.pointer(&format!("/properties/{list}")).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        items.iter().filter(|item| item.get("enabled") == Some(&Value::Bool(true))).collect()
    };
    let logs: Vec<&str> =
        on("logs").into_iter().filter_map(|item| text(item, "/category").or_else(|| text(item, "/categoryGroup"))).collect();
    fields.insert("logs".to_owned(), json!(logs));
    if on("metrics").is_empty() {
        fields.insert("metrics".to_owned(), json!(false));
    }
    if let Some(destination) = text(body, "/properties/logAnalyticsDestinationType").filter(|own| *own != "Dedicated") {
        fields.insert("logAnalyticsDestinationType".to_owned(), json!(destination));
    }
    fields
}
