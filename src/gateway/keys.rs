//! The subscription key: before any policy runs.

use super::exchange::Exchange;
use super::failure::Failure;
use super::snapshot::Snapshot;

/// Sets who calls.
///
/// # Errors
/// `SubscriptionKeyNotFound` and `SubscriptionKeyInvalid`.
pub fn authorize(snapshot: &Snapshot, exchange: &mut Exchange) -> Result<(), Failure> {
    let _ = (snapshot, exchange);
    Ok(())
}
