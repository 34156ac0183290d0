//! Who gets a trace: every request of `--trace`, or one that asks with a key that may.
//!
//! `Ocp-Apim-Trace: true` and `allowTracing` on the subscription: the trace policy's old page. The newer way, a debug token of
//! `listDebugCredentials`, is not emulated; its answer header `Apim-Trace-Id` is used here for both.

use std::sync::Arc;

use http::header::{HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::gateway::exchange::Exchange;
use crate::gateway::worker::Tracing;

const ASKS: HeaderName = HeaderName::from_static("ocp-apim-trace");
const ANSWERS: HeaderName = HeaderName::from_static("apim-trace-id");
/// Marks of a request that asks for its trace, and of one whose key may have it.
const ASKED: &str = "trace-asked";
const ALLOWED: &str = "trace-allowed";
/// Header values that no trace shows.
const SECRET: [&str; 5] = ["authorization", "api-key", "ocp-apim-subscription-key", "cookie", "set-cookie"];

/// Starts a trace if the request is to have one, or asks for it.
pub fn begin(exchange: &mut Exchange) {
    let all = exchange.worker.tracing.is_all();
    let asks = exchange.request.headers.get(ASKS).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
    if !all && !asks {
        return;
    }
    exchange.trace = Some(Box::default());
    if asks {
        exchange.mark(Arc::from(ASKED), 1);
    }
    exchange.note("api-inspector", |exchange| {
        let original = &exchange.original;
        json!({ "request": {
            "method": original.method.as_str(),
            "url": format!("{}://{}{}", if original.https { "https" } else { "http" }, original.host, original.path),
            "headers": headers(exchange, &exchange.request.headers),
        } })
    });
}

/// Once it is known who calls: a key that may not be traced ends the trace.
pub fn allow(exchange: &mut Exchange) {
    if exchange.trace.is_none() {
        return;
    }
    let allowed = exchange.access.subscription.and_then(|index| exchange.snapshot.subscription(index)).is_some_and(|own| own.allow_tracing);
    if allowed && exchange.amount(ASKED).is_some() {
        exchange.mark(Arc::from(ALLOWED), 1);
    }
    if !allowed && !exchange.worker.tracing.is_all() {
        exchange.trace = None;
        return;
    }
    exchange.note("api-inspector", |exchange| {
        let snapshot = &exchange.snapshot;
        let operation = exchange.operation.and_then(|index| snapshot.operation(index));
        json!({ "configuration": {
            "api": { "from": exchange.api.and_then(|index| snapshot.api(index)).map(|api| format!("/{}", api.path)), "to": exchange.request.url.base.to_string() },
            "operation": operation.map(|own| json!({ "method": own.method.as_ref().map(http::Method::as_str), "uriTemplate": own.url_template })),
            "product": exchange.access.product.and_then(|index| snapshot.product(index)).map(|product| json!({ "id": product.name })),
            "subscription": exchange.access.subscription.and_then(|index| snapshot.subscription(index)).map(|own| json!({ "id": own.name })),
        } })
    });
}

/// Tells the caller where its trace is.
pub fn tell(exchange: &mut Exchange) {
    let quietly = exchange.worker.tracing == Tracing::Quietly && exchange.amount(ALLOWED).is_none();
    if exchange.trace.is_some()
        && !quietly
        && let Ok(id) = HeaderValue::from_str(&exchange.id().simple().to_string())
    {
        exchange.response_mut().headers.insert(ANSWERS, id);
    }
}

/// Headers as traces show them; what lets somebody in is masked, also under the API's own key header.
pub fn headers(exchange: &Exchange, headers: &http::HeaderMap) -> Value {
    let own = exchange.api.and_then(|index| exchange.snapshot.api(index)).map(|api| api.key_names.header.as_str());
    headers
        .iter()
        .map(|(name, value)| {
            let secret = SECRET.contains(&name.as_str()) || own == Some(name.as_str());
            let shown = if secret { "********".to_owned() } else { String::from_utf8_lossy(value.as_bytes()).into_owned() };
            json!({ "name": name.as_str(), "value": shown })
        })
        .collect()
}
