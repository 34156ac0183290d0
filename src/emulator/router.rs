//! From a path to the table: scope, provider, type, names; and ARM's own answers to what does not exist.

use http::Method;

use super::access::action;
use super::answer::{Answer, Refusal};
use super::crud;
use super::providers::{self, Call, Kind, Place, Verbs};
use super::request::Request;
use super::transaction::Transaction;
use super::{encode_path, json_text};
use crate::arm::ResourceId;

/// A path below `providers`.
pub(crate) struct Route<'r> {
    /// Segments before the last `providers`.
    pub(crate) scope: &'r [String],
    pub(crate) namespace: &'r str,
    /// Types and names in turn.
    pub(crate) rest: Vec<&'r str>,
}

impl Route<'_> {
    /// `/subscriptions/…` of the scope, empty for the tenant.
    pub(crate) fn scope_path(&self) -> String {
        if self.scope.is_empty() { String::new() } else { format!("/{}", self.scope.join("/")) }
    }

    /// The full type of the first `length` segments of `rest`.
    fn kind_name(&self, length: usize) -> String {
        let mut name = self.namespace.to_owned();
        for part in self.rest.iter().take(length).step_by(2) {
            name.push('/');
            name.push_str(part);
        }
        name
    }

    /// The lower-case words of `rest`.
    pub(crate) fn words(&self) -> Vec<String> {
        self.rest.iter().map(|word| word.to_ascii_lowercase()).collect()
    }

    pub(crate) fn subscription(&self) -> Option<&str> {
        subscription_of(self.scope)
    }
}

fn subscription_of(segments: &[String]) -> Option<&str> {
    match segments {
        [first, id, ..] if first.eq_ignore_ascii_case("subscriptions") => Some(id),
        _ => None,
    }
}

/// ARM's "not found" for a resource.
pub(crate) fn resource_not_found(id: &ResourceId) -> Refusal {
    match (id.group_name(), id.is_type("Microsoft.Resources/resourceGroups")) {
        (_, true) => group_not_found(id.name()),
        (Some(group), _) => {
            let path = id.as_str().split_once("/providers/").map_or(id.as_str(), |(_, path)| path);
            Refusal::plain(
                404,
                "ResourceNotFound",
                format!(
                    "The Resource '{path}' under resource group '{group}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix"
                ),
            )
        }
        (None, _) => Refusal::plain(404, "ResourceNotFound", format!("The resource '{id}' was not found.")),
    }
}

pub(crate) fn group_not_found(group: &str) -> Refusal {
    Refusal::plain(404, "ResourceGroupNotFound", format!("Resource group '{group}' could not be found."))
}

/// What exists on Azure and not here. The form is ARM's; the code is ours, so that nobody takes it for the service's word.
pub(crate) fn not_emulated(request: &Request, what: &str) -> Refusal {
    Refusal::plain(501, "OperationNotEmulated", format!("The operation {} {what} exists on Azure and is not emulated.", request.method))
}

fn method_not_allowed(request: &Request, kind: &str) -> Refusal {
    Refusal::plain(
        405,
        "HttpMethodNotAllowed",
        format!("The http method '{}' is not supported for the resource type '{kind}'.", request.method),
    )
}

/// Answers one request.
pub(crate) fn answer(tx: &mut Transaction<'_>, request: &Request) -> Result<Answer, Refusal> {
    let segments = &request.segments;
    let version = request.version()?;
    if let Some(subscription) = subscription_of(segments)
        && tx.directory().subscription(subscription).is_none()
    {
        return Err(Refusal::plain(404, "SubscriptionNotFound", format!("The subscription '{subscription}' could not be found.")));
    }
    let Some(index) = segments.iter().rposition(|segment| segment.eq_ignore_ascii_case("providers")) else {
        return providers::resources::answer(tx, request, &version);
    };
    let (scope, tail) = segments.split_at(index);
    let Some(namespace) = tail.get(1) else { return providers::resources::answer(tx, request, &version) };
    let route = Route { scope, namespace, rest: tail.iter().skip(2).map(String::as_str).collect() };
    if route.rest.is_empty() || matches!(route.rest.as_slice(), [word] if request.method == Method::POST && is_registration(word)) {
        return providers::resources::provider(tx, request, &route);
    }
    if let Some(answer) = providers::special(tx, request, &route) {
        return answer;
    }
    resource(tx, request, &route)
}

fn is_registration(word: &str) -> bool {
    word.eq_ignore_ascii_case("register") || word.eq_ignore_ascii_case("unregister")
}

