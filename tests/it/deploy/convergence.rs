//! Plan, apply, plan again.

use apimctl::deploy::plan::Action;

use super::bench::{Bench, SPEC, actions, edited};

#[tokio::test(start_paused = true)]
async fn an_applied_specification_leaves_nothing_to_do_and_a_second_apply_writes_nothing() {
    let bench = Bench::new(|_| {});
    let applied = bench.apply(SPEC, |_| {}).await.unwrap();
    assert!(applied.summary.created > 15, "{:?}", applied.summary);
    bench.writes();
    let plan = bench.plan(SPEC).await;
    assert_eq!(actions(&plan), []);
    bench.apply(SPEC, |_| {}).await.unwrap();
    let requests = bench.local.emulator().requests();
    assert!(requests.iter().all(|request| !super::bench::is_change(request)), "{requests:#?}");
}

#[tokio::test(start_paused = true)]
async fn what_leaves_the_specification_is_deleted_and_a_subscription_says_that_its_keys_die() {
    let bench = Bench::new(|_| {});
    bench.apply(SPEC, |_| {}).await.unwrap();
    let smaller = edited(SPEC, "subscriptions:\n  consumer: { displayName: Consumer, scope: product/team }\n", "");
    let plan = bench.plan(&smaller).await;
    assert_eq!(actions(&plan), [(Action::Delete, "consumer".to_owned())]);
    let change = plan.changes.iter().find(|change| change.action == Action::Delete).unwrap();
    assert!(change.note.as_deref().unwrap().contains("keys die"));
    bench.apply(&smaller, |_| {}).await.unwrap();
    assert!(!bench.has("/subscriptions/consumer"));
    assert!(bench.plan(&smaller).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_service_that_answers_otherwise_than_it_was_asked_still_leaves_nothing_to_do() {
    let bench = Bench::new(|options| options.hostile = true);
    bench.apply(SPEC, |_| {}).await.unwrap();
    assert_eq!(actions(&bench.plan(SPEC).await), []);
    let changed = edited(SPEC, "  region: { value: north }", "  region: { value: south }");
    bench.apply(&changed, |_| {}).await.unwrap();
    assert_eq!(actions(&bench.plan(&changed).await), []);
}

#[tokio::test(start_paused = true)]
async fn a_changed_secret_is_found_and_never_shown() {
    let bench = Bench::new(|_| {});
    bench.apply(SPEC, |_| {}).await.unwrap();
    let changed = edited(SPEC, "s3cret-canary", "s3cret-other");
    let plan = bench.plan(&changed).await;
    assert_eq!(actions(&plan), [(Action::Update, "greeting".to_owned())]);
    assert!(!plan.to_saved().to_string().contains("s3cret") && !format!("{:?}", plan.changes).contains("s3cret"));
    bench.apply(&changed, |_| {}).await.unwrap();
    assert!(bench.plan(&changed).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_refers_goes_before_what_is_referred_to_and_a_path_is_free_before_it_is_taken() {
    let bench = Bench::new(|_| {});
    bench.apply(SPEC, |_| {}).await.unwrap();
    // The fragment, its user, the pool and its members all leave at once.
    let smaller =
        edited(SPEC, "          <include-fragment fragment-id=\"hello\" />\n          <set-backend-service backend-id=\"pool\" />\n", "");
    let start = smaller.find("backends:\n  primary").unwrap();
    let end = smaller.find("apis:\n  chat").unwrap();
    let smaller = format!("{}{}", &smaller[..start], &smaller[end..]);
    bench.apply(&smaller, |_| {}).await.unwrap();
    assert!(!bench.has("/backends/pool") && !bench.has("/policyFragments/hello"));
    assert!(bench.plan(&smaller).await.is_empty());
    // Another API takes the path of the one that leaves.
    let renamed =
        edited(&smaller, "  chat:\n    displayName: Chat", "  talk:\n    displayName: Talk").replace("apis: [chat]", "apis: [talk]");
    bench.apply(&renamed, |_| {}).await.unwrap();
    assert!(bench.has("/service/apim-bench/apis/talk") && !bench.has("/service/apim-bench/apis/chat"));
    assert!(bench.plan(&renamed).await.is_empty());
}
