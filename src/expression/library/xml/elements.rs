//! `XElement`, `XAttribute`, and the extension methods on sequences of nodes.

use std::sync::Arc;

use super::content::{self, Place, add_content};
use super::members::{ancestors, copied, document_order, elements_named, save};
use super::{
    Name, Node, XML, XMLNS, add, attributes, children, content_text, descendants, get, get_mut, handle, is_element, name_of, names,
};
use super::{optional, parent, read, sequence, value, write};
use crate::expression::library::{Members, linq, readers};
use crate::expression::machine::{Args, Machine, Outcome};
use crate::expression::value::{Handle, Value};

pub(crate) const MEMBERS: Members = &[
    ("XElement.new(XName)", |m, a| new(m, a)),
    ("XElement.new(XName,object)", |m, a| new(m, a)),
    ("XElement.new(XName,object[])", |m, a| new(m, a)),
    ("XElement.new(XElement)", |m, a| copied(m, a, "other")),
    ("XElement.EmptySequence", |m, _| sequence(m, "XElement", Vec::new())),
    ("XElement.Parse(string)", |m, a| parse(m, a)),
    ("XElement.Parse(string,LoadOptions)", |m, a| parse(m, a)),
    ("XElement.Load(TextReader)", |m, a| load(m, a)),
    ("XElement.Load(TextReader,LoadOptions)", |m, a| load(m, a)),
    ("XElement.Save(TextWriter)", |m, a| save(m, a)),
    ("XElement.Save(TextWriter,SaveOptions)", |m, a| save(m, a)),
    ("XElement.FirstAttribute", |m, a| {
        let node = handle(m, a.get(0))?;
        Ok(optional(attributes(m, node).first().copied()))
    }),
    ("XElement.LastAttribute", |m, a| {
        let node = handle(m, a.get(0))?;
        Ok(optional(attributes(m, node).last().copied()))
    }),
    ("XElement.HasAttributes", |m, a| {
        let node = handle(m, a.get(0))?;
        Ok(Value::Boolean(!attributes(m, node).is_empty()))
    }),
    ("XElement.HasElements", |m, a| {
        let node = handle(m, a.get(0))?;
        Ok(Value::Boolean(children(m, node).into_iter().any(|child| is_element(m, child))))
    }),
    ("XElement.IsEmpty", |m, a| {
        let node = handle(m, a.get(0))?;
        Ok(Value::Boolean(matches!(
            get(m, node).map(|xml| &xml.node), Some(Node::Element { children, hollow: false, .. }) if children.is_empty()
        )))
    }),
    ("XElement.Name", |m, a| name(m, a)),
    ("XElement.Name=", |m, a| {
        let node = handle(m, a.get(0))?;
        let fresh = names::of(m, a.get(1), "value")?;
        if let Some(xml) = get_mut(m, node)
            && let Node::Element { name, .. } = &mut xml.node
        {
            *name = fresh;
        }
        Ok(Value::Null)
    }),
    ("XElement.Value", |m, a| text_of(m, a)),
    ("XElement.Value=", |m, a| {
        let node = handle(m, a.get(0))?;
        let text = m.string(a, 1, "value")?;
        content::set_text(m, node, &text)?;
        Ok(Value::Null)
    }),
    ("XElement.SetValue", |m, a| {
        let node = handle(m, a.get(0))?;
        if a.get(1).is_null() {
            return Err(m.argument_null("value"));
        }
        let text = Arc::new(content_text(m, a.get(1))?);
        content::set_text(m, node, &text)?;
        Ok(Value::Null)
    }),
    ("XElement.AncestorsAndSelf", |m, a| {
        let node = handle(m, a.get(0))?;
        let mut list = vec![node];
        list.extend(ancestors(m, node)?);
        elements_named(m, a, 1, list)
    }),
    ("XElement.DescendantsAndSelf", |m, a| {
        let node = handle(m, a.get(0))?;
        let mut list = vec![node];
        descendants(m, node, true, &mut list)?;
        elements_named(m, a, 1, list)
    }),
    ("XElement.DescendantNodesAndSelf()", |m, a| {
        let node = handle(m, a.get(0))?;
        let mut list = vec![node];
        descendants(m, node, false, &mut list)?;
        sequence(m, "XNode", list)
    }),
    ("XElement.Attribute", |m, a| {
        let node = handle(m, a.get(0))?;
        if a.get(1).is_null() {
            return Ok(Value::Null);
        }
        let name = names::of(m, a.get(1), "name")?;
        Ok(optional(content::attribute(m, node, &name)))
    }),
    ("XElement.Attributes", |m, a| {
        let node = handle(m, a.get(0))?;
        let list = attributes(m, node);
        attributes_named(m, a, list)
    }),
    ("XElement.GetDefaultNamespace()", |m, a| {
        let node = handle(m, a.get(0))?;
        let found = declared(m, node, "")?.unwrap_or_default();
        names::namespace(m, &found)
    }),
    ("XElement.GetNamespaceOfPrefix", |m, a| {
        let node = handle(m, a.get(0))?;
        let prefix = m.string(a, 1, "prefix")?;
        if prefix.is_empty() {
            return Err(m.throw("ArgumentException", "'' is an invalid prefix."));
        }
        let prefix = prefix.to_str();
        match &*prefix {
            "xml" => return names::namespace(m, XML),
            "xmlns" => return names::namespace(m, XMLNS),
            _ => {}
        }
        match declared(m, node, &prefix)? {
            Some(found) => names::namespace(m, &found),
            None => Ok(Value::Null),
        }
    }),
    ("XElement.GetPrefixOfNamespace", |m, a| {
        let node = handle(m, a.get(0))?;
        if a.get(1).is_null() {
            return Err(m.argument_null("ns"));
        }
        let wanted = names::namespace_of(m, a.get(1))?;
        match &*wanted {
            XML => return Ok(Value::from("xml")),
            XMLNS => return Ok(Value::from("xmlns")),
            _ => {}
        }
        let mut at = Some(node);
        let mut steps = 0;
        while let Some(element) = at {
            for attribute in attributes(m, element) {
                if let Some(Node::Attribute(name, value)) = get(m, attribute).map(|xml| xml.node.clone())
                    && &*name.namespace == XMLNS
                    && *value.to_str() == *wanted
                    && declared(m, node, &name.local)?.as_deref() == Some(&*wanted)
                {
                    return Ok(Value::from(&*name.local));
                }
            }
            steps += 1;
            super::deep(steps)?;
            at = parent(m, element);
        }
        Ok(Value::Null)
    }),
    ("XElement.RemoveAll()", |m, a| {
        let node = handle(m, a.get(0))?;
        content::remove_attributes(m, node);
        content::remove_nodes(m, node);
        Ok(Value::Null)
    }),
    ("XElement.RemoveAttributes()", |m, a| {
        let node = handle(m, a.get(0))?;
        content::remove_attributes(m, node);
        Ok(Value::Null)
    }),
    ("XElement.ReplaceAll", |m, a| {
        let node = handle(m, a.get(0))?;
        let list = content::snapshot(m, a.get(1))?;
        content::remove_attributes(m, node);
        content::remove_nodes(m, node);
        for item in list {
            add_content(m, node, &item, &mut Place::End, 0)?;
        }
        Ok(Value::Null)
    }),
    ("XElement.ReplaceAttributes", |m, a| {
        let node = handle(m, a.get(0))?;
        let list = content::snapshot(m, a.get(1))?;
        content::remove_attributes(m, node);
        for item in list {
            add_content(m, node, &item, &mut Place::End, 0)?;
        }
        Ok(Value::Null)
    }),
    ("XElement.SetAttributeValue", |m, a| {
        let node = handle(m, a.get(0))?;
        content::set_value(m, node, a.get(1), a.get(2), true)?;
        Ok(Value::Null)
    }),
    ("XElement.SetElementValue", |m, a| {
        let node = handle(m, a.get(0))?;
        content::set_value(m, node, a.get(1), a.get(2), false)?;
        Ok(Value::Null)
    }),
    ("XAttribute.new(XName,object)", |m, a| {
        let name = names::of(m, a.get(0), "name")?;
        if a.get(1).is_null() {
            return Err(m.argument_null("value"));
        }
        let text = Arc::new(content_text(m, a.get(1))?);
        add(m, Node::Attribute(name, text)).map(Value::Object)
    }),
    ("XAttribute.new(XAttribute)", |m, a| copied(m, a, "other")),
    ("XAttribute.EmptySequence", |m, _| sequence(m, "XAttribute", Vec::new())),
    ("XAttribute.IsNamespaceDeclaration", |m, a| {
        let node = handle(m, a.get(0))?;
        Ok(Value::Boolean(name_of(m, node).is_some_and(|name| name.declares())))
    }),
    ("XAttribute.Name", |m, a| name(m, a)),
    ("XAttribute.NextAttribute", |m, a| beside(m, a, 1)),
    ("XAttribute.PreviousAttribute", |m, a| beside(m, a, -1)),
    ("XAttribute.Value", |m, a| text_of(m, a)),
    ("XAttribute.Value=", |m, a| set_attribute(m, a)),
    ("XAttribute.SetValue", |m, a| set_attribute(m, a)),
    ("XAttribute.Remove()", |m, a| {
        let node = handle(m, a.get(0))?;
        if parent(m, node).is_none() {
            return Err(m.throw("InvalidOperationException", "The parent is missing."));
        }
        content::detach(m, node);
        Ok(Value::Null)
    }),
    ("XAttribute.ToString()", |m, a| {
        let node = handle(m, a.get(0))?;
        let text = write::to_text(m, node, false)?;
        m.text(text)
    }),
    ("XmlExtensions.Ancestors", |m, a| {
        each(m, a, |m, node, list| {
            list.extend(ancestors(m, node)?);
            Ok(())
        })
    }),
    ("XmlExtensions.AncestorsAndSelf", |m, a| {
        each(m, a, |m, node, list| {
            list.push(node);
            list.extend(ancestors(m, node)?);
            Ok(())
        })
    }),
    ("XmlExtensions.Descendants", |m, a| each(m, a, |m, node, list| descendants(m, node, true, list))),
    ("XmlExtensions.DescendantsAndSelf", |m, a| {
        each(m, a, |m, node, list| {
            list.push(node);
            descendants(m, node, true, list)
        })
    }),
    ("XmlExtensions.DescendantNodes", |m, a| each(m, a, |m, node, list| descendants(m, node, false, list))),
    ("XmlExtensions.DescendantNodesAndSelf", |m, a| {
        each(m, a, |m, node, list| {
            list.push(node);
            descendants(m, node, false, list)
        })
    }),
    ("XmlExtensions.Elements", |m, a| {
        each(m, a, |m, node, list| {
            let found: Vec<Handle> = children(m, node).into_iter().filter(|child| is_element(m, *child)).collect();
            list.extend(found);
            Ok(())
        })
    }),
    ("XmlExtensions.Nodes", |m, a| {
        each(m, a, |m, node, list| {
            list.extend(children(m, node));
            Ok(())
        })
    }),
    ("XmlExtensions.Attributes", |m, a| {
        let mut list = Vec::new();
        for node in nodes(m, a)? {
            list.extend(attributes(m, node));
        }
        attributes_named(m, a, list)
    }),
    ("XmlExtensions.InDocumentOrder", |m, a| {
        let mut list: Vec<Handle> = nodes(m, a)?;
        m.charge(list.len() * 8)?;
        let mut failed = None;
        list.sort_by(|one, two| match document_order(m, &Value::Object(*one), &Value::Object(*two)) {
            Ok(order) => order.cmp(&0),
            Err(fault) => {
                failed.get_or_insert(fault);
                std::cmp::Ordering::Equal
            }
        });
        match failed {
            Some(fault) => Err(fault),
            None => sequence(m, "XElement", list),
        }
    }),
    ("XmlExtensions.Remove", |m, a| {
        for node in nodes(m, a)? {
            content::detach(m, node);
        }
        Ok(Value::Null)
    }),
];

