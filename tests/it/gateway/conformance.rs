//! Runs the conformance cases of `tests/cases/gateway`.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use apimctl::gateway::fidelity;
use apimctl::gateway::settings::{NAMES, Settings};
use apimctl::gateway::worker::Plain;
use futures::FutureExt as _;
use serde_json::Value;

use super::backends::{Backends, Sent};
use super::cases::{self, Case, Expect, Forwarded, HeaderValues, Request, Step, Suite};
use super::gateway_under_test::{Arm, GatewayUnderTest, Received};
use crate::support::root;

fn suites() -> Vec<Suite> {
    let suites = cases::read(&root().join("tests/cases/gateway"));
    assert!(!suites.is_empty(), "the cases were not found");
    suites
}

/// `APIMCTL_CASE` runs only the cases whose file or name contains it.
fn wanted(suite: &Suite, case: &Case) -> bool {
    option_env!("APIMCTL_CASE").is_none_or(|filter| case.name.contains(filter) || suite.path.to_string_lossy().contains(filter))
}

#[tokio::test(start_paused = true)]
async fn every_case_holds() {
    let mut failed = Vec::new();
    let mut count = 0;
    for suite in suites() {
        if !suite.cases.iter().any(|case| wanted(&suite, case)) {
            continue;
        }
        let file = suite.path.file_name().unwrap().to_string_lossy();
        let arm = filled(&suite, &mut |refusal| failed.push(format!("{file}: {refusal}"))).await;
        for case in suite.cases.iter().filter(|case| wanted(&suite, case)) {
            count += 1;
            if let Err(message) = run(&suite, case, &arm, None).await {
                failed.push(format!("{file} · {}: {message}", case.name));
            }
        }
    }
    assert!(failed.is_empty(), "{} of {count} cases failed:\n\n{}", failed.len(), failed.join("\n\n"));
}

/// A case that no setting touches would hold whatever the setting does.
#[tokio::test(start_paused = true)]
async fn every_setting_changes_the_outcome_of_a_case_of_its_row() {
    let mut without = Vec::new();
    for setting in NAMES {
        let rows: Vec<&str> = fidelity::ROWS.iter().filter(|row| row.setting == Some(setting.name)).map(|row| row.id).collect();
        let mut fails = false;
        'suites: for suite in suites() {
            let relevant: Vec<&Case> =
                suite.cases.iter().filter(|case| rows.contains(&case.row.as_str()) && !case.settings.contains_key(setting.name)).collect();
            if relevant.is_empty() {
                continue;
            }
            let arm = filled(&suite, &mut |_| {}).await;
            for case in relevant {
                if run(&suite, case, &arm, Some((setting.name, setting.other))).await.is_err() {
                    fails = true;
                    break 'suites;
                }
            }
        }
        if !fails {
            without.push(setting.name);
        }
    }
    // Settings of policies whose cases are still to be written; the list may only shrink.
    let expected: BTreeSet<&str> = STILL_WITHOUT.iter().copied().collect();
    let found: BTreeSet<&str> = without.into_iter().collect();
    assert_eq!(found, expected, "settings that no case notices");
}

const STILL_WITHOUT: &[&str] = &[];

/// A row without a case is a promise that nobody has looked at.
#[test]
fn every_row_has_a_case() {
    let suites = suites();
    let covered: BTreeSet<&str> = suites.iter().flat_map(|suite| &suite.cases).map(|case| case.row.as_str()).collect();
    let found: Vec<&str> = fidelity::ROWS.iter().map(|row| row.id).filter(|id| !covered.contains(id)).collect();
    assert_eq!(found, ROWS_WITHOUT, "rows without a case");
}

/// Rows whose behaviour the cases cannot express yet; the list may only shrink.
const ROWS_WITHOUT: &[&str] = &[
    "backends.breaker-failure-response",
    "backends.pool-affinity",
    "backends.missing-role",
    "forwarding.client-gone",
    "forwarding.buffer-response",
    "forwarding.no-second-chance",
];

