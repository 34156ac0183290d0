//! Brings the state up to a fixture.

use serde_json::{Map, Value, json};

use super::fixture::{Fixture, FixtureResource};
use super::providers::{self, Verbs, api_management};
use super::request::{ApiVersion, Request};
use super::transaction::{self, Transaction};
use super::{crud, json_text, set};
use crate::arm::ResourceId;

/// The version through which a fixture speaks: the newest, so that everything is kept.
const VERSION: &str = "9999-01-01-preview";

pub(super) fn seed(tx: &mut Transaction<'_>, fixture: &Fixture) -> Result<(), String> {
    let mut directory = tx.directory().clone();
    fixture.apply_to(&mut directory);
    if directory != *tx.directory() {
        tx.changes.directory = Some(directory);
    }
    let mut resources: Vec<&FixtureResource> = fixture.resources.iter().collect();
    // Parents before children, whatever the order of the document.
    resources.sort_by_key(|resource| resource.id.as_str().split('/').count());
    for resource in resources {
        one(tx, resource)?;
    }
    for deleted in &fixture.soft_deleted {
        if !deleted.id.is_type(api_management::SERVICE) {
            return Err(format!("the soft-deleted resource `{}` is no API Management service", deleted.id));
        }
        known_subscription(tx, &deleted.id)?;
        if tx.get(&deleted.id).is_none() {
            api_management::seed_soft_deleted(tx, &deleted.id, &deleted.location);
        }
    }
    Ok(())
}

/// A resource that is there lies in an Azure subscription that is there.
fn known_subscription(tx: &mut Transaction<'_>, id: &ResourceId) -> Result<(), String> {
    let Some(subscription) = id.subscription_id() else { return Err(format!("the resource `{id}` lies in no Azure subscription")) };
    if tx.directory().subscription(subscription).is_none() {
        let mut directory = tx.directory().clone();
        directory.add_subscription(subscription);
        tx.changes.directory = Some(directory);
    }
    Ok(())
}

fn one(tx: &mut Transaction<'_>, resource: &FixtureResource) -> Result<(), String> {
    known_subscription(tx, &resource.id)?;
    let kind = providers::find(&resource.id.resource_type());
    let read_only = kind.is_none_or(|kind| !kind.verbs.has(Verbs::PUT));
    if tx.get(&resource.id).is_some() && !read_only {
        return Ok(());
    }
    group(tx, &resource.id, resource.location.as_deref());
    if let Some(parent) = resource.id.parent().filter(|parent| parent.parent().is_some())
        && tx.get(&parent).is_none()
    {
        return Err(format!("the parent of `{}` is not there: name it in the fixture", resource.id));
    }
    let mut body = Map::new();
    let members = [
        ("location", resource.location.clone().map(Value::String)),
        ("kind", resource.kind.clone().map(Value::String)),
        ("sku", resource.sku.clone()),
        ("tags", resource.tags.clone()),
        ("identity", resource.identity.clone()),
        ("zones", resource.zones.clone()),
        ("properties", Some(resource.properties.clone().unwrap_or_else(|| json!({})))),
    ];
    for (name, value) in members {
        if let Some(value) = value {
            body.insert(name.to_owned(), value);
        }
    }
    match kind {
        Some(kind) if kind.name == api_management::SERVICE => service(tx, resource, Value::Object(body)),
        Some(kind) if !read_only => writable(tx, resource, kind, Value::Object(body)),
        _ => plain(tx, resource, Value::Object(body)),
    }
}

fn group(tx: &mut Transaction<'_>, id: &ResourceId, location: Option<&str>) {
    let (Some(subscription), Some(group)) = (id.subscription_id(), id.group_name()) else { return };
    let id = ResourceId::resource_group(subscription, group);
    if tx.get(&id).is_none() {
        let etag = tx.next_etag();
        let location = providers::resources::normalised_region(location.unwrap_or("eastus"));
        let body = json!({ "location": location, "properties": { "provisioningState": "Succeeded" } });
        tx.put(transaction::stored(&id, "Microsoft.Resources/resourceGroups", etag, body));
    }
}

fn request(id: &ResourceId) -> Request {
    let request = http::Request::builder().method(http::Method::PUT).uri(super::encode_path(id.as_str())).body(bytes::Bytes::new());
    Request::read(&request.unwrap_or_default())
}

/// Through the same rules as a PUT.
fn writable(tx: &mut Transaction<'_>, resource: &FixtureResource, kind: &'static providers::Kind, body: Value) -> Result<(), String> {
    let made = crud::make(tx, &ApiVersion::new(VERSION), kind, &resource.id, None, &body, false);
    let made = made.map_err(|refusal| {
        let details: Vec<&str> = refusal.error().details.iter().map(|detail| detail.message.as_str()).collect();
        format!("the resource `{}` does not fit: {} {}", resource.id, refusal.error().message, details.join(" "))
    })?;
    crud::keep(tx, made);
    Ok(())
}

