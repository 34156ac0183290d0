//! What a request through the whole of `examples/openai-lb.yaml` costs in allocations: counted, and held.

use std::sync::Arc;

use allocation_counter::measure;
use apimctl::arm::store::Store;
use apimctl::gateway::counters::Counters;
use apimctl::gateway::front::{self, Drain, Limits, Peer};
use apimctl::gateway::record::Observer;
use apimctl::gateway::state::State;
use apimctl::gateway::upstream::{ConnectFailure, Connected, Connector, HttpVersion, Protocol, Target};
use apimctl::gateway::{Gateway, GatewayOptions};
use apimctl::identity::LocalTokens;
use futures::future::BoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::runtime::Builder;

use super::examples::Example;
use super::gateway_under_test::CALLER;

/// Held, and to be lowered whenever it can be: bare, and with the counts that `serve` keeps of every request.
const MOST: [f64; 2] = [28.0, 29.0];
/// What lives longer than a request grows now and then (a date that is formatted once a second, a timer's wheel).
const SELDOM: f64 = 0.05;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: 1\r\napim-request-id: 2\r\nx-ms-region: Sweden Central\r\nContent-Length: 95\r\n\r\n{\"choices\":[],\"model\":\"m\",\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":9,\"total_tokens\":18}} ";

/// Connections in memory to backends that answer without an allocation.
struct Answering;

impl Connector for Answering {
    fn connect<'a>(&'a self, _: &'a Target, _: HttpVersion) -> BoxFuture<'a, Result<Connected, ConnectFailure>> {
        Box::pin(async move {
            let (ours, mut backend) = duplex(1 << 16);
            tokio::spawn(async move {
                let mut buffer = vec![0; 8192];
                loop {
                    let mut filled = 0;
                    while !buffer[..filled].ends_with(b"\"end\"}") {
                        let count = backend.read(&mut buffer[filled..]).await.unwrap();
                        if count == 0 {
                            return;
                        }
                        filled += count;
                    }
                    backend.write_all(ANSWER).await.unwrap();
                }
            });
            Ok(Connected { io: Box::new(ours), protocol: Protocol::Http1 })
        })
    }
}

async fn ask(client: &mut DuplexStream, request: &[u8], buffer: &mut [u8], times: usize) {
    for _ in 0..times {
        client.write_all(request).await.unwrap();
        let mut filled = 0;
        while !buffer[..filled].ends_with(b"}} ") {
            filled += client.read(&mut buffer[filled..]).await.unwrap();
        }
        assert!(buffer.starts_with(b"HTTP/1.1 200 OK"), "{}", String::from_utf8_lossy(&buffer[..filled]));
    }
}

/// 10,000 operations of the API that is asked, and 100,000 keys, beside those of the example.
fn add_crowd(store: &Store) {
    let all = store.snapshot();
    let operation = all
        .values()
        .find(|stored| stored.id.is_type("Microsoft.ApiManagement/service/apis/operations") && stored.id.to_string().contains("-sdk/"))
        .unwrap();
    let subscription = all
        .values()
        .find(|stored| stored.id.is_type("Microsoft.ApiManagement/service/subscriptions") && stored.id.name() == "azure-openai-consumer")
        .unwrap();
    let (api, service) = (operation.id.parent().unwrap(), subscription.id.parent().unwrap());
    let operations = (0..10_000).map(|number| {
        let mut stored = operation.as_ref().clone();
        stored.id = api.child("operations", &format!("o{number}"));
        stored.body["properties"]["urlTemplate"] = format!("/deployments/{{deployment-id}}/more/o{number}").into();
        stored
    });
    let subscriptions = (0..50_000).map(|number| {
        let mut stored = subscription.as_ref().clone();
        stored.id = service.child("subscriptions", &format!("s{number}"));
        for (pointer, key) in &mut stored.secrets {
            *key = format!("{pointer} {number}").into();
        }
        stored
    });
    let crowd: Vec<_> = operations.chain(subscriptions).collect();
    store.commit(crowd, []);
}

/// Allocations of each request on connections that are warm. Everything runs on this thread.
fn each(observed: bool, crowd: bool) -> f64 {
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let (mut client, request) = runtime.block_on(async {
        let example = Example::new("openai-lb.yaml").await;
        let world = &example.world;
        if crowd {
            add_crowd(world.arm().emulator().store());
        }
        let state = State::new(example.clock.clone(), Arc::new(apimctl::support::random::SeededRandom::new(3)))
            .with_tokens(Arc::new(LocalTokens::new(world.issuer().clone())));
        let service = world.gateway().snapshot().service.id.clone();
        let observers: Vec<Arc<dyn Observer>> = if observed { vec![Arc::new(Counters::default())] } else { Vec::new() };
        let options = GatewayOptions {
            observers,
            ..GatewayOptions::new(world.arm().emulator().store().clone(), service, state, Arc::new(Answering))
        };
        let endpoint = Arc::new(Gateway::new(options).unwrap().endpoint());
        let settings = front::Settings::new(Limits::default(), example.clock.clone());
        let (client, served) = duplex(1 << 16);
        tokio::spawn(async move {
            let peer = Peer::plain(CALLER, CALLER);
            front::serve(served, peer, endpoint, &settings, &Drain::new()).await;
        });
        let body = r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}],"user":"end"}"#;
        let request = format!(
            "POST /openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21 HTTP/1.1\r\nHost: a\r\napi-key: {}\r\nContent-Type: \
             application/json\r\nUser-Agent: openai\r\nAccept: */*\r\nContent-Length: {}\r\n\r\n{body}",
            example.key,
            body.len()
        );
        (client, request.into_bytes())
    });
    let mut buffer = vec![0; 8192];
    let mut run = |times: usize| runtime.block_on(ask(&mut client, &request, &mut buffer, times));
    // The first minute's series and a token are made once.
    run(200);
    let some = measure(|| run(1000)).count_total;
    let more = measure(|| run(3000)).count_total;
    (more - some) as f64 / 2000.0
}

#[test]
fn a_request_through_the_example_costs_no_more_allocations_than_before() {
    for (observed, most) in [false, true].into_iter().zip(MOST) {
        let each = each(observed, false);
        assert!(each <= most + SELDOM && each >= most - 1.0, "{each} allocations for each request, observed {observed}; {most} are held");
    }
}

/// How many operations and keys there are makes no difference to a request.
#[test]
fn a_crowd_of_operations_and_keys_costs_a_request_nothing() {
    let (alone, crowded) = (each(false, false), each(false, true));
    assert!((alone - crowded).abs() <= SELDOM, "{alone} allocations, in a crowd {crowded}");
}
