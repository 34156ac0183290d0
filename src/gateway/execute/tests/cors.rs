//! cors: preflight and marked answers.

use http::Method;

use super::super::testing::Bench;
use crate::gateway::pipeline;
use crate::policy::Scope;

const CORS: &str = r#"<cors allow-credentials="true"><allowed-origins><origin>http://localhost:8080/</origin><origin>https://example.com</origin></allowed-origins>
    <allowed-methods preflight-result-max-age="300"><method>GET</method><method>PATCH</method></allowed-methods>
    <allowed-headers><header>x-a</header><header>content-type</header></allowed-headers>
    <expose-headers><header>x-b</header><header>x-c</header></expose-headers></cors>"#;

fn document(policies: &str) -> String {
    format!("<policies><inbound>{policies}</inbound></policies>")
}

fn preflight(bench: Bench, origin: &str, method: &str, headers: &str) -> Bench {
    let bench = bench.request(Method::OPTIONS, "/echo/resource").header("origin", origin).header("access-control-request-method", method);
    if headers.is_empty() { bench } else { bench.header("access-control-request-headers", headers) }
}

/// Whether a `cors` is in scope, the flow's status, and the answer's headers.
async fn answered(bench: Bench) -> Option<Vec<(String, String)>> {
    let (worker, problems) = bench.compiled();
    assert!(problems.is_empty(), "{problems:?}");
    let mut exchange = bench.exchange(&worker);
    let there = pipeline::preflight(&mut exchange).await.unwrap();
    let response = exchange.response.take().filter(|_| there)?;
    assert_eq!(response.status, 200);
    let mut headers: Vec<_> = response.headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    headers.sort();
    Some(headers)
}

