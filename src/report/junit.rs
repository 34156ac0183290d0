//! JUnit XML, as CI systems read it.
//!
//! There is no one standard. This keeps to what all of these read: Jenkins' schema (xunit-plugin `junit-10.xsd`: children of a case in any
//! order, one failure a case), GitLab (reads `classname`, `name`, `file`, `time`, `failure`, `error`, `skipped`, `system-out`; a second case
//! with the same `classname` and `name` is dropped, so names are made unique), Azure Pipelines (duration from `time`, run date from
//! `timestamp`, message and text of `failure`). A warning has no place in the format: the case passes and its text is in `system-out`.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::time::Duration;

use time::OffsetDateTime;
use time::macros::format_description;

use super::markup::{attribute, escape, without_colours};
use super::model::{Case, Counts, Report, Status, Suite};

/// The report as JUnit XML.
#[must_use]
pub fn junit(report: &Report) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let date = report.started.map(timestamp).unwrap_or_default();
    let _ =
        writeln!(out, "<testsuites name=\"{}\"{} time=\"{}\">", attribute(&report.title), counts(report.counts()), seconds(report.elapsed));
    for (index, suite) in report.suites.iter().enumerate() {
        write_suite(&mut out, report, suite, index, &date);
    }
    out.push_str("</testsuites>\n");
    out
}

fn write_suite(out: &mut String, report: &Report, suite: &Suite, index: usize, date: &str) {
    let _ = write!(
        out,
        "  <testsuite id=\"{index}\" name=\"{}\"{} time=\"{}\"{date}",
        attribute(&suite.name),
        counts(suite.counts()),
        seconds(suite.elapsed())
    );
    if let Some(file) = &suite.file {
        let _ = write!(out, " file=\"{}\"", attribute(file));
    }
    out.push_str(">\n");
    let subject = report.subject.as_ref().map(|subject| ("subject".to_owned(), subject.clone()));
    let properties: Vec<_> = subject.iter().chain(&report.properties).chain(&suite.properties).collect();
    if !properties.is_empty() {
        out.push_str("    <properties>\n");
        for (name, value) in properties {
            let _ = writeln!(out, "      <property name=\"{}\" value=\"{}\"/>", attribute(name), attribute(value));
        }
        out.push_str("    </properties>\n");
    }
    let mut names = HashSet::new();
    for case in &suite.cases {
        let mut name = case.name.clone();
        let mut number = 1;
        while !names.insert(name.clone()) {
            number += 1;
            name = format!("{} ({number})", case.name);
        }
        write_case(out, suite, case, &name);
    }
    out.push_str("  </testsuite>\n");
}

fn write_case(out: &mut String, suite: &Suite, case: &Case, name: &str) {
    let _ = write!(
        out,
        "    <testcase name=\"{}\" classname=\"{}\" time=\"{}\"",
        attribute(name),
        attribute(&suite.name),
        seconds(case.elapsed)
    );
    if let Some(place) = &case.place {
        let _ = write!(out, " file=\"{}\" line=\"{}\"", attribute(&place.file), place.line);
    } else if let Some(file) = &suite.file {
        let _ = write!(out, " file=\"{}\"", attribute(file));
    }
    let output = output(case);
    if matches!(case.status, Status::Passed) && output.is_empty() {
        out.push_str("/>\n");
        return;
    }
    out.push_str(">\n");
    match &case.status {
        Status::Passed | Status::Warned(_) => {}
        Status::Failed(message) => problem(out, "failure", message, case),
        Status::Errored(message) => problem(out, "error", message, case),
        Status::Skipped(reason) => {
            let _ = writeln!(out, "      <skipped message=\"{}\"/>", attribute(reason));
        }
    }
    if !output.is_empty() {
        let _ = writeln!(out, "      <system-out>{}</system-out>", escape(&output));
    }
    out.push_str("    </testcase>\n");
}

/// A failure: the message, and below it all that helps.
fn problem(out: &mut String, element: &str, message: &str, case: &Case) {
    let kind = case.id.as_deref().unwrap_or(element);
    let mut text = message.to_owned();
    if let Some(place) = &case.place {
        let _ = write!(text, "\nat {}:{}", place.file, place.line);
    }
    if let Some(detail) = &case.detail {
        let _ = write!(text, "\n\n{}", detail.trim_end());
    }
    if let Some(cause) = &case.cause {
        let _ = write!(text, "\n\nlikely cause: {cause}");
    }
    if let Some(cure) = &case.cure {
        let _ = write!(text, "\nhelp: {cure}");
    }
    let text = without_colours(&text);
    let message = without_colours(message);
    let _ =
        writeln!(out, "      <{element} message=\"{}\" type=\"{}\">{}</{element}>", attribute(&message), attribute(kind), escape(&text));
}

/// What a case says beside its failure.
fn output(case: &Case) -> String {
    let mut out = String::new();
    if let Status::Warned(message) = &case.status {
        let _ = writeln!(out, "warning: {message}");
    }
    if !case.status.is_failure() {
        for (word, text) in [("", &case.detail), ("likely cause: ", &case.cause), ("help: ", &case.cure)] {
            if let Some(text) = text {
                let _ = writeln!(out, "{word}{text}");
            }
        }
    }
    if let Some(elapsed) = case.virtual_elapsed {
        // Only beside something else: every case would carry this line.
        if case.status.is_failure() {
            let _ = writeln!(out, "virtual time: {} s", seconds(elapsed));
        }
    }
    for attachment in &case.attachments {
        let _ = writeln!(out, "---- {} ----\n{}", attachment.title, attachment.text.trim_end());
    }
    without_colours(&out)
}

fn counts(counts: Counts) -> String {
    format!(" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\"", counts.total, counts.failed, counts.errored, counts.skipped)
}

fn seconds(duration: Duration) -> String {
    format!("{}.{:06}", duration.as_secs(), duration.subsec_micros())
}

/// UTC without a zone: some readers refuse one.
fn timestamp(at: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
    at.to_offset(time::UtcOffset::UTC).format(&format).map(|text| format!(" timestamp=\"{text}\"")).unwrap_or_default()
}
