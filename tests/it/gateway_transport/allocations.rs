//! What a request costs in allocations, exactly: they are counted, and held.

use std::sync::Arc;

use allocation_counter::measure;
use apimctl::gateway::body::Body;
use apimctl::gateway::front::{self, Drain, Peer, Service};
use apimctl::gateway::upstream::{SendOptions, Target, Upstream};
use http::{HeaderName, HeaderValue, Request, Response};
use hyper::body::Incoming;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::runtime::Builder;

use super::harness::{Attempt, Pipes, peer, settings, target, upstream};

/// Held, and to be lowered whenever it can be.
const MOST: f64 = 5.0;
/// What lives longer than a request grows now and then (a date that is formatted once a second, a timer's wheel): fewer than one
/// allocation in a hundred requests.
const SELDOM: f64 = 0.01;

const REQUEST: &[u8] = b"POST /chat?api-version=1 HTTP/1.1\r\nHost: a\r\napi-key: secret\r\nContent-Type: application/json\r\nUser-Agent: openai\r\nAccept: */*\r\nContent-Length: 10\r\n\r\n0123456789";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: 1\r\napim-request-id: 2\r\nx-ms-region: Sweden Central\r\nContent-Length: 10\r\n\r\n0123456789";

/// What the benchmark's bare proxy does.
struct Rewrite {
    upstream: Arc<Upstream>,
    target: Arc<Target>,
}

impl Service for Rewrite {
    async fn call(&self, request: Request<Incoming>, _: &Arc<Peer>) -> Response<Body> {
        let mut request = request.map(Body::client);
        request.headers_mut().insert("host", self.target.host_header().clone());
        request.headers_mut().insert(HeaderName::from_static("api-key"), HeaderValue::from_static("of the backend"));
        let mut response = self.upstream.send(&self.target, request, &SendOptions::default()).await.unwrap();
        response.headers_mut().insert(HeaderName::from_static("x-gateway"), HeaderValue::from_static("bare"));
        response
    }
}

/// Reads until `end`, which ends every message here, without an allocation.
async fn read_message(stream: &mut DuplexStream, buffer: &mut [u8]) {
    let mut filled = 0;
    while !buffer[..filled].ends_with(b"\r\n\r\n0123456789") {
        filled += stream.read(&mut buffer[filled..]).await.unwrap();
    }
}

/// Allocations of `requests` requests on a connection that is warm. Everything runs on this thread, backend and client too;
/// those two allocate nothing.
fn counted(requests: usize) -> u64 {
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let (pipes, mut ends) = Pipes::new(&[Attempt::Connects]);
    let (mut client, served) = duplex(1 << 16);
    let service = Arc::new(Rewrite { upstream: upstream(pipes), target: target() });
    runtime.spawn(async move { front::serve(served, peer(), service, &settings(), &Drain::new()).await });
    runtime.spawn(async move {
        let mut backend = ends.recv().await.unwrap();
        let mut buffer = vec![0; 4096];
        loop {
            read_message(&mut backend, &mut buffer).await;
            backend.write_all(ANSWER).await.unwrap();
        }
    });
    let mut buffer = vec![0; 4096];
    let mut ask = |times: usize| {
        runtime.block_on(async {
            for _ in 0..times {
                client.write_all(REQUEST).await.unwrap();
                read_message(&mut client, &mut buffer).await;
            }
        });
    };
    ask(100);
    measure(|| ask(requests)).count_total
}

/// hyper's server: the body's channel, the name of each field that is not a standard one (`api-key`), the timer for the next head, and
/// a new read buffer (8 KiB and its count) while the request's bytes are still in use. The upstream side: none.
pub fn each() -> f64 {
    let (some, more) = (counted(1000), counted(3000));
    (more - some) as f64 / 2000.0
}

#[test]
fn a_request_costs_few_allocations() {
    let each = each();
    assert!(each <= MOST + SELDOM, "{each} allocations for each request");
}
