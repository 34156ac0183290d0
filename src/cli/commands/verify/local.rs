//! Embedded ARM, gateway and simulated accounts in this process, with the specification applied: what `verify --local` looks at.

use std::fmt;
use std::io::{Error, ErrorKind};
use std::net::{Ipv4Addr, TcpListener};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::Method;
use serde_json::Value;

use super::{Read, Session};
use crate::azure::ArmClient;
use crate::cli::arguments::VerifyArguments;
use crate::cli::commands::serve::{Serving, read};
use crate::cli::settings;
use crate::deploy::cancel::Cancellation;
use crate::deploy::events::Discard;
use crate::deploy::{DeployError, Deployment, Settings};
use crate::emulator::{Fixture, Options, State};
use crate::gateway::admin::Admin;
use crate::gateway::counters::Counters;
use crate::gateway::start::Listening;
use crate::gateway::trace::Traces;
use crate::gateway::upstream::{ConnectFailure, Connected, Connector, DefaultTls, HttpVersion, Network, Phase, Target};
use crate::simulator::Behavior;
use crate::simulator::behavior::{Action, Matching, PartialLatency, Rule};
use crate::spec::Loaded;
use crate::support::clock::{SharedClock, SystemClock};
use crate::support::random::SystemRandom;
use crate::verify::gateway::Gateway;
use crate::verify::telemetry::{AdminHere, NoTelemetry, Telemetry};
use crate::world::{LocalArm, LocalWorld, WorldOptions};

/// Between two tokens of a simulated stream: without it nobody could tell a stream from a lump.
const PER_TOKEN: Duration = Duration::from_millis(5);
/// Of what the admin endpoint answers.
const LARGEST: usize = 64 << 20;
/// Threads of the gateway: its share of members must be right with several.
const WORKERS: usize = 2;

/// Everything in this process.
pub(super) struct LocalGateway {
    loaded: Loaded,
    client: ArmClient,
    deployment: Deployment,
    telemetry: Box<dyn Telemetry>,
    gateway: Option<Gateway>,
    /// Listens as long as this lives.
    _serving: Option<Serving>,
}

impl LocalGateway {
    /// Applies the specification to an embedded ARM in memory, and starts its gateway. `None`: there were errors in the user's files, which
    /// have been shown. What the embedded ARM refuses for the accounts' sake is left for the checks to say.
    pub(super) async fn start(arguments: &VerifyArguments, session: &mut Session<'_>) -> Result<Option<Self>> {
        let Some((loaded, desired)): Option<Read> = read(&arguments.spec.spec, &arguments.spec.variables, session)? else {
            return Ok(None);
        };
        let fixture = match &arguments.target.fixture {
            Some(path) => settings::read_fixture(path)?,
            None => without_quotas(LocalArm::fixture_for(&desired)),
        };
        let options = Options { activation: Duration::ZERO, state: State::Memory, ..Options::default() };
        let arm = LocalArm::with_options(options, &fixture).context("cannot start the embedded ARM")?;
        let (clock, service) = (Arc::new(SystemClock) as SharedClock, desired.service.clone());
        let deploy_settings = Settings { estimates: false, ..Settings::new(clock.clone(), Arc::new(SystemRandom)) };
        let client = arm.client();
        let deployment = Deployment::new(client.clone(), desired, loaded.policies.clone(), deploy_settings);
        let applied = match deployment.plan().await {
            Ok(plan) => deployment.apply(&plan, &Discard, Cancellation::never()).await.map(|_| ()),
            Err(error) => Err(error),
        };
        match applied {
            Ok(()) => {}
            Err(DeployError::Findings(_)) => {
                let telemetry = Box::new(NoTelemetry("the specification could not be applied".to_owned()));
                return Ok(Some(Self { loaded, client, deployment, telemetry, gateway: None, _serving: None }));
            }
            Err(error) if !error.findings().is_empty() => {
                session.show_findings(&error.findings(), &loaded.sources);
                return Ok(None);
            }
            Err(error) => return Err(error.into_error()),
        }
        let (counters, traces) = (Arc::new(Counters::default()), Arc::new(Traces::default()));
        let world = LocalWorld::new(
            arm,
            WorldOptions {
                service,
                simulate: Some(behavior()),
                observers: vec![counters.clone(), traces.clone()],
                connector: Some(Arc::new(Reserved(Network::new(Arc::new(DefaultTls::default()))))),
                ..WorldOptions::default()
            },
        )?;
        let gateway = world.gateway().clone();
        let admin = Admin { gateway: gateway.clone(), counters, traces };
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port of this machine can be listened on")?;
        let workers = NonZeroUsize::new(WORKERS).unwrap_or(NonZeroUsize::MIN);
        let serving = Serving::start(gateway, Listening::plain(vec![socket], workers), None).await?;
        let address = serving.addresses.first().context("the gateway does not listen")?;
        let base = url::Url::parse(&format!("http://{address}")).context("the gateway's address is no URL")?;
        Ok(Some(Self {
            loaded,
            client,
            deployment,
            telemetry: Box::new(AdminHere(Box::new(move |path| question(&admin, path)))),
            gateway: Some(Gateway::new(base, clock)),
            _serving: Some(serving),
        }))
    }

    pub(super) const fn client(&self) -> &ArmClient {
        &self.client
    }

    pub(super) const fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    pub(super) const fn loaded(&self) -> &Loaded {
        &self.loaded
    }

    pub(super) fn telemetry(&self) -> &dyn Telemetry {
        &*self.telemetry
    }

    pub(super) const fn gateway(&self) -> Option<&Gateway> {
        self.gateway.as_ref()
    }
}

/// A deployment whose capacity nobody knows has no limits when it is simulated: checks measure how load is shared, not how much there is.
fn without_quotas(mut fixture: Fixture) -> Fixture {
    for resource in &mut fixture.resources {
        if resource.id.is_type("Microsoft.CognitiveServices/accounts/deployments") {
            for (body, member) in [(&mut resource.sku, "capacity"), (&mut resource.properties, "currentCapacity")] {
                if let Some(fields) = body.as_mut().and_then(Value::as_object_mut) {
                    fields.remove(member);
                }
            }
        }
    }
    fixture
}

/// Streams take a little time, everything else none.
fn behavior() -> Behavior {
    Behavior::of(vec![Rule {
        name: Some("streams take time".to_owned()),
        matching: Matching { stream: Some(true), ..Matching::default() },
        action: Action { latency: PartialLatency { first_token: None, per_token: Some(PER_TOKEN) }, ..Action::default() },
        ..Rule::default()
    }])
}

/// The admin endpoint's answer, which is all there at once.
fn question(admin: &Admin, path: &str) -> Value {
    let body = admin.answer(&Method::GET, path, "").into_body().collect(LARGEST).now_or_never().and_then(Result::ok);
    body.and_then(|body| serde_json::from_slice(&body).ok()).unwrap_or_default()
}

/// The network, without names that are never to be looked up (RFC 6761): drills point a broken member there.
struct Reserved(Network);

impl Connector for Reserved {
    fn connect<'a>(&'a self, target: &'a Target, version: HttpVersion) -> BoxFuture<'a, Result<Connected, ConnectFailure>> {
        if target.host().to_ascii_lowercase().ends_with(".invalid") {
            let error = Error::new(ErrorKind::NotFound, "no such host is known");
            return Box::pin(async move { Err(ConnectFailure::new(Phase::Dns, error)) });
        }
        self.0.connect(target, version)
    }
}

impl fmt::Debug for Reserved {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Reserved")
    }
}
