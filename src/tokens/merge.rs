//! Byte-pair merging: of all neighbours whose joined bytes are a token, those of the lowest rank are joined first, from the left.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::vocabulary::{NO_RANK, Vocabulary};

/// Longer pieces are merged with a heap; shorter ones are quicker looked through each time. The outcome is the same.
const SHORT: usize = 96;

/// Memory that is used again from piece to piece.
#[derive(Default)]
pub(super) struct Scratch {
    /// (start of the part, rank of it joined with the next), with one for the end.
    parts: Vec<(u32, u32)>,
    next: Vec<u32>,
    previous: Vec<u32>,
    heap: BinaryHeap<Reverse<(u32, u32, u32)>>,
}

/// How many tokens `piece` is.
pub(super) fn count(piece: &[u8], vocabulary: &Vocabulary, scratch: &mut Scratch) -> u32 {
    if piece.len() <= 1 || vocabulary.rank(piece) != NO_RANK {
        return u32::from(!piece.is_empty());
    }
    if piece.len() <= SHORT {
        short(piece, vocabulary, scratch);
        return u32::try_from(scratch.parts.len().saturating_sub(1)).unwrap_or(u32::MAX);
    }
    long(piece, vocabulary, scratch)
}

/// Tells `visit` where each token of `piece` ends.
pub(super) fn ends(piece: &[u8], vocabulary: &Vocabulary, scratch: &mut Scratch, mut visit: impl FnMut(u32)) {
    let length = u32::try_from(piece.len()).unwrap_or(u32::MAX);
    if piece.len() <= 1 || vocabulary.rank(piece) != NO_RANK {
        if !piece.is_empty() {
            visit(length);
        }
    } else if piece.len() <= SHORT {
        short(piece, vocabulary, scratch);
        scratch.parts.iter().skip(1).for_each(|(start, _)| visit(*start));
    } else {
        long(piece, vocabulary, scratch);
        let mut at = 0;
        while let Some(&next) = scratch.next.get(at as usize) {
            visit(next);
            at = next;
        }
    }
}

fn joined(piece: &[u8], vocabulary: &Vocabulary, start: u32, end: u32) -> u32 {
    piece.get(start as usize..end as usize).map_or(NO_RANK, |bytes| vocabulary.rank(bytes))
}

/// Leaves the tokens in `scratch.parts`.
fn short(piece: &[u8], vocabulary: &Vocabulary, scratch: &mut Scratch) {
    let parts = &mut scratch.parts;
    parts.clear();
    let length = u32::try_from(piece.len()).unwrap_or(u32::MAX);
    parts.extend((0..length).map(|start| (start, if start + 2 <= length { joined(piece, vocabulary, start, start + 2) } else { NO_RANK })));
    parts.push((length, NO_RANK));
    let start_of = |parts: &[(u32, u32)], index: usize| parts.get(index).map(|(start, _)| *start);
    while let Some((index, rank)) = lowest(parts) {
        if rank == NO_RANK {
            break;
        }
        parts.remove(index + 1);
        for index in [Some(index), index.checked_sub(1)].into_iter().flatten() {
            let rank = match (start_of(parts, index), start_of(parts, index + 2)) {
                (Some(start), Some(end)) => joined(piece, vocabulary, start, end),
                _ => NO_RANK,
            };
            if let Some(part) = parts.get_mut(index) {
                part.1 = rank;
            }
        }
    }
}

fn lowest(parts: &[(u32, u32)]) -> Option<(usize, u32)> {
    let mut found: Option<(usize, u32)> = None;
    for (index, (_, rank)) in parts.iter().enumerate() {
        if found.is_none_or(|(_, lowest)| *rank < lowest) {
            found = Some((index, *rank));
        }
    }
    found
}

/// Leaves the tokens as a chain in `scratch.next`, and says how many they are.
fn long(piece: &[u8], vocabulary: &Vocabulary, scratch: &mut Scratch) -> u32 {
    let length = u32::try_from(piece.len()).unwrap_or(u32::MAX);
    let Scratch { next, previous, heap, .. } = scratch;
    next.clear();
    next.extend((0..length).map(|at| at + 1));
    previous.clear();
    previous.extend((0..length).map(|at| at.wrapping_sub(1)));
    let mut pairs = std::mem::take(heap).into_vec();
    pairs.clear();
    pairs.extend(
        (0..length.saturating_sub(1))
            .map(|start| (joined(piece, vocabulary, start, start + 2), start, start + 2))
            .filter(|(rank, ..)| *rank != NO_RANK)
            .map(Reverse),
    );
    // Building from a vector is linear, pushing one by one is not.
    *heap = BinaryHeap::from(pairs);
    let mut tokens = length;
    while let Some(Reverse((_, start, end))) = heap.pop() {
        let get = |links: &[u32], at: u32| links.get(at as usize).copied().unwrap_or(u32::MAX);
        // Parts that were joined meanwhile leave stale pairs behind.
        let middle = get(next, start);
        if middle >= end || get(next, middle) != end {
            continue;
        }
        tokens -= 1;
        set(next, start, end);
        // The swallowed part must not be taken for a beginning again.
        set(next, middle, u32::MAX);
        set(previous, end, start);
        let after = get(next, end);
        if end < length && after <= length {
            push(heap, joined(piece, vocabulary, start, after), start, after);
        }
        let before = get(previous, start);
        if before < length {
            push(heap, joined(piece, vocabulary, before, end), before, end);
        }
    }
    tokens
}

fn set(links: &mut [u32], at: u32, value: u32) {
    if let Some(link) = links.get_mut(at as usize) {
        *link = value;
    }
}

fn push(heap: &mut BinaryHeap<Reverse<(u32, u32, u32)>>, rank: u32, start: u32, end: u32) {
    if rank != NO_RANK {
        heap.push(Reverse((rank, start, end)));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tokens::{Encoding, vocabulary};

    fn both(piece: &[u8], encoding: Encoding) -> (Vec<u32>, Vec<u32>) {
        let vocabulary = vocabulary::of(encoding);
        let mut scratch = Scratch::default();
        short(piece, vocabulary, &mut scratch);
        let parts = scratch.parts.iter().skip(1).map(|(start, _)| *start).collect::<Vec<_>>();
        let tokens = long(piece, vocabulary, &mut scratch);
        let mut chain = Vec::new();
        let mut at = 0;
        while let Some(&next) = scratch.next.get(at as usize) {
            chain.push(next);
            at = next;
        }
        assert_eq!(tokens as usize, chain.len());
        (parts, chain)
    }

    proptest! {
        #[test]
        fn both_ways_of_merging_give_the_same_tokens(text in "[ab]{1,300}|[a-e ]{1,300}|\\PC{1,60}", wide: bool) {
            let encoding = if wide { Encoding::O200kBase } else { Encoding::Cl100kBase };
            let (parts, chain) = both(text.as_bytes(), encoding);
            prop_assert_eq!(parts, chain);
        }
    }
}
