use serde_json::json;

use super::*;
use crate::arm::ResourceId;
use crate::deploy::resource::{DesiredId, Template};

const SERVICE: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ApiManagement/service/apim";

fn resource(tail: &str, body: Value) -> DesiredResource {
    let id = if tail.contains("/resourceGroups/") { tail.to_owned() } else { format!("{SERVICE}{tail}") };
    DesiredResource {
        id: DesiredId::Known(ResourceId::parse(&id).unwrap()),
        api_version: "2024-05-01".to_owned(),
        body: Template::plain(body),
        management: Management::Full,
        depends_on: Vec::new(),
        span: None,
        pointer: String::new(),
    }
}

fn filled(resource: &DesiredResource) -> Filled {
    resource.fill(|_| None)
}

fn changes(tail: &str, desired: Value, live: Value) -> Vec<PropertyChange> {
    let resource = resource(tail, desired);
    compare(&resource, &filled(&resource), &live, &Secrets::new())
}

fn paths(tail: &str, desired: Value, live: Value) -> Vec<String> {
    changes(tail, desired, live).into_iter().map(|change| change.path).collect()
}

fn secrets(all: &[(&str, &str)]) -> Secrets {
    all.iter().map(|(pointer, value)| ((*pointer).to_owned(), Secret::new((*value).to_owned()))).collect()
}

fn service(management: Management, body: Value) -> DesiredResource {
    DesiredResource { management, ..resource("", body) }
}

/// What the service made of a PUT (recorded with azure-cli): the display name of the region, and much that was never sent.
fn live_service() -> Value {
    json!({
        "id": SERVICE, "name": "apim", "type": "Microsoft.ApiManagement/service", "etag": "AAAAAAC6BIA=",
        "location": "West US", "tags": {}, "zones": null,
        "sku": { "name": "Developer", "capacity": 1 },
        "identity": { "type": "SystemAssigned", "principalId": "p", "tenantId": "t" },
        "systemData": { "createdBy": "a@b.c" },
        "properties": {
            "publisherEmail": "publisher@contoso.com", "publisherName": "Contoso", "notificationSenderEmail": "apimgmt-noreply@mail.windowsazure.com",
            "provisioningState": "Succeeded", "targetProvisioningState": "", "createdAtUtc": "2025-05-12T16:37:12.2898855Z",
            "gatewayUrl": "https://apim.azure-api.net", "gatewayRegionalUrl": null,
            "hostnameConfigurations": [{ "type": "Proxy", "hostName": "apim.azure-api.net", "certificateSource": "BuiltIn", "defaultSslBinding": true }],
            "customProperties": { "Microsoft.WindowsAzure.ApiManagement.Gateway.Protocols.Server.Http2": "False" },
            "virtualNetworkType": "None", "virtualNetworkConfiguration": null, "disableGateway": false, "natGatewayState": "Disabled",
            "apiVersionConstraint": { "minApiVersion": null }, "publicNetworkAccess": "Enabled", "platformVersion": "mtv1",
        },
    })
}

fn wanted_service() -> Value {
    json!({
        "location": "westus", "sku": { "name": "Developer", "capacity": 1 }, "identity": { "type": "SystemAssigned" },
        "tags": { "apimctl-owner": "spec" },
        "properties": { "publisherEmail": "publisher@contoso.com", "publisherName": "Contoso" },
    })
}

#[test]
fn a_service_is_compared_by_what_is_declared() {
    let wanted = service(Management::PatchIfForeign, wanted_service());
    assert_eq!(compare(&wanted, &filled(&wanted), &live_service(), &Secrets::new()), []);
}

