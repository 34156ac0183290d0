//! Circuit breakers: one per backend entity, whoever uses it (pools and APIs share it; Microsoft's failover sample says so).
//!
//! Documented: a rule counts failures within an interval; when it trips, nothing is sent for the trip time, then traffic resumes in full.
//! Not documented, so a setting or assumed here: whether the interval slides, what a percentage is taken of, `Retry-After` as a date.
//! A breaker owns no task: deadlines are compared when somebody looks.

use std::collections::VecDeque;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::support::clock::SharedClock;

/// `circuitBreaker.rules[0]`: only one rule is supported (documented).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its name.
    pub name: Box<str>,
    /// How many failures it takes.
    pub condition: Condition,
    /// Within which time.
    pub interval: Duration,
    /// Statuses that count as failures.
    pub statuses: Box<[RangeInclusive<u16>]>,
    /// Whether transport failures count.
    pub errors: bool,
    /// How long nothing is sent after it tripped.
    pub trip: Duration,
    /// Whether a failing answer's `Retry-After` takes the place of `trip`.
    pub accept_retry_after: bool,
    /// `failureResponse.statusCode`: instead of 503 while it is open.
    pub failure_status: Option<StatusCode>,
    /// How the interval runs.
    pub window: Window,
}

/// How many failures trip a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// The failure with this number trips ("three or more" on the page).
    Count(u32),
    /// Failures reach this share of the calls, once there are `calls` of them.
    Percentage {
        /// 0 to 100.
        percent: u32,
        /// Calls below which nothing trips.
        calls: u32,
    },
    /// Neither is given: it never trips (assumed).
    Never,
}

/// How the interval of a rule runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// The last `interval` before each call.
    Sliding,
    /// From the first call after the last window's end.
    Fixed,
}

/// How a call to a backend ended, as a breaker sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// An answer came.
    Status {
        /// Its status.
        status: u16,
        /// Its `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// None came: no connection, no answer in time, or a cut.
    Failed,
}

impl Rule {
    /// Whether it counts as a failure.
    #[must_use]
    pub fn is_failure(&self, outcome: Outcome) -> bool {
        match outcome {
            Outcome::Status { status, .. } => self.statuses.iter().any(|range| range.contains(&status)),
            Outcome::Failed => self.errors,
        }
    }

    /// Whether answers have to be recorded even if they are good.
    #[must_use]
    pub const fn counts_all(&self) -> bool {
        matches!(self.condition, Condition::Percentage { .. })
    }

    const fn is_reached(&self, failures: u64, calls: u64) -> bool {
        match self.condition {
            Condition::Count(count) => failures >= count as u64,
            Condition::Percentage { percent, calls: least } => {
                failures > 0 && calls >= least as u64 && failures.saturating_mul(100) >= calls.saturating_mul(percent as u64)
            }
            Condition::Never => false,
        }
    }
}

/// Calls are kept one by one up to this many; after that, those within a thousandth of the interval share a place.
const EXACT: usize = 1024;

/// Calls of one moment.
#[derive(Debug, Clone, Copy)]
struct Moment {
    at: Instant,
    calls: u64,
    failures: u64,
}

/// What a breaker remembers.
#[derive(Debug, Default)]
struct Memory {
    moments: VecDeque<Moment>,
    calls: u64,
    failures: u64,
    /// Since when it is in its present state.
    since: Option<OffsetDateTime>,
    by_hand: bool,
}

impl Memory {
    /// Forgets what no longer counts.
    fn prune(&mut self, now: Instant, interval: Duration, window: Window) {
        match window {
            Window::Sliding => {
                while let Some(first) = self.moments.front().copied().filter(|first| now.duration_since(first.at) >= interval) {
                    self.calls -= first.calls;
                    self.failures -= first.failures;
                    self.moments.pop_front();
                }
            }
            Window::Fixed => {
                if self.moments.front().is_some_and(|first| now.duration_since(first.at) >= interval) {
                    self.clear();
                }
            }
        }
    }

    fn add(&mut self, now: Instant, failed: bool, interval: Duration) {
        let failures = u64::from(failed);
        self.calls += 1;
        self.failures += failures;
        if self.moments.len() >= EXACT
            && let Some(last) = self.moments.back_mut().filter(|last| now.duration_since(last.at) < interval / 1000)
        {
            last.calls += 1;
            last.failures += failures;
            return;
        }
        self.moments.push_back(Moment { at: now, calls: 1, failures });
    }

    fn clear(&mut self) {
        self.moments.clear();
        self.calls = 0;
        self.failures = 0;
    }
}

/// The breaker of one backend.
pub struct Breaker {
    backend: Box<str>,
    clock: SharedClock,
    origin: Instant,
    /// Nanoseconds after `origin` until which nothing is sent; 0 while it is closed.
    until: AtomicU64,
    trips: AtomicU64,
    memory: Mutex<Memory>,
    journal: Arc<Journal>,
}

/// Closed or tripped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Requests pass.
    Closed,
    /// Requests do not pass.
    Tripped,
}

/// A breaker, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// ARM id of the backend, lower case.
    pub backend: String,
    /// What it is.
    pub state: State,
    /// Since when, if it ever changed.
    pub since: Option<OffsetDateTime>,
    /// Until when, if it is tripped.
    pub until: Option<OffsetDateTime>,
    /// Whether a person tripped it.
    pub by_hand: bool,
    /// Calls that count within the interval; 0 for rules that only count failures.
    pub calls: u64,
    /// Failures that count within the interval.
    pub failures: u64,
    /// How often it has tripped.
    pub trips: u64,
}

