//! `apimctl doctor`: what is missing, and how to mend it.

mod reach;

use std::path::Path;

use anyhow::Result;
use serde_json::json;

use super::Session;
use super::open::{self, Extra, Opened, Request};
use crate::cli::arguments::{ConsentArguments, DoctorArguments, VariableArguments};
use crate::cli::output::{Outcome, wrap};
use crate::cli::settings::{self, TargetSettings};
use crate::deploy::desired;
use crate::deploy::doctor::{self, Asker, Check, Health};
use crate::spec::load;

/// Columns in front of what belongs to a check.
const INDENT: usize = 8;

/// Runs it.
pub(super) async fn run(arguments: &DoctorArguments, session: &mut Session<'_>) -> Result<Outcome> {
    let checks = match &arguments.spec {
        Some(spec) => of_spec(spec, arguments, session).await?,
        None => of_login(arguments, session).await?,
    };
    let count = |health: Health| checks.iter().filter(|check| check.health == health).count();
    let bad = count(Health::Bad);
    if session.printer.is_json() {
        let list: Vec<_> = checks
            .iter()
            .map(|check| {
                json!({
                    "area": check.area, "name": check.name, "status": word(check.health), "detail": check.detail,
                    "cure": check.cure, "code": check.code,
                })
            })
            .collect();
        session.printer.json(&json!({ "ok": bad == 0, "checks": list }));
    } else {
        show(&checks, session);
        let parts = [(Health::Good, "good"), (Health::Doubtful, "to look at"), (Health::Bad, "failed"), (Health::Skipped, "not looked at")];
        let parts: Vec<String> = parts
            .iter()
            .map(|(health, words)| (count(*health), words))
            .filter(|(n, _)| *n > 0)
            .map(|(n, words)| format!("{n} {words}"))
            .collect();
        session.printer.data(format!("\n{}", parts.join(", ")));
    }
    Ok(if bad == 0 { Outcome::Done } else { Outcome::Failed })
}

/// Everything that a specification needs.
async fn of_spec(spec: &Path, arguments: &DoctorArguments, session: &mut Session<'_>) -> Result<Vec<Check>> {
    let target = TargetSettings::resolve(&arguments.target, &session.environment)?;
    let mut checks = vec![check_spec(spec, &arguments.variables, target.is_local(), session)?];
    if checks.iter().any(|check| check.health == Health::Bad) {
        return Ok(checks);
    }
    let mut asker = Asker::default();
    if target.is_local() {
        checks.push(Check::new("Login", "none", Health::Skipped, "the embedded ARM needs no login"));
    } else {
        match open::login(&arguments.target, None, session).await {
            Ok(login) => {
                asker = Asker { object_id: login.principal.object_id.clone(), is_user: login.principal.user.is_some() };
                checks.push(Check::new("Login", login.principal.source, Health::Good, login.principal.describe()));
            }
            Err(error) => {
                checks.push(refused(&error));
                return Ok(checks);
            }
        }
    }
    let consent = ConsentArguments { adopt: true, ..ConsentArguments::default() };
    let request = Request { spec, variables: &arguments.variables, target: &arguments.target, consent: &consent };
    let opened = match open::open(&request, Extra::default(), session).await {
        Ok(Some(opened)) => opened,
        Ok(None) => return Ok(checks),
        Err(error) => {
            checks.push(Check::new("Azure", "settings", Health::Bad, format!("{error:#}")));
            return Ok(checks);
        }
    };
    let Opened { deployment, loaded, local, .. } = opened;
    checks.extend(deployment.diagnose(&asker).await);
    if arguments.no_reach {
        return Ok(checks);
    }
    if local.is_some() {
        checks.push(Check::new(
            "Network",
            "backends",
            Health::Skipped,
            "with `--local`, accounts are not on the network; `serve --simulate` answers for them",
        ));
    } else if let Some(spec) = &loaded.spec {
        checks.extend(reach::backends(spec).await);
        if let Ok(outputs) = deployment.outputs().await {
            checks.push(reach::gateway(&outputs.gateway_url).await);
        }
    }
    Ok(checks)
}