#[test]
fn a_foreign_service_keeps_its_networks_domains_tags_and_identities() {
    let mut live = live_service();
    live["sku"] = json!({ "name": "Premium", "capacity": 2 });
    live["tags"] = json!({ "costcenter": "7" });
    live["identity"] = json!({ "type": "SystemAssigned, UserAssigned", "principalId": "p", "userAssignedIdentities": { "/subscriptions/S/uai": { "clientId": "c" } } });
    live["properties"]["virtualNetworkType"] = json!("Internal");
    live["properties"]["virtualNetworkConfiguration"] = json!({ "subnetResourceId": "/subscriptions/s/subnet" });
    let wanted = service(Management::PatchIfForeign, wanted_service());
    let found = compare(&wanted, &filled(&wanted), &live, &Secrets::new());
    let paths: Vec<&str> = found.iter().map(|change| change.path.as_str()).collect();
    assert_eq!(paths, ["sku.name", "sku.capacity"]);
    assert!(found[0].caution.is_some() && found[0].replace.is_none(), "{found:?}");

    let mut own = wanted_service();
    own["tags"] = json!({ "team": "ai", "apimctl-owner": "spec" });
    own["identity"] = json!({ "type": "UserAssigned", "userAssignedIdentities": { "/subscriptions/s/mine": {} } });
    own["sku"] = live["sku"].clone();
    own["properties"]["publisherName"] = json!("Other");
    own["properties"]["customProperties"] = json!({ "X": "True" });
    own["properties"]["hostnameConfigurations"] =
        json!([{ "type": "Proxy", "hostName": "api.contoso.com", "keyVaultId": "https://kv/secrets/x" }]);
    let wanted = service(Management::PatchIfForeign, own);
    let filled = filled(&wanted);
    let found = compare(&wanted, &filled, &live, &Secrets::new());
    let update = update(&wanted, &filled, &live, &found);
    assert_eq!(update.verb, Verb::Patch);
    assert_eq!(
        update.body,
        json!({
            "identity": { "type": "SystemAssigned, UserAssigned",
                "userAssignedIdentities": { "/subscriptions/s/mine": {}, "/subscriptions/S/uai": {} } },
            "tags": { "costcenter": "7", "team": "ai" },
            "properties": {
                "publisherName": "Other",
                "customProperties": { "Microsoft.WindowsAzure.ApiManagement.Gateway.Protocols.Server.Http2": "False", "X": "True" },
                "hostnameConfigurations": [
                    { "type": "Proxy", "hostName": "api.contoso.com", "keyVaultId": "https://kv/secrets/x" },
                    { "type": "Proxy", "hostName": "apim.azure-api.net", "certificateSource": "BuiltIn", "defaultSslBinding": true },
                ],
            },
        })
    );
}

#[test]
fn some_changes_need_a_new_resource() {
    let reason = |change: &PropertyChange| change.replace.is_some();
    let mut wanted = wanted_service();
    wanted["location"] = json!("northeurope");
    wanted["sku"]["name"] = json!("Consumption");
    let wanted = service(Management::PatchIfForeign, wanted);
    let found = compare(&wanted, &filled(&wanted), &live_service(), &Secrets::new());
    assert_eq!(
        found.iter().map(|change| (change.path.as_str(), reason(change))).collect::<Vec<_>>(),
        [("location", true), ("sku.name", true)]
    );
}

fn backend(extra: Value) -> Value {
    let mut body = json!({ "properties": { "type": "Single", "url": "https://a", "protocol": "http" } });
    crate::deploy::bodies::merge(&mut body, json!({ "properties": extra }));
    body
}

#[test]
fn what_leaves_the_specification_is_a_change_and_what_the_service_adds_is_none() {
    let live = backend(json!({
        "title": null, "description": "old", "unknown": { "deep": [1] },
        "circuitBreaker": { "rules": [{ "name": "r", "tripDuration": "PT1M" }] },
        "credentials": { "header": {}, "query": null, "certificate": [], "authorization": null },
        "tls": { "validateCertificateChain": true, "validateCertificateName": true },
    }));
    assert_eq!(paths("/backends/b", backend(json!({})), live.clone()), ["properties.description", "properties.circuitBreaker"]);
    let off = backend(json!({ "description": "old", "tls": { "validateCertificateName": false },
        "circuitBreaker": { "rules": [{ "name": "r", "tripDuration": "PT60S", "acceptRetryAfter": false }] } }));
    assert_eq!(paths("/backends/b", off, live), ["properties.tls.validateCertificateName"]);
}

#[test]
fn elements_are_matched_by_key_and_shown_where_they_are_written() {
    let rule = |duration: &str, ranges: Value| {
        json!({ "circuitBreaker": { "rules": [{ "name": "default", "tripDuration": duration,
        "failureCondition": { "count": 1, "interval": "PT1M", "statusCodeRanges": ranges, "errorReasons": ["Server errors"] } }] } })
    };
    let ranges = json!([{ "min": 429, "max": 429 }, { "min": 500, "max": 599 }]);
    let turned = json!([{ "max": 599.0, "min": 500.0 }, { "max": 429, "min": 429 }]);
    assert_eq!(paths("/backends/b", backend(rule("PT1M", ranges.clone())), backend(rule("PT1M", turned.clone()))), Vec::<String>::new());
    let found = changes("/backends/b", backend(rule("PT2M", ranges)), backend(rule("PT1M", turned)));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].path, "properties.circuitBreaker.rules[0].tripDuration");
    assert_eq!((&found[0].before, &found[0].after), (&Shown::Value(json!("PT1M")), &Shown::Value(json!("PT2M"))));
}

