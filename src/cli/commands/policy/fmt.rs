//! `apimctl policy fmt`: one layout, and safe cures.
use anyhow::Result;

use crate::cli::arguments::PolicyFmtArguments;
use crate::cli::commands::Session;
use crate::cli::output::Outcome;

/// Runs it.
pub(super) fn run(_arguments: &PolicyFmtArguments, _session: &mut Session<'_>) -> Result<Outcome> {
    anyhow::bail!("later")
}
