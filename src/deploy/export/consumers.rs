//! Products, groups, users and subscriptions.

use serde_json::{Map, Value, json};

use super::compose::{Composer, drop_if, last, text};
use crate::arm::ResourceId;

/// Groups that every service has.
const BUILT_IN: [&str; 3] = ["administrators", "developers", "guests"];

impl Composer<'_> {
    /// Names at the other end of links that are to be described.
    fn linked(&mut self, parent: &ResourceId, collection: &str) -> Vec<String> {
        let names = self.live.links.get(&format!("{parent}/{collection}").to_ascii_lowercase()).cloned().unwrap_or_default();
        let mut wanted = Vec::new();
        for name in names {
            let id = parent.child(collection, &name);
            if self.wanted(&id) {
                self.take(&id);
                wanted.push(name);
            }
        }
        wanted
    }

    pub(super) fn products(&mut self) {
        let mut entries = Map::new();
        for (id, body) in self.of("products") {
            let known = ["displayName", "description", "terms", "subscriptionRequired", "approvalRequired", "subscriptionsLimit"];
            let mut fields = self.fields(id, body, &known, &["state", "groups"]);
            let more = fields.shift_remove("properties");
            drop_if(&mut fields, "displayName", id.name());
            if text(body, "/properties/state").is_none_or(|state| !state.eq_ignore_ascii_case("published")) {
                fields.insert("state".to_owned(), json!("notPublished"));
            }
            let apis = self.linked(id, "apis");
            if !apis.is_empty() {
                fields.insert("apis".to_owned(), json!(apis));
            }
            let mut groups = self.linked(id, "groups");
            groups.retain(|group| !group.eq_ignore_ascii_case("administrators"));
            if !groups.is_empty() {
                fields.insert("groups".to_owned(), json!(groups));
            }
            if let Some(policy) = self.policy(id, &format!("product-{}", id.name())) {
                fields.insert("policy".to_owned(), policy);
            }
            fields.extend(more.map(|more| ("properties".to_owned(), more)));
            self.take(id);
            entries.insert(id.name().to_owned(), Value::Object(fields));
        }
        self.section("products", entries);
    }

    pub(super) fn groups_and_users(&mut self) {
        let mut groups = Map::new();
        let live = self.live;
        for (id, body) in live.of("groups") {
            let built_in = BUILT_IN.iter().any(|name| name.eq_ignore_ascii_case(id.name()));
            // Everybody is a developer by the service's own doing; only membership that a specification made is its own.
            let mut users = if built_in && live.manifest.is_none() { Vec::new() } else { self.linked(id, "users") };
            users.retain(|user| user != "1");
            if built_in && users.is_empty() || !built_in && !self.wanted(id) {
                continue;
            }
            let mut fields = if built_in {
                Map::new()
            } else {
                self.fields(id, body, &["displayName", "description", "type", "externalId"], &["builtIn"])
            };
            drop_if(&mut fields, "displayName", id.name());
            let external = fields.get("type").and_then(Value::as_str) == Some("external");
            if !users.is_empty() && !external {
                fields.insert("users".to_owned(), json!(users));
            }
            self.take(id);
            groups.insert(id.name().to_owned(), Value::Object(fields));
        }
        self.section("groups", groups);

        let mut users = Map::new();
        for (id, body) in self.of("users") {
            // The administrator comes with the service.
            if id.name() == "1" {
                continue;
            }
            let fields =
                self.fields(id, body, &["email", "firstName", "lastName", "state", "note"], &["groups", "identities", "registrationDate"]);
            self.take(id);
            users.insert(id.name().to_owned(), Value::Object(fields));
        }
        self.section("users", users);
    }

    pub(super) fn subscriptions(&mut self) {
        let mut entries = Map::new();
        for (id, body) in self.of("subscriptions") {
            // `master`, and those that the service makes with a product: they have no name for people.
            if id.name().eq_ignore_ascii_case("master") || text(body, "/properties/displayName").is_none() {
                continue;
            }
            let Some(scope) = text(body, "/properties/scope").and_then(scope) else { continue };
            let mut fields =
                self.fields(id, body, &["displayName"], &["scope", "ownerId", "state", "allowTracing", "primaryKey", "secondaryKey"]);
            drop_if(&mut fields, "displayName", id.name());
            fields.insert("scope".to_owned(), json!(scope));
            if let Some(owner) = text(body, "/properties/ownerId").map(last).filter(|owner| *owner != "1") {
                fields.insert("owner".to_owned(), json!(owner));
            }
            if let Some(state) = text(body, "/properties/state").filter(|state| !state.eq_ignore_ascii_case("active")) {
                fields.insert("state".to_owned(), json!(state));
            }
            if body.pointer("/properties/allowTracing") == Some(&Value::Bool(true)) {
                fields.insert("allowTracing".to_owned(), json!(true));
            }
            self.take(id);
            entries.insert(id.name().to_owned(), Value::Object(fields));
        }
        self.section("subscriptions", entries);
    }
}

/// `api/x`, `product/x` or `all`.
fn scope(id: &str) -> Option<String> {
    let lower = id.trim_end_matches('/').to_ascii_lowercase();
    if lower.ends_with("/apis") {
        return Some("all".to_owned());
    }
    let name = last(id).split(";rev=").next().unwrap_or_default();
    if lower.contains("/products/") {
        Some(format!("product/{name}"))
    } else if lower.contains("/apis/") {
        Some(format!("api/{name}"))
    } else {
        None
    }
}
