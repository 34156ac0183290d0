//! `resources:` — any ARM type as it stands.

use serde_json::{Map, Value};

use super::{Compiler, names};
use crate::arm::ResourceId;
use crate::deploy::resource::{DesiredId, DesiredResource, Management, Template};
use crate::spec::model::RawResource;

const SERVICE_TYPE: &str = "Microsoft.ApiManagement/service";

impl Compiler<'_> {
    pub(super) fn raw_resources(&mut self) {
        for (index, spec) in self.spec.resources.iter().enumerate() {
            let pointer = format!("/resources/{index}");
            // A name that does not fit and a dependency that leads nowhere are reported when the specification is read.
            let Some(id) = self.raw_id(spec) else { continue };
            let mut depends_on: Vec<ResourceId> = spec.depends_on.iter().filter_map(|name| self.dependency(name)).collect();
            let value = self.raw_body(spec);
            depends_on.extend(self.used_named_values(&value));
            let secrets = names::secret_pointers(crate::arm::catalogue::find(&spec.kind), &value);
            let span = self.loaded.locator.key(&pointer);
            self.resources.push(DesiredResource {
                id: DesiredId::Known(id),
                api_version: spec.api_version.clone(),
                body: Template { value, holes: Vec::new(), secrets },
                management: Management::Full,
                depends_on,
                span,
                pointer,
            });
        }
    }

    fn raw_body(&self, spec: &RawResource) -> Value {
        let mut body = Map::new();
        let mut set = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                body.insert(key.to_owned(), value);
            }
        };
        set("location", spec.location.as_deref().map(Value::from));
        set("kind", spec.kind_property.as_deref().map(Value::from));
        set("sku", spec.sku.clone());
        set("identity", spec.identity.clone());
        set("zones", spec.zones.as_ref().map(|zones| zones.iter().map(String::as_str).collect()));
        // What has a region is a tracked resource, and has tags.
        if spec.location.is_some() {
            set("tags", Some(self.tags(&spec.tags)));
        } else if !spec.tags.is_empty() {
            set(
                "tags",
                Some(spec.tags.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect::<Map<_, _>>().into()),
            );
        }
        set("properties", Some(Value::Object(spec.properties.clone())));
        Value::Object(body)
    }

    /// The id; `None` when the name does not fit the type.
    fn raw_id(&self, spec: &RawResource) -> Option<ResourceId> {
        let types: Vec<&str> = spec.kind.split('/').collect();
        let names: Vec<&str> = spec.name.split('/').collect();
        let [namespace, first, rest @ ..] = types.as_slice() else { return None };
        if types.iter().chain(&names).any(|segment| segment.is_empty()) {
            return None;
        }
        let below_service = format!("{namespace}/{first}").eq_ignore_ascii_case(SERVICE_TYPE) && !rest.is_empty();
        if below_service && spec.scope.is_none() && names.len() == rest.len() {
            return Some(rest.iter().zip(&names).fold(self.service.clone(), |id, (kind, name)| id.child(kind, name)));
        }
        let scope = match &spec.scope {
            None => self.group.clone(),
            Some(scope) => ResourceId::parse(scope).ok()?,
        };
        let [name, names @ ..] = names.as_slice() else { return None };
        let id = scope.provider(&format!("{namespace}/{first}"), name);
        (names.len() == rest.len()).then(|| rest.iter().zip(names).fold(id, |id, (kind, name)| id.child(kind, name)))
    }

    /// `{section}/{name}`, `service`, `resourceGroup`, or a full id.
    fn dependency(&self, name: &str) -> Option<ResourceId> {
        if let Ok(id) = ResourceId::parse(name) {
            return Some(id);
        }
        match name {
            "service" => return Some(self.service.clone()),
            "resourceGroup" => return Some(self.group.clone()),
            "monitoring/logAnalytics" => return self.workspace_id(),
            "monitoring/applicationInsights" => return self.component_id(),
            _ => {}
        }
        if let Some(index) = name.strip_prefix("resources/").and_then(|index| index.parse::<usize>().ok()) {
            return self.spec.resources.get(index).and_then(|other| self.raw_id(other));
        }
        let (section, key) = name.split_once('/')?;
        let mut pointer = names::pointer(section, key);
        if section == "policyFragments" {
            pointer.push_str("/policy");
        }
        self.resources.iter().find(|made| made.pointer == pointer).and_then(|made| made.id.known().cloned())
    }
}
