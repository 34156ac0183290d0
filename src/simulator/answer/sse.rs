//! Server-sent events, written one after the other into one buffer.

use std::fmt::Write as _;

use serde_json::Value;

use crate::simulator::body::{Frames, Tokens};

/// A stream that is being written.
#[derive(Default)]
pub(super) struct Events {
    buffer: String,
    ends: Vec<u32>,
    tokens: Option<Tokens>,
}

impl Events {
    pub(super) fn with_capacity(frames: usize, bytes: usize) -> Self {
        Self { buffer: String::with_capacity(bytes), ends: Vec::with_capacity(frames), tokens: None }
    }

    /// One event: `data: …` and a blank line.
    pub(super) fn data(&mut self, write: impl FnOnce(&mut String)) {
        self.buffer.push_str("data: ");
        write(&mut self.buffer);
        self.end();
    }

    /// One event with a name.
    pub(super) fn event(&mut self, name: &str, data: &Value) {
        let _ = write!(self.buffer, "event: {name}\ndata: {data}");
        self.end();
    }

    fn end(&mut self) {
        self.buffer.push_str("\n\n");
        self.ends.push(u32::try_from(self.buffer.len()).unwrap_or(u32::MAX));
    }

    /// The events from here on carry tokens.
    pub(super) fn tokens_begin(&mut self) {
        self.tokens = Some(Tokens { first: self.ends.len(), end: self.ends.len() });
    }

    /// The events from here on carry none any more.
    pub(super) fn tokens_end(&mut self) {
        if let Some(tokens) = &mut self.tokens {
            tokens.end = self.ends.len();
        }
    }

    /// The finished stream.
    pub(super) fn finish(self) -> Frames {
        Frames { buffer: self.buffer.into(), ends: self.ends, tokens: self.tokens.unwrap_or_default() }
    }
}

/// Appends `text` as a JSON string.
pub(super) fn push_json(buffer: &mut String, text: &str) {
    // The usual piece is a word: nothing to escape.
    if text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        buffer.push('"');
        buffer.push_str(text);
        buffer.push('"');
        return;
    }
    let _ = write!(buffer, "{}", Value::from(text));
}
