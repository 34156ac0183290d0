//! One resource as it should be.

use std::fmt;

use serde_json::Value;

use crate::arm::ResourceId;
use crate::arm::catalogue::{self, ResourceType, Rule};
use crate::support::source::Span;

mod template;

pub(in crate::deploy) use template::put;
pub use template::{Filled, Hole, Reference, Template, Unresolved};

/// All resources of a specification.
#[derive(Debug, Clone, Default)]
pub struct Desired {
    /// The specification's name: the owner in the manifest.
    pub owner: String,
    /// The API Management service.
    pub service: Option<ResourceId>,
    /// Each resource once; the order is that of the file.
    pub resources: Vec<DesiredResource>,
    /// Azure OpenAI accounts that must be there.
    pub accounts: Vec<ExpectedAccount>,
}

/// One resource as it should be.
#[derive(Debug, Clone)]
pub struct DesiredResource {
    /// Its id, or how to make it.
    pub id: DesiredId,
    /// The api-version to send, chosen from the catalogue for this body.
    pub api_version: String,
    /// The request body (`properties`, `location`, `tags`, …), with holes.
    pub body: Template,
    /// What is done to it.
    pub management: Management,
    /// Resources that must be there first, beside its parent; every hole's source is among them if this specification makes it.
    pub depends_on: Vec<ResourceId>,
    /// Where the user asked for it.
    pub span: Option<Span>,
    /// JSON pointer into the specification; for a policy, the key of its text in `Loaded::policies`.
    pub pointer: String,
}

impl DesiredResource {
    /// The full type, as the catalogue spells it when it knows it.
    #[must_use]
    pub fn resource_type(&self) -> String {
        self.id.resource_type()
    }

    /// The catalogue's entry; `None` for types that only `resources:` can name.
    #[must_use]
    pub fn entry(&self) -> Option<&'static ResourceType> {
        catalogue::find(&self.resource_type())
    }

    /// The body with its holes filled from `lookup`, as far as that knows them.
    pub fn fill(&self, lookup: impl Fn(&Reference) -> Option<Value>) -> Filled {
        self.body.fill(lookup)
    }

    /// Pointers of what is sent and never answered, secrets left out: an imported document, the table of a diagnostic setting.
    /// The format of a policy is not among them, because its text comes back.
    pub(in crate::deploy) fn unanswered(&self) -> impl Iterator<Item = &'static str> {
        let properties = self.entry().map_or(&[][..], |entry| entry.properties);
        let has = move |pointer: &str, rule: Rule| properties.iter().any(|property| property.pointer == pointer && property.rule == rule);
        let policy = properties.iter().any(|property| property.rule == Rule::Policy);
        properties.iter().filter(move |property| property.rule == Rule::WriteOnly && !policy).map(|property| property.pointer).filter(
            move |pointer| {
                self.body.value.pointer(pointer).is_some()
                    && !has(pointer, Rule::Secret)
                    && !self.body.secrets.iter().any(|secret| secret == pointer)
            },
        )
    }

    /// A digest of `unanswered`: nothing live can be compared with it, so it is for the manifest, where a
    /// digest that differs from the last one means that the resource must be sent again. `None`: all of the body can be read
    /// back, or is secret. Of a document's address only what stands before the `?` counts, behind which secrets are written.
    #[must_use]
    pub fn unanswered_digest(&self) -> Option<String> {
        let mut text = String::new();
        for pointer in self.unanswered() {
            match self.body.value.pointer(pointer)? {
                Value::String(value) => {
                    let address = value.starts_with("https://") || value.starts_with("http://");
                    let value = if address { value.split('?').next().unwrap_or_default() } else { value };
                    text.push_str(&format!("{pointer}\n{}\n", value.replace("\r\n", "\n")));
                }
                other => text.push_str(&format!("{pointer}\n{other}\n")),
            }
        }
        (!text.is_empty()).then(|| uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, text.as_bytes()).to_string())
    }

    /// The complete body of a PUT. A link has none: `Null`.
    ///
    /// # Errors
    /// A hole's source is not there yet, or does not have the value.
    pub fn request_body(&self, lookup: impl Fn(&Reference) -> Option<Value>) -> Result<Value, Unresolved> {
        self.body.complete(lookup)
    }
}

