//! A scripted ARM for this module's tests.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use azure_core::credentials::TokenCredential;
use bytes::Bytes;
use serde_json::Value;
use time::macros::datetime;
use tokio::time::Instant;

use super::client::{ArmClient, ClientOptions};
use super::cloud::Cloud;
use super::credential::StaticCredential;
use super::observer::{Observer, Retried};
use super::transport::InProcess;
use crate::support::clock::{Clock, SystemClock, VirtualClock};
use crate::support::random::SeededRandom;

/// One scripted answer.
pub(super) fn answer(status: u16, headers: &[(&'static str, &str)], body: Value) -> http::Response<Bytes> {
    let mut builder = http::Response::builder().status(status);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(if body.is_null() { Bytes::new() } else { serde_json::to_vec(&body).unwrap().into() }).unwrap()
}

pub(super) fn refusal(status: u16, code: &str, message: &str) -> http::Response<Bytes> {
    answer(status, &[], serde_json::json!({ "error": { "code": code, "message": message } }))
}

/// One request as the server saw it.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: http::HeaderMap,
    pub(super) body: Bytes,
    pub(super) at: Duration,
}

/// A client whose requests are answered from a list, in order.
pub(super) struct Script {
    pub(super) client: ArmClient,
    seen: Arc<Mutex<Vec<Seen>>>,
    left: Arc<Mutex<VecDeque<http::Response<Bytes>>>>,
    pub(super) watch: Arc<Watch>,
}

#[derive(Debug, Default)]
pub(super) struct Watch(pub(super) Mutex<Vec<Retried>>);

impl Observer for Watch {
    fn retried(&self, retried: &Retried) {
        self.0.lock().unwrap().push(retried.clone());
    }
}

impl Script {
    pub(super) fn new(answers: impl IntoIterator<Item = http::Response<Bytes>>) -> Self {
        Self::with_credential(answers, Arc::new(StaticCredential::new("token")))
    }

    pub(super) fn with_credential(answers: impl IntoIterator<Item = http::Response<Bytes>>, credential: Arc<dyn TokenCredential>) -> Self {
        let left: Arc<Mutex<VecDeque<_>>> = Arc::new(Mutex::new(answers.into_iter().collect()));
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let start: Instant = SystemClock.now();
        let (answers, log) = (left.clone(), seen.clone());
        let transport = InProcess::new(move |request: http::Request<Bytes>| {
            log.lock().unwrap().push(Seen {
                method: request.method().to_string(),
                path: request.uri().path().to_owned(),
                query: request.uri().query().unwrap_or_default().to_owned(),
                headers: request.headers().clone(),
                body: request.body().clone(),
                at: SystemClock.now().duration_since(start),
            });
            let next = answers.lock().unwrap().pop_front();
            let next = next.unwrap_or_else(|| panic!("unexpected {} {}", request.method(), request.uri()));
            async move { next }
        });
        let watch = Arc::new(Watch::default());
        let clock = Arc::new(VirtualClock::starting_at(datetime!(2026-01-01 0:00 UTC)));
        let client = ArmClient::new(ClientOptions {
            transport: Some(Arc::new(transport)),
            random: Arc::new(SeededRandom::new(1)),
            observer: watch.clone(),
            ..ClientOptions::new(Cloud::public(), credential, clock)
        });
        Self { client, seen, left, watch }
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// `GET /path` of each request.
    pub(super) fn lines(&self) -> Vec<String> {
        self.seen().iter().map(|seen| format!("{} {}", seen.method, seen.path)).collect()
    }

    /// All answers were used.
    pub(super) fn assert_done(&self) {
        assert_eq!(self.left.lock().unwrap().len(), 0, "answers were left over");
    }
}
