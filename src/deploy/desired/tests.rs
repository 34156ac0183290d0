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
    let mut loaded = Loaded::default();
    loaded.spec.replace(serde_json::from_value(spec).unwrap());
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

#[test]
fn user_assigned_identities_are_named_where_they_are_used() {
    const IDENTITY: &str = "/subscriptions/sub/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/gateway";
    let mut spec = tutorial();
    spec["service"]["identity"] = json!({ "type": "UserAssigned", "userAssignedIdentities": [IDENTITY] });
    spec["monitoring"]["applicationInsights"]["authentication"] = json!("managedIdentity");
    spec["namedValues"] = json!({ "vaulted": { "keyVault": { "secretIdentifier": "https://kv.vault.azure.net/secrets/x" } } });
    let (desired, findings) = compiled(spec, &[]);
    assert_eq!(findings, []);
    let answer = json!({ "identity": { "userAssignedIdentities": { IDENTITY.to_uppercase(): { "clientId": "client", "principalId": "principal" } } } });
    let fill = |tail: &str| find(&desired, tail).fill(|reference| reference.find(&answer)).value;
    assert_eq!(fill("").pointer("/identity"), Some(&json!({ "type": "UserAssigned", "userAssignedIdentities": { IDENTITY: {} } })));
    assert_eq!(fill("/backends/primary").pointer("/properties/credentials/managedIdentity/clientId"), Some(&json!("client")));
    assert_eq!(fill("/loggers/appinsights-apim-openai").pointer("/properties/credentials/identityClientId"), Some(&json!("client")));
    assert_eq!(
        fill("/namedValues/vaulted").pointer("/properties"),
        Some(&json!({ "secret": true, "displayName": "vaulted",
            "keyVault": { "secretIdentifier": "https://kv.vault.azure.net/secrets/x", "identityClientId": "client" } }))
    );
    let roles: Vec<&DesiredResource> = desired.resources.iter().filter(|resource| resource.id.known().is_none()).collect();
    assert_eq!(roles.len(), 3);
    for role in roles {
        assert_eq!(role.fill(|reference| reference.find(&answer)).value.pointer("/properties/principalId"), Some(&json!("principal")));
        assert!(role.depends_on.iter().any(|id| id.as_str() == SERVICE));
        assert!(role.id.resolve(|reference| reference.find(&answer)).is_ok());
    }
}

#[test]
fn role_assignments_may_be_somebody_elses() {
    let count = |mode: &str, management: Management| {
        let mut spec = tutorial();
        spec["roleAssignments"] = json!(mode);
        let (desired, _) = compiled(spec, &[]);
        desired.resources.iter().filter(|resource| resource.id.known().is_none() && resource.management == management).count()
    };
    assert_eq!(count("manage", Management::Full), 2);
    assert_eq!(count("verify", Management::ReadOnly), 2);
    assert_eq!(count("skip", Management::Full) + count("skip", Management::ReadOnly), 0);
}

#[test]
fn a_role_definition_is_named_in_the_subscription_of_its_scope() {
    let desired = tutorial_resources();
    let definitions: Vec<&str> =
        desired.resources.iter().filter_map(|resource| resource.body.value.pointer("/properties/roleDefinitionId")?.as_str()).collect();
    let role = "providers/Microsoft.Authorization/roleDefinitions/5e0bd9bd-7b93-4f28-af87-19fc36ad61bd";
    assert_eq!(definitions, [format!("/subscriptions/sub/{role}"), format!("/subscriptions/other/{role}")]);
}

