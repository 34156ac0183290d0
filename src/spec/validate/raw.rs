//! `resources:`: any ARM type, as far as it can be checked without knowing the type.

use std::collections::HashMap;

use super::{Advise, Rules, is_full_id};
use crate::spec::codes;
use crate::spec::model::RawResource;
use crate::support::finding::Kind;
use crate::support::suggest;

/// Type of the children of an API Management service.
const SERVICE: &str = "microsoft.apimanagement/service";

/// Sections that `dependsOn` can name, and the type that each one makes as a child of the service (empty: none).
const SECTIONS: &[(&str, &str)] = &[
    ("namedValues", "namedvalues"),
    ("backends", "backends"),
    ("policyFragments", "policyfragments"),
    ("apiVersionSets", "apiversionsets"),
    ("apis", "apis"),
    ("products", "products"),
    ("groups", "groups"),
    ("users", "users"),
    ("loggers", "loggers"),
    ("diagnostics", "diagnostics"),
    ("subscriptions", "subscriptions"),
    ("actionGroups", ""),
    ("metricAlerts", ""),
    ("logAlerts", ""),
];

pub(super) fn check(rules: &mut Rules<'_>) {
    let mut seen: HashMap<(String, String, String), usize> = HashMap::new();
    for (index, resource) in rules.spec.resources.iter().enumerate() {
        let pointer = format!("/resources/{index}");
        kind_and_name(rules, resource, &pointer);
        dependencies(rules, resource, &pointer);
        let key = (resource.kind.to_lowercase(), resource.name.to_lowercase(), resource.scope.as_deref().unwrap_or("").to_lowercase());
        if let Some(first) = seen.insert(key, index) {
            let message = format!("the resource `{}` stands twice", resource.name);
            let first = rules.locator.value(&format!("/resources/{first}/name"));
            let finding = rules.error(codes::DUPLICATE_NAME, Kind::Place, &format!("{pointer}/name"), message);
            if let Some(first) = first {
                finding.labels.push((first, "first here".to_owned()));
            }
        }
    }
}

fn kind_and_name(rules: &mut Rules<'_>, resource: &RawResource, pointer: &str) {
    let segments: Vec<&str> = resource.kind.split('/').collect();
    let sound = segments.len() >= 2
        && segments.iter().all(|segment| !segment.is_empty())
        && segments.first().is_some_and(|provider| provider.contains('.'));
    if !sound {
        let message = format!("`{}` is not a full resource type", resource.kind);
        rules
            .error(codes::RAW_RESOURCE, Kind::Type, &format!("{pointer}/type"), message)
            .advise("for instance `Microsoft.ApiManagement/service/caches`");
        return;
    }
    let depth = segments.len() - 1;
    let names = resource.name.split('/').count();
    let kind = resource.kind.to_lowercase();
    let child = kind.strip_prefix(SERVICE).and_then(|rest| rest.strip_prefix('/'));
    // Children of the service may leave out the service's own name.
    let expected = if child.is_some() { depth - 1 } else { depth };
    if names != depth && names != expected || resource.name.split('/').any(str::is_empty) {
        let message = format!("the type `{}` needs {expected} name segments, and `{}` has {names}", resource.kind, resource.name);
        rules.error(codes::RAW_RESOURCE, Kind::Type, &format!("{pointer}/name"), message);
    }
    let taken = child.and_then(|child| SECTIONS.iter().find(|(_, made)| *made == child)).map(|(section, _)| *section);
    if let Some(section) = taken.filter(|section| rules.has(section, resource.name.rsplit('/').next().unwrap_or(&resource.name))) {
        let message = format!("`{}` is described under `{section}` already", resource.name);
        rules
            .error(codes::RAW_RESOURCE, Kind::Place, &format!("{pointer}/name"), message)
            .advise("use its `properties` there for what is not modelled");
    }
    if kind == SERVICE {
        let message = "the service itself is described by `service`";
        rules
            .error(codes::RAW_RESOURCE, Kind::Place, &format!("{pointer}/type"), message)
            .advise("use `service.properties` for what is not modelled");
    }
    if resource.scope.as_deref().is_some_and(|scope| !is_full_id(scope)) {
        let finding = rules.error(codes::RAW_RESOURCE, Kind::Type, &format!("{pointer}/scope"), "a scope is the full id of a resource");
        finding.advise("it begins with `/subscriptions/`");
    }
}

fn dependencies(rules: &mut Rules<'_>, resource: &RawResource, pointer: &str) {
    for (index, name) in resource.depends_on.iter().enumerate() {
        let place = format!("{pointer}/dependsOn/{index}");
        let Some((section, entry)) = name.split_once('/') else {
            rules
                .error(codes::RAW_RESOURCE, Kind::Type, &place, format!("`{name}` is not the name of a thing"))
                .advise("write `backends/{name}`, `apis/{name}` …");
            continue;
        };
        if SECTIONS.iter().any(|(known, _)| *known == section) {
            if !rules.has(section, entry) {
                rules.error(codes::DANGLING, Kind::Place, &place, format!("there is no `{entry}` under `{section}`"));
            }
        } else {
            let near = suggest::nearest(section, SECTIONS.iter().map(|(known, _)| *known));
            let finding = rules.error(codes::RAW_RESOURCE, Kind::Type, &place, format!("nothing can be named under `{section}`"));
            if let Some(near) = near {
                finding.advise(format!("did you mean `{near}/{entry}`?"));
            }
        }
    }
}
