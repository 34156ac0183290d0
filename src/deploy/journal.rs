//! What a run on this machine was waiting for, so that a rerun goes on waiting for the same thing.
//!
//! The service itself holds the truth (manifest, provisioning states); this file only adds operation URLs. Every change
//! is written to a new file, flushed, and renamed over the old one. A lock file tells a run that is alive from one that died.

use std::fs::{self, File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::error::DeployError;
use crate::arm::ResourceId;
use crate::arm::async_operation::AsyncOperation;

const FORMAT: u32 = 1;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Contents {
    format: u32,
    owner: String,
    service: Option<ResourceId>,
    /// Leases that runs on this machine asked for and did not give back: a rerun takes them over without waiting for their end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    leases: Vec<String>,
    #[serde(default)]
    operations: Vec<AsyncOperation>,
}

/// The journal of one specification on one service.
#[derive(Debug)]
pub struct Journal {
    path: Option<PathBuf>,
    contents: Mutex<Contents>,
    /// Held for as long as the run lives; the system frees it when the process dies.
    _lock: Option<File>,
}

impl Journal {
    /// Opens the journal in `directory` (made if need be), or one that is kept nowhere.
    ///
    /// # Errors
    /// The directory cannot be used, or another run on this machine is alive.
    pub fn open(directory: Option<&Path>, owner: &str, service: Option<&ResourceId>) -> Result<Self, DeployError> {
        let fresh = Contents { format: FORMAT, owner: owner.to_owned(), service: service.cloned(), ..Contents::default() };
        let Some(directory) = directory else { return Ok(Self { path: None, contents: Mutex::new(fresh), _lock: None }) };
        let path = Self::path(directory, owner, service);
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| DeployError::State { path, source }
        };
        fs::create_dir_all(directory).map_err(failed(directory))?;
        let lock_path = path.with_extension("lock");
        let lock = File::options().create(true).truncate(false).write(true).open(&lock_path).map_err(failed(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(DeployError::LeaseHeld {
                    owner: owner.to_owned(),
                    holder: "another process on this machine".to_owned(),
                    since: "its start".to_owned(),
                    expires: "it ends".to_owned(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed(&lock_path)(source)),
        }
        let contents = Self::read(&path, owner, service).unwrap_or(fresh);
        Ok(Self { path: Some(path), contents: Mutex::new(contents), _lock: Some(lock) })
    }

    /// The operations that an earlier run on this machine was waiting for; looks without locking.
    #[must_use]
    pub fn peek(directory: Option<&Path>, owner: &str, service: Option<&ResourceId>) -> Vec<AsyncOperation> {
        directory
            .and_then(|directory| Self::read(&Self::path(directory, owner, service), owner, service))
            .map(|contents| contents.operations)
            .unwrap_or_default()
    }

    fn path(directory: &Path, owner: &str, service: Option<&ResourceId>) -> PathBuf {
        let key = service.map(ResourceId::key).unwrap_or_default();
        let name = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, format!("{}\n{key}", owner.to_ascii_lowercase()).as_bytes());
        directory.join(format!("journal-{}.json", name.simple()))
    }

    /// A journal that is damaged or of another kind is as good as none: the service holds the truth.
    fn read(path: &Path, owner: &str, service: Option<&ResourceId>) -> Option<Contents> {
        let contents: Contents = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
        (contents.format == FORMAT && contents.owner == owner && contents.service.as_ref() == service).then_some(contents)
    }

    /// The leases of earlier runs that died.
    #[must_use]
    pub fn leases(&self) -> Vec<String> {
        self.lock().leases.clone()
    }

    /// The operations that are not known to have ended.
    #[must_use]
    pub fn operations(&self) -> Vec<AsyncOperation> {
        self.lock().operations.clone()
    }

    /// Notes a lease, before it is asked for. Older ones stay: which of them the service has is not known yet.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn ask_for_lease(&self, lease: &str) -> Result<(), DeployError> {
        self.change(|contents| contents.leases.push(lease.to_owned()))
    }

    /// Forgets all leases but the one that is held.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn hold_lease(&self, lease: Option<&str>) -> Result<(), DeployError> {
        self.change(|contents| contents.leases = lease.map(str::to_owned).into_iter().collect())
    }

    /// Notes an operation, before the first wait for it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn begun(&self, operation: &AsyncOperation) -> Result<(), DeployError> {
        self.change(|contents| {
            contents.operations.retain(|known| known.resource != operation.resource);
            contents.operations.push(operation.clone());
        })
    }

    /// Forgets the operation of a resource.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn ended(&self, resource: &ResourceId) -> Result<(), DeployError> {
        if self.lock().operations.iter().all(|known| known.resource != *resource) {
            return Ok(());
        }
        self.change(|contents| contents.operations.retain(|known| known.resource != *resource))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Contents)) -> Result<(), DeployError> {
        let mut contents = self.lock();
        change(&mut contents);
        let Some(path) = &self.path else { return Ok(()) };
        let failed = |source| DeployError::State { path: path.clone(), source };
        if contents.leases.is_empty() && contents.operations.is_empty() {
            return match fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(error)),
                _ => Ok(()),
            };
        }
        let text = serde_json::to_vec_pretty(&*contents).map_err(|error| failed(error.into()))?;
        write_durably(path, &text).map_err(failed)
    }
}

fn write_durably(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    // The rename itself must survive a power cut; systems that cannot open a directory have nothing to flush.
    if let Some(directory) = path.parent().and_then(|directory| File::open(directory).ok()) {
        directory.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(name: &str) -> AsyncOperation {
        AsyncOperation {
            resource: ResourceId::resource_group("s", name),
            api_version: "2024-05-01".into(),
            azure_async_operation: Some("https://management.azure.com/x".into()),
            location: None,
            retry_after_seconds: None,
            delete: false,
        }
    }

    #[test]
    fn what_was_begun_is_found_by_the_next_run_and_an_idle_journal_leaves_no_file() {
        let directory = tempfile::tempdir().unwrap();
        let open = || Journal::open(Some(directory.path()), "spec", None);
        let first = open().unwrap();
        first.ask_for_lease("l").unwrap();
        first.begun(&operation("a")).unwrap();
        first.begun(&operation("b")).unwrap();
        assert!(open().unwrap_err().to_string().contains("another process on this machine"), "a live run is told from a dead one");
        drop(first);
        assert_eq!(Journal::peek(Some(directory.path()), "spec", None).len(), 2);
        let second = open().unwrap();
        assert_eq!((second.leases(), second.operations().len()), (vec!["l".to_owned()], 2));
        second.ended(&operation("a").resource).unwrap();
        second.ended(&operation("b").resource).unwrap();
        second.hold_lease(None).unwrap();
        let left: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(left.iter().all(|path| path.extension().is_some_and(|extension| extension == "lock")), "{left:?}");
    }

    #[test]
    fn a_damaged_or_foreign_journal_is_as_good_as_none() {
        let directory = tempfile::tempdir().unwrap();
        let path = Journal::path(directory.path(), "spec", None);
        fs::write(&path, b"{ half a journ").unwrap();
        assert!(Journal::open(Some(directory.path()), "spec", None).unwrap().operations().is_empty());
        fs::write(&path, br#"{"format":1,"owner":"other","service":null,"operations":[]}"#).unwrap();
        assert!(Journal::peek(Some(directory.path()), "spec", None).is_empty());
    }
}
