//! `${NAME}`, `${NAME:-default}` and `$${` in every value.
//!
//! A name is looked up in `--var`, the environment's own `variables`, the specification's `variables`, the process environment. The
//! text of a value that a variable went into is never shown: it may be a secret.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::LoadOptions;
use super::codes;
use super::tree::{Node, Resolved, Scalar, Value};
use crate::support::finding::{Finding, Kind};
use crate::support::source::Span;
use crate::support::suggest;

/// Longest chain of variables that refer to variables.
const MAXIMUM_DEPTH: usize = 32;
/// Longest value, in bytes, that substitution may make of one text.
const MAXIMUM_TEXT: usize = 256 * 1024;
/// What all substituted texts together may weigh.
const MAXIMUM_TOTAL: usize = 16 * 1024 * 1024;

/// Values that may stay empty when nothing is meant for Azure: (pointer prefix, last key).
const OPTIONAL_WHEN_LOCAL: &[&str] = &["tenantId", "subscriptionId"];

/// What came from outside the files, and must not be shown: value → name of the variable.
#[derive(Debug, Default)]
pub(super) struct Outside(BTreeMap<String, String>);

/// Values shorter than this are no secrets, and would be found in every word.
const SHORTEST_SECRET: usize = 4;

impl Outside {
    /// Takes the values out of what a finding quotes, and puts the variables' names there.
    pub(super) fn hide(&self, findings: &mut [Finding]) {
        for finding in findings {
            let labels = finding.labels.iter_mut().map(|(_, text)| text);
            for text in [&mut finding.message].into_iter().chain(finding.help.as_mut()).chain(labels) {
                self.hide_in(text);
            }
        }
    }

    fn hide_in(&self, text: &mut String) {
        if !self.0.keys().any(|value| text.contains(value.as_str())) {
            return;
        }
        // Findings quote in backticks, so that is where a value can be; prose stays as it is.
        let hidden: Vec<String> = text
            .split('`')
            .enumerate()
            .map(|(index, part)| {
                let quoted = index % 2 == 1;
                self.0
                    .iter()
                    .filter(|_| quoted)
                    .fold(part.to_owned(), |part, (value, name)| part.replace(value.as_str(), &format!("${{{name}}}")))
            })
            .collect();
        *text = hidden.join("`");
    }
}

/// Puts the variables in, everywhere but under `variables` and `environments`.
pub(super) fn substitute(root: &mut Node, options: &LoadOptions, findings: &mut Vec<Finding>) -> Outside {
    let written = root.get("variables").map(definitions).unwrap_or_default();
    let mut variables = Variables {
        options,
        written,
        known: HashMap::new(),
        resolving: Vec::new(),
        used: BTreeSet::new(),
        total: 0,
        outside: Outside::default(),
        findings,
    };
    if let Value::Mapping(entries) = &mut root.value {
        for entry in entries.iter_mut().filter(|entry| entry.key != "variables" && entry.key != "environments") {
            variables.visit(&mut entry.node, &entry.key);
        }
        if options.local {
            drop_unset(entries);
        }
    }
    variables.report_unused();
    variables.outside
}

/// With `--local`, an Azure setting whose variable is unset is as good as not written.
fn drop_unset(entries: &mut Vec<super::tree::Entry>) {
    let unset = |node: &Node| node.scalar().is_some_and(|scalar| scalar.substituted && scalar.text.is_empty());
    entries.retain(|entry| !(OPTIONAL_WHEN_LOCAL.contains(&entry.key.as_str()) && unset(&entry.node)));
    for entry in entries.iter_mut().filter(|entry| entry.key == "openAI") {
        if let Value::Mapping(accounts) = &mut entry.node.value {
            for account in accounts {
                if let Value::Mapping(fields) = &mut account.node.value {
                    fields.retain(|field| !(OPTIONAL_WHEN_LOCAL.contains(&field.key.as_str()) && unset(&field.node)));
                }
            }
        }
    }
}

fn definitions(node: &Node) -> BTreeMap<String, (Span, Scalar)> {
    node.entries().iter().filter_map(|entry| Some((entry.key.clone(), (entry.node.span, entry.node.scalar()?.clone())))).collect()
}

