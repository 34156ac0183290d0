//! From what is there to a specification.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::read::Live;
use super::{ExportOptions, Exported, ExportedFile, ExportedVariable, yaml};
use crate::arm::{ResourceId, catalogue};
use crate::deploy::desired::OWNER_TAG;
use crate::deploy::manifest;
use crate::deploy::normalize::{Rules, is_empty};
use crate::support::secret::Secret;

/// A secret that became a variable.
#[derive(Debug, Clone, Default)]
pub(super) struct Variable {
    /// For people.
    pub of: String,
    /// Where its value can be asked for.
    pub named_value: Option<ResourceId>,
    /// Its value.
    pub value: Option<Secret<String>>,
}

/// A specification before it is a text.
pub(super) struct Composed {
    name: String,
    document: Map<String, Value>,
    files: BTreeMap<String, String>,
    pub variables: BTreeMap<String, Variable>,
    notes: Vec<String>,
    foreign: bool,
}

/// What composes it: sections are added one by one.
pub(super) struct Composer<'a> {
    pub live: &'a Live,
    pub options: &'a ExportOptions,
    pub service: &'a ResourceId,
    pub document: Map<String, Value>,
    pub variables: BTreeMap<String, Variable>,
    pub notes: Vec<String>,
    /// Keys under `openAI:` by account.
    pub accounts: BTreeMap<ResourceId, String>,
    files: BTreeMap<String, String>,
    /// What a section describes already.
    taken: BTreeSet<ResourceId>,
}

pub(super) fn compose(live: &Live, options: &ExportOptions) -> Composed {
    let mut composer = Composer {
        live,
        options,
        service: &options.service,
        document: Map::new(),
        variables: BTreeMap::new(),
        notes: Vec::new(),
        accounts: BTreeMap::new(),
        files: BTreeMap::new(),
        taken: BTreeSet::new(),
    };
    let name = composer.name();
    composer.document.insert("apiVersion".to_owned(), json!("apimctl/v1"));
    composer.document.insert("name".to_owned(), json!(name));
    if options.name_subscription {
        composer.document.insert("subscriptionId".to_owned(), json!(options.service.subscription_id()));
    }
    composer.group_and_service();
    composer.monitoring();
    composer.open_ai();
    composer.named_values();
    composer.backends();
    composer.fragments();
    composer.version_sets();
    composer.apis();
    composer.products();
    composer.groups_and_users();
    composer.loggers_and_diagnostics();
    composer.subscriptions();
    composer.alerts();
    composer.other_resources();
    Composed {
        name,
        document: composer.document,
        files: composer.files,
        variables: composer.variables,
        notes: composer.notes,
        foreign: live.manifest.is_none(),
    }
}

impl Composed {
    pub(super) fn finish(self) -> Exported {
        let mut head = String::from("# yaml-language-server: $schema=./apimctl.schema.json\n#\n# Exported from what is there.");
        if !self.variables.is_empty() {
            head.push_str(" Secrets are variables; give them with `--var NAME=env:NAME`, or set them in the environment:\n#\n");
            for (name, variable) in &self.variables {
                head.push_str(&format!("#   {name}: {}\n", variable.of));
            }
        } else {
            head.push('\n');
        }
        Exported {
            name: self.name,
            spec: format!("{head}{}", yaml::write(&self.document)),
            files: self.files.into_iter().map(|(path, text)| ExportedFile { path, text }).collect(),
            variables: self
                .variables
                .into_iter()
                .map(|(name, variable)| ExportedVariable { name, of: variable.of, value: variable.value })
                .collect(),
            notes: self.notes,
            foreign: self.foreign,
        }
    }
}

impl<'a> Composer<'a> {
    fn name(&self) -> String {
        let named = self.live.owner.clone().or_else(|| self.options.owner.clone());
        named.unwrap_or_else(|| self.service.name().to_ascii_lowercase())
    }

    /// Whether a resource is to be described.
    pub(super) fn wanted(&self, id: &ResourceId) -> bool {
        let Some(manifest) = &self.live.manifest else { return true };
        self.options.all || manifest.owns(id)
    }

    /// Resources of a type that are to be described, and not yet are.
    pub(super) fn of(&self, kind: &str) -> Vec<(&'a ResourceId, &'a Value)> {
        let live: &'a Live = self.live;
        live.of(kind).filter(|(id, _)| self.wanted(id) && !self.taken.contains(*id)).collect()
    }

    /// Notes that a section describes a resource.
    pub(super) fn take(&mut self, id: &ResourceId) {
        self.taken.insert(id.clone());
    }

    pub(super) fn is_taken(&self, id: &ResourceId) -> bool {
        self.taken.contains(id)
    }

    /// Adds a section if there is anything in it.
    pub(super) fn section(&mut self, name: &str, entries: Map<String, Value>) {
        if !entries.is_empty() {
            self.document.insert(name.to_owned(), Value::Object(entries));
        }
    }

