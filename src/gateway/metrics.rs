//! Custom metrics: what `emit-metric` and the token metric policies would send to Application Insights, kept here as
//! `customMetrics` would show it, minute by minute.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use indexmap::{Equivalent, IndexMap};
use time::OffsetDateTime;

/// Minutes that are kept of a series: a day.
const MINUTES: usize = 24 * 60;
/// Series that are kept; the service caps the values of a dimension, we the whole.
const SERIES: usize = 10_000;

/// Name and value of each dimension, in the order of the policy.
pub type Dimensions = Box<[(Arc<str>, Box<str>)]>;

/// What makes a series.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeriesName {
    /// `customMetrics` namespace.
    pub namespace: Arc<str>,
    /// Metric: `Total Tokens`.
    pub metric: Arc<str>,
    /// Dimensions.
    pub dimensions: Dimensions,
}

/// The same, borrowed: a series that is known is found without a copy.
#[derive(Hash, PartialEq, Eq)]
struct Borrowed<'a> {
    namespace: &'a str,
    metric: &'a str,
    dimensions: &'a [(Arc<str>, Box<str>)],
}

impl SeriesName {
    fn borrowed(&self) -> Borrowed<'_> {
        Borrowed { namespace: &self.namespace, metric: &self.metric, dimensions: &self.dimensions }
    }
}

impl Hash for SeriesName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.borrowed().hash(state);
    }
}

impl Equivalent<SeriesName> for Borrowed<'_> {
    fn equivalent(&self, key: &SeriesName) -> bool {
        *self == key.borrowed()
    }
}

/// Aggregate of the values of some time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Aggregate {
    /// `valueCount`.
    pub count: u64,
    /// `valueSum`.
    pub sum: f64,
    /// `valueMin`.
    pub min: f64,
    /// `valueMax`.
    pub max: f64,
}

impl Aggregate {
    const fn of(value: f64) -> Self {
        Self { count: 1, sum: value, min: value, max: value }
    }

    fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }
}

/// One series as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// What it is.
    pub name: SeriesName,
    /// Since the start.
    pub total: Aggregate,
    /// By minute since 1970, the oldest first.
    pub minutes: Vec<(i64, Aggregate)>,
}

#[derive(Debug)]
struct Series {
    total: Aggregate,
    minutes: BTreeMap<i64, Aggregate>,
}

/// All series.
#[derive(Debug, Default)]
pub struct Metrics(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    series: IndexMap<SeriesName, Series>,
    dropped: u64,
}

impl Metrics {
    /// Adds one value to several series of the same dimensions, as one request does.
    pub fn record(&self, namespace: &Arc<str>, values: &[(&Arc<str>, f64)], dimensions: &Dimensions, now: OffsetDateTime) {
        let minute = now.unix_timestamp().div_euclid(60);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (metric, value) in values {
            let one = Aggregate::of(*value);
            let place = match kept.series.get_index_of(&Borrowed { namespace, metric, dimensions }) {
                Some(place) => place,
                None if kept.series.len() >= SERIES => {
                    kept.dropped += 1;
                    continue;
                }
                None => {
                    let name = SeriesName { namespace: namespace.clone(), metric: (*metric).clone(), dimensions: dimensions.clone() };
                    let new = Series { total: Aggregate { count: 0, sum: 0.0, ..one }, minutes: BTreeMap::new() };
                    kept.series.insert_full(name, new).0
                }
            };
            let Some((_, series)) = kept.series.get_index_mut(place) else { continue };
            series.total.add(&one);
            series.minutes.entry(minute).and_modify(|kept| kept.add(&one)).or_insert(one);
            if series.minutes.len() > MINUTES {
                series.minutes.pop_first();
            }
        }
    }

    /// All series, sorted by name.
    #[must_use]
    pub fn all(&self) -> Vec<Shown> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<Shown> = kept
            .series
            .iter()
            .map(|(name, series)| Shown {
                name: name.clone(),
                total: series.total,
                minutes: series.minutes.iter().map(|(minute, aggregate)| (*minute, *aggregate)).collect(),
            })
            .collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    }

    /// Values that had no place any more.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).dropped
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn values_gather_by_series_and_minute() {
        let metrics = Metrics::default();
        let (namespace, total): (Arc<str>, Arc<str>) = (Arc::from("openai"), Arc::from("Total Tokens"));
        let of = |subscription: &str| Box::from([(Arc::from("Subscription ID"), Box::from(subscription))]);
        metrics.record(&namespace, &[(&total, 10.0)], &of("a"), datetime!(2026-01-01 00:00:10 UTC));
        metrics.record(&namespace, &[(&total, 30.0)], &of("a"), datetime!(2026-01-01 00:00:50 UTC));
        metrics.record(&namespace, &[(&total, 5.0)], &of("a"), datetime!(2026-01-01 00:01:00 UTC));
        metrics.record(&namespace, &[(&total, 1.0)], &of("b"), datetime!(2026-01-01 00:01:00 UTC));
        let all = metrics.all();
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].total, Aggregate { count: 3, sum: 45.0, min: 5.0, max: 30.0 });
        assert_eq!(all[0].minutes.iter().map(|(_, aggregate)| aggregate.sum).collect::<Vec<_>>(), [40.0, 5.0]);
    }
}
