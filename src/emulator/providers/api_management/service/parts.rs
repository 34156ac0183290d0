//! The parts of a service's body that have rules of their own: capacity, custom properties, identity, host names, certificates.

use serde_json::{Map, Value, json};

use crate::arm::ResourceId;
use crate::arm::store::Stored;
use crate::emulator::answer::{Problems, Refusal};
use crate::emulator::operations::millis;
use crate::emulator::transaction::Transaction;
use crate::emulator::{crud, json_text, set};

/// Appears after activation (recorded); values are strings.
const CUSTOM_PROPERTIES: &[&str] = &[
    "Microsoft.WindowsAzure.ApiManagement.Gateway.Security.Protocols.Tls10",
    "Microsoft.WindowsAzure.ApiManagement.Gateway.Security.Protocols.Tls11",
    "Microsoft.WindowsAzure.ApiManagement.Gateway.Security.Backend.Protocols.Tls10",
    "Microsoft.WindowsAzure.ApiManagement.Gateway.Security.Backend.Protocols.Tls11",
    "Microsoft.WindowsAzure.ApiManagement.Gateway.Security.Backend.Protocols.Ssl30",
    "Microsoft.WindowsAzure.ApiManagement.Gateway.Protocols.Server.Http2",
];

pub(super) fn check_capacity(tier: &str, capacity: i64, problems: &mut Problems) {
    let allowed = match tier {
        "Consumption" => 0..=0,
        "Developer" => 1..=1,
        "Basic" => 1..=2,
        "Standard" => 1..=4,
        "Premium" => 1..=31,
        "BasicV2" | "StandardV2" => 1..=10,
        "PremiumV2" => 1..=30,
        _ => 0..=i64::from(i32::MAX),
    };
    if !allowed.contains(&capacity) {
        problems.add(
            "capacity",
            format!(
                "Capacity {capacity} is not supported in the {tier} tier: it must be between {} and {}.",
                allowed.start(),
                allowed.end()
            ),
        );
    }
}

pub(super) fn custom_properties(sent: &Value) -> Value {
    let mut all: Map<String, Value> = CUSTOM_PROPERTIES.iter().map(|name| ((*name).to_owned(), json!("False"))).collect();
    for (name, value) in sent.as_object().into_iter().flatten() {
        let name = CUSTOM_PROPERTIES
            .iter()
            .find(|known| known.eq_ignore_ascii_case(name))
            .map_or_else(|| name.clone(), |known| (*known).to_owned());
        let value = match value.as_str() {
            Some(text) if text.eq_ignore_ascii_case("true") => json!("True"),
            Some(text) if text.eq_ignore_ascii_case("false") => json!("False"),
            _ => value.clone(),
        };
        all.insert(name, value);
    }
    Value::Object(all)
}

