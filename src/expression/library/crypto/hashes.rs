//! `HashAlgorithm` and `HMAC` with what derives from them. An object keeps its key, its last hash, what was given in blocks, and whether it is disposed.

use aws_lc_rs::{digest, hmac};

use super::{Args, Machine, Members, Native, Outcome, field, fill, md5, opaque, part, set_field};
use crate::expression::text::Text;
use crate::expression::types;
use crate::expression::value::Value;

const KEY: usize = 0;
const HASH: usize = 1;
const PENDING: usize = 2;
const DISPOSED: usize = 3;

/// One of the five hash functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Md5,
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Function {
    /// By a name that contains it, such as `HMACSHA256` or `SHA-256`.
    pub(super) fn of(name: &str) -> Option<Self> {
        let name = name.to_ascii_uppercase().replace('-', "");
        Some(if name.contains("MD5") {
            Self::Md5
        } else if name.contains("SHA512") {
            Self::Sha512
        } else if name.contains("SHA384") {
            Self::Sha384
        } else if name.contains("SHA256") {
            Self::Sha256
        } else if name.contains("SHA1") || name == "SHA" {
            Self::Sha1
        } else {
            return None;
        })
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha384 => "SHA384",
            Self::Sha512 => "SHA512",
        }
    }

    const fn bits(self) -> i32 {
        match self {
            Self::Md5 => 128,
            Self::Sha1 => 160,
            Self::Sha256 => 256,
            Self::Sha384 => 384,
            Self::Sha512 => 512,
        }
    }

    /// Bytes of a block, which is also the length of a key that is made.
    const fn block(self) -> usize {
        match self {
            Self::Sha384 | Self::Sha512 => 128,
            _ => 64,
        }
    }

    pub(super) fn hash(self, bytes: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Md5 => return md5::digest(bytes).to_vec(),
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        };
        digest::digest(algorithm, bytes).as_ref().to_vec()
    }

    fn keyed(self, key: &[u8], bytes: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Md5 => return md5::hmac(key, bytes).to_vec(),
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha384 => hmac::HMAC_SHA384,
            Self::Sha512 => hmac::HMAC_SHA512,
        };
        hmac::sign(&hmac::Key::new(algorithm, key), bytes).as_ref().to_vec()
    }
}

macro_rules! hash {
    ($name:literal) => {
        &[
            (concat!($name, ".Create()"), |m, _| Ok(opaque(m, $name, Vec::new()))),
            (concat!($name, ".Create(string)"), |m, a| create(m, a, Some($name))),
            (concat!($name, ".HashData(byte[])"), |m, a| {
                let bytes = m.bytes(a.get(0), "source")?;
                m.charge(bytes.len() / 32)?;
                let hash = function_named($name).hash(&bytes);
                m.byte_array(&hash)
            }),
        ]
    };
}

macro_rules! managed {
    ($name:literal) => {
        &[(concat!($name, ".new()"), |m, _| Ok(opaque(m, $name, Vec::new()))), (concat!($name, ".Initialize()"), |m, a| initialize(m, a))]
    };
}

macro_rules! keyed {
    ($name:literal) => {
        &[
            (concat!($name, ".new()"), |m, _| random_key(m, $name)),
            (concat!($name, ".new(byte[])"), |m, a| new_keyed(m, a, $name)),
            (concat!($name, ".new(byte[],bool)"), |m, a| new_keyed(m, a, $name)),
            (concat!($name, ".ProduceLegacyHmacValues"), |_, _| Ok(Value::Boolean(false))),
            (concat!($name, ".ProduceLegacyHmacValues="), |m, a| {
                if a.truth(1) {
                    return Err(m.throw("PlatformNotSupportedException", "Operation is not supported on this platform."));
                }
                Ok(Value::Null)
            }),
            (concat!($name, ".HashData(byte[],byte[])"), |m, a| {
                let (key, bytes) = (m.bytes(a.get(0), "key")?, m.bytes(a.get(1), "source")?);
                m.charge(bytes.len() / 32)?;
                let hash = function_named($name).keyed(&key, &bytes);
                m.byte_array(&hash)
            }),
        ]
    };
}

static FAMILIES: [&[(&str, Native)]; 14] = [
    hash!("MD5"),
    hash!("SHA1"),
    hash!("SHA256"),
    hash!("SHA384"),
    hash!("SHA512"),
    managed!("SHA1Managed"),
    managed!("SHA256Managed"),
    managed!("SHA384Managed"),
    managed!("SHA512Managed"),
    keyed!("HMACMD5"),
    keyed!("HMACSHA1"),
    keyed!("HMACSHA256"),
    keyed!("HMACSHA384"),
    keyed!("HMACSHA512"),
];

