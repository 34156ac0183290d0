//! Who asks, and whether they may.

use http::header::AUTHORIZATION;
use http::request::Parts;

use super::TokenCheck;
use super::account::{Account, Directory};
use super::error::WireError;
use super::route::{Operation, Route, Surface};
use crate::support::jwt::Parsed;

/// What tokens must be for. A trailing slash makes no difference. `https://ai.azure.com` is what AI Foundry's own clients ask for.
const AUDIENCES: &[&str] = &["https://cognitiveservices.azure.com", "https://ai.azure.com"];

/// Checks key or token. Gives the principal's object id, if it was a token.
///
/// A key header comes before a token (assumed). `/openai/v1` takes a key as a bearer token too (documented for OpenAI's own clients).
pub(super) fn check(
    directory: &dyn Directory,
    tokens: &TokenCheck,
    account: &Account,
    route: &Route,
    parts: &Parts,
) -> Result<Option<String>, WireError> {
    let header = |name: &str| parts.headers.get(name).map(|value| value.as_bytes());
    if let Some(key) = header("api-key").or_else(|| header("ocp-apim-subscription-key")) {
        if account.local_auth_disabled {
            return Err(WireError::keys_disabled());
        }
        return if is_key(account, key) { Ok(None) } else { Err(WireError::bad_key()) };
    }
    let Some(value) = parts.headers.get(AUTHORIZATION) else { return Err(WireError::bad_key()) };
    let token = value.to_str().ok().and_then(bearer).ok_or_else(WireError::bad_token)?;
    if route.surface == Surface::V1 && !token.contains('.') && is_key(account, token.as_bytes()) {
        return if account.local_auth_disabled { Err(WireError::keys_disabled()) } else { Ok(None) };
    }
    if account.custom_subdomain.is_none() {
        return Err(WireError::no_subdomain());
    }
    let principal = match tokens {
        TokenCheck::None => return Err(WireError::bad_token()),
        TokenCheck::Issuer(issuer) => issuer.verify(token, AUDIENCES).map_err(|_| WireError::bad_token())?.subject.object_id,
        TokenCheck::Unchecked => unchecked(token)?,
    };
    let action = route.operation.data_action();
    if !directory.may(&principal, account, action) {
        return Err(WireError::permission_denied(&principal, action, &template(route)));
    }
    Ok(Some(principal))
}

/// The principal of a token that nobody can check; a token that is no JSON Web Token has none.
fn unchecked(token: &str) -> Result<String, WireError> {
    let Ok(parsed) = Parsed::new(token) else { return Ok(String::new()) };
    let claim = |name: &str| parsed.claims.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
    let audience = claim("aud").trim_end_matches('/');
    if !AUDIENCES.iter().any(|accepted| accepted.eq_ignore_ascii_case(audience)) {
        return Err(WireError::bad_token());
    }
    Ok(claim("oid").to_owned())
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// In constant time for each key. An account without keys takes any.
fn is_key(account: &Account, key: &[u8]) -> bool {
    account.keys.is_empty()
        || account.keys.iter().any(|known| aws_lc_rs::constant_time::verify_slices_are_equal(known.expose().as_bytes(), key).is_ok())
}

/// The operation as the error names it (`POST /openai/deployments/{deployment-id}/chat/completions` is seen).
fn template(route: &Route) -> String {
    let tail = match route.operation {
        Operation::ChatCompletions => "chat/completions",
        Operation::Completions => "completions",
        Operation::Embeddings => "embeddings",
        Operation::Responses => "responses",
        Operation::StoredResponse => "responses/{response-id}",
        Operation::Models => "models",
        Operation::Deployments => "deployments",
        Operation::AnalyzeText => "text:analyze",
        Operation::ShieldPrompt => "text:shieldPrompt",
    };
    let base = match route.surface {
        Surface::Dated if route.deployment.is_some() && route.operation != Operation::Responses => "/openai/deployments/{deployment-id}",
        Surface::Dated => "/openai",
        Surface::V1 => "/openai/v1",
        Surface::ContentSafety => "/contentsafety",
    };
    format!("{} {base}/{tail}", route.method)
}
