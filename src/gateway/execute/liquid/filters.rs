//! The filters that the set-body page lists, with DotLiquid's meanings as far as they are known.

use std::cmp::Ordering;

use percent_encoding::percent_decode_str;

use super::Value;
use crate::expression::date_text;

/// The value behind a filter. A filter of another name changes nothing, as in DotLiquid.
pub(super) fn apply(name: &str, value: Value, arguments: &[Value]) -> Value {
    let argument = |place: usize| arguments.get(place).cloned().unwrap_or(Value::Nil);
    let text = |place: usize| argument(place).text();
    match name {
        "Abs" => match &value {
            Value::Integer(number) => Value::Integer(number.saturating_abs()),
            other => other.number().map_or(Value::Integer(0), |number| Value::Number(number.abs())),
        },
        "Append" => joined(&value, &argument(0)),
        "Prepend" => joined(&argument(0), &value),
        "AtLeast" => chosen(value, argument(0), Ordering::Less),
        "AtMost" => chosen(value, argument(0), Ordering::Greater),
        "Capitalize" => on_text(&value, capitalize),
        "Compact" => match &value {
            Value::List(items) => Value::list(items.iter().filter(|item| !matches!(item, Value::Nil)).cloned().collect()),
            _ => value,
        },
        "Currency" => value.number().map_or_else(|| value.clone(), |number| Value::from(currency(number))),
        "Date" => date(value, arguments.first()),
        "Default" => {
            if value.is_empty() || matches!(value, Value::Boolean(false)) {
                argument(0)
            } else {
                value
            }
        }
        "DividedBy" => arithmetic(&value, &argument(0), i64::checked_div, |left, right| left / right),
        "Modulo" => arithmetic(&value, &argument(0), i64::checked_rem, |left, right| left % right),
        "Minus" => arithmetic(&value, &argument(0), i64::checked_sub, |left, right| left - right),
        "Times" => arithmetic(&value, &argument(0), i64::checked_mul, |left, right| left * right),
        // Two texts are put together, not added.
        "Plus" if matches!(value, Value::Text(_)) => joined(&value, &argument(0)),
        "Plus" => arithmetic(&value, &argument(0), i64::checked_add, |left, right| left + right),
        "Downcase" => on_text(&value, str::to_lowercase),
        "Upcase" => on_text(&value, str::to_uppercase),
        "Escape" | "H" => on_text(&value, escape),
        "First" => value.member("first"),
        "Last" => value.member("last"),
        "Join" => {
            let glue = arguments.first().map_or_else(|| " ".to_owned(), Value::text);
            match &value {
                Value::List(items) => Value::from(items.iter().map(Value::text).collect::<Vec<_>>().join(&glue)),
                _ => value,
            }
        }
        "Lstrip" => on_text(&value, |text| text.trim_start().to_owned()),
        "Rstrip" => on_text(&value, |text| text.trim_end().to_owned()),
        "Strip" => on_text(&value, |text| text.trim().to_owned()),
        "Map" => {
            let name = text(0);
            Value::list(value.items().iter().map(|item| item.member(&name)).collect())
        }
        "NewlineToBr" => on_text(&value, |text| text.replace("\r\n", "\n").replace('\n', "<br />\n")),
        "Remove" => on_text(&value, |own| replaced(own, &text(0), "", false)),
        "RemoveFirst" => on_text(&value, |own| replaced(own, &text(0), "", true)),
        "Replace" => on_text(&value, |own| replaced(own, &text(0), &text(1), false)),
        "ReplaceFirst" => on_text(&value, |own| replaced(own, &text(0), &text(1), true)),
        "Round" => round(value, argument(0).integer().unwrap_or(0)),
        "Size" => match value.size() {
            Value::Nil => Value::Integer(0),
            size => size,
        },
        "Slice" => slice(&value, argument(0).integer().unwrap_or(0), argument(1).integer().unwrap_or(1)),
        "Sort" => sorted(&value, arguments.first()),
        "Split" => {
            let (own, separator) = (value.text(), text(0));
            if separator.is_empty() {
                Value::list(own.chars().map(|character| Value::from(character.to_string())).collect())
            } else {
                // .NET leaves out empty parts here (`RemoveEmptyEntries`).
                Value::list(own.split(&separator).filter(|part| !part.is_empty()).map(Value::from).collect())
            }
        }
        "StripHtml" => on_text(&value, strip_html),
        "StripNewlines" => on_text(&value, |text| text.replace(['\r', '\n'], "")),
        "Truncate" => {
            let (most, end) = (argument(0).integer().unwrap_or(50), arguments.get(1).map_or_else(|| "...".to_owned(), Value::text));
            on_text(&value, |text| truncate(text, usize::try_from(most).unwrap_or(0), &end))
        }
        "TruncateWords" => {
            let (most, end) = (argument(0).integer().unwrap_or(15), arguments.get(1).map_or_else(|| "...".to_owned(), Value::text));
            on_text(&value, |text| truncate_words(text, usize::try_from(most).unwrap_or(0).max(1), &end))
        }
        "Uniq" => match &value {
            Value::List(items) => {
                let mut seen: Vec<Value> = Vec::new();
                // Lists of templates are short; a cap keeps hostile ones from taking quadratic time.
                for item in items.iter().take(10_000) {
                    if !seen.iter().any(|own| own.equals(item)) {
                        seen.push(item.clone());
                    }
                }
                Value::list(seen)
            }
            _ => value,
        },
        "UrlDecode" => on_text(&value, |text| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()),
        "UrlEncode" => on_text(&value, |text| url::form_urlencoded::byte_serialize(text.as_bytes()).collect()),
        _ => value,
    }
}

