//! Findings as text with a caret, JSON, SARIF 2.1, and annotations of GitHub Actions and Azure Pipelines.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde_json::{Value, json};

use super::findings;
use crate::support::finding::{Code, Finding, Kind, Severity};
use crate::support::source::{Sources, Span};

/// Lines around a marked one.
const CONTEXT: usize = 1;
/// A longer line is cut around what is marked.
const LONGEST_LINE: usize = 400;

/// One finding for people.
pub(super) fn text(finding: &Finding, sources: &Sources, colour: bool, width: usize) -> String {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() }.term_width(width.max(40));
    let title = level.primary_title(finding.message.as_str()).id(finding.code.id);
    let mut group = title.elements(std::iter::empty::<Snippet<'_, annotate_snippets::Annotation<'_>>>());
    if let Some(span) = finding.span {
        group = group.element(snippet(sources, span, None, true));
    }
    for (span, label) in &finding.labels {
        group = group.element(snippet(sources, *span, Some(label), false));
    }
    if let Some(help) = &finding.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    renderer.render(&[group])
}

fn snippet<'a>(sources: &'a Sources, span: Span, label: Option<&'a str>, primary: bool) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let kind = if primary { AnnotationKind::Primary } else { AnnotationKind::Context };
    let Some(file) = sources.get(span.source) else { return Snippet::source("") };
    let window = window(&file.text, span);
    let annotation = kind.span(window.marked.clone());
    let annotation = match label {
        Some(label) => annotation.label(label),
        None => annotation,
    };
    Snippet::source(window.text).path(file.path.display().to_string()).line_start(window.first_line).annotation(annotation)
}

/// The lines to show, and where the marked bytes are in them.
struct Window<'a> {
    text: &'a str,
    first_line: usize,
    marked: std::ops::Range<usize>,
}

fn window(text: &str, span: Span) -> Window<'_> {
    let floor = |mut offset: usize| {
        offset = offset.min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    };
    let start = floor(span.start as usize);
    // Only the first line is marked: a caret under forty lines says nothing.
    let line_end = text[start..].find('\n').map_or(text.len(), |length| start + length);
    let line_end = if text[start..line_end].ends_with('\r') { line_end - 1 } else { line_end };
    let end = floor(span.end as usize).clamp(start, line_end.max(start));
    let mut from = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    for _ in 0..CONTEXT {
        if from > 0 {
            from = text[..from - 1].rfind('\n').map_or(0, |newline| newline + 1);
        }
    }
    let mut to = line_end;
    for _ in 0..CONTEXT {
        if to < text.len() {
            let next = text[to..].find('\n').map_or(text.len(), |length| to + length + 1);
            to = text[next..].find('\n').map_or(text.len(), |length| next + length);
        }
    }
    let from = floor(from.max(start.saturating_sub(LONGEST_LINE)));
    let to = floor(to.min(end.saturating_add(LONGEST_LINE)));
    let from = if text[from..].starts_with('\u{feff}') { from + '\u{feff}'.len_utf8() } else { from }.min(start.max(from));
    let first_line = text[..from].matches('\n').count() + 1;
    let shown = text[from..to.max(from)].trim_end_matches(['\n', '\r']);
    let marked = start.saturating_sub(from).min(shown.len())..end.saturating_sub(from).min(shown.len());
    Window { text: shown, first_line, marked }
}

/// One finding for programs, as the contract has it.
pub(super) fn json(finding: &Finding, sources: &Sources) -> Value {
    let position = finding.span.map(|span| sources.position(span));
    json!({
        "code": finding.code.id,
        "kind": kind(finding.kind),
        "severity": severity(finding.severity),
        "message": finding.message,
        "path": finding.span.map(|span| sources.path(span.source).display().to_string()),
        "line": position.map(|position| position.line),
        "column": position.map(|position| position.column),
        "help": finding.help,
    })
}

/// A GitHub Actions annotation.
pub(super) fn github(finding: &Finding, sources: &Sources) -> String {
    let escape = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| escape(text).replace(':', "%3A").replace(',', "%2C");
    let place = finding.span.map_or_else(String::new, |span| {
        let position = sources.position(span);
        format!("file={},line={},col={},", property(&sources.path(span.source).display().to_string()), position.line, position.column)
    });
    let help = finding.help.as_ref().map_or_else(String::new, |help| format!("\nhelp: {help}"));
    format!(
        "::{} {place}title={}::{}",
        severity(finding.severity),
        property(finding.code.id),
        escape(&format!("{}{help}", finding.message))
    )
}

/// An Azure Pipelines annotation (Microsoft, "Logging commands", `task.logissue`).
pub(super) fn azure_pipelines(finding: &Finding, sources: &Sources) -> String {
    let escape = |text: &str| text.replace('%', "%AZP25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| escape(text).replace(';', "%3B").replace(']', "%5D");
    let place = finding.span.map_or_else(String::new, |span| {
        let position = sources.position(span);
        let path = sources.path(span.source).display().to_string();
        format!("sourcepath={};linenumber={};columnnumber={};", property(&path), position.line, position.column)
    });
    let help = finding.help.as_ref().map_or_else(String::new, |help| format!("; {help}"));
    let text = escape(&format!("{}{help}", finding.message));
    format!("##vso[task.logissue type={};{place}code={};]{text}", severity(finding.severity), property(finding.code.id))
}

/// A SARIF 2.1.0 log of all findings.
pub(super) fn sarif(findings: &[Finding], sources: &Sources) -> Value {
    let mut rules: Vec<_> = findings.iter().map(|finding| finding.code).collect();
    rules.sort_unstable();
    rules.dedup();
    let results: Vec<Value> = findings
        .iter()
        .map(|finding| {
            let message = finding.help.as_ref().map_or_else(|| finding.message.clone(), |help| format!("{}. {help}", finding.message));
            let locations: Vec<Value> = finding
                .span
                .map(|span| {
                    let position = sources.position(span);
                    json!({ "physicalLocation": {
                        "artifactLocation": { "uri": sources.path(span.source).to_string_lossy().replace('\\', "/") },
                        "region": { "startLine": position.line, "startColumn": position.column },
                    } })
                })
                .into_iter()
                .collect();
            json!({ "ruleId": finding.code.id, "level": severity(finding.severity), "message": { "text": message }, "locations": locations })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "apimctl",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.iter().map(rule).collect::<Vec<_>>(),
            } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(code: &Code) -> Value {
    let mut rule = json!({ "id": code.id, "shortDescription": { "text": code.title } });
    if let Some(page) = findings::page(code.id) {
        rule["fullDescription"] = json!({ "text": page.cause });
        rule["help"] = json!({ "text": format!("Cause: {}\nExample: {}\nCure: {}", page.cause, page.example, page.cure) });
    }
    rule
}

const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Syntax => "syntax",
        Kind::Place => "place",
        Kind::Type => "type",
        Kind::Trap => "trap",
    }
}

const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}
