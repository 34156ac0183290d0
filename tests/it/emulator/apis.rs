//! APIs, operations, imports, revisions, version sets, and properties that need a preview api-version.

use serde_json::{Value, json};

use super::{PREVIEW, VERSION, World, svc};

const DOCUMENT: &str = r"
openapi: 3.0.1
info: { title: Azure OpenAI, version: '2024-02-15', description: The service, contact: { name: me, url: https://example.com } }
servers: [ { url: https://contoso.openai.azure.com/openai } ]
paths:
  /deployments/{deployment-id}/chat/completions:
    parameters:
      - { name: deployment-id, in: path, required: true, schema: { type: string }, description: The deployment }
    post:
      operationId: ChatCompletions_Create
      summary: Creates a completion
      parameters:
        - $ref: '#/components/parameters/version'
      requestBody: { content: { application/json: {} } }
      responses: { '200': { description: OK, content: { application/json: {} } }, default: { description: Error } }
  /models:
    get: { responses: {} }
components:
  parameters:
    version: { name: api-version, in: query, required: true, schema: { type: string, enum: [2024-02-15-preview], default: 2024-02-15-preview } }
";

#[tokio::test(start_paused = true)]
async fn an_import_makes_operations_with_lower_case_names() {
    let world = World::developer().await;
    let uri = format!("{}/apis/a", svc());
    let body = json!({ "properties": { "path": "/openai/", "format": "openapi", "value": DOCUMENT } });
    let accepted = world.put(&uri, body.clone()).await.expect(201);
    world.get(&uri).await.expect(404);
    world.pass(30).await;
    let api = world.get(accepted.header("location")).await.expect(201);
    let properties = api.properties();
    assert_eq!(properties["displayName"], "Azure OpenAI");
    assert_eq!(properties["path"], "openai");
    assert_eq!(properties["serviceUrl"], "https://contoso.openai.azure.com/openai");
    assert_eq!(properties["contact"]["url"], "https://example.com/");
    assert!(properties.get("value").is_none() && properties.get("format").is_none());
    let operation = world.get(&format!("{uri}/operations/chatcompletions_create")).await.expect(200);
    assert_eq!(operation.body["name"], "chatcompletions_create");
    assert_eq!(operation.properties()["templateParameters"][0]["description"], "The deployment");
    assert_eq!(
        operation.properties()["request"]["queryParameters"][0],
        json!({ "name": "api-version", "type": "string", "required": true, "values": ["2024-02-15-preview"], "defaultValue": "2024-02-15-preview" })
    );
    assert_eq!(operation.properties()["responses"].as_array().map_or(0, Vec::len), 1);
    world.get(&format!("{uri}/operations/get-models")).await.expect(200);
    // The same as JSON, without one operation: it goes.
    let smaller = json!({ "openapi": "3.0.1", "info": { "title": "Azure OpenAI", "version": "1" }, "paths": { "/models": { "get": {} } } });
    let again = json!({ "properties": { "path": "openai", "format": "openapi+json", "value": smaller.to_string() } });
    let accepted = world.put(&uri, again).await.expect(200);
    world.pass(30).await;
    world.get(accepted.header("location")).await.expect(200);
    assert_eq!(world.get(&format!("{uri}/operations")).await.body["count"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_document_that_cannot_be_read_is_refused() {
    let world = World::developer().await;
    let uri = format!("{}/apis/a", svc());
    for text in ["", "a: [", "{", "openapi: 4.0.0\ninfo: {title: x}", "info: {title: x}", "openapi: 3.0.0\n"] {
        let refused = world.put(&uri, json!({ "properties": { "path": "p", "format": "openapi", "value": text } })).await;
        assert_eq!((refused.status, refused.code()), (400, "ValidationError"), "{text}");
    }
    let link = json!({ "properties": { "path": "p", "format": "openapi-link", "value": "https://example.com/api.json" } });
    assert_eq!(world.put(&uri, link).await.expect(501).code(), "OperationNotEmulated");
}

#[tokio::test(start_paused = true)]
async fn while_an_import_runs_the_api_takes_no_other_writes() {
    let world = World::developer().await;
    let uri = format!("{}/apis/a", svc());
    world.api("a").await;
    world.api("b").await;
    world.put(&uri, json!({ "properties": { "path": "a", "format": "openapi", "value": DOCUMENT } })).await.expect(200);
    let operation = json!({ "properties": { "displayName": "o", "method": "GET", "urlTemplate": "/o" } });
    let busy = world.put(&format!("{uri}/operations/o"), operation.clone()).await.expect(409);
    assert_eq!(busy.code(), "PessimisticConcurrencyConflict");
    world.put(&format!("{}/apis/b/operations/o", svc()), operation.clone()).await.expect(201);
    world.pass(3).await;
    world.put(&format!("{uri}/operations/o"), operation).await.expect(201);
}

#[tokio::test(start_paused = true)]
async fn bearer_and_managed_identity_stick_only_at_preview_versions() {
    let world = World::developer().await;
    let api = format!("{}/apis/a", svc());
    let names = json!({ "header": "api-key", "query": "subscription-key", "bearer": "enabled" });
    let body = json!({ "properties": { "displayName": "a", "path": "a", "subscriptionKeyParameterNames": names } });
    let stable = world.put(&format!("{api}?api-version={VERSION}"), body.clone()).await.expect(201);
    assert!(stable.properties()["subscriptionKeyParameterNames"].get("bearer").is_none());
    let preview = world.put(&format!("{api}?api-version={PREVIEW}"), body).await.expect(200);
    assert_eq!(preview.properties()["subscriptionKeyParameterNames"], names);
    let shown = |reply: &super::Reply| reply.properties()["subscriptionKeyParameterNames"].get("bearer").cloned();
    assert_eq!(shown(&world.get(&format!("{api}?api-version={VERSION}")).await), None);
    assert_eq!(shown(&world.get(&format!("{api}?api-version={PREVIEW}")).await), Some(json!("enabled")));
    let backend = format!("{}/backends/b", svc());
    let body = json!({ "properties": { "url": "https://a", "protocol": "http", "credentials": { "managedIdentity": { "resource": "https://cognitiveservices.azure.com" } } } });
    world.put(&format!("{backend}?api-version={VERSION}"), body.clone()).await.expect(201);
    let credentials = |reply: &super::Reply| reply.properties()["credentials"].get("managedIdentity").cloned();
    assert_eq!(credentials(&world.get(&format!("{backend}?api-version={PREVIEW}")).await), None);
    world.put(&format!("{backend}?api-version={PREVIEW}"), body).await.expect(200);
    assert!(credentials(&world.get(&format!("{backend}?api-version={PREVIEW}")).await).is_some());
}

#[tokio::test(start_paused = true)]
async fn newer_properties_are_dropped_by_older_versions() {
    let world = World::developer().await;
    world.put(&format!("{}/loggers/azuremonitor", svc()), json!({ "properties": { "loggerType": "azureMonitor" } })).await.expect(201);
    let uri = format!("{}/diagnostics/azuremonitor", svc());
    let model = json!({ "logs": "enabled", "requests": { "messages": "all" } });
    let body = json!({ "properties": { "loggerId": "/loggers/azuremonitor", "largeLanguageModel": model } });
    let old = world.put(&uri, body.clone()).await.expect(201);
    assert!(old.properties().get("largeLanguageModel").is_none());
    let new = world.put(&format!("{uri}?api-version=2024-06-01-preview"), body).await.expect(200);
    assert_eq!(new.properties()["largeLanguageModel"]["requests"]["maxSizeInBytes"], 32768);
}

#[tokio::test(start_paused = true)]
async fn template_parameters_agree_with_the_template() {
    let world = World::developer().await;
    world.api("a").await;
    let uri = format!("{}/apis/a/operations/o", svc());
    let body = |template: &str, names: &[&str]| {
        let parameters: Vec<Value> = names.iter().map(|name| json!({ "name": name, "type": "string" })).collect();
        json!({ "properties": { "displayName": "o", "method": "post", "urlTemplate": template, "templateParameters": parameters } })
    };
    world.put(&uri, body("/x/{a}", &[])).await.expect(400);
    world.put(&uri, body("/x", &["a"])).await.expect(400);
    let made = world.put(&uri, body("/x/{a}", &["a"])).await.expect(201);
    assert_eq!(made.properties()["method"], "POST");
    let api = world.get(&format!("{}/apis/a", svc())).await;
    let settings = json!({ "oAuth2": null, "openid": null, "oAuth2AuthenticationSettings": [], "openidAuthenticationSettings": [] });
    assert_eq!(api.properties()["authenticationSettings"], settings);
    let twin = world.put(&format!("{}/apis/a/operations/p", svc()), body("/x/{b}", &["b"])).await.expect(400);
    assert_eq!(twin.details()[0].0, "urlTemplate");
}

#[tokio::test(start_paused = true)]
async fn a_path_belongs_to_one_api_of_a_version() {
    let world = World::developer().await;
    world.api("a").await;
    let body = |path: &str| json!({ "properties": { "displayName": "b", "path": path } });
    let refused = world.put(&format!("{}/apis/b", svc()), body("A/")).await.expect(400);
    assert_eq!(refused.details()[0].0, "path");
    world.put(&format!("{}/apis/b", svc()), body("b")).await.expect(201);
    let missing = world.put(&format!("{}/apis/c", svc()), json!({ "properties": {} })).await.expect(400);
    assert_eq!(missing.details().into_iter().map(|(target, _)| target).collect::<Vec<_>>(), ["displayName", "path"]);
}

#[tokio::test(start_paused = true)]
async fn a_version_set_is_kept_while_it_is_used() {
    let world = World::developer().await;
    let set = format!("{}/apiVersionSets/v", svc());
    world.put(&set, json!({ "properties": { "displayName": "v", "versioningScheme": "Query" } })).await.expect(400);
    world.put(&set, json!({ "properties": { "displayName": "v", "versioningScheme": "Segment" } })).await.expect(201);
    let api = json!({ "properties": { "displayName": "a", "path": "a", "apiVersion": "v1", "apiVersionSetId": "/apiVersionSets/v" } });
    let made = world.put(&format!("{}/apis/a", svc()), api).await.expect(201);
    assert_eq!(made.properties()["apiVersionSetId"], set.as_str());
    world.delete(&set).await.expect(400);
    let accepted = world.delete(&format!("{}/apis/a", svc())).await.expect(202);
    world.get(accepted.header("location")).await.expect(202);
    world.pass(3).await;
    world.get(accepted.header("location")).await.expect(200);
    world.delete(&set).await.expect(200);
}

#[tokio::test(start_paused = true)]
async fn a_revision_is_a_copy_beside_the_current_one() {
    let world = World::developer().await;
    world.api("a").await;
    world
        .put(
            &format!("{}/apis/a/operations/o", svc()),
            json!({ "properties": { "displayName": "o", "method": "GET", "urlTemplate": "/o" } }),
        )
        .await
        .expect(201);
    let second = format!("{}/apis/a;rev=2", svc());
    let made = world.put(&second, json!({ "properties": { "sourceApiId": "/apis/a", "displayName": "a", "path": "a" } })).await.expect(201);
    assert_eq!(made.properties()["apiRevision"], "2");
    assert_eq!(made.properties()["isCurrent"], false);
    world.get(&format!("{second}/operations/o")).await.expect(200);
    world.get(&format!("{}/apis/a;rev=1", svc())).await.expect(200);
    assert_eq!(world.get(&format!("{}/apis/a/revisions", svc())).await.body["count"], 2);
}
