//! `Object`, `Enum`, `Nullable`, tuples, composite formatting, and the helpers that compiled code calls.

use std::sync::Arc;

use super::{Members, compare, equals, format, to_text};
use crate::expression::catalogue::MemberKind;
use crate::expression::heap::Object;
use crate::expression::machine::{Args, Machine, Outcome};
use crate::expression::text::Text;
use crate::expression::types::{self, Shape, Type};
use crate::expression::value::Value;

pub(super) const MEMBERS: Members = &[
    ("Object.Equals(object,object)", |m, a| equals(m, a.get(0), a.get(1)).map(Value::Boolean)),
    ("Object.Equals(object)", |m, a| instance_equals(m, a)),
    ("Object.ReferenceEquals(object,object)", |m, a| Ok(Value::Boolean(same(m, a.get(0), a.get(1))))),
    ("Operator.ReferenceNotEquals", |m, a| Ok(Value::Boolean(!same(m, a.get(0), a.get(1))))),
    ("Operator.CompareTuples", |m, a| compare(m, a.get(0), a.get(1)).map(Value::Int32)),
    // The end of `using`: what the type's own `Dispose` does.
    ("Operator.Dispose", |m, a| {
        let bases = if a.get(0).is_null() { &[][..] } else { m.heap.type_of(a.get(0)).bases() };
        let own = bases.iter().find_map(|base| super::native(&format!("{}.Dispose()", base.definition()?.name)));
        match own {
            Some(dispose) => dispose(m, a),
            None => Ok(Value::Null),
        }
    }),
    ("Object.ToString()", |m, a| instance_text(m, a)),
    ("ValueType.ToString()", |m, a| instance_text(m, a)),
    ("ValueType.Equals(object)", |m, a| instance_equals(m, a)),
    ("Object.GetHashCode()", |m, a| hash_code(m, a)),
    ("Object.new()", |m, _| {
        let ty = types::named("Object");
        Ok(m.object(Object::Opaque(ty, Vec::new())))
    }),
    ("Interpolation.Format(object,int,string)", |m, a| {
        let format = a.text(2);
        let text = format_value(m, a.get(0), format.as_deref())?;
        let text = align(&text, a.int(1));
        m.text(text)
    }),
    ("Enum.ToString()", |m, a| instance_text(m, a)),
    ("Enum.ToString(string)", |m, a| match a.text(1) {
        Some(format) => {
            let text = format_value(m, a.get(0), Some(&format))?;
            m.text(text)
        }
        None => instance_text(m, a),
    }),
    ("Enum.Parse(Type,string)", |m, a| enum_parse(m, a, false)),
    ("Enum.Parse(Type,string,bool)", |m, a| enum_parse(m, a, a.truth(2))),
    ("Enum.TryParse(string,TEnum)", |m, a| enum_try(m, a, false, 1)),
    ("Enum.TryParse(string,bool,TEnum)", |m, a| enum_try(m, a, a.truth(1), 2)),
    ("Nullable.HasValue", |_, a| Ok(Value::Boolean(!a.get(0).is_null()))),
    ("Nullable.Value", |m, a| match a.get(0) {
        Value::Null => Err(m.throw("InvalidOperationException", "Nullable object must have a value.")),
        value => Ok(value.clone()),
    }),
    ("Nullable.GetValueOrDefault()", |m, a| {
        Ok(if a.get(0).is_null() { a.types.last().map_or(Value::Null, |ty| m.default_value(*ty)) } else { a.get(0).clone() })
    }),
    ("Nullable.GetValueOrDefault(T)", |_, a| Ok(if a.get(0).is_null() { a.get(1).clone() } else { a.get(0).clone() })),
    ("Nullable.ToString()", |m, a| {
        let text = to_text(m, a.get(0))?;
        m.text(text)
    }),
    ("Nullable.Equals(object)", |m, a| equals(m, a.get(0), a.get(1)).map(Value::Boolean)),
    ("Nullable.GetHashCode()", |m, a| if a.get(0).is_null() { Ok(Value::Int32(0)) } else { hash_code(m, a) }),
    ("Nullable.Compare", |m, a| compare(m, a.get(0), a.get(1)).map(Value::Int32)),
    ("Nullable.Equals(T?,T?)", |m, a| equals(m, a.get(0), a.get(1)).map(Value::Boolean)),
    ("Nullable.new(T)", |_, a| Ok(a.get(0).clone())),
    ("KeyValuePair.new(TKey,TValue)", |m, a| {
        let ty = types::generic("KeyValuePair", a.types);
        Ok(m.object(Object::Record(ty, a.values.to_vec())))
    }),
    ("KeyValuePair.Deconstruct", |m, a| {
        let (key, value) = (field(m, a, 0)?, field(m, a, 1)?);
        m.set_cell(a.get(1), key);
        m.set_cell(a.get(2), value);
        Ok(Value::Null)
    }),
    ("KeyValuePair.Key", |m, a| field(m, a, 0)),
    ("KeyValuePair.Value", |m, a| field(m, a, 1)),
    ("KeyValuePair.ToString()", |m, a| instance_text(m, a)),
    ("Tuple.Create", |m, a| {
        // The eighth stands in a tuple of its own.
        if let ([.., last_type], [first @ .., last]) = (a.types, a.values)
            && a.len() == 8
        {
            let rest_type = types::generic("Tuple", &[*last_type]);
            let rest = m.object(Object::Record(rest_type, vec![last.clone()]));
            let mut list = a.types[..7].to_vec();
            list.push(rest_type);
            let ty = types::generic("Tuple", &list);
            let fields = first.iter().cloned().chain([rest]).collect();
            return Ok(m.object(Object::Record(ty, fields)));
        }
        let ty = types::generic("Tuple", a.types);
        Ok(m.object(Object::Record(ty, a.values.to_vec())))
    }),
    ("Tuple.new", |m, a| {
        let ty = types::generic("Tuple", a.types);
        Ok(m.object(Object::Record(ty, a.values.to_vec())))
    }),
    ("Tuple.Item1", |m, a| field(m, a, 0)),
    ("Tuple.Item2", |m, a| field(m, a, 1)),
    ("Tuple.Item3", |m, a| field(m, a, 2)),
    ("Tuple.Item4", |m, a| field(m, a, 3)),
    ("Tuple.Item5", |m, a| field(m, a, 4)),
    ("Tuple.Item6", |m, a| field(m, a, 5)),
    ("Tuple.Item7", |m, a| field(m, a, 6)),
    ("Tuple.ToString()", |m, a| instance_text(m, a)),
    ("Tuple.Equals(object)", |m, a| instance_equals(m, a)),
    ("Random.new()", |m, _| {
        let mut seed = [0; 4];
        m.context.random(&mut seed);
        random(m, i32::from_le_bytes(seed))
    }),
    ("Random.new(int)", |m, a| random(m, a.int(0))),
    ("Random.Next()", |m, a| Ok(Value::Int32(sample(m, a)?))),
    ("Random.Next(int)", |m, a| {
        let most = a.int(1);
        if most < 0 {
            return Err(m.out_of_range("maxValue", "'maxValue' must be greater than zero."));
        }
        Ok(Value::Int32((f64::from(sample(m, a)?) * (1.0 / f64::from(i32::MAX)) * f64::from(most)) as i32))
    }),
    ("Random.Next(int,int)", |m, a| {
        let (least, most) = (i64::from(a.int(1)), i64::from(a.int(2)));
        if least > most {
            return Err(m.out_of_range("minValue", "'minValue' cannot be greater than maxValue."));
        }
        let range = (most - least) as f64;
        if most - least <= i64::from(i32::MAX) {
            return Ok(Value::Int32(((f64::from(sample(m, a)?) * (1.0 / f64::from(i32::MAX)) * range) as i64 + least) as i32));
        }
        let large = large_sample(m, a)?;
        Ok(Value::Int32(((large * range) as i64 + least) as i32))
    }),
    ("Random.Shared", |m, _| {
        let mut seed = [0; 4];
        m.context.random(&mut seed);
        random(m, i32::from_le_bytes(seed))
    }),
    ("Random.NextSingle()", |m, a| Ok(Value::Single((f64::from(sample(m, a)?) * (1.0 / f64::from(i32::MAX))) as f32))),
    ("Random.NextInt64()", |m, a| wide_sample(m, a, 0, i64::MAX)),
    ("Random.NextInt64(long)", |m, a| match a.get(1).integer() {
        most if most >= 0 => wide_sample(m, a, 0, most),
        _ => Err(m.out_of_range("maxValue", "'maxValue' must be greater than zero.")),
    }),
    ("Random.NextInt64(long,long)", |m, a| match (a.get(1).integer(), a.get(2).integer()) {
        (least, most) if least <= most => wide_sample(m, a, least, most),
        _ => Err(m.out_of_range("minValue", "'minValue' cannot be greater than maxValue.")),
    }),
    ("Random.Shuffle", |m, a| {
        let mut items = super::linq::collect(m, a.get(1))?;
        for index in 0..items.len().saturating_sub(1) {
            let rest = f64::from(u32::try_from(items.len() - index).unwrap_or(u32::MAX));
            let other = index + (f64::from(sample(m, a)?) * (1.0 / f64::from(i32::MAX)) * rest) as usize;
            let last = items.len() - 1;
            items.swap(index, other.min(last));
        }
        if let Value::Object(handle) = a.get(1)
            && let Some(Object::Array(_, old)) = m.heap.get_mut(*handle)
        {
            *old = items;
        }
        Ok(Value::Null)
    }),
    ("Random.GetItems", |m, a| {
        let choices = super::linq::collect(m, a.get(1))?;
        let Ok(count) = usize::try_from(a.int(2)) else { return Err(m.out_of_range("length", "Non-negative number required.")) };
        if choices.is_empty() {
            return Err(m.throw("ArgumentException", "Span may not be empty.\nParameter name: choices"));
        }
        m.allocate(count.saturating_mul(24))?;
        let mut list = Vec::new();
        for _ in 0..count {
            let place = (f64::from(sample(m, a)?) * (1.0 / f64::from(i32::MAX)) * choices.len() as f64) as usize;
            list.push(choices[place.min(choices.len() - 1)].clone());
        }
        m.array(a.ty(0), list)
    }),
    ("Tuple.Rest", |m, a| field(m, a, 7)),
    ("Tuple.GetHashCode()", |m, a| hash_code(m, a)),
    ("Enum.ToString(IFormatProvider)", |m, a| instance_text(m, a)),
    ("Enum.ToString(string,IFormatProvider)", |m, a| match a.text(1) {
        Some(format) => {
            let text = format_value(m, a.get(0), Some(&format))?;
            m.text(text)
        }
        None => instance_text(m, a),
    }),
    ("Enum.Parse(string)", |m, a| {
        let values = [Value::TypeToken(a.ty(0)), a.get(0).clone()];
        enum_parse(m, Args { values: &values, types: a.types }, false)
    }),
    ("Enum.Parse(string,bool)", |m, a| {
        let values = [Value::TypeToken(a.ty(0)), a.get(0).clone()];
        enum_parse(m, Args { values: &values, types: a.types }, a.truth(1))
    }),
    ("Enum.TryParse(Type,string,object)", |m, a| enum_try_object(m, a, false, 2)),
    ("Enum.TryParse(Type,string,bool,object)", |m, a| enum_try_object(m, a, a.truth(2), 3)),
    ("Nullable.GetUnderlyingType", |m, a| match a.get(0) {
        Value::TypeToken(ty) => Ok(ty.nullable_of().map(Value::TypeToken).into()),
        _ => Err(m.argument_null("nullableType")),
    }),
    ("Random.NextDouble()", |m, a| Ok(Value::Double(f64::from(sample(m, a)?) * (1.0 / f64::from(i32::MAX))))),
    ("Random.NextBytes(byte[])", |m, a| {
        let length = m.bytes(a.get(1), "buffer")?.len();
        for index in 0..length {
            let byte = Value::Byte((sample(m, a)? % 256) as u8);
            if let Value::Object(handle) = a.get(1)
                && let Some(Object::Array(_, items)) = m.heap.get_mut(*handle)
            {
                items[index] = byte;
            }
        }
        Ok(Value::Null)
    }),
];

