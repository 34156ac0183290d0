//! Links of a product to APIs and groups. There is one link for a pair: `apiLinks` and `groupLinks` name it, `products/apis` and
//! `products/groups` are the older view of the same.

use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};

use super::super::{Call, Kind, Overrides, Verbs, Write, find};
use super::{redirected, resolve, service_id};
use crate::arm::ResourceId;
use crate::arm::store::Stored;
use crate::emulator::answer::{Answer, Refusal};
use crate::emulator::crud;
use crate::emulator::json_text;
use crate::emulator::shape::{Field, TEXT};
use crate::emulator::transaction::{self, Transaction};

const LINK: Kind = Kind { conditional: false, verbs: Verbs::ALL.without(Verbs::PATCH).without(Verbs::HEAD), complete: link, ..Kind::CHILD };

pub(super) const API_LINKS: Kind = Kind {
    name: "Microsoft.ApiManagement/service/products/apiLinks",
    label: "ProductApiLink",
    properties: &[Field::new("apiId", TEXT).required()],
    ..LINK
};

pub(super) const GROUP_LINKS: Kind = Kind {
    name: "Microsoft.ApiManagement/service/products/groupLinks",
    label: "ProductGroupLink",
    properties: &[Field::new("groupId", TEXT).required()],
    ..LINK
};

const VIEW: Overrides =
    Overrides { get: Some(view_head), list: Some(view_list), put: Some(view_put), patch: None, delete: Some(view_delete) };

pub(super) const PRODUCT_APIS: Kind = Kind {
    name: "Microsoft.ApiManagement/service/products/apis",
    label: "Api",
    conditional: false,
    verbs: Verbs::ALL.without(Verbs::PATCH),
    overrides: VIEW,
    ..Kind::CHILD
};

pub(super) const PRODUCT_GROUPS: Kind = Kind { name: "Microsoft.ApiManagement/service/products/groups", label: "Group", ..PRODUCT_APIS };

/// Link collection, member that names the other end, and the other end's collection.
fn ends(kind: &Kind) -> (&'static str, &'static str, &'static str) {
    match kind.segment() {
        "groups" | "groupLinks" => ("groupLinks", "groupId", "groups"),
        _ => ("apiLinks", "apiId", "apis"),
    }
}

fn link_to(tx: &Transaction<'_>, product: &ResourceId, kind: &Kind, target: &ResourceId) -> Option<Arc<Stored>> {
    let (links, member, other) = ends(kind);
    let owner = service_id(product);
    tx.children(product, links).into_iter().find(|link| {
        json_text(&link.body, &format!("/properties/{member}")).and_then(|id| resolve(&owner, id, other)).as_ref() == Some(target)
    })
}

/// The other ends of a product's links.
pub(super) fn linked(tx: &Transaction<'_>, product: &ResourceId, links: &str, member: &str, other: &str) -> Vec<Arc<Stored>> {
    let owner = service_id(product);
    tx.children(product, links)
        .iter()
        .filter_map(|link| json_text(&link.body, &format!("/properties/{member}")).and_then(|id| resolve(&owner, id, other)))
        .filter_map(|id| tx.get(&id))
        .collect()
}

/// A link with the name of its other end.
pub(super) fn new_link(tx: &mut Transaction<'_>, product: &ResourceId, links: &str, member: &str, target: &ResourceId) -> Stored {
    let kind = format!("Microsoft.ApiManagement/service/products/{links}");
    let id = product.child(links, target.name());
    let etag = tx.next_etag();
    let kind = find(&kind).map_or("", |found| found.name);
    transaction::stored(&id, kind, etag, json!({ "properties": { member: target.as_str() } }))
}

fn link(write: &mut Write<'_, '_>) -> Result<(), Refusal> {
    let Some(kind) = find(&write.id.resource_type()) else { return Ok(()) };
    let (_, member, other) = ends(kind);
    let owner = service_id(&write.id);
    let Some(product) = write.id.parent() else { return Ok(()) };
    let words = if other == "apis" { "Api" } else { "Group" };
    let pointer = format!("/properties/{member}");
    let Some(target) = write.text(&pointer).and_then(|id| resolve(&owner, id, other)).and_then(|id| write.tx.get(&id)) else {
        return Err(Refusal::not_found(words));
    };
    if let Some(other_link) = link_to(write.tx, &product, kind, &target.id)
        && other_link.id != write.id
    {
        return Err(Refusal::service(409, "Conflict", format!("Link already exists between specified Product and {words}.")));
    }
    write.set(&pointer, target.id.as_str());
    Ok(())
}

/// Product and the other end of a view's id.
fn pair(tx: &Transaction<'_>, call: &Call<'_>) -> Result<(ResourceId, Arc<Stored>), Refusal> {
    let (_, _, other) = ends(call.kind);
    let Some(product) = call.id.parent() else { return Err(Refusal::not_found("Product")) };
    let target = service_id(&call.id).child(other, call.id.name());
    let target = super::without_current_revision(tx, target);
    tx.get(&target).map(|found| (product, found)).ok_or_else(|| Refusal::not_found(call.kind.label))
}

fn view_head(tx: &mut Transaction<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    if call.request.method == Method::GET {
        // The contract has no GET of one.
        return Err(crate::emulator::router::not_emulated(call.request, call.kind.name));
    }
    let (product, target) = pair(tx, call)?;
    // Recorded: 204 when linked.
    link_to(tx, &product, call.kind, &target.id).map(|_| Answer::empty(204)).ok_or_else(|| Refusal::not_found(call.kind.label))
}

fn view_put(tx: &mut Transaction<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    let (product, target) = pair(tx, call)?;
    let status = if link_to(tx, &product, call.kind, &target.id).is_some() {
        200
    } else {
        let (links, member, _) = ends(call.kind);
        let link = new_link(tx, &product, links, member, &target.id);
        tx.put(link);
        201
    };
    Ok(Answer::json(status, shown(tx, call, &target)))
}

/// The other end, as the contract's answer has it.
fn shown(tx: &Transaction<'_>, call: &Call<'_>, target: &Stored) -> Value {
    let Some(kind) = find(&target.id.resource_type()) else { return Value::Null };
    let other = redirected(call, kind, target.id.clone());
    crud::render(super::super::View { tx, request: other.request, version: &other.version, listed: false, fresh: false }, kind, target)
}

fn view_delete(tx: &mut Transaction<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    let Ok((product, target)) = pair(tx, call) else { return Ok(Answer::empty(204)) };
    let Some(link) = link_to(tx, &product, call.kind, &target.id) else { return Ok(Answer::empty(204)) };
    tx.remove(&link.id);
    Ok(Answer::empty(200))
}

fn view_list(tx: &mut Transaction<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    let (links, member, other) = ends(call.kind);
    let found = linked(tx, &call.id, links, member, other);
    crud::answer_list(tx, call, &found)
}
