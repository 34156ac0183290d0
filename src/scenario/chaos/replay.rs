//! One replay: the load against one variant, on a runtime of its own whose time is paused.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{FuturesUnordered, StreamExt as _};
use serde_json::Value;

use super::arrivals::{self, between, fraction};
use super::measure::{Answered, Measured, Sent, Trip};
use super::{Chaos, Load, Variant};
use crate::gateway::backend::breaker::Change;
use crate::scenario::request::{Body, Request};
use crate::scenario::session::{Session, SessionOptions};
use crate::scenario::subject::EPOCH;
use crate::scenario::{codes, runner};
use crate::support::finding::{Finding, Kind};
use crate::support::random::SeededRandom;

/// After so many answers what accounts remember of requests is thrown away.
const FORGET_EVERY: usize = 1_000;
/// A word that is one token to every tokenizer there is.
const WORD: &str = " hello";

/// A request that is due.
#[derive(Debug, Clone)]
pub struct Due {
    /// When.
    pub at: Duration,
    /// What.
    pub request: Request,
}

/// All requests of a load, in order. Each variant gets the same.
#[must_use]
pub fn plan(load: &Load, seed: u64) -> Vec<Due> {
    // Streams of their own, so that a change of the sizes moves no arrival.
    let (when, which) = (SeededRandom::new(seed), SeededRandom::new(seed ^ 0x5bd1_e995_9e37_79b9));
    let total: u32 = load.mix.iter().map(|(_, weight)| *weight).fold(0, u32::saturating_add);
    let mut due = Vec::new();
    for at in arrivals::times(&load.phases, load.arrivals, &when) {
        let mut left = fraction(&which) * f64::from(total);
        let chosen = load.mix.iter().find(|(_, weight)| {
            left -= f64::from(*weight);
            left < 0.0
        });
        let Some((request, _)) = chosen.or(load.mix.last()) else { break };
        let mut request = request.clone();
        if let Body::Json(body) = &mut request.body {
            shape(body, load, &which);
        }
        due.push(Due { at, request });
    }
    due
}

/// Sizes and streams.
fn shape(body: &mut Value, load: &Load, random: &SeededRandom) {
    if let Some(range) = load.prompt_tokens {
        let words = between(random, range) as usize;
        let content = body.get_mut("messages").and_then(Value::as_array_mut).and_then(|messages| messages.last_mut()?.get_mut("content"));
        if let Some(content) = content {
            *content = WORD.repeat(words.max(1)).trim_start().into();
        }
    }
    let Some(fields) = body.as_object_mut() else { return };
    if let Some(range) = load.max_tokens {
        fields.insert("max_tokens".to_owned(), between(random, range).into());
    }
    if let Some(share) = load.streams {
        let streams = fraction(random) < share;
        fields.insert("stream".to_owned(), streams.into());
        if streams {
            // Without it a stream tells nothing of its tokens.
            fields.insert("stream_options".to_owned(), serde_json::json!({ "include_usage": true }));
        } else {
            fields.shift_remove("stream_options");
        }
    }
}

/// Replays the plan against a variant.
///
/// # Errors
/// The variant cannot be applied, or its gateway cannot be started.
pub fn replay(chaos: &Chaos, variant: &Variant, plan: &[Due]) -> Result<Measured, Vec<Finding>> {
    let failed = |reason: String| vec![Finding::error(codes::NO_WORLD, Kind::Place, reason)];
    let replayed = runner::paused(Box::pin(async {
        let applied = Box::pin(variant.subject.apply()).await?;
        let options = SessionOptions {
            settings: chaos.settings.clone(),
            epoch: EPOCH,
            seed: chaos.seed,
            traced: false,
            signing_key: None,
            observers: Vec::new(),
            coverage: None,
        };
        let session = Session::start(&applied, &chaos.given, &options)
            .map_err(|reason| failed(format!("the gateway cannot be started: {reason}")))?;
        let mut trips = BTreeSet::new();
        let sent = send_all(&session, plan, chaos.load.timeout, &mut trips).await;
        Ok(Measured::new(&variant.name, arrivals::length(&chaos.load.phases), sent, trips.into_iter().collect()))
    }));
    replayed.map_err(failed)?
}

