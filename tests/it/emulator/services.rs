//! The service: life, soft delete, restore, purge, identities, what belongs to it.

use apimctl::emulator::DEFAULT_SUBSCRIPTION;
use serde_json::{Value, json};

use super::{World, group, options, service_body, svc};

fn deleted() -> String {
    format!("/subscriptions/{DEFAULT_SUBSCRIPTION}/providers/Microsoft.ApiManagement/locations/westus/deletedservices/apim-test")
}

#[tokio::test(start_paused = true)]
async fn entities_take_no_writes_before_the_service_is_ready() {
    let world = World::open(options());
    world.put(&group(), json!({ "location": "westus" })).await.expect(201);
    world.put(&svc(), service_body("Developer")).await.expect(201);
    let backend = json!({ "properties": { "url": "https://a", "protocol": "http" } });
    let refused = world.put(&format!("{}/backends/b", svc()), backend.clone()).await.expect(409);
    assert_eq!(refused.code(), "ServiceLocked");
    assert_eq!(world.put(&svc(), service_body("Developer")).await.expect(409).code(), "ServiceLocked");
    assert_eq!(world.delete(&svc()).await.expect(409).code(), "ServiceLocked");
    world.pass(2400).await;
    world.put(&format!("{}/backends/b", svc()), backend).await.expect(201);
}

#[tokio::test(start_paused = true)]
async fn the_first_answer_carries_the_principal_and_later_ones_keep_it() {
    let world = World::open(options());
    world.put(&group(), json!({ "location": "westus" })).await.expect(201);
    let first = world.put(&svc(), service_body("Developer")).await.expect(201);
    assert_eq!(first.properties()["provisioningState"], "Created");
    let principal = first.body["identity"]["principalId"].as_str().unwrap().to_owned();
    world.pass(2400).await;
    let mut body = service_body("Developer");
    body["tags"] = json!({ "a": "b" });
    let updated = world.put(&svc(), body).await.expect(202);
    assert_eq!(updated.body["identity"]["principalId"], principal.as_str());
    assert_eq!(updated.properties()["provisioningState"], "Updating");
    world.pass(3).await;
    let settled = world.get(&svc()).await;
    assert_eq!(settled.properties()["provisioningState"], "Succeeded");
    assert_eq!(settled.body["location"], "West US");
    assert_eq!(settled.body["tags"]["a"], "b");
}

