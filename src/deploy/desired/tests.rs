use serde_json::json;

use super::*;
use crate::deploy::resource::Filled;
use crate::spec::load::PolicyText;
use crate::spec::model::PolicyFormat;
use crate::support::source::SourceText;

const SERVICE: &str = "/subscriptions/sub/resourceGroups/rg-apim-loadbalancer/providers/Microsoft.ApiManagement/service/apim-doveia-openai";

fn context() -> Context {
    Context {
        subscription_id: "sub".to_owned(),
        tenant_id: "tenant".to_owned(),
        gateway_suffix: "azure-api.net".to_owned(),
        cognitive_services_audience: "https://cognitiveservices.azure.com".to_owned(),
    }
}

/// The tutorial's specification, as the reader types it.
fn tutorial() -> serde_json::Value {
    json!({
        "apiVersion": "apimctl/v1",
        "name": "doveia-openai",
        "resourceGroup": { "name": "rg-apim-loadbalancer", "location": "eastus" },
        "service": { "name": "apim-doveia-openai", "sku": "Developer", "publisherName": "Doveia", "publisherEmail": "admin@doveia.com",
            "identity": "SystemAssigned" },
        "monitoring": {
            "logAnalytics": { "name": "log-apim-openai" },
            "applicationInsights": { "name": "appinsights-apim-openai", "samplingPercentage": 100, "alwaysLog": "allErrors", "metrics": true }
        },
        "openAI": {
            "france": { "account": "doveia-frc", "resourceGroup": "rg-france", "location": "francecentral", "deployments": ["gpt-4o-mini"] },
            "sweden": { "account": "doveia-sec", "resourceGroup": "rg-sweden", "subscriptionId": "other", "deployments": ["gpt-4o-mini"] }
        },
        "backends": {
            "primary": { "description": "Primary", "openAI": "france", "circuitBreaker": "default" },
            "secondary": { "openAI": "sweden", "circuitBreaker": "default" },
            "OpenAI-LB": { "pool": { "services": [{ "id": "primary" }, { "id": "secondary", "weight": 3, "priority": 1 }] } }
        },
        "apis": {
            "azure-openai-service-api": {
                "displayName": "Azure OpenAI Service API",
                "path": "",
                "protocols": ["https"],
                "clients": ["subscription-key", "bearer", "azure-openai-sdk"],
                "operations": { "chat": {
                    "displayName": "Chat", "method": "POST", "urlTemplate": "/deployments/{deployment-id}/chat/completions",
                    "request": { "queryParameters": [{ "name": "api-version", "type": "string", "required": true, "values": ["2024-02-15-preview"] }] }
                } },
                "policy": "openai-lb.xml"
            }
        },
        "subscriptions": { "consumer": { "displayName": "Consumer", "scope": "api/azure-openai-service-api", "allowTracing": true } }
    })
}

fn loaded(spec: serde_json::Value, policies: &[(&str, &str)]) -> Loaded {
    let mut loaded = Loaded { spec: Some(serde_json::from_value(spec).unwrap()), ..Loaded::default() };
    for (pointer, text) in policies {
        let source = loaded.sources.add(*pointer, *text);
        let text = PolicyText { text: SourceText::whole(source, (*text).into()), format: PolicyFormat::RawXml };
        loaded.policies.insert((*pointer).to_owned(), text);
    }
    loaded
}

const POLICY: &str = r#"<policies><inbound><base /><set-backend-service backend-id="OpenAI-LB" /></inbound></policies>"#;

fn compiled(spec: serde_json::Value, policies: &[(&str, &str)]) -> (Desired, Vec<Finding>) {
    let (desired, mut findings) = compile(&loaded(spec, policies), &context());
    // Traps have tests of their own in `analysis`.
    findings.retain(|finding| finding.kind != Kind::Trap);
    (desired, findings)
}

fn tutorial_resources() -> Desired {
    let (desired, findings) = compiled(tutorial(), &[("/apis/azure-openai-service-api/policy", POLICY)]);
    assert_eq!(findings, []);
    desired
}

fn find<'a>(desired: &'a Desired, tail: &str) -> &'a DesiredResource {
    let found = |resource: &&DesiredResource| resource.id.known().is_some_and(|id| id.as_str() == format!("{SERVICE}{tail}"));
    desired.resources.iter().find(found).unwrap_or_else(|| panic!("no {tail}"))
}

