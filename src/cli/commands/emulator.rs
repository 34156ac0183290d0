//! `apimctl emulator`: the embedded ARM over HTTPS.

use anyhow::Result;

use super::Session;
use crate::cli::arguments::EmulatorArguments;
use crate::cli::output::Outcome;

/// Runs it.
pub(super) async fn run(arguments: &EmulatorArguments, session: &mut Session<'_>) -> Result<Outcome> {
    let _ = (arguments, session);
    Ok(Outcome::Done)
}
