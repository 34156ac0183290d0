//! Sequences: what can be enumerated, and the lazy queries of `Enumerable`.

use super::json;
use super::{Machine, Outcome, host, key};
use crate::expression::heap::{Key, KeyRule, Object};
use crate::expression::types::{self, Type, known};
use crate::expression::value::Value;

mod groups;
pub(crate) mod members;
mod orders;
pub(crate) mod recent;
mod totals;

/// A sequence that is computed while it is enumerated.
#[derive(Debug, Clone)]
pub(crate) enum Query {
    Items(Vec<Value>),
    /// Source, function, whether it takes the index.
    Select(Value, Value, bool),
    Where(Value, Value, bool),
    SelectMany(Value, Value, bool, Option<Value>),
    Take(Value, usize),
    Skip(Value, usize),
    TakeWhile(Value, Value, bool),
    SkipWhile(Value, Value, bool),
    Concat(Value, Value),
    Zip(Value, Value, Value),
    /// Elements that were not met, by themselves or by what the selector gives; then those of the others.
    Distinct(Value, Option<Value>, KeyRule, Vec<Value>),
    /// Elements of the first that are (true) or are not in the others, by themselves or by what the selector gives of them.
    Filter(Value, Value, Option<Value>, bool, KeyRule),
    Cast(Value, Type, bool),
    DefaultIfEmpty(Value, Value),
    Reverse(Value),
    /// Source, and keys: selector, descending, comparer rule.
    Order(Value, Vec<(Value, bool, i64)>),
    Group(Value, Value, Option<Value>, Option<Value>, KeyRule, Type),
    /// Outer, inner, their keys, result; whether grouped.
    Join(Value, Value, Value, Value, Value, bool, KeyRule),
    /// The groups of a lookup, and how their keys are compared.
    Lookup(Vec<Value>, KeyRule),
    /// Tokens, each as a value of the type.
    Converted(Value, Type),
    /// Of each token of the source what it has at the key, or its children (a value itself) without one; as values of the type.
    TokenValues(Value, Option<Value>, Type),
}

/// `MoveNext`: what it meets is kept for `Current`.
pub(crate) fn move_next(m: &mut Machine<'_>, running: &Value) -> Outcome<bool> {
    let found = next(m, running)?;
    let there = found.is_some();
    if let Value::Object(handle) = running {
        m.heap.set_current(*handle, found);
    }
    Ok(there)
}

/// `Current`.
pub(crate) fn current(m: &mut Machine<'_>, running: &Value) -> Outcome {
    let Value::Object(handle) = running else { return Err(m.null_reference()) };
    match m.heap.current(*handle) {
        Some(value) => Ok(value),
        None => Err(m.throw("InvalidOperationException", "Enumeration has either not started or has already finished.")),
    }
}

/// What an enumerator stands for where it stands at nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outside {
    /// `Current` throws: arrays, texts, matches.
    Throws,
    /// `Current` is the default value of the element: tables and the children of tokens.
    Default,
    /// As [`Self::Default`], of a query, which cannot begin again.
    Query,
}

/// `Reset`: collections begin again, queries cannot.
pub(crate) fn reset(m: &mut Machine<'_>, running: &Value) -> Outcome {
    let Some(handle) = running.handle() else { return Err(m.null_reference()) };
    m.heap.set_current(handle, None);
    match m.heap.get_mut(handle) {
        Some(Object::Enumerator(_, Enumerator::Items(_, at, outside))) if *outside != Outside::Query => *at = 0,
        Some(Object::Enumerator(_, Enumerator::List(_, at, _))) => *at = 0,
        Some(Object::Enumerator(_, Enumerator::Query(_, query, at, ..))) if matches!(**query, Query::Items(_)) => *at = 0,
        _ => return Err(m.throw("NotSupportedException", "Specified method is not supported.")),
    }
    Ok(Value::Null)
}

/// Whether `Current` throws before the first element and after the last. The enumerators of arrays, texts, queues, stacks and matches do; those of
/// lists, tables and queries give the default value of their element.
pub(crate) fn is_strict(m: &Machine<'_>, running: &Value) -> bool {
    let Value::Object(handle) = running else { return true };
    match m.heap.get(*handle) {
        Object::Enumerator(_, Enumerator::Items(_, _, outside)) => *outside == Outside::Throws,
        Object::Enumerator(_, Enumerator::List(list, ..)) => {
            let ty = m.heap.type_of(list);
            ty.is("Queue") || ty.is("Stack")
        }
        Object::Enumerator(_, Enumerator::Query(..)) => false,
        _ => true,
    }
}

