//! Arrays, `List`, `Dictionary`, `HashSet`, `Queue`, `Stack`, and the interfaces that they and the host's maps are seen through.

use super::{Args, Machine, Members, Outcome, compare, equals, host, key, linq, strings, to_text};
use crate::expression::heap::{KeyRule, Object, Table};
use crate::expression::types;
use crate::expression::value::{Handle, Value};

pub(crate) mod arrays;
pub(crate) mod interfaces;
pub(crate) mod lists;
pub(crate) mod tables;

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

fn subset(m: &mut Machine<'_>, one: &Value, two: &Value, any: bool) -> Outcome {
    let rule = table_rule(m, one);
    let mut wanted = Vec::new();
    for other in linq::collect(m, two)? {
        wanted.push(key(m, &other, rule)?);
    }
    for item in linq::collect(m, one)? {
        let hashed = key(m, &item, rule)?;
        m.charge(wanted.len() / 8)?;
        if wanted.contains(&hashed) == any {
            return Ok(Value::Boolean(any));
        }
    }
    Ok(Value::Boolean(!any))
}

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

fn sort(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    sort_range(m, a.get(0), None, a.get(1))
}

/// How two values stand: by a delegate, by a comparer of strings, or by their own order.
fn order_by(m: &mut Machine<'_>, comparer: &Value, one: &Value, two: &Value) -> Outcome<i32> {
    let rule = match comparer {
        Value::Null => return compare(m, one, two),
        Value::Object(handle) => match m.heap.get(*handle) {
            Object::Closure(..) => return m.call(comparer, &[one.clone(), two.clone()]).map(|order| order.integer() as i32),
            Object::Opaque(ty, _) if ty.is("XNodeDocumentOrderComparer") => return super::xml::members::document_order(m, one, two),
            _ => strings::comparer_rule(m, comparer),
        },
        _ => 0,
    };
    match (one, two) {
        (Value::Text(_) | Value::Null, Value::Text(_) | Value::Null) => {
            let text = |value: &Value| if let Value::Text(text) = value { Some(std::sync::Arc::clone(text)) } else { None };
            Ok(strings::compare_rule(text(one), text(two), rule))
        }
        _ => compare(m, one, two),
    }
}

/// Sorts rows by their first value, as far as exceptions of the comparison let it.
fn sort_rows(m: &mut Machine<'_>, rows: &mut [(Value, Value)], comparer: &Value) -> Outcome<()> {
    m.charge(rows.len() * 8)?;
    let mut failed = None;
    rows.sort_by(|one, two| {
        if failed.is_some() {
            return std::cmp::Ordering::Equal;
        }
        match order_by(m, comparer, &one.0, &two.0) {
            Ok(order) => order.cmp(&0),
            Err(fault) => {
                failed = Some(fault);
                std::cmp::Ordering::Equal
            }
        }
    });
    match failed {
        Some(fault) => Err(not_compared(m, fault)),
        None => Ok(()),
    }
}

/// What a comparison throws while it sorts or searches is wrapped, as .NET does.
fn not_compared(m: &mut Machine<'_>, fault: super::Fault) -> super::Fault {
    match fault {
        super::Fault::Thrown(inner) => {
            let message = std::sync::Arc::new(crate::expression::text::Text::from("Failed to compare two elements in the array."));
            let handle = m.exception(types::named("InvalidOperationException"), message, inner);
            super::Fault::Thrown(Value::Object(handle))
        }
        fault => fault,
    }
}

/// Sorts an array of ours, from the greatest on if asked for; equal ones keep their order.
pub(super) fn sort_stable(m: &mut Machine<'_>, list: &Value, comparer: &Value, descending: bool) -> Outcome<()> {
    let mut rows: Vec<(Value, Value)> = linq::collect(m, list)?.into_iter().map(|item| (item, Value::Null)).collect();
    if descending {
        rows.reverse();
    }
    sort_rows(m, &mut rows, comparer)?;
    if descending {
        rows.reverse();
    }
    change(m, Args { values: std::slice::from_ref(list), types: &[] }, |old| {
        *old = rows.into_iter().map(|(item, _)| item).collect();
    })
}

fn sort_range(m: &mut Machine<'_>, list: &Value, part: Option<(i32, i32)>, comparer: &Value) -> Outcome {
    let items = linq::collect(m, list)?;
    let (start, count) = match part {
        Some((start, count)) => strings::range(m, items.len(), start, count)?,
        None => (0, items.len()),
    };
    let mut rows: Vec<(Value, Value)> = items[start..start + count].iter().map(|item| (item.clone(), Value::Null)).collect();
    sort_rows(m, &mut rows, comparer)?;
    change(m, Args { values: std::slice::from_ref(list), types: &[] }, |old| {
        for (place, (item, _)) in old[start..start + count].iter_mut().zip(rows) {
            *place = item;
        }
    })?;
    Ok(Value::Null)
}