#[test]
fn a_pools_members_may_be_written_in_any_way_and_order() {
    let pool = |services: Value| json!({ "properties": { "type": "Pool", "pool": { "services": services } } });
    let wanted = pool(json!([{ "id": format!("{SERVICE}/backends/A"), "weight": 1 }, { "id": format!("{SERVICE}/backends/b") }]));
    let mut live = pool(
        json!([{ "id": "/backends/B", "weight": null, "priority": null }, { "id": format!("{}/backends/a", SERVICE.to_uppercase()), "weight": 1.0 }]),
    );
    live["properties"]["url"] = Value::Null;
    live["properties"]["title"] = Value::Null;
    assert_eq!(paths("/backends/p", wanted.clone(), live.clone()), Vec::<String>::new());
    live["properties"]["pool"]["services"][1]["weight"] = json!(2);
    assert_eq!(paths("/backends/p", wanted.clone(), live.clone()), ["properties.pool.services[0].weight"]);
    live["properties"]["pool"]["services"].as_array_mut().unwrap().push(json!({ "id": "/backends/c" }));
    assert_eq!(paths("/backends/p", wanted, live), ["properties.pool.services[0].weight", "properties.pool.services[2]"]);
}

#[test]
fn recorded_answers_are_no_difference() {
    // Recorded with azure-cli and azure-powershell; the defaults are the service's.
    let none = Vec::<String>::new();
    let api = json!({ "properties": { "displayName": "a1", "path": "/api/a1", "protocols": ["https"] } });
    let live = json!({ "id": format!("{SERVICE}/apis/a1"), "properties": {
        "displayName": "a1", "apiRevision": "1", "description": null, "subscriptionRequired": true, "serviceUrl": null, "path": "api/a1",
        "protocols": ["https"], "authenticationSettings": { "oAuth2": null, "openid": null },
        "subscriptionKeyParameterNames": { "header": "Ocp-Apim-Subscription-Key", "query": "subscription-key" }, "isCurrent": true,
    } });
    assert_eq!(paths("/apis/a1", api, live), none);

    let operation = json!({ "properties": { "displayName": "d", "method": "GET", "urlTemplate": "/session/{id}",
        "templateParameters": [{ "name": "id", "type": "integer", "required": true }] } });
    let live = json!({ "properties": { "displayName": "d", "method": "GET", "urlTemplate": "/session/{id}",
        "templateParameters": [{ "name": "id", "type": "integer", "required": true, "values": [] }],
        "request": { "queryParameters": [], "headers": [], "representations": [] }, "responses": [], "policies": null } });
    assert_eq!(paths("/apis/a1/operations/o", operation, live), none);

    let product = json!({ "properties": { "displayName": "productname" } });
    let live = json!({ "properties": { "displayName": "productname", "description": null, "terms": null, "subscriptionRequired": true,
        "approvalRequired": false, "subscriptionsLimit": null, "state": "notPublished",
        "groups": [{ "id": format!("{SERVICE}/groups/administrators"), "name": "Administrators" }] } });
    assert_eq!(paths("/products/p", product, live), none);

    let diagnostic = json!({ "properties": { "alwaysLog": "allErrors", "loggerId": "/loggers/l1", "sampling": { "percentage": 100 },
        "frontend": { "request": { "headers": ["Content-Type"], "body": { "bytes": 100 } } } } });
    let live = json!({ "properties": { "alwaysLog": "allErrors", "httpCorrelationProtocol": "Legacy", "logClientIp": true,
        "loggerId": format!("{SERVICE}/loggers/l1"), "sampling": { "samplingType": "fixed", "percentage": 100.0 },
        "frontend": { "request": { "headers": ["Content-Type"], "body": { "bytes": 100 } }, "response": null }, "backend": null } });
    assert_eq!(paths("/diagnostics/applicationinsights", diagnostic, live), none);

    let subscription = json!({ "properties": { "scope": "/apis", "displayName": "foo-bar", "state": "active" } });
    let live = json!({ "properties": { "scope": format!("{SERVICE}/apis"), "displayName": "foo-bar", "state": "active",
        "createdDate": "2022-08-26T19:02:43.05Z", "startDate": null, "allowTracing": false, "ownerId": format!("{SERVICE}/users/1") } });
    assert_eq!(paths("/subscriptions/s", subscription, live), none);

    let setting = json!({ "properties": { "workspaceId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/w",
        "logAnalyticsDestinationType": "Dedicated", "logs": [{ "category": "GatewayLogs", "enabled": true }] } });
    let live = json!({ "properties": { "workspaceId": "/subscriptions/s/resourcegroups/g/providers/microsoft.operationalinsights/workspaces/w",
        "logAnalyticsDestinationType": null, "metrics": [{ "category": "AllMetrics", "enabled": false, "retentionPolicy": { "enabled": false, "days": 0 } }],
        "logs": [
            { "category": "WebSocketConnectionLogs", "categoryGroup": null, "enabled": false, "retentionPolicy": { "enabled": false, "days": 0 } },
            { "category": "GatewayLogs", "categoryGroup": null, "enabled": true, "retentionPolicy": { "enabled": false, "days": 0 } },
        ] } });
    assert_eq!(paths("/providers/Microsoft.Insights/diagnosticSettings/d", setting, live), none);
}

