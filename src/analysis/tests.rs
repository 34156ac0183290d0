use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::arm::ResourceId;
use crate::policy::{Document, Format, Scope};
use crate::support::source::{SourceText, Sources};

const OPENAI_LB: &str = include_str!("../../policies/openai-lb.xml");
const TUTORIAL: &str = include_str!("../../policies/tutorial-as-written.xml");
const MULTI_TEAM: &str = include_str!("../../policies/multi-team.xml");
const PTU: &str = include_str!("../../policies/ptu-priority.xml");
const STRIP: &str = include_str!("../../policies/fragments/strip-client-keys.xml");
const DEPLOYMENT: &str = include_str!("../../policies/fragments/deployment-id.xml");

/// Resources and policies that live as long as a test.
struct World {
    resources: Vec<(ResourceId, Value)>,
    policies: Vec<(ResourceId, Document)>,
}

fn service() -> ResourceId {
    ResourceId::resource_group("s", "g").provider("Microsoft.ApiManagement/service", "apim")
}

fn member(breaker: bool) -> Value {
    let mut properties = json!({"url": "https://x.openai.azure.com/openai", "protocol": "http", "credentials": {"managedIdentity": {"resource": "https://cognitiveservices.azure.com"}}});
    if breaker {
        properties["circuitBreaker"] = json!({"rules": [{"name": "r"}]});
    }
    json!({ "properties": properties })
}

impl World {
    /// The root API, its SDK twin, a pool of two, and monitoring, all as they should be.
    fn new(policy: &str) -> Self {
        let service = service();
        let mut world = Self { resources: Vec::new(), policies: Vec::new() };
        world.put(service.child("backends", "a"), member(true));
        world.put(service.child("backends", "b"), member(true));
        world.put(
            service.child("backends", "OpenAI-LB"),
            json!({"properties": {"type": "Pool", "pool": {"services": [{"id": "/backends/a"}, {"id": "/backends/b"}]}}}),
        );
        for (name, path, header) in [("api", "", "Ocp-Apim-Subscription-Key"), ("api-sdk", "openai", "api-key")] {
            let id = service.child("apis", name);
            let names = json!({"header": header, "query": "subscription-key", "bearer": "enabled"});
            world.put(id.clone(), json!({"properties": {"path": path, "subscriptionKeyParameterNames": names}}));
            world.put(
                id.child("operations", "chat"),
                json!({"properties": {"method": "POST", "urlTemplate": "/deployments/{deployment-id}/chat/completions"}}),
            );
            world.policy(id.child("policies", "policy"), policy);
        }
        let component = ResourceId::resource_group("s", "g").provider("Microsoft.Insights/components", "ai");
        world.put(component, json!({"properties": {"CustomMetricsOptedInType": "WithDimensions"}}));
        world.put(service.child("diagnostics", "applicationinsights"), json!({"properties": {"metrics": true}}));
        world
    }

    fn put(&mut self, id: ResourceId, body: Value) {
        self.resources.retain(|(other, _)| *other != id);
        self.resources.push((id, body));
    }

    fn policy(&mut self, id: ResourceId, text: &str) {
        let source = SourceText::whole(Sources::default().add("p.xml", text), Arc::from(text));
        let document = Document::parse(&source, Format::RawXml).unwrap_or_else(|finding| panic!("{finding:?}"));
        self.policies.retain(|(other, _)| *other != id);
        self.policies.push((id, document));
    }

    fn view(&self, closed: bool) -> Resources<'_> {
        Resources::new(
            self.resources.iter().map(|(id, body)| Resource { id, body, span: None }),
            self.policies.iter().map(|(id, document)| PolicyDocument { id, document }),
            closed,
        )
    }

    fn codes(&self) -> Vec<&'static str> {
        let mut codes: Vec<&str> = check(&self.view(true)).iter().map(|finding| finding.code.id).collect();
        codes.sort_unstable();
        codes.dedup();
        codes
    }
}

#[test]
fn a_sound_gateway_has_no_findings() {
    let world = World::new(OPENAI_LB);
    assert_eq!(check(&world.view(true)), []);
    assert_eq!(check_policies(&world.view(true), Some(policy::Gateway::Classic)), []);
}

#[test]
fn fragments_and_priorities_are_understood() {
    for (policy, pool) in [(MULTI_TEAM, "OpenAI-LB"), (PTU, "OpenAI-PTU")] {
        let mut world = World::new(policy);
        world.put(service().child("backends", "p"), member(true));
        if pool == "OpenAI-PTU" {
            let services =
                json!([{"id": "/backends/p", "priority": 1}, {"id": "/backends/a", "priority": 2}, {"id": "/backends/b", "priority": 2}]);
            world.put(service().child("backends", pool), json!({"properties": {"type": "Pool", "pool": {"services": services}}}));
            let services = json!([{"id": "/backends/a", "weight": 67}, {"id": "/backends/b", "weight": 33}]);
            world.put(service().child("backends", "OpenAI-LB"), json!({"properties": {"type": "Pool", "pool": {"services": services}}}));
        }
        world.policy(service().child("policyFragments", "strip-client-keys"), STRIP);
        world.policy(service().child("policyFragments", "deployment-id"), DEPLOYMENT);
        assert_eq!(check(&world.view(true)), []);
        assert_eq!(check_policies(&world.view(true), Some(policy::Gateway::V2)), []);
    }
}