/// A running enumeration.
#[derive(Debug, Clone)]
pub(crate) enum Enumerator {
    /// All elements, and the index of the next.
    Items(Vec<Value>, usize, Outside),
    /// A list or table, which may not change meanwhile.
    List(Value, usize, usize),
    /// Source enumerator, query, index, what else is remembered.
    Query(Value, Box<Query>, usize, Option<Value>, Vec<Key>),
}

/// Whether a value can be enumerated.
pub(crate) fn is_enumerable(m: &Machine<'_>, value: &Value) -> bool {
    match value {
        Value::Object(handle) => match m.heap.get(*handle) {
            Object::Array(..) | Object::List(..) | Object::Dictionary(..) | Object::Query(..) | Object::GroupCollection(_) => true,
            Object::Json(json) => !json.is_value(),
            _ => false,
        },
        Value::Host(host) => host::is_map(*host),
        _ => false,
    }
}

/// All elements.
pub(crate) fn collect(m: &mut Machine<'_>, source: &Value) -> Outcome<Vec<Value>> {
    if source.is_null() {
        return Err(m.argument_null("source"));
    }
    let ready = match source {
        Value::Object(handle) => match m.heap.get(*handle) {
            Object::Array(_, items) | Object::List(_, items) | Object::Query(_, Query::Items(items)) => Some(items.clone()),
            _ => None,
        },
        _ => None,
    };
    if let Some(items) = ready {
        m.charge(items.len())?;
        return Ok(items);
    }
    let running = enumerator(m, source)?;
    let mut items = Vec::new();
    while let Some(item) = next(m, &running)? {
        m.allocate(24)?;
        items.push(item);
    }
    Ok(items)
}

/// Begins to enumerate.
pub(crate) fn enumerator(m: &mut Machine<'_>, source: &Value) -> Outcome {
    let running = match source {
        Value::Null => return Err(m.argument_null("source")),
        Value::Text(text) => Enumerator::Items(text.units().into_iter().map(Value::Char).collect(), 0, Outside::Throws),
        Value::Host(object) => Enumerator::Items(host::pairs(m, *object)?, 0, Outside::Default),
        Value::Object(handle) => match m.heap.get(*handle) {
            Object::Enumerator(..) => return Ok(source.clone()),
            Object::Array(_, items) => Enumerator::Items(items.clone(), 0, Outside::Throws),
            Object::List(_, items) => Enumerator::List(source.clone(), 0, items.len()),
            Object::Dictionary(ty, table) => {
                let version = table.version as usize;
                if ty.is("HashSet") {
                    let items = table.entries().map(|entry| entry.0.clone()).collect();
                    Enumerator::Items(items, 0, Outside::Default)
                } else {
                    let pair = types::generic("KeyValuePair", ty.arguments());
                    let entries: Vec<(Value, Value)> = table.entries().cloned().collect();
                    let items = entries.into_iter().map(|(key, value)| m.object(Object::Record(pair, vec![key, value]))).collect();
                    Enumerator::Query(source.clone(), Box::new(Query::Items(items)), 0, Some(Value::size(version)), Vec::new())
                }
            }
            Object::Json(json) => {
                if let json::Node::Object(members) = &json.node {
                    let members: Vec<_> = members.iter().map(|(name, property)| (std::sync::Arc::clone(name), *property)).collect();
                    let pair = types::generic("KeyValuePair", &[known().string, known().jtoken]);
                    let mut items = Vec::new();
                    for (name, property) in members {
                        let value = json::value_of(m, property).map(Value::Object).into();
                        items.push(m.object(Object::Record(pair, vec![Value::Text(name), value])));
                    }
                    Enumerator::Items(items, 0, Outside::Default)
                } else {
                    Enumerator::Items(json::children(m, *handle).into_iter().map(Value::Object).collect(), 0, Outside::Default)
                }
            }
            Object::GroupCollection(data) => {
                let data = std::sync::Arc::clone(data);
                let items = (0..data.groups.len()).map(|index| m.object(Object::Group(std::sync::Arc::clone(&data), index))).collect();
                Enumerator::Items(items, 0, Outside::Throws)
            }
            Object::Query(ty, Query::Items(items)) => {
                let name = ty.definition().map_or("", |definition| definition.name);
                let outside = match name {
                    "MatchCollection" | "CaptureCollection" => Outside::Throws,
                    "DictionaryKeyCollection" | "DictionaryValueCollection" => Outside::Default,
                    _ => Outside::Query,
                };
                Enumerator::Items(items.clone(), 0, outside)
            }
            Object::Query(_, query) => {
                let query = query.clone();
                start(m, query)?
            }
            _ => return Err(m.throw("InvalidCastException", "Specified cast is not valid.")),
        },
        _ => return Err(m.throw("InvalidCastException", "Specified cast is not valid.")),
    };
    let ty = types::generic("IEnumerator", &[known().object]);
    Ok(m.object(Object::Enumerator(ty, running)))
}

