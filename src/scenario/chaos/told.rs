//! What came of a replay, for people and for programs.

use std::time::Duration;

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::measure::{Measured, percent, shown};
use super::{Chaos, Outcome};
use crate::report::chart::{Bar, BarChart, Chart, Lane, LaneSpan, Line, LineChart, Mark, Timeline, Tone};
use crate::report::{self, Block, Case, Place, Report, Section, Status, Suite, Table, number};
use crate::simulator::behavior::{Action, Connection, CutAt, Filter, Rule};

/// The report for the writers of reports. `elapsed`: real time of the whole run.
#[must_use]
pub fn report(outcome: &Outcome, started: Option<OffsetDateTime>, elapsed: Duration) -> Report {
    let mut report = Report {
        title: "apimctl test --chaos".to_owned(),
        subject: Some(outcome.path.display().to_string()),
        started,
        elapsed,
        ..Report::default()
    };
    let Some(chaos) = &outcome.chaos else { return report };
    report.properties.push(("seed".to_owned(), chaos.seed.to_string()));
    if let Some(first) = outcome.measured.first() {
        report.properties.push(("requests".to_owned(), number(first.sent.len() as f64)));
        report.properties.push(("virtual time".to_owned(), report::time(first.length)));
    }
    report.sections.push(comparison(chaos, &outcome.measured));
    report.suites = outcome.measured.iter().map(|measured| suite(chaos, outcome, measured)).collect();
    report
}

/// All variants beside each other.
fn comparison(chaos: &Chaos, measured: &[Measured]) -> Section {
    let columns = [
        "variant",
        "#availability",
        "#failed",
        "#p50",
        "#p95",
        "#p99",
        "#added p95",
        "#added p99",
        "#added most",
        "#attempts",
        "#tokens",
        "#trips",
    ];
    let mut table = Table::new(columns);
    for own in measured {
        let time = |time: Option<Duration>| time.map_or_else(|| "-".to_owned(), shown);
        table.rows.push(vec![
            own.name.clone(),
            percent(own.availability()),
            number((own.sent.len() as u64 - own.good) as f64),
            time(own.head.percentile(50.0)),
            time(own.head.percentile(95.0)),
            time(own.head.percentile(99.0)),
            time(own.added.percentile(95.0)),
            time(own.added.percentile(99.0)),
            time(own.added.percentile(100.0)),
            number(own.attempts() as f64),
            number(own.tokens() as f64),
            own.trips.len().to_string(),
        ]);
    }
    let words = "Good are answers of 2xx whose body came to its end. Latency is the time to the head of good answers; \
                 added is what lay before the attempt that served them: earlier attempts, and waits.";
    let line = |value: &dyn Fn(&super::measure::Slice) -> Option<f64>| -> Vec<Line> {
        let points = |own: &Measured| {
            let at = |index: usize| (index as f64 + 0.5) * own.slice.as_secs_f64();
            own.slices.iter().enumerate().map(|(index, slice)| (at(index), value(slice))).collect()
        };
        measured.iter().map(|own| Line { label: own.name.clone(), points: points(own) }).collect()
    };
    let failed = line(&|slice| (slice.requests > 0).then(|| slice.failed as f64 * 100.0 / slice.requests as f64));
    let latency = line(&|slice| slice.head.percentile(95.0).map(|time| time.as_secs_f64() * 1_000.0));
    let chart = |title: &str, unit: &str, lines| {
        Block::Chart(Chart::Lines(LineChart { title: title.to_owned(), unit: unit.to_owned(), lines, bands: faults(chaos) }))
    };
    Section::new(
        "Comparison",
        vec![
            Block::Table(table),
            Block::Text(words.to_owned()),
            chart("Failed requests", "%", failed),
            chart("Latency, 95th percentile", "ms", latency),
        ],
    )
}

fn suite(chaos: &Chaos, outcome: &Outcome, measured: &Measured) -> Suite {
    let mut suite = Suite::new(&measured.name);
    suite.file = Some(outcome.path.display().to_string());
    if let Some(variant) = chaos.variants.iter().find(|variant| variant.name == measured.name) {
        let place = variant.expect.at.unwrap_or(variant.at);
        let place = Place { file: outcome.sources.path(place.source).display().to_string(), line: outcome.sources.position(place).line };
        suite.cases = measured
            .judged(&variant.expect)
            .into_iter()
            .map(|(name, miss)| {
                let status = miss.map_or(Status::Passed, Status::Failed);
                Case { place: Some(place.clone()), virtual_elapsed: Some(measured.length), ..Case::new(name, status) }
            })
            .collect();
    }
    suite.sections =
        vec![Section::new("", vec![Block::Chart(timeline(chaos, measured)), Block::Table(endings(measured))]), backends(measured)];
    suite
}

