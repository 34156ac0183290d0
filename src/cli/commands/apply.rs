//! `apimctl apply`: make it so.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::Session;
use super::open::{self, Extra, Opened, Request};
use crate::cli::arguments::{ApplyArguments, SoftDeleted, VariableArguments};
use crate::cli::output::progress::Progress;
use crate::cli::output::timings::{self, Timings};
use crate::cli::output::{Outcome, plan_text};
use crate::deploy::events::{Event, EventSink, Summary};
use crate::deploy::plan::SavedPlan;
use crate::deploy::{self, DeployError};
use crate::verify::drill;

/// What `plan --out` noted of the command line, so that `apply --plan` needs no other argument.
#[derive(Debug, Deserialize)]
struct SavedCommand {
    spec: SavedSpec,
}

#[derive(Debug, Deserialize)]
struct SavedSpec {
    path: PathBuf,
    environment: Option<String>,
}

/// Runs it.
pub(super) async fn run(arguments: &ApplyArguments, session: &mut Session<'_>) -> Result<Outcome> {
    let (spec, variables, saved) = what(arguments)?;
    let request = Request { spec: &spec, variables: &variables, target: &arguments.target, consent: &arguments.consent };
    let soft_deleted = match arguments.soft_deleted {
        None => deploy::SoftDeleted::Fail,
        Some(SoftDeleted::Recover) => deploy::SoftDeleted::Recover,
        Some(SoftDeleted::Purge) => deploy::SoftDeleted::Purge,
    };
    let extra = Extra { no_wait: arguments.no_wait, soft_deleted };
    let Some(Opened { deployment, loaded, relay, local, client, .. }) = open::open(&request, extra, session).await? else {
        return Ok(Outcome::Failed);
    };
    let state = crate::cli::settings::state_dir(arguments.target.state_dir.as_deref());
    if let Some(left) = drill::unfinished(&client, deployment.desired(), Some(&state)).await {
        session.printer.warn(format!("A failover drill of this specification, {}", left.words()));
        session.printer.warn(format!("Put it back first: apimctl verify {} --restore\n", spec.display()));
    }
    let plan = match deployment.plan().await {
        Ok(plan) => plan,
        Err(error) => return open::say(error, &loaded, session),
    };
    if let Some(saved) = saved {
        saved.check(&plan)?;
    }
    if plan.is_empty() {
        if session.printer.is_json() {
            Progress::new(session.printer).event(Event::Summary(Summary::default()));
        } else {
            session.printer.note(format!("Nothing to do: `{}` is as `{}` says", plan.owner, spec.display()));
        }
    } else {
        if !session.printer.is_json() {
            for line in plan_text::lines(&plan, session.printer.terminal().colour) {
                session.printer.note(line);
            }
        }
        if !arguments.yes && !session.ask("Apply this?", "apply")? {
            return Ok(Outcome::Failed);
        }
        session.printer.note("");
        let timings = arguments.timings.as_ref().map(|_| Arc::new(Timings::new()));
        let progress = Arc::new(Progress::new(session.printer).with_timings(timings.clone()));
        relay.to(&progress);
        let applied = deployment.apply(&plan, &*progress, session.cancellation()).await;
        drop(progress);
        if let (Some(timings), Some(path)) = (timings, &arguments.timings) {
            show_timings(&timings.report(|id| deployment.waits_for(id)), path, session)?;
        }
        let applied = match applied {
            Ok(applied) => applied,
            Err(error) => return open::say(error, &loaded, session),
        };
        for note in &applied.notes {
            session.printer.note(note);
        }
        if !applied.running.is_empty() {
            session.printer.note(format!(
                "Azure goes on working at {}; run the same command again to go on when it is done",
                applied.running.join(", ")
            ));
            return Ok(Outcome::Done);
        }
    }
    let state_dir =
        arguments.target.state_dir.as_ref().map(|directory| format!(" --state-dir {}", directory.display())).unwrap_or_default();
    let place = if local.is_some() { format!(" --local{state_dir}") } else { String::new() };
    show_outputs(&deployment, &spec, &place, session).await
}

/// Where the time went; also of an apply that failed.
fn show_timings(report: &timings::Report, path: &Path, session: &mut Session<'_>) -> Result<()> {
    if session.printer.is_json() {
        session.printer.json_line(&report.json());
    } else {
        session.printer.note("");
        for line in report.lines() {
            session.printer.note(line);
        }
    }
    // `--timings` alone says `-`: only the text.
    if path != Path::new("-") {
        std::fs::write(path, report.svg()).with_context(|| format!("cannot write `{}`", path.display()))?;
        session.printer.note(format!("\nDrawn in `{}`", path.display()));
    }
    Ok(())
}

/// Gateway URL, key names and snippets. `place` are the flags that lead to the embedded ARM, if it is there.
async fn show_outputs(deployment: &deploy::Deployment, spec: &Path, place: &str, session: &mut Session<'_>) -> Result<Outcome> {
    let outputs = deployment.outputs().await.map_err(DeployError::into_error)?;
    if session.printer.is_json() {
        session.printer.json_line(&serde_json::json!({ "event": "outputs", "outputs": outputs }));
        return Ok(Outcome::Done);
    }
    session.printer.data("");
    session.printer.data(format!("Gateway  {}", outputs.gateway_url));
    for key in &outputs.keys {
        session.printer.data(format!("Key      {}  ({})", key.subscription, key.scope));
    }
    if !outputs.keys.is_empty() {
        session.printer.note(format!("\nSee the keys with `apimctl keys {}{place} --show`", spec.display()));
    }
    if !place.is_empty() {
        session
            .printer
            .note("\nThe embedded ARM keeps resources; the gateway itself answers at this address once they are applied to Azure");
    }
    for snippet in &outputs.snippets {
        session.printer.note(format!("\n# {}\n{}", snippet.title, snippet.text.trim_end()));
    }
    Ok(Outcome::Done)
}

/// The specification, its variables, and the saved plan.
fn what(arguments: &ApplyArguments) -> Result<(PathBuf, VariableArguments, Option<SavedPlan>)> {
    let variables =
        VariableArguments { variables: arguments.variables.variables.clone(), environment: arguments.variables.environment.clone() };
    match (&arguments.spec, &arguments.plan) {
        (Some(spec), _) => Ok((spec.clone(), variables, None)),
        (None, Some(path)) => {
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the plan `{}`", path.display()))?;
            let saved = SavedPlan::parse(&text)?;
            let command: SavedCommand =
                serde_json::from_str(&text).with_context(|| format!("`{}` does not name its specification", path.display()))?;
            let environment = variables.environment.or(command.spec.environment);
            Ok((command.spec.path, VariableArguments { environment, ..variables }, Some(saved)))
        }
        (None, None) => bail!("name a specification, or a plan with `--plan`"),
    }
}
