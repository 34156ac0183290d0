//! Arrays, `List`, `Dictionary`, `HashSet`, `Queue`, `Stack`, and the interfaces that they and the host's maps are seen through.

use super::{Args, Machine, Members, Outcome, equals, host, key, linq, strings};
use crate::expression::heap::Object;
use crate::expression::types;
use crate::expression::value::{Handle, Value};

pub(crate) mod arrays;
mod copying;
pub(crate) mod interfaces;
pub(crate) mod lists;
mod maps;
mod sorting;
pub(crate) mod tables;

pub(super) use copying::{copy_all, part};
pub(super) use maps::{entries, get};
pub(super) use sorting::sort_stable;

use copying::copy;
use maps::{add_to_set, contains_key, copied_table, filled_set, keys, lookup, new_table, put, sized_table, subset, table_rule, try_get};
use sorting::{not_compared, order_by, sort, sort_range, sort_rows};

pub(super) const MEMBERS: Members = &[
    ("List.new()", |m, a| new_list(m, a, "List", Vec::new())),
    ("List.new(int)", |m, a| sized(m, a, "List")),
    ("List.new(IEnumerable<T>)", |m, a| {
        let items = linq::collect(m, a.get(0))?;
        let items = with_room(m, a.get(0), items);
        new_list(m, a, "List", items)
    }),
    ("List.Count", |m, a| length(m, a)),
    ("List.Capacity", |m, a| room(m, a)),
    ("List.Capacity=", |m, a| {
        let length = length(m, a)?.integer();
        match usize::try_from(a.int(1)) {
            Ok(capacity) if i64::from(a.int(1)) >= length => {
                m.allocate(capacity.saturating_mul(24))?;
                change(m, a, |items| {
                    items.shrink_to(capacity);
                    items.reserve_exact(capacity - items.len());
                })?;
                Ok(Value::Null)
            }
            _ => Err(m.out_of_range("value", "capacity was less than the current size.")),
        }
    }),
    ("List.Item", |m, a| item(m, a)),
    ("List.Item=", |m, a| set_item(m, a)),
    ("List.Add", |m, a| add(m, a)),
    ("List.AddRange", |m, a| {
        let more = linq::collect(m, a.get(1))?;
        m.allocate(more.len() * 24)?;
        change(m, a, |items| items.extend(more))?;
        Ok(Value::Null)
    }),
    ("List.Insert", |m, a| {
        let length = linq::collect(m, a.get(0))?.len();
        let Some(index) = usize::try_from(a.int(1)).ok().filter(|index| *index <= length) else {
            return Err(m.out_of_range("index", "Index must be within the bounds of the List."));
        };
        change(m, a, |items| items.insert(index, a.get(2).clone()))?;
        Ok(Value::Null)
    }),
    ("List.InsertRange", |m, a| {
        let length = linq::collect(m, a.get(0))?.len();
        let more = linq::collect(m, a.get(2))?;
        let Some(index) = usize::try_from(a.int(1)).ok().filter(|index| *index <= length) else {
            return Err(m.out_of_range("index", "Index was out of range. Must be non-negative and less than the size of the collection."));
        };
        change(m, a, |items| {
            items.splice(index..index, more);
        })?;
        Ok(Value::Null)
    }),
    ("List.Remove", |m, a| remove(m, a)),
    ("List.RemoveAt", |m, a| {
        let length = linq::collect(m, a.get(0))?.len();
        let Some(index) = usize::try_from(a.int(1)).ok().filter(|index| *index < length) else {
            return Err(m.out_of_range("index", "Index was out of range. Must be non-negative and less than the size of the collection."));
        };
        change(m, a, |items| {
            items.remove(index);
        })?;
        Ok(Value::Null)
    }),
    ("List.RemoveRange", |m, a| {
        let length = linq::collect(m, a.get(0))?.len();
        let (start, count) = strings::range(m, length, a.int(1), a.int(2))?;
        change(m, a, |items| {
            items.drain(start..start + count);
        })?;
        Ok(Value::Null)
    }),
    ("List.RemoveAll", |m, a| {
        let before = linq::collect(m, a.get(0))?;
        let mut kept = Vec::new();
        for item in &before {
            if !m.call(a.get(1), std::slice::from_ref(item))?.truth() {
                kept.push(item.clone());
            }
        }
        let removed = before.len() - kept.len();
        change(m, a, |items| *items = kept)?;
        Ok(Value::size(removed))
    }),
    ("List.Clear()", |m, a| {
        change(m, a, Vec::clear)?;
        Ok(Value::Null)
    }),
    ("List.Contains", |m, a| contains(m, a)),
    ("List.IndexOf(T)", |m, a| index_of(m, a)),
    ("List.Exists", |m, a| find_index(m, a).map(|index| Value::Boolean(index.integer() >= 0))),
    ("List.Find", |m, a| find(m, a, false)),
    ("List.FindLast", |m, a| find(m, a, true)),
    ("List.FindIndex(Predicate<T>)", |m, a| find_index(m, a)),
    ("List.FindAll", |m, a| {
        let mut list = Vec::new();
        for item in linq::collect(m, a.get(0))? {
            if m.call(a.get(1), std::slice::from_ref(&item))?.truth() {
                list.push(item);
            }
        }
        new_list(m, a, "List", list)
    }),
    ("List.TrueForAll", |m, a| {
        for item in linq::collect(m, a.get(0))? {
            if !m.call(a.get(1), &[item])?.truth() {
                return Ok(Value::Boolean(false));
            }
        }
        Ok(Value::Boolean(true))
    }),
    ("List.ForEach", |m, a| {
        for item in linq::collect(m, a.get(0))? {
            m.call(a.get(1), &[item])?;
        }
        Ok(Value::Null)
    }),
    ("List.ConvertAll", |m, a| {
        let mut list = Vec::new();
        for item in linq::collect(m, a.get(0))? {
            list.push(m.call(a.get(1), &[item])?);
        }
        new_list(m, a, "List", list)
    }),
    ("List.Reverse()", |m, a| {
        change(m, a, |items| items.reverse())?;
        Ok(Value::Null)
    }),
    ("List.Sort()", |m, a| sort(m, a)),
    ("List.Sort(Comparison<T>)", |m, a| sort(m, a)),
    ("List.GetRange", |m, a| {
        let items = linq::collect(m, a.get(0))?;
        let (start, count) = part(m, items.len(), a.int(1), a.int(2))?;
        new_list(m, a, "List", items[start..start + count].to_vec())
    }),
    ("List.ToArray()", |m, a| to_array(m, a)),
    ("List.AsReadOnly()", |m, a| {
        let items = linq::collect(m, a.get(0))?;
        new_list(m, a, "ReadOnlyCollection", items)
    }),
    ("ReadOnlyCollection.Count", |m, a| length(m, a)),
    ("ReadOnlyCollection.Item", |m, a| item(m, a)),
    ("ReadOnlyCollection.Contains", |m, a| contains(m, a)),
    ("IList.Item", |m, a| item(m, a)),
    ("IList.Item=", |m, a| set_item(m, a)),
    ("IList.IndexOf", |m, a| index_of(m, a)),
    ("IReadOnlyList.Item", |m, a| item(m, a)),
    ("ICollection.Count", |m, a| length(m, a)),
    ("ICollection.Add", |m, a| add(m, a)),
    ("ICollection.Contains", |m, a| contains(m, a)),
    ("ICollection.Remove", |m, a| remove(m, a)),
    ("ICollection.Clear()", |m, a| clear(m, a)),
    ("IReadOnlyCollection.Count", |m, a| length(m, a)),
    ("Queue.new()", |m, a| new_list(m, a, "Queue", Vec::new())),
    ("Queue.new(int)", |m, a| sized(m, a, "Queue")),
    ("Queue.new(IEnumerable<T>)", |m, a| {
        let items = linq::collect(m, a.get(0))?;
        new_list(m, a, "Queue", items)
    }),
    ("Queue.Count", |m, a| length(m, a)),
    ("Queue.Enqueue", |m, a| add(m, a)),
    ("Queue.Dequeue()", |m, a| end(m, a, "Queue empty.", true, true)),
    ("Queue.Peek()", |m, a| end(m, a, "Queue empty.", true, false)),
    ("Queue.Contains", |m, a| contains(m, a)),
    ("Queue.Clear()", |m, a| clear(m, a)),
    ("Queue.ToArray()", |m, a| to_array(m, a)),
    // The top of a stack is its first element.
    ("Stack.new()", |m, a| new_list(m, a, "Stack", Vec::new())),
    ("Stack.new(int)", |m, a| sized(m, a, "Stack")),
    ("Stack.new(IEnumerable<T>)", |m, a| {
        let mut items = linq::collect(m, a.get(0))?;
        items.reverse();
        new_list(m, a, "Stack", items)
    }),
    ("Stack.Count", |m, a| length(m, a)),
    ("Stack.Push", |m, a| {
        m.allocate(24)?;
        change(m, a, |items| items.insert(0, a.get(1).clone()))?;
        Ok(Value::Null)
    }),
    ("Stack.Pop()", |m, a| end(m, a, "Stack empty.", true, true)),
    ("Stack.Peek()", |m, a| end(m, a, "Stack empty.", true, false)),
    ("Stack.Contains", |m, a| contains(m, a)),
    ("Stack.Clear()", |m, a| clear(m, a)),
    ("Stack.ToArray()", |m, a| to_array(m, a)),
    ("IEnumerable.GetEnumerator()", |m, a| linq::enumerator(m, a.get(0))),
    ("List.GetEnumerator()", |m, a| linq::enumerator(m, a.get(0))),
];