#[test]
fn policies_are_compared_by_meaning() {
    let policy = |format: &str, text: &str| json!({ "properties": { "format": format, "value": text } });
    let wanted = policy("rawxml", "<policies>\n  <inbound><set-variable name=\"a\" value=\"@(\"x\" + 1)\"/></inbound>\n</policies>");
    let live = policy(
        "rawxml",
        "<policies>\r\n\t<inbound>\r\n\t\t<set-variable name=\"a\" value=\"@(\"x\" + 1)\" />\r\n\t</inbound>\r\n</policies>",
    );
    assert_eq!(paths("/policies/policy", wanted.clone(), live), Vec::<String>::new());
    let encoded = policy("xml", "<policies><inbound><set-variable name=\"a\" value=\"@(&quot;x&quot; + 1)\" /></inbound></policies>");
    assert_eq!(paths("/policies/policy", wanted.clone(), encoded), Vec::<String>::new());
    let other = policy("rawxml", "<policies><inbound><set-variable name=\"a\" value=\"@(\"y\" + 1)\" /></inbound></policies>");
    let found = changes("/policies/policy", wanted, other);
    assert!(matches!(found.as_slice(), [PropertyChange { before: Shown::Policy(_), after: Shown::Policy(_), .. }]), "{found:?}");
}

#[test]
fn secrets_are_compared_and_never_shown() {
    let named_value =
        |value: &str| resource("/namedValues/n", json!({ "properties": { "displayName": "n", "secret": true, "value": value } }));
    let live = json!({ "properties": { "displayName": "n", "secret": true } });
    let wanted = named_value("canary");
    let told = |value: &str| secrets(&[("/properties/value", value)]);
    assert_eq!(compare(&wanted, &filled(&wanted), &live, &told("canary")), []);
    let found = compare(&wanted, &filled(&wanted), &live, &told("older"));
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0].before, &found[0].after), (&Shown::Secret, &Shown::Secret));
    assert!(!format!("{found:?}{}", serde_json::to_string(&found).unwrap()).contains("canary"));
    assert_eq!(compare(&wanted, &filled(&wanted), &live, &Secrets::new()), []);
    assert_eq!(unreadable(&wanted, &filled(&wanted), &live, &Secrets::new()), ["/properties/value"]);

    let plain = changes(
        "/namedValues/n",
        json!({ "properties": { "displayName": "n", "secret": false, "value": "new" } }),
        json!({ "properties": { "displayName": "n", "value": "old" } }),
    );
    assert_eq!(plain[0].before, Shown::Value(json!("old")));

    let keys = |value: &str| {
        backend(json!({ "credentials": { "header": { "x-key": [value] }, "authorization": { "scheme": "Basic", "parameter": value } } }))
    };
    assert_eq!(paths("/backends/b", keys("canary"), keys("canary")), Vec::<String>::new());
    let found = changes("/backends/b", keys("canary"), keys("canary-old"));
    assert_eq!(found.len(), 2);
    assert!(!serde_json::to_string(&found).unwrap().contains("canary"));
    let gone = changes("/backends/b", backend(json!({})), keys("canary"));
    assert_eq!(gone.len(), 2, "{gone:?}");
    assert!(!serde_json::to_string(&gone).unwrap().contains("canary"));
}

