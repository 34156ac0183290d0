//! Connections of the gateway: to simulated accounts in memory, to everything else over the network.

use std::fmt;
use std::io::{Error, ErrorKind};
use std::sync::Arc;

use futures::future::BoxFuture;

use crate::gateway::upstream::{ConnectFailure, Connected, Connector, HttpVersion, Phase, Protocol, Target};
use crate::simulator::{self, Connect, Simulator};

/// Hosts of simulated accounts lead to the simulator: no socket, no name look-up, no TLS, no thread.
#[derive(Clone)]
pub struct Simulated {
    simulator: Simulator,
    others: Arc<dyn Connector>,
}

impl Simulated {
    /// `others` connects to every other host.
    #[must_use]
    pub const fn new(simulator: Simulator, others: Arc<dyn Connector>) -> Self {
        Self { simulator, others }
    }
}

impl Connector for Simulated {
    fn connect<'a>(&'a self, target: &'a Target, version: HttpVersion) -> BoxFuture<'a, Result<Connected, ConnectFailure>> {
        let Some(account) = self.simulator.directory().account_by_host(target.host()) else { return self.others.connect(target, version) };
        Box::pin(async move {
            let failed = |phase, kind: ErrorKind, words: &str| Err(ConnectFailure::new(phase, Error::new(kind, words.to_owned())));
            match simulator::dial(&self.simulator, &account.name) {
                Ok(stream) => {
                    // Azure OpenAI agrees to HTTP/2 where it is offered.
                    let protocol = if version == HttpVersion::Http1 { Protocol::Http1 } else { Protocol::Http2 };
                    Ok(Connected { io: Box::new(stream), protocol })
                }
                Err(Connect::Refused) => failed(Phase::Connect, ErrorKind::ConnectionRefused, "connection refused"),
                Err(Connect::NameNotFound) => failed(Phase::Dns, ErrorKind::NotFound, "no such host is known"),
                Err(Connect::TlsFailed) => failed(Phase::Tls, ErrorKind::InvalidData, "the TLS handshake failed"),
                Err(Connect::Reset | Connect::Established) => failed(Phase::Connect, ErrorKind::ConnectionReset, "connection reset"),
                // Whoever asked limits the time.
                Err(Connect::NeverAnswers) => std::future::pending().await,
            }
        })
    }
}

impl fmt::Debug for Simulated {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Simulated").field("simulator", &self.simulator).finish_non_exhaustive()
    }
}
