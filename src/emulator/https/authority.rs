//! A certificate authority for this machine only.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, NameConstraints, SanType,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::{Duration, OffsetDateTime};

use crate::support::private_file;

const CERTIFICATE_FILE: &str = "ca.pem";
const KEY_FILE: &str = "ca-key.pem";
const COMMON_NAME: &str = "apimctl emulator (this machine only)";
/// The authority's own life; it is renewed by deleting its two files.
const AUTHORITY_DAYS: i64 = 3_650;
/// A leaf is made at each start. Apple's systems refuse leaves of more than 825 days.
const LEAF_DAYS: i64 = 90;

/// The authority could not be opened or used.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The file system.
    #[error("`{path}`: {source}")]
    File {
        /// Which file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// One of the two files is missing or damaged.
    #[error("`{path}` cannot be used ({reason}); delete `ca.pem` and `ca-key.pem` beside it to have new ones made")]
    Damaged {
        /// Which file.
        path: String,
        /// Why.
        reason: String,
    },
    /// No certificate could be made.
    #[error("no certificate could be made: {0}")]
    Make(String),
}

/// An authority that may vouch for this machine's own names only (name constraints), so that trusting it costs little.
pub(super) struct CertificateAuthority {
    key: KeyPair,
    certificate: PathBuf,
}

fn make(error: impl std::fmt::Display) -> AuthorityError {
    AuthorityError::Make(error.to_string())
}

impl CertificateAuthority {
    /// The authority of `directory`, made the first time.
    pub(super) fn open(directory: &Path, now: OffsetDateTime) -> Result<Self, AuthorityError> {
        let (certificate, key_path) = (directory.join(CERTIFICATE_FILE), directory.join(KEY_FILE));
        let file = |path: &Path, source| AuthorityError::File { path: path.display().to_string(), source };
        let damaged = |path: &Path, reason: &str| AuthorityError::Damaged { path: path.display().to_string(), reason: reason.to_owned() };
        match (read(&certificate).map_err(|source| file(&certificate, source))?, read(&key_path).map_err(|source| file(&key_path, source))?)
        {
            (Some(_), Some(key)) => {
                let key = KeyPair::from_pem(&key).map_err(|error| damaged(&key_path, &error.to_string()))?;
                Ok(Self { key, certificate })
            }
            (Some(_), None) => Err(damaged(&certificate, "its key is missing")),
            // A key alone is what is left of a start that was cut short.
            (None, _) => {
                let key = KeyPair::generate().map_err(make)?;
                let signed = parameters(now).self_signed(&key).map_err(make)?;
                private_file::write(&key_path, key.serialize_pem().as_bytes()).map_err(|source| file(&key_path, source))?;
                private_file::write(&certificate, signed.pem().as_bytes()).map_err(|source| file(&certificate, source))?;
                Ok(Self { key, certificate })
            }
        }
    }

    pub(super) fn certificate_path(&self) -> &Path {
        &self.certificate
    }

    /// TLS with a new leaf for `localhost`, the loopback addresses and `address`; HTTP/2 and HTTP/1.1.
    pub(super) fn server_configuration(&self, address: IpAddr, now: OffsetDateTime) -> Result<ServerConfig, AuthorityError> {
        let mut leaf = CertificateParams::new(vec!["localhost".to_owned()]).map_err(make)?;
        let mut addresses = vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        if address.is_loopback() && !addresses.contains(&address) {
            addresses.push(address);
        }
        leaf.subject_alt_names.extend(addresses.into_iter().map(SanType::IpAddress));
        leaf.distinguished_name = name("localhost");
        leaf.not_before = now - Duration::days(1);
        leaf.not_after = now + Duration::days(LEAF_DAYS);
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf.use_authority_key_identifier_extension = true;
        let leaf_key = KeyPair::generate().map_err(make)?;
        let issuer = Issuer::new(parameters(now), &self.key);
        let certificate = leaf.signed_by(&leaf_key, &issuer).map_err(make)?;
        let chain: Vec<CertificateDer<'static>> = vec![certificate.der().clone()];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
        let mut configuration = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(make)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(make)?;
        configuration.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(configuration)
    }
}

fn read(path: &Path) -> io::Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}

/// The authority's certificate. A leaf names its issuer by what stands here, so names and key alone decide whether a
/// leaf of a later start belongs to the certificate on disk.
fn parameters(now: OffsetDateTime) -> CertificateParams {
    let mut loopback = [0; 16];
    loopback[15] = 1;
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = name(COMMON_NAME);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters.not_before = now - Duration::days(1);
    parameters.not_after = now + Duration::days(AUTHORITY_DAYS);
    parameters.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![
            GeneralSubtree::DnsName("localhost".to_owned()),
            GeneralSubtree::IpAddress(CidrSubnet::V4([127, 0, 0, 0], [255, 0, 0, 0])),
            GeneralSubtree::IpAddress(CidrSubnet::V6(loopback, [0xff; 16])),
        ],
        excluded_subtrees: Vec::new(),
    });
    parameters
}