fn filled(resource: &DesiredResource) -> Filled {
    resource.fill(|reference| {
        Some(match reference.pointer.as_str() {
            "/properties/endpoint" => json!(format!("https://{}.openai.azure.com/", reference.id.name())),
            "/properties/ConnectionString" => json!("InstrumentationKey=canary"),
            "/identity/principalId" => json!("principal"),
            other => json!(format!("value of {other}")),
        })
    })
}

#[test]
fn the_tutorial_becomes_these_resources() {
    let desired = tutorial_resources();
    let ids: Vec<String> = desired.resources.iter().map(|resource| resource.id.to_string().replace(SERVICE, "")).collect();
    let group = "/subscriptions/sub/resourceGroups/rg-apim-loadbalancer";
    let expected = [
        group,
        "",
        &format!("{group}/providers/Microsoft.OperationalInsights/workspaces/log-apim-openai"),
        &format!("{group}/providers/Microsoft.Insights/components/appinsights-apim-openai"),
        "/namedValues/appinsights-apim-openai-connection-string",
        "/loggers/appinsights-apim-openai",
        "/backends/primary",
        "/backends/secondary",
        "/backends/OpenAI-LB",
        "/products/azure-openai-service-api",
        "/apis/azure-openai-service-api",
        "/apis/azure-openai-service-api/operations/chat",
        "/products/azure-openai-service-api/apis/azure-openai-service-api",
        "/apis/azure-openai-service-api/policies/policy",
        "/apis/azure-openai-service-api-sdk",
        "/apis/azure-openai-service-api-sdk/operations/chat",
        "/apis/azure-openai-service-api-sdk/operations/chat_v1",
        "/products/azure-openai-service-api/apis/azure-openai-service-api-sdk",
        "/apis/azure-openai-service-api-sdk/policies/policy",
        "/diagnostics/applicationinsights",
        "/subscriptions/consumer",
        "/subscriptions/sub/resourceGroups/rg-france/providers/Microsoft.CognitiveServices/accounts/doveia-frc/providers/Microsoft.Authorization/roleAssignments/(role 5e0bd9bd-7b93-4f28-af87-19fc36ad61bd)",
        "/subscriptions/other/resourceGroups/rg-sweden/providers/Microsoft.CognitiveServices/accounts/doveia-sec/providers/Microsoft.Authorization/roleAssignments/(role 5e0bd9bd-7b93-4f28-af87-19fc36ad61bd)",
    ];
    assert_eq!(ids, expected);
    assert_eq!(desired.accounts.len(), 2);
    for resource in &desired.resources {
        assert!(!resource.api_version.is_empty(), "{}", resource.id);
        assert!(resource.entry().is_some(), "{}", resource.id);
    }
}

#[test]
fn a_backend_takes_its_address_and_token_from_the_account() {
    let desired = tutorial_resources();
    let backend = find(&desired, "/backends/primary");
    assert_eq!(
        filled(backend).value,
        json!({ "properties": {
            "description": "Primary",
            "credentials": { "managedIdentity": { "resource": "https://cognitiveservices.azure.com" } },
            "circuitBreaker": { "rules": [{
                "name": "default",
                "failureCondition": {
                    "count": 1, "interval": "PT1M",
                    "statusCodeRanges": [{ "min": 429, "max": 429 }, { "min": 500, "max": 599 }],
                    "errorReasons": ["Server errors"],
                },
                "tripDuration": "PT1M",
                "acceptRetryAfter": true,
            }] },
            "type": "Single",
            "protocol": "http",
            "url": "https://doveia-frc.openai.azure.com/openai",
        } })
    );
    assert_eq!(backend.api_version, "2024-06-01-preview");
}

#[test]
fn a_pool_has_full_ids_and_neither_address_nor_protocol() {
    let desired = tutorial_resources();
    let pool = find(&desired, "/backends/OpenAI-LB");
    assert_eq!(
        pool.body.value,
        json!({ "properties": {
            "pool": { "services": [
                { "id": format!("{SERVICE}/backends/primary") },
                { "id": format!("{SERVICE}/backends/secondary"), "weight": 3, "priority": 1 },
            ] },
            "type": "Pool",
        } })
    );
    let members: Vec<&str> = pool.depends_on.iter().map(ResourceId::name).collect();
    assert_eq!(members, ["primary", "secondary"]);
}

