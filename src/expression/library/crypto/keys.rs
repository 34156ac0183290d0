//! `RSA`: keys from XML or parameters, made when first needed, and what is signed, verified, encrypted and decrypted with them.

use aws_lc_rs::rsa::{
    KeyPair, KeySize, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384, OAEP_SHA512_MGF1SHA512, OaepAlgorithm,
    OaepPrivateDecryptingKey, OaepPublicEncryptingKey, Pkcs1PrivateDecryptingKey, Pkcs1PublicEncryptingKey, PrivateDecryptingKey,
    PublicEncryptingKey,
};
use aws_lc_rs::signature::{self, RsaEncoding};
use aws_lc_rs::{digest, encoding::AsDer as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::hashes::Function;
use super::{Args, Machine, Members, Outcome, cryptographic, der, field, opaque, part, set_field, text_field};
use crate::expression::library::xml;
use crate::expression::machine::Fault;
use crate::expression::text::Text;
use crate::expression::types;
use crate::expression::value::Value;

/// The names of the parts of a key, in the order of the fields: the public ones first.
const PARTS: [&str; 8] = ["Modulus", "Exponent", "P", "Q", "DP", "DQ", "InverseQ", "D"];
const SIZE: usize = 8;

macro_rules! parameter {
    ($name:literal, $index:literal) => {
        (concat!("RSAParameters.", $name), |m, a| field(m, a.get(0), $index))
    };
}

pub(in crate::expression::library) const MEMBERS: Members = &[
    ("RSA.Create()", |m, _| new(m, 2048)),
    ("AsymmetricAlgorithm.Create()", |m, _| new(m, 2048)),
    ("RSA.Create(int)", |m, a| match a.int(0) {
        2048 | 3072 | 4096 | 8192 => new(m, a.int(0)),
        other => Err(m.throw("NotSupportedException", &format!("RSA keys of {other} bits are not emulated."))),
    }),
    ("RSA.Create(string)", |m, a| by_name(m, a)),
    ("AsymmetricAlgorithm.Create(string)", |m, a| by_name(m, a)),
    ("RSA.Create(RSAParameters)", |m, a| {
        let made = new(m, 2048)?;
        import(m, &made, a.get(0))?;
        Ok(made)
    }),
    ("RSA.ImportParameters(RSAParameters)", |m, a| import(m, a.get(0), a.get(1)).map(|()| Value::Null)),
    ("RSA.ExportParameters(bool)", |m, a| {
        let parts = parts(m, a.get(0))?;
        if a.truth(1) && parts.len() < PARTS.len() {
            return Err(cryptographic(m, "Key not valid for use in specified state."));
        }
        let mut fields = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            fields.push(if index < 2 || a.truth(1) { m.byte_array(part)? } else { Value::Null });
        }
        Ok(opaque(m, "RSAParameters", fields))
    }),
    parameter!("Modulus", 0),
    parameter!("Exponent", 1),
    parameter!("P", 2),
    parameter!("Q", 3),
    parameter!("DP", 4),
    parameter!("DQ", 5),
    parameter!("InverseQ", 6),
    parameter!("D", 7),
    ("AsymmetricAlgorithm.KeySize", |m, a| {
        let modulus = field(m, a.get(0), 0)?;
        if modulus.is_null() {
            return field(m, a.get(0), SIZE);
        }
        let bytes = m.bytes(&modulus, "modulus")?;
        Ok(Value::size(bytes.len() * 8))
    }),
    ("AsymmetricAlgorithm.KeySize=", |m, a| {
        set_field(m, a.get(0), SIZE, a.get(1).clone())?;
        set_field(m, a.get(0), 0, Value::Null)?;
        Ok(Value::Null)
    }),
    ("AsymmetricAlgorithm.KeyExchangeAlgorithm", |m, a| field(m, a.get(0), 0).map(|_| Value::from("RSA"))),
    ("AsymmetricAlgorithm.SignatureAlgorithm", |m, a| field(m, a.get(0), 0).map(|_| Value::from("RSA"))),
    ("RSA.KeyExchangeAlgorithm", |m, a| field(m, a.get(0), 0).map(|_| Value::from("RSA"))),
    ("RSA.SignatureAlgorithm", |m, a| field(m, a.get(0), 0).map(|_| Value::from("RSA"))),
    ("AsymmetricAlgorithm.Clear()", |m, a| field(m, a.get(0), 0).map(|_| Value::Null)),
    ("AsymmetricAlgorithm.Dispose()", |m, a| field(m, a.get(0), 0).map(|_| Value::Null)),
    ("AsymmetricAlgorithm.FromXmlString(string)", |m, a| from_xml(m, a)),
    ("RSA.FromXmlString(string)", |m, a| from_xml(m, a)),
    ("AsymmetricAlgorithm.ToXmlString(bool)", |m, a| to_xml(m, a)),
    ("RSA.ToXmlString(bool)", |m, a| to_xml(m, a)),
    ("RSA.ExportRSAPublicKey()", |m, a| public_der(m, a.get(0)).and_then(|bytes| m.byte_array(&bytes))),
    ("RSA.ExportRSAPrivateKey()", |m, a| private_der(m, a.get(0)).and_then(|bytes| m.byte_array(&bytes))),
    ("AsymmetricAlgorithm.ExportPkcs8PrivateKey()", |m, a| private_der(m, a.get(0)).and_then(|bytes| m.byte_array(&pkcs8(&bytes)))),
    ("AsymmetricAlgorithm.ExportSubjectPublicKeyInfo()", |m, a| {
        public_der(m, a.get(0)).and_then(|bytes| m.byte_array(&public_info(&bytes)))
    }),
    ("RSA.ExportRSAPublicKeyPem()", |m, a| public_der(m, a.get(0)).map(|bytes| pem("RSA PUBLIC KEY", &bytes))),
    ("RSA.ExportRSAPrivateKeyPem()", |m, a| private_der(m, a.get(0)).map(|bytes| pem("RSA PRIVATE KEY", &bytes))),
    ("RSA.ExportPkcs8PrivateKeyPem()", |m, a| private_der(m, a.get(0)).map(|bytes| pem("PRIVATE KEY", &pkcs8(&bytes)))),
    ("RSA.ExportSubjectPublicKeyInfoPem()", |m, a| public_der(m, a.get(0)).map(|bytes| pem("PUBLIC KEY", &public_info(&bytes)))),
    ("RSA.SignData(byte[],HashAlgorithmName,RSASignaturePadding)", |m, a| {
        let data = m.bytes(a.get(1), "data")?;
        let (function, padding) = (function(m, a.get(2))?, padding(m, a.get(3))?);
        let hash = function.hash(&data);
        sign(m, a, &hash, function, &padding)
    }),
    ("RSA.SignData(byte[],int,int,HashAlgorithmName,RSASignaturePadding)", |m, a| {
        let data = part(m, a, 1, "data")?;
        let (function, padding) = (function(m, a.get(4))?, padding(m, a.get(5))?);
        let hash = function.hash(&data);
        sign(m, a, &hash, function, &padding)
    }),
    ("RSA.SignHash(byte[],HashAlgorithmName,RSASignaturePadding)", |m, a| {
        let hash = m.bytes(a.get(1), "hash")?;
        let (function, padding) = (function(m, a.get(2))?, padding(m, a.get(3))?);
        sign(m, a, &hash, function, &padding)
    }),
    ("RSA.VerifyData(byte[],byte[],HashAlgorithmName,RSASignaturePadding)", |m, a| {
        let (data, signature) = (m.bytes(a.get(1), "data")?, m.bytes(a.get(2), "signature")?);
        let (function, padding) = (function(m, a.get(3))?, padding(m, a.get(4))?);
        let hash = function.hash(&data);
        verify(m, a, &hash, &signature, function, &padding)
    }),
    ("RSA.VerifyData(byte[],int,int,byte[],HashAlgorithmName,RSASignaturePadding)", |m, a| {
        let (data, signature) = (part(m, a, 1, "data")?, m.bytes(a.get(4), "signature")?);
        let (function, padding) = (function(m, a.get(5))?, padding(m, a.get(6))?);
        let hash = function.hash(&data);
        verify(m, a, &hash, &signature, function, &padding)
    }),
    ("RSA.VerifyHash(byte[],byte[],HashAlgorithmName,RSASignaturePadding)", |m, a| {
        let (hash, signature) = (m.bytes(a.get(1), "hash")?, m.bytes(a.get(2), "signature")?);
        let (function, padding) = (function(m, a.get(3))?, padding(m, a.get(4))?);
        verify(m, a, &hash, &signature, function, &padding)
    }),
    ("RSA.Encrypt(byte[],RSAEncryptionPadding)", |m, a| encrypt(m, a)),
    ("RSA.Decrypt(byte[],RSAEncryptionPadding)", |m, a| decrypt(m, a)),
];

