//! Lets what policies left behind see the backend's answer, the head, and the end of the response.

use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};

use super::body::{Body, BodyEnd, FrameObserver};
use super::exchange::Exchange;
use super::failure::Failure;
use super::message::MessageBody;
use super::meter::{Framing, Meter, Prompt, reported};
use super::pipeline;
use super::program::Arguments;
use super::record::Recorder;
use super::settings::StreamedUsage;
use super::settle::{Ending, Settle, Usage, UsageNeed};

/// What of a body can be counted. Compressed bodies cannot: forwarding asks for plain ones where tokens are needed.
fn framing(status: StatusCode, headers: &HeaderMap) -> Option<Framing> {
    // A failed answer reports no usage (assumed: nothing is counted).
    if !status.is_success() || headers.get(CONTENT_ENCODING).is_some_and(|value| value != "identity") {
        return None;
    }
    let kind = headers.get(CONTENT_TYPE)?.as_bytes();
    let is = |name: &[u8]| kind.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    if is(b"text/event-stream") {
        Some(Framing::Events)
    } else if is(b"application/json") {
        Some(Framing::Json)
    } else {
        None
    }
}

fn need(settle: &[Box<dyn Settle>]) -> UsageNeed {
    settle.iter().map(|one| one.usage_need()).max().unwrap_or_default()
}

/// Whether the answer of this request will be looked into, so that the backend has to send it uncompressed.
#[must_use]
pub fn meters(exchange: &Exchange) -> bool {
    need(&exchange.settle) > UsageNeed::Never
}

/// Between backend and outbound: reads the usage of an answer that is no stream, if somebody wants it now, and tells everybody.
///
/// # Errors
/// The body broke off.
pub async fn settle(exchange: &mut Exchange) -> Result<(), Failure> {
    if exchange.settle.is_empty() || exchange.response.is_none() {
        return Ok(());
    }
    let mut usage = None;
    if need(&exchange.settle) == UsageNeed::BeforeOutbound {
        let limit = exchange.worker.limits.buffered_body;
        if let Some(response) = &mut exchange.response
            && framing(response.status, &response.headers) == Some(Framing::Json)
        {
            usage = reported(&response.body.buffer(limit).await?);
        }
    }
    exchange.usage = usage;
    let mut settle = mem::take(&mut exchange.settle);
    for one in &mut settle {
        one.answered(exchange, usage.as_ref());
    }
    // What was added meanwhile comes after.
    settle.append(&mut exchange.settle);
    exchange.settle = settle;
    Ok(())
}

/// The head is about to go: evaluates what had to wait for it. A failing expression is noted in the trace and counts as null: the
/// response is made already (assumed).
pub async fn head(exchange: &mut Exchange) {
    let mut settle = mem::take(&mut exchange.settle);
    for one in &mut settle {
        let mut arguments = Arguments::default();
        for code in one.deferred() {
            let value = pipeline::evaluate(exchange, code).await.unwrap_or(super::program::ArgumentValue::Null);
            arguments.push(value);
        }
        one.head(exchange, &mut arguments);
    }
    exchange.settle = settle;
}

/// Hangs what has to know the end on the body.
pub fn watch(exchange: &mut Exchange, status: StatusCode, headers: &HeaderMap, body: Body) -> Body {
    exchange.answered = true;
    let observers = exchange.worker.observers.clone();
    if exchange.settle.is_empty() && observers.is_empty() {
        return body;
    }
    let metered = !exchange.attempts.is_empty();
    let mut settle = mem::take(&mut exchange.settle);
    if !observers.is_empty() {
        settle.push(Box::new(Recorder::new(exchange, observers)));
    }
    let meter = match framing(status, headers) {
        // Answers that the gateway makes itself cost no tokens.
        Some(framing) if exchange.usage.is_none() && need(&settle) > UsageNeed::Never && metered => {
            let prefer_report = exchange.worker.settings.streamed_usage == StreamedUsage::Reported;
            let prompt = match &exchange.request.body {
                MessageBody::Buffered(bytes) => Some(Arc::new(Prompt { body: Some(bytes.clone()) })),
                _ => exchange.prompt.take().map(|body| Arc::new(Prompt { body: Some(body) })),
            };
            Some(Meter::new(framing, prefer_report, prompt))
        }
        _ => None,
    };
    body.with_observer(Box::new(Watcher { settle, meter, usage: exchange.usage, status: status.as_u16(), bytes: 0 }))
}

/// Sees the response go.
struct Watcher {
    settle: Vec<Box<dyn Settle>>,
    meter: Option<Meter>,
    /// Known already: outbound may have changed the body since.
    usage: Option<Usage>,
    status: u16,
    bytes: u64,
}

impl FrameObserver for Watcher {
    fn data(&mut self, data: &Bytes) {
        self.bytes += data.len() as u64;
        if let Some(meter) = &mut self.meter {
            meter.data(data);
        }
    }

    fn end(&mut self, end: BodyEnd<'_>) {
        let usage = self.usage.or_else(|| self.meter.take().and_then(Meter::finish));
        let ending = Ending { status: self.status, usage, complete: matches!(end, BodyEnd::Complete), bytes: self.bytes };
        for one in self.settle.drain(..) {
            one.end(&ending);
        }
    }
}
