//! Files as they are written.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// A file to write.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Planned {
    /// Where it goes.
    pub path: PathBuf,
    /// The same for people.
    pub shown: String,
    /// What it holds.
    pub text: String,
    /// Whether a file that is there stays as it is, whatever is said.
    pub keep: bool,
}

impl Planned {
    /// A file below a directory, which is not named where it is the current one.
    pub(in crate::cli) fn below(directory: &Path, path: &str, text: String) -> Self {
        let path = if directory == Path::new(".") { PathBuf::from(path) } else { directory.join(path) };
        Self { shown: path.display().to_string(), path, text, keep: false }
    }
}

/// Writes them; answers which. Unless `force` is said, nothing is written when one of them is there already.
///
/// # Errors
/// A file is there already, or a directory or file cannot be written.
pub(in crate::cli) fn write(files: &[Planned], force: bool) -> Result<Vec<String>> {
    let there: Vec<String> = files.iter().filter(|file| !file.keep && file.path.exists()).map(|file| format!("`{}`", file.shown)).collect();
    if !there.is_empty() && !force {
        let are = if there.len() == 1 { "is" } else { "are" };
        bail!("{} {are} there already; nothing was written: overwrite with `--force`", there.join(", "));
    }
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
