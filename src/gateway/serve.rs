//! One request from its head to its answer.

use http::header::HeaderMap;
use hyper::ext::ReasonPhrase;

use super::body::Body;
use super::exchange::Exchange;
use super::failure::Failure;
use super::message::{MessageBody, ResponseMessage};
use super::pipeline::{self, Chain, Located};
use super::program::Flow;
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
    if let Err(failure) = router::route(&snapshot, exchange) {
        // Nobody is known yet who might be allowed to see a trace.
        trace::allow(exchange);
        return Err(Located::built_in(failure));
    }
    if preflight::answer(&snapshot, exchange) {
        return Ok(());
    }
    let authorized = keys::authorize(&snapshot, exchange);
    trace::allow(exchange);
    authorized.map_err(Located::built_in)?;
    if let Some(reason) = Chain::of(exchange).poison(&snapshot) {
        return Err(Located::built_in(poisoned(&reason)));
    }
    for section in [Section::Inbound, Section::Backend, Section::Outbound] {
        if section == Section::Outbound {
            answered::settle(exchange).await.map_err(Located::built_in)?;
        }
        if pipeline::run(exchange, section).await? == Flow::Return {
            break;
        }
    }
    Ok(())
}

/// Ours: API Management would run the policy.
fn poisoned(reason: &str) -> Failure {
    Failure::refused("PolicyNotEmulated", http::StatusCode::NOT_IMPLEMENTED, format!("apimctl cannot run a policy of this API: {reason}"))
        .from_source("apimctl")
}

/// Prepares the answer of the failure, and lets on-error change it.
async fn fail(exchange: &mut Exchange, located: Box<Located>) {
    let Located { failure, last_error } = *located;
    let (headers, body) = failure.answer.render(exchange.id());
    exchange.response = Some(ResponseMessage {
        status: failure.answer.status,
        reason: failure.answer.reason.clone(),
        headers,
        body: if body.is_empty() { MessageBody::Empty } else { MessageBody::Buffered(body) },
    });
    exchange.last_error = Some(last_error);
    if Chain::of(exchange).poison(&exchange.snapshot).is_some() {
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
    let body = answered::watch(&mut exchange, status, &headers, body);
    let mut response = http::Response::new(body);
    *response.status_mut() = status;
    if let Some(phrase) = reason.and_then(|reason| ReasonPhrase::try_from(reason.into_bytes()).ok()) {
        response.extensions_mut().insert(phrase);
    }
    *response.headers_mut() = framed(headers);
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
