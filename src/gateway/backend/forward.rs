//! Sends the request to the backend that was chosen, and takes its answer.
//!
//! Rules: "forward-request" and "Backends in API Management", and what was seen live: a transport failure leaves `context.Response` null,
//! each forward chooses anew, a request body is gone after the first forward unless it is buffered.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT_ENCODING, CONTENT_TYPE, HOST, HeaderName, HeaderValue, RETRY_AFTER, SET_COOKIE, UPGRADE};
use http::uri::PathAndQuery;
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use hyper::ext::ReasonPhrase;
use serde_json::json;
use smallvec::SmallVec;

use super::breaker::Outcome;
use super::certificate::ClientIdentity;
use super::choose::{Place, choose};
use super::shown;
use super::target::Security;
use crate::gateway::answered;
use crate::gateway::body::Body;
use crate::gateway::exchange::{Attempt, Exchange};
use crate::gateway::failure::{AnswerBody, CALLER_GONE, Failure};
use crate::gateway::front::Peer;
use crate::gateway::message::{MessageBody, ResponseMessage};
use crate::gateway::program::Flow;
use crate::gateway::snapshot::{BackendIndex, BaseUrl};
use crate::gateway::upstream::{HttpVersion, SendFailure, SendOptions, UpgradedBackend};
use crate::gateway::worker::Worker;
use crate::policy::Scope;

/// Chunks are collected to this size under `buffer-response` (its page).
const RESPONSE_BUFFER: usize = 8 * 1024;
/// What is left of an answer that nobody wants is read up to this size, so that its connection can serve again.
const DISCARDED: usize = 64 * 1024;
/// And for so long.
const PATIENCE: Duration = Duration::from_secs(1);
/// .NET's own limit (assumed for the service).
const MOST_REDIRECTS: usize = 50;

/// What policies said about forwarding, and what came of it.
#[derive(Debug, Default)]
pub struct Forwarding {
    /// `authentication-certificate`.
    pub client_certificate: Option<Arc<ClientIdentity>>,
    /// A token of one of the service's identities was handed out to this request.
    pub carries_token: bool,
    /// Scope of the document that named a backend entity.
    pub entity_scope: Option<Scope>,
    /// The backend's end of a WebSocket connection, for the front.
    pub upgraded: Option<UpgradedBackend>,
}

/// Attributes of `forward-request`, evaluated.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// `timeout`, `timeout-ms`: until the head of the answer is there.
    pub timeout: Duration,
    /// `continue-timeout`: until the backend asks for the body.
    pub leave: Option<Duration>,
    /// `http-version`.
    pub version: HttpVersion,
    /// `follow-redirects`.
    pub follow_redirects: bool,
    /// `buffer-request-body`.
    pub buffer_request_body: bool,
    /// `buffer-response`.
    pub buffer_response: bool,
    /// `fail-on-error-status-code`.
    pub fail_on_error_status: bool,
}

/// Forwards the request. `context.Response` is null meanwhile.
///
/// # Errors
/// `BackendConnectionFailure`, `Timeout`, `ClientConnectionFailure`; an open breaker; an error status under `fail-on-error-status-code`.
pub async fn forward(exchange: &mut Exchange, options: Options) -> Result<Flow, Failure> {
    if let Some(old) = exchange.response.take() {
        let_go(&exchange.worker, old);
    }
    let snapshot = exchange.snapshot.clone();
    let place = choose(exchange, &snapshot).inspect_err(|failure| note_refusal(exchange, failure))?;
    exchange.request.url.base = place.base.clone();
    let token = token(exchange, &place).await?;
    let body = body(exchange, options.buffer_request_body).await?;
    let mut request = Request::new(body);
    *request.method_mut() = exchange.request.method.clone();
    *request.uri_mut() = Uri::from(target_of(exchange, &place)?);
    // The headers are changed in place and given back afterwards as they were: what is for one backend only must not be seen by policies
    // or reach the next backend.
    let mut headers = mem::take(&mut exchange.request.headers);
    let displaced = prepare(exchange, &place, token.as_ref(), &mut headers);
    *request.headers_mut() = headers;
    let started = exchange.worker.state.clock.now();
    exchange.note("forward-request", |exchange| {
        json!({
            "message": "Request is being forwarded to the backend service.",
            "request": {
                "method": exchange.request.method.as_str(),
                "url": shown::url(&place.base.to_string(), &exchange.request.url.path, exchange.request.url.query.as_deref()),
                "headers": shown::headers(request.headers(), exchange.key_header()),
            }
        })
    });
    let worker = exchange.worker.clone();
    let send = SendOptions { response_head: options.timeout, version: options.version, leave: options.leave, ..SendOptions::default() };
    let result = if options.follow_redirects {
        following(&worker, &place, &mut request, &send).await
    } else {
        worker.upstream.send_lent(&place.target, &mut request, &send).await
    };
    exchange.request.headers = mem::take(request.headers_mut());
    displaced.put_back(&mut exchange.request.headers);
    let elapsed = worker.state.clock.now().duration_since(started);
    match result {
        Ok(response) => answered(exchange, &place, response, elapsed, options),
        Err(failure) => Err(failed(exchange, &place, &failure, elapsed)),
    }
}

