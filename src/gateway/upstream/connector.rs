//! Making connections: the network's, or a test's in-memory streams.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::failure::{ConnectFailure, Phase};
use super::target::Target;
use super::tls::{DefaultTls, TlsSettings};

/// A stream of bytes both ways.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A stream of any kind.
pub type BoxedIo = Box<dyn Io>;

/// Which HTTP a call may use, `forward-request`'s `http-version`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum HttpVersion {
    /// `1`: HTTP/1.1.
    #[default]
    Http1,
    /// `2or1`: HTTP/2 where the backend agrees to it in the TLS handshake, else HTTP/1.1.
    Http2Or1,
    /// `2`: HTTP/2, without TLS by prior knowledge.
    Http2,
}

/// What two ends of a connection agreed to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

/// A connection, TLS done.
pub struct Connected {
    /// The stream.
    pub io: BoxedIo,
    /// What is spoken on it.
    pub protocol: Protocol,
}

impl fmt::Debug for Connected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Connected").field("protocol", &self.protocol).finish_non_exhaustive()
    }
}

/// Makes connections.
pub trait Connector: Send + Sync {
    /// A new connection to `target`, TLS included. The caller limits the time.
    fn connect<'a>(&'a self, target: &'a Target, version: HttpVersion) -> BoxFuture<'a, Result<Connected, ConnectFailure>>;
}

/// The network: names by the system's resolver, TCP, TLS by rustls.
pub struct Network {
    default_tls: Arc<DefaultTls>,
}

impl Network {
    /// `default_tls` serves https targets without settings of their own.
    #[must_use]
    pub const fn new(default_tls: Arc<DefaultTls>) -> Self {
        Self { default_tls }
    }

    async fn tcp(target: &Target) -> Result<TcpStream, ConnectFailure> {
        let stream = if let Ok(address) = target.host().parse::<IpAddr>() {
            TcpStream::connect(SocketAddr::new(address, target.port())).await
        } else {
            let found = tokio::net::lookup_host((target.host(), target.port())).await;
            let addresses = found.map_err(|error| ConnectFailure::new(Phase::Dns, error))?;
            let mut last = None;
            let mut connected = None;
            for address in addresses {
                match TcpStream::connect(address).await {
                    Ok(stream) => {
                        connected = Some(stream);
                        break;
                    }
                    Err(error) => last = Some(error),
                }
            }
            match (connected, last) {
                (Some(stream), _) => Ok(stream),
                (None, Some(error)) => Err(error),
                (None, None) => {
                    let error = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
                    return Err(ConnectFailure::new(Phase::Dns, error));
                }
            }
        };
        let stream = stream.map_err(|error| ConnectFailure::new(Phase::Connect, error))?;
        // Requests are written whole; when the system refuses, they wait a little.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }
}

impl Connector for Network {
    fn connect<'a>(&'a self, target: &'a Target, version: HttpVersion) -> BoxFuture<'a, Result<Connected, ConnectFailure>> {
        Box::pin(async move {
            let stream = Self::tcp(target).await?;
            if !target.is_secure() {
                // Without TLS nothing is negotiated: "2 or 1" can only mean 1.
                let protocol = if version == HttpVersion::Http2 { Protocol::Http2 } else { Protocol::Http1 };
                return Ok(Connected { io: Box::new(stream), protocol });
            }
            let defaults;
            let settings = match target.tls() {
                Some(settings) => settings,
                None => {
                    defaults = self.default_tls.settings().map_err(|error| ConnectFailure::new(Phase::Tls, error))?;
                    &defaults
                }
            };
            secure(stream, target, settings, version).await
        })
    }
}

/// The TLS handshake over any stream.
///
/// # Errors
/// The handshake fails, or the backend does not agree to HTTP/2 where nothing else will do.
pub async fn secure<S: Io + 'static>(
    stream: S,
    target: &Target,
    settings: &TlsSettings,
    version: HttpVersion,
) -> Result<Connected, ConnectFailure> {
    let failed = |error| ConnectFailure::new(Phase::Tls, error);
    let name = settings.server_name(target).map_err(failed)?;
    let stream = TlsConnector::from(settings.configuration(version)).connect(name, stream).await.map_err(failed)?;
    let agreed = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let protocol = match (version, agreed) {
        (HttpVersion::Http1, _) | (HttpVersion::Http2Or1, false) => Protocol::Http1,
        (_, true) => Protocol::Http2,
        (HttpVersion::Http2, false) => {
            return Err(failed(io::Error::new(io::ErrorKind::Unsupported, "the backend does not agree to HTTP/2")));
        }
    };
    Ok(Connected { io: Box::new(stream), protocol })
}

impl fmt::Debug for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Network").finish_non_exhaustive()
    }
}
