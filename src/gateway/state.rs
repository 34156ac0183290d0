//! What outlives a snapshot: breakers, counters, caches. Everything hangs on an ARM id or a counter key, so that a reload keeps it.
//!
//! Compiled policies and backends hold handles into it, so that no request looks a name up.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use super::backend::breaker::{Breaker, Journal};
use super::backend::target::Targets;
use super::backend::token::Tokens;
use super::cache::Cache;
use super::coverage::Coverage;
use super::limits::{Counter, Keyed, QuotaCounter};
use super::metrics::Metrics;
use super::upstream::DefaultTls;
use crate::arm::debugging::Debugging;
use crate::expression::Portable;
use crate::identity::{KeySource, NoKeys, NoTokens, TokenSource};
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
    /// Calls per subscription: `rate-limit`.
    pub call_rates: Keyed<Counter>,
    /// Calls per key: `rate-limit-by-key`.
    pub call_rates_by_key: Keyed<Counter>,
    /// Calls and kilobytes: `quota`, `quota-by-key`.
    pub call_quotas: Keyed<QuotaCounter>,
    /// Tokens per minute and key.
    pub token_rates: Keyed<Counter>,
    /// Tokens per period and key.
    pub token_quotas: Keyed<QuotaCounter>,
    /// Values of `cache-store-value`.
    pub values: Cache<Portable>,
    /// Responses of `cache-store`.
    pub responses: Cache<super::execute::cache_response::Kept>,
    /// Prompts of the semantic cache.
    pub semantic: super::execute::semantic_cache::SemanticCache,
    /// Events of `log-to-eventhub`.
    pub events: super::execute::log_to_eventhub::Events,
    /// Custom metrics.
    pub metrics: Metrics,
    /// Circuit breakers by the ARM id of the backend, lower case.
    pub breakers: Registry<Breaker>,
    /// What happened to breakers.
    pub journal: Arc<Journal>,
    /// Turns taken in pools, by ARM id and priority.
    pub turns: Registry<AtomicU64>,
    /// Where calls go.
    pub targets: Targets,
    /// Whom to trust behind https, where a backend has TLS settings of its own.
    pub tls: Arc<DefaultTls>,
    /// Tokens of the service's identities.
    pub tokens: Tokens,
    /// Where these come from.
    pub tokens_from: Arc<dyn TokenSource>,
    /// Token issuers by the URL of their discovery document.
    pub issuers: Registry<super::execute::validate_jwt::Provider>,
    /// Debug credentials and traces, shared with ARM.
    pub debugging: Arc<Debugging>,
    /// Issuers that the network does not know.
    pub keys_from: Arc<dyn KeySource>,
    /// Counts which policies ran, if somebody wants to know.
    pub coverage: Option<Arc<Coverage>>,
}

impl State {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(clock: SharedClock, random: SharedRandom) -> Self {
        Self {
            clock,
            random,
            concurrency: Registry::default(),
            call_rates: Keyed::default(),
            call_rates_by_key: Keyed::default(),
            call_quotas: Keyed::default(),
            token_rates: Keyed::default(),
            token_quotas: Keyed::default(),
            values: Cache::default(),
            responses: Cache::default(),
            semantic: super::execute::semantic_cache::SemanticCache::default(),
            events: super::execute::log_to_eventhub::Events::default(),
            metrics: Metrics::default(),
            breakers: Registry::default(),
            journal: Arc::default(),
            turns: Registry::default(),
            targets: Targets::default(),
            tls: Arc::new(DefaultTls::trusting(Vec::new())),
            tokens: Tokens::default(),
            tokens_from: Arc::new(NoTokens),
            issuers: Registry::default(),
            debugging: Arc::default(),
            keys_from: Arc::new(NoKeys),
            coverage: None,
        }
    }

    /// Counts which policies ran.
    #[must_use]
    pub fn with_coverage(mut self, coverage: Option<Arc<Coverage>>) -> Self {
        self.coverage = coverage;
        self
    }

    /// With issuers that the network does not know.
    #[must_use]
    pub fn with_keys(mut self, source: Arc<dyn KeySource>) -> Self {
        self.keys_from = source;
        self
    }

    /// With tokens for managed identities.
    #[must_use]
    pub fn with_tokens(mut self, source: Arc<dyn TokenSource>) -> Self {
        self.tokens_from = source;
        self
    }

    /// With these roots behind https, the same that the connector has.
    #[must_use]
    pub fn with_tls(mut self, tls: Arc<DefaultTls>) -> Self {
        self.tls = tls;
        self
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
