//! What scenarios are about: a specification, read, and applied once to an embedded ARM in memory.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use time::OffsetDateTime;
use time::macros::datetime;

use super::codes;
use crate::arm::ResourceId;
use crate::arm::store::Snapshot;
use crate::deploy::cancel::Cancellation;
use crate::deploy::desired;
use crate::deploy::events::Discard;
use crate::deploy::resource::{Desired, DesiredId, ExpectedAccount};
use crate::deploy::{DeployError, Deployment, Settings};
use crate::simulator::{Account, Deployment as ModelDeployment};
use crate::spec::Spec;
use crate::spec::load::{self, LoadOptions, Loaded, ReadError};
use crate::support::clock::{SharedClock, VirtualClock};
use crate::support::finding::{Finding, Kind};
use crate::support::random::{SeededRandom, SharedRandom};
use crate::world::LocalArm;

/// When scenarios begin, unless they say otherwise: a Monday morning.
pub const EPOCH: OffsetDateTime = datetime!(2026-01-05 09:00 UTC);
/// Keys and ids of the applied specification come from here: every run has the same.
const SEED: u64 = 1;
const SERVICE: &str = "Microsoft.ApiManagement/service";

/// A specification, read and compiled, not applied.
#[derive(Debug)]
pub struct Subject {
    /// The specification with its files and findings.
    pub loaded: Loaded,
    /// Its resources.
    pub desired: Desired,
    /// What scenarios may name.
    pub names: Names,
}

/// What scenarios may name.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// Subscriptions, `master` among them.
    pub subscriptions: Vec<String>,
    /// Backends that answer, with the account they lead to, if it is one.
    pub backends: BTreeMap<String, Option<String>>,
    /// Pools, with their members.
    pub pools: BTreeMap<String, Vec<String>>,
    /// The Azure OpenAI accounts.
    pub accounts: Vec<Arc<Account>>,
}

impl Subject {
    /// Reads a specification. Its findings are in [`Subject::loaded`].
    ///
    /// # Errors
    /// The file cannot be read at all.
    pub fn read(spec: &Path, options: &LoadOptions) -> Result<Self, ReadError> {
        let mut loaded = load::load(spec, options)?;
        let mut desired = Desired::default();
        if !loaded.has_errors() {
            let (compiled, findings) = desired::compile(&loaded, &LocalArm::context());
            loaded.findings.extend(findings);
            desired = compiled;
        }
        let names = loaded.spec.as_ref().map(|spec| names(spec, &desired)).unwrap_or_default();
        Ok(Self { loaded, desired, names })
    }

    /// Applies it to an embedded ARM in memory. Must be called inside a runtime whose time is paused.
    ///
    /// # Errors
    /// ARM refused something; findings are about the user's files where that is known.
    pub async fn apply(&self) -> Result<Applied, Vec<Finding>> {
        let failed = |message: String| vec![Finding::error(codes::NO_WORLD, Kind::Place, message)];
        let clock: SharedClock = Arc::new(VirtualClock::starting_at(EPOCH));
        let random: SharedRandom = Arc::new(SeededRandom::new(SEED));
        let arm = LocalArm::in_memory(clock.clone(), random.clone(), &LocalArm::fixture_for(&self.desired))
            .map_err(|error| failed(format!("the embedded ARM cannot be started: {error}")))?;
        let settings = Settings { estimates: false, ..Settings::new(clock, random) };
        let deployment = Deployment::new(arm.client(), self.desired.clone(), self.loaded.policies.clone(), settings);
        let told = |error: DeployError| {
            let findings = error.findings();
            if findings.is_empty() { failed(format!("the specification cannot be applied: {error}")) } else { findings }
        };
        let plan = deployment.plan().await.map_err(told)?;
        deployment.apply(&plan, &Discard, Cancellation::never()).await.map_err(told)?;
        let Some(service) = self.desired.service.clone() else {
            return Err(failed("the specification has no API Management service".to_owned()));
        };
        Ok(Applied { stored: arm.emulator().store().snapshot(), service })
    }
}

/// What ARM keeps of a specification that was applied. Each scenario gets a copy.
#[derive(Debug, Clone)]
pub struct Applied {
    /// All resources.
    pub stored: Snapshot,
    /// The service.
    pub service: ResourceId,
}

fn names(spec: &Spec, desired: &Desired) -> Names {
    let of_type = |kind: &str| {
        let kind = format!("{SERVICE}/{kind}");
        desired.resources.iter().filter_map(move |resource| match &resource.id {
            DesiredId::Known(id) if id.is_type(&kind) => Some(id.name().to_owned()),
            _ => None,
        })
    };
    let mut subscriptions: Vec<String> = of_type("subscriptions").collect();
    subscriptions.push("master".to_owned());
    let pools: BTreeMap<String, Vec<String>> = spec
        .backends
        .iter()
        .filter_map(|(name, backend)| Some((name.clone(), backend.pool.as_ref()?)))
        .map(|(name, pool)| (name, pool.services.iter().map(|member| member.id.clone()).collect()))
        .collect();
    let account = |name: &str| {
        let key = spec.backends.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).and_then(|(_, backend)| backend.open_ai.as_ref())?;
        spec.open_ai.get(key).map(|account| account.account.clone())
    };
    let backends = of_type("backends").filter(|name| !pools.contains_key(name)).map(|name| (name.clone(), account(&name))).collect();
    Names { subscriptions, backends, pools, accounts: desired.accounts.iter().map(|expected| Arc::new(simulated(expected))).collect() }
}

/// An account by name, region and deployments: what rules of a behavior may name.
fn simulated(expected: &ExpectedAccount) -> Account {
    let account = &expected.account;
    let deployments = account.deployments.iter().map(|deployment| ModelDeployment::new(deployment.name(), deployment.name(), ""));
    deployments.fold(Account::new(&account.account, account.location.as_deref().unwrap_or_default()), Account::with)
}
