//! Live state: as few calls as pages, many of them at once.
//!
//! Three rounds: what lies outside the service (and the service itself); the manifests and everything in the service
//! that is desired; then secrets, and what the manifest owns beyond that.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::Value;

use super::deployment::Deployment;
use super::diff::Secrets;
use super::error::DeployError;
use super::live::{Live, LiveResource, ServiceState};
use super::manifest::{self, Base};
use super::resource::{DesiredId, DesiredResource, Management, ROLE_ASSIGNMENT};
use crate::arm::ResourceId;
use crate::arm::catalogue::{self, Listing};
use crate::azure::AzureError;
use crate::support::secret::Secret;

/// From so many resources of one collection on, its list is read instead of each of them: a collection may be much larger
/// than what is wanted of it.
const WORTH_A_LIST: usize = 4;

const LOGGER: &str = "Microsoft.ApiManagement/service/loggers";
const NAMED_VALUE: &str = "Microsoft.ApiManagement/service/namedValues";

/// One thing to find out.
#[derive(Debug, Clone)]
enum Question {
    /// GET of one resource.
    One { id: ResourceId, api_version: String },
    /// A list, for the resources of it that are wanted. `links`: items are told by name alone.
    Many { path: String, api_version: String, wanted: Vec<ResourceId>, links: bool },
    /// A role assignment by its own name, else by what it says.
    Role { id: ResourceId, scope: ResourceId, role: String, principal: String, api_version: String },
}

type Found = Vec<(ResourceId, LiveResource)>;

/// A resource that is wanted.
#[derive(Debug, Clone)]
struct Wanted {
    id: ResourceId,
    api_version: String,
    link: bool,
}

impl Deployment {
    /// Reads everything that is desired or owned.
    pub(super) async fn read(&self) -> Result<Live, DeployError> {
        let mut live = Live::default();
        let service = self.desired.service.as_ref();
        let (inside, outside): (Vec<&DesiredResource>, Vec<&DesiredResource>) = self
            .desired
            .resources
            .iter()
            .filter(|resource| !matches!(resource.id, DesiredId::RoleAssignment { .. }))
            .partition(|resource| service.is_some_and(|service| resource.id.known().is_some_and(|id| id.is_below(service))));

        let mut first: BTreeMap<ResourceId, String> = BTreeMap::new();
        for resource in outside {
            if let Some(id) = resource.id.known() {
                first.insert(id.clone(), resource.api_version.clone());
            }
        }
        for id in service.into_iter().chain(self.desired.accounts.iter().map(|account| &account.id)).chain(self.sources()) {
            if service.is_some_and(|service| id.is_below(service)) {
                continue;
            }
            if let Some(entry) = catalogue::find(&id.resource_type()) {
                first.entry(id.clone()).or_insert_with(|| entry.api_version.to_owned());
            }
        }
        let questions = first.into_iter().map(|(id, api_version)| Question::One { id, api_version }).collect();
        self.ask(questions, &mut live).await?;

        if let Some(service) = service {
            live.service = live.get(service).map_or(ServiceState::Absent, |found| ServiceState::of(&found.body));
        }
        let mut second = self.role_questions(&live);
        let readable = matches!(live.service, ServiceState::Ready | ServiceState::Busy(_));
        let mut lists = None;
        if let (true, Some(service)) = (readable, service) {
            let wanted = inside.iter().filter_map(|resource| Wanted::desired(resource)).collect();
            second.extend(plan_questions(wanted));
            let wants_apis =
                inside.iter().any(|resource| resource.id.known().is_some_and(|id| id.is_type("Microsoft.ApiManagement/service/apis")));
            lists = Some((service, wants_apis));
        }
        if let Some((service, wants_apis)) = lists {
            // A list that is read in any case must not be read twice.
            let values_path = format!("{service}/namedValues");
            let apis_path = format!("{service}/apis");
            let (values, apis) = (take_list(&mut second, &values_path), take_list(&mut second, &apis_path));
            let mut rest = Live::default();
            let (asked, value_items, api_items) = futures::join!(
                self.ask(second, &mut rest),
                self.list_or_nothing(&values_path, NAMED_VALUE, true),
                self.list_or_nothing(&apis_path, "Microsoft.ApiManagement/service/apis", wants_apis),
            );
            asked?;
            live.resources.append(&mut rest.resources);
            live.unreadable.append(&mut rest.unreadable);
            let value_items = value_items?;
            live.apis = api_items?;
            live.manifests = manifest::all(&value_items, &Base { service: service.clone() })?;
            live.resources.extend(pick(&value_items, &values));
            live.credentials = generated_values(&value_items);
            live.resources.extend(pick(&live.apis, &apis));
        } else {
            self.ask(second, &mut live).await?;
        }
        self.read_owned(&mut live).await?;
        self.read_secrets(&mut live).await?;
        Ok(live)
    }