#[test]
fn cases_name_their_source_and_a_row_of_the_table() {
    let (mut names, mut rows) = (BTreeSet::new(), BTreeSet::new());
    for suite in suites() {
        for case in &suite.cases {
            let at = format!("{} · {}", suite.path.display(), case.name);
            assert!(!case.source.trim().is_empty(), "{at}: no source");
            assert!(fidelity::find(&case.row).is_some(), "{at}: there is no row `{}`", case.row);
            rows.insert(case.row.clone());
            assert!(names.insert(case.name.clone()), "{at}: the name is taken");
            assert!(case.request.is_some() == case.steps.is_empty(), "{at}: either `request` or `steps`");
            assert!(case.request.is_none() || case.expect.is_some(), "{at}: nothing is expected");
        }
    }
    // Areas that have a case for each of their rows stay so.
    let complete = [fidelity::Area::Routing, fidelity::Area::Keys, fidelity::Area::Cors];
    let without: Vec<&str> =
        fidelity::ROWS.iter().filter(|row| complete.contains(&row.area) && !rows.contains(row.id)).map(|row| row.id).collect();
    assert!(without.is_empty(), "rows without a case: {without:?}");
}

/// What is refused is told, and the rest is there all the same.
async fn filled(suite: &Suite, refused: &mut dyn FnMut(String)) -> Arm {
    let arm = Arm::new(suite.sku.as_deref().unwrap_or("Developer"));
    for (path, value) in &suite.resources {
        if let Err(refusal) = arm.try_put(path, value).await {
            refused(refusal);
        }
    }
    arm
}

/// Runs one case; `flip` sets a setting besides the case's own.
async fn run(suite: &Suite, case: &Case, arm: &Arm, flip: Option<(&str, &str)>) -> Result<(), String> {
    // A case with resources of its own must not leave them to the next.
    let own;
    let arm = if case.resources.is_empty() {
        arm
    } else {
        own = filled(suite, &mut |_| {}).await;
        for (path, value) in &case.resources {
            if value.is_null() {
                own.delete(path).await;
            } else {
                own.try_put(path, value).await?;
            }
        }
        &own
    };
    let mut settings = Settings::default();
    for (name, value) in &case.settings {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        settings.set(name, &value).map_err(|error| error.to_string())?;
    }
    if let Some((name, value)) = flip {
        settings.set(name, value).map_err(|error| error.to_string())?;
    }
    let scripts = suite.backends.iter().filter(|(host, _)| !case.backends.contains_key(*host)).chain(&case.backends);
    let backends = Backends::new(scripts.map(|(host, answers)| (host.clone(), answers.list())));
    let plain = if case.plain_http { Plain::Http } else { Plain::Https };
    let gateway = GatewayUnderTest::new(arm.copy(), arm, settings, plain, &backends);
    let steps: Vec<Step> = match (&case.request, &case.expect) {
        (Some(request), Some(expect)) => vec![Step { wait: 0.0, times: 1, request: request.clone(), expect: expect.clone() }],
        _ => case.steps.clone(),
    };
    let mut trace = String::new();
    for (place, step) in steps.iter().enumerate() {
        if step.wait > 0.0 {
            arm.clock.sleep(Duration::from_secs_f64(step.wait)).await;
        }
        for _ in 0..step.times {
            let received = if step.request.admin {
                gateway.ask(&step.request.path.replace("{trace}", &trace)).await
            } else {
                gateway.raw(&wire(&step.request)).await
            };
            if let Some(id) = received.header("Apim-Trace-Id") {
                id.clone_into(&mut trace);
            }
            let sent = backends.take_sent();
            let checked = AssertUnwindSafe(async { check(&step.expect, &received, &sent) }).catch_unwind().await;
            let result = checked.unwrap_or_else(|_| Err("the check itself failed".to_owned()));
            result.map_err(|problem| format!("step {}: {problem}\n  received: {received:?}\n  sent: {sent:?}", place + 1))?;
        }
    }
    Ok(())
}

