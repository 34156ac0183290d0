//! Whose is it? Leases, manifests of several specifications, and what was there before.

use std::time::Duration;

use apimctl::arm::ResourceId;
use apimctl::deploy::DeployError;
use apimctl::deploy::cancel::{Cancellation, Canceller};
use apimctl::deploy::events::Discard;
use apimctl::deploy::plan::SavedPlan;
use apimctl::emulator::{DEFAULT_SUBSCRIPTION, Fixture};
use serde_json::{Value, json};

use super::bench::{Bench, SPEC, actions, edited};

fn codes(error: &DeployError) -> Vec<&'static str> {
    let mut codes: Vec<&str> = error.findings().iter().map(|finding| finding.code.id).collect();
    codes.dedup();
    codes
}

fn service() -> ResourceId {
    ResourceId::resource_group(DEFAULT_SUBSCRIPTION, "rg-bench").provider("Microsoft.ApiManagement/service", "apim-bench")
}

/// A second specification on the same service.
fn second() -> String {
    let spec = edited(SPEC, "name: bench\n", "name: other\n");
    let spec = edited(
        &spec,
        "resourceGroup: { name: rg-bench, location: eastus }",
        "resourceGroup: { name: rg-bench, location: eastus, existing: true }",
    );
    let start = spec.find("service:").unwrap();
    format!("{}service: {{ name: apim-bench, existing: true }}\nnamedValues:\n  theirs: {{ value: x }}\n", &spec[..start])
}

#[tokio::test(start_paused = true)]
async fn the_second_apply_is_told_who_holds_the_lease_since_when() {
    let bench = Bench::new(|_| {});
    bench.apply(SPEC, |_| {}).await.unwrap();
    let more = edited(SPEC, "  region: { value: north }", "  region: { value: south }");
    let stuck = bench.client_through(|request, emulator| async move {
        if request.method() == http::Method::PUT && request.uri().path().ends_with("/namedValues/region") {
            std::future::pending::<()>().await;
        }
        emulator.handle(request).await
    });
    let first = bench.deployment_through(stuck, &more, |settings| settings.state_dir = None);
    let plan = first.plan().await.unwrap();
    let second = async {
        bench.clock.sleep(Duration::from_secs(600)).await;
        bench.apply(&more, |settings| settings.state_dir = None).await
    };
    let error = tokio::select! {
        _ = first.apply(&plan, &Discard, Cancellation::never()) => panic!("it cannot end"),
        result = second => result.unwrap_err(),
    };
    // Ten minutes are far more than a lease's term: it has been renewed.
    let DeployError::LeaseHeld { holder, since, .. } = error else { panic!("{error}") };
    assert_eq!(holder, "anna@here");
    assert!(since.starts_with("2026-11-22T12:4"), "{since}");
}

