//! Which Azure OpenAI account a backend leads to.

use serde_json::{Map, Value, json};

use super::compose::{Composer, text};
use crate::arm::ResourceId;

impl Composer<'_> {
    /// The accounts that backends lead to, each under a name of its own.
    pub(super) fn open_ai(&mut self) {
        let mut entries = Map::new();
        for (id, body) in self.of("backends") {
            let Some(account) = self.account_of(body).map(|(id, body)| (id.clone(), body.clone())) else { continue };
            if self.accounts.contains_key(&account.0) {
                continue;
            }
            let mut key = account.0.name().to_ascii_lowercase();
            if entries.contains_key(&key) {
                key = format!("{key}-{}", id.name().to_ascii_lowercase());
            }
            let mut fields = Map::new();
            fields.insert("account".to_owned(), json!(account.0.name()));
            fields.insert("resourceGroup".to_owned(), json!(account.0.group_name()));
            if account.0.subscription_id().zip(self.service.subscription_id()).is_some_and(|(one, other)| !one.eq_ignore_ascii_case(other))
            {
                fields.insert("subscriptionId".to_owned(), json!(account.0.subscription_id()));
            }
            if let Some(location) = text(&account.1, "/location") {
                fields.insert("location".to_owned(), json!(location.replace(' ', "").to_ascii_lowercase()));
            }
            let deployments = self.live.links.get(&format!("{}/deployments", account.0).to_ascii_lowercase());
            if let Some(deployments) = deployments.filter(|names| !names.is_empty()) {
                fields.insert("deployments".to_owned(), json!(deployments));
            }
            entries.insert(key.clone(), Value::Object(fields));
            self.accounts.insert(account.0, key);
        }
        self.section("openAI", entries);
        // `roleAssignments: manage` is only true of what this specification assigned itself.
        let assigns = self
            .live
            .manifest
            .as_ref()
            .is_some_and(|manifest| manifest.resources.iter().any(|id| id.is_type(crate::deploy::resource::ROLE_ASSIGNMENT)));
        if !self.accounts.is_empty() && !assigns {
            self.document.insert("roleAssignments".to_owned(), json!("verify"));
        }
    }

    /// The account whose endpoint a backend's address begins with, if the login sees it and the gateway logs in by identity.
    pub(super) fn account_of(&self, backend: &Value) -> Option<&(ResourceId, Value)> {
        let url = text(backend, "/properties/url")?;
        let base = url.strip_suffix('/').unwrap_or(url).strip_suffix("/openai")?;
        backend.pointer("/properties/credentials/managedIdentity/resource")?;
        self.live.accounts.iter().find(|(_, body)| {
            text(body, "/properties/endpoint").is_some_and(|endpoint| endpoint.trim_end_matches('/').eq_ignore_ascii_case(base))
        })
    }
}