/// Lets go of an answer that a retry replaces. The rest of it is read beside the next attempt, which does not wait for that.
fn let_go(worker: &Arc<Worker>, old: ResponseMessage) {
    if let MessageBody::Stream(body) = old.body
        && !body.is_empty()
    {
        let worker = worker.clone();
        tokio::spawn(async move { worker.upstream.discard(Response::new(body), DISCARDED, PATIENCE).await });
    }
}

/// The token of the backend's managed identity; checks that no real token goes where it should not.
async fn token(exchange: &mut Exchange, place: &Place<'_>) -> Result<Option<HeaderValue>, Failure> {
    let identity = place.single.and_then(|(_, single)| single.credentials.managed_identity.as_ref());
    if identity.is_none() && !exchange.forwarding.carries_token {
        return Ok(None);
    }
    may_carry_token(exchange, &place.base)?;
    match identity {
        None => Ok(None),
        Some(Ok(slot)) => {
            let state = exchange.worker.state.clone();
            Ok(Some(slot.ready(&state).await?.header.clone()))
        }
        Some(Err(error)) => Err(error.clone().into()),
    }
}

/// Checks that a request that carries a token of the service's identity may go to `base`.
///
/// # Errors
/// Ours: the token is real, and the host is none of Azure OpenAI's.
pub fn may_carry_token(exchange: &Exchange, base: &BaseUrl) -> Result<(), Failure> {
    if exchange.worker.state.tokens_from.may_go_to(base.https, &base.host) {
        return Ok(());
    }
    let message = format!(
        "apimctl does not send a token of your own login to `{}`: it is no https host of Azure OpenAI, and was not consented to",
        base.host
    );
    Err(Failure::refused("TokenDestinationRefused", StatusCode::FORBIDDEN, message).from_source("apimctl"))
}

/// The body that is sent. Kept for another attempt only if it is buffered.
async fn body(exchange: &mut Exchange, buffer: bool) -> Result<Body, Failure> {
    if buffer {
        let limit = exchange.worker.limits.buffered_body;
        return exchange.request.body.buffer(limit).await.map(Body::full);
    }
    // Tokens of a stream without a report are estimated from the prompt, so it is kept. There is no second attempt with it all the same.
    let json = exchange.request.headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if json && answered::meters(exchange) && !matches!(exchange.request.body, MessageBody::Empty | MessageBody::Consumed) {
        let limit = exchange.worker.limits.buffered_body;
        let bytes = exchange.request.body.buffer(limit).await?;
        exchange.request.body = MessageBody::Consumed;
        exchange.prompt = Some(bytes.clone());
        return Ok(Body::full(bytes));
    }
    Ok(match mem::replace(&mut exchange.request.body, MessageBody::Consumed) {
        MessageBody::Stream(body) => body,
        MessageBody::Buffered(bytes) => Body::full(bytes),
        MessageBody::Empty => {
            exchange.request.body = MessageBody::Empty;
            Body::empty()
        }
        MessageBody::Consumed => Body::empty(),
    })
}

