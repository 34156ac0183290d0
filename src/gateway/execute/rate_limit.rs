//! `rate-limit` and `rate-limit-by-key`: sliding window on classic tiers, token bucket on v2 (their pages).

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use http::header::{HeaderName, HeaderValue};

use super::increment::Increment;
use super::when_answered::{Headers, RetryAfter, header_name, number, variable_name};
use crate::gateway::exchange::Exchange;
use crate::gateway::failure::Failure;
use crate::gateway::limits::{Algorithm, Counter, Keyed, whole_seconds};
use crate::gateway::program::{Argument, Arguments, Compiler, Flow, Run, Statement};
use crate::gateway::settings::{LimitAlgorithm, Settings};
use crate::policy::{Element, Gateway, Scope};

/// How rates count on that tier.
pub(super) fn algorithm(settings: &Settings, gateway: Gateway) -> Algorithm {
    match settings.limits {
        LimitAlgorithm::SlidingWindow => Algorithm::SlidingWindow,
        LimitAlgorithm::TokenBucket => Algorithm::TokenBucket,
        LimitAlgorithm::ByTier if gateway == Gateway::V2 => Algorithm::TokenBucket,
        LimitAlgorithm::ByTier => Algorithm::SlidingWindow,
    }
}

/// Where a limit tells what is left.
#[derive(Debug)]
struct Told {
    retry_after: RetryAfter,
    remaining_header: Option<HeaderName>,
    remaining_variable: Option<Arc<str>>,
    total_header: Option<HeaderName>,
}

impl Told {
    fn read(element: &Element, compiler: &mut Compiler<'_>) -> Self {
        Self {
            retry_after: RetryAfter::read(element, compiler),
            remaining_header: header_name(element, compiler, "remaining-calls-header-name"),
            remaining_variable: variable_name(element, compiler, "remaining-calls-variable-name"),
            total_header: header_name(element, compiler, "total-calls-header-name"),
        }
    }

    fn remaining(&self, exchange: &mut Exchange, remaining: u64, total: u64) {
        if let Some(name) = &self.remaining_variable {
            exchange.variables.set(name, number(remaining));
        }
        let mut headers = Vec::new();
        for (name, value) in [(&self.remaining_header, remaining), (&self.total_header, total)] {
            if let Some(name) = name {
                headers.push((name.clone(), HeaderValue::from(value)));
            }
        }
        if !headers.is_empty() {
            exchange.settle.push(Box::new(Headers(headers)));
        }
    }

    /// 429 with the seconds to wait. Text: seen live.
    fn refuse(&self, exchange: &mut Exchange, wait: Duration) -> Failure {
        let seconds = whole_seconds(wait);
        let failure = Failure::refused("RateLimitExceeded", StatusCode::TOO_MANY_REQUESTS, "Rate limit is exceeded")
            .answering(format!("Rate limit is exceeded. Try again in {seconds} seconds."));
        self.retry_after.tell(exchange, failure, seconds)
    }
}

/// `calls` in `renewal-period` for everything, one API, or one operation of it.
#[derive(Debug)]
struct Rule {
    api: Option<NameOrId>,
    operation: Option<NameOrId>,
    calls: u64,
    period: Duration,
}

/// An API or operation in the words of a limit; `id` beats `name` (rate-limit page).
#[derive(Debug, Clone)]
pub(super) struct NameOrId {
    id: Option<String>,
    name: Option<String>,
}

impl NameOrId {
    pub(super) fn read(element: &Element, compiler: &mut Compiler<'_>) -> Self {
        Self { id: compiler.literal(element, "id"), name: compiler.literal(element, "name") }
    }

    pub(super) fn is(&self, id: &str, name: &str) -> bool {
        match (&self.id, &self.name) {
            (Some(own), _) => own.eq_ignore_ascii_case(id),
            (None, Some(own)) => own.eq_ignore_ascii_case(name),
            (None, None) => false,
        }
    }

    pub(super) fn text(&self) -> &str {
        self.id.as_deref().or(self.name.as_deref()).unwrap_or_default()
    }
}

