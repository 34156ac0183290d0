//! Realtime routes: a WebSocket goes the way of every request (key, policies, pool, identity) and then passes through.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use apimctl::arm::store::Store;
use apimctl::gateway::start::Listening;
use apimctl::gateway::state::State;
use apimctl::gateway::upstream::{DefaultTls, Network};
use apimctl::gateway::{Gateway, GatewayOptions};
use apimctl::identity::{Issuer, IssuerOptions, LocalTokens};
use apimctl::support::clock::SystemClock;
use apimctl::support::random::SeededRandom;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::harness::{Reply, Setup, World, service, stored};

const UPGRADE: &str = "host: gateway.test\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";

fn realtime() -> Setup {
    let api = json!({ "type": "websocket", "protocols": ["wss"], "serviceUrl": "wss://none.test", "subscriptionRequired": true,
        "subscriptionKeyParameterNames": { "header": "api-key", "query": "api-key" } });
    let mut subscription = stored(
        service().child("subscriptions", "consumer"),
        json!({ "properties": { "displayName": "Consumer", "state": "active", "scope": service().child("apis", "realtime").to_string() } }),
    );
    subscription.secrets.insert("/properties/primaryKey".to_owned(), "the-key".to_owned().into());
    let identity = json!({ "credentials": { "managedIdentity": { "resource": "https://cognitiveservices.azure.com" } } });
    let rule = json!({ "name": "rule", "failureCondition": { "count": 1, "interval": "PT1M", "statusCodeRanges": [{ "min": 500, "max": 599 }] }, "tripDuration": "PT1M" });
    let mut breaking = identity.clone();
    breaking["circuitBreaker"] = json!({ "rules": [rule] });
    let policy = r#"<policies>
      <inbound><base/><set-header name="api-key" exists-action="delete"/><set-query-parameter name="api-key" exists-action="delete"/>
        <set-header name="x-inbound"><value>@(context.Subscription.Id)</value></set-header><set-backend-service backend-id="pool"/></inbound></policies>"#;
    let clock = Arc::new(SystemClock);
    let issuer = Issuer::generate(IssuerOptions {
        authority: "https://login.microsoftonline.com".to_owned(),
        tenant_id: "bbbbbbbb-0000-0000-0000-000000000001".to_owned(),
        clock,
        random: Arc::new(SeededRandom::new(3)),
    })
    .unwrap();
    Setup::new()
        .another("realtime", api)
        .resource(subscription)
        .single("a", breaking)
        .single("b", identity)
        .pool("pool", &[("a", 1, 1), ("b", 1, 1)], json!({}))
        .document_of("realtime", policy)
        .tokens(Arc::new(LocalTokens::new(Arc::new(issuer))))
}

/// The head of the answer, and the connection behind it.
async fn open(world: &World, target: &str, headers: &str) -> (String, DuplexStream) {
    let mut stream = world.connection();
    stream.write_all(format!("GET {target} HTTP/1.1\r\n{UPGRADE}{headers}\r\n").as_bytes()).await.unwrap();
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut text).await.unwrap(), 0, "{}", String::from_utf8_lossy(&text));
        // An answer with a body is as good as refused.
        if text.starts_with(b"HTTP/1.1 4") || text.starts_with(b"HTTP/1.1 5") {
            break;
        }
    }
    (String::from_utf8(text).unwrap(), stream)
}

async fn talks(stream: &mut DuplexStream) {
    stream.write_all(b"abcd").await.unwrap();
    let mut frame = [0; 4];
    stream.read_exact(&mut frame).await.unwrap();
    assert_eq!(&frame, b"dcba");
}

