//! What the structure alone cannot say: names, references, what the service refuses, and what it takes but cannot work.
//!
//! Sources: the ARM contract (lengths, patterns), Microsoft's documentation of the tiers, and reports of what the service refuses.
//! What is neither is marked assumed where it stands.

mod apis;
mod backends;
mod clients;
mod consumers;
mod monitoring;
mod names;
mod operations;
mod policies;
mod raw;
mod service;
mod tiers;

use super::check::Checked;
use super::check::message::pick;
use super::codes;
use super::load::{Loaded, Locator, PolicyText};
use super::model::Spec;
use super::tree::join;
use crate::support::finding::{Code, Finding, Kind};
use crate::support::source::{Sources, Span};

/// Applies every rule; findings go to `loaded`.
pub(super) fn all(spec: &Spec, checked: &Checked, loaded: &mut Loaded) {
    let mut rules =
        Rules { spec, checked, locator: &loaded.locator, policies: &loaded.policies, sources: &loaded.sources, findings: Vec::new() };
    names::check(&mut rules);
    if !rules.is_broken("/service") && !rules.is_broken("/resourceGroup") {
        service::check(&mut rules);
    }
    backends::check(&mut rules);
    apis::check(&mut rules);
    clients::check(&mut rules);
    consumers::check(&mut rules);
    monitoring::check(&mut rules);
    raw::check(&mut rules);
    policies::check(&mut rules);
    let found = std::mem::take(&mut rules.findings);
    loaded.findings.extend(found);
}

/// What every rule works with.
struct Rules<'a> {
    spec: &'a Spec,
    checked: &'a Checked,
    locator: &'a Locator,
    policies: &'a std::collections::BTreeMap<String, PolicyText>,
    sources: &'a Sources,
    findings: Vec<Finding>,
}

impl Rules<'_> {
    /// Whether the structural check has found fault with the part at `pointer` already, so that it is not in the typed form.
    fn is_broken(&self, pointer: &str) -> bool {
        self.checked.dropped.contains(pointer) || self.checked.unfit.contains(pointer.trim_start_matches('/'))
    }

    /// Whether a section of the document has an entry of that name, sound or not.
    fn has(&self, section: &str, name: &str) -> bool {
        self.locator.contains(&join(&format!("/{section}"), name))
    }

    /// Adds a finding at the value of `pointer`.
    fn error(&mut self, code: Code, kind: Kind, pointer: &str, message: impl Into<String>) -> &mut Finding {
        let place = self.locator.value(pointer);
        self.push(Finding::error(code, kind, message).at(place))
    }

    /// Adds a finding at the key of `pointer`.
    fn error_at_key(&mut self, code: Code, kind: Kind, pointer: &str, message: impl Into<String>) -> &mut Finding {
        let place = self.locator.key(pointer);
        self.push(Finding::error(code, kind, message).at(place))
    }

    /// Adds a warning at the key of `pointer`.
    fn trap(&mut self, code: Code, pointer: &str, message: impl Into<String>) -> &mut Finding {
        let place = self.locator.key(pointer);
        self.push(Finding::warning(code, Kind::Trap, message).at(place))
    }

    fn push(&mut self, finding: Finding) -> &mut Finding {
        let index = self.findings.len();
        self.findings.push(finding);
        &mut self.findings[index]
    }

    /// Finds fault with `name` unless `section` has it.
    fn refer(&mut self, section: &str, kind: &str, name: &str, pointer: &str) -> bool {
        let place = self.locator.value(pointer);
        self.refer_at(section, kind, name, place)
    }

    fn refer_at(&mut self, section: &str, kind: &str, name: &str, place: Option<Span>) -> bool {
        if self.has(section, name) {
            return true;
        }
        let names = self.names(section);
        let help =
            if names.is_empty() { format!("the specification has no `{section}`") } else { pick(name, names.iter().map(String::as_str)) };
        self.push(Finding::error(codes::DANGLING, Kind::Place, format!("there is no {kind} `{name}`")).at(place).help(help));
        false
    }

    fn names(&self, section: &str) -> Vec<String> {
        fn keys<T>(map: &super::model::Map<T>) -> Vec<String> {
            map.keys().cloned().collect()
        }
        match section {
            "openAI" => keys(&self.spec.open_ai),
            "namedValues" => keys(&self.spec.named_values),
            "backends" => keys(&self.spec.backends),
            "policyFragments" => keys(&self.spec.policy_fragments),
            "apiVersionSets" => keys(&self.spec.api_version_sets),
            "apis" => keys(&self.spec.apis),
            "products" => keys(&self.spec.products),
            "groups" => keys(&self.spec.groups),
            "users" => keys(&self.spec.users),
            "loggers" => keys(&self.spec.loggers),
            "actionGroups" => keys(&self.spec.action_groups),
            _ => Vec::new(),
        }
    }
}

/// Adds help to a finding that was just pushed.
trait Advise {
    fn advise(&mut self, help: impl Into<String>) -> &mut Self;
}

impl Advise for Finding {
    fn advise(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }
}

/// Whether the text is the full id of an Azure resource.
fn is_full_id(text: &str) -> bool {
    text.get(..15).is_some_and(|start| start.eq_ignore_ascii_case("/subscriptions/"))
}
