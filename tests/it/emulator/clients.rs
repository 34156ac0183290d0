//! Products, links, subscriptions, keys, users, groups.

use serde_json::json;

use super::{World, svc};

#[tokio::test(start_paused = true)]
async fn links_are_one_thing_seen_from_two_sides() {
    let world = World::developer().await;
    world.api("a").await;
    let product = format!("{}/products/p", svc());
    world.put(&product, json!({ "properties": { "displayName": "p" } })).await.expect(201);
    let link = json!({ "properties": { "apiId": format!("{}/apis/a", svc()) } });
    world.put(&format!("{product}/apiLinks/l"), link.clone()).await.expect(201);
    world.put(&format!("{product}/apiLinks/l"), link).await.expect(200);
    world.head(&format!("{product}/apis/a")).await.expect(204);
    assert_eq!(world.get(&format!("{product}/apis")).await.body["value"][0]["name"], "a");
    assert_eq!(world.get(&format!("{}/apis/a/products", svc())).await.body["value"][0]["name"], "p");
    world.delete(&format!("{product}/apis/a")).await.expect(200);
    world.get(&format!("{product}/apiLinks/l")).await.expect(404);
    world.put(&format!("{product}/apis/none"), json!({})).await.expect(404);
    world.put(&format!("{product}/groups/developers"), json!({})).await.expect(201);
    let names: Vec<String> = world.get(&product).await.properties()["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| group["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["Administrators", "Developers"]);
}

#[tokio::test(start_paused = true)]
async fn keys_are_shown_only_to_writes_and_list_secrets() {
    let world = World::developer().await;
    let uri = format!("{}/subscriptions/s", svc());
    let made =
        world.put(&uri, json!({ "properties": { "scope": "/apis", "displayName": "s", "primaryKey": "canary-key" } })).await.expect(201);
    assert_eq!(made.properties()["primaryKey"], "canary-key");
    let secondary = made.properties()["secondaryKey"].clone();
    assert_eq!(secondary.as_str().map(str::len), Some(32));
    let shown = world.get(&uri).await;
    assert!(shown.properties().get("primaryKey").is_none() && shown.properties().get("secondaryKey").is_none());
    let list = world.get(&format!("{}/subscriptions", svc())).await;
    assert!(!list.body.to_string().contains("canary-key"));
    let again = world.put(&uri, json!({ "properties": { "scope": "/apis", "displayName": "s" } })).await.expect(200);
    assert_eq!(again.properties()["primaryKey"], "canary-key", "a PUT without keys keeps them");
    let patched = world.patch(&uri, json!({ "properties": { "state": "suspended" } })).await.expect(200);
    assert_eq!(patched.properties()["secondaryKey"], secondary);
    assert_eq!(patched.properties()["state"], "suspended");
    let stored = world.emulator.store().get(&apimctl::arm::ResourceId::parse(&uri).unwrap()).unwrap();
    assert!(!stored.body.to_string().contains("canary-key"));
    assert_eq!(stored.secrets["/properties/primaryKey"].expose(), "canary-key");
}

#[tokio::test(start_paused = true)]
async fn scopes_are_expanded_and_must_be_there() {
    let world = World::developer().await;
    world.api("a").await;
    for (name, scope, kept) in [
        ("one", "/apis", format!("{}/apis", svc())),
        ("two", "/apis/A", format!("{}/apis/a", svc())),
        ("three", "/products/starter", format!("{}/products/starter", svc())),
        ("four", &*format!("{}/apis/a", svc().to_lowercase()), format!("{}/apis/a", svc())),
    ] {
        let made = world
            .put(&format!("{}/subscriptions/{name}", svc()), json!({ "properties": { "scope": scope, "displayName": name } }))
            .await
            .expect(201);
        assert_eq!(made.properties()["scope"], kept.as_str());
    }
    for scope in ["/apis/none", "/nothing", "apis", "/subscriptions/x/apis"] {
        let refused = world
            .put(&format!("{}/subscriptions/bad", svc()), json!({ "properties": { "scope": scope, "displayName": "b" } }))
            .await
            .expect(400);
        assert_eq!(refused.details()[0].0, "scope", "{scope}");
    }
    let second = world
        .put(&format!("{}/subscriptions/five", svc()), json!({ "properties": { "scope": "/products/starter", "displayName": "x" } }))
        .await
        .expect(400);
    assert!(second.details()[0].1.contains("limit"));
}

