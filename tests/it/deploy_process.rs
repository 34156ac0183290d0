//! The process itself, over HTTPS: killed, started twice, left alone; and what it prints.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::https::EmulatorProcess;

const SPEC: &str = include_str!("deploy/spec.yaml");

/// The accounts that `SPEC` takes for granted, as a fixture.
const FIXTURE: &str = r#"{"resources": [
  {"id": "/subscriptions/3f9c2b74-5d18-4a6b-8e07-c4a1d2e5f602/resourceGroups/rg-france/providers/Microsoft.CognitiveServices/accounts/acc-france", "location": "francecentral", "kind": "OpenAI", "sku": {"name": "S0"}, "properties": {"customSubDomainName": "acc-france", "endpoint": "https://acc-france.openai.azure.com/"}},
  {"id": "/subscriptions/3f9c2b74-5d18-4a6b-8e07-c4a1d2e5f602/resourceGroups/rg-france/providers/Microsoft.CognitiveServices/accounts/acc-france/deployments/gpt-4o-mini", "sku": {"name": "Standard", "capacity": 1}, "properties": {"model": {"format": "OpenAI", "name": "gpt-4o-mini", "version": "2024-07-18"}}},
  {"id": "/subscriptions/3f9c2b74-5d18-4a6b-8e07-c4a1d2e5f602/resourceGroups/rg-sweden/providers/Microsoft.CognitiveServices/accounts/acc-sweden", "location": "swedencentral", "kind": "OpenAI", "sku": {"name": "S0"}, "properties": {"customSubDomainName": "acc-sweden", "endpoint": "https://acc-sweden.openai.azure.com/"}},
  {"id": "/subscriptions/3f9c2b74-5d18-4a6b-8e07-c4a1d2e5f602/resourceGroups/rg-sweden/providers/Microsoft.CognitiveServices/accounts/acc-sweden/deployments/gpt-4o-mini", "sku": {"name": "Standard", "capacity": 1}, "properties": {"model": {"format": "OpenAI", "name": "gpt-4o-mini", "version": "2024-07-18"}}}
]}"#;

/// A world of its own: an emulator process and a directory with the specification.
struct World {
    emulator: EmulatorProcess,
    directory: tempfile::TempDir,
}

impl World {
    fn start(arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("spec.yaml"), SPEC).unwrap();
        let fixture = directory.path().join("fixture.json");
        std::fs::write(&fixture, FIXTURE).unwrap();
        let mut all = vec!["--fixture", fixture.to_str().unwrap()];
        all.extend(arguments);
        Self { emulator: EmulatorProcess::start(&all), directory }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    /// `apimctl` in the background; its events can be read from stdout.
    fn spawn(&self, arguments: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_apimctl"))
            .current_dir(self.path())
            .env_clear()
            .env("USER", "anna")
            .env("HOSTNAME", "here")
            .envs(&self.emulator.variables)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let output = self.emulator.run(self.path(), arguments);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }
}

/// Kills the child with SIGKILL at the `number`th event, and says what events came before. `None`: it ended before.
fn killed_at_event(mut child: Child, number: usize) -> Option<Vec<Value>> {
    let mut events = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        events.push(serde_json::from_str(&line.unwrap()).unwrap());
        if events.len() == number {
            child.kill().unwrap();
            child.wait().unwrap();
            return Some(events);
        }
    }
    assert!(child.wait().unwrap().success(), "{events:#?}");
    None
}

#[test]
fn killed_at_several_points_the_process_goes_on_where_it_was() {
    let apply = ["apply", "spec.yaml", "--yes", "--format", "json"];
    for number in [1, 4, 12, 30] {
        let world = World::start(&["--activation", "1"]);
        let Some(events) = killed_at_event(world.spawn(&apply), number) else { panic!("it was over before event {number}") };
        let (code, _, error) = world.run(&["apply", "spec.yaml", "--yes"]);
        assert_eq!(code, Some(0), "killed after {:?}: {error}", events.last());
        let (code, out, error) = world.run(&["plan", "spec.yaml", "--detailed-exitcode"]);
        assert_eq!(code, Some(0), "{out}{error}");
    }
}

#[test]
fn the_second_of_two_applies_is_told_who_holds_the_lease() {
    let world = World::start(&[]);
    assert_eq!(world.run(&["apply", "spec.yaml", "--yes"]).0, Some(0));
    let spec = SPEC.replace("value: north", "value: south").replace("displayName: Consumer", "displayName: Renamed");
    std::fs::write(world.path().join("spec.yaml"), spec).unwrap();
    // Killed in the middle, on a machine whose journal is not at hand: its lease goes on for its term.
    let child = world.spawn(&["apply", "spec.yaml", "--yes", "--format", "json", "--state-dir", "elsewhere"]);
    assert!(killed_at_event(child, 1).is_some());
    let (code, _, error) = world.run(&["apply", "spec.yaml", "--yes"]);
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains("anna@here holds its lease since"), "{error}");
    // The machine that died knows that nobody else can hold it.
    let (code, _, error) = world.run(&["apply", "spec.yaml", "--yes", "--state-dir", "elsewhere"]);
    assert_eq!(code, Some(0), "{error}");
}

#[test]
fn no_wait_returns_while_the_service_is_made_and_another_machine_goes_on() {
    let world = World::start(&["--activation", "6"]);
    let (code, _, error) = world.run(&["apply", "spec.yaml", "--yes", "--no-wait"]);
    assert_eq!(code, Some(0), "{error}");
    assert!(error.contains("Azure goes on working at") && error.contains("apim-bench"), "{error}");
    let (code, out, error) = world.run(&["plan", "spec.yaml", "--detailed-exitcode", "--state-dir", "other-machine"]);
    assert_eq!(code, Some(2), "{out}{error}");
    assert!(out.contains("the service is being created"), "{out}");
    let (code, _, error) = world.run(&["apply", "spec.yaml", "--yes", "--state-dir", "other-machine"]);
    assert_eq!(code, Some(0), "{error}");
    assert_eq!(world.run(&["plan", "spec.yaml", "--detailed-exitcode"]).0, Some(0));
}

#[test]
fn a_plan_names_the_roles_and_a_failure_is_told_once() {
    let world = World::start(&[]);
    let (_, out, _) = world.run(&["plan", "spec.yaml"]);
    assert!(out.contains("Cognitive Services OpenAI User on acc-france"), "{out}");
    let spec = SPEC.replace("<base />\n          <include-fragment", "<base />\n          <no-such-policy />\n          <include-fragment");
    let spec = spec.replace("urlTemplate: /deployments", "urlTemplate: /{twice}/{twice}/deployments");
    std::fs::write(world.path().join("spec.yaml"), spec).unwrap();
    let (code, _, error) = world.run(&["apply", "spec.yaml", "--yes"]);
    assert_eq!(code, Some(1), "{error}");
    for line in error.lines().map(str::trim).filter(|line| line.len() > 60) {
        assert_eq!(error.matches(line).count(), 1, "said twice: {line}\n{error}");
    }
}
