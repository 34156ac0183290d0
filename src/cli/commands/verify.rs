//! `apimctl verify`: does it work, and would it go on working.

mod local;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use azure_core::credentials::TokenCredential;

use self::local::LocalGateway;
use super::Session;
use super::open::{self, Extra, Opened, Request};
use crate::azure::logs::LogsClient;
use crate::azure::{ArmClient, ClientOptions};
use crate::cli::arguments::{ConsentArguments, DrillKind, Target, VerifyArguments};
use crate::cli::output::Outcome;
use crate::cli::output::progress;
use crate::cli::settings;
use crate::deploy::{Deployment, Desired};
use crate::report::{self, TextOptions};
use crate::scenario::{self, read::ReadOptions};
use crate::spec::Loaded;
use crate::support::clock::{Clock as _, SystemClock};
use crate::support::random::SystemRandom;
use crate::verify::drill::{self, restore::Restored};
use crate::verify::gateway::Gateway;
use crate::verify::journal::Contents;
use crate::verify::telemetry::{AdminAt, NoTelemetry, Telemetry, Workspace};
use crate::verify::{self, Check, Commands, Listener, Place, Settings, Status, Subject, Verification};

/// How long Azure may take until a role is in force (documented: up to ten minutes), or telemetry is there.
const PATIENCE: Duration = Duration::from_secs(600);
/// Nothing takes long in this process.
const LOCAL_PATIENCE: Duration = Duration::from_secs(5);
/// Each costs some tokens: enough to tell taking turns from one member alone (three standard errors are 19 of 60).
const SAMPLES: u32 = 60;
/// They cost nothing.
const LOCAL_SAMPLES: u32 = 200;

/// Runs it.
pub(super) async fn run(arguments: &VerifyArguments, session: &mut Session<'_>) -> Result<Outcome> {
    let local = arguments.target.local || arguments.target.target == Some(Target::Local);
    let started = SystemClock.utc();
    if arguments.restore && !local {
        return restored(arguments, session).await;
    }
    let verification = if local { here(arguments, session).await? } else { there(arguments, session).await? };
    let Some(verification) = verification else { return Ok(Outcome::Failed) };
    let report = verify::report::report(&verification, Some(started));
    for (path, text) in [(&arguments.junit, report::junit(&report)), (&arguments.html, report::html(&report, None))] {
        if let Some(path) = path {
            write(path, &text)?;
        }
    }
    if session.printer.is_json() {
        session.printer.json(&verification.to_json());
    } else {
        let terminal = *session.printer.terminal();
        let options = TextOptions { colour: terminal.colour_stdout, width: terminal.width, ..TextOptions::default() };
        session.printer.data(report::text(&report, options).trim_end());
    }
    Ok(if verification.is_ok() { Outcome::Done } else { Outcome::Failed })
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("`{}` cannot be written", path.display()))
}

/// Everything in this process, the specification applied first.
async fn here(arguments: &VerifyArguments, session: &mut Session<'_>) -> Result<Option<Verification>> {
    if arguments.gateway.is_some() || arguments.admin.is_some() {
        bail!("`--gateway` and `--admin` are for a gateway that runs elsewhere; leave them out with `--local`");
    }
    if arguments.restore {
        bail!("with `--local` everything ends with the process: there is nothing to restore");
    }
    settings::TargetSettings::resolve(&arguments.target, &session.environment)?;
    let Some(world) = LocalGateway::start(arguments, session).await? else { return Ok(None) };
    let scenarios = scenarios(arguments, session)?;
    let subject = Subject {
        client: world.client(),
        deployment: world.deployment(),
        desired: world.deployment().desired(),
        loaded: world.loaded(),
        scenarios: scenarios.as_ref(),
        telemetry: world.telemetry(),
        settings: Settings {
            place: Place::Local,
            // A journal in memory: what is made dies with the process.
            state_dir: None,
            ..settings_of(arguments, session, LOCAL_PATIENCE, LOCAL_SAMPLES)
        },
        commands: commands(arguments, " --local"),
        cancellation: session.cancellation(),
        gateway: world.gateway().cloned(),
    };
    let listener = Lines { progress: false, quiet: session.printer.is_json() };
    Ok(Some(Box::pin(verify::verify(&subject, drill(arguments), &listener)).await))
}

