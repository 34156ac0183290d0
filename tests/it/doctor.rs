//! `apimctl doctor`: each thing that is missing is named with what mends it, and what is there is said to be good.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::https::EmulatorProcess;
use crate::support::root;

const SUBSCRIPTION: &str = apimctl::emulator::DEFAULT_SUBSCRIPTION;

const SPEC: &str = r#"
apiVersion: apimctl/v1
name: sick
resourceGroup: { name: rg-sick, location: eastus }
service: { name: apim-sick, sku: Developer, publisherName: P, publisherEmail: p@example.com, identity: SystemAssigned }
openAI:
  france: { account: acc-france, resourceGroup: rg-ai, location: francecentral, deployments: [gpt-4o-mini] }
backends:
  primary: { openAI: france }
  closed: { url: "http://127.0.0.1:9/" }
apis:
  a:
    path: openai
    subscriptionKeyParameterNames: { header: api-key }
    operations: { o: { method: POST, urlTemplate: /chat/completions } }
"#;

fn account() -> Vec<Value> {
    let id = format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-ai/providers/Microsoft.CognitiveServices/accounts/acc-france");
    vec![
        json!({ "id": id, "location": "francecentral", "kind": "AIServices", "sku": { "name": "S0" },
            "properties": { "endpoint": "https://acc-france.openai.azure.com/", "customSubDomainName": "acc-france", "provisioningState": "Succeeded" } }),
        json!({ "id": format!("{id}/deployments/gpt-4o-mini"), "sku": { "name": "Standard", "capacity": 10 },
            "properties": { "model": { "format": "OpenAI", "name": "gpt-4o-mini", "version": "2024-07-18" }, "provisioningState": "Succeeded" } }),
    ]
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

struct Report {
    code: Option<i32>,
    checks: Vec<Value>,
    text: String,
}

impl Report {
    fn of(output: &Output) -> Self {
        let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)));
        Self { code: output.status.code(), checks: said["checks"].as_array().unwrap().clone(), text: format!("{said:#}") }
    }

    fn find(&self, area: &str, status: &str) -> Vec<&Value> {
        self.checks.iter().filter(|check| check["area"] == area && check["status"] == status).collect()
    }

    /// One check of the area has the status, and says these words in its name, detail or cure.
    fn says(&self, area: &str, status: &str, words: &[&str]) {
        let found = self.find(area, status).into_iter().any(|check| words.iter().all(|word| check.to_string().contains(word)));
        assert!(found, "{area} {status} {words:?} is not in:\n{}", self.text);
    }
}

/// Runs it as JSON against an emulator with this fixture; without trying addresses, unless `reach`.
fn doctor(fixture: &Value, reach: bool, prepare: impl FnOnce(&EmulatorProcess, &Path)) -> Report {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("spec.yaml"), SPEC).unwrap();
    std::fs::write(directory.path().join("fixture.json"), fixture.to_string()).unwrap();
    let emulator = EmulatorProcess::start(&["--fixture", directory.path().join("fixture.json").to_str().unwrap()]);
    prepare(&emulator, directory.path());
    let mut arguments = vec!["doctor", "spec.yaml", "--format", "json"];
    if !reach {
        arguments.push("--no-reach");
    }
    let report = Report::of(&emulator.run(directory.path(), &arguments));
    let left = emulator.stop();
    assert!(
        !left.keys().any(|id| id.contains("/apim-sick/"))
            || report.text.contains("as they should be")
            || report.text.contains("as the spec"),
        "it wrote: {left:?}"
    );
    report
}

#[test]
fn everything_in_order_is_said_to_be_so_before_and_after_apply() {
    let fixture = json!({ "resources": account() });
    let before = doctor(&fixture, false, |_, _| {});
    assert_eq!(before.code, Some(0), "{}", before.text);
    before.says("Login", "pass", &["application"]);
    before.says("Azure", "pass", &[SUBSCRIPTION]);
    before.says("Providers", "pass", &["Microsoft.ApiManagement"]);
    before.says("Permissions", "pass", &["rg-sick"]);
    before.says("Permissions", "pass", &["acc-france"]);
    before.says("Service", "pass", &["the name is free"]);
    before.says("Accounts", "pass", &["acc-france", "gpt-4o-mini"]);
    before.says("Roles", "skip", &["Cognitive Services OpenAI User"]);

    let after = doctor(&fixture, false, |emulator, directory| {
        let applied = emulator.run(directory, &["apply", "spec.yaml", "--yes"]);
        assert!(applied.status.success(), "{}", text(&applied.stderr));
    });
    assert_eq!(after.code, Some(0), "{}", after.text);
    after.says("Service", "pass", &["Succeeded"]);
    after.says("Roles", "pass", &["acc-france"]);
    after.says("Resources", "pass", &["as the specification says"]);
}

