//! Answers and refusals, in ARM's envelopes.

use serde_json::{Map, Value, json};

use crate::arm::CloudError;

/// What goes back to the client, before the headers that every answer has.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<Value>,
}

impl Answer {
    pub(crate) const fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: None }
    }

    pub(crate) const fn json(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Some(body) }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn etag(self, etag: &str) -> Self {
        self.header("etag", etag)
    }
}

/// Why a request is not done.
#[derive(Debug, Clone)]
pub(crate) struct Refusal(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    status: u16,
    error: CloudError,
    /// API Management writes `"details": null` where ARM leaves the member out.
    service: bool,
    headers: Vec<(&'static str, String)>,
}

impl Refusal {
    /// In ARM's own form: no `details` when there are none.
    pub(crate) fn plain(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { status, error: CloudError::new(code, message), service: false, headers: Vec::new() }))
    }

    /// In API Management's form: `details` is null when there are none.
    pub(crate) fn service(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { status, error: CloudError::new(code, message), service: true, headers: Vec::new() }))
    }

    /// An error that was stored, to be told at a poll.
    pub(crate) fn stored(status: u16, error: CloudError) -> Self {
        Self(Box::new(Inner { status, error, service: true, headers: Vec::new() }))
    }

    /// API Management's validation error with one detail for each field.
    pub(crate) fn validation(details: Vec<CloudError>) -> Self {
        let error = CloudError { details, ..CloudError::new("ValidationError", "One or more fields contain incorrect values:") };
        Self::stored(400, error)
    }

    /// "Backend not found."
    pub(crate) fn not_found(label: &str) -> Self {
        Self::service(404, "ResourceNotFound", format!("{label} not found."))
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.headers.push((name, value.into()));
        self
    }

    pub(crate) const fn status(&self) -> u16 {
        self.0.status
    }

    pub(crate) fn error(&self) -> &CloudError {
        &self.0.error
    }

    pub(crate) fn into_answer(self) -> Answer {
        let mut error = write_error(&self.0.error);
        if self.0.service && self.0.error.details.is_empty() {
            error.insert("details".to_owned(), Value::Null);
        }
        Answer { status: self.0.status, headers: self.0.headers, body: Some(json!({ "error": error })) }
    }
}

fn write_error(error: &CloudError) -> Map<String, Value> {
    let mut map = Map::new();
    map.insert("code".to_owned(), json!(error.code));
    if let Some(target) = &error.target {
        map.insert("target".to_owned(), json!(target));
    }
    map.insert("message".to_owned(), json!(error.message));
    if !error.details.is_empty() {
        map.insert("details".to_owned(), error.details.iter().map(|detail| Value::Object(write_error(detail))).collect());
    }
    map
}

/// What is wrong with the fields of one body.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<CloudError>);

impl Problems {
    pub(crate) fn add(&mut self, target: &str, message: impl Into<String>) {
        self.0.push(CloudError { target: Some(target.to_owned()), ..CloudError::new("ValidationError", message) });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn into_result(self) -> Result<(), Refusal> {
        if self.0.is_empty() { Ok(()) } else { Err(Refusal::validation(self.0)) }
    }
}
