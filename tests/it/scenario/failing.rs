//! Every expectation can fail, and says at which line.

use std::time::Duration;

use apimctl::report::{TextOptions, json, text};
use apimctl::scenario::report;
use apimctl::scenario::result::Verdict;
use apimctl::scenario::runner::paused;
use apimctl::scenario::subject::Subject;
use apimctl::spec::load::LoadOptions;

use super::{cases, run};
use crate::support::root;

#[test]
fn each_expectation_fails_where_it_should_and_names_its_line() {
    let report = run(&[cases().join("failing.test.yaml")]);
    let suite = &report.suites[0];
    assert!(!suite.has_errors(), "{:#?}", suite.findings);
    // Names that are sentences stand for expectations that share a name with another.
    let other = [("no backend is one", "backend"), ("so many attempts", "attempts"), ("such a trace", "trace")];
    for scenario in &suite.scenarios {
        let name = other.iter().find(|(name, _)| *name == scenario.name).map_or(scenario.name.as_str(), |(_, about)| about);
        let mismatches: Vec<_> = scenario.steps.iter().flat_map(|step| &step.mismatches).collect();
        let about: Vec<&str> = mismatches.iter().map(|mismatch| mismatch.about.as_str()).collect();
        assert_eq!(about, name.split(' ').collect::<Vec<_>>(), "{}: {mismatches:#?}", scenario.name);
        assert_eq!(scenario.verdict, Verdict::Failed);
        for mismatch in mismatches {
            let at = mismatch.at.unwrap();
            let file = suite.sources.get(at.source).unwrap();
            let marked = &file.text[at.start as usize..at.end as usize];
            let part = |part: &str| marked.contains(part.split('[').next().unwrap());
            assert!(
                mismatch.about.split('.').any(part) || mismatch.about == "trace" || mismatch.about == "order",
                "{marked}: {mismatch:?}"
            );
            assert_ne!(mismatch.expected, mismatch.got, "{mismatch:?}");
        }
        assert!(scenario.steps[0].trace.as_ref().is_some_and(|trace| trace.contains("inbound")), "{}: no trace", scenario.name);
    }
    assert!(suite.scenarios.len() >= 33, "{}", suite.scenarios.len());
}

/// A failing step shows its trace, and neither that nor anything else shows the key that the request was sent with.
#[test]
fn no_report_holds_a_key() {
    let spec = root().join("examples/openai-lb.yaml");
    let subject = Subject::read(&spec, &LoadOptions { local: true, ..LoadOptions::default() }).unwrap();
    let applied = paused(subject.apply()).unwrap().unwrap();
    let subscriptions = applied.stored.values().filter(|stored| stored.id.name() == "azure-openai-consumer");
    let keys: Vec<&str> = subscriptions.flat_map(|stored| stored.secrets.values()).map(|secret| secret.expose().as_str()).collect();
    assert_eq!(keys.len(), 2, "both keys of the subscription");

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("leak.test.yaml");
    let mut scenarios = String::new();
    for place in ["client: subscription-key", "client: bearer", "client: azure-openai-sdk", "query: subscription-key", "query: api-key"] {
        for secondary in [true, false] {
            let key = format!("{{ subscription: azure-openai-consumer, secondary: {secondary}, {place} }}");
            scenarios.push_str(&format!(
                "  - name: \"{place} {secondary}\"\n    request: {{ path: /deployments/gpt-4o-mini/chat/completions, \
                 query: {{ api-version: 2024-02-15-preview }}, json: {{}}, key: {key} }}\n    \
                 expect: {{ status: 201, received: {{ \"*\": {{ target: none, headers: {{ authorization: none }} }} }} }}\n"
            ));
        }
    }
    std::fs::write(&path, format!("spec: {}\nscenarios:\n{scenarios}", spec.display())).unwrap();
    let report_of = run(&[path]);
    assert_eq!(report_of.counts(), (0, 10, 0), "{:#?}", report_of.suites[0].findings);
    let told = report(&report_of, None, Duration::ZERO);
    let shown = format!("{}{}{report_of:?}", text(&told, TextOptions::default()), json(&told));
    assert!(shown.contains("********") && shown.contains("subscription-key"));
    assert!(keys.iter().all(|key| !shown.contains(key)), "a key is shown");
}

/// What fails about a secret is told without it.
#[test]
fn no_report_holds_a_secret_named_value() {
    let report_of = run(&[cases().join("masked.test.yaml")]);
    assert_eq!(report_of.counts(), (0, 1, 0), "{:#?}", report_of.suites[0].findings);
    let told = report(&report_of, None, Duration::ZERO);
    let shown = format!("{}{}{report_of:?}", text(&told, TextOptions::default()), json(&told));
    assert!(shown.contains("headers.x-partner-key") && shown.contains("headers.x-again") && shown.contains("[secret]"), "{shown}");
    let without_sources = shown.replace("${PARTNER_KEY:-a-key-that-nobody-sees}", "");
    assert!(!without_sources.contains("a-key-that-nobody-sees"), "{shown}");
}
