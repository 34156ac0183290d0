//! HTTP/1.1 and HTTP/2 around the simulator, over any stream.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Connect, Simulator};
use crate::support::clock::SharedClock;

/// How long open connections may take to finish when a listener stops.
const GRACE: Duration = Duration::from_secs(5);
/// What `accept` fails with when the process has no descriptors left passes; waiting a little is all there is to do.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves one connection to `account`: HTTP/1.1, or HTTP/2 if the client begins with its preface. Ends when the client closes it, when a rule
/// cuts it, or, once `stopping` says so, when what is in flight is answered.
///
/// Whether there is a connection at all is asked of [`Simulator::connect`] beforehand.
///
/// # Errors
/// The stream broke off, or was cut by a rule.
pub async fn serve_connection<S>(
    simulator: Simulator,
    account: Arc<str>,
    stream: S,
    mut stopping: watch::Receiver<bool>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let (simulator, account) = (simulator.clone(), account.clone());
        async move { simulator.handle(&account, request).await }
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        result = connection.as_mut() => return result,
        // A sender that is gone does not stop anything.
        () = stopped(&mut stopping) => connection.as_mut().graceful_shutdown(),
    }
    connection.await
}

/// Resolves when `stopping` says so.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    if stopping.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// How much lies between client and server of a connection in memory, in each direction.
const IN_MEMORY: usize = 64 * 1024;

/// Connects to `account` in memory: no socket, no thread. Must be called inside a `tokio` runtime, which serves the other end.
///
/// # Errors
/// What the client meets instead of a connection. A reset is a stream whose other end is closed already, so it is no error.
pub fn dial(simulator: &Simulator, account: &str) -> Result<DuplexStream, Connect> {
    let outcome = simulator.connect(account);
    let (client, server) = duplex(IN_MEMORY);
    match outcome {
        Connect::Established => {
            // Nobody stops it but the client.
            let (_, stopping) = watch::channel(false);
            tokio::spawn(serve_connection(simulator.clone(), account.into(), server, stopping));
            Ok(client)
        }
        Connect::Reset => Ok(client),
        Connect::Refused | Connect::NameNotFound | Connect::TlsFailed | Connect::NeverAnswers => Err(outcome),
    }
}

/// Serves `account` on a listener until `stopping` says so, then lets connections finish for a few seconds.
///
/// Over TCP a refused connection, a failed handshake and an unknown name are all a connection that is reset at once: the listener stays.
pub async fn serve_listener(
    simulator: Simulator,
    account: Arc<str>,
    listener: TcpListener,
    clock: SharedClock,
    mut stopping: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // Finished connections are not kept.
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            () = stopped(&mut stopping) => break,
        };
        let Ok((stream, _)) = accepted else {
            clock.sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        match simulator.connect(&account) {
            Connect::Established => {
                let (simulator, account, stopping) = (simulator.clone(), account.clone(), stopping.clone());
                connections.spawn(async move {
                    // The client sees how it ended; nobody else needs to.
                    let _ = serve_connection(simulator, account, stream, stopping).await;
                });
            }
            Connect::Refused | Connect::Reset | Connect::NameNotFound | Connect::TlsFailed => reset(stream),
            Connect::NeverAnswers => {
                let mut stopping = stopping.clone();
                connections.spawn(async move {
                    stopped(&mut stopping).await;
                    drop(stream);
                });
            }
        }
    }
    drop(listener);
    let finish = async { while connections.join_next().await.is_some() {} };
    tokio::select! {
        () = finish => {}
        () = clock.sleep(GRACE) => {}
    }
    connections.shutdown().await;
}

/// Closes with RST instead of FIN, as a port without a listener would.
fn reset(stream: TcpStream) {
    let closed: io::Result<()> = stream.set_zero_linger();
    // Without it the connection is closed all the same.
    drop(closed);
    drop(stream);
}
