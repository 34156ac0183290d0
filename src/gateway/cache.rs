//! The built-in cache: values and responses, bounded in number and bytes, gone when their time is over.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const SHARDS: usize = 16;
/// Bytes that a cache keeps; the built-in cache of the smallest tier has 10 MB, of others up to 5 GB.
const BYTES: usize = 256 * 1024 * 1024;

/// Things by key, until they expire.
#[derive(Debug)]
pub struct Cache<T> {
    shards: Box<[Mutex<Shard<T>>]>,
    hasher: RandomState,
}

#[derive(Debug)]
struct Shard<T> {
    entries: HashMap<Box<str>, Entry<T>>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry<T> {
    value: T,
    expires: Instant,
    bytes: usize,
}

impl<T> Default for Cache<T> {
    fn default() -> Self {
        let shard = || Mutex::new(Shard { entries: HashMap::new(), bytes: 0 });
        Self { shards: (0..SHARDS).map(|_| shard()).collect(), hasher: RandomState::new() }
    }
}

impl<T: Clone> Cache<T> {
    fn shard(&self, key: &str) -> MutexGuard<'_, Shard<T>> {
        let place = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or(0);
        self.shards.get(place).unwrap_or(&self.shards[0]).lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is kept under `key`.
    pub fn get(&self, key: &str, now: Instant) -> Option<T> {
        let shard = self.shard(key);
        shard.entries.get(key).filter(|entry| entry.expires > now).map(|entry| entry.value.clone())
    }

    /// Keeps `value` for `duration`. What does not fit even into an empty cache is not kept; what is oldest in its deadline goes first.
    pub fn put(&self, key: &str, value: T, bytes: usize, duration: Duration, now: Instant) {
        let most = BYTES / SHARDS;
        let mut shard = self.shard(key);
        if let Some(old) = shard.entries.remove(key) {
            shard.bytes -= old.bytes;
        }
        if bytes > most || duration.is_zero() {
            return;
        }
        if shard.bytes + bytes > most {
            shard.entries.retain(|_, entry| entry.expires > now);
            shard.bytes = shard.entries.values().map(|entry| entry.bytes).sum();
        }
        while shard.bytes + bytes > most {
            let Some(next) = shard.entries.iter().min_by_key(|(_, entry)| entry.expires).map(|(key, _)| key.clone()) else { break };
            if let Some(old) = shard.entries.remove(&next) {
                shard.bytes -= old.bytes;
            }
        }
        shard.bytes += bytes;
        shard.entries.insert(Box::from(key), Entry { value, expires: now.checked_add(duration).unwrap_or(now), bytes });
    }

    /// Forgets `key`.
    pub fn remove(&self, key: &str) {
        let mut shard = self.shard(key);
        if let Some(old) = shard.entries.remove(key) {
            shard.bytes -= old.bytes;
        }
    }

    /// Forgets everything.
    pub fn clear(&self) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.entries.clear();
            shard.bytes = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::clock::{Clock as _, SystemClock};

    #[tokio::test(start_paused = true)]
    async fn values_end_with_their_time() {
        let cache = Cache::default();
        let now = SystemClock.now();
        cache.put("a", 1, 10, Duration::from_secs(5), now);
        assert_eq!(cache.get("a", now + Duration::from_secs(4)), Some(1));
        assert_eq!(cache.get("a", now + Duration::from_secs(5)), None);
        cache.put("a", 2, 10, Duration::from_secs(5), now);
        cache.remove("a");
        assert_eq!(cache.get("a", now), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_cache_is_bounded() {
        let cache = Cache::default();
        let now = SystemClock.now();
        for number in 0..400_u64 {
            cache.put(&number.to_string(), number, 4 * 1024 * 1024, Duration::from_secs(60 + number), now);
        }
        let bytes: usize = cache.shards.iter().map(|shard| shard.lock().unwrap().bytes).sum();
        assert!(bytes <= BYTES && bytes > BYTES / 2, "{bytes}");
        assert_eq!(cache.get("399", now), Some(399));
        cache.put("huge", 0, BYTES, Duration::from_secs(60), now);
        assert_eq!(cache.get("huge", now), None);
    }
}
