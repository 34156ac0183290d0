//! The first minutes with Azure, when something is missing: one clear error with its cure, and nothing left behind.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::https::EmulatorProcess;

const SUBSCRIPTION: &str = apimctl::emulator::DEFAULT_SUBSCRIPTION;
const OTHER_SUBSCRIPTION: &str = "22222222-2222-4222-8222-222222222222";

const SPEC: &str = r#"
apiVersion: apimctl/v1
name: first
resourceGroup: { name: rg-first, location: eastus }
service: { name: apim-first, sku: Developer, publisherName: P, publisherEmail: p@example.com, identity: SystemAssigned }
openAI:
  france: { account: acc-france, resourceGroup: rg-ai, location: francecentral, deployments: [gpt-4o-mini] }
backends:
  primary: { openAI: france, circuitBreaker: default }
apis:
  a: { path: a, operations: { o: { method: POST, urlTemplate: /chat/completions } } }
"#;

fn account(subscription: &str) -> Vec<Value> {
    let id = format!("/subscriptions/{subscription}/resourceGroups/rg-ai/providers/Microsoft.CognitiveServices/accounts/acc-france");
    vec![
        json!({ "id": id, "location": "francecentral", "kind": "AIServices", "sku": { "name": "S0" },
            "properties": { "endpoint": "https://acc-france.openai.azure.com/", "customSubDomainName": "acc-france", "provisioningState": "Succeeded" } }),
        json!({ "id": format!("{id}/deployments/gpt-4o-mini"), "sku": { "name": "Standard", "capacity": 10 },
            "properties": { "model": { "format": "OpenAI", "name": "gpt-4o-mini", "version": "2024-07-18" }, "provisioningState": "Succeeded" } }),
    ]
}

/// Applies `SPEC` with `fixture` and more environment; answers exit code, what was said, and whether anything was left behind.
fn contact(spec: &str, fixture: &Value, environment: &[(&str, &str)], without: &[&str], arguments: &[&str]) -> (Option<i32>, String) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("spec.yaml"), spec).unwrap();
    std::fs::write(directory.path().join("fixture.json"), fixture.to_string()).unwrap();
    let mut emulator = EmulatorProcess::start(&["--fixture", directory.path().join("fixture.json").to_str().unwrap()]);
    for name in without {
        emulator.variables.remove(*name);
    }
    emulator.variables.extend(environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let mut all = vec!["apply", "spec.yaml", "--yes"];
    all.extend_from_slice(arguments);
    let output = emulator.run(directory.path(), &all);
    let said = String::from_utf8(output.stderr).unwrap();
    let left: BTreeMap<_, _> = emulator.stop();
    let ours: Vec<_> = left.keys().filter(|id| id.contains("rg-first") && !said.contains("soft-deleted")).collect();
    assert!(ours.is_empty(), "left behind: {ours:?}\n{said}");
    assert!(!said.contains("panicked"), "{said}");
    (output.status.code(), said)
}

fn refused(case: (Option<i32>, String), says: &[&str]) {
    assert_eq!(case.0, Some(1), "{}", case.1);
    for words in says {
        assert!(case.1.contains(words), "`{words}` is not in:\n{}", case.1);
    }
}

fn fixture() -> Value {
    json!({ "resources": account(SUBSCRIPTION) })
}

const LOGIN: [&str; 3] = ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"];

#[test]
fn no_login_says_what_each_kind_of_login_answered() {
    refused(contact(SPEC, &fixture(), &[], &LOGIN, &[]), &["az login", "AZURE_CLIENT_ID", "managed identity"]);
}

