//! PKCS#12 (`.pfx`): a private key with its certificates, as ARM takes client certificates and as Key Vault hands them out.
//!
//! Read as RFC 7292 has it, in BER: PBES2 with AES or Triple DES (what OpenSSL 3 and today's Windows write), and the older schemes with
//! Triple DES and RC2 (what Key Vault and older tools write). The MAC is checked, so that a wrong password is told as such.

mod cipher;

use std::num::NonZeroU32;

use aws_lc_rs::{digest, hmac};
use yasna::models::ObjectIdentifier;
use yasna::{ASN1Error, ASN1ErrorKind, ASN1Result, BERReader, Tag};

use super::secret::Secret;

/// More rounds than anybody writes; a file must not keep a thread busy for minutes.
const MOST_ROUNDS: u32 = 5_000_000;
/// Safes within safes.
const DEEPEST: usize = 8;

const DATA: &[u64] = &[1, 2, 840, 113_549, 1, 7, 1];
const ENCRYPTED_DATA: &[u64] = &[1, 2, 840, 113_549, 1, 7, 6];
const KEY_BAG: &[u64] = &[1, 2, 840, 113_549, 1, 12, 10, 1, 1];
const SHROUDED_KEY_BAG: &[u64] = &[1, 2, 840, 113_549, 1, 12, 10, 1, 2];
const CERTIFICATE_BAG: &[u64] = &[1, 2, 840, 113_549, 1, 12, 10, 1, 3];
const SAFE_BAG: &[u64] = &[1, 2, 840, 113_549, 1, 12, 10, 1, 6];
const X509: &[u64] = &[1, 2, 840, 113_549, 1, 9, 22, 1];
const LOCAL_KEY_ID: &[u64] = &[1, 2, 840, 113_549, 1, 9, 21];

/// A private key with its certificates.
#[derive(Debug)]
pub struct Identity {
    /// In DER; the key's own certificate first, the others in the order of the file.
    pub chain: Vec<Vec<u8>>,
    /// PKCS#8 in DER.
    pub key: Secret<Vec<u8>>,
}

impl Identity {
    /// [`thumbprint`] of the key's own certificate.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        self.chain.first().map(|own| thumbprint(own)).unwrap_or_default()
    }
}

/// SHA-1 of a certificate (in DER) in hexadecimal, as .NET and the service show it.
#[must_use]
pub fn thumbprint(certificate: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, certificate);
    digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect()
}

/// Why a file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Pkcs12Error {
    /// It is something else, or broken.
    #[error("it is no PKCS#12 file")]
    Malformed,
    /// The MAC is another.
    #[error("its password is another")]
    Password,
    /// Something that nobody should use any more, or that is newer than this.
    #[error("it uses `{0}`, which is not read here")]
    Unsupported(String),
    /// There is nothing to prove an identity with.
    #[error("it holds no private key")]
    NoKey,
    /// There is nothing to show.
    #[error("it holds no certificate")]
    NoCertificate,
}

/// An algorithm with its parameters, still encoded.
struct Algorithm {
    id: ObjectIdentifier,
    parameters: Vec<u8>,
}

impl Algorithm {
    fn is(&self, id: &[u64]) -> bool {
        self.id.components() == id
    }

    fn unsupported(&self) -> Pkcs12Error {
        Pkcs12Error::Unsupported(self.id.to_string())
    }
}

/// The password in both forms: as PBES2 takes it, and as the schemes of PKCS#12 itself do.
struct Password {
    utf8: Vec<u8>,
    /// UTF-16 with two zero bytes at its end.
    wide: Vec<u8>,
}