impl Rule {
    fn applies(&self, exchange: &Exchange) -> bool {
        let api = exchange.api.and_then(|index| exchange.snapshot.api(index));
        let operation = exchange.operation.and_then(|index| exchange.snapshot.operation(index));
        let fits = |rule: &Option<NameOrId>, own: Option<(&String, &String)>| match (rule, own) {
            (None, _) => true,
            (Some(rule), Some((id, name))) => rule.is(id, name),
            (Some(_), None) => false,
        };
        fits(&self.api, api.map(|api| (&api.name, &api.display_name)))
            && fits(&self.operation, operation.map(|operation| (&operation.name, &operation.display_name)))
    }
}

/// Per subscription; without a key it has no effect.
#[derive(Debug)]
struct RateLimit {
    scope: Scope,
    rules: Vec<Rule>,
    told: Told,
    algorithm: Algorithm,
}

/// What a limit of that scope hangs on, besides the subscription.
pub(super) fn holder(exchange: &Exchange, scope: Scope) -> &str {
    let snapshot = &exchange.snapshot;
    let name = match scope {
        Scope::Product => exchange.access.product.and_then(|index| snapshot.product(index)).map(|product| product.name.as_str()),
        Scope::Operation => exchange.operation.and_then(|index| snapshot.operation(index)).map(|operation| operation.name.as_str()),
        _ => exchange.api.and_then(|index| snapshot.api(index)).map(|api| api.name.as_str()),
    };
    name.unwrap_or_default()
}

impl Statement for RateLimit {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, _arguments: &mut Arguments) -> Run<'a> {
        let Some(subscription) = exchange.access.subscription.and_then(|index| exchange.snapshot.subscription(index)) else {
            return Run::Done(Ok(Flow::Next));
        };
        let base = format!("{}/{}/{}", self.scope as u8, holder(exchange, self.scope), subscription.name);
        let now = exchange.worker.state.clock.now();
        let counters = &exchange.worker.state.call_rates;
        let mut tightest: Option<(u64, u64)> = None;
        let mut refused: Option<Duration> = None;
        let applying: Vec<(&Rule, String)> = self
            .rules
            .iter()
            .filter(|rule| rule.applies(exchange))
            .map(|rule| {
                let part = |rule: &Option<NameOrId>| rule.as_ref().map_or("", NameOrId::text).to_owned();
                (rule, format!("{base}/{}/{}", part(&rule.api), part(&rule.operation)))
            })
            .collect();
        // One limit is looked at and counted in one step. With several, all have to let the call in before any counts it.
        let several = applying.len() > 1;
        for (rule, key) in applying.iter().filter(|_| several) {
            let wait = with(counters, key, self.algorithm, rule.period, now, |counter| counter.wait_for(now, 1, rule.calls));
            let wait = wait.unwrap_or(rule.period);
            if !wait.is_zero() {
                refused = Some(refused.map_or(wait, |earlier| earlier.max(wait)));
            }
        }
        for (rule, key) in &applying {
            // A refused call is not counted (assumed).
            let count = refused.is_none();
            let (taken, remaining) = with(counters, key, self.algorithm, rule.period, now, |counter| {
                let taken = if count { counter.take(now, 1, rule.calls) } else { Ok(()) };
                (taken, counter.remaining(now, rule.calls))
            });
            if let Err(wait) = taken {
                refused = Some(refused.map_or(wait, |earlier| earlier.max(wait)));
            }
            if tightest.is_none_or(|(least, _)| remaining < least) {
                tightest = Some((remaining, rule.calls));
            }
        }
        if let Some((remaining, total)) = tightest {
            self.told.remaining(exchange, remaining, total);
        }
        Run::Done(match refused {
            Some(wait) => Err(self.told.refuse(exchange, wait)),
            None => Ok(Flow::Next),
        })
    }
}

fn with<R>(
    counters: &Keyed<Counter>,
    key: &str,
    algorithm: Algorithm,
    period: Duration,
    now: tokio::time::Instant,
    work: impl FnOnce(&mut Counter) -> R,
) -> R {
    counters.with(key, now, || Counter::new(algorithm, period, now), work)
}

