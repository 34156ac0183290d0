//! `Convert.ChangeType`, `TypeCode`, dates, hexadecimal digits, and Base64 in character arrays.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::expression::library::{Members, dates, json, native, strings, to_text};
use crate::expression::machine::{Args, Machine, Outcome};
use crate::expression::text::Text;
use crate::expression::types::{self, Type, known};
use crate::expression::value::{DateTime, Value};

/// `TypeCode`, by the short names of the types.
const CODES: [(&str, i64); 16] = [
    ("Boolean", 3),
    ("Char", 4),
    ("SByte", 5),
    ("Byte", 6),
    ("Int16", 7),
    ("UInt16", 8),
    ("Int32", 9),
    ("UInt32", 10),
    ("Int64", 11),
    ("UInt64", 12),
    ("Single", 13),
    ("Double", 14),
    ("Decimal", 15),
    ("DateTime", 16),
    ("String", 18),
    ("Object", 1),
];

pub(in crate::expression::library) const MEMBERS: Members = &[
    ("Convert.GetTypeCode", |m, a| type_code(m, a.get(0))),
    ("Convert.IsDBNull", |m, a| Ok(Value::Boolean(m.heap.type_of(a.get(0)).is("DBNull")))),
    ("Convert.ChangeType(object,Type)", |m, a| change(m, a)),
    ("Convert.ChangeType(object,Type,IFormatProvider)", |m, a| change(m, a)),
    ("Convert.ChangeType(object,TypeCode)", |m, a| change_by_code(m, a)),
    ("Convert.ChangeType(object,TypeCode,IFormatProvider)", |m, a| change_by_code(m, a)),
    ("Convert.ToDateTime(DateTime)", |_, a| Ok(a.get(0).clone())),
    ("Convert.ToDateTime(object)", |m, a| to_date(m, a.get(0))),
    ("Convert.ToDateTime(object,IFormatProvider)", |m, a| to_date(m, a.get(0))),
    ("Convert.ToDateTime(string,IFormatProvider)", |m, a| to_date(m, a.get(0))),
    ("Convert.ToDateTime", |m, a| to_date(m, a.get(0))),
    ("Convert.ToHexString(byte[])", |m, a| {
        let bytes = m.bytes(a.get(0), "inArray")?;
        m.text(hex(&bytes))
    }),
    ("Convert.ToHexString(byte[],int,int)", |m, a| {
        let bytes = m.bytes(a.get(0), "inArray")?;
        let (start, count) = strings::range(m, bytes.len(), a.int(1), a.int(2))?;
        m.text(hex(&bytes[start..start + count]))
    }),
    ("Convert.FromHexString(string)", |m, a| {
        let text = m.string(a, 0, "s")?;
        let text = text.to_str();
        if !text.len().is_multiple_of(2) {
            return Err(m.throw("FormatException", "The input is not a valid hex string as its length is not a multiple of 2."));
        }
        let bytes: Option<Vec<u8>> =
            text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect();
        match bytes.filter(|_| text.bytes().all(|byte| byte.is_ascii_hexdigit())) {
            Some(bytes) => m.byte_array(&bytes),
            None => Err(m.throw("FormatException", "The input is not a valid hex string as it contains a non-hex character.")),
        }
    }),
    ("Convert.ToBase64String(byte[],Base64FormattingOptions)", |m, a| {
        let bytes = m.bytes(a.get(0), "inArray")?;
        m.text(Text::from(lines(&bytes, a.get(1).integer() == 1)))
    }),
    ("Convert.ToBase64String(byte[],int,int,Base64FormattingOptions)", |m, a| {
        let bytes = m.bytes(a.get(0), "inArray")?;
        let (start, count) = strings::range(m, bytes.len(), a.int(1), a.int(2))?;
        m.text(Text::from(lines(&bytes[start..start + count], a.get(3).integer() == 1)))
    }),
    ("Convert.FromBase64CharArray", |m, a| {
        if a.get(0).is_null() {
            return Err(m.argument_null("inArray"));
        }
        let units = strings::char_units(m, a.get(0));
        let (start, count) = strings::range(m, units.len(), a.int(1), a.int(2))?;
        let text = Value::from(Text::from(&units[start..start + count]));
        match native("Convert.FromBase64String") {
            Some(decode) => decode(m, Args { values: &[text], types: &[] }),
            None => Ok(Value::Null),
        }
    }),
    ("Convert.ToBase64CharArray", |m, a| {
        let bytes = m.bytes(a.get(0), "inArray")?;
        let (start, count) = strings::range(m, bytes.len(), a.int(1), a.int(2))?;
        let text = lines(&bytes[start..start + count], a.get(5).integer() == 1);
        let units: Vec<u16> = text.bytes().map(u16::from).collect();
        strings::scanning::put(m, a.get(3), a.int(4), &units)?;
        Ok(Value::size(text.len()))
    }),
];

