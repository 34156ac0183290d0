//! Orders of elements: by a delegate, by a comparer, or by their own.

use super::{change, linq, strings};
use crate::expression::heap::Object;
use crate::expression::library::compare;
use crate::expression::machine::{Args, Fault, Machine, Outcome};
use crate::expression::types;
use crate::expression::value::Value;

pub(super) fn sort(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    sort_range(m, a.get(0), None, a.get(1))
}

/// How two values stand: by a delegate, by a comparer of strings, or by their own order.
pub(super) fn order_by(m: &mut Machine<'_>, comparer: &Value, one: &Value, two: &Value) -> Outcome<i32> {
    let rule = match comparer {
        Value::Null => return compare(m, one, two),
        Value::Object(handle) => match m.heap.get(*handle) {
            Object::Closure(..) => return m.call(comparer, &[one.clone(), two.clone()]).map(|order| order.integer() as i32),
            Object::Opaque(ty, _) if ty.is("XNodeDocumentOrderComparer") => {
                return crate::expression::library::xml::members::document_order(m, one, two);
            }
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
pub(super) fn sort_rows(m: &mut Machine<'_>, rows: &mut [(Value, Value)], comparer: &Value) -> Outcome<()> {
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
pub(super) fn not_compared(m: &mut Machine<'_>, fault: Fault) -> Fault {
    match fault {
        Fault::Thrown(inner) => {
            let message = std::sync::Arc::new(crate::expression::text::Text::from("Failed to compare two elements in the array."));
            let handle = m.exception(types::named("InvalidOperationException"), message, inner);
            Fault::Thrown(Value::Object(handle))
        }
        fault => fault,
    }
}

/// Sorts an array of ours, from the greatest on if asked for; equal ones keep their order.
pub(in crate::expression::library) fn sort_stable(m: &mut Machine<'_>, list: &Value, comparer: &Value, descending: bool) -> Outcome<()> {
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

pub(super) fn sort_range(m: &mut Machine<'_>, list: &Value, part: Option<(i32, i32)>, comparer: &Value) -> Outcome {
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
