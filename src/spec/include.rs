//! `include:`: the parts of a specification that stand in other files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::codes;
use super::files::{self, FileError};
use super::tree::{Entry, Node, Value};
use super::yaml;
use crate::support::finding::{Finding, Kind};
use crate::support::source::{SourceId, Sources, Span};

/// Most files that one specification may include.
const MAXIMUM_FILES: usize = 1_000;

/// What all included files together may weigh, in bytes.
const MAXIMUM_TOTAL: usize = 16 * 1024 * 1024;

/// How entries of the same name at the top of two files go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Join {
    /// One of them is too many.
    Never,
    /// Their entries are put together; a name in both is an error.
    Names,
    /// Put together at every level; only values collide.
    Deep,
    /// One list after the other.
    Lists,
    /// Equal texts are fine.
    Equal,
}

fn how(key: &str) -> Join {
    match key {
        "apiVersion" | "name" => Join::Equal,
        "environments" => Join::Deep,
        "resources" => Join::Lists,
        "variables" | "tags" | "openAI" | "namedValues" | "backends" | "policyFragments" | "apiVersionSets" | "apis" | "products"
        | "groups" | "users" | "loggers" | "diagnostics" | "subscriptions" | "actionGroups" | "metricAlerts" | "logAlerts" => Join::Names,
        _ => Join::Never,
    }
}

/// Reads everything that the document at `path` includes, and joins it in.
pub(super) fn expand(root: &mut Node, path: &Path, sources: &mut Sources, findings: &mut Vec<Finding>) {
    let mut reader = Reader { sources, findings, open: vec![identity(path)], seen: BTreeSet::from([identity(path)]), bytes: 0 };
    reader.expand(root, path);
}

fn identity(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| files::shown(path))
}

struct Reader<'a> {
    sources: &'a mut Sources,
    findings: &'a mut Vec<Finding>,
    /// The files whose includes are being read, from the outermost.
    open: Vec<PathBuf>,
    seen: BTreeSet<PathBuf>,
    /// Read so far.
    bytes: usize,
}

