//! What every type has in common: read, list, write, delete, and the actions of the table.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::answer::{Answer, Problems, Refusal};
use super::operations::{self, Effect, Poll};
use super::providers;
use super::providers::{Call, Kind, Style, View, Write};
use super::request::ApiVersion;
use super::shape::{matches, narrow, shape};
use super::transaction::{self, Transaction};
use super::{etag, paging};
use crate::arm::ResourceId;
use crate::arm::store::Stored;

/// The resource, or "not found" in the words of its type.
pub(crate) fn existing(tx: &Transaction<'_>, kind: &Kind, id: &ResourceId) -> Result<Arc<Stored>, Refusal> {
    tx.get(id).ok_or_else(|| absent(kind, id))
}

/// "Not found": API Management's children have words of their own, everything else ARM's.
pub(crate) fn absent(kind: &Kind, id: &ResourceId) -> Refusal {
    if kind.is_api_management() && kind.name.contains("/service/") {
        return Refusal::not_found(kind.label);
    }
    super::router::resource_not_found(id)
}

/// The body that GET answers.
pub(crate) fn render(view: View<'_, '_>, kind: &Kind, stored: &Stored) -> Value {
    let mut body = stored.body.clone();
    if let Some(properties) = body.get_mut("properties") {
        narrow(kind.properties, properties, view.tx.lens(view.version));
    }
    (kind.show)(view, stored, &mut body);
    body
}

fn view<'v, 't>(tx: &'v Transaction<'t>, call: &'v Call<'_>, fresh: bool) -> View<'v, 't> {
    View { tx, request: call.request, version: &call.version, listed: false, fresh }
}

pub(crate) fn get(tx: &mut Transaction<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    let mut status = 200;
    if let Some(polled) = operations::poll_at_resource(tx, call.request) {
        match polled? {
            Poll::Pending(answer) => return Ok(answer),
            Poll::Done(code) => status = code,
        }
        if tx.get(&call.id).is_none() {
            // The end of a DELETE.
            return Ok(Answer::empty(status));
        }
    }
    let stored = existing(tx, call.kind, &call.id)?;
    Ok(Answer::json(status, render(view(tx, call, false), call.kind, &stored)).etag(&stored.etag))
}

pub(crate) fn head(tx: &mut Transaction<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    let stored = existing(tx, call.kind, &call.id)?;
    Ok(Answer::empty(200).etag(&stored.etag))
}

pub(crate) fn list(tx: &mut Transaction<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    let children = tx.children(&call.id, &collection_of(call.kind));
    answer_list(tx, call, &children)
}

/// The path from a parent or scope to the resources of a kind.
pub(crate) fn collection_of(kind: &Kind) -> String {
    if kind.place == super::providers::Place::Child { kind.segment().to_owned() } else { format!("providers/{}", kind.name) }
}

/// A page of these resources.
pub(crate) fn answer_list(tx: &Transaction<'_>, call: &Call<'_>, found: &[Arc<Stored>]) -> Result<Answer, Refusal> {
    let view = View { tx, request: call.request, version: &call.version, listed: true, fresh: false };
    let items =
        found.iter().map(|stored| render(view, super::providers::find(&stored.id.resource_type()).unwrap_or(call.kind), stored)).collect();
    paging::page(tx.options, call.request, items, call.kind.is_api_management() && call.kind.name.contains("/service/"))
}

pub(crate) fn put(tx: &mut Transaction<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    let sent = call.request.object()?;
    write(tx, call, sent, false)
}

pub(crate) fn patch(tx: &mut Transaction<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    let stored = existing(tx, call.kind, &call.id)?;
    let mut merged = with_secrets(&stored);
    merge(&mut merged, &call.request.object()?);
    write(tx, call, merged, true)
}

