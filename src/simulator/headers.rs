//! The headers of every answer, as live ones have them.

use std::fmt::Write;

use http::header::{CONTENT_TYPE, DATE, HeaderName};
use http::{HeaderMap, HeaderValue};

use super::account::Account;
use super::route::{Operation, Route};
use crate::support::clock::SharedClock;
use crate::support::random::Random;

/// Names that are used for every answer.
const APIM_REQUEST_ID: HeaderName = HeaderName::from_static("apim-request-id");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const REGION: HeaderName = HeaderName::from_static("x-ms-region");
const DEPLOYMENT: HeaderName = HeaderName::from_static("x-ms-deployment-name");
const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-client-request-id");
const MODEL_SESSION: HeaderName = HeaderName::from_static("azureml-model-session");
const CONTENT_TYPE_OPTIONS: HeaderName = HeaderName::from_static("x-content-type-options");
const TRANSPORT_SECURITY: HeaderName = HeaderName::from_static("strict-transport-security");
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const RAI_INVOKED: HeaderName = HeaderName::from_static("x-ms-rai-invoked");
const ALLOW_ORIGIN: HeaderName = HeaderName::from_static("access-control-allow-origin");

/// What one answer's headers are made of.
pub(super) struct Stamp {
    region: Option<HeaderValue>,
    deployment: Option<HeaderValue>,
    /// Of the front end.
    request_id: HeaderValue,
    /// Of the model behind it.
    model_request_id: Option<HeaderValue>,
    client_request_id: Option<HeaderValue>,
    date: Option<HeaderValue>,
}

/// The date by the simulator's own clock, which need not be the machine's.
fn date(clock: &SharedClock) -> Option<HeaderValue> {
    HeaderValue::from_str(&httpdate::fmt_http_date(clock.utc().into())).ok()
}

/// A GUID, written without going through its parts.
fn guid(random: &dyn Random) -> HeaderValue {
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    let text = random.uuid().hyphenated().encode_lower(&mut text);
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}

impl Stamp {
    pub(super) fn new(account: &Account, route: Option<&Route>, asked: &HeaderMap, clock: &SharedClock, random: &dyn Random) -> Self {
        let model = route.is_some_and(|route| {
            matches!(route.operation, Operation::ChatCompletions | Operation::Completions | Operation::Embeddings | Operation::Responses)
        });
        Self {
            region: HeaderValue::from_str(region(&account.location)).ok(),
            deployment: route.and_then(|route| HeaderValue::from_str(route.deployment.as_deref()?).ok()),
            request_id: guid(random),
            model_request_id: model.then(|| guid(random)),
            client_request_id: asked.get(CLIENT_REQUEST_ID).cloned(),
            date: date(clock),
        }
    }

    /// For what is no account's.
    pub(super) fn anonymous(clock: &SharedClock, random: &dyn Random) -> Self {
        Self {
            region: None,
            deployment: None,
            request_id: guid(random),
            model_request_id: None,
            client_request_id: None,
            date: date(clock),
        }
    }

    /// Headers that every answer has, and those of a model's answer (`success`). The set is that of live captures; of the values, ids are
    /// random and the session's name is invented.
    pub(super) fn write(&self, headers: &mut HeaderMap, success: bool, streaming: bool) {
        headers.reserve(20);
        headers.insert(APIM_REQUEST_ID, self.request_id.clone());
        headers.insert(TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000; includeSubDomains; preload"));
        headers.insert(CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(region) = &self.region {
            headers.insert(REGION, region.clone());
        }
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        if let Some(date) = &self.date {
            headers.insert(DATE, date.clone());
        }
        let Some(model_request_id) = &self.model_request_id else { return };
        headers.insert(X_REQUEST_ID, model_request_id.clone());
        if !success {
            return;
        }
        // The client's own, or that of the front end.
        headers.insert(CLIENT_REQUEST_ID, self.client_request_id.as_ref().unwrap_or(&self.request_id).clone());
        headers.insert(MODEL_SESSION, HeaderValue::from_static("simulator"));
        headers.insert(RAI_INVOKED, HeaderValue::from_static("true"));
        headers.insert(ALLOW_ORIGIN, HeaderValue::from_static("*"));
        if let Some(deployment) = &self.deployment {
            headers.insert(DEPLOYMENT, deployment.clone());
        }
        if streaming {
            headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
        }
    }
}

/// A header value of a number.
pub(super) fn number(value: u64) -> HeaderValue {
    HeaderValue::from(value)
}

/// Utilisation in per cent with one decimal.
pub(super) fn percent(value: f64) -> HeaderValue {
    let mut text = String::new();
    let _ = write!(text, "{value:.1}%");
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("0.0%"))
}

/// A region's display name, as `x-ms-region` has it; a region that is not in the list stands as it is.
pub(super) fn region(location: &str) -> &str {
    REGIONS.iter().find(|(name, _)| name.eq_ignore_ascii_case(location)).map_or(location, |(_, shown)| shown)
}

/// Regions with Azure OpenAI.
const REGIONS: &[(&str, &str)] = &[
    ("australiaeast", "Australia East"),
    ("austriaeast", "Austria East"),
    ("brazilsouth", "Brazil South"),
    ("canadacentral", "Canada Central"),
    ("canadaeast", "Canada East"),
    ("centralus", "Central US"),
    ("eastus", "East US"),
    ("eastus2", "East US 2"),
    ("francecentral", "France Central"),
    ("germanywestcentral", "Germany West Central"),
    ("italynorth", "Italy North"),
    ("japaneast", "Japan East"),
    ("koreacentral", "Korea Central"),
    ("northcentralus", "North Central US"),
    ("northeurope", "North Europe"),
    ("norwayeast", "Norway East"),
    ("polandcentral", "Poland Central"),
    ("southafricanorth", "South Africa North"),
    ("southcentralus", "South Central US"),
    ("southeastasia", "Southeast Asia"),
    ("southindia", "South India"),
    ("spaincentral", "Spain Central"),
    ("swedencentral", "Sweden Central"),
    ("switzerlandnorth", "Switzerland North"),
    ("switzerlandwest", "Switzerland West"),
    ("uaenorth", "UAE North"),
    ("uksouth", "UK South"),
    ("westeurope", "West Europe"),
    ("westus", "West US"),
    ("westus2", "West US 2"),
    ("westus3", "West US 3"),
];
