//! The codes of findings that need resources and policies together: POL200–299.

use crate::support::finding::Code;

/// Pool members that never get traffic.
pub const IDLE_MEMBERS: Code = Code { id: "POL200", title: "members of a lower priority never get traffic" };
/// A pool that leaves no member out.
pub const NO_BREAKER: Code = Code { id: "POL201", title: "no member of the pool has a circuit breaker" };
/// More attempts than members.
pub const TOO_MANY_ATTEMPTS: Code = Code { id: "POL202", title: "more attempts than the pool has members" };
/// A pool without a retry.
pub const NO_RETRY: Code = Code { id: "POL203", title: "a pool never sends a request again by itself" };
/// Dimensions that never arrive.
pub const NO_DIMENSIONS: Code = Code { id: "POL204", title: "the Application Insights component drops metric dimensions" };
/// Metrics that are never sent.
pub const NO_METRICS: Code = Code { id: "POL205", title: "no diagnostic sends metrics" };
/// SDK clients that find nothing.
pub const NO_SDK_PATH: Code = Code { id: "POL206", title: "Azure OpenAI SDKs do not reach the API" };
/// An open product.
pub const OPEN_PRODUCT: Code = Code { id: "POL207", title: "an open product lets everybody in" };
/// A key for everything.
pub const ALL_APIS_KEY: Code = Code { id: "POL208", title: "a subscription opens all APIs" };
/// An API without keys.
pub const NO_KEY: Code = Code { id: "POL209", title: "the API asks for no key" };
/// Something that is not there.
pub const DANGLING: Code = Code { id: "POL210", title: "the policy names something that is not there" };
/// A key that leaks.
pub const KEY_FORWARDED: Code = Code { id: "POL211", title: "a client's key reaches the backend of an API" };
/// Streams that are held back by the default.
pub const BUFFERED_STREAM: Code = Code { id: "POL212", title: "streamed answers are held back by the inherited forward-request" };
/// A breaker that only turns failures into other failures.
pub const LONELY_BREAKER: Code = Code { id: "POL213", title: "no policy can profit from the circuit breaker" };
/// A limit that is not applied.
pub const LIMIT_WITHOUT_KEY: Code = Code { id: "POL214", title: "a limit by subscription on an API that asks for no key" };
/// A parameter that the operation does not have.
pub const UNKNOWN_PARAMETER: Code = Code { id: "POL215", title: "the rewrite template names a parameter that the operation does not have" };

/// Every code of this module.
pub const ALL: &[Code] = &[
    IDLE_MEMBERS,
    NO_BREAKER,
    TOO_MANY_ATTEMPTS,
    NO_RETRY,
    NO_DIMENSIONS,
    NO_METRICS,
    NO_SDK_PATH,
    OPEN_PRODUCT,
    ALL_APIS_KEY,
    NO_KEY,
    DANGLING,
    KEY_FORWARDED,
    BUFFERED_STREAM,
    LONELY_BREAKER,
    LIMIT_WITHOUT_KEY,
    UNKNOWN_PARAMETER,
];
