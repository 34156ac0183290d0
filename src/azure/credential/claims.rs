//! What a token says of its bearer. Nobody here checks its signature: it is for messages, and for the service to judge.

use serde_json::Value;

use crate::support::jwt::Parsed;

/// Who is logged in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Principal {
    /// Which source answered, for instance `Azure CLI`.
    pub source: &'static str,
    /// Directory.
    pub tenant_id: Option<String>,
    /// The user or service principal in it: what role assignments name.
    pub object_id: Option<String>,
    /// The application, for a service principal or managed identity.
    pub app_id: Option<String>,
    /// The user's name, if it is a user.
    pub user: Option<String>,
}

impl Principal {
    /// Reads a token; a token that is no JSON Web Token leaves all but `source` empty.
    #[must_use]
    pub fn of_token(source: &'static str, token: &str) -> Self {
        let Ok(parsed) = Parsed::new(token) else { return Self { source, ..Self::default() } };
        let text = |names: &[&str]| names.iter().find_map(|name| parsed.claims.get(*name).and_then(Value::as_str)).map(str::to_owned);
        let is_app = text(&["idtyp"]).is_some_and(|kind| kind == "app");
        let user = if is_app { None } else { text(&["upn", "unique_name", "preferred_username", "email"]) };
        Self { source, tenant_id: text(&["tid"]), object_id: text(&["oid"]), app_id: text(&["appid", "azp"]), user }
    }

    /// `user@example.com (Azure CLI, tenant …)`, or the ids of an application.
    #[must_use]
    pub fn describe(&self) -> String {
        let who = match (&self.user, &self.app_id, &self.object_id) {
            (Some(user), _, _) => user.clone(),
            (None, Some(app), Some(object)) => format!("application {app} (object {object})"),
            (None, Some(app), None) => format!("application {app}"),
            (None, None, Some(object)) => format!("principal {object}"),
            (None, None, None) => "an unknown principal".to_owned(),
        };
        match &self.tenant_id {
            Some(tenant) => format!("{who} by {}, tenant {tenant}", self.source),
            None => format!("{who} by {}", self.source),
        }
    }
}
