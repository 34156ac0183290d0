//! What the members of tokens do: children, siblings, properties by name, and changes of a tree.

use std::sync::Arc;

use super::{Node, attach, children, conversions, kind, member, node, node_mut, path, push, set_member, token};
use crate::expression::heap::Object;
use crate::expression::library::linq::{self, Query};
use crate::expression::library::{strings, to_text};
use crate::expression::machine::{Args, Fault, Machine, Outcome};
use crate::expression::text::Text;
use crate::expression::types::{self, known};
use crate::expression::value::{Handle, Value};

pub(super) fn this(m: &mut Machine<'_>, a: Args<'_>) -> Outcome<Handle> {
    match a.get(0) {
        Value::Object(handle) => Ok(*handle),
        _ => Err(m.null_reference()),
    }
}

/// The children of a token as values of a type, each when it is asked for.
pub(super) fn converted(m: &mut Machine<'_>, handle: Handle, ty: types::Type) -> Outcome {
    let list = children(m, handle).into_iter().map(Value::Object).collect();
    let list = sequence(m, list, known().jtoken)?;
    Ok(m.object(Object::Query(types::enumerable(ty), Query::Converted(list, ty))))
}

pub(crate) fn sequence(m: &mut Machine<'_>, items: Vec<Value>, element: types::Type) -> Outcome {
    m.allocate(items.len() * 24)?;
    Ok(m.object(Object::Query(types::enumerable(element), Query::Items(items))))
}

pub(super) fn copy(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    match a.get(0) {
        Value::Object(handle) => super::clone(m, *handle, 0).map(Value::Object),
        _ => Err(m.argument_null("other")),
    }
}

pub(super) fn kind_of(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let handle = this(m, a)?;
    Ok(Value::Enum(types::named("JTokenType"), node(m, handle).map_or(0, super::Json::kind)))
}

pub(super) fn has_values(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let handle = this(m, a)?;
    Ok(Value::Boolean(!children(m, handle).is_empty()))
}

pub(super) fn count(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let handle = this(m, a)?;
    Ok(Value::size(children(m, handle).len()))
}

pub(super) fn edge(m: &mut Machine<'_>, a: Args<'_>, first: bool) -> Outcome {
    let handle = this(m, a)?;
    if node(m, handle).is_some_and(super::Json::is_value) {
        return Err(m.throw("InvalidOperationException", "Cannot access child value on Newtonsoft.Json.Linq.JValue."));
    }
    let list = children(m, handle);
    Ok(if first { list.first() } else { list.last() }.map(|child| Value::Object(*child)).into())
}

pub(super) fn sibling(m: &mut Machine<'_>, a: Args<'_>, next: bool) -> Outcome {
    let handle = this(m, a)?;
    let Some(parent) = node(m, handle).and_then(|json| json.parent) else { return Ok(Value::Null) };
    let list = children(m, parent);
    let Some(place) = list.iter().position(|child| *child == handle) else { return Ok(Value::Null) };
    let other = if next { list.get(place + 1) } else { place.checked_sub(1).and_then(|place| list.get(place)) };
    Ok(other.map(|child| Value::Object(*child)).into())
}

/// `token[key]`.
pub(crate) fn child(m: &mut Machine<'_>, handle: Handle, key: &Value) -> Outcome<Option<Handle>> {
    let is = |node: Option<&super::Json>| node.map_or(0, super::Json::kind);
    match (is(node(m, handle)), key) {
        (_, Value::Null) if is(node(m, handle)) == kind::OBJECT || is(node(m, handle)) == kind::ARRAY => Err(m.argument_null("o")),
        (kind::OBJECT, Value::Text(name)) => Ok(member(m, handle, name)),
        (kind::ARRAY, Value::Int32(index)) => {
            match usize::try_from(*index).ok().and_then(|index| children(m, handle).get(index).copied()) {
                Some(found) => Ok(Some(found)),
                None => {
                    Err(m.out_of_range("index", "Index was out of range. Must be non-negative and less than the size of the collection."))
                }
            }
        }
        (kind::OBJECT, other) => Err(bad_key(m, "JObject", other, "Object property name")),
        (kind::ARRAY, other) => Err(bad_key(m, "JArray", other, "Int32 array index")),
        (kind::PROPERTY, _) => Err(m.throw("InvalidOperationException", "Cannot access child value on Newtonsoft.Json.Linq.JProperty.")),
        _ => Err(m.throw("InvalidOperationException", "Cannot access child value on Newtonsoft.Json.Linq.JValue.")),
    }
}

pub(super) fn bad_key(m: &mut Machine<'_>, on: &str, key: &Value, wanted: &str) -> Fault {
    let text = match key {
        Value::Text(text) => format!("\"{}\"", text.to_str()),
        other => to_text(m, other).map(|text| text.to_str().into_owned()).unwrap_or_default(),
    };
    m.throw("ArgumentException", &format!("Accessed {on} values with invalid key value: {text}. {wanted} expected."))
}

pub(super) fn item(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let handle = this(m, a)?;
    Ok(child(m, handle, a.get(1))?.map(Value::Object).into())
}

