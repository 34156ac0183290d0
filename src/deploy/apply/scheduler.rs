//! Runs steps as soon as what they wait for is done, a bounded number at once.

use std::collections::BTreeSet;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::mpsc;

use super::schedule::Schedule;
use crate::deploy::cancel::Cancellation;
use crate::deploy::error::StepError;
use crate::deploy::graph::Stage;

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It is done.
    Done,
    /// ARM goes on; nobody waits for it here (`--no-wait`, or asked to stop).
    Left,
}

/// How all steps ended.
#[derive(Debug, Default)]
pub(super) struct Ended {
    /// Steps that are done.
    pub done: BTreeSet<usize>,
    /// Steps that ARM goes on with.
    pub left: BTreeSet<usize>,
    /// Steps that failed.
    pub failed: Vec<(usize, StepError)>,
}

/// What the scheduler asks of those who know the steps.
pub(super) trait Steps: Sync {
    /// Carries out a step; calls `accepted` once ARM has accepted it.
    fn run<'a>(&'a self, step: usize, accepted: Accepted) -> BoxFuture<'a, Result<End, StepError>>;
    /// Whether what `step` needs of an accepted, unfinished step is known.
    fn may_start_early(&self, step: usize) -> bool;
    /// Whether nothing new may be started any more.
    fn must_stop(&self) -> bool;
}

/// Says that a step has been accepted.
#[derive(Debug, Clone)]
pub(super) struct Accepted {
    step: usize,
    sender: mpsc::UnboundedSender<usize>,
}

impl Accepted {
    pub(super) fn say(&self) {
        // The scheduler outlives its steps, unless everything is being dropped.
        let _ = self.sender.send(self.step);
    }
}

/// Runs a schedule. After the first failure, or when asked to stop, nothing new is started; what runs is finished.
pub(super) async fn run(schedule: &Schedule, parallelism: usize, mut cancel: Cancellation, steps: &dyn Steps) -> Ended {
    let mut ended = Ended::default();
    let mut started: BTreeSet<usize> = BTreeSet::new();
    let mut accepted: BTreeSet<usize> = BTreeSet::new();
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let mut running = FuturesUnordered::new();
    loop {
        let stopping = !ended.failed.is_empty() || cancel.is_cancelled() || steps.must_stop();
        if !stopping {
            for step in 0..schedule.tasks.len() {
                if running.len() >= parallelism.max(1) {
                    break;
                }
                if started.contains(&step) {
                    continue;
                }
                let group_is_busy = || {
                    let group = schedule.groups.get(step).and_then(Option::as_ref);
                    group.is_some_and(|group| {
                        started.iter().any(|other| {
                            !ended.done.contains(other)
                                && !ended.left.contains(other)
                                && schedule.groups.get(*other).and_then(Option::as_ref) == Some(group)
                        })
                    })
                };
                let ready = schedule.graph.waits(step).all(|(other, stage)| {
                    ended.done.contains(&other) || stage == Stage::Accepted && accepted.contains(&other) && steps.may_start_early(step)
                });
                if !ready || group_is_busy() {
                    continue;
                }
                started.insert(step);
                let accepted = Accepted { step, sender: sender.clone() };
                running.push(Box::pin(async move { (step, steps.run(step, accepted).await) }));
            }
        }
        if running.is_empty() {
            return ended;
        }
        tokio::select! {
            biased;
            Some(step) = receiver.recv() => {
                accepted.insert(step);
            }
            Some((step, result)) = running.next() => match result {
                Ok(End::Done) => {
                    ended.done.insert(step);
                }
                Ok(End::Left) => {
                    ended.left.insert(step);
                }
                Err(error) => ended.failed.push((step, error)),
            },
            // Wakes the loop, which then starts nothing new; the steps themselves watch for it too.
            () = cancel.cancelled(), if !stopping => {}
        }
    }
}
