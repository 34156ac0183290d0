//! `apimctl plan`: what `apply` would change.

use anyhow::{Context, Result};
use serde_json::json;

use super::Session;
use super::open::{self, Opened, Request};
use crate::cli::arguments::PlanArguments;
use crate::cli::output::{Outcome, plan_text};

/// Runs it.
pub(super) async fn run(arguments: &PlanArguments, session: &mut Session<'_>) -> Result<Outcome> {
    let request = Request {
        spec: &arguments.spec.spec,
        variables: &arguments.spec.variables,
        target: &arguments.target,
        consent: &arguments.consent,
    };
    let Some(Opened { deployment, loaded, .. }) = open::open(&request, open::Extra::default(), session).await? else {
        return Ok(Outcome::Failed);
    };
    let plan = match deployment.plan().await {
        Ok(plan) => plan,
        Err(error) => return open::say(error, &loaded, session),
    };
    if let Some(path) = &arguments.out {
        let mut saved = plan.to_saved();
        saved["spec"] = json!({ "path": arguments.spec.spec, "environment": arguments.spec.variables.environment });
        std::fs::write(path, format!("{saved:#}\n")).with_context(|| format!("cannot write the plan to `{}`", path.display()))?;
    }
    if session.printer.is_json() {
        session.printer.json(&plan.to_json());
    } else {
        for line in plan_text::lines(&plan, session.printer.terminal().colour_stdout) {
            session.printer.data(line);
        }
        if let Some(path) = &arguments.out {
            session.printer.note(format!("\nSaved. Carry it out with `apimctl apply --plan {}`", path.display()));
        }
    }
    Ok(if arguments.detailed_exitcode && !plan.is_empty() { Outcome::Changes } else { Outcome::Done })
}
