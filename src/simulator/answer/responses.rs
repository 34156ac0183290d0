//! `POST …/responses`, and what is stored of it.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::chat::{Form, Limits, text_of};
use super::filter::Found;
use super::model::reasoning_tokens;
use super::sse::Events;
use super::text::{Said, Seed, call_tokens};
use super::tools;
use super::{Answer, Making};
use crate::simulator::account::Account;
use crate::simulator::behavior::Filter;
use crate::simulator::body::Frames;
use crate::simulator::error::WireError;
use crate::simulator::journal::Usage;
use crate::simulator::route::Route;
use crate::tokens::{Rules, response_prompt};

/// How many responses are kept; the service keeps them for 30 days.
const KEPT: usize = 256;

/// Responses that can be read again, the newest last.
#[derive(Default)]
pub(in crate::simulator) struct Stored(Mutex<VecDeque<(String, Value)>>);

impl Stored {
    fn add(&self, account: &Account, response: Value) {
        let mut stored = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if stored.len() == KEPT {
            stored.pop_front();
        }
        stored.push_back((account.name.clone(), response));
    }

    fn find(&self, account: &Account, id: &str) -> Option<Value> {
        let stored = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |(name, response): &&(String, Value)| *name == account.name && response.get("id").and_then(Value::as_str) == Some(id);
        stored.iter().find(same).map(|(_, response)| response.clone())
    }

    /// `GET` and `DELETE …/responses/{id}`.
    pub(in crate::simulator) fn answer(&self, account: &Account, route: &Route) -> Result<Answer, WireError> {
        let id = route.id.as_deref().unwrap_or_default();
        let missing = || {
            let error = json!({ "message": format!("Response with id '{id}' not found."), "type": "invalid_request_error", "param": null, "code": null });
            WireError { status: StatusCode::NOT_FOUND, body: json!({ "error": error }), headers: Vec::new() }
        };
        let response = self.find(account, id).ok_or_else(missing)?;
        if route.method == Method::DELETE {
            let mut stored = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            stored.retain(|(name, response)| *name != account.name || response.get("id").and_then(Value::as_str) != Some(id));
            return Ok(Answer::json(json!({ "id": id, "object": "response", "deleted": true }).to_string()));
        }
        Ok(Answer::json(response.to_string()))
    }
}

pub(super) fn make(making: &Making<'_>) -> Result<Answer, WireError> {
    let body = making.body;
    let given = |name: &str| body.get(name).filter(|value| !value.is_null());
    let input = given("input").ok_or_else(|| WireError::missing_parameter("input"))?;
    let items: Vec<Value> = match input {
        Value::String(text) => vec![json!({ "role": "user", "content": text })],
        Value::Array(items) => items.clone(),
        _ => {
            return Err(WireError::invalid(
                "Invalid type for 'input': expected a string or an array.",
                Some("input"),
                Some("invalid_type"),
            ));
        }
    };
    if given("background").and_then(Value::as_bool) == Some(true) {
        return Err(WireError::not_simulated("responses in the background"));
    }
    let limits = Limits::of(body, "max_output_tokens")?;
    let earlier = match given("previous_response_id").and_then(Value::as_str) {
        None => None,
        Some(id) => Some(making.simulator.0.stored.find(making.account, id).ok_or_else(|| {
            let message = format!("Previous response with id '{id}' not found.");
            WireError::invalid(&message, Some("previous_response_id"), Some("previous_response_not_found"))
        })?),
    };
    let instructions = given("instructions").and_then(Value::as_str).unwrap_or_default();
    let found = items.iter().map(|item| Found::of(&text_of(item))).fold(Found::of(instructions), Found::and);
    let filter = making.action.and_then(|action| action.filter);
    if found.is_filtered() || filter == Some(Filter::Prompt) {
        return Err(WireError::content_filter(&found.to_json(true)));
    }
    let encoding = making.deployment.encoding();
    let before = earlier.as_ref().and_then(|earlier| earlier.pointer("/usage/total_tokens")?.as_u64()).unwrap_or(0);
    let prompt = response_prompt(body, encoding, &Rules::of_model(encoding)).saturating_add(u32::try_from(before).unwrap_or(u32::MAX));
    let effort = body.pointer("/reasoning/effort").and_then(Value::as_str);
    let thought = reasoning_tokens(&making.deployment.model, effort).min(limits.most.unwrap_or(u32::MAX));
    let most = limits.most.map(|most| most - thought);

    let functions = tools::functions(body);
    let last = items.iter().rev().find(|item| item.get("role").and_then(Value::as_str) == Some("user"));
    let after_result = items.last().and_then(|item| item.get("type")?.as_str()) == Some("function_call_output");
    let mut seed = Seed::of(&[input, body.get("instructions").unwrap_or(&Value::Null)]).choice(0);
    let called = tools::chosen(&functions, body, &last.map(text_of).unwrap_or_default(), after_result);
    let (said, name) = match called {
        Some(function) => (Said::of(function.arguments(&mut seed), encoding, most), Some(function.name)),
        None => (Said::of(form(body)?.text(making, &mut seed), encoding, most), None),
    };
    let seen = name.map_or(said.tokens, |name| call_tokens(name, &said.text, encoding));
    let usage = Usage { prompt, completion: seen.saturating_add(thought), reasoning: thought };
    let remaining = making.admit(u64::from(prompt) + u64::from(limits.most.unwrap_or(usage.completion)))?;
    let made = Made { item: item(making, &said, name), said, usage, filtered: filter == Some(Filter::Completion), found };
    let response = response(making, &limits, &made);
    if given("store").and_then(Value::as_bool) != Some(false) {
        making.simulator.0.stored.add(making.account, response.clone());
    }
    let answer = if limits.stream { Answer::stream(stream(&response, &made)) } else { Answer::json(response.to_string()) };
    Ok(answer.used(usage, remaining))
}

