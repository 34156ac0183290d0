//! Cases that are data.

use std::path::{Path, PathBuf};

use apimctl::simulator::behavior::from_yaml;
use regex::Regex;
use serde_json::Value;

use super::*;

fn file(name: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/simulator").join(name);
    let plain = apimctl::spec::read_plain(&path).unwrap();
    assert!(plain.findings.is_empty(), "{:?}", plain.findings);
    assert!(plain.value["source"].is_string());
    plain.value["cases"].as_array().unwrap().clone()
}

/// Where `found` differs from `expected`: members that are not expected may be there; `~` begins a regular expression.
fn difference(expected: &Value, found: &Value, pointer: &str) -> Option<String> {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => expected.iter().find_map(|(name, expected)| {
            difference(expected, found.get(name).unwrap_or(&Value::String("(absent)".to_owned())), &format!("{pointer}/{name}"))
        }),
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => expected
            .iter()
            .zip(found)
            .enumerate()
            .find_map(|(index, (expected, found))| difference(expected, found, &format!("{pointer}/{index}"))),
        (Value::String(expected), Value::String(found)) if expected.starts_with('~') => {
            (!Regex::new(&expected[1..]).unwrap().is_match(found)).then(|| format!("{pointer}: {found:?} is not like {expected:?}"))
        }
        _ => (expected != found).then(|| format!("{pointer}: expected {expected}, found {found}")),
    }
}

#[tokio::test(start_paused = true)]
async fn answers_are_those_of_the_service() {
    let mut failed = Vec::new();
    let cases = file("answers.yaml");
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        assert!(case["source"].is_string(), "{name} has no source");
        let fixture = fixture_with(accounts(), Behavior::default());
        let asked = &case["request"];
        let mut request = Request::builder().method(asked["method"].as_str().unwrap_or("POST")).uri(asked["path"].as_str().unwrap());
        for (name, value) in asked["headers"].as_object().into_iter().flatten() {
            let value = value.as_str().unwrap();
            let value = match value.split_once("{token ") {
                Some((scheme, rest)) => {
                    let (principal, audience) = rest.trim_end_matches('}').split_once(' ').unwrap();
                    format!("{scheme}{}", token(&fixture.issuer, principal, audience))
                }
                None => value.to_owned(),
            };
            request = request.header(name, value);
        }
        let body = asked["text"].as_str().map_or_else(|| asked.get("body").map(Value::to_string).unwrap_or_default(), str::to_owned);
        let request = request.body(Full::new(Bytes::from(body))).unwrap();
        let response = fixture.simulator.handle(case["account"].as_str().unwrap_or("france"), request).await.unwrap();
        let expected = &case["expect"];
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = text(response).await;
        let mut wrong = Vec::new();
        if expected["status"] != status {
            wrong.push(format!("status {status}"));
        }
        for (name, expected) in expected["headers"].as_object().into_iter().flatten() {
            let found = headers.get(name).map_or(Value::Null, |value| value.to_str().unwrap().into());
            wrong.extend(difference(expected, &found, name));
        }
        if let Some(expected) = expected.get("body") {
            wrong.extend(difference(expected, &serde_json::from_str(&body).unwrap_or_default(), ""));
        }
        if !wrong.is_empty() {
            failed.push(format!("{name}: {}\n{body}", wrong.join("; ")));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
    assert!(cases.len() > 40);
}

#[test]
fn bad_behavior_is_told_with_line_and_column() {
    let known: Vec<_> = accounts().into_iter().map(Arc::new).collect();
    let mut failed = Vec::new();
    for case in file("findings.yaml") {
        let read = from_yaml(&PathBuf::from("behavior.yaml"), case["document"].as_str().unwrap().as_bytes().to_vec(), &known);
        let found: Vec<String> = read
            .findings
            .iter()
            .map(|finding| {
                let position = read.sources.position(finding.span.unwrap());
                format!("{} {}:{} {}", finding.code.id, position.line, position.column, finding.message)
            })
            .collect();
        let expected: Vec<&str> = case["findings"].as_array().unwrap().iter().map(|finding| finding.as_str().unwrap()).collect();
        let same = |(found, expected): (&String, &&str)| match expected.strip_suffix('*') {
            Some(start) => found.starts_with(start),
            None => found == expected,
        };
        if found.len() != expected.len() || !found.iter().zip(&expected).all(same) {
            failed.push(format!("{}: {found:#?}", case["name"]));
        }
        assert_eq!(read.behavior.is_none(), read.findings.iter().any(|finding| finding.is_error()), "{}", case["name"]);
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn what_the_documentation_shows_is_good() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/simulator.md")).unwrap();
    let mut blocks = 0;
    for block in text.split("```yaml\n").skip(1) {
        let block = block.split("```").next().unwrap();
        let read = from_yaml(Path::new("docs/simulator.md"), block.as_bytes().to_vec(), &[]);
        assert!(read.findings.is_empty(), "{:?}", read.findings);
        blocks += 1;
    }
    assert!(blocks > 0);
    // Each operation that can be named is listed.
    for operation in apimctl::simulator::behavior::Operation::ALL {
        assert!(text.contains(&format!("`{}`", operation.name())), "{}", operation.name());
    }
}

#[test]
fn any_bytes_are_survived() {
    for bytes in [
        &b"\xff\xfe"[..],
        b"rules: {}",
        b"rules: [1]",
        b"rules: [[]]",
        b"latency: 3",
        b"&a [*a]",
        b"\0",
        b"{\"rules\":[{\"do\":{\"body\":[1]}}]}",
    ] {
        let read = from_yaml(Path::new("b"), bytes.to_vec(), &[]);
        assert_eq!(read.behavior.is_some(), read.findings.iter().all(|finding| !finding.is_error()));
    }
}
