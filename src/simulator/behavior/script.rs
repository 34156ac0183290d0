//! Answers as a rule wants them.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};

use super::{Action, CutAt, Latency};
use crate::simulator::account::{Account, Deployment};
use crate::simulator::body::{End, Frames, Pace, SimBody, Tokens};
use crate::simulator::error::WireError;
use crate::simulator::headers::Stamp;
use crate::simulator::limits::rate_limited;
use crate::simulator::route::Route;
use crate::support::clock::SharedClock;

/// The answer of a rule that gives one of its own; `None` if the service is to answer.
pub(in crate::simulator) fn scripted(
    action: &Action,
    stamp: &Stamp,
    route: Option<&Route>,
    account: &Account,
) -> Option<Response<SimBody>> {
    let throttled = match (action.throttle, route) {
        (Some(wait), Some(route)) => {
            let name = route.deployment.clone().unwrap_or_default();
            let unknown = || Deployment::new(name.clone(), name.clone(), "");
            let deployment = account.deployment(&name).cloned().unwrap_or_else(unknown);
            Some(rate_limited(account, &deployment, route, "token", "tokens", wait))
        }
        _ => None,
    };
    if throttled.is_none() && action.status.is_none() && action.body.is_none() {
        return None;
    }
    let status = action.status.or(throttled.as_ref().map(|error| error.status)).unwrap_or(http::StatusCode::OK);
    let body = match (&action.body, &throttled) {
        (Some(body), _) => body.clone(),
        (None, Some(error)) => error.body.to_string().into(),
        (None, None) => default_body(status),
    };
    let mut response = Response::new(SimBody::whole(body));
    *response.status_mut() = status;
    for (name, value) in throttled.iter().flat_map(|error| &error.headers) {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(*name, value);
        }
    }
    stamp.write(response.headers_mut(), status.is_success(), false);
    edit(response.headers_mut(), action);
    Some(response)
}

/// Errors without a body of their own have one of the service's form.
fn default_body(status: http::StatusCode) -> Bytes {
    if status.is_success() || status.is_informational() || matches!(status.as_u16(), 204 | 304) {
        return Bytes::new();
    }
    WireError::plain(status, status.as_str(), status.canonical_reason().unwrap_or("Error")).body.to_string().into()
}

/// Headers as the rule wants them.
pub(in crate::simulator) fn edit(headers: &mut HeaderMap, action: &Action) {
    for name in &action.without_headers {
        headers.remove(name);
    }
    for name in action.headers.keys() {
        headers.remove(name);
    }
    for (name, value) in &action.headers {
        headers.append(name, value.clone());
    }
}

/// The body as the rule wants it.
pub(in crate::simulator) fn shape(body: SimBody, action: &Action, clock: &SharedClock, latency: Latency) -> SimBody {
    let end = end(action);
    if !action.malformed && end == End::Whole {
        return body;
    }
    let bytes = body.into_whole().unwrap_or_default();
    let bytes = if action.malformed { broken(&bytes) } else { bytes };
    if end == End::Whole {
        return SimBody::whole(bytes);
    }
    let ends = vec![u32::try_from(bytes.len()).unwrap_or(u32::MAX)];
    let frames = Frames { buffer: bytes, ends, tokens: Tokens { first: 0, end: 1 } };
    SimBody::script(frames, Pace { first_token: std::time::Duration::ZERO, per_token: latency.per_token }, end, clock)
}

pub(in crate::simulator) fn end(action: &Action) -> End {
    match action.cut {
        Some(CutAt::AfterFrames(frames)) => End::AfterFrames(frames),
        Some(CutAt::AfterBytes(bytes)) => End::AfterBytes(bytes),
        Some(CutAt::BeforeFirstByte) | None if action.endless => End::Never,
        Some(CutAt::BeforeFirstByte) | None => End::Whole,
    }
}

/// JSON that breaks off in the middle. Half of valid JSON of one value is none, unless it is a number.
pub(in crate::simulator) fn broken(body: &Bytes) -> Bytes {
    match body.len() {
        0..=3 => Bytes::from_static(b"{\"error\":"),
        length => body.slice(..length / 2),
    }
}
