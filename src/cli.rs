//! The command line: arguments in, exit code out. The only module that prints, and the only one that knows clap and anyhow.

mod arguments;
mod commands;
mod drawing;
pub mod findings;
mod output;
mod reference;
mod report;
mod settings;

pub use arguments::{CommandLine, definition, parse};
pub use commands::run;
pub use output::{Outcome, Printer, Terminal};