fn hex(bytes: &[u8]) -> Text {
    Text::from(bytes.iter().map(|byte| format!("{byte:02X}")).collect::<String>())
}

/// Base64, with a line break after each 76 characters if it is asked for.
fn lines(bytes: &[u8], breaks: bool) -> String {
    let encoded = STANDARD.encode(bytes);
    if !breaks {
        return encoded;
    }
    let parts: Vec<&str> = encoded.as_bytes().chunks(76).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    parts.join("\r\n")
}

/// `TypeCode` of a value.
pub(in crate::expression::library) fn type_code(m: &mut Machine<'_>, value: &Value) -> Outcome {
    let code = match value {
        Value::Null => 0,
        Value::Enum(..) => 9,
        other => {
            let ty = m.heap.type_of(other);
            CODES.iter().find(|(name, _)| ty.is(name)).map_or(1, |(_, code)| *code)
        }
    };
    Ok(Value::Enum(types::named("TypeCode"), code))
}

fn to_date(m: &mut Machine<'_>, value: &Value) -> Outcome {
    match value {
        Value::Null => Ok(Value::DateTime(DateTime { ticks: 0, kind: 0 })),
        Value::DateTime(_) => Ok(value.clone()),
        Value::Text(text) => dates::parse_or_throw(m, &text.to_str()),
        other => {
            if let Some(date) = json::values::through_cast(m, other, "DateTime") {
                return date;
            }
            let name = m.heap.type_of(other).definition().map_or("Object", |definition| definition.name);
            if CODES.iter().any(|(known, _)| *known == name && name != "Object") {
                return Err(m.throw("InvalidCastException", &format!("Invalid cast from '{name}' to 'DateTime'.")));
            }
            Err(m.throw("InvalidCastException", "Unable to cast object to type 'System.IConvertible'."))
        }
    }
}

fn change_by_code(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let code = a.get(1).integer();
    match CODES.iter().find(|(_, known)| *known == code) {
        Some((name, _)) => changed(m, a.get(0), types::named(name)),
        None if a.get(0).is_null() && code == 0 => Ok(Value::Null),
        None => Err(m.throw("InvalidCastException", "Object cannot be cast to Empty.")),
    }
}

fn change(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    match a.get(1) {
        Value::TypeToken(ty) => changed(m, a.get(0), *ty),
        _ => Err(m.argument_null("conversionType")),
    }
}

/// `IConvertible.ToType`.
pub(in crate::expression::library) fn changed(m: &mut Machine<'_>, value: &Value, to: Type) -> Outcome {
    if value.is_null() {
        if to.is_value_type() {
            return Err(m.throw("InvalidCastException", "Null object cannot be converted to a value type."));
        }
        return Ok(Value::Null);
    }
    if m.heap.type_of(value) == to || to == known().object {
        return Ok(value.clone());
    }
    let name = to.definition().map_or("", |definition| definition.name);
    if name == "String" {
        let text = to_text(m, value)?;
        return m.text(text);
    }
    if name == "DateTime" {
        return to_date(m, value);
    }
    if to.primitive().is_some()
        && let Some(convert) = native(&format!("Convert.To{name}"))
    {
        return convert(m, Args { values: std::slice::from_ref(value), types: &[] });
    }
    let own = m.heap.type_of(value).full_name();
    Err(m.throw("InvalidCastException", &format!("Invalid cast from '{own}' to '{}'.", to.full_name())))
}
