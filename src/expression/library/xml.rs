//! `System.Xml.Linq`: nodes with identity and parents, and the rules by which content is added to them.
//!
//! Sequences that .NET makes lazily (`Descendants()`, `Elements()`) are taken at once here: removing nodes while they are enumerated meets all of them.

use std::sync::Arc;

use super::{Machine, Outcome, linq, to_text};
use crate::expression::heap::Object;
use crate::expression::text::Text;
use crate::expression::types::{self, Type};
use crate::expression::value::{Handle, Value};

pub(crate) mod content;
pub(crate) mod conversions;
pub(crate) mod elements;
pub(crate) mod members;
pub(crate) mod names;
pub(crate) mod read;
pub(crate) mod write;

/// How deep a tree may be: reading, writing and copying go down it.
pub(crate) const MAX_DEPTH: usize = 256;
pub(crate) const XMLNS: &str = "http://www.w3.org/2000/xmlns/";
pub(crate) const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// `XName`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) namespace: Arc<str>,
    pub(crate) local: Arc<str>,
}

/// One node, or an attribute.
#[derive(Debug, Clone)]
pub(crate) struct Xml {
    pub(crate) node: Node,
    pub(crate) parent: Option<Handle>,
}

#[derive(Debug, Clone)]
pub(crate) enum Node {
    Element {
        name: Name,
        attributes: Vec<Handle>,
        children: Vec<Handle>,
        /// Has the empty string as content, and so is written with an end tag.
        hollow: bool,
    },
    Attribute(Name, Arc<Text>),
    /// Its declaration, or null.
    Document(Value, Vec<Handle>),
    Text(Arc<Text>),
    CData(Arc<Text>),
    Comment(Arc<Text>),
    /// Target and data.
    Instruction(Arc<Text>, Arc<Text>),
    /// Name, public id, system id, internal subset; each a string or null.
    DocumentType([Value; 4]),
}

impl Xml {
    pub(crate) fn ty(&self) -> Type {
        types::named(match &self.node {
            Node::Element { .. } => "XElement",
            Node::Attribute(..) => "XAttribute",
            Node::Document(..) => "XDocument",
            Node::Text(_) => "XText",
            Node::CData(_) => "XCData",
            Node::Comment(_) => "XComment",
            Node::Instruction(..) => "XProcessingInstruction",
            Node::DocumentType(_) => "XDocumentType",
        })
    }

    /// `XmlNodeType`.
    pub(crate) fn kind(&self) -> i64 {
        match &self.node {
            Node::Element { .. } => 1,
            Node::Attribute(..) => 2,
            Node::Text(_) => 3,
            Node::CData(_) => 4,
            Node::Instruction(..) => 7,
            Node::Comment(_) => 8,
            Node::Document(..) => 9,
            Node::DocumentType(_) => 10,
        }
    }
}

pub(crate) fn get<'h>(m: &'h Machine<'_>, handle: Handle) -> Option<&'h Xml> {
    match m.heap.get(handle) {
        Object::Xml(xml) => Some(xml),
        _ => None,
    }
}

pub(crate) fn get_mut<'h>(m: &'h mut Machine<'_>, handle: Handle) -> Option<&'h mut Xml> {
    match m.heap.get_mut(handle) {
        Some(Object::Xml(xml)) => Some(xml),
        _ => None,
    }
}

pub(crate) fn add(m: &mut Machine<'_>, node: Node) -> Outcome<Handle> {
    let size = match &node {
        Node::Element { .. } => 160,
        Node::Attribute(_, text) | Node::Text(text) | Node::CData(text) | Node::Comment(text) => 96 + text.len(),
        _ => 128,
    };
    m.allocate(size)?;
    Ok(m.heap.add(Object::Xml(Xml { node, parent: None })))
}

/// The node that a method is called on, or an argument that may not be null.
pub(crate) fn handle(m: &mut Machine<'_>, value: &Value) -> Outcome<Handle> {
    match value {
        Value::Object(handle) if matches!(m.heap.get(*handle), Object::Xml(_)) => Ok(*handle),
        _ => Err(m.null_reference()),
    }
}

pub(crate) fn children(m: &Machine<'_>, handle: Handle) -> Vec<Handle> {
    match get(m, handle).map(|xml| &xml.node) {
        Some(Node::Element { children, .. } | Node::Document(_, children)) => children.clone(),
        _ => Vec::new(),
    }
}

pub(crate) fn attributes(m: &Machine<'_>, handle: Handle) -> Vec<Handle> {
    match get(m, handle).map(|xml| &xml.node) {
        Some(Node::Element { attributes, .. }) => attributes.clone(),
        _ => Vec::new(),
    }
}

pub(crate) fn parent(m: &Machine<'_>, handle: Handle) -> Option<Handle> {
    get(m, handle)?.parent
}

pub(crate) fn name_of(m: &Machine<'_>, handle: Handle) -> Option<Name> {
    match &get(m, handle)?.node {
        Node::Element { name, .. } | Node::Attribute(name, _) => Some(name.clone()),
        _ => None,
    }
}

