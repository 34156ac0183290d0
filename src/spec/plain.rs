//! Any YAML (or JSON) document as a value: fixtures and other files beside the specification.

use std::path::Path;

use serde_json::Value;

use super::load::ReadError;
use super::{codes, files, yaml};
use crate::support::finding::Finding;
use crate::support::source::Sources;

/// A document that was read, whatever its findings.
#[derive(Debug, Default)]
pub struct Plain {
    /// The file.
    pub sources: Sources,
    /// What is wrong with its syntax.
    pub findings: Vec<Finding>,
    /// The value; `Null` when it could not be read.
    pub value: Value,
}

/// Reads one YAML or JSON document with the rules of the specification (YAML 1.2 scalars, no key twice, bounded size and depth).
///
/// # Errors
/// The file cannot be read, is too large, or is not UTF-8.
pub fn read_plain(path: &Path) -> Result<Plain, ReadError> {
    let text = files::read(path, yaml::MAXIMUM_BYTES).map_err(|error| ReadError { path: path.to_owned(), reason: error.to_string() })?;
    let mut plain = Plain::default();
    let source = plain.sources.add(files::shown(path), text.clone());
    if let Some(root) = yaml::parse(source, &text, &codes::YAML, &mut plain.findings) {
        plain.value = root.to_json();
    }
    Ok(plain)
}
