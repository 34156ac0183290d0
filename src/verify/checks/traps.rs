//! What `validate` says of the files: legal, and not what is meant. One check for each code, so that a report says which trap it is.

use std::collections::BTreeMap;

use crate::support::finding;
use crate::verify::outcome::{Cause, Finding, Step};
use crate::verify::run::Run;

/// All traps of the specification and its policies.
pub(in crate::verify) fn check(run: &mut Run<'_>) {
    let loaded = run.subject.loaded;
    let mut by_code: BTreeMap<&str, Vec<&finding::Finding>> = BTreeMap::new();
    for finding in loaded.findings.iter().filter(|finding| !finding.is_error()) {
        by_code.entry(finding.code.id).or_default().push(finding);
    }
    if by_code.is_empty() {
        run.add("traps", Step::Api, Finding::pass("`validate` finds nothing that deploys and does not do what it says"));
        return;
    }
    for (code, found) in by_code {
        let places: Vec<String> = found
            .iter()
            .map(|finding| match finding.span {
                Some(span) => {
                    let position = loaded.sources.position(span);
                    format!("{} ({}:{})", finding.message, loaded.sources.path(span.source).display(), position.line)
                }
                None => finding.message.clone(),
            })
            .collect();
        let title = found.first().map_or("", |finding| finding.code.title);
        let cure = found.iter().find_map(|finding| finding.help.clone()).unwrap_or_else(|| run.subject.commands.validate());
        let cause = Cause::new(title, format!("{cure}; more about it: apimctl explain {code}"));
        run.add(format!("trap/{code}"), step_of(code), Finding::fail(places.join("; "), vec![cause]));
    }
}

/// Where in the tutorial a trap lies.
fn step_of(code: &str) -> Step {
    match code {
        "SPEC080" => Step::Balance,
        "SPEC081" | "POL101" | "POL102" | "POL202" => Step::Failover,
        "SPEC082" | "SPEC083" | "POL100" | "POL103" | "POL212" => Step::Clients,
        "SPEC084" | "SPEC087" | "POL107" => Step::Monitoring,
        "SPEC085" | "POL211" => Step::Keys,
        _ => Step::Api,
    }
}
