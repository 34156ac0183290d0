//! A verification as a report: text, JUnit, a page with charts.

use std::time::Duration;

use time::OffsetDateTime;

use super::outcome::{Check, Distribution, Status, Step, Timeline, Verification};
use crate::report::chart::{Bar, BarChart, Chart, Expected, Lane, LaneSpan, Mark, Timeline as TimelineChart, Tone};
use crate::report::{Attachment, Block, Case, Media, Report, Section, Status as CaseStatus, Suite};

/// The report; a suite for each part of the tutorial.
#[must_use]
pub fn report(verification: &Verification, started: Option<OffsetDateTime>) -> Report {
    let mut suites: Vec<(Step, Suite)> = Vec::new();
    let mut steps: Vec<Step> = verification.checks.iter().map(|check| check.step).collect();
    steps.sort_unstable();
    steps.dedup();
    for step in steps {
        let cases = verification.checks.iter().filter(|check| check.step == step).map(case).collect();
        let mut suite = Suite { cases, ..Suite::new(step.title()) };
        match step {
            Step::Balance => suite.sections.extend(verification.distributions.iter().map(distribution)),
            Step::Failover => suite.sections.extend(verification.timelines.iter().map(|(pool, timeline)| drill(pool, timeline))),
            _ => {}
        }
        suites.push((step, suite));
    }
    let subject = if verification.gateway.is_empty() {
        verification.name.clone()
    } else {
        format!("{} at {}", verification.name, verification.gateway)
    };
    Report {
        title: "apimctl verify".to_owned(),
        subject: Some(subject),
        started,
        elapsed: verification.elapsed,
        suites: suites.into_iter().map(|(_, suite)| suite).collect(),
        ..Report::default()
    }
}

fn case(check: &Check) -> Case {
    let status = match check.status {
        Status::Pass if !check.causes.is_empty() => CaseStatus::Warned(check.detail.clone()),
        Status::Pass => CaseStatus::Passed,
        Status::Fail => CaseStatus::Failed(check.detail.clone()),
        Status::Skip => CaseStatus::Skipped(check.detail.clone()),
    };
    let name = match (check.name.strip_prefix("trap/"), check.causes.first()) {
        (Some(code), Some(cause)) => format!("Not {code}: {}", cause.text),
        _ => title(&check.name),
    };
    let mut case = Case::new(name, status);
    case.id = Some(check.name.clone());
    case.elapsed = check.elapsed;
    case.detail = (check.status == Status::Pass && check.causes.is_empty()).then(|| check.detail.clone());
    if let Some(cause) = check.causes.first() {
        case.cause = Some(cause.text.clone());
        case.cure = cause.cure.clone();
    }
    let others: Vec<String> = check
        .causes
        .iter()
        .skip(1)
        .map(|cause| match &cause.cure {
            Some(cure) => format!("{}\n  {}", cause.text, cure.replace('\n', "\n  ")),
            None => cause.text.clone(),
        })
        .collect();
    if !others.is_empty() {
        case.attachments.push(Attachment { title: "Or".to_owned(), media: Media::Text, text: others.join("\n") });
    }
    case
}

/// What holds if a check passes, in one sentence.
#[must_use]
pub fn title(name: &str) -> String {
    let mut parts = name.splitn(3, '/');
    let (kind, what, more) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    match (kind, what) {
        ("accounts", _) => "Accounts and deployments are as specified".to_owned(),
        ("retirement", _) => "No deployed model is retired soon".to_owned(),
        ("arm", _) => "ARM can be asked".to_owned(),
        ("ownership", _) => "Nobody else's resources stand in the way".to_owned(),
        ("unfinished-drill", _) => "No drill is left to be put back".to_owned(),
        ("service", _) => "The service is ready and has its identity".to_owned(),
        ("backends", _) => "Backends are as specified".to_owned(),
        ("pool", pool) => format!("The pool `{pool}` is as specified"),
        ("role-assignments", _) => "Role assignments are there".to_owned(),
        ("roles-effective", _) => "Accounts let the gateway in".to_owned(),
        ("apis", _) => "APIs, operations and products are as specified".to_owned(),
        ("policies", _) => "Policies in force mean what the specification says".to_owned(),
        ("resources", _) => "Other resources are as specified".to_owned(),
        ("traps", _) => "Nothing deploys and does something else than it says".to_owned(),
        ("trap", code) => format!("Not {code}"),
        ("subscriptions", _) => "Subscriptions are as specified and active".to_owned(),
        ("refused", "no-key") => "Without a key nobody gets in".to_owned(),
        ("refused", "wrong-key") => "With a wrong key nobody gets in".to_owned(),
        ("refused", "suspended-key") => "A suspended key opens nothing".to_owned(),
        ("refused", _) => "Without a good key nobody gets in".to_owned(),
        ("open-doors", _) => "No open product and no key of all APIs reaches the APIs".to_owned(),
        ("client", api) if more.is_empty() => format!("`{api}` answers its clients"),
        ("client", api) => format!("`{api}` answers {}", client(more)),
        ("clients", _) => "Every kind of client is answered".to_owned(),
        ("streaming", "") => "Streams arrive token by token".to_owned(),
        ("streaming", api) => format!("Streams of `{api}` arrive token by token"),
        ("token-headers", "") => "Headers about tokens count down".to_owned(),
        ("token-headers", api) => format!("Headers about tokens of `{api}` count down"),
        ("scenario", _) => format!("Scenario: {}", name.trim_start_matches("scenario/")),
        ("scenarios", _) => "Live scenarios are answered as they expect".to_owned(),
        ("balance", "") => "Load is shared as the pool says".to_owned(),
        ("balance", pool) => format!("Load is shared as the pool `{pool}` says"),
        ("breaker", pool) => format!("A failing member of `{pool}` is left out"),
        ("breakers", _) => "Failing members are left out".to_owned(),
        ("retry", api) => format!("`{api}` tries again at another member"),
        ("failover", "") => "Other members take over".to_owned(),
        ("failover", pool) if more.is_empty() => format!("Other members of `{pool}` take over"),
        ("failover", pool) => match more {
            "recovery" => format!("All members of `{pool}` serve again after the drill"),
            "broken-member" => format!("No client notices a member of `{pool}` that never answers"),
            "restored" => format!("Everything is put back after the drill in `{pool}`"),
            "drill" => format!("The drill in `{pool}` comes to its end"),
            _ => format!("Others serve while `{}` is out of `{pool}`", more.trim_start_matches("without-")),
        },
        ("monitoring", _) => "Loggers, diagnostics and alerts are as specified".to_owned(),
        ("telemetry", "requests") => "Requests arrive in the logs".to_owned(),
        ("telemetry", "token-metrics") => "Token metrics arrive".to_owned(),
        ("telemetry", "dimensions") => "Token metrics can be told apart".to_owned(),
        ("telemetry", _) => "Telemetry arrives".to_owned(),
        _ => name.to_owned(),
    }
}

