//! `apimctl policy check`: every finding in policy documents and fragments on their own.

use anyhow::Result;
use serde_json::{Value, json};

use super::{context, count, files};
use crate::cli::arguments::PolicyCheckArguments;
use crate::cli::commands::Session;
use crate::cli::output::Outcome;
use crate::cli::report;
use crate::policy;
use crate::support::finding::Finding;
use crate::support::source::Sources;

/// Runs it.
pub(super) fn run(arguments: &PolicyCheckArguments, session: &mut Session<'_>) -> Result<Outcome> {
    let paths = files::paths(&arguments.documents)?;
    let (mut errors, mut warnings) = (0, 0);
    let mut entries: Vec<Value> = Vec::new();
    for path in &paths {
        // One file at a time: a list of thousands is not held in memory.
        let mut sources = Sources::default();
        let findings = match files::read(path, &mut sources) {
            Ok(document) => policy::check(&document, &context(arguments.documents.scope, &document)),
            Err(finding) => vec![finding],
        };
        let own_errors = findings.iter().filter(|finding| finding.is_error()).count();
        errors += own_errors;
        warnings += findings.len() - own_errors;
        if session.printer.is_json() {
            let findings: Vec<Value> = findings.iter().map(|finding| entry(finding, &sources)).collect();
            entries.push(json!({ "path": path.to_string_lossy(), "ok": own_errors == 0, "findings": findings }));
        } else {
            session.printer.findings(&findings, &sources);
        }
    }
    if session.printer.is_json() {
        session.printer.json(&json!({ "files": entries }));
    } else {
        session.printer.note(summary(paths.len(), errors, warnings));
    }
    Ok(if errors == 0 { Outcome::Done } else { Outcome::Failed })
}

/// As in `validate`, without the path, which stands beside the list.
pub(super) fn entry(finding: &Finding, sources: &Sources) -> Value {
    let mut value = report::json(finding, sources);
    if let Some(object) = value.as_object_mut() {
        object.shift_remove("path");
    }
    value
}

fn summary(files: usize, errors: usize, warnings: usize) -> String {
    let found = match (errors, warnings) {
        (0, 0) => "nothing found".to_owned(),
        (0, _) => count(warnings, "warning"),
        (_, 0) => count(errors, "error"),
        _ => format!("{}, {}", count(errors, "error"), count(warnings, "warning")),
    };
    format!("{} checked: {found}", count(files, "file"))
}
