//! Version sets, APIs and operations.

use serde_json::{Value, json};

use super::{Compiler, names, with_properties};
use crate::arm::ResourceId;
use crate::deploy::bodies::{self, ApiParts, KeyNames};
use crate::deploy::resource::Template;
use crate::spec::model::{Api, Operation};

impl<'a> Compiler<'a> {
    pub(super) fn apis(&mut self) {
        let spec = self.spec;
        for (name, set) in &spec.api_version_sets {
            let value = bodies::version_set(set.display_name.as_deref().unwrap_or(name), set);
            let body = with_properties(Template::plain(value), &set.properties);
            self.add(&names::pointer("apiVersionSets", name), self.child("apiVersionSets", name), body, Vec::new());
        }
        for (name, api) in &spec.apis {
            let pointer = names::pointer("apis", name);
            if let Some(clients) = &api.clients {
                self.api_with_clients(&pointer, name, api, clients);
            } else {
                let keys = api.subscription_key_parameter_names.as_ref().map(|keys| KeyNames {
                    header: keys.header.clone(),
                    query: keys.query.clone(),
                    bearer: keys.bearer.clone(),
                });
                let id = self.api(&pointer, name, api, keys, None);
                self.policy(&names::below(&pointer, "policy"), &id);
                for (operation, spec) in &api.operations {
                    self.operation(&names::below(&format!("{pointer}/operations"), operation), &id, operation, spec);
                }
            }
        }
    }

    /// One API without its policy and operations.
    pub(super) fn api(&mut self, pointer: &str, name: &str, api: &'a Api, keys: Option<KeyNames>, required: Option<bool>) -> ResourceId {
        let import = self.import(pointer, api);
        let version_set = api.api_version_set.as_ref().map(|set| self.child("apiVersionSets", set));
        // Only an import brings a name of its own.
        let display_name = api.display_name.as_deref().or_else(|| import.is_none().then_some(name));
        let parts = ApiParts {
            display_name,
            path: api.path.trim_matches('/'),
            keys,
            version_set: version_set.as_ref().map(|id| id.as_str().to_owned()),
            import,
            service_url: None,
            subscription_required: required,
        };
        self.add_api(pointer, name, api, &parts, version_set)
    }

    pub(super) fn add_api(
        &mut self,
        pointer: &str,
        name: &str,
        api: &Api,
        parts: &ApiParts<'_>,
        version_set: Option<ResourceId>,
    ) -> ResourceId {
        let value = bodies::api(api, parts);
        let mut depends_on = self.used_named_values(&value);
        depends_on.extend(version_set);
        let id = self.child("apis", name);
        self.add(pointer, id.clone(), with_properties(Template::plain(value), &api.properties), depends_on);
        id
    }

    /// Format and content (or address) of the document to import.
    pub(super) fn import(&self, pointer: &str, api: &'a Api) -> Option<(&'a str, &'a str)> {
        let import = api.import.as_ref()?;
        if let Some(url) = &import.url {
            return Some((import.format.as_deref().unwrap_or("openapi-link"), url));
        }
        let text = self.loaded.imports.get(&names::below(pointer, "import"))?;
        // YAML may begin with a brace too.
        let json = serde_json::from_str::<serde::de::IgnoredAny>(text.trim_start_matches('\u{feff}')).is_ok();
        let guessed = match json {
            true if text.contains("\"swagger\"") && !text.contains("\"openapi\"") => "swagger-json",
            true => "openapi+json",
            false => "openapi",
        };
        Some((import.format.as_deref().unwrap_or(guessed), text))
    }

    /// One operation with its policy.
    pub(super) fn operation(&mut self, pointer: &str, api: &ResourceId, name: &str, operation: &Operation) {
        let parameters = complete_parameters(&operation.url_template, operation.template_parameters.as_deref().unwrap_or_default());
        let value = bodies::operation(operation.display_name.as_deref().unwrap_or(name), operation, &operation.url_template, &parameters);
        let id = api.child("operations", name);
        self.add(pointer, id.clone(), with_properties(Template::plain(value), &operation.properties), Vec::new());
        self.policy(&names::below(pointer, "policy"), &id);
    }
}

/// The parameters of a template: those that are written, and a required text for each `{name}` that has none. The service
/// refuses a template whose parameters are not all declared.
pub(super) fn complete_parameters(template: &str, written: &[Value]) -> Vec<Value> {
    let mut parameters = written.to_vec();
    for name in template_names(template) {
        let known =
            |parameter: &Value| parameter.get("name").and_then(Value::as_str).is_some_and(|own| own.trim_start_matches('*') == name);
        if !parameters.iter().any(known) {
            parameters.push(json!({ "name": name, "type": "string", "required": true }));
        }
    }
    parameters
}

/// The names in the braces of a template, without the star of a wildcard.
pub(super) fn template_names(template: &str) -> impl Iterator<Item = &str> {
    template.split('{').skip(1).filter_map(|part| Some(part.split_once('}')?.0.trim_start_matches('*'))).filter(|name| !name.is_empty())
}
