//! Diagnostic settings: an extension of any resource. What was not asked for comes back disabled, and the destination type
//! comes back null (issue threads of Terraform's provider).

use serde_json::{Value, json};

use super::super::{Kind, Place, Verbs, Write};
use crate::arm::ResourceId;
use crate::emulator::answer::{Answer, Refusal};
use crate::emulator::paging;
use crate::emulator::request::Request;
use crate::emulator::router::Route;
use crate::emulator::shape::{Field, TEXT, Type};
use crate::emulator::transaction::Transaction;

const RETENTION: Field =
    Field::new("retentionPolicy", Type::Object(&[Field::new("enabled", Type::Boolean), Field::new("days", Type::Integer(0, 365))]));

pub(super) const KIND: Kind = Kind {
    name: "Microsoft.Insights/diagnosticSettings",
    label: "Diagnostic setting",
    place: Place::Extension,
    verbs: Verbs::ALL.without(Verbs::PATCH).without(Verbs::HEAD),
    properties: &[
        Field::new("workspaceId", TEXT).or("null"),
        Field::new("storageAccountId", TEXT).or("null"),
        Field::new("eventHubAuthorizationRuleId", TEXT).or("null"),
        Field::new("eventHubName", TEXT).or("null"),
        Field::new("serviceBusRuleId", TEXT).or("null"),
        Field::new("marketplacePartnerId", TEXT),
        Field::new("logAnalyticsDestinationType", TEXT).or("null"),
        Field::new(
            "logs",
            Type::List(
                &Type::Object(&[
                    Field::new("category", TEXT).or("null"),
                    Field::new("categoryGroup", TEXT).or("null"),
                    Field::new("enabled", Type::Boolean).required(),
                    RETENTION,
                ]),
                0,
                100,
            ),
        )
        .or("[]"),
        Field::new(
            "metrics",
            Type::List(
                &Type::Object(&[
                    Field::new("category", TEXT),
                    Field::new("enabled", Type::Boolean).required(),
                    Field::new("timeGrain", TEXT),
                    RETENTION,
                ]),
                0,
                100,
            ),
        )
        .or("[]"),
    ],
    conditional: false,
    // az takes 200 only (observed with az 2.91).
    created: 200,
    complete,
    ..Kind::CHILD
};

/// Categories of API Management (the list is assumed).
const SERVICE_LOGS: &[&str] = &["GatewayLogs", "GatewayLlmLogs", "WebSocketConnectionLogs", "DeveloperPortalAuditLogs"];

fn log_categories(scope: &ResourceId) -> &'static [&'static str] {
    if scope.is_type("Microsoft.ApiManagement/service") {
        SERVICE_LOGS
    } else if scope.is_type("Microsoft.CognitiveServices/accounts") {
        &["Audit", "RequestResponse", "AzureOpenAIRequestUsage", "Trace"]
    } else {
        &[]
    }
}

fn complete(write: &mut Write<'_, '_>) -> Result<(), Refusal> {
    let Some(scope) = write.id.parent() else { return Ok(()) };
    let known = log_categories(&scope);
    let destinations = ["workspaceId", "storageAccountId", "eventHubAuthorizationRuleId", "marketplacePartnerId"];
    if destinations.iter().all(|name| write.text(&format!("/properties/{name}")).is_none()) {
        return Err(Refusal::plain(400, "BadRequest", "At least one data sink needs to be specified."));
    }
    if let Some(workspace) = write.text("/properties/workspaceId")
        && ResourceId::parse(workspace).ok().and_then(|id| write.tx.get(&id)).is_none()
    {
        return Err(Refusal::plain(404, "ResourceNotFound", format!("The workspace '{workspace}' was not found.")));
    }
    let mut logs = write.take("/properties/logs").and_then(|logs| logs.as_array().cloned()).unwrap_or_default();
    let mut metrics = write.take("/properties/metrics").and_then(|metrics| metrics.as_array().cloned()).unwrap_or_default();
    for log in &logs {
        if let Some(category) = log.get("category").and_then(Value::as_str)
            && !known.is_empty()
            && !known.iter().any(|name| name.eq_ignore_ascii_case(category))
        {
            return Err(Refusal::plain(400, "BadRequest", format!("Category '{category}' is not supported.")));
        }
    }
    let off = || json!({ "enabled": false, "days": 0 });
    for entry in logs.iter_mut().chain(&mut metrics) {
        if entry.get("retentionPolicy").is_none()
            && let Some(entry) = entry.as_object_mut()
        {
            entry.insert("retentionPolicy".to_owned(), off());
        }
    }
    let grouped = logs.iter().any(|log| log.get("categoryGroup").is_some_and(Value::is_string));
    if !grouped {
        for category in known {
            if !logs.iter().any(|log| log.get("category").and_then(Value::as_str).is_some_and(|name| name.eq_ignore_ascii_case(category))) {
                logs.push(json!({ "category": category, "categoryGroup": null, "enabled": false, "retentionPolicy": off() }));
            }
        }
    }
    if !metrics
        .iter()
        .any(|metric| metric.get("category").and_then(Value::as_str).is_some_and(|name| name.eq_ignore_ascii_case("AllMetrics")))
    {
        metrics.push(json!({ "category": "AllMetrics", "timeGrain": null, "enabled": false, "retentionPolicy": off() }));
    }
    write.set("/properties/logs", logs);
    write.set("/properties/metrics", metrics);
    // API Management honours `Dedicated`, and still answers null (issue threads).
    if let Some(destination) = write.take("/properties/logAnalyticsDestinationType") {
        write.stored.internal = json!({ "logAnalyticsDestinationType": destination });
    }
    write.set("/properties/logAnalyticsDestinationType", Value::Null);
    write.set("/location", Value::Null);
    write.set("/tags", Value::Null);
    write.set("/kind", Value::Null);
    write.set("/identity", Value::Null);
    Ok(())
}

pub(super) fn categories(tx: &Transaction<'_>, request: &Request, route: &Route<'_>) -> Result<Answer, Refusal> {
    let scope = ResourceId::parse(&route.scope_path()).map_err(|error| Refusal::plain(400, "InvalidResourceId", error.to_string()))?;
    let Some(stored) = tx.get(&scope) else { return Err(crate::emulator::router::resource_not_found(&scope)) };
    let logs = log_categories(&stored.id).iter().map(|name| (*name, "Logs"));
    let items = logs.chain([("AllMetrics", "Metrics")]).map(|(name, sort)| {
        json!({
            "id": format!("{}/providers/microsoft.insights/diagnosticSettingsCategories/{name}", stored.id),
            "type": "Microsoft.Insights/diagnosticSettingsCategories",
            "name": name,
            "properties": { "categoryType": sort, "categoryGroups": if sort == "Logs" { json!(["allLogs"]) } else { json!([]) } }
        })
    });
    paging::page(tx.options, request, items.collect(), false)
}
