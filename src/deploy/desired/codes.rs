//! Codes of the findings that only resources can show.

use crate::support::finding::Code;

/// See the title.
pub const SAME_RESOURCE: Code = Code { id: "ARM401", title: "two parts of the specification make the same resource" };
/// See the title.
pub const CLIENTS_NAME_TAKEN: Code =
    Code { id: "ARM402", title: "`clients` makes a resource whose name another part of the specification uses" };
/// See the title.
pub const ROLE_WITHOUT_PRINCIPAL: Code = Code { id: "ARM403", title: "the principal that needs a role is not known" };
/// See the title.
pub const NO_IDENTITY: Code = Code { id: "ARM404", title: "a backend or logger needs the service's identity, and the service has none" };
/// See the title.
pub const RAW_NAME: Code = Code { id: "ARM405", title: "the name of a resource does not fit its type" };
/// See the title.
pub const RAW_DEPENDENCY: Code = Code { id: "ARM406", title: "a resource waits for something that the specification does not make" };
/// See the title.
pub const SDK_PATH: Code = Code { id: "ARM407", title: "the path that Azure OpenAI SDKs call would be doubled" };
/// See the title.
pub const OPEN_PRODUCT: Code = Code { id: "ARM408", title: "an open product lets calls without a key into an API with `clients`" };
/// See the title.
pub const ALL_APIS_KEY: Code = Code { id: "ARM409", title: "a key for all APIs opens an API with `clients` beside its own product" };
/// See the title.
pub const UNDECLARED_LOGGER: Code = Code { id: "ARM410", title: "a diagnostic has no logger" };

/// Every code of this module.
pub const ALL: &[Code] = &[
    SAME_RESOURCE,
    CLIENTS_NAME_TAKEN,
    ROLE_WITHOUT_PRINCIPAL,
    NO_IDENTITY,
    RAW_NAME,
    RAW_DEPENDENCY,
    SDK_PATH,
    OPEN_PRODUCT,
    ALL_APIS_KEY,
    UNDECLARED_LOGGER,
];