#[tokio::test(start_paused = true)]
async fn a_patch_changes_what_it_names_and_nothing_else() {
    let world = World::developer().await;
    let before = world.get(&svc()).await;
    world.patch(&svc(), json!({ "properties": { "publisherName": "Other" } })).await.expect(202);
    world.pass(3).await;
    let after = world.get(&svc()).await;
    assert_eq!(after.properties()["publisherName"], "Other");
    for member in ["publisherEmail", "customProperties", "hostnameConfigurations", "notificationSenderEmail", "gatewayUrl"] {
        assert_eq!(before.properties()[member], after.properties()[member], "{member}");
    }
    assert_eq!(before.body["identity"], after.body["identity"]);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_name_is_kept_for_48_hours_and_then_free() {
    let world = World::developer().await;
    world.backend("b").await;
    world.delete(&svc()).await.expect(202);
    world.pass(3).await;
    world.get(&svc()).await.expect(404);
    let name = format!("/subscriptions/{DEFAULT_SUBSCRIPTION}/providers/Microsoft.ApiManagement/checkNameAvailability");
    assert_eq!(world.post(&name, json!({ "name": "apim-test" })).await.body["reason"], "AlreadyExists");
    let listed = world.get(&format!("/subscriptions/{DEFAULT_SUBSCRIPTION}/providers/Microsoft.ApiManagement/deletedservices")).await;
    assert_eq!(listed.body["value"][0]["properties"]["serviceId"], svc().as_str());
    assert_eq!(listed.body["value"][0]["location"], "West US");
    world.get(&deleted()).await.expect(200);
    assert_eq!(world.put(&svc(), service_body("Developer")).await.expect(409).code(), "ServiceAlreadyExistsInSoftDeletedState");
    world.pass(48 * 3600).await;
    world.get(&deleted()).await.expect(404);
    world.put(&svc(), service_body("Developer")).await.expect(201);
    world.pass(2400).await;
    world.get(&format!("{}/backends/b", svc())).await.expect(404);
}

#[tokio::test(start_paused = true)]
async fn restore_brings_the_entities_back_and_is_an_error_when_nothing_was_deleted() {
    let world = World::developer().await;
    world.backend("b").await;
    world.delete(&svc()).await.expect(202);
    world.pass(3).await;
    let mut body = service_body("Developer");
    body["properties"]["restore"] = json!(true);
    body["properties"]["publisherName"] = json!("ignored");
    world.put(&svc(), body.clone()).await.expect(201);
    world.pass(2400).await;
    assert_eq!(world.get(&svc()).await.properties()["publisherName"], "Contoso", "everything else of the request is ignored");
    world.get(&format!("{}/backends/b", svc())).await.expect(200);
    assert!(world.get(&deleted()).await.status == 404);
    let other = svc().replace("apim-test", "apim-other");
    assert_eq!(world.put(&other, body).await.status, 400);
}

#[tokio::test(start_paused = true)]
async fn a_purge_frees_the_name() {
    let world = World::developer().await;
    world.delete(&svc()).await.expect(202);
    world.pass(3).await;
    let accepted = world.delete(&deleted()).await.expect(202);
    world.get(accepted.header("location")).await.expect(202);
    world.pass(3).await;
    world.get(accepted.header("location")).await.expect(200);
    world.put(&svc(), service_body("Developer")).await.expect(201);
}

#[tokio::test(start_paused = true)]
async fn user_assigned_identities_must_be_there() {
    let world = World::open(options());
    world.put(&group(), json!({ "location": "westus" })).await.expect(201);
    let identity = format!("{}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/me", group());
    let mut body = service_body("Developer");
    body["identity"] = json!({ "type": "SystemAssigned, UserAssigned", "userAssignedIdentities": { identity.clone(): {} } });
    assert_eq!(world.put(&svc(), body.clone()).await.expect(400).code(), "FailedIdentityOperation");
    world.seed(json!({ "resources": [{ "id": identity, "location": "westus" }] }));
    let made = world.put(&svc(), body).await.expect(201);
    let seeded = world.get(&format!("{identity}?api-version=2023-01-31")).await;
    assert_eq!(made.body["identity"]["userAssignedIdentities"][&identity]["principalId"], seeded.properties()["principalId"]);
}

#[tokio::test(start_paused = true)]
async fn names_are_global_and_bodies_are_checked() {
    let world = World::developer().await;
    let elsewhere = svc().replace("resourceGroups/rg", "resourceGroups/other");
    let missing = world.put(&elsewhere, service_body("Developer")).await.expect(404);
    assert_eq!(missing.code(), "ResourceGroupNotFound");
    world.put(&group().replace("/rg", "/other"), json!({ "location": "westus" })).await.expect(201);
    assert_eq!(world.put(&elsewhere, service_body("Developer")).await.expect(409).code(), "ServiceAlreadyExists");
    let bad =
        json!({ "location": "westus", "sku": { "name": "Developer", "capacity": 2 }, "properties": { "publisherEmail": "x".repeat(101) } });
    let refused = world.put(&svc().replace("apim-test", "apim-bad"), bad).await.expect(400);
    let targets: Vec<String> = refused.details().into_iter().map(|(target, _)| target).collect();
    assert_eq!(targets, ["publisherEmail", "publisherName", "capacity"]);
}

#[tokio::test(start_paused = true)]
async fn classic_tiers_come_with_products_and_newer_ones_without() {
    let classic = World::developer().await;
    let products = classic.get(&format!("{}/products", svc())).await;
    assert_eq!(products.body["count"], 2);
    classic.get(&format!("{}/policies/policy", svc())).await.expect(200);
    classic.get(&format!("{}/users/1", svc())).await.expect(200);
    let newer = World::with_service(options(), "StandardV2").await;
    assert_eq!(newer.get(&format!("{}/products", svc())).await.body["count"], 0);
    let groups = newer.get(&format!("{}/groups", svc())).await;
    let names: Vec<&str> = groups.body["value"].as_array().unwrap().iter().map(|group| group["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["administrators", "developers", "guests"]);
}

#[tokio::test(start_paused = true)]
async fn deleting_a_group_deletes_what_lies_in_it_and_soft_deletes_services() {
    let world = World::developer().await;
    let accepted = world.delete(&format!("{}?api-version=2024-11-01", group())).await.expect(202);
    assert_eq!(accepted.header("azure-asyncoperation"), "");
    world.get(accepted.header("location")).await.expect(202);
    world.pass(3).await;
    world.get(accepted.header("location")).await.expect(200);
    assert_eq!(world.get(&group()).await.expect(404).code(), "ResourceGroupNotFound");
    world.get(&deleted()).await.expect(200);
}

#[tokio::test(start_paused = true)]
async fn custom_properties_keep_their_defaults() {
    let world = World::developer().await;
    let http2 = "Microsoft.WindowsAzure.ApiManagement.Gateway.Protocols.Server.Http2";
    let mut body = service_body("Developer");
    body["properties"]["customProperties"] = json!({ http2: "true" });
    world.put(&svc(), body).await.expect(202);
    world.pass(3).await;
    let custom = world.get(&svc()).await.properties()["customProperties"].clone();
    assert_eq!(custom[http2], "True");
    assert_eq!(custom.as_object().map_or(0, serde_json::Map::len), 6);
    world.put(&svc(), service_body("Developer")).await.expect(202);
    world.pass(3).await;
    assert_eq!(world.get(&svc()).await.properties()["customProperties"][http2], "True", "a PUT without the map keeps it");
    assert_ne!(custom, Value::Null);
}