fn new(m: &mut Machine<'_>, bits: i32) -> Outcome {
    let mut fields = vec![Value::Null; PARTS.len()];
    fields.push(Value::Int32(bits));
    Ok(opaque(m, "RSA", fields))
}

fn by_name(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let name = m.string(a, 0, "algName")?;
    match &*name.to_str() {
        "RSA" | "System.Security.Cryptography.RSA" | "System.Security.Cryptography.AsymmetricAlgorithm" => new(m, 2048),
        "DSA" | "ECDSA" | "ECDsa" | "ECDH" | "ECDiffieHellman" => {
            Err(m.throw("NotSupportedException", &format!("The algorithm '{}' is not emulated.", name.to_str())))
        }
        _ => Ok(Value::Null),
    }
}

/// An `RSA` of a public key as PKCS #1 writes it, or of a private one.
pub(super) fn from_pkcs1(m: &mut Machine<'_>, data: &[u8]) -> Outcome {
    let numbers: Option<Vec<Vec<u8>>> = der::sequence(data).and_then(|items| items.iter().map(der::magnitude).collect());
    let made = new(m, 2048)?;
    let list = match numbers.as_deref() {
        Some([modulus, exponent]) => vec![modulus, exponent],
        Some([_, modulus, exponent, d, p, q, dp, dq, inverse]) => vec![modulus, exponent, p, q, dp, dq, inverse, d],
        _ => return Err(cryptographic(m, "Cannot find the requested object.")),
    };
    let list: Vec<Vec<u8>> = list.into_iter().cloned().collect();
    for (index, part) in list.iter().enumerate() {
        let part = m.byte_array(part)?;
        set_field(m, &made, index, part)?;
    }
    Ok(made)
}