fn form(body: &Value) -> Result<Form, WireError> {
    let format = body.pointer("/text/format");
    match format.and_then(|format| format.get("type")?.as_str()) {
        None | Some("text") => Ok(Form::Text),
        Some("json_object") => Ok(Form::Object),
        Some("json_schema") => match format.and_then(|format| format.get("schema")) {
            Some(schema) => Ok(Form::Schema(schema.clone())),
            None => Err(WireError::missing_parameter("text.format.schema")),
        },
        Some(_) => Err(WireError::invalid("Invalid value for 'text.format.type'.", Some("text.format.type"), Some("invalid_value"))),
    }
}

struct Made {
    item: Value,
    said: Said,
    usage: Usage,
    filtered: bool,
    found: Found,
}

/// The one item of the output.
fn item(making: &Making<'_>, said: &Said, function: Option<&str>) -> Value {
    match function {
        Some(name) => json!({
            "id": making.id("fc_", 48), "type": "function_call", "status": "completed",
            "arguments": said.text, "call_id": making.id("call_", 24), "name": name,
        }),
        None => json!({
            "id": making.id("msg_", 48), "type": "message", "status": "completed", "role": "assistant",
            "content": [{ "type": "output_text", "annotations": [], "logprobs": [], "text": said.text }],
        }),
    }
}