#[tokio::test(start_paused = true)]
async fn a_websocket_needs_its_key_and_goes_through_policies_pool_and_identity() {
    let world = realtime().start();
    for (target, headers) in [("/realtime?model=m", ""), ("/realtime?model=m", "api-key: wrong\r\n")] {
        let (head, _) = open(&world, target, headers).await;
        assert!(head.starts_with("HTTP/1.1 401 "), "{head}");
    }
    assert!(world.backends.seen().is_empty());
    for (target, headers) in [("/realtime?model=m", "api-key: the-key\r\n"), ("/realtime?api-key=the-key&model=m", "")] {
        let (head, mut stream) = open(&world, target, headers).await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        talks(&mut stream).await;
    }
    assert_eq!(world.backends.hosts(), ["a", "b"], "members take turns");
    for seen in world.backends.seen() {
        assert_eq!(seen.line(), "GET /openai/?model=m HTTP/1.1");
        assert_eq!((seen.header("x-inbound"), seen.header("api-key")), (Some("consumer"), None));
        assert!(seen.header("authorization").is_some_and(|value| value.starts_with("Bearer ey")), "{:?}", seen.head);
        assert_eq!(seen.header("sec-websocket-version"), Some("13"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_that_refuses_a_websocket_is_an_answer_like_any_other() {
    let world = realtime().start();
    world.backends.refuse_upgrades("a", Reply::status(503));
    let (head, _) = open(&world, "/realtime", "api-key: the-key\r\n").await;
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    // Its breaker has tripped: the others serve.
    for _ in 0..2 {
        let (head, mut stream) = open(&world, "/realtime", "api-key: the-key\r\n").await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        talks(&mut stream).await;
    }
    assert_eq!(world.backends.hosts(), ["a", "b", "b"]);
}

/// A backend that agrees to a WebSocket and then says everything back.
fn echoing() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            std::thread::spawn(move || {
                let mut head = Vec::new();
                let mut byte = [0; 1];
                while !head.ends_with(b"\r\n\r\n") {
                    stream.read_exact(&mut byte).unwrap();
                    head.push(byte[0]);
                }
                stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n").unwrap();
                while stream.read(&mut byte).is_ok_and(|count| count > 0) {
                    stream.write_all(&byte).unwrap();
                }
            });
        }
    });
    port
}

fn listening(grace: Duration) -> apimctl::gateway::Running {
    let api = service().child("apis", "live");
    let properties = json!({ "displayName": "live", "path": "live", "type": "websocket", "protocols": ["ws", "wss"], "subscriptionRequired": false,
        "apiRevision": "1", "isCurrent": true, "serviceUrl": format!("ws://127.0.0.1:{}", echoing()) });
    let global = "<policies><inbound/><backend><forward-request/></backend><outbound/><on-error/></policies>";
    let store = Store::default();
    store.commit(
        [
            stored(service(), json!({ "name": "apim", "location": "East US", "sku": { "name": "Developer" }, "properties": {} })),
            stored(api, json!({ "properties": properties })),
            super::harness::policy(&service(), global),
        ],
        [],
    );
    let state = State::new(Arc::new(SystemClock), Arc::new(SeededRandom::new(7)));
    let network = Arc::new(Network::new(Arc::new(DefaultTls::trusting(Vec::new()))));
    let gateway = Gateway::new(GatewayOptions::new(store, service(), state, network)).unwrap();
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    gateway.listen(Listening { grace, ..Listening::plain(vec![socket], NonZeroUsize::MIN) }).unwrap()
}

/// An open WebSocket over the network.
fn socket(address: std::net::SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(format!("GET /live HTTP/1.1\r\n{UPGRADE}\r\n").as_bytes()).unwrap();
    let (mut head, mut byte) = (Vec::new(), [0; 1]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
    stream
}

fn echoes(stream: &mut TcpStream) {
    stream.write_all(b"x").unwrap();
    let mut byte = [0; 1];
    stream.read_exact(&mut byte).unwrap();
    assert_eq!(byte, *b"x");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_waits_for_open_websockets_and_counts_those_it_cuts() {
    // With patience: it ends when the socket does.
    let running = listening(Duration::from_secs(60));
    let address = running.addresses()[0];
    let mut stream = tokio::task::spawn_blocking(move || socket(address)).await.unwrap();
    let drain = tokio::spawn(running.drain());
    let stream = tokio::task::spawn_blocking(move || {
        // Once nobody is let in any more the drain has begun.
        while TcpStream::connect(address).is_ok() {
            std::thread::yield_now();
        }
        echoes(&mut stream);
        stream
    });
    let stream = stream.await.unwrap();
    assert!(!drain.is_finished());
    drop(stream);
    assert_eq!(drain.await.unwrap().cut, 0);
    // Without: it is cut, and counted.
    let running = listening(Duration::from_millis(20));
    let address = running.addresses()[0];
    let mut stream = tokio::task::spawn_blocking(move || socket(address)).await.unwrap();
    assert_eq!(running.drain().await.cut, 1);
    tokio::task::spawn_blocking(move || assert_eq!(stream.read(&mut [0; 1]).unwrap_or(0), 0)).await.unwrap();
}
