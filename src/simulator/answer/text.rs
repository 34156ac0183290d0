//! What models say: the same to the same question.

use std::io;

use serde_json::Value;

use crate::tokens::{Encoding, boundaries, count};

/// Words that are one token behind a blank in both encodings (a test counts them).
const WORDS: &[&str] = &[
    "the", "answer", "is", "simple", "and", "clear", "because", "each", "part", "of", "question", "has", "its", "own", "place", "when",
    "we", "look", "at", "it", "from", "another", "side", "there", "are", "many", "good", "reasons", "for", "this", "choice", "system",
    "works", "with", "small", "steps", "that", "can", "be", "checked", "one", "after", "other", "so", "result", "here", "same", "every",
    "time", "you", "should", "also", "keep", "in", "mind", "how", "data", "moves", "between", "services", "under", "load", "or", "not",
];
/// Words that are one token at the very beginning too, in capitals.
const FIRST_WORDS: &[&str] = &["The", "There", "This", "When", "Each", "One", "You", "How", "For", "We", "It", "In"];
/// How many tokens an answer has if nothing else is said.
const SHORTEST: u32 = 24;
const LONGEST: u32 = 72;

/// A repeatable sequence that belongs to a question.
pub(super) struct Seed(u64);

impl Seed {
    /// Of what determines an answer.
    pub(super) fn of(parts: &[&Value]) -> Self {
        let mut hash = Hash(0xcbf2_9ce4_8422_2325);
        for part in parts {
            // Writing into a hash does not fail.
            let _ = serde_json::to_writer(&mut hash, part);
        }
        Self(hash.0)
    }

    /// The sequence of one of several answers to the question.
    pub(super) const fn choice(&self, index: u64) -> Self {
        Self(self.0 ^ index.wrapping_mul(0xd6e8_feb8_6659_fd93))
    }

    pub(super) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`, which is not 0.
    pub(super) const fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub(super) fn word(&mut self) -> &'static str {
        let index = self.below(WORDS.len() as u64) as usize;
        WORDS.get(index).copied().unwrap_or("word")
    }
}

/// FNV-1a.
struct Hash(u64);

impl io::Write for Hash {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sentences of `tokens` tokens, or of a length that the seed tells.
pub(super) fn sentences(seed: &mut Seed, tokens: Option<u32>) -> String {
    let target = tokens.unwrap_or_else(|| SHORTEST + seed.below(u64::from(LONGEST - SHORTEST)) as u32);
    let mut text = String::with_capacity(target as usize * 6);
    let mut left_in_sentence = 0;
    let mut made = 0;
    while made < target {
        if made + 1 == target && made > 0 {
            text.push('.');
            break;
        }
        if left_in_sentence == 0 {
            if made > 0 {
                text.push('.');
                made += 1;
                if made + 1 >= target {
                    // No room for another sentence.
                    if made < target {
                        text.push_str(" so");
                    }
                    break;
                }
            }
            left_in_sentence = 6 + seed.below(7);
            if text.is_empty() {
                let index = seed.below(FIRST_WORDS.len() as u64) as usize;
                text.push_str(FIRST_WORDS.get(index).copied().unwrap_or("The"));
            } else {
                let (first, rest) = seed.word().split_at(1);
                text.push(' ');
                text.push_str(&first.to_ascii_uppercase());
                text.push_str(rest);
            }
        } else {
            text.push(' ');
            text.push_str(seed.word());
        }
        made += 1;
        left_in_sentence -= 1;
    }
    text
}

/// A text cut into tokens.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    pub(super) text: String,
    /// Where pieces to be streamed end: tokens, joined where a character would be cut.
    pub(super) ends: Vec<usize>,
    pub(super) tokens: u32,
    /// Whether something was cut off.
    pub(super) cut: bool,
}

impl Said {
    /// `text` with at most `limit` tokens.
    pub(super) fn of(mut text: String, encoding: Encoding, limit: Option<u32>) -> Self {
        let mut ends = boundaries(&text, encoding);
        let limit = limit.map_or(usize::MAX, |limit| limit as usize);
        let cut = ends.len() > limit;
        if cut {
            ends.truncate(limit);
            let mut end = ends.last().map_or(0, |end| *end as usize);
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            text.truncate(end);
        }
        let tokens = u32::try_from(ends.len()).unwrap_or(u32::MAX);
        let mut pieces: Vec<usize> = ends.into_iter().map(|end| end as usize).filter(|end| text.is_char_boundary(*end)).collect();
        if pieces.last() != Some(&text.len()) && !text.is_empty() {
            pieces.push(text.len());
        }
        pieces.retain(|end| *end <= text.len());
        Self { text, ends: pieces, tokens, cut }
    }

    /// Ends before the first of `stops`.
    pub(super) fn until(text: String, stops: &[&str], encoding: Encoding, limit: Option<u32>) -> Self {
        let end = stops.iter().filter(|stop| !stop.is_empty()).filter_map(|stop| text.find(*stop)).min();
        let text = end.and_then(|end| text.get(..end)).map_or(text.clone(), str::to_owned);
        Self::of(text, encoding, limit)
    }

    /// The pieces to be streamed.
    pub(super) fn pieces(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).filter_map(|(start, end)| self.text.get(start..*end))
    }
}

/// Tokens of a call of a function: name, arguments and what stands around them (assumed).
pub(super) fn call_tokens(name: &str, arguments: &str, encoding: Encoding) -> u32 {
    count(name, encoding).saturating_add(count(arguments, encoding)).saturating_add(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_one_token() {
        for word in FIRST_WORDS {
            for encoding in [Encoding::O200kBase, Encoding::Cl100kBase] {
                assert_eq!(count(word, encoding), 1, "{word:?} {encoding:?}");
            }
        }
        for word in WORDS {
            let (first, rest) = word.split_at(1);
            for text in [format!(" {word}"), format!(" {}{rest}", first.to_uppercase())] {
                for encoding in [Encoding::O200kBase, Encoding::Cl100kBase] {
                    assert_eq!(count(&text, encoding), 1, "{text:?} {encoding:?}");
                }
            }
        }
    }

    #[test]
    fn as_many_tokens_are_said_as_were_asked_for() {
        for encoding in [Encoding::O200kBase, Encoding::Cl100kBase] {
            for seed in 0..20_u64 {
                for tokens in 0..90 {
                    // Completions begin with a blank, so that their first word is another token.
                    let text = sentences(&mut Seed(seed), Some(tokens));
                    for text in [text.clone(), format!(" {text}")].into_iter().take(if tokens == 0 { 1 } else { 2 }) {
                        let said = Said::of(text, encoding, None);
                        assert_eq!(said.tokens, tokens, "{:?}", said.text);
                        assert_eq!(said.pieces().collect::<String>(), said.text);
                    }
                }
            }
        }
    }

    #[test]
    fn characters_are_never_cut() {
        for limit in 0..40 {
            let said = Said::of("👨‍👩‍👧 日本語 ಮೇಲ್ಭಾಗ".to_owned(), Encoding::Cl100kBase, Some(limit));
            assert_eq!(said.pieces().collect::<String>(), said.text);
            assert!(said.tokens <= limit && said.cut == (said.tokens == limit && said.text != "👨‍👩‍👧 日本語 ಮೇಲ್ಭಾಗ") || said.tokens < limit);
        }
    }
}
