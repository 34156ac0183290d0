//! Specification → resources.
//!
//! Pure: what only Azure knows (an account's endpoint, a principal id) is a [`super::resource::Hole`]. One file per
//! subject; each adds resources to the `Compiler`, in the order in which the file has them.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::Desired;
use super::bodies;
use super::resource::{DesiredId, DesiredResource, ExpectedAccount, Hole, Management, Reference, Template};
use crate::arm::{ResourceId, catalogue};
use crate::spec::model::{Map, Properties, Tags};
use crate::spec::{Loaded, Spec};
use crate::support::finding::{Finding, Kind};

mod alerts;
mod apis;
mod backends;
mod clients;
pub mod codes;
mod consumers;
mod diagnostics;
mod identity;
mod monitoring;
mod named_values;
mod names;
mod order;
mod policies;
mod raw;
mod roles;
mod service;
mod together;
pub(in crate::deploy) use roles::role_name;

/// The tag that says which specification made a resource: for what stands outside the service's own manifest (the service
/// itself, its group, the workspace), and so that another machine knows it, too.
pub const OWNER_TAG: &str = "apimctl-owner";

/// What is known of Azure before resources can be named.
#[derive(Debug, Clone)]
pub struct Context {
    /// Azure subscription for everything that names no other, unless the specification names one.
    pub subscription_id: String,
    /// Entra tenant.
    pub tenant_id: String,
    /// Suffix of gateways (`azure-api.net`).
    pub gateway_suffix: String,
    /// Audience of Azure OpenAI.
    pub cognitive_services_audience: String,
}

/// Compiles a specification (all findings, of resources and policies together, are returned beside).
///
/// Pure: bodies that depend on live values hold [`super::resource::Hole`]s instead. Names that lead nowhere have been
/// reported when the specification was read; here they are left out.
#[must_use]
pub fn compile(loaded: &Loaded, context: &Context) -> (Desired, Vec<Finding>) {
    let Some(spec) = &loaded.spec else { return (Desired::default(), Vec::new()) };
    let mut compiler = Compiler::new(loaded, spec, context);
    compiler.resource_group();
    compiler.service();
    compiler.log_analytics();
    compiler.application_insights();
    compiler.named_values();
    compiler.loggers();
    compiler.backends();
    compiler.fragments();
    compiler.apis();
    compiler.groups_and_users();
    compiler.products();
    compiler.service_policy();
    compiler.diagnostics();
    compiler.subscriptions();
    compiler.diagnostic_settings();
    compiler.role_assignments();
    compiler.alerts();
    compiler.raw_resources();
    compiler.finish()
}

/// What is being compiled.
struct Compiler<'a> {
    loaded: &'a Loaded,
    spec: &'a Spec,
    context: &'a Context,
    group: ResourceId,
    service: ResourceId,
    /// Display names (as policies write them) to the named values' ids.
    display_names: HashMap<String, ResourceId>,
    resources: Vec<DesiredResource>,
    findings: Vec<Finding>,
}

impl<'a> Compiler<'a> {
    fn new(loaded: &'a Loaded, spec: &'a Spec, context: &'a Context) -> Self {
        let subscription = spec.subscription_id.as_deref().unwrap_or(&context.subscription_id);
        let group = ResourceId::resource_group(subscription, &spec.resource_group.name);
        let service = group.provider("Microsoft.ApiManagement/service", &spec.service.name);
        let display_names = spec
            .named_values
            .iter()
            .map(|(key, value)| (value.display_name.clone().unwrap_or_else(|| key.clone()), service.child("namedValues", key)))
            .collect();
        Self { loaded, spec, context, group, service, display_names, resources: Vec::new(), findings: Vec::new() }
    }

    /// `{service}/{collection}/{name}`.
    fn child(&self, collection: &str, name: &str) -> ResourceId {
        self.service.child(collection, name)
    }

    /// The region of what names none.
    fn location(&self, own: Option<&'a str>) -> &'a str {
        own.or(self.spec.resource_group.location.as_deref()).unwrap_or_default()
    }

    /// The resource group of something that may stand elsewhere.
    fn group_of(&self, name: Option<&str>) -> ResourceId {
        name.map_or_else(|| self.group.clone(), |name| ResourceId::resource_group(self.subscription(), name))
    }

    /// The Azure subscription.
    fn subscription(&self) -> &'a str {
        self.spec.subscription_id.as_deref().unwrap_or(&self.context.subscription_id)
    }

    /// Tags of the specification, those of the resource, and the owner's.
    fn tags(&self, own: &Tags) -> Value {
        let mut tags: serde_json::Map<String, Value> =
            self.spec.tags.iter().chain(own).map(|(key, value)| (key.clone(), value.as_str().into())).collect();
        tags.insert(OWNER_TAG.to_owned(), self.spec.name.as_str().into());
        Value::Object(tags)
    }

    /// Adds a resource that is made, changed and deleted.
    fn add(&mut self, pointer: &str, id: ResourceId, body: Template, depends_on: Vec<ResourceId>) {
        self.add_as(pointer, DesiredId::Known(id), body, Management::Full, depends_on);
    }

    /// Adds a link.
    fn link(&mut self, pointer: &str, id: ResourceId, depends_on: Vec<ResourceId>) {
        self.add_as(pointer, DesiredId::Known(id), Template::default(), Management::Link, depends_on);
    }

