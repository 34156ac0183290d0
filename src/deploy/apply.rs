//! From a plan to Azure.
//!
//! Before the graph: everything that can be known to fail (preflight), a service that is still being made, a
//! soft-deleted name. Then the graph of steps. Then a read-back, which must find nothing left to do.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use super::cancel::Cancellation;
use super::deployment::{Applied, Deployment, SoftDeleted};
use super::error::DeployError;
use super::events::{Event, EventSink, Summary, usual_activation};
use super::journal::Journal;
use super::live::ServiceState;
use super::plan::{Action, Plan, is_container, is_role_assignment};
use super::preflight::Preflight;
use crate::arm::ResourceId;
use crate::arm::async_operation::AsyncOperation;
use crate::azure::{Outcome, Precondition};
use crate::support::finding::Finding;

mod refusal;
mod run;
mod schedule;
mod scheduler;
mod steps;

pub(super) use run::Run;

/// How often a service that is being made is looked at again before the graph begins: created, restored, then settled.
const MOST_PREPARATIONS: usize = 6;
/// The service's lists may lag behind its answers.
const READ_BACK_WAITS: [Duration; 4] = [Duration::ZERO, Duration::from_secs(2), Duration::from_secs(5), Duration::from_secs(15)];

/// What became of getting the service ready.
enum Prepared {
    /// The graph may begin.
    Go,
    /// The service has changed: what was planned must be looked at again.
    Again,
    /// `--no-wait`.
    Left(Vec<String>),
}

impl Deployment {
    pub(super) async fn carry_out(&self, plan: &Plan, sink: &dyn EventSink, cancel: Cancellation) -> Result<Applied, DeployError> {
        if plan.is_empty() {
            return Ok(Applied { notes: plan.notes.clone(), ..Applied::default() });
        }
        let journal = Journal::open(self.settings.state_dir.as_deref(), &self.desired.owner, self.desired.service.as_ref())?;
        let checked = self.check(plan).await?;
        let mut findings = plan.findings.clone();
        findings.extend(checked.findings.iter().cloned());
        if findings.iter().any(Finding::is_error) {
            return Err(DeployError::Findings(findings));
        }
        let started = self.settings.clock.now();
        let mut plan = plan.clone();
        let mut checked = Some(checked);
        for _ in 0..MOST_PREPARATIONS {
            match self.prepare(&plan, checked.as_ref(), &journal, sink, cancel.clone()).await? {
                Prepared::Go => break,
                Prepared::Again => {
                    let fresh = self.plan().await?;
                    agreed(&plan, &fresh)?;
                    plan = fresh;
                    checked = None;
                }
                Prepared::Left(running) => return Ok(Applied { running, notes: plan.notes, ..Applied::default() }),
            }
        }
        let mut applied = self.run_graph(plan, sink, &journal, cancel).await?;
        applied.summary.elapsed = self.settings.clock.now() - started;
        if applied.running.is_empty() {
            self.read_back(sink).await?;
        }
        sink.event(Event::Summary(applied.summary.clone()));
        Ok(applied)
    }

    /// The last write of a run that died may show only after the plan was made. Then there is less to do, and nothing else.
    async fn run_graph(
        &self,
        mut plan: Plan,
        sink: &dyn EventSink,
        journal: &Journal,
        cancel: Cancellation,
    ) -> Result<Applied, DeployError> {
        let mut attempts = 1;
        loop {
            match Run::new(self, &plan, sink, journal, cancel.clone()).execute().await {
                Err(DeployError::StalePlan { .. }) if attempts < MOST_PREPARATIONS => {
                    let fresh = self.plan().await?;
                    agreed(&plan, &fresh)?;
                    plan = fresh;
                    attempts += 1;
                }
                result => return result,
            }
        }
    }

