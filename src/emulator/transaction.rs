//! One request's view of the world: what is stored, with the request's own changes on top. Nothing is kept unless the
//! whole request succeeds.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::Options;
use super::access::{Caller, Directory};
use super::operations::Operation;
use super::request::ApiVersion;
use super::shape::Lens;
use crate::arm::ResourceId;
use crate::arm::debugging::Debugging;
use crate::arm::store::{Snapshot, Stored};
use crate::support::secret::Secret;

/// What lies beside the resources: operations under way, children of soft-deleted services, who may do what.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    pub(crate) operations: BTreeMap<String, Operation>,
    /// Soft-deleted services and what lay in them, by their old ids.
    pub(crate) attic: BTreeMap<ResourceId, Arc<Stored>>,
    pub(crate) directory: Directory,
    /// Source of entity tags; grows for ever.
    pub(crate) revision: u64,
    /// Debug credentials and traces, shared with the gateway.
    pub(crate) debugging: Arc<Debugging>,
}

/// What a request changes.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// `None` removes.
    pub(crate) resources: BTreeMap<ResourceId, Option<Arc<Stored>>>,
    pub(crate) attic: BTreeMap<ResourceId, Option<Arc<Stored>>>,
    pub(crate) operations: BTreeMap<String, Option<Operation>>,
    pub(crate) directory: Option<Directory>,
    pub(crate) revision: Option<u64>,
}

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.attic.is_empty() && self.operations.is_empty() && self.directory.is_none()
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Transaction<'a> {
    snapshot: Snapshot,
    ledger: &'a Ledger,
    pub(crate) options: &'a Options,
    pub(crate) now: OffsetDateTime,
    pub(crate) caller: Caller,
    pub(crate) changes: Changes,
}

impl<'a> Transaction<'a> {
    pub(crate) fn new(snapshot: Snapshot, ledger: &'a Ledger, options: &'a Options, caller: Caller) -> Self {
        Self { snapshot, ledger, options, now: options.clock.utc(), caller, changes: Changes::default() }
    }

    /// Ends it; the snapshot is let go first, so that the commit need not copy the index.
    pub(crate) fn into_changes(self) -> Changes {
        self.changes
    }

    pub(crate) fn get(&self, id: &ResourceId) -> Option<Arc<Stored>> {
        self.changes.resources.get(id).map_or_else(|| self.snapshot.get(id).cloned(), Clone::clone)
    }

    /// Everything strictly below `id`, ordered by id.
    pub(crate) fn below(&self, id: &ResourceId) -> Vec<Arc<Stored>> {
        let start = id.child("", "");
        let mut found: BTreeMap<&ResourceId, &Arc<Stored>> = self
            .snapshot
            .range(first_below(&start)..)
            .take_while(|(key, _)| key.is_below(id))
            .filter(|(key, _)| !self.changes.resources.contains_key(*key))
            .collect();
        found.extend(
            self.changes.resources.iter().filter(|(key, _)| key.is_below(id)).filter_map(|(key, value)| Some((key, value.as_ref()?))),
        );
        found.into_values().cloned().collect()
    }

