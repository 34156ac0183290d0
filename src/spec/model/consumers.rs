//! Products, groups, users and subscriptions.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{PolicySource, Properties};
use crate::support::secret::Secret;

/// A product: a set of APIs that one subscription opens.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Product {
    /// Name for people; default: the key.
    #[schemars(length(min = 1, max = 300))]
    pub display_name: Option<String>,
    /// What it is for.
    #[schemars(length(max = 1000))]
    pub description: Option<String>,
    /// Terms of use.
    pub terms: Option<String>,
    /// Whether a key is needed (default true).
    pub subscription_required: Option<bool>,
    /// Whether subscriptions wait for approval (default false).
    pub approval_required: Option<bool>,
    /// How many subscriptions a user may have.
    pub subscriptions_limit: Option<u32>,
    /// `published` (default) or `notPublished`.
    #[schemars(extend("enum" = ["published", "notPublished", null]))]
    pub state: Option<String>,
    /// Names of the APIs of this specification that the product opens (an API's SDK twin follows it).
    #[serde(default)]
    pub apis: Vec<String>,
    /// Groups that see the product; `administrators` always do.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Policy of this product.
    pub policy: Option<PolicySource>,
    /// Merged last into ARM's `properties`.
    #[serde(default)]
    pub properties: Properties,
}

/// A group of users.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Group {
    /// Name for people; default: the key.
    #[schemars(length(min = 1, max = 300))]
    pub display_name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// `custom` (default) or `external`.
    #[serde(rename = "type")]
    #[schemars(extend("enum" = ["custom", "external", null]))]
    pub kind: Option<String>,
    /// For `external`: `aad://{tenant}/groups/{object id}`.
    pub external_id: Option<String>,
    /// Users of this specification in the group.
    #[serde(default)]
    pub users: Vec<String>,
    /// Merged last into ARM's `properties`.
    #[serde(default)]
    pub properties: Properties,
}

/// A user.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct User {
    /// Mail address, unique in the service.
    #[schemars(length(min = 1, max = 254))]
    pub email: String,
    /// First name.
    #[schemars(length(min = 1, max = 100))]
    pub first_name: String,
    /// Last name.
    #[schemars(length(min = 1, max = 100))]
    pub last_name: String,
    /// `active` (default) or `blocked`.
    #[schemars(extend("enum" = ["active", "blocked", null]))]
    pub state: Option<String>,
    /// Remark.
    pub note: Option<String>,
    /// Merged last into ARM's `properties`.
    #[serde(default)]
    pub properties: Properties,
}

/// A subscription: two keys and what they open.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Subscription {
    /// Name for people; default: the key.
    #[schemars(length(min = 1, max = 100))]
    pub display_name: Option<String>,
    /// `api/{name}`, `product/{name}` or `all`. For an API with `clients`, its product.
    pub scope: String,
    /// Name under `users:`.
    pub owner: Option<String>,
    /// `active` (default), `suspended`, `submitted`, `rejected`, `cancelled` or `expired`.
    #[schemars(extend("enum" = ["active", "suspended", "submitted", "rejected", "cancelled", "expired", null]))]
    pub state: Option<String>,
    /// Whether requests with these keys may be traced.
    pub allow_tracing: Option<bool>,
    /// Primary key; default: generated. Put it in from a variable: `${NAME}`.
    #[schemars(with = "Option<String>", length(min = 1, max = 256))]
    pub primary_key: Option<Secret<String>>,
    /// Secondary key; default: generated.
    #[schemars(with = "Option<String>", length(min = 1, max = 256))]
    pub secondary_key: Option<Secret<String>>,
    /// Merged last into ARM's `properties`.
    #[serde(default)]
    pub properties: Properties,
}
