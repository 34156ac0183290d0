//! Policy text as the service keeps it: read in one of two formats, printed in one layout.
//!
//! Recorded: elements are indented with tabs, lines end with CRLF, `<x/>` becomes `<x />`, `<x></x>` stays, comments
//! stay, a prolog goes, and any indentation of the input gives the same text. In format `xml` expressions are escaped
//! as in any XML document (a line break in an attribute is `&#xA;`); in `rawxml` they stand as they are, so that the text
//! is often not well-formed. How far a `rawxml` answer keeps the caller's layout is not known; the same layout is assumed.

mod reader;

use crate::support::source::{Position, position};

/// Deeper documents are refused, so that nothing overflows.
pub(crate) const DEEPEST: usize = 128;

/// How expressions stand in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Xml,
    RawXml,
}

/// A whole document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Document {
    before: Vec<String>,
    pub(crate) root: Element,
    after: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) children: Vec<Node>,
    /// Written as `<x/>`.
    closed: bool,
    /// Where the name stands.
    pub(crate) position: Position,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    Element(Element),
    Text(String),
    Data(String),
    Comment(String),
}

/// Why a text is no document, in the words of .NET's XML reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) String);

impl Malformed {
    fn at(text: &str, offset: usize, message: &str) -> Self {
        let Position { line, column } = position(text, offset);
        Self(format!("{message} Line {line}, position {column}."))
    }
}

impl Document {
    pub(crate) fn parse(text: &str, format: Format) -> Result<Self, Malformed> {
        reader::read(text, format)
    }

    pub(crate) fn print(&self, format: Format) -> String {
        self.print_indented(format, "\t")
    }

    /// With another indentation than the service's.
    pub(crate) fn print_indented(&self, format: Format, unit: &str) -> String {
        let mut out = String::new();
        for comment in &self.before {
            out.push_str(&format!("<!--{}-->\r\n", lines(comment)));
        }
        print_element(&self.root, format, unit, 0, &mut out);
        for comment in &self.after {
            out.push_str(&format!("\r\n<!--{}-->", lines(comment)));
        }
        out
    }

    /// All elements, outer before inner.
    pub(crate) fn elements(&self) -> Vec<&Element> {
        let (mut found, mut waiting) = (Vec::new(), vec![&self.root]);
        while let Some(element) = waiting.pop() {
            found.push(element);
            // What stands in a Liquid template is text.
            if !element.is_template() {
                let inner: Vec<&Element> = element.elements().collect();
                waiting.extend(inner.into_iter().rev());
            }
        }
        found
    }
}

impl Element {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn elements(&self) -> impl Iterator<Item = &Element> {
        self.children.iter().filter_map(|child| match child {
            Node::Element(element) => Some(element),
            _ => None,
        })
    }

    /// Whether it is `set-body` with a Liquid template, whose braces are its own (its page: `{{body.x}}`, `{{context.Request.Method}}`).
    fn is_template(&self) -> bool {
        self.name == "set-body" && self.attribute("template").is_some_and(|template| template.trim().eq_ignore_ascii_case("liquid"))
    }

    /// Texts in which named values can stand: attributes and content.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let content = self.children.iter().filter(|_| !self.is_template()).filter_map(|child| match child {
            Node::Text(text) | Node::Data(text) => Some(text.as_str()),
            _ => None,
        });
        self.attributes.iter().map(|(_, value)| value.as_str()).chain(content)
    }
}

/// Whether a value is a policy expression.
pub(crate) fn is_expression(value: &str) -> bool {
    let value = value.trim_start();
    value.starts_with("@(") || value.starts_with("@{")
}

fn print_element(element: &Element, format: Format, unit: &str, depth: usize, out: &mut String) {
    out.push('<');
    out.push_str(&element.name);
    for (name, value) in &element.attributes {
        out.push(' ');
        out.push_str(name);
        out.push_str("=\"");
        if format == Format::RawXml && is_expression(value) {
            out.push_str(&lines(value));
        } else {
            escape(value, true, out);
        }
        out.push('"');
    }
    if element.children.is_empty() {
        out.push_str(if element.closed { " />" } else { "></" });
        if !element.closed {
            out.push_str(&element.name);
            out.push('>');
        }
        return;
    }
    out.push('>');
    let mixed = element.children.iter().any(|child| matches!(child, Node::Text(_) | Node::Data(_)));
    for child in &element.children {
        if !mixed {
            indent(unit, depth + 1, out);
        }
        match child {
            Node::Element(inner) => print_element(inner, format, unit, depth + 1, out),
            Node::Text(text) if format == Format::RawXml && is_expression(text) => out.push_str(&lines(text)),
            Node::Text(text) => escape(text, false, out),
            Node::Data(text) => out.push_str(&format!("<![CDATA[{}]]>", lines(text))),
            Node::Comment(text) => out.push_str(&format!("<!--{}-->", lines(text))),
        }
    }
    if !mixed {
        indent(unit, depth, out);
    }
    out.push_str("</");
    out.push_str(&element.name);
    out.push('>');
}

fn indent(unit: &str, depth: usize, out: &mut String) {
    out.push_str("\r\n");
    out.extend(std::iter::repeat_n(unit, depth));
}

fn lines(text: &str) -> String {
    text.replace('\n', "\r\n")
}

fn escape(text: &str, attribute: bool, out: &mut String) {
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' if attribute => out.push_str("&quot;"),
            '\n' if attribute => out.push_str("&#xA;"),
            '\r' if attribute => out.push_str("&#xD;"),
            '\t' if attribute => out.push_str("&#x9;"),
            '\n' => out.push_str("\r\n"),
            '\r' => out.push_str("&#xD;"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests;
