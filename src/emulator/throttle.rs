//! ARM's token buckets: one for each Azure subscription, principal and kind of operation, and one for all principals of
//! a subscription that is fifteen times as large (Microsoft's page on request limits; the header names were recorded).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::Method;
use tokio::time::Instant;

use super::answer::{Answer, Refusal};

/// Subscription-wide limits are this many times those of a principal.
const SUBSCRIPTION_WIDE: f64 = 15.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Sort {
    Reads,
    Writes,
    Deletes,
}

impl Sort {
    fn of(method: &Method) -> Self {
        match *method {
            Method::GET | Method::HEAD => Self::Reads,
            Method::DELETE => Self::Deletes,
            _ => Self::Writes,
        }
    }

    /// Size of the bucket, and tokens a second.
    const fn limits(self) -> (f64, f64) {
        match self {
            Self::Reads => (250.0, 25.0),
            Self::Writes | Self::Deletes => (200.0, 10.0),
        }
    }

    const fn headers(self) -> (&'static str, &'static str) {
        match self {
            Self::Reads => ("x-ms-ratelimit-remaining-subscription-reads", "x-ms-ratelimit-remaining-subscription-global-reads"),
            Self::Writes => ("x-ms-ratelimit-remaining-subscription-writes", "x-ms-ratelimit-remaining-subscription-global-writes"),
            Self::Deletes => ("x-ms-ratelimit-remaining-subscription-deletes", "x-ms-ratelimit-remaining-subscription-global-deletes"),
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    fn refill(&mut self, now: Instant, size: f64, rate: f64) {
        self.tokens = (self.tokens + now.saturating_duration_since(self.at).as_secs_f64() * rate).min(size);
        self.at = now;
    }
}

type Key = (String, Option<String>, Sort);

#[derive(Debug, Default)]
pub(crate) struct Throttle(Mutex<HashMap<Key, Bucket>>);

/// What is left, for the headers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowance {
    sort: Sort,
    own: f64,
    all: f64,
}

impl Allowance {
    /// What an unthrottled emulator shows: full buckets with this request taken out, as recorded.
    pub(crate) fn full(method: &Method) -> Self {
        let sort = Sort::of(method);
        let (size, _) = sort.limits();
        Self { sort, own: size - 1.0, all: size.mul_add(SUBSCRIPTION_WIDE, -1.0) }
    }

    pub(crate) fn write(self, answer: Answer) -> Answer {
        let (own, all) = self.sort.headers();
        answer.header(own, format!("{:.0}", self.own.floor())).header(all, format!("{:.0}", self.all.floor()))
    }
}

impl Throttle {
    /// Takes one token from both buckets, or tells how long to wait.
    pub(crate) fn take(&self, now: Instant, subscription: &str, principal: &str, method: &Method) -> Result<Allowance, Refusal> {
        let sort = Sort::of(method);
        let (size, rate) = sort.limits();
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut look = |principal: Option<&str>, factor: f64| {
            let bucket = buckets
                .entry((subscription.to_ascii_lowercase(), principal.map(str::to_ascii_lowercase), sort))
                .or_insert(Bucket { tokens: size * factor, at: now });
            bucket.refill(now, size * factor, rate * factor);
            bucket.tokens
        };
        let (own, all) = (look(Some(principal), 1.0), look(None, SUBSCRIPTION_WIDE));
        if own < 1.0 || all < 1.0 {
            let wait = ((1.0 - own) / rate).max((1.0 - all) / (rate * SUBSCRIPTION_WIDE));
            let seconds = Duration::try_from_secs_f64(wait.max(0.0)).unwrap_or_default().as_secs() + 1;
            return Err(Refusal::plain(
                429,
                if own < 1.0 { "TooManyRequests" } else { "SubscriptionRequestsThrottled" },
                format!(
                    "Number of requests for subscription '{subscription}' exceeded the limit. Please try again after '{seconds}' seconds."
                ),
            )
            .header("retry-after", seconds.to_string()));
        }
        for key in [Some(principal.to_ascii_lowercase()), None] {
            if let Some(bucket) = buckets.get_mut(&(subscription.to_ascii_lowercase(), key, sort)) {
                bucket.tokens -= 1.0;
            }
        }
        Ok(Allowance { sort, own: own - 1.0, all: all - 1.0 })
    }
}
