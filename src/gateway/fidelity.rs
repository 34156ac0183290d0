//! The table of behaviours: what the gateway does, how sure that is, where it comes from, and which setting changes it.
//!
//! Every conformance case names a row. What is assumed is marked so; nothing here was measured on a service of our own.

mod rows;

pub use self::rows::ROWS;

/// How sure a behaviour is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// Read on a page of Microsoft's.
    Documented,
    /// Seen on the service by somebody who wrote it down.
    Observed,
    /// A sensible reading of what is documented or seen.
    Assumed,
}

impl Certainty {
    /// As it is shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Documented => "documented",
            Self::Observed => "observed",
            Self::Assumed => "assumed",
        }
    }
}

/// What a behaviour is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Area {
    /// API and operation.
    Routing,
    /// Subscription keys.
    Keys,
    /// Cross-origin requests.
    Cors,
    /// Scopes, sections, errors.
    Pipeline,
    /// Backend entities, breakers, pools.
    Backends,
    /// `forward-request`.
    Forwarding,
    /// `retry`.
    Retry,
    /// Limits and metrics of tokens.
    Tokens,
    /// Rate limits and quotas.
    Limits,
    /// Every other policy.
    Policies,
    /// Expressions.
    Expressions,
    /// Traces and logs.
    Tracing,
}

impl Area {
    /// As it is shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Routing => "routing",
            Self::Keys => "keys",
            Self::Cors => "cors",
            Self::Pipeline => "pipeline",
            Self::Backends => "backends",
            Self::Forwarding => "forwarding",
            Self::Retry => "retry",
            Self::Tokens => "tokens",
            Self::Limits => "limits",
            Self::Policies => "policies",
            Self::Expressions => "expressions",
            Self::Tracing => "tracing",
        }
    }
}

/// One behaviour.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Stable name: `keys.missing`.
    pub id: &'static str,
    /// What it is about.
    pub area: Area,
    /// How sure it is.
    pub certainty: Certainty,
    /// Where it comes from: a page of the documentation, or what was seen.
    pub source: &'static str,
    /// What the gateway does.
    pub behaviour: &'static str,
    /// The setting that changes it, if sources leave a choice.
    pub setting: Option<&'static str>,
}

/// The row of that name.
#[must_use]
pub fn find(id: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.id == id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_begin_with_their_area() {
        let mut seen = BTreeSet::new();
        for row in ROWS {
            assert!(seen.insert(row.id), "`{}` stands twice", row.id);
            assert!(row.id.starts_with(&format!("{}.", row.area.name())), "`{}` is in {}", row.id, row.area.name());
            assert!(!row.source.is_empty() && !row.behaviour.ends_with('.'), "{}", row.id);
        }
    }

    #[test]
    fn every_setting_belongs_to_a_row_and_every_row_names_a_setting_that_is_there() {
        let named: BTreeSet<&str> = ROWS.iter().filter_map(|row| row.setting).collect();
        let there: BTreeSet<&str> = crate::gateway::settings::NAMES.iter().map(|name| name.name).collect();
        assert_eq!(named, there);
    }

    #[test]
    fn what_can_be_set_is_not_certain() {
        for row in ROWS.iter().filter(|row| row.setting.is_some()) {
            assert!(
                row.certainty != Certainty::Documented || row.source.contains("disputed"),
                "`{}` is documented and has a setting",
                row.id
            );
        }
    }
}
