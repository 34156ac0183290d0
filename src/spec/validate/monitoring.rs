//! Workspace, Application Insights, loggers, diagnostics, alerts.

use std::time::Duration;

use super::backends::duration;
use super::{Advise, Rules, is_full_id};
use crate::spec::codes;
use crate::spec::model::{Diagnostic, LargeLanguageModel, Monitoring};
use crate::spec::tree::join;
use crate::support::duration::parse_iso8601;
use crate::support::finding::Kind;

/// Names that a diagnostic can have (all published samples).
const DIAGNOSTICS: &[&str] = &["applicationinsights", "azuremonitor", "local"];
/// `evaluationFrequency` of metric alerts (ARM contract's description).
const METRIC_FREQUENCIES: &[&str] = &["PT1M", "PT5M", "PT15M", "PT30M", "PT1H"];
/// `windowSize` of metric alerts (ARM contract's description).
const METRIC_WINDOWS: &[&str] = &["PT1M", "PT5M", "PT15M", "PT30M", "PT1H", "PT6H", "PT12H", "P1D"];
/// Longest `windowSize` of log alerts (log alerts page).
const LONGEST_LOG_WINDOW: Duration = Duration::from_secs(2 * 24 * 3_600);

pub(super) fn check(rules: &mut Rules<'_>) {
    if let Some(monitoring) = &rules.spec.monitoring {
        workspace(rules, monitoring);
        insights(rules, monitoring);
        language_model(rules, monitoring);
    }
    loggers(rules);
    for (name, diagnostic) in &rules.spec.diagnostics {
        let pointer = join("/diagnostics", name);
        check_diagnostic(rules, name, diagnostic, &pointer);
        let made = rules.spec.monitoring.as_ref().is_some_and(|monitoring| match name.as_str() {
            "applicationinsights" => monitoring.application_insights.is_some(),
            "azuremonitor" => monitoring.azure_monitor.is_some(),
            _ => false,
        });
        if made {
            let message = format!("`monitoring` makes the diagnostic `{name}` already");
            rules.error_at_key(codes::DIAGNOSTIC, Kind::Place, &pointer, message).advise("keep one of the two");
        }
    }
    for (api_name, api) in &rules.spec.apis {
        for (name, diagnostic) in &api.diagnostics {
            let pointer = join(&format!("{}/diagnostics", join("/apis", api_name)), name);
            check_diagnostic(rules, name, diagnostic, &pointer);
        }
    }
    metric_alerts(rules);
    log_alerts(rules);
}

fn workspace(rules: &mut Rules<'_>, monitoring: &Monitoring) {
    let missing = monitoring.log_analytics.is_none() && !rules.is_broken("/monitoring/logAnalytics");
    let insights_made = monitoring.application_insights.as_ref().is_some_and(|insights| !insights.existing);
    for (key, needs) in [("applicationInsights", insights_made), ("diagnosticSettings", monitoring.diagnostic_settings.is_some())] {
        if needs && missing {
            let message = format!("`{key}` needs a workspace");
            rules
                .error_at_key(codes::SERVICE_INCOMPLETE, Kind::Place, &format!("/monitoring/{key}"), message)
                .advise("add `logAnalytics` to `monitoring`");
        }
    }
    let elsewhere = [
        ("logAnalytics", monitoring.log_analytics.as_ref().map(|workspace| (workspace.existing, workspace.resource_group.is_some()))),
        (
            "applicationInsights",
            monitoring.application_insights.as_ref().map(|insights| (insights.existing, insights.resource_group.is_some())),
        ),
    ];
    for (key, given) in elsewhere {
        let Some((existing, group)) = given else { continue };
        if group && !existing {
            let message = format!("`{key}` is made in the resource group of this specification");
            let finding = rules.error_at_key(codes::EXISTING, Kind::Place, &format!("/monitoring/{key}/resourceGroup"), message);
            finding.advise("remove `resourceGroup`, or add `existing: true` if it is there already");
        }
        let ignored: Vec<&str> = ["location", "sku", "retentionInDays", "tags", "properties"]
            .into_iter()
            .filter(|property| existing && rules.locator.contains(&format!("/monitoring/{key}/{property}")))
            .collect();
        if !ignored.is_empty() {
            let names = ignored.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let message = format!("`{key}` exists already and is only read, so {names} change nothing");
            rules.trap(codes::EXISTING, &format!("/monitoring/{key}/existing"), message);
        }
    }
}

fn insights(rules: &mut Rules<'_>, monitoring: &Monitoring) {
    let Some(insights) = &monitoring.application_insights else { return };
    if insights.custom_metrics_with_dimensions == Some(false) && insights.metrics != Some(false) {
        let message = "token metrics arrive without their dimensions, so they cannot be told apart by API, model or subscription";
        let finding = rules.trap(codes::METRICS_WITHOUT_DIMENSIONS, "/monitoring/applicationInsights/customMetricsWithDimensions", message);
        finding.advise("remove `customMetricsWithDimensions: false`");
    }
    if rules.spec.loggers.keys().any(|name| name.eq_ignore_ascii_case(&insights.name)) {
        let message = format!("`monitoring` makes a logger `{}` already", insights.name);
        rules.error_at_key(codes::DUPLICATE_NAME, Kind::Place, &join("/loggers", &insights.name), message);
    }
}

