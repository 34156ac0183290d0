//! The number types and `Boolean`: parsing, formatting, comparing, and their constants.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use super::basics::{format_value, hash_code, instance_equals, instance_text};
use super::{Members, compare, convert, format, math};
use crate::expression::machine::arithmetic;
use crate::expression::machine::{Args, Machine, Outcome};
use crate::expression::syntax::BinaryOperator;
use crate::expression::text::Text;
use crate::expression::types::Primitive;
use crate::expression::value::Value;

pub(crate) mod decimals;
mod reals;

pub(super) use reals::MEMBERS as REALS;

macro_rules! number {
    ($name:literal, $keyword:literal, $primitive:ident, $message:literal, $min:expr, $max:expr) => {
        &[
            (concat!($name, ".MinValue"), |_, _| Ok($min)),
            (concat!($name, ".MaxValue"), |_, _| Ok($max)),
            (concat!($name, ".Parse(string)"), |m, a| parse(m, a, Primitive::$primitive, $message)),
            (concat!($name, ".Parse(string,IFormatProvider)"), |m, a| parse(m, a, Primitive::$primitive, $message)),
            (concat!($name, ".TryParse(string,", $keyword, ")"), |m, a| try_parse(m, a, Primitive::$primitive)),
            (concat!($name, ".ToString()"), |m, a| instance_text(m, a)),
            (concat!($name, ".ToString(IFormatProvider)"), |m, a| instance_text(m, a)),
            (concat!($name, ".ToString(string)"), |m, a| formatted(m, a)),
            (concat!($name, ".ToString(string,IFormatProvider)"), |m, a| formatted(m, a)),
            (concat!($name, ".CompareTo"), |m, a| compare_to(m, a, $message)),
            (concat!($name, ".Equals"), |m, a| instance_equals(m, a)),
            (concat!($name, ".GetHashCode()"), |m, a| hash_code(m, a)),
            (concat!($name, ".TryParse(string,IFormatProvider,", $keyword, ")"), |m, a| {
                try_parse(m, Args { values: &[a.get(0).clone(), a.get(2).clone()], types: a.types }, Primitive::$primitive)
            }),
            (concat!($name, ".GetTypeCode()"), |m, a| convert::changing::type_code(m, a.get(0))),
            (concat!($name, ".Abs(", $keyword, ")"), |m, a| math::abs(m, a)),
            (concat!($name, ".Sign(", $keyword, ")"), |m, a| math::sign(m, a)),
            (concat!($name, ".Max(", $keyword, ",", $keyword, ")"), |m, a| math::pick(m, a, 1)),
            (concat!($name, ".Min(", $keyword, ",", $keyword, ")"), |m, a| math::pick(m, a, -1)),
            (concat!($name, ".Clamp(", $keyword, ",", $keyword, ",", $keyword, ")"), |m, a| math::clamp(m, a)),
        ]
    };
}

static INTEGERS: [&[(&str, super::Native)]; 12] = [
    number!("SByte", "sbyte", SByte, "a signed byte", Value::SByte(i8::MIN), Value::SByte(i8::MAX)),
    number!("Byte", "byte", Byte, "an unsigned byte", Value::Byte(0), Value::Byte(u8::MAX)),
    number!("Int16", "short", Int16, "an Int16", Value::Int16(i16::MIN), Value::Int16(i16::MAX)),
    number!("UInt16", "ushort", UInt16, "a UInt16", Value::UInt16(0), Value::UInt16(u16::MAX)),
    number!("Int32", "int", Int32, "an Int32", Value::Int32(i32::MIN), Value::Int32(i32::MAX)),
    number!("UInt32", "uint", UInt32, "a UInt32", Value::UInt32(0), Value::UInt32(u32::MAX)),
    number!("Int64", "long", Int64, "an Int64", Value::Int64(i64::MIN), Value::Int64(i64::MAX)),
    number!("UInt64", "ulong", UInt64, "a UInt64", Value::UInt64(0), Value::UInt64(u64::MAX)),
    number!("Single", "float", Single, "a Single", Value::Single(f32::MIN), Value::Single(f32::MAX)),
    number!("Double", "double", Double, "a Double", Value::Double(f64::MIN), Value::Double(f64::MAX)),
    number!("Decimal", "decimal", Decimal, "a Decimal", Value::Decimal(Decimal::MIN), Value::Decimal(Decimal::MAX)),
    &[],
];

/// The tables of the number types.
pub(super) fn tables() -> impl Iterator<Item = &'static (&'static str, super::Native)> {
    INTEGERS.iter().flat_map(|table| table.iter())
}

