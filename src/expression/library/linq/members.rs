//! `Enumerable`.

use super::{Query, collect, enumerator, next, tokens};
use crate::expression::heap::{Key, KeyRule, Object, Table};
use crate::expression::library::numbers::{as_decimal, real};
use crate::expression::library::{Members, compare, equals, key, strings};
use crate::expression::machine::{Args, Machine, Outcome, arithmetic};
use crate::expression::syntax::BinaryOperator;
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
fn two(m: &mut Machine<'_>, a: Args<'_>, element: Type, name: &str, make: impl FnOnce(Value, Args<'_>) -> Query) -> Outcome {
    if !a.get(0).is_null() && a.get(1).is_null() {
        return Err(m.argument_null(name));
    }
    query(m, a, element, make)
}

fn running(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
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

pub(super) fn order(m: &mut Machine<'_>, a: Args<'_>, descending: bool, more: bool) -> Outcome {
    if a.get(0).is_null() {
        return Err(m.argument_null("source"));
    }
    let comparer = if a.get(2).is_null() { -1 } else { strings::comparer_rule(m, a.get(2)) };
    let this = (a.get(1).clone(), descending, comparer);
    let query = match (more, a.get(0)) {
        (true, Value::Object(handle)) => match m.heap.get(*handle) {
            Object::Query(_, Query::Order(source, keys)) => {
                let mut keys = keys.clone();
                keys.push(this);
                Query::Order(source.clone(), keys)
            }
            _ => Query::Order(a.get(0).clone(), vec![this]),
        },
        _ => Query::Order(tokens(m, a.get(0)), vec![this]),
    };
    let ty = types::generic("IOrderedEnumerable", &[a.ty(0)]);
    Ok(m.object(Object::Query(ty, query)))
}

pub(super) fn ordered(m: &mut Machine<'_>, source: &Value, keys: &[(Value, bool, i64)]) -> Outcome<Vec<Value>> {
    let mut rows = Vec::new();
    for item in collect(m, source)? {
        let mut row = Vec::new();
        for (selector, ..) in keys {
            row.push(m.call(selector, std::slice::from_ref(&item))?);
        }
        rows.push((row, item));
    }
    m.charge(rows.len() * 8)?;
    // A stable merge sort, whose comparison may throw.
    let mut failed = None;
    rows.sort_by(|one, two| {
        for (index, (_, descending, rule)) in keys.iter().enumerate() {
            if failed.is_some() {
                break;
            }
            let order = match (&one.0[index], &two.0[index], *rule) {
                (Value::Text(one), Value::Text(two), rule) if rule >= 0 => {
                    strings::compare_rule(Some(one.clone()), Some(two.clone()), rule)
                }
                (one, two, _) => match compare(m, one, two) {
                    Ok(order) => order,
                    Err(fault) => {
                        failed = Some(fault);
                        0
                    }
                },
            };
            if order != 0 {
                return if *descending { 0.cmp(&order) } else { order.cmp(&0) };
            }
        }
        std::cmp::Ordering::Equal
    });
    match failed {
        Some(fault) => Err(fault),
        None => Ok(rows.into_iter().map(|row| row.1).collect()),
    }
}

fn group(m: &mut Machine<'_>, a: Args<'_>, element: Option<usize>, result: Option<usize>, comparer: Option<usize>, ty: Type) -> Outcome {
    let at = |index: Option<usize>| index.map(|index| a.get(index).clone());
    let rule = comparer.map_or(KeyRule::Default, |index| rule(m, a.get(index)));
    let grouping = types::generic("IGrouping", &[a.ty(1), ty]);
    query(m, a, grouping, |s, a| Query::Group(s, a.get(1).clone(), at(element), at(result), rule, grouping))
}

/// A lookup: groups that are made at once.
fn lookup(m: &mut Machine<'_>, a: Args<'_>, element: Option<usize>, comparer: Option<usize>, ty: Type) -> Outcome {
    if a.get(0).is_null() {
        return Err(m.argument_null("source"));
    }
    let at = |index: Option<usize>| index.map(|index| a.get(index).clone());
    let rule = comparer.map_or(KeyRule::Default, |index| rule(m, a.get(index)));
    let grouping = types::generic("IGrouping", &[a.ty(1), ty]);
    let source = tokens(m, a.get(0));
    let groups = grouped(m, &Query::Group(source, a.get(1).clone(), at(element), None, rule, grouping))?;
    let ty = types::generic("ILookup", &[a.ty(1), ty]);
    Ok(m.object(Object::Query(ty, Query::Lookup(groups, rule))))
}

#[expect(clippy::mutable_key_type, reason = "a type is compared and hashed by its identity, which never changes")]
pub(super) fn grouped(m: &mut Machine<'_>, query: &Query) -> Outcome<Vec<Value>> {
    let Query::Group(source, selector, element, result, rule, ty) = query else { return Ok(Vec::new()) };
    let mut groups: Vec<(Key, Value, Vec<Value>)> = Vec::new();
    let mut index: std::collections::HashMap<Key, usize> = std::collections::HashMap::new();
    let running = enumerator(m, source)?;
    while let Some(item) = next(m, &running)? {
        m.allocate(24)?;
        let group = m.call(selector, std::slice::from_ref(&item))?;
        let hashed = key(m, &group, *rule)?;
        let item = match element {
            Some(element) => m.call(element, &[item])?,
            None => item,
        };
        match index.get(&hashed) {
            Some(place) => groups[*place].2.push(item),
            None => {
                index.insert(hashed.clone(), groups.len());
                groups.push((hashed, group, vec![item]));
            }
        }
    }
    let mut out = Vec::new();
    for (_, key, list) in groups {
        let inner = items(m, list, known().object);
        out.push(match result {
            Some(result) => m.call(result, &[key, inner])?,
            // A grouping: its key, and a select of nothing over its elements.
            None => m.object(Object::Query(*ty, Query::Group(key, inner, None, None, KeyRule::Default, known().void))),
        });
    }
    Ok(out)
}

fn join(m: &mut Machine<'_>, a: Args<'_>, grouped: bool) -> Outcome {
    let rule = rule(m, a.get(5));
    two(m, a, a.ty(3), "inner", |s, a| {
        Query::Join(s, a.get(1).clone(), a.get(2).clone(), a.get(3).clone(), a.get(4).clone(), grouped, rule)
    })
}

#[expect(clippy::mutable_key_type, reason = "a type is compared and hashed by its identity, which never changes")]
pub(super) fn joined(m: &mut Machine<'_>, query: &Query) -> Outcome<Vec<Value>> {
    let Query::Join(outer, inner, outer_key, inner_key, result, grouped, rule) = query else { return Ok(Vec::new()) };
    let mut index: std::collections::HashMap<Key, Vec<Value>> = std::collections::HashMap::new();
    let mut out = Vec::new();
    // The inner sequence is looked at when there is an outer element, and the others only if there is something to find.
    let running = enumerator(m, outer)?;
    let Some(mut item) = next(m, &running)? else { return Ok(out) };
    let others = enumerator(m, inner)?;
    while let Some(item) = next(m, &others)? {
        m.allocate(24)?;
        let found = m.call(inner_key, std::slice::from_ref(&item))?;
        // What has no key joins nothing.
        if !found.is_null() {
            let hashed = key(m, &found, *rule)?;
            index.entry(hashed).or_default().push(item);
        }
    }
    if index.is_empty() && !grouped {
        return Ok(out);
    }
    loop {
        m.allocate(24)?;
        let found = m.call(outer_key, std::slice::from_ref(&item))?;
        let hashed = key(m, &found, *rule)?;
        let matches = if found.is_null() { None } else { index.get(&hashed).cloned() }.unwrap_or_default();
        if *grouped {
            let list = items(m, matches, known().object);
            out.push(m.call(result, &[item, list])?);
        } else {
            for other in matches {
                out.push(m.call(result, &[item.clone(), other])?);
            }
        }
        match next(m, &running)? {
            Some(more) => item = more,
            None => return Ok(out),
        }
    }
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

/// The numbers to sum: the elements, or what the selector gives.
fn numbers(m: &mut Machine<'_>, a: Args<'_>) -> Outcome<Vec<Value>> {
    let mut out = Vec::new();
    let running = running(m, a)?;
    while let Some(item) = next(m, &running)? {
        m.allocate(24)?;
        out.push(if a.len() > 1 { m.call(a.get(1), &[item])? } else { item });
    }
    Ok(out)
}

/// The result type of the overload that is meant.
fn result_of(a: Args<'_>) -> Type {
    a.types.last().copied().unwrap_or(known().object)
}

fn sum(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    // Nulls count as nothing, also where the result can be null.
    let mut total = Value::default_of(result_of(a).stripped());
    for item in numbers(m, a)?.into_iter().filter(|item| !item.is_null()) {
        total = match arithmetic::binary(BinaryOperator::Add, &total, &item, true) {
            Ok(value) => value,
            Err(error) => return Err(m.arithmetic(error)),
        };
    }
    Ok(total)
}

fn average(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let result = result_of(a);
    let list: Vec<Value> = numbers(m, a)?.into_iter().filter(|item| !item.is_null()).collect();
    let Some(first) = list.first() else {
        return if result.nullable_of().is_some() { Ok(Value::Null) } else { Err(empty(m)) };
    };
    if let Value::Decimal(_) = first {
        let total = list.iter().try_fold(rust_decimal::Decimal::ZERO, |total, item| total.checked_add(as_decimal(item)));
        let Some(total) = total else { return Err(m.arithmetic(arithmetic::Error::DecimalOverflow)) };
        let count = Value::Decimal(rust_decimal::Decimal::from(list.len()));
        return arithmetic::binary(BinaryOperator::Divide, &Value::Decimal(total), &count, true).map_err(|error| m.arithmetic(error));
    }
    if !matches!(first, Value::Single(_) | Value::Double(_)) {
        // Integers are summed as `long`, checked.
        let total = list.iter().try_fold(0i64, |total, item| total.checked_add(item.integer()));
        let Some(total) = total else { return Err(m.arithmetic(arithmetic::Error::Overflow)) };
        return Ok(Value::Double(total as f64 / list.len() as f64));
    }
    let total: f64 = list.iter().map(real).sum();
    let average = total / list.len() as f64;
    Ok(if matches!(first, Value::Single(_)) { Value::Single(average as f32) } else { Value::Double(average) })
}

fn extreme(m: &mut Machine<'_>, a: Args<'_>, wanted: i32) -> Outcome {
    let mut best: Option<Value> = None;
    for item in numbers(m, a)?.into_iter().filter(|item| !item.is_null()) {
        best = Some(match best {
            None => item,
            Some(best) => {
                if compare(m, &item, &best)? * wanted > 0 {
                    item
                } else {
                    best
                }
            }
        });
    }
    match best {
        Some(best) => Ok(best),
        None if result_of(a).is_reference() || result_of(a).nullable_of().is_some() => Ok(Value::Null),
        None => Err(empty(m)),
    }
}
