//! A borrowed view of resources and policy documents, with the questions that rules ask.

use std::collections::HashMap;

use serde_json::Value;

use crate::arm::ResourceId;
use crate::policy::{Document, Element, Scope, Section, references};
use crate::support::source::Span;

/// One resource.
#[derive(Debug, Clone, Copy)]
pub struct Resource<'a> {
    /// Its id.
    pub id: &'a ResourceId,
    /// Its body as ARM takes it (`{"properties": …}`).
    pub body: &'a Value,
    /// Where the user wrote it.
    pub span: Option<Span>,
}

impl<'a> Resource<'a> {
    /// A value by JSON pointer.
    #[must_use]
    pub fn get(&self, pointer: &str) -> Option<&'a Value> {
        self.body.pointer(pointer).filter(|value| !value.is_null())
    }

    /// A text by JSON pointer.
    #[must_use]
    pub fn text(&self, pointer: &str) -> Option<&'a str> {
        self.get(pointer).and_then(Value::as_str)
    }

    /// Whether a value is `true`.
    #[must_use]
    pub fn is_true(&self, pointer: &str) -> bool {
        self.get(pointer).and_then(Value::as_bool) == Some(true)
    }

    /// Whether a value is `false`.
    #[must_use]
    pub fn is_false(&self, pointer: &str) -> bool {
        self.get(pointer).and_then(Value::as_bool) == Some(false)
    }
}

/// One policy document or fragment in its place.
#[derive(Debug, Clone, Copy)]
pub struct PolicyDocument<'a> {
    /// `…/policies/policy` or `…/policyFragments/{name}`.
    pub id: &'a ResourceId,
    /// What it says.
    pub document: &'a Document,
}

/// The scope of a policy resource; `None` for a fragment and for anything else.
#[must_use]
pub fn scope_of(policy: &ResourceId) -> Option<Scope> {
    let kind = policy.resource_type().to_ascii_lowercase();
    match kind.strip_prefix("microsoft.apimanagement/service/")? {
        "policies" => Some(Scope::Global),
        "workspaces/policies" => Some(Scope::Workspace),
        "products/policies" | "workspaces/products/policies" => Some(Scope::Product),
        "apis/policies" | "workspaces/apis/policies" => Some(Scope::Api),
        "apis/operations/policies" | "workspaces/apis/operations/policies" => Some(Scope::Operation),
        "apis/resolvers/policies" => Some(Scope::Resolver),
        _ => None,
    }
}

const SERVICE: &str = "Microsoft.ApiManagement/service";

/// Resources and policies of one or several services.
#[derive(Debug, Clone, Default)]
pub struct Resources<'a> {
    items: Vec<Resource<'a>>,
    index: HashMap<&'a ResourceId, usize>,
    policies: Vec<PolicyDocument<'a>>,
    closed: bool,
}

impl<'a> Resources<'a> {
    /// A view of these. `closed` says that what is not among them does not exist, so that a name without a resource
    /// is an error; otherwise it may be on the service already and is a warning.
    #[must_use]
    pub fn new(
        items: impl IntoIterator<Item = Resource<'a>>,
        policies: impl IntoIterator<Item = PolicyDocument<'a>>,
        closed: bool,
    ) -> Self {
        let items: Vec<Resource<'a>> = items.into_iter().collect();
        let index = items.iter().enumerate().map(|(index, resource)| (resource.id, index)).collect();
        Self { items, index, policies: policies.into_iter().collect(), closed }
    }

