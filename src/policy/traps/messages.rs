//! What of a message cannot be changed, and what of the context is not there yet.

use super::{Scene, Site};
use crate::policy::codes;
use crate::policy::document::{Section, Visit};
use crate::support::finding::{Finding, Kind};

pub(super) fn traps(scene: &Scene<'_>, findings: &mut Vec<Finding>) {
    for visit in scene.elements("set-header") {
        unsettable(scene, visit, findings);
    }
    for site in &scene.sites {
        not_there(site, findings);
    }
}

/// Headers that the service keeps for itself (documented on the page of `set-header`).
const FIXED: [&str; 4] = ["Connection", "Content-Length", "Keep-Alive", "Transfer-Encoding"];

fn unsettable(scene: &Scene<'_>, visit: &Visit<'_>, findings: &mut Vec<Finding>) {
    let Some(attribute) = visit.element.attribute("name") else { return };
    let Some(name) = attribute.value.literal().map(str::trim) else { return };
    let other = scene.walk.ancestors(visit).any(|around| matches!(around.element.name.as_str(), "send-request" | "send-one-way-request"));
    let deletes = visit.element.literal("exists-action").map(str::trim) == Some("delete");
    let response = matches!(visit.section, Some(Section::Outbound | Section::OnError));
    let message = if !other && FIXED.iter().any(|fixed| fixed.eq_ignore_ascii_case(name)) {
        format!("the service keeps `{name}` for itself: setting or deleting it has no effect")
    } else if deletes && response && name.eq_ignore_ascii_case("Server") {
        "the header `Server` of a response cannot be deleted".to_owned()
    } else {
        return;
    };
    findings.push(
        Finding::warning(codes::UNSETTABLE, Kind::Trap, message).at(scene.document.span(&attribute.value_range)).help("remove this policy"),
    );
}

/// `context.Response` is null until there is one, `context.LastError` until there was an error (documented).
fn not_there(site: &Site<'_>, findings: &mut Vec<Finding>) {
    // These are looked at when the response is there.
    let later = matches!(site.attribute, Some("increment-condition" | "increment-count"));
    let null = match site.visit.section {
        Some(Section::Inbound) if later => return,
        Some(Section::Inbound) => [Some(("Response", "there is no response yet in `<inbound>`")), last_error("inbound")],
        Some(Section::Backend) => [None, last_error("backend")],
        Some(Section::Outbound) => [None, last_error("outbound")],
        Some(Section::OnError) | None => return,
    };
    for (property, why) in null.into_iter().flatten() {
        let code = &site.code;
        let guarded = [
            format!("context . {property} == null"),
            format!("context . {property} != null"),
            format!("null == context . {property}"),
            format!("null != context . {property}"),
            format!("context . {property} is null"),
        ];
        if code.has("try {") || guarded.iter().any(|guard| code.has(guard)) {
            continue;
        }
        if let Some(read) = code.find(&format!("context . {property} .")).next() {
            findings.push(
                Finding::warning(codes::NOT_THERE_YET, Kind::Trap, format!("{why}: `context.{property}` is null, so that this throws"))
                    .at(code.span(read.start..read.end + 1))
                    .help("move it to a section where it is there, or test it for null first"),
            );
        }
    }
}

const fn last_error(section: &'static str) -> Option<(&'static str, &'static str)> {
    Some((
        "LastError",
        match section.as_bytes() {
            b"inbound" => "there is no error in `<inbound>`",
            b"backend" => "there is no error in `<backend>`",
            _ => "there is no error in `<outbound>`",
        },
    ))
}
