//! The targets of calls: one for each address and way of doing TLS, for as long as somebody uses it, so that connections outlive a
//! snapshot.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::gateway::snapshot::BaseUrl;
use crate::gateway::upstream::{DefaultTls, Target, TargetError, TlsOptions, TlsSettings};

use super::certificate::ClientIdentity;

/// Most targets that are kept though nothing but the list holds them: those of URLs that policies compute.
const UNUSED: usize = 1024;

/// How TLS towards a backend is done.
#[derive(Debug, Clone)]
pub struct Security {
    /// `tls.validateCertificateChain`.
    pub validate_chain: bool,
    /// `tls.validateCertificateName`.
    pub validate_name: bool,
    /// Shown to the backend if it asks.
    pub client: Option<Arc<ClientIdentity>>,
}

impl Default for Security {
    fn default() -> Self {
        Self { validate_chain: true, validate_name: true, client: None }
    }
}

impl Security {
    fn is_default(&self) -> bool {
        self.validate_chain && self.validate_name && self.client.is_none()
    }
}

/// Why there is no target.
#[derive(Debug, thiserror::Error)]
pub enum NoTarget {
    /// The address.
    #[error(transparent)]
    Address(#[from] TargetError),
    /// TLS cannot be prepared: no roots, or a certificate and a key that do not fit.
    #[error("TLS towards `{0}` cannot be prepared: {1}")]
    Tls(String, String),
}

/// All targets of a gateway.
#[derive(Debug, Default)]
pub struct Targets {
    known: Mutex<HashMap<Box<str>, Arc<Target>>>,
}

impl Targets {
    /// The target for an address. Takes a lock: for what is compiled, and for URLs that a policy computes.
    ///
    /// # Errors
    /// There is none.
    pub fn get(&self, url: &BaseUrl, security: &Security, roots: &DefaultTls) -> Result<Arc<Target>, NoTarget> {
        let mut key = String::with_capacity(64);
        // Writing to a string cannot fail.
        let _ = write!(key, "{}://{}:{}", if url.https { "https" } else { "http" }, url.host, url.port.unwrap_or_default());
        let address_length = key.len();
        if url.https && !security.is_default() {
            let client = security.client.as_ref().map_or("", |client| client.thumbprint());
            let _ = write!(key, " {} {} {client}", security.validate_chain, security.validate_name);
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(target) = known.get(key.as_str()) {
            return Ok(target.clone());
        }
        let address = match url.port {
            Some(_) => key.get(..address_length).unwrap_or_default().to_owned(),
            None => format!("{}://{}", if url.https { "https" } else { "http" }, url.host),
        };
        let tls = if url.https && !security.is_default() { Some(settings(&address, security, roots)?) } else { None };
        let target = Arc::new(Target::parse(&address, tls)?);
        if known.len() >= UNUSED {
            known.retain(|_, target| Arc::strong_count(target) > 1);
        }
        known.insert(key.into_boxed_str(), target.clone());
        Ok(target)
    }
}

fn settings(address: &str, security: &Security, roots: &DefaultTls) -> Result<TlsSettings, NoTarget> {
    let failed = |error: String| NoTarget::Tls(address.to_owned(), error);
    let client_certificate = security.client.as_ref().map(|client| client.certificate());
    let roots = Arc::new(roots.roots().or_else(|error| {
        // Nothing is checked against roots if the chain is not checked.
        if security.validate_chain { Err(failed(error.to_string())) } else { Ok(rustls::RootCertStore::empty()) }
    })?);
    let options = TlsOptions { validate_chain: security.validate_chain, validate_name: security.validate_name, client_certificate, roots };
    TlsSettings::new(options).map_err(|error| failed(error.to_string()))
}

/// The target of a [`BaseUrl`] without settings of its own, looked up when it is first needed.
#[derive(Debug, Clone, Default)]
pub struct Prepared(OnceLock<Arc<Target>>);

impl Prepared {
    /// The target of `url`, which this belongs to.
    ///
    /// # Errors
    /// There is none.
    pub fn get(&self, url: &BaseUrl, targets: &Targets, roots: &DefaultTls) -> Result<&Arc<Target>, NoTarget> {
        match self.0.get() {
            Some(target) => Ok(target),
            None => {
                let target = targets.get(url, &Security::default(), roots)?;
                Ok(self.0.get_or_init(|| target))
            }
        }
    }
}

/// What was prepared makes no difference between two URLs.
impl PartialEq for Prepared {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Prepared {}
