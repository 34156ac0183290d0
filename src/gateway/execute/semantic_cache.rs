//! `llm-semantic-cache-lookup` and `-store`, and their `azure-openai-` twins (their pages): a prompt near enough to an earlier one gets
//! that one's answer. The service needs Redis for it; here the gateway itself keeps prompts and answers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::backend_name::BackendName;
use super::prompt::messages;
use crate::gateway::backend::call::Caller;
use crate::gateway::exchange::Exchange;
use crate::gateway::failure::Failure;
use crate::gateway::message::{MessageBody, ResponseMessage};
use crate::gateway::program::{Argument, Arguments, Compiler, Flow, Run, Statement};
use crate::gateway::snapshot::BackendIndex;
use crate::policy::Element;

/// Prompts that are kept in all.
const KEPT: usize = 10_000;

/// One prompt and its answer.
#[derive(Debug, Clone)]
struct Entry {
    /// What tells prompts apart besides their meaning.
    vary: Arc<str>,
    vector: Arc<[f32]>,
    expires: Instant,
    answer: Answer,
}

#[derive(Debug, Clone)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// All prompts.
#[derive(Debug, Default)]
pub struct SemanticCache(Mutex<Vec<Entry>>);

/// A prompt that missed, for the store.
#[derive(Debug, Clone)]
pub struct Missed {
    vary: Arc<str>,
    vector: Arc<[f32]>,
}

impl SemanticCache {
    /// The answer of the nearest prompt whose score reaches the threshold.
    fn find(&self, vary: &str, vector: &[f32], threshold: f64, now: Instant) -> Option<(Answer, f64)> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|entry| entry.expires > now);
        let scored = entries.iter().filter(|entry| *entry.vary == *vary).map(|entry| (entry, distance(&entry.vector, vector)));
        // The threshold is a distance: the smaller, the nearer the prompts have to be (its page).
        let nearest = scored.filter(|(_, score)| *score <= threshold).min_by(|(_, one), (_, other)| one.total_cmp(other));
        nearest.map(|(entry, score)| (entry.answer.clone(), score))
    }

    fn put(&self, entry: Entry) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= KEPT {
            entries.remove(0);
        }
        entries.push(entry);
    }
}

/// Cosine distance, 0 (the same) to 2.
fn distance(one: &[f32], other: &[f32]) -> f64 {
    if one.len() != other.len() {
        return 2.0;
    }
    let (mut product, mut first, mut second) = (0.0, 0.0, 0.0);
    for (a, b) in one.iter().zip(other) {
        let (a, b) = (f64::from(*a), f64::from(*b));
        product += a * b;
        first += a * a;
        second += b * b;
    }
    if first == 0.0 || second == 0.0 { 2.0 } else { 1.0 - product / (first.sqrt() * second.sqrt()) }
}

#[derive(Debug)]
struct Lookup {
    threshold: Argument<f64>,
    backend: BackendName,
    system_assigned: bool,
    ignore_system: Argument<bool>,
    most_messages: Option<Argument<i64>>,
    vary: Vec<Argument<Box<str>>>,
}

/// The embedding of `text`: the backend's URL names the deployment up to `/embeddings` (its page's example).
async fn embed(caller: &Caller<'_>, backend: BackendIndex, text: &str, system_assigned: bool) -> Result<Arc<[f32]>, Failure> {
    let failed = |why: String| Failure::internal("SemanticCacheFailure", why);
    let path = match caller.snapshot.backend(backend).map(|backend| &backend.kind) {
        Some(crate::gateway::backend::Kind::Single(single)) if !single.base.path.ends_with("/embeddings") => {
            "/embeddings?api-version=2024-10-21"
        }
        _ => "?api-version=2024-10-21",
    };
    let (status, body) = caller.post(backend, path, &json!({ "input": text }), system_assigned).await?;
    if !status.is_success() {
        return Err(failed(format!("The embeddings backend answered {status}.")));
    }
    let answer: Value = serde_json::from_slice(&body).map_err(|_| failed("The embeddings backend answered no JSON.".to_owned()))?;
    let vector = answer.pointer("/data/0/embedding").and_then(Value::as_array);
    let vector = vector.ok_or_else(|| failed("The embeddings backend answered no embedding.".to_owned()))?;
    #[expect(clippy::cast_possible_truncation, reason = "embeddings are single precision")]
    Ok(vector.iter().filter_map(Value::as_f64).map(|number| number as f32).collect())
}

