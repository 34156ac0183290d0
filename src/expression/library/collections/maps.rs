//! What dictionaries and sets do, and the host's maps as far as they are such.

use super::{handle, host, linq, strings};
use crate::expression::heap::{KeyRule, Object, Table};
use crate::expression::library::{json, key, to_text};
use crate::expression::machine::{Args, Machine, Outcome};
use crate::expression::types;
use crate::expression::value::Value;

pub(super) fn subset(m: &mut Machine<'_>, one: &Value, two: &Value, any: bool) -> Outcome {
    let rule = table_rule(m, one);
    let mut wanted = Vec::new();
    for other in linq::collect(m, two)? {
        wanted.push(key(m, &other, rule)?);
    }
    for item in linq::collect(m, one)? {
        let hashed = key(m, &item, rule)?;
        m.charge(wanted.len() / 8)?;
        if wanted.contains(&hashed) == any {
            return Ok(Value::Boolean(any));
        }
    }
    Ok(Value::Boolean(!any))
}

pub(super) fn rule_of(m: &Machine<'_>, comparer: &Value) -> KeyRule {
    if !comparer.is_null() && strings::ignores_case(strings::comparer_rule(m, comparer)) { KeyRule::IgnoreCase } else { KeyRule::Default }
}

pub(super) fn table_rule(m: &Machine<'_>, value: &Value) -> KeyRule {
    match value {
        Value::Object(handle) => match m.heap.get(*handle) {
            Object::Dictionary(_, table) => table.rule,
            _ => KeyRule::Default,
        },
        _ => KeyRule::Default,
    }
}

pub(super) fn new_table(m: &mut Machine<'_>, a: Args<'_>, name: &str, comparer: Option<usize>) -> Outcome {
    let rule = comparer.map_or(KeyRule::Default, |index| rule_of(m, a.get(index)));
    let ty = types::generic(name, a.types);
    Ok(m.object(Object::Dictionary(ty, Table::new(rule))))
}

/// As [`new_table`], with room for as many as the first argument says.
pub(super) fn sized_table(m: &mut Machine<'_>, a: Args<'_>, name: &str, comparer: Option<usize>) -> Outcome {
    let Ok(capacity) = usize::try_from(a.int(0)) else { return Err(m.out_of_range("capacity", "Non-negative number required.")) };
    m.allocate(capacity.saturating_mul(24))?;
    let made = new_table(m, a, name, comparer)?;
    if let Some(Object::Dictionary(_, table)) = made.handle().and_then(|handle| m.heap.get_mut(handle))
        && capacity > 0
    {
        table.make_room(capacity);
    }
    Ok(made)
}

pub(super) fn copied_table(m: &mut Machine<'_>, a: Args<'_>, comparer: Option<usize>) -> Outcome {
    if a.get(0).is_null() {
        return Err(m.argument_null("dictionary"));
    }
    let made = new_table(m, a, "Dictionary", comparer)?;
    let all = entries(m, a.get(0))?;
    if let Some(Object::Dictionary(_, table)) = made.handle().and_then(|handle| m.heap.get_mut(handle))
        && !all.is_empty()
    {
        table.make_room(all.len());
    }
    for (name, value) in all {
        put(m, Args { values: &[made.clone(), name, value], types: a.types }, true)?;
    }
    Ok(made)
}

pub(super) fn filled_set(m: &mut Machine<'_>, a: Args<'_>, comparer: Option<usize>) -> Outcome {
    let made = new_table(m, a, "HashSet", comparer)?;
    for item in linq::collect(m, a.get(0))? {
        add_to_set(m, Args { values: &[made.clone(), item], types: a.types })?;
    }
    Ok(made)
}