fn new(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let name = names::of(m, a.get(0), "name")?;
    let made = add(m, Node::Element { name, attributes: Vec::new(), children: Vec::new(), hollow: false })?;
    add_content(m, made, a.get(1), &mut Place::End, 0)?;
    Ok(Value::Object(made))
}

fn parse(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let text = m.string(a, 0, "s")?;
    read::element(m, &text.to_str(), a.get(1).integer() & 1 == 1).map(Value::Object)
}

fn load(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    if a.get(0).is_null() {
        return Err(m.argument_null("input"));
    }
    let text = readers::rest(m, a.get(0))?;
    read::element(m, &text.to_str(), a.get(1).integer() & 1 == 1).map(Value::Object)
}

fn name(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let node = handle(m, a.get(0))?;
    let name = name_of(m, node).unwrap_or_else(|| Name::plain(""));
    names::make(m, &name)
}

fn text_of(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let node = handle(m, a.get(0))?;
    let text = value(m, node)?;
    m.text(text)
}

fn set_attribute(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let node = handle(m, a.get(0))?;
    if a.get(1).is_null() {
        return Err(m.argument_null("value"));
    }
    let fresh = Arc::new(content_text(m, a.get(1))?);
    if let Some(xml) = get_mut(m, node)
        && let Node::Attribute(_, text) = &mut xml.node
    {
        *text = fresh;
    }
    Ok(Value::Null)
}