    /// The direct children of one kind (`backends`), ordered by id.
    pub(crate) fn children(&self, parent: &ResourceId, kind: &str) -> Vec<Arc<Stored>> {
        let start = parent.child(kind, "");
        let prefix = start.as_str();
        let is_child = |id: &ResourceId| {
            let text = id.as_str();
            text.len() > prefix.len()
                && text.as_bytes().get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix.as_bytes()))
                && !text.as_bytes().iter().skip(prefix.len()).any(|byte| *byte == b'/')
        };
        let inside =
            |id: &ResourceId| id.as_str().as_bytes().get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix.as_bytes()));
        let mut found: BTreeMap<&ResourceId, &Arc<Stored>> = self
            .snapshot
            .range(start.clone()..)
            .take_while(|(key, _)| inside(key))
            .filter(|(key, _)| is_child(key) && !self.changes.resources.contains_key(*key))
            .collect();
        found
            .extend(self.changes.resources.iter().filter(|(key, _)| is_child(key)).filter_map(|(key, value)| Some((key, value.as_ref()?))));
        found.into_values().cloned().collect()
    }

    /// All resources that satisfy `wanted`, ordered by id.
    pub(crate) fn select(&self, mut wanted: impl FnMut(&Stored) -> bool) -> Vec<Arc<Stored>> {
        let mut found: BTreeMap<&ResourceId, &Arc<Stored>> =
            self.snapshot.iter().filter(|(key, stored)| !self.changes.resources.contains_key(*key) && wanted(stored)).collect();
        found.extend(self.changes.resources.iter().filter_map(|(key, value)| Some((key, value.as_ref().filter(|stored| wanted(stored))?))));
        found.into_values().cloned().collect()
    }

    pub(crate) fn put(&mut self, stored: Stored) {
        self.changes.resources.insert(stored.id.clone(), Some(Arc::new(stored)));
    }

    pub(crate) fn remove(&mut self, id: &ResourceId) {
        self.changes.resources.insert(id.clone(), None);
    }

    /// Removes a resource with all that lies below it, extensions included.
    pub(crate) fn remove_tree(&mut self, id: &ResourceId) {
        for stored in self.below(id) {
            self.remove(&stored.id);
        }
        self.remove(id);
    }

    /// Changes a stored resource in place, with a new entity tag.
    pub(crate) fn update(&mut self, id: &ResourceId, change: impl FnOnce(&mut Stored)) {
        if let Some(stored) = self.get(id) {
            let mut stored = Stored::clone(&stored);
            change(&mut stored);
            stored.etag = self.next_etag();
            self.put(stored);
        }
    }

    pub(crate) fn attic(&self) -> Vec<Arc<Stored>> {
        let mut all = self.ledger.attic.clone();
        for (id, change) in &self.changes.attic {
            match change {
                Some(stored) => all.insert(id.clone(), stored.clone()),
                None => all.remove(id),
            };
        }
        all.into_values().collect()
    }

    pub(crate) fn directory(&self) -> &Directory {
        self.changes.directory.as_ref().unwrap_or(&self.ledger.directory)
    }

    /// Debug credentials and traces: no resources, so no part of what a request changes.
    pub(crate) fn debugging(&self) -> &Debugging {
        &self.ledger.debugging
    }

    pub(crate) fn operation(&self, id: &str) -> Option<&Operation> {
        self.changes.operations.get(id).map_or_else(|| self.ledger.operations.get(id), Option::as_ref)
    }

    /// Operations that have not ended.
    pub(crate) fn pending(&self) -> Vec<Operation> {
        let mut all: BTreeMap<&String, &Operation> = self.ledger.operations.iter().collect();
        for (id, change) in &self.changes.operations {
            match change {
                Some(operation) => all.insert(id, operation),
                None => all.remove(id),
            };
        }
        all.into_values().filter(|operation| !operation.done).cloned().collect()
    }

    /// Ids of the stored operations that satisfy `wanted`.
    pub(crate) fn operation_ids(&self, wanted: impl Fn(&Operation) -> bool) -> Vec<String> {
        self.ledger.operations.values().filter(|operation| wanted(operation)).map(|operation| operation.id.clone()).collect()
    }

    pub(crate) fn put_operation(&mut self, operation: Operation) {
        self.changes.operations.insert(operation.id.clone(), Some(operation));
    }

    /// A new entity tag: eight bytes, as the service's own look (`"AAAAAADmlZg="`).
    pub(crate) fn next_etag(&mut self) -> String {
        let revision = self.changes.revision.unwrap_or(self.ledger.revision).wrapping_add(1);
        self.changes.revision = Some(revision);
        format!("\"{}\"", STANDARD.encode(revision.to_be_bytes()))
    }

    pub(crate) fn lens<'v>(&self, version: &'v ApiVersion) -> Lens<'v> {
        Lens { version, undocumented_need_preview: self.options.undocumented_need_preview }
    }

    /// The service that a child belongs to.
    pub(crate) fn service_of(&self, id: &ResourceId) -> Option<Arc<Stored>> {
        let mut current = id.clone();
        loop {
            if current.is_type("Microsoft.ApiManagement/service") {
                return self.get(&current);
            }
            current = current.parent()?;
        }
    }
}

/// The smallest key below `id`: `{id}/`.
fn first_below(start: &ResourceId) -> ResourceId {
    // `child("", "")` gives `{id}//`, which sorts before every real child.
    start.clone()
}

/// A resource with the three members that every body has.
pub(crate) fn stored(id: &ResourceId, kind: &str, etag: String, mut body: Value) -> Stored {
    if let Some(map) = body.as_object_mut() {
        let mut whole = serde_json::Map::new();
        whole.insert("id".to_owned(), json!(id.as_str()));
        whole.insert("name".to_owned(), json!(id.name()));
        whole.insert("type".to_owned(), json!(kind));
        whole.append(map);
        *map = whole;
    }
    Stored { id: id.clone(), body, secrets: BTreeMap::new(), etag, internal: json!({}) }
}

/// A secret of a resource.
pub(crate) fn secret<'a>(stored: &'a Stored, pointer: &str) -> Option<&'a Secret<String>> {
    stored.secrets.get(pointer)
}