impl Breaker {
    /// A closed breaker.
    #[must_use]
    pub fn new(backend: &str, clock: SharedClock, journal: Arc<Journal>) -> Self {
        let origin = clock.now();
        Self {
            backend: Box::from(backend),
            clock,
            origin,
            until: AtomicU64::new(0),
            trips: AtomicU64::new(0),
            memory: Mutex::default(),
            journal,
        }
    }

    /// Until when nothing may be sent; `None` if it is closed. One atomic load while it is.
    #[must_use]
    pub fn tripped(&self) -> Option<Instant> {
        let until = self.until.load(Ordering::Acquire);
        if until == 0 {
            return None;
        }
        let deadline = self.origin + Duration::from_nanos(until);
        if self.clock.now() < deadline {
            return Some(deadline);
        }
        let mut memory = self.memory();
        // Somebody else may have seen it first, or tripped it again.
        if self.until.compare_exchange(until, 0, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            self.closed(&mut memory, self.clock.utc() - self.clock.now().duration_since(deadline), false);
        }
        drop(memory);
        None
    }

    /// A call has ended. Returns until when the breaker is tripped if this call tripped it.
    pub fn record(&self, rule: &Rule, outcome: Outcome) -> Option<Instant> {
        let failed = rule.is_failure(outcome);
        if !failed && !rule.counts_all() {
            return None;
        }
        let mut memory = self.memory();
        // Calls that were under way when it tripped change nothing (assumed).
        if self.until.load(Ordering::Acquire) != 0 {
            return None;
        }
        let now = self.clock.now();
        memory.prune(now, rule.interval, rule.window);
        memory.add(now, failed, rule.interval);
        if !failed || !rule.is_reached(memory.failures, memory.calls) {
            return None;
        }
        let asked = match outcome {
            // A time of zero is none (assumed): else the breaker would trip for no time at all.
            Outcome::Status { retry_after: Some(time), .. } if rule.accept_retry_after && !time.is_zero() => time,
            _ => rule.trip,
        };
        Some(self.open(&mut memory, now, asked, false))
    }

    /// Trips it by hand.
    pub fn trip(&self, time: Duration) {
        let mut memory = self.memory();
        let now = self.clock.now();
        self.open(&mut memory, now, time, true);
    }

    /// Closes it by hand, and forgets the failures.
    pub fn reset(&self) {
        let mut memory = self.memory();
        if self.until.swap(0, Ordering::AcqRel) == 0 {
            memory.clear();
        } else {
            self.closed(&mut memory, self.clock.utc(), true);
        }
    }

    /// How it stands, by its rule.
    #[must_use]
    pub fn view(&self, rule: Option<&Rule>) -> View {
        let until = self.tripped();
        let mut memory = self.memory();
        let now = self.clock.now();
        if let Some(rule) = rule {
            memory.prune(now, rule.interval, rule.window);
        }
        View {
            backend: self.backend.to_string(),
            state: if until.is_some() { State::Tripped } else { State::Closed },
            since: memory.since,
            until: until.map(|until| self.clock.utc() + until.duration_since(now)),
            by_hand: memory.by_hand,
            calls: memory.calls,
            failures: memory.failures,
            trips: self.trips.load(Ordering::Relaxed),
        }
    }

    /// How often it has tripped.
    #[must_use]
    pub fn trips(&self) -> u64 {
        self.trips.load(Ordering::Relaxed)
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // Nothing that runs under the lock can leave it half done.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, memory: &mut Memory, now: Instant, time: Duration, by_hand: bool) -> Instant {
        let since_origin = now.duration_since(self.origin).saturating_add(time);
        // Zero means closed; a length beyond what fits (500 years) is as good as the longest.
        let until = u64::try_from(since_origin.as_nanos()).unwrap_or(u64::MAX).max(1);
        self.until.store(until, Ordering::Release);
        self.trips.fetch_add(1, Ordering::Relaxed);
        let at = self.clock.utc();
        memory.since = Some(at);
        memory.by_hand = by_hand;
        tracing::info!(
            backend = &*self.backend,
            seconds = time.as_secs_f64(),
            failures = memory.failures,
            by_hand,
            "a circuit breaker tripped"
        );
        self.journal.add(Event { backend: self.backend.clone(), at, change: Change::Tripped { time, failures: memory.failures }, by_hand });
        memory.clear();
        self.origin + Duration::from_nanos(until)
    }

    fn closed(&self, memory: &mut Memory, at: OffsetDateTime, by_hand: bool) {
        memory.clear();
        memory.since = Some(at);
        memory.by_hand = by_hand;
        tracing::info!(backend = &*self.backend, by_hand, "a circuit breaker closed");
        self.journal.add(Event { backend: self.backend.clone(), at, change: Change::Closed, by_hand });
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Breaker").field("backend", &self.backend).field("until", &self.until).finish_non_exhaustive()
    }
}

/// What happened to a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing is sent any more.
    Tripped {
        /// For so long.
        time: Duration,
        /// Failures that led to it.
        failures: u64,
    },
    /// Traffic goes on. Noticed by the first request that comes, dated to the end of the trip time.
    Closed,
}

/// One change of one breaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// ARM id of the backend, lower case.
    pub backend: Box<str>,
    /// When.
    pub at: OffsetDateTime,
    /// What.
    pub change: Change,
    /// Whether a person did it.
    pub by_hand: bool,
}

/// The last changes of all breakers, in the order in which they were noticed. (The service sends them to Event Grid.)
#[derive(Debug, Default)]
pub struct Journal(Mutex<VecDeque<Event>>);

/// Changes that are kept.
const KEPT: usize = 256;

impl Journal {
    fn add(&self, event: Event) {
        let mut events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if events.len() == KEPT {
            events.pop_front();
        }
        events.push_back(event);
    }

    /// The last changes, oldest first.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests;
