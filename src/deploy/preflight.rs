//! Everything that would stop an apply half-way, found before the first write.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt as _};
use serde_json::{Value, json};

use super::codes;
use super::deployment::{Deployment, SoftDeleted};
use super::error::{DeployError, describe};
use super::plan::{Action, Plan, is_role_assignment};
use crate::arm::ResourceId;
use crate::support::finding::{Finding, Kind};

/// The api-version of the service's own actions.
pub(super) const SERVICE_VERSION: &str = "2024-05-01";
const SUBSCRIPTIONS_VERSION: &str = "2022-12-01";
const PROVIDERS_VERSION: &str = "2021-04-01";
const PERMISSIONS_VERSION: &str = "2022-04-01";
/// Providers that are part of ARM itself, or that are only read.
const BUILT_IN: [&str; 2] = ["Microsoft.Resources", "Microsoft.Authorization"];

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Preflight {
    pub findings: Vec<Finding>,
    /// The soft-deleted service that has the name of the one to be made.
    pub soft_deleted: Option<ResourceId>,
}

impl Deployment {
    /// Checks what `plan` needs.
    pub(super) async fn check(&self, plan: &Plan) -> Result<Preflight, DeployError> {
        let mut found = Preflight::default();
        if plan.is_empty() {
            return Ok(found);
        }
        self.check_subscriptions(plan, &mut found.findings).await;
        if !found.findings.is_empty() {
            // Nothing else can be asked of a subscription that does not answer.
            return Ok(found);
        }
        let (providers, permissions, name) =
            futures::join!(self.check_providers(plan), self.check_permissions(plan), self.check_name(plan));
        found.findings.extend(providers);
        found.findings.extend(permissions);
        let (findings, soft_deleted) = name?;
        found.findings.extend(findings);
        found.soft_deleted = soft_deleted;
        Ok(found)
    }

    fn span_of_service(&self) -> Option<crate::support::source::Span> {
        let service = self.desired.service.as_ref()?;
        self.desired.resources.iter().find(|resource| resource.id.known() == Some(service))?.span
    }

    async fn check_subscriptions(&self, plan: &Plan, findings: &mut Vec<Finding>) {
        let subscriptions: BTreeSet<&str> = changing(plan).filter_map(|(id, _)| id.subscription_id()).collect();
        for subscription in subscriptions {
            let path = format!("/subscriptions/{subscription}");
            let problem = match self.client.get(&path, SUBSCRIPTIONS_VERSION, &[]).await {
                Ok(Some(reply)) => match reply.body.get("state").and_then(Value::as_str) {
                    Some(state) if !["enabled", "pastdue"].contains(&state.to_ascii_lowercase().as_str()) => {
                        Some((format!("it is `{state}`"), "ask its administrator".to_owned()))
                    }
                    _ => None,
                },
                Ok(None) => Some((
                    "it is not there, or this login may not see it".to_owned(),
                    "log in to its tenant: az login --tenant <tenant>, then az account set --subscription <id>".to_owned(),
                )),
                Err(error) => Some((
                    describe(&error),
                    error.hint.clone().unwrap_or_else(|| format!("look with: az account show --subscription {subscription}")),
                )),
            };
            if let Some((why, help)) = problem {
                let message = format!("the Azure subscription `{subscription}` cannot be used: {why}");
                findings.push(Finding::error(codes::UNREACHABLE, Kind::Place, message).help(help));
            }
        }
    }

    async fn check_providers(&self, plan: &Plan) -> Vec<Finding> {
        let needed: BTreeSet<(String, String)> = changing(plan)
            .filter(|(_, action)| *action != Action::Delete)
            .filter_map(|(id, _)| {
                let namespace = id.resource_type().split('/').next()?.to_owned();
                let known = BUILT_IN.iter().any(|name| name.eq_ignore_ascii_case(&namespace));
                (!known).then_some(())?;
                Some((id.subscription_id()?.to_owned(), namespace))
            })
            .collect();
        let asked = stream::iter(needed).map(|(subscription, namespace)| async move {
            let path = format!("/subscriptions/{subscription}/providers/{namespace}");
            // A login that may not see providers may still be allowed everything else; ARM then says what is missing.
            let reply = self.client.get(&path, PROVIDERS_VERSION, &[]).await.ok()?;
            let state = reply.and_then(|reply| reply.body.get("registrationState")?.as_str().map(str::to_owned));
            let state = state.unwrap_or_else(|| "NotRegistered".to_owned());
            (!["registered", "registering"].contains(&state.to_ascii_lowercase().as_str())).then(|| {
                let message = format!("the resource provider `{namespace}` is `{state}` in the Azure subscription `{subscription}`");
                Finding::error(codes::PROVIDER_NOT_REGISTERED, Kind::Place, message)
                    .help(format!("az provider register --namespace {namespace} --subscription {subscription} --wait"))
            })
        });
        asked.buffered(self.settings.read_parallelism.max(1)).filter_map(std::future::ready).collect().await
    }

