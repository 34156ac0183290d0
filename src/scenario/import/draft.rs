//! What a reader has found, and how it becomes a request of a scenario.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use super::values::Text;
use super::{Importer, codes};
use crate::scenario::Request;
use crate::scenario::request::{Body as RequestBody, Key, KeyOf, Place};
use crate::support::secret::Secret;
use crate::support::source::Span;

/// Headers that belong to a connection, not to a request: whoever sends it makes its own.
const OF_CONNECTIONS: [&str; 9] =
    ["host", "content-length", "connection", "keep-alive", "proxy-connection", "transfer-encoding", "te", "upgrade", "expect"];
/// Headers that hold a subscription key by default (API Management; Azure OpenAI's SDKs).
const KEY_HEADERS: [&str; 2] = ["ocp-apim-subscription-key", "api-key"];
/// Query parameters that hold one.
const KEY_PARAMETERS: [&str; 2] = ["subscription-key", "api-key"];
/// Further headers that hold a secret.
const SECRET_HEADERS: [&str; 5] = ["cookie", "cookie2", "set-cookie", "proxy-authorization", "x-apikey"];
/// Ends of names of headers that hold a secret.
const SECRET_ENDINGS: [&str; 6] = ["-key", "-token", "-secret", "-password", "-signature", "-credential"];
/// Headers that end so and hold none.
const NO_SECRETS: [&str; 3] = ["idempotency-key", "x-idempotency-key", "sec-websocket-key"];
/// A secret shorter than this may stand elsewhere by chance.
const TELLING: usize = 8;
/// What must be encoded in a path and a query; what is encoded already stays.
const PATH: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`').add(b'\\').add(b'^').add(b'{').add(b'|').add(b'}');

/// A request as it was written.
#[derive(Debug)]
pub(super) struct Draft {
    /// The whole import.
    pub(super) at: Span,
    pub(super) method: Option<Text>,
    pub(super) url: Option<Text>,
    /// Query strings to be added to the URL's.
    pub(super) query: Vec<Text>,
    /// Headers in order.
    pub(super) headers: Vec<(Text, Text)>,
    pub(super) body: Option<Body>,
    /// No `Content-Type` is wanted.
    pub(super) no_content_type: bool,
}

/// A body as it was written.
#[derive(Debug)]
pub(super) enum Body {
    /// Text.
    Text(Text),
    /// Bytes.
    Bytes(Bytes),
}

/// A key that was found.
struct Found {
    place: Place,
    at: Span,
    value: Option<Secret<String>>,
}

impl Draft {
    pub(super) const fn new(at: Span) -> Self {
        Self { at, method: None, url: None, query: Vec::new(), headers: Vec::new(), body: None, no_content_type: false }
    }

    pub(super) fn has_header(&self, name: &str) -> bool {
        self.headers.iter().any(|(own, _)| own.value.eq_ignore_ascii_case(name))
    }

    /// The request; `None` if there is an error among the findings.
    pub(super) fn finish(self, importer: &mut Importer<'_>) -> Option<Request> {
        let mut finish = Finish { importer, found: Vec::new(), secrets: Vec::new(), good: true };
        let method = finish.method(self.method.as_ref(), self.body.is_some());
        let path = finish.path(self.url.as_ref(), &self.query, self.at);
        let mut request = Request::new(method.unwrap_or_default(), path.unwrap_or_default());
        for (name, value) in &self.headers {
            finish.header(&mut request, name, value);
        }
        request.body = finish.body(self.body, &request);
        request.key = finish.key();
        finish.leaks(&request, self.at);
        finish.good.then_some(request)
    }
}

struct Finish<'i, 'a> {
    importer: &'i mut Importer<'a>,
    found: Vec<Found>,
    /// Values that must not stand in the request.
    secrets: Vec<Secret<String>>,
    good: bool,
}

impl Finish<'_, '_> {
    fn method(&mut self, method: Option<&Text>, has_body: bool) -> Option<Method> {
        let Some(method) = method else { return Some(if has_body { Method::POST } else { Method::GET }) };
        if self.unknown(method) {
            return None;
        }
        let read = Method::from_bytes(method.value.as_bytes()).ok().filter(|_| !method.value.is_empty());
        if read.is_none() {
            self.importer.error(codes::BAD_METHOD, format!("`{}` is no method", shown(&method.value)), method.span);
            self.good = false;
        }
        read
    }

    /// Says so if a part of `text` is not known.
    fn unknown(&mut self, text: &Text) -> bool {
        let Some(name) = text.hole() else { return false };
        let finding = self.importer.error(codes::UNKNOWN_VARIABLE, format!("nothing here knows the value of `{}`", shown(name)), text.span);
        finding.help = Some("write the value; an import sees neither the environment nor other requests".to_owned());
        self.good = false;
        true
    }

    /// Path and query of the URL, without host and keys.
    fn path(&mut self, url: Option<&Text>, query: &[Text], at: Span) -> Option<String> {
        let Some(url) = url.map(Text::trimmed).filter(|url| !url.is_empty()) else {
            self.importer.error(codes::NO_URL, "the request has no URL", at);
            self.good = false;
            return None;
        };
        let start = self.path_start(&url)?;
        let rest = url.part(start, url.value.len());
        // A hole that ends at the path belongs to the host: `$GATEWAY/openai`.
        let rest = Text { holes: rest.holes.into_iter().filter(|(hole, _)| *hole > 0).collect(), ..rest };
        let end = rest.value.find('#').unwrap_or(rest.value.len());
        let rest = rest.part(0, end);
        if self.unknown(&rest) {
            return None;
        }
        let (path, own) = rest.value.split_once('?').map_or((rest.value.as_str(), None), |(path, query)| (path, Some(query)));
        let mut parameters = Vec::new();
        for part in own.into_iter().map(|own| Text::whole(own, url.span)).chain(query.iter().cloned()) {
            if self.unknown_parameters(&part) {
                return None;
            }
            for parameter in part.value.split('&').filter(|parameter| !parameter.is_empty()) {
                if !self.is_key_parameter(parameter, part.span) {
                    parameters.push(encoded(parameter));
                }
            }
        }
        let path = format!("/{}", encoded(path.trim_start_matches('/')));
        let target = if parameters.is_empty() { path } else { format!("{path}?{}", parameters.join("&")) };
        if let Err(problem) = http::uri::PathAndQuery::try_from(target.as_str()) {
            self.importer.error(codes::BAD_URL, format!("this URL cannot be requested: {problem}"), url.span);
            self.good = false;
            return None;
        }
        Some(target)
    }

    /// Holes of a query are fine where they are a key's value.
    fn unknown_parameters(&mut self, query: &Text) -> bool {
        let mut start = 0;
        for parameter in query.value.split('&') {
            let end = start + parameter.len();
            let name = parameter.split('=').next().unwrap_or_default();
            let part = query.part(start, end);
            if !self.is_key_name(name) && self.unknown(&part) {
                return true;
            }
            start = end + 1;
        }
        false
    }

    /// Where host and port end.
    fn path_start(&mut self, url: &Text) -> Option<usize> {
        let value = url.value.as_str();
        let begins_unknown = url.holes.first().is_some_and(|(at, _)| *at == 0);
        let authority = match value.find("://") {
            Some(at) => {
                let scheme = value.get(..at).unwrap_or_default();
                let known = matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https") || begins_unknown;
                if !known {
                    let message = format!("`{}` is not a scheme of HTTP", shown(scheme));
                    self.importer.error(codes::BAD_URL, message, url.span);
                    self.good = false;
                    return None;
                }
                at + 3
            }
            None if value.starts_with('/') => return Some(0),
            None => 0,
        };
        let rest = value.get(authority..).unwrap_or_default();
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        if let Some((user, _)) = rest.get(..end).and_then(|authority| authority.rsplit_once('@')) {
            self.left_out("the user name and password of the URL", user, url.span);
        }
        Some(authority + end)
    }

    fn is_key_name(&self, name: &str) -> bool {
        let name = percent_decode_str(name).decode_utf8_lossy();
        KEY_PARAMETERS.iter().any(|own| name.eq_ignore_ascii_case(own))
            || self.importer.options.key_parameters.iter().any(|own| name.eq_ignore_ascii_case(own))
    }

    fn is_key_parameter(&mut self, parameter: &str, at: Span) -> bool {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        if !self.is_key_name(name) {
            return false;
        }
        let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
        let name = percent_decode_str(name).decode_utf8_lossy().into_owned();
        self.found.push(Found { place: Place::Query(name), at, value: Some(Secret::new(value)) });
        true
    }

    fn header(&mut self, request: &mut Request, name: &Text, value: &Text) {
        // HTTP/2's own fields of a HAR file.
        if name.value.starts_with(':') {
            return;
        }
        if self.unknown(name) {
            return;
        }
        let Ok(header) = HeaderName::from_bytes(name.value.as_bytes()) else {
            self.importer.error(codes::BAD_HEADER, format!("`{}` cannot be the name of a header", shown(&name.value)), name.span);
            self.good = false;
            return;
        };
        if OF_CONNECTIONS.contains(&header.as_str()) || self.is_secret(&header, value) || self.unknown(value) {
            return;
        }
        match HeaderValue::from_bytes(value.value.as_bytes()) {
            Ok(value) => {
                request.headers.append(header, value);
            }
            Err(_) => {
                self.importer.error(codes::BAD_HEADER, format!("this cannot be the value of the header `{header}`"), value.span);
                self.good = false;
            }
        }
    }

    /// Takes keys and secrets out.
    fn is_secret(&mut self, header: &HeaderName, value: &Text) -> bool {
        let name = header.as_str();
        if KEY_HEADERS.contains(&name) || self.importer.options.key_headers.contains(header) {
            let known = value.holes.is_empty().then(|| Secret::new(value.value.clone()));
            self.found.push(Found { place: Place::Header(header.clone()), at: value.span, value: known });
            return true;
        }
        if *header == AUTHORIZATION {
            let (scheme, rest) = value.value.split_once(' ').unwrap_or((value.value.as_str(), ""));
            // A token of Entra is no key, and it would have run out.
            if scheme.eq_ignore_ascii_case("bearer") && !rest.trim().starts_with("eyJ") {
                let known = value.holes.is_empty().then(|| Secret::new(rest.trim().to_owned()));
                self.found.push(Found { place: Place::Bearer, at: value.span, value: known });
            } else {
                self.left_out("the header `authorization`", rest, value.span);
            }
            return true;
        }
        let secret = SECRET_HEADERS.contains(&name) || SECRET_ENDINGS.iter().any(|ending| name.ends_with(ending));
        if secret && !NO_SECRETS.contains(&name) {
            self.left_out(&format!("the header `{name}`"), &value.value, value.span);
            return true;
        }
        false
    }

    fn left_out(&mut self, what: &str, value: &str, at: Span) {
        self.secrets.push(Secret::new(value.trim().to_owned()));
        let finding = self.importer.warning(codes::SECRET_LEFT_OUT, format!("{what} holds a secret and is left out"), at);
        finding.help = Some("if the scenario needs it, write a value of its own under `headers`".to_owned());
    }

    /// The first key's place; a request of a scenario has one key.
    fn key(&mut self) -> Option<Key> {
        let mut found = std::mem::take(&mut self.found).into_iter();
        let first = found.next()?;
        let first_at = first.at;
        self.secrets.extend(first.value);
        for further in found {
            let place = match &further.place {
                Place::Header(name) => format!("the header `{name}`"),
                Place::Query(name) => format!("the query parameter `{name}`"),
                Place::Bearer => "the header `authorization`".to_owned(),
            };
            let finding = self.importer.warning(codes::SECRET_LEFT_OUT, format!("{place} is a second key and is left out"), further.at);
            finding.labels.push((first_at, "this is the first".to_owned()));
            self.secrets.extend(further.value);
        }
        let Some(name) = self.importer.options.subscription.clone() else {
            let finding = self.importer.error(codes::NO_SUBSCRIPTION, "the request holds a key, and no subscription is named", first_at);
            finding.help = Some("name the subscription whose key is to be used instead: `key: NAME`".to_owned());
            self.good = false;
            return None;
        };
        Some(Key { of: KeyOf::Subscription { name, secondary: false }, place: first.place })
    }

    fn body(&mut self, body: Option<Body>, request: &Request) -> RequestBody {
        let bytes = match body {
            None => return RequestBody::Empty,
            Some(Body::Bytes(bytes)) => bytes,
            Some(Body::Text(text)) => {
                if self.unknown(&text) {
                    return RequestBody::Empty;
                }
                Bytes::from(text.value.into_bytes())
            }
        };
        let kind = request.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let is_json = kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
        // JSON is kept as such, so that expectations and `stream` see into it. Numbers that would change stay as they were written.
        match serde_json::from_slice::<serde_json::Value>(&bytes) {
            Ok(value) if is_json && !has_wide_numbers(&bytes) => RequestBody::Json(value),
            _ => RequestBody::Bytes(bytes),
        }
    }

    /// A key that also stands in the path, a header or the body would be kept.
    fn leaks(&mut self, request: &Request, at: Span) {
        let body = request.body.bytes();
        let holds = |text: &[u8], secret: &str| memchr::memmem::find(text, secret.as_bytes()).is_some();
        for secret in self.secrets.iter().map(|secret| secret.expose().as_str()).filter(|secret| secret.len() >= TELLING) {
            let place = if holds(request.path.as_bytes(), secret) {
                "the URL"
            } else if request.headers.values().any(|value| holds(value.as_bytes(), secret)) {
                "a header"
            } else if holds(&body, secret) {
                "the body"
            } else {
                continue;
            };
            let finding = self.importer.error(codes::KEY_ELSEWHERE, format!("a secret of this request also stands in {place}"), at);
            finding.help = Some("replace it there by something that is no secret".to_owned());
            self.good = false;
            return;
        }
    }
}

/// Whether a number has more digits than a double keeps.
fn has_wide_numbers(bytes: &[u8]) -> bool {
    let mut digits = 0;
    let mut quoted = false;
    let mut escaped = false;
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'0'..=b'9' | b'.' if !quoted => digits += 1,
            _ => digits = 0,
        }
        if digits > 16 {
            return true;
        }
    }
    false
}

/// Characters that cannot stand in a URL, encoded.
fn encoded(text: &str) -> String {
    utf8_percent_encode(text, PATH).to_string()
}

/// A short form of what the user wrote, for messages.
fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(40).flat_map(char::escape_debug).collect();
    if text.chars().count() > 40 {
        short.push('…');
    }
    short
}
