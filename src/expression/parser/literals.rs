//! Literals: what their characters mean.

use super::{Parsed, Parser, SyntaxError};
use crate::expression::lexer;
use crate::expression::syntax::{InterpolationPart, Literal, Node, NodeKind};

/// A number with its suffix.
pub(super) fn number(text: &str, at: usize) -> Parsed<Literal> {
    let error = |message: &str| SyntaxError { at, message: message.to_owned() };
    let plain: String = text.chars().filter(|character| *character != '_').collect::<String>().to_ascii_lowercase();
    for (prefix, radix) in [("0x", 16), ("0b", 2)] {
        if let Some(digits) = plain.strip_prefix(prefix) {
            let (digits, suffix) = integer_suffix(digits);
            let value = u64::from_str_radix(digits, radix).map_err(|_| error("the integer is too large"))?;
            return Ok(Literal::Integer(value, suffix));
        }
    }
    if let Some(digits) = plain.strip_suffix('m') {
        return Ok(Literal::Decimal(digits.to_owned()));
    }
    if let Some(digits) = plain.strip_suffix('f') {
        return digits.parse().map(Literal::Single).map_err(|_| error("the number is malformed"));
    }
    if let Some(digits) = plain.strip_suffix('d') {
        return digits.parse().map(Literal::Double).map_err(|_| error("the number is malformed"));
    }
    if plain.contains(['.', 'e']) {
        return plain.parse().map(Literal::Double).map_err(|_| error("the number is malformed"));
    }
    let (digits, suffix) = integer_suffix(&plain);
    digits.parse().map(|value| Literal::Integer(value, suffix)).map_err(|_| error("the integer is too large"))
}

fn integer_suffix(text: &str) -> (&str, &'static str) {
    for (written, suffix) in [("ul", "ul"), ("lu", "ul"), ("u", "u"), ("l", "l")] {
        if let Some(digits) = text.strip_suffix(written) {
            return (digits, suffix);
        }
    }
    (text, "")
}

/// The units of the text between the quotes of a plain literal.
pub(super) fn unescape(text: &str, at: usize) -> Parsed<Vec<u16>> {
    let mut out = Vec::with_capacity(text.len());
    let mut characters = text.char_indices().peekable();
    let error = |offset: usize, message: &str| SyntaxError { at: at + offset, message: message.to_owned() };
    while let Some((offset, character)) = characters.next() {
        if character != '\\' {
            if matches!(character, '\n' | '\r') {
                return Err(error(offset, "a line break may not stand in a plain string literal; use `@\"…\"` or `\\n`"));
            }
            out.extend_from_slice(character.encode_utf16(&mut [0; 2]));
            continue;
        }
        let Some((_, escape)) = characters.next() else { return Err(error(offset, "an escape sequence is not finished")) };
        let mut hexadecimal = |least: usize, most: usize| -> Option<u32> {
            let mut value = 0;
            let mut count = 0;
            while count < most
                && let Some(digit) = characters.peek().and_then(|(_, character)| character.to_digit(16))
            {
                value = value * 16 + digit;
                count += 1;
                characters.next();
            }
            (count >= least).then_some(value)
        };
        let unit = match escape {
            '\'' | '"' | '\\' => escape as u32,
            '0' => 0,
            'a' => 7,
            'b' => 8,
            'f' => 12,
            'n' => 10,
            'r' => 13,
            't' => 9,
            'v' => 11,
            'x' => hexadecimal(1, 4).ok_or_else(|| error(offset, "`\\x` wants hexadecimal digits"))?,
            'u' => hexadecimal(4, 4).ok_or_else(|| error(offset, "`\\u` wants four hexadecimal digits"))?,
            'U' => {
                let value = hexadecimal(8, 8).ok_or_else(|| error(offset, "`\\U` wants eight hexadecimal digits"))?;
                let character = char::from_u32(value).ok_or_else(|| error(offset, "`\\U` names no character"))?;
                out.extend_from_slice(character.encode_utf16(&mut [0; 2]));
                continue;
            }
            _ => return Err(error(offset, "the escape sequence is unknown")),
        };
        out.push(u16::try_from(unit).unwrap_or(0));
    }
    Ok(out)
}