/// Tokens as LINQ sees them: a `JObject` gives its properties.
pub(crate) fn tokens(m: &mut Machine<'_>, source: &Value) -> Value {
    if let Value::Object(handle) = source
        && let Object::Json(json) = m.heap.get(*handle)
        && matches!(json.node, json::Node::Object(_))
    {
        let items = json::children(m, *handle).into_iter().map(Value::Object).collect();
        return m.object(Object::Query(types::enumerable(known().jtoken), Query::Items(items)));
    }
    source.clone()
}

fn start(m: &mut Machine<'_>, query: Query) -> Outcome<Enumerator> {
    Ok(match &query {
        Query::Items(items) | Query::Lookup(items, _) => Enumerator::Items(items.clone(), 0, Outside::Query),
        Query::Reverse(source) => {
            let mut items = collect(m, source)?;
            items.reverse();
            Enumerator::Items(items, 0, Outside::Query)
        }
        Query::Order(source, keys) => Enumerator::Items(orders::ordered(m, source, keys)?, 0, Outside::Query),
        // A grouping that was made: its elements.
        Query::Group(_, inner, _, _, _, ty) if *ty == known().void => Enumerator::Items(collect(m, inner)?, 0, Outside::Query),
        Query::Group(..) => Enumerator::Items(groups::grouped(m, &query)?, 0, Outside::Query),
        Query::Join(..) => Enumerator::Items(groups::joined(m, &query)?, 0, Outside::Query),
        Query::DefaultIfEmpty(source, default) => {
            let mut items = collect(m, source)?;
            if items.is_empty() {
                items.push(default.clone());
            }
            Enumerator::Items(items, 0, Outside::Query)
        }
        Query::Select(source, ..)
        | Query::Where(source, ..)
        | Query::SelectMany(source, ..)
        | Query::Take(source, _)
        | Query::Skip(source, _)
        | Query::TakeWhile(source, ..)
        | Query::SkipWhile(source, ..)
        | Query::Concat(source, _)
        | Query::Zip(source, ..)
        | Query::Distinct(source, ..)
        | Query::Filter(source, ..)
        | Query::Converted(source, _)
        | Query::TokenValues(source, ..)
        | Query::Cast(source, ..) => {
            let inner = enumerator(m, source)?;
            let other = match &query {
                Query::Zip(_, second, _) => Some(enumerator(m, second)?),
                _ => None,
            };
            let mut seen = Vec::new();
            if let Query::Filter(_, others, .., rule) = &query {
                for item in collect(m, others)? {
                    seen.push(key(m, &item, *rule)?);
                }
            }
            Enumerator::Query(inner, Box::new(query), 0, other, seen)
        }
    })
}

/// The next element.
pub(crate) fn next(m: &mut Machine<'_>, running: &Value) -> Outcome<Option<Value>> {
    m.charge(1)?;
    let Value::Object(handle) = running else { return Err(m.null_reference()) };
    match m.heap.get_mut(*handle) {
        Some(Object::Enumerator(_, Enumerator::Items(items, at, _))) => {
            let item = items.get(*at).cloned();
            *at += 1;
            Ok(item)
        }
        Some(Object::Enumerator(_, Enumerator::List(list, at, length))) => {
            let (list, index, length) = (list.clone(), *at, *length);
            *at += 1;
            let items = match &list {
                Value::Object(list) => match m.heap.get(*list) {
                    Object::List(_, items) => Some((items.len(), items.get(index).cloned())),
                    _ => None,
                },
                _ => None,
            };
            match items {
                Some((now, item)) if now == length => Ok(item),
                _ => Err(m.throw("InvalidOperationException", "Collection was modified; enumeration operation may not execute.")),
            }
        }
        Some(Object::Enumerator(_, Enumerator::Query(inner, query, at, other, seen))) => {
            let mut step = (inner.clone(), query.clone(), *at, other.clone(), std::mem::take(seen));
            let result = advance(m, &mut step);
            if let Some(Object::Enumerator(_, Enumerator::Query(inner, query, at, other, seen))) = m.heap.get_mut(*handle) {
                (*inner, *query, *at, *other, *seen) = step;
            }
            result
        }
        _ => Err(m.throw("InvalidCastException", "Specified cast is not valid.")),
    }
}