struct Variables<'a> {
    options: &'a LoadOptions,
    written: BTreeMap<String, (Span, Scalar)>,
    /// `None`: there is a definition, and it is broken, which has been said.
    known: HashMap<String, Option<String>>,
    resolving: Vec<String>,
    used: BTreeSet<String>,
    total: usize,
    outside: Outside,
    findings: &'a mut Vec<Finding>,
}

/// A part of a text.
enum Part<'a> {
    /// As it stands, from this offset.
    Literal(usize, &'a str),
    /// `$${`, which stands for `${`.
    Escape(usize),
    /// `${name}` or `${name:-fallback}`.
    Reference { offset: usize, length: usize, name: &'a str, fallback: Option<&'a str> },
    /// `${` with anything else after it.
    Malformed { offset: usize, length: usize },
}

impl Variables<'_> {
    fn visit(&mut self, node: &mut Node, key: &str) {
        match &mut node.value {
            Value::Mapping(entries) => {
                for entry in entries {
                    self.visit(&mut entry.node, &entry.key);
                }
            }
            Value::Sequence(items) => {
                for item in items {
                    self.visit(item, "");
                }
            }
            Value::Scalar(scalar) => {
                if scalar.text.contains("${") {
                    let may_be_unset = self.options.local && OPTIONAL_WHEN_LOCAL.contains(&key);
                    self.fill(scalar, node.span, may_be_unset);
                }
            }
        }
    }

    fn fill(&mut self, scalar: &mut Scalar, span: Span, may_be_unset: bool) {
        let parts = parts(&scalar.text);
        let whole = matches!(parts.as_slice(), [Part::Reference { .. }]);
        let mut text = String::with_capacity(scalar.text.len());
        let mut runs = Vec::new();
        let mut substituted = scalar.substituted;
        for part in parts {
            let at = |offset: usize| place(scalar, span, offset);
            match part {
                Part::Literal(offset, literal) => {
                    let end = offset + literal.len();
                    runs.push((text.len(), at(offset)));
                    for (start, file) in &scalar.runs {
                        let start = *start as usize;
                        if start > offset && start < end {
                            runs.push((text.len() + start - offset, *file));
                        }
                    }
                    text.push_str(literal);
                }
                Part::Escape(offset) => {
                    runs.push((text.len(), at(offset + 1)));
                    text.push_str("${");
                }
                Part::Malformed { offset, length } => {
                    let here = Span { source: span.source, start: at(offset), end: at(offset + length) };
                    let finding = Finding::error(codes::BAD_VARIABLE, Kind::Syntax, "`${` does not begin a variable");
                    self.findings.push(finding.at(here).help("write `${NAME}` or `${NAME:-default}`; `$${` stands for `${` itself"));
                }
                Part::Reference { offset, length, name, fallback } => {
                    let here = Span { source: span.source, start: at(offset), end: at(offset + length - 1) + 1 };
                    runs.push((text.len(), at(offset)));
                    substituted = true;
                    match self.look_up(name, here) {
                        Some(Some(value)) => text.push_str(&value),
                        Some(None) => {}
                        None => match fallback {
                            Some(fallback) => text.push_str(fallback),
                            None if may_be_unset => {}
                            None => self.unset(name, here),
                        },
                    }
                }
            }
            if text.len() > MAXIMUM_TEXT || self.total + text.len() > MAXIMUM_TOTAL {
                let finding = Finding::error(codes::EXPANDS_TOO_FAR, Kind::Syntax, "the variables in this value expand to too much text");
                self.findings.push(finding.at(span));
                break;
            }
        }
        self.total += text.len();
        scalar.plain = scalar.plain && whole;
        scalar.runs = runs.into_iter().filter_map(|(offset, file)| Some((u32::try_from(offset).ok()?, file))).collect();
        scalar.substituted = substituted;
        scalar.variable = whole;
        scalar.text = text;
    }

    /// The value of `name`: `None` when it is unset, `Some(None)` when its definition is broken (which is said once).
    fn look_up(&mut self, name: &str, here: Span) -> Option<Option<String>> {
        self.used.insert(name.to_owned());
        if let Some(value) = self.options.variables.get(name) {
            return Some(Some(self.take_in(name, value)));
        }
        if let Some(value) = self.known.get(name) {
            return Some(value.clone());
        }
        let Some((span, definition)) = self.written.get(name).cloned() else {
            return self.options.environment.get(name).map(|value| Some(self.take_in(name, value)));
        };
        if self.resolving.iter().any(|outer| outer == name) || self.resolving.len() >= MAXIMUM_DEPTH {
            let chain = self.resolving.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" → ");
            let message = format!("the variable `{name}` leads back to itself: {chain} → `{name}`");
            self.findings.push(Finding::error(codes::VARIABLE_CYCLE, Kind::Place, message).at(here));
            self.known.insert(name.to_owned(), None);
            return Some(None);
        }
        if definition.resolve() == Resolved::Null {
            return None;
        }
        let mut value = definition;
        if value.text.contains("${") {
            let before = self.findings.len();
            self.resolving.push(name.to_owned());
            self.fill(&mut value, span, false);
            self.resolving.pop();
            if self.findings.len() > before {
                self.known.insert(name.to_owned(), None);
                return Some(None);
            }
        }
        self.known.insert(name.to_owned(), Some(value.text.clone()));
        Some(Some(value.text))
    }

    fn take_in(&mut self, name: &str, value: &str) -> String {
        if value.len() >= SHORTEST_SECRET {
            self.outside.0.insert(value.to_owned(), name.to_owned());
        }
        value.to_owned()
    }

    fn unset(&mut self, name: &str, here: Span) {
        let names = self.written.keys().chain(self.options.variables.keys()).map(String::as_str);
        let help = match suggest::nearest(name, names.chain(self.options.environment.names())) {
            Some(near) => format!("did you mean `{near}`? Otherwise give it with `--var {name}=…`"),
            None => format!("give it with `--var {name}=…`, in the process environment, or write a default: `${{{name}:-…}}`"),
        };
        self.findings
            .push(Finding::error(codes::UNSET_VARIABLE, Kind::Place, format!("the variable `{name}` has no value")).at(here).help(help));
    }

    fn report_unused(&mut self) {
        for name in self.options.variables.keys().filter(|name| !self.used.contains(*name)) {
            let finding = Finding::warning(codes::UNUSED_VARIABLE, Kind::Place, format!("`--var {name}` is given and used nowhere"));
            self.findings.push(match suggest::nearest(name, self.used.iter().map(String::as_str)) {
                Some(near) => finding.help(format!("did you mean `{near}`?")),
                None => finding,
            });
        }
    }
}

