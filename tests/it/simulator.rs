//! The simulator through its public interface, on virtual time and in memory.

mod cases;
mod command;
mod connections;
mod limits;
mod rules;
mod streams;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use apimctl::identity::{Issuer, IssuerOptions, Subject, Version};
use apimctl::simulator::behavior::from_yaml;
use apimctl::simulator::{Account, Accounts, Behavior, Cut, Deployment, Directory, Options, Principals, SimBody, Simulator, TokenCheck};
use apimctl::support::clock::{SharedClock, VirtualClock};
use apimctl::support::jwt::SigningKey;
use apimctl::support::random::SeededRandom;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use time::macros::datetime;

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const CHAT: &str = "/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21";

/// Two regions and an account without a subdomain; all keys are `key-1` and `key-2`, `reader` may use all.
fn accounts() -> Vec<Account> {
    let deployments = [
        ("gpt-4o-mini", "2024-07-18"),
        ("o4-mini", "2025-04-16"),
        ("gpt-35-turbo-instruct", "0914"),
        ("text-embedding-3-small", "1"),
        ("text-embedding-ada-002", "2"),
    ];
    let account = |name: &str, location: &str| {
        let account = Account::new(name, location).with_key("key-1").with_key("key-2");
        deployments.iter().fold(account, |account, (model, version)| account.with(Deployment::new(*model, *model, *version)))
    };
    let mut plain = account("plain", "westeurope");
    plain.custom_subdomain = None;
    vec![account("france", "francecentral"), account("sweden", "swedencentral"), plain]
}

fn issuer(clock: &SharedClock) -> Arc<Issuer> {
    static PEM: OnceLock<String> = OnceLock::new();
    let pem = PEM.get_or_init(|| SigningKey::generate().unwrap().to_pem().unwrap().into_exposed());
    let options = IssuerOptions {
        authority: "https://localhost:8443".to_owned(),
        tenant_id: TENANT.to_owned(),
        clock: clock.clone(),
        random: Arc::new(SeededRandom::new(2)),
    };
    Arc::new(Issuer::with_key(SigningKey::from_pem(pem).unwrap(), options))
}

fn token(issuer: &Issuer, principal: &str, audience: &str) -> String {
    let subject = Subject { tenant_id: TENANT.to_owned(), object_id: principal.to_owned(), app_id: "app".to_owned(), roles: Vec::new() };
    issuer.issue(&subject, audience, Version::V1).unwrap().token.into_exposed()
}

struct Fixture {
    simulator: Simulator,
    issuer: Arc<Issuer>,
}

fn behavior(yaml: &str) -> Behavior {
    let file = from_yaml(Path::new("behavior.yaml"), yaml.as_bytes().to_vec(), &[]);
    assert!(file.findings.is_empty(), "{:?}", file.findings);
    file.behavior.unwrap()
}

fn fixture_with(accounts: Vec<Account>, behavior: Behavior) -> Fixture {
    let clock: SharedClock = Arc::new(VirtualClock::starting_at(datetime!(2026-01-01 0:00 UTC)));
    let issuer = issuer(&clock);
    let may: BTreeMap<_, _> = accounts.iter().map(|account| (account.name.clone(), BTreeSet::from(["reader".to_owned()]))).collect();
    let directory: Arc<dyn Directory> = Arc::new(Accounts::new(accounts).used_by(Principals::Named(may)));
    let simulator = Simulator::new(Options {
        tokens: TokenCheck::Issuer(issuer.clone()),
        behavior,
        admin: true,
        ..Options::new(directory, clock, Arc::new(SeededRandom::new(1)))
    });
    Fixture { simulator, issuer }
}

fn simulator(yaml: &str) -> Simulator {
    fixture_with(accounts(), behavior(yaml)).simulator
}

fn chat(body: &Value) -> Request<Full<Bytes>> {
    request("POST", CHAT, &[("api-key", "key-1")], body.to_string())
}

fn request(method: &str, path: &str, headers: &[(&str, &str)], body: String) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::new(Bytes::from(body))).unwrap()
}

fn hello() -> Value {
    json!({ "messages": [{ "role": "user", "content": "Hello" }] })
}

fn streamed() -> Value {
    json!({ "messages": [{ "role": "user", "content": "Hello" }], "stream": true, "stream_options": { "include_usage": true } })
}

async fn text(response: Response<SimBody>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// Every frame until the end, and whether it ended as it should.
async fn frames(response: Response<SimBody>) -> (Vec<String>, Result<(), Cut>) {
    let mut body = response.into_body();
    let mut frames = Vec::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => frames.push(String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()),
            Err(cut) => return (frames, Err(cut)),
        }
    }
    (frames, Ok(()))
}

/// The JSON of `data:` lines; `[DONE]` is left out.
fn events(text: &str) -> Vec<Value> {
    let data = text.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}
