//! `quota` and `quota-by-key`: calls and bandwidth in fixed windows (their pages).

use std::sync::Arc;

use http::StatusCode;
use http::header::{CONTENT_LENGTH, HeaderValue, RETRY_AFTER};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::increment::Increment;
use super::rate_limit::{NameOrId, holder};
use crate::gateway::exchange::Exchange;
use crate::gateway::failure::Failure;
use crate::gateway::limits::{Period, PeriodEnd, QuotaCounter, period_of};
use crate::gateway::program::{Argument, Arguments, Compiler, Run, Statement};
use crate::gateway::settle::{Ending, Settle};
use crate::gateway::state::State;
use crate::policy::{Element, Scope};

/// First instant of periods that are bound to none: `first-period-start`'s default.
const BEGINNING: OffsetDateTime = time::macros::datetime!(0001-01-01 00:00 UTC);
/// `bandwidth` is in kilobytes.
const KILOBYTE: u64 = 1024;

/// What may be used in a period.
#[derive(Debug, Clone, Copy)]
struct Allowance {
    calls: Option<u64>,
    /// Kilobytes.
    bandwidth: Option<u64>,
    seconds: u64,
}

impl Allowance {
    fn read(element: &Element, compiler: &mut Compiler<'_>) -> Self {
        let seconds = compiler.parsed(element, "renewal-period");
        if seconds.is_none() {
            compiler.problem(element, format!("`{}` needs the attribute `renewal-period`", element.name));
        }
        Self { calls: compiler.parsed(element, "calls"), bandwidth: compiler.parsed(element, "bandwidth"), seconds: seconds.unwrap_or(0) }
    }
}

/// `hh:mm:ss`, with days in front where there are any: a .NET `TimeSpan` (seen live).
fn span(wait: Duration) -> String {
    let seconds = wait.whole_seconds().max(0);
    let (days, hours, minutes, seconds) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    if days > 0 { format!("{days}.{hours:02}:{minutes:02}:{seconds:02}") } else { format!("{hours:02}:{minutes:02}:{seconds:02}") }
}

/// The last part of a second counts whole, so that a caller who waits as told is let in.
fn until(end: PeriodEnd, now: OffsetDateTime) -> Option<Duration> {
    match end {
        PeriodEnd::At(end) => Some(Duration::seconds((end - now + Duration::milliseconds(999)).whole_seconds().max(1))),
        PeriodEnd::Never => None,
    }
}

/// 403 (documented). Texts: calls seen live, bandwidth documented; for a period that never ends they are assumed.
fn refuse(kind: &str, end: PeriodEnd, now: OffsetDateTime) -> Failure {
    match until(end, now) {
        Some(wait) => Failure::refused(
            "QuotaExceeded",
            StatusCode::FORBIDDEN,
            format!("Out of {kind} quota. Quota will be replenished in {}.", span(wait)),
        )
        .with_header(RETRY_AFTER, HeaderValue::from(wait.whole_seconds())),
        None => Failure::refused("QuotaExceeded", StatusCode::FORBIDDEN, format!("Out of {kind} quota.")),
    }
}

/// Checks one allowance under one key, and uses `amount` of its calls in the same step.
///
/// `own`: what this request has added already, that must not refuse it.
fn take(state: &State, key: &str, allowance: Allowance, first: OffsetDateTime, own: u64, amount: u64) -> Result<OffsetDateTime, Failure> {
    let now = state.clock.utc();
    let (start, end) = period_of(Period::Every { first, seconds: allowance.seconds }, now);
    let with = |key: &str, work: &mut dyn FnMut(&mut QuotaCounter) -> bool| {
        state.call_quotas.with(key, state.clock.now(), QuotaCounter::default, work)
    };
    // Looked at first: it is only ever used when the response is there, so nothing can come between.
    let spent = |kilobytes: u64| with(&bandwidth_key(key), &mut |counter| counter.used(start) >= kilobytes.saturating_mul(KILOBYTE));
    if allowance.bandwidth.is_some_and(spent) {
        return Err(refuse("bandwidth", end, now));
    }
    if allowance.calls.is_some_and(|calls| !with(key, &mut |counter| counter.take(start, amount, calls, own))) {
        return Err(refuse("call volume", end, now));
    }
    Ok(start)
}