    /// The resources that holes take values from.
    fn sources(&self) -> impl Iterator<Item = &ResourceId> {
        self.desired.resources.iter().flat_map(|resource| resource.body.holes.iter().map(|hole| &hole.source.id))
    }

    /// The service made manifests elsewhere, or somebody removed a resource from the specification: what is owned must be
    /// looked at although it is not desired.
    async fn read_owned(&self, live: &mut Live) -> Result<(), DeployError> {
        let Some(manifest) = live.manifest(&self.desired.owner) else { return Ok(()) };
        let wanted = manifest
            .resources
            .iter()
            .filter(|id| !live.resources.contains_key(*id) && !self.is_desired(id))
            .filter_map(|id| {
                let entry = catalogue::find(&id.resource_type())?;
                Some(Wanted { id: id.clone(), api_version: entry.api_version.to_owned(), link: is_link(id) })
            })
            .collect();
        self.ask(plan_questions(wanted), live).await
    }

    fn is_desired(&self, id: &ResourceId) -> bool {
        self.desired.resources.iter().any(|resource| resource.id.known() == Some(id))
    }

    fn role_questions(&self, live: &Live) -> Vec<Question> {
        let mut questions = Vec::new();
        for resource in &self.desired.resources {
            let DesiredId::RoleAssignment { scope, role, principal } = &resource.id else { continue };
            let Some(principal_id) = live.lookup(principal).and_then(|value| value.as_str().map(str::to_owned)) else { continue };
            let Ok(id) = resource.id.resolve(|reference| live.lookup(reference)) else { continue };
            questions.push(Question::Role {
                id,
                scope: scope.clone(),
                role: role.clone(),
                principal: principal_id,
                api_version: resource.api_version.clone(),
            });
        }
        questions
    }

    async fn ask(&self, mut questions: Vec<Question>, live: &mut Live) -> Result<(), DeployError> {
        // Pages come one after the other: what takes longest begins first.
        questions.sort_by_key(|question| match question {
            Question::Many { wanted, .. } => (0, usize::MAX - wanted.len()),
            Question::Role { .. } => (1, 0),
            Question::One { .. } => (2, 0),
        });
        let found: Vec<(Found, Option<ResourceId>)> = stream::iter(questions.into_iter().map(|question| self.answer(question)))
            .buffer_unordered(self.settings.read_parallelism.max(1))
            .try_collect()
            .await?;
        for (resources, unreadable) in found {
            live.resources.extend(resources);
            live.unreadable.extend(unreadable);
        }
        Ok(())
    }

    async fn answer(&self, question: Question) -> Result<(Found, Option<ResourceId>), DeployError> {
        match question {
            Question::One { id, api_version } => {
                let found = self.read_one(&id, &api_version).await?;
                Ok((found.map(|resource| (id, resource)).into_iter().collect(), None))
            }
            Question::Many { path, api_version, wanted, links } => {
                let items = absent_is_empty(self.client.list(&path, &api_version, &[]).await)?;
                Ok((if links { pick_links(&items, &wanted) } else { pick(&items, &wanted) }, None))
            }
            Question::Role { id, scope, role, principal, api_version } => {
                match self.read_role(&id, &scope, &role, &principal, &api_version).await {
                    Ok(found) => Ok((found.map(|resource| (id, resource)).into_iter().collect(), None)),
                    // A scope of somebody else that this login may not look into: preflight says what is missing there.
                    Err(error) if error.status == Some(403) => Ok((Vec::new(), Some(scope))),
                    Err(error) => Err(error.into()),
                }
            }
        }
    }

