//! Counts of requests: for Prometheus, and for "requests per hour and result".

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hash::{Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use indexmap::{Equivalent, IndexMap};

use super::record::{Observer, RequestRecord};

/// Hours that are kept: a week.
const HOURS: usize = 7 * 24;
/// Upper bounds of the duration's buckets, in seconds.
const BOUNDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// What requests are counted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    /// API id; empty where none matched.
    pub api: Box<str>,
    /// Operation id.
    pub operation: Box<str>,
    /// Subscription id.
    pub subscription: Box<str>,
    /// The backend that answered last.
    pub backend: Box<str>,
    /// Status.
    pub status: u16,
}

/// The same, borrowed: a request that has been counted before copies nothing.
#[derive(PartialEq, Eq)]
struct Borrowed<'a> {
    api: &'a str,
    operation: &'a str,
    subscription: &'a str,
    backend: &'a str,
    status: u16,
}

impl Hash for Labels {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.borrowed().hash(state);
    }
}

impl Hash for Borrowed<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for text in [self.api, self.operation, self.subscription, self.backend] {
            text.hash(state);
        }
        self.status.hash(state);
    }
}

impl Equivalent<Labels> for Borrowed<'_> {
    fn equivalent(&self, key: &Labels) -> bool {
        *self == key.borrowed()
    }
}

impl Labels {
    fn borrowed(&self) -> Borrowed<'_> {
        Borrowed {
            api: &self.api,
            operation: &self.operation,
            subscription: &self.subscription,
            backend: &self.backend,
            status: self.status,
        }
    }
}

/// What is known of the requests with the same labels.
#[derive(Debug, Clone, Default)]
pub struct Counted {
    /// Requests.
    pub requests: u64,
    /// Times that they were sent to a backend.
    pub attempts: u64,
    /// Bytes of answers.
    pub bytes: u64,
    /// Seconds, all together.
    pub seconds: f64,
    /// Requests by the first bound that holds them; the last is for longer ones.
    pub buckets: [u64; BOUNDS.len() + 1],
    /// Requests by hour since 1970.
    pub hours: BTreeMap<i64, u64>,
}

/// All counts. An observer of the gateway.
#[derive(Debug, Default)]
pub struct Counters(Mutex<IndexMap<Labels, Counted>>);

impl Observer for Counters {
    fn request(&self, record: &RequestRecord) {
        let borrowed = Borrowed {
            api: record.api().map_or("", |api| &api.name),
            operation: record.operation().map_or("", |operation| &operation.name),
            subscription: record.subscription().map_or("", |subscription| &subscription.name),
            backend: record.attempts.last().and_then(|attempt| record.backend(attempt)).map_or("", |backend| &backend.name),
            status: record.status,
        };
        let seconds = record.elapsed.as_secs_f64();
        let bucket = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
        let hour = record.timestamp.unix_timestamp().div_euclid(3_600);
        let mut counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = match counters.get_index_of(&borrowed) {
            Some(place) => place,
            None => {
                let labels = Labels {
                    api: Box::from(borrowed.api),
                    operation: Box::from(borrowed.operation),
                    subscription: Box::from(borrowed.subscription),
                    backend: Box::from(borrowed.backend),
                    status: borrowed.status,
                };
                counters.insert_full(labels, Counted::default()).0
            }
        };
        let Some((_, counted)) = counters.get_index_mut(place) else { return };
        counted.requests += 1;
        counted.attempts += record.attempts.len() as u64;
        counted.bytes += record.bytes;
        counted.seconds += seconds;
        if let Some(count) = counted.buckets.get_mut(bucket) {
            *count += 1;
        }
        *counted.hours.entry(hour).or_insert(0) += 1;
        if counted.hours.len() > HOURS {
            counted.hours.pop_first();
        }
    }
}

impl Counters {
    /// Everything that was counted, in the order in which labels were first seen.
    #[must_use]
    pub fn all(&self) -> Vec<(Labels, Counted)> {
        let counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counters.iter().map(|(labels, counted)| (labels.clone(), counted.clone())).collect()
    }

    /// In Prometheus' text format.
    #[must_use]
    pub fn prometheus(&self) -> String {
        let all = self.all();
        let mut out = String::new();
        let labels_of = |labels: &Labels| {
            format!(
                "api=\"{}\",operation=\"{}\",subscription=\"{}\",backend=\"{}\",status=\"{}\"",
                escaped(&labels.api),
                escaped(&labels.operation),
                escaped(&labels.subscription),
                escaped(&labels.backend),
                labels.status
            )
        };
        let mut family = |name: &str, help: &str, value: &dyn Fn(&Counted) -> String| {
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} counter");
            for (labels, counted) in &all {
                let _ = writeln!(out, "{name}{{{}}} {}", labels_of(labels), value(counted));
            }
        };
        family("apimctl_requests_total", "Requests that are over.", &|counted| counted.requests.to_string());
        family("apimctl_attempts_total", "Times that requests were sent to a backend.", &|counted| counted.attempts.to_string());
        family("apimctl_response_bytes_total", "Bytes of response bodies.", &|counted| counted.bytes.to_string());
        let name = "apimctl_request_duration_seconds";
        let _ = writeln!(out, "# HELP {name} From a request's arrival to its last byte.\n# TYPE {name} histogram");
        for (labels, counted) in &all {
            let labels = labels_of(labels);
            let mut sum = 0;
            for (bound, count) in BOUNDS.iter().zip(&counted.buckets) {
                sum += count;
                let _ = writeln!(out, "{name}_bucket{{{labels},le=\"{bound}\"}} {sum}");
            }
            let _ = writeln!(out, "{name}_bucket{{{labels},le=\"+Inf\"}} {}", counted.requests);
            let _ = writeln!(out, "{name}_sum{{{labels}}} {}\n{name}_count{{{labels}}} {}", counted.seconds, counted.requests);
        }
        out
    }
}

/// A label's value as Prometheus wants it.
#[must_use]
pub fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