/// Nothing stays nothing.
fn on_text(value: &Value, work: impl FnOnce(&str) -> String) -> Value {
    if matches!(value, Value::Nil) { Value::Nil } else { Value::from(work(&value.text())) }
}

fn joined(left: &Value, right: &Value) -> Value {
    let mut text = left.text();
    text.push_str(&right.text());
    Value::from(text)
}

fn chosen(value: Value, bound: Value, replaced_if: Ordering) -> Value {
    match (value.number(), bound.number()) {
        (Some(own), Some(other)) if own.partial_cmp(&other) == Some(replaced_if) => bound,
        _ => value,
    }
}

/// Whole numbers stay whole, also divided; what does not fit, or divides by zero, is shown as DotLiquid shows errors.
fn arithmetic(left: &Value, right: &Value, whole: fn(i64, i64) -> Option<i64>, real: fn(f64, f64) -> f64) -> Value {
    if let (Value::Integer(left), Value::Integer(right)) = (left, right) {
        return whole(*left, *right).map_or_else(
            || {
                Value::from(if *right == 0 {
                    "Liquid error: Attempted to divide by zero."
                } else {
                    "Liquid error: Arithmetic operation resulted in an overflow."
                })
            },
            Value::Integer,
        );
    }
    match (left.number(), right.number()) {
        (Some(left), Some(right)) => {
            let result = real(left, right);
            if result.is_finite() { Value::Number(result) } else { Value::from("Liquid error: Attempted to divide by zero.") }
        }
        _ => Value::Nil,
    }
}

/// Each word begins with a capital (`TextInfo.ToTitleCase`).
fn capitalize(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for character in text.chars() {
        if !inside && character.is_alphabetic() {
            out.extend(character.to_uppercase());
        } else {
            out.push(character);
        }
        inside = character.is_alphanumeric() || character == '\'';
    }
    out
}

/// `ToString("C")` of the American culture (assumed: the service's culture is not documented).
fn currency(number: f64) -> String {
    let cents = format!("{:.2}", number.abs());
    let (whole, rest) = cents.split_once('.').unwrap_or((&cents, "00"));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if number < 0.0 { format!("(${grouped}.{rest})") } else { format!("${grouped}.{rest}") }
}

fn date(value: Value, format: Option<&Value>) -> Value {
    let (Value::Date(text) | Value::Text(text)) = &value else { return value };
    let format = format.map(Value::text).unwrap_or_default();
    if format.is_empty() {
        return value;
    }
    date_text(text, &format).map_or_else(|| value.clone(), Value::from)
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

fn replaced(text: &str, from: &str, to: &str, first: bool) -> String {
    match (from.is_empty(), first) {
        (true, _) => text.to_owned(),
        (false, true) => text.replacen(from, to, 1),
        (false, false) => text.replace(from, to),
    }
}

fn round(value: Value, places: i64) -> Value {
    if matches!(value, Value::Integer(_)) {
        return value;
    }
    let Some(number) = value.number() else { return Value::Nil };
    let factor = 10_f64.powi(i32::try_from(places.clamp(0, 15)).unwrap_or(0));
    // .NET rounds halves to even.
    Value::Number((number * factor).round_ties_even() / factor)
}

fn slice(value: &Value, start: i64, length: i64) -> Value {
    let range = |size: usize| {
        let size_signed = i64::try_from(size).unwrap_or(i64::MAX);
        let from = if start < 0 { start.saturating_add(size_signed) } else { start }.clamp(0, size_signed);
        let to = from.saturating_add(length.max(0)).min(size_signed);
        (usize::try_from(from).unwrap_or(size), usize::try_from(to).unwrap_or(size))
    };
    match value {
        Value::Nil => Value::Nil,
        Value::List(items) => {
            let (from, to) = range(items.len());
            Value::list(items.get(from..to).unwrap_or_default().to_vec())
        }
        other => {
            let characters: Vec<char> = other.text().chars().collect();
            let (from, to) = range(characters.len());
            Value::from(characters.get(from..to).unwrap_or_default().iter().collect::<String>())
        }
    }
}

fn sorted(value: &Value, property: Option<&Value>) -> Value {
    let Value::List(items) = value else { return value.clone() };
    let property = property.map(Value::text);
    let key = |item: &Value| property.as_ref().map_or_else(|| item.clone(), |name| item.member(name));
    let mut keyed: Vec<(Value, Value)> = items.iter().map(|item| (key(item), item.clone())).collect();
    // One order over all values, whatever they are: a sort must not meet a comparison that contradicts itself.
    keyed.sort_by(|(left, _), (right, _)| match (left.number(), right.number()) {
        (Some(left), Some(right)) => left.total_cmp(&right),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => left.text().cmp(&right.text()),
    });
    Value::list(keyed.into_iter().map(|(_, item)| item).collect())
}

fn strip_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('<') {
        out.push_str(before);
        match behind.split_once('>') {
            Some((_, after)) => rest = after,
            None => {
                out.push('<');
                rest = behind;
                break;
            }
        }
    }
    out.push_str(rest);
    out
}

fn truncate(text: &str, most: usize, end: &str) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept = most.saturating_sub(end.chars().count());
    let mut out: String = text.chars().take(kept).collect();
    out.push_str(end);
    out
}

fn truncate_words(text: &str, most: usize, end: &str) -> String {
    let words: Vec<&str> = text.split(' ').collect();
    match words.get(..most) {
        Some(kept) if words.len() > most => format!("{}{end}", kept.join(" ")),
        _ => text.to_owned(),
    }
}
