//! Chaos files: YAML with positions, as files of scenarios.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::ReadOptions;
use super::reader::Reader;
use super::request::Named;
use crate::gateway::settings::Settings;
use crate::scenario::chaos::arrivals::{self, Arrivals, LONGEST, MOST_REQUESTS, Phase};
use crate::scenario::chaos::codes as own_codes;
use crate::scenario::chaos::{Chaos, Load, Thresholds, Variant, variants};
use crate::scenario::codes;
use crate::scenario::file::Given;
use crate::scenario::request::{Body, Request};
use crate::scenario::subject::{Names, Subject};
use crate::spec::load::LoadOptions;
use crate::support::finding::{Finding, Kind};
use crate::support::source::{Sources, Span};
use crate::support::tree::{Node, Value};
use crate::support::yaml;

const FILE_KEYS: &[&str] = &["spec", "env", "variables", "seed", "settings", "requests", "load", "given", "expect", "variants"];
const LOAD_KEYS: &[&str] = &["phases", "arrivals", "mix", "promptTokens", "maxTokens", "streams", "timeout"];
/// How long a caller waits, unless the file says otherwise: as the OpenAI SDKs do.
const TIMEOUT: Duration = Duration::from_secs(600);
/// Most tokens of a prompt or an answer.
const MOST_TOKENS: u64 = 100_000;
/// Most requests a second.
const FASTEST: f64 = 100_000.0;

/// A file that was read, whatever its findings.
#[derive(Debug, Default)]
pub struct ChaosRead {
    /// What it says; `None` if there are errors.
    pub chaos: Option<Chaos>,
    /// What is wrong or doubtful.
    pub findings: Vec<Finding>,
    /// The files that positions are about.
    pub sources: Sources,
}

/// Reads a chaos file with its specification, once for each variant.
#[must_use]
pub fn chaos(path: &Path, options: &ReadOptions) -> ChaosRead {
    let text = match super::text_of(path) {
        Ok(text) => text,
        Err(finding) => return ChaosRead { findings: vec![finding], ..ChaosRead::default() },
    };
    let (mut sources, mut findings) = (Sources::default(), Vec::new());
    let source = sources.add(path, text.as_str());
    let Some(root) = yaml::parse(source, &text, &codes::YAML, &mut findings) else {
        return ChaosRead { findings, sources, ..ChaosRead::default() };
    };
    let (spec, at) = super::specification(&root, path);
    let load = super::load_options(&root, &options.load);
    let subject = match Subject::read(&spec, &load) {
        Ok(subject) => subject,
        Err(error) => {
            findings.push(super::no_spec(&error.reason, &spec, at, root.span));
            return ChaosRead { findings, sources, ..ChaosRead::default() };
        }
    };
    if subject.loaded.has_errors() {
        // Positions of these are in the specification's own files.
        let mut sources = subject.loaded.sources.clone();
        sources.hide(&subject.loaded.sensitive);
        let finding = Finding::error(codes::BAD_SPEC, Kind::Place, format!("`{}` has errors", spec.display()));
        findings = vec![finding.help("they are shown below; `apimctl validate` tells the warnings too")];
        findings.extend(subject.loaded.findings.iter().filter(|finding| finding.is_error()).cloned());
        return ChaosRead { findings, sources, ..ChaosRead::default() };
    }
    let names = subject.names.clone();
    let mut reader = Reader { names: &names, findings: &mut findings, path, sources: &mut sources };
    let chaos = reader.chaos(&root, Base { path, spec: &spec, load: &load, names: &names });
    let failed = findings.iter().any(Finding::is_error);
    ChaosRead { chaos: chaos.filter(|_| !failed), findings, sources }
}

/// What variants begin with.
struct Base<'a> {
    path: &'a Path,
    spec: &'a Path,
    load: &'a LoadOptions,
    names: &'a Names,
}

/// A variant says itself what it is: its environment and variables count before those that all variants begin with.
fn variant_options(node: &Node, base: &LoadOptions) -> LoadOptions {
    let mut load = LoadOptions { local: true, ..base.clone() };
    if let Some(name) = node.get("env").and_then(Node::scalar) {
        load.environment_name = Some(name.text.clone());
    }
    for entry in node.get("variables").map(Node::entries).unwrap_or_default() {
        if let Some(value) = entry.node.scalar() {
            load.variables.insert(entry.key.clone(), value.text.clone());
        }
    }
    load
}

