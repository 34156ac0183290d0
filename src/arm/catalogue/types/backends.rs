//! Backends and pools.

use super::super::properties::property as p;
use super::super::{PreviewProperty, Property, ResourceType, Rule};
use super::{ANY_80, child};

const fn preview(pointer: &'static str, api_version: &'static str) -> PreviewProperty {
    PreviewProperty { pointer, api_version }
}

pub(super) static TYPES: &[ResourceType] = &[ResourceType {
    preview: &[
        // In no published contract; Microsoft's own samples send it with this version.
        preview("/properties/credentials/managedIdentity", "2024-06-01-preview"),
        // Up to the stable version the contract demands `url` and `protocol` of a pool, which the service refuses.
        preview("/properties/pool", "2024-06-01-preview"),
        preview("/properties/pool/sessionAffinity", "2024-10-01-preview"),
        preview("/properties/pool/failureResponse", "2024-10-01-preview"),
        preview("/properties/circuitBreaker/rules/*/failureResponse", "2024-10-01-preview"),
        preview("/properties/pool/services/*/preferredCarbonEmission", "2025-03-01-preview"),
        preview("/properties/azureRegion", "2025-03-01-preview"),
        preview("/properties/tls/serverCertificateThumbprints", "2025-03-01-preview"),
        preview("/properties/tls/serverX509Names", "2025-03-01-preview"),
    ],
    ..child("Microsoft.ApiManagement/service/backends", "backend", "backends", ANY_80, BACKEND)
}];

const BACKEND: &[Property] = &[
    p("/properties/type", Rule::Default("\"Single\"")),
    p("/properties/type", Rule::IgnoreCase),
    p("/properties/protocol", Rule::IgnoreCase),
    p("/properties/protocol", Rule::Kept),
    p("/properties/url", Rule::Kept),
    p("/properties/title", Rule::Kept),
    p("/properties/description", Rule::Kept),
    p("/properties/resourceId", Rule::Kept),
    p("/properties/azureRegion", Rule::Location),
    p("/properties/azureRegion", Rule::Kept),
    p("/properties/credentials/header", Rule::Kept),
    p("/properties/credentials/header/*", Rule::Kept),
    p("/properties/credentials/header/*", Rule::Unordered("")),
    // Read back in clear with an old api-version (recorded), which nobody should rely on.
    p("/properties/credentials/header/*/*", Rule::Secret),
    p("/properties/credentials/query", Rule::Kept),
    p("/properties/credentials/query/*", Rule::Kept),
    p("/properties/credentials/query/*", Rule::Unordered("")),
    p("/properties/credentials/query/*/*", Rule::Secret),
    p("/properties/credentials/authorization", Rule::Kept),
    p("/properties/credentials/authorization/parameter", Rule::Secret),
    p("/properties/credentials/managedIdentity", Rule::Kept),
    p("/properties/credentials/managedIdentity/resource", Rule::Slashes),
    p("/properties/credentials/managedIdentity/clientId", Rule::IgnoreCase),
    p("/properties/credentials/managedIdentity/clientId", Rule::Kept),
    p("/properties/credentials/certificateIds", Rule::Kept),
    p("/properties/credentials/certificateIds", Rule::Unordered("")),
    p("/properties/credentials/certificateIds/*", Rule::Id),
    p("/properties/credentials/certificate", Rule::Kept),
    p("/properties/credentials/certificate", Rule::Unordered("")),
    p("/properties/credentials/certificate/*", Rule::IgnoreCase),
    p("/properties/tls/validateCertificateChain", Rule::Default("true")),
    p("/properties/tls/validateCertificateName", Rule::Default("true")),
    p("/properties/tls/serverCertificateThumbprints", Rule::Kept),
    p("/properties/tls/serverCertificateThumbprints", Rule::Unordered("")),
    p("/properties/tls/serverX509Names", Rule::Kept),
    p("/properties/tls/serverX509Names", Rule::Unordered("name")),
    p("/properties/proxy", Rule::Kept),
    p("/properties/proxy/username", Rule::Kept),
    p("/properties/proxy/password", Rule::Secret),
    p("/properties/properties", Rule::Kept),
    p("/properties/properties/serviceFabricCluster/managementEndpoints", Rule::Unordered("")),
    p("/properties/properties/serviceFabricCluster/serverCertificateThumbprints", Rule::Unordered("")),
    p("/properties/circuitBreaker", Rule::Kept),
    p("/properties/circuitBreaker/rules", Rule::Kept),
    p("/properties/circuitBreaker/rules", Rule::Unordered("name")),
    p("/properties/circuitBreaker/rules/*/acceptRetryAfter", Rule::Default("false")),
    p("/properties/circuitBreaker/rules/*/tripDuration", Rule::Duration),
    p("/properties/circuitBreaker/rules/*/failureResponse", Rule::Kept),
    p("/properties/circuitBreaker/rules/*/failureCondition/count", Rule::Kept),
    p("/properties/circuitBreaker/rules/*/failureCondition/percentage", Rule::Kept),
    p("/properties/circuitBreaker/rules/*/failureCondition/interval", Rule::Duration),
    p("/properties/circuitBreaker/rules/*/failureCondition/interval", Rule::Kept),
    p("/properties/circuitBreaker/rules/*/failureCondition/statusCodeRanges", Rule::Kept),
    p("/properties/circuitBreaker/rules/*/failureCondition/statusCodeRanges", Rule::Unordered("min,max")),
    p("/properties/circuitBreaker/rules/*/failureCondition/errorReasons", Rule::Kept),
    p("/properties/circuitBreaker/rules/*/failureCondition/errorReasons", Rule::Unordered("")),
    p("/properties/circuitBreaker/rules/*/failureCondition/errorReasons/*", Rule::IgnoreCase),
    p("/properties/pool", Rule::Kept),
    p("/properties/pool/services", Rule::Kept),
    p("/properties/pool/services", Rule::Unordered("id")),
    p("/properties/pool/services/*/id", Rule::Id),
    p("/properties/pool/services/*/weight", Rule::Kept),
    p("/properties/pool/services/*/priority", Rule::Kept),
    p("/properties/pool/services/*/preferredCarbonEmission", Rule::IgnoreCase),
    p("/properties/pool/services/*/preferredCarbonEmission", Rule::Kept),
    p("/properties/pool/sessionAffinity", Rule::Kept),
    p("/properties/pool/sessionAffinity/sessionId/source", Rule::IgnoreCase),
    p("/properties/pool/failureResponse", Rule::Kept),
];