/// `<rate-limit calls="…" renewal-period="…">`.
pub(super) fn compile(element: &Element, compiler: &mut Compiler<'_>) {
    let mut rules = Vec::new();
    let mut rule = |element: &Element, compiler: &mut Compiler<'_>, api: Option<NameOrId>, operation: Option<NameOrId>| {
        let calls: Option<u64> = compiler.parsed(element, "calls");
        let seconds: Option<u64> = compiler.parsed(element, "renewal-period");
        match (calls, seconds) {
            (Some(calls), Some(seconds)) => rules.push(Rule { api, operation, calls, period: Duration::from_secs(seconds.max(1)) }),
            _ => compiler.problem(element, "a rate limit needs `calls` and `renewal-period`"),
        }
    };
    rule(element, compiler, None, None);
    for api in element.elements_named("api") {
        let name = NameOrId::read(api, compiler);
        rule(api, compiler, Some(name), None);
        for operation in api.elements_named("operation") {
            let (api, operation_name) = (NameOrId::read(api, compiler), NameOrId::read(operation, compiler));
            rule(operation, compiler, Some(api), Some(operation_name));
        }
    }
    let told = Told::read(element, compiler);
    let algorithm = algorithm(&compiler.environment().settings, compiler.environment().service.gateway);
    let scope = compiler.scope();
    compiler.run(RateLimit { scope, rules, told, algorithm });
}

/// One counter a key, wherever policies name it.
#[derive(Debug)]
struct RateLimitByKey {
    key: Argument<Box<str>>,
    calls: Argument<i64>,
    period: Argument<i64>,
    increment: Increment,
    told: Arc<Told>,
    algorithm: Algorithm,
}

impl Statement for RateLimitByKey {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a> {
        let calls = u64::try_from(arguments.integer(&self.calls)).unwrap_or(0);
        let period = Duration::from_secs(u64::try_from(arguments.integer(&self.period)).unwrap_or(0).max(1));
        // Counters of different periods cannot be one (assumed: the page does not say).
        let key = format!("{}/{}", period.as_secs(), arguments.text(&self.key));
        let now = exchange.worker.state.clock.now();
        let counters = &exchange.worker.state.call_rates_by_key;
        let (taken, remaining) = with(counters, &key, self.algorithm, period, now, |counter| {
            let taken = match &self.increment {
                Increment::Now(growth) => counter.take(now, growth.amount(arguments), calls),
                // What waits for the response is refused one call later than usual (its page): when the limit is passed, not reached.
                Increment::AfterResponse(_) => match counter.overdrawn(now, calls) {
                    Duration::ZERO => Ok(()),
                    wait => Err(wait),
                },
            };
            (taken, counter.remaining(now, calls))
        });
        self.told.remaining(exchange, remaining, calls);
        if let Err(wait) = taken {
            return Run::Done(Err(self.told.refuse(exchange, wait)));
        }
        if let Increment::AfterResponse(postponed) = &self.increment {
            let algorithm = self.algorithm;
            exchange.settle.push(postponed.settle(move |exchange, amount| {
                let state = &exchange.worker.state;
                let now = state.clock.now();
                with(&state.call_rates_by_key, &key, algorithm, period, now, |counter| counter.add(now, amount, calls));
            }));
        }
        Run::Done(Ok(Flow::Next))
    }
}

/// `<rate-limit-by-key calls="…" renewal-period="…" counter-key="…">`.
pub(super) fn compile_by_key(element: &Element, compiler: &mut Compiler<'_>) {
    let key = compiler.required_text(element, "counter-key");
    let calls = compiler.integer(element, "calls").unwrap_or(Argument::Literal(0));
    let period = compiler.integer(element, "renewal-period").unwrap_or(Argument::Literal(60));
    let told = Arc::new(Told::read(element, compiler));
    let increment = Increment::read(element, compiler, true);
    let algorithm = algorithm(&compiler.environment().settings, compiler.environment().service.gateway);
    compiler.run(RateLimitByKey { key, calls, period, increment, told, algorithm });
}
