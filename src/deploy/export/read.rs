//! Everything that a service holds, read in a few rounds.

use std::collections::BTreeMap;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use indexmap::IndexMap;
use serde_json::Value;

use super::{ExportOptions, SERVICE, is_absent};
use crate::arm::{ResourceId, catalogue};
use crate::azure::ArmClient;
use crate::deploy::DeployError;
use crate::deploy::manifest::{self, Base, Manifest};

/// Requests at a time.
const PARALLEL: usize = 8;
const ACCOUNTS: &str = "Microsoft.CognitiveServices/accounts";

/// What is there.
#[derive(Debug, Default)]
pub(super) struct Live {
    /// The service and all that was read below it and beside it, in the order of lists.
    pub bodies: IndexMap<ResourceId, Value>,
    /// Products' APIs and groups, groups' users, accounts' deployments: names at the other end, by the id of the collection (`{product}/apis`).
    pub links: BTreeMap<String, Vec<String>>,
    /// Azure OpenAI accounts that the login sees.
    pub accounts: Vec<(ResourceId, Value)>,
    /// The specification whose resources these are.
    pub manifest: Option<Manifest>,
    /// Whether a resource was made by that specification although it is not in the manifest (service, group): by its tag.
    pub owner: Option<String>,
}

impl Live {
    /// Resources of a type below the service (`apis/operations`).
    pub(super) fn of<'a>(&'a self, kind: &str) -> impl Iterator<Item = (&'a ResourceId, &'a Value)> + use<'a> {
        let kind = format!("{SERVICE}/{kind}");
        self.bodies.iter().filter(move |(id, _)| id.is_type(&kind))
    }

    /// One resource.
    pub(super) fn get(&self, id: &ResourceId) -> Option<&Value> {
        self.bodies.get(id)
    }
}

struct Reader<'a> {
    client: &'a ArmClient,
    service: &'a ResourceId,
}

pub(super) async fn read(client: &ArmClient, options: &ExportOptions) -> Result<Live, DeployError> {
    let reader = Reader { client, service: &options.service };
    let mut live = Live::default();
    let group = options.service.parent();
    for id in group.iter().chain([&options.service]) {
        if let Some(body) = reader.one(id).await? {
            live.bodies.insert(id.clone(), body);
        }
    }
    if !live.bodies.contains_key(&options.service) {
        return Err(DeployError::Manifest(format!("the service `{}` is not there", options.service)));
    }
    let named_values = reader.list("namedValues").await?;
    let manifests = manifest::all(&named_values, &Base { service: options.service.clone() })?;
    live.manifest = choose(manifests, options.owner.as_deref())?;
    live.owner = live.manifest.as_ref().map(|manifest| manifest.owner.clone());
    reader.keep(named_values, &mut live);

    let collections =
        ["backends", "policyFragments", "apiVersionSets", "apis", "products", "groups", "users", "subscriptions", "loggers", "diagnostics"];
    let lists: Vec<Vec<Value>> = stream::iter(collections).map(|name| reader.list(name)).buffered(PARALLEL).try_collect().await?;
    for list in lists {
        reader.keep(list, &mut live);
    }
    // Revisions that are not current are no part of a specification.
    live.bodies.retain(|id, _| !id.as_str().contains(";rev="));

    let apis: Vec<ResourceId> = live.of("apis").map(|(id, _)| id.clone()).collect();
    let below: Vec<ResourceId> = reader.children(&apis, &["operations", "diagnostics"], &mut live).await?;
    let products: Vec<ResourceId> = live.of("products").map(|(id, _)| id.clone()).collect();
    let groups: Vec<ResourceId> = live.of("groups").map(|(id, _)| id.clone()).collect();
    reader.links(&products, &["apis", "groups"], &mut live).await?;
    reader.links(&groups, &["users"], &mut live).await?;

    // What a list does not show whole: operations, and policies in the form in which they are written.
    let operations: Vec<ResourceId> = below.into_iter().filter(|id| id.is_type(&format!("{SERVICE}/apis/operations"))).collect();
    let fragments: Vec<ResourceId> = live.of("policyFragments").map(|(id, _)| id.clone()).collect();
    let scopes = [&options.service].into_iter().chain(&apis).chain(&operations).chain(&products);
    let policies: Vec<ResourceId> = scopes.map(|scope| scope.child("policies", "policy")).collect();
    reader.each(operations.iter().chain(&fragments).chain(&policies), &mut live).await?;

    reader.outside(&mut live).await?;
    live.accounts = reader.accounts().await?;
    let urls: Vec<String> =
        live.of("backends").filter_map(|(_, body)| Some(body.pointer("/properties/url")?.as_str()?.to_ascii_lowercase())).collect();
    let used = live.accounts.iter().filter(|(_, body)| {
        let endpoint =
            body.pointer("/properties/endpoint").and_then(Value::as_str).map(|text| text.trim_end_matches('/').to_ascii_lowercase());
        endpoint.is_some_and(|endpoint| !endpoint.is_empty() && urls.iter().any(|url| url.starts_with(&endpoint)))
    });
    let used: Vec<ResourceId> = used.map(|(id, _)| id.clone()).collect();
    reader.links(&used, &["deployments"], &mut live).await?;
    Ok(live)
}

