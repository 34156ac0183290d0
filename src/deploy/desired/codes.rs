//! Codes of the findings that only resources can show. What the specification alone shows is reported when it is read.

use crate::support::finding::Code;

/// Two parts of the specification make the same resource.
pub const SAME_RESOURCE: Code = Code { id: "ARM401", title: "two parts of the specification make the same resource" };
/// The principal that needs a role is not known.
pub const ROLE_WITHOUT_PRINCIPAL: Code = Code { id: "ARM402", title: "the principal that needs a role is not known" };
/// The path that Azure OpenAI SDKs call would be doubled.
pub const SDK_PATH: Code = Code { id: "ARM403", title: "the path that Azure OpenAI SDKs call would be doubled" };
/// Resources wait for each other.
pub const CIRCLE: Code = Code { id: "ARM404", title: "resources wait for each other" };

/// Every code of this module.
pub const ALL: &[Code] = &[SAME_RESOURCE, ROLE_WITHOUT_PRINCIPAL, SDK_PATH, CIRCLE];
