//! `Encoding`: UTF-8, ASCII, UTF-16 and Latin 1.

use super::{Args, Machine, Members, Outcome, strings};
use crate::expression::heap::Object;
use crate::expression::text::Text;
use crate::expression::types;
use crate::expression::value::Value;

const UTF8: i32 = 65001;
const ASCII: i32 = 20127;
const UTF16: i32 = 1200;
const UTF16_BIG: i32 = 1201;
const LATIN1: i32 = 28591;

pub(super) const MEMBERS: Members = &[
    ("Encoding.UTF8", |m, _| make(m, UTF8)),
    ("Encoding.Default", |m, _| make(m, UTF8)),
    ("Encoding.ASCII", |m, _| make(m, ASCII)),
    ("Encoding.Unicode", |m, _| make(m, UTF16)),
    ("Encoding.BigEndianUnicode", |m, _| make(m, UTF16_BIG)),
    ("Encoding.GetEncoding(string)", |m, a| {
        let name = m.string(a, 0, "name")?.to_str().to_ascii_lowercase();
        match name.as_str() {
            "utf-8" => make(m, UTF8),
            "us-ascii" | "ascii" => make(m, ASCII),
            "utf-16" | "unicode" => make(m, UTF16),
            "iso-8859-1" | "latin1" => make(m, LATIN1),
            _ => Err(m.throw("NotSupportedException", &format!("The encoding '{name}' is not emulated."))),
        }
    }),
    ("Encoding.GetEncoding(int)", |m, a| match a.int(0) {
        code @ (UTF8 | ASCII | UTF16 | UTF16_BIG | LATIN1) => make(m, code),
        other => Err(m.throw("NotSupportedException", &format!("The encoding {other} is not emulated."))),
    }),
    ("Encoding.CodePage", |m, a| page(m, a).map(Value::Int32)),
    ("Encoding.WebName", |m, a| {
        Ok(Value::from(match page(m, a)? {
            ASCII => "us-ascii",
            UTF16 => "utf-16",
            UTF16_BIG => "utf-16BE",
            LATIN1 => "iso-8859-1",
            _ => "utf-8",
        }))
    }),
    ("Encoding.GetBytes(string)", |m, a| {
        let page = page(m, a)?;
        let text = m.string(a, 1, "s")?;
        let bytes = encode(&text, page);
        m.byte_array(&bytes)
    }),
    ("Encoding.GetBytes(char[])", |m, a| {
        let page = page(m, a)?;
        let units = strings::char_units(m, a.get(1));
        m.byte_array(&encode(&Text::from(units.as_slice()), page))
    }),
    ("Encoding.GetByteCount(string)", |m, a| {
        let page = page(m, a)?;
        let text = m.string(a, 1, "chars")?;
        Ok(Value::size(encode(&text, page).len()))
    }),
    ("Encoding.GetString(byte[])", |m, a| {
        let page = page(m, a)?;
        let bytes = m.bytes(a.get(1), "bytes")?;
        m.text(decode(&bytes, page))
    }),
    ("Encoding.GetString(byte[],int,int)", |m, a| {
        let page = page(m, a)?;
        let bytes = m.bytes(a.get(1), "bytes")?;
        let (start, count) = strings::range(m, bytes.len(), a.int(2), a.int(3))?;
        m.text(decode(&bytes[start..start + count], page))
    }),
];

/// UTF-16, which a `StringWriter` says that it writes.
pub(super) fn unicode(m: &mut Machine<'_>) -> Outcome {
    make(m, UTF16)
}

fn make(m: &mut Machine<'_>, page: i32) -> Outcome {
    let ty = types::named("Encoding");
    Ok(m.object(Object::Opaque(ty, vec![Value::Int32(page)])))
}

fn page(m: &mut Machine<'_>, a: Args<'_>) -> Outcome<i32> {
    match m.object_of(a.get(0))? {
        Object::Opaque(_, fields) => Ok(fields.first().map_or(UTF8, |value| value.integer() as i32)),
        _ => Ok(UTF8),
    }
}

fn encode(text: &Text, page: i32) -> Vec<u8> {
    match page {
        ASCII => text.units().into_iter().map(|unit| if unit < 128 { unit as u8 } else { b'?' }).collect(),
        LATIN1 => text.units().into_iter().map(|unit| u8::try_from(unit).unwrap_or(b'?')).collect(),
        UTF16 => text.units().into_iter().flat_map(u16::to_le_bytes).collect(),
        UTF16_BIG => text.units().into_iter().flat_map(u16::to_be_bytes).collect(),
        _ => text.to_str().into_owned().into_bytes(),
    }
}

fn decode(bytes: &[u8], page: i32) -> Text {
    match page {
        ASCII => Text::from(bytes.iter().map(|byte| if *byte < 128 { char::from(*byte) } else { '?' }).collect::<String>()),
        LATIN1 => Text::from(bytes.iter().map(|byte| char::from(*byte)).collect::<String>()),
        UTF16 | UTF16_BIG => {
            let units: Vec<u16> = bytes
                .chunks(2)
                .map(|pair| match pair {
                    [one, two] if page == UTF16 => u16::from_le_bytes([*one, *two]),
                    [one, two] => u16::from_be_bytes([*one, *two]),
                    _ => 0xfffd,
                })
                .collect();
            Text::from(units.as_slice())
        }
        _ => Text::from(String::from_utf8_lossy(bytes).into_owned()),
    }
}
