//! What would have to be done: desired state against live state.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::diff::PropertyChange;
use super::live::Live;
use crate::arm::ResourceId;
use crate::support::finding::Finding;
use crate::support::source::Span;

mod build;
mod collisions;
mod removal;

pub(super) use build::{compare, is_container, is_role_assignment, unanswered_changes};
pub(super) use removal::{deletion, rank};

/// What is done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It is not there.
    Create,
    /// Some of its properties differ.
    Update,
    /// It must be deleted and made anew.
    Replace,
    /// It is ours and no longer wanted.
    Delete,
    /// Nothing.
    None,
}

/// What is done to one resource, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// What is done.
    pub action: Action,
    /// Full type.
    #[serde(rename = "type")]
    pub kind: String,
    /// What people call the type.
    pub label: &'static str,
    /// Resource id; the name of a role assignment whose principal is not there yet is `(known after apply)`.
    pub id: String,
    /// The role that an assignment gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Each property that differs.
    pub properties: Vec<PropertyChange>,
    /// Why, when it is not plain from the action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the user should know before saying yes (`its keys die`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Where the user asked for it.
    #[serde(skip)]
    pub span: Option<Span>,
    /// Index into the desired resources; `None` for a deletion.
    #[serde(skip)]
    pub(super) desired: Option<usize>,
    /// The id, once it is known.
    #[serde(skip)]
    pub(super) target: Option<ResourceId>,
    /// Whether this specification made it, or will have.
    #[serde(skip)]
    pub(super) standing: Standing,
}

/// Whose a resource is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Standing {
    /// Ours, or nobody's because it is not there yet.
    #[default]
    Ours,
    /// Somebody else's: only declared properties may be changed, and it is never entered in the manifest.
    Foreign,
    /// Nobody's so far; it becomes ours with this apply.
    Adopted,
}

/// All changes, and what they were computed from.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The specification's name.
    pub owner: String,
    /// The service.
    pub service: Option<String>,
    /// One entry for each desired resource (also `none`), then the deletions.
    pub changes: Vec<Change>,
    /// Changes whenever desired or live state does; holds nothing that is derived from a secret.
    pub fingerprint: String,
    /// What the user should know (the service is still activating; somebody else makes the role assignments).
    pub notes: Vec<String>,
    /// What is wrong with the Azure OpenAI accounts: apply refuses to start while there are errors among them.
    pub findings: Vec<Finding>,
    /// What it was computed from.
    pub(super) live: std::sync::Arc<Live>,
}

/// How many resources get which action.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// See [`Action::Create`].
    pub create: usize,
    /// See [`Action::Update`].
    pub update: usize,
    /// See [`Action::Replace`].
    pub replace: usize,
    /// See [`Action::Delete`].
    pub delete: usize,
    /// See [`Action::None`].
    pub none: usize,
}

impl Plan {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.iter().all(|change| change.action == Action::None)
    }

    /// How many resources get which action.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for change in &self.changes {
            match change.action {
                Action::Create => counts.create += 1,
                Action::Update => counts.update += 1,
                Action::Replace => counts.replace += 1,
                Action::Delete => counts.delete += 1,
                Action::None => counts.none += 1,
            }
        }
        counts
    }

    /// The body of `plan --format json`: `{"changes":[…],"summary":{…},"notes":[…]}`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        serde_json::json!({ "changes": self.changes, "summary": self.counts(), "notes": self.notes })
    }

    /// What `plan --out` writes. It holds no secrets; `apply --plan` reads it with [`SavedPlan::parse`].
    #[must_use]
    pub fn to_saved(&self) -> Value {
        let mut saved = self.to_json();
        saved["format"] = SAVED_FORMAT.into();
        saved["owner"] = self.owner.as_str().into();
        saved["service"] = self.service.as_deref().into();
        saved["fingerprint"] = self.fingerprint.as_str().into();
        saved
    }
}

const SAVED_FORMAT: &str = "apimctl-plan/1";

/// A plan that was saved with `--out`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SavedPlan {
    format: String,
    owner: String,
    service: Option<String>,
    fingerprint: String,
}

impl SavedPlan {
    /// Reads a saved plan.
    ///
    /// # Errors
    /// The text is not one.
    pub fn parse(text: &str) -> Result<Self, super::DeployError> {
        let stale = |reason: String| super::DeployError::StalePlan { reason };
        let saved: Self = serde_json::from_str(text).map_err(|error| stale(format!("it is not a plan ({error})")))?;
        if saved.format != SAVED_FORMAT {
            return Err(stale(format!("its format is `{}`, this version writes `{SAVED_FORMAT}`", saved.format)));
        }
        Ok(saved)
    }

    /// Whether `fresh` does exactly what this plan said.
    ///
    /// # Errors
    /// [`super::DeployError::StalePlan`] with what is different.
    pub fn check(&self, fresh: &Plan) -> Result<(), super::DeployError> {
        let reason = if self.owner != fresh.owner || self.service != fresh.service {
            format!("it was made for `{}` on {}", self.owner, self.service.as_deref().unwrap_or("no service"))
        } else if self.fingerprint != fresh.fingerprint {
            "the specification or the live resources have changed since".to_owned()
        } else {
            return Ok(());
        };
        Err(super::DeployError::StalePlan { reason })
    }
}
