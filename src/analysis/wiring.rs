//! Names in policies and pools that lead nowhere.

use std::collections::HashSet;

use serde_json::Value;

use super::codes;
use super::resources::{PolicyDocument, Resources, elements, is_pool, scope_of, service_of};
use crate::policy::{Reference, Scope, references};
use crate::support::finding::{Finding, Kind};
use crate::support::suggest;

pub(super) fn check(resources: &Resources<'_>, findings: &mut Vec<Finding>) {
    let dangling = if resources.is_closed() { Finding::error } else { Finding::warning };
    let finding = |what: &str, name: &str, near: Option<&str>| {
        let finding = dangling(codes::DANGLING, Kind::Place, format!("the {what} `{name}` does not exist"));
        match near {
            Some(near) => finding.help(format!("did you mean `{near}`?")),
            None => finding.help(format!("declare the {what}, or correct the name")),
        }
    };
    for policy in resources.policies() {
        let Some(service) = service_of(policy.id) else { continue };
        parameters(resources, policy, findings);
        let found = references(policy.document);
        let lists: [(&str, &str, &[Reference]); 4] = [
            ("backend", "backends", &found.backends),
            ("policy fragment", "policyFragments", &found.fragments),
            ("logger", "loggers", &found.loggers),
            ("certificate", "certificates", &found.certificates),
        ];
        for (what, kind, list) in lists {
            for reference in list {
                let name = reference.name.rsplit('/').next().unwrap_or_default();
                let id = service.child(kind, name);
                let fragment = resources.policies().iter().any(|policy| *policy.id == id);
                if resources.get(&id).is_none() && !fragment {
                    let near = suggest::nearest(name, resources.of(kind).map(|other| other.id.name()));
                    findings.push(finding(what, name, near).at(reference.span));
                }
            }
        }
        // A policy names a named value by its display name.
        let names: Vec<&str> =
            resources.of("namedValues").map(|value| value.text("/properties/displayName").unwrap_or(value.id.name())).collect();
        let mut seen: HashSet<&str> = HashSet::new();
        for reference in found.named_values.iter().filter(|reference| !names.iter().any(|name| name.eq_ignore_ascii_case(&reference.name)))
        {
            if seen.insert(&reference.name) {
                findings.push(
                    finding("named value", &reference.name, suggest::nearest(&reference.name, names.iter().copied())).at(reference.span),
                );
            }
        }
    }
    for pool in resources.of("backends").filter(|backend| is_pool(backend)) {
        let Some(service) = service_of(pool.id) else { continue };
        let services = pool.get("/properties/pool/services").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for id in services.iter().filter_map(|member| member.get("id").and_then(Value::as_str)) {
            let name = id.rsplit('/').next().unwrap_or(id);
            if resources.backend(&service, name).is_none() {
                let near = suggest::nearest(name, resources.of("backends").map(|other| other.id.name()));
                findings.push(finding("backend", name, near).at(pool.span));
            }
        }
    }
}

/// The service refuses a rewrite template with other parameters than the operation's (seen on Azure).
fn parameters(resources: &Resources<'_>, policy: &PolicyDocument<'_>, findings: &mut Vec<Finding>) {
    if scope_of(policy.id) != Some(Scope::Operation) {
        return;
    }
    let Some(operation) = policy.id.parent().and_then(|id| resources.get(&id)) else { return };
    let Some(own) = operation.text("/properties/urlTemplate") else { return };
    let own: Vec<&str> = names(own).collect();
    for rewrite in elements(policy.document, "rewrite-uri") {
        let Some(attribute) = rewrite.attribute("template") else { continue };
        let Some(template) = attribute.value.literal().filter(|template| !template.contains("{{")) else { continue };
        for name in names(template).filter(|name| !own.contains(name)) {
            let finding = Finding::error(
                codes::UNKNOWN_PARAMETER,
                Kind::Place,
                format!("`template` names the parameter `{name}`, which the operation `{}` does not have", operation.id.name()),
            )
            .at(policy.document.span(&attribute.value_range));
            findings.push(match suggest::nearest(name, own.iter().copied()) {
                Some(near) => finding.help(format!("did you mean `{{{near}}}`?")),
                None => finding.help("use parameters of the operation's `urlTemplate` only, or an expression"),
            });
        }
    }
}

/// `a` and `b` of `/{a}/{*b}?c={c}`, and `c`.
fn names(template: &str) -> impl Iterator<Item = &str> {
    template.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(name, _)| name.trim_start_matches('*'))
}
