//! What is expected of all answers of a step together.

use std::collections::BTreeMap;

use http::header::HeaderName;
use serde_json::Value;

use super::Missed;
use super::amount::Amount;
use super::each::{attempts, joined, text_of};
use super::json::{self, Json};
use super::text::{Text, within};
use crate::scenario::answer::{Answer, Metric, Received};

/// What came of a step: everything that can be looked at.
#[derive(Debug, Default)]
pub struct Sample {
    /// The answers, in the order of the requests; or why there was none.
    pub answers: Vec<Result<Answer, String>>,
    /// What backends received, in order; empty over a network.
    pub received: Vec<Received>,
    /// What came to custom metrics during the step; empty over a network.
    pub metrics: Vec<Metric>,
}

impl Sample {
    fn total(&self) -> u64 {
        self.answers.len() as u64
    }

    fn answered(&self) -> impl Iterator<Item = &Answer> {
        self.answers.iter().filter_map(|answer| answer.as_ref().ok())
    }
}

/// What is expected of all answers of a step.
#[derive(Debug, Clone)]
pub enum All {
    /// So many answers with this status.
    Status(u16, Amount),
    /// So many answers in which the header has this value: how load is shared, seen from outside (`x-ms-region`).
    HeaderValue(HeaderName, String, Amount),
    /// So many answers of this backend; `None`: of no backend. Inside.
    Served(Option<String>, Amount),
    /// So many attempts at this backend. Inside.
    Asked(String, Amount),
    /// The breaker of this backend tripped so many times. Inside.
    Tripped(String, Amount),
    /// Whose answers they are, in the order of the requests. Inside.
    Order(Vec<String>),
    /// What a backend received. Inside.
    Received(Box<ReceivedExpected>),
    /// What came to a custom metric. Inside.
    Metric(Box<MetricExpected>),
}

/// What a backend must have received. Everything that is given must hold for each request that it received.
#[derive(Debug, Clone, Default)]
pub struct ReceivedExpected {
    /// A backend, an account or a host; `None`: any.
    pub at: Option<String>,
    /// How many requests.
    pub count: Option<Amount>,
    /// Method.
    pub method: Option<http::Method>,
    /// Path and query.
    pub target: Option<Text>,
    /// Headers; `None`: must not be there.
    pub headers: Vec<(HeaderName, Option<Text>)>,
    /// Body as text.
    pub body: Option<Text>,
    /// Body as JSON.
    pub json: Option<Json>,
}

/// What must have come to a custom metric during the step.
#[derive(Debug, Clone, Default)]
pub struct MetricExpected {
    /// Name: `Total Tokens`.
    pub name: String,
    /// Namespace, if it matters.
    pub namespace: Option<String>,
    /// Dimensions that it must have; `None`: that it must not have.
    pub dimensions: BTreeMap<String, Option<Text>>,
    /// How many values.
    pub count: Option<Amount>,
    /// Their sum, from and to.
    pub sum: Option<(Option<f64>, Option<f64>)>,
}

impl All {
    /// Whether it can be seen from outside.
    #[must_use]
    pub const fn is_outside(&self) -> bool {
        matches!(self, Self::Status(..) | Self::HeaderValue(..))
    }

