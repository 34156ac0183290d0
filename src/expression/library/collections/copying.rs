//! Copies between arrays, and the stretches that are copied.

use super::{change, linq};
use crate::expression::machine::{Args, Machine, Outcome, arithmetic};
use crate::expression::types;
use crate::expression::value::Value;

/// `Array.Copy`: what fits is boxed, unboxed, cast or widened, one element after the other.
pub(super) fn copy(m: &mut Machine<'_>, from: &Value, at: i32, to: &Value, place: i32, count: i32) -> Outcome {
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
pub(super) fn stored(m: &mut Machine<'_>, item: &Value, from: types::Type, to: types::Type) -> Outcome {
    let mismatch = "Source array type cannot be assigned to destination array type.";
    match (from.primitive(), to.primitive()) {
        (Some(one), Some(two)) if one.widens_to(two) => Ok(arithmetic::convert(item, two, false).unwrap_or_else(|| item.clone())),
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
pub(in crate::expression::library) fn copy_all(m: &mut Machine<'_>, from: &Value, to: &Value, place: i32) -> Outcome {
    if to.is_null() {
        return Err(m.argument_null("array"));
    }
    let count = i32::try_from(linq::collect(m, from)?.len()).unwrap_or(0);
    copy(m, from, 0, to, place, count)
}

/// A stretch of a list, checked as lists check it.
pub(in crate::expression::library) fn part(m: &mut Machine<'_>, length: usize, start: i32, count: i32) -> Outcome<(usize, usize)> {
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
