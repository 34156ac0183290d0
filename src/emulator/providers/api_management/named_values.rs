//! Named values: secret ones never show their value, except to `listValue`.

use serde_json::{Value, json};

use super::super::{Call, Kind, Style, Write};
use super::{ENTITY_NAME, references, service_id};
use crate::emulator::answer::{Answer, Refusal};
use crate::emulator::crud;
use crate::emulator::operations::{self, Effect};
use crate::emulator::shape::{Field, TEXT, Type};
use crate::emulator::transaction::{Transaction, secret};
use crate::emulator::{json_text, timestamp};

pub(super) const KIND: Kind = Kind {
    name: "Microsoft.ApiManagement/service/namedValues",
    label: "NamedValue",
    naming: Some((ENTITY_NAME, 1, 256)),
    properties: &[
        Field::new("displayName", Type::Pattern(r"^[A-Za-z0-9-._]+$", 1, 256)).required(),
        Field::new("value", Type::Text(0, 4096)),
        Field::new("keyVault", Type::Object(&[Field::new("secretIdentifier", TEXT).required(), Field::new("identityClientId", TEXT)])),
        Field::new("tags", Type::List(&TEXT, 0, 32)).or("[]"),
        Field::new("secret", Type::Boolean).or("false"),
    ],
    style: Style::Deferred,
    complete,
    before_delete: |tx, _, stored| {
        let name = json_text(&stored.body, "/properties/displayName").unwrap_or_default();
        references::refuse(
            tx,
            &service_id(&stored.id),
            |text| references::names_value(text, name),
            &format!("The Named Value '{name}' is used by the following entities:"),
        )
    },
    actions: &[("listValue", list_value), ("refreshSecret", refresh_secret)],
    ..Kind::CHILD
};

const VALUE: &str = "/properties/value";

fn complete(write: &mut Write<'_, '_>) -> Result<(), Refusal> {
    let display_name = write.text("/properties/displayName").unwrap_or_default().to_owned();
    let service = service_id(&write.id);
    let taken = write.tx.children(&service, "namedValues").iter().any(|other| {
        other.id != write.id
            && json_text(&other.body, "/properties/displayName").is_some_and(|name| name.eq_ignore_ascii_case(&display_name))
    });
    if taken {
        // Status and words assumed.
        write.problems.add("displayName", format!("Property with DisplayName '{display_name}' already exists."));
    }
    let is_secret = write.stored.body.pointer("/properties/secret") == Some(&Value::Bool(true));
    let vault = write.text("/properties/keyVault/secretIdentifier").map(str::to_owned);
    if let Some(identifier) = vault {
        if !is_secret {
            // A bare 400 in an issue thread of Terraform's provider.
            return Err(Refusal::service(400, "BadRequest", ""));
        }
        write.take(VALUE);
        write.stored.secrets.insert(VALUE.to_owned(), vault_value(write.tx, &identifier).into());
        let now = timestamp(write.tx.now);
        write.set("/properties/keyVault/lastStatus", json!({ "code": "Success", "timeStampUtc": now }));
        if let Some(kept) = write.before("/properties/keyVault/lastStatus") {
            write.set("/properties/keyVault/lastStatus", kept);
        }
        return Ok(());
    }
    let value = write.text(VALUE).map(str::to_owned);
    let kept = write.existing.as_ref().and_then(|existing| existing.secrets.get(VALUE).cloned());
    if !is_secret && value.is_none() {
        // A secret that becomes plain keeps its value when none is sent (assumed); otherwise a value is needed.
        match kept {
            Some(kept) => write.set(VALUE, kept.into_exposed()),
            None => write.problems.add("value", "Value is required."),
        }
        return Ok(());
    }
    if is_secret {
        write.take(VALUE);
        match (value, kept) {
            (Some(value), _) => {
                write.stored.secrets.insert(VALUE.to_owned(), value.into());
            }
            (None, Some(kept)) => {
                write.stored.secrets.insert(VALUE.to_owned(), kept);
            }
            (None, None) => write.problems.add("value", "Value is required."),
        }
    }
    Ok(())
}

/// The value of a vault's secret, else a value made of its name, so that nothing real is ever needed.
fn vault_value(tx: &Transaction<'_>, identifier: &str) -> String {
    vault_secret(tx, identifier).unwrap_or_else(|| {
        let path = identifier.split_once("://").map_or(identifier, |(_, rest)| rest);
        format!("value-of-{}", path.split('/').nth(2).unwrap_or_default())
    })
}

/// What a fixture says of a vault's secret: `Microsoft.KeyVault/vaults` with `properties.secrets.{name}`.
pub(super) fn vault_secret(tx: &Transaction<'_>, identifier: &str) -> Option<String> {
    let path = identifier.split_once("://").map_or(identifier, |(_, rest)| rest);
    let mut parts = path.split('/');
    let (host, name) = (parts.next().unwrap_or_default(), parts.nth(1).unwrap_or_default());
    let vault = host.split('.').next().unwrap_or_default();
    tx.select(|stored| stored.id.is_type("Microsoft.KeyVault/vaults") && stored.id.name().eq_ignore_ascii_case(vault))
        .iter()
        .find_map(|stored| secret(stored, &format!("/properties/secrets/{name}")).map(|value| value.expose().clone()))
}

fn list_value(tx: &mut Transaction<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    let stored = crud::existing(tx, call.kind, &call.id)?;
    let value = secret(&stored, VALUE).map(|value| value.expose().as_str()).or_else(|| json_text(&stored.body, VALUE));
    Ok(Answer::json(200, json!({ "value": value })).etag(&stored.etag))
}

fn refresh_secret(tx: &mut Transaction<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    let stored = crud::existing(tx, call.kind, &call.id)?;
    let Some(identifier) = json_text(&stored.body, "/properties/keyVault/secretIdentifier") else {
        return Err(Refusal::service(400, "ValidationError", "Secret refresh is possible for named values of Key Vault only."));
    };
    let mut fresh = crate::arm::store::Stored::clone(&stored);
    fresh.secrets.insert(VALUE.to_owned(), vault_value(tx, identifier).into());
    fresh.etag = tx.next_etag();
    let duration = operations::short(tx);
    let mut operation = operations::start(tx, &stored.id, duration, 200, Effect::Puts);
    operation.puts.push(fresh);
    tx.put_operation(operation.clone());
    Ok(operations::accepted_at_resource(tx, &operation, &call.version))
}
