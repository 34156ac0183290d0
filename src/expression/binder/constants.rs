//! Fields that C# takes for constants: what is computed with them is computed when it is compiled.

use rust_decimal::Decimal;

use crate::expression::catalogue::Member;
use crate::expression::types::{Primitive, Type};
use crate::expression::value::Value;

/// The value of `holder.member`, if the field is declared `const` (`decimal`'s are by an attribute).
pub(super) fn of(holder: Type, member: &Member) -> Option<Value> {
    const DAY: i64 = 864_000_000_000;
    let name = member.name;
    if holder.is("TimeSpan") {
        let ticks = match name {
            "TicksPerDay" => DAY,
            "TicksPerHour" => DAY / 24,
            "TicksPerMinute" => 600_000_000,
            "TicksPerSecond" => 10_000_000,
            "TicksPerMillisecond" => 10_000,
            _ => return None,
        };
        return Some(Value::Int64(ticks));
    }
    if holder.is("Math") {
        return match name {
            "PI" => Some(Value::Double(std::f64::consts::PI)),
            "E" => Some(Value::Double(std::f64::consts::E)),
            _ => None,
        };
    }
    macro_rules! range {
        ($kind:ident, $ty:ty) => {
            match name {
                "MaxValue" => Some(Value::$kind(<$ty>::MAX)),
                "MinValue" => Some(Value::$kind(<$ty>::MIN)),
                _ => None,
            }
        };
    }
    match holder.primitive()? {
        Primitive::SByte => range!(SByte, i8),
        Primitive::Byte => range!(Byte, u8),
        Primitive::Int16 => range!(Int16, i16),
        Primitive::UInt16 => range!(UInt16, u16),
        Primitive::Int32 => range!(Int32, i32),
        Primitive::UInt32 => range!(UInt32, u32),
        Primitive::Int64 => range!(Int64, i64),
        Primitive::UInt64 => range!(UInt64, u64),
        Primitive::Char => range!(Char, u16),
        Primitive::Decimal => match name {
            "Zero" => Some(Value::Decimal(Decimal::ZERO)),
            "One" => Some(Value::Decimal(Decimal::ONE)),
            "MinusOne" => Some(Value::Decimal(-Decimal::ONE)),
            _ => range!(Decimal, Decimal),
        },
        Primitive::Double => match name {
            "PositiveInfinity" => Some(Value::Double(f64::INFINITY)),
            "NegativeInfinity" => Some(Value::Double(f64::NEG_INFINITY)),
            _ => range!(Double, f64),
        },
        Primitive::Single => match name {
            "PositiveInfinity" => Some(Value::Single(f32::INFINITY)),
            "NegativeInfinity" => Some(Value::Single(f32::NEG_INFINITY)),
            _ => range!(Single, f32),
        },
        Primitive::Boolean => None,
    }
}
