//! Tokens for managed identities: where the gateway gets them from.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

use super::issuer::{Issuer, Subject, Version};
use crate::support::secret::Secret;

/// What a token is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRequest {
    /// Whose: an identity of the service.
    pub principal: Subject,
    /// For whom: `https://cognitiveservices.azure.com`.
    pub resource: String,
}

/// A token, and how long it is good for.
#[derive(Debug, Clone)]
pub struct AccessToken {
    /// The token.
    pub token: Secret<String>,
    /// From now on.
    pub expires_in: Duration,
}

/// There is no token. The text never holds one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoToken(pub String);

/// Gives out tokens for identities of the service.
pub trait TokenSource: Send + Sync + fmt::Debug {
    /// A new token. Callers keep it for as long as it is good.
    fn token<'a>(&'a self, request: &'a TokenRequest) -> BoxFuture<'a, Result<AccessToken, NoToken>>;

    /// Whether a request that carries such a token may go to this host. Tokens of a local issuer are worth nothing elsewhere, so they
    /// may go anywhere; real ones may not.
    fn may_go_to(&self, https: bool, host: &str) -> bool {
        let _ = (https, host);
        true
    }
}

/// The local issuer's tokens: right in form, audience and principal, and good for nothing but a simulated account.
#[derive(Debug, Clone)]
pub struct LocalTokens(Arc<Issuer>);

impl LocalTokens {
    /// Tokens of `issuer`.
    #[must_use]
    pub const fn new(issuer: Arc<Issuer>) -> Self {
        Self(issuer)
    }
}

impl TokenSource for LocalTokens {
    fn token<'a>(&'a self, request: &'a TokenRequest) -> BoxFuture<'a, Result<AccessToken, NoToken>> {
        let issued = self.0.issue(&request.principal, &request.resource, Version::V1);
        Box::pin(std::future::ready(match issued {
            Ok(issued) => Ok(AccessToken { token: issued.token, expires_in: issued.expires_in }),
            Err(error) => Err(NoToken(error.to_string())),
        }))
    }
}

/// Nobody gives out tokens.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTokens;

impl TokenSource for NoTokens {
    fn token<'a>(&'a self, _request: &'a TokenRequest) -> BoxFuture<'a, Result<AccessToken, NoToken>> {
        Box::pin(std::future::ready(Err(NoToken("this gateway was started without a source of tokens".to_owned()))))
    }
}

/// Real tokens, kept to hosts that may see them: https hosts of the cloud's own Azure OpenAI domains, and those consented to by name.
#[derive(Debug)]
pub struct GuardedTokens<S> {
    source: S,
    domains: Vec<String>,
    consented: Vec<String>,
}

/// Domains below which a cloud has its Azure OpenAI accounts, given the last part of its names (`azure.com`, `azure.us`, `azure.cn`).
#[must_use]
pub fn azure_openai_domains(suffix: &str) -> Vec<String> {
    ["openai", "cognitiveservices", "services.ai"].iter().map(|prefix| format!("{prefix}.{suffix}")).collect()
}

impl<S> GuardedTokens<S> {
    /// `source`'s tokens only towards hosts below `domains`, and towards the hosts `consented` to; https always.
    #[must_use]
    pub fn new(source: S, domains: Vec<String>, consented: Vec<String>) -> Self {
        Self { source, domains, consented }
    }
}

impl<S: TokenSource> TokenSource for GuardedTokens<S> {
    fn token<'a>(&'a self, request: &'a TokenRequest) -> BoxFuture<'a, Result<AccessToken, NoToken>> {
        self.source.token(request)
    }

    fn may_go_to(&self, https: bool, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let below = |domain: &String| host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'));
        https && (self.domains.iter().any(below) || self.consented.iter().any(|consented| consented.eq_ignore_ascii_case(&host)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_tokens_stay_with_the_accounts_of_the_cloud() {
        let guarded = GuardedTokens::new(NoTokens, azure_openai_domains("azure.com"), vec!["gateway.contoso.com".to_owned()]);
        for host in
            ["a.openai.azure.com", "A.OpenAI.Azure.com", "x.cognitiveservices.azure.com", "x.services.ai.azure.com.", "gateway.contoso.com"]
        {
            assert!(guarded.may_go_to(true, host), "{host}");
            assert!(!guarded.may_go_to(false, host), "{host}");
        }
        for host in [
            "openai.azure.com",
            "evilopenai.azure.com",
            "a.openai.azure.com.evil.com",
            "a.openai.azure.us",
            ".openai.azure.com",
            "localhost",
        ] {
            assert!(!guarded.may_go_to(true, host), "{host}");
        }
    }
}
