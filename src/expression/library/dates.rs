//! `DateTime`, `DateTimeOffset`, `TimeSpan`: ticks, calendar, parsing and format strings of the invariant culture. The local zone is UTC, as on a gateway.

use super::basics::instance_text;
use super::numbers::{formatted, real};
use super::{Args, Machine, Members, Outcome};
use crate::expression::types;
use crate::expression::value::{DateTime, DateTimeOffset, Value};

mod exact;
pub(crate) mod offsets;
mod parsing;
pub(crate) mod reading;
pub(crate) mod spans;

pub(crate) use parsing::{parse, parse_or_throw};

const SECOND: i64 = 10_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;
const MAX_TICKS: i64 = 3_155_378_975_999_999_999;
/// 1970-01-01.
pub(crate) const UNIX: i64 = 621_355_968_000_000_000;

pub(super) const MEMBERS: Members = &[
    ("DateTime.MinValue", |_, _| Ok(date(0, 0))),
    ("DateTime.MaxValue", |_, _| Ok(date(MAX_TICKS, 0))),
    ("DateTime.UtcNow", |m, _| Ok(date(m.context.utc_ticks(), 1))),
    ("DateTime.Now", |m, _| Ok(date(m.context.utc_ticks(), 2))),
    ("DateTime.Today", |m, _| {
        let now = m.context.utc_ticks();
        Ok(date(now - now.rem_euclid(DAY), 2))
    }),
    ("DateTime.new(int,int,int)", |m, a| new(m, a, 3)),
    ("DateTime.new(int,int,int,int,int,int)", |m, a| new(m, a, 6)),
    ("DateTime.new(int,int,int,int,int,int,DateTimeKind)", |m, a| new(m, a, 6)),
    ("DateTime.new(int,int,int,int,int,int,int)", |m, a| new(m, a, 7)),
    ("DateTime.new(int,int,int,int,int,int,int,DateTimeKind)", |m, a| new(m, a, 7)),
    ("DateTime.new(long)", |m, a| checked(m, a.get(0).integer(), 0)),
    ("DateTime.new(long,DateTimeKind)", |m, a| checked(m, a.get(0).integer(), a.get(1).integer() as u8)),
    ("DateTime.Year", |_, a| Ok(Value::Int32(parts(a).year))),
    ("DateTime.Month", |_, a| Ok(Value::Int32(parts(a).month))),
    ("DateTime.Day", |_, a| Ok(Value::Int32(parts(a).day))),
    ("DateTime.Hour", |_, a| Ok(Value::Int32(parts(a).hour))),
    ("DateTime.Minute", |_, a| Ok(Value::Int32(parts(a).minute))),
    ("DateTime.Second", |_, a| Ok(Value::Int32(parts(a).second))),
    ("DateTime.Millisecond", |_, a| Ok(Value::Int32((ticks(a.get(0)) / 10_000 % 1_000) as i32))),
    ("DateTime.DayOfYear", |_, a| Ok(Value::Int32(parts(a).day_of_year))),
    ("DateTime.DayOfWeek", |_, a| Ok(day_of_week(ticks(a.get(0))))),
    ("DateTime.Ticks", |_, a| Ok(Value::Int64(ticks(a.get(0))))),
    ("DateTime.Date", |_, a| Ok(date(ticks(a.get(0)) - ticks(a.get(0)).rem_euclid(DAY), kind(a.get(0))))),
    ("DateTime.TimeOfDay", |_, a| Ok(Value::Span(ticks(a.get(0)).rem_euclid(DAY)))),
    ("DateTime.Kind", |_, a| Ok(Value::Enum(types::named("DateTimeKind"), i64::from(kind(a.get(0)))))),
    ("DateTime.Add(TimeSpan)", |m, a| add(m, a, a.get(1).integer())),
    ("DateTime.AddTicks", |m, a| add(m, a, a.get(1).integer())),
    ("DateTime.AddMilliseconds", |m, a| add_real(m, a, 1.0)),
    ("DateTime.AddSeconds", |m, a| add_real(m, a, 1_000.0)),
    ("DateTime.AddMinutes", |m, a| add_real(m, a, 60_000.0)),
    ("DateTime.AddHours", |m, a| add_real(m, a, 3_600_000.0)),
    ("DateTime.AddDays", |m, a| add_real(m, a, 86_400_000.0)),
    ("DateTime.AddMonths", |m, a| add_months(m, a, a.int(1))),
    ("DateTime.AddYears", |m, a| add_months(m, a, a.int(1).saturating_mul(12))),
    ("DateTime.Subtract(DateTime)", |_, a| Ok(Value::Span(ticks(a.get(0)) - ticks(a.get(1))))),
    ("DateTime.Subtract(TimeSpan)", |m, a| add(m, a, a.get(1).integer().wrapping_neg())),
    ("DateTime.DaysInMonth", |m, a| {
        if !(1..=12).contains(&a.int(1)) {
            return Err(m.out_of_range("month", "Month must be between one and twelve."));
        }
        if !(1..=9_999).contains(&a.int(0)) {
            return Err(m.out_of_range("year", "Year must be between 1 and 9999."));
        }
        Ok(Value::Int32(days_in_month(a.int(0), a.int(1))))
    }),
    ("DateTime.IsLeapYear", |m, a| match a.int(0) {
        year @ 1..=9_999 => Ok(Value::Boolean(is_leap(year))),
        _ => Err(m.out_of_range("year", "Year must be between 1 and 9999.")),
    }),
    ("DateTime.Parse(string)", |m, a| {
        let text = m.string(a, 0, "s")?;
        parse_or_throw(m, &text.to_str())
    }),
    ("DateTime.Parse(string,IFormatProvider)", |m, a| {
        let text = m.string(a, 0, "s")?;
        parse_or_throw(m, &text.to_str())
    }),
    ("DateTime.ToString()", |m, a| instance_text(m, a)),
    ("DateTime.ToString(string)", |m, a| formatted(m, a)),
    ("DateTime.ToString(string,IFormatProvider)", |m, a| formatted(m, a)),
    ("DateTime.ToString(IFormatProvider)", |m, a| instance_text(m, a)),
    ("DateTime.op_Addition", |m, a| add(m, a, a.get(1).integer())),
    ("DateTime.op_Subtraction(DateTime,DateTime)", |_, a| Ok(Value::Span(ticks(a.get(0)) - ticks(a.get(1))))),
    ("DateTime.op_Subtraction(DateTime,TimeSpan)", |m, a| add(m, a, a.get(1).integer().wrapping_neg())),
    ("DateTime.op_Equality", |_, a| Ok(order(a).is_eq().into())),
    ("DateTime.op_Inequality", |_, a| Ok(order(a).is_ne().into())),
    ("DateTime.op_LessThan", |_, a| Ok(order(a).is_lt().into())),
    ("DateTime.op_LessThanOrEqual", |_, a| Ok(order(a).is_le().into())),
    ("DateTime.op_GreaterThan", |_, a| Ok(order(a).is_gt().into())),
    ("DateTime.op_GreaterThanOrEqual", |_, a| Ok(order(a).is_ge().into())),
];

