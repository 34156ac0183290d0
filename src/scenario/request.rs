//! What a client sends, wherever the gateway runs.

use std::fmt::Write as _;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::Value;

use crate::support::secret::Secret;

/// What a query parameter's name or value may not hold as it is.
const QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'&').add(b'+').add(b'%').add(b'=');

/// A request, without the key's value and the gateway's address.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// Path with a slash in front, encoded; it may hold a query.
    pub path: String,
    /// Query parameters besides those of the path.
    pub query: Vec<(String, String)>,
    /// Headers; a name may stand several times.
    pub headers: HeaderMap,
    /// Which key, and where it stands.
    pub key: Option<Key>,
    /// Body.
    pub body: Body,
}

impl Request {
    /// A request without headers, key and body.
    #[must_use]
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), query: Vec::new(), headers: HeaderMap::new(), key: None, body: Body::Empty }
    }

    /// A `POST` of JSON.
    #[must_use]
    pub fn post(path: impl Into<String>, json: Value) -> Self {
        Self { body: Body::Json(json), ..Self::new(Method::POST, path) }
    }

    /// With the primary key of a subscription, placed as a client of that style does.
    #[must_use]
    pub fn with_key(self, subscription: impl Into<String>, place: Place) -> Self {
        Self { key: Some(Key { of: KeyOf::Subscription { name: subscription.into(), secondary: false }, place }), ..self }
    }

    /// Whether the body asks for a stream (`"stream": true`).
    #[must_use]
    pub fn asks_for_stream(&self) -> bool {
        matches!(&self.body, Body::Json(body) if body.get("stream") == Some(&Value::Bool(true)))
    }

    /// As it goes over the wire. `base`: scheme, host and path in front of everything (`https://apim.azure-api.net`), or empty for a target
    /// that begins with the path. `key`: the value of [`Request::key`], if it names a subscription.
    ///
    /// # Errors
    /// Path or key cannot stand in a request.
    pub fn to_http(&self, base: &str, key: Option<&Secret<String>>) -> Result<http::Request<Bytes>, http::Error> {
        let mut target = format!("{}{}", base.trim_end_matches('/'), self.path);
        let mut parameter = |name: &str, value: &str| {
            let separator = if target.contains('?') { '&' } else { '?' };
            let _ = write!(target, "{separator}{}={}", utf8_percent_encode(name, QUERY), utf8_percent_encode(value, QUERY));
        };
        for (name, value) in &self.query {
            parameter(name, value);
        }
        let mut headers = self.headers.clone();
        if let Some(own) = &self.key {
            let value = match &own.of {
                KeyOf::Value(value) => Some(value.expose().as_str()),
                KeyOf::Subscription { .. } => key.map(|key| key.expose().as_str()),
            };
            match (&own.place, value) {
                (_, None) => {}
                (Place::Query(name), Some(value)) => parameter(name, value),
                (Place::Header(name), Some(value)) => {
                    headers.insert(name.clone(), secret(value)?);
                }
                (Place::Bearer, Some(value)) => {
                    headers.insert(AUTHORIZATION, secret(&format!("Bearer {value}"))?);
                }
            }
        }
        let body = self.body.bytes();
        if matches!(self.body, Body::Json(_)) && !headers.contains_key(CONTENT_TYPE) {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let mut request = http::Request::builder().method(self.method.clone()).uri(target).body(body)?;
        *request.headers_mut() = headers;
        Ok(request)
    }

    /// `POST /deployments/gpt-4o-mini/chat/completions`, for people. No query: a key may stand there.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{} {}", self.method, self.path.split('?').next().unwrap_or_default())
    }
}

fn secret(text: &str) -> Result<HeaderValue, http::Error> {
    let mut value = HeaderValue::from_str(text)?;
    value.set_sensitive(true);
    Ok(value)
}

/// The body of a request.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Body {
    /// None.
    #[default]
    Empty,
    /// As it is.
    Bytes(Bytes),
    /// JSON; `Content-Type` is set unless a header says otherwise.
    Json(Value),
}

impl Body {
    /// What goes over the wire.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        match self {
            Self::Empty => Bytes::new(),
            Self::Bytes(bytes) => bytes.clone(),
            Self::Json(value) => value.to_string().into(),
        }
    }
}

/// Which key, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Which.
    pub of: KeyOf,
    /// Where.
    pub place: Place,
}

/// Which key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyOf {
    /// A subscription's, by the subscription's name.
    Subscription {
        /// Name under `subscriptions:`; `master` is the built-in all-access subscription.
        name: String,
        /// The secondary key.
        secondary: bool,
    },
    /// This value: a wrong key.
    Value(Secret<String>),
}

/// Where a key stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In this header.
    Header(HeaderName),
    /// In this query parameter.
    Query(String),
    /// `Authorization: Bearer`.
    Bearer,
}

impl Place {
    /// Where a kind of client (`clients:` of a specification) puts its key: `subscription-key`, `bearer`, `azure-openai-sdk`.
    #[must_use]
    pub fn of_client(style: &str) -> Option<Self> {
        match style {
            "subscription-key" => Some(Self::Header(HeaderName::from_static("ocp-apim-subscription-key"))),
            "bearer" => Some(Self::Bearer),
            "azure-openai-sdk" => Some(Self::Header(HeaderName::from_static("api-key"))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_stands_where_its_client_puts_it() {
        let key = Secret::new("k=1".to_owned());
        let request = Request::post("/x?a=1", json!({ "stream": true }));
        assert!(request.asks_for_stream());
        let sent = |place: Place| request.clone().with_key("s", place).to_http("https://h", Some(&key)).unwrap();
        let header = sent(Place::of_client("azure-openai-sdk").unwrap());
        assert_eq!(header.headers()["api-key"], "k=1");
        assert_eq!(header.headers()["content-type"], "application/json");
        assert!(!format!("{header:?}").contains("k=1"));
        assert_eq!(sent(Place::Bearer).headers()["authorization"], "Bearer k=1");
        assert_eq!(sent(Place::Query("subscription-key".to_owned())).uri(), "https://h/x?a=1&subscription-key=k%3D1");
        assert_eq!(request.to_http("", None).unwrap().uri(), "/x?a=1");
        assert!(Place::of_client("browser").is_none());
    }
}