#[test]
fn own_keys_need_no_token_and_no_role() {
    let mut spec = tutorial();
    for backend in ["primary", "secondary"] {
        spec["backends"][backend]["credentials"] = json!({ "header": { "api-key": ["{{openai-key}}"] } });
    }
    spec["namedValues"] = json!({ "key-of-openai": { "displayName": "openai-key", "value": "canary", "secret": true } });
    let (desired, findings) = compiled(spec, &[]);
    assert_eq!(findings, []);
    assert!(desired.resources.iter().all(|resource| resource.id.known().is_some()));
    let backend = find(&desired, "/backends/primary");
    assert_eq!(backend.body.value.pointer("/properties/credentials"), Some(&json!({ "header": { "api-key": ["{{openai-key}}"] } })));
    assert_eq!(backend.body.secrets, ["/properties/credentials/header/api-key/0"]);
    assert!(backend.depends_on.iter().any(|id| id.name() == "key-of-openai"));
    assert!(!format!("{desired:?}").contains("canary"));
}

#[test]
fn what_exists_is_only_read_and_what_is_ours_is_marked() {
    let mut spec = tutorial();
    spec["service"] = json!({ "name": "apim-doveia-openai", "existing": true });
    spec["monitoring"]["logAnalytics"] = json!({ "name": "shared", "existing": true, "resourceGroup": "rg-shared" });
    spec["tags"] = json!({ "team": "ai" });
    let (desired, findings) = compiled(spec, &[]);
    assert_eq!(findings, []);
    let service = find(&desired, "");
    assert_eq!(service.management, Management::ReadOnly);
    assert_eq!(service.body.value.pointer("/properties"), Some(&json!({})));
    let component = desired.resources.iter().find(|resource| resource.resource_type() == "Microsoft.Insights/components").unwrap();
    assert_eq!(component.body.value.pointer("/tags"), Some(&json!({ "team": "ai", "apimctl-owner": "doveia-openai" })));
    assert_eq!(
        component.body.value.pointer("/properties/WorkspaceResourceId"),
        Some(&json!("/subscriptions/sub/resourceGroups/rg-shared/providers/Microsoft.OperationalInsights/workspaces/shared"))
    );
    // Nothing waits for what is only read.
    assert_eq!(component.depends_on, []);
}

#[test]
fn properties_are_merged_last_and_may_fill_a_hole() {
    let mut spec = tutorial();
    spec["backends"]["primary"]["properties"] = json!({ "url": "https://elsewhere", "title": "T", "circuitBreaker": null });
    let (desired, _) = compiled(spec, &[]);
    let backend = find(&desired, "/backends/primary");
    assert_eq!(backend.body.holes, []);
    assert_eq!(backend.body.value.pointer("/properties/url"), Some(&json!("https://elsewhere")));
    assert_eq!(backend.body.value.pointer("/properties/circuitBreaker"), None);
}

#[test]
fn a_loopback_front_checks_the_key_at_the_gateway_itself() {
    let mut spec = tutorial();
    spec["apis"]["azure-openai-service-api"]["bearer"] = json!("loopback");
    let (desired, findings) = compiled(spec, &[("/apis/azure-openai-service-api/policy", POLICY)]);
    assert_eq!(findings, []);
    let front = find(&desired, "/apis/azure-openai-service-api-bearer");
    let at = |pointer: &str| front.body.value.pointer(pointer).cloned();
    assert_eq!(at("/properties/path"), Some(json!("bearer")));
    assert_eq!(at("/properties/serviceUrl"), Some(json!("https://apim-doveia-openai.azure-api.net")));
    assert_eq!(at("/properties/subscriptionRequired"), Some(json!(false)));
    assert_eq!(
        find(&desired, "/apis/azure-openai-service-api").body.value.pointer("/properties/subscriptionKeyParameterNames/bearer"),
        None
    );
    let v1 = find(&desired, "/apis/azure-openai-service-api-bearer/operations/chat_v1_openai");
    assert_eq!(v1.body.value.pointer("/properties/urlTemplate"), Some(&json!("/openai/v1/chat/completions")));
    let text =
        find(&desired, "/apis/azure-openai-service-api-bearer/policies/policy").body.value.pointer("/properties/value").cloned().unwrap();
    let mut sources = crate::support::source::Sources::default();
    let source = SourceText::whole(sources.add("x", text.as_str().unwrap()), text.as_str().unwrap().into());
    assert!(crate::policy::Document::parse(&source, crate::policy::Format::RawXml).is_ok());
    // The front is in no product: it opens nothing by itself.
    assert!(
        !desired
            .resources
            .iter()
            .any(|resource| resource.id.to_string().ends_with("/products/azure-openai-service-api/apis/azure-openai-service-api-bearer"))
    );
}

