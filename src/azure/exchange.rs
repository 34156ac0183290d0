//! One request with its repetitions.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use azure_core::error::ErrorKind;
use azure_core::http::headers::{HeaderName, Headers};
use azure_core::http::{Context, Method, PipelineSendOptions, Request, Url};
use bytes::Bytes;
use serde_json::Value;
use tokio::time::Instant;

use super::client::{ArmClient, Precondition};
use super::error::{AzureError, chain, codes};
use super::observer::Retried;
use super::retry::{self, Cause, Failure, Verdict};
use crate::arm::{CloudError, ResourceId};

const IF_MATCH: HeaderName = HeaderName::from_static("if-match");
const IF_NONE_MATCH: HeaderName = HeaderName::from_static("if-none-match");
const CONTENT_TYPE: HeaderName = HeaderName::from_static("content-type");
const ACCEPT: HeaderName = HeaderName::from_static("accept");
const CORRELATION_ID: HeaderName = HeaderName::from_static("x-ms-correlation-request-id");

/// A request, ready to be sent any number of times.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) body: Option<Bytes>,
    pub(super) precondition: Precondition,
    /// The resource whose recent write makes a 404 worth another look.
    pub(super) target: Option<ResourceId>,
}

impl Call {
    pub(super) fn get(url: Url, target: Option<ResourceId>) -> Self {
        Self { method: Method::Get, url, body: None, precondition: Precondition::None, target }
    }

    fn method_name(&self) -> &'static str {
        method_name(&self.method)
    }
}

pub(super) const fn method_name(method: &Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Put => "PUT",
        Method::Patch => "PATCH",
        Method::Post => "POST",
        Method::Delete => "DELETE",
        // The enum may grow; this client builds only the six.
        _ => "UNKNOWN",
    }
}

/// ARM's answer, whatever its status.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    headers: Headers,
    /// `Null` when the body was empty.
    pub(super) body: Value,
    /// Set when the body is not JSON: the beginning of its text.
    foreign: Option<String>,
}

impl Answer {
    pub(super) fn header(&self, name: &'static str) -> Option<&str> {
        self.headers.get_optional_str(&HeaderName::from_static(name)).filter(|value| !value.is_empty())
    }

    pub(super) fn etag(&self) -> Option<String> {
        // Bodies of API Management carry no tag of their own; the header always does.
        self.header("etag").map(str::to_owned)
    }

    /// Whether there was no body at all.
    pub(super) fn is_empty(&self) -> bool {
        self.body.is_null() && self.foreign.is_none()
    }

    pub(super) const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    /// ARM's error, or one that says what came instead.
    pub(super) fn error(&self) -> CloudError {
        if let Some(error) = CloudError::from_body(&self.body) {
            return error;
        }
        let reason = http::StatusCode::from_u16(self.status).ok().and_then(|status| status.canonical_reason()).unwrap_or("no reason");
        let seen = self.foreign.as_ref().map_or_else(String::new, |text| format!(", with a body that is not JSON: {text}"));
        CloudError::new(codes::UNEXPECTED_ANSWER, format!("answered {} {reason}{seen}", self.status))
    }
}

/// One failed attempt.
enum Failed {
    Transport { not_sent: bool, message: String },
    Credential { message: String },
    Other { message: String },
}

/// Longest excerpt of a body that is no JSON.
const EXCERPT: usize = 200;