#[test]
fn all_that_is_missing_is_told_at_once_each_with_its_cure() {
    let service = format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-sick/providers/Microsoft.ApiManagement/service/apim-sick");
    let mut resources = account();
    resources.pop();
    let fixture = json!({
        "resources": resources,
        "subscriptions": [{ "id": SUBSCRIPTION, "registeredProviders": ["Microsoft.ApiManagement", "Microsoft.CognitiveServices"] }],
        "permissions": [{ "scope": format!("/subscriptions/{SUBSCRIPTION}"), "actions": ["*"], "notActions": ["Microsoft.Authorization/*/write", "Microsoft.Authorization/*/delete"] }],
        "softDeleted": [{ "id": service, "location": "eastus" }],
    });
    let report = doctor(&fixture, false, |_, _| {});
    assert_eq!(report.code, Some(1));
    report.says(
        "Permissions",
        "fail",
        &["Microsoft.Authorization/roleAssignments/write", "az role assignment create", "roleAssignments: verify", "ARM003"],
    );
    report.says("Permissions", "pass", &["rg-sick"]);
    report.says("Service", "fail", &["48 hours", "--soft-deleted recover", "ARM004"]);
    report.says("Accounts", "fail", &["gpt-4o-mini", "az cognitiveservices account deployment create", "ARM104"]);
    for check in report.checks.iter().filter(|check| check["status"] == "fail") {
        assert!(check["cure"].as_str().is_some_and(|cure| cure.len() > 10), "{check}");
    }
}

#[test]
fn a_provider_and_a_subscription_that_are_missing_are_named() {
    let unregistered = json!({ "resources": account(), "subscriptions": [{ "id": SUBSCRIPTION, "registeredProviders": ["Microsoft.CognitiveServices"] }] });
    let report = doctor(&unregistered, false, |_, _| {});
    report.says("Providers", "fail", &["Microsoft.ApiManagement", "az provider register", "ARM002"]);

    let directory = tempfile::tempdir().unwrap();
    let other = "22222222-2222-4222-8222-222222222222";
    std::fs::write(directory.path().join("spec.yaml"), format!("{SPEC}subscriptionId: {other}\n")).unwrap();
    let emulator = EmulatorProcess::start(&[]);
    let report = Report::of(&emulator.run(directory.path(), &["doctor", "spec.yaml", "--format", "json"]));
    assert_eq!(report.code, Some(1));
    report.says("Azure", "fail", &[other, "ARM001"]);
    report.says("Azure", "skip", &["everything else"]);
    emulator.stop();
}

#[test]
fn backends_that_do_not_answer_are_worth_a_look_and_no_failure() {
    let report = doctor(&json!({ "resources": account() }), true, |_, _| {});
    assert_eq!(report.code, Some(0), "{}", report.text);
    report.says("Network", "warn", &["closed", "does not answer from here"]);
}

#[test]
fn without_a_login_or_a_specification_what_can_be_said_is_said() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("spec.yaml"), SPEC).unwrap();
    let emulator = EmulatorProcess::start(&[]);
    let report = Report::of(&emulator.run(directory.path(), &["doctor", "--format", "json"]));
    assert_eq!(report.code, Some(0), "{}", report.text);
    assert_eq!(report.find("Providers", "pass").len(), 4);
    let mut emulator = emulator;
    for name in ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"] {
        emulator.variables.remove(name);
    }
    let report = Report::of(&emulator.run(directory.path(), &["doctor", "spec.yaml", "--format", "json"]));
    assert_eq!(report.code, Some(1));
    report.says("Specification", "pass", &["spec.yaml"]);
    report.says("Login", "fail", &["az login"]);
    emulator.stop();
}

fn local(arguments: &[&str], directory: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_apimctl")).current_dir(directory).env_clear().args(arguments).output().unwrap()
}

#[test]
fn it_runs_on_the_embedded_arm_and_as_text() {
    let directory = tempfile::tempdir().unwrap();
    let spec = root().join("examples/openai-lb.yaml");
    let spec = spec.to_str().unwrap();
    let output = local(&["doctor", spec, "--local"], directory.path());
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
    let said = text(&output.stdout);
    for words in ["Specification\n  ok", "Login\n  -", "Service\n  ok", "the name is free", "Accounts\n  ok", "Network\n  -", " good"] {
        assert!(said.contains(words), "`{words}` is not in:\n{said}");
    }
    assert!(!said.contains('\u{1b}'));
    // A specification with errors is told first; nothing else makes sense.
    std::fs::write(directory.path().join("bad.yaml"), "name: 1\n").unwrap();
    let output = local(&["doctor", "bad.yaml", "--local"], directory.path());
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stdout).contains("FAIL") && text(&output.stdout).contains("apimctl validate bad.yaml"),
        "{}",
        text(&output.stdout)
    );
}
