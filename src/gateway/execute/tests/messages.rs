//! Policies that change messages: bodies, status, method, URL, formats.

use http::Method;

use super::super::testing::Bench;
use crate::gateway::program::Flow;

fn url(exchange: &crate::gateway::exchange::Exchange) -> String {
    exchange.request.url.text()
}

#[tokio::test(start_paused = true)]
async fn set_method_and_set_status() {
    let outcome = Bench::inbound("<set-method>post</set-method>").run().await;
    assert_eq!(outcome.exchange.request.method, Method::POST);
    let outcome = Bench::inbound(r#"<set-method>@("PA" + "TCH")</set-method>"#).run().await;
    assert_eq!(outcome.exchange.request.method, Method::PATCH);
    let outcome = Bench::outbound(r#"<set-status code="299" reason="Fine" />"#, "x", "text/plain").run().await;
    let response = outcome.exchange.response.as_ref().unwrap();
    assert_eq!((response.status.as_u16(), response.reason()), (299, "Fine"));
    let outcome = Bench::outbound(r#"<set-status code="@(400 + 4)" reason="@((string)null)" />"#, "x", "text/plain").run().await;
    let response = outcome.exchange.response.as_ref().unwrap();
    assert_eq!((response.status.as_u16(), response.reason()), (404, "Not Found"));
    let outcome = Bench::outbound(r#"<set-status code="@(99)" />"#, "x", "text/plain").run().await;
    assert_eq!(outcome.status(), Some(500));
    // "The 503 becomes a 429" (Microsoft's samples do this in on-error).
    let document = r#"<policies><inbound><check-header name="x" failed-check-httpcode="503" failed-check-error-message="no" ignore-case="true" /></inbound>
        <on-error><choose><when condition="@(context.Response.StatusCode == 503)"><set-status code="429" reason="Slow down" /></when></choose></on-error></policies>"#;
    assert_eq!(Bench::new(document).run().await.status(), Some(429));
}

#[tokio::test(start_paused = true)]
async fn set_body_takes_texts_bytes_and_objects() {
    for (policy, expected) in [
        ("<set-body>Hello world!</set-body>", "Hello world!"),
        (r#"<set-body>@("a" + "b")</set-body>"#, "ab"),
        (r#"<set-body>@{ return new byte[] { 104, 105 }; }</set-body>"#, "hi"),
        (r#"<set-body>@(new JObject(new JProperty("a", new JArray(1, 2))))</set-body>"#, "{\n  \"a\": [\n    1,\n    2\n  ]\n}"),
        (r#"<set-body>@((string)null)</set-body>"#, ""),
        (r#"<set-body>@(42)</set-body>"#, "42"),
        (r#"<set-body>@(context.Request.Body.As<string>() + "!")</set-body>"#, "in!"),
        ("<set-body><a b=\"1\">{{nv}}<!-- c --></a></set-body>", "<a b=\"1\">value<!-- c --></a>"),
    ] {
        let bench = Bench::inbound(policy).body("in", "text/plain").named_value("nv", "value", false);
        assert_eq!(bench.run().await.request_text().await, expected, "{policy}");
    }
}

#[tokio::test(start_paused = true)]
async fn set_body_throws_for_a_get_without_a_body() {
    let outcome = Bench::inbound("<set-body>x</set-body>").run().await;
    assert_eq!(outcome.status(), Some(500));
    assert_eq!(outcome.error.as_ref().unwrap().last_error.source, "set-body");
    let mut outcome = Bench::inbound("<set-method>POST</set-method><set-body>x</set-body>").run().await;
    assert_eq!(outcome.request_text().await, "x");
    assert!(outcome.exchange.request.had_body);
}

#[tokio::test(start_paused = true)]
async fn a_consumed_body_is_gone_until_it_is_set_again() {
    let reads = r#"<set-variable name="a" value="@(context.Request.Body.As<string>())" />"#;
    let mut outcome = Bench::inbound(reads).body("in", "text/plain").run().await;
    assert_eq!(outcome.request_text().await, "");
    let twice = format!("{reads}{reads}");
    assert_eq!(Bench::inbound(&twice).body("in", "text/plain").run().await.reason().0, "ExpressionValueEvaluationFailure");
    let kept = reads.replace("As<string>()", "As<string>(preserveContent: true)");
    let mut outcome = Bench::inbound(&format!("{kept}{kept}")).body("in", "text/plain").run().await;
    assert_eq!(outcome.request_text().await, "in");
    let set = format!("{reads}<set-body>@((string)context.Variables[\"a\"])</set-body>{reads}");
    assert!(Bench::inbound(&set).body("in", "text/plain").run().await.error.is_none());
}

#[tokio::test(start_paused = true)]
async fn liquid_binds_to_the_message_of_its_section() {
    let template = r#"<set-body template="liquid"><soap:Envelope xmlns="http://tempuri.org/" xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">
        <cust>{{body.getOpenOrders.cust}}</cust></soap:Envelope></set-body>"#;
    let mut outcome = Bench::inbound(template).body(r#"{"getOpenOrders":{"cust":"ACME"}}"#, "application/json").run().await;
    let text = outcome.request_text().await;
    assert!(text.starts_with("<soap:Envelope xmlns=\"http://tempuri.org/\"") && text.contains("<cust>ACME</cust>"), "{text}");
    let template = r#"<set-variable name="v" value="@(new JObject(new JProperty("k", 7)))" />
        <set-body template="liquid">{{context.Request.Method}} {{context.Request.Headers["X-A"]}} {{context.Response.StatusCode}} {{context.Variables["v"].k}} {{body.r}}</set-body>"#;
    let mut outcome = Bench::outbound(template, "<r>5</r>", "text/xml; charset=utf-8").header("x-a", "h").run().await;
    assert_eq!(outcome.response_text().await, "GET h 200 7 5");
    // "It must be application/json": text is bound as text, broken JSON fails.
    let template = r#"<set-body template="liquid">[{{body}}]</set-body>"#;
    assert_eq!(Bench::outbound(template, "plain", "text/plain").run().await.response_text().await, "[plain]");
    assert_eq!(Bench::outbound(template, "{broken", "application/json").run().await.status(), Some(500));
    assert_eq!(Bench::outbound(template, "", "application/json").run().await.response_text().await, "[]");
    // "Any liquid template used inside the return-response will receive an empty string."
    let inside = format!("<return-response>{template}</return-response>");
    assert_eq!(Bench::inbound(&inside).body("in", "text/plain").run().await.response_text().await, "[]");
    let dates = r#"<set-body template="liquid" parse-date="FLAG">{{body.d}}</set-body>"#;
    let run = |flag: &str| Bench::outbound(&dates.replace("FLAG", flag), r#"{"d":"2024-03-05T14:06:07Z"}"#, "application/json").run();
    assert_eq!(run("true").await.response_text().await, "03/05/2024 14:06:07");
    assert_eq!(run("false").await.response_text().await, "2024-03-05T14:06:07Z");
    let (_, problems) = Bench::inbound(r#"<set-body template="liquid">{% if x %}</set-body>"#).compiled();
    assert!(problems[0].contains("`endif` is missing"), "{problems:?}");
}

#[tokio::test(start_paused = true)]
async fn rewrite_uri_replaces_what_is_behind_the_prefix() {
    let run = |policy: &'static str| {
        let bench = Bench::inbound(policy).request(Method::GET, "/echo/get?a=b&c=d").matched("/get?a={b}", &[("b", "b")]);
        async move { url(&bench.run().await.exchange) }
    };
    assert_eq!(run(r#"<rewrite-uri template="/put" />"#).await, "https://backend.example/base/put?c=d");
    assert_eq!(run(r#"<rewrite-uri template="/put" copy-unmatched-params="false" />"#).await, "https://backend.example/base/put");
    assert_eq!(
        run(r#"<rewrite-uri template="@("/x/" + context.Request.Method + "?q={b}")" />"#).await,
        "https://backend.example/base/x/GET?q=b&c=d"
    );
    assert_eq!(run(r#"<rewrite-uri template="/put" copy-unmatched-params="@(1 == 2)" />"#).await, "https://backend.example/base/put");
    assert_eq!(run(r#"<rewrite-uri template="/" />"#).await, "https://backend.example/base/?c=d");
    let outcome = Bench::inbound(r#"<rewrite-uri template="/{nowhere}" />"#).run().await;
    assert_eq!(outcome.status(), Some(500));
}

#[tokio::test(start_paused = true)]
async fn return_response_takes_the_response_of_a_variable_and_changes_it() {
    let send = r#"<send-request response-variable-name="r"><set-url>http://host.example/</set-url></send-request>"#;
    let policies = format!(
        r#"{send}<return-response response-variable-name="r"><set-header name="X-New"><value>1</value></set-header></return-response>"#
    );
    let mut outcome = Bench::inbound(&policies).host("host.example", 0, 404, "not here").run().await;
    assert_eq!((outcome.flow, outcome.status()), (Some(Flow::Return), Some(404)));
    assert_eq!(outcome.response_header("x-from"), ["host"]);
    assert_eq!(outcome.response_header("x-new"), ["1"]);
    assert_eq!(outcome.response_text().await, "not here");
    // A copy of the variable is the same response.
    let copied = format!(
        r#"{send}<set-variable name="s" value="@(context.Variables["r"])" /><return-response response-variable-name="s"><set-status code="201" /></return-response>"#
    );
    let mut outcome = Bench::inbound(&copied).host("host.example", 0, 404, "not here").run().await;
    assert_eq!((outcome.status(), outcome.response_text().await), (Some(201), "not here".to_owned()));
    let nothing = r#"<return-response response-variable-name="nothing" />"#;
    assert_eq!(Bench::inbound(nothing).run().await.status(), Some(500));
    let mut empty = Bench::inbound("<return-response />").run().await;
    assert_eq!((empty.status(), empty.response_text().await), (Some(200), String::new()));
}

#[tokio::test(start_paused = true)]
async fn mock_response_prefers_examples_then_schemas_then_nothing() {
    let responses = serde_json::json!([
        { "statusCode": 200, "representations": [
            { "contentType": "application/json", "examples": { "default": { "value": { "a": 1 } }, "second": { "value": { "a": 2 } } } },
            { "contentType": "text/plain", "examples": { "default": { "value": "plain" } } },
            { "contentType": "application/xml", "sample": "<a/>" },
            { "contentType": "application/made+json", "generatedSample": "{\"made\":true}" },
            { "contentType": "image/png" },
        ] },
        { "statusCode": 404 },
    ]);
    let run = |attributes: &'static str| {
        let mut bench = Bench::inbound(&format!("<mock-response {attributes} /><set-variable name=\"after\" value=\"1\" />"));
        bench.responses = responses.clone();
        async move {
            let mut outcome = bench.run().await;
            assert_eq!(outcome.variable("after"), "None");
            let content_type = outcome.response_header("content-type").join("");
            (outcome.status().unwrap(), content_type, outcome.response_text().await)
        }
    };
    let text = |status: u16, content_type: &str, body: &str| (status, content_type.to_owned(), body.to_owned());
    assert_eq!(run("").await, text(200, "application/json", "{\n  \"a\": 1\n}"));
    assert_eq!(run(r#"content-type="TEXT/plain""#).await, text(200, "TEXT/plain", "plain"));
    assert_eq!(run(r#"content-type="application/xml" status-code="200""#).await, text(200, "application/xml", "<a/>"));
    assert_eq!(run(r#"content-type="application/made+json""#).await, text(200, "application/made+json", "{\"made\":true}"));
    assert_eq!(run(r#"content-type="image/png""#).await, text(200, "image/png", ""));
    assert_eq!(run(r#"status-code="404""#).await, text(404, "", ""));
    assert_eq!(run(r#"status-code="503" content-type="a/b""#).await, text(503, "a/b", ""));
    assert_eq!(run(r#"index="1""#).await, text(200, "application/json", "{\n  \"a\": 2\n}"));
    let (_, problems) = Bench::inbound(r#"<mock-response status-code="@(200)" />"#).compiled();
    assert!(problems[0].contains("takes no expression"), "{problems:?}");
}

#[tokio::test(start_paused = true)]
async fn find_and_replace_works_on_the_body_of_its_section() {
    let policy = r#"<find-and-replace from="notebook" to="@("lap" + "top")" />"#;
    let mut outcome = Bench::inbound(policy).body("a notebook and notebooks", "text/plain").run().await;
    assert_eq!(outcome.request_text().await, "a laptop and laptops");
    let mut outcome = Bench::outbound(policy, "notebook", "text/plain").run().await;
    assert_eq!(outcome.response_text().await, "laptop");
    assert!(Bench::inbound(policy).run().await.error.is_none());
}

#[tokio::test(start_paused = true)]
async fn conversions_look_at_content_type_and_accept() {
    let json = r#"{"a":1}"#;
    let run = |attributes: &'static str, content_type: &'static str, accept: &'static str| {
        let mut bench = Bench::outbound(&format!("<json-to-xml {attributes} />"), json, content_type);
        if !accept.is_empty() {
            bench = bench.header("accept", accept);
        }
        async move {
            let mut outcome = bench.run().await;
            (outcome.response_header("content-type").join(""), outcome.response_text().await)
        }
    };
    let (converted, kept) = (("application/xml".to_owned(), "<a>1</a>".to_owned()), |kind: &str| (kind.to_owned(), json.to_owned()));
    assert_eq!(run(r#"apply="always" consider-accept-header="false""#, "text/plain", "").await, converted);
    assert_eq!(run(r#"apply="content-type-json" consider-accept-header="false""#, "application/json", "").await, converted);
    assert_eq!(run(r#"apply="content-type-json" consider-accept-header="false""#, "text/plain", "").await, kept("text/plain"));
    // "Apply conversion if XML is requested in request Accept header", the default.
    assert_eq!(run(r#"apply="always""#, "application/json", "").await, kept("application/json"));
    assert_eq!(run(r#"apply="always""#, "application/json", "application/json, text/xml").await, converted);
    assert_eq!(run(r#"apply="@("al" + "ways")" consider-accept-header="@(false)""#, "a/b", "").await, converted);
    let xml = r#"<xml-to-json kind="@("direct")" apply="content-type-xml" consider-accept-header="false" />"#;
    let mut outcome = Bench::inbound(xml).body("<a b='1'>x</a>", "application/soap+xml").run().await;
    assert_eq!(outcome.request_text().await, r##"{"a":{"@b":"1","#text":"x"}}"##);
    assert_eq!(outcome.request_header("content-type"), ["application/json"]);
    for (policy, body, content_type) in
        [(xml, "<a><b></a>", "text/xml"), (r#"<json-to-xml apply="always" consider-accept-header="false" />"#, "{", "application/json")]
    {
        assert_eq!(Bench::inbound(policy).body(body, content_type).run().await.status(), Some(500), "{policy}");
    }
    // A body that is no UTF-8.
    let outcome = Bench::inbound(xml).body(vec![0xff, 0xfe], "text/xml").run().await;
    assert_eq!(outcome.status(), Some(500));
}

#[tokio::test(start_paused = true)]
async fn hostile_bodies_fail_and_harm_nobody() {
    let deep_json = "[".repeat(200_000);
    let deep_xml = "<a>".repeat(200_000);
    for (policy, content_type) in [
        (r#"<set-body template="liquid">{{body.a}}</set-body>"#, "application/json"),
        (r#"<set-body template="liquid">{{body.a}}</set-body>"#, "text/xml"),
        (r#"<json-to-xml apply="always" consider-accept-header="false" />"#, "application/json"),
        (r#"<xml-to-json kind="direct" apply="always" consider-accept-header="false" />"#, "text/xml"),
        (r#"<set-variable name="b" value="@(context.Request.Body.As<JObject>())" />"#, "application/json"),
    ] {
        for body in [
            deep_json.clone().into_bytes(),
            deep_xml.clone().into_bytes(),
            vec![0xff; 1_000],
            b"{\"a\":\"\\ud800\"}".to_vec(),
            b"\0".to_vec(),
        ] {
            let outcome = Bench::inbound(policy).body(body, content_type).run().await;
            assert!(outcome.status().is_none_or(|status| status == 500), "{policy}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn headers_that_cannot_be_are_failures_and_never_lines_of_their_own() {
    for policy in [
        r#"<set-header name="X-A"><value>@("a\r\nX-Evil: 1")</value></set-header>"#,
        r#"<set-header name="@("X A")"><value>1</value></set-header>"#,
        r#"<set-header name="X-A" exists-action="@("explode")"><value>1</value></set-header>"#,
        r#"<set-method>@("G T")</set-method>"#,
    ] {
        assert_eq!(Bench::inbound(policy).run().await.status(), Some(500), "{policy}");
    }
    let large = r#"<set-header name="X-A"><value>@(new string('x', 100000))</value></set-header>"#;
    assert_eq!(Bench::inbound(large).run().await.request_header("x-a")[0].len(), 100_000);
    let evil = r#"<return-response><set-status code="200" reason="@("a\r\nX-Evil: 1")" /></return-response>"#;
    assert_eq!(Bench::inbound(evil).run().await.exchange.response.take().unwrap().reason(), "a  X-Evil: 1");
    let query = r#"<set-query-parameter name="@("a&b=1")"><value>@("x y\r\nZ: 1")</value></set-query-parameter>"#;
    assert_eq!(Bench::inbound(query).run().await.exchange.request.url.query.as_deref(), Some("a%26b%3D1=x%20y%0D%0AZ%3A%201"));
}

#[tokio::test(start_paused = true)]
async fn set_variable_keeps_the_type_of_an_expression() {
    let cast = |value: &str| {
        format!(r#"<set-variable name="v" value="{value}" /><set-variable name="w" value="@((int)context.Variables["v"] + 1)" />"#)
    };
    assert!(Bench::inbound(&cast("@(1)")).run().await.error.is_none());
    // Seen: a literal is a string, and the cast of it throws.
    let outcome = Bench::inbound(&cast("1")).run().await;
    assert_eq!(outcome.reason(), ("ExpressionValueEvaluationFailure", "Specified cast is not valid."));
}
