//! Imports as they stand in a scenario file.

use std::collections::BTreeMap;

use super::*;
use crate::support::finding::Code;
use crate::support::source::SourceId;
use crate::support::yaml::{self, Words};

const CODE: Code = Code { id: "X", title: "x" };
const WORDS: Words = Words {
    not_yaml: CODE,
    empty: CODE,
    empty_message: "",
    empty_help: "",
    several_documents: CODE,
    several_documents_help: "",
    duplicate_key: CODE,
    too_deep: CODE,
    expands_too_far: CODE,
    expands_too_far_help: "",
    bad_alias: CODE,
    bad_key_or_tag: CODE,
};

struct Held(BTreeMap<&'static str, &'static str>);

impl Files for Held {
    fn text(&mut self, _: &Path, path: &str, _: usize) -> Result<(PathBuf, Arc<str>), String> {
        let text = self.0.get(path).ok_or("there is no such file")?;
        Ok((PathBuf::from(path), Arc::from(*text)))
    }
}

fn read(text: &str) -> Result<String, Vec<String>> {
    let mut sources = Sources::default();
    let source: SourceId = sources.add("scenarios.yaml", text);
    let mut findings = Vec::new();
    let node = yaml::parse(source, text, &WORDS, &mut findings).unwrap();
    let options = Options::default();
    let mut files = Held(
        [
            ("all.http", "### one\nGET /one\n### two\nGET /two\n"),
            (
                "a.har",
                r#"{"log":{"entries":[{"request":{"method":"GET","url":"http://h/x"}},{"request":{"method":"GET","url":"http://h/y"}}]}}"#,
            ),
        ]
        .into(),
    );
    let request = Importer::new(&options, &mut files, &mut sources, &mut findings).request(&node, Path::new("scenarios.yaml"));
    let place = |finding: &Finding| {
        let span = finding.span.unwrap();
        let position = sources.position(span);
        format!("{} {}:{}:{} {}", finding.code.id, sources.path(span.source).display(), position.line, position.column, finding.message)
    };
    request.map(|request| format!("{} {}", request.method, request.path)).ok_or_else(|| findings.iter().map(place).collect())
}

#[test]
fn each_form_is_read() {
    for (text, expected) in [
        ("curl: curl h/a", "GET /a"),
        ("curl: |\n  curl \\\n    -XPUT h/a\nexpect: x", "PUT /a"),
        ("http: all.http#two", "GET /two"),
        ("http: 'all.http#1'", "GET /one"),
        ("{ har: a.har, entry: 2 }", "GET /y"),
        ("{ har: a.har, url: /x }", "GET /x"),
    ] {
        assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn positions_lead_into_the_scenario_file() {
    for (text, finding) in [
        ("curl: |\n  curl h \\\n    -Z", "IMP007 scenarios.yaml:3:5 curl has no option `-Z` that is known here"),
        ("curl: \"curl \\\"h\"", "IMP005 scenarios.yaml:1:13 a text in double quotes has no end"),
        ("curl: [a]", "IMP001 scenarios.yaml:1:7 `curl` must be a text, and is a list"),
        ("curl: curl h\nhttp: x", "IMP002 scenarios.yaml:2:1 `curl` and `http` exclude each other"),
        ("curl: curl h\nentry: 1", "IMP002 scenarios.yaml:2:1 `entry` belongs to `har`"),
        ("http: none.http", "IMP003 scenarios.yaml:1:7 cannot read `none.http`: there is no such file"),
        ("http: all.http", "IMP019 scenarios.yaml:1:7 the file holds 2 requests"),
        ("{ har: a.har, entry: 0 }", "IMP001 scenarios.yaml:1:22 `entry` must be a whole number, from 1"),
        ("{ har: a.har, entry: 1, url: x }", "IMP002 scenarios.yaml:1:25 `entry` and `url` exclude each other"),
        ("{ har: a.har, url: [] }", "IMP001 scenarios.yaml:1:20 `url` must be a text"),
    ] {
        assert_eq!(read(text), Err(vec![finding.to_owned()]), "{text}");
    }
}