    /// The properties of a body that are worth writing: what people set, in `known`'s order, and the rest that is not the service's own
    /// under `properties`.
    pub(super) fn fields(&self, id: &ResourceId, body: &Value, known: &[&str], ignored: &[&str]) -> Map<String, Value> {
        let kind = id.resource_type();
        let entry = catalogue::find(&kind);
        let rules = Rules::new(entry, Some(id));
        let empty = Map::new();
        let properties = body.get("properties").and_then(Value::as_object).unwrap_or(&empty);
        let mut fields = Map::new();
        for name in known {
            if let Some(value) = properties.get(*name).and_then(|value| worth(&rules, &["properties", name], value)) {
                fields.insert((*name).to_owned(), value);
            }
        }
        let mut rest = Map::new();
        for (name, value) in properties {
            // What the catalogue does not know is the service's own business.
            let ours = entry.is_some_and(|entry| entry.properties.iter().any(|line| line.pointer.split('/').nth(2) == Some(name)));
            if !known.contains(&name.as_str())
                && !ignored.contains(&name.as_str())
                && ours
                && let Some(value) = worth(&rules, &["properties", name], value)
            {
                rest.insert(name.clone(), value);
            }
        }
        if !rest.is_empty() {
            fields.insert("properties".to_owned(), Value::Object(rest));
        }
        fields
    }

    /// Tags that people set.
    pub(super) fn tags(&self, body: &Value) -> Option<Value> {
        let tags = body.get("tags")?.as_object()?;
        let own: Map<String, Value> = tags
            .iter()
            .filter(|(name, _)| !name.eq_ignore_ascii_case(OWNER_TAG))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        (!own.is_empty()).then_some(Value::Object(own))
    }

    /// Whether a resource outside the service was made by this specification.
    pub(super) fn is_ours(&self, body: &Value) -> bool {
        let Some(owner) = &self.live.owner else { return false };
        let tags = body.get("tags").and_then(Value::as_object);
        tags.is_some_and(|tags| {
            tags.iter().any(|(name, value)| {
                name.eq_ignore_ascii_case(OWNER_TAG) && value.as_str().is_some_and(|own| own.eq_ignore_ascii_case(owner))
            })
        })
    }

    /// The policy at a scope as the path of a file, if there is one to describe.
    pub(super) fn policy(&mut self, scope: &ResourceId, file: &str) -> Option<Value> {
        let id = scope.child("policies", "policy");
        let text = self.live.get(&id).and_then(|body| body.pointer("/properties/value")?.as_str())?;
        if !self.wanted(&id) {
            return None;
        }
        self.take(&id);
        Some(json!(self.file(file, text)))
    }

    /// The path of a file with this text; texts that are the same share one.
    pub(super) fn file(&mut self, name: &str, text: &str) -> String {
        let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
        let text = format!("{}\n", text.trim_end());
        if let Some((path, _)) = self.files.iter().find(|(_, own)| **own == text) {
            return path.clone();
        }
        let clean = |letter: char| if letter.is_alphanumeric() || "-_.".contains(letter) { letter } else { '-' };
        let stem: String = name.split('/').map(|part| part.chars().map(clean).collect::<String>()).collect::<Vec<_>>().join("/");
        let mut path = format!("policies/{stem}.xml");
        let mut number = 2;
        // File systems may not tell cases apart.
        while self.files.keys().any(|own| own.eq_ignore_ascii_case(&path)) {
            path = format!("policies/{stem}-{number}.xml");
            number += 1;
        }
        self.files.insert(path.clone(), text);
        path
    }

