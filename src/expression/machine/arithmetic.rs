//! Operators and conversions of the predefined types: wrapping unless checked, as compiled C# does it.

use rust_decimal::Decimal;
use rust_decimal::prelude::{FromPrimitive as _, ToPrimitive as _};

use crate::expression::syntax::BinaryOperator;
use crate::expression::types::Primitive;
use crate::expression::value::Value;

/// What can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Error {
    DivideByZero,
    Overflow,
    DecimalOverflow,
    /// The binder lets no such pair through.
    Operands,
}

macro_rules! integer {
    ($operator:expr, $left:expr, $right:expr, $checked:expr, $variant:ident) => {{
        use BinaryOperator as B;
        let (left, right) = (*$left, *$right);
        let pick = |checked: Option<_>, wrapped| if $checked { checked.ok_or(Error::Overflow) } else { Ok(wrapped) };
        match $operator {
            B::Add => pick(left.checked_add(right), left.wrapping_add(right)).map(Value::$variant),
            B::Subtract => pick(left.checked_sub(right), left.wrapping_sub(right)).map(Value::$variant),
            B::Multiply => pick(left.checked_mul(right), left.wrapping_mul(right)).map(Value::$variant),
            B::Divide if right == 0 => Err(Error::DivideByZero),
            B::Divide => left.checked_div(right).ok_or(Error::Overflow).map(Value::$variant),
            B::Remainder if right == 0 => Err(Error::DivideByZero),
            B::Remainder => Ok(Value::$variant(left.wrapping_rem(right))),
            B::And => Ok(Value::$variant(left & right)),
            B::Or => Ok(Value::$variant(left | right)),
            B::Xor => Ok(Value::$variant(left ^ right)),
            _ => compare($operator, left.partial_cmp(&right)),
        }
    }};
}

macro_rules! real {
    ($operator:expr, $left:expr, $right:expr, $variant:ident) => {{
        use BinaryOperator as B;
        let (left, right) = (*$left, *$right);
        match $operator {
            B::Add => Ok(Value::$variant(left + right)),
            B::Subtract => Ok(Value::$variant(left - right)),
            B::Multiply => Ok(Value::$variant(left * right)),
            B::Divide => Ok(Value::$variant(left / right)),
            B::Remainder => Ok(Value::$variant(left % right)),
            _ => compare($operator, left.partial_cmp(&right)),
        }
    }};
}

fn compare(operator: BinaryOperator, order: Option<std::cmp::Ordering>) -> Result<Value, Error> {
    use BinaryOperator as B;
    use std::cmp::Ordering::{Equal, Greater, Less};
    let result = match operator {
        B::Equal => order == Some(Equal),
        B::NotEqual => order != Some(Equal),
        B::Less => order == Some(Less),
        B::Greater => order == Some(Greater),
        B::LessEqual => matches!(order, Some(Less | Equal)),
        B::GreaterEqual => matches!(order, Some(Greater | Equal)),
        _ => return Err(Error::Operands),
    };
    Ok(Value::Boolean(result))
}

