//! `String`.

use std::sync::Arc;

use super::basics::{composite, hash_code};
use super::{Members, linq, to_text};
use crate::expression::heap::Object;
use crate::expression::machine::{Args, Machine, Outcome};
use crate::expression::text::{Text, is_white, lower_unit, upper_unit};
use crate::expression::types::known;
use crate::expression::value::Value;

pub(crate) mod builder;
pub(crate) mod normal;
pub(crate) mod scanning;
mod searching;

use searching::{affix, index_of, last_index_of};

pub(super) const MEMBERS: Members = &[
    ("String.Empty", |_, _| Ok(Value::from(""))),
    ("String.Length", |m, a| m.this(a).map(|text| Value::size(text.len()))),
    ("String.Chars", |m, a| chars(m, a)),
    ("String.Item", |m, a| chars(m, a)),
    ("String.new(char,int)", |m, a| {
        let Ok(count) = usize::try_from(a.int(1)) else { return Err(m.out_of_range("count", "'count' must be non-negative.")) };
        m.allocate(count * 2)?;
        let Value::Char(unit) = a.get(0) else { return Ok(Value::from("")) };
        m.text(Text::from(vec![*unit; count].as_slice()))
    }),
    ("String.new(char[])", |m, a| {
        let units = char_units(m, a.get(0));
        m.text(Text::from(units.as_slice()))
    }),
    ("String.new(char[],int,int)", |m, a| {
        if a.get(0).is_null() {
            return Err(m.argument_null("value"));
        }
        let units = char_units(m, a.get(0));
        let (start, count) = range(m, units.len(), a.int(1), a.int(2))?;
        m.text(Text::from(&units[start..start + count]))
    }),
    ("String.IsNullOrEmpty", |_, a| Ok(Value::Boolean(a.text(0).is_none_or(|text| text.is_empty())))),
    ("String.IsNullOrWhiteSpace", |_, a| {
        Ok(Value::Boolean(a.text(0).is_none_or(|text| (0..text.len()).all(|index| is_white(text.at(index))))))
    }),
    // One value of type `object` is no sequence, whatever it is.
    ("String.Concat(object)", |m, a| {
        let text = to_text(m, a.get(0))?;
        m.text(text)
    }),
    ("String.Concat", |m, a| concat(m, a)),
    ("String.Join", |m, a| join(m, a)),
    ("String.Format(string,object)", |m, a| format(m, a, 0)),
    ("String.Format(string,object,object)", |m, a| format(m, a, 0)),
    ("String.Format(string,object,object,object)", |m, a| format(m, a, 0)),
    ("String.Format(string,object[])", |m, a| format(m, a, 0)),
    ("String.Format(IFormatProvider,string,object)", |m, a| format(m, a, 1)),
    ("String.Format(IFormatProvider,string,object,object)", |m, a| format(m, a, 1)),
    ("String.Format(IFormatProvider,string,object,object,object)", |m, a| format(m, a, 1)),
    ("String.Format(IFormatProvider,string,object[])", |m, a| format(m, a, 1)),
    ("String.Compare(string,string)", |_, a| Ok(Value::Int32(compare_rule(a.text(0), a.text(1), 0)))),
    ("String.Compare(string,string,bool)", |_, a| Ok(Value::Int32(compare_rule(a.text(0), a.text(1), i64::from(a.truth(2)))))),
    ("String.Compare(string,string,StringComparison)", |_, a| Ok(Value::Int32(compare_rule(a.text(0), a.text(1), a.get(2).integer())))),
    ("String.Compare(string,int,string,int,int)", |m, a| compare_cultural_part(m, a, 0)),
    ("String.Compare(string,int,string,int,int,bool)", |m, a| compare_cultural_part(m, a, i64::from(a.truth(5)))),
    ("String.Compare(string,int,string,int,int,StringComparison)", |m, a| compare_ruled_part(m, a, a.get(5).integer())),
    ("String.CompareOrdinal(string,string)", |_, a| Ok(Value::Int32(compare_rule(a.text(0), a.text(1), 4)))),
    ("String.Equals(string,string)", |_, a| Ok(Value::Boolean(if a.len() == 2 { a.text(0) == a.text(1) } else { false }))),
    ("String.Equals(string)", |m, a| m.this(a).map(|text| Value::Boolean(a.text(1).is_some_and(|other| other == text)))),
    ("String.Equals(object)", |m, a| m.this(a).map(|text| Value::Boolean(a.text(1).is_some_and(|other| other == text)))),
    ("String.Equals(string,StringComparison)", |m, a| {
        let text = m.this(a)?;
        Ok(Value::Boolean(a.text(1).is_some_and(|other| equal_rule(&text, &other, a.get(2).integer()))))
    }),
    ("String.Equals(string,string,StringComparison)", |_, a| {
        Ok(Value::Boolean(match (a.text(0), a.text(1)) {
            (Some(one), Some(two)) => equal_rule(&one, &two, a.get(2).integer()),
            (None, None) => true,
            _ => false,
        }))
    }),
    ("String.CompareTo", |m, a| {
        let text = m.this(a)?;
        if !a.get(1).is_null() && a.text(1).is_none() {
            return Err(m.throw("ArgumentException", "Object must be of type String."));
        }
        Ok(Value::Int32(compare_rule(Some(text), a.text(1), 0)))
    }),
    ("String.GetHashCode()", |m, a| hash_code(m, a)),
    ("String.ToString", |m, a| m.this(a).map(Value::Text)),
    ("String.Clone()", |m, a| m.this(a).map(Value::Text)),
    ("String.Copy", |m, a| {
        let text = m.string(a, 0, "str")?;
        m.text((*text).clone())
    }),
    ("String.Intern", |m, a| m.string(a, 0, "str").map(Value::Text)),
    ("String.op_Equality", |_, a| Ok(Value::Boolean(a.text(0) == a.text(1)))),
    ("String.op_Inequality", |_, a| Ok(Value::Boolean(a.text(0) != a.text(1)))),
    ("String.Contains(string)", |m, a| {
        let (text, value) = (m.this(a)?, m.string(a, 1, "value")?);
        m.charge(text.len() / 8)?;
        Ok(Value::Boolean(text.find(&value, 0, false).is_some()))
    }),
    ("String.Contains(char)", |m, a| {
        let text = m.this(a)?;
        Ok(Value::Boolean(text.find(&needle(a.get(1)), 0, false).is_some()))
    }),
    ("String.Contains(string,StringComparison)", |m, a| {
        let (text, value) = (m.this(a)?, m.string(a, 1, "value")?);
        Ok(Value::Boolean(text.find(&value, 0, ignores_case(a.get(2).integer())).is_some()))
    }),
    ("String.Contains(char,StringComparison)", |m, a| {
        let text = m.this(a)?;
        Ok(Value::Boolean(text.find(&needle(a.get(1)), 0, ignores_case(a.get(2).integer())).is_some()))
    }),
    ("String.StartsWith", |m, a| affix(m, a, true)),
    ("String.EndsWith", |m, a| affix(m, a, false)),
    ("String.IndexOf", |m, a| index_of(m, a)),
    ("String.LastIndexOf", |m, a| last_index_of(m, a)),
    ("String.IndexOfAny(char[])", |m, a| {
        let text = m.this(a)?;
        let any = any_of(m, a.get(1))?;
        Ok(Value::Int32(
            (0..text.len()).find(|index| any.contains(&text.at(*index))).map_or(-1, |index| i32::try_from(index).unwrap_or(-1)),
        ))
    }),
    ("String.IndexOfAny(char[],int)", |m, a| {
        let text = m.this(a)?;
        let any = any_of(m, a.get(1))?;
        let (start, _) = range(m, text.len(), a.int(2), 0)?;
        Ok(Value::Int32(
            (start..text.len()).find(|index| any.contains(&text.at(*index))).map_or(-1, |index| i32::try_from(index).unwrap_or(-1)),
        ))
    }),
    ("String.LastIndexOfAny(char[])", |m, a| {
        let text = m.this(a)?;
        let any = any_of(m, a.get(1))?;
        Ok(Value::Int32(
            (0..text.len()).rev().find(|index| any.contains(&text.at(*index))).map_or(-1, |index| i32::try_from(index).unwrap_or(-1)),
        ))
    }),
    ("String.Substring(int)", |m, a| {
        let text = m.this(a)?;
        match usize::try_from(a.int(1)) {
            Err(_) => Err(m.out_of_range("startIndex", "StartIndex cannot be less than zero.")),
            Ok(start) if start > text.len() => Err(m.out_of_range("startIndex", "startIndex cannot be larger than length of string.")),
            Ok(start) => m.text(text.slice(start, text.len())),
        }
    }),
    ("String.Substring(int,int)", |m, a| {
        let text = m.this(a)?;
        let Ok(start) = usize::try_from(a.int(1)) else { return Err(m.out_of_range("startIndex", "StartIndex cannot be less than zero.")) };
        if start > text.len() {
            return Err(m.out_of_range("startIndex", "startIndex cannot be larger than length of string."));
        }
        let Ok(length) = usize::try_from(a.int(2)) else { return Err(m.out_of_range("length", "Length cannot be less than zero.")) };
        if start + length > text.len() {
            return Err(m.out_of_range("length", "Index and length must refer to a location within the string."));
        }
        m.text(text.slice(start, length))
    }),
    ("String.Remove(int)", |m, a| {
        let text = m.this(a)?;
        match usize::try_from(a.int(1)) {
            Err(_) => Err(m.out_of_range("startIndex", "StartIndex cannot be less than zero.")),
            Ok(start) if start >= text.len() => Err(m.out_of_range("startIndex", "startIndex must be less than length of string.")),
            Ok(start) => m.text(text.slice(0, start)),
        }
    }),
    ("String.Remove(int,int)", |m, a| {
        let text = m.this(a)?;
        let Ok(start) = usize::try_from(a.int(1)) else { return Err(m.out_of_range("startIndex", "StartIndex cannot be less than zero.")) };
        let Ok(count) = usize::try_from(a.int(2)) else { return Err(m.out_of_range("count", "Count cannot be less than zero.")) };
        if start + count > text.len() {
            return Err(m.out_of_range("count", "Index and count must refer to a location within the string."));
        }
        let mut units = text.units();
        units.drain(start..start + count);
        m.text(Text::from(units.as_slice()))
    }),
    ("String.Insert(int,string)", |m, a| {
        let (text, value) = (m.this(a)?, m.string(a, 2, "value")?);
        let Some(start) = usize::try_from(a.int(1)).ok().filter(|start| *start <= text.len()) else {
            return Err(m.out_of_range("startIndex", "Specified argument was out of the range of valid values."));
        };
        let mut units = text.units();
        units.splice(start..start, value.units());
        m.text(Text::from(units.as_slice()))
    }),
    ("String.Replace(string,string)", |m, a| {
        let (text, old) = (m.this(a)?, m.string(a, 1, "oldValue")?);
        replace(m, &text, &old, a.text(2), false)
    }),
    ("String.Replace(string,string,StringComparison)", |m, a| {
        let (text, old) = (m.this(a)?, m.string(a, 1, "oldValue")?);
        replace(m, &text, &old, a.text(2), ignores_case(a.get(3).integer()))
    }),
    ("String.Replace(char,char)", |m, a| {
        let text = m.this(a)?;
        let (old, new) = (a.get(1).integer() as u16, a.get(2).integer() as u16);
        let units: Vec<u16> = text.units().into_iter().map(|unit| if unit == old { new } else { unit }).collect();
        m.text(Text::from(units.as_slice()))
    }),
    ("String.Split", |m, a| split(m, a)),
    ("String.Trim", |m, a| trim(m, a, true, true)),
    ("String.TrimStart", |m, a| trim(m, a, true, false)),
    ("String.TrimEnd", |m, a| trim(m, a, false, true)),
    ("String.PadLeft", |m, a| pad(m, a, true)),
    ("String.PadRight", |m, a| pad(m, a, false)),
    ("String.ToLower", |m, a| mapped(m, a, lower_unit)),
    // No policy can name a culture: only null can stand there.
    ("String.ToLower(CultureInfo)", |m, _| Err(m.argument_null("culture"))),
    ("String.ToUpper(CultureInfo)", |m, _| Err(m.argument_null("culture"))),
    ("String.ToLowerInvariant()", |m, a| mapped(m, a, lower_unit)),
    ("String.ToUpper", |m, a| mapped(m, a, upper_unit)),
    ("String.ToUpperInvariant()", |m, a| mapped(m, a, upper_unit)),
    ("String.ToCharArray()", |m, a| {
        let text = m.this(a)?;
        m.array(known().char, text.units().into_iter().map(Value::Char).collect())
    }),
    ("String.ToCharArray(int,int)", |m, a| {
        let text = m.this(a)?;
        let (start, count) = range(m, text.len(), a.int(1), a.int(2))?;
        m.array(known().char, text.slice(start, count).units().into_iter().map(Value::Char).collect())
    }),
    ("StringComparer.Ordinal", |m, _| comparer(m, 4)),
    ("StringComparer.OrdinalIgnoreCase", |m, _| comparer(m, 5)),
    ("StringComparer.InvariantCulture", |m, _| comparer(m, 2)),
    ("StringComparer.InvariantCultureIgnoreCase", |m, _| comparer(m, 3)),
    ("StringComparer.CurrentCulture", |m, _| comparer(m, 0)),
    ("StringComparer.CurrentCultureIgnoreCase", |m, _| comparer(m, 1)),
    ("StringComparer.Equals(string,string)", |m, a| {
        let rule = comparer_rule(m, a.get(0));
        Ok(Value::Boolean(match (a.text(1), a.text(2)) {
            (Some(one), Some(two)) => equal_rule(&one, &two, rule),
            (None, None) => true,
            _ => false,
        }))
    }),
    ("StringComparer.Compare(string,string)", |m, a| {
        let rule = comparer_rule(m, a.get(0));
        Ok(Value::Int32(compare_rule(a.text(1), a.text(2), rule)))
    }),
];

