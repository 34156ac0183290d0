//! Members of `Enumerable` that are younger than .NET Framework, and what lookups and ordered sequences show.

use super::members::{empty, items, list, query, rule};
use super::{Query, collect, enumerator, tokens};
use crate::expression::heap::{KeyRule, Object, Table};
use crate::expression::library::{Members, compare, key};
use crate::expression::machine::{Args, Machine, Outcome};
use crate::expression::types::{self, known};
use crate::expression::value::Value;

pub(crate) const MEMBERS: Members = &[
    ("Enumerable.Chunk", |m, a| {
        let Some(size) = usize::try_from(a.int(1)).ok().filter(|size| *size > 0) else {
            return Err(m.out_of_range("size", "Specified argument was out of the range of valid values."));
        };
        let mut parts = Vec::new();
        for part in list(m, a)?.chunks(size) {
            parts.push(m.array(a.ty(0), part.to_vec())?);
        }
        Ok(items(m, parts, types::array(a.ty(0))))
    }),
    ("Enumerable.DistinctBy", |m, a| {
        let rule = rule(m, a.get(2));
        query(m, a, a.ty(0), |s, a| Query::Distinct(s, Some(a.get(1).clone()), rule, Vec::new()))
    }),
    ("Enumerable.UnionBy", |m, a| {
        let rule = rule(m, a.get(3));
        query(m, a, a.ty(0), |s, a| Query::Distinct(s, Some(a.get(2).clone()), rule, vec![a.get(1).clone()]))
    }),
    ("Enumerable.ExceptBy", |m, a| {
        let rule = rule(m, a.get(3));
        query(m, a, a.ty(0), |s, a| Query::Filter(s, a.get(1).clone(), Some(a.get(2).clone()), false, rule))
    }),
    ("Enumerable.IntersectBy", |m, a| {
        let rule = rule(m, a.get(3));
        query(m, a, a.ty(0), |s, a| Query::Filter(s, a.get(1).clone(), Some(a.get(2).clone()), true, rule))
    }),
    ("Enumerable.MaxBy", |m, a| extreme(m, a, 1)),
    ("Enumerable.MinBy", |m, a| extreme(m, a, -1)),
    ("Enumerable.Order", |m, a| ordered(m, a, false)),
    ("Enumerable.OrderDescending", |m, a| ordered(m, a, true)),
    ("Enumerable.SkipLast", |m, a| {
        let mut list = list(m, a)?;
        list.truncate(list.len().saturating_sub(usize::try_from(a.int(1)).unwrap_or(0)));
        Ok(items(m, list, a.ty(0)))
    }),
    ("Enumerable.TakeLast", |m, a| {
        let list = list(m, a)?;
        let from = list.len().saturating_sub(usize::try_from(a.int(1)).unwrap_or(0));
        Ok(items(m, list[from..].to_vec(), a.ty(0)))
    }),
    ("Enumerable.TryGetNonEnumeratedCount", |m, a| {
        if a.get(0).is_null() {
            return Err(m.argument_null("source"));
        }
        let lazy = matches!(a.get(0), Value::Object(handle) if matches!(m.heap.get(*handle), Object::Query(_, query) if !matches!(query, Query::Items(_))));
        let count = if lazy { 0 } else { collect(m, a.get(0))?.len() };
        m.set_cell(a.get(1), Value::size(count));
        Ok(Value::Boolean(!lazy))
    }),
    ("Enumerable.ToDictionary(IEnumerable<KeyValuePair<TKey,TValue>>)", |m, a| from_pairs(m, a)),
    ("Enumerable.ToDictionary(IEnumerable<KeyValuePair<TKey,TValue>>,IEqualityComparer<TKey>)", |m, a| from_pairs(m, a)),
    ("ILookup.Count", |m, a| collect(m, a.get(0)).map(|groups| Value::size(groups.len()))),
    ("ILookup.Contains", |m, a| group_of(m, a).map(|found| Value::Boolean(found.is_some()))),
    ("ILookup.Item", |m, a| match group_of(m, a)? {
        Some(found) => Ok(found),
        // The empty sequence is an array.
        None => m.array(a.types.get(1).copied().unwrap_or(known().object), Vec::new()),
    }),
    ("IOrderedEnumerable.CreateOrderedEnumerable", |m, a| super::orders::order(m, a, a.truth(3), true)),
    ("JEnumerable.GetEnumerator()", |m, a| {
        let source = tokens(m, a.get(0));
        enumerator(m, &source)
    }),
];

fn extreme(m: &mut Machine<'_>, a: Args<'_>, wanted: i32) -> Outcome {
    let mut best: Option<(Value, Value)> = None;
    for item in list(m, a)? {
        let found = m.call(a.get(1), std::slice::from_ref(&item))?;
        let better = match &best {
            None => true,
            Some((_, known)) if known.is_null() => !found.is_null(),
            Some((_, known)) => !found.is_null() && compare(m, &found, known)? * wanted > 0,
        };
        if better {
            best = Some((item, found));
        }
    }
    match best {
        Some((item, _)) => Ok(item),
        None if a.ty(0).is_reference() => Ok(Value::Null),
        None => Err(empty(m)),
    }
}

/// In the order of the elements themselves.
fn ordered(m: &mut Machine<'_>, a: Args<'_>, descending: bool) -> Outcome {
    let items_now = list(m, a)?;
    let source = m.array(known().object, items_now)?;
    crate::expression::library::collections::sort_stable(m, &source, a.get(1), descending)?;
    let sorted = collect(m, &source)?;
    Ok(items(m, sorted, a.ty(0)))
}

fn from_pairs(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let rule = rule(m, a.get(1));
    let mut table = Table::new(rule);
    for (name, value) in crate::expression::library::collections::entries(m, a.get(0))? {
        if name.is_null() {
            return Err(m.argument_null("key"));
        }
        let hashed = key(m, &name, rule)?;
        if table.contains(&hashed) {
            let text = crate::expression::library::to_text(m, &name)?.to_str().into_owned();
            return Err(m.throw("ArgumentException", &format!("An item with the same key has already been added. Key: {text}")));
        }
        m.allocate(64)?;
        table.set(hashed, name, value);
    }
    let ty = types::generic("Dictionary", &[a.ty(0), a.ty(1)]);
    Ok(m.object(Object::Dictionary(ty, table)))
}

/// The group of a key in a lookup.
fn group_of(m: &mut Machine<'_>, a: Args<'_>) -> Outcome<Option<Value>> {
    let rule = match m.object_of(a.get(0))? {
        Object::Query(_, Query::Lookup(_, rule)) => *rule,
        _ => KeyRule::Default,
    };
    let wanted = key(m, a.get(1), rule)?;
    for found in collect(m, a.get(0))? {
        let own = match m.object_of(&found)? {
            Object::Query(_, Query::Group(key, ..)) => key.clone(),
            _ => Value::Null,
        };
        if key(m, &own, rule)? == wanted {
            return Ok(Some(found));
        }
    }
    Ok(None)
}
