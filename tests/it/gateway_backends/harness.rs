//! A gateway from ARM resources, with clients and backends that are in memory.

use std::collections::{HashMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apimctl::arm::ResourceId;
use apimctl::arm::store::{Store, Stored};
use apimctl::gateway::front::{self, Drain, Limits, Peer};
use apimctl::gateway::settings::Settings;
use apimctl::gateway::state::State;
use apimctl::gateway::upstream::{ConnectFailure, Connected, Connector, HttpVersion, Phase, Protocol, Target};
use apimctl::gateway::{Endpoint, Gateway, GatewayOptions};
use apimctl::identity::TokenSource;
use apimctl::support::clock::{SharedClock, VirtualClock};
use apimctl::support::random::SeededRandom;
use bytes::Bytes;
use futures::future::BoxFuture;
use http_body_util::{BodyExt, Full};
use hyper::ext::ReasonPhrase;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

/// What a backend does with one request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Answers.
    Status(u16, Vec<(&'static str, String)>, String),
    /// Does not even take the connection.
    Refused,
    /// Closes the connection without a byte.
    Cut,
    /// Says nothing.
    Hangs,
    /// Writes these bytes, each after a time, and closes.
    Raw(Vec<(Duration, &'static str)>),
}

impl Reply {
    pub fn ok() -> Self {
        Self::status(200)
    }

    pub fn status(status: u16) -> Self {
        Self::Status(status, Vec::new(), format!("answer {status}"))
    }

    pub fn limited(seconds: u64) -> Self {
        Self::Status(429, vec![("retry-after", seconds.to_string())], "slow down".to_owned())
    }
}

/// A request as a backend saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub host: String,
    pub head: String,
    pub body: String,
}

impl Seen {
    pub fn line(&self) -> &str {
        self.head.lines().next().unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "))
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

/// All backends, by host. A host without a script answers 200.
#[derive(Default)]
pub struct Backends {
    scripts: Mutex<HashMap<String, VecDeque<Reply>>>,
    seen: Mutex<Vec<Seen>>,
    gone: Mutex<Vec<String>>,
    /// Hosts that answer wishes for a WebSocket so.
    refusing: Mutex<HashMap<String, Reply>>,
}

impl Backends {
    /// What `<host>.test` does next.
    pub fn script(&self, host: &str, replies: impl IntoIterator<Item = Reply>) {
        self.scripts.lock().unwrap().insert(format!("{host}.test"), replies.into_iter().collect());
    }

    /// `<host>.test` agrees to no WebSocket.
    pub fn refuse_upgrades(&self, host: &str, reply: Reply) {
        self.refusing.lock().unwrap().insert(format!("{host}.test"), reply);
    }

    fn next(&self, host: &str) -> Reply {
        self.scripts.lock().unwrap().get_mut(host).and_then(VecDeque::pop_front).unwrap_or_else(Reply::ok)
    }

    fn refuses(&self, host: &str) -> bool {
        let mut scripts = self.scripts.lock().unwrap();
        let Some(script) = scripts.get_mut(host) else { return false };
        let refuses = matches!(script.front(), Some(Reply::Refused));
        if refuses {
            script.pop_front();
        }
        refuses
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Hosts in the order in which they were asked.
    pub fn hosts(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.host.trim_end_matches(".test").to_owned()).collect()
    }

    pub fn forget(&self) {
        self.seen.lock().unwrap().clear();
    }

    /// Hosts whose caller went away while they said nothing.
    pub fn gone(&self) -> Vec<String> {
        self.gone.lock().unwrap().clone()
    }

    async fn serve(self: Arc<Self>, host: String, mut stream: DuplexStream) {
        let mut bytes = Vec::new();
        let head = loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                let rest = bytes.split_off(end + 4);
                break (String::from_utf8(std::mem::replace(&mut bytes, rest)).unwrap()).trim_end().to_owned();
            }
            if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return;
            }
        };
        let mut seen = Seen { host: host.clone(), head, body: String::new() };
        if seen.header("transfer-encoding").is_some() {
            while !bytes.ends_with(b"0\r\n\r\n") {
                assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0);
            }
            let text = String::from_utf8(bytes).unwrap();
            seen.body = text.split("\r\n").enumerate().filter(|(place, _)| place % 2 == 1).map(|(_, piece)| piece).collect();
        } else {
            let length: usize = seen.header("content-length").map_or(0, |length| length.parse().unwrap());
            while bytes.len() < length {
                assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0);
            }
            seen.body = String::from_utf8(bytes).unwrap();
        }
        let upgrade = seen.header("upgrade").is_some();
        self.seen.lock().unwrap().push(seen);
        let refusal = self.refusing.lock().unwrap().get(&host).cloned().filter(|_| upgrade);
        let upgrade = upgrade && refusal.is_none();
        let reply = refusal.unwrap_or_else(|| self.next(&host));
        if upgrade {
            stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n").await.unwrap();
            let mut frame = [0; 4];
            stream.read_exact(&mut frame).await.unwrap();
            frame.reverse();
            stream.write_all(&frame).await.unwrap();
            return;
        }
        match reply {
            Reply::Refused | Reply::Cut => {}
            Reply::Hangs => {
                assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0);
                self.gone.lock().unwrap().push(host);
            }
            Reply::Raw(pieces) => {
                for (wait, piece) in pieces {
                    tokio::time::sleep(wait).await;
                    if stream.write_all(piece.as_bytes()).await.is_err() {
                        self.gone.lock().unwrap().push(host);
                        return;
                    }
                }
            }
            Reply::Status(status, headers, body) => {
                let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
                let text =
                    format!("HTTP/1.1 {status} Own Reason\r\n{headers}connection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                let _ = stream.write_all(text.as_bytes()).await;
            }
        }
    }
}

