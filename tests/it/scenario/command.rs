//! `apimctl test`: exit codes, streams, formats.

use std::process::{Command, Output};

use serde_json::Value;

use crate::support::root;

fn test(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_apimctl")).current_dir(root()).env_clear().arg("test").args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

const GOOD: &str = "examples/multi-region.test.yaml";
const FAILING: &str = "tests/cases/scenarios/failing.test.yaml";

#[test]
fn scenarios_that_hold_end_with_0_and_those_that_do_not_with_1() {
    let good = test(&[GOOD, "--only", "regions"]);
    assert_eq!(good.status.code(), Some(0), "{}{}", text(&good.stdout), text(&good.stderr));
    assert!(text(&good.stdout).contains("1 passed") && good.stderr.is_empty());

    let directory = tempfile::tempdir().unwrap();
    let junit = directory.path().join("results.xml");
    let html = directory.path().join("results.html");
    let (junit_path, html_path) = (junit.to_str().unwrap(), html.to_str().unwrap());
    let failing = test(&[GOOD, FAILING, "--only", "er", "--junit", junit_path, "--html", html_path]);
    assert_eq!(failing.status.code(), Some(1));
    let shown = text(&failing.stdout);
    for part in ["failing.test.yaml:11:", "- expected", "+ got", "trace of step 1", "inbound"] {
        assert!(shown.contains(part), "`{part}` is missing in {shown}");
    }
    let junit = std::fs::read_to_string(junit).unwrap();
    assert!(junit.contains("<failure") && junit.contains("<testsuites"), "{junit}");
    assert!(std::fs::read_to_string(html).unwrap().contains("<html"));
}

#[test]
fn json_tells_cases_and_findings() {
    let good = test(&[GOOD, "--only", "regions", "--format", "json"]);
    let document: Value = serde_json::from_slice(&good.stdout).unwrap();
    assert_eq!((&document["ok"], document["findings"].as_array().unwrap().len()), (&Value::Bool(true), 0));
    assert_eq!(document["suites"][0]["cases"][0]["status"], "passed");

    let bad = test(&["tests/cases/scenarios/invalid/live.test.yaml", "--format", "json"]);
    assert_eq!(bad.status.code(), Some(1));
    let document: Value = serde_json::from_slice(&bad.stdout).unwrap();
    assert_eq!(document["ok"], false);
    assert!(document["findings"].as_array().unwrap().iter().all(|finding| finding["code"] == "TST028" && finding["line"].is_u64()));
}

#[test]
fn a_file_with_errors_is_shown_with_its_lines() {
    let bad = test(&["tests/cases/scenarios/invalid/names.test.yaml"]);
    assert_eq!(bad.status.code(), Some(1));
    let shown = text(&bad.stderr);
    assert!(
        shown.contains("error[TST022]") && shown.contains("did you mean `consumer`?") && shown.contains("names.test.yaml:8:"),
        "{shown}"
    );
}

#[test]
fn a_path_without_scenarios_is_an_error_and_none_is_wrong_usage() {
    let nothing = test(&["policies"]);
    assert_eq!(nothing.status.code(), Some(1));
    assert!(text(&nothing.stderr).contains("no files of scenarios"), "{}", text(&nothing.stderr));
    assert_eq!(test(&[]).status.code(), Some(64));
    // A slip in `--only` must not look like success.
    let none = test(&[GOOD, "--only", "no such name"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(text(&none.stderr).contains("no scenario's name holds `no such name`"));
}
