//! From policy text as people write it to well-formed XML, with the way back.
//!
//! Policy expressions in `rawxml` hold quotes, `<` and `&` that XML does not allow. This pass knows just enough of XML
//! to find attribute values and texts, and enough of C# to find where an expression ends; it encodes what stands in between.
//! The rule: if a value begins with `@(` or `@{` (after white space), the text up to the next quote (or `<`) is taken
//! when it is balanced C# after decoding; otherwise balanced C# is scanned raw, and the quote (or `<`) must come next.
//! Measured on 914 public documents: everything that is not broken is read, and no value mixes text and expression.

use std::ops::Range;

use super::entities::{decode, offset, reference};
use super::{MAX_ATTRIBUTES, MAX_NAME, Problem};
use crate::expression::lexer::{self, LexError, Lexer, TokenKind};
use crate::policy::Format;
use crate::policy::codes;

/// Well-formed XML made of a policy text.
pub(super) struct Escaped {
    pub(super) text: String,
    /// (offset in `text`, offset in the policy) where runs of equal bytes begin.
    pub(super) runs: Vec<(u32, u32)>,
}

impl Escaped {
    /// Where a byte of the XML stands in the policy.
    pub(super) fn raw(&self, at: usize) -> usize {
        let index = self.runs.partition_point(|(start, _)| *start as usize <= at).saturating_sub(1);
        let (start, raw) = self.runs.get(index).copied().unwrap_or_default();
        let limit = self.runs.get(index + 1).map_or(usize::MAX, |next| next.1 as usize);
        (raw as usize + at.saturating_sub(start as usize)).min(limit)
    }

    /// Where a range of the XML stands in the policy.
    pub(super) fn raw_range(&self, range: Range<usize>) -> Range<usize> {
        self.raw(range.start)..self.raw(range.end)
    }
}

/// Encodes `raw`.
pub(super) fn escape(raw: &str, format: Format) -> Result<Escaped, Problem> {
    let mut pass = Pass { raw, format, out: String::with_capacity(raw.len() + raw.len() / 8), runs: vec![(0, 0)], done: 0 };
    if raw.starts_with('\u{feff}') {
        pass.replace(0..3, "");
    }
    let mut at = pass.done;
    while at < raw.len() {
        at = if raw[at..].starts_with('<') && pass.is_markup(at) { pass.markup(at)? } else { pass.text(at)? };
    }
    pass.copy_to(raw.len());
    Ok(Escaped { text: pass.out, runs: pass.runs })
}

struct Pass<'a> {
    raw: &'a str,
    format: Format,
    out: String,
    runs: Vec<(u32, u32)>,
    /// What has been written to `out`.
    done: usize,
}

