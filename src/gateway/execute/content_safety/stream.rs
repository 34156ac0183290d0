//! A stream of a completion, held back in windows until each has been found safe.
//!
//! The page: events are held in a sliding window; on a violation no further events are forwarded, and there is no 403. The same if the
//! service fails (assumed): nothing goes out that nobody has looked at.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::Screen;
use crate::gateway::body::{Body, BodyError};
use crate::gateway::meter::text_of_event;
use crate::gateway::snapshot::Snapshot;
use crate::gateway::worker::Worker;

/// A body that passes on what has been looked at. The backend's body is read by a task of its own, that ends with either side.
pub(super) fn screened(body: Body, screen: Screen, worker: Arc<Worker>, snapshot: Arc<Snapshot>) -> Body {
    let (sender, receiver) = mpsc::channel(1);
    let held =
        Held { screen, worker, snapshot, frames: VecDeque::new(), line: Vec::new(), text: String::new(), said: 0, safe: 0, bytes: 0 };
    tokio::spawn(held.run(body, sender));
    Body::piped(receiver)
}

/// What has come and was not passed on yet.
struct Held {
    screen: Screen,
    worker: Arc<Worker>,
    snapshot: Arc<Snapshot>,
    /// Each with how much the model had said at its end; unknown while it ends within a line.
    frames: VecDeque<(Bytes, Option<usize>)>,
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    /// The end of what the model said: what no window has held, and the overlap before it.
    text: String,
    /// Characters that the model has said.
    said: usize,
    /// Of these, the first so many were found safe.
    safe: usize,
    /// Bytes of `frames`.
    bytes: usize,
}

impl Held {
    async fn run(mut self, mut body: Body, sender: mpsc::Sender<Result<Bytes, BodyError>>) {
        let broken = loop {
            // A caller who goes away stops the backend, also while it says nothing.
            let frame = tokio::select! {
                frame = body.frame() => frame,
                () = sender.closed() => return,
            };
            match frame {
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else { continue };
                    self.read(data);
                    // A window of so many characters cannot take so many bytes, unless they say nothing at all.
                    if self.bytes > self.worker.limits.buffered_body {
                        return;
                    }
                }
                Some(Err(error)) => break Some(error),
                None => break None,
            }
            while self.said - self.safe >= self.fresh() {
                if !self.check_window().await {
                    return;
                }
            }
            if !self.pass_on(&sender).await {
                return;
            }
        };
        if self.said > self.safe && !self.check_window().await {
            return;
        }
        for (_, end) in &mut self.frames {
            // What follows is no line any more, and says nothing.
            end.get_or_insert(self.said);
        }
        if self.pass_on(&sender).await
            && let Some(error) = broken
        {
            // Whoever reads is told that it broke off, if he is still there.
            let _ = sender.send(Err(error)).await;
        }
    }

    /// How many characters that no window has held make the next window full.
    fn fresh(&self) -> usize {
        let windows = self.screen.windows;
        if self.safe == 0 { windows.size } else { windows.size - windows.overlap }
    }

    /// Whether the next window is safe; its end stays as the overlap with the one behind it.
    async fn check_window(&mut self) -> bool {
        let windows = self.screen.windows;
        let place = |text: &str, count: usize| text.char_indices().nth(count).map_or(text.len(), |(place, _)| place);
        let window = self.text.get(..place(&self.text, windows.size)).unwrap_or_default();
        if let Err(failure) = self.screen.question.ask(&self.worker, &self.snapshot, window).await {
            tracing::info!(reason = &*failure.reason, "a stream was stopped by llm-content-safety");
            return false;
        }
        self.safe = (self.safe + self.fresh()).min(self.said);
        let behind = self.said - self.safe + windows.overlap.min(self.safe);
        let count = self.text.chars().count();
        self.text.drain(..place(&self.text, count.saturating_sub(behind)));
        true
    }

    /// Passes on the frames whose every character was found safe.
    async fn pass_on(&mut self, sender: &mpsc::Sender<Result<Bytes, BodyError>>) -> bool {
        while self.frames.front().and_then(|(_, end)| *end).is_some_and(|end| end <= self.safe) {
            let Some((frame, _)) = self.frames.pop_front() else { break };
            self.bytes -= frame.len();
            if sender.send(Ok(frame)).await.is_err() {
                return false;
            }
        }
        true
    }

    /// Adds a frame, and what the model says in it.
    fn read(&mut self, data: Bytes) {
        let mut rest = &data[..];
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (head, tail) = rest.split_at(end);
            self.line.extend_from_slice(head);
            rest = tail.get(1..).unwrap_or_default();
            let line = mem::take(&mut self.line);
            if let Some(event) = line.strip_prefix(b"data:") {
                let before = self.text.len();
                text_of_event(event.trim_ascii(), &mut self.text);
                self.said += self.text.get(before..).map_or(0, |said| said.chars().count());
            }
        }
        self.line.extend_from_slice(rest);
        self.bytes += data.len();
        self.frames.push_back((data, None));
        if self.line.is_empty() {
            for (_, end) in &mut self.frames {
                end.get_or_insert(self.said);
            }
        }
    }
}
