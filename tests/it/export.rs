//! `apimctl export`: what is there comes back as a specification whose plan is empty, and no secret is ever written.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use apimctl::deploy::export::{self, ExportOptions, Exported};
use apimctl::deploy::plan::{Action, Plan};
use apimctl::deploy::{Deployment, Settings, desired};
use apimctl::spec::load::{self, LoadOptions};
use serde_json::{Value, json};

use crate::https::EmulatorProcess;
use crate::support::{World, apply, context, examples, load, root};

fn options(world: &World, owner: Option<&str>) -> ExportOptions {
    let service = world.emulator.store().snapshot().keys().find(|id| id.is_type("Microsoft.ApiManagement/service")).unwrap().clone();
    ExportOptions {
        service,
        owner: owner.map(str::to_owned),
        all: false,
        name_subscription: false,
        audience: context().cognitive_services_audience,
    }
}

fn write(exported: &Exported, directory: &Path) {
    std::fs::write(directory.join("gateway.yaml"), &exported.spec).unwrap();
    for file in &exported.files {
        let path = directory.join(&file.path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, &file.text).unwrap();
    }
}

/// Plans an exported specification with the secrets that the service told.
async fn plan(world: &World, exported: &Exported) -> Plan {
    let directory = tempfile::tempdir().unwrap();
    write(exported, directory.path());
    let known: BTreeMap<String, String> =
        exported.variables.iter().filter_map(|variable| Some((variable.name.clone(), variable.value.as_ref()?.expose().clone()))).collect();
    let options = LoadOptions { variables: known, local: true, ..LoadOptions::default() };
    let loaded = load::load(&directory.path().join("gateway.yaml"), &options).unwrap();
    let (desired, findings) = desired::compile(&loaded, &context());
    let errors: Vec<_> = loaded.findings.iter().chain(&findings).filter(|finding| finding.is_error()).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{}", exported.spec);
    let settings = Settings { adopt: true, ..Settings::new(world.clock.clone(), world.random.clone()) };
    Deployment::new(world.client(), desired, loaded.policies.clone(), settings)
        .plan()
        .await
        .unwrap_or_else(|error| panic!("{error}\n{}", exported.spec))
}

