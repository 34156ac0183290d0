//! `XObject`, `XNode`, `XContainer`, `XDocument` and the nodes that are no elements.

use std::sync::Arc;

use super::content::{self, Place, add_content};
use super::{
    Node, add, children, copy, descendants, get, get_mut, handle, is_element, name_of, names, optional, parent, read, sequence, write,
};
use crate::expression::heap::Object;
use crate::expression::library::{Members, basics, to_text};
use crate::expression::machine::{Args, Machine, Outcome};
use crate::expression::text::Text;
use crate::expression::types;
use crate::expression::value::{Handle, Value};

pub(crate) const MEMBERS: Members = &[
    ("XObject.BaseUri", |m, a| handle(m, a.get(0)).map(|_| Value::from(""))),
    ("XObject.Document", |m, a| {
        let top = top(m, a)?;
        Ok(match get(m, top).map(|xml| &xml.node) {
            Some(Node::Document(..)) => Value::Object(top),
            _ => Value::Null,
        })
    }),
    ("XObject.NodeType", |m, a| kind(m, a)),
    ("XObject.Parent", |m, a| {
        let node = handle(m, a.get(0))?;
        Ok(optional(parent(m, node).filter(|above| is_element(m, *above))))
    }),
    ("XElement.NodeType", |m, a| kind(m, a)),
    ("XAttribute.NodeType", |m, a| kind(m, a)),
    ("XDocument.NodeType", |m, a| kind(m, a)),
    ("XText.NodeType", |m, a| kind(m, a)),
    ("XCData.NodeType", |m, a| kind(m, a)),
    ("XComment.NodeType", |m, a| kind(m, a)),
    ("XProcessingInstruction.NodeType", |m, a| kind(m, a)),
    ("XDocumentType.NodeType", |m, a| kind(m, a)),
    ("XNode.NextNode", |m, a| beside(m, a, 1)),
    ("XNode.PreviousNode", |m, a| beside(m, a, -1)),
    ("XNode.DeepEquals", |m, a| {
        Ok(Value::Boolean(match (a.get(0), a.get(1)) {
            (Value::Null, Value::Null) => true,
            (Value::Null, _) | (_, Value::Null) => false,
            (one, two) => {
                let (one, two) = (handle(m, one)?, handle(m, two)?);
                deep_equals(m, one, two, 0)?
            }
        }))
    }),
    ("XNode.CompareDocumentOrder", |m, a| document_order(m, a.get(0), a.get(1)).map(Value::Int32)),
    ("XNode.IsAfter", |m, a| document_order(m, a.get(0), a.get(1)).map(|order| Value::Boolean(order > 0))),
    ("XNode.IsBefore", |m, a| document_order(m, a.get(0), a.get(1)).map(|order| Value::Boolean(order < 0))),
    ("XNode.DocumentOrderComparer", |m, _| Ok(m.object(Object::Opaque(types::named("XNodeDocumentOrderComparer"), Vec::new())))),
    ("XNode.EqualityComparer", |m, _| Ok(m.object(Object::Opaque(types::named("XNodeEqualityComparer"), Vec::new())))),
    ("XNodeDocumentOrderComparer.new()", |m, _| Ok(m.object(Object::Opaque(types::named("XNodeDocumentOrderComparer"), Vec::new())))),
    ("XNodeDocumentOrderComparer.Compare", |m, a| document_order(m, a.get(1), a.get(2)).map(Value::Int32)),
    ("XNodeEqualityComparer.new()", |m, _| Ok(m.object(Object::Opaque(types::named("XNodeEqualityComparer"), Vec::new())))),
    ("XNodeEqualityComparer.Equals", |m, a| {
        Ok(Value::Boolean(match (a.get(1), a.get(2)) {
            (Value::Null, Value::Null) => true,
            (Value::Null, _) | (_, Value::Null) => false,
            (one, two) => {
                let (one, two) = (handle(m, one)?, handle(m, two)?);
                deep_equals(m, one, two, 0)?
            }
        }))
    }),
    ("XNode.AddAfterSelf", |m, a| add_beside(m, a, 1)),
    ("XNode.AddBeforeSelf", |m, a| add_beside(m, a, 0)),
    ("XNode.Ancestors", |m, a| {
        let node = handle(m, a.get(0))?;
        let list = ancestors(m, node)?;
        elements_named(m, a, 1, list)
    }),
    ("XNode.ElementsAfterSelf", |m, a| siblings(m, a, true, true)),
    ("XNode.ElementsBeforeSelf", |m, a| siblings(m, a, false, true)),
    ("XNode.NodesAfterSelf", |m, a| siblings(m, a, true, false)),
    ("XNode.NodesBeforeSelf", |m, a| siblings(m, a, false, false)),
    ("XNode.Remove()", |m, a| {
        let node = handle(m, a.get(0))?;
        if parent(m, node).is_none() {
            return Err(m.throw("InvalidOperationException", "The parent is missing."));
        }
        content::detach(m, node);
        Ok(Value::Null)
    }),
    ("XNode.ReplaceWith", |m, a| {
        let node = handle(m, a.get(0))?;
        let Some(above) = parent(m, node) else { return Err(m.throw("InvalidOperationException", "The parent is missing.")) };
        let list = content::snapshot(m, a.get(1))?;
        let index = children(m, above).iter().position(|child| *child == node).unwrap_or(0);
        content::detach(m, node);
        let mut place = Place::At(index);
        for item in list {
            add_content(m, above, &item, &mut place, 0)?;
        }
        Ok(Value::Null)
    }),
    ("XNode.ToString()", |m, a| {
        let node = handle(m, a.get(0))?;
        let text = write::to_text(m, node, true)?;
        m.text(text)
    }),
    ("XNode.ToString(SaveOptions)", |m, a| {
        let node = handle(m, a.get(0))?;
        let text = write::to_text(m, node, a.get(1).integer() & 1 == 0)?;
        m.text(text)
    }),
    ("XContainer.FirstNode", |m, a| {
        let node = handle(m, a.get(0))?;
        Ok(optional(children(m, node).first().copied()))
    }),
    ("XContainer.LastNode", |m, a| {
        let node = handle(m, a.get(0))?;
        Ok(optional(children(m, node).last().copied()))
    }),
    ("XContainer.Add", |m, a| {
        let node = handle(m, a.get(0))?;
        add_content(m, node, a.get(1), &mut Place::End, 0)?;
        Ok(Value::Null)
    }),
    ("XContainer.AddFirst", |m, a| {
        let node = handle(m, a.get(0))?;
        let list = content::snapshot(m, a.get(1))?;
        let mut place = Place::At(0);
        for item in list {
            add_content(m, node, &item, &mut place, 0)?;
        }
        Ok(Value::Null)
    }),
    ("XContainer.DescendantNodes()", |m, a| {
        let node = handle(m, a.get(0))?;
        let mut list = Vec::new();
        descendants(m, node, false, &mut list)?;
        sequence(m, "XNode", list)
    }),
    ("XContainer.Descendants", |m, a| {
        let node = handle(m, a.get(0))?;
        let mut list = Vec::new();
        descendants(m, node, true, &mut list)?;
        elements_named(m, a, 1, list)
    }),
    ("XContainer.Element", |m, a| {
        let node = handle(m, a.get(0))?;
        if a.get(1).is_null() {
            return Ok(Value::Null);
        }
        let name = names::of(m, a.get(1), "name")?;
        m.charge(children(m, node).len())?;
        Ok(optional(content::element(m, node, &name)))
    }),
    ("XContainer.Elements", |m, a| {
        let node = handle(m, a.get(0))?;
        let list = children(m, node).into_iter().filter(|child| is_element(m, *child)).collect();
        elements_named(m, a, 1, list)
    }),
    ("XContainer.Nodes()", |m, a| {
        let node = handle(m, a.get(0))?;
        let list = children(m, node);
        sequence(m, "XNode", list)
    }),
    ("XContainer.RemoveNodes()", |m, a| {
        let node = handle(m, a.get(0))?;
        content::remove_nodes(m, node);
        Ok(Value::Null)
    }),
    ("XContainer.ReplaceNodes", |m, a| {
        let node = handle(m, a.get(0))?;
        let list = content::snapshot(m, a.get(1))?;
        content::remove_nodes(m, node);
        for item in list {
            add_content(m, node, &item, &mut Place::End, 0)?;
        }
        Ok(Value::Null)
    }),
    ("XDocument.new()", |m, _| add(m, Node::Document(Value::Null, Vec::new())).map(Value::Object)),
    ("XDocument.new(object[])", |m, a| new_document(m, Value::Null, a.get(0))),
    ("XDocument.new(XDeclaration,object[])", |m, a| new_document(m, a.get(0).clone(), a.get(1))),
    ("XDocument.new(XDocument)", |m, a| copied(m, a, "other")),
    ("XDocument.Declaration", |m, a| {
        let node = handle(m, a.get(0))?;
        Ok(match get(m, node).map(|xml| &xml.node) {
            Some(Node::Document(declaration, _)) => declaration.clone(),
            _ => Value::Null,
        })
    }),
    ("XDocument.Declaration=", |m, a| {
        let node = handle(m, a.get(0))?;
        if let Some(xml) = get_mut(m, node)
            && let Node::Document(declaration, _) = &mut xml.node
        {
            *declaration = a.get(1).clone();
        }
        Ok(Value::Null)
    }),
    ("XDocument.DocumentType", |m, a| first_of(m, a, 10)),
    ("XDocument.Root", |m, a| first_of(m, a, 1)),
    ("XDocument.Parse(string)", |m, a| parse_document(m, a)),
    ("XDocument.Parse(string,LoadOptions)", |m, a| parse_document(m, a)),
    ("XDocument.Save(TextWriter)", |m, a| save(m, a)),
    ("XDocument.Save(TextWriter,SaveOptions)", |m, a| save(m, a)),
    ("XDeclaration.new(string,string,string)", |m, a| Ok(m.object(Object::Opaque(types::named("XDeclaration"), a.values.to_vec())))),
    ("XDeclaration.new(XDeclaration)", |m, a| match a.get(0) {
        Value::Object(other) => {
            let fields = m.heap.get(*other).clone();
            Ok(m.object(fields))
        }
        _ => Err(m.argument_null("other")),
    }),
    ("XDeclaration.Version", |m, a| field(m, a, 0)),
    ("XDeclaration.Encoding", |m, a| field(m, a, 1)),
    ("XDeclaration.Standalone", |m, a| field(m, a, 2)),
    ("XDeclaration.Version=", |m, a| set_field(m, a, 0)),
    ("XDeclaration.Encoding=", |m, a| set_field(m, a, 1)),
    ("XDeclaration.Standalone=", |m, a| set_field(m, a, 2)),
    ("XDeclaration.ToString()", |m, a| basics::instance_text(m, a)),
    ("XText.new(string)", |m, a| {
        let text = m.string(a, 0, "value")?;
        add(m, Node::Text(text)).map(Value::Object)
    }),
    ("XText.new(XText)", |m, a| copied(m, a, "other")),
    ("XText.Value", |m, a| own_text(m, a)),
    ("XText.Value=", |m, a| set_own_text(m, a)),
    ("XCData.new(string)", |m, a| {
        let text = m.string(a, 0, "value")?;
        add(m, Node::CData(text)).map(Value::Object)
    }),
    ("XCData.new(XCData)", |m, a| copied(m, a, "other")),
    ("XComment.new(string)", |m, a| {
        let text = m.string(a, 0, "value")?;
        add(m, Node::Comment(text)).map(Value::Object)
    }),
    ("XComment.new(XComment)", |m, a| copied(m, a, "other")),
    ("XComment.Value", |m, a| own_text(m, a)),
    ("XComment.Value=", |m, a| set_own_text(m, a)),
    ("XProcessingInstruction.new(string,string)", |m, a| {
        let target = instruction_target(m, a, 0)?;
        let data = m.string(a, 1, "data")?;
        add(m, Node::Instruction(target, data)).map(Value::Object)
    }),
    ("XProcessingInstruction.new(XProcessingInstruction)", |m, a| copied(m, a, "other")),
    ("XProcessingInstruction.Target", |m, a| {
        let node = handle(m, a.get(0))?;
        Ok(match get(m, node).map(|xml| &xml.node) {
            Some(Node::Instruction(target, _)) => Value::Text(Arc::clone(target)),
            _ => Value::Null,
        })
    }),
    ("XProcessingInstruction.Target=", |m, a| {
        let node = handle(m, a.get(0))?;
        let fresh = instruction_target(m, a, 1)?;
        if let Some(xml) = get_mut(m, node)
            && let Node::Instruction(target, _) = &mut xml.node
        {
            *target = fresh;
        }
        Ok(Value::Null)
    }),
    ("XProcessingInstruction.Data", |m, a| own_text(m, a)),
    ("XProcessingInstruction.Data=", |m, a| set_own_text(m, a)),
    ("XDocumentType.new(string,string,string,string)", |m, a| {
        let name = m.string(a, 0, "name")?;
        let parts = [Value::Text(name), a.get(1).clone(), a.get(2).clone(), a.get(3).clone()];
        add(m, Node::DocumentType(parts)).map(Value::Object)
    }),
    ("XDocumentType.new(XDocumentType)", |m, a| copied(m, a, "other")),
    ("XDocumentType.Name", |m, a| doctype(m, a, 0)),
    ("XDocumentType.PublicId", |m, a| doctype(m, a, 1)),
    ("XDocumentType.SystemId", |m, a| doctype(m, a, 2)),
    ("XDocumentType.InternalSubset", |m, a| doctype(m, a, 3)),
    ("XDocumentType.Name=", |m, a| set_doctype(m, a, 0)),
    ("XDocumentType.PublicId=", |m, a| set_doctype(m, a, 1)),
    ("XDocumentType.SystemId=", |m, a| set_doctype(m, a, 2)),
    ("XDocumentType.InternalSubset=", |m, a| set_doctype(m, a, 3)),
];

