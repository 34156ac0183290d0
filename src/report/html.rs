//! A report as one page of HTML that needs nothing else: no script, no font, no picture from elsewhere. So it opens from a CI system's
//! artifacts, where scripts are forbidden, and from a disk.

mod covered;

use std::fmt::Write as _;

use time::macros::format_description;

use super::chart::{self, Chart, Width};
use super::coverage::Coverage;
use super::markup::{escape, without_colours};
use super::model::{Attachment, Block, Case, Media, Report, Section, Status, Suite, Table};
use super::text::time;

/// The page, with the coverage of policy files if it was measured.
#[must_use]
pub fn html(report: &Report, coverage: Option<&Coverage>) -> String {
    let mut out = String::with_capacity(64 * 1024);
    let verdict = if report.is_success() { "passed" } else { "failed" };
    let title = report.subject.as_ref().map_or_else(|| report.title.clone(), |subject| format!("{} {subject}", report.title));
    let _ = write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n<style>\n{}{}</style>\n</head>\n<body>\n<main>\n",
        escape(&format!("{title}: {verdict}")),
        chart::STYLE,
        include_str!("html/style.css"),
    );
    write_head(&mut out, report);
    for section in &report.sections {
        write_section(&mut out, section, 2);
    }
    for suite in &report.suites {
        write_suite(&mut out, suite);
    }
    if let Some(coverage) = coverage {
        covered::write(&mut out, coverage);
    }
    let _ = write!(out, "<footer>apimctl {}</footer>\n</main>\n</body>\n</html>\n", env!("CARGO_PKG_VERSION"));
    out
}

fn write_head(out: &mut String, report: &Report) {
    let counts = report.counts();
    let _ = writeln!(out, "<header>\n<h1>{}</h1>", escape(&report.title));
    if let Some(subject) = &report.subject {
        let _ = writeln!(out, "<div class=\"subject\">{}</div>", escape(subject));
    }
    if counts.total > 0 {
        let class = if counts.is_success() { "passed" } else { "failed" };
        let word = if counts.is_success() { "passed" } else { "FAILED" };
        let _ = writeln!(out, "<div class=\"verdict\"><span class=\"badge {class}\">{word}</span> {}</div>", escape(&counts.sentence()));
        out.push_str("<div class=\"proportion\" aria-hidden=\"true\">");
        let parts =
            [(counts.failed + counts.errored, "failed"), (counts.warned, "warned"), (counts.passed, "passed"), (counts.skipped, "skipped")];
        for (number, class) in parts.into_iter().filter(|(number, _)| *number > 0) {
            let _ = write!(out, "<i class=\"{class}\" style=\"flex:{number}\"></i>");
        }
        out.push_str("</div>\n");
    }
    out.push_str("<div class=\"facts\">");
    let _ = write!(out, "<span><b>{}</b> run time</span>", time(report.elapsed));
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
    if let Some(started) = report.started.and_then(|at| at.to_offset(time::UtcOffset::UTC).format(&format).ok()) {
        let _ = write!(out, "<span>began <b>{started}</b></span>");
    }
    for (name, value) in &report.properties {
        let _ = write!(out, "<span>{} <b>{}</b></span>", escape(name), escape(value));
    }
    out.push_str("</div>\n</header>\n");
}

fn write_suite(out: &mut String, suite: &Suite) {
    let tally = if suite.cases.is_empty() {
        String::new()
    } else {
        format!("<span class=\"tally\">{}, {}</span>", escape(&suite.counts().sentence()), time(suite.elapsed()))
    };
    let _ = writeln!(out, "<section>\n<h2>{}{tally}</h2>", escape(&suite.name));
    if let Some(file) = suite.file.as_ref().filter(|file| **file != suite.name) {
        let _ = writeln!(out, "<div class=\"subject\">{}</div>", escape(file));
    }
    if !suite.properties.is_empty() {
        out.push_str("<div class=\"facts\">");
        for (name, value) in &suite.properties {
            let _ = write!(out, "<span>{} <b>{}</b></span>", escape(name), escape(value));
        }
        out.push_str("</div>\n");
    }
    for section in &suite.sections {
        write_section(out, section, 3);
    }
    for case in &suite.cases {
        write_case(out, case);
    }
    out.push_str("</section>\n");
}

fn write_case(out: &mut String, case: &Case) {
    let (class, word) = match case.status {
        Status::Passed => ("passed", "pass"),
        Status::Warned(_) => ("warned", "warn"),
        Status::Failed(_) => ("failed", "FAIL"),
        Status::Errored(_) => ("errored", "ERROR"),
        Status::Skipped(_) => ("skipped", "skip"),
    };
    let took = match case.virtual_elapsed.filter(|elapsed| !elapsed.is_zero()) {
        Some(elapsed) => format!("{} <span title=\"virtual time\">({} virtual)</span>", time(case.elapsed), time(elapsed)),
        None => time(case.elapsed),
    };
    let head = format!(
        "<span class=\"badge {class}\">{word}</span><span class=\"name\">{}</span><span class=\"took\">{took}</span>",
        escape(&case.name)
    );
    let inside = inside(case);
    if inside.is_empty() {
        let _ = writeln!(out, "<div class=\"case\" data-status=\"{class}\"><div class=\"head\">{head}</div></div>");
        return;
    }
    let open = if case.status.is_failure() || matches!(case.status, Status::Warned(_)) { " open" } else { "" };
    let _ = writeln!(
        out,
        "<details class=\"case\" data-status=\"{class}\"{open}><summary class=\"head\">{head}</summary>\n<div class=\"inside\">\n{inside}</div></details>"
    );
}

