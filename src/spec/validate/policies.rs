//! Policies at their scopes, and what they name: fragments, backends, named values, loggers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use super::Rules;
use crate::policy::{self, CheckContext, Document, DocumentKind, Format, Gateway, Reference, Scope};
use crate::spec::check::message::pick;
use crate::spec::codes;
use crate::spec::model::PolicyFormat;
use crate::spec::tree;
use crate::support::finding::{Finding, Kind};
use crate::support::source::Span;
use crate::support::suggest;

/// Named values that the service makes for the credentials of loggers; a specification cannot name them.
const GENERATED_PREFIX: &str = "Logger-Credentials-";

pub(super) fn check(rules: &mut Rules<'_>) {
    let documents = read(rules);
    let gateway = rules.spec.service.sku.as_ref().and_then(|sku| Gateway::of_sku(sku.name()));
    let named_values = plain_named_values(rules);
    let mut found = Vec::new();
    for (pointer, document) in &documents {
        let around = around(rules, pointer, document, &documents);
        let around: Vec<&Document> = around.iter().map(AsRef::as_ref).collect();
        let context =
            CheckContext { scope: scope(pointer), gateway, around: &around, named_values: Some(&named_values), ..CheckContext::default() };
        found.extend(policy::check(document, &context));
    }
    // A document that several places share is found fault with once.
    let mut seen: BTreeSet<(Option<Span>, &str, String)> = BTreeSet::new();
    for finding in found {
        if seen.insert((finding.span, finding.code.id, finding.message.clone())) {
            rules.push(finding);
        }
    }
    let mut named: BTreeSet<Span> = BTreeSet::new();
    for document in documents.values() {
        if named.insert(document.span(&(0..1))) {
            references(rules, document);
        }
    }
    credentials(rules);
}

type Documents = BTreeMap<String, Rc<Document>>;

/// The documents that can be read, by the pointer of the key that names them.
fn read(rules: &mut Rules<'_>) -> Documents {
    let mut documents = Documents::new();
    let mut known: BTreeMap<(Span, PolicyFormat), Option<Rc<Document>>> = BTreeMap::new();
    for (pointer, text) in rules.policies {
        let format = match text.format {
            PolicyFormat::RawXml => Format::RawXml,
            PolicyFormat::Xml => Format::Xml,
        };
        let key = (text.text.span(0..text.text.text().len()), text.format);
        let document = match known.get(&key) {
            Some(document) => document.clone(),
            None => {
                let document = match Document::parse(&text.text, format) {
                    Ok(document) => Some(Rc::new(document)),
                    Err(finding) => {
                        rules.push(finding);
                        None
                    }
                };
                known.insert(key, document.clone());
                document
            }
        };
        if let Some(document) = document {
            kind(rules, pointer, &document);
            documents.insert(pointer.clone(), document);
        }
    }
    documents
}

/// The named values whose texts may be put into policies and so into messages about them: no secret, none of a Key Vault, and none that
/// comes from outside, because what a variable holds may be a secret all the same.
fn plain_named_values(rules: &Rules<'_>) -> HashMap<String, String> {
    let written = |name: &str| {
        let span = rules.locator.value(&tree::join(&tree::join("/namedValues", name), "value"))?;
        rules.sources.get(span.source)?.text.get(span.start as usize..span.end as usize)
    };
    let known = rules.spec.named_values.iter().filter(|(name, value)| {
        value.secret != Some(true) && value.key_vault.is_none() && written(name).is_some_and(|text| !text.contains("${"))
    });
    known
        .filter_map(|(name, value)| {
            let text = value.value.as_ref()?.expose().clone();
            Some((value.display_name.as_deref().unwrap_or(name).to_lowercase(), text))
        })
        .collect()
}

/// A fragment belongs under `policyFragments`, a policy document anywhere else.
fn kind(rules: &mut Rules<'_>, pointer: &str, document: &Document) {
    let wanted = if pointer.starts_with("/policyFragments/") { DocumentKind::Fragment } else { DocumentKind::Policies };
    if document.kind() != wanted {
        let (is, belongs) = match document.kind() {
            DocumentKind::Fragment => ("a fragment", "a policy document (`<policies>`)"),
            DocumentKind::Policies => ("a policy document", "a fragment (`<fragment>`)"),
        };
        rules.error(codes::POLICY_SOURCE, Kind::Place, pointer, format!("this is {is}; here belongs {belongs}"));
    }
}

fn scope(pointer: &str) -> Option<Scope> {
    match pointer.split('/').nth(1)? {
        "service" => Some(Scope::Global),
        "products" => Some(Scope::Product),
        "apis" if pointer.split('/').nth(3) == Some("operations") => Some(Scope::Operation),
        "apis" => Some(Scope::Api),
        _ => None,
    }
}

