//! Policy documents as data: `tests/cases/policies`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use apimctl::policy::{CheckContext, Document, Format, check, references};
use apimctl::support::finding::Finding;
use apimctl::support::source::{SourceText, Sources};

#[test]
fn every_case_gives_its_findings() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/policies");
    let mut paths: Vec<PathBuf> = Vec::new();
    for folder in ["read", "broken", "refused", "traps"] {
        let before = paths.len();
        paths.extend(
            std::fs::read_dir(root.join(folder))
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .filter(|path| path.extension().is_some_and(|end| end == "xml")),
        );
        assert!(paths.len() > before, "{folder} holds no case");
    }
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let mut sources = Sources::default();
        let source = SourceText::whole(sources.add(&path, text.as_str()), Arc::from(text.as_str()));
        let parsed = Document::parse(&source, Format::RawXml);
        let findings = match &parsed {
            Ok(document) => check(document, &CheckContext::default()),
            Err(finding) => vec![finding.clone()],
        };
        let expected = std::fs::read_to_string(path.with_extension("expected")).unwrap_or_default();
        let line = |finding: &Finding| {
            let position = sources.position(finding.span.unwrap());
            let severity = if finding.is_error() { "error" } else { "warning" };
            format!("{}:{} {} {severity}: {}\n", position.line, position.column, finding.code.id, finding.message)
        };
        assert_eq!(findings.iter().map(line).collect::<String>(), expected, "{}", path.display());
        let folder = path.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap();
        assert_eq!(parsed.is_err(), folder == "broken", "{}", path.display());
        assert_eq!(findings.is_empty(), folder == "read", "{}", path.display());
    }
}

#[test]
fn the_policy_library_only_names_what_it_says_it_needs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let mut count = 0;
    for folder in [root.clone(), root.join("fragments")] {
        for path in std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|end| end == "xml"))
        {
            let text = std::fs::read_to_string(&path).unwrap();
            let source = SourceText::whole(Sources::default().add(&path, text.as_str()), Arc::from(text.as_str()));
            let document = Document::parse(&source, Format::RawXml).unwrap_or_else(|finding| panic!("{}: {finding:?}", path.display()));
            let prolog = text.split_once("-->").map(|(prolog, _)| prolog).unwrap_or_default();
            let found = references(&document);
            for reference in found.backends.iter().chain(&found.fragments).chain(&found.named_values) {
                let told = prolog.contains(&reference.name) || path.ends_with("tutorial-as-written.xml");
                assert!(told, "{} needs `{}` and does not say so", path.display(), reference.name);
            }
            count += 1;
        }
    }
    assert!(count >= 8, "{count}");
}
