//! Newtonsoft.Json's token tree: nodes with identity and parents, as version 6 behaves.

use std::sync::{Arc, LazyLock};

use indexmap::IndexMap;

use super::dates;
use super::{Args, Machine, Members, Outcome, linq};
use crate::expression::heap::{Key, Object};
use crate::expression::text::Text;
use crate::expression::types::{self, Shape, Type};
use crate::expression::value::{DateTime, Handle, Value};

pub(crate) mod access;
pub(crate) mod conversions;
mod making;
pub(crate) mod members;
pub(crate) mod path;
pub(crate) mod read;
pub(crate) mod tree;
pub(crate) mod values;
pub(crate) mod write;

/// `JTokenType`.
pub(crate) mod kind {
    pub(crate) const OBJECT: i64 = 1;
    pub(crate) const ARRAY: i64 = 2;
    pub(crate) const PROPERTY: i64 = 4;
    pub(crate) const COMMENT: i64 = 5;
    pub(crate) const INTEGER: i64 = 6;
    pub(crate) const FLOAT: i64 = 7;
    pub(crate) const STRING: i64 = 8;
    pub(crate) const BOOLEAN: i64 = 9;
    pub(crate) const NULL: i64 = 10;
    pub(crate) const UNDEFINED: i64 = 11;
    pub(crate) const DATE: i64 = 12;
    pub(crate) const RAW: i64 = 13;
    pub(crate) const BYTES: i64 = 14;
    pub(crate) const GUID: i64 = 15;
    pub(crate) const URI: i64 = 16;
    pub(crate) const TIMESPAN: i64 = 17;
}

/// One token.
#[derive(Debug, Clone)]
pub(crate) struct Json {
    pub(crate) node: Node,
    pub(crate) parent: Option<Handle>,
}

#[derive(Debug, Clone)]
pub(crate) enum Node {
    /// Name to property token.
    Object(IndexMap<Arc<Text>, Handle>),
    Array(Vec<Handle>),
    Property(Arc<Text>, Option<Handle>),
    Value(i64, Value),
}

impl Json {
    pub(crate) fn new(node: Node) -> Self {
        Self { node, parent: None }
    }

    pub(crate) fn ty(&self) -> Type {
        static TYPES: LazyLock<[Type; 5]> = LazyLock::new(|| ["JObject", "JArray", "JProperty", "JRaw", "JValue"].map(types::named));
        let [object, array, property, raw, value] = *TYPES;
        match &self.node {
            Node::Object(_) => object,
            Node::Array(_) => array,
            Node::Property(..) => property,
            Node::Value(kind::RAW, _) => raw,
            Node::Value(..) => value,
        }
    }

    pub(crate) fn is_value(&self) -> bool {
        matches!(self.node, Node::Value(..))
    }

    pub(crate) fn kind(&self) -> i64 {
        match &self.node {
            Node::Object(_) => kind::OBJECT,
            Node::Array(_) => kind::ARRAY,
            Node::Property(..) => kind::PROPERTY,
            Node::Value(kind, _) => *kind,
        }
    }
}

/// The node of a handle.
pub(crate) fn node<'h>(m: &'h Machine<'_>, handle: Handle) -> Option<&'h Json> {
    match m.heap.get(handle) {
        Object::Json(json) => Some(json),
        _ => None,
    }
}

pub(crate) fn node_mut<'h>(m: &'h mut Machine<'_>, handle: Handle) -> Option<&'h mut Json> {
    match m.heap.get_mut(handle) {
        Some(Object::Json(json)) => Some(json),
        _ => None,
    }
}

pub(crate) fn add(m: &mut Machine<'_>, node: Node) -> Handle {
    m.heap.add(Object::Json(Json::new(node)))
}

/// A value token.
pub(crate) fn scalar(m: &mut Machine<'_>, kind: i64, value: Value) -> Handle {
    add(m, Node::Value(kind, value))
}

/// What a `JValue` holds.
pub(crate) fn plain(m: &Machine<'_>, handle: Handle) -> Option<Value> {
    match &node(m, handle)?.node {
        Node::Value(_, value) => Some(value.clone()),
        _ => None,
    }
}

