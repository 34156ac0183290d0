//! `POST …/completions`: the older API.

use serde_json::{Value, json};

use super::chat::{Limits, finish, stops};
use super::filter::Found;
use super::sse::Events;
use super::text::{Said, Seed, sentences};
use super::{Answer, Making};
use crate::simulator::behavior::Filter;
use crate::simulator::error::WireError;
use crate::simulator::journal::Usage;
use crate::tokens::{Rules, prompt_with};

/// `max_tokens` if it is not given (documented).
const DEFAULT_TOKENS: u32 = 16;

pub(super) fn make(making: &Making<'_>) -> Result<Answer, WireError> {
    let body = making.body;
    let prompts: Vec<String> = match body.get("prompt") {
        None | Some(Value::Null) => vec![String::new()],
        Some(Value::String(prompt)) => vec![prompt.clone()],
        Some(Value::Array(items)) if !items.is_empty() => {
            items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect()
        }
        Some(_) => return Err(WireError::invalid("Invalid type for 'prompt'.", Some("prompt"), Some("invalid_type"))),
    };
    let limits = Limits::of(body, "max_tokens")?;
    if body.get("logprobs").is_some_and(|value| !value.is_null()) {
        return Err(WireError::not_simulated("`logprobs`"));
    }
    let found = prompts.iter().fold(Found::default(), |found, prompt| found.and(Found::of(prompt)));
    let filter = making.action.and_then(|action| action.filter);
    if found.is_filtered() || filter == Some(Filter::Prompt) {
        return Err(WireError::content_filter(&found.to_json(true)));
    }
    let encoding = making.deployment.encoding();
    let prompt_tokens = prompt_with(&json!({ "prompt": body.get("prompt") }), encoding, &Rules::of_model(encoding));
    let most = limits.most.unwrap_or(DEFAULT_TOKENS);
    let remaining = making.admit(u64::from(prompt_tokens) + u64::from(most) * u64::from(limits.choices))?;
    let mut said = Vec::new();
    for prompt in &prompts {
        let seed = Seed::of(&[&json!(prompt), body.get("seed").unwrap_or(&Value::Null)]);
        for choice in 0..limits.choices {
            let mut seed = seed.choice(u64::from(choice));
            let text = match making.action.and_then(|action| action.text.clone()) {
                Some(text) => text,
                None => format!(" {}", sentences(&mut seed, making.action.and_then(|action| action.tokens))),
            };
            said.push(Said::until(text, &stops(body), encoding, Some(most)));
        }
    }
    let usage = Usage { prompt: prompt_tokens, completion: said.iter().map(|said| said.tokens).sum(), reasoning: 0 };
    let (id, created, model) = (making.id("cmpl-", 29), making.created(), making.deployment.full_model());
    let filtered = filter == Some(Filter::Completion);
    let usage_json = json!({
        "prompt_tokens": usage.prompt, "completion_tokens": usage.completion, "total_tokens": usage.prompt + usage.completion,
    });
    let prompt_results = json!([{ "prompt_index": 0, "content_filter_results": found.to_json(true) }]);
    let choice = |index: usize, text: &str, finish: Value| {
        json!({
            "text": text, "index": index, "finish_reason": finish, "logprobs": null,
            "content_filter_results": Found::default().to_json(false),
        })
    };
    if !limits.stream {
        let choices: Vec<_> =
            said.iter().enumerate().map(|(index, said)| choice(index, &said.text, json!(finish(said, filtered)))).collect();
        let answer = json!({
            "id": id, "object": "text_completion", "created": created, "model": model,
            "prompt_filter_results": prompt_results, "choices": choices, "usage": usage_json,
        });
        return Ok(Answer::json(answer.to_string()).used(usage, remaining));
    }
    let mut events = Events::default();
    let chunk = |events: &mut Events, choices: Value, extra: &[(&str, Value)]| {
        let mut chunk = json!({ "id": id, "object": "text_completion", "created": created, "model": model, "choices": choices });
        if let Some(chunk) = chunk.as_object_mut() {
            extra.iter().for_each(|(name, value)| {
                chunk.insert((*name).to_owned(), value.clone());
            });
        }
        events.data(|buffer| buffer.push_str(&chunk.to_string()));
    };
    chunk(&mut events, json!([]), &[("prompt_filter_results", prompt_results)]);
    events.tokens_begin();
    for (index, said) in said.iter().enumerate() {
        for piece in said.pieces() {
            chunk(&mut events, json!([choice(index, piece, Value::Null)]), &[]);
        }
    }
    events.tokens_end();
    for (index, said) in said.iter().enumerate() {
        chunk(&mut events, json!([choice(index, "", json!(finish(said, filtered)))]), &[]);
    }
    if limits.include_usage {
        chunk(&mut events, json!([]), &[("usage", usage_json)]);
    }
    events.data(|buffer| buffer.push_str("[DONE]"));
    Ok(Answer::stream(events.finish()).used(usage, remaining))
}
