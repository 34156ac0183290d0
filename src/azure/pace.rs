//! Staying below ARM's limits instead of running into them.
//!
//! ARM fills a token bucket per Azure subscription, principal and kind of operation: reads 250 (+25/s), writes and
//! deletes 200 (+10/s), and says in each answer how many are left (Microsoft, "Understand how Azure Resource Manager
//! throttles requests"). The client believes the header, adds what has been refilled since, takes away what is under
//! way, and waits when nothing is left. A service that sends no such header is not paced.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use azure_core::http::Method;
use tokio::time::Instant;

use super::client::ArmClient;
use super::exchange::{Answer, Call, method_name};

/// Left unused, because other tools use the same login.
const RESERVE: f64 = 5.0;
/// Waits shorter than this are not worth telling.
const WORTH_TELLING: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Read,
    Write,
    Delete,
}

impl Kind {
    const fn of(method: &Method) -> Self {
        match method {
            Method::Get | Method::Head => Self::Read,
            Method::Delete => Self::Delete,
            _ => Self::Write,
        }
    }

    const fn header(self) -> &'static str {
        match self {
            Self::Read => "x-ms-ratelimit-remaining-subscription-reads",
            Self::Write => "x-ms-ratelimit-remaining-subscription-writes",
            Self::Delete => "x-ms-ratelimit-remaining-subscription-deletes",
        }
    }

    const fn refill_per_second(self) -> f64 {
        match self {
            Self::Read => 25.0,
            Self::Write | Self::Delete => 10.0,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Allowance {
    left: f64,
    as_of: Instant,
}

/// The allowances of each Azure subscription.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<HashMap<(String, Kind), Allowance>>);

fn subscription(path: &str) -> Option<String> {
    let mut segments = path.split('/').skip(1);
    segments.next().filter(|first| first.eq_ignore_ascii_case("subscriptions"))?;
    segments.next().map(str::to_ascii_lowercase)
}

impl Pace {
    /// Takes one request out of the allowance and says how long to wait before sending it.
    fn take(&self, path: &str, kind: Kind, now: Instant) -> Duration {
        let Some(subscription) = subscription(path) else { return Duration::ZERO };
        let mut allowances = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(allowance) = allowances.get_mut(&(subscription, kind)) else { return Duration::ZERO };
        let rate = kind.refill_per_second();
        allowance.left += now.saturating_duration_since(allowance.as_of).as_secs_f64() * rate;
        allowance.as_of = now;
        allowance.left -= 1.0;
        if allowance.left >= RESERVE { Duration::ZERO } else { Duration::from_secs_f64((RESERVE - allowance.left) / rate) }
    }

    /// Believes an answer's header when it says less than we thought: what is under way is not in it yet.
    fn note(&self, path: &str, kind: Kind, left: f64, now: Instant) {
        let Some(subscription) = subscription(path) else { return };
        let mut allowances = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let allowance = allowances.entry((subscription, kind)).or_insert(Allowance { left, as_of: now });
        let refilled = allowance.left + now.saturating_duration_since(allowance.as_of).as_secs_f64() * kind.refill_per_second();
        *allowance = Allowance { left: refilled.min(left), as_of: now };
    }
}

impl ArmClient {
    pub(super) async fn pace(&self, call: &Call) {
        let wait = self.inner().pace.take(call.url.path(), Kind::of(&call.method), self.clock().now());
        if wait.is_zero() {
            return;
        }
        if wait >= WORTH_TELLING {
            self.inner().observer.throttled(method_name(&call.method), call.url.path(), wait);
        }
        self.clock().sleep(wait).await;
    }

    pub(super) fn note_allowance(&self, call: &Call, answer: &Answer) {
        let kind = Kind::of(&call.method);
        if let Some(left) = answer.header(kind.header()).and_then(|text| text.trim().parse::<u32>().ok()) {
            self.inner().pace.note(call.url.path(), kind, f64::from(left), self.clock().now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::clock::{Clock, SystemClock};

    #[tokio::test(start_paused = true)]
    async fn a_thousand_reads_never_outrun_the_bucket() {
        let pace = Pace::default();
        let (mut server, mut refilled) = (250.0_f64, SystemClock.now());
        let start = SystemClock.now();
        for _ in 0..1_000 {
            tokio::time::sleep(pace.take("/subscriptions/S/x", Kind::Read, SystemClock.now())).await;
            let now = SystemClock.now();
            server = (server + now.duration_since(refilled).as_secs_f64() * 25.0).min(250.0) - 1.0;
            refilled = now;
            assert!(server >= 0.0, "throttled");
            pace.note("/subscriptions/s/y", Kind::Read, server.floor(), now);
        }
        // 750 reads beyond the bucket, at 25 a second.
        let seconds = SystemClock.now().duration_since(start).as_secs();
        assert!((30..36).contains(&seconds), "{seconds}");
    }

    #[tokio::test(start_paused = true)]
    async fn without_headers_nothing_waits() {
        let pace = Pace::default();
        for _ in 0..1_000 {
            assert!(pace.take("/subscriptions/s/x", Kind::Write, SystemClock.now()).is_zero());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn requests_under_way_are_counted_before_their_answers_come() {
        let pace = Pace::default();
        pace.note("/subscriptions/s", Kind::Write, 10.0, SystemClock.now());
        let waits: Vec<Duration> = (0..10).map(|_| pace.take("/subscriptions/s/x", Kind::Write, SystemClock.now())).collect();
        assert_eq!(waits.iter().filter(|wait| wait.is_zero()).count(), 5);
        assert!(waits.windows(2).all(|pair| pair[0] <= pair[1]), "{waits:?}");
    }
}
