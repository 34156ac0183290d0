//! The service itself: create and change as long-running operations, identity from the first answer on.
//!
//! The first answer, the settled body and the default host name were recorded; what a tier adds is documented.

mod parts;

use serde_json::{Value, json};

use self::parts::{check_capacity, custom_properties, hide_certificates, host_names, identity};
use super::super::{Call, Kind, Overrides, Verbs};
use super::{SERVICE, built_in, soft_delete};
use crate::arm::ResourceId;
use crate::arm::store::Stored;
use crate::emulator::answer::{Answer, Problems, Refusal};
use crate::emulator::operations::{self, Effect};
use crate::emulator::providers::resources::{display_region, normalised_region, same_region};
use crate::emulator::request::Request;
use crate::emulator::router::Route;
use crate::emulator::shape::{Field, TEXT, TEXTS, Type, matches, shape};
use crate::emulator::transaction::{self, Transaction};
use crate::emulator::{crud, encode_path, json_text, set, timestamp};

const NAME: &str = r"^[a-zA-Z](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?$";
const SKUS: &[&str] = &["Developer", "Standard", "Premium", "Basic", "Consumption", "Isolated", "BasicV2", "StandardV2", "PremiumV2"];
const ON_OFF: Type = Type::Word(&["Enabled", "Disabled"]);

const ENVELOPE: &[Field] = &[
    Field::new("location", TEXT).required(),
    Field::new("tags", Type::Map(&TEXT)).or("{}"),
    Field::new(
        "sku",
        Type::Object(&[
            Field::new("name", Type::Word(SKUS)).required(),
            Field::new("capacity", Type::Integer(0, i32::MAX as i64)).required(),
        ]),
    )
    .required(),
    Field::new("identity", Type::Any).or("null"),
    Field::new("zones", TEXTS).or("null"),
];

