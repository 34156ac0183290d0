//! Calls to backends: prepared targets, connections of each worker's own, and failures that say how far a call got.
//!
//! HTTP/1.1 is spoken here and not by hyper's client, for three reasons: a call that fails must tell how many bytes went
//! each way; a request must be sent again on a fresh connection when a kept one was dead, without a copy of its headers;
//! and the connection is driven by the call that waits for it, without a task and channels between.

mod chunks;
mod connector;
mod failure;
mod head;
mod outgoing;
mod pool;
mod target;
mod tls;
mod wire;

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, poll_fn, select};
use http::header::HOST;
use http::uri::PathAndQuery;
use http::{HeaderMap, Request, Response, StatusCode, Uri, Version};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::time::Instant;

pub use self::connector::{BoxedIo, Connected, Connector, HttpVersion, Io, Network, Protocol, secure};
pub use self::failure::{ConnectFailure, FailureCause, Phase, SendFailure, WireError};
use self::head::Head;
pub(super) use self::outgoing::asks_for_websocket;
use self::outgoing::is_of_connection;
pub use self::pool::PoolLimits;
use self::pool::{Key, Pool};
pub use self::target::{Target, TargetError};
pub use self::tls::{ClientCertificate, DefaultTls, TlsOptions, TlsSettings, native_roots};
use self::wire::Connection;
pub use self::wire::Received;
use super::body::Body;
use crate::support::clock::SharedClock;

/// What a call may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendOptions {
    /// For a connection: name, TCP and TLS together.
    pub connect: Duration,
    /// From the call's beginning until the head of the answer has come; `forward-request`'s `timeout`.
    pub response_head: Duration,
    /// `forward-request`'s `http-version`.
    pub version: HttpVersion,
    /// `forward-request`'s `continue-timeout`: over HTTP/1.1 a body waits for `100 Continue`, for so long. (HTTP/2 has flow control for that.)
    pub leave: Option<Duration>,
}

impl Default for SendOptions {
    /// `timeout` 300 s and HTTP/1.1 are the policy reference's defaults; the connect limit is assumed.
    fn default() -> Self {
        Self { connect: Duration::from_secs(30), response_head: Duration::from_secs(300), version: HttpVersion::Http1, leave: None }
    }
}

/// A worker's way to its backends.
pub struct Upstream {
    connector: Arc<dyn Connector>,
    pool: Arc<Pool>,
    clock: SharedClock,
}

