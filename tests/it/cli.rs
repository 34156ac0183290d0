//! The command-line contract: exit codes, streams, formats.

use std::process::{Command, Output};

use serde_json::Value;

use crate::support::root;

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_apimctl")).current_dir(root()).env_clear().args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn wrong_usage_is_64_and_help_is_0_on_stdout() {
    for arguments in
        [&["frobnicate"][..], &["plan"], &["plan", "x.yaml", "--no-such-flag"], &["apply"], &["apply", "x.yaml", "--plan", "y"]]
    {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
    for arguments in [&["--help"][..], &["--version"], &["apply", "--help"]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(!output.stdout.is_empty() && output.stderr.is_empty(), "{arguments:?}");
    }
    assert!(text(&run(&["aply"]).stderr).contains("apply"), "a slip is met with a suggestion");
}

#[test]
fn every_command_has_an_example_in_its_help() {
    for command in [["policy", "check"], ["policy", "fmt"]] {
        let help = text(&run(&[command[0], command[1], "--help"]).stdout);
        assert!(help.contains("Example"), "{command:?}: {help}");
    }
    for command in ["validate", "plan", "apply", "destroy", "keys", "emulator", "schema"] {
        let help = text(&run(&[command, "--help"]).stdout);
        assert!(help.contains("Example"), "{command}: {help}");
    }
}

#[test]
fn plan_tells_changes_by_its_exit_code_and_in_json() {
    let state = tempfile::tempdir().unwrap();
    let state = state.path().to_str().unwrap();
    let spec = "examples/openai-lb.yaml";
    let at = ["--local", "--state-dir", state];
    let before = run(&[&["plan", spec, "--detailed-exitcode", "--format", "json"], &at[..]].concat());
    assert_eq!(before.status.code(), Some(2), "{}", text(&before.stderr));
    let plan: Value = serde_json::from_slice(&before.stdout).unwrap();
    let changes = plan["changes"].as_array().unwrap();
    assert_eq!(plan["summary"]["create"].as_u64().unwrap() as usize, changes.iter().filter(|change| change["action"] == "create").count());
    assert!(changes.iter().all(|change| change["type"].is_string() && change["id"].is_string() && change["properties"].is_array()));

    // A plan writes nothing, and without `--yes` there is nobody to ask.
    let asked = run(&[&["apply", spec], &at[..]].concat());
    assert_eq!(asked.status.code(), Some(1));
    assert!(text(&asked.stderr).contains("--yes"));

    let applied = run(&[&["apply", spec, "--yes", "--format", "json"], &at[..]].concat());
    assert_eq!(applied.status.code(), Some(0), "{}", text(&applied.stderr));
    let events: Vec<Value> = text(&applied.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let created = events.iter().find(|event| event["event"] == "summary").unwrap()["created"].as_u64().unwrap();
    assert_eq!(created, plan["summary"]["create"].as_u64().unwrap());
    assert!(events.iter().any(|event| event["event"] == "outputs"));

    let after = run(&[&["plan", spec, "--detailed-exitcode"], &at[..]].concat());
    assert_eq!(after.status.code(), Some(0), "{}", text(&after.stdout));
}

#[test]
fn a_saved_plan_is_carried_out_once_and_refused_when_it_is_stale() {
    let state = tempfile::tempdir().unwrap();
    let plan = state.path().join("plan.json");
    let (state, plan) = (state.path().to_str().unwrap(), plan.to_str().unwrap());
    let at = ["--local", "--state-dir", state];
    assert!(run(&[&["plan", "examples/openai-lb.yaml", "--out", plan], &at[..]].concat()).status.success());
    let applied = run(&[&["apply", "--plan", plan, "--yes"], &at[..]].concat());
    assert!(applied.status.success(), "{}", text(&applied.stderr));
    let again = run(&[&["apply", "--plan", plan, "--yes"], &at[..]].concat());
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("stale"), "{}", text(&again.stderr));
}

#[test]
fn validate_reports_all_findings_in_every_format_and_never_panics() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bad.yaml");
    std::fs::write(&path, "apiVersion: apimctl/v1\nname: n\nresourceGroup: { nam: x }\nservice: { name: 9 }\nbakends: {}\n").unwrap();
    let path = path.to_str().unwrap();
    let json = run(&["validate", path, "--local", "--format", "json"]);
    assert_eq!(json.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(report["ok"], false);
    let findings = report["findings"].as_array().unwrap();
    assert!(findings.len() >= 3, "{findings:#?}");
    for finding in findings {
        assert!(finding["code"].as_str().unwrap().starts_with("SPEC"));
        assert!(["syntax", "place", "type", "trap"].contains(&finding["kind"].as_str().unwrap()));
        assert!(finding["line"].as_u64().unwrap() >= 1 && finding["path"] == path);
    }
    let sarif: Value = serde_json::from_slice(&run(&["validate", path, "--local", "--format", "sarif"]).stdout).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), findings.len());
    let github = run(&["validate", path, "--local", "--format", "github"]);
    assert_eq!(text(&github.stdout).lines().count(), findings.len());
    let plain = text(&run(&["validate", path, "--local"]).stderr);
    assert!(plain.contains("bakends") && plain.contains("^") && !plain.contains('\u{1b}'), "{plain}");
}

#[test]
fn a_closed_pipe_is_no_error() {
    let mut child =
        Command::new(env!("CARGO_BIN_EXE_apimctl")).arg("schema").env_clear().stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_schema_beside_the_examples_is_the_one_that_is_printed() {
    let printed = run(&["schema"]).stdout;
    let kept = std::fs::read(root().join("examples/apimctl.schema.json")).unwrap();
    assert!(printed == kept, "run `apimctl schema > examples/apimctl.schema.json`");
}
