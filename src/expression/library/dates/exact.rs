//! `ParseExact`: dates and time spans read by a format string of the invariant culture.

use super::{DAY, HOUR, MINUTE, SECOND, days};

const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
const WEEK: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

struct Reader<'t> {
    rest: &'t str,
}

impl Reader<'_> {
    fn digits(&mut self, least: usize, most: usize) -> Option<i64> {
        let count = self.rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
        if count < least || count == 0 {
            return None;
        }
        let (digits, rest) = self.rest.split_at(count);
        self.rest = rest;
        digits.parse().ok()
    }

    /// A fraction of a second in ticks.
    fn fraction(&mut self, most: usize, exact: bool) -> Option<i64> {
        let count = self.rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
        if exact && count != most {
            return None;
        }
        let (digits, rest) = self.rest.split_at(count);
        self.rest = rest;
        let padded: String = digits.chars().chain("0000000".chars()).take(7).collect();
        padded.parse().ok()
    }

    fn literal(&mut self, character: char) -> Option<()> {
        self.rest = self.rest.strip_prefix(character)?;
        Some(())
    }

    fn word(&mut self, words: &[&str], length: Option<usize>) -> Option<usize> {
        let found = words.iter().position(|word| {
            let word = length.map_or(*word, |length| &word[..length.min(word.len())]);
            self.rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
        })?;
        let taken = length.map_or(words[found].len(), |length| length.min(words[found].len()));
        self.rest = self.rest.get(taken..)?;
        Some(found)
    }

    /// `+02:00` in minutes; `count` letters of `z`.
    fn offset(&mut self, count: usize) -> Option<i64> {
        let sign = match self.rest.chars().next()? {
            '+' => 1,
            '-' => -1,
            _ => return None,
        };
        self.rest = &self.rest[1..];
        let hours = self.digits(if count == 1 { 1 } else { 2 }, 2)?;
        let minutes = if count > 2 {
            let _ = self.literal(':');
            self.digits(2, 2)?
        } else {
            0
        };
        Some(sign * (hours * 60 + minutes))
    }
}

/// One piece of a format string.
enum Piece {
    /// A letter and how often it stands.
    Letters(char, usize),
    Literal(char),
}

fn pieces(format: &str) -> Option<Vec<Piece>> {
    let characters: Vec<char> = format.chars().collect();
    let mut list = Vec::new();
    let mut at = 0;
    while let Some(character) = characters.get(at) {
        match character {
            '\\' => {
                list.push(Piece::Literal(*characters.get(at + 1)?));
                at += 2;
            }
            '\'' | '"' => {
                let end = characters[at + 1..].iter().position(|one| one == character)? + at + 1;
                list.extend(characters[at + 1..end].iter().map(|one| Piece::Literal(*one)));
                at = end + 1;
            }
            '%' => at += 1,
            letter if "yMdHhmsfFtzK".contains(*letter) => {
                let count = characters[at..].iter().take_while(|one| *one == letter).count();
                list.push(Piece::Letters(*letter, count));
                at += count;
            }
            other => {
                list.push(Piece::Literal(*other));
                at += 1;
            }
        }
    }
    Some(list)
}

