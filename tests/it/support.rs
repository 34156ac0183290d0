//! A world for tests: the embedded ARM in memory, on virtual time, with every request noted.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apimctl::arm::ResourceId;
use apimctl::azure::ArmClient;
use apimctl::azure::client::ClientOptions;
use apimctl::azure::cloud::Cloud;
use apimctl::azure::credential::StaticCredential;
use apimctl::azure::transport::{InProcess, Lost};
use apimctl::deploy::cancel::Cancellation;
use apimctl::deploy::desired::{self, Context};
use apimctl::deploy::events::Discard;
use apimctl::deploy::{Applied, DeployError, Deployment, Settings};
use apimctl::emulator::{DroppedAnswer, Emulator, Options};
use apimctl::spec::load::{self, LoadOptions, Loaded};
use apimctl::support::clock::{SharedClock, VirtualClock};
use apimctl::support::random::{SeededRandom, SharedRandom};
use apimctl::world::LocalArm;
use serde_json::Value;
use time::macros::datetime;

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every example; scenarios of theirs stand beside them.
pub fn examples() -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(root().join("examples"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        // `x.test.yaml` and `x.chaos.yaml` are about `x.yaml`.
        .filter(|path| path.file_name().and_then(|name| name.to_str()?.strip_suffix(".yaml")).is_some_and(|stem| !stem.contains('.')))
        .collect();
    paths.sort();
    assert!(paths.len() >= 5, "the examples were not found");
    paths
}

/// One request that a client sent.
#[derive(Debug, Clone)]
pub struct Sent {
    pub method: String,
    pub path: String,
    pub query: String,
    pub body: Value,
}

impl Sent {
    pub fn is_write(&self) -> bool {
        matches!(self.method.as_str(), "PUT" | "PATCH" | "DELETE")
    }

    pub fn api_version(&self) -> &str {
        self.query.split('&').find_map(|pair| pair.strip_prefix("api-version=")).unwrap_or_default()
    }

    pub fn id(&self) -> ResourceId {
        ResourceId::parse(&self.path).unwrap()
    }
}

/// The embedded ARM with a client whose requests are noted.
pub struct World {
    pub emulator: Arc<Emulator>,
    pub clock: SharedClock,
    pub random: SharedRandom,
    sent: Arc<Mutex<Vec<Sent>>>,
}

impl World {
    /// An empty world in which a service takes ten minutes to activate. Needs paused time.
    pub fn new(adjust: impl FnOnce(&mut Options)) -> Self {
        let clock: SharedClock = Arc::new(VirtualClock::starting_at(datetime!(2026-11-22 12:00 UTC)));
        let random: SharedRandom = Arc::new(SeededRandom::new(7));
        let mut options =
            Options { clock: clock.clone(), random: random.clone(), activation: Duration::from_secs(600), ..Options::default() };
        adjust(&mut options);
        let emulator = Arc::new(Emulator::open(options).unwrap());
        Self { emulator, clock, random, sent: Arc::default() }
    }

    pub fn client(&self) -> ArmClient {
        let (emulator, sent) = (self.emulator.clone(), self.sent.clone());
        let transport = InProcess::new(move |request: http::Request<bytes::Bytes>| {
            let (emulator, sent) = (emulator.clone(), sent.clone());
            async move {
                let method = request.method().to_string();
                let path = request.uri().path().to_owned();
                let query = request.uri().query().unwrap_or_default().to_owned();
                let body = serde_json::from_slice(request.body()).unwrap_or(Value::Null);
                let mut response = emulator.handle(request).await;
                if response.extensions().get::<DroppedAnswer>().is_some() {
                    response.extensions_mut().insert(Lost);
                }
                sent.lock().unwrap().push(Sent { method, path, query, body });
                response
            }
        });
        ArmClient::new(ClientOptions {
            transport: Some(Arc::new(transport)),
            random: self.random.clone(),
            ..ClientOptions::new(Cloud::public(), Arc::new(StaticCredential::new("test")), self.clock.clone())
        })
    }

    /// Takes the requests since the last call.
    pub fn take_sent(&self) -> Vec<Sent> {
        std::mem::take(&mut *self.sent.lock().unwrap())
    }

    /// The specification's deployment; its accounts are seeded.
    pub fn deployment(&self, loaded: &Loaded, adjust: impl FnOnce(&mut Settings)) -> Deployment {
        let (desired, findings) = desired::compile(loaded, &context());
        let errors: Vec<_> = findings.iter().filter(|finding| finding.is_error()).collect();
        assert!(errors.is_empty(), "{errors:#?}");
        self.emulator.seed(&LocalArm::fixture_for(&desired)).unwrap();
        let mut settings = Settings::new(self.clock.clone(), self.random.clone());
        adjust(&mut settings);
        Deployment::new(self.client(), desired, loaded.policies.clone(), settings)
    }
}

/// The names that `--local` uses.
pub fn context() -> Context {
    Context {
        subscription_id: apimctl::emulator::DEFAULT_SUBSCRIPTION.to_owned(),
        tenant_id: apimctl::emulator::DEFAULT_TENANT.to_owned(),
        gateway_suffix: "azure-api.net".to_owned(),
        cognitive_services_audience: "https://cognitiveservices.azure.com".to_owned(),
    }
}

/// Reads a specification that has no errors.
pub fn load(path: &Path) -> Loaded {
    let loaded = load::load(path, &LoadOptions { local: true, ..LoadOptions::default() }).unwrap();
    let errors: Vec<_> = loaded.findings.iter().filter(|finding| finding.is_error()).collect();
    assert!(errors.is_empty(), "{}: {errors:#?}", path.display());
    loaded
}

/// Plans and applies.
pub async fn apply(deployment: &Deployment) -> Result<Applied, DeployError> {
    let plan = deployment.plan().await?;
    deployment.apply(&plan, &Discard, Cancellation::never()).await
}
