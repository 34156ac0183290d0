//! Sequences in an order, by one key or by several.

use super::{Query, collect, tokens};
use crate::expression::heap::Object;
use crate::expression::library::{compare, strings};
use crate::expression::machine::{Args, Machine, Outcome};
use crate::expression::types;
use crate::expression::value::Value;

pub(super) fn order(m: &mut Machine<'_>, a: Args<'_>, descending: bool, more: bool) -> Outcome {
    if a.get(0).is_null() {
        return Err(m.argument_null("source"));
    }
    let comparer = if a.get(2).is_null() { -1 } else { strings::comparer_rule(m, a.get(2)) };
    let this = (a.get(1).clone(), descending, comparer);
    let query = match (more, a.get(0)) {
        (true, Value::Object(handle)) => match m.heap.get(*handle) {
            Object::Query(_, Query::Order(source, keys)) => {
                let mut keys = keys.clone();
                keys.push(this);
                Query::Order(source.clone(), keys)
            }
            _ => Query::Order(a.get(0).clone(), vec![this]),
        },
        _ => Query::Order(tokens(m, a.get(0)), vec![this]),
    };
    let ty = types::generic("IOrderedEnumerable", &[a.ty(0)]);
    Ok(m.object(Object::Query(ty, query)))
}

pub(super) fn ordered(m: &mut Machine<'_>, source: &Value, keys: &[(Value, bool, i64)]) -> Outcome<Vec<Value>> {
    let mut rows = Vec::new();
    for item in collect(m, source)? {
        let mut row = Vec::new();
        for (selector, ..) in keys {
            row.push(m.call(selector, std::slice::from_ref(&item))?);
        }
        rows.push((row, item));
    }
    m.charge(rows.len() * 8)?;
    // A stable merge sort, whose comparison may throw.
    let mut failed = None;
    rows.sort_by(|one, two| {
        for (index, (_, descending, rule)) in keys.iter().enumerate() {
            if failed.is_some() {
                break;
            }
            let order = match (&one.0[index], &two.0[index], *rule) {
                (Value::Text(one), Value::Text(two), rule) if rule >= 0 => {
                    strings::compare_rule(Some(one.clone()), Some(two.clone()), rule)
                }
                (one, two, _) => match compare(m, one, two) {
                    Ok(order) => order,
                    Err(fault) => {
                        failed = Some(fault);
                        0
                    }
                },
            };
            if order != 0 {
                return if *descending { 0.cmp(&order) } else { order.cmp(&0) };
            }
        }
        std::cmp::Ordering::Equal
    });
    match failed {
        Some(fault) => Err(fault),
        None => Ok(rows.into_iter().map(|row| row.1).collect()),
    }
}
