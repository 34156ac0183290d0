//! The walk over two bodies.

use serde_json::{Map, Value};

use super::path::Place;
use super::{PropertyChange, Secrets, Shown, consequence};
use crate::deploy::desired::OWNER_TAG;
use crate::deploy::normalize::{At, Rules, canonical, is_empty, is_off, lookup};
use crate::deploy::resource::{DesiredResource, Filled, Management};
use crate::policy::{self, Format};

/// Fields of every answer that nobody compares.
const ENVELOPE: [&str; 5] = ["id", "name", "type", "etag", "systemData"];

/// One comparison and what it has found.
pub(super) struct Comparison<'a> {
    kind: String,
    rules: Rules,
    filled: &'a Filled,
    live: &'a Value,
    secrets: &'a Secrets,
    /// Only what the desired body says counts.
    declared_only: bool,
    /// Secrets are read by an action, and their absence from the body means nothing.
    has_action: bool,
    pub(super) changes: Vec<PropertyChange>,
    pub(super) unreadable: Vec<String>,
}

impl<'a> Comparison<'a> {
    pub(super) fn run(resource: &DesiredResource, filled: &'a Filled, live: &'a Value, secrets: &'a Secrets) -> Self {
        let kind = resource.resource_type();
        let entry = resource.entry();
        // An imported document brings properties that the specification does not mention.
        let imported = filled.value.pointer("/properties/format").is_some() && kind == "Microsoft.ApiManagement/service/apis";
        let mut comparison = Self {
            rules: Rules::new(entry, resource.id.known()),
            kind,
            filled,
            live,
            secrets,
            declared_only: resource.management == Management::PatchIfForeign || imported,
            has_action: entry.is_some_and(|entry| entry.secrets_action.is_some()),
            changes: Vec::new(),
            unreadable: Vec::new(),
        };
        comparison.root();
        comparison
    }

    fn root(&mut self) {
        let empty = Map::new();
        let desired = self.filled.value.as_object().unwrap_or(&empty);
        let live = self.live.as_object().unwrap_or(&empty);
        self.object(&Place::default(), Some(desired), Some(live), &|key| ENVELOPE.contains(&key));
    }

    /// Both sides' fields, each once.
    fn object(
        &mut self,
        place: &Place,
        desired: Option<&Map<String, Value>>,
        live: Option<&Map<String, Value>>,
        skip: &dyn Fn(&str) -> bool,
    ) {
        let mut seen = Vec::new();
        for (key, value) in desired.into_iter().flatten() {
            let other = live.and_then(|live| lookup(live, key));
            seen.extend(other.map(|(name, _)| name));
            if !skip(key) {
                self.value(&place.key(key), Some(value), other.map(|(_, value)| value));
            }
        }
        for (key, value) in live.into_iter().flatten() {
            if !seen.contains(&key) && !skip(key) {
                self.value(&place.key(key), None, Some(value));
            }
        }
    }

    /// Whether a hole at or below the place is still to be filled.
    fn is_unknown(&self, pointer: &str, below: bool) -> bool {
        self.filled
            .unknown
            .iter()
            .any(|hole| hole == pointer || below && hole.strip_prefix(pointer).is_some_and(|rest| rest.starts_with('/')))
    }

