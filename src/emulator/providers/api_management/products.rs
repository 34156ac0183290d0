//! Products. A new one is linked to the Administrators by itself (recorded) and gets a subscription of its own.

use serde_json::{Value, json};

use super::super::{Call, Kind, Overrides, Verbs, Write};
use super::{ENTITY_NAME, links, resolve, service_id, subscriptions};
use crate::arm::ResourceId;
use crate::emulator::answer::{Answer, Refusal};
use crate::emulator::crud;
use crate::emulator::json_text;
use crate::emulator::shape::{Field, Type};
use crate::emulator::transaction::Transaction;

pub(super) const KIND: Kind = Kind {
    name: "Microsoft.ApiManagement/service/products",
    label: "Product",
    naming: Some((ENTITY_NAME, 1, 256)),
    properties: &[
        Field::new("displayName", Type::Text(1, 300)).required(),
        Field::new("description", Type::Text(0, 1000)).or("null"),
        Field::new("terms", Type::Text(0, usize::MAX)).or("null"),
        Field::new("subscriptionRequired", Type::Boolean).or("true"),
        Field::new("approvalRequired", Type::Boolean),
        Field::new("subscriptionsLimit", Type::Integer(0, i32::MAX as i64)),
        Field::new("state", Type::Word(&["notPublished", "published"])).or(r#""notPublished""#),
    ],
    complete,
    // In no contract, and in every recorded answer.
    show: |view, stored, body| {
        let owner = service_id(&stored.id);
        let groups: Vec<Value> =
            links::linked(view.tx, &stored.id, "groupLinks", "groupId", "groups").iter().map(|group| group_body(&owner, group)).collect();
        crate::emulator::set(body, "/properties/groups", Value::Array(groups));
    },
    before_delete,
    ..Kind::CHILD
};

fn group_body(owner: &ResourceId, group: &crate::arm::store::Stored) -> Value {
    let member = |name: &str| group.body.pointer(&format!("/properties/{name}")).cloned().unwrap_or(Value::Null);
    json!({
        "id": format!("{owner}/groups/{}", group.id.name()),
        "name": member("displayName"),
        "description": member("description"),
        "builtIn": member("builtIn"),
        "type": member("type"),
        "externalId": member("externalId")
    })
}

/// Subscriptions of a product: read only.
pub(super) const SUBSCRIPTIONS: Kind = Kind {
    name: "Microsoft.ApiManagement/service/products/subscriptions",
    label: "Subscription",
    verbs: Verbs::LIST,
    overrides: Overrides { list: Some(list_subscriptions), ..Overrides::NONE },
    ..Kind::CHILD
};

fn complete(write: &mut Write<'_, '_>) -> Result<(), Refusal> {
    let required = write.stored.body.pointer("/properties/subscriptionRequired") != Some(&Value::Bool(false));
    let approval = write.stored.body.pointer("/properties/approvalRequired").cloned();
    let limit = write.stored.body.pointer("/properties/subscriptionsLimit").cloned();
    if !required {
        // Refused (assumed); words assumed.
        if approval == Some(Value::Bool(true)) {
            write.problems.add("approvalRequired", "ApprovalRequired can only be set when SubscriptionRequired is true.");
        }
        if limit.is_some_and(|limit| !limit.is_null()) {
            write.problems.add("subscriptionsLimit", "SubscriptionsLimit can only be set when SubscriptionRequired is true.");
        }
    }
    write.set_default("/properties/approvalRequired", if required { json!(false) } else { Value::Null });
    write.set_default("/properties/subscriptionsLimit", Value::Null);
    if write.existing.is_none() {
        let owner = service_id(&write.id);
        let product = write.id.clone();
        if let Some(group) = write.tx.get(&owner.child("groups", "administrators")) {
            let link = links::new_link(write.tx, &product, "groupLinks", "groupId", &group.id);
            write.companions.push(link);
        }
        if required {
            let subscription = subscriptions::automatic(write.tx, &owner, &product);
            write.companions.push(subscription);
        }
    }
    Ok(())
}

/// Subscriptions of a product.
pub(super) fn subscriptions_of(tx: &Transaction<'_>, product: &ResourceId) -> Vec<std::sync::Arc<crate::arm::store::Stored>> {
    let owner = service_id(product);
    let mut all = tx.children(&owner, "subscriptions");
    all.retain(|subscription| {
        json_text(&subscription.body, "/properties/scope").and_then(|scope| resolve(&owner, scope, "products")).as_ref() == Some(product)
    });
    all
}

fn list_subscriptions(tx: &mut Transaction<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    let found = subscriptions_of(tx, &call.id);
    crud::answer_list(tx, call, &found)
}

fn before_delete(
    tx: &mut Transaction<'_>,
    request: &crate::emulator::request::Request,
    stored: &crate::arm::store::Stored,
) -> Result<(), Refusal> {
    let subscriptions = subscriptions_of(tx, &stored.id);
    if subscriptions.is_empty() {
        return Ok(());
    }
    if !request.flag("deleteSubscriptions") {
        // That it is refused is assumed, and so are the words.
        return Err(Refusal::service(400, "ValidationError", "Cannot delete product since it has existing subscriptions."));
    }
    for subscription in subscriptions {
        tx.remove(&subscription.id);
    }
    Ok(())
}
