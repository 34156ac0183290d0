//! Metrics that never arrive.

use super::codes;
use super::resources::{Resources, elements};
use crate::support::finding::{Finding, Kind};

const METRIC_POLICIES: [&str; 3] = ["azure-openai-emit-token-metric", "llm-emit-token-metric", "emit-metric"];

pub(super) fn check(resources: &Resources<'_>, findings: &mut Vec<Finding>) {
    let emitter = resources.policies().iter().find_map(|policy| {
        let element = METRIC_POLICIES.iter().find_map(|name| elements(policy.document, name).into_iter().next())?;
        Some((policy.document.span(&element.name_range), element.name.clone()))
    });
    let Some((place, name)) = emitter else { return };
    // Emission is skipped unless an Application Insights diagnostic has `metrics: true` (seen in traces).
    let diagnostics = || {
        resources
            .of("diagnostics")
            .chain(resources.of("apis/diagnostics"))
            .filter(|diagnostic| diagnostic.id.name().eq_ignore_ascii_case("applicationinsights"))
    };
    if !diagnostics().any(|diagnostic| diagnostic.is_true("/properties/metrics"))
        && (resources.is_closed() || diagnostics().next().is_some())
    {
        findings.push(
            Finding::warning(
                codes::NO_METRICS,
                Kind::Trap,
                format!("`<{name}>` sends nothing: no Application Insights diagnostic has `metrics: true`"),
            )
            .at(place)
            .help("set `metrics: true` in `monitoring.applicationInsights`"),
        );
    }
    for component in resources.iter().filter(|resource| resource.id.is_type("Microsoft.Insights/components")) {
        let opted = component.text("/properties/CustomMetricsOptedInType").is_some_and(|kind| kind.eq_ignore_ascii_case("WithDimensions"));
        if !opted {
            findings.push(
                Finding::warning(
                    codes::NO_DIMENSIONS,
                    Kind::Trap,
                    format!("the component `{}` drops the dimensions of `<{name}>`", component.id.name()),
                )
                .at(component.span.or(Some(place)))
                .help("set `CustomMetricsOptedInType: WithDimensions` on it"),
            );
        }
    }
}
