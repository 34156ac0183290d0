//! Where a text begins with, ends with or holds another.

use super::{ignores_case, needle};
use crate::expression::machine::{Args, Machine, Outcome};
use crate::expression::text::Text;
use crate::expression::value::Value;

pub(super) fn affix(m: &mut Machine<'_>, a: Args<'_>, start: bool) -> Outcome {
    let text = m.this(a)?;
    if a.get(1).is_null() {
        return Err(m.argument_null("value"));
    }
    let value = needle(a.get(1));
    let ignore = match a.get(2) {
        Value::Enum(_, rule) => ignores_case(*rule),
        Value::Boolean(ignore) => *ignore,
        _ => false,
    };
    let place = if start { Some(0) } else { text.len().checked_sub(value.len()) };
    Ok(Value::Boolean(place.is_some_and(|place| text.matches_at(&value, place, ignore))))
}

fn index_result(index: Option<usize>) -> Value {
    Value::Int32(index.and_then(|index| i32::try_from(index).ok()).unwrap_or(-1))
}

pub(super) fn index_of(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let text = m.this(a)?;
    if a.get(1).is_null() {
        return Err(m.argument_null("value"));
    }
    m.charge(text.len() / 8)?;
    let value = needle(a.get(1));
    let mut numbers = a.values[2..].iter().filter(|value| matches!(value, Value::Int32(_))).map(|value| value.integer() as i32);
    let rule = a.values[2..].iter().find_map(|value| if let Value::Enum(_, rule) = value { Some(*rule) } else { None });
    let start = numbers.next().unwrap_or(0);
    let Some(start) = usize::try_from(start).ok().filter(|start| *start <= text.len()) else {
        return Err(m.out_of_range("startIndex", "Index was out of range. Must be non-negative and less than the size of the collection."));
    };
    let end = match numbers.next() {
        None => text.len(),
        Some(count) => match usize::try_from(count).ok().filter(|count| start + count <= text.len()) {
            Some(count) => start + count,
            None => {
                return Err(m.out_of_range(
                    "count",
                    "Count must be positive and count must refer to a location within the string/array/collection.",
                ));
            }
        },
    };
    let found = text.find(&value, start, rule.is_some_and(ignores_case)).filter(|index| index + value.len() <= end);
    Ok(index_result(found))
}

pub(super) fn last_index_of(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let text = m.this(a)?;
    if a.get(1).is_null() {
        return Err(m.argument_null("value"));
    }
    let value = needle(a.get(1));
    let mut numbers = a.values[2..].iter().filter(|value| matches!(value, Value::Int32(_))).map(|value| value.integer() as i32);
    let rule = a.values[2..].iter().find_map(|value| if let Value::Enum(_, rule) = value { Some(*rule) } else { None });
    let (end, least) = match (numbers.next(), numbers.next()) {
        (None, _) => (text.len(), 0),
        (Some(start), _) if text.is_empty() => {
            // A letter is not found in nothing, wherever one looks; a text is looked for in a place that there is.
            if matches!(a.get(1), Value::Text(_)) && !matches!(start, -1 | 0) {
                let message = "Index was out of range. Must be non-negative and less than the size of the collection.";
                return Err(m.out_of_range("startIndex", message));
            }
            (0, 0)
        }
        (Some(start), count) => {
            let Some(start) =
                usize::try_from(start).ok().filter(|start| *start < text.len() + usize::from(matches!(a.get(1), Value::Text(_))))
            else {
                return Err(
                    m.out_of_range("startIndex", "Index was out of range. Must be non-negative and less than the size of the collection.")
                );
            };
            let end = (start + 1).min(text.len());
            let Some(count) = count else { return Ok(found_last(&text, &value, end, 0, rule)) };
            // One place behind the end counts as the end.
            let count = if start == text.len() && count > 0 { count - 1 } else { count };
            match usize::try_from(count).ok().filter(|count| *count <= end) {
                Some(count) => (end, end - count),
                None => {
                    let message = "Count must be positive and count must refer to a location within the string/array/collection.";
                    return Err(m.out_of_range("count", message));
                }
            }
        }
    };
    Ok(found_last(&text, &value, end, least, rule))
}

fn found_last(text: &Text, value: &Text, end: usize, least: usize, rule: Option<i64>) -> Value {
    let found = text.rfind(value, end, rule.is_some_and(ignores_case)).filter(|index| *index >= least);
    index_result(found.map(|index| if value.is_empty() { index.min(text.len().saturating_sub(1)) } else { index }))
}
