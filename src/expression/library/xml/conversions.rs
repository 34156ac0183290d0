//! Casts of elements and attributes, by the rules of XML Schema.

use super::{get, value};
use crate::expression::library::{Members, dates, guid, numbers};
use crate::expression::machine::{Args, Machine, Outcome};
use crate::expression::types::Primitive;
use crate::expression::value::{DateTime, DateTimeOffset, Value};

macro_rules! cast {
    ($owner:literal, $parameter:literal, $to:literal, $work:expr) => {
        (concat!($owner, ".op_Explicit(", $owner, "):", $to), |m, a| explicit(m, a, $parameter, $to, $work))
    };
}

macro_rules! casts {
    ($owner:literal, $parameter:literal) => {
        &[
            cast!($owner, $parameter, "string", |m, text| m.text(crate::expression::text::Text::from(text))),
            cast!($owner, $parameter, "bool", boolean),
            cast!($owner, $parameter, "bool?", boolean),
            cast!($owner, $parameter, "int", |m, text| number(m, text, Primitive::Int32, "an Int32")),
            cast!($owner, $parameter, "int?", |m, text| number(m, text, Primitive::Int32, "an Int32")),
            cast!($owner, $parameter, "uint", |m, text| number(m, text, Primitive::UInt32, "a UInt32")),
            cast!($owner, $parameter, "uint?", |m, text| number(m, text, Primitive::UInt32, "a UInt32")),
            cast!($owner, $parameter, "long", |m, text| number(m, text, Primitive::Int64, "an Int64")),
            cast!($owner, $parameter, "long?", |m, text| number(m, text, Primitive::Int64, "an Int64")),
            cast!($owner, $parameter, "ulong", |m, text| number(m, text, Primitive::UInt64, "a UInt64")),
            cast!($owner, $parameter, "ulong?", |m, text| number(m, text, Primitive::UInt64, "a UInt64")),
            cast!($owner, $parameter, "float", |m, text| real(m, text, Primitive::Single)),
            cast!($owner, $parameter, "float?", |m, text| real(m, text, Primitive::Single)),
            cast!($owner, $parameter, "double", |m, text| real(m, text, Primitive::Double)),
            cast!($owner, $parameter, "double?", |m, text| real(m, text, Primitive::Double)),
            cast!($owner, $parameter, "decimal", |m, text| number(m, text, Primitive::Decimal, "a Decimal")),
            cast!($owner, $parameter, "decimal?", |m, text| number(m, text, Primitive::Decimal, "a Decimal")),
            cast!($owner, $parameter, "DateTime", moment),
            cast!($owner, $parameter, "DateTime?", moment),
            cast!($owner, $parameter, "DateTimeOffset", offset),
            cast!($owner, $parameter, "DateTimeOffset?", offset),
            cast!($owner, $parameter, "TimeSpan", span),
            cast!($owner, $parameter, "TimeSpan?", span),
            cast!($owner, $parameter, "Guid", unique),
            cast!($owner, $parameter, "Guid?", unique),
        ]
    };
}

pub(crate) const ELEMENTS: Members = casts!("XElement", "element");
pub(crate) const ATTRIBUTES: Members = casts!("XAttribute", "attribute");