/// Local ticks and offset in minutes, if the text has one. `today` is the day for formats without a date.
pub(super) fn date(text: &str, format: &str, today: i64) -> Option<(i64, Option<i16>)> {
    let format = match format {
        "d" => "MM/dd/yyyy",
        "D" => "dddd, dd MMMM yyyy",
        "f" => "dddd, dd MMMM yyyy HH:mm",
        "F" | "U" => "dddd, dd MMMM yyyy HH:mm:ss",
        "g" => "MM/dd/yyyy HH:mm",
        "G" => "MM/dd/yyyy HH:mm:ss",
        "m" | "M" => "MMMM dd",
        "o" | "O" => "yyyy'-'MM'-'dd'T'HH':'mm':'ss'.'fffffffK",
        "r" | "R" => "ddd, dd MMM yyyy HH':'mm':'ss 'GMT'",
        "s" => "yyyy'-'MM'-'dd'T'HH':'mm':'ss",
        "t" => "HH:mm",
        "T" => "HH:mm:ss",
        "u" => "yyyy'-'MM'-'dd HH':'mm':'ss'Z'",
        "y" | "Y" => "yyyy MMMM",
        other if other.len() == 1 => return None,
        other => other,
    };
    let utc = format.ends_with("'GMT'") || format.ends_with("'Z'");
    let mut reader = Reader { rest: text };
    let (mut year, mut month, mut day) = (None, None, None);
    let (mut hour, mut minute, mut second, mut fraction, mut half) = (0, 0, 0, 0, None);
    let mut offset = None;
    let mut weekday = None;
    for piece in pieces(format)? {
        match piece {
            Piece::Literal(character) => reader.literal(character)?,
            Piece::Letters('y', count) if count <= 2 => {
                let value = reader.digits(count, 2)?;
                year = Some(if value < 30 { 2000 + value } else { 1900 + value });
            }
            Piece::Letters('y', count) => year = Some(reader.digits(count, count.max(4))?),
            Piece::Letters('M', count @ (1 | 2)) => month = Some(reader.digits(count, 2)?),
            Piece::Letters('M', 3) => month = Some(reader.word(&MONTHS, Some(3))? as i64 + 1),
            Piece::Letters('M', _) => month = Some(reader.word(&MONTHS, None)? as i64 + 1),
            Piece::Letters('d', count @ (1 | 2)) => day = Some(reader.digits(count, 2)?),
            Piece::Letters('d', 3) => weekday = Some(reader.word(&WEEK, Some(3))?),
            Piece::Letters('d', _) => weekday = Some(reader.word(&WEEK, None)?),
            Piece::Letters('H' | 'h', count) => hour = reader.digits(count.min(2), 2)?,
            Piece::Letters('m', count) => minute = reader.digits(count.min(2), 2)?,
            Piece::Letters('s', count) => second = reader.digits(count.min(2), 2)?,
            Piece::Letters('f', count @ 1..=7) => fraction = reader.fraction(count, true)?,
            Piece::Letters('F', count @ 1..=7) => fraction = reader.fraction(count, false)?,
            Piece::Letters('t', count) => half = Some(reader.word(&["AM", "PM"], (count == 1).then_some(1))?),
            Piece::Letters('z', count) => offset = Some(reader.offset(count)?),
            Piece::Letters('K', _) => {
                if let Some(rest) = reader.rest.strip_prefix('Z') {
                    reader.rest = rest;
                    offset = Some(0);
                } else if reader.rest.starts_with(['+', '-']) {
                    offset = Some(reader.offset(3)?);
                }
            }
            Piece::Letters(..) => return None,
        }
    }
    if !reader.rest.is_empty() || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    match half {
        Some(_) if hour > 12 => return None,
        Some(1) if hour < 12 => hour += 12,
        Some(0) if hour == 12 => hour = 0,
        _ => {}
    }
    let date = if year.is_none() && month.is_none() && day.is_none() {
        today - today.rem_euclid(DAY)
    } else {
        let year = year.unwrap_or_else(|| super::year_of(today));
        let number = |value: i64| i32::try_from(value).ok();
        days(number(year)?, number(month.unwrap_or(1))?, number(day.unwrap_or(1))?)? * DAY
    };
    if weekday.is_some_and(|weekday| weekday as i64 != (date / DAY + 1) % 7) {
        return None;
    }
    let offset = if utc { Some(0) } else { offset };
    let offset = match offset {
        Some(minutes) if (-840..=840).contains(&minutes) => Some(i16::try_from(minutes).ok()?),
        Some(_) => return None,
        None => None,
    };
    Some((date + hour * HOUR + minute * MINUTE + second * SECOND + fraction, offset))
}

/// Ticks of a time span.
pub(super) fn span(text: &str, format: &str) -> Option<i64> {
    match format {
        "c" | "t" | "T" => return super::parsing::span(text).and_then(Result::ok),
        // A colon stands behind the days.
        "g" => {
            let days = text.split(':').next().is_some_and(|first| first.contains('.'));
            return super::parsing::span(text).and_then(Result::ok).filter(|_| !days);
        }
        "G" => return super::parsing::span(text).and_then(Result::ok).filter(|_| text.matches(':').count() == 3),
        other if other.len() == 1 => return None,
        _ => {}
    }
    let mut reader = Reader { rest: text };
    let mut ticks = 0;
    for piece in pieces(format)? {
        match piece {
            Piece::Literal(character) => reader.literal(character)?,
            Piece::Letters('d', count) => ticks += reader.digits(count, if count == 1 { 8 } else { count })? * DAY,
            Piece::Letters('h', count) => ticks += reader.digits(count, 2).filter(|value| *value < 24)? * HOUR,
            Piece::Letters('m', count) => ticks += reader.digits(count, 2).filter(|value| *value < 60)? * MINUTE,
            Piece::Letters('s', count) => ticks += reader.digits(count, 2).filter(|value| *value < 60)? * SECOND,
            Piece::Letters('f', count @ 1..=7) => ticks += reader.fraction(count, true)?,
            Piece::Letters('F', count @ 1..=7) => ticks += reader.fraction(count, false)?,
            Piece::Letters(..) => return None,
        }
    }
    reader.rest.is_empty().then_some(ticks)
}
