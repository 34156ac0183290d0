//! XML bodies as trees.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::policy::decode_references;

/// Elements inside elements; deeper documents are refused.
const DEPTH: usize = 128;

/// One element.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Element {
    /// With its prefix, as written.
    pub(super) name: String,
    /// Namespace declarations are among them.
    pub(super) attributes: Vec<(String, String)>,
    pub(super) children: Vec<Node>,
    /// Written `<x />`.
    pub(super) closed: bool,
}

/// What an element holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    Element(Element),
    Text(String),
    CharacterData(String),
}

/// A document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Document {
    /// `version`, `encoding` and `standalone` of `<?xml … ?>`.
    pub(super) declaration: Vec<(String, String)>,
    pub(super) root: Element,
}

impl Element {
    /// The child elements.
    pub(super) fn elements(&self) -> impl Iterator<Item = &Self> {
        self.children.iter().filter_map(|node| if let Node::Element(element) = node { Some(element) } else { None })
    }

    /// All text directly inside.
    pub(super) fn text(&self) -> String {
        let texts = self.children.iter().filter_map(|node| match node {
            Node::Text(text) | Node::CharacterData(text) => Some(text.as_str()),
            Node::Element(_) => None,
        });
        texts.collect()
    }

    /// Whether it is marked with `xsi:nil="true"`.
    pub(super) fn is_nil(&self) -> bool {
        self.attributes.iter().any(|(name, value)| local(name) == "nil" && name.contains(':') && matches!(value.trim(), "true" | "1"))
    }
}

/// A name without its prefix.
pub(super) fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

fn start(tag: &BytesStart<'_>) -> Result<Element, String> {
    let mut element = Element { name: tag.name().as_ref().to_owned(), ..Element::default() };
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        element.attributes.push((attribute.key.as_ref().to_owned(), decode_references(&attribute.value)));
    }
    Ok(element)
}

fn push_text(open: &mut [Element], text: String) -> Result<(), String> {
    let Some(parent) = open.last_mut() else {
        return if text.trim().is_empty() { Ok(()) } else { Err("text stands outside of the root element".to_owned()) };
    };
    match parent.children.last_mut() {
        Some(Node::Text(own)) => own.push_str(&text),
        _ => parent.children.push(Node::Text(text)),
    }
    Ok(())
}

/// Reads a document. White space between elements is left out; no entity but XML's five is known, so that none can grow.
///
/// # Errors
/// It is not well-formed, or too deep; says why.
pub(super) fn parse(text: &str) -> Result<Document, String> {
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    let mut declaration = Vec::new();
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    loop {
        let event = reader.read_event().map_err(|error| error.to_string())?;
        let closed = match event {
            Event::Start(tag) => {
                if open.len() >= DEPTH {
                    return Err(format!("elements are nested more than {DEPTH} deep"));
                }
                open.push(start(&tag)?);
                None
            }
            Event::Empty(tag) => Some(Element { closed: true, ..start(&tag)? }),
            Event::End(_) => open.pop(),
            Event::Text(text) => {
                push_text(&mut open, text.xml10_content().into_owned())?;
                None
            }
            Event::GeneralRef(reference) => {
                let written = format!("&{};", reference.into_inner());
                let text = decode_references(&written);
                if text == written {
                    return Err(format!("the entity `{written}` is not known"));
                }
                push_text(&mut open, text)?;
                None
            }
            Event::CData(data) => {
                if let Some(parent) = open.last_mut() {
                    parent.children.push(Node::CharacterData(data.xml10_content().into_owned()));
                }
                None
            }
            Event::Decl(written) => {
                // `xml` and what follows has the form of a start tag.
                declaration = start(&BytesStart::from_content(&*written, 3))?.attributes;
                None
            }
            Event::Comment(_) | Event::PI(_) | Event::DocType(_) => None,
            Event::Eof => break,
        };
        if let Some(mut element) = closed {
            if element.elements().next().is_some() {
                element.children.retain(|node| !matches!(node, Node::Text(text) if text.trim().is_empty()));
            }
            match open.last_mut() {
                Some(parent) => parent.children.push(Node::Element(element)),
                None if root.is_none() => root = Some(element),
                None => return Err("there is more than one root element".to_owned()),
            }
        }
    }
    if !open.is_empty() {
        return Err("an element is not closed".to_owned());
    }
    root.map(|root| Document { declaration, root }).ok_or_else(|| "there is no root element".to_owned())
}

/// Text as it stands between tags.
pub(super) fn escape_text(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#xD;"),
            // XML 1.0 has no way to write these.
            '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
}

/// An attribute's value as it stands between double quotes.
pub(super) fn escape_attribute(text: &str, out: &mut String) {
    let mut plain = String::with_capacity(text.len());
    escape_text(text, &mut plain);
    for character in plain.chars() {
        match character {
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#xA;"),
            '\t' => out.push_str("&#x9;"),
            other => out.push(other),
        }
    }
}
