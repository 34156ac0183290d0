//! Arguments of `graph`.

use std::path::PathBuf;

use clap::Args;

use super::SpecArguments;

/// Arguments of `graph`.
#[derive(Debug, Args)]
pub struct GraphArguments {
    #[command(flatten)]
    pub spec: SpecArguments,
    /// Write to a file; its ending (`.svg`, `.mmd`, `.dot`, `.gv`, `.json`) says which format, unless `--format` does
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
}
