//! Workers: threads with a runtime of their own, connections dealt out among them, and their end.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::connection::{Agreed, Settings, serve_agreed};
use super::{Drain, Limits, Peer, Service};
use crate::support::clock::SharedClock;

/// After a failed accept (no file handles left): the next one would fail at once, too.
const BREATHER: Duration = Duration::from_millis(50);

/// A socket to accept on.
#[derive(Debug)]
pub struct Listener {
    /// Bound and listening; made non-blocking here.
    pub socket: std::net::TcpListener,
    /// TLS, if it is spoken there. Its ALPN list is taken as it is.
    pub tls: Option<Arc<ServerConfig>>,
}

/// Which worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WorkerIndex(pub usize);

/// How to serve.
#[derive(Debug, Clone)]
pub struct Options {
    /// Threads, each with a runtime of its own.
    pub workers: NonZeroUsize,
    /// What is taken from clients.
    pub limits: Limits,
    /// How long requests under way may take to finish when the front drains.
    pub grace: Duration,
    /// Time.
    pub clock: SharedClock,
}

/// A connection on its way to a worker.
struct Dealt {
    stream: TcpStream,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    permit: OwnedSemaphorePermit,
}

/// Starts to serve. `factory` is called once on each worker's thread, inside its runtime, and may spawn there.
///
/// Accepting is a task of the caller's runtime: it must be one with I/O enabled that goes on running.
///
/// # Errors
/// A socket or thread cannot be set up.
pub fn start<S, F>(listeners: Vec<Listener>, options: Options, factory: F) -> io::Result<Running>
where
    S: Service,
    F: Fn(WorkerIndex) -> S + Send + Sync + 'static,
{
    let drain = Drain::new();
    let factory = Arc::new(factory);
    let mut addresses = Vec::new();
    let mut bound = Vec::new();
    for listener in listeners {
        listener.socket.set_nonblocking(true)?;
        let socket = TcpListener::from_std(listener.socket)?;
        addresses.push(socket.local_addr()?);
        bound.push((socket, listener.tls.map(TlsAcceptor::from)));
    }
    let mut senders = Vec::new();
    let mut ended = Vec::new();
    for index in 0..options.workers.get() {
        let (sender, dealt) = mpsc::unbounded_channel();
        let (end, ending) = oneshot::channel();
        let worker = Worker { dealt, drain: drain.clone(), options: options.clone() };
        let factory = factory.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name(format!("gateway-{index}")).spawn(move || {
            let cut = runtime.block_on(async move { worker.run(Arc::new(factory(WorkerIndex(index)))).await });
            // Nobody may be waiting any more.
            let _ = end.send(cut);
        })?;
        senders.push(sender);
        ended.push(ending);
    }
    let permits = Arc::new(Semaphore::new(options.limits.connections));
    let mut accepting = JoinSet::new();
    for (socket, tls) in bound {
        accepting.spawn(accept(socket, tls, senders.clone(), permits.clone(), options.clock.clone()));
    }
    drop(senders);
    let accepting = tokio::spawn(async move { while accepting.join_next().await.is_some() {} });
    Ok(Running {
        addresses,
        drain,
        accepting: Accepting(accepting.abort_handle()),
        ended,
        permits,
        connections: options.limits.connections,
    })
}

async fn accept(
    socket: TcpListener,
    tls: Option<TlsAcceptor>,
    workers: Vec<mpsc::UnboundedSender<Dealt>>,
    permits: Arc<Semaphore>,
    clock: SharedClock,
) {
    let mut workers = workers.iter().cycle();
    loop {
        let Ok(permit) = permits.clone().acquire_owned().await else { return };
        let accepted = match socket.accept().await {
            Ok((stream, address)) => stream.into_std().map(|stream| (stream, address)),
            Err(error) => Err(error),
        };
        match accepted {
            Ok((stream, address)) => {
                let dealt = Dealt { stream, address, tls: tls.clone(), permit };
                // A worker that is gone takes its share with it: the connection closes.
                let _ = workers.next().map(|worker| worker.send(dealt));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                clock.sleep(BREATHER).await;
            }
        }
    }
}