#[test]
fn clients_make_a_product_a_twin_and_one_policy() {
    let desired = tutorial_resources();
    let names = |tail: &str| find(&desired, tail).body.value.pointer("/properties/subscriptionKeyParameterNames").unwrap().clone();
    assert_eq!(
        names("/apis/azure-openai-service-api"),
        json!({ "header": "Ocp-Apim-Subscription-Key", "query": "subscription-key", "bearer": "enabled" })
    );
    assert_eq!(
        names("/apis/azure-openai-service-api-sdk"),
        json!({ "header": "api-key", "query": "subscription-key", "bearer": "enabled" })
    );
    let twin = find(&desired, "/apis/azure-openai-service-api-sdk");
    assert_eq!(twin.body.value.pointer("/properties/path"), Some(&json!("openai")));
    assert_eq!(twin.body.value.pointer("/properties/subscriptionRequired"), Some(&json!(true)));
    let v1 = &find(&desired, "/apis/azure-openai-service-api-sdk/operations/chat_v1").body.value;
    assert_eq!(v1.pointer("/properties/urlTemplate"), Some(&json!("/v1/chat/completions")));
    assert_eq!(v1.pointer("/properties/templateParameters"), None);
    assert_eq!(v1.pointer("/properties/request/queryParameters"), Some(&json!([])));
    let product = &find(&desired, "/products/azure-openai-service-api").body.value;
    assert_eq!(product.pointer("/properties/state"), Some(&json!("published")));
    assert_eq!(product.pointer("/properties/approvalRequired"), Some(&json!(false)));
    let subscription = find(&desired, "/subscriptions/consumer");
    assert_eq!(
        subscription.body.value,
        json!({ "properties": {
            "scope": format!("{SERVICE}/products/azure-openai-service-api"), "displayName": "Consumer", "state": "active", "allowTracing": true,
        } })
    );
    for api in ["azure-openai-service-api", "azure-openai-service-api-sdk"] {
        let policy = find(&desired, &format!("/apis/{api}/policies/policy"));
        assert_eq!(policy.body.value, json!({ "properties": { "value": POLICY, "format": "rawxml" } }));
        assert_eq!(policy.depends_on, [find(&desired, "/backends/OpenAI-LB").id.known().unwrap().clone()]);
        assert_eq!(policy.pointer, "/apis/azure-openai-service-api/policy");
    }
}

#[test]
fn without_a_policy_clients_keys_are_kept_from_the_backend() {
    let mut spec = tutorial();
    spec["apis"]["azure-openai-service-api"].as_object_mut().unwrap().shift_remove("policy");
    let (desired, findings) = compiled(spec, &[]);
    assert_eq!(findings, []);
    let policy = &find(&desired, "/apis/azure-openai-service-api/policies/policy").body.value;
    let text = policy.pointer("/properties/value").unwrap().as_str().unwrap();
    for name in ["Ocp-Apim-Subscription-Key", "api-key", "Authorization", "subscription-key"] {
        assert!(text.contains(&format!("name=\"{name}\" exists-action=\"delete\"")), "{name}: {text}");
    }
    let mut sources = crate::support::source::Sources::default();
    let source = SourceText::whole(sources.add("x", text), text.into());
    assert!(crate::policy::Document::parse(&source, crate::policy::Format::RawXml).is_ok());
}

#[test]
fn the_loggers_key_stands_in_a_secret_named_value_of_ours() {
    let desired = tutorial_resources();
    let named_value = find(&desired, "/namedValues/appinsights-apim-openai-connection-string");
    assert_eq!(named_value.body.secrets, ["/properties/value"]);
    assert!(!format!("{:?}", filled(named_value)).contains("canary"));
    assert_eq!(filled(named_value).value.pointer("/properties/value"), Some(&json!("InstrumentationKey=canary")));
    let logger = find(&desired, "/loggers/appinsights-apim-openai");
    assert_eq!(
        logger.body.value.pointer("/properties/credentials"),
        Some(&json!({ "connectionString": "{{appinsights-apim-openai-connection-string}}" }))
    );
    let waits: Vec<&str> = logger.depends_on.iter().map(ResourceId::name).collect();
    assert_eq!(waits, ["appinsights-apim-openai", "appinsights-apim-openai-connection-string"]);
}