    fn value(&mut self, place: &Place, desired: Option<&Value>, live: Option<&Value>) {
        let at = self.rules.at(&place.segments);
        if at.read_only {
            return;
        }
        let pointer = place.pointer();
        if at.write_only {
            if at.secret && desired.is_some_and(|value| !is_empty(value)) {
                self.unreadable.push(pointer);
            }
            return;
        }
        if self.is_unknown(&pointer, false) {
            let hidden = if self.secrets.contains_key(&pointer) { Shown::Secret } else { Shown::Absent };
            let before = live.filter(|value| !is_empty(value)).map_or(hidden, |value| self.shown(place, &at, value));
            self.change(place, before, Shown::KnownAfterApply, live, None);
            return;
        }
        if place.segments == ["identity"] {
            self.identity(place, desired, live);
            return;
        }
        if matches!(place.segments.as_slice(), [first, second] if first == "tags" && second == OWNER_TAG) {
            return;
        }
        // An empty path or list that is written down is asked for: it differs from one that is not empty.
        let asked = desired.filter(|value| (value.is_string() || value.is_array()) && !at.partial);
        let desired = desired.filter(|value| !is_empty(value) || self.is_unknown(&pointer, true));
        let live = live.filter(|value| !is_empty(value) && (!at.switches || !is_all_off(value)));
        if desired.is_none() && asked.is_none() && (live.is_none() && at.default.is_none() || self.declared_only || at.partial) {
            return;
        }
        if self.is_secret(&at, &pointer) {
            self.secret(place, &at, desired, live);
            return;
        }
        match (desired, live) {
            (Some(Value::Object(desired)), Some(Value::Object(live))) => self.object(place, Some(desired), Some(live), &|_| false),
            // Its fields may have defaults, or be secrets that the service need not tell.
            (Some(Value::Object(fields)), None) if !at.kept => self.object(place, Some(fields), None, &|_| false),
            (None, Some(Value::Object(live))) if !at.kept && asked.is_none() => self.object(place, None, Some(live), &|_| false),
            (Some(Value::Array(desired)), Some(Value::Array(live))) => self.array(place, &at, desired, live),
            _ => self.leaf(place, &at, desired.or(asked), live),
        }
    }

    fn leaf(&mut self, place: &Place, at: &At, desired: Option<&Value>, live: Option<&Value>) {
        let default = at.default.as_ref().filter(|default| !is_empty(default));
        let (wanted, there) = (desired.or(default).filter(|value| !is_empty(value)), live.or(default));
        if desired.is_none() && !at.kept && default.is_none() {
            // Something of the service's own.
            return;
        }
        let same = match (wanted, there) {
            (Some(wanted), Some(there)) => self.same(place, at, wanted, there),
            (None, None) => true,
            _ => false,
        };
        if !same {
            let before = live.map_or(Shown::Absent, |value| self.shown(place, at, value));
            let after = desired.map_or(Shown::Absent, |value| self.shown(place, at, value));
            self.change(place, before, after, there, wanted);
        }
    }

    fn same(&self, place: &Place, at: &At, desired: &Value, live: &Value) -> bool {
        if at.policy
            && let (Some(one), Some(other)) = (desired.as_str(), live.as_str())
        {
            return policy::same_meaning(one, format(&self.filled.value), other, format(self.live));
        }
        let path = &mut place.segments.clone();
        canonical(&self.rules, path, desired) == canonical(&self.rules, path, live)
    }

    fn array(&mut self, place: &Place, at: &At, desired: &[Value], live: &[Value]) {
        let on = |item: &&Value| !item.is_null() && (!at.switches || !is_off(item));
        let desired: Vec<&Value> = desired.iter().filter(on).collect();
        let live: Vec<&Value> = live.iter().filter(on).collect();
        if !desired.iter().chain(&live).all(|item| item.is_object()) {
            self.flat_array(place, at, &desired, &live);
            return;
        }
        let pairs = self.pairs(place, at, &desired, &live);
        let mut matched = vec![false; live.len()];
        for (index, (item, partner)) in desired.iter().zip(&pairs).enumerate() {
            let own = place.index(index);
            match partner.and_then(|partner| Some((partner, live.get(partner)?))) {
                Some((partner, other)) => {
                    if let Some(flag) = matched.get_mut(partner) {
                        *flag = true;
                    }
                    self.value(&own, Some(item), Some(other));
                }
                None => {
                    let after = self.shown(&own, at, item);
                    self.change(&own, Shown::Absent, after, None, Some(item));
                }
            }
        }
        if at.partial {
            return;
        }
        for (index, (item, matched)) in live.iter().zip(matched).enumerate() {
            if !matched {
                let own = place.index(index);
                let before = self.shown(&own, at, item);
                self.change(&own, before, Shown::Absent, Some(item), None);
            }
        }
    }

