//! Who asks, and what they may do.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::answer::Refusal;
use crate::arm::ResourceId;

/// The tenant of the default fixture.
pub const DEFAULT_TENANT: &str = "7e1d3a52-0c4b-4f5e-9a86-2b1f0d6c9e01";
/// The Azure subscription of the default fixture.
pub const DEFAULT_SUBSCRIPTION: &str = "3f9c2b74-5d18-4a6b-8e07-c4a1d2e5f602";
/// The caller of the default fixture.
pub const DEFAULT_CALLER: &str = "a84c6f10-92d7-4e3b-b5c8-610f7e2d3a03";

/// The principal that a token belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Object id in the tenant.
    pub object_id: String,
    /// The tenant that issued the token.
    pub tenant_id: String,
}

/// Why a bearer token is not accepted: ARM's 401.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unauthorized {
    /// For instance `InvalidAuthenticationToken`, `ExpiredAuthenticationToken`, `InvalidAuthenticationTokenTenant`.
    pub code: String,
    /// For people.
    pub message: String,
    /// Value of `WWW-Authenticate`, if any.
    pub challenge: Option<String>,
}

type Check = dyn Fn(Option<&str>) -> Result<Caller, Unauthorized> + Send + Sync;

/// Looks at the `Authorization` header's value (`None` when there is none).
#[derive(Clone)]
pub struct Authenticator(Arc<Check>);

impl Authenticator {
    /// From a function.
    pub fn new(check: impl Fn(Option<&str>) -> Result<Caller, Unauthorized> + Send + Sync + 'static) -> Self {
        Self(Arc::new(check))
    }

    pub(crate) fn check(&self, authorization: Option<&str>) -> Result<Caller, Refusal> {
        (self.0)(authorization).map_err(|error| {
            let refusal = Refusal::plain(401, &error.code, error.message);
            match error.challenge {
                Some(challenge) => refusal.header("www-authenticate", challenge),
                None => refusal,
            }
        })
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Authenticator")
    }
}

/// What a principal may do at a scope and below it, in Azure's own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Permission {
    /// `/subscriptions/…`; `/` is everywhere.
    #[serde(default = "everywhere")]
    pub scope: String,
    /// For instance `*`, `*/read`, `Microsoft.ApiManagement/*`.
    #[serde(default)]
    pub actions: Vec<String>,
    /// Taken away from `actions`.
    #[serde(default)]
    pub not_actions: Vec<String>,
    /// Object id of the one principal that has it; everybody who logs in when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
}

fn everywhere() -> String {
    "/".to_owned()
}

impl Permission {
    fn reaches(&self, scope: &str) -> bool {
        let own = self.scope.trim_end_matches('/');
        scope.len() >= own.len()
            && scope.as_bytes().get(..own.len()).is_some_and(|head| head.eq_ignore_ascii_case(own.as_bytes()))
            && matches!(scope.as_bytes().get(own.len()), None | Some(b'/'))
    }

    fn is_of(&self, caller: &Caller) -> bool {
        self.principal.as_ref().is_none_or(|principal| principal.eq_ignore_ascii_case(&caller.object_id))
    }

    fn allows(&self, action: &str) -> bool {
        self.actions.iter().any(|pattern| wildcard(pattern, action)) && !self.not_actions.iter().any(|pattern| wildcard(pattern, action))
    }
}

/// Whether `text` is covered by a pattern in which `*` stands for anything; case is ignored.
pub(crate) fn wildcard(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_ascii_lowercase(), text.to_ascii_lowercase());
    let mut parts = pattern.split('*');
    let Some(first) = parts.next() else { return false };
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(index) => rest = rest.get(index + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// One Azure subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Subscription {
    pub(crate) id: String,
    pub(crate) display_name: String,
    /// `None`: all that the emulator knows.
    pub(crate) registered: Option<Vec<String>>,
}

/// The tenant as the emulator knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Directory {
    pub(crate) tenant_id: String,
    pub(crate) subscriptions: Vec<Subscription>,
    pub(crate) caller: String,
    pub(crate) permissions: Vec<Permission>,
}

