//! Hosts that are no simulated accounts: they answer what a scenario says, and note what they were sent. No sockets.

use std::collections::HashMap;
use std::io::{Error, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use time::OffsetDateTime;

use super::answer::Received;
use super::file::{HostAnswer, HostFault};
use crate::gateway::upstream::{ConnectFailure, Connected, Connector, HttpVersion, Phase, Protocol, Target};
use crate::support::clock::SharedClock;

/// Headers whose values are keys or tokens.
const SECRET_HEADERS: &[&str] = &["authorization", "api-key", "ocp-apim-subscription-key", "cookie"];
/// What stands for a secret.
pub(super) const MASK: &str = "[secret]";
/// How much lies between both ends of a connection in memory, in each direction.
const IN_MEMORY: usize = 64 * 1024;

/// All hosts of a scenario that are no accounts. Clones share everything.
#[derive(Debug, Clone)]
pub(super) struct Hosts {
    clock: SharedClock,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    scripts: HashMap<String, Script>,
    received: Vec<(OffsetDateTime, Received)>,
}

#[derive(Debug)]
struct Script {
    answers: Vec<HostAnswer>,
    next: usize,
}

impl Script {
    /// The answer to the next request; the last of the script is repeated.
    fn peek(&self) -> HostAnswer {
        self.answers.get(self.next).or_else(|| self.answers.last()).cloned().unwrap_or_default()
    }

    fn take(&mut self) -> HostAnswer {
        let answer = self.peek();
        self.next += 1;
        answer
    }
}

impl Hosts {
    pub(super) fn new(clock: SharedClock) -> Self {
        Self { clock, state: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces what hosts answer.
    pub(super) fn set(&self, hosts: &[(String, Vec<HostAnswer>)]) {
        let script = |answers: &Vec<HostAnswer>| Script { answers: answers.clone(), next: 0 };
        self.lock().scripts = hosts.iter().map(|(host, answers)| (host.to_ascii_lowercase(), script(answers))).collect();
    }

    /// What was received since the last call, oldest first.
    pub(super) fn take_received(&self) -> Vec<(OffsetDateTime, Received)> {
        std::mem::take(&mut self.lock().received)
    }

    async fn answer(self, host: String, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Error> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(Error::other)?.to_bytes();
        let at = self.clock.utc();
        let answer = {
            let mut state = self.lock();
            state.received.push((
                at,
                Received {
                    from: host.clone(),
                    backends: Vec::new(),
                    method: parts.method,
                    target: parts.uri.path_and_query().map_or_else(String::new, ToString::to_string),
                    headers: masked(parts.headers),
                    body,
                },
            ));
            state.scripts.get_mut(&host).map(Script::take).unwrap_or_default()
        };
        if !answer.after.is_zero() {
            self.clock.sleep(answer.after).await;
        }
        match answer.fault {
            Some(HostFault::NeverAnswers) => std::future::pending().await,
            // The script has changed since the connection was made; a connection that is refused cannot answer either.
            Some(_) => Err(Error::other("cut")),
            None => {
                let mut response = Response::new(Full::new(answer.body));
                *response.status_mut() = answer.status.unwrap_or(StatusCode::OK);
                *response.headers_mut() = answer.headers;
                Ok(response)
            }
        }
    }
}

/// Headers as they are shown: what lets somebody in is masked, as simulated accounts do.
fn masked(mut headers: HeaderMap) -> HeaderMap {
    for (name, value) in &mut headers {
        if SECRET_HEADERS.contains(&name.as_str()) {
            *value = HeaderValue::from_static(MASK);
        }
    }
    headers
}

impl Connector for Hosts {
    fn connect<'a>(&'a self, target: &'a Target, version: HttpVersion) -> BoxFuture<'a, Result<Connected, ConnectFailure>> {
        Box::pin(async move {
            let host = target.host().to_ascii_lowercase();
            let failed = |phase, kind: ErrorKind, words: String| Err(ConnectFailure::new(phase, Error::new(kind, words)));
            let fault = {
                let mut state = self.lock();
                let Some(script) = state.scripts.get_mut(&host) else {
                    let words = format!("the scenario has no host `{host}`: `given.hosts` says what it answers");
                    return failed(Phase::Dns, ErrorKind::NotFound, words);
                };
                let fault = script.peek().fault;
                // A connection that is never made uses its answer up.
                if matches!(fault, Some(HostFault::Refused | HostFault::DnsFailure | HostFault::TlsFailure)) {
                    script.take();
                }
                fault
            };
            match fault {
                Some(HostFault::Refused) => return failed(Phase::Connect, ErrorKind::ConnectionRefused, "connection refused".to_owned()),
                Some(HostFault::DnsFailure) => return failed(Phase::Dns, ErrorKind::NotFound, "no such host is known".to_owned()),
                Some(HostFault::TlsFailure) => return failed(Phase::Tls, ErrorKind::InvalidData, "the TLS handshake failed".to_owned()),
                Some(HostFault::Cut | HostFault::NeverAnswers) | None => {}
            }
            let (client, server) = tokio::io::duplex(IN_MEMORY);
            let hosts = self.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| hosts.clone().answer(host.clone(), request));
                // A script that cuts ends the connection with an error; the gateway sees it.
                let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(server), service).await;
            });
            let protocol = if version == HttpVersion::Http1 { Protocol::Http1 } else { Protocol::Http2 };
            Ok(Connected { io: Box::new(client), protocol })
        })
    }
}