/// Login, Azure subscriptions and providers.
async fn of_login(arguments: &DoctorArguments, session: &mut Session<'_>) -> Result<Vec<Check>> {
    if TargetSettings::resolve(&arguments.target, &session.environment)?.is_local() {
        return Ok(vec![Check::new("Login", "none", Health::Skipped, "the embedded ARM needs no login; name a specification to look at")]);
    }
    let login = match open::login(&arguments.target, None, session).await {
        Ok(login) => login,
        Err(error) => return Ok(vec![refused(&error)]),
    };
    let mut checks = vec![Check::new("Login", login.principal.source, Health::Good, login.principal.describe())];
    let subscription = match open::subscription(None, &login.client, &session.environment).await {
        Ok(subscription) => subscription,
        Err(error) => {
            checks.push(Check::new("Azure", "subscription", Health::Bad, format!("{error:#}")).cure("set `AZURE_SUBSCRIPTION_ID`"));
            return Ok(checks);
        }
    };
    let check = doctor::check_subscription(&login.client, &subscription).await;
    let reachable = check.health != Health::Bad;
    checks.push(check);
    if reachable {
        for namespace in doctor::USUAL_PROVIDERS {
            checks.push(doctor::check_provider(&login.client, &subscription, namespace).await);
        }
    }
    Ok(checks)
}

fn check_spec(spec: &Path, variables: &VariableArguments, local: bool, session: &mut Session<'_>) -> Result<Check> {
    let options = settings::load_options(variables, &session.environment, local)?;
    let mut loaded = load::load(spec, &options)?;
    let (_, findings) = desired::compile(&loaded, &settings::offline_context());
    loaded.findings.extend(findings);
    let errors = loaded.findings.iter().filter(|finding| finding.is_error()).count();
    let warnings = loaded.findings.len() - errors;
    let name = format!("`{}`", spec.display());
    let see = format!("see `apimctl validate {}`", spec.display());
    Ok(match (errors, warnings) {
        (0, 0) => Check::new("Specification", name, Health::Good, "is valid"),
        (0, _) => Check::new("Specification", name, Health::Doubtful, format!("is valid, with {warnings} warnings")).cure(see),
        _ => Check::new("Specification", name, Health::Bad, format!("has {errors} errors")).cure(see),
    })
}

/// No login answered: what each of them said.
fn refused(error: &anyhow::Error) -> Check {
    let text = format!("{error:#}");
    let cure =
        text.split('`').find(|part| part.starts_with("az login") || part.starts_with("azd auth login")).unwrap_or("az login").to_owned();
    Check::new("Login", "none", Health::Bad, text.split_whitespace().collect::<Vec<_>>().join(" ")).cure(cure)
}

fn show(checks: &[Check], session: &mut Session<'_>) {
    let colour = session.printer.terminal().colour_stdout;
    let width = session.printer.terminal().width.saturating_sub(INDENT);
    let mut area = None;
    for check in checks {
        if area != Some(check.area) {
            session.printer.data(format!("{}{}", if area.is_some() { "\n" } else { "" }, check.area));
            area = Some(check.area);
        }
        let (mark, code) = match check.health {
            Health::Good => ("ok", "32"),
            Health::Skipped => ("-", "2"),
            Health::Doubtful => ("look", "33"),
            Health::Bad => ("FAIL", "1;31"),
        };
        let padding = " ".repeat(INDENT - 2 - mark.len());
        let mark = if colour { format!("\u{1b}[{code}m{mark}\u{1b}[0m") } else { mark.to_owned() };
        let code = check.code.map(|code| format!(" [{code}]")).unwrap_or_default();
        let text = wrap::lines(&format!("{}: {}{code}", check.name, check.detail), width);
        for (index, line) in text.iter().enumerate() {
            let front = if index == 0 { format!("  {mark}{padding}") } else { " ".repeat(INDENT) };
            session.printer.data(format!("{front}{line}"));
        }
        if let Some(cure) = &check.cure {
            // Commands are pasted: they stay on their line.
            session.printer.data(format!("{:INDENT$}→ {cure}", ""));
        }
    }
}

const fn word(health: Health) -> &'static str {
    match health {
        Health::Good => "pass",
        Health::Skipped => "skip",
        Health::Doubtful => "warn",
        Health::Bad => "fail",
    }
}
