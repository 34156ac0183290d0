//! `StringBuilder`, `StringWriter`, `StringReader`.

use super::{composite, range};
use crate::expression::heap::Object;
use crate::expression::library::{Members, to_text};
use crate::expression::machine::{Args, Machine, Outcome};
use crate::expression::text::Text;
use crate::expression::types::known;
use crate::expression::value::{Handle, Value};

pub(crate) const MEMBERS: Members = &[
    ("StringBuilder.new()", |m, _| made(m, Vec::new(), i32::MAX)),
    ("StringBuilder.new(int)", |m, a| {
        if a.int(0) < 0 {
            return Err(m.out_of_range("capacity", "'capacity' must be greater than zero."));
        }
        made(m, Vec::new(), i32::MAX)
    }),
    ("StringBuilder.new(int,int)", |m, a| {
        let (capacity, most) = (a.int(0), a.int(1));
        if capacity > most {
            return Err(m.out_of_range("capacity", "Capacity exceeds maximum capacity."));
        }
        if most < 1 {
            return Err(m.out_of_range("maxCapacity", "MaxCapacity must be one or greater."));
        }
        if capacity < 0 {
            return Err(m.out_of_range("capacity", "'capacity' must be greater than zero."));
        }
        made(m, Vec::new(), most)
    }),
    ("StringBuilder.new(string)", |m, a| made(m, a.text(0).map(|text| text.units()).unwrap_or_default(), i32::MAX)),
    ("StringBuilder.new(string,int)", |m, a| made(m, a.text(0).map(|text| text.units()).unwrap_or_default(), i32::MAX)),
    ("StringBuilder.Length", |m, a| length(m, a).map(Value::size)),
    ("StringBuilder.Length=", |m, a| {
        let length = usize::try_from(a.int(1)).unwrap_or(0);
        m.allocate(length * 2)?;
        edit(m, a, |units| units.resize(length, 0))
    }),
    ("StringBuilder.Item", |m, a| {
        let unit = match m.object_of(a.get(0))? {
            Object::Builder(units, _) => usize::try_from(a.int(1)).ok().and_then(|index| units.get(index)).copied(),
            _ => None,
        };
        match unit {
            Some(unit) => Ok(Value::Char(unit)),
            None => Err(m.throw("IndexOutOfRangeException", "Index was outside the bounds of the array.")),
        }
    }),
    ("StringBuilder.Append", |m, a| append(m, a, false)),
    ("StringBuilder.AppendLine", |m, a| append(m, a, true)),
    ("StringBuilder.AppendFormat", |m, a| {
        // A format provider (which can only be null) may stand before the format.
        let at = if a.get(1).is_null() && a.text(2).is_some() && a.len() > 3 { 2 } else { 1 };
        let format = m.string(a, at, "format")?;
        let mut values = a.values.get(at + 1..).unwrap_or_default().to_vec();
        if let [Value::Object(handle)] = values.as_slice()
            && let Object::Array(_, items) = m.heap.get(*handle)
        {
            values = items.clone();
        }
        let text = composite(m, &format, &values)?;
        edit(m, a, |units| text.append_to(units))
    }),
    ("StringBuilder.new(string,int,int,int)", |m, a| {
        let text = a.text(0).unwrap_or_else(|| std::sync::Arc::new(Text::from("")));
        let (start, count) = range(m, text.len(), a.int(1), a.int(2))?;
        made(m, text.slice(start, count).units(), i32::MAX)
    }),
    ("StringBuilder.Capacity", |m, a| length(m, a).map(|length| Value::size(length.next_power_of_two().max(16)))),
    ("StringBuilder.Capacity=", |m, a| {
        let length = length(m, a)?;
        match usize::try_from(a.int(1)).ok().filter(|capacity| *capacity >= length) {
            Some(_) => Ok(Value::Null),
            None => Err(m.out_of_range("value", "capacity was less than the current size.")),
        }
    }),
    ("StringBuilder.MaxCapacity", |m, a| match m.object_of(a.get(0))? {
        Object::Builder(_, most) => Ok(Value::Int32(*most)),
        _ => Ok(Value::Int32(i32::MAX)),
    }),
    ("StringBuilder.EnsureCapacity", |m, a| {
        let capacity = length(m, a)?.next_power_of_two().max(16);
        Ok(Value::Int32(a.int(1).max(i32::try_from(capacity).unwrap_or(16))))
    }),
    ("StringBuilder.AppendJoin", |m, a| {
        let added = super::scanning::joined(m, a.get(1), a.get(2))?;
        edit(m, a, |units| units.extend(added))
    }),
    ("StringBuilder.CopyTo(int,char[],int,int)", |m, a| {
        let own = units(m, a)?;
        let (start, count) = range(m, own.len(), a.int(1), a.int(4))?;
        super::scanning::put(m, a.get(2), a.int(3), &own[start..start + count])?;
        Ok(Value::Null)
    }),
    ("StringBuilder.Equals(StringBuilder)", |m, a| {
        let own = units(m, a)?;
        Ok(Value::Boolean(match a.get(1) {
            Value::Object(other) => matches!(m.heap.get(*other), Object::Builder(units, _) if *units == own),
            _ => false,
        }))
    }),
    ("StringBuilder.Insert(int,string,int)", |m, a| {
        let length = length(m, a)?;
        let (start, _) = range(m, length, a.int(1), 0)?;
        let Ok(count) = usize::try_from(a.int(3)) else { return Err(m.out_of_range("count", "Non-negative number required.")) };
        let part = a.text(2).map(|text| text.units()).unwrap_or_default();
        m.allocate(part.len().saturating_mul(count).saturating_mul(2))?;
        let added = part.repeat(count);
        edit(m, a, |units| {
            units.splice(start..start, added);
        })
    }),
    ("StringBuilder.Insert(int,char[],int,int)", |m, a| {
        let length = length(m, a)?;
        let (place, _) = range(m, length, a.int(1), 0)?;
        let part = super::char_units(m, a.get(2));
        let (start, count) = range(m, part.len(), a.int(3), a.int(4))?;
        edit(m, a, |units| {
            units.splice(place..place, part[start..start + count].iter().copied());
        })
    }),
    ("StringBuilder.Insert", |m, a| insert(m, a)),
    ("StringBuilder.Replace(string,string,int,int)", |m, a| {
        let old = m.string(a, 1, "oldValue")?;
        let own = units(m, a)?;
        let (start, count) = range(m, own.len(), a.int(3), a.int(4))?;
        let replaced = super::replace(m, &Text::from(&own[start..start + count]), &old, a.text(2), false)?;
        edit(m, a, |units| {
            if let Value::Text(text) = &replaced {
                units.splice(start..start + count, text.units());
            }
        })
    }),
    ("StringBuilder.Replace(char,char,int,int)", |m, a| {
        let length = length(m, a)?;
        let (start, count) = range(m, length, a.int(3), a.int(4))?;
        let (old, new) = (a.get(1).integer() as u16, a.get(2).integer() as u16);
        edit(m, a, |units| {
            for unit in units[start..start + count].iter_mut().filter(|unit| **unit == old) {
                *unit = new;
            }
        })
    }),
    ("StringBuilder.Append(StringBuilder,int,int)", |m, a| {
        let part = match a.get(1) {
            Value::Null => Vec::new(),
            Value::Object(handle) => match m.heap.get(*handle) {
                Object::Builder(units, _) => units.clone(),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        };
        let (start, count) = range(m, part.len(), a.int(2), a.int(3))?;
        m.allocate(count.saturating_mul(2))?;
        edit(m, a, |units| units.extend_from_slice(&part[start..start + count]))
    }),
    ("StringBuilder.Append(char[],int,int)", |m, a| {
        let part = super::char_units(m, a.get(1));
        let (start, count) = range(m, part.len(), a.int(2), a.int(3))?;
        edit(m, a, |units| units.extend_from_slice(&part[start..start + count]))
    }),
    ("StringBuilder.Remove(int,int)", |m, a| {
        let length = length(m, a)?;
        let (start, count) = range(m, length, a.int(1), a.int(2))?;
        edit(m, a, |units| {
            units.drain(start..start + count);
        })
    }),
    ("StringBuilder.Clear()", |m, a| edit(m, a, |units| units.clear())),
    ("StringBuilder.Replace(string,string)", |m, a| {
        let old = m.string(a, 1, "oldValue")?;
        let text = Text::from(units(m, a)?.as_slice());
        let replaced = super::replace(m, &text, &old, a.text(2), false)?;
        edit(m, a, |units| {
            if let Value::Text(text) = &replaced {
                *units = text.units();
            }
        })
    }),
    ("StringBuilder.Replace(char,char)", |m, a| {
        let (old, new) = (a.get(1).integer() as u16, a.get(2).integer() as u16);
        edit(m, a, |units| {
            for unit in units.iter_mut().filter(|unit| **unit == old) {
                *unit = new;
            }
        })
    }),
    ("StringBuilder.ToString()", |m, a| {
        let units = units(m, a)?;
        m.text(Text::from(units.as_slice()))
    }),
    ("StringBuilder.ToString(int,int)", |m, a| {
        let units = units(m, a)?;
        let (start, count) = range(m, units.len(), a.int(1), a.int(2))?;
        m.text(Text::from(&units[start..start + count]))
    }),
];

fn handle(m: &mut Machine<'_>, a: Args<'_>) -> Outcome<Handle> {
    match a.get(0) {
        Value::Object(handle) => Ok(*handle),
        _ => Err(m.null_reference()),
    }
}

fn made(m: &mut Machine<'_>, units: Vec<u16>, most: i32) -> Outcome {
    Ok(m.object(Object::Builder(units, most)))
}

fn length(m: &mut Machine<'_>, a: Args<'_>) -> Outcome<usize> {
    match m.object_of(a.get(0))? {
        Object::Builder(units, _) => Ok(units.len()),
        _ => Ok(0),
    }
}

fn units(m: &mut Machine<'_>, a: Args<'_>) -> Outcome<Vec<u16>> {
    match m.object_of(a.get(0))? {
        Object::Builder(units, _) => Ok(units.clone()),
        _ => Ok(Vec::new()),
    }
}

/// Changes the text, which may not become longer than the builder was made for.
pub(in crate::expression::library) fn edit(m: &mut Machine<'_>, a: Args<'_>, work: impl FnOnce(&mut Vec<u16>)) -> Outcome {
    let handle = handle(m, a)?;
    let mut too_long = false;
    if let Some(Object::Builder(units, most)) = m.heap.get_mut(handle) {
        work(units);
        let most = usize::try_from(*most).unwrap_or(0);
        too_long = units.len() > most;
        units.truncate(most);
    }
    if too_long {
        return Err(m.out_of_range("requiredLength", "capacity was less than the current size."));
    }
    Ok(a.get(0).clone())
}

fn append(m: &mut Machine<'_>, a: Args<'_>, line: bool) -> Outcome {
    let mut added: Vec<u16> = Vec::new();
    match (a.get(1), a.len()) {
        (Value::Char(unit), 3) => {
            let Ok(count) = usize::try_from(a.int(2)) else { return Err(m.out_of_range("repeatCount", "Count cannot be less than zero.")) };
            m.allocate(count * 2)?;
            added.resize(count, *unit);
        }
        (Value::Text(text), 4) => {
            let (start, count) = range(m, text.len(), a.int(2), a.int(3))?;
            text.slice(start, count).append_to(&mut added);
        }
        (Value::Object(object), _) if matches!(m.heap.get(*object), Object::Array(ty, _) if ty.element() == Some(known().char)) => {
            added = super::char_units(m, a.get(1));
        }
        (value, _) => to_text(m, value)?.append_to(&mut added),
    }
    if line {
        added.push(10);
    }
    m.allocate(added.len() * 2)?;
    edit(m, a, |units| units.extend(added))
}

fn insert(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let length = length(m, a)?;
    let (start, _) = range(m, length, a.int(1), 0)?;
    let text = match a.get(2) {
        Value::Object(object) if matches!(m.heap.get(*object), Object::Array(ty, _) if ty.element() == Some(known().char)) => {
            Text::from(super::char_units(m, a.get(2)).as_slice())
        }
        value => to_text(m, value)?,
    };
    m.allocate(text.len() * 2)?;
    edit(m, a, |units| {
        units.splice(start..start, text.units());
    })
}
