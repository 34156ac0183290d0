//! `apimctl`: Azure OpenAI gateways on Azure API Management. One crate, library and binary.
//!
//! # Map
//!
//! | module | what it is |
//! |---|---|
//! | [`cli`] | arguments in, exit code out; the only module that prints |
//! | [`verify`] | checks of a gateway that runs, local or in Azure, and the failover drill |
//! | [`scenario`] | tests of a specification and its policies on virtual time; coverage; chaos |
//! | [`report`] | what tests and checks found, for machines and for a browser: JUnit, HTML, charts |
//! | [`world`] | brings the embedded ARM, its client, the gateway and the simulator together; what every offline command starts |
//! | [`spec`] | the YAML specification: read with positions, checked as a whole, typed |
//! | [`deploy`] | specification → resources → plan → Azure; manifest, lease, journal |
//! | [`analysis`] | findings that need resources and policies together |
//! | [`azure`] | the ARM client: credentials, retries, paging, long-running operations |
//! | [`gateway`] | the data plane: compiles what ARM stores and serves it as API Management does |
//! | [`simulator`] | Azure OpenAI accounts: answers, streams, quotas, faults |
//! | [`tokens`] | counts tokens |
//! | [`emulator`] | the embedded ARM: keeps and rewrites resources as the service does |
//! | [`arm`] | the ARM wire contract: ids, catalogue of types, store, errors |
//! | [`policy`] | policy documents: reader, meaning, rules |
//! | [`expression`] | C# in policies |
//! | [`identity`] | the local token issuer |
//! | [`support`] | time, randomness, environment, secrets, positions, findings |
//!
//! # Who may use whom
//!
//! ```text
//! cli      -> everything
//! verify   -> scenario, world, spec, deploy, azure, arm, policy, report, support
//! scenario -> world, gateway, simulator, spec, deploy, arm, policy, report, support
//! report   -> support
//! world    -> emulator, gateway, simulator, identity, deploy, azure, arm, support
//! deploy   -> spec, arm, azure, analysis, policy, support
//! analysis -> arm, policy, expression, support
//! gateway  -> arm, policy, expression, identity, tokens, support
//! simulator -> identity, tokens, support
//! emulator -> arm, policy, identity, support
//! identity, tokens -> support
//! azure    -> arm, support
//! spec     -> arm, policy, support
//! policy   -> expression, support
//! arm, expression -> support
//! support  -> nothing
//! ```
//!
//! A test reads every path in the source and holds this table. The emulator and `deploy::normalize` share no code: what
//! one rewrites, the other must undo by its own knowledge, or "plan after apply is empty" would prove nothing.
//!
//! # Data flow
//!
//! `apply`: settings → load (positions) → check (all findings) → desired resources → read live in parallel → normalise →
//! diff → plan → confirm → waves of PUT with `If-Match` → wait → read back, second diff empty → outputs.
//!
//! One request at the gateway: accept → snapshot → route → key check → inbound → backend (member, send, classify, breaker; `retry` only
//! while nothing has gone downstream) → outbound → relay frame by frame past the meter → settle limits, metrics, record. Any error →
//! on-error → answer, in one place.

pub mod analysis;
pub mod arm;
pub mod azure;
pub mod cli;
pub mod deploy;
pub mod emulator;
pub mod expression;
pub mod gateway;
pub mod identity;
pub mod policy;
pub mod report;
pub mod scenario;
pub mod simulator;
pub mod spec;
pub mod support;
pub mod tokens;
pub mod verify;
pub mod world;
