//! What policies name: fragments, backends, named values, loggers.

use std::collections::BTreeSet;

use super::Rules;
use crate::policy::{self, Document, Format, Reference};
use crate::spec::check::message::pick;
use crate::spec::codes;
use crate::spec::model::PolicyFormat;
use crate::support::finding::{Finding, Kind};
use crate::support::source::Span;
use crate::support::suggest;

/// Named values that the service makes for the credentials of loggers; a specification cannot name them.
const GENERATED_PREFIX: &str = "Logger-Credentials-";

pub(super) fn check(rules: &mut Rules<'_>) {
    // A document that several places share is looked at once.
    let mut seen: BTreeSet<(Span, usize)> = BTreeSet::new();
    for text in rules.policies.values() {
        if !seen.insert((text.text.span(0..0), text.text.text().len())) {
            continue;
        }
        let format = match text.format {
            PolicyFormat::RawXml => Format::RawXml,
            PolicyFormat::Xml => Format::Xml,
        };
        // What cannot be read is found fault with where policies are checked as such.
        let Ok(document) = Document::parse(&text.text, format) else { continue };
        let references = policy::references(&document);
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
    credentials(rules);
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
        let pointer = crate::spec::tree::join("/backends", name);
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
                    take(value.expose(), format!("{}/{index}", crate::spec::tree::join(&format!("{pointer}/{kind}"), parameter)));
                }
            }
        }
    }
    for (name, logger) in &rules.spec.loggers {
        for (key, value) in logger.credentials.iter().flatten() {
            let pointer = format!("{}/credentials", crate::spec::tree::join("/loggers", name));
            take(value.expose(), crate::spec::tree::join(&pointer, key));
        }
    }
    for (name, pointer) in uses {
        if let Some(span) = rules.locator.value(&pointer) {
            named_value(rules, &name, span);
        }
    }
}
