//! Types that only `resources:` can name so far, as far as something of them must be known to compare them.

use super::super::properties::property as p;
use super::super::{ResourceType, Rule};
use super::{ANY, ANY_80, child, link};

pub(super) static TYPES: &[ResourceType] = &[
    child(
        "Microsoft.ApiManagement/service/caches",
        "cache",
        "caches",
        ANY_80,
        &[
            p("/properties/connectionString", Rule::Secret),
            p("/properties/description", Rule::Kept),
            p("/properties/resourceId", Rule::Kept),
            p("/properties/useFromLocation", Rule::Location),
        ],
    ),
    child(
        "Microsoft.ApiManagement/service/certificates",
        "certificate",
        "certificates",
        ANY_80,
        &[
            p("/properties/data", Rule::WriteOnly),
            p("/properties/data", Rule::Secret),
            p("/properties/password", Rule::WriteOnly),
            p("/properties/password", Rule::Secret),
            p("/properties/subject", Rule::ReadOnly),
            p("/properties/thumbprint", Rule::ReadOnly),
            p("/properties/expirationDate", Rule::ReadOnly),
            p("/properties/keyVault/lastStatus", Rule::ReadOnly),
        ],
    ),
    child("Microsoft.ApiManagement/service/tags", "tag", "tags", ANY_80, &[]),
    link("Microsoft.ApiManagement/service/apis/tags", "tag of an API", "tags"),
    link("Microsoft.ApiManagement/service/apis/operations/tags", "tag of an operation", "tags"),
    link("Microsoft.ApiManagement/service/products/tags", "tag of a product", "tags"),
    child("Microsoft.ApiManagement/service/schemas", "schema", "schemas", ANY_80, &[p("/properties/provisioningState", Rule::ReadOnly)]),
    child("Microsoft.ApiManagement/service/gateways", "self-hosted gateway", "gateways", ANY_80, &[]),
    link("Microsoft.ApiManagement/service/gateways/apis", "API of a self-hosted gateway", "apis"),
    child(
        "Microsoft.ApiManagement/service/authorizationServers",
        "authorization server",
        "authorizationServers",
        ANY_80,
        &[p("/properties/clientSecret", Rule::Secret), p("/properties/resourceOwnerPassword", Rule::Secret)],
    ),
    child(
        "Microsoft.ApiManagement/service/openidConnectProviders",
        "OpenID Connect provider",
        "openidConnectProviders",
        ANY,
        &[p("/properties/clientSecret", Rule::Secret)],
    ),
    child(
        "Microsoft.ApiManagement/service/identityProviders",
        "identity provider",
        "identityProviders",
        ANY_80,
        &[p("/properties/clientSecret", Rule::Secret)],
    ),
];
