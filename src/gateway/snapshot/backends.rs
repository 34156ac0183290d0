//! Backends as they are stored, or as the command line has them.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::Value;

use super::build::Overrides;
use super::read::Part;
use super::{Backend, BackendIndex};
use crate::arm::store::Stored;
use crate::gateway::backend;
use crate::gateway::codes;
use crate::gateway::program::Environment;
use crate::support::finding::{Finding, Kind};

/// The places of all backends by lower-case name.
pub(super) fn names(part: Part<'_>) -> HashMap<Box<str>, BackendIndex> {
    (0..).zip(part.all("backends")).map(|(place, stored)| (stored.id.name().to_ascii_lowercase().into(), BackendIndex(place))).collect()
}

/// All backends, in the order of [`names`].
pub(super) fn read(part: Part<'_>, overrides: &Overrides, environment: &Environment, findings: &mut Vec<Finding>) -> Vec<Backend> {
    let backends = part.all("backends").map(|stored| {
        let name = stored.id.name().to_owned();
        let read = backend::read(&replaced(stored, overrides), environment);
        findings.extend(read.problems.into_iter().map(|problem| Finding::error(codes::NOT_EMULATED, Kind::Place, problem)));
        Backend { id: stored.id.clone(), name, kind: read.kind }
    });
    backends.collect()
}

/// With the URL of the command line, if it has one for this backend.
fn replaced<'a>(stored: &'a Stored, overrides: &Overrides) -> Cow<'a, Stored> {
    let url = overrides.backend_urls.iter().find(|(own, _)| own.eq_ignore_ascii_case(stored.id.name())).map(|(_, url)| url);
    let Some(url) = url else { return Cow::Borrowed(stored) };
    let mut copy = stored.clone();
    copy.secrets.remove("/properties/url");
    if let Some(properties) = copy.body.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert("url".to_owned(), Value::from(url.as_str()));
    }
    Cow::Owned(copy)
}
