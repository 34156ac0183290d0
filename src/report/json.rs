//! A report for programs.

use serde_json::{Value, json as object};

use super::coverage::Coverage;
use super::model::Report;

/// The version of the JSON form. It changes when something is taken away or means something else.
pub const SCHEMA_VERSION: u32 = 1;

/// Coverage as JSON: the shares of all files, then each file with its statements and branches.
#[must_use]
pub fn coverage_json(coverage: &Coverage) -> Value {
    object!({ "statements": coverage.statement_share(), "branches": coverage.branch_share(), "files": coverage.files })
}

/// The report as JSON: `version`, `success`, `counts`, then the report as it is. Times are in milliseconds.
#[must_use]
pub fn json(report: &Report) -> Value {
    let mut out = object!({ "version": SCHEMA_VERSION, "success": report.is_success(), "counts": report.counts() });
    // Every key of the model is a text, so this cannot fail; if it did, the counts would still be there.
    if let (Value::Object(out), Ok(Value::Object(report))) = (&mut out, serde_json::to_value(report)) {
        out.extend(report);
    }
    out
}
