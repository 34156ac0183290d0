//! From files to a checked, typed specification.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::files::{self, FileError};
use super::model::PolicyFormat;
use super::tree::{Node, Value};
use super::variables::Outside;
use super::{Spec, check, codes, documents, include, overlay, schema, secrets, validate, variables, yaml};
use crate::support::environment::Environment;
use crate::support::finding::{Finding, Kind};
use crate::support::source::{SourceText, Sources, Span};

/// What shapes the reading beside the file itself.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// `--var NAME=VALUE`.
    pub variables: BTreeMap<String, String>,
    /// `--env NAME`.
    pub environment_name: Option<String>,
    /// The process environment, for `${NAME}`.
    pub environment: Environment,
    /// Whether `tenantId`, `subscriptionId` and Azure variables may be missing (`--local`).
    pub local: bool,
}

/// A specification that was read, whatever its findings.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Every file that was read.
    pub sources: Sources,
    /// All findings, in the order of files and positions.
    pub findings: Vec<Finding>,
    /// The typed form; `None` when errors make it meaningless.
    pub spec: Option<Spec>,
    /// Where each value stands, by JSON pointer into the merged document (`/backends/OpenAI-LB/pool`).
    pub locator: Locator,
    /// Policy documents, by JSON pointer of the key that names them (`/apis/x/policy`, `/policyFragments/f/policy`).
    pub policies: BTreeMap<String, PolicyText>,
    /// Documents to import, by JSON pointer (`/apis/x/import`).
    pub imports: BTreeMap<String, String>,
    /// Where secrets stand in the files. Whoever shows lines of a file leaves these parts out.
    pub sensitive: Vec<Span>,
    /// How many findings there are beside [`Loaded::findings`].
    pub left_out: usize,
}

impl Loaded {
    /// The findings that stop a command.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.is_error())
    }

    /// Whether anything stops a command.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.errors().next().is_some()
    }
}

/// A policy document's text with the way back to the user's file.
#[derive(Debug, Clone)]
pub struct PolicyText {
    /// The text.
    pub text: SourceText,
    /// How expressions are written in it.
    pub format: PolicyFormat,
}

/// Where the values of a document stand.
#[derive(Debug, Clone, Default)]
pub struct Locator {
    /// JSON pointer → (key, if it has one; value).
    places: BTreeMap<String, (Option<Span>, Span)>,
}

impl Locator {
    /// Where the value at `pointer` stands; the nearest enclosing value when it is not in the file (a default).
    #[must_use]
    pub fn value(&self, pointer: &str) -> Option<Span> {
        self.nearest(pointer).map(|(_, value)| *value)
    }

    /// Where the key of `pointer` stands; the value itself for array items.
    #[must_use]
    pub fn key(&self, pointer: &str) -> Option<Span> {
        self.nearest(pointer).map(|(key, value)| key.unwrap_or(*value))
    }

    /// Whether the document itself has a value at `pointer`.
    #[must_use]
    pub fn contains(&self, pointer: &str) -> bool {
        self.places.contains_key(pointer)
    }

    /// Notes a place.
    pub fn insert(&mut self, pointer: impl Into<String>, key: Option<Span>, value: Span) {
        self.places.insert(pointer.into(), (key, value));
    }

    fn nearest(&self, pointer: &str) -> Option<&(Option<Span>, Span)> {
        let mut pointer = pointer;
        loop {
            if let Some(place) = self.places.get(pointer) {
                return Some(place);
            }
            pointer = &pointer[..pointer.rfind('/')?];
        }
    }
}

/// The file could not be read at all.
#[derive(Debug, thiserror::Error)]
#[error("cannot read `{path}`: {reason}", path = path.display())]
pub struct ReadError {
    /// The file.
    pub path: PathBuf,
    /// Why, in words.
    pub reason: String,
}

