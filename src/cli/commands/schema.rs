//! `apimctl schema`: the JSON Schema of the specification.

use super::Session;
use crate::cli::output::Outcome;

/// Runs it.
pub(super) fn run(session: &mut Session<'_>) -> Outcome {
    session.printer.json(crate::spec::schema());
    Outcome::Done
}
