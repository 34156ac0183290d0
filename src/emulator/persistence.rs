//! The database file: one transaction for each acknowledged write, synced before the answer.
//!
//! Secret values lie in a table of their own and nowhere else.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::OpenError;
use super::access::Directory;
use super::operations::Operation;
use super::transaction::{Changes, Ledger};
use crate::arm::ResourceId;
use crate::arm::store::Stored;
use crate::support::secret::Secret;

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
const RESOURCES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("resources");
const ATTIC: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("attic");
const OPERATIONS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("operations");
/// (owner, JSON pointer) to the value.
const SECRETS: TableDefinition<'_, (&str, &str), &str> = TableDefinition::new("secrets");

/// Rises when rows change their meaning.
const SCHEMA: u64 = 1;
const FILE: &str = "arm.redb";

/// A row of a resource: everything but its secrets.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    id: ResourceId,
    body: Value,
    etag: String,
    internal: Value,
}

#[derive(Debug)]
pub(crate) struct Persistence(Database);

/// The file could not be written or read.
#[derive(Debug, thiserror::Error)]
#[error("the state file: {0}")]
pub(crate) struct StorageError(String);

fn broken(error: impl std::fmt::Display) -> StorageError {
    StorageError(error.to_string())
}

/// What was read at the start.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) resources: Vec<Stored>,
    pub(crate) ledger: Ledger,
}

impl Persistence {
    pub(crate) fn open(directory: &Path) -> Result<(Self, Loaded), OpenError> {
        std::fs::create_dir_all(directory)
            .map_err(|error| OpenError(format!("the state directory `{}` cannot be made: {error}", directory.display())))?;
        let path = directory.join(FILE);
        let database = Database::create(&path).map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => OpenError(format!(
                "the state file `{}` is in use by another process: end that one, or choose another directory with --state-dir",
                path.display()
            )),
            error => OpenError(format!(
                "the state file `{}` cannot be opened: {error}; move it away to start anew, or choose another directory with --state-dir",
                path.display()
            )),
        })?;
        restrict(&path);
        let persistence = Self(database);
        let loaded = persistence.load().map_err(|error| match error {
            Unreadable::Schema(found) => OpenError(format!(
                "the state file `{}` has schema version {found}, and this program reads version {SCHEMA}: use the program that made it, or move it away",
                path.display()
            )),
            Unreadable::Storage(error) => OpenError(format!("the state file `{}` cannot be read: {error}", path.display())),
        })?;
        Ok((persistence, loaded))
    }

    fn load(&self) -> Result<Loaded, Unreadable> {
        {
            let write = self.0.begin_write().map_err(broken)?;
            {
                let mut meta = write.open_table(META).map_err(broken)?;
                let known = meta.get("schema").map_err(broken)?.map(|bytes| number(bytes.value()));
                match known {
                    None => {
                        meta.insert("schema", SCHEMA.to_string().as_bytes()).map_err(broken)?;
                    }
                    Some(version) if version == SCHEMA => {}
                    Some(version) => return Err(Unreadable::Schema(version)),
                }
                for table in [RESOURCES, ATTIC, OPERATIONS] {
                    write.open_table(table).map_err(broken)?;
                }
                write.open_table(SECRETS).map_err(broken)?;
            }
            write.commit().map_err(broken)?;
        }
        let read = self.0.begin_read().map_err(broken)?;
        let mut secrets: BTreeMap<String, BTreeMap<String, Secret<String>>> = BTreeMap::new();
        for entry in read.open_table(SECRETS).map_err(broken)?.iter().map_err(broken)? {
            let (key, value) = entry.map_err(broken)?;
            let (owner, pointer) = key.value();
            secrets.entry(owner.to_owned()).or_default().insert(pointer.to_owned(), Secret::new(value.value().to_owned()));
        }
        let mut loaded = Loaded::default();
        for entry in read.open_table(RESOURCES).map_err(broken)?.iter().map_err(broken)? {
            let (key, value) = entry.map_err(broken)?;
            loaded.resources.push(unpack(value.value(), secrets.remove(&format!("r:{}", key.value())))?);
        }
        for entry in read.open_table(ATTIC).map_err(broken)?.iter().map_err(broken)? {
            let (key, value) = entry.map_err(broken)?;
            let stored = unpack(value.value(), secrets.remove(&format!("a:{}", key.value())))?;
            loaded.ledger.attic.insert(stored.id.clone(), Arc::new(stored));
        }
        for entry in read.open_table(OPERATIONS).map_err(broken)?.iter().map_err(broken)? {
            let (key, value) = entry.map_err(broken)?;
            let mut operation: Operation = serde_json::from_slice(value.value()).map_err(broken)?;
            operation.puts = operation
                .put_rows
                .drain(..)
                .enumerate()
                .map(|(index, row)| unpack_value(row, secrets.remove(&format!("o:{}:{index}", key.value()))))
                .collect::<Result<_, _>>()?;
            loaded.ledger.operations.insert(key.value().to_owned(), operation);
        }
        let meta = read.open_table(META).map_err(broken)?;
        loaded.ledger.revision = meta.get("revision").map_err(broken)?.map_or(0, |bytes| number(bytes.value()));
        if let Some(bytes) = meta.get("directory").map_err(broken)? {
            loaded.ledger.directory = serde_json::from_slice::<Directory>(bytes.value()).map_err(broken)?;
        }
        Ok(loaded)
    }

    /// Writes all changes or none, and returns only when they are on disk.
    pub(crate) fn commit(&self, changes: &Changes) -> Result<(), StorageError> {
        let write = self.0.begin_write().map_err(broken)?;
        {
            let mut secrets = write.open_table(SECRETS).map_err(broken)?;
            for (prefix, table, entries) in [("r", RESOURCES, &changes.resources), ("a", ATTIC, &changes.attic)] {
                let mut table = write.open_table(table).map_err(broken)?;
                for (id, change) in entries {
                    let key = id.key();
                    let owner = format!("{prefix}:{key}");
                    forget(&mut secrets, &owner)?;
                    match change {
                        None => {
                            table.remove(key.as_str()).map_err(broken)?;
                        }
                        Some(stored) => {
                            table.insert(key.as_str(), pack(stored)?.as_slice()).map_err(broken)?;
                            remember(&mut secrets, &owner, stored)?;
                        }
                    }
                }
            }
            let mut operations = write.open_table(OPERATIONS).map_err(broken)?;
            for (id, change) in &changes.operations {
                let known = operations.remove(id.as_str()).map_err(broken)?.map(|bytes| rows_of(bytes.value()));
                for index in 0..known.unwrap_or(0) {
                    forget(&mut secrets, &format!("o:{id}:{index}"))?;
                }
                if let Some(operation) = change {
                    let mut operation = operation.clone();
                    for (index, stored) in operation.puts.iter().enumerate() {
                        remember(&mut secrets, &format!("o:{id}:{index}"), stored)?;
                        operation.put_rows.push(serde_json::to_value(row(stored)).map_err(broken)?);
                    }
                    let bytes = serde_json::to_vec(&operation).map_err(broken)?;
                    operations.insert(id.as_str(), bytes.as_slice()).map_err(broken)?;
                }
            }
            let mut meta = write.open_table(META).map_err(broken)?;
            if let Some(revision) = changes.revision {
                meta.insert("revision", revision.to_string().as_bytes()).map_err(broken)?;
            }
            if let Some(directory) = &changes.directory {
                meta.insert("directory", serde_json::to_vec(directory).map_err(broken)?.as_slice()).map_err(broken)?;
            }
        }
        write.commit().map_err(broken)
    }
}

