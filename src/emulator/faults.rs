//! Faults that tests put in the way of requests, and the log of what was asked.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::Method;
use regex::Regex;

use super::answer::Answer;
use super::answer::Refusal;

/// What happens to a request that a [`Fault`] is meant for.
#[derive(Debug, Clone)]
pub enum FaultAction {
    /// The request is not done; this error is the answer.
    Refuse {
        /// HTTP status.
        status: u16,
        /// ARM error code.
        code: String,
        /// Error message.
        message: String,
        /// `Retry-After`, in seconds.
        retry_after: Option<u64>,
    },
    /// The request is not done, and there is no answer: the answer carries [`DroppedAnswer`].
    DropRequest,
    /// The request is done, and its answer is lost: the answer carries [`DroppedAnswer`].
    DropAnswer,
    /// The request is done after this long.
    Delay(Duration),
}

/// Marks an answer that never reached the client (in its extensions). Whoever carries answers must break the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DroppedAnswer;

/// A rule: which requests, and what happens to them.
#[derive(Debug, Clone)]
pub struct Fault {
    method: Option<Method>,
    path: Option<Regex>,
    skip: usize,
    times: usize,
    action: FaultAction,
}

impl Fault {
    /// Meant for the next request, whatever it is.
    #[must_use]
    pub const fn new(action: FaultAction) -> Self {
        Self { method: None, path: None, skip: 0, times: 1, action }
    }

    /// 409 `PessimisticConcurrencyConflict`, as the service answers while another write to the API is under way.
    #[must_use]
    pub fn busy() -> Self {
        Self::new(FaultAction::Refuse {
            status: 409,
            code: "PessimisticConcurrencyConflict".to_owned(),
            message: "Operation on the API is in progress".to_owned(),
            retry_after: None,
        })
    }

    /// Only requests with this method.
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.method = Some(method);
        self
    }

    /// Only requests whose path matches.
    #[must_use]
    pub fn path(mut self, pattern: Regex) -> Self {
        self.path = Some(pattern);
        self
    }

    /// Only requests whose path ends so, case ignored.
    #[must_use]
    pub fn path_ends_with(mut self, suffix: &str) -> Self {
        // An escaped text is always a pattern.
        self.path = Regex::new(&format!("(?i){}$", regex::escape(suffix))).ok();
        self
    }

    /// Lets the first `count` matching requests pass.
    #[must_use]
    pub const fn after(mut self, count: usize) -> Self {
        self.skip = count;
        self
    }

    /// Hits this many requests (one, when not said).
    #[must_use]
    pub const fn times(mut self, count: usize) -> Self {
        self.times = count;
        self
    }
}

/// The rules in force, in the order in which they were added. A request meets the first that is meant for it.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    /// Adds a rule.
    pub fn add(&self, fault: Fault) {
        self.rules().push(fault);
    }

    /// Takes all rules away.
    pub fn clear(&self) {
        self.rules().clear();
    }

    /// How many rules have not been used up.
    #[must_use]
    pub fn left(&self) -> usize {
        self.rules().len()
    }

    fn rules(&self) -> std::sync::MutexGuard<'_, Vec<Fault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn meet(&self, method: &Method, path: &str) -> Option<FaultAction> {
        let mut rules = self.rules();
        let mut met = None;
        for fault in rules.iter_mut() {
            let meant = fault.method.as_ref().is_none_or(|wanted| wanted == method)
                && fault.path.as_ref().is_none_or(|pattern| pattern.is_match(path));
            if !meant {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            if fault.times > 0 {
                fault.times -= 1;
                met = Some(fault.action.clone());
                break;
            }
        }
        rules.retain(|fault| fault.times > 0);
        met
    }
}

pub(crate) fn refusal(status: u16, code: &str, message: String, retry_after: Option<u64>) -> Answer {
    let refusal = Refusal::service(status, code, message);
    match retry_after {
        Some(seconds) => refusal.header("retry-after", seconds.to_string()),
        None => refusal,
    }
    .into_answer()
}

/// One request that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedRequest {
    /// Method.
    pub method: Method,
    /// Path as it was sent, without query.
    pub path: String,
    /// Query as it was sent.
    pub query: String,
    /// Status of the answer, also of one that was lost.
    pub status: u16,
}

impl LoggedRequest {
    /// Whether it asks for a change: PUT, PATCH, DELETE or POST.
    #[must_use]
    pub fn is_write(&self) -> bool {
        !matches!(self.method, Method::GET | Method::HEAD)
    }
}

/// Longest log; older entries are forgotten.
const LOGGED: usize = 100_000;

#[derive(Debug, Default)]
pub(crate) struct Log(Mutex<VecDeque<LoggedRequest>>);

impl Log {
    pub(crate) fn add(&self, entry: LoggedRequest) {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if log.len() == LOGGED {
            log.pop_front();
        }
        log.push_back(entry);
    }

    pub(crate) fn entries(&self) -> Vec<LoggedRequest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
