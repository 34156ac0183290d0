//! `apimctl policy fmt`: one layout, and safe cures.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::check::entry;
use super::{context, count, files};
use crate::cli::arguments::PolicyFmtArguments;
use crate::cli::commands::Session;
use crate::cli::output::Outcome;
use crate::policy::{self, Document, Format};
use crate::support::finding::Finding;
use crate::support::source::{SourceText, Sources};

/// A cure may uncover another (the next read of the same body); no document needs more rounds.
const MAX_ROUNDS: usize = 32;

/// What to do with the new text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// One file: show it.
    Print,
    /// Say which files would change.
    List,
    /// Write it.
    Write,
}

/// One document, formatted.
struct Formatted {
    text: String,
    changed: bool,
    fixed: Vec<Finding>,
}

/// Runs it.
pub(super) fn run(arguments: &PolicyFmtArguments, session: &mut Session<'_>) -> Result<Outcome> {
    let paths = files::paths(&arguments.documents)?;
    let mode = match (arguments.fix, arguments.check, &paths[..]) {
        (true, ..) => Mode::Write,
        (false, false, [_]) => Mode::Print,
        _ => Mode::List,
    };
    let (mut unreadable, mut changed, mut fixed) = (0, 0, 0);
    let mut entries: Vec<Value> = Vec::new();
    for path in &paths {
        let mut sources = Sources::default();
        let formatted = files::read(path, &mut sources).map(|document| formatted(document, arguments));
        let result = match formatted {
            Ok(result) => result,
            Err(finding) => {
                unreadable += 1;
                if session.printer.is_json() {
                    let findings = [entry(&finding, &sources)];
                    entries
                        .push(json!({ "path": path.to_string_lossy(), "ok": false, "changed": false, "fixed": [], "findings": findings }));
                } else {
                    session.printer.findings(&[finding], &sources);
                }
                continue;
            }
        };
        changed += usize::from(result.changed);
        fixed += result.fixed.len();
        if mode == Mode::Write && result.changed {
            write(path, &result.text).with_context(|| format!("`{}` cannot be written", path.display()))?;
        }
        if session.printer.is_json() {
            let fixes: Vec<Value> = result.fixed.iter().map(|finding| entry(finding, &sources)).collect();
            let mut value = json!({
                "path": path.to_string_lossy(), "ok": true, "changed": result.changed, "fixed": fixes, "findings": [],
            });
            if mode == Mode::Print
                && let Some(object) = value.as_object_mut()
            {
                object.insert("text".to_owned(), result.text.into());
            }
            entries.push(value);
        } else if mode == Mode::Print {
            session.printer.data(result.text.trim_end_matches(['\r', '\n']));
        } else if result.changed {
            session.printer.data(path.display().to_string());
            for finding in &result.fixed {
                session.printer.note(format!("  {} mended: {}", finding.code.id, finding.message));
            }
        }
    }
    if session.printer.is_json() {
        session.printer.json(&json!({ "files": entries }));
    } else if mode != Mode::Print {
        session.printer.note(summary(mode, paths.len(), changed, fixed));
    }
    let clean = unreadable == 0 && (mode != Mode::List || changed == 0);
    Ok(if clean { Outcome::Done } else { Outcome::Failed })
}

fn formatted(document: Document, arguments: &PolicyFmtArguments) -> Formatted {
    let before = document.source().text().to_owned();
    let mut document = document;
    let mut fixed: Vec<Finding> = Vec::new();
    for _ in 0..MAX_ROUNDS {
        if !arguments.fix {
            break;
        }
        let fixes = policy::fixes(&document, &context(arguments.documents.scope, &document));
        if fixes.is_empty() {
            break;
        }
        let text = policy::apply_fixes(&document, &fixes);
        // What cannot be read again is no cure: the document is left as it was.
        let Ok(mended) = Document::parse(&SourceText::whole(document.source().source(), text.into()), Format::RawXml) else { break };
        fixed.extend(fixes.into_iter().map(|fix| fix.finding));
        document = mended;
    }
    let text = policy::format(&document);
    Formatted { changed: text != before, text, fixed }
}

fn summary(mode: Mode, files: usize, changed: usize, fixed: usize) -> String {
    match (mode, changed) {
        (_, 0) => format!("{} read: nothing to change", count(files, "file")),
        (Mode::Write, _) => format!("{} of {} rewritten, {} mended", changed, count(files, "file"), count(fixed, "finding")),
        _ => format!("{} of {} would change: add `--fix` to rewrite them", changed, count(files, "file")),
    }
}

/// In one step: whoever reads the file sees the old text or the new one. Permissions stay; a symbolic link goes on pointing to its file.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let path = std::fs::canonicalize(path)?;
    let mut name = path.file_name().map(std::ffi::OsStr::to_owned).unwrap_or_default();
    name.push(format!(".{}.new", std::process::id()));
    let temporary = path.with_file_name(name);
    let written = std::fs::File::create(&temporary).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.set_permissions(std::fs::metadata(&path)?.permissions())?;
        file.sync_all()
    });
    let result = written.and_then(|()| std::fs::rename(&temporary, &path));
    if result.is_err() {
        // Nothing more can be done about a leftover than to try.
        let _ = std::fs::remove_file(&temporary);
    }
    result
}
