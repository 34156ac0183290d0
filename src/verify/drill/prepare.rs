//! What a drill needs, written down before anything is made.

use serde_json::{Value, json};

use super::{Kind, NOWHERE, Prepared, broken_names, note, pool_name, restore};
use crate::arm::{ResourceId, catalogue};
use crate::policy::Document;
use crate::verify::documents::{Attached, parse};
use crate::verify::journal::Journal;
use crate::verify::pools::Pool;
use crate::verify::routes::Api;
use crate::verify::scene::Scene;
use crate::verify::subject::Subject;

const BACKEND: &str = "Microsoft.ApiManagement/service/backends";
const API: &str = "Microsoft.ApiManagement/service/apis";
const OPERATION: &str = "Microsoft.ApiManagement/service/apis/operations";
const POLICY: &str = "Microsoft.ApiManagement/service/apis/policies";

/// Finds a way to the pool and notes, here and in the service, what will be made or changed.
///
/// # Errors
/// Why there can be no drill; nothing was changed.
pub(super) async fn prepare(subject: &Subject<'_>, scene: &Scene, pool: &Pool, kind: Kind, journal: &Journal) -> Result<Prepared, String> {
    let prepared = match kind {
        Kind::Own => own(subject, scene, pool).await?,
        Kind::InPlace => in_place(scene, pool)?,
    };
    let write = |result: Result<(), crate::verify::journal::JournalError>| {
        result.map_err(|error| format!("{error}; without a journal nothing is changed"))
    };
    match kind {
        Kind::Own => {
            for (id, version, _) in &prepared.made {
                // What lies in something goes with it.
                if !prepared.made.iter().any(|(outer, _, _)| id.is_below(outer)) {
                    write(journal.will_make(id, version))?;
                }
            }
        }
        Kind::InPlace => {
            let before = restore::writable(&prepared.body);
            for services in every_change(pool, &prepared.body) {
                let after = with_services(&prepared.body, &services);
                write(journal.will_change(&prepared.pool, &prepared.api_version, &before, &after))?;
            }
        }
    }
    let contents = journal.contents();
    if let Err(error) = note::leave(subject.client, &contents.service, &contents).await {
        // Nothing has been made: the journal goes.
        for entry in &contents.entries {
            write(journal.done(entry.id()))?;
        }
        return Err(format!("no note can be left in the service, and without one nothing is changed: {error}"));
    }
    Ok(prepared)
}

/// Members of a pool without each one in turn.
fn every_change(pool: &Pool, body: &Value) -> Vec<Vec<Value>> {
    pool.members.iter().map(|member| without(&services(body), &member.backend)).collect()
}

/// The pool's entries.
pub(super) fn services(body: &Value) -> Vec<Value> {
    body.pointer("/properties/pool/services").and_then(Value::as_array).cloned().unwrap_or_default()
}

/// The entries without one backend's.
pub(super) fn without(services: &[Value], backend: &str) -> Vec<Value> {
    let is = |entry: &Value| {
        let id = entry.get("id").and_then(Value::as_str).unwrap_or_default();
        id.rsplit('/').next().is_some_and(|name| name.eq_ignore_ascii_case(backend))
    };
    services.iter().filter(|entry| !is(entry)).cloned().collect()
}

/// A pool's body with other entries, as it is sent.
pub(super) fn with_services(body: &Value, services: &[Value]) -> Value {
    let mut body = restore::writable(body);
    if let Some(pool) = body.pointer_mut("/properties/pool").and_then(Value::as_object_mut) {
        pool.insert("services".to_owned(), Value::from(services));
    }
    body
}

