//! Desired against live, one resource at a time: what is done, and whether it may be.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Action, Change, Plan, Standing, collisions, removal};
use crate::arm::ResourceId;
use crate::deploy::codes;
use crate::deploy::deployment::Deployment;
use crate::deploy::desired::OWNER_TAG;
use crate::deploy::desired::role_name;
use crate::deploy::diff::{self, PropertyChange};
use crate::deploy::error::DeployError;
use crate::deploy::live::{Live, LiveResource, ServiceState, tagged_owner};
use crate::deploy::manifest::Manifest;
use crate::deploy::resource::{DesiredId, DesiredResource, Management, ROLE_ASSIGNMENT, Reference};
use crate::spec::model::RoleAssignmentMode;
use crate::support::finding::{Finding, Kind};

/// The types that the service or the group are: they carry a tag, and are in no manifest.
const CONTAINERS: [&str; 2] = ["Microsoft.ApiManagement/service", "Microsoft.Resources/resourceGroups"];

pub(super) const SUBSCRIPTION: &str = "Microsoft.ApiManagement/service/subscriptions";

pub(in crate::deploy) fn is_container(id: &ResourceId) -> bool {
    CONTAINERS.iter().any(|kind| id.is_type(kind))
}

impl Deployment {
    /// Compares desired with `live`.
    pub(in crate::deploy) fn compute(&self, live: Arc<Live>) -> Result<Plan, DeployError> {
        let mut findings = Vec::new();
        let mut changes = self.judge_all(&live, &mut findings);
        let replaced: BTreeSet<ResourceId> =
            changes.iter().filter(|change| change.action == Action::Replace).filter_map(|change| change.target.clone()).collect();
        let live = if replaced.is_empty() {
            live
        } else {
            // What lies in something that is made anew goes with it, and what it told is not known any more.
            let left = Arc::new(self.without(&live, &replaced));
            findings.clear();
            let again = self.judge_all(&left, &mut findings);
            for (change, now) in changes.iter_mut().zip(again) {
                let stays = change.action == Action::Replace && change.target.as_ref().is_some_and(|id| !is_below_any(id, &replaced));
                if stays {
                    continue;
                }
                let lost = now.action == Action::Create && change.action != Action::Create;
                *change = now;
                if lost {
                    change.reason = Some("it goes with what is made anew".to_owned());
                    if change.kind == SUBSCRIPTION {
                        change.note = Some(removal::KEYS_DIE.to_owned());
                    }
                }
            }
            left
        };
        let mut plan = Plan {
            owner: self.desired.owner.clone(),
            service: self.desired.service.as_ref().map(ToString::to_string),
            live: Arc::clone(&live),
            changes,
            ..Plan::default()
        };
        self.judge_service(&live, &mut plan, &mut findings);
        let kept: BTreeSet<ResourceId> = plan.changes.iter().filter_map(|change| change.target.clone()).collect();
        plan.changes.extend(self.removals(&live, &kept, &mut plan.notes));
        collisions::check(self, &live, &plan.changes, &mut findings);
        if findings.iter().any(Finding::is_error) {
            return Err(DeployError::Findings(findings));
        }
        plan.findings = findings;
        plan.fingerprint = self.fingerprint(&plan);
        Ok(plan)
    }

    fn judge_all(&self, live: &Live, findings: &mut Vec<Finding>) -> Vec<Change> {
        let changes = self.desired.resources.iter().enumerate().map(|(index, resource)| {
            let change = self.judge(resource, live, findings);
            Change { desired: Some(index), ..change }
        });
        changes.collect()
    }

    /// Live state once `replaced` and everything that falls with it are gone.
    fn without(&self, live: &Live, replaced: &BTreeSet<ResourceId>) -> Live {
        let mut left = live.clone();
        left.resources.retain(|id, _| !replaced.contains(id) && !is_below_any(id, replaced));
        // A link goes with either of its ends.
        for resource in self.desired.resources.iter().filter(|resource| resource.management == Management::Link) {
            if let Some(id) = resource.id.known().filter(|_| resource.depends_on.iter().any(|end| replaced.contains(end))) {
                left.resources.remove(id);
            }
        }
        left
    }

    fn judge_service(&self, live: &Live, plan: &mut Plan, findings: &mut Vec<Finding>) {
        match &live.service {
            ServiceState::Creating(state) => {
                plan.notes.push(format!("the service is being created (`{state}`): apply waits for it, then looks at what is in it"));
            }
            ServiceState::Busy(state) => plan.notes.push(format!("the service is `{state}`: apply waits for it")),
            ServiceState::Leaving(state) => findings.push(
                Finding::error(codes::SERVICE_FAILED, Kind::Place, format!("the service is being deleted (`{state}`)"))
                    .help("wait until it is gone, then run the command again"),
            ),
            ServiceState::Absent | ServiceState::Ready => {}
        }
    }