/// The tables of the classes that differ by their function alone.
pub(in crate::expression::library) fn tables() -> impl Iterator<Item = &'static (&'static str, Native)> {
    FAMILIES.iter().flat_map(|table| table.iter())
}

pub(in crate::expression::library) const MEMBERS: Members = &[
    ("HashAlgorithm.Create()", |m, _| Ok(opaque(m, "SHA1", Vec::new()))),
    ("HashAlgorithm.Create(string)", |m, a| create(m, a, None)),
    ("KeyedHashAlgorithm.Create()", |m, _| random_key(m, "HMACSHA1")),
    ("KeyedHashAlgorithm.Create(string)", |m, a| create(m, a, Some("HMAC"))),
    ("HMAC.Create()", |m, _| random_key(m, "HMACSHA1")),
    ("HMAC.Create(string)", |m, a| create(m, a, Some("HMAC"))),
    ("HMAC.HashName", |m, a| function(m, a).map(|function| Value::from(function.name()))),
    ("HMAC.Key", |m, a| key(m, a)),
    ("KeyedHashAlgorithm.Key", |m, a| key(m, a)),
    ("HMAC.Key=", |m, a| set_key(m, a)),
    ("KeyedHashAlgorithm.Key=", |m, a| set_key(m, a)),
    ("HMAC.Initialize()", |m, a| initialize(m, a)),
    ("HashAlgorithm.Initialize()", |m, a| initialize(m, a)),
    ("HashAlgorithm.ComputeHash(byte[])", |m, a| {
        alive(m, a)?;
        let bytes = m.bytes(a.get(1), "buffer")?;
        finish(m, a, &bytes)
    }),
    ("HashAlgorithm.ComputeHash(byte[],int,int)", |m, a| {
        alive(m, a)?;
        let bytes = m.bytes(a.get(1), "buffer")?;
        if a.int(2) < 0 {
            return Err(m.out_of_range("offset", "Non-negative number required."));
        }
        let start = usize::try_from(a.int(2)).unwrap_or(0);
        match usize::try_from(a.int(3)).ok().and_then(|count| bytes.get(start..start.checked_add(count)?)) {
            Some(bytes) => finish(m, a, bytes),
            None => Err(m.throw("ArgumentException", "Value was invalid.")),
        }
    }),
    ("HashAlgorithm.TransformBlock", |m, a| {
        alive(m, a)?;
        let bytes = part(m, a, 1, "inputBuffer")?;
        append(m, a, &bytes)?;
        fill(m, a.get(4), usize::try_from(a.int(5)).unwrap_or(0), &bytes)?;
        Ok(Value::size(bytes.len()))
    }),
    ("HashAlgorithm.TransformFinalBlock", |m, a| {
        alive(m, a)?;
        let bytes = part(m, a, 1, "inputBuffer")?;
        append(m, a, &bytes)?;
        finish(m, a, &[])?;
        m.byte_array(&bytes)
    }),
    ("HashAlgorithm.Hash", |m, a| {
        alive(m, a)?;
        match field(m, a.get(0), HASH)? {
            Value::Null => Ok(Value::Null),
            hash => {
                let bytes = m.bytes(&hash, "hash")?;
                m.byte_array(&bytes)
            }
        }
    }),
    ("HashAlgorithm.HashSize", |m, a| function(m, a).map(|function| Value::Int32(function.bits()))),
    ("HashAlgorithm.CanReuseTransform", |m, a| function(m, a).map(|_| Value::Boolean(true))),
    ("HashAlgorithm.CanTransformMultipleBlocks", |m, a| function(m, a).map(|_| Value::Boolean(true))),
    ("HashAlgorithm.InputBlockSize", |m, a| function(m, a).map(|_| Value::Int32(1))),
    ("HashAlgorithm.OutputBlockSize", |m, a| function(m, a).map(|_| Value::Int32(1))),
    ("HashAlgorithm.Clear()", |m, a| set_field(m, a.get(0), DISPOSED, Value::Boolean(true)).map(|()| Value::Null)),
    ("HashAlgorithm.Dispose()", |m, a| set_field(m, a.get(0), DISPOSED, Value::Boolean(true)).map(|()| Value::Null)),
];

fn function_named(name: &str) -> Function {
    Function::of(name).unwrap_or(Function::Sha1)
}

fn function(m: &mut Machine<'_>, a: Args<'_>) -> Outcome<Function> {
    if a.get(0).is_null() {
        return Err(m.null_reference());
    }
    Ok(function_named(m.heap.type_of(a.get(0)).definition().map_or("", |definition| definition.name)))
}

fn alive(m: &mut Machine<'_>, a: Args<'_>) -> Outcome<()> {
    if field(m, a.get(0), DISPOSED)?.truth() {
        return Err(m.throw("ObjectDisposedException", "Cannot access a disposed object."));
    }
    Ok(())
}

