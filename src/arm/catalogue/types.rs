//! The table itself.

use super::{IfMatch, NameRule, ResourceType};

const ANY: NameRule = NameRule { pattern: r"^[^*#&+:<>?]+$", words: "must not contain any of * # & + : < > ?", length: (1, 256) };
const ANY_80: NameRule = NameRule { length: (1, 80), ..ANY };
const FREE: NameRule = NameRule { pattern: r"^.+$", words: "must not be empty", length: (1, 260) };

macro_rules! apim {
    ($name:literal, $label:literal, $naming:expr, $if_match:ident) => {
        ResourceType {
            name: concat!("Microsoft.ApiManagement/service", $name),
            label: $label,
            api_version: "2024-05-01",
            preview: &[],
            naming: $naming,
            if_match: IfMatch::$if_match,
            properties: &[],
        }
    };
}

/// Every type.
pub static TYPES: &[ResourceType] = &[
    apim!("/backends", "backend", ANY_80, Required),
    apim!("/namedValues", "named value", ANY, Required),
    ResourceType {
        name: "Microsoft.Insights/components",
        label: "Application Insights",
        api_version: "2020-02-02",
        preview: &[],
        naming: FREE,
        if_match: IfMatch::Unused,
        properties: &[],
    },
];

/// The entry of a full type name, ignoring case.
#[must_use]
pub fn find(name: &str) -> Option<&'static ResourceType> {
    TYPES.iter().find(|entry| entry.name.eq_ignore_ascii_case(name))
}
