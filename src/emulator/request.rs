//! One ARM request, taken apart: decoded path segments, query without regard to case, JSON body.

use bytes::Bytes;
use http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::answer::Refusal;

/// Larger bodies are refused, as ARM refuses more than 4 MB.
const LARGEST_BODY: usize = 4 * 1024 * 1024;

/// An `api-version`. Versions are compared by their date; a preview is a version like any other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiVersion(String);

impl ApiVersion {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the version's date is `date` (`2024-06-01`) or later.
    pub(crate) fn is_since(&self, date: &str) -> bool {
        self.0.get(..10).unwrap_or(&self.0) >= date
    }

    pub(crate) fn is_preview(&self) -> bool {
        self.0.to_ascii_lowercase().contains("preview")
    }
}

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// As sent, without query.
    pub(crate) path: String,
    /// Decoded segments.
    pub(crate) segments: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    bytes: Bytes,
}

impl Request {
    pub(crate) fn read(request: &http::Request<Bytes>) -> Self {
        let path = request.uri().path().to_owned();
        let segments = path.split('/').filter(|segment| !segment.is_empty()).map(decode).collect();
        let query = url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()).into_owned().collect();
        Self { method: request.method().clone(), path, segments, query, headers: request.headers().clone(), bytes: request.body().clone() }
    }

    /// The value of a query parameter; its name is compared without regard to case.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Whether a query parameter says `true`.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.query(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The `api-version`.
    pub(crate) fn version(&self) -> Result<ApiVersion, Refusal> {
        match self.query("api-version") {
            Some(version) if !version.trim().is_empty() => Ok(ApiVersion::new(version.trim())),
            _ => Err(Refusal::plain(
                400,
                "MissingApiVersionParameter",
                "The api-version query parameter (?api-version=) is required for all requests.",
            )),
        }
    }

    /// The JSON body; `Null` when there is none.
    pub(crate) fn body(&self) -> Result<Value, Refusal> {
        if self.bytes.len() > LARGEST_BODY {
            return Err(Refusal::plain(
                413,
                "RequestContentTooLarge",
                format!("The request content size exceeds the maximum size of '{LARGEST_BODY}' bytes."),
            ));
        }
        let bytes = self.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.bytes);
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Value::Null);
        }
        serde_json::from_slice(bytes).map_err(|error| {
            Refusal::plain(
                400,
                "InvalidRequestContent",
                format!("The request content was invalid and could not be deserialized: '{error}'."),
            )
        })
    }

    /// The body as an object.
    pub(crate) fn object(&self) -> Result<Value, Refusal> {
        let body = self.body()?;
        if body.is_object() {
            return Ok(body);
        }
        Err(Refusal::plain(
            400,
            "InvalidRequestContent",
            "The request content was invalid and could not be deserialized: 'A JSON object is expected.'.",
        ))
    }
}

fn decode(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}
