//! Which key opens which API.

use std::collections::BTreeMap;

use serde_json::Value;

use super::routes::Api;
use super::subject::Subject;
use crate::arm::{ResourceId, catalogue};
use crate::azure::AzureError;
use crate::deploy::DeployError;
use crate::deploy::keys::{KeysRequest, SubscriptionKeys};
use crate::scenario::request::{Key, KeyOf, Place};
use crate::support::secret::Secret;

/// The specification's subscriptions, and what they open.
#[derive(Debug, Default)]
pub(super) struct KeyRing {
    pub(super) subscriptions: Vec<SubscriptionKeys>,
    /// Names of the APIs of each product that a subscription opens, lower case.
    products: BTreeMap<String, Vec<String>>,
}

impl KeyRing {
    /// Reads the keys, which costs a call each that counts as a write.
    pub(super) async fn read(subject: &Subject<'_>) -> Result<Self, DeployError> {
        let mut subscriptions = Vec::new();
        for name in subject.spec().into_iter().flat_map(|spec| spec.subscriptions.keys()) {
            match subject.deployment.keys(KeysRequest::List, Some(name)).await {
                Ok(mut keys) => subscriptions.append(&mut keys),
                // It is not there: the check of subscriptions says so.
                Err(DeployError::Manifest(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let mut products = BTreeMap::new();
        for subscription in &subscriptions {
            if let (Some(product), Some(service)) = (subscription.scope.strip_prefix("products/"), subject.service())
                && !products.contains_key(&product.to_ascii_lowercase())
            {
                let names = apis_of(subject, &service.child("products", product)).await?;
                products.insert(product.to_ascii_lowercase(), names);
            }
        }
        Ok(Self { subscriptions, products })
    }

    /// Whether `subscription` opens `api`, by its scope.
    pub(super) fn opens(&self, subscription: &SubscriptionKeys, api: &Api) -> bool {
        let scope = subscription.scope.to_ascii_lowercase();
        if let Some(name) = scope.strip_prefix("apis/") {
            return name.eq_ignore_ascii_case(api.name());
        }
        if let Some(product) = scope.strip_prefix("products/") {
            return self.products.get(product).is_some_and(|names| names.contains(&api.name().to_ascii_lowercase()));
        }
        // All APIs.
        scope == "apis" || scope == "all apis"
    }

    /// An active subscription that opens `api`: of its own rather than of all APIs.
    pub(super) fn for_api<'a>(&'a self, api: &'a Api) -> Option<&'a SubscriptionKeys> {
        self.all_for(api).next()
    }

    /// All active subscriptions that open `api`.
    pub(super) fn all_for<'a>(&'a self, api: &'a Api) -> impl Iterator<Item = &'a SubscriptionKeys> {
        let active = |subscription: &&SubscriptionKeys| subscription.state.eq_ignore_ascii_case("active");
        self.subscriptions.iter().filter(active).filter(|subscription| self.opens(subscription, api))
    }

    /// The key in the API's own header: what always works; an open API needs none (`Some(None)`), and a front takes it as a bearer token.
    pub(super) fn credential(&self, api: &Api) -> Option<Option<Key>> {
        if api.is_front {
            // Opens what stands behind it, which has its own entry here.
            let behind = api.name().trim_end_matches("-bearer");
            let scope = |subscription: &&SubscriptionKeys| subscription.scope.eq_ignore_ascii_case(&format!("products/{behind}"));
            return self.subscriptions.iter().find(scope).map(|subscription| Some(key(&subscription.primary, Place::Bearer)));
        }
        if !api.key_required {
            return Some(None);
        }
        self.for_api(api).map(|subscription| Some(key(&subscription.primary, Place::Header(api.header.clone()))))
    }
}

/// Names of the APIs that a product links, lower case.
pub(super) async fn apis_of(subject: &Subject<'_>, product: &ResourceId) -> Result<Vec<String>, AzureError> {
    let version = catalogue::find("Microsoft.ApiManagement/service/products/apis").map_or("2024-05-01", |entry| entry.api_version);
    let items = match subject.client.list(&format!("{product}/apis"), version, &[]).await {
        Ok(items) => items,
        // A product that is gone links nothing.
        Err(error) if error.has_status(404) => Vec::new(),
        Err(error) => return Err(error),
    };
    Ok(items.iter().filter_map(|item| item.get("name").and_then(Value::as_str)).map(str::to_ascii_lowercase).collect())
}

/// A key in its place.
pub(super) fn key(value: &Secret<String>, place: Place) -> Key {
    Key { of: KeyOf::Value(value.clone()), place }
}

/// A key that nobody has.
pub(super) fn unknown_key(subject: &Subject<'_>) -> Secret<String> {
    Secret::new(subject.settings.random.hex(32))
}
