//! Policies of every scope, and fragments.

use serde_json::{Value, json};

use super::super::{Call, Kind, Style, View, Write};
use super::{policy_rules, references, service, service_id};
use crate::arm::ResourceId;
use crate::arm::store::Stored;
use crate::emulator::answer::{Answer, Problems, Refusal};
use crate::emulator::policy_text::{Document, Element, Format, Malformed};
use crate::emulator::shape::{Field, TEXT, Type};
use crate::emulator::transaction::Transaction;
use crate::emulator::{crud, json_text, paging, set};
use crate::policy::reference::Scope;

const PROPERTIES: &[Field] =
    &[Field::new("format", Type::Word(&["xml", "xml-link", "rawxml", "rawxml-link"])).or(r#""xml""#), Field::new("value", TEXT).required()];

const POLICY: Kind = Kind {
    label: "PoliciesConfiguration",
    naming: Some((r"^(?i:policy)$", 6, 6)),
    properties: PROPERTIES,
    complete: policy,
    show,
    ..Kind::CHILD
};

pub(super) const SERVICE_POLICY: Kind = Kind { name: "Microsoft.ApiManagement/service/policies", ..POLICY };
pub(super) const PRODUCT_POLICY: Kind = Kind { name: "Microsoft.ApiManagement/service/products/policies", ..POLICY };
pub(super) const API_POLICY: Kind = Kind { name: "Microsoft.ApiManagement/service/apis/policies", ..POLICY };
pub(super) const OPERATION_POLICY: Kind = Kind { name: "Microsoft.ApiManagement/service/apis/operations/policies", ..POLICY };

pub(super) const FRAGMENT: Kind = Kind {
    name: "Microsoft.ApiManagement/service/policyFragments",
    label: "PolicyFragment",
    naming: Some((r"(^[\w]+$)|(^[\w][\w\-]+[\w]$)", 1, 80)),
    properties: &[
        Field::new("format", Type::Word(&["xml", "rawxml"])).or(r#""xml""#),
        Field::new("value", TEXT).required(),
        Field::new("description", Type::Text(0, 1000)),
    ],
    style: Style::Deferred,
    complete: fragment,
    show,
    before_delete: |tx, _, stored| {
        let name = stored.id.name();
        references::refuse(
            tx,
            &service_id(&stored.id),
            |text| references::includes(text, name),
            &format!("The Policy Fragment '{name}' is used by the following entities:"),
        )
    },
    actions: &[("listReferences", list_references)],
    ..Kind::CHILD
};

/// Sections of a policy document.
const SECTIONS: &[&str] = &["inbound", "backend", "outbound", "on-error"];

fn parse(write: &Write<'_, '_>) -> Result<Document, Refusal> {
    let format = write.text("/properties/format").unwrap_or("xml");
    let format = match format {
        "rawxml" => Format::RawXml,
        "xml" => Format::Xml,
        other => {
            return Err(Refusal::service(
                501,
                "OperationNotEmulated",
                format!(
                    "The format '{other}' makes the service fetch the text from a URL; this is not emulated. Send the text itself as 'rawxml' or 'xml'."
                ),
            ));
        }
    };
    Document::parse(write.text("/properties/value").unwrap_or_default(), format).map_err(|Malformed(message)| {
        let mut problems = Problems::default();
        problems.add("representation", message);
        problems.into_result().err().unwrap_or_else(|| Refusal::service(400, "ValidationError", "The policy is not valid."))
    })
}

fn error(problems: &mut Problems, element: &Element, message: &str) {
    problems.add(
        &element.name,
        format!("Error in element '{}' on line {}, column {}: {message}", element.name, element.position.line, element.position.column),
    );
}

fn policy(write: &mut Write<'_, '_>) -> Result<(), Refusal> {
    if write.text("/properties/value").is_none() {
        return Ok(());
    }
    let document = parse(write)?;
    let root = &document.root;
    if root.name != "policies" {
        error(&mut write.problems, root, "The root element of a policy document must be 'policies'.");
    }
    for section in root.elements() {
        if !SECTIONS.contains(&section.name.as_str()) {
            error(
                &mut write.problems,
                section,
                &format!("Unexpected element. List of possible elements expected: '{}'.", SECTIONS.join(", ")),
            );
        }
        // Observed: one direct child only; words assumed.
        if section.name == "backend" && section.elements().count() > 1 {
            error(&mut write.problems, section, "The 'backend' section allows only one policy element to be specified.");
        }
    }
    let owner = service_id(&write.id);
    let scope = match write.id.parent().map(|parent| parent.resource_type()) {
        Some(kind) if kind.eq_ignore_ascii_case("Microsoft.ApiManagement/service/products") => Scope::Product,
        Some(kind) if kind.eq_ignore_ascii_case("Microsoft.ApiManagement/service/apis") => Scope::Api,
        Some(kind) if kind.eq_ignore_ascii_case("Microsoft.ApiManagement/service/apis/operations") => Scope::Operation,
        _ => Scope::Global,
    };
    let mut problems = std::mem::take(&mut write.problems);
    apply_rules(write, &owner, &document, Some(scope), &mut problems);
    check_references(write.tx, &owner, &document, None, &mut problems);
    write.problems = problems;
    keep(write, &document);
    Ok(())
}

fn fragment(write: &mut Write<'_, '_>) -> Result<(), Refusal> {
    if write.text("/properties/value").is_none() {
        return Ok(());
    }
    // What is wrong with the text is told at the poll (observed), as a message without details.
    let document = match parse(write) {
        Ok(document) if document.root.name == "fragment" => document,
        Ok(_) => {
            write.failure = Some(Refusal::service(
                400,
                "ValidationError",
                "The policy fragment is not a valid XML: the root element must be 'fragment'.",
            ));
            return Ok(());
        }
        Err(refusal) if refusal.status() == 400 => {
            let message = refusal.error().details.first().map_or("", |detail| detail.message.as_str());
            write.failure = Some(Refusal::service(400, "ValidationError", format!("The policy fragment is not a valid XML: {message}")));
            return Ok(());
        }
        Err(refusal) => return Err(refusal),
    };
    let owner = service_id(&write.id);
    let mut problems = Problems::default();
    apply_rules(write, &owner, &document, None, &mut problems);
    check_references(write.tx, &owner, &document, Some(write.id.name()), &mut problems);
    if !problems.is_empty() {
        write.failure = problems.into_result().err();
        return Ok(());
    }
    keep(write, &document);
    write.set("/properties/provisioningState", "Succeeded");
    write.set_default("/properties/description", Value::Null);
    Ok(())
}

/// The schema of policies, for the service's tier.
fn apply_rules(write: &Write<'_, '_>, owner: &ResourceId, document: &Document, scope: Option<Scope>, problems: &mut Problems) {
    let sku = write.tx.get(owner).map(|stored| service::sku(&stored.body).to_owned()).unwrap_or_default();
    let format = if write.text("/properties/format") == Some("rawxml") { Format::RawXml } else { Format::Xml };
    policy_rules::apply(write.text("/properties/value").unwrap_or_default(), format, document, scope, &sku, problems);
}

/// The text is kept in format `xml`, whatever it was sent in.
fn keep(write: &mut Write<'_, '_>, document: &Document) {
    write.set("/properties/format", "xml");
    write.set("/properties/value", document.print(Format::Xml));
}

/// Backends, fragments, loggers and named values that are not there.
fn check_references(tx: &Transaction<'_>, service: &ResourceId, document: &Document, own: Option<&str>, problems: &mut Problems) {
    for element in document.elements() {
        let named = match element.name.as_str() {
            "set-backend-service" => Some(("backend-id", "backends", "Backend with id")),
            "include-fragment" => Some(("fragment-id", "policyFragments", "Policy fragment with id")),
            "log-to-eventhub" => Some(("logger-id", "loggers", "Logger with id")),
            _ => None,
        };
        if let Some((attribute, kind, words)) = named
            && let Some(value) = element.attribute(attribute).filter(|value| references::is_literal(value))
        {
            let itself = kind == "policyFragments" && own.is_some_and(|own| own.eq_ignore_ascii_case(value));
            if itself || tx.get(&service.child(kind, value)).is_none() {
                error(problems, element, &format!("{words} '{value}' could not be found."));
            }
        }
        for text in element.texts() {
            for name in references::named_values(text) {
                if !references::value_exists(tx, service, name) {
                    // "Cannot find a property" is in issue threads; that it carries the place is assumed.
                    error(problems, element, &format!("Cannot find a property '{name}'."));
                }
            }
        }
    }
}

fn show(view: View<'_, '_>, stored: &Stored, body: &mut Value) {
    let Some(text) = json_text(&stored.body, "/properties/value") else { return };
    let raw = view.request.query("format").is_some_and(|format| format.to_ascii_lowercase().starts_with("rawxml"));
    // The answer to a PUT is in format xml (recorded for xml); so is a list.
    if !raw && !view.tx.options.hostile {
        return;
    }
    if let Ok(document) = Document::parse(text, Format::Xml) {
        let format = if raw { Format::RawXml } else { Format::Xml };
        // Hostile: another layout of the same document.
        let text = document.print_indented(format, if view.tx.options.hostile { "    " } else { "\t" });
        set(body, "/properties/format", json!(if raw { "rawxml" } else { "xml" }));
        set(body, "/properties/value", json!(text));
    }
}

fn list_references(tx: &mut Transaction<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    let stored = crud::existing(tx, call.kind, &call.id)?;
    let items = references::users_of_fragment(tx, &service_id(&stored.id), stored.id.name())
        .into_iter()
        .map(|id| json!({ "id": id.as_str(), "name": id.name(), "type": id.resource_type() }))
        .collect();
    paging::page(tx.options, call.request, items, true)
}
