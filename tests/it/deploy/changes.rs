//! Changes that cannot be read back, that need a replacement, or that somebody else made.

use std::time::Duration;

use apimctl::arm::ResourceId;
use apimctl::azure::Precondition;
use apimctl::deploy::Settings;
use apimctl::deploy::normalize::normalized;
use apimctl::deploy::plan::Action;
use apimctl::emulator::{DEFAULT_SUBSCRIPTION, Fixture};
use serde_json::{Value, json};

use super::bench::{Bench, SPEC, actions, edited};

const DOCUMENT: &str = "openapi: 3.0.1
info: { title: T, version: '1' }
paths:
  /a:
    get: { operationId: a, responses: { '200': { description: ok } } }
";

fn group() -> ResourceId {
    ResourceId::resource_group(DEFAULT_SUBSCRIPTION, "rg-bench")
}

fn service() -> ResourceId {
    group().provider("Microsoft.ApiManagement/service", "apim-bench")
}

fn allowing(name: &str) -> impl Fn(&mut Settings) {
    let name = name.to_owned();
    move |settings| settings.allow_replace = vec![name.clone()]
}

/// `SPEC` with an API that comes from a document beside it.
fn importing(directory: &std::path::Path, document: &str) -> String {
    let path = directory.join("document.yaml");
    std::fs::write(&path, document).unwrap();
    edited(
        SPEC,
        "products:\n  team:",
        &format!(
            "  imported: {{ path: imported, serviceUrl: https://example.com, import: {{ file: {} }} }}\nproducts:\n  team:",
            path.display()
        ),
    )
}

#[tokio::test(start_paused = true)]
async fn a_changed_document_is_imported_again_and_only_then() {
    let bench = Bench::new(|_| {});
    let directory = tempfile::tempdir().unwrap();
    let first = importing(directory.path(), DOCUMENT);
    bench.apply(&first, |_| {}).await.unwrap();
    assert_eq!(actions(&bench.plan(&first).await), []);
    let second = importing(directory.path(), &DOCUMENT.replace("/a:", "/b:").replace("operationId: a", "operationId: b"));
    let plan = bench.plan(&second).await;
    assert_eq!(actions(&plan), [(Action::Update, "imported".to_owned())]);
    let change = plan.changes.iter().find(|change| change.action == Action::Update).unwrap();
    assert!(change.properties.iter().any(|property| property.path == "properties.value"), "{change:?}");
    bench.writes();
    bench.apply(&second, |_| {}).await.unwrap();
    let written: Vec<String> = bench.writes().into_iter().map(|request| request.path).collect();
    assert!(written.len() == 1 && written[0].ends_with("/apis/imported"), "{written:?}");
    assert_eq!(actions(&bench.plan(&second).await), []);
    assert!(bench.has("/apis/imported/operations/b"));
}

#[tokio::test(start_paused = true)]
async fn credentials_that_a_logger_was_given_in_clear_are_compared_and_never_shown() {
    let bench = Bench::new(|_| {});
    let with = |key: &str| {
        let loggers = format!(
            "loggers:\n  hub: {{ loggerType: azureEventHub, credentials: {{ name: hub, connectionString: 'Endpoint=sb://x/;SharedAccessKey={key}' }} }}\n"
        );
        format!("{SPEC}{loggers}")
    };
    bench.apply(&with("s3cret-one"), |_| {}).await.unwrap();
    assert_eq!(actions(&bench.plan(&with("s3cret-one")).await), []);
    let plan = bench.plan(&with("s3cret-two")).await;
    assert_eq!(actions(&plan), [(Action::Update, "hub".to_owned())]);
    assert!(!plan.to_saved().to_string().contains("s3cret") && !format!("{:?}", plan.changes).contains("s3cret"));
    bench.apply(&with("s3cret-two"), |_| {}).await.unwrap();
    assert_eq!(actions(&bench.plan(&with("s3cret-two")).await), []);
}

