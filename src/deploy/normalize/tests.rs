use serde_json::json;

use super::*;

const BACKEND: &str = "Microsoft.ApiManagement/service/backends";

#[test]
fn two_spellings_have_one_normal_form() {
    let sent = json!({ "properties": {
        "url": "https://a", "protocol": "http", "description": "one\r\ntwo",
        "circuitBreaker": { "rules": [{ "name": "r", "tripDuration": "PT1M", "failureCondition": {
            "count": 1, "statusCodeRanges": [{ "min": 429, "max": 429 }, { "min": 500, "max": 599 }] } }] },
    } });
    let kept = json!({ "id": "/x", "name": "b", "type": BACKEND, "etag": "1", "systemData": {}, "properties": {
        "type": "single", "url": "https://a", "protocol": "HTTP", "description": "one\ntwo", "title": null, "tls": { "validateCertificateChain": true },
        "circuitBreaker": { "rules": [{ "tripDuration": "PT60S", "name": "r", "acceptRetryAfter": false, "failureCondition": {
            "count": 1.0, "errorReasons": [], "statusCodeRanges": [{ "max": 599, "min": 500 }, { "max": 429, "min": 429 }] } }] },
    } });
    assert_eq!(normalized(BACKEND, &sent), normalized(BACKEND, &kept));
    let mut other = kept;
    other["properties"]["tls"]["validateCertificateChain"] = json!(false);
    assert_ne!(normalized(BACKEND, &sent), normalized(BACKEND, &other));
}

#[test]
fn what_the_service_sets_is_left_out() {
    let service =
        json!({ "location": "West US", "properties": { "gatewayUrl": "https://x", "publisherName": "P", "createdAtUtc": "now" } });
    assert_eq!(
        normalized("Microsoft.ApiManagement/service", &service),
        json!({ "location": "westus", "properties": { "publisherName": "P" } })
    );
}

#[test]
fn ids_are_equal_by_tail_case_and_revision() {
    let rules = Rules::new(
        None,
        Some(
            &crate::arm::ResourceId::parse("/subscriptions/S/resourceGroups/g/providers/Microsoft.ApiManagement/service/x/apis/a").unwrap(),
        ),
    );
    let full = "/subscriptions/s/resourcegroups/G/providers/microsoft.apimanagement/service/X";
    let id = |text: &str| rules.scalar(&At { id: true, ..At::default() }, &json!(text));
    assert_eq!(id(&format!("{full}/apis/Foo;rev=2")), id("/apis/foo"));
    assert_eq!(id(&format!("{full}/apis/foo;rev=2/operations/o")), id("/apis/foo/operations/o"));
    assert_eq!(id(&format!("{full}/")), id(full));
    assert_ne!(id("/subscriptions/s/resourceGroups/g/providers/Microsoft.ApiManagement/service/other/apis/foo"), id("/apis/foo"));
    let role = "/providers/Microsoft.Authorization/roleDefinitions/1";
    assert_eq!(id(&format!("/subscriptions/s{role}")), id(role));
}
