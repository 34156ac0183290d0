//! Asking a running apply to stop.

use tokio::sync::watch;

/// The side that asks (Ctrl-C). Dropping it asks for nothing.
#[derive(Debug)]
pub struct Canceller(watch::Sender<bool>);

/// The side that is asked. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Cancellation(watch::Receiver<bool>);

impl Canceller {
    /// A pair that is not cancelled.
    #[must_use]
    pub fn new() -> (Self, Cancellation) {
        let (sender, receiver) = watch::channel(false);
        (Self(sender), Cancellation(receiver))
    }

    /// Asks to stop: requests in flight are finished, nothing new is started.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }
}

impl Cancellation {
    /// One that is never asked.
    #[must_use]
    pub fn never() -> Self {
        Canceller::new().1
    }

    /// Whether it has been asked.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        *self.0.borrow()
    }

    /// Resolves when it is asked; never, when nobody can ask any more.
    pub async fn cancelled(&mut self) {
        if self.0.wait_for(|cancelled| *cancelled).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn asking_wakes_whoever_waits_and_a_dropped_canceller_asks_for_nothing() {
        let (canceller, mut cancellation) = Canceller::new();
        assert!(!cancellation.is_cancelled());
        canceller.cancel();
        cancellation.cancelled().await;
        assert!(cancellation.is_cancelled());
        let waited = tokio::time::timeout(std::time::Duration::from_secs(1), async { Cancellation::never().cancelled().await }).await;
        assert!(waited.is_err(), "nobody asked");
    }
}
