//! The list of what is known of the service (`tests/cases/gateway/rules`): each row and rule has cases that show it, or another test, or a
//! reason why it is not emulated.

use std::collections::{BTreeMap, BTreeSet};

use apimctl::gateway::execute::{EMULATED, NOT_EMULATED};
use apimctl::policy::reference;
use serde::Deserialize;

use super::cases;
use crate::support::root;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    /// Section of the facts, and a running number within it.
    id: String,
    /// What the service does, in our words.
    says: String,
    /// Conformance cases that show it.
    #[serde(default)]
    cases: Vec<String>,
    /// `file::function` of other tests that show it, below `tests/it` or from the root.
    #[serde(default)]
    tests: Vec<String>,
    /// Why it is not emulated.
    not: Option<String>,
}

fn rules() -> Vec<Rule> {
    let folder = root().join("tests/cases/gateway/rules");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut rules = Vec::new();
    for path in paths {
        let plain = apimctl::spec::read_plain(&path).unwrap();
        let errors: Vec<_> = plain.findings.iter().filter(|finding| finding.is_error()).collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", path.display());
        let own: Vec<Rule> = serde_json::from_value(plain.value).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        rules.extend(own);
    }
    rules
}

#[test]
fn every_rule_has_its_cases() {
    let suites = cases::read(&root().join("tests/cases/gateway"));
    let names: BTreeSet<&str> = suites.iter().flat_map(|suite| &suite.cases).map(|case| case.name.as_str()).collect();
    let mut wrong = Vec::new();
    for rule in rules() {
        let at = format!("{} ({})", rule.id, rule.says);
        if rule.not.is_none() == (rule.cases.is_empty() && rule.tests.is_empty()) {
            wrong.push(format!("{at}: either cases and tests that show it, or why it is not emulated"));
        }
        wrong
            .extend(rule.cases.iter().filter(|name| !names.contains(name.as_str())).map(|name| format!("{at}: there is no case `{name}`")));
        for test in &rule.tests {
            let (file, function) = test.split_once("::").unwrap();
            let path = if file.starts_with("src/") { root().join(file) } else { root().join("tests/it").join(file) };
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            if !text.contains(&format!("fn {function}(")) {
                wrong.push(format!("{at}: there is no test `{test}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A gap in the numbers is a row that somebody took out; each section has at least so many rows and rules.
#[test]
fn no_rule_of_a_section_is_missing() {
    let mut sections: BTreeMap<String, usize> = BTreeMap::new();
    for rule in rules() {
        let (section, number) = rule.id.split_once('/').unwrap();
        let last = sections.entry(section.to_owned()).or_insert(0);
        *last += 1;
        assert_eq!(number, last.to_string(), "{}: out of turn", rule.id);
    }
    let counts: Vec<(&str, usize)> = sections.iter().map(|(section, count)| (section.as_str(), *count)).collect();
    let least = [
        ("1.1", 10),
        ("1.2", 15),
        ("1.3", 6),
        ("1.4", 21),
        ("1.5", 25),
        ("3.1", 10),
        ("3.2", 11),
        ("3.3", 10),
        ("3.4", 16),
        ("4", 13),
        ("5.1", 23),
        ("5.2", 8),
        ("5.3", 6),
        ("6.1", 15),
        ("6.2", 31),
        ("6.3", 2),
    ];
    for (section, count) in least {
        let found = counts.iter().find(|(own, _)| *own == section).map_or(0, |(_, count)| *count);
        assert!(found >= count, "section {section} has {found} of {count} rules");
    }
}

/// A case that no rule speaks of shows something that the list does not know yet; what is ours alone is named here.
#[test]
fn every_case_shows_a_rule() {
    let of_rules: BTreeSet<String> = rules().into_iter().flat_map(|rule| rule.cases).collect();
    // Rows whose sections the list does not hold: the language, traces, documents, what is ours.
    let elsewhere = ["expressions.", "tracing.", "pipeline.", "backends.status", "policies.body-consumed"];
    let mut without = Vec::new();
    for suite in cases::read(&root().join("tests/cases/gateway")) {
        for case in suite.cases {
            if !of_rules.contains(&case.name) && !elsewhere.iter().any(|row| case.row.starts_with(row)) {
                without.push(format!("{} ({})", case.name, case.row));
            }
        }
    }
    assert!(without.is_empty(), "cases that no rule names:\n{}", without.join("\n"));
}

#[test]
fn every_policy_of_the_reference_is_executed_or_refused_by_name() {
    // Control flow is compiled by the compiler itself.
    let built_in = ["base", "choose", "include-fragment", "retry", "wait"];
    let mut without = Vec::new();
    for policy in reference::policies() {
        let executed = built_in.contains(&policy.name) || EMULATED.iter().any(|(name, _)| *name == policy.name);
        let refused = NOT_EMULATED.iter().any(|(name, _)| *name == policy.name);
        if executed == refused {
            without.push(policy.name);
        }
    }
    assert!(without.is_empty(), "neither executed nor refused, or both: {without:?}");
}
