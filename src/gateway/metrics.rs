//! Custom metrics: what `emit-metric` and the token metric policies would send to Application Insights, kept here as
//! `customMetrics` would show it, minute by minute.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use time::OffsetDateTime;

/// Minutes that are kept of a series: a day.
const MINUTES: usize = 24 * 60;
/// Series that are kept; the service caps the values of a dimension, we the whole.
const SERIES: usize = 10_000;

/// Name and value of each dimension, in the order of the policy.
pub type Dimensions = Box<[(Arc<str>, Box<str>)]>;

/// What makes a series.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesName {
    /// `customMetrics` namespace.
    pub namespace: Arc<str>,
    /// Metric: `Total Tokens`.
    pub metric: Arc<str>,
    /// Dimensions.
    pub dimensions: Dimensions,
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

/// One series without its name.
#[derive(Debug, Clone)]
struct Series {
    total: Aggregate,
    minutes: BTreeMap<i64, Aggregate>,
}

impl Series {
    fn of(minute: i64, value: Aggregate) -> Self {
        Self { total: value, minutes: BTreeMap::from([(minute, value)]) }
    }

    fn add(&mut self, minute: i64, value: &Aggregate) {
        self.total.add(value);
        self.minutes.entry(minute).and_modify(|kept| kept.add(value)).or_insert(*value);
        if self.minutes.len() > MINUTES {
            self.minutes.pop_first();
        }
    }

    fn merge(&mut self, other: Self) {
        self.total.add(&other.total);
        for (minute, value) in other.minutes {
            self.minutes.entry(minute).and_modify(|kept| kept.add(&value)).or_insert(value);
        }
    }
}

/// The values of an instrument's dimensions, in its order: one text, as a request makes one for itself.
#[derive(Debug, Clone, Default)]
pub struct Values(String);

/// Stands between two values; where a value has it, it is replaced.
const BETWEEN: char = '\u{1f}';

impl Values {
    /// None yet.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self(String::with_capacity(bytes))
    }

    /// The next one.
    pub fn push(&mut self, value: &str) {
        if value.contains(BETWEEN) {
            self.0.push_str(&value.replace(BETWEEN, "\u{fffd}"));
        } else {
            self.0.push_str(value);
        }
        self.0.push(BETWEEN);
    }

    /// Where the next value begins: for one that is known later.
    #[must_use]
    pub fn place(&self) -> usize {
        self.0.len()
    }

    /// Puts `value` where an empty one was pushed.
    pub fn fill(&mut self, place: usize, value: &str) {
        if self.0.get(place..).is_some_and(|rest| rest.starts_with(BETWEEN)) {
            self.0.insert_str(place, value);
        }
    }
}

/// What one policy emits: metrics that have their dimensions in common. Found once, when the policy is compiled.
#[derive(Debug)]
pub struct Instrument {
    namespace: Arc<str>,
    metrics: Box<[Arc<str>]>,
    dimensions: Box<[Arc<str>]>,
    /// Threads write in different ones, so that none waits for another.
    shards: [Mutex<Groups>; SHARDS],
    limits: Arc<Bounds>,
}

const SHARDS: usize = 8;

/// One series for each metric, by the values of the dimensions.
type Groups = HashMap<Box<str>, Box<[Option<Series>]>>;

/// The shard of this thread.
fn shard() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static OWN: usize = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS);
    OWN.with(|own| *own)
}

#[derive(Debug, Default)]
struct Bounds {
    series: AtomicUsize,
    dropped: AtomicU64,
}

