//! Which managed identity the gateway uses.

use super::{Compiler, codes, names};
use crate::arm::ResourceId;
use crate::deploy::resource::Reference;
use crate::support::finding::{Finding, Kind};

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
    /// The identity that backends and loggers use: the service's own if it has one, else the first user-assigned one. Of an
    /// existing service about which nothing is said, its own.
    pub(super) fn identity(&mut self, pointer: &str) -> Option<GatewayIdentity> {
        let service = &self.spec.service;
        let found = match &service.identity {
            None if service.existing => Some(GatewayIdentity::System),
            None => None,
            Some(identity) if identity.is_system_assigned() => Some(GatewayIdentity::System),
            Some(identity) => identity.user_assigned().first().cloned().map(GatewayIdentity::UserAssigned),
        };
        if found.is_none() {
            let message = format!("`{}` has no managed identity, which is needed here", service.name);
            let finding = Finding::error(codes::NO_IDENTITY, Kind::Place, message)
                .at(self.loaded.locator.key(pointer))
                .help("say `identity: SystemAssigned` under `service`");
            if !self.findings.contains(&finding) {
                self.findings.push(finding);
            }
        }
        found
    }
}
