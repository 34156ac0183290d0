//! Behaviours that sources dispute or nobody has seen: one named setting each, in this one place.

mod names;

pub use self::names::{NAMES, Name, SettingError};
use crate::expression::VariableMismatch;

/// How the gateway behaves where documentation and observation leave a choice. `Default` is the newest observation, or the documentation
/// where nothing was observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `ignore-key-when-not-required`: a good key on an API that needs none leaves `context.Subscription` null (the page says so; live it is filled).
    pub ignore_key_when_not_required: bool,
    /// `key-order`: where a key is looked for, in order.
    pub key_order: KeyOrder,
    /// `exhausted-pool-reason`: the reason phrase of the 503 when every member of a pool is tripped; `{pool}` is the pool's name.
    pub exhausted_pool_reason: String,
    /// `version-mismatch-body`: a request without the version that its API needs gets a 404 with a body (seen once: empty).
    pub version_mismatch_body: bool,
    /// `absent-section`: what a section element that is not there does.
    pub absent_section: AbsentSection,
    /// `retry-exponent-from-one`: the exponential wait of `retry` starts at 2^1 - 1 (its text) instead of 2^0 - 1 (its example).
    pub retry_exponent_from_one: bool,
    /// `cors-terminates-unmatched`: default of `terminate-unmatched-request`; the page states both.
    pub cors_terminates_unmatched: bool,
    /// `limits`: how rate and token limits count.
    pub limits: LimitAlgorithm,
    /// `streamed-usage`: what a stream's tokens are when it reports them itself (`include_usage`).
    pub streamed_usage: StreamedUsage,
    /// `weighted-choice`: how a pool chooses by weight.
    pub weighted_choice: WeightedChoice,
    /// `transport-errors-trip`: a breaker rule with `errorReasons` counts transport failures (assumed).
    pub transport_errors_trip: bool,
    /// `breaker-window`: how the interval of a breaker rule runs (not documented).
    pub breaker_window: super::backend::breaker::Window,
    /// `breaker-minimum-calls`: calls within the interval below which a percentage rule does not trip (none is documented).
    pub breaker_minimum_calls: u32,
    /// `retry-after-dates`: `acceptRetryAfter` also takes `Retry-After` as a date (only seconds were seen; assumed).
    pub retry_after_dates: bool,
    /// `backend-credentials-win`: credentials of a backend entity replace a header of the same name set by a policy (assumed).
    pub backend_credentials_win: bool,
    /// `variables-mismatch`: what `Variables.GetValueOrDefault<T>` does with a value of another type (the page: throw; Microsoft's toolkit:
    /// the default).
    pub variables_mismatch: VariableMismatch,
    /// `missing-token-reason`: `LastError.Reason` of `validate-jwt` without a token: `TokenNotPresent` (documented) or `TokenNotFound`.
    pub missing_token_reason: String,
    /// `metrics-without-diagnostic`: custom metrics are sent though no Application Insights diagnostic with `metrics` is there (seen: they are
    /// not).
    pub metrics_without_diagnostic: bool,
    /// `legacy-trace-header`: `Ocp-Apim-Trace: true` with a key that allows tracing gets a trace (the page of today says that it no longer
    /// does).
    pub legacy_trace_header: bool,
}

/// Where a subscription key is looked for first. The header always comes before the query parameter (documented).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyOrder {
    /// Header, query parameter, then `Authorization: Bearer` (assumed).
    BearerLast,
    /// `Authorization: Bearer` first.
    BearerFirst,
}

/// What a missing section element means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AbsentSection {
    /// As if it held `<base />` (assumed: samples leave out sections freely).
    Inherit,
    /// As if it were empty.
    Empty,
}

/// How limits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitAlgorithm {
    /// Sliding window on classic tiers, token bucket on v2 (documented).
    ByTier,
    /// Always a sliding window.
    SlidingWindow,
    /// Always a token bucket.
    TokenBucket,
}

/// Which tokens of a stream count. The pages say that streams are estimated; reports differ for streams with `include_usage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamedUsage {
    /// The stream's own report if it has one (assumed).
    Reported,
    /// Always the estimate.
    Estimated,
}

/// How a pool chooses among members of one priority by weight; the service's way is not documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeightedChoice {
    /// Smooth weighted round robin: exact over a period, no bursts.
    Smooth,
    /// A draw for each request.
    Random,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ignore_key_when_not_required: false,
            key_order: KeyOrder::BearerLast,
            exhausted_pool_reason: "Service Unavailable".to_owned(),
            version_mismatch_body: false,
            absent_section: AbsentSection::Inherit,
            retry_exponent_from_one: false,
            cors_terminates_unmatched: true,
            limits: LimitAlgorithm::ByTier,
            streamed_usage: StreamedUsage::Reported,
            weighted_choice: WeightedChoice::Smooth,
            transport_errors_trip: true,
            breaker_window: super::backend::breaker::Window::Sliding,
            breaker_minimum_calls: 1,
            retry_after_dates: true,
            backend_credentials_win: true,
            variables_mismatch: VariableMismatch::Throws,
            missing_token_reason: "TokenNotPresent".to_owned(),
            metrics_without_diagnostic: false,
            legacy_trace_header: true,
        }
    }
}
