//! Bad specifications, as data: `tests/cases/specs/invalid/*.yaml`, each with the findings that it must give, and no others.
//!
//! `#! CODE …` at the end of a line: findings that start on this line. On a line of its own, `#! at LINE CODE …` (for lines that
//! cannot have a comment), `#! in FILE LINE CODE …` (for another file), `#! nowhere CODE …`, and the settings
//! `#! --env NAME`, `#! --var NAME=VALUE`, `#! process NAME=VALUE`, `#! azure` (not local).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use apimctl::spec::{self, LoadOptions, Loaded};
use apimctl::support::environment::Environment;

use super::report;

/// (file, line, code) → how often.
type Findings = BTreeMap<(String, u32, String), usize>;

fn folder(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/specs").join(kind)
}

fn cases(kind: &str) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder(kind))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    paths.sort();
    paths
}

fn expectations(path: &Path) -> (LoadOptions, Findings) {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let text = std::fs::read_to_string(path).unwrap();
    let mut options = LoadOptions { local: true, ..LoadOptions::default() };
    let mut process: Vec<(String, String)> = Vec::new();
    let mut expected = Findings::new();
    let mut expect = |file: &str, line: u32, codes: &[&str]| {
        for code in codes {
            *expected.entry((file.to_owned(), line, (*code).to_owned())).or_default() += 1;
        }
    };
    for (index, line) in text.lines().enumerate() {
        let Some((before, marker)) = line.split_once("#!") else { continue };
        let words: Vec<&str> = marker.split_whitespace().collect();
        let pair = |text: &str| text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap();
        match (before.trim().is_empty(), words.as_slice()) {
            (true, ["at", line, codes @ ..]) => expect(&name, line.parse().unwrap(), codes),
            (true, ["in", file, line, codes @ ..]) => expect(file, line.parse().unwrap(), codes),
            (true, ["nowhere", codes @ ..]) => expect("", 0, codes),
            (true, ["--env", name]) => options.environment_name = Some((*name).to_owned()),
            (true, ["--var", assignment]) => options.variables.extend([pair(assignment)]),
            (true, ["process", assignment]) => process.push(pair(assignment)),
            (true, ["azure"]) => options.local = false,
            (_, codes) => expect(&name, u32::try_from(index).unwrap() + 1, codes),
        }
    }
    options.environment = process.into_iter().collect::<Environment>();
    (options, expected)
}

fn found(loaded: &Loaded) -> Findings {
    let mut found = Findings::new();
    for finding in &loaded.findings {
        let (file, line) = finding.span.map_or((String::new(), 0), |span| {
            let file = loaded.sources.path(span.source).file_name().unwrap().to_string_lossy().into_owned();
            (file, loaded.sources.position(span).line)
        });
        *found.entry((file, line, finding.code.id.to_owned())).or_default() += 1;
    }
    found
}

#[test]
fn every_bad_specification_gives_exactly_its_findings() {
    let paths = cases("invalid");
    assert!(paths.len() >= 40, "{}", paths.len());
    let mut wrong = String::new();
    for path in paths {
        let (options, expected) = expectations(&path);
        let loaded = spec::load(&path, &options).unwrap();
        if found(&loaded) != expected {
            wrong.push_str(&format!("{}\nexpected {expected:?}\n{}\n", path.display(), report(&loaded)));
        }
        assert!(!expected.is_empty(), "{} expects nothing", path.display());
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_good_specification_gives_no_finding() {
    for path in cases("valid") {
        let (options, expected) = expectations(&path);
        assert!(expected.is_empty());
        let loaded = spec::load(&path, &options).unwrap();
        assert!(loaded.findings.is_empty() && loaded.spec.is_some(), "{}\n{}", path.display(), report(&loaded));
    }
}

#[test]
fn every_code_is_shown_by_some_case() {
    let mut shown: Vec<String> =
        cases("invalid").iter().flat_map(|path| expectations(path).1.into_keys().map(|(_, _, code)| code)).collect();
    // Not texts, or not reachable from a file: `robustness.rs` has them.
    shown.extend(["SPEC004", "SPEC011", "SPEC012", "SPEC023", "SPEC047"].map(str::to_owned));
    let missing: Vec<&str> = spec::codes::ALL.iter().map(|code| code.id).filter(|id| !shown.iter().any(|shown| shown == id)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn messages_are_one_sentence_that_names_the_thing() {
    for path in cases("invalid") {
        let (options, _) = expectations(&path);
        for finding in spec::load(&path, &options).unwrap().findings.iter().filter(|finding| finding.code.id.starts_with("SPEC")) {
            let message = &finding.message;
            assert!(!message.ends_with('.') && !message.contains('\n'), "{}: {message}", path.display());
            assert!(
                finding.help.as_deref().is_none_or(|help| !help.ends_with('.') && !help.contains('\n')),
                "{}: {:?}",
                path.display(),
                finding.help
            );
        }
    }
}
