//! From a specification on the command line to a deployment that can be planned.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail};

use super::Session;
use crate::azure::ArmClient;
use crate::azure::client::ClientOptions;
use crate::azure::cloud::Cloud;
use crate::azure::credential::{self, AuthKind};
use crate::cli::arguments::{Auth, CloudName, ConsentArguments, TargetArguments, VariableArguments};
use crate::cli::output::Outcome;
use crate::cli::settings::{self, CloudSetting, Place, TargetSettings};
use crate::deploy::desired::{self, Context};
use crate::deploy::resource::Desired;
use crate::deploy::{DeployError, Deployment, Settings, SoftDeleted};
use crate::spec::load::{self, Loaded};
use crate::support::clock::SystemClock;
use crate::support::random::SystemRandom;
use crate::world::LocalArm;

/// What stands on the command line.
pub(super) struct Request<'a> {
    pub spec: &'a Path,
    pub variables: &'a VariableArguments,
    pub target: &'a TargetArguments,
    pub consent: &'a ConsentArguments,
}

/// What only `apply` asks for.
#[derive(Default)]
pub(super) struct Extra {
    pub no_wait: bool,
    pub soft_deleted: SoftDeleted,
}

/// Everything that a command works on.
pub(super) struct Opened {
    pub deployment: Deployment,
    pub loaded: Loaded,
    /// Keeps the embedded ARM alive.
    #[expect(dead_code, reason = "held, not read")]
    pub local: Option<LocalArm>,
}

/// Reads and checks the specification, finds Azure or opens the embedded ARM, and compiles the desired state.
///
/// `None`: there were errors in the user's files, and they have been shown.
///
/// # Errors
/// Anything else that keeps it from being planned.
pub(super) async fn open(request: &Request<'_>, extra: Extra, session: &mut Session<'_>) -> Result<Option<Opened>> {
    let target = TargetSettings::resolve(request.target, &session.environment)?;
    let options = settings::load_options(request.variables, &session.environment, target.is_local())?;
    let mut loaded = load::load(request.spec, &options)?;
    if loaded.has_errors() {
        show(&loaded, session);
        return Ok(None);
    }
    let Some(spec) = &loaded.spec else { bail!("`{}` could not be read", request.spec.display()) };
    let role_assignments = spec.role_assignments;

    let (client, context, local) = match &target.place {
        Place::Local { fixture } => {
            let context = settings::offline_context();
            let (desired, _) = desired::compile(&loaded, &context);
            let local = open_local(&target, fixture.as_deref(), &desired)?;
            (local.client(), context, Some(local))
        }
        Place::Azure { cloud, auth } => {
            let (client, context) = open_azure(cloud, *auth, spec, session).await?;
            (client, context, None)
        }
    };
    let (desired, findings) = desired::compile(&loaded, &context);
    loaded.findings.extend(findings);
    if loaded.has_errors() {
        show(&loaded, session);
        return Ok(None);
    }
    warn(&loaded, session);

    let settings = Settings {
        adopt: request.consent.adopt,
        allow_replace: request.consent.allow_replace.clone(),
        no_wait: extra.no_wait,
        soft_deleted: extra.soft_deleted,
        state_dir: Some(target.state_dir.clone()),
        holder: holder(session),
        role_assignments,
        ..Settings::new(Arc::new(SystemClock), Arc::new(SystemRandom))
    };
    let deployment = Deployment::new(client, desired, loaded.policies.clone(), settings);
    Ok(Some(Opened { deployment, loaded, local }))
}

/// Shows why a deployment did not succeed, with the places in the user's files where they are known.
///
/// # Errors
/// The failure itself, where it is not about the user's files.
pub(super) fn say(error: DeployError, loaded: &Loaded, session: &mut Session<'_>) -> Result<Outcome> {
    let findings = error.findings();
    if findings.is_empty() {
        return Err(error.into_error());
    }
    session.show_findings(&findings, &loaded.sources);
    if let DeployError::Findings(_) = error {
        session.printer.note("Nothing was changed");
        return Ok(Outcome::Failed);
    }
    Err(error.into_error())
}

impl DeployError {
    /// As the printer takes it.
    pub(in crate::cli) fn into_error(self) -> anyhow::Error {
        anyhow!(self)
    }
}

fn show(loaded: &Loaded, session: &mut Session<'_>) {
    session.show_findings(&loaded.findings, &loaded.sources);
    let errors = loaded.findings.iter().filter(|finding| finding.is_error()).count();
    session.printer.note(format!("Nothing was changed: {errors} error{} in the specification", if errors == 1 { "" } else { "s" }));
}

/// Warnings are told once by `validate`; here only how many there are.
fn warn(loaded: &Loaded, session: &mut Session<'_>) {
    let warnings = loaded.findings.len();
    if warnings > 0 && !session.printer.is_json() {
        let many = if warnings == 1 { "warning" } else { "warnings" };
        session.printer.note(format!("{warnings} {many}; see `apimctl validate`\n"));
    }
}

fn open_local(target: &TargetSettings, fixture: Option<&Path>, desired: &Desired) -> Result<LocalArm> {
    let fixture = match fixture {
        Some(path) => settings::read_fixture(path)?,
        None => LocalArm::fixture_for(desired),
    };
    LocalArm::open(&target.state_dir, &fixture).with_context(|| format!("cannot open the embedded ARM in `{}`", target.state_dir.display()))
}

async fn open_azure(cloud: &CloudSetting, auth: Option<Auth>, spec: &crate::spec::Spec, session: &Session<'_>) -> Result<(ArmClient, Context)> {
    let _ = (cloud, auth, spec, session);
    bail!("not yet")
}

fn holder(session: &Session<'_>) -> String {
    let pick = |names: &[&str]| names.iter().find_map(|name| session.environment.get(name)).map(str::to_owned);
    let user = pick(&["GITHUB_ACTOR", "BUILD_REQUESTEDFOR", "USER", "USERNAME"]).unwrap_or_else(|| "someone".to_owned());
    let host = pick(&["GITHUB_RUN_ID", "BUILD_BUILDID", "HOSTNAME", "COMPUTERNAME"]).unwrap_or_else(|| "this machine".to_owned());
    format!("{user}@{host}")
}
