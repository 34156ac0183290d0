//! Members of `JToken`, `JObject`, `JArray`, `JProperty`, `JValue` and their extensions.

use std::sync::Arc;

use indexmap::IndexMap;

use super::making::{container, from, parse, property};
use super::{
    Node, add, add_content, attach, children, conversions, kind, member, node, node_mut, path, plain, push, set_member, set_property,
    token, values, write,
};
use crate::expression::heap::Object;
use crate::expression::library::linq::{self, Query};
use crate::expression::library::{Members, basics, equals, strings, to_text};
use crate::expression::machine::{Args, Fault, Machine, Outcome};
use crate::expression::text::Text;
use crate::expression::types::{self, known};
use crate::expression::value::{Handle, Value};

pub(crate) const MEMBERS: Members = &[
    ("JObject.new()", |m, _| Ok(Value::Object(add(m, Node::Object(IndexMap::new()))))),
    ("JObject.new(JObject)", |m, a| copy(m, a)),
    ("JObject.new(object)", |m, a| container(m, Node::Object(IndexMap::new()), a.get(0))),
    ("JObject.new(object[])", |m, a| container(m, Node::Object(IndexMap::new()), a.get(0))),
    ("JArray.new()", |m, _| Ok(Value::Object(add(m, Node::Array(Vec::new()))))),
    ("JArray.new(JArray)", |m, a| copy(m, a)),
    ("JArray.new(object)", |m, a| container(m, Node::Array(Vec::new()), a.get(0))),
    ("JArray.new(object[])", |m, a| container(m, Node::Array(Vec::new()), a.get(0))),
    ("JProperty.new(JProperty)", |m, a| copy(m, a)),
    ("JProperty.new", |m, a| property(m, a)),
    ("JValue.new(JValue)", |m, a| copy(m, a)),
    ("JValue.new(string)", |m, a| Ok(Value::Object(super::scalar(m, kind::STRING, a.get(0).clone())))),
    ("JValue.new(object)", |m, a| super::content_token(m, a.get(0)).map(Value::Object)),
    ("JValue.new", |m, a| token(m, a.get(0)).map(Value::Object)),
    ("JValue.CreateNull()", |m, _| Ok(Value::Object(super::scalar(m, kind::NULL, Value::Null)))),
    ("JValue.CreateString", |m, a| Ok(Value::Object(super::scalar(m, kind::STRING, a.get(0).clone())))),
    ("JValue.CreateUndefined()", |m, _| Ok(Value::Object(super::scalar(m, kind::UNDEFINED, Value::Null)))),
    ("JValue.Value", |m, a| {
        let handle = this(m, a)?;
        Ok(plain(m, handle).unwrap_or(Value::Null))
    }),
    ("JValue.Value=", |m, a| {
        let handle = this(m, a)?;
        let fresh = token(m, a.get(1))?;
        let Some(Node::Value(kind, value)) = node(m, fresh).map(|json| json.node.clone()) else { return Err(m.null_reference()) };
        if let Some(json) = node_mut(m, handle) {
            json.node = Node::Value(kind, value);
        }
        Ok(Value::Null)
    }),
    ("JObject.Parse(string)", |m, a| parse(m, a, kind::OBJECT)),
    ("JArray.Parse(string)", |m, a| parse(m, a, kind::ARRAY)),
    ("JToken.Parse(string)", |m, a| parse(m, a, 0)),
    ("JObject.FromObject(object)", |m, a| from(m, a, kind::OBJECT)),
    ("JArray.FromObject(object)", |m, a| from(m, a, kind::ARRAY)),
    ("JToken.FromObject(object)", |m, a| from(m, a, 0)),
    ("JToken.Type", |m, a| {
        let handle = this(m, a)?;
        Ok(Value::Enum(types::named("JTokenType"), node(m, handle).map_or(0, super::Json::kind)))
    }),
    ("JObject.Type", |m, a| kind_of(m, a)),
    ("JArray.Type", |m, a| kind_of(m, a)),
    ("JValue.Type", |m, a| kind_of(m, a)),
    ("JProperty.Type", |m, a| kind_of(m, a)),
    ("JToken.HasValues", |m, a| has_values(m, a)),
    ("JContainer.HasValues", |m, a| has_values(m, a)),
    ("JValue.HasValues", |m, a| has_values(m, a)),
    ("JToken.Parent", |m, a| {
        let handle = this(m, a)?;
        Ok(node(m, handle).and_then(|json| json.parent).map(Value::Object).into())
    }),
    ("JToken.Root", |m, a| {
        let mut handle = this(m, a)?;
        while let Some(parent) = node(m, handle).and_then(|json| json.parent) {
            m.charge(1)?;
            handle = parent;
        }
        Ok(Value::Object(handle))
    }),
    ("JToken.Path", |m, a| {
        let handle = this(m, a)?;
        Ok(Value::from(path::path_of(m, handle)))
    }),
    ("JToken.First", |m, a| edge(m, a, true)),
    ("JToken.Last", |m, a| edge(m, a, false)),
    ("JContainer.First", |m, a| edge(m, a, true)),
    ("JContainer.Last", |m, a| edge(m, a, false)),
    ("JToken.Next", |m, a| sibling(m, a, true)),
    ("JToken.Previous", |m, a| sibling(m, a, false)),
    ("JContainer.Count", |m, a| count(m, a)),
    ("JToken.Item", |m, a| item(m, a)),
    ("JToken.Item=", |m, a| set_item(m, a)),
    ("JObject.Item", |m, a| item(m, a)),
    ("JObject.Item=", |m, a| set_item(m, a)),
    ("JArray.Item", |m, a| item(m, a)),
    ("JArray.Item=", |m, a| set_item(m, a)),
    ("JToken.Value<T>(object)", |m, a| value(m, a)),
    ("JToken.Value", |m, a| value(m, a)),
    ("JToken.Values", |m, a| {
        let handle = this(m, a)?;
        if node(m, handle).is_some_and(|json| json.is_value()) {
            return Err(m.throw("InvalidOperationException", "Cannot access child value on Newtonsoft.Json.Linq.JValue."));
        }
        converted(m, handle, a.ty(0))
    }),
    ("JToken.Children()", |m, a| {
        let handle = this(m, a)?;
        let list = children(m, handle).into_iter().map(Value::Object).collect();
        let ty = types::generic("JEnumerable", &[known().jtoken]);
        Ok(m.object(Object::Query(ty, Query::Items(list))))
    }),
    ("JToken.Children<T>()", |m, a| typed_children(m, a)),
    ("JToken.Children", |m, a| typed_children(m, a)),
    ("JContainer.Children()", |m, a| {
        let handle = this(m, a)?;
        let list = children(m, handle).into_iter().map(Value::Object).collect();
        let ty = types::generic("JEnumerable", &[known().jtoken]);
        Ok(m.object(Object::Query(ty, Query::Items(list))))
    }),
    ("JContainer.Descendants()", |m, a| {
        let handle = this(m, a)?;
        let mut list = Vec::new();
        descend(m, handle, 0, &mut list)?;
        sequence(m, list, known().jtoken)
    }),
    ("JToken.Ancestors()", |m, a| {
        let handle = this(m, a)?;
        let mut list = Vec::new();
        let mut at = node(m, handle).and_then(|json| json.parent);
        while let Some(parent) = at {
            list.push(Value::Object(parent));
            at = node(m, parent).and_then(|json| json.parent);
            m.charge(1)?;
        }
        sequence(m, list, known().jtoken)
    }),
    ("JToken.SelectToken(string)", |m, a| select(m, a, false)),
    ("JToken.SelectToken(string,bool)", |m, a| select(m, a, a.truth(2))),
    ("JToken.SelectTokens", |m, a| {
        let handle = this(m, a)?;
        let text = m.string(a, 1, "path")?;
        let found = path::select(m, handle, &text.to_str(), a.truth(2))?;
        sequence(m, found.into_iter().map(Value::Object).collect(), known().jtoken)
    }),
    ("JToken.ToObject<T>()", |m, a| {
        let handle = this(m, a)?;
        conversions::as_object(m, handle, a.ty(0))
    }),
    ("JToken.ToString()", |m, a| basics::instance_text(m, a)),
    ("JValue.ToString()", |m, a| basics::instance_text(m, a)),
    ("JValue.ToString(string)", |m, a| {
        let handle = this(m, a)?;
        let value = plain(m, handle).unwrap_or(Value::Null);
        let text = basics::format_value(m, &value, a.text(1).as_deref())?;
        m.text(text)
    }),
    ("JToken.ToString(Formatting,JsonConverter[])", |m, a| {
        let handle = this(m, a)?;
        write::text(m, handle, a.get(1).integer() == 1)
    }),
    ("JToken.DeepClone()", |m, a| copy(m, a)),
    ("JToken.DeepEquals", |m, a| {
        Ok(Value::Boolean(match (a.get(0), a.get(1)) {
            (Value::Object(one), Value::Object(two)) => super::deep_equals(m, *one, *two, 0),
            (one, two) => one.is_null() && two.is_null(),
        }))
    }),
    ("JValue.Equals", |m, a| {
        this(m, a)?;
        equals(m, a.get(0), a.get(1)).map(Value::Boolean)
    }),
    ("JValue.CompareTo", |m, a| {
        this(m, a)?;
        values::compare(m, a.get(0), a.get(1)).map(Value::Int32)
    }),
    ("JToken.Remove()", |m, a| {
        let handle = this(m, a)?;
        match node(m, handle).and_then(|json| json.parent) {
            Some(_) => {
                detach(m, handle);
                Ok(Value::Null)
            }
            None => Err(m.throw("InvalidOperationException", "The parent is missing.")),
        }
    }),
    ("JToken.Replace", |m, a| {
        let handle = this(m, a)?;
        let Some(parent) = node(m, handle).and_then(|json| json.parent) else {
            return Err(m.throw("InvalidOperationException", "The parent is missing."));
        };
        let fresh = token(m, a.get(1))?;
        match node(m, parent).map(|json| json.node.clone()) {
            Some(Node::Property(..)) => set_property(m, parent, fresh)?,
            Some(Node::Array(items)) => {
                let place = items.iter().position(|item| *item == handle).unwrap_or(0);
                let fresh = attach(m, fresh, parent)?;
                if let Some(super::Json { node: Node::Array(items), .. }) = node_mut(m, parent) {
                    items[place] = fresh;
                }
                if let Some(json) = node_mut(m, handle) {
                    json.parent = None;
                }
            }
            _ => return Err(m.throw("InvalidOperationException", "Replacing a property is not emulated.")),
        }
        Ok(Value::Null)
    }),
    ("JObject.Add(string,JToken)", |m, a| {
        let handle = this(m, a)?;
        let name = m.string(a, 1, "name")?;
        let value = token(m, a.get(2))?;
        let property = add(m, Node::Property(name, None));
        set_property(m, property, value)?;
        push(m, handle, property)?;
        Ok(Value::Null)
    }),
    ("JContainer.Add(object)", |m, a| {
        let handle = this(m, a)?;
        if let Some(Node::Property(..)) = node(m, handle).map(|json| &json.node) {
            return Err(m.throw("JsonException", "Newtonsoft.Json.Linq.JProperty cannot have multiple values."));
        }
        add_content(m, handle, a.get(1), 0)?;
        Ok(Value::Null)
    }),
    ("JArray.Add(JToken)", |m, a| {
        let handle = this(m, a)?;
        let value = token(m, a.get(1))?;
        push(m, handle, value)?;
        Ok(Value::Null)
    }),
    ("JContainer.AddFirst", |m, a| insert_token(m, a, Some(0))),
    ("JArray.Insert", |m, a| {
        let handle = this(m, a)?;
        let length = children(m, handle).len();
        match usize::try_from(a.int(1)).ok().filter(|index| *index <= length) {
            Some(index) => {
                let value = token(m, a.get(2))?;
                let value = attach(m, value, handle)?;
                if let Some(super::Json { node: Node::Array(items), .. }) = node_mut(m, handle) {
                    items.insert(index, value);
                }
                Ok(Value::Null)
            }
            None => Err(m.out_of_range("index", "Index must be within the bounds of the List.")),
        }
    }),
    ("JArray.RemoveAt", |m, a| {
        let handle = this(m, a)?;
        match usize::try_from(a.int(1)).ok().and_then(|index| children(m, handle).get(index).copied()) {
            Some(child) => {
                detach(m, child);
                Ok(Value::Null)
            }
            None => Err(m.out_of_range("index", "Index is equal to or greater than Count.")),
        }
    }),
    ("JArray.Remove(JToken)", |m, a| {
        let handle = this(m, a)?;
        match position(m, handle, a.get(1)) {
            Some((_, child)) => {
                detach(m, child);
                Ok(Value::Boolean(true))
            }
            None => Ok(Value::Boolean(false)),
        }
    }),
    ("JArray.Contains", |m, a| {
        let handle = this(m, a)?;
        Ok(Value::Boolean(position(m, handle, a.get(1)).is_some()))
    }),
    ("JArray.IndexOf", |m, a| {
        let handle = this(m, a)?;
        Ok(Value::Int32(position(m, handle, a.get(1)).map_or(-1, |(index, _)| i32::try_from(index).unwrap_or(-1))))
    }),
    ("JArray.Clear()", |m, a| clear(m, a)),
    ("JContainer.RemoveAll()", |m, a| clear(m, a)),
    ("JObject.Remove(string)", |m, a| {
        let handle = this(m, a)?;
        let name = m.string(a, 1, "propertyName")?;
        match found_property(m, handle, &name) {
            Some(property) => {
                detach(m, property);
                Ok(Value::Boolean(true))
            }
            None => Ok(Value::Boolean(false)),
        }
    }),
    ("JObject.Property", |m, a| {
        let handle = this(m, a)?;
        let Some(name) = a.text(1) else { return Ok(Value::Null) };
        let found =
            found_property(m, handle, &name).or_else(|| if a.len() > 2 { named(m, handle, &name, a.get(2).integer()) } else { None });
        Ok(found.map(Value::Object).into())
    }),
    ("JObject.Properties()", |m, a| {
        let handle = this(m, a)?;
        let list = children(m, handle).into_iter().map(Value::Object).collect();
        sequence(m, list, types::named("JProperty"))
    }),
    ("JObject.PropertyValues()", |m, a| {
        let handle = this(m, a)?;
        let list = children(m, handle).into_iter().filter_map(|property| super::value_of(m, property)).map(Value::Object).collect();
        let ty = types::generic("JEnumerable", &[known().jtoken]);
        Ok(m.object(Object::Query(ty, Query::Items(list))))
    }),
    ("JObject.ContainsKey", |m, a| {
        let handle = this(m, a)?;
        let name = m.string(a, 1, "propertyName")?;
        Ok(Value::Boolean(found_property(m, handle, &name).is_some()))
    }),
    ("JObject.GetValue(string)", |m, a| {
        let handle = this(m, a)?;
        Ok(a.text(1).and_then(|name| member(m, handle, &name)).map(Value::Object).into())
    }),
    ("JObject.GetValue(string,StringComparison)", |m, a| {
        let handle = this(m, a)?;
        let Some(name) = a.text(1) else { return Ok(Value::Null) };
        let found = found_property(m, handle, &name).or_else(|| named(m, handle, &name, a.get(2).integer()));
        Ok(found.and_then(|property| super::value_of(m, property)).map(Value::Object).into())
    }),
    ("JObject.TryGetValue(string,JToken)", |m, a| {
        let handle = this(m, a)?;
        let found = a.text(1).and_then(|name| member(m, handle, &name));
        m.set_cell(a.get(2), found.map(Value::Object).into());
        Ok(Value::Boolean(found.is_some()))
    }),
    ("JObject.TryGetValue(string,StringComparison,JToken)", |m, a| {
        let handle = this(m, a)?;
        let found = a.text(1).and_then(|name| found_property(m, handle, &name).or_else(|| named(m, handle, &name, a.get(2).integer())));
        let found = found.and_then(|property| super::value_of(m, property));
        m.set_cell(a.get(3), found.map(Value::Object).into());
        Ok(Value::Boolean(found.is_some()))
    }),
    ("JProperty.Name", |m, a| {
        let handle = this(m, a)?;
        match node(m, handle).map(|json| &json.node) {
            Some(Node::Property(name, _)) => Ok(Value::Text(Arc::clone(name))),
            _ => Err(m.null_reference()),
        }
    }),
    ("JProperty.Value", |m, a| {
        let handle = this(m, a)?;
        Ok(super::value_of(m, handle).map(Value::Object).into())
    }),
    ("JProperty.Value=", |m, a| {
        let handle = this(m, a)?;
        let value = token(m, a.get(1))?;
        set_property(m, handle, value)?;
        Ok(Value::Null)
    }),
    ("Extensions.Value<T,U>(IEnumerable<T>)", |m, a| extension_value(m, a)),
    ("Extensions.Value", |m, a| extension_value(m, a)),
    ("Extensions.Values(IEnumerable<JToken>)", |m, a| extension_values(m, a, None)),
    ("Extensions.Values<U>(IEnumerable<JToken>)", |m, a| extension_values(m, a, None)),
    ("Extensions.Values", |m, a| extension_values(m, a, Some(1))),
    ("Extensions.Children", |m, a| {
        let mut list = Vec::new();
        for item in linq::collect(m, a.get(0))? {
            if let Value::Object(handle) = item {
                list.extend(children(m, handle).into_iter().map(Value::Object));
            }
        }
        sequence(m, list, known().jtoken)
    }),
    ("Extensions.Properties", |m, a| {
        let mut list = Vec::new();
        for item in linq::collect(m, a.get(0))? {
            if let Value::Object(handle) = item {
                list.extend(children(m, handle).into_iter().map(Value::Object));
            }
        }
        sequence(m, list, types::named("JProperty"))
    }),
];

