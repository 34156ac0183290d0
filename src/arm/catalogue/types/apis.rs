//! APIs, operations, version sets.

use super::super::properties::property as p;
use super::super::{NameRule, PreviewProperty, Property, ResourceType, Rule};
use super::{ANY, ANY_80, child};

pub(super) static TYPES: &[ResourceType] = &[
    child("Microsoft.ApiManagement/service/apiVersionSets", "API version set", "apiVersionSets", ANY_80, VERSION_SET),
    ResourceType {
        // In no published contract; Microsoft's own samples send it with this version and newer ones.
        preview: &[PreviewProperty { pointer: "/properties/subscriptionKeyParameterNames/bearer", api_version: "2024-06-01-preview" }],
        ..child("Microsoft.ApiManagement/service/apis", "API", "apis", NameRule { length: (1, 256), ..ANY }, API)
    },
    ResourceType {
        // The list leaves `request` out (recorded).
        complete_in_list: false,
        ..child("Microsoft.ApiManagement/service/apis/operations", "operation", "operations", ANY_80, OPERATION)
    },
    child("Microsoft.ApiManagement/service/apis/releases", "API release", "releases", ANY_80, &[]),
    child("Microsoft.ApiManagement/service/apis/schemas", "API schema", "schemas", ANY_80, &[]),
];

const VERSION_SET: &[Property] = &[
    p("/properties/versioningScheme", Rule::IgnoreCase),
    p("/properties/description", Rule::Kept),
    p("/properties/versionQueryName", Rule::Kept),
    p("/properties/versionHeaderName", Rule::Kept),
];

const API: &[Property] = &[
    p("/properties/provisioningState", Rule::ReadOnly),
    p("/properties/isOnline", Rule::ReadOnly),
    p("/properties/apiVersionSet", Rule::ReadOnly),
    p("/properties/value", Rule::WriteOnly),
    p("/properties/format", Rule::WriteOnly),
    p("/properties/wsdlSelector", Rule::WriteOnly),
    p("/properties/apiType", Rule::WriteOnly),
    p("/properties/translateRequiredQueryParameters", Rule::WriteOnly),
    p("/properties/sourceApiId", Rule::WriteOnly),
    p("/properties/path", Rule::Slashes),
    p("/properties/description", Rule::Kept),
    p("/properties/serviceUrl", Rule::Kept),
    p("/properties/protocols", Rule::Default("[\"https\"]")),
    p("/properties/protocols", Rule::Unordered("")),
    p("/properties/protocols/*", Rule::IgnoreCase),
    p("/properties/type", Rule::Default("\"http\"")),
    p("/properties/type", Rule::IgnoreCase),
    p("/properties/apiRevision", Rule::Default("\"1\"")),
    p("/properties/isCurrent", Rule::Default("true")),
    p("/properties/apiVersion", Rule::Kept),
    p("/properties/apiVersionSetId", Rule::Id),
    p("/properties/apiVersionSetId", Rule::Kept),
    p("/properties/apiRevisionDescription", Rule::Kept),
    p("/properties/apiVersionDescription", Rule::Kept),
    p("/properties/subscriptionRequired", Rule::Default("true")),
    p("/properties/subscriptionKeyParameterNames/header", Rule::Default("\"Ocp-Apim-Subscription-Key\"")),
    p("/properties/subscriptionKeyParameterNames/header", Rule::IgnoreCase),
    p("/properties/subscriptionKeyParameterNames/query", Rule::Default("\"subscription-key\"")),
    p("/properties/subscriptionKeyParameterNames/query", Rule::IgnoreCase),
    // Assumed: what is not enabled is not mentioned.
    p("/properties/subscriptionKeyParameterNames/bearer", Rule::Default("\"disabled\"")),
    p("/properties/subscriptionKeyParameterNames/bearer", Rule::IgnoreCase),
    p("/properties/authenticationSettings/oAuth2", Rule::Kept),
    p("/properties/authenticationSettings/openid", Rule::Kept),
    p("/properties/authenticationSettings/oAuth2AuthenticationSettings", Rule::Kept),
    p("/properties/authenticationSettings/oAuth2AuthenticationSettings", Rule::Unordered("")),
    p("/properties/authenticationSettings/openidAuthenticationSettings", Rule::Kept),
    p("/properties/authenticationSettings/openidAuthenticationSettings", Rule::Unordered("")),
    p("/properties/contact/name", Rule::Kept),
    p("/properties/contact/email", Rule::Kept),
    p("/properties/contact/url", Rule::Slashes),
    p("/properties/contact/url", Rule::Kept),
    p("/properties/license/name", Rule::Kept),
    p("/properties/license/url", Rule::Slashes),
    p("/properties/license/url", Rule::Kept),
    p("/properties/termsOfServiceUrl", Rule::Slashes),
    p("/properties/termsOfServiceUrl", Rule::Kept),
];

macro_rules! parameters {
    ($at:literal) => {
        [
            p(concat!("/properties/", $at), Rule::Kept),
            p(concat!("/properties/", $at), Rule::Unordered("name")),
            p(concat!("/properties/", $at, "/*/required"), Rule::Default("false")),
            p(concat!("/properties/", $at, "/*/description"), Rule::Kept),
            p(concat!("/properties/", $at, "/*/defaultValue"), Rule::Kept),
            p(concat!("/properties/", $at, "/*/values"), Rule::Kept),
            p(concat!("/properties/", $at, "/*/values"), Rule::Unordered("")),
        ]
    };
}

macro_rules! representations {
    ($at:literal) => {
        [
            p(concat!("/properties/", $at), Rule::Kept),
            p(concat!("/properties/", $at), Rule::Unordered("contentType")),
            p(concat!("/properties/", $at, "/*/contentType"), Rule::IgnoreCase),
            p(concat!("/properties/", $at, "/*/schemaId"), Rule::Kept),
            p(concat!("/properties/", $at, "/*/typeName"), Rule::Kept),
            p(concat!("/properties/", $at, "/*/examples"), Rule::Kept),
        ]
    };
}

/// Puts fixed-size groups of lines together at compile time.
const fn join<const N: usize>(groups: &[&[Property]]) -> [Property; N] {
    let mut all = [p("", Rule::Partial); N];
    let (mut count, mut group) = (0, 0);
    while group < groups.len() {
        let mut index = 0;
        while index < groups[group].len() {
            all[count] = groups[group][index];
            count += 1;
            index += 1;
        }
        group += 1;
    }
    assert!(count == N, "N must be the number of lines");
    all
}

static OPERATION: &[Property] = &join::<54>(&[
    &[
        p("/properties/method", Rule::IgnoreCase),
        p("/properties/description", Rule::Kept),
        p("/properties/policies", Rule::ReadOnly),
        p("/properties/request/description", Rule::Kept),
        p("/properties/responses", Rule::Kept),
        p("/properties/responses", Rule::Unordered("statusCode")),
        p("/properties/responses/*/description", Rule::Kept),
    ],
    &parameters!("templateParameters"),
    &parameters!("request/queryParameters"),
    &parameters!("request/headers"),
    &parameters!("responses/*/headers"),
    &representations!("request/representations"),
    &representations!("responses/*/representations"),
    &parameters!("request/representations/*/formParameters"),
]);
