//! Keys of the specification's subscriptions.

use crate::arm::ResourceId;
use crate::support::secret::Secret;

/// Which key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// `primaryKey`.
    Primary,
    /// `secondaryKey`.
    Secondary,
}

/// What is asked of [`super::Deployment::keys`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeysRequest {
    /// Show the keys.
    List,
    /// Make a new key, then show the keys.
    Regenerate(KeyKind),
}

/// The keys of one subscription.
#[derive(Debug, Clone)]
pub struct SubscriptionKeys {
    /// Its id.
    pub id: ResourceId,
    /// Its name.
    pub name: String,
    /// Name for people.
    pub display_name: String,
    /// What it opens, relative to the service.
    pub scope: String,
    /// `active`, `suspended`, …
    pub state: String,
    /// Primary key.
    pub primary: Secret<String>,
    /// Secondary key.
    pub secondary: Secret<String>,
}

/// A key that can be told from others, yet not used: its last four characters, if it has at least twelve.
#[must_use]
pub fn masked(key: &Secret<String>) -> String {
    let key = key.expose();
    let count = key.chars().count();
    let tail: String = if count >= 12 { key.chars().skip(count - 4).collect() } else { String::new() };
    format!("••••••••{tail}")
}