pub(crate) fn is_element(m: &Machine<'_>, handle: Handle) -> bool {
    matches!(get(m, handle).map(|xml| &xml.node), Some(Node::Element { .. }))
}

/// The text of an element with all its descendants, of an attribute, or of a text node.
pub(crate) fn value(m: &mut Machine<'_>, of: Handle) -> Outcome<Text> {
    let mut units = Vec::new();
    gather(m, of, &mut units, 0)?;
    Ok(Text::from(units.as_slice()))
}

fn gather(m: &mut Machine<'_>, of: Handle, units: &mut Vec<u16>, depth: usize) -> Outcome<()> {
    m.charge(1)?;
    deep(depth)?;
    match get(m, of).map(|xml| &xml.node) {
        Some(Node::Text(text) | Node::CData(text) | Node::Attribute(_, text)) => text.append_to(units),
        Some(Node::Comment(text) | Node::Instruction(_, text)) if depth == 0 => text.append_to(units),
        Some(Node::Element { children, .. }) => {
            for child in children.clone() {
                gather(m, child, units, depth + 1)?;
            }
        }
        _ => {}
    }
    Ok(())
}

pub(crate) fn deep(depth: usize) -> Outcome<()> {
    if depth > MAX_DEPTH { Err(crate::expression::machine::Fault::Stopped("the XML is nested deeper than it may be")) } else { Ok(()) }
}

/// All nodes below, in document order; elements alone or every node.
pub(crate) fn descendants(m: &mut Machine<'_>, of: Handle, only_elements: bool, out: &mut Vec<Handle>) -> Outcome<()> {
    let mut open = vec![children(m, of).into_iter()];
    while let Some(level) = open.last_mut() {
        let Some(child) = level.next() else {
            open.pop();
            continue;
        };
        m.charge(1)?;
        deep(open.len())?;
        let element = is_element(m, child);
        if element || !only_elements {
            out.push(child);
        }
        if element {
            open.push(children(m, child).into_iter());
        }
    }
    Ok(())
}

/// A copy with all below, without a parent.
pub(crate) fn copy(m: &mut Machine<'_>, of: Handle, depth: usize) -> Outcome<Handle> {
    deep(depth)?;
    let Some(xml) = get(m, of) else { return Err(m.null_reference()) };
    let mut node = xml.node.clone();
    let (attributes, children) = match &mut node {
        Node::Element { attributes, children, .. } => (std::mem::take(attributes), std::mem::take(children)),
        Node::Document(declaration, children) => {
            let (own, children) = (declaration.clone(), std::mem::take(children));
            if let Value::Object(handle) = own {
                let fields = m.heap.get(handle).clone();
                *declaration = m.object(fields);
            }
            (Vec::new(), children)
        }
        _ => (Vec::new(), Vec::new()),
    };
    let made = add(m, node)?;
    for attribute in attributes {
        let fresh = copy(m, attribute, depth + 1)?;
        content::attach_attribute(m, made, fresh);
    }
    for child in children {
        let fresh = copy(m, child, depth + 1)?;
        content::attach(m, made, fresh, None);
    }
    Ok(made)
}

/// A lazy-looking sequence of nodes.
pub(crate) fn sequence(m: &mut Machine<'_>, element: &str, list: Vec<Handle>) -> Outcome {
    m.allocate(list.len() * 24)?;
    let ty = types::enumerable(types::named(element));
    Ok(m.object(Object::Query(ty, linq::Query::Items(list.into_iter().map(Value::Object).collect()))))
}

/// A node or null.
pub(crate) fn optional(found: Option<Handle>) -> Value {
    found.map(Value::Object).into()
}

/// What is written for a value that is content: XML Schema's forms where .NET uses them.
pub(crate) fn content_text(m: &mut Machine<'_>, value: &Value) -> Outcome<Text> {
    Ok(match value {
        Value::Boolean(value) => Text::from(if *value { "true" } else { "false" }),
        Value::Double(number) if number.is_infinite() => Text::from(if *number > 0.0 { "INF" } else { "-INF" }),
        Value::Single(number) if number.is_infinite() => Text::from(if *number > 0.0 { "INF" } else { "-INF" }),
        Value::Double(_) | Value::Single(_) => Text::from(super::format::number(value, "R").unwrap_or_default()),
        Value::DateTime(date) => {
            Text::from(super::dates::format(&super::dates::Parts::of(*date), "yyyy-MM-ddTHH:mm:ss.FFFFFFFK").unwrap_or_default())
        }
        Value::Offset(date) => {
            let text = super::dates::format(&super::dates::Parts::of_offset(*date), "yyyy-MM-ddTHH:mm:ss.FFFFFFFzzz").unwrap_or_default();
            Text::from(text.strip_suffix("+00:00").map_or_else(|| text.clone(), |head| format!("{head}Z")))
        }
        Value::Span(ticks) => Text::from(conversions::duration(*ticks)),
        Value::Object(handle) if matches!(m.heap.get(*handle), Object::Xml(_)) => {
            return Err(m.throw("ArgumentException", "An XObject cannot be used as a value."));
        }
        other => return to_text(m, other),
    })
}
