//! Every example loads without an error, and satisfies the published JSON Schema as an independent validator reads it.

use std::path::Path;

use apimctl::spec::{self, LoadOptions, Loaded, codes};

use crate::support::examples;

use super::report;

fn local() -> LoadOptions {
    LoadOptions { local: true, ..LoadOptions::default() }
}

fn load(name: &str, options: &LoadOptions) -> Loaded {
    spec::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name), options).unwrap()
}

#[test]
fn every_example_loads_without_an_error_and_without_azure_settings() {
    let paths = examples();
    assert_eq!(paths.len(), 5);
    for path in paths {
        let loaded = spec::load(&path, &local()).unwrap();
        assert!(!loaded.has_errors(), "{}\n{}", path.display(), report(&loaded));
        let spec = loaded.spec.unwrap();
        assert_eq!((spec.tenant_id, spec.subscription_id), (None, None));
    }
}

#[test]
fn only_the_tutorial_as_written_is_warned_about_traps() {
    for path in examples() {
        let loaded = spec::load(&path, &local()).unwrap();
        let traps: Vec<&str> = loaded.findings.iter().map(|finding| finding.code.id).collect();
        if path.ends_with("tutorial-as-written.yaml") {
            for trap in [
                codes::ROUND_ROBIN_WITH_PRIORITIES,
                codes::POOL_WITHOUT_BREAKER,
                codes::ROOT_API_WITHOUT_SDK,
                codes::BEARER_UNSERVED,
                codes::METRICS_WITHOUT_DIMENSIONS,
                codes::FRUITLESS_QUERY,
            ] {
                assert!(traps.contains(&trap.id), "{}: {}\n{}", trap.id, trap.title, report(&loaded));
            }
        } else {
            assert!(traps.is_empty(), "{}\n{}", path.display(), report(&loaded));
        }
    }
}

#[test]
fn every_example_satisfies_the_published_schema() {
    let validator = jsonschema::draft202012::new(spec::schema()).unwrap();
    for path in examples() {
        let json = spec::document_as_json(&path, &local()).unwrap().unwrap();
        let errors: Vec<String> = validator.iter_errors(&json).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{}\n{}", path.display(), errors.join("\n"));
    }
}

#[test]
fn the_schema_is_itself_a_schema_and_describes_every_key() {
    assert!(jsonschema::meta::is_valid(spec::schema()));
    let mut bare = Vec::new();
    undescribed(spec::schema(), "", &mut bare);
    assert!(bare.is_empty(), "without a description: {bare:?}");
}

fn undescribed(schema: &serde_json::Value, path: &str, found: &mut Vec<String>) {
    for (name, property) in schema.get("properties").and_then(serde_json::Value::as_object).into_iter().flatten() {
        if property.get("description").is_none() {
            found.push(format!("{path}/{name}"));
        }
    }
    for (name, definition) in schema.get("$defs").and_then(serde_json::Value::as_object).into_iter().flatten() {
        undescribed(definition, name, found);
    }
}

#[test]
fn an_environment_changes_what_it_names_and_nothing_else() {
    let all = load("multi-region.yaml", &local()).spec.unwrap();
    let test = load("multi-region.yaml", &LoadOptions { environment_name: Some("test".into()), ..local() });
    assert!(!test.has_errors(), "{}", report(&test));
    let test = test.spec.unwrap();
    assert_eq!((all.service.name.as_str(), test.service.name.as_str()), ("apim-openai-global-prod", "apim-openai-global-test"));
    assert_eq!(test.service.sku.as_ref().map(|sku| (sku.name().to_owned(), sku.capacity())), Some(("Premium".to_owned(), Some(1))));
    assert!(test.service.zones.is_none() && test.service.additional_locations.is_none());
    assert_eq!(test.metric_alerts["capacity"].enabled, Some(false));
    assert_eq!(test.metric_alerts["capacity"].threshold, all.metric_alerts["capacity"].threshold);
    assert_eq!(test.apis.len(), all.apis.len());
}

#[test]
fn files_from_windows_read_the_same() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("examples")).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let windows = |text: &str| format!("\u{feff}{}", text.replace('\n', "\r\n"));
    std::fs::create_dir_all(folder.path().join("policies/fragments")).unwrap();
    for directory in ["policies", "policies/fragments"] {
        for entry in std::fs::read_dir(root.join(directory)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let text = std::fs::read_to_string(&path).unwrap();
                std::fs::write(folder.path().join(directory).join(path.file_name().unwrap()), windows(&text)).unwrap();
            }
        }
    }
    for name in ["openai-lb.yaml", "multi-team.yaml", "tutorial-as-written.yaml"] {
        let text = std::fs::read_to_string(root.join("examples").join(name)).unwrap();
        let path = folder.path().join("examples").join(name);
        std::fs::write(&path, windows(&text)).unwrap();
        let (unix, dos) = (load(name, &local()), spec::load(&path, &local()).unwrap());
        assert_eq!(format!("{:?}", unix.spec), format!("{:?}", dos.spec), "{name}");
        let places = |loaded: &Loaded| -> Vec<(&str, u32, u32)> {
            let place = |finding: &apimctl::support::finding::Finding| {
                let position = loaded.sources.position(finding.span.unwrap());
                (finding.code.id, position.line, position.column)
            };
            loaded.findings.iter().map(place).collect()
        };
        assert_eq!(places(&unix), places(&dos), "{name}");
        let plain =
            |loaded: &Loaded| -> Vec<String> { loaded.policies.values().map(|policy| policy.text.text().replace("\r\n", "\n")).collect() };
        assert_eq!(plain(&unix), plain(&dos), "{name}");
    }
}

/// Each way in which the tutorial is wrong that a specification or a policy can show, and what tells of it. Not among them: that a
/// contributor cannot assign roles and that a deployment cannot be renamed, which only the preflight sees.
#[test]
fn every_trap_of_the_tutorial_is_told() {
    let rows: [(&str, &[&str]); 14] = [
        ("a bearer token is turned into a key header in <inbound>", &["POL100", "SPEC083"]),
        ("an SDK is pointed at the root of the gateway", &["SPEC082"]),
        ("round robin with two priorities", &["SPEC080"]),
        ("a pool without breakers leaves no member out", &["SPEC081"]),
        ("more attempts than the pool has members", &["POL202"]),
        ("a condition on a response that may be null", &["POL102"]),
        ("a retry without a buffered request", &["POL101"]),
        ("streams are buffered by default", &["POL103"]),
        ("a missing Priority header counts as the highest, what is no number is a 500", &["POL105", "POL104"]),
        ("any client chooses provisioned throughput", &["POL114"]),
        ("the client's key goes to the backend", &["POL211"]),
        ("the variable of the dimension is never set", &["POL107"]),
        ("metrics without dimensions", &["SPEC084"]),
        ("a query on tables and URLs that hold nothing of the kind", &["SPEC087"]),
    ];
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_apimctl"))
        .args(["validate", "examples/tutorial-as-written.yaml", "--local", "--format", "json"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear()
        .output()
        .unwrap();
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["ok"], true, "a trap is a warning, not an error");
    let codes: Vec<&str> = told["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap()).collect();
    for (row, expected) in rows {
        for code in expected {
            assert!(codes.contains(code), "{row}: {code} is not among {codes:?}");
        }
    }
}