/// The scenarios beside the specification, if there is such a file.
fn scenarios(arguments: &VerifyArguments, session: &Session<'_>) -> Result<Option<scenario::read::Read>> {
    let path = commands(arguments, "").scenarios();
    if !path.is_file() {
        return Ok(None);
    }
    let load = settings::load_options(&arguments.spec.variables, &session.environment, true)?;
    Ok(Some(scenario::read::read(&path, &ReadOptions { load })))
}

fn drill(arguments: &VerifyArguments) -> Option<drill::Kind> {
    arguments.failover.then_some(match arguments.drill {
        Some(DrillKind::InPlace) => drill::Kind::InPlace,
        Some(DrillKind::Own) | None => drill::Kind::Own,
    })
}

/// In Azure, or in front of whatever speaks ARM.
async fn there(arguments: &VerifyArguments, session: &mut Session<'_>) -> Result<Option<Verification>> {
    let consent = ConsentArguments::default();
    let request =
        Request { spec: &arguments.spec.spec, variables: &arguments.spec.variables, target: &arguments.target, consent: &consent };
    let Some(Opened { deployment, loaded, client, credential, .. }) = open::open(&request, Extra::default(), session).await? else {
        return Ok(None);
    };
    let gateway = arguments.gateway.as_deref().map(|url| address("--gateway", url)).transpose()?;
    let telemetry = telemetry(arguments, &deployment, &client, credential).await?;
    let scenarios = scenarios(arguments, session)?;
    let subject = Subject {
        client: &client,
        deployment: &deployment,
        desired: deployment.desired(),
        loaded: &loaded,
        scenarios: scenarios.as_ref(),
        telemetry: &*telemetry,
        settings: settings_of(arguments, session, PATIENCE, SAMPLES),
        commands: commands(arguments, ""),
        cancellation: session.cancellation(),
        gateway: gateway.map(|url| Gateway::new(url, Arc::new(SystemClock))),
    };
    let kind = drill(arguments);
    if let Some(kind) = kind {
        session.printer.warn("The failover drill");
        for line in drill::announce(&subject, kind) {
            session.printer.warn(format!("  - {line}"));
        }
        if !arguments.yes && !session.ask("Go on with the drill?", "verify --failover")? {
            return Ok(None);
        }
    }
    let listener = Lines { progress: true, quiet: session.printer.is_json() };
    Ok(Some(Box::pin(verify::verify(&subject, kind, &listener)).await))
}

/// `--restore`: puts back what drills have left, and says what became of it.
async fn restored(arguments: &VerifyArguments, session: &mut Session<'_>) -> Result<Outcome> {
    let consent = ConsentArguments::default();
    let request =
        Request { spec: &arguments.spec.spec, variables: &arguments.spec.variables, target: &arguments.target, consent: &consent };
    let Some(Opened { deployment, client, .. }) = open::open(&request, Extra::default(), session).await? else {
        return Ok(Outcome::Failed);
    };
    let desired = deployment.desired();
    let Some(service) = &desired.service else { bail!("the specification names no service") };
    let fresh = Contents::new(&desired.owner, service, &open::holder(session), SystemClock.utc());
    let state_dir = settings::state_dir(arguments.target.state_dir.as_deref());
    let restored = drill::restore::restore(&client, fresh, Some(&state_dir)).await?;
    if session.printer.is_json() {
        let list: Vec<_> = restored.iter().map(|one| serde_json::json!({ "ok": one.is_good(), "detail": one.to_string() })).collect();
        session.printer.json(&serde_json::json!({ "ok": restored.iter().all(Restored::is_good), "restored": list }));
    } else if restored.is_empty() {
        session.printer.note("There is nothing to put back");
    } else {
        for one in &restored {
            session.printer.data(one.to_string());
        }
    }
    if !restored.iter().all(Restored::is_good) {
        session.printer.warn("Not everything could be put back; what could not stays in the journal, and the same command tries again");
        return Ok(Outcome::Failed);
    }
    Ok(Outcome::Done)
}

