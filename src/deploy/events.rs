//! What an apply tells while it runs: for the live tree, for plain lines, and for `--format json` (one object a line).

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::plan::Action;

/// One event. Times are relative to the start of the step, in seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Event {
    /// Work on a resource has begun.
    Started {
        /// Resource id.
        id: String,
        /// What people call its type.
        label: &'static str,
        /// What is done.
        action: Action,
    },
    /// The service said how far it is (`Activating`), or this tool says what it does now.
    Progress {
        /// Resource id.
        id: String,
        /// The state.
        state: String,
        /// Since the step began.
        #[serde(rename = "elapsedSeconds", serialize_with = "seconds")]
        elapsed: Duration,
    },
    /// A wait that is known to be long has begun.
    Waiting {
        /// Resource id.
        id: String,
        /// What is waited for.
        what: String,
        /// How long it usually takes from here. An estimate from recorded durations, not a promise.
        #[serde(rename = "estimateSeconds", serialize_with = "optional_seconds", skip_serializing_if = "Option::is_none")]
        estimate: Option<Duration>,
    },
    /// ARM asked to slow down.
    Throttled {
        /// Path of the request.
        path: String,
        /// How long the client waits.
        #[serde(rename = "waitSeconds", serialize_with = "seconds")]
        wait: Duration,
    },
    /// A request failed in a way that passes, and will be sent again.
    Retried {
        /// Path of the request.
        path: String,
        /// ARM's code.
        code: String,
        /// How long the client waits.
        #[serde(rename = "waitSeconds", serialize_with = "seconds")]
        wait: Duration,
    },
    /// A resource is as it should be.
    Done {
        /// Resource id.
        id: String,
        /// What was done.
        action: Action,
        /// How long it took.
        #[serde(rename = "elapsedSeconds", serialize_with = "seconds")]
        elapsed: Duration,
    },
    /// A step failed; nothing new is started.
    Failed {
        /// Resource id.
        id: String,
        /// What ARM said, with its correlation id.
        error: String,
    },
    /// Something the user should know that stops nothing.
    Note {
        /// Resource id.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// The message.
        message: String,
    },
    /// The end.
    Summary(Summary),
}

/// What a run came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Resources created.
    pub created: usize,
    /// Resources changed.
    pub updated: usize,
    /// Resources deleted and made anew.
    pub replaced: usize,
    /// Resources deleted.
    pub deleted: usize,
    /// Steps that failed.
    pub failed: usize,
    /// Steps that were not begun.
    pub skipped: usize,
    /// How long it took.
    #[serde(rename = "elapsedSeconds", serialize_with = "seconds")]
    pub elapsed: Duration,
}

impl Summary {
    /// Counts one finished step.
    pub fn count(&mut self, action: Action) {
        match action {
            Action::Create => self.created += 1,
            Action::Update => self.updated += 1,
            Action::Replace => self.replaced += 1,
            Action::Delete => self.deleted += 1,
            Action::None => {}
        }
    }
}

/// Takes events. Called from the task that works, so it must return at once.
pub trait EventSink: Send + Sync {
    /// One event.
    fn event(&self, event: Event);
}

/// Takes events and forgets them.
#[derive(Debug, Default, Clone, Copy)]
pub struct Discard;

impl EventSink for Discard {
    fn event(&self, _: Event) {}
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((duration.as_secs_f64() * 1000.0).round() / 1000.0)
}

#[expect(clippy::ref_option, reason = "serde hands over a reference to the field")]
fn optional_seconds<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    seconds(&duration.unwrap_or_default(), serializer)
}

/// How long a service usually takes from the accepted request to `Succeeded`, by tier.
///
/// Developer: recorded at more than 41 minutes, documented as 30 to 40 and more; Consumption: recorded at 1 to 3 minutes;
/// the v2 tiers: 5 to 10 minutes (assumed); other classic tiers: taken to be as slow as Developer (assumed).
#[must_use]
pub fn usual_activation(sku: &str) -> Duration {
    let minutes = if sku.eq_ignore_ascii_case("Consumption") {
        2
    } else if sku.to_ascii_lowercase().ends_with("v2") {
        8
    } else {
        41
    };
    Duration::from_secs(minutes * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_flat_json_objects_named_by_their_kind() {
        let event = Event::Waiting { id: "/x".into(), what: "activation".into(), estimate: Some(Duration::from_secs(120)) };
        assert_eq!(
            serde_json::to_value(&event).unwrap(),
            serde_json::json!({"event": "waiting", "id": "/x", "what": "activation", "estimateSeconds": 120.0})
        );
        let mut summary = Summary::default();
        summary.count(Action::Create);
        let summary = serde_json::to_value(Event::Summary(summary)).unwrap();
        assert_eq!((&summary["event"], &summary["created"]), (&"summary".into(), &1.into()));
    }

    #[test]
    fn tiers_have_their_usual_times() {
        assert!(usual_activation("consumption") < usual_activation("StandardV2"));
        assert!(usual_activation("StandardV2") < usual_activation("Developer"));
    }
}
