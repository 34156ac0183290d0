//! Long-running operations at the resource: nothing is there before the end, and errors are told at the poll.

use serde_json::json;

use super::{World, svc};

#[tokio::test(start_paused = true)]
async fn a_named_value_is_there_only_when_its_operation_has_ended() {
    let world = World::developer().await;
    let uri = format!("{}/namedValues/n", svc());
    let accepted = world.put(&uri, json!({ "properties": { "displayName": "n", "value": "v" } })).await.expect(201);
    assert!(accepted.header("location").contains("asyncCode=201"));
    assert_eq!(accepted.header("retry-after"), "2");
    world.get(&uri).await.expect(404);
    let waiting = world.get(accepted.header("location")).await.expect(202);
    assert!(!waiting.header("location").is_empty());
    world.pass(2).await;
    let done = world.get(accepted.header("location")).await.expect(201);
    assert_eq!(done.properties()["value"], "v");
    let changed = world.put(&uri, json!({ "properties": { "displayName": "n", "value": "w" } })).await.expect(200);
    assert!(changed.header("location").contains("asyncCode=200"));
    assert_eq!(world.get(&uri).await.properties()["value"], "v");
    world.pass(2).await;
    world.get(changed.header("location")).await.expect(200);
    assert_eq!(world.get(&uri).await.properties()["value"], "w");
}

#[tokio::test(start_paused = true)]
async fn a_second_write_follows_the_first() {
    let world = World::developer().await;
    let uri = format!("{}/namedValues/n", svc());
    let body = |value: &str| json!({ "properties": { "displayName": "n", "value": value } });
    world.put(&uri, body("one")).await.expect(201);
    let second = world.put(&uri, body("two")).await.expect(200);
    assert!(second.header("location").contains("asyncCode=200"), "the first is done by then");
    world.pass(3).await;
    assert_eq!(world.get(&uri).await.properties()["value"], "two");
}

#[tokio::test(start_paused = true)]
async fn a_bad_fragment_is_accepted_and_refused_at_the_poll() {
    let world = World::developer().await;
    let uri = format!("{}/policyFragments/f", svc());
    for text in ["<fragment>", "<policies />", "<fragment><set-backend-service backend-id=\"none\" /></fragment>"] {
        let accepted = world.put(&uri, json!({ "properties": { "value": text, "format": "rawxml" } })).await.expect(201);
        world.pass(3).await;
        let refused = world.get(accepted.header("location")).await.expect(400);
        assert_eq!(refused.code(), "ValidationError", "{text}");
        world.get(&uri).await.expect(404);
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_operation_is_not_found_and_ended_ones_are_forgotten_after_a_day() {
    let world = World::developer().await;
    world.get(&format!("{}/namedValues/n?asyncId=0123456789abcdef01234567&asyncCode=201", svc())).await.expect(404);
    let accepted =
        world.put(&format!("{}/namedValues/n", svc()), json!({ "properties": { "displayName": "n", "value": "v" } })).await.expect(201);
    world.pass(3).await;
    world.get(accepted.header("location")).await.expect(201);
    world.pass(25 * 3600).await;
    world.get("/subscriptions").await.expect(200);
    world.get(accepted.header("location")).await.expect(404);
}

#[tokio::test(start_paused = true)]
async fn the_store_follows_without_requests_when_it_is_told_to() {
    let world = World::developer().await;
    let changes = world.emulator.store().changes();
    world.put(&format!("{}/namedValues/n", svc()), json!({ "properties": { "displayName": "n", "value": "v" } })).await.expect(201);
    let id = apimctl::arm::ResourceId::parse(&format!("{}/namedValues/n", svc())).unwrap();
    assert!(world.emulator.store().get(&id).is_none());
    world.pass(3).await;
    world.emulator.tick();
    assert!(world.emulator.store().get(&id).is_some());
    assert!(changes.has_changed().unwrap());
}

/// The contract of 2021-08-01 was recorded with 202; those of today answer with the resource, and name the operation both ways.
#[tokio::test(start_paused = true)]
async fn what_a_put_answers_depends_on_the_version() {
    let world = World::developer().await;
    let uri = |name: &str, version: &str| format!("{}/namedValues/{name}?api-version={version}", svc());
    let body = |name: &str| json!({ "properties": { "displayName": name, "value": "v", "secret": true } });
    let old = world.put(&uri("old", "2022-08-01"), body("old")).await.expect(202);
    assert_eq!((old.body, old.headers.get("azure-asyncoperation")), (serde_json::Value::Null, None));

    let new = world.put(&uri("new", "2024-05-01"), body("new")).await.expect(201);
    assert_eq!(new.body["name"], "new");
    assert!(new.properties().get("value").is_none(), "a secret is not shown");
    assert_eq!(world.get(new.header("azure-asyncoperation")).await.expect(200).body["status"], "InProgress");
    world.get(&uri("new", "2024-05-01")).await.expect(404);
    world.pass(3).await;
    assert_eq!(world.get(new.header("azure-asyncoperation")).await.expect(200).body["status"], "Succeeded");
    world.get(new.header("location")).await.expect(201);
    // PATCH is accepted without a body in both contracts.
    let patched = world.patch(&uri("new", "2024-05-01"), json!({ "properties": { "value": "w" } })).await.expect(202);
    assert!(patched.headers.get("azure-asyncoperation").is_none());
}
