//! What a specification takes for granted, as a fixture of the embedded ARM.

use serde_json::{Value, json};

use crate::arm::ResourceId;
use crate::deploy::resource::{Desired, DesiredId, ExpectedAccount, ExpectedDeployment};
use crate::emulator::{DEFAULT_SUBSCRIPTION, Fixture, FixtureResource, FixtureSubscription};

/// Where accounts stand that say no region.
const REGION: &str = "eastus";

pub(super) fn fixture(desired: &Desired) -> Fixture {
    let mut resources: Vec<FixtureResource> = desired.accounts.iter().flat_map(account).collect();
    // An identity brings its resource group, which may be the one that is to be made.
    let region = desired
        .resources
        .iter()
        .find(|resource| resource.resource_type().eq_ignore_ascii_case("Microsoft.Resources/resourceGroups"))
        .and_then(|group| group.body.value.get("location")?.as_str())
        .unwrap_or(REGION);
    resources.extend(identities(desired).into_iter().map(|id| resource(id, Some(region), None, None, json!({}))));
    // Accounts may lie in other Azure subscriptions, which must exist as well.
    let mut subscriptions: Vec<String> = std::iter::once(DEFAULT_SUBSCRIPTION.to_owned())
        .chain(resources.iter().filter_map(|resource| resource.id.subscription_id()).map(str::to_owned))
        .collect();
    subscriptions.sort_unstable_by_key(|id| (id != DEFAULT_SUBSCRIPTION, id.to_ascii_lowercase()));
    subscriptions.dedup_by(|a, b| a.eq_ignore_ascii_case(b));
    let subscriptions =
        subscriptions.into_iter().map(|id| FixtureSubscription { id, display_name: None, registered_providers: None }).collect();
    Fixture { subscriptions, resources, ..Fixture::default() }
}

fn resource(id: ResourceId, location: Option<&str>, kind: Option<&str>, sku: Option<Value>, properties: Value) -> FixtureResource {
    FixtureResource {
        id,
        location: location.map(str::to_owned),
        kind: kind.map(str::to_owned),
        sku,
        tags: None,
        identity: None,
        zones: None,
        properties: Some(properties),
    }
}

fn account(expected: &ExpectedAccount) -> Vec<FixtureResource> {
    let account = &expected.account;
    let subdomain = account.custom_sub_domain_name.as_deref().unwrap_or(&account.account).to_lowercase();
    let endpoint = account.endpoint.clone().unwrap_or_else(|| format!("https://{subdomain}.openai.azure.com/"));
    let properties = json!({
        "endpoint": endpoint,
        "customSubDomainName": subdomain,
        "disableLocalAuth": false,
        "publicNetworkAccess": "Enabled",
        "provisioningState": "Succeeded",
    });
    let kind = account.kind.as_deref().unwrap_or("AIServices");
    let location = account.location.as_deref().unwrap_or(REGION);
    let mut resources = vec![resource(expected.id.clone(), Some(location), Some(kind), Some(json!({ "name": "S0" })), properties)];
    for deployment in &account.deployments {
        let (model, sku) = match deployment {
            ExpectedDeployment::Name(_) => (None, None),
            ExpectedDeployment::Detailed(details) => (details.model.as_ref(), details.sku.as_ref()),
        };
        let name = model.map_or(deployment.name(), |model| model.name.as_str());
        let version = model.and_then(|model| model.version.as_deref()).unwrap_or("1");
        let sku_name = sku.map_or("GlobalStandard", |sku| sku.name.as_str());
        let mut properties = json!({
            "model": { "format": "OpenAI", "name": name, "version": version },
            "provisioningState": "Succeeded",
        });
        let mut sku_body = json!({ "name": sku_name });
        // A deployment whose capacity nobody knows has no limits when it is simulated.
        if let Some(capacity) = sku.and_then(|sku| sku.capacity) {
            for (body, member) in [(&mut properties, "currentCapacity"), (&mut sku_body, "capacity")] {
                if let Some(body) = body.as_object_mut() {
                    body.insert(member.to_owned(), json!(capacity));
                }
            }
        }
        resources.push(resource(expected.id.child("deployments", deployment.name()), None, None, Some(sku_body), properties));
    }
    resources
}

/// User-assigned identities that the service is to carry.
fn identities(desired: &Desired) -> Vec<ResourceId> {
    desired
        .resources
        .iter()
        .filter(|resource| matches!(&resource.id, DesiredId::Known(id) if Some(id) == desired.service.as_ref()))
        .filter_map(|resource| resource.body.value.pointer("/identity/userAssignedIdentities")?.as_object())
        .flat_map(|identities| identities.keys())
        .filter_map(|id| ResourceId::parse(id).ok())
        .collect()
}
