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
use super::gateway_under_test::{API_VERSION, Arm, GatewayUnderTest, Received};
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
    assert!(without.is_empty(), "settings that no case notices: {without:?}");
}

/// A row without a case is a promise that nobody has looked at.
#[test]
fn every_row_has_a_case() {
    let suites = suites();
    let covered: BTreeSet<&str> = suites.iter().flat_map(|suite| &suite.cases).map(|case| case.row.as_str()).collect();
    let found: Vec<&str> = fidelity::ROWS.iter().map(|row| row.id).filter(|id| !covered.contains(id)).collect();
    assert!(found.is_empty(), "rows without a case: {found:?}");
}

#[test]
fn cases_name_their_source_and_a_row_of_the_table() {
    let mut names = BTreeSet::new();
    for suite in suites() {
        for case in &suite.cases {
            let at = format!("{} · {}", suite.path.display(), case.name);
            assert!(!case.source.trim().is_empty(), "{at}: no source");
            assert!(fidelity::find(&case.row).is_some(), "{at}: there is no row `{}`", case.row);
            assert!(names.insert(case.name.clone()), "{at}: the name is taken");
            assert!(case.request.is_some() == case.steps.is_empty(), "{at}: either `request` or `steps`");
            assert!(case.request.is_none() || case.expect.is_some(), "{at}: nothing is expected");
        }
    }
}

/// What is refused is told, and the rest is there all the same.
async fn filled(suite: &Suite, refused: &mut dyn FnMut(String)) -> Arm {
    let sku = suite.sku.as_deref().unwrap_or("Developer");
    let arm = Arm::with(sku, suite.api_version.as_deref().unwrap_or(API_VERSION), &suite.accounts);
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
    let arm = if case.resources.is_empty() && case.roles.is_empty() {
        arm
    } else {
        own = filled(suite, &mut |_| {}).await;
        for (account, role) in &case.roles {
            own.assign(account, role).await?;
        }
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
    // Debug credentials are told at the store itself.
    let store = if case.steps.iter().any(|step| step.request.arm) { arm.emulator.store().clone() } else { arm.copy() };
    let gateway = GatewayUnderTest::new(store, arm, settings, plain, &backends);
    let steps: Vec<Step> = match (&case.request, &case.expect) {
        (Some(request), Some(expect)) => vec![Step { wait: 0.0, times: 1, request: request.clone(), expect: expect.clone() }],
        _ => case.steps.clone(),
    };
    let mut kept: Vec<(String, String)> = Vec::new();
    for (place, step) in steps.iter().enumerate() {
        if step.wait > 0.0 {
            arm.clock.sleep(Duration::from_secs_f64(step.wait)).await;
        }
        for _ in 0..step.times {
            let request = &step.request;
            let path = filled_in(&request.path, &kept);
            let received = if request.admin {
                gateway.ask(request.method.as_deref().unwrap_or("GET"), &path).await
            } else if request.arm {
                let body = filled_in(&request.body.clone().unwrap_or(Value::Null).to_string(), &kept);
                arm.post(&path, &serde_json::from_str(&body).map_err(|error| error.to_string())?).await
            } else {
                let bytes = filled_in(&wire(request), &kept).into_bytes();
                match request.leave {
                    Some(seconds) => gateway.leave(&bytes, Duration::from_secs_f64(seconds)).await,
                    None => gateway.raw(&bytes).await,
                }
            };
            if let Some(id) = received.header("Apim-Trace-Id") {
                kept.retain(|(name, _)| name != "trace");
                kept.push(("trace".to_owned(), id.to_owned()));
            }
            for (name, place) in &step.expect.keep {
                let value = if place.starts_with('/') {
                    let body: Value = serde_json::from_str(&received.body).map_err(|error| format!("{error}: {}", received.body))?;
                    body.pointer(place).and_then(Value::as_str).map(str::to_owned)
                } else {
                    received.header(place).map(|value| value.split(';').next().unwrap_or_default().to_owned())
                };
                kept.push((name.clone(), value.ok_or_else(|| format!("there is no `{place}` to keep: {received:?}"))?));
            }
            let sent = backends.take_sent();
            let checked = AssertUnwindSafe(async { check(&step.expect, &received, &sent) }).catch_unwind().await;
            let mut result = checked.unwrap_or_else(|_| Err("the check itself failed".to_owned()));
            let gone = backends.take_gone();
            if let Some(expected) = step.expect.gone.as_ref().filter(|expected| result.is_ok() && **expected != gone) {
                result = Err(format!("backends whose caller went away: expected {expected:?}, found {gone:?}"));
            }
            result.map_err(|problem| format!("step {}: {problem}\n  received: {received:?}\n  sent: {sent:?}", place + 1))?;
        }
    }
    Ok(())
}

/// The request as bytes; the connection is closed behind it.
fn wire(request: &Request) -> String {
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
        text.push_str(&format!("Content-Length: {}\r\n", body.len() + request.lacking));
    }
    text.push_str("Connection: close\r\n\r\n");
    text.push_str(&body);
    text
}

/// With what earlier answers said.
fn filled_in(text: &str, kept: &[(String, String)]) -> String {
    kept.iter().rev().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

fn check(expect: &Expect, received: &Received, sent: &[Sent]) -> Result<(), String> {
    let same = |what: &str, expected: &str, found: &str| {
        if expected == found { Ok(()) } else { Err(format!("{what}: expected `{expected}`, found `{found}`")) }
    };
    if let Some(status) = expect.status {
        same("status", &status.to_string(), &received.status.to_string())?;
    }
    if let Some(expected) = expect.whole {
        same("whole", &expected.to_string(), &received.whole.to_string())?;
    }
    if let Some(expected) = expect.body_after {
        let found = received.body_after.map_or_else(|| "never".to_owned(), |time| format!("{:.1}", time.as_secs_f64()));
        same("seconds to the body", &format!("{expected:.1}"), &found)?;
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
