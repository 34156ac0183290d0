//! Calls to backends: reuse, stale connections, time limits, framing, HTTP/2.

use std::time::Duration;

use apimctl::gateway::body::{Body, BodyError, CollectError};
use apimctl::gateway::upstream::{FailureCause, HttpVersion, Phase, SendOptions, WireError};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use tokio::io::{AsyncReadExt, DuplexStream};

use super::harness::{Attempt, Pipes, clock, drain_bytes, read_head, read_until, target, upstream, write};

fn request(method: Method, body: impl Into<Bytes>) -> Request<Body> {
    Request::builder().method(method).uri("/chat?x=1").body(Body::full(body)).unwrap()
}

async fn text(body: Body) -> String {
    String::from_utf8(body.collect(1 << 20).await.unwrap().to_vec()).unwrap()
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\nX-Own: yes\r\n\r\nok";

#[tokio::test(start_paused = true)]
async fn a_call_is_written_and_its_connection_kept() {
    let (pipes, mut ends) = Pipes::new(&[Attempt::Connects]);
    let (upstream, target) = (upstream(pipes), target());
    let mut first = request(Method::POST, "hello");
    first.headers_mut().insert("connection", "keep-alive, X-Hop".parse().unwrap());
    first.headers_mut().insert("x-hop", "1".parse().unwrap());
    first.headers_mut().insert("te", "trailers".parse().unwrap());
    first.headers_mut().insert("X-End", "2".parse().unwrap());
    let backend = async {
        let mut end = ends.recv().await.unwrap();
        let head = read_head(&mut end).await;
        assert_eq!(head, "POST /chat?x=1 HTTP/1.1\r\nhost: backend.example:8081\r\nx-end: 2\r\ncontent-length: 5\r\n\r\n");
        assert_eq!(read_until(&mut end, "hello").await, "hello");
        write(&mut end, OK).await;
        assert_eq!(read_head(&mut end).await, "GET /chat?x=1 HTTP/1.1\r\nhost: backend.example:8081\r\n\r\n");
        write(&mut end, OK).await;
        end
    };
    let calls = async {
        let options = SendOptions::default();
        let response = upstream.send(&target, first, &options).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers().keys().map(|name| name.as_str()).collect::<Vec<_>>(), ["content-length", "x-own"]);
        assert_eq!(upstream.idle(), 0);
        assert_eq!(text(response.into_body()).await, "ok");
        assert_eq!(upstream.idle(), 1);
        let response = upstream.send(&target, request(Method::GET, ""), &options).await.unwrap();
        assert_eq!(text(response.into_body()).await, "ok");
    };
    let (end, ()) = tokio::join!(backend, calls);
    assert!(ends.try_recv().is_err(), "a second connection was made");
    drop(end);
    // A connection that the backend has closed is not taken.
    tokio::task::yield_now().await;
    let served = async {
        let mut end = ends.recv().await.unwrap();
        read_head(&mut end).await;
        write(&mut end, OK).await;
    };
    let options = SendOptions::default();
    let (response, ()) = tokio::join!(upstream.send(&target, request(Method::GET, ""), &options), served);
    assert_eq!(response.unwrap().status(), StatusCode::OK);
}

/// Serves one call, then, at the next on the same connection, reads its head and hangs up.
async fn serves_once_then_dies(mut end: DuplexStream) {
    read_head(&mut end).await;
    write(&mut end, OK).await;
    read_head(&mut end).await;
}

#[tokio::test(start_paused = true)]
async fn a_dead_connection_is_replaced_once() {
    let (pipes, mut ends) = Pipes::new(&[Attempt::Connects]);
    let (upstream, target) = (upstream(pipes), target());
    let options = SendOptions::default();
    let backend = async {
        serves_once_then_dies(ends.recv().await.unwrap()).await;
        let mut end = ends.recv().await.unwrap();
        let head = read_head(&mut end).await;
        assert!(head.contains("x-mark: kept\r\n"), "{head}");
        assert_eq!(read_until(&mut end, "second").await, "second");
        write(&mut end, OK).await;
    };
    let calls = async {
        let response = upstream.send(&target, request(Method::POST, "first"), &options).await.unwrap();
        text(response.into_body()).await;
        let mut second = request(Method::POST, "second");
        second.headers_mut().insert("x-mark", "kept".parse().unwrap());
        let response = upstream.send(&target, second, &options).await.unwrap();
        assert_eq!(text(response.into_body()).await, "ok");
    };
    tokio::join!(backend, calls);
}