impl Reader<'_> {
    fn expand(&mut self, root: &mut Node, path: &Path) {
        let Some(include) = root.get("include").cloned() else { return };
        for item in include.items() {
            let Some(pattern) = item.scalar().filter(|_| !item.is_null()) else { continue };
            for file in self.matches(path, &pattern.text, item.span) {
                if let Some(part) = self.read(&file, item.span) {
                    self.join(root, part);
                }
            }
        }
    }

    fn matches(&mut self, path: &Path, pattern: &str, span: Span) -> Vec<PathBuf> {
        let folder = path.parent().map(|folder| glob::Pattern::escape(&folder.to_string_lossy())).unwrap_or_default();
        let full = Path::new(&folder).join(pattern);
        let found: Vec<PathBuf> = match glob::glob(&full.to_string_lossy()) {
            Ok(paths) => paths.filter_map(Result::ok).filter(|path| !path.is_dir()).take(MAXIMUM_FILES + 1).collect(),
            Err(error) => {
                let message = format!("`{pattern}` is not a path or a pattern of paths: {}", error.msg);
                self.findings.push(Finding::error(codes::INCLUDE_EMPTY, Kind::Syntax, message).at(span));
                return Vec::new();
            }
        };
        if found.is_empty() {
            let tried = files::shown(&files::beside(path, pattern));
            let message = format!("`{pattern}` matches no file");
            let help = format!("looked for `{}`; paths are relative to the file that names them", tried.display());
            self.findings.push(Finding::error(codes::INCLUDE_EMPTY, Kind::Place, message).at(span).help(help));
        }
        if found.len() > MAXIMUM_FILES {
            let message = format!("`{pattern}` matches more than {MAXIMUM_FILES} files");
            self.findings.push(Finding::error(codes::TOO_LARGE, Kind::Place, message).at(span).help("narrow the pattern"));
            return Vec::new();
        }
        found
    }

    fn read(&mut self, path: &Path, span: Span) -> Option<Node> {
        let identity = identity(path);
        let shown = files::shown(path);
        if self.open.contains(&identity) {
            let message = format!("`{}` includes itself", shown.display());
            let help = "a file must not include a file that leads to it; narrow the pattern";
            self.findings.push(Finding::error(codes::INCLUDE_CYCLE, Kind::Place, message).at(span).help(help));
            return None;
        }
        if !self.seen.insert(identity.clone()) {
            return None;
        }
        if self.seen.len() > MAXIMUM_FILES || self.bytes > MAXIMUM_TOTAL {
            let message = format!("more than {MAXIMUM_FILES} files or {} MiB are included", MAXIMUM_TOTAL / (1024 * 1024));
            self.findings.push(Finding::error(codes::TOO_LARGE, Kind::Place, message).at(span));
            return None;
        }
        let text = match files::read(path, yaml::MAXIMUM_BYTES) {
            Ok(text) => text,
            Err(error) => {
                self.findings.push(unreadable(&shown, &error, span));
                return None;
            }
        };
        self.bytes += text.len();
        let source = self.sources.add(shown.clone(), text.clone());
        let mut part = yaml::parse(source, &text, &codes::YAML, self.findings)?;
        if !matches!(part.value, Value::Mapping(_)) {
            self.findings.push(not_a_mapping(&part));
            return None;
        }
        self.open.push(identity);
        self.expand(&mut part, path);
        self.open.pop();
        Some(part)
    }

    fn join(&mut self, root: &mut Node, part: Node) {
        let (Value::Mapping(entries), Value::Mapping(additions)) = (&mut root.value, part.value) else { return };
        for addition in additions.into_iter().filter(|addition| addition.key != "include") {
            let how = how(&addition.key);
            match entries.iter_mut().find(|entry| entry.key == addition.key) {
                None => entries.push(addition),
                Some(entry) => self.join_entry(entry, addition, how),
            }
        }
    }

    fn join_entry(&mut self, entry: &mut Entry, addition: Entry, how: Join) {
        match (how, &mut entry.node.value, addition.node.value) {
            (Join::Names | Join::Deep, Value::Mapping(entries), Value::Mapping(additions)) => {
                for addition in additions {
                    match entries.iter_mut().find(|entry| entry.key == addition.key) {
                        None => entries.push(addition),
                        Some(entry) if how == Join::Deep => self.join_entry(entry, addition, how),
                        Some(entry) => self.twice(entry, &addition.key, addition.key_span),
                    }
                }
            }
            (Join::Lists, Value::Sequence(items), Value::Sequence(additions)) => items.extend(additions),
            (Join::Equal, Value::Scalar(first), Value::Scalar(second)) if first.text == second.text => {}
            _ => self.twice(entry, &addition.key, addition.key_span),
        }
    }

    fn twice(&mut self, first: &Entry, key: &str, span: Span) {
        let place = |span: Span| format!("`{}` line {}", self.sources.path(span.source).display(), self.sources.position(span).line);
        let message = format!("`{key}` stands in two files: {} and {}", place(first.key_span), place(span));
        let finding = Finding::error(codes::INCLUDE_DUPLICATE, Kind::Place, message).at(span);
        self.findings.push(finding.label(first.key_span, "first here").help("keep it in one of the files"));
    }
}

fn unreadable(path: &Path, error: &FileError, span: Span) -> Finding {
    let code = match error {
        FileError::TooLarge(_) => codes::TOO_LARGE,
        FileError::NotUtf8 => codes::NOT_UTF8,
        FileError::Missing | FileError::Directory | FileError::Other(_) => codes::INCLUDE_UNREADABLE,
    };
    Finding::error(code, Kind::Place, format!("cannot read `{}`: {error}", path.display())).at(span)
}

/// The finding for a document that is a list or a text.
pub(super) fn not_a_mapping(node: &Node) -> Finding {
    let message = format!("a specification must be a mapping (`key: value` lines), not {}", node.kind_words());
    Finding::error(codes::NOT_A_MAPPING, Kind::Type, message).at(node.span)
}

/// The start of a file, for findings about the whole of it.
pub(super) const fn start(source: SourceId) -> Span {
    Span { source, start: 0, end: 0 }
}