fn random(m: &mut Machine<'_>, seed: i32) -> Outcome {
    // Knuth's subtractive generator, as .NET documents it.
    let mut array = [0i32; 56];
    let mut mj = 161_803_398i32.wrapping_sub(if seed == i32::MIN { i32::MAX } else { seed.abs() });
    array[55] = mj;
    let mut mk = 1i32;
    for index in 1..55usize {
        let ii = (21 * index) % 55;
        array[ii] = mk;
        mk = mj.wrapping_sub(mk);
        if mk < 0 {
            mk = mk.wrapping_add(i32::MAX);
        }
        mj = array[ii];
    }
    for _ in 1..5 {
        for index in 1..56usize {
            array[index] = array[index].wrapping_sub(array[1 + (index + 30) % 55]);
            if array[index] < 0 {
                array[index] = array[index].wrapping_add(i32::MAX);
            }
        }
    }
    let mut fields: Vec<Value> = array.iter().map(|value| Value::Int32(*value)).collect();
    fields.push(Value::Int32(0));
    fields.push(Value::Int32(21));
    let ty = types::named("Random");
    Ok(m.object(Object::Opaque(ty, fields)))
}

fn sample(m: &mut Machine<'_>, a: Args<'_>) -> Outcome<i32> {
    let Value::Object(handle) = a.get(0) else { return Err(m.null_reference()) };
    let Some(Object::Opaque(_, fields)) = m.heap.get_mut(*handle) else { return Ok(0) };
    let step = |value: &Value| {
        let next = value.integer() as usize + 1;
        if next >= 56 { 1 } else { next }
    };
    let (one, two) = (step(&fields[56]), step(&fields[57]));
    let mut result = (fields[one].integer() as i32).wrapping_sub(fields[two].integer() as i32);
    if result == i32::MAX {
        result -= 1;
    }
    if result < 0 {
        result = result.wrapping_add(i32::MAX);
    }
    fields[one] = Value::Int32(result);
    fields[56] = Value::size(one);
    fields[57] = Value::size(two);
    Ok(result)
}

