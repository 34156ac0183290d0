//! The issuer: one RSA key, its documents, its tokens.

use std::fmt;
use std::io;
use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::support::clock::SharedClock;
use crate::support::jwt::{Algorithm, JwtError, Parsed, SigningKey};
use crate::support::private_file;
use crate::support::random::SharedRandom;
use crate::support::secret::Secret;

/// Name of the key's file in a state directory.
const KEY_FILE: &str = "issuer-key.pem";
/// Entra's app-only tokens live for an hour (user tokens for 60 to 90 minutes).
const LIFETIME: Duration = Duration::from_secs(3_599);
/// Clocks of two machines may differ; the .NET and Azure libraries grant five minutes.
const SKEW_SECONDS: i64 = 300;

/// Which of Entra's two token formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// `iss` is `https://sts.windows.net/{tenant}/`, the client is `appid`. What ARM and Azure OpenAI get.
    V1,
    /// `iss` is `{authority}/{tenant}/v2.0`, the client is `azp`.
    V2,
}

/// What an issuer is made of.
#[derive(Debug, Clone)]
pub struct IssuerOptions {
    /// Base URL of the authority, for instance `https://login.microsoftonline.com`, without a trailing slash.
    pub authority: String,
    /// The tenant that stands for `common` and `organizations`.
    pub tenant_id: String,
    /// Time.
    pub clock: SharedClock,
    /// Token ids.
    pub random: SharedRandom,
}

/// Who a token is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Directory.
    pub tenant_id: String,
    /// The principal in that directory (a service principal, a managed identity).
    pub object_id: String,
    /// The application.
    pub app_id: String,
    /// App roles.
    pub roles: Vec<String>,
}

/// A token that was given out.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The token.
    pub token: Secret<String>,
    /// How long it is good for.
    pub expires_in: Duration,
    /// Its audience.
    pub audience: String,
}

/// What a checked token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// Who it is for.
    pub subject: Subject,
    /// `aud`.
    pub audience: String,
    /// All claims.
    pub all: Map<String, Value>,
}

/// Why a token is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not a token, or not of this issuer's key.
    #[error("the token is not valid: {0}")]
    Token(#[from] JwtError),
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `nbf` is still to come.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `aud` is none of those asked for.
    #[error("the token is for the audience `{0}`")]
    Audience(String),
    /// `iss` is another one.
    #[error("the token is from the issuer `{0}`")]
    Issuer(String),
}

/// The issuer's key could not be had.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file system.
    #[error("`{path}`: {source}")]
    File {
        /// Which file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The key itself.
    #[error("`{path}`: {source}")]
    Key {
        /// Which file, or `memory`.
        path: String,
        /// Why.
        source: JwtError,
    },
}

/// The issuer. Shared by everything in a world that gives out or checks tokens.
pub struct Issuer {
    key: SigningKey,
    key_id: String,
    options: IssuerOptions,
}

impl fmt::Debug for Issuer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Issuer").field("authority", &self.options.authority).field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

impl Issuer {
    /// An issuer with a new key, kept in memory.
    ///
    /// # Errors
    /// The key could not be made.
    pub fn generate(options: IssuerOptions) -> Result<Self, OpenError> {
        let key = SigningKey::generate().map_err(|source| OpenError::Key { path: "memory".to_owned(), source })?;
        Ok(Self::with_key(key, options))
    }

