//! Quotas of deployments, and what is left of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use http::{HeaderMap, HeaderName, StatusCode};
use tokio::time::Instant;

use super::account::{Account, Deployment, Throughput};
use super::error::WireError;
use super::headers::{number, percent};
use super::route::Route;

const MINUTE: Duration = Duration::from_secs(60);
/// How much work a provisioned deployment takes ahead, in seconds of its throughput (assumed; Microsoft's page only says that short bursts above
/// 100 % are let through).
const PROVISIONED_BURST: f64 = 10.0;

/// What every deployment has used.
pub(super) struct Limits {
    request_window: Duration,
    deployments: RwLock<ByDeployment>,
}

/// By the names of account and deployment.
type ByDeployment = HashMap<(String, String), Arc<Mutex<Usage>>>;

#[derive(Debug, Default)]
struct Usage {
    tokens: Window,
    requests: Window,
    /// Work that a provisioned deployment still has before it, in tokens, at `seen`.
    level: f64,
    seen: Option<Instant>,
}

/// A fixed window that starts with the first request in it.
#[derive(Debug, Default)]
struct Window {
    start: Option<Instant>,
    used: u64,
}

impl Window {
    fn roll(&mut self, now: Instant, length: Duration) {
        if self.start.is_none_or(|start| now.saturating_duration_since(start) >= length) {
            self.start = Some(now);
            self.used = 0;
        }
    }

    fn ends_in(&self, now: Instant, length: Duration) -> Duration {
        self.start.map_or(Duration::ZERO, |start| (start + length).saturating_duration_since(now))
    }
}

/// What is left, for the answer's headers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Remaining {
    Unlimited,
    Standard { requests: u64, tokens: u64, requests_limit: u64, tokens_limit: u64 },
    Provisioned { utilization: f64 },
}

const REMAINING_REQUESTS: HeaderName = HeaderName::from_static("x-ratelimit-remaining-requests");
const REMAINING_TOKENS: HeaderName = HeaderName::from_static("x-ratelimit-remaining-tokens");
const LIMIT_REQUESTS: HeaderName = HeaderName::from_static("x-ratelimit-limit-requests");
const LIMIT_TOKENS: HeaderName = HeaderName::from_static("x-ratelimit-limit-tokens");
const UTILIZATION: HeaderName = HeaderName::from_static("azure-openai-deployment-utilization");

impl Remaining {
    pub(super) fn write(self, headers: &mut HeaderMap) {
        match self {
            Self::Unlimited => {}
            Self::Standard { requests, tokens, requests_limit, tokens_limit } => {
                headers.insert(LIMIT_REQUESTS, number(requests_limit));
                headers.insert(LIMIT_TOKENS, number(tokens_limit));
                headers.insert(REMAINING_REQUESTS, number(requests));
                headers.insert(REMAINING_TOKENS, number(tokens));
            }
            // Provisioned deployments tell their utilisation instead of what is left (seen).
            Self::Provisioned { utilization } => {
                headers.insert(UTILIZATION, percent(utilization));
            }
        }
    }
}

impl Limits {
    pub(super) fn new(request_window: Duration) -> Self {
        Self { request_window: request_window.clamp(Duration::from_secs(1), MINUTE), deployments: RwLock::default() }
    }

    fn usage(&self, account: &Account, deployment: &Deployment) -> Arc<Mutex<Usage>> {
        let key = (account.name.clone(), deployment.name.clone());
        let known = self.deployments.read().ok().and_then(|deployments| deployments.get(&key).cloned());
        known.unwrap_or_else(|| match self.deployments.write() {
            Ok(mut deployments) => deployments.entry(key).or_default().clone(),
            Err(poisoned) => poisoned.into_inner().entry(key).or_default().clone(),
        })
    }

