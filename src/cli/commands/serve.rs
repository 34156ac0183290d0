//! `apimctl serve`: the gateway on this machine.

mod applied;
mod log;
mod shown;

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use tokio::sync::oneshot;

use self::applied::Applied;
pub(super) use self::applied::read;
use self::log::Lines;
use super::{Session, emulator, open, simulate};
use crate::azure::cloud::Cloud;
use crate::azure::credential::{Login, LoginOptions};
use crate::cli::arguments::{ConsentArguments, IdentityOf, ServeArguments, TargetArguments};
use crate::cli::output::Outcome;
use crate::cli::settings;
use crate::emulator::Fixture;
use crate::gateway::Gateway;
use crate::gateway::admin::Admin;
use crate::gateway::counters::Counters;
use crate::gateway::front;
use crate::gateway::settings::Settings;
use crate::gateway::snapshot::Overrides;
use crate::gateway::start::Listening;
use crate::gateway::trace::Traces;
use crate::gateway::worker::Tracing;
use crate::identity::{GuardedTokens, TokenSource, azure_openai_domains};
use crate::simulator::Behavior;
use crate::support::clock::{SharedClock, SystemClock};
use crate::support::random::SystemRandom;
use crate::support::secret::Secret;
use crate::world::{DeveloperTokens, LocalArm, LocalWorld, Mirror, StoredAccounts, WorldOptions};

/// How often the files of `--watch` are looked at.
const LOOK: Duration = Duration::from_millis(300);

/// Runs it until it is told to stop.
pub(super) async fn run(arguments: &ServeArguments, session: &mut Session<'_>) -> Result<Outcome> {
    let mut mirror = None;
    let (arm, mut applied) = match &arguments.spec {
        Some(spec) if arguments.from.is_some() => match Box::pin(deployed(spec, arguments, session)).await? {
            Some((arm, own)) => {
                mirror = Some(own);
                (arm, None)
            }
            None => return Ok(Outcome::Failed),
        },
        Some(spec) => match Applied::new(spec, arguments, session).await? {
            Some((arm, applied)) => (arm, Some(applied)),
            None => return Ok(Outcome::Failed),
        },
        None => {
            let state_dir = settings::state_dir(arguments.state_dir.as_deref());
            let arm = LocalArm::open(&state_dir, &Fixture::default())
                .with_context(|| format!("cannot open the embedded ARM in `{}`", state_dir.display()))?;
            (arm, None)
        }
    };
    let service = match (&applied, &arguments.service) {
        (_, Some(name)) => Some(
            LocalWorld::services(&arm)
                .into_iter()
                .find(|id| id.name().eq_ignore_ascii_case(name))
                .ok_or_else(|| anyhow!("there is no API Management service `{name}`"))?,
        ),
        (Some(applied), None) => applied.service.clone(),
        (None, None) => mirror.as_ref().map(|mirror| mirror.service().clone()),
    };
    let Some(simulate) = behavior(arguments, &arm, session)? else { return Ok(Outcome::Failed) };
    let lines = Lines::new(arguments.trace);
    let (counters, traces) = (Arc::new(Counters::default()), Arc::new(Traces::default()));
    let world = LocalWorld::new(
        arm,
        WorldOptions {
            service,
            overrides: overrides(arguments, session)?,
            settings: disputed(arguments)?,
            simulate,
            tokens: tokens(arguments, session)?,
            observers: vec![counters.clone(), traces.clone(), Arc::new(lines.clone())],
            tracing: if arguments.trace { Tracing::All } else { Tracing::Asked },
            ..WorldOptions::default()
        },
    )?;
    let gateway = world.gateway().clone();
    if let Some(finding) = gateway.snapshot().findings.iter().find(|finding| finding.code == crate::gateway::codes::NO_SUCH_OVERRIDE) {
        bail!("{}", finding.message);
    }
    let admin = match arguments.admin {
        Some(address) => Some((bound(address)?, Admin { gateway: gateway.clone(), counters, traces })),
        None => None,
    };
    let mut serving = Serving::start(gateway.clone(), listening(arguments)?, admin).await?;
    shown::start(&gateway, &serving, arguments, applied.as_ref(), session);

    let clock: SharedClock = Arc::new(SystemClock);
    let mut snapshots = gateway.snapshots();
    let mut look = clock.sleep(LOOK);
    let every = Duration::from_secs(arguments.every);
    let mut copy = clock.sleep(every);
    let stopped = emulator::stopped();
    tokio::pin!(stopped);
    loop {
        tokio::select! {
            result = &mut stopped => {
                result.context("cannot wait for the signal to stop")?;
                break;
            }
            text = lines.next(&clock) => session.printer.note(text),
            Ok(()) = snapshots.changed() => shown::reloaded(&gateway, applied.as_ref(), session),
            () = &mut copy, if mirror.is_some() => {
                if let Some(mirror) = &mirror
                    && let Err(error) = Box::pin(mirror.copy()).await
                {
                    session.printer.warn(format!("{error}; the gateway goes on with what it had"));
                }
                copy = clock.sleep(every);
            }
            () = &mut look, if arguments.watch => {
                look = clock.sleep(LOOK);
                if let Some(applied) = applied.as_mut().filter(|applied| applied.has_changed()) {
                    applied.again(arguments, session).await?;
                }
            }
        }
    }
    session.printer.note("Stopping: requests under way are finished; Ctrl-C again cuts them");
    serving.stop();
    tokio::select! {
        Ok(drained) = &mut serving.drained => {
            if drained.cut > 0 {
                session.printer.note(format!("{} connections were cut", drained.cut));
            }
        }
        _ = emulator::stopped() => {}
    }
    let rest = lines.take();
    if !rest.is_empty() {
        session.printer.note(rest);
    }
    Ok(Outcome::Done)
}

