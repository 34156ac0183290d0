//! Away with what is ours, and with nothing else.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::apply::Run;
use super::cancel::Cancellation;
use super::codes;
use super::deployment::{Applied, Deployment};
use super::error::DeployError;
use super::events::{Event, EventSink};
use super::journal::Journal;
use super::live::{Live, ServiceState, tagged_owner};
use super::plan::{Action, Change, Plan, deletion, is_container, is_role_assignment, rank};
use super::resource::{DesiredId, Management};
use crate::arm::ResourceId;
use crate::support::finding::{Finding, Kind};

const RESOURCES_VERSION: &str = "2021-04-01";

impl Deployment {
    pub(super) async fn compute_destroy(&self) -> Result<Plan, DeployError> {
        let live = Arc::new(self.read().await?);
        let owner = &self.desired.owner;
        let mut notes = Vec::new();
        let mut findings = Vec::new();
        if let ServiceState::Creating(state) = &live.service {
            notes.push(format!("the service is being created (`{state}`): it can be deleted only when that has ended"));
        }
        let manifest = live.manifest(owner);
        let mut gone: BTreeSet<ResourceId> =
            manifest.map(|manifest| manifest.resources.iter().filter(|id| live.get(id).is_some()).cloned().collect()).unwrap_or_default();
        for resource in &self.desired.resources {
            let Ok(id) = resource.id.resolve(|reference| live.lookup(reference)) else { continue };
            let Some(found) = live.get(&id) else { continue };
            let tagged = tagged_owner(&found.body).is_some_and(|tag| tag.eq_ignore_ascii_case(owner));
            let named = matches!(resource.id, DesiredId::RoleAssignment { .. }) && found.other_id.is_none();
            // `--allow-replace NAME` is the consent to lose a service or group that was there before.
            let allowed = is_container(&id) && resource.management != Management::ReadOnly && self.may_replace(&id);
            if resource.management != Management::ReadOnly && (tagged || named || allowed) {
                gone.insert(id);
            }
        }
        if !self.manages_roles() {
            gone.retain(|id| !is_role_assignment(id));
        }
        self.spare_others(&live, &mut gone, &mut notes, &mut findings).await;
        if !findings.is_empty() {
            return Err(DeployError::Findings(findings));
        }
        let mut changes: Vec<Change> = gone.iter().map(|id| deletion(id, &live, "it was made by this specification")).collect();
        changes.sort_by_key(|change| change.target.as_ref().map(|id| (std::cmp::Reverse(rank(id)), id.clone())));
        let mut plan = Plan {
            owner: owner.clone(),
            service: self.desired.service.as_ref().map(ToString::to_string),
            changes,
            notes,
            live,
            ..Plan::default()
        };
        plan.fingerprint = plan.changes.iter().map(|change| change.id.to_ascii_lowercase()).collect::<Vec<_>>().join("\n");
        Ok(plan)
    }

    /// A service or group of ours may hold what is not ours.
    async fn spare_others(&self, live: &Live, gone: &mut BTreeSet<ResourceId>, notes: &mut Vec<String>, findings: &mut Vec<Finding>) {
        let owner = self.desired.owner.to_ascii_lowercase();
        if let Some(service) = self.desired.service.as_ref().filter(|service| gone.contains(*service)) {
            let others: Vec<&str> =
                live.manifests.iter().filter(|(key, _)| **key != owner).map(|(_, manifest)| manifest.owner.as_str()).collect();
            if !others.is_empty() && !self.may_replace(service) {
                findings.push(
                    Finding::error(
                        codes::DELETE_NOT_ALLOWED,
                        Kind::Place,
                        format!("the service `{}` also serves the specifications {}", service.name(), others.join(", ")),
                    )
                    .help(format!("destroy those first, or lose them with `--allow-replace {}`", service.name())),
                );
            }
        }
        let groups: Vec<ResourceId> = gone.iter().filter(|id| id.is_type("Microsoft.Resources/resourceGroups")).cloned().collect();
        for group in groups {
            let items = self.client.list(&format!("{group}/resources"), RESOURCES_VERSION, &[]).await;
            let foreign: Vec<String> = match items {
                Ok(items) => items
                    .iter()
                    .filter_map(|item| ResourceId::parse(item.get("id").and_then(Value::as_str)?).ok())
                    .filter(|id| !gone.iter().any(|ours| ours == id || id.is_below(ours) && *ours != group))
                    .map(|id| id.name().to_owned())
                    .collect(),
                Err(error) => vec![format!("what could not be listed ({error})")],
            };
            if !foreign.is_empty() && !self.may_replace(&group) {
                notes.push(format!("the resource group `{}` stays: it also holds {}", group.name(), foreign.join(", ")));
                gone.remove(&group);
            }
        }
    }

    pub(super) async fn carry_out_destroy(
        &self,
        plan: &Plan,
        purge: bool,
        sink: &dyn EventSink,
        cancel: Cancellation,
    ) -> Result<Applied, DeployError> {
        let journal = Journal::open(self.settings.state_dir.as_deref(), &self.desired.owner, self.desired.service.as_ref())?;
        if let (ServiceState::Creating(_) | ServiceState::Busy(_), Some(service)) = (&plan.live.service, &self.desired.service) {
            let operation = crate::arm::async_operation::AsyncOperation {
                resource: service.clone(),
                api_version: super::preflight::SERVICE_VERSION.to_owned(),
                azure_async_operation: None,
                location: None,
                retry_after_seconds: None,
                delete: false,
            };
            self.wait_for_service(&operation, true, &journal, sink, cancel.clone()).await?;
            let fresh = Box::pin(self.compute_destroy()).await?;
            return Box::pin(self.run_destroy(&fresh, purge, &journal, sink, cancel)).await;
        }
        self.run_destroy(plan, purge, &journal, sink, cancel).await
    }

    async fn run_destroy(
        &self,
        plan: &Plan,
        purge: bool,
        journal: &Journal,
        sink: &dyn EventSink,
        cancel: Cancellation,
    ) -> Result<Applied, DeployError> {
        let started = self.settings.clock.now();
        let mut applied = Applied { notes: plan.notes.clone(), ..Applied::default() };
        if plan.changes.iter().any(|change| change.action == Action::Delete) || plan.live.manifest(&self.desired.owner).is_some() {
            let run = Run::new(self, plan, sink, journal, cancel.clone()).destroying();
            applied = run.execute().await?;
        }
        let service_goes = self.desired.service.as_ref().is_some_and(|service| {
            plan.live.service == ServiceState::Absent || plan.changes.iter().any(|change| change.target.as_ref() == Some(service))
        });
        if purge
            && service_goes
            && applied.running.is_empty()
            && let Some(deleted) = self.soft_deleted().await?
        {
            sink.event(Event::Note { id: Some(deleted.to_string()), message: "the soft-deleted service is purged".to_owned() });
            self.purge(&deleted, journal, sink, cancel).await?;
        }
        applied.summary.elapsed = self.settings.clock.now() - started;
        sink.event(Event::Summary(applied.summary.clone()));
        Ok(applied)
    }
}
