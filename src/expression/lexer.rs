//! C# tokens, and the end of a balanced expression in a text that goes on after it.
//!
//! Lexical grammar: the C# 7 language specification, as far as policies use it (no preprocessor, no unsafe code).

use std::ops::Range;

#[cfg(test)]
mod tests;

/// Brackets may nest this deep, interpolated strings an eighth of it. Public policies stay below 20.
pub const MAX_DEPTH: usize = 256;
const MAX_INTERPOLATION: usize = MAX_DEPTH / 8;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// An identifier or keyword; `@name` included.
    Identifier,
    /// A number with its suffix.
    Number,
    /// `"…"` with escapes.
    String,
    /// `@"…"`.
    Verbatim,
    /// `$"…"`, `$@"…"` or `@$"…"`, whole; its holes are to be lexed again by whoever needs them.
    Interpolated,
    /// `'…'`; it may hold more than one character, which is for the parser to refuse.
    Char,
    /// An operator or a separator. `>>` is two tokens, so that generics close.
    Punctuation,
    /// An opening bracket: `(`, `[` or `{`.
    Open,
    /// A closing bracket.
    Close,
    /// `// …` up to the end of the line, or `/* … */`.
    Comment,
}

/// One token of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Its bytes.
    pub range: Range<usize>,
}

/// Why a text is not C#.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LexError {
    /// A string, character or interpolated string does not end.
    #[error("a string literal is not closed")]
    UnclosedString(usize),
    /// `/*` without `*/`.
    #[error("a comment is not closed")]
    UnclosedComment(usize),
    /// A bracket is never closed.
    #[error("a bracket is not closed")]
    UnclosedBracket(usize),
    /// A bracket closes what was not opened, or another kind.
    #[error("a bracket does not match the one that it closes")]
    MismatchedBracket(usize),
    /// More nesting than [`MAX_DEPTH`].
    #[error("brackets or interpolated strings are nested too deep")]
    TooDeep(usize),
    /// A character that C# does not know.
    #[error("a character does not belong to C#")]
    UnknownCharacter(usize),
}

impl LexError {
    /// The byte it is about.
    #[must_use]
    pub const fn offset(self) -> usize {
        match self {
            Self::UnclosedString(offset)
            | Self::UnclosedComment(offset)
            | Self::UnclosedBracket(offset)
            | Self::MismatchedBracket(offset)
            | Self::TooDeep(offset)
            | Self::UnknownCharacter(offset) => offset,
        }
    }
}

/// Walks the tokens of a text, comments included and white space left out.
#[derive(Debug, Clone)]
pub struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    /// Starts at byte `at`, which must be a character boundary (else at the end).
    #[must_use]
    pub fn new(text: &'a str, at: usize) -> Self {
        Self { text, at: if text.is_char_boundary(at) { at } else { text.len() } }
    }

    /// Where the next token is looked for.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.at
    }

    fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    fn byte(&self, at: usize) -> u8 {
        self.bytes().get(at).copied().unwrap_or(0)
    }

    fn take_while(&self, from: usize, accept: impl Fn(char) -> bool) -> usize {
        let rest = self.text.get(from..).unwrap_or_default();
        from + rest.find(|character| !accept(character)).unwrap_or(rest.len())
    }

    /// The next token; `None` at the end of the text.
    ///
    /// # Errors
    /// The text is no C# from here on. A lexer that has failed stays where it is.
    pub fn next_token(&mut self) -> Result<Option<Token>, LexError> {
        let start = self.take_while(self.at, |character| character.is_whitespace() || character == '\u{feff}');
        self.at = start;
        let Some(first) = self.text.get(start..).and_then(|rest| rest.chars().next()) else { return Ok(None) };
        let (kind, end) = match first {
            '"' => (TokenKind::String, string_end(self.text, start + 1, false).ok_or(LexError::UnclosedString(start))?),
            '\'' => (TokenKind::Char, char_end(self.text, start).ok_or(LexError::UnclosedString(start))?),
            '@' | '$' => self.prefixed(start, first)?,
            '/' if self.byte(start + 1) == b'/' => {
                (TokenKind::Comment, self.take_while(start, |character| !matches!(character, '\n' | '\r')))
            }
            '/' if self.byte(start + 1) == b'*' => {
                let body = self.text.get(start + 2..).unwrap_or_default();
                (TokenKind::Comment, start + 4 + body.find("*/").ok_or(LexError::UnclosedComment(start))?)
            }
            '(' | '[' | '{' => (TokenKind::Open, start + 1),
            ')' | ']' | '}' => (TokenKind::Close, start + 1),
            '0'..='9' => (TokenKind::Number, number_end(self.bytes(), start)),
            '.' if self.byte(start + 1).is_ascii_digit() => (TokenKind::Number, number_end(self.bytes(), start)),
            _ if is_identifier_start(first) => (TokenKind::Identifier, self.take_while(start, is_identifier_part)),
            _ => (TokenKind::Punctuation, start + punctuation_length(&self.bytes()[start..]).ok_or(LexError::UnknownCharacter(start))?),
        };
        self.at = end;
        Ok(Some(Token { kind, range: start..end }))
    }

    fn prefixed(&self, start: usize, first: char) -> Result<(TokenKind, usize), LexError> {
        let unclosed = LexError::UnclosedString(start);
        match (first, self.byte(start + 1), self.byte(start + 2)) {
            ('@', b'"', _) => Ok((TokenKind::Verbatim, string_end(self.text, start + 2, true).ok_or(unclosed)?)),
            ('$', b'"', _) => Ok((TokenKind::Interpolated, interpolated_end(self.text, start + 2, false)?.ok_or(unclosed)?)),
            ('$', b'@', b'"') | ('@', b'$', b'"') => {
                Ok((TokenKind::Interpolated, interpolated_end(self.text, start + 3, true)?.ok_or(unclosed)?))
            }
            ('@', ..) if self.text.get(start + 1..).and_then(|rest| rest.chars().next()).is_some_and(is_identifier_start) => {
                Ok((TokenKind::Identifier, self.take_while(start + 1, is_identifier_part)))
            }
            _ => Err(LexError::UnknownCharacter(start)),
        }
    }
}

