//! What the service keeps: the meeting point of emulator (writes) and gateway (reads).

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::Value;
use tokio::sync::watch;

use super::ResourceId;
use super::debugging::Debugging;
use crate::support::secret::Secret;

/// One resource as the service keeps it.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Id in the case in which it was first written.
    pub id: ResourceId,
    /// The body that GET answers (with `id`, `name`, `type`), after the service's own rewriting, without secret values.
    pub body: Value,
    /// Secret values by JSON pointer into `body` (`/properties/value`, `/properties/primaryKey`).
    pub secrets: BTreeMap<String, Secret<String>>,
    /// Entity tag with its quotes.
    pub etag: String,
    /// Facts of the emulator that GET does not show (principal's creation time, pending states).
    pub internal: Value,
}

/// An immutable view of all resources, ordered by id.
pub type Snapshot = Arc<BTreeMap<ResourceId, Arc<Stored>>>;

/// All resources, with a change feed. Cheap to share; a write copies the index only while a snapshot of it is alive.
#[derive(Debug, Clone)]
pub struct Store {
    resources: Arc<RwLock<Snapshot>>,
    revision: Arc<watch::Sender<u64>>,
    debugging: Arc<Debugging>,
}

impl Default for Store {
    fn default() -> Self {
        Self { resources: Arc::default(), revision: Arc::new(watch::Sender::new(0)), debugging: Arc::default() }
    }
}

impl Store {
    /// The resources as of now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.resources.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// One resource.
    #[must_use]
    pub fn get(&self, id: &ResourceId) -> Option<Arc<Stored>> {
        self.resources.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// Puts and removes in one step, so that no reader sees half of it. Returns the new revision.
    pub fn commit(&self, put: impl IntoIterator<Item = Stored>, remove: impl IntoIterator<Item = ResourceId>) -> u64 {
        let mut guard = self.resources.write().unwrap_or_else(PoisonError::into_inner);
        let resources = Arc::make_mut(&mut guard);
        for id in remove {
            resources.remove(&id);
        }
        for stored in put {
            resources.insert(stored.id.clone(), Arc::new(stored));
        }
        let mut revision = 0;
        // Sent under the lock, so that revisions are seen in the order of the writes.
        self.revision.send_modify(|number| {
            *number += 1;
            revision = *number;
        });
        revision
    }

    /// Debug credentials and traces, which are no resources.
    #[must_use]
    pub const fn debugging(&self) -> &Arc<Debugging> {
        &self.debugging
    }

    /// A feed of revisions; it fires after each commit.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }
}
