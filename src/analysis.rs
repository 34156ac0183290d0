//! Findings that need resources and policies together: pools, breakers and attempts; keys and holes; metrics; dangling names.
//!
//! Whoever has resources (desired or live) puts them into [`Resources`]; [`check`] looks at them as a whole and
//! [`check_policies`] at each policy document in its place.

use std::collections::HashSet;

pub mod codes;
mod exposure;
mod monitoring;
mod resources;
mod routing;
mod wiring;

#[cfg(test)]
mod tests;

pub use resources::{PolicyDocument, Resource, Resources, scope_of};

use crate::policy::{self, CheckContext, Gateway};
use crate::support::finding::{Code, Finding};
use crate::support::source::Span;

/// What goes wrong between the resources.
#[must_use]
pub fn check(resources: &Resources<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    routing::check(resources, &mut findings);
    wiring::check(resources, &mut findings);
    exposure::check(resources, &mut findings);
    monitoring::check(resources, &mut findings);
    // One document may be the policy of several APIs.
    let mut said: HashSet<(Option<Span>, Code, String)> = HashSet::new();
    findings.retain(|finding| said.insert((finding.span, finding.code, finding.message.clone())));
    findings.sort_by_key(|finding| finding.span);
    findings
}

/// What is wrong in each policy document, given its scope, the documents around it, and the tier's gateway.
#[must_use]
pub fn check_policies(resources: &Resources<'_>, gateway: Option<Gateway>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for policy in resources.policies() {
        let around = resources.around(policy);
        let context = CheckContext { scope: scope_of(policy.id), gateway, around: &around, ..CheckContext::default() };
        findings.extend(policy::check(policy.document, &context));
    }
    findings
}
