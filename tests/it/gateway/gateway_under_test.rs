//! A gateway without sockets: resources through the embedded ARM, requests as raw HTTP over in-memory connections.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use apimctl::arm::ResourceId;
use apimctl::arm::store::Store;
use apimctl::emulator::{DEFAULT_SUBSCRIPTION, Emulator, Fixture, Options};
use apimctl::gateway::admin::Admin;
use apimctl::gateway::counters::Counters;
use apimctl::gateway::front::{self, Drain, Peer};
use apimctl::gateway::settings::Settings;
use apimctl::gateway::state::State;
use apimctl::gateway::trace::Traces;
use apimctl::gateway::upstream::Connector;
use apimctl::gateway::worker::{Limits, Plain, Tracing};
use apimctl::gateway::{Gateway, GatewayOptions};
use apimctl::identity::{Issuer, IssuerOptions, LocalTokens};
use apimctl::simulator::{self, Simulator, TokenCheck};
use apimctl::support::clock::{SharedClock, VirtualClock};
use apimctl::support::jwt::SigningKey;
use apimctl::support::random::{SeededRandom, SharedRandom};
use apimctl::support::secret::Secret;
use apimctl::world::{Simulated, StoredAccounts};
use bytes::Bytes;
use serde_json::{Value, json};
use time::macros::datetime;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::backends::Backends;

static SIGNING_KEY: OnceLock<String> = OnceLock::new();

/// Knows preview properties too.
pub const API_VERSION: &str = "2024-06-01-preview";

fn account_id(name: &str) -> ResourceId {
    ResourceId::resource_group(DEFAULT_SUBSCRIPTION, "rg").provider("Microsoft.CognitiveServices/accounts", name)
}

pub fn service_id() -> ResourceId {
    ResourceId::resource_group(DEFAULT_SUBSCRIPTION, "rg").provider("Microsoft.ApiManagement/service", "apim-cases")
}

/// ARM with one service, filled through its own front door.
pub struct Arm {
    pub emulator: Arc<Emulator>,
    pub clock: SharedClock,
    pub random: SharedRandom,
    api_version: String,
    accounts: bool,
}

impl Arm {
    /// With a service that nothing but its built-in entities is in.
    pub fn new(sku: &str) -> Self {
        Self::with(sku, API_VERSION, &BTreeMap::new())
    }

    /// With simulated accounts too.
    pub fn with(sku: &str, api_version: &str, accounts: &BTreeMap<String, Vec<String>>) -> Self {
        let clock: SharedClock = Arc::new(VirtualClock::starting_at(datetime!(2026-11-22 12:00 UTC)));
        let random: SharedRandom = Arc::new(SeededRandom::new(11));
        let emulator = Emulator::open(Options { activation: Duration::ZERO, ..Options::new(clock.clone(), random.clone()) }).unwrap();
        let mut resources = vec![json!({
            "id": service_id().to_string(), "location": "eastus", "sku": { "name": sku, "capacity": if sku == "Consumption" { 0 } else { 1 } },
            "identity": { "type": "SystemAssigned" },
            "properties": { "publisherName": "cases", "publisherEmail": "cases@example.com" }
        })];
        for (name, deployments) in accounts {
            let id = account_id(name);
            let endpoint = format!("https://{name}.openai.azure.com/");
            resources.push(json!({
                "id": id.to_string(), "location": "eastus", "kind": "OpenAI", "sku": { "name": "S0" },
                "properties": { "endpoint": endpoint, "customSubDomainName": name, "provisioningState": "Succeeded" }
            }));
            resources.extend(deployments.iter().map(|deployment| {
                json!({
                    "id": id.child("deployments", deployment).to_string(), "sku": { "name": "GlobalStandard" },
                    "properties": { "model": { "format": "OpenAI", "name": deployment, "version": "1" }, "provisioningState": "Succeeded" }
                })
            }));
        }
        let fixture: Fixture = serde_json::from_value(json!({ "resources": resources })).unwrap();
        emulator.seed(&fixture).unwrap();
        Self { emulator: Arc::new(emulator), clock, random, api_version: api_version.to_owned(), accounts: !accounts.is_empty() }
    }

