//! Products, groups, users, subscriptions and the links between them.

use super::super::properties::property as p;
use super::super::{Property, ResourceType, Rule, UpdateVerb};
use super::{ANY, ANY_80, child, link};

pub(super) static TYPES: &[ResourceType] = &[
    child("Microsoft.ApiManagement/service/groups", "group", "groups", ANY, GROUP),
    child("Microsoft.ApiManagement/service/users", "user", "users", ANY_80, USER),
    link("Microsoft.ApiManagement/service/groups/users", "group member", "users"),
    child("Microsoft.ApiManagement/service/products", "product", "products", ANY, PRODUCT),
    link("Microsoft.ApiManagement/service/products/apis", "API of a product", "apis"),
    link("Microsoft.ApiManagement/service/products/groups", "group of a product", "groups"),
    child("Microsoft.ApiManagement/service/products/apiLinks", "API link of a product", "apiLinks", ANY_80, API_LINK),
    child("Microsoft.ApiManagement/service/products/groupLinks", "group link of a product", "groupLinks", ANY_80, GROUP_LINK),
    ResourceType {
        // Whether a PUT without keys keeps the keys is not documented; a PATCH certainly does.
        update: UpdateVerb::Patch,
        secrets_action: Some("listSecrets"),
        ..child("Microsoft.ApiManagement/service/subscriptions", "subscription", "subscriptions", ANY, SUBSCRIPTION)
    },
];

const GROUP: &[Property] = &[
    p("/properties/builtIn", Rule::ReadOnly),
    p("/properties/type", Rule::Default("\"custom\"")),
    p("/properties/type", Rule::IgnoreCase),
    p("/properties/description", Rule::Kept),
    p("/properties/externalId", Rule::Kept),
];

const USER: &[Property] = &[
    p("/properties/registrationDate", Rule::ReadOnly),
    p("/properties/groups", Rule::ReadOnly),
    p("/properties/identities", Rule::Partial),
    p("/properties/password", Rule::WriteOnly),
    p("/properties/password", Rule::Secret),
    p("/properties/confirmation", Rule::WriteOnly),
    p("/properties/appType", Rule::WriteOnly),
    p("/properties/email", Rule::IgnoreCase),
    p("/properties/state", Rule::Default("\"active\"")),
    p("/properties/state", Rule::IgnoreCase),
    p("/properties/note", Rule::Kept),
];

const PRODUCT: &[Property] = &[
    // Not in the contract, yet answered (recorded).
    p("/properties/groups", Rule::ReadOnly),
    p("/properties/description", Rule::Kept),
    p("/properties/terms", Rule::Kept),
    p("/properties/subscriptionRequired", Rule::Default("true")),
    p("/properties/approvalRequired", Rule::Default("false")),
    p("/properties/subscriptionsLimit", Rule::Kept),
    p("/properties/state", Rule::Default("\"notPublished\"")),
    p("/properties/state", Rule::IgnoreCase),
];

const API_LINK: &[Property] = &[p("/properties/apiId", Rule::Id)];
const GROUP_LINK: &[Property] = &[p("/properties/groupId", Rule::Id)];

const SUBSCRIPTION: &[Property] = &[
    p("/properties/createdDate", Rule::ReadOnly),
    p("/properties/startDate", Rule::ReadOnly),
    p("/properties/endDate", Rule::ReadOnly),
    p("/properties/notificationDate", Rule::ReadOnly),
    p("/properties/stateComment", Rule::ReadOnly),
    p("/properties/primaryKey", Rule::Secret),
    p("/properties/secondaryKey", Rule::Secret),
    p("/properties/scope", Rule::Id),
    p("/properties/ownerId", Rule::Id),
    // Without an owner the subscription belongs to the administrator, and the service may say so (assumed).
    p("/properties/ownerId", Rule::Partial),
    p("/properties/state", Rule::IgnoreCase),
    p("/properties/allowTracing", Rule::Default("false")),
];