pub(super) fn comparer(m: &mut Machine<'_>, rule: i32) -> Outcome {
    let ty = crate::expression::types::named("StringComparer");
    Ok(m.object(Object::Opaque(ty, vec![Value::Int32(rule)])))
}

/// The `StringComparison` number of a comparer object; ordinal for none.
pub(super) fn comparer_rule(m: &Machine<'_>, value: &Value) -> i64 {
    match value {
        Value::Object(handle) => match m.heap.get(*handle) {
            Object::Opaque(_, fields) => fields.first().map_or(4, Value::integer),
            _ => 4,
        },
        _ => 4,
    }
}

/// The hash code that a comparer gives: equal texts have equal ones.
pub(super) fn comparer_hash(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    match a.get(1) {
        Value::Null => Err(m.argument_null("obj")),
        Value::Text(text) if ignores_case(comparer_rule(m, a.get(0))) => {
            let upper = Value::from(text.map_units(upper_unit));
            hash_code(m, Args { values: &[upper], types: &[] })
        }
        other => hash_code(m, Args { values: std::slice::from_ref(other), types: &[] }),
    }
}

pub(super) const fn ignores_case(rule: i64) -> bool {
    rule % 2 == 1
}

pub(super) fn equal_rule(one: &Text, two: &Text, rule: i64) -> bool {
    if ignores_case(rule) { one.eq_ignore_case(two) } else { one == two }
}

