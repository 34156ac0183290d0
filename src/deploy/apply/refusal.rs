//! What ARM says of a document, shown where the user wrote it.

use crate::arm::CloudError;
use crate::azure::AzureError;
use crate::deploy::codes;
use crate::deploy::deployment::Deployment;
use crate::deploy::error::{StepError, describe};
use crate::deploy::resource::DesiredResource;
use crate::support::finding::{Finding, Kind};
use crate::support::source::SourceText;

/// A failed step.
pub(super) fn failed(deployment: &Deployment, resource: Option<&DesiredResource>, id: &str, error: AzureError) -> StepError {
    let findings = resource.map(|resource| findings(deployment, resource, &error)).unwrap_or_default();
    StepError { id: id.to_owned(), text: describe(&error), findings, azure: Some(Box::new(error)), cause: None }
}

/// A step that failed for a reason of our own.
pub(super) fn own(id: &str, text: impl Into<String>) -> StepError {
    StepError { id: id.to_owned(), text: text.into(), findings: Vec::new(), azure: None, cause: None }
}

fn findings(deployment: &Deployment, resource: &DesiredResource, error: &AzureError) -> Vec<Finding> {
    let Some(document) = deployment.documents.get(&resource.pointer) else { return Vec::new() };
    let details = if error.error.details.is_empty() { std::slice::from_ref(&*error.error) } else { &error.error.details };
    let correlation = error.correlation_id.as_deref().unwrap_or("unknown");
    details
        .iter()
        .filter(|detail| !detail.message.trim().is_empty())
        .map(|detail| {
            let finding = Finding::error(codes::REFUSED_DOCUMENT, Kind::Place, sentence(detail))
                .help(format!("this is the service's own answer to `{}` (correlation id {correlation})", resource.id));
            match place(&detail.message).and_then(|(line, column)| offset(document.text.text(), line, column)) {
                Some(start) => finding.at(document.text.span(start..start + word(document.text.text(), start))),
                None => finding.at(whole(&document.text)),
            }
        })
        .collect()
}

fn whole(text: &SourceText) -> crate::support::source::Span {
    text.span(0..text.text().lines().next().map_or(0, str::len))
}

/// The message on one line, without the position that the finding itself shows, and without a full stop.
fn sentence(detail: &CloudError) -> String {
    let message = detail.message.split_whitespace().collect::<Vec<_>>().join(" ");
    let message = message.trim_end_matches('.').to_owned();
    match detail.target.as_deref().filter(|target| !target.is_empty() && !message.contains(*target)) {
        Some(target) => format!("the service refused `{target}`: {message}"),
        None => format!("the service refused the policy: {message}"),
    }
}

/// `… on line 12, column 8 …`, both from 1.
fn place(message: &str) -> Option<(usize, usize)> {
    let lower = message.to_ascii_lowercase();
    let number_after = |word: &str| {
        let rest = &lower[lower.find(word)? + word.len()..];
        let digits: String = rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<usize>().ok()
    };
    Some((number_after("line ")?, number_after("column ")?))
}

/// The byte at a line and column (in characters). The service counts the lines of what it was sent, which is the user's text;
/// a byte order mark, which is not sent, has no column.
fn offset(text: &str, line: usize, column: usize) -> Option<usize> {
    let start: usize = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    let rest = text.get(start..)?;
    let marked = rest.strip_prefix('\u{feff}').filter(|_| start == 0);
    let (rest, start) = marked.map_or((rest, start), |unmarked| (unmarked, start + '\u{feff}'.len_utf8()));
    let content = rest.split(['\r', '\n']).next().unwrap_or_default();
    let within = content.char_indices().nth(column.checked_sub(1)?).map_or(content.len(), |(index, _)| index);
    Some(start + within)
}

/// Length of the name at `start`, at least one character.
fn word(text: &str, start: usize) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    let length = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '-' && letter != '_').unwrap_or(rest.len());
    length.max(rest.chars().next().map_or(0, char::len_utf8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_and_column_lead_to_the_byte() {
        let text = "\u{feff}<policies>\r\n  <inbound>\r\n    <säge-x />";
        let message = "Error in element 'säge-x' on line 3, column 6: The element is unknown.";
        let (line, column) = place(message).unwrap();
        let start = offset(text, line, column).unwrap();
        assert_eq!(&text[start..start + word(text, start)], "säge-x");
        let first = offset(text, 1, 2).unwrap();
        assert_eq!(&text[first..first + word(text, first)], "policies");
    }

    #[test]
    fn places_that_are_not_there_do_no_harm() {
        for message in ["", "line", "line x, column y", "on line 99999999999999999999999, column 1"] {
            assert_eq!(place(message), None, "{message}");
        }
        assert_eq!(offset("ab", 1, 9), Some(2));
        assert_eq!(offset("ab", 0, 1), None);
        assert_eq!(offset("ab", 7, 1), Some(2));
        assert_eq!(word("", 0), 0);
        assert_eq!(word("<a", 0), 1);
    }
}