/// `left operator right`, both of one type; null is a missing operand of a lifted operator.
pub(crate) fn binary(operator: BinaryOperator, left: &Value, right: &Value, checked: bool) -> Result<Value, Error> {
    use BinaryOperator as B;
    if left.is_null() || right.is_null() {
        return Ok(match operator {
            B::Equal => Value::Boolean(left.is_null() && right.is_null()),
            B::NotEqual => Value::Boolean(left.is_null() != right.is_null()),
            B::Less | B::Greater | B::LessEqual | B::GreaterEqual => Value::Boolean(false),
            // `bool?`: a known operand may decide.
            B::And if matches!(left, Value::Boolean(false)) || matches!(right, Value::Boolean(false)) => Value::Boolean(false),
            B::Or if matches!(left, Value::Boolean(true)) || matches!(right, Value::Boolean(true)) => Value::Boolean(true),
            _ => Value::Null,
        });
    }
    if matches!(operator, B::ShiftLeft | B::ShiftRight) {
        let count = right.integer() as u32;
        let is_left = operator == B::ShiftLeft;
        return Ok(match left {
            Value::Int32(value) => Value::Int32(if is_left { value.wrapping_shl(count & 31) } else { value.wrapping_shr(count & 31) }),
            Value::UInt32(value) => Value::UInt32(if is_left { value.wrapping_shl(count & 31) } else { value.wrapping_shr(count & 31) }),
            Value::Int64(value) => Value::Int64(if is_left { value.wrapping_shl(count & 63) } else { value.wrapping_shr(count & 63) }),
            Value::UInt64(value) => Value::UInt64(if is_left { value.wrapping_shl(count & 63) } else { value.wrapping_shr(count & 63) }),
            _ => return Err(Error::Operands),
        });
    }
    match (left, right) {
        (Value::Int32(left), Value::Int32(right)) => integer!(operator, left, right, checked, Int32),
        (Value::UInt32(left), Value::UInt32(right)) => integer!(operator, left, right, checked, UInt32),
        (Value::Int64(left), Value::Int64(right)) => integer!(operator, left, right, checked, Int64),
        (Value::UInt64(left), Value::UInt64(right)) => integer!(operator, left, right, checked, UInt64),
        (Value::Single(left), Value::Single(right)) => real!(operator, left, right, Single),
        (Value::Double(left), Value::Double(right)) => real!(operator, left, right, Double),
        (Value::Decimal(left), Value::Decimal(right)) => decimal(operator, *left, *right),
        (Value::Boolean(left), Value::Boolean(right)) => Ok(Value::Boolean(match operator {
            B::And => left & right,
            B::Or => left | right,
            B::Xor | B::NotEqual => left ^ right,
            B::Equal => left == right,
            _ => return Err(Error::Operands),
        })),
        (Value::Text(left), Value::Text(right)) => match operator {
            B::Equal => Ok(Value::Boolean(left == right)),
            B::NotEqual => Ok(Value::Boolean(left != right)),
            _ => Err(Error::Operands),
        },
        (Value::Enum(ty, left), Value::Enum(_, right)) => match operator {
            B::And => Ok(Value::Enum(*ty, left & right)),
            B::Or => Ok(Value::Enum(*ty, left | right)),
            B::Xor => Ok(Value::Enum(*ty, left ^ right)),
            B::Subtract => Ok(Value::Int32((left - right) as i32)),
            _ => compare(operator, Some(left.cmp(right))),
        },
        (Value::Enum(ty, left), Value::Int32(right)) => match operator {
            B::Add => Ok(Value::Enum(*ty, left + i64::from(*right))),
            B::Subtract => Ok(Value::Enum(*ty, left - i64::from(*right))),
            _ => Err(Error::Operands),
        },
        (Value::Int32(left), Value::Enum(ty, right)) if operator == B::Add => Ok(Value::Enum(*ty, i64::from(*left) + right)),
        // What has no null compared with null was answered above; what is left is there on both sides.
        _ if matches!(operator, B::Equal | B::NotEqual) => Err(Error::Operands),
        _ => Err(Error::Operands),
    }
}

fn decimal(operator: BinaryOperator, left: Decimal, right: Decimal) -> Result<Value, Error> {
    use BinaryOperator as B;
    let result = match operator {
        B::Add => left.checked_add(right),
        B::Subtract => left.checked_sub(right),
        // A zero keeps its decimals.
        B::Multiply if left.is_zero() || right.is_zero() => {
            let scale = (left.scale() + right.scale()).min(Decimal::MAX_SCALE);
            Some(Decimal::new(0, scale))
        }
        B::Multiply => left.checked_mul(right),
        B::Divide if right.is_zero() => return Err(Error::DivideByZero),
        B::Divide => left.checked_div(right).map(|quotient| {
            // No more decimals than needed, no fewer than the operands' scales leave.
            let mut quotient = quotient.normalize();
            let least = left.scale().saturating_sub(right.scale());
            if quotient.scale() < least {
                quotient.rescale(least);
            }
            quotient
        }),
        B::Remainder if right.is_zero() => return Err(Error::DivideByZero),
        B::Remainder => left.checked_rem(right),
        _ => return compare(operator, Some(left.cmp(&right))),
    };
    result.map(Value::Decimal).ok_or(Error::DecimalOverflow)
}