/// An `RSA` of a private key in PKCS #8.
pub(super) fn from_pkcs8(m: &mut Machine<'_>, data: &[u8]) -> Outcome {
    let inner = der::sequence(data).and_then(|items| items.get(2).copied()).filter(|item| item.tag == der::OCTETS);
    match inner {
        Some(inner) => from_pkcs1(m, inner.content),
        None => Err(cryptographic(m, "Cannot find the requested object.")),
    }
}

/// The parts of a key, which is made now if there is none: two, or all eight.
fn parts(m: &mut Machine<'_>, of: &Value) -> Outcome<Vec<Vec<u8>>> {
    if field(m, of, 0)?.is_null() {
        let bits = field(m, of, SIZE)?.integer();
        let size = match bits {
            3072 => KeySize::Rsa3072,
            4096 => KeySize::Rsa4096,
            8192 => KeySize::Rsa8192,
            _ => KeySize::Rsa2048,
        };
        m.charge(usize::try_from(bits).unwrap_or(2048) * 500)?;
        let made = KeyPair::generate(size).ok().and_then(|pair| pair.as_der().ok().map(|der| der.as_ref().to_vec()));
        let Some(made) = made else { return Err(cryptographic(m, "The key could not be made.")) };
        let fresh = from_pkcs8(m, &made)?;
        for index in 0..PARTS.len() {
            let part = field(m, &fresh, index)?;
            set_field(m, of, index, part)?;
        }
    }
    let mut list = Vec::new();
    for index in 0..PARTS.len() {
        match field(m, of, index)? {
            Value::Null => break,
            part => list.push(m.bytes(&part, "part")?),
        }
    }
    Ok(list)
}

fn import(m: &mut Machine<'_>, of: &Value, parameters: &Value) -> Outcome<()> {
    for index in 0..PARTS.len() {
        let part = field(m, parameters, index)?;
        set_field(m, of, index, part)?;
    }
    Ok(())
}

fn from_xml(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let text = m.string(a, 1, "xmlString")?;
    let root = xml::read::element(m, &text.to_str(), false)?;
    for (index, name) in PARTS.iter().enumerate() {
        let found = xml::content::element(m, root, &xml::Name::plain(name));
        let part = match found {
            Some(found) => {
                let text: String = xml::value(m, found)?.to_str().chars().filter(|character| !character.is_whitespace()).collect();
                let Ok(bytes) = STANDARD.decode(text) else {
                    return Err(m.throw("FormatException", "The input is not a valid Base-64 string."));
                };
                m.byte_array(&bytes)?
            }
            None if index < 2 => {
                return Err(cryptographic(m, &format!("Input string does not contain a valid encoding of the 'RSA' '{name}' parameter.")));
            }
            None => Value::Null,
        };
        set_field(m, a.get(0), index, part)?;
    }
    Ok(Value::Null)
}