impl ArmClient {
    /// Sends `call`, repeating it as [`retry`] allows. Any answer that is final comes back as `Ok`, also an error answer.
    pub(super) async fn exchange(&self, call: &Call) -> Result<Answer, AzureError> {
        let mut budgets: HashMap<Cause, (Instant, u32)> = HashMap::new();
        let mut answer_lost = false;
        loop {
            self.pace(call).await;
            let contacted = self.inner().contacted.load(Ordering::Relaxed);
            let outcome = self.attempt(call).await;
            let status = outcome.as_ref().ok().map(|answer| answer.status);
            self.inner().observer.answered(call.method_name(), call.url.path(), status);
            if let Ok(answer) = &outcome
                && (answer.is_success() || answer.status == 304)
            {
                return outcome.map_err(|failed| self.failure(call, failed));
            }
            let error = match &outcome {
                Ok(answer) => answer.error(),
                Err(Failed::Transport { message, .. }) => CloudError::new(codes::TRANSPORT, message),
                Err(Failed::Credential { message }) => CloudError::new(codes::CREDENTIAL, message),
                Err(Failed::Other { message }) => CloudError::new(codes::INVALID_REQUEST, message),
            };
            let failure = match &outcome {
                Ok(answer) => Failure::Answer { status: answer.status, error: &error },
                Err(Failed::Transport { not_sent: true, .. }) => Failure::NotSent,
                Err(Failed::Transport { .. }) => Failure::AnswerLost,
                Err(Failed::Credential { .. }) => Failure::NoToken,
                Err(Failed::Other { .. }) => return outcome.map_err(|failed| self.failure(call, failed)),
            };
            answer_lost |= matches!(failure, Failure::AnswerLost);
            let request = retry::Request {
                method: &call.method,
                path: call.url.path(),
                precondition: &call.precondition,
                contacted,
                written_lately: self.written_lately(call),
            };
            let cause = match retry::judge(&request, failure) {
                Verdict::Final => None,
                Verdict::Again(cause) => Some(cause),
                Verdict::LookAtService => Some(self.look_at_service(call).await),
            };
            let asked = outcome.as_ref().ok().and_then(|answer| retry::retry_after(|name| answer.header(name), self.clock().utc()));
            let wait =
                cause.and_then(|cause| self.next_wait(cause, asked, &mut budgets).map(|(wait, repetition)| (cause, wait, repetition)));
            let Some((cause, wait, repetition)) = wait else {
                return match outcome {
                    // A lost first answer can make the second attempt fail on the first one's own work.
                    Ok(answer) if answer_lost && matches!(answer.status, 409 | 412) => {
                        let hint = "the answer to an earlier attempt was lost, so this may be its own doing: run the command again";
                        Err(self.refused(call, &answer).with_hint(Some(hint.to_owned())))
                    }
                    Ok(answer) => Ok(answer),
                    Err(failed) => Err(self.failure(call, failed)),
                };
            };
            if cause == Cause::Throttled {
                self.inner().observer.throttled(call.method_name(), call.url.path(), wait);
            }
            self.inner().observer.retried(&Retried {
                method: call.method_name(),
                path: call.url.path().to_owned(),
                cause,
                status,
                code: error.code,
                wait,
                repetition,
            });
            self.clock().sleep(wait).await;
        }
    }

    /// Like [`ArmClient::exchange`]; an answer that is no success is an error.
    pub(super) async fn succeed(&self, call: &Call) -> Result<Answer, AzureError> {
        let answer = self.exchange(call).await?;
        if answer.is_success() { Ok(answer) } else { Err(self.refused(call, &answer)) }
    }

    /// The wait and number of the next repetition, or `None` when the cause's budget is spent.
    fn next_wait(&self, cause: Cause, asked: Option<Duration>, budgets: &mut HashMap<Cause, (Instant, u32)>) -> Option<(Duration, u32)> {
        let rule = cause.rule();
        let now = self.clock().now();
        let (since, repetitions) = budgets.entry(cause).or_insert((now, 0));
        let left = rule.budget.saturating_sub(now.duration_since(*since));
        if *repetitions >= rule.repetitions || left.is_zero() {
            return None;
        }
        *repetitions += 1;
        let wait = retry::wait(rule, *repetitions, asked, self.inner().random.as_ref());
        Some((wait.min(left), *repetitions))
    }

    /// Whether the service that `call` writes to is in transition. Failing to see it counts as settled: the conflict is
    /// then reported after a short while, instead of hiding behind the second failure.
    async fn look_at_service(&self, call: &Call) -> Cause {
        let Some(service) = retry::service_of(call.url.path()) else { return Cause::ServiceSettled };
        let mut url = call.url.clone();
        url.set_path(service);
        let api_version = call.url.query_pairs().find(|(key, _)| key == "api-version").map(|(_, value)| value.into_owned());
        url.query_pairs_mut().clear().append_pair("api-version", api_version.as_deref().unwrap_or("2024-05-01"));
        let look = Call::get(url, None);
        let outcome = self.attempt(&look).await;
        self.inner().observer.answered("GET", look.url.path(), outcome.as_ref().ok().map(|answer| answer.status));
        match outcome {
            Ok(answer) if answer.is_success() => match super::operation::State::of_resource(&answer.body) {
                super::operation::State::Running(_) => Cause::ServiceTransition,
                _ => Cause::ServiceSettled,
            },
            _ => Cause::ServiceSettled,
        }
    }