fn kind(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let node = handle(m, a.get(0))?;
    Ok(Value::Enum(types::named("XmlNodeType"), get(m, node).map_or(0, super::Xml::kind)))
}

fn top(m: &mut Machine<'_>, a: Args<'_>) -> Outcome<Handle> {
    let mut top = handle(m, a.get(0))?;
    let mut steps = 0;
    while let Some(above) = parent(m, top) {
        top = above;
        steps += 1;
        super::deep(steps)?;
    }
    Ok(top)
}

fn beside(m: &mut Machine<'_>, a: Args<'_>, step: isize) -> Outcome {
    let node = handle(m, a.get(0))?;
    let list = parent(m, node).map_or(Vec::new(), |above| children(m, above));
    m.charge(list.len() / 8)?;
    let index = list.iter().position(|one| *one == node);
    Ok(optional(index.and_then(|index| index.checked_add_signed(step)).and_then(|index| list.get(index)).copied()))
}

fn siblings(m: &mut Machine<'_>, a: Args<'_>, after: bool, only_elements: bool) -> Outcome {
    let node = handle(m, a.get(0))?;
    let list = parent(m, node).map_or(Vec::new(), |above| children(m, above));
    let Some(index) = list.iter().position(|one| *one == node) else { return sequence(m, "XElement", Vec::new()) };
    let list: Vec<Handle> = if after { list[index + 1..].to_vec() } else { list[..index].to_vec() };
    if only_elements {
        let list = list.into_iter().filter(|one| is_element(m, *one)).collect();
        elements_named(m, a, 1, list)
    } else {
        sequence(m, "XNode", list)
    }
}

