//! `azure-openai-token-limit` and `llm-token-limit`: one counter a key, whatever policy names it (llm-token-limit page).

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use http::header::{HeaderName, HeaderValue};
use tokio::time::Instant;

use super::rate_limit::algorithm;
use super::when_answered::{RetryAfter, header_name, number, variable_name};
use crate::gateway::exchange::Exchange;
use crate::gateway::failure::Failure;
use crate::gateway::limits::{Algorithm, Counter, Period, PeriodEnd, QuotaCounter, period_of, whole_seconds};
use crate::gateway::message::MessageBody;
use crate::gateway::program::{Argument, Arguments, Compiler, Flow, Run, Statement};
use crate::gateway::settle::{Ending, Settle, Usage, UsageNeed};
use crate::gateway::state::State;
use crate::policy::Element;
use crate::tokens;

/// `tokens-per-minute` counts minutes.
const MINUTE: Duration = Duration::from_secs(60);

/// Where the policy tells what it knows.
#[derive(Debug)]
struct Told {
    retry_after: RetryAfter,
    remaining_header: Option<HeaderName>,
    remaining_variable: Option<Arc<str>>,
    remaining_quota_header: Option<HeaderName>,
    remaining_quota_variable: Option<Arc<str>>,
    consumed_header: Option<HeaderName>,
    consumed_variable: Option<Arc<str>>,
}

#[derive(Debug)]
struct TokenLimit {
    key: Argument<Box<str>>,
    per_minute: Option<u64>,
    quota: Option<Argument<i64>>,
    period: Option<Argument<Box<str>>>,
    estimate: Argument<bool>,
    told: Arc<Told>,
    algorithm: Algorithm,
}