#[test]
fn templates_parameters_are_completed() {
    let given = [json!({ "name": "deployment-id", "type": "string", "required": true, "description": "Deployment" })];
    let all = super::apis::complete_parameters("/deployments/{deployment-id}/x/{*rest}", &given);
    assert_eq!(all, [given[0].clone(), json!({ "name": "rest", "type": "string", "required": true })]);
}

#[test]
fn imports_are_recognised_by_their_text() {
    let mut spec = tutorial();
    spec["apis"] = json!({ "imported": { "path": "i", "import": { "file": "x" } } });
    spec["subscriptions"] = json!({});
    for (text, format) in
        [("openapi: 3.0.1", "openapi"), ("\u{feff}{\"openapi\":\"3.0.1\"}", "openapi+json"), ("{\"swagger\":\"2.0\"}", "swagger-json")]
    {
        let mut loaded = loaded(spec.clone(), &[]);
        loaded.imports.insert("/apis/imported/import".to_owned(), text.to_owned());
        let (desired, _) = compile(&loaded, &context());
        assert_eq!(find(&desired, "/apis/imported").body.value, json!({ "properties": { "path": "i", "value": text, "format": format } }));
    }
}

#[test]
fn groups_users_products_and_links() {
    let mut spec = tutorial();
    spec["users"] = json!({ "anna": { "email": "a@b.c", "firstName": "Anna", "lastName": "B" } });
    spec["groups"] = json!({ "team": { "users": ["anna"] }, "developers": { "users": ["anna"] } });
    spec["products"] = json!({ "p": { "apis": ["azure-openai-service-api"], "groups": ["team", "administrators"], "policy": "p.xml" } });
    spec["subscriptions"] = json!({ "s": { "scope": "product/p", "owner": "anna", "primaryKey": "canary" }, "all": { "scope": "all" } });
    let (desired, findings) = compiled(spec, &[("/products/p/policy", POLICY)]);
    assert_eq!(findings, []);
    let links: Vec<String> = desired
        .resources
        .iter()
        .filter(|resource| resource.management == Management::Link)
        .map(|resource| resource.id.to_string().replace(SERVICE, ""))
        .collect();
    assert_eq!(
        links,
        [
            "/products/azure-openai-service-api/apis/azure-openai-service-api",
            "/products/azure-openai-service-api/apis/azure-openai-service-api-sdk",
            "/groups/team/users/anna",
            "/groups/developers/users/anna",
            "/products/p/apis/azure-openai-service-api",
            "/products/p/apis/azure-openai-service-api-sdk",
            "/products/p/groups/team",
        ]
    );
    assert!(!desired.resources.iter().any(|resource| resource.id.to_string().ends_with("/groups/developers")));
    let subscription = find(&desired, "/subscriptions/s");
    assert_eq!(subscription.body.secrets, ["/properties/primaryKey"]);
    let waits: Vec<&str> = subscription.depends_on.iter().map(ResourceId::name).collect();
    assert_eq!(waits, ["p", "anna"]);
    assert_eq!(find(&desired, "/subscriptions/all").body.value.pointer("/properties/scope"), Some(&json!(format!("{SERVICE}/apis"))));
    assert_eq!(find(&desired, "/products/p/policies/policy").depends_on.len(), 1);
}

