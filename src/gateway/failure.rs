//! What goes wrong while a request is served, as `context.LastError` and as the answer that a caller gets.
//!
//! This is the one place that turns errors into HTTP. Texts and shapes: "Error handling in API Management policies", captures of live
//! answers.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use uuid::Uuid;

use crate::policy::{Scope, Section};

/// `LastError.Reason` of a caller that went away (documented).
pub const CALLER_GONE: &str = "ClientConnectionFailure";

/// Why the pipeline stopped, before it is known where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// `LastError.Source`: the policy or the built-in step; empty for "the policy that is running".
    pub source: Cow<'static, str>,
    /// `LastError.Reason`.
    pub reason: Cow<'static, str>,
    /// `LastError.Message`.
    pub message: String,
    /// What the caller gets if no policy says otherwise. Boxed: failures are rare and travel through every result.
    pub answer: Box<Answer>,
}

/// The prepared answer of a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Reason phrase, where it is not the status's own.
    pub reason: Option<String>,
    /// Headers besides `Content-Type`.
    pub headers: HeaderMap,
    /// Body.
    pub body: AnswerBody,
}

/// The body of a failure's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerBody {
    /// `{ "statusCode": N, "message": "…" }`, seen with these blanks.
    Message(String),
    /// `{ "statusCode": 500, "message": "Internal server error", "activityId": "<guid>" }`: everything unexpected.
    Internal,
    /// Nothing.
    Empty,
    /// The response is there already and stays as it is: a backend's error under `fail-on-error-status-code`.
    Kept,
}

impl Failure {
    /// A failure that the caller sees as `status` with the message as body.
    #[must_use]
    pub fn refused(reason: impl Into<Cow<'static, str>>, status: StatusCode, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            source: Cow::Borrowed(""),
            reason: reason.into(),
            answer: Box::new(Answer { status, reason: None, headers: HeaderMap::new(), body: AnswerBody::Message(message.clone()) }),
            message,
        }
    }

    /// An unexpected failure: the caller sees the general 500, never `message`.
    #[must_use]
    pub fn internal(reason: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            source: Cow::Borrowed(""),
            reason: reason.into(),
            message: message.into(),
            answer: Box::new(Answer {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                reason: None,
                headers: HeaderMap::new(),
                body: AnswerBody::Internal,
            }),
        }
    }

    /// An expression threw: `ExpressionValueEvaluationFailure` (documented reason; that the message is the exception's is assumed).
    #[must_use]
    pub fn expression(exception: &crate::expression::Exception) -> Self {
        Self::internal("ExpressionValueEvaluationFailure", exception.message.clone())
    }

    /// Names the built-in step or policy.
    #[must_use]
    pub fn from_source(mut self, source: impl Into<Cow<'static, str>>) -> Self {
        self.source = source.into();
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.answer.headers.append(name, value);
        self
    }

    /// Another text in the answer than in `LastError.Message`.
    #[must_use]
    pub fn answering(mut self, message: impl Into<String>) -> Self {
        self.answer.body = AnswerBody::Message(message.into());
        self
    }
}

/// `context.LastError`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastError {
    /// The policy or the built-in step.
    pub source: Cow<'static, str>,
    /// Machine-readable.
    pub reason: Cow<'static, str>,
    /// For people.
    pub message: String,
    /// Scope of the document in which the policy stands.
    pub scope: Option<Scope>,
    /// Section.
    pub section: Option<Section>,
    /// `choose[3]/when[2]`, counted from 1.
    pub path: String,
    /// The `id` attribute of the policy.
    pub policy_id: String,
}

/// `{ "statusCode": N, "message": "…" }` with the blanks of the live service.
#[must_use]
pub fn message_body(status: StatusCode, message: &str) -> Bytes {
    let message = serde_json::Value::from(message);
    Bytes::from(format!("{{ \"statusCode\": {}, \"message\": {message} }}", status.as_u16()))
}

impl Answer {
    /// Headers and body as they are sent. `activity` names the request in the general 500.
    #[must_use]
    pub fn render(&self, activity: Uuid) -> (HeaderMap, Bytes) {
        let mut headers = self.headers.clone();
        let body = match &self.body {
            AnswerBody::Message(message) => message_body(self.status, message),
            AnswerBody::Internal => Bytes::from(format!(
                "{{ \"statusCode\": {}, \"message\": \"Internal server error\", \"activityId\": \"{activity}\" }}",
                self.status.as_u16()
            )),
            AnswerBody::Empty | AnswerBody::Kept => return (headers, Bytes::new()),
        };
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        (headers, body)
    }
}
