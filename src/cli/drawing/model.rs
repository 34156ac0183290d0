//! What there is to draw.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::arm::ResourceId;
use crate::deploy::resource::{Desired, DesiredId, DesiredResource};
use crate::policy::{Document, Format};
use crate::support::source::{SourceText, Sources};

const SERVICE: &str = "Microsoft.ApiManagement/service";
/// Policies that shape a request's way or its price; what is not among them is detail.
const NOTABLE: [(&str, &str); 22] = [
    ("retry", "retry"),
    ("rate-limit", "rate limit"),
    ("rate-limit-by-key", "rate limit"),
    ("quota", "quota"),
    ("quota-by-key", "quota"),
    ("llm-token-limit", "token limit"),
    ("azure-openai-token-limit", "token limit"),
    ("llm-emit-token-metric", "token metric"),
    ("azure-openai-emit-token-metric", "token metric"),
    ("llm-semantic-cache-lookup", "semantic cache"),
    ("azure-openai-semantic-cache-lookup", "semantic cache"),
    ("llm-content-safety", "content safety"),
    ("cache-lookup", "cache"),
    ("validate-jwt", "JWT check"),
    ("validate-azure-ad-token", "Entra token check"),
    ("ip-filter", "IP filter"),
    ("cors", "CORS"),
    ("authentication-managed-identity", "managed identity"),
    ("send-request", "send-request"),
    ("mock-response", "mock"),
    ("return-response", "return-response"),
    ("limit-concurrency", "concurrency limit"),
];

/// A drawing's content.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct Model {
    /// The specification's name.
    pub name: String,
    /// Resource group and its region.
    pub group: String,
    /// The service: name, tier, region.
    pub service: Vec<String>,
    /// Everything on a request's way, and what watches it.
    pub nodes: Vec<Node>,
    /// What leads where.
    pub edges: Vec<Edge>,
    /// How many resources of each kind there are.
    pub counts: Vec<Count>,
}

/// How many resources of a kind there are.
#[derive(Debug, Clone, Serialize)]
pub(in crate::cli) struct Count {
    /// ARM's type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its words.
    pub label: &'static str,
    /// How many.
    pub count: usize,
}

/// Something on a request's way, or something that watches it.
#[derive(Debug, Clone, Serialize)]
pub(in crate::cli) struct Node {
    /// Its ARM id; for a host that is no resource, its address.
    pub id: String,
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub title: String,
    /// What else is worth knowing, shortest first.
    pub lines: Vec<String>,
}

/// What a node is; the order is that of a request's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) enum Kind {
    /// A subscription: a key.
    Key,
    /// A product.
    Product,
    /// An API.
    Api,
    /// A pool of backends.
    Pool,
    /// A backend.
    Backend,
    /// An Azure OpenAI account, or another host.
    Account,
    /// What telemetry goes to.
    Monitor,
}

impl Kind {
    /// In words.
    pub(in crate::cli) const fn word(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Product => "product",
            Self::Api => "API",
            Self::Pool => "pool",
            Self::Backend => "backend",
            Self::Account => "account",
            Self::Monitor => "monitoring",
        }
    }

    /// The heading of its column.
    pub(in crate::cli) const fn heading(self) -> &'static str {
        match self {
            Self::Key => "Keys",
            Self::Product => "Products",
            Self::Api => "APIs",
            Self::Pool => "Pools",
            Self::Backend => "Backends",
            Self::Account => "Azure OpenAI",
            Self::Monitor => "Monitoring",
        }
    }
}

/// What leads from one node to another.
#[derive(Debug, Clone, Serialize)]
pub(in crate::cli) struct Edge {
    /// A node's id.
    pub from: String,
    /// A node's id.
    pub to: String,
    /// Priority and weight of a member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Whether a policy decides, request by request, between this and others.
    pub choice: bool,
}