fn client(style: &str) -> &str {
    match style {
        "key-header" => "a client with the key in its header",
        "query" => "a client with the key in the query",
        "bearer" => "a client with the key as a bearer token",
        "azure-openai-sdk" => "the Azure OpenAI SDK",
        "openai-sdk" => "the OpenAI SDK",
        "without-key" => "without a key",
        other => other,
    }
}

fn distribution(distribution: &Distribution) -> Section {
    let bars = distribution
        .shares
        .iter()
        .map(|share| Bar {
            label: share.member.clone(),
            value: share.requests as f64,
            expected: Some(Expected { value: share.expected, tolerance: share.tolerance }),
            note: None,
        })
        .collect();
    let chart = BarChart { title: format!("Requests by member of {}", distribution.pool), unit: "requests".to_owned(), bars };
    Section {
        title: format!("How load is shared in {}", distribution.pool),
        blocks: vec![
            Block::Text(format!("{} requests; each share is held against three standard errors of a fair draw", distribution.requests)),
            Block::Chart(Chart::Bars(chart)),
        ],
    }
}

fn drill(pool: &str, timeline: &Timeline) -> Section {
    let phases = timeline.phases.iter().map(|phase| LaneSpan {
        from: phase.from,
        to: phase.to,
        tone: if phase.name.starts_with("without ") || phase.name.contains("broken") { Tone::Bad } else { Tone::Neutral },
        label: phase.name.clone(),
    });
    let mut lanes = vec![Lane { label: "what is done".to_owned(), spans: phases.collect(), marks: Vec::new() }];
    let mut members: Vec<String> = Vec::new();
    for request in &timeline.requests {
        let member = request.member.clone().unwrap_or_else(|| "nobody".to_owned());
        let place = members.iter().position(|known| *known == member).unwrap_or_else(|| {
            members.push(member.clone());
            lanes.push(Lane { label: member.clone(), ..Lane::default() });
            members.len() - 1
        });
        let tone = match request.status {
            200..=299 => Tone::Good,
            429 => Tone::Warning,
            _ => Tone::Bad,
        };
        let status = if request.status == 0 { "no answer".to_owned() } else { request.status.to_string() };
        if let Some(lane) = lanes.get_mut(place + 1) {
            lane.marks.push(Mark { at: request.at, tone, label: format!("{status} after {} ms", request.elapsed.as_millis()) });
        }
    }
    let length = timeline.phases.iter().map(|phase| phase.to).max().unwrap_or(Duration::ZERO);
    let chart = TimelineChart { title: format!("Failover drill in {pool}"), length, lanes };
    let outage = |request: &super::TimelineRequest| {
        timeline.phases.iter().any(|phase| phase.name == super::drill::OUTAGE && (phase.from..=phase.to).contains(&request.at))
    };
    let failed = timeline.requests.iter().filter(|request| !(200..300).contains(&request.status) && !outage(request)).count();
    Section {
        title: format!("Failover drill in {pool}"),
        blocks: vec![
            Block::Text(format!("{} requests, {failed} of them failed when they should not", timeline.requests.len())),
            Block::Chart(Chart::Timeline(chart)),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::Cause;

    #[test]
    fn every_failure_carries_its_cause_and_cure_and_a_note_is_a_warning() {
        let check = |name: &str, status, causes| Check {
            name: name.to_owned(),
            step: Step::Clients,
            status,
            detail: "what was found".to_owned(),
            causes,
            elapsed: Duration::from_millis(5),
        };
        let cause = || vec![Cause::new("first", "do this"), Cause::new("second", "do that")];
        let verification = Verification {
            name: "spec".to_owned(),
            checks: vec![
                check("client/a/bearer", Status::Fail, cause()),
                check("client/a/query", Status::Pass, Vec::new()),
                check("open-doors", Status::Pass, cause()),
                check("balance", Status::Skip, Vec::new()),
            ],
            ..Verification::default()
        };
        let report = report(&verification, None);
        let counts = report.counts();
        assert_eq!((counts.failed, counts.passed, counts.warned, counts.skipped), (1, 1, 1, 1));
        let failed = &report.suites[0].cases[0];
        assert_eq!(failed.name, "`a` answers a client with the key as a bearer token");
        assert_eq!((failed.cause.as_deref(), failed.cure.as_deref()), (Some("first"), Some("do this")));
        assert!(failed.attachments[0].text.contains("do that"));
    }
}
