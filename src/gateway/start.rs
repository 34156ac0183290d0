//! A gateway at work: snapshots that follow the store, and the endpoints of its workers.

use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::header::HOST;
use http::uri::PathAndQuery;
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use rustls::ServerConfig;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::body::Body;
use super::exchange::{Arrival, Exchange, Original};
use super::front::upgrade::{ClientUpgrade, splice};
use super::front::{self, Drained, Peer, Service};
use super::message::{MessageBody, RequestMessage, RequestUrl, UrlText};
use super::record::Observer;
use super::serve::serve;
use super::settings::Settings;
use super::snapshot::{BuildError, Builder, Overrides, Snapshot};
use super::state::State;
use super::upstream::{Connector, PoolLimits, Upstream};
use super::worker::{Limits, Plain, Tracing, Worker};
use crate::arm::ResourceId;
use crate::arm::store::Store;
use crate::support::clock::SharedClock;

/// Writes come in bursts (an apply is dozens): a new snapshot waits until it has been quiet for so long,
const QUIET: Duration = Duration::from_millis(20);
/// and no longer than this after the first.
const PATIENCE: Duration = Duration::from_millis(200);

/// What a gateway is made of.
pub struct GatewayOptions {
    /// What ARM keeps.
    pub store: Store,
    /// The service whose gateway this is.
    pub service: ResourceId,
    /// What the command line puts in the place of what is stored.
    pub overrides: Overrides,
    /// Disputed behaviours.
    pub settings: Settings,
    /// Time, randomness, tokens, and everything that outlives snapshots.
    pub state: State,
    /// How backends are reached.
    pub connector: Arc<dyn Connector>,
    /// Connections to backends that each worker keeps.
    pub pool: PoolLimits,
    /// Bounds on what is kept in memory.
    pub limits: Limits,
    /// What a connection without TLS stands for.
    pub plain: Plain,
    /// Who is told of every request.
    pub observers: Vec<Arc<dyn Observer>>,
    /// Who gets a trace.
    pub tracing: Tracing,
}

impl GatewayOptions {
    /// The defaults.
    #[must_use]
    pub fn new(store: Store, service: ResourceId, state: State, connector: Arc<dyn Connector>) -> Self {
        Self {
            store,
            service,
            overrides: Overrides::default(),
            settings: Settings::default(),
            state,
            connector,
            pool: PoolLimits::default(),
            limits: Limits::default(),
            plain: Plain::default(),
            observers: Vec::new(),
            tracing: Tracing::default(),
        }
    }
}

impl fmt::Debug for GatewayOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("GatewayOptions").field("service", &self.service).finish_non_exhaustive()
    }
}

/// Where a gateway listens.
#[derive(Debug)]
pub struct Listening {
    /// Bound sockets, with TLS where it is spoken.
    pub listeners: Vec<front::Listener>,
    /// Threads.
    pub workers: NonZeroUsize,
    /// What is taken from clients.
    pub limits: front::Limits,
    /// How long requests under way may take to finish at the end.
    pub grace: Duration,
}

impl Listening {
    /// On these sockets without TLS.
    #[must_use]
    pub fn plain(sockets: Vec<TcpListener>, workers: NonZeroUsize) -> Self {
        Self::new(sockets, None, workers)
    }

    /// On these sockets, all with TLS or none.
    #[must_use]
    pub fn new(sockets: Vec<TcpListener>, tls: Option<Arc<ServerConfig>>, workers: NonZeroUsize) -> Self {
        let listeners = sockets.into_iter().map(|socket| front::Listener { socket, tls: tls.clone() }).collect();
        Self { listeners, workers, limits: front::Limits::default(), grace: Duration::from_secs(30) }
    }
}

/// The gateway of one service.
pub struct Gateway {
    store: Store,
    builder: Mutex<Builder>,
    current: Arc<ArcSwap<Snapshot>>,
    changed: watch::Sender<u64>,
    state: Arc<State>,
    settings: Arc<Settings>,
    connector: Arc<dyn Connector>,
    pool: PoolLimits,
    limits: Limits,
    plain: Plain,
    observers: Arc<[Arc<dyn Observer>]>,
    tracing: Tracing,
}

