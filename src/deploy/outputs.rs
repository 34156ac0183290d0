//! What to do with a gateway that is there.

use serde::Serialize;

/// Ready-to-paste ways in; no keys.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outputs {
    /// Base URL of the gateway.
    pub gateway_url: String,
    /// Subscriptions and how to see their keys.
    pub keys: Vec<KeyName>,
    /// Snippets.
    pub snippets: Vec<Snippet>,
}

/// A subscription whose key opens the gateway.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyName {
    /// Subscription.
    pub subscription: String,
    /// What it opens, relative to the service.
    pub scope: String,
}

/// A text to paste.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Snippet {
    /// `curl`, `python (openai)`, `python (azure openai)`.
    pub title: String,
    /// Text.
    pub text: String,
}
