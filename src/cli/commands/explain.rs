//! `apimctl explain`: what a finding's code means and how to mend it.

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::Session;
use crate::cli::arguments::ExplainArguments;
use crate::cli::findings::{self, Page};
use crate::cli::output::{Outcome, wrap};
use crate::support::suggest;

/// Columns in front of what belongs to a label.
const INDENT: usize = 9;

/// Runs it.
pub(super) fn run(arguments: &ExplainArguments, session: &mut Session<'_>) -> Result<Outcome> {
    let printer = &mut session.printer;
    let Some(code) = &arguments.code else {
        let pages: Vec<Page> = findings::pages().collect();
        if printer.is_json() {
            printer.json(&json!({ "findings": pages.iter().map(to_json).collect::<Vec<_>>() }));
        } else {
            for page in pages {
                printer.data(format!("{}  {}", page.code, page.title));
            }
        }
        return Ok(Outcome::Done);
    };
    let Some(page) = findings::page(code) else {
        let near = suggest::nearest(code, findings::pages().map(|page| page.code));
        let hint = near.map_or_else(|| "`apimctl explain` lists all of them".to_owned(), |near| format!("did you mean `{near}`?"));
        bail!("there is no finding `{code}`; {hint}");
    };
    if printer.is_json() {
        printer.json(&to_json(&page));
        return Ok(Outcome::Done);
    }
    let bold = |text: &str| if printer.terminal().colour_stdout { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() };
    let head = bold(&format!("{}: {}", page.code, page.title));
    let width = printer.terminal().width;
    let parts = [("Cause", page.cause), ("Example", page.example), ("Cure", page.cure)];
    let parts: Vec<String> = parts
        .iter()
        .map(|(label, text)| {
            let lines = wrap::lines(text, width.saturating_sub(INDENT));
            let body = lines.join(&format!("\n{:INDENT$}", ""));
            format!("\n{}{:pad$}{body}", bold(label), "", pad = INDENT - label.len())
        })
        .collect();
    printer.data(head);
    for part in parts {
        printer.data(part);
    }
    Ok(Outcome::Done)
}

fn to_json(page: &Page) -> Value {
    json!({ "code": page.code, "title": page.title, "cause": page.cause, "example": page.example, "cure": page.cure })
}
