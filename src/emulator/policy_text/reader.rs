//! Reads policy text. Offsets are bytes of the text as it was sent.

use super::{DEEPEST, Document, Element, Format, Malformed, Node};
use crate::support::source::position;

pub(super) fn read(text: &str, format: Format) -> Result<Document, Malformed> {
    let mut reader = Reader { text, at: 0, format };
    if text.starts_with('\u{feff}') {
        reader.at = '\u{feff}'.len_utf8();
    }
    reader.document()
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    format: Format,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn fail<T>(&self, offset: usize, message: &str) -> Result<T, Malformed> {
        Err(Malformed::at(self.text, offset, message))
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip_space(&mut self) -> bool {
        let start = self.at;
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
        self.at > start
    }

    /// Takes the text up to `end` and steps over `end`.
    fn until(&mut self, end: &str) -> Option<&'a str> {
        let rest = self.rest();
        let length = rest.find(end)?;
        self.at += length + end.len();
        rest.get(..length)
    }

    fn document(&mut self) -> Result<Document, Malformed> {
        let (mut before, mut after, mut root) = (Vec::new(), Vec::new(), None);
        loop {
            self.skip_space();
            let rest = self.rest();
            if rest.is_empty() {
                break;
            } else if rest.starts_with("<?") {
                let start = self.at;
                if self.until("?>").is_none() {
                    return self.fail(start, "Unexpected end of file has occurred.");
                }
            } else if rest.starts_with("<!--") {
                let comment = self.comment()?;
                if root.is_none() { before.push(comment) } else { after.push(comment) }
            } else if rest.starts_with("<!") {
                return self.fail(self.at, "For security reasons DTD is prohibited in this XML document.");
            } else if !rest.starts_with('<') {
                return self.fail(self.at, "Data at the root level is invalid.");
            } else if root.is_some() {
                return self.fail(self.at + 1, "There are multiple root elements.");
            } else {
                root = Some(self.tree()?);
            }
        }
        let Some(root) = root else { return Err(Malformed("Root element is missing.".to_owned())) };
        Ok(Document { before, root, after })
    }

    fn comment(&mut self) -> Result<String, Malformed> {
        let start = self.at;
        self.at += "<!--".len();
        match self.until("-->") {
            Some(text) => Ok(unify(text)),
            None => self.fail(start, "Unexpected end of file has occurred."),
        }
    }

    /// One element with all that is in it, without recursion.
    fn tree(&mut self) -> Result<Element, Malformed> {
        let mut open: Vec<Element> = Vec::new();
        let mut done = self.start_tag()?;
        loop {
            // `done` is a start tag just read, or an element just closed.
            match done {
                Tag::Open(element) => {
                    if open.len() >= DEEPEST {
                        return self.fail(self.at, "The document is nested too deeply.");
                    }
                    open.push(element);
                }
                Tag::Closed(element) => match open.last_mut() {
                    Some(parent) => parent.children.push(Node::Element(element)),
                    None => return Ok(element),
                },
            }
            done = self.content(&mut open)?;
        }
    }

    /// Reads content into the innermost open element until a tag comes.
    fn content(&mut self, open: &mut Vec<Element>) -> Result<Tag, Malformed> {
        loop {
            let rest = self.rest();
            if rest.is_empty() {
                let names: Vec<&str> = open.iter().rev().map(|element| element.name.as_str()).collect();
                return self.fail(
                    self.at,
                    &format!("Unexpected end of file has occurred. The following elements are not closed: {}.", names.join(", ")),
                );
            }
            let node = if rest.starts_with("<!--") {
                Some(Node::Comment(self.comment()?))
            } else if rest.starts_with("<![CDATA[") {
                let start = self.at;
                self.at += "<![CDATA[".len();
                match self.until("]]>") {
                    Some(text) => Some(Node::Data(unify(text))),
                    None => return self.fail(start, "Unexpected end of file has occurred."),
                }
            } else if rest.starts_with("<?") {
                let start = self.at;
                if self.until("?>").is_none() {
                    return self.fail(start, "Unexpected end of file has occurred.");
                }
                None
            } else if rest.starts_with("</") {
                return self.end_tag(open);
            } else if rest.starts_with('<') {
                return self.start_tag();
            } else {
                self.characters()?.map(Node::Text)
            };
            if let (Some(node), Some(element)) = (node, open.last_mut()) {
                element.children.push(node);
            }
        }
    }

    /// Text up to the next tag; `None` when it is only white space.
    fn characters(&mut self) -> Result<Option<String>, Malformed> {
        let start = self.at;
        let mut text = String::new();
        if self.format == Format::RawXml {
            let rest = self.rest();
            let space = rest.len() - rest.trim_start().len();
            if rest.get(space..).is_some_and(super::is_expression) {
                let Some(end) = expression_end(self.text, start + space) else {
                    return self.fail(start + space, "The expression is not closed.");
                };
                text.push_str(&unify(self.text.get(start..end).unwrap_or_default()));
                self.at = end;
            }
        }
        let rest = self.rest();
        let length = rest.find('<').unwrap_or(rest.len());
        let offset = self.at;
        self.at += length;
        text.push_str(&self.decoded(rest.get(..length).unwrap_or_default(), offset, false)?);
        Ok((!text.trim().is_empty()).then_some(text))
    }

    fn end_tag(&mut self, open: &mut Vec<Element>) -> Result<Tag, Malformed> {
        self.at += 2;
        let start = self.at;
        let name = self.name()?;
        self.skip_space();
        if self.peek() != Some('>') {
            return self.fail(self.at, &format!("{} is an unexpected token. The expected token is '>'.", self.token()));
        }
        self.at += 1;
        match open.pop() {
            Some(element) if element.name == name => Ok(Tag::Closed(element)),
            Some(element) => self.fail(
                start,
                &format!(
                    "The '{}' start tag on line {} position {} does not match the end tag of '{name}'.",
                    element.name, element.position.line, element.position.column
                ),
            ),
            None => self.fail(start, "Unexpected end tag."),
        }
    }

    fn start_tag(&mut self) -> Result<Tag, Malformed> {
        self.at += 1;
        let place = position(self.text, self.at);
        let name = self.name()?;
        let mut element = Element { name, attributes: Vec::new(), children: Vec::new(), closed: false, position: place };
        loop {
            let spaced = self.skip_space();
            match self.peek() {
                Some('>') => {
                    self.at += 1;
                    return Ok(Tag::Open(element));
                }
                Some('/') => {
                    if !self.rest().starts_with("/>") {
                        return self.fail(self.at + 1, "The expected token is '>'.");
                    }
                    self.at += 2;
                    element.closed = true;
                    return Ok(Tag::Closed(element));
                }
                None => {
                    return self.fail(
                        self.at,
                        &format!("Unexpected end of file has occurred. The following elements are not closed: {}.", element.name),
                    );
                }
                // The words of the recorded answer to unescaped quotes.
                Some(_) if !spaced => {
                    return self.fail(self.at, &format!("{} is an unexpected token. Expecting white space.", self.token()));
                }
                Some(_) => {}
            }
            let start = self.at;
            let name = self.name()?;
            self.skip_space();
            if self.peek() != Some('=') {
                return self.fail(self.at, &format!("{} is an unexpected token. The expected token is '='.", self.token()));
            }
            self.at += 1;
            self.skip_space();
            let value = self.attribute_value()?;
            if element.attributes.iter().any(|(known, _)| *known == name) {
                return self.fail(start, &format!("'{name}' is a duplicate attribute name."));
            }
            element.attributes.push((name, value));
        }
    }

    fn attribute_value(&mut self) -> Result<String, Malformed> {
        let quote = match self.peek() {
            Some(quote @ ('"' | '\'')) => quote,
            _ => return self.fail(self.at, &format!("{} is an unexpected token. The expected token is '\"' or '''.", self.token())),
        };
        self.at += 1;
        let start = self.at;
        if self.format == Format::RawXml && super::is_expression(self.rest()) {
            let space = self.rest().len() - self.rest().trim_start().len();
            if let Some(end) = expression_end(self.text, start + space) {
                let after = self.text.get(end..).unwrap_or_default();
                let trailing = after.len() - after.trim_start().len();
                if after.trim_start().starts_with(quote) {
                    let value = self.text.get(start..end).unwrap_or_default();
                    self.at = end + trailing + 1;
                    return Ok(self.expression(value));
                }
            }
        }
        let rest = self.rest();
        let Some(length) = rest.find(quote) else { return self.fail(self.text.len(), "Unexpected end of file has occurred.") };
        let value = rest.get(..length).unwrap_or_default();
        if let Some(offset) = value.find('<') {
            return self.fail(start + offset, "'<', hexadecimal value 0x3C, is an invalid attribute character.");
        }
        self.at += length + 1;
        self.decoded(value, start, true)
    }

    /// An expression in raw text. One that holds no raw quote, `<` or bare `&` was written escaped, and is decoded (assumed).
    fn expression(&self, value: &str) -> String {
        if !value.contains(['"', '<'])
            && value.contains('&')
            && let Ok(decoded) = self.decoded(value, 0, false)
        {
            return decoded;
        }
        unify(value)
    }

    fn name(&mut self) -> Result<String, Malformed> {
        let rest = self.rest();
        let length = rest.find(|letter: char| !is_name(letter)).unwrap_or(rest.len());
        let name = rest.get(..length).unwrap_or_default();
        match rest.chars().next() {
            Some(first) if name.is_empty() || !(first.is_alphabetic() || first == '_' || first == ':') => self
                .fail(self.at, &format!("Name cannot begin with the '{first}' character, hexadecimal value 0x{:02X}.", u32::from(first))),
            None => self.fail(self.at, "Unexpected end of file has occurred."),
            Some(_) => {
                self.at += length;
                Ok(name.to_owned())
            }
        }
    }

    /// The token at hand, in quotes: a whole name, or one character.
    fn token(&self) -> String {
        let rest = self.rest();
        let length = rest.find(|letter: char| !is_name(letter)).unwrap_or(rest.len());
        match (rest.get(..length).filter(|name| !name.is_empty()), rest.chars().next()) {
            (Some(name), _) => format!("'{name}'"),
            (None, Some(letter)) => format!("'{letter}'"),
            (None, None) => "''".to_owned(),
        }
    }

    /// Resolves entities. A line break of an attribute is a space, as XML says; one that is written as an entity stays.
    fn decoded(&self, raw: &str, offset: usize, attribute: bool) -> Result<String, Malformed> {
        let raw_lines = unify(raw);
        let raw = if attribute { raw_lines.replace(['\n', '\t'], " ") } else { raw_lines };
        let mut out = String::with_capacity(raw.len());
        let mut rest = raw.as_str();
        while let Some(index) = rest.find('&') {
            out.push_str(rest.get(..index).unwrap_or_default());
            rest = rest.get(index + 1..).unwrap_or_default();
            let Some(end) = rest.find(';').filter(|end| *end > 0 && *end < 12) else {
                return self.fail(offset, "An error occurred while parsing EntityName.");
            };
            let name = rest.get(..end).unwrap_or_default();
            let letter = match name {
                "amp" => Some('&'),
                "lt" => Some('<'),
                "gt" => Some('>'),
                "quot" => Some('"'),
                "apos" => Some('\''),
                _ => number(name),
            };
            match letter {
                Some(letter) => out.push(letter),
                None if name.starts_with('#') => return self.fail(offset, "Invalid syntax for a decimal numeric entity reference."),
                None => return self.fail(offset, &format!("Reference to undeclared entity '{name}'.")),
            }
            rest = rest.get(end + 1..).unwrap_or_default();
        }
        out.push_str(rest);
        Ok(out)
    }
}