    /// One resource, with its entity tag; policies and fragments in the form in which they are written.
    pub(super) async fn read_one(&self, id: &ResourceId, api_version: &str) -> Result<Option<LiveResource>, AzureError> {
        let kind = id.resource_type().to_ascii_lowercase();
        let reply = if is_link(id) {
            self.client.head(id.as_str(), api_version).await
        } else if kind.ends_with("/policies") || kind.ends_with("/policyfragments") {
            self.client.get_with_format(id.as_str(), api_version, "rawxml").await
        } else {
            self.client.get(id.as_str(), api_version, &[]).await
        };
        match reply {
            Ok(reply) => Ok(reply.map(|reply| LiveResource { body: reply.body, etag: reply.etag, ..LiveResource::default() })),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn read_role(
        &self,
        id: &ResourceId,
        scope: &ResourceId,
        role: &str,
        principal: &str,
        api_version: &str,
    ) -> Result<Option<LiveResource>, AzureError> {
        if let Some(found) = self.read_one(id, api_version).await? {
            return Ok(Some(found));
        }
        let filter = format!("principalId eq '{principal}'");
        let path = format!("{scope}/providers/{ROLE_ASSIGNMENT}");
        let items = absent_is_empty(self.client.list(&path, api_version, &[("$filter", &filter)]).await)?;
        Ok(items.into_iter().find_map(|item| {
            let text = |pointer: &str| item.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
            let same = text("/properties/principalId") == principal.to_ascii_lowercase()
                && text("/properties/roleDefinitionId").ends_with(&format!("/{}", role.to_ascii_lowercase()))
                && text("/properties/scope") == scope.key();
            let other_id = ResourceId::parse(item.get("id")?.as_str()?).ok()?;
            same.then(|| LiveResource { body: item.clone(), other_id: (other_id != *id).then_some(other_id), ..LiveResource::default() })
        }))
    }

    async fn list_or_nothing(&self, path: &str, kind: &str, wanted: bool) -> Result<Vec<Value>, DeployError> {
        if !wanted {
            return Ok(Vec::new());
        }
        let pinned = catalogue::find(kind).map_or("2024-05-01", |entry| entry.api_version);
        // A property of a preview version is shown by that version only.
        let sent = self.desired.resources.iter().filter(|resource| resource.resource_type().eq_ignore_ascii_case(kind));
        let api_version = sent.map(|resource| resource.api_version.as_str()).chain([pinned]).max().unwrap_or(pinned);
        Ok(absent_is_empty(self.client.list(path, api_version, &[]).await)?)
    }

    /// Only secrets that the specification sets are asked for: each costs a call that counts as a write.
    async fn read_secrets(&self, live: &mut Live) -> Result<(), DeployError> {
        let asked = self.desired.resources.iter().filter_map(|resource| {
            let action = resource.entry()?.secrets_action?;
            let id = resource.id.known()?;
            (!resource.body.secrets.is_empty() && live.resources.contains_key(id))
                .then(|| (id.clone(), action, resource.api_version.clone()))
        });
        let answers: Vec<(ResourceId, Secrets)> =
            stream::iter(asked.collect::<Vec<_>>().into_iter().map(|(id, action, api_version)| async move {
                match self.client.post(&format!("{id}/{action}"), &api_version, None).await {
                    Ok(reply) => Ok((id, secrets_of(&reply.body))),
                    // Without the right to see it, the plan says that it cannot tell; a resource that has just gone has no secrets.
                    Err(error) if error.status == Some(403) || is_absent(&error) => Ok((id, Secrets::new())),
                    Err(error) => Err(DeployError::from(error)),
                }
            }))
            .buffer_unordered(self.settings.read_parallelism.max(1))
            .try_collect()
            .await?;
        for (id, secrets) in answers {
            if let Some(resource) = live.resources.get_mut(&id) {
                resource.secrets = secrets;
            }
        }
        self.read_logger_credentials(live).await
    }

    /// Credentials that a logger was given in clear: the service keeps them in a secret named value of its own, and shows a
    /// reference to that. The value is asked for as those of our own named values are.
    async fn read_logger_credentials(&self, live: &mut Live) -> Result<(), DeployError> {
        let loggers = self.desired.resources.iter().filter(|resource| resource.resource_type() == LOGGER);
        let mut asked = Vec::new();
        for resource in loggers {
            let Some((id, found)) = resource.id.known().and_then(|id| Some((id, live.get(id)?))) else { continue };
            for pointer in &resource.body.secrets {
                let reference = found.body.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
                let name = reference.trim_start_matches("{{").trim_end_matches("}}");
                if let Some(value) = live.credentials.get(name) {
                    asked.push((id.clone(), pointer.clone(), value.clone()));
                }
            }
        }
        let api_version = catalogue::find(NAMED_VALUE).map_or("2024-05-01", |entry| entry.api_version);
        for (logger, pointer, value) in asked {
            match self.client.post(&format!("{value}/listValue"), api_version, None).await {
                Ok(reply) => {
                    let secret = reply.body.get("value").and_then(Value::as_str).map(|text| Secret::new(text.to_owned()));
                    if let (Some(secret), Some(resource)) = (secret, live.resources.get_mut(&logger)) {
                        resource.secrets.insert(pointer, secret);
                    }
                }
                Err(error) if error.status == Some(403) || is_absent(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

impl Wanted {
    fn desired(resource: &DesiredResource) -> Option<Self> {
        let id = resource.id.known()?;
        let link = resource.management == Management::Link;
        Some(Self { id: id.clone(), api_version: resource.api_version.clone(), link })
    }
}

/// Whether a resource is only a connection between two others: it has no body, and its list shows what it leads to.
pub(super) fn is_link(id: &ResourceId) -> bool {
    ["products/apis", "products/groups", "groups/users"].iter().any(|tail| id.is_type(&format!("Microsoft.ApiManagement/service/{tail}")))
}

/// Groups what is wanted into lists and single reads.
fn plan_questions(wanted: Vec<Wanted>) -> Vec<Question> {
    let mut questions = Vec::new();
    let mut collections: BTreeMap<(String, bool), Vec<Wanted>> = BTreeMap::new();
    for one in wanted {
        match collection(&one) {
            Some(path) => collections.entry((path, one.link)).or_default().push(one),
            None => questions.push(Question::One { id: one.id, api_version: one.api_version }),
        }
    }
    for ((path, links), members) in collections {
        // Named values and APIs are listed in any case.
        let always = path.ends_with("/namedValues") || (path.ends_with("/apis") && !links);
        if links || always || members.len() >= WORTH_A_LIST {
            let api_version = members.iter().map(|one| one.api_version.as_str()).max().unwrap_or_default().to_owned();
            questions.push(Question::Many { path, api_version, wanted: members.into_iter().map(|one| one.id).collect(), links });
        } else {
            questions.extend(members.into_iter().map(|one| Question::One { id: one.id, api_version: one.api_version }));
        }
    }
    questions
}

/// The path of the list that shows the whole resource, if there is one.
fn collection(one: &Wanted) -> Option<String> {
    let parent = one.id.parent()?;
    if one.link {
        return one.id.as_str().rsplit_once('/').map(|(path, _)| path.to_owned());
    }
    let entry = catalogue::find(&one.id.resource_type())?;
    if !entry.complete_in_list {
        return None;
    }
    match entry.listing {
        Listing::Parent { collection } => Some(format!("{parent}/{collection}")),
        Listing::Group | Listing::Scope | Listing::None => None,
    }
}

fn take_list(questions: &mut Vec<Question>, path: &str) -> Vec<ResourceId> {
    let mut taken = Vec::new();
    questions.retain(|question| match question {
        Question::Many { path: own, wanted, .. } if own.eq_ignore_ascii_case(path) => {
            taken.extend(wanted.iter().cloned());
            false
        }
        _ => true,
    });
    taken
}

/// The wanted ones among a list's items.
fn pick(items: &[Value], wanted: &[ResourceId]) -> Found {
    let wanted: BTreeSet<&ResourceId> = wanted.iter().collect();
    let found = items.iter().filter_map(|item| {
        let id = ResourceId::parse(item.get("id")?.as_str()?).ok()?;
        let id = (*wanted.get(&id)?).clone();
        Some((id, LiveResource { body: item.clone(), ..LiveResource::default() }))
    });
    found.collect()
}

/// A list of links shows the things at the other end: only their names say which link it is.
fn pick_links(items: &[Value], wanted: &[ResourceId]) -> Found {
    let names: BTreeSet<String> = items.iter().filter_map(|item| item.get("name")?.as_str().map(str::to_ascii_lowercase)).collect();
    let there = wanted.iter().filter(|id| names.contains(&id.name().to_ascii_lowercase()));
    there.map(|id| (id.clone(), LiveResource::default())).collect()
}

fn secrets_of(body: &Value) -> Secrets {
    let fields = body.as_object().into_iter().flatten();
    fields.filter_map(|(name, value)| Some((format!("/properties/{name}"), Secret::new(value.as_str()?.to_owned())))).collect()
}

/// Ids of the named values that the service has made for credentials of loggers (recorded), by display name.
fn generated_values(items: &[Value]) -> BTreeMap<String, ResourceId> {
    let generated = items.iter().filter_map(|item| {
        let name = item.pointer("/properties/displayName")?.as_str().filter(|name| name.starts_with("Logger-Credentials-"))?;
        Some((name.to_owned(), ResourceId::parse(item.get("id")?.as_str()?).ok()?))
    });
    generated.collect()
}

/// What lies in something that is not there is not there either.
fn is_absent(error: &AzureError) -> bool {
    error.status == Some(404)
}

fn absent_is_empty(items: Result<Vec<Value>, AzureError>) -> Result<Vec<Value>, AzureError> {
    match items {
        Err(error) if is_absent(&error) => Ok(Vec::new()),
        other => other,
    }
}
