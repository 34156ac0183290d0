//! The embedded ARM with a client for it, and with a gateway and simulated accounts in front: what every offline command and most tests
//! start.

mod accounts;
mod connector;
mod developer;
mod local;
mod mirror;
mod seed;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::arm::store::Snapshot;
use crate::azure::client::ClientOptions;
use crate::azure::cloud::Cloud;
use crate::azure::credential::StaticCredential;
use crate::azure::transport::{InProcess, Lost};
use crate::azure::{ArmClient, observer};
use crate::deploy::desired::Context;
use crate::deploy::resource::Desired;
use crate::emulator::{DEFAULT_SUBSCRIPTION, DEFAULT_TENANT, DroppedAnswer, Emulator, Fixture, OpenError, Options, SeedError, State};
use crate::support::clock::SharedClock;
use crate::support::random::SharedRandom;

pub use accounts::StoredAccounts;
pub use connector::Simulated;
pub use developer::DeveloperTokens;
pub use local::{LocalWorld, WorldError, WorldOptions};
pub use mirror::Mirror;

/// The embedded ARM with what a client of it needs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LocalArm {
    emulator: Arc<Emulator>,
    clock: SharedClock,
    random: SharedRandom,
}

/// The embedded ARM could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its state could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It could not be filled.
    #[error(transparent)]
    Seed(#[from] SeedError),
}

impl LocalArm {
    /// Opens the embedded ARM that is kept in `state_dir`, and puts into it what it lacks of `fixture`. Long-running
    /// operations end at once: nobody wants to wait at a desk.
    ///
    /// # Errors
    /// The state cannot be opened: no permission, in use by another process, or of another version.
    pub fn open(state_dir: &Path, fixture: &Fixture) -> Result<Self, StartError> {
        let options = Options { activation: Duration::ZERO, state: State::Directory(state_dir.to_owned()), ..Options::default() };
        Self::with_options(options, fixture)
    }

    /// Opens the embedded ARM as `options` say.
    ///
    /// # Errors
    /// The state cannot be opened.
    pub fn with_options(options: Options, fixture: &Fixture) -> Result<Self, StartError> {
        let (clock, random) = (options.clock.clone(), options.random.clone());
        let emulator = Emulator::open(options)?;
        emulator.seed(fixture)?;
        Ok(Self { emulator: Arc::new(emulator), clock, random })
    }

    /// An embedded ARM in memory: for tests, on a clock and randomness of their own. Long-running operations end at once.
    ///
    /// # Errors
    /// What `fixture` holds does not fit together.
    pub fn in_memory(clock: SharedClock, random: SharedRandom, fixture: &Fixture) -> Result<Self, StartError> {
        Self::with_options(Options { activation: Duration::ZERO, ..Options::new(clock, random) }, fixture)
    }

    /// An embedded ARM in memory that holds what another one kept: a copy to change and throw away. What an operation under way there
    /// would still have done is not copied.
    ///
    /// # Errors
    /// It could not be started.
    pub fn holding(stored: &Snapshot, clock: SharedClock, random: SharedRandom) -> Result<Self, StartError> {
        let arm = Self::in_memory(clock, random, &Fixture::default())?;
        arm.emulator.store().commit(stored.values().map(|stored| stored.as_ref().clone()), []);
        Ok(arm)
    }

    /// What is known of Azure before anybody has logged in: names for everything that is offline.
    #[must_use]
    pub fn context() -> Context {
        Context {
            subscription_id: DEFAULT_SUBSCRIPTION.to_owned(),
            tenant_id: DEFAULT_TENANT.to_owned(),
            gateway_suffix: "azure-api.net".to_owned(),
            cognitive_services_audience: "https://cognitiveservices.azure.com".to_owned(),
        }
    }

    /// What `desired` takes for granted: the Azure OpenAI accounts with their deployments, user-assigned identities.
    #[must_use]
    pub fn fixture_for(desired: &Desired) -> Fixture {
        seed::fixture(desired)
    }

    /// The embedded ARM.
    #[must_use]
    pub const fn emulator(&self) -> &Arc<Emulator> {
        &self.emulator
    }

    /// A client: the same code as for Azure, with the network replaced by a call.
    #[must_use]
    pub fn client(&self) -> ArmClient {
        self.observed(Arc::new(observer::Unobserved))
    }

    /// A client that is watched.
    #[must_use]
    pub fn observed(&self, observer: Arc<dyn observer::Observer>) -> ArmClient {
        let emulator = self.emulator.clone();
        let transport = InProcess::new(move |request| {
            let emulator = emulator.clone();
            async move {
                let mut response = emulator.handle(request).await;
                if response.extensions().get::<DroppedAnswer>().is_some() {
                    response.extensions_mut().insert(Lost);
                }
                response
            }
        });
        ArmClient::new(ClientOptions {
            transport: Some(Arc::new(transport)),
            random: self.random.clone(),
            observer,
            ..ClientOptions::new(Cloud::public(), Arc::new(StaticCredential::new("local")), self.clock.clone())
        })
    }
}