/// Comparison by a `StringComparison` number.
pub(super) fn compare_rule(one: Option<Arc<Text>>, two: Option<Arc<Text>>, rule: i64) -> i32 {
    match (one, two) {
        (None, None) => 0,
        (None, Some(_)) => -1,
        (Some(_), None) => 1,
        (Some(one), Some(two)) if rule >= 4 => {
            // The first letters decide before the lengths do, also where one text has none.
            let first = |text: &Text| if text.is_empty() { 0 } else { i32::from(text.at(0)) };
            let difference = first(&one) - first(&two);
            if !ignores_case(rule) && difference != 0 { difference } else { one.compare(&two, ignores_case(rule)) }
        }
        (Some(one), Some(two)) => compare_culture(&one, &two, ignores_case(rule)),
    }
}

/// Comparison of the invariant culture: letters by alphabet, lower before upper, punctuation before digits before letters.
pub(super) fn compare_culture(one: &Text, two: &Text, ignore_case: bool) -> i32 {
    let weight = |unit: u16| -> u32 {
        let character = char::from_u32(u32::from(unit)).unwrap_or('\u{fffd}');
        let class = if character.is_alphabetic() {
            3
        } else if character.is_numeric() {
            2
        } else if is_white(unit) {
            0
        } else {
            1
        };
        let lower = lower_unit(unit);
        // Accents weigh less than letters.
        let base = match lower {
            0xe0..=0xe5 => u16::from(b'a'),
            0xe7 => u16::from(b'c'),
            0xe8..=0xeb => u16::from(b'e'),
            0xec..=0xef => u16::from(b'i'),
            0xf1 => u16::from(b'n'),
            0xf2..=0xf6 => u16::from(b'o'),
            0xf9..=0xfc => u16::from(b'u'),
            other => other,
        };
        (class << 24) | u32::from(base) << 4
    };
    let special = |text: &Text| -> Vec<u16> { text.units().into_iter().filter(|unit| !matches!(unit, 0x2d | 0x27 | 0xad)).collect() };
    let (left, right) = (special(one), special(two));
    for (a, b) in left.iter().zip(&right) {
        let order = weight(*a).cmp(&weight(*b));
        if order.is_ne() {
            return order as i32;
        }
    }
    if left.len() != right.len() {
        return left.len().cmp(&right.len()) as i32;
    }
    for (a, b) in left.iter().zip(&right) {
        let order = lower_unit(*a).cmp(&lower_unit(*b));
        if order.is_ne() {
            return order as i32;
        }
    }
    if !ignore_case {
        for (a, b) in left.iter().zip(&right) {
            if a != b {
                return if *a == lower_unit(*a) { -1 } else { 1 };
            }
        }
    }
    // Hyphens and apostrophes weigh least.
    one.len().cmp(&two.len()) as i32
}

