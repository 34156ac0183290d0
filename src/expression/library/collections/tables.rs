//! The rest of `Dictionary`, `HashSet` and `ISet`.

use super::lists::copied;
use super::{
    add_to_set, clear, contains, contains_key, copied_table, entries, filled_set, handle, keys, length, lookup, new_table, put, remove,
    sized_table, subset, table_rule, try_get,
};
use crate::expression::heap::{KeyRule, Object};
use crate::expression::library::{Members, equals, key, linq, strings};
use crate::expression::machine::{Args, Machine, Outcome};
use crate::expression::value::Value;

pub(in crate::expression::library) const MEMBERS: Members = &[
    ("Dictionary.new()", |m, a| new_table(m, a, "Dictionary", None)),
    ("Dictionary.new(int)", |m, a| sized_table(m, a, "Dictionary", None)),
    ("Dictionary.new(IEqualityComparer<TKey>)", |m, a| new_table(m, a, "Dictionary", Some(0))),
    ("Dictionary.new(int,IEqualityComparer<TKey>)", |m, a| sized_table(m, a, "Dictionary", Some(1))),
    ("Dictionary.new(IDictionary<TKey,TValue>)", |m, a| copied_table(m, a, None)),
    ("Dictionary.new(IDictionary<TKey,TValue>,IEqualityComparer<TKey>)", |m, a| copied_table(m, a, Some(1))),
    ("Dictionary.Count", |m, a| length(m, a)),
    ("Dictionary.Item", |m, a| lookup(m, a)),
    ("Dictionary.Item=", |m, a| put(m, a, false)),
    ("Dictionary.Add(TKey,TValue)", |m, a| put(m, a, true)),
    ("Dictionary.ContainsKey", |m, a| contains_key(m, a)),
    ("Dictionary.ContainsValue", |m, a| {
        for (_, value) in entries(m, a.get(0))? {
            if equals(m, &value, a.get(1))? {
                return Ok(Value::Boolean(true));
            }
        }
        Ok(Value::Boolean(false))
    }),
    ("Dictionary.TryGetValue", |m, a| try_get(m, a)),
    ("Dictionary.Remove(TKey)", |m, a| remove(m, a)),
    ("Dictionary.Clear()", |m, a| clear(m, a)),
    ("Dictionary.Keys", |m, a| keys(m, a, "DictionaryKeyCollection", true)),
    ("Dictionary.Values", |m, a| keys(m, a, "DictionaryValueCollection", false)),
    ("DictionaryKeyCollection.Count", |m, a| length(m, a)),
    ("DictionaryValueCollection.Count", |m, a| length(m, a)),
    ("IDictionary.Item", |m, a| lookup(m, a)),
    ("IDictionary.Item=", |m, a| put(m, a, false)),
    ("IDictionary.Add", |m, a| put(m, a, true)),
    ("IDictionary.ContainsKey", |m, a| contains_key(m, a)),
    ("IDictionary.TryGetValue", |m, a| try_get(m, a)),
    ("IDictionary.Remove", |m, a| remove(m, a)),
    ("IDictionary.Keys", |m, a| keys(m, a, "DictionaryKeyCollection", true)),
    ("IDictionary.Values", |m, a| keys(m, a, "DictionaryValueCollection", false)),
    ("IReadOnlyDictionary.Item", |m, a| lookup(m, a)),
    ("IReadOnlyDictionary.ContainsKey", |m, a| contains_key(m, a)),
    ("IReadOnlyDictionary.TryGetValue", |m, a| try_get(m, a)),
    ("IReadOnlyDictionary.Keys", |m, a| keys(m, a, "DictionaryKeyCollection", true)),
    ("IReadOnlyDictionary.Values", |m, a| keys(m, a, "DictionaryValueCollection", false)),
    ("HashSet.new()", |m, a| new_table(m, a, "HashSet", None)),
    ("HashSet.new(int)", |m, a| sized_table(m, a, "HashSet", None)),
    ("HashSet.new(IEqualityComparer<T>)", |m, a| new_table(m, a, "HashSet", Some(0))),
    ("HashSet.new(IEnumerable<T>)", |m, a| filled_set(m, a, None)),
    ("HashSet.new(IEnumerable<T>,IEqualityComparer<T>)", |m, a| filled_set(m, a, Some(1))),
    ("HashSet.Count", |m, a| length(m, a)),
    ("HashSet.Add", |m, a| add_to_set(m, a)),
    ("ISet.Add", |m, a| add_to_set(m, a)),
    ("HashSet.Contains", |m, a| contains(m, a)),
    ("HashSet.Remove", |m, a| remove(m, a)),
    ("HashSet.Clear()", |m, a| clear(m, a)),
    ("HashSet.UnionWith", |m, a| {
        for item in linq::collect(m, a.get(1))? {
            add_to_set(m, Args { values: &[a.get(0).clone(), item], types: a.types })?;
        }
        Ok(Value::Null)
    }),
    ("HashSet.ExceptWith", |m, a| {
        for item in linq::collect(m, a.get(1))? {
            remove(m, Args { values: &[a.get(0).clone(), item], types: a.types })?;
        }
        Ok(Value::Null)
    }),
    ("HashSet.IntersectWith", |m, a| {
        let others = linq::collect(m, a.get(1))?;
        let rule = table_rule(m, a.get(0));
        let mut wanted = Vec::new();
        for other in &others {
            wanted.push(key(m, other, rule)?);
        }
        for item in linq::collect(m, a.get(0))? {
            if !wanted.contains(&key(m, &item, rule)?) {
                remove(m, Args { values: &[a.get(0).clone(), item], types: a.types })?;
            }
        }
        Ok(Value::Null)
    }),
    ("HashSet.IsSubsetOf", |m, a| subset(m, a.get(0), a.get(1), false)),
    ("HashSet.IsSupersetOf", |m, a| subset(m, a.get(1), a.get(0), false)),
    ("HashSet.Overlaps", |m, a| subset(m, a.get(0), a.get(1), true)),
    ("HashSet.SetEquals", |m, a| {
        let there = subset(m, a.get(0), a.get(1), false)?.truth();
        let back = subset(m, a.get(1), a.get(0), false)?.truth();
        Ok(Value::Boolean(there && back))
    }),
    ("Dictionary.new(IEnumerable<KeyValuePair<TKey,TValue>>)", |m, a| super::copied_table(m, a, None)),
    ("Dictionary.new(IEnumerable<KeyValuePair<TKey,TValue>>,IEqualityComparer<TKey>)", |m, a| super::copied_table(m, a, Some(1))),
    ("Dictionary.Comparer", |m, a| comparer(m, a)),
    ("HashSet.Comparer", |m, a| comparer(m, a)),
    ("Dictionary.EnsureCapacity", |m, a| ensure(m, a)),
    ("HashSet.EnsureCapacity", |m, a| ensure(m, a)),
    ("Dictionary.TrimExcess", |m, a| handle(m, a.get(0)).map(|_| Value::Null)),
    ("HashSet.TrimExcess()", |m, a| handle(m, a.get(0)).map(|_| Value::Null)),
    ("Dictionary.GetEnumerator()", |m, a| linq::enumerator(m, a.get(0))),
    ("HashSet.GetEnumerator()", |m, a| linq::enumerator(m, a.get(0))),
    ("DictionaryKeyCollection.GetEnumerator()", |m, a| linq::enumerator(m, a.get(0))),
    ("DictionaryValueCollection.GetEnumerator()", |m, a| linq::enumerator(m, a.get(0))),
    ("DictionaryKeyCollection.CopyTo", |m, a| copied(m, a)),
    ("DictionaryValueCollection.CopyTo", |m, a| copied(m, a)),
    ("Dictionary.Remove(TKey,TValue)", |m, a| {
        let found = super::get(m, a.get(0), a.get(1))?;
        let there = found.is_some();
        let default = a.types.last().map_or(Value::Null, |ty| m.default_value(*ty));
        m.set_cell(a.get(2), found.unwrap_or(default));
        if there {
            remove(m, a)?;
        }
        Ok(Value::Boolean(there))
    }),
    ("Dictionary.TryAdd", |m, a| {
        if super::get(m, a.get(0), a.get(1))?.is_some() {
            return Ok(Value::Boolean(false));
        }
        put(m, a, true)?;
        Ok(Value::Boolean(true))
    }),
    ("HashSet.new(int,IEqualityComparer<T>)", |m, a| sized_table(m, a, "HashSet", Some(1))),
    ("HashSet.CopyTo(T[])", |m, a| copied(m, a)),
    ("HashSet.CopyTo(T[],int)", |m, a| copied(m, a)),
    ("HashSet.CopyTo(T[],int,int)", |m, a| {
        let items: Vec<Value> = linq::collect(m, a.get(0))?;
        let count = usize::try_from(a.int(3)).unwrap_or(0).min(items.len());
        let part = m.array(a.ty(0), items.into_iter().take(count).collect())?;
        super::copy(m, &part, 0, a.get(1), a.int(2), i32::try_from(count).unwrap_or(0))
    }),
    ("HashSet.IsProperSubsetOf", |m, a| proper(m, a.get(0), a.get(1))),
    ("HashSet.IsProperSupersetOf", |m, a| proper(m, a.get(1), a.get(0))),
    ("ISet.IsProperSubsetOf", |m, a| proper(m, a.get(0), a.get(1))),
    ("ISet.IsProperSupersetOf", |m, a| proper(m, a.get(1), a.get(0))),
    ("HashSet.RemoveWhere", |m, a| {
        let mut count = 0;
        for item in linq::collect(m, a.get(0))? {
            if m.call(a.get(1), std::slice::from_ref(&item))?.truth() {
                remove(m, Args { values: &[a.get(0).clone(), item], types: a.types })?;
                count += 1;
            }
        }
        Ok(Value::Int32(count))
    }),
    ("HashSet.SymmetricExceptWith", |m, a| symmetric(m, a)),
    ("ISet.SymmetricExceptWith", |m, a| symmetric(m, a)),
    ("HashSet.TryGetValue", |m, a| {
        let rule = table_rule(m, a.get(0));
        let wanted = key(m, a.get(1), rule)?;
        for item in linq::collect(m, a.get(0))? {
            if key(m, &item, rule)? == wanted {
                m.set_cell(a.get(2), item);
                return Ok(Value::Boolean(true));
            }
        }
        m.set_cell(a.get(2), Value::default_of(a.ty(0)));
        Ok(Value::Boolean(false))
    }),
    ("ISet.UnionWith", |m, a| same_as(m, a, "HashSet.UnionWith")),
    ("ISet.ExceptWith", |m, a| same_as(m, a, "HashSet.ExceptWith")),
    ("ISet.IntersectWith", |m, a| same_as(m, a, "HashSet.IntersectWith")),
    ("ISet.IsSubsetOf", |m, a| same_as(m, a, "HashSet.IsSubsetOf")),
    ("ISet.IsSupersetOf", |m, a| same_as(m, a, "HashSet.IsSupersetOf")),
    ("ISet.Overlaps", |m, a| same_as(m, a, "HashSet.Overlaps")),
    ("ISet.SetEquals", |m, a| same_as(m, a, "HashSet.SetEquals")),
];

