//! The listener's side: connections accepted and dealt out, HTTP/1.1 and HTTP/2 spoken, requests made safe and handed to a
//! [`Service`].

mod connection;
mod drain;
mod request;
mod sniff;
pub mod upgrade;
mod workers;

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use rustls::pki_types::CertificateDer;

pub use self::connection::{Settings, serve};
pub use self::drain::Drain;
pub use self::workers::{Drained, Listener, Options, Running, WorkerIndex, start};
use super::body::Body;

/// Answers requests. One for each worker; called for each request, dispatched statically.
pub trait Service: Send + Sync + 'static {
    /// Answers `request`. Its target is in origin form and its `Host` header is the one that counts, however the client
    /// wrote them (absolute form, HTTP/2 pseudo headers).
    ///
    /// The future is dropped when the client goes away (HTTP/1.1) or resets the stream (HTTP/2) before the answer's head.
    fn call(&self, request: Request<Incoming>, peer: &Arc<Peer>) -> impl Future<Output = Response<Body>> + Send;
}

/// Who is at the other end of a connection; shared by all its requests.
#[derive(Clone)]
pub struct Peer {
    /// The client's address.
    pub address: SocketAddr,
    /// The address it connected to.
    pub local: SocketAddr,
    /// The connection is over TLS.
    pub tls: bool,
    /// The certificate the client showed, in DER.
    pub client_certificate: Option<CertificateDer<'static>>,
    /// The name the client asked for in the TLS handshake.
    pub server_name: Option<String>,
    forwarded: OnceLock<Option<HeaderValue>>,
}

impl Peer {
    /// A client without TLS.
    #[must_use]
    pub const fn plain(address: SocketAddr, local: SocketAddr) -> Self {
        Self { address, local, tls: false, client_certificate: None, server_name: None, forwarded: OnceLock::new() }
    }

    /// The client's address as `X-Forwarded-For` has it; written once for all requests of the connection.
    #[must_use]
    pub fn forwarded(&self) -> Option<&HeaderValue> {
        self.forwarded.get_or_init(|| HeaderValue::try_from(self.address.ip().to_canonical().to_string()).ok()).as_ref()
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Peer").field("address", &self.address).field("tls", &self.tls).finish_non_exhaustive()
    }
}

/// What is taken from a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest head of a request in bytes; more is answered 431.
    pub head: usize,
    /// Most fields of a head; more is answered 431.
    pub fields: usize,
    /// Longest request target (path and query) in bytes; more is answered 414.
    pub target: usize,
    /// How long a client may take for a request's head; also how long a connection may be idle between requests.
    pub head_time: Duration,
    /// How long a client may take for the TLS handshake.
    pub handshake_time: Duration,
    /// Connections at one time; further ones wait to be accepted.
    pub connections: usize,
    /// Streams at one time on an HTTP/2 connection.
    pub streams: u32,
}

impl Default for Limits {
    /// 32 KiB and 100 fields, as common servers have it (assumed for API Management); 16,384 bytes of URL (the service's
    /// documented gateway limit); four minutes of idling (Azure's load balancer); 8,192 connections and 256 streams (assumed).
    fn default() -> Self {
        Self {
            head: 32 * 1024,
            fields: 100,
            target: 16 * 1024,
            head_time: Duration::from_secs(240),
            handshake_time: Duration::from_secs(10),
            connections: 8192,
            streams: 256,
        }
    }
}
