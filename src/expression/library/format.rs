//! Numbers as text: standard and custom format strings of the invariant culture, as .NET Framework prints them, and back.

use rust_decimal::Decimal;

use super::decimal;
use crate::expression::value::Value;

/// Digits of a finite number: `0.d1d2d3… × 10^exponent`, without leading or trailing zeros; zero has none.
#[derive(Debug, Clone)]
struct Digits {
    negative: bool,
    digits: Vec<u8>,
    exponent: i32,
}

impl Digits {
    fn parse(text: &str) -> Self {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) =
            text.split_once(['e', 'E']).map_or((text, 0), |(mantissa, exponent)| (mantissa, exponent.parse::<i32>().unwrap_or(0)));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).map(|byte| byte.wrapping_sub(b'0')).collect();
        let mut point = i32::try_from(whole.len()).unwrap_or(0) + exponent;
        let leading = digits.iter().take_while(|digit| **digit == 0).count();
        digits.drain(..leading);
        point -= i32::try_from(leading).unwrap_or(0);
        while digits.last() == Some(&0) {
            digits.pop();
        }
        if digits.is_empty() {
            point = 0;
        }
        Self { negative, digits, exponent: point }
    }

    fn of(value: &Value, precision: usize) -> Self {
        match value {
            Value::Double(value) => Self::parse(&format!("{value:.*e}", precision.clamp(15, 40) - 1)).rounded_to(precision),
            Value::Single(value) => Self::parse(&format!("{:.*e}", precision.clamp(7, 40) - 1, f64::from(*value))).rounded_to(precision),
            Value::Decimal(value) => Self::parse(&value.to_string()),
            Value::UInt64(value) => Self::parse(&value.to_string()),
            other => Self::parse(&other.integer().to_string()),
        }
    }

    fn rounded_to(mut self, significant: usize) -> Self {
        if self.digits.len() > significant {
            self.cut(significant);
        }
        self
    }

    /// Keeps `count` digits, rounding half away from zero.
    fn cut(&mut self, count: usize) {
        let up = self.digits.get(count).is_some_and(|digit| *digit >= 5);
        self.digits.truncate(count);
        if up {
            let mut index = count;
            loop {
                if index == 0 {
                    self.digits.insert(0, 1);
                    self.exponent += 1;
                    break;
                }
                index -= 1;
                if self.digits[index] == 9 {
                    self.digits.truncate(index);
                } else {
                    self.digits[index] += 1;
                    break;
                }
            }
        }
        while self.digits.last() == Some(&0) {
            self.digits.pop();
        }
        if self.digits.is_empty() {
            self.exponent = 0;
        }
    }

    /// Rounds to a number of decimals.
    fn round(&mut self, decimals: i32) {
        let count = self.exponent + decimals;
        if count < 0 {
            self.digits.clear();
            self.exponent = 0;
        } else if usize::try_from(count).is_ok_and(|count| count < self.digits.len()) {
            self.cut(usize::try_from(count).unwrap_or(0));
        }
    }

    fn digit(&self, place: i32) -> char {
        // Place 0 is the first digit before the point when the exponent is 1.
        let index = self.exponent - 1 - place;
        usize::try_from(index).ok().and_then(|index| self.digits.get(index)).map_or('0', |digit| char::from(b'0' + digit))
    }

    fn whole(&self) -> String {
        if self.exponent <= 0 { "0".to_owned() } else { (0..self.exponent).rev().map(|place| self.digit(place)).collect() }
    }

    fn fraction(&self, count: usize) -> String {
        (1..=i32::try_from(count).unwrap_or(0)).map(|place| self.digit(-place)).collect()
    }

    fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }
}

