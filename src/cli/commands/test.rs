//! `apimctl test`: scenarios of specifications and their policies.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};

use super::Session;
use crate::cli::arguments::TestArguments;
use crate::cli::output::Outcome;
use crate::cli::{report as shown, settings};
use crate::report::{self, TextOptions};
use crate::scenario::read::ReadOptions;
use crate::scenario::{self, find, runner};
use crate::support::clock::{Clock as _, SystemClock};

/// Runs them.
pub(super) fn run(arguments: &TestArguments, session: &mut Session<'_>) -> Result<Outcome> {
    let load = settings::load_options(&arguments.variables, &session.environment, true)?;
    let paths = find::find(&arguments.paths)?;
    let threads = match arguments.threads {
        Some(threads) => threads,
        None => std::thread::available_parallelism().unwrap_or(std::num::NonZeroUsize::MIN),
    };
    let options = runner::RunOptions {
        read: ReadOptions { load },
        threads,
        only: arguments.only.clone(),
        clock: Arc::new(SystemClock),
        observers: Vec::new(),
        coverage: false,
    };
    let (started, began) = (SystemClock.utc(), SystemClock.now());
    let own = runner::run(&paths, &options);
    let told = scenario::report(&own, Some(started), SystemClock.now().saturating_duration_since(began));

    if session.printer.is_json() {
        let mut document = report::json(&told);
        let findings = own.suites.iter().flat_map(|suite| suite.findings.iter().map(|finding| shown::json(finding, &suite.sources)));
        if let Some(fields) = document.as_object_mut() {
            fields.insert("ok".to_owned(), own.is_ok().into());
            fields.insert("findings".to_owned(), findings.collect());
        }
        session.printer.json(&document);
    } else {
        for suite in &own.suites {
            session.printer.findings(&suite.findings, &suite.sources);
        }
        let terminal = *session.printer.terminal();
        let options = TextOptions { colour: terminal.colour_stdout, only_failures: session.printer.is_quiet(), width: terminal.width };
        session.printer.data(report::text(&told, options).trim_end());
    }
    for (path, text) in [
        (&arguments.junit, &report::junit as &dyn Fn(&report::Report) -> String),
        (&arguments.html, &|told: &report::Report| report::html(told, None)),
    ] {
        if let Some(path) = path {
            write(path, &text(&told))?;
        }
    }
    Ok(if own.is_ok() { Outcome::Done } else { Outcome::Failed })
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))
}
