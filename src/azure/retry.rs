//! Which failures are worth another attempt, how soon, and for how long: the whole table in one place.
//!
//! Sources: Microsoft's ARM throttling and retry guidance for 408, 429 and 5xx; the retry list of Azure/apiops (read in
//! its source) for 409, 412 and 422; issue threads for `PrincipalNotFound` and for 404 just after an accepted write.
//! The budgets are ours.

use std::time::Duration;

use azure_core::http::Method;
use time::OffsetDateTime;

use super::client::Precondition;
use crate::arm::CloudError;
use crate::support::random::Random;

/// Why a request is sent again. Each cause has a budget of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Nothing has answered yet in this run: most likely the endpoint or its certificate is wrong, so give up soon.
    FirstContact,
    /// The connection failed or broke.
    Network,
    /// No token could be had although one was to be had before.
    Login,
    /// 401: the token was refused; a fresh one is fetched once.
    TokenRefused,
    /// 408, 500, 502, 503, 504.
    Server,
    /// 429.
    Throttled,
    /// 409 or 422: another write to the same resource is in progress.
    Busy,
    /// 409 or 422 while the service is not `Succeeded` (activating, updating).
    ServiceTransition,
    /// 409 or 422 though the service reads `Succeeded`: it may have become so between the two requests.
    ServiceSettled,
    /// 412 without a concrete tag: the resource changed under the service's own hands.
    Precondition,
    /// The directory does not know a new identity yet.
    PrincipalNotFound,
    /// 404 soon after an accepted write.
    NotYetVisible,
}

/// How often and how long a cause is retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The first wait; it doubles from then on.
    pub first: Duration,
    /// The longest wait that this client chooses.
    pub longest: Duration,
    /// The longest wait that is granted to a `Retry-After`.
    pub longest_asked: Duration,
    /// From the first failure of this cause on; no wait reaches beyond it.
    pub budget: Duration,
    /// At most so many repetitions.
    pub repetitions: u32,
}

const fn rule(first_milliseconds: u64, longest: u64, longest_asked: u64, budget: u64, repetitions: u32) -> Rule {
    Rule {
        first: Duration::from_millis(first_milliseconds),
        longest: Duration::from_secs(longest),
        longest_asked: Duration::from_secs(longest_asked),
        budget: Duration::from_secs(budget),
        repetitions,
    }
}

impl Cause {
    /// The row of the table.
    #[must_use]
    pub const fn rule(self) -> Rule {
        //                        first ms  longest  asked  budget s  repetitions
        match self {
            Self::FirstContact => rule(250, 1, 1, 5, 2),
            Self::Network => rule(500, 30, 30, 300, u32::MAX),
            Self::Login => rule(2_000, 15, 15, 120, 6),
            Self::TokenRefused => rule(0, 0, 0, 60, 1),
            Self::Server => rule(1_000, 30, 120, 300, 8),
            Self::Throttled => rule(1_000, 60, 300, 1_800, u32::MAX),
            Self::Busy => rule(2_000, 30, 120, 600, u32::MAX),
            Self::ServiceTransition => rule(10_000, 30, 120, 3_600, u32::MAX),
            Self::ServiceSettled => rule(2_000, 4, 30, 60, 2),
            Self::Precondition => rule(1_000, 10, 30, 60, 5),
            Self::PrincipalNotFound => rule(5_000, 60, 120, 600, u32::MAX),
            Self::NotYetVisible => rule(1_000, 10, 30, 120, u32::MAX),
        }
    }
}

/// A failed attempt.
#[derive(Debug, Clone, Copy)]
pub enum Failure<'a> {
    /// The request was never sent.
    NotSent,
    /// The request may have been carried out; the answer is lost.
    AnswerLost,
    /// No token.
    NoToken,
    /// ARM's answer.
    Answer {
        /// HTTP status.
        status: u16,
        /// ARM's error.
        error: &'a CloudError,
    },
}

/// What is known of the request, for judging whether it may be repeated.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Method.
    pub method: &'a Method,
    /// Path without query.
    pub path: &'a str,
    /// What was demanded of the resource's state.
    pub precondition: &'a Precondition,
    /// Whether anything has answered in this run.
    pub contacted: bool,
    /// Whether this client wrote the resource (for writes: it or what it lies in) within the last two minutes.
    pub written_lately: bool,
}

impl Request<'_> {
    /// Whether sending it twice does no more than sending it once. GET, HEAD, PUT, DELETE and ARM's merge PATCH are; of the
    /// actions only those that read are (`listSecrets`, `checkNameAvailability`), `regeneratePrimaryKey` is not.
    fn is_repeatable(&self) -> bool {
        if *self.method != Method::Post {
            return true;
        }
        let action = self.path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        ["list", "check", "get", "validate"].iter().any(|prefix| action.starts_with(prefix))
    }
}

/// What to do about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Tell the caller.
    Final,
    /// Wait and repeat, within the cause's budget.
    Again(Cause),
    /// Look at the API Management service first: while it is not `Succeeded`, [`Cause::ServiceTransition`].
    LookAtService,
}

