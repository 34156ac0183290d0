//! Cuts a text into the pieces within which bytes are merged: what the `pat_str` of tiktoken's encodings matches, without a
//! regular expression.
//!
//! The patterns look ahead and back-track; here each alternative is decided in one pass over the characters it can reach, so that
//! time is linear. tiktoken 0.14, `tiktoken_ext/openai_public.py`, is the source of both.

use super::Encoding;
use super::classes::{Class, class};

/// Pieces of a text, in order; together they are the text.
pub(super) struct Pieces<'a> {
    text: &'a str,
    start: usize,
    encoding: Encoding,
}

/// Cuts `text`.
pub(super) const fn split(text: &str, encoding: Encoding) -> Pieces<'_> {
    Pieces { text, start: 0, encoding }
}

impl<'a> Pieces<'a> {
    /// The next piece, and whether more text behind the end could make it another one.
    pub(super) fn next_piece(&mut self) -> Option<(&'a str, bool)> {
        let mut cursor = Cursor { text: self.text, touched_end: false };
        let end = match self.encoding {
            Encoding::O200kBase => cursor.o200k(self.start),
            Encoding::Cl100kBase => cursor.cl100k(self.start),
        }?;
        let piece = self.text.get(self.start..end)?;
        self.start = end;
        Some((piece, cursor.touched_end))
    }

    /// Where the next piece begins.
    pub(super) const fn position(&self) -> usize {
        self.start
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.next_piece().map(|(piece, _)| piece)
    }
}

struct Cursor<'a> {
    text: &'a str,
    touched_end: bool,
}

impl Cursor<'_> {
    /// The character at `at`, its class, and where the next begins.
    #[inline]
    fn peek(&mut self, at: usize) -> Option<(char, Class, usize)> {
        // Most text is ASCII, and decoding is the dearest step here.
        let character = match self.text.as_bytes().get(at) {
            Some(&byte) if byte.is_ascii() => char::from(byte),
            Some(_) => self.text.get(at..).and_then(|rest| rest.chars().next())?,
            None => {
                self.touched_end = true;
                return None;
            }
        };
        Some((character, class(character), at + character.len_utf8()))
    }

    /// The end of the run of characters from `at` on whose class passes.
    #[inline]
    fn run(&mut self, mut at: usize, passes: impl Fn(Class) -> bool) -> usize {
        while let Some((_, class, next)) = self.peek(at) {
            if !passes(class) {
                break;
            }
            at = next;
        }
        at
    }

    /// `'(?i:[sdmt]|ll|ve|re)` at `at`. Case folding makes `ſ` an `s`.
    fn contraction(&mut self, at: usize) -> Option<usize> {
        let ('\'', _, at) = self.peek(at)? else { return None };
        let (first, _, after) = self.peek(at)?;
        let second = match first {
            's' | 'S' | 'ſ' | 'd' | 'D' | 'm' | 'M' | 't' | 'T' => return Some(after),
            'l' | 'L' => 'l',
            'v' | 'V' | 'r' | 'R' => 'e',
            _ => return None,
        };
        let (found, _, end) = self.peek(after)?;
        found.eq_ignore_ascii_case(&second).then_some(end)
    }

    /// One to three numbers.
    fn numbers(&mut self, mut at: usize) -> usize {
        for _ in 0..3 {
            match self.peek(at) {
                Some((_, Class::Number, next)) => at = next,
                _ => break,
            }
        }
        at
    }

    /// ` ?[^\s\p{L}\p{N}]+` and the line ends (`/` too if `slash`) behind it.
    fn symbols(&mut self, at: usize, slash: bool) -> Option<usize> {
        let (character, _, next) = self.peek(at)?;
        let first = if character == ' ' { next } else { at };
        let end = self.run(first, Class::is_symbol);
        if end == first {
            return None;
        }
        let mut end = end;
        while let Some((character, class, next)) = self.peek(end) {
            if class != Class::Newline && !(slash && character == '/') {
                break;
            }
            end = next;
        }
        Some(end)
    }

    /// What is left: white space. `to_end`: a run that ends the text is one piece even if a line ends in it.
    fn spaces(&mut self, at: usize, to_end: bool) -> usize {
        let (mut end, mut last, mut newline, mut count) = (at, at, None, 0_usize);
        while let Some((_, class, next)) = self.peek(end) {
            if !class.is_space() {
                break;
            }
            last = end;
            end = next;
            count += 1;
            if class == Class::Newline {
                newline = Some(next);
            }
        }
        let ends_text = end == self.text.len();
        match newline {
            _ if ends_text && to_end => end,
            Some(newline) => newline,
            None if ends_text => end,
            // `\s+(?!\S)`: the last one belongs to what follows, unless it is alone.
            None if count > 1 => last,
            None => end,
        }
    }

    /// `'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s`
    fn cl100k(&mut self, at: usize) -> Option<usize> {
        let (_, class, next) = self.peek(at)?;
        if let Some(end) = self.contraction(at) {
            return Some(end);
        }
        if class.is_letter() {
            return Some(self.run(next, Class::is_letter));
        }
        if class == Class::Number {
            return Some(self.numbers(at));
        }
        if class.may_lead() {
            let end = self.run(next, Class::is_letter);
            if end > next {
                return Some(end);
            }
        }
        Some(match self.symbols(at, false) {
            Some(end) => end,
            None => self.spaces(at, true),
        })
    }

    /// The two patterns of words with their optional lead and contraction, numbers, symbols, white space.
    fn o200k(&mut self, at: usize) -> Option<usize> {
        let (_, class, next) = self.peek(at)?;
        if class == Class::Number {
            return Some(self.numbers(at));
        }
        let word = match class {
            // A mark leads a word that has a lower letter; otherwise it is one itself.
            Class::Mark => self.word(next).filter(|word| word.lower).or_else(|| self.word(at)),
            class if class.is_letter() => self.word(at),
            class if class.may_lead() => self.word(next),
            _ => None,
        };
        if let Some(Word { end, .. }) = word {
            return Some(self.contraction(end).unwrap_or(end));
        }
        Some(match self.symbols(at, true) {
            Some(end) => end,
            None => self.spaces(at, false),
        })
    }

    /// `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+`, or failing that
    /// `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*`.
    fn word(&mut self, at: usize) -> Option<Word> {
        // Back-tracking gives upper characters back until one is a lower one too: that is the last such one.
        let (mut end, mut last_lower) = (at, None);
        while let Some((_, class, next)) = self.peek(end) {
            if !class.may_be_upper() {
                break;
            }
            end = next;
            if class.may_be_lower() {
                last_lower = Some(next);
            }
        }
        let lower = self.run(end, Class::may_be_lower);
        if lower > end {
            return Some(Word { end: lower, lower: true });
        }
        match last_lower {
            Some(end) => Some(Word { end, lower: true }),
            None => (end > at).then_some(Word { end, lower: false }),
        }
    }
}

/// A word that was found.
struct Word {
    end: usize,
    /// Whether it was the first of the two patterns.
    lower: bool,
}