    /// Waits for a service that is being made, and deals with a soft-deleted one.
    async fn prepare(
        &self,
        plan: &Plan,
        checked: Option<&Preflight>,
        journal: &Journal,
        sink: &dyn EventSink,
        cancel: Cancellation,
    ) -> Result<Prepared, DeployError> {
        let Some(service) = &self.desired.service else { return Ok(Prepared::Go) };
        match &plan.live.service {
            ServiceState::Creating(state) | ServiceState::Busy(state) => {
                if self.settings.no_wait {
                    return Ok(Prepared::Left(vec![service.to_string()]));
                }
                let known = journal.operations().into_iter().find(|operation| operation.resource == *service);
                let operation = known.unwrap_or_else(|| self.bare_operation(service));
                sink.event(Event::Progress { id: service.to_string(), state: state.clone(), elapsed: Duration::ZERO });
                self.wait_for_service(&operation, true, journal, sink, cancel).await?;
                Ok(Prepared::Again)
            }
            ServiceState::Absent => {
                let creates = plan.changes.iter().any(|change| change.target.as_ref() == Some(service) && change.action == Action::Create);
                let Some(deleted) = checked.and_then(|checked| checked.soft_deleted.as_ref()).filter(|_| creates) else {
                    return Ok(Prepared::Go);
                };
                match self.on_soft_deleted() {
                    SoftDeleted::Fail => Ok(Prepared::Go),
                    SoftDeleted::Purge => {
                        sink.event(Event::Note { id: Some(service.to_string()), message: "the soft-deleted service is purged".to_owned() });
                        self.purge(deleted, journal, sink, cancel).await?;
                        Ok(Prepared::Go)
                    }
                    SoftDeleted::Recover => {
                        sink.event(Event::Note {
                            id: Some(service.to_string()),
                            message: "the soft-deleted service is restored".to_owned(),
                        });
                        self.restore(service, plan, journal, sink, cancel).await?;
                        Ok(Prepared::Again)
                    }
                }
            }
            ServiceState::Ready => {
                let replaced =
                    plan.changes.iter().filter(|change| change.action == Action::Replace).filter_map(|change| change.target.as_ref());
                let containers: Vec<&ResourceId> = replaced.filter(|id| is_container(id)).collect();
                if containers.is_empty() {
                    return Ok(Prepared::Go);
                }
                self.clear(&containers, journal, sink, cancel).await?;
                Ok(Prepared::Again)
            }
            ServiceState::Leaving(_) => Ok(Prepared::Go),
        }
    }

    /// Deletes a service or group that is to be made anew. The manifest goes with it, so what comes after is a plan of its own.
    async fn clear(
        &self,
        containers: &[&ResourceId],
        journal: &Journal,
        sink: &dyn EventSink,
        cancel: Cancellation,
    ) -> Result<(), DeployError> {
        let mut away = self.compute_destroy().await?;
        away.changes.retain(|change| {
            change
                .target
                .as_ref()
                .is_some_and(|id| is_role_assignment(id) || containers.iter().any(|container| id == *container || id.is_below(container)))
        });
        let cleared = Run::new(self, &away, sink, journal, cancel.clone()).destroying().execute().await?;
        if !cleared.running.is_empty() {
            return Err(DeployError::Cancelled { running: cleared.running });
        }
        // The name stays reserved for 48 hours, unless the deleted service is purged.
        match self.soft_deleted().await? {
            Some(deleted) => self.purge(&deleted, journal, sink, cancel).await,
            None => Ok(()),
        }
    }

    /// What is done about a soft-deleted service: one that was to be made anew is not to come back.
    pub(super) fn on_soft_deleted(&self) -> SoftDeleted {
        match (self.settings.soft_deleted, &self.desired.service) {
            (SoftDeleted::Fail, Some(service)) if self.may_replace(service) => SoftDeleted::Purge,
            (choice, _) => choice,
        }
    }

    /// An operation of which only the resource is known: its own `provisioningState` tells how far it is.
    fn bare_operation(&self, service: &ResourceId) -> AsyncOperation {
        let desired = self.desired.resources.iter().find(|resource| resource.id.known() == Some(service));
        AsyncOperation {
            resource: service.clone(),
            api_version: desired.map_or_else(|| "2024-05-01".to_owned(), |resource| resource.api_version.clone()),
            azure_async_operation: None,
            location: None,
            retry_after_seconds: None,
            delete: false,
        }
    }

    /// The rest of the request is ignored by the service while `restore` is set (documented): what differs is changed afterwards.
    async fn restore(
        &self,
        service: &ResourceId,
        plan: &Plan,
        journal: &Journal,
        sink: &dyn EventSink,
        cancel: Cancellation,
    ) -> Result<(), DeployError> {
        let Some(resource) = self.desired.resources.iter().find(|resource| resource.id.known() == Some(service)) else { return Ok(()) };
        let mut body = resource
            .request_body(|reference| plan.live.lookup(reference))
            .map_err(|unresolved| DeployError::Manifest(unresolved.to_string()))?;
        if let Some(properties) = body.get_mut("properties").and_then(serde_json::Value::as_object_mut) {
            properties.insert("restore".to_owned(), json!(true));
        }
        // A restored service that lies in a group needs the group first.
        for change in plan.changes.iter().filter(|change| change.action == Action::Create) {
            let Some(group) = change.target.as_ref().filter(|id| service.parent().as_ref() == Some(*id)) else { continue };
            let Some(resource) = change.desired.and_then(|index| self.desired.resources.get(index)) else { continue };
            let body = resource.body.value.clone();
            if let Outcome::Running(operation, _) = self.client.put(group, &resource.api_version, &body, Precondition::None).await? {
                self.client.wait(&operation, self.settings.deadline, &|_| {}).await?;
            }
        }
        match self.client.put(service, &resource.api_version, &body, Precondition::None).await? {
            Outcome::Done(_) => Ok(()),
            Outcome::Running(operation, _) => {
                journal.begun(&operation)?;
                self.wait_for_service(&operation, false, journal, sink, cancel).await
            }
        }
    }