/// Principals are made with the first request, so that the first answer carries them (recorded).
pub(super) fn identity(
    tx: &Transaction<'_>,
    sent: Option<&Value>,
    existing: Option<&Stored>,
    internal: &mut Value,
) -> Result<Value, Refusal> {
    let kept = existing.and_then(|stored| stored.body.get("identity")).filter(|identity| !identity.is_null());
    let Some(sent) = sent.filter(|sent| !sent.is_null()) else {
        // A PUT without the member takes the identity away; PATCH has merged it already (assumed).
        return Ok(Value::Null);
    };
    let kind = json_text(sent, "/type").unwrap_or("None");
    let words: Vec<String> = kind.split(',').map(|word| word.trim().to_ascii_lowercase()).collect();
    let (system, user) = (words.iter().any(|word| word == "systemassigned"), words.iter().any(|word| word == "userassigned"));
    if !system && !user {
        if words.iter().any(|word| word == "none") {
            return Ok(Value::Null);
        }
        return Err(Refusal::plain(400, "InvalidIdentityType", format!("The identity type '{kind}' is not supported.")));
    }
    let mut identity = json!({ "type": match (system, user) { (true, true) => "SystemAssigned, UserAssigned", (true, false) => "SystemAssigned", _ => "UserAssigned" } });
    if system {
        let principal = kept.and_then(|kept| json_text(kept, "/principalId")).map(str::to_owned);
        let principal = principal.unwrap_or_else(|| {
            set(internal, "/principalCreatedAt", json!(millis(tx.now)));
            tx.options.random.uuid().to_string()
        });
        set(&mut identity, "/principalId", json!(principal));
        set(&mut identity, "/tenantId", json!(tx.directory().tenant_id));
    }
    if user {
        let mut identities = Map::new();
        let asked = sent.get("userAssignedIdentities").and_then(Value::as_object);
        for (id, value) in asked.into_iter().flatten().filter(|(_, value)| value.is_object()) {
            let _ = value;
            let found = ResourceId::parse(id).ok().and_then(|id| tx.get(&id));
            let Some(found) = found else {
                return Err(Refusal::plain(
                    400,
                    "FailedIdentityOperation",
                    format!("Identity operation for resource failed: the user assigned identity '{id}' was not found."),
                ));
            };
            let member = |name: &str| found.body.pointer(&format!("/properties/{name}")).cloned().unwrap_or(Value::Null);
            identities.insert(id.clone(), json!({ "principalId": member("principalId"), "clientId": member("clientId") }));
        }
        if identities.is_empty() {
            return Err(Refusal::plain(
                400,
                "InvalidIdentityValues",
                "The identity type is UserAssigned and no userAssignedIdentities are given.",
            ));
        }
        set(&mut identity, "/userAssignedIdentities", Value::Object(identities));
    }
    Ok(identity)
}

/// The built-in proxy host name is always there; others stand behind it.
pub(super) fn host_names(name: &str, suffix: &str, sent: Option<Value>, before: Option<Value>) -> Value {
    let built_in = format!("{name}.{suffix}");
    let Some(sent) = sent.and_then(|sent| sent.as_array().cloned()) else {
        return before.unwrap_or_else(|| json!([host_name(&built_in, true)]));
    };
    let others: Vec<Value> =
        sent.into_iter().filter(|entry| json_text(entry, "/hostName").is_some_and(|host| !host.eq_ignore_ascii_case(&built_in))).collect();
    let bound = others.iter().any(|entry| entry.get("defaultSslBinding") == Some(&Value::Bool(true)));
    let mut all = vec![host_name(&built_in, !bound)];
    for other in others {
        let mut entry = host_name("", false);
        crud::merge(&mut entry, &other);
        if entry.get("certificateSource").is_none_or(|source| source == "BuiltIn") {
            let source = if json_text(&entry, "/keyVaultId").is_some() { "KeyVault" } else { "Custom" };
            set(&mut entry, "/certificateSource", json!(source));
        }
        all.push(entry);
    }
    Value::Array(all)
}

fn host_name(host: &str, default: bool) -> Value {
    json!({
        "type": "Proxy",
        "hostName": host,
        "encodedCertificate": null,
        "keyVaultId": null,
        "certificatePassword": null,
        "negotiateClientCertificate": false,
        "certificate": null,
        "defaultSslBinding": default,
        "identityClientId": null,
        "certificateSource": "BuiltIn",
        "certificateStatus": null
    })
}

/// Certificates and their passwords never come back.
pub(super) fn hide_certificates(stored: &mut Stored) {
    for list in ["hostnameConfigurations", "certificates"] {
        let count = stored.body.pointer(&format!("/properties/{list}")).and_then(Value::as_array).map_or(0, Vec::len);
        for index in 0..count {
            for member in ["encodedCertificate", "certificatePassword"] {
                let pointer = format!("/properties/{list}/{index}/{member}");
                if let Some(value) = json_text(&stored.body, &pointer).map(str::to_owned) {
                    stored.secrets.insert(pointer.clone(), value.into());
                    set(&mut stored.body, &pointer, Value::Null);
                }
            }
        }
    }
}
