//! From files to a checked, typed specification.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Spec;
use super::model::PolicyFormat;
use crate::support::environment::Environment;
use crate::support::finding::Finding;
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
#[error("cannot read `{path}`: {source}", path = path.display())]
pub struct ReadError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: std::io::Error,
}

/// Reads and checks a specification. Everything that is wrong with it is in [`Loaded::findings`].
///
/// # Errors
/// The top file cannot be read.
pub fn load(path: &Path, options: &LoadOptions) -> Result<Loaded, ReadError> {
    let _ = (path, options);
    unimplemented!()
}
