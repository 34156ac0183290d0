//! Resource group, service and named values.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{PolicySource, Properties, Tags, shapes};
use crate::support::secret::Secret;

/// The resource group.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResourceGroup {
    /// Name of the resource group, unique in the Azure subscription.
    #[schemars(length(min = 1, max = 90), regex(pattern = r"^[-A-Za-z0-9._()]*[-A-Za-z0-9_()]$"), extend("patternErrorMessage" = "letters, digits, `-`, `_`, `.` and parentheses, and no `.` at the end"))]
    pub name: String,
    /// Region; also the default for everything in it.
    pub location: Option<String>,
    /// Read only: never created, changed or deleted.
    #[serde(default)]
    pub existing: bool,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

/// The API Management service. Properties that are not set are never reset on a service that is there.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Service {
    /// Name, unique in the whole world: it becomes `{name}.azure-api.net`.
    #[schemars(length(min = 1, max = 50), regex(pattern = r"^[a-zA-Z](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?$"), extend("patternErrorMessage" = "letters, digits and hyphens; it begins with a letter and does not end with a hyphen"))]
    pub name: String,
    /// Read only: the service is never created, changed or deleted; its children are managed.
    #[serde(default)]
    pub existing: bool,
    /// Region; default: that of the resource group.
    pub location: Option<String>,
    /// Tier, as a name or `{ name, capacity }`.
    pub sku: Option<Sku>,
    /// Publisher's name, shown in mails and the developer portal.
    #[schemars(length(min = 1, max = 100))]
    pub publisher_name: Option<String>,
    /// Publisher's mail address.
    #[schemars(length(min = 1, max = 100))]
    pub publisher_email: Option<String>,
    /// Sender of notification mails.
    #[schemars(length(max = 100))]
    pub notification_sender_email: Option<String>,
    /// Managed identity: `SystemAssigned`, `None`, or `{ type, userAssignedIdentities }`.
    pub identity: Option<Identity>,
    /// Availability zones (Premium).
    pub zones: Option<Vec<String>>,
    /// Further regions (Premium).
    pub additional_locations: Option<Vec<AdditionalLocation>>,
    /// `None`, `External` or `Internal`.
    #[schemars(extend("enum" = ["None", "External", "Internal", null]))]
    pub virtual_network_type: Option<String>,
    /// `{ subnetResourceId }`.
    #[schemars(with = "Option<shapes::VirtualNetworkConfiguration>")]
    pub virtual_network_configuration: Option<Value>,
    /// `Enabled` or `Disabled`.
    #[schemars(extend("enum" = ["Enabled", "Disabled", null]))]
    pub public_network_access: Option<String>,
    /// Custom domains, as in ARM.
    pub hostname_configurations: Option<Vec<Value>>,
    /// Protocol and cipher switches; values are texts.
    pub custom_properties: Option<IndexMap<String, String>>,
    /// Whether the gateway of the primary region is switched off.
    pub disable_gateway: Option<bool>,
    /// Consumption only: ask clients for a certificate.
    pub enable_client_certificate: Option<bool>,
    /// `{ minApiVersion }`.
    #[schemars(with = "Option<shapes::ApiVersionConstraint>")]
    pub api_version_constraint: Option<Value>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
    /// Global policy (all APIs).
    pub policy: Option<PolicySource>,
    /// Merged last into ARM's `properties`.
    #[serde(default)]
    pub properties: Properties,
}

/// Tier and number of units.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Sku {
    /// Tier with its usual capacity (0 for Consumption, 1 for the others).
    Name(#[schemars(with = "shapes::Tier")] String),
    /// Tier and units.
    Detailed(DetailedSku),
}

impl Sku {
    /// The tier.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Detailed(detailed) => &detailed.name,
        }
    }

    /// The number of units, if it is written.
    #[must_use]
    pub const fn capacity(&self) -> Option<u32> {
        match self {
            Self::Name(_) => None,
            Self::Detailed(detailed) => detailed.capacity,
        }
    }

    /// The number of units: as written, else 0 for Consumption and 1 for every other tier.
    #[must_use]
    pub fn effective_capacity(&self) -> u32 {
        self.capacity().unwrap_or(u32::from(self.name() != "Consumption"))
    }
}

