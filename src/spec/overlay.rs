//! `environments:`: what differs from one environment to the next.

use super::codes;
use super::tree::{Entry, Node, Value, join};
use crate::support::finding::{Finding, Kind};
use crate::support::suggest;

/// What an environment may not change: it is read before the environment is known, or says what the file is.
const FIXED: &[&str] = &["apiVersion", "include", "environments"];

/// Lays the environment `name` over the document: mappings are merged, anything else is replaced, `null` removes.
pub(super) fn apply(root: &mut Node, name: &str, findings: &mut Vec<Finding>) {
    let environments = root.get("environments");
    let Some(overlay) = environments.and_then(|environments| environments.get(name)).cloned() else {
        let known: Vec<&str> = environments.map(Node::entries).unwrap_or_default().iter().map(|entry| entry.key.as_str()).collect();
        let help = match (suggest::nearest(name, known.iter().copied()), known.is_empty()) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, true) => "the specification has no `environments`".to_owned(),
            (None, false) => format!("there are: {}", known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")),
        };
        let place = root.entry("environments").map(|entry| entry.key_span);
        let message = format!("there is no environment `{name}`");
        findings.push(Finding::error(codes::UNKNOWN_ENVIRONMENT, Kind::Place, message).at(place).help(help));
        return;
    };
    let Value::Mapping(entries) = overlay.value else {
        if !overlay.is_null() {
            let message = format!("`environments.{name}` must be a mapping, not {}", overlay.kind_words());
            findings.push(Finding::error(codes::WRONG_TYPE, Kind::Type, message).at(overlay.span));
        }
        return;
    };
    let (fixed, entries): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(|entry| FIXED.contains(&entry.key.as_str()));
    for entry in fixed {
        let message = format!("an environment cannot change `{}`", entry.key);
        findings.push(Finding::error(codes::BAD_OVERLAY, Kind::Place, message).at(entry.key_span));
    }
    lay(root, entries, "", findings);
}

fn lay(base: &mut Node, overlay: Vec<Entry>, pointer: &str, findings: &mut Vec<Finding>) {
    let Value::Mapping(entries) = &mut base.value else { return };
    for entry in overlay {
        let place = join(pointer, &entry.key);
        let index = entries.iter().position(|existing| existing.key == entry.key);
        if entry.node.is_null() {
            match index {
                Some(index) => drop(entries.remove(index)),
                None => {
                    let message =
                        format!("there is no `{}` that this environment could remove", place.trim_start_matches('/').replace('/', "."));
                    let near = suggest::nearest(&entry.key, entries.iter().map(|existing| existing.key.as_str()));
                    let finding = Finding::warning(codes::BAD_OVERLAY, Kind::Place, message).at(entry.key_span);
                    findings.push(match near {
                        Some(near) => finding.help(format!("did you mean `{near}`?")),
                        None => finding,
                    });
                }
            }
            continue;
        }
        match index.and_then(|index| entries.get_mut(index)) {
            Some(existing) => match (&existing.node.value, entry.node.value) {
                (Value::Mapping(_), Value::Mapping(inner)) => lay(&mut existing.node, inner, &place, findings),
                (_, value) => {
                    existing.key_span = entry.key_span;
                    existing.node = Node { value, span: entry.node.span };
                }
            },
            None => entries.push(without_nulls(entry)),
        }
    }
}

/// In a part that is new, there is nothing that a `null` could remove.
fn without_nulls(mut entry: Entry) -> Entry {
    if let Value::Mapping(inner) = entry.node.value {
        entry.node.value = Value::Mapping(inner.into_iter().filter(|entry| !entry.node.is_null()).map(without_nulls).collect());
    }
    entry
}
