//! What must hold for every resource of every example, however the service answers.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::test_runner::TestRng;
use serde_json::{Map, json};

use super::*;
use crate::arm::catalogue::Rule;
use crate::deploy::desired::{self, Context, OWNER_TAG};
use crate::deploy::normalize::normalized;
use crate::deploy::resource::Reference;
use crate::spec::LoadOptions;
use crate::support::environment::Environment;

fn examples() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    // Scenarios and load profiles stand beside the specifications.
    paths.retain(|path| path.file_name().and_then(|name| name.to_str()?.split_once('.')).is_some_and(|(_, kind)| kind == "yaml"));
    paths.sort();
    assert!(paths.len() > 2, "the examples were not found");
    paths
}

fn resources() -> Vec<(DesiredResource, Filled)> {
    let context = Context {
        subscription_id: "00000000-0000-0000-0000-000000000001".to_owned(),
        tenant_id: "00000000-0000-0000-0000-000000000002".to_owned(),
        gateway_suffix: "azure-api.net".to_owned(),
        cognitive_services_audience: "https://cognitiveservices.azure.com".to_owned(),
    };
    let options = LoadOptions { environment: Environment::default(), local: true, ..LoadOptions::default() };
    let mut all = Vec::new();
    for path in examples() {
        let loaded = crate::spec::load::load(&path, &options).unwrap();
        assert!(loaded.spec.is_some(), "{}: {:?}", path.display(), loaded.findings);
        let (desired, findings) = desired::compile(&loaded, &context);
        assert!(findings.iter().all(|finding| !finding.is_error()), "{}: {findings:?}", path.display());
        for mut resource in desired.resources {
            if resource.management == Management::Link {
                continue;
            }
            // What is read only is never compared; here it shows that it could be.
            if resource.management == Management::ReadOnly {
                resource.management = Management::PatchIfForeign;
            }
            let filled = resource.fill(known);
            assert_eq!(filled.unknown, Vec::<String>::new(), "{}", resource.id);
            all.push((resource, filled));
        }
    }
    assert!(all.len() > 100, "only {} resources", all.len());
    all
}

fn known(reference: &Reference) -> Option<Value> {
    Some(match reference.pointer.as_str() {
        "/properties/endpoint" => json!(format!("https://{}.openai.azure.com/", reference.id.name())),
        other => json!(format!("value-of-{}", other.replace('/', "-"))),
    })
}

/// Maps whose keys are the user's: a further key in them is a further thing, not an unknown property.
fn is_free_map(path: &[String]) -> bool {
    path.last().is_some_and(|last| ["tags", "header", "query", "customProperties", "userAssignedIdentities"].contains(&last.as_str()))
}

/// The same meaning, written as oddly as the service may.
fn hostile(value: &Value, path: &mut Vec<String>, random: &mut TestRng) -> Value {
    match value {
        Value::Object(fields) => {
            let mut all: Vec<(String, Value)> = Vec::new();
            for (key, value) in fields {
                path.push(key.clone());
                all.push((key.clone(), hostile(value, path, random)));
                path.pop();
            }
            if !is_free_map(path) {
                all.push(("unheardOf".to_owned(), json!({ "deep": [{ "x": 1 }] })));
                all.push(("nothing".to_owned(), Value::Null));
                all.push(("none".to_owned(), json!([])));
            }
            shuffle(&mut all, random);
            Value::Object(all.into_iter().collect::<Map<_, _>>())
        }
        Value::Array(items) => {
            path.push("*".to_owned());
            let mut all: Vec<Value> = items.iter().map(|item| hostile(item, path, random)).collect();
            path.pop();
            shuffle(&mut all, random);
            Value::Array(all)
        }
        Value::Number(number) => number.as_i64().map_or_else(|| value.clone(), |whole| json!(whole as f64)),
        Value::String(text) if text.starts_with("/subscriptions/") => {
            let changed: String =
                text.chars().map(|one| if random.next_u32().is_multiple_of(2) { one.to_ascii_uppercase() } else { one }).collect();
            Value::String(changed)
        }
        Value::String(_) if path.as_slice() == ["location"] => match value.as_str() {
            Some("eastus") => json!("East US"),
            Some("westeurope") => json!("West Europe"),
            _ => value.clone(),
        },
        other => other.clone(),
    }
}

