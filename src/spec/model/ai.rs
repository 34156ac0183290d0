//! Azure OpenAI accounts.

use schemars::JsonSchema;
use serde::Deserialize;

/// An existing Azure OpenAI or AI Foundry account: read and checked, never written.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Account {
    /// Account name.
    #[schemars(length(min = 2, max = 64), regex(pattern = r"^[a-zA-Z0-9][a-zA-Z0-9_.-]*$"), extend("patternErrorMessage" = "letters, digits, `_`, `.` and `-`, beginning with a letter or a digit"))]
    pub account: String,
    /// Its resource group.
    pub resource_group: String,
    /// Its Azure subscription; default: that of this specification.
    pub subscription_id: Option<String>,
    /// Its region; checked when set, and used to seed the embedded ARM.
    pub location: Option<String>,
    /// `OpenAI` or `AIServices`; used to seed the embedded ARM (default `AIServices`).
    #[schemars(extend("enum" = ["OpenAI", "AIServices", null]))]
    pub kind: Option<String>,
    /// Its custom subdomain; checked when set. Default when seeding: the account's name.
    pub custom_sub_domain_name: Option<String>,
    /// Its endpoint; checked when set. Default: read from the account.
    pub endpoint: Option<String>,
    /// Deployments that must be there, as names or with details.
    #[serde(default)]
    pub deployments: Vec<Deployment>,
}

/// A deployment that must be there.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Deployment {
    /// Its name.
    Name(String),
    /// Its name and what is expected of it.
    Detailed(DetailedDeployment),
}

/// A deployment's name and what is expected of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DetailedDeployment {
    /// Name.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// Model; checked when set. Accounts that serve one pool must agree in any case.
    pub model: Option<DeploymentModel>,
    /// SKU; checked when set.
    pub sku: Option<DeploymentSku>,
}

impl Deployment {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Detailed(detailed) => &detailed.name,
        }
    }

    /// The model that is expected, if any is named.
    #[must_use]
    pub const fn model(&self) -> Option<&DeploymentModel> {
        match self {
            Self::Name(_) => None,
            Self::Detailed(detailed) => detailed.model.as_ref(),
        }
    }

    /// The SKU that is expected, if any is named.
    #[must_use]
    pub const fn sku(&self) -> Option<&DeploymentSku> {
        match self {
            Self::Name(_) => None,
            Self::Detailed(detailed) => detailed.sku.as_ref(),
        }
    }
}

/// A model and its version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeploymentModel {
    /// Model name, for instance `gpt-4o-mini`.
    pub name: String,
    /// Model version, for instance `2024-07-18`.
    pub version: Option<String>,
}

/// Deployment type and capacity.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeploymentSku {
    /// `Standard`, `GlobalStandard`, `ProvisionedManaged`, …
    pub name: String,
    /// Thousands of tokens per minute, or PTUs.
    pub capacity: Option<u32>,
}
