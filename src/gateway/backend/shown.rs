//! Requests and responses as traces show them: without what only the two ends should see.

use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE, HeaderName, HeaderValue, PROXY_AUTHORIZATION, SET_COOKIE};
use serde_json::{Value, json};

use crate::gateway::message::query_pairs;

const MASK: &str = "********";

/// Whether a query parameter or header is a key by its name.
fn is_key(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.ends_with("key") || ["code", "sig", "token", "access_token", "client_secret"].contains(&name.as_str())
}

fn is_secret(name: &HeaderName, value: &HeaderValue) -> bool {
    value.is_sensitive()
        || [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, SET_COOKIE].contains(name)
        || name.as_str().ends_with("key")
        || name.as_str().ends_with("-authorization")
}

/// `[{name, value}]`; credentials are masked, `key` (the API's own key header) too.
#[must_use]
pub fn headers(headers: &HeaderMap, key: Option<&HeaderName>) -> Value {
    let shown = headers.iter().map(|(name, value)| {
        let value = if key == Some(name) || is_secret(name, value) { MASK.into() } else { String::from_utf8_lossy(value.as_bytes()) };
        json!({ "name": name.as_str(), "value": value })
    });
    Value::Array(shown.collect())
}

/// A URL; keys in its query are masked. `base` has scheme, host, port and path.
#[must_use]
pub fn url(base: &str, path: &str, query: Option<&str>) -> String {
    let mut text = format!("{base}{path}");
    for (place, part) in query.unwrap_or_default().split('&').filter(|part| !part.is_empty()).enumerate() {
        text.push(if place == 0 { '?' } else { '&' });
        match query_pairs(part).next().filter(|(name, _)| is_key(name)) {
            Some((name, _)) => {
                text.push_str(&name);
                text.push('=');
                text.push_str(MASK);
            }
            None => text.push_str(part),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_not_shown() {
        let shown = url("https://a", "/b", Some("api-version=1&subscription-key=abc&code=x&&tokens=3"));
        assert_eq!(shown, "https://a/b?api-version=1&subscription-key=********&code=********&tokens=3");
        let mut fields = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer abc"),
            ("x-api-key", "abc"),
            ("cookie", "abc"),
            ("x-mine", "abc"),
            ("apim-debug-authorization", "abc"),
            ("x-ratelimit-remaining-tokens", "7"),
        ] {
            fields.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let mut own = HeaderValue::from_static("abc");
        own.set_sensitive(true);
        fields.insert("x-own", own);
        let shown = headers(&fields, Some(&HeaderName::from_static("x-mine"))).to_string();
        assert!(!shown.contains("abc"), "{shown}");
        assert!(shown.contains('7'));
    }
}
