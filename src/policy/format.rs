//! One layout for policy documents: what they say stays, byte for byte, and only the white space between tags and attributes changes.
//!
//! As the service prints them: one element a line, one tab a level. Attributes stay on the line on which they were; comments stay
//! where they are; the text of expressions, literals and payloads is not touched. Blank lines between elements are kept, one at a time.

use std::ops::Range;

use super::document::{Attribute, Document, Element, Node, Section, Value};
use super::reference::{self, Children, Shape, Text};

/// `document` in that layout. Formatting the result again changes nothing, and both mean the same.
#[must_use]
pub fn format(document: &Document) -> String {
    let text = document.source().text();
    let newline = if text.find('\n').is_some_and(|at| text[..at].ends_with('\r')) { "\r\n" } else { "\n" };
    let mut layout = Layout { text, newline, out: String::with_capacity(text.len()) };
    layout.document(document);
    layout.out
}

struct Layout<'a> {
    text: &'a str,
    newline: &'static str,
    out: String,
}

impl Layout<'_> {
    fn document(&mut self, document: &Document) {
        let root = document.root();
        let mut done = if self.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let comments = document.prolog().iter().filter_map(|node| match node {
            Node::Comment { range, .. } => Some(range.clone()),
            Node::Element(_) | Node::Text { .. } => None,
        });
        let (before, after): (Vec<_>, Vec<_>) = comments.partition(|range| range.start < root.range.start);
        for range in before {
            self.between(done..range.start);
            self.out.push_str(&self.text[range.clone()]);
            done = range.end;
        }
        self.between(done..root.range.start);
        self.element(root, 0, None);
        done = root.range.end;
        for range in after {
            self.between(done..range.start);
            self.out.push_str(&self.text[range.clone()]);
            done = range.end;
        }
        self.between(done..self.text.len());
        if !self.out.ends_with('\n') {
            self.out.push_str(self.newline);
        }
    }

    /// What stands between comments and the root: white space, or a declaration or processing instruction, which is kept.
    fn between(&mut self, range: Range<usize>) {
        let gap = &self.text[range];
        let kept = gap.trim();
        if kept.is_empty() {
            self.line(0, gap);
        } else {
            self.line(0, &gap[..gap.len() - gap.trim_start().len()]);
            self.out.push_str(kept);
            self.line(0, &gap[gap.trim_end().len()..]);
        }
    }

    /// Begins a line, after a blank one if `gap` holds one. Nothing at the very beginning.
    fn line(&mut self, depth: usize, gap: &str) {
        if self.out.is_empty() {
            return;
        }
        if gap.bytes().filter(|byte| *byte == b'\n').count() > 1 {
            self.out.push_str(self.newline);
        }
        self.out.push_str(self.newline);
        self.indent(depth);
    }

    fn indent(&mut self, depth: usize) {
        self.out.extend(std::iter::repeat_n('\t', depth));
    }

    /// Recursion is bounded: the reader caps the depth of elements.
    fn element(&mut self, element: &Element, depth: usize, shape: Option<&'static Shape>) {
        self.out.push('<');
        self.out.push_str(&element.name);
        let mut done = element.name_range.end;
        for attribute in &element.attributes {
            let apart = self.text[done..attribute.name_range.start].contains('\n');
            if apart {
                self.out.push_str(self.newline);
                self.indent(depth + 1);
            } else {
                self.out.push(' ');
            }
            self.attribute(attribute);
            done = attribute.value_range.end + 1;
        }
        let content = &self.text[element.content_range.clone()];
        if content.is_empty() || ((content.contains('\n') || !takes_text(shape)) && content.trim().is_empty()) {
            self.out.push_str(" />");
            return;
        }
        self.out.push('>');
        if let [Node::Text { value: Value::Expression(_), .. }] = element.children[..]
            && content.trim_start().starts_with('@')
        {
            self.out.push_str(content.trim());
        } else if element.children.is_empty() || is_opaque(element, shape, self.text) {
            self.out.push_str(content);
        } else {
            self.children(element, depth + 1, shape);
            self.out.push_str(self.newline);
            self.indent(depth);
        }
        self.out.push_str("</");
        self.out.push_str(&element.name);
        self.out.push('>');
    }

    fn attribute(&mut self, attribute: &Attribute) {
        let raw = &self.text[attribute.value_range.clone()];
        let single = self.text[..attribute.value_range.start].ends_with('\'');
        // An expression in single quotes may hold double ones as they are.
        let single = single && (raw.contains('"') || attribute.value.expression().is_some());
        let quote = if single { '\'' } else { '"' };
        self.out.push_str(&attribute.name);
        self.out.push('=');
        self.out.push(quote);
        self.out.push_str(if attribute.value.expression().is_some() { raw.trim() } else { raw });
        self.out.push(quote);
    }

    fn children(&mut self, element: &Element, depth: usize, shape: Option<&'static Shape>) {
        let mut done = element.content_range.start;
        for (index, node) in element.children.iter().enumerate() {
            let range = range_of(node);
            let gap = &self.text[done..range.start];
            done = range.end;
            match node {
                // A remark behind an element belongs to it.
                Node::Comment { .. } if index > 0 && !gap.contains('\n') => self.out.push(' '),
                _ if index == 0 => self.line(depth, ""),
                _ => self.line(depth, gap),
            }
            match node {
                Node::Element(child) => self.element(child, depth, shape_in(element, shape, &child.name)),
                Node::Comment { .. } | Node::Text { .. } => self.out.push_str(&self.text[range]),
            }
        }
    }
}

/// Whether what an element holds may not be laid out: text, a payload, or something that is neither element nor comment.
fn is_opaque(element: &Element, shape: Option<&'static Shape>, text: &str) -> bool {
    if shape.is_some_and(|shape| matches!(shape.text, Text::Payload(_))) || element.texts().next().is_some() {
        return true;
    }
    let mut done = element.content_range.start;
    let clean = element.children.iter().all(|node| {
        let range = range_of(node);
        let gap = text.get(done..range.start).unwrap_or("?");
        done = range.end;
        gap.trim().is_empty()
    });
    !clean || !text.get(done..element.content_range.end).unwrap_or("?").trim().is_empty()
}

fn takes_text(shape: Option<&'static Shape>) -> bool {
    shape.is_some_and(|shape| shape.text != Text::None)
}

/// The shape of a child; `None` for what the reference does not know.
fn shape_in(parent: &Element, shape: Option<&'static Shape>, name: &str) -> Option<&'static Shape> {
    match shape.map(|shape| shape.children) {
        Some(Children::Elements(known)) => known.iter().find(|child| child.name == name).map(|child| child.shape),
        Some(Children::Policies | Children::These(_)) => reference::find(name).map(|policy| &policy.shape),
        Some(Children::None) => None,
        // The root and the sections.
        None if parent.name == "fragment" || Section::of_name(&parent.name).is_some() => reference::find(name).map(|policy| &policy.shape),
        None => None,
    }
}

fn range_of(node: &Node) -> Range<usize> {
    match node {
        Node::Element(element) => element.range.clone(),
        Node::Text { range, .. } | Node::Comment { range, .. } => range.clone(),
    }
}
