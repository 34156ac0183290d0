//! Policies and fragments.

use super::super::properties::property as p;
use super::super::{NameRule, Property, ResourceType, Rule};
use super::{POLICY, child};

pub(super) static TYPES: &[ResourceType] = &[
    policy("Microsoft.ApiManagement/service/policies", "global policy"),
    policy("Microsoft.ApiManagement/service/apis/policies", "API policy"),
    policy("Microsoft.ApiManagement/service/apis/operations/policies", "operation policy"),
    policy("Microsoft.ApiManagement/service/products/policies", "product policy"),
    ResourceType {
        // The list answers the `xml` format only (assumed), and a policy is compared as `rawxml`.
        complete_in_list: false,
        ..child("Microsoft.ApiManagement/service/policyFragments", "policy fragment", "policyFragments", FRAGMENT_NAME, FRAGMENT)
    },
];

const fn policy(name: &'static str, label: &'static str) -> ResourceType {
    // The list answers the `xml` format only (assumed), and a policy is compared as `rawxml`.
    ResourceType { complete_in_list: false, ..child(name, label, "policies", POLICY, DOCUMENT) }
}

const FRAGMENT_NAME: NameRule = NameRule {
    pattern: r"(^[\w]+$)|(^[\w][\w\-]+[\w]$)",
    words: "must consist of letters, digits, `_` and `-`, and must neither begin nor end with `-`",
    length: (1, 80),
};

const DOCUMENT: &[Property] = &[p("/properties/value", Rule::Policy), p("/properties/format", Rule::WriteOnly)];

const FRAGMENT: &[Property] = &[
    p("/properties/value", Rule::Policy),
    p("/properties/format", Rule::WriteOnly),
    p("/properties/description", Rule::Kept),
    p("/properties/provisioningState", Rule::ReadOnly),
];
