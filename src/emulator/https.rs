//! The emulator's HTTPS listener: TLS with a certificate authority of its own, Entra beside ARM, tokens checked.

mod authority;
mod bearer;
mod connection;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

pub use self::authority::AuthorityError;
use self::authority::CertificateAuthority;
use self::bearer::Bearer;
use super::Emulator;
use super::entra::Entra;
use crate::identity::{Clients, Issuer, IssuerOptions, OpenError};
use crate::support::clock::SharedClock;
use crate::support::random::SharedRandom;

/// Largest request body; the service's own limit for an imported API document is 4 MB.
const LARGEST_BODY: usize = 16 * 1024 * 1024;
/// How long connections may take to finish what they are at when the listener shuts down.
const GRACE: Duration = Duration::from_secs(5);

/// Where and as whom to listen.
#[derive(Debug, Clone)]
pub struct HttpsOptions {
    /// Address; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Where the certificate authority and the issuer's key are kept.
    pub state_dir: PathBuf,
    /// The tenant of the emulated directory.
    pub tenant_id: String,
    /// Applications that may log in.
    pub clients: Clients,
    /// Time.
    pub clock: SharedClock,
    /// Randomness.
    pub random: SharedRandom,
}

/// Why the listener could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken or not ours.
    #[error("`{address}` cannot be listened on: {source}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The certificate authority.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The issuer's key.
    #[error(transparent)]
    Issuer(#[from] OpenError),
}

/// Answers one request. A checked token's [`crate::identity::Claims`] are among the request's extensions.
pub type Handler = dyn Fn(http::Request<Bytes>) -> BoxFuture<'static, http::Response<Bytes>> + Send + Sync;

/// A listener that has its address and its certificate, and does not answer yet: the emulator behind it wants to know
/// the endpoint first.
pub struct Bound {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    endpoint: String,
    address: SocketAddr,
    ca_path: PathBuf,
    issuer: Arc<Issuer>,
    options: HttpsOptions,
}

impl std::fmt::Debug for Bound {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Bound").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// TLS for another server of this machine, by the same authority; and where the authority's certificate lies. For `localhost`, the loopback
/// addresses and `address`; HTTP/2 and HTTP/1.1.
///
/// # Errors
/// The authority cannot be opened or made.
pub fn server_tls(
    state_dir: &Path,
    address: std::net::IpAddr,
    clock: &SharedClock,
) -> Result<(rustls::ServerConfig, PathBuf), authority::AuthorityError> {
    let authority = authority::CertificateAuthority::open(state_dir, clock.utc())?;
    let configuration = authority.server_configuration(address, clock.utc())?;
    Ok((configuration, authority.certificate_path().to_owned()))
}

/// Binds the address, opens or makes the certificate authority and the issuer's key.
///
/// # Errors
/// The address cannot be listened on, or the state directory cannot be used.
pub async fn bind(options: HttpsOptions) -> Result<Bound, ServeError> {
    let listen = |source| ServeError::Listen { address: options.listen, source };
    let listener = TcpListener::bind(options.listen).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    // An address of all interfaces is none that a client can name.
    let host = if address.ip().is_unspecified() { "127.0.0.1".to_owned() } else { address.ip().to_string() };
    let host = if address.is_ipv6() && !address.ip().is_unspecified() { format!("[{host}]") } else { host };
    let endpoint = format!("https://{host}:{}", address.port());
    let authority = CertificateAuthority::open(&options.state_dir, options.clock.utc())?;
    let acceptor = TlsAcceptor::from(Arc::new(authority.server_configuration(address.ip(), options.clock.utc())?));
    let issuer_options = IssuerOptions {
        authority: endpoint.clone(),
        tenant_id: options.tenant_id.to_ascii_lowercase(),
        clock: options.clock.clone(),
        random: options.random.clone(),
    };
    let issuer = Arc::new(Issuer::open(&options.state_dir, issuer_options)?);
    Ok(Bound { listener, acceptor, endpoint, address, ca_path: authority.certificate_path().to_owned(), issuer, options })
}

impl Bound {
    /// The base URL of ARM and Entra both, for instance `https://127.0.0.1:8443`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The certificate authority's certificate, for `SSL_CERT_FILE`.
    #[must_use]
    pub fn ca_path(&self) -> &Path {
        &self.ca_path
    }

    /// The issuer, for other parts of the same world.
    #[must_use]
    pub fn issuer(&self) -> &Arc<Issuer> {
        &self.issuer
    }

    /// Starts to answer: Entra and metadata here, everything else by `handler` once its token is checked.
    #[must_use]
    pub fn serve<F>(self, handler: impl Fn(http::Request<Bytes>) -> F + Send + Sync + 'static) -> Running
    where
        F: Future<Output = http::Response<Bytes>> + Send + 'static,
    {
        let entra = Entra::new(self.issuer.clone(), self.options.clients.clone(), self.options.random.clone(), &self.endpoint);
        let bearer = Bearer::new(self.issuer.clone(), self.endpoint.clone(), self.options.random.clone());
        let handler: Arc<Handler> = Arc::new(move |request| Box::pin(handler(request)));
        let service =
            Arc::new(connection::Service { entra, bearer, handler, largest_body: LARGEST_BODY, clock: self.options.clock.clone() });
        let (stop, stopping) = watch::channel(false);
        let work = connection::accept(self.listener, self.acceptor, service, self.options.clock, stopping, GRACE);
        Running {
            endpoint: self.endpoint,
            address: self.address,
            ca_path: self.ca_path,
            issuer: self.issuer,
            stop,
            task: tokio::spawn(work),
        }
    }
}

/// Serves an emulator on a bound listener.
#[must_use]
pub fn serve(emulator: Arc<Emulator>, bound: Bound) -> Running {
    bound.serve(move |request| {
        let emulator = emulator.clone();
        async move { emulator.handle(request).await }
    })
}

/// A listener at work. Dropping it stops it at once; [`Running::shutdown`] lets requests finish.
#[derive(Debug)]
pub struct Running {
    endpoint: String,
    address: SocketAddr,
    ca_path: PathBuf,
    issuer: Arc<Issuer>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Running {
    /// The base URL of ARM and Entra both.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The address that is listened on.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate authority's certificate, for `SSL_CERT_FILE`.
    #[must_use]
    pub fn ca_path(&self) -> &Path {
        &self.ca_path
    }

    /// The issuer, for other parts of the same world.
    #[must_use]
    pub fn issuer(&self) -> &Arc<Issuer> {
        &self.issuer
    }

    /// Takes no more connections, lets requests under way finish (five seconds at most), and returns.
    pub async fn shutdown(mut self) {
        // The task may be gone already; then there is nothing to stop.
        let _ = self.stop.send(true);
        let _ = (&mut self.task).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests;
