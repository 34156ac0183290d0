//! `HashAlgorithmName`, the paddings of RSA, `Oid`, and random bytes.

use super::{Args, Machine, Members, Outcome, field, opaque, set_field};
use crate::expression::library::basics::{hash_code, instance_equals, instance_text};
use crate::expression::library::equals;
use crate::expression::types;
use crate::expression::value::Value;

macro_rules! constant {
    ($owner:literal, $name:literal) => {
        (concat!($owner, ".", $name), |m, _| Ok(opaque(m, $owner, vec![Value::from($name)])))
    };
}

macro_rules! equality {
    ($owner:literal) => {
        &[
            (concat!($owner, ".Equals"), |m, a| instance_equals(m, a)),
            (concat!($owner, ".GetHashCode()"), |m, a| hash_code(m, a)),
            (concat!($owner, ".ToString()"), |m, a| instance_text(m, a)),
            (concat!($owner, ".op_Equality"), |m, a| equals(m, a.get(0), a.get(1)).map(Value::Boolean)),
            (concat!($owner, ".op_Inequality"), |m, a| equals(m, a.get(0), a.get(1)).map(|same| Value::Boolean(!same))),
        ]
    };
}

pub(in crate::expression::library) const HASH_NAMES: Members = equality!("HashAlgorithmName");
pub(in crate::expression::library) const SIGNATURES: Members = equality!("RSASignaturePadding");
pub(in crate::expression::library) const ENCRYPTIONS: Members = equality!("RSAEncryptionPadding");

pub(in crate::expression::library) const MEMBERS: Members = &[
    constant!("HashAlgorithmName", "MD5"),
    constant!("HashAlgorithmName", "SHA1"),
    constant!("HashAlgorithmName", "SHA256"),
    constant!("HashAlgorithmName", "SHA384"),
    constant!("HashAlgorithmName", "SHA512"),
    ("HashAlgorithmName.new(string)", |m, a| Ok(opaque(m, "HashAlgorithmName", vec![a.get(0).clone()]))),
    ("HashAlgorithmName.FromOid", |m, a| {
        let number = m.string(a, 0, "oidValue")?;
        match of_oid(&number.to_str()) {
            Some(name) => Ok(opaque(m, "HashAlgorithmName", vec![Value::from(name)])),
            None => Err(super::cryptographic(m, &format!("'{}' is not a known hash algorithm.", number.to_str()))),
        }
    }),
    ("HashAlgorithmName.TryFromOid", |m, a| {
        let number = m.string(a, 0, "oidValue")?;
        let found = of_oid(&number.to_str());
        let made = found.map_or(Value::Null, |name| opaque(m, "HashAlgorithmName", vec![Value::from(name)]));
        m.set_cell(a.get(1), made);
        Ok(Value::Boolean(found.is_some()))
    }),
    ("KeySizes.MaxSize", |m, a| field(m, a.get(0), 0)),
    ("KeySizes.MinSize", |m, a| field(m, a.get(0), 1)),
    ("KeySizes.SkipSize", |m, a| field(m, a.get(0), 2)),
    ("SymmetricAlgorithm.LegalKeySizes", |m, a| sizes(m, a, [256, 128, 64])),
    ("SymmetricAlgorithm.LegalBlockSizes", |m, a| sizes(m, a, [128, 128, 0])),
    ("AsymmetricAlgorithm.LegalKeySizes", |m, a| sizes(m, a, [16_384, 384, 8])),
    ("HashAlgorithmName.Name", |m, a| if a.get(0).is_null() { Ok(Value::Null) } else { field(m, a.get(0), 0) }),
    constant!("RSASignaturePadding", "Pkcs1"),
    constant!("RSASignaturePadding", "Pss"),
    ("RSASignaturePadding.Mode", |m, a| mode(m, a, "RSASignaturePaddingMode", "Pss")),
    constant!("RSAEncryptionPadding", "Pkcs1"),
    constant!("RSAEncryptionPadding", "OaepSHA1"),
    constant!("RSAEncryptionPadding", "OaepSHA256"),
    constant!("RSAEncryptionPadding", "OaepSHA384"),
    constant!("RSAEncryptionPadding", "OaepSHA512"),
    ("RSAEncryptionPadding.CreateOaep", |m, a| {
        let name = match a.get(0) {
            Value::Null => Value::Null,
            name => field(m, name, 0)?,
        };
        match name {
            Value::Text(name) if !name.is_empty() => {
                Ok(opaque(m, "RSAEncryptionPadding", vec![Value::from(format!("Oaep{}", name.to_str()))]))
            }
            _ => Err(m.throw("ArgumentException", "The hash algorithm name cannot be null or empty.\nParameter name: hashAlgorithm")),
        }
    }),
    ("RSAEncryptionPadding.Mode", |m, a| mode(m, a, "RSAEncryptionPaddingMode", "Oaep")),
    ("RSAEncryptionPadding.OaepHashAlgorithm", |m, a| {
        let name = super::text_field(m, a.get(0), 0)?;
        let name = name.to_str().strip_prefix("Oaep").map_or(Value::Null, Value::from);
        Ok(opaque(m, "HashAlgorithmName", vec![name]))
    }),
    ("Oid.new()", |m, _| Ok(opaque(m, "Oid", vec![Value::Null, Value::Null]))),
    ("Oid.new(string)", |m, a| {
        let text = m.string(a, 0, "oid")?;
        // A friendly name is turned into its number, and keeps standing as the name.
        let known = OIDS.iter().find(|(_, name)| name.eq_ignore_ascii_case(&text.to_str()));
        Ok(match known {
            Some((number, _)) => opaque(m, "Oid", vec![Value::from(*number), a.get(0).clone()]),
            None => opaque(m, "Oid", vec![a.get(0).clone(), Value::Null]),
        })
    }),
    ("Oid.new(string,string)", |m, a| Ok(opaque(m, "Oid", a.values.to_vec()))),
    ("Oid.new(Oid)", |m, a| {
        if a.get(0).is_null() {
            return Err(m.argument_null("oid"));
        }
        let fields = vec![field(m, a.get(0), 0)?, field(m, a.get(0), 1)?];
        Ok(opaque(m, "Oid", fields))
    }),
    ("Oid.Value", |m, a| field(m, a.get(0), 0)),
    ("Oid.Value=", |m, a| set_field(m, a.get(0), 0, a.get(1).clone()).map(|()| Value::Null)),
    ("Oid.FriendlyName=", |m, a| set_field(m, a.get(0), 1, a.get(1).clone()).map(|()| Value::Null)),
    ("Oid.FriendlyName", |m, a| match field(m, a.get(0), 1)? {
        Value::Null => match field(m, a.get(0), 0)? {
            Value::Text(number) => Ok(friendly(&number.to_str()).map_or(Value::Null, Value::from)),
            _ => Ok(Value::Null),
        },
        name => Ok(name),
    }),
    ("RNGCryptoServiceProvider.new()", |m, _| Ok(opaque(m, "RNGCryptoServiceProvider", Vec::new()))),
    ("RNGCryptoServiceProvider.new(byte[])", |m, _| Ok(opaque(m, "RNGCryptoServiceProvider", Vec::new()))),
    ("RNGCryptoServiceProvider.new(string)", |m, _| Ok(opaque(m, "RNGCryptoServiceProvider", Vec::new()))),
    ("RNGCryptoServiceProvider.GetBytes(byte[])", |m, a| random(m, a, false)),
    ("RNGCryptoServiceProvider.GetNonZeroBytes(byte[])", |m, a| random(m, a, true)),
];