    /// For each desired element the live one that it is compared with.
    fn pairs(&self, place: &Place, at: &At, desired: &[&Value], live: &[&Value]) -> Vec<Option<usize>> {
        let element = place.key("*");
        let whole = |item: &Value| canonical(&self.rules, &mut element.segments.clone(), item).to_string();
        let key = |item: &Value| match at.unordered {
            Some(keys) if !keys.is_empty() => {
                let parts: Vec<String> = keys
                    .split(',')
                    .map(|key| {
                        let place = element.key(key);
                        let own = self.rules.at(&place.segments);
                        let value = item.get(key).filter(|value| !is_empty(value));
                        value.map_or_else(String::new, |value| self.rules.scalar(&own, value).to_string().to_lowercase())
                    })
                    .collect();
                if parts.iter().all(String::is_empty) { whole(item) } else { parts.join("\n") }
            }
            _ => whole(item),
        };
        if at.unordered.is_none() && self.rules.known() {
            return (0..desired.len()).map(|index| (index < live.len()).then_some(index)).collect();
        }
        let keys: Vec<String> = live.iter().map(|item| key(item)).collect();
        let mut free = vec![true; live.len()];
        let mut pairs: Vec<Option<usize>> = desired
            .iter()
            .map(|item| {
                let wanted = key(item);
                let found = keys.iter().zip(&free).position(|(own, free)| *free && *own == wanted)?;
                if let Some(flag) = free.get_mut(found) {
                    *flag = false;
                }
                Some(found)
            })
            .collect();
        // One element on each side that found none: the same one under another name.
        let mut rest = free.iter().enumerate().filter(|(_, free)| **free).map(|(index, _)| index);
        if let (Some(only), None) = (rest.next(), rest.next())
            && !at.partial
            && pairs.iter().filter(|pair| pair.is_none()).count() == 1
            && let Some(pair) = pairs.iter_mut().find(|pair| pair.is_none())
        {
            *pair = Some(only);
        }
        pairs
    }

    /// An array of texts or numbers is shown as a whole.
    fn flat_array(&mut self, place: &Place, at: &At, desired: &[&Value], live: &[&Value]) {
        let element = place.key("*");
        let own = self.rules.at(&element.segments);
        let spell = |items: &[&Value]| {
            let mut all: Vec<String> =
                items.iter().map(|item| canonical(&self.rules, &mut element.segments.clone(), item).to_string()).collect();
            if at.unordered.is_some() || !self.rules.known() {
                all.sort_unstable();
            }
            all
        };
        let (wanted, there) = (spell(desired), spell(live));
        let same = if at.partial { wanted.iter().all(|item| there.contains(item)) } else { wanted == there };
        let secret = own.secret || desired.iter().enumerate().any(|(index, _)| self.filled.secrets.contains(&place.index(index).pointer()));
        if same {
            return;
        }
        if secret && live.iter().any(|value| is_masked(value)) {
            self.unreadable.push(place.pointer());
            return;
        }
        let list = |items: &[&Value]| Value::Array(items.iter().map(|item| (*item).clone()).collect());
        let show = |items: &[&Value]| if secret { Shown::Secret } else { Shown::Value(list(items)) };
        let (before, after) = (show(live), show(desired));
        self.change(place, before, after, Some(&list(live)), Some(&list(desired)));
    }

    /// Identities are added, never taken away, unless `None` is asked for: other people may have given the service theirs.
    fn identity(&mut self, place: &Place, desired: Option<&Value>, live: Option<&Value>) {
        let Some(desired) = desired.filter(|value| !is_empty(value)) else { return };
        let kinds = |value: &Value| -> Vec<String> {
            let text = value.get("type").and_then(Value::as_str).unwrap_or("None");
            text.split(',').map(|kind| kind.trim().to_ascii_lowercase()).filter(|kind| kind != "none").collect()
        };
        let assigned = |value: &Value| -> Vec<String> {
            value
                .get("userAssignedIdentities")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
                .map(|(id, _)| id.to_ascii_lowercase())
                .collect()
        };
        let none = Value::Null;
        let live = live.unwrap_or(&none);
        let (wanted, there) = (kinds(desired), kinds(live));
        let same = if wanted.is_empty() { there.is_empty() } else { wanted.iter().all(|kind| there.contains(kind)) };
        if !same {
            let show = |value: &Value| value.get("type").map_or(Shown::Absent, |kind| Shown::Value(kind.clone()));
            let (before, after) = (show(live), show(desired));
            self.change(&place.key("type"), before, after, live.get("type"), desired.get("type"));
        }
        let there = assigned(live);
        for (id, _) in desired.get("userAssignedIdentities").and_then(Value::as_object).into_iter().flatten() {
            if !there.contains(&id.to_ascii_lowercase()) {
                let own = place.key("userAssignedIdentities").key(id);
                self.change(&own, Shown::Absent, Shown::Value(Value::Object(Map::new())), None, None);
            }
        }
    }

