//! How texts, includes, environments and variables become one document, and how the document leads back to its places.

use std::path::{Path, PathBuf};

use apimctl::spec::model::{CircuitBreaker, Identity, PolicyFormat, Sku};
use apimctl::spec::{self, LoadOptions, Loaded};
use apimctl::support::environment::Environment;
use tempfile::TempDir;

use super::report;

const HEAD: &str = "apiVersion: apimctl/v1\nname: case\nresourceGroup: { name: rg, location: westeurope }\n\
    service: { name: apim, sku: Developer, publisherName: P, publisherEmail: p@example.com }\n";

/// A folder with files; the first one is the specification.
struct Files {
    /// Removed when the test ends.
    _folder: TempDir,
    top: PathBuf,
}

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let top = folder.path().join(files[0].0);
        Self { _folder: folder, top }
    }

    fn load(&self, options: &LoadOptions) -> Loaded {
        spec::load(&self.top, options).unwrap()
    }
}

fn text(body: &str) -> Files {
    Files::new(&[("spec.yaml", &format!("{HEAD}{body}"))])
}

fn local() -> LoadOptions {
    LoadOptions { local: true, ..LoadOptions::default() }
}

fn slice<'a>(loaded: &'a Loaded, pointer: &str) -> &'a str {
    let span = loaded.locator.value(pointer).unwrap();
    &loaded.sources.get(span.source).unwrap().text[span.start as usize..span.end as usize]
}

#[test]
fn shorthand_and_detailed_forms_read_the_same_way() {
    let files = text(
        "backends:\n  a: { url: \"https://a.example.com\", circuitBreaker: default }\n  b:\n    url: https://b.example.com\n    circuitBreaker: { rules: [{ failureCondition: { count: 1, interval: PT1M, errorReasons: [Timeout] }, tripDuration: PT1M }] }\n",
    );
    let loaded = files.load(&local());
    let spec = loaded.spec.as_ref().unwrap_or_else(|| panic!("{}", report(&loaded)));
    assert!(matches!(&spec.backends["a"].circuit_breaker, Some(CircuitBreaker::Preset(preset)) if preset == "default"));
    assert_eq!(spec.backends["b"].circuit_breaker.as_ref().and_then(CircuitBreaker::rules).map(<[_]>::len), Some(1));
    assert_eq!(spec.service.sku.as_ref().map(Sku::effective_capacity), Some(1));
    assert!(spec.service.identity.as_ref().is_none_or(|identity| !Identity::is_system_assigned(identity)));
}

#[test]
fn what_is_given_on_the_command_line_wins_over_the_environment_the_specification_and_the_process() {
    let body = "variables: { a: spec, b: spec, c: spec }\nenvironments: { prod: { variables: { a: overlay, b: overlay } } }\n\
        tags: { a: \"${a}\", b: \"${b}\", c: \"${c}\", d: \"${d}\", e: \"${e:-default}\", f: \"x${a}${d}y\" }\n";
    let options = LoadOptions {
        variables: [("a".to_owned(), "given".to_owned())].into(),
        environment_name: Some("prod".to_owned()),
        environment: ["a", "b", "c", "d"].map(|name| (name, "process")).into_iter().collect::<Environment>(),
        local: true,
    };
    let loaded = text(body).load(&options);
    let tags = loaded.spec.unwrap().tags;
    let values: Vec<&str> = tags.values().map(String::as_str).collect();
    assert_eq!(values, ["given", "overlay", "spec", "process", "default", "xgivenprocessy"]);
}

#[test]
fn the_value_of_a_variable_is_in_no_finding_and_in_no_debug_output() {
    let body = "subscriptions:\n  s: { scope: \"${KEY}\", state: \"${KEY}\", primaryKey: \"${KEY}\" }\nnamedValues:\n  n: { secret: true, value: \"${KEY}\" }\n\
        apis: { a: { path: a, protocols: [\"${KEY}\"], subscriptionRequired: \"${KEY}\" } }\nusers: { u: { email: \"${KEY}\", firstName: A, lastName: B } }\n";
    let options = LoadOptions { environment: [("KEY", "swordfish")].into_iter().collect(), ..local() };
    let files = text(body);
    let loaded = files.load(&options);
    assert!(loaded.errors().count() >= 4, "{}", report(&loaded));
    assert!(!report(&loaded).contains("swordfish"), "{}", report(&loaded));
    let sound =
        text("subscriptions:\n  s: { scope: all, primaryKey: \"${KEY}\" }\nnamedValues:\n  n: { secret: true, value: \"${KEY}\" }\n");
    let loaded = sound.load(&options);
    let spec = loaded.spec.as_ref().unwrap_or_else(|| panic!("{}", report(&loaded)));
    assert_eq!(spec.subscriptions["s"].primary_key.as_ref().map(|key| key.expose().as_str()), Some("swordfish"));
    assert!(!format!("{:?}", loaded.spec).contains("swordfish"));
}

#[test]
fn secrets_that_stand_in_the_file_are_marked_for_whoever_shows_it() {
    let files = text(
        "subscriptions:\n  s: { scope: all, primaryKey: swordfish }\nbackends:\n  b: { url: \"https://b.example.com\", credentials: { header: { x-key: [clownfish], x-name: [me] } } }\n",
    );
    let loaded = files.load(&local());
    let marked: Vec<&str> = loaded
        .sensitive
        .iter()
        .map(|span| &loaded.sources.get(span.source).unwrap().text[span.start as usize..span.end as usize])
        .collect();
    assert_eq!(marked, ["swordfish", "clownfish", "me"]);
    assert!(!report(&loaded).contains("fish"));
}

