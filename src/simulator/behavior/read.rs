//! Behavior files: YAML with positions, or the same as JSON.

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, StatusCode};

use super::{Action, Behavior, Connection, CutAt, Filter, Latency, Matching, Operation, PartialLatency, Rule, Which, codes};
use crate::simulator::account::Account;
use crate::simulator::behavior::engine::like;
use crate::support::duration::parse_iso8601;
use crate::support::finding::{Code, Finding, Kind};
use crate::support::source::{SourceId, Sources, Span};
use crate::support::suggest::nearest;
use crate::support::tree::{Entry, Node, Resolved, Value};
use crate::support::yaml;

/// Largest file that is read, in bytes.
pub const MAXIMUM_BYTES: usize = yaml::MAXIMUM_BYTES;

/// A file that was read: its behavior, unless a finding is an error.
#[derive(Debug)]
pub struct BehaviorFile {
    /// The behavior; `None` if there are errors.
    pub behavior: Option<Behavior>,
    /// What is wrong or doubtful.
    pub findings: Vec<Finding>,
    /// The file, for positions.
    pub sources: Sources,
}

/// Reads a behavior from YAML. `accounts` are those that rules may name; empty: any.
#[must_use]
pub fn from_yaml(path: &Path, bytes: Vec<u8>, accounts: &[Arc<Account>]) -> BehaviorFile {
    let mut sources = Sources::default();
    let text = match (bytes.len() <= MAXIMUM_BYTES).then(|| String::from_utf8(bytes)) {
        Some(Ok(text)) => text,
        Some(Err(_)) => return unreadable(path, "it is not UTF-8"),
        None => return unreadable(path, "it is too large"),
    };
    let source = sources.add(path, text.as_str());
    let mut findings = Vec::new();
    let behavior = read(source, &text, accounts, &mut findings);
    let behavior = if findings.iter().any(Finding::is_error) { None } else { behavior };
    BehaviorFile { behavior, findings, sources }
}

fn unreadable(path: &Path, reason: &str) -> BehaviorFile {
    let message = format!("`{}` cannot be read: {reason}", path.display());
    BehaviorFile { behavior: None, findings: vec![Finding::error(codes::UNREADABLE, Kind::Syntax, message)], sources: Sources::default() }
}

/// Reads a behavior from JSON.
///
/// # Errors
/// What is wrong with it; positions mean nothing.
pub fn from_json(text: &str, accounts: &[Arc<Account>]) -> Result<Behavior, Vec<Finding>> {
    let value: serde_json::Value = serde_json::from_str(text)
        .map_err(|error| vec![Finding::error(codes::NOT_YAML, Kind::Syntax, format!("this is not JSON: {error}"))])?;
    // Written anew it is YAML too, whatever white space it had.
    let text = value.to_string();
    let source = Sources::default().add("behavior", text.as_str());
    let mut findings = Vec::new();
    let behavior = read(source, &text, accounts, &mut findings);
    match behavior {
        Some(behavior) if !findings.iter().any(Finding::is_error) => Ok(behavior),
        _ => Err(findings),
    }
}

fn read(source: SourceId, text: &str, accounts: &[Arc<Account>], findings: &mut Vec<Finding>) -> Option<Behavior> {
    let root = yaml::parse(source, text, &codes::YAML, findings)?;
    Some(from_node(&root, accounts, findings))
}

/// Reads a behavior that is part of another document.
pub(crate) fn from_node(node: &Node, accounts: &[Arc<Account>], findings: &mut Vec<Finding>) -> Behavior {
    let behavior = Reader { findings, accounts }.behavior(node);
    Behavior { document: node.to_json(), ..behavior }
}

struct Reader<'a> {
    findings: &'a mut Vec<Finding>,
    accounts: &'a [Arc<Account>],
}

