//! Which API and operation a request is for.
//!
//! The path decides in two steps, as the service does it: the longest API path wins (`places`), and among the operations of that API
//! the most literal template (`templates`). Nothing goes back to a shorter API path when the longest has no fitting operation.
//! Literals are compared without regard to ASCII case (widely believed of the service, not documented); a percent-encoded slash parts
//! no segments (seen on Azure).

mod places;
mod templates;

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use http::{HeaderMap, Method, StatusCode};
use indexmap::Equivalent;
use percent_encoding::percent_decode_str;

pub use self::places::{Entry, Places, VersionBy, VersionSet};
use self::places::{Miss, Request as PlaceRequest};
pub use self::templates::{Template, Templates};
use super::exchange::{Destination, Exchange};
use super::failure::{AnswerBody, Failure};
use super::message::{RequestUrl, UrlText};
use super::snapshot::{Api, ApiIndex, OperationIndex, Snapshot};
use super::worker::Plain;

/// Everything that routing needs, made when the snapshot is made.
#[derive(Debug, Default)]
pub struct Routes {
    /// APIs by path, version and revision.
    pub places: Places,
    /// Operations by template, in the order of [`Snapshot::apis`].
    pub operations: Vec<Templates>,
}

/// Template parameters with their values.
pub type Matched = Vec<(Arc<str>, String)>;

/// Sets the API, the operation, its parameters and the URL behind the API's prefix.
///
/// # Errors
/// `OperationNotFound`: no API or no operation matches. The API is set if only the operation is missing, so that its on-error runs.
pub fn route(snapshot: &Snapshot, exchange: &mut Exchange) -> Result<(), Failure> {
    let (api, rest) = match place(snapshot, exchange) {
        Ok(found) => found,
        Err(miss) => {
            (exchange.request.url.path, exchange.request.url.query) = UrlText::of(&exchange.original.target);
            return Err(not_found(&miss, exchange));
        }
    };
    exchange.api = Some(api);
    let secure = snapshot.api(api).is_some_and(|api| api.protocols.iter().any(|protocol| protocol == "https" || protocol == "wss"));
    if !secure {
        exchange.original.https = false;
    }
    let found =
        exchange.original.path().get(rest..).and_then(|rest| {
            snapshot.routes.operations.get(api.0 as usize)?.find(rest, exchange.original.query(), &exchange.request.method)
        });
    aim(snapshot, exchange, api, rest);
    let Some((operation, matched)) = found else { return Err(not_found(&Miss::Path, exchange)) };
    exchange.operation = Some(operation);
    exchange.matched = matched;
    Ok(())
}

/// The API and operation that a request of `method` to this URL would be for: a preflight asks for another request's.
#[must_use]
pub fn lookup(snapshot: &Snapshot, exchange: &Exchange, method: &Method) -> (Option<ApiIndex>, Option<OperationIndex>) {
    let Ok((api, rest)) = place(snapshot, exchange) else { return (None, None) };
    let operation = exchange
        .original
        .path()
        .get(rest..)
        .and_then(|rest| snapshot.routes.operations.get(api.0 as usize)?.find(rest, exchange.original.query(), method));
    (Some(api), operation.map(|(operation, _)| operation))
}

/// The API, and where in the path what is behind its prefix begins.
fn place(snapshot: &Snapshot, exchange: &Exchange) -> Result<(ApiIndex, usize), Miss> {
    let original = &exchange.original;
    let request = PlaceRequest { path: original.path(), query: original.query(), headers: &exchange.request.headers };
    let (api, rest) = snapshot.routes.places.find(&request)?;
    // The scheme has to be one of the API's `protocols`.
    let lists = |api: &Api, https: bool| {
        let (secure, plain) = if api.websocket { ("wss", "ws") } else { ("https", "http") };
        api.protocols.iter().any(|protocol| protocol == if https { secure } else { plain })
    };
    // A connection that only stands for https reaches APIs without it too.
    let either = !exchange.peer.tls && exchange.worker.plain == Plain::Https;
    let allowed = snapshot.api(api).is_some_and(|api| lists(api, original.https) || (either && lists(api, false)));
    if allowed { Ok((api, rest)) } else { Err(Miss::Path) }
}

/// The request goes to the API's `serviceUrl` unless a policy says otherwise.
fn aim(snapshot: &Snapshot, exchange: &mut Exchange, api: ApiIndex, rest: usize) {
    let base = snapshot.api(api).and_then(|api| api.service_url.clone()).unwrap_or_else(|| snapshot.service.gateway_url.clone());
    let (path, query) = UrlText::of(&exchange.original.target);
    let path = path.from(rest);
    let path = if path.is_empty() { "/".to_owned().into() } else { path };
    exchange.request.url = RequestUrl { base, path, query };
    exchange.destination = Destination::Service;
}

fn not_found(miss: &Miss, exchange: &Exchange) -> Failure {
    let mut failure = Failure::refused("OperationNotFound", StatusCode::NOT_FOUND, "Unable to match incoming request to an operation.")
        .from_source("configuration")
        .answering("Resource not found");
    // Seen once on Azure: without the version that its API needs, a request gets a 404 without a body.
    if matches!(miss, Miss::Version) && !exchange.worker.settings.version_mismatch_body {
        failure.answer.body = AnswerBody::Empty;
    }
    failure
}

/// A path segment or version as it is looked up: without regard to ASCII case, and without a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Folded(Box<str>);

/// The borrowed form of [`Folded`].
struct Folding<'a>(&'a str);

impl Folded {
    fn new(text: &str) -> Self {
        Self(text.to_ascii_lowercase().into_boxed_str())
    }
}

impl Hash for Folded {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Folding(&self.0).hash(state);
    }
}

impl Hash for Folding<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut chunk = [0; 16];
        for bytes in self.0.as_bytes().chunks(chunk.len()) {
            for (own, byte) in chunk.iter_mut().zip(bytes) {
                *own = byte.to_ascii_lowercase();
            }
            state.write(chunk.get(..bytes.len()).unwrap_or_default());
        }
        state.write_u8(0xff);
    }
}

impl Equivalent<Folded> for Folding<'_> {
    fn equivalent(&self, key: &Folded) -> bool {
        self.0.eq_ignore_ascii_case(&key.0)
    }
}

/// Percent-decoded; bytes that are no UTF-8 become U+FFFD, which no literal holds.
fn decoded(text: &str) -> Cow<'_, str> {
    if text.contains('%') { percent_decode_str(text).decode_utf8_lossy() } else { Cow::Borrowed(text) }
}

/// `/a/b` as (`a`, `/b`); `None` when no segment follows.
fn next_segment(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix('/')?;
    let end = rest.find('/').unwrap_or(rest.len());
    Some((rest.get(..end)?, rest.get(end..)?))
}

/// The first value of a header, as text.
fn header_text<'a>(headers: &'a HeaderMap, name: &http::HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests;
