//! Deleted services: kept for 48 hours with all that lay in them, restored or purged, and purged by themselves.

use std::sync::Arc;

use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::super::Call;
use super::{SERVICE, service};
use crate::arm::ResourceId;
use crate::arm::store::Stored;
use crate::emulator::answer::{Answer, Refusal};
use crate::emulator::operations::{self, Effect, millis};
use crate::emulator::providers::resources::normalised_region;
use crate::emulator::request::Request;
use crate::emulator::router::Route;
use crate::emulator::transaction::{self, Transaction};
use crate::emulator::{encode_path, json_text, paging, set, timestamp};

/// How long a deleted service is kept (documented).
const KEPT: Duration = Duration::hours(48);

/// Moves a service and what lies in it into the attic. Extensions (role assignments, diagnostic settings) are deleted: a restored
/// service does not get them back (assumed).
pub(crate) fn to_attic(tx: &mut Transaction<'_>, id: &ResourceId) {
    let Some(stored) = tx.get(id) else { return };
    for child in tx.below(&stored.id) {
        if !child.id.relative_to(&stored.id).is_some_and(|path| path.to_ascii_lowercase().starts_with("/providers/")) {
            tx.changes.attic.insert(child.id.clone(), Some(child.clone()));
        }
        tx.remove(&child.id);
    }
    let mut service = Stored::clone(&stored);
    set(&mut service.internal, "/deletedAt", json!(millis(tx.now)));
    tx.remove(&stored.id);
    tx.changes.attic.insert(service.id.clone(), Some(Arc::new(service)));
}

/// Makes a soft-deleted service for a fixture.
pub(crate) fn seed(tx: &mut Transaction<'_>, id: &ResourceId, location: &str) {
    if tx.attic().iter().any(|stored| stored.id == *id) {
        return;
    }
    let body =
        json!({ "location": location, "properties": { "provisioningState": "Succeeded" }, "sku": { "name": "Developer", "capacity": 1 } });
    let mut stored = transaction::stored(id, SERVICE, String::new(), body);
    service::tag(tx, &mut stored);
    stored.internal = json!({ "deletedAt": millis(tx.now) });
    tx.changes.attic.insert(id.clone(), Some(Arc::new(stored)));
}

fn deleted_at(stored: &Stored) -> i64 {
    stored.internal.get("deletedAt").and_then(Value::as_i64).unwrap_or(0)
}

fn services(tx: &Transaction<'_>) -> Vec<Arc<Stored>> {
    tx.attic().into_iter().filter(|stored| stored.id.is_type(SERVICE)).collect()
}

/// Removes a service from the attic for good.
pub(crate) fn purge(tx: &mut Transaction<'_>, id: &ResourceId) {
    for stored in tx.attic() {
        if stored.id == *id || stored.id.is_below(id) {
            tx.changes.attic.insert(stored.id.clone(), None);
        }
    }
}

/// Purges what has lain there for 48 hours.
pub(crate) fn expire(tx: &mut Transaction<'_>) {
    let kept = i64::try_from(KEPT.whole_milliseconds()).unwrap_or(i64::MAX);
    for stored in services(tx) {
        if deleted_at(&stored).saturating_add(kept) <= millis(tx.now) {
            purge(tx, &stored.id);
        }
    }
}

/// `restore: true`: everything else of the request is ignored (documented), the entities are there again.
pub(super) fn restore(tx: &mut Transaction<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    let mut restored = None;
    for stored in tx.attic() {
        if stored.id == call.id {
            let mut service = Stored::clone(&stored);
            if let Some(internal) = service.internal.as_object_mut() {
                internal.shift_remove("deletedAt");
            }
            set(&mut service.body, "/properties/provisioningState", json!("Activating"));
            set(&mut service.body, "/properties/targetProvisioningState", json!("Activating"));
            service::tag(tx, &mut service);
            tx.put(service.clone());
            restored = Some(service);
        } else if stored.id.is_below(&call.id) {
            tx.put(Stored::clone(&stored));
        } else {
            continue;
        }
        tx.changes.attic.insert(stored.id.clone(), None);
    }
    let Some(stored) = restored else { return Err(crate::emulator::router::resource_not_found(&call.id)) };
    let duration = tx.options.activation;
    let operation = operations::start(tx, &stored.id, duration, 200, Effect::ServiceReady);
    let body = stored.body.clone();
    Ok(service::accepted(tx, call, &stored, &operation, Answer::json(201, body)))
}

fn body(stored: &Stored) -> Value {
    let location = json_text(&stored.body, "/location").unwrap_or_default();
    let name = stored.id.name();
    let subscription = stored.id.subscription_id().unwrap_or_default();
    let deleted =
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(deleted_at(stored)) * 1_000_000).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    json!({
        "id": format!("/subscriptions/{subscription}/providers/Microsoft.ApiManagement/locations/{}/deletedservices/{name}", normalised_region(location)),
        "name": name,
        "type": "Microsoft.ApiManagement/deletedservices",
        "location": location,
        "properties": {
            "serviceId": stored.id.as_str(),
            "scheduledPurgeDate": timestamp(deleted + KEPT),
            "deletionDate": timestamp(deleted)
        }
    })
}

pub(super) fn list(tx: &Transaction<'_>, request: &Request, route: &Route<'_>) -> Result<Answer, Refusal> {
    let subscription = route.subscription().unwrap_or_default();
    let items = services(tx)
        .iter()
        .filter(|stored| stored.id.subscription_id().is_some_and(|id| id.eq_ignore_ascii_case(subscription)))
        .map(|stored| body(stored))
        .collect();
    paging::page(tx.options, request, items, false)
}

fn find(tx: &Transaction<'_>, route: &Route<'_>, location: &str, name: &str) -> Option<Arc<Stored>> {
    services(tx).into_iter().find(|stored| {
        stored.id.name().eq_ignore_ascii_case(name)
            && stored.id.subscription_id().is_some_and(|id| route.subscription().is_some_and(|asked| asked.eq_ignore_ascii_case(id)))
            && json_text(&stored.body, "/location").is_some_and(|found| normalised_region(found) == normalised_region(location))
    })
}

/// GET of one, and DELETE: the purge.
pub(super) fn one(tx: &mut Transaction<'_>, request: &Request, route: &Route<'_>, location: &str, name: &str) -> Result<Answer, Refusal> {
    let version = request.version()?;
    let found = find(tx, route, location, name);
    match (request.method.as_str(), found) {
        ("GET", Some(stored)) => Ok(Answer::json(200, body(&stored))),
        ("DELETE", None) => Ok(Answer::empty(204)),
        ("DELETE", Some(stored)) => {
            let duration = operations::short(tx);
            let operation = operations::start(tx, &stored.id, duration, 200, Effect::ServicePurged);
            let base = encode_path(&format!("/{}", request.segments.join("/")));
            Ok(operations::accepted_by_location(tx, &operation, &base, &version))
        }
        (_, None) => Err(Refusal::service(404, "ServiceNotFound", format!("Api service does not exist: {name}"))),
        _ => Err(crate::emulator::router::not_emulated(request, &request.path)),
    }
}

pub(super) fn poll(tx: &mut Transaction<'_>, request: &Request, route: &Route<'_>, id: &str) -> Result<Answer, Refusal> {
    let words: Vec<&str> = route.rest.iter().take(4).copied().collect();
    let base = format!("{}/providers/{}/{}", route.scope_path(), route.namespace, words.join("/"));
    operations::poll(tx, request, &encode_path(&base), id)
}
