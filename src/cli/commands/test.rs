//! `apimctl test`: scenarios of specifications and their policies.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};

use super::Session;
use crate::cli::arguments::TestArguments;
use crate::cli::output::Outcome;
use crate::cli::{report as shown, settings};
use crate::report::{self, TextOptions};
use crate::scenario::read::ReadOptions;
use crate::scenario::{self, chaos, find, runner};
use crate::support::clock::{Clock as _, SystemClock};

/// Runs them.
pub(super) fn run(arguments: &TestArguments, session: &mut Session<'_>) -> Result<Outcome> {
    let load = settings::load_options(&arguments.variables, &session.environment, true)?;
    if let Some(file) = &arguments.chaos {
        return replay(file, arguments, &ReadOptions { load }, session);
    }
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
        coverage: arguments.coverage || arguments.lcov.is_some(),
    };
    let (started, began) = (SystemClock.utc(), SystemClock.now());
    let own = runner::run(&paths, &options);
    if let Some(only) = &arguments.only
        && own.suites.iter().all(|suite| suite.scenarios.is_empty() && !suite.has_errors())
    {
        bail!("no scenario's name holds `{only}`");
    }
    let coverage = own.coverage();
    let told = scenario::report(&own, Some(started), SystemClock.now().saturating_duration_since(began));

    if session.printer.is_json() {
        let mut document = report::json(&told);
        let findings = own.suites.iter().flat_map(|suite| suite.findings.iter().map(|finding| shown::json(finding, &suite.sources)));
        if let Some(fields) = document.as_object_mut() {
            fields.insert("ok".to_owned(), own.is_ok().into());
            if let Some(coverage) = &coverage {
                fields.insert("coverage".to_owned(), report::coverage_json(coverage));
            }
            fields.insert("findings".to_owned(), findings.collect());
        }
        session.printer.json(&document);
    } else {
        for suite in &own.suites {
            session.printer.findings(&suite.findings, &suite.sources);
        }
        // What is wrong with a file has just been shown, with the lines around it.
        let mut told = told.clone();
        for (told, _) in told.suites.iter_mut().zip(&own.suites).filter(|(_, own)| own.has_errors()) {
            for case in told.cases.iter_mut().take(1) {
                case.detail = None;
            }
        }
        let terminal = *session.printer.terminal();
        let options = TextOptions { colour: terminal.colour_stdout, only_failures: session.printer.is_quiet(), width: terminal.width };
        session.printer.data(report::text(&told, options).trim_end());
        if let Some(coverage) = coverage.as_ref().filter(|_| arguments.coverage) {
            session.printer.data(format!("\n{}", coverage.text().trim_end()));
        }
    }
    if let (Some(path), Some(coverage)) = (&arguments.lcov, &coverage) {
        write(path, &report::lcov(coverage))?;
    }
    for (path, text) in [
        (&arguments.junit, &report::junit as &dyn Fn(&report::Report) -> String),
        (&arguments.html, &|told: &report::Report| report::html(told, coverage.as_ref())),
    ] {
        if let Some(path) = path {
            write(path, &text(&told))?;
        }
    }
    Ok(if own.is_ok() { Outcome::Done } else { Outcome::Failed })
}

/// Replays a load over faults.
fn replay(file: &Path, arguments: &TestArguments, read: &ReadOptions, session: &mut Session<'_>) -> Result<Outcome> {
    let (started, began) = (SystemClock.utc(), SystemClock.now());
    let threads = arguments.threads.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(std::num::NonZeroUsize::MIN);
    let outcome = chaos::run(file, read, threads);
    let told = chaos::told::report(&outcome, Some(started), SystemClock.now().saturating_duration_since(began));
    if session.printer.is_json() {
        let mut document = chaos::told::json(&outcome);
        let findings = outcome.findings.iter().map(|finding| shown::json(finding, &outcome.sources));
        if let Some(fields) = document.as_object_mut() {
            fields.insert("findings".to_owned(), findings.collect());
        }
        session.printer.json(&document);
    } else {
        session.printer.findings(&outcome.findings, &outcome.sources);
        if !outcome.measured.is_empty() {
            let terminal = *session.printer.terminal();
            let options = TextOptions { colour: terminal.colour_stdout, only_failures: session.printer.is_quiet(), width: terminal.width };
            session.printer.data(report::text(&told, options).trim_end());
        }
    }
    if let Some(path) = &arguments.junit {
        write(path, &report::junit(&told))?;
    }
    if let Some(path) = &arguments.html {
        write(path, &report::html(&told, None))?;
    }
    Ok(if outcome.is_ok() { Outcome::Done } else { Outcome::Failed })
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))
}
