//! Keys from passwords, and what they open.

use std::num::NonZeroU32;

use aws_lc_rs::cipher::{AES_128, AES_192, AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{digest, hmac, pbkdf2};
use des::cipher::{BlockCipherDecrypt as _, KeyInit as _};
use yasna::models::ObjectIdentifier;

use super::{Algorithm, Password, Pkcs12Error, algorithm, rounds};

const PBES2: &[u64] = &[1, 2, 840, 113_549, 1, 5, 13];
const PBKDF2: &[u64] = &[1, 2, 840, 113_549, 1, 5, 12];
const DES_EDE3_CBC: &[u64] = &[1, 2, 840, 113_549, 3, 7];
/// Schemes of PKCS#12 itself: Triple DES with three and two keys, RC2 with 128 and 40 bits.
const OWN_SCHEMES: &[u64] = &[1, 2, 840, 113_549, 1, 12, 1];
const AES_CBC: &[u64] = &[2, 16, 840, 1, 101, 3, 4, 1];
const HMAC: &[u64] = &[1, 2, 840, 113_549, 2];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    pub(super) fn of(id: &ObjectIdentifier) -> Option<Self> {
        match id.components().as_slice() {
            [1, 3, 14, 3, 2, 26] => Some(Self::Sha1),
            [2, 16, 840, 1, 101, 3, 4, 2, 1] => Some(Self::Sha256),
            [2, 16, 840, 1, 101, 3, 4, 2, 2] => Some(Self::Sha384),
            [2, 16, 840, 1, 101, 3, 4, 2, 3] => Some(Self::Sha512),
            _ => None,
        }
    }

    fn of_hmac(id: &ObjectIdentifier) -> Option<Self> {
        match id.components().strip_prefix(HMAC)? {
            [7] => Some(Self::Sha1),
            [9] => Some(Self::Sha256),
            [10] => Some(Self::Sha384),
            [11] => Some(Self::Sha512),
            _ => None,
        }
    }

    fn digest(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }

    pub(super) fn hmac(self) -> hmac::Algorithm {
        match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha384 => hmac::HMAC_SHA384,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }

    fn pbkdf2(self) -> pbkdf2::Algorithm {
        match self {
            Self::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Self::Sha384 => pbkdf2::PBKDF2_HMAC_SHA384,
            Self::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        }
    }

    pub(super) fn length(self) -> usize {
        self.digest().output_len()
    }
}

/// A key of `length` bytes from a password (RFC 7292 appendix B): `purpose` 1 is a cipher's key, 2 its first block, 3 a MAC's key.
pub(super) fn derive(hash: Hash, purpose: u8, password: &[u8], salt: &[u8], rounds: NonZeroU32, length: usize) -> Vec<u8> {
    let block = hash.digest().block_len();
    let filled = |bytes: &[u8]| -> Vec<u8> {
        let length = bytes.len().div_ceil(block) * block;
        bytes.iter().copied().cycle().take(length).collect()
    };
    let mut input = filled(salt);
    input.extend(filled(password));
    let mut key = Vec::with_capacity(length + hash.length());
    while key.len() < length {
        let mut context = digest::Context::new(hash.digest());
        context.update(&vec![purpose; block]);
        context.update(&input);
        let mut out = context.finish();
        for _ in 1..rounds.get() {
            out = digest::digest(hash.digest(), out.as_ref());
        }
        key.extend_from_slice(out.as_ref());
        // Each block of the input grows by the output, repeated, and one.
        let added: Vec<u8> = out.as_ref().iter().copied().cycle().take(block).collect();
        for part in input.chunks_mut(block) {
            let mut carry = 1_u16;
            for (byte, add) in part.iter_mut().zip(&added).rev() {
                carry += u16::from(*byte) + u16::from(*add);
                *byte = carry.to_be_bytes()[1];
                carry >>= 8;
            }
        }
    }
    key.truncate(length);
    key
}

/// What `algorithm` has encrypted under the password.
pub(super) fn decrypt(algorithm: &Algorithm, bytes: &[u8], password: &Password) -> Result<Vec<u8>, Pkcs12Error> {
    if algorithm.is(PBES2) {
        return pbes2(algorithm, bytes, password);
    }
    let (salt, count) = yasna::parse_ber(&algorithm.parameters, |reader| {
        reader.read_sequence(|reader| Ok((reader.next().read_bytes()?, reader.next().read_u32()?)))
    })
    .map_err(|_| algorithm.unsupported())?;
    let count = rounds(count)?;
    let key = |length| derive(Hash::Sha1, 1, &password.wide, &salt, count, length);
    let first = derive(Hash::Sha1, 2, &password.wide, &salt, count, 8);
    let opened = match algorithm.id.components().strip_prefix(OWN_SCHEMES) {
        Some([3]) => triple_des(&key(24), &first, bytes),
        Some([4]) => {
            let mut key = key(16);
            key.extend_from_within(..8);
            triple_des(&key, &first, bytes)
        }
        Some([5]) => rc2(&key(16), 128, &first, bytes),
        Some([6]) => rc2(&key(5), 40, &first, bytes),
        _ => return Err(algorithm.unsupported()),
    };
    opened.ok_or(Pkcs12Error::Password)
}

