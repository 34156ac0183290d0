//! ARM's own: tenants, Azure subscriptions, resource groups, providers, and lists over all types.

use http::Method;
use serde_json::{Value, json};

use super::{Call, Kind, Overrides, Place};
use crate::arm::ResourceId;
use crate::emulator::access::action;
use crate::emulator::answer::{Answer, Refusal};
use crate::emulator::operations::{self, Effect};
use crate::emulator::request::{ApiVersion, Request};
use crate::emulator::router::{self, Route};
use crate::emulator::shape::{Field, TEXT, Type};
use crate::emulator::transaction::Transaction;
use crate::emulator::{crud, paging};

/// Namespaces that exist. A type of one of these that is not in the table is answered as "not emulated" or as ARM does.
pub(crate) const NAMESPACES: &[&str] = &[
    "Microsoft.ApiManagement",
    "Microsoft.Authorization",
    "Microsoft.CognitiveServices",
    "Microsoft.Insights",
    "Microsoft.KeyVault",
    "Microsoft.ManagedIdentity",
    "Microsoft.Network",
    "Microsoft.OperationalInsights",
    "Microsoft.Resources",
    "Microsoft.Cache",
    "Microsoft.EventHub",
];

const GROUP: &str = "Microsoft.Resources/resourceGroups";

pub(super) const KINDS: &[Kind] = &[Kind {
    name: GROUP,
    label: "Resource group",
    place: Place::Child,
    naming: Some((r"^[-\w._()]*[-\w_()]$", 1, 90)),
    envelope: &[Field::new("location", TEXT).required(), Field::new("managedBy", TEXT), Field::new("tags", Type::Map(&TEXT))],
    conditional: false,
    complete: |write| {
        if let Some(before) = write.before("/location") {
            let location = write.text("/location").unwrap_or_default();
            if !same_region(location, before.as_str().unwrap_or_default()) {
                return Err(Refusal::plain(
                    409,
                    "InvalidResourceGroupLocation",
                    format!(
                        "Invalid resource group location '{location}'. The Resource group already exists in location '{}'.",
                        before.as_str().unwrap_or_default()
                    ),
                ));
            }
        }
        let location = normalised_region(write.text("/location").unwrap_or_default());
        write.set("/location", location);
        write.set("/properties", json!({ "provisioningState": "Succeeded" }));
        Ok(())
    },
    overrides: Overrides { delete: Some(delete_group), ..Overrides::NONE },
    ..Kind::CHILD
}];

/// `westus` and `West US` are one region.
pub(crate) fn normalised_region(location: &str) -> String {
    location.chars().filter(|letter| !letter.is_whitespace()).flat_map(char::to_lowercase).collect()
}

pub(crate) fn same_region(one: &str, other: &str) -> bool {
    normalised_region(one) == normalised_region(other)
}

fn group_kind() -> Result<&'static Kind, Refusal> {
    super::find(GROUP).ok_or_else(|| Refusal::plain(500, "InternalServerError", "The table has no resource groups."))
}

fn delete_group(tx: &mut Transaction<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    let Some(group) = tx.get(&call.id) else { return Err(router::group_not_found(call.id.name())) };
    tx.update(&group.id, |stored| crate::emulator::set(&mut stored.body, "/properties/provisioningState", json!("Deleting")));
    // Services in a deleted group are soft-deleted like any other.
    for service in tx.below(&group.id).iter().filter(|stored| stored.id.is_type("Microsoft.ApiManagement/service")) {
        super::api_management::to_attic(tx, &service.id);
    }
    let duration = operations::short(tx);
    let operation = operations::start(tx, &group.id, duration, 200, Effect::Removed);
    let base = ResourceId::subscription(group.id.subscription_id().unwrap_or_default());
    Ok(operations::accepted_by_location(tx, &operation, base.as_str(), &call.version))
}