/// The whole response; members as in Microsoft's reference and recordings of it.
fn response(making: &Making<'_>, limits: &Limits, made: &Made) -> Value {
    let body = making.body;
    let given = |name: &str, default: Value| body.get(name).filter(|value| !value.is_null()).cloned().unwrap_or(default);
    let reason = match (made.filtered, made.said.cut) {
        (true, _) => Some("content_filter"),
        (false, true) => Some("max_output_tokens"),
        (false, false) => None,
    };
    let Usage { prompt, completion, reasoning } = made.usage;
    json!({
        "id": making.id("resp_", 48),
        "object": "response",
        "created_at": making.created(),
        "status": if reason.is_some() { "incomplete" } else { "completed" },
        "background": false,
        "content_filters": [{
            "blocked": false, "source_type": "prompt", "content_filter_results": made.found.to_json(true),
        }],
        "error": null,
        "incomplete_details": reason.map(|reason| json!({ "reason": reason })),
        "instructions": given("instructions", Value::Null),
        "max_output_tokens": limits.most,
        "metadata": given("metadata", json!({})),
        "model": making.deployment.name,
        "output": [made.item],
        "parallel_tool_calls": given("parallel_tool_calls", json!(true)),
        "previous_response_id": given("previous_response_id", Value::Null),
        "reasoning": given("reasoning", json!({ "effort": null, "summary": null })),
        "store": given("store", json!(true)),
        "temperature": given("temperature", json!(1.0)),
        "text": given("text", json!({ "format": { "type": "text" } })),
        "tool_choice": given("tool_choice", json!("auto")),
        "tools": given("tools", json!([])),
        "top_p": given("top_p", json!(1.0)),
        "truncation": given("truncation", json!("disabled")),
        "usage": {
            "input_tokens": prompt,
            "input_tokens_details": { "cached_tokens": 0 },
            "output_tokens": completion,
            "output_tokens_details": { "reasoning_tokens": reasoning },
            "total_tokens": prompt.saturating_add(completion),
        },
        "user": given("user", Value::Null),
    })
}

/// The stream of events that ends in the whole response.
fn stream(response: &Value, made: &Made) -> Frames {
    let mut events = Events::default();
    let mut sequence = 0_u64;
    let mut send = |events: &mut Events, kind: &str, fields: Value| {
        let mut event = Map::new();
        event.insert("type".to_owned(), json!(kind));
        event.insert("sequence_number".to_owned(), json!(sequence));
        if let Value::Object(fields) = fields {
            event.extend(fields);
        }
        sequence += 1;
        events.event(kind, &Value::Object(event));
    };
    let with = |base: &Value, changes: &[(&str, Value)]| {
        let mut changed = base.clone();
        if let Some(object) = changed.as_object_mut() {
            changes.iter().for_each(|(name, value)| {
                object.insert((*name).to_owned(), value.clone());
            });
        }
        changed
    };
    let begun = with(
        response,
        &[("status", json!("in_progress")), ("output", json!([])), ("usage", Value::Null), ("incomplete_details", Value::Null)],
    );
    send(&mut events, "response.created", json!({ "response": begun }));
    send(&mut events, "response.in_progress", json!({ "response": begun }));
    let id = made.item.get("id").cloned().unwrap_or_default();
    let text = &made.said.text;
    if made.item.get("type").and_then(Value::as_str) == Some("function_call") {
        let open = with(&made.item, &[("status", json!("in_progress")), ("arguments", json!(""))]);
        send(&mut events, "response.output_item.added", json!({ "output_index": 0, "item": open }));
        events.tokens_begin();
        for piece in made.said.pieces() {
            send(&mut events, "response.function_call_arguments.delta", json!({ "item_id": id, "output_index": 0, "delta": piece }));
        }
        events.tokens_end();
        send(&mut events, "response.function_call_arguments.done", json!({ "item_id": id, "output_index": 0, "arguments": text }));
    } else {
        let open = with(&made.item, &[("status", json!("in_progress")), ("content", json!([]))]);
        send(&mut events, "response.output_item.added", json!({ "output_index": 0, "item": open }));
        let place = json!({ "item_id": id, "output_index": 0, "content_index": 0 });
        let part = |text: &str| json!({ "type": "output_text", "annotations": [], "logprobs": [], "text": text });
        send(&mut events, "response.content_part.added", with(&place, &[("part", part(""))]));
        events.tokens_begin();
        for piece in made.said.pieces() {
            send(&mut events, "response.output_text.delta", with(&place, &[("delta", json!(piece)), ("logprobs", json!([]))]));
        }
        events.tokens_end();
        send(&mut events, "response.output_text.done", with(&place, &[("text", json!(text)), ("logprobs", json!([]))]));
        send(&mut events, "response.content_part.done", with(&place, &[("part", part(text))]));
    }
    send(&mut events, "response.output_item.done", json!({ "output_index": 0, "item": made.item }));
    let last =
        if response.get("status").and_then(Value::as_str) == Some("incomplete") { "response.incomplete" } else { "response.completed" };
    send(&mut events, last, json!({ "response": response }));
    events.finish()
}