enum Tag {
    Open(Element),
    Closed(Element),
}

fn is_name(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.' | ':')
}

fn number(name: &str) -> Option<char> {
    let digits = name.strip_prefix('#')?;
    let code = match digits.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    code.ok().filter(|code| *code != 0).and_then(char::from_u32)
}

fn unify(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// One past the end of the expression that starts at `start` with `@(` or `@{`: brackets are counted outside C#'s
/// strings, characters and comments.
fn expression_end(text: &str, start: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let at = |index: usize| bytes.get(index).copied();
    let (opening, closing) = match at(start + 1)? {
        b'(' => (b'(', b')'),
        b'{' => (b'{', b'}'),
        _ => return None,
    };
    let (mut depth, mut index) = (0_usize, start + 1);
    while let Some(byte) = at(index) {
        match byte {
            b'/' if at(index + 1) == Some(b'/') => {
                while at(index).is_some_and(|byte| byte != b'\n') {
                    index += 1;
                }
            }
            b'/' if at(index + 1) == Some(b'*') => {
                index += 2;
                while at(index).is_some() && !(at(index) == Some(b'*') && at(index + 1) == Some(b'/')) {
                    index += 1;
                }
                index += 1;
            }
            b'"' => {
                let verbatim = matches!(
                    (index.checked_sub(1).and_then(at), index.checked_sub(2).and_then(at)),
                    (Some(b'@'), _) | (Some(b'$'), Some(b'@'))
                );
                index = string_end(bytes, index, verbatim)?;
            }
            b'\'' => {
                // A character literal; a lone quote is nothing.
                let end = if at(index + 1) == Some(b'\\') {
                    (index + 3..index + 12).find(|end| at(*end) == Some(b'\''))
                } else {
                    (index + 2..index + 6).find(|end| at(*end) == Some(b'\''))
                };
                index = end.unwrap_or(index);
            }
            byte if byte == opening => depth += 1,
            byte if byte == closing => {
                depth -= 1;
                if depth == 0 {
                    return Some(index + 1);
                }
            }
            _ => {}
        }
        index += 1;
    }
    None
}

/// The index of the quote that ends a string.
fn string_end(bytes: &[u8], start: usize, verbatim: bool) -> Option<usize> {
    let mut index = start + 1;
    loop {
        match bytes.get(index)? {
            b'"' if verbatim && bytes.get(index + 1) == Some(&b'"') => index += 1,
            b'"' => return Some(index),
            b'\\' if !verbatim => index += 1,
            _ => {}
        }
        index += 1;
    }
}