/// Paths without a provider.
pub(crate) fn answer(tx: &mut Transaction<'_>, request: &Request, version: &ApiVersion) -> Result<Answer, Refusal> {
    let words: Vec<String> = request.segments.iter().map(|segment| segment.to_ascii_lowercase()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let reads = matches!(request.method, Method::GET | Method::HEAD);
    match words.as_slice() {
        ["tenants"] if reads => {
            let tenant = &tx.directory().tenant_id;
            let item = json!({ "id": format!("/tenants/{tenant}"), "tenantId": tenant, "tenantCategory": "Home", "displayName": "Local" });
            paging::page(tx.options, request, vec![item], false)
        }
        ["subscriptions"] if reads => {
            let items = tx.directory().subscriptions.iter().map(|found| subscription(tx, &found.id, &found.display_name)).collect();
            paging::page(tx.options, request, items, false)
        }
        ["subscriptions", id] if reads => match tx.directory().subscription(id) {
            Some(found) => Ok(Answer::json(200, subscription(tx, &found.id, &found.display_name))),
            None => Err(Refusal::plain(404, "SubscriptionNotFound", format!("The subscription '{id}' could not be found."))),
        },
        ["subscriptions", id, "locations"] if reads => {
            let items = REGIONS.iter().map(|(name, display)| {
                json!({ "id": format!("/subscriptions/{id}/locations/{name}"), "name": name, "type": "Region", "displayName": display, "regionalDisplayName": display })
            });
            Ok(Answer::json(200, json!({ "value": items.collect::<Vec<Value>>() })))
        }
        ["subscriptions", id, "providers"] if reads => {
            let items = NAMESPACES.iter().map(|namespace| provider_body(tx, id, namespace)).collect();
            paging::page(tx.options, request, items, false)
        }
        ["subscriptions", _, "operationresults", id] if reads => poll_group(tx, request, id),
        ["subscriptions", id, "resources"] if reads => list_resources(tx, request, &ResourceId::subscription(id)),
        ["subscriptions", id, "resourcegroups", group, "resources"] if reads => {
            let group = ResourceId::resource_group(id, group);
            crud::existing(tx, group_kind()?, &group)?;
            list_resources(tx, request, &group)
        }
        ["subscriptions", id, "resourcegroups"] if reads => {
            let subscription = ResourceId::subscription(tx.directory().subscription(id).map_or(*id, |found| &found.id));
            let call = Call { request, version: version.clone(), kind: group_kind()?, id: subscription };
            crud::list(tx, &call)
        }
        ["subscriptions", id, "resourcegroups", _] => {
            let subscription = tx.directory().subscription(id).map_or_else(|| (*id).to_owned(), |found| found.id.clone());
            let name = request.segments.get(3).map_or("", String::as_str);
            let id = ResourceId::resource_group(&subscription, name);
            let id = tx.get(&id).map_or(id, |stored| stored.id.clone());
            let kind = group_kind()?;
            let scope = id.to_string();
            tx.directory().authorize(
                &tx.caller,
                &action(&request.method, "Microsoft.Resources/subscriptions/resourceGroups", None),
                &scope,
            )?;
            super::check_locks(tx, &request.method, kind, &scope)?;
            let call = Call { request, version: version.clone(), kind, id };
            match request.method.as_str() {
                "GET" => crud::get(tx, &call),
                "HEAD" => tx.get(&call.id).map(|_| Answer::empty(204)).ok_or_else(|| router::group_not_found(name)),
                "PUT" => crud::put(tx, &call),
                "PATCH" => crud::patch(tx, &call),
                "DELETE" => delete_group(tx, &call),
                _ => Err(router::not_emulated(request, GROUP)),
            }
        }
        ["metadata", "endpoints"] => Err(router::not_emulated(request, "/metadata/endpoints (answered by the HTTPS listener)")),
        _ => Err(Refusal::plain(404, "NotFound", format!("No route matches '{} {}'.", request.method, request.path))),
    }
}

fn poll_group(tx: &mut Transaction<'_>, request: &Request, id: &str) -> Result<Answer, Refusal> {
    let version = request.version()?;
    match tx.operation(id).cloned() {
        None => Err(Refusal::plain(404, "ResourceNotFound", format!("The operation '{id}' was not found."))),
        Some(operation) if operation.done => Ok(Answer::empty(200)),
        Some(operation) => {
            let base = ResourceId::subscription(operation.resource.subscription_id().unwrap_or_default());
            Ok(operations::accepted_by_location(tx, &operation, base.as_str(), &version))
        }
    }
}

fn list_resources(tx: &Transaction<'_>, request: &Request, scope: &ResourceId) -> Result<Answer, Refusal> {
    let found = tx.select(|stored| {
        stored.id.is_below(scope)
            && super::find(&stored.id.resource_type()).map_or(stored.body.get("location").is_some(), |kind| kind.place == Place::Group)
    });
    let items = found
        .iter()
        .map(|stored| {
            let mut item = stored.body.clone();
            if let Some(object) = item.as_object_mut() {
                object.retain(|key, _| matches!(key.as_str(), "id" | "name" | "type" | "location" | "tags" | "kind" | "sku"));
            }
            let kind = stored.id.resource_type();
            crate::emulator::set(&mut item, "/type", json!(super::find(&kind).map_or(kind.as_str(), |found| found.name)));
            item
        })
        .map(with_resource_type)
        .collect();
    paging::page(tx.options, request, items, false)
}

/// `$filter=resourceType eq '…'` is the one filter of this list that clients use.
fn with_resource_type(mut item: Value) -> Value {
    let kind = item.get("type").cloned().unwrap_or_default();
    crate::emulator::set(&mut item, "/resourceType", kind);
    item
}

fn subscription(tx: &Transaction<'_>, id: &str, display_name: &str) -> Value {
    json!({
        "id": format!("/subscriptions/{id}"),
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": id,
        "tenantId": tx.directory().tenant_id,
        "displayName": display_name,
        "state": "Enabled",
        "subscriptionPolicies": { "locationPlacementId": "Public_2014-09-01", "quotaId": "PayAsYouGo_2014-09-01", "spendingLimit": "Off" }
    })
}

/// `/subscriptions/{s}/providers/{ns}` and its registration.
pub(crate) fn provider(tx: &mut Transaction<'_>, request: &Request, route: &Route<'_>) -> Result<Answer, Refusal> {
    let Some(namespace) = NAMESPACES.iter().find(|known| known.eq_ignore_ascii_case(route.namespace)) else {
        return Err(Refusal::plain(404, "InvalidResourceNamespace", format!("The resource namespace '{}' is invalid.", route.namespace)));
    };
    let Some(subscription) = route.subscription().map(str::to_owned) else {
        return Ok(Answer::json(200, provider_body(tx, "", namespace)));
    };
    if let Some(word) = route.rest.first() {
        let scope = format!("/subscriptions/{subscription}");
        tx.directory().authorize(&tx.caller, &action(&Method::POST, namespace, Some(word)), &scope)?;
        let mut directory = tx.directory().clone();
        for known in directory.subscriptions.iter_mut().filter(|known| known.id.eq_ignore_ascii_case(&subscription)) {
            let mut names = known.registered.take().unwrap_or_else(|| NAMESPACES.iter().map(|&name| name.to_owned()).collect());
            names.retain(|name| !name.eq_ignore_ascii_case(namespace));
            if word.eq_ignore_ascii_case("register") {
                names.push((*namespace).to_owned());
            }
            known.registered = Some(names);
        }
        tx.changes.directory = Some(directory);
    } else if request.method != Method::GET {
        return Err(router::not_emulated(request, namespace));
    }
    Ok(Answer::json(200, provider_body(tx, &subscription, namespace)))
}

fn provider_body(tx: &Transaction<'_>, subscription: &str, namespace: &str) -> Value {
    let types: Vec<Value> = super::all()
        .filter(|kind| kind.namespace().eq_ignore_ascii_case(namespace))
        .map(|kind| {
            let name = kind.name.split_once('/').map_or(kind.name, |(_, name)| name);
            json!({ "resourceType": name, "locations": [], "apiVersions": [] })
        })
        .collect();
    let registered = subscription.is_empty() || tx.directory().is_registered(subscription, namespace);
    let scope = if subscription.is_empty() { String::new() } else { format!("/subscriptions/{subscription}") };
    json!({
        "id": format!("{scope}/providers/{namespace}"),
        "namespace": namespace,
        "resourceTypes": types,
        "registrationState": if registered { "Registered" } else { "NotRegistered" },
        "registrationPolicy": "RegistrationRequired"
    })
}

/// Names and display names of public regions; the service writes the display name (recorded).
pub(crate) const REGIONS: &[(&str, &str)] = &[
    ("eastus", "East US"),
    ("eastus2", "East US 2"),
    ("westus", "West US"),
    ("westus2", "West US 2"),
    ("westus3", "West US 3"),
    ("centralus", "Central US"),
    ("northcentralus", "North Central US"),
    ("southcentralus", "South Central US"),
    ("westcentralus", "West Central US"),
    ("canadacentral", "Canada Central"),
    ("canadaeast", "Canada East"),
    ("brazilsouth", "Brazil South"),
    ("northeurope", "North Europe"),
    ("westeurope", "West Europe"),
    ("francecentral", "France Central"),
    ("francesouth", "France South"),
    ("germanywestcentral", "Germany West Central"),
    ("italynorth", "Italy North"),
    ("norwayeast", "Norway East"),
    ("polandcentral", "Poland Central"),
    ("spaincentral", "Spain Central"),
    ("swedencentral", "Sweden Central"),
    ("switzerlandnorth", "Switzerland North"),
    ("switzerlandwest", "Switzerland West"),
    ("uksouth", "UK South"),
    ("ukwest", "UK West"),
    ("uaenorth", "UAE North"),
    ("qatarcentral", "Qatar Central"),
    ("israelcentral", "Israel Central"),
    ("southafricanorth", "South Africa North"),
    ("australiaeast", "Australia East"),
    ("australiasoutheast", "Australia Southeast"),
    ("centralindia", "Central India"),
    ("southindia", "South India"),
    ("westindia", "West India"),
    ("japaneast", "Japan East"),
    ("japanwest", "Japan West"),
    ("koreacentral", "Korea Central"),
    ("koreasouth", "Korea South"),
    ("eastasia", "East Asia"),
    ("southeastasia", "Southeast Asia"),
    ("newzealandnorth", "New Zealand North"),
    ("mexicocentral", "Mexico Central"),
    ("usgovvirginia", "USGov Virginia"),
    ("usgovarizona", "USGov Arizona"),
    ("usgovtexas", "USGov Texas"),
    ("chinaeast2", "China East 2"),
    ("chinanorth2", "China North 2"),
    ("chinanorth3", "China North 3"),
];

/// The display name of a region; an unknown one stays as it was sent.
pub(crate) fn display_region(location: &str) -> String {
    let normal = normalised_region(location);
    REGIONS.iter().find(|(name, _)| *name == normal).map_or_else(|| location.to_owned(), |(_, display)| (*display).to_owned())
}
