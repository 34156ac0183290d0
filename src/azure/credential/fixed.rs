//! A token that is simply there: for the embedded ARM in this process.

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use time::macros::datetime;

use crate::support::secret::Secret;

/// Always the same token, which never expires.
#[derive(Debug, Clone)]
pub struct StaticCredential(Secret<String>);

impl StaticCredential {
    /// Answers `token` whatever the scope.
    #[must_use]
    pub fn new(token: impl Into<String>) -> Self {
        Self(Secret::new(token.into()))
    }
}

#[async_trait]
impl TokenCredential for StaticCredential {
    async fn get_token(&self, _scopes: &[&str], _options: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        Ok(AccessToken::new(self.0.expose().clone(), datetime!(9999-12-31 0:00 UTC)))
    }
}
