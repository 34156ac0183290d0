//! A specification, the embedded ARM on virtual time, and everything that was asked of it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use apimctl::arm::store::Snapshot;
use apimctl::azure::cloud::Cloud;
use apimctl::azure::credential::StaticCredential;
use apimctl::azure::transport::InProcess;
use apimctl::azure::{ArmClient, ClientOptions};
use apimctl::deploy::cancel::Cancellation;
use apimctl::deploy::desired::{self, Context};
use apimctl::deploy::events::{Event, EventSink};
use apimctl::deploy::plan::{Action, Plan};
use apimctl::deploy::{Applied, DeployError, Deployment, Desired, Settings};
use apimctl::emulator::{DEFAULT_SUBSCRIPTION, DEFAULT_TENANT, Emulator, Fixture, LoggedRequest, Options};
use apimctl::spec::load::{self, LoadOptions, Loaded};
use apimctl::support::clock::{SharedClock, VirtualClock};
use apimctl::support::random::{SeededRandom, SharedRandom};
use apimctl::world::LocalArm;
use bytes::Bytes;
use time::macros::datetime;

/// A specification that uses one of nearly everything.
pub(super) const SPEC: &str = include_str!("spec.yaml");

/// Compiles a text, which must have no errors.
pub(super) fn compile(text: &str) -> (Loaded, Desired) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("spec.yaml");
    std::fs::write(&path, text).unwrap();
    let loaded = load::load(&path, &LoadOptions { local: true, ..LoadOptions::default() }).unwrap();
    let context = Context {
        subscription_id: DEFAULT_SUBSCRIPTION.to_owned(),
        tenant_id: DEFAULT_TENANT.to_owned(),
        gateway_suffix: "azure-api.net".to_owned(),
        cognitive_services_audience: "https://cognitiveservices.azure.com".to_owned(),
    };
    let errors: Vec<_> = loaded.findings.iter().filter(|finding| finding.is_error()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let (desired, findings) = desired::compile(&loaded, &context);
    let errors: Vec<_> = findings.iter().filter(|finding| finding.is_error()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    (loaded, desired)
}

/// The world of one test. Needs paused time.
pub(super) struct Bench {
    pub(super) local: LocalArm,
    pub(super) clock: SharedClock,
    random: SharedRandom,
    /// Where journals go; a run elsewhere has none.
    pub(super) journals: tempfile::TempDir,
}

impl Bench {
    /// A world that holds what `SPEC` takes for granted.
    pub(super) fn new(adjust: impl FnOnce(&mut Options)) -> Self {
        Self::with(SPEC, Fixture::default(), adjust)
    }

    pub(super) fn with(text: &str, fixture: Fixture, adjust: impl FnOnce(&mut Options)) -> Self {
        let clock: SharedClock = Arc::new(VirtualClock::starting_at(datetime!(2026-11-22 12:00 UTC)));
        let random: SharedRandom = Arc::new(SeededRandom::new(7));
        let mut options =
            Options { clock: clock.clone(), random: random.clone(), activation: Duration::from_secs(2400), ..Options::default() };
        adjust(&mut options);
        let (_, desired) = compile(text);
        let mut whole = LocalArm::fixture_for(&desired);
        whole.resources.extend(fixture.resources);
        whole.permissions = fixture.permissions;
        whole.soft_deleted = fixture.soft_deleted;
        whole.subscriptions = fixture.subscriptions;
        let local = LocalArm::with_options(options, &whole).unwrap();
        Self { local, clock, random, journals: tempfile::tempdir().unwrap() }
    }

    /// A fresh deployment, as a new process makes it.
    pub(super) fn deployment(&self, text: &str, adjust: impl FnOnce(&mut Settings)) -> Deployment {
        self.deployment_through(self.local.client(), text, adjust)
    }

    /// A client whose requests go through `handler`.
    pub(super) fn client_through<F>(&self, handler: impl Fn(http::Request<Bytes>, Arc<Emulator>) -> F + Send + Sync + 'static) -> ArmClient
    where
        F: Future<Output = http::Response<Bytes>> + Send + 'static,
    {
        let emulator = self.local.emulator().clone();
        let transport = InProcess::new(move |request| handler(request, emulator.clone()));
        ArmClient::new(ClientOptions {
            transport: Some(Arc::new(transport)),
            random: self.random.clone(),
            ..ClientOptions::new(Cloud::public(), Arc::new(StaticCredential::new("local")), self.clock.clone())
        })
    }

    pub(super) fn deployment_through(&self, client: ArmClient, text: &str, adjust: impl FnOnce(&mut Settings)) -> Deployment {
        let (loaded, desired) = compile(text);
        let mut settings = Settings {
            state_dir: Some(self.journals.path().to_owned()),
            holder: "anna@here".to_owned(),
            ..Settings::new(self.clock.clone(), self.random.clone())
        };
        adjust(&mut settings);
        Deployment::new(client, desired, loaded.policies, settings)
    }

    /// Plans and applies.
    pub(super) async fn apply(&self, text: &str, adjust: impl FnOnce(&mut Settings)) -> Result<Applied, DeployError> {
        let deployment = self.deployment(text, adjust);
        let plan = deployment.plan().await?;
        deployment.apply(&plan, &Events::default(), Cancellation::never()).await
    }

    pub(super) async fn plan(&self, text: &str) -> Plan {
        self.deployment(text, |_| {}).plan().await.unwrap()
    }

    /// Destroys what `text` made.
    pub(super) async fn destroy(&self, text: &str, purge: bool) -> Result<Applied, DeployError> {
        let deployment = self.deployment(text, |_| {});
        let plan = deployment.destroy_plan().await?;
        deployment.destroy(&plan, purge, &Events::default(), Cancellation::never()).await
    }

    /// The writes since the last call, manifest and lease left out.
    pub(super) fn writes(&self) -> Vec<LoggedRequest> {
        let requests = self.local.emulator().requests();
        self.local.emulator().clear_requests();
        requests.into_iter().filter(|request| is_change(request) && !request.path.contains("/namedValues/apimctl-")).collect()
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        self.local.emulator().tick();
        self.local.emulator().store().snapshot()
    }

    /// Whether a resource with this end of its id is there.
    pub(super) fn has(&self, tail: &str) -> bool {
        let tail = tail.to_ascii_lowercase();
        self.snapshot().keys().any(|id| id.key().ends_with(&tail))
    }
}

/// Whether a request changes something (reading actions are POSTs too).
pub(super) fn is_change(request: &LoggedRequest) -> bool {
    matches!(request.method.as_str(), "PUT" | "PATCH" | "DELETE")
}

/// What a run told.
#[derive(Debug, Default)]
pub(super) struct Events(pub(super) Mutex<Vec<Event>>);

impl EventSink for Events {
    fn event(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

/// What a plan would do, in short.
pub(super) fn actions(plan: &Plan) -> Vec<(Action, String)> {
    let mut actions: Vec<(Action, String)> = plan
        .changes
        .iter()
        .filter(|change| change.action != Action::None)
        .map(|change| (change.action, change.id.rsplit('/').next().unwrap_or_default().to_owned()))
        .collect();
    actions.sort();
    actions
}

/// A copy of the text with one part replaced, which must be there.
pub(super) fn edited(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "`{from}` is not in the specification");
    text.replace(from, to)
}