fn date(ticks: i64, kind: u8) -> Value {
    Value::DateTime(DateTime { ticks, kind })
}

fn offset(ticks: i64, offset: i16) -> Value {
    Value::Offset(DateTimeOffset { ticks, offset })
}

fn ticks(value: &Value) -> i64 {
    match value {
        Value::DateTime(date) => date.ticks,
        Value::Offset(date) => date.ticks,
        other => other.integer(),
    }
}

fn utc(value: &Value) -> i64 {
    match value {
        Value::Offset(date) => date.utc_ticks(),
        other => ticks(other),
    }
}

fn kind(value: &Value) -> u8 {
    if let Value::DateTime(date) = value { date.kind } else { 0 }
}

fn order(a: Args<'_>) -> std::cmp::Ordering {
    utc(a.get(0)).cmp(&utc(a.get(1)))
}

fn day_of_week(ticks: i64) -> Value {
    Value::Enum(types::named("DayOfWeek"), (ticks / DAY + 1) % 7)
}

fn checked(m: &mut Machine<'_>, ticks: i64, kind: u8) -> Outcome {
    if (0..=MAX_TICKS).contains(&ticks) {
        return Ok(date(ticks, kind));
    }
    Err(m.out_of_range("ticks", "Ticks must be between DateTime.MinValue.Ticks and DateTime.MaxValue.Ticks."))
}

