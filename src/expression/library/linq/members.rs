//! `Enumerable`.

use super::groups::{group, join, lookup};
use super::orders::order;
use super::totals::{average, extreme, sum};
use super::{Query, collect, enumerator, next, tokens};
use crate::expression::heap::{KeyRule, Object, Table};
use crate::expression::library::{Members, equals, key, strings};
use crate::expression::machine::{Args, Machine, Outcome};
use crate::expression::types::{self, Type, known};
use crate::expression::value::Value;

pub(crate) const MEMBERS: Members = &[
    ("Enumerable.Select(IEnumerable<TSource>,Func<TSource,TResult>)", |m, a| {
        query(m, a, a.ty(1), |s, a| Query::Select(s, a.get(1).clone(), false))
    }),
    ("Enumerable.Select(IEnumerable<TSource>,Func<TSource,int,TResult>)", |m, a| {
        query(m, a, a.ty(1), |s, a| Query::Select(s, a.get(1).clone(), true))
    }),
    ("Enumerable.Where(IEnumerable<TSource>,Func<TSource,bool>)", |m, a| {
        query(m, a, a.ty(0), |s, a| Query::Where(s, a.get(1).clone(), false))
    }),
    ("Enumerable.Where(IEnumerable<TSource>,Func<TSource,int,bool>)", |m, a| {
        query(m, a, a.ty(0), |s, a| Query::Where(s, a.get(1).clone(), true))
    }),
    ("Enumerable.SelectMany(IEnumerable<TSource>,Func<TSource,IEnumerable<TResult>>)", |m, a| {
        query(m, a, a.ty(1), |s, a| Query::SelectMany(s, a.get(1).clone(), false, None))
    }),
    ("Enumerable.SelectMany(IEnumerable<TSource>,Func<TSource,int,IEnumerable<TResult>>)", |m, a| {
        query(m, a, a.ty(1), |s, a| Query::SelectMany(s, a.get(1).clone(), true, None))
    }),
    ("Enumerable.SelectMany(IEnumerable<TSource>,Func<TSource,IEnumerable<TCollection>>,Func<TSource,TCollection,TResult>)", |m, a| {
        query(m, a, a.ty(2), |s, a| Query::SelectMany(s, a.get(1).clone(), false, Some(a.get(2).clone())))
    }),
    ("Enumerable.SelectMany(IEnumerable<TSource>,Func<TSource,int,IEnumerable<TCollection>>,Func<TSource,TCollection,TResult>)", |m, a| {
        query(m, a, a.ty(2), |s, a| Query::SelectMany(s, a.get(1).clone(), true, Some(a.get(2).clone())))
    }),
    ("Enumerable.Take(IEnumerable<TSource>,int)", |m, a| {
        query(m, a, a.ty(0), |s, a| Query::Take(s, usize::try_from(a.int(1)).unwrap_or(0)))
    }),
    ("Enumerable.Skip(IEnumerable<TSource>,int)", |m, a| {
        query(m, a, a.ty(0), |s, a| Query::Skip(s, usize::try_from(a.int(1)).unwrap_or(0)))
    }),
    ("Enumerable.TakeWhile(IEnumerable<TSource>,Func<TSource,bool>)", |m, a| {
        query(m, a, a.ty(0), |s, a| Query::TakeWhile(s, a.get(1).clone(), false))
    }),
    ("Enumerable.TakeWhile(IEnumerable<TSource>,Func<TSource,int,bool>)", |m, a| {
        query(m, a, a.ty(0), |s, a| Query::TakeWhile(s, a.get(1).clone(), true))
    }),
    ("Enumerable.SkipWhile(IEnumerable<TSource>,Func<TSource,bool>)", |m, a| {
        query(m, a, a.ty(0), |s, a| Query::SkipWhile(s, a.get(1).clone(), false))
    }),
    ("Enumerable.SkipWhile(IEnumerable<TSource>,Func<TSource,int,bool>)", |m, a| {
        query(m, a, a.ty(0), |s, a| Query::SkipWhile(s, a.get(1).clone(), true))
    }),
    ("Enumerable.Concat", |m, a| two(m, a, a.ty(0), "second", |s, a| Query::Concat(s, a.get(1).clone()))),
    ("Enumerable.Append", |m, a| {
        if a.get(0).is_null() {
            return Err(m.argument_null("source"));
        }
        let last = items(m, vec![a.get(1).clone()], a.ty(0));
        let source = tokens(m, a.get(0));
        Ok(m.object(Object::Query(types::enumerable(a.ty(0)), Query::Concat(source, last))))
    }),
    ("Enumerable.Prepend", |m, a| {
        if a.get(0).is_null() {
            return Err(m.argument_null("source"));
        }
        let first = items(m, vec![a.get(1).clone()], a.ty(0));
        let source = tokens(m, a.get(0));
        Ok(m.object(Object::Query(types::enumerable(a.ty(0)), Query::Concat(first, source))))
    }),
    ("Enumerable.Zip(IEnumerable<TFirst>,IEnumerable<TSecond>,Func<TFirst,TSecond,TResult>)", |m, a| {
        two(m, a, a.ty(2), "second", |s, a| Query::Zip(s, a.get(1).clone(), a.get(2).clone()))
    }),
    ("Enumerable.Distinct", |m, a| {
        let rule = rule(m, a.get(1));
        query(m, a, a.ty(0), |s, _| Query::Distinct(s, None, rule, Vec::new()))
    }),
    ("Enumerable.Union", |m, a| {
        let rule = rule(m, a.get(2));
        two(m, a, a.ty(0), "second", |s, a| Query::Distinct(s, None, rule, vec![a.get(1).clone()]))
    }),
    ("Enumerable.Intersect", |m, a| {
        let rule = rule(m, a.get(2));
        two(m, a, a.ty(0), "second", |s, a| Query::Filter(s, a.get(1).clone(), None, true, rule))
    }),
    ("Enumerable.Except", |m, a| {
        let rule = rule(m, a.get(2));
        two(m, a, a.ty(0), "second", |s, a| Query::Filter(s, a.get(1).clone(), None, false, rule))
    }),
    ("Enumerable.Cast", |m, a| query(m, a, a.ty(0), |s, a| Query::Cast(s, a.ty(0), false))),
    ("Enumerable.OfType", |m, a| query(m, a, a.ty(0), |s, a| Query::Cast(s, a.ty(0), true))),
    ("Enumerable.DefaultIfEmpty(IEnumerable<TSource>)", |m, a| {
        let default = m.default_value(a.ty(0));
        query(m, a, a.ty(0), |s, _| Query::DefaultIfEmpty(s, default))
    }),
    ("Enumerable.DefaultIfEmpty(IEnumerable<TSource>,TSource)", |m, a| {
        query(m, a, a.ty(0), |s, a| Query::DefaultIfEmpty(s, a.get(1).clone()))
    }),
    ("Enumerable.Reverse", |m, a| query(m, a, a.ty(0), |s, _| Query::Reverse(s))),
    ("Enumerable.AsEnumerable", |_, a| Ok(a.get(0).clone())),
    ("Enumerable.OrderBy", |m, a| order(m, a, false, false)),
    ("Enumerable.OrderByDescending", |m, a| order(m, a, true, false)),
    ("Enumerable.ThenBy", |m, a| order(m, a, false, true)),
    ("Enumerable.ThenByDescending", |m, a| order(m, a, true, true)),
    ("Enumerable.GroupBy(IEnumerable<TSource>,Func<TSource,TKey>)", |m, a| group(m, a, None, None, None, a.ty(0))),
    ("Enumerable.GroupBy(IEnumerable<TSource>,Func<TSource,TKey>,IEqualityComparer<TKey>)", |m, a| {
        group(m, a, None, None, Some(2), a.ty(0))
    }),
    ("Enumerable.GroupBy(IEnumerable<TSource>,Func<TSource,TKey>,Func<TSource,TElement>)", |m, a| {
        group(m, a, Some(2), None, None, a.ty(2))
    }),
    ("Enumerable.GroupBy(IEnumerable<TSource>,Func<TSource,TKey>,Func<TKey,IEnumerable<TSource>,TResult>)", |m, a| {
        group(m, a, None, Some(2), None, a.ty(0))
    }),
    (
        "Enumerable.GroupBy(IEnumerable<TSource>,Func<TSource,TKey>,Func<TSource,TElement>,Func<TKey,IEnumerable<TElement>,TResult>)",
        |m, a| group(m, a, Some(2), Some(3), None, a.ty(2)),
    ),
    ("Enumerable.GroupBy(IEnumerable<TSource>,Func<TSource,TKey>,Func<TSource,TElement>,IEqualityComparer<TKey>)", |m, a| {
        group(m, a, Some(2), None, Some(3), a.ty(2))
    }),
    (
        "Enumerable.GroupBy(IEnumerable<TSource>,Func<TSource,TKey>,Func<TKey,IEnumerable<TSource>,TResult>,IEqualityComparer<TKey>)",
        |m, a| group(m, a, None, Some(2), Some(3), a.ty(0)),
    ),
    (
        "Enumerable.GroupBy(IEnumerable<TSource>,Func<TSource,TKey>,Func<TSource,TElement>,Func<TKey,IEnumerable<TElement>,TResult>,IEqualityComparer<TKey>)",
        |m, a| group(m, a, Some(2), Some(3), Some(4), a.ty(2)),
    ),
    ("Enumerable.ToLookup(IEnumerable<TSource>,Func<TSource,TKey>,IEqualityComparer<TKey>)", |m, a| lookup(m, a, None, Some(2), a.ty(0))),
    ("Enumerable.ToLookup(IEnumerable<TSource>,Func<TSource,TKey>,Func<TSource,TElement>)", |m, a| lookup(m, a, Some(2), None, a.ty(2))),
    ("Enumerable.ToLookup(IEnumerable<TSource>,Func<TSource,TKey>,Func<TSource,TElement>,IEqualityComparer<TKey>)", |m, a| {
        lookup(m, a, Some(2), Some(3), a.ty(2))
    }),
    ("Enumerable.ToLookup(IEnumerable<TSource>,Func<TSource,TKey>)", |m, a| lookup(m, a, None, None, a.ty(0))),
    ("Enumerable.Join(IEnumerable<TOuter>,IEnumerable<TInner>,Func<TOuter,TKey>,Func<TInner,TKey>,Func<TOuter,TInner,TResult>)", |m, a| {
        join(m, a, false)
    }),
    (
        "Enumerable.Join(IEnumerable<TOuter>,IEnumerable<TInner>,Func<TOuter,TKey>,Func<TInner,TKey>,Func<TOuter,TInner,TResult>,IEqualityComparer<TKey>)",
        |m, a| join(m, a, false),
    ),
    (
        "Enumerable.GroupJoin(IEnumerable<TOuter>,IEnumerable<TInner>,Func<TOuter,TKey>,Func<TInner,TKey>,Func<TOuter,IEnumerable<TInner>,TResult>,IEqualityComparer<TKey>)",
        |m, a| join(m, a, true),
    ),
    (
        "Enumerable.GroupJoin(IEnumerable<TOuter>,IEnumerable<TInner>,Func<TOuter,TKey>,Func<TInner,TKey>,Func<TOuter,IEnumerable<TInner>,TResult>)",
        |m, a| join(m, a, true),
    ),
    ("IGrouping.Key", |m, a| match m.object_of(a.get(0))? {
        Object::Query(_, Query::Group(key, ..)) => Ok(key.clone()),
        Object::List(_, _) => Err(m.null_reference()),
        _ => Err(m.null_reference()),
    }),
    ("Enumerable.First", |m, a| pick(m, a, true, false)),
    ("Enumerable.FirstOrDefault", |m, a| pick(m, a, true, true)),
    ("Enumerable.Last", |m, a| pick(m, a, false, false)),
    ("Enumerable.LastOrDefault", |m, a| pick(m, a, false, true)),
    ("Enumerable.Single", |m, a| single(m, a, false)),
    ("Enumerable.SingleOrDefault", |m, a| single(m, a, true)),
    ("Enumerable.ElementAt(IEnumerable<TSource>,int)", |m, a| {
        let list = list(m, a)?;
        match usize::try_from(a.int(1)).ok().and_then(|index| list.get(index)) {
            Some(item) => Ok(item.clone()),
            None => Err(m.out_of_range("index", "Index was out of range. Must be non-negative and less than the size of the collection.")),
        }
    }),
    ("Enumerable.ElementAtOrDefault(IEnumerable<TSource>,int)", |m, a| {
        let list = list(m, a)?;
        match usize::try_from(a.int(1)).ok().and_then(|index| list.get(index)) {
            Some(item) => Ok(item.clone()),
            None => Ok(m.default_value(a.ty(0))),
        }
    }),
    ("Enumerable.Any", |m, a| {
        let running = running(m, a)?;
        while let Some(item) = next(m, &running)? {
            if a.len() == 1 || m.call(a.get(1), &[item])?.truth() {
                return Ok(Value::Boolean(true));
            }
        }
        Ok(Value::Boolean(false))
    }),
    ("Enumerable.All", |m, a| {
        let running = running(m, a)?;
        while let Some(item) = next(m, &running)? {
            if !m.call(a.get(1), &[item])?.truth() {
                return Ok(Value::Boolean(false));
            }
        }
        Ok(Value::Boolean(true))
    }),
    ("Enumerable.Count", |m, a| counted(m, a).map(|count| Value::Int32(count as i32))),
    ("Enumerable.LongCount", |m, a| counted(m, a).map(Value::Int64)),
    ("Enumerable.Contains", |m, a| {
        let rule = rule(m, a.get(2));
        for item in list(m, a)? {
            let same =
                if rule == KeyRule::IgnoreCase { key(m, &item, rule)? == key(m, a.get(1), rule)? } else { equals(m, &item, a.get(1))? };
            if same {
                return Ok(Value::Boolean(true));
            }
        }
        Ok(Value::Boolean(false))
    }),
    ("Enumerable.SequenceEqual", |m, a| {
        let rule = rule(m, a.get(2));
        let (one, two) = (list(m, a)?, collect(m, a.get(1))?);
        if one.len() != two.len() {
            return Ok(Value::Boolean(false));
        }
        for (one, two) in one.iter().zip(&two) {
            let same = if rule == KeyRule::IgnoreCase { key(m, one, rule)? == key(m, two, rule)? } else { equals(m, one, two)? };
            if !same {
                return Ok(Value::Boolean(false));
            }
        }
        Ok(Value::Boolean(true))
    }),
    ("Enumerable.ToArray", |m, a| {
        let list = list(m, a)?;
        m.array(a.ty(0), list)
    }),
    ("Enumerable.ToList", |m, a| {
        let list = list(m, a)?;
        let list = crate::expression::library::collections::with_room(m, a.get(0), list);
        m.allocate(list.len() * 24)?;
        let ty = types::generic("List", &[a.ty(0)]);
        Ok(m.object(Object::List(ty, list)))
    }),
    ("Enumerable.ToHashSet", |m, a| {
        let rule = rule(m, a.get(1));
        let mut table = Table::new(rule);
        for item in list(m, a)? {
            let hashed = key(m, &item, rule)?;
            if !table.contains(&hashed) {
                table.set(hashed, item, Value::Null);
            }
        }
        let ty = types::generic("HashSet", &[a.ty(0)]);
        Ok(m.object(Object::Dictionary(ty, table)))
    }),
    ("Enumerable.ToDictionary(IEnumerable<TSource>,Func<TSource,TKey>)", |m, a| dictionary(m, a, None, None)),
    ("Enumerable.ToDictionary(IEnumerable<TSource>,Func<TSource,TKey>,IEqualityComparer<TKey>)", |m, a| dictionary(m, a, None, Some(2))),
    ("Enumerable.ToDictionary(IEnumerable<TSource>,Func<TSource,TKey>,Func<TSource,TElement>)", |m, a| dictionary(m, a, Some(2), None)),
    ("Enumerable.ToDictionary(IEnumerable<TSource>,Func<TSource,TKey>,Func<TSource,TElement>,IEqualityComparer<TKey>)", |m, a| {
        dictionary(m, a, Some(2), Some(3))
    }),
    ("Enumerable.Aggregate(IEnumerable<TSource>,Func<TSource,TSource,TSource>)", |m, a| {
        let running = running(m, a)?;
        let Some(mut sum) = next(m, &running)? else { return Err(empty(m)) };
        while let Some(item) = next(m, &running)? {
            sum = m.call(a.get(1), &[sum, item])?;
        }
        Ok(sum)
    }),
    ("Enumerable.Aggregate", |m, a| {
        let mut sum = a.get(1).clone();
        let running = running(m, a)?;
        while let Some(item) = next(m, &running)? {
            sum = m.call(a.get(2), &[sum, item])?;
        }
        if a.len() > 3 { m.call(a.get(3), &[sum]) } else { Ok(sum) }
    }),
    ("Enumerable.Sum", |m, a| sum(m, a)),
    ("Enumerable.Average", |m, a| average(m, a)),
    ("Enumerable.Max", |m, a| extreme(m, a, 1)),
    ("Enumerable.Min", |m, a| extreme(m, a, -1)),
    ("Enumerable.Range", |m, a| {
        let Ok(count) = usize::try_from(a.int(1)) else {
            return Err(
                m.throw("ArgumentOutOfRangeException", "Specified argument was out of the range of valid values.\nParameter name: count")
            );
        };
        m.allocate(count * 24)?;
        let start = a.int(0);
        let list = (0..count).map(|index| Value::Int32(start.wrapping_add(index as i32))).collect();
        Ok(items(m, list, known().int32))
    }),
    ("Enumerable.Repeat", |m, a| {
        let Ok(count) = usize::try_from(a.int(1)) else {
            return Err(
                m.throw("ArgumentOutOfRangeException", "Specified argument was out of the range of valid values.\nParameter name: count")
            );
        };
        m.allocate(count * 24)?;
        let list = vec![a.get(0).clone(); count];
        Ok(items(m, list, a.ty(0)))
    }),
    // The empty sequence is an array.
    ("Enumerable.Empty", |m, a| m.array(a.ty(0), Vec::new())),
];

