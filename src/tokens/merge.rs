//! Byte-pair merging: of all neighbours whose joined bytes are a token, those of the lowest rank are joined first, from the left.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::vocabulary::{NO_RANK, Vocabulary};

/// Longer pieces are merged with a heap; shorter ones are quicker looked through each time. The outcome is the same.
const SHORT: usize = 96;
/// Still longer pieces are merged window by window, so that time is linear and everything stays in the processor's cache.
const WINDOW: usize = 512;
/// How far from a window's end its tokens are trusted. It only saves work: whether they are right is checked.
const MARGIN: usize = 160;

/// Memory that is used again from piece to piece.
#[derive(Default)]
pub(super) struct Scratch {
    /// (start of the part, rank of it joined with the next), with one for the end.
    parts: Vec<(u32, u32)>,
    next: Vec<u32>,
    previous: Vec<u32>,
    heap: BinaryHeap<Reverse<(u32, u32, u32)>>,
    ends: Vec<u32>,
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
    if piece.len() <= WINDOW {
        return long(piece, vocabulary, scratch);
    }
    windows(piece, vocabulary, scratch, WINDOW);
    u32::try_from(scratch.ends.len()).unwrap_or(u32::MAX)
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
        windows(piece, vocabulary, scratch, WINDOW);
        scratch.ends.iter().for_each(|end| visit(*end));
    }
}

/// Merges window by window, and leaves the ends of the tokens in `scratch.ends`.
///
/// A row of tokens is the merged form of its bytes exactly if each two neighbours are the merged form of theirs (van Antwerpen and
/// Neubeck, "So many tokens, so little time", GitHub 2024). Two windows where the second begins with a token of the first can therefore be joined
/// at it: each pair of neighbours then comes out of one of them. Without such a token the window is made larger. Should a larger window
/// undo a joint, the piece is merged as a whole.
fn windows(piece: &[u8], vocabulary: &Vocabulary, scratch: &mut Scratch, window: usize) {
    scratch.ends.clear();
    let mut merged: &[u8] = &[];
    let mut merge = |start: usize, size: usize, scratch: &mut Scratch| {
        let part = piece.get(start..piece.len().min(start.saturating_add(size))).unwrap_or_default();
        // A megabyte of blanks is the same window again and again.
        if part != merged {
            long(part, vocabulary, scratch);
            merged = part;
        }
        part.len()
    };
    let (mut start, mut size) = (0, window);
    let mut length = merge(start, size, scratch);
    // How long the window's first token is where it was joined to the one before.
    let mut joined_at = None;
    loop {
        if joined_at.is_some() && scratch.next.first().copied() != joined_at {
            return whole(piece, vocabulary, scratch);
        }
        let last = start + length >= piece.len();
        let trusted = size - MARGIN.min(size / 2);
        let offset = u32::try_from(start).unwrap_or(u32::MAX);
        let accepted = scratch.ends.len();
        let (mut at, mut joint) = (0, None);
        while let Some(&next) = scratch.next.get(at as usize) {
            if !last && at > 0 && next as usize > trusted {
                joint = Some(next - at);
                break;
            }
            scratch.ends.push(offset.saturating_add(next));
            at = next;
        }
        if last {
            return;
        }
        if joint.is_some() {
            length = merge(start + at as usize, window, scratch);
        }
        if joint.is_some() && scratch.next.first().copied() == joint {
            start += at as usize;
            size = window;
            joined_at = joint;
        } else {
            scratch.ends.truncate(accepted);
            size = size.saturating_mul(2);
            length = merge(start, size, scratch);
        }
    }
}

/// Merges in one go, and leaves the ends of the tokens in `scratch.ends`.
fn whole(piece: &[u8], vocabulary: &Vocabulary, scratch: &mut Scratch) {
    long(piece, vocabulary, scratch);
    scratch.ends.clear();
    let mut at = 0;
    while let Some(&next) = scratch.next.get(at as usize) {
        scratch.ends.push(next);
        at = next;
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
        piece
            .array_windows::<2>()
            .zip(0..)
            .map(|([first, second], start)| (vocabulary.pair_rank(*first, *second), start, start + 2))
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

        #[test]
        fn windows_give_the_same_tokens(text in "[ab]{1,900}|[a-z]{1,900}|(abc|ab|b){1,300}|[ \n]{1,600}|\\PC{1,300}|([a-z]{1,9} ){1,90}", window in 2..300_usize, wide: bool) {
            let vocabulary = vocabulary::of(if wide { Encoding::O200kBase } else { Encoding::Cl100kBase });
            let mut scratch = Scratch::default();
            whole(text.as_bytes(), vocabulary, &mut scratch);
            let whole = scratch.ends.clone();
            windows(text.as_bytes(), vocabulary, &mut scratch, window);
            prop_assert_eq!(&scratch.ends, &whole);
            // As it is used, on a text that is longer than a window.
            let text = text.repeat(4);
            super::whole(text.as_bytes(), vocabulary, &mut scratch);
            let whole = scratch.ends.clone();
            windows(text.as_bytes(), vocabulary, &mut scratch, WINDOW);
            prop_assert_eq!(&scratch.ends, &whole);
        }
    }
}
