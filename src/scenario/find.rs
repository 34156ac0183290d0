//! Files of scenarios by path: files as they are named, directories for everything in them.

use std::io;
use std::path::{Path, PathBuf};

use super::read::SUFFIXES;

/// Directories that hold no files of the user's own.
const SKIPPED: [&str; 2] = ["node_modules", "target"];
/// Deepest directory that is looked into: links may lead round in circles.
const DEEPEST: usize = 32;

/// A path under which there is nothing to run.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// It cannot be read.
    #[error("`{}` cannot be read: {source}", path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There are no files of scenarios in it.
    #[error("there are no files of scenarios in `{}`: their names end with `.test.yaml`", .0.display())]
    Nothing(PathBuf),
}

/// The files of these paths, each once, in order: directories are looked into and their files sorted by name.
///
/// # Errors
/// A path cannot be read, or a directory holds no scenarios.
pub fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>, FindError> {
    let mut found: Vec<PathBuf> = Vec::new();
    for path in paths {
        let unreadable = |source| FindError::Unreadable { path: path.clone(), source };
        let mut own = Vec::new();
        if std::fs::metadata(path).map_err(unreadable)?.is_dir() {
            look(path, DEEPEST, &mut own).map_err(unreadable)?;
            own.sort();
            if own.is_empty() {
                return Err(FindError::Nothing(path.clone()));
            }
        } else {
            own.push(path.clone());
        }
        for path in own {
            if !found.contains(&path) {
                found.push(path);
            }
        }
    }
    Ok(found)
}

fn look(directory: &Path, depth: usize, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_dir() {
            if depth > 0 && !name.starts_with('.') && !SKIPPED.contains(&name.as_str()) {
                look(&path, depth - 1, found)?;
            }
        } else if SUFFIXES.iter().any(|suffix| name.ends_with(suffix)) {
            found.push(path);
        }
    }
    Ok(())
}
