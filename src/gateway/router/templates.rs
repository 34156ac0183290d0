//! Operations of one API by URL template and method.

use std::borrow::Cow;
use std::sync::Arc;

use http::Method;
use indexmap::IndexMap;
use smallvec::SmallVec;

use super::{Folded, Folding, Matched, decoded, next_segment};
use crate::gateway::message::query_pairs;
use crate::gateway::snapshot::OperationIndex;

/// What stands where a template has parameters.
type Captures<'p> = SmallVec<[Cow<'p, str>; 4]>;

/// A URL template, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    segments: Vec<Segment>,
    /// Name of the wildcard at the end, if there is one and it has a name.
    wildcard: Option<Option<Arc<str>>>,
    query: Vec<(Box<str>, Part)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(Box<str>),
    Parameter(Arc<str>),
    /// `report-{year}.{format}`.
    Compound(Vec<Part>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(Box<str>),
    Parameter(Arc<str>),
}

impl Template {
    /// Reads `/deployments/{deployment-id}/chat/completions?api-version={version}` or `/files/*`. Every text is a template: a
    /// brace that is never closed stands for itself.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let (path, query) = match text.split_once('?') {
            // `{id?}` is a parameter.
            Some((path, query)) if path.matches('{').count() == path.matches('}').count() => (path, query),
            _ => (text, ""),
        };
        let path = path.trim().trim_start_matches('/').trim_end_matches('/');
        let mut segments: Vec<&str> = if path.is_empty() { Vec::new() } else { path.split('/').collect() };
        let wildcard = match segments.last() {
            Some(&"*") => Some(None),
            Some(last) => last.strip_prefix("{*").and_then(|name| name.strip_suffix('}')).map(|name| Some(Arc::from(plain_name(name)))),
            None => None,
        };
        if wildcard.is_some() {
            segments.pop();
        }
        let query = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = match parts(value).as_slice() {
                [Part::Parameter(name)] => Part::Parameter(name.clone()),
                _ => Part::Literal(Box::from(&*decoded(value))),
            };
            (Box::from(&*decoded(name)), value)
        });
        Self { query: query.collect(), segments: segments.into_iter().map(segment).collect(), wildcard }
    }

    /// Names of its parameters, in its order.
    #[must_use]
    pub fn parameters(&self) -> Vec<Arc<str>> {
        self.path_parameters().chain(self.wildcard.iter().flatten()).chain(self.query_parameters()).cloned().collect()
    }

    fn path_parameters(&self) -> impl Iterator<Item = &Arc<str>> {
        self.segments.iter().flat_map(|segment| match segment {
            Segment::Literal(_) => Vec::new(),
            Segment::Parameter(name) => vec![name],
            Segment::Compound(parts) => parts.iter().filter_map(Part::parameter).collect(),
        })
    }

    fn query_parameters(&self) -> impl Iterator<Item = &Arc<str>> {
        self.query.iter().filter_map(|(_, part)| part.parameter())
    }
}

impl Part {
    const fn parameter(&self) -> Option<&Arc<str>> {
        match self {
            Self::Literal(_) => None,
            Self::Parameter(name) => Some(name),
        }
    }
}

/// A name without what templates may add to it: `id?`, `id:int`, `id=1`.
fn plain_name(name: &str) -> &str {
    name.split(['?', ':', '=']).next().unwrap_or_default().trim()
}

fn segment(text: &str) -> Segment {
    let mut parts = parts(text);
    match (parts.len(), parts.pop()) {
        (1, Some(Part::Parameter(name))) => Segment::Parameter(name),
        (0, _) => Segment::Literal(Box::from("")),
        (1, Some(Part::Literal(text))) => Segment::Literal(text),
        (_, last) => {
            parts.extend(last);
            Segment::Compound(parts)
        }
    }
}

fn parts(text: &str) -> Vec<Part> {
    let mut found = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let open = rest.find('{').filter(|open| rest.get(*open..).is_some_and(|tail| tail.contains('}')));
        let (literal, tail) = rest.split_at(open.unwrap_or(rest.len()));
        if !literal.is_empty() {
            found.push(Part::Literal(Box::from(&*decoded(literal))));
        }
        let Some((name, behind)) = tail.strip_prefix('{').and_then(|tail| tail.split_once('}')) else { break };
        found.push(Part::Parameter(Arc::from(plain_name(name))));
        rest = behind;
    }
    found
}

