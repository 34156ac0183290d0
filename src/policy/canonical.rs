//! What a document means, without how it is written.
//!
//! The service re-formats what it is sent (facts seen: CRLF line ends, tabs, quote style, prolog dropped, expressions
//! encoded or not by the format that is asked for), so documents are compared in this form and never as text.

use super::document::{Document, Element, Format, Node, Value};
use crate::support::source::{SourceText, Sources};

/// A document's meaning: equal for equal documents, whatever their format, white space, comments and attribute order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Canonical(CanonicalElement);

impl Canonical {
    /// The root element.
    #[must_use]
    pub const fn root(&self) -> &CanonicalElement {
        &self.0
    }
}

/// An element's meaning.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CanonicalElement {
    /// Name.
    pub name: String,
    /// Attributes by name; expressions with their `@( )`.
    pub attributes: Vec<(String, String)>,
    /// Child elements and texts in order.
    pub children: Vec<CanonicalNode>,
}

/// What an element holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CanonicalNode {
    /// A child element.
    Element(CanonicalElement),
    /// Text without its outer white space.
    Text(String),
}

/// What `document` means.
#[must_use]
pub fn canonical(document: &Document) -> Canonical {
    Canonical(element(document.root()))
}

// Recursion is bounded: the reader caps the depth of elements.
fn element(element: &Element) -> CanonicalElement {
    let mut attributes: Vec<(String, String)> =
        element.attributes.iter().map(|attribute| (attribute.name.clone(), value(&attribute.value))).collect();
    attributes.sort();
    let mut children: Vec<CanonicalNode> = Vec::new();
    // A comment between two texts does not part them.
    let mut text = String::new();
    let flush = |text: &mut String, children: &mut Vec<CanonicalNode>| {
        let trimmed = text.trim();
        if !trimmed.is_empty() {
            children.push(CanonicalNode::Text(trimmed.to_owned()));
        }
        text.clear();
    };
    for node in &element.children {
        match node {
            Node::Element(child) => {
                flush(&mut text, &mut children);
                children.push(CanonicalNode::Element(self::element(child)));
            }
            Node::Text { value: part, .. } => text.push_str(&value(part)),
            Node::Comment { .. } => {}
        }
    }
    flush(&mut text, &mut children);
    CanonicalElement { name: element.name.clone(), attributes, children }
}

/// Line ends are LF; an expression has no outer white space, inside or outside of its brackets, because C# has none.
fn value(value: &Value) -> String {
    let text = match value {
        Value::Literal(text) => return newlines(text.text()),
        Value::Expression(expression) => newlines(expression.code.text()),
    };
    let (open, close) = match value.expression().map(|expression| expression.kind) {
        Some(super::ExpressionKind::Block) => ("@{", "}"),
        _ => ("@(", ")"),
    };
    format!("{open}{}{close}", text.trim())
}

fn newlines(text: &str) -> String {
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text.to_owned() }
}

/// Whether two texts mean the same. When either cannot be read, they are compared as texts with equal line ends.
#[must_use]
pub fn same_meaning(a: &str, a_format: Format, b: &str, b_format: Format) -> bool {
    match (read(a, a_format), read(b, b_format)) {
        (Some(a), Some(b)) => canonical(&a) == canonical(&b),
        _ => newlines(a).trim() == newlines(b).trim(),
    }
}

pub(super) fn read(text: &str, format: Format) -> Option<Document> {
    let source = Sources::default().add("", text);
    Document::parse(&SourceText::whole(source, text.into()), format).ok()
}