/// What runs around a document: those of wider scopes, and the fragments that any of them includes.
fn around(rules: &Rules<'_>, pointer: &str, document: &Rc<Document>, documents: &Documents) -> Vec<Rc<Document>> {
    let mut around: Vec<Rc<Document>> = Vec::new();
    if scope(pointer).is_none() {
        return around;
    }
    let mut take = |pointer: &str| around.extend(documents.get(pointer).cloned());
    if pointer != "/service/policy" {
        take("/service/policy");
    }
    if let Some(api) = pointer.strip_prefix("/apis/").and_then(|rest| rest.split('/').next()) {
        for (name, product) in &rules.spec.products {
            if product.apis.iter().any(|opened| tree::escape(opened) == api) {
                take(&format!("{}/policy", tree::join("/products", name)));
            }
        }
        if scope(pointer) == Some(Scope::Operation) {
            take(&format!("/apis/{api}/policy"));
        }
    }
    // Fragments may include fragments; each is taken once, so a circle ends.
    let mut included: BTreeSet<String> = BTreeSet::new();
    let mut open: Vec<Rc<Document>> = around.iter().cloned().chain([Rc::clone(document)]).collect();
    while let Some(next) = open.pop() {
        for fragment in policy::references(&next).fragments {
            let place = format!("{}/policy", tree::join("/policyFragments", &fragment.name));
            if included.insert(place.clone())
                && let Some(fragment) = documents.get(&place)
            {
                open.push(Rc::clone(fragment));
                around.push(Rc::clone(fragment));
            }
        }
    }
    around
}

fn references(rules: &mut Rules<'_>, document: &Document) {
    let references = policy::references(document);
    for backend in &references.backends {
        entry(rules, "backends", "backend", backend);
    }
    for fragment in &references.fragments {
        entry(rules, "policyFragments", "policy fragment", fragment);
    }
    for logger in &references.loggers {
        let insights = rules.spec.monitoring.as_ref().and_then(|monitoring| monitoring.application_insights.as_ref());
        if insights.is_none_or(|insights| insights.name != logger.name) {
            entry(rules, "loggers", "logger", logger);
        }
    }
    for value in &references.named_values {
        named_value(rules, value.name.as_str(), value.span);
    }
}

/// The service may hold things that another specification made, so an unknown name is an error only where this one owns the service.
fn entry(rules: &mut Rules<'_>, section: &str, kind: &str, reference: &Reference) {
    let name = reference.name.as_str();
    let names = rules.names(section);
    if rules.has(section, name) || names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return;
    }
    let message = format!("`{}` names the {kind} `{name}`, which the specification does not have", reference.policy);
    let help = if names.is_empty() { format!("add it under `{section}`") } else { pick(name, names.iter().map(String::as_str)) };
    rules.push(dangling(rules.spec.service.existing, message).at(reference.span).help(help));
}

fn named_value(rules: &mut Rules<'_>, name: &str, span: Span) {
    if name.starts_with(GENERATED_PREFIX) {
        return;
    }
    let mut names: Vec<&str> = rules.spec.named_values.iter().map(|(key, value)| value.display_name.as_deref().unwrap_or(key)).collect();
    if names.iter().any(|known| known.eq_ignore_ascii_case(name))
        || rules.has("namedValues", name) && rules.is_broken(&format!("/namedValues/{name}"))
    {
        return;
    }
    names.sort_unstable();
    let help = match suggest::nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{{{{{near}}}}}`?"),
        None => "add it under `namedValues`".to_owned(),
    };
    let message = format!("there is no named value `{name}`");
    rules.push(dangling(rules.spec.service.existing, message).at(span).help(help));
}

fn dangling(shared: bool, message: String) -> Finding {
    if shared { Finding::warning(codes::DANGLING, Kind::Place, message) } else { Finding::error(codes::DANGLING, Kind::Place, message) }
}

/// `{{name}}` in the credentials of backends and loggers.
fn credentials(rules: &mut Rules<'_>) {
    let mut uses: Vec<(String, String)> = Vec::new();
    let mut take = |text: &str, pointer: String| {
        uses.extend(policy::named_value_uses(text).map(|(_, name)| (name.to_owned(), pointer.clone())));
    };
    for (name, backend) in &rules.spec.backends {
        let pointer = tree::join("/backends", name);
        if let Some(url) = &backend.url {
            take(url, format!("{pointer}/url"));
        }
        let Some(credentials) = &backend.credentials else { continue };
        let pointer = format!("{pointer}/credentials");
        if let Some(authorization) = &credentials.authorization {
            take(authorization.parameter.expose(), format!("{pointer}/authorization/parameter"));
        }
        for (kind, parameters) in [("header", &credentials.header), ("query", &credentials.query)] {
            for (parameter, values) in parameters.iter().flatten() {
                for (index, value) in values.iter().enumerate() {
                    take(value.expose(), format!("{}/{index}", tree::join(&format!("{pointer}/{kind}"), parameter)));
                }
            }
        }
    }
    for (name, logger) in &rules.spec.loggers {
        for (key, value) in logger.credentials.iter().flatten() {
            let pointer = format!("{}/credentials", tree::join("/loggers", name));
            take(value.expose(), tree::join(&pointer, key));
        }
    }
    for (name, pointer) in uses {
        if let Some(span) = rules.locator.value(&pointer) {
            named_value(rules, &name, span);
        }
    }
}
