//! Files that only their owner may read.

use std::io::{self, Write};
use std::path::Path;

/// Writes `contents` to `path` in one step (a reader sees the old file or the new one, never half of it), readable by
/// its owner only where the system knows such a thing (mode 0600 on Unix). Parent directories are made.
///
/// # Errors
/// Whatever the file system says.
pub fn write(path: &Path, contents: &[u8]) -> io::Result<()> {
    let invalid = || io::Error::new(io::ErrorKind::InvalidInput, "the path names no file");
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    std::fs::create_dir_all(parent)?;
    let mut name = path.file_name().ok_or_else(invalid)?.to_owned();
    // The process id keeps two processes from writing into one temporary file.
    name.push(format!(".{}.new", std::process::id()));
    let temporary = parent.join(name);
    let result = create(&temporary).and_then(|mut file| {
        file.write_all(contents)?;
        file.sync_all()
    });
    match result.and_then(|()| std::fs::rename(&temporary, path)) {
        Ok(()) => Ok(()),
        Err(error) => {
            // Nothing more can be done about a leftover than to try.
            let _ = std::fs::remove_file(&temporary);
            Err(error)
        }
    }
}

#[cfg(unix)]
fn create(path: &Path) -> io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    // A leftover of an earlier process of the same id might have another mode.
    let _ = std::fs::remove_file(path);
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn create(path: &Path) -> io::Result<std::fs::File> {
    std::fs::File::create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_file_is_replaced_whole_and_is_its_owners() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/b/key.pem");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
