//! The command line as clap has it, and what every command's help ends with.

use clap::CommandFactory as _;

use super::CommandLine;

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 64 wrong usage";

/// The whole command line: parsed by, completed from, and documented by this.
#[must_use]
pub fn definition() -> clap::Command {
    with_exit_codes(CommandLine::command())
}

/// Adds the exit codes to the help of each command that does not tell its own.
fn with_exit_codes(command: clap::Command) -> clap::Command {
    let command = command.mut_subcommands(with_exit_codes);
    let said = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    if said.contains("Exit codes:") {
        return command;
    }
    let gap = if said.is_empty() { "" } else { "\n\n" };
    command.after_help(format!("{said}{gap}{EXIT_CODES}"))
}
