//! Products, groups, users and subscriptions.

use serde_json::Value;

use super::{Compiler, names, with_properties};
use crate::arm::ResourceId;
use crate::deploy::bodies;
use crate::deploy::resource::Template;

/// Groups that every service has.
const BUILT_IN_GROUPS: [&str; 3] = ["administrators", "developers", "guests"];

impl Compiler<'_> {
    pub(super) fn groups_and_users(&mut self) {
        for (name, user) in &self.spec.users {
            let body = with_properties(Template::plain(bodies::user(user)), &user.properties);
            self.add(&names::pointer("users", name), self.child("users", name), body, Vec::new());
        }
        for (name, group) in &self.spec.groups {
            let pointer = names::pointer("groups", name);
            let id = self.child("groups", name);
            // The built-in groups cannot be written; only their members can.
            if !BUILT_IN_GROUPS.iter().any(|built_in| built_in.eq_ignore_ascii_case(name)) {
                let value = bodies::group(group.display_name.as_deref().unwrap_or(name), group);
                self.add(&pointer, id.clone(), with_properties(Template::plain(value), &group.properties), Vec::new());
            }
            for (index, user) in group.users.iter().enumerate() {
                self.link(&format!("{pointer}/users/{index}"), id.child("users", user), vec![self.child("users", user)]);
            }
        }
    }

    pub(super) fn products(&mut self) {
        let spec = self.spec;
        for (name, product) in &spec.products {
            let pointer = names::pointer("products", name);
            let id = self.child("products", name);
            let value = bodies::product(product.display_name.as_deref().unwrap_or(name), product);
            self.add(&pointer, id.clone(), with_properties(Template::plain(value), &product.properties), Vec::new());
            for (index, api) in product.apis.iter().enumerate() {
                self.product_apis(&format!("{pointer}/apis/{index}"), &id, api);
            }
            for (index, group) in product.groups.iter().enumerate() {
                // Linked by the service itself; removing the link is not wanted either.
                if !group.eq_ignore_ascii_case("administrators") {
                    self.link(&format!("{pointer}/groups/{index}"), id.child("groups", group), vec![self.child("groups", group)]);
                }
            }
            self.policy(&names::below(&pointer, "policy"), &id);
        }
    }

    /// The API and what follows it.
    fn product_apis(&mut self, pointer: &str, id: &ResourceId, api: &str) {
        for name in self.api_and_twin(api) {
            self.link(pointer, id.child("apis", &name), vec![self.child("apis", &name)]);
        }
    }

    pub(super) fn subscriptions(&mut self) {
        for (name, subscription) in &self.spec.subscriptions {
            let pointer = names::pointer("subscriptions", name);
            let scope = self.scope(&subscription.scope);
            let owner = subscription.owner.as_ref().map(|owner| self.child("users", owner));
            let scope_text = scope.as_ref().map_or_else(|| format!("{}/apis", self.service), |id| id.as_str().to_owned());
            let value = bodies::subscription(
                subscription.display_name.as_deref().unwrap_or(name),
                subscription,
                &scope_text,
                owner.as_ref().map(ResourceId::as_str),
            );
            let secrets = ["/properties/primaryKey", "/properties/secondaryKey"]
                .iter()
                .filter(|pointer| value.pointer(pointer).is_some_and(Value::is_string))
                .map(|pointer| (*pointer).to_owned())
                .collect();
            let body = with_properties(Template { value, holes: Vec::new(), secrets }, &subscription.properties);
            self.add(&pointer, self.child("subscriptions", name), body, scope.into_iter().chain(owner).collect());
        }
    }

    /// What a subscription opens; `None` for all APIs. The key of an API with `clients` opens its product, because a key of
    /// one API does not open the twin.
    fn scope(&self, scope: &str) -> Option<ResourceId> {
        match scope.split_once('/')? {
            ("api", name) if self.spec.apis.get(name).is_some_and(|api| api.clients.is_some()) => Some(self.child("products", name)),
            ("api", name) => Some(self.child("apis", name)),
            ("product", name) => Some(self.child("products", name)),
            _ => None,
        }
    }
}