fn bandwidth_key(key: &str) -> String {
    format!("{key}/bandwidth")
}

fn add(state: &State, key: &str, start: OffsetDateTime, amount: u64) {
    state.call_quotas.with(key, state.clock.now(), QuotaCounter::default, |counter| counter.add(start, amount));
}

fn request_bytes(exchange: &Exchange) -> u64 {
    exchange.request.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0)
}

/// Adds the bytes of request and response once they are known (that both count is assumed).
#[derive(Debug)]
struct CountBytes {
    state: Arc<State>,
    keys: Vec<(String, OffsetDateTime)>,
    request: u64,
}

impl Settle for CountBytes {
    fn end(self: Box<Self>, ending: &Ending) {
        for (key, start) in &self.keys {
            add(&self.state, &bandwidth_key(key), *start, self.request.saturating_add(ending.bytes));
        }
    }
}

/// One `api` or `operation` inside `quota`, or the whole.
#[derive(Debug)]
struct Rule {
    api: Option<NameOrId>,
    operation: Option<NameOrId>,
    allowance: Allowance,
}

/// Per subscription.
#[derive(Debug)]
struct Quota {
    scope: Scope,
    rules: Vec<Rule>,
}

impl Quota {
    fn run_now(&self, exchange: &mut Exchange) -> Result<(), Failure> {
        let snapshot = exchange.snapshot.clone();
        let Some(subscription) = exchange.access.subscription.and_then(|index| snapshot.subscription(index)) else { return Ok(()) };
        let api = exchange.api.and_then(|index| snapshot.api(index));
        let operation = exchange.operation.and_then(|index| snapshot.operation(index));
        // Periods begin with the subscription (its page).
        let first = subscription.start.or(subscription.created).unwrap_or(BEGINNING);
        let state = exchange.worker.state.clone();
        let base = format!("{}/{}/{}", self.scope as u8, holder(exchange, self.scope), subscription.name);
        let mut fitting = Vec::new();
        for rule in &self.rules {
            let fits_api = rule.api.as_ref().is_none_or(|rule| api.is_some_and(|api| rule.is(&api.name, &api.display_name)));
            let fits_operation =
                rule.operation.as_ref().is_none_or(|rule| operation.is_some_and(|own| rule.is(&own.name, &own.display_name)));
            if !fits_api || !fits_operation {
                continue;
            }
            let part = |named: &Option<NameOrId>| named.as_ref().map_or("", NameOrId::text).to_owned();
            let key = format!("{base}/{}/{}", part(&rule.api), part(&rule.operation));
            fitting.push((key, rule.allowance));
        }
        // One quota is looked at and counted in one step. With several, all have to let the call in before any counts it.
        for (key, allowance) in fitting.iter().filter(|_| fitting.len() > 1) {
            take(&state, key, *allowance, first, 0, 0)?;
        }
        let mut keys = Vec::new();
        for (key, allowance) in fitting {
            let start = take(&state, &key, allowance, first, 0, 1)?;
            if allowance.bandwidth.is_some() {
                keys.push((key, start));
            }
        }
        if !keys.is_empty() {
            let request = request_bytes(exchange);
            exchange.settle.push(Box::new(CountBytes { state, keys, request }));
        }
        Ok(())
    }
}

impl Statement for Quota {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, _arguments: &mut Arguments) -> Run<'a> {
        self.run_now(exchange).into()
    }
}

