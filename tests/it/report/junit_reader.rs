//! Reads JUnit XML as strictly as the strictest of those who read it.
//!
//! The rules: Jenkins' `junit-10.xsd` (xunit-plugin) for elements and attributes, at most one outcome a case as in Apache Ant's schema, counts
//! that add up (Azure Pipelines shows them), `classname` on every case and no two cases of one name (GitLab), a timestamp without zone
//! and fraction (Ant's schema).

use std::collections::{BTreeMap, HashSet};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// A file.
#[derive(Debug, Default)]
pub(crate) struct Junit {
    pub(crate) suites: Vec<Suite>,
}

/// A `<testsuite>`.
#[derive(Debug, Default)]
pub(crate) struct Suite {
    pub(crate) name: String,
    pub(crate) timestamp: Option<String>,
    pub(crate) properties: Vec<(String, String)>,
    pub(crate) cases: Vec<Case>,
}

/// A `<testcase>`.
#[derive(Debug, Default)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) file: Option<String>,
    pub(crate) line: Option<u32>,
    /// Element, message, text.
    pub(crate) outcome: Option<(String, String, String)>,
    pub(crate) output: Option<String>,
}

/// Parent, element, attributes that must stand, attributes that may.
const RULES: &[(&str, &str, &[&str], &[&str])] = &[
    ("", "testsuites", &["name", "tests", "failures", "errors", "skipped", "time"], &[]),
    ("testsuites", "testsuite", &["name", "tests", "failures", "errors", "skipped", "time", "id"], &["timestamp", "file"]),
    ("testsuite", "properties", &[], &[]),
    ("properties", "property", &["name", "value"], &[]),
    ("testsuite", "testcase", &["name", "classname", "time"], &["file", "line"]),
    ("testcase", "failure", &["message", "type"], &[]),
    ("testcase", "error", &["message", "type"], &[]),
    ("testcase", "skipped", &["message"], &[]),
    ("testcase", "system-out", &[], &[]),
];