impl Default for Directory {
    fn default() -> Self {
        Self {
            tenant_id: DEFAULT_TENANT.to_owned(),
            subscriptions: vec![Subscription { id: DEFAULT_SUBSCRIPTION.to_owned(), display_name: "Local".to_owned(), registered: None }],
            caller: DEFAULT_CALLER.to_owned(),
            permissions: vec![Permission { scope: everywhere(), actions: vec!["*".to_owned()], not_actions: Vec::new(), principal: None }],
        }
    }
}

impl Directory {
    pub(crate) fn subscription(&self, id: &str) -> Option<&Subscription> {
        self.subscriptions.iter().find(|subscription| subscription.id.eq_ignore_ascii_case(id))
    }

    /// One with every provider registered.
    pub(crate) fn add_subscription(&mut self, id: &str) {
        self.subscriptions.push(Subscription { id: id.to_owned(), display_name: id.to_owned(), registered: None });
    }

    pub(crate) fn is_registered(&self, subscription: &str, namespace: &str) -> bool {
        self.subscription(subscription).is_some_and(|subscription| {
            subscription.registered.as_ref().is_none_or(|names| names.iter().any(|name| name.eq_ignore_ascii_case(namespace)))
        })
    }

    /// The caller's permissions at a scope.
    pub(crate) fn at(&self, caller: &Caller, scope: &str) -> impl Iterator<Item = &Permission> {
        self.permissions.iter().filter(move |permission| permission.is_of(caller) && permission.reaches(scope))
    }

    /// ARM's 403.
    pub(crate) fn authorize(&self, caller: &Caller, action: &str, scope: &str) -> Result<(), Refusal> {
        if self.at(caller, scope).any(|permission| permission.allows(action)) {
            return Ok(());
        }
        let who = &caller.object_id;
        Err(Refusal::plain(
            403,
            "AuthorizationFailed",
            format!(
                "The client '{who}' with object id '{who}' does not have authorization to perform action '{action}' over scope '{scope}' or \
                 the scope is invalid. If access was recently granted, please refresh your credentials."
            ),
        ))
    }
}

/// The action that a request stands for, as roles name it.
pub(crate) fn action(method: &http::Method, kind: &str, post: Option<&str>) -> String {
    match (method.as_str(), post) {
        ("GET" | "HEAD", _) => format!("{kind}/read"),
        ("DELETE", _) => format!("{kind}/delete"),
        ("POST", Some(name)) => format!("{kind}/{name}/action"),
        _ => format!("{kind}/write"),
    }
}

/// The scope of a role assignment: where it lies.
pub(crate) fn scope_of(id: &ResourceId) -> String {
    id.parent().map_or_else(|| "/".to_owned(), |scope| scope.to_string())
}

/// A permission as `Microsoft.Authorization/permissions` lists it.
pub(crate) fn permission_body(permission: &Permission) -> serde_json::Value {
    json!({ "actions": permission.actions, "notActions": permission.not_actions, "dataActions": [], "notDataActions": [] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_anything() {
        for (pattern, text) in [
            ("*", "Microsoft.X/y/read"),
            ("*/read", "Microsoft.X/y/read"),
            ("microsoft.x/*", "Microsoft.X/y/write"),
            ("Microsoft.X/*/read", "Microsoft.X/a/b/read"),
            ("a", "A"),
        ] {
            assert!(wildcard(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("*/read", "a/write"), ("a", "ab"), ("Microsoft.X/*", "Microsoft.Y/x"), ("", "a")] {
            assert!(!wildcard(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_permission_reaches_what_lies_below_its_scope_and_nothing_beside_it() {
        let permission = Permission {
            scope: "/subscriptions/S/resourceGroups/g".to_owned(),
            actions: vec!["*".to_owned()],
            not_actions: vec![],
            principal: None,
        };
        assert!(permission.reaches("/subscriptions/s/resourcegroups/G/providers/a/b/c"));
        assert!(permission.reaches("/subscriptions/s/resourcegroups/g"));
        assert!(!permission.reaches("/subscriptions/s/resourceGroups/g2"));
        assert!(!permission.reaches("/subscriptions/s"));
    }
}