pub(crate) fn negate(value: &Value) -> Result<Value, Error> {
    Ok(match value {
        Value::Null => Value::Null,
        Value::Int32(value) => Value::Int32(value.wrapping_neg()),
        Value::Int64(value) => Value::Int64(value.wrapping_neg()),
        Value::Single(value) => Value::Single(-value),
        Value::Double(value) => Value::Double(-value),
        Value::Decimal(value) => Value::Decimal(-*value),
        _ => return Err(Error::Operands),
    })
}

pub(crate) fn complement(value: &Value) -> Value {
    match value {
        Value::Int32(value) => Value::Int32(!value),
        Value::UInt32(value) => Value::UInt32(!value),
        Value::Int64(value) => Value::Int64(!value),
        Value::UInt64(value) => Value::UInt64(!value),
        Value::Enum(ty, value) => Value::Enum(*ty, !value),
        other => other.clone(),
    }
}

/// A number as another number type; nothing if it does not fit and that is an error.
pub(crate) fn convert(value: &Value, to: Primitive, checked: bool) -> Option<Value> {
    use Primitive as P;
    let real = match value {
        Value::Double(value) => Some(*value),
        Value::Single(value) => Some(f64::from(*value)),
        _ => None,
    };
    if let Value::Decimal(number) = value {
        return Some(match to {
            P::Decimal => Value::Decimal(*number),
            P::Double => Value::Double(number.to_string().parse().ok()?),
            P::Single => Value::Single(number.to_string().parse().ok()?),
            _ => {
                let whole = number.trunc().to_i128()?;
                return convert_integer(whole, to, true);
            }
        });
    }
    if let Some(real) = real {
        return Some(match to {
            P::Double => Value::Double(real),
            P::Single => match value {
                Value::Single(value) => Value::Single(*value),
                _ => Value::Single(real as f32),
            },
            P::Decimal => Value::Decimal(crate::expression::library::decimal::from_double(real, matches!(value, Value::Single(_)))?),
            _ => {
                if checked {
                    if real.is_nan() {
                        return None;
                    }
                    return convert_integer(real.trunc() as i128, to, true);
                }
                // Out of range has no defined result in C#; the machine's own is taken.
                let wide = if real.is_nan() || real.abs() >= 9.3e18 { i128::from(i64::MIN) } else { real.trunc() as i128 };
                if to == P::UInt64 && (9.2e18..1.9e19).contains(&real) {
                    return convert_integer(real.trunc() as i128, to, false);
                }
                if to == P::Int32 && (wide > i128::from(i32::MAX) || wide < i128::from(i32::MIN)) {
                    return Some(Value::Int32(i32::MIN));
                }
                return convert_integer(wide, to, false);
            }
        });
    }
    let whole = match value {
        Value::UInt64(value) => i128::from(*value),
        Value::Boolean(_) | Value::Null | Value::Text(_) | Value::Object(_) => return None,
        other => i128::from(other.integer()),
    };
    match to {
        P::Double => Some(Value::Double(whole as f64)),
        P::Single => Some(Value::Single(whole as f32)),
        P::Decimal => Decimal::from_i128(whole).map(Value::Decimal),
        _ => convert_integer(whole, to, checked),
    }
}

fn convert_integer(whole: i128, to: Primitive, checked: bool) -> Option<Value> {
    use Primitive as P;
    macro_rules! narrow {
        ($ty:ty, $variant:ident) => {
            if checked { <$ty>::try_from(whole).ok().map(Value::$variant) } else { Some(Value::$variant(whole as $ty)) }
        };
    }
    match to {
        P::SByte => narrow!(i8, SByte),
        P::Byte => narrow!(u8, Byte),
        P::Int16 => narrow!(i16, Int16),
        P::UInt16 => narrow!(u16, UInt16),
        P::Int32 => narrow!(i32, Int32),
        P::UInt32 => narrow!(u32, UInt32),
        P::Int64 => narrow!(i64, Int64),
        P::UInt64 => narrow!(u64, UInt64),
        P::Char => narrow!(u16, Char),
        _ => None,
    }
}