    fn is_secret(&self, at: &At, pointer: &str) -> bool {
        let flagged = at.secret_if.is_some_and(|flag| {
            let set = |body: &Value| body.pointer(flag) == Some(&Value::Bool(true));
            set(&self.filled.value) || set(self.live)
        });
        at.secret || flagged || self.filled.secrets.iter().any(|secret| secret == pointer)
    }

    /// A secret is compared with what the type's action told, else with what the body shows in clear.
    fn secret(&mut self, place: &Place, at: &At, desired: Option<&Value>, live: Option<&Value>) {
        let pointer = place.pointer();
        let told = self.secrets.get(&pointer).map(|secret| Value::from(secret.expose().as_str()));
        let Some(wanted) = desired else {
            // A generated key, which nobody asked for by value; or one that a PUT would take away.
            if at.kept && !self.has_action && live.is_some() {
                self.change(place, Shown::Secret, Shown::Absent, None, None);
            }
            return;
        };
        let is_reference = wanted.as_str().is_some_and(|text| text.starts_with("{{") && text.ends_with("}}"));
        match told.as_ref().or_else(|| live.filter(|value| is_reference || !is_masked(value))) {
            Some(known) if wanted == known => {}
            Some(_) => self.change(place, Shown::Secret, Shown::Secret, None, None),
            None if live.is_none() && !self.has_action && self.sibling_is_shown(place) => {
                self.change(place, Shown::Absent, Shown::Secret, None, None);
            }
            None => self.unreadable.push(pointer),
        }
    }

    /// Whether the live side shows anything beside the place: then the place itself is missing, not hidden.
    fn sibling_is_shown(&self, place: &Place) -> bool {
        let Some((_, parent)) = place.segments.split_last() else { return false };
        let parent = Place { segments: parent.to_vec() }.pointer();
        self.live.pointer(&parent).is_some_and(|value| !is_empty(value))
    }

    /// A value as it may be shown.
    fn shown(&self, place: &Place, at: &At, value: &Value) -> Shown {
        if self.is_secret(at, &place.pointer()) {
            return Shown::Secret;
        }
        match value {
            Value::String(text) if at.policy => Shown::Policy(text.clone()),
            value => Shown::Value(self.hidden(place, value)),
        }
    }

    /// The value without the secrets in it.
    fn hidden(&self, place: &Place, value: &Value) -> Value {
        if self.is_secret(&self.rules.at(&place.segments), &place.pointer()) {
            return Value::from("(secret)");
        }
        match value {
            Value::Object(fields) => {
                Value::Object(fields.iter().map(|(key, value)| (key.clone(), self.hidden(&place.key(key), value))).collect())
            }
            Value::Array(items) => items.iter().enumerate().map(|(index, item)| self.hidden(&place.index(index), item)).collect(),
            other => other.clone(),
        }
    }

    fn change(&mut self, place: &Place, before: Shown, after: Shown, live: Option<&Value>, desired: Option<&Value>) {
        let (replace, caution) = consequence::of(&self.kind, &place.segments, live, desired);
        self.changes.push(PropertyChange { path: place.shown(), pointer: place.pointer(), before, after, replace, caution });
    }
}

/// Whether an array of switches has none that is on.
fn is_all_off(value: &Value) -> bool {
    value.as_array().is_some_and(|items| items.iter().all(is_off))
}

/// Whether the service shows something in the place of a secret.
fn is_masked(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| text.starts_with("{{Logger-Credentials-") || !text.is_empty() && text.chars().all(|one| "*•".contains(one)))
}

/// In which format a body has its policy: as it says, else as it was asked for.
fn format(body: &Value) -> Format {
    match body.pointer("/properties/format").and_then(Value::as_str) {
        Some(word) if word.eq_ignore_ascii_case("xml") => Format::Xml,
        _ => Format::RawXml,
    }
}