impl Gateway {
    /// Compiles what the store holds now. Nothing listens yet, and nothing follows the store: see [`Gateway::follow`].
    ///
    /// # Errors
    /// The store has no such service.
    pub fn new(options: GatewayOptions) -> Result<Arc<Self>, BuildError> {
        let state = State { debugging: options.store.debugging().clone(), ..options.state };
        let (state, settings) = (Arc::new(state), Arc::new(options.settings));
        let mut builder = Builder::new(options.service, state.clone(), settings.clone(), options.overrides);
        // The revision is read first: what is written in between is seen twice rather than never.
        let revision = *options.store.changes().borrow();
        let snapshot = builder.build(&options.store.snapshot(), revision)?;
        Ok(Arc::new(Self {
            store: options.store,
            builder: Mutex::new(builder),
            current: Arc::new(ArcSwap::from_pointee(snapshot)),
            changed: watch::Sender::new(revision),
            state,
            settings,
            connector: options.connector,
            pool: options.pool,
            limits: options.limits,
            plain: options.plain,
            observers: options.observers.into(),
            tracing: options.tracing,
        }))
    }

    /// What is served now.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// What outlives snapshots.
    #[must_use]
    pub const fn state(&self) -> &Arc<State> {
        &self.state
    }

    /// Time.
    #[must_use]
    pub fn clock(&self) -> &SharedClock {
        &self.state.clock
    }

    /// Fires after each new snapshot with the store's revision that it was made from.
    #[must_use]
    pub fn snapshots(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Compiles what the store holds now. Requests under way keep the snapshot that they began with. If the service is gone, the last
    /// snapshot stays.
    ///
    /// # Errors
    /// The store has no such service any more.
    pub fn reload(&self) -> Result<(), BuildError> {
        let mut builder = self.builder.lock().unwrap_or_else(PoisonError::into_inner);
        let revision = *self.store.changes().borrow();
        let snapshot = builder.build(&self.store.snapshot(), revision)?;
        self.current.store(Arc::new(snapshot));
        self.changed.send_replace(revision);
        Ok(())
    }

    /// Reloads whenever the store has changed, until the store is gone. Dropping the future ends it.
    pub async fn follow(self: Arc<Self>) {
        let mut changes = self.store.changes();
        let clock = self.state.clock.clone();
        loop {
            let served = self.current.load().revision;
            if changes.wait_for(|revision| *revision != served).await.is_err() {
                return;
            }
            let deadline = clock.now() + PATIENCE;
            loop {
                let left = deadline.saturating_duration_since(clock.now()).min(QUIET);
                tokio::select! {
                    changed = changes.changed() => if changed.is_err() || clock.now() >= deadline { break },
                    () = clock.sleep(left) => break,
                }
            }
            if let Err(error) = self.reload() {
                tracing::warn!(%error, "the gateway goes on with what it had");
                // Nothing to serve is nothing to compile until the next write.
                if changes.changed().await.is_err() {
                    return;
                }
            }
        }
    }

    /// What serves the requests of one worker, with connections of its own.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        let worker = Worker {
            current: self.current.clone(),
            state: self.state.clone(),
            settings: self.settings.clone(),
            upstream: Upstream::new(self.connector.clone(), self.state.clock.clone(), self.pool),
            limits: self.limits,
            plain: self.plain,
            observers: self.observers.clone(),
            tracing: self.tracing,
        };
        Endpoint(Arc::new(worker))
    }

    /// Listens, and follows the store.
    ///
    /// # Errors
    /// A socket or thread cannot be set up.
    pub fn listen(self: &Arc<Self>, listening: Listening) -> std::io::Result<Running> {
        let Listening { listeners, workers, limits, grace } = listening;
        let options = front::Options { workers, limits, grace, clock: self.state.clock.clone() };
        let gateway = self.clone();
        let front = front::start(listeners, options, move |_| gateway.endpoint())?;
        Ok(Running { front, following: Following(tokio::spawn(self.clone().follow())) })
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Gateway").field("service", &self.snapshot().service.id).finish_non_exhaustive()
    }
}

