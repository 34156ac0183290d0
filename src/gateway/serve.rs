//! One request from its head to its answer.

use std::sync::Arc;

use http::header::HeaderMap;
use hyper::ext::ReasonPhrase;

use super::body::Body;
use super::exchange::Exchange;
use super::execute::content_safety;
use super::failure::{AnswerBody, Failure};
use super::message::{MessageBody, ResponseMessage};
use super::pipeline::{self, Chain, Located};
use super::program::Flow;
use super::snapshot::Snapshot;
use super::{answered, keys, preflight, router, trace};
use crate::policy::Section;

/// Serves it. Every way out leads through here, so that what policies left to be settled is settled once.
pub async fn serve(mut exchange: Exchange) -> http::Response<Body> {
    trace::begin(&mut exchange);
    if let Err(located) = run(&mut exchange).await {
        fail(&mut exchange, located).await;
    }
    respond(exchange).await
}

async fn run(exchange: &mut Exchange) -> Result<(), Box<Located>> {
    let snapshot = exchange.snapshot.clone();
    let routed = router::route(&snapshot, exchange);
    match preflight::answer(&snapshot, exchange).await {
        Ok(false) => {}
        // Nobody has shown a key that may be traced.
        Ok(true) => {
            trace::allow(exchange);
            return Ok(());
        }
        Err(located) => {
            trace::allow(exchange);
            return Err(located);
        }
    }
    if let Err(failure) = routed {
        // Nobody is known yet who might be allowed to see a trace.
        trace::allow(exchange);
        return Err(Located::built_in(failure));
    }
    let authorized = keys::authorize(&snapshot, exchange);
    trace::allow(exchange);
    authorized.map_err(Located::built_in)?;
    if let Some(reason) = poison(exchange, &snapshot) {
        return Err(Located::built_in(poisoned(&reason)));
    }
    for section in [Section::Inbound, Section::Backend, Section::Outbound] {
        if section == Section::Outbound {
            answered::settle(exchange).await.map_err(Located::built_in)?;
            content_safety::screen(exchange).await.map_err(Located::built_in)?;
        }
        if pipeline::run(exchange, section).await? == Flow::Return {
            break;
        }
    }
    Ok(())
}

/// Why the request cannot be served here, if so: its API is of a kind, or one of its documents has a policy, that is not emulated.
fn poison(exchange: &Exchange, snapshot: &Snapshot) -> Option<Arc<str>> {
    let api = exchange.api.and_then(|index| snapshot.api(index)?.poison.clone());
    api.or_else(|| Chain::of(exchange).poison(snapshot))
}

/// Ours: API Management would run the policy.
fn poisoned(reason: &str) -> Failure {
    Failure::refused("NotEmulated", http::StatusCode::NOT_IMPLEMENTED, format!("apimctl cannot serve this API: {reason}"))
        .from_source("apimctl")
}

/// Prepares the answer of the failure, and lets on-error change it.
async fn fail(exchange: &mut Exchange, located: Box<Located>) {
    let Located { failure, last_error } = *located;
    if failure.answer.body != AnswerBody::Kept || exchange.response.is_none() {
        let (headers, body) = failure.answer.render(exchange.id());
        exchange.response = Some(ResponseMessage {
            status: failure.answer.status,
            reason: failure.answer.reason.clone(),
            headers,
            body: if body.is_empty() { MessageBody::Empty } else { MessageBody::Buffered(body) },
        });
    }
    exchange.last_error = Some(last_error);
    if poison(exchange, &exchange.snapshot).is_some() {
        return;
    }
    if let Err(second) = pipeline::run(exchange, Section::OnError).await {
        // What a failure inside on-error answers is not documented; assumed: its own answer, and on-error does not run again.
        let (headers, body) = second.failure.answer.render(exchange.id());
        exchange.response = Some(ResponseMessage {
            status: second.failure.answer.status,
            reason: second.failure.answer.reason.clone(),
            headers,
            body: if body.is_empty() { MessageBody::Empty } else { MessageBody::Buffered(body) },
        });
        exchange.last_error = Some(second.last_error);
    }
}

async fn respond(mut exchange: Exchange) -> http::Response<Body> {
    if !exchange.settle.is_empty() {
        answered::head(&mut exchange).await;
    }
    trace::tell(&mut exchange);
    let message = exchange.response.take().unwrap_or_else(|| ResponseMessage::new(http::StatusCode::OK));
    let ResponseMessage { status, reason, headers, body } = message;
    let body = match body {
        MessageBody::Empty | MessageBody::Consumed => Body::empty(),
        MessageBody::Buffered(bytes) => Body::full(bytes),
        MessageBody::Stream(body) => body,
    };
    let upgraded = exchange.forwarding.upgraded.take();
    let body = answered::watch(&mut exchange, status, &headers, body);
    let mut response = http::Response::new(body);
    *response.status_mut() = status;
    if let Some(phrase) = reason.and_then(|reason| ReasonPhrase::try_from(reason.into_bytes()).ok()) {
        response.extensions_mut().insert(phrase);
    }
    *response.headers_mut() = framed(headers);
    // The front connects both ends of a WebSocket; it writes the fields that this takes.
    if status == http::StatusCode::SWITCHING_PROTOCOLS
        && let Some(upgraded) = upgraded
    {
        response.extensions_mut().insert(upgraded);
    }
    response
}

/// The body that is sent decides the framing, not what a backend or policy said of another body.
fn framed(mut headers: HeaderMap) -> HeaderMap {
    use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
    for name in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Workers deal connections out between threads, so a request's future has to be free to move.
    #[test]
    fn a_request_can_move_between_threads() {
        fn send<T: Send>(_: fn(Exchange) -> T) {}
        send(serve);
    }
}