    /// All resources.
    pub fn iter(&self) -> impl Iterator<Item = &Resource<'a>> {
        self.items.iter()
    }

    /// The resources of a type below an API Management service, for instance `apis/operations`.
    pub(super) fn of(&self, kind: &str) -> impl Iterator<Item = &Resource<'a>> {
        let kind = format!("{SERVICE}/{kind}");
        self.items.iter().filter(move |resource| resource.id.is_type(&kind))
    }

    /// One resource.
    #[must_use]
    pub fn get(&self, id: &ResourceId) -> Option<&Resource<'a>> {
        self.index.get(id).and_then(|index| self.items.get(*index))
    }

    /// The policy documents and fragments.
    #[must_use]
    pub fn policies(&self) -> &[PolicyDocument<'a>] {
        &self.policies
    }

    pub(super) const fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) fn policy_of(&self, owner: &ResourceId) -> Option<&PolicyDocument<'a>> {
        self.policies.iter().find(|policy| scope_of(policy.id).is_some() && policy.id.parent().as_ref() == Some(owner))
    }

    fn fragment(&self, service: &ResourceId, name: &str) -> Option<&PolicyDocument<'a>> {
        let id = service.child("policyFragments", name);
        self.policies.iter().find(|policy| *policy.id == id)
    }

    /// A document with the fragments that it includes, and theirs.
    pub(super) fn with_fragments(&self, policy: &PolicyDocument<'a>) -> Vec<&'a Document> {
        let Some(service) = service_of(policy.id) else { return vec![policy.document] };
        let mut documents = vec![policy.document];
        let mut seen: Vec<String> = Vec::new();
        let mut next = 0;
        while let Some(document) = documents.get(next).copied() {
            next += 1;
            for reference in references(document).fragments {
                let name = reference.name.to_lowercase();
                if seen.contains(&name) {
                    continue;
                }
                documents.extend(self.fragment(&service, &name).map(|fragment| fragment.document));
                seen.push(name);
            }
        }
        documents
    }

    /// The documents that run around a policy: its fragments, and those of the wider scopes with theirs.
    /// A fragment has none, because it may be included anywhere.
    #[must_use]
    pub fn around(&self, policy: &PolicyDocument<'a>) -> Vec<&'a Document> {
        let Some(scope) = scope_of(policy.id) else { return Vec::new() };
        let mut documents: Vec<&'a Document> = self.with_fragments(policy).into_iter().skip(1).collect();
        let mut owner = policy.id.parent();
        while let Some(id) = owner {
            owner = id.parent();
            let wider = self.policy_of(&id).filter(|wider| wider.id != policy.id);
            documents.extend(wider.into_iter().flat_map(|wider| self.with_fragments(wider)));
            if id.is_type(SERVICE) {
                break;
            }
        }
        if matches!(scope, Scope::Api | Scope::Operation) {
            let api = if scope == Scope::Api { policy.id.parent() } else { policy.id.parent().and_then(|operation| operation.parent()) };
            for product in api.iter().flat_map(|api| self.products_of(api)) {
                documents.extend(self.policy_of(&product).into_iter().flat_map(|wider| self.with_fragments(wider)));
            }
        }
        documents
    }

    /// The products that hold an API.
    pub(super) fn products_of(&self, api: &ResourceId) -> Vec<ResourceId> {
        self.api_links().into_iter().filter(|(_, linked)| linked == api).map(|(product, _)| product).collect()
    }

    /// (product, API) pairs, of either kind of link.
    pub(super) fn api_links(&self) -> Vec<(ResourceId, ResourceId)> {
        let named = self.of("products/apis").filter_map(|link| {
            let product = link.id.parent()?;
            let api = product.parent()?.child("apis", link.id.name());
            Some((product, api))
        });
        let links = self.of("products/apiLinks").filter_map(|link| {
            let product = link.id.parent()?;
            let api = link.text("/properties/apiId")?;
            let api = ResourceId::parse(api).ok().or_else(|| Some(product.parent()?.child("apis", api.rsplit('/').next()?)))?;
            Some((product, api))
        });
        named.chain(links).collect()
    }

    /// A backend by the name that a policy or a pool uses: a bare name, `/backends/name` or a whole id.
    pub(super) fn backend(&self, service: &ResourceId, name: &str) -> Option<&Resource<'a>> {
        self.get(&service.child("backends", name.rsplit('/').next().unwrap_or(name)))
    }

    /// The members of a pool that are among the resources, each with its priority, and how many there are in all.
    pub(super) fn members(&self, pool: &Resource<'a>) -> (Vec<(&Resource<'a>, i64)>, usize) {
        let services = pool.get("/properties/pool/services").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let Some(service) = service_of(pool.id) else { return (Vec::new(), services.len()) };
        let known = services.iter().filter_map(|member| {
            // Members without a priority share one (assumed: no page names the default).
            let priority = member.get("priority").and_then(Value::as_i64).unwrap_or(1);
            Some((self.backend(&service, member.get("id")?.as_str()?)?, priority))
        });
        (known.collect(), services.len())
    }
}

/// Whether a backend is a pool.
pub(super) fn is_pool(backend: &Resource<'_>) -> bool {
    backend.text("/properties/type").is_some_and(|kind| kind.eq_ignore_ascii_case("Pool")) || backend.get("/properties/pool").is_some()
}

/// Whether a backend has a circuit breaker with a rule.
pub(super) fn has_breaker(backend: &Resource<'_>) -> bool {
    backend.get("/properties/circuitBreaker/rules").and_then(Value::as_array).is_some_and(|rules| !rules.is_empty())
}

/// The service that a resource lies in.
pub(super) fn service_of(id: &ResourceId) -> Option<ResourceId> {
    std::iter::successors(id.parent(), ResourceId::parent).find(|ancestor| ancestor.is_type(SERVICE))
}

/// The elements of that name in a document.
pub(super) fn elements<'d>(document: &'d Document, name: &str) -> Vec<&'d Element> {
    document.walk().iter().map(|visit| visit.element).filter(|element| element.name == name).collect()
}

/// Whether a section says more than `<base />`.
pub(super) fn replaces(document: &Document, section: Section) -> bool {
    document.section(section).is_some_and(|element| {
        let mut policies = element.elements().map(|policy| policy.name.as_str());
        !(policies.next() == Some("base") && policies.next().is_none())
    })
}