    fn judge(&self, resource: &DesiredResource, live: &Live, findings: &mut Vec<Finding>) -> Change {
        let target = resource.id.resolve(|reference| live.lookup(reference)).ok();
        let mut change = Change {
            action: Action::None,
            kind: resource.resource_type(),
            label: resource.entry().map_or("resource", |entry| entry.label),
            id: target.as_ref().map_or_else(|| format!("{} (known after apply)", resource.id), ToString::to_string),
            role: match &resource.id {
                DesiredId::RoleAssignment { role, .. } => Some(role_name(role).to_owned()),
                DesiredId::Known(_) => None,
            },
            properties: Vec::new(),
            reason: None,
            note: None,
            span: resource.span,
            desired: None,
            target: target.clone(),
            standing: Standing::Ours,
        };
        let found = target.as_ref().and_then(|id| live.get(id));
        let Some(found) = found else {
            self.judge_absent(resource, live, &mut change, findings);
            return change;
        };
        let Some(id) = target else { return change };
        match resource.management {
            Management::ReadOnly => change.standing = Standing::Foreign,
            // A link that is there is as it should be, whoever made it; only those that we make are ever removed.
            Management::Link => {}
            Management::Full | Management::PatchIfForeign => self.judge_present(resource, &id, found, live, &mut change, findings),
        }
        change
    }

    fn judge_absent(&self, resource: &DesiredResource, live: &Live, change: &mut Change, findings: &mut Vec<Finding>) {
        if resource.management != Management::ReadOnly {
            change.action = Action::Create;
            return;
        }
        change.standing = Standing::Foreign;
        let DesiredId::RoleAssignment { scope, role, .. } = &resource.id else {
            findings.push(
                Finding::error(
                    codes::MISSING_PARENT,
                    Kind::Place,
                    format!("`{}` is not there, yet the specification only reads it", change.id),
                )
                .at(resource.span)
                .help("create it, or take `existing: true` away"),
            );
            return;
        };
        let principal = principal_of(resource, live).unwrap_or_else(|| "<principal id of the service>".to_owned());
        let finding = format!("the service's identity lacks the role `{}` on `{}`", role_name(role), scope.name());
        let help = format!(
            "somebody with the right to assign roles runs: az role assignment create --assignee-object-id {principal} --assignee-principal-type ServicePrincipal --role {role} --scope {scope}"
        );
        // Before the service is there nobody can assign anything to it, so it cannot stand in the way of making it.
        let finding = if live.service == ServiceState::Ready && !live.unreadable.contains(scope) {
            Finding::error(codes::ROLE_ASSIGNMENT_MISSING, Kind::Place, finding)
        } else {
            Finding::warning(codes::ROLE_ASSIGNMENT_MISSING, Kind::Place, finding)
        };
        findings.push(finding.at(resource.span).help(help));
    }

    fn judge_present(
        &self,
        resource: &DesiredResource,
        id: &ResourceId,
        found: &LiveResource,
        live: &Live,
        change: &mut Change,
        findings: &mut Vec<Finding>,
    ) {
        change.standing = self.standing(resource, id, found, live);
        if found.other_id.is_some() {
            change.reason = Some("the same role is assigned under another name".to_owned());
            return;
        }
        if change.standing == Standing::Foreign && resource.management == Management::Full {
            if let Some(owner) = live.other_owner(&self.desired.owner, id).or_else(|| tagged_owner(&found.body)) {
                findings.push(owned_by_other(resource, id, owner));
                return;
            }
            if !self.settings.adopt && !is_made_by_the_service(id, &found.body) {
                findings.push(
                    Finding::error(
                        codes::FOREIGN_RESOURCE,
                        Kind::Place,
                        format!("the {} `{}` is there already, and no specification made it", change.label, id.name()),
                    )
                    .at(resource.span)
                    .help("take it over with `--adopt`, or choose another name"),
                );
                return;
            }
            change.standing = Standing::Adopted;
        }
        if self.is_being_created(id, live) {
            change.action = Action::Create;
            change.reason = Some("its creation has begun; apply goes on waiting for it".to_owned());
            return;
        }
        let declared = self.as_declared(resource, change.standing);
        change.properties = compare(&declared, found, |reference| live.lookup(reference));
        let hidden = diff::unreadable(&declared, &declared.fill(|reference| live.lookup(reference)), &found.body, &found.secrets);
        if !hidden.is_empty() {
            let hidden: Vec<String> = hidden.iter().map(|pointer| pointer.trim_start_matches('/').replace('/', ".")).collect();
            change.note = Some(format!("unknown whether it differs, because the service does not tell it: {}", hidden.join(", ")));
        }
        change.properties.extend(unanswered_changes(resource, id, live.manifest(&self.desired.owner)));
        self.judge_difference(resource, id, change, findings);
        let fresh = live.manifest(&self.desired.owner).is_some_and(|manifest| manifest.fresh_products.contains(id));
        if change.action == Action::None && fresh {
            change.action = Action::Update;
            change.reason = Some("the subscription that the service made with the product is deleted".to_owned());
        }
        if change.action == Action::None && change.standing == Standing::Adopted && !is_made_by_the_service(id, &found.body) {
            change.action = Action::Update;
            change.reason = Some("it is as it should be, and is taken over".to_owned());
        }
    }