    async fn check_permissions(&self, plan: &Plan) -> Vec<Finding> {
        // Each action once per scope: the group when it is there, else its subscription; for role assignments what they are for.
        let mut needed: BTreeMap<ResourceId, BTreeSet<String>> = BTreeMap::new();
        for change in plan.changes.iter().filter(|change| change.action != Action::None) {
            let resource = change.desired.and_then(|index| self.desired.resources.get(index));
            let scope = match (&change.target, resource) {
                (Some(id), _) if is_role_assignment(id) => id.parent(),
                (None, Some(resource)) => resource.id.parent(),
                (Some(id), _) => self.permission_scope(id, plan),
                (None, None) => None,
            };
            let Some(scope) = scope else { continue };
            let verbs: &[&str] = match change.action {
                Action::Delete => &["delete"],
                Action::Replace => &["delete", "write"],
                _ => &["write"],
            };
            let kind = if change.kind.eq_ignore_ascii_case("Microsoft.Resources/resourceGroups") {
                "Microsoft.Resources/subscriptions/resourceGroups"
            } else {
                change.kind.as_str()
            };
            needed.entry(scope).or_default().extend(verbs.iter().map(|verb| format!("{kind}/{verb}")));
        }
        let asked = stream::iter(needed).map(|(scope, actions)| async move {
            let path = format!("{scope}/providers/Microsoft.Authorization/permissions");
            let granted = self.client.list(&path, PERMISSIONS_VERSION, &[]).await.ok()?;
            let missing: Vec<&String> = actions.iter().filter(|action| !granted.iter().any(|entry| grants(entry, action))).collect();
            (!missing.is_empty()).then(|| refused(&scope, &missing))
        });
        asked.buffered(self.settings.read_parallelism.max(1)).filter_map(std::future::ready).collect().await
    }

    /// Where rights are asked for: a group that is not there yet has none of its own.
    fn permission_scope(&self, id: &ResourceId, plan: &Plan) -> Option<ResourceId> {
        let subscription = ResourceId::subscription(id.subscription_id()?);
        let Some(group) = id.group_name() else { return Some(subscription) };
        let group = ResourceId::resource_group(id.subscription_id()?, group);
        let there = plan.live.get(&group).is_some() || plan.changes.iter().all(|change| change.target.as_ref() != Some(&group));
        Some(if there { group } else { subscription })
    }

    async fn check_name(&self, plan: &Plan) -> Result<(Vec<Finding>, Option<ResourceId>), DeployError> {
        let Some(service) = &self.desired.service else { return Ok((Vec::new(), None)) };
        let creates = plan.changes.iter().any(|change| change.target.as_ref() == Some(service) && change.action == Action::Create);
        if !creates || plan.live.get(service).is_some() {
            return Ok((Vec::new(), None));
        }
        let name = service.name();
        if let Some(deleted) = self.soft_deleted().await? {
            let findings = match self.on_soft_deleted() {
                SoftDeleted::Fail => vec![
                    Finding::error(
                        codes::SOFT_DELETED_NAME,
                        Kind::Place,
                        format!("the service `{name}` was deleted less than 48 hours ago and keeps its name"),
                    )
                    .at(self.span_of_service())
                    .help("bring it back with `--soft-deleted recover`, or remove it for good with `--soft-deleted purge`"),
                ],
                SoftDeleted::Recover | SoftDeleted::Purge => Vec::new(),
            };
            return Ok((findings, Some(deleted)));
        }
        let path = format!(
            "/subscriptions/{}/providers/Microsoft.ApiManagement/checkNameAvailability",
            service.subscription_id().unwrap_or_default()
        );
        let reply = self.client.post(&path, SERVICE_VERSION, Some(&json!({ "name": name }))).await?;
        if reply.body.get("nameAvailable").and_then(Value::as_bool) != Some(false) {
            return Ok((Vec::new(), None));
        }
        let why = reply.body.get("message").and_then(Value::as_str).filter(|text| !text.is_empty());
        let why = why.or_else(|| reply.body.get("reason").and_then(Value::as_str)).unwrap_or("no reason was given").trim_end_matches('.');
        let finding = Finding::error(codes::NAME_TAKEN, Kind::Place, format!("the service cannot be called `{name}`: {why}"))
            .at(self.span_of_service())
            .help("names are unique in the whole world: choose another `service.name`");
        Ok((vec![finding], None))
    }

