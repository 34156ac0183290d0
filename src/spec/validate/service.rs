//! Resource group, service, identity, named values.

use std::collections::BTreeSet;

use super::tiers::{self, Tier};
use super::{Advise, Rules};
use crate::spec::codes;
use crate::spec::model::{Identity, NamedValue, Service, Sku};
use crate::spec::tree::join;
use crate::support::finding::Kind;

pub(super) fn check(rules: &mut Rules<'_>) {
    let service = &rules.spec.service;
    existing(rules, service);
    if let Some(sku) = &service.sku
        && let Some(tier) = tiers::find(sku.name())
    {
        capacity(rules, sku, tier, "/service/sku");
        features(rules, service, tier);
        regions(rules, service, tier);
    }
    pairs(rules, service);
    if let Some(zones) = &service.zones {
        check_zones(rules, zones, service.sku.as_ref().map_or(1, Sku::effective_capacity), "/service/zones");
    }
    if let Some(email) = &service.publisher_email {
        mail(rules, email, "/service/publisherEmail");
    }
    identity(rules, service);
    for (name, value) in &rules.spec.named_values {
        named_value(rules, name, value);
    }
}

/// What looks like no mail address at all; the service has the last word.
pub(super) fn mail(rules: &mut Rules<'_>, address: &str, pointer: &str) {
    let sound = address.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty() && !host.contains('@'));
    if !sound || address.chars().any(char::is_whitespace) {
        rules.error(
            codes::BAD_FORM,
            Kind::Type,
            pointer,
            format!("`{}` is not a mail address", pointer.trim_start_matches('/').replace('/', ".")),
        );
    }
}

fn existing(rules: &mut Rules<'_>, service: &Service) {
    let group = &rules.spec.resource_group;
    if group.existing {
        if !group.tags.is_empty() {
            let message = "the resource group exists already, so its tags are not changed";
            rules.trap(codes::EXISTING, "/resourceGroup/tags", message).advise("remove the tags, or `existing: true`");
        }
        if !service.existing && group.location.is_none() && service.location.is_none() {
            let message = "the region of the service is not known";
            rules.error_at_key(codes::SERVICE_INCOMPLETE, Kind::Place, "/service", message).advise("add `location` to `service`");
        }
    } else if group.location.is_none() {
        let message = "a resource group that is to be made needs a `location`";
        let finding = rules.error_at_key(codes::SERVICE_INCOMPLETE, Kind::Place, "/resourceGroup", message);
        finding.advise("add `location`, or `existing: true` if it is there already");
    }
    if service.existing {
        let ignored: Vec<String> =
            ["sku", "publisherName", "publisherEmail", "notificationSenderEmail", "identity", "zones", "additionalLocations"]
                .into_iter()
                .chain([
                    "virtualNetworkType",
                    "virtualNetworkConfiguration",
                    "publicNetworkAccess",
                    "hostnameConfigurations",
                    "customProperties",
                ])
                .chain(["disableGateway", "enableClientCertificate", "apiVersionConstraint", "tags", "properties"])
                .filter(|key| rules.locator.contains(&format!("/service/{key}")))
                .map(|key| format!("`{key}`"))
                .collect();
        if !ignored.is_empty() {
            let message = format!("the service exists already and is only read, so {} change nothing", ignored.join(", "));
            rules.trap(codes::EXISTING, "/service/existing", message).advise("remove them, or `existing: true`");
        }
        return;
    }
    let missing: Vec<&str> = [
        ("sku", service.sku.is_none()),
        ("publisherName", service.publisher_name.is_none()),
        ("publisherEmail", service.publisher_email.is_none()),
    ]
    .into_iter()
    .filter(|(key, missing)| *missing && !rules.is_broken(&format!("/service/{key}")))
    .map(|(key, _)| key)
    .collect();
    if !missing.is_empty() {
        let names = missing.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
        let message = format!("a service that is to be made needs {names}");
        let finding = rules.error_at_key(codes::SERVICE_INCOMPLETE, Kind::Place, "/service", message);
        finding.advise(format!("add {names}, or `existing: true` if the service is there already"));
    }
}

fn capacity(rules: &mut Rules<'_>, sku: &Sku, tier: &Tier, pointer: &str) {
    let Some(units) = sku.capacity() else { return };
    let (least, most) = tier.units;
    if units < least || units > most {
        let words = if least == most { format!("{least}") } else { format!("{least} to {most}") };
        let message = format!("a service of the tier `{}` has {words} units, not {units}", tier.name);
        rules.error(codes::SKU_CAPACITY, Kind::Type, &format!("{pointer}/capacity"), message);
    }
}

