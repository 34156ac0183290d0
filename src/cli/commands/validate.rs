//! `apimctl validate`: every finding at once.

use anyhow::Result;
use serde_json::json;

use super::Session;
use crate::cli::arguments::{Format, ValidateArguments};
use crate::cli::output::Outcome;
use crate::cli::{report, settings};
use crate::deploy::desired;
use crate::spec::load;

/// Runs it.
pub(super) fn run(arguments: &ValidateArguments, session: &mut Session<'_>) -> Result<Outcome> {
    let options = settings::load_options(&arguments.spec.variables, &session.environment, arguments.local)?;
    let mut loaded = load::load(&arguments.spec.spec, &options)?;
    loaded.sources.hide(&loaded.sensitive);
    let (_, more) = desired::compile(&loaded, &settings::offline_context());
    loaded.findings.extend(more);
    let errors = loaded.findings.iter().filter(|finding| finding.is_error()).count();
    let warnings = loaded.findings.len() - errors;
    let ok = errors == 0 && (warnings == 0 || !arguments.strict);

    match session.printer.format() {
        Format::Text | Format::Svg | Format::Mermaid | Format::Dot => {
            session.printer.findings(&loaded.findings, &loaded.sources);
            session.printer.note(summary(&arguments.spec.spec.display().to_string(), errors, warnings));
            if let Some(finding) = loaded.findings.first() {
                session.printer.note(format!("`apimctl explain {}` tells more about a code", finding.code.id));
            }
        }
        Format::Json => {
            let findings: Vec<_> = loaded.findings.iter().map(|finding| report::json(finding, &loaded.sources)).collect();
            session.printer.json(&json!({ "ok": ok, "findings": findings }));
        }
        Format::Sarif => session.printer.json(&report::sarif(&loaded.findings, &loaded.sources)),
        Format::Github => {
            for finding in &loaded.findings {
                let line = report::github(finding, &loaded.sources);
                session.printer.data(line);
            }
        }
        Format::AzurePipelines => {
            for finding in &loaded.findings {
                let line = report::azure_pipelines(finding, &loaded.sources);
                session.printer.data(line);
            }
        }
    }
    Ok(if ok { Outcome::Done } else { Outcome::Failed })
}

fn summary(path: &str, errors: usize, warnings: usize) -> String {
    let count = |number: usize, word: &str| format!("{number} {word}{}", if number == 1 { "" } else { "s" });
    match (errors, warnings) {
        (0, 0) => format!("`{path}` is valid"),
        (0, _) => format!("`{path}` is valid, with {}", count(warnings, "warning")),
        (_, 0) => format!("`{path}` has {}", count(errors, "error")),
        _ => format!("`{path}` has {} and {}", count(errors, "error"), count(warnings, "warning")),
    }
}