/// RFC 7396.
pub(crate) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    if let Value::Object(target) = target {
        for (key, value) in patch {
            if value.is_null() {
                target.shift_remove(key);
            } else {
                merge(target.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
    }
}

/// The body with its secret values put back.
pub(crate) fn with_secrets(stored: &Stored) -> Value {
    let mut body = stored.body.clone();
    for (pointer, secret) in &stored.secrets {
        super::set(&mut body, pointer, Value::String(secret.expose().clone()));
    }
    body
}

fn check_name(kind: &Kind, id: &ResourceId) -> Result<(), Refusal> {
    let Some((pattern, least, most)) = kind.naming else { return Ok(()) };
    let name = id.name();
    if matches(pattern, name) && (least..=most).contains(&name.chars().count()) {
        return Ok(());
    }
    if !kind.is_api_management() {
        return Err(Refusal::plain(
            400,
            "InvalidResourceName",
            format!("Resource name '{name}' is invalid. It must match '{pattern}' and have between {least} and {most} characters."),
        ));
    }
    let mut problems = Problems::default();
    // The target of a name is the route's parameter (assumed).
    problems.add("name", format!("Name '{name}' is invalid. It must match '{pattern}' and have between {least} and {most} characters."));
    problems.into_result().and(Ok(()))
}

fn write(tx: &mut Transaction<'_>, call: &Call<'_>, sent: Value, patch: bool) -> Result<Answer, Refusal> {
    let kind = call.kind;
    settle_pending(tx, &call.id)?;
    let existing = tx.get(&call.id);
    etag::check(call.request, existing.as_deref(), patch && kind.conditional)?;
    if existing.is_none() {
        check_name(kind, &call.id)?;
    }
    let id = existing.as_ref().map_or_else(|| call.id.clone(), |stored| stored.id.clone());
    let made = make(tx, &call.version, kind, &id, existing.clone(), &sent, patch)?;
    let status = if existing.is_some() { kind.updated } else { kind.created };
    finish(tx, call, made, status)
}

/// What a write came to, before it is kept.
pub(crate) struct Made {
    stored: Stored,
    companions: Vec<Stored>,
    style: Style,
    failure: Option<Refusal>,
}

/// Shapes and completes a resource.
pub(crate) fn make(
    tx: &mut Transaction<'_>,
    version: &ApiVersion,
    kind: &'static Kind,
    id: &ResourceId,
    existing: Option<Arc<Stored>>,
    sent: &Value,
    patch: bool,
) -> Result<Made, Refusal> {
    let mut problems = Problems::default();
    let lens = tx.lens(version);
    let mut body = shape(kind.envelope, sent, lens, &mut problems);
    let empty = Value::Object(Map::new());
    let properties = sent.as_object().and_then(|object| super::shape::member(object, "properties")).unwrap_or(&empty);
    body.insert("properties".to_owned(), Value::Object(shape(kind.properties, properties, lens, &mut problems)));
    let stored = transaction::stored(id, kind.name, String::new(), Value::Object(body));
    let mut write =
        Write { tx, version, id: id.clone(), existing, patch, stored, problems, failure: None, style: kind.style, companions: Vec::new() };
    if let Some(existing) = &write.existing {
        write.stored.internal = existing.internal.clone();
    }
    (kind.complete)(&mut write)?;
    let Write { tx, existing, mut stored, problems, failure, style, companions, .. } = write;
    problems.into_result()?;
    for name in kind.write_only {
        let pointer = format!("/properties/{name}");
        match super::take(&mut stored.body, &pointer) {
            Some(Value::String(value)) => {
                stored.secrets.insert(pointer, value.into());
            }
            _ => {
                // A write-only value that is not sent again stays as it is.
                if !stored.secrets.contains_key(&pointer)
                    && let Some(kept) = existing.as_ref().and_then(|existing| existing.secrets.get(&pointer))
                {
                    stored.secrets.insert(pointer, kept.clone());
                }
            }
        }
    }
    stored.etag = match &existing {
        // Recorded for policies: an identical PUT keeps the tag.
        Some(existing) if existing.body == stored.body && existing.secrets == stored.secrets => existing.etag.clone(),
        _ => tx.next_etag(),
    };
    Ok(Made { stored, companions, style, failure })
}

/// Keeps what was made, at once.
pub(crate) fn keep(tx: &mut Transaction<'_>, made: Made) {
    for companion in made.companions {
        tx.put(companion);
    }
    tx.put(made.stored);
}

fn finish(tx: &mut Transaction<'_>, call: &Call<'_>, made: Made, status: u16) -> Result<Answer, Refusal> {
    if made.style == Style::Deferred {
        let duration = operations::short(tx);
        let mut operation = operations::start(tx, &made.stored.id, duration, status, Effect::Puts);
        let with_body = call.request.method == http::Method::PUT && call.version.is_since(operations::ACCEPTED_WITH_BODY);
        let shown = with_body.then(|| Answer::json(status, render(view(tx, call, true), call.kind, &made.stored)).etag(&made.stored.etag));
        match made.failure {
            Some(refusal) => operation.failure = Some((refusal.status(), refusal.error().clone())),
            None => {
                operation.puts = made.companions;
                operation.puts.push(made.stored);
            }
        }
        tx.put_operation(operation.clone());
        return Ok(match shown {
            Some(answer) => {
                let service = providers::api_management::service_id(&operation.resource);
                operations::accepted_with_body(tx, &operation, &super::encode_path(service.as_str()), &call.version, answer)
            }
            None => operations::accepted_at_resource(tx, &operation, &call.version),
        });
    }
    if let Some(refusal) = made.failure {
        return Err(refusal);
    }
    let stored = made.stored.clone();
    keep(tx, made);
    Ok(Answer::json(status, render(view(tx, call, true), call.kind, &stored)).etag(&stored.etag))
}

/// A write that is still under way on the same resource: an API refuses the next one (recorded), everything else takes it after
/// the first (assumed).
fn settle_pending(tx: &mut Transaction<'_>, id: &ResourceId) -> Result<(), Refusal> {
    for operation in tx.pending() {
        let busy = operation.resource.resource_type().eq_ignore_ascii_case("Microsoft.ApiManagement/service/apis");
        if busy && (operation.resource == *id || id.is_below(&operation.resource)) {
            return Err(Refusal::service(409, "PessimisticConcurrencyConflict", "Operation on the API is in progress"));
        }
        if operation.resource == *id && operation.effect == Effect::Puts {
            operations::finish(tx, operation);
        }
    }
    Ok(())
}

pub(crate) fn delete(tx: &mut Transaction<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    settle_pending(tx, &call.id)?;
    let existing = tx.get(&call.id);
    etag::check(call.request, existing.as_deref(), call.kind.conditional)?;
    let Some(stored) = existing else { return Ok(Answer::empty(204)) };
    (call.kind.before_delete)(tx, call.request, &stored)?;
    if call.kind.deferred_delete.is_some_and(|date| call.version.is_since(date)) {
        let duration = operations::short(tx);
        let operation = operations::start(tx, &stored.id, duration, 200, Effect::Removed);
        return Ok(operations::accepted_at_resource(tx, &operation, &call.version));
    }
    tx.remove_tree(&stored.id);
    Ok(Answer::empty(200))
}