fn handle(m: &mut Machine<'_>, value: &Value) -> Outcome<Handle> {
    match value {
        Value::Object(handle) => Ok(*handle),
        _ => Err(m.null_reference()),
    }
}

fn length(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    if let Value::Host(object) = a.get(0) {
        return Ok(Value::size(m.context.entries(*object).len()));
    }
    let count = match m.object_of(a.get(0))? {
        Object::Array(_, items) | Object::List(_, items) => Some(items.len()),
        Object::Dictionary(_, table) => Some(table.len()),
        _ => None,
    };
    match count {
        Some(count) => Ok(Value::size(count)),
        None => linq::collect(m, a.get(0)).map(|items| Value::size(items.len())),
    }
}

/// Changes the elements of an array or list.
fn change(m: &mut Machine<'_>, a: Args<'_>, work: impl FnOnce(&mut Vec<Value>)) -> Outcome<()> {
    let handle = handle(m, a.get(0))?;
    match m.heap.get_mut(handle) {
        Some(Object::Array(_, items) | Object::List(_, items)) => {
            work(items);
            Ok(())
        }
        _ => Err(m.throw("NotSupportedException", "Collection is read-only.")),
    }
}

fn add(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let own = handle(m, a.get(0))?;
    fixed(m, own)?;
    if matches!(m.object_of(a.get(0))?, Object::Dictionary(..)) {
        return add_to_set(m, a);
    }
    if let Object::Json(_) = m.object_of(a.get(0))?
        && let Some(native) = super::native("JContainer.Add(object)")
    {
        return native(m, a);
    }
    if matches!(m.object_of(a.get(0))?, Object::Array(..)) {
        return Err(m.throw("NotSupportedException", "Collection was of a fixed size."));
    }
    m.allocate(24)?;
    change(m, a, |items| items.push(a.get(1).clone()))?;
    Ok(Value::Null)
}