fn resource(tx: &mut Transaction<'_>, request: &Request, route: &Route<'_>) -> Result<Answer, Refusal> {
    let version = request.version()?;
    let length = route.rest.len();
    let (named, last) = if length.is_multiple_of(2) { (length, None) } else { (length - 1, route.rest.last().copied()) };
    let collection = last.and_then(|_| providers::find(&route.kind_name(length))).filter(|_| request.method != Method::POST);
    let Some(kind) =
        collection.or_else(|| providers::find(&route.kind_name(named)).filter(|_| last.is_none() || request.method == Method::POST))
    else {
        return unknown(tx, request, route);
    };
    let post = last.filter(|_| request.method == Method::POST);
    let scope_path = format!("/{}", request.segments.join("/"));
    tx.directory().authorize(&tx.caller, &action(&request.method, kind.name, post), &scope_path)?;
    providers::check_locks(tx, &request.method, kind, &scope_path)?;
    if !matches!(request.method, Method::GET | Method::HEAD)
        && let Some(subscription) = route.subscription()
        && !tx.directory().is_registered(subscription, kind.namespace())
    {
        return Err(Refusal::plain(
            409,
            "MissingSubscriptionRegistration",
            format!(
                "The subscription is not registered to use namespace '{}'. See https://aka.ms/rps-not-found for how to register subscriptions.",
                kind.namespace()
            ),
        ));
    }
    let named = if collection.is_some() { length - 1 } else { named };
    let Some(id) = locate(tx, request, route, kind, named)? else {
        // A collection of all resources of a type in an Azure subscription.
        let parent = ResourceId::parse(&route.scope_path()).map_err(|error| Refusal::plain(400, "InvalidResourceId", error.to_string()))?;
        let call = Call { request, version, kind, id: parent };
        return list_everywhere(tx, &call);
    };
    let call = Call { request, version, kind, id };
    if let Some(name) = post {
        let Some((_, handler)) = kind.actions.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) else {
            return Err(not_emulated(request, &format!("{}/{name}", kind.name)));
        };
        crud::existing(tx, kind, &call.id)?;
        guard_service(tx, &call)?;
        return handler(tx, &call);
    }
    let (verb, overridden, usual): (Verbs, Option<providers::Handler>, providers::Handler) =
        match (request.method.as_str(), collection.is_some()) {
            ("GET", true) => (Verbs::LIST, kind.overrides.list, crud::list),
            ("GET", false) => (Verbs::GET, kind.overrides.get, crud::get),
            ("HEAD", false) => (Verbs::HEAD, kind.overrides.get, crud::head),
            ("PUT", false) => (Verbs::PUT, kind.overrides.put, crud::put),
            ("PATCH", false) => (Verbs::PATCH, kind.overrides.patch, crud::patch),
            ("DELETE", false) => (Verbs::DELETE, kind.overrides.delete, crud::delete),
            _ => return Err(method_not_allowed(request, kind.name)),
        };
    if !kind.verbs.has(verb) {
        return Err(not_emulated(request, kind.name));
    }
    if !matches!(request.method, Method::GET | Method::HEAD) {
        guard_service(tx, &call)?;
    }
    overridden.unwrap_or(usual)(tx, &call)
}

/// The resource's id in the case of what is stored, with all its parents there; `None` for a list over a subscription.
/// For a collection: the parent or scope.
fn locate(tx: &Transaction<'_>, request: &Request, route: &Route<'_>, kind: &Kind, named: usize) -> Result<Option<ResourceId>, Refusal> {
    let collection = !route.rest.len().is_multiple_of(2) && request.method != Method::POST;
    let scope = scope_id(tx, route, kind)?;
    let Some(scope) = scope else { return Ok(None) };
    if kind.place == Place::Group && scope.group_name().is_none() {
        return if collection { Ok(None) } else { Err(resource_not_found(&scope)) };
    }
    let mut id = scope;
    let pairs = named / 2;
    for index in 0..pairs {
        let (Some(segment), Some(name)) = (route.rest.get(index * 2), route.rest.get(index * 2 + 1)) else { break };
        let canonical = providers::find(&route.kind_name(index * 2 + 1)).map_or(*segment, |kind| kind.segment());
        let next = if index == 0 {
            let namespace = providers::find(&route.kind_name(1)).map_or(route.namespace, |kind| kind.namespace());
            id.provider(&format!("{namespace}/{canonical}"), name)
        } else {
            id.child(canonical, name)
        };
        let next = providers::api_management::without_current_revision(tx, next);
        let last = index + 1 == pairs;
        match tx.get(&next) {
            Some(stored) => id = stored.id.clone(),
            None if last && !collection => id = next,
            None => return Err(parent_absent(request, route, &next, kind)),
        }
    }
    Ok(Some(id))
}

