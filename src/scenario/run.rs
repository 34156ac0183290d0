//! One scenario, from its first step to its last.

use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt as _};

use super::codes;
use super::expect::{Mismatch, Sample};
use super::file::{Action, Scenario, Send, Step};
use super::result::{ScenarioResult, StepResult, Told, Verdict};
use super::session::{Sent, Session, SessionOptions, Unanswered};
use super::subject::Applied;
use crate::support::finding::{Finding, Kind};

/// Runs a scenario. Must be called inside a runtime of its own whose time is paused.
pub(super) async fn run(scenario: &Scenario, applied: &Applied, options: &SessionOptions) -> ScenarioResult {
    let mut result = ScenarioResult {
        name: scenario.name.clone(),
        at: Some(scenario.at),
        verdict: Verdict::Passed,
        steps: Vec::new(),
        virtual_time: Duration::ZERO,
        took: Duration::ZERO,
        requests: 0,
    };
    let session = match Session::start(applied, &scenario.given, options) {
        Ok(session) => session,
        Err(reason) => {
            let finding = Finding::error(codes::NO_WORLD, Kind::Place, format!("the gateway cannot be started: {reason}"));
            let mut step = empty("start", scenario.steps.first(), Duration::ZERO);
            step.findings.push(finding.at(scenario.at));
            result.steps.push(step);
            result.verdict = Verdict::Failed;
            return result;
        }
    };
    for step in &scenario.steps {
        let left = scenario.time_limit.saturating_sub(session.elapsed());
        let began = session.elapsed();
        // On paused time this fires when everything waits for something later, at once.
        let mut done = match tokio::time::timeout(left, one(step, &session)).await {
            Ok(done) => done,
            Err(_) => never_ends(step, began, &format!("the step has not ended after {} of virtual time", shown(scenario.time_limit))),
        };
        done.virtual_time = session.elapsed().saturating_sub(began);
        result.requests += done.answers.len() as u64;
        let stuck = !done.findings.is_empty();
        if stuck || !done.mismatches.is_empty() {
            result.verdict = Verdict::Failed;
        }
        result.steps.push(done);
        // What comes behind a step that never ends says nothing.
        if stuck {
            break;
        }
    }
    result.virtual_time = session.elapsed();
    result
}

fn shown(duration: Duration) -> String {
    super::expect::shown(duration)
}

fn empty(title: &str, step: Option<&Step>, began: Duration) -> StepResult {
    StepResult {
        title: step.and_then(|step| step.name.clone()).unwrap_or_else(|| title.to_owned()),
        at: step.map(|step| step.at),
        began,
        virtual_time: Duration::ZERO,
        mismatches: Vec::new(),
        findings: Vec::new(),
        trace: None,
        answers: Vec::new(),
    }
}

fn never_ends(step: &Step, began: Duration, why: &str) -> StepResult {
    let mut result = empty(&title(step), Some(step), began);
    let finding = Finding::error(codes::NEVER_ENDS, Kind::Trap, format!("the scenario does not come to an end: {why}"));
    let help = "an answer that never comes or never ends needs a `timeout` in the policy; `timeLimit` allows a scenario more time";
    result.findings.push(finding.at(step.at).help(help));
    result
}

/// What a step does, for people.
fn title(step: &Step) -> String {
    if let Some(name) = &step.name {
        return name.clone();
    }
    match &step.action {
        Action::Advance(time) => format!("advance {}", shown(*time)),
        Action::Given(_) => "given".to_owned(),
        Action::Send(send) => {
            let request = send.requests.first().map(super::Request::title).unwrap_or_default();
            if send.count > 1 { format!("{request} × {}", send.count) } else { request }
        }
    }
}