#[tokio::test(start_paused = true)]
async fn a_component_that_moves_is_made_anew_and_what_takes_values_from_it_follows() {
    let bench = Bench::new(|_| {});
    bench.apply(SPEC, |_| {}).await.unwrap();
    let moved = edited(SPEC, "{ name: appi-bench,", "{ name: appi-bench, location: westus,");
    let refused = bench.apply(&moved, |_| {}).await.unwrap_err();
    assert!(refused.to_string().contains("ARM203"), "{refused}");
    let deployment = bench.deployment(&moved, allowing("appi-bench"));
    let plan = deployment.plan().await.unwrap();
    let planned = actions(&plan);
    assert!(planned.contains(&(Action::Replace, "appi-bench".to_owned())), "{planned:?}");
    assert!(planned.contains(&(Action::Update, "appi-bench-connection-string".to_owned())), "its connection string changes: {planned:?}");
    bench.writes();
    bench.apply(&moved, allowing("appi-bench")).await.unwrap();
    let component: Vec<String> = bench
        .writes()
        .into_iter()
        .filter(|request| request.path.ends_with("/components/appi-bench"))
        .map(|request| request.method.to_string())
        .collect();
    assert_eq!(component, ["DELETE", "PUT"]);
    assert_eq!(actions(&bench.plan(&moved).await), []);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_made_anew_gets_everything_again_and_its_manifest_too() {
    let bench = Bench::new(|options| options.activation = Duration::from_secs(300));
    bench.apply(SPEC, |_| {}).await.unwrap();
    let other = edited(SPEC, "  sku: Developer\n", "  sku: StandardV2\n");
    assert!(bench.apply(&other, |_| {}).await.unwrap_err().to_string().contains("ARM203"));
    let plan = bench.deployment(&other, allowing("apim-bench")).plan().await.unwrap();
    let planned = actions(&plan);
    assert!(planned.contains(&(Action::Replace, "apim-bench".to_owned())), "{planned:?}");
    assert!(planned.contains(&(Action::Create, "chat".to_owned())), "what lies in it is made again: {planned:?}");
    let subscription = plan.changes.iter().find(|change| change.id.ends_with("/subscriptions/consumer")).unwrap();
    assert!(subscription.note.as_deref().is_some_and(|note| note.contains("keys die")), "{subscription:?}");
    bench.writes();
    bench.apply(&other, allowing("apim-bench")).await.unwrap();
    let writes = bench.writes();
    let at = |method: &str, tail: &str| {
        writes.iter().position(|request| request.method.as_str() == method && request.path.to_lowercase().ends_with(&tail.to_lowercase()))
    };
    let (gone, made) = (at("DELETE", "/service/apim-bench").unwrap(), at("PUT", "/service/apim-bench").unwrap());
    assert!(gone < made && made < at("PUT", "/apis/chat").unwrap());
    let roles: Vec<usize> = (0..writes.len()).filter(|index| writes[*index].path.contains("/roleAssignments/")).collect();
    assert!(roles.iter().any(|index| *index < gone && writes[*index].method.as_str() == "DELETE"), "the old principal's roles go first");
    assert_eq!(actions(&bench.plan(&other).await), []);
    assert!(bench.has("/namedValues/apimctl-bench-0"));
    let left = bench.snapshot().keys().filter(|id| id.to_string().contains("/roleAssignments/")).count();
    assert_eq!(left, 2, "one for each account, none of the old principal");
}

#[tokio::test(start_paused = true)]
async fn an_api_of_another_type_is_made_anew_with_its_operations_policy_and_product() {
    let bench = Bench::new(|_| {});
    bench.apply(SPEC, |_| {}).await.unwrap();
    let other = edited(SPEC, "    path: chat\n", "    path: chat\n    type: websocket\n    serviceUrl: wss://example.com\n")
        .replace("    protocols: [https]\n    operations:", "    protocols: [wss]\n    operations:");
    let deployment = bench.deployment(&other, allowing("chat"));
    let plan = deployment.plan().await.unwrap();
    let planned = actions(&plan);
    assert!(planned.contains(&(Action::Replace, "chat".to_owned())), "{planned:?}");
    assert!(planned.contains(&(Action::Create, "complete".to_owned())), "{planned:?}");
    assert!(planned.contains(&(Action::Create, "policy".to_owned())), "{planned:?}");
    assert!(planned.contains(&(Action::Create, "chat".to_owned())), "the product's link: {planned:?}");
}

#[tokio::test(start_paused = true)]
async fn networks_domains_and_tags_that_somebody_gave_our_service_stay() {
    let bench = Bench::new(|_| {});
    let premium = edited(SPEC, "  sku: Developer\n", "  sku: Premium\n");
    bench.apply(&premium, |_| {}).await.unwrap();
    let subnet =
        format!("/subscriptions/{DEFAULT_SUBSCRIPTION}/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/v/subnets/s");
    let theirs = json!({
        "tags": {"costCenter": "42", "apimctl-owner": "bench"},
        "properties": {
            "virtualNetworkType": "External",
            "virtualNetworkConfiguration": {"subnetResourceId": subnet},
            "hostnameConfigurations": [{"type": "Proxy", "hostName": "api.example.com", "keyVaultId": "https://v.vault.azure.net/secrets/c", "defaultSslBinding": true}],
        },
    });
    let outcome = bench.local.client().patch(&service(), "2024-05-01", &theirs, Precondition::Any).await.unwrap();
    if let apimctl::azure::Outcome::Running(operation, _) = outcome {
        bench.local.client().wait(&operation, Duration::from_secs(7200), &|_| {}).await.unwrap();
    }
    bench.clock.sleep(Duration::from_secs(3600)).await;
    let settings = || -> Vec<Value> {
        let body = normalized("Microsoft.ApiManagement/service", &bench.snapshot().get(&service()).unwrap().body);
        [
            "/tags/costCenter",
            "/properties/virtualNetworkType",
            "/properties/virtualNetworkConfiguration",
            "/properties/hostnameConfigurations",
        ]
        .map(|pointer| body.pointer(pointer).cloned().unwrap_or_default())
        .to_vec()
    };
    let before = settings();
    assert_eq!((&before[0], &before[1]), (&json!("42"), &json!("external")));
    assert_eq!(actions(&bench.plan(&premium).await), [], "what the specification does not name is not ours to compare");
    // A change of ours to the same service takes nothing of that along.
    let renamed = edited(&premium, "publisherName: Bench", "publisherName: Others");
    bench.writes();
    bench.apply(&renamed, |_| {}).await.unwrap();
    let methods: Vec<String> = bench.writes().into_iter().map(|request| format!("{} {}", request.method, request.path)).collect();
    assert_eq!(methods, [format!("PATCH {}", service())]);
    assert_eq!(settings(), before);
}

#[tokio::test(start_paused = true)]
async fn an_account_of_another_azure_subscription_gets_its_role_there() {
    const OTHER: &str = "7d1f0c52-91e4-4c1b-b6a5-20f1c3d4e5f6";
    let text = edited(SPEC, "    account: acc-sweden\n", &format!("    account: acc-sweden\n    subscriptionId: {OTHER}\n"));
    let fixture: Fixture = serde_json::from_value(json!({"subscriptions": [{"id": DEFAULT_SUBSCRIPTION}, {"id": OTHER}]})).unwrap();
    let bench = Bench::with(&text, fixture, |_| {});
    bench.apply(&text, |_| {}).await.unwrap();
    let there = format!(
        "/subscriptions/{OTHER}/resourceGroups/rg-sweden/providers/Microsoft.CognitiveServices/accounts/acc-sweden/providers/Microsoft.Authorization/roleAssignments/"
    );
    let role = bench.snapshot().iter().find(|(id, _)| id.to_string().starts_with(&there)).map(|(_, stored)| stored.body.clone()).unwrap();
    assert!(role["properties"]["roleDefinitionId"].as_str().unwrap().contains(OTHER), "{role}");
    assert_eq!(actions(&bench.plan(&text).await), []);
    bench.destroy(&text, true).await.unwrap();
    assert!(!bench.snapshot().keys().any(|id| id.to_string().contains("/roleAssignments/")));
    assert!(bench.has("/accounts/acc-sweden"));
}

#[tokio::test(start_paused = true)]
async fn what_exists_elsewhere_is_read_and_never_written() {
    let elsewhere = ResourceId::resource_group(DEFAULT_SUBSCRIPTION, "rg-shared");
    let fixture: Fixture = serde_json::from_value(json!({"resources": [
        {"id": group(), "location": "eastus"},
        {"id": service(), "location": "East US", "sku": {"name": "Premium", "capacity": 1}, "identity": {"type": "SystemAssigned"},
         "properties": {"publisherName": "P", "publisherEmail": "p@example.com"}},
        {"id": elsewhere.provider("Microsoft.OperationalInsights/workspaces", "log-bench"), "location": "eastus", "properties": {"retentionInDays": 90}},
        {"id": elsewhere.provider("Microsoft.Insights/components", "appi-bench"), "location": "eastus", "kind": "web",
         "properties": {"Application_Type": "web", "WorkspaceResourceId": elsewhere.provider("Microsoft.OperationalInsights/workspaces", "log-bench"), "ConnectionString": "InstrumentationKey=0"}},
    ]}))
    .unwrap();
    let text = edited(SPEC, "{ name: rg-bench, location: eastus }", "{ name: rg-bench, location: eastus, existing: true }");
    let start = text.find("service:").unwrap();
    let end = text.find("monitoring:").unwrap();
    let text = format!("{}service: {{ name: apim-bench, existing: true, identity: SystemAssigned }}\n{}", &text[..start], &text[end..]);
    let text = edited(&text, "{ name: log-bench }", "{ name: log-bench, existing: true, resourceGroup: rg-shared }");
    let text = edited(
        &text,
        "{ name: appi-bench, samplingPercentage: 100, metrics: true }",
        "{ name: appi-bench, existing: true, resourceGroup: rg-shared, samplingPercentage: 100, metrics: true }",
    );
    let bench = Bench::with(&text, fixture, |_| {});
    bench.clock.sleep(Duration::from_secs(3600)).await;
    bench.apply(&text, |_| {}).await.unwrap();
    let read_only = [group(), service(), elsewhere.clone()];
    let outside = |path: &str| {
        read_only.iter().any(|id| id.as_str().eq_ignore_ascii_case(path)) || path.contains("/workspaces/") || path.contains("/components/")
    };
    let writes = bench.writes();
    assert!(!writes.is_empty() && writes.iter().all(|request| !outside(&request.path)), "{writes:#?}");
    assert_eq!(actions(&bench.plan(&text).await), []);
    bench.destroy(&text, true).await.unwrap();
    assert!(bench.writes().iter().all(|request| !outside(&request.path)));
    assert!(bench.has("/service/apim-bench") && bench.has("/components/appi-bench") && bench.has("/workspaces/log-bench"));
    assert!(!bench.has("/apis/chat"));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_does_not_know_bearer_is_said_and_loopback_is_the_way_out() {
    let bench = Bench::new(|_| {});
    let with =
        |bearer: &str| edited(SPEC, "    path: chat\n", &format!("    path: chat\n    clients: [subscription-key, bearer]\n{bearer}"));
    let native = with("");
    // A service that forgets the property in every answer.
    let client = bench.client_through(|request, emulator| async move {
        let mut answer = emulator.handle(request).await;
        let text = String::from_utf8_lossy(answer.body()).replace("\"bearer\":\"enabled\"", "\"forgotten\":true");
        *answer.body_mut() = text.into();
        answer
    });
    let deployment = bench.deployment_through(client.clone(), &native, |_| {});
    let plan = deployment.plan().await.unwrap();
    let error =
        deployment.apply(&plan, &apimctl::deploy::events::Discard, apimctl::deploy::cancel::Cancellation::never()).await.unwrap_err();
    assert!(error.to_string().contains("bearer: loopback"), "{error}");
    let loopback = with("    bearer: loopback\n");
    let deployment = bench.deployment_through(client, &loopback, |_| {});
    let plan = deployment.plan().await.unwrap();
    deployment.apply(&plan, &apimctl::deploy::events::Discard, apimctl::deploy::cancel::Cancellation::never()).await.unwrap();
    assert!(deployment.plan().await.unwrap().is_empty());
    assert!(bench.has("/apis/chat-bearer/policies/policy"));
}

#[tokio::test(start_paused = true)]
async fn destroy_takes_roles_first_and_finds_nothing_the_second_time() {
    let bench = Bench::new(|_| {});
    bench.apply(SPEC, |_| {}).await.unwrap();
    bench.writes();
    bench.destroy(SPEC, false).await.unwrap();
    let deleted: Vec<String> =
        bench.writes().into_iter().filter(|request| request.method.as_str() == "DELETE").map(|request| request.path).collect();
    let last_role = deleted.iter().rposition(|path| path.contains("/roleAssignments/")).unwrap();
    let service_at = deleted.iter().position(|path| path.ends_with("/service/apim-bench")).unwrap();
    assert!(last_role < service_at, "{deleted:#?}");
    assert!(bench.deployment(SPEC, |_| {}).destroy_plan().await.unwrap().is_empty());
    bench.destroy(SPEC, false).await.unwrap();
    assert!(bench.writes().is_empty());
    // The name is still taken by the soft-deleted service; a late `--purge` frees it.
    bench.destroy(SPEC, true).await.unwrap();
    bench.apply(SPEC, |_| {}).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_service_that_somebody_deleted_leaves_the_rest_to_destroy() {
    let bench = Bench::new(|_| {});
    bench.apply(SPEC, |_| {}).await.unwrap();
    let outcome = bench.local.client().delete(&service(), "2024-05-01", &[], Precondition::Any).await.unwrap();
    if let apimctl::azure::Outcome::Running(operation, _) = outcome {
        bench.local.client().wait(&operation, Duration::from_secs(7200), &|_| {}).await.unwrap();
    }
    bench.destroy(SPEC, true).await.unwrap();
    assert!(!bench.has("/workspaces/log-bench") && !bench.has("/resourceGroups/rg-bench"));
}