fn pairs(pairs: &[(&str, &str)]) -> Option<Vec<(String, String)>> {
    Some(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

#[tokio::test(start_paused = true)]
async fn a_preflight_request_is_told_what_it_may() {
    let good = answered(preflight(Bench::inbound(CORS), "http://localhost:8080", "PATCH", "X-A, Content-Type")).await;
    let expected = [
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-headers", "X-A,Content-Type"),
        ("access-control-allow-methods", "PATCH"),
        ("access-control-allow-origin", "http://localhost:8080"),
        ("access-control-max-age", "300"),
        ("vary", "Origin"),
    ];
    assert_eq!(good, pairs(&expected));
    // Port 443 is https's own.
    assert!(answered(preflight(Bench::inbound(CORS), "https://example.com:443", "GET", "")).await.unwrap().len() > 1);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_match_gets_an_empty_200() {
    for (origin, method, headers) in [
        ("http://localhost:8081", "GET", ""),
        ("https://example.com", "PUT", ""),
        ("https://example.com", "GET", "x-a, x-z"),
        ("null", "GET", ""),
    ] {
        assert_eq!(answered(preflight(Bench::inbound(CORS), origin, method, headers)).await, pairs(&[]), "{origin} {method} {headers}");
    }
    // "GET and POST are supported" without a list.
    let short = "<cors><allowed-origins><origin>*</origin></allowed-origins><allowed-headers><header>*</header></allowed-headers></cors>";
    assert_eq!(answered(preflight(Bench::inbound(short), "http://a", "PUT", "")).await, pairs(&[]));
    let expected =
        [("access-control-allow-headers", "x-anything"), ("access-control-allow-methods", "POST"), ("access-control-allow-origin", "*")];
    assert_eq!(answered(preflight(Bench::inbound(short), "http://a", "POST", "x-anything")).await, pairs(&expected));
}

#[tokio::test(start_paused = true)]
async fn a_preflight_request_meets_nothing_but_cors() {
    let policies = format!(
        r#"<return-response><set-status code="500" /></return-response><check-header name="x" failed-check-httpcode="401" failed-check-error-message="" ignore-case="true" />{CORS}"#
    );
    assert!(answered(preflight(Bench::inbound(&policies), "https://example.com", "GET", "")).await.unwrap().len() > 1);
    assert_eq!(answered(preflight(Bench::inbound("<set-method>GET</set-method>"), "https://example.com", "GET", "")).await, None);
    // "Direct children of the inbound element."
    let inside = format!(r#"<choose><when condition="@(true)">{CORS}</when></choose>"#);
    assert_eq!(answered(preflight(Bench::inbound(&inside), "https://example.com", "GET", "")).await, None);
    // A fragment is pasted.
    let bench = Bench::inbound(r#"<include-fragment fragment-id="f" />"#).fragment("f", CORS);
    assert!(answered(preflight(bench, "https://example.com", "GET", "")).await.unwrap().len() > 1);
}

#[tokio::test(start_paused = true)]
async fn another_cors_in_scope_is_asked_if_the_first_does_not_terminate() {
    let api = |terminate: &str| {
        document(&format!(
            "<cors{terminate}><allowed-origins><origin>https://other.com</origin></allowed-origins><allowed-headers><header>*</header></allowed-headers></cors><base />"
        ))
    };
    let run = |terminate: &str| {
        let bench = Bench::new(&document(CORS)).scope(Scope::Api, &api(terminate));
        answered(preflight(bench, "https://example.com", "GET", ""))
    };
    assert_eq!(run(" terminate-unmatched-request=\"true\"").await, pairs(&[]));
    assert!(run(" terminate-unmatched-request=\"false\"").await.unwrap().len() > 1);
    // The default is a setting: the page states both.
    assert_eq!(run("").await, pairs(&[]));
    let bench = Bench::new(&document(CORS)).scope(Scope::Api, &api("")).settings(|settings| settings.cors_terminates_unmatched = false);
    assert!(answered(preflight(bench, "https://example.com", "GET", "")).await.unwrap().len() > 1);
    // Without <base /> the wider scope is not asked.
    let alone = document(
        "<cors terminate-unmatched-request=\"false\"><allowed-origins><origin>https://other.com</origin></allowed-origins><allowed-headers><header>*</header></allowed-headers></cors>",
    );
    let bench = Bench::new(&document(CORS)).scope(Scope::Api, &alone);
    assert_eq!(answered(preflight(bench, "https://example.com", "GET", "")).await, pairs(&[]));
}

#[tokio::test(start_paused = true)]
async fn answers_are_marked_whatever_answers() {
    let policies = format!(r#"{CORS}<return-response><set-status code="418" /></return-response>"#);
    let outcome = Bench::inbound(&policies).header("origin", "https://example.com").run().await;
    assert_eq!(outcome.status(), Some(418));
    assert_eq!(outcome.response_header("access-control-allow-origin"), ["https://example.com"]);
    assert_eq!(outcome.response_header("access-control-allow-credentials"), ["true"]);
    assert_eq!(outcome.response_header("access-control-expose-headers"), ["x-b,x-c"]);
    assert_eq!(outcome.response_header("vary"), ["Origin"]);
    let failing =
        format!(r#"{CORS}<check-header name="x" failed-check-httpcode="401" failed-check-error-message="" ignore-case="true" />"#);
    let outcome = Bench::inbound(&failing).header("origin", "https://example.com").run().await;
    assert_eq!((outcome.status(), outcome.response_header("access-control-allow-origin").len()), (Some(401), 1));
}

#[tokio::test(start_paused = true)]
async fn a_request_from_elsewhere_ends_or_goes_on_unmarked() {
    let policies =
        |terminate: &str| format!(r#"{}<set-variable name="after" value="1" />"#, CORS.replace("<cors ", &format!("<cors {terminate} ")));
    let run = |terminate: &str| Bench::inbound(&policies(terminate)).header("origin", "https://evil.com").run();
    let ended = run("").await;
    assert_eq!((ended.status(), ended.variable("after").as_str()), (Some(200), "None"));
    assert!(ended.response_header("access-control-allow-origin").is_empty());
    let goes_on = run("terminate-unmatched-request=\"@(1 == 2)\"").await;
    assert_ne!(goes_on.variable("after"), "None");
    assert!(goes_on.response_header("access-control-allow-origin").is_empty());
    // Without an origin nothing happens.
    let same = Bench::inbound(&policies("")).run().await;
    assert_ne!(same.variable("after"), "None");
}