/// Operations of one API.
#[derive(Debug)]
pub struct Templates {
    nodes: Vec<Node>,
}

impl Default for Templates {
    fn default() -> Self {
        Self { nodes: vec![Node::default()] }
    }
}

/// What may follow a beginning of templates; tried in this order.
#[derive(Debug, Default)]
struct Node {
    literals: IndexMap<Folded, usize>,
    compounds: Vec<(Vec<Part>, usize)>,
    parameter: Option<usize>,
    /// Templates that end here.
    here: Vec<Candidate>,
    /// Templates that end here in a wildcard.
    below: Vec<Candidate>,
}

#[derive(Debug)]
struct Candidate {
    operation: OperationIndex,
    /// `None`: every method.
    method: Option<Method>,
    query: Vec<(Box<str>, Part)>,
    /// Of the path, the wildcard's last.
    names: Vec<Option<Arc<str>>>,
}

impl Candidate {
    /// The most demanding comes first.
    fn rank(&self) -> (usize, usize, bool) {
        let literal = self.query.iter().filter(|(_, part)| part.parameter().is_none()).count();
        (literal, self.query.len(), self.method.is_some())
    }

    fn accepts(&self, query: Option<&str>, method: &Method) -> bool {
        #[cfg(test)]
        steps::count();
        if self.method.as_ref().is_some_and(|own| own != method) {
            return false;
        }
        self.query.iter().all(|(name, part)| match part {
            Part::Literal(value) => values(query, name).any(|own| own.eq_ignore_ascii_case(value)),
            Part::Parameter(_) => values(query, name).next().is_some(),
        })
    }

    fn matched(&self, captures: Captures<'_>, query: Option<&str>) -> Matched {
        let path = self.names.iter().zip(captures).filter_map(|(name, value)| Some((name.clone()?, value.into_owned())));
        let query = self.query.iter().filter_map(|(name, part)| {
            let value = values(query, name).next()?;
            Some((part.parameter()?.clone(), value.into_owned()))
        });
        path.chain(query).collect()
    }
}

fn values<'a>(query: Option<&'a str>, name: &str) -> impl Iterator<Item = Cow<'a, str>> {
    query_pairs(query.unwrap_or_default()).filter(move |(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

impl Templates {
    /// Enters an operation.
    pub fn add(&mut self, template: &Template, method: Option<Method>, operation: OperationIndex) {
        let mut node = 0;
        for segment in &template.segments {
            node = self.child(node, segment);
        }
        let mut names: Vec<_> = template.path_parameters().cloned().map(Some).collect();
        names.extend(template.wildcard.clone());
        let candidate = Candidate { operation, method, query: template.query.clone(), names };
        let Some(node) = self.nodes.get_mut(node) else { return };
        let candidates = if template.wildcard.is_some() { &mut node.below } else { &mut node.here };
        let place = candidates.partition_point(|own| own.rank() >= candidate.rank());
        candidates.insert(place, candidate);
    }

    fn child(&mut self, node: usize, segment: &Segment) -> usize {
        let next = self.nodes.len();
        let Some(parent) = self.nodes.get_mut(node) else { return 0 };
        let child = match segment {
            Segment::Literal(text) => *parent.literals.entry(Folded::new(text)).or_insert(next),
            Segment::Parameter(_) => *parent.parameter.get_or_insert(next),
            Segment::Compound(parts) => match parent.compounds.iter().find(|(own, _)| same_shape(own, parts)) {
                Some((_, child)) => *child,
                None => {
                    // What holds more literal text is more particular.
                    let weight = |parts: &[Part]| -> usize {
                        parts.iter().map(|part| if let Part::Literal(text) = part { text.len() } else { 0 }).sum()
                    };
                    let place = parent.compounds.partition_point(|(own, _)| weight(own) >= weight(parts));
                    parent.compounds.insert(place, (parts.clone(), next));
                    next
                }
            },
        };
        if child == next {
            self.nodes.push(Node::default());
        }
        child
    }

    /// The most literal operation whose template and method fit, with its parameters. `path` is what is behind the API's prefix:
    /// empty, or with a slash in front.
    #[must_use]
    pub fn find(&self, path: &str, query: Option<&str>, method: &Method) -> Option<(OperationIndex, Matched)> {
        let mut captures = Captures::new();
        let candidate = self.walk(self.nodes.first()?, path, query, method, &mut captures)?;
        Some((candidate.operation, candidate.matched(captures, query)))
    }

    /// Goes no deeper than the longest template.
    fn walk<'a, 'p>(
        &'a self,
        node: &'a Node,
        path: &'p str,
        query: Option<&str>,
        method: &Method,
        captures: &mut Captures<'p>,
    ) -> Option<&'a Candidate> {
        #[cfg(test)]
        steps::count();
        let fitting = |candidates: &'a [Candidate]| candidates.iter().find(|candidate| candidate.accepts(query, method));
        // One operation serves `resource` and `resource/` (add-api-manually page).
        if path.is_empty() || path == "/" {
            if let Some(candidate) = fitting(&node.here) {
                return Some(candidate);
            }
        } else if let Some((raw, behind)) = next_segment(path) {
            let segment = decoded(raw);
            if let Some(child) = node.literals.get(&Folding(&segment)).and_then(|child| self.nodes.get(*child))
                && let Some(found) = self.walk(child, behind, query, method, captures)
            {
                return Some(found);
            }
            for (parts, child) in &node.compounds {
                let kept = captures.len();
                if let Some(child) = self.nodes.get(*child)
                    && capture(parts, &segment, captures)
                    && let Some(found) = self.walk(child, behind, query, method, captures)
                {
                    return Some(found);
                }
                captures.truncate(kept);
            }
            if !segment.is_empty()
                && let Some(child) = node.parameter.and_then(|child| self.nodes.get(child))
            {
                captures.push(segment);
                if let Some(found) = self.walk(child, behind, query, method, captures) {
                    return Some(found);
                }
                captures.pop();
            }
        }
        // `/foo/*` matches `/foo/` and not `/foo` (seen on Azure).
        let rest = path.strip_prefix('/')?;
        let found = fitting(&node.below)?;
        captures.push(decoded(rest));
        Some(found)
    }
}

/// Whether templates differ in the names of their parameters only.
fn same_shape(one: &[Part], other: &[Part]) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|pair| match pair {
            (Part::Literal(one), Part::Literal(other)) => one.eq_ignore_ascii_case(other),
            (Part::Parameter(_), Part::Parameter(_)) => true,
            _ => false,
        })
}

