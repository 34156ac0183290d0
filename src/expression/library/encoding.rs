//! `Encoding`: UTF-8, ASCII, UTF-7, UTF-16, UTF-32 and Latin 1; the code pages of Windows are refused by name.

use super::basics::hash_code;
use super::{Args, Machine, Members, Outcome, strings};
use crate::expression::heap::Object;
use crate::expression::text::Text;
use crate::expression::types::{self, known};
use crate::expression::value::Value;

mod utf7;

const UTF8: i32 = 65001;
const ASCII: i32 = 20127;
const UTF7: i32 = 65000;
const UTF16: i32 = 1200;
const UTF16_BIG: i32 = 1201;
const UTF32: i32 = 12000;
const LATIN1: i32 = 28591;

/// What is known of an encoding beside how it works.
struct Facts {
    page: i32,
    /// IANA's name.
    web: &'static str,
    shown: &'static str,
    windows: i32,
    /// `IsBrowserDisplay`, `IsBrowserSave`, `IsMailNewsDisplay`, `IsMailNewsSave`.
    uses: [bool; 4],
    preamble: &'static [u8],
}

const FACTS: [Facts; 7] = [
    Facts { page: UTF7, web: "utf-7", shown: "Unicode (UTF-7)", windows: 1200, uses: [false, false, true, true], preamble: &[] },
    Facts { page: UTF8, web: "utf-8", shown: "Unicode (UTF-8)", windows: 1200, uses: [true; 4], preamble: &[0xef, 0xbb, 0xbf] },
    Facts { page: ASCII, web: "us-ascii", shown: "US-ASCII", windows: 1252, uses: [false, false, true, true], preamble: &[] },
    Facts { page: UTF16, web: "utf-16", shown: "Unicode", windows: 1200, uses: [false, true, false, false], preamble: &[0xff, 0xfe] },
    Facts { page: UTF16_BIG, web: "utf-16BE", shown: "Unicode (Big-Endian)", windows: 1200, uses: [false; 4], preamble: &[0xfe, 0xff] },
    Facts { page: UTF32, web: "utf-32", shown: "Unicode (UTF-32)", windows: 1200, uses: [false; 4], preamble: &[0xff, 0xfe, 0, 0] },
    Facts { page: LATIN1, web: "iso-8859-1", shown: "Western European (ISO)", windows: 1252, uses: [true; 4], preamble: &[] },
];

fn facts(m: &mut Machine<'_>, a: Args<'_>) -> Outcome<&'static Facts> {
    let page = page(m, a)?;
    FACTS.iter().find(|facts| facts.page == page).ok_or_else(|| m.null_reference())
}

