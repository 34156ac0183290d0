//! What is there, as far as a specification is concerned.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::desired::OWNER_TAG;
use super::diff::Secrets;
use super::manifest::Manifest;
use super::resource::Reference;
use crate::arm::ResourceId;

/// One resource as it was read.
#[derive(Debug, Clone, Default)]
pub(super) struct LiveResource {
    /// What GET or the list answered; `Null` for a link.
    pub(super) body: Value,
    /// Known only when it was read by itself: lists do not tell it.
    pub(super) etag: Option<String>,
    /// Secret values by JSON pointer.
    pub(super) secrets: Secrets,
    /// Its id, where that is another than the one it was looked for under (a role assignment that somebody else named).
    pub(super) other_id: Option<ResourceId>,
}

/// What can be done with the service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum ServiceState {
    /// It is not there.
    #[default]
    Absent,
    /// It is being created: its children cannot be read yet.
    Creating(String),
    /// Its children can be read, yet it is busy (`Updating`).
    Busy(String),
    /// As it should be.
    Ready,
    /// It is being deleted.
    Leaving(String),
}

impl ServiceState {
    /// What `provisioningState` means.
    #[must_use]
    pub(super) fn of(body: &Value) -> Self {
        let state = body.pointer("/properties/provisioningState").and_then(Value::as_str).unwrap_or("Succeeded");
        match state.to_ascii_lowercase().as_str() {
            "created" | "activating" | "accepted" | "creating" => Self::Creating(state.to_owned()),
            "terminating" | "deleted" | "deleting" => Self::Leaving(state.to_owned()),
            // A failed service answers; whether it takes changes, it says itself.
            "succeeded" | "failed" | "canceled" | "cancelled" | "" => Self::Ready,
            _ => Self::Busy(state.to_owned()),
        }
    }
}

/// What is there.
#[derive(Debug, Clone, Default)]
pub(super) struct Live {
    /// By the id that was asked for.
    pub(super) resources: BTreeMap<ResourceId, LiveResource>,
    /// The service.
    pub(super) service: ServiceState,
    /// All manifests in the service, by lower-case owner.
    pub(super) manifests: BTreeMap<String, Manifest>,
    /// Every API of the service, desired or not: paths must not collide.
    pub(super) apis: Vec<Value>,
    /// Named values in which the service keeps credentials of loggers, by display name.
    pub(super) credentials: BTreeMap<String, ResourceId>,
    /// Scopes that are not there, or that this login may not read: nothing can be said of what lies in them.
    pub(super) unreadable: BTreeSet<ResourceId>,
}

impl Live {
    /// One resource.
    #[must_use]
    pub(super) fn get(&self, id: &ResourceId) -> Option<&LiveResource> {
        self.resources.get(id)
    }

    /// The value that a hole asks for.
    #[must_use]
    pub(super) fn lookup(&self, reference: &Reference) -> Option<Value> {
        reference.find(&self.resources.get(&reference.id)?.body)
    }

    /// The manifest of `owner`.
    #[must_use]
    pub(super) fn manifest(&self, owner: &str) -> Option<&Manifest> {
        self.manifests.get(&owner.to_ascii_lowercase())
    }

    /// Which other specification owns `id`.
    #[must_use]
    pub(super) fn other_owner(&self, owner: &str, id: &ResourceId) -> Option<&str> {
        let own = owner.to_ascii_lowercase();
        self.manifests.iter().find(|(key, manifest)| **key != own && manifest.owns(id)).map(|(_, manifest)| manifest.owner.as_str())
    }
}

/// Who made a resource, by its tag.
#[must_use]
pub(super) fn tagged_owner(body: &Value) -> Option<&str> {
    let tags = body.get("tags")?.as_object()?;
    tags.iter().find(|(name, _)| name.eq_ignore_ascii_case(OWNER_TAG)).and_then(|(_, value)| value.as_str())
}
