//! Microsoft.ApiManagement: the service, and the entities that lie in it.

mod apis;
mod backends;
mod built_in;
mod diagnostics;
mod entities;
mod gateways;
mod import;
mod links;
mod loggers;
mod named_values;
mod openapi;
mod people;
mod policies;
mod policy_rules;
mod products;
mod references;
mod service;
mod soft_delete;
mod subscriptions;
mod yaml;

use http::Method;
use serde_json::json;

use super::{Call, Kind};
use crate::arm::ResourceId;
use crate::emulator::answer::{Answer, Refusal};
use crate::emulator::request::Request;
use crate::emulator::router::Route;
use crate::emulator::transaction::Transaction;

pub(crate) use apis::without_current_revision;
pub(crate) use service::{locked, ready, seed as seed_service};
pub(crate) use soft_delete::{expire as expire_soft_deleted, purge, seed as seed_soft_deleted, to_attic};

pub(crate) const NAMESPACE: &str = "Microsoft.ApiManagement";
pub(crate) const SERVICE: &str = "Microsoft.ApiManagement/service";

/// Names of most entities.
const ENTITY_NAME: &str = r"^[^*#&+:<>?]+$";

pub(super) const KINDS: &[Kind] = &[
    service::KIND,
    named_values::KIND,
    backends::KIND,
    policies::FRAGMENT,
    policies::SERVICE_POLICY,
    policies::PRODUCT_POLICY,
    policies::API_POLICY,
    policies::OPERATION_POLICY,
    apis::KIND,
    apis::OPERATION,
    apis::REVISION,
    apis::API_PRODUCTS,
    entities::VERSION_SET,
    entities::TAG,
    entities::CACHE,
    entities::CERTIFICATE,
    entities::API_TAG,
    entities::OPERATION_TAG,
    entities::PRODUCT_TAG,
    products::KIND,
    products::SUBSCRIPTIONS,
    links::PRODUCT_APIS,
    links::PRODUCT_GROUPS,
    links::API_LINKS,
    links::GROUP_LINKS,
    people::GROUP,
    people::GROUP_USERS,
    people::USER,
    people::USER_GROUPS,
    people::USER_SUBSCRIPTIONS,
    subscriptions::KIND,
    loggers::KIND,
    diagnostics::SERVICE_DIAGNOSTIC,
    diagnostics::API_DIAGNOSTIC,
];

/// The service that an entity's id belongs to.
pub(crate) fn service_id(id: &ResourceId) -> ResourceId {
    let mut current = id.clone();
    while !current.is_type(SERVICE) {
        match current.parent() {
            Some(parent) => current = parent,
            None => return id.clone(),
        }
    }
    current
}

/// An entity named in a body by a full id, or short from the service (`/loggers/x`), as a full id.
fn resolve(service: &ResourceId, reference: &str, kind: &str) -> Option<ResourceId> {
    let reference = reference.trim().trim_end_matches('/');
    let name = if reference.to_ascii_lowercase().starts_with("/subscriptions/") {
        let id = ResourceId::parse(reference).ok()?;
        let relative = id.relative_to(service)?.to_owned();
        relative.strip_prefix('/')?.split_once('/').filter(|(found, _)| found.eq_ignore_ascii_case(kind))?.1.to_owned()
    } else {
        let mut parts = reference.trim_start_matches('/').split('/');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(name), None, None) if !name.is_empty() => name.to_owned(),
            (Some(found), Some(name), None) if found.eq_ignore_ascii_case(kind) => name.to_owned(),
            _ => return None,
        }
    };
    (!name.is_empty() && !name.contains('/')).then(|| service.child(kind, &name))
}

/// Requests that are no resource of the table.
pub(super) fn special(tx: &mut Transaction<'_>, request: &Request, route: &Route<'_>) -> Option<Result<Answer, Refusal>> {
    let words = route.words();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let reads = request.method == Method::GET;
    match words.as_slice() {
        ["checknameavailability"] if request.method == Method::POST => Some(service::check_name(tx, request)),
        ["deletedservices"] if reads => Some(soft_delete::list(tx, request, route)),
        ["locations", location, "deletedservices", name] => Some(soft_delete::one(tx, request, route, location, name)),
        ["locations", _, "deletedservices", _, "operationresults", id] if reads => Some(soft_delete::poll(tx, request, route, id)),
        ["service", name, "operationresults", id] if reads => Some(service::poll(tx, request, route, name, id)),
        ["service", name, "tenant", ..] => service::tier_refusal(tx, request, route, name),
        ["service", name, "gateways", gateway, action] if request.method == Method::POST => {
            gateways::action(tx, request, route, name, gateway, action)
        }
        ["skus"] if reads => Some(Ok(Answer::json(200, json!({ "value": service::skus() })))),
        ["service", name, "users", user, "token" | "generatessourl"] if request.method == Method::POST => {
            let _ = (name, user);
            Some(Err(crate::emulator::router::not_emulated(request, &request.path)))
        }
        _ => None,
    }
}

/// A call for another resource of the same request, for handlers that stand in for others.
fn redirected<'c>(call: &Call<'c>, kind: &'static Kind, id: ResourceId) -> Call<'c> {
    Call { request: call.request, version: call.version.clone(), kind, id }
}