pub(super) fn set_item(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let handle = this(m, a)?;
    let value = token(m, a.get(2))?;
    match (node(m, handle).map_or(0, super::Json::kind), a.get(1)) {
        (kind::OBJECT, Value::Text(name)) => set_member(m, handle, Arc::clone(name), value)?,
        (kind::ARRAY, Value::Int32(_)) => {
            let Some(old) = child(m, handle, a.get(1))? else { return Ok(Value::Null) };
            let index = usize::try_from(a.int(1)).unwrap_or(0);
            let value = attach(m, value, handle)?;
            if let Some(super::Json { node: Node::Array(items), .. }) = node_mut(m, handle) {
                items[index] = value;
            }
            if old != value
                && let Some(json) = node_mut(m, old)
            {
                json.parent = None;
            }
        }
        (kind::OBJECT, other) => {
            let text = to_text(m, other)?.to_str().into_owned();
            return Err(m.throw(
                "ArgumentException",
                &format!("Set JObject values with invalid key value: {text}. Object property name expected."),
            ));
        }
        (kind::ARRAY, other) => {
            let text = match other {
                Value::Text(text) => format!("\"{}\"", text.to_str()),
                other => to_text(m, other)?.to_str().into_owned(),
            };
            return Err(
                m.throw("ArgumentException", &format!("Set JArray values with invalid key value: {text}. Int32 array index expected."))
            );
        }
        _ => return Err(m.throw("InvalidOperationException", "Cannot set child value on Newtonsoft.Json.Linq.JValue.")),
    }
    Ok(Value::Null)
}

pub(super) fn value(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let handle = this(m, a)?;
    let found = child(m, handle, a.get(1))?;
    conversions::to_type(m, found, a.ty(0))
}

pub(super) fn typed_children(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let handle = this(m, a)?;
    let list = children(m, handle).into_iter().map(Value::Object).filter(|child| m.is(child, a.ty(0))).collect();
    let ty = types::generic("JEnumerable", &[a.ty(0)]);
    Ok(m.object(Object::Query(ty, Query::Items(list))))
}

pub(super) fn descend(m: &mut Machine<'_>, handle: Handle, depth: usize, out: &mut Vec<Value>) -> Outcome<()> {
    m.charge(1)?;
    if depth < 300 {
        for child in children(m, handle) {
            out.push(Value::Object(child));
            descend(m, child, depth + 1, out)?;
        }
    }
    Ok(())
}

pub(super) fn select(m: &mut Machine<'_>, a: Args<'_>, required: bool) -> Outcome {
    let handle = this(m, a)?;
    let text = m.string(a, 1, "path")?;
    let found = path::select(m, handle, &text.to_str(), required)?;
    match found.as_slice() {
        [] => Ok(Value::Null),
        [one] => Ok(Value::Object(*one)),
        _ => Err(m.throw("JsonException", "Path returned multiple tokens.")),
    }
}

/// Takes a token out of its parent.
pub(super) fn detach(m: &mut Machine<'_>, handle: Handle) {
    let Some(parent) = node(m, handle).and_then(|json| json.parent) else { return };
    if let Some(json) = node_mut(m, parent) {
        match &mut json.node {
            Node::Object(members) => members.retain(|_, property| *property != handle),
            Node::Array(items) => items.retain(|item| *item != handle),
            Node::Property(_, value) => *value = None,
            Node::Value(..) => {}
        }
    }
    if let Some(json) = node_mut(m, handle) {
        json.parent = None;
    }
}

pub(super) fn insert_token(m: &mut Machine<'_>, a: Args<'_>, place: Option<usize>) -> Outcome {
    let handle = this(m, a)?;
    let value = token(m, a.get(1))?;
    if let Some(Node::Object(_)) = node(m, handle).map(|json| &json.node) {
        push(m, handle, value)?;
        if let Some(super::Json { node: Node::Object(members), .. }) = node_mut(m, handle) {
            let last = members.len() - 1;
            members.move_index(last, 0);
        }
        return Ok(Value::Null);
    }
    let value = attach(m, value, handle)?;
    if let Some(super::Json { node: Node::Array(items), .. }) = node_mut(m, handle) {
        items.insert(place.unwrap_or(items.len()), value);
    }
    Ok(Value::Null)
}

pub(super) fn position(m: &Machine<'_>, array: Handle, value: &Value) -> Option<(usize, Handle)> {
    let Value::Object(wanted) = value else { return None };
    children(m, array).into_iter().enumerate().find(|(_, child)| child == wanted)
}

pub(super) fn clear(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let handle = this(m, a)?;
    for child in children(m, handle) {
        detach(m, child);
    }
    Ok(Value::Null)
}

pub(super) fn found_property(m: &Machine<'_>, object: Handle, name: &Text) -> Option<Handle> {
    match &node(m, object)?.node {
        Node::Object(members) => members.get(name).copied(),
        _ => None,
    }
}

pub(super) fn named(m: &Machine<'_>, object: Handle, name: &Text, rule: i64) -> Option<Handle> {
    match &node(m, object)?.node {
        Node::Object(members) => members.iter().find(|(own, _)| strings::equal_rule(own, name, rule)).map(|(_, property)| *property),
        _ => None,
    }
}

pub(super) fn extension_value(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let to = a.types.last().copied().unwrap_or(known().object);
    match a.get(0) {
        Value::Object(handle) if node(m, *handle).is_some() => conversions::to_type(m, Some(*handle), to),
        Value::Null => Err(m.argument_null("value")),
        _ => Err(m.throw("ArgumentException", "Source value must be a JToken.")),
    }
}

pub(super) fn extension_values(m: &mut Machine<'_>, a: Args<'_>, key: Option<usize>) -> Outcome {
    let to = a.types.first().copied().unwrap_or(known().jtoken);
    // Nothing is looked at, not even a source that is missing, before the values are asked for.
    let key = key.map(|at| a.get(at)).filter(|key| !key.is_null()).cloned();
    let source = linq::tokens(m, a.get(0));
    Ok(m.object(Object::Query(types::enumerable(to), Query::TokenValues(source, key, to))))
}
