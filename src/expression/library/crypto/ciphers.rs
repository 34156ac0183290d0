//! `SymmetricAlgorithm` and its transforms: AES in the modes CBC and ECB with all paddings. DES, 3DES and RC2 are refused by name.

use aws_lc_rs::cipher::{AES_128, AES_192, AES_256, DecryptingKey, DecryptionContext, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;

use super::{Args, Machine, Members, Outcome, cryptographic, field, fill, opaque, part, set_field};
use crate::expression::machine::Fault;
use crate::expression::types;
use crate::expression::value::Value;

const KEY: usize = 0;
const IV: usize = 1;
const MODE: usize = 2;
const PADDING: usize = 3;
const SIZE: usize = 4;
const FEEDBACK: usize = 5;
/// Of a transform: whether it encrypts, and the block that a decryptor holds back.
const ENCRYPTS: usize = 4;
const HELD: usize = 5;
const BLOCK: usize = 16;
const CBC: i64 = 1;
const ECB: i64 = 2;
const NONE: i64 = 1;
const PKCS7: i64 = 2;
const ZEROS: i64 = 3;

pub(in crate::expression::library) const MEMBERS: Members = &[
    ("SymmetricAlgorithm.Create(string)", |m, a| {
        let name = m.string(a, 0, "algName")?;
        algorithm(m, &name.to_str())
    }),
    ("SymmetricAlgorithm.BlockSize", |m, a| field(m, a.get(0), KEY).map(|_| Value::Int32(128))),
    ("SymmetricAlgorithm.BlockSize=", |m, a| {
        if a.int(1) == 128 { Ok(Value::Null) } else { Err(cryptographic(m, "Specified block size is not valid for this algorithm.")) }
    }),
    ("SymmetricAlgorithm.FeedbackSize", |m, a| field(m, a.get(0), FEEDBACK)),
    ("SymmetricAlgorithm.FeedbackSize=", |m, a| set_field(m, a.get(0), FEEDBACK, a.get(1).clone()).map(|()| Value::Null)),
    ("SymmetricAlgorithm.KeySize", |m, a| field(m, a.get(0), SIZE)),
    ("SymmetricAlgorithm.KeySize=", |m, a| {
        if !valid(a.int(1)) {
            return Err(cryptographic(m, "Specified key is not a valid size for this algorithm."));
        }
        set_field(m, a.get(0), SIZE, a.get(1).clone())?;
        set_field(m, a.get(0), KEY, Value::Null)?;
        Ok(Value::Null)
    }),
    ("SymmetricAlgorithm.ValidKeySize", |_, a| Ok(Value::Boolean(valid(a.int(1))))),
    ("SymmetricAlgorithm.Mode", |m, a| field(m, a.get(0), MODE)),
    ("SymmetricAlgorithm.Mode=", |m, a| match a.get(1).integer() {
        1..=4 => set_field(m, a.get(0), MODE, a.get(1).clone()).map(|()| Value::Null),
        _ => Err(cryptographic(m, "Specified cipher mode is not valid for this algorithm.")),
    }),
    ("SymmetricAlgorithm.Padding", |m, a| field(m, a.get(0), PADDING)),
    ("SymmetricAlgorithm.Padding=", |m, a| match a.get(1).integer() {
        1..=5 => set_field(m, a.get(0), PADDING, a.get(1).clone()).map(|()| Value::Null),
        _ => Err(cryptographic(m, "Specified padding mode is not valid for this algorithm.")),
    }),
    ("SymmetricAlgorithm.Key", |m, a| own_key(m, a.get(0)).and_then(|key| m.byte_array(&key))),
    ("SymmetricAlgorithm.Key=", |m, a| {
        let key = m.bytes(a.get(1), "value")?;
        if !valid(i32::try_from(key.len() * 8).unwrap_or(0)) {
            return Err(cryptographic(m, "Specified key is not a valid size for this algorithm."));
        }
        set_field(m, a.get(0), SIZE, Value::size(key.len() * 8))?;
        let key = m.byte_array(&key)?;
        set_field(m, a.get(0), KEY, key)?;
        Ok(Value::Null)
    }),
    ("SymmetricAlgorithm.IV", |m, a| own_iv(m, a.get(0)).and_then(|iv| m.byte_array(&iv))),
    ("SymmetricAlgorithm.IV=", |m, a| {
        let iv = m.bytes(a.get(1), "value")?;
        if iv.len() != BLOCK {
            return Err(cryptographic(m, "Specified initialization vector (IV) does not match the block size for this algorithm."));
        }
        let iv = m.byte_array(&iv)?;
        set_field(m, a.get(0), IV, iv)?;
        Ok(Value::Null)
    }),
    ("SymmetricAlgorithm.GenerateKey()", |m, a| {
        set_field(m, a.get(0), KEY, Value::Null)?;
        own_key(m, a.get(0)).map(|_| Value::Null)
    }),
    ("SymmetricAlgorithm.GenerateIV()", |m, a| {
        set_field(m, a.get(0), IV, Value::Null)?;
        own_iv(m, a.get(0)).map(|_| Value::Null)
    }),
    ("SymmetricAlgorithm.Clear()", |m, a| field(m, a.get(0), KEY).map(|_| Value::Null)),
    ("SymmetricAlgorithm.Dispose()", |m, a| field(m, a.get(0), KEY).map(|_| Value::Null)),
    ("SymmetricAlgorithm.CreateEncryptor()", |m, a| own_transform(m, a.get(0), true)),
    ("SymmetricAlgorithm.CreateDecryptor()", |m, a| own_transform(m, a.get(0), false)),
    ("SymmetricAlgorithm.CreateEncryptor(byte[],byte[])", |m, a| given_transform(m, a.get(0), a.get(1), a.get(2), true)),
    ("SymmetricAlgorithm.CreateDecryptor(byte[],byte[])", |m, a| given_transform(m, a.get(0), a.get(1), a.get(2), false)),
    ("SymmetricAlgorithm.EncryptCbc(byte[],byte[],PaddingMode)", |m, a| one_shot(m, a, CBC, true)),
    ("SymmetricAlgorithm.DecryptCbc(byte[],byte[],PaddingMode)", |m, a| one_shot(m, a, CBC, false)),
    ("SymmetricAlgorithm.EncryptEcb(byte[],PaddingMode)", |m, a| one_shot(m, a, ECB, true)),
    ("SymmetricAlgorithm.DecryptEcb(byte[],PaddingMode)", |m, a| one_shot(m, a, ECB, false)),
    ("ICryptoTransform.InputBlockSize", |m, a| field(m, a.get(0), KEY).map(|_| Value::size(BLOCK))),
    ("ICryptoTransform.OutputBlockSize", |m, a| field(m, a.get(0), KEY).map(|_| Value::size(BLOCK))),
    ("ICryptoTransform.CanTransformMultipleBlocks", |m, a| field(m, a.get(0), KEY).map(|_| Value::Boolean(true))),
    // Whether a transform may be used again differs between the runtimes; the one that is recorded says no.
    ("ICryptoTransform.CanReuseTransform", |m, a| field(m, a.get(0), KEY).map(|_| Value::Boolean(false))),
    ("ICryptoTransform.TransformBlock", |m, a| {
        let input = part(m, a, 1, "inputBuffer")?;
        if input.is_empty() || input.len() % BLOCK != 0 {
            return Err(m.throw("ArgumentException", "Value was invalid."));
        }
        let output = step(m, a.get(0), &input)?;
        fill(m, a.get(4), usize::try_from(a.int(5)).unwrap_or(0), &output)?;
        Ok(Value::size(output.len()))
    }),
    ("ICryptoTransform.TransformFinalBlock", |m, a| {
        let input = part(m, a, 1, "inputBuffer")?;
        let output = last(m, a.get(0), &input)?;
        m.byte_array(&output)
    }),
    ("ContextExtensions.Encrypt(byte[],string,byte[],byte[])", |m, a| named(m, a, true)),
    ("ContextExtensions.Decrypt(byte[],string,byte[],byte[])", |m, a| named(m, a, false)),
    ("ContextExtensions.Encrypt(byte[],SymmetricAlgorithm)", |m, a| own(m, a, true)),
    ("ContextExtensions.Decrypt(byte[],SymmetricAlgorithm)", |m, a| own(m, a, false)),
    ("ContextExtensions.Encrypt(byte[],SymmetricAlgorithm,byte[],byte[])", |m, a| given(m, a, true)),
    ("ContextExtensions.Decrypt(byte[],SymmetricAlgorithm,byte[],byte[])", |m, a| given(m, a, false)),
];

fn valid(bits: i32) -> bool {
    matches!(bits, 128 | 192 | 256)
}

/// An algorithm by a name of .NET's table; null if there is none.
fn algorithm(m: &mut Machine<'_>, name: &str) -> Outcome {
    let upper = name.to_ascii_uppercase();
    let short = upper.strip_prefix("SYSTEM.SECURITY.CRYPTOGRAPHY.").unwrap_or(&upper);
    match short {
        // The abstract class itself cannot be made by its full name.
        "AES" if upper.len() > 3 => Ok(Value::Null),
        "AES" | "AESMANAGED" | "AESCRYPTOSERVICEPROVIDER" | "AESCNG" | "RIJNDAEL" | "RIJNDAELMANAGED" | "SYMMETRICALGORITHM" => {
            let fields = vec![
                Value::Null,
                Value::Null,
                Value::Enum(types::named("CipherMode"), CBC),
                Value::Enum(types::named("PaddingMode"), PKCS7),
                Value::Int32(256),
                Value::Int32(8),
            ];
            Ok(opaque(m, "SymmetricAlgorithm", fields))
        }
        "DES"
        | "3DES"
        | "TRIPLEDES"
        | "TRIPLE DES"
        | "RC2"
        | "DESCRYPTOSERVICEPROVIDER"
        | "TRIPLEDESCRYPTOSERVICEPROVIDER"
        | "RC2CRYPTOSERVICEPROVIDER" => Err(m.throw("NotSupportedException", &format!("The algorithm '{name}' is not emulated."))),
        _ => Ok(Value::Null),
    }
}

fn own_key(m: &mut Machine<'_>, of: &Value) -> Outcome<Vec<u8>> {
    match field(m, of, KEY)? {
        Value::Null => {
            let bits = field(m, of, SIZE)?.integer();
            let mut key = vec![0; usize::try_from(bits / 8).unwrap_or(32)];
            m.context.random(&mut key);
            let kept = m.byte_array(&key)?;
            set_field(m, of, KEY, kept)?;
            Ok(key)
        }
        key => m.bytes(&key, "key"),
    }
}

fn own_iv(m: &mut Machine<'_>, of: &Value) -> Outcome<Vec<u8>> {
    match field(m, of, IV)? {
        Value::Null => {
            let mut iv = vec![0; BLOCK];
            m.context.random(&mut iv);
            let kept = m.byte_array(&iv)?;
            set_field(m, of, IV, kept)?;
            Ok(iv)
        }
        iv => m.bytes(&iv, "iv"),
    }
}

fn own_transform(m: &mut Machine<'_>, of: &Value, encrypts: bool) -> Outcome {
    let (key, iv) = (own_key(m, of)?, own_iv(m, of)?);
    transform(m, of, &key, &iv, encrypts)
}

fn given_transform(m: &mut Machine<'_>, of: &Value, key: &Value, iv: &Value, encrypts: bool) -> Outcome {
    let key = m.bytes(key, "rgbKey")?;
    let iv = match iv {
        Value::Null if field(m, of, MODE)?.integer() == ECB => vec![0; BLOCK],
        Value::Null => own_iv(m, of)?,
        iv => m.bytes(iv, "rgbIV")?,
    };
    transform(m, of, &key, &iv, encrypts)
}

fn transform(m: &mut Machine<'_>, of: &Value, key: &[u8], iv: &[u8], encrypts: bool) -> Outcome {
    if !valid(i32::try_from(key.len() * 8).unwrap_or(0)) {
        return Err(cryptographic(m, "Specified key is not a valid size for this algorithm."));
    }
    if iv.len() != BLOCK {
        return Err(cryptographic(m, "Specified initialization vector (IV) does not match the block size for this algorithm."));
    }
    let (mode, padding) = (field(m, of, MODE)?, field(m, of, PADDING)?);
    if !matches!(mode.integer(), CBC | ECB) {
        let name = crate::expression::library::to_text(m, &mode)?;
        return Err(m.throw("NotSupportedException", &format!("The cipher mode {} is not emulated.", name.to_str())));
    }
    let (key, iv) = (m.byte_array(key)?, m.byte_array(iv)?);
    Ok(opaque(m, "ICryptoTransform", vec![key, iv, mode, padding, Value::Boolean(encrypts), Value::Null]))
}

fn broken(m: &mut Machine<'_>) -> Fault {
    cryptographic(m, "Padding is invalid and cannot be removed.")
}

/// Whole blocks through the cipher; the chain goes on where it was.
fn blocks(m: &mut Machine<'_>, of: &Value, data: &mut [u8]) -> Outcome<()> {
    m.charge(data.len() / 16)?;
    let key = field(m, of, KEY)?;
    let key = m.bytes(&key, "key")?;
    let iv = field(m, of, IV)?;
    let iv = m.bytes(&iv, "iv")?;
    let cbc = field(m, of, MODE)?.integer() == CBC;
    let encrypts = field(m, of, ENCRYPTS)?.truth();
    let next: Option<Vec<u8>> = if encrypts { None } else { data.rchunks(BLOCK).next().map(<[u8]>::to_vec) };
    let algorithm = match key.len() {
        16 => &AES_128,
        24 => &AES_192,
        _ => &AES_256,
    };
    let first: [u8; BLOCK] = <[u8; BLOCK]>::try_from(iv).unwrap_or_default();
    let work = || -> Result<(), aws_lc_rs::error::Unspecified> {
        let key = UnboundCipherKey::new(algorithm, &key)?;
        match (encrypts, cbc) {
            (true, true) => {
                EncryptingKey::cbc(key)?.less_safe_encrypt(data, EncryptionContext::Iv128(FixedLength::from(first))).map(|_| ())
            }
            (true, false) => EncryptingKey::ecb(key)?.less_safe_encrypt(data, EncryptionContext::None).map(|_| ()),
            (false, true) => DecryptingKey::cbc(key)?.decrypt(data, DecryptionContext::Iv128(FixedLength::from(first))).map(|_| ()),
            (false, false) => DecryptingKey::ecb(key)?.decrypt(data, DecryptionContext::None).map(|_| ()),
        }
    };
    let mut work = work;
    if work().is_err() {
        return Err(cryptographic(m, "Bad Data."));
    }
    let next = next.or_else(|| data.rchunks(BLOCK).next().map(<[u8]>::to_vec));
    if let Some(next) = next {
        let next = m.byte_array(&next)?;
        set_field(m, of, IV, next)?;
    }
    Ok(())
}

/// Blocks that are not the last: a decryptor that will take padding off holds one back.
fn step(m: &mut Machine<'_>, of: &Value, input: &[u8]) -> Outcome<Vec<u8>> {
    let holds = !field(m, of, ENCRYPTS)?.truth() && !matches!(field(m, of, PADDING)?.integer(), NONE | ZEROS);
    let mut data = if holds { take_held(m, of)? } else { Vec::new() };
    data.extend_from_slice(input);
    if holds && data.len() >= BLOCK {
        let held = data.split_off(data.len() - BLOCK);
        let held = m.byte_array(&held)?;
        set_field(m, of, HELD, held)?;
    }
    if !data.is_empty() {
        blocks(m, of, &mut data)?;
    }
    Ok(data)
}

fn take_held(m: &mut Machine<'_>, of: &Value) -> Outcome<Vec<u8>> {
    match field(m, of, HELD)? {
        Value::Null => Ok(Vec::new()),
        held => {
            set_field(m, of, HELD, Value::Null)?;
            m.bytes(&held, "held")
        }
    }
}

/// The last block, with its padding.
fn last(m: &mut Machine<'_>, of: &Value, input: &[u8]) -> Outcome<Vec<u8>> {
    let padding = field(m, of, PADDING)?.integer();
    if field(m, of, ENCRYPTS)?.truth() {
        let mut data = input.to_vec();
        let missing = BLOCK - data.len() % BLOCK;
        match padding {
            NONE if missing != BLOCK => {
                return Err(cryptographic(m, "The input data is not a complete block."));
            }
            NONE => {}
            ZEROS => {
                if missing != BLOCK {
                    data.resize(data.len() + missing, 0);
                }
            }
            PKCS7 => data.resize(data.len() + missing, missing as u8),
            other => {
                let mut fill = vec![0; missing - 1];
                if other == 5 {
                    m.context.random(&mut fill);
                }
                data.extend(fill);
                data.push(missing as u8);
            }
        }
        if !data.is_empty() {
            blocks(m, of, &mut data)?;
        }
        return Ok(data);
    }
    let mut data = take_held(m, of)?;
    data.extend_from_slice(input);
    if data.len() % BLOCK != 0 {
        return Err(cryptographic(m, "Length of the data to decrypt is invalid."));
    }
    if data.is_empty() {
        return Ok(data);
    }
    blocks(m, of, &mut data)?;
    if matches!(padding, NONE | ZEROS) {
        return Ok(data);
    }
    let count = data.last().map_or(0, |byte| usize::from(*byte));
    let Some(kept) = data.len().checked_sub(count).filter(|_| (1..=BLOCK).contains(&count)) else { return Err(broken(m)) };
    let tail = &data[kept..];
    let fits = match padding {
        PKCS7 => tail.iter().all(|byte| usize::from(*byte) == count),
        4 => tail[..count - 1].iter().all(|byte| *byte == 0),
        _ => true,
    };
    if !fits {
        return Err(broken(m));
    }
    data.truncate(kept);
    Ok(data)
}

fn one_shot(m: &mut Machine<'_>, a: Args<'_>, mode: i64, encrypts: bool) -> Outcome {
    let data = m.bytes(a.get(1), if encrypts { "plaintext" } else { "ciphertext" })?;
    let key = own_key(m, a.get(0))?;
    let (iv, padding) = if mode == CBC { (m.bytes(a.get(2), "iv")?, a.get(3).clone()) } else { (vec![0; BLOCK], a.get(2).clone()) };
    let padding = if padding.is_null() { Value::Enum(types::named("PaddingMode"), PKCS7) } else { padding };
    let made = transform(m, a.get(0), &key, &iv, encrypts)?;
    set_field(m, &made, MODE, Value::Enum(types::named("CipherMode"), mode))?;
    set_field(m, &made, PADDING, padding)?;
    let output = last(m, &made, &data)?;
    m.byte_array(&output)
}

/// `data.Encrypt(algorithm name, key, iv)`.
fn named(m: &mut Machine<'_>, a: Args<'_>, encrypts: bool) -> Outcome {
    let data = m.bytes(a.get(0), "input")?;
    let name = m.string(a, 1, "alg")?;
    let made = algorithm(m, &name.to_str())?;
    if made.is_null() {
        return Err(m.null_reference());
    }
    let made = given_transform(m, &made, a.get(2), a.get(3), encrypts)?;
    let output = last(m, &made, &data)?;
    m.byte_array(&output)
}

fn own(m: &mut Machine<'_>, a: Args<'_>, encrypts: bool) -> Outcome {
    let data = m.bytes(a.get(0), "input")?;
    let made = own_transform(m, a.get(1), encrypts)?;
    let output = last(m, &made, &data)?;
    m.byte_array(&output)
}

fn given(m: &mut Machine<'_>, a: Args<'_>, encrypts: bool) -> Outcome {
    let data = m.bytes(a.get(0), "input")?;
    let made = given_transform(m, a.get(1), a.get(2), a.get(3), encrypts)?;
    let output = last(m, &made, &data)?;
    m.byte_array(&output)
}
