//! Application Insights components, diagnostic settings, alerts and action groups.

mod diagnostic_settings;

use http::Method;
use serde_json::{Value, json};

use super::{Kind, Write};
use crate::arm::ResourceId;
use crate::emulator::answer::{Answer, Refusal};
use crate::emulator::request::Request;
use crate::emulator::router::Route;
use crate::emulator::shape::{Field, TEXT, TEXTS, Type};
use crate::emulator::timestamp;
use crate::emulator::transaction::Transaction;

const TAGS: Field = Field::new("tags", Type::Map(&TEXT));
const LOCATION: Field = Field::new("location", TEXT).required();
/// Who has one of these may write telemetry; GET shows both all the same.
const INSTRUMENTATION_KEY: &str = "/properties/InstrumentationKey";
const CONNECTION_STRING: &str = "/properties/ConnectionString";
const ACCESS: Type = Type::Word(&["Enabled", "Disabled", "SecuredByPerimeter"]);

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "Microsoft.Insights/components",
        label: "Component",
        naming: Some((r"^[^%&\\?/]*[^%&\\?/. ]$", 1, 260)),
        envelope: &[LOCATION, TAGS, Field::new("kind", TEXT).required()],
        properties: &[
            Field::new("Application_Type", Type::Word(&["web", "other"])).required(),
            Field::new("Flow_Type", TEXT).or(r#""Bluefield""#),
            Field::new("Request_Source", TEXT).or(r#""rest""#),
            Field::new("WorkspaceResourceId", TEXT).required(),
            Field::new("RetentionInDays", Type::Integer(30, 730)).or("90"),
            Field::new("SamplingPercentage", Type::Number(0.0, 100.0)),
            Field::new("IngestionMode", Type::Word(&["LogAnalytics", "ApplicationInsights", "ApplicationInsightsWithDiagnosticSettings"]))
                .or(r#""LogAnalytics""#),
            Field::new("DisableIpMasking", Type::Boolean),
            Field::new("DisableLocalAuth", Type::Boolean).or("false"),
            Field::new("ImmediatePurgeDataOn30Days", Type::Boolean),
            Field::new("ForceCustomerStorageForProfiler", Type::Boolean),
            Field::new("HockeyAppId", TEXT),
            Field::new("publicNetworkAccessForIngestion", ACCESS).or(r#""Enabled""#),
            Field::new("publicNetworkAccessForQuery", ACCESS).or(r#""Enabled""#),
            // In no published contract; the portal sets it, and custom metrics keep their dimensions only with it.
            Field::new("CustomMetricsOptedInType", Type::Word(&["Off", "NoDimensions", "WithDimensions"])),
        ],
        created: 200,
        complete: component,
        show: super::show_secrets,
        ..Kind::TRACKED
    },
    diagnostic_settings::KIND,
    Kind {
        name: "Microsoft.Insights/metricAlerts",
        label: "Metric alert",
        envelope: &[LOCATION, TAGS, Field::new("identity", Type::Any)],
        properties: &[
            Field::new("description", TEXT),
            Field::new("severity", Type::Integer(0, 4)).required(),
            Field::new("enabled", Type::Boolean).required(),
            Field::new("scopes", TEXTS).required(),
            Field::new("evaluationFrequency", Type::Duration).required(),
            Field::new("windowSize", Type::Duration),
            Field::new("targetResourceType", TEXT),
            Field::new("targetResourceRegion", TEXT),
            Field::new("criteria", Type::Any).required(),
            Field::new("autoMitigate", Type::Boolean).or("true"),
            Field::new(
                "actions",
                Type::List(&Type::Object(&[Field::new("actionGroupId", TEXT), Field::new("webHookProperties", Type::Map(&TEXT))]), 0, 50),
            )
            .or("[]"),
        ],
        // az takes 200 only (observed with az 2.91).
        created: 200,
        complete: alert,
        ..Kind::TRACKED
    },
    Kind {
        name: "Microsoft.Insights/scheduledQueryRules",
        label: "Scheduled query rule",
        envelope: &[LOCATION, TAGS, Field::new("kind", TEXT).or(r#""LogAlert""#), Field::new("identity", Type::Any)],
        properties: &[
            Field::new("description", TEXT),
            Field::new("displayName", TEXT),
            Field::new("severity", Type::Integer(0, 4)),
            Field::new("enabled", Type::Boolean).or("true"),
            Field::new("scopes", TEXTS),
            Field::new("evaluationFrequency", Type::Duration),
            Field::new("windowSize", Type::Duration),
            Field::new("overrideQueryTimeRange", Type::Duration),
            Field::new("targetResourceTypes", TEXTS),
            Field::new("criteria", Type::Any),
            Field::new("muteActionsDuration", Type::Duration),
            Field::new(
                "actions",
                Type::Object(&[
                    Field::new("actionGroups", TEXTS),
                    Field::new("customProperties", Type::Map(&TEXT)),
                    Field::new("actionProperties", Type::Map(&TEXT)),
                ]),
            ),
            Field::new("checkWorkspaceAlertsStorageConfigured", Type::Boolean).or("false"),
            Field::new("skipQueryValidation", Type::Boolean).or("false"),
            Field::new("autoMitigate", Type::Boolean).or("true"),
            Field::new("ruleResolveConfiguration", Type::Any),
        ],
        complete: alert,
        ..Kind::TRACKED
    },
    Kind {
        name: "Microsoft.Insights/actionGroups",
        label: "Action group",
        envelope: &[LOCATION, TAGS, Field::new("identity", Type::Any)],
        properties: &[
            Field::new("groupShortName", Type::Text(1, 12)).required(),
            Field::new("enabled", Type::Boolean).required(),
            Field::new("emailReceivers", Type::Any).or("[]"),
            Field::new("smsReceivers", Type::Any).or("[]"),
            Field::new("webhookReceivers", Type::Any).or("[]"),
            Field::new("eventHubReceivers", Type::Any).or("[]"),
            Field::new("itsmReceivers", Type::Any).or("[]"),
            Field::new("azureAppPushReceivers", Type::Any).or("[]"),
            Field::new("automationRunbookReceivers", Type::Any).or("[]"),
            Field::new("voiceReceivers", Type::Any).or("[]"),
            Field::new("logicAppReceivers", Type::Any).or("[]"),
            Field::new("azureFunctionReceivers", Type::Any).or("[]"),
            Field::new("armRoleReceivers", Type::Any).or("[]"),
        ],
        complete: |write| {
            write.keep_or("/location", |write| json!(super::resources::normalised_region(write.text("/location").unwrap_or_default())));
            // The service writes a status into each receiver.
            for receivers in ["emailReceivers", "smsReceivers"] {
                let pointer = format!("/properties/{receivers}");
                for receiver in write.stored.body.pointer_mut(&pointer).and_then(Value::as_array_mut).into_iter().flatten() {
                    if let Some(receiver) = receiver.as_object_mut() {
                        receiver.insert("status".to_owned(), json!("Enabled"));
                    }
                }
            }
            Ok(())
        },
        ..Kind::TRACKED
    },
];

fn component(write: &mut Write<'_, '_>) -> Result<(), Refusal> {
    let workspace = write.text("/properties/WorkspaceResourceId").unwrap_or_default().to_owned();
    if ResourceId::parse(&workspace).ok().and_then(|id| write.tx.get(&id)).is_none() && !workspace.is_empty() {
        return Err(Refusal::plain(400, "BadRequest", format!("The workspace '{workspace}' could not be found.")));
    }
    let location = super::resources::normalised_region(write.text("/location").unwrap_or_default());
    write.keep_or("/location", |_| json!(location.clone()));
    let name = write.id.name().to_owned();
    write.keep_or("/properties/AppId", |write| json!(write.tx.options.random.uuid().to_string()));
    write.set("/properties/Name", name.clone());
    write.set("/properties/ApplicationId", name);
    let app = write.text("/properties/AppId").unwrap_or_default().to_owned();
    let kept = write.existing.as_ref().and_then(|existing| existing.secrets.get(INSTRUMENTATION_KEY)).map(|key| key.expose().clone());
    let key = kept.unwrap_or_else(|| write.tx.options.random.uuid().to_string());
    let connection_string = format!(
        "InstrumentationKey={key};IngestionEndpoint=https://{location}-0.in.applicationinsights.azure.com/;LiveEndpoint=https://{location}.livediagnostics.monitor.azure.com/;ApplicationId={app}"
    );
    for (pointer, secret) in [(INSTRUMENTATION_KEY, key), (CONNECTION_STRING, connection_string)] {
        write.set(pointer, Value::Null);
        write.stored.secrets.insert(pointer.to_owned(), secret.into());
    }
    let (now, tenant) = (timestamp(write.tx.now), write.id.subscription_id().unwrap_or_default().to_owned());
    write.keep_or("/properties/CreationDate", |_| json!(now));
    // `TenantId` of a component is the Azure subscription's id.
    write.set("/properties/TenantId", tenant);
    write.set("/properties/LaMigrationDate", Value::Null);
    write.set("/properties/provisioningState", "Succeeded");
    write.set("/properties/Ver", "v2");
    Ok(())
}

fn alert(write: &mut Write<'_, '_>) -> Result<(), Refusal> {
    let groups: Vec<String> = ["/properties/actions"]
        .iter()
        .filter_map(|pointer| write.stored.body.pointer(pointer))
        .flat_map(|actions| match actions {
            Value::Array(items) => {
                items.iter().filter_map(|item| item.get("actionGroupId").and_then(Value::as_str)).map(str::to_owned).collect::<Vec<_>>()
            }
            other => other
                .get("actionGroups")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
        })
        .collect();
    for group in groups {
        if ResourceId::parse(&group).ok().and_then(|id| write.tx.get(&id)).is_none() {
            return Err(Refusal::plain(400, "BadRequest", format!("The action group '{group}' was not found.")));
        }
    }
    Ok(())
}

/// Categories of diagnostic settings.
pub(super) fn special(tx: &mut Transaction<'_>, request: &Request, route: &Route<'_>) -> Option<Result<Answer, Refusal>> {
    let words = route.words();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["diagnosticsettingscategories"] if request.method == Method::GET => Some(diagnostic_settings::categories(tx, request, route)),
        _ => None,
    }
}