fn chars(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let text = m.this(a)?;
    match usize::try_from(a.int(1)).ok().filter(|index| *index < text.len()) {
        Some(index) => Ok(Value::Char(text.at(index))),
        None => Err(m.throw("IndexOutOfRangeException", "Index was outside the bounds of the array.")),
    }
}

fn needle(value: &Value) -> Text {
    match value {
        Value::Char(unit) => Text::from([*unit].as_slice()),
        Value::Text(text) => (**text).clone(),
        _ => Text::from(""),
    }
}

pub(super) fn char_units(m: &Machine<'_>, value: &Value) -> Vec<u16> {
    match value {
        Value::Object(handle) => match m.heap.get(*handle) {
            Object::Array(_, items) => items.iter().map(|item| item.integer() as u16).collect(),
            _ => Vec::new(),
        },
        Value::Char(unit) => vec![*unit],
        _ => Vec::new(),
    }
}

/// The characters that are looked for.
pub(super) fn any_of(m: &mut Machine<'_>, value: &Value) -> Outcome<Vec<u16>> {
    if value.is_null() { Err(m.argument_null("anyOf")) } else { Ok(char_units(m, value)) }
}

pub(crate) fn range(m: &mut Machine<'_>, length: usize, start: i32, count: i32) -> Outcome<(usize, usize)> {
    let Some(start) = usize::try_from(start).ok().filter(|start| *start <= length) else {
        return Err(m.out_of_range("startIndex", "Index was out of range. Must be non-negative and less than the size of the collection."));
    };
    match usize::try_from(count).ok().filter(|count| start + count <= length) {
        Some(count) => Ok((start, count)),
        None => {
            Err(m.out_of_range("count", "Count must be positive and count must refer to a location within the string/array/collection."))
        }
    }
}