fn with_offset(m: &mut Machine<'_>, ticks: i64, shift: i64) -> Outcome {
    if shift % MINUTE != 0 {
        return Err(m.throw("ArgumentException", "Offset must be specified in whole minutes.\nParameter name: offset"));
    }
    match i16::try_from(shift / MINUTE).ok().filter(|minutes| minutes.abs() <= 14 * 60) {
        Some(minutes) => Ok(offset(ticks, minutes)),
        None => Err(m.out_of_range("offset", "Offset must be within plus or minus 14 hours.")),
    }
}

pub(crate) const fn is_leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

pub(crate) const fn days_in_month(year: i32, month: i32) -> i32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Ticks of a calendar date.
pub(crate) fn days(year: i32, month: i32, day: i32) -> Option<i64> {
    if !(1..=9999).contains(&year) || !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return None;
    }
    let y = i64::from(year - 1);
    let before: i32 = (1..month).map(|month| days_in_month(year, month)).sum();
    Some(y * 365 + y / 4 - y / 100 + y / 400 + i64::from(before + day - 1))
}

fn new(m: &mut Machine<'_>, a: Args<'_>, count: usize) -> Outcome {
    let at = |index: usize| if index < count { a.int(index) } else { 0 };
    let kind = match a.values.last() {
        Some(Value::Enum(_, kind)) => *kind as u8,
        _ => 0,
    };
    let valid = (0..24).contains(&at(3)) && (0..60).contains(&at(4)) && (0..60).contains(&at(5));
    match days(at(0), at(1), at(2)).filter(|_| valid) {
        Some(days) => {
            if !(0..1000).contains(&at(6)) {
                return Err(m.out_of_range("millisecond", "Valid values are between 0 and 999, inclusive."));
            }
            let ticks =
                days * DAY + i64::from(at(3)) * HOUR + i64::from(at(4)) * MINUTE + i64::from(at(5)) * SECOND + i64::from(at(6)) * 10_000;
            Ok(date(ticks, kind))
        }
        None => {
            let what = if valid {
                "Year, Month, and Day parameters describe an un-representable DateTime."
            } else {
                "Hour, Minute, and Second parameters describe an un-representable DateTime."
            };
            Err(m.throw("ArgumentOutOfRangeException", what))
        }
    }
}

fn moved(m: &mut Machine<'_>, value: &Value, to: Option<i64>) -> Outcome {
    match to.filter(|ticks| (0..=MAX_TICKS).contains(ticks)) {
        Some(ticks) => Ok(match value {
            Value::Offset(date) => offset(ticks, date.offset),
            other => date(ticks, kind(other)),
        }),
        None => Err(m.out_of_range("value", "The added or subtracted value results in an un-representable DateTime.")),
    }
}

fn add(m: &mut Machine<'_>, a: Args<'_>, span: i64) -> Outcome {
    let to = ticks(a.get(0)).checked_add(span);
    let moved = moved(m, a.get(0), to);
    moved.map_err(|_| {
        m.out_of_range(
            if a.get(1).plain_type().is("TimeSpan") { "t" } else { "value" },
            "The added or subtracted value results in an un-representable DateTime.",
        )
    })
}

/// `AddSeconds(double)` and its like: to the nearest millisecond, as .NET Framework does.
fn add_real(m: &mut Machine<'_>, a: Args<'_>, scale: f64) -> Outcome {
    let value = real(a.get(1)) * scale;
    let milliseconds = value + if value >= 0.0 { 0.5 } else { -0.5 };
    if milliseconds.abs() >= 315_537_897_600_000.0 || milliseconds.is_nan() {
        return Err(m.out_of_range("value", "Value to add was out of range."));
    }
    let to = ticks(a.get(0)).checked_add(milliseconds.trunc() as i64 * 10_000);
    moved(m, a.get(0), to)
}

