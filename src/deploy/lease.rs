//! Who applies right now: a part of the manifest's head, renewed while the apply runs, free for anyone after it has expired.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::error::DeployError;

/// How long a lease holds without being renewed. Clocks of different machines may differ by less than this.
pub const TERM: Duration = Duration::from_secs(120);
/// How often it is renewed: two renewals may fail before it is lost.
pub const RENEWAL: Duration = Duration::from_secs(40);

/// A running apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Random; whoever knows it holds the lease.
    pub id: String,
    /// Who, for people.
    pub holder: String,
    /// Since when.
    #[serde(with = "time::serde::rfc3339")]
    pub acquired: OffsetDateTime,
    /// Until when, unless renewed.
    #[serde(with = "time::serde::rfc3339")]
    pub expires: OffsetDateTime,
}

impl Lease {
    /// A lease from now on.
    #[must_use]
    pub fn new(id: String, holder: &str, now: OffsetDateTime) -> Self {
        Self { id, holder: holder.to_owned(), acquired: now, expires: now + TERM }
    }

    /// Whether somebody else holds it at `now`.
    #[must_use]
    pub fn is_held_against(&self, id: &str, now: OffsetDateTime) -> bool {
        self.id != id && now < self.expires
    }

    /// The refusal that the second apply gets.
    #[must_use]
    pub fn refusal(&self, owner: &str) -> DeployError {
        let text = |instant: OffsetDateTime| instant.format(&Rfc3339).unwrap_or_else(|_| instant.to_string());
        DeployError::LeaseHeld {
            owner: owner.to_owned(),
            holder: self.holder.clone(),
            since: text(self.acquired),
            expires: text(self.expires),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_holds_against_others_until_it_expires() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let lease = Lease::new("a".into(), "anna@build-7", now);
        assert!(lease.is_held_against("b", now));
        assert!(!lease.is_held_against("a", now), "not against its own holder");
        assert!(!lease.is_held_against("b", now + TERM), "not after its term");
        assert!(lease.refusal("spec").to_string().contains("anna@build-7 holds its lease since 1970-01-01T00:00:00Z"));
    }
}
