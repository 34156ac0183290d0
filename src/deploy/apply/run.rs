//! One run of a schedule: the manifest around it, the facts that steps learn, and what is true afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, OnceLock, PoisonError};

use futures::future::BoxFuture;
use serde_json::Value;

use super::schedule::{self, Schedule, Task};
use super::scheduler::{self, Accepted, End, Ended, Steps};
use super::{refusal, summary};
use crate::arm::ResourceId;
use crate::deploy::cancel::Cancellation;
use crate::deploy::deployment::{Applied, Deployment};
use crate::deploy::error::{DeployError, StepError};
use crate::deploy::events::{Event, EventSink};
use crate::deploy::journal::Journal;
use crate::deploy::keeper::{Applicant, Keeper};
use crate::deploy::lease;
use crate::deploy::manifest::Manifest;
use crate::deploy::plan::{Action, Change, Plan, Standing, is_container};
use crate::deploy::resource::{DesiredId, DesiredResource, Reference};

/// One run of a schedule.
pub(in crate::deploy) struct Run<'a> {
    pub(super) deployment: &'a Deployment,
    pub(super) plan: &'a Plan,
    pub(super) sink: &'a dyn EventSink,
    pub(super) journal: &'a Journal,
    pub(super) cancel: Cancellation,
    keeper: OnceLock<Keeper>,
    state: Mutex<State>,
    tasks: OnceLock<Vec<Task>>,
    destroying: bool,
    started: tokio::time::Instant,
}

#[derive(Default)]
struct State {
    /// Bodies that this run has seen, newer than the plan's.
    facts: BTreeMap<ResourceId, Value>,
    /// Writes that may have reached ARM.
    attempted: BTreeSet<ResourceId>,
    /// Deletions that have begun.
    leaving: BTreeSet<ResourceId>,
    /// Deletions that are done.
    deleted: BTreeSet<ResourceId>,
    /// Products whose own subscription is gone.
    cleaned: BTreeSet<ResourceId>,
    /// Digests of what has been sent and is never answered.
    sent: BTreeMap<ResourceId, String>,
    /// Resources that turned out to be somebody else's.
    disowned: BTreeSet<ResourceId>,
    notes: Vec<String>,
}

impl<'a> Run<'a> {
    pub(in crate::deploy) fn new(
        deployment: &'a Deployment,
        plan: &'a Plan,
        sink: &'a dyn EventSink,
        journal: &'a Journal,
        cancel: Cancellation,
    ) -> Self {
        Self {
            deployment,
            plan,
            sink,
            journal,
            cancel,
            keeper: OnceLock::new(),
            state: Mutex::default(),
            tasks: OnceLock::new(),
            destroying: false,
            started: deployment.settings.clock.now(),
        }
    }

    /// The manifest itself is to go too, once nothing of ours is left.
    pub(in crate::deploy) fn destroying(self) -> Self {
        Self { destroying: true, ..self }
    }

    /// Runs all steps, then makes the manifest say what is true, whatever happened.
    pub(in crate::deploy) async fn execute(&self) -> Result<Applied, DeployError> {
        let schedule = schedule::schedule(self.deployment, self.plan)?;
        let _ = self.tasks.set(schedule.tasks.clone());
        let ended = {
            let steps = scheduler::run(&schedule, self.deployment.settings.parallelism, self.cancel.clone(), self);
            tokio::pin!(steps);
            tokio::select! {
                ended = &mut steps => ended,
                never = self.renew() => match never {},
            }
        };
        let complete = ended.done.len() == schedule.tasks.len();
        let released = self.release(complete).await;
        self.conclude(&schedule, ended, released)
    }

    async fn renew(&self) -> std::convert::Infallible {
        loop {
            self.deployment.settings.clock.sleep(lease::RENEWAL).await;
            if let Some(keeper) = self.keeper.get()
                && !self.service_goes()
                && let Err(error) = keeper.renew().await
            {
                // A renewal that failed is tried again before the lease ends; one that was overtaken stops the run.
                self.sink.event(Event::Note { id: None, message: format!("the lease could not be renewed: {error}") });
            }
        }
    }

    /// Whether the service, and the manifest with it, is being deleted by this run.
    fn service_goes(&self) -> bool {
        self.deployment.desired.service.as_ref().is_some_and(|service| self.lock().leaving.contains(service))
    }

