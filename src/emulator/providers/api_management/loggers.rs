//! Loggers. Plain credentials are replaced by references to secret named values made on the side (recorded).

use serde_json::{Value, json};

use super::super::{Kind, Write};
use super::{ENTITY_NAME, named_values, references, service_id};
use crate::emulator::answer::Refusal;
use crate::emulator::json_text;
use crate::emulator::shape::{Field, TEXT, Type};
use crate::emulator::transaction;

pub(super) const KIND: Kind = Kind {
    name: "Microsoft.ApiManagement/service/loggers",
    label: "Logger",
    naming: Some((ENTITY_NAME, 1, 256)),
    properties: &[
        Field::new("loggerType", Type::Word(&["azureEventHub", "applicationInsights", "azureMonitor"])).required(),
        Field::new("description", Type::Text(0, 256)).or("null"),
        Field::new("credentials", Type::Map(&TEXT)),
        Field::new("isBuffered", Type::Boolean).or("true"),
        Field::new("resourceId", TEXT).or("null"),
    ],
    complete,
    before_delete: |tx, _, stored| {
        let owner = service_id(&stored.id);
        // That it is refused is assumed, the words after those for fragments.
        let users: Vec<String> = tx
            .below(&owner)
            .iter()
            .filter(|other| other.id.resource_type().to_ascii_lowercase().ends_with("/diagnostics"))
            .filter(|other| json_text(&other.body, "/properties/loggerId").is_some_and(|id| id.eq_ignore_ascii_case(stored.id.as_str())))
            .filter_map(|other| other.id.relative_to(&owner).map(str::to_owned))
            .collect();
        if users.is_empty() {
            return Ok(());
        }
        Err(Refusal::service(
            400,
            "ValidationError",
            format!("The Logger '{}' is used by the following entities:\r\n{}\r\n", stored.id.name(), users.join("\r\n")),
        ))
    },
    ..Kind::CHILD
};

/// Members of `credentials` that are no secrets.
const PLAIN: &[&str] = &["identityClientId", "name", "endpointAddress"];

fn complete(write: &mut Write<'_, '_>) -> Result<(), Refusal> {
    let owner = service_id(&write.id);
    let kind = write.text("/properties/loggerType").unwrap_or_default().to_owned();
    let credentials = write.stored.body.pointer("/properties/credentials").and_then(Value::as_object).cloned().unwrap_or_default();
    match kind.as_str() {
        "azureMonitor" => {}
        "applicationInsights" if !credentials.keys().any(|key| matches!(key.as_str(), "instrumentationKey" | "connectionString")) => {
            write.problems.add("credentials", "Credentials must hold instrumentationKey or connectionString.");
        }
        _ if credentials.is_empty() => write.problems.add("credentials", "Credentials is required."),
        _ => {}
    }
    for (name, value) in credentials {
        let Some(text) = value.as_str() else { continue };
        let missing: Vec<String> =
            references::named_values(text).filter(|name| !references::value_exists(write.tx, &owner, name)).map(str::to_owned).collect();
        for missing in missing {
            write.problems.add("credentials", format!("Property '{missing}' not found."));
        }
        if PLAIN.contains(&name.as_str()) || !references::is_literal(text) {
            continue;
        }
        let pointer = format!("/properties/credentials/{name}");
        // A repetition with the same credential keeps the reference that is there.
        let reference = write
            .before(&pointer)
            .and_then(|before| before.as_str().map(str::to_owned))
            .filter(|before| same_secret(write, before, text))
            .unwrap_or_else(|| hidden(write, text));
        write.set(&pointer, reference);
    }
    Ok(())
}

fn display_name(reference: &str) -> &str {
    reference.trim_start_matches("{{").trim_end_matches("}}")
}

fn same_secret(write: &Write<'_, '_>, reference: &str, text: &str) -> bool {
    let owner = service_id(&write.id);
    write.tx.children(&owner, "namedValues").iter().any(|stored| {
        json_text(&stored.body, "/properties/displayName") == Some(display_name(reference))
            && transaction::secret(stored, "/properties/value").is_some_and(|value| value.expose() == text)
    })
}

/// Makes the named value, and gives the reference to it.
fn hidden(write: &mut Write<'_, '_>, text: &str) -> String {
    let owner = service_id(&write.id);
    let name = write.tx.options.random.hex(24);
    let display_name = format!("Logger-Credentials--{}", write.tx.options.random.hex(24));
    let etag = write.tx.next_etag();
    let body = json!({ "properties": { "displayName": display_name, "tags": [], "secret": true } });
    let mut stored = transaction::stored(&owner.child("namedValues", &name), named_values::KIND.name, etag, body);
    stored.secrets.insert("/properties/value".to_owned(), text.to_owned().into());
    write.companions.push(stored);
    format!("{{{{{display_name}}}}}")
}