fn add_beside(m: &mut Machine<'_>, a: Args<'_>, step: usize) -> Outcome {
    let node = handle(m, a.get(0))?;
    let Some(above) = parent(m, node) else { return Err(m.throw("InvalidOperationException", "The parent is missing.")) };
    let list = content::snapshot(m, a.get(1))?;
    let index = children(m, above).iter().position(|child| *child == node).unwrap_or(0);
    let mut place = Place::At(index + step);
    for item in list {
        add_content(m, above, &item, &mut place, 0)?;
    }
    Ok(Value::Null)
}

/// The elements above, nearest first.
pub(crate) fn ancestors(m: &mut Machine<'_>, node: Handle) -> Outcome<Vec<Handle>> {
    let mut list = Vec::new();
    let mut at = parent(m, node);
    while let Some(above) = at.filter(|above| is_element(m, *above)) {
        list.push(above);
        super::deep(list.len())?;
        at = parent(m, above);
    }
    Ok(list)
}

/// A sequence of those that have the name of an argument; all if there is no such argument, none if it is null.
pub(crate) fn elements_named(m: &mut Machine<'_>, a: Args<'_>, index: usize, list: Vec<Handle>) -> Outcome {
    let list = if a.len() <= index {
        list
    } else if a.get(index).is_null() {
        Vec::new()
    } else {
        let name = names::of(m, a.get(index), "name")?;
        list.into_iter().filter(|one| name_of(m, *one).as_ref() == Some(&name)).collect()
    };
    sequence(m, "XElement", list)
}