#[test]
fn any_other_type_goes_through() {
    let mut spec = tutorial();
    spec["resources"] = json!([
        { "type": "Microsoft.ApiManagement/service/caches", "name": "default", "apiVersion": "2024-05-01", "dependsOn": ["backends/primary"],
          "properties": { "connectionString": "canary", "useFromLocation": "default" } },
        { "type": "Microsoft.ApiManagement/service/apis/schemas", "name": "azure-openai-service-api/s", "apiVersion": "2024-05-01" },
        { "type": "Microsoft.Authorization/locks", "name": "keep", "apiVersion": "2020-05-01", "scope": SERVICE, "properties": { "level": "CanNotDelete" } },
        { "type": "Microsoft.Network/publicIPAddresses", "name": "ip", "apiVersion": "2024-05-01", "location": "eastus", "sku": { "name": "Standard" } }
    ]);
    let (desired, findings) = compiled(spec, &[]);
    assert_eq!(findings, []);
    let cache = find(&desired, "/caches/default");
    assert_eq!(cache.body.secrets, ["/properties/connectionString"]);
    assert!(!format!("{cache:?}").contains("canary"));
    assert_eq!(cache.depends_on.len(), 1);
    find(&desired, "/apis/azure-openai-service-api/schemas/s");
    find(&desired, "/providers/Microsoft.Authorization/locks/keep");
    let address = desired.resources.iter().find(|resource| resource.resource_type() == "Microsoft.Network/publicIPAddresses").unwrap();
    assert_eq!(address.body.value.pointer("/tags"), Some(&json!({ "apimctl-owner": "doveia-openai" })));
}

#[test]
fn what_stands_twice_or_goes_in_circles_is_reported() {
    let mut spec = tutorial();
    spec["resources"] = json!([{ "type": "Microsoft.ApiManagement/service/backends", "name": "PRIMARY", "apiVersion": "2024-05-01" }]);
    spec["policyFragments"] = json!({ "a": { "policy": "a" }, "b": { "policy": "b" } });
    let include = |name: &str| format!("<fragment><include-fragment fragment-id=\"{name}\" /></fragment>");
    let (desired, findings) = compiled(spec, &[("/policyFragments/a/policy", &include("b")), ("/policyFragments/b/policy", &include("a"))]);
    let ids: Vec<&str> = findings.iter().map(|finding| finding.code.id).collect();
    assert_eq!(ids, [codes::SAME_RESOURCE.id, codes::CIRCLE.id], "{findings:?}");
    assert!(findings[1].message.contains("policy fragment `a` → policy fragment `b`"), "{}", findings[1].message);
    assert_eq!(
        desired.resources.iter().filter(|resource| resource.id.to_string().to_lowercase().ends_with("/backends/primary")).count(),
        1
    );
}

#[test]
fn alerts_tell_their_action_groups() {
    let mut spec = tutorial();
    spec["actionGroups"] = json!({ "ops": { "groupShortName": "ops", "emailReceivers": [{ "name": "mail", "emailAddress": "a@b.c" }] } });
    spec["metricAlerts"] = json!({ "failed": { "metricName": "Requests", "timeAggregation": "Total", "operator": "GreaterThan", "threshold": 5.0, "actionGroups": ["ops"] } });
    spec["logAlerts"] = json!({ "throttled": { "query": "ApiManagementGatewayLogs | where ResponseCode == 429", "operator": "GreaterThan", "threshold": 0.5, "actionGroups": ["ops"] } });
    let (desired, findings) = compiled(spec, &[]);
    assert_eq!(findings, []);
    let of = |kind: &str| desired.resources.iter().find(|resource| resource.resource_type() == kind).unwrap();
    let metric = of("Microsoft.Insights/metricAlerts");
    assert_eq!(metric.body.value.pointer("/properties/criteria/allOf/0/threshold"), Some(&json!(5)));
    assert_eq!(metric.body.value.pointer("/properties/scopes/0"), Some(&json!(SERVICE)));
    assert_eq!(metric.depends_on.len(), 2);
    let log = of("Microsoft.Insights/scheduledQueryRules");
    assert!(log.body.value.pointer("/properties/scopes/0").unwrap().as_str().unwrap().ends_with("/workspaces/log-apim-openai"));
    assert_eq!(log.body.value.pointer("/properties/criteria/allOf/0/threshold"), Some(&json!(0.5)));
}
