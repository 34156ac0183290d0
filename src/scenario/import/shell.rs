//! A command line as a POSIX shell (and bash's `$'…'`) takes it apart. Nothing is run or expanded: a variable becomes a hole unless its value
//! is known, and what needs a shell is refused by name.

use std::ops::Range;

use super::values::Text;
use super::{Importer, codes};
use crate::support::source::SourceText;

/// Words of the first command of `text`; `None` if it cannot be read.
pub(super) fn words(importer: &mut Importer<'_>, text: &SourceText) -> Option<Vec<Text>> {
    if let Some(at) = cmd_quoting(text.text()) {
        let finding = importer.error(codes::SHELL, "this command line is written for `cmd.exe`", text.span(at));
        finding.help = Some("copy it as cURL for bash".to_owned());
        return None;
    }
    Lexer { importer, source: text, text: text.text(), at: 0, words: Vec::new(), word: None }.run()
}

/// Where `^"` or a `^` at a line's end stands outside of single quotes.
fn cmd_quoting(text: &str) -> Option<Range<usize>> {
    let unquoted = !text.contains('\'');
    let found = text.find("^\"").or_else(|| text.find("^\n")).or_else(|| text.find("^\r\n"))?;
    unquoted.then_some(found..found + 1)
}

struct Lexer<'i, 'a, 't> {
    importer: &'i mut Importer<'a>,
    source: &'t SourceText,
    text: &'t str,
    at: usize,
    words: Vec<Text>,
    /// The word that is being read, and where it began.
    word: Option<Word>,
}

#[derive(Default)]
struct Word {
    start: usize,
    value: String,
    holes: Vec<(usize, String)>,
}

/// Whether to read on.
enum Next {
    Go,
    Stop,
}

