//! One change carried out.

use std::time::Duration;

use serde_json::Value;

use super::refusal;
use super::run::Run;
use super::scheduler::{Accepted, End};
use crate::arm::catalogue::IfMatch;
use crate::arm::{ResourceId, catalogue};
use crate::azure::{AzureError, Outcome, Precondition};
use crate::deploy::diff::{self, PropertyChange, Shown, Verb};
use crate::deploy::error::StepError;
use crate::deploy::events::Event;
use crate::deploy::live::LiveResource;
use crate::deploy::plan::{Action, Change, compare, is_role_assignment, unanswered_changes};
use crate::deploy::resource::DesiredResource;

const PRODUCT: &str = "Microsoft.ApiManagement/service/products";
const SERVICE: &str = "Microsoft.ApiManagement/service";
/// How long the read-back of a role assignment is waited for. Microsoft says up to ten minutes.
const PROPAGATION: Duration = Duration::from_secs(600);
const PROPAGATION_LOOK: Duration = Duration::from_secs(5);
const CHANGED: &str = "it has been changed since the plan was made; run the command again";

impl Run<'_> {
    pub(super) async fn carry_out(&self, change: &Change, accepted: &Accepted) -> Result<End, StepError> {
        let Some(resource) = self.resource(change) else {
            let Some(id) = &change.target else { return Ok(End::Done) };
            return self.delete(id).await;
        };
        let id = resource.id.resolve(|reference| self.lookup(reference)).map_err(|error| refusal::own(&change.id, error.to_string()))?;
        match change.action {
            Action::None => Ok(End::Done),
            Action::Create => self.create(change, resource, &id, accepted).await,
            Action::Update => self.update(change, resource, &id, accepted).await,
            Action::Replace => self.replace(resource, &id, accepted).await,
            Action::Delete => self.delete(&id).await,
        }
    }

    async fn create(&self, change: &Change, resource: &DesiredResource, id: &ResourceId, accepted: &Accepted) -> Result<End, StepError> {
        let fail = |error| refusal::failed(self.deployment, Some(resource), id.as_str(), error);
        // An earlier run that was killed may have sent this very request, and its answer may only show now.
        let begun = self.plan.live.manifest(&self.plan.owner).is_some_and(|manifest| manifest.owns(id));
        if begun && let Some(found) = self.deployment.read_one(id, &resource.api_version).await.map_err(fail)? {
            return self.bring(change, resource, id, found, accepted).await;
        }
        self.make(resource, id, accepted).await
    }

    async fn make(&self, resource: &DesiredResource, id: &ResourceId, accepted: &Accepted) -> Result<End, StepError> {
        let fail = |error| refusal::failed(self.deployment, Some(resource), id.as_str(), error);
        let body =
            resource.request_body(|reference| self.lookup(reference)).map_err(|error| refusal::own(id.as_str(), error.to_string()))?;
        self.attempt(id);
        let outcome = match self.deployment.client.put(id, &resource.api_version, &body, Precondition::None).await {
            Ok(outcome) => outcome,
            Err(error) if is_there_by_another_name(id, &error) => {
                self.disown(id);
                self.note(id, format!("`{}` was there already, under another name", id.name()));
                return Ok(End::Done);
            }
            Err(error) => return Err(fail(error)),
        };
        let end = self.finish(id, outcome, accepted).await.map_err(fail)?;
        if end == End::Done {
            self.after_making(resource, id).await?;
        }
        Ok(end)
    }

    async fn after_making(&self, resource: &DesiredResource, id: &ResourceId) -> Result<(), StepError> {
        if id.is_type(PRODUCT) {
            self.delete_own_subscription(id).await?;
        }
        if is_role_assignment(id) {
            self.wait_until_visible(resource, id).await?;
        }
        Ok(())
    }

    /// A new assignment is known to its own reader first; nothing may rely on it before.
    async fn wait_until_visible(&self, resource: &DesiredResource, id: &ResourceId) -> Result<(), StepError> {
        let clock = &self.deployment.settings.clock;
        let started = clock.now();
        let mut cancel = self.cancel.clone();
        loop {
            let found = self.deployment.read_one(id, &resource.api_version).await;
            match found {
                Ok(Some(_)) => return Ok(()),
                Err(error) => return Err(refusal::failed(self.deployment, Some(resource), id.as_str(), error)),
                Ok(None) => {}
            }
            let elapsed = clock.now() - started;
            if elapsed >= PROPAGATION || cancel.is_cancelled() {
                self.note(
                    id,
                    "the role assignment is made, and not visible yet: requests may be refused with 401 for some minutes".to_owned(),
                );
                return Ok(());
            }
            self.sink.event(Event::Progress { id: id.to_string(), state: "propagating".to_owned(), elapsed });
            tokio::select! {
                () = clock.sleep(PROPAGATION_LOOK) => {}
                () = cancel.cancelled() => {}
            }
        }
    }

    /// The service makes a subscription with every product. Nobody asked for its keys.
    async fn delete_own_subscription(&self, product: &ResourceId) -> Result<(), StepError> {
        let fail = |error| refusal::failed(self.deployment, None, product.as_str(), error);
        let Some(service) = product.parent() else { return Ok(()) };
        let kind = format!("{SERVICE}/subscriptions");
        let api_version = catalogue::find(&kind).map_or("2024-05-01", |entry| entry.api_version);
        let client = &self.deployment.client;
        let items = match client.list(&format!("{product}/subscriptions"), api_version, &[]).await {
            Ok(items) => items,
            Err(error) if error.status == Some(404) => Vec::new(),
            Err(error) => return Err(fail(error)),
        };
        for name in items.iter().filter_map(|item| item.get("name").and_then(Value::as_str)) {
            let id = service.child("subscriptions", name);
            let wanted = self.deployment.desired.resources.iter().any(|resource| resource.id.known() == Some(&id));
            let owned = self.plan.live.manifests.values().any(|manifest| manifest.owns(&id));
            if wanted || owned || self.plan.live.get(&id).is_some() {
                continue;
            }
            self.finish_plainly(client.delete(&id, api_version, &[], Precondition::Any).await.map_err(fail)?).await.map_err(fail)?;
        }
        self.cleaned(product);
        Ok(())
    }

    async fn update(&self, change: &Change, resource: &DesiredResource, id: &ResourceId, accepted: &Accepted) -> Result<End, StepError> {
        let fail = |error| refusal::failed(self.deployment, Some(resource), id.as_str(), error);
        let fresh_product =
            id.is_type(PRODUCT) && self.plan.live.manifest(&self.plan.owner).is_some_and(|manifest| manifest.fresh_products.contains(id));
        let mut end = End::Done;
        if !change.properties.is_empty() {
            let Some(planned) = self.plan.live.get(id) else { return Err(refusal::own(id.as_str(), CHANGED)) };
            let current = if planned.etag.is_some() {
                planned.clone()
            } else {
                // Lists do not tell entity tags.
                let read = self.deployment.read_one(id, &resource.api_version).await.map_err(fail)?;
                let Some(read) = read else { return Err(refusal::own(id.as_str(), CHANGED)) };
                LiveResource { secrets: planned.secrets.clone(), ..read }
            };
            let declared = self.deployment.as_declared(resource, change.standing);
            let mut changes = compare(&declared, &current, |reference| self.lookup(reference));
            changes.extend(self.unanswered(resource, id));
            if planned.etag.is_none() && !same_before(&changes, &change.properties) {
                return Err(refusal::own(id.as_str(), CHANGED));
            }
            end = self.send_update(&declared, id, &current, &changes, accepted).await?;
        }
        if end == End::Done && fresh_product {
            self.delete_own_subscription(id).await?;
        }
        Ok(end)
    }

    /// Makes a resource that is there as it should be, whatever the plan knew of it.
    async fn bring(
        &self,
        change: &Change,
        resource: &DesiredResource,
        id: &ResourceId,
        found: LiveResource,
        accepted: &Accepted,
    ) -> Result<End, StepError> {
        let declared = self.deployment.as_declared(resource, change.standing);
        let mut changes = compare(&declared, &found, |reference| self.lookup(reference));
        changes.extend(self.unanswered(resource, id));
        let end = if changes.is_empty() { End::Done } else { self.send_update(&declared, id, &found, &changes, accepted).await? };
        self.learn(id, &found.body);
        if end == End::Done {
            self.after_making(resource, id).await?;
        }
        Ok(end)
    }

    fn unanswered(&self, resource: &DesiredResource, id: &ResourceId) -> Vec<PropertyChange> {
        unanswered_changes(resource, id, self.plan.live.manifest(&self.plan.owner))
    }

    async fn send_update(
        &self,
        declared: &DesiredResource,
        id: &ResourceId,
        current: &LiveResource,
        changes: &[PropertyChange],
        accepted: &Accepted,
    ) -> Result<End, StepError> {
        if changes.is_empty() {
            return Ok(End::Done);
        }
        let fail = |error: AzureError| {
            let changed = error.status == Some(412);
            let mut failed = refusal::failed(self.deployment, Some(declared), id.as_str(), error);
            if changed {
                failed.text = format!("{CHANGED} ({})", failed.text);
            }
            failed
        };
        let filled = declared.fill(|reference| self.lookup(reference));
        if let Some(pointer) = filled.unknown.first() {
            return Err(refusal::own(id.as_str(), format!("`{pointer}` comes from a resource that does not tell it")));
        }
        let update = diff::update(declared, &filled, &current.body, changes);
        let tagged = declared.entry().is_some_and(|entry| entry.if_match == IfMatch::Required);
        let precondition = match &current.etag {
            Some(etag) if tagged => Precondition::Match(etag.clone()),
            None if tagged => Precondition::Any,
            _ => Precondition::None,
        };
        self.attempt(id);
        let client = &self.deployment.client;
        let outcome = match update.verb {
            Verb::Put => client.put(id, &declared.api_version, &update.body, precondition).await,
            Verb::Patch => client.patch(id, &declared.api_version, &update.body, precondition).await,
        };
        self.finish(id, outcome.map_err(fail)?, accepted).await.map_err(fail)
    }

    async fn replace(&self, resource: &DesiredResource, id: &ResourceId, accepted: &Accepted) -> Result<End, StepError> {
        self.sink.event(Event::Progress { id: id.to_string(), state: "deleting".to_owned(), elapsed: Duration::ZERO });
        if self.delete(id).await? == End::Left {
            return Ok(End::Left);
        }
        self.make(resource, id, accepted).await
    }

    async fn delete(&self, id: &ResourceId) -> Result<End, StepError> {
        let fail = |error| refusal::failed(self.deployment, None, id.as_str(), error);
        let entry = catalogue::find(&id.resource_type());
        let tagged = entry.is_some_and(|entry| entry.if_match == IfMatch::Required);
        let etag = self.plan.live.get(id).and_then(|found| found.etag.clone());
        let precondition = match etag {
            Some(etag) if tagged => Precondition::Match(etag),
            None if tagged => Precondition::Any,
            _ => Precondition::None,
        };
        let query: &[(&str, &str)] = if id.is_type("Microsoft.ApiManagement/service/apis") { &[("deleteRevisions", "true")] } else { &[] };
        let api_version = entry.map_or("2024-05-01", |entry| entry.api_version);
        self.leaving(id);
        let mut outcome = self.deployment.client.delete(id, api_version, query, precondition.clone()).await;
        // What refers to it was changed a moment ago, which may have touched its entity tag.
        if outcome.as_ref().is_err_and(|error| error.status == Some(412)) && precondition != Precondition::Any {
            outcome = self.deployment.client.delete(id, api_version, query, Precondition::Any).await;
        }
        let outcome = outcome.map_err(fail)?;
        if let Outcome::Running(operation, _) = outcome {
            self.journal.begun(&operation).map_err(|error| refusal::own(id.as_str(), error.to_string()))?;
            let waited = self.deployment.wait_for_service(&operation, false, self.journal, self.sink, self.cancel.clone()).await;
            match waited {
                Err(crate::deploy::DeployError::Cancelled { .. }) => return Ok(End::Left),
                Err(crate::deploy::DeployError::Azure(error)) => return Err(fail(*error)),
                Err(error) => return Err(refusal::own(id.as_str(), error.to_string())),
                Ok(()) => {}
            }
        }
        self.deleted(id);
        Ok(End::Done)
    }

    /// Follows a write to its end; `accepted` is told as soon as ARM has answered.
    async fn finish(&self, id: &ResourceId, outcome: Outcome, accepted: &Accepted) -> Result<End, AzureError> {
        let (operation, first) = match outcome {
            Outcome::Done(reply) => {
                self.learn(id, &reply.body);
                return Ok(End::Done);
            }
            Outcome::Running(operation, first) => (operation, first),
        };
        if let Err(error) = self.journal.begun(&operation) {
            // Without it a rerun goes by the provisioning state: slower, not wrong.
            self.note(id, format!("the operation could not be noted: {error}"));
        }
        self.learn(id, &first.body);
        accepted.say();
        let settings = &self.deployment.settings;
        let is_service = id.is_type(SERVICE);
        if is_service && settings.no_wait {
            return Ok(End::Left);
        }
        if is_service {
            let estimate = self.deployment.usual_activation();
            self.sink.event(Event::Waiting { id: id.to_string(), what: "the service".to_owned(), estimate });
        }
        let started = settings.clock.now();
        let progress = |state: &str| {
            let elapsed = settings.clock.now() - started;
            self.sink.event(Event::Progress { id: id.to_string(), state: state.to_owned(), elapsed });
        };
        let mut cancel = self.cancel.clone();
        let waiting = self.deployment.client.wait(&operation, settings.deadline, &progress);
        let result = tokio::select! {
            result = waiting => result,
            () = cancel.cancelled() => return Ok(End::Left),
        };
        if !result.as_ref().is_err_and(|error| error.is(crate::azure::error::codes::DEADLINE))
            && let Err(error) = self.journal.ended(id)
        {
            self.note(id, format!("the journal could not be written: {error}"));
        }
        self.learn(id, &result?.body);
        Ok(End::Done)
    }

    async fn finish_plainly(&self, outcome: Outcome) -> Result<(), AzureError> {
        if let Outcome::Running(operation, _) = outcome {
            self.deployment.client.wait(&operation, self.deployment.settings.deadline, &|_| {}).await?;
        }
        Ok(())
    }
}

/// The thing is there, made by somebody else under a name of their own: as good as ours, and not ours.
fn is_there_by_another_name(id: &ResourceId, error: &AzureError) -> bool {
    let link = crate::deploy::read::is_link(id) || id.resource_type().to_ascii_lowercase().ends_with("links");
    (is_role_assignment(id) && error.is("RoleAssignmentExists"))
        || (link && error.status == Some(409) && error.error.message.to_ascii_lowercase().contains("link already exists"))
}

/// Whether the same properties differ from the same live values. What was not known when the plan was made may turn out to be
/// what is there already.
fn same_before(now: &[PropertyChange], planned: &[PropertyChange]) -> bool {
    let same = |one: &PropertyChange, other: &PropertyChange| one.path == other.path && one.before == other.before;
    now.iter().all(|change| planned.iter().any(|plan| same(change, plan)))
        && planned.iter().all(|plan| plan.after == Shown::KnownAfterApply || now.iter().any(|change| same(change, plan)))
}
