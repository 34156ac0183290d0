//! What would stand in the way of a specification, and what would not: each thing that apply needs, looked at one by one. Writes nothing.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt as _};
use serde_json::{Value, json};

use super::deployment::Deployment;
use super::error::{DeployError, describe};
use super::live::Live;
use super::preflight::SERVICE_VERSION;
use super::resource::{DesiredId, Management};
use crate::arm::ResourceId;
use crate::azure::ArmClient;
use crate::azure::preflight::{AzureSubscription, PrincipalType, Registration, register_command, role_assignment_command, role_for};
use crate::support::finding::Finding;

/// Providers that are part of ARM itself.
const BUILT_IN: [&str; 2] = ["Microsoft.Resources", "Microsoft.Authorization"];
/// Providers that any gateway needs.
pub const USUAL_PROVIDERS: [&str; 4] =
    ["Microsoft.ApiManagement", "Microsoft.CognitiveServices", "Microsoft.Insights", "Microsoft.OperationalInsights"];

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// As it should be.
    Good,
    /// Could not be looked at, or does not apply.
    Skipped,
    /// Worth knowing.
    Doubtful,
    /// Apply, or the gateway, will fail.
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What sort of thing: `Login`, `Permissions` …
    pub area: &'static str,
    /// Which one.
    pub name: String,
    /// How it is.
    pub health: Health,
    /// What was found, in one sentence.
    pub detail: String,
    /// What mends it.
    pub cure: Option<String>,
    /// The finding that apply would report.
    pub code: Option<&'static str>,
}

impl Check {
    /// A check.
    #[must_use]
    pub fn new(area: &'static str, name: impl Into<String>, health: Health, detail: impl Into<String>) -> Self {
        Self { area, name: name.into(), health, detail: detail.into(), cure: None, code: None }
    }

    /// With what mends it.
    #[must_use]
    pub fn cure(mut self, cure: impl Into<String>) -> Self {
        self.cure = Some(cure.into());
        self
    }

    fn of_finding(area: &'static str, name: impl Into<String>, finding: &Finding) -> Self {
        let health = if finding.is_error() { Health::Bad } else { Health::Doubtful };
        Self { cure: finding.help.clone(), code: Some(finding.code.id), ..Self::new(area, name, health, finding.message.clone()) }
    }
}

/// Who asks: for the commands that give a missing right.
#[derive(Debug, Clone, Default)]
pub struct Asker {
    /// Object id in the tenant.
    pub object_id: Option<String>,
    /// Whether it is a person.
    pub is_user: bool,
}

impl Deployment {
    /// Looks at everything that the specification needs.
    pub async fn diagnose(&self, asker: &Asker) -> Vec<Check> {
        let mut checks = Vec::new();
        let subscriptions = self.subscriptions();
        let mut reachable = true;
        for subscription in &subscriptions {
            let check = check_subscription(&self.client, subscription).await;
            reachable &= check.health != Health::Bad;
            checks.push(check);
        }
        if !reachable {
            checks.push(Check::new(
                "Azure",
                "everything else",
                Health::Skipped,
                "nothing else can be asked of an Azure subscription that does not answer",
            ));
            return checks;
        }
        let (providers, permissions, service, live) =
            futures::join!(self.diagnose_providers(), self.diagnose_permissions(asker), self.diagnose_service(), self.read());
        checks.extend(providers);
        checks.extend(permissions);
        checks.extend(service);
        match live {
            Ok(live) => {
                checks.extend(self.diagnose_accounts(&live).await);
                checks.extend(self.diagnose_roles(&live));
                checks.extend(self.diagnose_conflicts(live));
            }
            Err(error) => {
                let cure = match &error {
                    DeployError::Azure(error) => error.hint.clone(),
                    _ => None,
                };
                checks.push(Check { cure, ..Check::new("Resources", "live state", Health::Bad, error.to_string()) });
            }
        }
        checks
    }

    /// Azure subscriptions that anything of the specification lies in.
    fn subscriptions(&self) -> BTreeSet<String> {
        let of_resources = self.desired.resources.iter().filter_map(|resource| resource.id.known()?.subscription_id());
        let of_accounts = self.desired.accounts.iter().filter_map(|account| account.id.subscription_id());
        of_resources.chain(of_accounts).map(str::to_owned).collect()
    }

