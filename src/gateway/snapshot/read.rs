//! Typed reading of what a store holds: what is of another type than its kind says is a finding and counts as absent.

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::arm::ResourceId;
use crate::arm::store::{Snapshot as Stored, Stored as Resource};
use crate::gateway::codes;
use crate::support::finding::{Finding, Kind};

/// One service's part of a store.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) stored: &'a Stored,
    pub(super) service: &'a ResourceId,
}

impl<'a> Part<'a> {
    /// The direct children of `parent` in one collection (`apis`), ordered by id.
    pub(super) fn children(self, parent: &ResourceId, collection: &str) -> impl Iterator<Item = &'a Resource> {
        let start = parent.child(collection, "");
        let length = start.as_str().len();
        self.stored
            .range(start.clone()..)
            .take_while(move |(id, _)| {
                id.as_str().as_bytes().get(..length).is_some_and(|head| head.eq_ignore_ascii_case(start.as_str().as_bytes()))
            })
            .filter(move |(id, _)| id.as_str().len() > length && !id.as_str().as_bytes().iter().skip(length).any(|byte| *byte == b'/'))
            .map(|(_, resource)| &**resource)
    }

    /// The service's children in one collection.
    pub(super) fn all(self, collection: &str) -> impl Iterator<Item = &'a Resource> {
        self.children(self.service, collection)
    }

    /// A resource below the service that a body names by a full id or short (`/apis/a`, `a`).
    pub(super) fn resolve(self, reference: &str, collection: &str) -> Option<ResourceId> {
        let reference = reference.trim().trim_end_matches('/');
        let name = reference.rsplit('/').next().filter(|name| !name.is_empty())?;
        if reference.contains('/') {
            // The last but one segment is the collection, and a full id has to be of this service.
            let collection_named = reference.rsplit('/').nth(1).is_some_and(|own| own.eq_ignore_ascii_case(collection));
            let full = reference.get(..15).is_some_and(|head| head.eq_ignore_ascii_case("/subscriptions/"));
            let elsewhere = full && !ResourceId::parse(reference).is_ok_and(|id| id.is_below(self.service));
            if !collection_named || elsewhere {
                return None;
            }
        }
        Some(self.service.child(collection, name))
    }
}

/// One resource being read.
pub(super) struct Reader<'a, 'f> {
    resource: &'a Resource,
    findings: &'f mut Vec<Finding>,
}

impl<'a, 'f> Reader<'a, 'f> {
    pub(super) const fn new(resource: &'a Resource, findings: &'f mut Vec<Finding>) -> Self {
        Self { resource, findings }
    }

    pub(super) const fn id(&self) -> &'a ResourceId {
        &self.resource.id
    }

    /// A member that is there and not null.
    pub(super) fn value(&self, pointer: &str) -> Option<&'a Value> {
        self.resource.body.pointer(pointer).filter(|value| !value.is_null())
    }

    fn typed<T>(&mut self, pointer: &str, wanted: &str, read: impl FnOnce(&'a Value) -> Option<T>) -> Option<T> {
        let value = self.value(pointer)?;
        let read = read(value);
        if read.is_none() {
            self.problem(pointer, wanted);
        }
        read
    }

    /// Says that a member is not what its kind has there.
    pub(super) fn problem(&mut self, pointer: &str, wanted: &str) {
        let member = pointer.trim_start_matches('/').replace('/', ".");
        self.findings.push(
            Finding::error(codes::UNREADABLE, Kind::Type, format!("`{member}` of `{}` is not {wanted}", self.resource.id))
                .help("write the resource again"),
        );
    }

    /// Text.
    pub(super) fn text(&mut self, pointer: &str) -> Option<&'a str> {
        self.typed(pointer, "a text", Value::as_str)
    }

    /// Text, or nothing.
    pub(super) fn owned(&mut self, pointer: &str) -> String {
        self.text(pointer).unwrap_or_default().to_owned()
    }

    /// Truth.
    pub(super) fn flag(&mut self, pointer: &str, default: bool) -> bool {
        self.typed(pointer, "true or false", Value::as_bool).unwrap_or(default)
    }

    /// A whole number.
    pub(super) fn integer(&mut self, pointer: &str) -> Option<i64> {
        self.typed(pointer, "a whole number", Value::as_i64)
    }

    /// A list.
    pub(super) fn list(&mut self, pointer: &str) -> &'a [Value] {
        self.typed(pointer, "a list", Value::as_array).map(Vec::as_slice).unwrap_or_default()
    }

    /// A moment.
    pub(super) fn time(&mut self, pointer: &str) -> Option<OffsetDateTime> {
        self.typed(pointer, "a time", |value| OffsetDateTime::parse(value.as_str()?, &Rfc3339).ok())
    }

    /// A secret, or the plain member if it is no secret.
    pub(super) fn secret(&mut self, pointer: &str) -> Option<String> {
        match self.resource.secrets.get(pointer) {
            Some(secret) => Some(secret.expose().clone()),
            None => self.text(pointer).map(str::to_owned),
        }
    }
}
