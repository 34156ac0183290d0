//! The one thing that commands hold: a specification's desired state, a client, and settings.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::cancel::Cancellation;
use super::error::DeployError;
use super::events::{EventSink, Summary};
use super::journal::Journal;
use super::keys::{KeysRequest, SubscriptionKeys};
use super::outputs::Outputs;
use super::plan::Plan;
use super::resource::Desired;
use crate::arm::ResourceId;
use crate::azure::ArmClient;
use crate::spec::load::PolicyText;
use crate::spec::model::RoleAssignmentMode;
use crate::support::clock::SharedClock;
use crate::support::finding::Finding;
use crate::support::random::SharedRandom;

/// What to do when the service's name belongs to a soft-deleted service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SoftDeleted {
    /// Stop and say what the choices are.
    #[default]
    Fail,
    /// Restore it with its children.
    Recover,
    /// Purge it, then create a new one.
    Purge,
}

/// How a deployment behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Take over resources that are there and belong to nobody.
    pub adopt: bool,
    /// Names (or ids) of resources that may be deleted and made anew.
    pub allow_replace: Vec<String>,
    /// Return as soon as the service's create is accepted.
    pub no_wait: bool,
    /// Where the journal is kept; `None`: no journal (a rerun then goes by lease and provisioning state alone).
    pub state_dir: Option<PathBuf>,
    /// Writes at the same time.
    pub parallelism: usize,
    /// Reads at the same time.
    pub read_parallelism: usize,
    /// Who applies, for the lease (`anna@build-7`).
    pub holder: String,
    /// What to do about a soft-deleted service of the same name.
    pub soft_deleted: SoftDeleted,
    /// Who makes role assignments.
    pub role_assignments: RoleAssignmentMode,
    /// How long a service may take to activate, update or vanish.
    pub deadline: Duration,
    /// Whether to say how long Azure usually takes; of no use where nothing takes long.
    pub estimates: bool,
    /// Time.
    pub clock: SharedClock,
    /// Randomness (lease ids).
    pub random: SharedRandom,
}

impl Settings {
    /// The usual settings.
    #[must_use]
    pub fn new(clock: SharedClock, random: SharedRandom) -> Self {
        Self {
            adopt: false,
            allow_replace: Vec::new(),
            no_wait: false,
            state_dir: None,
            parallelism: 8,
            read_parallelism: 32,
            holder: "apimctl".to_owned(),
            soft_deleted: SoftDeleted::Fail,
            role_assignments: RoleAssignmentMode::Manage,
            deadline: Duration::from_secs(2 * 60 * 60),
            estimates: true,
            clock,
            random,
        }
    }
}

/// What an apply or destroy came to.
#[derive(Debug, Clone, Default)]
pub struct Applied {
    /// Counts.
    pub summary: Summary,
    /// Set with `--no-wait`: what Azure goes on working at.
    pub running: Vec<String>,
    /// Things that the user should know.
    pub notes: Vec<String>,
}

/// A specification's desired state, a client, and settings. Cheap to clone.
#[derive(Clone)]
pub struct Deployment {
    pub(super) client: ArmClient,
    pub(super) desired: Arc<Desired>,
    pub(super) documents: Arc<BTreeMap<String, PolicyText>>,
    pub(super) settings: Arc<Settings>,
}

impl Deployment {
    /// A deployment. `documents` are the policies' texts ([`crate::spec::Loaded::policies`]), so that what ARM says of a
    /// line can be shown at the user's own line.
    #[must_use]
    pub fn new(client: ArmClient, desired: Desired, documents: BTreeMap<String, PolicyText>, settings: Settings) -> Self {
        Self { client, desired: Arc::new(desired), documents: Arc::new(documents), settings: Arc::new(settings) }
    }

    /// What it makes so.
    #[must_use]
    pub fn desired(&self) -> &Arc<Desired> {
        &self.desired
    }

    /// Everything that would stop an apply, before the first write: login, providers, permissions, the name, the accounts.
    ///
    /// # Errors
    /// ARM could not be asked at all.
    pub async fn preflight(&self) -> Result<Vec<Finding>, DeployError> {
        let plan = match self.plan().await {
            Ok(plan) => plan,
            Err(DeployError::Findings(findings)) => return Ok(findings),
            Err(error) => return Err(error),
        };
        let mut findings = plan.findings.clone();
        findings.extend(self.check(&plan).await?.findings);
        Ok(findings)
    }

