//! Token buckets on virtual time.

use apimctl::emulator::Options;

use super::{World, options};

#[tokio::test(start_paused = true)]
async fn a_bucket_empties_and_refills() {
    let world = World::open(Options { throttling: true, ..options() });
    let uri = format!("/subscriptions/{}", apimctl::emulator::DEFAULT_SUBSCRIPTION);
    for left in (0..250).rev() {
        let reply = world.get(&uri).await.expect(200);
        assert_eq!(reply.header("x-ms-ratelimit-remaining-subscription-reads"), left.to_string());
    }
    let refused = world.get(&uri).await.expect(429);
    assert_eq!(refused.header("retry-after"), "1");
    world.pass(1).await;
    for _ in 0..25 {
        world.get(&uri).await.expect(200);
    }
    world.get(&uri).await.expect(429);
    // Another Azure subscription, and writes, have buckets of their own.
    world.delete(&format!("{uri}/resourceGroups/none")).await.expect(404);
}

#[tokio::test(start_paused = true)]
async fn the_buckets_are_full_when_throttling_is_off() {
    let world = World::open(options());
    for _ in 0..600 {
        let reply = world.get("/subscriptions").await.expect(200);
        assert_eq!(reply.header("x-ms-ratelimit-remaining-subscription-reads"), "249");
    }
}
