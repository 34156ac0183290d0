//! Specification → resources.

use super::Desired;
use crate::spec::Loaded;
use crate::support::finding::Finding;

/// What is known of Azure before resources can be named.
#[derive(Debug, Clone)]
pub struct Context {
    /// Azure subscription for everything that names no other.
    pub subscription_id: String,
    /// Entra tenant.
    pub tenant_id: String,
    /// Suffix of gateways (`azure-api.net`).
    pub gateway_suffix: String,
    /// Audience of Azure OpenAI.
    pub cognitive_services_audience: String,
}

/// Compiles a specification (all findings, of resources and policies together, are returned beside).
///
/// Pure: bodies that depend on live values hold [`super::resource::Hole`]s instead.
#[must_use]
pub fn compile(loaded: &Loaded, context: &Context) -> (Desired, Vec<Finding>) {
    let _ = (loaded, context);
    unimplemented!()
}