/// `Array.Copy`: what fits is boxed, unboxed, cast or widened, one element after the other.
fn copy(m: &mut Machine<'_>, from: &Value, at: i32, to: &Value, place: i32, count: i32) -> Outcome {
    for (array, name) in [(from, "sourceArray"), (to, "destinationArray")] {
        if array.is_null() {
            return Err(m.argument_null(name));
        }
    }
    for (number, name) in [(count, "length"), (at, "sourceIndex"), (place, "destinationIndex")] {
        if number < 0 {
            return Err(m.out_of_range(name, "Non-negative number required."));
        }
    }
    let items = linq::collect(m, from)?;
    let target = linq::collect(m, to)?.len();
    let (start, place, count) = (at as usize, place as usize, count as usize);
    if start + count > items.len() || place + count > target {
        return Err(m.throw(
            "ArgumentException",
            "Destination array was not long enough. Check destIndex and length, and the array's lower bounds.",
        ));
    }
    let element = |m: &Machine<'_>, array: &Value| m.heap.type_of(array).element();
    let (source, wanted) = (element(m, from), element(m, to));
    let mut part = items[start..start + count].to_vec();
    if let (Some(source), Some(wanted)) = (source, wanted)
        && source != wanted
    {
        for item in &mut part {
            *item = stored(m, item, source, wanted)?;
        }
    }
    change(m, Args { values: std::slice::from_ref(to), types: &[] }, |old| old[place..place + count].clone_from_slice(&part))?;
    Ok(Value::Null)
}

/// An element of an array of one type as one of another.
fn stored(m: &mut Machine<'_>, item: &Value, from: types::Type, to: types::Type) -> Outcome {
    let mismatch = "Source array type cannot be assigned to destination array type.";
    match (from.primitive(), to.primitive()) {
        (Some(one), Some(two)) if one.widens_to(two) => {
            Ok(crate::expression::machine::arithmetic::convert(item, two, false).unwrap_or_else(|| item.clone()))
        }
        (Some(_), Some(_)) => Err(m.throw("ArrayTypeMismatchException", mismatch)),
        _ if from.converts_by_reference(to) => Ok(item.clone()),
        // Downwards each element is looked at; null is no value.
        _ if to.converts_by_reference(from) || from.is_interface() || to.is_interface() && to.is_reference() => {
            if item.is_null() && to.is_reference() || m.is(item, to) {
                Ok(item.clone())
            } else {
                Err(m.throw(
                    "InvalidCastException",
                    "At least one element in the source array could not be cast down to the destination array type.",
                ))
            }
        }
        _ => Err(m.throw("ArrayTypeMismatchException", mismatch)),
    }
}