pub(crate) fn key(json: &Json, handle: Handle) -> Key {
    match &json.node {
        Node::Value(kind, value) => match value {
            Value::Text(text) => Key::Many(vec![Key::Integer(0, *kind), Key::Text((**text).clone())]),
            // A character counts as its text.
            Value::Char(unit) => Key::Many(vec![Key::Integer(0, *kind), Key::Text(Text::from([*unit].as_slice()))]),
            Value::Double(number) => Key::Many(vec![Key::Integer(0, kind::FLOAT), Key::Integer(0, number.to_bits() as i64)]),
            Value::Null => Key::Many(vec![Key::Integer(0, *kind), Key::Null]),
            other => Key::Many(vec![Key::Integer(0, *kind), Key::Integer(0, other.integer())]),
        },
        _ => Key::Object(handle),
    }
}

/// `Equals` of two tokens: values by value, others by identity.
pub(crate) fn value_equals(m: &Machine<'_>, one: Handle, two: Handle) -> bool {
    match (node(m, one), node(m, two)) {
        (Some(left), Some(right)) if left.is_value() && right.is_value() => {
            if let (Node::Value(_, a), Node::Value(_, b)) = (&left.node, &right.node) {
                match (a, b) {
                    (Value::DateTime(a), Value::DateTime(b)) => return a.ticks == b.ticks,
                    (Value::Int64(a), Value::Double(b)) | (Value::Double(b), Value::Int64(a)) => return *a as f64 == *b,
                    _ => {}
                }
            }
            key(left, one) == key(right, two)
        }
        _ => one == two,
    }
}

/// `JToken.DeepEquals`.
pub(crate) fn deep_equals(m: &Machine<'_>, one: Handle, two: Handle, depth: usize) -> bool {
    let (Some(left), Some(right)) = (node(m, one), node(m, two)) else { return false };
    if depth > 200 {
        return false;
    }
    match (&left.node, &right.node) {
        (Node::Object(a), Node::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(name, property)| {
                    b.get(name).is_some_and(|other| match (value_of(m, *property), value_of(m, *other)) {
                        (Some(a), Some(b)) => deep_equals(m, a, b, depth + 1),
                        _ => false,
                    })
                })
        }
        (Node::Array(a), Node::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| deep_equals(m, *a, *b, depth + 1)),
        (Node::Property(a, x), Node::Property(b, y)) => {
            a == b && matches!((x, y), (Some(x), Some(y)) if deep_equals(m, *x, *y, depth + 1)) || a == b && x.is_none() && y.is_none()
        }
        _ => value_equals(m, one, two),
    }
}

/// The value of a property token.
pub(crate) fn value_of(m: &Machine<'_>, property: Handle) -> Option<Handle> {
    match &node(m, property)?.node {
        Node::Property(_, value) => *value,
        _ => None,
    }
}

/// The value of a member of an object.
pub(crate) fn member(m: &Machine<'_>, object: Handle, name: &Text) -> Option<Handle> {
    match &node(m, object)?.node {
        Node::Object(members) => value_of(m, *members.get(name)?),
        _ => None,
    }
}

/// Child tokens: properties of an object, elements of an array, the value of a property.
pub(crate) fn children(m: &Machine<'_>, handle: Handle) -> Vec<Handle> {
    match node(m, handle).map(|json| &json.node) {
        Some(Node::Object(members)) => members.values().copied().collect(),
        Some(Node::Array(items)) => items.clone(),
        Some(Node::Property(_, Some(value))) => vec![*value],
        _ => Vec::new(),
    }
}

/// Gives `child` a parent; one that has a parent already is copied.
pub(crate) fn attach(m: &mut Machine<'_>, child: Handle, parent: Handle) -> Outcome<Handle> {
    let taken = node(m, child).is_some_and(|json| json.parent.is_some()) || child == parent || is_ancestor(m, child, parent);
    let child = if taken { clone(m, child, 0)? } else { child };
    if let Some(json) = node_mut(m, child) {
        json.parent = Some(parent);
    }
    Ok(child)
}

fn is_ancestor(m: &Machine<'_>, handle: Handle, of: Handle) -> bool {
    let mut at = Some(of);
    for _ in 0..10_000 {
        match at {
            Some(here) if here == handle => return true,
            Some(here) => at = node(m, here).and_then(|json| json.parent),
            None => return false,
        }
    }
    true
}

