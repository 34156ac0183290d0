//! What an ARM elsewhere keeps of a service, copied into the embedded one: so that the local gateway serves what is deployed.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};

use super::LocalArm;
use crate::arm::store::Stored;
use crate::arm::{ResourceId, catalogue};
use crate::azure::{ArmClient, AzureError};
use crate::deploy::resource::Desired;
use crate::support::secret::Secret;

const SERVICE: &str = "Microsoft.ApiManagement/service";
const ACCOUNT: &str = "Microsoft.CognitiveServices/accounts";
const ROLE_ASSIGNMENT: &str = "Microsoft.Authorization/roleAssignments";
/// Requests at the same time.
const PARALLEL: usize = 16;
/// Collections of a service that a gateway reads.
const COLLECTIONS: [&str; 12] = [
    "namedValues",
    "backends",
    "policyFragments",
    "apiVersionSets",
    "apis",
    "products",
    "groups",
    "users",
    "subscriptions",
    "loggers",
    "diagnostics",
    "caches",
];

/// Copies one service and the accounts behind it.
#[derive(Debug)]
pub struct Mirror {
    client: ArmClient,
    service: ResourceId,
    accounts: Vec<ResourceId>,
    arm: LocalArm,
}

impl Mirror {
    /// A mirror of `desired`'s service in `arm`, which should hold nothing else. `None`: there is no service to be copied.
    #[must_use]
    pub fn new(client: ArmClient, desired: &Desired, arm: LocalArm) -> Option<Self> {
        let accounts = desired.accounts.iter().map(|account| account.id.clone()).collect();
        Some(Self { client, service: desired.service.clone()?, accounts, arm })
    }

    /// The service.
    #[must_use]
    pub const fn service(&self) -> &ResourceId {
        &self.service
    }

    /// Copies what is there now; whether anything was different.
    ///
    /// # Errors
    /// ARM refused, or could not be reached; what was copied before stays.
    pub async fn copy(&self) -> Result<bool, AzureError> {
        let mut found: BTreeMap<ResourceId, Stored> = BTreeMap::new();
        for stored in Box::pin(self.read()).await? {
            found.insert(stored.id.clone(), stored);
        }
        let store = self.arm.emulator().store();
        let before = store.snapshot();
        let is_same =
            |stored: &Stored| before.get(&stored.id).is_some_and(|known| known.body == stored.body && known.secrets == stored.secrets);
        let mirrored = |id: &ResourceId| *id == self.service || id.is_below(&self.service) || self.is_of_account(id);
        let gone: Vec<ResourceId> = before.keys().filter(|id| mirrored(id) && !found.contains_key(*id)).cloned().collect();
        let put: Vec<Stored> = found.into_values().filter(|stored| !is_same(stored)).collect();
        if put.is_empty() && gone.is_empty() {
            return Ok(false);
        }
        store.commit(put, gone);
        Ok(true)
    }

    fn is_of_account(&self, id: &ResourceId) -> bool {
        self.accounts.iter().any(|account| id == account || id.is_below(account))
    }

    async fn read(&self) -> Result<Vec<Stored>, AzureError> {
        let mut all: Vec<Stored> = self.one(&self.service, SERVICE).await?.into_iter().collect();
        if all.is_empty() {
            return Ok(all);
        }
        let mut parents: Vec<ResourceId> = vec![self.service.clone()];
        let collections = COLLECTIONS.map(|collection| self.collection(&self.service, collection));
        for stored in Box::pin(stream::iter(collections).buffer_unordered(PARALLEL).try_collect::<Vec<_>>()).await?.into_iter().flatten() {
            if stored.id.is_type("Microsoft.ApiManagement/service/apis") || stored.id.is_type("Microsoft.ApiManagement/service/products") {
                parents.push(stored.id.clone());
            }
            all.push(stored);
        }
        // Lists of APIs may show current revisions only.
        let apis: Vec<ResourceId> = parents.iter().filter(|id| id.is_type("Microsoft.ApiManagement/service/apis")).cloned().collect();
        let revisions = stream::iter(apis.iter().map(|api| self.revisions(api))).buffer_unordered(PARALLEL).try_collect::<Vec<_>>().await?;
        let known: BTreeSet<ResourceId> = all.iter().map(|stored| stored.id.clone()).collect();
        for stored in revisions.into_iter().flatten().filter(|stored| !known.contains(&stored.id)) {
            parents.push(stored.id.clone());
            all.push(stored);
        }
        let children = stream::iter(parents.iter().map(|parent| self.children(parent))).buffer_unordered(PARALLEL);
        all.extend(children.try_collect::<Vec<_>>().await?.into_iter().flatten());
        let operations: Vec<ResourceId> = all
            .iter()
            .filter(|stored| stored.id.is_type("Microsoft.ApiManagement/service/apis/operations"))
            .map(|stored| stored.id.clone())
            .collect();
        let policies = stream::iter(operations.iter().map(|operation| self.policy(operation))).buffer_unordered(PARALLEL);
        all.extend(policies.try_collect::<Vec<_>>().await?.into_iter().flatten());
        let accounts = stream::iter(self.accounts.iter().map(|account| self.account(account))).buffer_unordered(PARALLEL);
        all.extend(accounts.try_collect::<Vec<_>>().await?.into_iter().flatten());
        Ok(all)
    }

