//! A plan for people.

use serde_json::Value;

use super::policy_tree;
use super::progress::short;
use crate::deploy::diff::{PropertyChange, Shown};
use crate::deploy::plan::{Action, Change, Plan};
use crate::policy::{self, Format};

/// A longer value is cut: the plan is to be read.
const LONGEST_VALUE: usize = 100;

/// The plan, line by line: what changes with every property, what does not as one number, and the total.
pub(in crate::cli) fn lines(plan: &Plan, colour: bool) -> Vec<String> {
    let mut lines = Vec::new();
    if !plan.is_empty() {
        lines.push(format!("Plan for `{}`", plan.owner));
        lines.push(String::new());
    }
    for change in plan.changes.iter().filter(|change| change.action != Action::None) {
        push_change(change, colour, &mut lines);
    }
    for change in plan.changes.iter().filter(|change| change.action == Action::None) {
        if let Some(note) = &change.note {
            lines.push(format!("  ? {:<24} {}", change.label, short(&change.id)));
            lines.push(format!("      ! {note}"));
        }
    }
    for note in &plan.notes {
        lines.push(format!("  note: {note}"));
    }
    if lines.len() > 2 {
        lines.push(String::new());
    }
    lines.push(total(plan));
    lines
}

fn push_change(change: &Change, colour: bool, lines: &mut Vec<String>) {
    let (mark, code) = match change.action {
        Action::Create => ("+", "32"),
        Action::Update => ("~", "33"),
        Action::Replace => ("±", "35"),
        Action::Delete => ("-", "31"),
        Action::None => ("=", "0"),
    };
    let mark = if colour { format!("\u{1b}[{code}m{mark}\u{1b}[0m") } else { mark.to_owned() };
    let role = change.role.as_ref().map(|role| format!("{role} ")).unwrap_or_default();
    let mut line = format!("  {mark} {:<24} {role}{}", change.label, short(&change.id));
    if let Some(reason) = &change.reason {
        line.push_str(&format!("  ({reason})"));
    }
    lines.push(line);
    if let Some(note) = &change.note {
        lines.push(format!("      ! {note}"));
    }
    // What a new resource is made of stands in the specification; only changes of what is there are told one by one.
    if matches!(change.action, Action::Update | Action::Replace) {
        for property in &change.properties {
            push_property(property, colour, lines);
        }
    }
}

fn push_property(property: &PropertyChange, colour: bool, lines: &mut Vec<String>) {
    match (&property.before, &property.after) {
        (Shown::Policy(old), Shown::Policy(new)) => {
            lines.push(format!("      {}: the policy changes", property.path));
            let changes = policy::changes_of_texts(old, Format::RawXml, new, Format::RawXml);
            policy_tree::push(&changes, colour, lines);
        }
        (Shown::Unanswered, Shown::Unanswered) => {
            lines.push(format!("      {}: differs from what was sent last (the service does not tell it)", property.path));
        }
        (before, after) => lines.push(format!("      {}: {} → {}", property.path, shown(before), shown(after))),
    }
}

fn shown(value: &Shown) -> String {
    match value {
        Shown::Absent => "(not set)".to_owned(),
        Shown::Secret => "(secret)".to_owned(),
        Shown::Unanswered => "(not answered)".to_owned(),
        Shown::KnownAfterApply => "(known after apply)".to_owned(),
        Shown::Policy(_) => "(policy)".to_owned(),
        Shown::Value(value) => cut(value),
    }
}

fn cut(value: &Value) -> String {
    shorten(&value.to_string())
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= LONGEST_VALUE {
        return text.to_owned();
    }
    let head: String = text.chars().take(LONGEST_VALUE).collect();
    format!("{head}…")
}

fn total(plan: &Plan) -> String {
    let counts = plan.counts();
    if plan.is_empty() {
        return format!("No changes: `{}` is as the specification says ({} resources)", plan.owner, counts.none);
    }
    let parts = [
        (counts.create, "to create"),
        (counts.update, "to change"),
        (counts.replace, "to replace"),
        (counts.delete, "to delete"),
        (counts.none, "unchanged"),
    ];
    parts.iter().filter(|(count, _)| *count > 0).map(|(count, words)| format!("{count} {words}")).collect::<Vec<_>>().join(", ")
}
