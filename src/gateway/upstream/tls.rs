//! TLS towards backends: roots, client certificates, and the switches of a backend's `tls` property.

use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::connector::HttpVersion;
use super::target::Target;

/// A certificate the gateway shows to a backend, with its key.
#[derive(Debug)]
pub struct ClientCertificate {
    /// The certificate first, then those that issued it.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its key.
    pub key: PrivateKeyDer<'static>,
}

/// What is asked of a backend's TLS.
#[derive(Debug)]
pub struct TlsOptions {
    /// `tls.validateCertificateChain`: the chain must end in a trusted root and be in date.
    pub validate_chain: bool,
    /// `tls.validateCertificateName`: the certificate must be for the host.
    pub validate_name: bool,
    /// Shown when the backend asks for one.
    pub client_certificate: Option<ClientCertificate>,
    /// Whom to trust.
    pub roots: Arc<RootCertStore>,
}

/// Prepared TLS settings, cheap to clone.
#[derive(Clone)]
pub struct TlsSettings {
    http1: Arc<ClientConfig>,
    http2_or_1: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
}

impl TlsSettings {
    /// Prepares a configuration for each [`HttpVersion`] (they differ in what is offered only).
    ///
    /// # Errors
    /// There is no usable root, or the client certificate and its key do not fit.
    pub fn new(options: TlsOptions) -> Result<Self, Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
        let builder = if options.validate_chain && options.validate_name {
            builder.with_root_certificates(options.roots)
        } else {
            let chain = if options.validate_chain {
                let built = WebPkiServerVerifier::builder_with_provider(options.roots, provider.clone()).build();
                Some(built.map_err(|error| Error::General(error.to_string()))?)
            } else {
                None
            };
            let verifier = Lenient { chain, validate_name: options.validate_name, provider };
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
        };
        let configuration = match options.client_certificate {
            Some(certificate) => builder.with_client_auth_cert(certificate.chain, certificate.key)?,
            None => builder.with_no_client_auth(),
        };
        let offering = |protocols: &[&[u8]]| {
            let mut configuration = configuration.clone();
            configuration.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
            Arc::new(configuration)
        };
        Ok(Self { http1: offering(&[b"http/1.1"]), http2_or_1: offering(&[b"h2", b"http/1.1"]), http2: offering(&[b"h2"]) })
    }

    /// The configuration that offers what `version` allows.
    #[must_use]
    pub fn configuration(&self, version: HttpVersion) -> Arc<ClientConfig> {
        match version {
            HttpVersion::Http1 => &self.http1,
            HttpVersion::Http2Or1 => &self.http2_or_1,
            HttpVersion::Http2 => &self.http2,
        }
        .clone()
    }

    /// The name that is asked for and checked.
    ///
    /// # Errors
    /// The target's host cannot stand in a certificate.
    pub fn server_name(&self, target: &Target) -> io::Result<ServerName<'static>> {
        ServerName::try_from(target.host().to_owned()).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
    }
}

impl fmt::Debug for TlsSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TlsSettings").finish_non_exhaustive()
    }
}

/// The system's trusted roots; those of the file that `SSL_CERT_FILE` names, where it is set, instead.
///
/// Reads a file of some hundred kilobytes: once, and only when there is an https target.
///
/// # Errors
/// Not one root could be read.
pub fn native_roots() -> io::Result<RootCertStore> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // A store may hold certificates that no TLS library takes; the others still count.
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added > 0 {
        return Ok(roots);
    }
    let reason = found.errors.first().map_or_else(|| "the system has no trusted roots".to_owned(), ToString::to_string);
    Err(io::Error::new(io::ErrorKind::NotFound, reason))
}

/// The settings of targets that have none: everything is checked, by the system's roots, read when first needed.
#[derive(Default)]
pub struct DefaultTls {
    extra: Vec<CertificateDer<'static>>,
    made: OnceLock<TlsSettings>,
}

impl DefaultTls {
    /// Trusts `extra` roots besides the system's (the local authority of simulated accounts).
    #[must_use]
    pub const fn trusting(extra: Vec<CertificateDer<'static>>) -> Self {
        Self { extra, made: OnceLock::new() }
    }

    /// The roots: the extra ones, and the system's.
    ///
    /// # Errors
    /// There is none at all.
    pub fn roots(&self) -> io::Result<RootCertStore> {
        let mut roots = match native_roots() {
            Ok(roots) => roots,
            Err(error) if self.extra.is_empty() => return Err(error),
            Err(_) => RootCertStore::empty(),
        };
        for certificate in &self.extra {
            roots.add(certificate.clone()).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        }
        Ok(roots)
    }

    /// The settings, prepared at the first call.
    ///
    /// # Errors
    /// There is no root.
    pub fn settings(&self) -> io::Result<TlsSettings> {
        if let Some(settings) = self.made.get() {
            return Ok(settings.clone());
        }
        let roots = Arc::new(self.roots()?);
        let options = TlsOptions { validate_chain: true, validate_name: true, client_certificate: None, roots };
        let settings = TlsSettings::new(options).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        Ok(self.made.get_or_init(|| settings).clone())
    }
}

impl fmt::Debug for DefaultTls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("DefaultTls").field("extra", &self.extra.len()).finish_non_exhaustive()
    }
}

/// Checks the chain, the name, or neither, as the backend's switches say. Signatures of the handshake are always checked.
#[derive(Debug)]
struct Lenient {
    chain: Option<Arc<WebPkiServerVerifier>>,
    validate_name: bool,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(chain) = &self.chain {
            return match chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
                // The name is looked at last, after the chain was found good.
                Err(Error::InvalidCertificate(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }))
                    if !self.validate_name =>
                {
                    Ok(ServerCertVerified::assertion())
                }
                result => result,
            };
        }
        if self.validate_name {
            rustls::client::verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