enum Unreadable {
    Schema(u64),
    Storage(StorageError),
}

impl From<StorageError> for Unreadable {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

type Secrets<'t> = redb::Table<'t, (&'static str, &'static str), &'static str>;

fn forget(secrets: &mut Secrets<'_>, owner: &str) -> Result<(), StorageError> {
    let mut pointers = Vec::new();
    for entry in secrets.range((owner, "")..).map_err(broken)? {
        let (key, _) = entry.map_err(broken)?;
        let (found, pointer) = key.value();
        if found != owner {
            break;
        }
        pointers.push(pointer.to_owned());
    }
    for pointer in pointers {
        secrets.remove((owner, pointer.as_str())).map_err(broken)?;
    }
    Ok(())
}

fn remember(secrets: &mut Secrets<'_>, owner: &str, stored: &Stored) -> Result<(), StorageError> {
    for (pointer, value) in &stored.secrets {
        secrets.insert((owner, pointer.as_str()), value.expose().as_str()).map_err(broken)?;
    }
    Ok(())
}

fn row(stored: &Stored) -> Row {
    Row { id: stored.id.clone(), body: stored.body.clone(), etag: stored.etag.clone(), internal: stored.internal.clone() }
}

fn pack(stored: &Stored) -> Result<Vec<u8>, StorageError> {
    serde_json::to_vec(&row(stored)).map_err(broken)
}

fn unpack(bytes: &[u8], secrets: Option<BTreeMap<String, Secret<String>>>) -> Result<Stored, StorageError> {
    unpack_value(serde_json::from_slice(bytes).map_err(broken)?, secrets)
}

fn unpack_value(row: Value, secrets: Option<BTreeMap<String, Secret<String>>>) -> Result<Stored, StorageError> {
    let row: Row = serde_json::from_value(row).map_err(broken)?;
    Ok(Stored { id: row.id, body: row.body, secrets: secrets.unwrap_or_default(), etag: row.etag, internal: row.internal })
}

fn rows_of(bytes: &[u8]) -> usize {
    serde_json::from_slice::<Operation>(bytes).map_or(0, |operation| operation.put_rows.len())
}

fn number(bytes: &[u8]) -> u64 {
    std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok()).unwrap_or(u64::MAX)
}

/// The file holds secrets: nobody but its owner reads it.
#[cfg(unix)]
fn restrict(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    // A file system without modes is not a reason to refuse.
    let _ = std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600));
}

#[cfg(not(unix))]
fn restrict(_path: &Path) {}