impl Upstream {
    /// With connections of its own by `connector`.
    #[must_use]
    pub fn new(connector: Arc<dyn Connector>, clock: SharedClock, limits: PoolLimits) -> Self {
        Self { connector, pool: Pool::new(limits, clock.clone()), clock }
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// The request's path and query go out as they are; its scheme and authority do not matter. A `Host` header goes out as
    /// it is; without one the target's is sent. Fields that belong to a connection (`Connection` and what it names,
    /// `Transfer-Encoding`, …) stay behind both ways, `Content-Length` is the body's own.
    ///
    /// Dropping this future, or the body of the answer, aborts the call. A kept connection that turns out to be dead before
    /// a byte of an answer came is replaced once, if what was sent of the request can be sent again (a body in memory, or
    /// 64 KiB of one that streams).
    ///
    /// An answer with status 101 (only to a request for WebSocket) carries an [`UpgradedBackend`] extension.
    ///
    /// # Errors
    /// No head of an answer came; says how far the call got.
    pub async fn send(&self, target: &Target, mut request: Request<Body>, options: &SendOptions) -> Result<Response<Body>, SendFailure> {
        self.send_either(target, &mut request, false, options).await
    }

    /// The same with a request that is only lent: its body is taken, its head is left as it was (over HTTP/1.1 without a copy).
    ///
    /// # Errors
    /// As [`Upstream::send`].
    pub async fn send_lent(
        &self,
        target: &Target,
        request: &mut Request<Body>,
        options: &SendOptions,
    ) -> Result<Response<Body>, SendFailure> {
        self.send_either(target, request, true, options).await
    }

    async fn send_either(
        &self,
        target: &Target,
        request: &mut Request<Body>,
        lent: bool,
        options: &SendOptions,
    ) -> Result<Response<Body>, SendFailure> {
        let deadline = self.clock.now() + options.response_head;
        let key = (target.id(), options.version);
        if options.version != HttpVersion::Http1
            && let Some(sender) = self.pool.http2(key)
        {
            return self.send_http2(sender, true, target, request, deadline).await;
        }
        let mut connection = match self.pool.take(key) {
            Some(connection) => connection,
            None => match self.connect(target, key, deadline, options).await? {
                Line::Http1(connection) => connection,
                Line::Http2(sender) => return self.send_http2(sender, false, target, request, deadline).await,
            },
        };
        connection.outgoing.begin(request, target, lent, options.leave.is_some());
        self.send_http1(connection, target, deadline, options).await
    }

    async fn send_http1(
        &self,
        mut connection: Box<Connection>,
        target: &Target,
        deadline: Instant,
        options: &SendOptions,
    ) -> Result<Response<Body>, SendFailure> {
        let mut again = connection.served > 0;
        loop {
            connection.begin();
            connection.set_deadline(deadline);
            if let Some(leave) = options.leave.filter(|_| connection.outgoing.is_held()) {
                connection.wait_for_leave(deadline.min(self.clock.now() + leave), deadline);
            }
            let cause = match poll_fn(|context| connection.poll_head(context)).await {
                Ok(head) => return Ok(answer(head, connection)),
                Err(cause) => cause,
            };
            let lost = matches!(cause, FailureCause::Wire(WireError::Io(_) | WireError::Closed));
            if again && lost && connection.received == 0 && connection.outgoing.can_rewind() {
                again = false;
                let mut outgoing = std::mem::replace(&mut connection.outgoing, outgoing::Outgoing::idle());
                let key = connection.key();
                drop(connection);
                // Only ever a connection of the same kind: HTTP/1.1 was agreed here before.
                let line = self.connect(target, key, deadline, options).await?;
                let Line::Http1(fresh) = line else { return Err(changed_protocol()) };
                connection = fresh;
                outgoing.rewind();
                connection.outgoing = outgoing;
                continue;
            }
            return Err(SendFailure {
                phase: if connection.failed_writing() { Phase::Write } else { Phase::ResponseHead },
                reused: connection.served > 0,
                bytes_sent: connection.outgoing.sent,
                bytes_received: connection.received,
                timed_out: matches!(cause, FailureCause::TimedOut),
                cause,
            });
        }
    }

    async fn send_http2(
        &self,
        mut sender: http2::SendRequest<Body>,
        reused: bool,
        target: &Target,
        lent: &mut Request<Body>,
        deadline: Instant,
    ) -> Result<Response<Body>, SendFailure> {
        let mut request = Request::new(std::mem::take(lent.body_mut()));
        *request.method_mut() = lent.method().clone();
        *request.uri_mut() = lent.uri().clone();
        *request.headers_mut() = lent.headers().clone();
        prepare_http2(&mut request, target);
        let sending = pin!(sender.send_request(request));
        match self.until(deadline, sending).await {
            Some(Ok(response)) => {
                let (mut parts, incoming) = response.into_parts();
                parts.version = Version::HTTP_11;
                Ok(Response::from_parts(parts, Body::stream(incoming)))
            }
            // hyper does not count for us.
            Some(Err(error)) => Err(SendFailure {
                phase: Phase::ResponseHead,
                reused,
                bytes_sent: 0,
                bytes_received: 0,
                timed_out: false,
                cause: FailureCause::Http2(error),
            }),
            None => Err(timed_out(Phase::ResponseHead, reused)),
        }
    }

    async fn connect(&self, target: &Target, key: Key, deadline: Instant, options: &SendOptions) -> Result<Line, SendFailure> {
        let limit = deadline.min(self.clock.now() + options.connect);
        let connecting = self.connector.connect(target, options.version);
        let connected = match self.until(limit, connecting).await {
            Some(Ok(connected)) => connected,
            Some(Err(failure)) => {
                return Err(SendFailure {
                    phase: failure.phase,
                    reused: false,
                    bytes_sent: 0,
                    bytes_received: 0,
                    timed_out: failure.source.kind() == std::io::ErrorKind::TimedOut,
                    cause: FailureCause::Connect(failure.source),
                });
            }
            None => return Err(timed_out(Phase::Connect, false)),
        };
        match connected.protocol {
            Protocol::Http1 => Ok(Line::Http1(Connection::new(connected.io, Arc::downgrade(&self.pool), key))),
            Protocol::Http2 => {
                let mut builder = http2::Builder::new(TokioExecutor::new());
                builder.timer(TokioTimer::new());
                let handshake = pin!(builder.handshake::<_, Body>(TokioIo::new(connected.io)));
                let (sender, connection) = match self.until(limit, handshake).await {
                    Some(Ok(made)) => made,
                    Some(Err(error)) => {
                        let cause = FailureCause::Http2(error);
                        return Err(SendFailure { phase: Phase::Connect, cause, ..timed_out(Phase::Connect, false) });
                    }
                    None => return Err(timed_out(Phase::Connect, false)),
                };
                // Ends with the last sender.
                tokio::spawn(async move {
                    if let Err(error) = connection.await {
                        tracing::debug!(%error, "an HTTP/2 connection to a backend ended early");
                    }
                });
                self.pool.put_http2(key, sender.clone());
                Ok(Line::Http2(sender))
            }
        }
    }

    /// What `work` brings, or nothing once `limit` is over.
    async fn until<T>(&self, limit: Instant, work: impl Future<Output = T> + Unpin) -> Option<T> {
        let left = limit.saturating_duration_since(self.clock.now());
        match select(work, self.clock.sleep(left)).await {
            Either::Left((result, _)) => Some(result),
            Either::Right(_) => None,
        }
    }

    /// Idle HTTP/1.1 connections at hand.
    #[must_use]
    pub fn idle(&self) -> usize {
        self.pool.idle()
    }

    /// Reads the rest of an answer that nobody wants, so that its connection can serve again: up to `limit` bytes and for at
    /// most `patience`. What takes more is cut off.
    pub async fn discard(&self, response: Response<Body>, limit: usize, patience: Duration) {
        let reading = pin!(response.into_body().collect(limit));
        // Either way the body is gone now.
        let _ = self.until(self.clock.now() + patience, reading).await;
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Upstream").field("pool", &self.pool).finish_non_exhaustive()
    }
}

/// A connection of either kind.
enum Line {
    Http1(Box<Connection>),
    Http2(http2::SendRequest<Body>),
}

fn timed_out(phase: Phase, reused: bool) -> SendFailure {
    SendFailure { phase, reused, bytes_sent: 0, bytes_received: 0, timed_out: true, cause: FailureCause::TimedOut }
}

fn changed_protocol() -> SendFailure {
    let cause = FailureCause::Wire(WireError::Framing("the backend agreed to HTTP/1.1 before and to HTTP/2 now"));
    SendFailure { phase: Phase::Connect, reused: false, bytes_sent: 0, bytes_received: 0, timed_out: false, cause }
}

/// The answer, with a body that reads from `connection` and gives it back at its end.
fn answer(head: Head, connection: Box<Connection>) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = head.status;
    *response.headers_mut() = head.headers;
    // A reason of the backend's own, for `context.Response.StatusReason`.
    if let Some(reason) = head.reason.and_then(|reason| hyper::ext::ReasonPhrase::try_from(reason).ok()) {
        response.extensions_mut().insert(reason);
    }
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        let (io, read_ahead) = connection.into_stream();
        response.extensions_mut().insert(UpgradedBackend(Arc::new(Mutex::new(Some((io, read_ahead))))));
    } else {
        *response.body_mut() = Body::backend(Received::new(connection, head.decoder, head.keep));
    }
    response
}

