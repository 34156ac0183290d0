//! Backends that answer by a script and note what they were sent. No sockets.

use std::collections::HashMap;
use std::io::{Error, ErrorKind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apimctl::gateway::upstream::{ConnectFailure, Connected, Connector, HttpVersion, Phase, Protocol, Target};
use apimctl::support::clock::{Clock, SystemClock};
use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::Deserialize;

/// What a backend does with one request; the last of a script repeats.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Answer {
    /// Status; 200.
    pub status: Option<u16>,
    /// Headers.
    pub headers: HashMap<String, String>,
    /// Body.
    pub body: String,
    /// Further pieces of the body, each its own frame.
    pub then: Vec<String>,
    /// Seconds before the body is read.
    pub read_after: f64,
    /// Seconds before the head.
    pub after: f64,
    /// Seconds before each of the further pieces.
    pub pause: f64,
    /// No connection at all: `refused`, `dns`, `tls`, `never`.
    pub connect: Option<String>,
    /// The connection breaks off: `before-head`, or `in-body` after what is written above.
    pub cut: Option<String>,
}

/// What a backend was sent.
#[derive(Debug, Clone)]
pub struct Sent {
    pub host: String,
    pub method: String,
    /// Path and query.
    pub target: String,
    pub headers: http::HeaderMap,
    pub body: String,
}

#[derive(Debug, Default)]
struct Script {
    answers: Vec<Answer>,
    next: usize,
}

impl Script {
    fn peek(&self) -> Answer {
        self.answers.get(self.next).or_else(|| self.answers.last()).cloned().unwrap_or_default()
    }

    fn take(&mut self) -> Answer {
        let answer = self.peek();
        self.next += 1;
        answer
    }
}

/// All backends of a test, by host (with port, if it has one).
#[derive(Debug, Clone, Default)]
pub struct Backends(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    scripts: HashMap<String, Script>,
    sent: Vec<Sent>,
    gone: Vec<String>,
    connections: usize,
}

/// Notes when a caller goes away before its answer's head is made.
struct Waiting {
    backends: Backends,
    host: Option<String>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(host) = self.host.take() {
            self.backends.0.lock().unwrap().gone.push(host);
        }
    }
}

impl Backends {
    pub fn new(scripts: impl IntoIterator<Item = (String, Vec<Answer>)>) -> Self {
        let scripts = scripts.into_iter().map(|(host, answers)| (host, Script { answers, next: 0 })).collect();
        Self(Arc::new(Mutex::new(State { scripts, ..State::default() })))
    }

    /// Takes what was sent since the last call.
    pub fn take_sent(&self) -> Vec<Sent> {
        std::mem::take(&mut self.0.lock().unwrap().sent)
    }

    /// Takes the hosts whose caller went away since the last call.
    pub fn take_gone(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().gone)
    }

    async fn answer(self, host: String, request: http::Request<Incoming>) -> Result<http::Response<BoxedBody>, Error> {
        let (parts, body) = request.into_parts();
        let before = self.0.lock().unwrap().scripts.get(&host).map_or(0.0, |script| script.peek().read_after);
        if before > 0.0 {
            SystemClock.sleep(Duration::from_secs_f64(before)).await;
        }
        let body = body.collect().await.map_err(Error::other)?.to_bytes();
        let answer = {
            let mut state = self.0.lock().unwrap();
            let sent = Sent {
                host: host.clone(),
                method: parts.method.to_string(),
                target: parts.uri.path_and_query().map_or_else(String::new, ToString::to_string),
                headers: parts.headers,
                body: String::from_utf8_lossy(&body).into_owned(),
            };
            state.sent.push(sent);
            state.scripts.get_mut(&host).map(Script::take).unwrap_or_default()
        };
        if answer.after > 0.0 {
            let mut waiting = Waiting { backends: self.clone(), host: Some(host.clone()) };
            SystemClock.sleep(Duration::from_secs_f64(answer.after)).await;
            waiting.host = None;
        }
        if answer.cut.as_deref() == Some("before-head") {
            return Err(Error::other("cut"));
        }
        let mut response = http::Response::builder().status(answer.status.unwrap_or(200));
        for (name, value) in &answer.headers {
            response = response.header(name, value);
        }
        let cut = answer.cut.is_some();
        let first = (!answer.body.is_empty()).then_some((0.0, answer.body));
        let pieces = first.into_iter().chain(answer.then.into_iter().map(move |piece| (answer.pause, piece)));
        let pieces = futures::stream::iter(pieces).then(|(pause, piece)| async move {
            if pause > 0.0 {
                SystemClock.sleep(Duration::from_secs_f64(pause)).await;
            }
            Ok::<Frame<Bytes>, Error>(Frame::data(piece.into()))
        });
        // What stands before the cut is on its way before the connection breaks.
        let end = futures::stream::once(async {
            SystemClock.sleep(Duration::from_millis(1)).await;
            Err(Error::other("cut"))
        });
        let body = pieces.chain(end.take(usize::from(cut)));
        Ok(response.body(BodyExt::boxed_unsync(StreamBody::new(body))).unwrap())
    }
}

type BoxedBody = http_body_util::combinators::UnsyncBoxBody<Bytes, Error>;

impl Connector for Backends {
    fn connect<'a>(&'a self, target: &'a Target, _: HttpVersion) -> BoxFuture<'a, Result<Connected, ConnectFailure>> {
        Box::pin(async move {
            let host = target.authority().to_string();
            let failed = |phase, kind: ErrorKind| Err(ConnectFailure::new(phase, Error::from(kind)));
            let answer = {
                let mut state = self.0.lock().unwrap();
                state.connections += 1;
                let Some(script) = state.scripts.get_mut(&host) else { return failed(Phase::Dns, ErrorKind::NotFound) };
                let answer = script.peek();
                // A connection that is never made uses its answer up.
                if answer.connect.is_some() {
                    script.take();
                }
                answer
            };
            match answer.connect.as_deref() {
                Some("refused") => return failed(Phase::Connect, ErrorKind::ConnectionRefused),
                Some("dns") => return failed(Phase::Dns, ErrorKind::NotFound),
                Some("tls") => return failed(Phase::Tls, ErrorKind::InvalidData),
                Some("never") => std::future::pending().await,
                Some(other) => panic!("no connection can be `{other}`"),
                None => {}
            }
            let (client, server) = tokio::io::duplex(64 * 1024);
            let backends = self.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| backends.clone().answer(host.clone(), request));
                // A script that cuts ends the connection with an error.
                let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(server), service).await;
            });
            Ok(Connected { io: Box::new(client), protocol: Protocol::Http1 })
        })
    }
}
