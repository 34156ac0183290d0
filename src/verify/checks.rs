//! The checks, one file for each subject.

pub(super) mod agreement;
pub(super) mod balance;
pub(super) mod clients;
pub(super) mod doors;
pub(super) mod refusals;
pub(super) mod retirement;
pub(super) mod roles;
pub(super) mod scenarios;
pub(super) mod service;
pub(super) mod streaming;
pub(super) mod suspended;
pub(super) mod telemetry;
pub(super) mod token_headers;
pub(super) mod traps;