impl Connector for InMemory {
    fn connect<'a>(&'a self, target: &'a Target, _: HttpVersion) -> BoxFuture<'a, Result<Connected, ConnectFailure>> {
        let host = target.host().to_owned();
        Box::pin(async move {
            if self.0.refuses(&host) {
                return Err(ConnectFailure::new(Phase::Connect, std::io::ErrorKind::ConnectionRefused.into()));
            }
            let (ours, theirs) = duplex(64 * 1024);
            tokio::spawn(self.0.clone().serve(host, theirs));
            Ok(Connected { io: Box::new(ours), protocol: Protocol::Http1 })
        })
    }
}

struct InMemory(Arc<Backends>);

/// What a caller got.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub reason: String,
    pub headers: http::HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// What a world is made of.
pub struct Setup {
    resources: Vec<Stored>,
    pub settings: Settings,
    tokens: Option<Arc<dyn TokenSource>>,
    clock: SharedClock,
}

pub fn service() -> ResourceId {
    ResourceId::parse(
        "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.ApiManagement/service/apim",
    )
    .unwrap()
}

pub fn stored(id: ResourceId, body: Value) -> Stored {
    Stored { id, body, secrets: std::collections::BTreeMap::new(), etag: "\"1\"".to_owned(), internal: Value::Null }
}

pub fn policy(owner: &ResourceId, text: &str) -> Stored {
    stored(owner.child("policies", "policy"), json!({ "properties": { "value": text, "format": "rawxml" } }))
}

impl Setup {
    /// One API `echo` for any GET and POST, that forwards to `http://service.test/api`.
    pub fn new() -> Self {
        let service = service();
        let identity = json!({
            "type": "SystemAssigned, UserAssigned",
            "principalId": "aaaaaaaa-0000-0000-0000-000000000001",
            "tenantId": "bbbbbbbb-0000-0000-0000-000000000001",
            "userAssignedIdentities": { "/subscriptions/x/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/own": {
                "principalId": "aaaaaaaa-0000-0000-0000-000000000002", "clientId": "cccccccc-0000-0000-0000-000000000002"
            } }
        });
        let mut setup = Self {
            resources: vec![stored(
                service.clone(),
                json!({ "name": "apim", "location": "East US", "sku": { "name": "Developer" }, "identity": identity, "properties": {} }),
            )],
            settings: Settings::default(),
            tokens: None,
            clock: Arc::new(VirtualClock::starting_at(time::macros::datetime!(2026-11-01 12:00:00 UTC))),
        };
        setup.api("echo", json!({}));
        setup
            .resources
            .push(policy(&service, "<policies><inbound/><backend><forward-request/></backend><outbound/><on-error/></policies>"));
        setup
    }

