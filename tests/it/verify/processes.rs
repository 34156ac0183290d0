//! An emulator and a gateway that follows it, as processes.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::https::EmulatorProcess;
use crate::support::root;

const SPEC: &str = "examples/openai-lb.yaml";

/// The accounts that the example takes for granted.
fn fixture() -> String {
    let account = |group: &str, name: &str, region: &str| {
        let id = format!(
            "/subscriptions/{}/resourceGroups/{group}/providers/Microsoft.CognitiveServices/accounts/{name}",
            apimctl::emulator::DEFAULT_SUBSCRIPTION
        );
        format!(
            r#"{{"id": "{id}", "location": "{region}", "kind": "AIServices", "sku": {{"name": "S0"}}, "properties": {{"customSubDomainName": "{name}", "endpoint": "https://{name}.openai.azure.com/"}}}},
               {{"id": "{id}/deployments/gpt-4o-mini", "sku": {{"name": "GlobalStandard"}}, "properties": {{"model": {{"format": "OpenAI", "name": "gpt-4o-mini", "version": "2024-07-18"}}}}}}"#
        )
    };
    let france = account("rg-ai-foundry-france", "doveia-frc-ai-foundry", "francecentral");
    let sweden = account("rg-ai-foundry-sweden", "doveia-sec-ai-foundry-resource", "swedencentral");
    format!(r#"{{"resources": [{france}, {sweden}]}}"#)
}

/// Both, and a state directory for the commands.
pub struct Stand {
    pub emulator: EmulatorProcess,
    serving: Child,
    gateway: String,
    admin: String,
    pub state: tempfile::TempDir,
    _fixture: tempfile::TempDir,
}

impl Stand {
    /// The example, applied over HTTPS, and served over HTTPS by a process that follows the emulator.
    pub fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path: PathBuf = directory.path().join("fixture.json");
        std::fs::write(&path, fixture()).unwrap();
        let behavior = directory.path().join("behavior.yaml");
        std::fs::write(&behavior, "latency: { perToken: PT0.005S }\n").unwrap();
        let emulator = EmulatorProcess::start(&["--fixture", path.to_str().unwrap()]);
        let state = tempfile::tempdir().unwrap();
        let state_dir = state.path().to_str().unwrap();
        let applied = emulator.run(root(), &["apply", SPEC, "--yes", "--state-dir", state_dir]);
        assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
        // The emulator's own directory holds the CA that the commands trust.
        let mut serving = Command::new(env!("CARGO_BIN_EXE_apimctl"))
            .current_dir(root())
            .env_clear()
            .envs(&emulator.variables)
            .args([
                "serve",
                SPEC,
                "--from",
                "azure",
                "--every",
                "1",
                "--simulate",
                "--tls",
                "--workers",
                "1",
                "--quiet",
                "--format",
                "json",
            ])
            .args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--state-dir"])
            .arg(emulator.state.path())
            .arg("--behavior")
            .arg(&behavior)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(serving.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let (gateway, admin) = (said["gateway"][0].as_str().unwrap().to_owned(), said["admin"].as_str().unwrap().to_owned());
        Self { emulator, serving, gateway, admin, state, _fixture: directory }
    }

    fn arguments<'a>(&'a self, state: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
        let mut arguments = vec!["verify", SPEC, "--gateway", &self.gateway, "--admin", &self.admin, "--wait", "20", "--samples", "20"];
        arguments.extend(["--state-dir", state.to_str().unwrap()]);
        arguments.extend(more);
        arguments
    }

    /// `apimctl verify`, to its end.
    pub fn verify(&self, more: &[&str]) -> (Option<i32>, String, String) {
        self.run(&self.arguments(self.state.path(), more))
    }

    /// Any command, to its end.
    pub fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let output = self.emulator.run(root(), arguments);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }

    /// `apimctl verify` in the background, up to the first line on stderr that holds `words`.
    pub fn until(&self, more: &[&str], words: &str) -> Verifying {
        let mut child = Command::new(env!("CARGO_BIN_EXE_apimctl"))
            .current_dir(root())
            .env_clear()
            .env("USER", "anna")
            .env("HOSTNAME", "here")
            .envs(&self.emulator.variables)
            .args(self.arguments(self.state.path(), more))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        let mut verifying = Verifying { child, errors, told: String::new() };
        loop {
            let mut line = String::new();
            assert!(verifying.errors.read_line(&mut line).unwrap() > 0, "it ended before `{words}`:\n{}", verifying.told);
            verifying.told.push_str(&line);
            if line.contains(words) {
                return verifying;
            }
        }
    }

    /// Whether nothing differs from the specification.
    pub fn is_as_specified(&self) -> bool {
        let elsewhere = tempfile::tempdir().unwrap();
        let (code, out, errors) = self.run(&["plan", SPEC, "--detailed-exitcode", "--state-dir", elsewhere.path().to_str().unwrap()]);
        assert!(matches!(code, Some(0 | 2)), "{out}{errors}");
        code == Some(0)
    }

    /// What the emulator keeps in the end, by id.
    pub fn stop(mut self) -> Vec<String> {
        let _ = self.serving.kill();
        let _ = self.serving.wait();
        let emulator = std::mem::replace(&mut self.emulator, EmulatorProcess::start(&[]));
        emulator.stop().into_keys().collect()
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        let _ = self.serving.kill();
        let _ = self.serving.wait();
    }
}

/// A verify under way.
pub struct Verifying {
    child: Child,
    errors: BufReader<std::process::ChildStderr>,
    told: String,
}

impl Verifying {
    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ctrl-C; its exit code and what it said on both streams.
    pub fn interrupt(mut self) -> (Option<i32>, String) {
        assert!(Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap().success());
        let mut output = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
        self.errors.read_to_string(&mut self.told).unwrap();
        (self.child.wait().unwrap().code(), format!("{}{output}", self.told))
    }
}

impl Drop for Verifying {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
