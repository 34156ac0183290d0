//! What only `Decimal` has: its making, its bits, and its conversions.

use rust_decimal::Decimal;

use super::{as_decimal, real, to};
use crate::expression::heap::Object;
use crate::expression::library::decimal::from_double;
use crate::expression::library::{Members, math};
use crate::expression::machine::{Args, Machine, Outcome, arithmetic};
use crate::expression::syntax::BinaryOperator;
use crate::expression::types::{Primitive, known};
use crate::expression::value::Value;

pub(in crate::expression::library) const MEMBERS: Members = &[
    ("Decimal.new(int)", |_, a| Ok(Value::Decimal(as_decimal(a.get(0))))),
    ("Decimal.new(uint)", |_, a| Ok(Value::Decimal(as_decimal(a.get(0))))),
    ("Decimal.new(long)", |_, a| Ok(Value::Decimal(as_decimal(a.get(0))))),
    ("Decimal.new(ulong)", |_, a| {
        Ok(Value::Decimal(match a.get(0) {
            Value::UInt64(value) => Decimal::from(*value),
            other => as_decimal(other),
        }))
    }),
    ("Decimal.new(double)", |m, a| of_real(m, a, false)),
    ("Decimal.new(float)", |m, a| of_real(m, a, true)),
    ("Decimal.new(int,int,int,bool,byte)", |m, a| {
        let scale = a.get(4).integer();
        if !(0..=28).contains(&scale) {
            return Err(m.out_of_range("scale", "Decimal's scale value must be between 0 and 28, inclusive."));
        }
        let [low, middle, high] = [a.int(0), a.int(1), a.int(2)].map(i32::cast_unsigned);
        Ok(Value::Decimal(Decimal::from_parts(low, middle, high, a.truth(3), u32::try_from(scale).unwrap_or(0))))
    }),
    ("Decimal.new(int[])", |m, a| {
        let bits = match a.get(0) {
            Value::Object(handle) => match m.heap.get(*handle) {
                Object::Array(_, items) => items.iter().map(|item| (item.integer() as i32).cast_unsigned()).collect::<Vec<u32>>(),
                _ => Vec::new(),
            },
            _ => return Err(m.argument_null("bits")),
        };
        match bits.as_slice() {
            [low, middle, high, flags] if flags & 0x7f00_ffff == 0 && (flags >> 16 & 0xff) <= 28 => {
                Ok(Value::Decimal(Decimal::from_parts(*low, *middle, *high, flags >> 31 == 1, flags >> 16 & 0xff)))
            }
            _ => Err(m.throw(
                "ArgumentException",
                "Decimal byte array constructor requires an array of length four containing valid decimal bytes.",
            )),
        }
    }),
    ("Decimal.GetBits(decimal)", |m, a| {
        let value = as_decimal(a.get(0));
        let parts = value.unpack();
        let flags = parts.scale << 16 | u32::from(parts.negative) << 31;
        let items = [parts.lo, parts.mid, parts.hi, flags].map(|word| Value::Int32(word.cast_signed())).to_vec();
        m.array(known().int32, items)
    }),
    ("Decimal.Scale", |_, a| Ok(Value::Byte(as_decimal(a.get(0)).scale() as u8))),
    ("Decimal.Divide", |m, a| {
        if as_decimal(a.get(1)).is_zero() {
            return Err(m.throw("DivideByZeroException", "Attempted to divide by zero."));
        }
        match arithmetic::binary(BinaryOperator::Divide, a.get(0), a.get(1), false) {
            Ok(value) => Ok(value),
            Err(_) => Err(m.throw("OverflowException", "Value was either too large or too small for a Decimal.")),
        }
    }),
    ("Decimal.Remainder", |m, a| {
        if as_decimal(a.get(1)).is_zero() {
            return Err(m.throw("DivideByZeroException", "Attempted to divide by zero."));
        }
        super::decimal(m, a, |one, two| one.checked_rem(two))
    }),
    ("Decimal.Round(decimal,MidpointRounding)", |m, a| math::round(m, a)),
    ("Decimal.Round(decimal,int,MidpointRounding)", |m, a| math::round(m, a)),
    ("Decimal.FromOACurrency", |_, a| Ok(Value::Decimal(Decimal::new(a.get(0).integer(), 4).normalize()))),
    ("Decimal.ToOACurrency", |m, a| {
        let scaled = as_decimal(a.get(0)).checked_mul(Decimal::from(10_000)).map(|value| value.round());
        match scaled.and_then(|value| i64::try_from(value).ok()) {
            Some(value) => Ok(Value::Int64(value)),
            None => Err(m.throw("OverflowException", "Value was either too large or too small for a Currency.")),
        }
    }),
    ("Decimal.ToByte", |m, a| narrowed(m, a, Primitive::Byte, "an unsigned byte")),
    ("Decimal.ToSByte", |m, a| narrowed(m, a, Primitive::SByte, "a signed byte")),
    ("Decimal.ToInt16", |m, a| narrowed(m, a, Primitive::Int16, "an Int16")),
    ("Decimal.ToUInt16", |m, a| narrowed(m, a, Primitive::UInt16, "a UInt16")),
    ("Decimal.ToUInt32", |m, a| narrowed(m, a, Primitive::UInt32, "a UInt32")),
    ("Decimal.ToUInt64", |m, a| narrowed(m, a, Primitive::UInt64, "a UInt64")),
    ("Decimal.ToSingle", |m, a| to(m, a, Primitive::Single)),
];

fn of_real(m: &mut Machine<'_>, a: Args<'_>, single: bool) -> Outcome {
    match from_double(real(a.get(0)), single) {
        Some(value) => Ok(Value::Decimal(value)),
        None => Err(m.throw("OverflowException", "Value was either too large or too small for a Decimal.")),
    }
}

fn narrowed(m: &mut Machine<'_>, a: Args<'_>, to: Primitive, name: &str) -> Outcome {
    match arithmetic::convert(a.get(0), to, true) {
        Some(value) => Ok(value),
        None => Err(m.throw("OverflowException", &format!("Value was either too large or too small for {name}."))),
    }
}
