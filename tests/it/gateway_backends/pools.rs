//! Pools: turns, priorities, failover by `retry`, exhaustion, sessions.

use std::time::Duration;

use apimctl::gateway::settings::WeightedChoice;
use serde_json::json;

use super::harness::{Reply, SAFE, Setup, breaker, pass, retrying};

const TO_POOL: &str = r#"<policies><inbound><base/><set-backend-service backend-id="pool"/></inbound></policies>"#;

fn two(rule: serde_json::Value) -> Setup {
    Setup::new().single("a", rule.clone()).single("b", rule).pool("pool", &[("a", 1, 1), ("b", 1, 1)], json!({}))
}

#[tokio::test(start_paused = true)]
async fn equal_members_take_turns_the_first_member_first() {
    let world = two(json!({})).document(TO_POOL).start();
    assert_eq!(world.statuses(4).await, [200; 4]);
    assert_eq!(world.backends.hosts(), ["a", "b", "a", "b"]);
    let seen = &world.backends.seen()[0];
    assert_eq!(seen.line(), "GET /openai/x HTTP/1.1");
    assert_eq!(seen.header("host"), Some("a.test"));
}

#[tokio::test(start_paused = true)]
async fn without_a_breaker_no_member_is_ever_left_out_and_nothing_is_sent_again() {
    let world = two(json!({})).document(TO_POOL).start();
    world.backends.script("a", [Reply::status(500), Reply::limited(5)]);
    assert_eq!(world.statuses(4).await, [500, 200, 429, 200]);
    assert_eq!(world.backends.hosts(), ["a", "b", "a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn failover_on_429_and_recovery_after_the_trip_time() {
    let world = two(breaker(json!({}))).document(&retrying(1, SAFE, "buffer-request-body=\"true\"")).start();
    world.backends.script("a", [Reply::limited(5)]);
    let answer = world.post("/echo/x", "question").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "answer 200"));
    assert_eq!(world.backends.hosts(), ["a", "b"]);
    assert!(world.backends.seen().iter().all(|seen| seen.body == "question"));
    world.backends.forget();
    assert_eq!(world.statuses(3).await, [200; 3]);
    assert_eq!(world.backends.hosts(), ["b", "b", "b"]);
    world.backends.forget();
    pass(61).await;
    assert_eq!(world.statuses(4).await, [200; 4]);
    let hosts = world.backends.hosts();
    assert_eq!(hosts.iter().filter(|host| *host == "a").count(), 2, "{hosts:?}");
}

