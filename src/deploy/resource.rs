//! One resource as it should be.

use serde_json::Value;

use crate::arm::ResourceId;
use crate::support::source::Span;

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
    /// Resources that must be there first, beside its parent.
    pub depends_on: Vec<ResourceId>,
    /// Where the user asked for it.
    pub span: Option<Span>,
    /// JSON pointer into the specification.
    pub pointer: String,
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

/// A body with places that are filled when other resources are there.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Template {
    /// The body; `null` at each hole.
    pub value: Value,
    /// The holes.
    pub holes: Vec<Hole>,
    /// JSON pointers of values that must not be seen (holes included).
    pub secrets: Vec<String>,
}

/// A place to fill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hole {
    /// JSON pointer into the body.
    pub pointer: String,
    /// What goes there.
    pub source: Reference,
    /// Text before and after the value (`https://…` + `openai`); both may be empty.
    pub prefix: String,
    /// See `prefix`.
    pub suffix: String,
}

/// A value of another resource.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    /// The resource.
    pub id: ResourceId,
    /// JSON pointer into its body (`/identity/principalId`).
    pub pointer: String,
}

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
