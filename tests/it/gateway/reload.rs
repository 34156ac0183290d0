//! Writes to ARM reach the gateway, and no request notices.

use std::time::Duration;

use apimctl::gateway::settings::Settings;
use apimctl::gateway::worker::Plain;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::backends::{Answer, Backends};
use super::gateway_under_test::{Arm, GatewayUnderTest};

const REQUEST: &[u8] = b"GET /echo/x HTTP/1.1\r\nHost: gw.example\r\nConnection: close\r\n\r\n";

fn policy(value: &str) -> Value {
    json!(format!(
        "<policies><inbound><base /></inbound><outbound><base /><set-header name=\"x-policy\"><value>{value}</value></set-header></outbound></policies>"
    ))
}

async fn echo() -> Arm {
    let arm = Arm::new("Developer");
    let api = json!({ "displayName": "E", "path": "e", "serviceUrl": "https://backend.example", "subscriptionRequired": false });
    arm.put("apis/e", &api).await;
    arm.put("apis/e/operations/x", &json!({ "displayName": "X", "method": "GET", "urlTemplate": "/x" })).await;
    arm.put("apis/e/policies/policy", &policy("one")).await;
    arm
}

/// Follows ARM's own store.
fn following(arm: &Arm, backends: &Backends) -> GatewayUnderTest {
    let gateway = GatewayUnderTest::new(arm.emulator.store().clone(), arm, Settings::default(), Plain::Https, backends);
    tokio::spawn(gateway.gateway.clone().follow());
    gateway
}

fn request(path: &str) -> Vec<u8> {
    String::from_utf8(REQUEST.to_vec()).unwrap().replace("/echo/x", path).into_bytes()
}

#[tokio::test(start_paused = true)]
async fn a_write_to_arm_is_served_at_once_and_a_burst_of_writes_makes_one_snapshot() {
    let arm = echo().await;
    let backends = Backends::new([("backend.example".to_owned(), vec![Answer::default()])]);
    let gateway = following(&arm, &backends);
    assert_eq!(gateway.raw(&request("/e/x")).await.header("x-policy"), Some("one"));

    let mut snapshots = gateway.gateway.snapshots();
    for number in 0..20 {
        arm.put("apis/e/policies/policy", &policy(&format!("version {number}"))).await;
    }
    snapshots.changed().await.unwrap();
    assert_eq!(gateway.raw(&request("/e/x")).await.header("x-policy"), Some("version 19"));
    arm.clock.sleep(Duration::from_secs(5)).await;
    assert!(!snapshots.has_changed().unwrap(), "nothing was written since");
}

#[tokio::test(start_paused = true)]
async fn a_request_sees_one_snapshot_from_its_first_to_its_last_byte() {
    let arm = echo().await;
    let slow = Answer { after: 10.0, ..Answer::default() };
    let backends = Backends::new([("backend.example".to_owned(), vec![slow, Answer::default()])]);
    let gateway = following(&arm, &backends);
    let mut under_way = gateway.connect();
    under_way.write_all(&request("/e/x")).await.unwrap();
    arm.clock.sleep(Duration::from_secs(1)).await;

    arm.put("apis/e/policies/policy", &policy("two")).await;
    arm.clock.sleep(Duration::from_secs(1)).await;
    assert_eq!(gateway.raw(&request("/e/x")).await.header("x-policy"), Some("two"));

    let mut answer = String::new();
    under_way.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("x-policy: one"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn what_is_deleted_is_gone_and_unchanged_documents_are_kept() {
    let arm = echo().await;
    arm.put(
        "apis/other",
        &json!({ "displayName": "O", "path": "o", "serviceUrl": "https://backend.example", "subscriptionRequired": false }),
    )
    .await;
    let backends = Backends::new([("backend.example".to_owned(), vec![Answer::default()])]);
    let gateway = following(&arm, &backends);
    let before = gateway.gateway.snapshot();
    let mut snapshots = gateway.gateway.snapshots();
    arm.delete("apis/other").await;
    snapshots.changed().await.unwrap();
    let after = gateway.gateway.snapshot();
    assert_eq!(after.apis.len() + 1, before.apis.len());
    assert!(after.revision > before.revision);
    // Compiled once: the very same documents.
    assert_eq!(before.documents.len(), after.documents.len());
    for (before, after) in before.documents.iter().zip(&after.documents) {
        assert!(std::sync::Arc::ptr_eq(before, after), "{} was compiled again", after.id);
    }

    // A named value may stand in any of them.
    arm.put("namedValues/n", &json!({ "displayName": "n", "value": "v" })).await;
    snapshots.changed().await.unwrap();
    assert!(!std::sync::Arc::ptr_eq(&after.documents[0], &gateway.gateway.snapshot().documents[0]));
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_cannot_run_here_poisons_its_own_operation_only() {
    let arm = echo().await;
    arm.put("apis/e/operations/bad", &json!({ "displayName": "Bad", "method": "GET", "urlTemplate": "/bad" })).await;
    let document =
        json!("<policies><inbound><base /><xsl-transform><parameter name=\"p\">@(1)</parameter></xsl-transform></inbound></policies>");
    arm.put("apis/e/operations/bad/policies/policy", &document).await;
    let backends = Backends::new([("backend.example".to_owned(), vec![Answer::default()])]);
    let gateway = following(&arm, &backends);
    assert_eq!(gateway.raw(&request("/e/x")).await.status, 200);
    let refused = gateway.raw(&request("/e/bad")).await;
    assert_eq!(refused.status, 501);
    assert!(refused.body.contains("xsl-transform"), "{}", refused.body);
    let snapshot = gateway.gateway.snapshot();
    let poisoned: Vec<_> = snapshot.documents.iter().filter(|document| document.poison.is_some()).collect();
    assert_eq!(poisoned.len(), 1);
    let finding = &poisoned[0].findings[0];
    let position = poisoned[0].sources.position(finding.span.unwrap());
    assert_eq!((finding.code.id, position.line), ("GAT001", 4));
}

/// Ten thousand operations: what a request needs does not grow with them (shown by counting nothing but correctness here; the look-ups are
/// by hash).
#[tokio::test(start_paused = true)]
async fn many_operations_are_told_apart() {
    let arm = echo().await;
    let template = arm.emulator.store().snapshot();
    let sample = template
        .values()
        .find(|stored| stored.id.name() == "x" && stored.id.is_type("Microsoft.ApiManagement/service/apis/operations"))
        .unwrap();
    let api = sample.id.parent().unwrap();
    let many = (0..10_000).map(|number| {
        let mut stored = sample.as_ref().clone();
        stored.id = api.child("operations", &format!("o{number}"));
        stored.body["properties"]["urlTemplate"] = json!(format!("/group{}/{{id}}/item{number}", number % 100));
        stored
    });
    arm.emulator.store().commit(many, []);
    let backends = Backends::new([("backend.example".to_owned(), vec![Answer::default()])]);
    let gateway = GatewayUnderTest::new(arm.emulator.store().clone(), &arm, Settings::default(), Plain::Https, &backends);
    assert_eq!(gateway.raw(&request("/e/group34/7/item1234")).await.status, 200);
    assert_eq!(gateway.raw(&request("/e/group35/7/item1234")).await.status, 404);
    assert_eq!(backends.take_sent()[0].target, "/group34/7/item1234");
}
