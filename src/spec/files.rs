//! Reading files beside the specification: where a path leads, and texts as people's editors save them.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::support::source::{SourceId, SourceText, Sources};

/// Why a file could not be taken in. The words complete "cannot read `path`: …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum FileError {
    #[error("there is no such file")]
    Missing,
    #[error("it is a directory")]
    Directory,
    #[error("it is larger than {} KiB", .0 / 1024)]
    TooLarge(usize),
    #[error("it is not UTF-8")]
    NotUtf8,
    #[error("{0}")]
    Other(String),
}

impl FileError {
    fn of(error: &std::io::Error, path: &Path) -> Self {
        match error.kind() {
            std::io::ErrorKind::NotFound => Self::Missing,
            _ if path.is_dir() => Self::Directory,
            kind => Self::Other(kind.to_string()),
        }
    }
}

/// Reads at most `limit` bytes of text.
pub(super) fn read(path: &Path, limit: usize) -> Result<Arc<str>, FileError> {
    let size = std::fs::metadata(path).map_err(|error| FileError::of(&error, path))?;
    if size.is_dir() {
        return Err(FileError::Directory);
    }
    if size.len() > limit as u64 {
        return Err(FileError::TooLarge(limit));
    }
    let bytes = std::fs::read(path).map_err(|error| FileError::of(&error, path))?;
    if bytes.len() > limit {
        return Err(FileError::TooLarge(limit));
    }
    String::from_utf8(bytes).map(Arc::from).map_err(|_| FileError::NotUtf8)
}

/// Where a path that stands in the file `from` leads.
pub(super) fn beside(from: &Path, path: &str) -> PathBuf {
    from.parent().map_or_else(|| PathBuf::from(path), |folder| folder.join(path))
}

/// A path as it is shown: without `.` and without `x/..`.
pub(super) fn shown(path: &Path) -> PathBuf {
    let mut shown = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(shown.components().next_back(), Some(Component::Normal(_))) => {
                shown.pop();
            }
            other => shown.push(other),
        }
    }
    shown
}

/// Files that were read once, however often they are named.
#[derive(Debug, Default)]
pub(super) struct Shelf(HashMap<PathBuf, SourceId>);

impl Shelf {
    /// The text of a file that is not a part of the specification itself, without a byte order mark.
    pub(super) fn text(&mut self, path: &Path, limit: usize, sources: &mut Sources) -> Result<SourceText, FileError> {
        let shown = shown(path);
        let source = match self.0.get(&shown) {
            Some(source) => *source,
            None => {
                let source = sources.add(shown.clone(), read(path, limit)?);
                self.0.insert(shown, source);
                source
            }
        };
        let text = sources.get(source).map(|file| Arc::clone(&file.text)).unwrap_or_default();
        Ok(match text.strip_prefix('\u{feff}') {
            Some(body) => SourceText::part(source, Arc::from(body), vec![(0, 3)]),
            None => SourceText::whole(source, text),
        })
    }
}
