//! Backends: single ones and pools.

use serde_json::Value;

use super::super::{Kind, Write};
use super::{ENTITY_NAME, references, resolve, service, service_id};
use crate::arm::ResourceId;
use crate::emulator::answer::Refusal;
use crate::emulator::shape::{Field, TEXT, TEXTS, Type};
use crate::emulator::transaction::Transaction;
use crate::emulator::{json_text, pointer_token};

const TEXT_LISTS: Type = Type::Map(&Type::List(&TEXT, 0, usize::MAX));

const RANGE: Type =
    Type::Object(&[Field::new("min", Type::Integer(200, 599)).required(), Field::new("max", Type::Integer(200, 599)).required()]);

const RULE: Type = Type::Object(&[
    Field::new("name", Type::Text(1, 80)),
    Field::new(
        "failureCondition",
        Type::Object(&[
            Field::new("count", Type::Integer(1, i32::MAX as i64)),
            Field::new("percentage", Type::Integer(0, 100)),
            Field::new("interval", Type::Duration),
            Field::new("statusCodeRanges", Type::List(&RANGE, 0, 10)),
            Field::new("errorReasons", Type::List(&Type::Text(0, 200), 0, 10)),
        ]),
    ),
    Field::new("tripDuration", Type::Duration),
    Field::new("acceptRetryAfter", Type::Boolean),
    Field::new("failureResponse", Type::Any).since("2024-10-01"),
]);

pub(super) const KIND: Kind = Kind {
    name: "Microsoft.ApiManagement/service/backends",
    label: "Backend",
    naming: Some((ENTITY_NAME, 1, 80)),
    properties: &[
        Field::new("title", Type::Text(1, 300)),
        Field::new("description", Type::Text(1, 2000)),
        Field::new("resourceId", Type::Text(1, 2000)),
        Field::new("properties", Type::Object(&[Field::new("serviceFabricCluster", Type::Any)])),
        Field::new(
            "credentials",
            Type::Object(&[
                Field::new("certificateIds", TEXTS),
                Field::new("certificate", TEXTS),
                Field::new("query", TEXT_LISTS),
                Field::new("header", TEXT_LISTS),
                Field::new(
                    "authorization",
                    Type::Object(&[
                        Field::new("scheme", Type::Text(1, 100)).required(),
                        Field::new("parameter", Type::Text(1, 300)).required(),
                    ]),
                ),
                Field::new("managedIdentity", Type::Object(&[Field::new("resource", TEXT), Field::new("clientId", TEXT)])).undocumented(),
            ]),
        ),
        Field::new(
            "proxy",
            Type::Object(&[Field::new("url", Type::Text(1, 2000)).required(), Field::new("username", TEXT), Field::new("password", TEXT)]),
        ),
        Field::new(
            "tls",
            Type::Object(&[
                Field::new("validateCertificateChain", Type::Boolean).or("true"),
                Field::new("validateCertificateName", Type::Boolean).or("true"),
                Field::new("serverCertificateThumbprints", TEXTS).since("2025-03-01"),
                Field::new("serverX509Names", Type::Any).since("2025-03-01"),
            ]),
        ),
        Field::new("circuitBreaker", Type::Object(&[Field::new("rules", Type::List(&RULE, 0, 15))])),
        Field::new("azureRegion", TEXT).since("2025-03-01"),
        Field::new(
            "pool",
            Type::Object(&[
                Field::new(
                    "services",
                    Type::List(
                        &Type::Object(&[
                            Field::new("id", TEXT).required(),
                            Field::new("weight", Type::Integer(0, 100)),
                            Field::new("priority", Type::Integer(0, 100)),
                            Field::new("preferredCarbonEmission", TEXT).since("2025-03-01"),
                        ]),
                        1,
                        usize::MAX,
                    ),
                ),
                Field::new("sessionAffinity", Type::Any).since("2024-10-01"),
                Field::new("failureResponse", Type::Any).since("2024-10-01"),
            ]),
        ),
        Field::new("type", Type::Word(&["Single", "Pool"])),
        Field::new("url", Type::Text(1, 2000)),
        Field::new("protocol", Type::Word(&["http", "soap"])),
    ],
    complete,
    // Recorded at 2019-01-01: credentials come back as they were sent.
    show: super::super::show_secrets,
    before_delete,
    ..Kind::CHILD
};

/// Most members of a pool (documented as 30).
const MOST_MEMBERS: usize = 30;

fn complete(write: &mut Write<'_, '_>) -> Result<(), Refusal> {
    let owner = service_id(&write.id);
    let is_pool =
        write.text("/properties/type").map_or_else(|| write.stored.body.pointer("/properties/pool").is_some(), |kind| kind == "Pool");
    if is_pool {
        pool(write, &owner);
    } else {
        for member in ["url", "protocol"] {
            if write.text(&format!("/properties/{member}")).is_none() {
                write.problems.add(member, format!("{} is required.", crate::emulator::shape::capitalised(member)));
            }
        }
        if let Some(text) = write.text("/properties/url")
            && url::Url::parse(text).is_err()
            && !text.contains("{{")
        {
            write.problems.add("url", "Url is not a valid absolute URI.");
        }
        breaker(write, &owner);
    }
    unknown_named_values(write, &owner);
    hide_credentials(write);
    Ok(())
}

