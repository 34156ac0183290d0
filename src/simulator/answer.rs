//! What the service answers when nothing goes wrong.

mod chat;
mod completions;
mod embeddings;
mod filter;
mod listing;
mod model;
mod responses;
mod safety;
mod sse;
mod text;
mod tools;

use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use serde_json::Value;

pub(super) use self::responses::Stored;
use super::Simulator;
use super::account::{Account, Deployment};
use super::behavior::{Action, Latency, edit, end, shape};
use super::body::{End, Frames, Pace, SimBody};
use super::error::WireError;
use super::headers::Stamp;
use super::journal::Usage;
use super::limits::Remaining;
use super::route::{Operation, Route};
use crate::support::clock::SharedClock;

/// An answer, before it is known how fast it is to come.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    body: Bytes,
    /// A stream instead of `body`.
    pub(super) frames: Option<Frames>,
    headers: Vec<(&'static str, String)>,
    remaining: Remaining,
    pub(super) usage: Option<Usage>,
}

impl Answer {
    pub(super) fn json(body: impl Into<Bytes>) -> Self {
        Self { status: StatusCode::OK, body: body.into(), frames: None, headers: Vec::new(), remaining: Remaining::Unlimited, usage: None }
    }

    pub(super) fn error(error: WireError) -> Self {
        Self { status: error.status, headers: error.headers, ..Self::json(error.body.to_string()) }
    }

    fn stream(frames: Frames) -> Self {
        Self { frames: Some(frames), ..Self::json(Bytes::new()) }
    }

    fn used(mut self, usage: Usage, remaining: Remaining) -> Self {
        self.usage = Some(usage);
        self.remaining = remaining;
        self
    }

    /// Headers and body, as the rule wants them.
    pub(super) fn respond(self, stamp: &Stamp, action: Option<&Action>, clock: &SharedClock, latency: Latency) -> Response<SimBody> {
        let streaming = self.frames.is_some();
        let body = match self.frames {
            Some(mut frames) => {
                let end = action.map_or(End::Whole, end);
                if action.is_some_and(|action| action.malformed) {
                    break_one(&mut frames);
                }
                SimBody::script(frames, Pace { first_token: latency.first_token, per_token: latency.per_token }, end, clock)
            }
            None => match action {
                Some(action) => shape(SimBody::whole(self.body), action, clock, latency),
                None => SimBody::whole(self.body),
            },
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if streaming {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
        }
        stamp.write(headers, self.status.is_success(), streaming);
        self.remaining.write(headers);
        for (name, value) in &self.headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(*name, value);
            }
        }
        if let Some(action) = action {
            edit(headers, action);
        }
        response
    }
}

/// Breaks the JSON of the middle frame off.
fn break_one(frames: &mut Frames) {
    let middle = frames.ends.len() / 2;
    let start = middle.checked_sub(1).and_then(|before| frames.ends.get(before)).copied().unwrap_or(0);
    let Some(end) = frames.ends.get(middle).copied() else { return };
    // The event keeps its blank line, so that only its data is at fault.
    let half = start + (end - start) / 2;
    let mut bytes = frames.buffer.to_vec();
    for byte in bytes.get_mut(half as usize..(end as usize).saturating_sub(2)).into_iter().flatten() {
        *byte = b' ';
    }
    frames.buffer = bytes.into();
}

/// What a model's answer is made of.
struct Making<'a> {
    simulator: &'a Simulator,
    account: &'a Account,
    deployment: &'a Deployment,
    route: &'a Route,
    body: &'a Value,
    action: Option<&'a Action>,
}

impl Making<'_> {
    /// Seconds since 1970, for `created`.
    fn created(&self) -> i64 {
        self.simulator.0.clock.utc().unix_timestamp()
    }

    /// `prefix` and random hexadecimal digits.
    fn id(&self, prefix: &str, length: usize) -> String {
        format!("{prefix}{}", self.simulator.0.random.hex(length))
    }

    /// Charges the request.
    fn admit(&self, tokens: u64) -> Result<Remaining, WireError> {
        let now = self.simulator.0.clock.now();
        self.simulator.0.limits.admit(self.account, self.deployment, self.route, tokens, now)
    }
}

/// Answers a request whose route and access are good.
pub(super) fn make(
    simulator: &Simulator,
    account: &Arc<Account>,
    route: &Route,
    body: &Bytes,
    action: Option<&Action>,
) -> Result<Answer, WireError> {
    match route.operation {
        Operation::Models => listing::models(account, route),
        Operation::Deployments => listing::deployments(account, route),
        Operation::AnalyzeText => safety::analyze(body),
        Operation::ShieldPrompt => safety::shield(body),
        Operation::StoredResponse => simulator.0.stored.answer(account, route),
        Operation::ChatCompletions | Operation::Completions | Operation::Embeddings | Operation::Responses => {
            let parsed: Value = serde_json::from_slice(body).map_err(|_| WireError::malformed())?;
            if !parsed.is_object() {
                return Err(WireError::malformed());
            }
            let Some(name) = route.deployment.as_deref() else { return Err(WireError::missing_parameter("model")) };
            let deployment = account.deployment(name).ok_or_else(WireError::no_deployment)?;
            if !model::can(&deployment.model, route.operation) {
                return Err(WireError::not_supported(route.operation.verb(), &deployment.model));
            }
            let making = Making { simulator, account, deployment, route, body: &parsed, action };
            match route.operation {
                Operation::Completions => completions::make(&making),
                Operation::Embeddings => embeddings::make(&making),
                Operation::Responses => responses::make(&making),
                _ => chat::make(&making),
            }
        }
    }
}
