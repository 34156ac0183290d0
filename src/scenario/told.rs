//! What came of scenarios as every kind of report is told: text, JSON, JUnit, HTML.

use std::fmt::Write as _;
use std::time::Duration;

use time::OffsetDateTime;

use super::expect::{Mismatch, shown};
use super::result::{Report, ScenarioResult, StepResult, Suite, Verdict};
use crate::report::{self, Attachment, Case, Place, Status};
use crate::support::finding::Finding;
use crate::support::source::{Sources, Span};

/// The report for the writers of reports. `elapsed`: real time of the whole run.
#[must_use]
pub fn report(own: &Report, started: Option<OffsetDateTime>, elapsed: Duration) -> report::Report {
    report::Report {
        title: "apimctl test".to_owned(),
        started,
        elapsed,
        suites: own.suites.iter().map(suite).collect(),
        ..report::Report::default()
    }
}

fn suite(own: &Suite) -> report::Suite {
    let mut told = report::Suite::new(own.path.display().to_string());
    told.file = Some(own.path.display().to_string());
    told.properties.push(("specification".to_owned(), own.spec.display().to_string()));
    told.properties.push(("prepared in".to_owned(), shown(own.prepared_in)));
    if own.has_errors() {
        let errors: Vec<&Finding> = own.findings.iter().filter(|finding| finding.is_error()).collect();
        let first = errors.first().map(|finding| finding.message.clone()).unwrap_or_default();
        let message = match errors.len() {
            0 | 1 => first,
            2 => format!("{first}, and one more error"),
            many => format!("{first}, and {} more errors", many - 1),
        };
        let mut case = Case::new("the scenarios can be read and their specification applied", Status::Errored(message));
        let lines: Vec<String> = own.findings.iter().map(|finding| finding_text(finding, &own.sources)).collect();
        case.place = errors.first().and_then(|finding| place(&own.sources, finding.span));
        case.detail = Some(lines.join("\n"));
        case.elapsed = own.prepared_in;
        told.cases.push(case);
    }
    told.cases.extend(own.scenarios.iter().map(|scenario| case(scenario, &own.sources)));
    told
}

fn case(scenario: &ScenarioResult, sources: &Sources) -> Case {
    let status = match &scenario.verdict {
        Verdict::Passed => Status::Passed,
        Verdict::Skipped(reason) => Status::Skipped(reason.clone()),
        Verdict::Failed => failure(scenario),
    };
    let mut case = Case::new(&scenario.name, status);
    case.place = place(sources, scenario.at);
    case.elapsed = scenario.took;
    case.virtual_elapsed = Some(scenario.virtual_time);
    case.sections = super::charts::sections(scenario);
    let wrong = |step: &&StepResult| !step.mismatches.is_empty() || !step.findings.is_empty();
    let details: Vec<String> =
        scenario.steps.iter().enumerate().filter(|(_, step)| wrong(step)).map(|(index, step)| detail(index, step, sources)).collect();
    if !details.is_empty() {
        case.detail = Some(details.join("\n"));
    }
    // The first trace is where it began to go wrong; those behind it mostly follow from it.
    if let Some((index, trace)) = scenario.steps.iter().enumerate().find_map(|(index, step)| Some((index, step.trace.as_ref()?))) {
        case.attachments.push(Attachment::text(format!("trace of step {}", index + 1), trace.as_str()));
    }
    case
}

/// The first thing that was wrong, in one sentence.
fn failure(scenario: &ScenarioResult) -> Status {
    for (index, step) in scenario.steps.iter().enumerate() {
        let at = if scenario.steps.len() > 1 { format!("step {}: ", index + 1) } else { String::new() };
        if let Some(finding) = step.findings.first() {
            return Status::Errored(format!("{at}{}", finding.message));
        }
        if let Some(first) = step.mismatches.first() {
            let more = step.mismatches.len() - 1;
            let more = if more > 0 { format!(", and {more} more") } else { String::new() };
            return Status::Failed(format!(
                "{at}{}: expected {}, got {}{more}",
                first.about,
                one_line(&first.expected),
                one_line(&first.got)
            ));
        }
    }
    Status::Failed("it failed".to_owned())
}

fn one_line(text: &str) -> String {
    const LONGEST: usize = 160;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

fn detail(index: usize, step: &StepResult, sources: &Sources) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "step {}: {} (at {})", index + 1, step.title, shown(step.began));
    for finding in &step.findings {
        let _ = writeln!(out, "{}", indented(&finding_text(finding, sources), "  "));
    }
    for mismatch in &step.mismatches {
        out.push_str(&mismatch_text(mismatch, sources));
    }
    out.trim_end().to_owned()
}

/// What was expected and what there was, below the line that says so.
fn mismatch_text(mismatch: &Mismatch, sources: &Sources) -> String {
    let mut out = String::new();
    let answer = mismatch.answer.map(|answer| format!(" (answer {answer})")).unwrap_or_default();
    let _ = writeln!(out, "  {}{answer}", mismatch.about);
    if let Some(line) = mismatch.at.and_then(|at| source_line(at, sources)) {
        out.push_str(&line);
    }
    for (sign, title, text) in [('-', "expected", &mismatch.expected), ('+', "got", &mismatch.got)] {
        if text.contains('\n') {
            let _ = writeln!(out, "    {sign} {title}:");
            for line in text.lines() {
                let _ = writeln!(out, "    {sign}   {line}");
            }
        } else {
            let _ = writeln!(out, "    {sign} {title:<9} {text}");
        }
    }
    out
}

/// Path, line and column, and the line itself with a caret below.
fn source_line(at: Span, sources: &Sources) -> Option<String> {
    let file = sources.get(at.source)?;
    let position = sources.position(at);
    let line = file.text.lines().nth(position.line as usize - 1)?;
    let number = position.line.to_string();
    let blank = " ".repeat(number.len());
    let before = " ".repeat(position.column as usize - 1);
    let marked =
        file.text.get(at.start as usize..at.end as usize).map_or(1, |text| text.lines().next().unwrap_or_default().chars().count());
    let caret = "^".repeat(marked.max(1));
    Some(format!(
        "    {blank}--> {}:{number}:{}\n    {number} | {line}\n    {blank} | {before}{caret}\n",
        file.path.display(),
        position.column
    ))
}

fn finding_text(finding: &Finding, sources: &Sources) -> String {
    let mut out = format!("{} [{}]", finding.message, finding.code.id);
    if let Some(line) = finding.span.and_then(|at| source_line(at, sources)) {
        out.push('\n');
        out.push_str(line.trim_end());
    }
    if let Some(help) = &finding.help {
        let _ = write!(out, "\n    help: {help}");
    }
    out
}

fn indented(text: &str, by: &str) -> String {
    text.lines().map(|line| format!("{by}{line}")).collect::<Vec<_>>().join("\n")
}

fn place(sources: &Sources, at: Option<Span>) -> Option<Place> {
    let at = at?;
    let file = sources.get(at.source)?;
    Some(Place { file: file.path.display().to_string(), line: sources.position(at).line })
}
