//! The policy documents that a command line names.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};

use crate::cli::arguments::PolicyFileArguments;
use crate::policy::{Document, Format, MAX_SIZE, codes};
use crate::support::finding::{Finding, Kind};
use crate::support::source::{SourceText, Sources, Span};

/// Every path of the arguments, in their order: the named ones, then those of `--files-from`.
///
/// # Errors
/// The list cannot be read.
pub(super) fn paths(arguments: &PolicyFileArguments) -> Result<Vec<PathBuf>> {
    let mut paths = arguments.files.clone();
    if let Some(list) = &arguments.files_from {
        let mut text = String::new();
        let read = if list.as_os_str() == "-" {
            std::io::stdin().lock().read_to_string(&mut text)
        } else {
            File::open(list).and_then(|mut file| file.read_to_string(&mut text))
        };
        read.with_context(|| format!("the list of files `{}` cannot be read", list.display()))?;
        // `git ls-files -z` and `find -print0` part with NUL, because a name may hold a line end.
        let separator = if text.contains('\0') { '\0' } else { '\n' };
        let lines = text.split(separator).map(|line| if separator == '\n' { line.trim_end_matches('\r') } else { line });
        paths.extend(lines.filter(|line| !line.is_empty()).map(PathBuf::from));
    }
    Ok(paths)
}

/// Reads one document. The text is kept in `sources` for the finding to point into.
///
/// # Errors
/// One finding: the file is not there, is no text, or is no policy document.
pub(super) fn read(path: &Path, sources: &mut Sources) -> Result<Document, Finding> {
    let bytes = bytes(path)?;
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let message = match error.as_bytes() {
                [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => format!("`{}` is UTF-16", path.display()),
                _ => format!("`{}` is not UTF-8: byte {at} belongs to no character", path.display()),
            };
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let start = u32::try_from(at).unwrap_or(u32::MAX);
            let span = Span { source: sources.add(path, text), start, end: start };
            return Err(Finding::error(codes::NOT_TEXT, Kind::Syntax, message).at(span).help("save it as UTF-8"));
        }
    };
    let text: Arc<str> = text.into();
    let source = SourceText::whole(sources.add(path, Arc::clone(&text)), text);
    // The entity-encoded style of format `xml` is read by `rawxml` too.
    Document::parse(&source, Format::RawXml)
}

fn bytes(path: &Path) -> Result<Vec<u8>, Finding> {
    let failed = |error: &std::io::Error| {
        let path = path.display();
        let (message, help) = match error.kind() {
            ErrorKind::NotFound => (format!("`{path}` is not there"), "correct the path"),
            ErrorKind::IsADirectory => (format!("`{path}` is a directory"), "name the policy documents in it, for instance with `*.xml`"),
            ErrorKind::PermissionDenied => (format!("`{path}` may not be read"), "give yourself permission to read it"),
            _ => (format!("`{path}` cannot be read: {error}"), "make it a readable file"),
        };
        Finding::error(codes::NOT_TEXT, Kind::Syntax, message).help(help)
    };
    let file = File::open(path).map_err(|error| failed(&error))?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err(failed(&ErrorKind::IsADirectory.into()));
    }
    let mut bytes = Vec::new();
    // One byte more than is taken, so that too much is seen; a device that never ends is not read to its end.
    file.take(MAX_SIZE as u64 + 1).read_to_end(&mut bytes).map_err(|error| failed(&error))?;
    if bytes.len() > MAX_SIZE {
        let message = format!("`{}` has more than {MAX_SIZE} bytes, the most that is read", path.display());
        return Err(Finding::error(codes::TOO_LARGE, Kind::Syntax, message).help("move parts of it into policy fragments"));
    }
    Ok(bytes)
}