/// Reads and checks a specification. Everything that is wrong with it is in [`Loaded::findings`].
///
/// # Errors
/// The top file cannot be read.
pub fn load(path: &Path, options: &LoadOptions) -> Result<Loaded, ReadError> {
    let mut loaded = Loaded::default();
    let shown = files::shown(path);
    match files::read(path, yaml::MAXIMUM_BYTES) {
        Ok(text) => {
            let source = loaded.sources.add(shown, text.clone());
            if let Some(root) = yaml::parse(source, &text, &codes::YAML, &mut loaded.findings) {
                document(root, path, options, &mut loaded);
            }
        }
        Err(FileError::TooLarge(limit)) => {
            let source = loaded.sources.add(shown, "");
            let message = format!("the file is larger than {} MiB", limit / (1024 * 1024));
            let finding = Finding::error(codes::TOO_LARGE, Kind::Syntax, message).at(include::start(source));
            loaded.findings.push(finding.help("split it with `include`"));
        }
        Err(FileError::NotUtf8) => {
            let source = loaded.sources.add(shown, "");
            let finding = Finding::error(codes::NOT_UTF8, Kind::Syntax, "the file is not UTF-8").at(include::start(source));
            loaded.findings.push(finding.help("save it as UTF-8"));
        }
        Err(error) => return Err(ReadError { path: path.to_owned(), reason: error.to_string() }),
    }
    limit(&mut loaded);
    // Findings without a place come last.
    loaded.findings.sort_by_key(|finding| (finding.span.is_none(), finding.span.map(|span| (span.source, span.start))));
    Ok(loaded)
}

/// Keeps the first findings, errors before warnings, and says how many there are beside.
fn limit(loaded: &mut Loaded) {
    let total = loaded.findings.len() + loaded.left_out;
    if total <= check::MAXIMUM_FINDINGS {
        return;
    }
    loaded
        .findings
        .sort_by_key(|finding| (!finding.is_error(), finding.span.is_none(), finding.span.map(|span| (span.source, span.start))));
    loaded.findings.truncate(check::MAXIMUM_FINDINGS);
    let make = if loaded.has_errors() { Finding::error } else { Finding::warning };
    let message = format!("{} further findings are left out", total - loaded.findings.len());
    loaded.findings.push(make(codes::TOO_MANY, Kind::Place, message).help("mend the first ones"));
}

/// The document as JSON after parts, environment and variables are put in: what [`super::schema`] describes. `None` when there is no document.
///
/// # Errors
/// The top file cannot be read.
pub fn document_as_json(path: &Path, options: &LoadOptions) -> Result<Option<serde_json::Value>, ReadError> {
    let mut loaded = Loaded::default();
    let text = files::read(path, yaml::MAXIMUM_BYTES).map_err(|error| ReadError { path: path.to_owned(), reason: error.to_string() })?;
    let source = loaded.sources.add(files::shown(path), text.clone());
    let Some(mut root) = yaml::parse(source, &text, &codes::YAML, &mut loaded.findings) else { return Ok(None) };
    assemble(&mut root, path, options, &mut loaded);
    Ok(Some(check::document(&root, &mut loaded.findings).to_json(&root, "")))
}

/// Puts parts, environment and variables into the document.
fn assemble(root: &mut Node, path: &Path, options: &LoadOptions, loaded: &mut Loaded) -> Outside {
    include::expand(root, path, &mut loaded.sources, &mut loaded.findings);
    if let Some(name) = &options.environment_name {
        overlay::apply(root, name, &mut loaded.findings);
    }
    variables::substitute(root, options, &mut loaded.findings)
}

/// Everything after the top file's text: parts, environment, variables, structure, meaning, documents.
fn document(mut root: Node, path: &Path, options: &LoadOptions, loaded: &mut Loaded) {
    if !matches!(root.value, Value::Mapping(_)) {
        loaded.findings.push(include::not_a_mapping(&root));
        return;
    }
    let outside = assemble(&mut root, path, options, loaded);
    root.walk("", None, &mut |pointer, key, node| loaded.locator.insert(pointer, key, node.span));
    secrets::find(&root, loaded);
    let checked = check::document(&root, &mut loaded.findings);
    loaded.left_out = checked.left_out;
    documents::read(&root, loaded);
    let mut json = checked.to_json(&root, "");
    if let Some(fields) = json.as_object_mut() {
        let properties = schema::schema().get("properties");
        for name in &checked.unfit {
            if let Some(schema) = properties.and_then(|properties| properties.get(name)) {
                fields.insert(name.clone(), check::stub(schema));
            }
        }
    }
    match serde_json::from_value::<Spec>(json) {
        Ok(spec) => {
            validate::all(&spec, &checked, loaded);
            if checked.fits() {
                loaded.spec = Some(spec);
            }
        }
        Err(error) if checked.fits() => {
            let message = format!("the specification does not fit its types: {error}");
            loaded.findings.push(Finding::error(codes::UNFIT, Kind::Type, message).at(root.span));
        }
        // What is wrong has been said.
        Err(_) => {}
    }
    outside.hide(&mut loaded.findings);
}