pub(super) const MEMBERS: Members = &[
    ("Encoding.UTF8", |m, _| make(m, UTF8)),
    ("Encoding.Default", |m, _| make(m, UTF8)),
    ("Encoding.ASCII", |m, _| make(m, ASCII)),
    ("Encoding.Unicode", |m, _| make(m, UTF16)),
    ("Encoding.BigEndianUnicode", |m, _| make(m, UTF16_BIG)),
    ("Encoding.UTF32", |m, _| make(m, UTF32)),
    ("Encoding.UTF7", |m, _| make(m, UTF7)),
    ("Encoding.Latin1", |m, _| make(m, LATIN1)),
    ("Encoding.GetEncoding(string)", |m, a| {
        let text = m.string(a, 0, "name")?;
        let name = text.to_str().to_ascii_lowercase();
        match name.as_str() {
            "utf-8" | "unicode-1-1-utf-8" | "unicode-2-0-utf-8" | "x-unicode-1-1-utf-8" => make(m, UTF8),
            "us-ascii" | "ascii" | "us" | "ansi_x3.4-1968" | "iso646-us" | "cp367" => make(m, ASCII),
            "utf-16" | "unicode" | "utf-16le" | "ucs-2" | "iso-10646-ucs-2" => make(m, UTF16),
            "utf-16be" | "unicodefffe" => make(m, UTF16_BIG),
            "utf-32" | "utf-32le" => make(m, UTF32),
            "utf-7" | "csunicode11utf7" | "unicode-1-1-utf-7" | "unicode-2-0-utf-7" | "x-unicode-1-1-utf-7" | "x-unicode-2-0-utf-7" => {
                make(m, UTF7)
            }
            "iso-8859-1" | "latin1" | "l1" | "iso_8859-1" | "cp819" | "ibm819" => make(m, LATIN1),
            other if other.starts_with("windows-") || other.starts_with("iso-8859-") || other.starts_with("ibm") => {
                Err(m.throw("NotSupportedException", &format!("The encoding '{}' is not emulated.", text.to_str())))
            }
            _ => {
                let message = format!(
                    "'{}' is not a supported encoding name. For information on defining a custom encoding, see the documentation for the Encoding.RegisterProvider method.\nParameter name: name",
                    text.to_str()
                );
                Err(m.throw("ArgumentException", &message))
            }
        }
    }),
    ("Encoding.GetEncoding(int)", |m, a| match a.int(0) {
        0 => make(m, UTF8),
        code @ (UTF7 | UTF8 | ASCII | UTF16 | UTF16_BIG | UTF32 | LATIN1) => make(m, code),
        other => Err(m.throw("NotSupportedException", &format!("The encoding {other} is not emulated."))),
    }),
    ("Encoding.CodePage", |m, a| page(m, a).map(Value::Int32)),
    ("Encoding.WindowsCodePage", |m, a| facts(m, a).map(|facts| Value::Int32(facts.windows))),
    ("Encoding.WebName", |m, a| facts(m, a).map(|facts| Value::from(facts.web))),
    ("Encoding.BodyName", |m, a| facts(m, a).map(|facts| Value::from(facts.web))),
    ("Encoding.HeaderName", |m, a| facts(m, a).map(|facts| Value::from(facts.web))),
    ("Encoding.EncodingName", |m, a| facts(m, a).map(|facts| Value::from(facts.shown))),
    ("Encoding.IsBrowserDisplay", |m, a| facts(m, a).map(|facts| Value::Boolean(facts.uses[0]))),
    ("Encoding.IsBrowserSave", |m, a| facts(m, a).map(|facts| Value::Boolean(facts.uses[1]))),
    ("Encoding.IsMailNewsDisplay", |m, a| facts(m, a).map(|facts| Value::Boolean(facts.uses[2]))),
    ("Encoding.IsMailNewsSave", |m, a| facts(m, a).map(|facts| Value::Boolean(facts.uses[3]))),
    ("Encoding.IsSingleByte", |m, a| page(m, a).map(|page| Value::Boolean(matches!(page, ASCII | LATIN1)))),
    ("Encoding.IsReadOnly", |m, a| match m.object_of(a.get(0))? {
        Object::Opaque(_, fields) => Ok(Value::Boolean(fields.len() == 1)),
        _ => Err(m.null_reference()),
    }),
    ("Encoding.IsAlwaysNormalized", |m, a| page(m, a).map(|_| Value::Boolean(false))),
    ("Encoding.Clone()", |m, a| {
        // A copy may be changed, which its second field says.
        let page = page(m, a)?;
        Ok(m.object(Object::Opaque(types::named("Encoding"), vec![Value::Int32(page), Value::Boolean(true)])))
    }),
    ("Encoding.Equals", |m, a| {
        let own = page(m, a)?;
        let same = m.heap.type_of(a.get(1)).is("Encoding") && page(m, Args { values: &[a.get(1).clone()], types: &[] })? == own;
        Ok(Value::Boolean(same))
    }),
    ("Encoding.GetHashCode()", |m, a| {
        let page = Value::Int32(page(m, a)?);
        hash_code(m, Args { values: &[page], types: &[] })
    }),
    ("Encoding.GetPreamble()", |m, a| {
        let preamble = facts(m, a)?.preamble;
        m.byte_array(preamble)
    }),
    ("Encoding.GetMaxByteCount", |m, a| {
        let count = i64::from(a.int(1));
        let most = match page(m, a)? {
            UTF8 => (count + 1) * 3,
            ASCII | LATIN1 => count + 1,
            UTF32 => (count + 1) * 4,
            UTF7 => count * 3 + 2,
            _ => (count + 1) * 2,
        };
        limit(m, count, most, "charCount")
    }),
    ("Encoding.GetMaxCharCount", |m, a| {
        let count = i64::from(a.int(1));
        let most = match page(m, a)? {
            UTF8 => count + 1,
            ASCII | LATIN1 => count,
            UTF32 => count / 2 + 2,
            UTF7 => count.max(1),
            _ => (count >> 1) + (count & 1) + 1,
        };
        limit(m, count, most, "byteCount")
    }),
    ("Encoding.GetBytes(string)", |m, a| {
        let page = page(m, a)?;
        let text = m.string(a, 1, "s")?;
        let bytes = encode(&text, page);
        m.byte_array(&bytes)
    }),
    ("Encoding.GetBytes(char[])", |m, a| encoded(m, a, "chars").and_then(|bytes| m.byte_array(&bytes))),
    ("Encoding.GetBytes(char[],int,int)", |m, a| encoded(m, a, "chars").and_then(|bytes| m.byte_array(&bytes))),
    ("Encoding.GetBytes(string,int,int)", |m, a| encoded(m, a, "s").and_then(|bytes| m.byte_array(&bytes))),
    ("Encoding.GetBytes(string,int,int,byte[],int)", |m, a| encoded_into(m, a, "s")),
    ("Encoding.GetBytes(char[],int,int,byte[],int)", |m, a| encoded_into(m, a, "chars")),
    ("Encoding.GetByteCount", |m, a| encoded(m, a, "chars").map(|bytes| Value::size(bytes.len()))),
    ("Encoding.GetString(byte[])", |m, a| decoded(m, a).and_then(|text| m.text(text))),
    ("Encoding.GetString(byte[],int,int)", |m, a| decoded(m, a).and_then(|text| m.text(text))),
    ("Encoding.GetCharCount", |m, a| decoded(m, a).map(|text| Value::size(text.len()))),
    ("Encoding.GetChars(byte[])", |m, a| chars(m, a)),
    ("Encoding.GetChars(byte[],int,int)", |m, a| chars(m, a)),
    ("Encoding.GetChars(byte[],int,int,char[],int)", |m, a| {
        let units = decoded(m, a)?.units();
        strings::scanning::put(m, a.get(4), a.int(5), &units)?;
        Ok(Value::size(units.len()))
    }),
    ("Encoding.Convert(Encoding,Encoding,byte[])", |m, a| recoded(m, a)),
    ("Encoding.Convert(Encoding,Encoding,byte[],int,int)", |m, a| recoded(m, a)),
];

