//! One line a request.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

use crate::gateway::record::{Observer, RequestRecord};

/// What is printed about one request.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) trace: Option<String>,
}

/// Makes lines on the workers; they are written elsewhere.
#[derive(Debug)]
pub(super) struct Lines {
    sender: mpsc::Sender<Line>,
    traces: bool,
    dropped: AtomicU64,
}

impl Lines {
    /// `traces`: with the whole trace.
    pub(super) const fn new(sender: mpsc::Sender<Line>, traces: bool) -> Self {
        Self { sender, traces, dropped: AtomicU64::new(0) }
    }
}

impl Observer for Lines {
    fn request(&self, record: &RequestRecord) {
        let Ok(permit) = self.sender.try_reserve() else {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let mut text = line(record);
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            // Writing to a string cannot fail.
            let _ = write!(text, "  ({dropped} lines left out before)");
        }
        let trace = record.trace.as_ref().filter(|_| self.traces).map(|trace| trace.text());
        permit.send(Line { text, trace });
    }
}

/// `POST /deployments/gpt-4o-mini/chat/completions 200 12.3 ms  api/operation  subscription  one:429 (tripped for 20 s) two:200  9+10 tokens`.
fn line(record: &RequestRecord) -> String {
    let mut text = String::with_capacity(160);
    let milliseconds = record.elapsed.as_secs_f64() * 1_000.0;
    let _ = write!(text, "{} {} {} {milliseconds:.1} ms", record.method, record.path, record.status);
    if let Some(api) = record.api() {
        let _ = write!(text, "  {}/{}", api.name, record.operation().map_or("-", |operation| &operation.name));
    }
    if let Some(subscription) = record.subscription() {
        let _ = write!(text, "  {}", subscription.name);
    }
    for (place, attempt) in record.attempts.iter().enumerate() {
        let backend = record.backend(attempt).map_or("backend", |backend| &backend.name);
        let _ = write!(text, "{}{backend}:", if place == 0 { "  " } else { " " });
        let _ = match attempt.outcome {
            Ok(status) => write!(text, "{status}"),
            Err(reason) => write!(text, "{reason}"),
        };
        if let Some(time) = attempt.tripped {
            let _ = write!(text, " (tripped for {:.0} s)", time.as_secs_f64());
        }
    }
    if let Some(usage) = &record.usage {
        let _ = write!(text, "  {}+{} tokens{}", usage.prompt, usage.completion, if usage.estimated { " (estimated)" } else { "" });
    }
    if let Some(error) = &record.error {
        let _ = write!(text, "  {} in {}", error.reason, error.source);
    }
    if !record.complete {
        text.push_str("  (not complete)");
    }
    text
}
