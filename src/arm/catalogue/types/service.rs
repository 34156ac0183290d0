//! The API Management service and its named values.

use super::super::properties::property as p;
use super::super::{IfMatch, Listing, NameRule, PreviewProperty, Property, ResourceType, Rule, UpdateVerb};
use super::{ANY, child};

pub(super) static TYPES: &[ResourceType] = &[
    ResourceType {
        name: "Microsoft.ApiManagement/service",
        label: "API Management service",
        api_version: super::APIM,
        preview: &[
            PreviewProperty { pointer: "/properties/releaseChannel", api_version: "2024-06-01-preview" },
            PreviewProperty { pointer: "/properties/zoneRedundant", api_version: "2025-03-01-preview" },
        ],
        naming: NameRule {
            pattern: r"^[a-zA-Z](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?$",
            words: "must begin with a letter, end with a letter or digit, and consist of letters, digits and hyphens",
            length: (1, 50),
        },
        if_match: IfMatch::Unused,
        properties: SERVICE,
        listing: Listing::Group,
        complete_in_list: true,
        update: UpdateVerb::Patch,
        secrets_action: None,
    },
    ResourceType {
        secrets_action: Some("listValue"),
        ..child("Microsoft.ApiManagement/service/namedValues", "named value", "namedValues", ANY, NAMED_VALUE)
    },
];

/// Nothing that is not declared is compared: a service is only ever patched, and much of it belongs to network and
/// security people.
const SERVICE: &[Property] = &[
    p("/location", Rule::Location),
    p("/tags", Rule::Partial),
    p("/etag", Rule::ReadOnly),
    p("/sku/name", Rule::IgnoreCase),
    p("/identity", Rule::Partial),
    p("/identity/principalId", Rule::ReadOnly),
    p("/identity/tenantId", Rule::ReadOnly),
    p("/identity/userAssignedIdentities/*/principalId", Rule::ReadOnly),
    p("/identity/userAssignedIdentities/*/clientId", Rule::ReadOnly),
    p("/zones", Rule::Unordered("")),
    p("/properties/provisioningState", Rule::ReadOnly),
    p("/properties/targetProvisioningState", Rule::ReadOnly),
    p("/properties/createdAtUtc", Rule::ReadOnly),
    p("/properties/gatewayUrl", Rule::ReadOnly),
    p("/properties/gatewayRegionalUrl", Rule::ReadOnly),
    p("/properties/portalUrl", Rule::ReadOnly),
    p("/properties/developerPortalUrl", Rule::ReadOnly),
    p("/properties/managementApiUrl", Rule::ReadOnly),
    p("/properties/scmUrl", Rule::ReadOnly),
    p("/properties/publicIPAddresses", Rule::ReadOnly),
    p("/properties/privateIPAddresses", Rule::ReadOnly),
    p("/properties/outboundPublicIPAddresses", Rule::ReadOnly),
    p("/properties/platformVersion", Rule::ReadOnly),
    p("/properties/privateEndpointConnections", Rule::ReadOnly),
    p("/properties/restore", Rule::WriteOnly),
    p("/properties/publisherEmail", Rule::IgnoreCase),
    p("/properties/notificationSenderEmail", Rule::IgnoreCase),
    p("/properties/virtualNetworkType", Rule::Default("\"None\"")),
    p("/properties/virtualNetworkType", Rule::IgnoreCase),
    p("/properties/virtualNetworkConfiguration/subnetResourceId", Rule::Id),
    p("/properties/publicIpAddressId", Rule::Id),
    p("/properties/publicNetworkAccess", Rule::Default("\"Enabled\"")),
    p("/properties/publicNetworkAccess", Rule::IgnoreCase),
    p("/properties/natGatewayState", Rule::IgnoreCase),
    p("/properties/developerPortalStatus", Rule::IgnoreCase),
    p("/properties/legacyPortalStatus", Rule::IgnoreCase),
    p("/properties/disableGateway", Rule::Default("false")),
    p("/properties/enableClientCertificate", Rule::Default("false")),
    // The service fills the map by itself after activation, with texts `True` and `False` (recorded).
    p("/properties/customProperties", Rule::Partial),
    p("/properties/customProperties/*", Rule::IgnoreCase),
    // `{name}.azure-api.net` is always there without being asked for (recorded).
    p("/properties/hostnameConfigurations", Rule::Unordered("type,hostName")),
    p("/properties/hostnameConfigurations", Rule::Partial),
    p("/properties/hostnameConfigurations/*/type", Rule::IgnoreCase),
    p("/properties/hostnameConfigurations/*/hostName", Rule::IgnoreCase),
    p("/properties/hostnameConfigurations/*/encodedCertificate", Rule::WriteOnly),
    p("/properties/hostnameConfigurations/*/certificatePassword", Rule::WriteOnly),
    p("/properties/hostnameConfigurations/*/certificate", Rule::ReadOnly),
    p("/properties/hostnameConfigurations/*/certificateStatus", Rule::ReadOnly),
    p("/properties/hostnameConfigurations/*/certificateSource", Rule::IgnoreCase),
    p("/properties/hostnameConfigurations/*/negotiateClientCertificate", Rule::Default("false")),
    p("/properties/certificates/*/encodedCertificate", Rule::WriteOnly),
    p("/properties/certificates/*/certificatePassword", Rule::WriteOnly),
    p("/properties/certificates/*/certificate", Rule::ReadOnly),
    p("/properties/certificates", Rule::Unordered("")),
    p("/properties/additionalLocations", Rule::Unordered("location")),
    p("/properties/additionalLocations/*/location", Rule::Location),
    p("/properties/additionalLocations/*/sku/name", Rule::IgnoreCase),
    p("/properties/additionalLocations/*/zones", Rule::Unordered("")),
    p("/properties/additionalLocations/*/disableGateway", Rule::Default("false")),
    p("/properties/additionalLocations/*/publicIPAddresses", Rule::ReadOnly),
    p("/properties/additionalLocations/*/privateIPAddresses", Rule::ReadOnly),
    p("/properties/additionalLocations/*/outboundPublicIPAddresses", Rule::ReadOnly),
    p("/properties/additionalLocations/*/gatewayRegionalUrl", Rule::ReadOnly),
    p("/properties/additionalLocations/*/platformVersion", Rule::ReadOnly),
    p("/properties/additionalLocations/*/publicIpAddressId", Rule::Id),
    p("/properties/additionalLocations/*/virtualNetworkConfiguration/subnetResourceId", Rule::Id),
];

const NAMED_VALUE: &[Property] = &[
    p("/properties/value", Rule::SecretIf("/properties/secret")),
    p("/properties/value", Rule::Kept),
    p("/properties/secret", Rule::Default("false")),
    p("/properties/tags", Rule::Unordered("")),
    p("/properties/tags", Rule::Kept),
    p("/properties/keyVault", Rule::Kept),
    p("/properties/keyVault/lastStatus", Rule::ReadOnly),
    p("/properties/keyVault/identityClientId", Rule::IgnoreCase),
    p("/properties/keyVault/identityClientId", Rule::Kept),
    p("/properties/provisioningState", Rule::ReadOnly),
];