/// HTTP/2 wants an absolute URI and no fields of the connection.
fn prepare_http2(request: &mut Request<Body>, target: &Target) {
    let authority = request.headers_mut().remove(HOST).and_then(|host| host.to_str().ok()?.parse().ok());
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(target.scheme());
    parts.authority = Some(authority.unwrap_or_else(|| target.authority().clone()));
    parts.path_and_query.get_or_insert_with(|| PathAndQuery::from_static("/"));
    // Scheme, authority and path are all there, which is all that could be missing.
    *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
    *request.version_mut() = Version::HTTP_2;
    strip_connection_fields(request.headers_mut());
}

fn strip_connection_fields(headers: &mut HeaderMap) {
    let of_connection: Vec<_> = headers.keys().filter(|name| is_of_connection(name)).cloned().collect();
    for name in of_connection {
        headers.remove(name);
    }
}

/// The two byte streams' backend end, after an answer with status 101; taken by [`super::front::upgrade::splice`].
#[derive(Clone)]
pub struct UpgradedBackend(Arc<Mutex<Option<(BoxedIo, Bytes)>>>);

impl UpgradedBackend {
    /// The stream, and what was already read of it. Once.
    #[must_use]
    pub fn take(&self) -> Option<(BoxedIo, Bytes)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for UpgradedBackend {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("UpgradedBackend")
    }
}
