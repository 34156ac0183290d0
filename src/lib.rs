//! apimctl
pub mod analysis;
pub mod arm;
pub mod azure;
pub mod cli;
pub mod deploy;
pub mod emulator;
pub mod expression;
pub mod identity;
pub mod policy;
pub mod spec;
pub mod support;
pub mod world;
