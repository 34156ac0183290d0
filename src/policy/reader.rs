//! Reads policy text into a [`Document`]: first made well-formed ([`escape`]), then read by `quick-xml`.

use std::ops::Range;
use std::sync::Arc;

use quick_xml::Reader;
use quick_xml::errors::{Error, IllFormedError};
use quick_xml::events::{BytesStart, Event};

use super::codes;
use super::document::{Attribute, Document, DocumentKind, Element, Expression, ExpressionKind, Format, Node, Value};
use crate::expression::lexer;
use crate::support::finding::{Code, Finding, Kind};
use crate::support::source::SourceText;
pub use entities::decode_references;
use entities::{decode, offset, reference};
use escape::{Escaped, escape};

mod entities;
mod escape;
#[cfg(test)]
mod tests;

/// The largest text that is read, in bytes: four times what the service takes.
pub const MAX_SIZE: usize = 1 << 20;
/// How deep elements may nest. Public documents stay below 20.
pub const MAX_DEPTH: usize = 100;
const MAX_ATTRIBUTES: usize = 128;
const MAX_NAME: usize = 256;

/// The one thing that is wrong with an unreadable document. Ranges are bytes of its text.
#[derive(Debug)]
struct Problem {
    code: Code,
    range: Range<usize>,
    message: String,
    labels: Vec<(Range<usize>, &'static str)>,
    help: Option<String>,
}

impl Problem {
    fn new(code: Code, range: Range<usize>, message: impl Into<String>) -> Self {
        Self { code, range, message: message.into(), labels: Vec::new(), help: None }
    }

    fn label(mut self, range: Range<usize>, text: &'static str) -> Self {
        self.labels.push((range, text));
        self
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    fn finding(self, source: &SourceText) -> Finding {
        let mut finding = Finding::error(self.code, Kind::Syntax, self.message).at(source.span(self.range));
        for (range, text) in self.labels {
            finding = finding.label(source.span(range), text);
        }
        finding.help = self.help;
        finding
    }
}

impl Document {
    /// Reads a policy document or fragment. Linear in the text's length.
    ///
    /// # Errors
    /// One finding, about the first thing that cannot be read.
    pub fn parse(source: &SourceText, format: Format) -> Result<Self, Finding> {
        read(source, format).map_err(|problem| problem.finding(source))
    }
}

fn read(source: &SourceText, format: Format) -> Result<Document, Problem> {
    let text = source.text();
    if text.len() > MAX_SIZE {
        let message = format!("the document has {} bytes; at most {MAX_SIZE} are read", text.len());
        return Err(Problem::new(codes::TOO_LARGE, 0..0, message).help("move parts of it into policy fragments"));
    }
    let escaped = escape(text, format)?;
    let xml = source.derive(Arc::from(escaped.text.as_str()), &escaped.runs);
    Builder { escaped: &escaped, xml, open: Vec::new(), root: None, prolog: Vec::new(), text: None }.build(source, format)
}

/// A text in the making: references and CDATA sections arrive as events of their own.
#[derive(Default)]
struct PendingText {
    start: usize,
    end: usize,
    decoded: String,
    runs: Vec<(u32, u32)>,
}

struct Builder<'a> {
    escaped: &'a Escaped,
    xml: SourceText,
    open: Vec<Element>,
    root: Option<Element>,
    prolog: Vec<Node>,
    text: Option<PendingText>,
}

impl Builder<'_> {
    fn build(mut self, source: &SourceText, format: Format) -> Result<Document, Problem> {
        let escaped = self.escaped;
        let mut reader = Reader::from_str(&escaped.text);
        loop {
            let start = position(reader.buffer_position());
            let event = reader.read_event().map_err(|error| self.broken(&error, position(reader.error_position())))?;
            let range = start..position(reader.buffer_position());
            if !matches!(event, Event::Text(_) | Event::CData(_) | Event::GeneralRef(_)) {
                self.flush_text()?;
            }
            match event {
                Event::Start(tag) => self.start(&tag, range)?,
                Event::Empty(tag) => {
                    self.start(&tag, range.clone())?;
                    self.end(range.end..range.end)?;
                }
                Event::End(_) => self.end(range)?,
                Event::Text(text) => self.text(&text, range, false),
                Event::CData(data) => self.text(&data, range, true),
                Event::GeneralRef(_) => self.text(&escaped.text[range.clone()], range, false),
                Event::Comment(comment) => {
                    let node = Node::Comment { text: comment.to_string(), range: escaped.raw_range(range) };
                    self.open.last_mut().map_or(&mut self.prolog, |element| &mut element.children).push(node);
                }
                Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
                Event::Eof => break,
            }
        }
        if let Some(element) = self.open.pop() {
            return Err(Problem::new(codes::END_TAG, element.name_range, format!("`<{0}>` is never closed", element.name))
                .help(format!("write `</{}>` where it ends", element.name)));
        }
        let Some(root) = self.root else {
            return Err(Problem::new(codes::WRONG_ROOT, 0..0, "the document is empty")
                .help("a policy document has the root `<policies>`, a fragment `<fragment>`"));
        };
        let kind = match root.name.as_str() {
            "policies" => DocumentKind::Policies,
            "fragment" => DocumentKind::Fragment,
            other => {
                return Err(Problem::new(codes::WRONG_ROOT, root.name_range.clone(), format!("the root element is `<{other}>`"))
                    .help("a policy document has the root `<policies>`, a fragment `<fragment>`"));
            }
        };
        Ok(Document { source: source.clone(), format, kind, root, prolog: self.prolog })
    }

