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