    /// The issuer whose key is kept in `directory`; a new one the first time. Tokens survive a restart.
    ///
    /// # Errors
    /// The key file cannot be read, made or understood.
    pub fn open(directory: &Path, options: IssuerOptions) -> Result<Self, OpenError> {
        let path = directory.join(KEY_FILE);
        let shown = || path.display().to_string();
        let key = match std::fs::read_to_string(&path) {
            Ok(pem) => SigningKey::from_pem(&pem).map_err(|source| OpenError::Key { path: shown(), source })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = SigningKey::generate().map_err(|source| OpenError::Key { path: shown(), source })?;
                let pem = key.to_pem().map_err(|source| OpenError::Key { path: shown(), source })?;
                private_file::write(&path, pem.expose().as_bytes()).map_err(|source| OpenError::File { path: shown(), source })?;
                key
            }
            Err(source) => return Err(OpenError::File { path: shown(), source }),
        };
        Ok(Self::with_key(key, options))
    }

    /// An issuer with a given key.
    #[must_use]
    pub fn with_key(key: SigningKey, options: IssuerOptions) -> Self {
        Self { key_id: key.verifying_key().thumbprint(), key, options }
    }

    /// The authority's base URL.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.options.authority
    }

    /// The tenant that stands for `common`.
    #[must_use]
    pub fn tenant_id(&self) -> &str {
        &self.options.tenant_id
    }

    /// Time, as the issuer sees it.
    #[must_use]
    pub fn clock(&self) -> &SharedClock {
        &self.options.clock
    }

    /// `iss` of a tenant's tokens.
    #[must_use]
    pub fn issuer_of(&self, tenant: &str, version: Version) -> String {
        match version {
            // Entra's v1 issuer has its own host in every public cloud.
            Version::V1 => format!("https://sts.windows.net/{tenant}/"),
            Version::V2 => format!("{}/{tenant}/v2.0", self.options.authority),
        }
    }

    /// Gives out a token for `audience`.
    ///
    /// # Errors
    /// The token could not be signed.
    pub fn issue(&self, subject: &Subject, audience: &str, version: Version) -> Result<Issued, JwtError> {
        let now = self.options.clock.utc().unix_timestamp();
        let expires = now + i64::try_from(LIFETIME.as_secs()).unwrap_or_default();
        let mut claims = json!({
            "aud": audience,
            "iss": self.issuer_of(&subject.tenant_id, version),
            "iat": now, "nbf": now, "exp": expires,
            "idtyp": "app",
            "oid": subject.object_id, "sub": subject.object_id, "tid": subject.tenant_id,
            "uti": self.options.random.hex(22),
        });
        if let Some(claims) = claims.as_object_mut() {
            let (client, number) = match version {
                Version::V1 => ("appid", "1.0"),
                Version::V2 => ("azp", "2.0"),
            };
            claims.insert(client.to_owned(), json!(subject.app_id));
            claims.insert("ver".to_owned(), json!(number));
            if !subject.roles.is_empty() {
                claims.insert("roles".to_owned(), json!(subject.roles));
            }
        }
        let mut header = Map::new();
        header.insert("kid".to_owned(), json!(self.key_id));
        // v1 tokens carry the same id as a certificate thumbprint too; older libraries look for it.
        header.insert("x5t".to_owned(), json!(self.key_id));
        let token = self.key.sign(Algorithm::Rs256, header, &claims)?;
        Ok(Issued { token: token.into(), expires_in: LIFETIME, audience: audience.to_owned() })
    }

    /// Checks a token of this issuer: signature, time, issuer, and that its audience is one of `audiences` (a trailing
    /// slash makes no difference, as for ARM).
    ///
    /// # Errors
    /// It fails one of these.
    pub fn verify(&self, token: &str, audiences: &[&str]) -> Result<Claims, Refusal> {
        let parsed = Parsed::new(token)?;
        self.key.verifying_key().verify(&parsed)?;
        let text = |name: &str| parsed.claims.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let number = |name: &str| parsed.claims.get(name).and_then(Value::as_i64);
        let now = self.options.clock.utc().unix_timestamp();
        // A token without an end is none of ours.
        if number("exp").is_none_or(|end| end.saturating_add(SKEW_SECONDS) <= now) {
            return Err(Refusal::Expired);
        }
        if number("nbf").is_some_and(|start| start.saturating_sub(SKEW_SECONDS) > now) {
            return Err(Refusal::NotYetValid);
        }
        let (tenant, issuer, audience) = (text("tid"), text("iss"), text("aud"));
        if ![Version::V1, Version::V2].iter().any(|&version| self.issuer_of(&tenant, version) == issuer) {
            return Err(Refusal::Issuer(issuer));
        }
        let plain = |audience: &str| audience.trim_end_matches('/').to_ascii_lowercase();
        if !audiences.iter().any(|accepted| plain(accepted) == plain(&audience)) {
            return Err(Refusal::Audience(audience));
        }
        let app_id = Some(text("appid")).filter(|id| !id.is_empty()).unwrap_or_else(|| text("azp"));
        let roles = parsed.claims.get("roles").and_then(Value::as_array);
        let roles = roles.into_iter().flatten().filter_map(|role| role.as_str().map(str::to_owned)).collect();
        Ok(Claims { subject: Subject { tenant_id: tenant, object_id: text("oid"), app_id, roles }, audience, all: parsed.claims })
    }

    /// The JSON Web Key Set.
    #[must_use]
    pub fn jwks(&self) -> Value {
        let mut key = self.key.verifying_key().to_jwk();
        for (name, value) in [("use", "sig"), ("alg", "RS256"), ("kid", &self.key_id), ("x5t", &self.key_id)] {
            key.insert(name.to_owned(), json!(value));
        }
        json!({ "keys": [key] })
    }

    /// The OpenID Connect discovery document of a tenant.
    #[must_use]
    pub fn configuration(&self, tenant: &str, version: Version) -> Value {
        let base = format!("{}/{tenant}", self.options.authority);
        let (oauth, keys) = match version {
            Version::V1 => ("oauth2", "discovery/keys"),
            Version::V2 => ("oauth2/v2.0", "discovery/v2.0/keys"),
        };
        let host = self.options.authority.split("://").nth(1).unwrap_or_default();
        json!({
            "issuer": self.issuer_of(tenant, version),
            "authorization_endpoint": format!("{base}/{oauth}/authorize"),
            "token_endpoint": format!("{base}/{oauth}/token"),
            "device_authorization_endpoint": format!("{base}/{oauth}/devicecode"),
            "end_session_endpoint": format!("{base}/{oauth}/logout"),
            "jwks_uri": format!("{base}/{keys}"),
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "response_modes_supported": ["query", "fragment", "form_post"],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "claims_supported": ["sub", "iss", "aud", "exp", "iat", "oid", "tid", "ver"],
            "tenant_region_scope": null,
            "cloud_instance_name": host,
            "cloud_graph_host_name": host,
            "msgraph_host": host,
            "rbac_url": self.options.authority,
        })
    }
}

#[cfg(test)]
mod tests;