/// Makes an object by a name of .NET's table; null if there is none.
fn create(m: &mut Machine<'_>, a: Args<'_>, base: Option<&str>) -> Outcome {
    let parameter = if base.is_some() { "algName" } else { "hashName" };
    let name = m.string(a, 0, parameter)?;
    let text = name.to_str().to_ascii_uppercase();
    let short = text.strip_prefix("SYSTEM.SECURITY.CRYPTOGRAPHY.").unwrap_or(&text);
    let keyed = short.starts_with("HMAC");
    let plain = short.strip_prefix("HMAC").unwrap_or(short);
    let function = match plain {
        "" | "HASHALGORITHM" => Some(Function::Sha1),
        "SHA" | "SHA1" | "SHA256" | "SHA-256" | "SHA384" | "SHA-384" | "SHA512" | "SHA-512" | "MD5" => Function::of(plain),
        other => other.strip_suffix("MANAGED").or_else(|| other.strip_suffix("CRYPTOSERVICEPROVIDER")).and_then(Function::of),
    };
    let Some(function) = function else { return Ok(Value::Null) };
    let fits = match base {
        None => true,
        Some("HMAC") => keyed,
        Some(base) => !keyed && Function::of(base) == Some(function),
    };
    if !fits {
        return Err(m.throw("InvalidCastException", "Specified cast is not valid."));
    }
    if keyed { random_key(m, &format!("HMAC{}", function.name())) } else { Ok(opaque(m, function.name(), Vec::new())) }
}

fn random_key(m: &mut Machine<'_>, name: &str) -> Outcome {
    let mut key = vec![0; function_named(name).block()];
    m.context.random(&mut key);
    let key = m.byte_array(&key)?;
    Ok(opaque(m, name, vec![key]))
}

fn new_keyed(m: &mut Machine<'_>, a: Args<'_>, name: &str) -> Outcome {
    if a.get(0).is_null() {
        return Err(m.null_reference());
    }
    let key = short_key(m, a.get(0), function_named(name))?;
    Ok(opaque(m, name, vec![key]))
}

/// A key that is longer than a block is its hash.
fn short_key(m: &mut Machine<'_>, key: &Value, function: Function) -> Outcome {
    let key = m.bytes(key, "key")?;
    if key.len() > function.block() {
        let hash = function.hash(&key);
        return m.byte_array(&hash);
    }
    m.byte_array(&key)
}

fn key(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let key = field(m, a.get(0), KEY)?;
    let bytes = m.bytes(&key, "key")?;
    m.byte_array(&bytes)
}

fn set_key(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let function = function(m, a)?;
    if a.get(1).is_null() {
        return Err(m.null_reference());
    }
    let key = short_key(m, a.get(1), function)?;
    set_field(m, a.get(0), KEY, key)?;
    Ok(Value::Null)
}

fn initialize(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    set_field(m, a.get(0), PENDING, Value::Null)?;
    Ok(Value::Null)
}

fn append(m: &mut Machine<'_>, a: Args<'_>, bytes: &[u8]) -> Outcome<()> {
    let mut pending = match field(m, a.get(0), PENDING)? {
        Value::Null => Vec::new(),
        pending => m.bytes(&pending, "pending")?,
    };
    m.charge(pending.len() / 16)?;
    pending.extend_from_slice(bytes);
    let pending = m.byte_array(&pending)?;
    set_field(m, a.get(0), PENDING, pending)
}

/// The hash of what was given in blocks and of these bytes.
fn finish(m: &mut Machine<'_>, a: Args<'_>, bytes: &[u8]) -> Outcome {
    m.charge(bytes.len() / 32)?;
    let function = function(m, a)?;
    let pending = field(m, a.get(0), PENDING)?;
    let whole = match pending {
        Value::Null => bytes.to_vec(),
        pending => {
            let mut whole = m.bytes(&pending, "pending")?;
            whole.extend_from_slice(bytes);
            whole
        }
    };
    let is_keyed = m.heap.type_of(a.get(0)).bases().iter().any(|ty| *ty == types::named("HMAC"));
    let hash = if is_keyed {
        let key = field(m, a.get(0), KEY)?;
        let key = m.bytes(&key, "key")?;
        function.keyed(&key, &whole)
    } else {
        function.hash(&whole)
    };
    set_field(m, a.get(0), PENDING, Value::Null)?;
    let kept = m.byte_array(&hash)?;
    set_field(m, a.get(0), HASH, kept)?;
    m.byte_array(&hash)
}

/// Hexadecimal digits in upper case.
pub(super) fn hex(bytes: &[u8]) -> Text {
    Text::from(bytes.iter().map(|byte| format!("{byte:02X}")).collect::<String>())
}
