//! The table itself.
//!
//! Sources: names and lengths, verbs and versions from the published contracts (Bicep types and SDK metadata of August 2026);
//! defaults and rewriting from recorded traffic of azure-cli and azure-powershell, else marked assumed beside the line.

use super::{IfMatch, Listing, NameRule, PreviewProperty, Property, ResourceType, UpdateVerb};

mod apis;
mod backends;
mod consumers;
mod core;
mod monitoring;
mod others;
mod policies;
mod service;

/// By subject.
static TYPES: &[&[ResourceType]] =
    &[core::TYPES, service::TYPES, monitoring::TYPES, backends::TYPES, apis::TYPES, consumers::TYPES, policies::TYPES, others::TYPES];

/// Every type of the table.
pub fn all() -> impl Iterator<Item = &'static ResourceType> {
    TYPES.iter().copied().flatten()
}

/// The entry of a full type name, ignoring case.
#[must_use]
pub fn find(name: &str) -> Option<&'static ResourceType> {
    all().find(|entry| entry.name.eq_ignore_ascii_case(name))
}

/// Stable api-version of everything below `Microsoft.ApiManagement`.
const APIM: &str = "2024-05-01";

const ANY: NameRule = NameRule { pattern: r"^[^*#&+:<>?]+$", words: "must not contain any of `* # & + : < > ?`", length: (1, 256) };
const ANY_80: NameRule = NameRule { length: (1, 80), ..ANY };
const FREE: NameRule = NameRule { pattern: r"^[^/]+$", words: "must not contain a slash", length: (1, 260) };
const POLICY: NameRule = NameRule { pattern: r"^policy$", words: "must be `policy`", length: (6, 6) };
const GUID: NameRule =
    NameRule { pattern: r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$", words: "must be a GUID", length: (36, 36) };

const NO_PREVIEW: &[PreviewProperty] = &[];
const NO_PROPERTIES: &[Property] = &[];

/// A child type of the service with the usual behaviour: `If-Match` required, listed by its parent, updated by PUT.
const fn child(
    name: &'static str,
    label: &'static str,
    collection: &'static str,
    naming: NameRule,
    properties: &'static [Property],
) -> ResourceType {
    ResourceType {
        name,
        label,
        api_version: APIM,
        preview: NO_PREVIEW,
        naming,
        if_match: IfMatch::Required,
        properties,
        listing: Listing::Parent { collection },
        complete_in_list: true,
        update: UpdateVerb::Put,
        secrets_action: None,
    }
}

/// A link between two resources: there or not, without a body and without an entity tag.
const fn link(name: &'static str, label: &'static str, collection: &'static str) -> ResourceType {
    ResourceType { if_match: IfMatch::Unused, update: UpdateVerb::Never, ..child(name, label, collection, ANY, NO_PROPERTIES) }
}

#[cfg(test)]
mod tests;