/// Copies all elements of an array of ours into another from an index on.
pub(super) fn copy_all(m: &mut Machine<'_>, from: &Value, to: &Value, place: i32) -> Outcome {
    if to.is_null() {
        return Err(m.argument_null("array"));
    }
    let count = i32::try_from(linq::collect(m, from)?.len()).unwrap_or(0);
    copy(m, from, 0, to, place, count)
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

fn rule_of(m: &Machine<'_>, comparer: &Value) -> KeyRule {
    if !comparer.is_null() && strings::ignores_case(strings::comparer_rule(m, comparer)) { KeyRule::IgnoreCase } else { KeyRule::Default }
}

fn table_rule(m: &Machine<'_>, value: &Value) -> KeyRule {
    match value {
        Value::Object(handle) => match m.heap.get(*handle) {
            Object::Dictionary(_, table) => table.rule,
            _ => KeyRule::Default,
        },
        _ => KeyRule::Default,
    }
}

fn new_table(m: &mut Machine<'_>, a: Args<'_>, name: &str, comparer: Option<usize>) -> Outcome {
    let rule = comparer.map_or(KeyRule::Default, |index| rule_of(m, a.get(index)));
    let ty = types::generic(name, a.types);
    Ok(m.object(Object::Dictionary(ty, Table::new(rule))))
}

/// As [`new_table`], with room for as many as the first argument says.
fn sized_table(m: &mut Machine<'_>, a: Args<'_>, name: &str, comparer: Option<usize>) -> Outcome {
    let Ok(capacity) = usize::try_from(a.int(0)) else { return Err(m.out_of_range("capacity", "Non-negative number required.")) };
    m.allocate(capacity.saturating_mul(24))?;
    let made = new_table(m, a, name, comparer)?;
    if let Some(Object::Dictionary(_, table)) = made.handle().and_then(|handle| m.heap.get_mut(handle))
        && capacity > 0
    {
        table.make_room(capacity);
    }
    Ok(made)
}

fn copied_table(m: &mut Machine<'_>, a: Args<'_>, comparer: Option<usize>) -> Outcome {
    if a.get(0).is_null() {
        return Err(m.argument_null("dictionary"));
    }
    let made = new_table(m, a, "Dictionary", comparer)?;
    let all = entries(m, a.get(0))?;
    if let Some(Object::Dictionary(_, table)) = made.handle().and_then(|handle| m.heap.get_mut(handle))
        && !all.is_empty()
    {
        table.make_room(all.len());
    }
    for (name, value) in all {
        put(m, Args { values: &[made.clone(), name, value], types: a.types }, true)?;
    }
    Ok(made)
}

fn filled_set(m: &mut Machine<'_>, a: Args<'_>, comparer: Option<usize>) -> Outcome {
    let made = new_table(m, a, "HashSet", comparer)?;
    for item in linq::collect(m, a.get(0))? {
        add_to_set(m, Args { values: &[made.clone(), item], types: a.types })?;
    }
    Ok(made)
}

fn add_to_set(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let handle = handle(m, a.get(0))?;
    let rule = table_rule(m, a.get(0));
    let hashed = key(m, a.get(1), rule)?;
    m.allocate(48)?;
    match m.heap.get_mut(handle) {
        Some(Object::Dictionary(_, table)) if !table.contains(&hashed) => {
            Ok(Value::Boolean(table.set(hashed, a.get(1).clone(), Value::Null)))
        }
        _ => Ok(Value::Boolean(false)),
    }
}

/// Keys and values of any dictionary.
pub(super) fn entries(m: &mut Machine<'_>, value: &Value) -> Outcome<Vec<(Value, Value)>> {
    if let Value::Host(object) = value {
        return host::entries(m, *object);
    }
    match m.object_of(value)? {
        Object::Dictionary(_, table) => Ok(table.entries().cloned().collect()),
        _ => {
            let mut list = Vec::new();
            for pair in linq::collect(m, value)? {
                if let Object::Record(_, fields) = m.object_of(&pair)?
                    && let [key, value] = fields.as_slice()
                {
                    list.push((key.clone(), value.clone()));
                }
            }
            Ok(list)
        }
    }
}

/// The value of a key; `None` if it is not there.
pub(super) fn get(m: &mut Machine<'_>, map: &Value, name: &Value) -> Outcome<Option<Value>> {
    if name.is_null() {
        return Err(m.argument_null("key"));
    }
    if let Value::Host(object) = map {
        return host::lookup(m, *object, name);
    }
    let handle = handle(m, map)?;
    if let Object::Json(_) = m.heap.get(handle) {
        return Ok(super::json::members::child(m, handle, name)?.map(Value::Object));
    }
    let rule = table_rule(m, map);
    let hashed = key(m, name, rule)?;
    match m.heap.get(handle) {
        Object::Dictionary(_, table) => Ok(table.get(&hashed).cloned()),
        _ => Ok(None),
    }
}

fn lookup(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    match get(m, a.get(0), a.get(1))? {
        Some(value) => Ok(value),
        None => {
            let text = to_text(m, a.get(1))?.to_str().into_owned();
            Err(m.throw("KeyNotFoundException", &format!("The given key '{text}' was not present in the dictionary.")))
        }
    }
}

fn contains_key(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    get(m, a.get(0), a.get(1)).map(|found| Value::Boolean(found.is_some()))
}

fn try_get(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let found = get(m, a.get(0), a.get(1))?;
    let there = found.is_some();
    let default = a.types.last().map_or(Value::Null, |ty| m.default_value(*ty));
    m.set_cell(a.get(2), found.unwrap_or(default));
    Ok(Value::Boolean(there))
}

fn put(m: &mut Machine<'_>, a: Args<'_>, fresh: bool) -> Outcome {
    let handle = handle(m, a.get(0))?;
    if a.get(1).is_null() {
        return Err(m.argument_null("key"));
    }
    let rule = table_rule(m, a.get(0));
    let hashed = key(m, a.get(1), rule)?;
    m.allocate(64)?;
    match m.heap.get_mut(handle) {
        Some(Object::Dictionary(_, table)) => {
            if fresh && table.contains(&hashed) {
                let text = to_text(m, a.get(1))?.to_str().into_owned();
                return Err(m.throw("ArgumentException", &format!("An item with the same key has already been added. Key: {text}")));
            }
            table.set(hashed, a.get(1).clone(), a.get(2).clone());
            Ok(Value::Null)
        }
        _ => Err(m.throw("NotSupportedException", "Collection is read-only.")),
    }
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

fn keys(m: &mut Machine<'_>, a: Args<'_>, name: &str, keys: bool) -> Outcome {
    let list: Vec<Value> = entries(m, a.get(0))?.into_iter().map(|(key, value)| if keys { key } else { value }).collect();
    let ty = types::generic(name, a.types);
    m.allocate(list.len() * 24)?;
    Ok(m.object(Object::Query(ty, linq::Query::Items(list))))
}

/// A stretch of a list, checked as lists check it.
pub(super) fn part(m: &mut Machine<'_>, length: usize, start: i32, count: i32) -> Outcome<(usize, usize)> {
    for (number, name) in [(start, "index"), (count, "count")] {
        if number < 0 {
            return Err(m.out_of_range(name, "Non-negative number required."));
        }
    }
    let (start, count) = (start as usize, count as usize);
    if start + count > length {
        let message = "Offset and length were out of bounds for the array or count is greater than the number of elements from index to the end of the source collection.";
        return Err(m.throw("ArgumentException", message));
    }
    Ok((start, count))
}
