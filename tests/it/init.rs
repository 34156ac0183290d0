//! `apimctl init`: what each template writes is valid, deploys, and stays as it is; nothing is overwritten unasked.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use apimctl::deploy::plan::Action;
use serde_json::{Value, json};

use crate::https::EmulatorProcess;
use crate::support::{World, apply, load};

const TEMPLATES: [&str; 5] = ["openai-lb", "ptu-priority", "multi-team", "multi-region", "minimal"];

fn run(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_apimctl")).current_dir(directory).env_clear().args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Writes a template into a new directory and answers the specification's path.
fn init(directory: &Path, arguments: &[&str]) -> PathBuf {
    let output = run(directory, &[&["init", "gateway"], arguments].concat());
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    directory.join("gateway/gateway.yaml")
}

fn valid(directory: &Path, arguments: &[&str]) {
    let output = run(directory, &[&["validate", "gateway/gateway.yaml", "--strict"], arguments].concat());
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
}

#[test]
fn every_template_is_valid_without_a_warning_for_azure_and_offline() {
    for template in TEMPLATES {
        let directory = tempfile::tempdir().unwrap();
        init(directory.path(), &["--template", template]);
        valid(directory.path(), &["--local"]);
        valid(directory.path(), &[]);
        if template == "multi-region" {
            valid(directory.path(), &["--env", "test"]);
            valid(directory.path(), &["--env", "prod"]);
        }
        // It is explained where it is read, and editors know its schema.
        let spec = std::fs::read_to_string(directory.path().join("gateway/gateway.yaml")).unwrap();
        assert!(spec.lines().filter(|line| line.contains('#')).count() > 10, "{template} says little");
        assert!(spec.starts_with("# yaml-language-server: $schema=./apimctl.schema.json"));
        assert!(!spec.contains("#%") && !spec.contains("@ "), "{template}: a mark is left");
        let schema: Value = serde_json::from_slice(&std::fs::read(directory.path().join("gateway/apimctl.schema.json")).unwrap()).unwrap();
        assert_eq!(schema, *apimctl::spec::schema());
    }
}

#[test]
fn a_template_fits_any_number_of_accounts_and_odd_names() {
    let accounts = ["My_Account.1:RG AI (prod):West Europe", "bb:rg:westeurope", "cc:rg:eastus2", "d-e:rg:japaneast"];
    for template in ["openai-lb", "ptu-priority", "multi-team", "multi-region"] {
        for count in 2..=4 {
            let directory = tempfile::tempdir().unwrap();
            let mut arguments = vec![
                "--template",
                template,
                "--name",
                "n4",
                "--publisher-name",
                "O'Neil: \"AI\"",
                "--deployment",
                "gpt-4o",
                "--deployment",
                "text-embedding-3-large",
            ];
            for account in &accounts[..count] {
                arguments.extend(["--account", account]);
            }
            if template == "multi-region" {
                arguments.extend(["--location", "West Europe", "--location", "eastus2", "--location", "brazilsouth"]);
            }
            if template == "multi-team" {
                arguments.extend(["--team", "one", "--team", "two", "--team", "three"]);
            }
            init(directory.path(), &arguments);
            valid(directory.path(), &["--local"]);
        }
    }
}

#[test]
fn the_scenarios_of_every_template_pass() {
    for template in TEMPLATES {
        for accounts in
            [&[][..], &["--account", "one:rg:westeurope", "--account", "two:rg:westeurope"], &["--account", "only:rg:westeurope"]]
        {
            let fits = match template {
                "minimal" => accounts.len() != 4,
                _ => accounts.len() != 2,
            };
            if !fits {
                continue;
            }
            let directory = tempfile::tempdir().unwrap();
            init(directory.path(), &[&["--template", template], accounts].concat());
            let output = run(directory.path(), &["test", "gateway"]);
            assert!(output.status.success(), "{template} {accounts:?}: {}{}", text(&output.stdout), text(&output.stderr));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_template_is_applied_and_planned_again_empty() {
    for template in TEMPLATES {
        for hostile in [false, true] {
            let directory = tempfile::tempdir().unwrap();
            let spec = init(directory.path(), &["--template", template]);
            let world = World::new(|options| options.hostile = hostile);
            let deployment = world.deployment(&load(&spec), |_| {});
            apply(&deployment).await.unwrap_or_else(|error| panic!("{template}: {error}"));
            let plan = deployment.plan().await.unwrap();
            let changes: Vec<_> = plan.changes.iter().filter(|change| change.action != Action::None).collect();
            assert!(changes.is_empty() && plan.changes.len() > 5, "{template}: {changes:#?}");
        }
    }
}

#[test]
fn what_is_printed_next_works_as_printed() {
    let directory = tempfile::tempdir().unwrap();
    let output = run(directory.path(), &["init", "gateway", "--template", "multi-region"]);
    let said = text(&output.stderr);
    let mut count = 0;
    for line in said.lines().filter_map(|line| line.trim().strip_prefix("apimctl ")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words[0] != "serve" {
            let output = run(directory.path(), &words);
            assert!(output.status.success(), "{line}: {}", text(&output.stderr));
        }
        count += 1;
    }
    assert_eq!(count, 3, "{said}");
    assert!(said.contains("are made up"), "{said}");
}

#[test]
fn nothing_is_overwritten_without_force() {
    let directory = tempfile::tempdir().unwrap();
    let spec = init(directory.path(), &[]);
    std::fs::write(&spec, "mine").unwrap();
    std::fs::write(directory.path().join("gateway/.gitignore"), "mine").unwrap();
    std::fs::remove_file(directory.path().join("gateway/policies/openai.xml")).unwrap();
    let refused = run(directory.path(), &["init", "gateway"]);
    assert_eq!(refused.status.code(), Some(1));
    let said = text(&refused.stderr);
    assert!(said.contains("gateway.yaml") && said.contains("--force") && !said.contains("openai.xml"), "{said}");
    assert_eq!(std::fs::read_to_string(&spec).unwrap(), "mine");
    assert!(!directory.path().join("gateway/policies/openai.xml").exists(), "it wrote half of it");
    init(directory.path(), &["--force"]);
    assert!(std::fs::read_to_string(&spec).unwrap().len() > 1000);
    // What is not ours alone is never overwritten.
    assert_eq!(std::fs::read_to_string(directory.path().join("gateway/.gitignore")).unwrap(), "mine");
}

#[test]
fn the_workflow_goes_to_the_repository_and_knows_where_the_specification_is() {
    let repository = tempfile::tempdir().unwrap();
    std::fs::create_dir(repository.path().join(".git")).unwrap();
    let output = run(repository.path(), &["init", "infra/gateway", "--ci", "github", "--format", "json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["template"], "openai-lb");
    assert!(said["files"].as_array().unwrap().len() >= 5, "{said}");
    let workflow = std::fs::read_to_string(repository.path().join(".github/workflows/gateway.yml")).unwrap();
    assert!(workflow.contains("working-directory: infra/gateway\n") && workflow.contains("\"infra/gateway/**\""), "{workflow}");
    // A `.github` directory says which CI it is.
    std::fs::create_dir(repository.path().join("infra/.github")).unwrap();
    assert!(run(repository.path(), &["init", "infra", "--name", "other"]).status.success());
    assert!(repository.path().join(".github/workflows/other.yml").exists());
}

/// Both workflows: YAML, login without a secret, every stage, and only commands that this program has.
#[test]
fn the_workflows_hold_every_stage_and_only_commands_that_are_there() {
    for (ci, path) in [("github", ".github/workflows/gateway.yml"), ("azure-pipelines", "gateway-pipelines.yml")] {
        for template in TEMPLATES {
            let directory = tempfile::tempdir().unwrap();
            init(directory.path(), &["--ci", ci, "--template", template]);
            let path = directory.path().join("gateway").join(path);
            let plain = apimctl::spec::read_plain(&path).unwrap();
            assert!(plain.findings.is_empty(), "{ci}: {:#?}", plain.findings);
            let workflow = std::fs::read_to_string(&path).unwrap();
            assert!(!workflow.contains("secrets.") && !workflow.to_lowercase().contains("client_secret"), "{ci} asks for a secret");
            let (oidc, approval) =
                if ci == "github" { ("id-token: write", "environment: azure") } else { ("--auth pipelines", "environment: azure") };
            assert!(workflow.contains(oidc) && workflow.contains(approval), "{ci}");
            let mut commands = Vec::new();
            for line in workflow.lines().filter(|line| !line.trim_start().starts_with('#')) {
                let Some(line) = line.split("apimctl ").nth(1).filter(|rest| rest.starts_with(|letter: char| letter.is_ascii_lowercase()))
                else {
                    continue;
                };
                let line = line.split(" > ").next().unwrap().replace(['\'', '"'], "");
                let words: Vec<&str> = line.split_whitespace().take_while(|word| *word != "||").collect();
                if !known(words[0]) {
                    continue;
                }
                if let Err(error) = apimctl::cli::parse(["apimctl"].iter().chain(&words).map(Into::into)) {
                    panic!("{ci}: `{line}`: {error}");
                }
                commands.push(words[0].to_owned());
            }
            for command in ["validate", "plan", "apply"] {
                assert!(commands.iter().any(|one| one == command), "{ci} lacks `{command}`: {commands:?}");
            }
            assert!(workflow.contains("--junit verify-results.xml") && workflow.contains("apimctl test ."), "{ci}");
        }
    }
}

fn known(command: &str) -> bool {
    apimctl::cli::definition().get_subcommands().any(|own| own.get_name() == command)
}

#[test]
fn the_accounts_that_the_login_sees_are_taken_with_the_deployments_that_all_have() {
    let subscription = apimctl::emulator::DEFAULT_SUBSCRIPTION;
    let account = |name: &str, kind: &str, deployments: &[&str]| {
        let id = format!("/subscriptions/{subscription}/resourceGroups/rg-ai/providers/Microsoft.CognitiveServices/accounts/{name}");
        let mut all = vec![json!({ "id": id, "location": "Sweden Central", "kind": kind, "sku": { "name": "S0" },
            "properties": { "endpoint": format!("https://{name}.openai.azure.com/"), "customSubDomainName": name, "provisioningState": "Succeeded" } })];
        all.extend(deployments.iter().map(|deployment| json!({ "id": format!("{id}/deployments/{deployment}"), "sku": { "name": "Standard", "capacity": 10 },
            "properties": { "model": { "format": "OpenAI", "name": "gpt-4o", "version": "2024-11-20" }, "provisioningState": "Succeeded" } })));
        all
    };
    let resources = [
        account("one", "OpenAI", &["chat", "only-here"]),
        account("two", "AIServices", &["chat"]),
        account("speech", "SpeechServices", &[]),
    ]
    .concat();
    let directory = tempfile::tempdir().unwrap();
    let fixture = directory.path().join("fixture.json");
    std::fs::write(&fixture, json!({ "resources": resources }).to_string()).unwrap();
    let emulator = EmulatorProcess::start(&["--fixture", fixture.to_str().unwrap()]);
    let output = emulator.run(directory.path(), &["init", "gateway", "--discover"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let spec = std::fs::read_to_string(directory.path().join("gateway/gateway.yaml")).unwrap();
    assert!(spec.contains("account: one\n") && spec.contains("account: two\n") && !spec.contains("speech"), "{spec}");
    assert!(spec.contains("location: swedencentral") && spec.contains("deployments: [chat]"), "{spec}");
    // What it has written is what Azure has.
    let plan = emulator.run(directory.path(), &["plan", "gateway/gateway.yaml"]);
    assert!(plan.status.success(), "{}", text(&plan.stderr));
    emulator.stop();
}
