//! Bytes as attackers and broken clients send them: `tests/cases/http`.

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apimctl::gateway::body::Body;
use apimctl::gateway::front::{Peer, Service};
use http::header::HOST;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use serde::Deserialize;
use tokio::io::AsyncWriteExt;

use super::harness::{client, drain_bytes};
use crate::support::root;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    source: String,
    /// Each character is a byte; `{N*text}` is `text` N times.
    send: String,
    /// The statuses that come back.
    answers: Vec<u16>,
    /// Whether the connection is closed afterwards.
    closed: bool,
    /// What reaches the service: method, target, @host, body (`broken` if it cannot be read).
    seen: Vec<String>,
    /// Seconds of silence from the client before the result is looked at.
    #[serde(default = "one")]
    wait: u64,
}

fn one() -> u64 {
    1
}

fn expand(text: &str) -> Vec<u8> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let close = open + rest[open..].find('}').unwrap();
        let (count, repeated) = rest[open + 1..close].split_once('*').unwrap();
        out.push_str(&rest[..open]);
        out.push_str(&repeated.repeat(count.parse().unwrap()));
        rest = &rest[close + 1..];
    }
    out.push_str(rest);
    out.chars().map(|character| u8::try_from(u32::from(character)).unwrap()).collect()
}

#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<String>>>);

impl Service for Recorder {
    async fn call(&self, request: Request<Incoming>, _: &Arc<Peer>) -> Response<Body> {
        let host = request.headers().get(HOST).map_or("", |host| host.to_str().unwrap()).to_owned();
        let head = format!("{} {} @{host} ", request.method(), request.uri());
        let body = Body::client(request.into_body()).collect(1024).await;
        let text = body.as_ref().map_or("broken".to_owned(), |body| String::from_utf8_lossy(body).into_owned());
        self.0.lock().unwrap().push(head + &text);
        let mut response = Response::new(Body::full("answer"));
        if body.is_err() {
            *response.status_mut() = StatusCode::BAD_REQUEST;
        }
        response
    }
}

/// The statuses of the answers in `bytes`. Bodies are `answer` or empty, so a line that begins so is a status line.
fn statuses(bytes: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(bytes);
    text.match_indices("HTTP/1.").filter_map(|(index, _)| text[index + 9..index + 12].parse().ok()).collect()
}

async fn run(file: &str) {
    let path = root().join("tests/cases/http").join(file);
    let cases: Vec<Case> = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert!(cases.len() > 10, "cases are missing");
    let mut wrong = Vec::new();
    for case in cases {
        let recorder = Recorder::default();
        let mut stream = client(recorder.clone());
        // The other side may close before it has read all.
        let _ = stream.write_all(&expand(&case.send)).await;
        let (bytes, closed) = drain_bytes(&mut stream, Duration::from_secs(case.wait)).await;
        let seen = recorder.0.lock().unwrap().clone();
        let found = (statuses(&bytes), closed, seen);
        if found != (case.answers.clone(), case.closed, case.seen.clone()) {
            wrong.push(format!("{} ({}): {found:?}", case.name, case.source));
        }
    }
    assert!(wrong.is_empty(), "{file}:\n{}", wrong.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn what_has_two_meanings_is_refused() {
    run("refused.json").await;
}

#[tokio::test(start_paused = true)]
async fn what_has_one_meaning_is_read() {
    run("read.json").await;
}
