//! Legal, and yet not what is meant: what the documents of Azure OpenAI gateways get wrong.
//!
//! Each trap is something that people shipped and that goes wrong at run time without an error at deployment. Where the
//! expressions are concerned, tokens are looked at, not types: a trap is reported only when its form is unmistakable.

use super::check::CheckContext;
use super::document::{Document, Element, Visit, Walk};
use crate::support::finding::Finding;

mod branches;
mod code;
mod forwarding;
mod keys;
mod variables;

pub use code::Code;

/// A document with what every trap wants to know about it.
struct Scene<'a> {
    document: &'a Document,
    context: &'a CheckContext<'a>,
    walk: Walk<'a>,
    /// Every expression with the element that it belongs to, in the order of the text.
    codes: Vec<(Visit<'a>, Code<'a>)>,
    /// It talks to a language model, as far as one can see.
    language_model: bool,
}

/// The traps in `document`.
pub(super) fn traps(document: &Document, context: &CheckContext<'_>) -> Vec<Finding> {
    let walk = document.walk();
    let mut codes = Vec::new();
    for visit in walk.iter() {
        for value in values(visit.element) {
            if let Some(expression) = value.expression()
                && let Some(code) = Code::of(&expression.code)
            {
                codes.push((*visit, code));
            }
        }
    }
    let language_model = walk.iter().any(|visit| speaks_to_language_model(visit.element));
    let scene = Scene { document, context, walk, codes, language_model };
    let mut findings = Vec::new();
    keys::traps(&scene, &mut findings);
    forwarding::traps(&scene, &mut findings);
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

    fn includes_fragments(&self) -> bool {
        self.elements("include-fragment").next().is_some()
    }
}
