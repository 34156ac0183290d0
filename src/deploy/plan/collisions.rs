//! Two APIs cannot have one path, whatever they are called.

use serde_json::Value;

use super::{Action, Change};
use crate::arm::ResourceId;
use crate::deploy::codes;
use crate::deploy::deployment::Deployment;
use crate::deploy::live::Live;
use crate::support::finding::{Finding, Kind};

const API: &str = "Microsoft.ApiManagement/service/apis";

/// Where an API answers: path without slashes at its ends, in lower case, and version. Versions of one set share a path.
fn place(body: &Value) -> Option<(String, String)> {
    let path = body.pointer("/properties/path")?.as_str()?.trim_matches('/').to_ascii_lowercase();
    let version = body.pointer("/properties/apiVersion").and_then(Value::as_str).unwrap_or_default();
    Some((path, version.to_ascii_lowercase()))
}

/// Says who has the path that an API is meant to get.
pub(super) fn check(deployment: &Deployment, live: &Live, changes: &[Change], findings: &mut Vec<Finding>) {
    for change in changes.iter().filter(|change| change.action != Action::None && change.kind.eq_ignore_ascii_case(API)) {
        let Some(resource) = change.desired.and_then(|index| deployment.desired.resources.get(index)) else { continue };
        let (Some(own), Some(wanted)) = (&change.target, place(&resource.body.value)) else { continue };
        for other in &live.apis {
            let Some(id) = other.get("id").and_then(Value::as_str).and_then(|id| ResourceId::parse(id).ok()) else { continue };
            // Revisions share the path of their API.
            let name = id.name().split(";rev=").next().unwrap_or_default();
            let moves = changes.iter().any(|change| {
                change.target.as_ref().is_some_and(|target| target.name().eq_ignore_ascii_case(name))
                    && change.kind.eq_ignore_ascii_case(API)
                    && change.action != Action::None
            });
            if own.name().eq_ignore_ascii_case(name) || moves || place(other) != Some(wanted.clone()) {
                continue;
            }
            let path = &wanted.0;
            let finding = match live.other_owner(&deployment.desired.owner, &id) {
                Some(owner) => Finding::error(
                    codes::OWNED_BY_OTHER,
                    Kind::Place,
                    format!("the path `{path}` of the API `{}` belongs to the API `{name}` of the specification `{owner}`", own.name()),
                ),
                None => Finding::error(
                    codes::FOREIGN_RESOURCE,
                    Kind::Place,
                    format!("the path `{path}` of the API `{}` is taken by the API `{name}`", own.name()),
                ),
            };
            findings.push(finding.at(change.span).help("choose another `path`, or remove the other API"));
        }
    }
}