fn large_sample(m: &mut Machine<'_>, a: Args<'_>) -> Outcome<f64> {
    let mut result = sample(m, a)?;
    if sample(m, a)? % 2 == 0 {
        result = -result;
    }
    Ok((f64::from(result) + f64::from(i32::MAX - 1)) / (2.0 * f64::from(i32::MAX as u32 as i32) - 1.0))
}

/// 64 bits of three samples, in a range.
fn wide_sample(m: &mut Machine<'_>, a: Args<'_>, least: i64, most: i64) -> Outcome {
    let mut bits: u64 = 0;
    for _ in 0..3 {
        bits = bits << 22 | u64::from(sample(m, a)?.cast_unsigned() >> 9);
    }
    let range = u64::try_from(i128::from(most) - i128::from(least)).unwrap_or(u64::MAX);
    let step = if range == 0 { 0 } else { bits % range };
    Ok(Value::Int64(least.wrapping_add_unsigned(step)))
}

fn enum_try_object(m: &mut Machine<'_>, a: Args<'_>, ignore_case: bool, out: usize) -> Outcome {
    let Value::TypeToken(ty) = a.get(0) else { return Err(m.argument_null("enumType")) };
    if !ty.is_enum() {
        return Err(m.throw("ArgumentException", "Type provided must be an Enum.\nParameter name: enumType"));
    }
    let found = a.text(1).and_then(|text| enum_find(*ty, &text.to_str(), ignore_case));
    m.set_cell(a.get(out), found.map(|number| Value::Enum(*ty, number)).into());
    Ok(Value::Boolean(found.is_some()))
}

