//! `apimctl schema`: the JSON Schema of the specification, or its keys as a page.

use super::Session;
use crate::cli::arguments::SchemaArguments;
use crate::cli::output::Outcome;
use crate::cli::reference;

/// Runs it.
pub(super) fn run(arguments: &SchemaArguments, session: &mut Session<'_>) -> Outcome {
    if arguments.markdown {
        session.printer.data(reference::specification::markdown().trim_end());
    } else {
        session.printer.json(crate::spec::schema());
    }
    Outcome::Done
}
