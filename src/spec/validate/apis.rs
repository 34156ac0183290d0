//! APIs, version sets, imports.

use std::collections::HashMap;

use super::operations;
use super::{Advise, Rules};
use crate::spec::codes;
use crate::spec::model::{Api, ClientKind, Import, VersionSet};
use crate::spec::tree::join;
use crate::support::finding::Kind;

/// Path of an API's twin for the Azure OpenAI SDKs.
pub(super) const SDK_PATH: &str = "openai";

pub(super) fn check(rules: &mut Rules<'_>) {
    for (name, set) in &rules.spec.api_version_sets {
        version_set(rules, name, set);
    }
    for (name, api) in &rules.spec.apis {
        let pointer = join("/apis", name);
        versioning(rules, name, api, &pointer);
        if let Some(import) = &api.import {
            check_import(rules, import, &format!("{pointer}/import"));
        }
        operations::check(rules, name, api, &pointer);
    }
    paths(rules);
}

fn version_set(rules: &mut Rules<'_>, name: &str, set: &VersionSet) {
    let pointer = join("/apiVersionSets", name);
    for (scheme, key, given) in [
        ("Query", "versionQueryName", set.version_query_name.is_some()),
        ("Header", "versionHeaderName", set.version_header_name.is_some()),
    ] {
        if set.versioning_scheme == scheme && !given {
            let message = format!("the version set `{name}` needs `{key}`");
            rules.error_at_key(codes::VERSIONING, Kind::Place, &pointer, message);
        } else if set.versioning_scheme != scheme && given {
            let message = format!("`{key}` belongs to the scheme `{scheme}`, not to `{}`", set.versioning_scheme);
            rules.error_at_key(codes::VERSIONING, Kind::Place, &format!("{pointer}/{key}"), message);
        }
    }
}

fn versioning(rules: &mut Rules<'_>, name: &str, api: &Api, pointer: &str) {
    match (&api.api_version_set, &api.api_version) {
        (Some(set), version) => {
            rules.refer("apiVersionSets", "version set", set, &format!("{pointer}/apiVersionSet"));
            if version.is_none() && !rules.is_broken(&format!("{pointer}/apiVersion")) {
                // An unversioned "original" API in a set is legal: it answers requests that name no version.
                let message = format!("`{name}` has a version set and no `apiVersion`, so it answers requests without a version");
                rules
                    .trap(codes::VERSIONING, &format!("{pointer}/apiVersionSet"), message)
                    .advise("add `apiVersion: v1`, if that is not what is meant");
            }
        }
        (None, Some(_)) if !rules.is_broken(&format!("{pointer}/apiVersionSet")) => {
            let message = format!("`{name}` has a version and no version set");
            rules.error_at_key(codes::VERSIONING, Kind::Place, &format!("{pointer}/apiVersion"), message).advise("add `apiVersionSet`");
        }
        (None, _) => {}
    }
}

fn check_import(rules: &mut Rules<'_>, import: &Import, pointer: &str) {
    if import.file.is_some() == import.url.is_some() {
        let message = "an import needs either `file` or `url`";
        rules.error_at_key(codes::IMPORT, Kind::Place, pointer, message);
        return;
    }
    let Some(format) = import.format.as_deref() else { return };
    let linked = format.contains("-link");
    if linked != import.url.is_some() {
        let message = format!("the format `{format}` goes with `{}`", if linked { "url" } else { "file" });
        rules.error(codes::IMPORT, Kind::Type, &format!("{pointer}/format"), message);
    }
}

/// Two APIs may share a path only as versions of one set.
fn paths(rules: &mut Rules<'_>) {
    let mut seen: HashMap<(String, Option<String>), Vec<&String>> = HashMap::new();
    for (name, api) in &rules.spec.apis {
        let version = api
            .api_version_set
            .as_ref()
            .map(|set| format!("{}/{}", set.to_lowercase(), api.api_version.as_deref().unwrap_or("").to_lowercase()));
        let key = (normal(&api.path), version.clone());
        let others = seen.entry(key).or_default();
        if let Some(first) = others.first() {
            clash(rules, name, first, &api.path, version.is_some());
        } else if let Some(first) = other_set(rules, name, api) {
            clash(rules, name, &first, &api.path, false);
        }
        others.push(name);
    }
    let twins: Vec<&String> = rules.spec.apis.iter().filter(|(_, api)| has_twin(api)).map(|(name, _)| name).collect();
    for twin in twins.iter().skip(1) {
        let message = format!(
            "`{twin}` and `{}` would both answer Azure OpenAI SDKs at the path `{SDK_PATH}`",
            twins.first().map_or("", |first| first.as_str())
        );
        let place = format!("{}/clients", join("/apis", twin));
        rules.error_at_key(codes::CLIENTS, Kind::Place, &place, message).advise("keep `azure-openai-sdk` in one of them");
    }
    for (name, api) in &rules.spec.apis {
        if let Some(twin) = twins.first().filter(|_| normal(&api.path) == SDK_PATH && api.api_version_set.is_none()) {
            let place = format!("{}/path", join("/apis", name));
            let message = format!("the path `{SDK_PATH}` is taken by what `{twin}` makes for Azure OpenAI SDKs");
            let finding = rules.error(codes::CLIENTS, Kind::Place, &place, message);
            finding.advise("give the API another path, for instance `\"\"`, or take `azure-openai-sdk` out of `clients`");
        }
    }
}

/// An earlier API of the same path in another version set, or in none.
fn other_set(rules: &Rules<'_>, name: &str, api: &Api) -> Option<String> {
    rules
        .spec
        .apis
        .iter()
        .take_while(|(other, _)| *other != name)
        .find(|(_, other)| {
            let same_set = match (&other.api_version_set, &api.api_version_set) {
                (Some(one), Some(another)) => one.eq_ignore_ascii_case(another),
                _ => false,
            };
            normal(&other.path) == normal(&api.path) && !same_set
        })
        .map(|(other, _)| other.clone())
}

fn clash(rules: &mut Rules<'_>, name: &str, first: &str, path: &str, versions: bool) {
    let message = if versions {
        format!("`{name}` and `{first}` have the same path and the same version")
    } else {
        format!("`{name}` and `{first}` have the same path `{path}`")
    };
    let first_place = rules.locator.value(&format!("{}/path", join("/apis", first)));
    let finding = rules.error(codes::DUPLICATE_PATH, Kind::Place, &format!("{}/path", join("/apis", name)), message);
    finding.advise("give them different paths, or make them versions of one `apiVersionSet`");
    if let Some(first_place) = first_place {
        finding.labels.push((first_place, "the other one".to_owned()));
    }
}

/// Whether the API gets a twin for the Azure OpenAI SDKs.
pub(super) fn has_twin(api: &Api) -> bool {
    api.clients.as_ref().is_some_and(|clients| clients.contains(&ClientKind::AzureOpenAiSdk))
}

/// A path as the service compares it: no slashes at the ends, no case (assumed).
fn normal(path: &str) -> String {
    path.trim_matches('/').to_lowercase()
}
