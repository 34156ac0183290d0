//! Arguments of `doctor`.

use std::path::PathBuf;

use clap::Args;

use super::{TargetArguments, VariableArguments};

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArguments {
    /// The specification; without one, only login, Azure subscriptions and resource providers are looked at
    #[arg(value_name = "SPEC")]
    pub spec: Option<PathBuf>,
    #[command(flatten)]
    pub variables: VariableArguments,
    /// Do not try whether backends answer from this machine
    #[arg(long)]
    pub no_reach: bool,
    #[command(flatten)]
    pub target: TargetArguments,
}
