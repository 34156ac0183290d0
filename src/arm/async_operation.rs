//! ARM's long-running operation ("Operation" is API Management's word for something else).

use serde::{Deserialize, Serialize};

use super::{CloudError, ResourceId};

/// How to go on waiting for a request that ARM has accepted. Holds no secret and may be stored, although the
/// service's signed URLs can expire: prefer `provisioningState` after a restart (facts: recorded traffic).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AsyncOperation {
    /// The resource that the request was for.
    pub resource: ResourceId,
    /// The api-version of the request.
    pub api_version: String,
    /// `Azure-AsyncOperation`, preferred over `location`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure_async_operation: Option<String>,
    /// `Location`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Seconds that the service asked to wait before the next look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u64>,
    /// Whether the request was a DELETE: then "gone" is success.
    #[serde(default)]
    pub delete: bool,
}

/// The body behind `Azure-AsyncOperation`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsyncOperationStatus {
    /// `InProgress`, `Succeeded`, `Failed` or `Canceled`; other words mean that it is still running.
    pub status: String,
    /// Present when it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<CloudError>,
}
