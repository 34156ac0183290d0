//! Specifications: what is read, what is found wrong and where, and that the published schema agrees.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, as the tests do")]

mod examples;
mod invalid;
mod reading;
mod robustness;

use apimctl::spec::Loaded;

/// All findings as text, for the messages of failing tests.
fn report(loaded: &Loaded) -> String {
    let place = |finding: &apimctl::support::finding::Finding| {
        finding.span.map_or_else(String::new, |span| {
            let position = loaded.sources.position(span);
            format!("{}:{}:{}", loaded.sources.path(span.source).display(), position.line, position.column)
        })
    };
    let line = |finding: &apimctl::support::finding::Finding| {
        format!(
            "{} {} {:?}: {} ({})\n",
            finding.code.id,
            place(finding),
            finding.severity,
            finding.message,
            finding.help.as_deref().unwrap_or("")
        )
    };
    loaded.findings.iter().map(line).collect()
}
