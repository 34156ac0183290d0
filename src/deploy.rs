//! Desired state and convergence: from a specification to resources, from resources to a plan, from a plan to Azure.

pub mod desired;
pub mod resource;

pub use resource::{Desired, DesiredResource};
