//! Backends and pools.

use super::identity::GatewayIdentity;
use super::{Compiler, hole, names, with_properties};
use crate::arm::ResourceId;
use crate::deploy::bodies;
use crate::deploy::resource::{Hole, Template};
use crate::spec::model::{
    Backend, BackendCredentials, CircuitBreaker, CircuitBreakerRule, FailureCondition, ManagedIdentityCredential, Pool, StatusCodeRange,
};

/// `circuitBreaker: default`: one failure trips, for a minute or as long as the backend says. That transport errors count,
/// too, is assumed of `Server errors`.
fn default_rule() -> CircuitBreakerRule {
    CircuitBreakerRule {
        name: Some("default".to_owned()),
        failure_condition: FailureCondition {
            count: Some(1),
            percentage: None,
            interval: Some("PT1M".to_owned()),
            status_code_ranges: Some(vec![StatusCodeRange { min: 429, max: 429 }, StatusCodeRange { min: 500, max: 599 }]),
            error_reasons: Some(vec!["Server errors".to_owned()]),
        },
        trip_duration: "PT1M".to_owned(),
        accept_retry_after: Some(true),
        failure_response: None,
    }
}

/// Where a backend's token comes from.
pub(super) enum TokenSource {
    /// It sends none of the gateway's identity.
    None,
    /// An identity that we know.
    Identity(GatewayIdentity),
    /// A client id that the specification gives; whose it is, is not known.
    Client(String),
}

impl Compiler<'_> {
    pub(super) fn backends(&mut self) {
        let spec = self.spec;
        for (name, backend) in &spec.backends {
            let pointer = names::pointer("backends", name);
            match &backend.pool {
                Some(pool) => self.pool(&pointer, name, backend, pool),
                None => self.single(&pointer, name, backend),
            }
        }
    }

    fn single(&mut self, pointer: &str, name: &str, backend: &Backend) {
        let account = backend.open_ai.as_ref().and_then(|key| self.spec.open_ai.get(key));
        let mut holes = Vec::new();
        let mut credentials = backend.credentials.clone();
        if let Some(account) = account {
            if backend.url.is_none() {
                holes.push(Hole {
                    suffix: "/openai".to_owned(),
                    ..hole("/properties/url", &self.account_id(account), "/properties/endpoint")
                });
            }
            if let TokenSource::Identity(identity) = self.token_source(backend) {
                let own = credentials.get_or_insert_default();
                own.managed_identity.get_or_insert_with(|| ManagedIdentityCredential {
                    resource: self.context.cognitive_services_audience.clone(),
                    client_id: None,
                });
                if let Some(source) = identity.client_id(&self.service) {
                    holes.push(hole("/properties/credentials/managedIdentity/clientId", &source.id, &source.pointer));
                }
            }
        }
        let rules = match &backend.circuit_breaker {
            None => Vec::new(),
            Some(CircuitBreaker::Preset(_)) => vec![default_rule()],
            Some(CircuitBreaker::Rules(rules)) => rules.rules.clone(),
        };
        let value = bodies::backend(backend, backend.url.as_deref(), credentials.as_ref(), &rules);
        let used = self.used_named_values(&value);
        let secrets = ["header", "query", "authorization/parameter"]
            .iter()
            .flat_map(|place| names::text_pointers(&value, &format!("/properties/credentials/{place}")))
            .chain(names::text_pointers(&value, "/properties/proxy/password"))
            .collect();
        let body = with_properties(Template { value, holes, secrets }, &backend.properties);
        self.add(pointer, self.child("backends", name), body, used);
    }

    /// Which identity's token a backend with an account sends: none if the specification gives it another credential.
    pub(super) fn token_source(&self, backend: &Backend) -> TokenSource {
        let by_default = || self.identity().map_or(TokenSource::None, TokenSource::Identity);
        let Some(credentials) = &backend.credentials else { return by_default() };
        match &credentials.managed_identity {
            Some(ManagedIdentityCredential { client_id: Some(client), .. }) => TokenSource::Client(client.clone()),
            Some(_) => by_default(),
            None if sends_a_key(credentials) => TokenSource::None,
            None => by_default(),
        }
    }

    fn pool(&mut self, pointer: &str, name: &str, backend: &Backend, pool: &Pool) {
        let members: Vec<ResourceId> = pool.services.iter().map(|member| self.member_id(&member.id)).collect();
        let ids: Vec<String> = members.iter().map(|id| id.as_str().to_owned()).collect();
        let body = with_properties(Template::plain(bodies::pool(backend, pool, &ids)), &backend.properties);
        self.add(pointer, self.child("backends", name), body, members);
    }

    /// A member is a name, `/backends/{name}` or a full id; a full id is always sent.
    fn member_id(&self, text: &str) -> ResourceId {
        match ResourceId::parse(text) {
            Ok(id) => id,
            Err(_) => self.child("backends", text.rsplit('/').next().unwrap_or(text)),
        }
    }
}

/// Whether the credentials authenticate without a token of the gateway.
fn sends_a_key(credentials: &BackendCredentials) -> bool {
    let keys = |map: &Option<indexmap::IndexMap<String, Vec<crate::support::secret::Secret<String>>>>, names: &[&str]| {
        map.as_ref().is_some_and(|map| map.keys().any(|key| names.iter().any(|name| key.eq_ignore_ascii_case(name))))
    };
    credentials.authorization.is_some()
        || keys(&credentials.header, &["api-key", "authorization", "ocp-apim-subscription-key"])
        || keys(&credentials.query, &["api-key", "subscription-key"])
}