fn field(m: &mut Machine<'_>, a: Args<'_>, index: usize) -> Outcome {
    match m.object_of(a.get(0))? {
        Object::Record(_, fields) => Ok(fields.get(index).cloned().unwrap_or(Value::Null)),
        _ => Err(m.null_reference()),
    }
}

pub(super) fn instance_text(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    if a.get(0).is_null() {
        return Err(m.null_reference());
    }
    let text = to_text(m, a.get(0))?;
    m.text(text)
}

pub(super) fn instance_equals(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    if a.get(0).is_null() {
        return Err(m.null_reference());
    }
    equals(m, a.get(0), a.get(1)).map(Value::Boolean)
}

/// A hash code: the number itself where .NET does so, else something stable.
pub(super) fn hash_code(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    use std::hash::{Hash as _, Hasher as _};
    Ok(Value::Int32(match a.get(0) {
        Value::Null => return Err(m.null_reference()),
        Value::Boolean(value) => i32::from(*value),
        Value::SByte(value) => i32::from(*value),
        Value::Byte(value) => i32::from(*value),
        Value::Int16(value) => i32::from(*value),
        Value::UInt16(value) => i32::from(*value),
        Value::Int32(value) => *value,
        Value::UInt32(value) => *value as i32,
        Value::Char(value) => i32::from(*value) | (i32::from(*value) << 16),
        Value::Int64(value) => (*value as i32) ^ ((value >> 32) as i32),
        Value::Span(value) => (*value as i32) ^ ((value >> 32) as i32),
        Value::UInt64(value) => (*value as i32) ^ ((value >> 32) as i32),
        Value::Double(value) => {
            let bits = value.to_bits() as i64;
            if *value == 0.0 { 0 } else { (bits as i32) ^ ((bits >> 32) as i32) }
        }
        Value::Text(text) => {
            // The 64-bit algorithm of .NET Framework and Mono: h * 31 + c.
            (0..text.len()).fold(0i32, |hash, index| hash.wrapping_mul(31).wrapping_add(i32::from(text.at(index))))
        }
        other => {
            let key = super::key(m, other, crate::expression::heap::KeyRule::Default)?;
            let mut hasher = std::hash::DefaultHasher::new();
            key.hash(&mut hasher);
            hasher.finish() as i32
        }
    }))
}

