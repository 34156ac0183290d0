//! What convergence needs to know of a resource's meaning, in one place.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::resource::{DesiredId, DesiredResource, Reference};
use crate::arm::ResourceId;
use crate::support::secret::Secret;

/// One property that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PropertyChange {
    /// Path in dots and brackets.
    pub path: String,
    /// Live.
    pub before: Value,
    /// Desired.
    pub after: Value,
}

pub type Lookup<'a> = &'a (dyn Fn(&Reference) -> Option<Value> + Sync);
pub type Secrets = BTreeMap<String, Secret<String>>;

pub fn resolve(id: &DesiredId, lookup: Lookup<'_>) -> Option<ResourceId> {
    match id {
        DesiredId::Known(id) => Some(id.clone()),
        DesiredId::RoleAssignment { scope, role, principal } => {
            let principal = lookup(principal)?;
            let name =
                uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, format!("{}|{}|{}", scope.key(), principal.as_str()?, role).as_bytes());
            Some(scope.provider("Microsoft.Authorization/roleAssignments", &name.to_string()))
        }
    }
}
