//! One client's connection, from its first byte to its last.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use futures::future::{BoxFuture, Either, select};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};

use super::drain::{Drain, Streams};
use super::request;
use super::sniff::Sniffed;
use super::upgrade::Counted;
use super::{Limits, Peer, Service};
use crate::gateway::body::Body;
use crate::gateway::upstream::{Io, asks_for_websocket};
use crate::support::clock::SharedClock;

/// Largest read and write buffer of a connection beyond its head; a body is passed on in pieces no larger.
const BUFFER: usize = 64 * 1024;

/// How connections are served: prepared once, shared by all.
#[derive(Debug)]
pub struct Settings {
    limits: Limits,
    clock: SharedClock,
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
    /// WebSockets that came of these connections.
    pub(super) streams: Streams,
}

impl Settings {
    /// With these limits.
    #[must_use]
    pub fn new(limits: Limits, clock: SharedClock) -> Self {
        let mut http1 = http1::Builder::new();
        http1.timer(TokioTimer::new()).header_read_timeout(limits.head_time).max_header_size(limits.head);
        // hyper's own number, which it handles without a heap allocation for each request.
        if limits.fields != 100 {
            http1.max_headers(limits.fields);
        }
        http1.max_buf_size(BUFFER.max(limits.head + 8192));
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams)
            .max_header_list_size(u32::try_from(limits.head).unwrap_or(u32::MAX));
        Self { limits, clock, http1, http2, streams: Streams::default() }
    }

    /// Resolves when a TLS handshake has taken too long.
    pub(super) fn handshake_time(&self) -> BoxFuture<'static, ()> {
        self.clock.sleep(self.limits.handshake_time)
    }
}

/// What a connection's requests share.
struct Shared<S> {
    service: Arc<S>,
    peer: Arc<Peer>,
    longest_target: usize,
    streams: Streams,
}

impl<S: Service> Shared<S> {
    async fn answer(&self, mut request: Request<Incoming>) -> Response<Body> {
        let version = request.version();
        if let Err(status) = request::normalise(&mut request, self.longest_target) {
            return request::refusal(status, version);
        }
        let last = request::must_be_last(&request);
        if asks_for_websocket(request.headers()) {
            request.extensions_mut().insert(Counted::new(self.streams.open()));
        }
        let mut response = self.service.call(request, &self.peer).await;
        if last {
            request::close(&mut response);
        }
        response
    }
}

/// What the connection agreed to speak in its TLS handshake, if it had one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Agreed {
    Nothing,
    Http1,
    Http2,
}

/// Serves a connection over any stream, until either side is done with it or `drain` begins.
pub async fn serve<S: Service, I: Io + 'static>(io: I, peer: Peer, service: Arc<S>, settings: &Settings, drain: &Drain) {
    serve_agreed(io, peer, service, settings, drain, Agreed::Nothing).await;
}

pub(super) async fn serve_agreed<S: Service, I: Io + 'static>(
    io: I,
    peer: Peer,
    service: Arc<S>,
    settings: &Settings,
    drain: &Drain,
    agreed: Agreed,
) {
    let (io, http2) = match agreed {
        Agreed::Http1 => (Sniffed::untouched(io), false),
        Agreed::Http2 => (Sniffed::untouched(io), true),
        Agreed::Nothing => match sniff(io, settings, drain).await {
            Some(sniffed) => sniffed,
            None => return,
        },
    };
    let shared =
        Arc::new(Shared { service, peer: Arc::new(peer), longest_target: settings.limits.target, streams: settings.streams.clone() });
    let answers = service_fn(move |request| {
        let shared = shared.clone();
        async move { Ok::<_, Infallible>(shared.answer(request).await) }
    });
    let io = TokioIo::new(io);
    let result = if http2 {
        run(settings.http2.serve_connection(io, answers), drain).await
    } else {
        run(settings.http1.serve_connection(io, answers).with_upgrades(), drain).await
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a client's connection ended early");
    }
}

/// The first bytes, if they come in time and before a drain.
async fn sniff<I: Io>(io: I, settings: &Settings, drain: &Drain) -> Option<(Sniffed<I>, bool)> {
    let sniffing = pin!(Sniffed::sniff(io));
    let mut watch = drain.watch();
    let stopped = poll_fn(|context| if watch.poll(context) { Poll::Ready(()) } else { Poll::Pending });
    match select(sniffing, select(stopped, settings.clock.sleep(settings.limits.head_time))).await {
        Either::Left((Ok(sniffed), _)) => Some(sniffed),
        Either::Left((Err(_), _)) | Either::Right(_) => None,
    }
}

/// A connection that can be told to finish.
trait Finish: Future<Output = hyper::Result<()>> {
    fn finish(self: Pin<&mut Self>);
}

impl<I, S> Finish for http1::UpgradeableConnection<I, S>
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    S: hyper::service::HttpService<Incoming, ResBody = Body>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<I, S> Finish for http2::Connection<I, S, TokioExecutor>
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    S: hyper::service::HttpService<Incoming, ResBody = Body>,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

async fn run(connection: impl Finish, drain: &Drain) -> hyper::Result<()> {
    let mut connection = pin!(connection);
    let mut watch = drain.watch();
    let mut finishing = false;
    poll_fn(|context| {
        if !finishing && watch.poll(context) {
            finishing = true;
            connection.as_mut().finish();
        }
        connection.as_mut().poll(context)
    })
    .await
}
