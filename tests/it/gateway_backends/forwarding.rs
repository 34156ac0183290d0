//! `forward-request` and `set-backend-service`.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::harness::{Reply, SAFE, Setup, pass, retrying};

const ON_ERROR: &str = r#"<on-error><base/><set-header name="x-reason"><value>@(context.LastError.Reason)</value></set-header>
    <set-header name="x-message"><value>@(context.LastError.Message)</value></set-header>
    <set-header name="x-status"><value>@(context.Response.StatusCode.ToString())</value></set-header></on-error>"#;

fn forwarding(attributes: &str) -> Setup {
    let outbound = r#"<outbound><base/><set-header name="x-outbound"><value>ran</value></set-header></outbound>"#;
    Setup::new().document(&format!("<policies><backend><forward-request {attributes}/></backend>{outbound}{ON_ERROR}</policies>"))
}

#[tokio::test(start_paused = true)]
async fn what_goes_to_the_backend() {
    let world = Setup::new().start();
    let headers = [
        ("ocp-apim-subscription-key", "abc"),
        ("x-own", "1"),
        ("x-own", "2"),
        ("te", "trailers"),
        ("keep-alive", "timeout=5"),
        ("accept-encoding", "gzip"),
    ];
    let answer = world.send("POST", "/echo/a%2Fb/C?x=1&subscription-key=abc&y=%20", &headers, "body").await;
    assert_eq!((answer.status, answer.reason.as_str(), answer.body.as_str()), (200, "Own Reason", "answer 200"));
    let seen = &world.backends.seen()[0];
    assert_eq!(seen.line(), "POST /api/a%2Fb/C?x=1&subscription-key=abc&y=%20 HTTP/1.1");
    assert_eq!(seen.header("host"), Some("service.test"));
    assert_eq!(seen.header("x-forwarded-for"), Some("203.0.113.7"));
    // The key is not taken away (documented), and neither is anything else of the message.
    assert_eq!((seen.header("ocp-apim-subscription-key"), seen.header("accept-encoding")), (Some("abc"), Some("gzip")));
    assert_eq!((seen.header("content-length"), seen.body.as_str()), (Some("4"), "body"));
    for name in ["te", "keep-alive", "connection", "upgrade", "transfer-encoding"] {
        assert_eq!(seen.header(name), None, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_caller_is_added_behind_other_proxies() {
    let world = Setup::new().start();
    world.send("GET", "/echo/x", &[("x-forwarded-for", "198.51.100.1"), ("x-forwarded-for", "198.51.100.2")], "").await;
    assert_eq!(world.backends.seen()[0].header("x-forwarded-for"), Some("198.51.100.1, 198.51.100.2, 203.0.113.7"));
}

#[tokio::test(start_paused = true)]
async fn host_is_the_backends_unless_a_policy_sets_it() {
    let preserve = r#"<policies><inbound><base/><set-header name="Host"><value>@(context.Request.OriginalUrl.Host)</value></set-header></inbound></policies>"#;
    let world = Setup::new().document(preserve).start();
    world.get("/echo/x").await;
    assert_eq!(world.backends.seen()[0].header("host"), Some("gateway.test"));
    // The caller's own value makes no difference.
    let world = Setup::new().start();
    world.send("GET", "/echo/x", &[("host", "service.test")], "").await;
    assert_eq!(world.backends.seen()[0].header("host"), Some("service.test"));
}

#[tokio::test(start_paused = true)]
async fn without_forward_request_nothing_is_sent() {
    let text =
        r#"<policies><backend/><outbound><base/><set-header name="x-outbound"><value>ran</value></set-header></outbound></policies>"#;
    let world = Setup::new().document(text).start();
    let answer = world.get("/echo/x").await;
    assert_eq!((answer.status, answer.header("x-outbound"), answer.body.as_str()), (200, Some("ran"), ""));
    assert!(world.backends.seen().is_empty());
}

#[tokio::test(start_paused = true)]
async fn no_head_in_time_is_a_timeout() {
    for (attributes, milliseconds) in
        [("timeout=\"3\"", 3_000), ("timeout-ms=\"250\"", 250), ("timeout=\"@(1 + 1)\"", 2_000), ("", 300_000)]
    {
        let world = forwarding(attributes).start();
        world.backends.script("service", [Reply::Hangs]);
        let clock = world.gateway.clock().clone();
        let begun = clock.now();
        let answer = world.get("/echo/x").await;
        assert_eq!((answer.status, answer.header("x-reason")), (500, Some("Timeout")), "{attributes}");
        assert_eq!(answer.header("x-message"), Some("Request to the backend service timed out"));
        assert_eq!(answer.header("x-outbound"), None);
        assert_eq!(clock.now().duration_since(begun), Duration::from_millis(milliseconds));
        pass(1).await;
        assert_eq!(world.backends.gone(), ["service.test"], "the call is given up");
    }
}

#[tokio::test(start_paused = true)]
async fn the_timeout_is_for_the_head_only() {
    let world = forwarding("timeout=\"3\"").start();
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n";
    world.backends.script("service", [Reply::Raw(vec![(Duration::from_secs(2), head), (Duration::from_secs(60), "late")])]);
    assert_eq!(world.get("/echo/x").await.body, "late");
}

#[tokio::test(start_paused = true)]
async fn failing_connections() {
    for reply in [
        Reply::Refused,
        Reply::Cut,
        Reply::Raw(vec![(Duration::ZERO, "HTTP/1.1 200")]),
        Reply::Raw(vec![(Duration::ZERO, "nonsense\r\n\r\n")]),
    ] {
        let world = forwarding("").start();
        world.backends.script("service", [reply.clone()]);
        let answer = world.get("/echo/x").await;
        assert_eq!(
            (answer.status, answer.header("x-reason"), answer.header("x-status")),
            (500, Some("BackendConnectionFailure"), Some("500")),
            "{reply:?}"
        );
        assert_eq!(answer.json()["message"], "Internal server error");
    }
}

#[tokio::test(start_paused = true)]
async fn error_statuses_are_answers_unless_they_are_to_be_errors() {
    for status in [400, 404, 429, 500, 599] {
        let world = forwarding("").start();
        world.backends.script("service", [Reply::status(status)]);
        let answer = world.get("/echo/x").await;
        assert_eq!((answer.status, answer.header("x-outbound"), answer.header("x-reason")), (status, Some("ran"), None));
        let world = forwarding("fail-on-error-status-code=\"true\"").start();
        world.backends.script("service", [Reply::status(status)]);
        let answer = world.get("/echo/x").await;
        assert_eq!(
            (answer.status, answer.header("x-outbound"), answer.header("x-status")),
            (status, None, Some(status.to_string().as_str()))
        );
        assert!(answer.header("x-reason").is_some());
        assert_eq!(answer.body, format!("answer {status}"));
    }
    let world = forwarding("fail-on-error-status-code=\"true\"").start();
    world.backends.script("service", [Reply::status(304)]);
    assert_eq!(world.get("/echo/x").await.header("x-outbound"), Some("ran"));
}

#[tokio::test(start_paused = true)]
async fn without_buffering_a_second_attempt_has_no_body() {
    for (attributes, second) in [("", ""), ("buffer-request-body=\"true\"", "question")] {
        let setup = Setup::new().single("a", json!({})).pool("pool", &[("a", 1, 1)], json!({}));
        let world = setup.document(&retrying(1, SAFE, attributes)).start();
        world.backends.script("a", [Reply::status(500)]);
        assert_eq!(world.post("/echo/x", "question").await.status, 200);
        let bodies: Vec<_> = world.backends.seen().into_iter().map(|seen| seen.body).collect();
        assert_eq!(bodies, ["question", second]);
    }
}

#[tokio::test(start_paused = true)]
async fn redirects_are_the_callers_unless_they_are_followed() {
    let moved = |status, to: &str| Reply::Status(status, vec![("location", to.to_owned())], String::new());
    let world = forwarding("").start();
    world.backends.script("service", [moved(302, "/elsewhere")]);
    let answer = world.get("/echo/x").await;
    assert_eq!((answer.status, answer.header("location")), (302, Some("/elsewhere")));
    for (status, method, body) in [(302, "GET", ""), (303, "GET", ""), (307, "POST", "question"), (308, "POST", "question")] {
        let world = forwarding("follow-redirects=\"true\" buffer-request-body=\"true\"").start();
        world.backends.script("service", [moved(status, "http://other.test/there?z=1")]);
        let answer = world.send("POST", "/echo/x", &[("authorization", "Bearer secret")], "question").await;
        assert_eq!(answer.status, 200);
        let seen = world.backends.seen();
        assert_eq!(seen[1].line(), format!("{method} /there?z=1 HTTP/1.1"), "{status}");
        assert_eq!((seen[1].host.as_str(), seen[1].body.as_str(), seen[1].header("authorization")), ("other.test", body, None));
    }
    let world = forwarding("follow-redirects=\"true\"").start();
    world.backends.script("service", (0..60).map(|_| moved(302, "/again")));
    assert_eq!(world.get("/echo/x").await.status, 302, "an end is found");
    assert_eq!(world.backends.seen().len(), 51);
}

#[tokio::test(start_paused = true)]
async fn chunks_are_collected_unless_the_response_is_not_buffered() {
    let pieces = || {
        let event = "9\r\ndata: 1\n\n\r\n";
        Reply::Raw(vec![
            (Duration::ZERO, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"),
            (Duration::from_secs(1), event),
            (Duration::from_secs(1), event),
            (Duration::from_secs(1), "0\r\n\r\n"),
        ])
    };
    for (attributes, after) in [("buffer-response=\"false\"", 1), ("", 3)] {
        let world = forwarding(attributes).start();
        world.backends.script("service", [pieces()]);
        let clock = world.gateway.clock().clone();
        let begun = clock.now();
        let mut stream = world.connection();
        stream.write_all(b"GET /echo/x HTTP/1.1\r\nhost: gateway.test\r\n\r\n").await.unwrap();
        let mut text = Vec::new();
        while !text.windows(5).any(|window| window == b"data:") {
            assert_ne!(stream.read_buf(&mut text).await.unwrap(), 0);
        }
        assert_eq!(clock.now().duration_since(begun).as_secs(), after, "{attributes}");
        while !text.ends_with(b"0\r\n\r\n") {
            assert_ne!(stream.read_buf(&mut text).await.unwrap(), 0);
        }
        assert_eq!(String::from_utf8(text).unwrap().matches("data: 1").count(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_stops_the_backends_work() {
    let world = forwarding("").start();
    world.backends.script("service", [Reply::Hangs]);
    let mut stream = world.connection();
    stream.write_all(b"GET /echo/x HTTP/1.1\r\nhost: gateway.test\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.backends.seen().len(), 1);
    drop(stream);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.backends.gone(), ["service.test"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_again_once_the_answer_has_begun() {
    let setup = Setup::new().single("a", json!({})).single("b", json!({})).pool("pool", &[("a", 1, 1), ("b", 1, 1)], json!({}));
    let world = setup.document(&retrying(3, SAFE, "buffer-response=\"false\"")).start();
    let cut = vec![(Duration::ZERO, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")];
    world.backends.script("a", [Reply::Raw(cut)]);
    let mut stream = world.connection();
    stream.write_all(b"GET /echo/x HTTP/1.1\r\nhost: gateway.test\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut text = Vec::new();
    while stream.read_buf(&mut text).await.unwrap_or(0) > 0 {}
    assert!(String::from_utf8(text).unwrap().ends_with("half"));
    assert_eq!(world.backends.hosts(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn base_url_and_backend_id() {
    let set = |attribute: &str| format!("<policies><inbound><base/><set-backend-service {attribute}/></inbound></policies>");
    for (attribute, host, line) in [
        ("base-url=\"http://b.test:8080/v2/\"", "b.test:8080", "GET /v2/x?y=1 HTTP/1.1"),
        ("base-url='@(\"http://b.test/\" + context.Request.Method)'", "b.test", "GET /GET/x?y=1 HTTP/1.1"),
        ("backend-id=\"ONE\"", "one.test", "GET /openai/x?y=1 HTTP/1.1"),
        ("backend-id='@(\"o\" + \"ne\")'", "one.test", "GET /openai/x?y=1 HTTP/1.1"),
    ] {
        let world = Setup::new().single("one", json!({})).document(&set(attribute)).start();
        assert_eq!(world.get("/echo/x?y=1").await.status, 200, "{attribute}");
        let seen = &world.backends.seen()[0];
        assert_eq!((seen.header("host"), seen.line()), (Some(host), line));
    }
    let world = Setup::new().document(&set("backend-id='@(\"none\")'")).start();
    assert_eq!(world.get("/echo/x").await.status, 500);
    let world = Setup::new().document(&set("backend-id=\"none\"")).start();
    assert_eq!(world.get("/echo/x").await.status, 501, "the service would not have taken the document");
}

#[tokio::test(start_paused = true)]
async fn base_url_does_not_override_the_backend_id_of_a_wider_scope() {
    let global =
        |text: &str| format!("<policies><inbound>{text}</inbound><backend><forward-request/></backend><outbound/><on-error/></policies>");
    let entity = "<set-backend-service backend-id=\"one\"/>";
    let url = "<set-backend-service base-url=\"http://b.test\"/>";
    let inner = |text: &str| format!("<policies><inbound><base/>{text}</inbound></policies>");
    for (outer, own, host) in [
        (entity, url.to_owned(), "one.test"),
        (entity, "<set-backend-service backend-id=\"two\"/>".to_owned(), "two.test"),
        ("", format!("{entity}{url}"), "b.test"),
        (url, entity.to_owned(), "one.test"),
    ] {
        let setup = Setup::new().single("one", json!({})).single("two", json!({}));
        let world = setup.global(&global(outer)).document(&inner(&own)).start();
        world.get("/echo/x").await;
        assert_eq!(world.backends.seen()[0].host, host, "{outer} {own}");
    }
}

#[tokio::test(start_paused = true)]
async fn websockets_pass_through_websocket_apis_only() {
    let upgrade = "host: gateway.test\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    let chat = json!({ "type": "websocket", "protocols": ["wss"], "serviceUrl": "ws://chat.test/live" });
    let world = Setup::new().another("chat", chat).start();
    let mut stream = world.connection();
    stream.write_all(format!("GET /chat/room HTTP/1.1\r\n{upgrade}").as_bytes()).await.unwrap();
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut text).await.unwrap(), 0);
    }
    let head = String::from_utf8(text).unwrap().to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101") && head.contains("upgrade: websocket"), "{head}");
    stream.write_all(b"abcd").await.unwrap();
    let mut frame = [0; 4];
    stream.read_exact(&mut frame).await.unwrap();
    assert_eq!(&frame, b"dcba");
    assert_eq!(world.backends.seen()[0].line(), "GET /live/room HTTP/1.1");
    let mut stream = world.connection();
    stream.write_all(format!("GET /echo/x HTTP/1.1\r\n{upgrade}").as_bytes()).await.unwrap();
    let mut text = Vec::new();
    while !text.ends_with(b"answer 200") {
        assert_ne!(stream.read_buf(&mut text).await.unwrap(), 0);
    }
    assert_eq!(world.backends.seen()[1].header("upgrade"), None);
}