impl Parser<'_> {
    pub(super) fn string_literal(&mut self, verbatim: bool) -> Parsed<Literal> {
        let (at, text) = (self.offset(), self.here());
        self.at += 1;
        if verbatim {
            let inner = text.get(2..text.len() - 1).unwrap_or_default();
            return Ok(Literal::String(inner.replace("\"\"", "\"").encode_utf16().collect()));
        }
        Ok(Literal::String(unescape(text.get(1..text.len() - 1).unwrap_or_default(), at + 1)?))
    }

    pub(super) fn char_literal(&mut self) -> Parsed<Literal> {
        let (at, text) = (self.offset(), self.here());
        let units = unescape(text.get(1..text.len() - 1).unwrap_or_default(), at + 1)?;
        match units.as_slice() {
            [unit] => {
                self.at += 1;
                Ok(Literal::Char(*unit))
            }
            _ => Err(self.fault("a character literal holds exactly one character")),
        }
    }

    /// `$"…"`: its texts and holes.
    pub(super) fn interpolated(&mut self) -> Parsed<Node> {
        let (at, text) = (self.offset(), self.here());
        self.at += 1;
        let open = text.find('"').unwrap_or(0) + 1;
        let verbatim = text.get(..open).unwrap_or_default().contains('@');
        let close = text.len() - 1;
        let bytes = text.as_bytes();
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut position = open;
        while position < close {
            let byte = bytes[position];
            match byte {
                b'{' | b'}' if bytes.get(position + 1) == Some(&byte) && position + 1 < close => {
                    literal.push(char::from(byte));
                    position += 2;
                }
                b'{' => {
                    self.flush(&mut literal, verbatim, at + open, &mut parts)?;
                    position = self.hole(text, at, position + 1, close, &mut parts)?;
                }
                b'}' => {
                    return Err(SyntaxError { at: at + position, message: "`}` is to be doubled in an interpolated string".to_owned() });
                }
                b'"' if verbatim => {
                    literal.push('"');
                    position += 2;
                }
                b'\\' if !verbatim => {
                    let next = text.get(position + 1..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
                    literal.push_str(text.get(position..position + 1 + next).unwrap_or_default());
                    position += 1 + next;
                }
                _ => {
                    let character = text.get(position..).and_then(|rest| rest.chars().next()).unwrap_or(' ');
                    literal.push(character);
                    position += character.len_utf8();
                }
            }
        }
        self.flush(&mut literal, verbatim, at + open, &mut parts)?;
        Ok(Node { at, kind: NodeKind::Interpolated(parts) })
    }

    fn flush(&self, literal: &mut String, verbatim: bool, at: usize, parts: &mut Vec<InterpolationPart>) -> Parsed<()> {
        if !literal.is_empty() {
            let units = if verbatim { literal.encode_utf16().collect() } else { unescape(literal, at)? };
            parts.push(InterpolationPart::Text(units));
            literal.clear();
        }
        Ok(())
    }

    /// Reads one hole that begins at `start` of the token; gives the place after its `}`.
    fn hole(&mut self, text: &str, at: usize, start: usize, close: usize, parts: &mut Vec<InterpolationPart>) -> Parsed<usize> {
        let error = |offset: usize, message: &str| SyntaxError { at: at + offset, message: message.to_owned() };
        let mut lexer = lexer::Lexer::new(text.get(..close).unwrap_or_default(), start);
        let mut tokens = Vec::new();
        let (mut depth, mut conditionals) = (0usize, 0usize);
        let end;
        loop {
            let token = lexer.next_token().map_err(|problem| error(problem.offset(), &problem.to_string()))?;
            let Some(token) = token else { return Err(error(start, "`}` is missing in an interpolated string")) };
            match text.get(token.range.clone()).unwrap_or_default() {
                "(" | "[" | "{" => depth += 1,
                "}" if depth == 0 => {
                    end = token.range.start;
                    break;
                }
                ")" | "]" | "}" => depth = depth.saturating_sub(1),
                "?" if depth == 0 => conditionals += 1,
                ":" if depth == 0 && conditionals == 0 => {
                    end = token.range.start;
                    break;
                }
                ":" if depth == 0 => conditionals -= 1,
                _ => {}
            }
            if token.kind != lexer::TokenKind::Comment {
                tokens.push(lexer::Token { kind: token.kind, range: token.range.start + at..token.range.end + at });
            }
        }
        if tokens.is_empty() {
            return Err(error(start, "a hole of an interpolated string is empty"));
        }
        let saved =
            (std::mem::replace(&mut self.tokens, tokens), std::mem::replace(&mut self.at, 0), std::mem::replace(&mut self.end, at + end));
        let read = self.nested(|parser| {
            let value = parser.expression()?;
            let alignment = if parser.accept(",") { Some(parser.expression()?) } else { None };
            if parser.done() { Ok((value, alignment)) } else { Err(parser.unexpected()) }
        });
        (self.tokens, self.at, self.end) = saved;
        let (value, alignment) = read?;
        let mut after = end + 1;
        let mut format = None;
        if text.as_bytes().get(end) == Some(&b':') {
            let rest = text.get(end + 1..close).unwrap_or_default();
            let length = rest.find('}').ok_or_else(|| error(end, "`}` is missing in an interpolated string"))?;
            format = rest.get(..length).map(str::to_owned);
            after = end + 1 + length + 1;
        }
        parts.push(InterpolationPart::Hole { value, alignment, format });
        Ok(after)
    }
}
