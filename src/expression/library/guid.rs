//! `Guid`.

use super::basics::{hash_code, instance_equals, instance_text};
use super::numbers::{compare_to, formatted};
use super::{Args, Machine, Members, Outcome};
use crate::expression::value::Value;

pub(super) const MEMBERS: Members = &[
    ("Guid.Empty", |_, _| Ok(Value::Guid([0; 16]))),
    ("Guid.NewGuid()", |m, _| {
        let mut bytes = [0; 16];
        m.context.random(&mut bytes);
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Ok(Value::Guid(bytes))
    }),
    ("Guid.new(string)", |m, a| {
        let text = m.string(a, 0, "g")?;
        read(m, &text.to_str())
    }),
    ("Guid.Parse(string)", |m, a| {
        let text = m.string(a, 0, "input")?;
        read(m, &text.to_str())
    }),
    ("Guid.TryParse(string,Guid)", |m, a| {
        let found = a.text(0).and_then(|text| parse(&text.to_str()));
        m.set_cell(a.get(1), Value::Guid(found.unwrap_or_default()));
        Ok(Value::Boolean(found.is_some()))
    }),
    ("Guid.new(byte[])", |m, a| {
        let bytes = m.bytes(a.get(0), "b")?;
        match <[u8; 16]>::try_from(bytes) {
            Ok(bytes) => Ok(Value::Guid(ordered(&bytes))),
            Err(_) => Err(m.throw("ArgumentException", "Byte array for GUID must be exactly 16 bytes long.")),
        }
    }),
    ("Guid.new(int,short,short,byte,byte,byte,byte,byte,byte,byte,byte)", |_, a| Ok(of_parts(a))),
    ("Guid.new(uint,ushort,ushort,byte,byte,byte,byte,byte,byte,byte,byte)", |_, a| Ok(of_parts(a))),
    ("Guid.new(int,short,short,byte[])", |m, a| {
        let rest = m.bytes(a.get(3), "d")?;
        if rest.len() != 8 {
            return Err(m.throw("ArgumentException", "Byte array for GUID must be exactly 8 bytes long."));
        }
        let mut values = a.values[..3].to_vec();
        values.extend(rest.into_iter().map(Value::Byte));
        Ok(of_parts(Args { values: &values, types: &[] }))
    }),
    ("Guid.Parse(string,IFormatProvider)", |m, a| {
        let text = m.string(a, 0, "input")?;
        read(m, &text.to_str())
    }),
    ("Guid.TryParse(string,IFormatProvider,Guid)", |m, a| {
        let found = a.text(0).and_then(|text| parse(&text.to_str()));
        m.set_cell(a.get(2), Value::Guid(found.unwrap_or_default()));
        Ok(Value::Boolean(found.is_some()))
    }),
    ("Guid.ParseExact", |m, a| {
        let (text, format) = (m.string(a, 0, "input")?, m.string(a, 1, "format")?);
        if format.len() != 1 || !"NDBPXndbpx".contains(&*format.to_str()) {
            let message = "Format String can be only \"D\", \"d\", \"N\", \"n\", \"P\", \"p\", \"B\", \"b\", \"X\" or \"x\".";
            return Err(m.throw("FormatException", message));
        }
        match exact(&text.to_str(), &format.to_str()) {
            Some(bytes) => Ok(Value::Guid(bytes)),
            None => {
                let message = match &*format.to_str() {
                    "N" | "n" => "Guid should contain only hexadecimal characters.",
                    _ => "Guid should contain 32 digits with 4 dashes (xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx).",
                };
                Err(m.throw("FormatException", message))
            }
        }
    }),
    ("Guid.TryParseExact", |m, a| {
        let found = match (a.text(0), a.text(1)) {
            (Some(text), Some(format)) => exact(&text.to_str(), &format.to_str()),
            _ => None,
        };
        m.set_cell(a.get(2), Value::Guid(found.unwrap_or_default()));
        Ok(Value::Boolean(found.is_some()))
    }),
    ("Guid.ToString(string,IFormatProvider)", |m, a| formatted(m, a)),
    ("Guid.op_LessThan", |m, a| super::compare(m, a.get(0), a.get(1)).map(|order| Value::Boolean(order < 0))),
    ("Guid.op_LessThanOrEqual", |m, a| super::compare(m, a.get(0), a.get(1)).map(|order| Value::Boolean(order <= 0))),
    ("Guid.op_GreaterThan", |m, a| super::compare(m, a.get(0), a.get(1)).map(|order| Value::Boolean(order > 0))),
    ("Guid.op_GreaterThanOrEqual", |m, a| super::compare(m, a.get(0), a.get(1)).map(|order| Value::Boolean(order >= 0))),
    ("Guid.ToByteArray()", |m, a| match a.get(0) {
        Value::Guid(bytes) => m.byte_array(&ordered(bytes)),
        _ => Err(m.null_reference()),
    }),
    ("Guid.ToString()", |m, a| instance_text(m, a)),
    ("Guid.ToString(string)", |m, a| formatted(m, a)),
    ("Guid.Equals", |m, a| instance_equals(m, a)),
    ("Guid.CompareTo", |m, a| compare_to(m, a, "a Guid")),
    ("Guid.GetHashCode()", |m, a| hash_code(m, a)),
    ("Guid.op_Equality", |m, a| super::equals(m, a.get(0), a.get(1)).map(Value::Boolean)),
    ("Guid.op_Inequality", |m, a| super::equals(m, a.get(0), a.get(1)).map(|equal| Value::Boolean(!equal))),
];

