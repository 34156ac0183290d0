//! What values show through the small interfaces: `IEnumerator`, `IDisposable`, `IComparer`, `IEqualityComparer`, `IComparable` and their like.

use super::lists::copied;
use super::{change, handle};
use crate::expression::heap::Object;
use crate::expression::library::basics::{format_value, hash_code, instance_equals};
use crate::expression::library::{Members, compare, linq, numbers, strings};
use crate::expression::machine::{Args, Machine, Outcome};
use crate::expression::types;
use crate::expression::value::Value;

macro_rules! enumerators {
    ($($name:literal => $current:expr),*) => {
        &[$(
            (concat!($name, ".MoveNext()"), |m, a| linq::move_next(m, a.get(0)).map(Value::Boolean)),
            (concat!($name, ".Current"), $current),
            (concat!($name, ".Dispose()"), |_, _| Ok(Value::Null))
        ),*]
    };
}

// The structures have the default value of their element before the first element and after the last; the others throw.
pub(in crate::expression::library) const ENUMERATORS: Members = enumerators!(
    "ListEnumerator" => |m, a| or_default(m, a, a.ty(0)),
    "QueueEnumerator" => |m, a| linq::current(m, a.get(0)),
    "StackEnumerator" => |m, a| linq::current(m, a.get(0)),
    "HashSetEnumerator" => |m, a| or_default(m, a, a.ty(0)),
    "DictionaryEnumerator" => |m, a| or_default(m, a, types::generic("KeyValuePair", a.types)),
    "DictionaryKeyCollectionEnumerator" => |m, a| or_default(m, a, a.ty(0)),
    "DictionaryValueCollectionEnumerator" => |m, a| or_default(m, a, a.ty(1)),
    "CharEnumerator" => |m, a| linq::current(m, a.get(0))
);

fn or_default(m: &mut Machine<'_>, a: Args<'_>, element: types::Type) -> Outcome {
    match a.get(0) {
        Value::Object(running) => match m.heap.current(*running) {
            Some(value) => Ok(value),
            None => Ok(m.default_value(element)),
        },
        _ => Ok(m.default_value(element)),
    }
}

pub(in crate::expression::library) const MEMBERS: Members = &[
    ("ICollection.CopyTo", |m, a| copied(m, a)),
    ("ICollection.IsReadOnly", |m, a| {
        let fixed = matches!(m.object_of(a.get(0))?, Object::Array(..) | Object::Query(..));
        let read_only = m.heap.type_of(a.get(0)).is("ReadOnlyCollection");
        Ok(Value::Boolean(fixed || read_only))
    }),
    ("IList.Insert", |m, a| {
        if let Object::Json(_) = m.object_of(a.get(0))? {
            return json(m, a, "JArray.Insert");
        }
        growing(m, a)?;
        let length = linq::collect(m, a.get(0))?.len();
        match usize::try_from(a.int(1)).ok().filter(|index| *index <= length) {
            Some(index) => {
                m.allocate(24)?;
                change(m, a, |items| items.insert(index, a.get(2).clone()))?;
                Ok(Value::Null)
            }
            None => Err(m.out_of_range("index", "Index must be within the bounds of the List.")),
        }
    }),
    ("IList.RemoveAt", |m, a| {
        if let Object::Json(_) = m.object_of(a.get(0))? {
            return json(m, a, "JArray.RemoveAt");
        }
        growing(m, a)?;
        let length = linq::collect(m, a.get(0))?.len();
        match usize::try_from(a.int(1)).ok().filter(|index| *index < length) {
            Some(index) => {
                change(m, a, |items| {
                    items.remove(index);
                })?;
                Ok(Value::Null)
            }
            None => Err(m.out_of_range("index", "Index was out of range. Must be non-negative and less than the size of the collection.")),
        }
    }),
    ("IEnumerator.MoveNext()", |m, a| linq::move_next(m, a.get(0)).map(Value::Boolean)),
    ("IEnumerator.Current", |m, a| match a.types.first() {
        Some(element) if !linq::is_strict(m, a.get(0)) => or_default(m, a, *element),
        _ => linq::current(m, a.get(0)),
    }),
    ("IEnumerator.Reset()", |m, a| linq::reset(m, a.get(0))),
    ("CharEnumerator.Reset()", |m, a| linq::reset(m, a.get(0))),
    ("IDisposable.Dispose()", |m, a| if a.get(0).is_null() { Err(m.null_reference()) } else { Ok(Value::Null) }),
    ("IComparable.CompareTo", |m, a| {
        if a.get(0).is_null() {
            return Err(m.null_reference());
        }
        if let Value::Text(_) = a.get(0) {
            return compare(m, a.get(0), a.get(1)).map(Value::Int32);
        }
        numbers::compare_to(m, a, "")
    }),
    ("IEquatable.Equals", |m, a| instance_equals(m, a)),
    ("IFormattable.ToString", |m, a| {
        if a.get(0).is_null() {
            return Err(m.null_reference());
        }
        let format = a.text(1);
        let text = format_value(m, a.get(0), format.as_deref())?;
        m.text(text)
    }),
    ("IComparer.Compare", |m, a| {
        handle(m, a.get(0))?;
        super::order_by(m, a.get(0), a.get(1), a.get(2)).map(Value::Int32)
    }),
    ("IEqualityComparer.Equals", |m, a| {
        handle(m, a.get(0))?;
        let rule = strings::comparer_rule(m, a.get(0));
        Ok(Value::Boolean(match (a.text(1), a.text(2)) {
            (Some(one), Some(two)) => strings::equal_rule(&one, &two, rule),
            _ => crate::expression::library::equals(m, a.get(1), a.get(2))?,
        }))
    }),
    ("IEqualityComparer.GetHashCode", |m, a| {
        handle(m, a.get(0))?;
        strings::comparer_hash(m, a)
    }),
    ("ValueType.GetHashCode()", |m, a| hash_code(m, a)),
];

/// Arrays have a fixed size, and read-only views cannot be changed.
fn growing(m: &mut Machine<'_>, a: Args<'_>) -> Outcome<()> {
    if m.heap.type_of(a.get(0)).is("ReadOnlyCollection") {
        return Err(m.throw("NotSupportedException", "Collection is read-only."));
    }
    match m.object_of(a.get(0))? {
        Object::Array(..) => Err(m.throw("NotSupportedException", "Collection was of a fixed size.")),
        _ => Ok(()),
    }
}

fn json(m: &mut Machine<'_>, a: Args<'_>, name: &str) -> Outcome {
    match crate::expression::library::native(name) {
        Some(native) => native(m, a),
        None => Err(m.null_reference()),
    }
}
