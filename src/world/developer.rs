//! The developer's own login in the place of the service's identities.

use std::fmt;
use std::sync::Arc;

use azure_core::credentials::TokenCredential;
use futures::future::BoxFuture;

use crate::identity::{AccessToken, NoToken, TokenRequest, TokenSource};
use crate::support::clock::SharedClock;
use crate::support::secret::Secret;

/// Real tokens of whoever is logged in. Wrap them in [`GuardedTokens`](crate::identity::GuardedTokens), so that they stay with hosts that may
/// see them.
pub struct DeveloperTokens {
    credential: Arc<dyn TokenCredential>,
    clock: SharedClock,
}

impl DeveloperTokens {
    /// Tokens of this login.
    #[must_use]
    pub fn new(credential: Arc<dyn TokenCredential>, clock: SharedClock) -> Self {
        Self { credential, clock }
    }
}

impl fmt::Debug for DeveloperTokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("DeveloperTokens")
    }
}

impl TokenSource for DeveloperTokens {
    fn token<'a>(&'a self, request: &'a TokenRequest) -> BoxFuture<'a, Result<AccessToken, NoToken>> {
        Box::pin(async move {
            let scope = format!("{}/.default", request.resource.trim_end_matches('/'));
            let token = self.credential.get_token(&[&scope], None).await.map_err(|error| NoToken(error.to_string()))?;
            let left = token.expires_on - self.clock.utc();
            Ok(AccessToken { token: Secret::new(token.token.secret().to_owned()), expires_in: left.try_into().unwrap_or_default() })
        })
    }
}
