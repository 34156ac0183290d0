//! `Convert` and `BitConverter`.

use base64::Engine as _;

use super::numbers::{parse_boolean, parse_text};
use super::{Members, dates, format, to_text};
use crate::expression::machine::arithmetic;
use crate::expression::machine::{Args, Machine, Outcome};
use crate::expression::text::Text;
use crate::expression::types::Primitive;
use crate::expression::value::Value;

pub(crate) mod changing;

pub(super) const MEMBERS: Members = &[
    ("Convert.ToInt32", |m, a| to_number(m, a, Primitive::Int32, "an Int32")),
    ("Convert.ToInt64", |m, a| to_number(m, a, Primitive::Int64, "an Int64")),
    ("Convert.ToInt16", |m, a| to_number(m, a, Primitive::Int16, "an Int16")),
    ("Convert.ToByte", |m, a| to_number(m, a, Primitive::Byte, "an unsigned byte")),
    ("Convert.ToSByte", |m, a| to_number(m, a, Primitive::SByte, "a signed byte")),
    ("Convert.ToUInt16", |m, a| to_number(m, a, Primitive::UInt16, "a UInt16")),
    ("Convert.ToUInt32", |m, a| to_number(m, a, Primitive::UInt32, "a UInt32")),
    ("Convert.ToUInt64", |m, a| to_number(m, a, Primitive::UInt64, "a UInt64")),
    ("Convert.ToDouble", |m, a| to_number(m, a, Primitive::Double, "a Double")),
    ("Convert.ToSingle", |m, a| to_number(m, a, Primitive::Single, "a Single")),
    ("Convert.ToDecimal", |m, a| to_number(m, a, Primitive::Decimal, "a Decimal")),
    ("Convert.ToBoolean", |m, a| {
        if let Some(cast) = super::json::values::through_cast(m, a.get(0), "Boolean") {
            return cast;
        }
        let value = a.get(0).clone();
        Ok(Value::Boolean(match &value {
            Value::Null => false,
            Value::Boolean(value) => *value,
            Value::Text(text) => match parse_boolean(&text.to_str()) {
                Some(value) => value,
                None => return Err(m.throw("FormatException", "String was not recognized as a valid Boolean.")),
            },
            Value::Char(_) => return Err(m.throw("InvalidCastException", "Invalid cast from 'Char' to 'Boolean'.")),
            Value::DateTime(_) => return Err(m.throw("InvalidCastException", "Invalid cast from 'DateTime' to 'Boolean'.")),
            Value::Object(_) | Value::Host(_) | Value::Span(_) | Value::Guid(_) | Value::Offset(_) | Value::TypeToken(_) => {
                return Err(not_convertible(m));
            }
            Value::Double(value) => *value != 0.0,
            Value::Single(value) => *value != 0.0,
            Value::Decimal(value) => !value.is_zero(),
            other => other.integer() != 0,
        }))
    }),
    ("Convert.ToChar", |m, a| match a.get(0) {
        Value::Object(_) | Value::Host(_) | Value::Span(_) | Value::Guid(_) | Value::Offset(_) | Value::TypeToken(_) => {
            super::json::values::through_cast(m, a.get(0), "Char").unwrap_or_else(|| Err(not_convertible(m)))
        }
        Value::Text(text) if text.len() == 1 => Ok(Value::Char(text.at(0))),
        Value::Text(_) => Err(m.throw("FormatException", "String must be exactly one character long.")),
        Value::Null => Ok(Value::Char(0)),
        Value::Char(unit) => Ok(Value::Char(*unit)),
        Value::Single(_) | Value::Double(_) | Value::Decimal(_) | Value::Boolean(_) | Value::DateTime(_) => {
            let own = m.heap.type_of(a.get(0)).full_name();
            let own = own.rsplit('.').next().unwrap_or_default().to_owned();
            Err(m.throw("InvalidCastException", &format!("Invalid cast from '{own}' to 'Char'.")))
        }
        value => arithmetic::convert(value, Primitive::Char, true)
            .ok_or_else(|| m.throw("OverflowException", "Value was either too large or too small for a character.")),
    }),
    ("Convert.ToString", |m, a| {
        if a.len() == 2
            && let Value::Int32(radix) = a.get(1)
        {
            return in_radix(m, a.get(0), *radix);
        }
        if a.get(0).is_null() {
            return Ok(Value::from(""));
        }
        let text = to_text(m, a.get(0))?;
        m.text(text)
    }),
    ("Convert.ToString(string)", |_, a| Ok(a.get(0).clone())),
    ("Convert.ToString(string,IFormatProvider)", |_, a| Ok(a.get(0).clone())),
    ("Convert.ToDateTime(string)", |m, a| match a.text(0) {
        None => Ok(Value::DateTime(crate::expression::value::DateTime { ticks: 0, kind: 0 })),
        Some(text) => dates::parse_or_throw(m, &text.to_str()),
    }),
    ("Convert.ToBase64String(byte[])", |m, a| {
        let bytes = m.bytes(a.get(0), "inArray")?;
        m.text(Text::from(base64::engine::general_purpose::STANDARD.encode(bytes)))
    }),
    ("Convert.ToBase64String(byte[],int,int)", |m, a| {
        let bytes = m.bytes(a.get(0), "inArray")?;
        let (start, count) = super::strings::range(m, bytes.len(), a.int(1), a.int(2))?;
        m.text(Text::from(base64::engine::general_purpose::STANDARD.encode(&bytes[start..start + count])))
    }),
    ("Convert.FromBase64String", |m, a| {
        let text = m.string(a, 0, "s")?;
        let clean: String = text.to_str().chars().filter(|character| !matches!(character, ' ' | '\t' | '\r' | '\n')).collect();
        if !clean.len().is_multiple_of(4) {
            return Err(m.throw("FormatException", "Invalid length for a Base-64 char array or string."));
        }
        let engine = base64::engine::GeneralPurpose::new(
            &base64::alphabet::STANDARD,
            base64::engine::GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
        );
        match engine.decode(&clean) {
            Ok(bytes) => m.byte_array(&bytes),
            Err(_) => {
                let message = "The input is not a valid Base-64 string as it contains a non-base 64 character, more than two padding characters, or an illegal character among the padding characters. ";
                Err(m.throw("FormatException", message))
            }
        }
    }),
    ("BitConverter.IsLittleEndian", |_, _| Ok(Value::Boolean(true))),
    ("BitConverter.ToString", |m, a| {
        let bytes = m.bytes(a.get(0), "value")?;
        let start = if a.len() > 1 { usize::try_from(a.int(1)).unwrap_or(usize::MAX) } else { 0 };
        if start > 0 && start >= bytes.len() {
            return Err(
                m.out_of_range("startIndex", "Index was out of range. Must be non-negative and less than the size of the collection.")
            );
        }
        let end = if a.len() > 2 {
            let Ok(count) = usize::try_from(a.int(2)) else { return Err(m.out_of_range("length", "Value must be positive.")) };
            start.saturating_add(count)
        } else {
            bytes.len()
        };
        if end > bytes.len() {
            let message = "Destination array is not long enough to copy all the items in the collection. Check array index and length.";
            return Err(m.throw("ArgumentException", message));
        }
        let list: Vec<String> = bytes[start..end].iter().map(|byte| format!("{byte:02X}")).collect();
        m.text(Text::from(list.join("-")))
    }),
    ("BitConverter.GetBytes", |m, a| {
        let bytes: Vec<u8> = match a.get(0) {
            Value::Boolean(value) => vec![u8::from(*value)],
            Value::Char(value) | Value::UInt16(value) => value.to_le_bytes().to_vec(),
            Value::Int16(value) => value.to_le_bytes().to_vec(),
            Value::Int32(value) => value.to_le_bytes().to_vec(),
            Value::UInt32(value) => value.to_le_bytes().to_vec(),
            Value::UInt64(value) => value.to_le_bytes().to_vec(),
            Value::Single(value) => value.to_le_bytes().to_vec(),
            Value::Double(value) => value.to_le_bytes().to_vec(),
            other => other.integer().to_le_bytes().to_vec(),
        };
        m.byte_array(&bytes)
    }),
    ("BitConverter.ToInt16", |m, a| part::<2>(m, a).map(|bytes| Value::Int16(i16::from_le_bytes(bytes)))),
    ("BitConverter.ToUInt16", |m, a| part::<2>(m, a).map(|bytes| Value::UInt16(u16::from_le_bytes(bytes)))),
    ("BitConverter.ToInt32", |m, a| part::<4>(m, a).map(|bytes| Value::Int32(i32::from_le_bytes(bytes)))),
    ("BitConverter.ToUInt32", |m, a| part::<4>(m, a).map(|bytes| Value::UInt32(u32::from_le_bytes(bytes)))),
    ("BitConverter.ToInt64", |m, a| part::<8>(m, a).map(|bytes| Value::Int64(i64::from_le_bytes(bytes)))),
    ("BitConverter.ToUInt64", |m, a| part::<8>(m, a).map(|bytes| Value::UInt64(u64::from_le_bytes(bytes)))),
    ("BitConverter.ToDouble", |m, a| part::<8>(m, a).map(|bytes| Value::Double(f64::from_le_bytes(bytes)))),
    ("BitConverter.ToSingle", |m, a| part::<4>(m, a).map(|bytes| Value::Single(f32::from_le_bytes(bytes)))),
    ("BitConverter.ToBoolean", |m, a| part::<1>(m, a).map(|bytes| Value::Boolean(bytes[0] != 0))),
    ("BitConverter.ToChar", |m, a| part::<2>(m, a).map(|bytes| Value::Char(u16::from_le_bytes(bytes)))),
    ("BitConverter.DoubleToUInt64Bits", |_, a| Ok(Value::UInt64(super::numbers::real(a.get(0)).to_bits()))),
    ("BitConverter.UInt64BitsToDouble", |_, a| {
        Ok(Value::Double(f64::from_bits(match a.get(0) {
            Value::UInt64(bits) => *bits,
            other => other.integer() as u64,
        })))
    }),
    ("BitConverter.SingleToInt32Bits", |_, a| Ok(Value::Int32((super::numbers::real(a.get(0)) as f32).to_bits().cast_signed()))),
    ("BitConverter.SingleToUInt32Bits", |_, a| Ok(Value::UInt32((super::numbers::real(a.get(0)) as f32).to_bits()))),
    ("BitConverter.Int32BitsToSingle", |_, a| Ok(Value::Single(f32::from_bits(a.int(0).cast_unsigned())))),
    ("BitConverter.UInt32BitsToSingle", |_, a| Ok(Value::Single(f32::from_bits(a.get(0).integer() as u32)))),
    ("BitConverter.DoubleToInt64Bits", |_, a| Ok(Value::Int64(super::numbers::real(a.get(0)).to_bits() as i64))),
    ("BitConverter.Int64BitsToDouble", |_, a| Ok(Value::Double(f64::from_bits(a.get(0).integer() as u64)))),
];

