//! Cures that cannot do harm: what a finding says, done.
//!
//! Only what makes a document do what it plainly means is mended: a retry that could not send its body again, a condition that
//! throws without a response, a read that empties the body, a text in the quotes of a character, and, where the scope is known, a section that forgot its `<base />`.

use std::ops::Range;

use super::check::{CheckContext, check};
use super::codes;
use super::document::{Document, Element, ExpressionKind, Format, Value};
use super::traps::Code as Tokens;
use crate::expression::codes as expression_codes;
use crate::support::finding::{Code, Finding};

/// One cure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// The finding that it cures.
    pub finding: Finding,
    /// What is written instead of which bytes of the document's text.
    pub edits: Vec<(Range<usize>, String)>,
}

/// The codes that [`fixes`] has a cure for.
const FIXABLE: &[Code] =
    &[codes::RETRY_UNBUFFERED, codes::RETRY_NULL_RESPONSE, codes::BODY_CONSUMED, codes::NO_BASE, expression_codes::SYNTAX];

/// The cures for what [`check`] finds in `document`, in the order of the text. Cures may uncover others of the same kind: apply them and
/// ask again until there are none.
#[must_use]
pub fn fixes(document: &Document, context: &CheckContext<'_>) -> Vec<Fix> {
    let findings = check(document, context);
    let fixable = findings.into_iter().filter(|finding| FIXABLE.contains(&finding.code));
    fixable.filter_map(|finding| Some(Fix { edits: edits(document, &finding)?, finding })).collect()
}

/// The document's text with the cures applied. One that touches what an earlier one has changed is left out.
#[must_use]
pub fn apply_fixes(document: &Document, fixes: &[Fix]) -> String {
    let text = document.source().text();
    let mut edits: Vec<&(Range<usize>, String)> = fixes.iter().flat_map(|fix| &fix.edits).collect();
    edits.sort_by_key(|(range, _)| (range.start, range.end));
    let mut out = String::with_capacity(text.len() + 64);
    let mut done = 0;
    let mut inserted_at = None;
    for (range, with) in edits {
        if range.start < done || (range.is_empty() && inserted_at == Some(range.start)) {
            continue;
        }
        out.push_str(&text[done..range.start]);
        out.push_str(with);
        done = range.end;
        inserted_at = range.is_empty().then_some(range.start);
    }
    out.push_str(&text[done..]);
    out
}

fn edits(document: &Document, finding: &Finding) -> Option<Vec<(Range<usize>, String)>> {
    let span = finding.span?;
    let walk = document.walk();
    let mut elements = walk.iter().map(|visit| visit.element);
    match finding.code {
        codes::RETRY_UNBUFFERED => {
            let forward = elements.find(|element| document.span(&element.name_range) == span)?;
            match forward.attribute("buffer-request-body") {
                None => Some(vec![(forward.name_range.end..forward.name_range.end, " buffer-request-body=\"true\"".to_owned())]),
                Some(attribute) => {
                    attribute.value.literal()?;
                    Some(vec![(attribute.value_range.clone(), "true".to_owned())])
                }
            }
        }
        codes::NO_BASE => {
            let section = elements.find(|element| document.span(&element.name_range) == span)?;
            Some(vec![with_base(section, document.source().text())])
        }
        codes::RETRY_NULL_RESPONSE => {
            let condition = elements
                .filter(|element| element.name == "retry")
                .filter_map(|element| element.attribute("condition"))
                .find(|attribute| contains(document, &attribute.value_range, span.start))?;
            let expression = condition.value.expression().filter(|expression| expression.kind == ExpressionKind::Inline)?;
            let raw = document.source().text().get(condition.value_range.clone())?;
            // `@(` and `)` are never written as references here: such a document is left to its author.
            let open = condition.value_range.start + raw.find("@(")? + 2;
            let close = condition.value_range.start + raw.rfind(')')?;
            let last_line = expression.code.text().rsplit('\n').next().unwrap_or_default();
            // A comment at the end would swallow the bracket.
            let end = if last_line.contains("//") { "\n)" } else { ")" };
            Some(vec![(open..open, "context.Response == null || (".to_owned()), (close..close, end.to_owned())])
        }
        codes::BODY_CONSUMED => {
            let element = elements.find(|element| values(element).any(|value| reads_at(value, span.start)))?;
            let expression = values(element).find(|value| reads_at(value, span.start))?.expression()?;
            preserving(document, &Tokens::of(&expression.code)?, span.start)
        }
        expression_codes::SYNTAX => double_quoted(document, finding),
        _ => None,
    }
}

/// `'text'` becomes `"text"`: a character holds one letter, so that nothing else can be meant.
fn double_quoted(document: &Document, finding: &Finding) -> Option<Vec<(Range<usize>, String)>> {
    let span = finding.span?;
    let text = document.source().text();
    // Spans are bytes of the file; only where the document is the whole file are they bytes of its text, too.
    let range = span.start as usize..span.end as usize;
    let inner = text.get(range.clone())?.strip_prefix('\'')?.strip_suffix('\'')?;
    let plain = inner.chars().count() > 1 && !inner.contains(['"', '\'', '\\', '&', '<', '\n', '\r']);
    // In an attribute in single quotes it could not stand; in the encoded style a quote is a reference.
    let encoded = document.format() == Format::Xml || text.contains("&quot;");
    let quote = if encoded { "&quot;" } else { "\"" };
    (plain && document.span(&range) == span).then(|| vec![(range, format!("{quote}{inner}{quote}"))])
}

fn values(element: &Element) -> impl Iterator<Item = &Value> {
    element.attributes.iter().map(|attribute| &attribute.value).chain(element.texts().map(|(value, _)| value))
}

/// Whether the byte of the file lies in the C# of `value`.
fn reads_at(value: &Value, at: u32) -> bool {
    value.expression().is_some_and(|expression| {
        let span = expression.code.span(0..expression.code.text().len());
        (span.start..span.end).contains(&at)
    })
}

fn contains(document: &Document, range: &Range<usize>, at: u32) -> bool {
    let span = document.span(range);
    (span.start..span.end).contains(&at)
}

fn with_base(section: &Element, text: &str) -> (Range<usize>, String) {
    if text[section.range.clone()].ends_with("/>") && section.content_range.is_empty() && section.children.is_empty() {
        let end = section.range.end;
        (end - 2..end, format!("><base /></{}>", section.name))
    } else {
        (section.content_range.start..section.content_range.start, "<base />".to_owned())
    }
}

/// `As<T>()` becomes `As<T>(preserveContent: true)`, and `false` there becomes `true`.
fn preserving(document: &Document, code: &Tokens<'_>, at: u32) -> Option<Vec<(Range<usize>, String)>> {
    let start = (0..code.len()).find(|index| code.span(*index..index + 1).start == at)?;
    let read = (start..code.len()).find(|index| code.token(*index) == "As")?;
    let open = (read..code.len()).find(|index| code.token(*index) == "(")?;
    let arguments = code.inside(open);
    // Spans are bytes of the file; only where the document is the whole file are they bytes of its text, too.
    let text = |token: usize| {
        let span = code.span(token..token + 1);
        let range = span.start as usize..span.end as usize;
        (document.span(&range) == span).then_some(range)
    };
    if arguments.is_empty() {
        let close = text(arguments.end)?.start;
        return Some(vec![(close..close, "preserveContent: true".to_owned())]);
    }
    let wrong = arguments.into_iter().find(|index| code.token(*index) == "false")?;
    Some(vec![(text(wrong)?, "true".to_owned())])
}
