//! Files of scenarios, spread over threads. Each scenario has a runtime of its own, whose time is paused.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::codes;
use super::coverage;
use super::file::{File, Scenario};
use super::read::{self, ReadOptions};
use super::result::{Report, ScenarioResult, StepResult, Suite, Verdict};
use super::run;
use super::session::SessionOptions;
use super::subject::{Applied, Subject};
use crate::gateway::coverage::Coverage;
use crate::gateway::record::Observer;
use crate::support::clock::SharedClock;
use crate::support::finding::{Finding, Kind};
use crate::support::jwt::SigningKey;
use crate::support::secret::Secret;

/// How files are run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// How they are read.
    pub read: ReadOptions,
    /// Threads.
    pub threads: NonZeroUsize,
    /// Only scenarios whose name holds this text.
    pub only: Option<String>,
    /// Real time: how long everything took.
    pub clock: SharedClock,
    /// Who else is told of every request of every scenario.
    pub observers: Vec<Arc<dyn Observer>>,
    /// Whether coverage of policies is measured.
    pub coverage: bool,
}

/// Stack of each thread, in bytes: what a process begins with on the systems that we know.
const STACK: usize = 8 * 1024 * 1024;
/// Scenarios with more requests are traced only when they fail: a trace costs about as much as a request.
const TRACED: u64 = 200;

/// A file, as far as it could be made ready.
struct Ready {
    suite: Suite,
    runnable: Option<(File, Applied)>,
    subject: Option<Subject>,
    counted: Option<Arc<Coverage>>,
}

/// Runs all scenarios of these files. Everything that is wrong with a file is in its [`Suite::findings`].
#[must_use]
pub fn run(paths: &[PathBuf], options: &RunOptions) -> Report {
    let signing_key = SigningKey::generate().and_then(|key| key.to_pem()).ok();
    let ready = spread(options.threads, paths, |path| make_ready(path, options));
    let ready: Vec<Ready> = ready
        .into_iter()
        .zip(paths)
        .map(|(ready, path)| ready.unwrap_or_else(|| Ready { suite: broken(path), runnable: None, subject: None, counted: None }))
        .collect();
    let jobs: Vec<(usize, &Scenario, &Applied, Option<&Arc<Coverage>>)> = ready
        .iter()
        .enumerate()
        .filter_map(|(index, ready)| ready.runnable.as_ref().map(|runnable| (index, runnable, ready.counted.as_ref())))
        .flat_map(|(index, (file, applied), counted)| file.scenarios.iter().map(move |scenario| (index, scenario, applied, counted)))
        .filter(|(_, scenario, ..)| options.only.as_ref().is_none_or(|only| scenario.name.contains(only.as_str())))
        .collect();
    let results = spread(options.threads, &jobs, |(_, scenario, applied, counted)| {
        one(scenario, applied, options, signing_key.as_ref(), counted.cloned())
    });
    let mut by_file: Vec<Vec<ScenarioResult>> = ready.iter().map(|_| Vec::new()).collect();
    for ((index, scenario, ..), result) in jobs.iter().zip(results) {
        if let Some(own) = by_file.get_mut(*index) {
            own.push(result.unwrap_or_else(|| panicked(scenario)));
        }
    }
    let suites = ready.into_iter().zip(by_file).map(|(ready, scenarios)| {
        let measured = ready.subject.as_ref().zip(ready.counted);
        let coverage = measured.map(|(subject, counted)| coverage::coverage(subject, &ready.suite.sources, &counted.counts()));
        Suite { scenarios, coverage, ..ready.suite }
    });
    Report { suites: suites.collect() }
}