/// An id, known now or after another resource is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DesiredId {
    /// Known.
    Known(ResourceId),
    /// A role assignment: its name is a version 5 UUID over lower-case scope, principal id and role, so that it changes with the principal.
    RoleAssignment {
        /// Where the role is given.
        scope: ResourceId,
        /// The role definition's GUID.
        role: String,
        /// Who gets it.
        principal: Reference,
    },
}

/// Type of role assignments.
pub const ROLE_ASSIGNMENT: &str = "Microsoft.Authorization/roleAssignments";

impl DesiredId {
    /// The id, if it is known without asking anybody.
    #[must_use]
    pub const fn known(&self) -> Option<&ResourceId> {
        match self {
            Self::Known(id) => Some(id),
            Self::RoleAssignment { .. } => None,
        }
    }

    /// The full type, as the catalogue spells it when it knows it.
    #[must_use]
    pub fn resource_type(&self) -> String {
        match self {
            Self::Known(id) => {
                let kind = id.resource_type();
                catalogue::find(&kind).map_or(kind, |entry| entry.name.to_owned())
            }
            Self::RoleAssignment { .. } => ROLE_ASSIGNMENT.to_owned(),
        }
    }

    /// The resource or scope that it lies in.
    #[must_use]
    pub fn parent(&self) -> Option<ResourceId> {
        match self {
            Self::Known(id) => id.parent(),
            Self::RoleAssignment { scope, .. } => Some(scope.clone()),
        }
    }

    /// The id.
    ///
    /// # Errors
    /// The principal is not known yet.
    pub fn resolve(&self, lookup: impl Fn(&Reference) -> Option<Value>) -> Result<ResourceId, Unresolved> {
        match self {
            Self::Known(id) => Ok(id.clone()),
            Self::RoleAssignment { scope, role, principal } => {
                let unresolved = || Unresolved { reference: principal.clone() };
                let value = lookup(principal).ok_or_else(unresolved)?;
                let text = value.as_str().ok_or_else(unresolved)?;
                Ok(scope.provider(ROLE_ASSIGNMENT, &role_assignment_name(scope, text, role)))
            }
        }
    }
}

impl fmt::Display for DesiredId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(id) => id.fmt(formatter),
            Self::RoleAssignment { scope, role, .. } => write!(formatter, "{scope}/providers/{ROLE_ASSIGNMENT}/(role {role})"),
        }
    }
}

/// The name of a role assignment: the same for the same scope, principal and role, whoever computes it.
///
/// The principal is part of it, because the assignment of another principal under the same name is refused with
/// `RoleAssignmentUpdateNotPermitted` (issue threads), which a recreated service would run into.
#[must_use]
pub fn role_assignment_name(scope: &ResourceId, principal_id: &str, role: &str) -> String {
    let text = format!("{}|{}|{}", scope.key(), principal_id.to_ascii_lowercase(), role.to_ascii_lowercase());
    uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, text.as_bytes()).to_string()
}

/// What is done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Management {
    /// Created, updated by PUT, deleted when it leaves the specification.
    Full,
    /// As `Full` when we made it; otherwise only declared properties are changed, by PATCH, and it is never deleted (services, resource groups, workspaces, components).
    PatchIfForeign,
    /// Read and checked, never written (`existing: true`).
    ReadOnly,
    /// A link without a body (product ↔ API, product ↔ group, group ↔ user): it is there or not.
    Link,
}

pub use crate::spec::model::Deployment as ExpectedDeployment;

/// An account that must be there, with what is expected of it.
#[derive(Debug, Clone)]
pub struct ExpectedAccount {
    /// Key under `openAI:`.
    pub key: String,
    /// Its id.
    pub id: ResourceId,
    /// JSON pointer into the specification.
    pub pointer: String,
    /// Where it stands.
    pub span: Option<Span>,
    /// What the specification says of it.
    pub account: crate::spec::model::Account,
}

#[cfg(test)]
mod tests;