    fn add_as(&mut self, pointer: &str, id: DesiredId, mut body: Template, management: Management, depends_on: Vec<ResourceId>) {
        let kind = id.resource_type();
        let entry = catalogue::find(&kind);
        let api_version = entry.map_or("", |entry| entry.api_version_for(&body.value)).to_owned();
        // What `properties:` passes through may be a secret too.
        let passed = names::secret_pointers(entry, &body.value);
        body.secrets.extend(passed);
        body.secrets.sort_unstable();
        body.secrets.dedup();
        let span = self.loaded.locator.key(pointer);
        self.resources.push(DesiredResource { id, api_version, body, management, depends_on, span, pointer: pointer.to_owned() });
    }

    /// The named values that the texts of `body` use.
    fn used_named_values(&self, body: &Value) -> Vec<ResourceId> {
        let mut used = Vec::new();
        names::texts(body, &mut |text| {
            used.extend(crate::policy::named_value_uses(text).filter_map(|(_, name)| self.display_names.get(name)).cloned());
        });
        used
    }

    /// Everything, with the edges put in order and what stands twice reported.
    fn finish(mut self) -> (Desired, Vec<Finding>) {
        let ids: BTreeMap<ResourceId, (usize, Management)> = self
            .resources
            .iter()
            .enumerate()
            .rev()
            .filter_map(|(index, resource)| Some((resource.id.known()?.clone(), (index, resource.management))))
            .collect();
        let mut first: HashMap<ResourceId, (Option<crate::support::source::Span>, String)> = HashMap::new();
        let mut kept = Vec::with_capacity(self.resources.len());
        for mut resource in std::mem::take(&mut self.resources) {
            let sources = resource.body.holes.iter().map(|hole| hole.source.id.clone());
            let principal = match &resource.id {
                DesiredId::RoleAssignment { principal, .. } => Some(principal.id.clone()),
                DesiredId::Known(_) => None,
            };
            let mut edges: Vec<ResourceId> = Vec::new();
            let own = resource.id.known().cloned();
            for edge in resource.depends_on.drain(..).chain(sources).chain(principal) {
                // What is only read is there before anything is written.
                let made = ids.get(&edge).is_some_and(|(_, management)| *management != Management::ReadOnly);
                if made && Some(&edge) != own.as_ref() && !edges.contains(&edge) {
                    edges.push(edge);
                }
            }
            resource.depends_on = edges;
            if let Some(id) = &own {
                if let Some((span, pointer)) = first.get(id) {
                    let finding = twice(&resource, id, *span, pointer);
                    // Two links between the same two things mean the same. Names that `clients` takes are reported by the reader.
                    let by_clients = [&resource.pointer, pointer].iter().any(|pointer| pointer.ends_with("/clients"));
                    if resource.management != Management::Link && !by_clients {
                        self.findings.push(finding);
                    }
                    continue;
                }
                first.insert(id.clone(), (resource.span, resource.pointer.clone()));
            }
            kept.push(resource);
        }
        self.findings.extend(order::cut_circles(&mut kept));
        // Half a specification would only be told what it lacks.
        if !self.loaded.has_errors() {
            self.findings.extend(together::findings(self.loaded, &kept, !self.spec.service.existing));
        }
        let accounts = self.accounts();
        let desired = Desired { owner: self.spec.name.clone(), service: Some(self.service), resources: kept, accounts };
        (desired, self.findings)
    }

    fn accounts(&self) -> Vec<ExpectedAccount> {
        self.spec
            .open_ai
            .iter()
            .map(|(key, account)| {
                let pointer = names::pointer("openAI", key);
                let span = self.loaded.locator.key(&pointer);
                ExpectedAccount { key: key.clone(), id: self.account_id(account), pointer, span, account: account.clone() }
            })
            .collect()
    }

    fn account_id(&self, account: &crate::spec::model::Account) -> ResourceId {
        let subscription = account.subscription_id.as_deref().unwrap_or_else(|| self.subscription());
        ResourceId::resource_group(subscription, &account.resource_group).provider("Microsoft.CognitiveServices/accounts", &account.account)
    }
}

fn twice(resource: &DesiredResource, id: &ResourceId, first: Option<crate::support::source::Span>, pointer: &str) -> Finding {
    let label = resource.entry().map_or("resource", |entry| entry.label);
    let mut finding =
        Finding::error(codes::SAME_RESOURCE, Kind::Place, format!("the {label} `{}` is made twice: here and by `{pointer}`", id.name()))
            .at(resource.span)
            .help("rename one of the two; names of resources are compared without case");
    if let Some(span) = first {
        finding = finding.label(span, "first made here");
    }
    finding
}

/// A body with `properties:` merged over ARM's `properties`. A hole whose place the user filled is no hole any more.
fn with_properties(mut template: Template, properties: &Properties) -> Template {
    if !properties.is_empty() {
        bodies::merge(&mut template.value, serde_json::json!({ "properties": properties }));
        let Template { value, holes, .. } = &mut template;
        holes.retain(|hole| value.pointer(&hole.pointer).is_none_or(Value::is_null));
    }
    template
}

/// A hole that takes the value as it is.
fn hole(pointer: &str, id: &ResourceId, source: &str) -> Hole {
    Hole {
        pointer: pointer.to_owned(),
        source: Reference { id: id.clone(), pointer: source.to_owned() },
        prefix: String::new(),
        suffix: String::new(),
    }
}

/// Names to things, without borrowing the compiler.
type Entries<'a, T> = &'a Map<T>;

#[cfg(test)]
mod tests;
