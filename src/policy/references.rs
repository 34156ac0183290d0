//! What a document needs besides itself.

use super::document::{Document, Element, Value, Visit};
use crate::support::source::{SourceText, Span};

/// One name that a document mentions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The name, as written.
    pub name: String,
    /// Where.
    pub span: Span,
    /// The policy that mentions it, empty for a named value.
    pub policy: String,
}

/// Everything that a document mentions by a literal name, in the order of the text. What is computed by an expression
/// or holds a `{{named value}}` cannot be known and is left out (the named value itself is listed).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References {
    /// `set-backend-service`, content safety and semantic cache: backend ids.
    pub backends: Vec<Reference>,
    /// `include-fragment`: fragment ids.
    pub fragments: Vec<Reference>,
    /// `{{name}}`, anywhere.
    pub named_values: Vec<Reference>,
    /// `log-to-eventhub`: logger ids.
    pub loggers: Vec<Reference>,
    /// Certificates by id.
    pub certificates: Vec<Reference>,
    /// Authorizations of the credential manager, as `provider/authorization`.
    pub authorizations: Vec<Reference>,
    /// Schemas of `validate-content` by id.
    pub schemas: Vec<Reference>,
    /// Policies that need an external cache, by name.
    pub external_caches: Vec<Reference>,
}

/// What `document` needs.
#[must_use]
pub fn references(document: &Document) -> References {
    let mut found = References::default();
    let walk = document.walk();
    named_values_of_element(document.root(), &mut found.named_values);
    for visit in walk.iter() {
        // Elements of a Liquid template are its text.
        if !walk.ancestors(visit).any(|outer| is_template(outer.element)) {
            named_values_of_element(visit.element, &mut found.named_values);
        }
        names(document, visit, walk.ancestors(visit).next(), &mut found);
    }
    found
}

fn names(document: &Document, visit: &Visit<'_>, parent: Option<&Visit<'_>>, found: &mut References) {
    let element = visit.element;
    let parent = parent.map_or("", |visit| visit.element.name.as_str());
    let mut take = |attribute: &str, policy: &str, into: fn(&mut References) -> &mut Vec<Reference>| {
        if let Some(attribute) = element.attribute(attribute)
            && let Some(name) = attribute.value.literal().map(str::trim)
            && !name.is_empty()
            && !name.contains("{{")
        {
            into(found).push(Reference { name: name.to_owned(), span: document.span(&attribute.value_range), policy: policy.to_owned() });
        }
    };
    let name = element.name.as_str();
    match name {
        "set-backend-service" | "llm-content-safety" => take("backend-id", name, |found| &mut found.backends),
        "azure-openai-semantic-cache-lookup" | "llm-semantic-cache-lookup" => {
            take("embeddings-backend-id", name, |found| &mut found.backends);
            take_external_cache(document, element, found);
        }
        "include-fragment" => take("fragment-id", name, |found| &mut found.fragments),
        "log-to-eventhub" => take("logger-id", name, |found| &mut found.loggers),
        "authentication-certificate" => take("certificate-id", name, |found| &mut found.certificates),
        "key" if matches!(parent, "issuer-signing-keys" | "decryption-keys") => {
            take("certificate-id", "validate-jwt", |found| &mut found.certificates)
        }
        "identity" => take("certificate-id", "validate-client-certificate", |found| &mut found.certificates),
        "content" if parent == "validate-content" => take("schema-id", parent, |found| &mut found.schemas),
        "get-authorization-context" => {
            if let (Some(provider), Some(authorization)) = (element.literal("provider-id"), element.literal("authorization-id"))
                && !provider.contains("{{")
                && !authorization.contains("{{")
            {
                let name = format!("{provider}/{authorization}");
                found.authorizations.push(Reference { name, span: document.span(&element.name_range), policy: element.name.clone() });
            }
        }
        _ if element.literal("caching-type") == Some("external") => take_external_cache(document, element, found),
        _ => {}
    }
}

fn take_external_cache(document: &Document, element: &Element, found: &mut References) {
    let reference = Reference { name: element.name.clone(), span: document.span(&element.name_range), policy: element.name.clone() };
    found.external_caches.push(reference);
}

/// `set-body` with a Liquid template: it uses the same braces for its own names.
fn is_template(element: &Element) -> bool {
    element.name == "set-body" && element.literal("template").is_some_and(|template| template.trim().eq_ignore_ascii_case("liquid"))
}

fn named_values_of_element(element: &Element, found: &mut Vec<Reference>) {
    for attribute in &element.attributes {
        named_values(attribute.value.source(), found);
    }
    let liquid = is_template(element);
    for (value, _) in element.texts() {
        if !(liquid && matches!(value, Value::Literal(_))) {
            named_values(value.source(), found);
        }
    }
}

/// Adds each `{{name}}` of `text`.
pub(super) fn named_values(text: &SourceText, found: &mut Vec<Reference>) {
    for (range, name) in named_value_uses(text.text()) {
        found.push(Reference { name: name.to_owned(), span: text.span(range), policy: String::new() });
    }
}

/// The uses of named values in a text: the range with its braces, and the name (letters, digits, `-`, `.`, `_`;
/// white space around it is assumed to be allowed).
pub fn named_value_uses(text: &str) -> impl Iterator<Item = (std::ops::Range<usize>, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let start = at + text.get(at..)?.find("{{")?;
            let inner = &text[start + 2..];
            let length = inner
                .find(|character: char| !(character.is_ascii_alphanumeric() || matches!(character, '-' | '.' | '_' | ' ')))
                .unwrap_or(inner.len());
            let name = inner[..length].trim();
            // One brace on, so that `{{{name}}` is found too.
            at = start + 1;
            if inner[length..].starts_with("}}") && !name.is_empty() && !name.contains(' ') {
                at = start + 2 + length + 2;
                return Some((start..at, name));
            }
        }
    })
}
