//! Backends and pools.

use serde_json::{Map, Value, json};

use super::compose::{Composer, drop_if, is_reference, last, text};
use crate::arm::ResourceId;

const KNOWN: [&str; 9] = ["title", "description", "url", "protocol", "resourceId", "credentials", "tls", "proxy", "circuitBreaker"];

impl Composer<'_> {
    pub(super) fn backends(&mut self) {
        let mut entries = Map::new();
        for (id, body) in self.of("backends") {
            let fields = if body.pointer("/properties/pool").is_some_and(|pool| !pool.is_null()) {
                self.pool(id, body)
            } else {
                self.single(id, body)
            };
            self.take(id);
            entries.insert(id.name().to_owned(), Value::Object(fields));
        }
        self.section("backends", entries);
    }

    fn single(&mut self, id: &ResourceId, body: &Value) -> Map<String, Value> {
        let mut fields = self.fields(id, body, &KNOWN, &["type", "pool"]);
        drop_if(&mut fields, "protocol", "http");
        let account = self.account_of(body).and_then(|(id, _)| self.accounts.get(id)).cloned();
        if let Some(account) = account {
            fields.shift_remove("url");
            fields.insert("openAI".to_owned(), json!(account));
            if self.is_usual_login(body) {
                let empty = fields.get_mut("credentials").and_then(Value::as_object_mut).is_some_and(|credentials| {
                    credentials.shift_remove("managedIdentity");
                    credentials.is_empty()
                });
                if empty {
                    fields.shift_remove("credentials");
                }
            }
        }
        if fields.get("circuitBreaker").is_some_and(|breaker| *breaker == default_breaker()) {
            fields.insert("circuitBreaker".to_owned(), json!("default"));
        }
        self.hide(id, &mut fields);
        // A breaker is the longest part.
        if let Some(breaker) = fields.shift_remove("circuitBreaker") {
            fields.insert("circuitBreaker".to_owned(), breaker);
        }
        fields
    }

    /// Whether a backend of an account would log in like this without being told.
    fn is_usual_login(&self, body: &Value) -> bool {
        let resource = text(body, "/properties/credentials/managedIdentity/resource").unwrap_or_default();
        let client = text(body, "/properties/credentials/managedIdentity/clientId");
        let own = self.live.get(self.service);
        let ours = own.is_some_and(|service| self.is_ours(service));
        let system = !ours || own.and_then(|service| text(service, "/identity/type")).is_some_and(|kind| kind.contains("SystemAssigned"));
        let first = own.and_then(|service| {
            service.pointer("/identity/userAssignedIdentities")?.as_object()?.values().next()?.get("clientId")?.as_str()
        });
        let audience = resource.trim_end_matches('/') == self.options.audience.trim_end_matches('/');
        audience && if system { client.is_none() } else { client.is_some() && client == first }
    }

    /// Keys and passwords become variables; what names a named value is none itself.
    fn hide(&mut self, id: &ResourceId, fields: &mut Map<String, Value>) {
        let Some(credentials) = fields.get_mut("credentials").and_then(Value::as_object_mut) else { return };
        let of = |what: &str| format!("{what} of the backend `{}`", id.name());
        for place in ["header", "query"] {
            let Some(map) = credentials.get_mut(place).and_then(Value::as_object_mut) else { continue };
            for (name, values) in map {
                for value in values.as_array_mut().into_iter().flatten() {
                    let Some(text) = value.as_str().filter(|text| !is_reference(text)).map(str::to_owned) else { continue };
                    *value = self.secret(&format!("{}_{name}", id.name()), &of(&format!("the {place} `{name}`")), None, Some(&text));
                }
            }
        }
        if let Some(parameter) = credentials.get_mut("authorization").and_then(|header| header.get_mut("parameter"))
            && let Some(text) = parameter.as_str().filter(|text| !is_reference(text)).map(str::to_owned)
        {
            *parameter = self.secret(&format!("{}_authorization", id.name()), &of("the authorization"), None, Some(&text));
        }
        if let Some(proxy) = fields.get_mut("proxy").and_then(Value::as_object_mut)
            && proxy.contains_key("username")
        {
            let password = proxy.get("password").and_then(Value::as_str).map(str::to_owned);
            let value = self.secret(&format!("{}_proxy_password", id.name()), &of("the proxy's password"), None, password.as_deref());
            proxy.insert("password".to_owned(), value);
        }
    }

    fn pool(&mut self, id: &ResourceId, body: &Value) -> Map<String, Value> {
        let mut fields = self.fields(id, body, &["title", "description", "pool"], &["type", "url", "protocol"]);
        if let Some(pool) = fields.get_mut("pool").and_then(Value::as_object_mut) {
            for member in pool.get_mut("services").and_then(Value::as_array_mut).into_iter().flatten() {
                let id = member.get("id").and_then(Value::as_str).map(|id| last(id).to_owned());
                if let (Some(id), Some(member)) = (id, member.as_object_mut()) {
                    member.insert("id".to_owned(), json!(id));
                }
            }
        }
        fields
    }
}

/// What `circuitBreaker: default` makes.
fn default_breaker() -> Value {
    json!({ "rules": [{
        "name": "default",
        "failureCondition": {
            "count": 1,
            "interval": "PT1M",
            "statusCodeRanges": [{ "min": 429, "max": 429 }, { "min": 500, "max": 599 }],
            "errorReasons": ["Server errors"],
        },
        "tripDuration": "PT1M",
        "acceptRetryAfter": true,
    }] })
}
