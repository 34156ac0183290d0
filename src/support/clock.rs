//! Time as a thing that is handed in, so that tests own it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use time::OffsetDateTime;
use tokio::time::Instant;

/// The only source of time in this crate.
///
/// State machines store deadlines ([`Instant`]) and compare; they own no task.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Monotonic time, for deadlines and durations. Follows `tokio`'s paused time in tests.
    fn now(&self) -> Instant;
    /// Calendar time, for what is shown or stored.
    fn utc(&self) -> OffsetDateTime;
    /// Resolves after `duration`. Cancel-safe: dropping the future stops the timer.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// A shared clock.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's own clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
        Instant::now()
    }

    fn utc(&self) -> OffsetDateTime {
        #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
        OffsetDateTime::now_utc()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// A clock whose calendar starts at a fixed instant and then follows `tokio`'s time.
///
/// Under `tokio::time::pause` an hour passes in microseconds and every run sees the same dates.
#[derive(Debug, Clone, Copy)]
pub struct VirtualClock {
    origin: Instant,
    epoch: OffsetDateTime,
}

impl VirtualClock {
    /// Starts at `epoch`, now. Must be called inside a `tokio` runtime with paused time to be deterministic.
    #[must_use]
    pub fn starting_at(epoch: OffsetDateTime) -> Self {
        Self { origin: SystemClock.now(), epoch }
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Instant {
        SystemClock.now()
    }

    fn utc(&self) -> OffsetDateTime {
        self.epoch + SystemClock.now().duration_since(self.origin)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        SystemClock.sleep(duration)
    }
}
