//! The examples behind a real gateway, with simulated accounts: what the tutorial promises.

use std::sync::Arc;
use std::time::Duration;

use apimctl::deploy::Deployment;
use apimctl::deploy::cancel::Cancellation;
use apimctl::deploy::events::Discard;
use apimctl::emulator::Options;
use apimctl::gateway::counters::Counters;
use apimctl::gateway::trace::Traces;
use apimctl::simulator::behavior::from_json;
use apimctl::support::clock::{SharedClock, VirtualClock};
use apimctl::support::random::{SeededRandom, SharedRandom};
use apimctl::world::{LocalArm, LocalWorld, WorldOptions};
use serde_json::{Value, json};
use time::macros::datetime;

use super::gateway_under_test::{GatewayUnderTest, Received};
use crate::support::{context, load, root};

pub const FRANCE: &str = "doveia-frc-ai-foundry";
pub const SWEDEN: &str = "doveia-sec-ai-foundry-resource";
pub const DEPLOYMENTS: &str = "/deployments/gpt-4o-mini/chat/completions?api-version=2024-02-15-preview";
pub const OPENAI: &str = "/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-02-15-preview";
const V1: &str = "/openai/v1/chat/completions";

pub struct Example {
    pub world: LocalWorld,
    pub gateway: GatewayUnderTest,
    pub clock: SharedClock,
    pub key: String,
}

impl Example {
    pub async fn new(name: &str) -> Self {
        let clock: SharedClock = Arc::new(VirtualClock::starting_at(datetime!(2026-11-22 12:00 UTC)));
        let random: SharedRandom = Arc::new(SeededRandom::new(5));
        let loaded = load(&root().join("examples").join(name));
        let (desired, _) = apimctl::deploy::desired::compile(&loaded, &context());
        let options = Options { activation: Duration::ZERO, ..Options::new(clock.clone(), random.clone()) };
        let arm = LocalArm::with_options(options, &LocalArm::fixture_for(&desired)).unwrap();
        let service = desired.service.clone();
        let settings = apimctl::deploy::Settings::new(clock.clone(), random);
        let deployment = Deployment::new(arm.client(), desired, loaded.policies.clone(), settings);
        let plan = deployment.plan().await.unwrap();
        deployment.apply(&plan, &Discard, Cancellation::never()).await.unwrap();
        let (counters, traces) = (Arc::new(Counters::default()), Arc::new(Traces::default()));
        let options = WorldOptions {
            service,
            simulate: Some(apimctl::simulator::Behavior::default()),
            observers: vec![counters.clone(), traces.clone()],
            ..WorldOptions::default()
        };
        let world = LocalWorld::new(arm, options).unwrap();
        let snapshot = world.gateway().snapshot();
        let poisoned: Vec<_> = snapshot.documents.iter().filter_map(|document| document.poison.clone()).collect();
        assert!(poisoned.is_empty(), "{poisoned:?}");
        let consumer = snapshot.subscriptions.iter().find(|own| own.name == "azure-openai-consumer").unwrap();
        let key = consumer.primary_key.expose().clone();
        Self { gateway: GatewayUnderTest::watched(world.gateway().clone(), counters, traces), world, clock, key }
    }

    pub async fn post(&self, target: &str, headers: &[(&str, &str)]) -> Received {
        self.post_json(target, headers, &json!({ "model": "gpt-4o-mini", "messages": [{ "role": "user", "content": "Hello" }] })).await
    }

    pub async fn post_json(&self, target: &str, headers: &[(&str, &str)], body: &Value) -> Received {
        let body = body.to_string();
        let mut text = format!("POST {target} HTTP/1.1\r\nHost: apim-doveia-openai.azure-api.net\r\nContent-Type: application/json\r\n");
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()));
        self.gateway.raw(text.as_bytes()).await
    }

    /// With the key where the API wants it.
    pub async fn call(&self) -> Received {
        self.post(DEPLOYMENTS, &[("Ocp-Apim-Subscription-Key", &self.key)]).await
    }

    /// The accounts that were asked since the last call.
    pub fn asked(&self) -> Vec<String> {
        let simulator = self.world.simulator().unwrap();
        let asked = simulator.received().iter().map(|received| received.account.clone()).collect();
        simulator.forget_received();
        asked
    }

    pub fn behave(&self, behavior: &serde_json::Value) {
        let simulator = self.world.simulator().unwrap();
        let behavior =
            from_json(&behavior.to_string(), &simulator.directory().accounts()).unwrap_or_else(|findings| panic!("{findings:#?}"));
        simulator.set_behavior(behavior);
    }
}

