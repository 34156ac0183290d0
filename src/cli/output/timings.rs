//! Where the time of an apply went: what was waited for, one thing after the other, and what ran beside it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::progress::{clock, short};
use crate::deploy::events::Event;
use crate::report::chart::{Chart, Lane, LaneSpan, Mark, Timeline, Tone};
use crate::support::clock::{Clock as _, SystemClock};

/// So many of the slowest steps are told beside the critical path.
const SLOWEST: usize = 5;
/// More lanes make a drawing that nobody reads.
const LANES: usize = 60;

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    id: String,
    label: &'static str,
    from: Duration,
    to: Option<Duration>,
    failed: bool,
}

/// ARM asked to wait, or a request was sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pause {
    at: Duration,
    wait: Duration,
    what: String,
    throttled: bool,
}

#[derive(Debug, Default)]
struct Notes {
    steps: Vec<Step>,
    open: BTreeMap<String, usize>,
    pauses: Vec<Pause>,
}

/// Takes an apply's events with their times.
#[derive(Debug)]
pub(in crate::cli) struct Timings {
    start: Instant,
    notes: Mutex<Notes>,
}

impl Timings {
    /// Begins now.
    pub(in crate::cli) fn new() -> Self {
        Self { start: SystemClock.now(), notes: Mutex::default() }
    }

    /// One event, now.
    pub(super) fn note(&self, event: &Event) {
        self.note_at(event, SystemClock.now().saturating_duration_since(self.start));
    }

    fn note_at(&self, event: &Event, at: Duration) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Started { id, label, .. } => {
                let index = notes.steps.len();
                notes.steps.push(Step { id: id.clone(), label, from: at, to: None, failed: false });
                notes.open.insert(id.to_ascii_lowercase(), index);
            }
            Event::Done { id, .. } | Event::Failed { id, .. } => {
                let failed = matches!(event, Event::Failed { .. });
                if let Some(index) = notes.open.remove(&id.to_ascii_lowercase())
                    && let Some(step) = notes.steps.get_mut(index)
                {
                    step.to = Some(at);
                    step.failed = failed;
                }
            }
            Event::Throttled { path, wait } => {
                notes.pauses.push(Pause { at, wait: *wait, what: format!("{}: ARM asks to slow down", short(path)), throttled: true });
            }
            Event::Retried { path, code, wait } => {
                notes.pauses.push(Pause { at, wait: *wait, what: format!("{}: {code}", short(path)), throttled: false });
            }
            Event::Progress { .. } | Event::Waiting { .. } | Event::Note { .. } | Event::Summary(_) => {}
        }
    }

    /// What was noted; `waits_for` tells what a resource needs to be there before it.
    pub(in crate::cli) fn report(&self, waits_for: impl Fn(&str) -> Vec<String>) -> Report {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut steps: Vec<Step> = notes.steps.iter().filter(|step| step.to.is_some()).cloned().collect();
        steps.sort_by_key(|step| (step.from, step.to));
        let total = steps.iter().filter_map(|step| step.to).max().unwrap_or_default();
        let path = critical(&steps, waits_for);
        Report { total, steps, path, pauses: notes.pauses.clone() }
    }
}

/// From the step that ended last back to the one that it waited for longest, and so on; in the order of time.
fn critical(steps: &[Step], waits_for: impl Fn(&str) -> Vec<String>) -> Vec<usize> {
    let last = |candidates: &mut dyn Iterator<Item = usize>| candidates.max_by_key(|index| steps.get(*index).and_then(|step| step.to));
    let mut path = Vec::new();
    let mut current = last(&mut (0..steps.len()));
    while let Some(index) = current {
        let Some(step) = steps.get(index).filter(|_| !path.contains(&index)) else { break };
        path.push(index);
        let needed = waits_for(&step.id);
        current = last(&mut (0..steps.len()).filter(|other| {
            steps.get(*other).is_some_and(|other| {
                other.to.is_some_and(|to| to <= step.from) && needed.iter().any(|id| id.eq_ignore_ascii_case(&other.id))
            })
        }));
    }
    path.reverse();
    path
}

/// Where the time went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Report {
    total: Duration,
    steps: Vec<Step>,
    path: Vec<usize>,
    pauses: Vec<Pause>,
}

impl Step {
    fn took(&self) -> Duration {
        self.to.unwrap_or_default().saturating_sub(self.from)
    }

    fn line(&self) -> String {
        format!("  {:>7}  {:<24} {}", clock(self.took()), self.label, short(&self.id))
    }
}

impl Report {
    fn on_path(&self) -> impl Iterator<Item = &Step> {
        self.path.iter().filter_map(|index| self.steps.get(*index))
    }

