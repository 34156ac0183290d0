//! One rate: so much in so long.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::Fades;

/// How a rate is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// What was used within the last period counts (classic tiers).
    SlidingWindow,
    /// A bucket of one period's amount that fills all the time (v2 tiers).
    TokenBucket,
}

/// Slices of a period that a sliding window tells apart.
const SLICES: u32 = 128;

/// What was used lately.
#[derive(Debug, Clone)]
pub struct Counter {
    algorithm: Algorithm,
    period: Duration,
    /// Sliding window: what was used and when; token bucket: unused.
    used: VecDeque<(Instant, u64)>,
    sum: u64,
    /// Token bucket: what is missing from a full bucket at `at`. It may be more than the bucket holds: what was served beyond the limit
    /// has to be made up for.
    missing: f64,
    at: Instant,
}

#[expect(clippy::cast_precision_loss, reason = "tokens and calls are far below 2^53")]
const fn float(amount: u64) -> f64 {
    amount as f64
}

impl Counter {
    /// Nothing was used.
    #[must_use]
    pub const fn new(algorithm: Algorithm, period: Duration, now: Instant) -> Self {
        Self { algorithm, period, used: VecDeque::new(), sum: 0, missing: 0.0, at: now }
    }

    fn refresh(&mut self, now: Instant, limit: u64) {
        match self.algorithm {
            Algorithm::SlidingWindow => {
                while let Some((when, amount)) = self.used.front().copied() {
                    if now.saturating_duration_since(when) < self.period {
                        break;
                    }
                    self.sum = self.sum.saturating_sub(amount);
                    self.used.pop_front();
                }
            }
            Algorithm::TokenBucket => {
                let filled = float(limit) * now.saturating_duration_since(self.at).as_secs_f64() / self.period.as_secs_f64().max(1e-9);
                self.missing = (self.missing - filled).max(0.0);
                self.at = now;
            }
        }
    }

    /// What may still be used; 0 when more than the limit was.
    pub fn remaining(&mut self, now: Instant, limit: u64) -> u64 {
        self.refresh(now, limit);
        match self.algorithm {
            Algorithm::SlidingWindow => limit.saturating_sub(self.sum),
            // A bucket that is full but for the rounding of its refill counts as full.
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the limit")]
            Algorithm::TokenBucket => (float(limit) - self.missing + 1e-6).clamp(0.0, float(limit)) as u64,
        }
    }

    /// Uses `amount`, also beyond the limit.
    pub fn add(&mut self, now: Instant, amount: u64, limit: u64) {
        self.refresh(now, limit);
        match self.algorithm {
            Algorithm::SlidingWindow => {
                self.sum = self.sum.saturating_add(amount);
                match self.used.back_mut() {
                    Some((when, last)) if now.saturating_duration_since(*when) < self.period / SLICES => {
                        *last = last.saturating_add(amount)
                    }
                    _ => self.used.push_back((now, amount)),
                }
            }
            Algorithm::TokenBucket => self.missing += float(amount),
        }
    }

    /// Uses `amount` if one more call fits, in one step: two workers cannot both take the last. The error is how long to wait.
    ///
    /// # Errors
    /// Nothing is left; nothing was used.
    pub fn take(&mut self, now: Instant, amount: u64, limit: u64) -> Result<(), Duration> {
        match self.wait_for(now, 1, limit) {
            Some(Duration::ZERO) => {
                if amount > 0 {
                    self.add(now, amount, limit);
                }
                Ok(())
            }
            wait => Err(wait.unwrap_or(self.period)),
        }
    }

    /// How long until no more than the limit was used; zero if that is so now.
    pub fn overdrawn(&mut self, now: Instant, limit: u64) -> Duration {
        // Nothing has to be free, so what is beyond the limit is all that has to come back.
        self.refresh(now, limit);
        match self.algorithm {
            Algorithm::SlidingWindow if self.sum <= limit => Duration::ZERO,
            Algorithm::SlidingWindow => {
                let mut over = self.sum - limit;
                for (when, used) in &self.used {
                    over = over.saturating_sub(*used);
                    if over == 0 {
                        return (*when + self.period).saturating_duration_since(now);
                    }
                }
                self.period
            }
            Algorithm::TokenBucket => {
                let over = self.missing - float(limit);
                if over <= 1e-6 {
                    return Duration::ZERO;
                }
                Duration::try_from_secs_f64(over / float(limit.max(1)) * self.period.as_secs_f64()).unwrap_or(self.period)
            }
        }
    }

