use std::time::Duration;

use http::header::HeaderName;
use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::*;
use crate::scenario::answer::{Attempt, Inside, Metric, Piece, Received};

fn answer(status: u16, body: &str) -> Answer {
    Answer {
        status: StatusCode::from_u16(status).unwrap(),
        reason: None,
        headers: HeaderMap::new(),
        pieces: vec![Piece { after: Duration::ZERO, bytes: body.to_owned().into() }],
        cut: None,
        head_after: Duration::ZERO,
        elapsed: Duration::from_millis(1_500),
        inside: None,
    }
}

fn served(by: &str) -> Answer {
    let attempt = |backend: &str, outcome, after| Attempt {
        backend: backend.to_owned(),
        outcome,
        after: Duration::from_secs(after),
        elapsed: Duration::from_millis(500),
        tripped: (backend == "primary").then_some(Duration::from_secs(60)),
    };
    let attempts = vec![attempt("primary", Ok(429), 0), attempt(by, Ok(200), 2)];
    Answer { inside: Some(Box::new(Inside { attempts, ..Inside::default() })), ..answer(200, "{}") }
}

/// `about` of what is missed.
fn missed(what: Each, answer: &Answer) -> Vec<String> {
    Expect::of([what]).check(answer).into_iter().map(|mismatch| mismatch.about).collect()
}