async fn one(step: &Step, session: &Session) -> StepResult {
    let began = session.elapsed();
    let mut result = empty(&title(step), Some(step), began);
    match &step.action {
        Action::Advance(time) => session.clock().sleep(*time).await,
        Action::Given(given) => session.behave(given),
        Action::Send(send) => {
            let sent = all(send, session).await;
            let endless = sent.iter().find_map(|sent| match &sent.answer {
                Err(Unanswered::NeverEnds(why)) => Some(why.clone()),
                _ => None,
            });
            if let Some(why) = endless {
                return never_ends(step, began, &why);
            }
            result.answers = sent.iter().map(told).collect();
            let sample = Sample {
                answers: sent.into_iter().map(|sent| sent.answer.map_err(|error| error.to_string())).collect(),
                received: session.received().await,
                metrics: session.metrics(),
            };
            result.mismatches = send.expect.check_all(&sample);
            if !result.mismatches.is_empty() {
                result.trace = trace(&sample, &result.mismatches).map(|trace| session.masked(trace));
            }
            for mismatch in &mut result.mismatches {
                mismatch.expected = session.masked(std::mem::take(&mut mismatch.expected));
                mismatch.got = session.masked(std::mem::take(&mut mismatch.got));
            }
        }
    }
    result
}

/// Sends all requests of a step; the answers are in the order of the requests.
async fn all(send: &Send, session: &Session) -> Vec<Sent> {
    let mut sent: Vec<Option<Sent>> = Vec::new();
    sent.resize_with(usize::try_from(send.count).unwrap_or(usize::MAX), || None);
    let request = |index: usize| send.requests.get(index % send.requests.len().max(1));
    let one = |index: usize| async move {
        match request(index) {
            Some(request) => (index, Some(session.send(request).await)),
            None => (index, None),
        }
    };
    let mut under_way = FuturesUnordered::new();
    match send.every {
        // Each goes out in its time, whether the ones before have their answers or not.
        Some(every) => {
            for index in 0..sent.len() {
                let wait = every.saturating_mul(u32::try_from(index).unwrap_or(u32::MAX));
                let sleep = session.clock().sleep(wait);
                under_way.push(futures::future::Either::Left(async move {
                    sleep.await;
                    one(index).await
                }));
            }
            while let Some((index, answer)) = under_way.next().await {
                if let Some(place) = sent.get_mut(index) {
                    *place = answer;
                }
            }
        }
        // So many clients, each with its next request when it has its answer.
        None => {
            let mut next = 0..sent.len();
            for index in next.by_ref().take(send.clients.max(1)) {
                under_way.push(futures::future::Either::Right(one(index)));
            }
            while let Some((index, answer)) = under_way.next().await {
                if let Some(place) = sent.get_mut(index) {
                    *place = answer;
                }
                if let Some(index) = next.next() {
                    under_way.push(futures::future::Either::Right(one(index)));
                }
            }
        }
    }
    sent.into_iter().flatten().collect()
}

fn told(sent: &Sent) -> Told {
    let answer = sent.answer.as_ref().ok();
    let inside = answer.and_then(|answer| answer.inside.as_ref());
    Told {
        sent: sent.at,
        elapsed: answer.map(|answer| answer.elapsed).unwrap_or_default(),
        status: answer.map(|answer| answer.status.as_u16()),
        attempts: inside
            .map(|inside| inside.attempts.iter().map(|attempt| (attempt.backend.clone(), attempt.outcome.clone())).collect())
            .unwrap_or_default(),
        usage: inside.and_then(|inside| inside.usage),
    }
}

/// The trace that explains a failure best: of the answer that missed, or of the first that did not just succeed, or of the first.
fn trace(sample: &Sample, mismatches: &[Mismatch]) -> Option<String> {
    let inside = |index: usize| sample.answers.get(index)?.as_ref().ok()?.inside.as_ref().map(|inside| &inside.trace_text);
    let named = mismatches.iter().find_map(|mismatch| mismatch.answer).map(|answer| answer - 1);
    let odd = || {
        let is_odd = |answer: &Result<super::Answer, String>| {
            answer
                .as_ref()
                .is_ok_and(|answer| !answer.status.is_success() || answer.inside.as_ref().is_some_and(|own| own.attempts.len() > 1))
        };
        sample.answers.iter().position(is_odd)
    };
    inside(named.or_else(odd).unwrap_or(0)).filter(|text| !text.is_empty()).cloned()
}
