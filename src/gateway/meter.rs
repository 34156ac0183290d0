//! Counts the tokens of an answer while it goes by.
//!
//! Frames are looked at after they were handed on, on the same memory: nothing is copied and nobody waits. A stream's last report of
//! usage counts; a stream that reports none is estimated from the text of its deltas (documented for streams; whether a report is
//! preferred over the estimate is disputed, see [`super::settings::Settings::streamed_usage`]).

use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;

use super::settle::Usage;
use crate::tokens::{self, Encoding};

/// Bytes of an answer that are kept for counting. What goes beyond is estimated from its length.
const KEPT: usize = 8 * 1024 * 1024;
/// Longest line of a stream that is kept together from pieces.
const LINE: usize = 1024 * 1024;
/// Characters of English that make a token, for what was not kept.
const BYTES_OF_A_TOKEN: u64 = 4;

/// Usage as chat completions, completions, embeddings and responses report it.
#[derive(Debug, Deserialize, Clone, Copy)]
struct Reported {
    #[serde(alias = "input_tokens", default)]
    prompt_tokens: u64,
    #[serde(alias = "output_tokens", default)]
    completion_tokens: u64,
    #[serde(alias = "input_tokens_details", default)]
    prompt_tokens_details: Option<PromptDetails>,
    #[serde(alias = "output_tokens_details", default)]
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Debug, Deserialize, Clone, Copy)]
struct PromptDetails {
    #[serde(default)]
    cached_tokens: Option<u64>,
}

#[derive(Debug, Deserialize, Clone, Copy)]
struct CompletionDetails {
    #[serde(default)]
    reasoning_tokens: Option<u64>,
}

/// The part of an answer that holds usage; `response` is where events of the responses API have it.
#[derive(Debug, Deserialize)]
struct Envelope {
    #[serde(default)]
    usage: Option<Reported>,
    #[serde(default)]
    response: Option<Inner>,
}

#[derive(Debug, Deserialize)]
struct Inner {
    #[serde(default)]
    usage: Option<Reported>,
}

impl From<Reported> for Usage {
    fn from(reported: Reported) -> Self {
        Self {
            prompt: reported.prompt_tokens,
            cached: reported.prompt_tokens_details.and_then(|details| details.cached_tokens).unwrap_or(0),
            completion: reported.completion_tokens,
            reasoning: reported.completion_tokens_details.and_then(|details| details.reasoning_tokens).unwrap_or(0),
            estimated: false,
        }
    }
}

/// The usage that a JSON answer reports.
#[must_use]
pub fn reported(body: &[u8]) -> Option<Usage> {
    let envelope: Envelope = serde_json::from_slice(body).ok()?;
    envelope.usage.or_else(|| envelope.response.and_then(|inner| inner.usage)).map(Usage::from)
}

/// What is known of the request when its answer is counted.
#[derive(Debug, Clone)]
pub struct Prompt {
    /// The request's body, if it was kept.
    pub body: Option<Bytes>,
}

/// How the body is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// `text/event-stream`.
    Events,
    /// One JSON document.
    Json,
}

/// Counts one answer.
#[derive(Debug)]
pub struct Meter {
    framing: Framing,
    prefer_report: bool,
    prompt: Option<Arc<Prompt>>,
    /// A JSON document's pieces, or the lines of a stream that hold data.
    kept: Vec<Bytes>,
    kept_bytes: usize,
    /// Data that was not kept.
    lost: u64,
    /// The beginning of a line whose end has not come.
    partial: Vec<u8>,
    /// The rest of an overlong line is skipped.
    skipping: bool,
    /// The line that last reported usage.
    report: Option<Bytes>,
}

impl Meter {
    /// Counts a body of that framing. `prefer_report`: a stream's own report counts more than the estimate.
    #[must_use]
    pub const fn new(framing: Framing, prefer_report: bool, prompt: Option<Arc<Prompt>>) -> Self {
        Self {
            framing,
            prefer_report,
            prompt,
            kept: Vec::new(),
            kept_bytes: 0,
            lost: 0,
            partial: Vec::new(),
            skipping: false,
            report: None,
        }
    }

    /// The next piece.
    pub fn data(&mut self, data: &Bytes) {
        match self.framing {
            Framing::Json => self.keep(data.clone()),
            Framing::Events => self.lines(data),
        }
    }

    fn keep(&mut self, data: Bytes) {
        if self.kept_bytes + data.len() > KEPT {
            self.lost += data.len() as u64;
        } else {
            self.kept_bytes += data.len();
            self.kept.push(data);
        }
    }

    fn lines(&mut self, data: &Bytes) {
        let mut start = 0;
        for end in memchr::memchr2_iter(b'\n', b'\r', data) {
            if self.partial.is_empty() && !self.skipping {
                self.line(data.slice(start..end));
            } else {
                self.extend(data.get(start..end).unwrap_or_default());
                let line = std::mem::take(&mut self.partial);
                if !std::mem::take(&mut self.skipping) {
                    self.line(Bytes::from(line));
                }
            }
            start = end + 1;
        }
        self.extend(data.get(start..).unwrap_or_default());
    }

