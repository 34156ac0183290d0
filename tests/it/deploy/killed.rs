//! Killed at any request, run again: the same end, and nothing is made twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use apimctl::deploy::cancel::Cancellation;
use apimctl::deploy::events::Discard;
use apimctl::deploy::normalize::normalized;
use apimctl::deploy::{DeployError, Settings};
use apimctl::emulator::LoggedRequest;
use serde_json::Value;
use tokio::sync::Notify;

use super::bench::{Bench, SPEC};

/// What a run wrote: each path without what chance named, and how often it was written so.
type Writes = BTreeMap<(String, String), usize>;
/// The end state: what each resource says, without what chance or time put there.
type End = BTreeMap<String, Value>;

fn bench() -> Bench {
    Bench::new(|options| {
        options.activation = Duration::from_secs(600);
        options.propagation = Duration::from_secs(20);
    })
}

/// Names that the service or a principal's id determine are the same for every run only by their place.
fn without_chance(path: &str) -> String {
    let path = path.to_ascii_lowercase();
    let mut segments: Vec<&str> = path.split('/').collect();
    let random = segments.len().checked_sub(2).and_then(|index| segments.get(index)).copied().unwrap_or_default();
    let name = segments.last().copied().unwrap_or_default();
    let hexadecimal = name.len() == 24 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    if random == "roleassignments" || random == "subscriptions" && hexadecimal {
        segments.pop();
        segments.push("*");
    }
    segments.join("/")
}

fn tally(writes: Vec<LoggedRequest>) -> Writes {
    let mut tally = Writes::new();
    for write in writes {
        *tally.entry((write.method.to_string(), without_chance(&write.path))).or_default() += 1;
    }
    tally
}

fn end_of(bench: &Bench) -> End {
    let snapshot = bench.snapshot();
    let manifest = |key: &str| key.contains("/namedvalues/apimctl-");
    snapshot
        .iter()
        .filter(|(id, _)| !manifest(&id.key()))
        .map(|(id, stored)| {
            let mut body = normalized(&id.resource_type(), &stored.body);
            for pointer in ["/properties/principalId", "/name", "/id", "/identity"] {
                if let Some(place) = body.pointer_mut(pointer) {
                    *place = Value::Null;
                }
            }
            (without_chance(id.as_str()), body)
        })
        .collect()
}

/// Writes, and looks at operations that are waited for; a run that dies while it only reads leaves nothing to test.
fn counts(method: &str, uri: &http::Uri) -> bool {
    let (path, query) = (uri.path().to_ascii_lowercase(), uri.query().unwrap_or_default().to_ascii_lowercase());
    method != "GET" && method != "HEAD" || path.contains("/operation") && !path.contains("/operations/") || query.contains("asyncid")
}

/// Runs an apply that dies as soon as its request number `number` (see [`counts`]) has been carried out. Says whether it came so far, and what it died of.
async fn killed_at(bench: &Bench, number: usize, settings: impl FnOnce(&mut Settings)) -> Option<String> {
    let count = Arc::new(AtomicUsize::new(0));
    let dead = Arc::new(Notify::new());
    let what = Arc::new(std::sync::Mutex::new(String::new()));
    let client = {
        let (count, dead, what) = (count.clone(), dead.clone(), what.clone());
        bench.client_through(move |request, emulator| {
            let (count, dead, what) = (count.clone(), dead.clone(), what.clone());
            async move {
                let line = format!("{} {}", request.method(), request.uri().path());
                let counts = counts(request.method().as_str(), request.uri());
                let answer = emulator.handle(request).await;
                if counts && count.fetch_add(1, Ordering::SeqCst) + 1 == number {
                    *what.lock().unwrap() = line;
                    dead.notify_one();
                    // The answer never arrives: the process is gone.
                    std::future::pending::<()>().await;
                }
                answer
            }
        })
    };
    let deployment = bench.deployment_through(client, SPEC, settings);
    let run = async {
        let plan = deployment.plan().await?;
        deployment.apply(&plan, &Discard, Cancellation::never()).await
    };
    tokio::select! {
        biased;
        () = dead.notified() => Some(what.lock().unwrap().clone()),
        result = run => {
            result.unwrap();
            None
        }
    }
}

async fn undisturbed() -> (Writes, End, usize) {
    let bench = bench();
    bench.apply(SPEC, |_| {}).await.unwrap();
    let requests = bench.local.emulator().requests().len();
    (tally(bench.writes()), end_of(&bench), requests)
}

fn same(number: usize, what: &str, expected: &(Writes, End, usize), bench: &Bench) {
    let writes = tally(bench.writes());
    for (write, times) in &writes {
        let once = expected.0.get(write).copied().unwrap_or_default();
        assert!(*times <= once, "killed at {number} ({what}): {write:?} was sent {times} times instead of {once}");
    }
    let end = end_of(bench);
    for (id, body) in &expected.1 {
        assert_eq!(end.get(id), Some(body), "killed at {number} ({what}): {id}");
    }
    let more: Vec<_> = end.keys().filter(|id| !expected.1.contains_key(*id)).collect();
    assert!(more.is_empty(), "killed at {number} ({what}): left behind {more:?}");
}

/// A loop that ends too early would test nothing.
fn each_write_was_a_last_one(kills: usize, expected: &(Writes, End, usize)) {
    let writes: usize = expected.0.values().sum();
    println!("killed at each of {kills} requests");
    assert!(kills >= writes, "killed {kills} times only, where a run writes {writes} times");
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_request_a_rerun_on_the_same_machine_finishes_the_job() {
    let expected = undisturbed().await;
    for number in 1..=expected.2 {
        let bench = bench();
        let Some(what) = killed_at(&bench, number, |_| {}).await else { return each_write_was_a_last_one(number - 1, &expected) };
        bench.apply(SPEC, |_| {}).await.unwrap_or_else(|error| panic!("killed at {number} ({what}): {error}"));
        same(number, &what, &expected, &bench);
    }
    panic!("it never came to an end unharmed");
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_request_a_rerun_on_another_machine_finishes_the_job() {
    let expected = undisturbed().await;
    for number in 1..=expected.2 {
        let bench = bench();
        let Some(what) = killed_at(&bench, number, |_| {}).await else { return each_write_was_a_last_one(number - 1, &expected) };
        let elsewhere = |settings: &mut Settings| {
            settings.state_dir = None;
            settings.holder = "bob@there".to_owned();
        };
        match bench.apply(SPEC, elsewhere).await {
            Ok(_) => {}
            Err(DeployError::LeaseHeld { holder, .. }) => {
                assert_eq!(holder, "anna@here");
                bench.clock.sleep(Duration::from_secs(121)).await;
                bench.apply(SPEC, elsewhere).await.unwrap_or_else(|error| panic!("killed at {number} ({what}): {error}"));
            }
            Err(error) => panic!("killed at {number} ({what}): {error}"),
        }
        same(number, &what, &expected, &bench);
    }
    panic!("it never came to an end unharmed");
}