fn language_model(rules: &mut Rules<'_>, monitoring: &Monitoring) {
    let Some(logs) = monitoring.azure_monitor.as_ref().and_then(|monitor| monitor.large_language_model.as_ref()) else { return };
    let sent = monitoring.diagnostic_settings.as_ref().is_some_and(|settings| {
        settings.logs.as_ref().is_some_and(|logs| logs.iter().any(|category| category == "GatewayLlmLogs" || category == "allLogs"))
    });
    if logs.logs == "enabled" && !sent {
        let message = "prompts and completions are logged and go nowhere";
        let finding = rules.trap(codes::DIAGNOSTIC, "/monitoring/azureMonitor/largeLanguageModel", message);
        finding.advise("add `GatewayLlmLogs` to `diagnosticSettings.logs`");
    }
}

fn loggers(rules: &mut Rules<'_>) {
    for (name, logger) in &rules.spec.loggers {
        let pointer = join("/loggers", name);
        let given = logger.credentials.as_ref().is_some_and(|credentials| !credentials.is_empty());
        match logger.logger_type.as_str() {
            "azureMonitor" if given => {
                let message = "a logger of the type `azureMonitor` has no credentials";
                rules.error_at_key(codes::DIAGNOSTIC, Kind::Place, &format!("{pointer}/credentials"), message);
            }
            "applicationInsights" | "azureEventHub" if !given && !rules.is_broken(&format!("{pointer}/credentials")) => {
                let message = format!("the logger `{name}` needs `credentials`");
                let form = if logger.logger_type == "azureEventHub" { "`name` and `connectionString`" } else { "`connectionString`" };
                rules.error_at_key(codes::DIAGNOSTIC, Kind::Place, &pointer, message).advise(format!("they hold {form}"));
            }
            _ => {}
        }
    }
}

fn check_diagnostic(rules: &mut Rules<'_>, name: &str, diagnostic: &Diagnostic, pointer: &str) {
    if !DIAGNOSTICS.contains(&name) {
        let message = format!("there is no diagnostic `{name}`");
        let names = DIAGNOSTICS.iter().copied();
        rules.error_at_key(codes::BAD_NAME, Kind::Place, pointer, message).advise(super::pick(name, names));
        return;
    }
    let monitoring = rules.spec.monitoring.as_ref();
    let made = match name {
        "applicationinsights" => {
            monitoring.and_then(|monitoring| monitoring.application_insights.as_ref()).map(|insights| insights.name.as_str())
        }
        "azuremonitor" => monitoring.filter(|monitoring| monitoring.azure_monitor.is_some()).map(|_| "azuremonitor"),
        _ => None,
    };
    match &diagnostic.logger {
        Some(logger) if is_full_id(logger) || made == Some(logger.as_str()) => {}
        Some(logger) => {
            rules.refer("loggers", "logger", logger, &format!("{pointer}/logger"));
        }
        // Azure Monitor has one logger of a fixed name, which is made when it is needed; `local` logs nowhere else.
        None if made.is_none() && name == "applicationinsights" => {
            let message = "the diagnostic `applicationinsights` needs a logger";
            let finding = rules.error_at_key(codes::DIAGNOSTIC, Kind::Place, pointer, message);
            finding.advise("add `applicationInsights` to `monitoring`, or name one of `loggers` by `logger`");
        }
        None => {}
    }
    if diagnostic.metrics == Some(true) && name != "applicationinsights" {
        let message = format!("`metrics` is for the diagnostic `applicationinsights`, not for `{name}`");
        rules.error_at_key(codes::DIAGNOSTIC, Kind::Place, &format!("{pointer}/metrics"), message);
    }
    if diagnostic.large_language_model.as_ref().is_some_and(LargeLanguageModel::is_enabled) && name != "azuremonitor" {
        let message = format!("prompts and completions are logged by the diagnostic `azuremonitor`, not by `{name}`");
        rules.error_at_key(codes::DIAGNOSTIC, Kind::Place, &format!("{pointer}/largeLanguageModel"), message);
    }
}