/// A service that is there for long: settled, with the fixture's own properties.
fn service(tx: &mut Transaction<'_>, resource: &FixtureResource, mut body: Value) -> Result<(), String> {
    let publisher = json_text(&body, "/properties/publisherEmail").unwrap_or("admin@example.com").to_owned();
    for (pointer, value) in [
        ("/properties/publisherEmail", json!(publisher)),
        ("/properties/publisherName", json!(json_text(&body, "/properties/publisherName").unwrap_or("Example"))),
        ("/sku", body.get("sku").cloned().unwrap_or_else(|| json!({ "name": "Developer", "capacity": 1 }))),
        ("/location", json!(resource.location.as_deref().unwrap_or("eastus"))),
    ] {
        set(&mut body, pointer, value);
    }
    api_management::seed_service(tx, &request(&resource.id), &ApiVersion::new(VERSION), &resource.id, &body).map_err(|refusal| {
        let details: Vec<&str> = refusal.error().details.iter().map(|detail| detail.message.as_str()).collect();
        format!("the service `{}` does not fit: {} {}", resource.id, refusal.error().message, details.join(" "))
    })
}

/// A resource that is only read: kept as the fixture has it.
fn plain(tx: &mut Transaction<'_>, resource: &FixtureResource, mut body: Value) -> Result<(), String> {
    let kind = resource.id.resource_type();
    let name = providers::find(&kind).map_or(kind, |found| found.name.to_owned());
    let existing = tx.get(&resource.id);
    if resource.id.is_type("Microsoft.CognitiveServices/accounts") {
        account(&mut body);
    }
    if resource.id.is_type("Microsoft.CognitiveServices/accounts/deployments") {
        let default = |body: &mut Value, pointer: &str, value: Value| {
            if body.pointer(pointer).is_none_or(Value::is_null) {
                set(body, pointer, value);
            }
        };
        default(&mut body, "/properties/provisioningState", json!("Succeeded"));
    }
    let mut internal = existing.as_ref().map_or_else(|| json!({}), |stored| stored.internal.clone());
    if resource.id.is_type("Microsoft.ManagedIdentity/userAssignedIdentities") {
        for member in ["principalId", "clientId"] {
            let pointer = format!("/properties/{member}");
            let kept = existing.as_ref().and_then(|stored| json_text(&stored.body, &pointer)).map(str::to_owned);
            if json_text(&body, &pointer).is_none() {
                let value = kept.unwrap_or_else(|| tx.options.random.uuid().to_string());
                set(&mut body, &pointer, json!(value));
            }
        }
        let tenant = tx.directory().tenant_id.clone();
        set(&mut body, "/properties/tenantId", json!(tenant));
        if internal.get("principalCreatedAt").is_none() {
            // It is there for long: its principal has spread.
            set(&mut internal, "/principalCreatedAt", json!(0));
        }
    }
    let mut stored = transaction::stored(&resource.id, &name, String::new(), body);
    stored.internal = internal;
    if resource.id.is_type("Microsoft.KeyVault/vaults")
        && let Some(Value::Object(secrets)) = super::take(&mut stored.body, "/properties/secrets")
    {
        for (name, value) in secrets {
            if let Value::String(value) = value {
                stored.secrets.insert(format!("/properties/secrets/{name}"), value.into());
            }
        }
    }
    match existing {
        Some(existing) if existing.body == stored.body && existing.secrets == stored.secrets => {}
        _ => {
            stored.etag = tx.next_etag();
            tx.put(stored);
        }
    }
    Ok(())
}

/// An account has an endpoint: that of its custom subdomain, or of its region.
fn account(body: &mut Value) {
    let location = providers::resources::normalised_region(json_text(body, "/location").unwrap_or("eastus"));
    let endpoint = json_text(body, "/properties/customSubDomainName")
        .map_or_else(|| format!("https://{location}.api.cognitive.microsoft.com/"), |domain| format!("https://{domain}.openai.azure.com/"));
    for (pointer, value) in [
        ("/properties/endpoint", json!(endpoint)),
        ("/properties/provisioningState", json!("Succeeded")),
        ("/properties/publicNetworkAccess", json!("Enabled")),
        ("/kind", json!("OpenAI")),
        ("/sku", json!({ "name": "S0" })),
    ] {
        if body.pointer(pointer).is_none_or(Value::is_null) {
            set(body, pointer, value);
        }
    }
}
