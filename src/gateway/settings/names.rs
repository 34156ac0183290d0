//! Settings by name: for the command line, the table of behaviours and the conformance cases.

use super::{AbsentSection, KeyOrder, LimitAlgorithm, Settings, StreamedUsage, WeightedChoice};
use crate::expression::VariableMismatch;
use crate::gateway::backend::breaker::Window;

/// A setting that cannot be set so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// There is no such setting.
    #[error("there is no setting `{0}`")]
    Unknown(String),
    /// It takes other values.
    #[error("the setting `{name}` cannot be `{value}`: it takes {takes}")]
    Value {
        /// The setting.
        name: String,
        /// What was said.
        value: String,
        /// What it takes.
        takes: &'static str,
    },
}

const TRUTH: &str = "`true` or `false`";

/// Every setting: its name, what it takes, a value that is not the default, and how it is set.
pub const NAMES: &[Name] = &[
    Name {
        name: "ignore-key-when-not-required",
        takes: TRUTH,
        other: "true",
        set: |own, value| flag(&mut own.ignore_key_when_not_required, value),
    },
    Name {
        name: "key-order",
        takes: "`bearer-last` or `bearer-first`",
        other: "bearer-first",
        set: |own, value| one(&mut own.key_order, value, &[("bearer-last", KeyOrder::BearerLast), ("bearer-first", KeyOrder::BearerFirst)]),
    },
    Name {
        name: "exhausted-pool-reason",
        takes: "a text",
        other: "Backend pool '{pool}' is temporarily unavailable",
        set: |own, value| text(&mut own.exhausted_pool_reason, value),
    },
    Name {
        name: "metrics-without-diagnostic",
        takes: TRUTH,
        other: "true",
        set: |own, value| flag(&mut own.metrics_without_diagnostic, value),
    },
    Name { name: "legacy-trace-header", takes: TRUTH, other: "false", set: |own, value| flag(&mut own.legacy_trace_header, value) },
    Name { name: "version-mismatch-body", takes: TRUTH, other: "true", set: |own, value| flag(&mut own.version_mismatch_body, value) },
    Name {
        name: "absent-section",
        takes: "`inherit` or `empty`",
        other: "empty",
        set: |own, value| one(&mut own.absent_section, value, &[("inherit", AbsentSection::Inherit), ("empty", AbsentSection::Empty)]),
    },
    Name { name: "retry-exponent-from-one", takes: TRUTH, other: "true", set: |own, value| flag(&mut own.retry_exponent_from_one, value) },
    Name {
        name: "cors-terminates-unmatched",
        takes: TRUTH,
        other: "false",
        set: |own, value| flag(&mut own.cors_terminates_unmatched, value),
    },
    Name {
        name: "limits",
        takes: "`by-tier`, `sliding-window` or `token-bucket`",
        other: "token-bucket",
        set: |own, value| {
            let values = [
                ("by-tier", LimitAlgorithm::ByTier),
                ("sliding-window", LimitAlgorithm::SlidingWindow),
                ("token-bucket", LimitAlgorithm::TokenBucket),
            ];
            one(&mut own.limits, value, &values)
        },
    },
    Name {
        name: "streamed-usage",
        takes: "`reported` or `estimated`",
        other: "estimated",
        set: |own, value| {
            one(&mut own.streamed_usage, value, &[("reported", StreamedUsage::Reported), ("estimated", StreamedUsage::Estimated)])
        },
    },
    Name {
        name: "weighted-choice",
        takes: "`smooth` or `random`",
        other: "random",
        set: |own, value| one(&mut own.weighted_choice, value, &[("smooth", WeightedChoice::Smooth), ("random", WeightedChoice::Random)]),
    },
    Name { name: "transport-errors-trip", takes: TRUTH, other: "false", set: |own, value| flag(&mut own.transport_errors_trip, value) },
    Name {
        name: "breaker-window",
        takes: "`sliding` or `fixed`",
        other: "fixed",
        set: |own, value| one(&mut own.breaker_window, value, &[("sliding", Window::Sliding), ("fixed", Window::Fixed)]),
    },
    Name {
        name: "breaker-minimum-calls",
        takes: "a whole number",
        other: "10",
        set: |own, value| value.parse().map(|number| own.breaker_minimum_calls = number).is_ok(),
    },
    Name { name: "retry-after-dates", takes: TRUTH, other: "false", set: |own, value| flag(&mut own.retry_after_dates, value) },
    Name { name: "backend-credentials-win", takes: TRUTH, other: "false", set: |own, value| flag(&mut own.backend_credentials_win, value) },
    Name {
        name: "variables-mismatch",
        takes: "`throw` or `default`",
        other: "default",
        set: |own, value| {
            one(&mut own.variables_mismatch, value, &[("throw", VariableMismatch::Throws), ("default", VariableMismatch::GivesDefault)])
        },
    },
    Name {
        name: "missing-token-reason",
        takes: "a text",
        other: "TokenNotFound",
        set: |own, value| text(&mut own.missing_token_reason, value),
    },
];

/// One setting.
#[derive(Debug)]
pub struct Name {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub takes: &'static str,
    /// A value that is not the default.
    pub other: &'static str,
    set: fn(&mut Settings, &str) -> bool,
}

impl Settings {
    /// Sets one by name.
    ///
    /// # Errors
    /// There is none of that name, or it takes other values.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), SettingError> {
        let known = NAMES.iter().find(|own| own.name == name).ok_or_else(|| SettingError::Unknown(name.to_owned()))?;
        if (known.set)(self, value) {
            return Ok(());
        }
        Err(SettingError::Value { name: name.to_owned(), value: value.to_owned(), takes: known.takes })
    }
}

fn flag(own: &mut bool, value: &str) -> bool {
    one(own, value, &[("true", true), ("false", false)])
}

fn text(own: &mut String, value: &str) -> bool {
    value.clone_into(own);
    true
}

fn one<T: Copy>(own: &mut T, value: &str, values: &[(&str, T)]) -> bool {
    let found = values.iter().find(|(name, _)| *name == value);
    if let Some((_, value)) = found {
        *own = *value;
    }
    found.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_a_value_that_is_not_its_default() {
        for known in NAMES {
            let mut settings = Settings::default();
            settings.set(known.name, known.other).unwrap();
            assert_ne!(settings, Settings::default(), "{}", known.name);
        }
        assert!(Settings::default().set("limits", "none").is_err());
        assert!(Settings::default().set("nothing", "none").is_err());
    }
}