    /// Takes a request in, which is estimated at `tokens`: its prompt and the most that it may be answered (Microsoft's page on quota: the
    /// estimate is charged when the request arrives, and not corrected).
    pub(super) fn admit(
        &self,
        account: &Account,
        deployment: &Deployment,
        route: &Route,
        tokens: u64,
        now: Instant,
    ) -> Result<Remaining, WireError> {
        if deployment.throughput == Throughput::Unlimited {
            return Ok(Remaining::Unlimited);
        }
        let usage = self.usage(account, deployment);
        let mut usage = usage.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match deployment.throughput {
            Throughput::Unlimited => Ok(Remaining::Unlimited),
            Throughput::Standard { tokens_per_minute, requests_per_minute } => {
                self.standard(&mut usage, account, deployment, route, tokens, now, (tokens_per_minute, requests_per_minute))
            }
            Throughput::Provisioned { tokens_per_minute } => provisioned(&mut usage, deployment, route, tokens, now, tokens_per_minute),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one caller")]
    fn standard(
        &self,
        usage: &mut Usage,
        account: &Account,
        deployment: &Deployment,
        route: &Route,
        tokens: u64,
        now: Instant,
        (tokens_limit, requests_limit): (u32, u32),
    ) -> Result<Remaining, WireError> {
        usage.tokens.roll(now, MINUTE);
        usage.requests.roll(now, self.request_window);
        let (tokens_limit, requests_limit) = (u64::from(tokens_limit), u64::from(requests_limit));
        let share = MINUTE.as_secs_f64() / self.request_window.as_secs_f64();
        let requests_in_window = ((requests_limit as f64 / share).ceil() as u64).max(u64::from(requests_limit > 0));
        let exceeded = if usage.requests.used >= requests_in_window {
            Some(("call", "requests", usage.requests.ends_in(now, self.request_window)))
        } else if usage.tokens.used >= tokens_limit || tokens > tokens_limit {
            // A request goes through while anything is left, unless it is larger than the whole quota (assumed).
            Some(("token", "tokens", usage.tokens.ends_in(now, MINUTE)))
        } else {
            None
        };
        if let Some((kind, header, wait)) = exceeded {
            return Err(rate_limited(account, deployment, route, kind, header, wait));
        }
        usage.tokens.used += tokens;
        usage.requests.used += 1;
        let left = (requests_in_window - usage.requests.used) as f64 * share;
        Ok(Remaining::Standard {
            requests: (left as u64).min(requests_limit),
            tokens: tokens_limit.saturating_sub(usage.tokens.used),
            requests_limit,
            tokens_limit,
        })
    }
}

/// A leaky bucket, as Microsoft's page on provisioned throughput describes it: work is added when a request arrives and drains at the
/// deployment's speed; above 100 % requests get 429 with the time until it is below again.
fn provisioned(
    usage: &mut Usage,
    deployment: &Deployment,
    route: &Route,
    tokens: u64,
    now: Instant,
    tokens_per_minute: u32,
) -> Result<Remaining, WireError> {
    let speed = f64::from(tokens_per_minute.max(1)) / 60.0;
    let passed = usage.seen.map_or(0.0, |seen| now.saturating_duration_since(seen).as_secs_f64());
    usage.level = (usage.level - passed * speed).max(0.0);
    usage.seen = Some(now);
    let size = speed * PROVISIONED_BURST;
    let utilization = usage.level / size * 100.0;
    if usage.level >= size {
        let wait = Duration::from_secs_f64((usage.level - size) / speed) + Duration::from_millis(1);
        let message = format!(
            "Requests to the {} Operation under Azure OpenAI API version {} have exceeded the provisioned throughput of the deployment {}. Please retry after {} seconds.",
            route.operation.service_name(),
            route.shown_version(),
            deployment.name,
            seconds(wait),
        );
        let error = WireError::plain(StatusCode::TOO_MANY_REQUESTS, "429", &message);
        return Err(waiting(error, wait).with("azure-openai-deployment-utilization", format!("{utilization:.1}%")));
    }
    usage.level += tokens as f64;
    Ok(Remaining::Provisioned { utilization: usage.level / size * 100.0 })
}

/// 429 of a pay-as-you-go deployment; text and headers as captured live in 2025.
pub(super) fn rate_limited(
    account: &Account,
    deployment: &Deployment,
    route: &Route,
    kind: &str,
    header: &str,
    wait: Duration,
) -> WireError {
    let message = format!(
        "Your requests to {} for {} in {} have exceeded the {kind} rate limit for your current AIServices S0 pricing tier. This request was for {} under Azure OpenAI API version {}. Please retry after {} seconds. To increase your default rate limit, visit: https://aka.ms/oai/quotaincrease.",
        deployment.name,
        deployment.model,
        account.region(),
        route.operation.service_name(),
        route.shown_version(),
        seconds(wait),
    );
    let error = WireError::plain(StatusCode::TOO_MANY_REQUESTS, "RateLimitReached", &message);
    let (reset, policy) = match header {
        "tokens" => ("x-ratelimit-reset-tokens", "DeploymentRatelimit-Token"),
        _ => ("x-ratelimit-reset-requests", "DeploymentRatelimit-Call"),
    };
    waiting(error, wait).with(reset, seconds(wait).to_string()).with("policy-id", policy)
}

fn waiting(error: WireError, wait: Duration) -> WireError {
    error.with("retry-after", seconds(wait).to_string()).with("retry-after-ms", wait.as_millis().max(1).to_string())
}

/// Whole seconds, rounded up, at least one.
pub(super) fn seconds(wait: Duration) -> u64 {
    wait.as_millis().div_ceil(1_000).max(1) as u64
}