impl Instrument {
    /// Adds one value to each metric, in the order of [`Metrics::instrument`]; `None` adds nothing. Copies nothing once these values of
    /// the dimensions have been seen.
    pub fn record(&self, values: &[Option<f64>], dimensions: &Values, now: OffsetDateTime) {
        let minute = now.unix_timestamp().div_euclid(60);
        let Some(shard) = self.shards.get(shard()) else { return };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let group = match shard.get_mut(dimensions.0.as_str()) {
            Some(group) => group,
            None => shard.entry(Box::from(dimensions.0.as_str())).or_insert_with(|| vec![None; self.metrics.len()].into()),
        };
        for (series, value) in group.iter_mut().zip(values) {
            let Some(value) = value.map(Aggregate::of) else { continue };
            match series {
                Some(series) => series.add(minute, &value),
                None if self.limits.series.fetch_add(1, Ordering::Relaxed) < SERIES => *series = Some(Series::of(minute, value)),
                None => {
                    self.limits.series.fetch_sub(1, Ordering::Relaxed);
                    self.limits.dropped.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    fn named(&self, metric: &Arc<str>, values: &str) -> SeriesName {
        let values = values.split(BETWEEN).map(Box::from);
        let dimensions = self.dimensions.iter().cloned().zip(values).collect();
        SeriesName { namespace: self.namespace.clone(), metric: metric.clone(), dimensions }
    }

    fn is(&self, namespace: &str, metrics: &[Arc<str>], dimensions: &[Arc<str>]) -> bool {
        *self.namespace == *namespace && *self.metrics == *metrics && *self.dimensions == *dimensions
    }
}

/// All series.
#[derive(Debug, Default)]
pub struct Metrics {
    instruments: Mutex<Vec<Arc<Instrument>>>,
    limits: Arc<Bounds>,
}

impl Metrics {
    /// What emits `metrics` with `dimensions`: the same one for the same names, so that a reload counts on.
    pub fn instrument(&self, namespace: &str, metrics: &[Arc<str>], dimensions: &[Arc<str>]) -> Arc<Instrument> {
        let mut instruments = self.instruments.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = instruments.iter().find(|known| known.is(namespace, metrics, dimensions)) {
            return known.clone();
        }
        let made = Arc::new(Instrument {
            namespace: Arc::from(namespace),
            metrics: metrics.into(),
            dimensions: dimensions.into(),
            shards: Default::default(),
            limits: self.limits.clone(),
        });
        instruments.push(made.clone());
        made
    }

    /// All series, sorted by name.
    #[must_use]
    pub fn all(&self) -> Vec<Shown> {
        let instruments = self.instruments.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut all: BTreeMap<SeriesName, Series> = BTreeMap::new();
        for instrument in instruments {
            for shard in &instrument.shards {
                for (values, group) in shard.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                    for (metric, series) in instrument.metrics.iter().zip(group) {
                        let Some(series) = series.clone() else { continue };
                        match all.entry(instrument.named(metric, values)) {
                            Entry::Vacant(place) => {
                                place.insert(series);
                            }
                            Entry::Occupied(mut place) => place.get_mut().merge(series),
                        }
                    }
                }
            }
        }
        let shown =
            |(name, series): (SeriesName, Series)| Shown { name, total: series.total, minutes: series.minutes.into_iter().collect() };
        all.into_iter().map(shown).collect()
    }

    /// Values that had no place any more.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.limits.dropped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn values_gather_by_series_and_minute() {
        let metrics = Metrics::default();
        let names = [Arc::from("Total Tokens"), Arc::from("Prompt Cached Tokens")];
        let of = |subscription: &str| {
            let mut values = Values::default();
            values.push(subscription);
            values
        };
        let record = |total, subscription, now| {
            metrics.instrument("openai", &names, &[Arc::from("Subscription ID")]).record(&[Some(total), None], &of(subscription), now);
        };
        record(10.0, "a", datetime!(2026-01-01 00:00:10 UTC));
        // A reload and another thread count on.
        std::thread::scope(|scope| {
            scope.spawn(|| record(30.0, "a", datetime!(2026-01-01 00:00:50 UTC)));
        });
        record(5.0, "a", datetime!(2026-01-01 00:01:00 UTC));
        record(1.0, "b", datetime!(2026-01-01 00:01:00 UTC));
        let all = metrics.all();
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].total, Aggregate { count: 3, sum: 45.0, min: 5.0, max: 30.0 });
        assert_eq!(all[0].minutes.iter().map(|(_, aggregate)| aggregate.sum).collect::<Vec<_>>(), [40.0, 5.0]);
    }

    #[test]
    fn a_value_that_is_known_later_stands_in_its_place() {
        let metrics = Metrics::default();
        let instrument = metrics.instrument("openai", &[Arc::from("Total Tokens")], &["A", "Backend ID", "C"].map(Arc::from));
        let mut values = Values::default();
        values.push("one\u{1f}two");
        let place = values.place();
        values.push("");
        values.push("three");
        values.fill(place, "backend");
        instrument.record(&[Some(1.0)], &values, datetime!(2026-01-01 00:00 UTC));
        let shown: Vec<_> = metrics.all()[0].name.dimensions.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(shown, ["A=one\u{fffd}two", "Backend ID=backend", "C=three"]);
    }
}