    async fn diagnose_providers(&self) -> Vec<Check> {
        let needed: BTreeSet<(String, String)> = self
            .desired
            .resources
            .iter()
            .filter(|resource| resource.management != Management::ReadOnly)
            .filter_map(|resource| {
                let id = resource.id.known()?;
                let namespace = id.resource_type().split('/').next()?.to_owned();
                let known = BUILT_IN.iter().any(|name| name.eq_ignore_ascii_case(&namespace));
                (!known).then_some(())?;
                Some((id.subscription_id()?.to_owned(), namespace))
            })
            .collect();
        stream::iter(needed)
            .map(|(subscription, namespace)| async move { check_provider(&self.client, &subscription, &namespace).await })
            .buffered(self.settings.read_parallelism.max(1))
            .collect()
            .await
    }

    /// What the whole specification needs, whether it is there or not: a change of tomorrow must not fail half-way.
    async fn diagnose_permissions(&self, asker: &Asker) -> Vec<Check> {
        let mut needed: BTreeMap<ResourceId, BTreeSet<String>> = BTreeMap::new();
        for resource in &self.desired.resources {
            let scope = match &resource.id {
                DesiredId::RoleAssignment { scope, .. } => Some(scope.clone()),
                DesiredId::Known(id) => group_of(id),
            };
            let Some(scope) = scope else { continue };
            let kind = resource.resource_type();
            let kind = if kind.eq_ignore_ascii_case("Microsoft.Resources/resourceGroups") {
                "Microsoft.Resources/subscriptions/resourceGroups".to_owned()
            } else {
                kind
            };
            let verbs: &[&str] = if resource.management == Management::ReadOnly { &["read"] } else { &["read", "write", "delete"] };
            needed.entry(scope).or_default().extend(verbs.iter().map(|verb| format!("{kind}/{verb}")));
        }
        for account in &self.desired.accounts {
            needed.entry(account.id.clone()).or_default().extend([
                "Microsoft.CognitiveServices/accounts/read".to_owned(),
                "Microsoft.CognitiveServices/accounts/deployments/read".to_owned(),
            ]);
        }
        stream::iter(needed)
            .map(|(scope, actions)| async move { self.check_scope(&scope, &actions, asker).await })
            .buffered(self.settings.read_parallelism.max(1))
            .collect()
            .await
    }

    async fn check_scope(&self, scope: &ResourceId, actions: &BTreeSet<String>, asker: &Asker) -> Check {
        let name = format!("on `{}`", scope.name());
        let permissions = match self.client.permissions(scope).await {
            Ok(permissions) => permissions,
            Err(error) => {
                let check = Check::new("Permissions", name, Health::Skipped, format!("cannot be asked: {}", describe(&error)));
                return Check { cure: error.hint.clone(), ..check };
            }
        };
        let all: Vec<&str> = actions.iter().map(String::as_str).collect();
        let missing = permissions.missing(&all);
        let Some(first) = missing.first() else {
            return Check::new("Permissions", name, Health::Good, format!("all {} actions are allowed", all.len()));
        };
        let role = role_for(missing.iter().find(|action| !action.ends_with("/read")).unwrap_or(first));
        let principal = if asker.is_user { PrincipalType::User } else { PrincipalType::ServicePrincipal };
        let object = asker.object_id.as_deref().unwrap_or("<your object id>");
        let mut cure = format!("somebody who may do so runs: {}", role_assignment_command(object, principal, role, scope.as_str()));
        if role.starts_with("Role Based") {
            cure.push_str("; or set `roleAssignments: verify`, and somebody else assigns the roles");
        }
        let shown = missing.iter().take(3).map(|action| format!("`{action}`")).collect::<Vec<_>>().join(", ");
        let more = if missing.len() > 3 { format!(" and {} more", missing.len() - 3) } else { String::new() };
        Check {
            code: Some(super::codes::MISSING_PERMISSION.id),
            ..Check::new("Permissions", name, Health::Bad, format!("lacks {shown}{more}"))
        }
        .cure(cure)
    }

