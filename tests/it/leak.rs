//! No secret is ever shown: not in what is printed, nor in the journal, a saved plan, or the store outside its secret column.

use std::path::Path;
use std::process::{Command, Output};

use apimctl::emulator::{Emulator, Options, State};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Every place of the specification where a secret can stand.
const SPEC: &str = r#"
apiVersion: apimctl/v1
name: leak
resourceGroup: { name: rg-leak, location: eastus }
service: { name: apim-leak, sku: Developer, publisherName: P, publisherEmail: p@example.com, identity: SystemAssigned }
monitoring:
  logAnalytics: { name: log-leak }
  applicationInsights: { name: ai-leak }
namedValues:
  a-secret: { value: "${NAMED}", secret: true }
loggers:
  hub: { loggerType: azureEventHub, credentials: { name: hub, connectionString: "${HUB}" } }
backends:
  b:
    url: https://backend.example.com
    credentials:
      header: { x-key: ["${HEADER}"] }
      query: { code: ["${QUERY}"] }
      authorization: { scheme: Basic, parameter: "${BASIC}" }
    proxy: { url: "https://proxy.example.com", username: u, password: "${PROXY}" }
apis:
  a:
    path: a
    operations: { o: { method: GET, urlTemplate: /o } }
subscriptions:
  s: { scope: api/a, primaryKey: "${PRIMARY}", secondaryKey: "${SECONDARY}" }
"#;

const VARIABLES: [&str; 8] = ["NAMED", "HUB", "HEADER", "QUERY", "BASIC", "PROXY", "PRIMARY", "SECONDARY"];

/// A secret whose raw, JSON-escaped, percent-encoded and base64 forms all differ.
fn canary(name: &str, generation: u32) -> String {
    format!("cAnArY+{name}/\"{generation}\"%é=")
}

fn forms(secret: &str) -> Vec<String> {
    let json = serde_json::to_string(secret).unwrap();
    let ascii: String = json.chars().map(|c| if c.is_ascii() { c.to_string() } else { format!("\\u{:04x}", c as u32) }).collect();
    let percent: String =
        secret.bytes().map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") }).collect();
    let mut forms =
        vec![secret.to_owned(), json.trim_matches('"').to_owned(), ascii.trim_matches('"').to_owned(), percent.to_lowercase(), percent];
    // base64 of a longer text that holds the secret: three alignments, without the characters that the neighbours decide.
    for shift in 0..3 {
        let encoded = STANDARD.encode(format!("{}{secret}", "x".repeat(shift)));
        let inner: String = encoded.trim_end_matches('=').chars().skip(4).collect();
        forms.push(inner.chars().take(inner.len().saturating_sub(2)).collect());
    }
    forms.retain(|form| form.len() >= 8);
    forms
}

struct Bench {
    directory: tempfile::TempDir,
    said: Vec<(String, Vec<u8>)>,
    secrets: Vec<String>,
}

impl Bench {
    fn run(&mut self, arguments: &[&str], generation: u32) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_apimctl"));
        command.current_dir(self.directory.path()).env_clear().args(arguments);
        for name in VARIABLES {
            command.env(name, canary(name, generation));
        }
        let output = command.output().unwrap();
        self.said.push((format!("{arguments:?} stdout"), output.stdout.clone()));
        self.said.push((format!("{arguments:?} stderr"), output.stderr.clone()));
        output
    }

    fn must(&mut self, arguments: &[&str], generation: u32) -> Output {
        let output = self.run(arguments, generation);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    /// Every secret that the store keeps, and the store's bodies as a thing to scan.
    fn read_store(&mut self) {
        let state = State::Directory(self.directory.path().join(".apimctl"));
        let emulator = Emulator::open(Options { state, ..Options::default() }).unwrap();
        for stored in emulator.store().snapshot().values() {
            self.secrets.extend(stored.secrets.values().map(|secret| secret.expose().clone()));
            self.said.push((format!("{} body", stored.id), stored.body.to_string().into_bytes()));
            self.said.push((format!("{} internal", stored.id), stored.internal.to_string().into_bytes()));
        }
    }

    fn read_files(&mut self, directory: &Path) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.read_files(&path);
            } else if path.extension().is_none_or(|extension| extension != "redb") {
                self.said.push((path.display().to_string(), std::fs::read(&path).unwrap()));
            }
        }
    }
}

#[test]
fn no_secret_is_ever_shown() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("spec.yaml"), SPEC).unwrap();
    let mut bench = Bench { directory, said: Vec::new(), secrets: Vec::new() };

    bench.run(&["validate", "spec.yaml", "--local"], 1);
    bench.must(&["plan", "spec.yaml", "--local", "--out", "plan.json"], 1);
    bench.must(&["plan", "spec.yaml", "--local", "--format", "json"], 1);
    bench.must(&["apply", "--plan", "plan.json", "--local", "--yes"], 1);
    bench.must(&["apply", "spec.yaml", "--local", "--yes", "--format", "json"], 1);
    bench.must(&["keys", "spec.yaml", "--local"], 1);
    bench.must(&["keys", "spec.yaml", "--local", "--format", "json"], 1);
    bench.read_store();
    // Every secret changes: noticed, and still not shown.
    let changed = bench.run(&["plan", "spec.yaml", "--local", "--detailed-exitcode", "--format", "json"], 2);
    assert_eq!(changed.status.code(), Some(2), "a changed secret is noticed");
    bench.must(&["apply", "spec.yaml", "--local", "--yes"], 2);
    bench.must(&["plan", "spec.yaml", "--local", "--detailed-exitcode"], 2);
    bench.read_store();
    bench.run(&["apply", "spec.yaml", "--local", "--yes", "--var", "NAMED=cAnArY-in-a-plain-variable", "--var", "oops"], 2);
    bench.must(&["keys", "spec.yaml", "--local", "--regenerate", "primary", "--yes"], 2);
    bench.read_store();
    bench.must(&["destroy", "spec.yaml", "--local", "--yes", "--purge"], 2);
    let root = bench.directory.path().to_owned();
    bench.read_files(&root);

    let mut secrets: Vec<String> = VARIABLES.iter().flat_map(|name| [canary(name, 1), canary(name, 2)]).collect();
    secrets.push("cAnArY-in-a-plain-variable".to_owned());
    secrets.append(&mut bench.secrets);
    secrets.sort();
    secrets.dedup();
    assert!(secrets.len() > 20, "the store's own secrets were not read");
    let mut leaks = Vec::new();
    for (place, bytes) in &bench.said {
        let text = String::from_utf8_lossy(bytes);
        for secret in &secrets {
            for form in forms(secret) {
                if text.contains(&form) {
                    leaks.push(format!("{place} shows {form}"));
                }
            }
        }
    }
    assert!(bench.said.len() > 40);
    assert!(leaks.is_empty(), "{leaks:#?}");
}

#[test]
fn the_scan_finds_every_form() {
    let secret = canary("X", 1);
    let text = [
        secret.clone(),
        serde_json::json!({ "a": secret }).to_string(),
        STANDARD.encode(format!("user:{secret} and more")),
        secret.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>().replace("%63", "c"),
    ];
    for text in &text[..3] {
        assert!(forms(&secret).iter().any(|form| text.contains(form)), "{text}");
    }
}
