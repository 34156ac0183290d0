//! `DateTimeOffset`.

use super::{
    DAY, MAX_TICKS, MINUTE, SECOND, UNIX, add, add_months, add_real, date, day_of_week, kind, new, offset, order, parse, parts, ticks, utc,
    with_offset,
};
use crate::expression::library::Members;
use crate::expression::library::basics::{hash_code, instance_equals, instance_text};
use crate::expression::library::numbers::formatted;
use crate::expression::machine::{Machine, Outcome};
use crate::expression::value::Value;

/// The offset is looked at before the date is.
fn whole_minutes(m: &mut Machine<'_>, ticks: i64) -> Outcome<()> {
    if ticks % 600_000_000 == 0 {
        return Ok(());
    }
    Err(m.throw("ArgumentException", "Offset must be specified in whole minutes.\nParameter name: offset"))
}

pub(in crate::expression::library) const MEMBERS: Members = &[
    ("DateTimeOffset.MinValue", |_, _| Ok(offset(0, 0))),
    ("DateTimeOffset.MaxValue", |_, _| Ok(offset(MAX_TICKS, 0))),
    ("DateTimeOffset.UtcNow", |m, _| Ok(offset(m.context.utc_ticks(), 0))),
    ("DateTimeOffset.Now", |m, _| Ok(offset(m.context.utc_ticks(), 0))),
    ("DateTimeOffset.new(DateTime)", |_, a| Ok(offset(ticks(a.get(0)), 0))),
    ("DateTimeOffset.op_Implicit", |_, a| Ok(offset(ticks(a.get(0)), 0))),
    ("DateTimeOffset.new(DateTime,TimeSpan)", |m, a| {
        let minutes = a.get(1).integer() / MINUTE;
        if kind(a.get(0)) == 1 && minutes != 0 {
            return Err(m.throw("ArgumentException", "The UTC Offset for Utc DateTime instances must be 0.\nParameter name: offset"));
        }
        with_offset(m, ticks(a.get(0)), a.get(1).integer())
    }),
    ("DateTimeOffset.new(long,TimeSpan)", |m, a| with_offset(m, a.get(0).integer(), a.get(1).integer())),
    ("DateTimeOffset.new(int,int,int,int,int,int,TimeSpan)", |m, a| {
        whole_minutes(m, a.get(6).integer())?;
        let date = new(m, a, 6)?;
        with_offset(m, ticks(&date), a.get(6).integer())
    }),
    ("DateTimeOffset.new(int,int,int,int,int,int,int,TimeSpan)", |m, a| {
        whole_minutes(m, a.get(7).integer())?;
        let date = new(m, a, 7)?;
        with_offset(m, ticks(&date), a.get(7).integer())
    }),
    ("DateTimeOffset.FromUnixTimeSeconds", |m, a| match a.get(0).integer().checked_mul(SECOND).and_then(|ticks| ticks.checked_add(UNIX)) {
        Some(ticks) if (0..=MAX_TICKS).contains(&ticks) => Ok(offset(ticks, 0)),
        _ => Err(m.out_of_range("seconds", "Valid values are between -62135596800 and 253402300799, inclusive.")),
    }),
    ("DateTimeOffset.FromUnixTimeMilliseconds", |m, a| {
        match a.get(0).integer().checked_mul(10_000).and_then(|ticks| ticks.checked_add(UNIX)) {
            Some(ticks) if (0..=MAX_TICKS).contains(&ticks) => Ok(offset(ticks, 0)),
            _ => Err(m.out_of_range("milliseconds", "Valid values are between -62135596800000 and 253402300799999, inclusive.")),
        }
    }),
    ("DateTimeOffset.ToUnixTimeSeconds()", |_, a| Ok(Value::Int64(utc(a.get(0)).div_euclid(SECOND) - UNIX / SECOND))),
    ("DateTimeOffset.ToUnixTimeMilliseconds()", |_, a| Ok(Value::Int64(utc(a.get(0)).div_euclid(10_000) - UNIX / 10_000))),
    ("DateTimeOffset.Year", |_, a| Ok(Value::Int32(parts(a).year))),
    ("DateTimeOffset.Month", |_, a| Ok(Value::Int32(parts(a).month))),
    ("DateTimeOffset.Day", |_, a| Ok(Value::Int32(parts(a).day))),
    ("DateTimeOffset.Hour", |_, a| Ok(Value::Int32(parts(a).hour))),
    ("DateTimeOffset.Minute", |_, a| Ok(Value::Int32(parts(a).minute))),
    ("DateTimeOffset.Second", |_, a| Ok(Value::Int32(parts(a).second))),
    ("DateTimeOffset.Millisecond", |_, a| Ok(Value::Int32((ticks(a.get(0)) / 10_000 % 1_000) as i32))),
    ("DateTimeOffset.DayOfYear", |_, a| Ok(Value::Int32(parts(a).day_of_year))),
    ("DateTimeOffset.DayOfWeek", |_, a| Ok(day_of_week(ticks(a.get(0))))),
    ("DateTimeOffset.Ticks", |_, a| Ok(Value::Int64(ticks(a.get(0))))),
    ("DateTimeOffset.UtcTicks", |_, a| Ok(Value::Int64(utc(a.get(0))))),
    ("DateTimeOffset.Offset", |_, a| Ok(Value::Span(ticks(a.get(0)) - utc(a.get(0))))),
    ("DateTimeOffset.DateTime", |_, a| Ok(date(ticks(a.get(0)), 0))),
    ("DateTimeOffset.UtcDateTime", |_, a| Ok(date(utc(a.get(0)), 1))),
    ("DateTimeOffset.LocalDateTime", |_, a| Ok(date(utc(a.get(0)), 2))),
    ("DateTimeOffset.Date", |_, a| Ok(date(ticks(a.get(0)) - ticks(a.get(0)).rem_euclid(DAY), 0))),
    ("DateTimeOffset.TimeOfDay", |_, a| Ok(Value::Span(ticks(a.get(0)).rem_euclid(DAY)))),
    ("DateTimeOffset.ToUniversalTime()", |_, a| Ok(offset(utc(a.get(0)), 0))),
    ("DateTimeOffset.ToLocalTime()", |_, a| Ok(offset(utc(a.get(0)), 0))),
    ("DateTimeOffset.ToOffset", |m, a| {
        let shift = a.get(1).integer();
        // The time is moved before the offset is looked at.
        let moved = utc(a.get(0)).checked_add(shift).filter(|ticks| (0..=super::MAX_TICKS).contains(ticks));
        match moved {
            Some(ticks) => with_offset(m, ticks, shift),
            None => Err(m.out_of_range("t", "The added or subtracted value results in an un-representable DateTime.")),
        }
    }),
    ("DateTimeOffset.Add(TimeSpan)", |m, a| add(m, a, a.get(1).integer())),
    ("DateTimeOffset.AddTicks", |m, a| add(m, a, a.get(1).integer())),
    ("DateTimeOffset.AddMilliseconds", |m, a| add_real(m, a, 1.0)),
    ("DateTimeOffset.AddSeconds", |m, a| add_real(m, a, 1_000.0)),
    ("DateTimeOffset.AddMinutes", |m, a| add_real(m, a, 60_000.0)),
    ("DateTimeOffset.AddHours", |m, a| add_real(m, a, 3_600_000.0)),
    ("DateTimeOffset.AddDays", |m, a| add_real(m, a, 86_400_000.0)),
    ("DateTimeOffset.AddMonths", |m, a| add_months(m, a, a.int(1))),
    ("DateTimeOffset.AddYears", |m, a| add_months(m, a, a.int(1).saturating_mul(12))),
    ("DateTimeOffset.Subtract(DateTimeOffset)", |_, a| Ok(Value::Span(utc(a.get(0)) - utc(a.get(1))))),
    ("DateTimeOffset.Subtract(TimeSpan)", |m, a| add(m, a, a.get(1).integer().wrapping_neg())),
    ("DateTimeOffset.op_Addition", |m, a| add(m, a, a.get(1).integer())),
    ("DateTimeOffset.op_Subtraction(DateTimeOffset,DateTimeOffset)", |_, a| Ok(Value::Span(utc(a.get(0)) - utc(a.get(1))))),
    ("DateTimeOffset.op_Subtraction(DateTimeOffset,TimeSpan)", |m, a| add(m, a, a.get(1).integer().wrapping_neg())),
    ("DateTimeOffset.op_Equality", |_, a| Ok(order(a).is_eq().into())),
    ("DateTimeOffset.op_Inequality", |_, a| Ok(order(a).is_ne().into())),
    ("DateTimeOffset.op_LessThan", |_, a| Ok(order(a).is_lt().into())),
    ("DateTimeOffset.op_LessThanOrEqual", |_, a| Ok(order(a).is_le().into())),
    ("DateTimeOffset.op_GreaterThan", |_, a| Ok(order(a).is_gt().into())),
    ("DateTimeOffset.op_GreaterThanOrEqual", |_, a| Ok(order(a).is_ge().into())),
    ("DateTimeOffset.Equals(object)", |m, a| instance_equals(m, a)),
    ("DateTimeOffset.Equals(DateTimeOffset)", |_, a| Ok(order(a).is_eq().into())),
    ("DateTimeOffset.Equals(DateTimeOffset,DateTimeOffset)", |_, a| Ok(order(a).is_eq().into())),
    ("DateTimeOffset.CompareTo", |_, a| Ok(Value::Int32(order(a) as i32))),
    ("DateTimeOffset.Compare", |_, a| Ok(Value::Int32(order(a) as i32))),
    ("DateTimeOffset.GetHashCode()", |m, a| hash_code(m, a)),
    ("DateTimeOffset.Parse(string)", |m, a| {
        let text = m.string(a, 0, "input")?;
        match parse(&text.to_str(), m.context.utc_ticks()) {
            Some(found) => Ok(offset(found.ticks, found.offset.unwrap_or(0))),
            None => Err(m.throw("FormatException", "String was not recognized as a valid DateTime.")),
        }
    }),
    ("DateTimeOffset.TryParse(string,DateTimeOffset)", |m, a| {
        let now = m.context.utc_ticks();
        let found = a.text(0).and_then(|text| parse(&text.to_str(), now));
        m.set_cell(a.get(1), found.as_ref().map_or(offset(0, 0), |found| offset(found.ticks, found.offset.unwrap_or(0))));
        Ok(Value::Boolean(found.is_some()))
    }),
    ("DateTimeOffset.ToString()", |m, a| instance_text(m, a)),
    ("DateTimeOffset.ToString(string)", |m, a| formatted(m, a)),
    ("DateTimeOffset.ToString(string,IFormatProvider)", |m, a| formatted(m, a)),
];
