//! Who may do what: tokens, permissions, providers, role assignments and their spreading.

use std::time::Duration;

use apimctl::arm::ResourceId;
use apimctl::emulator::{Authenticator, Caller, DEFAULT_CALLER, DEFAULT_SUBSCRIPTION, DEFAULT_TENANT, Options, Unauthorized};
use serde_json::json;

use super::{World, group, options, service_body, svc};

const OPENAI_USER: &str = "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd";
const CHAT: &str = "Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action";

fn role(guid: &str) -> String {
    format!("/subscriptions/{DEFAULT_SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{guid}")
}

fn account() -> String {
    format!("/subscriptions/{DEFAULT_SUBSCRIPTION}/resourceGroups/ai/providers/Microsoft.CognitiveServices/accounts/france")
}

fn accounts() -> serde_json::Value {
    json!({ "resources": [
        { "id": format!("{}/deployments/gpt-4o-mini", account()), "sku": { "name": "Standard", "capacity": 10 }, "properties": { "model": { "format": "OpenAI", "name": "gpt-4o-mini", "version": "2024-07-18" } } },
        { "id": account(), "location": "francecentral", "kind": "OpenAI", "properties": { "customSubDomainName": "doveia-frc" } }
    ] })
}

#[tokio::test(start_paused = true)]
async fn accounts_are_seeded_read_and_never_written() {
    let world = World::open(options());
    world.seed(accounts());
    world.seed(accounts());
    let shown = world.get(&account()).await.expect(200);
    assert_eq!(shown.properties()["endpoint"], "https://doveia-frc.openai.azure.com/");
    let deployments = world.get(&format!("{}/deployments", account())).await.expect(200);
    assert_eq!(deployments.body["value"][0]["properties"]["model"]["version"], "2024-07-18");
    assert_eq!(world.put(&account(), json!({ "location": "x" })).await.expect(501).code(), "OperationNotEmulated");
    // Seeded again with another model, the deployment follows; what can be written stays.
    let mut newer = accounts();
    newer["resources"][0]["properties"]["model"]["version"] = json!("2025-01-01");
    world.seed(newer);
    let deployments = world.get(&format!("{}/deployments", account())).await;
    assert_eq!(deployments.body["value"][0]["properties"]["model"]["version"], "2025-01-01");
}

#[tokio::test(start_paused = true)]
async fn a_seeded_service_is_settled_and_stays_as_it_was_changed() {
    let world = World::open(options());
    let fixture = json!({ "resources": [{ "id": svc(), "location": "westeurope", "sku": { "name": "Premium", "capacity": 2 }, "tags": { "owner": "them" },
        "properties": { "publisherName": "Foreign", "virtualNetworkType": "External", "virtualNetworkConfiguration": { "subnetResourceId": "/subscriptions/x" } } }] });
    world.seed(fixture.clone());
    let shown = world.get(&svc()).await.expect(200);
    assert_eq!(shown.properties()["provisioningState"], "Succeeded");
    assert_eq!(shown.properties()["virtualNetworkType"], "External");
    world.patch(&svc(), json!({ "tags": { "owner": "us" } })).await.expect(202);
    world.pass(3).await;
    world.seed(fixture);
    assert_eq!(world.get(&svc()).await.body["tags"]["owner"], "us");
}

#[tokio::test(start_paused = true)]
async fn a_principal_spreads_before_it_can_be_named_without_its_type() {
    let world = World::with_service(Options { propagation: Duration::from_secs(3000), ..options() }, "Developer").await;
    world.seed(accounts());
    let principal = world.get(&svc()).await.body["identity"]["principalId"].as_str().unwrap().to_owned();
    let at = |name: &str| format!("{}/providers/Microsoft.Authorization/roleAssignments/{name}?api-version=2022-04-01", account());
    let one = "11111111-1111-4111-8111-111111111111";
    let bare = json!({ "properties": { "roleDefinitionId": role(OPENAI_USER), "principalId": principal } });
    assert_eq!(world.put(&at(one), bare.clone()).await.expect(400).code(), "PrincipalNotFound");
    world.pass(700).await;
    let made = world.put(&at(one), bare.clone()).await.expect(201);
    assert_eq!(made.properties()["principalType"], "ServicePrincipal");
    assert_eq!(made.properties()["scope"], account().as_str());
    let again = world.put(&at(one), bare).await.expect(201);
    assert_eq!(again.header("etag"), made.header("etag"));
    // Its readers see it later still.
    let account = ResourceId::parse(&account()).unwrap();
    assert_eq!(world.emulator.check_data_action(&principal, &account, CHAT).unwrap_err().0, 401);
    world.pass(3000).await;
    world.emulator.check_data_action(&principal, &account, CHAT).unwrap();
    assert!(
        world.emulator.check_data_action(&principal, &account, "Microsoft.CognitiveServices/accounts/OpenAI/fine-tunes/write").is_err()
    );
    world.delete(&at(one)).await.expect(200);
    world.delete(&at(one)).await.expect(204);
    assert!(world.emulator.check_data_action(&principal, &account, CHAT).is_err());
}

