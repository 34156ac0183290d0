//! The gateway's transport with the least a gateway does on it: a key is checked, one of two backends chosen in turn, a few
//! headers replaced. What this costs is what every policy comes on top of.
//!
//! `bench-proxy [--listen PORT] [--workers N] [--backends URL,URL]`

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a benchmark that meets the unexpected stops")]

use std::net::{Ipv4Addr, TcpListener};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use apimctl::gateway::body::Body;
use apimctl::gateway::front::{self, Limits, Listener, Options, Peer, Service};
use apimctl::gateway::upstream::{DefaultTls, Network, PoolLimits, SendOptions, Target, Upstream};
use apimctl::support::clock::{SharedClock, SystemClock};
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;

const API_KEY: HeaderName = HeaderName::from_static("api-key");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const GATEWAY: HeaderName = HeaderName::from_static("x-gateway");
const CLIENT_KEY: &[u8] = b"sk-bench-key-0123456789abcdef";

struct BareProxy {
    upstream: Upstream,
    targets: Vec<Arc<Target>>,
    next: AtomicUsize,
    options: SendOptions,
}

impl Service for BareProxy {
    async fn call(&self, request: Request<Incoming>, _peer: &Arc<Peer>) -> Response<Body> {
        let plain = |status, text: &'static str| {
            let mut response = Response::new(Body::full(text));
            *response.status_mut() = status;
            response
        };
        if request.headers().get(API_KEY).is_none_or(|key| key.as_bytes() != CLIENT_KEY) {
            return plain(StatusCode::UNAUTHORIZED, "missing or wrong key");
        }
        let target = &self.targets[self.next.fetch_add(1, Ordering::Relaxed) % self.targets.len()];
        let mut request = request.map(Body::client);
        let headers = request.headers_mut();
        headers.remove(AUTHORIZATION);
        headers.insert(HOST, target.host_header().clone());
        headers.insert(API_KEY, HeaderValue::from_static("backend-key-fedcba9876543210"));
        match self.upstream.send(target, request, &self.options).await {
            Ok(mut response) => {
                response.headers_mut().remove(REQUEST_ID);
                response.headers_mut().insert(GATEWAY, HeaderValue::from_static("bare"));
                response
            }
            Err(_) => plain(StatusCode::BAD_GATEWAY, "no answer"),
        }
    }
}

fn main() {
    let (mut port, mut workers, mut backends) = (29202, 1, "http://127.0.0.1:29101,http://127.0.0.1:29102".to_owned());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let value = arguments.next().expect("a value");
        match argument.as_str() {
            "--listen" => port = value.parse().unwrap(),
            "--workers" => workers = value.parse().unwrap(),
            "--backends" => backends = value,
            other => panic!("unknown option {other}"),
        }
    }
    let clock: SharedClock = Arc::new(SystemClock);
    let targets: Vec<_> = backends.split(',').map(|url| Arc::new(Target::parse(url, None).unwrap())).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async move {
        let listener = Listener { socket: TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap(), tls: None };
        let options = Options {
            workers: NonZeroUsize::new(workers).unwrap(),
            limits: Limits::default(),
            grace: Duration::from_secs(5),
            clock: clock.clone(),
        };
        let network = Arc::new(Network::new(Arc::new(DefaultTls::default())));
        let running = front::start(vec![listener], options, move |_| BareProxy {
            upstream: Upstream::new(network.clone(), clock.clone(), PoolLimits::default()),
            targets: targets.clone(),
            next: AtomicUsize::new(0),
            options: SendOptions::default(),
        })
        .unwrap();
        tokio::signal::ctrl_c().await.unwrap();
        running.drain().await;
    });
}
