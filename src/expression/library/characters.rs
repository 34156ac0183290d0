//! `Char`.

use super::basics::{hash_code, instance_equals, instance_text};
use super::numbers::compare_to;
use super::{Args, Machine, Members, Outcome};
use crate::expression::text::{is_white, lower_unit, upper_unit};
use crate::expression::value::Value;

macro_rules! test {
    ($name:literal, $work:expr) => {
        (concat!("Char.", $name), |m, a| {
            let work: fn(u16) -> bool = $work;
            unit(m, a).map(|unit| Value::Boolean(work(unit)))
        })
    };
}

fn character(unit: u16) -> char {
    char::from_u32(u32::from(unit)).unwrap_or('\u{fffd}')
}

fn is_punctuation(unit: u16) -> bool {
    let character = character(unit);
    matches!(
        character,
        '!' | '"'
            | '#'
            | '%'
            | '&'
            | '\''
            | '('
            | ')'
            | '*'
            | ','
            | '-'
            | '.'
            | '/'
            | ':'
            | ';'
            | '?'
            | '@'
            | '['
            | '\\'
            | ']'
            | '_'
            | '{'
            | '}'
    ) || matches!(character, '¡' | '§' | '«' | '¶' | '·' | '»' | '¿' | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}')
}

fn is_symbol(unit: u16) -> bool {
    let character = character(unit);
    matches!(character, '$' | '+' | '<' | '=' | '>' | '^' | '`' | '|' | '~' | '¢'..='¦' | '¨' | '©' | '¬' | '®'..='±' | '´' | '¸' | '×' | '÷' | '€')
}

