//! Scenario files: ours hold, what is wrong is found, what fails says why, and nothing waits.

mod command;
mod failing;
mod invalid;
mod robustness;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use apimctl::report::{TextOptions, text};
use apimctl::scenario::read::ReadOptions;
use apimctl::scenario::result::{Report, Verdict};
use apimctl::scenario::runner::{self, RunOptions};
use apimctl::scenario::{find, report};
use apimctl::support::clock::SystemClock;

use crate::support::root;

pub fn cases() -> PathBuf {
    root().join("tests/cases/scenarios")
}

pub fn run(paths: &[PathBuf]) -> Report {
    let options = RunOptions {
        read: ReadOptions::default(),
        threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        only: None,
        clock: Arc::new(SystemClock),
        observers: Vec::new(),
        coverage: false,
    };
    runner::run(paths, &options)
}

fn holds(paths: &[PathBuf]) -> Report {
    let report_of = run(paths);
    let shown = text(&report(&report_of, None, Duration::ZERO), TextOptions { only_failures: true, ..TextOptions::default() });
    assert!(report_of.is_ok(), "{shown}");
    report_of
}

/// One scenario for each promise of an example. If a real second passed for each virtual one, this would take hours.
#[test]
fn the_scenarios_of_every_example_hold() {
    let paths = find::find(&[root().join("examples")]).unwrap();
    for example in crate::support::examples() {
        let scenarios = example.with_extension("test.yaml");
        assert!(paths.contains(&scenarios), "{} has no scenarios", example.display());
    }
    let report = holds(&paths);
    let virtual_time: Duration = report.suites.iter().flat_map(|suite| &suite.scenarios).map(|scenario| scenario.virtual_time).sum();
    assert!(virtual_time > Duration::from_secs(600), "{virtual_time:?}");
    assert!(report.suites.iter().all(|suite| suite.scenarios.len() >= 5));
}

#[test]
fn the_scenarios_of_single_rules_hold() {
    let report = holds(&[cases().join("rules.test.yaml")]);
    let years = Duration::from_secs(10 * 365 * 86_400);
    assert!(report.suites[0].scenarios.iter().any(|scenario| scenario.virtual_time >= years), "ten years have passed in one of them");
    let requests: u64 = report.suites[0].scenarios.iter().map(|scenario| scenario.requests).sum();
    assert!(requests > 16_000, "{requests}");
}

/// The same file, the same seed, the same time: every answer, attempt and instant is the same again.
#[test]
fn two_runs_of_a_file_are_the_same() {
    let told = || {
        let report = run(&[root().join("examples/ptu-priority.test.yaml")]);
        let scenarios = report.suites.into_iter().flat_map(|suite| suite.scenarios);
        scenarios.flat_map(|scenario| scenario.steps).map(|step| (step.began, step.virtual_time, step.answers)).collect::<Vec<_>>()
    };
    assert_eq!(told(), told());
}

#[test]
fn a_scenario_that_never_ends_is_a_finding_with_its_place() {
    let report = run(&[cases().join("endless.test.yaml")]);
    let suite = &report.suites[0];
    let found: Vec<(&str, u32)> = suite
        .scenarios
        .iter()
        .map(|scenario| {
            assert_eq!(scenario.verdict, Verdict::Failed);
            let last = scenario.steps.last().unwrap();
            let finding = last.findings.first().unwrap();
            (finding.code.id, suite.sources.position(finding.span.unwrap()).line)
        })
        .collect();
    assert_eq!(found, [("TST029", 4), ("TST029", 12)]);
    // The step before it took its time, and the one behind it was never begun.
    assert_eq!(suite.scenarios[1].steps.len(), 2);
    assert_eq!(suite.scenarios[1].virtual_time, Duration::from_secs(60));
}

#[test]
fn files_are_found_by_their_names() {
    let directory = tempfile::tempdir().unwrap();
    let write = |path: &str| {
        let path = directory.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "").unwrap();
        path
    };
    let (one, two) = (write("a/one.test.yaml"), write("two.test.yml"));
    for other in ["a/one.yaml", "test.yaml", ".git/x.test.yaml", "node_modules/x.test.yaml"] {
        write(other);
    }
    let find = |path: &Path| find::find(&[path.to_owned()]);
    assert_eq!(find(directory.path()).unwrap(), [one.clone(), two]);
    assert_eq!(find(&one).unwrap(), [one]);
    assert!(find(&directory.path().join(".git/nothing")).is_err());
    std::fs::create_dir(directory.path().join("empty")).unwrap();
    assert!(find(&directory.path().join("empty")).unwrap_err().to_string().contains("`.test.yaml`"));
}