/// `DeepClone`.
pub(crate) fn clone(m: &mut Machine<'_>, handle: Handle, depth: usize) -> Outcome<Handle> {
    m.allocate(96)?;
    if depth > 200 {
        return Err(m.throw("InvalidOperationException", "The token is nested too deep."));
    }
    let Some(json) = node(m, handle).cloned() else { return Err(m.null_reference()) };
    match json.node {
        Node::Value(kind, value) => Ok(scalar(m, kind, value)),
        Node::Property(name, value) => {
            let property = add(m, Node::Property(name, None));
            if let Some(value) = value {
                let copy = clone(m, value, depth + 1)?;
                set_property(m, property, copy)?;
            }
            Ok(property)
        }
        Node::Array(items) => {
            let array = add(m, Node::Array(Vec::new()));
            for item in items {
                let copy = clone(m, item, depth + 1)?;
                push(m, array, copy)?;
            }
            Ok(array)
        }
        Node::Object(members) => {
            let object = add(m, Node::Object(IndexMap::new()));
            for property in members.into_values() {
                let copy = clone(m, property, depth + 1)?;
                push(m, object, copy)?;
            }
            Ok(object)
        }
    }
}

pub(crate) fn set_property(m: &mut Machine<'_>, property: Handle, value: Handle) -> Outcome<()> {
    let value = attach(m, value, property)?;
    let old = value_of(m, property);
    if let Some(old) = old.and_then(|old| node_mut(m, old)) {
        old.parent = None;
    }
    if let Some(Json { node: Node::Property(_, place), .. }) = node_mut(m, property) {
        *place = Some(value);
    }
    Ok(())
}

/// Appends to an array, or adds a property to an object.
pub(crate) fn push(m: &mut Machine<'_>, container: Handle, child: Handle) -> Outcome<()> {
    m.charge(2)?;
    let is_object = matches!(node(m, container).map(|json| &json.node), Some(Node::Object(_)));
    if is_object {
        let name = match node(m, child).map(|json| &json.node) {
            Some(Node::Property(name, _)) => Arc::clone(name),
            _ => {
                let ty = m.heap.type_of(&Value::Object(child)).full_name();
                return Err(m.throw("ArgumentException", &format!("Can not add {ty} to Newtonsoft.Json.Linq.JObject.")));
            }
        };
        if matches!(node(m, container).map(|json| &json.node), Some(Node::Object(members)) if members.contains_key(&name)) {
            let message = format!(
                "Can not add property {} to Newtonsoft.Json.Linq.JObject. Property with the same name already exists on object.",
                name.to_str()
            );
            return Err(m.throw("ArgumentException", &message));
        }
        let child = attach(m, child, container)?;
        if let Some(Json { node: Node::Object(members), .. }) = node_mut(m, container) {
            members.insert(name, child);
        }
        return Ok(());
    }
    if matches!(node(m, child).map(|json| &json.node), Some(Node::Property(..))) {
        return Err(m.throw("ArgumentException", "Can not add Newtonsoft.Json.Linq.JProperty to Newtonsoft.Json.Linq.JArray."));
    }
    let child = attach(m, child, container)?;
    if let Some(Json { node: Node::Array(items), .. }) = node_mut(m, container) {
        items.push(child);
    }
    Ok(())
}

/// Sets a member of an object, adding it if it is new.
pub(crate) fn set_member(m: &mut Machine<'_>, object: Handle, name: Arc<Text>, value: Handle) -> Outcome<()> {
    let existing = match node(m, object).map(|json| &json.node) {
        Some(Node::Object(members)) => members.get(&name).copied(),
        _ => None,
    };
    match existing {
        Some(property) => set_property(m, property, value),
        None => {
            let property = add(m, Node::Property(name, None));
            set_property(m, property, value)?;
            push(m, object, property)
        }
    }
}