fn features(rules: &mut Rules<'_>, service: &Service, tier: &Tier) {
    let mut refuse = |key: &str, what: &str, offered: String| {
        let message = format!("the tier `{}` has no {what}", tier.name);
        let help = if offered.is_empty() { "remove it".to_owned() } else { format!("tiers that have: {offered}") };
        rules.error_at_key(codes::SKU_FEATURE, Kind::Place, &format!("/service/{key}"), message).advise(help);
    };
    if !tier.zones && service.zones.as_ref().is_some_and(|zones| !zones.is_empty()) {
        refuse("zones", "availability zones", tiers::with(|tier| tier.zones));
    }
    if !tier.regions && service.additional_locations.as_ref().is_some_and(|locations| !locations.is_empty()) {
        refuse("additionalLocations", "further regions", tiers::with(|tier| tier.regions));
    }
    if let Some(network) = service.virtual_network_type.as_deref().filter(|network| *network != "None" && !tier.networks.contains(network))
    {
        refuse(
            "virtualNetworkType",
            &format!("virtual network of the type `{network}`"),
            tiers::with(|tier| tier.networks.contains(&network)),
        );
    }
    if service.enable_client_certificate == Some(true) && tier.name != "Consumption" {
        // "This property is meant to be used for Consumption SKU services" (ARM contract).
        refuse("enableClientCertificate", "such switch; it asks clients per host name", "`Consumption`".to_owned());
    }
}

/// What belongs together whatever the tier.
fn pairs(rules: &mut Rules<'_>, service: &Service) {
    if service.virtual_network_type.as_deref().is_some_and(|network| network != "None")
        && service.virtual_network_configuration.is_none()
        && !rules.is_broken("/service/virtualNetworkConfiguration")
    {
        let message = "`virtualNetworkType` needs `virtualNetworkConfiguration` with the subnet";
        rules
            .error_at_key(codes::SERVICE_INCOMPLETE, Kind::Place, "/service/virtualNetworkType", message)
            .advise("add `virtualNetworkConfiguration: { subnetResourceId: … }`");
    }
    if service.disable_gateway == Some(true) && service.additional_locations.as_ref().is_none_or(Vec::is_empty) {
        // "Property only valid for an Api Management service deployed in multiple locations" (ARM contract).
        let message = "the gateway of the only region cannot be switched off";
        rules.error_at_key(codes::SKU_FEATURE, Kind::Place, "/service/disableGateway", message).advise("it needs `additionalLocations`");
    }
}

fn regions(rules: &mut Rules<'_>, service: &Service, tier: &Tier) {
    let normal = |location: &str| location.replace(' ', "").to_lowercase();
    let group = rules.spec.resource_group.location.as_deref();
    let mut seen: BTreeSet<String> = service.location.as_deref().or(group).map(normal).into_iter().collect();
    for (index, location) in service.additional_locations.iter().flatten().enumerate() {
        let pointer = format!("/service/additionalLocations/{index}");
        if !seen.insert(normal(&location.location)) {
            let message = format!("the region `{}` stands twice", location.location);
            rules.error(codes::DUPLICATE_NAME, Kind::Place, &format!("{pointer}/location"), message);
        }
        if let Some(sku) = &location.sku {
            if sku.name() != tier.name {
                let message = format!("every region of a service has its tier: `{}`, not `{}`", tier.name, sku.name());
                rules.error(codes::SKU_FEATURE, Kind::Type, &format!("{pointer}/sku"), message);
            }
            capacity(rules, sku, tier, &format!("{pointer}/sku"));
        }
        if let Some(zones) = &location.zones {
            check_zones(rules, zones, location.sku.as_ref().map_or(1, Sku::effective_capacity), &format!("{pointer}/zones"));
        }
    }
}

fn check_zones(rules: &mut Rules<'_>, zones: &[String], units: u32, pointer: &str) {
    let mut seen = BTreeSet::new();
    for (index, zone) in zones.iter().enumerate() {
        if !seen.insert(zone) {
            rules.error(codes::DUPLICATE_NAME, Kind::Place, &format!("{pointer}/{index}"), format!("the zone `{zone}` stands twice"));
        }
    }
    // "Reliability in API Management": units must be distributed evenly among the zones that are named.
    let count = u32::try_from(zones.len()).unwrap_or(u32::MAX);
    if count > 0 && !units.is_multiple_of(count) {
        let message = format!("{units} units cannot be spread evenly over {count} zones");
        let finding = rules.error_at_key(codes::SKU_CAPACITY, Kind::Type, pointer, message);
        finding.advise(format!("let `capacity` be a multiple of {count}"));
    }
}