/// Does `work` for each of `items` on several threads; the results are in the order of the items. `None`: the work panicked.
pub(super) fn spread<T: Sync, R: Send>(threads: NonZeroUsize, items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<Option<R>> {
    let waiting: Mutex<VecDeque<usize>> = Mutex::new((0..items.len()).collect());
    let done: Mutex<Vec<Option<R>>> = Mutex::new(items.iter().map(|_| None).collect());
    thread::scope(|scope| {
        for _ in 0..threads.get().min(items.len()) {
            // A thread that cannot be had leaves its work to the others.
            let _ = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || {
                loop {
                    let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some(index) = next else { return };
                    let Some(item) = items.get(index) else { return };
                    // A scenario that finds an error of ours must not take the others with it.
                    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(item))).ok();
                    if let Some(place) = done.lock().unwrap_or_else(PoisonError::into_inner).get_mut(index) {
                        *place = result;
                    }
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Reads a file, and applies its specification.
fn make_ready(path: &Path, options: &RunOptions) -> Ready {
    let began = options.clock.now();
    let read = read::read(path, &options.read);
    let mut suite = Suite { path: path.to_owned(), spec: read.spec, findings: read.findings, sources: read.sources, ..Suite::default() };
    let runnable = match (read.file, &read.subject) {
        (Some(file), Some(subject)) if !suite.has_errors() => match paused(apply(subject)) {
            Ok(Ok(applied)) => Some((file, applied)),
            Ok(Err(findings)) => {
                suite.findings.extend(findings);
                None
            }
            Err(reason) => {
                suite.findings.push(Finding::error(codes::NO_WORLD, Kind::Place, reason));
                None
            }
        },
        _ => None,
    };
    suite.prepared_in = options.clock.now().saturating_duration_since(began);
    let counted = options.coverage.then(Arc::default);
    Ready { suite, runnable, subject: read.subject, counted }
}

async fn apply(subject: &Subject) -> Result<Applied, Vec<Finding>> {
    Box::pin(subject.apply()).await
}

/// Runs `work` to its end on a runtime of its own whose time is paused: it goes on by itself whenever everything waits.
///
/// # Errors
/// The runtime cannot be started.
pub fn paused<R>(work: impl Future<Output = R>) -> Result<R, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.map_err(|error| format!("no runtime can be started: {error}"))?;
    let result = runtime.block_on(work);
    // Connections that are left over have nobody to talk to.
    runtime.shutdown_background();
    Ok(result)
}

fn one(
    scenario: &Scenario,
    applied: &Applied,
    options: &RunOptions,
    signing_key: Option<&Secret<String>>,
    coverage: Option<Arc<Coverage>>,
) -> ScenarioResult {
    if let Some(reason) = &scenario.skip {
        return ScenarioResult { verdict: Verdict::Skipped(reason.clone()), ..blank(scenario) };
    }
    let began = options.clock.now();
    // Whoever watches may live on traces.
    let traced = scenario.requests() <= TRACED || scenario.needs_traces() || !options.observers.is_empty();
    let mut session = SessionOptions {
        settings: scenario.settings.clone(),
        epoch: scenario.begins,
        seed: scenario.seed,
        traced,
        signing_key: signing_key.cloned(),
        observers: options.observers.clone(),
        coverage,
    };
    let run = |session: &SessionOptions| paused(run::run(scenario, applied, session)).unwrap_or_else(|reason| failed(scenario, reason));
    let mut result = run(&session);
    // The same seed, the same time: the same thing happens again.
    if result.verdict == Verdict::Failed && !traced {
        session.traced = true;
        // It has been counted already.
        session.coverage = None;
        result = run(&session);
    }
    result.took = options.clock.now().saturating_duration_since(began);
    result
}

fn blank(scenario: &Scenario) -> ScenarioResult {
    ScenarioResult {
        name: scenario.name.clone(),
        at: Some(scenario.at),
        verdict: Verdict::Failed,
        steps: Vec::new(),
        virtual_time: Duration::ZERO,
        took: Duration::ZERO,
        requests: 0,
    }
}

fn failed(scenario: &Scenario, reason: String) -> ScenarioResult {
    let step = StepResult {
        title: scenario.name.clone(),
        at: Some(scenario.at),
        began: Duration::ZERO,
        virtual_time: Duration::ZERO,
        mismatches: Vec::new(),
        findings: vec![Finding::error(codes::NO_WORLD, Kind::Place, reason).at(scenario.at)],
        trace: None,
        answers: Vec::new(),
    };
    ScenarioResult { steps: vec![step], ..blank(scenario) }
}

const PANICKED: &str = "the scenario ended in a panic, which is an error of apimctl's own";

fn panicked(scenario: &Scenario) -> ScenarioResult {
    failed(scenario, PANICKED.to_owned())
}

fn broken(path: &Path) -> Suite {
    let message = format!("reading `{}` ended in a panic, which is an error of apimctl's own", path.display());
    Suite { path: path.to_owned(), findings: vec![Finding::error(codes::NO_WORLD, Kind::Place, message)], ..Suite::default() }
}