    fn extend(&mut self, piece: &[u8]) {
        if self.skipping || piece.is_empty() {
            self.lost += piece.len() as u64;
        } else if self.partial.len() + piece.len() > LINE {
            self.lost += (self.partial.len() + piece.len()) as u64;
            self.partial = Vec::new();
            self.skipping = true;
        } else {
            self.partial.extend_from_slice(piece);
        }
    }

    /// One line of a stream, without its end. Every event of these APIs is one line of data.
    fn line(&mut self, line: Bytes) {
        let Some(rest) = line.strip_prefix(b"data:") else { return };
        let skip = line.len() - rest.len() + usize::from(rest.first() == Some(&b' '));
        let data = line.slice(skip..);
        if data.first() != Some(&b'{') {
            return;
        }
        if reports_usage(&data) {
            self.report = Some(data.clone());
        }
        self.keep(data);
    }

    /// The tokens, once the body is over.
    #[must_use]
    pub fn finish(mut self) -> Option<Usage> {
        match self.framing {
            Framing::Json => {
                let mut pieces = self.kept.into_iter();
                let first = pieces.next()?;
                if pieces.len() == 0 {
                    return reported(&first);
                }
                let mut whole = Vec::with_capacity(self.kept_bytes);
                whole.extend_from_slice(&first);
                pieces.for_each(|piece| whole.extend_from_slice(&piece));
                reported(&whole)
            }
            Framing::Events => {
                if !self.partial.is_empty() {
                    let line = Bytes::from(std::mem::take(&mut self.partial));
                    self.line(line);
                }
                let report = self.report.as_ref().and_then(|line| reported(line));
                match report {
                    Some(report) if self.prefer_report => Some(report),
                    _ => self.estimate(),
                }
            }
        }
    }

    fn estimate(&self) -> Option<Usage> {
        let prompt_body: Option<serde_json::Value> =
            self.prompt.as_ref().and_then(|prompt| serde_json::from_slice(prompt.body.as_ref()?).ok());
        let mut model = None;
        let mut text = String::new();
        for line in &self.kept {
            let Ok(chunk) = serde_json::from_slice::<Chunk>(line) else { continue };
            chunk.add_to(&mut text);
            if model.is_none() {
                model = chunk.model.filter(|model| !model.is_empty());
            }
        }
        if self.kept.is_empty() && self.lost == 0 {
            return None;
        }
        let named = prompt_body.as_ref().and_then(|body| body.get("model")).and_then(serde_json::Value::as_str);
        let encoding = model.as_deref().or(named).map_or(Encoding::O200kBase, tokens::encoding_of_model);
        let completion = u64::from(tokens::count(&text, encoding)) + self.lost / BYTES_OF_A_TOKEN;
        let prompt = prompt_body.map_or(0, |body| u64::from(tokens::estimate_prompt(&body, Some(encoding))));
        Some(Usage { prompt, completion, estimated: true, ..Usage::default() })
    }
}

/// Whether the chunk has a usage that is not null. The name may stand in a text too; then parsing finds nothing and no harm is done.
fn reports_usage(data: &[u8]) -> bool {
    let Some(place) = memchr::memmem::find(data, b"\"usage\"") else { return false };
    let after = data.get(place + b"\"usage\"".len()..).unwrap_or_default();
    let value = after.iter().position(|byte| !matches!(byte, b':' | b' ' | b'\t')).and_then(|start| after.get(start..));
    value.is_some_and(|value| value.first() == Some(&b'{'))
}

/// What of a chunk is text.
#[derive(Debug, Deserialize)]
struct Chunk {
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    choices: Vec<Choice>,
    #[serde(rename = "type", default)]
    kind: Option<String>,
    /// Of the responses API; an object in other events.
    #[serde(default, deserialize_with = "text_or_nothing")]
    delta: Option<String>,
}

impl Chunk {
    /// What the model says in it, with the tools that it calls.
    fn add_to(&self, text: &mut String) {
        for choice in &self.choices {
            text.push_str(choice.text.as_deref().unwrap_or_default());
            if let Some(delta) = &choice.delta {
                text.push_str(delta.content.as_deref().unwrap_or_default());
                for call in delta.tool_calls.iter().flatten() {
                    if let Some(function) = &call.function {
                        text.push_str(function.name.as_deref().unwrap_or_default());
                        text.push_str(function.arguments.as_deref().unwrap_or_default());
                    }
                }
            }
        }
        if self.kind.as_deref().is_some_and(|kind| kind.ends_with(".delta")) {
            text.push_str(self.delta.as_deref().unwrap_or_default());
        }
    }
}

/// What the model says in one event of a stream, given the event's data. Nothing if it is none of the model's.
pub(super) fn text_of_event(data: &[u8], text: &mut String) {
    if let Ok(chunk) = serde_json::from_slice::<Chunk>(data) {
        chunk.add_to(text);
    }
}

#[derive(Debug, Deserialize)]
struct Choice {
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    delta: Option<Delta>,
}

#[derive(Debug, Deserialize)]
struct Delta {
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<Call>>,
}

#[derive(Debug, Deserialize)]
struct Call {
    #[serde(default)]
    function: Option<Function>,
}

#[derive(Debug, Deserialize)]
struct Function {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    arguments: Option<String>,
}

fn text_or_nothing<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::String(text) => Some(text),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
