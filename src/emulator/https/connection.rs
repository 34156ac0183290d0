//! Connections: accepted, secured, served, and let finish.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::Handler;
use super::bearer::Bearer;
use crate::emulator::DroppedAnswer;
use crate::emulator::entra::{Entra, json_answer};
use crate::support::clock::SharedClock;

/// For the TLS handshake, and for the headers of a request.
const PATIENCE: Duration = Duration::from_secs(10);
/// For a request's body.
const PATIENCE_FOR_BODIES: Duration = Duration::from_secs(60);
/// After a failed accept (no file handles left): the next one would fail at once, too.
const BREATHER: Duration = Duration::from_millis(100);

pub(super) struct Service {
    pub(super) entra: Entra,
    pub(super) bearer: Bearer,
    pub(super) handler: Arc<Handler>,
    pub(super) largest_body: usize,
    pub(super) clock: SharedClock,
}

impl Service {
    async fn read(&self, body: Incoming) -> Result<Bytes, Unread> {
        // Announced sizes are refused before they are waited for.
        if body.size_hint().lower() > self.largest_body as u64 {
            return Err(Unread::TooLarge);
        }
        let reading = pin!(Limited::new(body, self.largest_body).collect());
        match select(reading, self.clock.sleep(PATIENCE_FOR_BODIES)).await {
            Either::Left((Ok(body), _)) => Ok(body.to_bytes()),
            Either::Left((Err(error), _)) if error.is::<LengthLimitError>() => Err(Unread::TooLarge),
            Either::Left((Err(_), _)) => Err(Unread::Broken),
            Either::Right(_) => Err(Unread::TooSlow),
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Bytes> {
        let (parts, body) = request.into_parts();
        let body = match self.read(body).await {
            Ok(body) => body,
            Err(refusal) => return refusal.answer(self.largest_body),
        };
        let mut request = Request::from_parts(parts, body);
        if let Some(answer) = self.entra.answer(&request) {
            return answer;
        }
        match self.bearer.check(request.headers()) {
            Ok(claims) => {
                request.extensions_mut().insert(claims);
                (self.handler)(request).await
            }
            Err(refusal) => *refusal,
        }
    }
}

/// A fault took the answer away.
#[derive(Debug, thiserror::Error)]
#[error("the answer was dropped on purpose")]
struct Lost;

/// Why a body was not read to its end.
enum Unread {
    TooLarge,
    TooSlow,
    Broken,
}

impl Unread {
    fn answer(&self, largest: usize) -> Response<Bytes> {
        let (status, code, message) = match self {
            Self::TooLarge => {
                let message = format!("The request content size exceeds the maximum size of {largest} bytes.");
                (StatusCode::PAYLOAD_TOO_LARGE, "RequestContentTooLarge", message)
            }
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "RequestTimeout", "The request content did not arrive in time.".to_owned()),
            Self::Broken => (StatusCode::BAD_REQUEST, "InvalidRequestContent", "The request content could not be read.".to_owned()),
        };
        json_answer(status, &json!({ "error": { "code": code, "message": message } }))
    }
}

/// Accepts until told to stop, then waits for the connections for at most `grace`.
pub(super) async fn accept(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    service: Arc<Service>,
    clock: SharedClock,
    mut stopping: watch::Receiver<bool>,
    grace: Duration,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stopped(&mut stopping) => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, acceptor.clone(), service.clone(), clock.clone(), stopping.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    clock.sleep(BREATHER).await;
                }
            },
            // Finished connections are let go as they finish.
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    let finish = pin!(async { while connections.join_next().await.is_some() {} });
    // Whoever is not done by then is cut off with the set.
    select(finish, clock.sleep(grace)).await;
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, service: Arc<Service>, clock: SharedClock, mut stopping: watch::Receiver<bool>) {
    // Small answers should not wait for more; when the system refuses, they do.
    let _ = stream.set_nodelay(true);
    let secured = match select(pin!(acceptor.accept(stream)), clock.sleep(PATIENCE)).await {
        Either::Left((Ok(secured), _)) => secured,
        Either::Left((Err(error), _)) => {
            tracing::debug!(%error, "TLS handshake failed");
            return;
        }
        Either::Right(_) => return,
    };
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    builder.http2().timer(TokioTimer::new());
    let answers = service_fn(move |request| {
        let service = service.clone();
        async move {
            let answer = service.answer(request).await;
            // An error ends the connection (HTTP/2: the stream) without an answer, as a lost one looks to the client.
            if answer.extensions().get::<DroppedAnswer>().is_some() { Err(Lost) } else { Ok(answer.map(Full::new)) }
        }
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(secured), answers));
    let result = match select(connection.as_mut(), pin!(stopped(&mut stopping))).await {
        Either::Left((result, _)) => result,
        Either::Right(_) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Resolves when the listener is told to stop, or is gone.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}
