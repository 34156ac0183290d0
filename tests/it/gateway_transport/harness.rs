//! In-memory clients and backends, scripted byte by byte.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apimctl::gateway::body::Body;
use apimctl::gateway::front::{self, Drain, Limits, Peer, Service, Settings};
use apimctl::gateway::upstream::{
    ConnectFailure, Connected, Connector, HttpVersion, Phase, PoolLimits, Protocol, SendOptions, Target, Upstream,
};
use apimctl::support::clock::{SharedClock, SystemClock};
use futures::future::BoxFuture;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;

pub const PIPE: usize = 64 * 1024;

pub fn clock() -> SharedClock {
    Arc::new(SystemClock)
}

pub fn peer() -> Peer {
    let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Peer::plain(address(50000), address(80))
}

pub fn settings() -> Settings {
    Settings::new(Limits::default(), clock())
}

/// What happens at each connection attempt, in order; the last one goes on for ever.
#[derive(Debug, Clone, Copy)]
pub enum Attempt {
    Connects,
    ConnectsHttp2,
    Refused,
    NeverAnswers,
}

/// Connections whose other ends a test holds.
pub struct Pipes {
    attempts: Mutex<VecDeque<Attempt>>,
    ends: mpsc::UnboundedSender<DuplexStream>,
    pipe: usize,
}

impl Pipes {
    pub fn new(attempts: &[Attempt]) -> (Arc<Self>, mpsc::UnboundedReceiver<DuplexStream>) {
        Self::of_size(attempts, PIPE)
    }

    pub fn of_size(attempts: &[Attempt], pipe: usize) -> (Arc<Self>, mpsc::UnboundedReceiver<DuplexStream>) {
        let (ends, received) = mpsc::unbounded_channel();
        (Arc::new(Self { attempts: Mutex::new(attempts.iter().copied().collect()), ends, pipe }), received)
    }
}

impl Connector for Pipes {
    fn connect<'a>(&'a self, _: &'a Target, _: HttpVersion) -> BoxFuture<'a, Result<Connected, ConnectFailure>> {
        let attempt = {
            let mut attempts = self.attempts.lock().unwrap();
            if attempts.len() > 1 { attempts.pop_front().unwrap() } else { *attempts.front().unwrap() }
        };
        Box::pin(async move {
            match attempt {
                Attempt::Refused => Err(ConnectFailure::new(Phase::Connect, std::io::ErrorKind::ConnectionRefused.into())),
                Attempt::NeverAnswers => std::future::pending().await,
                Attempt::Connects | Attempt::ConnectsHttp2 => {
                    let (ours, theirs) = duplex(self.pipe);
                    self.ends.send(theirs).unwrap();
                    let protocol = if matches!(attempt, Attempt::Connects) { Protocol::Http1 } else { Protocol::Http2 };
                    Ok(Connected { io: Box::new(ours), protocol })
                }
            }
        })
    }
}

pub fn target() -> Arc<Target> {
    Arc::new(Target::parse("http://backend.example:8081/openai", None).unwrap())
}

pub fn upstream(connector: Arc<dyn Connector>) -> Arc<Upstream> {
    Arc::new(Upstream::new(connector, clock(), PoolLimits::default()))
}

/// Sends everything to one backend.
pub struct Forward {
    pub upstream: Arc<Upstream>,
    pub target: Arc<Target>,
    pub options: SendOptions,
}

impl Forward {
    pub fn new(upstream: Arc<Upstream>) -> Self {
        Self { upstream, target: target(), options: SendOptions::default() }
    }
}

impl Service for Forward {
    async fn call(&self, mut request: Request<Incoming>, _: &Arc<Peer>) -> Response<Body> {
        let wish = front::upgrade::ClientUpgrade::take(&mut request);
        match self.upstream.send(&self.target, request.map(Body::client), &self.options).await {
            Ok(response) => match wish {
                Some(wish) => front::upgrade::splice(wish, response, ()),
                None => response,
            },
            Err(failure) => {
                let mut response = Response::new(Body::full(failure.to_string()));
                *response.status_mut() = StatusCode::BAD_GATEWAY;
                response
            }
        }
    }
}

/// A client's end of a connection that `service` serves.
pub fn client<S: Service>(service: S) -> DuplexStream {
    client_with(service, Drain::new(), PIPE)
}

pub fn client_with<S: Service>(service: S, drain: Drain, pipe: usize) -> DuplexStream {
    let (ours, theirs) = duplex(pipe);
    tokio::spawn(async move { front::serve(theirs, peer(), Arc::new(service), &settings(), &drain).await });
    ours
}

/// Reads until `end` stands at the end of what came.
pub async fn read_until(stream: &mut DuplexStream, end: &str) -> String {
    let mut text = Vec::new();
    let mut byte = [0; 1];
    while !text.ends_with(end.as_bytes()) {
        let count = tokio::time::timeout(Duration::from_secs(1000), stream.read(&mut byte)).await;
        let count = count.unwrap_or_else(|_| panic!("no more than: {}", String::from_utf8_lossy(&text))).unwrap();
        assert_eq!(count, 1, "closed after: {}", String::from_utf8_lossy(&text));
        text.push(byte[0]);
    }
    String::from_utf8(text).unwrap()
}

/// Reads a head.
pub async fn read_head(stream: &mut DuplexStream) -> String {
    read_until(stream, "\r\n\r\n").await
}

/// Everything until the other side closes, or nothing more comes for `wait`. Says whether it closed.
pub async fn drain_bytes(stream: &mut DuplexStream, wait: Duration) -> (Vec<u8>, bool) {
    let mut all = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match tokio::time::timeout(wait, stream.read(&mut buffer)).await {
            Err(_) => return (all, false),
            Ok(Ok(0) | Err(_)) => return (all, true),
            Ok(Ok(count)) => all.extend_from_slice(&buffer[..count]),
        }
    }
}

pub async fn write(stream: &mut DuplexStream, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}