fn in_place(scene: &Scene, pool: &Pool) -> Result<Prepared, String> {
    let api = scene.apis.iter().find(|api| scene.pools_of(api).iter().any(|own| own.id == pool.id) && scene.way(api).is_some());
    let api = api.ok_or("no API of the specification leads to this pool with a key of the specification")?;
    let request = scene.way(api).ok_or("nothing can be called")?;
    Ok(Prepared {
        request,
        api: api.clone(),
        pool: pool.id.clone(),
        body: pool.body.clone(),
        api_version: pool.api_version.clone(),
        made: Vec::new(),
        broken: Vec::new(),
        words: format!("the real pool, through `{}`", api.name()),
    })
}

async fn own(subject: &Subject<'_>, scene: &Scene, pool: &Pool) -> Result<Prepared, String> {
    let service = subject.service().ok_or("there is no service")?;
    let mut why = "no API of the specification leads to this pool with a key of the specification".to_owned();
    for api in scene.apis.iter().filter(|api| scene.pools_of(api).iter().any(|own| own.id == pool.id)) {
        if scene.way(api).is_none() {
            continue;
        }
        // Policies of products and of the whole service act on every revision alike, so only the API's own can lead elsewhere.
        let documents = scene.documents.of_api(&api.id);
        let named: Vec<&&Attached> = documents.iter().filter(|attached| names_pool(&attached.document, scene)).collect();
        if named.is_empty() || named.iter().any(|attached| !attached.id.is_below(&api.id)) {
            why = format!(
                "the pool of `{}` is chosen by a fragment or by a policy of a product or of the whole service, which act on every revision alike: use `--drill in-place`",
                api.name()
            );
            continue;
        }
        return revision_of(subject, scene, pool, api, service).await;
    }
    Err(why)
}

