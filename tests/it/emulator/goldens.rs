//! The recorded pairs of `tests/cases/arm/goldens.json` (each names the recording or thread it is from): the emulator answers the
//! same request in the same way.
//!
//! Recorded texts hold placeholders: `{svc}`, `{name}`, `{guid}`, `..`. Dates, keys and entity tags are compared by form.

use std::collections::BTreeSet;

use http::Method;
use regex::Regex;
use serde_json::{Value, json};

use super::{Reply, World, group, options, service_body, svc};

struct Golden {
    id: String,
    value: Value,
}

impl Golden {
    fn all() -> Vec<Self> {
        let text = include_str!("../../cases/arm/goldens.json");
        let values: Vec<Value> = serde_json::from_str(text).unwrap();
        values.into_iter().map(|value| Self { id: value["id"].as_str().unwrap().to_owned(), value }).collect()
    }

    fn named(id: &str) -> Self {
        Self::all().into_iter().find(|golden| golden.id == id).unwrap()
    }

    fn request_body(&self) -> Option<Value> {
        let text = self.value["request"].get("body")?.to_string().replace("{svc}", &svc());
        Some(serde_json::from_str(&text).unwrap())
    }

    /// The recorded path with our ids in it.
    fn path(&self) -> String {
        let path = self.value["request"]["path"].as_str().unwrap();
        path.replace("{svc}", &svc()).replace("{sub}", apimctl::emulator::DEFAULT_SUBSCRIPTION)
    }

    async fn ask(&self, world: &World) -> Reply {
        let headers: Vec<(String, String)> = self.value["request"]["headers"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.to_lowercase(), value.as_str().unwrap().to_owned()))
            .collect();
        let mut headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let method: Method = self.value["request"]["method"].as_str().unwrap().parse().unwrap();
        if method == Method::DELETE && headers.is_empty() {
            headers.push(("if-match", "*"));
        }
        let path = if method == Method::PUT { self.path_of_its_time() } else { self.path() };
        world.send(method, &path, &headers, self.request_body()).await
    }

    /// Versions of today answer a PUT with the resource; what was answered with 202 was recorded with an older one.
    fn path_of_its_time(&self) -> String {
        let accepted = self.value["response"]["status"] == 202;
        if accepted { format!("{}?api-version=2021-08-01", self.path()) } else { self.path() }
    }

    /// Status, headers and body as recorded.
    fn check(&self, reply: &Reply) {
        let expected = &self.value["response"];
        assert_eq!(u64::from(reply.status), expected["status"].as_u64().unwrap(), "{}: {}", self.id, reply.body);
        for (name, value) in expected["headers"].as_object().into_iter().flatten() {
            let value = value.as_str().unwrap();
            let actual = reply.header(name);
            if !value.starts_with('(') && !name.contains("ratelimit") {
                assert!(same_text(value, actual), "{}: header {name}: {actual} is not {value}", self.id);
            } else {
                assert!(!actual.is_empty(), "{}: header {name} is missing", self.id);
            }
        }
        if let Some(body) = expected.get("body") {
            let whole = body.get("id").is_some() || body.get("error").is_some();
            compare(&self.id, "", body, &reply.body, whole);
        }
    }
}

/// Members that the recording's (older) api-version or the converter of the recordings did not have.
const NEWER: &[&str] = &[
    "/properties/authenticationSettings/oAuth2AuthenticationSettings",
    "/properties/authenticationSettings/openidAuthenticationSettings",
    "/properties/allowTracing",
];

fn compare(id: &str, at: &str, expected: &Value, actual: &Value, whole: bool) {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            for (name, value) in expected {
                let at = format!("{at}/{name}");
                let found = actual.get(name).unwrap_or_else(|| panic!("{id}: {at} is missing in {actual:?}"));
                compare(id, &at, value, found, whole);
            }
            if whole {
                let known: BTreeSet<&String> = expected.keys().collect();
                for name in actual.keys().filter(|name| !known.contains(name)) {
                    let at = format!("{at}/{name}");
                    assert!(NEWER.contains(&at.as_str()), "{id}: {at} was not recorded");
                }
            }
        }
        (Value::Array(expected), Value::Array(actual)) => {
            assert_eq!(expected.len(), actual.len(), "{id}: {at}: {actual:?}");
            for (index, (expected, actual)) in expected.iter().zip(actual).enumerate() {
                compare(id, &format!("{at}/{index}"), expected, actual, whole);
            }
        }
        (Value::String(expected), Value::String(actual)) => {
            // Who did it differs; the recording's API keys and dates are not ours.
            let person = at.contains("createdBy") || at.contains("lastModifiedBy");
            assert!(person || same_text(expected, actual), "{id}: {at}: {actual} is not {expected}");
        }
        (Value::String(note), _) if note.starts_with('(') => {}
        (expected, actual) => assert_eq!(expected, actual, "{id}: {at}"),
    }
}

