//! What came of scenarios: plain data, for whoever prints it.

use std::path::PathBuf;
use std::time::Duration;

use crate::report::coverage::Coverage;
use crate::scenario::expect::Mismatch;
use crate::support::finding::Finding;
use crate::support::source::{Sources, Span};

/// What came of all files.
#[derive(Debug, Default)]
pub struct Report {
    /// One for each file, in the order in which they were named.
    pub suites: Vec<Suite>,
}

/// What came of one file.
#[derive(Debug, Default)]
pub struct Suite {
    /// The file.
    pub path: PathBuf,
    /// The specification it is about; empty if the file does not say so in a way that can be read.
    pub spec: PathBuf,
    /// What is wrong with the file or its specification. With an error among them no scenario was run.
    pub findings: Vec<Finding>,
    /// The files that positions are about.
    pub sources: Sources,
    /// Its scenarios, in order.
    pub scenarios: Vec<ScenarioResult>,
    /// How long it took to apply the specification.
    pub prepared_in: Duration,
    /// How much of its policies the scenarios reached, if it was measured.
    pub coverage: Option<Coverage>,
}

/// What came of one scenario.
#[derive(Debug)]
pub struct ScenarioResult {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub at: Option<Span>,
    /// What came of it.
    pub verdict: Verdict,
    /// Its steps, as far as they were run.
    pub steps: Vec<StepResult>,
    /// Virtual time that it took.
    pub virtual_time: Duration,
    /// Real time that it took.
    pub took: Duration,
    /// Requests that clients sent.
    pub requests: u64,
}

/// What came of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Everything was as expected.
    Passed,
    /// Something was not.
    Failed,
    /// It was not run, and why.
    Skipped(String),
}

/// What came of one step.
#[derive(Debug)]
pub struct StepResult {
    /// Its name, or what it does: `POST /deployments/… × 4`.
    pub title: String,
    /// Where it stands.
    pub at: Option<Span>,
    /// When it began, in virtual time since the beginning of the scenario.
    pub began: Duration,
    /// Virtual time that it took.
    pub virtual_time: Duration,
    /// How it was not as expected.
    pub mismatches: Vec<Mismatch>,
    /// What kept it from going on: it never ended, a request could not be sent.
    pub findings: Vec<Finding>,
    /// The trace of the request that failed first.
    pub trace: Option<String>,
    /// Its answers in short, for charts: in the order of the requests.
    pub answers: Vec<Told>,
}

/// An answer in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// When the request was sent, in virtual time since the beginning of the scenario.
    pub sent: Duration,
    /// Until the last byte.
    pub elapsed: Duration,
    /// Status; `None`: no answer.
    pub status: Option<u16>,
    /// Each attempt: backend, and status or reason of the failure.
    pub attempts: Vec<(String, Result<u16, String>)>,
    /// Prompt and completion tokens, if they were counted.
    pub usage: Option<(u64, u64)>,
}

impl Report {
    /// Whether nothing failed: no file has an error, no scenario failed.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.suites.iter().all(|suite| !suite.has_errors() && suite.scenarios.iter().all(|scenario| scenario.verdict != Verdict::Failed))
    }

    /// How much of all policies was reached, if it was measured.
    #[must_use]
    pub fn coverage(&self) -> Option<Coverage> {
        self.suites.iter().filter_map(|suite| suite.coverage.clone()).reduce(Coverage::with)
    }

    /// How many scenarios passed, failed and were skipped.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        let mut counts = (0, 0, 0);
        for scenario in self.suites.iter().flat_map(|suite| &suite.scenarios) {
            match scenario.verdict {
                Verdict::Passed => counts.0 += 1,
                Verdict::Failed => counts.1 += 1,
                Verdict::Skipped(_) => counts.2 += 1,
            }
        }
        counts
    }
}

impl Suite {
    /// Whether it could not be run.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(Finding::is_error)
    }
}