type Step = (Value, Box<Query>, usize, Option<Value>, Vec<Key>);

fn advance(m: &mut Machine<'_>, step: &mut Step) -> Outcome<Option<Value>> {
    let (inner, query, at, other, seen) = step;
    match &mut **query {
        // A dictionary: its pairs, as long as it does not change.
        Query::Items(items) => {
            let version = match &inner {
                Value::Object(handle) => match m.heap.get(*handle) {
                    Object::Dictionary(_, table) => table.version as usize,
                    _ => 0,
                },
                _ => 0,
            };
            if other.as_ref().is_some_and(|seen| seen.integer() != version as i64) {
                return Err(m.throw("InvalidOperationException", "Collection was modified; enumeration operation may not execute."));
            }
            let item = items.get(*at).cloned();
            *at += 1;
            Ok(item)
        }
        Query::Select(_, function, indexed) => {
            let Some(item) = next(m, inner)? else { return Ok(None) };
            let index = Value::size(*at);
            *at += 1;
            let result = if *indexed { m.call(function, &[item, index])? } else { m.call(function, &[item])? };
            Ok(Some(result))
        }
        Query::Where(_, function, indexed) => {
            while let Some(item) = next(m, inner)? {
                let index = Value::size(*at);
                *at += 1;
                let keep =
                    if *indexed { m.call(function, &[item.clone(), index])? } else { m.call(function, std::slice::from_ref(&item))? };
                if keep.truth() {
                    return Ok(Some(item));
                }
            }
            Ok(None)
        }
        Query::SelectMany(_, function, indexed, result) => loop {
            if let Some(running) = other {
                let Value::Object(_) = running else { return Ok(None) };
                if let Some(item) = next(m, running)? {
                    return Ok(Some(match result {
                        Some(result) => {
                            let outer = seen_outer(m, running);
                            m.call(result, &[outer, item])?
                        }
                        None => item,
                    }));
                }
                *other = None;
            }
            let Some(item) = next(m, inner)? else { return Ok(None) };
            let index = Value::size(*at);
            *at += 1;
            let list = if *indexed { m.call(function, &[item.clone(), index])? } else { m.call(function, std::slice::from_ref(&item))? };
            if list.is_null() {
                return Err(m.null_reference());
            }
            let list = tokens(m, &list);
            let mut running = enumerator(m, &list)?;
            if result.is_some() {
                // The outer element rides along as the first of a pair.
                let items = collect_from(m, &running)?;
                let ty = types::generic("IEnumerator", &[known().object]);
                running = m.object(Object::Enumerator(ty, Enumerator::Query(item, Box::new(Query::Items(items)), 0, None, Vec::new())));
            }
            *other = Some(running);
        },
        Query::Take(_, count) => {
            if *at >= *count {
                return Ok(None);
            }
            *at += 1;
            next(m, inner)
        }
        Query::Skip(_, count) => {
            while *at < *count {
                *at += 1;
                if next(m, inner)?.is_none() {
                    return Ok(None);
                }
            }
            next(m, inner)
        }
        Query::TakeWhile(_, function, indexed) => {
            let Some(item) = next(m, inner)? else { return Ok(None) };
            let index = Value::size(*at);
            *at += 1;
            let keep = if *indexed { m.call(function, &[item.clone(), index])? } else { m.call(function, std::slice::from_ref(&item))? };
            Ok(keep.truth().then_some(item))
        }
        Query::SkipWhile(_, function, indexed) => {
            while let Some(item) = next(m, inner)? {
                if other.is_some() {
                    return Ok(Some(item));
                }
                let index = Value::size(*at);
                *at += 1;
                let skip =
                    if *indexed { m.call(function, &[item.clone(), index])? } else { m.call(function, std::slice::from_ref(&item))? };
                if !skip.truth() {
                    *other = Some(Value::Boolean(true));
                    return Ok(Some(item));
                }
            }
            Ok(None)
        }
        Query::Concat(_, second) => {
            if other.is_none() {
                if let Some(item) = next(m, inner)? {
                    return Ok(Some(item));
                }
                let second = tokens(m, second);
                *other = Some(enumerator(m, &second)?);
            }
            match other {
                Some(running) => next(m, running),
                None => Ok(None),
            }
        }
        Query::Zip(_, _, function) => {
            let (Some(one), Some(running)) = (next(m, inner)?, other.as_ref()) else { return Ok(None) };
            let Some(two) = next(m, running)? else { return Ok(None) };
            m.call(function, &[one, two]).map(Some)
        }
        Query::Distinct(_, selector, rule, more) => loop {
            match next(m, inner)? {
                Some(item) => {
                    let hashed = compared(m, selector.as_ref(), &item, *rule)?;
                    m.charge(seen.len() / 8)?;
                    if !seen.contains(&hashed) {
                        seen.push(hashed);
                        return Ok(Some(item));
                    }
                }
                None => match more.pop() {
                    Some(source) => *inner = enumerator(m, &source)?,
                    None => return Ok(None),
                },
            }
        },
        Query::Filter(_, _, selector, wanted, rule) => {
            while let Some(item) = next(m, inner)? {
                let hashed = compared(m, selector.as_ref(), &item, *rule)?;
                m.charge(seen.len() / 8)?;
                let place = seen.iter().position(|known| *known == hashed);
                match (place, *wanted) {
                    (Some(place), true) => {
                        seen.swap_remove(place);
                        return Ok(Some(item));
                    }
                    (None, false) => {
                        seen.push(hashed);
                        return Ok(Some(item));
                    }
                    _ => {}
                }
            }
            Ok(None)
        }
        Query::Cast(_, ty, filter) => {
            while let Some(item) = next(m, inner)? {
                if m.is(&item, *ty) || item.is_null() && !*filter && ty.is_reference() {
                    return Ok(Some(item));
                }
                if !*filter {
                    return Err(m.throw("InvalidCastException", "Specified cast is not valid."));
                }
            }
            Ok(None)
        }
        Query::Converted(_, ty) => match next(m, inner)? {
            Some(item) => json::conversions::to_type(m, item.handle(), *ty).map(Some),
            None => Ok(None),
        },
        Query::TokenValues(_, wanted, ty) => loop {
            if let Some(running) = other {
                if let Some(item) = next(m, running)? {
                    return json::conversions::to_type(m, item.handle(), *ty).map(Some);
                }
                *other = None;
            }
            let Some(item) = next(m, inner)? else { return Ok(None) };
            let Some(token) = item.handle() else { return Err(m.null_reference()) };
            match wanted {
                Some(wanted) => {
                    if let Some(found) = json::access::child(m, token, wanted)? {
                        return json::conversions::to_type(m, Some(found), *ty).map(Some);
                    }
                }
                None if json::node(m, token).is_some_and(json::Json::is_value) => {
                    return json::conversions::to_type(m, Some(token), *ty).map(Some);
                }
                None => {
                    let list = json::children(m, token).into_iter().map(Value::Object).collect();
                    let ty = types::generic("IEnumerator", &[known().object]);
                    *other = Some(m.object(Object::Enumerator(ty, Enumerator::Items(list, 0, Outside::Query))));
                }
            }
        },
        Query::Reverse(_) | Query::Order(..) | Query::Group(..) | Query::Lookup(..) | Query::Join(..) | Query::DefaultIfEmpty(..) => {
            Ok(None)
        }
    }
}

/// What an element is compared by.
fn compared(m: &mut Machine<'_>, selector: Option<&Value>, item: &Value, rule: KeyRule) -> Outcome<Key> {
    match selector {
        Some(selector) => {
            let found = m.call(selector, std::slice::from_ref(item))?;
            key(m, &found, rule)
        }
        None => key(m, item, rule),
    }
}

fn collect_from(m: &mut Machine<'_>, running: &Value) -> Outcome<Vec<Value>> {
    let mut items = Vec::new();
    while let Some(item) = next(m, running)? {
        items.push(item);
    }
    Ok(items)
}

fn seen_outer(m: &Machine<'_>, running: &Value) -> Value {
    match running {
        Value::Object(handle) => match m.heap.get(*handle) {
            Object::Enumerator(_, Enumerator::Query(outer, ..)) => outer.clone(),
            _ => Value::Null,
        },
        _ => Value::Null,
    }
}
