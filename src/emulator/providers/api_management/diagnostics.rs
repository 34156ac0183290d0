//! Diagnostics of the service and of an API. What is left out of a PUT is reset (recorded: `frontend`, `backend` become null).

use serde_json::{Value, json};

use super::super::{Kind, Write};
use super::{resolve, service_id};
use crate::emulator::answer::Refusal;
use crate::emulator::shape::{Field, TEXT, TEXTS, Type};

const MASKING: Type =
    Type::List(&Type::Object(&[Field::new("value", TEXT), Field::new("mode", Type::Word(&["Mask", "Hide"]))]), 0, usize::MAX);
const MESSAGE: Type = Type::Object(&[
    Field::new("headers", TEXTS),
    Field::new("body", Type::Object(&[Field::new("bytes", Type::Integer(0, 8192))])),
    Field::new("dataMasking", Type::Object(&[Field::new("queryParams", MASKING), Field::new("headers", MASKING)])),
]);
const SIDE: Type = Type::Object(&[Field::new("request", MESSAGE), Field::new("response", MESSAGE)]);
const LLM_MESSAGES: Type =
    Type::Object(&[Field::new("messages", Type::Word(&["all"])), Field::new("maxSizeInBytes", Type::Integer(1, 262_144)).or("32768")]);

const DIAGNOSTIC: Kind = Kind {
    label: "Diagnostic",
    properties: &[
        Field::new("alwaysLog", Type::Word(&["allErrors"])),
        Field::new("loggerId", TEXT).required(),
        Field::new(
            "sampling",
            Type::Object(&[Field::new("samplingType", Type::Word(&["fixed"])), Field::new("percentage", Type::Number(0.0, 100.0))]),
        ),
        Field::new("frontend", SIDE).or("null"),
        Field::new("backend", SIDE).or("null"),
        Field::new("logClientIp", Type::Boolean).or("true"),
        Field::new("httpCorrelationProtocol", Type::Word(&["None", "Legacy", "W3C"])).or(r#""Legacy""#),
        Field::new("verbosity", Type::Word(&["verbose", "information", "error"])),
        Field::new("operationNameFormat", Type::Word(&["Name", "Url"])),
        Field::new("metrics", Type::Boolean),
        Field::new(
            "largeLanguageModel",
            Type::Object(&[
                Field::new("logs", Type::Word(&["enabled", "disabled"])),
                Field::new("requests", LLM_MESSAGES),
                Field::new("responses", LLM_MESSAGES),
            ]),
        )
        .since("2024-06-01"),
    ],
    complete,
    ..Kind::CHILD
};

pub(super) const SERVICE_DIAGNOSTIC: Kind = Kind { name: "Microsoft.ApiManagement/service/diagnostics", ..DIAGNOSTIC };
pub(super) const API_DIAGNOSTIC: Kind = Kind { name: "Microsoft.ApiManagement/service/apis/diagnostics", ..DIAGNOSTIC };

fn complete(write: &mut Write<'_, '_>) -> Result<(), Refusal> {
    let name = write.id.name().to_ascii_lowercase();
    if !matches!(name.as_str(), "applicationinsights" | "azuremonitor" | "local") {
        // From all samples; the words are assumed.
        write.problems.add(
            "diagnosticId",
            format!("Diagnostic id '{name}' is not supported. It must be one of 'applicationinsights', 'azuremonitor', 'local'."),
        );
    }
    let owner = service_id(&write.id);
    if let Some(logger) = write.text("/properties/loggerId").map(str::to_owned) {
        match resolve(&owner, &logger, "loggers").and_then(|id| write.tx.get(&id)) {
            Some(found) => write.set("/properties/loggerId", found.id.as_str()),
            None => write.problems.add("loggerId", "Logger not found."),
        }
    }
    if write.stored.body.pointer("/properties/metrics") == Some(&Value::Bool(true)) && name == "azuremonitor" {
        write.problems.add("metrics", "Metrics is supported for Application Insights only.");
    }
    if write.stored.body.pointer("/properties/sampling").is_none() {
        write.set("/properties/sampling", json!({ "samplingType": "fixed", "percentage": 100.0 }));
    }
    Ok(())
}