    fn judge_difference(&self, resource: &DesiredResource, id: &ResourceId, change: &mut Change, findings: &mut Vec<Finding>) {
        if change.properties.is_empty() {
            return;
        }
        let replace = change.properties.iter().find_map(|property| property.replace.map(|why| (property.path.clone(), why)));
        let caution = change.properties.iter().find_map(|property| property.caution.map(|why| (property.path.clone(), why)));
        // Another tier is another price and another set of features: nobody else's service gets it without being asked.
        let foreign_tier =
            change.properties.iter().find(|property| change.standing == Standing::Foreign && property.pointer.starts_with("/sku")).map(
                |property| (property.path.clone(), "the service was not made by this specification, and its tier is not its own to change"),
            );
        let allowed = self.may_replace(id);
        if let (Some((path, why)), false) = (replace.clone().or(caution).or(foreign_tier), allowed) {
            findings.push(
                Finding::error(
                    codes::REPLACE_NOT_ALLOWED,
                    Kind::Place,
                    format!("the {} `{}` cannot simply be changed: `{path}`: {why}", change.label, id.name()),
                )
                .at(resource.span)
                .help(format!("allow it with `--allow-replace {}`, or keep the property as it is", id.name())),
            );
            return;
        }
        change.action = if replace.is_some() { Action::Replace } else { Action::Update };
        if let Some((path, why)) = replace {
            change.reason = Some(format!("`{path}`: {why}"));
        }
        if change.action == Action::Replace && id.is_type(SUBSCRIPTION) {
            change.note = Some(removal::KEYS_DIE.to_owned());
        }
    }

    /// Whose a live resource is.
    fn standing(&self, resource: &DesiredResource, id: &ResourceId, found: &LiveResource, live: &Live) -> Standing {
        let owner = &self.desired.owner;
        let in_manifest = live.manifest(owner).is_some_and(|manifest| manifest.owns(id));
        let tagged = tagged_owner(&found.body).is_some_and(|tag| tag.eq_ignore_ascii_case(owner));
        // Nobody else arrives at the name of a role assignment by chance: it is computed from what it says.
        let named = matches!(resource.id, DesiredId::RoleAssignment { .. }) && found.other_id.is_none();
        if in_manifest || tagged || named { Standing::Ours } else { Standing::Foreign }
    }

    fn is_being_created(&self, id: &ResourceId, live: &Live) -> bool {
        self.desired.service.as_ref() == Some(id) && matches!(live.service, ServiceState::Creating(_))
    }

    /// Whether the user has agreed to have `id` deleted and made anew.
    pub(in crate::deploy) fn may_replace(&self, id: &ResourceId) -> bool {
        self.settings.allow_replace.iter().any(|name| name.eq_ignore_ascii_case(id.name()) || name.eq_ignore_ascii_case(id.as_str()))
    }

    /// The resource as it may be asked of what is there: our tag says "made by", which is not true of somebody else's.
    pub(in crate::deploy) fn as_declared(&self, resource: &DesiredResource, standing: Standing) -> DesiredResource {
        let mut declared = resource.clone();
        if standing == Standing::Foreign
            && let Some(tags) = declared.body.value.get_mut("tags").and_then(Value::as_object_mut)
        {
            tags.retain(|name, _| !name.eq_ignore_ascii_case(OWNER_TAG));
            if tags.is_empty()
                && let Some(body) = declared.body.value.as_object_mut()
            {
                body.shift_remove("tags");
            }
        }
        declared
    }

