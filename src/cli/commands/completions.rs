//! `apimctl completions`: a script that completes commands and flags in a shell.

use super::Session;
use crate::cli::arguments::{self, CompletionsArguments};
use crate::cli::output::Outcome;

/// Runs it.
pub(super) fn run(arguments: &CompletionsArguments, session: &mut Session<'_>) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut arguments::definition(), "apimctl", &mut script);
    session.printer.data(String::from_utf8_lossy(&script).trim_end());
    Outcome::Done
}
