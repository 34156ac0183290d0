//! JSON Web Tokens signed with RSA: what logins send, what the local issuer gives out, what gateways check.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    KeyPair, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RSA_PSS_2048_8192_SHA256, RSA_PSS_SHA256, RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Map, Value, json};

use super::secret::Secret;

/// How a token is signed (RFC 7518). Other algorithms, `none` above all, are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PSS with SHA-256.
    Ps256,
}

impl Algorithm {
    /// The `alg` of a token's header.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        [Self::Rs256, Self::Ps256].into_iter().find(|algorithm| algorithm.name() == name)
    }
}

/// Why a key or a token cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    /// No private key could be made or written.
    #[error("an RSA key could not be made")]
    Generate,
    /// Not PEM, encrypted, or not RSA of 2048 to 8192 bits.
    #[error("it holds no unencrypted RSA private key (PKCS#8 or PKCS#1) of at least 2048 bits in PEM form")]
    Key,
    /// The signature could not be computed.
    #[error("the token could not be signed")]
    Sign,
    /// Not three base64url parts with a JSON header and JSON claims.
    #[error("it is not a JSON Web Token")]
    Malformed,
    /// `alg` is neither RS256 nor PS256.
    #[error("its algorithm is not supported")]
    Algorithm,
    /// The signature is not of this key.
    #[error("its signature is not valid")]
    Signature,
}

/// A private key that signs tokens.
pub struct SigningKey(RsaKeyPair);

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SigningKey")
    }
}

impl SigningKey {
    /// A new key of 2048 bits.
    ///
    /// # Errors
    /// The cryptographic library failed.
    pub fn generate() -> Result<Self, JwtError> {
        RsaKeyPair::generate(KeySize::Rsa2048).map(Self).map_err(|_| JwtError::Generate)
    }

    /// The first private key of a PEM text, which may hold certificates too.
    ///
    /// # Errors
    /// There is none, it is encrypted, or it is not RSA.
    pub fn from_pem(pem: &str) -> Result<Self, JwtError> {
        let key = match PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| JwtError::Key)? {
            PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            _ => return Err(JwtError::Key),
        };
        key.map(Self).map_err(|_| JwtError::Key)
    }

    /// The key as PKCS#8 in PEM form.
    ///
    /// # Errors
    /// The cryptographic library failed.
    pub fn to_pem(&self) -> Result<Secret<String>, JwtError> {
        let der: Pkcs8V1Der<'_> = self.0.as_der().map_err(|_| JwtError::Generate)?;
        let text = STANDARD.encode(der.as_ref());
        let mut pem = String::from("-----BEGIN PRIVATE KEY-----\n");
        for line in text.as_bytes().chunks(64) {
            pem.push_str(&String::from_utf8_lossy(line));
            pem.push('\n');
        }
        pem.push_str("-----END PRIVATE KEY-----\n");
        Ok(Secret::new(pem))
    }

    /// The public half.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        // The library's own key always has this form; were it ever another, the key would verify nothing.
        let (modulus, exponent) = public_numbers(self.0.public_key().as_ref()).unwrap_or_default();
        VerifyingKey { modulus, exponent }
    }

    /// A signed token. `header` gains `alg` and `typ`.
    ///
    /// # Errors
    /// The cryptographic library failed.
    pub fn sign(&self, algorithm: Algorithm, mut header: Map<String, Value>, claims: &Value) -> Result<String, JwtError> {
        header.insert("typ".to_owned(), json!("JWT"));
        header.insert("alg".to_owned(), json!(algorithm.name()));
        let part = |value: &[u8]| URL_SAFE_NO_PAD.encode(value);
        let mut token = format!("{}.{}", part(Value::Object(header).to_string().as_bytes()), part(claims.to_string().as_bytes()));
        let mut signature = vec![0; self.0.public_modulus_len()];
        let encoding: &'static dyn aws_lc_rs::signature::RsaEncoding = match algorithm {
            Algorithm::Rs256 => &RSA_PKCS1_SHA256,
            Algorithm::Ps256 => &RSA_PSS_SHA256,
        };
        self.0.sign(encoding, &SystemRandom::new(), token.as_bytes(), &mut signature).map_err(|_| JwtError::Sign)?;
        token.push('.');
        token.push_str(&part(&signature));
        Ok(token)
    }
}

/// Modulus and exponent of a DER `RSAPublicKey` (RFC 8017 A.1.1: a SEQUENCE of two INTEGERs), without leading zeros.
fn public_numbers(der: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
        let (first, rest) = der.split_first()?;
        let (&length, rest) = rest.split_first()?;
        let (length, rest) = if length < 0x80 {
            (usize::from(length), rest)
        } else {
            let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            (digits.iter().fold(0_usize, |sum, &digit| sum.wrapping_mul(256).wrapping_add(usize::from(digit))), rest)
        };
        (*first == tag).then_some(())?;
        rest.split_at_checked(length)
    }
    let number = |bytes: &[u8]| bytes.iter().copied().skip_while(|&byte| byte == 0).collect();
    let (sequence, _) = element(0x30, der)?;
    let (modulus, rest) = element(0x02, sequence)?;
    let (exponent, _) = element(0x02, rest)?;
    Some((number(modulus), number(exponent)))
}

/// A public key that checks tokens.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "VerifyingKey({})", self.thumbprint())
    }
}

