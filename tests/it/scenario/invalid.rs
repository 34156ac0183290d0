//! What is wrong with a file is found, all of it, at its line. Comments in the files say what is expected of each line.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use apimctl::scenario::codes;
use apimctl::scenario::read::{Read, ReadOptions, read};
use apimctl::support::finding::Finding;

use super::cases;

fn files() -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(cases().join("invalid")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 7);
    paths
}

/// Line and code of each finding, sorted.
fn found(read: &Read) -> Vec<(u32, String)> {
    let place = |finding: &Finding| finding.span.map_or(0, |span| read.sources.position(span).line);
    let mut found: Vec<(u32, String)> = read.findings.iter().map(|finding| (place(finding), finding.code.id.to_owned())).collect();
    found.sort();
    found
}

fn expected(path: &Path) -> Vec<(u32, String)> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut expected = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let Some((_, codes)) = line.rsplit_once(" # ") else { continue };
        expected.extend(codes.split_whitespace().map(|code| (number, code.to_owned())));
    }
    expected.sort();
    expected
}

#[test]
fn everything_that_is_wrong_is_found_at_its_line() {
    for path in files() {
        let read = read(&path, &ReadOptions::default());
        assert!(read.file.is_none(), "{}", path.display());
        assert_eq!(found(&read), expected(&path), "{}: {:#?}", path.display(), read.findings);
    }
}

/// Files that are wrong as a whole, written for the occasion.
const WHOLE: &[(&str, &str)] = &[
    ("a: [", "TST001"),
    ("", "TST002"),
    ("a: 1\n---\nb: 2\n", "TST003"),
    ("spec: SPEC\nscenarios: []\nscenarios: []\n", "TST004"),
    ("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "TST005"),
    ("a: &a { <<: 1 }\nspec: SPEC\n", "TST007"),
    ("a: !own 1\nspec: SPEC\n", "TST008"),
    ("scenarios: []\nspec: nowhere.yaml\n", "TST020"),
    ("scenarios: []\nspec: broken.yaml\n", "TST021"),
    ("scenarios: []\nspec: SPEC\n", "TST032"),
];

#[test]
fn every_code_is_shown_by_some_file() {
    let directory = tempfile::tempdir().unwrap();
    let spec = cases().join("rules.yaml");
    std::fs::write(directory.path().join("broken.yaml"), "apiVersion: apimctl/v1\nname: x\n").unwrap();
    let mut shown: BTreeSet<String> = BTreeSet::new();
    let mut check = |bytes: &[u8], code: &str| {
        let path = directory.path().join("whole.test.yaml");
        std::fs::write(&path, bytes).unwrap();
        let read = read(&path, &ReadOptions::default());
        assert!(found(&read).iter().any(|(_, own)| own == code), "{code}: {:#?}", read.findings);
        assert!(read.file.is_none());
        shown.insert(code.to_owned());
    };
    for (text, code) in WHOLE {
        check(text.replace("SPEC", &spec.display().to_string()).as_bytes(), code);
    }
    let laughs: String =
        (1..20).map(|level| format!("l{level}: &l{level} [{}]\n", vec![format!("*l{}", level - 1); 10].join(", "))).collect();
    check(format!("l0: &l0 [x]\n{laughs}").as_bytes(), "TST006");
    check(&[0xff, 0xfe, 0], "TST009");
    shown.extend(files().iter().flat_map(|path| expected(path)).map(|(_, code)| code));
    // One is found when scenarios run, the other only if ARM refuses what a specification without errors says.
    shown.extend(["TST029", "TST030"].map(str::to_owned));
    let missing: Vec<&str> = codes::ALL.iter().map(|code| code.id).filter(|id| !shown.contains(*id)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn messages_are_one_sentence_that_names_the_thing() {
    for path in files() {
        for finding in read(&path, &ReadOptions::default()).findings {
            let lines = [Some(&finding.message), finding.help.as_ref()];
            for text in lines.into_iter().flatten() {
                assert!(!text.ends_with('.') && !text.contains('\n'), "{}: {text}", path.display());
            }
        }
    }
}