    async fn diagnose_service(&self) -> Vec<Check> {
        let Some(service) = &self.desired.service else { return Vec::new() };
        let name = format!("`{}`", service.name());
        let check = |health, detail: String| Check::new("Service", name.clone(), health, detail);
        match self.client.get(service.as_str(), SERVICE_VERSION, &[]).await {
            Ok(Some(reply)) => {
                let text = |pointer: &str| reply.body.pointer(pointer).and_then(Value::as_str).unwrap_or("unknown").to_owned();
                let state = text("/properties/provisioningState");
                let detail = format!("is there, `{state}`, {}, {}", text("/sku/name"), text("/location"));
                let health = match state.to_ascii_lowercase().as_str() {
                    "succeeded" => Health::Good,
                    "failed" | "terminating" | "deleting" => Health::Bad,
                    _ => Health::Doubtful,
                };
                return vec![match health {
                    Health::Good => check(health, detail),
                    Health::Bad => check(health, detail).cure("look at its activity log; delete a failed service and apply again"),
                    _ => check(health, detail).cure("wait until it is `Succeeded`"),
                }];
            }
            Ok(None) => {}
            Err(error) => {
                return vec![Check { cure: error.hint.clone(), ..check(Health::Bad, format!("cannot be read: {}", describe(&error))) }];
            }
        }
        match self.soft_deleted().await {
            Ok(Some(_)) => {
                let mut bad = check(Health::Bad, "was deleted less than 48 hours ago and keeps its name".to_owned())
                    .cure("bring it back with `apply --soft-deleted recover`, or remove it for good with `apply --soft-deleted purge`");
                bad.code = Some(super::codes::SOFT_DELETED_NAME.id);
                return vec![bad];
            }
            Ok(None) => {}
            Err(error) => return vec![check(Health::Skipped, format!("deleted services cannot be listed: {error}"))],
        }
        let subscription = service.subscription_id().unwrap_or_default();
        let path = format!("/subscriptions/{subscription}/providers/Microsoft.ApiManagement/checkNameAvailability");
        match self.client.post(&path, SERVICE_VERSION, Some(&json!({ "name": service.name() }))).await {
            Ok(reply) if reply.body.get("nameAvailable").and_then(Value::as_bool) == Some(false) => {
                let why = reply.body.get("message").and_then(Value::as_str).unwrap_or("it is taken").trim_end_matches('.').to_owned();
                let mut bad = check(Health::Bad, why).cure("names are unique in the whole world: choose another `service.name`");
                bad.code = Some(super::codes::NAME_TAKEN.id);
                vec![bad]
            }
            Ok(_) => vec![check(Health::Good, "is not there yet; the name is free".to_owned())],
            Err(error) => vec![check(Health::Skipped, format!("whether the name is free cannot be asked: {}", describe(&error)))],
        }
    }

    async fn diagnose_accounts(&self, live: &Live) -> Vec<Check> {
        let findings = self.check_accounts(live).await;
        let mut checks = Vec::new();
        for account in &self.desired.accounts {
            let name = account.id.name();
            let own: Vec<&Finding> = findings.iter().filter(|finding| finding.message.contains(&format!("`{name}`"))).collect();
            if own.is_empty() {
                let deployments: Vec<&str> = account.account.deployments.iter().map(crate::spec::model::Deployment::name).collect();
                let detail = match deployments.as_slice() {
                    [] => "is there; the specification names no deployments to check".to_owned(),
                    names => format!("is there, with {}", names.join(", ")),
                };
                checks.push(Check::new("Accounts", format!("`{name}`"), Health::Good, detail));
            }
        }
        checks.extend(findings.iter().map(|finding| Check::of_finding("Accounts", "account", finding)));
        checks
    }