    /// What a saved plan is compared by: what would be done, what is wanted (without secrets), and the state of what would be changed.
    fn fingerprint(&self, plan: &Plan) -> String {
        let wanted = self.desired.resources.iter().map(|resource| {
            let mut body = resource.body.value.clone();
            for pointer in &resource.body.secrets {
                if let Some(place) = body.pointer_mut(pointer) {
                    *place = Value::Null;
                }
            }
            json!({ "id": resource.id.to_string(), "body": body })
        });
        let touched = plan.changes.iter().filter(|change| change.action != Action::None).filter_map(|change| {
            let found = plan.live.get(change.target.as_ref()?)?;
            Some(json!({ "id": change.id, "etag": found.etag }))
        });
        let manifest = plan.live.manifest(&self.desired.owner).map(|manifest| manifest.revision);
        let whole = json!({
            "changes": plan.changes,
            "wanted": wanted.collect::<Vec<_>>(),
            "touched": touched.collect::<Vec<_>>(),
            "revision": manifest,
        });
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, whole.to_string().as_bytes());
        digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether role assignments are this tool's business.
    pub(in crate::deploy) fn manages_roles(&self) -> bool {
        self.settings.role_assignments == RoleAssignmentMode::Manage
    }
}

/// What differs between a resource as it should be and as it was read.
pub(in crate::deploy) fn compare(
    resource: &DesiredResource,
    found: &LiveResource,
    lookup: impl Fn(&Reference) -> Option<Value>,
) -> Vec<PropertyChange> {
    diff::compare(resource, &resource.fill(lookup), &found.body, &found.secrets)
}

/// What is sent and never answered, where the manifest does not say that the same was sent last.
pub(in crate::deploy) fn unanswered_changes(
    resource: &DesiredResource,
    id: &ResourceId,
    manifest: Option<&Manifest>,
) -> Vec<PropertyChange> {
    let Some(digest) = resource.unanswered_digest() else { return Vec::new() };
    if manifest.and_then(|manifest| manifest.digests.get(id)) == Some(&digest) {
        return Vec::new();
    }
    resource.unanswered().map(PropertyChange::unanswered).collect()
}

fn is_below_any(id: &ResourceId, above: &BTreeSet<ResourceId>) -> bool {
    above.iter().any(|other| id.is_below(other))
}

fn principal_of(resource: &DesiredResource, live: &Live) -> Option<String> {
    let DesiredId::RoleAssignment { principal, .. } = &resource.id else { return None };
    live.lookup(principal)?.as_str().map(str::to_owned)
}

pub(super) fn owned_by_other(resource: &DesiredResource, id: &ResourceId, owner: &str) -> Finding {
    let message =
        format!("the {} `{}` belongs to the specification `{owner}`", resource.entry().map_or("resource", |entry| entry.label), id.name());
    Finding::error(codes::OWNED_BY_OTHER, Kind::Place, message)
        .at(resource.span)
        .help(format!("leave it to `{owner}`, or take it out of that specification and apply that first"))
}

/// A global policy that holds nothing but what every new service has (classic tiers make one by themselves).
fn is_made_by_the_service(id: &ResourceId, body: &Value) -> bool {
    const EMPTY: [&str; 7] = ["policies", "inbound", "backend", "outbound", "on-error", "forward-request", "base"];
    if !id.is_type("Microsoft.ApiManagement/service/policies") {
        return false;
    }
    let text = body.pointer("/properties/value").and_then(Value::as_str).unwrap_or_default();
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        let name: String =
            rest.trim_start_matches(['/', '?']).chars().take_while(|letter| letter.is_alphanumeric() || *letter == '-').collect();
        if !EMPTY.contains(&name.as_str()) && name != "xml" {
            return false;
        }
    }
    true
}

/// Whether a type name is that of role assignments.
pub(in crate::deploy) fn is_role_assignment(id: &ResourceId) -> bool {
    id.is_type(ROLE_ASSIGNMENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_empty_global_policy_counts_as_the_services_own() {
        let service = ResourceId::resource_group("s", "g").provider("Microsoft.ApiManagement/service", "x");
        let policy = service.child("policies", "policy");
        let body = |text: &str| json!({"properties": {"value": text}});
        let default = "<!--\r\n  IMPORTANT: <b>read</b> -->\r\n<policies>\r\n\t<inbound />\r\n\t<backend>\r\n\t\t<forward-request />\r\n\t</backend>\r\n\t<outbound />\r\n</policies>";
        assert!(is_made_by_the_service(&policy, &body(default)));
        assert!(!is_made_by_the_service(&policy, &body("<policies><inbound><cors /></inbound></policies>")));
        assert!(!is_made_by_the_service(&service.child("apis", "a").child("policies", "policy"), &body(default)), "only the global one");
    }
}