impl Reader<'_> {
    fn error(&mut self, code: Code, kind: Kind, message: String, at: Span) -> &mut Finding {
        self.findings.push(Finding::error(code, kind, message).at(at));
        let last = self.findings.len() - 1;
        &mut self.findings[last]
    }

    /// The entries of a mapping, each with a known key.
    fn entries<'n>(&mut self, node: &'n Node, what: &str, known: &[&'static str]) -> Vec<(&'static str, &'n Entry)> {
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
                    self.error(codes::UNKNOWN_KEY, Kind::Place, message, entry.key_span).help = Some(help);
                }
            }
        }
        found
    }

    fn wrong_type(&mut self, node: &Node, what: &str, wanted: &str) {
        let message = format!("{what} must be {wanted}, and is {}", node.kind_words());
        self.error(codes::WRONG_TYPE, Kind::Type, message, node.span);
    }

    fn behavior(&mut self, root: &Node) -> Behavior {
        let mut behavior = Behavior::default();
        for (key, entry) in self.entries(root, "the behavior", &["seed", "latency", "rules"]) {
            match key {
                "seed" => behavior.seed = self.whole(&entry.node, "`seed`", 0, u64::MAX).unwrap_or_default(),
                "latency" => behavior.latency = self.latency(&entry.node),
                _ => behavior.rules = self.rules(&entry.node),
            }
        }
        behavior
    }

    fn latency(&mut self, node: &Node) -> Latency {
        let mut latency = Latency::default();
        for (key, entry) in self.entries(node, "`latency`", &["headers", "firstToken", "perToken"]) {
            let duration = self.duration(&entry.node, key).unwrap_or_default();
            match key {
                "headers" => latency.headers = duration,
                "firstToken" => latency.first_token = duration,
                _ => latency.per_token = duration,
            }
        }
        latency
    }

    fn rules(&mut self, node: &Node) -> Vec<Rule> {
        let Value::Sequence(items) = &node.value else {
            if !node.is_null() {
                self.wrong_type(node, "`rules`", "a list");
            }
            return Vec::new();
        };
        let rules: Vec<Rule> = items.iter().map(|item| self.rule(item)).collect();
        // A rule about everything, always, leaves nothing for those behind it.
        let greedy = rules.iter().position(|rule| {
            rule.accounts.is_empty()
                && rule.deployments.is_empty()
                && rule.operations.is_empty()
                && rule.from.is_zero()
                && rule.lasting.is_none()
                && rule.which == Which::All
                && rule.matching.is_empty()
        });
        if let Some((greedy, next)) = greedy.and_then(|greedy| Some((items.get(greedy)?, items.get(greedy + 1)?))) {
            let finding = Finding::warning(codes::NEVER_FITS, Kind::Trap, "the rules from here on are never reached").at(next.span);
            let finding = finding.label(greedy.span, "this rule fits every request");
            self.findings.push(finding.help("put it last: the first rule that fits is followed"));
        }
        rules
    }

    fn rule(&mut self, node: &Node) -> Rule {
        const KEYS: &[&str] =
            &["name", "account", "deployment", "operation", "from", "for", "nth", "first", "every", "probability", "match", "do"];
        let mut rule = Rule::default();
        let mut counting: Option<(&'static str, Span)> = None;
        let mut acted = false;
        for (key, entry) in self.entries(node, "a rule", KEYS) {
            let value = &entry.node;
            if matches!(key, "nth" | "first" | "every" | "probability") {
                if let Some((first, _)) = counting {
                    let message = format!("`{first}` and `{key}` exclude each other");
                    self.error(codes::CONTRADICTION, Kind::Place, message, entry.key_span);
                }
                counting = Some((key, entry.key_span));
            }
            match key {
                "name" => rule.name = self.text(value, "`name`"),
                "account" => rule.accounts = self.texts(value, "`account`"),
                "deployment" => rule.deployments = self.texts(value, "`deployment`"),
                "operation" => rule.operations = self.operations(value),
                "from" => rule.from = self.duration(value, key).unwrap_or_default(),
                "for" => rule.lasting = self.duration(value, key),
                "nth" => rule.which = self.whole(value, "`nth`", 1, u64::MAX).map_or(Which::All, Which::Nth),
                "first" => rule.which = self.whole(value, "`first`", 1, u64::MAX).map_or(Which::All, Which::First),
                "every" => rule.which = self.whole(value, "`every`", 1, u64::MAX).map_or(Which::All, Which::Every),
                "probability" => rule.which = self.share(value).map_or(Which::All, Which::Probability),
                "match" => rule.matching = self.matching(value),
                _ => {
                    acted = true;
                    rule.action = self.action(value);
                }
            }
        }
        self.known_names(node, &rule);
        if !acted && matches!(node.value, Value::Mapping(_)) {
            self.error(codes::NOTHING_TO_DO, Kind::Place, "a rule without `do` does nothing".to_owned(), node.span).help =
                Some("say what happens, for instance `do: { status: 503 }`".to_owned());
        }
        if rule.action.connection.is_some() && (!rule.deployments.is_empty() || !rule.operations.is_empty() || !rule.matching.is_empty()) {
            let message = "`connection` is about connections, which have no deployment, operation or request yet".to_owned();
            self.error(codes::CONTRADICTION, Kind::Place, message, node.span).help =
                Some("use `cut: beforeFirstByte` for single requests".to_owned());
        }
        rule
    }

    /// Warns of names that no account or deployment has.
    fn known_names(&mut self, node: &Node, rule: &Rule) {
        if self.accounts.is_empty() {
            return;
        }
        let at = |key: &str| node.get(key).map_or(node.span, |node| node.span);
        let accounts: Vec<&str> = self.accounts.iter().map(|account| account.name.as_str()).collect();
        let deployments: Vec<&str> =
            self.accounts.iter().flat_map(|account| &account.deployments).map(|deployment| deployment.name.as_str()).collect();
        for (names, known, key, what) in
            [(&rule.accounts, accounts, "account", "account"), (&rule.deployments, deployments, "deployment", "deployment")]
        {
            for name in names.iter().filter(|name| !known.iter().any(|known| like(name, known))) {
                let message = format!("there is no {what} `{name}`");
                let mut finding = Finding::warning(codes::UNKNOWN_ACCOUNT, Kind::Place, message).at(at(key));
                finding.help = Some(match nearest(name, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are {}", listed(&known)),
                });
                self.findings.push(finding);
            }
        }
    }

    fn matching(&mut self, node: &Node) -> Matching {
        let mut matching = Matching::default();
        for (key, entry) in self.entries(node, "`match`", &["method", "path", "headers", "body", "stream"]) {
            let value = &entry.node;
            match key {
                "method" => {
                    let method = self.text(value, "`method`");
                    matching.method = method.and_then(|method| Method::from_str(&method.to_ascii_uppercase()).ok());
                    if matching.method.is_none() {
                        self.error(codes::NOT_ALLOWED, Kind::Type, "`method` must be a method of HTTP".to_owned(), value.span);
                    }
                }
                "path" => matching.path = self.text(value, "`path`"),
                "body" => matching.body = self.text(value, "`body`"),
                "stream" => matching.stream = self.boolean(value, "`stream`"),
                _ => {
                    for entry in self.mapping(value, "`headers`") {
                        let wanted = self.text(&entry.node, &format!("`{}`", entry.key)).unwrap_or_default();
                        if let Some(name) = self.header_name(entry) {
                            matching.headers.push((name, wanted));
                        }
                    }
                }
            }
        }
        matching
    }

    fn mapping<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Entry] {
        if !matches!(node.value, Value::Mapping(_)) {
            self.wrong_type(node, what, "a mapping");
        }
        node.entries()
    }

    fn header_name(&mut self, entry: &Entry) -> Option<HeaderName> {
        let name = HeaderName::from_str(&entry.key).ok();
        if name.is_none() {
            let message = format!("`{}` cannot be the name of a header", entry.key);
            self.error(codes::BAD_HEADER, Kind::Type, message, entry.key_span);
        }
        name
    }

    fn action(&mut self, node: &Node) -> Action {
        const KEYS: &[&str] = &[
            "connection",
            "delayHeaders",
            "firstToken",
            "perToken",
            "status",
            "headers",
            "body",
            "throttle",
            "cut",
            "malformed",
            "endless",
            "neverAnswers",
            "text",
            "tokens",
            "contentFilter",
        ];
        let mut action = Action::default();
        let entries = self.entries(node, "`do`", KEYS);
        if entries.is_empty() && matches!(node.value, Value::Mapping(_)) {
            self.error(codes::NOTHING_TO_DO, Kind::Place, "an empty `do` does nothing".to_owned(), node.span);
        }
        let mut latency = PartialLatency::default();
        for (key, entry) in &entries {
            let value = &entry.node;
            match *key {
                "connection" => action.connection = self.one_of(value, key, CONNECTIONS),
                "delayHeaders" => action.delay_headers = self.duration(value, key),
                "firstToken" => latency.first_token = self.duration(value, key),
                "perToken" => latency.per_token = self.duration(value, key),
                "status" => {
                    let status = self.whole(value, "`status`", 200, 599);
                    action.status = status.and_then(|status| StatusCode::from_u16(u16::try_from(status).ok()?).ok());
                }
                "headers" => self.headers(value, &mut action),
                "body" => action.body = Some(body(value)),
                "throttle" => action.throttle = self.duration(value, key),
                "cut" => action.cut = self.cut(value),
                "malformed" => action.malformed = self.boolean(value, "`malformed`").unwrap_or_default(),
                "endless" => action.endless = self.boolean(value, "`endless`").unwrap_or_default(),
                "neverAnswers" => action.never_answers = self.boolean(value, "`neverAnswers`").unwrap_or_default(),
                "text" => action.text = self.text(value, "`text`"),
                "tokens" => action.tokens = self.whole(value, "`tokens`", 1, 100_000).and_then(|tokens| u32::try_from(tokens).ok()),
                _ => action.filter = self.one_of(value, key, FILTERS),
            }
        }
        action.latency = latency;
        let given = |name: &str| entries.iter().any(|(key, _)| *key == name);
        for (one, other) in EXCLUSIVE {
            if given(one) && given(other) {
                let message = format!("`{one}` and `{other}` exclude each other");
                self.error(codes::CONTRADICTION, Kind::Place, message, node.span);
            }
        }
        action
    }

    fn headers(&mut self, node: &Node, action: &mut Action) {
        for entry in self.mapping(node, "`headers`") {
            let Some(name) = self.header_name(entry) else { continue };
            if entry.node.is_null() {
                action.without_headers.push(name);
                continue;
            }
            let values: Vec<&Node> = match &entry.node.value {
                Value::Sequence(items) => items.iter().collect(),
                _ => vec![&entry.node],
            };
            for value in values {
                let text = value.scalar().map(|scalar| scalar.text.as_str());
                match text.and_then(|text| HeaderValue::from_str(text).ok()) {
                    Some(value) => {
                        action.headers.append(name.clone(), value);
                    }
                    None => {
                        let message = format!("this cannot be the value of the header `{}`", entry.key);
                        self.error(codes::BAD_HEADER, Kind::Type, message, value.span);
                    }
                }
            }
        }
    }

    fn cut(&mut self, node: &Node) -> Option<CutAt> {
        if node.scalar().is_some() {
            return self.one_of(node, "cut", &[("beforeFirstByte", CutAt::BeforeFirstByte)]);
        }
        let entries = self.entries(node, "`cut`", &["afterFrames", "afterBytes"]);
        let [(key, entry)] = entries.as_slice() else {
            let message = "`cut` takes one of `beforeFirstByte`, `afterFrames` and `afterBytes`".to_owned();
            self.error(codes::CONTRADICTION, Kind::Place, message, node.span);
            return None;
        };
        let number = self.whole(&entry.node, &format!("`{key}`"), 0, u64::from(u32::MAX))?;
        Some(if *key == "afterFrames" { CutAt::AfterFrames(usize::try_from(number).ok()?) } else { CutAt::AfterBytes(number) })
    }

    fn one_of<T: Copy>(&mut self, node: &Node, key: &str, choices: &[(&'static str, T)]) -> Option<T> {
        let text = node.scalar().map(|scalar| scalar.text.as_str()).unwrap_or_default();
        let found = choices.iter().find(|(name, _)| *name == text).map(|(_, choice)| *choice);
        if found.is_none() {
            let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
            let message = format!("`{key}` must be {}", listed_or(&names));
            let near = nearest(text, names.iter().copied()).map(|near| format!("did you mean `{near}`?"));
            self.error(codes::NOT_ALLOWED, Kind::Type, message, node.span).help = near;
        }
        found
    }

    fn operations(&mut self, node: &Node) -> Vec<Operation> {
        let choices: Vec<_> = Operation::ALL.iter().map(|operation| (operation.name(), *operation)).collect();
        let nodes: Vec<&Node> = if let Value::Sequence(items) = &node.value { items.iter().collect() } else { vec![node] };
        nodes.into_iter().filter_map(|node| self.one_of(node, "operation", &choices)).collect()
    }

    fn texts(&mut self, node: &Node, what: &str) -> Vec<String> {
        match &node.value {
            Value::Sequence(items) => items.iter().filter_map(|item| self.text(item, what)).collect(),
            _ => self.text(node, what).into_iter().collect(),
        }
    }

    fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        match node.scalar().filter(|_| !node.is_null()) {
            Some(scalar) => Some(scalar.text.clone()),
            None => {
                self.wrong_type(node, what, "a text");
                None
            }
        }
    }

    fn boolean(&mut self, node: &Node, what: &str) -> Option<bool> {
        match node.scalar().map(|scalar| scalar.resolve()) {
            Some(Resolved::Bool(value)) => Some(value),
            _ => {
                self.wrong_type(node, what, "`true` or `false`");
                None
            }
        }
    }

    fn whole(&mut self, node: &Node, what: &str, low: u64, high: u64) -> Option<u64> {
        let Some(Resolved::Number(number)) = node.scalar().map(|scalar| scalar.resolve()) else {
            self.wrong_type(node, what, "a whole number");
            return None;
        };
        let found = number.as_u64().filter(|number| (low..=high).contains(number));
        if found.is_none() {
            let range = if high == u64::MAX { format!("at least {low}") } else { format!("from {low} to {high}") };
            self.error(codes::OUT_OF_RANGE, Kind::Type, format!("{what} must be a whole number {range}"), node.span);
        }
        found
    }

    fn share(&mut self, node: &Node) -> Option<f64> {
        let number = match node.scalar().map(|scalar| scalar.resolve()) {
            Some(Resolved::Number(number)) => number.as_f64(),
            _ => None,
        };
        let found = number.filter(|number| (0.0..=1.0).contains(number));
        if found.is_none() {
            self.error(codes::OUT_OF_RANGE, Kind::Type, "`probability` must be a number from 0 to 1".to_owned(), node.span);
        }
        found
    }

    fn duration(&mut self, node: &Node, key: &str) -> Option<Duration> {
        let found = node.scalar().and_then(|scalar| parse_iso8601(&scalar.text));
        if found.is_none() {
            self.error(codes::BAD_DURATION, Kind::Type, format!("`{key}` must be a duration"), node.span).help =
                Some("write it as ARM does: `PT30S`, `PT0.2S`, `PT1M`".to_owned());
        }
        found
    }
}

