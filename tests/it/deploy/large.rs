//! A service with 1,000 subscriptions, 200 operations and 100 named values: calls grow with pages.

use std::fmt::Write as _;
use std::time::Duration;

use super::bench::{Bench, SPEC, is_change};

fn large() -> String {
    let mut text = SPEC.to_owned();
    let values: String = (0..100).fold(String::new(), |mut text, index| {
        let _ = writeln!(text, "  value-{index}: {{ value: v{index} }}");
        text
    });
    text = text.replace("namedValues:\n", &format!("namedValues:\n{values}"));
    let operations: String = (0..200).fold(String::new(), |mut text, index| {
        let _ = writeln!(text, "      op-{index}: {{ method: GET, urlTemplate: /things/{index}, request: {{ queryParameters: [ {{ name: q, type: string }} ] }} }}");
        text
    });
    text = text.replace("    operations:\n", &format!("    operations:\n{operations}"));
    for index in 0..1000 {
        let _ = writeln!(text, "  consumer-{index}: {{ displayName: Consumer {index}, scope: product/team }}");
    }
    text
}

#[tokio::test(start_paused = true)]
async fn a_large_service_is_read_by_pages_in_parallel_and_a_second_apply_writes_nothing() {
    let text = large();
    let bench = Bench::new(|options| options.latency = Duration::from_millis(100));
    bench.apply(&text, |_| {}).await.unwrap();
    bench.local.emulator().clear_requests();
    let before = bench.clock.now();
    let plan = bench.plan(&text).await;
    let elapsed = bench.clock.now() - before;
    assert!(plan.is_empty());
    let requests = bench.local.emulator().requests();
    assert!(elapsed < Duration::from_secs(2), "{elapsed:?} of virtual time, at 100 ms a call");
    // One call for each operation and its like, eleven pages of subscriptions, two of named values, a list or GET for the rest.
    assert!(requests.len() < 260, "{} calls", requests.len());
    assert_eq!(requests.iter().filter(|request| request.path.ends_with("/subscriptions")).count(), 11);
    bench.apply(&text, |_| {}).await.unwrap();
    assert!(bench.local.emulator().requests().iter().all(|request| !is_change(request)));
}

#[tokio::test(start_paused = true)]
async fn with_live_buckets_no_read_of_a_plan_is_throttled() {
    let text = large();
    let bench = Bench::new(|options| options.throttling = true);
    bench.apply(&text, |_| {}).await.unwrap();
    bench.clock.sleep(Duration::from_secs(60)).await;
    bench.local.emulator().clear_requests();
    assert!(bench.plan(&text).await.is_empty());
    let throttled = bench.local.emulator().requests().iter().filter(|request| request.status == 429).count();
    assert_eq!(throttled, 0);
}
