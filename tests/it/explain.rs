//! `apimctl explain`, and the pages that it prints.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use apimctl::cli::findings;
use serde_json::Value;

use crate::support::root;

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_apimctl")).current_dir(root()).env_clear().args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn every_code_has_its_page_and_no_page_is_of_no_code() {
    let pages: Vec<_> = findings::pages().collect();
    let sections = std::fs::read_to_string(root().join("docs/findings.md")).unwrap().matches("\n## ").count();
    assert_eq!(pages.len(), sections, "a section has no cause, example or cure");
    let codes = findings::codes();
    for code in &codes {
        let page = findings::page(code.id).unwrap_or_else(|| panic!("{} is not explained in docs/findings.md", code.id));
        assert_eq!((page.code, page.title), (code.id, code.title));
        assert!([page.cause, page.example, page.cure].iter().all(|part| part.len() > 4), "{page:?}");
        assert!(page.cause.ends_with('.'), "{page:?}");
    }
    let ids: BTreeSet<_> = codes.iter().map(|code| code.id).collect();
    assert_eq!(ids.len(), codes.len(), "a code is listed twice");
    // Modules may speak of the same thing (a file that is no YAML); one module does not say it twice.
    let titles: BTreeSet<_> = codes.iter().map(|code| (&code.id[..3], code.title)).collect();
    assert_eq!(titles.len(), codes.len(), "a title stands twice");
    assert_eq!(pages.len(), codes.len(), "no page is of a code that is not there, and none stands twice");
}

/// A module whose codes are not listed would have none of them explained: what looks like a code's declaration in the source is looked for.
#[test]
fn no_module_keeps_its_codes_to_itself() {
    let pattern = regex::Regex::new(r#"(?:= |id: |\()"([A-Z]{3,4}\d{3})""#).unwrap();
    let mut found = BTreeSet::new();
    visit(&root().join("src"), &mut |path| {
        if path.file_name().is_some_and(|name| name == "codes.rs") {
            let text = std::fs::read_to_string(path).unwrap();
            found.extend(pattern.captures_iter(&text).map(|captures| captures[1].to_owned()));
        }
    });
    let listed: BTreeSet<String> = findings::codes().iter().map(|code| code.id.to_owned()).collect();
    assert!(found.len() > 150, "{found:?}");
    assert_eq!(found, listed);
}

fn visit(directory: &Path, see: &mut impl FnMut(&Path)) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { visit(&path, see) } else { see(&path) }
    }
}

#[test]
fn a_code_is_explained_whatever_its_case_and_a_slip_is_met_with_a_suggestion() {
    let output = run(&["explain", "pol101"]);
    assert!(output.status.success());
    let said = text(&output.stdout);
    for words in ["POL101: a retry that cannot send the request body again", "Cause", "Example", "Cure", "buffer-request-body"] {
        assert!(said.contains(words), "`{words}` is not in:\n{said}");
    }
    assert!(!said.contains('\u{1b}'), "{said}");

    let json: Value = serde_json::from_slice(&run(&["explain", "SPEC040", "--format", "json"]).stdout).unwrap();
    assert_eq!(json["code"], "SPEC040");
    assert!(["title", "cause", "example", "cure"].iter().all(|part| json[part].as_str().is_some_and(|text| !text.is_empty())));

    let slip = run(&["explain", "POL1O1"]);
    assert_eq!(slip.status.code(), Some(1));
    assert!(text(&slip.stderr).contains("did you mean `POL101`?"), "{}", text(&slip.stderr));
    let nonsense = run(&["explain", "frobnicate"]);
    assert_eq!(nonsense.status.code(), Some(1));
    assert!(text(&nonsense.stderr).contains("`apimctl explain` lists"), "{}", text(&nonsense.stderr));
}

#[test]
fn without_a_code_all_are_listed() {
    assert_eq!(text(&run(&["explain"]).stdout).lines().count(), findings::codes().len());
    let json: Value = serde_json::from_slice(&run(&["explain", "--format", "json"]).stdout).unwrap();
    assert_eq!(json["findings"].as_array().unwrap().len(), findings::codes().len());
}

#[test]
fn a_narrow_terminal_gets_short_lines() {
    let output = Command::new(env!("CARGO_BIN_EXE_apimctl")).env_clear().env("COLUMNS", "50").args(["explain", "ARM003"]).output().unwrap();
    let said = text(&output.stdout);
    // The title stays on its line, and code stays whole.
    assert!(said.lines().skip(1).all(|line| line.chars().count() <= 50 || line.contains('`')), "{said}");
    assert!(said.lines().count() > 8, "{said}");
}

#[test]
fn validate_points_to_explain_and_sarif_carries_the_pages() {
    let spec = "examples/tutorial-as-written.yaml";
    assert!(text(&run(&["validate", spec, "--local"]).stderr).contains("`apimctl explain "));
    let sarif: Value = serde_json::from_slice(&run(&["validate", spec, "--local", "--format", "sarif"]).stdout).unwrap();
    let rules = sarif["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
    assert!(!rules.is_empty() && rules.iter().all(|rule| rule["help"]["text"].as_str().unwrap().contains("Cure: ")));
    let annotations = text(&run(&["validate", spec, "--local", "--format", "azure-pipelines"]).stdout);
    let results = sarif["runs"][0]["results"].as_array().unwrap().len();
    assert_eq!(annotations.lines().filter(|line| line.starts_with("##vso[task.logissue type=")).count(), results, "{annotations}");
}