fn to_xml(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let list = parts(m, a.get(0))?;
    if a.truth(1) && list.len() < PARTS.len() {
        return Err(cryptographic(m, "Key not valid for use in specified state."));
    }
    let count = if a.truth(1) { PARTS.len() } else { 2 };
    let inner: String =
        PARTS.iter().zip(&list).take(count).map(|(name, part)| format!("<{name}>{}</{name}>", STANDARD.encode(part))).collect();
    m.text(Text::from(format!("<RSAKeyValue>{inner}</RSAKeyValue>")))
}

fn public_der(m: &mut Machine<'_>, of: &Value) -> Outcome<Vec<u8>> {
    let list = parts(m, of)?;
    let [modulus, exponent, ..] = list.as_slice() else { return Err(m.null_reference()) };
    Ok(der::write(der::SEQUENCE, &[der::unsigned(modulus), der::unsigned(exponent)].concat()))
}

fn private_der(m: &mut Machine<'_>, of: &Value) -> Outcome<Vec<u8>> {
    let list = parts(m, of)?;
    let [modulus, exponent, p, q, dp, dq, inverse, d] = list.as_slice() else {
        return Err(cryptographic(m, "Key not valid for use in specified state."));
    };
    let numbers: Vec<u8> = [modulus, exponent, d, p, q, dp, dq, inverse].into_iter().flat_map(|part| der::unsigned(part)).collect();
    Ok(der::write(der::SEQUENCE, &[der::unsigned(&[]), numbers].concat()))
}

const RSA_ALGORITHM: [u8; 15] = [0x30, 0x0d, der::OID, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, der::NULL, 0];

fn pkcs8(key: &[u8]) -> Vec<u8> {
    der::write(der::SEQUENCE, &[der::unsigned(&[]), RSA_ALGORITHM.to_vec(), der::write(der::OCTETS, key)].concat())
}

fn public_info(key: &[u8]) -> Vec<u8> {
    let bits = [&[0][..], key].concat();
    der::write(der::SEQUENCE, &[RSA_ALGORITHM.to_vec(), der::write(der::BITS, &bits)].concat())
}

/// The text form: 64 characters a line.
pub(super) fn pem(label: &str, data: &[u8]) -> Value {
    let encoded = STANDARD.encode(data);
    let lines: Vec<&str> = encoded.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    Value::from(format!("-----BEGIN {label}-----\n{}\n-----END {label}-----", lines.join("\n")))
}

fn function(m: &mut Machine<'_>, name: &Value) -> Outcome<Function> {
    let text = if name.is_null() { Value::Null } else { field(m, name, 0)? };
    match text {
        Value::Text(text) if !text.is_empty() => match Function::of(&text.to_str()) {
            Some(function) => Ok(function),
            None => Err(cryptographic(m, &format!("'{}' is not a known hash algorithm.", text.to_str()))),
        },
        _ => Err(m.throw("ArgumentException", "The hash algorithm name cannot be null or empty.\nParameter name: hashAlgorithm")),
    }
}

fn padding(m: &mut Machine<'_>, value: &Value) -> Outcome<String> {
    if value.is_null() {
        return Err(m.argument_null("padding"));
    }
    text_field(m, value, 0).map(|text| text.to_str().into_owned())
}

fn not_emulated(m: &mut Machine<'_>, function: Function, padding: &str) -> Fault {
    m.throw("NotSupportedException", &format!("RSA signatures with {} and {padding} are not emulated.", function.name()))
}

fn digest_of(m: &mut Machine<'_>, hash: &[u8], function: Function) -> Outcome<digest::Digest> {
    let algorithm = match function {
        Function::Sha256 => &digest::SHA256,
        Function::Sha384 => &digest::SHA384,
        Function::Sha512 => &digest::SHA512,
        Function::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        Function::Md5 => return Err(not_emulated(m, function, "any padding")),
    };
    digest::Digest::import_less_safe(hash, algorithm).map_err(|_| cryptographic(m, "Bad Hash."))
}

fn sign(m: &mut Machine<'_>, a: Args<'_>, hash: &[u8], function: Function, padding: &str) -> Outcome {
    m.charge(50_000)?;
    let encoding: &'static dyn RsaEncoding = match (function, padding) {
        (Function::Sha256, "Pkcs1") => &signature::RSA_PKCS1_SHA256,
        (Function::Sha384, "Pkcs1") => &signature::RSA_PKCS1_SHA384,
        (Function::Sha512, "Pkcs1") => &signature::RSA_PKCS1_SHA512,
        (Function::Sha256, _) => &signature::RSA_PSS_SHA256,
        (Function::Sha384, _) => &signature::RSA_PSS_SHA384,
        (Function::Sha512, _) => &signature::RSA_PSS_SHA512,
        _ => return Err(not_emulated(m, function, padding)),
    };
    let key = private_der(m, a.get(0))?;
    let digest = digest_of(m, hash, function)?;
    let Ok(pair) = KeyPair::from_der(&key) else {
        return Err(m.throw("NotSupportedException", "RSA keys of fewer than 2048 bits are not emulated for signing."));
    };
    let mut out = vec![0; pair.public_modulus_len()];
    match pair.sign_digest(encoding, &digest, &mut out) {
        Ok(()) => m.byte_array(&out),
        Err(_) => Err(cryptographic(m, "The signature could not be made.")),
    }
}