    /// Gives the service's own identity a role on an account.
    pub async fn assign(&self, account: &str, role: &str) -> Result<(), String> {
        let service = self.emulator.store().snapshot()[&service_id()].clone();
        let scope = account_id(account);
        let body = json!({ "properties": {
            "principalId": service.body["identity"]["principalId"],
            "principalType": "ServicePrincipal",
            "roleDefinitionId": format!("/subscriptions/{DEFAULT_SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{role}"),
        } });
        let path = format!(
            "{scope}/providers/Microsoft.Authorization/roleAssignments/{}?api-version=2022-04-01",
            uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, account.as_bytes())
        );
        let (status, answer) = self.send("PUT", &path, &body).await;
        if (200..300).contains(&status) { Ok(()) } else { Err(format!("the role on `{account}` was refused with {status}: {answer}")) }
    }

    /// Puts one entity of the service, which is not refused.
    pub async fn put(&self, path: &str, value: &Value) {
        self.try_put(path, value).await.unwrap();
    }

    /// Puts one entity of the service: properties, or the text of a policy or fragment.
    pub async fn try_put(&self, path: &str, value: &Value) -> Result<(), String> {
        let body = match value {
            Value::String(text) => json!({ "properties": { "format": "rawxml", "value": text } }),
            properties => json!({ "properties": properties }),
        };
        let (status, answer) = self.request("PUT", path, &body).await;
        // Some entities are made behind the first answer.
        self.emulator.tick();
        if (200..300).contains(&status) { Ok(()) } else { Err(format!("`{path}` was refused with {status}: {answer}")) }
    }

    pub async fn delete(&self, path: &str) {
        let (status, answer) = self.request("DELETE", path, &Value::Null).await;
        assert!((200..300).contains(&status), "`{path}` was not deleted, {status}: {answer}");
        // Some go only after the first answer.
        self.emulator.tick();
    }

    async fn request(&self, method: &str, path: &str, body: &Value) -> (u16, String) {
        self.send(method, &format!("{}/{path}?api-version={}", service_id(), self.api_version), body).await
    }

    /// An action below the service, at a version that has it.
    pub async fn post(&self, path: &str, body: &Value) -> Received {
        let (status, body) = self.send("POST", &format!("{}/{path}?api-version=2024-05-01", service_id()), body).await;
        Received { status, reason: String::new(), headers: Vec::new(), body, body_after: None, whole: true }
    }

    async fn send(&self, method: &str, path_and_query: &str, body: &Value) -> (u16, String) {
        let uri = format!("https://management.azure.com{path_and_query}");
        let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let request = http::Request::builder()
            .method(method)
            .uri(uri)
            .header("authorization", "Bearer test")
            .header("content-type", "application/json")
            .header("if-match", "*")
            .body(body)
            .unwrap();
        let response = self.emulator.handle(request).await;
        (response.status().as_u16(), String::from_utf8_lossy(response.body()).into_owned())
    }

    /// A store of its own with what ARM keeps now.
    pub fn copy(&self) -> Store {
        let store = Store::default();
        store.commit(self.emulator.store().snapshot().values().map(|stored| stored.as_ref().clone()), []);
        store
    }
}

/// A gateway over a store.
pub struct GatewayUnderTest {
    pub gateway: Arc<Gateway>,
    admin: Admin,
    endpoint: Arc<apimctl::gateway::Endpoint>,
    front: Arc<front::Settings>,
    drain: Drain,
}

/// An answer as it came over the wire.
#[derive(Debug, Clone)]
pub struct Received {
    pub status: u16,
    pub reason: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// From the request to the first byte of the body.
    pub body_after: Option<Duration>,
    /// Whether the body ended as its framing says.
    pub whole: bool,
}

impl Received {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Where requests come from.
pub const CALLER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9)), 50_000);

impl GatewayUnderTest {
    pub fn new(store: Store, arm: &Arm, settings: Settings, plain: Plain, backends: &Backends) -> Self {
        let options = IssuerOptions {
            authority: "https://login.microsoftonline.com".to_owned(),
            tenant_id: arm.emulator.caller().tenant_id,
            clock: arm.clock.clone(),
            random: arm.random.clone(),
        };
        // One key for all: to make one takes half a second without optimisation.
        let key = SIGNING_KEY.get_or_init(|| SigningKey::generate().unwrap().to_pem().unwrap().expose().clone());
        let issuer = Arc::new(Issuer::with_key(SigningKey::from_pem(key).unwrap(), options));
        let state = State::new(arm.clock.clone(), arm.random.clone()).with_tokens(Arc::new(LocalTokens::new(issuer.clone())));
        let mut connector: Arc<dyn Connector> = Arc::new(backends.clone());
        if arm.accounts {
            let accounts = StoredAccounts::new(arm.emulator.clone(), Secret::new("nobody knows".to_owned()));
            let options = simulator::Options::new(Arc::new(accounts), arm.clock.clone(), arm.random.clone());
            let simulator = Simulator::new(simulator::Options { tokens: TokenCheck::Issuer(issuer), ..options });
            connector = Arc::new(Simulated::new(simulator, connector));
        }
        let (counters, traces) = (Arc::new(Counters::default()), Arc::new(Traces::default()));
        let gateway = Gateway::new(GatewayOptions {
            observers: vec![counters.clone(), traces.clone()],
            // A loop that runs away is stopped soon enough for a test without optimization.
            limits: Limits { expression_steps: 1_000_000, ..Limits::default() },
            settings,
            plain,
            tracing: Tracing::Asked,
            ..GatewayOptions::new(store, service_id(), state, connector)
        })
        .unwrap();
        Self::watched(gateway, counters, traces)
    }