fn first_of(m: &mut Machine<'_>, a: Args<'_>, kind: i64) -> Outcome {
    let node = handle(m, a.get(0))?;
    Ok(optional(children(m, node).into_iter().find(|child| get(m, *child).is_some_and(|xml| xml.kind() == kind))))
}

fn new_document(m: &mut Machine<'_>, declaration: Value, list: &Value) -> Outcome {
    let made = add(m, Node::Document(declaration, Vec::new()))?;
    add_content(m, made, list, &mut Place::End, 0)?;
    Ok(Value::Object(made))
}

pub(crate) fn copied(m: &mut Machine<'_>, a: Args<'_>, parameter: &str) -> Outcome {
    if a.get(0).is_null() {
        return Err(m.argument_null(parameter));
    }
    let node = handle(m, a.get(0))?;
    copy(m, node, 0).map(Value::Object)
}

fn parse_document(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let text = m.string(a, 0, "s")?;
    read::document(m, &text.to_str(), a.get(1).integer() & 1 == 1).map(Value::Object)
}

/// `Save` to a `StringWriter`.
pub(crate) fn save(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let node = handle(m, a.get(0))?;
    if a.get(1).is_null() {
        return Err(m.argument_null("textWriter"));
    }
    let text = write::saved(m, node, a.get(2).integer() & 1 == 0)?;
    crate::expression::library::readers::append(m, a.get(1), &text)?;
    Ok(Value::Null)
}