/// The drawing of what a specification makes.
pub(in crate::cli) fn of(desired: &Desired) -> Model {
    let mut builder = Builder { desired, by_id: BTreeMap::new(), model: Model { name: desired.owner.clone(), ..Model::default() } };
    builder.by_id = desired.resources.iter().filter_map(|resource| Some((resource.id.known()?.key(), resource))).collect();
    builder.places();
    builder.keys();
    builder.products();
    builder.apis();
    builder.backends();
    builder.routes();
    builder.monitoring();
    builder.counts();
    builder.model
}

struct Builder<'a> {
    desired: &'a Desired,
    by_id: BTreeMap<String, &'a DesiredResource>,
    model: Model,
}

impl<'a> Builder<'a> {
    /// Resources of a type below the service.
    fn of_type(&self, kind: &str) -> impl Iterator<Item = (&'a ResourceId, &'a DesiredResource)> + use<'a> {
        let kind = format!("{SERVICE}/{kind}");
        self.desired.resources.iter().filter_map(move |resource| {
            let id = resource.id.known()?;
            id.is_type(&kind).then_some((id, resource))
        })
    }

    fn places(&mut self) {
        for resource in &self.desired.resources {
            let Some(id) = resource.id.known() else { continue };
            let location = text(resource, "/location");
            if id.is_type("Microsoft.Resources/resourceGroups") {
                self.model.group = join(&[Some(id.name()), location]);
            } else if Some(id) == self.desired.service.as_ref() {
                let capacity = resource.body.value.pointer("/sku/capacity").and_then(Value::as_u64).filter(|units| *units > 1);
                let sku =
                    text(resource, "/sku/name").map(|sku| capacity.map_or_else(|| sku.to_owned(), |units| format!("{sku}, {units} units")));
                let further: Vec<&str> =
                    list(resource, "/properties/additionalLocations").iter().filter_map(|item| item.get("location")?.as_str()).collect();
                let regions = location.map(|location| [&[location][..], &further].concat().join(" + "));
                self.model.service = [Some(id.name().to_owned()), sku, regions].into_iter().flatten().collect();
                if let Some(policy) = self.policy_of(id) {
                    let words = notable(policy);
                    if !words.is_empty() {
                        self.model.service.push(format!("every API: {}", words.join(", ")));
                    }
                }
            }
        }
        if self.model.service.is_empty()
            && let Some(service) = &self.desired.service
        {
            self.model.service = vec![service.name().to_owned(), "exists already".to_owned()];
        }
    }

    fn node(&mut self, id: &str, kind: Kind, title: impl Into<String>, lines: impl IntoIterator<Item = Option<String>>) {
        let lines = lines.into_iter().flatten().filter(|line| !line.is_empty()).collect();
        self.model.nodes.push(Node { id: id.to_owned(), kind, title: title.into(), lines });
    }

    fn edge(&mut self, from: &str, to: &str, label: Option<String>, choice: bool) {
        // Ids are compared without case, and the drawing has one spelling of each.
        let spelled = |id: &str| self.model.nodes.iter().find(|node| node.id.eq_ignore_ascii_case(id)).map(|node| node.id.clone());
        let (Some(from), Some(to)) = (spelled(from), spelled(to)) else { return };
        match self.model.edges.iter_mut().find(|edge| edge.from == from && edge.to == to) {
            Some(edge) => edge.choice &= choice,
            None => self.model.edges.push(Edge { from, to, label, choice }),
        }
    }

    fn keys(&mut self) {
        for (id, resource) in self.of_type("subscriptions") {
            let state = text(resource, "/properties/state").filter(|state| !state.eq_ignore_ascii_case("active"));
            let all = text(resource, "/properties/scope").is_some_and(|scope| scope.to_ascii_lowercase().ends_with("/apis"));
            self.node(
                id.as_str(),
                Kind::Key,
                id.name(),
                [
                    text(resource, "/properties/ownerId").map(|owner| format!("of {}", last(owner))),
                    all.then(|| "opens all APIs".to_owned()),
                    state.map(|state| format!("state: {state}")),
                ],
            );
        }
    }

    fn products(&mut self) {
        for (id, resource) in self.of_type("products") {
            let open = resource.body.value.pointer("/properties/subscriptionRequired") == Some(&Value::Bool(false));
            let approval = resource.body.value.pointer("/properties/approvalRequired") == Some(&Value::Bool(true));
            let words = self.policy_of(id).map(notable).unwrap_or_default();
            self.node(
                id.as_str(),
                Kind::Product,
                id.name(),
                [
                    open.then(|| "open: no key".to_owned()),
                    approval.then(|| "by approval".to_owned()),
                    text(resource, "/properties/state").filter(|state| !state.eq_ignore_ascii_case("published")).map(str::to_owned),
                    Some(words.join(", ")),
                ],
            );
        }
    }

    fn apis(&mut self) {
        for (id, resource) in self.of_type("apis") {
            let path = text(resource, "/properties/path").unwrap_or_default();
            let header = text(resource, "/properties/subscriptionKeyParameterNames/header");
            let bearer = text(resource, "/properties/subscriptionKeyParameterNames/bearer").is_some_and(|mode| mode == "enabled");
            let no_key = resource.body.value.pointer("/properties/subscriptionRequired") == Some(&Value::Bool(false));
            let key = if no_key {
                "no key".to_owned()
            } else {
                let header = header.unwrap_or("Ocp-Apim-Subscription-Key");
                if bearer { format!("{header}, Bearer") } else { header.to_owned() }
            };
            let operations = self.of_type("apis/operations").filter(|(operation, _)| operation.is_below(id)).count();
            let imported = resource.body.value.pointer("/properties/value").is_some();
            let operations = match (operations, imported) {
                (0, true) => "operations from a document".to_owned(),
                (1, _) => "1 operation".to_owned(),
                (count, _) => format!("{count} operations"),
            };
            let version = text(resource, "/properties/apiVersion").map(|version| format!("version {version}"));
            let words = self.policy_of(id).map(notable).unwrap_or_default();
            self.node(
                id.as_str(),
                Kind::Api,
                id.name(),
                [Some(format!("/{}", path.trim_matches('/'))), version, Some(key), Some(operations), Some(words.join(", "))],
            );
        }
    }

    fn backends(&mut self) {
        let mut hosts: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (id, resource) in self.of_type("backends") {
            if resource.body.value.pointer("/properties/pool").is_some() {
                let members = list(resource, "/properties/pool/services").len();
                let affinity = resource.body.value.pointer("/properties/pool/sessionAffinity").is_some();
                self.node(
                    id.as_str(),
                    Kind::Pool,
                    id.name(),
                    [Some(format!("{members} members")), affinity.then(|| "session affinity".to_owned())],
                );
                continue;
            }
            let account = resource.body.holes.iter().find(|hole| hole.pointer == "/properties/url").map(|hole| hole.source.id.clone());
            let host = text(resource, "/properties/url").map(host);
            self.node(id.as_str(), Kind::Backend, id.name(), [login(resource), breaker(resource)]);
            let target = match (account, host) {
                (Some(account), _) => account.as_str().to_owned(),
                (None, Some(host)) => host.to_owned(),
                (None, None) => continue,
            };
            hosts.entry(target).or_default().push(id.as_str().to_owned());
        }
        for account in &self.desired.accounts {
            let deployments: Vec<&str> = account.account.deployments.iter().map(crate::spec::model::Deployment::name).collect();
            self.node(
                account.id.as_str(),
                Kind::Account,
                account.id.name(),
                [account.account.location.clone(), Some(deployments.join(", "))],
            );
        }
        for (target, backends) in hosts {
            if !self.model.nodes.iter().any(|node| node.id.eq_ignore_ascii_case(&target)) {
                self.node(&target, Kind::Account, last(&target), [None]);
            }
            for backend in backends {
                self.edge(&backend, &target, None, false);
            }
        }
        for (id, resource) in self.of_type("backends") {
            for member in list(resource, "/properties/pool/services") {
                let Some(to) = member.get("id").and_then(Value::as_str) else { continue };
                let number = |name: &str| member.get(name).and_then(Value::as_u64);
                let priority = number("priority").map(|priority| format!("priority {priority}"));
                let weight = number("weight").map(|weight| format!("weight {weight}"));
                let label: Vec<String> = [priority, weight].into_iter().flatten().collect();
                self.edge(id.as_str(), to, (!label.is_empty()).then(|| label.join(", ")), false);
            }
        }
    }

    /// Keys to what they open, products to their APIs, APIs to where their policies send requests.
    fn routes(&mut self) {
        for (id, resource) in self.of_type("subscriptions") {
            let Some(scope) = text(resource, "/properties/scope") else { continue };
            if scope.to_ascii_lowercase().ends_with("/apis") {
                let apis: Vec<&ResourceId> = self.of_type("apis").map(|(api, _)| api).collect();
                for api in apis {
                    self.edge(id.as_str(), api.as_str(), None, false);
                }
            } else {
                self.edge(id.as_str(), scope, None, false);
            }
        }
        for collection in ["products/apis", "products/apiLinks"] {
            for (id, resource) in self.of_type(collection) {
                let Some(product) = id.parent() else { continue };
                let linked = text(resource, "/properties/apiId").map(str::to_owned);
                let Some(service) = &self.desired.service else { continue };
                let api = linked.unwrap_or_else(|| service.child("apis", id.name()).as_str().to_owned());
                self.edge(product.as_str(), &api, None, false);
            }
        }
        let global = self.desired.service.as_ref().map(|service| self.targets(service)).unwrap_or_default();
        let apis: Vec<(&ResourceId, &DesiredResource)> = self.of_type("apis").collect();
        for (id, resource) in apis {
            let mut targets = self.targets(id);
            for (operation, _) in self.of_type("apis/operations").filter(|(operation, _)| operation.is_below(id)) {
                targets.extend(self.targets(operation));
            }
            if targets.is_empty() {
                targets.extend(global.iter().cloned());
            }
            if targets.is_empty()
                && let Some(url) = text(resource, "/properties/serviceUrl")
            {
                let host = host(url).to_owned();
                if !self.model.nodes.iter().any(|node| node.id == host) {
                    self.node(&host, Kind::Account, host.as_str(), [None]);
                }
                self.edge(id.as_str(), &host, None, false);
            }
            let choice = targets.len() > 1;
            for target in targets {
                self.edge(id.as_str(), target.as_str(), None, choice);
            }
        }
        let products: Vec<&ResourceId> = self.of_type("products").map(|(id, _)| id).collect();
        for product in products {
            for target in self.targets(product) {
                self.edge(product.as_str(), target.as_str(), None, true);
            }
        }
    }

    fn policy_of(&self, scope: &ResourceId) -> Option<&'a DesiredResource> {
        self.by_id.get(&scope.child("policies", "policy").key()).copied()
    }

    /// Backends that the policy at a scope names, also through fragments.
    fn targets(&self, scope: &ResourceId) -> BTreeSet<ResourceId> {
        let mut found = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut open: Vec<&DesiredResource> = self.policy_of(scope).into_iter().collect();
        while let Some(document) = open.pop() {
            for id in &document.depends_on {
                if id.is_type(&format!("{SERVICE}/backends")) {
                    found.insert(id.clone());
                } else if id.is_type(&format!("{SERVICE}/policyFragments")) && seen.insert(id.key()) {
                    open.extend(self.by_id.get(&id.key()));
                }
            }
        }
        found
    }

    fn monitoring(&mut self) {
        let kinds = [
            ("Microsoft.OperationalInsights/workspaces", "logs"),
            ("Microsoft.Insights/components", "traces and metrics"),
            ("Microsoft.Insights/actionGroups", "tells people"),
        ];
        for (kind, about) in kinds {
            for resource in &self.desired.resources {
                let Some(id) = resource.id.known().filter(|id| id.is_type(kind)) else { continue };
                let sampling = self.sampling(id);
                self.node(id.as_str(), Kind::Monitor, id.name(), [Some(about.to_owned()), sampling]);
            }
        }
        let alerts: Vec<&str> = self
            .desired
            .resources
            .iter()
            .filter_map(|resource| resource.id.known())
            .filter(|id| id.is_type("Microsoft.Insights/metricAlerts") || id.is_type("Microsoft.Insights/scheduledQueryRules"))
            .map(ResourceId::name)
            .collect();
        if let Some(service) = &self.desired.service
            && !alerts.is_empty()
        {
            let id = format!("{service}#alerts");
            let count = if alerts.len() == 1 { "1 alert".to_owned() } else { format!("{} alerts", alerts.len()) };
            self.node(&id, Kind::Monitor, count, alerts.iter().map(|name| Some((*name).to_owned())));
        }
    }

    /// The part of requests that the service's diagnostic sends to a component.
    fn sampling(&self, component: &ResourceId) -> Option<String> {
        if !component.is_type("Microsoft.Insights/components") {
            return None;
        }
        let (_, diagnostic) = self.of_type("diagnostics").find(|(id, _)| id.name().eq_ignore_ascii_case("applicationinsights"))?;
        let percentage = diagnostic.body.value.pointer("/properties/sampling/percentage")?.as_f64()?;
        Some(format!("{percentage} % of requests"))
    }

    fn counts(&mut self) {
        let mut counts: Vec<Count> = Vec::new();
        for resource in &self.desired.resources {
            let kind = resource.resource_type();
            match counts.iter_mut().find(|count| count.kind == kind) {
                Some(count) => count.count += 1,
                None => {
                    let assignment = matches!(resource.id, DesiredId::RoleAssignment { .. });
                    let label = if assignment { "role assignment" } else { resource.entry().map_or("resource", |entry| entry.label) };
                    counts.push(Count { kind, label, count: 1 });
                }
            }
        }
        self.model.counts = counts;
    }
}