fn inside(case: &Case) -> String {
    let mut out = String::new();
    if let Some(message) = case.status.message() {
        let _ = writeln!(out, "<p class=\"message\">{}</p>", marked(message));
    }
    let place = case.place.as_ref().map(|place| format!("{}:{}", place.file, place.line));
    match (case.id.as_deref(), place.as_deref()) {
        (Some(id), Some(place)) => {
            let _ = writeln!(out, "<p class=\"soft\"><code>{}</code> at <code>{}</code></p>", escape(id), escape(place));
        }
        (Some(one), None) | (None, Some(one)) => {
            // What has nothing else to say stays closed up.
            if !out.is_empty() || case.detail.is_some() || !case.attachments.is_empty() || !case.sections.is_empty() {
                let _ = writeln!(out, "<p class=\"soft\"><code>{}</code></p>", escape(one));
            }
        }
        (None, None) => {}
    }
    if let Some(detail) = &case.detail {
        out.push_str(&lines(detail, true));
    }
    if let Some(cause) = &case.cause {
        let _ = writeln!(out, "<div class=\"hint\"><b>Likely cause</b>{}</div>", marked(cause));
    }
    if let Some(cure) = &case.cure {
        let _ = writeln!(out, "<div class=\"hint\"><b>What mends it</b>{}</div>", marked(cure));
    }
    for section in &case.sections {
        write_section(&mut out, section, 3);
    }
    for attachment in &case.attachments {
        write_attachment(&mut out, attachment, case.status.is_failure() && case.attachments.len() == 1);
    }
    out
}

fn write_attachment(out: &mut String, attachment: &Attachment, open: bool) {
    let open = if open { " open" } else { "" };
    let text = lines(&attachment.text, attachment.media == Media::Diff);
    let _ = writeln!(out, "<details class=\"more\"{open}><summary>{}</summary>\n{text}</details>", escape(&attachment.title));
}

fn write_section(out: &mut String, section: &Section, level: u8) {
    if level == 2 {
        out.push_str("<section>\n");
    }
    if !section.title.is_empty() {
        let _ = writeln!(out, "<h{level}>{}</h{level}>", escape(&section.title));
    }
    for block in &section.blocks {
        match block {
            Block::Text(text) => {
                let _ = writeln!(out, "<p>{}</p>", marked(text));
            }
            Block::Lines(text) => out.push_str(&lines(text, false)),
            Block::Table(table) => write_table(out, table),
            Block::Chart(chart) => write_chart(out, chart),
        }
    }
    if level == 2 {
        out.push_str("</section>\n");
    }
}

fn write_chart(out: &mut String, chart: &Chart) {
    let _ = writeln!(out, "<figure>{}{}</figure>", chart.svg(Width::Wide), chart.svg(Width::Narrow));
}

fn write_table(out: &mut String, table: &Table) {
    let class = |index: usize| if table.column(index).1 { " class=\"n\"" } else { "" };
    out.push_str("<div class=\"scroll\"><table><thead><tr>");
    for index in 0..table.columns.len() {
        let _ = write!(out, "<th scope=\"col\"{}>{}</th>", class(index), escape(table.column(index).0));
    }
    out.push_str("</tr></thead><tbody>\n");
    for row in &table.rows {
        out.push_str("<tr>");
        for index in 0..table.columns.len() {
            let _ = write!(out, "<td{}>{}</td>", class(index), marked(row.get(index).map_or("", String::as_str)));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
}

/// Lines as they are; as a diff, `+` and `-` have their colours.
fn lines(text: &str, diff: bool) -> String {
    let text = without_colours(text);
    let mut out = String::from("<pre>");
    for (index, line) in text.trim_end().lines().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        let class = match line.as_bytes().first() {
            Some(b'+') if diff => Some("add"),
            Some(b'-') if diff => Some("del"),
            _ => None,
        };
        match class {
            Some(class) => {
                let _ = write!(out, "<span class=\"{class}\">{}</span>", escape(line));
            }
            None => out.push_str(&escape(line)),
        }
    }
    out.push_str("</pre>\n");
    out
}

/// A sentence in which what stands in backticks is code.
fn marked(text: &str) -> String {
    let text = escape(&without_colours(text));
    let parts: Vec<&str> = text.split('`').collect();
    // A lonely backtick is one.
    if parts.len().is_multiple_of(2) {
        return text;
    }
    parts.iter().enumerate().map(|(index, part)| if index % 2 == 1 { format!("<code>{part}</code>") } else { (*part).to_owned() }).collect()
}