impl VerifyingKey {
    /// The key of a JSON Web Key (RFC 7517) of type `RSA`.
    #[must_use]
    pub fn from_jwk(jwk: &Value) -> Option<Self> {
        let number = |name: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(jwk.get(name)?.as_str()?.trim_end_matches('=')).ok()?;
            let start = bytes.iter().position(|&byte| byte != 0)?;
            bytes.get(start..).map(<[u8]>::to_vec)
        };
        (jwk.get("kty")?.as_str()? == "RSA").then_some(())?;
        Some(Self { modulus: number("n")?, exponent: number("e")? })
    }

    /// `kty`, `n` and `e` of a JSON Web Key.
    #[must_use]
    pub fn to_jwk(&self) -> Map<String, Value> {
        let (modulus, exponent) = (URL_SAFE_NO_PAD.encode(&self.modulus), URL_SAFE_NO_PAD.encode(&self.exponent));
        [("kty", "RSA".to_owned()), ("n", modulus), ("e", exponent)]
            .into_iter()
            .map(|(key, value)| (key.to_owned(), json!(value)))
            .collect()
    }

    /// The key's thumbprint (RFC 7638): a stable `kid`.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        let (modulus, exponent) = (URL_SAFE_NO_PAD.encode(&self.modulus), URL_SAFE_NO_PAD.encode(&self.exponent));
        let canonical = format!(r#"{{"e":"{exponent}","kty":"RSA","n":"{modulus}"}}"#);
        sha256_base64url(canonical.as_bytes())
    }

    /// Checks the signature only: neither expiry, nor issuer, nor audience.
    ///
    /// # Errors
    /// The token is malformed, of another algorithm, or not signed by this key.
    pub fn verify(&self, token: &Parsed<'_>) -> Result<(), JwtError> {
        let algorithm = token.header.get("alg").and_then(Value::as_str).and_then(Algorithm::of_name).ok_or(JwtError::Algorithm)?;
        let parameters = match algorithm {
            Algorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
            Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
        };
        RsaPublicKeyComponents { n: &self.modulus, e: &self.exponent }
            .verify(parameters, token.signed.as_bytes(), &token.signature)
            .map_err(|_| JwtError::Signature)
    }
}

/// A token taken apart; nothing of it is checked yet.
#[derive(Debug)]
pub struct Parsed<'a> {
    /// The header.
    pub header: Map<String, Value>,
    /// The claims, unverified.
    pub claims: Map<String, Value>,
    signed: &'a str,
    signature: Vec<u8>,
}

impl<'a> Parsed<'a> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// It is not three base64url parts with a JSON header and JSON claims.
    pub fn new(token: &'a str) -> Result<Self, JwtError> {
        let (signed, signature) = token.rsplit_once('.').ok_or(JwtError::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(JwtError::Malformed)?;
        let bytes = |part: &str| URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).map_err(|_| JwtError::Malformed);
        let object = |part: &str| serde_json::from_slice(&bytes(part)?).map_err(|_| JwtError::Malformed);
        Ok(Self { header: object(header)?, claims: object(claims)?, signed, signature: bytes(signature)? })
    }
}

impl Parsed<'_> {
    /// What is signed: header and claims as they are written.
    #[must_use]
    pub const fn signed(&self) -> &str {
        self.signed
    }

    /// The signature; empty for a token without one.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }
}

/// SHA-256 in base64url without padding.
#[must_use]
pub fn sha256_base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sign(key: &SigningKey, algorithm: Algorithm) -> String {
        key.sign(algorithm, Map::new(), &json!({ "sub": "é" })).unwrap()
    }

    #[test]
    fn a_signed_token_verifies_with_the_published_key_and_no_other() {
        let key = SigningKey::generate().unwrap();
        let published = VerifyingKey::from_jwk(&Value::Object(key.verifying_key().to_jwk())).unwrap();
        assert_eq!(published, key.verifying_key());
        for algorithm in [Algorithm::Rs256, Algorithm::Ps256] {
            let token = sign(&key, algorithm);
            let parsed = Parsed::new(&token).unwrap();
            assert_eq!(parsed.claims["sub"], "é");
            assert_eq!(published.verify(&parsed), Ok(()));
            let other = SigningKey::generate().unwrap().verifying_key();
            assert_eq!(other.verify(&parsed), Err(JwtError::Signature));
        }
    }

    #[test]
    fn a_key_survives_its_pem_form() {
        let key = SigningKey::generate().unwrap();
        let pem = key.to_pem().unwrap();
        assert_eq!(SigningKey::from_pem(pem.expose()).unwrap().verifying_key(), key.verifying_key());
        for bad in ["", "x", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            assert_eq!(SigningKey::from_pem(bad).err(), Some(JwtError::Key));
        }
    }

    #[test]
    fn a_changed_token_or_algorithm_is_refused() {
        let key = SigningKey::generate().unwrap();
        let token = sign(&key, Algorithm::Rs256);
        let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
        parts[1] = URL_SAFE_NO_PAD.encode(r#"{"sub":"other"}"#);
        let changed = parts.join(".");
        assert_eq!(key.verifying_key().verify(&Parsed::new(&changed).unwrap()), Err(JwtError::Signature));
        parts[0] = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
        let none = parts.join(".");
        assert_eq!(key.verifying_key().verify(&Parsed::new(&none).unwrap()), Err(JwtError::Algorithm));
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "\\PC{0,80}") {
            let _ = Parsed::new(&text);
        }
    }
}
