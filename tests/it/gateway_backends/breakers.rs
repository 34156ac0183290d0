//! Circuit breakers of single backends, as callers see them.

use std::time::Duration;

use apimctl::gateway::backend::breaker::Window;
use serde_json::{Value, json};

use super::harness::{Reply, Setup, breaker, pass, service};

const TO_ONE: &str = r#"<policies><inbound><base/><set-backend-service backend-id="one"/></inbound>
    <on-error><base/><set-header name="x-reason"><value>@(context.LastError.Reason)</value></set-header></on-error></policies>"#;

fn one(rule: Value) -> Setup {
    Setup::new().single("one", rule).document(TO_ONE)
}

fn condition(condition: Value) -> Value {
    let mut rule = breaker(json!({}));
    rule["circuitBreaker"]["rules"][0]["failureCondition"] = condition;
    rule
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_answers_503_without_asking_the_backend() {
    let world = one(breaker(json!({}))).start();
    world.backends.script("one", [Reply::status(500)]);
    assert_eq!(world.statuses(1).await, [500]);
    let answer = world.get("/echo/x").await;
    assert_eq!(
        (answer.status, answer.reason.as_str(), answer.header("x-reason")),
        (503, "Service Unavailable", Some("BackendUnavailable"))
    );
    assert_eq!(answer.header("retry-after"), Some("60"));
    assert_eq!(world.backends.hosts().len(), 1);
    pass(60).await;
    assert_eq!(world.statuses(2).await, [200, 200]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_response_replaces_the_status() {
    let world = one(breaker(json!({ "failureResponse": { "statusCode": 429 } }))).start();
    world.backends.script("one", [Reply::status(500)]);
    let answers = world.statuses(2).await;
    assert_eq!(answers, [500, 429]);
    let answer = world.get("/echo/x").await;
    assert_eq!(
        (answer.reason.as_str(), answer.body.as_str()),
        ("Too Many Requests", "{ \"statusCode\": 429, \"message\": \"Too Many Requests\" }")
    );
    // A pool has one of its own, for when every member is tripped.
    let pool = json!({ "failureResponse": { "statusCode": 529 } });
    let text = TO_ONE.replace("\"one\"", "\"pool\"");
    let world = Setup::new().single("one", breaker(json!({}))).pool("pool", &[("one", 1, 1)], pool).document(&text).start();
    world.backends.script("one", [Reply::status(500)]);
    assert_eq!(world.statuses(2).await, [500, 529]);
}

#[tokio::test(start_paused = true)]
async fn three_or_more_in_the_interval() {
    let world = one(condition(json!({ "count": 3, "interval": "PT1H", "statusCodeRanges": [{ "min": 500, "max": 599 }] }))).start();
    world.backends.script("one", [500, 404, 500, 429, 500].map(Reply::status));
    assert_eq!(world.statuses(6).await, [500, 404, 500, 429, 500, 503]);
}

#[tokio::test(start_paused = true)]
async fn a_percentage_of_the_calls() {
    let rule = condition(json!({ "percentage": 50, "interval": "PT1M", "statusCodeRanges": [{ "min": 500, "max": 599 }] }));
    let script = [200, 200, 500, 500, 200].map(Reply::status);
    let world = one(rule.clone()).start();
    world.backends.script("one", script.clone());
    assert_eq!(world.statuses(5).await, [200, 200, 500, 500, 503]);
    let world = one(rule).settings(|settings| settings.breaker_minimum_calls = 5).start();
    world.backends.script("one", script);
    assert_eq!(world.statuses(6).await, [200, 200, 500, 500, 200, 200]);
}

#[tokio::test(start_paused = true)]
async fn the_interval_slides_unless_the_setting_says_otherwise() {
    for (window, last) in [(Window::Sliding, 503), (Window::Fixed, 200)] {
        let rule = condition(json!({ "count": 3, "interval": "PT1M", "statusCodeRanges": [{ "min": 500, "max": 599 }] }));
        let world = one(rule).settings(|settings| settings.breaker_window = window).start();
        world.backends.script("one", [500; 4].map(Reply::status));
        assert_eq!(world.statuses(1).await, [500]);
        pass(50).await;
        assert_eq!(world.statuses(1).await, [500]);
        pass(11).await;
        assert_eq!(world.statuses(2).await, [500, 500]);
        assert_eq!(world.statuses(1).await, [last], "{window:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_of_the_failing_answer_is_the_time_if_it_is_accepted() {
    let date = |text: &str| Reply::Status(429, vec![("retry-after", text.to_owned())], String::new());
    let cases = [
        (true, true, Reply::limited(7), 7),
        (false, true, Reply::limited(7), 60),
        (true, true, Reply::status(500), 60),
        (true, true, date("Sun, 01 Nov 2026 12:00:09 GMT"), 9),
        (true, false, date("Sun, 01 Nov 2026 12:00:09 GMT"), 60),
        (true, true, date("soon"), 60),
    ];
    for (accept, dates, reply, seconds) in cases {
        let setup = one(breaker(json!({ "acceptRetryAfter": accept }))).settings(|settings| settings.retry_after_dates = dates);
        let world = setup.start();
        world.backends.script("one", [reply.clone()]);
        world.statuses(1).await;
        pass(seconds - 1).await;
        assert_eq!(world.statuses(1).await, [503], "{accept} {dates} {reply:?}");
        pass(1).await;
        assert_eq!(world.statuses(1).await, [200], "{accept} {dates} {reply:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_breaker_belongs_to_the_entity_whoever_uses_it() {
    let pool = TO_ONE.replace("\"one\"", "\"pool\"");
    let setup = one(breaker(json!({}))).pool("pool", &[("one", 1, 1)], json!({})).another("other", json!({})).document_of("other", &pool);
    let world = setup.start();
    world.backends.script("one", [Reply::status(500)]);
    assert_eq!(world.get("/echo/x").await.status, 500);
    assert_eq!(world.get("/other/x").await.status, 503);
}

#[tokio::test(start_paused = true)]
async fn it_survives_a_reload_and_a_new_rule_counts() {
    let world = one(breaker(json!({}))).start();
    world.backends.script("one", [Reply::status(500)]);
    world.statuses(1).await;
    let mut changed = condition(json!({ "count": 2, "interval": "PT1M", "statusCodeRanges": [{ "min": 404, "max": 404 }] }));
    changed["url"] = json!("http://one.test/openai");
    changed["protocol"] = json!("http");
    world.change_backend("one", changed);
    assert_eq!(world.statuses(1).await, [503]);
    pass(60).await;
    world.backends.script("one", [500, 404, 404].map(Reply::status));
    assert_eq!(world.statuses(4).await, [500, 404, 404, 503]);
}

#[tokio::test(start_paused = true)]
async fn people_see_and_turn_it() {
    let world = one(breaker(json!({}))).start();
    let id = service().child("backends", "one").as_str().to_ascii_lowercase();
    let (_, breaker) = world.gateway.state().breakers.all().into_iter().find(|(name, _)| **name == *id).unwrap();
    breaker.trip(Duration::from_secs(30));
    assert_eq!(world.statuses(1).await, [503]);
    assert_eq!(breaker.view(None).until, Some(time::macros::datetime!(2026-11-01 12:00:30 UTC)));
    breaker.reset();
    assert_eq!(world.statuses(1).await, [200]);
    assert_eq!(world.gateway.state().journal.events().len(), 2);
}
