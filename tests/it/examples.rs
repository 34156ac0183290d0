//! Every example, on the embedded ARM: applied, planned again, and once more where the service answers in every odd way.

use apimctl::deploy::plan::Action;

use crate::support::{World, apply, examples, load};

#[tokio::test(start_paused = true)]
async fn a_plan_after_apply_is_empty_and_a_second_apply_writes_nothing() {
    for path in examples() {
        let world = World::new(|_| {});
        let loaded = load(&path);
        let deployment = world.deployment(&loaded, |_| {});
        apply(&deployment).await.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        world.take_sent();

        let plan = deployment.plan().await.unwrap();
        let changes: Vec<_> = plan.changes.iter().filter(|change| change.action != Action::None).collect();
        assert!(changes.is_empty(), "{}: {changes:#?}", path.display());
        assert!(plan.changes.len() > 5, "{}: the plan speaks of nothing", path.display());

        deployment.apply(&plan, &apimctl::deploy::events::Discard, apimctl::deploy::cancel::Cancellation::never()).await.unwrap();
        let writes: Vec<_> = world.take_sent().into_iter().filter(|sent| sent.is_write()).map(|sent| (sent.method, sent.path)).collect();
        assert!(writes.is_empty(), "{}: {writes:#?}", path.display());
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_after_apply_is_empty_however_oddly_the_service_answers() {
    for path in examples() {
        let world = World::new(|options| options.hostile = true);
        let loaded = load(&path);
        let deployment = world.deployment(&loaded, |_| {});
        apply(&deployment).await.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let plan = deployment.plan().await.unwrap();
        let changes: Vec<_> = plan.changes.iter().filter(|change| change.action != Action::None).collect();
        assert!(changes.is_empty(), "{}: {changes:#?}", path.display());
    }
}

#[tokio::test(start_paused = true)]
async fn destroy_leaves_nothing_of_ours() {
    for path in examples() {
        let world = World::new(|_| {});
        let loaded = load(&path);
        let deployment = world.deployment(&loaded, |_| {});
        let before: Vec<_> = world.emulator.store().snapshot().keys().cloned().collect();
        apply(&deployment).await.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let plan = deployment.destroy_plan().await.unwrap();
        deployment.destroy(&plan, true, &apimctl::deploy::events::Discard, apimctl::deploy::cancel::Cancellation::never()).await.unwrap();
        let after: Vec<_> = world.emulator.store().snapshot().keys().cloned().collect();
        assert_eq!(before, after, "{}", path.display());
    }
}