    async fn one(&self, id: &ResourceId, kind: &str) -> Result<Option<Stored>, AzureError> {
        let found = self.client.get(id.as_str(), newest(kind), &[]).await?;
        Ok(found.and_then(|found| stored(found.body, found.etag)))
    }

    async fn collection(&self, parent: &ResourceId, collection: &str) -> Result<Vec<Stored>, AzureError> {
        let kind = parent.child(collection, "x").resource_type();
        let items = self.list(&format!("{parent}/{collection}"), &kind).await?;
        let action = catalogue::find(&kind).and_then(|entry| entry.secrets_action);
        let mut all = Vec::new();
        for mut one in items.into_iter().filter_map(|item| stored(item, None)) {
            if let Some(action) = action.filter(|_| has_secrets(&one)) {
                // Without the right to see it, what it opens stays closed.
                if let Ok(reply) = self.client.post(&format!("{}/{action}", one.id), newest(&kind), None).await {
                    one.secrets = secrets(&reply.body);
                }
            }
            all.push(one);
        }
        Ok(all)
    }

    /// A collection that is not there is empty.
    async fn list(&self, path: &str, kind: &str) -> Result<Vec<Value>, AzureError> {
        match self.client.list(path, newest(kind), &[]).await {
            Err(error) if error.has_status(404) => Ok(Vec::new()),
            other => other,
        }
    }

    async fn revisions(&self, api: &ResourceId) -> Result<Vec<Stored>, AzureError> {
        let mut all = Vec::new();
        for item in self.list(&format!("{api}/revisions"), "Microsoft.ApiManagement/service/apis").await? {
            let current = item.get("isCurrent").and_then(Value::as_bool).unwrap_or(true);
            let name = item.get("apiId").and_then(Value::as_str).and_then(|id| id.rsplit('/').next());
            if let (false, Some(name)) = (current, name) {
                all.extend(self.one(&self.service.child("apis", name), "Microsoft.ApiManagement/service/apis").await?);
            }
        }
        Ok(all)
    }

    async fn children(&self, parent: &ResourceId) -> Result<Vec<Stored>, AzureError> {
        let mut all = self.policy(parent).await?;
        if parent.is_type("Microsoft.ApiManagement/service/apis") {
            all.extend(self.collection(parent, "operations").await?);
            all.extend(self.collection(parent, "diagnostics").await?);
        }
        if parent.is_type("Microsoft.ApiManagement/service/products") {
            for (links, member, views) in [("apiLinks", "apiId", "apis"), ("groupLinks", "groupId", "groups")] {
                for item in self.list(&format!("{parent}/{views}"), "Microsoft.ApiManagement/service/products").await? {
                    let Some(name) = item.get("name").and_then(Value::as_str) else { continue };
                    let id = parent.child(links, name);
                    let body = json!({
                        "id": id.as_str(), "name": name, "type": id.resource_type(),
                        "properties": { member: self.service.child(views, name).as_str() },
                    });
                    all.extend(stored(body, None));
                }
            }
        }
        Ok(all)
    }

    async fn policy(&self, scope: &ResourceId) -> Result<Vec<Stored>, AzureError> {
        let id = scope.child("policies", "policy");
        Ok(self.one(&id, &id.resource_type()).await?.into_iter().collect())
    }

    async fn account(&self, account: &ResourceId) -> Result<Vec<Stored>, AzureError> {
        let mut all: Vec<Stored> = self.one(account, ACCOUNT).await?.into_iter().collect();
        all.extend(self.collection(account, "deployments").await?);
        for item in self.list(&format!("{account}/providers/{ROLE_ASSIGNMENT}"), ROLE_ASSIGNMENT).await? {
            // The list also shows what is inherited.
            all.extend(stored(item, None).filter(|one| one.id.is_below(account)));
        }
        Ok(all)
    }
}

fn newest(kind: &str) -> &'static str {
    catalogue::find(kind).map_or("2024-05-01", catalogue::ResourceType::newest_api_version)
}

fn has_secrets(one: &Stored) -> bool {
    // Named values in clear show their value.
    !one.id.is_type("Microsoft.ApiManagement/service/namedValues")
        || one.body.pointer("/properties/secret").and_then(Value::as_bool).unwrap_or(false)
}

fn secrets(body: &Value) -> BTreeMap<String, Secret<String>> {
    let fields = body.as_object().into_iter().flatten();
    fields.filter_map(|(name, value)| Some((format!("/properties/{name}"), Secret::new(value.as_str()?.to_owned())))).collect()
}

fn stored(body: Value, etag: Option<String>) -> Option<Stored> {
    let id = ResourceId::parse(body.get("id")?.as_str()?).ok()?;
    Some(Stored { id, body, secrets: BTreeMap::new(), etag: etag.unwrap_or_default(), internal: Value::Null })
}
