//! What verify has made or changed, written down before it is done: whatever happens, `verify --restore` puts it back.
//!
//! The file lies in the state directory, beside `apply`'s own journal, under the same rules: written anew and renamed, and a lock tells a
//! run that is alive from one that died. Drills also leave a note in the service itself (`drill::note`), for machines whose disk
//! does not outlive them.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

use crate::arm::ResourceId;
use crate::support::private_file;

const FORMAT: u32 = 1;

/// One thing that was, or may have been, done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "did", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Entry {
    /// Made: to be deleted.
    Made {
        /// What.
        id: ResourceId,
        /// The api-version it was made with.
        api_version: String,
    },
    /// Changed: to be put back.
    Changed {
        /// What.
        id: ResourceId,
        /// The api-version it was read and written with.
        api_version: String,
        /// As it was.
        before: Value,
        /// As it was made, each time; if it is otherwise now, somebody else has changed it.
        after: Vec<Value>,
    },
}

impl Entry {
    /// What it is about.
    #[must_use]
    pub const fn id(&self) -> &ResourceId {
        match self {
            Self::Made { id, .. } | Self::Changed { id, .. } => id,
        }
    }
}

/// What is written down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Contents {
    format: u32,
    /// Specification.
    pub owner: String,
    /// Service.
    pub service: ResourceId,
    /// Who did it.
    pub holder: String,
    /// Since when.
    #[serde(with = "time::serde::rfc3339")]
    pub since: OffsetDateTime,
    /// In order.
    pub entries: Vec<Entry>,
}

impl Contents {
    /// Nothing done yet.
    #[must_use]
    pub fn new(owner: &str, service: &ResourceId, holder: &str, since: OffsetDateTime) -> Self {
        Self { format: FORMAT, owner: owner.to_owned(), service: service.clone(), holder: holder.to_owned(), since, entries: Vec::new() }
    }

    /// Reads what another run wrote; `None` if it is of another kind.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let contents: Self = serde_json::from_slice(bytes).ok()?;
        (contents.format == FORMAT).then_some(contents)
    }

    /// One line for people.
    #[must_use]
    pub fn words(&self) -> String {
        let names: Vec<&str> = self.entries.iter().map(|entry| entry.id().name()).collect();
        let since = self.since.format(&time::format_description::well_known::Rfc3339).unwrap_or_default();
        format!("begun by {} at {since}, not put back: {}", self.holder, names.join(", "))
    }
}

/// The journal could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another verify of this specification is running on this machine.
    #[error("another `verify` of `{0}` is running on this machine")]
    Busy(String),
    /// A file cannot be used.
    #[error("cannot use `{path}`: {source}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What an earlier run wrote down cannot be read; it is not thrown away.
    #[error("`{path}` is of a drill that was not put back, and cannot be read; look at it, then remove it", path = .0.display())]
    Damaged(PathBuf),
}

/// The journal of one specification on one service.
#[derive(Debug)]
pub struct Journal {
    path: Option<PathBuf>,
    contents: Mutex<Contents>,
    /// Held for as long as the run lives.
    _lock: Option<File>,
}

impl Journal {
    /// Opens the journal in `directory` (made if need be), or one that is kept nowhere. What an earlier run left in it stays.
    ///
    /// # Errors
    /// See [`JournalError`].
    pub fn open(directory: Option<&Path>, fresh: Contents) -> Result<Self, JournalError> {
        let Some(directory) = directory else { return Ok(Self { path: None, contents: Mutex::new(fresh), _lock: None }) };
        let path = Self::path(directory, &fresh.owner, &fresh.service);
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| JournalError::File { path, source }
        };
        fs::create_dir_all(directory).map_err(failed(directory))?;
        let lock_path = path.with_extension("lock");
        let lock = File::options().create(true).truncate(false).write(true).open(&lock_path).map_err(failed(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(JournalError::Busy(fresh.owner)),
            Err(TryLockError::Error(source)) => return Err(failed(&lock_path)(source)),
        }
        let contents = match fs::read(&path) {
            Ok(bytes) => Contents::parse(&bytes).ok_or_else(|| JournalError::Damaged(path.clone()))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => fresh,
            Err(error) => return Err(failed(&path)(error)),
        };
        Ok(Self { path: Some(path), contents: Mutex::new(contents), _lock: Some(lock) })
    }