    async fn release(&self, complete: bool) -> Result<(), DeployError> {
        let Some(keeper) = self.keeper.get() else { return Ok(()) };
        if self.service_goes() {
            return self.journal.hold_lease(None);
        }
        if self.destroying && complete {
            keeper.remove().await?;
            return self.journal.hold_lease(None);
        }
        let state = std::mem::take(&mut *self.lock());
        let planned = self.plan.live.manifest(&self.plan.owner);
        let result = keeper
            .release(|manifest| {
                // What was entered and never written is nobody's.
                manifest.resources.retain(|id| {
                    !state.deleted.contains(id)
                        && !state.disowned.contains(id)
                        && (planned.is_some_and(|planned| planned.owns(id)) || state.attempted.contains(id) || self.is_there(id))
                });
                manifest.digests.extend(state.sent.clone());
                manifest.digests.retain(|id, _| manifest.resources.contains(id));
                manifest.fresh_products.retain(|id| {
                    !state.cleaned.contains(id) && !state.deleted.contains(id) && (state.attempted.contains(id) || self.is_there(id))
                });
            })
            .await;
        self.lock().notes = state.notes;
        result?;
        self.journal.hold_lease(None)
    }

    fn is_there(&self, id: &ResourceId) -> bool {
        self.plan.live.get(id).is_some()
    }

    fn conclude(&self, schedule: &Schedule, ended: Ended, released: Result<(), DeployError>) -> Result<Applied, DeployError> {
        let change = |step: usize| match schedule.tasks.get(step) {
            Some(Task::Change(index) | Task::Implied(index)) => self.plan.changes.get(*index),
            _ => None,
        };
        let done = ended.done.iter().filter_map(|step| change(*step)).map(|change| change.action);
        let untouched = (0..schedule.tasks.len())
            .filter(|step| change(*step).is_some() && !ended.done.contains(step) && !ended.left.contains(step))
            .filter(|step| ended.failed.iter().all(|(failed, _)| failed != step));
        let mut summary = summary(done, ended.failed.len(), untouched.count());
        summary.elapsed = self.deployment.settings.clock.now() - self.started;
        let running: Vec<String> = ended.left.iter().filter_map(|step| change(*step)).map(|change| change.id.clone()).collect();
        if let Some(holder) = self.keeper.get().and_then(Keeper::lost_to) {
            return Err(DeployError::LeaseLost { holder });
        }
        if !ended.failed.is_empty() {
            self.sink.event(Event::Summary(summary));
            return Err(only(ended.failed));
        }
        if self.cancel.is_cancelled() && ended.done.len() < schedule.tasks.len() {
            self.sink.event(Event::Summary(summary));
            return Err(DeployError::Cancelled { running });
        }
        released?;
        let mut notes = self.plan.notes.clone();
        notes.append(&mut self.lock().notes);
        Ok(Applied { summary, running, notes })
    }

    /// Takes the lease and enters everything that this run will make.
    async fn take_manifest(&self) -> Result<(), DeployError> {
        let deployment = self.deployment;
        let Some(service) = &deployment.desired.service else { return Ok(()) };
        let planned = self.plan.live.manifest(&self.plan.owner);
        let mut entered: Vec<ResourceId> = Vec::new();
        let mut fresh: Vec<ResourceId> = Vec::new();
        let mut digests: Vec<(ResourceId, String)> = Vec::new();
        for change in &self.plan.changes {
            let Some(id) = self.target(change) else { continue };
            if change.standing == Standing::Foreign || change.action == Action::Delete || is_container(&id) {
                continue;
            }
            // A link that somebody else made stays theirs.
            let made = matches!(change.action, Action::Create | Action::Replace) || change.standing == Standing::Adopted;
            let is_product = id.is_type("Microsoft.ApiManagement/service/products");
            if is_product && matches!(change.action, Action::Create | Action::Replace) {
                fresh.push(id.clone());
            }
            // That what is not there yet is there one day proves that it was sent, whatever becomes of this run.
            if change.action == Action::Create
                && let Some(digest) = self.resource(change).and_then(DesiredResource::unanswered_digest)
            {
                digests.push((id.clone(), digest));
            }
            if made || change.action == Action::Update || self.is_ours_by_itself(change) {
                entered.push(id);
            }
        }
        let applicant = Applicant {
            client: &deployment.client,
            service,
            owner: &self.plan.owner,
            holder: &deployment.settings.holder,
            clock: &deployment.settings.clock,
            journal: self.journal,
            lease_id: deployment.settings.random.uuid().to_string(),
            planned_revision: planned.map(|manifest| manifest.revision),
        };
        let enter = |manifest: &mut Manifest| {
            manifest.resources.extend(entered.iter().cloned());
            manifest.fresh_products.extend(fresh.iter().cloned());
            manifest.digests.extend(digests.iter().cloned());
        };
        let keeper = Keeper::acquire(applicant, enter).await?;
        let _ = self.keeper.set(keeper);
        Ok(())
    }

    /// Resources outside the service were made before there was a manifest: their tag or name says that they are ours.
    fn is_ours_by_itself(&self, change: &Change) -> bool {
        let Some(resource) = change.desired.and_then(|index| self.deployment.desired.resources.get(index)) else { return false };
        let outside =
            !self.deployment.desired.service.as_ref().is_some_and(|service| change.target.as_ref().is_some_and(|id| id.is_below(service)));
        outside
            && resource.management != crate::deploy::resource::Management::ReadOnly
            && change.standing == Standing::Ours
            && change.reason.is_none()
    }