fn field(m: &mut Machine<'_>, a: Args<'_>, index: usize) -> Outcome {
    match m.object_of(a.get(0))? {
        Object::Opaque(_, fields) => Ok(fields.get(index).cloned().unwrap_or(Value::Null)),
        _ => Err(m.null_reference()),
    }
}

fn set_field(m: &mut Machine<'_>, a: Args<'_>, index: usize) -> Outcome {
    if let Value::Object(handle) = a.get(0)
        && let Some(Object::Opaque(_, fields)) = m.heap.get_mut(*handle)
        && let Some(place) = fields.get_mut(index)
    {
        *place = a.get(1).clone();
        return Ok(Value::Null);
    }
    Err(m.null_reference())
}

/// `<?xml version="1.0"?>`.
pub(crate) fn declaration_text(m: &mut Machine<'_>, fields: &[Value]) -> Outcome<Text> {
    let mut text = "<?xml".to_owned();
    for (name, value) in ["version", "encoding", "standalone"].iter().zip(fields) {
        if !value.is_null() {
            text.push_str(&format!(" {name}=\"{}\"", to_text(m, value)?.to_str()));
        }
    }
    text.push_str("?>");
    Ok(Text::from(text))
}

fn own_text(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let node = handle(m, a.get(0))?;
    Ok(match get(m, node).map(|xml| &xml.node) {
        Some(Node::Text(text) | Node::CData(text) | Node::Comment(text) | Node::Instruction(_, text)) => Value::Text(Arc::clone(text)),
        _ => Value::Null,
    })
}

fn set_own_text(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let node = handle(m, a.get(0))?;
    let fresh = m.string(a, 1, "value")?;
    if let Some(xml) = get_mut(m, node)
        && let Node::Text(text) | Node::CData(text) | Node::Comment(text) | Node::Instruction(_, text) = &mut xml.node
    {
        *text = fresh;
    }
    Ok(Value::Null)
}

