use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::azure::credential::StaticCredential;
use crate::azure::testing::{Script, answer, refusal};
use crate::azure::transport::InProcess;
use crate::support::clock::SystemClock;
use crate::support::random::SeededRandom;

const GROUP: &str = "/subscriptions/s/resourceGroups/g";
const SERVICE: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ApiManagement/service/apim";
const VERSION: &str = "2024-05-01";

fn id(text: &str) -> ResourceId {
    ResourceId::parse(text).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_request_carries_token_version_tag_and_correlation_id() {
    let script = Script::new([answer(200, &[("etag", "\"new\"")], json!({ "name": "b" }))]);
    let backend = id(SERVICE).child("backends", "b");
    let body = json!({ "properties": { "url": "https://x" } });
    let outcome = script.client.put(&backend, VERSION, &body, Precondition::Match("\"old\"".to_owned())).await.unwrap();
    let Outcome::Done(reply) = outcome else { panic!("{outcome:?}") };
    assert_eq!(reply.etag.as_deref(), Some("\"new\""));
    let seen = script.seen().remove(0);
    assert_eq!((seen.method.as_str(), seen.path.as_str(), seen.query.as_str()), ("PUT", backend.as_str(), "api-version=2024-05-01"));
    assert_eq!(seen.headers["authorization"], "Bearer token");
    assert_eq!(seen.headers["if-match"], "\"old\"");
    assert_eq!(seen.headers["content-type"], "application/json");
    assert_eq!(seen.headers["x-ms-correlation-request-id"], script.client.correlation_id());
    assert_eq!(seen.body, serde_json::to_vec(&body).unwrap());
}

#[tokio::test(start_paused = true)]
async fn preconditions_become_their_headers() {
    let script = Script::new((0..3).map(|_| answer(200, &[], json!({}))));
    let backend = id(SERVICE).child("backends", "b");
    for precondition in [Precondition::None, Precondition::Any, Precondition::Absent] {
        script.client.put(&backend, VERSION, &Value::Null, precondition).await.unwrap();
    }
    let headers: Vec<_> = script
        .seen()
        .iter()
        .map(|seen| (seen.headers.get("if-match").cloned(), seen.headers.get("if-none-match").cloned(), seen.body.len()))
        .collect();
    let star = || Some(http::HeaderValue::from_static("*"));
    assert_eq!(headers, [(None, None, 0), (star(), None, 0), (None, star(), 0)]);
}

#[tokio::test(start_paused = true)]
async fn an_absent_resource_is_none_but_a_nonsense_question_is_an_error() {
    let script = Script::new([
        refusal(404, "ResourceNotFound", "Api not found."),
        refusal(404, "ResourceGroupNotFound", "Resource group 'g' could not be found."),
        answer(404, &[], Value::Null),
        refusal(404, "SubscriptionNotFound", "The subscription 's' could not be found."),
        refusal(404, "InvalidResourceType", "The resource type could not be found"),
    ]);
    assert!(script.client.get(SERVICE, VERSION, &[]).await.unwrap().is_none());
    assert!(script.client.get(SERVICE, VERSION, &[]).await.unwrap().is_none());
    assert!(script.client.head(SERVICE, VERSION).await.unwrap().is_none());
    let error = script.client.get(SERVICE, VERSION, &[]).await.unwrap_err();
    assert!(error.is("SubscriptionNotFound") && error.hint.unwrap().contains("az login --tenant"));
    assert!(script.client.get(SERVICE, VERSION, &[]).await.unwrap_err().is("InvalidResourceType"));
}

#[tokio::test(start_paused = true)]
async fn pages_are_followed_with_their_own_query() {
    let next = "https://management.azure.com/subscriptions/s/x?api-version=v&%24skiptoken=a%2Fb";
    let script = Script::new([
        answer(200, &[], json!({ "value": [1, 2], "count": 3, "nextLink": next })),
        answer(200, &[], json!({ "value": [3], "nextLink": "" })),
    ]);
    let items = script.client.list("/subscriptions/s/x", "v", &[("$filter", "principalId eq 'p'")]).await.unwrap();
    assert_eq!(items, [json!(1), json!(2), json!(3)]);
    let queries: Vec<String> = script.seen().into_iter().map(|seen| seen.query).collect();
    assert_eq!(queries, ["api-version=v&%24filter=principalId+eq+%27p%27", "api-version=v&%24skiptoken=a%2Fb"]);
}

#[tokio::test(start_paused = true)]
async fn the_token_never_goes_to_another_host() {
    for next in ["https://evil.example/x", "http://management.azure.com/x", "https://management.azure.com:444/x", "nonsense"] {
        let script = Script::new([answer(200, &[], json!({ "value": [], "nextLink": next }))]);
        let error = script.client.list(GROUP, "v", &[]).await.unwrap_err();
        assert!(error.is(codes::UNEXPECTED_ANSWER), "{next}: {error}");
    }
    let script = Script::new([]);
    assert!(script.client.get("https://evil.example/subscriptions/s", "v", &[]).await.unwrap_err().is(codes::INVALID_REQUEST));
    assert!(script.client.get("/subscriptions/../x", "v", &[]).await.unwrap_err().is(codes::INVALID_REQUEST));
    assert!(script.seen().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_list_that_repeats_a_page_ends_in_an_error() {
    let next = "https://management.azure.com/subscriptions/s/x?page=2";
    let script = Script::new((0..2).map(|_| answer(200, &[], json!({ "value": [], "nextLink": next }))));
    assert!(script.client.list("/subscriptions/s/x", "v", &[]).await.unwrap_err().is(codes::UNEXPECTED_ANSWER));
}

#[tokio::test(start_paused = true)]
async fn names_with_reserved_letters_stay_one_segment() {
    let script = Script::new([answer(200, &[], json!({}))]);
    script.client.get(&format!("{SERVICE}/apis/a b?c;rev=2"), "v", &[]).await.unwrap();
    let seen = script.seen().remove(0);
    assert_eq!(seen.path, format!("{SERVICE}/apis/a%20b%3Fc;rev=2"));
    assert_eq!(seen.query, "api-version=v");
}

#[tokio::test(start_paused = true)]
async fn an_error_keeps_details_and_ids() {
    let body = json!({ "error": { "code": "ValidationError", "message": "One or more fields contain incorrect values:",
        "details": [{ "code": "ValidationError", "target": "url", "message": "Value should represent absolute http URL" }] } });
    let headers = [("x-ms-request-id", "request-1"), ("x-ms-correlation-request-id", "correlation-1")];
    let script = Script::new([answer(400, &headers, body)]);
    let error = script.client.put(&id(SERVICE), VERSION, &json!({}), Precondition::None).await.unwrap_err();
    assert_eq!((error.status, error.method), (Some(400), "PUT"));
    assert_eq!(error.error.details[0].target.as_deref(), Some("url"));
    assert_eq!(error.request_id.as_deref(), Some("request-1"));
    assert_eq!(error.correlation_id.as_deref(), Some("correlation-1"));
    assert!(error.to_string().contains("`url` ValidationError: Value should represent"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_page_that_is_not_json_is_never_taken_for_an_answer() {
    let page = || http::Response::builder().status(200).body(Bytes::from_static(b"<html>\n<h1>Sign in</h1>")).unwrap();
    let script = Script::new([page(), http::Response::builder().status(404).body(Bytes::from_static(b"nginx")).unwrap()]);
    let error = script.client.get(SERVICE, VERSION, &[]).await.unwrap_err();
    assert!(error.is(codes::UNEXPECTED_ANSWER) && error.error.message.contains("<html> <h1>Sign in"), "{error}");
    assert!(script.client.get(SERVICE, VERSION, &[]).await.unwrap_err().is(codes::UNEXPECTED_ANSWER));
}

#[tokio::test(start_paused = true)]
async fn deleting_what_is_not_there_is_done() {
    let script =
        Script::new([answer(204, &[], Value::Null), refusal(404, "ResourceNotFound", "Api not found."), answer(200, &[], Value::Null)]);
    for status in [204, 404, 200] {
        let outcome = script.client.delete(&id(SERVICE).child("apis", "a"), VERSION, &[], Precondition::Any).await.unwrap();
        assert!(matches!(outcome, Outcome::Done(reply) if reply.status == status));
    }
}

#[tokio::test(start_paused = true)]
async fn an_action_that_is_only_accepted_is_waited_for() {
    let location = "https://management.azure.com/subscriptions/s/op?api-version=v&asyncId=1&asyncCode=200";
    let script = Script::new([
        answer(202, &[("location", location)], Value::Null),
        answer(202, &[], Value::Null),
        answer(200, &[("etag", "\"e\"")], json!({ "id": "/x", "properties": { "displayName": "n" } })),
    ]);
    let reply = script.client.post(&format!("{SERVICE}/namedValues/n/refreshSecret"), VERSION, None).await.unwrap();
    assert_eq!(reply.body["properties"]["displayName"], "n");
    script.assert_done();
}

#[tokio::test(start_paused = true)]
async fn a_read_waits_for_its_own_write_to_become_visible_but_no_longer() {
    let api = id(SERVICE).child("apis", "a");
    let missing = || refusal(404, "ResourceNotFound", "Api not found.");
    let script = Script::new([answer(201, &[], json!({ "id": api.as_str() })), missing(), missing(), answer(200, &[], json!({}))]);
    script.client.put(&api, VERSION, &json!({}), Precondition::None).await.unwrap();
    assert!(script.client.get(api.as_str(), VERSION, &[]).await.unwrap().is_some());
    script.assert_done();

    // Its child was not written: that it is missing is the truth, and told at once.
    let script = Script::new([answer(201, &[], json!({})), missing()]);
    script.client.put(&api, VERSION, &json!({}), Precondition::None).await.unwrap();
    assert!(script.client.get(api.child("policies", "policy").as_str(), VERSION, &[]).await.unwrap().is_none());

    // A write below it may come too early as well.
    let script = Script::new([answer(201, &[], json!({})), missing(), answer(201, &[], json!({}))]);
    script.client.put(&api, VERSION, &json!({}), Precondition::None).await.unwrap();
    script.client.put(&api.child("operations", "o"), VERSION, &json!({}), Precondition::None).await.unwrap();
    script.assert_done();

    // After two minutes, or a DELETE, absence is absence.
    let script =
        Script::new([answer(201, &[], json!({})), missing(), answer(201, &[], json!({})), answer(200, &[], Value::Null), missing()]);
    script.client.put(&api, VERSION, &json!({}), Precondition::None).await.unwrap();
    tokio::time::sleep(Duration::from_secs(121)).await;
    assert!(script.client.get(api.as_str(), VERSION, &[]).await.unwrap().is_none());
    script.client.put(&api, VERSION, &json!({}), Precondition::None).await.unwrap();
    script.client.delete(&id(SERVICE).child("apis", "A"), VERSION, &[], Precondition::Any).await.unwrap();
    assert!(script.client.get(api.as_str(), VERSION, &[]).await.unwrap().is_none());
    script.assert_done();
}

#[tokio::test(start_paused = true)]
async fn the_client_paces_itself_by_the_allowance_that_arm_reports() {
    let handler = |_| async { answer(200, &[("x-ms-ratelimit-remaining-subscription-reads", "6")], json!({})) };
    let options = ClientOptions::new(Cloud::public(), Arc::new(StaticCredential::new("t")), Arc::new(SystemClock));
    let client = ArmClient::new(ClientOptions {
        transport: Some(Arc::new(InProcess::new(handler))),
        random: Arc::new(SeededRandom::new(1)),
        ..options
    });
    let start = SystemClock.now();
    for _ in 0..51 {
        client.get(GROUP, "v", &[]).await.unwrap();
    }
    // 25 a second, once the few that were left are used.
    let elapsed = SystemClock.now().duration_since(start).as_millis();
    assert!((1_800..2_400).contains(&elapsed), "{elapsed}");
}