/// Ends with its owner.
#[derive(Debug)]
struct Following(JoinHandle<()>);

impl Drop for Following {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A gateway that listens.
#[derive(Debug)]
pub struct Running {
    front: front::Running,
    following: Following,
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        self.front.addresses()
    }

    /// Stops to accept, and lets requests finish.
    pub async fn drain(self) -> Drained {
        let Self { front, following } = self;
        drop(following);
        front.drain().await
    }
}

/// Serves the requests of one worker.
#[derive(Debug, Clone)]
pub struct Endpoint(Arc<Worker>);

impl Service for Endpoint {
    async fn call(&self, mut request: Request<Incoming>, peer: &Arc<Peer>) -> Response<Body> {
        let wish = ClientUpgrade::take(&mut request);
        let (parts, incoming) = request.into_parts();
        let response = serve(self.arrive(parts, Body::client(incoming), peer)).await;
        match wish {
            Some(wish) => splice(wish, response, ()),
            None => response,
        }
    }
}

impl Endpoint {
    /// The worker.
    #[must_use]
    pub const fn worker(&self) -> &Arc<Worker> {
        &self.0
    }

    fn arrive(&self, parts: http::request::Parts, body: Body, peer: &Arc<Peer>) -> Exchange {
        let worker = &self.0;
        let snapshot = worker.current.load_full();
        let original = Original {
            method: parts.method.clone(),
            https: peer.tls || worker.plain == Plain::Https,
            host: parts.headers.get(HOST).cloned(),
            target: without_dots(&parts.uri),
        };
        let had_body = !body.is_empty();
        // Routing fills it in.
        let url = RequestUrl { base: snapshot.service.gateway_url.clone(), path: UrlText::default(), query: None };
        let request = RequestMessage {
            method: parts.method,
            url,
            headers: parts.headers,
            body: if had_body { MessageBody::Stream(body) } else { MessageBody::Empty },
            had_body,
        };
        let arrival = Arrival { worker: worker.clone(), snapshot, peer: peer.clone(), original, request };
        Exchange::new(arrival)
    }
}

/// `.` and `..` segments are resolved before anything is matched, as .NET's `Uri` does (assumed): no policy or backend may see another path
/// than the one that was routed.
fn without_dots(uri: &Uri) -> PathAndQuery {
    let dots = |segment: &str| match segment.as_bytes() {
        [b'.' | b'%', ..] if segment.len() <= 6 => match segment.to_ascii_lowercase().replace("%2e", ".").as_str() {
            "." => 1,
            ".." => 2,
            _ => 0,
        },
        _ => 0,
    };
    let path = uri.path();
    if !path.split('/').any(|segment| dots(segment) > 0) {
        return uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    }
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let dots = dots(segment);
        if dots == 2 {
            kept.pop();
        }
        if dots == 0 {
            kept.push(segment);
        } else if segments.peek().is_none() {
            // `/a/.` is a directory.
            kept.push("");
        }
    }
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    // Parts of what was valid are valid.
    PathAndQuery::try_from(format!("/{}{query}", kept.join("/"))).unwrap_or_else(|_| PathAndQuery::from_static("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_are_resolved_also_when_they_are_encoded() {
        for (path, expected) in [
            ("/a/b", "/a/b"),
            ("/a/../b", "/b"),
            ("/a/%2e%2E/b", "/b"),
            ("/../../b", "/b"),
            ("/a/./b/", "/a/b/"),
            ("/a/b/..", "/a/"),
            ("/a/.b/...", "/a/.b/..."),
            ("/a/../b?c=../d", "/b?c=../d"),
            ("*", "*"),
        ] {
            assert_eq!(without_dots(&Uri::try_from(path).unwrap()), expected);
        }
    }
}
