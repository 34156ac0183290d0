//! Counts a text that arrives in parts.

use super::{Encoding, merge, pieces, vocabulary};

/// A piece longer than this is counted in two, so that memory is bounded. No text of a model has one.
const LONGEST_TAIL: usize = 256 * 1024;

/// Counts the tokens of a text that arrives part by part; the outcome is that of the whole text, however it was cut.
///
/// Only the end that further text could change is kept, and it is looked at again only when it has doubled, so that the work is linear in
/// the text also if it comes byte by byte.
#[derive(Debug, Clone)]
pub struct StreamCounter {
    encoding: Encoding,
    counted: u32,
    tail: String,
    look_at: usize,
}

impl StreamCounter {
    /// Nothing counted yet.
    #[must_use]
    pub const fn new(encoding: Encoding) -> Self {
        Self { encoding, counted: 0, tail: String::new(), look_at: 64 }
    }

    /// Takes the next part of the text in.
    pub fn push(&mut self, part: &str) {
        self.tail.push_str(part);
        if self.tail.len() >= self.look_at {
            self.settle();
        }
    }

    /// Tokens of all text so far, as if it ended here.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.counted.saturating_add(super::count(&self.tail, self.encoding))
    }

    fn settle(&mut self) {
        let vocabulary = vocabulary::of(self.encoding);
        let mut scratch = merge::Scratch::default();
        let mut pieces = pieces::split(&self.tail, self.encoding);
        let mut settled = 0;
        while let Some((piece, open)) = pieces.next_piece() {
            if open && self.tail.len() - settled <= LONGEST_TAIL {
                break;
            }
            self.counted = self.counted.saturating_add(merge::count(piece.as_bytes(), vocabulary, &mut scratch));
            settled = pieces.position();
        }
        self.tail.drain(..settled);
        self.look_at = (self.tail.len() * 2).max(64);
    }
}