fn same_text(expected: &str, actual: &str) -> bool {
    if expected == actual {
        return true;
    }
    let forms = [
        r#"^"?[A-Za-z0-9+/]{11}="?$"#,
        r"^[0-9a-f]{32}$",
        r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$",
        r"^\{\{Logger-Credentials--[0-9a-f]{24}\}\}$",
    ];
    if forms.iter().any(|form| {
        let form = Regex::new(form).unwrap();
        form.is_match(actual) && (form.is_match(expected) || expected.trim_matches('"') == "..")
    }) {
        return true;
    }
    let mut pattern = regex::escape(expected);
    for (placeholder, form) in [
        (r"\{svc\}", regex::escape(&svc())),
        (r"\{name\}", "apim-test".to_owned()),
        (r"\{guid\}", "[0-9a-f-]{36}".to_owned()),
        (r"\{id\}", "[0-9a-f-]{32,36}".to_owned()),
        (r"\{tenant\}", "[0-9a-f-]{32,36}".to_owned()),
        (r"\{24hex\}", "[0-9a-f]{24}".to_owned()),
        (r"\{base64id\}", "[A-Za-z0-9=]+".to_owned()),
        (r"\{region\}", "[a-z]+".to_owned()),
        (r"\?api\-version=2022\-08\-01\&asyncResponse\&t=\.\.\&c=\.\.\&s=\.\.\&h=\.\.", r"\?api-version=[^&]+&asyncResponse".to_owned()),
        (r"2021\-08\-01", "[0-9-]+".to_owned()),
        (r"\.\.\.", ".*".to_owned()),
        (r"\.\.", ".*".to_owned()),
    ] {
        pattern = pattern.replace(placeholder, &form);
    }
    Regex::new(&format!("^(https://[^/]+)?{pattern}$")).unwrap().is_match(actual)
}

async fn consumption() -> World {
    World::with_service(options(), "Consumption").await
}

/// Sends a golden's request into a world and checks the answer.
async fn same(world: &World, id: &str) -> Reply {
    let golden = Golden::named(id);
    let reply = golden.ask(world).await;
    golden.check(&reply);
    reply
}

#[tokio::test(start_paused = true)]
async fn a_service_is_made_as_recorded() {
    let world = World::open(options());
    world.put(&group(), json!({ "location": "westus" })).await.expect(201);
    let created = same(&world, "service-create").await;
    let poll = world.get(created.header("azure-asyncoperation")).await;
    Golden::named("service-poll-asyncop").check(&poll);
    world.pass(2399).await;
    let old = world.get(created.header("location")).await;
    Golden::named("service-poll-location-old").check(&old);
    world.pass(2).await;
    assert_eq!(world.get(created.header("azure-asyncoperation")).await.body, json!({ "status": "Succeeded" }));
    world.get(created.header("location")).await.expect(200);
}

#[tokio::test(start_paused = true)]
async fn a_settled_service_is_as_recorded() {
    let world = World::open(options());
    world.put(&group(), json!({ "location": "westus" })).await.expect(201);
    let mut body = service_body("Consumption");
    body["identity"] = Value::Null;
    world.put(&svc(), body).await.expect(201);
    world.pass(2400).await;
    same(&world, "service-settled").await;
    same(&world, "subscription-master").await;
}

#[tokio::test(start_paused = true)]
async fn a_deleted_service_is_as_recorded() {
    let world = consumption().await;
    same(&world, "checkname").await;
    world.delete(&svc()).await.expect(202);
    world.pass(3).await;
    let again = world.put(&svc(), service_body("Consumption")).await;
    Golden::named("error-soft-deleted").check(&again);
    let deleted = format!(
        "/subscriptions/{}/providers/Microsoft.ApiManagement/locations/westus/deletedservices/apim-test",
        apimctl::emulator::DEFAULT_SUBSCRIPTION
    );
    let accepted = world.delete(&deleted).await.expect(202);
    let poll = world.get(accepted.header("location")).await;
    Golden::named("purge-poll").check(&poll);
    world.pass(3).await;
    assert_eq!(world.get(accepted.header("location")).await.expect(200).body, Value::Null);
}

#[tokio::test(start_paused = true)]
async fn named_values_are_as_recorded() {
    let world = consumption().await;
    let accepted = same(&world, "namedvalue-put").await;
    world.pass(30).await;
    let poll = world.get(accepted.header("location")).await;
    Golden::named("namedvalue-poll").check(&poll);
    let secret = json!({ "properties": { "displayName": "nv-sec", "value": "secrettestvalue123", "secret": true, "tags": ["secret"] } });
    world.settle(&format!("{}/namedValues/sec", svc()), secret).await.expect(201);
    let shown = same(&world, "namedvalue-secret-get").await;
    assert!(shown.properties().get("value").is_none());
    same(&world, "namedvalue-listvalue").await;
    same(&world, "namedvalue-patch").await;
}