    /// What an earlier run on this machine left; nothing while a run is alive, which puts it back itself.
    #[must_use]
    pub fn peek(directory: Option<&Path>, owner: &str, service: &ResourceId) -> Option<Contents> {
        let path = Self::path(directory?, owner, service);
        let bytes = fs::read(&path).ok()?;
        let lock = File::options().write(true).open(path.with_extension("lock"));
        if lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock))) {
            return None;
        }
        Contents::parse(&bytes).filter(|contents| !contents.entries.is_empty())
    }

    fn path(directory: &Path, owner: &str, service: &ResourceId) -> PathBuf {
        let name = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, format!("{}\n{}", owner.to_ascii_lowercase(), service.key()).as_bytes());
        directory.join(format!("verify-{}.json", name.simple()))
    }

    /// What is written down.
    #[must_use]
    pub fn contents(&self) -> Contents {
        self.lock().clone()
    }

    /// Whether nothing is to be put back.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().entries.is_empty()
    }

    /// Notes that a resource is going to be made.
    ///
    /// # Errors
    /// The file cannot be written: nothing may be done then.
    pub fn will_make(&self, id: &ResourceId, api_version: &str) -> Result<(), JournalError> {
        let entry = Entry::Made { id: id.clone(), api_version: api_version.to_owned() };
        self.change(|contents| {
            if !contents.entries.iter().any(|known| known.id() == id) {
                contents.entries.push(entry);
            }
        })
    }

    /// Notes that a resource is going to be changed from `before` to `after`. Of several changes the first `before` counts.
    ///
    /// # Errors
    /// The file cannot be written: nothing may be done then.
    pub fn will_change(&self, id: &ResourceId, api_version: &str, before: &Value, after: &Value) -> Result<(), JournalError> {
        self.change(|contents| {
            match contents.entries.iter_mut().find(|known| known.id() == id) {
                Some(Entry::Changed { after: known, .. }) => known.push(after.clone()),
                // What verify made itself is deleted, whatever it was changed to.
                Some(Entry::Made { .. }) => {}
                None => contents.entries.push(Entry::Changed {
                    id: id.clone(),
                    api_version: api_version.to_owned(),
                    before: before.clone(),
                    after: vec![after.clone()],
                }),
            }
        })
    }

    /// Takes entries of another machine in.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn adopt(&self, other: &Contents) -> Result<(), JournalError> {
        self.change(|contents| {
            for entry in &other.entries {
                if !contents.entries.iter().any(|known| known.id() == entry.id()) {
                    contents.entries.push(entry.clone());
                }
            }
        })
    }

    /// Forgets what has been put back. An empty journal is no file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn done(&self, id: &ResourceId) -> Result<(), JournalError> {
        self.change(|contents| contents.entries.retain(|entry| entry.id() != id))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Contents)) -> Result<(), JournalError> {
        let mut contents = self.lock();
        let mut next = contents.clone();
        change(&mut next);
        if let Some(path) = &self.path {
            let failed = |source| JournalError::File { path: path.clone(), source };
            if next.entries.is_empty() {
                match fs::remove_file(path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
                    _ => {}
                }
            } else {
                let bytes = serde_json::to_vec_pretty(&next).map_err(|error| failed(io::Error::other(error)))?;
                private_file::write(path, &bytes).map_err(failed)?;
            }
        }
        *contents = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn id(name: &str) -> ResourceId {
        ResourceId::parse(&format!("/subscriptions/s/resourceGroups/g/providers/Microsoft.ApiManagement/service/apim/backends/{name}"))
            .unwrap()
    }

    fn fresh() -> Contents {
        let service = id("x").parent().unwrap();
        Contents::new("spec", &service, "anna@here", OffsetDateTime::UNIX_EPOCH)
    }

    #[test]
    fn what_was_written_down_is_there_after_a_crash_and_gone_when_it_is_put_back() {
        let directory = tempfile::tempdir().unwrap();
        let service = fresh().service;
        let journal = Journal::open(Some(directory.path()), fresh()).unwrap();
        assert!(Journal::peek(Some(directory.path()), "spec", &service).is_none(), "nothing is to be put back");
        journal.will_make(&id("made"), "v").unwrap();
        journal.will_change(&id("pool"), "v", &json!(1), &json!(2)).unwrap();
        journal.will_change(&id("pool"), "v", &json!(2), &json!(3)).unwrap();
        assert!(matches!(Journal::open(Some(directory.path()), fresh()), Err(JournalError::Busy(_))), "the run lives");
        assert!(Journal::peek(Some(directory.path()), "spec", &service).is_none(), "and puts it back itself");
        drop(journal);
        let left = Journal::peek(Some(directory.path()), "SPEC", &service).unwrap();
        assert!(left.words().contains("anna@here") && left.words().contains("made, pool"), "{}", left.words());
        let again = Journal::open(Some(directory.path()), fresh()).unwrap();
        let Entry::Changed { before, after, .. } = &again.contents().entries[1] else { panic!() };
        assert_eq!((before, after), (&json!(1), &vec![json!(2), json!(3)]), "of several changes the first state counts");
        again.done(&id("made")).unwrap();
        again.done(&id("pool")).unwrap();
        assert!(again.is_empty());
        assert!(Journal::peek(Some(directory.path()), "spec", &service).is_none());
    }

    #[test]
    fn a_journal_that_cannot_be_read_is_not_thrown_away() {
        let directory = tempfile::tempdir().unwrap();
        let journal = Journal::open(Some(directory.path()), fresh()).unwrap();
        journal.will_make(&id("made"), "v").unwrap();
        let path = journal.path.clone().unwrap();
        drop(journal);
        fs::write(&path, b"{").unwrap();
        assert!(matches!(Journal::open(Some(directory.path()), fresh()), Err(JournalError::Damaged(_))));
        assert!(path.exists());
    }
}
