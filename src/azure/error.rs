//! A request that failed for good.

use std::error::Error;

use crate::arm::CloudError;

/// A request that failed for good (after the retries that its kind allows).
#[derive(Debug, Clone, thiserror::Error)]
#[error("{method} {path}: {error_text}", error_text = self.text())]
pub struct AzureError {
    /// Method.
    pub method: &'static str,
    /// Path without query.
    pub path: String,
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// ARM's own error with all its details, or one made of the transport's or credential's failure (its message then
    /// holds the whole chain of causes).
    pub error: Box<CloudError>,
    /// `x-ms-request-id` of the answer.
    pub request_id: Option<String>,
    /// `x-ms-correlation-request-id`: the answer's, or the one that was sent when there was no answer.
    pub correlation_id: Option<String>,
    /// What the user can do, when that is known (`az login --tenant …`).
    pub hint: Option<String>,
}

/// Codes of the errors that are ours, not ARM's.
pub mod codes {
    /// The endpoint could not be reached, or the connection broke.
    pub const TRANSPORT: &str = "TransportFailed";
    /// No token could be had.
    pub const CREDENTIAL: &str = "LoginFailed";
    /// The answer is not what ARM sends (a proxy's HTML page, a page link to another host).
    pub const UNEXPECTED_ANSWER: &str = "UnexpectedAnswer";
    /// The request could not be built.
    pub const INVALID_REQUEST: &str = "InvalidRequest";
    /// Waiting for a long-running operation took longer than allowed; the operation goes on.
    pub const DEADLINE: &str = "DeadlineExceeded";
    /// A long-running operation ended in failure without an error of its own.
    pub const OPERATION_FAILED: &str = "OperationFailed";
}

impl AzureError {
    fn text(&self) -> String {
        let mut text = format!("{}: {}", self.error.code, self.error.message);
        append_details(&mut text, &self.error.details, 0);
        text
    }

    /// Whether the error's own code is `code`, ignoring case (not that of a detail).
    #[must_use]
    pub fn is(&self, code: &str) -> bool {
        self.error.code.eq_ignore_ascii_case(code)
    }

    /// Whether the answer's status is `status`.
    #[must_use]
    pub fn has_status(&self, status: u16) -> bool {
        self.status == Some(status)
    }

    /// Whether no answer came because a token was not to be had.
    #[must_use]
    pub fn is_credential(&self) -> bool {
        self.is(codes::CREDENTIAL)
    }

    pub(super) fn with_hint(mut self, hint: Option<String>) -> Self {
        self.hint = self.hint.or(hint);
        self
    }
}

/// Details nest as deep as the service likes; deeper than this is no longer read by anyone.
const DEEPEST_DETAIL: usize = 8;

fn append_details(text: &mut String, details: &[CloudError], depth: usize) {
    if depth == DEEPEST_DETAIL {
        return;
    }
    for detail in details {
        text.push_str(if text.ends_with(':') { " " } else { "; " });
        if let Some(target) = detail.target.as_deref().filter(|target| !target.is_empty()) {
            text.push('`');
            text.push_str(target);
            text.push_str("` ");
        }
        text.push_str(&detail.code);
        text.push_str(": ");
        text.push_str(&detail.message);
        append_details(text, &detail.details, depth + 1);
    }
}

/// The messages of an error and all its causes, outermost first, on one line. A level that only repeats or frames what
/// its cause says is left out.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    /// What `azure_core` wraps around everything that its (switched off) retry policy lets through.
    const FRAMES: [&str; 2] =
        ["non-transport error occurred which will not be retried", "retry policy expired and the request will no longer be retried"];
    let mut levels: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(level) = next {
        let text = level.to_string().trim().replace(['\r', '\n'], " ");
        if !text.is_empty() && !FRAMES.contains(&text.as_str()) && !levels.iter().any(|outer| outer.contains(&text)) {
            levels.push(text);
        }
        next = level.source();
    }
    levels.join(": ")
}