    pub fn clock(&self) -> SharedClock {
        self.clock.clone()
    }

    fn api(&mut self, name: &str, more: Value) {
        let api = service().child("apis", name);
        let mut properties = json!({
            "displayName": name, "path": name, "protocols": ["https"], "subscriptionRequired": false, "apiRevision": "1", "isCurrent": true,
            "serviceUrl": "http://service.test/api"
        });
        for (member, value) in more.as_object().unwrap() {
            properties[member] = value.clone();
        }
        let websocket = properties["type"] == "websocket";
        self.resources.push(stored(api.clone(), json!({ "properties": properties })));
        for method in ["GET", "POST"].into_iter().filter(|_| !websocket) {
            let operation = json!({ "displayName": method, "method": method, "urlTemplate": "/*" });
            self.resources.push(stored(api.child("operations", method), json!({ "properties": operation })));
        }
    }

    /// Another API.
    pub fn another(mut self, name: &str, more: Value) -> Self {
        self.api(name, more);
        self
    }

    /// The document of an API.
    pub fn document_of(mut self, api: &str, text: &str) -> Self {
        self.resources.push(policy(&service().child("apis", api), text));
        self
    }

    /// The document of the API `echo`.
    pub fn document(self, text: &str) -> Self {
        self.document_of("echo", text)
    }

    /// The document of all APIs.
    pub fn global(mut self, text: &str) -> Self {
        self.resources.retain(|resource| resource.id != service().child("policies", "policy"));
        self.resources.push(policy(&service(), text));
        self
    }

    pub fn backend(mut self, name: &str, properties: Value) -> Self {
        self.resources.push(stored(service().child("backends", name), json!({ "properties": properties })));
        self
    }

    /// Any resource.
    pub fn resource(mut self, resource: Stored) -> Self {
        self.resources.push(resource);
        self
    }

    /// A single backend at `http://<name>.test/openai`; `more` is added.
    pub fn single(self, name: &str, more: Value) -> Self {
        let mut properties = json!({ "url": format!("http://{name}.test/openai"), "protocol": "http", "type": "Single" });
        for (member, value) in more.as_object().unwrap() {
            properties[member] = value.clone();
        }
        self.backend(name, properties)
    }

    /// A pool; members are name, priority, weight.
    pub fn pool(self, name: &str, members: &[(&str, u32, u32)], more: Value) -> Self {
        let services: Vec<Value> = members
            .iter()
            .map(|(id, priority, weight)| json!({ "id": service().child("backends", id).as_str(), "priority": priority, "weight": weight }))
            .collect();
        let mut pool = json!({ "services": services });
        for (member, value) in more.as_object().unwrap() {
            pool[member] = value.clone();
        }
        self.backend(name, json!({ "type": "Pool", "pool": pool, "url": null, "protocol": null }))
    }

