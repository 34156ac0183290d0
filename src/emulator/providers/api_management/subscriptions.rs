//! Subscriptions and their keys. Keys come back only from PUT, PATCH and `listSecrets` (recorded).

use serde_json::{Value, json};

use super::super::{Call, Kind, View, Write};
use super::{ENTITY_NAME, resolve, service_id};
use crate::arm::ResourceId;
use crate::arm::store::Stored;
use crate::emulator::answer::{Answer, Refusal};
use crate::emulator::crud;
use crate::emulator::shape::{Field, TEXT, Type};
use crate::emulator::transaction::{self, Transaction, secret};
use crate::emulator::{json_text, set, timestamp};

pub(super) const PRIMARY: &str = "/properties/primaryKey";
pub(super) const SECONDARY: &str = "/properties/secondaryKey";

pub(super) const KIND: Kind = Kind {
    name: "Microsoft.ApiManagement/service/subscriptions",
    label: "Subscription",
    naming: Some((ENTITY_NAME, 1, 256)),
    properties: &[
        Field::new("ownerId", TEXT),
        Field::new("scope", TEXT).required(),
        Field::new("displayName", Type::Text(1, 100)).required(),
        Field::new("primaryKey", Type::Text(1, 256)),
        Field::new("secondaryKey", Type::Text(1, 256)),
        Field::new("state", Type::Word(&["suspended", "active", "expired", "submitted", "rejected", "cancelled"])),
        Field::new("allowTracing", Type::Boolean),
        Field::new("stateComment", TEXT).or("null"),
        Field::new("expirationDate", TEXT).or("null"),
    ],
    write_only: &["primaryKey", "secondaryKey"],
    complete,
    show,
    actions: &[
        ("listSecrets", list_secrets),
        ("regeneratePrimaryKey", |tx, call| regenerate(tx, call, PRIMARY)),
        ("regenerateSecondaryKey", |tx, call| regenerate(tx, call, SECONDARY)),
    ],
    ..Kind::CHILD
};

fn complete(write: &mut Write<'_, '_>) -> Result<(), Refusal> {
    let owner = service_id(&write.id);
    let scope = write.text("/properties/scope").unwrap_or_default().to_owned();
    match expand_scope(write.tx, &owner, &scope) {
        Some(scope) => write.set("/properties/scope", scope),
        None if scope.is_empty() => {}
        None => write.problems.add(
            "scope",
            format!(
                "Subscription scope should be one of '/apis', '/apis/{{apiId}}', '/products/{{productId}}', and must exist: '{scope}'."
            ),
        ),
    }
    if let Some(user) = write.text("/properties/ownerId").map(str::to_owned) {
        match resolve(&owner, &user, "users").and_then(|id| write.tx.get(&id)) {
            Some(found) => write.set("/properties/ownerId", found.id.as_str()),
            None => write.problems.add("ownerId", "User not found."),
        }
    }
    check_limit(write, &owner);
    // Through ARM the caller is an administrator: no approval is waited for.
    let state = write.before("/properties/state").unwrap_or_else(|| json!("active"));
    write.set_default("/properties/state", state);
    if let Some(tracing) = write.before("/properties/allowTracing") {
        write.set_default("/properties/allowTracing", tracing);
    }
    let now = timestamp(write.tx.now);
    write.keep_or("/properties/createdDate", |_| json!(now));
    for date in ["startDate", "endDate", "notificationDate"] {
        write.set(&format!("/properties/{date}"), Value::Null);
    }
    for pointer in [PRIMARY, SECONDARY] {
        let known = write.text(pointer).is_some() || write.existing.as_ref().is_some_and(|existing| existing.secrets.contains_key(pointer));
        if !known {
            let key = write.tx.options.random.hex(32);
            write.stored.secrets.insert(pointer.to_owned(), key.into());
        }
    }
    Ok(())
}

/// A product's limit counts the subscriptions of one owner (words assumed).
fn check_limit(write: &mut Write<'_, '_>, owner: &ResourceId) {
    let Some(product) = write.text("/properties/scope").and_then(|scope| resolve(owner, scope, "products")) else { return };
    let Some(limit) =
        write.tx.get(&product).and_then(|product| product.body.pointer("/properties/subscriptionsLimit").and_then(Value::as_u64))
    else {
        return;
    };
    if write.existing.is_some() {
        return;
    }
    let own = write.text("/properties/ownerId").map(str::to_owned);
    let count = super::products::subscriptions_of(write.tx, &product)
        .iter()
        .filter(|other| json_text(&other.body, "/properties/ownerId") == own.as_deref())
        .count();
    if u64::try_from(count).unwrap_or(u64::MAX) >= limit {
        write.problems.add("scope", "Subscriptions limit reached for same user and product.");
    }
}