    /// What an apply would do. Writes nothing; goes on waiting for what an earlier run on this machine was waiting for, where
    /// that is a matter of seconds.
    ///
    /// # Errors
    /// ARM could not be read; [`DeployError::Findings`] for conflicts of ownership and replacements that are not allowed.
    pub async fn plan(&self) -> Result<Plan, DeployError> {
        self.settle_journal().await;
        let live = Arc::new(self.read().await?);
        let accounts = self.check_accounts(&live).await;
        let mut plan = match self.compute(live) {
            Ok(plan) => plan,
            Err(DeployError::Findings(mut findings)) => {
                findings.extend(accounts);
                return Err(DeployError::Findings(findings));
            }
            Err(error) => return Err(error),
        };
        plan.findings.extend(accounts);
        Ok(plan)
    }

    /// Does what `plan` says, which must come from [`Deployment::plan`] of this deployment. Runs the preflight first.
    /// Dropping the future is the same as a crash: a rerun finishes the job.
    ///
    /// # Errors
    /// See [`DeployError`].
    pub async fn apply(&self, plan: &Plan, sink: &dyn EventSink, cancel: Cancellation) -> Result<Applied, DeployError> {
        Box::pin(self.carry_out(plan, sink, cancel)).await
    }

    /// What a destroy would delete. Writes nothing.
    ///
    /// # Errors
    /// ARM could not be read; the service also serves other specifications.
    pub async fn destroy_plan(&self) -> Result<Plan, DeployError> {
        self.settle_journal().await;
        self.compute_destroy().await
    }

    /// Deletes what `plan` (of [`Deployment::destroy_plan`]) says; with `purge` also the soft-deleted service.
    ///
    /// # Errors
    /// See [`DeployError`].
    pub async fn destroy(&self, plan: &Plan, purge: bool, sink: &dyn EventSink, cancel: Cancellation) -> Result<Applied, DeployError> {
        Box::pin(self.carry_out_destroy(plan, purge, sink, cancel)).await
    }

    /// Lists the keys of the specification's subscriptions, or regenerates one of each; `only` names one subscription.
    ///
    /// # Errors
    /// ARM refused; the subscription is not there.
    pub async fn keys(&self, request: KeysRequest, only: Option<&str>) -> Result<Vec<SubscriptionKeys>, DeployError> {
        self.read_keys(request, only).await
    }

    /// Gateway URL, key names, curl and SDK snippets; no keys.
    ///
    /// # Errors
    /// The service is not there or cannot be read.
    pub async fn outputs(&self) -> Result<Outputs, DeployError> {
        self.make_outputs().await
    }

    /// What must be there before the resource with this id: what it lies in, and what it refers to. Empty for ids that are not known
    /// before an apply (role assignments wait for the service).
    #[must_use]
    pub fn waits_for(&self, id: &str) -> Vec<String> {
        let Ok(id) = ResourceId::parse(id) else { return Vec::new() };
        let own = self.desired.resources.iter().find(|resource| resource.id.known() == Some(&id));
        let service = if own.is_none() { self.desired.service.clone() } else { None };
        own.iter().flat_map(|resource| &resource.depends_on).cloned().chain(id.parent()).chain(service).map(|id| id.to_string()).collect()
    }

    /// A write of an earlier run may not show yet; to plan it again would do it twice. The service's own creation is left to
    /// apply: it takes too long.
    async fn settle_journal(&self) {
        let service = self.desired.service.as_ref();
        for operation in Journal::peek(self.settings.state_dir.as_deref(), &self.desired.owner, service) {
            let long = operation.resource.is_type("Microsoft.ApiManagement/service") && !operation.delete;
            if !long {
                // Whatever becomes of it, what is there is read next.
                let _ = self.client.resume(&operation, SETTLING, &|_| {}).await;
            }
        }
    }
}

/// How long the writes of an earlier run are waited for before planning.
const SETTLING: Duration = Duration::from_secs(600);
