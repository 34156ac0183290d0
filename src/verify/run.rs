//! One run: the checks in order, and what they know of each other's results.

use std::time::Duration;

use tokio::time::Instant;

use super::gateway::Gateway;
use super::outcome::{Check, Finding, Step, Verification};
use super::subject::{Listener, Subject};

/// A run that is under way.
pub(super) struct Run<'a> {
    pub(super) subject: &'a Subject<'a>,
    pub(super) listener: &'a dyn Listener,
    pub(super) verification: Verification,
    started: Instant,
    /// Since the last check was over.
    last: Instant,
}

impl<'a> Run<'a> {
    pub(super) fn new(subject: &'a Subject<'a>, listener: &'a dyn Listener) -> Self {
        let now = subject.settings.clock.now();
        let name = subject.desired.owner.clone();
        Self { subject, listener, verification: Verification { name, ..Verification::default() }, started: now, last: now }
    }

    /// Enters what a check found.
    pub(super) fn add(&mut self, name: impl Into<String>, step: Step, finding: Finding) {
        let now = self.subject.settings.clock.now();
        let elapsed = now.saturating_duration_since(self.last);
        self.last = now;
        let check = Check { name: name.into(), step, status: finding.status, detail: finding.detail, causes: finding.causes, elapsed };
        self.listener.checked(&check);
        self.verification.checks.push(check);
    }

    /// Enters several that have the same reason not to be asked.
    pub(super) fn skip(&mut self, names: &[(&str, Step)], why: &str) {
        for (name, step) in names {
            self.add(*name, *step, Finding::skip(why));
        }
    }

    /// Time since the beginning.
    pub(super) fn elapsed(&self) -> Duration {
        self.subject.settings.clock.now().saturating_duration_since(self.started)
    }

    /// Whether the user has asked to stop.
    pub(super) fn is_cancelled(&self) -> bool {
        self.subject.cancellation.is_cancelled()
    }

    pub(super) fn finish(mut self, gateway: Option<&Gateway>) -> Verification {
        self.verification.gateway = gateway.map(|gateway| gateway.address().to_owned()).unwrap_or_default();
        self.verification.stopped = self.is_cancelled();
        self.verification.elapsed = self.elapsed();
        self.verification
    }
}
