//! What the service refuses because something else needs it, or because something that is needed is not there.

use serde_json::json;

use super::{World, options, svc};

#[tokio::test(start_paused = true)]
async fn a_pool_needs_its_members_and_keeps_them() {
    let world = World::developer().await;
    let pool = |members: &[&str]| {
        let services: Vec<_> = members.iter().map(|member| json!({ "id": member, "priority": 1, "weight": 50 })).collect();
        json!({ "properties": { "type": "Pool", "pool": { "services": services } } })
    };
    let uri = format!("{}/backends/OpenAI-LB", svc());
    let refused = world.put(&uri, pool(&["/backends/a", "/backends/b"])).await.expect(400);
    assert_eq!(refused.details().len(), 2);
    world.backend("a").await;
    world.backend("b").await;
    let full = format!("{}/backends/b", svc());
    let made = world.put(&uri, pool(&["/backends/a", &full])).await.expect(201);
    assert_eq!(made.properties()["pool"]["services"][0]["id"], format!("{}/backends/a", svc()));
    assert!(made.properties()["url"].is_null() && made.properties()["protocol"].is_null() && made.properties()["title"].is_null());
    let kept = world.delete(&full).await.expect(400);
    assert_eq!(kept.message(), "The Backend 'b' is used by the following entities:\r\n/backends/OpenAI-LB\r\n");
    let nested = world.put(&format!("{}/backends/outer", svc()), pool(&["OpenAI-LB"])).await.expect(400);
    assert!(nested.details()[0].1.contains("is a pool"));
    world.put(&uri, pool(&[])).await.expect(400);
    world.delete(&uri).await.expect(200);
    world.delete(&full).await.expect(200);
}

#[tokio::test(start_paused = true)]
async fn a_breaker_is_one_rule_and_not_for_consumption() {
    let rule = json!({ "name": "r", "failureCondition": { "count": 1, "interval": "PT1M", "statusCodeRanges": [{ "min": 429, "max": 429 }] }, "tripDuration": "PT1M", "acceptRetryAfter": true });
    let body = |rules: usize| json!({ "properties": { "url": "https://a", "protocol": "http", "circuitBreaker": { "rules": vec![rule.clone(); rules] } } });
    let world = World::developer().await;
    let uri = format!("{}/backends/b", svc());
    world.put(&uri, body(2)).await.expect(400);
    let made = world.put(&uri, body(1)).await.expect(201);
    assert_eq!(made.properties()["circuitBreaker"]["rules"][0], rule);
    let consumption = World::with_service(options(), "Consumption").await;
    let refused = consumption.put(&uri, body(1)).await.expect(400);
    assert_eq!(refused.details()[0].0, "circuitBreaker");
    let bad = json!({ "properties": { "url": "https://a", "protocol": "https" } });
    let refused = world.put(&uri, bad).await.expect(400);
    assert_eq!(refused.details(), [("protocol".to_owned(), "Protocol is not supported".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn what_a_policy_names_must_be_there_and_stays() {
    let world = World::developer().await;
    world.api("a").await;
    let at = format!("{}/apis/a", svc());
    let text = "<policies><inbound><set-backend-service backend-id=\"b\" /><include-fragment fragment-id=\"f\" /><set-header name=\"x\" exists-action=\"override\"><value>{{key}}</value></set-header></inbound></policies>";
    let refused = world.policy(&at, text).await.expect(400);
    let messages: Vec<String> = refused.details().into_iter().map(|(_, message)| message).collect();
    assert_eq!(messages.len(), 3, "{messages:?}");
    assert_eq!(messages[0], "Error in element 'set-backend-service' on line 1, column 21: Backend with id 'b' could not be found.");
    assert!(messages[2].ends_with("Cannot find a property 'key'."));
    world.backend("b").await;
    world.named_value("key", "v", true).await;
    world
        .settle(
            &format!("{}/policyFragments/f", svc()),
            json!({ "properties": { "value": "<fragment><set-header name=\"a\" exists-action=\"delete\" /></fragment>" } }),
        )
        .await
        .expect(201);
    world.policy(&at, text).await.expect(201);
    for entity in ["backends/b", "namedValues/key", "policyFragments/f"] {
        let refused = world.delete(&format!("{}/{entity}", svc())).await.expect(400);
        assert!(refused.message().contains("\r\n/apis/a/policies/policy\r\n"), "{}", refused.message());
    }
    let references = world.post(&format!("{}/policyFragments/f/listReferences", svc()), json!({})).await.expect(200);
    assert_eq!(references.body["value"][0]["id"], format!("{at}/policies/policy"));
    world.delete(&format!("{at}/policies/policy")).await.expect(200);
    for entity in ["backends/b", "namedValues/key", "policyFragments/f"] {
        world.delete(&format!("{}/{entity}", svc())).await.expect(200);
    }
}

#[tokio::test(start_paused = true)]
async fn a_logger_in_use_stays_and_a_diagnostic_needs_one() {
    let world = World::developer().await;
    let diagnostic = format!("{}/diagnostics/applicationinsights", svc());
    let body = json!({ "properties": { "loggerId": "/loggers/l" } });
    let refused = world.put(&diagnostic, body.clone()).await.expect(400);
    assert_eq!(refused.details()[0].0, "loggerId");
    let logger = json!({ "properties": { "loggerType": "applicationInsights", "credentials": { "connectionString": "InstrumentationKey=canary" } } });
    world.put(&format!("{}/loggers/l", svc()), logger).await.expect(201);
    world.put(&diagnostic, body).await.expect(201);
    world.delete(&format!("{}/loggers/l", svc())).await.expect(400);
    world.put(&format!("{}/diagnostics/other", svc()), json!({ "properties": { "loggerId": "/loggers/l" } })).await.expect(400);
    world.delete(&diagnostic).await.expect(200);
    world.delete(&format!("{}/loggers/l", svc())).await.expect(200);
}

#[tokio::test(start_paused = true)]
async fn a_product_with_subscriptions_goes_only_with_them() {
    let world = World::developer().await;
    let product = format!("{}/products/p", svc());
    world.put(&product, json!({ "properties": { "displayName": "p" } })).await.expect(201);
    let own = world.get(&format!("{product}/subscriptions")).await;
    assert_eq!(own.body["count"], 1, "a new product has a subscription of its own");
    assert_eq!(own.body["value"][0]["properties"]["ownerId"], format!("{}/users/1", svc()));
    world.put(&product, json!({ "properties": { "displayName": "q" } })).await.expect(200);
    assert_eq!(world.get(&format!("{product}/subscriptions")).await.body["count"], 1, "an update makes none");
    world.delete(&product).await.expect(400);
    world.delete(&format!("{product}?deleteSubscriptions=true")).await.expect(200);
    let left = world.get(&format!("{}/subscriptions", svc())).await;
    assert_eq!(left.body["count"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_backend_may_name_only_known_values() {
    let world = World::developer().await;
    let uri = format!("{}/backends/b", svc());
    let body = json!({ "properties": { "url": "https://a", "protocol": "http", "credentials": { "header": { "api-key": ["{{key}}"] } } } });
    let refused = world.put(&uri, body.clone()).await.expect(400);
    assert_eq!(refused.details(), [("credentials".to_owned(), "Property 'key' not found.".to_owned())]);
    world.named_value("key", "v", true).await;
    let made = world.put(&uri, body).await.expect(201);
    assert_eq!(made.properties()["credentials"]["header"]["api-key"][0], "{{key}}");
}