fn part<const N: usize>(m: &mut Machine<'_>, a: Args<'_>) -> Outcome<[u8; N]> {
    let bytes = m.bytes(a.get(0), "value")?;
    let start = usize::try_from(a.int(1)).unwrap_or(usize::MAX);
    match bytes.get(start..start.saturating_add(N)).and_then(|part| <[u8; N]>::try_from(part).ok()) {
        Some(part) => Ok(part),
        None if start >= bytes.len() => {
            Err(m.out_of_range("startIndex", "Index was out of range. Must be non-negative and less than the size of the collection."))
        }
        None => Err(m.throw(
            "ArgumentException",
            "Destination array is not long enough to copy all the items in the collection. Check array index and length.",
        )),
    }
}

fn not_convertible(m: &mut Machine<'_>) -> crate::expression::machine::Fault {
    m.throw("InvalidCastException", "Unable to cast object to type 'System.IConvertible'.")
}

const fn short_name(ty: Primitive) -> &'static str {
    match ty {
        Primitive::SByte => "SByte",
        Primitive::Byte => "Byte",
        Primitive::Int16 => "Int16",
        Primitive::UInt16 => "UInt16",
        Primitive::Int32 => "Int32",
        Primitive::UInt32 => "UInt32",
        Primitive::Int64 => "Int64",
        Primitive::UInt64 => "UInt64",
        Primitive::Char => "Char",
        Primitive::Single => "Single",
        Primitive::Double => "Double",
        Primitive::Decimal => "Decimal",
        Primitive::Boolean => "Boolean",
    }
}

