//! One file for each command; each takes resolved settings and a printer.

mod apply;
mod completions;
mod destroy;
mod doctor;
mod emulator;
mod explain;
mod export;
mod fidelity;
mod graph;
mod init;
mod keys;
mod man;
mod open;
mod plan;
mod policy;
mod schema;
mod serve;
mod simulate;
mod test;
mod validate;
mod verify;
mod written;

use std::io::BufRead as _;

use anyhow::{Result, bail};

use super::arguments::{Command, CommandLine, Format};
use super::output::{Outcome, Printer, progress};
use super::report;
use crate::deploy::cancel::{Cancellation, Canceller};
use crate::support::environment::Environment;
use crate::support::finding::Finding;
use crate::support::source::Sources;

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
pub async fn run(command_line: CommandLine, environment: Environment, printer: &mut Printer) -> Result<Outcome> {
    printer.configure(command_line.global.format, command_line.global.quiet);
    let mut session = Session { environment, printer };
    match (command_line.global.format, &command_line.command) {
        (Format::Text | Format::Json, _)
        | (Format::Sarif | Format::Github | Format::AzurePipelines, Command::Validate(_))
        | (Format::Svg | Format::Mermaid | Format::Dot, Command::Graph(_)) => {}
        (Format::Svg | Format::Mermaid | Format::Dot, _) => {
            bail!("`--format svg`, `mermaid` and `dot` are for `graph`; use `text` or `json`")
        }
        (Format::Sarif | Format::Github | Format::AzurePipelines, _) => {
            bail!("`--format sarif`, `github` and `azure-pipelines` are for `validate`; use `text` or `json`")
        }
    }
    match command_line.command {
        Command::Init(arguments) => init::run(&arguments, &mut session).await,
        Command::Validate(arguments) => validate::run(&arguments, &mut session),
        Command::Plan(arguments) => plan::run(&arguments, &mut session).await,
        Command::Apply(arguments) => apply::run(&arguments, &mut session).await,
        Command::Destroy(arguments) => destroy::run(&arguments, &mut session).await,
        Command::Keys(arguments) => keys::run(&arguments, &mut session).await,
        Command::Verify(arguments) => Box::pin(verify::run(&arguments, &mut session)).await,
        Command::Emulator(arguments) => emulator::run(&arguments, &mut session).await,
        Command::Serve(arguments) => Box::pin(serve::run(&arguments, &mut session)).await,
        Command::Simulate(arguments) => simulate::run(&arguments, &mut session).await,
        Command::Test(arguments) => test::run(&arguments, &mut session),
        Command::Policy(command) => policy::run(&command, &mut session),
        Command::Fidelity(arguments) => Ok(fidelity::run(&arguments, &mut session)),
        Command::Doctor(arguments) => doctor::run(&arguments, &mut session).await,
        Command::Export(arguments) => export::run(&arguments, &mut session).await,
        Command::Graph(arguments) => graph::run(&arguments, &mut session),
        Command::Explain(arguments) => explain::run(&arguments, &mut session),
        Command::Schema(arguments) => Ok(schema::run(&arguments, &mut session)),
        Command::Completions(arguments) => Ok(completions::run(&arguments, &mut session)),
        Command::Man(arguments) => man::run(&arguments, &mut session),
    }
}

impl Session<'_> {
    /// Findings in the format that was asked for: text on stderr, JSON on stdout.
    fn show_findings(&mut self, findings: &[Finding], sources: &Sources) {
        if self.printer.is_json() {
            let list: Vec<_> = findings.iter().map(|finding| report::json(finding, sources)).collect();
            self.printer.json(&serde_json::json!({ "ok": false, "findings": list }));
        } else {
            self.printer.findings(findings, sources);
        }
    }

    /// Asks; only `y` and `yes` mean yes. Without a terminal there is nobody to ask, and that is an error.
    ///
    /// # Errors
    /// There is no terminal, or it went away.
    fn ask(&mut self, question: &str, command: &str) -> Result<bool> {
        if !self.printer.terminal().interactive {
            bail!("`apimctl {command}` asks before it goes on, and there is no terminal to ask on: add `--yes`");
        }
        self.printer.prompt(&format!("\n{question} [y/N] "));
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer)?;
        let yes = matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes");
        if !yes {
            self.printer.note("Nothing was changed");
        }
        Ok(yes)
    }

    /// Ctrl-C (or SIGTERM) asks to stop: what is in flight is finished. A second one ends the process where it is.
    fn cancellation(&self) -> Cancellation {
        let (canceller, cancellation) = Canceller::new();
        tokio::spawn(async move {
            if emulator::stopped().await.is_ok() {
                canceller.cancel();
                progress::say("Stopping: what has been sent is waited for; Ctrl-C again leaves at once, and a rerun goes on from there");
                if emulator::stopped().await.is_ok() {
                    std::process::exit(130);
                }
            }
        });
        cancellation
    }
}
