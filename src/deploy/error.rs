//! Why a plan, an apply or a destroy did not succeed.

use std::path::PathBuf;

use crate::azure::AzureError;
use crate::support::finding::Finding;

/// Why a plan, an apply or a destroy did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// ARM refused, or could not be reached.
    #[error("{}", describe(.0))]
    Azure(#[from] Box<AzureError>),
    /// Something must be put right first; nothing was written.
    #[error("{}", summary(.0))]
    Findings(Vec<Finding>),
    /// Another apply of this specification is running.
    #[error(
        "an apply of `{owner}` is running: {holder} holds its lease since {since} (until {expires}, unless renewed); wait for it, or for the lease to expire"
    )]
    LeaseHeld {
        /// Specification.
        owner: String,
        /// Who runs it.
        holder: String,
        /// RFC 3339.
        since: String,
        /// RFC 3339.
        expires: String,
    },
    /// The lease was lost while applying (the machine slept, or somebody took it over after it had expired).
    #[error("the lease of this apply is lost to {holder}; nothing more was started")]
    LeaseLost {
        /// Who has it now.
        holder: String,
    },
    /// A saved plan does not describe what would be done now.
    #[error("the saved plan is stale: {reason}; make a new one with `apimctl plan --out`")]
    StalePlan {
        /// What is different.
        reason: String,
    },
    /// Resources wait for each other.
    #[error("these resources depend on each other in a circle: {}", .0.join(" → "))]
    Cycle(Vec<String>),
    /// Some steps failed; the others are done and recorded.
    #[error("{}", failures(.0))]
    Steps(Vec<StepError>),
    /// It was asked to stop.
    #[error("stopped on request; run the same command again to go on{}", waiting(.running))]
    Cancelled {
        /// Resources that Azure goes on working at.
        running: Vec<String>,
    },
    /// Everything was accepted, yet a read-back differs from what was asked for.
    #[error("the service did not keep what was sent: {}", .0.join("; "))]
    NotKept(Vec<String>),
    /// A file of the state directory could not be read or written.
    #[error("cannot use `{path}`: {source}", path = path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something in the service is not as this tool wrote it.
    #[error("{0}")]
    Manifest(String),
}

/// One step that failed.
#[derive(Debug, thiserror::Error)]
#[error("{}", step_text(.id, .text))]
pub struct StepError {
    /// Resource id.
    pub id: String,
    /// What happened, with the correlation id.
    pub text: String,
    /// What ARM's details say about the user's own files.
    pub findings: Vec<Finding>,
    /// ARM's error, if it was one.
    pub azure: Option<Box<AzureError>>,
    /// An error that concerns the whole run.
    pub cause: Option<Box<DeployError>>,
}

impl DeployError {
    /// What is wrong with the user's files, if that is known.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        match self {
            Self::Findings(findings) => findings.clone(),
            Self::Steps(steps) => steps.iter().flat_map(|step| step.findings.iter().cloned()).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether ARM's error code is `code` (of any failed step).
    #[must_use]
    pub fn is(&self, code: &str) -> bool {
        match self {
            Self::Azure(error) => error.is(code),
            Self::Steps(steps) => steps.iter().any(|step| step.azure.as_ref().is_some_and(|error| error.is(code))),
            _ => false,
        }
    }
}

impl From<AzureError> for DeployError {
    fn from(error: AzureError) -> Self {
        Self::Azure(Box::new(error))
    }
}

/// An ARM error as people need it: with its correlation id and what can be done.
#[must_use]
pub fn describe(error: &AzureError) -> String {
    let mut text = error.to_string();
    if let Some(id) = &error.correlation_id {
        text.push_str(" (correlation id ");
        text.push_str(id);
        text.push(')');
    }
    if let Some(hint) = &error.hint {
        text.push_str("\n  help: ");
        text.push_str(hint);
    }
    text
}

/// What ARM refused names the resource in the request's path already.
fn step_text(id: &str, text: &str) -> String {
    if text.to_ascii_lowercase().contains(&id.to_ascii_lowercase()) { text.to_owned() } else { format!("`{id}`: {text}") }
}

fn failures(steps: &[StepError]) -> String {
    match steps {
        [only] => only.to_string(),
        several => {
            let told: Vec<String> = several.iter().map(|step| format!("\n  {step}")).collect();
            format!("{} steps failed:{}", several.len(), told.concat())
        }
    }
}

fn summary(findings: &[Finding]) -> String {
    findings.iter().map(|finding| format!("{}: {}", finding.code.id, finding.message)).collect::<Vec<_>>().join("\n")
}

fn waiting(running: &[String]) -> String {
    if running.is_empty() { String::new() } else { format!(" (Azure goes on working at {})", running.join(", ")) }
}