    /// For people.
    pub(in crate::cli) fn lines(&self) -> Vec<String> {
        let busy: Duration = self.on_path().map(Step::took).sum();
        let mut lines = vec![
            format!("Timings: {} in all, {} of it one after the other on the critical path", clock(self.total), clock(busy)),
            String::new(),
        ];
        lines.extend(self.on_path().map(Step::line));
        let mut beside: Vec<&Step> =
            self.steps.iter().enumerate().filter(|(index, _)| !self.path.contains(index)).map(|(_, step)| step).collect();
        beside.sort_by_key(|step| std::cmp::Reverse(step.took()));
        if !beside.is_empty() {
            lines.push(String::new());
            lines.push(format!("The slowest of the {} beside it", beside.len()));
            lines.extend(beside.into_iter().take(SLOWEST).map(Step::line));
        }
        for (throttled, words) in [(true, "ARM asked to slow down"), (false, "requests were sent again")] {
            let of: Vec<&Pause> = self.pauses.iter().filter(|pause| pause.throttled == throttled).collect();
            if !of.is_empty() {
                let waited: Duration = of.iter().map(|pause| pause.wait).sum();
                lines.push(String::new());
                lines.push(format!("{words}: {} times, {} of waiting", of.len(), clock(waited)));
            }
        }
        lines
    }

    /// For programs.
    pub(in crate::cli) fn json(&self) -> Value {
        let seconds = |duration: Duration| (duration.as_secs_f64() * 1000.0).round() / 1000.0;
        let steps: Vec<Value> = self
            .steps
            .iter()
            .enumerate()
            .map(|(index, step)| {
                json!({
                    "id": step.id, "label": step.label, "fromSeconds": seconds(step.from), "seconds": seconds(step.took()),
                    "critical": self.path.contains(&index), "failed": step.failed,
                })
            })
            .collect();
        let pauses: Vec<Value> = self
            .pauses
            .iter()
            .map(|pause| {
                json!({ "atSeconds": seconds(pause.at), "waitSeconds": seconds(pause.wait), "what": pause.what, "throttled": pause.throttled })
            })
            .collect();
        json!({ "event": "timings", "totalSeconds": seconds(self.total), "steps": steps, "pauses": pauses })
    }

    /// For looking at: a lane for each step, in the order of their beginning.
    pub(in crate::cli) fn svg(&self) -> String {
        let lane = |(index, step): (usize, &Step)| {
            let tone = match (step.failed, self.path.contains(&index)) {
                (true, _) => Tone::Bad,
                (false, true) => Tone::Warning,
                (false, false) => Tone::Neutral,
            };
            let label = format!("{} {} ({})", step.label, short(&step.id), clock(step.took()));
            Lane {
                label: short(&step.id),
                spans: vec![LaneSpan { from: step.from, to: step.to.unwrap_or(self.total), tone, label }],
                marks: Vec::new(),
            }
        };
        // Where there are too many, the longest are drawn.
        let mut shown: Vec<(usize, &Step)> = self.steps.iter().enumerate().collect();
        shown.sort_by_key(|(index, step)| (!self.path.contains(index), std::cmp::Reverse(step.took())));
        shown.truncate(LANES);
        shown.sort_by_key(|(index, _)| *index);
        let mut lanes: Vec<Lane> = shown.into_iter().map(lane).collect();
        if !self.pauses.is_empty() {
            let mark = |pause: &Pause| Mark { at: pause.at, tone: Tone::Warning, label: pause.what.clone() };
            lanes.push(Lane {
                label: "ARM: slow down, again".to_owned(),
                spans: Vec::new(),
                marks: self.pauses.iter().map(mark).collect(),
            });
        }
        let title = format!("{} steps in {}; to look at: the critical path", self.steps.len(), clock(self.total));
        Chart::Timeline(Timeline { title, length: self.total, lanes }).svg_file()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::plan::Action;

    #[test]
    fn the_critical_path_is_what_was_waited_for() {
        let timings = Timings::new();
        let at = Duration::from_secs;
        let begin =
            |id: &str, time| timings.note_at(&Event::Started { id: id.to_owned(), label: "step", action: Action::Create }, at(time));
        let end = |id: &str, time| {
            timings.note_at(&Event::Done { id: id.to_owned(), action: Action::Create, elapsed: Duration::ZERO }, at(time));
        };
        begin("/a", 0);
        begin("/b", 0);
        end("/b", 3);
        end("/a", 10);
        begin("/c", 10);
        begin("/d", 10);
        end("/d", 11);
        timings.note_at(&Event::Throttled { path: "/d".to_owned(), wait: at(4) }, at(10));
        end("/c", 15);
        let report = timings.report(|id| if id == "/c" { vec!["/A".to_owned(), "/b".to_owned()] } else { Vec::new() });
        assert_eq!(report.on_path().map(|step| step.id.as_str()).collect::<Vec<_>>(), ["/a", "/c"]);
        let text = report.lines().join("\n");
        assert!(text.contains("15s in all, 15s of it one after the other") && text.contains("slow down: 1 times, 4.0s"), "{text}");
        let json = report.json();
        let critical: Vec<_> =
            json["steps"].as_array().unwrap().iter().map(|step| (step["id"].as_str().unwrap(), &step["critical"])).collect();
        assert_eq!(
            critical,
            [("/b", &Value::Bool(false)), ("/a", &Value::Bool(true)), ("/d", &Value::Bool(false)), ("/c", &Value::Bool(true))]
        );
        assert!(report.svg().contains("<svg"));
    }
}