/// 409s that no waiting mends (the last two are adopted by the caller).
const NEVER: [&str; 10] = [
    "ServiceAlreadyExistsInSoftDeletedState",
    "ServiceAlreadyExists",
    "ScopeLocked",
    "MissingSubscriptionRegistration",
    "MissingRegistrationForLocation",
    "InvalidResourceLocation",
    "ResourceGroupBeingDeleted",
    "RoleAssignmentUpdateNotPermitted",
    "RoleAssignmentExists",
    "LinkAlreadyExists",
];

/// Judges one failed attempt.
#[must_use]
pub fn judge(request: &Request<'_>, failure: Failure<'_>) -> Verdict {
    let network = if request.contacted { Cause::Network } else { Cause::FirstContact };
    match failure {
        Failure::NotSent => Verdict::Again(network),
        Failure::AnswerLost if request.is_repeatable() => Verdict::Again(network),
        Failure::AnswerLost => Verdict::Final,
        Failure::NoToken if request.contacted => Verdict::Again(Cause::Login),
        Failure::NoToken => Verdict::Final,
        Failure::Answer { status, error } => judge_answer(request, status, error),
    }
}

fn judge_answer(request: &Request<'_>, status: u16, error: &CloudError) -> Verdict {
    let is = |code: &str| error.code.eq_ignore_ascii_case(code);
    match status {
        // Another tenant's token stays another tenant's token.
        401 if is("InvalidAuthenticationTokenTenant") => Verdict::Final,
        401 => Verdict::Again(Cause::TokenRefused),
        429 => Verdict::Again(Cause::Throttled),
        // 503 says that nothing was done; the others may come after the work.
        503 => Verdict::Again(Cause::Server),
        408 | 500 | 502 | 504 if request.is_repeatable() => Verdict::Again(Cause::Server),
        400 if is("PrincipalNotFound") => Verdict::Again(Cause::PrincipalNotFound),
        404 if request.written_lately && !matches!(request.method, Method::Delete) => Verdict::Again(Cause::NotYetVisible),
        412 => match request.precondition {
            Precondition::None | Precondition::Any => Verdict::Again(Cause::Precondition),
            Precondition::Match(_) | Precondition::Absent => Verdict::Final,
        },
        409 | 422 => judge_conflict(request, error),
        _ => Verdict::Final,
    }
}

fn judge_conflict(request: &Request<'_>, error: &CloudError) -> Verdict {
    let is = |code: &str| error.code.eq_ignore_ascii_case(code);
    let message = error.message.to_ascii_lowercase();
    if NEVER.iter().any(|code| is(code)) || message.contains("already exists") || *request.method == Method::Get {
        return Verdict::Final;
    }
    if is("ManagementApiRequestFailed") || is("PessimisticConcurrencyConflict") || message.contains("in progress") {
        return Verdict::Again(Cause::Busy);
    }
    if service_of(request.path).is_some() { Verdict::LookAtService } else { Verdict::Final }
}

/// The path of the API Management service that `path` is or lies below.
pub(super) fn service_of(path: &str) -> Option<&str> {
    const TYPE: &str = "/providers/microsoft.apimanagement/service/";
    let lower = path.to_ascii_lowercase();
    let start = lower.find(TYPE)? + TYPE.len();
    let rest = path.get(start..)?;
    let end = rest.find('/').map_or(path.len(), |length| start + length);
    (end > start).then(|| &path[..end])
}

/// `Retry-After` and its two Microsoft variants in milliseconds.
#[must_use]
pub fn retry_after<'a>(header: impl Fn(&'static str) -> Option<&'a str>, now: OffsetDateTime) -> Option<Duration> {
    let milliseconds = |name| header(name).and_then(|text| text.trim().parse().ok()).map(Duration::from_millis);
    milliseconds("x-ms-retry-after-ms").or_else(|| milliseconds("retry-after-ms")).or_else(|| {
        let text = header("retry-after")?.trim();
        if let Ok(seconds) = text.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let date = azure_core::time::parse_rfc7231(text).ok()?;
        Some(Duration::try_from(date - now).unwrap_or(Duration::ZERO))
    })
}

/// The wait before repetition number `repetition` (from 1): what ARM asked for, capped, else exponential. A tenth is
/// added or taken at random, so that parallel requests do not come back in step; never less than what was asked for.
#[must_use]
pub fn wait(rule: Rule, repetition: u32, asked: Option<Duration>, random: &dyn Random) -> Duration {
    let mut bytes = [0; 2];
    random.fill(&mut bytes);
    let fraction = f64::from(u16::from_le_bytes(bytes)) / f64::from(u16::MAX);
    // "Now" from a service that has just refused would be a busy loop.
    match asked.filter(|asked| !asked.is_zero()) {
        Some(asked) => {
            let asked = asked.min(rule.longest_asked);
            // Up to a second more: the bucket refills steadily, and a crowd that returns at once empties it at once.
            asked + asked.mul_f64(fraction * 0.1).min(Duration::from_secs(1))
        }
        None => {
            let doubled = rule.first.saturating_mul(1_u32.checked_shl(repetition.saturating_sub(1)).unwrap_or(u32::MAX));
            doubled.min(rule.longest).mul_f64(0.9 + 0.2 * fraction)
        }
    }
}

#[cfg(test)]
mod tests;