#[tokio::test(start_paused = true)]
async fn policies_are_as_recorded() {
    let world = World::developer().await;
    let first = same(&world, "policy-put-xml").await;
    let second = same(&world, "policy-put-xml").await;
    assert_eq!(first.header("etag"), second.header("etag"), "an identical PUT keeps the tag");
    same(&world, "policy-put-compact").await;
    world.delete(&format!("{}/policies/policy", svc())).await.expect(200);
    same(&world, "policy-get-absent").await;
    let again = Golden::named("policy-put-xml").ask(&world).await;
    assert_eq!(again.status, 201, "after a DELETE it is a create");
}

#[tokio::test(start_paused = true)]
async fn loggers_diagnostics_and_backends_are_as_recorded() {
    let world = consumption().await;
    same(&world, "logger-get-absent").await;
    same(&world, "logger-put-ai").await;
    same(&world, "diagnostic-put").await;
    let golden = Golden::named("backend-put");
    let reply = same(&world, "backend-put").await;
    let sent = golden.request_body().unwrap();
    for member in ["title", "description", "url", "protocol", "credentials"] {
        assert_eq!(reply.properties()[member], sent["properties"][member], "{member} is echoed");
    }
}

#[tokio::test(start_paused = true)]
async fn apis_and_operations_are_as_recorded() {
    let world = consumption().await;
    same(&world, "api-put").await;
    same(&world, "list-shape").await;
    same(&world, "operation-put").await;
    let list = world.get(&format!("{}/apis/a1/operations", svc())).await;
    assert!(list.body["value"][0]["properties"].get("request").is_none(), "a list leaves the empty request out");
    let golden = Golden::named("api-import");
    let mut body = golden.request_body().unwrap();
    body["properties"]["value"] = json!("openapi: 3.0.1\ninfo: {title: T, version: '1'}\npaths: {}\n");
    let reply = world.put(&golden.path_of_its_time(), body).await;
    golden.check(&reply);
}

#[tokio::test(start_paused = true)]
async fn products_and_subscriptions_are_as_recorded() {
    let world = consumption().await;
    world.api("a1").await;
    same(&world, "product-put").await;
    let link = format!("{}/products/p/apis/a1", svc());
    world.head(&link).await.expect(404);
    world.put(&link, json!({})).await.expect(201);
    world.put(&link, json!({})).await.expect(200);
    same(&world, "product-api-head").await;
    same(&world, "subscription-put").await;
    let keys = same(&world, "subscription-listsecrets").await;
    same(&world, "subscription-regenerate").await;
    let fresh = same(&world, "subscription-listsecrets").await;
    assert_ne!(keys.body["primaryKey"], fresh.body["primaryKey"]);
    assert_eq!(keys.body["secondaryKey"], fresh.body["secondaryKey"]);
    assert_ne!(keys.header("etag"), fresh.header("etag"));
    same(&world, "delete").await;
    let body = json!({ "properties": { "apiId": format!("{}/apis/a1", svc()) } });
    let reply = world.put(&format!("{}/products/p/apiLinks/l", svc()), body).await;
    Golden::named("error-link-exists").check(&reply);
}

#[tokio::test(start_paused = true)]
async fn policy_errors_are_as_recorded() {
    let world = consumption().await;
    world.api("a").await;
    let at = format!("{}/apis/a", svc());
    let above = "\n".repeat(31);
    let reply = world
        .policy(&at, &format!("<policies>{above}<inbound>\n  <set-backend-service backend-id=\"idbackEnd\" />\n</inbound></policies>"))
        .await;
    Golden::named("error-validation-backend-missing").check(&reply);
    let above = "\n".repeat(9);
    let reply = world
        .policy(&at, &format!("<policies>{above}<inbound>\n  <include-fragment fragment-id=\"TokenValidator\" />\n</inbound></policies>"))
        .await;
    Golden::named("error-validation-fragment-missing").check(&reply);
    let head = format!("  <when condition=\"{}", "@(context.Request.Headers.GetValueOrDefault(");
    let padded = format!("{head}{}\"X-Header-Name\", \"\") == \"\")\" />", " ".repeat(86 - head.len() - 2));
    let text = format!("<policies>\n<inbound>\n<choose>\n{padded}</choose></inbound></policies>");
    let body = json!({ "properties": { "format": "xml", "value": text } });
    let reply = world.put(&format!("{at}/policies/policy"), body).await;
    Golden::named("error-representation").check(&reply);
    world
        .settle(
            &format!("{}/policyFragments/f", svc()),
            json!({ "properties": { "value": "<fragment><set-header name=\"a\" exists-action=\"delete\" /></fragment>" } }),
        )
        .await
        .expect(201);
    world.policy(&svc(), "<policies><inbound><include-fragment fragment-id=\"f\" /></inbound></policies>").await.expect(201);
    same(&world, "error-fragment-in-use").await;
}

