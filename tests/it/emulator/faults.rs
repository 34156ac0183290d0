//! Faults, latency and the request log.

use std::time::Duration;

use apimctl::emulator::{Fault, FaultAction, Options};
use apimctl::support::clock::{Clock as _, SystemClock};
use http::Method;
use serde_json::json;

use super::{World, options, svc};

#[tokio::test(start_paused = true)]
async fn a_fault_hits_the_requests_it_is_meant_for() {
    let world = World::developer().await;
    world.emulator.clear_requests();
    world.emulator.faults().add(Fault::busy().method(Method::PUT).path_ends_with("/APIS/a").after(1).times(2));
    let body = json!({ "properties": { "displayName": "a", "path": "a" } });
    let uri = format!("{}/apis/a", svc());
    let statuses = [201, 409, 409, 200];
    for status in statuses {
        world.put(&uri, body.clone()).await.expect(status);
    }
    assert_eq!(world.emulator.faults().left(), 0);
    let log = world.emulator.requests();
    assert_eq!(log.iter().map(|entry| entry.status).collect::<Vec<_>>(), statuses);
    assert!(log.iter().all(|entry| entry.is_write() && entry.path == uri && entry.query == "api-version=2024-05-01"));
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_leaves_the_write_done_and_a_lost_request_does_not() {
    let world = World::developer().await;
    let backend = json!({ "properties": { "url": "https://a", "protocol": "http" } });
    world.emulator.faults().add(Fault::new(FaultAction::DropAnswer).method(Method::PUT));
    assert!(world.put(&format!("{}/backends/one", svc()), backend.clone()).await.dropped);
    world.get(&format!("{}/backends/one", svc())).await.expect(200);
    world.emulator.faults().add(Fault::new(FaultAction::DropRequest).method(Method::PUT));
    assert!(world.put(&format!("{}/backends/two", svc()), backend).await.dropped);
    world.get(&format!("{}/backends/two", svc())).await.expect(404);
}

#[tokio::test(start_paused = true)]
async fn latency_and_delays_pass_on_the_clock() {
    let world = World::open(Options { latency: Duration::from_millis(100), ..options() });
    let start = SystemClock.now();
    world.get("/subscriptions").await.expect(200);
    assert_eq!(SystemClock.now() - start, Duration::from_millis(100));
    world.emulator.faults().add(Fault::new(FaultAction::Delay(Duration::from_secs(5))));
    world.get("/subscriptions").await.expect(200);
    assert_eq!(SystemClock.now() - start, Duration::from_millis(5200));
}
