//! The tutorial as it is written, and what really happens: one test for each row of the design's table that a gateway can show. The rest of
//! the table (roles, names of deployments, the component's settings) is told by `apimctl validate` and the preflight.

use std::time::Duration;

use serde_json::{Value, json};

use super::examples::{DEPLOYMENTS, Example, FRANCE, OPENAI};
use super::gateway_under_test::Received;

const AS_WRITTEN: &str = "tutorial-as-written.yaml";

/// With the key in the query: the account does not read it there, as it does in the header.
fn in_query(example: &Example) -> String {
    format!("{DEPLOYMENTS}&subscription-key={}", example.key)
}

fn stream() -> Value {
    json!({ "messages": [{ "role": "user", "content": "Hello" }], "stream": true })
}

/// Row: Bearer to key header in inbound.
#[tokio::test(start_paused = true)]
async fn a_bearer_token_is_looked_at_by_nobody_before_the_key_is_missed() {
    let example = Example::new(AS_WRITTEN).await;
    let bearer = format!("Bearer {}", example.key);
    let received = example.post(DEPLOYMENTS, &[("Authorization", &bearer)]).await;
    assert_eq!(received.status, 401);
    assert!(received.body.contains("missing subscription key"), "{}", received.body);
    assert!(example.asked().is_empty());
}

/// Row: SDK pointed at the gateway root.
#[tokio::test(start_paused = true)]
async fn sdks_ask_elsewhere_and_with_another_header() {
    let example = Example::new(AS_WRITTEN).await;
    assert_eq!(example.post(OPENAI, &[("api-key", &example.key)]).await.status, 404);
    assert_eq!(example.post(DEPLOYMENTS, &[("api-key", &example.key)]).await.status, 401);
    assert!(example.asked().is_empty());
}

/// Row: round robin with priorities 1 and 2.
#[tokio::test(start_paused = true)]
async fn all_traffic_goes_to_the_first_priority() {
    let example = Example::new(AS_WRITTEN).await;
    for _ in 0..4 {
        let received = example.post(&in_query(&example), &[]).await;
        assert_eq!(received.status, 200, "{}", received.body);
    }
    assert_eq!(example.asked(), [FRANCE; 4]);
}

/// Row: client key headers. The account takes the client's key for its own, and refuses it.
#[tokio::test(start_paused = true)]
async fn the_clients_key_reaches_the_account() {
    let example = Example::new(AS_WRITTEN).await;
    let received = example.call().await;
    let asked = example.world.simulator().unwrap().received();
    assert_eq!(asked[0].account, FRANCE);
    assert!(asked[0].headers.contains_key("ocp-apim-subscription-key"), "{:?}", asked[0].headers);
    assert_eq!(received.status, 401, "{}", received.body);
    assert!(received.body.contains("\"error\""), "the account's own refusal: {}", received.body);
}

/// Rows: the pool fails over by itself; step 6 "circuit breaker policy"; retry count 3 on a pool of two.
#[tokio::test(start_paused = true)]
async fn without_a_breaker_nobody_is_left_out() {
    let example = Example::new(AS_WRITTEN).await;
    // All four attempts go to the account that fails, and the failure is the answer.
    example.behave(&json!({ "rules": [{ "account": FRANCE, "do": { "throttle": "PT20S" } }] }));
    let received = example.post(&in_query(&example), &[]).await;
    assert_eq!(received.status, 429, "{}", received.body);
    assert_eq!(example.asked(), [FRANCE; 4]);
    // There is no breaker that could have tripped.
    let status: Value = serde_json::from_str(&example.gateway.ask("GET", "/status").await.body).unwrap();
    for backend in status["backends"].as_array().unwrap() {
        assert_eq!((&backend["breaker"]["state"], backend["breaker"].get("rule")), (&json!("closed"), None), "{backend}");
    }
}

/// Row: a condition on `context.Response.StatusCode`.
#[tokio::test(start_paused = true)]
async fn after_a_transport_failure_the_condition_throws() {
    let example = Example::new(AS_WRITTEN).await;
    example.behave(&json!({ "rules": [{ "account": FRANCE, "do": { "connection": "refused" } }] }));
    let received = example.post(&in_query(&example), &[]).await;
    assert_eq!(received.status, 500);
    assert!(received.body.contains("Internal server error"), "{}", received.body);
}

