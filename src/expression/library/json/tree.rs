//! Walking and changing token trees: ancestors, descendants, siblings, merging, and the extensions on sequences of tokens.

use std::sync::Arc;

use super::access::{child, converted, descend, sequence, this};
use super::making::parse;
use super::{Node, add, add_content, attach, children, conversions, kind, node, node_mut, push, scalar, set_property, token, value_of};
use crate::expression::library::basics::{format_value, instance_text};
use crate::expression::library::{Members, collections, hash_of, linq, native, uri};
use crate::expression::machine::{Args, Machine, Outcome};
use crate::expression::types::known;
use crate::expression::value::{Handle, Value};

const MAX_DEPTH: usize = 200;

pub(crate) const MEMBERS: Members = &[
    ("JContainer.DescendantsAndSelf()", |m, a| {
        let handle = this(m, a)?;
        let mut list = vec![Value::Object(handle)];
        descend(m, handle, 0, &mut list)?;
        sequence(m, list, known().jtoken)
    }),
    ("JToken.AncestorsAndSelf()", |m, a| {
        let handle = this(m, a)?;
        let mut list = vec![Value::Object(handle)];
        ascend(m, handle, &mut list)?;
        sequence(m, list, known().jtoken)
    }),
    ("JToken.AfterSelf()", |m, a| beside(m, a, true)),
    ("JToken.BeforeSelf()", |m, a| beside(m, a, false)),
    ("JToken.AddAfterSelf", |m, a| insert_beside(m, a, 1)),
    ("JToken.AddBeforeSelf", |m, a| insert_beside(m, a, 0)),
    ("JContainer.Merge(object)", |m, a| {
        let (handle, content) = (this(m, a)?, token(m, a.get(1))?);
        merge(m, handle, content, 0)?;
        Ok(Value::Null)
    }),
    ("JContainer.Merge(object,JsonMergeSettings)", |m, a| {
        let (handle, content) = (this(m, a)?, token(m, a.get(1))?);
        merge(m, handle, content, 0)?;
        Ok(Value::Null)
    }),
    ("JContainer.ReplaceAll", |m, a| {
        let handle = this(m, a)?;
        if let Some(Node::Property(..)) = node(m, handle).map(|json| &json.node) {
            return Err(m.throw("JsonException", "Cannot add or remove items from Newtonsoft.Json.Linq.JProperty."));
        }
        if let Some(clear) = native("JContainer.RemoveAll()") {
            clear(m, a)?;
        }
        add_content(m, handle, a.get(1), 0)?;
        Ok(Value::Null)
    }),
    ("JContainer.Values<T>()", |m, a| {
        let handle = this(m, a)?;
        converted(m, handle, a.ty(0))
    }),
    ("JToken.SelectToken(string,JsonSelectSettings)", |m, a| match native("JToken.SelectToken(string)") {
        Some(select) => select(m, Args { values: &a.values[..2], types: a.types }),
        None => Ok(Value::Null),
    }),
    ("JToken.ToObject(Type)", |m, a| {
        let handle = this(m, a)?;
        match a.get(1) {
            // The deserialiser gives a token for any kind of token; only the generic method casts it.
            Value::TypeToken(ty) if conversions::is_token(*ty) => Ok(Value::Object(handle)),
            Value::TypeToken(ty) => conversions::as_object(m, handle, *ty),
            _ => Err(m.argument_null("objectType")),
        }
    }),
    ("JToken.op_Explicit(JToken):Uri", |m, a| {
        let Value::Object(handle) = a.get(0) else { return Ok(Value::Null) };
        match super::plain(m, *handle) {
            Some(Value::Null) => Ok(Value::Null),
            Some(Value::Text(text)) => uri::new(m, &text.to_str()),
            Some(value @ Value::Object(_)) if m.heap.type_of(&value).is("Uri") => Ok(value),
            _ => Err(m.throw("ArgumentException", "Can not convert the token to Uri.")),
        }
    }),
    ("JToken.op_Explicit(JToken):byte[]", |m, a| {
        let Value::Object(handle) = a.get(0) else { return Ok(Value::Null) };
        match super::plain(m, *handle) {
            Some(Value::Null) => Ok(Value::Null),
            Some(text @ Value::Text(_)) => match native("Convert.FromBase64String") {
                Some(decode) => decode(m, Args { values: &[text], types: &[] }),
                None => Ok(Value::Null),
            },
            Some(value @ Value::Object(_)) => Ok(value),
            _ => Err(m.throw("ArgumentException", "Can not convert the token to byte array.")),
        }
    }),
    ("JValue.CreateComment", |m, a| Ok(Value::Object(scalar(m, kind::COMMENT, a.get(0).clone())))),
    ("JValue.GetHashCode()", |m, a| {
        let handle = this(m, a)?;
        match super::plain(m, handle) {
            None | Some(Value::Null) => Ok(Value::Int32(0)),
            Some(value) => hash_of(m, &value),
        }
    }),
    ("JValue.ToString(IFormatProvider)", |m, a| instance_text(m, a)),
    ("JValue.ToString(string,IFormatProvider)", |m, a| {
        let handle = this(m, a)?;
        let value = super::plain(m, handle).unwrap_or(Value::Null);
        let text = format_value(m, &value, a.text(1).as_deref())?;
        m.text(text)
    }),
    ("JRaw.new(object)", |m, a| {
        let text = match a.get(0) {
            Value::Null => Value::Null,
            other => Value::from(crate::expression::library::to_text(m, other)?),
        };
        Ok(Value::Object(scalar(m, kind::RAW, text)))
    }),
    ("JRaw.new(JRaw)", |m, a| {
        let handle = this(m, a)?;
        super::clone(m, handle, 0).map(Value::Object)
    }),
    ("JArray.CopyTo", |m, a| {
        let handle = this(m, a)?;
        let items = children(m, handle).into_iter().map(Value::Object).collect();
        let list = m.array(known().jtoken, items)?;
        collections::copy_all(m, &list, a.get(1), a.int(2))
    }),
    ("JArray.IsReadOnly", |m, a| this(m, a).map(|_| Value::Boolean(false))),
    ("JArray.GetEnumerator()", |m, a| {
        this(m, a)?;
        linq::enumerator(m, a.get(0))
    }),
    ("JObject.GetEnumerator()", |m, a| {
        this(m, a)?;
        linq::enumerator(m, a.get(0))
    }),
    ("JObject.Parse(string,JsonLoadSettings)", |m, a| parse(m, a, kind::OBJECT)),
    ("JArray.Parse(string,JsonLoadSettings)", |m, a| parse(m, a, kind::ARRAY)),
    ("JToken.Parse(string,JsonLoadSettings)", |m, a| parse(m, a, 0)),
    ("Extensions.Ancestors", |m, a| each(m, a, ascend)),
    ("Extensions.AncestorsAndSelf", |m, a| {
        each(m, a, |m, handle, list| {
            list.push(Value::Object(handle));
            ascend(m, handle, list)
        })
    }),
    ("Extensions.Descendants", |m, a| each(m, a, |m, handle, list| descend(m, handle, 0, list))),
    ("Extensions.DescendantsAndSelf", |m, a| {
        each(m, a, |m, handle, list| {
            list.push(Value::Object(handle));
            descend(m, handle, 0, list)
        })
    }),
    ("Extensions.AsJEnumerable", |_, a| Ok(a.get(0).clone())),
    ("IJEnumerable.Item", |m, a| keyed(m, a)),
    ("JEnumerable.Item", |m, a| keyed(m, a)),
];

