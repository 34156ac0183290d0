//! The data plane: what ARM stores, compiled and served as API Management serves it.
//!
//! A [`snapshot::Snapshot`] is made from the store and is immutable; an [`exchange::Exchange`] is one request on it. [`serve::serve`] is a
//! request's way: [`router`] → [`preflight`] → [`keys`] → inbound → [`backend`] → outbound → the body through [`settle`]. Policies
//! are compiled by [`program`] with the help of [`execute`] and run by [`pipeline`]. [`state`] outlives snapshots.
//! [`front`] takes requests in, [`upstream`] sends them on.

pub mod admin;
pub mod answered;
pub mod backend;
pub mod body;
pub mod cache;
pub mod codes;
pub mod counters;
pub mod coverage;
pub mod exchange;
pub mod execute;
pub mod failure;
pub mod fidelity;
pub mod front;
pub mod keys;
pub mod limits;
pub mod message;
pub mod meter;
pub mod metrics;
pub mod pipeline;
pub mod preflight;
pub mod program;
pub mod record;
pub mod retry;
pub mod router;
pub mod serve;
pub mod settings;
pub mod settle;
pub mod snapshot;
pub mod start;
pub mod state;
pub mod trace;
pub mod upstream;
pub mod worker;

pub use start::{Endpoint, Gateway, GatewayOptions, Running};
