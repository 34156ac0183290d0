//! Puts back what a drill has made and changed, from its journal: at the end of each drill, and by `verify --restore`.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use super::note;
use crate::arm::ResourceId;
use crate::azure::{ArmClient, AzureError, Outcome, Precondition};
use crate::deploy::normalize::normalized;
use crate::verify::journal::{Contents, Entry, Journal, JournalError};

/// Deleting an API revision may take a while.
const DEADLINE: Duration = Duration::from_secs(600);
/// Between reading a pool and writing it back somebody may have written it: it is looked at again.
const ATTEMPTS: u32 = 3;
const KIND: &str = "Microsoft.ApiManagement/service/backends";

/// What became of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restored {
    /// It was of the drill's own, and is deleted.
    Deleted(ResourceId),
    /// It is as it was before the drill.
    PutBack(ResourceId),
    /// It was as before already.
    AsItWas(ResourceId),
    /// Somebody else has changed it since: it is not touched.
    Foreign(ResourceId, String),
    /// It could not be done.
    Failed(ResourceId, String),
    /// The note in the service could not be taken away.
    NoteStays(String),
}

impl Restored {
    /// Whether it is as before now.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        matches!(self, Self::Deleted(_) | Self::PutBack(_) | Self::AsItWas(_))
    }
}

impl fmt::Display for Restored {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deleted(id) => write!(formatter, "`{}` is deleted", id.name()),
            Self::PutBack(id) => write!(formatter, "`{}` is as it was", id.name()),
            Self::AsItWas(id) => write!(formatter, "`{}` was as before already", id.name()),
            Self::Foreign(id, why) => write!(formatter, "`{}` is not touched: {why}", id.name()),
            Self::Failed(id, why) => write!(formatter, "`{}` could not be put back: {why}", id.name()),
            Self::NoteStays(why) => write!(formatter, "the drill's note in the service stays: {why}"),
        }
    }
}

/// `verify --restore`: opens the journal of this machine, takes in what is noted in the service, and puts everything back.
///
/// # Errors
/// The journal cannot be opened, or ARM cannot be asked for the note.
pub async fn restore(client: &ArmClient, fresh: Contents, state_dir: Option<&std::path::Path>) -> Result<Vec<Restored>, RestoreError> {
    let (owner, service) = (fresh.owner.clone(), fresh.service.clone());
    let journal = Journal::open(state_dir, fresh)?;
    if let Some(noted) = note::read(client, &service, &owner).await.map_err(Box::new)? {
        journal.adopt(&noted)?;
        if noted.entries.is_empty() {
            note::remove(client, &service, &owner).await.map_err(Box::new)?;
        }
    }
    Ok(put_back(client, &journal).await)
}

/// The journal or the note cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// ARM.
    #[error(transparent)]
    Azure(#[from] Box<AzureError>),
}

/// Puts everything in `journal` back, the last first. What cannot be put back stays in it.
pub async fn put_back(client: &ArmClient, journal: &Journal) -> Vec<Restored> {
    let contents = journal.contents();
    let mut told = Vec::new();
    for entry in contents.entries.iter().rev() {
        let restored = match entry {
            Entry::Made { id, api_version } => unmake(client, id, api_version).await,
            Entry::Changed { id, api_version, before, after } => change_back(client, id, api_version, before, after).await,
        };
        if restored.is_good()
            && let Err(error) = journal.done(entry.id())
        {
            told.push(Restored::Failed(entry.id().clone(), error.to_string()));
            continue;
        }
        told.push(restored);
    }
    // The note goes last: until then any machine can do the rest.
    if journal.is_empty()
        && !contents.entries.is_empty()
        && let Err(error) = note::remove(client, &contents.service, &contents.owner).await
    {
        told.push(Restored::NoteStays(error.to_string()));
    }
    told
}

async fn unmake(client: &ArmClient, id: &ResourceId, api_version: &str) -> Restored {
    let failed = |error: &AzureError| Restored::Failed(id.clone(), error.to_string());
    if id.is_type("Microsoft.ApiManagement/service/apis") {
        match client.get(id.as_str(), api_version, &[]).await {
            Ok(None) => return Restored::Deleted(id.clone()),
            // To delete the current revision is to delete the API.
            Ok(Some(found)) if found.body.pointer("/properties/isCurrent").and_then(Value::as_bool) == Some(true) => {
                return Restored::Foreign(id.clone(), "somebody has made this revision the current one".to_owned());
            }
            Ok(Some(_)) => {}
            Err(error) => return failed(&error),
        }
    }
    match client.delete(id, api_version, &[], Precondition::Any).await {
        Ok(Outcome::Done(_)) => Restored::Deleted(id.clone()),
        Ok(Outcome::Running(operation, _)) => match client.wait(&operation, DEADLINE, &|_| {}).await {
            Ok(_) => Restored::Deleted(id.clone()),
            Err(error) => failed(&error),
        },
        Err(error) => failed(&error),
    }
}

async fn change_back(client: &ArmClient, id: &ResourceId, api_version: &str, before: &Value, after: &[Value]) -> Restored {
    let failed = |error: &AzureError| Restored::Failed(id.clone(), error.to_string());
    let mut overtaken = None;
    for _ in 0..ATTEMPTS {
        let found = match client.get(id.as_str(), api_version, &[]).await {
            Ok(Some(found)) => found,
            Ok(None) => return Restored::Foreign(id.clone(), "somebody has deleted it".to_owned()),
            Err(error) => return failed(&error),
        };
        if same(&found.body, before) {
            return if overtaken.is_some() { Restored::PutBack(id.clone()) } else { Restored::AsItWas(id.clone()) };
        }
        if !after.iter().any(|own| same(&found.body, own)) {
            let why = "somebody else has changed it since the drill; compare it with what `apimctl plan` says, and apply".to_owned();
            return Restored::Foreign(id.clone(), why);
        }
        let precondition = found.etag.map_or(Precondition::Any, Precondition::Match);
        match client.put(id, api_version, &writable(before), precondition).await {
            Ok(_) => return Restored::PutBack(id.clone()),
            Err(error) if error.has_status(412) => overtaken = Some(error),
            Err(error) => return failed(&error),
        }
    }
    match overtaken {
        Some(error) => failed(&error),
        None => Restored::AsItWas(id.clone()),
    }
}

/// Whether two pools mean the same.
fn same(one: &Value, other: &Value) -> bool {
    normalized(KIND, &writable(one)) == normalized(KIND, &writable(other))
}

/// What of an answer can be sent: its properties, without the nulls that a pool is refused for (`url`, `protocol`).
pub(super) fn writable(body: &Value) -> Value {
    let fields = body.get("properties").and_then(Value::as_object);
    let properties: serde_json::Map<String, Value> = fields
        .into_iter()
        .flatten()
        .filter(|(name, value)| !value.is_null() && name.as_str() != "provisioningState")
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    serde_json::json!({ "properties": properties })
}