#[test]
fn a_logger_with_a_key_in_clear_cannot_be_compared_but_a_reference_can() {
    let logger = |credential: &str| json!({ "properties": { "loggerType": "applicationInsights", "credentials": { "connectionString": credential } } });
    let masked = json!({ "properties": { "loggerType": "applicationInsights", "isBuffered": true, "resourceId": null,
        "credentials": { "connectionString": "{{Logger-Credentials--62474b6d217d200d902d7de2}}" } } });
    let clear = resource("/loggers/l", logger("InstrumentationKey=1"));
    assert_eq!(compare(&clear, &filled(&clear), &masked, &Secrets::new()), []);
    assert_eq!(unreadable(&clear, &filled(&clear), &masked, &Secrets::new()), ["/properties/credentials/connectionString"]);
    assert_eq!(paths("/loggers/l", logger("{{own}}"), logger("{{own}}")), Vec::<String>::new());
    assert_eq!(paths("/loggers/l", logger("{{own}}"), masked), ["properties.credentials.connectionString"]);
}

#[test]
fn an_unfilled_hole_is_known_after_apply() {
    let mut wanted = resource("/backends/b", backend(json!({ "credentials": { "managedIdentity": { "resource": "r" } } })));
    wanted.body.holes.push(crate::deploy::resource::Hole {
        pointer: "/properties/credentials/managedIdentity/clientId".to_owned(),
        source: crate::deploy::resource::Reference { id: ResourceId::parse(SERVICE).unwrap(), pointer: "/x".to_owned() },
        prefix: String::new(),
        suffix: String::new(),
    });
    let live = backend(json!({ "credentials": { "managedIdentity": { "resource": "r" } } }));
    let found = compare(&wanted, &filled(&wanted), &live, &Secrets::new());
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].after, Shown::KnownAfterApply);
    let known = wanted.fill(|_| Some(json!("c")));
    assert_eq!(compare(&wanted, &known, &live, &Secrets::new())[0].after, Shown::Value(json!("c")));
}

#[test]
fn an_import_leaves_the_rest_to_its_document() {
    let wanted = json!({ "properties": { "path": "p", "format": "openapi", "value": "openapi: 3.0.1" } });
    let live =
        json!({ "properties": { "path": "p", "displayName": "From the document", "serviceUrl": "https://x", "protocols": ["http"] } });
    assert_eq!(paths("/apis/a", wanted, live), Vec::<String>::new());
}

#[test]
fn a_service_that_drops_a_property_is_found_out() {
    let wanted = json!({ "properties": { "displayName": "a", "path": "a", "subscriptionKeyParameterNames": { "header": "h", "bearer": "enabled" } } });
    let live = json!({ "properties": { "displayName": "a", "path": "a", "subscriptionKeyParameterNames": { "header": "h", "query": "subscription-key" } } });
    assert_eq!(paths("/apis/a", wanted, live), ["properties.subscriptionKeyParameterNames.bearer"]);
}

#[test]
fn updates_are_sent_the_way_their_type_wants_them() {
    let wanted = resource("/subscriptions/s", json!({ "properties": { "scope": "/apis", "displayName": "new", "state": "active" } }));
    let live =
        json!({ "properties": { "scope": format!("{SERVICE}/apis"), "displayName": "old", "state": "active", "allowTracing": true } });
    let found = compare(&wanted, &filled(&wanted), &live, &Secrets::new());
    let sent = update(&wanted, &filled(&wanted), &live, &found);
    assert_eq!(sent.verb, Verb::Patch);
    assert_eq!(sent.body, json!({ "properties": { "scope": "/apis", "displayName": "new", "state": "active", "allowTracing": false } }));

    let id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Insights/components/c";
    let wanted = DesiredResource {
        management: Management::PatchIfForeign,
        ..resource(
            id,
            json!({ "location": "eastus", "kind": "web", "properties": { "Application_Type": "web", "CustomMetricsOptedInType": "WithDimensions" } }),
        )
    };
    let live = json!({ "id": id, "location": "eastus", "kind": "web", "etag": "x", "tags": { "a": "b" },
        "properties": { "Application_Type": "web", "RetentionInDays": 90, "ConnectionString": "secret", "AppId": "1" } });
    let found = compare(&wanted, &filled(&wanted), &live, &Secrets::new());
    let sent = update(&wanted, &filled(&wanted), &live, &found);
    assert_eq!(sent.verb, Verb::Put);
    assert_eq!(
        sent.body,
        json!({ "location": "eastus", "kind": "web", "tags": { "a": "b" },
            "properties": { "Application_Type": "web", "RetentionInDays": 90, "CustomMetricsOptedInType": "WithDimensions" } })
    );
}