/// Row: "streaming works" with the default `forward-request`.
#[tokio::test(start_paused = true)]
async fn a_stream_is_held_back_as_written_and_flows_in_the_version_that_works() {
    let slow = json!({ "latency": { "headers": "PT1S", "firstToken": "PT1S", "perToken": "PT1S" } });
    let written = Example::new(AS_WRITTEN).await;
    written.behave(&slow);
    let whole = |received: &Received| {
        assert_eq!((received.status, received.whole), (200, true), "{}", received.body);
        assert!(received.body.trim_end().ends_with("data: [DONE]"), "{}", received.body);
        (received.body_after.unwrap(), received.body.matches("\ndata: ").count())
    };
    let (held_back, events) = whole(&written.post_json(&in_query(&written), &[], &stream()).await);
    let works = Example::new("openai-lb.yaml").await;
    works.behave(&slow);
    let (first, same) = whole(&works.post_json(DEPLOYMENTS, &[("Ocp-Apim-Subscription-Key", &works.key)], &stream()).await);
    assert_eq!(events, same);
    // A short answer fits the buffer of 8 KB, so nothing of it is seen before all of it is there.
    assert!(events > 4 && held_back > Duration::from_secs(4), "{events} events after {held_back:?}");
    assert!(first <= Duration::from_secs(3), "the first event after {first:?}");
}

/// Row: `Priority` header missing; `int.Parse` of what a client sent.
#[tokio::test(start_paused = true)]
async fn any_client_can_choose_its_priority_or_cause_an_error() {
    let example = Example::new(AS_WRITTEN).await;
    let snapshot = example.world.gateway().snapshot();
    let master = snapshot.subscriptions.iter().find(|own| own.master).unwrap().primary_key.expose().clone();
    let target = format!("/priority{DEPLOYMENTS}&subscription-key={master}");
    // Ordinary traffic, without the header, is taken for the most urgent.
    assert_eq!(example.post(&target, &[]).await.status, 200);
    assert_eq!(example.asked(), [FRANCE]);
    // What is no number is a 500.
    let received = example.post(&target, &[("Priority", "high")]).await;
    assert_eq!(received.status, 500, "{}", received.body);
    assert!(example.asked().is_empty());
}

/// Row: dimension `Deployment ID` from a variable that nobody sets.
#[tokio::test(start_paused = true)]
async fn the_deployment_is_always_unknown_as_written() {
    for (name, deployment) in [(AS_WRITTEN, "unknown"), ("openai-lb.yaml", "gpt-4o-mini")] {
        let example = Example::new(name).await;
        for _ in 0..3 {
            assert_eq!(example.post(&in_query(&example), &[]).await.status, 200);
        }
        let rows = ask(&example, "/query/tokens?by=Deployment%20ID").await;
        assert_eq!(rows.as_array().unwrap().len(), 1, "{rows}");
        assert_eq!(rows[0]["Deployment ID"], deployment);
    }
}

async fn ask(example: &Example, path: &str) -> Value {
    let received = example.gateway.ask("GET", path).await;
    assert_eq!(received.status, 200, "{}", received.body);
    serde_json::from_str(&received.body).unwrap()
}

/// Row: the KQL. "Tokens per subscription and deployment" and "requests per hour and result", answered from the gateway's own data.
#[tokio::test(start_paused = true)]
async fn the_questions_of_the_tutorial_are_answered() {
    let example = Example::new("openai-lb.yaml").await;
    let key = [("Ocp-Apim-Subscription-Key", example.key.as_str())];
    let mut sums = [0.0; 3];
    let mut count = |received: &Received| {
        let usage = &serde_json::from_str::<Value>(&received.body).unwrap()["usage"];
        for (sum, name) in sums.iter_mut().zip(["prompt_tokens", "completion_tokens", "total_tokens"]) {
            *sum += usage[name].as_f64().unwrap();
        }
    };
    for question in ["Hello", "What is a gateway?", "Tell me about circuit breakers, please."] {
        let body = json!({ "model": "gpt-4o-mini", "messages": [{ "role": "user", "content": question }] });
        count(&example.post_json(DEPLOYMENTS, &key, &body).await);
    }
    assert_eq!(example.post(DEPLOYMENTS, &[]).await.status, 401);
    assert_eq!(example.post("/nowhere", &key).await.status, 404);
    // The next hour.
    example.clock.sleep(Duration::from_secs(3_600)).await;
    count(&example.call().await);
    count(&example.call().await);

    assert!(sums.iter().all(|sum| *sum > 5.0), "{sums:?}");
    let tokens = ask(&example, "/query/tokens?by=Subscription%20ID,Deployment%20ID").await;
    let [prompt, completion, total] = sums;
    let expected = json!([{
        "Subscription ID": "azure-openai-consumer", "Deployment ID": "gpt-4o-mini",
        "Completion Tokens": completion, "Prompt Tokens": prompt, "Total Tokens": total,
    }]);
    assert_eq!(tokens, expected);
    let rows = ask(&example, "/query/requests").await;
    let row = |hour: &str, code: u16, count: u32| json!({ "hour": format!("2026-11-22T{hour}:00:00Z"), "resultCode": code, "success": code < 400, "count": count });
    assert_eq!(rows, json!([row("12", 200, 3), row("12", 401, 1), row("12", 404, 1), row("13", 200, 2)]));
}
