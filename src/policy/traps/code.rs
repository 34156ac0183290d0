//! An expression as a row of tokens in which forms can be found.

use std::ops::Range;

use crate::expression::lexer::{Token, TokenKind, tokens};
use crate::support::source::{SourceText, Span};

/// The tokens of an expression, comments left out.
#[derive(Debug, Clone)]
pub struct Code<'a> {
    source: &'a SourceText,
    tokens: Vec<Token>,
}

impl<'a> Code<'a> {
    /// `None` if the text is no C#.
    #[must_use]
    pub fn of(source: &'a SourceText) -> Option<Self> {
        Some(Self { source, tokens: tokens(source.text()).ok()? })
    }

    /// How many tokens there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The text of a token; empty beyond the end.
    #[must_use]
    pub fn token(&self, index: usize) -> &'a str {
        self.tokens.get(index).and_then(|token| self.source.text().get(token.range.clone())).unwrap_or_default()
    }

    /// The kind of a token.
    #[must_use]
    pub fn kind(&self, index: usize) -> Option<TokenKind> {
        self.tokens.get(index).map(|token| token.kind)
    }

    /// Where tokens stand in the file.
    #[must_use]
    pub fn span(&self, tokens: Range<usize>) -> Span {
        let start = self.tokens.get(tokens.start).map_or(0, |token| token.range.start);
        let end = self.tokens.get(tokens.end.saturating_sub(1)).map_or(start, |token| token.range.end);
        self.source.span(start..end.max(start))
    }

    /// Where the whole expression stands.
    #[must_use]
    pub fn whole(&self) -> Span {
        self.source.span(0..self.source.text().len())
    }

    /// The value of a string literal without escapes that need C# to decode.
    #[must_use]
    pub fn string(&self, index: usize) -> Option<&'a str> {
        let text = self.token(index);
        match self.kind(index)? {
            TokenKind::String => text.strip_prefix('"')?.strip_suffix('"'),
            TokenKind::Verbatim => text.strip_prefix("@\"")?.strip_suffix('"'),
            _ => None,
        }
    }

    /// Where the tokens of `pattern` (separated by spaces) stand in a row, every time.
    pub fn find<'b>(&'b self, pattern: &'b str) -> impl Iterator<Item = Range<usize>> + use<'a, 'b> {
        // Most patterns stand nowhere, and one search of the whole text costs less than a look at every token.
        let rarest = pattern.split(' ').max_by_key(|word| word.len()).unwrap_or_default();
        let end = if self.source.text().contains(rarest) { self.len() } else { 0 };
        self.find_within(0..end, pattern)
    }

    fn find_within<'b>(&'b self, range: Range<usize>, pattern: &'b str) -> impl Iterator<Item = Range<usize>> + use<'a, 'b> {
        let words: Vec<&str> = pattern.split(' ').collect();
        (range.start..range.end.saturating_sub(words.len() - 1)).filter_map(move |start| {
            words.iter().enumerate().all(|(index, word)| self.token(start + index) == *word).then_some(start..start + words.len())
        })
    }

    /// Whether `pattern` stands anywhere.
    #[must_use]
    pub fn has(&self, pattern: &str) -> bool {
        self.find(pattern).next().is_some()
    }

    /// The tokens between the bracket at `open` and its partner.
    #[must_use]
    pub fn inside(&self, open: usize) -> Range<usize> {
        let mut depth = 0usize;
        for index in open..self.len() {
            match self.kind(index) {
                Some(TokenKind::Open) => depth += 1,
                Some(TokenKind::Close) => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return open + 1..index;
                    }
                }
                _ => {}
            }
        }
        open + 1..self.len().max(open + 1)
    }

    /// Whether `pattern` stands within `range`.
    #[must_use]
    pub fn has_within(&self, range: &Range<usize>, pattern: &str) -> bool {
        self.find_within(range.clone(), pattern).next().is_some()
    }

    /// Reads of policy variables: the name, the tokens from `context` on, and the type argument or cast if there is one.
    pub fn variables(&self) -> impl Iterator<Item = Read<'a>> {
        self.find("context . Variables").filter_map(|found| {
            let next = found.end;
            let (name_at, asked, kind) = match (self.token(next), self.token(next + 1)) {
                ("[", _) => (next + 1, None, ReadKind::Index),
                ("." | "?.", "GetValueOrDefault") => {
                    let open = (next + 2..self.len()).find(|index| self.token(*index) == "(")?;
                    let asked = (self.token(next + 2) == "<").then(|| self.source_text(next + 3..open.saturating_sub(1)));
                    (open + 1, asked, ReadKind::Default)
                }
                ("." | "?.", "ContainsKey" | "TryGetValue") => (next + 3, None, ReadKind::Test),
                _ => return None,
            };
            let name = self.string(name_at)?;
            let cast =
                (kind == ReadKind::Index && found.start >= 3 && self.token(found.start - 1) == ")" && self.token(found.start - 3) == "(")
                    .then(|| self.token(found.start - 2).to_owned());
            Some(Read { name, range: found.start..name_at + 1, asked: asked.or(cast), kind })
        })
    }

    fn source_text(&self, range: Range<usize>) -> String {
        range.map(|index| self.token(index)).collect()
    }

    /// Whether it reads something that the client chooses, beyond being let in: headers, query, body, path.
    #[must_use]
    pub fn reads_client(&self, range: &Range<usize>) -> bool {
        ["Request . Headers", "Request . Url . Query", "Request . OriginalUrl . Query", "Request . MatchedParameters", "Request . Body"]
            .iter()
            .any(|pattern| self.has_within(range, pattern))
    }
}

/// How a variable is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadKind {
    /// `context.Variables["x"]`: throws when it is not there.
    Index,
    /// `GetValueOrDefault`.
    Default,
    /// `ContainsKey`, `TryGetValue`.
    Test,
}

/// One read of a policy variable.
#[derive(Debug, Clone)]
pub struct Read<'a> {
    /// The variable.
    pub name: &'a str,
    /// Its tokens.
    pub range: Range<usize>,
    /// The type that is asked for, by a type argument or a cast.
    pub asked: Option<String>,
    /// How.
    pub kind: ReadKind,
}
