//! What every part of the reader needs: entries with known keys, scalars of a type, findings.

use std::path::Path;
use std::str::FromStr as _;
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use crate::scenario::codes;
use crate::scenario::subject::Names;
use crate::support::duration::parse_iso8601;
use crate::support::finding::{Code, Finding, Kind};
use crate::support::source::{Sources, Span};
use crate::support::suggest::nearest;
use crate::support::tree::{Entry, Node, Resolved, Value};

/// Collects findings while nodes are read.
pub(super) struct Reader<'a> {
    pub(super) names: &'a Names,
    pub(super) findings: &'a mut Vec<Finding>,
    /// The file, for paths of imports.
    pub(super) path: &'a Path,
    pub(super) sources: &'a mut Sources,
}

impl Reader<'_> {
    pub(super) fn error(&mut self, code: Code, kind: Kind, at: Span, message: impl Into<String>) {
        self.findings.push(Finding::error(code, kind, message).at(at));
    }

    pub(super) fn error_with_help(&mut self, code: Code, kind: Kind, at: Span, message: impl Into<String>, help: impl Into<String>) {
        self.findings.push(Finding::error(code, kind, message).at(at).help(help));
    }

    pub(super) fn wrong_type(&mut self, node: &Node, what: &str, wanted: &str) {
        let message = format!("{what} must be {wanted}, and is {}", node.kind_words());
        self.error(codes::WRONG_TYPE, Kind::Type, node.span, message);
    }

    /// The entries of a mapping, each with a known key.
    pub(super) fn entries<'n>(&mut self, node: &'n Node, what: &str, known: &[&'static str]) -> Vec<(&'static str, &'n Entry)> {
        if !matches!(node.value, Value::Mapping(_)) {
            self.wrong_type(node, what, "a mapping");
            return Vec::new();
        }
        let mut found = Vec::new();
        for entry in node.entries() {
            match known.iter().find(|known| **known == entry.key) {
                Some(known) => found.push((*known, entry)),
                None => {
                    let help = match nearest(&entry.key, known.iter().copied()) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("there are {}", listed(known)),
                    };
                    let message = format!("{what} has no `{}`", entry.key);
                    self.error_with_help(codes::UNKNOWN_KEY, Kind::Place, entry.key_span, message, help);
                }
            }
        }
        found
    }

    /// The entries of a mapping whose keys are the user's own.
    pub(super) fn mapping<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Entry] {
        if !matches!(node.value, Value::Mapping(_)) {
            self.wrong_type(node, what, "a mapping");
        }
        node.entries()
    }

    pub(super) fn list<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        if !matches!(node.value, Value::Sequence(_)) {
            self.wrong_type(node, what, "a list");
        }
        node.items()
    }

    /// The items of a list, or the value itself.
    pub(super) fn one_or_many<'n>(&self, node: &'n Node) -> Vec<&'n Node> {
        match &node.value {
            Value::Sequence(items) => items.iter().collect(),
            Value::Scalar(_) | Value::Mapping(_) => vec![node],
        }
    }

    /// The text of a scalar; numbers and booleans as they are written.
    pub(super) fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        match node.scalar().filter(|_| !node.is_null()) {
            Some(scalar) => Some(scalar.text.clone()),
            None => {
                self.wrong_type(node, what, "a text");
                None
            }
        }
    }

    pub(super) fn texts(&mut self, node: &Node, what: &str) -> Vec<String> {
        self.one_or_many(node).into_iter().filter_map(|node| self.text(node, what)).collect()
    }

    pub(super) fn boolean(&mut self, node: &Node, what: &str) -> Option<bool> {
        match node.scalar().map(|scalar| scalar.resolve()) {
            Some(Resolved::Bool(value)) => Some(value),
            _ => {
                self.wrong_type(node, what, "`true` or `false`");
                None
            }
        }
    }

    pub(super) fn whole(&mut self, node: &Node, what: &str, low: u64, high: u64) -> Option<u64> {
        let Some(Resolved::Number(number)) = node.scalar().map(|scalar| scalar.resolve()) else {
            self.wrong_type(node, what, "a whole number");
            return None;
        };
        let found = number.as_u64().filter(|number| (low..=high).contains(number));
        if found.is_none() {
            let range = if high == u64::MAX { format!("of at least {low}") } else { format!("from {low} to {high}") };
            self.error(codes::OUT_OF_RANGE, Kind::Type, node.span, format!("{what} must be a whole number {range}"));
        }
        found
    }

    pub(super) fn number(&mut self, node: &Node, what: &str, low: f64, high: f64) -> Option<f64> {
        let Some(Resolved::Number(number)) = node.scalar().map(|scalar| scalar.resolve()) else {
            self.wrong_type(node, what, "a number");
            return None;
        };
        let found = number.as_f64().filter(|number| (low..=high).contains(number));
        if found.is_none() {
            let range = match (low, high) {
                (low, f64::INFINITY) => format!("of at least {low}"),
                (low, high) => format!("from {low} to {high}"),
            };
            self.error(codes::OUT_OF_RANGE, Kind::Type, node.span, format!("{what} must be a number {range}"));
        }
        found
    }

    pub(super) fn duration(&mut self, node: &Node, what: &str) -> Option<Duration> {
        let found = node.scalar().and_then(|scalar| parse_iso8601(&scalar.text));
        if found.is_none() {
            let message = format!("{what} must be a duration");
            self.error_with_help(codes::BAD_DURATION, Kind::Type, node.span, message, "write it as ARM does: `PT30S`, `PT0.2S`, `PT1M`");
        }
        found
    }

    /// A status that HTTP has.
    pub(super) fn status(&mut self, node: &Node, what: &str) -> Option<u16> {
        self.whole(node, what, 100, 599).and_then(|status| u16::try_from(status).ok())
    }

    pub(super) fn one_of<T: Clone>(&mut self, node: &Node, what: &str, choices: &[(&'static str, T)]) -> Option<T> {
        let text = node.scalar().map(|scalar| scalar.text.as_str()).unwrap_or_default();
        let found = choices.iter().find(|(name, _)| *name == text).map(|(_, choice)| choice.clone());
        if found.is_none() {
            let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
            let help = match nearest(text, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", listed(&names)),
            };
            self.error_with_help(codes::NOT_ALLOWED, Kind::Type, node.span, format!("{what} has no value `{text}`"), help);
        }
        found
    }

    pub(super) fn header_name(&mut self, text: &str, at: Span) -> Option<HeaderName> {
        let name = HeaderName::from_str(text).ok();
        if name.is_none() {
            self.error(codes::BAD_HEADER, Kind::Type, at, format!("`{text}` cannot be the name of a header"));
        }
        name
    }

    pub(super) fn header_value(&mut self, node: &Node, name: &str) -> Option<HeaderValue> {
        let value = node.scalar().and_then(|scalar| HeaderValue::from_str(&scalar.text).ok());
        if value.is_none() {
            self.error(codes::BAD_HEADER, Kind::Type, node.span, format!("this cannot be the value of the header `{name}`"));
        }
        value
    }

    /// A backend that can answer: no pool.
    pub(super) fn backend(&mut self, name: &str, at: Span) -> String {
        if let Some(own) = self.names.backends.keys().find(|own| own.eq_ignore_ascii_case(name)) {
            return own.clone();
        }
        if let Some((pool, members)) = self.names.pools.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)) {
            let message = format!("`{pool}` is a pool, and never answers itself");
            let members: Vec<&str> = members.iter().map(String::as_str).collect();
            self.error_with_help(codes::IMPOSSIBLE, Kind::Place, at, message, format!("name a member: {}", listed(&members)));
            return name.to_owned();
        }
        let known: Vec<&str> = self.names.backends.keys().map(String::as_str).collect();
        let message = format!("the specification has no backend `{name}`");
        let help = suggestion(name, &known);
        self.error_with_help(codes::UNKNOWN_BACKEND, Kind::Place, at, message, help);
        name.to_owned()
    }

    /// The name of a subscription.
    pub(super) fn subscription(&mut self, name: &str, at: Span) -> String {
        if let Some(own) = self.names.subscriptions.iter().find(|own| own.eq_ignore_ascii_case(name)) {
            return own.clone();
        }
        let known: Vec<&str> = self.names.subscriptions.iter().map(String::as_str).collect();
        let message = format!("the specification has no subscription `{name}`");
        let help = suggestion(name, &known);
        self.error_with_help(codes::UNKNOWN_SUBSCRIPTION, Kind::Place, at, message, help);
        name.to_owned()
    }
}

/// `did you mean …?`, or what there is.
pub(super) fn suggestion(name: &str, known: &[&str]) -> String {
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "there are none".to_owned(),
        None => format!("there are {}", listed(known)),
    }
}

pub(super) fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// `there is one request`, `there are 4 requests`.
pub(super) fn requests(count: u64) -> String {
    if count == 1 { "there is one request".to_owned() } else { format!("there are {count} requests") }
}