#[tokio::test(start_paused = true)]
async fn asked_to_stop_it_stops_and_gives_the_lease_back() {
    let bench = Bench::new(|_| {});
    let deployment = bench.deployment(SPEC, |_| {});
    let plan = deployment.plan().await.unwrap();
    let (canceller, cancellation) = Canceller::new();
    let ask = async {
        bench.clock.sleep(Duration::from_secs(60)).await;
        canceller.cancel();
        std::future::pending::<()>().await;
    };
    let error = tokio::select! {
        result = deployment.apply(&plan, &Discard, cancellation) => result.unwrap_err(),
        () = ask => unreachable!(),
    };
    let DeployError::Cancelled { running } = &error else { panic!("{error}") };
    assert!(running.iter().any(|id| id.ends_with("/service/apim-bench")), "{running:?}");
    let before = bench.clock.now();
    bench.apply(SPEC, |_| {}).await.unwrap();
    assert!(bench.clock.now() - before < Duration::from_secs(2400), "the rerun went on waiting instead of starting anew");
    assert!(bench.plan(SPEC).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn two_specifications_share_a_service_and_neither_takes_what_is_the_others() {
    let bench = Bench::new(|_| {});
    bench.apply(SPEC, |_| {}).await.unwrap();
    bench.apply(&second(), |_| {}).await.unwrap();
    assert!(bench.plan(SPEC).await.is_empty(), "what the other made is not ours to delete");
    let greedy = edited(&second(), "  theirs: { value: x }", "  theirs: { value: x }\n  region: { value: mine }");
    let error = bench.apply(&greedy, |settings| settings.adopt = true).await.unwrap_err();
    assert_eq!(codes(&error), ["ARM202"]);
    assert!(error.to_string().contains("`bench`"), "{error}");
    let squatter = format!("{}apis:\n  squatter: {{ path: chat }}\n", second());
    let error = bench.apply(&squatter, |_| {}).await.unwrap_err();
    assert_eq!(codes(&error), ["ARM202"], "{error}");
    // The owner of the service cannot take the other's ground away without saying so.
    assert_eq!(codes(&bench.destroy(SPEC, false).await.unwrap_err()), ["ARM204"]);
    bench.destroy(&second(), false).await.unwrap();
    assert!(!bench.has("/namedValues/theirs") && !bench.has("/namedValues/apimctl-other-0"));
    assert!(bench.plan(SPEC).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_foreign_resource_is_left_alone_unless_it_is_adopted() {
    let bench = Bench::new(|_| {});
    let base = edited(SPEC, "  region: { value: north }\n", "");
    let base = edited(&base, "<value>{{region}}</value>", "<value>x</value>");
    bench.apply(&base, |_| {}).await.unwrap();
    let client = bench.local.client();
    let foreign = service().child("namedValues", "region");
    let body = json!({"properties": {"displayName": "region", "value": "theirs"}});
    client.put(&foreign, "2024-05-01", &body, apimctl::azure::Precondition::None).await.unwrap();
    bench.clock.sleep(Duration::from_secs(10)).await;
    bench.writes();
    assert_eq!(codes(&bench.apply(SPEC, |_| {}).await.unwrap_err()), ["ARM201"]);
    assert_eq!(bench.writes(), []);
    bench.apply(SPEC, |settings| settings.adopt = true).await.unwrap();
    assert!(bench.plan(SPEC).await.is_empty());
    bench.apply(&base, |_| {}).await.unwrap();
    assert!(!bench.has("/namedValues/region"), "adopted: it is deleted like everything else that is ours");
}

fn foreign_premium() -> Fixture {
    serde_json::from_value(json!({"resources": [{
        "id": service(),
        "location": "East US",
        "sku": {"name": "Premium", "capacity": 2},
        "tags": {"team": "platform"},
        "identity": {"type": "SystemAssigned"},
        "zones": ["1", "2"],
        "properties": {
            "publisherName": "Bench", "publisherEmail": "bench@example.com",
            "virtualNetworkType": "External",
            "virtualNetworkConfiguration": {"subnetResourceId": "/subscriptions/3f9c2b74-5d18-4a6b-8e07-c4a1d2e5f602/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/v/subnets/s"},
        },
    }]}))
    .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_foreign_service_keeps_its_own_settings() {
    let bench = Bench::with(SPEC, foreign_premium(), |_| {});
    bench.clock.sleep(Duration::from_secs(3600)).await;
    let settings_of = || -> Vec<Value> {
        let stored = bench.snapshot().get(&service()).unwrap().body.clone();
        ["/sku", "/zones", "/properties/virtualNetworkType", "/properties/virtualNetworkConfiguration", "/tags/team"]
            .map(|pointer| stored.pointer(pointer).cloned().unwrap_or_default())
            .to_vec()
    };
    let before = settings_of();
    assert_eq!(before[0], json!({"name": "Premium", "capacity": 2}));
    let error = bench.apply(SPEC, |_| {}).await.unwrap_err();
    assert_eq!(codes(&error), ["ARM203"], "{error}");
    assert_eq!(bench.writes(), []);
    let premium = edited(SPEC, "  sku: Developer\n", "  sku: { name: Premium, capacity: 2 }\n");
    bench.apply(&premium, |_| {}).await.unwrap();
    assert_eq!(settings_of(), before);
    assert!(bench.plan(&premium).await.is_empty());
    bench.destroy(&premium, false).await.unwrap();
    assert_eq!(settings_of(), before, "destroy leaves what was there");
    assert!(!bench.has("/apis/chat") && !bench.has("/namedValues/apimctl-bench-0"));
}

#[tokio::test(start_paused = true)]
async fn a_saved_plan_is_refused_once_anything_has_changed() {
    let bench = Bench::new(|_| {});
    bench.apply(SPEC, |_| {}).await.unwrap();
    let wanted = edited(SPEC, "  region: { value: north }", "  region: { value: south }");
    let text = bench.plan(&wanted).await.to_saved().to_string();
    assert!(!text.contains("s3cret-canary"));
    let saved = SavedPlan::parse(&text).unwrap();
    saved.check(&bench.plan(&wanted).await).unwrap();
    let client = bench.local.client();
    let body = json!({"properties": {"displayName": "region", "value": "elsewhere"}});
    client.put(&service().child("namedValues", "region"), "2024-05-01", &body, apimctl::azure::Precondition::Any).await.unwrap();
    bench.clock.sleep(Duration::from_secs(10)).await;
    assert!(matches!(saved.check(&bench.plan(&wanted).await), Err(DeployError::StalePlan { .. })));
    let other = edited(SPEC, "  region: { value: north }", "  region: { value: west }");
    assert!(matches!(saved.check(&bench.plan(&other).await), Err(DeployError::StalePlan { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_change_behind_the_plan_is_not_overwritten() {
    let bench = Bench::new(|_| {});
    bench.apply(SPEC, |_| {}).await.unwrap();
    let wanted = edited(SPEC, "  region: { value: north }", "  region: { value: south }");
    let deployment = bench.deployment(&wanted, |_| {});
    let plan = deployment.plan().await.unwrap();
    assert_eq!(actions(&plan).len(), 1);
    let client = bench.local.client();
    let body = json!({"properties": {"displayName": "region", "value": "elsewhere"}});
    client.put(&service().child("namedValues", "region"), "2024-05-01", &body, apimctl::azure::Precondition::Any).await.unwrap();
    bench.clock.sleep(Duration::from_secs(10)).await;
    let error = deployment.apply(&plan, &Discard, Cancellation::never()).await.unwrap_err();
    assert!(error.to_string().contains("changed since the plan"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn destroy_leaves_nothing_of_ours_and_all_of_theirs() {
    let bench = Bench::new(|_| {});
    bench.apply(SPEC, |_| {}).await.unwrap();
    bench.destroy(SPEC, true).await.unwrap();
    let left: Vec<String> =
        bench.snapshot().keys().map(ToString::to_string).filter(|id| id.contains("bench") || id.contains("roleAssignments")).collect();
    assert_eq!(left, Vec::<String>::new());
    assert!(bench.has("/accounts/acc-france") && bench.has("/accounts/acc-sweden"));
    // The name is free again: purged.
    bench.apply(SPEC, |_| {}).await.unwrap();
    assert!(bench.plan(SPEC).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_nobody_renews_is_free_after_its_term() {
    let bench = Bench::new(|_| {});
    bench.apply(SPEC, |_| {}).await.unwrap();
    let first = edited(SPEC, "  region: { value: north }", "  region: { value: south }");
    // The first machine dies in the middle of a write, without a journal.
    let asleep = bench.client_through(|request, emulator| async move {
        if request.method() == http::Method::PUT && request.uri().path().ends_with("/namedValues/region") {
            std::future::pending::<()>().await;
        }
        emulator.handle(request).await
    });
    let sleeper = bench.deployment_through(asleep, &first, |settings| settings.state_dir = None);
    let plan = sleeper.plan().await.unwrap();
    {
        let until_it_writes = bench.clock.sleep(Duration::from_secs(20));
        tokio::select! {
            _ = sleeper.apply(&plan, &Discard, Cancellation::never()) => panic!("it cannot end"),
            () = until_it_writes => {}
        }
    }
    let second = edited(SPEC, "  region: { value: north }", "  region: { value: west }");
    let elsewhere = |settings: &mut apimctl::deploy::Settings| {
        settings.state_dir = None;
        settings.holder = "bob@there".to_owned();
    };
    assert!(matches!(bench.apply(&second, elsewhere).await, Err(DeployError::LeaseHeld { .. })));
    bench.clock.sleep(Duration::from_secs(121)).await;
    bench.apply(&second, elsewhere).await.unwrap();
    assert!(bench.plan(&second).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_apply_whose_lease_was_taken_starts_nothing_more() {
    let bench = Bench::new(|_| {});
    bench.apply(SPEC, |_| {}).await.unwrap();
    let first = edited(SPEC, "  region: { value: north }", "  region: { value: south }");
    let first = edited(&first, "displayName: Consumer,", "displayName: Renamed,");
    // A machine that sleeps: for five minutes none of its requests leaves, and it does not know.
    let asleep = bench.clock.clone();
    let client = bench.client_through(move |request, emulator| {
        let clock = asleep.clone();
        async move {
            let own = request.method() == http::Method::PUT && request.uri().path().contains("/namedValues/");
            if own
                && emulator
                    .requests()
                    .iter()
                    .any(|request| request.path.ends_with("/namedValues/apimctl-bench-0") && request.method == http::Method::PUT)
            {
                clock.sleep(Duration::from_secs(300)).await;
            }
            emulator.handle(request).await
        }
    });
    bench.local.emulator().clear_requests();
    let sleeper = bench.deployment_through(client, &first, |settings| {
        settings.state_dir = None;
        settings.parallelism = 1;
    });
    let plan = sleeper.plan().await.unwrap();
    let second = edited(SPEC, "s3cret-canary", "s3cret-other");
    let other = async {
        bench.clock.sleep(Duration::from_secs(180)).await;
        bench
            .apply(&second, |settings| {
                settings.state_dir = None;
                settings.holder = "bob@there".to_owned();
            })
            .await
    };
    let (slept, awake) = futures::join!(sleeper.apply(&plan, &Discard, Cancellation::never()), other);
    awake.unwrap();
    let error = slept.unwrap_err();
    assert!(matches!(&error, DeployError::LeaseLost { .. }), "{error}");
    let stored = bench.snapshot().get(&service().child("subscriptions", "consumer")).unwrap().body.clone();
    assert_eq!(stored.pointer("/properties/displayName"), Some(&json!("Consumer")), "the step after the sleep was not begun");
}