impl Statement for Lookup {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a> {
        let backend = match self.backend.find(exchange, arguments) {
            Ok(backend) => backend,
            Err(failure) => return Run::Done(Err(failure)),
        };
        let threshold = arguments.number(&self.threshold);
        let ignore_system = arguments.boolean(&self.ignore_system);
        let most = self.most_messages.as_ref().and_then(|most| usize::try_from(arguments.integer(most)).ok());
        let api = exchange.api.and_then(|index| exchange.snapshot.api(index)).map_or("", |api| &api.name);
        let mut vary = format!("{api}\n{}", exchange.request.url.path);
        for part in &self.vary {
            vary.push('\n');
            vary.push_str(arguments.text(part));
        }
        Run::Later(Box::pin(async move {
            let worker = exchange.worker.clone();
            let snapshot = exchange.snapshot.clone();
            let limit = worker.limits.buffered_body;
            let Ok(body) = serde_json::from_slice::<Value>(&exchange.request.body.buffer(limit).await?) else { return Ok(Flow::Next) };
            let mut messages = messages(&body);
            if ignore_system {
                messages.retain(|message| message.role != "system" && message.role != "developer");
            }
            // More messages than allowed remain: the cache is skipped (its page).
            if messages.is_empty() || most.is_some_and(|most| messages.len() > most) {
                return Ok(Flow::Next);
            }
            let text = messages.into_iter().map(|message| message.text).collect::<Vec<_>>().join("\n");
            let caller =
                Caller { upstream: &worker.upstream, state: &worker.state, settings: &worker.settings, snapshot: &snapshot, limit };
            let vector = embed(&caller, backend, &text, self.system_assigned).await?;
            match worker.state.semantic.find(&vary, &vector, threshold, worker.state.clock.now()) {
                Some((answer, score)) => {
                    exchange.note("semantic-cache-lookup", |_| json!({ "message": "Cache hit.", "score": score }));
                    exchange.response = Some(ResponseMessage {
                        status: answer.status,
                        reason: None,
                        headers: answer.headers,
                        body: MessageBody::Buffered(answer.body),
                    });
                    Ok(Flow::Return)
                }
                None => {
                    exchange.note("semantic-cache-lookup", |_| json!({ "message": "Cache miss." }));
                    exchange.semantic_miss = Some(Missed { vary: Arc::from(vary), vector });
                    Ok(Flow::Next)
                }
            }
        }))
    }
}

/// `<llm-semantic-cache-lookup score-threshold="…" embeddings-backend-id="…">`.
pub(super) fn compile_lookup(element: &Element, compiler: &mut Compiler<'_>) {
    let threshold = compiler.number(element, "score-threshold").unwrap_or(Argument::Literal(0.0));
    let backend = BackendName::read(element, compiler, "embeddings-backend-id");
    let system_assigned = match compiler.literal(element, "embeddings-backend-auth").as_deref().map(str::trim) {
        None | Some("") => false,
        Some(kind) if kind.eq_ignore_ascii_case("system-assigned") => true,
        Some(other) => {
            compiler.problem(element, format!("`embeddings-backend-auth` is `system-assigned`, not `{other}`"));
            false
        }
    };
    let ignore_system = compiler.boolean(element, "ignore-system-messages").unwrap_or(Argument::Literal(false));
    let most_messages = compiler.integer(element, "max-message-count");
    let vary = element.elements_named("vary-by").map(|child| compiler.content(child)).collect();
    compiler.run(Lookup { threshold, backend, system_assigned, ignore_system, most_messages, vary });
}

#[derive(Debug)]
struct Store {
    duration: Argument<i64>,
}

impl Statement for Store {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a> {
        let Some(Missed { vary, vector }) = exchange.semantic_miss.take() else { return Run::Done(Ok(Flow::Next)) };
        let seconds = u64::try_from(arguments.integer(&self.duration)).unwrap_or(0);
        let limit = exchange.worker.limits.buffered_body;
        Run::Later(Box::pin(async move {
            let Some(response) = &mut exchange.response else { return Ok(Flow::Next) };
            // Only what succeeded, and no stream: it would be held back (assumed).
            let json = response.headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
            if response.status != StatusCode::OK || !json {
                return Ok(Flow::Next);
            }
            let body = response.body.buffer(limit).await?;
            let answer = Answer { status: response.status, headers: response.headers.clone(), body };
            let state = &exchange.worker.state;
            let now = state.clock.now();
            let expires = now.checked_add(Duration::from_secs(seconds)).unwrap_or(now);
            state.semantic.put(Entry { vary, vector, expires, answer });
            Ok(Flow::Next)
        }))
    }
}

/// `<llm-semantic-cache-store duration="…" />`.
pub(super) fn compile_store(element: &Element, compiler: &mut Compiler<'_>) {
    let duration = compiler.integer(element, "duration").unwrap_or(Argument::Literal(0));
    compiler.run(Store { duration });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_direction_is_no_distance() {
        assert!(distance(&[1.0, 2.0], &[2.0, 4.0]).abs() < 1e-9);
        assert!((distance(&[1.0, 0.0], &[0.0, 1.0]) - 1.0).abs() < 1e-9);
        assert!((distance(&[1.0], &[1.0, 2.0]) - 2.0).abs() < 1e-9);
    }
}
