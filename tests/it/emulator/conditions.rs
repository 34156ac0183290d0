//! Entity tags, preconditions, verbs, and requests that no route takes.

use apimctl::emulator::DEFAULT_SUBSCRIPTION;
use http::Method;
use serde_json::json;

use super::{World, group, options, svc};

#[tokio::test(start_paused = true)]
async fn a_stale_tag_changes_nothing() {
    let world = World::developer().await;
    let uri = format!("{}/backends/b", svc());
    let body = |title: &str| json!({ "properties": { "title": title, "url": "https://a", "protocol": "http" } });
    let first = world.put(&uri, body("one")).await.expect(201);
    let second = world.put(&uri, body("two")).await.expect(200);
    assert_ne!(first.header("etag"), second.header("etag"));
    let stale = [("if-match", first.header("etag"))];
    for (method, sent) in [(Method::PUT, Some(body("three"))), (Method::PATCH, Some(body("three"))), (Method::DELETE, None)] {
        let refused = world.send(method, &uri, &stale, sent).await.expect(412);
        assert_eq!(refused.code(), "PreconditionFailed");
    }
    assert_eq!(world.get(&uri).await.properties()["title"], "two");
    world.send(Method::PUT, &uri, &[("if-match", second.header("etag"))], Some(body("four"))).await.expect(200);
}

#[tokio::test(start_paused = true)]
async fn only_one_of_two_creates_wins() {
    let world = World::developer().await;
    let uri = format!("{}/backends/b", svc());
    let body = json!({ "properties": { "url": "https://a", "protocol": "http" } });
    let absent = [("if-none-match", "*")];
    world.send(Method::PUT, &uri, &absent, Some(body.clone())).await.expect(201);
    world.send(Method::PUT, &uri, &absent, Some(body.clone())).await.expect(412);
    world.send(Method::PUT, &format!("{}/backends/c", svc()), &[("if-match", "\"AAAAAAAAAAA=\"")], Some(body)).await.expect(412);
}

#[tokio::test(start_paused = true)]
async fn patch_and_delete_need_a_tag_and_delete_of_nothing_is_204() {
    let world = World::developer().await;
    world.backend("b").await;
    let uri = format!("{}/backends/b", svc());
    world.send(Method::DELETE, &uri, &[], None).await.expect(400);
    world.send(Method::PATCH, &uri, &[], Some(json!({}))).await.expect(400);
    let gone = world.delete(&uri).await.expect(200);
    assert_eq!(gone.header("content-length"), "0");
    world.delete(&uri).await.expect(204);
}

#[tokio::test(start_paused = true)]
async fn head_tells_the_tag_and_patch_merges() {
    let world = World::developer().await;
    world.backend("b").await;
    let uri = format!("{}/backends/b", svc());
    assert_eq!(world.head(&uri).await.expect(200).header("etag"), world.get(&uri).await.header("etag"));
    world.head(&format!("{}/backends/none", svc())).await.expect(404);
    let patched = world.patch(&uri, json!({ "properties": { "description": "d" } })).await.expect(200);
    assert_eq!(patched.properties()["description"], "d");
    assert_eq!(patched.properties()["url"], "https://b.openai.azure.com/openai");
}

#[tokio::test(start_paused = true)]
async fn routes_do_not_care_for_case_and_ids_keep_theirs() {
    let world = World::developer().await;
    world.backend("OpenAI-LB").await;
    let shouted = format!("{}/BACKENDS/openai-lb", svc().to_uppercase());
    let shown = world.get(&shouted).await.expect(200);
    assert_eq!(shown.body["id"], format!("{}/backends/OpenAI-LB", svc()));
    let again = world.put(&shouted, json!({ "properties": { "url": "https://c", "protocol": "http" } })).await.expect(200);
    assert_eq!(again.body["name"], "OpenAI-LB");
}

#[tokio::test(start_paused = true)]
async fn what_does_not_exist_is_told_as_arm_tells_it() {
    let world = World::developer().await;
    for (uri, status, code) in [
        (format!("{}?no-version", svc()), 400, "MissingApiVersionParameter"),
        (format!("{}/backends/none", svc()), 404, "ResourceNotFound"),
        (format!("{}/nothings/x", svc()), 404, "InvalidResourceType"),
        (format!("{}/gateways", svc()), 501, "OperationNotEmulated"),
        (format!("{}/providers/Microsoft.Nothing/x/y", group()), 404, "InvalidResourceNamespace"),
        (svc().replace("apim-test", "apim-none"), 404, "ResourceNotFound"),
        (svc().replace("resourceGroups/rg", "resourceGroups/none"), 404, "ResourceGroupNotFound"),
        ("/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/x".to_owned(), 404, "SubscriptionNotFound"),
        ("/nothing".to_owned(), 404, "NotFound"),
    ] {
        let reply = world.get(&uri).await;
        assert_eq!((reply.status, reply.code()), (status, code), "{uri}: {}", reply.body);
    }
    let orphan = world.put(&format!("{}/backends/b", svc().replace("apim-test", "apim-none")), json!({ "properties": {} })).await;
    assert_eq!(orphan.code(), "ParentResourceNotFound");
    let api = world.put(&format!("{}/apis/none/operations/o", svc()), json!({ "properties": {} })).await.expect(404);
    assert_eq!(api.message(), "Api not found.");
}

#[tokio::test(start_paused = true)]
async fn bodies_that_are_no_objects_are_refused() {
    let world = World::developer().await;
    let uri = format!("{}/backends/b?api-version=2024-05-01", svc());
    for body in ["", "[]", "{", "nul", "\"x\"", &"[".repeat(100_000)] {
        let request = http::Request::builder().method(Method::PUT).uri(&uri).body(bytes::Bytes::from(body.to_owned())).unwrap();
        let response = world.emulator.handle(request).await;
        assert_eq!(response.status(), 400, "{}", &body[..body.len().min(9)]);
    }
}

#[tokio::test(start_paused = true)]
async fn every_answer_has_the_headers_of_arm() {
    let world = World::open(options());
    let reply = world
        .send(Method::GET, "/subscriptions", &[("x-ms-correlation-request-id", "c-1"), ("x-ms-client-request-id", "me")], None)
        .await
        .expect(200);
    assert_eq!(reply.header("x-ms-correlation-request-id"), "c-1");
    assert_eq!(reply.header("x-ms-client-request-id"), "me");
    assert!(!reply.header("x-ms-request-id").is_empty());
    assert_eq!(reply.header("x-ms-ratelimit-remaining-subscription-reads"), "249");
    assert_eq!(reply.body["value"][0]["subscriptionId"], DEFAULT_SUBSCRIPTION);
}

#[tokio::test(start_paused = true)]
async fn names_are_checked_by_their_rules() {
    let world = World::developer().await;
    let fragment = json!({ "properties": { "value": "<fragment />" } });
    for (uri, status) in
        [("policyFragments/a b", 400), ("policyFragments/a-b", 201), ("policyFragments/-a", 400), ("policyFragments/%C3%A9t%C3%A9", 201)]
    {
        world.put(&format!("{}/{}", svc(), uri.replace(' ', "%20")), fragment.clone()).await.expect(status);
    }
    let long = format!("{}/backends/{}", svc(), "x".repeat(81));
    world.put(&long, json!({ "properties": { "url": "https://a", "protocol": "http" } })).await.expect(400);
    world.put(&format!("{}/policies/other", svc()), json!({ "properties": { "value": "<policies />" } })).await.expect(400);
}