#[test]
fn the_tutorial_as_written_shows_what_only_the_whole_shows() {
    let mut world = World::new(TUTORIAL);
    let service = service();
    world.resources.retain(|(id, _)| !id.as_str().contains("api-sdk"));
    world.policies.retain(|(id, _)| !id.as_str().contains("api-sdk"));
    world.put(service.child("backends", "a"), member(false));
    world.put(service.child("backends", "b"), member(false));
    let pool = json!({"properties": {"type": "Pool", "pool": {"services": [{"id": "/backends/a", "priority": 1}, {"id": "/backends/b", "priority": 2}]}}});
    world.put(service.child("backends", "OpenAI-LB"), pool);
    let component = ResourceId::resource_group("s", "g").provider("Microsoft.Insights/components", "ai");
    world.put(component, json!({"properties": {}}));
    // Idle members, no breaker, four attempts on two, dropped dimensions, no SDK path, leaking key.
    assert_eq!(world.codes(), ["POL200", "POL201", "POL202", "POL204", "POL206", "POL211"]);
}

#[test]
fn a_pool_with_breakers_needs_a_retry() {
    let mut world = World::new(OPENAI_LB);
    let start = OPENAI_LB.find("<retry").unwrap();
    let end = OPENAI_LB.find("</retry>").unwrap() + "</retry>".len();
    let without = format!("{}<forward-request buffer-response=\"false\" />{}", &OPENAI_LB[..start], &OPENAI_LB[end..]);
    world.policy(service().child("apis", "api").child("policies", "policy"), &without);
    assert_eq!(world.codes(), ["POL203"]);
}

#[test]
fn holes_are_reported() {
    let service = service();
    let mut world = World::new(OPENAI_LB);
    world.put(service.child("products", "open"), json!({"properties": {"subscriptionRequired": false}}));
    world.put(
        service.child("products", "open").child("apiLinks", "l"),
        json!({"properties": {"apiId": service.child("apis", "api").as_str()}}),
    );
    world.put(service.child("subscriptions", "all"), json!({"properties": {"scope": format!("{service}/apis")}}));
    world.put(service.child("subscriptions", "one"), json!({"properties": {"scope": format!("{service}/apis/api")}}));
    world.put(service.child("apis", "free"), json!({"properties": {"path": "free", "subscriptionRequired": false}}));
    assert_eq!(world.codes(), ["POL207", "POL208", "POL209"]);
}

#[test]
fn dangling_names_are_errors_when_nothing_else_exists() {
    let mut world = World::new(&OPENAI_LB.replace("backend-id=\"OpenAI-LB\"", "backend-id=\"OpenAI-LV\"").replace(
        "<base />\n    </outbound>",
        "<base />\n        <set-header name=\"x\"><value>{{region}}</value></set-header>\n    </outbound>",
    ));
    let find = |world: &World, closed: bool| {
        check(&world.view(closed)).into_iter().filter(|finding| finding.code == codes::DANGLING).collect::<Vec<_>>()
    };
    let findings = find(&world, true);
    assert_eq!(findings.len(), 2, "once each, though two APIs have the document: {findings:?}");
    assert!(findings.iter().all(|finding| finding.is_error() && finding.span.is_some()));
    assert!(findings.iter().any(|finding| finding.help.as_deref() == Some("did you mean `OpenAI-LB`?")));
    assert!(find(&world, false).iter().all(|finding| !finding.is_error()));
    world.put(service().child("namedValues", "nv"), json!({"properties": {"displayName": "region"}}));
    assert_eq!(find(&world, true).len(), 1, "a named value is meant by its display name");
}

#[test]
fn keys_and_streams_follow_the_documents_around() {
    let service = service();
    let bare = "<policies><inbound><base /><set-backend-service backend-id=\"OpenAI-LB\" /></inbound></policies>";
    let mut world = World::new(bare);
    assert_eq!(world.codes(), ["POL203", "POL211", "POL212"]);
    let message = check(&world.view(true)).into_iter().find(|finding| finding.code == codes::KEY_FORWARDED).unwrap().message;
    assert!(
        message.contains("`Ocp-Apim-Subscription-Key`") && message.contains("`subscription-key`") && !message.contains("Authorization"),
        "{message}"
    );
    let global = format!(
        "<policies><inbound>{}</inbound><backend><retry condition=\"@(context.Response == null)\" count=\"1\" interval=\"0\"><forward-request buffer-request-body=\"true\" buffer-response=\"false\" /></retry></backend></policies>",
        STRIP.split_once("<fragment>").unwrap().1.replace("</fragment>", "")
    );
    world.policy(service.child("policies", "policy"), &global);
    assert_eq!(world.codes(), Vec::<&str>::new());
}

