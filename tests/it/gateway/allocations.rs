//! What a request costs in allocations with the whole example policy, exactly: they are counted, and held.

use std::sync::Arc;
use std::time::Duration;

use allocation_counter::measure;
use apimctl::deploy::Deployment;
use apimctl::deploy::cancel::Cancellation;
use apimctl::deploy::events::Discard;
use apimctl::emulator::Options;
use apimctl::gateway::counters::Counters;
use apimctl::gateway::front::{self, Drain};
use apimctl::support::clock::{SharedClock, VirtualClock};
use apimctl::support::random::{SeededRandom, SharedRandom};
use apimctl::world::{LocalArm, LocalWorld, WorldOptions};
use time::macros::datetime;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::runtime::Builder;

use crate::gateway_transport::harness::{Attempt, Pipes, peer};
use crate::support::{context, load, root};

/// Held, and to be lowered whenever it can be.
const MOST: f64 = 53.0;
/// What lives longer than a request grows now and then: fewer than one allocation in a hundred requests.
const SELDOM: f64 = 0.01;

const BODY: &str = r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}]}"#;
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-ms-region: Sweden Central\r\nContent-Length: 72\r\n\r\n{\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":12,\"total_tokens\":21}}\r\n";

/// Reads until the message's end stands there; allocates nothing.
async fn read_until(stream: &mut DuplexStream, buffer: &mut [u8], end: &[u8]) {
    let mut filled = 0;
    while !buffer[..filled].ends_with(end) {
        filled += stream.read(&mut buffer[filled..]).await.unwrap();
    }
}

async fn world(backends: Arc<Pipes>) -> (LocalWorld, String) {
    let clock: SharedClock = Arc::new(VirtualClock::starting_at(datetime!(2026-11-22 12:00 UTC)));
    let random: SharedRandom = Arc::new(SeededRandom::new(5));
    let loaded = load(&root().join("examples/openai-lb.yaml"));
    let (desired, _) = apimctl::deploy::desired::compile(&loaded, &context());
    let options = Options { activation: Duration::ZERO, ..Options::new(clock.clone(), random.clone()) };
    let arm = LocalArm::with_options(options, &LocalArm::fixture_for(&desired)).unwrap();
    let service = desired.service.clone();
    let deployment = Deployment::new(arm.client(), desired, loaded.policies.clone(), apimctl::deploy::Settings::new(clock.clone(), random));
    let plan = deployment.plan().await.unwrap();
    deployment.apply(&plan, &Discard, Cancellation::never()).await.unwrap();
    let options =
        WorldOptions { service, connector: Some(backends), observers: vec![Arc::new(Counters::default())], ..WorldOptions::default() };
    let world = LocalWorld::new(arm, options).unwrap();
    let snapshot = world.gateway().snapshot();
    let key = snapshot.subscriptions.iter().find(|own| own.name == "azure-openai-consumer").unwrap().primary_key.expose().clone();
    (world, key)
}

/// Allocations of `requests` requests on warm connections. Everything runs on this thread, backends and client too; those allocate nothing.
fn counted(requests: usize) -> u64 {
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let (pipes, mut ends) = Pipes::new(&[Attempt::Connects]);
    let (world, key) = runtime.block_on(world(pipes));
    let (mut client, served) = duplex(1 << 16);
    let endpoint = Arc::new(world.gateway().endpoint());
    let settings = front::Settings::new(front::Limits::default(), world.gateway().clock().clone());
    runtime.spawn(async move { front::serve(served, peer(), endpoint, &settings, &Drain::new()).await });
    runtime.spawn(async move {
        while let Some(mut backend) = ends.recv().await {
            tokio::spawn(async move {
                let mut buffer = vec![0; 4096];
                loop {
                    read_until(&mut backend, &mut buffer, BODY.as_bytes()).await;
                    backend.write_all(ANSWER).await.unwrap();
                }
            });
        }
    });
    let request = format!(
        "POST /openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21 HTTP/1.1\r\nHost: localhost\r\napi-key: {key}\r\nContent-Type: application/json\r\nUser-Agent: openai\r\nAccept: */*\r\nContent-Length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    let mut buffer = vec![0; 4096];
    let mut ask = |times: usize| {
        runtime.block_on(async {
            for _ in 0..times {
                client.write_all(request.as_bytes()).await.unwrap();
                read_until(&mut client, &mut buffer, b"}\r\n").await;
                assert!(buffer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&buffer));
            }
        });
    };
    ask(100);
    measure(|| ask(requests)).count_total
}

#[test]
fn a_request_through_the_whole_policy_costs_few_allocations() {
    let (some, more) = (counted(500), counted(1500));
    let each = (more - some) as f64 / 1000.0;
    assert!(each <= MOST + SELDOM, "{each} allocations for each request");
}
