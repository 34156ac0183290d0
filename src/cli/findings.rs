//! What each finding's code means, for `explain` and for what other tools show beside a finding. The text is `docs/findings.md`,
//! where it is written once.

use crate::support::finding::Code;
use crate::{analysis, deploy, expression, gateway, policy, scenario, simulator, spec};

const TEXT: &str = include_str!("../../docs/findings.md");

/// What one code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// For instance `POL101`.
    pub code: &'static str,
    /// In one line.
    pub title: &'static str,
    /// Why it is reported.
    pub cause: &'static str,
    /// What is reported so.
    pub example: &'static str,
    /// How to mend it.
    pub cure: &'static str,
}

/// Every code of this program, by module.
#[must_use]
pub fn codes() -> Vec<Code> {
    [
        spec::codes::ALL,
        policy::codes::ALL,
        analysis::codes::ALL,
        expression::codes::ALL,
        deploy::codes::ALL,
        deploy::desired::codes::ALL,
        gateway::codes::ALL,
        simulator::behavior::codes::ALL,
        scenario::codes::ALL,
        scenario::import::codes::ALL,
        scenario::chaos::codes::ALL,
    ]
    .concat()
}

/// Every page, in the order of the document. A section that lacks a part is left out (a test holds that there is none).
pub fn pages() -> impl Iterator<Item = Page> {
    TEXT.split("\n## ").skip(1).filter_map(page_of)
}

/// The page of a code, whatever its case.
#[must_use]
pub fn page(code: &str) -> Option<Page> {
    pages().find(|page| page.code.eq_ignore_ascii_case(code))
}

fn page_of(section: &'static str) -> Option<Page> {
    let (head, body) = section.split_once('\n')?;
    let (code, title) = head.split_once(' ')?;
    let part = |name: &str| body.lines().find_map(|line| line.strip_prefix("- ")?.strip_prefix(name)?.strip_prefix(": ")).map(str::trim);
    Some(Page { code, title, cause: part("Cause")?, example: part("Example")?, cure: part("Cure")? })
}
