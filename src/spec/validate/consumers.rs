//! Products, groups, users, subscriptions.

use std::collections::HashMap;

use super::service::mail;
use super::{Advise, Rules};
use crate::spec::codes;
use crate::spec::model::{Group, Product, Subscription};
use crate::spec::tree::join;
use crate::support::finding::Kind;

/// Groups that every service has.
const BUILT_IN_GROUPS: &[&str] = &["administrators", "developers", "guests"];

pub(super) fn check(rules: &mut Rules<'_>) {
    for (name, product) in &rules.spec.products {
        check_product(rules, name, product);
    }
    for (name, group) in &rules.spec.groups {
        check_group(rules, name, group);
    }
    let mut addresses: HashMap<String, &String> = HashMap::new();
    for (name, user) in &rules.spec.users {
        let place = format!("{}/email", join("/users", name));
        mail(rules, &user.email, &place);
        if let Some(first) = addresses.insert(user.email.to_lowercase(), name) {
            rules.error(codes::DUPLICATE_NAME, Kind::Place, &place, format!("`{name}` and `{first}` have the same mail address"));
        }
    }
    for (name, subscription) in &rules.spec.subscriptions {
        check_subscription(rules, name, subscription);
    }
    keys(rules);
}

fn check_product(rules: &mut Rules<'_>, name: &str, product: &Product) {
    let pointer = join("/products", name);
    if product.subscription_required == Some(false) {
        for (key, given) in
            [("approvalRequired", product.approval_required == Some(true)), ("subscriptionsLimit", product.subscriptions_limit.is_some())]
        {
            if given {
                let message = format!("the product `{name}` needs no subscription, so it cannot have `{key}`");
                rules.error_at_key(codes::PRODUCT_OPEN, Kind::Place, &format!("{pointer}/{key}"), message);
            }
        }
        let closed: Vec<&String> =
            product.apis.iter().filter(|api| rules.spec.apis.get(*api).is_some_and(|api| api.clients.is_some())).collect();
        for api in closed {
            let message = format!("the product `{name}` opens `{api}` to everybody without a key");
            rules
                .trap(codes::PRODUCT_OPEN, &format!("{pointer}/subscriptionRequired"), message)
                .advise("remove the API from it, or `subscriptionRequired: false`");
        }
    }
    if product.apis.is_empty() && !rules.is_broken(&format!("{pointer}/apis")) {
        let message = format!("the product `{name}` opens no API");
        rules.trap(codes::UNUSED, &pointer, message).advise("add `apis: […]`");
    }
    for (index, api) in product.apis.iter().enumerate() {
        rules.refer("apis", "API", api, &format!("{pointer}/apis/{index}"));
    }
    for (index, group) in product.groups.iter().enumerate() {
        if !BUILT_IN_GROUPS.contains(&group.as_str()) {
            rules.refer("groups", "group", group, &format!("{pointer}/groups/{index}"));
        }
    }
}

fn check_group(rules: &mut Rules<'_>, name: &str, group: &Group) {
    let pointer = join("/groups", name);
    let external = group.kind.as_deref() == Some("external");
    match &group.external_id {
        None if external => {
            rules.error_at_key(codes::GROUP, Kind::Place, &pointer, format!("the group `{name}` is external and has no `externalId`"));
        }
        Some(_) if !external => {
            let message = format!("`externalId` belongs to external groups, which `{name}` is not");
            rules.error_at_key(codes::GROUP, Kind::Place, &format!("{pointer}/externalId"), message).advise("add `type: external`");
        }
        Some(id) if !id.starts_with("aad://") => {
            let message = "an `externalId` has the form `aad://{tenant}/groups/{object id}`";
            rules.error(codes::GROUP, Kind::Type, &format!("{pointer}/externalId"), message);
        }
        _ => {}
    }
    if external && !group.users.is_empty() {
        let message = format!("the members of the external group `{name}` come from Entra");
        rules.error_at_key(codes::GROUP, Kind::Place, &format!("{pointer}/users"), message).advise("remove `users`");
    }
    for (index, user) in group.users.iter().enumerate() {
        rules.refer("users", "user", user, &format!("{pointer}/users/{index}"));
    }
}

fn check_subscription(rules: &mut Rules<'_>, name: &str, subscription: &Subscription) {
    let pointer = join("/subscriptions", name);
    let place = format!("{pointer}/scope");
    if let Some(owner) = &subscription.owner {
        rules.refer("users", "user", owner, &format!("{pointer}/owner"));
    }
    let scope = subscription.scope.as_str();
    if scope == "all" {
        let keyed: Vec<String> =
            rules.spec.apis.iter().filter(|(_, api)| api.clients.is_some()).map(|(name, _)| format!("`{name}`")).collect();
        if !keyed.is_empty() {
            let message = format!("the keys of `{name}` open every API, also {}", keyed.join(", "));
            rules.trap(codes::SUBSCRIPTION, &place, message).advise("scope them to an API or a product");
        }
    } else if let Some(api) = scope.strip_prefix("api/") {
        if rules.refer("apis", "API", api, &place) && rules.spec.apis.get(api).is_some_and(|api| api.subscription_required == Some(false)) {
            let message = format!("`{api}` needs no key, so those of `{name}` open nothing more");
            rules.trap(codes::SUBSCRIPTION, &place, message);
        }
    } else if let Some(product) = scope.strip_prefix("product/") {
        // An API with `clients` makes a product of its own name.
        let implied = rules.spec.apis.get(product).is_some_and(|api| api.clients.is_some());
        if !implied
            && rules.refer("products", "product", product, &place)
            && rules.spec.products.get(product).is_some_and(|product| product.subscription_required == Some(false))
        {
            let message = format!("the product `{product}` takes no subscriptions");
            rules.error(codes::SUBSCRIPTION, Kind::Place, &place, message).advise("remove `subscriptionRequired: false` from it");
        }
    } else {
        let message = format!("`{scope}` is not a scope");
        rules.error(codes::SUBSCRIPTION, Kind::Type, &place, message).advise("write `api/{name}`, `product/{name}` or `all`");
    }
}

/// A key stands for one subscription, so no two may be equal (the service refuses it; assumed for the two of one subscription).
fn keys(rules: &mut Rules<'_>) {
    let mut seen: HashMap<&str, String> = HashMap::new();
    for (name, subscription) in &rules.spec.subscriptions {
        for (key, value) in [("primaryKey", &subscription.primary_key), ("secondaryKey", &subscription.secondary_key)] {
            let Some(value) = value else { continue };
            let place = format!("{}/{key}", join("/subscriptions", name));
            if let Some(first) = seen.insert(value.expose().as_str(), format!("`{key}` of `{name}`")) {
                rules.error_at_key(codes::SUBSCRIPTION, Kind::Place, &place, format!("`{key}` of `{name}` is the same key as {first}"));
            }
        }
    }
}