pub(super) const MEMBERS: Members = &[
    // .NET's NaN has its sign bit set, which `BitConverter` shows.
    ("Double.NaN", |_, _| Ok(Value::Double(-f64::NAN))),
    ("Double.Epsilon", |_, _| Ok(Value::Double(5e-324))),
    ("Double.PositiveInfinity", |_, _| Ok(Value::Double(f64::INFINITY))),
    ("Double.NegativeInfinity", |_, _| Ok(Value::Double(f64::NEG_INFINITY))),
    ("Double.IsNaN", |_, a| Ok(Value::Boolean(real(a.get(0)).is_nan()))),
    ("Double.IsInfinity", |_, a| Ok(Value::Boolean(real(a.get(0)).is_infinite()))),
    ("Double.IsPositiveInfinity", |_, a| Ok(Value::Boolean(real(a.get(0)) == f64::INFINITY))),
    ("Double.IsNegativeInfinity", |_, a| Ok(Value::Boolean(real(a.get(0)) == f64::NEG_INFINITY))),
    ("Single.NaN", |_, _| Ok(Value::Single(-f32::NAN))),
    ("Single.Epsilon", |_, _| Ok(Value::Single(f32::from_bits(1)))),
    ("Single.PositiveInfinity", |_, _| Ok(Value::Single(f32::INFINITY))),
    ("Single.NegativeInfinity", |_, _| Ok(Value::Single(f32::NEG_INFINITY))),
    ("Single.IsNaN", |_, a| Ok(Value::Boolean(real(a.get(0)).is_nan()))),
    ("Single.IsInfinity", |_, a| Ok(Value::Boolean(real(a.get(0)).is_infinite()))),
    ("Decimal.Zero", |_, _| Ok(Value::Decimal(Decimal::ZERO))),
    ("Decimal.One", |_, _| Ok(Value::Decimal(Decimal::ONE))),
    ("Decimal.MinusOne", |_, _| Ok(Value::Decimal(-Decimal::ONE))),
    ("Boolean.TrueString", |_, _| Ok(Value::from("True"))),
    ("Boolean.FalseString", |_, _| Ok(Value::from("False"))),
    ("Boolean.Parse(string)", |m, a| {
        let text = m.string(a, 0, "value")?;
        match parse_boolean(&text.to_str()) {
            Some(value) => Ok(Value::Boolean(value)),
            None => Err(m.throw("FormatException", "String was not recognized as a valid Boolean.")),
        }
    }),
    ("Boolean.TryParse(string,bool)", |m, a| {
        let value = a.text(0).and_then(|text| parse_boolean(&text.to_str()));
        m.set_cell(a.get(1), Value::Boolean(value.unwrap_or(false)));
        Ok(Value::Boolean(value.is_some()))
    }),
    ("Boolean.ToString", |m, a| instance_text(m, a)),
    ("Boolean.Equals", |m, a| instance_equals(m, a)),
    ("Boolean.CompareTo", |m, a| compare_to(m, a, "a Boolean")),
    ("Boolean.GetHashCode()", |m, a| hash_code(m, a)),
    ("Boolean.GetTypeCode()", |m, a| convert::changing::type_code(m, a.get(0))),
    ("Decimal.Add", |m, a| decimal(m, a, |one, two| one.checked_add(two))),
    ("Decimal.Subtract", |m, a| decimal(m, a, |one, two| one.checked_sub(two))),
    ("Decimal.Multiply", |m, a| {
        let product = arithmetic::binary(BinaryOperator::Multiply, a.get(0), a.get(1), true);
        product.map_err(|error| m.arithmetic(error))
    }),
    ("Decimal.Compare", |m, a| compare(m, a.get(0), a.get(1)).map(Value::Int32)),
    ("Decimal.Truncate", |_, a| Ok(Value::Decimal(as_decimal(a.get(0)).trunc()))),
    ("Decimal.Floor", |_, a| Ok(Value::Decimal(as_decimal(a.get(0)).floor()))),
    ("Decimal.Ceiling", |_, a| Ok(Value::Decimal(as_decimal(a.get(0)).ceil()))),
    ("Decimal.Negate", |_, a| Ok(Value::Decimal(-as_decimal(a.get(0))))),
    ("Decimal.Round(decimal)", |m, a| super::math::round(m, a)),
    ("Decimal.Round(decimal,int)", |m, a| super::math::round(m, a)),
    ("Decimal.ToInt32", |m, a| to(m, a, Primitive::Int32)),
    ("Decimal.ToInt64", |m, a| to(m, a, Primitive::Int64)),
    ("Decimal.ToDouble", |m, a| to(m, a, Primitive::Double)),
];

pub(super) fn real(value: &Value) -> f64 {
    match value {
        Value::Double(value) => *value,
        Value::Single(value) => f64::from(*value),
        Value::Decimal(value) => value.to_f64().unwrap_or(0.0),
        Value::UInt64(value) => *value as f64,
        other => other.integer() as f64,
    }
}

pub(super) fn as_decimal(value: &Value) -> Decimal {
    match value {
        Value::Decimal(value) => *value,
        other => Decimal::from(other.integer()),
    }
}

fn decimal(m: &mut Machine<'_>, a: Args<'_>, work: fn(Decimal, Decimal) -> Option<Decimal>) -> Outcome {
    match work(as_decimal(a.get(0)), as_decimal(a.get(1))) {
        Some(value) => Ok(Value::Decimal(value)),
        None => Err(m.throw("OverflowException", "Value was either too large or too small for a Decimal.")),
    }
}

