//! Members that read dates and time spans with a format provider or by a format, and the finer parts of both.

use super::{MAX_TICKS, UNIX, exact, offset, parse, parsing, span_sum, ticks, utc};
use crate::expression::library::basics::instance_text;
use crate::expression::library::numbers::{formatted, real};
use crate::expression::library::{Members, linq};
use crate::expression::machine::{Args, Machine, Outcome};
use crate::expression::value::Value;

/// 1601-01-01.
const FILE_TIME: i64 = 504_911_232_000_000_000;

pub(in crate::expression::library) const MEMBERS: Members = &[
    ("DateTime.IsDaylightSavingTime()", |_, _| Ok(Value::Boolean(false))),
    ("DateTimeOffset.AddMicroseconds", |m, a| {
        let change = real(a.get(1)) * 10.0;
        let sum = if change.abs() < 9e18 { ticks(a.get(0)).checked_add(change as i64) } else { None };
        super::moved(m, a.get(0), sum)
    }),
    ("DateTimeOffset.Microsecond", |_, a| Ok(Value::Int32((ticks(a.get(0)) / 10 % 1_000) as i32))),
    ("DateTimeOffset.Nanosecond", |_, a| Ok(Value::Int32((ticks(a.get(0)) % 10 * 100) as i32))),
    ("DateTimeOffset.TotalOffsetMinutes", |_, a| Ok(Value::Int32(((ticks(a.get(0)) - utc(a.get(0))) / super::MINUTE) as i32))),
    ("DateTimeOffset.UnixEpoch", |_, _| Ok(offset(UNIX, 0))),
    ("DateTimeOffset.EqualsExact", |_, a| {
        Ok(Value::Boolean(matches!((a.get(0), a.get(1)), (Value::Offset(one), Value::Offset(two)) if one == two)))
    }),
    ("DateTimeOffset.ToFileTime()", |m, a| match utc(a.get(0)) - FILE_TIME {
        time if time >= 0 => Ok(Value::Int64(time)),
        _ => Err(m.throw("ArgumentOutOfRangeException", "Not a valid Win32 FileTime.")),
    }),
    ("DateTimeOffset.FromFileTime", |m, a| match a.get(0).integer().checked_add(FILE_TIME) {
        Some(ticks) if (FILE_TIME..=MAX_TICKS).contains(&ticks) => Ok(offset(ticks, 0)),
        _ => Err(m.out_of_range("fileTime", "Not a valid Win32 FileTime.")),
    }),
    ("DateTimeOffset.ToString(IFormatProvider)", |m, a| instance_text(m, a)),
    ("DateTimeOffset.Parse(string,IFormatProvider)", |m, a| {
        let text = m.string(a, 0, "input")?;
        match parse(&text.to_str(), m.context.utc_ticks()) {
            Some(found) => Ok(offset(found.ticks, found.offset.unwrap_or(0))),
            None => Err(m.throw("FormatException", "String was not recognized as a valid DateTime.")),
        }
    }),
    ("DateTimeOffset.ParseExact(string,string,IFormatProvider)", |m, a| {
        let (text, format) = (m.string(a, 0, "input")?, m.string(a, 1, "format")?);
        let now = m.context.utc_ticks();
        match exact::date(&text.to_str(), &format.to_str(), now) {
            Some((ticks, shift)) if (0..=MAX_TICKS).contains(&ticks) => Ok(offset(ticks, shift.unwrap_or(0))),
            _ => Err(m.throw("FormatException", "String was not recognized as a valid DateTime.")),
        }
    }),
    ("TimeSpan.Parse(string,IFormatProvider)", |m, a| match crate::expression::library::native("TimeSpan.Parse(string)") {
        Some(parse) => parse(m, a),
        None => Ok(Value::Null),
    }),
    ("TimeSpan.TryParse(string,IFormatProvider,TimeSpan)", |m, a| {
        let found = a.text(0).and_then(|text| parsing::span(&text.to_str())).and_then(Result::ok);
        m.set_cell(a.get(2), Value::Span(found.unwrap_or(0)));
        Ok(Value::Boolean(found.is_some()))
    }),
    ("TimeSpan.ParseExact", |m, a| {
        let text = m.string(a, 0, "input")?;
        if a.get(1).is_null() {
            return Err(m.argument_null("format"));
        }
        let negative = a.get(3).integer() == 1;
        match exact_span(m, &text.to_str(), a.get(1))? {
            Some(ticks) => Ok(Value::Span(if negative { -ticks } else { ticks })),
            None => Err(m.throw("FormatException", "String was not recognized as a valid TimeSpan.")),
        }
    }),
    ("TimeSpan.TryParseExact", |m, a| {
        let found = match a.text(0) {
            Some(text) => exact_span(m, &text.to_str(), a.get(1))?,
            None => None,
        };
        if let Some(cell) = a.values.last() {
            m.set_cell(cell, Value::Span(found.unwrap_or(0)));
        }
        Ok(Value::Boolean(found.is_some()))
    }),
    ("TimeSpan.ToString(string,IFormatProvider)", |m, a| formatted(m, a)),
    ("TimeSpan.FromMicroseconds", |m, a| scaled(m, real(a.get(0)) * 10.0)),
    ("TimeSpan.Microseconds", |_, a| Ok(Value::Int32((a.get(0).integer() / 10 % 1_000) as i32))),
    ("TimeSpan.Nanoseconds", |_, a| Ok(Value::Int32((a.get(0).integer() % 10 * 100) as i32))),
    ("TimeSpan.TotalMicroseconds", |_, a| Ok(Value::Double(a.get(0).integer() as f64 / 10.0))),
    ("TimeSpan.TotalNanoseconds", |_, a| Ok(Value::Double(a.get(0).integer() as f64 * 100.0))),
    ("TimeSpan.Divide(TimeSpan)", |_, a| Ok(Value::Double(a.get(0).integer() as f64 / a.get(1).integer() as f64))),
    ("TimeSpan.op_Division(TimeSpan,TimeSpan)", |_, a| Ok(Value::Double(a.get(0).integer() as f64 / a.get(1).integer() as f64))),
    ("TimeSpan.Divide(double)", |m, a| divided(m, a)),
    ("TimeSpan.op_Division(TimeSpan,double)", |m, a| divided(m, a)),
    ("TimeSpan.Multiply", |m, a| multiplied(m, a.get(0), a.get(1))),
    ("TimeSpan.op_Multiply(TimeSpan,double)", |m, a| multiplied(m, a.get(0), a.get(1))),
    ("TimeSpan.op_Multiply(double,TimeSpan)", |m, a| multiplied(m, a.get(1), a.get(0))),
];