/// One thread's connections.
struct Worker {
    dealt: mpsc::UnboundedReceiver<Dealt>,
    drain: Drain,
    options: Options,
}

impl Worker {
    /// Serves until the drain begins or nobody deals any more, then lets connections finish. Returns how many were cut.
    async fn run<S: Service>(mut self, service: Arc<S>) -> usize {
        let settings = Arc::new(Settings::new(self.options.limits, self.options.clock.clone()));
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                dealt = self.dealt.recv() => match dealt {
                    Some(dealt) => drop(connections.spawn(connection(dealt, service.clone(), settings.clone(), self.drain.clone()))),
                    None => break,
                },
                // Finished connections are let go as they finish.
                Some(_) = connections.join_next() => {}
            }
        }
        if !self.drain.is_started() {
            // Nobody holds the front any more.
            return connections.len() + settings.streams.count();
        }
        {
            let finished = pin!(async {
                while connections.join_next().await.is_some() {}
                // Connections that became WebSockets are over for hyper.
                settings.streams.none().await;
            });
            select(finished, self.options.clock.sleep(self.options.grace)).await;
        }
        connections.len() + settings.streams.count()
    }
}

async fn connection<S: Service>(dealt: Dealt, service: Arc<S>, settings: Arc<Settings>, drain: Drain) {
    let Dealt { stream, address, tls, permit } = dealt;
    // Given back when the connection is over.
    let _permit = permit;
    let Ok(stream) = tokio::net::TcpStream::from_std(stream) else { return };
    // Small answers should not wait for more; when the system refuses, they do.
    let _ = stream.set_nodelay(true);
    let Ok(local) = stream.local_addr() else { return };
    let mut peer = Peer::plain(address, local);
    let Some(tls) = tls else {
        return serve_agreed(stream, peer, service, &settings, &drain, Agreed::Nothing).await;
    };
    let time = settings.handshake_time();
    let stream = match select(pin!(tls.accept(stream)), time).await {
        Either::Left((Ok(stream), _)) => stream,
        Either::Left((Err(error), _)) => {
            tracing::debug!(%error, "a TLS handshake failed");
            return;
        }
        Either::Right(_) => return,
    };
    let session = stream.get_ref().1;
    peer.tls = true;
    peer.client_certificate = session.peer_certificates().and_then(|chain| chain.first()).map(|leaf| leaf.clone().into_owned());
    peer.server_name = session.server_name().map(str::to_owned);
    let agreed = match session.alpn_protocol() {
        Some(b"h2") => Agreed::Http2,
        Some(_) => Agreed::Http1,
        None => Agreed::Nothing,
    };
    serve_agreed(stream, peer, service, &settings, &drain, agreed).await;
}

/// Accepting ends when this is dropped, and with it, as nobody deals any more, the workers.
#[derive(Debug)]
struct Accepting(AbortHandle);

impl Drop for Accepting {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A front at work. Dropping it cuts every connection; [`Running::drain`] lets requests finish.
#[derive(Debug)]
pub struct Running {
    addresses: Vec<SocketAddr>,
    drain: Drain,
    accepting: Accepting,
    ended: Vec<oneshot::Receiver<usize>>,
    permits: Arc<Semaphore>,
    connections: usize,
}

impl Running {
    /// The addresses that are listened on, in the order of the listeners.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Connections that are open now, or being accepted.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.saturating_sub(self.permits.available_permits())
    }

    /// Stops to accept, lets requests under way finish (each connection closes after its own, idle ones at once), and cuts
    /// what is left after the grace.
    pub async fn drain(self) -> Drained {
        let Self { drain, accepting, ended, .. } = self;
        drain.start();
        drop(accepting);
        let mut cut = 0;
        for worker in ended {
            // A worker that panicked has nothing left to wait for.
            cut += worker.await.unwrap_or(0);
        }
        Drained { cut }
    }
}

/// How a drain went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were cut because they were not done within the grace.
    pub cut: usize,
}
