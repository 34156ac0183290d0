//! `POST …/chat/completions`.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::filter::{Found, SAFE};
use super::model::{reasoning_tokens, reasons};
use super::sse::{Events, push_json};
use super::text::{Said, Seed, call_tokens, sentences};
use super::tools;
use super::{Answer, Making};
use crate::simulator::behavior::Filter;
use crate::simulator::body::Frames;
use crate::simulator::error::WireError;
use crate::simulator::journal::Usage;
use crate::tokens::{Rules, prompt_with};

/// `system_fingerprint` of all models here.
const FINGERPRINT: &str = "fp_simulator";
/// Most tokens of an answer for which nothing is asked and charged beforehand (assumed; the service does not say what it estimates).
const CHARGED_WITHOUT_LIMIT: u32 = 0;
const ROLES: [&str; 6] = ["system", "developer", "user", "assistant", "tool", "function"];

/// What limits an answer.
pub(super) struct Limits {
    /// Most tokens of each choice.
    pub(super) most: Option<u32>,
    /// How many choices.
    pub(super) choices: u32,
    /// Whether it is streamed.
    pub(super) stream: bool,
    /// Whether the stream tells the usage.
    pub(super) include_usage: bool,
}

impl Limits {
    /// Reads `name` (`max_tokens` or its like), `n`, `stream` and `stream_options`.
    pub(super) fn of(body: &Value, name: &str) -> Result<Self, WireError> {
        let most = match body.get(name).filter(|value| !value.is_null()) {
            None => None,
            Some(value) => Some(positive(value, name)?),
        };
        let choices = match body.get("n").filter(|value| !value.is_null()) {
            None => 1,
            Some(value) => positive(value, "n")?.min(128),
        };
        let stream = match body.get("stream") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(stream)) => *stream,
            Some(_) => {
                return Err(WireError::invalid("Invalid type for 'stream': expected a boolean.", Some("stream"), Some("invalid_type")));
            }
        };
        let options = body.get("stream_options").filter(|value| !value.is_null());
        if options.is_some() && !stream {
            let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
            return Err(WireError::invalid(message, Some("stream_options"), None));
        }
        let include_usage = options.and_then(|options| options.get("include_usage")).and_then(Value::as_bool).unwrap_or(false);
        Ok(Self { most, choices, stream, include_usage })
    }
}

fn positive(value: &Value, name: &str) -> Result<u32, WireError> {
    let number = value.as_u64().filter(|number| *number > 0).and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| {
        let message =
            format!("Invalid '{name}': integer below minimum value or of the wrong type. Expected a value >= 1, but got {value} instead.");
        WireError::invalid(&message, Some(name), Some("integer_below_min_value"))
    })
}