type Work = fn(&mut Machine<'_>, &str) -> Outcome;

fn explicit(m: &mut Machine<'_>, a: Args<'_>, parameter: &str, to: &str, work: Work) -> Outcome {
    let handle = match a.get(0) {
        Value::Object(handle) if get(m, *handle).is_some() => *handle,
        _ if to.ends_with('?') || to == "string" => return Ok(Value::Null),
        _ => return Err(m.argument_null(parameter)),
    };
    let text = value(m, handle)?;
    work(m, &text.to_str())
}

/// With `Z` it is UTC, with another offset local time, which is UTC here.
fn moment(m: &mut Machine<'_>, text: &str) -> Outcome {
    let now = m.context.utc_ticks();
    match dates::parse(text, now) {
        Some(found) if found.is_zulu => Ok(Value::DateTime(DateTime { ticks: found.ticks, kind: 1 })),
        _ => dates::parse_or_throw(m, text),
    }
}

fn boolean(m: &mut Machine<'_>, text: &str) -> Outcome {
    match text.trim().to_lowercase().as_str() {
        "true" | "1" => Ok(Value::Boolean(true)),
        "false" | "0" => Ok(Value::Boolean(false)),
        _ => Err(m.throw("FormatException", &format!("The string '{}' is not a valid Boolean value.", text.to_lowercase()))),
    }
}

fn number(m: &mut Machine<'_>, text: &str, to: Primitive, name: &str) -> Outcome {
    match numbers::read(text, to) {
        Ok(value) => Ok(value),
        Err(false) => Err(m.throw("FormatException", "Input string was not in a correct format.")),
        // Without a sign that an unsigned number may have, it is the form that is wrong.
        Err(true) if text.trim().starts_with('-') && matches!(to, Primitive::UInt32 | Primitive::UInt64) => {
            Err(m.throw("FormatException", "Input string was not in a correct format."))
        }
        Err(true) => Err(m.throw("OverflowException", &format!("Value was either too large or too small for {name}."))),
    }
}

fn real(m: &mut Machine<'_>, text: &str, to: Primitive) -> Outcome {
    let special = match text.trim() {
        "INF" => Some(f64::INFINITY),
        "-INF" => Some(f64::NEG_INFINITY),
        _ => None,
    };
    match (special, to) {
        (Some(value), Primitive::Single) => Ok(Value::Single(value as f32)),
        (Some(value), _) => Ok(Value::Double(value)),
        (None, to) => number(m, text, to, "a Double"),
    }
}

fn offset(m: &mut Machine<'_>, text: &str) -> Outcome {
    let now = m.context.utc_ticks();
    match dates::parse(text, now) {
        Some(found) => Ok(Value::Offset(DateTimeOffset { ticks: found.ticks, offset: found.offset.unwrap_or(0) })),
        None => Err(m.throw("FormatException", &format!("The string '{text}' is not a valid AllXsd value."))),
    }
}

fn unique(m: &mut Machine<'_>, text: &str) -> Outcome {
    match guid::parse(text.trim()) {
        Some(bytes) => Ok(Value::Guid(bytes)),
        None => Err(m.throw("FormatException", "Guid should contain 32 digits with 4 dashes (xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx).")),
    }
}

fn span(m: &mut Machine<'_>, text: &str) -> Outcome {
    match read_duration(text.trim()) {
        Some(ticks) => Ok(Value::Span(ticks)),
        None => Err(m.throw("FormatException", &format!("The string '{text}' is not a valid TimeSpan value."))),
    }
}

/// `P1DT2H3M4.5S`, with years of 365 and months of 30 days, as .NET counts them.
fn read_duration(text: &str) -> Option<i64> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let text = text.strip_prefix('P')?;
    let (date, time) = match text.split_once('T') {
        Some((_, "")) => return None,
        Some((date, time)) => (date, time),
        None if text.is_empty() => return None,
        None => (text, ""),
    };
    let mut ticks: i64 = 0;
    for (part, units) in [
        (date, &[('Y', 365 * dates::DAY), ('M', 30 * dates::DAY), ('D', dates::DAY)]),
        (time, &[('H', 36_000_000_000), ('M', 600_000_000), ('S', 10_000_000)]),
    ] {
        let mut rest = part;
        let mut units = units.iter();
        while !rest.is_empty() {
            let end = rest.find(|character: char| character.is_ascii_alphabetic())?;
            let letter = rest[end..].chars().next()?;
            let (_, scale) = units.find(|(unit, _)| *unit == letter)?;
            let (whole, fraction) = rest[..end].split_once('.').map_or((&rest[..end], None), |(whole, part)| (whole, Some(part)));
            let whole: i64 = whole.parse().ok()?;
            ticks = ticks.checked_add(whole.checked_mul(*scale)?)?;
            if let Some(fraction) = fraction.filter(|_| letter == 'S') {
                let digits: String = fraction.chars().chain("0000000".chars()).take(7).collect();
                ticks = ticks.checked_add(digits.parse::<i64>().ok()?)?;
            } else if fraction.is_some() {
                return None;
            }
            rest = &rest[end + 1..];
        }
    }
    Some(if negative { -ticks } else { ticks })
}

/// A time span as XML Schema writes it.
pub(crate) fn duration(ticks: i64) -> String {
    if ticks == 0 {
        return "PT0S".to_owned();
    }
    let absolute = ticks.unsigned_abs();
    let (seconds, fraction) = (absolute / 10_000_000, absolute % 10_000_000);
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let mut text = if ticks < 0 { "-P".to_owned() } else { "P".to_owned() };
    if days > 0 {
        text.push_str(&format!("{days}D"));
    }
    if rest > 0 || fraction > 0 {
        text.push('T');
        for (count, letter) in [(rest / 3_600, 'H'), (rest / 60 % 60, 'M')] {
            if count > 0 {
                text.push_str(&format!("{count}{letter}"));
            }
        }
        if rest % 60 > 0 || fraction > 0 {
            text.push_str(&(rest % 60).to_string());
            if fraction > 0 {
                text.push('.');
                text.push_str(format!("{fraction:07}").trim_end_matches('0'));
            }
            text.push('S');
        }
    }
    text
}