pub(super) fn items(m: &mut Machine<'_>, list: Vec<Value>, element: Type) -> Value {
    m.object(Object::Query(types::enumerable(element), Query::Items(list)))
}

pub(super) fn query(m: &mut Machine<'_>, a: Args<'_>, element: Type, make: impl FnOnce(Value, Args<'_>) -> Query) -> Outcome {
    if a.get(0).is_null() {
        return Err(m.argument_null("source"));
    }
    let source = tokens(m, a.get(0));
    let query = make(source, a);
    Ok(m.object(Object::Query(types::enumerable(element), query)))
}

/// As [`query`], of two sequences.
pub(super) fn two(m: &mut Machine<'_>, a: Args<'_>, element: Type, name: &str, make: impl FnOnce(Value, Args<'_>) -> Query) -> Outcome {
    if !a.get(0).is_null() && a.get(1).is_null() {
        return Err(m.argument_null(name));
    }
    query(m, a, element, make)
}

pub(super) fn running(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    if a.get(0).is_null() {
        return Err(m.argument_null("source"));
    }
    let source = as_static(m, a);
    enumerator(m, &source)
}

/// A `JObject` as the sequence that its generic argument says.
fn as_static(m: &mut Machine<'_>, a: Args<'_>) -> Value {
    if a.types.first().is_some_and(|ty| ty.is("KeyValuePair")) { a.get(0).clone() } else { tokens(m, a.get(0)) }
}

pub(super) fn list(m: &mut Machine<'_>, a: Args<'_>) -> Outcome<Vec<Value>> {
    let source = as_static(m, a);
    collect(m, &source)
}

pub(super) fn rule(m: &Machine<'_>, comparer: &Value) -> KeyRule {
    if !comparer.is_null() && strings::ignores_case(strings::comparer_rule(m, comparer)) { KeyRule::IgnoreCase } else { KeyRule::Default }
}

pub(super) fn empty(m: &mut Machine<'_>) -> crate::expression::machine::Fault {
    m.throw("InvalidOperationException", "Sequence contains no elements")
}

fn is_function(m: &Machine<'_>, value: &Value) -> bool {
    matches!(value, Value::Object(handle) if matches!(m.heap.get(*handle), Object::Closure(..)))
}

fn pick(m: &mut Machine<'_>, a: Args<'_>, first: bool, default: bool) -> Outcome {
    let filter = is_function(m, a.get(1));
    let mut found = None;
    let running = running(m, a)?;
    while let Some(item) = next(m, &running)? {
        if !filter || m.call(a.get(1), std::slice::from_ref(&item))?.truth() {
            found = Some(item);
            if first {
                break;
            }
        }
    }
    match found {
        Some(item) => Ok(item),
        None if default => Ok(match a.values.last() {
            Some(last) if a.len() > 1 + usize::from(filter) => last.clone(),
            _ => m.default_value(a.ty(0)),
        }),
        None if filter => Err(m.throw("InvalidOperationException", "Sequence contains no matching element")),
        None => Err(empty(m)),
    }
}

fn single(m: &mut Machine<'_>, a: Args<'_>, default: bool) -> Outcome {
    let filter = is_function(m, a.get(1));
    let mut found = None;
    let running = running(m, a)?;
    while let Some(item) = next(m, &running)? {
        if !filter || m.call(a.get(1), std::slice::from_ref(&item))?.truth() {
            if found.is_some() {
                let message =
                    if filter { "Sequence contains more than one matching element" } else { "Sequence contains more than one element" };
                return Err(m.throw("InvalidOperationException", message));
            }
            found = Some(item);
        }
    }
    match found {
        Some(item) => Ok(item),
        None if default => Ok(m.default_value(a.ty(0))),
        None if filter => Err(m.throw("InvalidOperationException", "Sequence contains no matching element")),
        None => Err(empty(m)),
    }
}

fn counted(m: &mut Machine<'_>, a: Args<'_>) -> Outcome<i64> {
    let mut count = 0;
    let running = running(m, a)?;
    while let Some(item) = next(m, &running)? {
        if a.len() == 1 || m.call(a.get(1), &[item])?.truth() {
            count += 1;
        }
    }
    Ok(count)
}

fn dictionary(m: &mut Machine<'_>, a: Args<'_>, element: Option<usize>, comparer: Option<usize>) -> Outcome {
    let rule = comparer.map_or(KeyRule::Default, |index| rule(m, a.get(index)));
    let mut table = Table::new(rule);
    let running = running(m, a)?;
    while let Some(item) = next(m, &running)? {
        let name = m.call(a.get(1), std::slice::from_ref(&item))?;
        if name.is_null() {
            return Err(m.argument_null("key"));
        }
        let hashed = key(m, &name, rule)?;
        if table.contains(&hashed) {
            let text = crate::expression::library::to_text(m, &name)?.to_str().into_owned();
            return Err(m.throw("ArgumentException", &format!("An item with the same key has already been added. Key: {text}")));
        }
        let value = match element {
            Some(index) => m.call(a.get(index), &[item])?,
            None => item,
        };
        table.set(hashed, name, value);
    }
    let value = if element.is_some() { a.ty(2) } else { a.ty(0) };
    let ty = types::generic("Dictionary", &[a.ty(1), value]);
    Ok(m.object(Object::Dictionary(ty, table)))
}