/// `<quota calls="…" bandwidth="…" renewal-period="…">`.
pub(super) fn compile(element: &Element, compiler: &mut Compiler<'_>) {
    let mut rules = vec![Rule { api: None, operation: None, allowance: Allowance::read(element, compiler) }];
    for api in element.elements_named("api") {
        let named = NameOrId::read(api, compiler);
        // A child without a period of its own has that of the whole (assumed).
        let inherit = |element: &Element, compiler: &mut Compiler<'_>, outer: Allowance| Allowance {
            calls: compiler.parsed(element, "calls"),
            bandwidth: compiler.parsed(element, "bandwidth"),
            seconds: compiler.parsed(element, "renewal-period").unwrap_or(outer.seconds),
        };
        let outer = rules.first().map_or(Allowance { calls: None, bandwidth: None, seconds: 0 }, |rule| rule.allowance);
        let own = inherit(api, compiler, outer);
        rules.push(Rule { api: Some(named.clone()), operation: None, allowance: own });
        for operation in api.elements_named("operation") {
            let allowance = inherit(operation, compiler, own);
            let operation = NameOrId::read(operation, compiler);
            rules.push(Rule { api: Some(named.clone()), operation: Some(operation), allowance });
        }
    }
    let scope = compiler.scope();
    compiler.run(Quota { scope, rules });
}

/// One counter a key.
#[derive(Debug)]
struct QuotaByKey {
    key: Argument<Box<str>>,
    allowance: Allowance,
    first: OffsetDateTime,
    increment: Increment,
}

/// Keys that grew in this request: several increments of one key count once (its page).
const GROWN: &str = "quota-by-key/";

impl QuotaByKey {
    fn run_now(&self, exchange: &mut Exchange, arguments: &Arguments) -> Result<(), Failure> {
        let key = format!("by-key/{}/{}", self.allowance.seconds, arguments.text(&self.key));
        let state = exchange.worker.state.clone();
        let marker: Arc<str> = Arc::from(format!("{GROWN}{key}"));
        let grown = exchange.amount(&marker);
        let amount = match &self.increment {
            Increment::Now(growth) if grown.is_none() => growth.amount(arguments),
            Increment::Now(_) | Increment::AfterResponse(_) => 0,
        };
        let start = take(&state, &key, self.allowance, self.first, grown.unwrap_or(0), amount)?;
        match &self.increment {
            Increment::Now(_) if amount > 0 && self.allowance.calls.is_some() => exchange.mark(marker, amount),
            Increment::Now(_) => {}
            Increment::AfterResponse(postponed) => {
                let key = key.clone();
                exchange.settle.push(postponed.settle(move |exchange, amount| {
                    if exchange.amount(&marker).is_none() {
                        exchange.mark(marker.clone(), amount);
                        add(&exchange.worker.state, &key, start, amount);
                    }
                }));
            }
        }
        let bytes: Arc<str> = Arc::from(bandwidth_key(&key));
        if self.allowance.bandwidth.is_some() && exchange.amount(&bytes).is_none() {
            exchange.mark(bytes, 1);
            let request = request_bytes(exchange);
            exchange.settle.push(Box::new(CountBytes { state, keys: vec![(key, start)], request }));
        }
        Ok(())
    }
}

impl Statement for QuotaByKey {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a> {
        self.run_now(exchange, arguments).into()
    }
}

/// `<quota-by-key calls="…" bandwidth="…" renewal-period="…" counter-key="…">`.
pub(super) fn compile_by_key(element: &Element, compiler: &mut Compiler<'_>) {
    let allowance = Allowance::read(element, compiler);
    let first = compiler.literal(element, "first-period-start").map_or(BEGINNING, |text| {
        let parsed = OffsetDateTime::parse(text.trim(), &Rfc3339);
        if parsed.is_err() {
            compiler.problem(element, format!("`first-period-start` cannot be `{text}`: it is a UTC time like 2026-01-01T00:00:00Z"));
        }
        parsed.unwrap_or(BEGINNING)
    });
    let key = compiler.required_text(element, "counter-key");
    let increment = Increment::read(element, compiler, false);
    compiler.run(QuotaByKey { key, allowance, first, increment });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_written_as_time_spans() {
        assert_eq!(span(Duration::seconds(1_802)), "00:30:02");
        assert_eq!(span(Duration::seconds(14 * 86_400 + 7 * 3_600 + 13 * 60 + 56)), "14.07:13:56");
    }
}
