//! The hostile mode: another dress, the same meaning, and the same each time.

use apimctl::emulator::Options;
use serde_json::{Value, json};

use super::{World, options, svc};

async fn worlds() -> (World, World) {
    let kind = World::developer().await;
    let hostile = World::with_service(Options { hostile: true, ..options() }, "Developer").await;
    for world in [&kind, &hostile] {
        world.api("a").await;
        world.backend("one").await;
        world.backend("two").await;
        let pool = json!({ "properties": { "type": "Pool", "pool": { "services": [{ "id": "/backends/one", "priority": 1 }, { "id": "/backends/two", "priority": 2 }] } } });
        world.put(&format!("{}/backends/pool", svc()), pool).await.expect(201);
        world
            .policy(
                &format!("{}/apis/a", svc()),
                "<policies><inbound><set-variable name=\"x\" value=\"@{\n\treturn 1 &lt; 2;\n}\" /></inbound></policies>",
            )
            .await
            .expect(201);
        world.named_value("n", "v", true).await;
    }
    (kind, hostile)
}

/// Whether everything that the friendly answer says is in the other one, in whatever dress.
fn says_the_same(friendly: &Value, other: &Value) -> bool {
    match (friendly, other) {
        (Value::Object(a), Value::Object(b)) => a.iter().all(|(name, value)| b.get(name).is_some_and(|other| says_the_same(value, other))),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().all(|one| b.iter().any(|other| says_the_same(one, other))),
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::String(a), Value::String(b)) if a.starts_with("/subscriptions/") => a.eq_ignore_ascii_case(b),
        (Value::String(a), Value::String(b)) if a.starts_with("<policies>") => {
            a.replace(char::is_whitespace, "") == b.replace(char::is_whitespace, "")
        }
        (a, b) => a == b,
    }
}

#[tokio::test(start_paused = true)]
async fn the_meaning_stays_and_the_dress_changes() {
    let (kind, hostile) = worlds().await;
    let mut dressed = 0;
    for path in [
        "",
        "/backends/pool",
        "/backends",
        "/apis/a",
        "/apis",
        "/namedValues/n",
        "/apis/a/policies/policy",
        "/apis/a/policies/policy?format=rawxml",
        "/products/starter",
    ] {
        let uri = format!("{}{path}", svc());
        let (friendly, other) = (kind.get(&uri).await.expect(200).body, hostile.get(&uri).await.expect(200).body);
        // Entity tags of the two worlds are the same: the same requests were made.
        assert!(says_the_same(&friendly, &other), "{path}\n{friendly}\n{other}");
        dressed += usize::from(friendly != other);
        assert_eq!(other, hostile.get(&uri).await.body, "the same each time");
    }
    assert_eq!(dressed, 9);
    let secret = hostile.get(&format!("{}/namedValues/n", svc())).await;
    assert!(secret.properties().get("value").is_none_or(Value::is_null));
}

#[tokio::test(start_paused = true)]
async fn what_the_hostile_mode_shows_can_be_sent_back() {
    let (_, hostile) = worlds().await;
    for path in ["/backends/pool", "/backends/one", "/apis/a"] {
        let uri = format!("{}{path}", svc());
        let shown = hostile.get(&uri).await;
        let again = hostile.put(&uri, json!({ "properties": shown.properties() })).await.expect(200);
        assert_eq!(again.header("etag"), hostile.get(&uri).await.header("etag"));
        hostile.get(&uri).await.expect(200);
    }
}
