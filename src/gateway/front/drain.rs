//! Telling every connection to finish.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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