/// Path and query as they go out.
fn target_of(exchange: &Exchange, place: &Place<'_>) -> Result<PathAndQuery, Failure> {
    let url = &exchange.request.url;
    let win = exchange.worker.settings.backend_credentials_win;
    let query = match place.single {
        Some((_, single)) => single.credentials.query(url.query.as_deref(), win),
        None => url.query.as_deref().map(Into::into),
    };
    let mut text = String::with_capacity(place.base.path.len() + url.path.len() + query.as_ref().map_or(0, |query| query.len() + 1) + 1);
    text.push_str(&place.base.path);
    text.push_str(&url.path);
    if text.is_empty() {
        text.push('/');
    }
    if let Some(query) = query {
        text.push('?');
        text.push_str(&query);
    }
    path_and_query(text).ok_or_else(|| Failure::internal("BackendConnectionFailure", "The backend's URL is not valid."))
}

/// What a policy wrote may hold letters that have to be encoded.
fn path_and_query(text: String) -> Option<PathAndQuery> {
    use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
    const UNSAFE: &AsciiSet =
        &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`').add(b'#').add(b'\\').add(b'^').add(b'{').add(b'|').add(b'}');
    let sound =
        |byte: u8| (0x21..0x7f).contains(&byte) && !matches!(byte, b'"' | b'<' | b'>' | b'`' | b'#' | b'\\' | b'^' | b'{' | b'|' | b'}');
    let text = if text.bytes().all(sound) { text } else { utf8_percent_encode(&text, UNSAFE).to_string() };
    let text = if text.starts_with('/') { text } else { format!("/{text}") };
    PathAndQuery::from_maybe_shared(bytes::Bytes::from(text)).ok()
}