fn this(m: &mut Machine<'_>, a: Args<'_>) -> Outcome<Handle> {
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

fn copy(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    match a.get(0) {
        Value::Object(handle) => super::clone(m, *handle, 0).map(Value::Object),
        _ => Err(m.argument_null("other")),
    }
}

fn kind_of(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let handle = this(m, a)?;
    Ok(Value::Enum(types::named("JTokenType"), node(m, handle).map_or(0, super::Json::kind)))
}

fn has_values(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let handle = this(m, a)?;
    Ok(Value::Boolean(!children(m, handle).is_empty()))
}

fn count(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let handle = this(m, a)?;
    Ok(Value::size(children(m, handle).len()))
}

fn edge(m: &mut Machine<'_>, a: Args<'_>, first: bool) -> Outcome {
    let handle = this(m, a)?;
    if node(m, handle).is_some_and(super::Json::is_value) {
        return Err(m.throw("InvalidOperationException", "Cannot access child value on Newtonsoft.Json.Linq.JValue."));
    }
    let list = children(m, handle);
    Ok(if first { list.first() } else { list.last() }.map(|child| Value::Object(*child)).into())
}

fn sibling(m: &mut Machine<'_>, a: Args<'_>, next: bool) -> Outcome {
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

fn bad_key(m: &mut Machine<'_>, on: &str, key: &Value, wanted: &str) -> Fault {
    let text = match key {
        Value::Text(text) => format!("\"{}\"", text.to_str()),
        other => to_text(m, other).map(|text| text.to_str().into_owned()).unwrap_or_default(),
    };
    m.throw("ArgumentException", &format!("Accessed {on} values with invalid key value: {text}. {wanted} expected."))
}

fn item(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let handle = this(m, a)?;
    Ok(child(m, handle, a.get(1))?.map(Value::Object).into())
}

fn set_item(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
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

fn value(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let handle = this(m, a)?;
    let found = child(m, handle, a.get(1))?;
    conversions::to_type(m, found, a.ty(0))
}

fn typed_children(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let handle = this(m, a)?;
    let list = children(m, handle).into_iter().map(Value::Object).filter(|child| m.is(child, a.ty(0))).collect();
    let ty = types::generic("JEnumerable", &[a.ty(0)]);
    Ok(m.object(Object::Query(ty, Query::Items(list))))
}

fn descend(m: &mut Machine<'_>, handle: Handle, depth: usize, out: &mut Vec<Value>) -> Outcome<()> {
    m.charge(1)?;
    if depth < 300 {
        for child in children(m, handle) {
            out.push(Value::Object(child));
            descend(m, child, depth + 1, out)?;
        }
    }
    Ok(())
}

fn select(m: &mut Machine<'_>, a: Args<'_>, required: bool) -> Outcome {
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
fn detach(m: &mut Machine<'_>, handle: Handle) {
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

fn insert_token(m: &mut Machine<'_>, a: Args<'_>, place: Option<usize>) -> Outcome {
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

fn position(m: &Machine<'_>, array: Handle, value: &Value) -> Option<(usize, Handle)> {
    let Value::Object(wanted) = value else { return None };
    children(m, array).into_iter().enumerate().find(|(_, child)| child == wanted)
}

fn clear(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let handle = this(m, a)?;
    for child in children(m, handle) {
        detach(m, child);
    }
    Ok(Value::Null)
}

fn found_property(m: &Machine<'_>, object: Handle, name: &Text) -> Option<Handle> {
    match &node(m, object)?.node {
        Node::Object(members) => members.get(name).copied(),
        _ => None,
    }
}

fn named(m: &Machine<'_>, object: Handle, name: &Text, rule: i64) -> Option<Handle> {
    match &node(m, object)?.node {
        Node::Object(members) => members.iter().find(|(own, _)| strings::equal_rule(own, name, rule)).map(|(_, property)| *property),
        _ => None,
    }
}

fn extension_value(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let to = a.types.last().copied().unwrap_or(known().object);
    match a.get(0) {
        Value::Object(handle) if node(m, *handle).is_some() => conversions::to_type(m, Some(*handle), to),
        Value::Null => Err(m.argument_null("value")),
        _ => Err(m.throw("ArgumentException", "Source value must be a JToken.")),
    }
}

fn extension_values(m: &mut Machine<'_>, a: Args<'_>, key: Option<usize>) -> Outcome {
    let to = a.types.first().copied().unwrap_or(known().jtoken);
    // Nothing is looked at, not even a source that is missing, before the values are asked for.
    let key = key.map(|at| a.get(at)).filter(|key| !key.is_null()).cloned();
    let source = linq::tokens(m, a.get(0));
    Ok(m.object(Object::Query(types::enumerable(to), Query::TokenValues(source, key, to))))
}
