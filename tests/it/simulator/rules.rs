//! Fault scripts.

use std::time::Duration;

use apimctl::support::clock::{Clock as _, SystemClock};

use super::*;

async fn statuses(simulator: &Simulator, account: &str, number: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..number {
        statuses.push(simulator.handle(account, chat(&hello())).await.map_or(0, |response| response.status().as_u16()));
    }
    statuses
}

#[tokio::test(start_paused = true)]
async fn a_region_is_out_for_a_while() {
    let simulator = simulator(
        "rules: [ { account: france, from: PT10S, for: PT30S, do: { status: 503, headers: { retry-after: 7, x-ms-region: ~ } } } ]",
    );
    assert_eq!(statuses(&simulator, "france", 1).await, [200]);
    tokio::time::advance(Duration::from_secs(10)).await;
    let out = simulator.handle("france", chat(&hello())).await.unwrap();
    assert_eq!((out.status().as_u16(), out.headers()["retry-after"].to_str().unwrap()), (503, "7"));
    assert!(out.headers().contains_key("apim-request-id") && !out.headers().contains_key("x-ms-region"));
    assert_eq!(text(out).await, r#"{"error":{"code":"503","message":"Service Unavailable"}}"#);
    assert_eq!(statuses(&simulator, "sweden", 1).await, [200]);
    tokio::time::advance(Duration::from_millis(29_999)).await;
    assert_eq!(statuses(&simulator, "france", 1).await, [503]);
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(statuses(&simulator, "france", 1).await, [200]);
}

#[tokio::test(start_paused = true)]
async fn rules_count_the_requests_that_reach_them() {
    let simulator = simulator(
        "rules: [ { nth: 2, do: { status: 500 } }, { every: 3, do: { status: 502 } }, { account: sweden, first: 2, do: { status: 504 } } ]",
    );
    // The second is taken by the first rule, so the others do not count it.
    assert_eq!(statuses(&simulator, "france", 8).await, [200, 500, 200, 502, 200, 200, 502, 200]);
    assert_eq!(statuses(&simulator, "sweden", 4).await, [504, 502, 504, 200]);
}

#[tokio::test(start_paused = true)]
async fn chance_is_seeded_and_fair() {
    let run = async |seed: u32| {
        let simulator = simulator(&format!("seed: {seed}\nrules: [ {{ probability: 0.25, do: {{ status: 500 }} }} ]"));
        statuses(&simulator, "france", 2_000).await
    };
    let (one, again, other) = (run(1).await, run(1).await, run(2).await);
    assert_eq!(one, again);
    assert_ne!(one, other);
    let share = one.iter().filter(|status| **status == 500).count();
    // Three standard errors of 2,000 draws.
    assert!((442..=558).contains(&share), "{share}");
}

#[tokio::test(start_paused = true)]
async fn requests_are_told_apart_by_what_they_look_like() {
    let yaml = "rules:
      - { match: { headers: { x-test: slow } }, do: { delayHeaders: PT20S } }
      - { match: { stream: true }, do: { status: 418 } }
      - { match: { body: needle }, do: { status: 409, body: { found: true } } }
      - { match: { path: instruct }, do: { status: 410, body: gone } }
      - { operation: embeddings, do: { status: 503 } }
      - { deployment: \"o4*\", do: { throttle: PT0.25S } }";
    let simulator = simulator(yaml);
    assert_eq!(statuses(&simulator, "france", 1).await, [200]);
    let start = SystemClock.now();
    let mut slow = chat(&hello());
    slow.headers_mut().insert("x-test", "very slow".parse().unwrap());
    assert_eq!(simulator.handle("france", slow).await.unwrap().status(), 200);
    assert_eq!(start.elapsed(), Duration::from_secs(20));
    assert_eq!(simulator.handle("france", chat(&streamed())).await.unwrap().status(), 418);
    let needle = simulator.handle("france", chat(&json!({ "messages": [{ "role": "user", "content": "a needle" }] }))).await.unwrap();
    assert_eq!((needle.status().as_u16(), text(needle).await.as_str()), (409, r#"{"found":true}"#));
    let post = |path: &str| request("POST", path, &[("api-key", "key-1")], "{}".to_owned());
    let gone =
        simulator.handle("france", post("/openai/deployments/gpt-35-turbo-instruct/completions?api-version=2024-02-01")).await.unwrap();
    assert_eq!((gone.status().as_u16(), text(gone).await.as_str()), (410, "gone"));
    let embeddings = "/openai/deployments/text-embedding-3-small/embeddings?api-version=2024-02-01";
    assert_eq!(simulator.handle("france", post(embeddings)).await.unwrap().status(), 503);
    let throttled =
        simulator.handle("france", post("/openai/deployments/o4-mini/chat/completions?api-version=2025-01-01-preview")).await.unwrap();
    assert_eq!(throttled.status(), 429);
    assert_eq!(
        (&throttled.headers()["retry-after"], &throttled.headers()["retry-after-ms"]),
        (&"1".parse().unwrap(), &"250".parse().unwrap())
    );
    assert!(text(throttled).await.contains("RateLimitReached"));
}

#[tokio::test(start_paused = true)]
async fn streams_are_cut_stalled_spoiled_and_never_end() {
    let yaml = "rules:
      - { nth: 1, do: { cut: { afterFrames: 3 } } }
      - { nth: 1, do: { cut: { afterBytes: 500 } } }
      - { nth: 1, do: { cut: beforeFirstByte } }
      - { nth: 1, do: { malformed: true } }
      - { nth: 1, do: { endless: true, perToken: PT1S } }
      - { nth: 1, do: { cut: { afterFrames: 100000 } } }
      - { nth: 1, do: { contentFilter: completion } }
      - { nth: 1, do: { text: \"one two\" } }
      - { nth: 1, do: { tokens: 500 } }";
    let simulator = simulator(yaml);
    let whole =
        super::frames(fixture_with(accounts(), Behavior::default()).simulator.handle("france", chat(&streamed())).await.unwrap()).await.0;
    let ask = || simulator.handle("france", chat(&streamed()));
    let (cut, end) = frames(ask().await.unwrap()).await;
    assert_eq!((cut.len(), end), (3, Err(Cut)));
    let (cut, end) = frames(ask().await.unwrap()).await;
    assert_eq!((cut.concat().len(), end), (500, Err(Cut)));
    assert_eq!(ask().await.err(), Some(Cut));
    let (spoiled, end) = frames(ask().await.unwrap()).await;
    assert_eq!(end, Ok(()));
    let bad = |frame: &&String| serde_json::from_str::<Value>(frame.trim_start_matches("data: ").trim_end()).is_err();
    // `[DONE]` is no JSON either.
    assert_eq!(spoiled.iter().filter(bad).count(), 2);
    assert_eq!(spoiled.len(), whole.len());
    let start = SystemClock.now();
    let mut endless = ask().await.unwrap().into_body();
    for _ in 0..1_000 {
        endless.frame().await.unwrap().unwrap();
    }
    assert!(start.elapsed() > Duration::from_secs(900));
    drop(endless);
    let (cut, end) = frames(ask().await.unwrap()).await;
    assert_eq!((cut.len(), end), (whole.len(), Err(Cut)));
    let filtered = events(&text(ask().await.unwrap()).await);
    let finish = filtered.iter().find(|event| !event["choices"][0]["finish_reason"].is_null()).unwrap();
    assert_eq!(finish["choices"][0]["finish_reason"], "content_filter");
    let given = text(ask().await.unwrap()).await;
    assert!(given.contains(r#""content":"one""#) && given.contains(r#""content":" two""#), "{given}");
    let long = events(&text(ask().await.unwrap()).await);
    assert_eq!(long.last().unwrap()["usage"]["completion_tokens"], 500);
}

#[tokio::test(start_paused = true)]
async fn answers_in_one_piece_are_spoiled_and_cut_too() {
    let simulator = simulator(
        "rules: [ { nth: 1, do: { malformed: true } }, { nth: 1, do: { cut: { afterBytes: 10 } } }, { nth: 1, do: { neverAnswers: true } } ]",
    );
    let spoiled = text(simulator.handle("france", chat(&hello())).await.unwrap()).await;
    assert!(spoiled.starts_with("{\"choices\"") && serde_json::from_str::<Value>(&spoiled).is_err());
    let (cut, end) = frames(simulator.handle("france", chat(&hello())).await.unwrap()).await;
    assert_eq!((cut, end), (vec!["{\"choices\"".to_owned()], Err(Cut)));
    let waiting = tokio::time::timeout(Duration::from_secs(3_600), simulator.handle("france", chat(&hello()))).await;
    assert!(waiting.is_err());
    let received = simulator.received();
    assert_eq!(received.len(), 3);
    assert_eq!(received[2].outcome(), None, "the client did not wait");
    assert_eq!(received[2].rule.as_deref(), Some("rule 3"));
}

#[tokio::test(start_paused = true)]
async fn behavior_is_set_and_requests_are_read_at_run_time() {
    let simulator = simulator("rules: []");
    let call = async |method: &str, path: &str, body: &str| {
        let response = simulator.handle("france", request(method, path, &[], body.to_owned())).await.unwrap();
        let status = response.status().as_u16();
        let text = text(response).await;
        (status, serde_json::from_str::<Value>(&text).unwrap_or_default())
    };
    let set = json!({ "rules": [{ "account": "france", "for": "PT5S", "do": { "status": 500 } }] });
    assert_eq!(call("PUT", "/_simulator/behavior", &set.to_string()).await, (200, set.clone()));
    assert_eq!(call("GET", "/_simulator/behavior", "").await, (200, set));
    assert_eq!(statuses(&simulator, "france", 1).await, [500]);
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(statuses(&simulator, "france", 1).await, [200]);
    let (status, findings) = call("PUT", "/_simulator/behavior", r#"{"rules":[{"do":{"state":1}}]}"#).await;
    assert_eq!((status, findings["findings"][0]["code"].as_str()), (400, Some("SIM010")));
    assert_eq!(call("PUT", "/_simulator/behavior", "rules: []").await.0, 400, "JSON it must be");
    assert_eq!(call("DELETE", "/_simulator/behavior", "").await.0, 204);
    statuses(&simulator, "sweden", 1).await;
    let (_, received) = call("GET", "/_simulator/requests?account=sweden", "").await;
    let received = received["requests"].as_array().unwrap();
    assert_eq!(received.len(), 1);
    assert_eq!(
        (received[0]["operation"].as_str(), received[0]["status"].as_u64(), received[0]["deployment"].as_str()),
        (Some("chatCompletions"), Some(200), Some("gpt-4o-mini"))
    );
    assert!(received[0]["headers"].as_array().unwrap().contains(&json!(["api-key", "[secret]"])));
    assert!(!received[0].to_string().contains("key-1"));
    assert_eq!(received[0]["usage"]["promptTokens"], 8);
    assert_eq!(call("GET", "/_simulator/requests", "").await.1["requests"].as_array().unwrap().len(), 3);
    assert_eq!(call("DELETE", "/_simulator/requests", "").await.0, 204);
    assert_eq!(call("GET", "/_simulator/requests", "").await.1["requests"], json!([]));
    assert_eq!(call("GET", "/_simulator/nothing", "").await.0, 404);
    assert_eq!(call("POST", "/_simulator/requests", "").await.0, 405);
}