    async fn attempt(&self, call: &Call) -> Result<Answer, Failed> {
        let mut request = Request::new(call.url.clone(), call.method);
        request.insert_header(ACCEPT, "application/json");
        request.insert_header(CORRELATION_ID, self.inner().correlation_id.clone());
        if let Some(body) = &call.body {
            request.insert_header(CONTENT_TYPE, "application/json");
            request.set_body(body.clone());
        }
        match &call.precondition {
            Precondition::None => {}
            Precondition::Any => request.insert_header(IF_MATCH, "*"),
            Precondition::Match(etag) => request.insert_header(IF_MATCH, etag.clone()),
            Precondition::Absent => request.insert_header(IF_NONE_MATCH, "*"),
        }
        let options = PipelineSendOptions { skip_checks: true, ..PipelineSendOptions::default() };
        let context = Context::new();
        let sent = Box::pin(self.inner().pipeline.send(&context, &mut request, Some(options))).await;
        let raw = sent.map_err(|error| {
            let message = chain(&error);
            match error.kind() {
                ErrorKind::Connection => Failed::Transport { not_sent: true, message },
                ErrorKind::Io => Failed::Transport { not_sent: false, message },
                ErrorKind::Credential => Failed::Credential { message },
                _ => Failed::Other { message },
            }
        })?;
        self.inner().contacted.store(true, Ordering::Relaxed);
        let (status, headers, body) = raw.deconstruct();
        let status = u16::from(status);
        let text = body.as_ref();
        let (body, foreign) = match text {
            [] => (Value::Null, None),
            text => match serde_json::from_slice(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)) {
                Ok(body) => (body, None),
                Err(_) => (Value::Null, Some(excerpt(text))),
            },
        };
        let answer = Answer { status, headers, body, foreign };
        self.note_allowance(call, &answer);
        match &answer.foreign {
            // A proxy or portal page instead of ARM's JSON: taking it for an empty body would lose data silently.
            Some(text) if answer.is_success() => {
                Err(Failed::Other { message: format!("answered {status} with a body that is not JSON: {text}") })
            }
            _ => Ok(answer),
        }
    }

    /// The error for an answer that is no success.
    pub(super) fn refused(&self, call: &Call, answer: &Answer) -> AzureError {
        self.refused_with(call, answer, answer.error())
    }

    /// The same with another error text.
    pub(super) fn refused_with(&self, call: &Call, answer: &Answer, error: CloudError) -> AzureError {
        let hint = super::hint::of_answer(&error, answer.header("www-authenticate"), call.url.path());
        AzureError {
            method: call.method_name(),
            path: call.url.path().to_owned(),
            status: Some(answer.status),
            error: Box::new(error),
            request_id: answer.header("x-ms-request-id").map(str::to_owned),
            correlation_id: Some(
                answer.header("x-ms-correlation-request-id").map_or_else(|| self.inner().correlation_id.clone(), str::to_owned),
            ),
            hint,
        }
    }

    fn failure(&self, call: &Call, failed: Failed) -> AzureError {
        let (error, hint) = match failed {
            Failed::Transport { message, .. } => {
                let hint = super::hint::of_transport(&message, &call.url);
                (CloudError::new(codes::TRANSPORT, message), hint)
            }
            Failed::Credential { message } => {
                let authority = &self.cloud().authority;
                let hint = super::hint::of_credential(&message).or_else(|| super::hint::of_transport(&message, authority));
                (CloudError::new(codes::CREDENTIAL, message), hint)
            }
            Failed::Other { message } => (CloudError::new(codes::UNEXPECTED_ANSWER, message), None),
        };
        self.own_error(&call.method, call.url.path(), error).with_hint(hint)
    }

    /// An error that no answer stands behind.
    pub(super) fn own_error(&self, method: &Method, path: &str, error: CloudError) -> AzureError {
        AzureError {
            method: method_name(method),
            path: path.to_owned(),
            status: None,
            error: Box::new(error),
            request_id: None,
            correlation_id: Some(self.inner().correlation_id.clone()),
            hint: None,
        }
    }
}

fn excerpt(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