fn pool(write: &mut Write<'_, '_>, owner: &ResourceId) {
    // Recorded words. Members that a GET of a pool shows as null may be sent back.
    for (member, words) in [("url", "Url is not supported for backend pool."), ("protocol", "Protocol is not supported for backend pool.")]
    {
        if write.text(&format!("/properties/{member}")).is_some() {
            write.problems.add(member, words);
        }
    }
    write.set("/properties/type", "Pool");
    if write.stored.body.pointer("/properties/circuitBreaker").is_some() {
        // Breakers sit on members (assumed words).
        write.problems.add("circuitBreaker", "Circuit breaker is not supported for backend pool.");
    }
    let services = write.stored.body.pointer("/properties/pool/services").and_then(Value::as_array).cloned().unwrap_or_default();
    if services.is_empty() {
        write.problems.add("pool", "Pool must have at least one service.");
    }
    if services.len() > MOST_MEMBERS {
        write.problems.add("services", format!("Services must have between 1 and {MOST_MEMBERS} items."));
    }
    let mut seen = Vec::new();
    for (index, member) in services.iter().enumerate() {
        let reference = json_text(member, "/id").unwrap_or_default();
        let found = resolve(owner, reference, "backends").and_then(|id| write.tx.get(&id));
        match found {
            None => {
                let name = reference.rsplit('/').next().unwrap_or_default();
                write.problems.add("services", format!("Backend with id '{name}' could not be found."));
            }
            Some(found) if json_text(&found.body, "/properties/type") == Some("Pool") => {
                write.problems.add("services", format!("Backend '{}' is a pool and cannot be a member of a pool.", found.id.name()));
            }
            Some(found) => {
                if seen.contains(&found.id) {
                    write.problems.add("services", format!("Backend '{}' is more than once in the pool.", found.id.name()));
                }
                write.set(&format!("/properties/pool/services/{index}/id"), found.id.as_str());
                seen.push(found.id.clone());
            }
        }
    }
    for absent in ["title", "url", "protocol"] {
        write.set(&format!("/properties/{absent}"), Value::Null);
    }
}

fn breaker(write: &mut Write<'_, '_>, owner: &ResourceId) {
    let rules = write.stored.body.pointer("/properties/circuitBreaker/rules").and_then(Value::as_array).cloned().unwrap_or_default();
    if rules.is_empty() {
        return;
    }
    let tier = write.tx.get(owner).map(|stored| service::sku(&stored.body).to_owned()).unwrap_or_default();
    if tier == "Consumption" {
        write.problems.add("circuitBreaker", "Circuit breaker is not supported in Consumption tier.");
    }
    if rules.len() > 1 {
        // The schema has 15, the service takes one (issue thread); words assumed.
        write.problems.add("rules", "Only one circuit breaker rule is supported.");
    }
    for rule in &rules {
        if rule.pointer("/failureCondition/count").is_some() && rule.pointer("/failureCondition/percentage").is_some() {
            write.problems.add("failureCondition", "Either count or percentage can be specified, not both.");
        }
        for range in rule.pointer("/failureCondition/statusCodeRanges").and_then(Value::as_array).into_iter().flatten() {
            if range.get("min").and_then(Value::as_i64) > range.get("max").and_then(Value::as_i64) {
                write.problems.add("statusCodeRanges", "Min must not be greater than Max.");
            }
        }
    }
}

/// Observed: target `credentials`, "Property 'name' not found."
fn unknown_named_values(write: &mut Write<'_, '_>, owner: &ResourceId) {
    let Some(credentials) = write.stored.body.pointer("/properties/credentials") else { return };
    let text = credentials.to_string();
    let missing: Vec<String> =
        references::named_values(&text).filter(|name| !references::value_exists(write.tx, owner, name)).map(str::to_owned).collect();
    for name in missing {
        write.problems.add("credentials", format!("Property '{name}' not found."));
    }
}

/// Credentials lie among the secrets, and stand as null in the stored body. References to named values are no secrets.
fn hide_credentials(write: &mut Write<'_, '_>) {
    let mut pointers = Vec::new();
    for place in ["header", "query"] {
        let map = write.stored.body.pointer(&format!("/properties/credentials/{place}")).and_then(Value::as_object);
        for (name, values) in map.into_iter().flatten() {
            for index in 0..values.as_array().map_or(0, Vec::len) {
                pointers.push(format!("/properties/credentials/{place}/{}/{index}", pointer_token(name)));
            }
        }
    }
    pointers.push("/properties/credentials/authorization/parameter".to_owned());
    pointers.push("/properties/proxy/password".to_owned());
    for pointer in pointers {
        let Some(value) = write.text(&pointer).filter(|value| references::is_literal(value)).map(str::to_owned) else { continue };
        write.stored.secrets.insert(pointer.clone(), value.into());
        write.set(&pointer, Value::Null);
    }
}

fn before_delete(
    tx: &mut Transaction<'_>,
    _request: &crate::emulator::request::Request,
    stored: &crate::arm::store::Stored,
) -> Result<(), Refusal> {
    let owner = service_id(&stored.id);
    let name = stored.id.name();
    for pool in tx.children(&owner, "backends") {
        let services = pool.body.pointer("/properties/pool/services").and_then(Value::as_array);
        let member = services
            .into_iter()
            .flatten()
            .filter_map(|member| json_text(member, "/id"))
            .any(|id| resolve(&owner, id, "backends").as_ref() == Some(&stored.id));
        if member {
            // That it is refused is assumed, the words after those for fragments.
            let path = pool.id.relative_to(&owner).unwrap_or_default();
            return Err(Refusal::service(
                400,
                "ValidationError",
                format!("The Backend '{name}' is used by the following entities:\r\n{path}\r\n"),
            ));
        }
    }
    references::refuse(
        tx,
        &owner,
        |text| references::sends_to(text, name),
        &format!("The Backend '{name}' is used by the following entities:"),
    )
}