/// Full ids, as the service keeps scopes: `{svc}/apis`, `{svc}/apis/a`, `{svc}/products/p`, `{svc}/`.
fn expand_scope(tx: &Transaction<'_>, owner: &ResourceId, scope: &str) -> Option<String> {
    let trimmed = scope.trim();
    let relative = if trimmed.to_ascii_lowercase().starts_with("/subscriptions/") {
        let head = trimmed.get(..owner.as_str().len())?;
        if !head.eq_ignore_ascii_case(owner.as_str()) {
            return None;
        }
        trimmed.get(owner.as_str().len()..)?
    } else {
        trimmed
    };
    if !relative.starts_with('/') {
        return None;
    }
    let parts: Vec<&str> = relative.split('/').filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        [] => Some(format!("{owner}/")),
        [all] if all.eq_ignore_ascii_case("apis") => Some(format!("{owner}/apis")),
        [kind, _] if kind.eq_ignore_ascii_case("apis") || kind.eq_ignore_ascii_case("products") => {
            let kind = if kind.eq_ignore_ascii_case("apis") { "apis" } else { "products" };
            let id = resolve(owner, relative, kind)?;
            tx.get(&super::without_current_revision(tx, id)).map(|stored| stored.id.to_string())
        }
        _ => None,
    }
}

/// Keys stand in the answer to the write that made them; the date loses precision elsewhere (recorded).
fn show(view: View<'_, '_>, stored: &Stored, body: &mut Value) {
    if view.fresh {
        for pointer in [PRIMARY, SECONDARY] {
            if let Some(key) = secret(stored, pointer) {
                set(body, pointer, json!(key.expose()));
            }
        }
    } else if let Some(date) = json_text(&stored.body, "/properties/createdDate").and_then(|date| date.split_once('.')) {
        let (seconds, fraction) = date;
        let short: String = fraction.chars().take_while(char::is_ascii_digit).take(2).collect();
        set(body, "/properties/createdDate", json!(format!("{seconds}.{short}Z")));
    }
}

fn list_secrets(tx: &mut Transaction<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    let stored = crud::existing(tx, call.kind, &call.id)?;
    let key = |pointer| secret(&stored, pointer).map(|key| key.expose().clone());
    Ok(Answer::json(200, json!({ "primaryKey": key(PRIMARY), "secondaryKey": key(SECONDARY) })).etag(&stored.etag))
}

fn regenerate(tx: &mut Transaction<'_>, call: &Call<'_>, pointer: &str) -> Result<Answer, Refusal> {
    let key = tx.options.random.hex(32);
    tx.update(&call.id, |stored| {
        stored.secrets.insert(pointer.to_owned(), key.into());
    });
    Ok(Answer::empty(204))
}

/// The subscription that a new product gets for the administrator.
pub(super) fn automatic(tx: &mut Transaction<'_>, owner: &ResourceId, product: &ResourceId) -> Stored {
    let user = owner.child("users", "1");
    let mut stored = bare(tx, owner, &product.to_string(), Value::Null);
    set(&mut stored.body, "/properties/ownerId", json!(user.as_str()));
    stored
}

/// A subscription with a made name and fresh keys.
pub(super) fn bare(tx: &mut Transaction<'_>, owner: &ResourceId, scope: &str, display_name: Value) -> Stored {
    let name = tx.options.random.hex(24);
    named(tx, &owner.child("subscriptions", &name), scope, display_name)
}

/// A subscription with fresh keys.
pub(super) fn named(tx: &mut Transaction<'_>, id: &ResourceId, scope: &str, display_name: Value) -> Stored {
    let body = json!({
        "properties": {
            "scope": scope,
            "displayName": display_name,
            "state": "active",
            "createdDate": timestamp(tx.now),
            "startDate": null,
            "expirationDate": null,
            "endDate": null,
            "notificationDate": null,
            "stateComment": null,
            "allowTracing": false
        }
    });
    let etag = tx.next_etag();
    let mut stored = transaction::stored(id, KIND.name, etag, body);
    for pointer in [PRIMARY, SECONDARY] {
        stored.secrets.insert(pointer.to_owned(), tx.options.random.hex(32).into());
    }
    stored
}
