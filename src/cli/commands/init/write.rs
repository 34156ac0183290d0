//! Files as they are written.

use std::path::PathBuf;

use anyhow::{Context, Result};

/// A file to write.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    /// Where it goes.
    pub path: PathBuf,
    /// The same for people.
    pub shown: String,
    /// What it holds.
    pub text: String,
    /// Whether a file that is there stays as it is, whatever is said.
    pub keep: bool,
}

/// Writes them; answers which.
///
/// # Errors
/// A directory or file cannot be written.
pub(super) fn all(files: &[Planned]) -> Result<Vec<String>> {
    let mut written = Vec::new();
    for file in files {
        if file.keep && file.path.exists() {
            continue;
        }
        if let Some(parent) = file.path.parent() {
            std::fs::create_dir_all(parent).with_context(|| format!("cannot make the directory `{}`", parent.display()))?;
        }
        std::fs::write(&file.path, &file.text).with_context(|| format!("cannot write `{}`", file.path.display()))?;
        written.push(file.shown.clone());
    }
    Ok(written)
}
