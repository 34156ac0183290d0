//! What Content Safety is asked, and what its answers mean.

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use crate::gateway::backend::call::Caller;
use crate::gateway::failure::Failure;
use crate::gateway::snapshot::{BackendIndex, Snapshot};
use crate::gateway::worker::Worker;

/// Longest text that Content Safety takes, in characters (documented).
pub(super) const LONGEST: usize = 10_000;
/// Version of its data plane.
const ANALYZE: &str = "/contentsafety/text:analyze?api-version=2024-09-01";
const SHIELD: &str = "/contentsafety/text:shieldPrompt?api-version=2024-09-01";

/// What is asked, evaluated.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) backend: BackendIndex,
    pub(super) shield: bool,
    pub(super) output_type: String,
    pub(super) categories: Vec<(String, i64)>,
    pub(super) blocklists: Vec<String>,
}

/// Not allowed. The text is not documented (assumed).
fn blocked(why: &str) -> Failure {
    Failure::refused("ContentSafetyBlocked", StatusCode::FORBIDDEN, format!("Request failed content safety check. {why}"))
}

fn broken(why: &str) -> Failure {
    Failure::internal("ContentSafetyFailure", why)
}

fn parsed(status: StatusCode, body: &Bytes) -> Result<Value, Failure> {
    if !status.is_success() {
        return Err(broken(&format!("Content Safety answered {status}.")));
    }
    serde_json::from_slice(body).map_err(|_| broken("Content Safety answered no JSON."))
}

impl Question {
    /// A text of the prompt: with the shield against attacks, where that is wanted.
    pub(super) async fn ask_about_prompt(&self, worker: &Worker, snapshot: &Snapshot, text: &str) -> Result<(), Failure> {
        if text.chars().nth(LONGEST).is_some() {
            return Err(broken("The prompt is longer than Content Safety takes."));
        }
        if self.shield {
            let body = json!({ "userPrompt": text, "documents": [] });
            let (status, body) = caller(worker, snapshot).post(self.backend, SHIELD, &body, false).await?;
            if parsed(status, &body)?.pointer("/userPromptAnalysis/attackDetected") == Some(&Value::Bool(true)) {
                return Err(blocked("The prompt is an attack."));
            }
        }
        self.ask(worker, snapshot, text).await
    }

    /// Whether a text is below every threshold, and on no block list.
    pub(super) async fn ask(&self, worker: &Worker, snapshot: &Snapshot, text: &str) -> Result<(), Failure> {
        if self.categories.is_empty() && self.blocklists.is_empty() {
            return Ok(());
        }
        let mut question = json!({ "text": text, "outputType": self.output_type });
        let names: Vec<&str> = self.categories.iter().map(|(name, _)| name.as_str()).collect();
        if !names.is_empty() {
            question["categories"] = json!(names);
        }
        if !self.blocklists.is_empty() {
            question["blocklistNames"] = json!(self.blocklists);
        }
        let (status, body) = caller(worker, snapshot).post(self.backend, ANALYZE, &question, false).await?;
        let answer = parsed(status, &body)?;
        if answer.get("blocklistsMatch").and_then(Value::as_array).is_some_and(|matches| !matches.is_empty()) {
            return Err(blocked("A block list matches."));
        }
        for analysis in answer.get("categoriesAnalysis").and_then(Value::as_array).into_iter().flatten() {
            let name = analysis.get("category").and_then(Value::as_str).unwrap_or_default();
            let severity = analysis.get("severity").and_then(Value::as_i64).unwrap_or(0);
            // The page: severities at the threshold are blocked too, 0 is always let through (assumed for 0).
            let over = |(own, threshold): &(String, i64)| own.eq_ignore_ascii_case(name) && severity >= *threshold && severity > 0;
            if self.categories.iter().any(over) {
                return Err(blocked(&format!("{name} is over its threshold.")));
            }
        }
        Ok(())
    }
}

fn caller<'a>(worker: &'a Worker, snapshot: &'a Snapshot) -> Caller<'a> {
    let limit = worker.limits.buffered_body;
    Caller { upstream: &worker.upstream, state: &worker.state, settings: &worker.settings, snapshot, limit }
}

/// `window-size` and `window-overlap-size`, in characters (documented; the service's limit and 0 if they are not given).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Windows {
    pub(super) size: usize,
    pub(super) overlap: usize,
}

impl Windows {
    pub(super) fn new(size: Option<usize>, overlap: Option<usize>) -> Self {
        let size = size.unwrap_or(LONGEST).clamp(1, LONGEST);
        // A window has to get on (assumed: the page names no limit).
        Self { size, overlap: overlap.unwrap_or(0).min(size - 1) }
    }

    /// The windows of a text, in order; nothing of an empty one.
    pub(super) fn of(self, text: &str) -> impl Iterator<Item = &str> {
        let mut rest = Some(text).filter(|text| !text.is_empty());
        std::iter::from_fn(move || {
            let text = rest.take()?;
            let Some((end, _)) = text.char_indices().nth(self.size) else { return Some(text) };
            let next = text.char_indices().nth(self.size - self.overlap).map_or(end, |(next, _)| next);
            rest = text.get(next..);
            text.get(..end)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn windows_overlap_as_told() {
        let windows = |size, overlap| Windows::new(Some(size), Some(overlap)).of("abcdefgh").collect::<Vec<_>>();
        assert_eq!(windows(3, 0), ["abc", "def", "gh"]);
        assert_eq!(windows(4, 2), ["abcd", "cdef", "efgh"]);
        assert_eq!(windows(8, 3), ["abcdefgh"]);
        assert_eq!(windows(3, 9), ["abc", "bcd", "cde", "def", "efg", "fgh"]);
        assert_eq!(Windows::new(None, None), Windows { size: LONGEST, overlap: 0 });
        assert_eq!(Windows::new(Some(0), None).of("").count(), 0);
    }

    proptest! {
        #[test]
        fn windows_cover_every_character_and_none_is_too_long(text in ".{0,60}", size in 1_usize..9, overlap in 0_usize..9) {
            let windows = Windows::new(Some(size), Some(overlap));
            let mut covered = String::new();
            for (place, window) in windows.of(&text).enumerate() {
                prop_assert!(window.chars().count() <= size);
                covered.extend(window.chars().skip(if place == 0 { 0 } else { windows.overlap }));
            }
            prop_assert_eq!(covered, text);
        }
    }
}