pub(super) fn add_to_set(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let handle = handle(m, a.get(0))?;
    let rule = table_rule(m, a.get(0));
    let hashed = key(m, a.get(1), rule)?;
    m.allocate(48)?;
    match m.heap.get_mut(handle) {
        Some(Object::Dictionary(_, table)) if !table.contains(&hashed) => {
            Ok(Value::Boolean(table.set(hashed, a.get(1).clone(), Value::Null)))
        }
        _ => Ok(Value::Boolean(false)),
    }
}

/// Keys and values of any dictionary.
pub(in crate::expression::library) fn entries(m: &mut Machine<'_>, value: &Value) -> Outcome<Vec<(Value, Value)>> {
    if let Value::Host(object) = value {
        return host::entries(m, *object);
    }
    match m.object_of(value)? {
        Object::Dictionary(_, table) => Ok(table.entries().cloned().collect()),
        _ => {
            let mut list = Vec::new();
            for pair in linq::collect(m, value)? {
                if let Object::Record(_, fields) = m.object_of(&pair)?
                    && let [key, value] = fields.as_slice()
                {
                    list.push((key.clone(), value.clone()));
                }
            }
            Ok(list)
        }
    }
}

/// The value of a key; `None` if it is not there.
pub(in crate::expression::library) fn get(m: &mut Machine<'_>, map: &Value, name: &Value) -> Outcome<Option<Value>> {
    if name.is_null() {
        return Err(m.argument_null("key"));
    }
    if let Value::Host(object) = map {
        return host::lookup(m, *object, name);
    }
    let handle = handle(m, map)?;
    if let Object::Json(_) = m.heap.get(handle) {
        return Ok(json::access::child(m, handle, name)?.map(Value::Object));
    }
    let rule = table_rule(m, map);
    let hashed = key(m, name, rule)?;
    match m.heap.get(handle) {
        Object::Dictionary(_, table) => Ok(table.get(&hashed).cloned()),
        _ => Ok(None),
    }
}

pub(super) fn lookup(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    match get(m, a.get(0), a.get(1))? {
        Some(value) => Ok(value),
        None => {
            let text = to_text(m, a.get(1))?.to_str().into_owned();
            Err(m.throw("KeyNotFoundException", &format!("The given key '{text}' was not present in the dictionary.")))
        }
    }
}

pub(super) fn contains_key(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    get(m, a.get(0), a.get(1)).map(|found| Value::Boolean(found.is_some()))
}

pub(super) fn try_get(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let found = get(m, a.get(0), a.get(1))?;
    let there = found.is_some();
    let default = a.types.last().map_or(Value::Null, |ty| m.default_value(*ty));
    m.set_cell(a.get(2), found.unwrap_or(default));
    Ok(Value::Boolean(there))
}

pub(super) fn put(m: &mut Machine<'_>, a: Args<'_>, fresh: bool) -> Outcome {
    let handle = handle(m, a.get(0))?;
    if a.get(1).is_null() {
        return Err(m.argument_null("key"));
    }
    let rule = table_rule(m, a.get(0));
    let hashed = key(m, a.get(1), rule)?;
    m.allocate(64)?;
    match m.heap.get_mut(handle) {
        Some(Object::Dictionary(_, table)) => {
            if fresh && table.contains(&hashed) {
                let text = to_text(m, a.get(1))?.to_str().into_owned();
                return Err(m.throw("ArgumentException", &format!("An item with the same key has already been added. Key: {text}")));
            }
            table.set(hashed, a.get(1).clone(), a.get(2).clone());
            Ok(Value::Null)
        }
        _ => Err(m.throw("NotSupportedException", "Collection is read-only.")),
    }
}

pub(super) fn keys(m: &mut Machine<'_>, a: Args<'_>, name: &str, keys: bool) -> Outcome {
    let list: Vec<Value> = entries(m, a.get(0))?.into_iter().map(|(key, value)| if keys { key } else { value }).collect();
    let ty = types::generic(name, a.types);
    m.allocate(list.len() * 24)?;
    Ok(m.object(Object::Query(ty, linq::Query::Items(list))))
}
