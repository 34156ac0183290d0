//! One table of the ARM types that this crate knows: api-versions, names, and how their properties behave.
//!
//! Versions: newest stable of the published schemas in August 2026; a preview version is used only where a body sets
//! a property that no stable version has.

mod properties;
mod types;

pub use properties::{Property, Rule};
pub use types::{all, find};

/// A property that the pinned stable version does not know, with the first version that does.
#[derive(Debug, Clone, Copy)]
pub struct PreviewProperty {
    /// JSON pointer into the body; `*` stands for any array index or key.
    pub pointer: &'static str,
    /// The api-version to send when the property is set.
    pub api_version: &'static str,
}

/// Which characters a resource's name may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameRule {
    /// Anchored regular expression.
    pub pattern: &'static str,
    /// The rule in words, for the message.
    pub words: &'static str,
    /// Shortest and longest length in characters.
    pub length: (usize, usize),
}

/// What `If-Match` means for PATCH and DELETE of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfMatch {
    /// The header is required (`*` is allowed).
    Required,
    /// The header is ignored or not known.
    Unused,
}

/// One ARM resource type.
#[derive(Debug, Clone, Copy)]
pub struct ResourceType {
    /// For instance `Microsoft.ApiManagement/service/backends`.
    pub name: &'static str,
    /// What people call it in output: `backend`.
    pub label: &'static str,
    /// The pinned api-version.
    pub api_version: &'static str,
    /// Properties that need a newer, preview api-version.
    pub preview: &'static [PreviewProperty],
    /// Names.
    pub naming: NameRule,
    /// `If-Match` on PATCH and DELETE.
    pub if_match: IfMatch,
    /// How the type's properties behave.
    pub properties: &'static [Property],
    /// Which list call shows resources of the type.
    pub listing: Listing,
    /// Whether the list shows all that must be compared; otherwise each resource is read by itself.
    pub complete_in_list: bool,
    /// How a resource that is there is changed.
    pub update: UpdateVerb,
    /// The POST action that answers secret values (`listValue`, `listSecrets`).
    pub secrets_action: Option<&'static str>,
}

/// Which list call shows resources of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// `GET {parent}/{collection}`.
    Parent {
        /// Last segment of the path, for instance `backends`.
        collection: &'static str,
    },
    /// `GET {resource group}/providers/{type}`.
    Group,
    /// `GET {scope}/providers/{type}`: extension resources.
    Scope,
    /// There is none that helps: GET of the resource itself.
    None,
}

/// How a resource that is there is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateVerb {
    /// PUT of the whole body: what is not sent goes back to its default.
    Put,
    /// PATCH of what differs.
    Patch,
    /// PUT of the live body with what differs changed in it: the type's own PATCH takes tags only.
    PutMerged,
    /// Nothing can be changed.
    Never,
}

/// Writes to resources with the same group must not overlap: the service answers 409 `PessimisticConcurrencyConflict`
/// when two of them reach one API (issue threads). `None`: no such limit.
#[must_use]
pub fn serial_group(id: &super::ResourceId) -> Option<super::ResourceId> {
    let mut id = id.clone();
    loop {
        if id.is_type("Microsoft.ApiManagement/service/apis") {
            let name = id.name().split(";rev=").next().unwrap_or_default().to_owned();
            return id.parent().map(|service| service.child("apis", &name));
        }
        id = id.parent()?;
    }
}

impl ResourceType {
    /// The newest api-version that is known of the type: an older one neither shows nor keeps what only a preview has.
    #[must_use]
    pub fn newest_api_version(&self) -> &'static str {
        self.preview.iter().map(|preview| preview.api_version).chain([self.api_version]).max().unwrap_or(self.api_version)
    }

    /// The api-version that `body` needs: the highest among the pinned one and those of the preview properties that it sets.
    #[must_use]
    pub fn api_version_for(&self, body: &serde_json::Value) -> &'static str {
        self.preview
            .iter()
            .filter(|preview| sets(body, preview.pointer))
            .map(|preview| preview.api_version)
            .chain([self.api_version])
            .max()
            .unwrap_or(self.api_version)
    }
}

fn sets(value: &serde_json::Value, pointer: &str) -> bool {
    let Some(rest) = pointer.strip_prefix('/') else { return !value.is_null() };
    let (head, tail) = rest.find('/').map_or((rest, ""), |index| rest.split_at(index));
    match (head, value) {
        ("*", serde_json::Value::Array(items)) => items.iter().any(|item| sets(item, tail)),
        ("*", serde_json::Value::Object(fields)) => fields.values().any(|field| sets(field, tail)),
        (key, serde_json::Value::Object(fields)) => fields.get(key).is_some_and(|field| sets(field, tail)),
        _ => false,
    }
}