/// Sends each request in its time, whether those before have their answers or not.
async fn send_all(session: &Session, plan: &[Due], timeout: Duration, trips: &mut BTreeSet<Trip>) -> Vec<Sent> {
    let mut sent: Vec<Option<Sent>> = plan.iter().map(|_| None).collect();
    let mut under_way = FuturesUnordered::new();
    let (mut next, mut answered) = (0, 0_usize);
    loop {
        let done = match plan.get(next) {
            Some(due) => tokio::select! {
                biased;
                () = session.clock().sleep(due.at.saturating_sub(session.elapsed())) => {
                    under_way.push(one(session, next, due, timeout));
                    next += 1;
                    continue;
                }
                Some(done) = under_way.next() => done,
            },
            None => match under_way.next().await {
                Some(done) => done,
                None => break,
            },
        };
        let (index, result): (usize, Sent) = done;
        if let Some(place) = sent.get_mut(index) {
            *place = Some(result);
        }
        answered += 1;
        if answered.is_multiple_of(FORGET_EVERY) {
            if let Some(simulator) = session.world().simulator() {
                simulator.forget_received();
            }
            // The gateway remembers only the last ones.
            add_trips(session, trips);
        }
    }
    add_trips(session, trips);
    sent.into_iter().flatten().collect()
}

async fn one(session: &Session, index: usize, due: &Due, timeout: Duration) -> (usize, Sent) {
    let at = session.elapsed();
    let Ok(sent) = tokio::time::timeout(timeout, session.send(&due.request)).await else {
        return (index, Sent { at, answered: Err("no answer in time".to_owned()), attempts: Vec::new(), usage: None });
    };
    let answer = match sent.answer {
        Ok(answer) => answer,
        Err(reason) => return (index, Sent { at, answered: Err(reason.to_string()), attempts: Vec::new(), usage: None }),
    };
    let inside = answer.inside.as_deref();
    let attempts = inside.map(|inside| inside.attempts.clone()).unwrap_or_default();
    let usage = inside.and_then(|inside| inside.usage).or_else(|| usage(&answer.body(), answer.is_stream()));
    let answered =
        Answered { status: answer.status.as_u16(), whole: answer.cut.is_none(), head: answer.head_after, elapsed: answer.elapsed };
    (index, Sent { at, answered: Ok(answered), attempts, usage })
}

/// Prompt and completion tokens that an answer tells of.
fn usage(body: &Bytes, stream: bool) -> Option<(u64, u64)> {
    let read = |text: &[u8]| {
        let value: Value = serde_json::from_slice(text).ok()?;
        let usage = value.get("usage")?;
        let field = |names: [&str; 2]| names.iter().find_map(|name| usage.get(name)?.as_u64());
        Some((field(["prompt_tokens", "input_tokens"])?, field(["completion_tokens", "output_tokens"]).unwrap_or(0)))
    };
    if stream {
        let lines = body.split(|byte| *byte == b'\n');
        return lines.rev().filter_map(|line| line.strip_prefix(b"data: ")).find_map(read);
    }
    read(body)
}

/// When which breaker was tripped.
fn add_trips(session: &Session, trips: &mut BTreeSet<Trip>) {
    let snapshot = session.world().gateway().snapshot();
    let name = |id: &str| {
        let own = snapshot.backends.iter().find(|backend| backend.id.as_str().eq_ignore_ascii_case(id));
        own.map_or_else(|| id.rsplit('/').next().unwrap_or_default().to_owned(), |backend| backend.name.clone())
    };
    for event in session.world().gateway().state().journal.events() {
        if let Change::Tripped { time, .. } = event.change {
            let from = Duration::try_from(event.at - EPOCH).unwrap_or_default();
            trips.insert(Trip { from, to: from.saturating_add(time), backend: name(&event.backend) });
        }
    }
}