fn add_months(m: &mut Machine<'_>, a: Args<'_>, months: i32) -> Outcome {
    if !(-120_000..=120_000).contains(&months) {
        return Err(m.out_of_range("months", "Months value must be between +/-120000."));
    }
    let parts = parts(a);
    let total = parts.year * 12 + parts.month - 1 + months;
    let (year, month) = (total.div_euclid(12), total.rem_euclid(12) + 1);
    let found = days(year, month, parts.day.min(days_in_month(year, month))).map(|days| days * DAY + ticks(a.get(0)).rem_euclid(DAY));
    match found {
        Some(ticks) => moved(m, a.get(0), Some(ticks)),
        None => Err(m.out_of_range("months", "The added or subtracted value results in an un-representable DateTime.")),
    }
}

fn span(m: &mut Machine<'_>, parts: [i32; 5]) -> Outcome {
    let [days, hours, minutes, seconds, milliseconds] = parts.map(i128::from);
    let total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds;
    match i64::try_from((total * 1000 + milliseconds) * 10_000) {
        Ok(ticks) => Ok(Value::Span(ticks)),
        Err(_) => Err(m.throw("ArgumentOutOfRangeException", "TimeSpan overflowed because the duration is too long.")),
    }
}

fn span_sum(m: &mut Machine<'_>, sum: Option<i64>) -> Outcome {
    sum.map(Value::Span).ok_or_else(|| m.throw("OverflowException", "TimeSpan overflowed because the duration is too long."))
}

/// `FromSeconds(double)` and its like: to the nearest millisecond.
fn from_real(m: &mut Machine<'_>, a: Args<'_>, scale: f64) -> Outcome {
    let value = real(a.get(0));
    if value.is_nan() {
        return Err(m.throw("ArgumentException", "TimeSpan does not accept floating point Not-a-Number values."));
    }
    let milliseconds = value * scale + if value >= 0.0 { 0.5 } else { -0.5 };
    if milliseconds.abs() > 922_337_203_685_477.0 {
        return Err(m.throw("OverflowException", "TimeSpan overflowed because the duration is too long."));
    }
    Ok(Value::Span(milliseconds.trunc() as i64 * 10_000))
}

/// A date taken apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts {
    pub(crate) year: i32,
    pub(crate) month: i32,
    pub(crate) day: i32,
    pub(crate) day_of_year: i32,
    pub(crate) hour: i32,
    pub(crate) minute: i32,
    pub(crate) second: i32,
    /// Ticks within the second.
    pub(crate) fraction: i64,
    ticks: i64,
    kind: u8,
    offset: Option<i16>,
}

impl Parts {
    fn from_ticks(ticks: i64) -> Self {
        let mut n = ticks.div_euclid(DAY);
        let y400 = n / 146_097;
        n %= 146_097;
        let y100 = (n / 36_524).min(3);
        n -= y100 * 36_524;
        let y4 = n / 1_461;
        n %= 1_461;
        let y1 = (n / 365).min(3);
        n -= y1 * 365;
        let year = i32::try_from(y400 * 400 + y100 * 100 + y4 * 4 + y1 + 1).unwrap_or(1);
        let day_of_year = i32::try_from(n).unwrap_or(0) + 1;
        let (mut month, mut day) = (1, day_of_year);
        while day > days_in_month(year, month) {
            day -= days_in_month(year, month);
            month += 1;
        }
        let time = ticks.rem_euclid(DAY);
        let part = |unit: i64, modulus: i64| i32::try_from(time / unit % modulus).unwrap_or(0);
        Self {
            year,
            month,
            day,
            day_of_year,
            hour: part(HOUR, 24),
            minute: part(MINUTE, 60),
            second: part(SECOND, 60),
            fraction: time % SECOND,
            ticks,
            kind: 0,
            offset: None,
        }
    }

    pub(crate) fn of(date: DateTime) -> Self {
        Self { kind: date.kind, ..Self::from_ticks(date.ticks) }
    }

    pub(crate) fn of_offset(date: DateTimeOffset) -> Self {
        Self { offset: Some(date.offset), ..Self::from_ticks(date.ticks) }
    }
}