    pub(super) fn check(&self, sample: &Sample) -> Vec<Missed> {
        let total = sample.total();
        let mut missed = Vec::new();
        let mut amount_of = |about: String, amount: Amount, count: usize, of: u64, all: &dyn Fn() -> String| {
            if !amount.holds(count as u64, of) {
                missed.push(Missed::new(about, amount.words(of), format!("{count} ({})", all())));
            }
        };
        match self {
            Self::Status(status, amount) => {
                let count = sample.answered().filter(|answer| answer.status.as_u16() == *status).count();
                let all = || tally(sample.answered().map(|answer| answer.status.as_u16().to_string()));
                amount_of(format!("statuses.{status}"), *amount, count, total, &all);
            }
            Self::HeaderValue(name, value, amount) => {
                let own = |answer: &Answer| joined(&answer.headers, name).unwrap_or_else(|| "none".to_owned());
                let count = sample.answered().filter(|answer| own(answer) == *value).count();
                amount_of(format!("spread.{name}.{value}"), *amount, count, total, &|| tally(sample.answered().map(own)));
            }
            Self::Served(backend, amount) => {
                let served = |answer: &Answer| answer.inside.as_ref().and_then(|inside| inside.served().map(str::to_owned));
                let same = |own: &Option<String>| match (own, backend) {
                    (Some(own), Some(backend)) => own.eq_ignore_ascii_case(backend),
                    (None, None) => true,
                    _ => false,
                };
                let count = sample.answered().map(served).filter(same).count();
                let all = || tally(sample.answered().map(|answer| served(answer).unwrap_or_else(|| "no backend".to_owned())));
                amount_of(format!("served.{}", backend.as_deref().unwrap_or("~")), *amount, count, total, &all);
            }
            Self::Asked(backend, amount) => {
                let asked = || sample.answered().filter_map(|answer| answer.inside.as_ref()).flat_map(|inside| &inside.attempts);
                let count = asked().filter(|attempt| attempt.backend.eq_ignore_ascii_case(backend)).count();
                let all = || tally(asked().map(|attempt| attempt.backend.clone()));
                amount_of(format!("asked.{backend}"), *amount, count, asked().count() as u64, &all);
            }
            Self::Tripped(backend, amount) => {
                let attempts = || sample.answered().filter_map(|answer| answer.inside.as_ref()).flat_map(|inside| &inside.attempts);
                let tripped = || attempts().filter(|attempt| attempt.tripped.is_some());
                let count = tripped().filter(|attempt| attempt.backend.eq_ignore_ascii_case(backend)).count();
                let all = || tally(tripped().map(|attempt| attempt.backend.clone()));
                amount_of(format!("tripped.{backend}"), *amount, count, total, &all);
            }
            Self::Order(expected) => {
                let served: Vec<String> = sample
                    .answered()
                    .map(|answer| answer.inside.as_ref().and_then(|inside| inside.served()).unwrap_or("no backend").to_owned())
                    .collect();
                let same = served.len() == expected.len() && served.iter().zip(expected).all(|(own, one)| own.eq_ignore_ascii_case(one));
                if !same {
                    missed.push(Missed::new("order", expected.join(", "), served.join(", ")));
                }
            }
            Self::Received(expected) => expected.check(sample, &mut missed),
            Self::Metric(expected) => expected.check(sample, &mut missed),
        }
        missed
    }
}

/// `200: 3, 429: 1`.
fn tally(values: impl Iterator<Item = String>) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    if counts.is_empty() {
        return "nothing".to_owned();
    }
    counts.iter().map(|(value, count)| format!("{value}: {count}")).collect::<Vec<_>>().join(", ")
}

impl ReceivedExpected {
    fn is_at(&self, received: &Received) -> bool {
        self.at.as_ref().is_none_or(|at| {
            received.from.eq_ignore_ascii_case(at) || received.backends.iter().any(|backend| backend.eq_ignore_ascii_case(at))
        })
    }

    fn check(&self, sample: &Sample, missed: &mut Vec<Missed>) {
        let about = format!("received.{}", self.at.as_deref().unwrap_or("*"));
        let received: Vec<&Received> = sample.received.iter().filter(|received| self.is_at(received)).collect();
        let (count, total) = (received.len() as u64, sample.received.len() as u64);
        match self.count {
            Some(amount) if !amount.holds(count, total) => {
                let all = tally(sample.received.iter().map(|received| received.from.clone()));
                missed.push(Missed::new(format!("{about}.count"), amount.words(total), format!("{count} ({all})")));
            }
            None if received.is_empty() => {
                let tried = sample.answered().filter_map(|answer| answer.inside.as_ref()).map(|inside| attempts(&inside.attempts));
                let tried = tally(tried);
                missed.push(Missed::new(about.clone(), "at least one request", format!("none (attempts: {tried})")));
            }
            _ => {}
        }
        // One request that is wrong is shown; a thousand like it say no more.
        for received in received {
            let before = missed.len();
            self.one(&about, received, missed);
            if missed.len() > before {
                return;
            }
        }
    }