const PROPERTIES: &[Field] = &[
    Field::new("publisherEmail", Type::Text(0, 100)).required(),
    Field::new("publisherName", Type::Text(0, 100)).required(),
    Field::new("notificationSenderEmail", Type::Text(0, 100)),
    Field::new("hostnameConfigurations", Type::List(&Type::Any, 0, 100)),
    Field::new("virtualNetworkConfiguration", Type::Any).or("null"),
    Field::new("additionalLocations", Type::List(&Type::Any, 0, 100)).or("null"),
    Field::new("customProperties", Type::Map(&TEXT)),
    Field::new("certificates", Type::List(&Type::Any, 0, 10)).or("null"),
    Field::new("enableClientCertificate", Type::Boolean),
    Field::new("disableGateway", Type::Boolean).or("false"),
    Field::new("natGatewayState", ON_OFF).or(r#""Disabled""#),
    Field::new("virtualNetworkType", Type::Word(&["None", "External", "Internal"])).or(r#""None""#),
    Field::new("apiVersionConstraint", Type::Object(&[Field::new("minApiVersion", TEXT).or("null")])).or(r#"{"minApiVersion":null}"#),
    Field::new("publicIpAddressId", TEXT).or("null"),
    Field::new("publicNetworkAccess", ON_OFF).or(r#""Enabled""#),
    Field::new("configurationApi", Type::Object(&[Field::new("legacyApi", ON_OFF)])).since("2023-09-01"),
    Field::new("legacyPortalStatus", ON_OFF).since("2023-09-01"),
    Field::new("developerPortalStatus", ON_OFF).since("2023-09-01"),
    Field::new("restore", Type::Boolean),
];

pub(super) const KIND: Kind = Kind {
    name: SERVICE,
    label: "Service",
    verbs: Verbs::ALL.without(Verbs::HEAD),
    envelope: ENVELOPE,
    properties: PROPERTIES,
    actions: &[],
    overrides: Overrides { put: Some(put), patch: Some(patch), delete: Some(delete), ..Overrides::NONE },
    ..Kind::TRACKED
};

/// The tier of a service's body.
pub(super) fn sku(body: &Value) -> &str {
    json_text(body, "/sku/name").unwrap_or_default()
}

/// Tiers of the second generation.
pub(super) fn is_v2(sku: &str) -> bool {
    sku.ends_with("V2")
}

fn suffix(tx: &Transaction<'_>) -> &'static str {
    if tx.options.endpoint.contains("usgovcloudapi") {
        "azure-api.us"
    } else if tx.options.endpoint.contains("chinacloudapi") {
        "azure-api.cn"
    } else {
        "azure-api.net"
    }
}

pub(crate) fn locked(id: &ResourceId) -> Refusal {
    // Recorded by the JavaScript SDK's tests, for PATCH and DELETE.
    Refusal::service(
        409,
        "ServiceLocked",
        format!("The API Service {} is transitioning at this time. Please try the request again later.", id.name()),
    )
}

fn put(tx: &mut Transaction<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    let sent = call.request.object()?;
    match tx.get(&call.id) {
        Some(existing) => change(tx, call, &existing, sent),
        None => create(tx, call, &sent),
    }
}

fn patch(tx: &mut Transaction<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    let existing = crud::existing(tx, call.kind, &call.id)?;
    let mut merged = crud::with_secrets(&existing);
    crud::merge(&mut merged, &call.request.object()?);
    change(tx, call, &existing, merged)
}

fn create(tx: &mut Transaction<'_>, call: &Call<'_>, sent: &Value) -> Result<Answer, Refusal> {
    let name = call.id.name().to_owned();
    if !matches(NAME, &name) || name.len() > 50 {
        return Err(Refusal::service(
            400,
            "InvalidServiceName",
            format!("The service name '{name}' is invalid. It must match '{NAME}' and have at most 50 characters."),
        ));
    }
    let restore = sent.pointer("/properties/restore") == Some(&Value::Bool(true));
    let deleted = tx.attic().into_iter().find(|stored| stored.id.is_type(SERVICE) && stored.id.name().eq_ignore_ascii_case(&name));
    match (&deleted, restore) {
        (Some(_), false) => {
            return Err(Refusal::plain(
                409,
                "ServiceAlreadyExistsInSoftDeletedState",
                format!(
                    "Api service {name} was soft-deleted. In order to create the new service with the same name, you have to either undelete the \
                     service or purge it. See https://aka.ms/apimsoftdelete."
                ),
            ));
        }
        (Some(old), true) if old.id != call.id => {
            return Err(Refusal::plain(
                400,
                "ServiceUndeleteNotPossible",
                format!("Api service {name} was soft-deleted in another resource group: '{}'.", old.id),
            ));
        }
        (Some(_), true) => return soft_delete::restore(tx, call),
        // An error it is (issue thread of ASO); its words are assumed.
        (None, true) => {
            return Err(Refusal::plain(
                400,
                "ServiceUndeleteNotPossible",
                format!("Api service {name} cannot be restored: no soft-deleted service has this name."),
            ));
        }
        (None, false) => {}
    }
    if !tx.select(|stored| stored.id.is_type(SERVICE) && stored.id.name().eq_ignore_ascii_case(&name)).is_empty() {
        return Err(Refusal::plain(409, "ServiceAlreadyExists", format!("Api service already exists: {name}")));
    }
    let mut stored = compose(tx, call, sent, None)?;
    let activating = json_text(&stored.body, "/sku/name") == Some("Consumption");
    set(&mut stored.body, "/properties/provisioningState", json!("Activating"));
    set(&mut stored.body, "/properties/targetProvisioningState", json!("Activating"));
    tag(tx, &mut stored);
    tx.put(stored.clone());
    let duration = tx.options.activation;
    let operation = operations::start(tx, &stored.id, duration, 200, Effect::ServiceReady);
    let mut body = stored.body.clone();
    if !activating {
        // Recorded for Developer: the first answer says `Created`.
        set(&mut body, "/properties/provisioningState", json!("Created"));
    }
    Ok(accepted(tx, call, &stored, &operation, Answer::json(201, body)))
}

pub(super) fn accepted(
    tx: &Transaction<'_>,
    call: &Call<'_>,
    stored: &Stored,
    operation: &operations::Operation,
    answer: Answer,
) -> Answer {
    let identifier = format!("tenantId={},objectId={}/local/{}", tx.caller.tenant_id, tx.caller.object_id, tx.options.random.uuid());
    let answer = answer.etag(&stored.etag).header("x-ms-operation-identifier", identifier);
    operations::announce(tx, operation, &encode_path(stored.id.as_str()), &call.version, answer)
}

/// The entity tag stands in the body as well, without quotes.
pub(super) fn tag(tx: &mut Transaction<'_>, stored: &mut Stored) {
    stored.etag = tx.next_etag();
    let bare = stored.etag.trim_matches('"').to_owned();
    set(&mut stored.body, "/etag", json!(bare));
}

fn change(tx: &mut Transaction<'_>, call: &Call<'_>, existing: &Stored, sent: Value) -> Result<Answer, Refusal> {
    if json_text(&existing.body, "/properties/provisioningState") != Some("Succeeded") {
        return Err(locked(&existing.id));
    }
    let mut stored = compose(tx, call, &sent, Some(existing))?;
    set(&mut stored.body, "/properties/provisioningState", json!("Updating"));
    set(&mut stored.body, "/properties/targetProvisioningState", json!("Updating"));
    tag(tx, &mut stored);
    tx.put(stored.clone());
    let duration = operations::short(tx);
    let operation = operations::start(tx, &stored.id, duration, 200, Effect::ServiceReady);
    let body = stored.body.clone();
    Ok(accepted(tx, call, &stored, &operation, Answer::json(202, body)))
}

/// The body of a service out of what was sent and what was there.
fn compose(tx: &mut Transaction<'_>, call: &Call<'_>, sent: &Value, existing: Option<&Stored>) -> Result<Stored, Refusal> {
    let id = existing.map_or_else(|| call.id.clone(), |stored| stored.id.clone());
    let mut problems = Problems::default();
    let lens = tx.lens(&call.version);
    let mut envelope = shape(ENVELOPE, sent, lens, &mut problems);
    let mut properties = shape(PROPERTIES, sent.get("properties").unwrap_or(&Value::Null), lens, &mut problems);
    properties.shift_remove("restore");
    let tier = envelope.get("sku").and_then(|sku| sku.get("name")).and_then(Value::as_str).unwrap_or_default().to_owned();
    let capacity = envelope.get("sku").and_then(|sku| sku.get("capacity")).and_then(Value::as_i64).unwrap_or(1);
    check_capacity(&tier, capacity, &mut problems);
    let location = envelope.get("location").and_then(Value::as_str).unwrap_or_default().to_owned();
    if let Some(existing) = existing
        && !same_region(json_text(&existing.body, "/location").unwrap_or_default(), &location)
    {
        return Err(Refusal::plain(
            409,
            "InvalidResourceLocation",
            format!(
                "The resource '{}' already exists in location '{}' in resource group '{}'. A resource with the same name cannot be created in location '{location}'. Please select a new resource name.",
                id.name(),
                json_text(&existing.body, "/location").unwrap_or_default(),
                id.group_name().unwrap_or_default()
            ),
        ));
    }
    problems.into_result()?;
    envelope.insert("location".to_owned(), json!(display_region(&location)));
    let mut internal = existing.map_or_else(|| json!({}), |stored| stored.internal.clone());
    let identity = identity(tx, sent.get("identity"), existing, &mut internal)?;
    envelope.insert("identity".to_owned(), identity);
    let name = id.name().to_ascii_lowercase();
    let host = suffix(tx);
    let now = timestamp(tx.now);
    let before = |pointer: &str| existing.and_then(|stored| stored.body.pointer(pointer)).cloned();
    let publisher = properties.get("publisherEmail").cloned().unwrap_or(Value::Null);
    if !properties.contains_key("notificationSenderEmail") {
        let kept = before("/properties/notificationSenderEmail").unwrap_or_else(|| {
            if tier == "Consumption" {
                publisher
            } else {
                json!(format!("apimgmt-noreply@mail.{}", host.replace("azure-api.net", "windowsazure.com")))
            }
        });
        properties.insert("notificationSenderEmail".to_owned(), kept);
    }
    let hosts = host_names(&name, host, properties.shift_remove("hostnameConfigurations"), before("/properties/hostnameConfigurations"));
    properties.insert("hostnameConfigurations".to_owned(), hosts);
    let custom = match (properties.shift_remove("customProperties"), before("/properties/customProperties")) {
        // With the map a PUT replaces, without it what was there stays (assumed).
        (Some(sent), Some(_)) => custom_properties(&sent),
        (Some(sent), None) => sent,
        (None, Some(kept)) => kept,
        (None, None) => Value::Null,
    };
    properties.insert("customProperties".to_owned(), custom);
    let consumption = tier == "Consumption";
    let fixed = [
        ("createdAtUtc", json!(now)),
        ("gatewayUrl", json!(format!("https://{name}.{host}"))),
        ("gatewayRegionalUrl", Value::Null),
        ("portalUrl", Value::Null),
        ("developerPortalUrl", Value::Null),
        ("managementApiUrl", Value::Null),
        ("scmUrl", Value::Null),
        ("publicIPAddresses", Value::Null),
        ("privateIPAddresses", Value::Null),
        ("outboundPublicIPAddresses", Value::Null),
        ("privateEndpointConnections", Value::Null),
        ("platformVersion", json!(if consumption { "mtv1" } else { "undetermined" })),
    ];
    for (member, value) in fixed {
        let value = before(&format!("/properties/{member}")).unwrap_or(value);
        properties.insert(member.to_owned(), value);
    }
    let who = json!(tx.caller.object_id);
    let created = before("/systemData").unwrap_or_else(|| json!({ "createdBy": who, "createdByType": "Application", "createdAt": now }));
    let mut system = created;
    for (member, value) in [("lastModifiedBy", who), ("lastModifiedByType", json!("Application")), ("lastModifiedAt", json!(now))] {
        set(&mut system, &format!("/{member}"), value);
    }
    envelope.insert("systemData".to_owned(), system);
    envelope.insert("properties".to_owned(), Value::Object(properties));
    let mut stored = transaction::stored(&id, SERVICE, String::new(), Value::Object(envelope));
    stored.internal = internal;
    if let Some(existing) = existing {
        stored.secrets = existing.secrets.clone();
    }
    hide_certificates(&mut stored);
    Ok(stored)
}

/// The service has come to life, or has taken its changes.
pub(crate) fn ready(tx: &mut Transaction<'_>, id: &ResourceId) {
    let Some(stored) = tx.get(id) else { return };
    let mut stored = Stored::clone(&stored);
    let first = json_text(&stored.body, "/properties/provisioningState") == Some("Activating");
    let tier = sku(&stored.body).to_owned();
    let name = id.name().to_ascii_lowercase();
    set(&mut stored.body, "/properties/provisioningState", json!("Succeeded"));
    set(&mut stored.body, "/properties/targetProvisioningState", json!(""));
    let custom = stored.body.pointer("/properties/customProperties").cloned().unwrap_or(Value::Null);
    set(&mut stored.body, "/properties/customProperties", custom_properties(&custom));
    if tier != "Consumption" {
        let suffix = suffix(tx);
        let region = normalised_region(json_text(&stored.body, "/location").unwrap_or_default());
        let address = address(&name);
        let values = [
            ("gatewayRegionalUrl", json!(format!("https://{name}-{region}-01.regional.{suffix}"))),
            ("managementApiUrl", json!(format!("https://{name}.management.{suffix}"))),
            ("developerPortalUrl", json!(format!("https://{name}.developer.{suffix}"))),
            ("portalUrl", if is_v2(&tier) { Value::Null } else { json!(format!("https://{name}.portal.{suffix}")) }),
            ("scmUrl", if is_v2(&tier) { Value::Null } else { json!(format!("https://{name}.scm.{suffix}")) }),
            ("publicIPAddresses", json!([address])),
            ("platformVersion", json!(if is_v2(&tier) { "stv2.1" } else { "stv2" })),
        ];
        for (member, value) in values {
            set(&mut stored.body, &format!("/properties/{member}"), value);
        }
    }
    tag(tx, &mut stored);
    tx.put(stored.clone());
    if first
        && tx.below(&stored.id).iter().all(|child| child.id.relative_to(&stored.id).is_some_and(|path| path.starts_with("/providers/")))
    {
        built_in::create(tx, &stored);
    }
}

/// An address of the block for documentation, the same for the same name.
fn address(name: &str) -> String {
    let sum: u32 = name.bytes().fold(7, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
    format!("203.0.113.{}", sum % 254 + 1)
}

fn delete(tx: &mut Transaction<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    let Some(existing) = tx.get(&call.id) else { return Ok(Answer::empty(204)) };
    let state = json_text(&existing.body, "/properties/provisioningState").unwrap_or_default().to_owned();
    if state != "Succeeded" {
        return Err(locked(&existing.id));
    }
    tx.update(&existing.id, |stored| set(&mut stored.body, "/properties/provisioningState", json!("Terminating")));
    let duration = operations::short(tx);
    let operation = operations::start(tx, &existing.id, duration, 200, Effect::ServiceDeleted);
    Ok(accepted(tx, call, &existing, &operation, Answer::empty(202)))
}

pub(super) fn poll(tx: &mut Transaction<'_>, request: &Request, route: &Route<'_>, name: &str, id: &str) -> Result<Answer, Refusal> {
    let base = format!("{}/providers/{SERVICE}/{name}", route.scope_path());
    operations::poll(tx, request, &encode_path(&base), id)
}

pub(super) fn check_name(tx: &Transaction<'_>, request: &Request) -> Result<Answer, Refusal> {
    let body = request.object()?;
    let name = json_text(&body, "/name").unwrap_or_default();
    let taken = !tx.select(|stored| stored.id.is_type(SERVICE) && stored.id.name().eq_ignore_ascii_case(name)).is_empty()
        || tx.attic().iter().any(|stored| stored.id.is_type(SERVICE) && stored.id.name().eq_ignore_ascii_case(name));
    let (available, reason, message) = if !matches(NAME, name) || name.len() > 50 {
        (false, "Invalid", format!("{name} is not a valid service name."))
    } else if taken {
        (false, "AlreadyExists", format!("{name} is already in use. Please select a different name."))
    } else {
        (true, "Valid", String::new())
    };
    Ok(Answer::json(200, json!({ "nameAvailable": available, "reason": reason, "message": message })))
}

/// `tenant/access` and its kin do not exist in every tier (recorded for StandardV2); elsewhere they are not emulated.
pub(super) fn tier_refusal(tx: &Transaction<'_>, request: &Request, route: &Route<'_>, name: &str) -> Option<Result<Answer, Refusal>> {
    let id = ResourceId::parse(&format!("{}/providers/{SERVICE}/{name}", route.scope_path())).ok()?;
    let service = tx.get(&id)?;
    let tier = sku(&service.body);
    Some(Err(if is_v2(tier) {
        Refusal::plain(400, "MethodNotAllowedInPricingTier", format!("Method not allowed in {tier} pricing tier"))
    } else {
        crate::emulator::router::not_emulated(request, &request.path)
    }))
}

pub(super) fn skus() -> Vec<Value> {
    SKUS.iter().map(|name| json!({ "resourceType": "service", "name": name })).collect()
}

/// A service that a fixture says is there: settled.
pub(crate) fn seed(
    tx: &mut Transaction<'_>,
    request: &Request,
    version: &crate::emulator::request::ApiVersion,
    id: &ResourceId,
    sent: &Value,
) -> Result<(), Refusal> {
    let Some(kind) = super::super::find(SERVICE) else { return Ok(()) };
    let call = Call { request, version: version.clone(), kind, id: id.clone() };
    let mut stored = compose(tx, &call, sent, None)?;
    set(&mut stored.body, "/properties/provisioningState", json!("Activating"));
    set(&mut stored.internal, "/principalCreatedAt", json!(0));
    tag(tx, &mut stored);
    tx.put(stored);
    ready(tx, id);
    Ok(())
}
