//! The real Azure code path, over HTTPS, with a client secret, against the emulator as a process of its own: the same end state as `--local`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use apimctl::emulator::{Emulator, Options, State};
use serde_json::Value;

use crate::support::{examples, root};

/// `apimctl emulator`, killed when dropped.
pub struct EmulatorProcess {
    process: Child,
    pub variables: BTreeMap<String, String>,
    pub state: tempfile::TempDir,
}

impl EmulatorProcess {
    pub fn start(arguments: &[&str]) -> Self {
        let state = tempfile::tempdir().unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_apimctl"))
            .args(["emulator", "--listen", "127.0.0.1:0", "--format", "json", "--state-dir"])
            .arg(state.path())
            .args(arguments)
            .args(if arguments.contains(&"--activation") { &[][..] } else { &["--activation", "0"] })
            .env_clear()
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let variables = said["environment"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
            .collect();
        Self { process, variables, state }
    }

    /// Runs `apimctl` against it, in `directory`.
    pub fn run(&self, directory: &Path, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_apimctl"))
            .current_dir(directory)
            .env_clear()
            .envs(&self.variables)
            .args(arguments)
            .output()
            .unwrap()
    }

    /// Stops it and answers what it kept.
    pub fn stop(mut self) -> BTreeMap<String, Value> {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        end_state(self.state.path())
    }
}

impl Drop for EmulatorProcess {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What two runs may differ in, by name: entity tags and times; ids of principals and of what is named after them; random keys and what
/// is derived from them.
const DIFFERS: [&str; 25] = [
    "etag",
    "createdAtUtc",
    "createdDate",
    "createdOn",
    "updatedOn",
    "createdBy",
    "updatedBy",
    "systemData",
    "modifiedDate",
    "CreationDate",
    "registrationDate",
    "principalId",
    "clientId",
    "tenantId",
    "customerId",
    "AppId",
    "ApplicationId",
    "InstrumentationKey",
    "ConnectionString",
    "instrumentationKey",
    "createdAt",
    "timeStampUtc",
    "lastSkuUpdate",
    "quotaNextResetTime",
    "lastModifiedAt",
];

fn normalised(value: &Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .filter(|(name, _)| !DIFFERS.contains(&name.as_str()))
                .map(|(name, field)| (name.clone(), normalised(field)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(normalised).collect()),
        other => other.clone(),
    }
}

/// Id → body of everything in a state directory. Role assignments are named after a random principal, so they are told by scope and role;
/// the manifest's text holds such a name.
pub fn end_state(directory: &Path) -> BTreeMap<String, Value> {
    let options = Options { state: State::Directory(directory.to_owned()), ..Options::default() };
    let emulator = Emulator::open(options).unwrap();
    let snapshot = emulator.store().snapshot();
    snapshot
        .values()
        .map(|stored| {
            let mut body = normalised(&stored.body);
            let mut key = stored.id.key();
            if stored.id.is_type("Microsoft.Authorization/roleAssignments") {
                let role = body["properties"]["roleDefinitionId"].as_str().unwrap().to_lowercase();
                key = format!("{} {role}", stored.id.parent().unwrap().key());
                for name in ["id", "name"] {
                    body[name] = Value::Null;
                }
            } else if stored.id.name().starts_with("apimctl-") && stored.id.is_type("Microsoft.ApiManagement/service/namedValues") {
                body["properties"]["value"] = Value::Null;
            }
            (key, body)
        })
        .collect()
}

#[test]
fn over_https_every_example_comes_to_the_same_end_state() {
    for path in examples() {
        let spec = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        let local = tempfile::tempdir().unwrap();
        let run_local = |arguments: &[&str]| {
            Command::new(env!("CARGO_BIN_EXE_apimctl"))
                .current_dir(root())
                .env_clear()
                .env("AZURE_SUBSCRIPTION_ID", apimctl::emulator::DEFAULT_SUBSCRIPTION)
                .args(arguments)
                .args(["--local", "--state-dir"])
                .arg(local.path())
                .output()
                .unwrap()
        };
        let applied = run_local(&["apply", &spec, "--yes"]);
        assert!(applied.status.success(), "{spec}: {}", String::from_utf8_lossy(&applied.stderr));

        let fixture = fixture_of(local.path());
        let emulator = EmulatorProcess::start(&["--fixture", fixture.1.to_str().unwrap()]);
        let journal = tempfile::tempdir().unwrap();
        let journal = journal.path().to_str().unwrap();
        let applied = emulator.run(root(), &["apply", &spec, "--yes", "--state-dir", journal]);
        assert!(applied.status.success(), "{spec} over HTTPS: {}", String::from_utf8_lossy(&applied.stderr));
        let planned = emulator.run(root(), &["plan", &spec, "--detailed-exitcode", "--state-dir", journal]);
        assert_eq!(planned.status.code(), Some(0), "{spec}: {}", String::from_utf8_lossy(&planned.stdout));

        let (there, here) = (emulator.stop(), end_state(local.path()));
        let ids: (Vec<_>, Vec<_>) = (there.keys().collect(), here.keys().collect());
        assert_eq!(ids.0, ids.1, "{spec}");
        for (id, body) in &here {
            assert_eq!(&there[id], body, "{spec}: {id}");
        }
    }
}

/// What the local run was seeded with (accounts, deployments, identities, their groups), as a file for the other emulator.
fn fixture_of(state: &Path) -> (tempfile::TempDir, PathBuf) {
    let seeded = [
        "microsoft.cognitiveservices/accounts",
        "microsoft.cognitiveservices/accounts/deployments",
        "microsoft.managedidentity/userassignedidentities",
        "microsoft.resources/resourcegroups",
    ];
    let options = Options { state: State::Directory(state.to_owned()), ..Options::default() };
    let emulator = Emulator::open(options).unwrap();
    let resources: Vec<Value> = emulator
        .store()
        .snapshot()
        .values()
        .filter(|stored| seeded.contains(&stored.id.resource_type().to_lowercase().as_str()))
        .filter(|stored| stored.body["tags"].get("apimctl-owner").is_none())
        .map(|stored| {
            let mut body = stored.body.clone();
            let known = ["id", "location", "kind", "sku", "tags", "identity", "zones", "properties"];
            if let Some(fields) = body.as_object_mut() {
                fields.retain(|name, field| known.contains(&name.as_str()) && !field.is_null());
            }
            body
        })
        .collect();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("fixture.json");
    std::fs::write(&path, serde_json::json!({ "resources": resources }).to_string()).unwrap();
    (directory, path)
}