/// Makes the headers as they go out. What belongs to the connection is left out by the transport.
fn prepare(exchange: &Exchange, place: &Place<'_>, token: Option<&HeaderValue>, headers: &mut HeaderMap) -> Displaced {
    let mut displaced = Displaced(SmallVec::new());
    // The caller's `Host` goes no further. The very value that came in, not one like it: a policy that preserves the host writes its own.
    let came = |host: &HeaderValue, own: &HeaderValue| std::ptr::eq(host.as_bytes(), own.as_bytes());
    if let (Some(host), Some(own)) = (headers.get(HOST), &exchange.original.host)
        && came(host, own)
    {
        displaced.set(headers, HOST, place.target.host_header().clone());
    }
    let websocket = exchange.operation.and_then(|index| exchange.snapshot.operation(index)).is_some_and(|operation| operation.websocket);
    if !websocket && headers.contains_key(UPGRADE) {
        displaced.keep(headers, &UPGRADE);
        headers.remove(UPGRADE);
    }
    if answered::meters(exchange) {
        // A compressed answer could not be metered.
        displaced.set(headers, ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    forwarded_for(headers, &exchange.peer, &mut displaced);
    if let Some((_, single)) = place.single {
        for name in single.credentials.names(token.is_some()) {
            displaced.keep(headers, name);
        }
        single.credentials.apply(headers, token, exchange.worker.settings.backend_credentials_win);
    }
    displaced
}

/// A header as it was before: the name, its value, and the further ones that a field seldom has.
type Before = (HeaderName, Option<HeaderValue>, Vec<HeaderValue>);

/// Headers as they were before.
struct Displaced(SmallVec<[Before; 5]>);

impl Displaced {
    fn keep(&mut self, headers: &HeaderMap, name: &HeaderName) {
        let mut values = headers.get_all(name).iter().cloned();
        self.0.push((name.clone(), values.next(), values.collect()));
    }

    fn set(&mut self, headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
        self.keep(headers, &name);
        headers.insert(name, value);
    }

    fn put_back(self, headers: &mut HeaderMap) {
        for (name, first, further) in self.0.into_iter().rev() {
            match first {
                Some(value) => {
                    headers.insert(&name, value);
                }
                None => {
                    headers.remove(&name);
                }
            }
            for value in further {
                headers.append(&name, value);
            }
        }
    }
}

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Adds the caller's address, behind those of proxies before us.
fn forwarded_for(headers: &mut HeaderMap, peer: &Peer, displaced: &mut Displaced) {
    let Some(caller) = peer.forwarded() else { return };
    let value = if headers.contains_key(&FORWARDED_FOR) {
        let before = headers.get_all(&FORWARDED_FOR).iter().chain([caller]).map(HeaderValue::as_bytes);
        HeaderValue::try_from(before.collect::<Vec<_>>().join(b", ".as_slice())).ok()
    } else {
        Some(caller.clone())
    };
    if let Some(value) = value {
        displaced.set(headers, FORWARDED_FOR, value);
    }
}

/// Sends, and goes where redirects point.
///
/// As .NET's client does (assumed for the service): 301, 302 and 303 turn a POST into a GET, 307 and 308 repeat the request if its body
/// is in memory; `Authorization` stays behind; https never leads to http.
async fn following(
    worker: &Worker,
    place: &Place<'_>,
    lent: &mut Request<Body>,
    options: &SendOptions,
) -> Result<Response<Body>, SendFailure> {
    let mut request = Request::new(mem::take(lent.body_mut()));
    *request.method_mut() = lent.method().clone();
    *request.uri_mut() = lent.uri().clone();
    *request.headers_mut() = lent.headers().clone();
    let clock = &worker.state.clock;
    let deadline = clock.now() + options.response_head;
    let mut base = place.base.clone();
    let mut target = place.target.clone();
    for _ in 0..MOST_REDIRECTS {
        let (method, uri, headers, whole) =
            (request.method().clone(), request.uri().clone(), request.headers().clone(), request.body().whole());
        let options = SendOptions { response_head: deadline.saturating_duration_since(clock.now()), ..*options };
        let response = worker.upstream.send(&target, request, &options).await?;
        let Some((next_base, next_uri)) = location(&response, &base, &uri) else { return Ok(response) };
        let keeps = matches!(response.status(), StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
        let same_host = next_base.host == base.host && next_base.port == base.port && next_base.https == base.https;
        let next_target = if same_host {
            target.clone()
        } else {
            match worker.state.targets.get(&next_base, &Security::default(), &worker.state.tls) {
                Ok(target) => target,
                Err(_) => return Ok(response),
            }
        };
        let (method, body) = match (keeps, whole) {
            (true, Some(bytes)) => (method, Body::full(bytes)),
            (true, None) => return Ok(response),
            (false, _) if method == http::Method::HEAD => (method, Body::empty()),
            (false, Some(bytes)) if method != http::Method::POST && response.status() != StatusCode::SEE_OTHER => {
                (method, Body::full(bytes))
            }
            (false, _) => (http::Method::GET, Body::empty()),
        };
        worker.upstream.discard(response, DISCARDED, PATIENCE).await;
        request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = next_uri;
        *request.headers_mut() = headers;
        let headers = request.headers_mut();
        headers.remove(http::header::AUTHORIZATION);
        if !same_host {
            headers.remove(HOST);
            // The entity's credentials are for its own host.
            for (name, _) in place.single.iter().flat_map(|(_, single)| &single.credentials.headers) {
                headers.remove(name);
            }
        }
        (base, target) = (Arc::new(next_base), next_target);
    }
    let options = SendOptions { response_head: deadline.saturating_duration_since(clock.now()), ..*options };
    worker.upstream.send(&target, request, &options).await
}

/// Where a redirect points; nothing if it is none, or must not be followed.
fn location(response: &Response<Body>, base: &BaseUrl, uri: &Uri) -> Option<(BaseUrl, Uri)> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers().get(http::header::LOCATION)?.to_str().ok()?;
    let root = BaseUrl { path: String::new(), ..base.clone() };
    let now = url::Url::parse(&format!("{root}{uri}")).ok()?;
    let next = now.join(location).ok()?;
    let next_base = BaseUrl { path: String::new(), ..BaseUrl::parse(next.as_str())? };
    if base.https && !next_base.https {
        return None;
    }
    let target = next.query().map_or_else(|| next.path().to_owned(), |query| format!("{}?{query}", next.path()));
    Some((next_base, Uri::from(path_and_query(target)?)))
}

fn answered(
    exchange: &mut Exchange,
    place: &Place<'_>,
    response: Response<Body>,
    elapsed: Duration,
    options: Options,
) -> Result<Flow, Failure> {
    let (mut parts, body) = response.into_parts();
    let status = parts.status;
    let mut trip = None;
    if let Some((index, single)) = place.single
        && let Some(rule) = &single.rule
    {
        let retry_after = if rule.accept_retry_after { retry_after(&parts.headers, &exchange.worker) } else { None };
        let tripped = single.breaker.record(rule, Outcome::Status { status: status.as_u16(), retry_after });
        trip = note_trip(exchange, index, tripped);
    }
    attempt(exchange, place, Ok(status.as_u16()), elapsed, trip);
    if let Some(cookie) = &place.cookie {
        parts.headers.append(SET_COOKIE, cookie.clone());
    }
    exchange.forwarding.upgraded = parts.extensions.remove::<UpgradedBackend>();
    // Only chunked answers are buffered (its page).
    let body =
        if options.buffer_response && http_body::Body::size_hint(&body).exact().is_none() { body.gathered(RESPONSE_BUFFER) } else { body };
    let reason = parts.extensions.remove::<ReasonPhrase>().map(|reason| String::from_utf8_lossy(reason.as_bytes()).into_owned());
    exchange.response = Some(ResponseMessage {
        status,
        reason,
        headers: parts.headers,
        body: if body.is_empty() { MessageBody::Empty } else { MessageBody::Stream(body) },
    });
    exchange.note("forward-request", |exchange| {
        let response = exchange.response.as_ref();
        json!({ "response": {
            "status": { "code": status.as_u16(), "reason": response.map(ResponseMessage::reason) },
            "headers": response.map(|response| shown::headers(&response.headers, None)),
        } })
    });
    if options.fail_on_error_status && (status.is_client_error() || status.is_server_error()) {
        // The page names the section and the statuses; reason and message are assumed. on-error finds the backend's answer.
        let mut failure = Failure::internal("BackendErrorStatusCode", format!("The backend answered with status {}.", status.as_u16()));
        failure.answer.status = status;
        failure.answer.body = AnswerBody::Kept;
        return Err(failure);
    }
    Ok(Flow::Next)
}

fn failed(exchange: &mut Exchange, place: &Place<'_>, failure: &SendFailure, elapsed: Duration) -> Failure {
    let (reason, message) = if failure.by_client() {
        (CALLER_GONE, "The operation was canceled.".to_owned())
    } else if failure.timed_out {
        // The words of a trace seen on Azure.
        ("Timeout", "Request to the backend service timed out".to_owned())
    } else {
        ("BackendConnectionFailure", failure.to_string())
    };
    let mut trip = None;
    if !failure.by_client()
        && let Some((index, single)) = place.single
        && let Some(rule) = &single.rule
    {
        let tripped = single.breaker.record(rule, Outcome::Failed);
        trip = note_trip(exchange, index, tripped);
    }
    attempt(exchange, place, Err(reason), elapsed, trip);
    Failure::internal(reason, message)
}

fn attempt(exchange: &mut Exchange, place: &Place<'_>, outcome: Result<u16, &'static str>, elapsed: Duration, tripped: Option<Duration>) {
    let after = exchange.elapsed().saturating_sub(elapsed);
    exchange.attempts.push(Attempt { backend: place.single.map(|(index, _)| index), outcome, after, elapsed, tripped });
}

/// For how long the breaker tripped, if it did.
fn note_trip(exchange: &mut Exchange, index: BackendIndex, until: Option<tokio::time::Instant>) -> Option<Duration> {
    let left = until?.saturating_duration_since(exchange.worker.state.clock.now());
    exchange.note("circuit-breaker", |exchange| {
        let name = exchange.snapshot.backend(index).map(|backend| backend.name.as_str());
        json!({ "message": "The circuit breaker of the backend tripped.", "backend": name, "seconds": left.as_secs_f64() })
    });
    Some(left)
}

fn note_refusal(exchange: &mut Exchange, failure: &Failure) {
    let status = failure.answer.status.as_u16();
    exchange.note("forward-request", |_| json!({ "message": "The request was not sent.", "reason": failure.message, "status": status }));
}

/// `Retry-After` in seconds, or as a date where that counts.
fn retry_after(headers: &HeaderMap, worker: &Worker) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    if !worker.settings.retry_after_dates {
        return None;
    }
    let date = time::OffsetDateTime::from(httpdate::parse_http_date(text).ok()?);
    // A date that has passed is no time at all.
    Some(Duration::try_from(date - worker.state.clock.utc()).unwrap_or_default())
}