fn same_as(m: &mut Machine<'_>, a: Args<'_>, name: &str) -> Outcome {
    match crate::expression::library::native(name) {
        Some(native) => native(m, a),
        None => Err(m.null_reference()),
    }
}

fn comparer(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    handle(m, a.get(0))?;
    let rule = if table_rule(m, a.get(0)) == KeyRule::IgnoreCase { 5 } else { 4 };
    strings::comparer(m, rule)
}

fn ensure(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let Ok(wanted) = usize::try_from(a.int(1)) else { return Err(m.out_of_range("capacity", "Non-negative number required.")) };
    m.allocate(wanted.saturating_mul(24))?;
    let own = handle(m, a.get(0))?;
    match m.heap.get_mut(own) {
        Some(Object::Dictionary(_, table)) => {
            if table.capacity < wanted {
                table.make_room(wanted);
            }
            Ok(Value::size(table.capacity))
        }
        _ => length(m, a),
    }
}

/// Whether all of `one` is in `two`, and `two` has more.
fn proper(m: &mut Machine<'_>, one: &Value, two: &Value) -> Outcome {
    let inside = subset(m, one, two, false)?.truth();
    let back = subset(m, two, one, false)?.truth();
    Ok(Value::Boolean(inside && !back))
}

fn symmetric(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let others = filled_set(m, Args { values: &[a.get(1).clone()], types: a.types }, None)?;
    for (item, _) in entries(m, &others)? {
        let pair = [a.get(0).clone(), item];
        let pair = Args { values: &pair, types: a.types };
        if !remove(m, pair)?.truth() {
            add_to_set(m, pair)?;
        }
    }
    if matches!(m.object_of(a.get(0))?, Object::Dictionary(..)) { Ok(Value::Null) } else { Err(m.null_reference()) }
}
