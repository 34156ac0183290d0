//! The embedded ARM, through `Emulator::handle` only.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, which clippy does not know for such")]

mod access;
mod apis;
mod clients;
mod conditions;
mod dependencies;
mod faults;
mod goldens;
mod hostile;
mod monitoring;
mod operations;
mod paging;
mod persistence;
mod policies;
mod process;
mod services;
mod throttling;

use std::sync::Arc;
use std::time::Duration;

use apimctl::emulator::{DEFAULT_SUBSCRIPTION, Emulator, Fixture, Options};
use apimctl::support::clock::VirtualClock;
use apimctl::support::random::SeededRandom;
use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::{Value, json};
use time::macros::datetime;

const VERSION: &str = "2024-05-01";
const PREVIEW: &str = "2025-03-01-preview";

/// An answer, read.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    pub(crate) dropped: bool,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn code(&self) -> &str {
        self.body.pointer("/error/code").and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn message(&self) -> &str {
        self.body.pointer("/error/message").and_then(Value::as_str).unwrap_or_default()
    }

    /// Targets and messages of the details.
    pub(crate) fn details(&self) -> Vec<(String, String)> {
        let details = self.body.pointer("/error/details").and_then(Value::as_array).cloned().unwrap_or_default();
        let text = |detail: &Value, name: &str| detail[name].as_str().unwrap_or_default().to_owned();
        details.iter().map(|detail| (text(detail, "target"), text(detail, "message"))).collect()
    }

    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }

    pub(crate) fn properties(&self) -> &Value {
        &self.body["properties"]
    }
}

/// One tenant with one service in one group.
pub(crate) struct World {
    pub(crate) emulator: Emulator,
}

/// Options of a test: virtual time, repeatable randomness, a create of 40 minutes.
pub(crate) fn options() -> Options {
    Options {
        activation: Duration::from_secs(2400),
        ..Options::new(Arc::new(VirtualClock::starting_at(datetime!(2026-03-01 12:00 UTC))), Arc::new(SeededRandom::new(7)))
    }
}

pub(crate) fn group() -> String {
    format!("/subscriptions/{DEFAULT_SUBSCRIPTION}/resourceGroups/rg")
}

pub(crate) fn svc() -> String {
    format!("{}/providers/Microsoft.ApiManagement/service/apim-test", group())
}

pub(crate) fn service_body(sku: &str) -> Value {
    json!({
        "location": "westus",
        "sku": { "name": sku, "capacity": i32::from(sku != "Consumption") },
        "identity": { "type": "SystemAssigned" },
        "properties": { "publisherEmail": "publisher@contoso.com", "publisherName": "Contoso" }
    })
}

impl World {
    pub(crate) fn open(options: Options) -> Self {
        Self { emulator: Emulator::open(options).unwrap() }
    }

    /// A world whose service is ready.
    pub(crate) async fn with_service(options: Options, sku: &str) -> Self {
        let world = Self::open(options);
        world.put(&group(), json!({ "location": "westus" })).await.expect(201);
        world.put(&svc(), service_body(sku)).await.expect(201);
        world.pass(2400).await;
        world
    }

    pub(crate) async fn developer() -> Self {
        Self::with_service(options(), "Developer").await
    }

    /// Lets time pass.
    pub(crate) async fn pass(&self, seconds: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    pub(crate) async fn send(&self, method: Method, uri: &str, headers: &[(&str, &str)], body: Option<Value>) -> Reply {
        let uri = if uri.contains("api-version=") || uri.contains("no-version") {
            uri.to_owned()
        } else {
            format!("{uri}{}api-version={VERSION}", if uri.contains('?') { '&' } else { '?' })
        };
        let uri = uri.strip_prefix("https://management.azure.com").unwrap_or(&uri).to_owned();
        let mut request = http::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()))).unwrap();
        let response = self.emulator.handle(request).await;
        let body = if response.body().is_empty() { Value::Null } else { serde_json::from_slice(response.body()).unwrap() };
        Reply {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body,
            dropped: response.extensions().get::<apimctl::emulator::DroppedAnswer>().is_some(),
        }
    }

    pub(crate) async fn get(&self, uri: &str) -> Reply {
        self.send(Method::GET, uri, &[], None).await
    }

    pub(crate) async fn head(&self, uri: &str) -> Reply {
        self.send(Method::HEAD, uri, &[], None).await
    }

    pub(crate) async fn put(&self, uri: &str, body: Value) -> Reply {
        self.send(Method::PUT, uri, &[], Some(body)).await
    }

    pub(crate) async fn patch(&self, uri: &str, body: Value) -> Reply {
        self.send(Method::PATCH, uri, &[("if-match", "*")], Some(body)).await
    }

    pub(crate) async fn post(&self, uri: &str, body: Value) -> Reply {
        self.send(Method::POST, uri, &[], Some(body)).await
    }

    pub(crate) async fn delete(&self, uri: &str) -> Reply {
        self.send(Method::DELETE, uri, &[("if-match", "*")], None).await
    }

    /// A PUT that is accepted, waited for, and polled.
    pub(crate) async fn settle(&self, uri: &str, body: Value) -> Reply {
        let accepted = self.put(uri, body).await;
        assert!(matches!(accepted.status, 200 | 201), "{accepted:?}");
        self.pass(3).await;
        self.get(accepted.header("location")).await
    }

    pub(crate) async fn named_value(&self, name: &str, value: &str, secret: bool) {
        let body = json!({ "properties": { "displayName": name, "value": value, "secret": secret } });
        self.settle(&format!("{}/namedValues/{name}", svc()), body).await.expect(201);
    }

    pub(crate) async fn backend(&self, name: &str) {
        let body = json!({ "properties": { "url": format!("https://{name}.openai.azure.com/openai"), "protocol": "http" } });
        self.put(&format!("{}/backends/{name}", svc()), body).await.expect(201);
    }

    pub(crate) async fn api(&self, name: &str) {
        let body = json!({ "properties": { "displayName": name, "path": name, "protocols": ["https"] } });
        self.put(&format!("{}/apis/{name}", svc()), body).await.expect(201);
    }

    pub(crate) async fn policy(&self, at: &str, value: &str) -> Reply {
        self.put(&format!("{at}/policies/policy"), json!({ "properties": { "format": "rawxml", "value": value } })).await
    }

    pub(crate) fn seed(&self, fixture: Value) {
        let fixture: Fixture = serde_json::from_value(fixture).unwrap();
        self.emulator.seed(&fixture).unwrap();
    }
}
