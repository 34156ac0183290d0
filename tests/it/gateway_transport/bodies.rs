//! Bodies: who sees them go by, and who is told of their end.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use apimctl::gateway::body::{Body, BodyEnd, CollectError, FrameObserver};
use apimctl::gateway::front::{Peer, Service};
use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::io::DuplexStream;

use super::harness::{Attempt, Pipes, client, drain_bytes, read_head, read_until, target, upstream, write};

type Log = Arc<Mutex<Vec<String>>>;

struct Watcher(Log);

impl FrameObserver for Watcher {
    fn data(&mut self, data: &Bytes) {
        self.0.lock().unwrap().push(String::from_utf8_lossy(data).into_owned());
    }

    fn end(&mut self, end: BodyEnd<'_>) {
        let end = match end {
            BodyEnd::Complete => "complete".to_owned(),
            BodyEnd::Cut(error) => format!("cut: {error}"),
            BodyEnd::Dropped => "dropped".to_owned(),
        };
        self.0.lock().unwrap().push(end);
    }
}

struct Bell(Log);

impl Drop for Bell {
    fn drop(&mut self) {
        self.0.lock().unwrap().push("bell".to_owned());
    }
}

fn watched(body: Body, log: &Log) -> Body {
    body.with_observer(Box::new(Watcher(log.clone()))).with_guard(Bell(log.clone()))
}

fn said(log: &Log) -> Vec<String> {
    std::mem::take(&mut log.lock().unwrap())
}

#[tokio::test]
async fn an_observer_sees_every_piece_and_one_end_then_the_guard_goes() {
    let log = Log::default();
    let body = watched(Body::full("abc").with_prefix(Bytes::from_static(b"01")), &log);
    assert_eq!(body.collect(10).await.unwrap(), "01abc");
    assert_eq!(said(&log), ["01", "abc", "complete", "bell"]);
    drop(watched(Body::full("abc"), &log));
    assert_eq!(said(&log), ["dropped", "bell"]);
    drop(watched(Body::empty(), &log));
    assert_eq!(said(&log), ["complete", "bell"]);
    let both = Body::full("x").with_guard(Bell(log.clone())).with_guard(Bell(log.clone()));
    both.collect(1).await.unwrap();
    assert_eq!(said(&log), ["bell", "bell"]);
}

#[tokio::test]
async fn a_body_is_collected_up_to_a_limit() {
    assert_eq!(Body::full("abc").collect(3).await.unwrap(), "abc");
    assert!(matches!(Body::full("abcd").collect(3).await, Err(CollectError::TooLarge { limit: 3 })));
    assert_eq!(Body::empty().collect(0).await.unwrap(), "");
    assert_eq!(Body::full("abc").whole().unwrap(), "abc");
    assert!(Body::full("abc").with_prefix(Bytes::from_static(b"x")).whole().is_none());
    let primed = Body::full("abc").primed().await.unwrap();
    assert_eq!(primed.collect(3).await.unwrap(), "abc");
}

/// Sends everything to a scripted backend, and watches the answer.
struct Watching {
    upstream: Arc<apimctl::gateway::upstream::Upstream>,
    log: Log,
}

impl Service for Watching {
    async fn call(&self, request: Request<Incoming>, _: &Arc<Peer>) -> Response<Body> {
        let response = self.upstream.send(&target(), request.map(Body::client), &Default::default()).await.unwrap();
        response.map(|body| watched(body, &self.log))
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_shown_after_it_has_gone_out() {
    let log = Log::default();
    let (mut browser, mut end) = begun(&log).await;
    read_until(&mut browser, "data1\r\n").await;
    // Nothing further comes, and yet the piece is shown: it does not wait for the next one.
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(said(&log), ["data1"]);
    write(&mut end, "5\r\ndata2\r\n0\r\n\r\n").await;
    read_until(&mut browser, "data2\r\n0\r\n\r\n").await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(said(&log), ["data2", "complete", "bell"]);
}

/// A client that has asked, and its backend, that has begun to answer in chunks.
async fn begun(log: &Log) -> (DuplexStream, DuplexStream) {
    let (pipes, mut ends) = Pipes::new(&[Attempt::Connects]);
    let mut browser = client(Watching { upstream: upstream(pipes), log: log.clone() });
    write(&mut browser, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let mut end = ends.recv().await.unwrap();
    read_head(&mut end).await;
    write(&mut end, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\ndata1\r\n").await;
    (browser, end)
}

#[tokio::test(start_paused = true)]
async fn a_cut_answer_is_cut_for_the_client_and_told() {
    let log = Log::default();
    let (mut browser, end) = begun(&log).await;
    drop(end);
    let (bytes, closed) = drain_bytes(&mut browser, Duration::from_secs(1)).await;
    assert!(closed);
    assert!(bytes.ends_with(b"data1\r\n"), "the end of a stream was made up");
    assert_eq!(said(&log), ["data1", "cut: the backend's body broke off: the backend closed the connection", "bell"]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_ends_the_stream_at_the_backend() {
    let log = Log::default();
    let (mut browser, mut end) = begun(&log).await;
    read_until(&mut browser, "data1\r\n").await;
    drop(browser);
    assert!(drain_bytes(&mut end, Duration::from_secs(1)).await.1);
    assert_eq!(said(&log), ["data1", "dropped", "bell"]);
}
