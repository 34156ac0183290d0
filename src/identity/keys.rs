//! Public keys of token issuers, for who checks tokens: where the gateway looks before it asks the network.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::issuer::{Issuer, Version};

/// An issuer's discovery document and its JSON Web Key Set.
#[derive(Debug, Clone)]
pub struct Published {
    /// The OpenID Connect discovery document.
    pub configuration: Value,
    /// The JSON Web Key Set.
    pub keys: Value,
}

/// Knows issuers that the network does not.
pub trait KeySource: Send + Sync + fmt::Debug {
    /// What is published at this URL of a discovery document; `None` if the network has to be asked.
    fn published(&self, url: &str) -> Option<Published>;
}

/// The local issuer's keys, under the URLs of the authority that it stands for.
#[derive(Debug, Clone)]
pub struct LocalKeys(Arc<Issuer>);

impl LocalKeys {
    /// The keys of `issuer`.
    #[must_use]
    pub const fn new(issuer: Arc<Issuer>) -> Self {
        Self(issuer)
    }
}

impl KeySource for LocalKeys {
    fn published(&self, url: &str) -> Option<Published> {
        let path = url.trim().strip_prefix(self.0.authority())?.strip_prefix('/')?;
        let path = path.split(['?', '#']).next()?.strip_suffix("/.well-known/openid-configuration")?;
        let (tenant, version) = match path.strip_suffix("/v2.0") {
            Some(tenant) => (tenant, Version::V2),
            None => (path, Version::V1),
        };
        // Names of the directory and the multi-tenant endpoints stand for the one tenant there is.
        let is_id = uuid::Uuid::try_parse(tenant).is_ok();
        let tenant = if is_id { tenant } else { self.0.tenant_id() };
        (!path.contains("//")).then(|| Published { configuration: self.0.configuration(tenant, version), keys: self.0.jwks() })
    }
}

/// Nobody is known but the network.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoKeys;

impl KeySource for NoKeys {
    fn published(&self, _url: &str) -> Option<Published> {
        None
    }
}
