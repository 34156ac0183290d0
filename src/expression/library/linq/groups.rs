//! Groups, lookups and joins: elements by their keys.

use super::members::{items, query, rule, two};
use super::{Query, enumerator, next, tokens};
use crate::expression::heap::{Key, KeyRule, Object};
use crate::expression::library::key;
use crate::expression::machine::{Args, Machine, Outcome};
use crate::expression::types::{self, Type, known};
use crate::expression::value::Value;

pub(super) fn group(
    m: &mut Machine<'_>,
    a: Args<'_>,
    element: Option<usize>,
    result: Option<usize>,
    comparer: Option<usize>,
    ty: Type,
) -> Outcome {
    let at = |index: Option<usize>| index.map(|index| a.get(index).clone());
    let rule = comparer.map_or(KeyRule::Default, |index| rule(m, a.get(index)));
    let grouping = types::generic("IGrouping", &[a.ty(1), ty]);
    query(m, a, grouping, |s, a| Query::Group(s, a.get(1).clone(), at(element), at(result), rule, grouping))
}

/// A lookup: groups that are made at once.
pub(super) fn lookup(m: &mut Machine<'_>, a: Args<'_>, element: Option<usize>, comparer: Option<usize>, ty: Type) -> Outcome {
    if a.get(0).is_null() {
        return Err(m.argument_null("source"));
    }
    let at = |index: Option<usize>| index.map(|index| a.get(index).clone());
    let rule = comparer.map_or(KeyRule::Default, |index| rule(m, a.get(index)));
    let grouping = types::generic("IGrouping", &[a.ty(1), ty]);
    let source = tokens(m, a.get(0));
    let groups = grouped(m, &Query::Group(source, a.get(1).clone(), at(element), None, rule, grouping))?;
    let ty = types::generic("ILookup", &[a.ty(1), ty]);
    Ok(m.object(Object::Query(ty, Query::Lookup(groups, rule))))
}

#[expect(clippy::mutable_key_type, reason = "a type is compared and hashed by its identity, which never changes")]
pub(super) fn grouped(m: &mut Machine<'_>, query: &Query) -> Outcome<Vec<Value>> {
    let Query::Group(source, selector, element, result, rule, ty) = query else { return Ok(Vec::new()) };
    let mut groups: Vec<(Key, Value, Vec<Value>)> = Vec::new();
    let mut index: std::collections::HashMap<Key, usize> = std::collections::HashMap::new();
    let running = enumerator(m, source)?;
    while let Some(item) = next(m, &running)? {
        m.allocate(24)?;
        let group = m.call(selector, std::slice::from_ref(&item))?;
        let hashed = key(m, &group, *rule)?;
        let item = match element {
            Some(element) => m.call(element, &[item])?,
            None => item,
        };
        match index.get(&hashed) {
            Some(place) => groups[*place].2.push(item),
            None => {
                index.insert(hashed.clone(), groups.len());
                groups.push((hashed, group, vec![item]));
            }
        }
    }
    let mut out = Vec::new();
    for (_, key, list) in groups {
        let inner = items(m, list, known().object);
        out.push(match result {
            Some(result) => m.call(result, &[key, inner])?,
            // A grouping: its key, and a select of nothing over its elements.
            None => m.object(Object::Query(*ty, Query::Group(key, inner, None, None, KeyRule::Default, known().void))),
        });
    }
    Ok(out)
}

pub(super) fn join(m: &mut Machine<'_>, a: Args<'_>, grouped: bool) -> Outcome {
    let rule = rule(m, a.get(5));
    two(m, a, a.ty(3), "inner", |s, a| {
        Query::Join(s, a.get(1).clone(), a.get(2).clone(), a.get(3).clone(), a.get(4).clone(), grouped, rule)
    })
}

#[expect(clippy::mutable_key_type, reason = "a type is compared and hashed by its identity, which never changes")]
pub(super) fn joined(m: &mut Machine<'_>, query: &Query) -> Outcome<Vec<Value>> {
    let Query::Join(outer, inner, outer_key, inner_key, result, grouped, rule) = query else { return Ok(Vec::new()) };
    let mut index: std::collections::HashMap<Key, Vec<Value>> = std::collections::HashMap::new();
    let mut out = Vec::new();
    // The inner sequence is looked at when there is an outer element, and the others only if there is something to find.
    let running = enumerator(m, outer)?;
    let Some(mut item) = next(m, &running)? else { return Ok(out) };
    let others = enumerator(m, inner)?;
    while let Some(item) = next(m, &others)? {
        m.allocate(24)?;
        let found = m.call(inner_key, std::slice::from_ref(&item))?;
        // What has no key joins nothing.
        if !found.is_null() {
            let hashed = key(m, &found, *rule)?;
            index.entry(hashed).or_default().push(item);
        }
    }
    if index.is_empty() && !grouped {
        return Ok(out);
    }
    loop {
        m.allocate(24)?;
        let found = m.call(outer_key, std::slice::from_ref(&item))?;
        let hashed = key(m, &found, *rule)?;
        let matches = if found.is_null() { None } else { index.get(&hashed).cloned() }.unwrap_or_default();
        if *grouped {
            let list = items(m, matches, known().object);
            out.push(m.call(result, &[item, list])?);
        } else {
            for other in matches {
                out.push(m.call(result, &[item.clone(), other])?);
            }
        }
        match next(m, &running)? {
            Some(more) => item = more,
            None => return Ok(out),
        }
    }
}
