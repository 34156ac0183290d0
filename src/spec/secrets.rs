//! Secrets that stand in the file itself: they are found fault with, and whoever shows the file must leave them out.

use super::check::message::dotted;
use super::codes;
use super::load::Loaded;
use super::tree::{Node, Resolved, join};
use crate::support::finding::{Finding, Kind};
use crate::support::source::Span;

/// Looks at every place that may hold a secret.
pub(super) fn find(root: &Node, loaded: &mut Loaded) {
    let entries = |section: &str| root.get(section).map(Node::entries).unwrap_or_default();
    for subscription in entries("subscriptions") {
        for key in ["primaryKey", "secondaryKey"] {
            one(&subscription.node, key, &join("/subscriptions", &subscription.key), loaded);
        }
    }
    for value in entries("namedValues") {
        let secret = value.node.get("secret").and_then(Node::scalar).is_some_and(|scalar| scalar.resolve() == Resolved::Bool(true));
        if secret {
            one(&value.node, "value", &join("/namedValues", &value.key), loaded);
        }
    }
    for backend in entries("backends") {
        let pointer = join("/backends", &backend.key);
        if let Some(proxy) = backend.node.get("proxy") {
            one(proxy, "password", &format!("{pointer}/proxy"), loaded);
        }
        let Some(credentials) = backend.node.get("credentials") else { continue };
        let pointer = format!("{pointer}/credentials");
        if let Some(authorization) = credentials.get("authorization") {
            one(authorization, "parameter", &format!("{pointer}/authorization"), loaded);
        }
        for kind in ["header", "query"] {
            for parameter in credentials.get(kind).map(Node::entries).unwrap_or_default() {
                let place = join(&format!("{pointer}/{kind}"), &parameter.key);
                for value in parameter.node.items() {
                    if looks_secret(&parameter.key) {
                        literal(value, parameter.key_span, &place, loaded);
                    } else {
                        loaded.sensitive.push(value.span);
                    }
                }
            }
        }
    }
    for logger in entries("loggers") {
        let Some(credentials) = logger.node.get("credentials") else { continue };
        for key in ["instrumentationKey", "connectionString"] {
            one(credentials, key, &format!("{}/credentials", join("/loggers", &logger.key)), loaded);
        }
    }
}

/// Whether a header or a query parameter of this name usually carries a secret.
fn looks_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    ["key", "secret", "token", "password", "auth", "code", "sig", "cookie"].iter().any(|word| name.contains(word))
}

fn one(holder: &Node, key: &str, pointer: &str, loaded: &mut Loaded) {
    if let Some(entry) = holder.entry(key) {
        literal(&entry.node, entry.key_span, &join(pointer, key), loaded);
    }
}

fn literal(node: &Node, key: Span, pointer: &str, loaded: &mut Loaded) {
    let Some(scalar) = node.scalar() else { return };
    if scalar.substituted || scalar.text.is_empty() || scalar.text.contains("{{") || node.is_null() {
        return;
    }
    loaded.sensitive.push(node.span);
    let message = format!("`{}` stands in the file and may be a secret", dotted(pointer));
    let finding = Finding::warning(codes::LITERAL_SECRET, Kind::Trap, message).at(key);
    loaded.findings.push(finding.help("put it in from a variable (`${NAME}`), or from a named value (`{{name}}`)"));
}
