//! Chaos: a load that is replayed over a timeline of faults, on virtual time, against one or several variants of a specification.
//!
//! What comes of it is measured from the callers' side (availability, latency) and from the gateway's (attempts, added latency, tokens,
//! tripped breakers), so that two settings can be compared before anybody deploys them. The same file and seed give the same numbers.

pub mod arrivals;
pub mod codes;
pub mod measure;
pub mod replay;
pub mod told;
pub mod variants;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use self::arrivals::{Arrivals, Phase};
use self::measure::Measured;
use super::file::Given;
use super::read::{self, ReadOptions};
use super::request::Request;
use super::runner;
use super::subject::Subject;
use crate::gateway::settings::Settings;
use crate::support::finding::{Finding, Kind};
use crate::support::source::{Sources, Span};

/// How files end whose specification is found by their name: `x.chaos.yaml` is about `x.yaml`.
pub const SUFFIXES: [&str; 2] = [".chaos.yaml", ".chaos.yml"];

/// A file, read and checked.
#[derive(Debug)]
pub struct Chaos {
    /// The file.
    pub path: PathBuf,
    /// Seed of arrivals, sizes and everything random in the gateway and the accounts.
    pub seed: u64,
    /// Disputed behaviours.
    pub settings: Settings,
    /// Who calls when, with what.
    pub load: Load,
    /// What goes wrong, and how slow accounts are.
    pub given: Given,
    /// What is replayed against.
    pub variants: Vec<Variant>,
}

/// Who calls when, with what.
#[derive(Debug, Clone)]
pub struct Load {
    /// How many requests a second, phase by phase.
    pub phases: Vec<Phase>,
    /// How they are spread within a second.
    pub arrivals: Arrivals,
    /// Requests with their weights.
    pub mix: Vec<(Request, u32)>,
    /// How many tokens the prompt has, about: from, to. `None`: as the request says.
    pub prompt_tokens: Option<(u32, u32)>,
    /// `max_tokens`: from, to. `None`: as the request says.
    pub max_tokens: Option<(u32, u32)>,
    /// Share of requests that ask for a stream; `None`: as the request says.
    pub streams: Option<f64>,
    /// How long a caller waits for the last byte.
    pub timeout: Duration,
}

/// What is replayed against.
#[derive(Debug)]
pub struct Variant {
    /// Its name; unique in the file.
    pub name: String,
    /// Where it stands.
    pub at: Span,
    /// The specification with the variant's changes.
    pub subject: Subject,
    /// What must come of it.
    pub expect: Thresholds,
}

impl Variant {
    /// A finding about the variant's specification, whose files are not among those of the chaos file: it is told at the variant.
    fn own(&self, finding: Finding) -> Finding {
        let sources = &self.subject.loaded.sources;
        let place = finding.span.map(|span| format!(" ({}:{})", sources.path(span.source).display(), sources.position(span).line));
        let message = format!("{}{}", finding.message, place.unwrap_or_default());
        Finding { message, span: Some(self.at), labels: Vec::new(), ..finding }
    }
}

/// What must come of a replay. What is not said is not looked at.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Thresholds {
    /// Least share of good answers, 0 to 1.
    pub availability: Option<f64>,
    /// Longest time to the head of good answers: percentile, time.
    pub latency: Vec<(f64, Duration)>,
    /// Longest time that the gateway adds to a good answer: percentile, time.
    pub added_latency: Vec<(f64, Duration)>,
    /// Where it stands.
    pub at: Option<Span>,
}

/// What came of a file.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it. With an error among them nothing was replayed.
    pub findings: Vec<Finding>,
    /// The files that positions are about.
    pub sources: Sources,
    /// The file as it was read.
    pub chaos: Option<Chaos>,
    /// One for each variant, in order.
    pub measured: Vec<Measured>,
}

impl Outcome {
    /// Whether the file has no error and everything is within its thresholds.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        let Some(chaos) = &self.chaos else { return false };
        !self.findings.iter().any(Finding::is_error)
            && chaos.variants.iter().zip(&self.measured).all(|(variant, measured)| measured.misses(&variant.expect).is_empty())
    }
}

/// Reads a file and replays its load against each variant, several at a time.
#[must_use]
pub fn run(path: &Path, options: &ReadOptions, threads: NonZeroUsize) -> Outcome {
    let read = read::chaos(path, options);
    let mut outcome = Outcome { path: path.to_owned(), findings: read.findings, sources: read.sources, ..Outcome::default() };
    let Some(chaos) = read.chaos.filter(|_| !outcome.findings.iter().any(Finding::is_error)) else { return outcome };
    let plan = replay::plan(&chaos.load, chaos.seed);
    let replayed = runner::spread(threads, &chaos.variants, |variant| replay::replay(&chaos, variant, &plan));
    for (variant, replayed) in chaos.variants.iter().zip(replayed) {
        let panicked =
            || vec![Finding::error(super::codes::NO_WORLD, Kind::Place, "the replay ended in a panic, which is an error of apimctl's own")];
        match replayed.unwrap_or_else(|| Err(panicked())) {
            Ok(measured) => outcome.measured.push(measured),
            Err(findings) => outcome.findings.extend(findings.into_iter().map(|finding| variant.own(finding))),
        }
    }
    outcome.chaos = Some(chaos);
    outcome
}