pub(super) fn same(m: &Machine<'_>, left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Null, Value::Null) => true,
        (Value::Text(left), Value::Text(right)) => Arc::ptr_eq(left, right) || left.is_empty() && right.is_empty(),
        (Value::Object(left), Value::Object(right)) => {
            left == right
                // There is one encoding of a kind.
                || matches!((m.heap.get(*left), m.heap.get(*right)), (Object::Opaque(one, a), Object::Opaque(two, b))
                    if one == two && one.is("Encoding") && a.first().map(Value::integer) == b.first().map(Value::integer))
                || matches!((m.heap.get(*left), m.heap.get(*right)), (Object::Opaque(one, a), Object::Opaque(two, b))
                    if one == two && (one.is("XName") || one.is("XNamespace")) && matches!((a.first(), b.first()), (Some(Value::Text(a)), Some(Value::Text(b))) if a == b))
        }
        (Value::Host(left), Value::Host(right)) => left == right,
        (Value::TypeToken(left), Value::TypeToken(right)) => left == right,
        _ => false,
    }
}

/// Names and numbers of an enum, smallest number first.
fn enum_values(ty: Type) -> Vec<(&'static str, i64)> {
    let mut list: Vec<(&'static str, i64)> = ty.definition().map_or(Vec::new(), |definition| {
        definition.members().iter().filter(|member| member.kind == MemberKind::Value).map(|member| (member.name, member.value)).collect()
    });
    list.sort_by_key(|(_, number)| *number);
    list
}

fn is_flags(ty: Type) -> bool {
    ty.is("RegexOptions")
}

