//! Logs and metrics arrive, with what tells them apart.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use time::OffsetDateTime;

use crate::arm::{ResourceId, catalogue};
use crate::policy::Element;
use crate::verify::outcome::{Cause, Finding, Step};
use crate::verify::run::Run;
use crate::verify::scene::Scene;
use crate::verify::subject::Subject;
use crate::verify::telemetry::Arrived;

const COMPONENT: &str = "Microsoft.Insights/components";
const PAUSE: Duration = Duration::from_secs(15);
/// A gateway in this process tells at once; the last request's metrics may be a moment behind its answer.
const SHORT_PAUSE: Duration = Duration::from_millis(50);
const SHORT_PATIENCE: Duration = Duration::from_secs(2);

/// Requests, token metrics, their dimensions.
pub(in crate::verify) async fn check(run: &mut Run<'_>, scene: &Scene, since: OffsetDateTime) {
    let subject = run.subject;
    let Some(monitoring) = subject.spec().and_then(|spec| spec.monitoring.as_ref()) else {
        for name in ["telemetry/requests", "telemetry/token-metrics", "telemetry/dimensions"] {
            run.add(name, Step::Monitoring, Finding::skip("the specification has no `monitoring`"));
        }
        return;
    };
    let wants_requests = monitoring.log_analytics.is_some() || monitoring.application_insights.is_some();
    let emits: Vec<&str> = scene.apis.iter().filter(|api| scene.documents.has(&api.id, emits_tokens)).map(|api| api.name()).collect();
    let arrived = wait(run, since, wants_requests, !emits.is_empty()).await;
    let arrived = match arrived {
        Ok(arrived) => arrived,
        Err(why) => {
            for name in ["telemetry/requests", "telemetry/token-metrics"] {
                run.add(name, Step::Monitoring, Finding::skip(why.clone()));
            }
            dimensions(run, scene, &Arrived::default(), &emits).await;
            return;
        }
    };
    let place = subject.telemetry.place();
    let finding = match arrived.requests {
        _ if !wants_requests => Finding::skip("the specification has neither a workspace nor Application Insights"),
        Some(0) | None => Finding::fail(format!("{place} has no requests of this run"), no_telemetry(subject)),
        Some(count) => Finding::pass(format!("{place} has {count} requests")),
    };
    run.add("telemetry/requests", Step::Monitoring, finding);
    let total: f64 = arrived.tokens.iter().filter(|series| series.name == "Total Tokens").map(|series| series.sum).sum();
    let finding = if emits.is_empty() {
        Finding::skip("no policy of the specification emits token metrics")
    } else if total <= 0.0 {
        Finding::fail(format!("{place} has no `Total Tokens` of this run"), no_metrics(subject))
    } else {
        Finding::pass(format!("{place} has {total:.0} tokens in {} series, from {}", arrived.tokens.len(), emits.join(", ")))
    };
    run.add("telemetry/token-metrics", Step::Monitoring, finding);
    dimensions(run, scene, &arrived, &emits).await;
}

fn emits_tokens(element: &Element) -> bool {
    element.name.ends_with("-emit-token-metric")
}

async fn wait(run: &Run<'_>, since: OffsetDateTime, requests: bool, tokens: bool) -> Result<Arrived, String> {
    let subject = run.subject;
    let prompt = subject.telemetry.is_prompt();
    let (pause, patience) = if prompt { (SHORT_PAUSE, SHORT_PATIENCE) } else { (PAUSE, subject.settings.telemetry_patience) };
    let clock = subject.settings.clock.clone();
    let deadline = clock.now() + patience;
    let mut told = false;
    loop {
        let arrived = subject.telemetry.arrived(since).await?;
        let complete = (!requests || arrived.requests.is_some_and(|count| count > 0)) && (!tokens || !arrived.tokens.is_empty());
        if complete || clock.now() >= deadline || run.is_cancelled() {
            return Ok(arrived);
        }
        if !told && !prompt {
            run.listener.note("Telemetry takes some minutes to arrive");
            told = true;
        }
        clock.sleep(pause).await;
    }
}

fn no_telemetry(subject: &Subject<'_>) -> Vec<Cause> {
    vec![
        Cause::new(
            "the diagnostic setting sends no GatewayLogs, or telemetry is later than usual",
            format!("{}\naz monitor diagnostic-settings list --resource {}", subject.commands.of("plan"), service(subject)),
        ),
        Cause::new("the logger of Application Insights has an old connection string", subject.commands.of("apply")),
    ]
}

fn no_metrics(subject: &Subject<'_>) -> Vec<Cause> {
    vec![
        Cause::new(
            "the diagnostic `applicationinsights` has `metrics: false`, so metrics of policies go nowhere",
            format!("set `monitoring.applicationInsights.metrics: true` and run: {}", subject.commands.of("apply")),
        ),
        Cause::new("no request got an answer with `usage`, so there was nothing to count", "see what the checks of clients say above"),
    ]
}

