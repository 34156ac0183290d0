//! Adding, removing and replacing what is inside of a node.

use std::sync::Arc;

use super::{Name, Node, add, attributes, children, content_text, copy, get, get_mut, name_of, names, parent};
use crate::expression::heap::Object;
use crate::expression::library::linq;
use crate::expression::machine::{Machine, Outcome};
use crate::expression::text::Text;
use crate::expression::value::{Handle, Value};

/// Puts a parentless node among the children; at the end without an index.
pub(crate) fn attach(m: &mut Machine<'_>, to: Handle, child: Handle, index: Option<usize>) {
    if let Some(xml) = get_mut(m, child) {
        xml.parent = Some(to);
    }
    if let Some(xml) = get_mut(m, to)
        && let Node::Element { children, .. } | Node::Document(_, children) = &mut xml.node
    {
        let index = index.unwrap_or(children.len()).min(children.len());
        children.insert(index, child);
    }
}

pub(crate) fn attach_attribute(m: &mut Machine<'_>, to: Handle, attribute: Handle) {
    if let Some(xml) = get_mut(m, attribute) {
        xml.parent = Some(to);
    }
    if let Some(xml) = get_mut(m, to)
        && let Node::Element { attributes, .. } = &mut xml.node
    {
        attributes.push(attribute);
    }
}

/// Takes a node or attribute out of its parent.
pub(crate) fn detach(m: &mut Machine<'_>, child: Handle) {
    let Some(above) = parent(m, child) else { return };
    if let Some(xml) = get_mut(m, above) {
        match &mut xml.node {
            Node::Element { attributes, children, .. } => {
                attributes.retain(|one| *one != child);
                children.retain(|one| *one != child);
            }
            Node::Document(_, children) => children.retain(|one| *one != child),
            _ => {}
        }
    }
    if let Some(xml) = get_mut(m, child) {
        xml.parent = None;
    }
}

/// Where content goes: to the end, or before the child at an index.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    End,
    At(usize),
}

/// Adds any content as .NET does: nodes that have a parent are copied, sequences are taken apart, all else becomes text.
pub(crate) fn add_content(m: &mut Machine<'_>, to: Handle, value: &Value, place: &mut Place, depth: usize) -> Outcome<()> {
    super::deep(depth)?;
    match value {
        Value::Null => return Ok(()),
        Value::Text(text) => return add_text(m, to, text, place),
        Value::Object(handle) => match m.heap.get(*handle) {
            Object::Xml(xml) if matches!(xml.node, Node::Attribute(..)) => return add_attribute(m, to, *handle, *place),
            Object::Xml(_) => return add_node(m, to, *handle, place),
            // A token is a sequence of its children, of which the last ones have none: nothing is added.
            Object::Json(_) => return Ok(()),
            _ if linq::is_enumerable(m, value) => {
                for item in linq::collect(m, value)? {
                    add_content(m, to, &item, place, depth + 1)?;
                }
                return Ok(());
            }
            _ => {}
        },
        _ => {}
    }
    let text = Arc::new(content_text(m, value)?);
    add_text(m, to, &text, place)
}

fn add_text(m: &mut Machine<'_>, to: Handle, text: &Arc<Text>, place: &mut Place) -> Outcome<()> {
    if is_document(m, to) {
        if !text.is_empty() {
            let white = (0..text.len()).all(|index| matches!(text.at(index), 9 | 10 | 13 | 32));
            if !white {
                return Err(m.throw("ArgumentException", "Non-whitespace characters cannot be added to content."));
            }
            let made = add(m, Node::Text(Arc::clone(text)))?;
            insert(m, to, made, place);
        }
        return Ok(());
    }
    let before = match place {
        Place::End => children(m, to).last().copied(),
        Place::At(0) => None,
        Place::At(index) => children(m, to).get(*index - 1).copied(),
    };
    if let Some(last) = before
        && let Some(Node::Text(old)) = get(m, last).map(|xml| xml.node.clone())
    {
        m.allocate(text.len())?;
        let mut units = old.units();
        text.append_to(&mut units);
        if let Some(xml) = get_mut(m, last) {
            xml.node = Node::Text(Arc::new(Text::from(units.as_slice())));
        }
        return Ok(());
    }
    if text.is_empty() {
        if children(m, to).is_empty()
            && let Some(xml) = get_mut(m, to)
            && let Node::Element { hollow, .. } = &mut xml.node
        {
            *hollow = true;
        }
        return Ok(());
    }
    let made = add(m, Node::Text(Arc::clone(text)))?;
    insert(m, to, made, place);
    Ok(())
}

fn insert(m: &mut Machine<'_>, to: Handle, node: Handle, place: &mut Place) {
    match place {
        Place::End => attach(m, to, node, None),
        Place::At(index) => {
            attach(m, to, node, Some(*index));
            *index += 1;
        }
    }
}

fn is_document(m: &Machine<'_>, handle: Handle) -> bool {
    matches!(get(m, handle).map(|xml| &xml.node), Some(Node::Document(..)))
}