    /// The id of a change, as far as it is known by now.
    pub(super) fn target(&self, change: &Change) -> Option<ResourceId> {
        change.target.clone().or_else(|| {
            let resource = self.resource(change)?;
            resource.id.resolve(|reference| self.lookup(reference)).ok()
        })
    }

    pub(super) fn resource(&self, change: &Change) -> Option<&'a DesiredResource> {
        change.desired.and_then(|index| self.deployment.desired.resources.get(index))
    }

    /// What is known of another resource: what this run has seen, else what the plan saw.
    pub(super) fn lookup(&self, reference: &Reference) -> Option<Value> {
        if let Some(body) = self.lock().facts.get(&reference.id) {
            return reference.find(body);
        }
        self.plan.live.lookup(reference)
    }

    pub(super) fn learn(&self, id: &ResourceId, body: &Value) {
        if !body.is_null() {
            self.lock().facts.insert(id.clone(), body.clone());
        }
    }

    pub(super) fn attempt(&self, id: &ResourceId) {
        self.lock().attempted.insert(id.clone());
    }

    pub(super) fn leaving(&self, id: &ResourceId) {
        self.lock().leaving.insert(id.clone());
    }

    pub(super) fn deleted(&self, id: &ResourceId) {
        self.lock().deleted.insert(id.clone());
    }

    pub(super) fn cleaned(&self, id: &ResourceId) {
        self.lock().cleaned.insert(id.clone());
    }

    pub(super) fn disown(&self, id: &ResourceId) {
        self.lock().disowned.insert(id.clone());
    }

    pub(super) fn note(&self, id: &ResourceId, message: String) {
        self.sink.event(Event::Note { id: Some(id.to_string()), message: message.clone() });
        self.lock().notes.push(message);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change_of(&self, step: usize) -> Option<&'a Change> {
        match self.tasks.get()?.get(step)? {
            Task::Change(index) | Task::Implied(index) => self.plan.changes.get(*index),
            Task::Manifest | Task::Barrier => None,
        }
    }

    async fn run_change(&self, change: &'a Change, accepted: Accepted) -> Result<End, StepError> {
        let started = self.deployment.settings.clock.now();
        self.sink.event(Event::Started { id: change.id.clone(), label: change.label, action: change.action });
        let result = self.carry_out(change, &accepted).await;
        match &result {
            Ok(End::Done) => {
                if let (Some(id), Some(digest)) = (self.target(change), self.resource(change).and_then(DesiredResource::unanswered_digest))
                {
                    self.lock().sent.insert(id, digest);
                }
                let elapsed = self.deployment.settings.clock.now() - started;
                self.sink.event(Event::Done { id: change.id.clone(), action: change.action, elapsed });
            }
            Ok(End::Left) => {}
            Err(error) => self.sink.event(Event::Failed { id: change.id.clone(), error: error.text.clone() }),
        }
        result
    }
}

impl Steps for Run<'_> {
    fn run<'b>(&'b self, step: usize, accepted: Accepted) -> BoxFuture<'b, Result<End, StepError>> {
        Box::pin(async move {
            let task = self.tasks.get().and_then(|tasks| tasks.get(step)).copied().unwrap_or(Task::Barrier);
            match task {
                Task::Barrier => Ok(End::Done),
                Task::Manifest => match self.take_manifest().await {
                    Ok(()) => Ok(End::Done),
                    Err(error) => {
                        Err(StepError { cause: Some(Box::new(error)), ..refusal::own("manifest", "the manifest could not be taken") })
                    }
                },
                Task::Implied(_) => {
                    if let Some(id) = self.change_of(step).and_then(|change| change.target.as_ref()) {
                        self.deleted(id);
                    }
                    Ok(End::Done)
                }
                Task::Change(_) => match self.change_of(step) {
                    Some(change) => self.run_change(change, accepted).await,
                    None => Ok(End::Done),
                },
            }
        })
    }

    fn may_start_early(&self, step: usize) -> bool {
        let Some(resource) = self.change_of(step).and_then(|change| self.resource(change)) else { return false };
        let DesiredId::RoleAssignment { .. } = &resource.id else { return false };
        resource.id.resolve(|reference| self.lookup(reference)).is_ok() && resource.request_body(|reference| self.lookup(reference)).is_ok()
    }

    fn must_stop(&self) -> bool {
        self.keeper.get().is_some_and(|keeper| keeper.lost_to().is_some())
    }
}

/// A refusal that concerns the whole run is told as such, not as a failed step.
fn only(failed: Vec<(usize, StepError)>) -> DeployError {
    let mut steps = Vec::new();
    for (_, mut step) in failed {
        if let Some(cause) = step.cause.take() {
            return *cause;
        }
        steps.push(step);
    }
    DeployError::Steps(steps)
}