    /// One worker of this gateway, with who watches it.
    pub fn watched(gateway: Arc<Gateway>, counters: Arc<Counters>, traces: Arc<Traces>) -> Self {
        let endpoint = Arc::new(gateway.endpoint());
        let front = Arc::new(front::Settings::new(front::Limits::default(), gateway.clock().clone()));
        let admin = Admin { gateway: gateway.clone(), counters, traces };
        Self { gateway, admin, endpoint, front, drain: Drain::new() }
    }

    /// What the admin endpoint answers.
    pub async fn ask(&self, method: &str, path_and_query: &str) -> Received {
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        let response = self.admin.answer(&method.parse().unwrap(), path, query);
        let status = response.status().as_u16();
        let body = response.into_body().collect(1 << 24).await.unwrap();
        Received {
            status,
            reason: String::new(),
            headers: Vec::new(),
            body: String::from_utf8_lossy(&body).into_owned(),
            body_after: None,
            whole: true,
        }
    }

    /// A connection of a client.
    pub fn connect(&self) -> DuplexStream {
        let (client, server) = tokio::io::duplex(256 * 1024);
        let (endpoint, front, drain) = (self.endpoint.clone(), self.front.clone(), self.drain.clone());
        tokio::spawn(async move {
            let peer = Peer::plain(CALLER, SocketAddr::from(([203, 0, 113, 1], 443)));
            front::serve(server, peer, endpoint, &front, &drain).await;
        });
        client
    }

    /// Sends bytes as they are on a connection of their own and reads until the gateway closes it.
    pub async fn raw(&self, request: &[u8]) -> Received {
        let clock = self.gateway.clock().clone();
        let begun = clock.now();
        let mut connection = self.connect();
        connection.write_all(request).await.unwrap();
        let (mut bytes, mut body_after) = (Vec::new(), None);
        while connection.read_buf(&mut bytes).await.unwrap() > 0 {
            let head = bytes.windows(4).position(|window| window == b"\r\n\r\n");
            if body_after.is_none() && head.is_some_and(|head| bytes.len() > head + 4) {
                body_after = Some(clock.now().duration_since(begun));
            }
        }
        Received { body_after, ..parse(&bytes) }
    }

    /// Sends bytes, and goes away after a time.
    pub async fn leave(&self, request: &[u8], after: Duration) -> Received {
        let clock = self.gateway.clock().clone();
        let mut connection = self.connect();
        connection.write_all(request).await.unwrap();
        clock.sleep(after).await;
        drop(connection);
        // What is told to go has to be polled once more.
        clock.sleep(Duration::from_millis(1)).await;
        Received { status: 0, reason: String::new(), headers: Vec::new(), body: String::new(), body_after: None, whole: false }
    }
}

/// Reads one HTTP/1.1 response, chunked or not.
fn parse(bytes: &[u8]) -> Received {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or_else(|| {
        panic!("no answer but `{}`", String::from_utf8_lossy(bytes));
    });
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let mut status_line = lines.next().unwrap().splitn(3, ' ').skip(1);
    let status = status_line.next().unwrap().parse().unwrap();
    let reason = status_line.next().unwrap_or_default().to_owned();
    let headers: Vec<(String, String)> =
        lines.map(|line| line.split_once(':').unwrap()).map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
    let rest = &bytes[end + 4..];
    let chunked =
        headers.iter().any(|(name, value)| name.eq_ignore_ascii_case("transfer-encoding") && value.eq_ignore_ascii_case("chunked"));
    let announced = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length")).map(|(_, value)| value.parse().unwrap());
    let (body, whole) = if chunked { unchunked(rest) } else { (rest.to_vec(), announced.is_none_or(|length: usize| length <= rest.len())) };
    Received { status, reason, headers, body: String::from_utf8_lossy(&body).into_owned(), body_after: None, whole }
}

fn unchunked(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut out = Vec::new();
    while let Some(line) = bytes.windows(2).position(|window| window == b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&bytes[..line]).unwrap().split(';').next().unwrap(), 16).unwrap();
        if length == 0 {
            return (out, true);
        }
        let start = line + 2;
        // A body that was cut ends in the middle.
        let end = (start + length).min(bytes.len());
        out.extend_from_slice(&bytes[start..end]);
        bytes = bytes.get(end + 2..).unwrap_or_default();
    }
    (out, false)
}