/// The values of arguments of which the last may be an array or sequence.
pub(super) fn spread(m: &mut Machine<'_>, values: &[Value]) -> Outcome<Vec<Value>> {
    if let [single] = values
        && matches!(single, Value::Object(_))
        && linq::is_enumerable(m, single)
    {
        return linq::collect(m, single);
    }
    Ok(values.to_vec())
}

fn concat(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    if let [Value::Null] = a.values {
        return Err(m.argument_null("values"));
    }
    let parts = spread(m, a.values)?;
    let mut units = Vec::new();
    for part in &parts {
        to_text(m, part)?.append_to(&mut units);
    }
    m.text(Text::from(units.as_slice()))
}

fn join(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let separator = match a.get(0) {
        Value::Null => Text::from(""),
        other => to_text(m, other)?,
    };
    let mut parts = match a.get(1) {
        Value::Null => return Err(m.argument_null("values")),
        _ => spread(m, &a.values[1..2])?,
    };
    if a.len() == 4 {
        let (start, count) = range(m, parts.len(), a.int(2), a.int(3))?;
        parts = parts[start..start + count].to_vec();
    }
    let mut units = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            separator.append_to(&mut units);
        }
        to_text(m, part)?.append_to(&mut units);
        m.charge(1)?;
    }
    m.allocate(units.len() * 2)?;
    m.text(Text::from(units.as_slice()))
}

