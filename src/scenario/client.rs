//! A client of the gateway over a connection in memory, as slow and as patient as a test wants it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::ext::ReasonPhrase;
use hyper_util::rt::TokioIo;
use tokio::time::Instant;

use super::answer::{Answer, Piece};
use crate::gateway::Endpoint;
use crate::gateway::front::{self, Drain, Peer};
use crate::support::clock::SharedClock;

/// How much lies between both ends of a connection, in each direction.
const IN_MEMORY: usize = 256 * 1024;
/// Largest answer that is read, in bytes; what is longer counts as one that never ends.
pub(super) const LARGEST_ANSWER: usize = 64 * 1024 * 1024;
/// Most pieces of an answer; what has more counts as one that never ends.
pub(super) const MOST_PIECES: usize = 50_000;
/// The address that every client calls from (RFC 5737).
const CALLER: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9));

/// Where clients connect to.
pub(super) struct Front {
    endpoint: Arc<Endpoint>,
    settings: Arc<front::Settings>,
    drain: Drain,
    clock: SharedClock,
    host: HeaderValue,
}

impl Front {
    pub(super) fn new(endpoint: Endpoint, clock: SharedClock, host: HeaderValue) -> Self {
        let settings = Arc::new(front::Settings::new(front::Limits::default(), clock.clone()));
        Self { endpoint: Arc::new(endpoint), settings, drain: Drain::new(), clock, host }
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// The gateway closed the connection, or the request cannot be sent.
    Failed(String),
    /// It never ends.
    NeverEnds(String),
}

/// One client. It keeps its connection while the gateway does.
pub(super) struct Client {
    /// Tells it from the others: the port that it calls from.
    pub(super) port: u16,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    pub(super) const fn new(port: u16) -> Self {
        Self { port, connection: None }
    }

    async fn connected(&mut self, front: &Front) -> Result<&mut SendRequest<Full<Bytes>>, NoAnswer> {
        let usable = match &mut self.connection {
            Some(connection) => connection.ready().await.is_ok(),
            None => false,
        };
        if !usable {
            let (client, server) = tokio::io::duplex(IN_MEMORY);
            let (endpoint, settings, drain) = (front.endpoint.clone(), front.settings.clone(), front.drain.clone());
            let peer = Peer::plain(SocketAddr::new(CALLER, self.port), SocketAddr::from(([203, 0, 113, 1], 443)));
            tokio::spawn(async move { front::serve(server, peer, endpoint, &settings, &drain).await });
            let shaken = handshake(TokioIo::new(client)).await;
            let (sender, connection) = shaken.map_err(|error| NoAnswer::Failed(format!("no connection: {error}")))?;
            tokio::spawn(async move {
                // Whoever waits for an answer is told how it ended.
                let _ = connection.await;
            });
            self.connection = Some(sender);
        }
        self.connection.as_mut().ok_or_else(|| NoAnswer::Failed("no connection".to_owned()))
    }

    /// Sends a request and reads its answer to the end.
    pub(super) async fn send(&mut self, front: &Front, mut request: Request<Bytes>) -> Result<Answer, NoAnswer> {
        let clock = front.clock.clone();
        if !request.headers().contains_key(HOST) {
            request.headers_mut().insert(HOST, front.host.clone());
        }
        let began = clock.now();
        let since = |now: Instant| now.saturating_duration_since(began);
        let connection = self.connected(front).await?;
        let sent = connection.send_request(request.map(Full::new)).await;
        let response = sent.map_err(|error| NoAnswer::Failed(format!("the gateway closed the connection: {error}")))?;
        let head_after = since(clock.now());
        let (parts, mut body) = response.into_parts();
        let reason = parts.extensions.get::<ReasonPhrase>().map(|reason| String::from_utf8_lossy(reason.as_bytes()).into_owned());
        let (mut pieces, mut bytes, mut cut) = (Vec::new(), 0, None);
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => {
                    let Ok(data) = frame.into_data() else { continue };
                    bytes += data.len();
                    pieces.push(Piece { after: since(clock.now()), bytes: data });
                    if bytes > LARGEST_ANSWER || pieces.len() > MOST_PIECES {
                        self.connection = None;
                        let pieces = pieces.len();
                        return Err(NoAnswer::NeverEnds(format!("the answer has not ended after {pieces} pieces and {bytes} bytes")));
                    }
                }
                Err(error) => {
                    cut = Some(error.to_string());
                    self.connection = None;
                    break;
                }
            }
        }
        let elapsed: Duration = since(clock.now());
        Ok(Answer { status: parts.status, reason, headers: parts.headers, pieces, cut, head_after, elapsed, inside: None })
    }
}