/// `ToString()` of a number.
pub(crate) fn general(value: &Value) -> String {
    match value {
        Value::Double(number) => special(*number).unwrap_or_else(|| general_digits(&Digits::of(value, 15), 15, 'E')),
        Value::Single(number) => special(f64::from(*number)).unwrap_or_else(|| general_digits(&Digits::of(value, 7), 7, 'E')),
        Value::Decimal(number) => decimal::text(*number),
        Value::UInt64(number) => number.to_string(),
        other => other.integer().to_string(),
    }
}

fn special(number: f64) -> Option<String> {
    if number.is_nan() {
        Some("NaN".to_owned())
    } else if number.is_infinite() {
        Some(if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned())
    } else {
        None
    }
}

/// Shortest of fixed and scientific, as `G` has it.
fn general_digits(digits: &Digits, precision: i32, letter: char) -> String {
    let sign = if digits.negative && !digits.is_zero() { "-" } else { "" };
    let exponent = digits.exponent - 1;
    if digits.is_zero() || exponent > -5 && exponent < precision {
        let count = usize::try_from((i32::try_from(digits.digits.len()).unwrap_or(0) - digits.exponent).max(0)).unwrap_or(0);
        let fraction = digits.fraction(count);
        let point = if fraction.is_empty() { "" } else { "." };
        return format!("{sign}{}{point}{fraction}", digits.whole());
    }
    let mut mantissa: String = digits.digits.iter().map(|digit| char::from(b'0' + digit)).collect();
    if mantissa.len() > 1 {
        mantissa.insert(1, '.');
    }
    format!("{sign}{mantissa}{letter}{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

fn group(whole: &str) -> String {
    let mut out = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number by a format string; nothing if the format is invalid.
pub(crate) fn number(value: &Value, format: &str) -> Option<String> {
    let real = match value {
        Value::Double(number) => Some(*number),
        Value::Single(number) => Some(f64::from(*number)),
        _ => None,
    };
    if let Some(text) = real.and_then(special) {
        return Some(text);
    }
    let mut characters = format.chars();
    let Some(letter) = characters.next() else { return Some(general(value)) };
    let rest = characters.as_str();
    let standard = letter.is_ascii_alphabetic() && rest.len() <= 2 && rest.bytes().all(|byte| byte.is_ascii_digit());
    if !standard {
        return Some(custom(value, format));
    }
    let precision: Option<usize> = rest.parse().ok();
    let is_integer = real.is_none() && !matches!(value, Value::Decimal(_));
    let sign = |digits: &Digits| if digits.negative && !digits.is_zero() { "-" } else { "" };
    match letter.to_ascii_uppercase() {
        'D' => {
            if !is_integer {
                return None;
            }
            let digits = Digits::of(value, 20);
            let whole = digits.whole();
            Some(format!("{}{:0>width$}", sign(&digits), whole, width = precision.unwrap_or(1)))
        }
        'X' => {
            let bits = match value {
                Value::SByte(value) => u64::from(*value as u8),
                Value::Int16(value) => u64::from(*value as u16),
                Value::Int32(value) => u64::from(*value as u32),
                Value::UInt64(value) => *value,
                other if is_integer => other.integer() as u64,
                _ => return None,
            };
            let text = if letter == 'X' { format!("{bits:X}") } else { format!("{bits:x}") };
            Some(format!("{text:0>width$}", width = precision.unwrap_or(1)))
        }
        'F' | 'N' | 'P' | 'C' => {
            let upper = letter.to_ascii_uppercase();
            let decimals = precision.unwrap_or(2);
            let mut digits = Digits::of(
                value,
                if precision.unwrap_or(0) > 15 { 17 } else { 15 }.max(if matches!(value, Value::Single(_)) { 7 } else { 15 }),
            );
            if let Value::Single(_) = value {
                digits = Digits::of(value, 7);
            }
            if upper == 'P' && !digits.is_zero() {
                digits.exponent += 2;
            }
            digits.round(i32::try_from(decimals).unwrap_or(0));
            let whole = if upper == 'F' { digits.whole() } else { group(&digits.whole()) };
            let fraction = digits.fraction(decimals);
            let point = if decimals > 0 { "." } else { "" };
            let sign = sign(&digits);
            Some(match upper {
                'C' if sign.is_empty() => format!("¤{whole}{point}{fraction}"),
                'C' => format!("(¤{whole}{point}{fraction})"),
                'P' => format!("{sign}{whole}{point}{fraction} %"),
                _ => format!("{sign}{whole}{point}{fraction}"),
            })
        }
        'E' => {
            let decimals = precision.unwrap_or(6);
            let mut digits = Digits::of(value, (decimals + 1).max(15));
            if digits.digits.len() > decimals + 1 {
                digits.cut(decimals + 1);
            }
            let exponent = if digits.is_zero() { 0 } else { digits.exponent - 1 };
            let mut mantissa: String = digits.digits.iter().map(|digit| char::from(b'0' + digit)).collect();
            while mantissa.len() < decimals + 1 {
                mantissa.push('0');
            }
            if decimals > 0 {
                mantissa.insert(1, '.');
            }
            Some(format!("{}{mantissa}{letter}{}{:03}", sign(&digits), if exponent < 0 { '-' } else { '+' }, exponent.abs()))
        }
        'G' => match precision {
            None | Some(0) => Some(general(value)),
            Some(precision) => {
                let digits = Digits::of(value, precision).rounded_to(precision);
                Some(general_digits(&digits, i32::try_from(precision).unwrap_or(15), if letter == 'G' { 'E' } else { 'e' }))
            }
        },
        'R' => match value {
            Value::Double(number) => {
                let short = general(value);
                if short.parse::<f64>().is_ok_and(|back| back == *number) {
                    return Some(short);
                }
                let digits = Digits::of(value, 17);
                Some(general_digits(&digits, 15, 'E'))
            }
            Value::Single(number) => {
                let short = general(value);
                if short.parse::<f32>().is_ok_and(|back| back == *number) {
                    return Some(short);
                }
                Some(general_digits(&Digits::of(value, 9), 7, 'E'))
            }
            _ => None,
        },
        _ => None,
    }
}

/// A custom format: sections for positive, negative and zero; `0 # . , % ‰ E \ ' "`.
fn custom(value: &Value, format: &str) -> String {
    let sections = sections(format);
    let mut digits = Digits::of(value, if matches!(value, Value::Single(_)) { 7 } else { 15 });
    if let Value::Decimal(_) | Value::Int64(_) | Value::UInt64(_) | Value::Int32(_) = value {
        digits = Digits::of(value, 30);
    }
    let mut section = 0;
    if digits.negative && !digits.is_zero() && sections.len() > 1 && !sections[1].is_empty() {
        section = 1;
    } else if digits.is_zero() && sections.len() > 2 && !sections[2].is_empty() {
        section = 2;
    }
    let (text, zero) = section_text(&digits, &sections[section], section == 0);
    if zero && !digits.is_zero() && section != 2 && sections.len() > 2 && !sections[2].is_empty() {
        // What rounds to zero is shown as zero.
        return section_text(&Digits { negative: false, digits: Vec::new(), exponent: 0 }, &sections[2], false).0;
    }
    text
}

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Zero,
    Hash,
    Point,
    Comma,
    Percent,
    PerMille,
    Exponent { letter: char, plus: bool, width: usize },
    Literal(String),
}

fn sections(format: &str) -> Vec<Vec<Piece>> {
    let mut all = vec![Vec::new()];
    let mut characters = format.chars().peekable();
    while let Some(character) = characters.next() {
        let piece = match character {
            '0' => Piece::Zero,
            '#' => Piece::Hash,
            '.' => Piece::Point,
            ',' => Piece::Comma,
            '%' => Piece::Percent,
            '‰' => Piece::PerMille,
            ';' => {
                all.push(Vec::new());
                continue;
            }
            '\\' => Piece::Literal(characters.next().map(String::from).unwrap_or_default()),
            '\'' | '"' => {
                let mut text = String::new();
                for inner in characters.by_ref() {
                    if inner == character {
                        break;
                    }
                    text.push(inner);
                }
                Piece::Literal(text)
            }
            'e' | 'E' => {
                let mut ahead = characters.clone();
                let signed = matches!(ahead.peek(), Some('+' | '-'));
                let plus = ahead.peek() == Some(&'+');
                if signed {
                    ahead.next();
                }
                let mut width = 0;
                while ahead.peek() == Some(&'0') {
                    width += 1;
                    ahead.next();
                }
                if width > 0 {
                    characters = ahead;
                    Piece::Exponent { letter: character, plus, width }
                } else {
                    Piece::Literal(character.to_string())
                }
            }
            other => Piece::Literal(other.to_string()),
        };
        if let Some(last) = all.last_mut() {
            last.push(piece);
        }
    }
    all
}

fn section_text(digits: &Digits, pieces: &[Piece], show_sign: bool) -> (String, bool) {
    let point = pieces.iter().position(|piece| *piece == Piece::Point).unwrap_or(pieces.len());
    let is_digit = |piece: &Piece| matches!(piece, Piece::Zero | Piece::Hash);
    let before: Vec<usize> = (0..point).filter(|index| is_digit(&pieces[*index])).collect();
    let after: Vec<usize> = (point..pieces.len()).filter(|index| is_digit(&pieces[*index])).collect();
    let last_digit = before.last().copied();
    let mut scale = 0;
    let mut grouped = false;
    for (index, piece) in pieces.iter().enumerate().take(point) {
        if *piece == Piece::Comma {
            let followed = before.iter().any(|digit| *digit > index);
            if followed && before.iter().any(|digit| *digit < index) {
                grouped = true;
            } else if last_digit.is_some_and(|last| index > last) {
                scale -= 3;
            }
        }
    }
    for piece in pieces {
        match piece {
            Piece::Percent => scale += 2,
            Piece::PerMille => scale += 3,
            _ => {}
        }
    }
    let mut digits = digits.clone();
    if !digits.is_zero() {
        digits.exponent += scale;
    }
    let scientific = pieces.iter().any(|piece| matches!(piece, Piece::Exponent { .. }));
    let mut shown_exponent = 0;
    if scientific {
        let wanted = before.len() + after.len();
        if digits.digits.len() > wanted {
            digits.cut(wanted);
        }
        if !digits.is_zero() {
            shown_exponent = digits.exponent - i32::try_from(before.len()).unwrap_or(0);
            digits.exponent = i32::try_from(before.len()).unwrap_or(0);
        }
    } else {
        digits.round(i32::try_from(after.len()).unwrap_or(0));
    }
    let first_zero = before.iter().position(|index| pieces[*index] == Piece::Zero);
    let least = first_zero.map_or(0, |position| before.len() - position);
    let mut whole = if digits.exponent > 0 { digits.whole() } else { String::new() };
    while whole.len() < least {
        whole.insert(0, '0');
    }
    let fraction_least = after.iter().rposition(|index| pieces[*index] == Piece::Zero).map_or(0, |position| position + 1);
    let mut fraction = digits.fraction(after.len());
    while fraction.len() > fraction_least && fraction.ends_with('0') {
        fraction.pop();
    }
    let mut out = String::new();
    if show_sign && digits.negative && !digits.is_zero() {
        out.push('-');
    }
    let total = whole.len();
    let mut whole_digits = whole.chars();
    let mut written = 0;
    let mut slots = before.len();
    let mut fraction_digits = fraction.chars();
    let push_whole = |out: &mut String, digit: char, written: &mut usize| {
        if grouped && *written > 0 && (total - *written).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
        *written += 1;
    };
    for (index, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Zero | Piece::Hash if index < point => {
                // Digits that have no place of their own go to the first.
                while total - written > slots {
                    if let Some(digit) = whole_digits.next() {
                        push_whole(&mut out, digit, &mut written);
                    }
                }
                if total - written == slots
                    && let Some(digit) = whole_digits.next()
                {
                    push_whole(&mut out, digit, &mut written);
                }
                slots -= 1;
            }
            Piece::Zero | Piece::Hash => {
                if let Some(digit) = fraction_digits.next() {
                    out.push(digit);
                }
            }
            Piece::Point if index == point => {
                if before.is_empty() {
                    for digit in whole_digits.by_ref() {
                        push_whole(&mut out, digit, &mut written);
                    }
                }
                if !fraction.is_empty() {
                    out.push('.');
                }
            }
            Piece::Percent => out.push('%'),
            Piece::PerMille => out.push('‰'),
            Piece::Exponent { letter, plus, width } => {
                out.push(*letter);
                if shown_exponent < 0 {
                    out.push('-');
                } else if *plus {
                    out.push('+');
                }
                out.push_str(&format!("{:0width$}", shown_exponent.abs(), width = *width));
            }
            Piece::Literal(text) => out.push_str(text),
            Piece::Point | Piece::Comma => {}
        }
    }
    (out, digits.is_zero())
}

/// An integer as `NumberStyles.Integer` reads it.
pub(crate) fn parse_integer(text: &str) -> Result<i128, bool> {
    let text = text.trim_matches(white).trim_end_matches('\0');
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(false);
    }
    let value: i128 = digits.parse().map_err(|_| true)?;
    Ok(if negative { -value } else { value })
}

