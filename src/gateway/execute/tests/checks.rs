//! check-header and ip-filter.

use super::super::testing::Bench;

const CHECK: &str = r#"<check-header name="X-Key" failed-check-httpcode="403" failed-check-error-message="Not &quot;you&quot;" ignore-case="CASE"><value>Abc</value><value>@("d" + "ef")</value></check-header>"#;

fn check(ignore_case: &str) -> Bench {
    Bench::inbound(&CHECK.replace("CASE", ignore_case).replace("&quot;", "'"))
}

#[tokio::test(start_paused = true)]
async fn check_header_asks_for_one_of_its_values() {
    for (value, ignore_case, passes) in
        [("Abc", "false", true), ("def", "false", true), ("abc", "false", false), ("abc", "true", true), ("x", "@(true)", false)]
    {
        let outcome = check(ignore_case).header("x-key", value).run().await;
        assert_eq!(outcome.error.is_none(), passes, "{value} {ignore_case}");
    }
}

#[tokio::test(start_paused = true)]
async fn check_header_tells_absent_from_wrong() {
    let mut outcome = check("false").run().await;
    assert_eq!(outcome.reason(), ("HeaderNotFound", "Header X-Key was not found in the request. Access denied."));
    assert_eq!(outcome.error.as_ref().unwrap().last_error.source, "check-header");
    assert_eq!(outcome.status(), Some(403));
    assert_eq!(outcome.response_header("content-type"), ["application/json"]);
    assert_eq!(outcome.response_text().await, r#"{ "statusCode": 403, "message": "Not 'you'" }"#);
    let outcome = check("false").header("x-key", "no").run().await;
    assert_eq!(outcome.reason(), ("HeaderValueNotAllowed", "Header X-Key value of no is not allowed. Access denied."));
    // Two values are not one (Microsoft's toolkit).
    let outcome = check("false").header("x-key", "Abc").header("x-key", "def").run().await;
    assert_eq!(outcome.reason().0, "HeaderValueNotAllowed");
}

#[tokio::test(start_paused = true)]
async fn check_header_without_values_asks_only_for_the_header() {
    let policy = r#"<check-header name="X-Key" failed-check-httpcode="401" failed-check-error-message="no" ignore-case="false" />"#;
    assert!(Bench::inbound(policy).header("x-key", "").run().await.error.is_none());
    assert_eq!(Bench::inbound(policy).run().await.status(), Some(401));
}

#[tokio::test(start_paused = true)]
async fn ip_filter_allows_and_forbids() {
    let run = |action: &'static str, inner: &'static str| async move {
        Bench::inbound(&format!(r#"<ip-filter action="{action}">{inner}</ip-filter>"#)).run().await
    };
    let mine = r#"<address>203.0.113.7</address>"#;
    let range = r#"<address-range from="203.0.113.0" to="203.0.113.255" />"#;
    let other = r#"<address>198.51.100.1</address><address-range from="10.0.0.0" to="10.255.255.255" />"#;
    assert!(run("allow", mine).await.error.is_none());
    assert!(run("allow", range).await.error.is_none());
    assert!(run("forbid", other).await.error.is_none());
    assert!(run("@(\"allow\")", r#"<address>@("203.0.113." + "7")</address>"#).await.error.is_none());
    let mut refused = run("allow", other).await;
    assert_eq!(refused.reason(), ("CallerIpNotAllowed", "Caller IP address 203.0.113.7 is not allowed. Access denied."));
    assert_eq!(refused.status(), Some(403));
    assert_eq!(refused.response_text().await, r#"{ "statusCode": 403, "message": "Forbidden" }"#);
    assert_eq!(run("forbid", range).await.reason(), ("CallerIpBlocked", "Caller IP address is blocked. Access denied."));
    let (_, problems) = Bench::inbound(r#"<ip-filter action="maybe"><address>no address</address></ip-filter>"#).compiled();
    assert_eq!(problems.len(), 2, "{problems:?}");
}