/// `trips at 1 failure in PT1M, for PT1M`
fn breaker(resource: &DesiredResource) -> Option<String> {
    let rule = resource.body.value.pointer("/properties/circuitBreaker/rules/0")?;
    let condition = rule.get("failureCondition")?;
    let number = |name: &str| condition.get(name).and_then(Value::as_u64);
    let failures = match (number("count"), number("percentage")) {
        (Some(1), _) => "1 failure".to_owned(),
        (Some(count), _) => format!("{count} failures"),
        (None, Some(percentage)) => format!("{percentage} % failures"),
        (None, None) => return None,
    };
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(|text| text.trim_start_matches("PT").to_lowercase());
    Some(format!("breaker: {failures} in {}, open {}", text(condition, "interval")?, text(rule, "tripDuration")?))
}

/// How the gateway logs in to a backend.
fn login(resource: &DesiredResource) -> Option<String> {
    let has = |pointer: &str| resource.body.value.pointer(pointer).is_some_and(|value| !value.is_null());
    if has("/properties/credentials/managedIdentity") {
        return Some("logs in by managed identity".to_owned());
    }
    if has("/properties/credentials/authorization") || has("/properties/credentials/header") || has("/properties/credentials/query") {
        return Some("logs in by key".to_owned());
    }
    has("/properties/credentials/certificateIds").then(|| "logs in by certificate".to_owned())
}

/// What a policy does that is worth a word; each once, in the order of the document.
fn notable(policy: &DesiredResource) -> Vec<&'static str> {
    let Some(value) = text(policy, "/properties/value") else { return Vec::new() };
    let format = if text(policy, "/properties/format") == Some("xml") { Format::Xml } else { Format::RawXml };
    let source = SourceText::whole(Sources::default().add("policy", value), Arc::from(value));
    let Ok(document) = Document::parse(&source, format) else { return Vec::new() };
    let mut words = Vec::new();
    for visit in document.walk().iter() {
        if let Some((_, word)) = NOTABLE.iter().find(|(name, _)| *name == visit.element.name)
            && !words.contains(word)
        {
            words.push(*word);
        }
    }
    words
}

fn text<'a>(resource: &'a DesiredResource, pointer: &str) -> Option<&'a str> {
    resource.body.value.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn list<'a>(resource: &'a DesiredResource, pointer: &str) -> &'a [Value] {
    resource.body.value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn last(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or(rest)
}

fn join(parts: &[Option<&str>]) -> String {
    parts.iter().flatten().copied().collect::<Vec<_>>().join(", ")
}