/// Matches a whole segment: the last literal at its end, others where they first occur; a parameter is never empty.
fn capture(parts: &[Part], segment: &str, captures: &mut Captures<'_>) -> bool {
    let mut rest = segment;
    let mut waiting = false;
    for (place, part) in parts.iter().enumerate() {
        match part {
            Part::Parameter(_) if waiting => {
                // Two parameters without anything between: the first takes one character.
                let Some(first) = rest.chars().next() else { return false };
                let (own, behind) = rest.split_at(first.len_utf8());
                captures.push(Cow::Owned(own.to_owned()));
                rest = behind;
            }
            Part::Parameter(_) => waiting = true,
            Part::Literal(text) => {
                let last = place + 1 == parts.len();
                let at = match (waiting, last) {
                    (true, true) => rest.len().checked_sub(text.len()).filter(|at| fits(rest, *at, text)),
                    (true, false) => (1..rest.len()).find(|at| fits(rest, *at, text)),
                    (false, _) => fits(rest, 0, text).then_some(0),
                };
                let Some(at) = at else { return false };
                if waiting {
                    if at == 0 {
                        return false;
                    }
                    captures.push(Cow::Owned(rest.get(..at).unwrap_or_default().to_owned()));
                    waiting = false;
                }
                rest = rest.get(at + text.len()..).unwrap_or_default();
            }
        }
    }
    if waiting {
        if rest.is_empty() {
            return false;
        }
        captures.push(Cow::Owned(rest.to_owned()));
        return true;
    }
    rest.is_empty()
}

fn fits(text: &str, at: usize, literal: &str) -> bool {
    text.get(at..at + literal.len()).is_some_and(|part| part.eq_ignore_ascii_case(literal))
}

/// Counts what a look-up looks at, so that a test can hold it.
#[cfg(test)]
pub(super) mod steps {
    use std::cell::Cell;

    thread_local!(static STEPS: Cell<usize> = const { Cell::new(0) });

    pub(super) fn count() {
        STEPS.with(|steps| steps.set(steps.get() + 1));
    }

    /// Nodes and candidates that were looked at since the last call, on this thread.
    pub(crate) fn take() -> usize {
        STEPS.with(|steps| steps.replace(0))
    }
}
