//! `apimctl init`: a specification to begin with, its policies, its tests, and the workflow that carries it to Azure.

mod answers;
mod discover;
mod render;
mod templates;

use anyhow::Result;
use serde_json::json;

use super::{Session, written};
use crate::cli::arguments::InitArguments;
use crate::cli::output::Outcome;
use answers::Answers;

/// Runs it.
pub(super) async fn run(arguments: &InitArguments, session: &mut Session<'_>) -> Result<Outcome> {
    let found = if arguments.discover { Some(discover::discover(arguments, session).await?) } else { None };
    let ask = session.printer.terminal().interactive && !arguments.yes && !session.printer.is_json();
    let answers = if ask {
        let mut stdin = std::io::stdin().lock();
        Answers::asked(arguments, found, &mut stdin, &mut |text| session.printer.prompt(text))?
    } else {
        Answers::of_flags(arguments, found)?
    };

    let files = answers.files();
    let written = written::write(&files, arguments.force)?;
    if session.printer.is_json() {
        session.printer.json(&json!({ "directory": arguments.directory, "template": answers.template_name(), "files": written }));
        return Ok(Outcome::Done);
    }
    for path in &written {
        session.printer.data(path);
    }
    let spec = answers.spec_path();
    let spec = spec.display();
    let environment = answers.environment().map(|name| format!(" --env {name}")).unwrap_or_default();
    session.printer.note(format!(
        "\nNext, all on this machine:\n  apimctl validate {spec} --local{environment}\n  apimctl apply {spec} --local{environment} --yes\n  apimctl serve {spec}{environment} --simulate"
    ));
    if answers.invented_accounts {
        session.printer.note(format!(
            "\nThe accounts under `openAI:` are made up: name yours in `{spec}` before `apimctl plan {spec}{environment}` asks Azure"
        ));
    }
    Ok(Outcome::Done)
}
