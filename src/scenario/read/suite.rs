//! The file itself: scenarios and their steps.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::reader::{Reader, suggestion};
use super::request::Named;
use crate::gateway::settings::{NAMES, SettingError, Settings};
use crate::scenario::codes;
use crate::scenario::expect::Expect;
use crate::scenario::file::{Action, File, Given, Scenario, Send, Step};
use crate::scenario::subject::{EPOCH, Names};
use crate::support::finding::{Finding, Kind};
use crate::support::source::{Sources, Span};
use crate::support::tree::{Entry, Node, Value};

const FILE_KEYS: &[&str] = &["spec", "env", "variables", "settings", "given", "requests", "scenarios"];
const SCENARIO_KEYS: &[&str] =
    &["name", "live", "skip", "settings", "given", "timeLimit", "begins", "seed", "steps", "request", "n", "clients", "every", "expect"];
const STEP_KEYS: &[&str] = &["name", "advance", "given", "request", "n", "clients", "every", "expect"];
/// Of a scenario whose one step stands in itself.
const SEND_KEYS: &[&str] = &["request", "n", "clients", "every", "expect"];
/// Most requests of one step.
const MOST_REQUESTS: u64 = 100_000;
/// Most clients of one step.
const MOST_CLIENTS: u64 = 1_000;
/// How much virtual time a scenario may take beside what it lets pass itself.
const TIME_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);
/// Longest time limit: some thirty years.
const LONGEST: Duration = Duration::from_secs(1_000_000_000);

/// What holds for every scenario of a file.
struct Common {
    settings: Settings,
    given: Given,
    named: Named,
}

pub(super) fn file(root: &Node, path: &Path, spec: &Path, names: &Names, sources: &mut Sources, findings: &mut Vec<Finding>) -> File {
    let mut reader = Reader { names, findings, path, sources };
    let mut common = Common { settings: Settings::default(), given: Given::default(), named: Named::new() };
    let mut list = None;
    for (key, entry) in reader.entries(root, "the file", FILE_KEYS) {
        match key {
            "settings" => reader.settings(&entry.node, &mut common.settings),
            "given" => common.given = reader.given(&entry.node),
            "requests" => common.named = reader.named_requests(&entry.node),
            "scenarios" => list = Some(entry),
            // They were looked at before the specification was read.
            "spec" | "env" => {
                reader.text(&entry.node, &format!("`{key}`"));
            }
            _ => {
                for entry in reader.mapping(&entry.node, "`variables`") {
                    reader.text(&entry.node, &format!("`{}`", entry.key));
                }
            }
        }
    }
    let nodes = match list {
        Some(entry) => reader.list(&entry.node, "`scenarios`"),
        None => &[],
    };
    if nodes.is_empty() && matches!(root.value, Value::Mapping(_)) {
        let at = list.map_or(root.span, |entry| entry.key_span);
        let help = "write `scenarios:` with a list; `docs/scenarios.md` has examples";
        reader.error_with_help(codes::NO_SCENARIOS, Kind::Place, at, "the file has no scenarios", help);
    }
    let scenarios: Vec<Scenario> = nodes.iter().map(|node| reader.scenario(node, &common)).collect();
    let mut seen: HashMap<&str, Span> = HashMap::new();
    for scenario in &scenarios {
        match seen.get(scenario.name.as_str()) {
            Some(first) if !scenario.name.is_empty() => {
                let message = format!("the name `{}` is taken", scenario.name);
                let finding = Finding::error(codes::NAME_TWICE, Kind::Place, message).at(scenario.at);
                reader.findings.push(finding.label(*first, "by this scenario").help("reports tell scenarios apart by their names"));
            }
            _ => {
                seen.insert(&scenario.name, scenario.at);
            }
        }
    }
    File { path: path.to_owned(), spec: spec.to_owned(), scenarios }
}