/// Tier and number of units.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DetailedSku {
    /// Tier: `Consumption`, `Developer`, `Basic`, `Standard`, `Premium`, `BasicV2`, `StandardV2`, `PremiumV2` or `Isolated`.
    #[schemars(with = "shapes::Tier")]
    pub name: String,
    /// Number of units.
    pub capacity: Option<u32>,
}

/// Managed identity of the service.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Identity {
    /// `SystemAssigned` or `None`.
    Type(#[schemars(with = "shapes::IdentityKind")] String),
    /// With user-assigned identities.
    Detailed(DetailedIdentity),
}

impl Identity {
    /// ARM's `type`: `SystemAssigned`, `UserAssigned`, `SystemAssigned, UserAssigned` or `None`.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Type(kind) => kind,
            Self::Detailed(detailed) => &detailed.kind,
        }
    }

    /// Full ids of the user-assigned identities.
    #[must_use]
    pub fn user_assigned(&self) -> &[String] {
        match self {
            Self::Type(_) => &[],
            Self::Detailed(detailed) => &detailed.user_assigned_identities,
        }
    }

    /// Whether the service has an identity of its own.
    #[must_use]
    pub fn is_system_assigned(&self) -> bool {
        self.kind().contains("SystemAssigned")
    }
}

/// System-assigned and user-assigned identities.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DetailedIdentity {
    /// `SystemAssigned`, `UserAssigned`, `SystemAssigned, UserAssigned` or `None`.
    #[serde(rename = "type")]
    #[schemars(with = "shapes::IdentityKind")]
    pub kind: String,
    /// Full ids of the user-assigned identities.
    #[serde(default)]
    pub user_assigned_identities: Vec<String>,
}

/// A further region of a Premium service.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AdditionalLocation {
    /// Region.
    pub location: String,
    /// Tier and units; default: the service's tier with one unit.
    pub sku: Option<Sku>,
    /// Availability zones.
    pub zones: Option<Vec<String>>,
    /// Whether the gateway of this region is switched off.
    pub disable_gateway: Option<bool>,
    /// `{ subnetResourceId }`.
    #[schemars(with = "Option<shapes::VirtualNetworkConfiguration>")]
    pub virtual_network_configuration: Option<Value>,
    /// Id of a public address.
    pub public_ip_address_id: Option<String>,
}

/// A named value. Policies use it as `{{displayName}}`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NamedValue {
    /// The name that policies use; default: the key.
    #[schemars(length(min = 1, max = 256), regex(pattern = r"^[A-Za-z0-9._-]+$"), extend("patternErrorMessage" = "letters, digits, `-`, `.` and `_`"))]
    pub display_name: Option<String>,
    /// The value, at most 4,096 characters. Put secrets in from a variable: `${NAME}`.
    #[schemars(with = "Option<String>", length(max = 4096))]
    pub value: Option<Secret<String>>,
    /// Whether the value is hidden; default: true with `keyVault`, else false.
    pub secret: Option<bool>,
    /// Takes the value from a Key Vault; the service's identity must be allowed to read it.
    pub key_vault: Option<KeyVaultReference>,
    /// Tags for filtering.
    #[schemars(length(max = 32))]
    pub tags: Option<Vec<String>>,
    /// Merged last into ARM's `properties`.
    #[serde(default)]
    pub properties: Properties,
}

/// A secret in a Key Vault.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyVaultReference {
    /// `https://{vault}.vault.azure.net/secrets/{name}[/{version}]`; without a version it follows rotation.
    #[schemars(regex(pattern = r"^https://[^/]+/secrets/[^/]+(/[^/]+)?/?$"), extend("patternErrorMessage" = "`https://{vault}.vault.azure.net/secrets/{name}`, if need be with `/{version}`"))]
    pub secret_identifier: String,
    /// Client id of a user-assigned identity; default: the system-assigned one.
    pub identity_client_id: Option<String>,
}