#[test]
fn scopes_follow_from_ids() {
    let service = service();
    for (id, scope) in [
        (service.child("policies", "policy"), Some(Scope::Global)),
        (service.child("products", "p").child("policies", "policy"), Some(Scope::Product)),
        (service.child("apis", "a").child("policies", "policy"), Some(Scope::Api)),
        (service.child("apis", "a").child("operations", "o").child("policies", "policy"), Some(Scope::Operation)),
        (service.child("workspaces", "w").child("policies", "policy"), Some(Scope::Workspace)),
        (service.child("policyFragments", "f"), None),
        (service, None),
    ] {
        assert_eq!(scope_of(&id), scope, "{id}");
    }
}

#[test]
fn variables_of_wider_scopes_count_for_the_narrower() {
    let mut world = World::new(OPENAI_LB);
    let service = service();
    let reads = "<policies><inbound><base /><trace source=\"s\"><message>@((string)context.Variables[\"team\"])</message></trace></inbound></policies>";
    let operation = service.child("apis", "api").child("operations", "chat");
    world.policy(operation.child("policies", "policy"), reads);
    let codes = |world: &World| check_policies(&world.view(true), None).iter().map(|finding| finding.code.id).collect::<Vec<_>>();
    assert_eq!(codes(&world), ["POL107"]);
    world.policy(
        service.child("policies", "policy"),
        "<policies><inbound><set-variable name=\"team\" value=\"a\" /></inbound><backend><forward-request /></backend></policies>",
    );
    assert_eq!(codes(&world), Vec::<&str>::new());
}

#[test]
fn no_code_has_two_meanings() {
    let mut ids: Vec<&str> = codes::ALL.iter().chain(policy::codes::ALL).map(|code| code.id).collect();
    ids.sort_unstable();
    let count = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

#[test]
fn a_breaker_needs_another_way() {
    let document = |choices: &str| {
        format!("<policies><inbound><base />{choices}<set-header name=\"api-key\" exists-action=\"delete\" /></inbound></policies>")
    };
    let codes = |choices: &str| {
        let mut world = World::new(&document(choices));
        world.put(service().child("backends", "alone"), member(true));
        world.codes()
    };
    let alone = "<set-backend-service backend-id=\"alone\" />";
    assert!(codes(alone).contains(&"POL213"));
    assert!(!codes(&format!("{alone}<retry><set-backend-service backend-id=\"a\" /></retry>")).contains(&"POL213"));
    assert!(!codes(&format!("{alone}<set-backend-service backend-id=\"@(context.Api.Id)\" />")).contains(&"POL213"));
    assert!(!codes("<set-backend-service backend-id=\"OpenAI-LB\" />").contains(&"POL213"), "its members have each other");
    let mut world = World::new(&document(alone));
    world.put(service().child("backends", "alone"), member(false));
    assert!(!world.codes().contains(&"POL213"));
}

#[test]
fn limits_by_subscription_need_a_key() {
    let limited = "<policies><inbound><base /><rate-limit calls=\"1\" renewal-period=\"60\" /></inbound></policies>";
    let mut world = World::new(limited);
    assert!(!world.codes().contains(&"POL214"));
    world.put(service().child("apis", "api"), json!({"properties": {"path": "", "subscriptionRequired": false}}));
    assert!(world.codes().contains(&"POL214"));
}

#[test]
fn a_rewrite_template_knows_the_operations_parameters_only() {
    let operation = service().child("apis", "api").child("operations", "chat");
    let findings = |template: &str| {
        let mut world = World::new(OPENAI_LB);
        let document = format!("<policies><inbound><base /><rewrite-uri template=\"{template}\" /></inbound></policies>");
        world.policy(operation.child("policies", "policy"), &document);
        check(&world.view(true)).into_iter().filter(|finding| finding.code == codes::UNKNOWN_PARAMETER).collect::<Vec<_>>()
    };
    assert_eq!(findings("/v1/{deployment-id}?x={deployment-id}"), []);
    assert_eq!(findings("/v1/{{prefix}}/{x}"), []);
    let found = findings("/v1/{deployment_id}");
    assert!(found.len() == 1 && found[0].is_error(), "{found:?}");
    assert_eq!(found[0].help.as_deref(), Some("did you mean `{deployment-id}`?"));
}