fn to_number(m: &mut Machine<'_>, a: Args<'_>, to: Primitive, name: &str) -> Outcome {
    if let Some(cast) = super::json::values::through_cast(m, a.get(0), short_name(to)) {
        return cast;
    }
    let value = a.get(0).clone();
    match &value {
        Value::Null => Ok(arithmetic::convert(&Value::Int32(0), to, false).unwrap_or(Value::Null)),
        Value::Text(text) => match a.get(1) {
            Value::Int32(radix) => from_radix(m, text, *radix, to, name),
            _ => parse_text(m, text, to, name),
        },
        Value::Boolean(truth) => Ok(arithmetic::convert(&Value::Int32(i32::from(*truth)), to, false).unwrap_or(Value::Null)),
        Value::Char(_) if matches!(to, Primitive::Double | Primitive::Single | Primitive::Decimal) => {
            Err(m.throw("InvalidCastException", &format!("Invalid cast from 'Char' to '{}'.", short_name(to))))
        }
        Value::DateTime(_) => Err(m.throw("InvalidCastException", &format!("Invalid cast from 'DateTime' to '{}'.", short_name(to)))),
        Value::Object(_) | Value::Host(_) | Value::Span(_) | Value::Guid(_) | Value::Offset(_) | Value::TypeToken(_) => {
            Err(not_convertible(m))
        }
        Value::Double(_) | Value::Single(_) if to.is_integral() => {
            // To the nearest, halves to even.
            let real = super::numbers::real(&value).round_ties_even();
            match arithmetic::convert(&Value::Double(real), to, true) {
                Some(value) => Ok(value),
                None => Err(m.throw("OverflowException", &format!("Value was either too large or too small for {name}."))),
            }
        }
        Value::Decimal(number) if to.is_integral() => match arithmetic::convert(&Value::Decimal(number.round()), to, true) {
            Some(value) => Ok(value),
            None => Err(m.throw("OverflowException", &format!("Value was either too large or too small for {name}."))),
        },
        other => match arithmetic::convert(other, to, true) {
            Some(value) => Ok(value),
            None => Err(m.throw("OverflowException", &format!("Value was either too large or too small for {name}."))),
        },
    }
}