/// The first three groups turned round: from written order to memory order and back.
pub(super) fn ordered(bytes: &[u8; 16]) -> [u8; 16] {
    let b = bytes;
    [b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]]
}

pub(super) fn text(bytes: &[u8; 16], format: char) -> String {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let dashed = format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
    match format.to_ascii_uppercase() {
        'N' => hex,
        'B' => format!("{{{dashed}}}"),
        'P' => format!("({dashed})"),
        'X' => {
            let rest: Vec<String> = bytes[8..].iter().map(|byte| format!("0x{byte:02x}")).collect();
            format!("{{0x{},0x{},0x{},{{{}}}}}", &hex[..8], &hex[8..12], &hex[12..16], rest.join(","))
        }
        _ => dashed,
    }
}

/// Reads the forms N, D, B and P.
pub(crate) fn parse(text: &str) -> Option<[u8; 16]> {
    let text = text.trim();
    let inner = match text.as_bytes().first()? {
        b'{' => text.strip_prefix('{')?.strip_suffix('}')?,
        b'(' => text.strip_prefix('(')?.strip_suffix(')')?,
        _ => text,
    };
    let dashed = inner.len() == 36;
    if dashed && [8, 13, 18, 23].iter().any(|index| inner.as_bytes()[*index] != b'-')
        || !dashed && (inner.len() != 32 || inner.len() != text.len())
    {
        return None;
    }
    let hex: Vec<u8> = inner.bytes().filter(|byte| *byte != b'-').collect();
    if hex.len() != 32 || !hex.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut bytes = [0; 16];
    for (index, pair) in hex.chunks(2).enumerate() {
        bytes[index] = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// A number of four bytes, two of two, and eight bytes.
fn of_parts(a: Args<'_>) -> Value {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&(a.get(0).integer() as u32).to_be_bytes());
    bytes[4..6].copy_from_slice(&(a.get(1).integer() as u16).to_be_bytes());
    bytes[6..8].copy_from_slice(&(a.get(2).integer() as u16).to_be_bytes());
    for (index, byte) in bytes[8..].iter_mut().enumerate() {
        *byte = a.get(3 + index).integer() as u8;
    }
    Value::Guid(bytes)
}

/// In the one form that a letter names.
fn exact(text: &str, format: &str) -> Option<[u8; 16]> {
    let trimmed = text.trim();
    let letter = format.chars().next()?.to_ascii_uppercase();
    if letter == 'X' {
        let clean: String = trimmed.chars().filter(|character| !character.is_whitespace()).collect();
        let inner = clean.strip_prefix("{0x")?.strip_suffix("}}")?;
        let parts: Vec<&str> = inner.split([',', '{']).filter(|part| !part.is_empty()).map(|part| part.trim_start_matches("0x")).collect();
        let mut bytes = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            let width = [8, 4, 4].get(index).copied().unwrap_or(2);
            let value = u32::from_str_radix(part, 16).ok()?;
            let digits = format!("{value:0width$x}");
            for at in (0..width).step_by(2) {
                bytes.push(u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()?);
            }
        }
        return bytes.try_into().ok();
    }
    let own = match trimmed.as_bytes().first()? {
        b'{' => 'B',
        b'(' => 'P',
        _ if trimmed.contains('-') => 'D',
        _ => 'N',
    };
    if own == letter { parse(trimmed) } else { None }
}

fn read(m: &mut Machine<'_>, text: &str) -> Outcome {
    match parse(text) {
        Some(bytes) => Ok(Value::Guid(bytes)),
        None => {
            let trimmed = text.trim();
            let message = if trimmed.len() == 36 || trimmed.len() == 32 {
                "Guid should contain only hexadecimal characters."
            } else {
                "Guid should contain 32 digits with 4 dashes (xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx)."
            };
            Err(m.throw("FormatException", message))
        }
    }
}
