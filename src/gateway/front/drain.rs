//! Telling every connection to finish.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Waker};

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

/// Whether connections are to finish. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Drain(Arc<State>);

#[derive(Debug, Default)]
struct State {
    started: AtomicBool,
    changed: Arc<Notify>,
}

/// Streams of a worker that are no connections of hyper's any more, as it has handed them over: open WebSockets.
#[derive(Debug, Clone, Default)]
pub(super) struct Streams(Arc<OpenStreams>);

#[derive(Debug, Default)]
struct OpenStreams {
    open: AtomicUsize,
    ended: Notify,
}

/// One of them; it has ended when this is dropped.
#[derive(Debug)]
pub(super) struct Open(Arc<OpenStreams>);

impl Streams {
    /// One more.
    pub(super) fn open(&self) -> Open {
        self.0.open.fetch_add(1, Ordering::AcqRel);
        Open(self.0.clone())
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.0.open.load(Ordering::Acquire)
    }

    /// Waits until there is none.
    pub(super) async fn none(&self) {
        loop {
            let ended = self.0.ended.notified();
            if self.count() == 0 {
                return;
            }
            ended.await;
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::AcqRel);
        self.0.ended.notify_waiters();
    }
}

impl Drain {
    /// Not yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on: connections finish the requests under way, and close.
    pub fn start(&self) {
        self.0.started.store(true, Ordering::Release);
        self.0.changed.notify_waiters();
    }

    /// Whether it has begun.
    #[must_use]
    pub fn is_started(&self) -> bool {
        self.0.started.load(Ordering::Acquire)
    }

    pub(super) fn watch(&self) -> Watch {
        Watch { drain: self.clone(), waiting: None, waker: None }
    }
}

/// One connection's look at a [`Drain`]: a flag is read each time, and the waiting list is joined once.
pub(super) struct Watch {
    drain: Drain,
    waiting: Option<Pin<Box<OwnedNotified>>>,
    waker: Option<Waker>,
}

impl Watch {
    /// Whether it has begun; if not, `context` will be woken when it does.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> bool {
        if self.drain.is_started() {
            return true;
        }
        if self.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            return false;
        }
        let mut waiting = Box::pin(self.drain.0.changed.clone().notified_owned());
        let told = waiting.as_mut().poll(context).is_ready();
        self.waiting = Some(waiting);
        self.waker = Some(context.waker().clone());
        // It may have begun between the look at the flag and the joining of the list.
        told || self.drain.is_started()
    }
}