/// An embedded ARM in memory with what is deployed of a specification, and what keeps it so. `None`: there were errors, and they have been
/// shown.
async fn deployed(spec: &std::path::Path, arguments: &ServeArguments, session: &mut Session<'_>) -> Result<Option<(LocalArm, Mirror)>> {
    let target = TargetArguments {
        cloud: arguments.cloud,
        arm_endpoint: arguments.arm_endpoint.clone(),
        authority_host: arguments.authority_host.clone(),
        auth: arguments.auth,
        state_dir: arguments.state_dir.clone(),
        ..TargetArguments::default()
    };
    let consent = ConsentArguments::default();
    let request = open::Request { spec, variables: &arguments.variables, target: &target, consent: &consent };
    let Some(opened) = open::open(&request, open::Extra::default(), session).await? else { return Ok(None) };
    let options = crate::emulator::Options { activation: Duration::ZERO, state: crate::emulator::State::Memory, ..Default::default() };
    let arm = LocalArm::with_options(options, &Fixture::default()).context("cannot start the embedded ARM")?;
    let mirror = Mirror::new(opened.client, opened.deployment.desired(), arm.clone()).context("the specification names no service")?;
    Box::pin(mirror.copy()).await.map_err(|error| anyhow!(error))?;
    Ok(Some((arm, mirror)))
}

/// `None` inside: nothing is simulated. `None` outside: the behavior has errors, which have been shown.
fn behavior(arguments: &ServeArguments, arm: &LocalArm, session: &mut Session<'_>) -> Result<Option<Option<Behavior>>> {
    if !arguments.simulate {
        return Ok(Some(None));
    }
    let accounts = StoredAccounts::new(arm.emulator().clone(), Secret::default());
    Ok(simulate::read_behavior(arguments.behavior.as_deref(), &accounts, session)?.map(Some))
}

fn overrides(arguments: &ServeArguments, session: &Session<'_>) -> Result<Overrides> {
    let mut overrides = Overrides::default();
    for argument in &arguments.backend {
        let Some((name, url)) = argument.split_once('=').filter(|(name, _)| !name.is_empty()) else { bail!("`--backend` takes NAME=URL") };
        let absolute = url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if !absolute {
            bail!("`--backend {name}` takes an http or https URL, not `{url}`");
        }
        overrides.backend_urls.insert(name.to_owned(), url.to_owned());
    }
    for argument in &arguments.subscription_key {
        let Some((name, key)) = argument.split_once('=').filter(|(name, key)| !name.is_empty() && !key.is_empty()) else {
            // The argument may be a key that lost its name, so it is not repeated.
            bail!("`--subscription-key` takes NAME=KEY");
        };
        let key = settings::argument_value(key, &format!("--subscription-key {name}"), &session.environment)?;
        if key.is_empty() {
            bail!("`--subscription-key {name}` is empty");
        }
        overrides.keys.insert(name.to_owned(), Secret::new(key));
    }
    Ok(overrides)
}