impl Reader<'_> {
    pub(super) fn settings(&mut self, node: &Node, settings: &mut Settings) {
        for entry in self.mapping(node, "`settings`") {
            let Some(value) = self.text(&entry.node, &format!("`{}`", entry.key)) else { continue };
            let Err(error) = settings.set(&entry.key, &value) else { continue };
            let (at, help) = match &error {
                SettingError::Unknown(name) => {
                    let known: Vec<&str> = NAMES.iter().map(|known| known.name).collect();
                    (entry.key_span, suggestion(name, &known))
                }
                SettingError::Value { .. } => (entry.node.span, "`apimctl fidelity` tells what each setting means".to_owned()),
            };
            self.error_with_help(codes::UNKNOWN_SETTING, Kind::Type, at, error.to_string(), help);
        }
    }

    fn scenario(&mut self, node: &Node, common: &Common) -> Scenario {
        let mut scenario = Scenario {
            name: String::new(),
            at: node.span,
            live: false,
            skip: None,
            settings: common.settings.clone(),
            given: common.given.clone(),
            steps: Vec::new(),
            time_limit: TIME_LIMIT,
            begins: EPOCH,
            seed: 1,
        };
        let entries = self.entries(node, "a scenario", SCENARIO_KEYS);
        let mut limit = None;
        for (key, entry) in &entries {
            let value = &entry.node;
            match *key {
                "name" => {
                    scenario.name = self.text(value, "`name`").unwrap_or_default();
                    scenario.at = value.span;
                }
                "live" => scenario.live = self.boolean(value, "`live`").unwrap_or_default(),
                "skip" => scenario.skip = self.text(value, "`skip`, which says why,"),
                "settings" => self.settings(value, &mut scenario.settings),
                "given" => scenario.given = self.given(value),
                "timeLimit" => limit = self.duration(value, "`timeLimit`"),
                "begins" => scenario.begins = self.moment(value).unwrap_or(EPOCH),
                "seed" => scenario.seed = self.whole(value, "`seed`", 0, u64::MAX).unwrap_or_default(),
                "steps" => scenario.steps = self.list(value, "`steps`").iter().filter_map(|step| self.step(step, &common.named)).collect(),
                _ => {}
            }
        }
        if scenario.name.is_empty() && matches!(node.value, Value::Mapping(_)) {
            let help = "write `name:` and a sentence that says what holds if it passes";
            self.error_with_help(codes::MISSING_KEY, Kind::Place, node.span, "a scenario has no name", help);
        }
        let own = entries.iter().find(|(key, _)| SEND_KEYS.contains(key));
        let steps = entries.iter().find(|(key, _)| *key == "steps");
        match (own, steps) {
            (Some((key, entry)), Some(_)) => {
                let message = format!("`{key}` and `steps` exclude each other");
                let help = format!("put `{key}` into a step");
                self.error_with_help(codes::CONTRADICTION, Kind::Place, entry.key_span, message, help);
            }
            (Some(_), None) => {
                let own: Vec<(&'static str, &Entry)> = entries.iter().filter(|(key, _)| SEND_KEYS.contains(key)).copied().collect();
                if let Some(send) = self.send(node, &own, &common.named) {
                    scenario.steps = vec![Step { name: None, at: node.span, action: Action::Send(Box::new(send)) }];
                }
            }
            (None, Some(_)) => {}
            (None, None) if matches!(node.value, Value::Mapping(_)) => {
                let help = "write `request:` and `expect:`, or `steps:` with a list of them";
                self.error_with_help(codes::MISSING_KEY, Kind::Place, scenario.at, "a scenario does nothing", help);
            }
            (None, None) => {}
        }
        self.expects_something(&scenario, own.is_some() || steps.is_some());
        if scenario.live {
            self.is_live(node, &scenario, &entries);
        }
        let passes = scenario.steps.iter().map(|step| match &step.action {
            Action::Advance(time) => *time,
            Action::Send(send) => send.every.unwrap_or_default().saturating_mul(u32::try_from(send.count).unwrap_or(u32::MAX)),
            Action::Given(_) => Duration::ZERO,
        });
        let passes = passes.fold(Duration::ZERO, Duration::saturating_add);
        scenario.time_limit = limit.unwrap_or_else(|| TIME_LIMIT.saturating_add(passes)).min(LONGEST);
        scenario
    }

    /// A scenario that expects nothing passes whatever happens.
    fn expects_something(&mut self, scenario: &Scenario, has_steps: bool) {
        let expects = |step: &Step| matches!(&step.action, Action::Send(send) if !send.expect.is_empty());
        if has_steps && !scenario.steps.iter().any(expects) && !self.findings.iter().any(Finding::is_error) {
            let message = format!("the scenario `{}` expects nothing", scenario.name);
            self.error_with_help(codes::NOTHING_EXPECTED, Kind::Trap, scenario.at, message, "it would always pass: write `expect:`");
        }
    }

    /// What is also meant for a gateway that really runs expects only what can be seen from outside, and changes nothing there.
    fn is_live(&mut self, node: &Node, scenario: &Scenario, entries: &[(&'static str, &Entry)]) {
        let help = "leave out `live`, or what only the gateway of a test can do and know";
        for (key, entry) in entries {
            if matches!(*key, "given" | "settings" | "begins" | "timeLimit") {
                let message = format!("a live scenario cannot have `{key}`");
                self.error_with_help(codes::NOT_LIVE, Kind::Place, entry.key_span, message, help);
            }
        }
        for step in &scenario.steps {
            match &step.action {
                Action::Send(send) => {
                    let inside = send.expect.each.iter().filter(|check| !check.what.is_outside()).map(|check| check.at);
                    let inside = inside.chain(send.expect.all.iter().filter(|check| !check.what.is_outside()).map(|check| check.at));
                    for at in inside.collect::<Vec<_>>() {
                        let message = "this cannot be seen from outside, and the scenario is live";
                        self.error_with_help(codes::NOT_LIVE, Kind::Place, at.unwrap_or(node.span), message, help);
                    }
                }
                Action::Advance(_) | Action::Given(_) => {
                    let message = "a live scenario has no virtual time and no say over backends";
                    self.error_with_help(codes::NOT_LIVE, Kind::Place, step.at, message, help);
                }
            }
        }
    }

    fn moment(&mut self, node: &Node) -> Option<OffsetDateTime> {
        let found = node.scalar().and_then(|scalar| OffsetDateTime::parse(&scalar.text, &Rfc3339).ok());
        if found.is_none() {
            self.error_with_help(
                codes::BAD_DURATION,
                Kind::Type,
                node.span,
                "`begins` must be a date with a time",
                "write it as in `2026-01-05T09:00:00Z`",
            );
        }
        found
    }

    fn step(&mut self, node: &Node, named: &Named) -> Option<Step> {
        let entries = self.entries(node, "a step", STEP_KEYS);
        let name = entries.iter().find(|(key, _)| *key == "name").and_then(|(_, entry)| self.text(&entry.node, "`name`"));
        let actions: Vec<(&'static str, &Entry)> =
            entries.iter().filter(|(key, _)| matches!(*key, "advance" | "given" | "request")).copied().collect();
        let (key, entry) = match actions.as_slice() {
            [one] => *one,
            [] => {
                if matches!(node.value, Value::Mapping(_)) {
                    let help = "write `request:`, `advance:` or `given:`";
                    self.error_with_help(codes::MISSING_KEY, Kind::Place, node.span, "a step does nothing", help);
                }
                return None;
            }
            [(first, _), (second, entry), ..] => {
                let message = format!("`{first}` and `{second}` are two steps");
                self.error_with_help(codes::CONTRADICTION, Kind::Place, entry.key_span, message, "write a step for each");
                return None;
            }
        };
        let rest: Vec<(&'static str, &Entry)> = entries.iter().filter(|(key, _)| SEND_KEYS.contains(key)).copied().collect();
        let action = match key {
            "request" => Action::Send(Box::new(self.send(node, &rest, named)?)),
            _ => {
                if let Some((other, entry)) = rest.first() {
                    let message = format!("`{other}` belongs to a request, and this step has none");
                    self.error(codes::CONTRADICTION, Kind::Place, entry.key_span, message);
                }
                if key == "advance" {
                    Action::Advance(self.duration(&entry.node, "`advance`")?.min(LONGEST))
                } else {
                    Action::Given(Box::new(self.given(&entry.node)))
                }
            }
        };
        Some(Step { name, at: node.span, action })
    }

    fn send(&mut self, node: &Node, entries: &[(&'static str, &Entry)], named: &Named) -> Option<Send> {
        let value = |name: &str| entries.iter().find(|(key, _)| *key == name).map(|(_, entry)| &entry.node);
        let Some(request) = value("request") else {
            let help = "write `request:` and what is sent";
            self.error_with_help(codes::MISSING_KEY, Kind::Place, node.span, "nothing is sent", help);
            return None;
        };
        let requests: Vec<_> = self.one_or_many(request).into_iter().filter_map(|node| self.request(node, named)).collect();
        if requests.is_empty() {
            return None;
        }
        let several = requests.len() as u64;
        let count = value("n").map_or(Some(several), |node| self.whole(node, "`n`", 1, MOST_REQUESTS)).unwrap_or(several);
        let clients = value("clients").map_or(Some(1), |node| self.whole(node, "`clients`", 1, MOST_CLIENTS)).unwrap_or(1);
        let every = value("every").and_then(|node| self.duration(node, "`every`"));
        if let (Some(_), Some(node)) = (every, value("clients")) {
            let message = "`clients` and `every` exclude each other: requests go out either when an answer is there or on time";
            self.error(codes::CONTRADICTION, Kind::Place, node.span, message);
        }
        let expect = value("expect").map_or_else(Expect::default, |node| self.expect(node, count));
        Some(Send { requests, count, clients: usize::try_from(clients).unwrap_or(1), every, expect })
    }
}