fn limit(m: &mut Machine<'_>, count: i64, most: i64, parameter: &str) -> Outcome {
    match i32::try_from(most) {
        Ok(most) if count >= 0 => Ok(Value::Int32(most)),
        _ => Err(m.out_of_range(parameter, "Non-negative number required.")),
    }
}

/// The characters of an argument, a string or an array, or of a part of it.
fn units(m: &mut Machine<'_>, a: Args<'_>, name: &str) -> Outcome<Vec<u16>> {
    let all = match a.get(1) {
        Value::Null => return Err(m.argument_null(name)),
        Value::Text(text) => text.units(),
        other => strings::char_units(m, other),
    };
    if a.len() < 4 {
        return Ok(all);
    }
    let (start, count) = strings::range(m, all.len(), a.int(2), a.int(3))?;
    Ok(all[start..start + count].to_vec())
}

fn encoded(m: &mut Machine<'_>, a: Args<'_>, name: &str) -> Outcome<Vec<u8>> {
    let page = page(m, a)?;
    let units = units(m, a, name)?;
    m.charge(units.len() / 8)?;
    Ok(encode(&Text::from(units.as_slice()), page))
}

fn encoded_into(m: &mut Machine<'_>, a: Args<'_>, name: &str) -> Outcome {
    let bytes = encoded(m, a, name)?;
    let at = usize::try_from(a.int(5)).unwrap_or(usize::MAX);
    let room = match a.get(4) {
        Value::Object(handle) => match m.heap.get_mut(*handle) {
            Some(Object::Array(_, items)) => items.get_mut(at..at.saturating_add(bytes.len())),
            _ => None,
        },
        _ => return Err(m.argument_null("bytes")),
    };
    match room {
        Some(room) => {
            for (place, byte) in room.iter_mut().zip(&bytes) {
                *place = Value::Byte(*byte);
            }
            Ok(Value::size(bytes.len()))
        }
        None => Err(m.throw("ArgumentException", "The output byte buffer is too small to contain the encoded data.")),
    }
}

fn decoded(m: &mut Machine<'_>, a: Args<'_>) -> Outcome<Text> {
    let page = page(m, a)?;
    let bytes = m.bytes(a.get(1), "bytes")?;
    m.charge(bytes.len() / 8)?;
    if a.len() < 4 {
        return Ok(decode(&bytes, page));
    }
    let (start, count) = strings::range(m, bytes.len(), a.int(2), a.int(3))?;
    Ok(decode(&bytes[start..start + count], page))
}

fn chars(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let units = decoded(m, a)?.units();
    m.array(known().char, units.into_iter().map(Value::Char).collect())
}

fn recoded(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    for (index, name) in [(0, "srcEncoding"), (1, "dstEncoding")] {
        if a.get(index).is_null() {
            return Err(m.argument_null(name));
        }
    }
    let target = page(m, Args { values: &[a.get(1).clone()], types: &[] })?;
    let mut values = vec![a.get(0).clone()];
    values.extend(a.values.iter().skip(2).cloned());
    let text = decoded(m, Args { values: &values, types: &[] })?;
    m.byte_array(&encode(&text, target))
}

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
        UTF7 => utf7::encode(&text.units()),
        UTF32 => text.to_str().chars().flat_map(|character| u32::from(character).to_le_bytes()).collect(),
        UTF16 => text.units().into_iter().flat_map(u16::to_le_bytes).collect(),
        UTF16_BIG => text.units().into_iter().flat_map(u16::to_be_bytes).collect(),
        _ => text.to_str().into_owned().into_bytes(),
    }
}

fn decode(bytes: &[u8], page: i32) -> Text {
    match page {
        ASCII => Text::from(bytes.iter().map(|byte| if *byte < 128 { char::from(*byte) } else { '?' }).collect::<String>()),
        LATIN1 => Text::from(bytes.iter().map(|byte| char::from(*byte)).collect::<String>()),
        UTF7 => Text::from(utf7::decode(bytes).as_slice()),
        UTF32 => Text::from(
            bytes
                .chunks(4)
                .map(|part| <[u8; 4]>::try_from(part).ok().and_then(|part| char::from_u32(u32::from_le_bytes(part))).unwrap_or('\u{fffd}'))
                .collect::<String>(),
        ),
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
