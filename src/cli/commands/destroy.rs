//! `apimctl destroy`: delete what the specification made.

use std::sync::Arc;

use anyhow::Result;

use super::Session;
use super::open::{self, Extra, Opened, Request};
use crate::cli::arguments::DestroyArguments;
use crate::cli::output::progress::Progress;
use crate::cli::output::{Outcome, plan_text};

/// Runs it.
pub(super) async fn run(arguments: &DestroyArguments, session: &mut Session<'_>) -> Result<Outcome> {
    let request = Request {
        spec: &arguments.spec.spec,
        variables: &arguments.spec.variables,
        target: &arguments.target,
        consent: &arguments.consent,
    };
    let Some(Opened { deployment, loaded, relay, .. }) = open::open(&request, Extra::default(), session).await? else {
        return Ok(Outcome::Failed);
    };
    let plan = match deployment.destroy_plan().await {
        Ok(plan) => plan,
        Err(error) => return open::say(error, &loaded, session),
    };
    if plan.is_empty() && !arguments.purge {
        session.printer.note(format!("Nothing to do: nothing of `{}` is there", plan.owner));
        return Ok(Outcome::Done);
    }
    if plan.is_empty() {
        session.printer.note(format!("Nothing of `{}` is there; a soft-deleted service of its name is purged", plan.owner));
    } else if !session.printer.is_json() {
        for line in plan_text::lines(&plan, session.printer.terminal().colour) {
            session.printer.note(line);
        }
    }
    if !arguments.yes && !session.ask("Delete all of this?", "destroy")? {
        return Ok(Outcome::Failed);
    }
    session.printer.note("");
    let progress = Arc::new(Progress::new(session.printer));
    relay.to(&progress);
    let applied = deployment.destroy(&plan, arguments.purge, &*progress, session.cancellation()).await;
    drop(progress);
    match applied {
        Ok(applied) => {
            for note in &applied.notes {
                session.printer.note(note);
            }
            Ok(Outcome::Done)
        }
        Err(error) => open::say(error, &loaded, session),
    }
}
