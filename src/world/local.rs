//! Embedded ARM, gateway and simulated accounts together.

use std::fmt;
use std::sync::Arc;

use super::LocalArm;
use super::accounts::StoredAccounts;
use super::connector::Simulated;
use crate::arm::ResourceId;
use crate::gateway::coverage::Coverage;
use crate::gateway::record::Observer;
use crate::gateway::settings::Settings;
use crate::gateway::snapshot::{BuildError, Overrides};
use crate::gateway::state::State;
use crate::gateway::upstream::{Connector, DefaultTls, Network};
use crate::gateway::worker::{Limits, Plain, Tracing};
use crate::gateway::{Gateway, GatewayOptions};
use crate::identity::{Issuer, IssuerOptions, LocalKeys, LocalTokens, OpenError, TokenSource};
use crate::simulator::{Behavior, Options as SimulatorOptions, Simulator, TokenCheck};
use crate::support::jwt::SigningKey;
use crate::support::secret::Secret;

const SERVICE: &str = "Microsoft.ApiManagement/service";

/// How the pieces of a world are put together.
pub struct WorldOptions {
    /// Whose gateway; the only service there is, if nobody says.
    pub service: Option<ResourceId>,
    /// What the command line puts in the place of what is stored.
    pub overrides: Overrides,
    /// Disputed behaviours.
    pub settings: Settings,
    /// Whether the accounts' hosts are simulated, and what goes wrong there.
    pub simulate: Option<Behavior>,
    /// Where tokens of the service's identities come from; the local issuer if `None`.
    pub tokens: Option<Arc<dyn TokenSource>>,
    /// How every other host is reached; the network if `None`.
    pub connector: Option<Arc<dyn Connector>>,
    /// Who is told of every request.
    pub observers: Vec<Arc<dyn Observer>>,
    /// Who gets a trace.
    pub tracing: Tracing,
    /// Counts which policies ran.
    pub coverage: Option<Arc<Coverage>>,
    /// What a connection without TLS stands for.
    pub plain: Plain,
    /// Bounds on what the gateway keeps in memory for one request.
    pub limits: Limits,
    /// How many requests simulated accounts remember; the simulator's own number if `None`.
    pub remembered: Option<usize>,
    /// The local issuer's key; a new one if `None`. To make one takes a while.
    pub signing_key: Option<SigningKey>,
}

impl Default for WorldOptions {
    /// Nothing is simulated, nobody watches.
    fn default() -> Self {
        Self {
            service: None,
            overrides: Overrides::default(),
            settings: Settings::default(),
            simulate: None,
            tokens: None,
            connector: None,
            observers: Vec::new(),
            tracing: Tracing::default(),
            coverage: None,
            plain: Plain::default(),
            limits: Limits::default(),
            remembered: None,
            signing_key: None,
        }
    }
}

impl fmt::Debug for WorldOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("WorldOptions").field("service", &self.service).finish_non_exhaustive()
    }
}

/// The world could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// ARM keeps no API Management service.
    #[error("there is no API Management service: apply a specification first")]
    NoService,
    /// ARM keeps several, and nobody said which.
    #[error("there are several API Management services, name one: {}", .0.join(", "))]
    SeveralServices(Vec<String>),
    /// The service is not there.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The local issuer has no key.
    #[error(transparent)]
    Issuer(#[from] OpenError),
}

/// Embedded ARM, gateway and simulated accounts of one process.
#[derive(Debug)]
pub struct LocalWorld {
    arm: LocalArm,
    gateway: Arc<Gateway>,
    simulator: Option<Simulator>,
    issuer: Arc<Issuer>,
}

impl LocalWorld {
    /// Puts a gateway in front of what `arm` keeps.
    ///
    /// # Errors
    /// There is no such service.
    pub fn new(arm: LocalArm, options: WorldOptions) -> Result<Self, WorldError> {
        let service = match options.service {
            Some(service) => service,
            None => only_service(&arm)?,
        };
        let (clock, random) = (arm.clock.clone(), arm.random.clone());
        let issuer = IssuerOptions {
            authority: "https://login.microsoftonline.com".to_owned(),
            tenant_id: arm.emulator.caller().tenant_id,
            clock: clock.clone(),
            random: random.clone(),
        };
        let issuer = Arc::new(match options.signing_key {
            Some(key) => Issuer::with_key(key, issuer),
            None => Issuer::generate(issuer)?,
        });
        let simulator = options.simulate.map(|behavior| {
            let accounts = StoredAccounts::new(arm.emulator.clone(), Secret::new(random.hex(32)));
            let check = TokenCheck::Issuer(issuer.clone());
            let defaults = SimulatorOptions::new(Arc::new(accounts), clock.clone(), random.clone());
            let remembered = options.remembered.unwrap_or(defaults.remembered);
            Simulator::new(SimulatorOptions { tokens: check, behavior, remembered, ..defaults })
        });
        let tls = Arc::new(DefaultTls::default());
        let others = options.connector.unwrap_or_else(|| Arc::new(Network::new(tls.clone())));
        let connector: Arc<dyn Connector> = match &simulator {
            Some(simulator) => Arc::new(Simulated::new(simulator.clone(), others)),
            None => others,
        };
        let tokens = options.tokens.unwrap_or_else(|| Arc::new(LocalTokens::new(issuer.clone())));
        let state = State::new(clock, random)
            .with_tokens(tokens)
            .with_keys(Arc::new(LocalKeys::new(issuer.clone())))
            .with_tls(tls)
            .with_coverage(options.coverage);
        let gateway = Gateway::new(GatewayOptions {
            overrides: options.overrides,
            settings: options.settings,
            observers: options.observers,
            tracing: options.tracing,
            plain: options.plain,
            limits: options.limits,
            ..GatewayOptions::new(arm.emulator.store().clone(), service, state, connector)
        })?;
        Ok(Self { arm, gateway, simulator, issuer })
    }

    /// The API Management services that `arm` keeps.
    #[must_use]
    pub fn services(arm: &LocalArm) -> Vec<ResourceId> {
        arm.emulator.store().snapshot().keys().filter(|id| id.is_type(SERVICE)).cloned().collect()
    }

    /// The embedded ARM.
    #[must_use]
    pub const fn arm(&self) -> &LocalArm {
        &self.arm
    }

    /// The gateway.
    #[must_use]
    pub const fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    /// The simulated accounts, if they are.
    #[must_use]
    pub const fn simulator(&self) -> Option<&Simulator> {
        self.simulator.as_ref()
    }

    /// Who issues tokens here.
    #[must_use]
    pub const fn issuer(&self) -> &Arc<Issuer> {
        &self.issuer
    }
}

/// The only service that ARM keeps.
fn only_service(arm: &LocalArm) -> Result<ResourceId, WorldError> {
    match LocalWorld::services(arm).as_slice() {
        [] => Err(WorldError::NoService),
        [one] => Ok(one.clone()),
        several => Err(WorldError::SeveralServices(several.iter().map(|id| format!("`{}`", id.name())).collect())),
    }
}
