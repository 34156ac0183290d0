//! What the service's schema of policies refuses: unknown or misplaced policies, attributes, texts. The rules are those of
//! `policy`; the words are the service's where they were seen.

use std::sync::Arc;

use crate::emulator::answer::Problems;
use crate::emulator::policy_text::{Document, Element, Format};
use crate::policy;
use crate::policy::codes;
use crate::policy::reference::{Gateway, Scope};
use crate::policy::{CheckContext, check};
use crate::support::finding::Finding;
use crate::support::source::{SourceText, Sources, position};

/// Adds what is wrong with a text that could be read.
pub(super) fn apply(text: &str, format: Format, document: &Document, scope: Option<Scope>, sku: &str, problems: &mut Problems) {
    let format = match format {
        Format::Xml => policy::Format::Xml,
        Format::RawXml => policy::Format::RawXml,
    };
    let shared: Arc<str> = Arc::from(text);
    let source = SourceText::whole(Sources::default().add("policy", shared.clone()), shared);
    // What cannot be read is told by the caller's reader.
    let Ok(parsed) = policy::Document::parse(&source, format) else { return };
    let context = CheckContext { scope, gateway: Gateway::of_sku(sku), ..CheckContext::default() };
    for finding in check(&parsed, &context).iter().filter(|finding| finding.is_error() && is_schema(finding)) {
        let start = finding.span.map_or(0, |span| span.start as usize);
        let Some(element) = element_at(document, text, start) else { continue };
        let place = element.position;
        let words = words(finding, element, text, sku);
        problems
            .add(&element.name, format!("Error in element '{}' on line {}, column {}: {words}", element.name, place.line, place.column));
    }
}

/// Traps are legal for the service; sections and the one policy of `<backend>` are looked at by the caller.
fn is_schema(finding: &Finding) -> bool {
    let code = finding.code;
    code.id < codes::KEY_FROM_BEARER.id
        && ![codes::UNKNOWN_SECTION, codes::ONE_BACKEND_POLICY, codes::NO_BASE, codes::TOO_MANY].contains(&code)
}

/// The last element that starts at or before an offset.
fn element_at<'d>(document: &'d Document, text: &str, offset: usize) -> Option<&'d Element> {
    let place = position(text, offset);
    document
        .elements()
        .into_iter()
        .take_while(|element| (element.position.line, element.position.column) <= (place.line, place.column))
        .last()
}

fn words(finding: &Finding, element: &Element, text: &str, sku: &str) -> String {
    let code = finding.code;
    if code == codes::MISPLACED_SECTION {
        return "Policy is not allowed in this section".to_owned();
    }
    if code == codes::MISPLACED_GATEWAY {
        return format!("Policy is not allowed in '{sku}' sku");
    }
    if code == codes::MISPLACED_SCOPE {
        return "Policy is not allowed in this scope".to_owned();
    }
    if code == codes::UNEXPECTED_TEXT {
        return format!("The element '{}' cannot contain text.", element.name);
    }
    if code == codes::UNKNOWN_ATTRIBUTE {
        let name = finding.span.and_then(|span| text.get(span.start as usize..span.end as usize)).unwrap_or_default();
        return format!("The '{name}' attribute is not declared.");
    }
    // Words of our own: the service's were not seen.
    format!("{}.", finding.message.replace('`', "'"))
}
