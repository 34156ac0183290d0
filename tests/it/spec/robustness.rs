//! Whatever the bytes are, reading them ends with findings: no panic, no overflow, no endless expansion.

use std::path::Path;
use std::sync::OnceLock;

use apimctl::spec::{self, LoadOptions, Loaded};
use proptest::prelude::*;
use tempfile::TempDir;

use super::report;

fn load(bytes: &[u8]) -> Loaded {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| tempfile::tempdir().unwrap());
    // Tests run in parallel: a file of its own for each.
    let path = folder.path().join(format!("{:?}.yaml", std::thread::current().id()));
    std::fs::write(&path, bytes).unwrap();
    spec::load(&path, &LoadOptions { local: true, ..LoadOptions::default() }).unwrap()
}

fn codes(loaded: &Loaded) -> Vec<&'static str> {
    loaded.findings.iter().map(|finding| finding.code.id).collect()
}

#[test]
fn a_file_of_five_megabytes_is_refused_unread() {
    let loaded = load(&vec![b'a'; 5 * 1024 * 1024]);
    assert_eq!(codes(&loaded), ["SPEC004"]);
    assert!(loaded.spec.is_none());
}

#[test]
fn bytes_that_are_not_utf8_are_one_finding() {
    assert_eq!(codes(&load(b"name: caf\xe9\n")), ["SPEC011"]);
    // UTF-16, as some editors on Windows save it.
    assert_eq!(codes(&load(b"\xff\xfen\0a\0m\0e\0")), ["SPEC011"]);
    assert_eq!(codes(&load(b"")), ["SPEC002"]);
    assert_eq!(codes(&load("\u{feff}".as_bytes())), ["SPEC002"]);
}

#[cfg(unix)]
#[test]
fn an_included_file_that_leads_nowhere_is_a_finding() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("nowhere", folder.path().join("link.yaml")).unwrap();
    let path = folder.path().join("spec.yml");
    std::fs::write(&path, "include: ['*.yaml']\n").unwrap();
    let loaded = spec::load(&path, &LoadOptions::default()).unwrap();
    assert!(codes(&loaded).contains(&"SPEC023"), "{}", report(&loaded));
}

#[test]
fn nesting_of_every_kind_ends() {
    for text in [
        "[".repeat(100_000),
        "{a: ".repeat(100_000),
        "- ".repeat(100_000),
        "? ".repeat(100_000),
        format!("a: {}x", "!!str ".repeat(50_000)),
        format!("&a {}", "- &b ".repeat(50_000)),
        "a: *a\n".repeat(10_000),
        format!("x: \"{}\"", "${a:-".repeat(100_000)),
        format!("x: \"{}\"", "$".repeat(200_000)),
        format!("{}: 1", "k".repeat(500_000)),
        (0..50_000).map(|index| format!("k{index}: {{}}\n")).collect(),
    ] {
        assert!(load(text.as_bytes()).has_errors(), "{}", &text[..20]);
    }
}

#[test]
fn a_mapping_with_many_keys_is_read_in_linear_time() {
    let mut text = String::from("apiVersion: apimctl/v1\nname: many\nresourceGroup: { name: rg, location: westeurope }\n");
    text.push_str("service: { name: apim, sku: Developer, publisherName: P, publisherEmail: p@example.com }\nsubscriptions:\n");
    for index in 0..20_000 {
        text.push_str(&format!("  s{index}: {{ scope: all }}\n"));
    }
    let loaded = load(text.as_bytes());
    assert!(!loaded.has_errors(), "{}", report(&loaded));
    assert_eq!(loaded.spec.map(|spec| spec.subscriptions.len()), Some(20_000));
}

#[test]
fn a_flood_of_findings_is_cut_and_says_so() {
    let text: String = (0..5_000).map(|index| format!("k{index}: {{}}\n")).collect();
    let loaded = load(text.as_bytes());
    assert_eq!(loaded.findings.len(), 501);
    let last = loaded.findings.last().unwrap();
    assert_eq!((last.code.id, last.message.as_str(), last.span), ("SPEC012", "4504 further findings are left out", None));
}

fn examples() -> &'static [String] {
    static TEXTS: OnceLock<Vec<String>> = OnceLock::new();
    TEXTS.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
        ["openai-lb", "multi-team", "ptu-priority", "tutorial-as-written", "multi-region", "multi-region/models"]
            .iter()
            .map(|name| std::fs::read_to_string(folder.join(format!("{name}.yaml"))).unwrap())
            .collect()
    })
}

/// One edit: where (per mille), how much is taken away, what is put in.
fn edits() -> impl Strategy<Value = Vec<(usize, usize, String)>> {
    let piece = prop_oneof![
        Just(String::new()),
        Just("\n".to_owned()),
        Just("  ".to_owned()),
        Just("${".to_owned()),
        Just("${AZURE_TENANT_ID:-}".to_owned()),
        Just("*failing".to_owned()),
        Just("<<: ".to_owned()),
        Just("[]".to_owned()),
        Just("{}".to_owned()),
        Just("null".to_owned()),
        Just("-1".to_owned()),
        Just("99999999999999999999".to_owned()),
        Just("\u{feff}".to_owned()),
        Just("\r".to_owned()),
        Just("'".to_owned()),
        Just("@(".to_owned()),
        "[ -~ä€\u{1F600}]{0,8}",
    ];
    proptest::collection::vec((0..1000_usize, 0..40_usize, piece), 1..6)
}

fn edit(text: &str, edits: &[(usize, usize, String)]) -> String {
    let mut text: Vec<char> = text.chars().collect();
    for (place, length, piece) in edits {
        let start = text.len() * place / 1000;
        let end = (start + length).min(text.len());
        text.splice(start..end, piece.chars());
    }
    text.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        load(&bytes);
    }

    #[test]
    fn arbitrary_yaml_like_text_is_read_or_refused(text in "([a-c*&!|>?:\\[\\]{}#,'\"$%@` \\-\n\t\r~]|: |- |<<|\\$\\{a\\}){0,120}") {
        load(text.as_bytes());
    }

    #[test]
    fn edited_examples_are_read_or_refused(which in 0..6_usize, edits in edits()) {
        let loaded = load(edit(&examples()[which], &edits).as_bytes());
        // Typed or refused, never both and never neither; and nothing passes the structural check that the types refuse.
        prop_assert!(loaded.spec.is_some() || loaded.has_errors());
        prop_assert!(!codes(&loaded).contains(&"SPEC047"), "{}", report(&loaded));
        for finding in &loaded.findings {
            if let Some(span) = finding.span {
                let file = loaded.sources.get(span.source).unwrap();
                prop_assert!(span.start <= span.end && span.end as usize <= file.text.len());
                prop_assert!(file.text.is_char_boundary(span.start as usize) && file.text.is_char_boundary(span.end as usize), "{finding:?}");
            }
        }
    }
}
