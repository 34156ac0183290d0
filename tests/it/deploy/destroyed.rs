//! A destroy that is killed at any write is finished by the next one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use apimctl::deploy::DeployError;
use apimctl::deploy::cancel::Cancellation;
use apimctl::deploy::events::Discard;
use tokio::sync::Notify;

use super::bench::{Bench, SPEC};

/// Says whether the destroy got as far as write number `number`.
async fn killed_at(bench: &Bench, number: usize) -> bool {
    let count = Arc::new(AtomicUsize::new(0));
    let dead = Arc::new(Notify::new());
    let client = {
        let (count, dead) = (count.clone(), dead.clone());
        bench.client_through(move |request, emulator| {
            let (count, dead) = (count.clone(), dead.clone());
            async move {
                let write = request.method() != http::Method::GET && request.method() != http::Method::HEAD;
                let answer = emulator.handle(request).await;
                if write && count.fetch_add(1, Ordering::SeqCst) + 1 == number {
                    dead.notify_one();
                    std::future::pending::<()>().await;
                }
                answer
            }
        })
    };
    let deployment = bench.deployment_through(client, SPEC, |_| {});
    let run = async {
        let plan = deployment.destroy_plan().await?;
        deployment.destroy(&plan, true, &Discard, Cancellation::never()).await
    };
    tokio::select! {
        biased;
        () = dead.notified() => true,
        result = run => {
            result.unwrap();
            false
        }
    }
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_write_a_destroy_is_finished_by_the_next_one() {
    let mut number = 1;
    loop {
        let bench = Bench::new(|options| options.activation = Duration::from_secs(120));
        bench.apply(SPEC, |_| {}).await.unwrap();
        if !killed_at(&bench, number).await {
            assert!(number > 4, "nothing was killed");
            return;
        }
        match bench.destroy(SPEC, true).await {
            Ok(_) => {}
            // While the service is still going there is nothing to do but wait.
            Err(error @ (DeployError::Findings(_) | DeployError::Azure(_))) => {
                bench.clock.sleep(Duration::from_secs(600)).await;
                bench.destroy(SPEC, true).await.unwrap_or_else(|second| panic!("killed at {number}: {error}; then {second}"));
            }
            Err(error) => panic!("killed at {number}: {error}"),
        }
        let left: Vec<String> =
            bench.snapshot().keys().map(ToString::to_string).filter(|id| id.contains("bench") || id.contains("roleAssignments")).collect();
        assert_eq!(left, Vec::<String>::new(), "killed at {number}");
        number += 1;
    }
}
