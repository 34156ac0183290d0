//! Import of an OpenAPI document: the API's own properties come from it, and its operations.
//!
//! `operationId` is lower-cased (seen in a review of LocalStack's samples, which refers to Microsoft's pages); the answer is 202
//! (recorded). Which members of the document are carried over, and how, is assumed where it is not in the golden's note.

use serde_json::{Map, Value, json};

use super::super::{Style, Write};
use super::{apis, openapi, yaml};
use crate::emulator::answer::{Problems, Refusal};
use crate::emulator::transaction;

/// Reads the document and puts its operations beside the API.
pub(super) fn import(write: &mut Write<'_, '_>, format: &str, text: &str) -> Result<(), Refusal> {
    let fail = |message: String| {
        let mut problems = Problems::default();
        problems.add("representation", message);
        problems.into_result().err().unwrap_or_else(|| Refusal::service(400, "ValidationError", "The document is not valid."))
    };
    let document = match format.to_ascii_lowercase().as_str() {
        "openapi" | "openapi+json" | "swagger-json" => {
            if text.trim_start().starts_with('{') {
                serde_json::from_str(text).map_err(|error| fail(format!("Parsing error(s): {error}")))?
            } else {
                yaml::read(text).map_err(|error| fail(format!("Parsing error(s): {error}")))?
            }
        }
        other => {
            return Err(Refusal::service(
                501,
                "OperationNotEmulated",
                format!(
                    "The import format '{other}' is not emulated. Send the document itself as 'openapi', 'openapi+json' or 'swagger-json'."
                ),
            ));
        }
    };
    let api = openapi::read(&document).map_err(fail)?;
    let members = [
        ("displayName", api.title.map(Value::String)),
        ("description", api.description.map(Value::String)),
        ("serviceUrl", api.service_url.map(Value::String)),
        ("contact", api.contact),
        ("license", api.license),
        ("termsOfServiceUrl", api.terms.map(Value::String)),
    ];
    for (name, value) in members {
        if let Some(value) = value {
            write.set_default(&format!("/properties/{name}"), value);
        }
    }
    write.style = Style::Deferred;
    // A new import takes the place of the operations that the API had; those of the same name keep their policies.
    let target = write.id.clone();
    let names: Vec<String> = api.operations.iter().map(|operation| operation.name.to_lowercase()).collect();
    for old in write.tx.children(&target, "operations") {
        if !names.contains(&old.id.name().to_lowercase()) {
            write.tx.remove_tree(&old.id);
        }
    }
    for operation in api.operations {
        let id = target.child("operations", &operation.name);
        let mut properties = Map::new();
        properties.insert("displayName".to_owned(), json!(operation.display_name));
        properties.insert("method".to_owned(), json!(operation.method));
        properties.insert("urlTemplate".to_owned(), json!(operation.template));
        let names = apis::template_names(&operation.template);
        let parameters: Vec<Value> = names.iter().map(|name| operation.template_parameter(name)).collect();
        properties.insert("templateParameters".to_owned(), Value::Array(parameters));
        properties.insert("description".to_owned(), json!(operation.description));
        properties.insert(
            "request".to_owned(),
            json!({ "queryParameters": operation.query, "headers": operation.headers, "representations": operation.representations }),
        );
        properties.insert("responses".to_owned(), Value::Array(operation.responses));
        properties.insert("policies".to_owned(), Value::Null);
        let etag = write.tx.next_etag();
        write.companions.push(transaction::stored(&id, apis::OPERATION.name, etag, json!({ "properties": properties })));
    }
    Ok(())
}
