//! Desired state and convergence: from a specification to resources, from resources to a plan, from a plan to Azure.
//!
//! The pure half, which everything else in here builds upon:
//!
//! ```text
//! desired::compile(&Loaded, &Context) -> (Desired, Vec<Finding>)
//! DesiredResource::{resource_type, entry, fill(lookup) -> Filled, request_body(lookup) -> Result<Value, Unresolved>}
//! DesiredId::{known, parent, resource_type, resolve(lookup) -> Result<ResourceId, Unresolved>}
//!     where lookup: Fn(&Reference) -> Option<Value>, usually |reference| reference.find(&live_body_of(reference.id))
//! diff::compare(&DesiredResource, &Filled, live: &Value, &Secrets) -> Vec<PropertyChange>   (empty: nothing to do)
//! diff::update(&DesiredResource, &Filled, live: &Value, &[PropertyChange]) -> Update { verb: Put | Patch, body }
//! diff::unreadable(&DesiredResource, &Filled, live: &Value, &Secrets) -> Vec<String>       (secrets that nobody can read back)
//! normalize::normalized(kind, &body) -> Value                                               (for comparing end states)
//! catalogue::ResourceType::{listing, complete_in_list, secrets_action, update}, catalogue::serial_group(&id)
//! ```

mod accounts;
mod apply;
mod bodies;
pub mod cancel;
pub mod codes;
pub mod deployment;
pub mod desired;
mod destroy;
pub mod diff;
pub mod doctor;
pub mod error;
pub mod events;
pub mod export;
mod graph;
pub mod journal;
mod keeper;
pub mod keys;
pub mod lease;
mod live;
pub mod manifest;
pub mod normalize;
pub mod outputs;
pub mod plan;
mod preflight;
mod read;
pub mod resource;

pub use deployment::{Applied, Deployment, Settings, SoftDeleted};
pub use error::DeployError;
pub use resource::{Desired, DesiredResource};
