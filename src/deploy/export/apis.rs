//! Version sets, APIs and operations.

use serde_json::{Map, Value, json};

use super::compose::{Composer, drop_if, last, text};
use crate::arm::ResourceId;

const API: [&str; 9] = [
    "displayName",
    "description",
    "path",
    "type",
    "serviceUrl",
    "protocols",
    "subscriptionRequired",
    "subscriptionKeyParameterNames",
    "authenticationSettings",
];
const OPERATION: [&str; 7] = ["displayName", "description", "method", "urlTemplate", "templateParameters", "request", "responses"];

impl Composer<'_> {
    pub(super) fn version_sets(&mut self) {
        let mut entries = Map::new();
        for (id, body) in self.of("apiVersionSets") {
            let known = ["displayName", "description", "versioningScheme", "versionQueryName", "versionHeaderName"];
            let mut fields = self.fields(id, body, &known, &[]);
            drop_if(&mut fields, "displayName", id.name());
            self.take(id);
            entries.insert(id.name().to_owned(), Value::Object(fields));
        }
        self.section("apiVersionSets", entries);
    }

    pub(super) fn apis(&mut self) {
        let mut entries = Map::new();
        for (id, body) in self.of("apis") {
            let ignored = ["apiVersion", "apiVersionSetId", "apiRevision", "isCurrent", "apiRevisionDescription"];
            let mut fields = self.fields(id, body, &API, &ignored);
            let more = fields.shift_remove("properties");
            drop_if(&mut fields, "displayName", id.name());
            if !fields.contains_key("path") {
                fields.insert("path".to_owned(), json!(""));
            }
            if let Some(set) = text(body, "/properties/apiVersionSetId") {
                fields.insert("apiVersionSet".to_owned(), json!(last(set)));
                if let Some(version) = text(body, "/properties/apiVersion") {
                    fields.insert("apiVersion".to_owned(), json!(version));
                }
            }
            if let Some(revision) = text(body, "/properties/apiRevision").filter(|revision| *revision != "1") {
                fields.insert("apiRevision".to_owned(), json!(revision));
            }
            let operations = self.operations(id);
            if !operations.is_empty() {
                fields.insert("operations".to_owned(), Value::Object(operations));
            }
            if let Some(policy) = self.policy(id, id.name()) {
                fields.insert("policy".to_owned(), policy);
            }
            let diagnostics = self.diagnostics_of(id, "apis/diagnostics");
            if !diagnostics.is_empty() {
                fields.insert("diagnostics".to_owned(), Value::Object(diagnostics));
            }
            fields.extend(more.map(|more| ("properties".to_owned(), more)));
            self.take(id);
            entries.insert(id.name().to_owned(), Value::Object(fields));
        }
        self.section("apis", entries);
    }

    /// The operations of an API. Those that an imported document brought are nobody's; they are described like others.
    fn operations(&mut self, api: &ResourceId) -> Map<String, Value> {
        let live = self.live;
        let below: Vec<(&ResourceId, &Value)> = live.of("apis/operations").filter(|(id, _)| id.is_below(api)).collect();
        let imported = live.manifest.is_some() && below.iter().all(|(id, _)| !self.wanted(id)) && !below.is_empty();
        if imported {
            self.notes.push(format!(
                "the operations of the API `{}` came with an imported document: they are written out, and the next `apply --adopt` takes them over",
                api.name()
            ));
        }
        let mut entries = Map::new();
        for (id, body) in below {
            if !imported && !self.wanted(id) {
                continue;
            }
            let mut fields = self.fields(id, body, &OPERATION, &[]);
            drop_if(&mut fields, "displayName", id.name());
            if let Some(policy) = self.policy(id, &format!("{}.{}", api.name(), id.name())) {
                fields.insert("policy".to_owned(), policy);
            }
            self.take(id);
            entries.insert(id.name().to_owned(), Value::Object(fields));
        }
        entries
    }
}