fn identity(rules: &mut Rules<'_>, service: &Service) {
    let Some(identity) = &service.identity else {
        needs_identity(rules, service, None);
        return;
    };
    let listed = identity.user_assigned();
    let wants = identity.kind().contains("UserAssigned");
    if wants && listed.is_empty() {
        let message = format!("`{}` needs `userAssignedIdentities`", identity.kind());
        rules
            .error(codes::IDENTITY, Kind::Place, "/service/identity", message)
            .advise("write `{ type: UserAssigned, userAssignedIdentities: [ {id} ] }`");
    }
    if !wants && !listed.is_empty() {
        let message = format!("identities are listed, but the type is `{}`", identity.kind());
        let finding = rules.error(codes::IDENTITY, Kind::Place, "/service/identity/type", message);
        finding.advise("write `UserAssigned` or `SystemAssigned, UserAssigned`");
    }
    let mut seen = BTreeSet::new();
    for (index, id) in listed.iter().enumerate() {
        let pointer = format!("/service/identity/userAssignedIdentities/{index}");
        let lower = id.to_lowercase();
        if !lower.starts_with("/subscriptions/") || !lower.contains("/providers/microsoft.managedidentity/userassignedidentities/") {
            let message = "this is not the id of a user-assigned identity";
            let form =
                "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}";
            rules.error(codes::IDENTITY, Kind::Type, &pointer, message).advise(format!("it has the form `{form}`"));
        } else if !seen.insert(lower) {
            rules.error(codes::DUPLICATE_NAME, Kind::Place, &pointer, "this identity stands twice");
        }
    }
    needs_identity(rules, service, Some(identity));
}

/// What cannot work because the gateway has nothing to log in with. A service that exists already may have an identity.
fn needs_identity(rules: &mut Rules<'_>, service: &Service, identity: Option<&Identity>) {
    let has_one = |identity: &Identity| {
        identity.is_system_assigned() || identity.kind().contains("UserAssigned") && !identity.user_assigned().is_empty()
    };
    if service.existing || identity.is_some_and(has_one) || rules.is_broken("/service/identity") {
        return;
    }
    let mut needs: Vec<(String, String)> = Vec::new();
    for (name, backend) in &rules.spec.backends {
        let by_default = backend.open_ai.is_some() && backend.credentials.is_none();
        let by_credentials = backend
            .credentials
            .as_ref()
            .and_then(|credentials| credentials.managed_identity.as_ref())
            .is_some_and(|own| own.client_id.is_none());
        if by_default || by_credentials {
            needs.push((join("/backends", name), format!("the backend `{name}`")));
        }
    }
    for (name, value) in &rules.spec.named_values {
        if value.key_vault.as_ref().is_some_and(|vault| vault.identity_client_id.is_none()) {
            needs.push((format!("{}/keyVault", join("/namedValues", name)), format!("the named value `{name}`")));
        }
    }
    let insights = rules.spec.monitoring.as_ref().and_then(|monitoring| monitoring.application_insights.as_ref());
    if insights.is_some_and(|insights| insights.authentication == Some(crate::spec::model::LoggerAuthentication::ManagedIdentity)) {
        needs.push(("/monitoring/applicationInsights/authentication".to_owned(), "Application Insights".to_owned()));
    }
    for (pointer, what) in needs {
        let message = format!("{what} logs in as the service, which has no identity of its own");
        rules.error_at_key(codes::IDENTITY, Kind::Place, &pointer, message).advise("add `identity: SystemAssigned` to `service`");
    }
}

fn named_value(rules: &mut Rules<'_>, name: &str, value: &NamedValue) {
    let pointer = join("/namedValues", name);
    let broken = rules.is_broken(&format!("{pointer}/value")) || rules.is_broken(&format!("{pointer}/keyVault"));
    if value.value.is_some() == value.key_vault.is_some() && !broken {
        let message = format!("the named value `{name}` needs either `value` or `keyVault`");
        rules.error_at_key(codes::NAMED_VALUE, Kind::Place, &pointer, message);
    }
    if value.key_vault.is_some() && value.secret == Some(false) {
        // Refused with a bare 400 (azurerm issue 26150).
        let message = format!("the named value `{name}` comes from a Key Vault, so it is a secret");
        rules.error(codes::NAMED_VALUE, Kind::Type, &format!("{pointer}/secret"), message).advise("remove `secret: false`");
    }
    // The contract's pattern holds for the name that policies use, and the key is that name unless another is given.
    let fits = |text: &str| text.chars().all(|character| character.is_ascii_alphanumeric() || matches!(character, '-' | '.' | '_'));
    if value.display_name.is_none() && !fits(name) {
        let message = format!("policies could not name `{{{{{name}}}}}`");
        rules
            .error_at_key(codes::BAD_NAME, Kind::Type, &pointer, message)
            .advise("letters, digits, `-`, `.` and `_`; or give a `displayName`");
    }
}