fn ascend(m: &mut Machine<'_>, handle: Handle, list: &mut Vec<Value>) -> Outcome<()> {
    let mut at = node(m, handle).and_then(|json| json.parent);
    while let Some(parent) = at {
        list.push(Value::Object(parent));
        at = node(m, parent).and_then(|json| json.parent);
        m.charge(1)?;
    }
    Ok(())
}

type Gather = fn(&mut Machine<'_>, Handle, &mut Vec<Value>) -> Outcome<()>;

fn each(m: &mut Machine<'_>, a: Args<'_>, gather: Gather) -> Outcome {
    let source = linq::tokens(m, a.get(0));
    let mut list = Vec::new();
    for item in linq::collect(m, &source)? {
        if let Value::Object(handle) = item {
            gather(m, handle, &mut list)?;
        }
    }
    sequence(m, list, known().jtoken)
}

/// The values that all tokens of a sequence have at a key.
fn keyed(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    // One token is its own sequence, with its own indexer.
    if let Value::Object(handle) = a.get(0)
        && node(m, *handle).is_some()
    {
        let found = child(m, *handle, a.get(1))?;
        return Ok(found.map(Value::Object).into());
    }
    let source = linq::tokens(m, a.get(0));
    let mut list = Vec::new();
    for item in linq::collect(m, &source)? {
        let Value::Object(handle) = item else { continue };
        if a.get(1).is_null() {
            list.extend(children(m, handle).into_iter().map(Value::Object));
        } else if let Some(found) = child(m, handle, a.get(1))? {
            list.push(Value::Object(found));
        }
    }
    sequence(m, list, known().jtoken)
}

fn place(m: &mut Machine<'_>, handle: Handle) -> Outcome<Option<(Handle, usize)>> {
    let Some(parent) = node(m, handle).and_then(|json| json.parent) else { return Ok(None) };
    let list = children(m, parent);
    m.charge(list.len() / 8)?;
    Ok(list.iter().position(|one| *one == handle).map(|index| (parent, index)))
}

fn beside(m: &mut Machine<'_>, a: Args<'_>, after: bool) -> Outcome {
    let handle = this(m, a)?;
    let list = match place(m, handle)? {
        Some((parent, index)) => {
            let all = children(m, parent);
            if after { all[index + 1..].to_vec() } else { all[..index].to_vec() }
        }
        None => Vec::new(),
    };
    sequence(m, list.into_iter().map(Value::Object).collect(), known().jtoken)
}

fn insert_beside(m: &mut Machine<'_>, a: Args<'_>, step: usize) -> Outcome {
    let handle = this(m, a)?;
    let Some((parent, index)) = place(m, handle)? else {
        return Err(m.throw("InvalidOperationException", "The parent is missing."));
    };
    let fresh = token(m, a.get(1))?;
    match node(m, parent).map(|json| json.node.clone()) {
        Some(Node::Object(_)) => {
            push(m, parent, fresh)?;
            if let Some(super::Json { node: Node::Object(members), .. }) = node_mut(m, parent) {
                let last = members.len() - 1;
                members.move_index(last, index + step);
            }
        }
        Some(Node::Array(_)) => {
            let fresh = attach(m, fresh, parent)?;
            if let Some(super::Json { node: Node::Array(items), .. }) = node_mut(m, parent) {
                items.insert(index + step, fresh);
            }
        }
        _ => return Err(m.throw("JsonException", "Newtonsoft.Json.Linq.JProperty cannot have multiple values.")),
    }
    Ok(Value::Null)
}

/// Objects are merged member by member, arrays are put one behind the other.
fn merge(m: &mut Machine<'_>, into: Handle, content: Handle, depth: usize) -> Outcome<()> {
    m.charge(2)?;
    if depth > MAX_DEPTH {
        return Err(m.throw("InvalidOperationException", "The token is nested too deep."));
    }
    match (node(m, into).map(|json| json.node.clone()), node(m, content).map(|json| json.node.clone())) {
        (Some(Node::Object(own)), Some(Node::Object(other))) => {
            for (name, property) in other {
                let Some(value) = value_of(m, property) else { continue };
                match own.get(&name) {
                    None => {
                        let fresh = add(m, Node::Property(Arc::clone(&name), None));
                        set_property(m, fresh, value)?;
                        push(m, into, fresh)?;
                    }
                    Some(existing) => {
                        let old = value_of(m, *existing);
                        let kind_of = |handle: Handle| node(m, handle).map_or(0, super::Json::kind);
                        let containers =
                            old.is_some_and(|old| kind_of(old) == kind_of(value) && matches!(kind_of(old), kind::OBJECT | kind::ARRAY));
                        match old.filter(|_| containers) {
                            Some(old) => merge(m, old, value, depth + 1)?,
                            None if kind_of(value) == kind::NULL => {}
                            None => set_property(m, *existing, value)?,
                        }
                    }
                }
            }
        }
        (Some(Node::Array(_)), Some(Node::Array(items))) => {
            for item in items {
                push(m, into, item)?;
            }
        }
        (Some(Node::Array(_)), Some(_)) => push(m, into, content)?,
        _ => {}
    }
    Ok(())
}
