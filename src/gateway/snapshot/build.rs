//! From what ARM stores to what is served.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::documents::Documents;
use super::read::{Part, Reader};
use super::{BackendIndex, BaseUrl, Principal, Service, Snapshot};
use crate::arm::ResourceId;
use crate::arm::store::Snapshot as Stored;
use crate::gateway::backend::target::Prepared;
use crate::gateway::codes;
use crate::gateway::keys::KeyIndex;
use crate::gateway::settings::Settings;
use crate::gateway::state::State;
use crate::policy::Gateway;
use crate::support::finding::{Finding, Kind};
use crate::support::secret::Secret;

/// What the command line puts in the place of what is stored.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// URLs of backends, by name.
    pub backend_urls: BTreeMap<String, String>,
    /// Primary keys of subscriptions, by name.
    pub keys: BTreeMap<String, Secret<String>>,
}

/// Why there is nothing to serve.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// The store has no such service.
    #[error("there is no API Management service `{0}`")]
    NoService(ResourceId),
}

/// Makes snapshots of one service, and keeps what did not change from one to the next.
#[derive(Debug)]
pub struct Builder {
    service: ResourceId,
    state: Arc<State>,
    settings: Arc<Settings>,
    overrides: Overrides,
    documents: Documents,
}

impl Builder {
    /// For this service.
    #[must_use]
    pub fn new(service: ResourceId, state: Arc<State>, settings: Arc<Settings>, overrides: Overrides) -> Self {
        Self { service, state, settings, overrides, documents: Documents::default() }
    }

    /// The snapshot of `stored`. What cannot be read or run is a finding, and poisons only what needs it.
    ///
    /// # Errors
    /// The service is not there.
    pub fn build(&mut self, stored: &Stored, revision: u64) -> Result<Snapshot, BuildError> {
        let resource = stored.get(&self.service).ok_or_else(|| BuildError::NoService(self.service.clone()))?;
        let part = Part { stored, service: &self.service };
        let mut findings = Vec::new();
        let service = service(&mut Reader::new(resource, &mut findings));
        let backend_names = super::backends::names(part);
        let environment = self.documents.begin(part, &service, &backend_names, &self.settings, &self.state, &mut findings);
        let backends = super::backends::read(part, &self.overrides, &environment, &mut findings);
        let global_document = self.documents.compile(part, &self.service, crate::policy::Scope::Global, &environment, &mut findings);
        let (mut apis, operations, routes) = super::apis::read(part, &mut self.documents, &environment, &mut findings);
        let products = super::consumers::products(part, &mut apis, &mut self.documents, &environment, &mut findings);
        let users = super::consumers::users(part, &mut findings);
        let subscriptions = super::consumers::subscriptions(part, &apis, &products, &self.overrides, &mut findings);
        for (kind, missing) in self.missing(&backend_names, &subscriptions) {
            let message = format!("there is no {kind} `{missing}` to override");
            findings.push(Finding::error(codes::NO_SUCH_OVERRIDE, Kind::Place, message));
        }
        let named = environment.named_values.values().filter(|named| named.secret && !named.value.expose().is_empty());
        let metrics = super::apis::metrics(part, &self.service).unwrap_or(false);
        Ok(Snapshot {
            metrics,
            secrets: named.map(|named| named.value.clone()).collect(),
            revision,
            service,
            keys: KeyIndex::of(&subscriptions),
            apis,
            operations,
            products,
            subscriptions,
            backends,
            backend_names,
            documents: self.documents.finish(),
            global_document,
            users,
            findings,
            routes,
        })
    }

    /// Overrides of what is not there.
    fn missing<'a>(
        &'a self,
        backends: &HashMap<Box<str>, BackendIndex>,
        subscriptions: &[super::Subscription],
    ) -> Vec<(&'static str, &'a str)> {
        let backends = self.overrides.backend_urls.keys().filter(|name| !backends.contains_key(name.to_ascii_lowercase().as_str()));
        let keys = self.overrides.keys.keys().filter(|name| !subscriptions.iter().any(|own| own.name.eq_ignore_ascii_case(name)));
        backends.map(|name| ("backend", name.as_str())).chain(keys.map(|name| ("subscription", name.as_str()))).collect()
    }
}

fn service(reader: &mut Reader<'_, '_>) -> Service {
    let name = reader.id().name().to_owned();
    let url = reader.text("/properties/gatewayUrl").and_then(BaseUrl::parse);
    let identity = |reader: &mut Reader<'_, '_>, at: &str| {
        let principal_id = reader.text(&format!("{at}/principalId"))?.to_owned();
        // A service does not tell the application id of its own identity.
        let client_id = reader.text(&format!("{at}/clientId")).map_or_else(|| principal_id.clone(), str::to_owned);
        Some(Principal { principal_id, client_id })
    };
    let assigned = reader.value("/identity/userAssignedIdentities").and_then(|value| value.as_object());
    let user_assigned = assigned.into_iter().flatten().filter_map(|(_, value)| {
        let text = |name: &str| value.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
        Some(Principal { principal_id: text("principalId")?, client_id: text("clientId")? })
    });
    Service {
        id: reader.id().clone(),
        gateway_url: Arc::new(url.unwrap_or_else(|| BaseUrl {
            https: true,
            host: format!("{}.azure-api.net", name.to_ascii_lowercase()),
            port: None,
            path: String::new(),
            prepared: Prepared::default(),
        })),
        name,
        location: reader.owned("/location"),
        gateway: reader.text("/sku/name").and_then(Gateway::of_sku).unwrap_or(Gateway::Classic),
        principal: identity(reader, "/identity"),
        user_assigned: user_assigned.collect(),
        tenant_id: reader.owned("/identity/tenantId"),
    }
}
