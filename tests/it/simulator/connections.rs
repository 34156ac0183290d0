//! Connections in memory and over TCP.

use std::time::Duration;

use apimctl::simulator::{Connect, dial, serve_listener};
use apimctl::support::clock::SystemClock;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::*;

async fn client(simulator: &Simulator, account: &str) -> http1::SendRequest<Full<Bytes>> {
    let (sender, connection) = http1::handshake(TokioIo::new(dial(simulator, account).unwrap())).await.unwrap();
    tokio::spawn(connection);
    sender
}

#[tokio::test(start_paused = true)]
async fn http_1_and_2_are_served_in_memory() {
    let simulator = simulator("latency: { perToken: PT1S }");
    let mut first = client(&simulator, "france").await;
    for _ in 0..2 {
        let response = first.send_request(chat(&hello())).await.unwrap();
        assert_eq!((response.version(), response.headers()["x-ms-region"].to_str().unwrap()), (http::Version::HTTP_11, "France Central"));
        assert_eq!(response.headers()["date"].to_str().unwrap().split(' ').nth(3), Some("2026"));
        response.into_body().collect().await.unwrap();
    }
    let stream = dial(&simulator, "sweden").unwrap();
    let (mut second, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let ask = || {
        let mut request = chat(&streamed());
        *request.uri_mut() = format!("http://sweden{CHAT}").parse().unwrap();
        request
    };
    second.ready().await.unwrap();
    let (one, other) = tokio::join!(second.clone().send_request(ask()), second.send_request(ask()));
    let mut bodies = Vec::new();
    for response in [one.unwrap(), other.unwrap()] {
        assert_eq!(response.version(), http::Version::HTTP_2);
        bodies.push(response.into_body().collect().await.unwrap().to_bytes());
    }
    assert!(bodies.iter().all(|body| body.ends_with(b"data: [DONE]\n\n")));
}

#[tokio::test(start_paused = true)]
async fn connections_fail_as_rules_say() {
    let simulator = simulator(
        "rules:
          - { account: france, nth: 1, do: { connection: dnsFailure } }
          - { account: france, nth: 1, do: { connection: tlsFailure } }
          - { account: france, nth: 1, do: { connection: neverAnswers } }
          - { account: france, nth: 1, do: { connection: reset } }
          - { account: france, from: PT1S, do: { connection: refused } }",
    );
    for expected in [Connect::NameNotFound, Connect::TlsFailed, Connect::NeverAnswers, Connect::Reset, Connect::Established] {
        assert_eq!(simulator.connect("france"), expected);
    }
    assert_eq!(simulator.connect("sweden"), Connect::Established);
    let mut open = client(&simulator, "france").await;
    assert_eq!(open.send_request(chat(&hello())).await.unwrap().status(), 200);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(matches!(dial(&simulator, "france"), Err(Connect::Refused)));
    // A region that is gone takes open connections with it.
    assert!(open.send_request(chat(&hello())).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_before_a_cut_arrives() {
    for protocol in ["1", "2"] {
        let simulator = simulator(
            "rules: [ { nth: 1, do: { cut: { afterFrames: 4 } } }, { nth: 1, do: { cut: beforeFirstByte } }, { nth: 1, do: { cut: { afterFrames: 0 } } } ]",
        );
        let ask = async || {
            let stream = dial(&simulator, "france").unwrap();
            let mut request = chat(&streamed());
            if protocol == "1" {
                let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
                tokio::spawn(connection);
                return sender.send_request(request).await;
            }
            *request.uri_mut() = format!("http://france{CHAT}").parse().unwrap();
            let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            sender.send_request(request).await
        };
        let mut body = ask().await.unwrap().into_body();
        let mut received = Vec::new();
        let mut failed = false;
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => received.extend_from_slice(&frame.into_data().unwrap_or_default()),
                Err(_) => {
                    failed = true;
                    break;
                }
            }
        }
        let events = String::from_utf8(received).unwrap();
        assert_eq!((events.matches("data: ").count(), failed), (4, true), "HTTP/{protocol}: {events}");
        assert!(ask().await.is_err(), "HTTP/{protocol}");
        let headers_only = ask().await.unwrap();
        assert_eq!(headers_only.status(), 200, "HTTP/{protocol}");
        assert!(headers_only.into_body().collect().await.is_err());
    }
}

/// The one test with a socket: the listener stops when it is told, and lets what is in flight finish.
#[tokio::test]
async fn a_listener_drains() {
    let simulator = simulator("rules: []");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopping) = watch::channel(false);
    let serving = tokio::spawn(serve_listener(simulator, "france".into(), listener, Arc::new(SystemClock), stopping));
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let response = sender.send_request(chat(&streamed())).await.unwrap();
    stop.send(true).unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(body.ends_with(b"data: [DONE]\n\n"));
    drop(sender);
    serving.await.unwrap();
    connection.await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}