fn disputed(arguments: &ServeArguments) -> Result<Settings> {
    let mut settings = Settings::default();
    let mut seen = BTreeMap::new();
    for argument in &arguments.setting {
        let Some((name, value)) = argument.split_once('=') else { bail!("`--setting` takes NAME=VALUE") };
        if seen.insert(name, value).is_some() {
            bail!("`--setting {name}` is given twice");
        }
        settings.set(name, value)?;
    }
    Ok(settings)
}

/// The developer's own tokens, kept to hosts that may see them; `None`: the local issuer's.
fn tokens(arguments: &ServeArguments, session: &Session<'_>) -> Result<Option<Arc<dyn TokenSource>>> {
    if arguments.identity == IdentityOf::Offline {
        if !arguments.identity_host.is_empty() || (arguments.auth.is_some() && arguments.from.is_none()) {
            bail!("`--identity-host` and `--auth` are for `--identity developer`");
        }
        return Ok(None);
    }
    let clock: SharedClock = Arc::new(SystemClock);
    let cloud = Cloud::public();
    let suffix = cloud.cognitive_services_audience.rsplit_once("cognitiveservices.").map_or("azure.com", |(_, suffix)| suffix).to_owned();
    let login = Login::new(LoginOptions {
        kind: arguments.auth.map_or(crate::azure::credential::AuthKind::Auto, open::auth_kind),
        environment: session.environment.clone(),
        cloud,
        tenant: None,
        clock: clock.clone(),
        random: Arc::new(SystemRandom),
        transport: None,
        executor: None,
    });
    let source = DeveloperTokens::new(Arc::new(login), clock);
    Ok(Some(Arc::new(GuardedTokens::new(source, azure_openai_domains(&suffix), arguments.identity_host.clone()))))
}

fn listening(arguments: &ServeArguments) -> Result<Listening> {
    let mut sockets = Vec::new();
    for address in &arguments.listen {
        sockets.push(bound(*address)?);
    }
    let workers = arguments.workers.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
    let tls = match arguments.listen.first() {
        Some(address) if arguments.tls => {
            let clock: SharedClock = Arc::new(SystemClock);
            let state_dir = settings::state_dir(arguments.state_dir.as_deref());
            let (configuration, _) = crate::emulator::https::server_tls(&state_dir, address.ip(), &clock)?;
            Some(Arc::new(configuration))
        }
        _ => None,
    };
    Ok(Listening::new(sockets, tls, workers))
}

fn bound(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).with_context(|| format!("`{address}` cannot be listened on"))
}

/// The gateway on a thread of its own: it accepts and reloads whatever this one, which prints, has to wait for.
pub(super) struct Serving {
    pub(super) addresses: Vec<SocketAddr>,
    admin: Option<SocketAddr>,
    stop: Option<oneshot::Sender<()>>,
    drained: oneshot::Receiver<front::Drained>,
}

impl Serving {
    pub(super) async fn start(gateway: Arc<Gateway>, listening: Listening, admin: Option<(TcpListener, Admin)>) -> Result<Self> {
        let (stop, stopping) = oneshot::channel();
        let (drained_sender, drained) = oneshot::channel();
        let (started, starting) = oneshot::channel();
        std::thread::Builder::new().name("gateway".to_owned()).spawn(move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(started.send(Err(error))),
            };
            runtime.block_on(async move {
                let running = gateway.listen(listening);
                let admin = admin.map(|(socket, admin)| listen_admin(socket, admin)).transpose();
                let (running, admin) = match (running, admin) {
                    (Ok(running), Ok(admin)) => (running, admin),
                    (Err(error), _) | (_, Err(error)) => return drop(started.send(Err(error))),
                };
                let admin_address = admin.as_ref().and_then(|admin| admin.addresses().first().copied());
                // Whoever is gone wants nothing more.
                let _ = started.send(Ok((running.addresses().to_vec(), admin_address)));
                let _ = stopping.await;
                let _ = drained_sender.send(running.drain().await);
            });
        })?;
        let (addresses, admin) = starting.await?.context("the gateway cannot listen")?;
        Ok(Self { addresses, admin, stop: Some(stop), drained })
    }

    fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

fn listen_admin(socket: TcpListener, admin: Admin) -> std::io::Result<front::Running> {
    let options = front::Options {
        workers: NonZeroUsize::MIN,
        limits: front::Limits::default(),
        grace: Duration::from_secs(1),
        clock: Arc::new(SystemClock),
    };
    front::start(vec![front::Listener { socket, tls: None }], options, move |_| admin.clone())
}
