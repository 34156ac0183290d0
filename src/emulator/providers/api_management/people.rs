//! Groups and users.

use serde_json::{Value, json};

use super::super::{Call, Kind, Overrides, Verbs, Write, find};
use super::{ENTITY_NAME, redirected, service_id};
use crate::emulator::answer::{Answer, Refusal};
use crate::emulator::crud;
use crate::emulator::shape::{Field, TEXT, Type};
use crate::emulator::transaction::{self, Transaction};
use crate::emulator::{json_text, timestamp};

pub(super) const GROUP: Kind = Kind {
    name: "Microsoft.ApiManagement/service/groups",
    label: "Group",
    naming: Some((ENTITY_NAME, 1, 256)),
    properties: &[
        Field::new("displayName", Type::Text(1, 300)).required(),
        Field::new("description", Type::Text(0, 1000)).or("null"),
        Field::new("type", Type::Word(&["custom", "system", "external"])).or(r#""custom""#),
        Field::new("externalId", TEXT).or("null"),
    ],
    complete: |write| {
        let built_in = write.before("/properties/builtIn").unwrap_or(Value::Bool(false));
        if built_in == Value::Bool(true) {
            return Err(system_group());
        }
        write.set("/properties/builtIn", built_in);
        Ok(())
    },
    before_delete: |_, _, stored| {
        if stored.body.pointer("/properties/builtIn") == Some(&Value::Bool(true)) { Err(system_group()) } else { Ok(()) }
    },
    ..Kind::CHILD
};

fn system_group() -> Refusal {
    // Refused (documented: system groups cannot be managed or deleted); words assumed.
    Refusal::service(405, "MethodNotAllowed", "System entity cannot be changed or deleted.")
}

/// Members of a group: a link without a body of its own.
pub(super) const GROUP_USERS: Kind = Kind {
    name: "Microsoft.ApiManagement/service/groups/users",
    label: "User",
    conditional: false,
    verbs: Verbs::ALL.without(Verbs::PATCH).without(Verbs::GET),
    overrides: Overrides { put: Some(put_member), list: Some(list_members), get: Some(head_member), ..Overrides::NONE },
    ..Kind::CHILD
};

fn put_member(tx: &mut Transaction<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    let user = service_id(&call.id).child("users", call.id.name());
    let Some(user) = tx.get(&user) else { return Err(Refusal::not_found("User")) };
    let status = if tx.get(&call.id).is_some() { 200 } else { 201 };
    let etag = tx.next_etag();
    tx.put(transaction::stored(&call.id, GROUP_USERS.name, etag, json!({})));
    let body = find(USER.name).map(|kind| {
        let other = redirected(call, kind, user.id.clone());
        crud::render(super::super::View { tx, request: other.request, version: &other.version, listed: false, fresh: false }, kind, &user)
    });
    Ok(Answer { body, ..Answer::empty(status) })
}

fn head_member(tx: &mut Transaction<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    tx.get(&call.id).map(|_| Answer::empty(204)).ok_or_else(|| Refusal::not_found("User"))
}

fn list_members(tx: &mut Transaction<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    let owner = service_id(&call.id);
    let found: Vec<_> = tx.children(&call.id, "users").iter().filter_map(|link| tx.get(&owner.child("users", link.id.name()))).collect();
    crud::answer_list(tx, call, &found)
}

pub(super) const USER: Kind = Kind {
    name: "Microsoft.ApiManagement/service/users",
    label: "User",
    naming: Some((ENTITY_NAME, 1, 80)),
    properties: &[
        Field::new("state", Type::Word(&["active", "blocked", "pending", "deleted"])).or(r#""active""#),
        Field::new("note", TEXT).or("null"),
        Field::new("identities", Type::Any),
        Field::new("email", Type::Text(1, 254)).required(),
        Field::new("firstName", Type::Text(1, 100)).required(),
        Field::new("lastName", Type::Text(1, 100)).required(),
        Field::new("password", TEXT),
        Field::new("appType", TEXT),
        Field::new("confirmation", TEXT),
    ],
    write_only: &["password"],
    deferred_delete: Some("2024-05-01"),
    complete: user,
    before_delete: |tx, request, stored| {
        if stored.id.name() == "1" {
            return Err(system_group());
        }
        let owned: Vec<_> = subscriptions_of(tx, stored.id.as_str(), &service_id(&stored.id));
        if !owned.is_empty() && !request.flag("deleteSubscriptions") {
            return Err(Refusal::service(400, "ValidationError", "Cannot delete user since it has existing subscriptions."));
        }
        for subscription in owned {
            tx.remove(&subscription.id);
        }
        for group in tx.children(&service_id(&stored.id), "groups") {
            tx.remove(&group.id.child("users", stored.id.name()));
        }
        Ok(())
    },
    ..Kind::CHILD
};

fn user(write: &mut Write<'_, '_>) -> Result<(), Refusal> {
    let email = write.text("/properties/email").unwrap_or_default().to_owned();
    let owner = service_id(&write.id);
    let taken = write.tx.children(&owner, "users").iter().any(|other| {
        other.id != write.id && json_text(&other.body, "/properties/email").is_some_and(|other| other.eq_ignore_ascii_case(&email))
    });
    if taken {
        write.problems.add("email", "User with specified email already exists.");
    }
    for member in ["appType", "confirmation"] {
        write.take(&format!("/properties/{member}"));
    }
    let now = timestamp(write.tx.now);
    write.keep_or("/properties/registrationDate", |_| json!(now));
    write.set_default("/properties/identities", json!([{ "provider": "Basic", "id": email }]));
    Ok(())
}

fn subscriptions_of(tx: &Transaction<'_>, user: &str, owner: &crate::arm::ResourceId) -> Vec<std::sync::Arc<crate::arm::store::Stored>> {
    let mut all = tx.children(owner, "subscriptions");
    all.retain(|subscription| json_text(&subscription.body, "/properties/ownerId").is_some_and(|id| id.eq_ignore_ascii_case(user)));
    all
}

/// Groups of a user: read only.
pub(super) const USER_GROUPS: Kind = Kind {
    name: "Microsoft.ApiManagement/service/users/groups",
    label: "Group",
    verbs: Verbs::LIST,
    overrides: Overrides { list: Some(list_groups), ..Overrides::NONE },
    ..Kind::CHILD
};

fn list_groups(tx: &mut Transaction<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    let mut groups = tx.children(&service_id(&call.id), "groups");
    groups.retain(|group| tx.get(&group.id.child("users", call.id.name())).is_some());
    crud::answer_list(tx, call, &groups)
}

/// Subscriptions of a user: read only.
pub(super) const USER_SUBSCRIPTIONS: Kind = Kind {
    name: "Microsoft.ApiManagement/service/users/subscriptions",
    label: "Subscription",
    verbs: Verbs::LIST,
    overrides: Overrides { list: Some(list_subscriptions), ..Overrides::NONE },
    ..Kind::CHILD
};

fn list_subscriptions(tx: &mut Transaction<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    let found = subscriptions_of(tx, call.id.as_str(), &service_id(&call.id));
    crud::answer_list(tx, call, &found)
}