/// A value as a token, as implicit conversions and `new JValue(object)` make it.
pub(crate) fn token(m: &mut Machine<'_>, value: &Value) -> Outcome<Handle> {
    Ok(match value {
        Value::Null => scalar(m, kind::NULL, Value::Null),
        Value::Text(text) => scalar(m, kind::STRING, Value::Text(Arc::clone(text))),
        Value::Boolean(_) => scalar(m, kind::BOOLEAN, value.clone()),
        Value::Char(_) => scalar(m, kind::STRING, value.clone()),
        Value::SByte(_) | Value::Byte(_) | Value::Int16(_) | Value::UInt16(_) | Value::Int32(_) | Value::UInt32(_) | Value::Int64(_) => {
            scalar(m, kind::INTEGER, value.clone())
        }
        Value::UInt64(_) => scalar(m, kind::INTEGER, value.clone()),
        Value::Single(_) | Value::Double(_) | Value::Decimal(_) => scalar(m, kind::FLOAT, value.clone()),
        Value::DateTime(_) | Value::Offset(_) => scalar(m, kind::DATE, value.clone()),
        Value::Span(_) => scalar(m, kind::TIMESPAN, value.clone()),
        Value::Guid(_) => scalar(m, kind::GUID, value.clone()),
        Value::Enum(_, number) => scalar(m, kind::INTEGER, Value::Int64(*number)),
        Value::Object(handle) => match m.heap.get(*handle) {
            Object::Json(_) => *handle,
            Object::Opaque(ty, _) if ty.is("Uri") => scalar(m, kind::URI, value.clone()),
            Object::Array(ty, _) if *ty == types::array(types::known().byte) => scalar(m, kind::BYTES, value.clone()),
            _ => {
                let name = m.heap.type_of(value).full_name();
                return Err(m.throw("ArgumentException", &format!("Could not determine JSON object type for type {name}.")));
            }
        },
        Value::Host(_) | Value::TypeToken(_) => {
            let name = m.heap.type_of(value).full_name();
            return Err(m.throw("ArgumentException", &format!("Could not determine JSON object type for type {name}.")));
        }
    })
}

/// Any object as a token: what the serialiser writes.
pub(crate) fn from_object(m: &mut Machine<'_>, value: &Value, depth: usize) -> Outcome<Handle> {
    m.allocate(64)?;
    if depth > 64 {
        return Err(m.throw("JsonSerializationException", "The object is nested too deep."));
    }
    let Value::Object(handle) = value else {
        if let Value::Host(host) = value {
            return super::host::serialise(m, *host, depth);
        }
        // Numbers become what the reader would make of them.
        return Ok(match value {
            Value::Int32(_) | Value::Int16(_) | Value::Byte(_) | Value::SByte(_) | Value::UInt16(_) | Value::UInt32(_) => {
                scalar(m, kind::INTEGER, Value::Int64(value.integer()))
            }
            Value::Single(number) => scalar(m, kind::FLOAT, Value::Single(*number)),
            _ => token(m, value)?,
        });
    };
    let fields: Vec<(Text, Value)> = match m.heap.get(*handle) {
        Object::Json(_) => return Ok(*handle),
        Object::Array(ty, _) if *ty == types::array(types::known().byte) => return token(m, value),
        Object::Opaque(ty, _) if ty.is("Uri") => return token(m, value),
        Object::Record(ty, values) => match ty.shape() {
            Shape::Anonymous(names) => names.iter().map(|(name, _)| Text::from(name.as_str())).zip(values.iter().cloned()).collect(),
            _ if ty.is("KeyValuePair") => ["Key", "Value"].iter().map(|name| Text::from(*name)).zip(values.iter().cloned()).collect(),
            _ => (1..).map(|index| Text::from(format!("Item{index}"))).zip(values.iter().cloned()).collect(),
        },
        Object::Dictionary(ty, table) if !ty.is("HashSet") => {
            let entries: Vec<(Value, Value)> = table.entries().cloned().collect();
            let mut list = Vec::new();
            for (name, value) in entries {
                list.push((super::to_text(m, &name)?, value));
            }
            list
        }
        Object::Builder(..) | Object::Exception(_) | Object::Regex(_) | Object::Closure(..) | Object::Opaque(..) => {
            let name = m.heap.type_of(value).full_name();
            return Err(m.throw("JsonSerializationException", &format!("Serialising {name} is not emulated.")));
        }
        _ => {
            let array = add(m, Node::Array(Vec::new()));
            for item in linq::collect(m, value)? {
                let item = from_object(m, &item, depth + 1)?;
                push(m, array, item)?;
            }
            return Ok(array);
        }
    };
    let object = add(m, Node::Object(IndexMap::new()));
    for (name, value) in fields {
        let value = from_object(m, &value, depth + 1)?;
        set_member(m, object, Arc::new(name), value)?;
    }
    Ok(object)
}

/// Content of a container: sequences are spread, everything else becomes a token.
pub(crate) fn add_content(m: &mut Machine<'_>, container: Handle, content: &Value, depth: usize) -> Outcome<()> {
    let spreads = match content {
        Value::Object(handle) => !matches!(m.heap.get(*handle), Object::Json(_)) && linq::is_enumerable(m, content),
        _ => false,
    };
    if spreads && depth < 64 {
        for item in linq::collect(m, content)? {
            add_content(m, container, &item, depth + 1)?;
        }
        return Ok(());
    }
    let child = content_token(m, content)?;
    push(m, container, child)
}

