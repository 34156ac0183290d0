//! Products, users and subscriptions.

use std::collections::HashMap;

use serde_json::Value;

use super::build::Overrides;
use super::documents::Documents;
use super::read::{Part, Reader};
use super::{Api, ApiIndex, Product, ProductIndex, Subscription, SubscriptionScope, User};
use crate::arm::ResourceId;
use crate::gateway::program::Environment;
use crate::policy::Scope;
use crate::support::finding::Finding;
use crate::support::secret::Secret;

/// All products, linked with the APIs.
pub(super) fn products(
    part: Part<'_>,
    apis: &mut [Api],
    documents: &mut Documents,
    environment: &Environment,
    findings: &mut Vec<Finding>,
) -> Vec<Product> {
    let mut products = Vec::new();
    for (resource, place) in part.all("products").zip(0..) {
        let linked = apis_of(part, &resource.id, apis, findings);
        for index in &linked {
            if let Some(api) = apis.get_mut(index.0 as usize) {
                api.products.push(ProductIndex(place));
            }
        }
        let groups = part.children(&resource.id, "groupLinks").filter_map(|link| {
            let id = part.resolve(link.body.pointer("/properties/groupId")?.as_str()?, "groups")?;
            Some((id.name().to_owned(), group_name(part, &id)))
        });
        let groups = groups.collect();
        let document = documents.compile(part, &resource.id, Scope::Product, environment, findings);
        let mut reader = Reader::new(resource, findings);
        products.push(Product {
            id: resource.id.clone(),
            name: resource.id.name().to_owned(),
            display_name: reader.owned("/properties/displayName"),
            subscription_required: reader.flag("/properties/subscriptionRequired", true),
            approval_required: reader.flag("/properties/approvalRequired", false),
            published: reader.text("/properties/state").is_some_and(|state| state.eq_ignore_ascii_case("published")),
            subscriptions_limit: reader.integer("/properties/subscriptionsLimit").and_then(|limit| i32::try_from(limit).ok()),
            apis: linked,
            groups,
            document,
        });
    }
    products
}

/// The APIs that a product links; a link to an API is one to every revision of it.
fn apis_of(part: Part<'_>, product: &ResourceId, apis: &[Api], findings: &mut Vec<Finding>) -> Vec<ApiIndex> {
    let mut found = Vec::new();
    for link in part.children(product, "apiLinks") {
        let mut reader = Reader::new(link, findings);
        let Some(id) = reader.text("/properties/apiId").and_then(|id| part.resolve(id, "apis")) else { continue };
        let name = id.name().split_once(";rev=").map_or_else(|| id.name(), |(name, _)| name);
        let before = found.len();
        found.extend((0..).zip(apis).filter(|(_, api)| api.name.eq_ignore_ascii_case(name)).map(|(place, _)| ApiIndex(place)));
        if found.len() == before {
            reader.problem("/properties/apiId", "an API that is there");
        }
    }
    found
}

fn group_name(part: Part<'_>, group: &ResourceId) -> String {
    let stored = part.stored.get(group).and_then(|group| group.body.pointer("/properties/displayName")?.as_str());
    stored.unwrap_or_else(|| group.name()).to_owned()
}

/// All users by id.
pub(super) fn users(part: Part<'_>, findings: &mut Vec<Finding>) -> HashMap<Box<str>, User> {
    let mut groups: HashMap<String, Vec<(String, String)>> = HashMap::new();
    for group in part.all("groups") {
        let name = (group.id.name().to_owned(), group_name(part, &group.id));
        for member in part.children(&group.id, "users") {
            groups.entry(member.id.name().to_ascii_lowercase()).or_default().push(name.clone());
        }
    }
    let mut users = HashMap::new();
    for resource in part.all("users") {
        let mut reader = Reader::new(resource, findings);
        let id = resource.id.name().to_owned();
        let user = User {
            email: reader.owned("/properties/email"),
            first_name: reader.owned("/properties/firstName"),
            last_name: reader.owned("/properties/lastName"),
            note: reader.owned("/properties/note"),
            groups: groups.remove(&id.to_ascii_lowercase()).unwrap_or_default(),
            registered: reader.time("/properties/registrationDate"),
            blocked: reader.text("/properties/state").is_some_and(|state| state.eq_ignore_ascii_case("blocked")),
            id,
        };
        users.insert(user.id.to_ascii_lowercase().into_boxed_str(), user);
    }
    users
}

/// All subscriptions.
pub(super) fn subscriptions(
    part: Part<'_>,
    apis: &[Api],
    products: &[Product],
    overrides: &Overrides,
    findings: &mut Vec<Finding>,
) -> Vec<Subscription> {
    let api_places: HashMap<&ResourceId, ApiIndex> = (0..).zip(apis).map(|(place, api)| (&api.id, ApiIndex(place))).collect();
    let product_places: HashMap<&ResourceId, ProductIndex> =
        (0..).zip(products).map(|(place, product)| (&product.id, ProductIndex(place))).collect();
    let mut subscriptions = Vec::new();
    for resource in part.all("subscriptions") {
        let mut reader = Reader::new(resource, findings);
        let name = resource.id.name().to_owned();
        let replaced = overrides.keys.iter().find(|(own, _)| own.eq_ignore_ascii_case(&name)).map(|(_, key)| key.expose().clone());
        let scope = reader.text("/properties/scope").unwrap_or_default().trim_end_matches('/');
        let everything = scope.eq_ignore_ascii_case(part.service.as_str()) || scope.is_empty();
        let all_apis = scope.rsplit('/').next().is_some_and(|last| last.eq_ignore_ascii_case("apis"));
        let scope = if everything || all_apis {
            SubscriptionScope::AllApis
        } else if let Some(index) = part.resolve(scope, "apis").and_then(|id| api_places.get(&id).copied()) {
            SubscriptionScope::Api(index)
        } else if let Some(index) = part.resolve(scope, "products").and_then(|id| product_places.get(&id).copied()) {
            SubscriptionScope::Product(index)
        } else {
            SubscriptionScope::Nothing
        };
        let owner = reader.text("/properties/ownerId").and_then(|id| part.resolve(id, "users"));
        subscriptions.push(Subscription {
            id: resource.id.clone(),
            display_name: reader.owned("/properties/displayName"),
            active: reader.text("/properties/state").is_none_or(|state| state.eq_ignore_ascii_case("active")),
            scope,
            master: everything,
            primary_key: Secret::new(replaced.or_else(|| reader.secret("/properties/primaryKey")).unwrap_or_default()),
            secondary_key: Secret::new(reader.secret("/properties/secondaryKey").unwrap_or_default()),
            owner: owner.map(|owner| owner.name().to_ascii_lowercase().into_boxed_str()),
            allow_tracing: reader.value("/properties/allowTracing").and_then(Value::as_bool).unwrap_or(false),
            created: reader.time("/properties/createdDate"),
            start: reader.time("/properties/startDate"),
            end: reader.time("/properties/endDate"),
            name,
        });
    }
    subscriptions
}
