//! From one format of the ARM resource to the other: `xml`, well-formed, and `rawxml`, with expressions as they are.

use std::fmt::Write as _;
use std::ops::Range;

use super::document::{Document, Element, Format, Node, Value};
use super::reader::holds_reference;

/// The document's text in the format `to`. Values, comments and the white space between tags stay; only the encoding of values
/// changes. What a format cannot say is written differently: two dashes in a comment are parted by a blank in `xml`, and a
/// CDATA section beside other text becomes plain text.
#[must_use]
pub fn convert(document: &Document, to: Format) -> String {
    let text = document.source().text();
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    for node in document.prolog() {
        comment(node, to, &mut edits);
    }
    // Not recursive: the order is put right below.
    let mut waiting = vec![document.root()];
    while let Some(element) = waiting.pop() {
        values(element, text, to, &mut edits);
        waiting.extend(element.elements());
    }
    edits.sort_by_key(|(range, _)| range.start);
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let mut done = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    for (range, with) in edits {
        out.push_str(&text[done..range.start]);
        out.push_str(&with);
        done = range.end;
    }
    out.push_str(&text[done..]);
    out
}

fn values(element: &Element, text: &str, to: Format, edits: &mut Vec<(Range<usize>, String)>) {
    for attribute in &element.attributes {
        let quote = if text[..attribute.value_range.start].ends_with('\'') { '\'' } else { '"' };
        edits.push((attribute.value_range.clone(), encode(&attribute.value, Some(quote), to)));
    }
    for node in &element.children {
        comment(node, to, edits);
        if let Node::Text { value, range } = node
            && !is_one_cdata(&text[range.clone()])
        {
            edits.push((range.clone(), encode(value, None, to)));
        }
    }
}

fn comment(node: &Node, to: Format, edits: &mut Vec<(Range<usize>, String)>) {
    let Node::Comment { text, range } = node else { return };
    if to == Format::Xml && (text.contains("--") || text.ends_with('-')) {
        let mut apart = text.replace("--", "- -").replace("--", "- -");
        if apart.ends_with('-') {
            apart.push(' ');
        }
        edits.push((range.clone(), format!("<!--{apart}-->")));
    }
}

/// Both formats read a CDATA section the same.
fn is_one_cdata(raw: &str) -> bool {
    let raw = raw.trim();
    raw.starts_with("<![CDATA[") && raw.find("]]>") == Some(raw.len() - "]]>".len())
}

fn encode(value: &Value, quote: Option<char>, to: Format) -> String {
    let text = value.to_string();
    match value {
        // As it is, unless C# itself holds what looks like a reference and would be decoded.
        Value::Expression(_) if to == Format::RawXml && !holds_reference(&text) => text,
        Value::Expression(_) => escape(&text, quote, to),
        Value::Literal(_) => {
            let begin = text.len() - text.trim_start().len();
            // Text that only begins like an expression.
            match text[begin..].strip_prefix('@').filter(|rest| rest.starts_with(['(', '{'])) {
                Some(rest) => format!("{}&#64;{}", escape(&text[..begin], quote, to), escape(rest, quote, to)),
                None => escape(&text, quote, to),
            }
        }
    }
}

fn escape(text: &str, quote: Option<char>, to: Format) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' if quote == Some('"') => out.push_str("&quot;"),
            '\'' if quote == Some('\'') => out.push_str("&apos;"),
            // Readers of XML make a blank of a line end in an attribute, and a line feed of any line end in text.
            '\n' | '\t' if to == Format::Xml && quote.is_some() => {
                let _ = write!(out, "&#x{:X};", u32::from(character));
            }
            '\r' if to == Format::Xml => out.push_str("&#xD;"),
            other => out.push(other),
        }
    }
    out
}
