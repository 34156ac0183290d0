//! The Azure Resource Manager wire contract, shared by the client, the emulator and the gateway.
//!
//! Wire values are [`serde_json::Value`]: typed models lose what they do not know. Typed views exist only where a
//! reader needs them.

pub mod async_operation;
pub mod catalogue;
pub mod cloud_error;
pub mod debugging;
pub mod resource_id;
pub mod store;

pub use cloud_error::CloudError;
pub use resource_id::ResourceId;
