//! `TimeSpan`.

use super::{DAY, HOUR, MINUTE, SECOND, from_real, parsing, span, span_sum};
use crate::expression::library::Members;
use crate::expression::library::basics::{hash_code, instance_equals, instance_text};
use crate::expression::library::numbers::{compare_to, formatted};
use crate::expression::value::Value;

pub(in crate::expression::library) const MEMBERS: Members = &[
    ("TimeSpan.Zero", |_, _| Ok(Value::Span(0))),
    ("TimeSpan.MinValue", |_, _| Ok(Value::Span(i64::MIN))),
    ("TimeSpan.MaxValue", |_, _| Ok(Value::Span(i64::MAX))),
    ("TimeSpan.TicksPerDay", |_, _| Ok(Value::Int64(DAY))),
    ("TimeSpan.TicksPerHour", |_, _| Ok(Value::Int64(HOUR))),
    ("TimeSpan.TicksPerMinute", |_, _| Ok(Value::Int64(MINUTE))),
    ("TimeSpan.TicksPerSecond", |_, _| Ok(Value::Int64(SECOND))),
    ("TimeSpan.TicksPerMillisecond", |_, _| Ok(Value::Int64(10_000))),
    ("TimeSpan.new(long)", |_, a| Ok(Value::Span(a.get(0).integer()))),
    ("TimeSpan.new(int,int,int)", |m, a| span(m, [0, a.int(0), a.int(1), a.int(2), 0])),
    ("TimeSpan.new(int,int,int,int)", |m, a| span(m, [a.int(0), a.int(1), a.int(2), a.int(3), 0])),
    ("TimeSpan.new(int,int,int,int,int)", |m, a| span(m, [a.int(0), a.int(1), a.int(2), a.int(3), a.int(4)])),
    ("TimeSpan.FromDays", |m, a| from_real(m, a, 86_400_000.0)),
    ("TimeSpan.FromHours", |m, a| from_real(m, a, 3_600_000.0)),
    ("TimeSpan.FromMinutes", |m, a| from_real(m, a, 60_000.0)),
    ("TimeSpan.FromSeconds", |m, a| from_real(m, a, 1_000.0)),
    ("TimeSpan.FromMilliseconds", |m, a| from_real(m, a, 1.0)),
    ("TimeSpan.FromTicks", |_, a| Ok(Value::Span(a.get(0).integer()))),
    ("TimeSpan.Ticks", |_, a| Ok(Value::Int64(a.get(0).integer()))),
    ("TimeSpan.Days", |_, a| Ok(Value::Int32((a.get(0).integer() / DAY) as i32))),
    ("TimeSpan.Hours", |_, a| Ok(Value::Int32((a.get(0).integer() / HOUR % 24) as i32))),
    ("TimeSpan.Minutes", |_, a| Ok(Value::Int32((a.get(0).integer() / MINUTE % 60) as i32))),
    ("TimeSpan.Seconds", |_, a| Ok(Value::Int32((a.get(0).integer() / SECOND % 60) as i32))),
    ("TimeSpan.Milliseconds", |_, a| Ok(Value::Int32((a.get(0).integer() / 10_000 % 1_000) as i32))),
    ("TimeSpan.TotalDays", |_, a| Ok(Value::Double(a.get(0).integer() as f64 * (1.0 / DAY as f64)))),
    ("TimeSpan.TotalHours", |_, a| Ok(Value::Double(a.get(0).integer() as f64 * (1.0 / HOUR as f64)))),
    ("TimeSpan.TotalMinutes", |_, a| Ok(Value::Double(a.get(0).integer() as f64 * (1.0 / MINUTE as f64)))),
    ("TimeSpan.TotalSeconds", |_, a| Ok(Value::Double(a.get(0).integer() as f64 * (1.0 / SECOND as f64)))),
    ("TimeSpan.TotalMilliseconds", |_, a| Ok(Value::Double(a.get(0).integer() as f64 * 0.0001))),
    ("TimeSpan.Add", |m, a| span_sum(m, a.get(0).integer().checked_add(a.get(1).integer()))),
    ("TimeSpan.Subtract", |m, a| span_sum(m, a.get(0).integer().checked_sub(a.get(1).integer()))),
    ("TimeSpan.Negate()", |m, a| span_sum(m, a.get(0).integer().checked_neg())),
    ("TimeSpan.Duration()", |m, a| span_sum(m, a.get(0).integer().checked_abs())),
    ("TimeSpan.op_Addition", |m, a| span_sum(m, a.get(0).integer().checked_add(a.get(1).integer()))),
    ("TimeSpan.op_Subtraction", |m, a| span_sum(m, a.get(0).integer().checked_sub(a.get(1).integer()))),
    ("TimeSpan.op_UnaryNegation", |m, a| span_sum(m, a.get(0).integer().checked_neg())),
    ("TimeSpan.op_UnaryPlus", |_, a| Ok(a.get(0).clone())),
    ("TimeSpan.op_Equality", |_, a| Ok((a.get(0).integer() == a.get(1).integer()).into())),
    ("TimeSpan.op_Inequality", |_, a| Ok((a.get(0).integer() != a.get(1).integer()).into())),
    ("TimeSpan.op_LessThan", |_, a| Ok((a.get(0).integer() < a.get(1).integer()).into())),
    ("TimeSpan.op_LessThanOrEqual", |_, a| Ok((a.get(0).integer() <= a.get(1).integer()).into())),
    ("TimeSpan.op_GreaterThan", |_, a| Ok((a.get(0).integer() > a.get(1).integer()).into())),
    ("TimeSpan.op_GreaterThanOrEqual", |_, a| Ok((a.get(0).integer() >= a.get(1).integer()).into())),
    ("TimeSpan.Equals(object)", |m, a| instance_equals(m, a)),
    ("TimeSpan.Equals(TimeSpan)", |m, a| instance_equals(m, a)),
    ("TimeSpan.Equals(TimeSpan,TimeSpan)", |m, a| instance_equals(m, a)),
    ("TimeSpan.Compare", |_, a| Ok(Value::Int32(a.get(0).integer().cmp(&a.get(1).integer()) as i32))),
    ("TimeSpan.CompareTo", |m, a| compare_to(m, a, "a TimeSpan")),
    ("TimeSpan.GetHashCode()", |m, a| hash_code(m, a)),
    ("TimeSpan.ToString()", |m, a| instance_text(m, a)),
    ("TimeSpan.ToString(string)", |m, a| formatted(m, a)),
    ("TimeSpan.Parse(string)", |m, a| {
        let text = m.string(a, 0, "input")?;
        match parsing::span(&text.to_str()) {
            Some(Ok(ticks)) => Ok(Value::Span(ticks)),
            Some(Err(())) => {
                let message = "The TimeSpan could not be parsed because at least one of the numeric components is out of range or contains too many digits.";
                Err(m.throw("OverflowException", message))
            }
            None => Err(m.throw("FormatException", "String was not recognized as a valid TimeSpan.")),
        }
    }),
    ("TimeSpan.TryParse(string,TimeSpan)", |m, a| {
        let found = a.text(0).and_then(|text| parsing::span(&text.to_str())).and_then(Result::ok);
        m.set_cell(a.get(1), Value::Span(found.unwrap_or(0)));
        Ok(Value::Boolean(found.is_some()))
    }),
];