/// The name of an enum value, or its number.
pub(super) fn enum_text(ty: Type, number: i64) -> String {
    let values = enum_values(ty);
    if let Some((name, _)) = values.iter().find(|(_, value)| *value == number) {
        return (*name).to_owned();
    }
    if is_flags(ty) && number > 0 {
        let mut rest = number;
        let mut names = Vec::new();
        for (name, value) in values.iter().rev() {
            if *value != 0 && rest & value == *value {
                rest &= !value;
                names.push(*name);
            }
        }
        if rest == 0 {
            names.reverse();
            return names.join(", ");
        }
    }
    number.to_string()
}

fn enum_find(ty: Type, text: &str, ignore_case: bool) -> Option<i64> {
    let mut result = 0;
    for part in text.split(',') {
        let part = part.trim();
        if let Ok(number) = part.parse::<i64>() {
            result |= number;
            continue;
        }
        let found = enum_values(ty).into_iter().find(|(name, _)| *name == part || ignore_case && name.eq_ignore_ascii_case(part))?;
        result |= found.1;
    }
    Some(result)
}

fn enum_parse(m: &mut Machine<'_>, a: Args<'_>, ignore_case: bool) -> Outcome {
    let Value::TypeToken(ty) = a.get(0) else { return Err(m.argument_null("enumType")) };
    if !ty.is_enum() {
        return Err(m.throw("ArgumentException", "Type provided must be an Enum.\nParameter name: enumType"));
    }
    let text = m.string(a, 1, "value")?;
    match enum_find(*ty, &text.to_str(), ignore_case) {
        Some(number) => Ok(Value::Enum(*ty, number)),
        None if text.is_empty() => Err(m.throw("ArgumentException", "Must specify valid information for parsing in the string.")),
        None => Err(m.throw("ArgumentException", &format!("Requested value '{}' was not found.", text.to_str()))),
    }
}

fn enum_try(m: &mut Machine<'_>, a: Args<'_>, ignore_case: bool, out: usize) -> Outcome {
    let ty = a.ty(0);
    let found = a.text(0).and_then(|text| enum_find(ty, &text.to_str(), ignore_case));
    m.set_cell(a.get(out), Value::Enum(ty, found.unwrap_or(0)));
    Ok(Value::Boolean(found.is_some()))
}

/// Anonymous objects, tuples and pairs as text.
pub(super) fn record_text(m: &mut Machine<'_>, ty: Type, fields: &[Value]) -> Outcome<Text> {
    let mut parts = Vec::new();
    for field in fields {
        parts.push(to_text(m, field)?.to_str().into_owned());
    }
    Ok(Text::from(match ty.shape() {
        Shape::Anonymous(names) => {
            let list: Vec<String> = names.iter().zip(parts).map(|((name, _), part)| format!("{name} = {part}")).collect();
            format!("{{ {} }}", list.join(", "))
        }
        _ if ty.is("Tuple") && parts.len() == 8 => {
            let last = parts.pop().unwrap_or_default();
            format!("({}, {})", parts.join(", "), last.strip_prefix('(').and_then(|last| last.strip_suffix(')')).unwrap_or(&last))
        }
        _ if ty.is("KeyValuePair") => format!("[{}]", parts.join(", ")),
        _ => format!("({})", parts.join(", ")),
    }))
}

fn align(text: &Text, width: i32) -> Text {
    let count = usize::try_from(width.unsigned_abs()).unwrap_or(0);
    if text.len() >= count {
        return text.clone();
    }
    let padding = vec![32u16; count - text.len()];
    let mut units = Vec::with_capacity(count);
    if width > 0 {
        units.extend(&padding);
        text.append_to(&mut units);
    } else {
        text.append_to(&mut units);
        units.extend(&padding);
    }
    Text::from(units.as_slice())
}

