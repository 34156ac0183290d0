//! Backends as they are stored.

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

/// Places of all backends by lower-case name: policies are compiled against them, and pools point to them.
pub(super) fn names(part: Part<'_>) -> HashMap<Box<str>, BackendIndex> {
    (0..).zip(part.all("backends")).map(|(place, resource)| (resource.id.name().to_ascii_lowercase().into(), BackendIndex(place))).collect()
}

/// All backends of the service, in the order of [`names`].
pub(super) fn read(part: Part<'_>, environment: &Environment, overrides: &Overrides, findings: &mut Vec<Finding>) -> Vec<Backend> {
    part.all("backends")
        .map(|resource| {
            let name = resource.id.name().to_owned();
            let read = backend::read(&replaced(resource, &name, overrides), environment);
            findings.extend(read.problems.into_iter().map(|problem| Finding::error(codes::UNUSABLE_BACKEND, Kind::Place, problem)));
            Backend { id: resource.id.clone(), name, kind: read.kind }
        })
        .collect()
}

/// The resource with the URL that `--backend` gives it.
fn replaced<'a>(resource: &'a Stored, name: &str, overrides: &Overrides) -> Cow<'a, Stored> {
    let Some((_, url)) = overrides.backend_urls.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)) else {
        return Cow::Borrowed(resource);
    };
    let mut resource = resource.clone();
    if let Some(place) = resource.body.pointer_mut("/properties/url") {
        *place = Value::from(url.as_str());
    }
    Cow::Owned(resource)
}