/// The names that Windows gives to numbers, as far as certificates and keys use them.
const OIDS: &[(&str, &str)] = &[
    ("1.2.840.113549.1.1.1", "RSA"),
    ("1.2.840.113549.1.1.4", "md5RSA"),
    ("1.2.840.113549.1.1.5", "sha1RSA"),
    ("1.2.840.113549.1.1.11", "sha256RSA"),
    ("1.2.840.113549.1.1.12", "sha384RSA"),
    ("1.2.840.113549.1.1.13", "sha512RSA"),
    ("1.2.840.113549.1.1.10", "RSASSA-PSS"),
    ("1.2.840.10045.2.1", "ECC"),
    ("1.2.840.10045.4.3.2", "sha256ECDSA"),
    ("1.2.840.10045.4.3.3", "sha384ECDSA"),
    ("1.2.840.10045.4.3.4", "sha512ECDSA"),
    ("1.2.840.113549.2.5", "md5"),
    ("1.3.14.3.2.26", "sha1"),
    ("2.16.840.1.101.3.4.2.1", "sha256"),
    ("2.16.840.1.101.3.4.2.2", "sha384"),
    ("2.16.840.1.101.3.4.2.3", "sha512"),
    ("2.5.4.3", "CN"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "S"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("1.2.840.113549.1.9.1", "E"),
];

/// The name of a hash function by its number.
fn of_oid(number: &str) -> Option<&'static str> {
    Some(match friendly(number)? {
        "md5" => "MD5",
        "sha1" => "SHA1",
        "sha256" => "SHA256",
        "sha384" => "SHA384",
        "sha512" => "SHA512",
        _ => return None,
    })
}

/// One range of sizes in an array.
fn sizes(m: &mut Machine<'_>, a: Args<'_>, range: [i32; 3]) -> Outcome {
    field(m, a.get(0), 0)?;
    let range = opaque(m, "KeySizes", range.map(Value::Int32).to_vec());
    m.array(types::named("KeySizes"), vec![range])
}

pub(super) fn friendly(number: &str) -> Option<&'static str> {
    OIDS.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
}

fn mode(m: &mut Machine<'_>, a: Args<'_>, ty: &str, second: &str) -> Outcome {
    let name = super::text_field(m, a.get(0), 0)?;
    Ok(Value::Enum(types::named(ty), i64::from(name.to_str().starts_with(second))))
}

fn random(m: &mut Machine<'_>, a: Args<'_>, nonzero: bool) -> Outcome {
    let length = m.bytes(a.get(1), "data")?.len();
    let mut bytes = vec![0; length];
    m.context.random(&mut bytes);
    while nonzero && bytes.contains(&0) {
        m.charge(length)?;
        let mut more = vec![0; length];
        m.context.random(&mut more);
        for (byte, fresh) in bytes.iter_mut().zip(more) {
            if *byte == 0 {
                *byte = fresh;
            }
        }
    }
    super::fill(m, a.get(1), 0, &bytes)?;
    Ok(Value::Null)
}