/// `stop`: a text or several.
pub(super) fn stops(body: &Value) -> Vec<&str> {
    match body.get("stop") {
        Some(Value::String(stop)) => vec![stop],
        Some(Value::Array(stops)) => stops.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// `finish_reason` of a text.
pub(super) const fn finish(said: &Said, filtered: bool) -> &'static str {
    match (filtered, said.cut) {
        (true, _) => "content_filter",
        (false, true) => "length",
        (false, false) => "stop",
    }
}

/// One choice: a text, or a call of a function.
struct Choice {
    said: Said,
    /// Name and id; `said` has the arguments then.
    call: Option<(String, String)>,
    finish: &'static str,
}

pub(super) fn make(making: &Making<'_>) -> Result<Answer, WireError> {
    let body = making.body;
    let thinks = reasons(&making.deployment.model);
    check(body, thinks)?;
    let messages = body.get("messages").and_then(Value::as_array).ok_or_else(|| WireError::missing_parameter("messages"))?;
    check_messages(messages)?;
    let name = if body.get("max_completion_tokens").is_some_and(|value| !value.is_null()) || thinks {
        "max_completion_tokens"
    } else {
        "max_tokens"
    };
    let limits = Limits::of(body, name)?;
    let filter = making.action.and_then(|action| action.filter);
    let found = messages.iter().map(|message| Found::of(&text_of(message))).fold(Found::default(), Found::and);
    if found.is_filtered() || filter == Some(Filter::Prompt) {
        return Err(WireError::content_filter(&found.to_json(true)));
    }
    let encoding = making.deployment.encoding();
    let prompt = prompt_with(body, encoding, &Rules::of_model(encoding));
    let thought = reasoning_tokens(&making.deployment.model, body.get("reasoning_effort").and_then(Value::as_str));
    let (thought, most) = match limits.most {
        Some(most) => (thought.min(most), Some(most - thought.min(most))),
        None => (thought, None),
    };
    let estimate = u64::from(limits.most.unwrap_or(CHARGED_WITHOUT_LIMIT)) * u64::from(limits.choices);
    let choices = choices(making, messages, most, limits.choices, filter == Some(Filter::Completion))?;
    let seen: u32 = choices.iter().map(|choice| tokens(choice, making)).sum();
    let reasoning = thought.saturating_mul(limits.choices);
    let usage = Usage { prompt, completion: seen.saturating_add(reasoning), reasoning };
    let estimate = if limits.most.is_some() { estimate } else { u64::from(usage.completion) };
    let remaining = making.admit(u64::from(prompt) + estimate)?;
    let envelope = Envelope {
        id: making.id("chatcmpl-", 29),
        created: making.created(),
        model: making.deployment.full_model(),
        prompt_results: found.to_json(true),
        usage,
    };
    let answer = if limits.stream {
        Answer::stream(stream(&envelope, &choices, limits.include_usage))
    } else {
        Answer::json(whole(&envelope, &choices))
    };
    Ok(answer.used(usage, remaining))
}

fn tokens(choice: &Choice, making: &Making<'_>) -> u32 {
    match &choice.call {
        Some((name, _)) => call_tokens(name, &choice.said.text, making.deployment.encoding()),
        None => choice.said.tokens,
    }
}

/// What this simulator does not do, and what the model does not.
fn check(body: &Value, thinks: bool) -> Result<(), WireError> {
    let given = |name: &str| body.get(name).filter(|value| !value.is_null());
    if given("logprobs").and_then(Value::as_bool) == Some(true) {
        return Err(WireError::not_simulated("`logprobs`"));
    }
    if given("modalities").and_then(Value::as_array).is_some_and(|modes| modes.iter().any(|mode| mode.as_str() != Some("text"))) {
        return Err(WireError::not_simulated("answers in sound"));
    }
    if thinks && given("max_tokens").is_some() {
        return Err(WireError::unsupported_parameter("max_tokens", "max_completion_tokens"));
    }
    if let (true, Some(temperature)) = (thinks, given("temperature"))
        && temperature.as_f64() != Some(1.0)
    {
        let message = format!(
            "Unsupported value: 'temperature' does not support {temperature} with this model. Only the default (1) value is supported."
        );
        return Err(WireError::invalid(&message, Some("temperature"), Some("unsupported_value")));
    }
    Ok(())
}

fn check_messages(messages: &[Value]) -> Result<(), WireError> {
    if messages.is_empty() {
        let message = "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.";
        return Err(WireError::invalid(message, Some("messages"), Some("empty_array")));
    }
    for (index, message) in messages.iter().enumerate() {
        let role = message.get("role").and_then(Value::as_str);
        let Some(role) = role else { return Err(WireError::missing_parameter(&format!("messages[{index}].role"))) };
        if !ROLES.contains(&role) {
            let message = format!(
                "Invalid value: '{role}'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'."
            );
            return Err(WireError::invalid(&message, Some(&format!("messages[{index}].role")), Some("invalid_value")));
        }
    }
    Ok(())
}

/// The texts of a message's content.
pub(super) fn text_of(message: &Value) -> String {
    match message.get("content") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

fn choices(making: &Making<'_>, messages: &[Value], most: Option<u32>, number: u32, filtered: bool) -> Result<Vec<Choice>, WireError> {
    let body = making.body;
    let encoding = making.deployment.encoding();
    let form = Form::of(body, messages)?;
    let functions = tools::functions(body);
    let last = messages.iter().rev().find(|message| message.get("role").and_then(Value::as_str) == Some("user"));
    let after_result =
        messages.last().and_then(|message| message.get("role")?.as_str()).is_some_and(|role| matches!(role, "tool" | "function"));
    let called = tools::chosen(&functions, body, &last.map(text_of).unwrap_or_default(), after_result);
    let seed = Seed::of(&[body.get("messages").unwrap_or(&Value::Null), body.get("seed").unwrap_or(&Value::Null)]);
    let stops = stops(body);
    let one = |index: u32| {
        let mut seed = seed.choice(u64::from(index));
        if let Some(function) = called {
            let said = Said::of(function.arguments(&mut seed), encoding, most);
            let id = format!("call_{:016x}{:08x}", seed.next(), seed.next() as u32);
            let finish = if said.cut { "length" } else { "tool_calls" };
            return Choice { said, call: Some((function.name.to_owned(), id)), finish };
        }
        let said = Said::until(form.text(making, &mut seed), &stops, encoding, most);
        let said = if filtered {
            // The filter steps in somewhere in the middle.
            let half = said.tokens / 2;
            Said::of(said.text, encoding, Some(half))
        } else {
            said
        };
        let finish = finish(&said, filtered);
        Choice { said, call: None, finish }
    };
    Ok((0..number).map(one).collect())
}

/// What form the text has to have.
pub(super) enum Form {
    Text,
    Object,
    Schema(Value),
}

impl Form {
    fn of(body: &Value, messages: &[Value]) -> Result<Self, WireError> {
        let Some(format) = body.get("response_format").filter(|value| !value.is_null()) else { return Ok(Self::Text) };
        match format.get("type").and_then(Value::as_str) {
            Some("text") => Ok(Self::Text),
            Some("json_object") => {
                if messages.iter().any(|message| text_of(message).to_lowercase().contains("json")) {
                    return Ok(Self::Object);
                }
                let message = "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.";
                Err(WireError::invalid(message, Some("messages"), None))
            }
            Some("json_schema") => match format.pointer("/json_schema/schema") {
                Some(schema) => Ok(Self::Schema(schema.clone())),
                None => Err(WireError::missing_parameter("response_format.json_schema")),
            },
            _ => Err(WireError::invalid("Invalid value for 'response_format.type'.", Some("response_format.type"), Some("invalid_value"))),
        }
    }

    /// What is said in this form.
    pub(super) fn text(&self, making: &Making<'_>, seed: &mut Seed) -> String {
        if let Some(text) = making.action.and_then(|action| action.text.clone()) {
            return text;
        }
        let tokens = making.action.and_then(|action| action.tokens);
        match self {
            Self::Text => sentences(seed, tokens),
            Self::Object => json!({ "answer": sentences(seed, tokens) }).to_string(),
            Self::Schema(schema) => tools::value(schema, seed).to_string(),
        }
    }
}

/// What is around the choices.
struct Envelope {
    id: String,
    created: i64,
    model: String,
    prompt_results: Value,
    usage: Usage,
}

impl Envelope {
    fn usage(&self) -> Value {
        let Usage { prompt, completion, reasoning } = self.usage;
        json!({
            "completion_tokens": completion,
            "completion_tokens_details": {
                "accepted_prediction_tokens": 0, "audio_tokens": 0, "reasoning_tokens": reasoning, "rejected_prediction_tokens": 0,
            },
            "prompt_tokens": prompt,
            "prompt_tokens_details": { "audio_tokens": 0, "cached_tokens": 0 },
            "total_tokens": prompt.saturating_add(completion),
        })
    }
}

/// The answer in one piece, its members in the order of live answers (alphabetical).
fn whole(envelope: &Envelope, choices: &[Choice]) -> String {
    let mut out = String::with_capacity(1_200 + choices.iter().map(|choice| choice.said.text.len() + 400).sum::<usize>());
    out.push_str(r#"{"choices":["#);
    for (index, choice) in choices.iter().enumerate() {
        let separator = if index == 0 { "" } else { "," };
        let results = filter_results(choice);
        let _ = write!(
            out,
            r#"{separator}{{"content_filter_results":{results},"finish_reason":"{}","index":{index},"logprobs":null,"message":{{"annotations":[],"content":"#,
            choice.finish
        );
        match &choice.call {
            None => {
                push_json(&mut out, &choice.said.text);
                out.push_str(r#","refusal":null,"role":"assistant"}}"#);
            }
            Some((name, id)) => {
                out.push_str(r#"null,"refusal":null,"role":"assistant","tool_calls":[{"function":{"arguments":"#);
                push_json(&mut out, &choice.said.text);
                let _ = write!(out, r#","name":{}}},"id":"{id}","type":"function"}}]}}}}"#, Value::from(name.as_str()));
            }
        }
    }
    let _ = write!(
        out,
        r#"],"created":{},"id":"{}","model":{},"object":"chat.completion","prompt_filter_results":[{{"prompt_index":0,"content_filter_results":{}}}],"system_fingerprint":"{FINGERPRINT}","usage":{}}}"#,
        envelope.created,
        envelope.id,
        Value::from(envelope.model.as_str()),
        envelope.prompt_results,
        envelope.usage(),
    );
    out
}

/// Results of the filter for a choice as a whole. A call of a function has none (seen).
fn filter_results(choice: &Choice) -> String {
    match (&choice.call, choice.finish) {
        (Some(_), _) => "{}".to_owned(),
        (None, "content_filter") => Found { severity: [0, 0, 0, 4], attack: false }.to_json(false).to_string(),
        (None, _) => SAFE.to_owned(),
    }
}

/// The stream: the prompt's filter results with no choices, then for each choice its role, its tokens, its end; the usage if it was asked for;
/// `[DONE]`. Form and order of members as in recordings of live streams of 2024 and 2025.
fn stream(envelope: &Envelope, choices: &[Choice], include_usage: bool) -> Frames {
    let usage = if include_usage { r#","usage":null"# } else { "" };
    let tail = format!(
        r#""created":{},"id":"{}","model":{},"object":"chat.completion.chunk","system_fingerprint":"{FINGERPRINT}""#,
        envelope.created,
        envelope.id,
        Value::from(envelope.model.as_str()),
    );
    let pieces: usize = choices.iter().map(|choice| choice.said.ends.len()).sum();
    let each = 160 + SAFE.len() + tail.len();
    let mut events = Events::with_capacity(pieces + 4 + 2 * choices.len(), (pieces + 4 + 2 * choices.len()) * each + 600);
    events.data(|out| {
        let results = &envelope.prompt_results;
        let _ = write!(
            out,
            r#"{{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{{"prompt_index":0,"content_filter_results":{results}}}]{usage}}}"#
        );
    });
    let chunk = |events: &mut Events, index: usize, results: &str, finish: Option<&str>, delta: &dyn Fn(&mut String)| {
        events.data(|out| {
            out.push_str(r#"{"choices":[{"content_filter_results":"#);
            out.push_str(results);
            out.push_str(r#","delta":{"#);
            delta(out);
            match finish {
                Some(finish) => {
                    let _ = write!(out, r#"}},"finish_reason":"{finish}","index":{index},"logprobs":null}}],"#);
                }
                None => {
                    let _ = write!(out, r#"}},"finish_reason":null,"index":{index},"logprobs":null}}],"#);
                }
            }
            out.push_str(&tail);
            out.push_str(usage);
            out.push('}');
        });
    };
    for (index, choice) in choices.iter().enumerate() {
        chunk(&mut events, index, "{}", None, &|out| match &choice.call {
            None => out.push_str(r#""content":"","refusal":null,"role":"assistant""#),
            Some((name, id)) => {
                let _ = write!(
                    out,
                    r#""content":null,"refusal":null,"role":"assistant","tool_calls":[{{"function":{{"arguments":"","name":{}}},"id":"{id}","index":0,"type":"function"}}]"#,
                    Value::from(name.as_str())
                );
            }
        });
    }
    events.tokens_begin();
    // Choices come side by side, as they are made.
    let mut parts: Vec<_> = choices.iter().map(|choice| choice.said.pieces()).collect();
    let mut more = true;
    while more {
        more = false;
        for (index, (part, choice)) in parts.iter_mut().zip(choices).enumerate() {
            let Some(piece) = part.next() else { continue };
            more = true;
            match choice.call {
                None => chunk(&mut events, index, SAFE, None, &|out| {
                    out.push_str(r#""content":"#);
                    push_json(out, piece);
                }),
                Some(_) => chunk(&mut events, index, "{}", None, &|out| {
                    out.push_str(r#""tool_calls":[{"function":{"arguments":"#);
                    push_json(out, piece);
                    out.push_str(r#"},"index":0}]"#);
                }),
            }
        }
    }
    events.tokens_end();
    for (index, choice) in choices.iter().enumerate() {
        let results = if choice.finish == "content_filter" { filter_results(choice) } else { "{}".to_owned() };
        chunk(&mut events, index, &results, Some(choice.finish), &|_| {});
    }
    if include_usage {
        events.data(|out| {
            let _ = write!(out, r#"{{"choices":[],{tail},"usage":{}}}"#, envelope.usage());
        });
    }
    events.data(|out| out.push_str("[DONE]"));
    events.finish()
}
