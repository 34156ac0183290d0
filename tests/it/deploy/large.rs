//! A service with 1,000 subscriptions, 200 operations and 100 named values: calls grow with pages.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use apimctl::emulator::LoggedRequest;

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

/// What a request asks for: the type below the service, or the full one outside it, with `*` for names.
fn kind_of(request: &LoggedRequest) -> String {
    let path = request.path.rsplit_once("/providers/").map_or(request.path.as_str(), |(_, path)| path);
    let words: Vec<&str> =
        path.split('/').enumerate().map(|(index, word)| if index > 1 && index.is_multiple_of(2) { "*" } else { word }).collect();
    let kind = words.join("/");
    let kind = if path.starts_with('/') { "resource group".to_owned() } else { kind };
    format!("{} {}", request.method, kind.strip_prefix("Microsoft.ApiManagement/service/*/").unwrap_or(&kind))
}

fn tally(requests: &[LoggedRequest]) -> BTreeMap<String, usize> {
    let mut tally = BTreeMap::new();
    for request in requests {
        *tally.entry(kind_of(request)).or_default() += 1;
    }
    tally
}

/// Every call of a plan of `large`. Nothing here grows with the subscriptions or named values but the number of their pages.
const CALLS: [(&str, usize); 20] = [
    // Pages of 100: 1,001 subscriptions; 102 named values and those that hold the manifest.
    ("GET subscriptions", 11),
    ("GET namedValues", 2),
    // A list of operations lacks their `request`, which must be compared: one call each, in parallel.
    ("GET apis/*/operations/*", 201),
    // No list tells the value of a secret: the one of the specification, and the one that holds the logger's credentials.
    ("POST namedValues/*/listValue", 2),
    // One list for all of these.
    ("GET apis", 1),
    ("GET products/*/apis", 1),
    // Fewer than are worth a list, which may be much longer than what is wanted of it.
    ("GET backends/*", 3),
    ("GET apis/*/policies/*", 1),
    ("GET diagnostics/*", 1),
    ("GET loggers/*", 1),
    ("GET policyFragments/*", 1),
    ("GET products/*", 1),
    // Outside the service.
    ("GET resource group", 1),
    ("GET Microsoft.ApiManagement/service/*", 1),
    ("GET Microsoft.Authorization/roleAssignments/*", 2),
    ("GET Microsoft.CognitiveServices/accounts/*", 2),
    ("GET Microsoft.CognitiveServices/accounts/*/deployments", 2),
    ("GET Microsoft.Insights/components/*", 1),
    ("GET Microsoft.Insights/diagnosticSettings/*", 1),
    ("GET Microsoft.OperationalInsights/workspaces/*", 1),
];

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
    println!("plan: {elapsed:?} of virtual time at 100 ms a call, {} calls", requests.len());
    assert_eq!(tally(&requests), CALLS.map(|(kind, number)| (kind.to_owned(), number)).into());
    assert!(elapsed < Duration::from_secs(2), "{elapsed:?} of virtual time, at 100 ms a call");
    bench.local.emulator().clear_requests();
    bench.apply(&text, |_| {}).await.unwrap();
    assert!(bench.local.emulator().requests().iter().all(|request| !is_change(request)));
}

#[tokio::test(start_paused = true)]
async fn with_live_buckets_no_read_of_a_plan_is_throttled() {
    let text = large();
    let bench = Bench::new(|options| {
        options.throttling = true;
        options.latency = Duration::from_millis(100);
    });
    let throttled = || bench.local.emulator().requests().iter().filter(|request| request.status == 429).count();
    let start = bench.clock.now();
    bench.apply(&text, |_| {}).await.unwrap();
    println!(
        "live buckets, apply: {:?} of virtual time, {} calls, {} of them throttled",
        bench.clock.now() - start,
        bench.local.emulator().requests().len(),
        throttled()
    );
    bench.clock.sleep(Duration::from_secs(60)).await;
    bench.local.emulator().clear_requests();
    let start = bench.clock.now();
    assert!(bench.plan(&text).await.is_empty());
    println!(
        "live buckets, plan: {:?} of virtual time at 100 ms a call, {} calls",
        bench.clock.now() - start,
        bench.local.emulator().requests().len()
    );
    assert_eq!(throttled(), 0);
}
