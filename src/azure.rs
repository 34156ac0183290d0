//! The ARM client: HTTP, credentials, retries, paging and long-running operations. It knows nothing of the spec.

pub mod client;
pub mod cloud;

pub use client::{ArmClient, AzureError, Outcome, Precondition, Reply};