async fn revision_of(subject: &Subject<'_>, scene: &Scene, pool: &Pool, api: &Api, service: &ResourceId) -> Result<Prepared, String> {
    let client = subject.client;
    let version = |kind: &str| catalogue::find(kind).map_or("2024-05-01", |entry| entry.api_version).to_owned();
    let revisions = client
        .list(&format!("{}/revisions", api.id), &version(API), &[])
        .await
        .map_err(|error| format!("revisions of `{}`: {error}", api.name()))?;
    let number = |item: &Value| item.get("apiRevision").and_then(Value::as_str).and_then(|text| text.parse::<u32>().ok());
    let next = revisions.iter().filter_map(number).max().unwrap_or(1).saturating_add(1).to_string();
    let id = service.child("apis", &format!("{};rev={next}", api.name()));
    let drill_pool = pool_name(&subject.desired.owner);
    let pool_id = service.child("backends", &drill_pool);

    let mut body = restore::writable(&pool.body);
    if let Some(properties) = body.pointer_mut("/properties").and_then(Value::as_object_mut) {
        properties.insert(
            "description".to_owned(),
            json!(format!("The members of {}, for a failover drill of apimctl; may be deleted", pool.name())),
        );
        properties.remove("title");
    }
    // Taken away in reverse order: what names another goes before it.
    let broken: Vec<(ResourceId, String)> =
        broken_names(&subject.desired.owner).iter().map(|name| (service.child("backends", name), version(BACKEND))).collect();
    let mut made: Vec<(ResourceId, String, Value)> =
        broken.iter().map(|(id, version)| (id.clone(), version.clone(), broken_body(pool))).collect();
    made.push((pool_id.clone(), pool.api_version.clone(), body.clone()));

    // A revision starts as a copy of its source; what a copy keeps differs by version, so all of it is sent.
    let mut properties: serde_json::Map<String, Value> = api
        .body
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter(|(name, value)| COPIED.contains(&name.as_str()) && !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    properties.insert("sourceApiId".to_owned(), json!(api.id.as_str()));
    properties.insert("apiRevision".to_owned(), json!(next));
    properties.insert("isCurrent".to_owned(), json!(false));
    properties.insert("apiRevisionDescription".to_owned(), json!("Failover drill of apimctl; may be deleted"));
    let api_body = json!({ "properties": properties });
    let api_version = catalogue::find(API).map_or("2024-05-01", |entry| entry.api_version_for(&api_body)).to_owned();
    made.push((id.clone(), api_version, api_body));

    let operations = client
        .list(&format!("{}/operations", api.id), &version(OPERATION), &[])
        .await
        .map_err(|error| format!("operations of `{}`: {error}", api.name()))?;
    for operation in &operations {
        let Some(name) = operation.get("name").and_then(Value::as_str) else { continue };
        let fields = operation.get("properties").and_then(Value::as_object).into_iter().flatten();
        let properties: serde_json::Map<String, Value> = fields
            .filter(|(name, value)| name.as_str() != "policies" && !value.is_null())
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        made.push((id.child("operations", name), version(OPERATION), json!({ "properties": properties })));
    }
    for attached in scene.documents.of_api(&api.id).into_iter().filter(|attached| attached.id.is_below(&api.id)) {
        let Some(rest) = attached.id.relative_to(&api.id) else { continue };
        let Ok(target) = ResourceId::parse(&format!("{id}{rest}")) else { continue };
        let value = redirected(attached, scene, &drill_pool);
        // What came out must still be the same kind of document.
        parse(&value, attached.format()).ok_or_else(|| format!("the policy of `{}` cannot be led to another pool", attached.id))?;
        made.push((target, version(POLICY), json!({ "properties": { "format": attached.format(), "value": value } })));
    }
    let revision = api.at_revision(&next);
    let request = scene.way_at(api, &revision).ok_or("nothing can be called")?;
    Ok(Prepared {
        request,
        api: revision,
        pool: pool_id,
        body,
        api_version: pool.api_version.clone(),
        made,
        broken,
        words: format!("a pool `{drill_pool}` with the same members, and revision {next} of `{}`, which no client calls", api.name()),
    })
}

/// Properties of an API that a revision shares with it.
const COPIED: [&str; 10] = [
    "displayName",
    "path",
    "protocols",
    "serviceUrl",
    "subscriptionRequired",
    "subscriptionKeyParameterNames",
    "apiVersion",
    "apiVersionSetId",
    "type",
    "authenticationSettings",
];

/// A backend that nobody answers for, with the breaker that the pool's own members have.
fn broken_body(pool: &Pool) -> Value {
    let mut properties = json!({
        "url": NOWHERE, "protocol": "http", "description": "A member that never answers, for a failover drill of apimctl; may be deleted",
    });
    if let (Some(rule), Some(fields)) = (pool.in_use().find_map(|member| member.breaker.clone()), properties.as_object_mut()) {
        fields.insert("circuitBreaker".to_owned(), json!({ "rules": [rule] }));
    }
    json!({ "properties": properties })
}

/// Places where a document names a pool outright.
fn pool_names<'a>(document: &'a Document, scene: &'a Scene) -> impl Iterator<Item = std::ops::Range<usize>> + 'a {
    let ranges: Vec<std::ops::Range<usize>> = document
        .walk()
        .iter()
        .filter(|visit| visit.element.name == "set-backend-service")
        .filter_map(|visit| visit.element.attribute("backend-id"))
        .filter(|attribute| {
            let name = attribute.value.literal().map(str::trim).unwrap_or_default();
            scene.pools.iter().any(|pool| pool.name().eq_ignore_ascii_case(name))
        })
        .map(|attribute| attribute.value_range.clone())
        .collect();
    ranges.into_iter()
}

fn names_pool(document: &Document, scene: &Scene) -> bool {
    pool_names(document, scene).next().is_some()
}

/// The document with every pool replaced by the drill's: whatever a policy chooses by, requests of the drill come to its pool.
fn redirected(attached: &Attached, scene: &Scene, pool: &str) -> String {
    let mut text = attached.text.clone();
    let mut ranges: Vec<_> = pool_names(&attached.document, scene).collect();
    ranges.sort_unstable_by_key(|range| std::cmp::Reverse(range.start));
    for range in ranges {
        if text.get(range.clone()).is_some() {
            text.replace_range(range, pool);
        }
    }
    text
}
