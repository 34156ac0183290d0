//! The only place that prints.
//!
//! Style: no full stop after a one-line message, backticks around names and commands, never colour alone, data on stdout,
//! everything else on stderr. A closed pipe is no error.

pub(super) mod plan_text;
mod policy_tree;
pub(super) mod progress;
pub(super) mod timings;
pub(super) mod wrap;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use crate::support::environment::Environment;
use crate::support::finding::Finding;
use crate::support::source::Sources;

use super::arguments::Format;
use super::report;

/// What is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// Whether questions can be asked (stdin and stderr are terminals).
    pub interactive: bool,
    /// Whether stderr may move the cursor.
    pub live: bool,
    /// Whether to use colour on stderr.
    pub colour: bool,
    /// Whether to use colour on stdout.
    pub colour_stdout: bool,
    /// Columns.
    pub width: usize,
}

impl Terminal {
    /// The terminal of this process. `NO_COLOR` and `TERM=dumb` switch colour and bars off.
    #[must_use]
    pub fn of_process(environment: &Environment) -> Self {
        let plain = environment.get("NO_COLOR").is_some() || environment.get("TERM") == Some("dumb");
        let stderr = std::io::stderr().is_terminal();
        Self {
            interactive: std::io::stdin().is_terminal() && stderr,
            live: stderr && !plain,
            colour: stderr && !plain,
            colour_stdout: std::io::stdout().is_terminal() && !plain,
            width: environment.get("COLUMNS").and_then(|columns| columns.parse().ok()).unwrap_or(100),
        }
    }
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It did what was asked.
    Done,
    /// It failed; everything has been said.
    Failed,
    /// `plan --detailed-exitcode` found changes.
    Changes,
}

/// Writes to stdout and stderr.
pub struct Printer {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    terminal: Terminal,
    quiet: bool,
    format: Format,
}

impl Printer {
    /// The process's own streams.
    #[must_use]
    pub fn of_process(terminal: &Terminal) -> Self {
        Self { out: Box::new(std::io::stdout()), err: Box::new(std::io::stderr()), terminal: *terminal, quiet: false, format: Format::Text }
    }

    /// Takes the global arguments in.
    pub(super) fn configure(&mut self, format: Format, quiet: bool) {
        self.format = format;
        self.quiet = quiet;
    }

    /// How to report.
    pub(super) const fn format(&self) -> Format {
        self.format
    }

    /// Whether programs read stdout.
    pub(super) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Whether only errors and what was asked for are said.
    pub(super) const fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// The terminal that this writes to.
    pub(super) const fn terminal(&self) -> &Terminal {
        &self.terminal
    }

    /// Data: one line on stdout.
    pub(super) fn data(&mut self, line: impl AsRef<str>) {
        write_line(&mut *self.out, line.as_ref());
    }

    /// Data: a JSON document on stdout, indented.
    pub(super) fn json(&mut self, value: &serde_json::Value) {
        write_line(&mut *self.out, &format!("{value:#}"));
    }

    /// One event of a JSON stream on stdout.
    pub(super) fn json_line(&mut self, value: &serde_json::Value) {
        write_line(&mut *self.out, &value.to_string());
        // A reader of the stream wants each event when it happens.
        let _ = self.out.flush();
    }

    /// Hands everything written to stdout over now.
    pub(super) fn flush(&mut self) {
        let _ = self.out.flush();
    }

    /// Something worth knowing, on stderr; nothing with `--quiet`.
    pub(super) fn note(&mut self, line: impl AsRef<str>) {
        if !self.quiet {
            write_line(&mut *self.err, line.as_ref());
        }
    }

    /// A warning or question, on stderr, whatever `--quiet` says.
    pub(super) fn warn(&mut self, line: impl AsRef<str>) {
        write_line(&mut *self.err, line.as_ref());
    }

    /// A question, on stderr, without a line end.
    pub(super) fn prompt(&mut self, text: &str) {
        let _ = write!(self.err, "{text}");
        let _ = self.err.flush();
    }

    /// Findings with caret, on stderr, and their number.
    pub(super) fn findings(&mut self, findings: &[Finding], sources: &Sources) {
        for finding in findings {
            if self.quiet && !finding.is_error() {
                continue;
            }
            let text = report::text(finding, sources, self.terminal.colour, self.terminal.width);
            write_line(&mut *self.err, &text);
            write_line(&mut *self.err, "");
        }
    }

    /// A failed command: the error, what caused it, and how to go on.
    pub fn failure(&mut self, error: &anyhow::Error) -> ExitCode {
        if self.is_json() {
            self.json_line(&serde_json::json!({ "event": "error", "message": format!("{error:#}") }));
        }
        let head = if self.terminal.colour { "\u{1b}[1;91merror\u{1b}[0m" } else { "error" };
        let mut previous = error.to_string();
        write_line(&mut *self.err, &format!("{head}: {previous}"));
        for cause in error.chain().skip(1) {
            let text = cause.to_string();
            // Many wrapped errors repeat what they wrap.
            if !previous.contains(&text) {
                write_line(&mut *self.err, &format!("  caused by: {text}"));
                previous = text;
            }
        }
        ExitCode::FAILURE
    }

    /// clap's message. Exit code 64 (`EX_USAGE`), so that it is not taken for "2: there are changes".
    pub fn usage(&mut self, message: &clap::Error) -> ExitCode {
        use clap::error::ErrorKind::{DisplayHelp, DisplayVersion};
        let asked_for = matches!(message.kind(), DisplayHelp | DisplayVersion);
        let colour = if asked_for { self.terminal.colour_stdout } else { self.terminal.colour };
        let text = if colour { message.render().ansi().to_string() } else { message.render().to_string() };
        let stream = if asked_for { &mut self.out } else { &mut self.err };
        write_line(&mut **stream, text.trim_end());
        if asked_for { ExitCode::SUCCESS } else { ExitCode::from(64) }
    }

    /// The exit code.
    pub fn finish(mut self, outcome: anyhow::Result<Outcome>) -> ExitCode {
        let code = match outcome {
            Ok(Outcome::Done) => ExitCode::SUCCESS,
            Ok(Outcome::Failed) => ExitCode::FAILURE,
            Ok(Outcome::Changes) => ExitCode::from(2),
            Err(error) => self.failure(&error),
        };
        let _ = self.out.flush();
        code
    }
}

fn write_line(stream: &mut dyn Write, line: &str) {
    // A reader that has gone away (`| head`) has seen enough: not an error of ours.
    let _ = writeln!(stream, "{line}");
}
