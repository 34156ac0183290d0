//! What hyper lets pass and a gateway must not: a request is given one meaning, or refused.

use std::mem;

use http::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use http::uri::{Authority, PathAndQuery};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, Version};

use crate::gateway::body::Body;

/// Brings the target to origin form and the host into `Host` (RFC 9112 section 3.2.2, RFC 9113 section 8.3.1).
///
/// hyper itself refuses: two different lengths, invalid lengths, a transfer encoding that does not end in `chunked` or comes
/// with HTTP/1.0, folded lines, spaces before a colon, invalid characters in names, values, targets and chunk sizes.
///
/// # Errors
/// The status to refuse it with.
pub(super) fn normalise<B>(request: &mut Request<B>, longest_target: usize) -> Result<(), StatusCode> {
    // A tunnel is not what a gateway is for.
    if request.method() == Method::CONNECT {
        return Err(StatusCode::NOT_IMPLEMENTED);
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    let (host, second) = (hosts.next(), hosts.next());
    // RFC 9112 section 3.2: exactly one, in HTTP/1.1.
    if second.is_some() || (host.is_none() && request.version() == Version::HTTP_11) {
        return Err(StatusCode::BAD_REQUEST);
    }
    // Empty is allowed; what is there must be a host and nothing else.
    if host.is_some_and(|host| !host.is_empty() && !is_host(host)) {
        return Err(StatusCode::BAD_REQUEST);
    }
    let uri = request.uri();
    if uri.path_and_query().is_some_and(|target| target.as_str().len() > longest_target) {
        return Err(StatusCode::URI_TOO_LONG);
    }
    if uri.authority().is_some() {
        // Without a scheme it is a CONNECT's target.
        if uri.scheme().is_none() {
            return Err(StatusCode::BAD_REQUEST);
        }
        let parts = mem::take(request.uri_mut()).into_parts();
        let target = parts.path_and_query.unwrap_or_else(|| PathAndQuery::from_static("/"));
        *request.uri_mut() = Uri::from(target);
        let host = parts.authority.as_ref().map(host_of).and_then(|host| HeaderValue::from_str(host).ok());
        // The target's host counts, whatever a field says.
        request.headers_mut().insert(HOST, host.ok_or(StatusCode::BAD_REQUEST)?);
    } else if uri.path() == "*" && request.method() != Method::OPTIONS {
        return Err(StatusCode::BAD_REQUEST);
    }
    Ok(())
}

/// Host and port, without a user.
fn host_of(authority: &Authority) -> &str {
    let text = authority.as_str();
    text.rsplit_once('@').map_or(text, |(_, host)| host)
}

/// The characters of a host (a registered name, an address) and port: no path, no user, no list.
fn is_host(value: &HeaderValue) -> bool {
    value.as_bytes().iter().all(|byte| {
        byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'.' | b'-'
                    | b'_'
                    | b':'
                    | b'['
                    | b']'
                    | b'~'
                    | b'%'
                    | b'!'
                    | b'$'
                    | b'&'
                    | b'\''
                    | b'('
                    | b')'
                    | b'*'
                    | b'+'
                    | b';'
                    | b'='
            )
    })
}

/// Whether the connection must end after this request.
///
/// A request with `Transfer-Encoding` may have had a `Content-Length`, too, which hyper drops without a word; such a request
/// must be the last one (RFC 9112 section 6.1), lest somebody on the way took the other length to be right.
pub(super) fn must_be_last<B>(request: &Request<B>) -> bool {
    request.version() <= Version::HTTP_11 && request.headers().contains_key(TRANSFER_ENCODING)
}

/// Ends the connection after this answer.
pub(super) fn close(response: &mut Response<Body>) {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
}

/// An answer of the front's own.
pub(super) fn refusal(status: StatusCode, version: Version) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    // In HTTP/2 there is no such field, and one stream's fault is not another's.
    if version <= Version::HTTP_11 {
        close(&mut response);
    }
    response
}
