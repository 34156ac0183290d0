//! Keys of the specification's subscriptions.

use serde_json::Value;

use super::deployment::Deployment;
use super::error::DeployError;
use crate::arm::ResourceId;
use crate::support::secret::Secret;

/// Which key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// `primaryKey`.
    Primary,
    /// `secondaryKey`.
    Secondary,
}

/// What is asked of [`super::Deployment::keys`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeysRequest {
    /// Show the keys.
    List,
    /// Make a new key, then show the keys.
    Regenerate(KeyKind),
}

/// The keys of one subscription.
#[derive(Debug, Clone)]
pub struct SubscriptionKeys {
    /// Its id.
    pub id: ResourceId,
    /// Its name.
    pub name: String,
    /// Name for people.
    pub display_name: String,
    /// What it opens, relative to the service.
    pub scope: String,
    /// `active`, `suspended`, …
    pub state: String,
    /// Primary key.
    pub primary: Secret<String>,
    /// Secondary key.
    pub secondary: Secret<String>,
}

/// A key that can be told from others, yet not used: its last four characters, if it has at least twelve.
#[must_use]
pub fn masked(key: &Secret<String>) -> String {
    let key = key.expose();
    let count = key.chars().count();
    let tail: String = if count >= 12 { key.chars().skip(count - 4).collect() } else { String::new() };
    format!("••••••••{tail}")
}

const SUBSCRIPTION: &str = "Microsoft.ApiManagement/service/subscriptions";

impl Deployment {
    pub(super) async fn read_keys(&self, request: KeysRequest, only: Option<&str>) -> Result<Vec<SubscriptionKeys>, DeployError> {
        let mut keys = Vec::new();
        for resource in &self.desired.resources {
            let Some(id) = resource.id.known().filter(|id| id.is_type(SUBSCRIPTION)) else { continue };
            if only.is_some_and(|only| !only.eq_ignore_ascii_case(id.name())) {
                continue;
            }
            let version = &resource.api_version;
            let Some(found) = self.client.get(id.as_str(), version, &[]).await? else {
                return Err(DeployError::Manifest(format!("the subscription `{}` is not there; run `apimctl apply` first", id.name())));
            };
            if let KeysRequest::Regenerate(kind) = request {
                let action = match kind {
                    KeyKind::Primary => "regeneratePrimaryKey",
                    KeyKind::Secondary => "regenerateSecondaryKey",
                };
                self.client.post(&format!("{id}/{action}"), version, None).await?;
            }
            let secrets = self.client.post(&format!("{id}/listSecrets"), version, None).await?;
            let text = |pointer: &str| found.body.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            let secret = |name: &str| Secret::new(secrets.body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned());
            keys.push(SubscriptionKeys {
                id: id.clone(),
                name: id.name().to_owned(),
                display_name: text("/properties/displayName").to_owned(),
                scope: self.relative_scope(text("/properties/scope")),
                state: text("/properties/state").to_owned(),
                primary: secret("primaryKey"),
                secondary: secret("secondaryKey"),
            });
        }
        if let (Some(only), true) = (only, keys.is_empty()) {
            return Err(DeployError::Manifest(format!("the specification has no subscription `{only}`")));
        }
        Ok(keys)
    }

    /// A scope as people write it: without the service's own id.
    pub(super) fn relative_scope(&self, scope: &str) -> String {
        let service = self.desired.service.as_ref();
        let id = ResourceId::parse(scope.trim_end_matches('/')).ok();
        let relative = service.zip(id.as_ref()).and_then(|(service, id)| id.relative_to(service));
        match relative {
            Some(relative) => relative.trim_start_matches('/').to_owned(),
            None if service.is_some() && service == id.as_ref() => "all APIs".to_owned(),
            None => scope.trim_start_matches('/').to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_key_shows_its_end_only_when_enough_stays_hidden() {
        assert_eq!(masked(&Secret::new("0123456789abcdef".to_owned())), "••••••••cdef");
        assert_eq!(masked(&Secret::new("short".to_owned())), "••••••••");
    }
}
