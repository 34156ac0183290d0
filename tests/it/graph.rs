//! `apimctl graph`: every resource's way is in the drawing, and each format is one that its readers take.

use std::process::{Command, Output};

use serde_json::Value;

use crate::support::{examples, root};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_apimctl")).current_dir(root()).env_clear().args(arguments).output().unwrap()
}

fn drawn(spec: &str, format: &str) -> String {
    let output = run(&["graph", spec, "--format", format]);
    assert!(output.status.success(), "{spec} {format}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn names(model: &Value, kind: &str) -> Vec<String> {
    model["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|node| node["kind"] == kind)
        .map(|node| node["title"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_way_of_a_request_is_told_from_key_to_account() {
    let model: Value = serde_json::from_str(&drawn("examples/ptu-priority.yaml", "json")).unwrap();
    assert_eq!(names(&model, "key"), ["checkout-service", "batch-jobs"]);
    assert_eq!(names(&model, "product"), ["openai-ptu", "standard"]);
    assert_eq!(names(&model, "api"), ["openai"]);
    assert_eq!(names(&model, "pool"), ["OpenAI-PTU", "OpenAI-LB"]);
    assert_eq!(names(&model, "backend").len(), 3);
    assert_eq!(names(&model, "account").len(), 3);
    let title = |id: &Value| {
        model["nodes"].as_array().unwrap().iter().find(|node| node["id"] == *id).unwrap()["title"].as_str().unwrap().to_owned()
    };
    let edges: Vec<(String, String, bool, Option<String>)> = model["edges"]
        .as_array()
        .unwrap()
        .iter()
        .map(|edge| {
            (title(&edge["from"]), title(&edge["to"]), edge["choice"].as_bool().unwrap(), edge["label"].as_str().map(str::to_owned))
        })
        .collect();
    let has = |from: &str, to: &str, choice: bool, label: Option<&str>| {
        let wanted = (from.to_owned(), to.to_owned(), choice, label.map(str::to_owned));
        assert!(edges.contains(&wanted), "{wanted:?} is not in {edges:#?}");
    };
    has("checkout-service", "openai-ptu", false, None);
    has("openai-ptu", "openai", false, None);
    // The policy decides, request by request.
    has("openai", "OpenAI-PTU", true, None);
    has("openai", "OpenAI-LB", true, None);
    has("OpenAI-PTU", "ptu", false, Some("priority 1"));
    has("OpenAI-PTU", "payg-sweden", false, Some("priority 2, weight 67"));
    has("ptu", "doveia-swc-openai-ptu", false, None);
    // An address that is no account, a key for everything, and a product that a fragment's API belongs to.
    let teams: Value = serde_json::from_str(&drawn("examples/multi-team.yaml", "json")).unwrap();
    assert!(names(&teams, "account").contains(&"moderation.doveia.com".to_owned()));
    assert!(names(&teams, "monitor").contains(&"2 alerts".to_owned()));
}

#[test]
fn every_example_is_drawn_in_every_format_with_all_of_its_names() {
    for path in examples() {
        let spec = path.to_str().unwrap();
        let model: Value = serde_json::from_str(&drawn(spec, "json")).unwrap();
        for format in ["svg", "mermaid", "dot"] {
            let text = drawn(spec, format);
            for node in model["nodes"].as_array().unwrap() {
                let title = node["title"].as_str().unwrap();
                assert!(text.contains(title), "{spec} {format}: `{title}` is not drawn");
            }
        }
    }
}

#[test]
fn the_svg_is_well_formed_stands_on_its_own_and_is_readable_light_and_dark() {
    for path in examples() {
        let svg = drawn(path.to_str().unwrap(), "svg");
        let mut reader = quick_xml::Reader::from_str(&svg);
        let mut depth = 0_i32;
        loop {
            match reader.read_event().unwrap_or_else(|error| panic!("{}: {error}", path.display())) {
                quick_xml::events::Event::Start(_) => depth += 1,
                quick_xml::events::Event::End(_) => depth -= 1,
                quick_xml::events::Event::Eof => break,
                _ => {}
            }
        }
        assert_eq!(depth, 0);
        assert!(svg.contains("prefers-color-scheme:dark") && svg.contains("aria-label=\"The resources of"));
        let outside = svg.replace("http://www.w3.org/2000/svg", "");
        for foreign in ["href=", "<script", "<image", "http:", "https:", "@import", "NaN", "inf"] {
            assert!(!outside.contains(foreign), "{}: `{foreign}`", path.display());
        }
        // No two boxes of one kind of thing stand on each other.
        let boxes = boxes(&svg);
        for (index, one) in boxes.iter().enumerate() {
            for other in &boxes[index + 1..] {
                let apart =
                    one.0 + one.2 <= other.0 || other.0 + other.2 <= one.0 || one.1 + one.3 <= other.1 || other.1 + other.3 <= one.1;
                // The second edge of a pool stands behind its first.
                let behind = (other.0 - one.0 - 4.0).abs() < 0.2 || (one.0 - other.0 - 4.0).abs() < 0.2;
                assert!(apart || behind, "{}: {one:?} {other:?}", path.display());
            }
        }
        assert!(boxes.len() > 5);
    }
}

/// Position and size of every node's box.
fn boxes(svg: &str) -> Vec<(f64, f64, f64, f64)> {
    let pattern = regex::Regex::new(r#"<rect class="node [a-z]+" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)""#).unwrap();
    let number = |captures: &regex::Captures<'_>, index: usize| captures[index].parse::<f64>().unwrap();
    pattern.captures_iter(svg).map(|found| (number(&found, 1), number(&found, 2), number(&found, 3), number(&found, 4))).collect()
}

#[test]
fn the_file_says_the_format_and_hostile_names_stay_text() {
    let directory = tempfile::tempdir().unwrap();
    let spec = directory.path().join("odd.yaml");
    std::fs::write(
        &spec,
        "apiVersion: apimctl/v1\nname: odd\nresourceGroup: { name: rg, location: westeurope }\nservice: { name: apim, sku: Developer, publisherName: P, publisherEmail: p@example.com }\nbackends: { b: { url: \"https://b.example.com/?a=<x>&\\\"\" } }\nproducts: { p: { apis: [a], state: notPublished } }\napis: { a: { path: \"x\", apiRevision: '1', operations: { o: { method: GET, urlTemplate: / } } } }\nsubscriptions: { s: { displayName: s, scope: all } }\n",
    )
    .unwrap();
    for (file, begins) in [("a.svg", "<svg"), ("a.mmd", "flowchart LR"), ("a.dot", "digraph"), ("a.json", "{")] {
        let out = directory.path().join(file);
        let output = run(&["graph", spec.to_str().unwrap(), "--out", out.to_str().unwrap()]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = std::fs::read_to_string(&out).unwrap();
        assert!(text.starts_with(begins), "{file}: {text}");
        assert!(!text.contains("<x>"), "{file}: {text}");
    }
    let wrong = run(&["plan", "examples/openai-lb.yaml", "--local", "--format", "svg"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("for `graph`"));
    let invalid = run(&["graph", "tests/cases/specs/invalid/unknown-keys.yaml"]);
    assert_eq!(invalid.status.code(), Some(1));
}