/// What only shows another collection, or a read-only list, is not changed.
fn fixed(m: &mut Machine<'_>, handle: Handle) -> Outcome<()> {
    let ty = m.heap.type_of(&Value::Object(handle));
    let message = if ty.is("DictionaryKeyCollection") {
        "Mutating a key collection derived from a dictionary is not allowed."
    } else if ty.is("DictionaryValueCollection") {
        "Mutating a value collection derived from a dictionary is not allowed."
    } else if ty.is("ReadOnlyCollection") {
        "Collection is read-only."
    } else {
        return Ok(());
    };
    Err(m.throw("NotSupportedException", message))
}

fn clear(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let handle = handle(m, a.get(0))?;
    fixed(m, handle)?;
    match m.heap.get_mut(handle) {
        Some(Object::List(_, items)) => items.clear(),
        Some(Object::Dictionary(_, table)) => table.clear(),
        _ => return Err(m.throw("NotSupportedException", "Collection is read-only.")),
    }
    Ok(Value::Null)
}

fn item(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let found = match m.object_of(a.get(0))? {
        Object::Array(_, items) | Object::List(_, items) => usize::try_from(a.int(1)).ok().and_then(|index| items.get(index)).cloned(),
        _ => None,
    };
    found.ok_or_else(|| m.out_of_range("index", "Index was out of range. Must be non-negative and less than the size of the collection."))
}