impl Junit {
    /// Reads `xml`, and panics at the first rule that it breaks.
    pub(crate) fn read(xml: &str) -> Self {
        assert!(xml.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites "), "{xml}");
        assert!(xml.chars().all(|c| matches!(c, '\n' | '\t' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)));
        let mut junit = Self::default();
        let mut reader = Reader::from_str(xml);
        let mut stack: Vec<String> = Vec::new();
        let mut totals = Vec::new();
        let mut text = String::new();
        let mut names = HashSet::new();
        loop {
            match reader.read_event().unwrap_or_else(|error| panic!("{error}: {xml}")) {
                Event::Start(element) => {
                    let name = junit.open(&element, &stack, &mut totals, &mut names);
                    stack.push(name);
                    text.clear();
                }
                Event::Empty(element) => {
                    let name = junit.open(&element, &stack, &mut totals, &mut names);
                    junit.close(&name, "");
                }
                Event::End(_) => {
                    let name = stack.pop().unwrap();
                    junit.close(&name, &text);
                    text.clear();
                }
                Event::Text(part) => text.push_str(&part.xml10_content()),
                Event::GeneralRef(reference) => text.push_str(&resolved(&reference)),
                Event::Eof => break,
                Event::Decl(_) => {}
                other => panic!("not expected: {other:?}"),
            }
        }
        junit.check_counts(&totals);
        junit
    }

    fn open(
        &mut self,
        element: &BytesStart<'_>,
        stack: &[String],
        totals: &mut Vec<BTreeMap<String, String>>,
        names: &mut HashSet<(String, String)>,
    ) -> String {
        let name = element.name().as_ref().to_owned();
        let parent = stack.last().map_or("", String::as_str);
        let rule = RULES.iter().find(|(above, own, _, _)| *above == parent && *own == name);
        let (_, _, must, may) = rule.unwrap_or_else(|| panic!("`{name}` in `{parent}`"));
        let attributes: BTreeMap<String, String> = element
            .attributes()
            .map(|attribute| {
                let attribute = attribute.unwrap();
                let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0).unwrap().into_owned();
                (attribute.key.as_ref().to_owned(), value)
            })
            .collect();
        for key in *must {
            assert!(attributes.contains_key(*key), "`{name}` has no `{key}`");
        }
        for key in attributes.keys() {
            assert!(must.contains(&key.as_str()) || may.contains(&key.as_str()), "`{name}` has `{key}`");
        }
        if let Some(time) = attributes.get("time") {
            assert!(time.parse::<f64>().is_ok_and(|time| time >= 0.0) && !time.contains('e'), "{time}");
        }
        match name.as_str() {
            "testsuite" => {
                assert_eq!(attributes["id"], self.suites.len().to_string());
                let timestamp = attributes.get("timestamp").cloned();
                if let Some(timestamp) = &timestamp {
                    let form: String = timestamp.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
                    assert_eq!(form, "0000-00-00T00:00:00");
                }
                self.suites.push(Suite { name: attributes["name"].clone(), timestamp, ..Suite::default() });
                names.clear();
            }
            "property" => {
                self.suites.last_mut().unwrap().properties.push((attributes["name"].clone(), attributes["value"].clone()));
            }
            "testcase" => {
                let suite = self.suites.last_mut().unwrap();
                assert_eq!(attributes["classname"], suite.name);
                assert!(names.insert((attributes["classname"].clone(), attributes["name"].clone())), "twice: {}", attributes["name"]);
                let line = attributes.get("line").map(|line| line.parse().unwrap());
                suite.cases.push(Case { name: attributes["name"].clone(), file: attributes.get("file").cloned(), line, ..Case::default() });
            }
            "failure" | "error" | "skipped" => {
                let case = self.suites.last_mut().unwrap().cases.last_mut().unwrap();
                assert!(case.outcome.is_none(), "a second outcome of {}", case.name);
                assert!(case.output.is_none(), "output before the outcome");
                case.outcome = Some((name.clone(), attributes["message"].clone(), String::new()));
            }
            _ => {}
        }
        if matches!(name.as_str(), "testsuites" | "testsuite") {
            totals.push(attributes);
        }
        name
    }

    fn close(&mut self, name: &str, text: &str) {
        let case = self.suites.last_mut().and_then(|suite| suite.cases.last_mut());
        match (name, case) {
            ("failure" | "error", Some(case)) => text.clone_into(&mut case.outcome.as_mut().unwrap().2),
            ("system-out", Some(case)) => {
                assert!(case.output.is_none());
                case.output = Some(text.to_owned());
            }
            ("skipped", _) => {}
            _ => assert!(text.trim().is_empty(), "text in `{name}`: {text}"),
        }
    }

    /// The numbers of suites and of the whole are those of the cases.
    fn check_counts(&self, totals: &[BTreeMap<String, String>]) {
        let count = |cases: &[&Case], element: &str| {
            cases.iter().filter(|case| case.outcome.as_ref().is_some_and(|(own, _, _)| own == element)).count().to_string()
        };
        let all: Vec<Vec<&Case>> = std::iter::once(self.suites.iter().flat_map(|suite| &suite.cases).collect())
            .chain(self.suites.iter().map(|suite| suite.cases.iter().collect()))
            .collect();
        assert_eq!(all.len(), totals.len());
        for (cases, total) in all.iter().zip(totals) {
            assert_eq!(total["tests"], cases.len().to_string());
            for (key, element) in [("failures", "failure"), ("errors", "error"), ("skipped", "skipped")] {
                assert_eq!(total[key], count(cases, element), "{key}");
            }
        }
    }
}

/// A reference of XML: the five names, or a number.
fn resolved(reference: &quick_xml::events::BytesRef<'_>) -> String {
    if let Some(character) = reference.resolve_char_ref().unwrap() {
        return character.to_string();
    }
    let name = reference.xml10_content();
    quick_xml::escape::resolve_xml_entity(&name).unwrap_or_else(|| panic!("&{name};")).to_owned()
}
