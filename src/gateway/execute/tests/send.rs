//! send-request and send-one-way-request.

use std::time::Duration;

use http::Method;

use super::super::testing::Bench;

fn echo(parts: &http::request::Parts, body: bytes::Bytes) -> (Duration, http::Response<http_body_util::Full<bytes::Bytes>>) {
    let header = |name: &str| parts.headers.get(name).map_or("-", |value| value.to_str().unwrap());
    let text = format!(
        "{} {} host={} auth={} type={} a={} body={}",
        parts.method,
        parts.uri,
        header("host"),
        header("authorization"),
        header("content-type"),
        header("x-a"),
        String::from_utf8_lossy(&body)
    );
    (Duration::ZERO, http::Response::builder().status(200).body(text.into()).unwrap())
}

fn returning(send: &str) -> String {
    format!(
        r#"{send}<return-response><set-body>@(((IResponse)context.Variables["r"]).StatusCode + " " + ((IResponse)context.Variables["r"]).Body.As<string>())</set-body></return-response>"#
    )
}

#[tokio::test(start_paused = true)]
async fn a_new_request_has_only_what_its_children_say() {
    let send = r#"<send-request mode="new" response-variable-name="r" timeout="20"><set-url>@("http://host.example:8080/intro spect?x=" + "1")</set-url>
        <set-method>POST</set-method><set-header name="Content-Type"><value>text/plain</value></set-header>
        <set-body>@($"token={context.Request.Method}")</set-body></send-request>"#;
    let mut outcome =
        Bench::inbound(&returning(send)).header("x-a", "1").header("authorization", "Bearer x").answering("host.example", echo).run().await;
    assert_eq!(
        outcome.response_text().await,
        "200 POST /intro%20spect?x=1 host=host.example:8080 auth=- type=text/plain a=- body=token=GET"
    );
}

#[tokio::test(start_paused = true)]
async fn a_copy_has_what_the_request_has() {
    let send = r#"<send-request mode="copy" response-variable-name="r"><set-url>http://host.example/p</set-url>
        <set-header name="X-A" exists-action="append"><value>2</value></set-header></send-request>"#;
    let bench = |policies: &str| {
        Bench::inbound(policies)
            .header("x-a", "1")
            .header("host", "gateway.example")
            .body("in", "text/plain")
            .answering("host.example", echo)
    };
    let mut outcome = bench(&returning(send)).run().await;
    assert_eq!(outcome.response_text().await, "200 POST /p host=host.example auth=- type=text/plain a=1,2 body=in");
    // The request itself goes on with its body.
    let mut outcome = bench(send).run().await;
    assert_eq!(outcome.request_text().await, "in");
    // "No if mode=copy": the URL is the request's own.
    let own = r#"<send-request mode="@("copy")" response-variable-name="r" />"#;
    let mut outcome = Bench::inbound(&returning(own)).request(Method::GET, "/echo/a?b=c").answering("backend.example", echo).run().await;
    assert_eq!(outcome.response_text().await, "200 GET /base/a?b=c host=backend.example auth=- type=- a=- body=");
}

#[tokio::test(start_paused = true)]
async fn credentials_of_its_own() {
    let send = r#"<send-request response-variable-name="r"><set-url>http://host.example/</set-url>
        <authentication-basic username="me" password="{{pw}}" /></send-request>"#;
    let mut outcome = Bench::inbound(&returning(send)).named_value("pw", "x", true).answering("host.example", echo).run().await;
    assert_eq!(outcome.response_text().await, "200 GET / host=host.example auth=Basic bWU6eA== type=- a=- body=");
    let (_, problems) =
        Bench::inbound(r#"<send-request response-variable-name="r"><set-url>http://a/</set-url><proxy url="http://p" /></send-request>"#)
            .compiled();
    assert_eq!(problems, ["the element `proxy` of `send-request` is known and not emulated"]);
    let (_, problems) = Bench::inbound(r#"<send-request response-variable-name="r" />"#).compiled();
    assert_eq!(problems, ["`send-request` needs `set-url` unless its mode is copy"]);
}

#[tokio::test(start_paused = true)]
async fn failures_have_their_reasons_or_are_ignored() {
    let send = |url: &str, ignore: &str| {
        format!(
            r#"<send-request response-variable-name="r" timeout="3" ignore-error="{ignore}"><set-url>{url}</set-url></send-request>
            <set-variable name="after" value="@(context.Variables["r"] == null)" />"#
        )
    };
    for (url, reason) in [
        ("http://nobody.example/", "BackendConnectionFailure"),
        ("http://slow.example/", "Timeout"),
        ("no url", "BackendConnectionFailure"),
        ("@((string)null)", "BackendConnectionFailure"),
    ] {
        let bench = |ignore: &str| Bench::inbound(&send(url, ignore)).host("slow.example", 60, 200, "");
        let outcome = bench("false").run().await;
        assert_eq!(outcome.reason().0, reason, "{url}");
        assert_eq!((outcome.status(), outcome.error.as_ref().unwrap().last_error.source.as_ref()), (Some(500), "send-request"));
        let ignored = bench("true").run().await;
        assert!(ignored.error.is_none(), "{url}");
        assert!(ignored.variable("after").contains("true"), "{}", ignored.variable("after"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_with_an_error_status_is_no_error() {
    let mut outcome =
        Bench::inbound(&returning(r#"<send-request response-variable-name="r"><set-url>http://host.example/</set-url></send-request>"#))
            .host("host.example", 0, 503, "busy")
            .run()
            .await;
    assert_eq!(outcome.response_text().await, "503 busy");
}

#[tokio::test(start_paused = true)]
async fn a_one_way_request_is_not_waited_for() {
    let policies = r#"<send-one-way-request mode="new"><set-url>http://slow.example/hook</set-url><set-method>POST</set-method>
        <set-body>@("from " + context.Request.Method)</set-body></send-one-way-request>
        <send-one-way-request><set-url>http://nobody.example/</set-url></send-one-way-request>"#;
    let bench = Bench::inbound(policies).host("slow.example", 30, 200, "");
    let (worker, problems) = bench.compiled();
    assert!(problems.is_empty(), "{problems:?}");
    let before = worker.state.clock.now();
    let outcome = bench.run_on(&worker).await;
    assert!(outcome.error.is_none());
    assert_eq!(worker.state.clock.now(), before);
    worker.state.clock.sleep(Duration::from_secs(40)).await;
    assert_eq!(*bench.network.seen.lock().unwrap(), ["POST slow.example/hook from GET"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_policy_sends_is_traced_without_secrets() {
    let send = r#"<send-request response-variable-name="r"><set-url>http://host.example/p?code={{key}}</set-url></send-request>"#;
    let outcome = Bench::inbound(send).named_value("key", "s3cret", true).answering("host.example", echo).traced().run().await;
    let trace = outcome.trace();
    assert!(trace.contains("Request is being sent.") && trace.contains("\"status\":200"), "{trace}");
    assert!(!trace.contains("s3cret"), "{trace}");
}