fn set_item(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    item(m, a)?;
    let index = usize::try_from(a.int(1)).unwrap_or(0);
    change(m, a, |items| items[index] = a.get(2).clone())?;
    Ok(Value::Null)
}

fn contains(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    if let Object::Dictionary(_, table) = m.object_of(a.get(0))? {
        let rule = table.rule;
        let hashed = key(m, a.get(1), rule)?;
        return Ok(Value::Boolean(matches!(m.object_of(a.get(0))?, Object::Dictionary(_, table) if table.contains(&hashed))));
    }
    index_of(m, a).map(|index| Value::Boolean(index.integer() >= 0))
}

fn index_of(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    for (index, item) in linq::collect(m, a.get(0))?.iter().enumerate() {
        if equals(m, item, a.get(1))? {
            return Ok(Value::size(index));
        }
    }
    Ok(Value::Int32(-1))
}

fn find(m: &mut Machine<'_>, a: Args<'_>, last: bool) -> Outcome {
    let mut items = linq::collect(m, a.get(0))?;
    if last {
        items.reverse();
    }
    for item in items {
        if m.call(a.get(1), std::slice::from_ref(&item))?.truth() {
            return Ok(item);
        }
    }
    Ok(m.default_value(a.ty(0)))
}

fn find_index(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    for (index, item) in linq::collect(m, a.get(0))?.into_iter().enumerate() {
        if m.call(a.get(1), &[item])?.truth() {
            return Ok(Value::size(index));
        }
    }
    Ok(Value::Int32(-1))
}

/// For how many a list has room. Its vector grows as .NET's list does, which a recorded case holds: doubled, beginning with four.
fn room(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    match m.object_of(a.get(0))? {
        Object::List(_, items) => Ok(Value::size(items.capacity())),
        _ => length(m, a),
    }
}

/// An empty list, queue or stack with room for so many.
fn sized(m: &mut Machine<'_>, a: Args<'_>, name: &str) -> Outcome {
    let Ok(capacity) = usize::try_from(a.int(0)) else { return Err(m.out_of_range("capacity", "Non-negative number required.")) };
    m.allocate(capacity.saturating_mul(24))?;
    new_list(m, a, name, Vec::with_capacity(capacity))
}

/// The elements of a new list with the room that it has: a collection says how many there are, of another sequence one after the other is added.
pub(super) fn with_room(m: &Machine<'_>, source: &Value, mut items: Vec<Value>) -> Vec<Value> {
    let lazy = match source.handle().map(|handle| m.heap.get(handle)) {
        Some(Object::Query(_, query)) => !matches!(query, linq::Query::Items(_) | linq::Query::Lookup(..) | linq::Query::Select(..)),
        _ => false,
    };
    items.shrink_to_fit();
    if lazy && !items.is_empty() {
        items.reserve_exact(items.len().next_power_of_two().max(4) - items.len());
    }
    items
}

fn new_list(m: &mut Machine<'_>, a: Args<'_>, name: &str, items: Vec<Value>) -> Outcome {
    m.allocate(items.len() * 24)?;
    let ty = types::generic(name, &[a.ty(0)]);
    Ok(m.object(Object::List(ty, items)))
}

fn to_array(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let items = linq::collect(m, a.get(0))?;
    m.array(a.ty(0), items)
}

fn end(m: &mut Machine<'_>, a: Args<'_>, message: &str, _first: bool, take: bool) -> Outcome {
    let mut found = None;
    change(m, a, |items| {
        if !items.is_empty() {
            found = Some(if take { items.remove(0) } else { items[0].clone() });
        }
    })?;
    found.ok_or_else(|| m.throw("InvalidOperationException", message))
}

fn remove(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let handle = handle(m, a.get(0))?;
    fixed(m, handle)?;
    if let Object::Dictionary(_, table) = m.heap.get(handle) {
        let rule = table.rule;
        let hashed = key(m, a.get(1), rule)?;
        if let Some(Object::Dictionary(_, table)) = m.heap.get_mut(handle) {
            return Ok(Value::Boolean(table.remove(&hashed).is_some()));
        }
    }
    let index = index_of(m, a)?.integer();
    match usize::try_from(index) {
        Ok(index) => {
            change(m, a, |items| {
                items.remove(index);
            })?;
            Ok(Value::Boolean(true))
        }
        Err(_) => Ok(Value::Boolean(false)),
    }
}
