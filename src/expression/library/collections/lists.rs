//! The rest of `List`, `Queue`, `Stack` and `ReadOnlyCollection`.

use super::arrays::{find_in, index_in, reverse, search};
use super::{change, copy, handle, new_list, room, sort_range};
use crate::expression::library::{Members, linq, strings};
use crate::expression::machine::{Args, Machine, Outcome};
use crate::expression::value::Value;

pub(in crate::expression::library) const MEMBERS: Members = &[
    ("List.BinarySearch(T)", |m, a| search(m, a, None, 1, None)),
    ("List.BinarySearch(T,IComparer<T>)", |m, a| search(m, a, None, 1, Some(2))),
    ("List.BinarySearch(int,int,T,IComparer<T>)", |m, a| search(m, a, Some(1), 3, Some(4))),
    ("List.CopyTo(T[])", |m, a| copied(m, a)),
    ("List.CopyTo(T[],int)", |m, a| copied(m, a)),
    ("List.CopyTo(int,T[],int,int)", |m, a| copy(m, a.get(0), a.int(1), a.get(2), a.int(3), a.int(4))),
    ("List.EnsureCapacity", |m, a| ensure(m, a)),
    ("List.TrimExcess()", |m, a| {
        // Only where a tenth or more is empty.
        change(m, a, |items| {
            if items.len() < items.capacity() / 10 * 9 + items.capacity() % 10 * 9 / 10 {
                items.shrink_to_fit();
            }
        })?;
        Ok(Value::Null)
    }),
    ("List.FindIndex(int,Predicate<T>)", |m, a| find_in(m, a, 1, false)),
    ("List.FindIndex(int,int,Predicate<T>)", |m, a| find_in(m, a, 2, false)),
    ("List.FindLastIndex(Predicate<T>)", |m, a| find_in(m, a, 0, true)),
    ("List.FindLastIndex(int,Predicate<T>)", |m, a| find_in(m, a, 1, true)),
    ("List.FindLastIndex(int,int,Predicate<T>)", |m, a| find_in(m, a, 2, true)),
    ("List.IndexOf(T,int)", |m, a| index_in(m, a, false)),
    ("List.IndexOf(T,int,int)", |m, a| index_in(m, a, false)),
    ("List.LastIndexOf", |m, a| index_in(m, a, true)),
    ("List.Reverse(int,int)", |m, a| reverse(m, a)),
    ("List.Sort(IComparer<T>)", |m, a| sort_range(m, a.get(0), None, a.get(1))),
    ("List.Sort(int,int,IComparer<T>)", |m, a| sort_range(m, a.get(0), Some((a.int(1), a.int(2))), a.get(3))),
    ("List.Slice", |m, a| {
        let items = linq::collect(m, a.get(0))?;
        let (start, count) = strings::range(m, items.len(), a.int(1), a.int(2))?;
        new_list(m, a, "List", items[start..start + count].to_vec())
    }),
    ("Queue.CopyTo", |m, a| copied(m, a)),
    ("Queue.EnsureCapacity", |m, a| ensure(m, a)),
    ("Queue.TrimExcess()", |m, a| handle(m, a.get(0)).map(|_| Value::Null)),
    ("Queue.GetEnumerator()", |m, a| linq::enumerator(m, a.get(0))),
    ("Queue.TryDequeue", |m, a| try_first(m, a, true)),
    ("Queue.TryPeek", |m, a| try_first(m, a, false)),
    ("Stack.CopyTo", |m, a| copied(m, a)),
    ("Stack.EnsureCapacity", |m, a| ensure(m, a)),
    ("Stack.TrimExcess()", |m, a| handle(m, a.get(0)).map(|_| Value::Null)),
    ("Stack.GetEnumerator()", |m, a| linq::enumerator(m, a.get(0))),
    ("Stack.TryPop", |m, a| try_first(m, a, true)),
    ("Stack.TryPeek", |m, a| try_first(m, a, false)),
    ("ReadOnlyCollection.CopyTo", |m, a| copied(m, a)),
    ("ReadOnlyCollection.GetEnumerator()", |m, a| linq::enumerator(m, a.get(0))),
    ("ReadOnlyCollection.IndexOf", |m, a| index_in(m, a, false)),
];

/// `CopyTo(array, index)`, of anything that can be enumerated.
pub(super) fn copied(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    if a.get(0).is_null() {
        return Err(m.null_reference());
    }
    if a.get(1).is_null() {
        return Err(m.argument_null("array"));
    }
    let items = linq::collect(m, a.get(0))?;
    let count = i32::try_from(items.len()).unwrap_or(0);
    let source = m.array(crate::expression::types::known().object, items)?;
    copy(m, &source, 0, a.get(1), a.int(2), count)
}

/// `EnsureCapacity`: twice the room there is, or what was asked for.
fn ensure(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let Ok(wanted) = usize::try_from(a.int(1)) else { return Err(m.out_of_range("capacity", "Non-negative number required.")) };
    m.allocate(wanted.saturating_mul(24))?;
    change(m, a, |items| {
        if items.capacity() < wanted {
            let doubled = (items.capacity() * 2).max(4);
            items.reserve_exact(doubled.max(wanted) - items.len());
        }
    })?;
    room(m, a)
}

fn try_first(m: &mut Machine<'_>, a: Args<'_>, take: bool) -> Outcome {
    let mut found = None;
    change(m, a, |items| {
        if !items.is_empty() {
            found = Some(if take { items.remove(0) } else { items[0].clone() });
        }
    })?;
    let there = found.is_some();
    let found = match found {
        Some(found) => found,
        None => m.default_value(a.ty(0)),
    };
    m.set_cell(a.get(1), found);
    Ok(Value::Boolean(there))
}
