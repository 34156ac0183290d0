//! Resource group and service.

use serde_json::{Map, Value, json};

use super::compose::{Composer, drop_if, text, whole};
use crate::deploy::normalize::is_empty;

const KNOWN: [&str; 11] = [
    "publisherName",
    "publisherEmail",
    "notificationSenderEmail",
    "additionalLocations",
    "virtualNetworkType",
    "virtualNetworkConfiguration",
    "publicNetworkAccess",
    "hostnameConfigurations",
    "customProperties",
    "disableGateway",
    "enableClientCertificate",
];
/// What the service sends its mail as, unless somebody says otherwise.
const SENDER: &str = "apimgmt-noreply@mail.windowsazure.com";

impl Composer<'_> {
    pub(super) fn group_and_service(&mut self) {
        let mut group_location = None;
        if let Some(group) = self.service.parent() {
            let body = self.live.get(&group).cloned().unwrap_or(Value::Null);
            group_location = text(&body, "/location").map(str::to_owned);
            let mut fields = Map::new();
            fields.insert("name".to_owned(), json!(group.name()));
            if let Some(location) = &group_location {
                fields.insert("location".to_owned(), json!(location));
            }
            if self.is_ours(&body) {
                if let Some(tags) = self.tags(&body) {
                    fields.insert("tags".to_owned(), tags);
                }
            } else {
                fields.insert("existing".to_owned(), json!(true));
            }
            self.take(&group);
            self.document.insert("resourceGroup".to_owned(), Value::Object(fields));
        }
        let id = self.service.clone();
        let Some(body) = self.live.get(&id) else { return };
        let mut fields = Map::new();
        fields.insert("name".to_owned(), json!(id.name()));
        if self.is_ours(body) {
            self.own_service(body, group_location.as_deref(), &mut fields);
        } else {
            // Somebody else's: what is in it is described, it itself is only read.
            fields.insert("existing".to_owned(), json!(true));
        }
        if let Some(policy) = self.policy(&id, "global") {
            fields.insert("policy".to_owned(), policy);
        }
        self.take(&id);
        self.document.insert("service".to_owned(), Value::Object(fields));
    }

    fn own_service(&mut self, body: &Value, group_location: Option<&str>, fields: &mut Map<String, Value>) {
        let place = |text: &str| text.replace(' ', "").to_ascii_lowercase();
        if let Some(location) = text(body, "/location")
            && group_location.is_none_or(|group| place(group) != place(location))
        {
            fields.insert("location".to_owned(), json!(location));
        }
        fields.insert("sku".to_owned(), sku(body.get("sku").unwrap_or(&Value::Null)));
        let mut known = self.fields(self.service, body, &KNOWN, &["apiVersionConstraint"]);
        // Nobody asks for what is always there.
        known.shift_remove("properties");
        drop_if(&mut known, "notificationSenderEmail", SENDER);
        if let Some(Value::Array(names)) = known.get_mut("hostnameConfigurations") {
            let default = |name: &Value| name.get("certificateSource").and_then(Value::as_str).is_some_and(|source| source == "BuiltIn");
            let before = names.len();
            names.retain(|name| !default(name) && name.get("keyVaultId").is_some());
            if names.len() + 1 < before {
                self.notes.push("host names whose certificates were uploaded are left out: a certificate cannot be read back".to_owned());
            }
        }
        known.retain(|_, value| !is_empty(value) && value.as_array().is_none_or(|items| !items.is_empty()));
        fields.extend(known);
        if let Some(identity) = identity(body.get("identity").unwrap_or(&Value::Null)) {
            fields.insert("identity".to_owned(), identity);
        }
        if let Some(zones) = body.get("zones").filter(|zones| !is_empty(zones)) {
            fields.insert("zones".to_owned(), zones.clone());
        }
        if let Some(version) = body.pointer("/properties/apiVersionConstraint/minApiVersion").filter(|version| !is_empty(version)) {
            fields.insert("apiVersionConstraint".to_owned(), json!({ "minApiVersion": version }));
        }
        if let Some(tags) = self.tags(body) {
            fields.insert("tags".to_owned(), tags);
        }
        if let Some(Value::Array(locations)) = fields.get_mut("additionalLocations") {
            for location in locations.iter_mut() {
                // Which addresses it has is the service's own business.
                let keep = ["location", "sku", "zones", "disableGateway", "virtualNetworkConfiguration", "publicIpAddressId"];
                if let Some(fields) = location.as_object_mut() {
                    fields.retain(|key, _| keep.contains(&key.as_str()));
                }
            }
        }
    }
}

/// The tier, with its units where there is more than one.
fn sku(body: &Value) -> Value {
    match (body.get("name"), whole(body, "/capacity")) {
        (Some(name), None | Some(0 | 1)) => name.clone(),
        (Some(name), Some(capacity)) => json!({ "name": name, "capacity": capacity }),
        (None, _) => Value::Null,
    }
}

fn identity(body: &Value) -> Option<Value> {
    let kind = text(body, "/type")?.replace(",U", ", U");
    let assigned: Vec<&String> = body.get("userAssignedIdentities").and_then(Value::as_object).into_iter().flat_map(Map::keys).collect();
    Some(if assigned.is_empty() { json!(kind) } else { json!({ "type": kind, "userAssignedIdentities": assigned }) })
}
