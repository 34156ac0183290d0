//! What `serve` says when it starts and when it has reloaded.

use std::path::Path;

use serde_json::json;

use super::applied::Applied;
use super::{Serving, Session};
use crate::arm::ResourceId;
use crate::cli::arguments::ServeArguments;
use crate::deploy::resource::DesiredId;
use crate::gateway::Gateway;
use crate::gateway::snapshot::{Api, Document, Operation, Snapshot, SubscriptionScope};
use crate::policy::{self, Format};
use crate::spec::model::PolicyFormat;
use crate::support::finding::Finding;
use crate::support::source::{SourceText, Sources, Span};

/// Operations that are listed of one API.
const LISTED: usize = 6;

/// Where it listens, what can be called and how, and what cannot be run here.
pub(super) fn start(
    gateway: &Gateway,
    serving: &Serving,
    arguments: &ServeArguments,
    applied: Option<&Applied>,
    session: &mut Session<'_>,
) {
    let snapshot = gateway.snapshot();
    let scheme = if arguments.tls { "https" } else { "http" };
    let urls: Vec<String> = serving.addresses.iter().map(|address| format!("{scheme}://{address}")).collect();
    let admin: Option<String> = serving.admin.map(|address| format!("http://{address}"));
    findings(&snapshot, applied, session);
    if session.printer.is_json() {
        let apis: Vec<_> =
            snapshot.apis.iter().map(|api| json!({ "name": api.name, "path": api.path, "revision": api.revision })).collect();
        session.printer.json_line(&json!({
            "event": "listening", "gateway": urls, "admin": admin, "service": snapshot.service.name, "apis": apis,
        }));
        return;
    }
    for url in &urls {
        session.printer.data(format!("Gateway  {url}  ({})", snapshot.service.name));
    }
    if let Some(url) = &admin {
        session.printer.data(format!("Admin    {url}"));
    }
    session.printer.data("");
    for api in &snapshot.apis {
        list(api, &snapshot, session);
    }
    if let Some(url) = urls.first() {
        for line in call(url, &snapshot, arguments, applied) {
            session.printer.data(line);
        }
    }
    session.printer.note("\nCtrl-C stops it");
    session.printer.flush();
}

/// There is a new snapshot.
pub(super) fn reloaded(gateway: &Gateway, applied: Option<&Applied>, session: &mut Session<'_>) {
    let snapshot = gateway.snapshot();
    session.printer.note(format!("Reloaded: {} APIs, {} operations", snapshot.apis.len(), snapshot.operations.len()));
    findings(&snapshot, applied, session);
}

fn list(api: &Api, snapshot: &Snapshot, session: &mut Session<'_>) {
    let revision = if api.is_current { String::new() } else { format!(";rev={}", api.revision) };
    let version = api.version.as_deref().map(|version| format!("  version {version}")).unwrap_or_default();
    let key = if api.subscription_required { format!("key in `{}`", api.key_names.header_text) } else { "no key".to_owned() };
    session.printer.data(format!("{}  /{}{revision}{version}  {key}", api.name, api.path));
    for operation in api.operations.iter().take(LISTED).filter_map(|index| snapshot.operation(*index)) {
        let method = operation.method.as_ref().map_or("*", http::Method::as_str);
        session.printer.data(format!("  {method:<6} {}", join(api, &operation.url_template)));
    }
    if api.operations.len() > LISTED {
        session.printer.data(format!("  and {} more", api.operations.len() - LISTED));
    }
}

fn join(api: &Api, template: &str) -> String {
    let path = if api.path.is_empty() { String::new() } else { format!("/{}", api.path) };
    format!("{path}/{}", template.trim_start_matches('/'))
}

/// A `curl` that gets a completion, if there is an operation for one.
fn call(url: &str, snapshot: &Snapshot, arguments: &ServeArguments, applied: Option<&Applied>) -> Vec<String> {
    let chat = snapshot.apis.iter().filter(|api| api.is_current).find_map(|api| {
        let mut operations = api.operations.iter().filter_map(|index| snapshot.operation(*index));
        Some((api, operations.find(|operation| is_chat(operation))?))
    });
    let Some((api, operation)) = chat else { return Vec::new() };
    let deployment =
        applied.and_then(|applied| applied.desired.accounts.first()?.account.deployments.first()).map_or("gpt-4o-mini", |own| own.name());
    let path =
        operation.parameters.iter().fold(join(api, &operation.url_template), |path, name| path.replace(&format!("{{{name}}}"), deployment));
    let query = if path.contains("/deployments/") { "?api-version=2024-10-21" } else { "" };
    let mut lines = vec![String::new(), format!("curl '{url}{path}{query}' \\")];
    if arguments.tls {
        lines.push(format!("  --cacert '{}' \\", crate::cli::settings::state_dir(arguments.state_dir.as_deref()).join("ca.pem").display()));
    }
    if api.subscription_required {
        lines.push(format!("  -H {} \\", key_header(api, snapshot, arguments, applied)));
    }
    lines.push("  -H 'Content-Type: application/json' \\".to_owned());
    lines.push(format!("  -d '{{\"model\":\"{deployment}\",\"messages\":[{{\"role\":\"user\",\"content\":\"Hello\"}}]}}'"));
    lines
}

