//! One file for each command; each takes resolved settings and a printer.

mod emulator;
mod schema;
mod validate;

use anyhow::Result;

use super::arguments::{Command, CommandLine};
use super::output::{Outcome, Printer, Terminal};
use crate::support::environment::Environment;

/// What every command is given.
pub(super) struct Session<'a> {
    /// The process environment.
    pub environment: Environment,
    /// Streams.
    pub printer: &'a mut Printer,
}

/// Runs one command.
///
/// # Errors
/// Whatever kept it from being done, for the printer to show.
pub async fn run(command_line: CommandLine, environment: Environment, terminal: Terminal, printer: &mut Printer) -> Result<Outcome> {
    printer.configure(command_line.global.format, command_line.global.quiet);
    let _ = terminal;
    let mut session = Session { environment, printer };
    match command_line.command {
        Command::Validate(arguments) => validate::run(&arguments, &mut session),
        Command::Schema => Ok(schema::run(&mut session)),
        Command::Emulator(arguments) => emulator::run(&arguments, &mut session).await,
        Command::Plan(_) | Command::Apply(_) | Command::Destroy(_) | Command::Keys(_) => Ok(Outcome::Failed),
    }
}
