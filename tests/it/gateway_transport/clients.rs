//! Clients of the front: streams both ways, going away, draining, HTTP/2, WebSocket.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apimctl::gateway::body::Body;
use apimctl::gateway::front::{Drain, Peer, Service};
use bytes::Bytes;
use futures::future::poll_fn;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::harness::{Attempt, Forward, PIPE, Pipes, client, client_with, drain_bytes, read_head, read_until, upstream, write};

const MOMENT: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_ends_the_call() {
    let (pipes, mut ends) = Pipes::new(&[Attempt::Connects]);
    let mut browser = client(Forward::new(upstream(pipes)));
    write(&mut browser, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok").await;
    let mut end = ends.recv().await.unwrap();
    assert!(read_until(&mut end, "\r\n\r\nok").await.starts_with("POST / HTTP/1.1\r\n"));
    drop(browser);
    let (bytes, closed) = drain_bytes(&mut end, Duration::from_secs(1)).await;
    assert!(bytes.is_empty() && closed);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_within_its_body_ends_the_call() {
    let (pipes, mut ends) = Pipes::new(&[Attempt::Connects]);
    let mut browser = client(Forward::new(upstream(pipes)));
    write(&mut browser, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf").await;
    let mut end = ends.recv().await.unwrap();
    read_until(&mut end, "\r\n\r\nhalf").await;
    drop(browser);
    let (bytes, closed) = drain_bytes(&mut end, Duration::from_secs(1)).await;
    assert!(bytes.is_empty() && closed, "the request was made to look complete");
}

#[tokio::test(start_paused = true)]
async fn a_slow_client_holds_the_backend_back() {
    const WHOLE: usize = 32 * 1024 * 1024;
    let (pipes, mut ends) = Pipes::new(&[Attempt::Connects]);
    let mut browser = client(Forward::new(upstream(pipes)));
    write(&mut browser, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let mut end = ends.recv().await.unwrap();
    read_head(&mut end).await;
    write(&mut end, &format!("HTTP/1.1 200 OK\r\nContent-Length: {WHOLE}\r\n\r\n")).await;
    let written = Arc::new(AtomicUsize::new(0));
    let count = written.clone();
    tokio::spawn(async move {
        let piece = vec![b'x'; 16 * 1024];
        while count.fetch_add(piece.len(), Ordering::Relaxed) < WHOLE {
            end.write_all(&piece).await.unwrap();
        }
        end
    });
    tokio::time::sleep(Duration::from_secs(10)).await;
    let held = written.load(Ordering::Relaxed);
    assert!(held < 1024 * 1024, "{held} bytes were taken for a client that reads nothing");
    read_head(&mut browser).await;
    let mut body = 0;
    let mut buffer = vec![0; 64 * 1024];
    while body < WHOLE {
        body += browser.read(&mut buffer).await.unwrap();
    }
    assert_eq!(body, WHOLE);
}

#[tokio::test(start_paused = true)]
async fn a_slow_backend_holds_the_client_back() {
    const WHOLE: usize = 32 * 1024 * 1024;
    let (pipes, mut ends) = Pipes::new(&[Attempt::Connects]);
    let browser = client(Forward::new(upstream(pipes)));
    let (mut read, mut write_half) = tokio::io::split(browser);
    let written = Arc::new(AtomicUsize::new(0));
    let count = written.clone();
    tokio::spawn(async move {
        write_half.write_all(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {WHOLE}\r\n\r\n").as_bytes()).await.unwrap();
        let piece = vec![b'x'; 16 * 1024];
        while count.fetch_add(piece.len(), Ordering::Relaxed) < WHOLE {
            write_half.write_all(&piece).await.unwrap();
        }
        std::future::pending::<()>().await;
    });
    let mut end = ends.recv().await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    let held = written.load(Ordering::Relaxed);
    assert!(held < 1024 * 1024, "{held} bytes were taken for a backend that reads nothing");
    read_head(&mut end).await;
    let mut buffer = vec![0; 64 * 1024];
    let mut body = 0;
    while body < WHOLE {
        body += end.read(&mut buffer).await.unwrap();
    }
    assert_eq!(body, WHOLE);
    write(&mut end, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    assert!(read.read(&mut buffer).await.unwrap() > 0);
}

#[tokio::test(start_paused = true)]
async fn request_and_answer_can_stream_at_the_same_time() {
    let (pipes, mut ends) = Pipes::new(&[Attempt::Connects]);
    let mut browser = client(Forward::new(upstream(pipes)));
    write(&mut browser, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n").await;
    let mut end = ends.recv().await.unwrap();
    let head = read_until(&mut end, "3\r\none\r\n").await;
    assert!(head.contains("\r\ntransfer-encoding: chunked\r\n"), "{head}");
    write(&mut end, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nONE\r\n").await;
    read_until(&mut browser, "3\r\nONE\r\n").await;
    write(&mut browser, "3\r\ntwo\r\n0\r\n\r\n").await;
    read_until(&mut end, "3\r\ntwo\r\n0\r\n\r\n").await;
    write(&mut end, "3\r\nTWO\r\n0\r\n\r\n").await;
    read_until(&mut browser, "3\r\nTWO\r\n0\r\n\r\n").await;
}

/// Answers when it is let.
#[derive(Clone, Default)]
struct Waiting {
    go: Arc<tokio::sync::Notify>,
    calls: Arc<Mutex<Vec<Arc<Peer>>>>,
}

impl Service for Waiting {
    async fn call(&self, request: Request<Incoming>, peer: &Arc<Peer>) -> Response<Body> {
        self.calls.lock().unwrap().push(peer.clone());
        if request.uri().path() == "/wait" {
            self.go.notified().await;
        }
        let host = request.headers().get("host").map(|host| host.to_str().unwrap().to_owned());
        let body = Body::client(request.into_body()).collect(1 << 20).await.unwrap();
        Response::new(Body::full(format!("{} {}", host.unwrap_or_default(), body.len())))
    }
}

#[tokio::test(start_paused = true)]
async fn a_drain_lets_requests_finish_and_closes_idle_connections() {
    let (service, drain) = (Waiting::default(), Drain::new());
    let mut silent = client_with(service.clone(), drain.clone(), PIPE);
    let mut idle = client_with(service.clone(), drain.clone(), PIPE);
    write(&mut idle, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    read_until(&mut idle, "a 0").await;
    let mut busy = client_with(service.clone(), drain.clone(), PIPE);
    write(&mut busy, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await;
    tokio::time::sleep(MOMENT).await;
    drain.start();
    for stream in [&mut silent, &mut idle] {
        let (bytes, closed) = drain_bytes(stream, Duration::from_secs(1)).await;
        assert!(bytes.is_empty() && closed);
    }
    service.go.notify_waiters();
    let (bytes, closed) = drain_bytes(&mut busy, Duration::from_secs(1)).await;
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("a 0") && closed, "{text}");
    assert!(text.contains("connection: close\r\n"), "{text}");
    // Who comes too late is not served.
    let mut late = client_with(service, drain, PIPE);
    assert!(drain_bytes(&mut late, Duration::from_secs(1)).await.1);
}

#[tokio::test(start_paused = true)]
async fn http2_is_spoken_by_prior_knowledge() {
    let service = Waiting::default();
    let drain = Drain::new();
    let stream = client_with(service.clone(), drain.clone(), PIPE);
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = |path: &str| {
        let builder = Request::builder().method("POST").uri(format!("http://gateway.example:8080{path}"));
        builder.body(Full::new(Bytes::from(vec![b'x'; 100_000]))).unwrap()
    };
    let waiting = tokio::spawn(sender.send_request(request("/wait")));
    let (one, two) = tokio::join!(sender.clone().send_request(request("/")), sender.clone().send_request(request("/?q")));
    for response in [one, two] {
        let body = response.unwrap().into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "gateway.example:8080 100000");
    }
    // A drain finishes the stream that is under way, then the connection.
    drain.start();
    tokio::time::sleep(MOMENT).await;
    service.go.notify_waiters();
    assert_eq!(waiting.await.unwrap().unwrap().status(), StatusCode::OK);
    drop(sender);
    connection.await.unwrap().unwrap();
    assert_eq!(service.calls.lock().unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_reset_ends_the_call() {
    let (pipes, mut ends) = Pipes::new(&[Attempt::Connects]);
    let stream = client(Forward::new(upstream(pipes)));
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let body = StreamBody::new(futures::stream::iter([Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"x")))]));
    let call = sender.send_request(Request::builder().uri("http://a/").body(body).unwrap());
    let call = tokio::spawn(call);
    let mut end = ends.recv().await.unwrap();
    read_head(&mut end).await;
    call.abort();
    assert!(drain_bytes(&mut end, Duration::from_secs(1)).await.1);
}

const UPGRADE: &str = "GET /realtime HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn websocket_passes_both_ways() {
    let (pipes, mut ends) = Pipes::new(&[Attempt::Connects]);
    let mut browser = client(Forward::new(upstream(pipes)));
    // A frame right behind the request, and one right behind the answer: neither may be lost.
    write(&mut browser, &format!("{UPGRADE}early")).await;
    let mut end = ends.recv().await.unwrap();
    let head = read_head(&mut end).await;
    assert!(head.contains("connection: upgrade\r\nupgrade: websocket\r\n") && head.contains("sec-websocket-key"), "{head}");
    write(
        &mut end,
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\nhello",
    )
    .await;
    let head = read_head(&mut browser).await;
    assert!(head.starts_with("HTTP/1.1 101 ") && head.contains("sec-websocket-accept: x") && head.contains("upgrade: websocket"), "{head}");
    assert_eq!(read_until(&mut browser, "hello").await, "hello");
    assert_eq!(read_until(&mut end, "early").await, "early");
    write(&mut browser, "ping").await;
    assert_eq!(read_until(&mut end, "ping").await, "ping");
    write(&mut end, "pong").await;
    assert_eq!(read_until(&mut browser, "pong").await, "pong");
    drop(browser);
    assert!(drain_bytes(&mut end, Duration::from_secs(1)).await.1);
}

#[tokio::test(start_paused = true)]
async fn a_refused_websocket_is_an_answer_like_any_other() {
    let (pipes, mut ends) = Pipes::new(&[Attempt::Connects]);
    let mut browser = client(Forward::new(upstream(pipes)));
    write(&mut browser, UPGRADE).await;
    let mut end = ends.recv().await.unwrap();
    read_head(&mut end).await;
    write(&mut end, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno").await;
    let text = read_until(&mut browser, "no").await;
    assert!(text.starts_with("HTTP/1.1 401 "), "{text}");
}

/// A service that never yields while its answer is read must still let the front notice that nobody reads it.
#[tokio::test(start_paused = true)]
async fn an_endless_answer_ends_with_its_client() {
    struct Endless(Arc<AtomicUsize>);
    struct Gone(Arc<AtomicUsize>);
    impl Drop for Gone {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    impl Service for Endless {
        async fn call(&self, _: Request<Incoming>, _: &Arc<Peer>) -> Response<Body> {
            Response::new(Body::full(vec![b'x'; 64 * 1024 * 1024]).with_guard(Gone(self.0.clone())))
        }
    }
    let gone = Arc::new(AtomicUsize::new(0));
    let mut browser = client(Endless(gone.clone()));
    write(&mut browser, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    read_head(&mut browser).await;
    drop(browser);
    poll_fn(|context| {
        if gone.load(Ordering::Relaxed) == 1 {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}
