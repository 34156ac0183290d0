//! Policy text through the API: formats, layout, scopes.

use serde_json::json;

use super::{World, svc};

const RAW: &str = "<policies>\n  <inbound>\n    <base/>\n    <set-variable name=\"p\" value='@(context.Request.Headers.GetValueOrDefault(\"Priority\", \"low\") == \"a\" && 1 < 2)' />\n  </inbound>\n</policies>";

#[tokio::test(start_paused = true)]
async fn raw_text_is_kept_escaped_and_comes_back_raw() {
    let world = World::developer().await;
    world.api("a").await;
    let at = format!("{}/apis/a", svc());
    let put = world.policy(&at, RAW).await.expect(201);
    assert_eq!(put.properties()["format"], "xml");
    let xml = world.get(&format!("{at}/policies/policy")).await;
    let text = xml.properties()["value"].as_str().unwrap();
    assert!(text.contains("GetValueOrDefault(&quot;Priority&quot;, &quot;low&quot;) == &quot;a&quot; &amp;&amp; 1 &lt; 2)\" />"), "{text}");
    let raw = world.get(&format!("{at}/policies/policy?format=rawxml")).await;
    assert_eq!(raw.properties()["format"], "rawxml");
    let raw_text = raw.properties()["value"].as_str().unwrap().to_owned();
    assert!(
        raw_text.contains("value=\"@(context.Request.Headers.GetValueOrDefault(\"Priority\", \"low\") == \"a\" && 1 < 2)\" />"),
        "{raw_text}"
    );
    // What came back, sent again in its own format, changes nothing.
    let again = world.policy(&at, &raw_text).await.expect(200);
    assert_eq!(again.header("etag"), put.header("etag"));
    let body = json!({ "properties": { "format": "xml", "value": text } });
    assert_eq!(world.put(&format!("{at}/policies/policy"), body).await.expect(200).header("etag"), put.header("etag"));
}

#[tokio::test(start_paused = true)]
async fn the_same_document_in_any_layout_is_one_document() {
    let world = World::developer().await;
    let compact = "<policies><inbound><base /></inbound></policies>";
    let spread = "<?xml version=\"1.0\"?>\r\n<policies >\r\n\r\n        <inbound  >\n<base/></inbound>\n</policies>";
    let first = world.policy(&svc(), compact).await.expect(200);
    let second = world.policy(&svc(), spread).await.expect(200);
    assert_eq!(first.header("etag"), second.header("etag"));
    assert_eq!(second.properties()["value"], "<policies>\r\n\t<inbound>\r\n\t\t<base />\r\n\t</inbound>\r\n</policies>");
}

#[tokio::test(start_paused = true)]
async fn every_scope_has_a_policy_and_deleting_the_scope_deletes_it() {
    let world = World::developer().await;
    world.api("a").await;
    let operation = format!("{}/apis/a/operations/o", svc());
    world.put(&operation, json!({ "properties": { "displayName": "o", "method": "POST", "urlTemplate": "/x" } })).await.expect(201);
    world.put(&format!("{}/products/p", svc()), json!({ "properties": { "displayName": "p" } })).await.expect(201);
    for scope in [operation.clone(), format!("{}/apis/a", svc()), format!("{}/products/p", svc())] {
        world.get(&format!("{scope}/policies/policy")).await.expect(404);
        world.policy(&scope, "<policies><inbound /></policies>").await.expect(201);
        assert_eq!(world.get(&format!("{scope}/policies")).await.body["count"], 1);
    }
    world.delete(&operation).await.expect(200);
    world.put(&operation, json!({ "properties": { "displayName": "o", "method": "POST", "urlTemplate": "/x" } })).await.expect(201);
    world.get(&format!("{operation}/policies/policy")).await.expect(404);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_policy_document_is_refused_with_its_place() {
    let world = World::developer().await;
    for (text, target, part) in [
        ("<fragment />", "fragment", "root element"),
        ("<policies><inbund /></policies>", "inbund", "line 1, column 12"),
        ("<policies><backend><base /><forward-request /></backend></policies>", "backend", "only one policy"),
        (
            "<policies><outbound>\n  <rewrite-uri template=\"/x\" /></outbound></policies>",
            "rewrite-uri",
            "line 2, column 4: Policy is not allowed in this section",
        ),
        ("<policies><inbound><nothing /></inbound></policies>", "nothing", "no policy"),
        (
            "<policies><inbound><set-header name=\"a\" colour=\"b\"><value>1</value></set-header></inbound></policies>",
            "set-header",
            "The 'colour' attribute is not declared.",
        ),
        (
            "<policies><inbound><set-header name=\"a\">text</set-header></inbound></policies>",
            "set-header",
            "The element 'set-header' cannot contain text.",
        ),
        ("<policies><inbound></policies>", "representation", "does not match the end tag"),
        ("", "representation", "Root element is missing."),
    ] {
        let refused = world.policy(&svc(), text).await.expect(400);
        let (found, message) = refused.details().remove(0);
        assert_eq!(found, target, "{message}");
        assert!(message.contains(part), "{message}");
    }
    let body = json!({ "properties": { "format": "xml-link", "value": "https://example.com/p.xml" } });
    assert_eq!(world.put(&format!("{}/policies/policy", svc()), body).await.expect(501).code(), "OperationNotEmulated");
}