#[tokio::test(start_paused = true)]
async fn one_key_opens_each_path_in_the_ways_that_the_tutorial_promises_and_no_other() {
    let example = Example::new("openai-lb.yaml").await;
    let bearer = format!("Bearer {}", example.key);
    let with = |path: &str, name: &str| format!("{path}{}{name}={}", if path.contains('?') { '&' } else { '?' }, example.key);
    let header = [("Ocp-Apim-Subscription-Key", example.key.as_str())];
    let azure = [("api-key", example.key.as_str())];
    let authorization = [("Authorization", bearer.as_str())];
    for (path, target, headers, status) in [
        (DEPLOYMENTS, None, &header[..], 200),
        (DEPLOYMENTS, Some("subscription-key"), &[], 200),
        (DEPLOYMENTS, None, &authorization, 200),
        (DEPLOYMENTS, None, &azure, 401),
        (DEPLOYMENTS, Some("api-key"), &[], 401),
        (DEPLOYMENTS, None, &[], 401),
        (OPENAI, None, &azure, 200),
        (OPENAI, Some("subscription-key"), &[], 200),
        (OPENAI, None, &authorization, 200),
        (OPENAI, None, &header, 401),
        (OPENAI, Some("api-key"), &[], 401),
        (V1, None, &azure, 200),
        (V1, Some("subscription-key"), &[], 200),
        (V1, None, &authorization, 200),
        (V1, None, &header, 401),
    ] {
        let target = target.map_or_else(|| path.to_owned(), |name| with(path, name));
        let received = example.post(&target, headers).await;
        assert_eq!(received.status, status, "{target} {headers:?}: {}", received.body);
        for received in example.world.simulator().unwrap().received() {
            let names = ["api-key", "ocp-apim-subscription-key"];
            assert!(names.iter().all(|name| !received.headers.contains_key(*name)), "{target}: {:?}", received.headers);
            assert!(!received.target.contains("key"), "{target}: {}", received.target);
        }
        example.world.simulator().unwrap().forget_received();
    }
}

#[tokio::test(start_paused = true)]
async fn members_take_turns_and_a_failing_one_is_left_out_until_its_time_is_over() {
    let example = Example::new("openai-lb.yaml").await;
    for _ in 0..4 {
        assert_eq!(example.call().await.status, 200);
    }
    assert_eq!(example.asked(), [FRANCE, SWEDEN, FRANCE, SWEDEN]);

    for failure in
        [json!({ "throttle": "PT20S" }), json!({ "status": 503 }), json!({ "connection": "refused" }), json!({ "cut": "beforeFirstByte" })]
    {
        example.behave(&json!({ "rules": [{ "account": FRANCE, "do": failure.clone() }] }));
        for _ in 0..4 {
            let received = example.call().await;
            assert_eq!(received.status, 200, "{failure}: {}", received.body);
        }
        let asked = example.asked();
        assert_eq!(asked.iter().filter(|account| *account == SWEDEN).count(), 4, "{failure}: {asked:?}");
        // A connection that was kept and dies without a byte is taken for stale: a fresh one is tried once.
        assert!(asked.iter().filter(|account| *account == FRANCE).count() <= 2, "{failure}: {asked:?}");

        example.behave(&json!({ "rules": [] }));
        example.clock.sleep(Duration::from_secs(61)).await;
        for _ in 0..4 {
            assert_eq!(example.call().await.status, 200, "{failure}");
        }
        let asked = example.asked();
        assert_eq!(asked.iter().filter(|account| *account == FRANCE).count(), 2, "{failure}: {asked:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_its_role_the_gateway_is_refused_by_the_account() {
    let example = Example::new("openai-lb.yaml").await;
    let store = example.world.arm().emulator().store().clone();
    let roles: Vec<_> = store.snapshot().keys().filter(|id| id.is_type("Microsoft.Authorization/roleAssignments")).cloned().collect();
    assert!(!roles.is_empty());
    store.commit([], roles);
    let received = example.call().await;
    assert_eq!(received.status, 401);
    assert!(received.body.contains("PermissionDenied"), "{}", received.body);
}
