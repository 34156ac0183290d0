//! Files of scenarios: YAML with positions. Everything that is wrong is found at once.

mod chaos;
mod expect;
mod given;
mod matchers;
mod reader;
mod request;
mod suite;

use std::path::{Path, PathBuf};

pub use self::chaos::{ChaosRead, chaos};
use super::chaos::SUFFIXES as CHAOS_SUFFIXES;
use super::codes;
use super::file::File;
use super::subject::Subject;
use crate::spec::load::LoadOptions;
use crate::support::finding::{Finding, Kind};
use crate::support::source::{Sources, Span};
use crate::support::tree::Node;
use crate::support::yaml;

/// How files of scenarios end.
pub const SUFFIXES: [&str; 2] = [".test.yaml", ".test.yml"];

/// How a file is read.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// How its specification is read.
    pub load: LoadOptions,
}

/// A file that was read, whatever its findings.
#[derive(Debug, Default)]
pub struct Read {
    /// Its scenarios; `None` if there are errors.
    pub file: Option<File>,
    /// The specification that it is about, if that could be read without errors.
    pub subject: Option<Subject>,
    /// The specification's path; empty if nobody knows it.
    pub spec: PathBuf,
    /// What is wrong or doubtful.
    pub findings: Vec<Finding>,
    /// The files that positions are about: the specification's and this one.
    pub sources: Sources,
}

/// Reads a file of scenarios with its specification.
#[must_use]
pub fn read(path: &Path, options: &ReadOptions) -> Read {
    let mut read = Read::default();
    let text = match text_of(path) {
        Ok(text) => text,
        Err(finding) => return Read { findings: vec![finding], ..read },
    };

    // Once to find the specification, whose files come first among the sources, and once for good.
    let mut sources = Sources::default();
    let source = sources.add(path, text.as_str());
    let mut findings = Vec::new();
    let Some(root) = yaml::parse(source, &text, &codes::YAML, &mut findings) else {
        return Read { findings, sources, ..Read::default() };
    };
    let (spec, at) = specification(&root, path);
    let load = load_options(&root, &options.load);
    read.spec.clone_from(&spec);
    let subject = match Subject::read(&spec, &load) {
        Ok(subject) => subject,
        Err(error) => {
            findings.push(no_spec(&error.reason, &spec, at, root.span));
            return Read { findings, sources, ..read };
        }
    };
    read.sources = subject.loaded.sources.clone();
    read.sources.hide(&subject.loaded.sensitive);
    let source = read.sources.add(path, text.as_str());
    let Some(root) = yaml::parse(source, &text, &codes::YAML, &mut read.findings) else { return read };
    let (_, at) = specification(&root, path);
    if subject.loaded.has_errors() {
        let errors: Vec<Finding> = subject.loaded.findings.iter().filter(|finding| finding.is_error()).cloned().collect();
        let many = if errors.len() == 1 { "an error" } else { "errors" };
        let finding = Finding::error(codes::BAD_SPEC, Kind::Place, format!("`{}` has {many}", spec.display()));
        read.findings.push(finding.at(at.unwrap_or(root.span)).help("they are shown below; `apimctl validate` tells the warnings too"));
        read.findings.extend(errors);
        return read;
    }
    let file = suite::file(&root, path, &spec, &subject.names, &mut read.sources, &mut read.findings);
    read.file = if read.findings.iter().any(Finding::is_error) { None } else { Some(file) };
    read.subject = Some(subject);
    read
}

/// The text of a file that is not too large.
fn text_of(path: &Path) -> Result<String, Finding> {
    let unreadable =
        |reason: String| Finding::error(codes::UNREADABLE, Kind::Syntax, format!("`{}` cannot be read: {reason}", path.display()));
    let bytes = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
    if bytes.len() > yaml::MAXIMUM_BYTES {
        return Err(unreadable("it is too large".to_owned()));
    }
    String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8".to_owned()))
}

/// How the specification of a file is read: the command line's environment and variables count before the file's.
fn load_options(root: &Node, given: &LoadOptions) -> LoadOptions {
    let mut load = LoadOptions { local: true, ..given.clone() };
    if let Some(name) = root.get("env").and_then(Node::scalar) {
        load.environment_name.get_or_insert_with(|| name.text.clone());
    }
    for entry in root.get("variables").map(Node::entries).unwrap_or_default() {
        if let Some(value) = entry.node.scalar() {
            load.variables.entry(entry.key.clone()).or_insert_with(|| value.text.clone());
        }
    }
    load
}

/// `at`: where the file names its specification, if it does.
fn no_spec(reason: &str, spec: &Path, at: Option<Span>, file: Span) -> Finding {
    let help = match at {
        Some(_) => format!("there is no `{}`; the path is relative to this file", spec.display()),
        None => format!("write `spec:`; without it, `{}` is meant", spec.display()),
    };
    let message = format!("the specification cannot be read: {reason}");
    Finding::error(codes::NO_SPEC, Kind::Place, message).at(at.unwrap_or(file)).help(help)
}

/// The specification that a file is about, and where it says so: `spec:`, or `x.yaml` beside `x.test.yaml`.
fn specification(root: &Node, path: &Path) -> (PathBuf, Option<Span>) {
    let directory = path.parent().unwrap_or(Path::new(""));
    if let Some(node) = root.get("spec")
        && let Some(scalar) = node.scalar().filter(|_| !node.is_null())
    {
        return (directory.join(&scalar.text), Some(node.span));
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = SUFFIXES.iter().chain(&CHAOS_SUFFIXES).find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(&name).to_owned();
    (directory.join(format!("{stem}.yaml")), None)
}