fn settings_of(arguments: &VerifyArguments, session: &Session<'_>, patience: Duration, samples: u32) -> Settings {
    let patience = arguments.wait.map_or(patience, Duration::from_secs);
    Settings {
        place: Place::Azure,
        patience,
        telemetry_patience: patience,
        samples: arguments.samples.unwrap_or(samples) as usize,
        concurrency: arguments.concurrency as usize,
        read_only: arguments.read_only,
        state_dir: Some(settings::state_dir(arguments.target.state_dir.as_deref())),
        holder: open::holder(session),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
    }
}

/// How the user calls this program: cures are for pasting.
fn commands(arguments: &VerifyArguments, place: &str) -> Commands {
    let mut flags = place.to_owned();
    if let Some(environment) = &arguments.spec.variables.environment {
        flags.push_str(&format!(" --env {environment}"));
    }
    if let Some(directory) = &arguments.target.state_dir {
        flags.push_str(&format!(" --state-dir {}", directory.display()));
    }
    Commands { spec: arguments.spec.spec.display().to_string(), flags }
}

fn address(argument: &str, text: &str) -> Result<url::Url> {
    let url = url::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.with_context(|| format!("`{argument}` takes an http or https URL, not `{text}`"))
}

async fn telemetry(
    arguments: &VerifyArguments,
    deployment: &Deployment,
    client: &ArmClient,
    credential: Option<Arc<dyn TokenCredential>>,
) -> Result<Box<dyn Telemetry>> {
    if let Some(url) = &arguments.admin {
        return Ok(Box::new(AdminAt::new(address("--admin", url)?)));
    }
    let none = |why: &str| -> Result<Box<dyn Telemetry>> { Ok(Box::new(NoTelemetry(why.to_owned()))) };
    let Some(credential) = credential else { return none("there is no login to ask with") };
    let Some(logs) = LogsClient::new(ClientOptions::new(client.cloud().clone(), credential, Arc::new(SystemClock))) else {
        return none("the query service of this cloud's logs is not known; name the admin endpoint of `apimctl serve` with `--admin URL`");
    };
    let desired: &Desired = deployment.desired();
    let workspace =
        desired.resources.iter().filter_map(|resource| Some((resource.id.known()?, resource))).find(|(id, _)| id.is_type(WORKSPACE));
    let (Some((id, resource)), Some(service)) = (workspace, &desired.service) else {
        return none("the specification names no Log Analytics workspace (`monitoring.logAnalytics`)");
    };
    let customer = match client.get(id.as_str(), &resource.api_version, &[]).await {
        Ok(found) => found.and_then(|found| found.body.pointer("/properties/customerId")?.as_str().map(str::to_owned)),
        Err(error) => return none(&format!("the workspace `{}` cannot be read: {error}", id.name())),
    };
    match customer {
        Some(customer) => Ok(Box::new(Workspace::new(logs, id.name(), customer, service.name()))),
        None => none(&format!("the workspace `{}` is not there", id.name())),
    }
}

const WORKSPACE: &str = "Microsoft.OperationalInsights/workspaces";

/// Says on stderr what goes on while it goes on.
struct Lines {
    /// Whether each check is told when it is over: where a run takes minutes.
    progress: bool,
    quiet: bool,
}

impl Listener for Lines {
    fn checked(&self, check: &Check) {
        if self.progress && !self.quiet {
            let word = match check.status {
                Status::Pass => "ok",
                Status::Fail => "FAILED",
                Status::Skip => "skipped",
            };
            progress::say(&format!("  {word:<8} {}", check.name));
        }
    }

    fn note(&self, text: &str) {
        if !self.quiet {
            progress::say(text);
        }
    }
}

/// A specification that has been read.
type Read = (Loaded, Desired);
