//! Arguments of `export`.

use std::path::PathBuf;

use clap::Args;

use super::{Target, TargetArguments};

/// Arguments of `export`.
#[derive(Debug, Args)]
pub struct ExportArguments {
    /// Where the resources are
    #[arg(long, value_enum, value_name = "WHERE", conflicts_with_all = ["target", "local"])]
    pub from: Option<Target>,
    /// Which service, by its name or full id; needed where there are several
    #[arg(long, value_name = "NAME|ID")]
    pub service: Option<String>,
    /// Whose resources, where several specifications share the service; else the name that the specification gets
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Also what no specification owns
    #[arg(long)]
    pub all: bool,
    /// Directory to write to [default: the service's name]
    #[arg(long, short, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Overwrite files that are there
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub target: TargetArguments,
}
