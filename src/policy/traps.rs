//! Legal, and yet not what is meant: what the documents of Azure OpenAI gateways get wrong.
//!
//! Each trap is something that people shipped and that goes wrong at run time without an error at deployment. Where the
//! expressions are concerned, a trap is reported only when its form is unmistakable: tokens say where, and the compiler what is
//! read, what is constant and which type a value has.

use super::check::CheckContext;
use super::document::{Document, Element, Expression, Visit, Walk};
use crate::expression::Checked;
use crate::support::finding::Finding;

mod bodies;
mod branches;
mod code;
mod forwarding;
mod keys;
mod messages;
mod variables;

pub use code::Code;

/// A document with what every trap wants to know about it.
struct Scene<'a> {
    document: &'a Document,
    context: &'a CheckContext<'a>,
    walk: Walk<'a>,
    /// Every expression, in the order of the text.
    sites: Vec<Site<'a>>,
    /// It talks to a language model, as far as one can see.
    language_model: bool,
}

/// One expression with the element that it belongs to.
struct Site<'a> {
    visit: Visit<'a>,
    /// The attribute that holds it; none for a text.
    attribute: Option<&'a str>,
    expression: &'a Expression,
    code: Code<'a>,
}

impl Site<'_> {
    /// What the compiler said, if it compiles as it stands.
    fn checked(&self) -> Option<&Checked> {
        self.expression.known()?.as_ref().ok()
    }
}

/// The traps in `document`.
pub(super) fn traps(document: &Document, context: &CheckContext<'_>) -> Vec<Finding> {
    let walk = document.walk();
    let mut sites = Vec::new();
    for visit in walk.iter() {
        let attributes = visit.element.attributes.iter().map(|attribute| (Some(attribute.name.as_str()), &attribute.value));
        for (attribute, value) in attributes.chain(visit.element.texts().map(|(value, _)| (None, value))) {
            if let Some(expression) = value.expression()
                && let Some(code) = Code::of(&expression.code)
            {
                sites.push(Site { visit: *visit, attribute, expression, code });
            }
        }
    }
    let language_model = walk.iter().any(|visit| speaks_to_language_model(visit.element));
    let scene = Scene { document, context, walk, sites, language_model };
    let mut findings = Vec::new();
    keys::traps(&scene, &mut findings);
    forwarding::traps(&scene, &mut findings);
    bodies::traps(&scene, &mut findings);
    messages::traps(&scene, &mut findings);
    variables::traps(&scene, &mut findings);
    branches::traps(&scene, &mut findings);
    findings
}

/// The attribute values and texts of an element.
fn values(element: &Element) -> impl Iterator<Item = &super::Value> {
    element.attributes.iter().map(|attribute| &attribute.value).chain(element.texts().map(|(value, _)| value))
}

fn speaks_to_language_model(element: &Element) -> bool {
    element.name.starts_with("llm-")
        || element.name.starts_with("azure-openai-")
        || values(element).any(|value| {
            let text = value.source().text().to_ascii_lowercase();
            text.contains("openai") || text.contains("cognitiveservices.azure.com")
        })
}

impl<'a> Scene<'a> {
    fn elements(&self, name: &'static str) -> impl Iterator<Item = &Visit<'a>> {
        self.walk.iter().filter(move |visit| visit.element.name == name)
    }

    /// Whether `element` holds an element of that name, at any depth.
    fn holds(element: &'a Element, name: &str) -> Option<&'a Element> {
        let mut waiting: Vec<&Element> = element.elements().collect();
        while let Some(next) = waiting.pop() {
            if next.name == name {
                return Some(next);
            }
            waiting.extend(next.elements());
        }
        None
    }

    /// Whether one of them can never run in the same request as the other: they stand in different branches of one `choose`,
    /// and no `retry` around it runs it again.
    fn exclude_each_other(&self, one: &Visit<'a>, other: &Visit<'a>) -> bool {
        let (left, right) = (self.branches(one), self.branches(other));
        left.iter().any(|(choose, branch)| right.iter().any(|(again, rival)| choose == again && branch != rival))
    }

    /// The branches around an element: where each `choose` and its `when` or `otherwise` begins.
    fn branches(&self, visit: &Visit<'a>) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        let mut inner = visit;
        for around in self.walk.ancestors(visit) {
            if around.element.name == "choose" {
                found.push((around.element.range.start, inner.element.range.start));
            }
            if around.element.name == "retry" {
                found.clear();
            }
            inner = around;
        }
        found
    }

    /// Whether a `retry` runs both, so that either may come first.
    fn share_a_retry(&self, one: &Visit<'a>, other: &Visit<'a>) -> bool {
        let retry = |visit: &&Visit<'a>| visit.element.name == "retry";
        let around: Vec<usize> = self.walk.ancestors(one).filter(retry).map(|visit| visit.element.range.start).collect();
        self.walk.ancestors(other).filter(retry).any(|visit| around.contains(&visit.element.range.start))
    }

    fn includes_fragments(&self) -> bool {
        self.elements("include-fragment").next().is_some()
    }
}
