//! Workspaces, components, diagnostic settings, alerts.

use serde_json::{Value, json};

use super::{World, group, svc};

fn workspace() -> String {
    format!("{}/providers/Microsoft.OperationalInsights/workspaces/log-test", group())
}

async fn with_workspace() -> World {
    let world = World::developer().await;
    let made = world
        .put(
            &format!("{}?api-version=2023-09-01", workspace()),
            json!({ "location": "West US", "properties": { "sku": { "name": "PerGB2018" } } }),
        )
        .await
        .expect(201);
    assert_eq!(made.properties()["provisioningState"], "Creating");
    world.pass(3).await;
    assert_eq!(world.get(&workspace()).await.properties()["provisioningState"], "Succeeded");
    world
}

#[tokio::test(start_paused = true)]
async fn a_component_gets_keys_of_its_own_and_keeps_them() {
    let world = with_workspace().await;
    let uri = format!("{}/providers/microsoft.insights/components/ai?api-version=2020-02-02", group());
    let body = json!({ "location": "westus", "kind": "web", "properties": { "Application_Type": "web", "WorkspaceResourceId": workspace(), "CustomMetricsOptedInType": "WithDimensions" } });
    let made = world.put(&uri, body.clone()).await.expect(200);
    assert_eq!(made.body["type"], "Microsoft.Insights/components");
    let key = made.properties()["InstrumentationKey"].as_str().unwrap().to_owned();
    assert!(made.properties()["ConnectionString"].as_str().unwrap().contains(&key));
    assert_eq!(made.properties()["CustomMetricsOptedInType"], "WithDimensions");
    let again = world.put(&uri, body).await.expect(200);
    assert_eq!(again.properties()["InstrumentationKey"], key.as_str());
    assert_eq!(again.header("etag"), made.header("etag"));
    let lost = json!({ "location": "westus", "kind": "web", "properties": { "Application_Type": "web", "WorkspaceResourceId": format!("{}x", workspace()) } });
    world.put(&format!("{}/providers/Microsoft.Insights/components/b", group()), lost).await.expect(400);
}

#[tokio::test(start_paused = true)]
async fn diagnostic_settings_come_back_with_what_was_not_asked_for() {
    let world = with_workspace().await;
    let uri = format!("{}/providers/Microsoft.Insights/diagnosticSettings/d?api-version=2021-05-01-preview", svc());
    let body = json!({ "properties": { "workspaceId": workspace(), "logAnalyticsDestinationType": "Dedicated", "logs": [{ "category": "GatewayLogs", "enabled": true }] } });
    let made = world.put(&uri, body.clone()).await.expect(200);
    assert_eq!(made.properties()["logAnalyticsDestinationType"], Value::Null);
    let logs = made.properties()["logs"].as_array().unwrap();
    assert_eq!(logs.len(), 4);
    assert_eq!(logs.iter().filter(|log| log["enabled"] == true).count(), 1);
    assert_eq!(made.properties()["metrics"][0]["enabled"], false);
    world.put(&uri, body).await.expect(200);
    let listed = world.get(&format!("{}/providers/Microsoft.Insights/diagnosticSettings", svc())).await;
    assert_eq!(listed.body["value"].as_array().map_or(0, Vec::len), 1);
    let unknown = json!({ "properties": { "workspaceId": workspace(), "logs": [{ "category": "Nothing", "enabled": true }] } });
    world.put(&uri, unknown).await.expect(400);
    world.put(&uri, json!({ "properties": { "logs": [] } })).await.expect(400);
    let categories = world.get(&format!("{}/providers/Microsoft.Insights/diagnosticSettingsCategories", svc())).await.expect(200);
    assert_eq!(categories.body["value"].as_array().map_or(0, Vec::len), 5);
    world.delete(&uri).await.expect(200);
    world.delete(&uri).await.expect(204);
}

#[tokio::test(start_paused = true)]
async fn alerts_need_their_action_groups() {
    let world = with_workspace().await;
    let actions = format!("{}/providers/Microsoft.Insights/actionGroups/ops", group());
    let alert = json!({ "location": "global", "properties": {
        "severity": 2, "enabled": true, "scopes": [svc()], "evaluationFrequency": "PT5M", "windowSize": "PT15M",
        "criteria": { "odata.type": "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria", "allOf": [] }, "actions": [{ "actionGroupId": actions }] } });
    let uri = format!("{}/providers/Microsoft.Insights/metricAlerts/m?api-version=2018-03-01", group());
    world.put(&uri, alert.clone()).await.expect(400);
    let made = world.put(&actions, json!({ "location": "Global", "properties": { "groupShortName": "ops", "enabled": true, "emailReceivers": [{ "name": "me", "emailAddress": "a@b.c" }] } })).await.expect(201);
    assert_eq!(made.properties()["emailReceivers"][0]["status"], "Enabled");
    world.put(&uri, alert).await.expect(200);
    let rule = json!({ "location": "westus", "properties": { "scopes": [workspace()], "severity": 3, "evaluationFrequency": "PT5M", "windowSize": "PT5M",
        "criteria": { "allOf": [{ "query": "AppRequests", "timeAggregation": "Count", "operator": "GreaterThan", "threshold": 1 }] }, "actions": { "actionGroups": [actions] } } });
    let made = world
        .put(&format!("{}/providers/Microsoft.Insights/scheduledQueryRules/q?api-version=2023-12-01", group()), rule)
        .await
        .expect(201);
    assert_eq!(made.body["kind"], "LogAlert");
    let late = json!({ "location": "westus", "properties": { "evaluationFrequency": "five minutes" } });
    world.put(&format!("{}/providers/Microsoft.Insights/scheduledQueryRules/r", group()), late).await.expect(400);
}

#[tokio::test(start_paused = true)]
async fn lists_cover_groups_and_subscriptions() {
    let world = with_workspace().await;
    let below = |scope: &str| format!("{scope}/providers/Microsoft.OperationalInsights/workspaces");
    let subscription = format!("/subscriptions/{}", apimctl::emulator::DEFAULT_SUBSCRIPTION);
    for scope in [group(), subscription.clone()] {
        assert_eq!(world.get(&below(&scope)).await.expect(200).body["value"].as_array().map_or(0, Vec::len), 1, "{scope}");
    }
    let all =
        world.get(&format!("{subscription}/resources?$filter=resourceType%20eq%20'Microsoft.ApiManagement/service'")).await.expect(200);
    assert_eq!(all.body["value"][0]["name"], "apim-test");
    let groups = world.get(&format!("{subscription}/resourcegroups")).await.expect(200);
    assert_eq!(groups.body["value"][0]["name"], "rg");
}
