//! Where the next forward goes.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use http::header::{HeaderValue, RETRY_AFTER};
use tokio::time::Instant;

use super::target::Security;
use super::{Kind, Pool, Single};
use crate::gateway::exchange::{Destination, Exchange};
use crate::gateway::failure::{Answer, AnswerBody, Failure};
use crate::gateway::message::{MessageBody, ResponseMessage};
use crate::gateway::snapshot::{BackendIndex, BaseUrl, Snapshot};
use crate::gateway::upstream::Target;

/// Where a request goes.
#[derive(Debug)]
pub(super) struct Place<'s> {
    /// The URL in front.
    pub base: Arc<BaseUrl>,
    /// The way there.
    pub target: Arc<Target>,
    /// The backend entity, if it is one: a single one or a pool's member.
    pub single: Option<(BackendIndex, &'s Single)>,
    /// `Set-Cookie` of a session that starts here.
    pub cookie: Option<HeaderValue>,
}

/// Chooses: a pool's next member, a single backend, or a URL.
///
/// # Errors
/// A breaker is open (503; `context.Response` is that answer already, as conditions in Microsoft's samples expect), or there is no
/// way there.
pub(super) fn choose<'s>(exchange: &mut Exchange, snapshot: &'s Snapshot) -> Result<Place<'s>, Failure> {
    let place = match exchange.destination.clone() {
        Destination::Backend(index) => return entity(exchange, snapshot, index),
        Destination::Url(base) => base,
        Destination::Service => {
            let api = exchange.api.and_then(|index| snapshot.api(index));
            // What the service answers is not documented (assumed).
            api.and_then(|api| api.service_url.clone()).ok_or_else(|| {
                Failure::internal("BackendServiceUrlMissing", "The API has no backend: neither `serviceUrl` nor a policy names one.")
            })?
        }
    };
    let target = plain_target(exchange, &place, &Security::default())?;
    exchange.backend = None;
    Ok(Place { base: place, target, single: None, cookie: None })
}

fn entity<'s>(exchange: &mut Exchange, snapshot: &'s Snapshot, index: BackendIndex) -> Result<Place<'s>, Failure> {
    let Some(backend) = snapshot.backend(index) else { return Err(unusable("the backend is gone")) };
    match &backend.kind {
        Kind::Single(single) => match single.breaker.tripped() {
            None => member(exchange, index, single, None),
            Some(until) => Err(tripped(exchange, index, single, until)),
        },
        Kind::Pool(pool) => {
            let worker = &exchange.worker;
            let choice = pool.choose(snapshot, &exchange.request.headers, worker.settings.weighted_choice, &*worker.state.random);
            match choice {
                Err(exhausted) => Err(pool_exhausted(exchange, index, pool, exhausted.until)),
                Ok(choice) => match snapshot.backend(choice.backend).map(|backend| &backend.kind) {
                    Some(Kind::Single(single)) => member(exchange, choice.backend, single, choice.cookie),
                    Some(Kind::Unusable(reason)) => Err(unusable(reason)),
                    // The service takes no pools as members.
                    Some(Kind::Pool(_)) | None => Err(unusable("a member of the pool is no single backend")),
                },
            }
        }
        Kind::Unusable(reason) => Err(unusable(reason)),
    }
}

fn member<'s>(exchange: &mut Exchange, index: BackendIndex, single: &'s Single, cookie: Option<HeaderValue>) -> Result<Place<'s>, Failure> {
    exchange.backend = Some(index);
    let target = match exchange.forwarding.client_certificate {
        None => single.target.clone(),
        Some(_) => plain_target(exchange, &single.base, &single.security)?,
    };
    Ok(Place { base: single.base.clone(), target, single: Some((index, single)), cookie })
}

/// The way to a URL; a client certificate that a policy set goes along.
fn plain_target(exchange: &Exchange, base: &BaseUrl, security: &Security) -> Result<Arc<Target>, Failure> {
    let state = &exchange.worker.state;
    let target = match &exchange.forwarding.client_certificate {
        None => base.prepared.get(base, &state.targets, &state.tls).cloned(),
        Some(client) => {
            let security = Security { client: Some(client.clone()), ..security.clone() };
            state.targets.get(base, &security, &state.tls)
        }
    };
    target.map_err(|error| Failure::internal("BackendConnectionFailure", error.to_string()))
}

/// Ours: the service would have refused the backend, or would do what is not emulated.
fn unusable(reason: &str) -> Failure {
    Failure::refused("BackendNotEmulated", StatusCode::NOT_IMPLEMENTED, format!("apimctl: {reason}")).from_source("apimctl")
}

fn tripped(exchange: &mut Exchange, index: BackendIndex, single: &Single, until: Instant) -> Failure {
    exchange.backend = Some(index);
    let status = single.rule.as_ref().and_then(|rule| rule.failure_status);
    // Documented: 503 Service Unavailable. Reason and message for `LastError` are assumed, and so is `Retry-After` here.
    unavailable(exchange, status, None, "BackendUnavailable", "The circuit breaker of the backend is open.", Some(until))
}

fn pool_exhausted(exchange: &mut Exchange, index: BackendIndex, pool: &Pool, until: Option<Instant>) -> Failure {
    exchange.backend = Some(index);
    let phrase = exchange.worker.settings.exhausted_pool_reason.replace("{pool}", &pool.name);
    let message = format!("Every backend of the pool `{}` is unavailable.", pool.name);
    // 503 and on-error: seen. `Retry-After`: the service's changelog. Reason and message for `LastError`, and the body, are assumed.
    unavailable(exchange, pool.failure_status, Some(phrase), "BackendPoolUnavailable", &message, until)
}

fn unavailable(
    exchange: &mut Exchange,
    status: Option<StatusCode>,
    phrase: Option<String>,
    reason: &'static str,
    message: &str,
    until: Option<Instant>,
) -> Failure {
    let status = status.unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let phrase = phrase.filter(|phrase| status.canonical_reason() != Some(phrase));
    let mut failure = Failure {
        source: "forward-request".into(),
        reason: reason.into(),
        message: message.to_owned(),
        answer: Box::new(Answer {
            status,
            reason: phrase,
            headers: http::HeaderMap::new(),
            body: AnswerBody::Message(status.canonical_reason().unwrap_or("Service Unavailable").to_owned()),
        }),
    };
    if let Some(until) = until {
        let left = until.saturating_duration_since(exchange.worker.state.clock.now());
        failure = failure.with_header(RETRY_AFTER, HeaderValue::from(whole_seconds(left)));
    }
    let (headers, body) = failure.answer.render(exchange.id());
    exchange.response = Some(ResponseMessage { status, reason: failure.answer.reason.clone(), headers, body: MessageBody::Buffered(body) });
    failure
}

/// Seconds, rounded up: whoever waits that long finds it closed.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}
