//! One line a request.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::gateway::record::{Observer, RequestRecord};
use crate::support::clock::SharedClock;

/// Bytes that wait to be printed at most; a terminal that is slower than the gateway misses lines.
const WAITING: usize = 4 * 1024 * 1024;
/// Lines are gathered for so long: a write for each would cost the worker more than the request itself.
const GATHERED: Duration = Duration::from_millis(20);

/// Makes lines on the workers; they are written elsewhere. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    shared: Arc<Shared>,
    traces: bool,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    some: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    text: String,
    dropped: u64,
}

impl Lines {
    /// `traces`: with the whole trace.
    pub(super) fn new(traces: bool) -> Self {
        Self { shared: Arc::default(), traces }
    }

    /// Everything that waits, once there is something. Dropping the future loses nothing.
    pub(super) async fn next(&self, clock: &SharedClock) -> String {
        while self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner).text.is_empty() {
            self.shared.some.notified().await;
        }
        clock.sleep(GATHERED).await;
        self.take()
    }

    /// Everything that waits now, without the last line's end.
    pub(super) fn take(&self) -> String {
        let Waiting { mut text, dropped } = mem::take(&mut *self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        if dropped > 0 {
            // Writing to a string cannot fail.
            let _ = write!(text, "({dropped} lines left out)");
        } else {
            text.pop();
        }
        text
    }
}

thread_local!(static LINE: RefCell<String> = const { RefCell::new(String::new()) });

impl Observer for Lines {
    fn request(&self, record: &RequestRecord) {
        LINE.with_borrow_mut(|text| {
            text.clear();
            line(text, record);
            text.push('\n');
            if let Some(trace) = record.trace.as_ref().filter(|_| self.traces) {
                text.push_str(&trace.text());
                text.push('\n');
            }
            let mut waiting = self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if waiting.text.len() + text.len() > WAITING {
                waiting.dropped += 1;
                return;
            }
            let first = waiting.text.is_empty();
            waiting.text.push_str(text);
            drop(waiting);
            if first {
                self.shared.some.notify_one();
            }
        });
    }
}

/// `POST /deployments/gpt-4o-mini/chat/completions 200 12.3 ms  api/operation  subscription  one:429 (tripped for 20 s) two:200  9+10 tokens`.
fn line(text: &mut String, record: &RequestRecord) {
    let milliseconds = record.elapsed.as_secs_f64() * 1_000.0;
    let _ = write!(text, "{} {} {} {milliseconds:.1} ms", record.method, record.path(), record.status);
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
}