/// PBES2 (RFC 8018): a key by PBKDF2, and a cipher with its first block.
fn pbes2(scheme: &Algorithm, bytes: &[u8], password: &Password) -> Result<Vec<u8>, Pkcs12Error> {
    let (derivation, cipher) = yasna::parse_ber(&scheme.parameters, |reader| {
        reader.read_sequence(|reader| Ok((algorithm(reader.next())?, algorithm(reader.next())?)))
    })
    .map_err(|_| Pkcs12Error::Malformed)?;
    if !derivation.is(PBKDF2) {
        return Err(derivation.unsupported());
    }
    let (salt, count, prf) = yasna::parse_ber(&derivation.parameters, |reader| {
        reader.read_sequence(|reader| {
            let salt = reader.next().read_bytes()?;
            let count = reader.next().read_u32()?;
            // The key's length follows from the cipher.
            reader.read_optional(|reader| reader.read_u32())?;
            Ok((salt, count, reader.read_optional(|reader| algorithm(reader))?))
        })
    })
    .map_err(|_| Pkcs12Error::Malformed)?;
    let hash = match &prf {
        None => Hash::Sha1,
        Some(prf) => Hash::of_hmac(&prf.id).ok_or_else(|| prf.unsupported())?,
    };
    let first = yasna::parse_ber(&cipher.parameters, |reader| reader.read_bytes()).map_err(|_| Pkcs12Error::Malformed)?;
    let count = rounds(count)?;
    let key = |length: usize| {
        let mut key = vec![0; length];
        pbkdf2::derive(hash.pbkdf2(), count, &salt, &password.utf8, &mut key);
        key
    };
    if cipher.is(DES_EDE3_CBC) {
        return triple_des(&key(24), &first, bytes).ok_or(Pkcs12Error::Password);
    }
    let (aes, length) = match cipher.id.components().strip_prefix(AES_CBC) {
        Some([2]) => (&AES_128, 16),
        Some([22]) => (&AES_192, 24),
        Some([42]) => (&AES_256, 32),
        _ => return Err(cipher.unsupported()),
    };
    let first: [u8; 16] = first.try_into().map_err(|_| Pkcs12Error::Malformed)?;
    let mut bytes = bytes.to_vec();
    let opened = UnboundCipherKey::new(aes, &key(length)).and_then(PaddedBlockDecryptingKey::cbc_pkcs7).and_then(|key| {
        let plain = key.decrypt(&mut bytes, DecryptionContext::Iv128(FixedLength::from(first)))?;
        Ok(plain.to_vec())
    });
    opened.map_err(|_| Pkcs12Error::Password)
}

/// CBC over blocks of eight bytes, with the padding of PKCS#7 taken off; nothing if that is not as it should be.
fn unchained(first: &[u8], bytes: &[u8], decrypt: impl Fn([u8; 8]) -> [u8; 8]) -> Option<Vec<u8>> {
    let mut before: [u8; 8] = first.try_into().ok()?;
    let mut out = Vec::with_capacity(bytes.len());
    let (blocks, []) = bytes.as_chunks::<8>() else { return None };
    for block in blocks {
        out.extend(decrypt(*block).iter().zip(before).map(|(byte, before)| byte ^ before));
        before = *block;
    }
    let padding = usize::from(*out.last()?);
    let length = out.len().checked_sub(padding).filter(|_| (1..=8).contains(&padding))?;
    if out.get(length..)?.iter().any(|byte| usize::from(*byte) != padding) {
        return None;
    }
    out.truncate(length);
    Some(out)
}

fn triple_des(key: &[u8], first: &[u8], bytes: &[u8]) -> Option<Vec<u8>> {
    let cipher = des::TdesEde3::new_from_slice(key).ok()?;
    unchained(first, bytes, |block| {
        let mut block = block.into();
        cipher.decrypt_block(&mut block);
        block.into()
    })
}

fn rc2(key: &[u8], bits: usize, first: &[u8], bytes: &[u8]) -> Option<Vec<u8>> {
    let cipher = rc2::Rc2::new_with_eff_key_len(key, bits);
    unchained(first, bytes, |block| {
        let mut block = block.into();
        cipher.decrypt_block(&mut block);
        block.into()
    })
}
