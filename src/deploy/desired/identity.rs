//! Which managed identity the gateway uses.

use super::{Compiler, names};
use crate::arm::ResourceId;
use crate::deploy::resource::Reference;

/// A managed identity of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum GatewayIdentity {
    /// The service's own.
    System,
    /// A user-assigned one, by its id.
    UserAssigned(String),
}

impl GatewayIdentity {
    /// Who gets roles. Both kinds are read from the service itself, which answers principal and client ids of the identities
    /// that it has.
    pub(super) fn principal(&self, service: &ResourceId) -> Reference {
        let pointer = match self {
            Self::System => "/identity/principalId".to_owned(),
            Self::UserAssigned(id) => format!("/identity/userAssignedIdentities/{}/principalId", names::escape(id)),
        };
        Reference { id: service.clone(), pointer }
    }

    /// The client id to name; the service's own identity needs none.
    pub(super) fn client_id(&self, service: &ResourceId) -> Option<Reference> {
        match self {
            Self::System => None,
            Self::UserAssigned(id) => {
                Some(Reference { id: service.clone(), pointer: format!("/identity/userAssignedIdentities/{}/clientId", names::escape(id)) })
            }
        }
    }
}

impl Compiler<'_> {
    /// The identity that backends, loggers and Key Vault references use: the service's own if it has one, else the first
    /// user-assigned one. Of an existing service about which nothing is said, its own. `None` is reported when the
    /// specification is read.
    pub(super) fn identity(&self) -> Option<GatewayIdentity> {
        let service = &self.spec.service;
        match &service.identity {
            None => service.existing.then_some(GatewayIdentity::System),
            Some(identity) if identity.is_system_assigned() => Some(GatewayIdentity::System),
            Some(identity) if !identity.kind().contains("UserAssigned") => None,
            Some(identity) => identity.user_assigned().first().cloned().map(GatewayIdentity::UserAssigned),
        }
    }
}
