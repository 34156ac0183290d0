//! Dates and time spans from text.

use super::{DAY, HOUR, MINUTE, MONTHS, SECOND, days};
use crate::expression::machine::{Machine, Outcome};
use crate::expression::value::{DateTime, Value};

/// A date that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    /// As written, without regard to the offset.
    pub(crate) ticks: i64,
    /// Minutes, if the text has an offset or `Z`.
    pub(crate) offset: Option<i16>,
    pub(crate) is_zulu: bool,
}

/// `DateTime.Parse`: with an offset the result is local time, which is UTC here.
pub(crate) fn parse_or_throw(m: &mut Machine<'_>, text: &str) -> Outcome {
    match parse(text, m.context.utc_ticks()) {
        Some(Found { ticks, offset: None, .. }) => Ok(Value::DateTime(DateTime { ticks, kind: 0 })),
        Some(Found { ticks, offset: Some(offset), .. }) => {
            Ok(Value::DateTime(DateTime { ticks: ticks - i64::from(offset) * MINUTE, kind: 2 }))
        }
        None => Err(m.throw("FormatException", "String was not recognized as a valid DateTime.")),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Number(String),
    Word(String),
    Sign(char),
}

fn pieces(text: &str) -> Vec<Piece> {
    let mut list: Vec<Piece> = Vec::new();
    for character in text.chars() {
        match (character, list.last_mut()) {
            ('0'..='9', Some(Piece::Number(digits))) => digits.push(character),
            ('0'..='9', _) => list.push(Piece::Number(character.to_string())),
            (letter, Some(Piece::Word(word))) if letter.is_alphabetic() => word.push(letter),
            (letter, _) if letter.is_alphabetic() => list.push(Piece::Word(letter.to_string())),
            (other, _) => list.push(Piece::Sign(other)),
        }
    }
    list
}

/// The forms that the invariant culture reads: ISO 8601, month/day/year, names of months, RFC 1123, with or without time and offset.
pub(crate) fn parse(text: &str, now: i64) -> Option<Found> {
    let text = text.trim();
    if text.is_empty() || text.len() > 64 {
        return None;
    }
    let list = pieces(text);
    let mut at = 0;
    let mut numbers: Vec<(i32, usize)> = Vec::new();
    let mut month_name = None;
    let mut time: Option<(i64, bool)> = None;
    let mut offset = None;
    let mut zulu = false;
    let mut after_time = false;
    let mut separator = None;
    while at < list.len() {
        match &list[at] {
            Piece::Sign(':') => return None,
            Piece::Number(digits) => {
                if time.is_none() && list.get(at + 1) == Some(&Piece::Sign(':')) {
                    let (ticks, used, pm) = time_of(&list[at..])?;
                    time = Some((ticks, pm));
                    after_time = true;
                    at += used;
                    continue;
                }
                if digits.len() > 4 {
                    return None;
                }
                numbers.push((digits.parse().ok()?, digits.len()));
                at += 1;
            }
            Piece::Word(word) => {
                let lower = word.to_lowercase();
                if lower == "z" || lower == "gmt" || lower == "utc" {
                    if !after_time {
                        return None;
                    }
                    zulu = lower == "z" || lower == "gmt";
                    offset = Some(0);
                } else if lower == "t" {
                    if numbers.len() < 3 {
                        return None;
                    }
                } else if lower == "am" || lower == "pm" {
                    let (ticks, _) = time?;
                    let hours = ticks / HOUR;
                    if hours > 12 || hours == 0 {
                        return None;
                    }
                    let base = ticks % (12 * HOUR);
                    time = Some((base + if lower == "pm" { 12 * HOUR } else { 0 }, true));
                } else if let Some(index) =
                    MONTHS.iter().position(|month| month.to_lowercase() == lower || month[..3].to_lowercase() == lower)
                {
                    month_name = Some((index as i32 + 1, numbers.len()));
                } else if !super::DAYS.iter().any(|day| day.to_lowercase() == lower || day[..3].to_lowercase() == lower) {
                    return None;
                }
                at += 1;
            }
            Piece::Sign(sign @ ('+' | '-')) if after_time => {
                let (Some(Piece::Number(hours)), rest) = (list.get(at + 1), list.get(at + 2..)?) else { return None };
                let (hours, minutes, used) = match rest {
                    [Piece::Sign(':'), Piece::Number(minutes), ..] => (hours.parse::<i16>().ok()?, minutes.parse::<i16>().ok()?, 4),
                    _ if hours.len() == 4 => (hours[..2].parse().ok()?, hours[2..].parse().ok()?, 2),
                    _ => (hours.parse().ok()?, 0, 2),
                };
                if hours > 14 || minutes > 59 {
                    return None;
                }
                let total = hours * 60 + minutes;
                offset = Some(if *sign == '-' { -total } else { total });
                at += used;
            }
            Piece::Sign(' ' | ',') => at += 1,
            Piece::Sign(sign @ ('-' | '/' | '.')) => {
                separator.get_or_insert(*sign);
                at += 1;
            }
            Piece::Sign(_) => return None,
        }
    }
    let (year, month, day) = match (month_name, numbers.as_slice()) {
        (Some((month, _)), [(one, width), (two, _)]) if *width <= 2 => (year_of(*two), month, *one),
        (Some((month, _)), [(one, 4), (two, _)]) => (*one, month, *two),
        (Some((month, _)), [(one, 4)]) => (*one, month, 1),
        (Some((month, _)), [(one, _)]) => (super::Parts::from_ticks(now).year, month, *one),
        (None, [(year, 4 | 3), (month, _), (day, _)]) => (*year, *month, *day),
        (None, [(month, _), (day, _), (year, width)]) => (if *width <= 2 { year_of(*year) } else { *year }, *month, *day),
        (None, [(year, 4), (month, _)]) => (*year, *month, 1),
        (None, [(month, _), (year, 4)]) => (*year, *month, 1),
        (None, [(month, 1 | 2), (day, 1 | 2)]) if separator.is_some() => (super::Parts::from_ticks(now).year, *month, *day),
        (None, []) if time.is_some() => {
            let today = super::Parts::from_ticks(now);
            (today.year, today.month, today.day)
        }
        _ => return None,
    };
    let ticks = days(year, month, day)? * DAY + time.map_or(0, |(ticks, _)| ticks);
    Some(Found { ticks, offset, is_zulu: zulu })
}

fn year_of(value: i32) -> i32 {
    if value >= 100 {
        value
    } else if value < 30 {
        2000 + value
    } else {
        1900 + value
    }
}

/// `h:m[:s[.f]]` at the start; ticks and pieces used.
fn time_of(list: &[Piece]) -> Option<(i64, usize, bool)> {
    let number = |index: usize| match list.get(index) {
        Some(Piece::Number(digits)) if digits.len() <= 2 => digits.parse::<i64>().ok(),
        _ => None,
    };
    let (hours, minutes) = (number(0)?, number(2)?);
    let mut used = 3;
    let (mut seconds, mut fraction) = (0, 0);
    if list.get(3) == Some(&Piece::Sign(':')) {
        seconds = number(4)?;
        used = 5;
        if list.get(5) == Some(&Piece::Sign('.'))
            && let Some(Piece::Number(digits)) = list.get(6)
        {
            let padded: String = digits.chars().chain("0000000".chars()).take(7).collect();
            fraction = padded.parse().ok()?;
            // The eighth digit rounds.
            if digits.as_bytes().get(7).is_some_and(|digit| *digit >= b'5') {
                fraction += 1;
            }
            used = 7;
        }
    }
    if hours > 23 || minutes > 59 || seconds > 59 {
        return None;
    }
    Some((hours * HOUR + minutes * MINUTE + seconds * SECOND + fraction, used, false))
}

/// A time span: `[-][d.]hh:mm[:ss[.fffffff]]` or whole days; `Err` when a part is out of range.
pub(super) fn span(text: &str) -> Option<Result<i64, ()>> {
    let text = text.trim();
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let number =
        |text: &str| if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse::<i64>().ok() } else { None };
    let parts: Vec<&str> = text.split(':').collect();
    let (days, hours, minutes, seconds, fraction) = match parts.as_slice() {
        [days] => match days.split_once('.') {
            Some(_) => return None,
            None => (number(days)?, 0, 0, 0, 0),
        },
        [first, minutes] => {
            let (days, hours) = first.split_once('.').map_or(("0", *first), |(days, hours)| (days, hours));
            (number(days)?, number(hours)?, number(minutes)?, 0, 0)
        }
        [first, minutes, last] | [_, first, minutes, last] => {
            let (days, hours) = if parts.len() == 4 { (parts[0], *first) } else { first.split_once('.').unwrap_or(("0", first)) };
            let (seconds, fraction) = last.split_once('.').unwrap_or((last, ""));
            if fraction.len() > 7 {
                return Some(Err(()));
            }
            let padded: String = fraction.chars().chain("0000000".chars()).take(7).collect();
            (number(days)?, number(hours)?, number(minutes)?, number(seconds)?, number(&padded)?)
        }
        _ => return None,
    };
    if hours > 23 || minutes > 59 || seconds > 59 || days > 10_675_199 {
        return Some(Err(()));
    }
    let ticks = i128::from(days) * i128::from(DAY) + i128::from(hours * HOUR + minutes * MINUTE + seconds * SECOND + fraction);
    let ticks = if negative { -ticks } else { ticks };
    Some(i64::try_from(ticks).map_err(|_| ()))
}