fn year_of(ticks: i64) -> i64 {
    i64::from(Parts::of(DateTime { ticks, kind: 1 }).year)
}

fn parts(a: Args<'_>) -> Parts {
    Parts::from_ticks(ticks(a.get(0)))
}

const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// A date by a format string; nothing if it is invalid.
pub(crate) fn format(parts: &Parts, format: &str) -> Option<String> {
    let utc = || Parts {
        kind: parts.kind,
        offset: parts.offset,
        ..Parts::from_ticks(parts.ticks - i64::from(parts.offset.unwrap_or(0)) * MINUTE)
    };
    let mut parts = *parts;
    let pattern = match format {
        "" if parts.offset.is_some() => "MM/dd/yyyy HH:mm:ss zzz",
        "" | "G" => "MM/dd/yyyy HH:mm:ss",
        "d" => "MM/dd/yyyy",
        "D" => "dddd, dd MMMM yyyy",
        "f" => "dddd, dd MMMM yyyy HH:mm",
        "F" => "dddd, dd MMMM yyyy HH:mm:ss",
        "g" => "MM/dd/yyyy HH:mm",
        "m" | "M" => "MMMM dd",
        "o" | "O" => "yyyy'-'MM'-'dd'T'HH':'mm':'ss'.'fffffffK",
        "r" | "R" => {
            parts = utc();
            "ddd, dd MMM yyyy HH':'mm':'ss 'GMT'"
        }
        "s" => "yyyy'-'MM'-'dd'T'HH':'mm':'ss",
        "t" => "HH:mm",
        "T" => "HH:mm:ss",
        "u" => {
            parts = utc();
            "yyyy'-'MM'-'dd HH':'mm':'ss'Z'"
        }
        "U" if parts.offset.is_some() => return None,
        "U" => "dddd, dd MMMM yyyy HH:mm:ss",
        "y" | "Y" => "yyyy MMMM",
        single if single.chars().count() == 1 => return None,
        custom => custom,
    };
    custom(&parts, pattern)
}

fn custom(parts: &Parts, pattern: &str) -> Option<String> {
    let characters: Vec<char> = pattern.chars().collect();
    let mut out = String::new();
    let mut at = 0;
    while at < characters.len() {
        let letter = characters[at];
        let count = characters[at..].iter().take_while(|other| **other == letter).count();
        let mut used = count;
        let padded = |value: i32, width: usize| format!("{value:0width$}");
        match letter {
            'd' => out.push_str(&match count {
                1 | 2 => padded(parts.day, count),
                3 => DAYS[usize::try_from((parts.ticks / DAY + 1) % 7).unwrap_or(0)][..3].to_owned(),
                _ => DAYS[usize::try_from((parts.ticks / DAY + 1) % 7).unwrap_or(0)].to_owned(),
            }),
            'M' => {
                let name = MONTHS[usize::try_from(parts.month - 1).unwrap_or(0)];
                out.push_str(&match count {
                    1 | 2 => padded(parts.month, count),
                    3 => name[..3].to_owned(),
                    _ => name.to_owned(),
                });
            }
            'y' => out.push_str(&if count <= 2 { padded(parts.year % 100, count) } else { padded(parts.year, count) }),
            'h' => out.push_str(&padded(if parts.hour % 12 == 0 { 12 } else { parts.hour % 12 }, count.min(2))),
            'H' => out.push_str(&padded(parts.hour, count.min(2))),
            'm' => out.push_str(&padded(parts.minute, count.min(2))),
            's' => out.push_str(&padded(parts.second, count.min(2))),
            'f' | 'F' => {
                if count > 7 {
                    return None;
                }
                let digits = format!("{:07}", parts.fraction);
                let digits = &digits[..count];
                if letter == 'f' {
                    out.push_str(digits);
                } else {
                    let trimmed = digits.trim_end_matches('0');
                    if trimmed.is_empty() && out.ends_with('.') {
                        out.pop();
                    }
                    out.push_str(trimmed);
                }
            }
            't' => out.push_str(&(if parts.hour < 12 { "AM" } else { "PM" })[..count.min(2)]),
            'g' => out.push_str("A.D."),
            'z' => {
                let minutes = i32::from(parts.offset.unwrap_or(0));
                let sign = if minutes < 0 { '-' } else { '+' };
                let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
                out.push_str(&match count {
                    1 => format!("{sign}{hours}"),
                    2 => format!("{sign}{hours:02}"),
                    _ => format!("{sign}{hours:02}:{rest:02}"),
                });
            }
            'K' => {
                used = 1;
                match (parts.offset, parts.kind) {
                    (None, 1) => out.push('Z'),
                    (None, 0) => {}
                    (offset, _) => {
                        let minutes = i32::from(offset.unwrap_or(0));
                        let sign = if minutes < 0 { '-' } else { '+' };
                        out.push_str(&format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60));
                    }
                }
            }
            '\'' | '"' | '\\' => used = literal(&characters[at..], &mut out)?,
            '%' => {
                if matches!(characters.get(at + 1), None | Some('%')) {
                    return None;
                }
                used = 1;
            }
            other => {
                out.push(other);
                used = 1;
            }
        }
        at += used;
    }
    Some(out)
}

