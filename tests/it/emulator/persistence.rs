//! What was acknowledged is there after a restart, also after a kill: the state is opened anew while the first emulator is
//! dropped without any farewell.

use std::path::Path;

use apimctl::emulator::{Emulator, Options, State};
use serde_json::json;

use super::{World, group, options, service_body, svc};

fn at(directory: &Path, template: &Options) -> Options {
    Options { state: State::Directory(directory.to_owned()), ..template.clone() }
}

#[tokio::test(start_paused = true)]
async fn every_acknowledged_write_survives_with_its_tag_and_secrets() {
    let directory = tempfile::tempdir().unwrap();
    let template = options();
    let world = World::with_service(at(directory.path(), &template), "Developer").await;
    world.named_value("secret", "canary-7f3a", true).await;
    let subscription = format!("{}/subscriptions/s", svc());
    let keys = world.put(&subscription, json!({ "properties": { "scope": "/apis", "displayName": "s" } })).await.expect(201);
    drop(world);

    let world = World::open(at(directory.path(), &template));
    let again = world.get(&subscription).await.expect(200);
    assert_eq!(again.header("etag"), keys.header("etag"));
    let secrets = world.post(&format!("{subscription}/listSecrets"), json!({})).await;
    assert_eq!(secrets.body["primaryKey"], keys.properties()["primaryKey"]);
    let value = world.post(&format!("{}/namedValues/secret/listValue", svc()), json!({})).await;
    assert_eq!(value.body["value"], "canary-7f3a");
    let fresh = world.put(&subscription, json!({ "properties": { "scope": "/apis", "displayName": "t" } })).await.expect(200);
    assert_ne!(fresh.header("etag"), keys.header("etag"), "tags are never used twice");
}

#[tokio::test(start_paused = true)]
async fn a_create_goes_on_after_a_restart_and_ends_when_it_would_have() {
    let directory = tempfile::tempdir().unwrap();
    let template = options();
    let world = World::open(at(directory.path(), &template));
    world.put(&group(), json!({ "location": "westus" })).await.expect(201);
    let created = world.put(&svc(), service_body("Developer")).await.expect(201);
    world.pass(1000).await;
    drop(world);

    let world = World::open(at(directory.path(), &template));
    let shown = world.get(&svc()).await.expect(200);
    assert_eq!(shown.properties()["provisioningState"], "Activating");
    assert_eq!(shown.body["identity"]["principalId"], created.body["identity"]["principalId"]);
    assert_eq!(world.get(created.header("azure-asyncoperation")).await.body["status"], "InProgress");
    drop(world);
    tokio::time::advance(std::time::Duration::from_secs(1400)).await;

    let world = World::open(at(directory.path(), &template));
    assert_eq!(world.get(&svc()).await.properties()["provisioningState"], "Succeeded");
    assert_eq!(world.get(created.header("azure-asyncoperation")).await.body["status"], "Succeeded");
    world.get(&format!("{}/subscriptions/master", svc())).await.expect(200);
}

#[tokio::test(start_paused = true)]
async fn a_named_value_under_way_survives_with_its_secret() {
    let directory = tempfile::tempdir().unwrap();
    let template = options();
    let world = World::with_service(at(directory.path(), &template), "Consumption").await;
    let uri = format!("{}/namedValues/n", svc());
    let accepted =
        world.put(&uri, json!({ "properties": { "displayName": "n", "value": "canary-under-way", "secret": true } })).await.expect(201);
    drop(world);

    let world = World::open(at(directory.path(), &template));
    world.get(&uri).await.expect(404);
    world.get(accepted.header("location")).await.expect(202);
    world.pass(3).await;
    world.get(accepted.header("location")).await.expect(201);
    assert_eq!(world.post(&format!("{uri}/listValue"), json!({})).await.body["value"], "canary-under-way");
}

#[tokio::test(start_paused = true)]
async fn a_soft_deleted_service_survives_with_its_entities() {
    let directory = tempfile::tempdir().unwrap();
    let template = options();
    let world = World::with_service(at(directory.path(), &template), "Consumption").await;
    world.backend("b").await;
    world.delete(&svc()).await.expect(202);
    world.pass(3).await;
    world.get(&svc()).await.expect(404);
    drop(world);

    let world = World::open(at(directory.path(), &template));
    let mut body = service_body("Consumption");
    body["properties"]["restore"] = json!(true);
    world.put(&svc(), body).await.expect(201);
    world.pass(2400).await;
    world.get(&format!("{}/backends/b", svc())).await.expect(200);
}

#[tokio::test(start_paused = true)]
async fn a_state_in_use_is_told_with_its_cure() {
    let directory = tempfile::tempdir().unwrap();
    let template = options();
    let _first = Emulator::open(at(directory.path(), &template)).unwrap();
    let error = Emulator::open(at(directory.path(), &template)).unwrap_err().to_string();
    assert!(error.contains("in use by another process") && error.contains("--state-dir"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_no_state_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("arm.redb"), b"not a database, but long enough to look at: ............").unwrap();
    let error = Emulator::open(at(directory.path(), &options())).unwrap_err().to_string();
    assert!(error.contains("cannot be opened"), "{error}");
}
