//! Desired state and convergence: from a specification to resources, from resources to a plan, from a plan to Azure.

pub mod cancel;
pub mod codes;
pub mod deployment;
pub mod desired;
pub mod error;
pub mod events;
pub mod journal;
pub mod keys;
pub mod lease;
pub mod manifest;
pub mod outputs;
pub mod plan;
pub mod resource;
mod seam;

pub use deployment::{Applied, Deployment, Settings, SoftDeleted};
pub use error::DeployError;
pub use resource::{Desired, DesiredResource};