/// To another number type, refused if it does not fit.
fn to(m: &mut Machine<'_>, a: Args<'_>, to: Primitive) -> Outcome {
    arithmetic::convert(a.get(0), to, true).ok_or_else(|| m.throw("OverflowException", "Value was either too large or too small."))
}

pub(super) fn parse_boolean(text: &str) -> Option<bool> {
    let text = text.trim_matches(|character: char| character.is_whitespace() || character == '\0');
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// Reads a number; `Err(true)` means that it does not fit.
pub(super) fn read(text: &str, to: Primitive) -> Result<Value, bool> {
    match to {
        Primitive::Double | Primitive::Single => {
            let trimmed = text.trim();
            let special = match trimmed {
                "NaN" => Some(f64::NAN),
                "Infinity" | "+Infinity" => Some(f64::INFINITY),
                "-Infinity" => Some(f64::NEG_INFINITY),
                _ => None,
            };
            let value: f64 = match special {
                Some(value) => value,
                None => format::clean_real(text).ok_or(false)?.parse().map_err(|_| false)?,
            };
            if special.is_none() && value.is_infinite() {
                return Err(true);
            }
            if to == Primitive::Single {
                let single = value as f32;
                return if single.is_infinite() && special.is_none() { Err(true) } else { Ok(Value::Single(single)) };
            }
            Ok(Value::Double(value))
        }
        Primitive::Decimal => {
            // `NumberStyles.Number`: no exponent.
            if format::clean_real(text).is_none() || text.contains(['e', 'E']) {
                return Err(false);
            }
            format::parse_decimal(text).map(Value::Decimal).ok_or(true)
        }
        _ => {
            let value = format::parse_integer(text)?;
            let narrow = |value: i128| -> Option<Value> {
                Some(match to {
                    Primitive::SByte => Value::SByte(i8::try_from(value).ok()?),
                    Primitive::Byte => Value::Byte(u8::try_from(value).ok()?),
                    Primitive::Int16 => Value::Int16(i16::try_from(value).ok()?),
                    Primitive::UInt16 => Value::UInt16(u16::try_from(value).ok()?),
                    Primitive::Int32 => Value::Int32(i32::try_from(value).ok()?),
                    Primitive::UInt32 => Value::UInt32(u32::try_from(value).ok()?),
                    Primitive::Int64 => Value::Int64(i64::try_from(value).ok()?),
                    _ => Value::UInt64(u64::try_from(value).ok()?),
                })
            };
            narrow(value).ok_or(true)
        }
    }
}

fn parse(m: &mut Machine<'_>, a: Args<'_>, to: Primitive, name: &str) -> Outcome {
    let parameter = match to {
        Primitive::Int32 | Primitive::Int64 | Primitive::Double | Primitive::Single | Primitive::Decimal => "String",
        _ => "String",
    };
    let text = m.string(a, 0, parameter)?;
    parse_text(m, &text, to, name)
}

/// `Parse`, with its exceptions.
pub(super) fn parse_text(m: &mut Machine<'_>, text: &Text, to: Primitive, name: &str) -> Outcome {
    match read(&text.to_str(), to) {
        Ok(value) => Ok(value),
        Err(true) => Err(m.throw("OverflowException", &format!("Value was either too large or too small for {name}."))),
        Err(false) => Err(m.throw("FormatException", "Input string was not in a correct format.")),
    }
}

fn try_parse(m: &mut Machine<'_>, a: Args<'_>, to: Primitive) -> Outcome {
    let value = a.text(0).and_then(|text| read(&text.to_str(), to).ok());
    let found = value.is_some();
    let zero = arithmetic::convert(&Value::Int32(0), to, false).unwrap_or(Value::Null);
    m.set_cell(a.get(1), value.unwrap_or(zero));
    Ok(Value::Boolean(found))
}

pub(super) fn formatted(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let format = a.text(1);
    let text = format_value(m, a.get(0), format.as_deref())?;
    m.text(text)
}

pub(super) fn compare_to(m: &mut Machine<'_>, a: Args<'_>, _name: &str) -> Outcome {
    if a.get(1).is_null() {
        return Ok(Value::Int32(1));
    }
    if std::mem::discriminant(a.get(0)) != std::mem::discriminant(a.get(1)) {
        let own = m.heap.type_of(a.get(0));
        let name = own.definition().map_or("", |definition| definition.name);
        return Err(m.throw("ArgumentException", &format!("Object must be of type {name}.")));
    }
    let narrow = matches!(a.get(0), Value::SByte(_) | Value::Byte(_) | Value::Int16(_) | Value::UInt16(_) | Value::Char(_));
    if narrow {
        return Ok(Value::Int32((a.get(0).integer() - a.get(1).integer()) as i32));
    }
    compare(m, a.get(0), a.get(1)).map(Value::Int32)
}