#[cfg(unix)]
#[test]
fn an_expired_login_and_a_wrong_tenant_name_the_command_that_mends_them() {
    use std::os::unix::fs::PermissionsExt as _;
    let bin = tempfile::tempdir().unwrap();
    let az = bin.path().join("az");
    let script = "#!/bin/sh\necho 'ERROR: AADSTS700082: The refresh token has expired due to inactivity. The token was issued on 2026-01-01 and was inactive for 90.00:00:00.' >&2\nexit 1\n";
    std::fs::write(&az, script).unwrap();
    std::fs::set_permissions(&az, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", bin.path().display());
    let tenant = apimctl::emulator::DEFAULT_TENANT;
    let expired = contact(&format!("{SPEC}tenantId: {tenant}\n"), &fixture(), &[("PATH", &path)], &LOGIN, &["--auth", "cli"]);
    refused(expired, &[&format!("az login --tenant {tenant}"), "expired"]);
    // The login's own tenant is not the one that the Azure subscription belongs to: ARM says which one is.
    let other = [("AZURE_TENANT_ID", "33333333-3333-4333-8333-333333333333")];
    refused(contact(SPEC, &fixture(), &other, &[], &[]), &[&format!("az login --tenant {tenant}")]);
}

#[test]
fn rights_that_are_missing_are_named_with_scope_and_command() {
    let mut reader = fixture();
    reader["permissions"] = json!([{ "scope": format!("/subscriptions/{SUBSCRIPTION}"), "actions": ["*/read"], "notActions": [] }]);
    refused(contact(SPEC, &reader, &[], &[], &[]), &["ARM003", "Microsoft.ApiManagement/service/write", "az role assignment create"]);
    // Contributor may do everything but assign roles.
    let mut contributor = fixture();
    contributor["permissions"] = json!([{ "scope": format!("/subscriptions/{SUBSCRIPTION}"), "actions": ["*"], "notActions": ["Microsoft.Authorization/*/write", "Microsoft.Authorization/*/delete"] }]);
    refused(
        contact(SPEC, &contributor, &[], &[], &[]),
        &["ARM003", "Microsoft.Authorization/roleAssignments/write", "roleAssignments: verify"],
    );
}

#[test]
fn a_provider_that_is_not_registered_is_named_with_its_command() {
    let mut fixture = fixture();
    fixture["subscriptions"] = json!([{ "id": SUBSCRIPTION, "registeredProviders": ["Microsoft.CognitiveServices", "Microsoft.Insights", "Microsoft.OperationalInsights"] }]);
    refused(contact(SPEC, &fixture, &[], &[], &[]), &["ARM002", "az provider register --namespace Microsoft.ApiManagement"]);
}

#[test]
fn an_account_that_is_not_there_or_lacks_something_is_named() {
    // It is in another Azure subscription than the specification says.
    let elsewhere =
        json!({ "subscriptions": [{ "id": SUBSCRIPTION }, { "id": OTHER_SUBSCRIPTION }], "resources": account(OTHER_SUBSCRIPTION) });
    refused(contact(SPEC, &elsewhere, &[], &[], &[]), &["ARM101", "acc-france", "subscriptionId"]);
    let mut bare = fixture();
    bare["resources"][0]["properties"].as_object_mut().unwrap().remove("customSubDomainName");
    refused(contact(SPEC, &bare, &[], &[], &[]), &["ARM102", "az cognitiveservices account update"]);
    let mut lacking = fixture();
    lacking["resources"].as_array_mut().unwrap().pop();
    refused(contact(SPEC, &lacking, &[], &[], &[]), &["ARM104", "gpt-4o-mini"]);
}

#[test]
fn a_soft_deleted_name_offers_to_recover_or_to_purge() {
    let id = format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-first/providers/Microsoft.ApiManagement/service/apim-first");
    let mut fixture = fixture();
    fixture["softDeleted"] = json!([{ "id": id, "location": "eastus" }]);
    refused(contact(SPEC, &fixture, &[], &[], &[]), &["ARM004", "--soft-deleted recover", "--soft-deleted purge"]);
    for way in ["recover", "purge"] {
        let (code, said) = taken_back(&fixture, way);
        assert_eq!(code, Some(0), "{way}: {said}");
    }
}

fn taken_back(fixture: &Value, way: &str) -> (Option<i32>, String) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("spec.yaml"), SPEC).unwrap();
    std::fs::write(directory.path().join("fixture.json"), fixture.to_string()).unwrap();
    let emulator = EmulatorProcess::start(&["--fixture", directory.path().join("fixture.json").to_str().unwrap()]);
    let output = emulator.run(directory.path(), &["apply", "spec.yaml", "--yes", "--soft-deleted", way]);
    let plan = emulator.run(directory.path(), &["plan", "spec.yaml", "--detailed-exitcode"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(plan.status.code(), Some(0), "{said}");
    let left = emulator.stop();
    assert!(left.keys().any(|id| id.ends_with("/service/apim-first")), "{said}");
    (output.status.code(), said)
}

#[test]
fn an_endpoint_that_is_not_there_fails_within_seconds() {
    let gone = [("APIMCTL_ARM_ENDPOINT", "https://127.0.0.1:9"), ("APIMCTL_AUTHORITY_HOST", "https://127.0.0.1:9")];
    refused(contact(SPEC, &fixture(), &gone, &[], &[]), &["127.0.0.1:9"]);
}