#[tokio::test(start_paused = true)]
async fn users_own_subscriptions_and_belong_to_groups() {
    let world = World::developer().await;
    let user = format!("{}/users/u", svc());
    let body = json!({ "properties": { "email": "u@example.com", "firstName": "U", "lastName": "V", "password": "canary-password" } });
    let made = world.put(&user, body).await.expect(201);
    assert!(!made.body.to_string().contains("canary-password"));
    let member = format!("{}/groups/administrators/users/u", svc());
    world.head(&member).await.expect(404);
    world.put(&member, json!({})).await.expect(201);
    world.head(&member).await.expect(204);
    assert_eq!(world.get(&format!("{user}/groups")).await.body["count"], 1);
    let owned = json!({ "properties": { "scope": "/apis", "displayName": "s", "ownerId": "/users/u" } });
    world.put(&format!("{}/subscriptions/s", svc()), owned).await.expect(201);
    assert_eq!(world.get(&format!("{user}/subscriptions")).await.body["count"], 1);
    world.delete(&user).await.expect(400);
    world.delete(&format!("{user}?deleteSubscriptions=true")).await.expect(202);
    world.pass(3).await;
    world.get(&user).await.expect(404);
    world.get(&format!("{}/subscriptions/s", svc())).await.expect(404);
    assert_eq!(world.delete(&format!("{}/groups/guests", svc())).await.status, 405);
}

#[tokio::test(start_paused = true)]
async fn logger_credentials_are_hidden_once() {
    let world = World::developer().await;
    let uri = format!("{}/loggers/l", svc());
    let body = |text: &str| json!({ "properties": { "loggerType": "applicationInsights", "credentials": { "connectionString": text, "identityClientId": "SystemAssigned" } } });
    let reference = |reply: &super::Reply| reply.properties()["credentials"]["connectionString"].as_str().unwrap().to_owned();
    let first = world.put(&uri, body("InstrumentationKey=canary")).await.expect(201);
    assert!(reference(&first).starts_with("{{Logger-Credentials--"));
    assert_eq!(first.properties()["credentials"]["identityClientId"], "SystemAssigned");
    let same = world.put(&uri, body("InstrumentationKey=canary")).await.expect(200);
    assert_eq!(reference(&first), reference(&same));
    let values = world.get(&format!("{}/namedValues", svc())).await;
    assert_eq!(values.body["count"], 1);
    assert!(!values.body.to_string().contains("canary"));
    let other = world.put(&uri, body("InstrumentationKey=other")).await.expect(200);
    assert_ne!(reference(&first), reference(&other));
    world.named_value("conn", "InstrumentationKey=mine", true).await;
    let mine = world.put(&uri, body("{{conn}}")).await.expect(200);
    assert_eq!(reference(&mine), "{{conn}}", "a reference reads back equal");
}

#[tokio::test(start_paused = true)]
async fn no_body_of_the_store_holds_a_secret() {
    let world = World::developer().await;
    let credentials = json!({ "header": { "api-key": ["canary-header"], "a/b~c": ["canary-odd"] }, "query": { "k": ["canary-query"] },
        "authorization": { "scheme": "Basic", "parameter": "canary-parameter" } });
    let backend = json!({ "properties": { "url": "https://a", "protocol": "http", "credentials": credentials, "proxy": { "url": "http://p", "username": "u", "password": "canary-proxy" } } });
    let made = world.put(&format!("{}/backends/b", svc()), backend.clone()).await.expect(201);
    assert_eq!(made.properties()["credentials"], backend["properties"]["credentials"], "the service shows them (recorded)");
    world.named_value("n", "canary-value", true).await;
    let logger = json!({ "properties": { "loggerType": "applicationInsights", "credentials": { "connectionString": "InstrumentationKey=canary-logger" } } });
    world.put(&format!("{}/loggers/l", svc()), logger).await.expect(201);
    let cache = json!({ "properties": { "connectionString": "canary-cache", "useFromLocation": "default" } });
    world.put(&format!("{}/caches/c", svc()), cache).await.expect(201);
    let certificate = json!({ "properties": { "data": "canary-data", "password": "canary-password" } });
    world.put(&format!("{}/certificates/c", svc()), certificate).await.expect(201);
    let mut secrets = 0;
    for stored in world.emulator.store().snapshot().values() {
        assert!(!stored.body.to_string().contains("canary"), "{}", stored.id);
        assert!(!stored.internal.to_string().contains("canary"), "{}", stored.id);
        secrets += stored.secrets.values().filter(|secret| secret.expose().contains("canary")).count();
        assert!(!format!("{stored:?}").contains("canary"));
    }
    assert_eq!(secrets, 10);
    let patched = world.patch(&format!("{}/backends/b", svc()), json!({ "properties": { "title": "t" } })).await.expect(200);
    assert_eq!(patched.properties()["credentials"], backend["properties"]["credentials"], "a PATCH keeps what it does not name");
}