fn verify(m: &mut Machine<'_>, a: Args<'_>, hash: &[u8], signature: &[u8], function: Function, padding: &str) -> Outcome {
    m.charge(5_000)?;
    let algorithm: &'static dyn signature::VerificationAlgorithm = match (function, padding) {
        (Function::Sha1, "Pkcs1") => &signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
        (Function::Sha256, "Pkcs1") => &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        (Function::Sha384, "Pkcs1") => &signature::RSA_PKCS1_2048_8192_SHA384,
        (Function::Sha512, "Pkcs1") => &signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
        (Function::Sha256, _) => &signature::RSA_PSS_2048_8192_SHA256,
        (Function::Sha384, _) => &signature::RSA_PSS_2048_8192_SHA384,
        (Function::Sha512, _) => &signature::RSA_PSS_2048_8192_SHA512,
        _ => return Err(not_emulated(m, function, padding)),
    };
    let key = public_der(m, a.get(0))?;
    let digest = digest_of(m, hash, function)?;
    let valid = signature::UnparsedPublicKey::new(algorithm, key).verify_digest(&digest, signature).is_ok();
    Ok(Value::Boolean(valid))
}

fn oaep(m: &mut Machine<'_>, padding: &str) -> Outcome<&'static OaepAlgorithm> {
    Ok(match padding {
        "OaepSHA1" => &OAEP_SHA1_MGF1SHA1,
        "OaepSHA256" => &OAEP_SHA256_MGF1SHA256,
        "OaepSHA384" => &OAEP_SHA384_MGF1SHA384,
        "OaepSHA512" => &OAEP_SHA512_MGF1SHA512,
        other => return Err(m.throw("NotSupportedException", &format!("The RSA padding {other} is not emulated."))),
    })
}

fn encrypt(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    m.charge(5_000)?;
    let data = m.bytes(a.get(1), "data")?;
    let padding = padding(m, a.get(2))?;
    let key = public_info(&public_der(m, a.get(0))?);
    let Ok(key) = PublicEncryptingKey::from_der(&key) else {
        return Err(m.throw("NotSupportedException", "RSA keys of fewer than 2048 bits are not emulated for encrypting."));
    };
    let mut out = vec![0; key.key_size_bytes()];
    let made = if padding == "Pkcs1" {
        Pkcs1PublicEncryptingKey::new(key).and_then(|key| key.encrypt(&data, &mut out).map(|out| out.to_vec()))
    } else {
        let algorithm = oaep(m, &padding)?;
        OaepPublicEncryptingKey::new(key).and_then(|key| key.encrypt(algorithm, &data, &mut out, None).map(|out| out.to_vec()))
    };
    match made {
        Ok(bytes) => m.byte_array(&bytes),
        Err(_) => Err(cryptographic(m, "The parameter is incorrect.")),
    }
}

fn decrypt(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    m.charge(50_000)?;
    let data = m.bytes(a.get(1), "data")?;
    let padding = padding(m, a.get(2))?;
    let key = pkcs8(&private_der(m, a.get(0))?);
    let Ok(key) = PrivateDecryptingKey::from_pkcs8(&key) else {
        return Err(m.throw("NotSupportedException", "RSA keys of fewer than 2048 bits are not emulated for decrypting."));
    };
    let mut out = vec![0; key.key_size_bytes()];
    let made = if padding == "Pkcs1" {
        Pkcs1PrivateDecryptingKey::new(key).and_then(|key| key.decrypt(&data, &mut out).map(|out| out.to_vec()))
    } else {
        let algorithm = oaep(m, &padding)?;
        OaepPrivateDecryptingKey::new(key).and_then(|key| key.decrypt(algorithm, &data, &mut out, None).map(|out| out.to_vec()))
    };
    match made {
        Ok(bytes) => m.byte_array(&bytes),
        Err(_) => Err(cryptographic(m, "The parameter is incorrect.")),
    }
}

/// Whether the type is an `RSA`.
pub(super) fn is_rsa(m: &Machine<'_>, value: &Value) -> bool {
    m.heap.type_of(value) == types::named("RSA")
}