/// The manifest to go by.
fn choose(mut manifests: BTreeMap<String, Manifest>, owner: Option<&str>) -> Result<Option<Manifest>, DeployError> {
    if let Some(owner) = owner {
        return match manifests.remove(&owner.to_ascii_lowercase()) {
            Some(manifest) => Ok(Some(manifest)),
            None if manifests.is_empty() => Ok(None),
            None => {
                let names: Vec<String> = manifests.values().map(|manifest| format!("`{}`", manifest.owner)).collect();
                Err(DeployError::Manifest(format!("the service holds nothing of `{owner}`; it holds {}", names.join(", "))))
            }
        };
    }
    match manifests.len() {
        0 | 1 => Ok(manifests.into_values().next()),
        _ => {
            let names: Vec<String> = manifests.values().map(|manifest| format!("`{}`", manifest.owner)).collect();
            Err(DeployError::Manifest(format!(
                "several specifications share the service: say which with `--name`, one of {}",
                names.join(", ")
            )))
        }
    }
}

impl Reader<'_> {
    /// The version that shows every property that the catalogue knows.
    fn version(kind: &str) -> Option<&'static str> {
        let entry = catalogue::find(kind)?;
        entry.preview.iter().map(|preview| preview.api_version).chain([entry.api_version]).max()
    }

    async fn one(&self, id: &ResourceId) -> Result<Option<Value>, DeployError> {
        let kind = id.resource_type();
        let Some(version) = Self::version(&kind) else { return Ok(None) };
        let lower = kind.to_ascii_lowercase();
        let reply = if lower.ends_with("/policies") || lower.ends_with("/policyfragments") {
            self.client.get_with_format(id.as_str(), version, "rawxml").await
        } else {
            self.client.get(id.as_str(), version, &[]).await
        };
        match reply {
            Ok(reply) => Ok(reply.map(|reply| reply.body)),
            // What may not be seen, or lies in what is gone, is left out.
            Err(error) if is_absent(&error) || error.status == Some(403) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn list(&self, collection: &str) -> Result<Vec<Value>, DeployError> {
        self.list_at(&format!("{}/{collection}", self.service), &format!("{SERVICE}/{collection}")).await
    }

    async fn list_at(&self, path: &str, kind: &str) -> Result<Vec<Value>, DeployError> {
        match self.client.list(path, Self::version(kind).unwrap_or("2024-05-01"), &[]).await {
            Ok(items) => Ok(items),
            Err(error) if is_absent(&error) || matches!(error.status, Some(400 | 403 | 405)) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }

    fn keep(&self, items: Vec<Value>, live: &mut Live) {
        for item in items {
            if let Some(id) = id_of(&item) {
                live.bodies.insert(id, item);
            }
        }
    }

    /// Lists below each parent; answers the ids that were found.
    async fn children(&self, parents: &[ResourceId], collections: &[&str], live: &mut Live) -> Result<Vec<ResourceId>, DeployError> {
        let asked = parents.iter().flat_map(|parent| collections.iter().map(move |collection| (parent, *collection)));
        let lists: Vec<Vec<Value>> = stream::iter(asked.collect::<Vec<_>>())
            .map(|(parent, collection)| async move {
                let kind = format!("{}/{collection}", parent.resource_type());
                self.list_at(&format!("{parent}/{collection}"), &kind).await
            })
            .buffered(PARALLEL)
            .try_collect()
            .await?;
        let items: Vec<Value> = lists.into_iter().flatten().collect();
        let ids = items.iter().filter_map(id_of).collect();
        self.keep(items, live);
        Ok(ids)
    }

    async fn links(&self, parents: &[ResourceId], collections: &[&str], live: &mut Live) -> Result<(), DeployError> {
        let asked: Vec<String> = parents.iter().flat_map(|parent| collections.iter().map(move |name| format!("{parent}/{name}"))).collect();
        let lists: Vec<(String, Vec<Value>)> = stream::iter(asked)
            .map(|path| async move {
                let kind = match path.strip_suffix("/deployments") {
                    Some(_) => format!("{ACCOUNTS}/deployments"),
                    None => path.rsplit('/').next().map(|name| format!("{SERVICE}/{name}")).unwrap_or_default(),
                };
                let items = self.list_at(&path, &kind).await?;
                Ok::<_, DeployError>((path, items))
            })
            .buffered(PARALLEL)
            .try_collect()
            .await?;
        for (path, items) in lists {
            let names = items.iter().filter_map(|item| item.get("name")?.as_str().map(str::to_owned)).collect();
            live.links.insert(path.to_ascii_lowercase(), names);
        }
        Ok(())
    }

    async fn each(&self, ids: impl Iterator<Item = &ResourceId>, live: &mut Live) -> Result<(), DeployError> {
        let found: Vec<(ResourceId, Option<Value>)> = stream::iter(ids.cloned().collect::<Vec<_>>())
            .map(|id| async move {
                let body = self.one(&id).await?;
                Ok::<_, DeployError>((id, body))
            })
            .buffered(PARALLEL)
            .try_collect()
            .await?;
        for (id, body) in found {
            match body {
                Some(body) => drop(live.bodies.insert(id, body)),
                None => drop(live.bodies.shift_remove(&id)),
            }
        }
        Ok(())
    }

    /// What the manifest owns outside the service or beside what specifications model; where loggers and settings lead to.
    async fn outside(&self, live: &mut Live) -> Result<(), DeployError> {
        let settings = self
            .list_at(&format!("{}/providers/Microsoft.Insights/diagnosticSettings", self.service), "Microsoft.Insights/diagnosticSettings")
            .await?;
        self.keep(settings, live);
        let mut wanted: Vec<ResourceId> = live.manifest.iter().flat_map(|manifest| manifest.resources.iter().cloned()).collect();
        let led = |pointer: &str, live: &Live| -> Vec<ResourceId> {
            live.bodies.values().filter_map(|body| ResourceId::parse(body.pointer(pointer)?.as_str()?).ok()).collect()
        };
        wanted.extend(led("/properties/resourceId", live).into_iter().filter(|id| id.is_type("Microsoft.Insights/components")));
        wanted.extend(led("/properties/workspaceId", live));
        wanted.retain(|id| !live.bodies.contains_key(id) && !crate::deploy::read::is_link(id));
        self.each(wanted.iter(), live).await?;
        let mut workspaces = led("/properties/WorkspaceResourceId", live);
        workspaces.retain(|id| !live.bodies.contains_key(id));
        self.each(workspaces.iter(), live).await
    }

    /// In all Azure subscriptions that the login sees: accounts often lie in another one.
    async fn accounts(&self) -> Result<Vec<(ResourceId, Value)>, DeployError> {
        let own = self.service.subscription_id().unwrap_or_default().to_owned();
        let listed = match self.client.list("/subscriptions", "2022-12-01", &[]).await {
            Ok(items) => items,
            Err(error) if matches!(error.status, Some(403 | 404)) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let mut subscriptions: Vec<String> =
            listed.iter().filter_map(|item| item.get("subscriptionId")?.as_str().map(str::to_owned)).collect();
        if !subscriptions.iter().any(|subscription| subscription.eq_ignore_ascii_case(&own)) {
            subscriptions.push(own);
        }
        let lists: Vec<Vec<Value>> = stream::iter(subscriptions)
            .map(|subscription| async move { self.list_at(&format!("/subscriptions/{subscription}/providers/{ACCOUNTS}"), ACCOUNTS).await })
            .buffered(PARALLEL)
            .try_collect()
            .await?;
        Ok(lists.into_iter().flatten().filter_map(|item| Some((id_of(&item)?, item))).collect())
    }
}

fn id_of(item: &Value) -> Option<ResourceId> {
    ResourceId::parse(item.get("id")?.as_str()?).ok()
}
