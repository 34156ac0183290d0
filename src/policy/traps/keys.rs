//! Keys: taken too late, or sent too far.

use super::{Code, Scene, values};
use crate::policy::codes;
use crate::policy::document::{Element, Section};
use crate::support::finding::{Finding, Kind};

/// The service's own key header.
const DEFAULT_KEY_HEADER: &str = "Ocp-Apim-Subscription-Key";
/// What Azure OpenAI clients send.
const AZURE_KEY_HEADER: &str = "api-key";

pub(super) fn traps(scene: &Scene<'_>, findings: &mut Vec<Finding>) {
    key_from_bearer(scene, findings);
    key_forwarded(scene, findings);
}

fn is_key_header(element: &Element) -> Option<&'static str> {
    let name = element.literal("name")?.trim();
    [DEFAULT_KEY_HEADER, AZURE_KEY_HEADER].into_iter().find(|known| known.eq_ignore_ascii_case(name))
}

/// The key is checked before any policy runs (five independent sources), so a header that is set in `<inbound>` comes too late.
/// Setting `api-key` for a backend is fine; making it of the client's `Authorization` is not.
fn key_from_bearer(scene: &Scene<'_>, findings: &mut Vec<Finding>) {
    let from_authorization: Vec<&str> = scene
        .elements("set-variable")
        .filter(|visit| {
            values(visit.element).filter_map(|value| Code::of(&value.expression()?.code)).any(|code| reads_authorization(&code))
        })
        .filter_map(|visit| visit.element.literal("name"))
        .collect();
    for visit in scene.elements("set-header").filter(|visit| visit.section == Some(Section::Inbound)) {
        let Some(header) = is_key_header(visit.element) else { continue };
        // Inside `send-request` the header belongs to another request.
        let other_request = scene
            .walk
            .ancestors(visit)
            .any(|parent| matches!(parent.element.name.as_str(), "send-request" | "send-one-way-request" | "return-response"));
        if other_request || visit.element.literal("exists-action") == Some("delete") {
            continue;
        }
        let made_of_authorization = visit
            .element
            .elements_named("value")
            .flat_map(values)
            .filter_map(|value| Code::of(&value.expression()?.code))
            .any(|code| reads_authorization(&code) || code.variables().any(|read| from_authorization.contains(&read.name)));
        if header == DEFAULT_KEY_HEADER || made_of_authorization {
            findings.push(
                Finding::warning(codes::KEY_FROM_BEARER, Kind::Trap, format!("setting `{header}` in `<inbound>` does not authenticate the caller: the key is checked before any policy runs"))
                    .at(scene.document.span(&visit.element.name_range))
                    .help("set `bearer: enabled` in the API's `subscriptionKeyParameterNames` (or `clients: [bearer]` in the spec), and remove this"),
            );
        }
    }
}

fn reads_authorization(code: &Code<'_>) -> bool {
    code.has("Request . Headers")
        && (0..code.len()).any(|index| code.string(index).is_some_and(|text| text.eq_ignore_ascii_case("Authorization")))
}

/// Without knowing the API's key names; with the resources at hand the analysis looks closer.
fn key_forwarded(scene: &Scene<'_>, findings: &mut Vec<Finding>) {
    if scene.context.scope.is_some() || !scene.language_model || scene.includes_fragments() {
        return;
    }
    let Some(backend) = scene.elements("set-backend-service").next() else { return };
    let deletes = |header: &str| {
        scene.elements("set-header").any(|visit| {
            visit.element.literal("exists-action") == Some("delete")
                && matches!(visit.section, Some(Section::Inbound | Section::Backend) | None)
                && visit.element.literal("name").is_some_and(|name| name.trim().eq_ignore_ascii_case(header))
        })
    };
    if !deletes(DEFAULT_KEY_HEADER) && !deletes(AZURE_KEY_HEADER) {
        findings.push(
            Finding::warning(codes::KEY_FORWARDED, Kind::Trap, "the client's subscription key is sent on to the backend")
                .at(scene.document.span(&backend.element.name_range))
                .help(format!("delete the key headers first: `<set-header name=\"{DEFAULT_KEY_HEADER}\" exists-action=\"delete\" />`, the same for `{AZURE_KEY_HEADER}`, and the key query parameter")),
        );
    }
}