    pub(super) async fn purge(
        &self,
        deleted: &ResourceId,
        journal: &Journal,
        sink: &dyn EventSink,
        cancel: Cancellation,
    ) -> Result<(), DeployError> {
        match self.client.delete(deleted, super::preflight::SERVICE_VERSION, &[], Precondition::None).await? {
            Outcome::Done(_) => Ok(()),
            Outcome::Running(operation, _) => {
                journal.begun(&operation)?;
                self.wait_for_service(&operation, false, journal, sink, cancel).await
            }
        }
    }

    /// A long wait that may be left at any time.
    pub(super) async fn wait_for_service(
        &self,
        operation: &AsyncOperation,
        again: bool,
        journal: &Journal,
        sink: &dyn EventSink,
        mut cancel: Cancellation,
    ) -> Result<(), DeployError> {
        let id = operation.resource.to_string();
        let started = self.settings.clock.now();
        if !operation.delete {
            let estimate = self.usual_activation();
            sink.event(Event::Waiting { id: id.clone(), what: "the service".to_owned(), estimate });
        }
        let progress = |state: &str| {
            let elapsed = self.settings.clock.now() - started;
            sink.event(Event::Progress { id: id.clone(), state: state.to_owned(), elapsed });
        };
        let waiting = async {
            if again {
                self.client.resume(operation, self.settings.deadline, &progress).await
            } else {
                self.client.wait(operation, self.settings.deadline, &progress).await
            }
        };
        tokio::select! {
            () = cancel.cancelled() => Err(DeployError::Cancelled { running: vec![id.clone()] }),
            result = waiting => {
                if result.as_ref().is_err_and(|error| error.is(crate::azure::error::codes::DEADLINE)) {
                    return Err(result.err().map_or_else(|| DeployError::Cancelled { running: Vec::new() }, DeployError::from));
                }
                journal.ended(&operation.resource)?;
                result?;
                Ok(())
            }
        }
    }

    /// How long the service of this specification usually takes to be made.
    pub(super) fn usual_activation(&self) -> Option<Duration> {
        if !self.settings.estimates {
            return None;
        }
        let service = self.desired.service.as_ref()?;
        let resource = self.desired.resources.iter().find(|resource| resource.id.known() == Some(service))?;
        resource.body.value.pointer("/sku/name").and_then(serde_json::Value::as_str).map(usual_activation)
    }

    /// What was sent must be what is kept: anything else would come back in every plan.
    async fn read_back(&self, sink: &dyn EventSink) -> Result<(), DeployError> {
        let mut left = Vec::new();
        for wait in READ_BACK_WAITS {
            self.settings.clock.sleep(wait).await;
            let plan = self.plan().await?;
            if plan.is_empty() {
                return Ok(());
            }
            left = plan.changes.iter().filter(|change| change.action != Action::None).map(remaining).collect();
        }
        for message in &left {
            sink.event(Event::Note { id: None, message: message.clone() });
        }
        Err(DeployError::NotKept(left))
    }
}

fn remaining(change: &super::plan::Change) -> String {
    let paths: Vec<&str> = change.properties.iter().map(|property| property.path.as_str()).collect();
    if paths.iter().any(|path| path.ends_with("subscriptionKeyParameterNames.bearer")) {
        return format!("`{}` did not keep `bearer`: this service does not know it; set `bearer: loopback` on that API", change.id);
    }
    if paths.is_empty() { format!("`{}` ({:?})", change.id, change.action) } else { format!("`{}` ({})", change.id, paths.join(", ")) }
}

/// A service that came back may hold what nobody has agreed to touch: then the user is asked again.
fn agreed(before: &Plan, after: &Plan) -> Result<(), DeployError> {
    let destructive = |plan: &Plan| -> BTreeSet<String> {
        let changes = plan.changes.iter().filter(|change| matches!(change.action, Action::Delete | Action::Replace));
        changes.map(|change| change.id.to_ascii_lowercase()).collect()
    };
    let new: Vec<String> = destructive(after).difference(&destructive(before)).cloned().collect();
    if new.is_empty() {
        return Ok(());
    }
    Err(DeployError::StalePlan { reason: format!("now that the service is there, apply would also delete or replace {}", new.join(", ")) })
}

/// Counts of a run, for the summary.
fn summary(done: impl Iterator<Item = Action>, failed: usize, skipped: usize) -> Summary {
    let mut summary = Summary { failed, skipped, ..Summary::default() };
    for action in done {
        summary.count(action);
    }
    summary
}
