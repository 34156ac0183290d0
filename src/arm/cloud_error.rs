//! ARM's error body: `{"error":{"code","message","target"?,"details":[…]}}`.

use serde::{Deserialize, Serialize};

/// One error with its nested details. `details: null` and a missing list are the same.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CloudError {
    /// Stable code, for instance `ValidationError`.
    #[serde(default)]
    pub code: String,
    /// Text for people.
    #[serde(default)]
    pub message: String,
    /// The field or policy element that is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// One entry for each thing that is wrong.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub details: Vec<CloudError>,
}

fn null_is_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<CloudError>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl CloudError {
    /// An error without details.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), ..Self::default() }
    }

    /// Reads an error out of a response body: the usual envelope, or a bare `{"code","message"}` as some providers send.
    #[must_use]
    pub fn from_body(body: &serde_json::Value) -> Option<Self> {
        let inner = body.get("error").unwrap_or(body);
        inner.get("code").or_else(|| inner.get("message"))?;
        Self::deserialize(inner).ok()
    }
}