impl Reader<'_> {
    fn chaos(&mut self, root: &Node, base: Base<'_>) -> Option<Chaos> {
        let entries = self.entries(root, "the file", FILE_KEYS);
        let (mut seed, mut settings, mut named) = (1, Settings::default(), Named::new());
        let (mut given, mut load, mut expect) = (None, None, Thresholds::default());
        // What others use is read first, wherever it stands.
        for (key, entry) in &entries {
            let node = &entry.node;
            match *key {
                "seed" => seed = self.whole(node, "`seed`", 0, u64::MAX).unwrap_or_default(),
                "settings" => self.settings(node, &mut settings),
                "requests" => named = self.named_requests(node),
                "given" => given = Some((self.given(node), node)),
                "expect" => expect = self.thresholds(node),
                _ => {}
            }
        }
        for (key, entry) in &entries {
            if *key == "load" {
                load = self.load(&entry.node, &named);
            }
        }
        if load.is_none() && !entries.iter().any(|(key, _)| *key == "load") {
            let help = "write `load:` with `phases` and `mix`; `docs/chaos.md` has examples";
            self.error_with_help(own_codes::NO_LOAD, Kind::Place, root.span, "the file has no load", help);
        }
        let variants = self.variants(root, &expect, &base);
        let load = load?;
        let given = self.faults(given, &load, root.span);
        Some(Chaos { path: base.path.to_owned(), seed, settings, load, given, variants })
    }

    /// Faults that never happen make a replay mean nothing.
    fn faults(&mut self, given: Option<(Given, &Node)>, load: &Load, at: Span) -> Given {
        let length = arrivals::length(&load.phases);
        let Some((given, node)) = given else {
            let finding = Finding::warning(own_codes::NO_FAULTS, Kind::Trap, "nothing goes wrong in this file").at(at);
            self.findings.push(finding.help("write `given:` with `rules`, as in a behavior file"));
            return Given::default();
        };
        let items = node.get("rules").map(Node::items).unwrap_or_default();
        for (rule, item) in given.behavior.rules.iter().zip(items).filter(|(rule, _)| rule.from >= length) {
            let at = item.get("from").map_or(item.span, |from| from.span);
            let message = format!("this begins after {}, when the load is over", crate::scenario::expect::shown(rule.from));
            self.findings.push(Finding::warning(own_codes::LATE, Kind::Trap, message).at(at));
        }
        given
    }

    fn load(&mut self, node: &Node, named: &Named) -> Option<Load> {
        let mut load = Load {
            phases: Vec::new(),
            arrivals: Arrivals::default(),
            mix: Vec::new(),
            prompt_tokens: None,
            max_tokens: None,
            streams: None,
            timeout: TIMEOUT,
        };
        let mut sizes = None;
        for (key, entry) in self.entries(node, "`load`", LOAD_KEYS) {
            let value = &entry.node;
            match key {
                "phases" => load.phases = self.list(value, "`phases`").iter().filter_map(|phase| self.phase(phase)).collect(),
                "arrivals" => {
                    let choices = [("poisson", Arrivals::Poisson), ("even", Arrivals::Even)];
                    load.arrivals = self.one_of(value, "`arrivals`", &choices).unwrap_or_default();
                }
                "mix" => load.mix = self.mix(value, named),
                "promptTokens" => (load.prompt_tokens, sizes) = (self.tokens(value, "`promptTokens`"), Some(entry.key_span)),
                "maxTokens" => (load.max_tokens, sizes) = (self.tokens(value, "`maxTokens`"), Some(entry.key_span)),
                "streams" => (load.streams, sizes) = (self.number(value, "`streams`", 0.0, 1.0), Some(entry.key_span)),
                _ => load.timeout = self.duration(value, "`timeout`").unwrap_or(TIMEOUT),
            }
        }
        for (missing, key) in [(load.phases.is_empty(), "phases"), (load.mix.is_empty(), "mix")] {
            if missing && node.get(key).is_none() {
                let message = format!("the load has no `{key}`");
                self.error(own_codes::NO_LOAD, Kind::Place, node.span, message);
            }
        }
        let has_messages = |request: &Request| matches!(&request.body, Body::Json(body) if body.is_object());
        if let Some(at) = sizes.filter(|_| load.mix.iter().any(|(request, _)| !has_messages(request))) {
            self.error(own_codes::NO_BODY, Kind::Place, at, "a request of the mix has no JSON body whose size could be changed");
        }
        let (length, requests) = (arrivals::length(&load.phases), arrivals::expected(&load.phases));
        if length > LONGEST || requests > MOST_REQUESTS {
            let message = format!("the load has about {requests:.0} requests in {}", crate::scenario::expect::shown(length));
            let help = format!("{MOST_REQUESTS} requests in seven days are the most that is replayed");
            self.error_with_help(own_codes::TOO_MUCH, Kind::Type, node.span, message, help);
        }
        (!load.phases.is_empty() && !load.mix.is_empty()).then_some(load)
    }

    fn phase(&mut self, node: &Node) -> Option<Phase> {
        let (mut length, mut from, mut to) = (None, None, None);
        for (key, entry) in self.entries(node, "a phase", &["for", "rps", "to"]) {
            match key {
                "for" => length = self.duration(&entry.node, "`for`").filter(|length| !length.is_zero()),
                "rps" => from = self.number(&entry.node, "`rps`", 0.0, FASTEST),
                _ => to = self.number(&entry.node, "`to`", 0.0, FASTEST),
            }
        }
        for key in ["for", "rps"] {
            if node.get(key).is_none() && matches!(node.value, Value::Mapping(_)) {
                let help = "write `{ for: PT1M, rps: 10 }`, or `{ for: PT1M, rps: 10, to: 50 }` for a ramp";
                self.error_with_help(codes::MISSING_KEY, Kind::Place, node.span, format!("a phase has no `{key}`"), help);
            }
        }
        let from = from?;
        Some(Phase { length: length?, from, to: to.unwrap_or(from) })
    }

    /// Requests, each by itself or as `{ request: …, weight: 3 }`.
    fn mix(&mut self, node: &Node, named: &Named) -> Vec<(Request, u32)> {
        let mut mix = Vec::new();
        for item in self.one_or_many(node) {
            let (request, weight) = match item.get("request") {
                Some(request) => {
                    self.entries(item, "an item of `mix`", &["request", "weight"]);
                    let weight = item.get("weight").map(|weight| self.whole(weight, "`weight`", 1, 1_000_000));
                    (self.request(request, named), weight.unwrap_or(Some(1)))
                }
                None => (self.request(item, named), Some(1)),
            };
            if let (Some(request), Some(weight)) = (request, weight.and_then(|weight| u32::try_from(weight).ok())) {
                mix.push((request, weight));
            }
        }
        mix
    }

    /// A number, or `{ from: 50, to: 500 }`.
    fn tokens(&mut self, node: &Node, what: &str) -> Option<(u32, u32)> {
        let number = |reader: &mut Self, node: &Node, what: &str| {
            reader.whole(node, what, 1, MOST_TOKENS).and_then(|number| u32::try_from(number).ok())
        };
        if node.scalar().is_some() {
            return number(self, node, what).map(|number| (number, number));
        }
        let (mut from, mut to) = (None, None);
        for (key, entry) in self.entries(node, what, &["from", "to"]) {
            match key {
                "from" => from = number(self, &entry.node, "`from`"),
                _ => to = number(self, &entry.node, "`to`"),
            }
        }
        let (from, to) = from.zip(to)?;
        if from > to {
            self.error(codes::OUT_OF_RANGE, Kind::Type, node.span, format!("{what} goes from {from} down to {to}"));
            return None;
        }
        Some((from, to))
    }

    fn thresholds(&mut self, node: &Node) -> Thresholds {
        let mut thresholds = Thresholds { at: Some(node.span), ..Thresholds::default() };
        for (key, entry) in self.entries(node, "`expect`", &["availability", "latency", "addedLatency"]) {
            match key {
                "availability" => thresholds.availability = self.number(&entry.node, "`availability`", 0.0, 1.0),
                "latency" => thresholds.latency = self.percentiles(&entry.node, "`latency`"),
                _ => thresholds.added_latency = self.percentiles(&entry.node, "`addedLatency`"),
            }
        }
        thresholds
    }

    /// `{ p95: PT1S, p99: PT2S }`.
    fn percentiles(&mut self, node: &Node, what: &str) -> Vec<(f64, Duration)> {
        const PERCENTILES: &[(&str, f64)] = &[("p50", 50.0), ("p90", 90.0), ("p95", 95.0), ("p99", 99.0), ("p999", 99.9), ("max", 100.0)];
        let known: Vec<&'static str> = PERCENTILES.iter().map(|(name, _)| *name).collect();
        let mut found = Vec::new();
        for (key, entry) in self.entries(node, what, &known) {
            let percent = PERCENTILES.iter().find(|(name, _)| *name == key).map(|(_, percent)| *percent);
            found.extend(percent.zip(self.duration(&entry.node, &format!("`{key}`"))));
        }
        found
    }

    fn variants(&mut self, root: &Node, expect: &Thresholds, base: &Base<'_>) -> Vec<Variant> {
        let Some(node) = root.get("variants") else {
            let subject = self.subject(base.spec, base.load, root.span);
            let name = "as specified".to_owned();
            return subject.map(|subject| Variant { name, at: root.span, subject, expect: expect.clone() }).into_iter().collect();
        };
        let items: Vec<&Node> = self.list(node, "`variants`").iter().collect();
        if items.is_empty() {
            self.error(codes::WRONG_TYPE, Kind::Type, node.span, "`variants` is empty");
        }
        let mut seen: BTreeMap<String, Span> = BTreeMap::new();
        let mut variants = Vec::new();
        for item in items {
            let Some(variant) = self.variant(item, expect, base) else { continue };
            if let Some(first) = seen.insert(variant.name.clone(), item.span) {
                let finding = Finding::error(codes::NAME_TWICE, Kind::Place, format!("the name `{}` is taken", variant.name));
                self.findings.push(finding.at(item.span).label(first, "by this variant"));
            }
            variants.push(variant);
        }
        variants
    }

    fn variant(&mut self, node: &Node, expect: &Thresholds, base: &Base<'_>) -> Option<Variant> {
        let entries = self.entries(node, "a variant", &["name", "spec", "env", "variables", "set", "expect"]);
        let mut name = None;
        let mut expect = expect.clone();
        let mut spec = base.spec.to_owned();
        for (key, entry) in &entries {
            match *key {
                "name" => name = self.text(&entry.node, "`name`"),
                "spec" => {
                    let text = self.text(&entry.node, "`spec`")?;
                    spec = base.path.parent().map_or_else(|| PathBuf::from(&text), |folder| folder.join(&text));
                }
                "expect" => expect = self.thresholds(&entry.node),
                _ => {}
            }
        }
        let Some(name) = name else {
            if node.get("name").is_none() && matches!(node.value, Value::Mapping(_)) {
                self.error(codes::MISSING_KEY, Kind::Place, node.span, "a variant has no `name`");
            }
            return None;
        };
        let mut subject = self.subject(&spec, &variant_options(node, base.load), node.span)?;
        if let Some(set) = node.get("set") {
            for entry in self.mapping(set, "`set`") {
                if !matches!(entry.node.value, Value::Mapping(_)) {
                    self.wrong_type(&entry.node, "what a variant sets", "a mapping of properties");
                } else if let Err(finding) = variants::change(&mut subject.desired, &entry.key, &entry.node.to_json(), entry.key_span) {
                    self.findings.push(finding);
                }
            }
        }
        // Requests and rules were read against the names of the specification itself.
        for backend in base.names.backends.keys().filter(|name| !subject.names.backends.contains_key(*name)) {
            let message = format!("the specification of this variant has no backend `{backend}`");
            self.findings.push(Finding::warning(codes::UNKNOWN_BACKEND, Kind::Place, message).at(node.span));
        }
        Some(Variant { name, at: node.span, subject, expect })
    }

    fn subject(&mut self, spec: &Path, load: &LoadOptions, at: Span) -> Option<Subject> {
        match Subject::read(spec, load) {
            Ok(subject) if !subject.loaded.has_errors() => Some(subject),
            Ok(subject) => {
                let errors: Vec<&str> = subject.loaded.errors().map(|finding| finding.message.as_str()).collect();
                let message = format!("`{}` has errors: {}", spec.display(), errors.join("; "));
                self.findings.push(Finding::error(codes::BAD_SPEC, Kind::Place, message).at(at));
                None
            }
            Err(error) => {
                self.findings.push(super::no_spec(&error.reason, spec, Some(at), at));
                None
            }
        }
    }
}