/// One format, or several of which one has to fit.
fn exact_span(m: &mut Machine<'_>, text: &str, formats: &Value) -> Outcome<Option<i64>> {
    let list = match formats {
        Value::Text(_) => vec![formats.clone()],
        Value::Null => Vec::new(),
        other => linq::collect(m, other)?,
    };
    Ok(list.iter().find_map(|format| if let Value::Text(format) = format { exact::span(text, &format.to_str()) } else { None }))
}

fn scaled(m: &mut Machine<'_>, value: f64) -> Outcome {
    if value.is_nan() {
        return Err(m.throw("ArgumentException", "TimeSpan does not accept floating point Not-a-Number values."));
    }
    let whole = if value.abs() < 9.223_372_036_854_775e18 { Some(value.round_ties_even() as i64) } else { None };
    span_sum(m, whole)
}

/// Only a factor that is no number is refused as such; a result that is none is too long.
fn by_number(m: &mut Machine<'_>, number: f64, ticks: f64) -> Outcome {
    if ticks.is_nan() && !number.is_nan() { span_sum(m, None) } else { scaled(m, ticks) }
}

fn multiplied(m: &mut Machine<'_>, span: &Value, factor: &Value) -> Outcome {
    by_number(m, real(factor), span.integer() as f64 * real(factor))
}

fn divided(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    by_number(m, real(a.get(1)), a.get(0).integer() as f64 / real(a.get(1)))
}
