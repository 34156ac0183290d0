//! `cache-lookup` and `cache-store`: whole responses of GET requests (their pages).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use http::{HeaderMap, Method, StatusCode};

use super::cache_value::refuse_external;
use crate::gateway::exchange::Exchange;
use crate::gateway::message::{MessageBody, ResponseMessage, query_pairs};
use crate::gateway::program::{Argument, Arguments, Compiler, Flow, Run, Statement};
use crate::policy::Element;

/// A response that is kept.
#[derive(Debug, Clone)]
pub struct Kept {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

#[derive(Debug)]
struct Lookup {
    by_developer: Argument<bool>,
    by_groups: Argument<bool>,
    headers: Vec<HeaderName>,
    /// `None`: every query parameter tells responses apart (assumed where the page names none).
    query: Option<Vec<String>>,
    private: Argument<bool>,
    downstream: Option<Argument<Box<str>>>,
    must_revalidate: Argument<bool>,
}

/// What the lookup found out, for the store.
#[derive(Debug, Clone)]
pub struct CacheKey(Arc<str>);

impl Lookup {
    fn key(&self, exchange: &Exchange, arguments: &Arguments) -> String {
        let mut key = String::new();
        let part = |key: &mut String, text: &str| {
            key.push_str(&text.len().to_string());
            key.push(':');
            key.push_str(text);
        };
        let snapshot = &exchange.snapshot;
        part(&mut key, exchange.api.and_then(|index| snapshot.api(index)).map_or("", |api| &api.name));
        part(&mut key, &exchange.original.path().to_lowercase());
        for (name, value) in query_pairs(exchange.original.query().unwrap_or_default()) {
            if self.query.as_ref().is_none_or(|names| names.iter().any(|own| own.eq_ignore_ascii_case(&name))) {
                part(&mut key, &name.to_lowercase());
                part(&mut key, &value);
            }
        }
        for name in &self.headers {
            part(&mut key, name.as_str());
            for value in exchange.request.headers.get_all(name) {
                part(&mut key, &String::from_utf8_lossy(value.as_bytes()));
            }
        }
        let subscription = exchange.access.subscription.and_then(|index| snapshot.subscription(index));
        let owner = subscription.and_then(|subscription| subscription.owner.as_deref());
        if arguments.boolean(&self.by_developer) {
            part(&mut key, subscription.map_or("", |subscription| &subscription.name));
        }
        if arguments.boolean(&self.by_groups) {
            let groups = owner.and_then(|owner| snapshot.users.get(owner)).map(|user| &user.groups);
            for (id, _) in groups.into_iter().flatten() {
                part(&mut key, id);
            }
        }
        key
    }
}

impl Statement for Lookup {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a> {
        if exchange.request.method != Method::GET {
            return Run::Done(Ok(Flow::Next));
        }
        // Without the switch, requests with Authorization are not cached (its page).
        if exchange.request.headers.contains_key(AUTHORIZATION) && !arguments.boolean(&self.private) {
            return Run::Done(Ok(Flow::Next));
        }
        let key: Arc<str> = Arc::from(self.key(exchange, arguments));
        let state = exchange.worker.state.clone();
        if let Some(kept) = state.responses.get(&key, state.clock.now()) {
            exchange.note(
                "cache-lookup",
                |_| serde_json::json!({ "message": "Cache lookup resulted in a hit. Cached response will be used." }),
            );
            exchange.response = Some(ResponseMessage {
                status: kept.status,
                reason: None,
                headers: kept.headers,
                body: if kept.body.is_empty() { MessageBody::Empty } else { MessageBody::Buffered(kept.body) },
            });
            // The backend is skipped; that outbound is too is how return-response works (assumed).
            return Run::Done(Ok(Flow::Return));
        }
        exchange.note("cache-lookup", |_| serde_json::json!({ "message": "Cache lookup resulted in a miss." }));
        // The order of the directives is assumed.
        let revalidate = if arguments.boolean(&self.must_revalidate) { ", must-revalidate" } else { "" };
        let downstream = self.downstream.as_ref().map(|argument| arguments.text(argument).trim().to_lowercase());
        let downstream = downstream.filter(|kind| kind != "none").map(|kind| format!("{kind}{revalidate}"));
        exchange.cache_key = Some((CacheKey(key), downstream));
        Run::Done(Ok(Flow::Next))
    }
}

fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split(';').map(str::trim).filter(|name| !name.is_empty())
}

/// `<cache-lookup vary-by-developer="…" vary-by-developer-groups="…">`.
pub(super) fn compile_lookup(element: &Element, compiler: &mut Compiler<'_>) {
    refuse_external(element, compiler);
    let by_developer = compiler.boolean(element, "vary-by-developer").unwrap_or(Argument::Literal(false));
    let by_groups = compiler.boolean(element, "vary-by-developer-groups").unwrap_or(Argument::Literal(false));
    let private = compiler.boolean(element, "allow-private-response-caching").unwrap_or(Argument::Literal(false));
    let downstream = compiler.text(element, "downstream-caching-type");
    let must_revalidate = compiler.boolean(element, "must-revalidate").unwrap_or(Argument::Literal(true));
    let mut headers = Vec::new();
    let mut query = None;
    for child in element.elements() {
        let Argument::Literal(text) = compiler.content(child) else {
            compiler.problem(child, format!("`{}` takes no expression here", child.name));
            continue;
        };
        if child.name == "vary-by-header" {
            for name in names(&text) {
                match HeaderName::from_bytes(name.as_bytes()) {
                    Ok(name) => headers.push(name),
                    Err(_) => compiler.problem(child, format!("`{name}` is no header name")),
                }
            }
        } else {
            query.get_or_insert_with(Vec::new).extend(names(&text).map(str::to_owned));
        }
    }
    compiler.run(Lookup { by_developer, by_groups, headers, query, private, downstream, must_revalidate });
}

#[derive(Debug)]
struct Store {
    duration: Argument<i64>,
    cache: Option<Argument<bool>>,
}

impl Statement for Store {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a> {
        let Some((CacheKey(key), downstream)) = exchange.cache_key.take() else { return Run::Done(Ok(Flow::Next)) };
        let seconds = u64::try_from(arguments.integer(&self.duration)).unwrap_or(0);
        let wanted = self.cache.as_ref().map(|argument| arguments.boolean(argument));
        let limit = exchange.worker.limits.buffered_body;
        Run::Later(Box::pin(async move {
            let Some(response) = &mut exchange.response else { return Ok(Flow::Next) };
            // Only 200 unless the policy says otherwise (its page).
            if !wanted.unwrap_or(response.status == StatusCode::OK) {
                return Ok(Flow::Next);
            }
            let body = response.body.buffer(limit).await?;
            if let Some(kind) = downstream
                && let Ok(value) = HeaderValue::from_str(&format!("{kind}, max-age={seconds}"))
            {
                response.headers.insert(http::header::CACHE_CONTROL, value);
            }
            let kept = Kept { status: response.status, headers: response.headers.clone(), body };
            let bytes = kept.body.len() + kept.headers.len() * 64 + key.len();
            let state = &exchange.worker.state;
            state.responses.put(&key, kept, bytes, Duration::from_secs(seconds), state.clock.now());
            Ok(Flow::Next)
        }))
    }
}

/// `<cache-store duration="…" />`.
pub(super) fn compile_store(element: &Element, compiler: &mut Compiler<'_>) {
    refuse_external(element, compiler);
    let duration = compiler.integer(element, "duration").unwrap_or(Argument::Literal(0));
    let cache = compiler.boolean(element, "cache-response");
    compiler.run(Store { duration, cache });
}
