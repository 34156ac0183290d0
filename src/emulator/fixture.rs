//! What is there before anything is applied: the tenant, Azure subscriptions, foreign resources.

use serde::Deserialize;
use serde_json::Value;

use super::access::{Directory, Permission, Subscription};
use crate::arm::ResourceId;

/// A world to start from. Everything has a default, so an empty document is a tenant with one empty Azure subscription.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fixture {
    /// Tenant; [`DEFAULT_TENANT`](super::DEFAULT_TENANT) when absent.
    #[serde(default)]
    pub tenant_id: Option<String>,
    /// Azure subscriptions; one with the id [`DEFAULT_SUBSCRIPTION`](super::DEFAULT_SUBSCRIPTION) when empty.
    #[serde(default)]
    pub subscriptions: Vec<FixtureSubscription>,
    /// Who is logged in.
    #[serde(default)]
    pub caller: Option<FixtureCaller>,
    /// What whoever logs in may do, and nothing else; everything everywhere when empty. An entry with `principal` is of that one only.
    #[serde(default)]
    pub permissions: Vec<Permission>,
    /// Resources with `id` and what else GET answers.
    #[serde(default)]
    pub resources: Vec<FixtureResource>,
    /// API Management services that were deleted a while ago.
    #[serde(default)]
    pub soft_deleted: Vec<FixtureSoftDeleted>,
}

/// An Azure subscription.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FixtureSubscription {
    /// GUID.
    pub id: String,
    /// What people call it.
    #[serde(default)]
    pub display_name: Option<String>,
    /// Namespaces of the registered resource providers; all when absent.
    #[serde(default)]
    pub registered_providers: Option<Vec<String>>,
}

/// The principal that is logged in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FixtureCaller {
    /// Object id.
    pub object_id: String,
}

/// A resource that is there.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FixtureResource {
    /// Full id; its group and parents are made when they are missing.
    pub id: ResourceId,
    /// Azure region.
    #[serde(default)]
    pub location: Option<String>,
    /// Kind (`OpenAI`).
    #[serde(default)]
    pub kind: Option<String>,
    /// SKU.
    #[serde(default)]
    pub sku: Option<Value>,
    /// Tags.
    #[serde(default)]
    pub tags: Option<Value>,
    /// Managed identity.
    #[serde(default)]
    pub identity: Option<Value>,
    /// Zones.
    #[serde(default)]
    pub zones: Option<Value>,
    /// The type's own properties.
    #[serde(default)]
    pub properties: Option<Value>,
}

/// A service in its 48 hours.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FixtureSoftDeleted {
    /// Id that the service had.
    pub id: ResourceId,
    /// Its region.
    pub location: String,
}

impl Fixture {
    /// The tenant with what the fixture says; what it does not say stays as it is in `directory`.
    pub(crate) fn apply_to(&self, directory: &mut Directory) {
        if let Some(tenant) = &self.tenant_id {
            directory.tenant_id.clone_from(tenant);
        }
        for subscription in &self.subscriptions {
            let seeded = Subscription {
                id: subscription.id.clone(),
                display_name: subscription.display_name.clone().unwrap_or_else(|| "Local".to_owned()),
                registered: subscription.registered_providers.clone(),
            };
            match directory.subscriptions.iter_mut().find(|known| known.id.eq_ignore_ascii_case(&subscription.id)) {
                Some(known) => {
                    known.display_name = seeded.display_name;
                    // What was registered since stays registered; a subscription that nobody spoke of has everything.
                    known.registered = match (known.registered.take(), seeded.registered) {
                        (None, seeded) => seeded,
                        (Some(known), None) => Some(known),
                        (Some(mut known), Some(seeded)) => {
                            known.extend(
                                seeded
                                    .into_iter()
                                    .filter(|name| !known.iter().any(|known| known.eq_ignore_ascii_case(name)))
                                    .collect::<Vec<_>>(),
                            );
                            Some(known)
                        }
                    };
                }
                None => directory.subscriptions.push(seeded),
            }
        }
        if let Some(caller) = &self.caller {
            directory.caller.clone_from(&caller.object_id);
        }
        if !self.permissions.is_empty() {
            directory.permissions.clone_from(&self.permissions);
        }
    }
}