/// Whether `character` may begin an identifier.
#[must_use]
pub fn is_identifier_start(character: char) -> bool {
    character == '_' || character.is_alphabetic()
}

fn is_identifier_part(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

/// The operators of C# 7 by length, but `>>` and `>>=`: `a<b<c>>` closes two generics.
fn punctuation_length(bytes: &[u8]) -> Option<usize> {
    const TWO: [&[u8; 2]; 19] = [
        b"==", b"!=", b"<=", b">=", b"&&", b"||", b"??", b"?.", b"=>", b"+=", b"-=", b"*=", b"/=", b"%=", b"&=", b"|=", b"^=", b"++", b"--",
    ];
    let first = *bytes.first()?;
    if bytes.starts_with(b"<<=") {
        return Some(3);
    }
    if bytes.starts_with(b"<<") || bytes.starts_with(b"::") || bytes.starts_with(b"->") {
        return Some(2);
    }
    // `a?.5:b` is a conditional with a number.
    if bytes.starts_with(b"?.") && bytes.get(2).is_some_and(u8::is_ascii_digit) {
        return Some(1);
    }
    if TWO.iter().any(|operator| bytes.starts_with(*operator)) {
        return Some(2);
    }
    b"+-*/%&|^!~=<>?:;,.".contains(&first).then_some(1)
}

fn number_end(bytes: &[u8], start: usize) -> usize {
    let at = |index: usize| bytes.get(index).copied().unwrap_or(0);
    let digits = |mut index: usize, accept: fn(u8) -> bool| {
        while accept(at(index)) || at(index) == b'_' {
            index += 1;
        }
        index
    };
    let decimal: fn(u8) -> bool = |byte| byte.is_ascii_digit();
    let mut end = match (at(start), at(start + 1) | 0x20) {
        (b'0', b'x') => digits(start + 2, |byte| byte.is_ascii_hexdigit()),
        (b'0', b'b') => digits(start + 2, |byte| matches!(byte, b'0' | b'1')),
        _ => {
            let mut end = digits(start, decimal);
            if at(end) == b'.' && at(end + 1).is_ascii_digit() {
                end = digits(end + 1, decimal);
            }
            let sign = usize::from(matches!(at(end + 1), b'+' | b'-'));
            if at(end) | 0x20 == b'e' && at(end + 1 + sign).is_ascii_digit() {
                end = digits(end + 1 + sign, decimal);
            }
            end
        }
    };
    while matches!(at(end) | 0x20, b'u' | b'l' | b'f' | b'd' | b'm') {
        end += 1;
    }
    end
}

/// The end of a string whose first character is at `from`; `None` if it does not close. A plain string may hold
/// raw line breaks: C# would refuse them, but the string still ends where its author thought.
fn string_end(text: &str, from: usize, verbatim: bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = from;
    loop {
        match bytes.get(at)? {
            b'"' if verbatim && bytes.get(at + 1) == Some(&b'"') => at += 2,
            b'"' => return Some(at + 1),
            b'\\' if !verbatim => at += 2,
            _ => at += 1,
        }
    }
}

/// The end of `'…'`, which must be on one line.
fn char_end(text: &str, start: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = start + 1;
    // `'''` is what people write for `'\''`.
    if bytes.get(at) == Some(&b'\'') && bytes.get(at + 1) == Some(&b'\'') {
        return Some(at + 2);
    }
    loop {
        match bytes.get(at)? {
            b'\'' => return Some(at + 1),
            b'\n' | b'\r' => return None,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// One open construct of an interpolated string.
enum Frame {
    /// The text of a string, verbatim or not.
    Text { verbatim: bool },
    /// `{ … }`, with the brackets opened in it.
    Hole { brackets: Vec<u8> },
}

/// The end of an interpolated string whose first character is at `from`. Nested ones are walked in the same pass.
fn interpolated_end(text: &str, from: usize, verbatim: bool) -> Result<Option<usize>, LexError> {
    let bytes = text.as_bytes();
    let mut frames = vec![Frame::Text { verbatim }];
    let mut at = from;
    loop {
        let Some(&byte) = bytes.get(at) else { return Ok(None) };
        let next = bytes.get(at + 1).copied();
        match frames.last_mut() {
            None => return Ok(Some(at)),
            Some(Frame::Text { verbatim }) => match byte {
                b'"' if *verbatim && next == Some(b'"') => at += 2,
                b'"' => {
                    at += 1;
                    frames.pop();
                    if frames.is_empty() {
                        return Ok(Some(at));
                    }
                }
                b'\\' if !*verbatim => at += 2,
                b'{' if next == Some(b'{') => at += 2,
                b'{' => {
                    at += 1;
                    if frames.len() > 2 * MAX_INTERPOLATION {
                        return Err(LexError::TooDeep(at - 1));
                    }
                    frames.push(Frame::Hole { brackets: Vec::new() });
                }
                _ => at += 1,
            },
            Some(Frame::Hole { brackets }) => {
                let depth = brackets.len();
                match (byte, next) {
                    (b'}', _) if depth == 0 => {
                        at += 1;
                        frames.pop();
                    }
                    // A format specifier runs to the end of the hole.
                    (b':', other) if depth == 0 && other != Some(b':') => {
                        match bytes[at..].iter().position(|byte| matches!(byte, b'}' | b'"')) {
                            Some(length) => at += length,
                            None => return Ok(None),
                        }
                    }
                    (b'$', Some(b'"')) => {
                        at += 2;
                        frames.push(Frame::Text { verbatim: false });
                    }
                    (b'$', Some(b'@')) | (b'@', Some(b'$')) if bytes.get(at + 2) == Some(&b'"') => {
                        at += 3;
                        frames.push(Frame::Text { verbatim: true });
                    }
                    (b'(' | b'[' | b'{', _) => {
                        if depth >= MAX_DEPTH {
                            return Err(LexError::TooDeep(at));
                        }
                        brackets.push(byte);
                        at += 1;
                    }
                    (b')' | b']' | b'}', _) => {
                        if brackets.pop().is_none_or(|open| !closes(open, byte)) {
                            return Err(LexError::MismatchedBracket(at));
                        }
                        at += 1;
                    }
                    _ => {
                        let mut lexer = Lexer::new(text, at);
                        match lexer.next_token() {
                            // White space was passed over: what follows it may be a bracket or a format specifier.
                            Ok(Some(token)) => at = if token.range.start > at { token.range.start } else { token.range.end },
                            Ok(None) => return Ok(None),
                            Err(LexError::UnknownCharacter(offset)) => {
                                at = offset + text.get(offset..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8)
                            }
                            Err(error) => return Err(error),
                        }
                    }
                }
            }
        }
    }
}

const fn closes(open: u8, close: u8) -> bool {
    matches!((open, close), (b'(', b')') | (b'[', b']') | (b'{', b'}'))
}

/// The end of the bracket that stands at `start`: one past its partner, everything between them being C# tokens.
///
/// Linear in what is walked.
///
/// # Errors
/// There is no partner, or what lies between is no C#. A character that C# does not know is passed over, because
/// finding the end matters more here (the parser reports it).
pub fn balanced_end(text: &str, start: usize) -> Result<usize, LexError> {
    let mut open: Vec<usize> = Vec::new();
    let mut lexer = Lexer::new(text, start);
    loop {
        let token = match lexer.next_token() {
            Ok(Some(token)) => token,
            Ok(None) => return Err(LexError::UnclosedBracket(open.last().copied().unwrap_or(start))),
            Err(LexError::UnknownCharacter(offset)) => {
                lexer.at = offset + text.get(offset..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
                continue;
            }
            Err(error) => return Err(error),
        };
        match token.kind {
            TokenKind::Open if open.len() >= MAX_DEPTH => return Err(LexError::TooDeep(token.range.start)),
            TokenKind::Open => open.push(token.range.start),
            TokenKind::Close => {
                let byte = |at: usize| text.as_bytes().get(at).copied().unwrap_or(0);
                match open.pop() {
                    Some(at) if closes(byte(at), byte(token.range.start)) => {}
                    _ => return Err(LexError::MismatchedBracket(token.range.start)),
                }
                if open.is_empty() {
                    return Ok(token.range.end);
                }
            }
            _ if open.is_empty() => return Err(LexError::UnclosedBracket(start)),
            _ => {}
        }
    }
}

/// All tokens of `text` but comments.
///
/// # Errors
/// The text is no C#.
pub fn tokens(text: &str) -> Result<Vec<Token>, LexError> {
    let mut lexer = Lexer::new(text, 0);
    let mut tokens = Vec::new();
    while let Some(token) = lexer.next_token()? {
        if token.kind != TokenKind::Comment {
            tokens.push(token);
        }
    }
    Ok(tokens)
}
