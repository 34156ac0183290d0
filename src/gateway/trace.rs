//! The trace of one request: what every policy saw and did, as API Management shows it.

mod asked;

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

pub use self::asked::{allow, begin, tell};
use super::record::{Observer, RequestRecord};
use crate::policy::Section;
use crate::support::secret::Secret;

/// Traces that are kept.
const KEPT: usize = 1_000;
/// Entries of one trace; a loop in a policy must not eat the memory.
const ENTRIES: usize = 10_000;

/// One entry.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Section.
    pub section: Section,
    /// `api-inspector`, `forward-request`, a policy's name.
    pub source: String,
    /// When.
    pub timestamp: OffsetDateTime,
    /// Since the request came.
    pub elapsed: Duration,
    /// What.
    pub data: Value,
}

/// All entries of a request, in order.
#[derive(Debug, Default, Clone)]
pub struct Trace {
    entries: Vec<Entry>,
    /// Entries that had no room.
    dropped: usize,
}

/// `2015-06-23T19:51:35.2998610Z` (trace samples).
const TIMESTAMP: &[BorrowedFormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:7]Z");

/// `00:00:00.0725926` (trace samples).
fn elapsed(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{:02}:{:02}:{:02}.{:07}", seconds / 3_600, seconds / 60 % 60, seconds % 60, time.subsec_nanos() / 100)
}

impl Trace {
    /// Adds an entry.
    pub fn add(&mut self, section: Section, source: &str, timestamp: OffsetDateTime, elapsed: Duration, data: Value) {
        if self.entries.len() >= ENTRIES {
            self.dropped += 1;
        } else {
            self.entries.push(Entry { section, source: source.to_owned(), timestamp, elapsed, data });
        }
    }

    /// The entries.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// As API Management's trace: `traceId` and `traceEntries` by section.
    #[must_use]
    pub fn json(&self, id: &str) -> Value {
        let mut sections = Map::new();
        for section in Section::ALL {
            let entries: Vec<Value> = self
                .entries
                .iter()
                .filter(|entry| entry.section == section)
                .map(|entry| {
                    json!({
                        "source": entry.source,
                        "timestamp": entry.timestamp.format(&TIMESTAMP).unwrap_or_default(),
                        "elapsed": elapsed(entry.elapsed),
                        "data": entry.data,
                    })
                })
                .collect();
            if !entries.is_empty() {
                sections.insert(section.name().to_owned(), Value::from(entries));
            }
        }
        json!({ "traceId": id, "traceEntries": sections })
    }

    /// For people: one line an entry.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        let mut section = None;
        for entry in &self.entries {
            if section != Some(entry.section) {
                let _ = writeln!(out, "{}", entry.section.name());
                section = Some(entry.section);
            }
            let milliseconds = entry.elapsed.as_secs_f64() * 1_000.0;
            let _ = writeln!(out, "  {milliseconds:>9.3} ms  {:<24} {}", entry.source, plain(&entry.data));
        }
        if self.dropped > 0 {
            let _ = writeln!(out, "  ({} more entries had no room)", self.dropped);
        }
        out
    }
}

/// Masks secret named values wherever a policy has put them (assumed: the service hides them where the portal shows a trace).
pub(super) fn mask(data: &mut Value, secrets: &[Secret<String>]) {
    match data {
        Value::String(text) => {
            for secret in secrets {
                if text.contains(secret.expose().as_str()) {
                    *text = text.replace(secret.expose().as_str(), "********");
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| mask(item, secrets)),
        Value::Object(fields) => fields.values_mut().for_each(|value| mask(value, secrets)),
        _ => {}
    }
}

/// An entry's data on one line: the message first, the rest behind it.
fn plain(data: &Value) -> String {
    let short = |value: &Value| match value {
        Value::String(text) => text.split_whitespace().collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    };
    match data {
        Value::Object(fields) => {
            let mut parts = Vec::new();
            if let Some(message) = fields.get("message") {
                parts.push(short(message));
            }
            parts.extend(fields.iter().filter(|(name, _)| *name != "message").map(|(name, value)| format!("{name}={}", short(value))));
            parts.join("  ")
        }
        other => short(other),
    }
}

/// The latest traces, by id. An observer of the gateway.
#[derive(Debug, Default)]
pub struct Traces(Mutex<VecDeque<(String, Arc<Kept>)>>);

/// A trace that is kept, with the request it belongs to.
#[derive(Debug)]
pub struct Kept {
    /// `POST /deployments/… 200`.
    pub title: String,
    /// When the request came.
    pub timestamp: OffsetDateTime,
    /// The trace.
    pub trace: Trace,
}

impl Traces {
    /// The trace of that id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Arc<Kept>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|(own, _)| own == id).map(|(_, kept)| kept.clone())
    }

    /// Ids and titles, the latest first.
    #[must_use]
    pub fn list(&self) -> Vec<(String, Arc<Kept>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().rev().cloned().collect()
    }
}

impl Observer for Traces {
    fn request(&self, record: &RequestRecord) {
        let (Some(trace), Some(id)) = (&record.trace, record.id) else { return };
        let title = format!("{} {} {}", record.method, record.path(), record.status);
        let entry = Arc::new(Kept { title, timestamp: record.timestamp, trace: (**trace).clone() });
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back((id.simple().to_string(), entry));
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_trace_has_the_frame_of_the_service() {
        let mut trace = Trace::default();
        let at = datetime!(2026-01-02 03:04:05.678 UTC);
        trace.add(Section::Inbound, "set-header", at, Duration::from_micros(72_592), json!({ "message": "done", "name": "x" }));
        trace.add(Section::Backend, "forward-request", at, Duration::from_secs(3_661), json!("plain"));
        assert_eq!(
            trace.json("abc"),
            json!({ "traceId": "abc", "traceEntries": {
                "inbound": [{ "source": "set-header", "timestamp": "2026-01-02T03:04:05.6780000Z", "elapsed": "00:00:00.0725920", "data": { "message": "done", "name": "x" } }],
                "backend": [{ "source": "forward-request", "timestamp": "2026-01-02T03:04:05.6780000Z", "elapsed": "01:01:01.0000000", "data": "plain" }],
            } })
        );
        let text = trace.text();
        assert!(text.starts_with("inbound\n") && text.contains("72.592 ms  set-header") && text.contains("done  name=x"), "{text}");
    }
}
