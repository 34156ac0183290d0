//! Policies and documents to import: the texts that a specification names or holds.

use std::path::PathBuf;

use super::codes;
use super::files::{self, FileError, Shelf};
use super::load::{Loaded, PolicyText};
use super::model::PolicyFormat;
use super::tree::{Node, Resolved, Value, join};
use crate::support::finding::{Finding, Kind};
use crate::support::source::Span;

/// Largest policy document that is read. The service itself takes 256 KiB (service limits page).
const MAXIMUM_POLICY_BYTES: usize = 1024 * 1024;
/// Largest API description that is imported. The service itself takes 4 MiB inline (API import restrictions page).
const MAXIMUM_IMPORT_BYTES: usize = 4 * 1024 * 1024;

/// Reads every policy and every import of the document into `loaded`.
pub(super) fn read(root: &Node, loaded: &mut Loaded) {
    let mut reader = Reader { loaded, shelf: Shelf::default() };
    if let Some(service) = root.get("service") {
        reader.policy(service, "/service");
    }
    for section in ["policyFragments", "products", "apis"] {
        for entry in root.get(section).map(Node::entries).unwrap_or_default() {
            let place = join(&format!("/{section}"), &entry.key);
            reader.policy(&entry.node, &place);
            reader.import(&entry.node, &place);
            for operation in entry.node.get("operations").map(Node::entries).unwrap_or_default() {
                reader.policy(&operation.node, &join(&format!("{place}/operations"), &operation.key));
            }
        }
    }
}

struct Reader<'a> {
    loaded: &'a mut Loaded,
    shelf: Shelf,
}

impl Reader<'_> {
    fn policy(&mut self, holder: &Node, place: &str) {
        // A list, a number and the like are found fault with by the structural check.
        let sound = |node: &&Node| match &node.value {
            Value::Scalar(scalar) => matches!(scalar.resolve(), Resolved::Text(_)),
            Value::Mapping(_) => true,
            Value::Sequence(_) => false,
        };
        let Some(node) = holder.get("policy").filter(sound) else { return };
        let pointer = format!("{place}/policy");
        let (file, value, format) = if node.scalar().is_some() {
            if node.scalar().is_some_and(|scalar| scalar.text.trim_start().starts_with('<')) {
                (None, Some(node), PolicyFormat::RawXml)
            } else {
                (Some(node), None, PolicyFormat::RawXml)
            }
        } else {
            let format = match node.get("format").and_then(Node::scalar).map(|scalar| scalar.text.as_str()) {
                Some("xml") => PolicyFormat::Xml,
                _ => PolicyFormat::RawXml,
            };
            (node.get("file").filter(|node| !node.is_null()), node.get("value").filter(|node| !node.is_null()), format)
        };
        let text = match (file, value) {
            (Some(file), None) => self.file(file, MAXIMUM_POLICY_BYTES, "policy"),
            (None, Some(value)) => value.source_text(),
            (None, None) | (Some(_), Some(_)) => {
                let finding = Finding::error(codes::POLICY_SOURCE, Kind::Place, "a policy needs either `file` or `value`");
                self.loaded.findings.push(finding.at(node.span));
                None
            }
        };
        if let Some(text) = text {
            self.loaded.policies.insert(pointer, PolicyText { text, format });
        }
    }

    fn import(&mut self, holder: &Node, place: &str) {
        let Some(file) = holder.get("import").and_then(|import| import.get("file")).filter(|file| !file.is_null()) else { return };
        if let Some(text) = self.file(file, MAXIMUM_IMPORT_BYTES, "document") {
            self.loaded.imports.insert(format!("{place}/import"), text.text().to_owned());
        }
    }

    fn file(&mut self, node: &Node, limit: usize, what: &str) -> Option<crate::support::source::SourceText> {
        let name = &node.scalar()?.text;
        let path = files::beside(self.loaded.sources.path(node.span.source), name);
        match self.shelf.text(&path, limit, &mut self.loaded.sources) {
            Ok(text) => Some(text),
            Err(error) => {
                let finding = unreadable(&path, &error, what, node.span);
                self.loaded.findings.push(finding);
                None
            }
        }
    }
}

fn unreadable(path: &std::path::Path, error: &FileError, what: &str, span: Span) -> Finding {
    let shown: PathBuf = files::shown(path);
    let finding =
        Finding::error(codes::FILE_MISSING, Kind::Place, format!("cannot read the {what} `{}`: {error}", shown.display())).at(span);
    match error {
        FileError::Missing => finding.help("paths are relative to the file that names them"),
        FileError::NotUtf8 => finding.help("save it as UTF-8"),
        FileError::Directory | FileError::TooLarge(_) | FileError::Other(_) => finding,
    }
}
