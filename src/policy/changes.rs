//! How one document differs from another, element by element, for people who read a plan.

use std::collections::HashMap;

use super::canonical::{CanonicalElement, CanonicalNode, canonical, read};
use super::document::{Document, Format};

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyChange {
    /// For instance `inbound/choose[1]/when[2]@condition`; a text ends with `/text()`.
    pub path: String,
    /// As it was; `None` if it was not there. An element is shown as its start tag.
    pub before: Option<String>,
    /// As it is to be; `None` if it goes.
    pub after: Option<String>,
}

/// What turns `old` into `new`; empty exactly when both mean the same.
#[must_use]
pub fn changes(old: &Document, new: &Document) -> Vec<PolicyChange> {
    let (old, new) = (canonical(old), canonical(new));
    let mut found = Vec::new();
    if old.root().name == new.root().name {
        compare(old.root(), new.root(), "", 0, &mut found);
    } else {
        found.push(change("", Some(tag(old.root())), Some(tag(new.root()))));
    }
    found
}

/// [`changes`] of two texts; a text that cannot be read differs as a whole.
#[must_use]
pub fn changes_of_texts(old: &str, old_format: Format, new: &str, new_format: Format) -> Vec<PolicyChange> {
    match (read(old, old_format), read(new, new_format)) {
        (Some(old), Some(new)) => changes(&old, &new),
        _ if super::same_meaning(old, old_format, new, new_format) => Vec::new(),
        _ => vec![change("", Some(old.to_owned()), Some(new.to_owned()))],
    }
}

fn change(path: impl Into<String>, before: Option<String>, after: Option<String>) -> PolicyChange {
    PolicyChange { path: path.into(), before, after }
}

fn compare(old: &CanonicalElement, new: &CanonicalElement, path: &str, depth: usize, found: &mut Vec<PolicyChange>) {
    let before: HashMap<&str, &str> = old.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let after: HashMap<&str, &str> = new.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    for (name, value) in &old.attributes {
        let other = after.get(name.as_str()).copied();
        if other != Some(value.as_str()) {
            found.push(change(format!("{path}@{name}"), Some(value.clone()), other.map(str::to_owned)));
        }
    }
    for (name, value) in new.attributes.iter().filter(|(name, _)| !before.contains_key(name.as_str())) {
        found.push(change(format!("{path}@{name}"), None, Some(value.clone())));
    }
    let (old_names, new_names) = (Names::new(old, path, depth), Names::new(new, path, depth));
    // Sections may stand in any order.
    let pairs = if depth == 0 { pair_by_name(&old.children, &new.children) } else { align(&old.children, &new.children) };
    for pair in pairs {
        match pair {
            (Some(before), Some(after)) => match (&old.children[before], &new.children[after]) {
                (CanonicalNode::Element(before), CanonicalNode::Element(element)) => {
                    compare(before, element, new_names.of(after), depth + 1, found)
                }
                (CanonicalNode::Text(before), CanonicalNode::Text(text)) if before != text => {
                    found.push(change(new_names.of(after), Some(before.clone()), Some(text.clone())));
                }
                _ => {}
            },
            (Some(before), None) => found.push(change(old_names.of(before), Some(shown(&old.children[before])), None)),
            (None, Some(after)) => found.push(change(new_names.of(after), None, Some(shown(&new.children[after])))),
            (None, None) => {}
        }
    }
}

/// Paths of an element's children.
struct Names(Vec<String>);

impl Names {
    fn new(element: &CanonicalElement, path: &str, depth: usize) -> Self {
        let mut seen: HashMap<&str, usize> = HashMap::new();
        let slash = if path.is_empty() { "" } else { "/" };
        let name = |node| match node {
            &CanonicalNode::Text(_) => format!("{path}{slash}text()"),
            CanonicalNode::Element(child) if depth == 0 => format!("{path}{slash}{}", child.name),
            CanonicalNode::Element(child) => {
                let count = seen.entry(child.name.as_str()).and_modify(|count| *count += 1).or_insert(1);
                format!("{path}{slash}{}[{count}]", child.name)
            }
        };
        Self(element.children.iter().map(name).collect())
    }

    fn of(&self, index: usize) -> &str {
        self.0.get(index).map_or("", String::as_str)
    }
}

type Pairs = Vec<(Option<usize>, Option<usize>)>;

fn pair_by_name(old: &[CanonicalNode], new: &[CanonicalNode]) -> Pairs {
    let mut waiting: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, node) in new.iter().enumerate().rev() {
        waiting.entry(name(node)).or_default().push(index);
    }
    let mut pairs: Pairs =
        old.iter().enumerate().map(|(index, node)| (Some(index), waiting.get_mut(name(node)).and_then(Vec::pop))).collect();
    let mut added: Vec<usize> = waiting.into_values().flatten().collect();
    added.sort_unstable();
    pairs.extend(added.into_iter().map(|index| (None, Some(index))));
    pairs
}

/// Equal nodes are paired in order (longest common subsequence), and between them nodes of one name.
fn align(old: &[CanonicalNode], new: &[CanonicalNode]) -> Pairs {
    let start = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let end = old[start..].iter().rev().zip(new[start..].iter().rev()).take_while(|(old, new)| old == new).count();
    let mut pairs: Pairs = (0..start).map(|index| (Some(index), Some(index))).collect();
    let (old_middle, new_middle) = (&old[start..old.len() - end], &new[start..new.len() - end]);
    let mut gap = |old: std::ops::Range<usize>, new: std::ops::Range<usize>| {
        for (before, after) in pair_by_name(&old_middle[old.clone()], &new_middle[new.clone()]) {
            pairs.push((before.map(|index| start + old.start + index), after.map(|index| start + new.start + index)));
        }
    };
    let (mut at_old, mut at_new) = (0, 0);
    for (before, after) in common(old_middle, new_middle) {
        gap(at_old..before, at_new..after);
        gap(before..before + 1, after..after + 1);
        (at_old, at_new) = (before + 1, after + 1);
    }
    gap(at_old..old_middle.len(), at_new..new_middle.len());
    pairs.extend((0..end).map(|index| (Some(old.len() - end + index), Some(new.len() - end + index))));
    pairs
}

/// Longest common subsequence; none when the table would be too large to be worth it.
fn common(old: &[CanonicalNode], new: &[CanonicalNode]) -> Vec<(usize, usize)> {
    const LIMIT: usize = 1 << 16;
    if old.len().saturating_mul(new.len()) > LIMIT {
        return Vec::new();
    }
    let width = new.len() + 1;
    let mut table = vec![0u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            table[i * width + j] = if old[i] == new[j] {
                table[(i + 1) * width + j + 1] + 1
            } else {
                table[(i + 1) * width + j].max(table[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j, mut pairs) = (0, 0, Vec::new());
    while i < old.len() && j < new.len() {
        if old[i] == new[j] {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if table[(i + 1) * width + j] >= table[i * width + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

fn name(node: &CanonicalNode) -> &str {
    match node {
        CanonicalNode::Element(element) => &element.name,
        CanonicalNode::Text(_) => "",
    }
}

fn shown(node: &CanonicalNode) -> String {
    match node {
        CanonicalNode::Element(element) => tag(element),
        CanonicalNode::Text(text) => text.clone(),
    }
}

fn tag(element: &CanonicalElement) -> String {
    let mut text = format!("<{}", element.name);
    for (name, value) in &element.attributes {
        let quote = if value.contains('"') { '\'' } else { '"' };
        text.push_str(&format!(" {name}={quote}{value}{quote}"));
    }
    text.push_str(if element.children.is_empty() { " />" } else { ">…" });
    text
}