fn add_node(m: &mut Machine<'_>, to: Handle, node: Handle, place: &mut Place) -> Outcome<()> {
    let kind = get(m, node).map_or(0, super::Xml::kind);
    if kind == 9 {
        return Err(m.throw("ArgumentException", "A node of type Document cannot be added to content."));
    }
    if is_document(m, to) {
        let twice =
            |m: &Machine<'_>, wanted: i64| children(m, to).iter().any(|child| get(m, *child).is_some_and(|xml| xml.kind() == wanted));
        if kind == 4 {
            return Err(m.throw("ArgumentException", "A node of type CDATA cannot be added to content."));
        }
        if kind == 1 && twice(m, 1) || kind == 10 && (twice(m, 10) || twice(m, 1)) {
            return Err(m.throw("InvalidOperationException", "This operation would create an incorrectly structured document."));
        }
    } else if kind == 10 {
        return Err(m.throw("ArgumentException", "A node of type DocumentType cannot be added to content."));
    }
    let (mut top, mut steps) = (to, 0);
    while let Some(above) = parent(m, top) {
        top = above;
        steps += 1;
        super::deep(steps)?;
    }
    let fresh = if parent(m, node).is_some() || top == node { copy(m, node, 0)? } else { node };
    insert(m, to, fresh, place);
    Ok(())
}

fn add_attribute(m: &mut Machine<'_>, to: Handle, attribute: Handle, place: Place) -> Outcome<()> {
    if is_document(m, to) || matches!(place, Place::At(_)) {
        return Err(m.throw("ArgumentException", "An attribute cannot be added to content."));
    }
    let name = name_of(m, attribute);
    if attributes(m, to).into_iter().any(|one| name_of(m, one) == name) {
        return Err(m.throw("InvalidOperationException", "Duplicate attribute."));
    }
    let fresh = if parent(m, attribute).is_some() { copy(m, attribute, 0)? } else { attribute };
    attach_attribute(m, to, fresh);
    Ok(())
}

/// Takes out all children.
pub(crate) fn remove_nodes(m: &mut Machine<'_>, of: Handle) {
    for child in children(m, of) {
        if let Some(xml) = get_mut(m, child) {
            xml.parent = None;
        }
    }
    if let Some(xml) = get_mut(m, of) {
        match &mut xml.node {
            Node::Element { children, hollow, .. } => {
                children.clear();
                *hollow = false;
            }
            Node::Document(_, children) => children.clear(),
            _ => {}
        }
    }
}

pub(crate) fn remove_attributes(m: &mut Machine<'_>, of: Handle) {
    for attribute in attributes(m, of) {
        detach(m, attribute);
    }
}

/// Replaces the content by text.
pub(crate) fn set_text(m: &mut Machine<'_>, of: Handle, text: &Arc<Text>) -> Outcome<()> {
    remove_nodes(m, of);
    add_text(m, of, text, &mut Place::End)
}

/// A copy of what a lazy or shared argument holds, taken before anything is removed.
pub(crate) fn snapshot(m: &mut Machine<'_>, value: &Value) -> Outcome<Vec<Value>> {
    match value {
        Value::Text(_) | Value::Null => Ok(vec![value.clone()]),
        _ if linq::is_enumerable(m, value) => linq::collect(m, value),
        _ => Ok(vec![value.clone()]),
    }
}

pub(crate) fn attribute(m: &mut Machine<'_>, of: Handle, name: &Name) -> Option<Handle> {
    attributes(m, of).into_iter().find(|one| name_of(m, *one).as_ref() == Some(name))
}

pub(crate) fn element(m: &mut Machine<'_>, of: Handle, name: &Name) -> Option<Handle> {
    children(m, of).into_iter().find(|one| super::is_element(m, *one) && name_of(m, *one).as_ref() == Some(name))
}

/// `SetAttributeValue` and `SetElementValue`.
pub(crate) fn set_value(m: &mut Machine<'_>, of: Handle, name: &Value, value: &Value, is_attribute: bool) -> Outcome<()> {
    let name = names::of(m, name, "name")?;
    let found = if is_attribute { attribute(m, of, &name) } else { element(m, of, &name) };
    if value.is_null() {
        if let Some(found) = found {
            detach(m, found);
        }
        return Ok(());
    }
    let text = Arc::new(content_text(m, value)?);
    match (found, is_attribute) {
        (Some(found), true) => {
            if let Some(xml) = get_mut(m, found) {
                xml.node = Node::Attribute(name, text);
            }
        }
        (None, true) => {
            let made = add(m, Node::Attribute(name, text))?;
            attach_attribute(m, of, made);
        }
        (Some(found), false) => set_text(m, found, &text)?,
        (None, false) => {
            let made = add(m, Node::Element { name, attributes: Vec::new(), children: Vec::new(), hollow: false })?;
            add_text(m, made, &text, &mut Place::End)?;
            attach(m, of, made, None);
        }
    }
    Ok(())
}
