//! Hashes and HMAC.

use aws_lc_rs::{digest, hmac};

use super::{Args, Machine, Members, Outcome, strings};
use crate::expression::heap::Object;
use crate::expression::types;
use crate::expression::value::Value;

macro_rules! hash {
    ($name:literal) => {
        (concat!($name, ".Create()"), |m, _| {
            let ty = types::named($name);
            Ok(m.object(Object::Opaque(ty, Vec::new())))
        })
    };
}

macro_rules! managed {
    ($name:literal) => {
        (concat!($name, ".new()"), |m, _| {
            let ty = types::named($name);
            Ok(m.object(Object::Opaque(ty, Vec::new())))
        })
    };
}

macro_rules! keyed {
    ($name:literal) => {
        (concat!($name, ".new(byte[])"), |m, a| {
            m.bytes(a.get(0), "rgbKey")?;
            let ty = types::named($name);
            Ok(m.object(Object::Opaque(ty, vec![a.get(0).clone()])))
        })
    };
}

pub(super) const MEMBERS: Members = &[
    hash!("SHA1"),
    hash!("SHA256"),
    hash!("SHA384"),
    hash!("SHA512"),
    managed!("SHA1Managed"),
    managed!("SHA256Managed"),
    managed!("SHA384Managed"),
    managed!("SHA512Managed"),
    keyed!("HMACSHA1"),
    keyed!("HMACSHA256"),
    keyed!("HMACSHA384"),
    keyed!("HMACSHA512"),
    ("HashAlgorithm.ComputeHash(byte[])", |m, a| {
        let bytes = m.bytes(a.get(1), "buffer")?;
        compute(m, a, &bytes)
    }),
    ("HashAlgorithm.ComputeHash(byte[],int,int)", |m, a| {
        let bytes = m.bytes(a.get(1), "buffer")?;
        let (start, count) = strings::range(m, bytes.len(), a.int(2), a.int(3))?;
        compute(m, a, &bytes[start..start + count])
    }),
    ("HashAlgorithm.HashSize", |m, a| {
        let name = m.heap.type_of(a.get(0)).definition().map_or("", |definition| definition.name);
        Ok(Value::Int32(if name.contains("512") {
            512
        } else if name.contains("384") {
            384
        } else if name.contains("256") {
            256
        } else {
            160
        }))
    }),
    ("HashAlgorithm.Clear()", |_, _| Ok(Value::Null)),
    ("HashAlgorithm.Dispose()", |_, _| Ok(Value::Null)),
];

fn compute(m: &mut Machine<'_>, a: Args<'_>, bytes: &[u8]) -> Outcome {
    m.charge(bytes.len() / 32)?;
    let name = m.heap.type_of(a.get(0)).definition().map_or("", |definition| definition.name);
    let key = match m.object_of(a.get(0))? {
        Object::Opaque(_, fields) => fields.first().cloned(),
        _ => None,
    };
    let result = match key {
        Some(key) => {
            let key = m.bytes(&key, "key")?;
            let algorithm = pick(name, hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, hmac::HMAC_SHA256, hmac::HMAC_SHA384, hmac::HMAC_SHA512);
            hmac::sign(&hmac::Key::new(algorithm, &key), bytes).as_ref().to_vec()
        }
        None => {
            let algorithm = pick(name, &digest::SHA1_FOR_LEGACY_USE_ONLY, &digest::SHA256, &digest::SHA384, &digest::SHA512);
            digest::digest(algorithm, bytes).as_ref().to_vec()
        }
    };
    m.byte_array(&result)
}

/// The one that the type's name says.
fn pick<T>(name: &str, sha1: T, sha256: T, sha384: T, sha512: T) -> T {
    if name.contains("512") {
        sha512
    } else if name.contains("384") {
        sha384
    } else if name.contains("256") {
        sha256
    } else {
        sha1
    }
}