#[tokio::test(start_paused = true)]
async fn other_errors_are_as_recorded() {
    let world = consumption().await;
    let pool = json!({ "properties": { "type": "Pool", "url": "https://x", "protocol": "http", "pool": { "services": [{ "id": "/backends/b" }] } } });
    world.backend("b").await;
    let reply = world.put(&format!("{}/backends/pool", svc()), pool).await;
    Golden::named("error-pool-url").check(&reply);
    let import = json!({ "properties": { "path": "a", "format": "openapi", "value": "openapi: 3.0.1\ninfo: {title: T, version: '1'}\npaths: {}\n" } });
    world.put(&format!("{}/apis/a", svc()), import.clone()).await.expect(201);
    let reply = world.put(&format!("{}/apis/a", svc()), import).await;
    Golden::named("error-api-busy").check(&reply);
    world.put(&format!("{}/products/p", svc()), json!({ "properties": { "displayName": "p" } })).await.expect(201);
    let lock = format!("{}/providers/Microsoft.Authorization/locks/keep", group());
    world.put(&lock, json!({ "properties": { "level": "CanNotDelete" } })).await.expect(201);
    same(&world, "error-scope-locked").await;
    world.delete(&lock).await.expect(200);
    world.delete(&format!("{}/products/p/groups/administrators", svc())).await.expect(200);
    world.delete(&svc()).await.expect(202);
    world.pass(3).await;
    let purge = format!(
        "/subscriptions/{}/providers/Microsoft.ApiManagement/locations/westus/deletedservices/apim-test",
        apimctl::emulator::DEFAULT_SUBSCRIPTION
    );
    world.delete(&purge).await.expect(202);
    world.pass(3).await;
    world.put(&svc(), service_body("StandardV2")).await.expect(201);
    world.pass(2400).await;
    same(&world, "error-sku").await;
}

#[tokio::test(start_paused = true)]
async fn role_assignment_errors_are_as_recorded() {
    let world = consumption().await;
    let role = format!(
        "/subscriptions/{}/providers/Microsoft.Authorization/roleDefinitions/5e0bd9bd-7b93-4f28-af87-19fc36ad61bd",
        apimctl::emulator::DEFAULT_SUBSCRIPTION
    );
    let at = |name: &str| format!("{}/providers/Microsoft.Authorization/roleAssignments/{name}", group());
    let (one, two) = ("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222");
    let body = |principal: &str, sort: Value| json!({ "properties": { "roleDefinitionId": role, "principalId": principal, "principalType": sort } });
    let stranger = "99999999-9999-4999-8999-999999999999";
    let reply = world.put(&at(one), body(stranger, Value::Null)).await;
    Golden::named("error-principal-not-found").check(&reply);
    world.put(&at(one), body(stranger, json!("ServicePrincipal"))).await.expect(201);
    let reply = world.put(&at(two), body(stranger, json!("ServicePrincipal"))).await;
    Golden::named("error-role-exists").check(&reply);
    let reply = world.put(&at(one), body("88888888-8888-4888-8888-888888888888", json!("ServicePrincipal"))).await;
    Golden::named("error-role-update").check(&reply);
}

#[tokio::test(start_paused = true)]
async fn the_data_plane_refuses_a_principal_without_a_role_as_recorded() {
    let world = World::open(options());
    let golden = Golden::named("aoai-denied");
    let account = apimctl::arm::ResourceId::parse(&format!("{}/providers/Microsoft.CognitiveServices/accounts/a", group())).unwrap();
    let action = "Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action";
    let (status, error) = world.emulator.check_data_action("p", &account, action).unwrap_err();
    assert_eq!(u64::from(status), golden.value["response"]["status"].as_u64().unwrap());
    assert_eq!(error.code, golden.value["response"]["body"]["error"]["code"].as_str().unwrap());
    assert_eq!(error.message, golden.value["response"]["body"]["error"]["message"].as_str().unwrap());
}

#[test]
fn every_recorded_pair_is_tested() {
    let tests = include_str!("goldens.rs");
    let missing: Vec<String> =
        Golden::all().into_iter().map(|golden| golden.id).filter(|id| !tests.contains(&format!("\"{id}\""))).collect();
    assert_eq!(missing, Vec::<String>::new());
    assert_eq!(Golden::all().len(), 43);
}