/// An `object` as a token: a character is none, other than where its type is known.
pub(crate) fn content_token(m: &mut Machine<'_>, value: &Value) -> Outcome<Handle> {
    match value {
        Value::Char(_) => Err(m.throw("ArgumentException", "Could not determine JSON object type for type System.Char.")),
        value => token(m, value),
    }
}

/// ISO 8601 dates in strings are dates to the reader.
pub(crate) fn iso_date(text: &str) -> Option<DateTime> {
    let bytes = text.as_bytes();
    let shaped = bytes.len() >= 19
        && bytes.len() <= 40
        && bytes[4] == b'-'
        && bytes[7] == b'-'
        && bytes[10] == b'T'
        && bytes[13] == b':'
        && bytes[16] == b':';
    if !shaped || !bytes.iter().all(|byte| byte.is_ascii_digit() || b"-:T.Z+".contains(byte)) {
        return None;
    }
    let rest = &bytes[19..];
    let fraction = if rest.first() == Some(&b'.') { 1 + rest[1..].iter().take_while(|byte| byte.is_ascii_digit()).count() } else { 0 };
    if fraction == 1 {
        return None;
    }
    let zone = &rest[fraction..];
    let zone_fits = zone.is_empty() || zone == b"Z" || zone.len() == 6 && zone[3] == b':' || zone.len() == 5 || zone.len() == 3;
    if !zone_fits {
        return None;
    }
    let found = dates::parse(text, 0)?;
    let kind = match (found.offset, found.is_zulu) {
        (None, _) => 0,
        (_, true) => 1,
        _ => 2,
    };
    let shift = i64::from(found.offset.unwrap_or(0)) * 600_000_000;
    Some(DateTime { ticks: found.ticks - shift, kind })
}

pub(super) const MEMBERS: Members = &[
    ("JsonConvert.SerializeObject", |m, a| {
        let indented = a.values[1..].iter().any(|value| matches!(value, Value::Enum(_, 1)));
        let token = from_object(m, a.get(0), 0)?;
        write::text(m, token, indented)
    }),
    // No policy can name a converter: those that are given are null, which the deserialiser meets before it reads.
    ("JsonConvert.DeserializeObject(string,JsonConverter[])", |m, a| {
        m.string(a, 0, "value")?;
        let given = if a.get(1).is_null() { 0 } else { linq::collect(m, a.get(1))?.len() };
        if given > 0 { Err(m.null_reference()) } else { deserialize(m, a) }
    }),
    ("JsonConvert.DeserializeObject", |m, a| deserialize(m, a)),
];

/// Plain values come out of the reader as themselves.
fn unbox(m: &Machine<'_>, value: Value) -> Value {
    match value {
        Value::Object(handle) => plain(m, handle).unwrap_or(Value::Object(handle)),
        other => other,
    }
}

fn deserialize(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let text = m.string(a, 0, "value")?;
    // The type stands as a generic argument, or as a value.
    let to = match (a.types.first(), a.get(1)) {
        (Some(ty), _) | (None, Value::TypeToken(ty)) => Some(*ty),
        _ => None,
    };
    if text.to_str().trim().is_empty() {
        return match to {
            Some(ty) if ty.is_value_type() && ty.nullable_of().is_none() => {
                let message = format!("No JSON content found and type '{}' is not nullable. Path '', line 0, position 0.", ty.full_name());
                Err(m.throw("JsonSerializationException", &message))
            }
            _ => Ok(Value::Null),
        };
    }
    let token = read::parse(m, &text)?;
    let Some(to) = to else { return Ok(unbox(m, Value::Object(token))) };
    // Where an `int` is wanted the reader takes no other number.
    if to.stripped() == types::known().int32
        && let Some(number @ Value::Double(_)) = plain(m, token)
    {
        let shown = super::to_text(m, &number)?.to_str().into_owned();
        let place = text.to_str().trim_end().len();
        let message = format!("Input string '{shown}' is not a valid integer. Path '', line 1, position {place}.");
        return Err(m.throw("JsonReaderException", &message));
    }
    conversions::to_object(m, token, to, 0)
}
