//! Sums, averages, and the least and the greatest.

use super::members::{empty, running};
use super::next;
use crate::expression::library::compare;
use crate::expression::library::numbers::{as_decimal, real};
use crate::expression::machine::{Args, Machine, Outcome, arithmetic};
use crate::expression::syntax::BinaryOperator;
use crate::expression::types::{Type, known};
use crate::expression::value::Value;

/// The numbers to sum: the elements, or what the selector gives.
pub(super) fn numbers(m: &mut Machine<'_>, a: Args<'_>) -> Outcome<Vec<Value>> {
    let mut out = Vec::new();
    let running = running(m, a)?;
    while let Some(item) = next(m, &running)? {
        m.allocate(24)?;
        out.push(if a.len() > 1 { m.call(a.get(1), &[item])? } else { item });
    }
    Ok(out)
}

/// The result type of the overload that is meant.
pub(super) fn result_of(a: Args<'_>) -> Type {
    a.types.last().copied().unwrap_or(known().object)
}

pub(super) fn sum(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
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

pub(super) fn average(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
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

pub(super) fn extreme(m: &mut Machine<'_>, a: Args<'_>, wanted: i32) -> Outcome {
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
