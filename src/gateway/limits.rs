//! Counters of rate limits, quotas and token limits: driven by deadlines, no task of their own.

mod counter;
mod quota;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

pub use self::counter::{Algorithm, Counter};
pub use self::quota::{Period, PeriodEnd, QuotaCounter, period_of};

/// Shards, so that workers seldom meet.
const SHARDS: usize = 16;
/// Keys of a shard after which those that no longer matter are thrown away.
const CROWDED: usize = 4_096;

/// Some of the counters.
type Shard<T> = Mutex<HashMap<Box<str>, T>>;

/// Counters by key.
#[derive(Debug)]
pub struct Keyed<T> {
    shards: Box<[Shard<T>]>,
    hasher: RandomState,
}

impl<T> Default for Keyed<T> {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), hasher: RandomState::new() }
    }
}

/// Something that stops to matter with time.
pub trait Fades {
    /// Whether it is as if it had never been.
    fn is_gone(&self, now: Instant) -> bool;
}

impl<T: Fades> Keyed<T> {
    fn shard(&self, key: &str) -> MutexGuard<'_, HashMap<Box<str>, T>> {
        let place = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or(0);
        // There are always SHARDS shards; the first stands in where arithmetic were wrong.
        let shard = self.shards.get(place).unwrap_or(&self.shards[0]);
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on the counter of `key`, made new if there is none. A key that is known is not copied.
    pub fn with<R>(&self, key: &str, now: Instant, make: impl FnOnce() -> T, work: impl FnOnce(&mut T) -> R) -> R {
        let mut shard = self.shard(key);
        if let Some(counter) = shard.get_mut(key) {
            return work(counter);
        }
        if shard.len() >= CROWDED {
            shard.retain(|_, counter| !counter.is_gone(now));
        }
        work(shard.entry(Box::from(key)).or_insert_with(make))
    }

    /// Forgets everything.
    pub fn clear(&self) {
        for shard in &self.shards {
            shard.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }
}

/// Whole seconds as the service writes them in `Retry-After` and messages: never 0 while the caller still has to wait (assumed: rounded up).
#[must_use]
pub fn whole_seconds(wait: Duration) -> u64 {
    wait.as_millis().div_ceil(1000).max(1).try_into().unwrap_or(u64::MAX)
}
