//! The trace of one request: what every policy saw and did.

use std::time::Duration;

use serde_json::Value;
use time::OffsetDateTime;

use crate::policy::Section;

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
#[derive(Debug, Default)]
pub struct Trace {
    entries: Vec<Entry>,
}

impl Trace {
    /// Adds an entry.
    pub fn add(&mut self, section: Section, source: &str, timestamp: OffsetDateTime, elapsed: Duration, data: Value) {
        self.entries.push(Entry { section, source: source.to_owned(), timestamp, elapsed, data });
    }

    /// The entries.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}