fn beside(m: &mut Machine<'_>, a: Args<'_>, step: isize) -> Outcome {
    let node = handle(m, a.get(0))?;
    let list = parent(m, node).map_or(Vec::new(), |above| attributes(m, above));
    let index = list.iter().position(|one| *one == node);
    Ok(optional(index.and_then(|index| index.checked_add_signed(step)).and_then(|index| list.get(index)).copied()))
}

fn attributes_named(m: &mut Machine<'_>, a: Args<'_>, list: Vec<Handle>) -> Outcome {
    let list = if a.len() <= 1 {
        list
    } else if a.get(1).is_null() {
        Vec::new()
    } else {
        let name = names::of(m, a.get(1), "name")?;
        list.into_iter().filter(|one| name_of(m, *one).as_ref() == Some(&name)).collect()
    };
    sequence(m, "XAttribute", list)
}

/// What the nearest declaration of a prefix says; the empty one is the default namespace.
fn declared(m: &mut Machine<'_>, node: Handle, prefix: &str) -> Outcome<Option<String>> {
    let mut at = Some(node);
    let mut steps = 0;
    while let Some(element) = at {
        for attribute in attributes(m, element) {
            if let Some(Node::Attribute(name, value)) = get(m, attribute).map(|xml| &xml.node)
                && name.declares()
                && (if name.namespace.is_empty() { prefix.is_empty() } else { *name.local == *prefix })
            {
                return Ok(Some(value.to_str().into_owned()));
            }
        }
        steps += 1;
        super::deep(steps)?;
        at = parent(m, element);
    }
    Ok(None)
}

/// The nodes of a sequence.
fn nodes(m: &mut Machine<'_>, a: Args<'_>) -> Outcome<Vec<Handle>> {
    let mut list = Vec::new();
    for item in linq::collect(m, a.get(0))? {
        if !item.is_null() {
            list.push(handle(m, &item)?);
        }
    }
    Ok(list)
}

type Gather = fn(&mut Machine<'_>, Handle, &mut Vec<Handle>) -> Outcome<()>;

fn each(m: &mut Machine<'_>, a: Args<'_>, gather: Gather) -> Outcome {
    let mut list = Vec::new();
    for node in nodes(m, a)? {
        gather(m, node, &mut list)?;
        m.allocate(8)?;
    }
    elements_named(m, a, 1, list)
}