fn from_radix(m: &mut Machine<'_>, text: &Text, radix: i32, to: Primitive, name: &str) -> Outcome {
    if !matches!(radix, 2 | 8 | 10 | 16) {
        return Err(m.throw("ArgumentException", "Invalid Base."));
    }
    let text = text.to_str();
    if text.is_empty() {
        return Err(m.out_of_range("startIndex", "Index was out of range. Must be non-negative and less than the size of the collection."));
    }
    if radix != 10 && text.starts_with('-') {
        return Err(m.throw("ArgumentException", "String cannot contain a minus sign if the base is not 10."));
    }
    if radix == 10 {
        return parse_text(m, &Text::from(&*text), to, name);
    }
    let digits = if radix == 16 { text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(&text) } else { &text };
    let Ok(bits) = u64::from_str_radix(digits, radix.unsigned_abs()) else {
        let message = if digits.chars().next().is_some_and(|character| character.is_digit(radix.unsigned_abs())) {
            "Additional non-parsable characters are at the end of the string."
        } else {
            "Could not find any recognizable digits."
        };
        return Err(m.throw("FormatException", message));
    };
    let value = match to {
        Primitive::Int32 => u32::try_from(bits).ok().map(|bits| Value::Int32(bits as i32)),
        Primitive::Int64 => Some(Value::Int64(bits as i64)),
        Primitive::Int16 => u16::try_from(bits).ok().map(|bits| Value::Int16(bits as i16)),
        Primitive::SByte => u8::try_from(bits).ok().map(|bits| Value::SByte(bits as i8)),
        other => arithmetic::convert(&Value::UInt64(bits), other, true),
    };
    value.ok_or_else(|| m.throw("OverflowException", &format!("Value was either too large or too small for {name}.")))
}

fn in_radix(m: &mut Machine<'_>, value: &Value, radix: i32) -> Outcome {
    let bits = match value {
        Value::Int32(value) => u64::from(*value as u32),
        Value::Int16(value) => u64::from(*value as u16),
        Value::Byte(value) => u64::from(*value),
        other => other.integer() as u64,
    };
    let text = match radix {
        2 => format!("{bits:b}"),
        8 => format!("{bits:o}"),
        16 => format!("{bits:x}"),
        10 => format::general(value),
        _ => return Err(m.throw("ArgumentException", "Invalid Base.")),
    };
    m.text(Text::from(text))
}