/// The file's offset of a byte of the scalar's text.
fn place(scalar: &Scalar, span: Span, offset: usize) -> u32 {
    let offset = u32::try_from(offset).unwrap_or(u32::MAX);
    let index = scalar.runs.partition_point(|(start, _)| *start <= offset).saturating_sub(1);
    scalar.runs.get(index).map_or(span.start, |(start, file)| file + offset.saturating_sub(*start))
}

fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut done = 0;
    let mut from = 0;
    while let Some(found) = text[from..].find("${").map(|found| from + found) {
        let escaped = text[..found].ends_with('$');
        let literal_end = if escaped { found - 1 } else { found };
        if literal_end > done {
            parts.push(Part::Literal(done, &text[done..literal_end]));
        }
        if escaped {
            parts.push(Part::Escape(literal_end));
            done = found + 2;
        } else {
            let (part, length) = reference(text, found);
            parts.push(part);
            done = found + length;
        }
        from = done;
    }
    if done < text.len() {
        parts.push(Part::Literal(done, &text[done..]));
    }
    parts
}

fn reference(text: &str, offset: usize) -> (Part<'_>, usize) {
    let inner = &text[offset + 2..];
    // Without a closing brace nothing after it can be a reference either.
    let Some(end) = inner.find('}') else { return (Part::Malformed { offset, length: 2 }, text.len() - offset) };
    let length = end + 3;
    let (name, fallback) = inner[..end].split_once(":-").map_or((&inner[..end], None), |(name, fallback)| (name, Some(fallback)));
    if is_name(name) { (Part::Reference { offset, length, name, fallback }, length) } else { (Part::Malformed { offset, length }, length) }
}

/// Letters, digits, `_`, `-` and `.`, not beginning with a digit.
fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|character| character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.'))
}
