//! `apimctl policy`: policy documents and fragments on their own.

mod check;
mod eval;
mod files;
mod fmt;

use anyhow::Result;

use super::Session;
use crate::cli::arguments::{PolicyCommand, PolicyScope};
use crate::cli::output::Outcome;
use crate::policy::{CheckContext, Document, DocumentKind, Scope};

/// Runs it.
pub(super) fn run(command: &PolicyCommand, session: &mut Session<'_>) -> Result<Outcome> {
    match command {
        PolicyCommand::Check(arguments) => check::run(arguments, session),
        PolicyCommand::Fmt(arguments) => fmt::run(arguments, session),
        PolicyCommand::Eval(_) => eval::run(session),
    }
}

/// What is known about where `document` goes. A fragment has no scope of its own; and a document on its own may be a template.
fn context(scope: Option<PolicyScope>, document: &Document) -> CheckContext<'static> {
    let scope = scope.filter(|_| document.kind() == DocumentKind::Policies).map(|scope| match scope {
        PolicyScope::Global => Scope::Global,
        PolicyScope::Workspace => Scope::Workspace,
        PolicyScope::Product => Scope::Product,
        PolicyScope::Api => Scope::Api,
        PolicyScope::Operation => Scope::Operation,
    });
    CheckContext { scope, template: true, ..CheckContext::default() }
}

/// `1 error`, `2 errors`.
fn count(number: usize, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}
