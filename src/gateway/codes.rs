//! Findings of the gateway.

use crate::support::finding::Code;

/// A policy that API Management would run and this gateway cannot.
pub const NOT_EMULATED: Code = Code { id: "GAT001", title: "a policy document cannot be run here" };
/// A stored resource holds what its kind does not.
pub const UNREADABLE: Code = Code { id: "GAT002", title: "a stored resource cannot be read" };
/// An API of a kind that is not emulated.
pub const API_TYPE: Code = Code { id: "GAT003", title: "an API of this type is not emulated" };
/// A command line names what is not there.
pub const NO_SUCH_OVERRIDE: Code = Code { id: "GAT004", title: "an override names a resource that is not there" };
/// A backend that the gateway cannot use.
pub const UNUSABLE_BACKEND: Code = Code { id: "GAT005", title: "a backend cannot be used as it is stored" };

/// All of them.
pub const ALL: &[Code] = &[NOT_EMULATED, UNREADABLE, API_TYPE, NO_SUCH_OVERRIDE, UNUSABLE_BACKEND];
