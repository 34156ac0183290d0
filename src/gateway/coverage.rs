//! Which policies of which documents ran, and which way decisions went: for tests that measure how much of a policy they reach.
//!
//! A gateway that nobody measures looks at one `Option` for each operation, and that is all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::program::Program;
use crate::arm::ResourceId;
use crate::policy::Section;

/// What happened at a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Event {
    /// It began to run; a `when`: its condition was looked at.
    Ran,
    /// The condition of a `when` held; a `retry` ran its children once more.
    Yes,
    /// The condition of a `when` did not hold; a `retry` ended.
    No,
}

/// A policy of a document, and what happened there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// ARM id of the policy resource.
    pub document: ResourceId,
    /// Section.
    pub section: Section,
    /// [`Site::path`](super::program::Site::path); policies of a fragment stand behind their `include-fragment[n]/`.
    pub path: Arc<str>,
    /// What happened.
    pub event: Event,
}

/// How often what happened.
#[derive(Debug, Default)]
pub struct Coverage(Mutex<HashMap<Place, u64>>);

impl Coverage {
    /// Counts. An operation that does not begin its policy is no event.
    pub(super) fn began(&self, document: &ResourceId, section: Section, program: &Program, operation: usize) {
        let begins = program.site_of.get(operation).is_some_and(|site| {
            // Operations of a policy with children stand before and behind these.
            !program.site_of.get(..operation).unwrap_or_default().contains(site)
        });
        if begins {
            self.count(document, section, program, operation, Event::Ran);
        }
    }

    /// Counts which way a decision went.
    pub(super) fn decided(&self, document: &ResourceId, section: Section, program: &Program, operation: usize, yes: bool) {
        self.count(document, section, program, operation, if yes { Event::Yes } else { Event::No });
    }

    fn count(&self, document: &ResourceId, section: Section, program: &Program, operation: usize, event: Event) {
        let Some(site) = program.site(operation) else { return };
        let place = Place { document: document.clone(), section, path: site.path.clone(), event };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(place).or_insert(0) += 1;
    }

    /// Everything that happened so far.
    #[must_use]
    pub fn counts(&self) -> HashMap<Place, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
