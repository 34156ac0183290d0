//! The ARM client: HTTP, credentials, retries, paging and long-running operations. It knows nothing of the spec.

pub mod client;
pub mod cloud;
pub mod credential;
pub mod error;
mod exchange;
mod hint;
pub mod logs;
pub mod observer;
mod operation;
mod pace;
pub mod preflight;
pub mod retry;
pub mod transport;

pub use client::{ArmClient, ClientOptions, Outcome, Precondition, Reply};
pub use error::AzureError;
pub use observer::Observer;

#[cfg(test)]
mod testing;