#[tokio::test(start_paused = true)]
async fn a_dead_connection_is_not_replaced_twice_and_a_fresh_one_not_at_all() {
    let (pipes, mut ends) = Pipes::new(&[Attempt::Connects]);
    let (upstream, target) = (upstream(pipes), target());
    let options = SendOptions::default();
    let backend = async {
        serves_once_then_dies(ends.recv().await.unwrap()).await;
        read_head(&mut ends.recv().await.unwrap()).await;
        read_head(&mut ends.recv().await.unwrap()).await;
    };
    let calls = async {
        let response = upstream.send(&target, request(Method::GET, ""), &options).await.unwrap();
        text(response.into_body()).await;
        for _ in 0..2 {
            let failure = upstream.send(&target, request(Method::GET, ""), &options).await.unwrap_err();
            assert_eq!(failure.phase, Phase::ResponseHead);
            assert!(!failure.reused && !failure.timed_out && failure.bytes_received == 0);
            assert_eq!(failure.bytes_sent, "GET /chat?x=1 HTTP/1.1\r\nhost: backend.example:8081\r\n\r\n".len() as u64);
            assert!(matches!(failure.cause, FailureCause::Wire(WireError::Closed)), "{failure:?}");
        }
    };
    tokio::join!(backend, calls);
    assert!(ends.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_again_once_a_byte_came_back() {
    let (pipes, mut ends) = Pipes::new(&[Attempt::Connects]);
    let (upstream, target) = (upstream(pipes), target());
    let options = SendOptions::default();
    let backend = async {
        let mut end = ends.recv().await.unwrap();
        read_head(&mut end).await;
        write(&mut end, OK).await;
        read_head(&mut end).await;
        write(&mut end, "HTTP/1.1 2").await;
    };
    let calls = async {
        let response = upstream.send(&target, request(Method::GET, ""), &options).await.unwrap();
        text(response.into_body()).await;
        let failure = upstream.send(&target, request(Method::GET, ""), &options).await.unwrap_err();
        assert!(failure.reused);
        assert_eq!(failure.bytes_received, 10);
    };
    tokio::join!(backend, calls);
    assert!(ends.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn time_limits_run_on_the_clock_they_are_given() {
    let (pipes, mut ends) = Pipes::new(&[Attempt::Connects, Attempt::NeverAnswers]);
    let (upstream, target) = (upstream(pipes), target());
    let start = clock().now();
    let options =
        SendOptions { connect: Duration::from_secs(5), response_head: Duration::from_secs(100), version: HttpVersion::Http1, leave: None };
    let failure = upstream.send(&target, request(Method::POST, "body"), &options).await.unwrap_err();
    assert!(failure.timed_out && failure.phase == Phase::ResponseHead && failure.bytes_sent > 4, "{failure:?}");
    assert_eq!(start.elapsed().as_secs(), 100);
    // The call is aborted: its connection is closed.
    assert!(drain_bytes(&mut ends.recv().await.unwrap(), Duration::from_secs(1)).await.1);
    let start = clock().now();
    let failure = upstream.send(&target, request(Method::POST, "body"), &options).await.unwrap_err();
    assert!(failure.timed_out && failure.phase == Phase::Connect && failure.bytes_sent == 0, "{failure:?}");
    assert_eq!(start.elapsed().as_secs(), 5);
    // A shorter limit for the whole holds for the connection, too.
    let options = SendOptions { response_head: Duration::from_secs(2), ..options };
    let start = clock().now();
    assert!(upstream.send(&target, request(Method::POST, "body"), &options).await.unwrap_err().timed_out);
    assert_eq!(start.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_kept_connection_gets_a_new_time_limit_with_each_call() {
    let (pipes, mut ends) = Pipes::new(&[Attempt::Connects]);
    let (upstream, target) = (upstream(pipes), target());
    let backend = async {
        let mut end = ends.recv().await.unwrap();
        for seconds in [50, 80] {
            read_head(&mut end).await;
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            write(&mut end, OK).await;
        }
        read_head(&mut end).await;
        end
    };
    let calls = async {
        for limit in [60, 90] {
            let options = SendOptions { response_head: Duration::from_secs(limit), ..SendOptions::default() };
            let response = upstream.send(&target, request(Method::GET, ""), &options).await.unwrap();
            text(response.into_body()).await;
        }
        // Shorter than the one before.
        let options = SendOptions { response_head: Duration::from_secs(3), ..SendOptions::default() };
        let start = clock().now();
        assert!(upstream.send(&target, request(Method::GET, ""), &options).await.unwrap_err().timed_out);
        assert_eq!(start.elapsed().as_secs(), 3);
    };
    tokio::join!(backend, calls);
}

#[tokio::test(start_paused = true)]
async fn idle_connections_are_given_up_in_time() {
    let (pipes, mut ends) = Pipes::new(&[Attempt::Connects]);
    let (upstream, target) = (upstream(pipes), target());
    let options = SendOptions::default();
    let backend = async {
        let mut end = ends.recv().await.unwrap();
        read_head(&mut end).await;
        write(&mut end, OK).await;
        end
    };
    let (mut end, response) = tokio::join!(backend, upstream.send(&target, request(Method::GET, ""), &options));
    text(response.unwrap().into_body()).await;
    assert_eq!(upstream.idle(), 1);
    let (bytes, closed) = drain_bytes(&mut end, Duration::from_secs(200)).await;
    assert!(bytes.is_empty() && closed);
    assert_eq!(upstream.idle(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection_says_so() {
    let (pipes, _ends) = Pipes::new(&[Attempt::Refused]);
    let failure = upstream(pipes).send(&target(), request(Method::GET, ""), &SendOptions::default()).await.unwrap_err();
    assert_eq!((failure.phase, failure.timed_out, failure.bytes_sent), (Phase::Connect, false, 0));
}

/// What a client of ours makes of an answer: status and body, or where it broke off; and whether the connection was kept.
async fn reads(method: Method, answer: &'static str) -> (Result<(u16, String), String>, bool) {
    let (pipes, mut ends) = Pipes::new(&[Attempt::Connects]);
    let (upstream, target) = (upstream(pipes), target());
    let backend = async {
        let mut end = ends.recv().await.unwrap();
        read_head(&mut end).await;
        write(&mut end, answer).await;
        // Closing is a part of the answer only where nothing else ends it.
        if !answer.contains("|keep|") {
            return None;
        }
        Some(end)
    };
    let options = SendOptions::default();
    let call = async {
        let response = upstream.send(&target, request(method, ""), &options).await.map_err(|failure| failure.cause.to_string())?;
        let status = response.status().as_u16();
        match response.into_body().collect(1 << 20).await {
            Ok(body) => Ok((status, String::from_utf8(body.to_vec()).unwrap())),
            Err(CollectError::Broken(BodyError::Backend(error))) => Err(format!("{status}, then {error}")),
            Err(error) => panic!("{error}"),
        }
    };
    let (result, _end) = tokio::join!(call, backend);
    (result, upstream.idle() == 1)
}

#[tokio::test(start_paused = true)]
async fn answers_are_framed_as_their_heads_say() {
    let ok = |status: u16, body: &str| Ok::<_, String>((status, body.to_owned()));
    let err = |text: &str| Err::<(u16, String), _>(text.to_owned());
    let closed = "the backend closed the connection";
    let framing = "the backend's answer is framed wrongly:";
    for (method, answer, expected) in [
        ("GET", "HTTP/1.1 200 OK\r\n\r\nuntil the end", ok(200, "until the end")),
        ("GET", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", ok(200, "ok")),
        ("GET", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", ok(204, "")),
        ("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", ok(304, "")),
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", ok(200, "")),
        (
            "GET",
            "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
            ok(200, "a"),
        ),
        ("GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n", ok(200, "abcde")),
        ("GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: u\r\n\r\n", ok(200, "abc")),
        ("GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n3\r\nabc\r\n0\r\n\r\n", ok(200, "abc")),
        ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", ok(200, "abc")),
        (
            "GET",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
            err(&format!("{framing} two different Content-Length fields")),
        ),
        ("GET", "HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc", err(&format!("{framing} invalid Content-Length"))),
        ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", err(&format!("200, then {closed}"))),
        ("GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", err(&format!("200, then {closed}"))),
        (
            "GET",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
            err(&format!("200, then {framing} invalid chunk size")),
        ),
        (
            "GET",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n",
            err(&format!("200, then {framing} a chunk is longer than its size")),
        ),
        ("GET", "HTTP/1.1 101 Switching Protocols\r\n\r\n", err(&format!("{framing} an upgrade nobody asked for"))),
        ("GET", "SMTP ready\r\n\r\n", err("the backend's answer is not HTTP: invalid HTTP version")),
        ("GET", "", err(closed)),
    ] {
        let (result, _) = reads(method.parse().unwrap(), answer).await;
        // What came before a fault may be read or not: only that it is a fault is looked at.
        assert_eq!(result, expected, "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn connections_are_kept_only_when_they_are_clean() {
    for (answer, kept) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nx: |keep|\r\n\r\na", true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nx: |keep|\r\n\r\n1\r\na\r\n0\r\n\r\n", true),
        ("HTTP/1.1 204 No Content\r\nx: |keep|\r\n\r\n", true),
        ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\nx: |keep|\r\n\r\na", true),
        ("HTTP/1.0 200 OK\r\nContent-Length: 1\r\nx: |keep|\r\n\r\na", false),
        ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\nx: |keep|\r\n\r\na", false),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\nx: |keep|\r\n\r\n1\r\na\r\n0\r\n\r\n", false),
        // More than was asked for: whose answer would that be?
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nx: |keep|\r\n\r\naHTTP/1.1 200 OK\r\n\r\n", false),
    ] {
        let (result, was_kept) = reads(Method::GET, answer).await;
        assert!(result.is_ok(), "{answer}: {result:?}");
        assert_eq!(was_kept, kept, "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_before_the_request_is_out_counts() {
    // A pipe that holds less than the request: the rest is never read.
    let (pipes, mut ends) = Pipes::of_size(&[Attempt::Connects], 4096);
    let (upstream, target) = (upstream(pipes), target());
    let backend = async {
        let mut end = ends.recv().await.unwrap();
        read_head(&mut end).await;
        write(&mut end, "HTTP/1.1 413 Payload Too Large\r\nContent-Length: 3\r\n\r\nbig").await;
        end
    };
    let options = SendOptions::default();
    let call = upstream.send(&target, request(Method::POST, vec![b'x'; 100_000]), &options);
    let (_end, response) = tokio::join!(backend, call);
    let response = response.unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(text(response.into_body()).await, "big");
    assert_eq!(upstream.idle(), 0, "half a request is still under way on it");
}

#[tokio::test(start_paused = true)]
async fn what_is_left_of_an_answer_is_discarded_within_bounds() {
    for (length, comes, kept) in [(1000, 1000, true), (200_000, 200_000, false), (1000, 10, false)] {
        let (pipes, mut ends) = Pipes::of_size(&[Attempt::Connects], 1 << 20);
        let (upstream, target) = (upstream(pipes), target());
        let backend = async {
            let mut end = ends.recv().await.unwrap();
            read_head(&mut end).await;
            write(&mut end, &format!("HTTP/1.1 500 Oh\r\nContent-Length: {length}\r\n\r\n{}", "x".repeat(comes))).await;
            end
        };
        let options = SendOptions::default();
        let (_end, response) = tokio::join!(backend, upstream.send(&target, request(Method::GET, ""), &options));
        upstream.discard(response.unwrap(), 64 * 1024, Duration::from_secs(1)).await;
        assert_eq!(upstream.idle(), usize::from(kept), "{length} {comes}");
    }
}

#[tokio::test(start_paused = true)]
async fn http2_goes_behind_the_same_face() {
    let (pipes, mut ends) = Pipes::new(&[Attempt::ConnectsHttp2]);
    let (upstream, target) = (upstream(pipes), target());
    tokio::spawn(async move {
        let end = ends.recv().await.unwrap();
        let service = hyper::service::service_fn(|request: Request<hyper::body::Incoming>| async move {
            let uri = request.uri().to_string();
            let hop = request.headers().contains_key("connection");
            let body = Body::client(request.into_body()).collect(100).await.unwrap();
            let said = format!("{uri} {hop} {}", String::from_utf8_lossy(&body));
            Ok::<_, std::convert::Infallible>(http::Response::new(Body::full(said)))
        });
        let builder = hyper::server::conn::http2::Builder::new(hyper_util::rt::TokioExecutor::new());
        builder.serve_connection(hyper_util::rt::TokioIo::new(end), service).await.unwrap();
        assert!(ends.recv().await.is_none(), "a second connection was made");
    });
    let options = SendOptions { version: HttpVersion::Http2, ..SendOptions::default() };
    let calls = (0..3).map(|number| {
        let mut request = request(Method::POST, format!("call {number}"));
        request.headers_mut().insert("connection", "keep-alive".parse().unwrap());
        request
    });
    for (number, request) in calls.enumerate() {
        let response = upstream.send(&target, request, &options).await.unwrap();
        assert_eq!(text(response.into_body()).await, format!("http://backend.example:8081/chat?x=1 false call {number}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_closes_its_connection() {
    let (pipes, mut ends) = Pipes::new(&[Attempt::Connects]);
    let (upstream, target) = (upstream(pipes), target());
    let options = SendOptions::default();
    let waited = tokio::time::timeout(Duration::from_secs(1), upstream.send(&target, request(Method::GET, ""), &options)).await;
    assert!(waited.is_err());
    let mut end = ends.recv().await.unwrap();
    let mut all = String::new();
    end.read_to_string(&mut all).await.unwrap();
    assert!(all.starts_with("GET /chat"));
}