impl Pass<'_> {
    fn copy_to(&mut self, end: usize) {
        self.out.push_str(&self.raw[self.done..end]);
        self.done = end;
    }

    fn replace(&mut self, range: Range<usize>, with: &str) {
        self.copy_to(range.start);
        if !with.is_empty() {
            self.runs.push((offset(self.out.len()), offset(range.start)));
        }
        self.out.push_str(with);
        self.done = range.end;
        self.runs.push((offset(self.out.len()), offset(range.end)));
    }

    fn find(&self, from: usize, needle: &str) -> Option<usize> {
        self.raw.get(from..)?.find(needle).map(|found| from + found)
    }

    fn skip_white_space(&self, from: usize) -> usize {
        from + self.raw[from..].bytes().take_while(u8::is_ascii_whitespace).count()
    }

    /// Whether `<` at `at` begins markup; in `rawxml` any other `<` is text.
    fn is_markup(&self, at: usize) -> bool {
        self.format == Format::Xml || self.raw[at + 1..].starts_with(|next: char| matches!(next, '/' | '!' | '?') || is_name_start(next))
    }

    /// A tag, comment, CDATA section or declaration; returns what follows it.
    fn markup(&mut self, at: usize) -> Result<usize, Problem> {
        let rest = &self.raw[at..];
        let closed = |end: Option<usize>, length: usize, what: &str| {
            end.map(|end| end + length).ok_or_else(|| {
                Problem::new(codes::UNREADABLE, at..at + 2, format!("{what} is never closed")).help("close it, or remove it")
            })
        };
        if rest.starts_with("<!--") {
            let end = closed(self.find(at + 4, "-->"), 3, "a comment")?;
            if self.format == Format::Xml
                && let Some(dashes) = self.raw[at + 4..end - 2].find("--")
            {
                let at = at + 4 + dashes;
                return Err(Problem::new(codes::UNREADABLE, at..at + 2, "a comment may not hold `--`")
                    .help("use a single dash, or format `rawxml`"));
            }
            return Ok(end);
        }
        if rest.starts_with("<![CDATA[") {
            return closed(self.find(at + 9, "]]>"), 3, "a CDATA section");
        }
        if rest.starts_with("<!") {
            let help = "a policy document has no document type; remove it, or close the comment that is meant";
            return Err(Problem::new(codes::UNREADABLE, at..at + 2, "`<!` begins neither a comment nor CDATA").help(help));
        }
        if rest.starts_with("<?") {
            return closed(self.find(at + 2, "?>"), 2, "a processing instruction");
        }
        if rest.starts_with("</") {
            let name_end = self.name(at + 2, "an end tag")?;
            let end = self.skip_white_space(name_end);
            return if self.raw[end..].starts_with('>') {
                Ok(end + 1)
            } else {
                Err(Problem::new(codes::END_TAG, at..name_end, format!("the end tag `</{}` has no `>`", &self.raw[at + 2..name_end]))
                    .help("write `>` after the name"))
            };
        }
        self.start_tag(at)
    }

    fn name(&self, at: usize, what: &str) -> Result<usize, Problem> {
        let rest = &self.raw[at..];
        let length = rest.find(|character| !is_name_part(character)).unwrap_or(rest.len());
        if length == 0 || !rest.starts_with(is_name_start) {
            let next = rest.chars().next().map_or(0, char::len_utf8);
            return Err(Problem::new(codes::UNREADABLE, at..at + next, format!("{what} has no name"))
                .help("write a name, or `&lt;` if the `<` is text"));
        }
        if length > MAX_NAME {
            return Err(
                Problem::new(codes::TOO_LARGE, at..at + length, format!("a name of {length} characters is no policy's")).help("shorten it")
            );
        }
        Ok(at + length)
    }

    fn start_tag(&mut self, at: usize) -> Result<usize, Problem> {
        let name_end = self.name(at + 1, "a tag")?;
        let element = &self.raw[at + 1..name_end];
        let mut next = name_end;
        for _ in 0..=MAX_ATTRIBUTES {
            let start = self.skip_white_space(next);
            let rest = &self.raw[start..];
            if rest.starts_with('>') {
                return Ok(start + 1);
            }
            if rest.starts_with("/>") {
                return Ok(start + 2);
            }
            if rest.is_empty() || rest.starts_with('<') {
                return Err(Problem::new(codes::UNREADABLE, at..name_end, format!("the tag `<{element}` has no `>`"))
                    .help("close the tag with `>` or `/>`"));
            }
            if start == next {
                return Err(self.no_white_space(start, element));
            }
            next = self.attribute(start, element)?;
        }
        Err(Problem::new(codes::TOO_LARGE, at..name_end, format!("`<{element}>` has more than {MAX_ATTRIBUTES} attributes"))
            .help("no policy has so many"))
    }

    /// The classic: a quote inside a value that is no expression, or a raw quote in format `xml`.
    fn no_white_space(&self, at: usize, element: &str) -> Problem {
        let end = at + self.raw[at..].chars().next().map_or(0, char::len_utf8);
        let message = format!("in `<{element}>`, white space is expected after a value's closing quote");
        match self.format {
            Format::Xml => Problem::new(codes::NEEDS_ESCAPING, at..end, message)
                .help("write `&quot;` for a quote inside the value, or use format `rawxml`, which takes expressions as they are"),
            Format::RawXml => Problem::new(codes::ATTRIBUTE_SYNTAX, at..end, message)
                .help("separate the attributes, or write `&quot;` for a quote inside a value that is no expression"),
        }
    }

    fn attribute(&mut self, at: usize, element: &str) -> Result<usize, Problem> {
        let malformed =
            |range: Range<usize>, message: String| Problem::new(codes::ATTRIBUTE_SYNTAX, range, message).help("write `name=\"value\"`");
        let name_end = match self.name(at, "an attribute") {
            Err(problem) if problem.code == codes::UNREADABLE => {
                let end = at + self.raw[at..].chars().next().map_or(0, char::len_utf8);
                return Err(malformed(at..end, format!("in `<{element}>`, `{}` begins no attribute", &self.raw[at..end])));
            }
            other => other?,
        };
        let name = &self.raw[at..name_end];
        let equals = self.skip_white_space(name_end);
        if !self.raw[equals..].starts_with('=') {
            return Err(malformed(at..name_end, format!("the attribute `{name}` of `<{element}>` has no value")));
        }
        let quote_at = self.skip_white_space(equals + 1);
        let Some(quote) = self.raw[quote_at..].chars().next().filter(|character| matches!(character, '"' | '\'')) else {
            return Err(malformed(at..name_end, format!("the value of `{name}` in `<{element}>` is not quoted")));
        };
        let start = quote_at + 1;
        let plain_end = self.raw[start..].find(quote).map(|length| start + length);
        let expression = self.skip_white_space(start);
        let raw_expression = self.format == Format::RawXml && begins_expression(&self.raw[expression..]);
        if raw_expression {
            let range = plain_end.map(|end| expression..end);
            if !range.is_some_and(|range| self.is_encoded_expression(range)) {
                let what = || format!("the expression in `{name}` of `<{element}>`");
                let end = self.raw_expression(expression, &what)?;
                let close = self.skip_white_space(end);
                if !self.raw[close..].starts_with(quote) {
                    let help = format!(
                        "a value is either text or one expression; nothing may stand between its last bracket and the closing {quote}"
                    );
                    let next = close + self.raw[close..].chars().next().map_or(0, char::len_utf8);
                    return Err(Problem::new(codes::EXPRESSION_UNCLOSED, close..next, format!("{} is followed by something else", what()))
                        .label(expression..end, "the expression ends here")
                        .help(help));
                }
                self.encode_expression(expression..end, Some(quote));
                return Ok(close + 1);
            }
        }
        let Some(end) = plain_end else {
            return Err(Problem::new(
                codes::ATTRIBUTE_SYNTAX,
                quote_at..start,
                format!("the value of `{name}` in `<{element}>` has no closing quote"),
            )
            .help(format!("close it with {quote}")));
        };
        if !raw_expression && let Some(less) = self.raw[start..end].find('<') {
            let (code, help) = if begins_expression(&self.raw[expression..]) {
                (codes::NEEDS_ESCAPING, "write `&lt;`, or use format `rawxml`, which takes expressions as they are")
            } else {
                (codes::ATTRIBUTE_SYNTAX, "write `&lt;`, or close the value's quote before it")
            };
            let at = start + less;
            return Err(Problem::new(code, at..at + 1, format!("the value of `{name}` in `<{element}>` holds a `<`"))
                .label(quote_at..start, "the value begins here")
                .help(help));
        }
        self.encode_ampersands(start..end)?;
        Ok(end + 1)
    }

    /// Text up to the next markup.
    fn text(&mut self, at: usize) -> Result<usize, Problem> {
        let expression = self.skip_white_space(at);
        if self.format == Format::RawXml && begins_expression(&self.raw[expression..]) {
            let plain_end = self.find(expression, "<").unwrap_or(self.raw.len());
            if !self.is_encoded_expression(expression..plain_end) {
                let what = || "the expression in this text".to_owned();
                let end = self.raw_expression(expression, &what)?;
                let close = self.skip_white_space(end);
                if close < self.raw.len() && !(self.raw[close..].starts_with('<') && self.is_markup(close)) {
                    let next = close + self.raw[close..].chars().next().map_or(0, char::len_utf8);
                    return Err(Problem::new(codes::EXPRESSION_UNCLOSED, close..next, format!("{} is followed by something else", what()))
                        .label(expression..end, "the expression ends here")
                        .help("a text is either literal or one expression; use a `@{ … }` block that returns the whole text"));
                }
                self.encode_expression(expression..end, None);
                return Ok(close);
            }
        }
        let mut end = at;
        loop {
            end = self.find(end, "<").unwrap_or(self.raw.len());
            if end == self.raw.len() || self.is_markup(end) {
                break;
            }
            end += 1;
        }
        self.encode_ampersands(at..end)?;
        Ok(end)
    }

    /// Whether the range holds one whole expression, in the encoded style or without anything to encode.
    fn is_encoded_expression(&self, range: Range<usize>) -> bool {
        let (decoded, _) = decode(&self.raw[range]);
        let decoded = decoded.trim_end();
        lexer::balanced_end(decoded, 1) == Ok(decoded.len())
    }

    fn raw_expression(&self, start: usize, what: &dyn Fn() -> String) -> Result<usize, Problem> {
        lexer::balanced_end(self.raw, start + 1).map_err(|error| {
            let at = error.offset();
            let length = self.raw[at..].chars().next().map_or(0, char::len_utf8);
            let problem = match error {
                LexError::TooDeep(_) => Problem::new(codes::TOO_LARGE, at..at + length, format!("{} is nested too deep", what())),
                LexError::UnclosedString(_) => {
                    Problem::new(codes::EXPRESSION_UNCLOSED, at..at + length, format!("{} holds a string that is not closed", what()))
                }
                LexError::UnclosedComment(_) => {
                    Problem::new(codes::EXPRESSION_UNCLOSED, at..at + length, format!("{} holds a comment that is not closed", what()))
                }
                LexError::MismatchedBracket(_) => {
                    Problem::new(codes::EXPRESSION_UNCLOSED, at..at + length, format!("{} has a bracket that does not match", what()))
                }
                LexError::UnclosedBracket(_) | LexError::UnknownCharacter(_) => {
                    Problem::new(codes::EXPRESSION_UNCLOSED, at..at + length, format!("{} has a bracket that is not closed", what()))
                }
            };
            problem.label(start..start + 2, "the expression begins here").help("balance the brackets and quotes of the C# expression")
        })
    }

    /// Encodes an expression that was scanned raw. References outside its literals and comments are kept: people mix both styles.
    fn encode_expression(&mut self, range: Range<usize>, quote: Option<char>) {
        let mut literals: Vec<Range<usize>> = Vec::new();
        let mut lexer = Lexer::new(&self.raw[..range.end], range.start + 1);
        loop {
            match lexer.next_token() {
                Ok(Some(token))
                    if matches!(
                        token.kind,
                        TokenKind::Identifier | TokenKind::Number | TokenKind::Punctuation | TokenKind::Open | TokenKind::Close
                    ) => {}
                Ok(Some(token)) => literals.push(token.range),
                Ok(None) => break,
                // A character that is no C#: the parser reports it.
                Err(error) => {
                    lexer = Lexer::new(
                        &self.raw[..range.end],
                        error.offset() + self.raw[error.offset()..].chars().next().map_or(1, char::len_utf8),
                    )
                }
            }
        }
        let mut literals = literals.into_iter().peekable();
        let raw = self.raw;
        for (found, character) in raw[range.clone()].char_indices() {
            let at = range.start + found;
            while literals.next_if(|literal| literal.end <= at).is_some() {}
            let literal = literals.peek().is_some_and(|literal| literal.contains(&at));
            match character {
                '<' => self.replace(at..at + 1, "&lt;"),
                '&' if literal || reference(&raw[at..]).is_none() => self.replace(at..at + 1, "&amp;"),
                '"' if quote == Some('"') => self.replace(at..at + 1, "&quot;"),
                '\'' if quote == Some('\'') => self.replace(at..at + 1, "&apos;"),
                // `]]>` may not stand in text.
                '>' if quote.is_none() => self.replace(at..at + 1, "&gt;"),
                _ => {}
            }
        }
    }

    /// Encodes `&` that begins no reference, and `<` that begins no markup; format `xml` has neither.
    fn encode_ampersands(&mut self, range: Range<usize>) -> Result<(), Problem> {
        let raw = self.raw;
        for (found, byte) in raw[range.clone()].bytes().enumerate() {
            let at = range.start + found;
            match byte {
                b'&' if reference(&raw[at..]).is_some() => {}
                b'&' if self.format == Format::Xml => {
                    return Err(Problem::new(codes::NEEDS_ESCAPING, at..at + 1, "`&` begins no character reference")
                        .help("write `&amp;`, or use format `rawxml`, which takes expressions as they are"));
                }
                b'&' => self.replace(at..at + 1, "&amp;"),
                b'<' => self.replace(at..at + 1, "&lt;"),
                _ => {}
            }
        }
        Ok(())
    }
}

fn begins_expression(text: &str) -> bool {
    text.starts_with("@(") || text.starts_with("@{")
}

fn is_name_start(character: char) -> bool {
    character.is_alphabetic() || matches!(character, '_' | ':')
}

fn is_name_part(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | ':' | '-' | '.')
}