impl Lexer<'_, '_, '_> {
    fn run(mut self) -> Option<Vec<Text>> {
        while let Some(character) = self.peek() {
            let start = self.at;
            self.at += character.len_utf8();
            match character {
                '\'' => self.single_quoted(start)?,
                '"' => self.double_quoted(start)?,
                '\\' => self.escaped(),
                '$' if self.peek() == Some('\'') => {
                    self.at += 1;
                    self.ansi_quoted(start)?;
                }
                '$' => self.variable(start)?,
                '`' => {
                    self.command(start);
                    return None;
                }
                '#' if self.word.is_none() => self.skip_line(),
                '\n' | '|' | ';' | '&' | '<' | '>' | '(' | ')' => {
                    if matches!(self.operator(character, start)?, Next::Stop) {
                        break;
                    }
                }
                blank if blank.is_whitespace() => self.end_word(start),
                other => self.push(other, start),
            }
        }
        self.end_word(self.at);
        Some(self.words)
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    fn open(&mut self, start: usize) -> &mut Word {
        self.word.get_or_insert_with(|| Word { start, ..Word::default() })
    }

    fn push(&mut self, character: char, start: usize) {
        self.open(start).value.push(character);
    }

    fn end_word(&mut self, end: usize) {
        if let Some(word) = self.word.take() {
            self.words.push(Text { value: word.value, holes: word.holes, span: self.source.span(word.start..end) });
        }
    }

    fn skip_line(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += rest.find('\n').unwrap_or(rest.len());
    }

    fn unfinished(&mut self, start: usize, what: &str) {
        let span = self.source.span(start..start + 1);
        self.importer.error(codes::QUOTES, format!("{what} has no end"), span);
    }

    fn single_quoted(&mut self, start: usize) -> Option<()> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let Some(length) = rest.find('\'') else {
            self.unfinished(start, "a text in single quotes");
            return None;
        };
        let inner = rest.get(..length).unwrap_or_default();
        self.open(start).value.push_str(inner);
        self.at += length + 1;
        Some(())
    }

    fn double_quoted(&mut self, start: usize) -> Option<()> {
        self.open(start);
        loop {
            let Some(character) = self.peek() else {
                self.unfinished(start, "a text in double quotes");
                return None;
            };
            let at = self.at;
            self.at += character.len_utf8();
            match character {
                '"' => return Some(()),
                '\\' => match self.peek() {
                    Some('\n') => self.at += 1,
                    Some('\r') if self.text.get(self.at + 1..).is_some_and(|rest| rest.starts_with('\n')) => self.at += 2,
                    Some(escaped @ ('$' | '`' | '"' | '\\')) => {
                        self.at += 1;
                        self.push(escaped, at);
                    }
                    _ => self.push('\\', at),
                },
                '$' => self.variable(at)?,
                '`' => {
                    self.command(at);
                    return None;
                }
                other => self.push(other, at),
            }
        }
    }

    /// After a backslash outside of quotes.
    fn escaped(&mut self) {
        let start = self.at - 1;
        match self.peek() {
            Some('\n') => self.at += 1,
            // A file with Windows' line ends.
            Some('\r') if self.text.get(self.at + 1..).is_some_and(|rest| rest.starts_with('\n')) => self.at += 2,
            Some(character) => {
                self.at += character.len_utf8();
                self.push(character, start);
            }
            None => self.push('\\', start),
        }
    }

    /// After `$'`.
    fn ansi_quoted(&mut self, start: usize) -> Option<()> {
        self.open(start);
        let mut bytes: Vec<u8> = Vec::new();
        loop {
            let Some(character) = self.peek() else {
                self.unfinished(start, "a text in `$'…'`");
                return None;
            };
            self.at += character.len_utf8();
            match character {
                '\'' => break,
                '\\' => self.ansi_escape(&mut bytes, start)?,
                other => bytes.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        // Bytes that are no UTF-8 cannot stand in a scenario's text.
        self.open(start).value.push_str(&String::from_utf8_lossy(&bytes));
        Some(())
    }

    fn ansi_escape(&mut self, bytes: &mut Vec<u8>, start: usize) -> Option<()> {
        let Some(character) = self.peek() else {
            self.unfinished(start, "a text in `$'…'`");
            return None;
        };
        self.at += character.len_utf8();
        let plain = match character {
            'n' => b'\n',
            't' => b'\t',
            'r' => b'\r',
            'a' => 7,
            'b' => 8,
            'e' | 'E' => 27,
            'f' => 12,
            'v' => 11,
            '\\' | '\'' | '"' | '?' => character as u8,
            'x' => match self.digits(16, 2) {
                Some(number) => (number & 0xff) as u8,
                None => {
                    bytes.extend_from_slice(b"\\x");
                    return Some(());
                }
            },
            'u' | 'U' => {
                let character = self.unicode(if character == 'u' { 4 } else { 8 });
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                return Some(());
            }
            '0'..='7' => {
                self.at -= 1;
                (self.digits(8, 3).unwrap_or_default() & 0xff) as u8
            }
            other => {
                bytes.push(b'\\');
                bytes.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes());
                return Some(());
            }
        };
        bytes.push(plain);
        Some(())
    }

    /// A character by number. Browsers write characters beyond the first plane as two halves.
    fn unicode(&mut self, most: usize) -> char {
        let Some(high) = self.digits(16, most) else { return char::REPLACEMENT_CHARACTER };
        if (0xd800..0xdc00).contains(&high) && self.text.get(self.at..).is_some_and(|rest| rest.starts_with("\\u")) {
            let back = self.at;
            self.at += 2;
            if let Some(low) = self.digits(16, 4).filter(|low| (0xdc00..0xe000).contains(low)) {
                return char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00)).unwrap_or(char::REPLACEMENT_CHARACTER);
            }
            self.at = back;
        }
        char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER)
    }

    /// Up to `most` digits; `None` if there is none.
    fn digits(&mut self, radix: u32, most: usize) -> Option<u32> {
        let (mut value, mut number) = (0_u32, 0);
        while number < most
            && let Some(digit) = self.peek().and_then(|character| character.to_digit(radix))
        {
            value = value.wrapping_mul(radix).wrapping_add(digit);
            self.at += 1;
            number += 1;
        }
        (number > 0).then_some(value)
    }

    /// After `$`.
    fn variable(&mut self, start: usize) -> Option<()> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let (name, length) = if let Some(inner) = rest.strip_prefix('{') {
            let Some(end) = inner.find('}') else {
                self.unfinished(start, "`${`");
                return None;
            };
            (inner.get(..end).unwrap_or_default(), end + 2)
        } else if rest.starts_with('(') {
            self.command(start);
            return None;
        } else {
            let end = rest.find(|character: char| !is_name(character)).unwrap_or(rest.len());
            (rest.get(..end).unwrap_or_default(), end)
        };
        if name.is_empty() {
            self.push('$', start);
            return Some(());
        }
        // `${NAME:-default}` is NAME where it is set.
        let plain = name.split(|character| !is_name(character)).next().unwrap_or_default();
        let known = self.importer.options.variables.get(plain).cloned();
        let shown = format!("${}", self.text.get(self.at..self.at + length).unwrap_or_default());
        self.at += length;
        let word = self.open(start);
        match known {
            Some(value) => word.value.push_str(&value),
            None => word.holes.push((word.value.len(), shown)),
        }
        Some(())
    }

    fn command(&mut self, start: usize) {
        let span = self.source.span(start..start + 1);
        let finding = self.importer.error(codes::SHELL, "this command line runs another command", span);
        finding.help = Some("write what that command prints".to_owned());
    }

    /// What ends a command, or sends its output somewhere.
    fn operator(&mut self, operator: char, start: usize) -> Option<Next> {
        self.end_word(start);
        let span = self.source.span(start..start + 1);
        let rest = self.text.get(self.at..).unwrap_or_default();
        match operator {
            '\n' if self.words.is_empty() => Some(Next::Go),
            // Where the answer goes is no part of the request.
            '|' if !rest.starts_with('|') => Some(Next::Stop),
            '<' => {
                let what = if rest.starts_with('<') { "a here-document" } else { "a file as input" };
                let finding = self.importer.error(codes::SHELL, format!("this command line needs a shell: {what}"), span);
                finding.help = Some("write the body behind `--data-raw`, or `--data-binary @FILE`".to_owned());
                None
            }
            '>' => {
                // `2>`: the number is no word of the command.
                if self.words.last().is_some_and(|word| matches!(word.value.as_str(), "1" | "2") && word.span.end == span.start) {
                    self.words.pop();
                }
                self.skip_target();
                Some(Next::Go)
            }
            '(' | ')' => {
                self.importer.error(codes::SHELL, "this command line needs a shell: a parenthesis", span).help =
                    Some("put the text in quotes".to_owned());
                None
            }
            '&' if !rest.starts_with('&') && !rest.trim().is_empty() && self.words.last().is_some_and(|word| word.value.contains('?')) => {
                let finding = self.importer.error(codes::SHELL, "a shell takes this `&` for the end of the command", span);
                finding.help = Some("put the URL in quotes".to_owned());
                None
            }
            _ => {
                let more = rest.trim_start_matches(['&', '|', ';', '\n', '\r', ' ', '\t']);
                if !more.is_empty() && !more.starts_with('#') {
                    self.importer.warning(codes::MORE_COMMANDS, "only the first command is imported", span);
                }
                Some(Next::Stop)
            }
        }
    }

    /// Skips `>& 1`, `>> file`, `> "a file"`.
    fn skip_target(&mut self) {
        let mut quote = None;
        let mut seen = false;
        while let Some(character) = self.peek() {
            match (quote, character) {
                (Some(open), _) if character == open => quote = None,
                (Some(_), _) => {}
                (None, '\'' | '"') => (quote, seen) = (Some(character), true),
                (None, '>' | '&') if !seen => {}
                (None, ' ' | '\t') if !seen => {}
                (None, blank) if blank.is_whitespace() || matches!(blank, '|' | ';' | '&') => return,
                (None, _) => seen = true,
            }
            self.at += character.len_utf8();
        }
    }
}