    /// How long until `amount` may be used; `None` if it is more than the limit and never can.
    pub fn wait_for(&mut self, now: Instant, amount: u64, limit: u64) -> Option<Duration> {
        if amount > limit {
            return None;
        }
        if self.remaining(now, limit) >= amount {
            return Some(Duration::ZERO);
        }
        match self.algorithm {
            Algorithm::SlidingWindow => {
                let mut free = limit.saturating_sub(self.sum);
                let mut over = self.sum.saturating_sub(limit);
                for (when, used) in &self.used {
                    let back = used.saturating_sub(over);
                    over = over.saturating_sub(*used);
                    free = free.saturating_add(back);
                    if free >= amount {
                        return Some((*when + self.period).saturating_duration_since(now));
                    }
                }
                Some(self.period)
            }
            Algorithm::TokenBucket => {
                let lacking = (float(amount) - (float(limit) - self.missing)).max(0.0);
                Duration::try_from_secs_f64(lacking / float(limit.max(1)) * self.period.as_secs_f64()).ok()
            }
        }
    }
}

impl Fades for Counter {
    fn is_gone(&self, now: Instant) -> bool {
        match self.algorithm {
            Algorithm::SlidingWindow => self.used.back().is_none_or(|(when, _)| now.saturating_duration_since(*when) >= self.period),
            // After a whole period it is full again unless it was overdrawn; then it is asked for again some day.
            Algorithm::TokenBucket => self.missing <= 0.0 || now.saturating_duration_since(self.at) >= self.period * 10,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::support::clock::{Clock as _, SystemClock};

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_window_forgets_each_call_after_its_period() {
        let start = SystemClock.now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut counter = Counter::new(Algorithm::SlidingWindow, MINUTE, start);
        for second in [0, 10, 20] {
            assert!(counter.remaining(at(second), 3) > 0);
            counter.add(at(second), 1, 3);
        }
        assert_eq!(counter.remaining(at(30), 3), 0);
        assert_eq!(counter.wait_for(at(30), 1, 3), Some(Duration::from_secs(30)));
        assert_eq!(counter.wait_for(at(30), 2, 3), Some(Duration::from_secs(40)));
        assert_eq!(counter.wait_for(at(30), 4, 3), None);
        assert_eq!(counter.remaining(at(60), 3), 1);
        assert_eq!(counter.remaining(at(80), 3), 3);
        assert!(counter.is_gone(at(80)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_served_beyond_the_limit_is_made_up_for() {
        let start = SystemClock.now();
        for (algorithm, wait) in [(Algorithm::SlidingWindow, 60), (Algorithm::TokenBucket, 13)] {
            let mut counter = Counter::new(algorithm, MINUTE, start);
            counter.add(start, 120, 100);
            assert_eq!(counter.remaining(start, 100), 0);
            let needed = counter.wait_for(start, 1, 100).unwrap();
            assert_eq!(needed.as_secs_f64().ceil() as u64, wait, "{algorithm:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn overdrawn_is_more_than_the_limit_not_all_of_it() {
        let start = SystemClock.now();
        for (algorithm, wait) in [(Algorithm::SlidingWindow, 60), (Algorithm::TokenBucket, 30)] {
            let mut counter = Counter::new(algorithm, MINUTE, start);
            for expected in [Ok(()), Ok(())] {
                assert_eq!(counter.take(start, 1, 2), expected, "{algorithm:?}");
            }
            assert_eq!(counter.overdrawn(start, 2), Duration::ZERO, "{algorithm:?}");
            assert!(counter.take(start, 1, 2).is_err(), "{algorithm:?}");
            counter.add(start, 1, 2);
            assert_eq!(counter.overdrawn(start, 2).as_secs_f64().ceil() as u64, wait, "{algorithm:?}");
        }
    }

    proptest! {
        /// No run of calls gets more than the limit within a window, nor more than a bucket and its refill.
        #[test]
        fn a_limit_holds(gaps in proptest::collection::vec(0u64..9_000, 1..200), limit in 1u64..20) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            let start = runtime.block_on(async { SystemClock.now() });
            for algorithm in [Algorithm::SlidingWindow, Algorithm::TokenBucket] {
                let mut counter = Counter::new(algorithm, MINUTE, start);
                let mut now = start;
                let mut served = Vec::new();
                for gap in &gaps {
                    now += Duration::from_millis(*gap);
                    if counter.remaining(now, limit) > 0 {
                        counter.add(now, 1, limit);
                        served.push(now);
                    } else {
                        let wait = counter.wait_for(now, 1, limit).unwrap();
                        prop_assert!(wait > Duration::ZERO && wait <= MINUTE);
                        let mut later = counter.clone();
                        prop_assert!(later.remaining(now + wait + Duration::from_millis(1), limit) > 0);
                    }
                }
                // Calls of one slice count as its first, so a window may end a slice early.
                let slack = MINUTE / SLICES;
                for (place, first) in served.iter().enumerate() {
                    let within = served[place..].iter().filter(|when| **when - *first < MINUTE - slack).count() as u64;
                    let most = match algorithm { Algorithm::SlidingWindow => limit, Algorithm::TokenBucket => 2 * limit };
                    prop_assert!(within <= most, "{within} of {limit} in a window, {algorithm:?}");
                }
            }
        }
    }
}