fn parent_absent(request: &Request, route: &Route<'_>, parent: &ResourceId, kind: &Kind) -> Refusal {
    match providers::find(&parent.resource_type()) {
        Some(parent_kind) if parent_kind.place == Place::Child => crud::absent(parent_kind, parent),
        _ if request.method == Method::PUT => {
            let name = kind.name.split_once('/').map_or(kind.name, |(_, name)| name);
            Refusal::plain(
                404,
                "ParentResourceNotFound",
                format!(
                    "Failed to perform 'write' on resource(s) of type '{name}', because the parent resource '{}{}' could not be found.",
                    route.scope_path(),
                    parent.as_str().get(route.scope_path().len()..).unwrap_or_default()
                ),
            )
        }
        _ => resource_not_found(parent),
    }
}

/// The stored form of the scope; it must be there.
fn scope_id(tx: &Transaction<'_>, route: &Route<'_>, kind: &Kind) -> Result<Option<ResourceId>, Refusal> {
    let path = route.scope_path();
    if path.is_empty() {
        return Err(Refusal::plain(
            404,
            "MissingSubscription",
            "The request did not have a subscription or a valid tenant level resource provider.",
        ));
    }
    let id = ResourceId::parse(&path).map_err(|error| Refusal::plain(400, "InvalidResourceId", error.to_string()))?;
    let is_subscription = id.parent().is_none();
    if is_subscription {
        let known = tx.directory().subscription(id.name()).map(|subscription| ResourceId::subscription(&subscription.id));
        return Ok(known.filter(|_| kind.place == Place::Extension));
    }
    if let Some(stored) = tx.get(&id) {
        return Ok(Some(stored.id.clone()));
    }
    if let (Some(subscription), Some(group)) = (id.subscription_id(), id.group_name())
        && tx.get(&ResourceId::resource_group(subscription, group)).is_none()
    {
        return Err(group_not_found(group));
    }
    Err(resource_not_found(&id))
}

fn list_everywhere(tx: &mut Transaction<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    let (scope, kind) = (call.id.clone(), call.kind);
    let found = tx.select(|stored| stored.id.is_below(&scope) && stored.id.is_type(kind.name));
    crud::answer_list(tx, call, &found)
}

/// While a service is not `Succeeded` its children take no writes. The family (409 or 422) is known from issue threads; that the words
/// are those of the service's own `ServiceLocked` is assumed.
fn guard_service(tx: &Transaction<'_>, call: &Call<'_>) -> Result<(), Refusal> {
    if !call.kind.is_api_management() || !call.kind.name.contains("/service/") {
        return Ok(());
    }
    let Some(service) = tx.service_of(&call.id) else { return Ok(()) };
    match json_text(&service.body, "/properties/provisioningState") {
        Some("Succeeded") | None => Ok(()),
        Some(_) => Err(providers::api_management::locked(&service.id)),
    }
}

/// A type that is not in the table.
fn unknown(tx: &Transaction<'_>, request: &Request, route: &Route<'_>) -> Result<Answer, Refusal> {
    let length = route.rest.len();
    let name = route.kind_name(length);
    // What a fixture has put there is shown, whatever its type.
    if request.method == Method::GET
        && let Ok(id) = ResourceId::parse(&format!("/{}", request.segments.join("/")))
        && let Some(stored) = tx.get(&id)
    {
        return Ok(Answer::json(200, stored.body.clone()).etag(&stored.etag));
    }
    let action = if request.method == Method::POST && length > 1 { Some(route.kind_name(length - 1)) } else { None };
    if providers::is_known_type(&name)
        || providers::find(&name).is_some()
        || action.as_deref().is_some_and(|name| providers::is_known_type(name) || providers::find(name).is_some())
    {
        return Err(not_emulated(request, &encode_path(&format!("/{}", request.segments.join("/")))));
    }
    if !providers::resources::NAMESPACES.iter().any(|known| known.eq_ignore_ascii_case(route.namespace)) {
        return Err(Refusal::plain(404, "InvalidResourceNamespace", format!("The resource namespace '{}' is invalid.", route.namespace)));
    }
    let (_, kind) = name.split_once('/').unwrap_or(("", &name));
    Err(Refusal::plain(
        404,
        "InvalidResourceType",
        format!(
            "The resource type '{kind}' could not be found in the namespace '{}' for api version '{}'.",
            route.namespace,
            request.query("api-version").unwrap_or_default()
        ),
    ))
}
