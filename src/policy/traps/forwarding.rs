//! Forwarding: retries, streams, pools, metrics.

use super::{Code, Scene, Site};
use crate::policy::codes;
use crate::policy::document::Visit;
use crate::support::finding::{Finding, Kind};

/// More dimensions than these are accepted and never arrive (current page and a field report; an older page said ten).
const MAX_DIMENSIONS: usize = 5;

pub(super) fn traps(scene: &Scene<'_>, findings: &mut Vec<Finding>) {
    for visit in scene.elements("retry") {
        retry(scene, visit, findings);
    }
    streams(scene, findings);
    pool_reason(scene, findings);
    dimensions(scene, findings);
}

fn retry(scene: &Scene<'_>, visit: &Visit<'_>, findings: &mut Vec<Finding>) {
    let Some(forward) = Scene::holds(visit.element, "forward-request") else { return };
    if forward.literal("buffer-request-body").map(str::trim) != Some("true") {
        findings.push(
            Finding::warning(
                codes::RETRY_UNBUFFERED,
                Kind::Trap,
                "the retry sends an empty body from the second attempt on: the request is not buffered",
            )
            .at(scene.document.span(&forward.name_range))
            .label(scene.document.span(&visit.element.name_range), "the retry")
            .help("write `<forward-request buffer-request-body=\"true\" … />`"),
        );
    }
    let Some(condition) = visit.element.attribute("condition").and_then(|attribute| attribute.value.expression()) else { return };
    let Some(code) = Code::of(&condition.code) else { return };
    let guarded = [
        "context . Response == null",
        "context . Response != null",
        "null == context . Response",
        "null != context . Response",
        "context . Response is null",
    ]
    .iter()
    .any(|guard| code.has(guard));
    if !guarded && let Some(read) = code.find("context . Response .").next() {
        findings.push(
            Finding::warning(
                codes::RETRY_NULL_RESPONSE,
                Kind::Trap,
                "after a transport failure `context.Response` is null, so that this condition throws and the caller gets a 500",
            )
            .at(code.span(read.start..read.end + 1))
            .help("write `context.Response == null || …` in front of it"),
        );
    }
}

fn streams(scene: &Scene<'_>, findings: &mut Vec<Finding>) {
    if !scene.language_model {
        return;
    }
    for visit in scene.elements("forward-request") {
        if visit.element.attribute("buffer-response").is_none() || visit.element.literal("buffer-response").map(str::trim) == Some("true") {
            findings.push(
                Finding::warning(
                    codes::BUFFERED_STREAM,
                    Kind::Trap,
                    "`buffer-response` is true by default: streamed completions reach the caller in lumps, not token by token",
                )
                .at(scene.document.span(&visit.element.name_range))
                .help("write `buffer-response=\"false\"`"),
            );
        }
    }
}

fn pool_reason(scene: &Scene<'_>, findings: &mut Vec<Finding>) {
    for Site { code, .. } in scene.sites.iter().filter(|site| site.code.has(". StatusReason") || site.code.has("?. StatusReason")) {
        let text = (0..code.len()).find(|index| {
            code.string(*index).is_some_and(|text| text.contains("is temporarily unavailable") || text.contains("Backend pool"))
        });
        if let Some(index) = text {
            findings.push(
                Finding::warning(
                    codes::POOL_REASON_TEXT,
                    Kind::Trap,
                    "the reason text of an exhausted pool has been changed by the service: this condition no longer tells it apart",
                )
                .at(code.span(index..index + 1))
                .help(
                    "let the attempts equal the pool's members, so that an exhausted pool is never retried, and test the status code only",
                ),
            );
        }
    }
}

fn dimensions(scene: &Scene<'_>, findings: &mut Vec<Finding>) {
    for name in ["emit-metric", "llm-emit-token-metric", "azure-openai-emit-token-metric"] {
        for visit in scene.elements(name) {
            let count = visit.element.elements_named("dimension").count();
            if let Some(sixth) = visit.element.elements_named("dimension").nth(MAX_DIMENSIONS) {
                findings.push(
                    Finding::warning(
                        codes::TOO_MANY_DIMENSIONS,
                        Kind::Trap,
                        format!("`<{name}>` has {count} dimensions; only {MAX_DIMENSIONS} are kept"),
                    )
                    .at(scene.document.span(&sixth.name_range))
                    .help("keep the ones that you chart"),
                );
            }
        }
    }
}