fn instruction_target(m: &mut Machine<'_>, a: Args<'_>, index: usize) -> Outcome<Arc<Text>> {
    let target = m.string(a, index, "target")?;
    names::verify(m, &target.to_str())?;
    if target.to_str().eq_ignore_ascii_case("xml") {
        let message = format!("'{}' is an invalid name for a processing instruction.", target.to_str());
        return Err(m.throw("ArgumentException", &message));
    }
    Ok(target)
}

fn doctype(m: &mut Machine<'_>, a: Args<'_>, index: usize) -> Outcome {
    let node = handle(m, a.get(0))?;
    Ok(match get(m, node).map(|xml| &xml.node) {
        Some(Node::DocumentType(parts)) => parts.get(index).cloned().unwrap_or(Value::Null),
        _ => Value::Null,
    })
}

fn set_doctype(m: &mut Machine<'_>, a: Args<'_>, index: usize) -> Outcome {
    let node = handle(m, a.get(0))?;
    if let Some(xml) = get_mut(m, node)
        && let Node::DocumentType(parts) = &mut xml.node
        && let Some(place) = parts.get_mut(index)
    {
        *place = a.get(1).clone();
    }
    Ok(Value::Null)
}

/// Path of child indices from the topmost node.
fn path(m: &mut Machine<'_>, node: Handle) -> Outcome<(Handle, Vec<usize>)> {
    let (mut at, mut path) = (node, Vec::new());
    while let Some(above) = parent(m, at) {
        let list = children(m, above);
        m.charge(list.len() / 8)?;
        path.push(list.iter().position(|one| *one == at).unwrap_or(0));
        super::deep(path.len())?;
        at = above;
    }
    path.reverse();
    Ok((at, path))
}

/// -1, 0 or 1 by where two nodes stand in their document.
pub(crate) fn document_order(m: &mut Machine<'_>, one: &Value, two: &Value) -> Outcome<i32> {
    match (one.is_null(), two.is_null()) {
        (true, true) => return Ok(0),
        (true, false) => return Ok(-1),
        (false, true) => return Ok(1),
        (false, false) => {}
    }
    let (one, two) = (handle(m, one)?, handle(m, two)?);
    let ((top, left), (other, right)) = (path(m, one)?, path(m, two)?);
    if top != other {
        return Err(m.throw("InvalidOperationException", "A common ancestor is missing."));
    }
    Ok(left.cmp(&right) as i32)
}

fn deep_equals(m: &mut Machine<'_>, one: Handle, two: Handle, depth: usize) -> Outcome<bool> {
    m.charge(2)?;
    super::deep(depth)?;
    let (Some(left), Some(right)) = (get(m, one).map(|xml| xml.node.clone()), get(m, two).map(|xml| xml.node.clone())) else {
        return Ok(false);
    };
    let same = |left: &[Value], right: &[Value]| {
        left.iter().zip(right).all(|(left, right)| match (left, right) {
            (Value::Text(left), Value::Text(right)) => left == right,
            (left, right) => left.is_null() && right.is_null(),
        })
    };
    Ok(match (left, right) {
        (Node::Text(left), Node::Text(right)) | (Node::CData(left), Node::CData(right)) | (Node::Comment(left), Node::Comment(right)) => {
            left == right
        }
        (Node::Instruction(target, data), Node::Instruction(other, more)) => target == other && data == more,
        (Node::DocumentType(left), Node::DocumentType(right)) => same(&left, &right),
        (Node::Attribute(name, value), Node::Attribute(other, more)) => name == other && value == more,
        (
            Node::Element { name, attributes, children, hollow },
            Node::Element { name: other, attributes: more, children: rest, hollow: other_hollow },
        ) => name == other && hollow == other_hollow && all_equal(m, &attributes, &more, depth)? && all_equal(m, &children, &rest, depth)?,
        (Node::Document(_, left), Node::Document(_, right)) => all_equal(m, &left, &right, depth)?,
        _ => false,
    })
}

fn all_equal(m: &mut Machine<'_>, left: &[Handle], right: &[Handle], depth: usize) -> Outcome<bool> {
    if left.len() != right.len() {
        return Ok(false);
    }
    for (one, two) in left.iter().zip(right) {
        if !deep_equals(m, *one, *two, depth + 1)? {
            return Ok(false);
        }
    }
    Ok(true)
}