    /// The soft-deleted service that was this specification's, if there is one.
    pub(super) async fn soft_deleted(&self) -> Result<Option<ResourceId>, DeployError> {
        let Some(service) = &self.desired.service else { return Ok(None) };
        let subscription = service.subscription_id().unwrap_or_default();
        let path = format!("/subscriptions/{subscription}/providers/Microsoft.ApiManagement/deletedservices");
        let items = match self.client.list(&path, SERVICE_VERSION, &[]).await {
            Ok(items) => items,
            // Without the right to list them, or where the provider is not registered, the PUT itself will tell.
            Err(error) if matches!(error.status, Some(403 | 404 | 409)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let found = items.iter().find(|item| {
            let name = item.get("name").and_then(Value::as_str).unwrap_or_default();
            let of = item.pointer("/properties/serviceId").and_then(Value::as_str).and_then(|id| ResourceId::parse(id).ok());
            of.map_or_else(
                || name.eq_ignore_ascii_case(service.name()),
                |id| id == *service || id.name().eq_ignore_ascii_case(service.name()),
            )
        });
        Ok(found.and_then(|item| {
            let location = item.get("location")?.as_str()?.replace(' ', "").to_ascii_lowercase();
            let path = format!(
                "/subscriptions/{subscription}/providers/Microsoft.ApiManagement/locations/{location}/deletedservices/{}",
                service.name()
            );
            ResourceId::parse(&path).ok()
        }))
    }
}

/// Ids that a plan changes; for a role assignment whose name is not known yet, its scope is what matters, and it is checked apart.
fn changing(plan: &Plan) -> impl Iterator<Item = (&ResourceId, Action)> {
    plan.changes.iter().filter(|change| change.action != Action::None).filter_map(|change| Some((change.target.as_ref()?, change.action)))
}

/// Whether one entry of `permissions` grants `action`: an allowed pattern matches and no excepted one does.
fn grants(entry: &Value, action: &str) -> bool {
    let any = |list: &str| {
        let patterns = entry.get(list).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        patterns.iter().filter_map(Value::as_str).any(|pattern| matches(pattern, action))
    };
    any("actions") && !any("notActions")
}

/// ARM's action patterns: `*` stands for any text, case does not matter.
fn matches(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| action.strip_prefix(first)) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(index) = rest.find(part) else { return false };
        rest = &rest[index + part.len()..];
    }
    true
}

fn refused(scope: &ResourceId, missing: &[&String]) -> Finding {
    let roles = missing.iter().all(|action| action.starts_with("Microsoft.Authorization/"));
    let rights = missing.iter().map(|action| format!("`{action}`")).collect::<Vec<_>>().join(", ");
    let role = if roles { "Role Based Access Control Administrator" } else { "Contributor" };
    let mut help =
        format!("somebody who may do so runs: az role assignment create --assignee <your object id> --role \"{role}\" --scope {scope}");
    if roles {
        help.push_str("; or set `roleAssignments: verify` and have the roles assigned by somebody else (Contributor cannot assign roles)");
    }
    Finding::error(codes::MISSING_PERMISSION, Kind::Place, format!("this login lacks {rights} on `{scope}`")).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn action_patterns_match_as_arm_matches_them() {
        let action = "Microsoft.ApiManagement/service/write";
        for pattern in ["*", "*/write", "Microsoft.ApiManagement/*", "microsoft.apimanagement/service/write", "Microsoft.*/service/*"] {
            assert!(matches(pattern, action), "{pattern}");
        }
        for pattern in ["", "*/read", "Microsoft.ApiManagement/service", "Microsoft.Insights/*", "*/write/*"] {
            assert!(!matches(pattern, action), "{pattern}");
        }
    }

    #[test]
    fn what_is_excepted_is_not_granted() {
        let contributor = json!({"actions": ["*"], "notActions": ["Microsoft.Authorization/*/Delete", "Microsoft.Authorization/*/Write"]});
        assert!(grants(&contributor, "Microsoft.ApiManagement/service/write"));
        assert!(!grants(&contributor, "Microsoft.Authorization/roleAssignments/write"));
        assert!(!grants(&json!({}), "x"));
    }
}