    fn one(&self, about: &str, received: &Received, missed: &mut Vec<Missed>) {
        if let Some(method) = self.method.as_ref().filter(|method| **method != received.method) {
            missed.push(Missed::new(format!("{about}.method"), method.as_str(), received.method.as_str()));
        }
        if let Some(target) = &self.target {
            text_of(&format!("{about}.target"), target, Some(&received.target), missed);
        }
        for (name, expected) in &self.headers {
            let own = joined(&received.headers, name);
            let about = format!("{about}.headers.{name}");
            match (expected, own) {
                (None, Some(value)) => missed.push(Missed::new(about, "no such header", format!("`{value}`"))),
                (None, None) => {}
                (Some(text), own) => text_of(&about, text, own.as_deref(), missed),
            }
        }
        if let Some(body) = &self.body {
            text_of(&format!("{about}.body"), body, Some(&String::from_utf8_lossy(&received.body)), missed);
        }
        if let Some(expected) = &self.json {
            let about = format!("{about}.json");
            match serde_json::from_slice::<Value>(&received.body) {
                Ok(value) => expected.check(&about, Some(&value), missed),
                Err(_) => {
                    missed.push(Missed::new(about, "a body of JSON", json::shortened(&String::from_utf8_lossy(&received.body))));
                }
            }
        }
    }
}

impl MetricExpected {
    fn fits(&self, metric: &Metric) -> bool {
        metric.name.eq_ignore_ascii_case(&self.name)
            && self.namespace.as_ref().is_none_or(|namespace| *namespace == metric.namespace)
            && self.dimensions.iter().all(|(name, expected)| match (expected, metric.dimensions.get(name)) {
                (None, None) => true,
                (Some(text), Some(value)) => text.holds(value),
                _ => false,
            })
    }

    fn check(&self, sample: &Sample, missed: &mut Vec<Missed>) {
        let about = format!("metrics.{}", self.name);
        let fitting: Vec<&Metric> = sample.metrics.iter().filter(|metric| self.fits(metric)).collect();
        let count: u64 = fitting.iter().map(|metric| metric.count).sum();
        // Nothing adds up to -0.
        let sum: f64 = fitting.iter().map(|metric| metric.sum).sum::<f64>() + 0.0;
        let all = || {
            let shown = |metric: &Metric| {
                let dimensions: Vec<String> = metric.dimensions.iter().map(|(name, value)| format!("{name}={value}")).collect();
                format!("{} {{{}}}: {} values, sum {}", metric.name, dimensions.join(", "), metric.count, metric.sum)
            };
            let own: Vec<String> = sample.metrics.iter().map(shown).collect();
            if own.is_empty() { "no metric at all".to_owned() } else { json::shortened(&own.join("; ")) }
        };
        match self.count {
            Some(amount) if !amount.holds(count, count) => {
                missed.push(Missed::new(format!("{about}.count"), amount.words(count), format!("{count} ({})", all())));
            }
            None if fitting.is_empty() => {
                let dimensions: Vec<String> = self
                    .dimensions
                    .iter()
                    .map(|(name, text)| format!("{name}: {}", text.as_ref().map_or("nothing".to_owned(), Text::words)))
                    .collect();
                missed.push(Missed::new(about.clone(), format!("values with {{ {} }}", dimensions.join(", ")), all()));
            }
            _ => {}
        }
        if let Some((least, most)) = self.sum.filter(|(least, most)| !within(sum, *least, *most)) {
            missed.push(Missed::new(format!("{about}.sum"), super::text::bounds(least, most), sum.to_string()));
        }
    }
}
