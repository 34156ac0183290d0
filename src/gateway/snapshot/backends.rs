//! Backends as they are stored.

use std::collections::HashMap;
use std::sync::Arc;

use super::build::{Overrides, names};
use super::read::{Part, Reader};
use super::{Backend, BackendIndex, BaseUrl};
use crate::gateway::backend::{Kind, Member, Pool, Single};
use crate::gateway::state::State;
use crate::support::finding::Finding;

/// All backends of the service, and their places by lower-case name.
pub(super) fn read(
    part: Part<'_>,
    overrides: &Overrides,
    _state: &Arc<State>,
    findings: &mut Vec<Finding>,
) -> (Vec<Backend>, HashMap<Box<str>, BackendIndex>) {
    let resources: Vec<_> = part.all("backends").collect();
    let places: HashMap<_, _> =
        (0..).zip(&resources).map(|(place, resource)| (resource.id.name().to_ascii_lowercase(), BackendIndex(place))).collect();
    let mut backends = Vec::with_capacity(resources.len());
    for resource in resources {
        let mut reader = Reader::new(resource, findings);
        let name = resource.id.name().to_owned();
        let replaced = overrides.backend_urls.iter().find(|(own, _)| own.eq_ignore_ascii_case(&name)).map(|(_, url)| url.as_str());
        let is_pool = reader.text("/properties/type").is_some_and(|kind| kind.eq_ignore_ascii_case("Pool"));
        let kind = if is_pool {
            let members = reader.list("/properties/pool/services").iter().filter_map(|member| {
                let id = part.resolve(member.get("id")?.as_str()?, "backends")?;
                let number = |name: &str| member.get(name).and_then(serde_json::Value::as_u64).and_then(|number| u32::try_from(number).ok());
                Some(Member {
                    backend: *places.get(&id.name().to_ascii_lowercase())?,
                    priority: number("priority").unwrap_or(1),
                    weight: number("weight").unwrap_or(1),
                })
            });
            Kind::Pool(Pool { members: members.collect() })
        } else {
            let url = replaced.or_else(|| reader.text("/properties/url")).unwrap_or_default();
            let base = BaseUrl::parse(url).unwrap_or_else(|| {
                reader.problem("/properties/url", "an http or https URL");
                BaseUrl { https: true, host: String::new(), port: None, path: String::new() }
            });
            Kind::Single(Single { base: Arc::new(base) })
        };
        backends.push(Backend { id: resource.id.clone(), name, kind });
    }
    let names = names(&backends);
    (backends, names)
}