const CONNECTIONS: &[(&str, Connection)] = &[
    ("refused", Connection::Refused),
    ("reset", Connection::Reset),
    ("dnsFailure", Connection::DnsFailure),
    ("tlsFailure", Connection::TlsFailure),
    ("neverAnswers", Connection::NeverAnswers),
];
const FILTERS: &[(&str, Filter)] = &[("prompt", Filter::Prompt), ("completion", Filter::Completion)];
/// Parts of an action that cannot both happen.
const EXCLUSIVE: &[(&str, &str)] = &[
    ("connection", "status"),
    ("connection", "throttle"),
    ("connection", "body"),
    ("connection", "cut"),
    ("connection", "neverAnswers"),
    ("throttle", "status"),
    ("neverAnswers", "status"),
    ("neverAnswers", "throttle"),
    ("endless", "cut"),
    ("endless", "neverAnswers"),
    ("text", "tokens"),
    ("status", "text"),
    ("status", "tokens"),
    ("throttle", "text"),
    ("throttle", "tokens"),
    ("body", "text"),
    ("body", "tokens"),
];

/// A text as it is, anything else as JSON.
fn body(node: &Node) -> bytes::Bytes {
    match &node.value {
        Value::Scalar(scalar) => scalar.text.clone().into_bytes().into(),
        Value::Sequence(_) | Value::Mapping(_) => node.to_json().to_string().into(),
    }
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn listed_or(names: &[&str]) -> String {
    match names.split_last() {
        Some((last, [])) => format!("`{last}`"),
        Some((last, rest)) => format!("{} or `{last}`", listed(rest)),
        None => "nothing".to_owned(),
    }
}
