//! What outlives a snapshot: breakers, counters, caches. Everything hangs on an ARM id or a counter key, so that a reload keeps it.
//!
//! Compiled policies and backends hold handles into it, so that no request looks a name up.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::support::clock::SharedClock;
use crate::support::random::SharedRandom;

/// The state of one gateway, shared by its workers and by all its snapshots.
#[derive(Debug)]
pub struct State {
    /// Time.
    pub clock: SharedClock,
    /// Randomness.
    pub random: SharedRandom,
    /// Permits of `limit-concurrency`.
    pub concurrency: Registry<super::execute::limit_concurrency::Slots>,
}

impl State {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(clock: SharedClock, random: SharedRandom) -> Self {
        Self { clock, random, concurrency: Registry::default() }
    }
}

/// Things by name, made when they are first asked for. Asked when a snapshot is compiled, never by a request.
#[derive(Debug)]
pub struct Registry<T>(Mutex<HashMap<Box<str>, Arc<T>>>);

impl<T> Default for Registry<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Registry<T> {
    /// The thing of that name.
    pub fn get_or_insert_with(&self, name: &str, make: impl FnOnce() -> T) -> Arc<T> {
        let mut things = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thing) = things.get(name) {
            return thing.clone();
        }
        let thing = Arc::new(make());
        things.insert(Box::from(name), thing.clone());
        thing
    }

    /// All of them, for the admin endpoint, in no order.
    #[must_use]
    pub fn all(&self) -> Vec<(Box<str>, Arc<T>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|(name, thing)| (name.clone(), thing.clone())).collect()
    }
}
