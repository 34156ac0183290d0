//! A gateway without sockets: resources through the embedded ARM, requests as raw HTTP over in-memory connections.

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
use apimctl::gateway::worker::{Limits, Plain, Tracing};
use apimctl::gateway::{Gateway, GatewayOptions};
use apimctl::identity::{Issuer, IssuerOptions, LocalTokens};
use apimctl::support::clock::{SharedClock, VirtualClock};
use apimctl::support::jwt::SigningKey;
use apimctl::support::random::{SeededRandom, SharedRandom};
use bytes::Bytes;
use serde_json::{Value, json};
use time::macros::datetime;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::backends::Backends;

static SIGNING_KEY: OnceLock<String> = OnceLock::new();

/// Knows preview properties too.
const API_VERSION: &str = "2024-06-01-preview";

pub fn service_id() -> ResourceId {
    ResourceId::resource_group(DEFAULT_SUBSCRIPTION, "rg").provider("Microsoft.ApiManagement/service", "apim-cases")
}

/// ARM with one service, filled through its own front door.
pub struct Arm {
    pub emulator: Arc<Emulator>,
    pub clock: SharedClock,
    pub random: SharedRandom,
}

impl Arm {
    /// With a service that nothing but its built-in entities is in.
    pub fn new(sku: &str) -> Self {
        let clock: SharedClock = Arc::new(VirtualClock::starting_at(datetime!(2026-11-22 12:00 UTC)));
        let random: SharedRandom = Arc::new(SeededRandom::new(11));
        let emulator = Emulator::open(Options { activation: Duration::ZERO, ..Options::new(clock.clone(), random.clone()) }).unwrap();
        let fixture: Fixture = serde_json::from_value(json!({ "resources": [{
            "id": service_id().to_string(), "location": "eastus", "sku": { "name": sku, "capacity": if sku == "Consumption" { 0 } else { 1 } },
            "identity": { "type": "SystemAssigned" },
            "properties": { "publisherName": "cases", "publisherEmail": "cases@example.com" }
        }] }))
        .unwrap();
        emulator.seed(&fixture).unwrap();
        Self { emulator: Arc::new(emulator), clock, random }
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
        let uri = format!("https://management.azure.com{}/{path}?api-version={API_VERSION}", service_id());
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
        let issuer = Issuer::with_key(SigningKey::from_pem(key).unwrap(), options);
        let state = State::new(arm.clock.clone(), arm.random.clone()).with_tokens(Arc::new(LocalTokens::new(Arc::new(issuer))));
        let (counters, traces) = (Arc::new(Counters::default()), Arc::new(Traces::default()));
        let gateway = Gateway::new(GatewayOptions {
            observers: vec![counters.clone(), traces.clone()],
            // A loop that runs away is stopped soon enough for a test without optimization.
            limits: Limits { expression_steps: 1_000_000, ..Limits::default() },
            settings,
            plain,
            tracing: Tracing::Asked,
            ..GatewayOptions::new(store, service_id(), state, Arc::new(backends.clone()))
        })
        .unwrap();
        Self::watched(gateway, counters, traces)
    }

    /// One worker of this gateway.
    pub fn over(gateway: Arc<Gateway>) -> Self {
        Self::watched(gateway, Arc::default(), Arc::default())
    }

    fn watched(gateway: Arc<Gateway>, counters: Arc<Counters>, traces: Arc<Traces>) -> Self {
        let endpoint = Arc::new(gateway.endpoint());
        let front = Arc::new(front::Settings::new(front::Limits::default(), gateway.clock().clone()));
        let admin = Admin { state: gateway.state().clone(), counters, traces };
        Self { gateway, admin, endpoint, front, drain: Drain::new() }
    }

    /// What the admin endpoint answers.
    pub async fn ask(&self, path_and_query: &str) -> Received {
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        let response = self.admin.answer(&http::Method::GET, path, query);
        let status = response.status().as_u16();
        let body = response.into_body().collect(1 << 24).await.unwrap();
        Received { status, reason: String::new(), headers: Vec::new(), body: String::from_utf8_lossy(&body).into_owned() }
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
        let mut connection = self.connect();
        connection.write_all(request).await.unwrap();
        let mut bytes = Vec::new();
        connection.read_to_end(&mut bytes).await.unwrap();
        parse(&bytes)
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
    let body = if chunked { unchunked(rest) } else { rest.to_vec() };
    Received { status, reason, headers, body: String::from_utf8_lossy(&body).into_owned() }
}

fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(line) = bytes.windows(2).position(|window| window == b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&bytes[..line]).unwrap().split(';').next().unwrap(), 16).unwrap();
        if length == 0 {
            break;
        }
        let start = line + 2;
        // A body that was cut ends in the middle.
        let end = (start + length).min(bytes.len());
        out.extend_from_slice(&bytes[start..end]);
        bytes = bytes.get(end + 2..).unwrap_or_default();
    }
    out
}