#[test]
fn places_lead_back_to_the_file_that_says_it() {
    let files = Files::new(&[
        (
            "spec.yaml",
            &format!("{HEAD}include: [parts/*.yaml]\nenvironments: {{ prod: {{ backends: {{ a: {{ title: Overlaid }} }} }} }}\n"),
        ),
        ("parts/a.yaml", "\u{feff}backends:\r\n  a: { title: Ä, url: \"https://a.example.com\" }\r\n"),
        ("parts/b.yaml", "backends:\n  b/c: { url: \"https://b.example.com\" }\n"),
    ]);
    let loaded = files.load(&LoadOptions { environment_name: Some("prod".to_owned()), ..local() });
    assert!(loaded.spec.is_some(), "{}", report(&loaded));
    assert_eq!(slice(&loaded, "/backends/a/url"), "\"https://a.example.com\"");
    assert_eq!(slice(&loaded, "/backends/a/title"), "Overlaid");
    assert_eq!(slice(&loaded, "/backends/b~1c/url/not/there"), "\"https://b.example.com\"");
    let file = |pointer: &str| loaded.sources.path(loaded.locator.value(pointer).unwrap().source).file_name().unwrap().to_owned();
    assert_eq!(
        (file("/backends/a/title"), file("/backends/a/url"), file("/backends/b~1c")),
        ("spec.yaml".into(), "a.yaml".into(), "b.yaml".into())
    );
}

#[test]
fn the_same_file_may_be_named_twice() {
    let files = Files::new(&[
        ("spec.yaml", &format!("{HEAD}include: [parts/*.yaml, parts/a.yaml]\n")),
        ("parts/a.yaml", "resources: [{ type: A.B/c, name: x, apiVersion: 2024-01-01 }]\n"),
        ("parts/b.yaml", "resources: [{ type: A.B/c, name: y, apiVersion: 2024-01-01 }]\napiVersion: apimctl/v1\nname: case\n"),
    ]);
    let loaded = files.load(&local());
    let names: Vec<String> =
        loaded.spec.unwrap_or_else(|| panic!("{:?}", loaded.findings)).resources.into_iter().map(|resource| resource.name).collect();
    assert_eq!(names, ["x", "y"]);
}

#[test]
fn policies_are_found_beside_the_file_that_names_them() {
    let fragment = "\u{feff}<fragment>\r\n  <base />\r\n</fragment>";
    let files = Files::new(&[
        ("top/spec.yaml", &format!("{HEAD}include: [../parts/p.yaml]\n")),
        (
            "parts/p.yaml",
            "policyFragments:\n  f: { policy: { file: deep/f.xml, format: xml } }\n  g:\n    policy: |2\n        <fragment>\n          <trace />\n        </fragment>\n  h: { policy: '<fragment><x a=\"it''s\" y=\"here\" /></fragment>' }\n  i:\n    policy: >\n      <fragment>\n      <y\n      z=\"1\" />\n      </fragment>\n",
        ),
        ("parts/deep/f.xml", fragment),
    ]);
    let loaded = files.load(&local());
    let policy = |name: &str| &loaded.policies[&format!("/policyFragments/{name}/policy")];
    assert_eq!((policy("f").format, policy("g").format), (PolicyFormat::Xml, PolicyFormat::RawXml));
    for (name, needle) in
        [("f", "<base />"), ("g", "<trace />"), ("g", "</fragment>"), ("h", "here"), ("i", "<y"), ("i", "z=\"1\""), ("i", "</fragment>")]
    {
        let text = &policy(name).text;
        let at = text.text().find(needle).unwrap();
        let span = text.span(at..at + needle.len());
        let file = &loaded.sources.get(span.source).unwrap().text;
        assert_eq!(&file[span.start as usize..span.end as usize], needle, "{name}");
    }
    assert!(!policy("f").text.text().starts_with('\u{feff}'));
}

#[test]
fn positions_survive_variables_inside_a_policy() {
    let files = text(
        "variables: { longer: a-much-longer-text }\npolicyFragments:\n  f:\n    policy: |\n      <fragment>\n        <trace source=\"${longer}\" /><!-- x -->\n        <base />\n      </fragment>\n",
    );
    let loaded = files.load(&local());
    let text = &loaded.policies["/policyFragments/f/policy"].text;
    assert!(text.text().contains("source=\"a-much-longer-text\" /><!-- x -->"));
    for needle in ["<trace", "<!-- x -->", "<base />"] {
        let at = text.text().find(needle).unwrap();
        let span = text.span(at..at + needle.len());
        assert_eq!(&loaded.sources.get(span.source).unwrap().text[span.start as usize..span.end as usize], needle);
    }
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let body = "tagz: {}\nbackends:\n  a: { url: 5 }\n  b: { openAI: nowhere, circuitBreaker: default }\napis:\n  x: {}\n  y: { path: y, policy: nowhere.xml, operations: { o: { method: GET, urlTemplate: \"/{\" } } }\n";
    let loaded = text(body).load(&local());
    let codes: Vec<&str> = loaded.findings.iter().map(|finding| finding.code.id).collect();
    assert_eq!(codes, ["SPEC040", "SPEC042", "SPEC065", "SPEC050", "SPEC041", "SPEC069", "SPEC052"], "{}", report(&loaded));
    assert!(loaded.spec.is_none() && loaded.has_errors());
}

#[test]
fn a_missing_top_file_is_an_error_and_not_a_finding() {
    let error = spec::load(Path::new("nowhere/spec.yaml"), &local()).unwrap_err();
    assert_eq!(error.to_string(), "cannot read `nowhere/spec.yaml`: there is no such file");
}
