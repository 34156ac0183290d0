//! How a call to a backend fails: where, how far it had got, and why.

use std::fmt;
use std::io;

use crate::gateway::body::BodyError;

/// The part of a call in which it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The host's name was being looked up.
    Dns,
    /// The connection was being made.
    Connect,
    /// The TLS handshake was under way.
    Tls,
    /// The request was being written.
    Write,
    /// The response's head was awaited.
    ResponseHead,
}

impl fmt::Display for Phase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Dns => "name resolution",
            Self::Connect => "connect",
            Self::Tls => "TLS handshake",
            Self::Write => "sending the request",
            Self::ResponseHead => "waiting for the response",
        })
    }
}

/// A call to a backend that brought no response.
#[derive(Debug, thiserror::Error)]
#[error("{phase} failed: {cause}")]
pub struct SendFailure {
    /// Where.
    pub phase: Phase,
    /// The connection had served an earlier call.
    pub reused: bool,
    /// Bytes of the request (head and body) that were given to the connection.
    pub bytes_sent: u64,
    /// Bytes of an answer that came.
    pub bytes_received: u64,
    /// A time limit of the call ran out.
    pub timed_out: bool,
    /// Why.
    #[source]
    pub cause: FailureCause,
}

impl SendFailure {
    /// The request's own body broke off: the client's fault, not the backend's.
    #[must_use]
    pub const fn by_client(&self) -> bool {
        matches!(self.cause, FailureCause::RequestBody(_))
    }
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum FailureCause {
    /// A time limit of the call.
    #[error("no answer within the time limit")]
    TimedOut,
    /// No address, no connection, no TLS.
    #[error(transparent)]
    Connect(#[from] io::Error),
    /// On a connection that stood, HTTP/1.1.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// On a connection that stood, HTTP/2.
    #[error(transparent)]
    Http2(hyper::Error),
    /// The client's body broke off while it was passed on.
    #[error(transparent)]
    RequestBody(BodyError),
}

/// A connection that could not be made.
#[derive(Debug, thiserror::Error)]
#[error("{phase} failed: {source}")]
pub struct ConnectFailure {
    /// [`Phase::Dns`], [`Phase::Connect`] or [`Phase::Tls`].
    pub phase: Phase,
    /// Why.
    pub source: io::Error,
}

impl ConnectFailure {
    /// A failure with the system's or TLS's own reason.
    #[must_use]
    pub const fn new(phase: Phase, source: io::Error) -> Self {
        Self { phase, source }
    }
}

/// What can go wrong with HTTP/1.1 on a connection that stands.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The connection failed.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
    /// The backend closed the connection where more was due.
    #[error("the backend closed the connection")]
    Closed,
    /// The answer is not HTTP/1.1.
    #[error("the backend's answer is not HTTP: {0}")]
    NotHttp(#[from] httparse::Error),
    /// A head longer, or with more fields, than is read.
    #[error("the head of the backend's answer is too large")]
    HeadTooLarge,
    /// A field of the head contradicts another or itself.
    #[error("the backend's answer is framed wrongly: {0}")]
    Framing(&'static str),
    /// The request body is shorter or longer than its head said.
    #[error("the request's body is not as long as announced")]
    RequestLength,
}