    /// A variable in the place of a secret.
    pub(super) fn secret(&mut self, hint: &str, of: &str, named_value: Option<ResourceId>, value: Option<&str>) -> Value {
        let mut base: String =
            hint.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' }).collect();
        if !base.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
            base.insert_str(0, "SECRET_");
        }
        let mut name = base.clone();
        let mut number = 2;
        while self.variables.contains_key(&name) {
            name = format!("{base}_{number}");
            number += 1;
        }
        let value = value.map(|text| Secret::new(text.to_owned()));
        self.variables.insert(name.clone(), Variable { of: of.to_owned(), named_value, value });
        yaml::variable(&name)
    }

    fn named_values(&mut self) {
        let mut entries = Map::new();
        for (id, body) in self.of("namedValues") {
            let display = text(body, "/properties/displayName").unwrap_or_default();
            let generated = manifest::parse_value_name(id.name()).is_some() || display.starts_with("Logger-Credentials-");
            if generated {
                continue;
            }
            let mut fields = self.fields(id, body, &["displayName", "tags", "secret", "keyVault", "value"], &[]);
            drop_if(&mut fields, "displayName", id.name());
            if text(body, "/properties/keyVault/secretIdentifier").is_some() {
                fields.shift_remove("value");
                fields.shift_remove("secret");
            } else if body.pointer("/properties/secret") == Some(&Value::Bool(true)) {
                let of = format!("the named value `{}`", id.name());
                let value = self.secret(id.name(), &of, Some(id.clone()), None);
                fields.insert("value".to_owned(), value);
            }
            self.take(id);
            entries.insert(id.name().to_owned(), Value::Object(fields));
        }
        self.section("namedValues", entries);
    }

    fn fragments(&mut self) {
        let mut entries = Map::new();
        for (id, body) in self.of("policyFragments") {
            let Some(xml) = text(body, "/properties/value") else { continue };
            let path = self.file(&format!("fragments/{}", id.name()), xml);
            let mut fields = Map::new();
            if let Some(description) = text(body, "/properties/description") {
                fields.insert("description".to_owned(), json!(description));
            }
            fields.insert("policy".to_owned(), json!(path));
            self.take(id);
            entries.insert(id.name().to_owned(), Value::Object(fields));
        }
        self.section("policyFragments", entries);
    }

    /// What no section describes: any type that the manifest owns, as it stands.
    fn other_resources(&mut self) {
        let mut list = Vec::new();
        let manifest = self.live.manifest.as_ref();
        for (id, body) in &self.live.bodies {
            let ours = manifest.is_some_and(|manifest| manifest.owns(id)) && !self.is_taken(id);
            let kind = id.resource_type();
            let derived =
                manifest::parse_value_name(id.name()).is_some() || kind.eq_ignore_ascii_case("Microsoft.Authorization/roleAssignments");
            let Some(entry) = catalogue::find(&kind).filter(|_| ours && !derived) else { continue };
            let fields = self.fields(id, body, &[], &[]);
            let properties = fields.get("properties").cloned().or_else(|| body.get("properties").cloned()).unwrap_or_else(|| json!({}));
            let below = id.relative_to(self.service).filter(|rest| !rest.starts_with("/providers/"));
            let name = below.map_or_else(|| id.name().to_owned(), |rest| rest.split('/').skip(2).step_by(2).collect::<Vec<_>>().join("/"));
            let mut resource = json!({ "type": entry.name, "name": name, "apiVersion": entry.api_version, "properties": properties });
            if let Some(fields) = resource.as_object_mut() {
                for key in ["location", "kind", "sku"] {
                    if let Some(value) = body.get(key).filter(|value| !is_empty(value)) {
                        fields.insert(key.to_owned(), value.clone());
                    }
                }
                if id.as_str().contains("/providers/Microsoft.Insights/diagnosticSettings/") {
                    fields.insert("scope".to_owned(), json!(self.service.as_str()));
                }
            }
            list.push(resource);
        }
        if let Some(manifest) = manifest {
            let unseen: Vec<&ResourceId> = manifest.resources.iter().filter(|id| catalogue::find(&id.resource_type()).is_none()).collect();
            for id in unseen {
                self.notes.push(format!(
                    "`{}` has a type that is not known here: add it to `resources:` by hand",
                    id.relative_to(self.service).unwrap_or(id.as_str())
                ));
            }
        }
        if !list.is_empty() {
            self.document.insert("resources".to_owned(), Value::Array(list));
        }
    }
}

/// A value without what is empty, read-only, never told or the default; `None` when nothing is left.
fn worth(rules: &Rules, path: &[&str], value: &Value) -> Option<Value> {
    let path: Vec<String> = path.iter().map(|segment| (*segment).to_owned()).collect();
    stripped(rules, &path, value)
}

fn stripped(rules: &Rules, path: &[String], value: &Value) -> Option<Value> {
    let at = rules.at(path);
    if at.read_only || at.write_only || is_empty(value) {
        return None;
    }
    if let Some(default) = &at.default
        && rules.scalar(&at, default) == rules.scalar(&at, value)
    {
        return None;
    }
    let below = |segment: &str| [path, &[segment.to_owned()]].concat();
    match value {
        Value::Object(fields) => {
            let fields: Map<String, Value> =
                fields.iter().filter_map(|(key, value)| Some((key.clone(), stripped(rules, &below(key), value)?))).collect();
            (!fields.is_empty()).then_some(Value::Object(fields))
        }
        Value::Array(items) => {
            let items: Vec<Value> = items.iter().filter_map(|item| stripped(rules, &below("*"), item)).collect();
            (!items.is_empty()).then_some(Value::Array(items))
        }
        other => Some(other.clone()),
    }
}

/// A text in a body.
pub(super) fn text<'a>(body: &'a Value, pointer: &str) -> Option<&'a str> {
    body.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// A whole number in a body; the service may write it with a fraction (`3.0`).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole, not negative and far inside the range, as the guard says"
)]
pub(super) fn whole(body: &Value, pointer: &str) -> Option<u64> {
    let number = body.pointer(pointer)?.as_f64()?;
    (number >= 0.0 && number.fract() == 0.0 && number < 9e15).then_some(number as u64)
}

/// Takes a field out that says what is so anyway.
pub(super) fn drop_if(fields: &mut Map<String, Value>, key: &str, usual: &str) {
    if fields.get(key).and_then(Value::as_str) == Some(usual) {
        fields.shift_remove(key);
    }
}

/// The name at the end of an id.
pub(super) fn last(id: &str) -> &str {
    id.trim_end_matches('/').rsplit('/').next().unwrap_or(id)
}

/// Whether `text` names a named value (`{{name}}`) and is no secret itself.
pub(super) fn is_reference(text: &str) -> bool {
    text.contains("{{") && text.contains("}}")
}