/// Reads a file.
///
/// # Errors
/// It is none, its password is another, or it holds no identity.
pub fn read(data: &[u8], password: &str) -> Result<Identity, Pkcs12Error> {
    let mut wide: Vec<u8> = password.encode_utf16().flat_map(u16::to_be_bytes).collect();
    wide.extend([0, 0]);
    let mut password = Password { utf8: password.as_bytes().to_vec(), wide };
    let (safe, mac) = yasna::parse_ber(data, outer).map_err(|_| Pkcs12Error::Malformed)?;
    if let Some(mac) = mac
        && !mac.fits(&safe, &password.wide)?
    {
        // No password is written as an empty one by some, and as none at all by others.
        if !password.utf8.is_empty() || !mac.fits(&safe, &[])? {
            return Err(Pkcs12Error::Password);
        }
        password.wide.clear();
    }
    let mut found = Found::default();
    for content in
        yasna::parse_ber(&safe, |reader| reader.collect_sequence_of(|reader| content(reader))).map_err(|_| Pkcs12Error::Malformed)?
    {
        let contents = match content {
            Content::Plain(contents) => contents,
            Content::Encrypted(algorithm, bytes) => cipher::decrypt(&algorithm, &bytes, &password)?,
            Content::Other(id) => return Err(Pkcs12Error::Unsupported(id.to_string())),
        };
        found.read(&contents, &password, 0)?;
    }
    found.identity()
}

struct Mac {
    algorithm: Algorithm,
    digest: Vec<u8>,
    salt: Vec<u8>,
    rounds: u32,
}

impl Mac {
    fn fits(&self, content: &[u8], password: &[u8]) -> Result<bool, Pkcs12Error> {
        let hash = cipher::Hash::of(&self.algorithm.id).ok_or_else(|| self.algorithm.unsupported())?;
        let key = cipher::derive(hash, 3, password, &self.salt, rounds(self.rounds)?, hash.length());
        Ok(hmac::verify(&hmac::Key::new(hash.hmac(), &key), content, &self.digest).is_ok())
    }
}

fn rounds(rounds: u32) -> Result<NonZeroU32, Pkcs12Error> {
    NonZeroU32::new(rounds).filter(|rounds| rounds.get() <= MOST_ROUNDS).ok_or(Pkcs12Error::Malformed)
}

/// `PFX`: the safe's bytes, and what proves the password.
fn outer(reader: BERReader<'_, '_>) -> ASN1Result<(Vec<u8>, Option<Mac>)> {
    reader.read_sequence(|reader| {
        reader.next().read_u32()?;
        let safe = match content(reader.next())? {
            Content::Plain(bytes) => bytes,
            // Safes that are signed with a key pair are of no use without a password.
            Content::Encrypted(..) | Content::Other(_) => return Err(ASN1Error::new(ASN1ErrorKind::Invalid)),
        };
        let mac = reader.read_optional(|reader| {
            reader.read_sequence(|reader| {
                let (algorithm, digest) =
                    reader.next().read_sequence(|reader| Ok((algorithm(reader.next())?, reader.next().read_bytes()?)))?;
                let salt = reader.next().read_bytes()?;
                let rounds = reader.read_optional(|reader| reader.read_u32())?.unwrap_or(1);
                Ok(Mac { algorithm, digest, salt, rounds })
            })
        })?;
        Ok((safe, mac))
    })
}

enum Content {
    Plain(Vec<u8>),
    Encrypted(Algorithm, Vec<u8>),
    Other(ObjectIdentifier),
}

/// `ContentInfo`.
fn content(reader: BERReader<'_, '_>) -> ASN1Result<Content> {
    reader.read_sequence(|reader| {
        let id = reader.next().read_oid()?;
        if id.components() == DATA {
            return Ok(Content::Plain(reader.next().read_tagged(Tag::context(0), |reader| reader.read_bytes())?));
        }
        if id.components() == ENCRYPTED_DATA {
            return reader.next().read_tagged(Tag::context(0), |reader| {
                reader.read_sequence(|reader| {
                    reader.next().read_u32()?;
                    reader.next().read_sequence(|reader| {
                        reader.next().read_oid()?;
                        let algorithm = algorithm(reader.next())?;
                        let bytes = reader.next().read_tagged_implicit(Tag::context(0), |reader| reader.read_bytes())?;
                        Ok(Content::Encrypted(algorithm, bytes))
                    })
                })
            });
        }
        reader.read_optional(|reader| reader.read_der())?;
        Ok(Content::Other(id))
    })
}

