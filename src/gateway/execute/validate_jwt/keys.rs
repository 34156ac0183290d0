//! Keys that check signatures.
//!
//! The page names PS256, RS256 and RS512, older ones HS256 and RS256; Microsoft's library behind the policy knows the whole families, so
//! they are all here. A key only serves algorithms of its own kind: a public key is never taken for a shared secret.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters,
    RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

use crate::support::jwt::Parsed;
use crate::support::secret::Secret;

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent).with_decode_allow_trailing_bits(true);
const URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Bytes in base64 of either alphabet, with or without padding.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let text: String = text.chars().filter(|character| !character.is_whitespace()).collect();
    URL.decode(text.replace('+', "-").replace('/', "_")).ok().filter(|bytes| !bytes.is_empty())
}

/// One key.
#[derive(Debug, Clone)]
pub(in crate::gateway::execute) enum Key {
    /// Modulus and exponent.
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    /// A point on a curve (`P-256`, `P-384`, `P-521`), uncompressed.
    Elliptic { curve: String, point: Vec<u8> },
    /// `SubjectPublicKeyInfo` of a certificate.
    Certificate(Vec<u8>),
    /// A shared secret.
    Symmetric(Secret<Vec<u8>>),
}

/// A key and the `kid` that it is for, if it is for one.
#[derive(Debug, Clone)]
pub(in crate::gateway::execute) struct Named {
    pub(in crate::gateway::execute) id: Option<String>,
    pub(in crate::gateway::execute) key: Key,
}

/// What came of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Good,
    Bad,
    /// The key is of another kind than the token's algorithm.
    Unfit,
}

impl Key {
    /// Of `n` and `e` in base64url.
    pub(super) fn rsa(modulus: &str, exponent: &str) -> Option<Self> {
        let number = |text: &str| {
            let bytes = base64(text)?;
            let start = bytes.iter().position(|byte| *byte != 0)?;
            bytes.get(start..).map(<[u8]>::to_vec)
        };
        Some(Self::Rsa { modulus: number(modulus)?, exponent: number(exponent)? })
    }

    /// Of a JSON Web Key (RFC 7517).
    fn of_jwk(jwk: &Value) -> Option<Self> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        match text("kty")? {
            "RSA" => Self::rsa(text("n")?, text("e")?),
            "EC" => {
                let mut point = vec![4];
                let length: usize = match text("crv")? {
                    "P-256" => 32,
                    "P-384" => 48,
                    "P-521" => 66,
                    _ => return None,
                };
                for name in ["x", "y"] {
                    let bytes = base64(text(name)?)?;
                    // Leading zeros may be left out, wrongly.
                    point.extend(std::iter::repeat_n(0, length.checked_sub(bytes.len())?));
                    point.extend(bytes);
                }
                Some(Self::Elliptic { curve: text("crv")?.to_owned(), point })
            }
            _ => None,
        }
    }

    /// Checks the token's signature with this key.
    pub(super) fn verify(&self, token: &Parsed<'_>) -> Verdict {
        let algorithm = token.header.get("alg").and_then(Value::as_str).unwrap_or_default();
        let (message, signature) = (token.signed().as_bytes(), token.signature());
        let good = match self {
            Self::Rsa { modulus, exponent } => {
                let Some(parameters) = rsa_parameters(algorithm) else { return Verdict::Unfit };
                RsaPublicKeyComponents { n: modulus, e: exponent }.verify(parameters, message, signature).is_ok()
            }
            Self::Elliptic { curve, point } => {
                let Some((own, parameters)) = curve_of(algorithm) else { return Verdict::Unfit };
                if own != curve {
                    return Verdict::Unfit;
                }
                UnparsedPublicKey::new(parameters, point).verify(message, signature).is_ok()
            }
            Self::Certificate(info) => {
                let parameters: &'static dyn VerificationAlgorithm = match (rsa_parameters(algorithm), curve_of(algorithm)) {
                    (Some(parameters), _) => parameters,
                    (None, Some((_, parameters))) => parameters,
                    (None, None) => return Verdict::Unfit,
                };
                UnparsedPublicKey::new(parameters, info).verify(message, signature).is_ok()
            }
            Self::Symmetric(secret) => {
                let parameters = match algorithm {
                    "HS256" => hmac::HMAC_SHA256,
                    "HS384" => hmac::HMAC_SHA384,
                    "HS512" => hmac::HMAC_SHA512,
                    _ => return Verdict::Unfit,
                };
                hmac::verify(&hmac::Key::new(parameters, secret.expose()), message, signature).is_ok()
            }
        };
        if good { Verdict::Good } else { Verdict::Bad }
    }
}

fn rsa_parameters(algorithm: &str) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        "RS256" => &RSA_PKCS1_2048_8192_SHA256,
        "RS384" => &RSA_PKCS1_2048_8192_SHA384,
        "RS512" => &RSA_PKCS1_2048_8192_SHA512,
        "PS256" => &RSA_PSS_2048_8192_SHA256,
        "PS384" => &RSA_PSS_2048_8192_SHA384,
        "PS512" => &RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

fn curve_of(algorithm: &str) -> Option<(&'static str, &'static dyn VerificationAlgorithm)> {
    Some(match algorithm {
        "ES256" => ("P-256", &ECDSA_P256_SHA256_FIXED),
        "ES384" => ("P-384", &ECDSA_P384_SHA384_FIXED),
        "ES512" => ("P-521", &ECDSA_P521_SHA512_FIXED),
        _ => return None,
    })
}

/// The keys of a JSON Web Key Set that check signatures. Keys of unknown kinds are passed over, as RFC 7517 wants it.
pub(super) fn of_set(set: &Value) -> Vec<Named> {
    let keys = set.get("keys").and_then(Value::as_array);
    keys.into_iter()
        .flatten()
        .filter(|jwk| jwk.get("use").and_then(Value::as_str).is_none_or(|used| used == "sig"))
        .filter_map(|jwk| Some(Named { id: jwk.get("kid").and_then(Value::as_str).map(str::to_owned), key: Key::of_jwk(jwk)? }))
        .collect()
}