fn service<'a>(subject: &Subject<'a>) -> &'a str {
    let desired: &'a crate::deploy::Desired = subject.desired;
    desired.service.as_ref().map_or("", ResourceId::as_str)
}

/// That dimensions can arrive at all, and that they tell something.
async fn dimensions(run: &mut Run<'_>, scene: &Scene, arrived: &Arrived, emits: &[&str]) {
    if emits.is_empty() {
        run.add("telemetry/dimensions", Step::Monitoring, Finding::skip("no policy of the specification emits token metrics"));
        return;
    }
    let mut causes = Vec::new();
    let mut good = Vec::new();
    match opted_in(run.subject).await {
        Ok(Some((_, true))) => good.push("the component keeps dimensions".to_owned()),
        Ok(Some((id, false))) => causes.push(Cause::new(
            format!("`CustomMetricsOptedInType` of `{}` is not `WithDimensions`: metrics arrive without what tells them apart", id.name()),
            format!(
                "remove `customMetricsWithDimensions: false` and run: {}\naz resource update --ids {id} --set properties.CustomMetricsOptedInType=WithDimensions",
                run.subject.commands.of("apply")
            ),
        )),
        Ok(None) => {}
        Err(why) => good.push(format!("the component cannot be read ({why})")),
    }
    // A dimension of the user's own that always says the same nothing.
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for series in &arrived.tokens {
        for (name, value) in &series.dimensions {
            values.entry(name).or_default().insert(value);
        }
    }
    let wanted = wanted(scene);
    for (name, seen) in &values {
        let own = wanted.iter().any(|(wanted, own)| *own && wanted.eq_ignore_ascii_case(name));
        let empty = seen.iter().all(|value| value.is_empty() || value.eq_ignore_ascii_case("unknown"));
        if own && empty {
            causes.push(Cause::new(
                format!("the dimension `{name}` is always `{}`: nothing sets what it is read from", seen.iter().next().copied().unwrap_or_default()),
                format!(
                    "read it from the path: @(context.Request.MatchedParameters.GetValueOrDefault(\"deployment-id\", \"unknown\")), then: {}",
                    run.subject.commands.of("apply")
                ),
            ));
        }
    }
    if !values.is_empty() {
        let missing: Vec<&str> = wanted
            .iter()
            .map(|(name, _)| name.as_str())
            .filter(|name| !values.keys().any(|seen| seen.eq_ignore_ascii_case(name)))
            .collect();
        if !missing.is_empty() && causes.is_empty() {
            causes.push(Cause::new(
                format!("no series has the dimensions {}", missing.join(", ")),
                "a metric keeps five dimensions of its own; further ones are dropped: name fewer in the policy",
            ));
        }
        let shown: Vec<String> = values.iter().map(|(name, seen)| format!("{name} ({})", seen.len())).collect();
        good.push(format!("with values: {}", shown.join(", ")));
    } else {
        good.push("no series has arrived to look at".to_owned());
    }
    let finding = if causes.is_empty() {
        Finding::pass(good.join("; "))
    } else {
        Finding::fail(causes.iter().map(|cause| cause.text.clone()).collect::<Vec<_>>().join("; "), causes)
    };
    run.add("telemetry/dimensions", Step::Monitoring, finding);
}

/// Dimensions that policies name; whether they have a value of their own.
fn wanted(scene: &Scene) -> Vec<(String, bool)> {
    let mut found: Vec<(String, bool)> = Vec::new();
    for api in &scene.apis {
        for attached in scene.documents.of_api(&api.id) {
            for visit in attached.document.walk().iter().filter(|visit| emits_tokens(visit.element)) {
                for dimension in visit.element.elements_named("dimension") {
                    if let Some(name) = dimension.literal("name")
                        && !found.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
                    {
                        found.push((name.to_owned(), dimension.attribute("value").is_some()));
                    }
                }
            }
        }
    }
    found
}

/// The component of the specification, and whether it keeps dimensions of custom metrics.
async fn opted_in(subject: &Subject<'_>) -> Result<Option<(ResourceId, bool)>, String> {
    let Some(id) = subject.desired.resources.iter().filter_map(|resource| resource.id.known()).find(|id| id.is_type(COMPONENT)) else {
        return Ok(None);
    };
    let version = catalogue::find(COMPONENT).map_or("2020-02-02", |entry| entry.api_version);
    let found = subject.client.get(id.as_str(), version, &[]).await.map_err(|error| error.to_string())?;
    let kind = found.and_then(|found| {
        let properties = found.body.get("properties")?.as_object()?.clone();
        let entry = properties.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("CustomMetricsOptedInType"));
        entry.and_then(|(_, value)| match value {
            Value::String(text) => Some(text),
            _ => None,
        })
    });
    Ok(Some((id.clone(), kind.is_some_and(|kind| kind.eq_ignore_ascii_case("WithDimensions")))))
}