fn format(m: &mut Machine<'_>, a: Args<'_>, at: usize) -> Outcome {
    let format = m.string(a, at, "format")?;
    let mut values = a.values[at + 1..].to_vec();
    // `(string, object[])` is given one array; `(string, object)` never a value that is an `object[]`.
    if let [Value::Object(handle)] = values.as_slice()
        && let Object::Array(ty, items) = m.heap.get(*handle)
        && ty.element().is_some_and(crate::expression::types::Type::is_reference)
    {
        values = items.clone();
    }
    let text = composite(m, &format, &values)?;
    m.text(text)
}

/// `Compare` of parts by a culture: the numbers are looked at even where a text is null.
fn compare_cultural_part(m: &mut Machine<'_>, a: Args<'_>, rule: i64) -> Outcome {
    let size = |text: &Option<Arc<Text>>| text.as_ref().map_or(0, |text| i64::try_from(text.len()).unwrap_or(i64::MAX));
    let (one, two) = (a.text(0), a.text(2));
    // A part that is shorter than asked for is what is left of the text.
    let length = |text: &Option<Arc<Text>>, start: i32| match text {
        Some(_) => (size(text) - i64::from(start)).min(i64::from(a.int(4))),
        None => i64::from(a.int(4)),
    };
    let (first, second) = (length(&one, a.int(1)), length(&two, a.int(3)));
    for (number, name) in [(first, "length1"), (second, "length2"), (i64::from(a.int(1)), "offset1"), (i64::from(a.int(3)), "offset2")] {
        if number < 0 {
            return Err(m.out_of_range(name, "Positive number required."));
        }
    }
    for (text, start, count, name) in [(&one, a.int(1), first, "string1"), (&two, a.int(3), second, "string2")] {
        if i64::from(start) > size(text) - count {
            return Err(m.out_of_range(name, "Offset and length must refer to a position in the string."));
        }
    }
    compare_part(m, a, rule)
}

/// `Compare` of parts by a `StringComparison`: a null text decides before the numbers are looked at.
fn compare_ruled_part(m: &mut Machine<'_>, a: Args<'_>, rule: i64) -> Outcome {
    if let (Some(one), Some(two)) = (a.text(0), a.text(2)) {
        if a.int(4) < 0 {
            return Err(m.out_of_range("length", "Length cannot be less than zero."));
        }
        for (text, start, name) in [(one, a.int(1), "indexA"), (two, a.int(3), "indexB")] {
            if usize::try_from(start).map_or(true, |start| start > text.len()) {
                let message = "Index was out of range. Must be non-negative and less than the size of the collection.";
                return Err(m.out_of_range(name, message));
            }
        }
    }
    compare_part(m, a, rule)
}

fn compare_part(m: &mut Machine<'_>, a: Args<'_>, rule: i64) -> Outcome {
    let length = usize::try_from(a.int(4)).unwrap_or(0);
    let part = |text: Option<Arc<Text>>, start: i32| text.map(|text| Arc::new(text.slice(usize::try_from(start).unwrap_or(0), length)));
    m.charge(1)?;
    Ok(Value::Int32(compare_rule(part(a.text(0), a.int(1)), part(a.text(2), a.int(3)), rule)))
}

fn replace(m: &mut Machine<'_>, text: &Text, old: &Text, new: Option<Arc<Text>>, ignore_case: bool) -> Outcome {
    if old.is_empty() {
        return Err(m.throw("ArgumentException", "String cannot be of zero length.\nParameter name: oldValue"));
    }
    m.charge(text.len() / 8)?;
    let new = new.map(|new| new.units()).unwrap_or_default();
    let mut units = Vec::new();
    let mut at = 0;
    while let Some(found) = text.find(old, at, ignore_case) {
        text.slice(at, found - at).append_to(&mut units);
        units.extend_from_slice(&new);
        at = found + old.len();
        m.charge(1 + new.len() / 16)?;
        if units.len() > 64 * 1024 * 1024 {
            m.allocate(units.len() * 8)?;
        }
    }
    text.slice(at, text.len()).append_to(&mut units);
    m.allocate(units.len() * 2)?;
    m.text(Text::from(units.as_slice()))
}

