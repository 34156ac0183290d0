//! Requests that were written for something else: a curl command line, a request of an `.http` file, an entry of a HAR file.
//!
//! What an import gives is the scenario's own [`Request`]: the host is left behind (a scenario says where its gateway is), and a key is
//! replaced by the key of the scenario's subscription, in the place where the key stood. No secret that was found is kept or shown.

pub mod codes;
pub mod curl;
mod draft;
pub mod har;
pub mod http_file;
mod json_places;
mod shell;
mod values;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::HeaderName;

use crate::scenario::Request;
use crate::support::finding::{Finding, Kind};
use crate::support::source::{SourceText, Sources, Span};
use crate::support::suggest::nearest;
use crate::support::tree::{Entry, Node, Resolved, Value};

/// Largest `.http` file or body file that is read, in bytes.
const MAXIMUM_TEXT: usize = 2 * 1024 * 1024;
/// Largest HAR file that is read, in bytes: browsers put every answer into it.
const MAXIMUM_HAR: usize = 64 * 1024 * 1024;

/// What an import needs to know of the scenario.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The subscription whose key takes the place of a key. Without one, an import that holds a key is an error.
    pub subscription: Option<String>,
    /// Headers that hold a key beside `Ocp-Apim-Subscription-Key`, `api-key` and `Authorization: Bearer`.
    pub key_headers: Vec<HeaderName>,
    /// Query parameters that hold a key beside `subscription-key` and `api-key`.
    pub key_parameters: Vec<String>,
    /// Values of variables: `{{name}}` of an `.http` file that the file does not set, `$NAME` of a command line.
    pub variables: BTreeMap<String, String>,
}

/// Files beside the scenario file.
pub trait Files {
    /// The text of a file, by its path relative to `beside`, without a byte order mark.
    ///
    /// # Errors
    /// Why it cannot be read; completes "cannot read `path`: …".
    fn text(&mut self, beside: &Path, path: &str, limit: usize) -> Result<(PathBuf, Arc<str>), String>;
}

/// The files of the disk.
#[derive(Debug, Default, Clone, Copy)]
pub struct Disk;

impl Files for Disk {
    fn text(&mut self, beside: &Path, path: &str, limit: usize) -> Result<(PathBuf, Arc<str>), String> {
        let path = beside.parent().map_or_else(|| PathBuf::from(path), |folder| folder.join(path));
        let problem = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
            kind => kind.to_string(),
        };
        let about = std::fs::metadata(&path).map_err(problem)?;
        if about.is_dir() {
            return Err("it is a directory".to_owned());
        }
        if about.len() > limit as u64 {
            return Err(format!("it is larger than {} KiB", limit / 1024));
        }
        let bytes = std::fs::read(&path).map_err(problem)?;
        let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
        Ok((path, Arc::from(text.strip_prefix('\u{feff}').unwrap_or(&text))))
    }
}

/// What every reader of this module works with.
pub struct Importer<'a> {
    options: &'a Options,
    files: &'a mut dyn Files,
    sources: &'a mut Sources,
    findings: &'a mut Vec<Finding>,
}

impl std::fmt::Debug for Importer<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Importer").field("options", self.options).finish_non_exhaustive()
    }
}

/// Keys of a `request:` that say that it is imported.
pub const KEYS: [&str; 3] = ["curl", "http", "har"];

impl<'a> Importer<'a> {
    /// A reader that adds what it finds to `findings`, and the files that it reads to `sources`.
    pub fn new(options: &'a Options, files: &'a mut dyn Files, sources: &'a mut Sources, findings: &'a mut Vec<Finding>) -> Self {
        Self { options, files, sources, findings }
    }

    /// The request of `request: { curl: … }`, `{ http: file#name }` or `{ har: file, entry: 3 }` in the file `path`. Other keys of the
    /// mapping are left to the caller. `None` if it cannot be made: then there is an error among the findings.
    pub(crate) fn request(&mut self, mapping: &Node, path: &Path) -> Option<Request> {
        let entry = mapping.entries().iter().find(|entry| KEYS.contains(&entry.key.as_str()))?;
        if let Some(other) = mapping.entries().iter().find(|other| KEYS.contains(&other.key.as_str()) && other.key != entry.key) {
            let message = format!("`{}` and `{}` exclude each other", entry.key, other.key);
            self.findings.push(Finding::error(codes::CONTRADICTION, Kind::Place, message).at(other.key_span));
            return None;
        }
        if entry.key != "har"
            && let Some(selector) = mapping.entries().iter().find(|entry| matches!(entry.key.as_str(), "entry" | "url"))
        {
            let message = format!("`{}` belongs to `har`", selector.key);
            self.findings.push(Finding::error(codes::CONTRADICTION, Kind::Place, message).at(selector.key_span));
            return None;
        }
        let text = self.text_of(entry)?;
        match entry.key.as_str() {
            "curl" => self.curl(&text, path),
            "http" => {
                let (file, name) = match text.text().split_once('#') {
                    Some((file, name)) => (file.trim(), Some(name.trim())),
                    None => (text.text().trim(), None),
                };
                let (file, source) = self.open(path, file, MAXIMUM_TEXT, entry.node.span)?;
                self.http_file(&source, &file, name, entry.node.span)
            }
            _ => {
                let select = self.selector(mapping)?;
                let (_, source) = self.open(path, text.text().trim(), MAXIMUM_HAR, entry.node.span)?;
                self.har(&source, &select, entry.node.span)
            }
        }
    }

