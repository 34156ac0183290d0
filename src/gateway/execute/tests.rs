//! Policies run on an exchange. Texts in quotes in the names of facts are Microsoft's pages.

mod checks;
mod cors;
mod flow;
mod messages;
mod send;
mod tokens;

use http::Method;

use super::testing::Bench;
use super::{CONTROL, EMULATED, NOT_EMULATED};
use crate::gateway::program::Flow;

#[tokio::test(start_paused = true)]
async fn set_header_joins_values_save_for_those_with_commas_or_dates() {
    let policies = r#"
        <set-header name="X-A"><value>1</value><value>@("2")</value><value>3</value></set-header>
        <set-header name="X-A" exists-action="append"><value>4</value></set-header>
        <set-header name="X-A" exists-action="skip"><value>5</value></set-header>
        <set-header name="Cookie" exists-action="append"><value>a=1</value><value>b=2</value></set-header>
        <set-header name="X-Gone" exists-action="delete" />
        <set-header name="Content-Length"><value>77</value></set-header>
        <set-header name="@("X-" + "C")" exists-action="@("over" + "ride")"><value>é</value></set-header>"#;
    let outcome = Bench::inbound(policies).header("x-gone", "x").header("x-a", "0").header("cookie", "z=0").run().await;
    assert_eq!(outcome.request_header("x-a"), ["1,2,3,4"]);
    assert_eq!(outcome.request_header("cookie"), ["z=0", "a=1", "b=2"]);
    assert!(outcome.request_header("x-gone").is_empty());
    assert!(outcome.request_header("content-length").is_empty());
    assert_eq!(outcome.exchange.request.headers["x-c"].as_bytes(), "é".as_bytes());
}

#[tokio::test(start_paused = true)]
async fn server_cannot_be_removed_but_replaced() {
    let policies = r#"<set-header name="Server" exists-action="delete" />"#;
    let mut bench = Bench::outbound(policies, "", "text/plain");
    bench.backend.as_mut().unwrap().headers.push(("server".to_owned(), "b".to_owned()));
    assert_eq!(bench.run().await.response_header("server"), ["b"]);
    let policies = r#"<set-header name="Server"><value>mine</value></set-header>"#;
    assert_eq!(Bench::outbound(policies, "", "text/plain").run().await.response_header("server"), ["mine"]);
}

#[test]
fn every_policy_of_the_reference_has_one_place() {
    let mut places: Vec<&str> = CONTROL.to_vec();
    places.extend(EMULATED.iter().map(|(name, _)| *name));
    places.extend(NOT_EMULATED.iter().map(|(name, _)| *name));
    places.sort_unstable();
    let mut reference: Vec<&str> = crate::policy::reference::policies().map(|policy| policy.name).collect();
    reference.sort_unstable();
    assert_eq!(places, reference);
}

#[test]
fn what_is_not_emulated_is_refused_by_name() {
    let (_, problems) =
        Bench::inbound("<jsonp callback-parameter-name=\"cb\" /><choose><when condition=\"@(true)\"><nonsense /></when></choose>")
            .compiled();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].starts_with("the policy `jsonp` is known and not emulated: "), "{problems:?}");
    assert_eq!(problems[1], "there is no policy `nonsense`");
}

#[tokio::test(start_paused = true)]
async fn query_parameters_are_edited_in_place() {
    let policies = r#"
        <set-query-parameter name="b"><value>x y&amp;</value><value>2</value></set-query-parameter>
        <set-query-parameter name="c" exists-action="append"><value>9</value></set-query-parameter>
        <set-query-parameter name="d" exists-action="skip"><value>no</value></set-query-parameter>
        <set-query-parameter name="e" exists-action="skip"><value>yes</value></set-query-parameter>
        <set-query-parameter name="A" exists-action="delete" />"#;
    let outcome = Bench::inbound(policies).request(Method::GET, "/echo/resource?a=1&b=0&c=%7E+1&d&a=2").run().await;
    assert_eq!(outcome.exchange.request.url.query.as_deref(), Some("c=%7E+1&d&b=x%20y%26&b=2&c=9&e=yes"));
}

#[tokio::test(start_paused = true)]
async fn return_response_ends_everything() {
    let document = r#"<policies><inbound>
            <return-response><set-status code="418" reason="Teapot" />
                <set-header name="X-Why"><value>@(context.Request.Method)</value></set-header>
                <set-body>@(new JObject(new JProperty("a", 1)))</set-body></return-response>
            <set-variable name="after" value="1" />
        </inbound><outbound><set-variable name="after" value="2" /></outbound></policies>"#;
    let mut outcome = Bench::new(document).run().await;
    assert_eq!(outcome.flow, Some(Flow::Return));
    assert_eq!(outcome.status(), Some(418));
    assert_eq!(outcome.exchange.response.as_ref().unwrap().reason(), "Teapot");
    assert_eq!(outcome.response_header("x-why"), ["GET"]);
    assert_eq!(outcome.response_text().await, "{\n  \"a\": 1\n}");
    assert_eq!(outcome.variable("after"), "None");
}