fn endings(measured: &Measured) -> Table {
    let mut table = Table::new(["callers got", "#requests", "#share"]);
    for (ending, count) in &measured.endings {
        table.rows.push(vec![ending.clone(), number(*count as f64), percent(*count as f64 / measured.sent.len().max(1) as f64)]);
    }
    table
}

fn backends(measured: &Measured) -> Section {
    let mut table = Table::new(["backend", "#attempts", "#served", "#prompt tokens", "#completion tokens", "#trips", "outcomes"]);
    for (name, own) in &measured.backends {
        let outcomes: Vec<String> = own.outcomes.iter().map(|(outcome, count)| format!("{outcome}: {}", number(*count as f64))).collect();
        let numbers = [own.attempts, own.served, own.prompt_tokens, own.completion_tokens, own.trips].map(|count| number(count as f64));
        let mut row = vec![shown_name(name)];
        row.extend(numbers);
        row.push(outcomes.join(", "));
        table.rows.push(row);
    }
    let bars = |title: &str, unit: &str, value: &dyn Fn(&super::measure::BackendCounts) -> u64| {
        let bars = measured.backends.iter().map(|(name, own)| Bar { label: shown_name(name), value: value(own) as f64, ..Bar::default() });
        Block::Chart(Chart::Bars(BarChart { title: title.to_owned(), unit: unit.to_owned(), bars: bars.collect() }))
    };
    let attempts = bars("By backend", "attempts", &|own| own.attempts);
    let tokens = bars("By backend", "tokens", &|own| own.prompt_tokens + own.completion_tokens);
    Section::new("Backends", vec![Block::Table(table), attempts, tokens])
}

/// An attempt that went to a URL has no backend.
fn shown_name(name: &str) -> String {
    if name.is_empty() { "(a URL)".to_owned() } else { name.to_owned() }
}

fn timeline(chaos: &Chaos, measured: &Measured) -> Chart {
    let mut lanes = vec![Lane { label: "faults".to_owned(), spans: faults(chaos), marks: Vec::new() }];
    let callers = measured.sent.iter().map(|sent| {
        let tone = match (sent.is_good(), sent.attempts.len()) {
            (false, _) => Tone::Bad,
            (true, 0 | 1) => Tone::Good,
            // It went well, by another attempt.
            (true, _) => Tone::Warning,
        };
        Mark { at: sent.at, tone, label: sent.ending() }
    });
    lanes.push(Lane { label: "callers".to_owned(), spans: Vec::new(), marks: callers.collect() });
    for name in measured.backends.keys() {
        let attempts = measured.sent.iter().flat_map(|sent| sent.attempts.iter().map(move |attempt| (sent, attempt)));
        let marks = attempts.filter(|(_, attempt)| attempt.backend == *name).map(|(sent, attempt)| {
            let (tone, label) = match &attempt.outcome {
                Ok(status) if (200..400).contains(status) => (Tone::Good, status.to_string()),
                Ok(status @ 429) => (Tone::Warning, status.to_string()),
                Ok(status) => (Tone::Bad, status.to_string()),
                Err(reason) => (Tone::Bad, reason.clone()),
            };
            Mark { at: sent.at + attempt.after, tone, label }
        });
        let tripped = measured.trips.iter().filter(|trip| trip.backend == *name);
        let spans = tripped.map(|trip| LaneSpan {
            from: trip.from,
            to: trip.to.min(measured.length.max(trip.from)),
            tone: Tone::Warning,
            label: "breaker tripped".to_owned(),
        });
        lanes.push(Lane { label: shown_name(name), spans: spans.collect(), marks: marks.collect() });
    }
    Chart::Timeline(Timeline { title: format!("Timeline: {}", measured.name), length: measured.length, lanes })
}

/// Faults with a beginning and an end; what lasts all the time is no event.
fn faults(chaos: &Chaos) -> Vec<LaneSpan> {
    let length = super::arrivals::length(&chaos.load.phases);
    let lasting = |rule: &&Rule| !(rule.from.is_zero() && rule.lasting.is_none_or(|lasting| lasting >= length));
    let spans = chaos.given.behavior.rules.iter().filter(lasting).map(|rule| LaneSpan {
        from: rule.from.min(length),
        to: rule.lasting.map_or(length, |lasting| rule.from.saturating_add(lasting).min(length)),
        tone: Tone::Bad,
        label: rule.name.clone().unwrap_or_else(|| described(rule)),
    });
    spans.collect()
}