    /// The request of a curl command line; files that it names are beside `path`.
    pub fn curl(&mut self, text: &SourceText, path: &Path) -> Option<Request> {
        let draft = curl::read(self, text, path)?;
        draft.finish(self)
    }

    /// The request `name` (or its number, from 1; or the only one) of the `.http` file `path`. `at` is where the user asks for it.
    pub fn http_file(&mut self, text: &SourceText, path: &Path, name: Option<&str>, at: Span) -> Option<Request> {
        let draft = http_file::read(self, text, path, name, at)?;
        draft.finish(self)
    }

    /// An entry of a HAR file. `at` is where the user asks for it.
    pub fn har(&mut self, text: &SourceText, select: &har::Select, at: Span) -> Option<Request> {
        let draft = har::read(self, text, select, at)?;
        draft.finish(self)
    }

    fn text_of(&mut self, entry: &Entry) -> Option<SourceText> {
        if let Some(text) = entry.node.source_text().filter(|text| !text.text().trim().is_empty()) {
            return Some(text);
        }
        let message = format!("`{}` must be a text, and is {}", entry.key, entry.node.kind_words());
        self.findings.push(Finding::error(codes::WRONG_TYPE, Kind::Type, message).at(entry.node.span));
        None
    }

    fn selector(&mut self, mapping: &Node) -> Option<har::Select> {
        let mut select = har::Select::Only;
        for entry in mapping.entries() {
            let chosen = match (entry.key.as_str(), &entry.node.value) {
                ("entry", Value::Scalar(scalar)) => match scalar.resolve() {
                    Resolved::Number(number) => number
                        .as_u64()
                        .filter(|number| *number > 0)
                        .map(|number| har::Select::Number(usize::try_from(number).unwrap_or(usize::MAX))),
                    _ => None,
                },
                ("url", Value::Scalar(scalar)) => Some(har::Select::Url(scalar.text.clone())),
                ("entry" | "url", _) => None,
                _ => continue,
            };
            let Some(chosen) = chosen else {
                let message = if entry.key == "entry" { "`entry` must be a whole number, from 1" } else { "`url` must be a text" };
                self.findings.push(Finding::error(codes::WRONG_TYPE, Kind::Type, message).at(entry.node.span));
                return None;
            };
            if select != har::Select::Only {
                let message = "`entry` and `url` exclude each other";
                self.findings.push(Finding::error(codes::CONTRADICTION, Kind::Place, message).at(entry.key_span));
                return None;
            }
            select = chosen;
        }
        Some(select)
    }

    /// Takes a file in.
    fn open(&mut self, beside: &Path, path: &str, limit: usize, at: Span) -> Option<(PathBuf, SourceText)> {
        match self.files.text(beside, path, limit) {
            Ok((shown, text)) => {
                let source = self.sources.add(shown.clone(), text.clone());
                Some((shown, SourceText::whole(source, text)))
            }
            Err(problem) => {
                self.findings.push(Finding::error(codes::UNREADABLE, Kind::Place, format!("cannot read `{path}`: {problem}")).at(at));
                None
            }
        }
    }

    /// Reads a body's file; its text is not among the sources.
    fn body_file(&mut self, beside: &Path, path: &str, at: Span) -> Option<Arc<str>> {
        match self.files.text(beside, path, MAXIMUM_TEXT) {
            Ok((_, text)) => Some(text),
            Err(problem) => {
                self.findings.push(Finding::error(codes::UNREADABLE, Kind::Place, format!("cannot read `{path}`: {problem}")).at(at));
                None
            }
        }
    }

    fn error(&mut self, code: crate::support::finding::Code, message: impl Into<String>, at: Span) -> &mut Finding {
        self.push(Finding::error(code, Kind::Syntax, message).at(at))
    }

    fn warning(&mut self, code: crate::support::finding::Code, message: impl Into<String>, at: Span) -> &mut Finding {
        self.push(Finding::warning(code, Kind::Trap, message).at(at))
    }

    fn push(&mut self, finding: Finding) -> &mut Finding {
        let index = self.findings.len();
        self.findings.push(finding);
        &mut self.findings[index]
    }
}

/// "did you mean `x`?" among `names`, or all of them if they are few.
fn did_you_mean<'n>(wanted: &str, names: impl Iterator<Item = &'n str> + Clone) -> Option<String> {
    if let Some(near) = nearest(wanted, names.clone()) {
        return Some(format!("did you mean `{near}`?"));
    }
    let names: Vec<String> = names.take(11).map(|name| format!("`{name}`")).collect();
    (1..=10).contains(&names.len()).then(|| format!("there is {}", names.join(", ")))
}

#[cfg(test)]
mod tests;