fn algorithm(reader: BERReader<'_, '_>) -> ASN1Result<Algorithm> {
    reader.read_sequence(|reader| {
        let id = reader.next().read_oid()?;
        let parameters = reader.read_optional(|reader| reader.read_der())?.unwrap_or_default();
        Ok(Algorithm { id, parameters })
    })
}

/// What the safes hold; keys and certificates with the id that ties them together.
#[derive(Default)]
struct Found {
    keys: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    certificates: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

enum Bag {
    Key(Vec<u8>),
    Shrouded(Algorithm, Vec<u8>),
    Certificate(Vec<u8>),
    Safe(Vec<u8>),
    Other,
}

impl Found {
    /// `SafeContents`.
    fn read(&mut self, contents: &[u8], password: &Password, depth: usize) -> Result<(), Pkcs12Error> {
        if depth > DEEPEST {
            return Err(Pkcs12Error::Malformed);
        }
        for (bag, id) in
            yasna::parse_ber(contents, |reader| reader.collect_sequence_of(|reader| bag(reader))).map_err(|_| Pkcs12Error::Malformed)?
        {
            match bag {
                Bag::Key(key) => self.keys.push((key, id)),
                Bag::Shrouded(algorithm, bytes) => self.keys.push((cipher::decrypt(&algorithm, &bytes, password)?, id)),
                Bag::Certificate(certificate) => self.certificates.push((certificate, id)),
                Bag::Safe(contents) => self.read(&contents, password, depth + 1)?,
                // Lists of revoked certificates, other secrets.
                Bag::Other => {}
            }
        }
        Ok(())
    }

    fn identity(mut self) -> Result<Identity, Pkcs12Error> {
        if self.keys.is_empty() {
            return Err(Pkcs12Error::NoKey);
        }
        let (key, id) = self.keys.swap_remove(0);
        let own = self.certificates.iter().position(|(_, own)| own.is_some() && *own == id).unwrap_or(0);
        if self.certificates.is_empty() {
            return Err(Pkcs12Error::NoCertificate);
        }
        let first = self.certificates.remove(own).0;
        let chain = std::iter::once(first).chain(self.certificates.into_iter().map(|(certificate, _)| certificate)).collect();
        Ok(Identity { chain, key: Secret::new(key) })
    }
}

/// `SafeBag`, with its local key id.
fn bag(reader: BERReader<'_, '_>) -> ASN1Result<(Bag, Option<Vec<u8>>)> {
    reader.read_sequence(|reader| {
        let id = reader.next().read_oid()?;
        let bag = reader.next().read_tagged(Tag::context(0), |reader| match id.components().as_slice() {
            KEY_BAG => reader.read_der().map(Bag::Key),
            SHROUDED_KEY_BAG => reader.read_sequence(|reader| Ok(Bag::Shrouded(algorithm(reader.next())?, reader.next().read_bytes()?))),
            CERTIFICATE_BAG => reader.read_sequence(|reader| {
                let kind = reader.next().read_oid()?;
                let bytes = reader.next().read_tagged(Tag::context(0), |reader| reader.read_bytes())?;
                Ok(if kind.components() == X509 { Bag::Certificate(bytes) } else { Bag::Other })
            }),
            SAFE_BAG => reader.read_der().map(Bag::Safe),
            _ => reader.read_der().map(|_| Bag::Other),
        })?;
        let mut local = None;
        reader.read_optional(|reader| {
            reader.read_set_of(|reader| {
                reader.read_sequence(|reader| {
                    let own = reader.next().read_oid()?.components() == LOCAL_KEY_ID;
                    reader.next().read_set_of(|reader| {
                        if own { reader.read_bytes().map(|id| local = Some(id)) } else { reader.read_der().map(drop) }
                    })
                })
            })
        })?;
        Ok((bag, local))
    })
}

#[cfg(test)]
mod tests;
