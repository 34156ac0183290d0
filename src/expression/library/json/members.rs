//! Members of `JToken`, `JObject`, `JArray`, `JProperty`, `JValue` and their extensions.

use std::sync::Arc;

use indexmap::IndexMap;

use super::access::{
    clear, converted, copy, count, descend, detach, edge, extension_value, extension_values, found_property, has_values, insert_token,
    item, kind_of, named, position, select, sequence, set_item, sibling, this, typed_children, value,
};
use super::making::{container, from, parse, property};
use super::{
    Node, add, add_content, attach, children, conversions, kind, member, node, node_mut, path, plain, push, set_property, token, values,
    write,
};
use crate::expression::heap::Object;
use crate::expression::library::linq::{self, Query};
use crate::expression::library::{Members, basics, equals};
use crate::expression::types::{self, known};
use crate::expression::value::Value;

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