#[test]
fn what_is_as_expected_is_not_missed_and_the_opposite_is() {
    let own = answer(200, r#"{"usage":{"total":3.0},"list":[1,2],"text":"abc"}"#);
    let usage = |number| Json::Object(vec![("usage".to_owned(), Json::Object(vec![("total".to_owned(), Json::Exactly(json!(number)))]))]);
    for (good, bad, about) in [
        (Each::Status(vec![429, 200]), Each::Status(vec![201]), "status"),
        (Each::Reason(Text::exactly("OK")), Each::Reason(Text::exactly("Fine")), "reason"),
        (Each::NoHeader(HeaderName::from_static("x")), Each::Header(HeaderName::from_static("x"), Text::default()), "headers.x"),
        (Each::Body(Text::containing("abc")), Each::Body(Text::exactly("abc")), "body"),
        (Each::Json(usage(3)), Each::Json(usage(4)), "json.usage.total"),
        (Each::Complete(true), Each::Complete(false), "complete"),
        (Each::Elapsed(Time::exactly(Duration::from_millis(1_500))), Each::Elapsed(Time::exactly(Duration::from_secs(2))), "elapsed"),
    ] {
        assert!(missed(good, &own).is_empty(), "{about}");
        assert_eq!(missed(bad, &own), [about]);
    }
}

#[test]
fn what_only_the_gateway_knows_is_missed_from_outside() {
    assert_eq!(missed(Each::Backend(Some("primary".to_owned())), &answer(200, "")), ["inside"]);
    assert!(!Expect::of([Each::Backend(None)]).is_outside());
    assert!(Expect::of([Each::Status(vec![200])]).is_outside());
}

#[test]
fn attempts_and_the_waits_between_them() {
    let own = served("Secondary");
    let attempt = |backend: &str, status| AttemptExpected { backend: Some(backend.to_owned()), outcome: Some(Outcome::Status(status)) };
    assert!(missed(Each::Attempts(vec![attempt("primary", 429), attempt("secondary", 200)]), &own).is_empty());
    assert_eq!(missed(Each::Attempts(vec![attempt("primary", 429)]), &own), ["attempts"]);
    assert_eq!(missed(Each::Attempts(vec![attempt("secondary", 200), attempt("primary", 429)]), &own), ["attempts"]);
    assert!(missed(Each::Waits(vec![Time::exactly(Duration::from_millis(1_500))]), &own).is_empty());
    assert_eq!(missed(Each::Waits(vec![Time::exactly(Duration::from_secs(1))]), &own), ["waits"]);
    assert_eq!(missed(Each::Waits(Vec::new()), &own), ["waits"]);
    assert!(missed(Each::Backend(Some("Secondary".to_owned())), &own).is_empty());
    assert_eq!(missed(Each::Backend(None), &own), ["backend"]);
}

#[test]
fn a_stream_is_looked_at_event_by_event() {
    let chunk = |text: &str| format!("data: {}\n\n", json!({ "choices": [{ "delta": { "content": text } }] }));
    let body = format!("{}{}data: {}\n\ndata: [DONE]\n\n", chunk("Hel"), chunk("lo"), json!({ "choices": [], "usage": { "total": 5 } }));
    let mut own = answer(200, &body);
    assert_eq!(missed(Each::Stream(StreamExpected::default()), &own), ["stream"]);
    own.headers.insert("content-type", "text/event-stream; charset=utf-8".parse().unwrap());
    let good = StreamExpected {
        events: Some(Amount::Exactly(3)),
        done: Some(true),
        text: Some(Text::exactly("Hello")),
        usage: Some(Json::Object(vec![("total".to_owned(), Json::Number(Some(1.0), None))])),
        spread: Some(false),
        first_after: Some(Time::exactly(Duration::ZERO)),
    };
    assert!(missed(Each::Stream(good.clone()), &own).is_empty());
    let bad = StreamExpected {
        events: Some(Amount::Exactly(4)),
        done: Some(false),
        text: Some(Text::exactly("Hell")),
        usage: Some(Json::Absent),
        spread: Some(true),
        first_after: Some(Time::exactly(Duration::from_secs(1))),
    };
    let all = ["stream.done", "stream.events", "stream.text", "stream.usage", "stream.firstAfter", "stream.spread"];
    assert_eq!(missed(Each::Stream(bad), &own), all);
}

#[test]
fn json_can_be_a_subset_a_list_or_look_like_something() {
    let value = json!({ "a": [1, { "b": "text", "c": true }], "n": 5, "nothing": null });
    let object = |name: &str, json| Json::Object(vec![(name.to_owned(), json)]);
    for good in [
        object("a", Json::List(vec![Json::Any, object("b", Json::Text(Text::containing("ex")))])),
        object("a", Json::Holding(vec![object("c", Json::Exactly(json!(true)))])),
        object("a", Json::Length(2)),
        object("n", Json::Number(Some(5.0), Some(5.0))),
        object("z", Json::Absent),
        object("nothing", Json::Exactly(json!(null))),
        Json::Exactly(value.clone()),
    ] {
        assert!(good.holds(&value), "{good:?}");
    }
    for bad in [
        object("a", Json::List(vec![Json::Any])),
        object("a", Json::Holding(vec![Json::Exactly(json!(2))])),
        object("a", Json::Length(1)),
        object("n", Json::Number(Some(6.0), None)),
        object("n", Json::Absent),
        object("z", Json::Any),
        Json::Exactly(json!({ "n": 5 })),
    ] {
        assert!(!bad.holds(&value), "{bad:?}");
    }
}

#[test]
fn shares_are_allowed_what_a_fair_draw_would_be() {
    let share = Amount::Share(0.8, Tolerance::StandardErrors(3.0));
    // The standard error of 0.8 over 1,000 draws is 0.01265.
    assert!(share.holds(800, 1_000) && share.holds(838, 1_000) && share.holds(762, 1_000));
    assert!(!share.holds(839, 1_000) && !share.holds(761, 1_000));
    assert!(Amount::Share(0.5, Tolerance::Absolute(0.0)).holds(500, 1_000));
    assert!(!Amount::Share(0.5, Tolerance::Absolute(0.0)).holds(501, 1_000));
    assert!(Amount::Between(Some(1), Some(2)).holds(2, 9) && !Amount::Between(Some(1), Some(2)).holds(3, 9));
    assert!(!Amount::Exactly(3).can_hold(2) && Amount::Exactly(2).can_hold(2) && !Amount::Between(Some(2), Some(1)).can_hold(9));
}

fn sample() -> Sample {
    let answers = vec![Ok(served("a")), Ok(served("b")), Ok(Answer { inside: None, ..answer(429, "") }), Err("closed".to_owned())];
    let received = Received {
        from: "account".to_owned(),
        backends: vec!["a".to_owned()],
        method: http::Method::POST,
        target: "/openai/x".to_owned(),
        headers: [(HeaderName::from_static("api-key"), "[secret]".parse().unwrap())].into_iter().collect(),
        body: "{\"model\":\"m\"}".into(),
    };
    let metric = Metric {
        namespace: "openai".to_owned(),
        name: "Total Tokens".to_owned(),
        dimensions: [("API ID".to_owned(), "api".to_owned())].into(),
        count: 2,
        sum: 30.0,
    };
    Sample { answers, received: vec![received], metrics: vec![metric] }
}

#[test]
fn answers_are_counted() {
    let sample = sample();
    let about = |what: All| {
        let expect = Expect { all: vec![Check::new(what)], ..Expect::default() };
        expect.check_all(&sample).into_iter().map(|mismatch| mismatch.about).collect::<Vec<_>>()
    };
    let received = |expected: ReceivedExpected| All::Received(Box::new(expected));
    let metric = |expected: MetricExpected| All::Metric(Box::new(MetricExpected { name: "total tokens".to_owned(), ..expected }));
    let key = HeaderName::from_static("api-key");
    for good in [
        All::Status(200, Amount::Exactly(2)),
        All::Served(Some("A".to_owned()), Amount::Exactly(1)),
        All::Served(None, Amount::Exactly(1)),
        All::Asked("primary".to_owned(), Amount::Exactly(2)),
        All::Tripped("primary".to_owned(), Amount::Exactly(2)),
        All::Order(vec!["a".to_owned(), "b".to_owned(), "no backend".to_owned()]),
        received(ReceivedExpected { at: Some("a".to_owned()), headers: vec![(key.clone(), Some(Text::default()))], ..Default::default() }),
        received(ReceivedExpected { at: Some("other".to_owned()), count: Some(Amount::Exactly(0)), ..Default::default() }),
        metric(MetricExpected { count: Some(Amount::Exactly(2)), sum: Some((Some(30.0), Some(30.0))), ..Default::default() }),
        metric(MetricExpected { dimensions: [("API ID".to_owned(), Some(Text::exactly("api")))].into(), ..Default::default() }),
    ] {
        assert!(about(good).is_empty());
    }
    for (bad, expected) in [
        (All::Status(200, Amount::Exactly(3)), "statuses.200"),
        (All::Served(Some("c".to_owned()), Amount::Between(Some(1), None)), "served.c"),
        (All::Asked("primary".to_owned(), Amount::Share(1.0, Tolerance::Absolute(0.0))), "asked.primary"),
        (All::Tripped("a".to_owned(), Amount::Exactly(1)), "tripped.a"),
        (All::Order(vec!["b".to_owned(), "a".to_owned()]), "order"),
        (received(ReceivedExpected { headers: vec![(key, None)], ..Default::default() }), "received.*.headers.api-key"),
        (received(ReceivedExpected { at: Some("b".to_owned()), ..Default::default() }), "received.b"),
        (metric(MetricExpected { sum: Some((Some(31.0), None)), ..Default::default() }), "metrics.total tokens.sum"),
        (
            metric(MetricExpected { dimensions: [("User ID".to_owned(), Some(Text::default()))].into(), ..Default::default() }),
            "metrics.total tokens",
        ),
    ] {
        assert_eq!(about(bad), [expected]);
    }
}

#[test]
fn one_answer_that_is_not_there_is_told_once_and_the_first_that_is_wrong_is_named() {
    let expect = Expect::of([Each::Status(vec![200]), Each::Complete(true), Each::Body(Text::exactly("{}"))]);
    let mismatches = expect.check_all(&sample());
    let told: Vec<(&str, Option<usize>)> = mismatches.iter().map(|mismatch| (mismatch.about.as_str(), mismatch.answer)).collect();
    assert_eq!(told, [("status", Some(3)), ("answer", Some(4)), ("body", Some(3))]);
}