#[tokio::test(start_paused = true)]
async fn failover_when_no_answer_comes() {
    for reply in [Reply::Refused, Reply::Cut, Reply::Hangs] {
        let rule = breaker(json!({ "failureCondition": { "errorReasons": ["Server errors"] } }));
        let world = two(rule).document(&retrying(1, SAFE, "buffer-request-body=\"true\" timeout=\"20\"")).start();
        world.backends.script("a", [reply.clone()]);
        assert_eq!(world.post("/echo/x", "question").await.status, 200, "{reply:?}");
        world.backends.forget();
        // The member is left out now.
        assert_eq!(world.statuses(2).await, [200; 2]);
        assert_eq!(world.backends.hosts(), ["b", "b"], "{reply:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rule_with_statuses_only_does_not_count_transport_failures() {
    let reasons = json!({ "failureCondition": { "errorReasons": ["Server errors"] } });
    for (rule, counted, then) in [(json!({}), true, ["b", "a"]), (reasons.clone(), true, ["b", "b"]), (reasons, false, ["b", "a"])] {
        let world = two(breaker(rule)).settings(|settings| settings.transport_errors_trip = counted).document(TO_POOL).start();
        world.backends.script("a", [Reply::Refused]);
        assert_eq!(world.statuses(3).await, [500, 200, 200]);
        assert_eq!(world.backends.hosts(), then);
    }
}

#[tokio::test(start_paused = true)]
async fn a_condition_that_forgets_null_throws_after_a_transport_failure() {
    let world = two(json!({})).document(&retrying(1, "@(context.Response.StatusCode == 429)", "")).start();
    world.backends.script("a", [Reply::Refused]);
    let answer = world.get("/echo/x").await;
    assert_eq!((answer.status, answer.header("x-reason")), (500, Some("ExpressionValueEvaluationFailure")));
    assert!(world.backends.hosts().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_last_real_answer_stands_when_attempts_run_out() {
    let world = two(json!({})).document(&retrying(1, SAFE, "")).start();
    world.backends.script("a", [Reply::status(500)]);
    world.backends.script("b", [Reply::limited(9)]);
    let answer = world.get("/echo/x").await;
    assert_eq!((answer.status, answer.header("retry-after"), answer.body.as_str()), (429, Some("9"), "slow down"));
    assert_eq!(answer.header("x-reason"), None, "a backend's error is an answer: on-error does not run");
}

#[tokio::test(start_paused = true)]
async fn an_error_that_no_attempt_mends_is_raised_in_the_end() {
    let world = two(json!({})).document(&retrying(1, SAFE, "")).start();
    for host in ["a", "b"] {
        world.backends.script(host, [Reply::Refused]);
    }
    let answer = world.get("/echo/x").await;
    assert_eq!(
        (answer.status, answer.header("x-reason"), answer.header("x-source")),
        (500, Some("BackendConnectionFailure"), Some("forward-request"))
    );
    assert_eq!(answer.header("x-section"), Some("backend"));
    assert_eq!(answer.json()["message"], "Internal server error");
    assert!(answer.json()["activityId"].is_string());
}

#[tokio::test(start_paused = true)]
async fn an_exhausted_pool_answers_503_through_on_error_with_the_time_to_wait() {
    let short = breaker(json!({ "tripDuration": "PT20S" }));
    let setup = Setup::new().single("a", breaker(json!({}))).single("b", short).pool("pool", &[("a", 1, 1), ("b", 2, 1)], json!({}));
    let world = setup.document(&retrying(1, SAFE, "")).start();
    for host in ["a", "b"] {
        world.backends.script(host, [Reply::status(503)]);
    }
    assert_eq!(world.get("/echo/x").await.status, 503);
    tokio::time::advance(Duration::from_millis(4_500)).await;
    world.backends.forget();
    let answer = world.get("/echo/x").await;
    assert!(world.backends.hosts().is_empty());
    assert_eq!((answer.status, answer.reason.as_str(), answer.header("retry-after")), (503, "Service Unavailable", Some("16")));
    assert_eq!(
        (answer.header("x-reason"), answer.header("x-source"), answer.header("x-status")),
        (Some("BackendPoolUnavailable"), Some("forward-request"), Some("503"))
    );
    assert_eq!(answer.body, "{ \"statusCode\": 503, \"message\": \"Service Unavailable\" }");
    pass(16).await;
    assert_eq!(world.get("/echo/x").await.status, 200);
    assert_eq!(world.backends.hosts(), ["b"]);
}

#[tokio::test(start_paused = true)]
async fn the_old_sentence_of_an_exhausted_pool_is_a_setting() {
    // The condition of Microsoft's older samples: it stops the retries only where the sentence is there.
    let condition = r#"@(context.Response != null && context.Response.StatusCode == 503 &amp;&amp; !(context.Response.StatusReason.Contains("Backend pool") && context.Response.StatusReason.Contains("is temporarily unavailable")))"#
        .replace("&amp;", "&");
    let old = "Backend pool '{pool}' is temporarily unavailable";
    for (phrase, waited) in [("Service Unavailable", 10), (old, 0)] {
        let text = retrying(1, &condition, "").replace("interval=\"0\"", "interval=\"10\"");
        let world = two(json!({})).settings(|settings| settings.exhausted_pool_reason = phrase.to_owned()).document(&text).start();
        let state = world.gateway.state();
        for (_, breaker) in state.breakers.all() {
            breaker.trip(Duration::from_secs(60));
        }
        let begun = state.clock.now();
        let answer = world.get("/echo/x").await;
        assert_eq!(answer.status, 503);
        assert_eq!(answer.reason, phrase.replace("{pool}", "pool"));
        assert_eq!(state.clock.now().duration_since(begun).as_secs(), waited, "{phrase}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_priority_is_used_only_when_every_better_member_is_tripped() {
    let rule = breaker(json!({}));
    let setup = ["a", "b", "c"].into_iter().fold(Setup::new(), |setup, name| setup.single(name, rule.clone()));
    let world = setup.pool("pool", &[("a", 1, 1), ("c", 7, 1), ("b", 1, 1)], json!({})).document(TO_POOL).start();
    assert_eq!(world.statuses(50).await, [200; 50]);
    assert!(!world.backends.hosts().contains(&"c".to_owned()));
    world.backends.script("a", [Reply::status(500)]);
    world.statuses(1).await;
    world.backends.forget();
    world.statuses(20).await;
    assert_eq!(world.backends.hosts(), vec!["b"; 20]);
    world.backends.script("b", [Reply::status(500)]);
    world.statuses(1).await;
    world.backends.forget();
    world.statuses(5).await;
    assert_eq!(world.backends.hosts(), vec!["c"; 5]);
}

#[tokio::test(start_paused = true)]
async fn members_share_by_weight() {
    let setup = || {
        Setup::new().single("a", json!({})).single("b", json!({})).pool("pool", &[("a", 1, 80), ("b", 1, 20)], json!({})).document(TO_POOL)
    };
    let world = setup().start();
    world.statuses(10).await;
    assert_eq!(world.backends.hosts(), ["a", "a", "b", "a", "a", "a", "a", "b", "a", "a"]);
    let world = setup().settings(|settings| settings.weighted_choice = WeightedChoice::Random).start();
    world.statuses(200).await;
    let share = world.backends.hosts().iter().filter(|host| *host == "a").count();
    assert!((130..190).contains(&share), "{share}");
    assert_ne!(world.backends.hosts()[..10], ["a", "a", "b", "a", "a", "a", "a", "b", "a", "a"]);
}

#[tokio::test(start_paused = true)]
async fn a_session_stays_at_its_member_until_that_is_tripped() {
    let affinity = json!({ "sessionAffinity": { "sessionId": { "source": "Cookie", "name": "SessionId" } } });
    let setup = Setup::new().single("a", breaker(json!({}))).single("b", breaker(json!({})));
    let world = setup.pool("pool", &[("a", 1, 1), ("b", 1, 1)], affinity).document(TO_POOL).start();
    let first = world.get("/echo/x").await;
    let cookie = first.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    assert!(cookie.starts_with("SessionId="), "{cookie}");
    let other = world.get("/echo/x").await;
    assert_ne!(other.header("set-cookie").unwrap().split(';').next().unwrap(), cookie);
    world.backends.forget();
    for _ in 0..3 {
        let answer = world.send("GET", "/echo/x", &[("cookie", &format!("theme=dark; {cookie}"))], "").await;
        assert_eq!(answer.header("set-cookie"), None);
    }
    assert_eq!(world.backends.hosts(), ["a", "a", "a"]);
    world.backends.script("a", [Reply::status(500)]);
    assert_eq!(world.send("GET", "/echo/x", &[("cookie", &cookie)], "").await.status, 500);
    world.backends.forget();
    let answer = world.send("GET", "/echo/x", &[("cookie", &cookie)], "").await;
    assert_eq!(world.backends.hosts(), ["b"]);
    assert!(answer.header("set-cookie").is_some());
}

#[tokio::test(start_paused = true)]
async fn policies_see_the_member_that_was_taken() {
    let text = r#"<policies><inbound><base/><set-backend-service backend-id="pool"/></inbound>
        <outbound><base/><set-header name="x-url"><value>@(context.Request.Url.ToString())</value></set-header>
        <set-header name="x-backend"><value>@(context.Backend.Id + " " + context.Backend.Type)</value></set-header></outbound></policies>"#;
    let world = two(json!({})).document(text).start();
    for name in ["a", "b"] {
        let answer = world.get("/echo/x?y=1").await;
        assert_eq!(answer.header("x-url"), Some(format!("http://{name}.test/openai/x?y=1").as_str()));
        assert_eq!(answer.header("x-backend"), Some(format!("{name} Single").as_str()));
    }
}
