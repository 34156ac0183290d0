//! Parts and places of strings: copying, searching for any of several characters, line endings, enumeration; and `StringComparer` as an object.

use super::{any_of, compare_rule, comparer, comparer_hash, comparer_rule, equal_rule, range};
use crate::expression::heap::Object;
use crate::expression::library::{Members, convert, equals, linq, to_text};
use crate::expression::machine::{Args, Machine, Outcome};
use crate::expression::text::Text;
use crate::expression::value::Value;

pub(crate) const MEMBERS: Members = &[
    ("String.CompareOrdinal(string,int,string,int,int)", |m, a| super::compare_ruled_part(m, a, 4)),
    ("String.CopyTo(int,char[],int,int)", |m, a| {
        let text = m.this(a)?;
        let (start, count) = range(m, text.len(), a.int(1), a.int(4))?;
        let units = text.slice(start, count).units();
        put(m, a.get(2), a.int(3), &units)?;
        Ok(Value::Null)
    }),
    ("String.GetEnumerator()", |m, a| {
        m.this(a)?;
        linq::enumerator(m, a.get(0))
    }),
    ("String.GetHashCode(StringComparison)", |m, a| {
        m.this(a)?;
        let made = comparer(m, a.get(1).integer() as i32)?;
        comparer_hash(m, Args { values: &[made, a.get(0).clone()], types: &[] })
    }),
    ("String.GetTypeCode()", |m, a| {
        m.this(a)?;
        convert::changing::type_code(m, a.get(0))
    }),
    ("String.IndexOfAny(char[],int,int)", |m, a| {
        let text = m.this(a)?;
        let any = any_of(m, a.get(1))?;
        let (start, count) = range(m, text.len(), a.int(2), a.int(3))?;
        let found = (start..start + count).find(|index| any.contains(&text.at(*index)));
        Ok(Value::Int32(found.map_or(-1, |index| i32::try_from(index).unwrap_or(-1))))
    }),
    ("String.LastIndexOfAny(char[],int)", |m, a| last_of_any(m, a, None)),
    ("String.LastIndexOfAny(char[],int,int)", |m, a| last_of_any(m, a, Some(a.int(3)))),
    ("String.IsInterned", |m, a| m.string(a, 0, "str").map(Value::Text)),
    ("String.ReplaceLineEndings()", |m, a| {
        let text = m.this(a)?;
        m.text(with_line_ends(&text, "\n"))
    }),
    ("String.ReplaceLineEndings(string)", |m, a| {
        let (text, end) = (m.this(a)?, m.string(a, 1, "replacementText")?);
        m.text(with_line_ends(&text, &end.to_str()))
    }),
    ("StringComparer.Compare(object,object)", |m, a| {
        let rule = comparer_rule(m, a.get(0));
        match (a.get(1), a.get(2)) {
            (Value::Text(_) | Value::Null, Value::Text(_) | Value::Null) => Ok(Value::Int32(compare_rule(a.text(1), a.text(2), rule))),
            (one, two) => crate::expression::library::compare(m, one, two).map(Value::Int32),
        }
    }),
    ("StringComparer.Equals(object,object)", |m, a| {
        let rule = comparer_rule(m, a.get(0));
        Ok(Value::Boolean(match (a.text(1), a.text(2)) {
            (Some(one), Some(two)) => equal_rule(&one, &two, rule),
            _ => equals(m, a.get(1), a.get(2))?,
        }))
    }),
    ("StringComparer.GetHashCode", |m, a| comparer_hash(m, a)),
    ("StringComparer.FromComparison", |m, a| match a.get(0).integer() {
        rule @ 0..=5 => comparer(m, rule as i32),
        _ => Err(m.throw(
            "ArgumentException",
            "The string comparison type passed in is currently not supported.\nParameter name: comparisonType",
        )),
    }),
];

/// Puts units into a `char[]` from an index.
pub(in crate::expression::library) fn put(m: &mut Machine<'_>, array: &Value, at: i32, units: &[u16]) -> Outcome<()> {
    let Value::Object(handle) = array else { return Err(m.argument_null("destination")) };
    let room = match (usize::try_from(at), m.heap.get_mut(*handle)) {
        (Ok(at), Some(Object::Array(_, items))) => items.get_mut(at..at.saturating_add(units.len())),
        _ => None,
    };
    match room {
        Some(room) => {
            for (place, unit) in room.iter_mut().zip(units) {
                *place = Value::Char(*unit);
            }
            Ok(())
        }
        None => {
            Err(m
                .out_of_range("destinationIndex", "Index was out of range. Must be non-negative and less than the size of the collection."))
        }
    }
}

fn last_of_any(m: &mut Machine<'_>, a: Args<'_>, count: Option<i32>) -> Outcome {
    let text = m.this(a)?;
    let any = any_of(m, a.get(1))?;
    if text.is_empty() {
        return Ok(Value::Int32(-1));
    }
    let Some(last) = usize::try_from(a.int(2)).ok().filter(|last| *last < text.len()) else {
        return Err(m.out_of_range("startIndex", "Index was out of range. Must be non-negative and less than the size of the collection."));
    };
    let first = match count {
        None => 0,
        Some(count) => match usize::try_from(count).ok().and_then(|count| (last + 1).checked_sub(count)) {
            Some(first) => first,
            None => {
                let message = "Count must be positive and count must refer to a location within the string/array/collection.";
                return Err(m.out_of_range("count", message));
            }
        },
    };
    let found = (first..=last).rev().find(|index| any.contains(&text.at(*index)));
    Ok(Value::Int32(found.map_or(-1, |index| i32::try_from(index).unwrap_or(-1))))
}

/// Every line end, as Unicode counts them, in one form.
fn with_line_ends(text: &Text, end: &str) -> Text {
    let text = text.to_str().replace("\r\n", "\n");
    let parts: Vec<&str> = text.split(['\r', '\n', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}']).collect();
    Text::from(parts.join(end))
}

/// The texts of parts with a separator between them.
pub(super) fn joined(m: &mut Machine<'_>, separator: &Value, parts: &Value) -> Outcome<Vec<u16>> {
    let separator = to_text(m, separator)?;
    let mut units = Vec::new();
    for (index, part) in linq::collect(m, parts)?.iter().enumerate() {
        if index > 0 {
            separator.append_to(&mut units);
        }
        to_text(m, part)?.append_to(&mut units);
        m.charge(1)?;
    }
    m.allocate(units.len() * 2)?;
    Ok(units)
}