/// The request as bytes; the connection is closed behind it.
fn wire(request: &Request) -> Vec<u8> {
    let body = match &request.body {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    let mut text = format!("{} {} HTTP/1.1\r\n", request.method.as_deref().unwrap_or("GET"), request.path);
    if !request.headers.keys().any(|name| name.eq_ignore_ascii_case("host")) {
        text.push_str(&format!("Host: {}\r\n", request.host.as_deref().unwrap_or("apim-cases.azure-api.net")));
    }
    for (name, values) in &request.headers {
        let values = match values {
            HeaderValues::One(value) => vec![value.as_str()],
            HeaderValues::Many(values) => values.iter().map(String::as_str).collect(),
        };
        for value in values {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    if request.body.is_some() {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    text.push_str("Connection: close\r\n\r\n");
    text.push_str(&body);
    text.into_bytes()
}

fn check(expect: &Expect, received: &Received, sent: &[Sent]) -> Result<(), String> {
    let same = |what: &str, expected: &str, found: &str| {
        if expected == found { Ok(()) } else { Err(format!("{what}: expected `{expected}`, found `{found}`")) }
    };
    if let Some(status) = expect.status {
        same("status", &status.to_string(), &received.status.to_string())?;
    }
    if let Some(reason) = &expect.reason {
        same("reason", reason, &received.reason)?;
    }
    for (name, value) in &expect.headers {
        header(&format!("header {name}"), value.as_deref(), received.header(name))?;
    }
    if let Some(body) = &expect.body {
        same("body", body, &received.body)?;
    }
    for part in &expect.body_contains {
        if !received.body.contains(part.as_str()) {
            return Err(format!("the body lacks `{part}`"));
        }
    }
    for part in &expect.body_lacks {
        if received.body.contains(part.as_str()) {
            return Err(format!("the body holds `{part}`"));
        }
    }
    if let Some(json) = &expect.json {
        let found: Value = serde_json::from_str(&received.body).map_err(|error| format!("the body is no JSON: {error}"))?;
        same("json", &json.to_string(), &found.to_string())?;
    }
    if !expect.pointers.is_empty() {
        let found: Value = serde_json::from_str(&received.body).map_err(|error| format!("the body is no JSON: {error}"))?;
        for (pointer, expected) in &expect.pointers {
            match (expected, found.pointer(pointer)) {
                (Value::Null, None) => {}
                (Value::String(any), Some(_)) if any == "*" => {}
                (expected, Some(found)) => same(pointer, &expected.to_string(), &found.to_string())?,
                (expected, None) => return Err(format!("{pointer}: expected `{expected}`, found none")),
            }
        }
    }
    if let Some(expected) = &expect.backend {
        same("requests at backends", &expected.len().to_string(), &sent.len().to_string())?;
        for (expected, sent) in expected.iter().zip(sent) {
            forwarded(expected, sent)?;
        }
    }
    Ok(())
}

fn forwarded(expected: &Forwarded, sent: &Sent) -> Result<(), String> {
    let same = |what: &str, expected: Option<&str>, found: &str| match expected {
        Some(expected) if expected != found => Err(format!("{what} at the backend: expected `{expected}`, found `{found}`")),
        _ => Ok(()),
    };
    same("host", expected.host.as_deref(), &sent.host)?;
    same("method", expected.method.as_deref(), &sent.method)?;
    same("target", expected.target.as_deref(), &sent.target)?;
    same("body", expected.body.as_deref(), &sent.body)?;
    for (name, value) in &expected.headers {
        let values: Vec<&str> = sent.headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default()).collect();
        let found = (!values.is_empty()).then(|| values.join(", "));
        header(&format!("header {name} at the backend"), value.as_deref(), found.as_deref())?;
    }
    Ok(())
}

/// `*` stands for any value.
fn header(what: &str, expected: Option<&str>, found: Option<&str>) -> Result<(), String> {
    match (expected, found) {
        (None, Some(found)) => Err(format!("{what}: expected none, found `{found}`")),
        (Some("*"), Some(_)) => Ok(()),
        (expected, found) if expected == found => Ok(()),
        (expected, found) => Err(format!("{what}: expected `{}`, found `{}`", expected.unwrap_or_default(), found.unwrap_or("none"))),
    }
}
