//! Who gets a trace: every request of `--trace`, or one that asks and may.
//!
//! The way of today is a token of the management API's `listDebugCredentials` in `Apim-Debug-Authorization`; the answer carries
//! `Apim-Trace-Id`, or says that the token has expired or is another API's ("Debug your APIs using request tracing"). The older way,
//! `Ocp-Apim-Trace: true` with a key whose subscription allows tracing, is answered by `Ocp-Apim-Trace-Location`; the page says since May
//! 2024 that it is gone, and services that had it were seen with it later, so it is a setting.

use std::sync::Arc;

use http::header::{HeaderName, HeaderValue};
use serde_json::json;
use time::format_description::well_known::Rfc3339;

use crate::gateway::backend::shown;
use crate::gateway::exchange::Exchange;
use crate::gateway::worker::Tracing;

const ASKS: HeaderName = HeaderName::from_static("ocp-apim-trace");
const LOCATION: HeaderName = HeaderName::from_static("ocp-apim-trace-location");
const DEBUG: HeaderName = HeaderName::from_static("apim-debug-authorization");
const EXPIRED: HeaderName = HeaderName::from_static("apim-debug-authorization-expired");
const WRONG_API: HeaderName = HeaderName::from_static("apim-debug-authorization-wrongapi");
const ANSWERS: HeaderName = HeaderName::from_static("apim-trace-id");
/// Marks a request whose trace its caller is not told of.
const HIDDEN: &str = "trace-hidden";

impl Exchange {
    /// Whether caller and policies may know of the trace: `context.Tracing`.
    #[must_use]
    pub fn is_traced_openly(&self) -> bool {
        self.trace.is_some() && self.amount(HIDDEN).is_none()
    }
}

/// Starts a trace if the request is to have one, or asks for it.
pub fn begin(exchange: &mut Exchange) {
    let all = exchange.worker.tracing.is_all();
    let asks = exchange.request.headers.get(ASKS).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
    if !all && !asks && !exchange.request.headers.contains_key(DEBUG) {
        return;
    }
    exchange.trace = Some(Box::default());
    exchange.note("api-inspector", |exchange| {
        let original = &exchange.original;
        json!({ "request": {
            "method": original.method.as_str(),
            "url": format!("{}://{}{}", if original.https { "https" } else { "http" }, exchange.authority().0, original.path()),
            "headers": shown::headers(&exchange.request.headers, exchange.key_header()),
        } })
    });
}

/// Once it is known who calls: a key that may not be traced ends the trace.
pub fn allow(exchange: &mut Exchange) {
    if exchange.trace.is_none() {
        return;
    }
    let allowed = debug_token(exchange) || (exchange.worker.settings.legacy_trace_header && legacy(exchange));
    if !allowed && !exchange.worker.tracing.is_all() {
        exchange.trace = None;
        return;
    }
    if !allowed && exchange.worker.tracing == Tracing::Quietly {
        exchange.mark(Arc::from(HIDDEN), 1);
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

/// Whether the request carries a debug token for this API that has not expired. If it carries another, the answer will say so.
fn debug_token(exchange: &mut Exchange) -> bool {
    let state = exchange.worker.state.clone();
    let token = exchange.request.headers.get(DEBUG).and_then(|value| value.to_str().ok());
    let Some(credential) = token.and_then(|token| state.debugging.credential(token.trim())) else {
        // A token that nobody gave out is not answered at all (assumed).
        return false;
    };
    let own = exchange.api.and_then(|index| exchange.snapshot.api(index)).map(|api| api.name.as_str());
    let same = credential.service == exchange.snapshot.service.id && own.is_some_and(|own| own.eq_ignore_ascii_case(&credential.api));
    // The texts are assumed: the page says that one tells the date, and the other has a message.
    let (name, text) = if credential.expires <= state.clock.utc() {
        (EXPIRED, credential.expires.format(&Rfc3339).unwrap_or_default())
    } else if !same {
        (WRONG_API, format!("The debug credentials are of the API '{}'.", credential.api))
    } else {
        return true;
    };
    exchange.trace_answer = HeaderValue::try_from(text).ok().map(|value| (name, value));
    false
}

/// Whether the request asks the older way, with a key that may. Where the trace lies is told relative to the admin endpoint, as there is no
/// storage account here.
fn legacy(exchange: &mut Exchange) -> bool {
    let asks = exchange.request.headers.get(ASKS).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
    let key = exchange.access.subscription.and_then(|index| exchange.snapshot.subscription(index));
    if !asks || !key.is_some_and(|own| own.allow_tracing) {
        return false;
    }
    exchange.trace_answer = HeaderValue::try_from(format!("/traces/{}", exchange.id().simple())).ok().map(|value| (LOCATION, value));
    true
}

/// Tells the caller where its trace is, and leaves it where ARM finds it.
pub fn tell(exchange: &mut Exchange) {
    if let Some((name, value)) = exchange.trace_answer.take() {
        exchange.response_mut().headers.insert(name, value);
    }
    if exchange.trace.is_none() {
        return;
    }
    let id = exchange.id().simple().to_string();
    if exchange.is_traced_openly()
        && let Ok(value) = HeaderValue::from_str(&id)
    {
        exchange.response_mut().headers.insert(ANSWERS, value);
    }
    if exchange.request.headers.contains_key(DEBUG)
        && let Some(trace) = &exchange.trace
    {
        let service = exchange.snapshot.service.id.clone();
        let trace = trace.json(&id);
        exchange.worker.state.debugging.keep(service, id, trace);
    }
}
