//! What a caller may want to watch: for progress lines and the JSON event stream.

use std::fmt;
use std::time::Duration;

use super::retry::Cause;

/// A request that is going to be sent again.
#[derive(Debug, Clone)]
pub struct Retried {
    /// Method.
    pub method: &'static str,
    /// Path without query.
    pub path: String,
    /// Why.
    pub cause: Cause,
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// ARM's code, or ours.
    pub code: String,
    /// How long the client waits before it.
    pub wait: Duration,
    /// 1 for the first repetition.
    pub repetition: u32,
}

/// Told what the client does. All calls come from the task that makes the request, and must return at once.
pub trait Observer: Send + Sync + fmt::Debug {
    /// A request went out and was answered with `status` (`None`: no answer).
    fn answered(&self, method: &'static str, path: &str, status: Option<u16>) {
        let _ = (method, path, status);
    }

    /// ARM asked to slow down (429), or its remaining allowance is used up; the client waits.
    fn throttled(&self, method: &'static str, path: &str, wait: Duration) {
        let _ = (method, path, wait);
    }

    /// A request failed and will be sent again.
    fn retried(&self, retried: &Retried) {
        let _ = retried;
    }
}

/// Watches nothing.
#[derive(Debug, Default, Clone, Copy)]
pub struct Unobserved;

impl Observer for Unobserved {}