    /// Whether the gateway's identity may call its accounts. Before it has an identity, nobody can say.
    fn diagnose_roles(&self, live: &Live) -> Vec<Check> {
        let mut checks = Vec::new();
        for resource in &self.desired.resources {
            let DesiredId::RoleAssignment { scope, role, .. } = &resource.id else { continue };
            let name = format!("{} on `{}`", super::desired::role_name(role), scope.name());
            let id = resource.id.resolve(|reference| live.lookup(reference));
            checks.push(match id {
                Ok(id) if live.get(&id).is_some() => Check::new("Roles", name, Health::Good, "is assigned to the gateway's identity"),
                Ok(_) if resource.management == Management::ReadOnly => {
                    Check::new("Roles", name, Health::Bad, "is not assigned to the gateway's identity")
                        .cure("`apimctl plan` prints the command for somebody who may assign roles")
                }
                Ok(_) => Check::new("Roles", name, Health::Doubtful, "is not assigned yet; apply does it"),
                Err(_) => Check::new("Roles", name, Health::Skipped, "the gateway has no identity yet; apply assigns it"),
            });
        }
        checks
    }

    fn diagnose_conflicts(&self, live: Live) -> Vec<Check> {
        let findings = match self.compute(std::sync::Arc::new(live)) {
            Ok(plan) => {
                let counts = plan.counts();
                let changes = counts.create + counts.update + counts.replace + counts.delete;
                let detail = match changes {
                    0 => format!("all {} are as the specification says", counts.none),
                    _ => format!("{changes} to change, {} as they should be; `apimctl plan` shows them", counts.none),
                };
                let mut checks = vec![Check::new("Resources", "plan", Health::Good, detail)];
                checks.extend(plan.findings.iter().map(|finding| Check::of_finding("Resources", "resource", finding)));
                return checks;
            }
            Err(DeployError::Findings(findings)) => findings,
            Err(error) => return vec![Check::new("Resources", "plan", Health::Bad, error.to_string())],
        };
        findings.iter().map(|finding| Check::of_finding("Resources", "resource", finding)).collect()
    }
}

/// Whether an Azure subscription answers and takes writes.
pub async fn check_subscription(client: &ArmClient, id: &str) -> Check {
    match client.azure_subscription(id).await {
        Ok(AzureSubscription { display_name, state, tenant_id, .. }) => {
            let writable = ["enabled", "warned", "pastdue", ""].contains(&state.to_ascii_lowercase().as_str());
            let health = if writable { Health::Good } else { Health::Bad };
            let name = if display_name.is_empty() { format!("`{id}`") } else { format!("`{id}` ({display_name})") };
            let tenant = if tenant_id.is_empty() { String::new() } else { format!(", tenant {tenant_id}") };
            let check = Check::new("Azure", name, health, format!("is `{}`{tenant}", if state.is_empty() { "Enabled" } else { &state }));
            if writable { check } else { check.cure("ask its administrator") }
        }
        Err(error) => {
            let cure = error.hint.clone().unwrap_or_else(|| format!("look with: az account show --subscription {id}"));
            let mut check = Check::new("Azure", format!("`{id}`"), Health::Bad, describe(&error)).cure(cure);
            check.code = Some(super::codes::UNREACHABLE.id);
            check
        }
    }
}

/// Whether a resource provider is registered.
pub async fn check_provider(client: &ArmClient, subscription: &str, namespace: &str) -> Check {
    let name = format!("`{namespace}`");
    match client.registration(subscription, namespace).await {
        Ok(Registration::Registered) => Check::new("Providers", name, Health::Good, "is registered"),
        Ok(Registration::Registering) => Check::new("Providers", name, Health::Doubtful, "is being registered; writes succeed afterwards"),
        Ok(other) => {
            let word = match other {
                Registration::Other(word) => word,
                _ => "NotRegistered".to_owned(),
            };
            let mut check =
                Check::new("Providers", name, Health::Bad, format!("is `{word}`")).cure(register_command(namespace, Some(subscription)));
            check.code = Some(super::codes::PROVIDER_NOT_REGISTERED.id);
            check
        }
        Err(error) => Check::new("Providers", name, Health::Skipped, format!("cannot be asked: {}", describe(&error))),
    }
}

/// The resource group that an id lies in; for a group, its Azure subscription.
fn group_of(id: &ResourceId) -> Option<ResourceId> {
    let subscription = id.subscription_id()?;
    match id.group_name() {
        Some(group) if !id.is_type("Microsoft.Resources/resourceGroups") => Some(ResourceId::resource_group(subscription, group)),
        _ => Some(ResourceId::subscription(subscription)),
    }
}