#[tokio::test(start_paused = true)]
async fn role_assignments_are_listed_by_principal_and_scope() {
    let world = World::open(options());
    world.seed(accounts());
    let assign = |scope: &str, name: &str, principal: &str| {
        (
            format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"),
            json!({ "properties": { "roleDefinitionId": role(OPENAI_USER), "principalId": principal, "principalType": "ServicePrincipal" } }),
        )
    };
    let rg = account().split("/providers/").next().unwrap().to_owned();
    for (scope, name, principal) in [
        (account(), "11111111-1111-4111-8111-111111111111", "aaaaaaaa-0000-4000-8000-000000000001"),
        (rg.clone(), "22222222-2222-4222-8222-222222222222", "aaaaaaaa-0000-4000-8000-000000000002"),
    ] {
        let (uri, body) = assign(&scope, name, principal);
        world.put(&uri, body).await.expect(201);
    }
    let count = |reply: &super::Reply| reply.body["value"].as_array().unwrap().len();
    let list = |scope: &str| format!("{scope}/providers/Microsoft.Authorization/roleAssignments");
    assert_eq!(count(&world.get(&list(&account())).await), 2, "wider scopes are listed too");
    assert_eq!(count(&world.get(&list(&rg)).await), 2);
    assert_eq!(count(&world.get(&format!("{}?$filter=atScope()", list(&rg))).await), 1);
    let filter = "principalId%20eq%20'AAAAAAAA-0000-4000-8000-000000000001'";
    assert_eq!(count(&world.get(&format!("{}?$filter={filter}", list(&rg))).await), 1);
    let bad = assign(&rg, "not-a-guid", "x");
    world.put(&bad.0, bad.1).await.expect(400);
    let definition = world.get(&role(OPENAI_USER)).await.expect(200);
    assert_eq!(definition.properties()["roleName"], "Cognitive Services OpenAI User");
}

#[tokio::test(start_paused = true)]
async fn a_reader_reads_and_is_told_what_is_missing() {
    let world = World::open(options());
    world.seed(json!({ "permissions": [{ "scope": format!("/subscriptions/{DEFAULT_SUBSCRIPTION}"), "actions": ["*/read"] }] }));
    let refused = world.put(&group(), json!({ "location": "westus" })).await.expect(403);
    assert_eq!(refused.code(), "AuthorizationFailed");
    assert!(
        refused.message().contains("Microsoft.Resources/subscriptions/resourceGroups/write") && refused.message().contains(DEFAULT_CALLER)
    );
    let permissions =
        world.get(&format!("/subscriptions/{DEFAULT_SUBSCRIPTION}/providers/Microsoft.Authorization/permissions")).await.expect(200);
    assert_eq!(permissions.body["value"][0]["actions"], json!(["*/read"]));
}

#[tokio::test(start_paused = true)]
async fn a_provider_is_registered_before_it_is_used() {
    let world = World::open(options());
    world.seed(
        json!({ "subscriptions": [{ "id": "11111111-aaaa-4aaa-8aaa-111111111111", "registeredProviders": ["Microsoft.Insights"] }] }),
    );
    let scope = "/subscriptions/11111111-aaaa-4aaa-8aaa-111111111111";
    world.put(&format!("{scope}/resourceGroups/rg"), json!({ "location": "westus" })).await.expect(201);
    let service = format!("{scope}/resourceGroups/rg/providers/Microsoft.ApiManagement/service/apim-x");
    assert_eq!(world.put(&service, service_body("Developer")).await.expect(409).code(), "MissingSubscriptionRegistration");
    let provider = format!("{scope}/providers/Microsoft.ApiManagement");
    assert_eq!(world.get(&provider).await.body["registrationState"], "NotRegistered");
    assert_eq!(world.post(&format!("{provider}/register"), json!({})).await.expect(200).body["registrationState"], "Registered");
    world.put(&service, service_body("Developer")).await.expect(201);
}

#[tokio::test(start_paused = true)]
async fn the_authenticator_decides_who_asks() {
    let authenticator = Authenticator::new(|header| match header {
        Some("Bearer good") => Ok(Caller { object_id: "me".to_owned(), tenant_id: DEFAULT_TENANT.to_owned() }),
        _ => Err(Unauthorized {
            code: "InvalidAuthenticationToken".to_owned(),
            message: "The access token is invalid.".to_owned(),
            challenge: Some("Bearer authorization_uri=\"https://login\"".to_owned()),
        }),
    });
    let world = World::open(Options { authenticator: Some(authenticator), ..options() });
    let refused = world.get("/subscriptions").await.expect(401);
    assert_eq!(refused.code(), "InvalidAuthenticationToken");
    assert!(refused.header("www-authenticate").starts_with("Bearer"));
    world.send(http::Method::GET, "/subscriptions", &[("authorization", "Bearer good")], None).await.expect(200);
}

#[tokio::test(start_paused = true)]
async fn a_fixture_that_does_not_fit_is_told() {
    let world = World::open(options());
    for (fixture, part) in [
        (json!({ "resources": [{ "id": format!("{}/deployments/x", account()) }] }), "parent"),
        (json!({ "resources": [{ "id": format!("{}/backends/x", svc()) }] }), "parent"),
        (json!({ "softDeleted": [{ "id": account(), "location": "x" }] }), "no API Management service"),
    ] {
        let fixture = serde_json::from_value(fixture).unwrap();
        let error = world.emulator.seed(&fixture).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    world.seed(json!({ "softDeleted": [{ "id": svc(), "location": "westus" }] }));
    world.put(&group(), json!({ "location": "westus" })).await.expect(201);
    assert_eq!(world.put(&svc(), service_body("Developer")).await.expect(409).code(), "ServiceAlreadyExistsInSoftDeletedState");
}