/// A value by a format string, as `IFormattable` does it.
pub(super) fn format_value(m: &mut Machine<'_>, value: &Value, format: Option<&Text>) -> Outcome<Text> {
    let Some(format) = format.filter(|format| !format.is_empty()) else { return to_text(m, value) };
    let format = format.to_str();
    let result = match value {
        number if number.is_number() => format::number(number, &format),
        Value::DateTime(date) => super::dates::format(&super::dates::Parts::of(*date), &format),
        Value::Offset(date) => super::dates::format(&super::dates::Parts::of_offset(*date), &format),
        Value::Span(ticks) => super::dates::span_format(*ticks, &format),
        Value::Guid(bytes) => match format.chars().next() {
            Some(letter) if format.len() == 1 && "NDBPXndbpx".contains(letter) => Some(super::guid::text(bytes, letter)),
            _ => {
                let message = "Format String can be only \"D\", \"d\", \"N\", \"n\", \"P\", \"p\", \"B\", \"b\", \"X\" or \"x\".";
                return Err(m.throw("FormatException", message));
            }
        },
        Value::Enum(ty, number) => match &*format {
            "G" | "g" | "F" | "f" => Some(enum_text(*ty, *number)),
            "D" | "d" => Some(number.to_string()),
            "X" | "x" => Some(format!("{:08X}", *number as i32)),
            _ => None,
        },
        Value::Object(handle) => {
            if let Some(plain) = super::json::plain(m, *handle) {
                return format_value(m, &plain, Some(&Text::from(&*format)));
            }
            return to_text(m, value);
        }
        _ => return to_text(m, value),
    };
    match result {
        Some(text) => Ok(Text::from(text)),
        None if matches!(value, Value::Enum(..)) => {
            let message = "Format String can be only \"G\", \"g\", \"X\", \"x\", \"F\", \"f\", \"D\" or \"d\".";
            Err(m.throw("FormatException", message))
        }
        None if matches!(value, Value::DateTime(_) | Value::Offset(_) | Value::Span(_)) => {
            Err(m.throw("FormatException", "Input string was not in a correct format."))
        }
        None => Err(m.throw("FormatException", "Format specifier was invalid.")),
    }
}

/// `string.Format`.
pub(super) fn composite(m: &mut Machine<'_>, format: &Text, arguments: &[Value]) -> Outcome<Text> {
    let units = format.units();
    let mut out: Vec<u16> = Vec::new();
    let mut at = 0;
    let (open, close) = (u16::from(b'{'), u16::from(b'}'));
    let bad = |m: &mut Machine<'_>| m.throw("FormatException", "Input string was not in a correct format.");
    while at < units.len() {
        let unit = units[at];
        if unit == close {
            if units.get(at + 1) == Some(&close) {
                out.push(close);
                at += 2;
                continue;
            }
            return Err(bad(m));
        }
        if unit != open {
            out.push(unit);
            at += 1;
            continue;
        }
        if units.get(at + 1) == Some(&open) {
            out.push(open);
            at += 2;
            continue;
        }
        let Some(length) = units[at..].iter().position(|unit| *unit == close) else { return Err(bad(m)) };
        let hole = String::from_utf16_lossy(&units[at + 1..at + length]);
        at += length + 1;
        let (head, specifier) = hole.split_once(':').map_or((hole.as_str(), None), |(head, specifier)| (head, Some(specifier)));
        let (index, width) = head.split_once(',').map_or((head, None), |(index, width)| (index, Some(width)));
        let index = index.trim_end();
        if index.is_empty() || !index.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(bad(m));
        }
        let Ok(index) = index.parse::<usize>() else { return Err(bad(m)) };
        let width = match width.map(|width| width.trim().parse::<i32>()) {
            None => 0,
            Some(Ok(width)) => width,
            Some(Err(_)) => return Err(bad(m)),
        };
        let Some(value) = arguments.get(index) else {
            let message = "Index (zero based) must be greater than or equal to zero and less than the size of the argument list.";
            return Err(m.throw("FormatException", message));
        };
        let text = format_value(m, value, specifier.map(Text::from).as_ref())?;
        align(&text, width).append_to(&mut out);
    }
    m.allocate(out.len())?;
    Ok(Text::from(out.as_slice()))
}
