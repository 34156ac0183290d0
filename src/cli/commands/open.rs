//! From a specification on the command line to a deployment that can be planned.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail};
use azure_core::credentials::TokenCredential;

use super::Session;
use crate::azure::cloud::Cloud;
use crate::azure::credential::{AuthKind, Login, LoginOptions, Principal};
use crate::azure::{ArmClient, ClientOptions, Observer};
use crate::cli::arguments::{Auth, CloudName, ConsentArguments, TargetArguments, VariableArguments};
use crate::cli::output::Outcome;
use crate::cli::output::progress::Relay;
use crate::cli::settings::{self, CloudSetting, Place, TargetSettings};
use crate::deploy::desired::{self, Context};
use crate::deploy::resource::Desired;
use crate::deploy::{DeployError, Deployment, Settings, SoftDeleted};
use crate::spec::Spec;
use crate::spec::load::{self, Loaded};
use crate::support::clock::{SharedClock, SystemClock};
use crate::support::environment::Environment;
use crate::support::random::SystemRandom;
use crate::world::LocalArm;

/// Of `Microsoft.Resources/subscriptions`.
const SUBSCRIPTIONS_API_VERSION: &str = "2022-12-01";

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
    /// Passes on what the client has to wait for.
    pub relay: Arc<Relay>,
    /// Keeps the embedded ARM alive.
    pub local: Option<LocalArm>,
    /// The deployment's client, for what is asked beside it.
    pub client: ArmClient,
    /// The login, for services beside ARM; none with the embedded ARM.
    pub credential: Option<Arc<dyn TokenCredential>>,
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
    loaded.sources.hide(&loaded.sensitive);
    if loaded.has_errors() {
        show(&loaded, session);
        return Ok(None);
    }
    let Some(spec) = &loaded.spec else { bail!("`{}` could not be read", request.spec.display()) };
    let role_assignments = spec.role_assignments;
    let relay = Arc::new(Relay::default());

    let (client, context, local, credential) = match &target.place {
        Place::Local { fixture } => {
            let context = settings::offline_context();
            let (desired, _) = desired::compile(&loaded, &context);
            let local = open_local(&target, fixture.as_deref(), &desired)?;
            (local.observed(relay.clone()), context, Some(local), None)
        }
        Place::Azure { .. } => {
            let (client, context, login) = open_azure(request.target, spec, session, relay.clone()).await?;
            (client, context, None, Some(login))
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
        estimates: local.is_none(),
        ..Settings::new(Arc::new(SystemClock), Arc::new(SystemRandom))
    };
    let deployment = Deployment::new(client.clone(), desired, loaded.policies.clone(), settings);
    Ok(Some(Opened { deployment, loaded, relay, local, client, credential }))
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
    // What the service says of a document has just been shown at the user's own lines.
    let DeployError::Steps(mut steps) = error else { return Err(error.into_error()) };
    steps.retain(|step| step.findings.is_empty());
    if steps.is_empty() {
        bail!("the service refused what is shown above; what is done stays done, and the same command goes on from there");
    }
    Err(DeployError::Steps(steps).into_error())
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

async fn open_azure(
    target: &TargetArguments,
    spec: &Spec,
    session: &mut Session<'_>,
    observer: Arc<dyn Observer>,
) -> Result<(ArmClient, Context, Arc<dyn TokenCredential>)> {
    let LoggedIn { client, cloud, principal, credential } = login_observed(target, spec.tenant_id.clone(), session, Some(observer)).await?;
    session.printer.note(format!("Logged in as {}", principal.describe()));
    if let (Some(wanted), Some(actual)) = (&spec.tenant_id, &principal.tenant_id)
        && !wanted.eq_ignore_ascii_case(actual)
    {
        bail!("the login is for tenant {actual}, the specification for {wanted}: run `az login --tenant {wanted}`");
    }
    let subscription_id = subscription(spec.subscription_id.as_deref(), &client, &session.environment).await?;
    let tenant_id = spec.tenant_id.clone().or(principal.tenant_id).unwrap_or_default();
    let context = Context {
        subscription_id,
        tenant_id,
        gateway_suffix: cloud.gateway_suffix,
        cognitive_services_audience: cloud.cognitive_services_audience,
    };
    Ok((client, context, credential))
}

/// A login that answered.
pub(super) struct LoggedIn {
    /// Asks ARM as that login.
    pub client: ArmClient,
    /// Where Azure is.
    pub cloud: Cloud,
    /// Who is logged in.
    pub principal: Principal,
    /// Gives tokens for other services than ARM.
    pub credential: Arc<dyn TokenCredential>,
}

/// Logs in; who that is, the caller says.
///
/// # Errors
/// No login answers; the error has a line for each that was asked.
pub(super) async fn login(target: &TargetArguments, tenant: Option<String>, session: &Session<'_>) -> Result<LoggedIn> {
    login_observed(target, tenant, session, None).await
}

async fn login_observed(
    target: &TargetArguments,
    tenant: Option<String>,
    session: &Session<'_>,
    observer: Option<Arc<dyn Observer>>,
) -> Result<LoggedIn> {
    let Place::Azure { cloud, auth } = TargetSettings::resolve(target, &session.environment)?.place else {
        bail!("the embedded ARM needs no login");
    };
    let cloud = match &cloud {
        CloudSetting::Named(CloudName::Public) => Cloud::public(),
        CloudSetting::Named(CloudName::Usgov) => Cloud::us_government(),
        CloudSetting::Named(CloudName::China) => Cloud::china(),
        CloudSetting::Custom { arm_endpoint, authority_host } => Cloud::custom(arm_endpoint, authority_host)?,
    };
    let clock: SharedClock = Arc::new(SystemClock);
    let login = Arc::new(Login::new(LoginOptions {
        kind: auth.map_or(AuthKind::Auto, auth_kind),
        environment: session.environment.clone(),
        cloud: cloud.clone(),
        tenant,
        clock: clock.clone(),
        random: Arc::new(SystemRandom),
        transport: None,
        executor: None,
    }));
    // One line for each login that was asked.
    let principal = login.describe().await.map_err(|error| anyhow!("{}", error.to_string().replace("; ", "\n  ")))?;
    let mut options = ClientOptions::new(cloud.clone(), login.clone(), clock);
    if let Some(observer) = observer {
        options.observer = observer;
    }
    Ok(LoggedIn { client: ArmClient::new(options), cloud, principal, credential: login })
}

/// The Azure subscription: the one that is written down, the environment's, or the only one that the login sees.
///
/// # Errors
/// The login sees none or several.
pub(super) async fn subscription(written: Option<&str>, client: &ArmClient, environment: &Environment) -> Result<String> {
    match written.or_else(|| environment.get("AZURE_SUBSCRIPTION_ID")) {
        Some(id) => Ok(id.to_owned()),
        None => only_subscription(client).await,
    }
}

/// The Azure subscription of a login that sees just one.
async fn only_subscription(client: &ArmClient) -> Result<String> {
    let all = client.list("/subscriptions", SUBSCRIPTIONS_API_VERSION, &[]).await.map_err(DeployError::from)?;
    let enabled: Vec<_> = all.iter().filter(|entry| entry["state"].as_str().is_none_or(|state| state == "Enabled")).collect();
    match enabled.as_slice() {
        [one] => one["subscriptionId"].as_str().map(str::to_owned).context("ARM's list of subscriptions names no id"),
        [] => bail!("the login sees no Azure subscription: run `az login --tenant TENANT`, or ask for a role on one"),
        many => {
            let names: Vec<String> = many
                .iter()
                .map(|entry| {
                    format!(
                        "{} ({})",
                        entry["subscriptionId"].as_str().unwrap_or_default(),
                        entry["displayName"].as_str().unwrap_or_default()
                    )
                })
                .collect();
            bail!("the login sees several Azure subscriptions: write `subscriptionId:` into the specification; one of {}", names.join(", "))
        }
    }
}

pub(super) const fn auth_kind(auth: Auth) -> AuthKind {
    match auth {
        Auth::Cli => AuthKind::Cli,
        Auth::Env => AuthKind::Env,
        Auth::Workload => AuthKind::Workload,
        Auth::Managed => AuthKind::Managed,
        Auth::Pipelines => AuthKind::Pipelines,
        Auth::Github => AuthKind::GitHub,
        Auth::Azd => AuthKind::Azd,
    }
}

pub(super) fn holder(session: &Session<'_>) -> String {
    let pick = |names: &[&str]| names.iter().find_map(|name| session.environment.get(name)).map(str::to_owned);
    let user = pick(&["GITHUB_ACTOR", "BUILD_REQUESTEDFOR", "USER", "USERNAME"]).unwrap_or_else(|| "someone".to_owned());
    let host = pick(&["GITHUB_RUN_ID", "BUILD_BUILDID", "HOSTNAME", "COMPUTERNAME"]).unwrap_or_else(|| "this machine".to_owned());
    format!("{user}@{host}")
}