/// Seconds in words: `41 minutes and 54 seconds` (seen live for minutes and seconds; hours and days assumed alike).
fn humanised(seconds: u64) -> String {
    let units = [("day", seconds / 86_400), ("hour", seconds / 3_600 % 24), ("minute", seconds / 60 % 60), ("second", seconds % 60)];
    let parts: Vec<String> = units
        .into_iter()
        .filter(|(_, amount)| *amount > 0)
        .map(|(unit, amount)| format!("{amount} {unit}{}", if amount == 1 { "" } else { "s" }))
        .collect();
    match parts.split_last() {
        None => "0 seconds".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// What has to be known at every later moment.
#[derive(Debug)]
struct Ledger {
    state: Arc<State>,
    told: Arc<Told>,
    key: String,
    per_minute: Option<u64>,
    algorithm: Algorithm,
    /// Key, amount and start of the window.
    quota: Option<(String, u64, time::OffsetDateTime)>,
    /// Whether another policy of this request counts on the same key already: tokens are counted once (assumed).
    rate_counted: bool,
    quota_counted: bool,
    recorded: Option<u64>,
}

impl Ledger {
    fn rate<R>(&self, limit: u64, work: impl FnOnce(&mut Counter, Instant, u64) -> R) -> R {
        let now = self.state.clock.now();
        self.state.token_rates.with(&self.key, now, || Counter::new(self.algorithm, MINUTE, now), |counter| work(counter, now, limit))
    }

    fn remaining(&self) -> Option<u64> {
        self.per_minute.map(|limit| self.rate(limit, Counter::remaining))
    }

    fn remaining_quota(&self) -> Option<u64> {
        let (key, amount, start) = self.quota.as_ref()?;
        let used = self.state.token_quotas.with(key, self.state.clock.now(), QuotaCounter::default, |counter| counter.used(*start));
        Some(amount.saturating_sub(used))
    }

    fn record(&mut self, tokens: u64) {
        if self.recorded.is_some() {
            return;
        }
        self.recorded = Some(tokens);
        if let Some(limit) = self.per_minute.filter(|_| !self.rate_counted) {
            self.rate(limit, |counter, now, limit| counter.add(now, tokens, limit));
        }
        if let Some((key, _, start)) = self.quota.as_ref().filter(|_| !self.quota_counted) {
            self.state.token_quotas.with(key, self.state.clock.now(), QuotaCounter::default, |counter| counter.add(*start, tokens));
        }
    }

    fn tell_variables(&self, exchange: &mut Exchange) {
        let values = [(&self.told.remaining_variable, self.remaining()), (&self.told.remaining_quota_variable, self.remaining_quota())];
        for (name, value) in values {
            if let (Some(name), Some(value)) = (name, value) {
                exchange.variables.set(name, number(value));
            }
        }
    }
}

impl Settle for Ledger {
    fn usage_need(&self) -> UsageNeed {
        let told = &self.told;
        let early = told.remaining_header.is_some()
            || told.remaining_variable.is_some()
            || told.remaining_quota_header.is_some()
            || told.remaining_quota_variable.is_some()
            || told.consumed_header.is_some()
            || told.consumed_variable.is_some();
        if early { UsageNeed::BeforeOutbound } else { UsageNeed::AtEnd }
    }

    fn answered(&mut self, exchange: &mut Exchange, usage: Option<&Usage>) {
        let Some(usage) = usage else { return };
        self.record(usage.total());
        if let Some(name) = &self.told.consumed_variable {
            exchange.variables.set(name, number(usage.total()));
        }
        self.tell_variables(exchange);
    }

    fn head(&mut self, exchange: &mut Exchange, _arguments: &mut Arguments) {
        let values = [
            (&self.told.remaining_header, self.remaining()),
            (&self.told.remaining_quota_header, self.remaining_quota()),
            // Only once the backend has answered (its page); a stream's tokens are not known yet.
            (&self.told.consumed_header, self.recorded),
        ];
        let headers = &mut exchange.response_mut().headers;
        for (name, value) in values {
            if let (Some(name), Some(value)) = (name, value) {
                headers.insert(name.clone(), HeaderValue::from(value));
            }
        }
    }

    fn end(mut self: Box<Self>, ending: &Ending) {
        // An answer without usage costs nothing (assumed for failed ones).
        if let Some(usage) = &ending.usage {
            self.record(usage.total());
        }
    }
}

impl TokenLimit {
    /// What is left decides; `needed` is the prompt's estimate, or 1.
    fn check(&self, exchange: &mut Exchange, ledger: &Ledger, needed: u64, end: Option<PeriodEnd>) -> Result<(), Failure> {
        if let Some(limit) = self.per_minute {
            let wait = ledger.rate(limit, |counter, now, limit| counter.wait_for(now, needed, limit));
            if wait != Some(Duration::ZERO) {
                return Err(self.refuse_rate(exchange, wait));
            }
        }
        if let (Some((key, amount, start)), Some(end)) = (&ledger.quota, end) {
            let used = ledger.state.token_quotas.with(key, ledger.state.clock.now(), QuotaCounter::default, |counter| counter.used(*start));
            // Exceeded when passed, not when reached (seen live).
            let estimate = if needed > 1 { needed } else { 0 };
            if used.saturating_add(estimate) > *amount {
                return Err(self.refuse_quota(exchange, end));
            }
        }
        Ok(())
    }

    fn refuse_rate(&self, exchange: &mut Exchange, wait: Option<Duration>) -> Failure {
        let text = |time: &str| format!("Token limit is exceeded.{time}");
        match wait {
            Some(wait) => {
                let seconds = whole_seconds(wait);
                let message = text(&format!(" Try again in {seconds} seconds."));
                let failure = Failure::refused("OpenAITokenLimitExceeded", StatusCode::TOO_MANY_REQUESTS, message);
                self.told.retry_after.tell(exchange, failure, seconds)
            }
            // The request alone can never fit: no time is named (seen live).
            None => Failure::refused("OpenAITokenLimitExceeded", StatusCode::TOO_MANY_REQUESTS, text("")),
        }
    }

    /// 403; reason and text seen live.
    fn refuse_quota(&self, exchange: &mut Exchange, end: PeriodEnd) -> Failure {
        let PeriodEnd::At(end) = end else {
            return Failure::refused("OpenAITokenQuotaExceeded", StatusCode::FORBIDDEN, "Token quota is exceeded.");
        };
        let left = (end - exchange.worker.state.clock.utc()).try_into().unwrap_or(Duration::ZERO);
        let seconds = whole_seconds(left);
        let message = format!("Token quota is exceeded. Try again in {}.", humanised(seconds));
        let failure = Failure::refused("OpenAITokenQuotaExceeded", StatusCode::FORBIDDEN, message);
        self.told.retry_after.tell(exchange, failure, seconds)
    }

    fn ledger(&self, exchange: &Exchange, key: &str, quota: Option<(u64, Period)>) -> (Ledger, Option<PeriodEnd>) {
        let state = exchange.worker.state.clone();
        let mut end = None;
        let quota = quota.map(|(amount, period)| {
            let (start, until) = period_of(period, state.clock.utc());
            end = Some(until);
            (format!("{period:?}/{key}"), amount, start)
        });
        let ledger = Ledger {
            state,
            told: self.told.clone(),
            key: key.to_owned(),
            per_minute: self.per_minute,
            algorithm: self.algorithm,
            quota,
            rate_counted: false,
            quota_counted: false,
            recorded: None,
        };
        (ledger, end)
    }

    fn decide(&self, exchange: &mut Exchange, mut ledger: Ledger, end: Option<PeriodEnd>, estimate: Option<u64>) -> Result<Flow, Failure> {
        ledger.tell_variables(exchange);
        if let Some(name) = &self.told.consumed_variable {
            // The estimate, or 0 (its page).
            exchange.variables.set(name, number(estimate.unwrap_or(0)));
        }
        let verdict = self.check(exchange, &ledger, estimate.unwrap_or(1).max(1), end);
        if ledger.per_minute.is_some() {
            ledger.rate_counted = counted(exchange, &format!("token-rate/{}", ledger.key));
        }
        if let Some((key, ..)) = &ledger.quota {
            ledger.quota_counted = counted(exchange, &format!("token-quota/{key}"));
        }
        exchange.settle.push(Box::new(ledger));
        verdict.map(|()| Flow::Next)
    }
}

/// Whether a policy of this request counts on that key already; from now on one does.
fn counted(exchange: &mut Exchange, key: &str) -> bool {
    let before = exchange.amount(key).is_some();
    if !before {
        exchange.mark(Arc::from(key), 1);
    }
    before
}

/// The prompt's tokens by the shape of the request.
fn estimate(body: &[u8]) -> u64 {
    let Ok(body) = serde_json::from_slice::<serde_json::Value>(body) else { return 0 };
    let encoding = body.get("model").and_then(serde_json::Value::as_str).map(tokens::encoding_of_model);
    u64::from(tokens::estimate_prompt(&body, encoding))
}

impl Statement for TokenLimit {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a> {
        let period = self.period.as_ref().and_then(|period| Period::of_name(arguments.text(period)));
        let quota = match (&self.quota, period) {
            (Some(quota), Some(period)) => Some((u64::try_from(arguments.integer(quota)).unwrap_or(0), period)),
            _ => None,
        };
        let (ledger, end) = self.ledger(exchange, arguments.text(&self.key), quota);
        if !arguments.boolean(&self.estimate) {
            return Run::Done(self.decide(exchange, ledger, end, None));
        }
        let limit = exchange.worker.limits.buffered_body;
        Run::Later(Box::pin(async move {
            let body = match &exchange.request.body {
                MessageBody::Buffered(bytes) => bytes.clone(),
                _ => exchange.request.body.buffer(limit).await?,
            };
            let estimated = estimate(&body);
            exchange.prompt = Some(body);
            self.decide(exchange, ledger, end, Some(estimated))
        }))
    }
}

/// `<llm-token-limit counter-key="…" tokens-per-minute="…" estimate-prompt-tokens="…">`.
pub(super) fn compile(element: &Element, compiler: &mut Compiler<'_>) {
    let key = compiler.required_text(element, "counter-key");
    let per_minute = compiler.parsed(element, "tokens-per-minute");
    let quota = compiler.integer(element, "token-quota");
    let period = compiler.text(element, "token-quota-period");
    if per_minute.is_none() && quota.is_none() {
        compiler.problem(element, format!("`{}` needs `tokens-per-minute`, `token-quota`, or both", element.name));
    }
    if quota.is_some() && period.is_none() {
        compiler.problem(element, format!("`token-quota` of `{}` needs `token-quota-period`", element.name));
    }
    if let Some(Argument::Literal(text)) = &period
        && Period::of_name(text).is_none()
    {
        compiler.problem(element, format!("`token-quota-period` cannot be `{text}`"));
    }
    let estimate = compiler.boolean(element, "estimate-prompt-tokens").unwrap_or(Argument::Literal(false));
    let told = Arc::new(Told {
        retry_after: RetryAfter::read(element, compiler),
        remaining_header: header_name(element, compiler, "remaining-tokens-header-name"),
        remaining_variable: variable_name(element, compiler, "remaining-tokens-variable-name"),
        remaining_quota_header: header_name(element, compiler, "remaining-quota-tokens-header-name"),
        remaining_quota_variable: variable_name(element, compiler, "remaining-quota-tokens-variable-name"),
        consumed_header: header_name(element, compiler, "tokens-consumed-header-name"),
        consumed_variable: variable_name(element, compiler, "tokens-consumed-variable-name"),
    });
    let algorithm = algorithm(&compiler.environment().settings, compiler.environment().service.gateway);
    compiler.run(TokenLimit { key, per_minute, quota, period, estimate, told, algorithm });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_in_words() {
        assert_eq!(humanised(21 * 60 + 33), "21 minutes and 33 seconds");
        assert_eq!(humanised(60), "1 minute");
        assert_eq!(humanised(3_600 + 1), "1 hour and 1 second");
        assert_eq!(humanised(2 * 86_400 + 3 * 3_600 + 4 * 60), "2 days, 3 hours and 4 minutes");
    }
}