#[tokio::test(start_paused = true)]
async fn a_plan_of_what_was_exported_is_empty_for_every_example_however_the_service_answers() {
    let more = [root().join("tests/cases/specs/valid/everything.yaml"), root().join("tests/it/deploy/spec.yaml")];
    for hostile in [false, true] {
        for path in examples().into_iter().chain(more.clone()) {
            let world = World::new(|options| options.hostile = hostile);
            let deployment = world.deployment(&load(&path), |_| {});
            apply(&deployment).await.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            world.take_sent();
            let exported = export::export(&world.client(), &options(&world, None)).await.unwrap();
            assert!(world.take_sent().iter().all(|sent| !sent.is_write()), "an export writes nothing");
            let plan = plan(&world, &exported).await;
            // What an imported document brought belongs to nobody: it is described, and has to be taken over.
            let imported = |id: &str| id.contains("/apis/models-v1/operations/");
            let changes: Vec<_> = plan
                .changes
                .iter()
                .filter(|change| change.action != Action::None && !(imported(&change.id) && change.properties.is_empty()))
                .collect();
            assert!(changes.is_empty(), "{} (hostile: {hostile}): {changes:#?}\n{}", path.display(), exported.spec);
            assert!(plan.changes.len() > 5, "{}", path.display());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_secret_is_written_and_each_becomes_a_variable() {
    let world = World::new(|_| {});
    apply(&world.deployment(&load(&root().join("examples/multi-team.yaml")), |_| {})).await.unwrap();
    let exported = export::export(&world.client(), &options(&world, None)).await.unwrap();
    let names: Vec<&str> = exported.variables.iter().map(|variable| variable.name.as_str()).collect();
    // A parameter of a backend may be a key: nobody can tell, so it is treated as one.
    assert_eq!(names, ["MODERATION_CLIENT", "MODERATION_KEY"]);
    assert!(exported.spec.contains("value: \"${MODERATION_KEY}\"") && exported.spec.contains("{{moderation-key}}"), "{}", exported.spec);
    // Everything secret that the service holds: values, keys, connection strings.
    let written = format!("{}{:?}", exported.spec, exported.files);
    let mut secrets = vec!["only-for-local-use".to_owned()];
    for (id, stored) in world.emulator.store().snapshot().iter() {
        if id.is_type("Microsoft.ApiManagement/service/subscriptions") || id.is_type("Microsoft.Insights/components") {
            for pointer in
                ["/properties/primaryKey", "/properties/secondaryKey", "/properties/ConnectionString", "/properties/InstrumentationKey"]
            {
                secrets.extend(stored.body.pointer(pointer).and_then(Value::as_str).map(str::to_owned));
            }
        }
    }
    for secret in secrets {
        assert!(!written.contains(&secret), "`{secret}` was written");
    }
    // Not even in what is printed for debugging.
    assert!(!format!("{exported:?}").contains("only-for-local-use"));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_nobody_described_is_read_only_and_all_in_it_is_described() {
    let world = World::new(|_| {});
    let deployment = world.deployment(&load(&root().join("examples/openai-lb.yaml")), |_| {});
    apply(&deployment).await.unwrap();
    // As somebody else would have made it: without a manifest and without tags.
    let ids: Vec<_> = world.emulator.store().snapshot().keys().cloned().collect();
    for id in ids.iter().filter(|id| id.name().starts_with("apimctl-")) {
        world.client().delete(id, "2024-05-01", &[], apimctl::azure::Precondition::Any).await.unwrap();
    }
    let exported = export::export(&world.client(), &options(&world, Some("taken-over"))).await.unwrap();
    assert!(exported.foreign && exported.spec.contains("name: taken-over\n"), "{}", exported.spec);
    assert!(exported.spec.contains("existing: true") && exported.spec.contains("roleAssignments: verify"), "{}", exported.spec);
    let plan = plan(&world, &exported).await;
    for change in plan.changes.iter().filter(|change| change.action != Action::None) {
        let told = change.properties.iter().all(|property| property.after == apimctl::deploy::diff::Shown::Unanswered);
        assert!(told && change.action == Action::Update, "only taken over: {change:#?}\n{}", exported.spec);
    }
}

fn run(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_apimctl")).current_dir(directory).env_clear().args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_command_writes_files_checks_them_and_overwrites_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let spec = root().join("examples/ptu-priority.yaml");
    let nothing = run(directory.path(), &["export", "--from", "local"]);
    assert_eq!(nothing.status.code(), Some(1));
    assert!(text(&nothing.stderr).contains("no service to export"), "{}", text(&nothing.stderr));

    assert!(run(directory.path(), &["apply", spec.to_str().unwrap(), "--local", "--yes"]).status.success());
    let output = run(directory.path(), &["export", "--from", "local"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("a plan of `apim-openai-ptu/gateway.yaml` is empty"), "{}", text(&output.stderr));
    let files = text(&output.stdout);
    assert!(files.lines().any(|line| line == "apim-openai-ptu/policies/openai.xml"), "{files}");
    // It stands on its own: the same state, planned from the new directory.
    let plan = run(directory.path(), &["plan", "apim-openai-ptu/gateway.yaml", "--local", "--detailed-exitcode"]);
    assert_eq!(plan.status.code(), Some(0), "{}{}", text(&plan.stdout), text(&plan.stderr));

    let again = run(directory.path(), &["export", "--from", "local"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("--force"), "{}", text(&again.stderr));
    let json = run(directory.path(), &["export", "--from", "local", "--force", "--format", "json"]);
    let said: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((said["name"].as_str(), said["plan"]["summary"]["create"].as_u64()), (Some("openai-ptu-priority"), Some(0)));
    let unknown = run(directory.path(), &["export", "--from", "local", "--service", "other"]);
    assert!(text(&unknown.stderr).contains("there are `apim-openai-ptu`"), "{}", text(&unknown.stderr));
}

#[test]
fn it_reads_azure_over_https_too() {
    let directory = tempfile::tempdir().unwrap();
    let subscription = apimctl::emulator::DEFAULT_SUBSCRIPTION;
    let account = |name: &str, group: &str, location: &str| {
        let id = format!("/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.CognitiveServices/accounts/{name}");
        vec![
            json!({ "id": id, "location": location, "kind": "AIServices", "sku": { "name": "S0" },
                "properties": { "endpoint": format!("https://{name}.openai.azure.com/"), "customSubDomainName": name, "provisioningState": "Succeeded" } }),
            json!({ "id": format!("{id}/deployments/gpt-4o-mini"), "sku": { "name": "Standard", "capacity": 10 },
                "properties": { "model": { "format": "OpenAI", "name": "gpt-4o-mini", "version": "2024-07-18" }, "provisioningState": "Succeeded" } }),
        ]
    };
    let resources = [
        account("doveia-frc-ai-foundry", "rg-ai-foundry-france", "francecentral"),
        account("doveia-sec-ai-foundry-resource", "rg-ai-foundry-sweden", "swedencentral"),
    ];
    let fixture = directory.path().join("fixture.json");
    std::fs::write(&fixture, json!({ "resources": resources.concat() }).to_string()).unwrap();
    let emulator = EmulatorProcess::start(&["--fixture", fixture.to_str().unwrap()]);
    let spec = root().join("examples/openai-lb.yaml");
    let applied = emulator.run(directory.path(), &["apply", spec.to_str().unwrap(), "--yes"]);
    assert!(applied.status.success(), "{}", text(&applied.stderr));
    let output = emulator.run(directory.path(), &["export", "--service", "apim-doveia-openai", "--out", "."]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("a plan of `gateway.yaml` is empty"), "{}", text(&output.stderr));
    emulator.stop();
}