/// White space that numbers may have around them.
fn white(character: char) -> bool {
    matches!(character, '\t'..='\r' | ' ')
}

/// A real number as `Float | AllowThousands` reads it: the plain form that Rust reads too.
pub(crate) fn clean_real(text: &str) -> Option<String> {
    let text = text.trim_matches(white).trim_end_matches('\0');
    let (sign, body) = match text.as_bytes().first() {
        Some(b'-') => ("-", &text[1..]),
        Some(b'+') => ("", &text[1..]),
        _ => ("", text),
    };
    let mut out = String::from(sign);
    let mut bytes = body.bytes().peekable();
    let mut digits = 0;
    let mut seen_digit_before_comma = false;
    while let Some(byte) = bytes.peek().copied() {
        match byte {
            b'0'..=b'9' => {
                out.push(char::from(byte));
                digits += 1;
                seen_digit_before_comma = true;
            }
            b',' if seen_digit_before_comma => {}
            _ => break,
        }
        bytes.next();
    }
    if bytes.peek() == Some(&b'.') {
        bytes.next();
        out.push('.');
        while let Some(byte) = bytes.peek().copied().filter(u8::is_ascii_digit) {
            out.push(char::from(byte));
            digits += 1;
            bytes.next();
        }
    }
    if digits == 0 {
        return None;
    }
    if matches!(bytes.peek(), Some(b'e' | b'E')) {
        bytes.next();
        out.push('e');
        if let Some(byte) = bytes.peek().copied().filter(|byte| matches!(byte, b'+' | b'-')) {
            out.push(char::from(byte));
            bytes.next();
        }
        let mut exponent = 0;
        while let Some(byte) = bytes.peek().copied().filter(u8::is_ascii_digit) {
            out.push(char::from(byte));
            exponent += 1;
            bytes.next();
        }
        if exponent == 0 {
            return None;
        }
    }
    bytes.next().is_none().then(|| out.replace("-.", "-0.").trim_end_matches('.').to_owned())
}

/// A decimal as .NET reads it: up to 28 decimals, the scale as written.
pub(crate) fn parse_decimal(text: &str) -> Option<Decimal> {
    let text = clean_real(text)?;
    if text.contains('e') {
        return Decimal::from_scientific(&text).ok();
    }
    let text = if text.starts_with('.') { format!("0{text}") } else { text };
    text.parse().ok()
}