pub(super) const MEMBERS: Members = &[
    ("Char.MinValue", |_, _| Ok(Value::Char(0))),
    ("Char.MaxValue", |_, _| Ok(Value::Char(u16::MAX))),
    test!("IsDigit", |unit| character(unit).is_ascii_digit()
        || unit > 127 && character(unit).is_numeric() && character(unit).is_ascii_digit()),
    test!("IsLetter", |unit| character(unit).is_alphabetic()),
    test!("IsLetterOrDigit", |unit| character(unit).is_alphabetic() || character(unit).is_ascii_digit()),
    test!("IsNumber", |unit| character(unit).is_numeric()),
    test!("IsUpper", |unit| character(unit).is_uppercase()),
    test!("IsLower", |unit| character(unit).is_lowercase()),
    test!("IsWhiteSpace", is_white),
    test!("IsControl", |unit| character(unit).is_control()),
    test!("IsPunctuation", is_punctuation),
    test!("IsSymbol", is_symbol),
    test!("IsSeparator", |unit| matches!(unit, 0x20 | 0xa0 | 0x1680 | 0x2000..=0x200a | 0x2028 | 0x2029 | 0x202f | 0x205f | 0x3000)),
    test!("IsSurrogate", |unit| (0xd800..=0xdfff).contains(&unit)),
    test!("IsHighSurrogate", |unit| (0xd800..=0xdbff).contains(&unit)),
    test!("IsLowSurrogate", |unit| (0xdc00..=0xdfff).contains(&unit)),
    ("Char.ToUpper(char,CultureInfo)", |m, _| Err(m.argument_null("culture"))),
    ("Char.ToLower(char,CultureInfo)", |m, _| Err(m.argument_null("culture"))),
    ("Char.ToUpper", |m, a| unit(m, a).map(|unit| Value::Char(upper_unit(unit)))),
    ("Char.ToLower", |m, a| unit(m, a).map(|unit| Value::Char(lower_unit(unit)))),
    ("Char.ToUpperInvariant", |m, a| unit(m, a).map(|unit| Value::Char(upper_unit(unit)))),
    ("Char.ToLowerInvariant", |m, a| unit(m, a).map(|unit| Value::Char(lower_unit(unit)))),
    ("Char.GetNumericValue", |m, a| unit(m, a).map(|unit| Value::Double(character(unit).to_digit(10).map_or(-1.0, f64::from)))),
    ("Char.ToString", |m, a| instance_text(m, a)),
    ("Char.Equals", |m, a| instance_equals(m, a)),
    ("Char.CompareTo", |m, a| compare_to(m, a, "a Char")),
    ("Char.GetHashCode()", |m, a| hash_code(m, a)),
    ("Char.GetTypeCode()", |m, a| super::convert::changing::type_code(m, a.get(0))),
    test!("IsAscii", |unit| unit < 128),
    test!("IsAsciiDigit", |unit| character(unit).is_ascii_digit()),
    test!("IsAsciiHexDigit", |unit| character(unit).is_ascii_hexdigit()),
    test!("IsAsciiHexDigitLower", |unit| character(unit).is_ascii_digit() || (97..=102).contains(&unit)),
    test!("IsAsciiHexDigitUpper", |unit| character(unit).is_ascii_digit() || (65..=70).contains(&unit)),
    test!("IsAsciiLetter", |unit| character(unit).is_ascii_alphabetic()),
    test!("IsAsciiLetterLower", |unit| character(unit).is_ascii_lowercase()),
    test!("IsAsciiLetterUpper", |unit| character(unit).is_ascii_uppercase()),
    test!("IsAsciiLetterOrDigit", |unit| character(unit).is_ascii_alphanumeric()),
    ("Char.IsBetween", |_, a| Ok(Value::Boolean((a.get(1).integer()..=a.get(2).integer()).contains(&a.get(0).integer())))),
    ("Char.ConvertFromUtf32", |m, a| match u32::try_from(a.int(0)).ok().and_then(char::from_u32) {
        Some(character) => m.text(crate::expression::text::Text::from(character.to_string())),
        None => {
            let message = "A valid UTF32 value is between 0x000000 and 0x10ffff, inclusive, and should not include surrogate codepoint values (0x00d800 ~ 0x00dfff).";
            Err(m.out_of_range("utf32", message))
        }
    }),
    ("Char.ConvertToUtf32(char,char)", |m, a| {
        let (high, low) = (a.get(0).integer(), a.get(1).integer());
        if !(0xd800..=0xdbff).contains(&high) {
            return Err(m.out_of_range("highSurrogate", "A valid high surrogate character is between 0xd800 and 0xdbff, inclusive."));
        }
        if !(0xdc00..=0xdfff).contains(&low) {
            return Err(m.out_of_range("lowSurrogate", "A valid low surrogate character is between 0xdc00 and 0xdfff, inclusive."));
        }
        Ok(Value::Int32((0x10000 + ((high - 0xd800) << 10) + low - 0xdc00) as i32))
    }),
    ("Char.ConvertToUtf32(string,int)", |m, a| {
        let first = unit(m, a)?;
        let text = m.string(a, 0, "s")?;
        let second = text.at(usize::try_from(a.int(1)).unwrap_or(0) + 1);
        match first {
            0xd800..=0xdbff if (0xdc00..=0xdfff).contains(&second) => {
                Ok(Value::Int32(0x10000 + ((i32::from(first) - 0xd800) << 10) + i32::from(second) - 0xdc00))
            }
            0xd800..=0xdfff => {
                let message = format!(
                    "Found a surrogate char without its pair at index {}. The input may not be in this encoding, or may not contain valid Unicode (UTF-16) characters.\nParameter name: s",
                    a.int(1)
                );
                Err(m.throw("ArgumentException", &message))
            }
            other => Ok(Value::Int32(i32::from(other))),
        }
    }),
    ("Char.IsSurrogatePair(char,char)", |_, a| {
        Ok(Value::Boolean((0xd800..=0xdbff).contains(&a.get(0).integer()) && (0xdc00..=0xdfff).contains(&a.get(1).integer())))
    }),
    ("Char.IsSurrogatePair(string,int)", |m, a| {
        let first = unit(m, a)?;
        let text = m.string(a, 0, "s")?;
        let second = text.at(usize::try_from(a.int(1)).unwrap_or(0) + 1);
        Ok(Value::Boolean((0xd800..=0xdbff).contains(&first) && (0xdc00..=0xdfff).contains(&second)))
    }),
    ("Char.Parse(string)", |m, a| {
        let text = m.string(a, 0, "s")?;
        if text.len() == 1 {
            Ok(Value::Char(text.at(0)))
        } else {
            Err(m.throw("FormatException", "String must be exactly one character long."))
        }
    }),
    ("Char.TryParse(string,char)", |m, a| {
        let unit = a.text(0).filter(|text| text.len() == 1).map(|text| text.at(0));
        m.set_cell(a.get(1), Value::Char(unit.unwrap_or(0)));
        Ok(Value::Boolean(unit.is_some()))
    }),
];

/// The character, or that of a string at an index.
fn unit(m: &mut Machine<'_>, a: Args<'_>) -> Outcome<u16> {
    if let Value::Char(unit) = a.get(0) {
        return Ok(*unit);
    }
    let text = m.string(a, 0, "s")?;
    match usize::try_from(a.int(1)).ok().filter(|index| *index < text.len()) {
        Some(index) => Ok(text.at(index)),
        None => Err(m.out_of_range("index", "Specified argument was out of the range of valid values.")),
    }
}