fn split(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let text = m.this(a)?;
    let mut separators: Vec<Text> = match a.get(1) {
        Value::Char(_) | Value::Text(_) => vec![needle(a.get(1))],
        Value::Object(handle) => match m.heap.get(*handle) {
            Object::Array(_, items) => items.iter().map(needle).collect(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    };
    separators.retain(|separator| !separator.is_empty());
    let was_text = matches!(a.get(1), Value::Text(_));
    let mut limit = usize::MAX;
    let mut remove_empty = false;
    for value in &a.values[2..] {
        match value {
            Value::Int32(count) => match usize::try_from(*count) {
                Ok(count) => limit = count,
                Err(_) => return Err(m.out_of_range("count", "Count cannot be less than zero.")),
            },
            Value::Enum(_, options) => remove_empty = options & 1 == 1,
            _ => {}
        }
    }
    if limit == 0 {
        return m.text_array(Vec::new());
    }
    // One part is all of it.
    if limit == 1 && !text.is_empty() {
        return m.text_array(vec![(*text).clone()]);
    }
    let white = separators.is_empty() && !was_text;
    let mut parts: Vec<Text> = Vec::new();
    let (mut start, mut at) = (0, 0);
    let length = text.len();
    m.charge(length)?;
    while at < length {
        if parts.len() + 1 >= limit {
            break;
        }
        let found = if white {
            is_white(text.at(at)).then_some(1)
        } else {
            separators.iter().find(|separator| text.matches_at(separator, at, false)).map(Text::len)
        };
        match found {
            Some(width) => {
                if !(remove_empty && at == start) {
                    parts.push(text.slice(start, at - start));
                }
                at += width;
                start = at;
            }
            None => at += 1,
        }
    }
    if remove_empty && parts.len() + 1 >= limit {
        // The last part begins where something other than a separator stands.
        while start < length {
            let found = if white {
                is_white(text.at(start)).then_some(1)
            } else {
                separators.iter().find(|separator| text.matches_at(separator, start, false)).map(Text::len)
            };
            match found {
                Some(width) => start += width,
                None => break,
            }
        }
    }
    let rest = text.slice(start, length);
    if !(remove_empty && rest.is_empty()) {
        parts.push(rest);
    }
    m.text_array(parts)
}

fn trim(m: &mut Machine<'_>, a: Args<'_>, start: bool, end: bool) -> Outcome {
    let text = m.this(a)?;
    let set = char_units(m, a.get(1));
    let gone = |unit: u16| if set.is_empty() { is_white(unit) } else { set.contains(&unit) };
    let mut from = 0;
    let mut to = text.len();
    while start && from < to && gone(text.at(from)) {
        from += 1;
    }
    while end && to > from && gone(text.at(to - 1)) {
        to -= 1;
    }
    if from == 0 && to == text.len() {
        return Ok(Value::Text(text));
    }
    m.text(text.slice(from, to - from))
}

fn pad(m: &mut Machine<'_>, a: Args<'_>, left: bool) -> Outcome {
    let text = m.this(a)?;
    let Ok(width) = usize::try_from(a.int(1)) else {
        return Err(m.out_of_range("totalWidth", "Non-negative number required."));
    };
    let unit = if let Value::Char(unit) = a.get(2) { *unit } else { 32 };
    if width <= text.len() {
        return Ok(Value::Text(text));
    }
    m.allocate(width * 2)?;
    let padding = vec![unit; width - text.len()];
    let units = if left { [padding, text.units()].concat() } else { [text.units(), padding].concat() };
    m.text(Text::from(units.as_slice()))
}

fn mapped(m: &mut Machine<'_>, a: Args<'_>, map: fn(u16) -> u16) -> Outcome {
    let text = m.this(a)?;
    m.charge(text.len() / 4)?;
    m.text(text.map_units(map))
}
