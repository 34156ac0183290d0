//! Client certificates: what the service keeps of one (PKCS#12), and the chain and key for TLS.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::arm::store::Stored;
use crate::gateway::upstream::ClientCertificate;
use crate::support::pkcs12::{self, Pkcs12Error};
use crate::support::secret::Secret;

/// A `certificates` resource, as far as the gateway needs it.
#[derive(Debug, Clone)]
pub struct StoredCertificate {
    /// Its name.
    pub name: String,
    /// Its thumbprint as the service shows it.
    pub thumbprint: String,
    data: Option<Secret<String>>,
    password: Option<Secret<String>>,
}

impl StoredCertificate {
    /// Of the stored resource.
    #[must_use]
    pub fn of(stored: &Stored) -> Self {
        let secret = |pointer: &str| {
            let kept = stored.secrets.get(pointer).cloned();
            kept.or_else(|| stored.body.pointer(pointer).and_then(serde_json::Value::as_str).map(|text| Secret::new(text.to_owned())))
        };
        Self {
            name: stored.id.name().to_owned(),
            thumbprint: stored.body.pointer("/properties/thumbprint").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned(),
            data: secret("/properties/data"),
            password: secret("/properties/password"),
        }
    }

    /// Chain and key.
    ///
    /// # Errors
    /// They cannot be read here.
    pub fn identity(&self) -> Result<Arc<ClientIdentity>, UnreadableCertificate> {
        let data = self.data.as_ref().ok_or(UnreadableCertificate::KeyVault)?;
        ClientIdentity::read(data.expose().as_bytes(), self.password.as_ref().map_or("", |password| password.expose())).map(Arc::new)
    }
}

/// Why a certificate cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableCertificate {
    /// Its data lie in a key vault, which the gateway cannot ask.
    #[error("its data are in a key vault, and a fixture does not give them")]
    KeyVault,
    /// It is no PKCS#12 file that can be opened, and no PEM either.
    #[error("{0}; PEM with a certificate and an unencrypted private key is read too")]
    Format(#[from] Pkcs12Error),
    /// PEM without one of both.
    #[error("it is not PEM with a certificate and an unencrypted private key")]
    Pem,
}

/// A certificate chain with its key.
pub struct ClientIdentity {
    thumbprint: String,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl ClientIdentity {
    /// Reads PKCS#12 in base64, as ARM's `data` has it, and PEM (also in base64).
    ///
    /// # Errors
    /// It is something else, or the password is another.
    pub fn read(data: &[u8], password: &str) -> Result<Self, UnreadableCertificate> {
        let decoded;
        let pem = if data.trim_ascii_start().starts_with(b"-----BEGIN") {
            data
        } else {
            let compact: Vec<u8> = data.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
            decoded = STANDARD.decode(compact).unwrap_or_else(|_| data.to_vec());
            &decoded
        };
        if !pem.trim_ascii_start().starts_with(b"-----BEGIN") {
            let identity = pkcs12::read(pem, password)?;
            let chain = identity.chain.into_iter().map(CertificateDer::from).collect();
            return Self::of(chain, PrivateKeyDer::Pkcs8(identity.key.into_exposed().into()));
        }
        let chain: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|_| UnreadableCertificate::Pem)?;
        let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| UnreadableCertificate::Pem)?;
        Self::of(chain, key)
    }

    fn of(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, UnreadableCertificate> {
        let first = chain.first().ok_or(UnreadableCertificate::Pem)?;
        Ok(Self { thumbprint: pkcs12::thumbprint(first), chain, key })
    }

    /// SHA-1 of the certificate in hexadecimal, as .NET shows it.
    #[must_use]
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// For a TLS configuration.
    #[must_use]
    pub fn certificate(&self) -> ClientCertificate {
        ClientCertificate { chain: self.chain.clone(), key: self.key.clone_key() }
    }
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ClientIdentity").field("thumbprint", &self.thumbprint).finish_non_exhaustive()
    }
}
