//! `JValue` as the one value that it holds: compared, and converted through `IConvertible`.

use std::sync::Arc;

use super::{Node, kind, node};
use crate::expression::heap::Object;
use crate::expression::library::{native, numbers, to_text};
use crate::expression::machine::{Args, Fault, Machine, Outcome};
use crate::expression::types;
use crate::expression::value::{DateTime, Value};

/// Kind and value of a token that is one value.
pub(crate) fn held(m: &Machine<'_>, value: &Value) -> Option<(i64, Value)> {
    match &node(m, value.handle()?)?.node {
        Node::Value(kind, value) => Some((*kind, value.clone())),
        _ => None,
    }
}

/// `JValue.CompareTo`: the kind of the first says how both are compared, and what cannot be converted to it throws.
pub(crate) fn compare(m: &mut Machine<'_>, one: &Value, two: &Value) -> Outcome<i32> {
    if two.is_null() {
        return Ok(1);
    }
    let Some((kind, left)) = held(m, one) else { return Err(m.null_reference()) };
    let right = held(m, two).map_or_else(|| two.clone(), |(_, value)| value);
    let sign = |order: std::cmp::Ordering| order as i32;
    match (left.is_null(), right.is_null()) {
        (true, true) => return Ok(0),
        (false, true) => return Ok(1),
        (true, false) => return Ok(-1),
        (false, false) => {}
    }
    let real = |value: &Value| matches!(value, Value::Single(_) | Value::Double(_));
    let wide = |value: &Value| matches!(value, Value::UInt64(_) | Value::Decimal(_));
    Ok(match kind {
        kind::INTEGER if wide(&left) || wide(&right) => {
            let (one, two) = (converted(m, &left, "Convert.ToDecimal")?, converted(m, &right, "Convert.ToDecimal")?);
            sign(numbers::as_decimal(&one).cmp(&numbers::as_decimal(&two)))
        }
        kind::INTEGER if !real(&left) && !real(&right) => {
            let (one, two) = (converted(m, &left, "Convert.ToInt64")?, converted(m, &right, "Convert.ToInt64")?);
            sign(one.integer().cmp(&two.integer()))
        }
        kind::INTEGER | kind::FLOAT => {
            let (one, two) = (converted(m, &left, "Convert.ToDouble")?, converted(m, &right, "Convert.ToDouble")?);
            let (one, two) = (numbers::real(&one), numbers::real(&two));
            // Nearly equal is equal.
            let near = (one.abs() + two.abs() + 10.0) * f64::EPSILON;
            if one == two || (one - two).abs() < near {
                0
            } else {
                sign(one.partial_cmp(&two).unwrap_or_else(|| two.is_nan().cmp(&one.is_nan())))
            }
        }
        kind::STRING | kind::COMMENT | kind::RAW => {
            let (one, two) = (Arc::new(to_text(m, &left)?), Arc::new(to_text(m, &right)?));
            crate::expression::library::strings::compare_rule(Some(one), Some(two), 4)
        }
        kind::BOOLEAN => {
            let (one, two) = (converted(m, &left, "Convert.ToBoolean")?, converted(m, &right, "Convert.ToBoolean")?);
            sign(one.truth().cmp(&two.truth()))
        }
        kind::DATE => {
            let ticks = |m: &mut Machine<'_>, value: &Value, plain: bool| match value {
                Value::Offset(date) if plain => Ok(date.ticks),
                Value::Offset(date) => Ok(date.utc_ticks()),
                other => match converted(m, other, "Convert.ToDateTime")? {
                    Value::DateTime(DateTime { ticks, .. }) => Ok(ticks),
                    _ => Ok(0),
                },
            };
            let plain = matches!(left, Value::DateTime(_));
            let (one, two) = (ticks(m, &left, plain)?, ticks(m, &right, plain)?);
            sign(one.cmp(&two))
        }
        kind::TIMESPAN => match (&left, &right) {
            (Value::Span(one), Value::Span(two)) => sign(one.cmp(two)),
            _ => return Err(no_such(m, "TimeSpan")),
        },
        kind::GUID => match (&left, &right) {
            (Value::Guid(_), Value::Guid(_)) => crate::expression::library::compare(m, &left, &right)?,
            _ => return Err(no_such(m, "Guid")),
        },
        kind::URI if matches!(&right, Value::Object(_)) && m.heap.type_of(&right).is("Uri") => {
            let (one, two) = (to_text(m, &left)?, to_text(m, &right)?);
            crate::expression::library::strings::compare_culture(&one, &two, false)
        }
        kind::URI => return Err(no_such(m, "Uri")),
        kind::BYTES => match right.handle().map(|handle| m.heap.get(handle)) {
            Some(Object::Array(ty, _)) if *ty == types::array(types::known().byte) => {
                let (one, two) = (m.bytes(&left, "left")?, m.bytes(&right, "right")?);
                sign(one.len().cmp(&two.len()).then_with(|| one.cmp(&two)))
            }
            _ => return Err(no_such(m, "byte[]")),
        },
        _ => return Err(m.out_of_range("valueType", "Unexpected value type.")),
    })
}

fn no_such(m: &mut Machine<'_>, name: &str) -> Fault {
    m.throw("ArgumentException", &format!("Object must be of type {name}."))
}

fn converted(m: &mut Machine<'_>, value: &Value, to: &'static str) -> Outcome {
    match native(to) {
        Some(convert) => convert(m, Args { values: std::slice::from_ref(value), types: &[] }),
        None => Ok(Value::Null),
    }
}

/// What `Convert.ToXxx(object)` makes of a token: the cast of Newtonsoft.Json of a `JValue`; nothing for what is none.
pub(crate) fn through_cast(m: &mut Machine<'_>, value: &Value, to: &'static str) -> Option<Outcome> {
    held(m, value)?;
    Some(super::conversions::explicit(m, Args { values: std::slice::from_ref(value), types: &[] }, to, to == "String"))
}