fn shuffle<T>(items: &mut [T], random: &mut TestRng) {
    for index in (1..items.len()).rev() {
        items.swap(index, random.next_u32() as usize % (index + 1));
    }
}

#[test]
fn a_resource_does_not_differ_from_itself() {
    for (resource, filled) in resources() {
        assert_eq!(compare(&resource, &filled, &filled.value, &Secrets::new()), [], "{}", resource.id);
        let kind = resource.resource_type();
        // The normal form of a policy is no policy.
        if !has_rule(&resource, "/properties/value", |rule| rule == Rule::Policy) {
            let once = normalized(&kind, &filled.value);
            assert_eq!(normalized(&kind, &once), once, "{}", resource.id);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nor_from_an_oddly_written_answer(seed in any::<[u8; 32]>()) {
        let mut random = TestRng::from_seed(proptest::test_runner::RngAlgorithm::ChaCha, &seed);
        for (resource, filled) in resources() {
            let live = hostile(&filled.value, &mut Vec::new(), &mut random);
            prop_assert_eq!(compare(&resource, &filled, &live, &Secrets::new()), [], "{}", resource.id);
        }
    }
}

/// Every pointer to a text, number or boolean.
fn leaves(value: &Value, pointer: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                leaves(value, &format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(items) => items.iter().enumerate().for_each(|(index, item)| leaves(item, &format!("{pointer}/{index}"), found)),
        Value::Null => {}
        _ => found.push(pointer.to_owned()),
    }
}

fn has_rule(resource: &DesiredResource, pointer: &str, wanted: impl Fn(Rule) -> bool) -> bool {
    let path: Vec<&str> = pointer.split('/').skip(1).collect();
    let found = |length: usize| {
        let lines = resource.entry().unwrap().properties.iter().filter(|line| line.matches(&path[..length]));
        lines.map(|line| line.rule).any(&wanted)
    };
    (1..=path.len()).any(found)
}

#[test]
fn every_value_that_is_sent_counts() {
    let mut checked = 0;
    for (resource, filled) in resources() {
        let mut pointers = Vec::new();
        leaves(&filled.value, "", &mut pointers);
        for pointer in pointers {
            if pointer.ends_with(OWNER_TAG) || has_rule(&resource, &pointer, |rule| matches!(rule, Rule::WriteOnly | Rule::ReadOnly)) {
                continue;
            }
            let mut live = filled.value.clone();
            let place = live.pointer_mut(&pointer).unwrap();
            *place = match place {
                Value::String(text) => json!(format!("{text}x")),
                Value::Bool(flag) => json!(!*flag),
                Value::Number(number) => json!(number.as_f64().unwrap() + 1.0),
                other => panic!("{other}"),
            };
            let changes = compare(&resource, &filled, &live, &Secrets::new());
            assert!(!changes.is_empty(), "{} {pointer}", resource.id);
            let sent = update(&resource, &filled, &live, &changes);
            let mended = match sent.verb {
                Verb::Put => sent.body,
                Verb::Patch => {
                    crate::deploy::bodies::merge(&mut live, sent.body);
                    live
                }
            };
            let replaced = changes.iter().any(|change| change.replace.is_some());
            assert!(replaced || compare(&resource, &filled, &mended, &Secrets::new()).is_empty(), "{} {pointer}: not mended", resource.id);
            checked += 1;
        }
    }
    assert!(checked > 500, "only {checked}");
}

#[test]
fn every_value_that_is_missing_counts_unless_it_is_the_default() {
    for (resource, filled) in resources() {
        let mut pointers = Vec::new();
        leaves(&filled.value, "", &mut pointers);
        for pointer in pointers {
            let excused = |rule| matches!(rule, Rule::WriteOnly | Rule::ReadOnly | Rule::Default(_) | Rule::Secret | Rule::SecretIf(_));
            let Some((parent, key)) = pointer.rsplit_once('/') else { continue };
            let value = filled.value.pointer(&pointer).unwrap();
            let says_nothing = crate::deploy::normalize::is_empty(value);
            if says_nothing || pointer.ends_with(OWNER_TAG) || key.parse::<usize>().is_ok() || has_rule(&resource, &pointer, excused) {
                continue;
            }
            let mut live = filled.value.clone();
            live.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(&key.replace("~1", "/").replace("~0", "~"));
            assert!(!compare(&resource, &filled, &live, &Secrets::new()).is_empty(), "{} {pointer}", resource.id);
        }
    }
}