/// What a rule without a name does.
fn described(rule: &Rule) -> String {
    let what = action(&rule.action);
    if rule.accounts.is_empty() { what } else { format!("{}: {what}", rule.accounts.join(", ")) }
}

fn action(action: &Action) -> String {
    let connection = |connection: Connection| match connection {
        Connection::Refused => "refused",
        Connection::Reset => "reset",
        Connection::DnsFailure => "name not found",
        Connection::TlsFailure => "TLS failure",
        Connection::NeverAnswers => "no connection",
    };
    if let Some(own) = action.connection {
        return connection(own).to_owned();
    }
    if action.throttle.is_some() {
        return "429".to_owned();
    }
    if let Some(status) = action.status {
        return status.as_str().to_owned();
    }
    match (action.never_answers, action.cut, action.endless, action.malformed, action.filter) {
        (true, ..) => "no answer",
        (_, Some(CutAt::BeforeFirstByte), ..) => "cut before the first byte",
        (_, Some(_), ..) => "cut",
        (_, _, true, ..) => "endless",
        (_, _, _, true, _) => "malformed",
        (.., Some(Filter::Prompt | Filter::Completion)) => "content filter",
        _ if action.delay_headers.is_some() || action.latency.first_token.is_some() || action.latency.per_token.is_some() => "slow",
        _ => "other answers",
    }
    .to_owned()
}

/// For programs: the numbers of each variant, and its timeline in slices. Times are in milliseconds.
#[must_use]
pub fn json(outcome: &Outcome) -> Value {
    let thresholds = |measured: &Measured| -> Vec<Value> {
        let variant = outcome.chaos.iter().flat_map(|chaos| &chaos.variants).find(|variant| variant.name == measured.name);
        let judged = variant.map(|variant| measured.judged(&variant.expect)).unwrap_or_default();
        judged.into_iter().map(|(expected, miss)| json!({ "expected": expected, "missed": miss })).collect()
    };
    let variants: Vec<Value> = outcome.measured.iter().map(|measured| variant(measured, thresholds(measured))).collect();
    json!({
        "version": crate::report::SCHEMA_VERSION,
        "ok": outcome.is_ok(),
        "file": outcome.path.display().to_string(),
        "seed": outcome.chaos.as_ref().map(|chaos| chaos.seed),
        "lengthMs": outcome.measured.first().map(|measured| measured.length.as_secs_f64() * 1_000.0),
        "faults": outcome.chaos.as_ref().map(faults),
        "variants": variants,
    })
}

fn variant(measured: &Measured, thresholds: Vec<Value>) -> Value {
    let milliseconds = |time: Duration| (time.as_secs_f64() * 1_000_000.0).round() / 1_000.0;
    let times = |times: &super::measure::Times| {
        let at = |percent: f64| times.percentile(percent).map(milliseconds);
        json!({ "p50": at(50.0), "p90": at(90.0), "p95": at(95.0), "p99": at(99.0), "max": at(100.0) })
    };
    let backends: serde_json::Map<String, Value> = measured
        .backends
        .iter()
        .map(|(name, own)| {
            let value = json!({
                "attempts": own.attempts,
                "outcomes": own.outcomes,
                "served": own.served,
                "promptTokens": own.prompt_tokens,
                "completionTokens": own.completion_tokens,
                "trips": own.trips,
            });
            (shown_name(name), value)
        })
        .collect();
    let slices = measured.slices.iter().enumerate().map(|(index, slice)| {
        let attempts: serde_json::Map<String, Value> =
            measured.backends.keys().zip(&slice.attempts).map(|(name, count)| (shown_name(name), (*count).into())).collect();
        json!({
            "fromMs": milliseconds(measured.slice.saturating_mul(u32::try_from(index).unwrap_or(u32::MAX))),
            "requests": slice.requests,
            "failed": slice.failed,
            "p95Ms": slice.head.percentile(95.0).map(milliseconds),
            "attempts": attempts,
        })
    });
    let trips = measured
        .trips
        .iter()
        .map(|trip| json!({ "backend": trip.backend, "fromMs": milliseconds(trip.from), "toMs": milliseconds(trip.to) }));
    json!({
        "name": measured.name,
        "requests": measured.sent.len(),
        "good": measured.good,
        "availability": measured.availability(),
        "endings": measured.endings,
        "latencyMs": times(&measured.head),
        "lastByteMs": times(&measured.elapsed),
        "addedLatencyMs": times(&measured.added),
        "attempts": measured.attempts(),
        "tokens": measured.tokens(),
        "backends": backends,
        "breakerTrips": trips.collect::<Vec<_>>(),
        "thresholds": thresholds,
        "timeline": slices.collect::<Vec<_>>(),
    })
}