    pub fn settings(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    pub fn tokens(mut self, source: Arc<dyn TokenSource>) -> Self {
        self.tokens = Some(source);
        self
    }

    /// Without any identity of the service.
    pub fn without_identity(mut self) -> Self {
        self.resources[0].body.as_object_mut().unwrap().remove("identity");
        self
    }

    pub fn start(self) -> World {
        let store = Store::default();
        store.commit(self.resources, []);
        let backends = Arc::new(Backends::default());
        let mut state = State::new(self.clock, Arc::new(SeededRandom::new(7)));
        if let Some(tokens) = self.tokens {
            state = state.with_tokens(tokens);
        }
        let connector = Arc::new(InMemory(backends.clone()));
        let options = GatewayOptions { settings: self.settings, ..GatewayOptions::new(store.clone(), service(), state, connector) };
        let gateway = Gateway::new(options).unwrap();
        let endpoint = gateway.endpoint();
        World { store, gateway, endpoint, backends }
    }
}

/// A gateway at work.
pub struct World {
    pub store: Store,
    pub gateway: Arc<Gateway>,
    pub endpoint: Endpoint,
    pub backends: Arc<Backends>,
}

impl World {
    /// A client's connection.
    pub fn connection(&self) -> DuplexStream {
        let (ours, theirs) = duplex(64 * 1024);
        let address = |last, port| SocketAddr::from((Ipv4Addr::new(203, 0, 113, last), port));
        let settings = front::Settings::new(Limits::default(), self.gateway.clock().clone());
        let endpoint = Arc::new(self.endpoint.clone());
        tokio::spawn(async move {
            front::serve(theirs, Peer::plain(address(7, 50000), address(1, 80)), endpoint, &settings, &Drain::new()).await
        });
        ours
    }

    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(self.connection())).await.unwrap();
        tokio::spawn(connection);
        let mut request = http::Request::builder().method(method).uri(path);
        if headers.iter().all(|(name, _)| *name != "host") {
            request = request.header("host", "gateway.test");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = sender.send_request(request.body(Full::new(Bytes::from(body.to_owned()))).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status.as_u16(),
            reason: parts.extensions.get::<ReasonPhrase>().map_or_else(
                || parts.status.canonical_reason().unwrap_or_default().to_owned(),
                |reason| String::from_utf8(reason.as_bytes().to_vec()).unwrap(),
            ),
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await
    }

    pub async fn post(&self, path: &str, body: &str) -> Answer {
        self.send("POST", path, &[], body).await
    }

    /// Statuses of so many calls in a row.
    pub async fn statuses(&self, calls: usize) -> Vec<u16> {
        let mut statuses = Vec::new();
        for _ in 0..calls {
            statuses.push(self.get("/echo/x").await.status);
        }
        statuses
    }

    /// Changes a backend's properties as an ARM PUT does, and serves the change.
    pub fn change_backend(&self, name: &str, properties: Value) {
        self.store.commit([stored(service().child("backends", name), json!({ "properties": properties }))], []);
        self.gateway.reload().unwrap();
    }
}

pub async fn pass(seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
}

/// A rule that trips at the first 429 or 5xx, for a minute.
pub fn breaker(more: Value) -> Value {
    let mut rule = json!({
        "name": "rule",
        "failureCondition": { "count": 1, "interval": "PT1M", "statusCodeRanges": [{ "min": 429, "max": 429 }, { "min": 500, "max": 599 }] },
        "tripDuration": "PT1M"
    });
    for (member, value) in more.as_object().unwrap() {
        if member == "failureCondition" {
            for (member, value) in value.as_object().unwrap() {
                rule["failureCondition"][member] = value.clone();
            }
        } else {
            rule[member] = value.clone();
        }
    }
    json!({ "circuitBreaker": { "rules": [rule] } })
}

/// `retry` around `forward-request`, as Microsoft's newer samples have it.
pub fn retrying(count: u32, condition: &str, attributes: &str) -> String {
    format!(
        r#"<policies><inbound><base/><set-backend-service backend-id="pool"/></inbound>
        <backend><retry count="{count}" interval="0" condition="{condition}"><forward-request {attributes}/></retry></backend>
        <outbound><base/></outbound>
        <on-error><base/><set-header name="x-reason"><value>@(context.LastError.Reason)</value></set-header>
        <set-header name="x-source"><value>@(context.LastError.Source)</value></set-header>
        <set-header name="x-section"><value>@(context.LastError.Section)</value></set-header>
        <set-header name="x-status"><value>@(context.Response.StatusCode.ToString())</value></set-header></on-error></policies>"#
    )
}

/// Safe when there is no response: a transport failure.
pub const SAFE: &str = "@(context.Response == null || context.Response.StatusCode == 429 || context.Response.StatusCode >= 500)";
