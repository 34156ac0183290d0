//! The subscription key: a built-in step that is over before any policy of any scope runs (stated by an APIM engineer, and seen).
//!
//! The decision table and its sources: "Subscriptions in Azure API Management" of December 2025, the service's changelog of January 2025,
//! and live tests where these disagree.

mod index;

use std::borrow::Cow;

use http::StatusCode;
use http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};

pub use self::index::KeyIndex;
use super::exchange::{Access, Exchange};
use super::failure::Failure;
use super::message::query_pairs;
use super::settings::KeyOrder;
use super::snapshot::{Api, ApiIndex, ProductIndex, Snapshot, SubscriptionIndex, SubscriptionScope};

/// What the caller showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// No key anywhere.
    Nothing,
    /// A key that opens nothing here.
    Bad,
    /// The key of an active subscription that opens this API.
    Good(Access),
}

/// Sets who calls.
///
/// # Errors
/// `SubscriptionKeyNotFound` and `SubscriptionKeyInvalid`.
pub fn authorize(snapshot: &Snapshot, exchange: &mut Exchange) -> Result<(), Failure> {
    let Some((index, api)) = exchange.api.and_then(|index| Some((index, snapshot.api(index)?))) else { return Ok(()) };
    match decide(snapshot, exchange, index, api) {
        Ok(access) => {
            exchange.access = access;
            Ok(())
        }
        Err(shown) => Err(refused(shown, exchange, api)),
    }
}

/// Whose context the request is in as far as that can be told without refusing it: for preflights.
#[must_use]
pub fn context(snapshot: &Snapshot, exchange: &Exchange) -> Access {
    let Some((index, api)) = exchange.api.and_then(|index| Some((index, snapshot.api(index)?))) else { return Access::default() };
    decide(snapshot, exchange, index, api).unwrap_or_default()
}

fn decide(snapshot: &Snapshot, exchange: &Exchange, index: ApiIndex, api: &Api) -> Result<Access, Shown> {
    let shown = shown(snapshot, exchange, index, api);
    if let Shown::Good(access) = shown
        // The page says that a key which is not needed counts as absent; live, `context.Subscription` is filled.
        && (needs_key(snapshot, api) || !exchange.worker.settings.ignore_key_when_not_required)
    {
        return Ok(access);
    }
    // A key that opens nothing is no worse than none where none is needed (changelog of January 2025).
    if let Some(product) = open_product(snapshot, api) {
        return Ok(Access { product: Some(product), ..Access::default() });
    }
    if api.subscription_required { Err(shown) } else { Ok(Access::default()) }
}

fn needs_key(snapshot: &Snapshot, api: &Api) -> bool {
    api.subscription_required && open_product(snapshot, api).is_none()
}

/// An API is in at most one open product; if it is in several here, the first by name counts.
fn open_product(snapshot: &Snapshot, api: &Api) -> Option<ProductIndex> {
    api.products.iter().copied().find(|index| snapshot.product(*index).is_some_and(|product| !product.subscription_required))
}

fn shown(snapshot: &Snapshot, exchange: &Exchange, index: ApiIndex, api: &Api) -> Shown {
    let Some(key) = presented(exchange, api) else { return Shown::Nothing };
    let fitting = snapshot.keys.find(key.as_bytes()).find_map(|(subscription, secondary)| {
        let product = opens(snapshot, subscription, index, api)?;
        Some(Access { subscription: Some(subscription), secondary, product })
    });
    fitting.map_or(Shown::Bad, Shown::Good)
}

/// Whether the subscription opens the API, and in which product's context. Only a product's own subscriptions bring its policies
/// (subscriptions page; for all-access keys also changelog of March 2026). Whether the product is published does not matter.
fn opens(snapshot: &Snapshot, subscription: SubscriptionIndex, index: ApiIndex, api: &Api) -> Option<Option<ProductIndex>> {
    let subscription = snapshot.subscription(subscription).filter(|subscription| subscription.active)?;
    // Whoever is blocked calls nothing of what he subscribed to (`UserContract.state`).
    let blocked = subscription.owner.as_deref().and_then(|owner| snapshot.users.get(owner)).is_some_and(|owner| owner.blocked);
    if blocked {
        return None;
    }
    match subscription.scope {
        SubscriptionScope::AllApis => Some(None),
        SubscriptionScope::Api(opened) => {
            // A key opens an API in every revision.
            let same = opened == index || snapshot.api(opened).is_some_and(|opened| opened.name == api.name);
            same.then_some(None)
        }
        SubscriptionScope::Product(product) => api.products.contains(&product).then_some(Some(product)),
        SubscriptionScope::Nothing => None,
    }
}

/// The key as the caller wrote it. The query parameter is looked at only when the header is absent (documented), the bearer token
/// where the API allows it and neither is there (assumed; `key-order` turns it round). An empty value is none (assumed).
fn presented<'a>(exchange: &'a Exchange, api: &Api) -> Option<Cow<'a, str>> {
    let header = || text(exchange.request.headers.get(&api.key_names.header)?);
    let query = || {
        let query = exchange.original.query()?;
        query_pairs(query).find(|(name, _)| name.eq_ignore_ascii_case(&api.key_names.query)).map(|(_, value)| value)
    };
    let bearer = || {
        let value = text(exchange.request.headers.get(AUTHORIZATION).filter(|_| api.key_names.bearer)?)?;
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| Cow::Owned(token.trim().to_owned()))
    };
    let there = |key: &Cow<'_, str>| !key.is_empty();
    match exchange.worker.settings.key_order {
        KeyOrder::BearerLast => header().filter(there).or_else(|| query().filter(there)).or_else(|| bearer().filter(there)),
        KeyOrder::BearerFirst => bearer().filter(there).or_else(|| header().filter(there)).or_else(|| query().filter(there)),
    }
}

fn text(value: &HeaderValue) -> Option<Cow<'_, str>> {
    // What is no text is no key either, but it is there: it is invalid, not missing.
    Some(String::from_utf8_lossy(value.as_bytes()))
}

fn refused(shown: Shown, exchange: &Exchange, api: &Api) -> Failure {
    // The body says "an API" where `LastError.Message` says "this API" (captures; error handling page).
    let failure = match shown {
        Shown::Nothing => Failure::refused(
            "SubscriptionKeyNotFound",
            StatusCode::UNAUTHORIZED,
            "Access denied due to missing subscription key. Make sure to include subscription key when making requests to this API.",
        )
        .answering("Access denied due to missing subscription key. Make sure to include subscription key when making requests to an API."),
        Shown::Bad | Shown::Good(_) => Failure::refused(
            "SubscriptionKeyInvalid",
            StatusCode::UNAUTHORIZED,
            "Access denied due to invalid subscription key. Make sure to provide a valid key for an active subscription.",
        ),
    };
    let original = &exchange.original;
    let scheme = if original.https { "https" } else { "http" };
    let (host, port) = exchange.authority();
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    let challenge = format!(
        "AzureApiManagementKey realm=\"{scheme}://{host}{port}{}\",name=\"{}\",type=\"header\"",
        api.realm_path, api.key_names.header_text
    );
    let failure = failure.from_source("authorization");
    match HeaderValue::from_str(&challenge) {
        Ok(challenge) => failure.with_header(WWW_AUTHENTICATE, challenge),
        // A path that cannot stand in a header is left out with the challenge.
        Err(_) => failure,
    }
}