    fn broken(&self, error: &Error, at: usize) -> Problem {
        let at = self.escaped.raw(at);
        match error {
            Error::IllFormed(IllFormedError::MismatchedEndTag { expected, found }) => {
                let problem = Problem::new(codes::END_TAG, at..at + found.len() + 3, format!("`</{found}>` closes `<{expected}>`"))
                    .help(format!("close `<{expected}>` with `</{expected}>` first"));
                match self.open.last() {
                    Some(element) => problem.label(element.name_range.clone(), "opened here"),
                    None => problem,
                }
            }
            Error::IllFormed(IllFormedError::UnmatchedEndTag(found)) => {
                Problem::new(codes::END_TAG, at..at + found.len() + 3, format!("`</{found}>` closes nothing")).help("remove it")
            }
            other => {
                Problem::new(codes::UNREADABLE, at..at, format!("the document cannot be read: {other}")).help("make it well-formed XML")
            }
        }
    }

    fn start(&mut self, tag: &BytesStart<'_>, range: Range<usize>) -> Result<(), Problem> {
        let name = tag.name().as_ref().to_owned();
        let name_range = self.escaped.raw_range(range.start + 1..range.start + 1 + name.len());
        if self.open.is_empty() && self.root.is_some() {
            return Err(Problem::new(codes::WRONG_ROOT, name_range, format!("`<{name}>` stands after the root element"))
                .help("a document has one root element"));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(Problem::new(codes::TOO_LARGE, name_range, format!("elements are nested more than {MAX_DEPTH} deep"))
                .help("move the inner policies into a fragment"));
        }
        let mut attributes = Vec::new();
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|error| match error {
                quick_xml::events::attributes::AttrError::Duplicated(at, first) => {
                    let place = |at: usize| {
                        let start = range.start + 1 + at;
                        let length =
                            self.escaped.text[start..].find(|character: char| character == '=' || character.is_whitespace()).unwrap_or(0);
                        self.escaped.raw_range(start..start + length)
                    };
                    let twice = place(at);
                    let message =
                        format!("`<{name}>` has the attribute `{}` twice", &self.escaped.text[range.start + 1 + at..][..twice.len()]);
                    Problem::new(codes::ATTRIBUTE_SYNTAX, twice, message).label(place(first), "first here").help("keep one of them")
                }
                other => {
                    Problem::new(codes::ATTRIBUTE_SYNTAX, name_range.clone(), format!("an attribute of `<{name}>` cannot be read: {other}"))
                }
            })?;
            let key = attribute.key.as_ref();
            let value: &str = &attribute.value;
            let (name_start, value_start) = (self.place(key), self.place(value));
            let (decoded, runs) = decode(value);
            let runs: Vec<(u32, u32)> = runs.into_iter().map(|(to, from)| (to, from + offset(value_start))).collect();
            attributes.push(Attribute {
                name: key.to_owned(),
                name_range: self.escaped.raw_range(name_start..name_start + key.len()),
                value: self.value(decoded, &runs),
                value_range: self.escaped.raw_range(value_start..value_start + value.len()),
            });
        }
        let (from, to) = (self.escaped.raw(range.start), self.escaped.raw(range.end));
        self.open.push(Element { name, name_range, range: from..to, content_range: to..to, attributes, children: Vec::new() });
        Ok(())
    }

    /// Where a slice of the XML begins in it.
    fn place(&self, part: &str) -> usize {
        (part.as_ptr() as usize).saturating_sub(self.escaped.text.as_ptr() as usize).min(self.escaped.text.len())
    }

    fn end(&mut self, range: Range<usize>) -> Result<(), Problem> {
        let Some(mut element) = self.open.pop() else { return Ok(()) };
        let range = self.escaped.raw_range(range);
        element.content_range.end = range.start;
        element.range.end = range.end;
        match self.open.last_mut() {
            Some(parent) => parent.children.push(Node::Element(element)),
            None => self.root = Some(element),
        }
        Ok(())
    }

    fn text(&mut self, text: &str, range: Range<usize>, verbatim: bool) {
        let pending = self.text.get_or_insert_with(|| PendingText { start: range.start, ..PendingText::default() });
        pending.end = range.end;
        let base = offset(pending.decoded.len());
        let from = offset(range.start + if verbatim { "<![CDATA[".len() } else { 0 });
        if verbatim {
            pending.runs.push((base, from));
            pending.decoded.push_str(text);
        } else if let Some((_, character)) = reference(text).filter(|(length, _)| *length == text.len()) {
            pending.runs.push((base, from));
            pending.decoded.push(character);
        } else {
            pending.runs.push((base, from));
            pending.decoded.push_str(text);
        }
    }

    fn flush_text(&mut self) -> Result<(), Problem> {
        let Some(pending) = self.text.take() else { return Ok(()) };
        let text = pending.decoded.trim_matches(|character: char| character.is_ascii_whitespace());
        if text.is_empty() {
            return Ok(());
        }
        let range = self.escaped.raw_range(pending.start..pending.end);
        if self.open.is_empty() {
            let start = range.start + self.escaped.text[pending.start..pending.end].bytes().take_while(u8::is_ascii_whitespace).count();
            let end = start + text.chars().next().map_or(0, char::len_utf8);
            return Err(Problem::new(codes::UNREADABLE, start..end, "text stands outside the root element")
                .help("a document has one root element and nothing beside it but comments"));
        }
        let value = self.value(pending.decoded, &pending.runs);
        if let Some(element) = self.open.last_mut() {
            element.children.push(Node::Text { value, range });
        }
        Ok(())
    }

    fn value(&self, decoded: String, runs: &[(u32, u32)]) -> Value {
        value_of(self.xml.derive(Arc::from(decoded), runs))
    }
}

/// An expression if the text is one and nothing else.
pub(super) fn value_of(whole: SourceText) -> Value {
    let decoded = whole.text();
    let start = decoded.len() - decoded.trim_start_matches(|character: char| character.is_ascii_whitespace()).len();
    let end = decoded.trim_end_matches(|character: char| character.is_ascii_whitespace()).len();
    let kind = match decoded.as_bytes().get(start..start + 2) {
        Some(b"@(") => Some(ExpressionKind::Inline),
        Some(b"@{") => Some(ExpressionKind::Block),
        _ => None,
    };
    match kind {
        Some(kind) if lexer::balanced_end(decoded, start + 1) == Ok(end) => {
            let code = whole.derive(Arc::from(&decoded[start + 2..end - 1]), &[(0, offset(start + 2))]);
            Value::Expression(Expression::new(kind, code))
        }
        _ => Value::Literal(whole),
    }
}

/// Whether `text` holds something that a reader of XML would replace.
pub(super) fn holds_reference(text: &str) -> bool {
    text.match_indices('&').any(|(at, _)| reference(&text[at..]).is_some())
}

/// `quick-xml` counts in `u64`.
fn position(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
