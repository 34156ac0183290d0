//! CORS preflight requests: only `cors` policies look at them, before any key is asked for.

use http::Method;
use http::header::ACCESS_CONTROL_REQUEST_METHOD;

use super::exchange::{Access, Exchange};
use super::execute::cors::{Kind, kind};
use super::pipeline::{self, Located};
use super::snapshot::Snapshot;
use super::{keys, router};

/// Answers a preflight request that no operation of its own wants; `false` if the request goes on, as it came.
///
/// The policies in scope are those of the request that the browser asks about: of the operation that its method would meet, of the API, and
/// of the product, if something leads to one without the key that a preflight cannot carry in a header (cors page).
///
/// # Errors
/// An expression of a `cors` policy failed.
pub async fn answer(snapshot: &Snapshot, exchange: &mut Exchange) -> Result<bool, Box<Located>> {
    if kind(&exchange.request.method, &exchange.request.headers) != Kind::Preflight {
        return Ok(false);
    }
    let served = exchange.operation.and_then(|index| snapshot.operation(index)).and_then(|operation| operation.method.as_ref());
    if served == Some(&Method::OPTIONS) {
        return Ok(false);
    }
    let asked = exchange.request.headers.get(ACCESS_CONTROL_REQUEST_METHOD);
    let Some(asked) = asked.and_then(|method| Method::from_bytes(method.as_bytes().trim_ascii()).ok()) else { return Ok(false) };
    let (api, operation) = (exchange.api, exchange.operation);
    (exchange.api, exchange.operation) = router::lookup(snapshot, exchange, &asked);
    exchange.access = keys::context(snapshot, exchange);
    if pipeline::preflight(exchange).await? {
        return Ok(true);
    }
    (exchange.api, exchange.operation, exchange.access) = (api, operation, Access::default());
    Ok(false)
}