fn is_chat(operation: &Operation) -> bool {
    operation.url_template.contains("chat/completions")
}

/// The header with a key that opens the API. Keys that the embedded ARM made up in memory open nothing else and are shown; a key that the
/// user has elsewhere is not: its place is named.
fn key_header(api: &Api, snapshot: &Snapshot, arguments: &ServeArguments, applied: Option<&Applied>) -> String {
    let header = &api.key_names.header_text;
    let opens = |scope: SubscriptionScope| match scope {
        SubscriptionScope::AllApis => true,
        SubscriptionScope::Api(index) => snapshot.api(index).is_some_and(|opened| opened.name == api.name),
        SubscriptionScope::Product(index) => api.products.contains(&index),
        SubscriptionScope::Nothing => false,
    };
    let fitting = snapshot.subscriptions.iter().filter(|own| own.active && opens(own.scope));
    // One that the specification asks for, rather than one that every service has.
    let Some(subscription) = fitting.min_by_key(|own| (own.master, !is_desired(&own.id, applied))) else {
        return format!("'{header}: KEY'");
    };
    let given = arguments.subscription_key.iter().filter_map(|argument| argument.split_once('='));
    if let Some((_, value)) = given.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(&subscription.name)) {
        return match (value.strip_prefix("env:"), value.strip_prefix('@')) {
            (Some(variable), _) => format!("\"{header}: ${variable}\""),
            (_, Some(file)) => format!("\"{header}: $(cat '{file}')\""),
            _ => format!("'{header}: {value}'"),
        };
    }
    let of_specification = applied.is_some_and(|applied| {
        let spec = applied.loaded.spec.as_ref();
        spec.and_then(|spec| spec.subscriptions.get(&subscription.name)).is_some_and(|own| own.primary_key.is_some())
    });
    if applied.is_none() || of_specification {
        return format!("'{header}: <the key of {}>'", subscription.name);
    }
    format!("'{header}: {}'", subscription.primary_key.expose())
}

fn is_desired(id: &ResourceId, applied: Option<&Applied>) -> bool {
    applied.is_some_and(|applied| applied.desired.resources.iter().any(|own| matches!(&own.id, DesiredId::Known(known) if known == id)))
}

/// What cannot be read or run here, at the user's own lines where these are known.
fn findings(snapshot: &Snapshot, applied: Option<&Applied>, session: &mut Session<'_>) {
    session.printer.findings(&snapshot.findings, &Sources::default());
    // Several APIs may share one file.
    let mut told: Vec<(&str, Span)> = Vec::new();
    for document in &snapshot.documents {
        for finding in &document.findings {
            match applied.and_then(|applied| Some((home(finding, document, applied)?, applied))) {
                Some((span, _)) if told.contains(&(finding.message.as_str(), span)) => {}
                Some((span, applied)) => {
                    told.push((&finding.message, span));
                    session.printer.findings(&[finding.clone().at(span)], &applied.loaded.sources);
                }
                None => session.printer.findings(std::slice::from_ref(finding), &document.sources),
            }
        }
    }
}

/// Where the user wrote what a finding about the stored document points at. The service lays a document out anew and keeps its elements, so
/// the element of the same number is meant.
fn home(finding: &Finding, document: &Document, applied: &Applied) -> Option<Span> {
    let pointer =
        applied.desired.resources.iter().find(|own| matches!(&own.id, DesiredId::Known(id) if *id == document.id))?.pointer.clone();
    let written = applied.loaded.policies.get(&pointer)?;
    let format = if written.format == PolicyFormat::RawXml { Format::RawXml } else { Format::Xml };
    let own = policy::Document::parse(&written.text, format).ok()?;
    let span = finding.span?;
    let file = document.sources.get(span.source).filter(|file| Path::new(&file.path).ends_with("policies/policy"))?;
    let stored = policy::Document::parse(&SourceText::whole(span.source, file.text.clone()), Format::Xml).ok()?;
    let number = stored.walk().iter().position(|visit| stored.span(&visit.element.name_range) == span)?;
    let element = own.walk().iter().nth(number)?.element;
    Some(own.span(&element.name_range))
}
