//! The tokens of an encoding and their ranks.

use std::io::Read;
use std::sync::LazyLock;

use flate2::read::DeflateDecoder;

use super::Encoding;

/// What is not a token.
pub(super) const NO_RANK: u32 = u32::MAX;

static O200K: LazyLock<Vocabulary> = LazyLock::new(|| Vocabulary::unpack(include_bytes!("ranks/o200k_base.deflate"), 199_998, 1_600_000));
static CL100K: LazyLock<Vocabulary> = LazyLock::new(|| Vocabulary::unpack(include_bytes!("ranks/cl100k_base.deflate"), 100_256, 750_000));

/// The vocabulary of `encoding`, unpacked the first time.
pub(super) fn of(encoding: Encoding) -> &'static Vocabulary {
    match encoding {
        Encoding::O200kBase => &O200K,
        Encoding::Cl100kBase => &CL100K,
    }
}

/// Tokens by rank, and ranks by token.
pub(super) struct Vocabulary {
    /// All tokens' bytes in the order of ranks.
    bytes: Box<[u8]>,
    /// Where each begins, and one more for the end.
    offsets: Box<[u32]>,
    /// Open addressing: upper half the hash's upper half, lower half rank + 1; 0 is free. At most half full.
    slots: Box<[u64]>,
    /// Ranks of tokens of two bytes, which are asked for most.
    pairs: Box<[u32]>,
    longest: usize,
}

impl Vocabulary {
    /// Reads what lies in `ranks/` (its README has the format). The files are constants; a test compares their hash.
    fn unpack(packed: &[u8], tokens: usize, size: usize) -> Self {
        let mut raw = Vec::with_capacity(size);
        if DeflateDecoder::new(packed).read_to_end(&mut raw).is_err() {
            raw.clear();
        }
        let (lengths, bytes) = raw.split_at_checked(tokens).unwrap_or_default();
        let mut offsets = Vec::with_capacity(lengths.len() + 1);
        let mut end = 0_u32;
        offsets.push(0);
        for length in lengths {
            end += u32::from(*length);
            offsets.push(end);
        }
        let size = (lengths.len() * 2).next_power_of_two().max(2);
        let longest = lengths.iter().copied().max().map_or(0, usize::from);
        let mut vocabulary = Self {
            bytes: bytes.into(),
            offsets: offsets.into(),
            slots: vec![0; size].into_boxed_slice(),
            pairs: vec![NO_RANK; 1 << 16].into_boxed_slice(),
            longest,
        };
        for rank in 0..u32::try_from(lengths.len()).unwrap_or(0) {
            if let [first, second] = *vocabulary.token(rank)
                && let Some(pair) = vocabulary.pairs.get_mut(pair(first, second))
            {
                *pair = rank;
            }
            let hash = hash(vocabulary.token(rank));
            let mut index = vocabulary.home(hash);
            while let Some(slot) = vocabulary.slots.get_mut(index) {
                if *slot == 0 {
                    *slot = (hash & !u64::from(u32::MAX)) | u64::from(rank + 1);
                    break;
                }
                index = (index + 1) & (size - 1);
            }
        }
        vocabulary
    }

    /// The bytes of the token with `rank`.
    pub(super) fn token(&self, rank: u32) -> &[u8] {
        let offset = |index: usize| self.offsets.get(index).map_or(0, |offset| *offset as usize);
        self.bytes.get(offset(rank as usize)..offset(rank as usize + 1)).unwrap_or_default()
    }

    /// The rank of the token with these bytes, [`NO_RANK`] if they are none.
    pub(super) fn rank(&self, bytes: &[u8]) -> u32 {
        if bytes.len() > self.longest {
            return NO_RANK;
        }
        let hash = hash(bytes);
        let mut index = self.home(hash);
        loop {
            let slot = self.slots.get(index).copied().unwrap_or(0);
            if slot == 0 {
                return NO_RANK;
            }
            let rank = (slot & u64::from(u32::MAX)) as u32 - 1;
            if slot >> 32 == hash >> 32 && self.token(rank) == bytes {
                return rank;
            }
            index = (index + 1) & (self.slots.len() - 1);
        }
    }

    /// As [`Self::rank`], of two bytes.
    pub(super) fn pair_rank(&self, first: u8, second: u8) -> u32 {
        self.pairs.get(pair(first, second)).copied().unwrap_or(NO_RANK)
    }

    /// How many tokens there are.
    #[cfg(test)]
    pub(super) const fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    const fn home(&self, hash: u64) -> usize {
        (hash as usize) & (self.slots.len() - 1)
    }
}

const fn pair(first: u8, second: u8) -> usize {
    (first as usize) << 8 | second as usize
}

/// Multiply and fold, eight bytes at a time. The table is fixed, so nobody can make it collide.
fn hash(bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut state = bytes.len() as u64 ^ 0x243f_6a88_85a3_08d3;
    let mut take = |word: u64| {
        let product = u128::from(state ^ word) * u128::from(FACTOR);
        state = (product as u64) ^ ((product >> 64) as u64);
    };
    let (words, rest) = bytes.as_chunks::<8>();
    words.iter().for_each(|word| take(u64::from_le_bytes(*word)));
    if !rest.is_empty() {
        let mut last = [0; 8];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        take(u64::from_le_bytes(last));
    }
    state
}