fn metric_alerts(rules: &mut Rules<'_>) {
    for (name, alert) in &rules.spec.metric_alerts {
        let pointer = join("/metricAlerts", name);
        for (key, value, allowed) in
            [("windowSize", &alert.window_size, METRIC_WINDOWS), ("evaluationFrequency", &alert.evaluation_frequency, METRIC_FREQUENCIES)]
        {
            if let Some(value) = value.as_deref().filter(|value| !allowed.contains(value)) {
                let message = format!("`{value}` cannot be the `{key}` of a metric alert");
                let finding = rules.error(codes::BAD_DURATION, Kind::Type, &format!("{pointer}/{key}"), message);
                finding.advise(format!("allowed: {}", allowed.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ")));
            }
        }
        windows(rules, alert.window_size.as_deref().unwrap_or("PT5M"), alert.evaluation_frequency.as_deref().unwrap_or("PT1M"), &pointer);
        groups(rules, &alert.action_groups, &pointer);
        scope(rules, alert.scope.as_deref(), &pointer);
    }
}

fn log_alerts(rules: &mut Rules<'_>) {
    for (name, alert) in &rules.spec.log_alerts {
        let pointer = join("/logAlerts", name);
        for (key, value) in [("windowSize", &alert.window_size), ("evaluationFrequency", &alert.evaluation_frequency)] {
            if let Some(value) = value {
                duration(rules, value, &format!("{pointer}/{key}"));
            }
        }
        if alert.window_size.as_deref().and_then(parse_iso8601).is_some_and(|window| window > LONGEST_LOG_WINDOW) {
            rules.error(codes::ALERT, Kind::Type, &format!("{pointer}/windowSize"), "a log alert looks back two days at most");
        }
        windows(rules, alert.window_size.as_deref().unwrap_or("PT5M"), alert.evaluation_frequency.as_deref().unwrap_or("PT5M"), &pointer);
        let aggregation = alert.time_aggregation.as_deref().unwrap_or("Count");
        if aggregation != "Count" && alert.metric_measure_column.is_none() {
            let message = format!("`{aggregation}` needs `metricMeasureColumn`, the column that is aggregated");
            rules.error_at_key(codes::ALERT, Kind::Place, &format!("{pointer}/timeAggregation"), message);
        }
        groups(rules, &alert.action_groups, &pointer);
        scope(rules, alert.scope.as_deref(), &pointer);
        query(rules, &alert.query, alert.scope.is_none(), &pointer);
        let workspace = rules.spec.monitoring.as_ref().is_some_and(|monitoring| monitoring.log_analytics.is_some());
        if alert.scope.is_none() && !workspace && !rules.is_broken("/monitoring") && !rules.is_broken("/monitoring/logAnalytics") {
            let message = format!("the log alert `{name}` has nothing to query");
            rules.error_at_key(codes::ALERT, Kind::Place, &pointer, message).advise("add `monitoring.logAnalytics`, or a `scope`");
        }
    }
}

/// Names of tables that a component has and a workspace does not.
const TABLES: [(&str, &str); 2] = [("requests", "AppRequests"), ("customMetrics", "AppMetrics")];

/// Queries that find nothing: the tables of a component asked of its workspace, and an API's name looked for in URLs.
fn query(rules: &mut Rules<'_>, query: &str, of_workspace: bool, pointer: &str) {
    let place = format!("{pointer}/query");
    let words = || query.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
    let first = words().find(|word| !word.is_empty());
    if of_workspace && let Some((table, real)) = TABLES.iter().find(|(table, _)| first == Some(*table)) {
        let message = format!("a Log Analytics workspace has no table `{table}`");
        rules.trap(codes::FRUITLESS_QUERY, &place, message).advise(format!("there it is `{real}`"));
    }
    let names_url = words().any(|word| word.eq_ignore_ascii_case("url"));
    let spec = rules.spec;
    let looked_for = |name: &&String| query.contains(&format!("\"{name}\"")) || query.contains(&format!("'{name}'"));
    if names_url && let Some(api) = spec.apis.keys().find(looked_for) {
        let message = format!("the URL of a request does not hold `{api}`: an API's name is no part of its address");
        let finding = rules.trap(codes::FRUITLESS_QUERY, &place, message);
        finding.advise("compare `ApiId` in `ApiManagementGatewayLogs`, or `Properties[\"API Name\"]` in `AppRequests`");
    }
}

/// An alert must not look more rarely than its window is long, or it would miss what lies between.
fn windows(rules: &mut Rules<'_>, window: &str, frequency: &str, pointer: &str) {
    if let (Some(window_length), Some(frequency_length)) = (parse_iso8601(window), parse_iso8601(frequency))
        && frequency_length > window_length
    {
        let message = format!("`evaluationFrequency` (`{frequency}`) must not be longer than `windowSize` (`{window}`)");
        rules.error(codes::ALERT, Kind::Type, &format!("{pointer}/evaluationFrequency"), message);
    }
}

fn groups(rules: &mut Rules<'_>, groups: &[String], pointer: &str) {
    for (index, group) in groups.iter().enumerate().filter(|(_, group)| !is_full_id(group)) {
        rules.refer("actionGroups", "action group", group, &format!("{pointer}/actionGroups/{index}"));
    }
}

fn scope(rules: &mut Rules<'_>, scope: Option<&str>, pointer: &str) {
    if scope.is_some_and(|scope| !is_full_id(scope)) {
        let finding =
            rules.error(codes::ALERT, Kind::Type, &format!("{pointer}/scope"), "the scope of an alert is the full id of a resource");
        finding.advise("it begins with `/subscriptions/`");
    }
}