/// `TimeSpan.ToString()`.
pub(crate) fn span_text(ticks: i64) -> String {
    span_format(ticks, "c").unwrap_or_default()
}

/// A time span by a format string.
pub(crate) fn span_format(ticks: i64, format: &str) -> Option<String> {
    let negative = ticks < 0;
    let all = ticks.unsigned_abs();
    let unit = |unit: i64| all / unit.unsigned_abs();
    let (days, hours, minutes, seconds) = (unit(DAY), unit(HOUR) % 24, unit(MINUTE) % 60, unit(SECOND) % 60);
    let fraction = all % SECOND.unsigned_abs();
    let sign = if negative { "-" } else { "" };
    match format {
        "c" | "t" | "T" => {
            let days = if days > 0 { format!("{days}.") } else { String::new() };
            let fraction = if fraction > 0 { format!(".{fraction:07}") } else { String::new() };
            Some(format!("{sign}{days}{hours:02}:{minutes:02}:{seconds:02}{fraction}"))
        }
        "g" => {
            let days = if days > 0 { format!("{days}:") } else { String::new() };
            let fraction = if fraction > 0 { format!(".{}", format!("{fraction:07}").trim_end_matches('0')) } else { String::new() };
            Some(format!("{sign}{days}{hours}:{minutes:02}:{seconds:02}{fraction}"))
        }
        "G" => Some(format!("{sign}{days}:{hours:02}:{minutes:02}:{seconds:02}.{fraction:07}")),
        single if single.chars().count() == 1 => None,
        pattern => {
            let characters: Vec<char> = pattern.chars().collect();
            let mut out = String::new();
            let mut at = 0;
            while at < characters.len() {
                let letter = characters[at];
                let count = characters[at..].iter().take_while(|other| **other == letter).count();
                let mut used = count;
                match letter {
                    'd' => out.push_str(&format!("{days:0count$}")),
                    'h' if count <= 2 => out.push_str(&format!("{hours:0count$}")),
                    'm' if count <= 2 => out.push_str(&format!("{minutes:0count$}")),
                    's' if count <= 2 => out.push_str(&format!("{seconds:0count$}")),
                    'f' | 'F' if count <= 7 => {
                        let digits = format!("{fraction:07}")[..count].to_owned();
                        out.push_str(if letter == 'f' { &digits } else { digits.trim_end_matches('0') });
                    }
                    '\'' | '"' | '\\' => used = literal(&characters[at..], &mut out)?,
                    '%' => used = 1,
                    _ => return None,
                }
                at += used;
            }
            Some(out)
        }
    }
}

/// What a format says as it stands, in quotes or behind a backslash; gives how many characters of the format that is.
fn literal(format: &[char], out: &mut String) -> Option<usize> {
    let (mark, rest) = format.split_first()?;
    if *mark == '\\' {
        out.push(*rest.first()?);
        return Some(2);
    }
    let length = rest.iter().position(|other| other == mark)?;
    out.extend(&rest[..length]);
    Some(length + 2)
}
